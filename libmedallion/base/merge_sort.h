/*
 * Stable sorting of numbers that stand for something else (codes, groups), where the order needs a
 * context that qsort has no place for.
 */
#ifndef MDLI_BASE_MERGE_SORT_H
#define MDLI_BASE_MERGE_SORT_H

#include <stdint.h>

/* Orders two items: < 0, 0, > 0. */
typedef int (*mdli_compare_fn)(const void *context, int32_t a, int32_t b);

/* Sorts n items; `scratch` has room for n / 2. */
void mdli_merge_sort(int32_t *items, int32_t *scratch, int64_t n, mdli_compare_fn compare,
                     const void *context);

#endif
