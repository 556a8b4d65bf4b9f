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
    bool has_distinct_keys; /* of a sort: no two rows have the same whole key */
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

/* Whether bit `row` is set. */
static inline bool mdli_bit(const uint64_t *bits, int64_t row)
{
    return ((bits[row >> 6] >> (row & 63)) & 1) != 0;
}

/* Sets bits [first, end). */
static inline void mdli_set_bits(uint64_t *words, int64_t first, int64_t end)
{
    while (first < end) {
        int64_t in_word = 64 - (first & 63);
        int64_t n = end - first < in_word ? end - first : in_word;
        words[first >> 6] |= (~(uint64_t)0 >> (64 - n)) << (first & 63);
        first += n;
    }
}

/* The rows below `n` whose bit is set, ascending. */
mdl_status mdli_marked_rows(mdl_context *context, const uint64_t *bits, int64_t n,
                            mdli_row_list *out, mdl_error *error);

#endif
