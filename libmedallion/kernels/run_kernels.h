/*
 * The functions behind the entries of mdli_kernels for runs, for kernels.c.
 */
#ifndef MDLI_KERNELS_RUN_KERNELS_H
#define MDLI_KERNELS_RUN_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/kernels.h"

#define MDLI_DECLARE_RUN_KERNELS(isa)                                                              \
    void mdli_run_facts_int32_##isa(const int32_t *values, int64_t n, mdli_run_facts *facts);      \
    void mdli_min_max_int64_##isa(const int64_t *values, int64_t n, int64_t *min, int64_t *max);   \
    int64_t mdli_run_distinct_int32_##isa(const int32_t *values, int64_t n)

MDLI_DECLARE_RUN_KERNELS(scalar);
#if defined(__x86_64__)
MDLI_DECLARE_RUN_KERNELS(avx2);
MDLI_DECLARE_RUN_KERNELS(avx512);
#endif

/* The initializers of these entries in a table. */
#define MDLI_RUN_KERNELS(isa)                                                                      \
    .run_facts_int32 = mdli_run_facts_int32_##isa, .min_max_int64 = mdli_min_max_int64_##isa,      \
    .run_distinct_int32 = mdli_run_distinct_int32_##isa

#endif
