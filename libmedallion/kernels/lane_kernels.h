/*
 * The functions behind the `add_to_lanes` entry of mdli_kernels, for kernels.c.
 */
#ifndef MDLI_KERNELS_LANE_KERNELS_H
#define MDLI_KERNELS_LANE_KERNELS_H

#include <stdint.h>

#define MDLI_DECLARE_LANE_KERNELS(isa)                                                             \
    void mdli_add_to_lanes_##isa(const uint32_t *masks, const int32_t *values, int64_t n,          \
                                 int32_t least, uint32_t span, uint64_t *lanes)

MDLI_DECLARE_LANE_KERNELS(scalar);
#if defined(__x86_64__)
MDLI_DECLARE_LANE_KERNELS(avx2);
MDLI_DECLARE_LANE_KERNELS(avx512);
#endif

/* Rows whose counts, and sums of distances up to `span`, fit 16 bits. */
static inline int64_t mdli_rows_of_narrow_lanes(uint32_t span)
{
    return span == 0 ? UINT16_MAX : UINT16_MAX / span;
}

#endif
