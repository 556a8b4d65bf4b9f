/*
 * Merge sort from the top down: the left half is set aside, so that merging needs half the room.
 */
#include "base/merge_sort.h"

#include <stdbool.h>
#include <string.h>

void mdli_merge_sort(int32_t *items, int32_t *scratch, int64_t n, mdli_compare_fn compare,
                     const void *context)
{
    if (n < 2) {
        return;
    }
    int64_t half = n / 2;
    mdli_merge_sort(items, scratch, half, compare, context);
    mdli_merge_sort(items + half, scratch, n - half, compare, context);
    memcpy(scratch, items, (size_t)half * sizeof *items);
    int64_t i = 0;
    int64_t j = half;
    for (int64_t k = 0; i < half; k++) {
        bool take_left = j == n || compare(context, scratch[i], items[j]) <= 0;
        items[k] = take_left ? scratch[i++] : items[j++];
    }
}
