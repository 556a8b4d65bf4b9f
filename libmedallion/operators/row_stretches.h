/*
 * Stretches of rows: which rows of a table can come through a join, told from the runs or the order
 * of its key. A plan over a few users of a fact then reads their rows and no others.
 */
#ifndef MDLI_OPERATORS_ROW_STRETCHES_H
#define MDLI_OPERATORS_ROW_STRETCHES_H

#include <stdbool.h>
#include <stdint.h>

#include "column/column_internal.h"
#include "operators/join_map.h"

/* Rows [first, end). */
typedef struct mdli_stretch {
    int64_t first;
    int64_t end;
} mdli_stretch;

/* Stretches, ascending; between two there is at least one row that is in none. */
typedef struct mdli_row_stretches {
    mdl_context *context;
    mdli_stretch *items;
    int64_t n_items;
    int64_t capacity;
    int64_t n_rows; /* in all of them */
} mdli_row_stretches;

void mdli_row_stretches_init(mdli_row_stretches *stretches, mdl_context *context);
void mdli_row_stretches_free(mdli_row_stretches *stretches);

/* Adds rows behind all that are there. */
mdl_status mdli_row_stretches_add(mdli_row_stretches *stretches, int64_t first, int64_t end,
                                  mdl_error *error);

/*
 * Fills an empty list with the rows of a column of integers that have a match in a map of one key,
 * made of `n_keys` rows. Of blocks in runs one look-up per run tells it, of those that ascend and
 * have many rows for each key a search for the keys. Others are in as a whole, unless their bounds
 * tell that no row has a match; then `*is_exact` is false.
 */
mdl_status mdli_row_stretches_match(mdli_row_stretches *stretches, const mdli_join_map *map,
                                    int64_t n_keys, const mdl_column *column, bool *is_exact,
                                    mdl_error *error);

/* Lengthens the stretches so that they start and end where frames of the column do, or its blocks. */
void mdli_row_stretches_widen(mdli_row_stretches *stretches, const mdl_column *column);

/* Keeps the rows that are in another list too. */
mdl_status mdli_row_stretches_intersect(mdli_row_stretches *stretches,
                                        const mdli_row_stretches *other, mdl_error *error);

/* The number of the first stretch with rows from `row` on; n_items = none. */
int64_t mdli_row_stretches_find(const mdli_row_stretches *stretches, int64_t row);

#endif
