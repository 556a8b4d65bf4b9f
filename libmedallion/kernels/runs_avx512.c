/*
 * Facts of runs: AVX-512. Runs are short, so what is behind the last whole vector is masked: there
 * is no loop for the rest.
 */
#include <immintrin.h>

#include "kernels/run_kernels.h"

/* The lanes of a vector of 16 that has n values to take. */
static inline __mmask16 lanes_of_16(int64_t n)
{
    return n < 16 ? (__mmask16)((1U << n) - 1) : 0xffff;
}

static inline __mmask8 lanes_of_8(int64_t n)
{
    return n < 8 ? (__mmask8)((1U << n) - 1) : 0xff;
}

/* Modulo 2^64, which _mm512_reduce_add_epi64 does not promise. */
static inline uint64_t sum_lanes(__m512i v)
{
    const __m256i four =
        _mm256_add_epi64(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    __m128i two = _mm_add_epi64(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
    two = _mm_add_epi64(two, _mm_unpackhi_epi64(two, two));
    return (uint64_t)_mm_cvtsi128_si64(two);
}

void mdli_run_facts_int32_avx512(const int32_t *values, int64_t n, mdli_run_facts *facts)
{
    __m512i min = _mm512_set1_epi32(values[0]);
    __m512i max = min;
    __m512i sum = _mm512_setzero_si512();
    __m512i squares = _mm512_setzero_si512();
    for (int64_t i = 0; i < n; i += 16) {
        const __mmask16 lanes = lanes_of_16(n - i);
        const __m512i value = _mm512_maskz_loadu_epi32(lanes, values + i);
        const __m512i even = _mm512_srai_epi64(_mm512_slli_epi64(value, 32), 32);
        const __m512i odd = _mm512_srai_epi64(value, 32);
        min = _mm512_mask_min_epi32(min, lanes, min, value);
        max = _mm512_mask_max_epi32(max, lanes, max, value);
        sum = _mm512_add_epi64(sum, _mm512_add_epi64(even, odd));
        squares = _mm512_add_epi64(squares, _mm512_mul_epi32(even, even));
        squares = _mm512_add_epi64(squares, _mm512_mul_epi32(odd, odd));
    }
    facts->sum = (int64_t)sum_lanes(sum);
    facts->squares = sum_lanes(squares);
    facts->min = _mm512_reduce_min_epi32(min);
    facts->max = _mm512_reduce_max_epi32(max);
}

void mdli_min_max_int64_avx512(const int64_t *values, int64_t n, int64_t *min, int64_t *max)
{
    __m512i least = _mm512_set1_epi64(values[0]);
    __m512i greatest = least;
    for (int64_t i = 0; i < n; i += 8) {
        const __mmask8 lanes = lanes_of_8(n - i);
        const __m512i value = _mm512_maskz_loadu_epi64(lanes, values + i);
        least = _mm512_mask_min_epi64(least, lanes, least, value);
        greatest = _mm512_mask_max_epi64(greatest, lanes, greatest, value);
    }
    *min = _mm512_reduce_min_epi64(least);
    *max = _mm512_reduce_max_epi64(greatest);
}

/* The different values, which lie within MDLI_RUN_SPAN_MAX from the least: a bit for each. */
static int64_t count_bits(const int32_t *values, int64_t n, int32_t least)
{
    const __m512i one = _mm512_set1_epi64(1);
    const __m256i leasts = _mm256_set1_epi32(least);
    __m512i seen = _mm512_setzero_si512();
    for (int64_t i = 0; i < n; i += 8) {
        const __mmask8 lanes = lanes_of_8(n - i);
        const __m256i value = _mm256_maskz_loadu_epi32(lanes, values + i);
        const __m512i distance = _mm512_cvtepu32_epi64(_mm256_sub_epi32(value, leasts));
        seen = _mm512_mask_or_epi64(seen, lanes, seen, _mm512_sllv_epi64(one, distance));
    }
    return _mm_popcnt_u64((uint64_t)_mm512_reduce_or_epi64(seen));
}

int64_t mdli_run_distinct_int32_avx512(const int32_t *values, int64_t n)
{
    __m512i min = _mm512_set1_epi32(values[0]);
    __m512i max = min;
    __mmask16 falls = 0;
    int64_t n_changes = 0;
    for (int64_t i = 1; i < n; i += 16) {
        const __mmask16 lanes = lanes_of_16(n - i);
        const __m512i value = _mm512_maskz_loadu_epi32(lanes, values + i);
        const __m512i before = _mm512_maskz_loadu_epi32(lanes, values + i - 1);
        n_changes += _mm_popcnt_u32(_mm512_cmpneq_epi32_mask(value, before));
        falls = (__mmask16)(falls | _mm512_cmplt_epi32_mask(value, before));
        min = _mm512_mask_min_epi32(min, lanes, min, value);
        max = _mm512_mask_max_epi32(max, lanes, max, value);
    }
    if (falls == 0) {
        return n_changes + 1;
    }
    const int32_t least = _mm512_reduce_min_epi32(min);
    const int32_t greatest = _mm512_reduce_max_epi32(max);
    return (uint32_t)greatest - (uint32_t)least < MDLI_RUN_SPAN_MAX ? count_bits(values, n, least)
                                                                    : -1;
}
