/*
 * Counts and sums per bit of a mask: the reference.
 */
#include "kernels/lane_kernels.h"

void mdli_add_to_lanes_scalar(const mdli_mask_table *table, const int32_t *keys,
                              const int32_t *values, int64_t n, int32_t least, uint32_t span,
                              uint64_t *lanes)
{
    (void)span;
    for (int64_t i = 0; i < n; i++) {
        const uint64_t lane = (uint64_t)1 << 32 | (uint32_t)(values[i] - least);
        for (uint32_t mask = mdli_mask_of_key(table, keys[i]); mask != 0; mask &= mask - 1) {
            lanes[__builtin_ctz(mask)] += lane;
        }
    }
}
