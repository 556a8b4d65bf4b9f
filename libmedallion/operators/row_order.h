/*
 * The order that rows have already.
 */
#ifndef MDLI_OPERATORS_ROW_ORDER_H
#define MDLI_OPERATORS_ROW_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "operators/sort_keys.h"

/* What one look at all rows tells. */
typedef struct mdli_row_order {
    bool is_ascending;
    bool is_strict;      /* and no key is there twice */
    int64_t first_bad;   /* the first row that is not above the one before; n_rows = none */
    int64_t first_below; /* one that is below the one before, the first or nearly; n_rows = none */
    int32_t n_ordered;   /* rows are in the order of so many columns, from the first on */
} mdli_row_order;

/*
 * Finds whether rows are in the order of the first `n_columns` columns of their keys. Where they
 * are, bit i of `repeats` (a bit per row, all 0 before; or NULL) then says whether row i has the
 * key of the row before. Parallel; ends soon when rows are not in the order of any column.
 */
mdl_status mdli_find_row_order(const mdli_sort_keys *keys, int32_t n_columns, uint64_t *repeats,
                               mdli_row_order *out, mdl_error *error);

/* Whether proofs say of each block, not of how they follow each other, that its rows ascend strictly:
 * then finding the order of all columns takes next to nothing. */
bool mdli_row_order_is_proved_in_blocks(const mdli_sort_keys *keys);

/* Keeps with the blocks of a table that its rows, as the caller knows, ascend strictly by these
 * columns. */
mdl_status mdli_prove_row_order(const mdl_table *table, const mdli_key *columns, int32_t n_columns,
                                mdl_error *error);

#endif
