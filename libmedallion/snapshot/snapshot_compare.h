/*
 * Comparing values of a table with those of its history.
 *
 * NULL equals NULL and nothing else. FLOAT64 values are equal when their bits are, and NaN equals
 * any NaN: a value whose text changes, as from 0.0 to -0.0, has changed.
 */
#ifndef MDLI_SNAPSHOT_SNAPSHOT_COMPARE_H
#define MDLI_SNAPSHOT_SNAPSHOT_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "column/column_internal.h"

/* Whether two blocks are known to hold the same values in the same rows, without decoding them. */
bool mdli_blocks_are_same(const mdli_block *a, const mdli_block *b);

/* Whether two blocks are known to hold one and the same value in all of their rows. */
bool mdli_blocks_are_same_constant(const mdli_block *a, const mdli_block *b);

/* Whether two tables are known to have the same columns with the same rows in the same order, without
 * decoding them. */
bool mdli_tables_are_same(const mdl_table *a, const mdl_table *b);

/* A column of the table beside that of the history. */
typedef struct mdli_column_pair {
    const mdl_column *current;
    const mdl_column *history;
    int32_t *codes;      /* for each code of the history's dictionary that of the table's, or a
                            number that is none; NULL = the two are the same, or not both there */
    bool has_same_codes; /* the dictionaries have the same entries in the same places */
} mdli_column_pair;

/* Relates the dictionaries of two columns. Zero-initialised pairs may be freed. */
mdl_status mdli_column_pair_init(mdli_column_pair *pair, mdl_context *context,
                                 const mdl_column *current, const mdl_column *history,
                                 mdl_error *error);
void mdli_column_pair_free(mdli_column_pair *pair, mdl_context *context);

/*
 * Sets differs[i] to 1 where row `i` of `current` and row places[i] of `history` differ; for n
 * rows of vectors that were read from the pair's columns. `places` NULL = row i.
 */
void mdli_compare_values(const mdli_column_pair *pair, const mdl_vector *current,
                         const mdl_vector *history, const int32_t *places, int64_t n,
                         uint8_t *differs);

#endif
