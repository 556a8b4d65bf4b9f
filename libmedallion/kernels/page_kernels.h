/*
 * The functions behind the `find_pages` entry of mdli_kernels, for kernels.c.
 */
#ifndef MDLI_KERNELS_PAGE_KERNELS_H
#define MDLI_KERNELS_PAGE_KERNELS_H

#include <stdint.h>

#define MDLI_DECLARE_PAGE_KERNELS(isa)                                                             \
    int mdli_find_pages_##isa(const uint32_t *values, uint32_t base, int page_bits, int n_max,     \
                              uint32_t *pages, uint8_t *codes)

MDLI_DECLARE_PAGE_KERNELS(scalar);
#if defined(__x86_64__)
MDLI_DECLARE_PAGE_KERNELS(avx2);
MDLI_DECLARE_PAGE_KERNELS(avx512);
#endif

#endif
