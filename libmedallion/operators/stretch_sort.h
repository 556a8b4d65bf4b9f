/*
 * Sorting rows that are in order but for the last columns of their keys.
 */
#ifndef MDLI_OPERATORS_STRETCH_SORT_H
#define MDLI_OPERATORS_STRETCH_SORT_H

#include <stdbool.h>
#include <stdint.h>

#include "operators/sort_keys.h"

/* Rows of a stretch up to which it is sorted by the blocks that it lies in. */
#define MDLI_STRETCH_ROWS_MAX MDLI_BLOCK_ROWS_MAX

/*
 * Makes a table of the rows in the order of their keys, equal keys in the order of rows. They are in
 * the order of their first `n_ordered` columns already, fewer than all: bit i of `repeats` says
 * whether row i has the same values in those as the row before. No stretch has more than
 * MDLI_STRETCH_ROWS_MAX rows. `is_shared` has a flag for each column of the table: its values do not
 * differ within a stretch. Keys may be such as are to be compared. Parallel.
 */
mdl_status mdli_sort_stretches(const mdli_sort_keys *keys, int32_t n_ordered,
                               const uint64_t *repeats, const mdl_table *table,
                               const bool *is_shared, mdl_table **out, bool *has_distinct_keys,
                               mdl_error *error);

#endif
