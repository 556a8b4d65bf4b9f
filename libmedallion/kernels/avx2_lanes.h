/*
 * What becomes of the lanes of a vector when a loop has ended: AVX2. Only for files that are compiled
 * for it.
 */
#ifndef MDLI_KERNELS_AVX2_LANES_H
#define MDLI_KERNELS_AVX2_LANES_H

#include <immintrin.h>
#include <stdint.h>

/* The least of eight lanes of int32_t. */
static inline int32_t mdli_min_lane(__m256i v)
{
    __m128i m = _mm_min_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_min_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_min_epi32(m, _mm_shuffle_epi32(m, 0xb1));
    return _mm_cvtsi128_si32(m);
}

/* The greatest of eight lanes of int32_t. */
static inline int32_t mdli_max_lane(__m256i v)
{
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
    return _mm_cvtsi128_si32(m);
}

#endif
