/*
 * Plain loops over arrays: compiled for AVX2.
 */
#define MDLI_REDUCE(name) name##_avx2
#include "kernels/reduce_body.h"

#include <immintrin.h>

static uint64_t sign_bits(__m256i vector)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(vector));
}

uint64_t mdli_compare_int32_avx2(const int32_t *a, const int32_t *b, uint64_t *is_less)
{
    uint64_t equal = 0;
    uint64_t less = 0;
    for (int i = 0; i < 64; i += 8) {
        const __m256i x = _mm256_loadu_si256((const __m256i *)(a + i));
        const __m256i y = _mm256_loadu_si256((const __m256i *)(b + i));
        equal |= sign_bits(_mm256_cmpeq_epi32(x, y)) << i;
        less |= sign_bits(_mm256_cmpgt_epi32(y, x)) << i;
    }
    *is_less = less;
    return equal;
}
