/*
 * The keys of a snapshot's tables: reading, comparing, telling them.
 */
#ifndef MDLI_SNAPSHOT_SNAPSHOT_KEYS_H
#define MDLI_SNAPSHOT_SNAPSHOT_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text_buffer.h"
#include "base/tuning.h"
#include "column/column_internal.h"
#include "operators/expression.h"
#include "operators/rowset.h"

/* Reads the key columns of a table vector by vector; belongs to one thread. */
typedef struct mdli_key_reader {
    const mdl_table *table;
    const mdli_key *keys;
    int32_t n_keys;
    bool is_integer;             /* the key is one integer-like column: see `integers` */
    mdli_decode_buffer *buffers; /* one for each key column */
    mdl_vector *vectors;         /* likewise */
    int64_t *integers;           /* the values of the one column, widened */
    int64_t first_row;           /* of the vectors */
    int64_t n_rows;              /* in the vectors */
} mdli_key_reader;

/* Zero-initialised readers may be freed. */
mdl_status mdli_key_reader_init(mdli_key_reader *reader, mdl_context *context,
                                const mdl_table *table, const mdli_key *keys, int32_t n_keys,
                                mdl_error *error);
void mdli_key_reader_free(mdli_key_reader *reader);

/* Reads rows [row, row + n), n ≤ MDLI_VECTOR_ROWS. */
mdl_status mdli_key_reader_read(mdli_key_reader *reader, int64_t row, int64_t n, mdl_error *error);

/* How many rows are best read at `row`; none at the end of the table. */
int64_t mdli_key_reader_suits(const mdli_key_reader *reader, int64_t row);

/* Orders row `i` of a reader's vectors and row `j` of another's: <0, 0, >0. */
static inline int mdli_key_compare(const mdli_key_reader *a, int64_t i, const mdli_key_reader *b,
                                   int64_t j)
{
    int order = 0;
    for (int32_t k = 0; k < a->n_keys && order == 0; k++) {
        order = mdli_compare_rows(&a->vectors[k], i, &b->vectors[k], j, false);
    }
    return order;
}

/* The order of a table by its keys, none of which is NULL. */
typedef struct mdli_key_order {
    bool is_ascending;
    int64_t first_repeat; /* the first row with the key of the row before; n_rows = none.
                             Only where is_ascending */
} mdli_key_order;

mdl_status mdli_find_key_order(mdl_context *context, const mdl_table *table, const mdli_key *keys,
                               int32_t n_keys, mdli_key_order *out, mdl_error *error);

/* Appends row `row` of a vector as text; nothing for NULL. */
mdl_status mdli_append_value(mdli_text_buffer *text, const mdl_vector *vector, int64_t row,
                             mdl_error *error);

/*
 * Fails with MDL_E_DATA about the key of one row of a table, column `column` being the one at
 * fault: "snapshot s: user_id = 7, day = NULL <what>". The error's column and text say the same.
 */
mdl_status mdli_key_fault(mdl_context *context, const char *snapshot, const mdl_table *table,
                          const mdli_key *keys, int32_t n_keys, int32_t column, int64_t row,
                          const char *what, mdl_error *error);

#endif
