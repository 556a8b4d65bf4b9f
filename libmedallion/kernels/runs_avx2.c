/*
 * Facts of runs: AVX2. Runs are short, so what is behind the last whole vector is masked: there is
 * no loop for the rest.
 */
#include <immintrin.h>

#include "kernels/avx2_lanes.h"
#include "kernels/run_kernels.h"

/* All ones in the first n lanes of 32 bits. */
static inline __m256i first_lanes(int64_t n)
{
    const __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < 8 ? (int32_t)n : 8), numbers);
}

static uint64_t sum_lanes(__m256i v)
{
    __m128i sum = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    sum = _mm_add_epi64(sum, _mm_unpackhi_epi64(sum, sum));
    return (uint64_t)_mm_cvtsi128_si64(sum);
}

void mdli_run_facts_int32_avx2(const int32_t *values, int64_t n, mdli_run_facts *facts)
{
    const __m256i first = _mm256_set1_epi32(values[0]);
    __m256i min = first;
    __m256i max = first;
    __m256i sum = _mm256_setzero_si256();
    __m256i squares = _mm256_setzero_si256();
    for (int64_t i = 0; i < n; i += 8) {
        const __m256i lanes = first_lanes(n - i);
        const __m256i value = _mm256_maskload_epi32(values + i, lanes);
        const __m256i low = _mm256_cvtepi32_epi64(_mm256_castsi256_si128(value));
        const __m256i high = _mm256_cvtepi32_epi64(_mm256_extracti128_si256(value, 1));
        const __m256i bound = _mm256_blendv_epi8(first, value, lanes);
        min = _mm256_min_epi32(min, bound);
        max = _mm256_max_epi32(max, bound);
        sum = _mm256_add_epi64(sum, _mm256_add_epi64(low, high));
        squares = _mm256_add_epi64(squares, _mm256_mul_epi32(low, low));
        squares = _mm256_add_epi64(squares, _mm256_mul_epi32(high, high));
    }
    facts->sum = (int64_t)sum_lanes(sum);
    facts->squares = sum_lanes(squares);
    facts->min = mdli_min_lane(min);
    facts->max = mdli_max_lane(max);
}

static inline __m256i min_epi64(__m256i a, __m256i b)
{
    return _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(a, b));
}

static inline __m256i max_epi64(__m256i a, __m256i b)
{
    return _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi64(a, b));
}

void mdli_min_max_int64_avx2(const int64_t *values, int64_t n, int64_t *min, int64_t *max)
{
    if (n < 4) {
        mdli_min_max_int64_scalar(values, n, min, max);
        return;
    }
    /* The last vector overlaps the one before. */
    __m256i least = _mm256_loadu_si256((const __m256i *)(values + n - 4));
    __m256i greatest = least;
    for (int64_t i = 0; i + 4 <= n; i += 4) {
        const __m256i value = _mm256_loadu_si256((const __m256i *)(values + i));
        least = min_epi64(least, value);
        greatest = max_epi64(greatest, value);
    }
    least = min_epi64(least, _mm256_permute4x64_epi64(least, 0x4e));
    least = min_epi64(least, _mm256_permute4x64_epi64(least, 0xb1));
    greatest = max_epi64(greatest, _mm256_permute4x64_epi64(greatest, 0x4e));
    greatest = max_epi64(greatest, _mm256_permute4x64_epi64(greatest, 0xb1));
    *min = _mm_cvtsi128_si64(_mm256_castsi256_si128(least));
    *max = _mm_cvtsi128_si64(_mm256_castsi256_si128(greatest));
}

/* The different values, which lie within MDLI_RUN_SPAN_MAX from the least: a bit for each. What is
 * no value leaves the bit of the least, which is there. */
static int64_t count_bits(const int32_t *values, int64_t n, int32_t least)
{
    const __m256i one = _mm256_set1_epi64x(1);
    const __m256i leasts = _mm256_set1_epi32(least);
    __m256i seen = _mm256_setzero_si256();
    for (int64_t i = 0; i < n; i += 8) {
        const __m256i lanes = first_lanes(n - i);
        const __m256i value = _mm256_maskload_epi32(values + i, lanes);
        const __m256i distance = _mm256_and_si256(_mm256_sub_epi32(value, leasts), lanes);
        const __m256i low = _mm256_cvtepu32_epi64(_mm256_castsi256_si128(distance));
        const __m256i high = _mm256_cvtepu32_epi64(_mm256_extracti128_si256(distance, 1));
        seen = _mm256_or_si256(seen, _mm256_sllv_epi64(one, low));
        seen = _mm256_or_si256(seen, _mm256_sllv_epi64(one, high));
    }
    __m128i bits = _mm_or_si128(_mm256_castsi256_si128(seen), _mm256_extracti128_si256(seen, 1));
    bits = _mm_or_si128(bits, _mm_unpackhi_epi64(bits, bits));
    return _mm_popcnt_u64((uint64_t)_mm_cvtsi128_si64(bits));
}

int64_t mdli_run_distinct_int32_avx2(const int32_t *values, int64_t n)
{
    const __m256i first = _mm256_set1_epi32(values[0]);
    __m256i min = first;
    __m256i max = first;
    __m256i falls = _mm256_setzero_si256();
    int64_t n_equal = 0;
    for (int64_t i = 1; i < n; i += 8) {
        const __m256i lanes = first_lanes(n - i);
        const __m256i value = _mm256_maskload_epi32(values + i, lanes);
        const __m256i before = _mm256_maskload_epi32(values + i - 1, lanes);
        const __m256i bound = _mm256_blendv_epi8(first, value, lanes);
        const __m256i equal = _mm256_and_si256(_mm256_cmpeq_epi32(value, before), lanes);
        n_equal += _mm_popcnt_u32((unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(equal)));
        falls = _mm256_or_si256(falls, _mm256_cmpgt_epi32(before, value));
        min = _mm256_min_epi32(min, bound);
        max = _mm256_max_epi32(max, bound);
    }
    if (_mm256_testz_si256(falls, falls)) {
        return n - n_equal;
    }
    const int32_t least = mdli_min_lane(min);
    return (uint32_t)mdli_max_lane(max) - (uint32_t)least < MDLI_RUN_SPAN_MAX
               ? count_bits(values, n, least)
               : -1;
}
