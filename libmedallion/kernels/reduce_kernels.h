/*
 * The functions behind the entries for plain loops of mdli_kernels, for kernels.c.
 */
#ifndef MDLI_KERNELS_REDUCE_KERNELS_H
#define MDLI_KERNELS_REDUCE_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#define MDLI_DECLARE_REDUCE_KERNELS(isa)                                                           \
    void mdli_days_##isa(const int64_t *seconds, int64_t n, int32_t *out);                         \
    uint64_t mdli_compare_int32_##isa(const int32_t *a, const int32_t *b, uint64_t *is_less);      \
    bool mdli_all_bits_int32_##isa(const uint32_t *bits, uint32_t n_bits, int32_t least,           \
                                   const int32_t *keys, int64_t n)

MDLI_DECLARE_REDUCE_KERNELS(scalar);
#if defined(__x86_64__)
MDLI_DECLARE_REDUCE_KERNELS(avx2);
MDLI_DECLARE_REDUCE_KERNELS(avx512);
#endif

/* The initializers of these entries in a table. */
#define MDLI_REDUCE_KERNELS(isa)                                                                   \
    .days = mdli_days_##isa, .compare_int32 = mdli_compare_int32_##isa,                            \
    .all_bits_int32 = mdli_all_bits_int32_##isa

#endif
