/*
 * The functions behind the `lookup_near` entry of mdli_kernels, for kernels.c.
 */
#ifndef MDLI_KERNELS_NEAR_KERNELS_H
#define MDLI_KERNELS_NEAR_KERNELS_H

#include <stdint.h>

#define MDLI_DECLARE_NEAR_KERNELS(isa)                                                             \
    void mdli_lookup_near_##isa(const uint8_t *table, const uint32_t *values, uint32_t least,      \
                                uint32_t *out)

MDLI_DECLARE_NEAR_KERNELS(scalar);
#if defined(__x86_64__)
MDLI_DECLARE_NEAR_KERNELS(avx512);
#endif

#endif
