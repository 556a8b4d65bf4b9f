/*
 * The functions behind the summing and counting entries of mdli_kernels, for kernels.c.
 */
#ifndef MDLI_KERNELS_REDUCE_KERNELS_H
#define MDLI_KERNELS_REDUCE_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#define MDLI_DECLARE_REDUCE_KERNELS(isa)                                                           \
    int64_t mdli_sum_int32_##isa(const int32_t *values, int64_t n);                                \
    uint64_t mdli_sum_squares_int32_##isa(const int32_t *values, int64_t n);                       \
    int64_t mdli_changes_int32_##isa(const int32_t *values, int64_t n, int64_t *n_falls);          \
    bool mdli_all_bits_int32_##isa(const uint32_t *bits, uint32_t n_bits, int32_t least,           \
                                   const int32_t *keys, int64_t n)

MDLI_DECLARE_REDUCE_KERNELS(scalar);
#if defined(__x86_64__)
MDLI_DECLARE_REDUCE_KERNELS(avx2);
MDLI_DECLARE_REDUCE_KERNELS(avx512);
#endif

/* The initializers of these entries in a table. */
#define MDLI_REDUCE_KERNELS(isa)                                                                   \
    .sum_int32 = mdli_sum_int32_##isa, .sum_squares_int32 = mdli_sum_squares_int32_##isa,          \
    .changes_int32 = mdli_changes_int32_##isa, .all_bits_int32 = mdli_all_bits_int32_##isa

#endif
