/*
 * Plain loops over arrays: compiled for AVX-512.
 */
#define MDLI_REDUCE(name) name##_avx512
#include "kernels/reduce_body.h"

#include <immintrin.h>

uint64_t mdli_compare_int32_avx512(const int32_t *a, const int32_t *b, uint64_t *is_less)
{
    uint64_t equal = 0;
    uint64_t less = 0;
    for (int i = 0; i < 64; i += 16) {
        const __m512i x = _mm512_loadu_si512(a + i);
        const __m512i y = _mm512_loadu_si512(b + i);
        equal |= (uint64_t)_mm512_cmpeq_epi32_mask(x, y) << i;
        less |= (uint64_t)_mm512_cmplt_epi32_mask(x, y) << i;
    }
    *is_less = less;
    return equal;
}
