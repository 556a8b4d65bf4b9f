/*
 * The functions behind the `add_to_lanes` entry of mdli_kernels, for kernels.c.
 */
#ifndef MDLI_KERNELS_LANE_KERNELS_H
#define MDLI_KERNELS_LANE_KERNELS_H

#include <stdint.h>

#include "kernels/kernels.h"

#define MDLI_DECLARE_LANE_KERNELS(isa)                                                             \
    void mdli_add_to_lanes_##isa(const mdli_mask_table *table, const int32_t *keys,                \
                                 const int32_t *values, int64_t n, int32_t least, uint32_t span,   \
                                 uint64_t *lanes)

MDLI_DECLARE_LANE_KERNELS(scalar);
#if defined(__x86_64__)
MDLI_DECLARE_LANE_KERNELS(avx2);
MDLI_DECLARE_LANE_KERNELS(avx512);
#endif

static inline uint32_t mdli_mask_of_key(const mdli_mask_table *table, int32_t key)
{
    const uint32_t place = (uint32_t)key - (uint32_t)table->least;
    return table->masks[place < table->n ? place : table->n];
}

/* Rows whose counts, and sums of distances up to `span`, fit 16 bits. */
static inline int64_t mdli_rows_of_narrow_lanes(uint32_t span)
{
    return span == 0 ? UINT16_MAX : UINT16_MAX / span;
}

#endif
