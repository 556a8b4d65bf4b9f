/*
 * Counts and sums per bit of a mask: AVX2.
 *
 * As in lanes_avx512.c, with two vectors of 16 lanes; a mask's half is compared with a bit per lane
 * to select them.
 */
#include <immintrin.h>

#include "kernels/lane_kernels.h"

/* Adds counts and sums of 4 lanes, the low half of each vector. */
static inline void widen(__m128i counts, __m128i sums, uint64_t *lanes)
{
    const __m256i high = _mm256_slli_epi64(_mm256_cvtepu16_epi64(counts), 32);
    const __m256i both = _mm256_or_si256(high, _mm256_cvtepu16_epi64(sums));
    const __m256i before = _mm256_loadu_si256((const __m256i *)lanes);
    _mm256_storeu_si256((__m256i *)lanes, _mm256_add_epi64(before, both));
}

/* Adds counts of 16 lanes, and sums of values as sums of distances from `least`. */
static inline void widen_half(__m256i counts, __m256i sums, int32_t least, uint64_t *lanes)
{
    const __m256i least_sums = _mm256_mullo_epi16(counts, _mm256_set1_epi16((int16_t)least));
    const __m256i distances = _mm256_sub_epi16(sums, least_sums);
    const __m128i counts_low = _mm256_castsi256_si128(counts);
    const __m128i counts_high = _mm256_extracti128_si256(counts, 1);
    const __m128i sums_low = _mm256_castsi256_si128(distances);
    const __m128i sums_high = _mm256_extracti128_si256(distances, 1);
    widen(counts_low, sums_low, lanes);
    widen(_mm_unpackhi_epi64(counts_low, counts_low), _mm_unpackhi_epi64(sums_low, sums_low),
          lanes + 4);
    widen(counts_high, sums_high, lanes + 8);
    widen(_mm_unpackhi_epi64(counts_high, counts_high), _mm_unpackhi_epi64(sums_high, sums_high),
          lanes + 12);
}

/* All ones in the lanes whose bit `half` has. */
static inline __m256i select_lanes(uint32_t half)
{
    const __m256i bits = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096,
                                           8192, 16384, (int16_t)0x8000);
    return _mm256_cmpeq_epi16(_mm256_and_si256(_mm256_set1_epi16((int16_t)half), bits), bits);
}

static void add_narrow(const mdli_mask_table *table, const int32_t *keys, const int32_t *values,
                       int64_t n, int32_t least, uint64_t *lanes)
{
    __m256i counts_low = _mm256_setzero_si256();
    __m256i counts_high = counts_low;
    __m256i sums_low = counts_low;
    __m256i sums_high = counts_low;
    for (int64_t i = 0; i < n; i++) {
        const __m256i value = _mm256_set1_epi16((int16_t)values[i]);
        const uint32_t mask = mdli_mask_of_key(table, keys[i]);
        const __m256i low = select_lanes(mask);
        const __m256i high = select_lanes(mask >> 16);
        counts_low = _mm256_sub_epi16(counts_low, low);
        counts_high = _mm256_sub_epi16(counts_high, high);
        sums_low = _mm256_add_epi16(sums_low, _mm256_and_si256(low, value));
        sums_high = _mm256_add_epi16(sums_high, _mm256_and_si256(high, value));
    }
    widen_half(counts_low, sums_low, least, lanes);
    widen_half(counts_high, sums_high, least, lanes + 16);
}

void mdli_add_to_lanes_avx2(const mdli_mask_table *table, const int32_t *keys,
                            const int32_t *values, int64_t n, int32_t least, uint32_t span,
                            uint64_t *lanes)
{
    const int64_t n_at_once = mdli_rows_of_narrow_lanes(span);
    for (int64_t i = 0; i < n; i += n_at_once) {
        add_narrow(table, keys + i, values + i, n - i < n_at_once ? n - i : n_at_once, least,
                   lanes);
    }
}
