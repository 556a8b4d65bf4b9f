/*
 * Sorting row numbers by keys, and small lists of rows.
 */
#ifndef MDLI_OPERATORS_ROW_SORT_H
#define MDLI_OPERATORS_ROW_SORT_H

#include <stdint.h>

#include "medallion/operators.h"
#include "operators/sort_keys.h"

/* Rows chosen from a table; `rows` is freed with mdli_free. */
typedef struct mdli_row_list {
    int64_t *rows;
    int64_t n_rows;
} mdli_row_list;

/* Which rows of a sort are wanted. */
typedef enum mdli_pick {
    MDLI_PICK_ALL = 0,
    MDLI_PICK_FIRST = 1, /* the first of rows whose keys are equal but for the ignored bits */
    MDLI_PICK_LAST = 2
} mdli_pick;

/*
 * Row numbers in the order of their keys, equal keys in the order of rows. Those that are not
 * picked are left out: with PICK_FIRST and PICK_LAST one row stays for each key without its lowest
 * `n_ignored_bits` bits, the first or last in the order of the whole key. Parallel.
 */
mdl_status mdli_sort_rows(const mdli_sort_keys *keys, mdli_pick pick, int32_t n_ignored_bits,
                          mdli_row_list *out, mdl_error *error);

/* The first `n` rows that mdli_sort_rows with PICK_ALL would give, n ≤ rows there are. For small n.
 */
mdl_status mdli_sort_first_rows(const mdli_sort_keys *keys, int64_t n, mdli_row_list *out,
                                mdl_error *error);

/* The rows i for which marks[i] is not 0, ascending. */
mdl_status mdli_marked_rows(mdl_context *context, const uint8_t *marks, int64_t n,
                            mdli_row_list *out, mdl_error *error);

#endif
