/*
 * Counts and sums per bit of a mask: AVX-512, where the mask is one.
 *
 * A vector has 32 lanes of 16 bits, a mask's 32 bits. Counts and sums are kept so, modulo 2^16, for
 * as many rows as cannot overflow, and then widened. The sum of distances is that of the values
 * less `least` for each: modulo 2^16 it does not matter when that is taken off.
 */
#include <immintrin.h>

#include "kernels/lane_kernels.h"

/* Adds counts and sums of 8 lanes. */
static inline void widen(__m128i counts, __m128i sums, uint64_t *lanes)
{
    const __m512i high = _mm512_slli_epi64(_mm512_cvtepu16_epi64(counts), 32);
    const __m512i both = _mm512_or_si512(high, _mm512_cvtepu16_epi64(sums));
    _mm512_storeu_si512(lanes, _mm512_add_epi64(_mm512_loadu_si512(lanes), both));
}

/* Counts, and sums of values. */
typedef struct narrow_lanes {
    __m512i counts;
    __m512i sums;
} narrow_lanes;

static inline void add_row(const mdli_mask_table *table, int32_t key, int32_t value,
                           narrow_lanes *lanes)
{
    const __m512i one = _mm512_set1_epi16(1);
    const __m512i values = _mm512_set1_epi16((int16_t)value);
    const __mmask32 mask = mdli_mask_of_key(table, key);
    lanes->counts = _mm512_mask_add_epi16(lanes->counts, mask, lanes->counts, one);
    lanes->sums = _mm512_mask_add_epi16(lanes->sums, mask, lanes->sums, values);
}

static void add_narrow(const mdli_mask_table *table, const int32_t *keys, const int32_t *values,
                       int64_t n, int32_t least, uint64_t *lanes)
{
    /* Rows take them in turn: a row need not wait for the one before. */
    narrow_lanes even = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    narrow_lanes odd = even;
    int64_t i = 0;
    for (; i + 2 <= n; i += 2) {
        add_row(table, keys[i], values[i], &even);
        add_row(table, keys[i + 1], values[i + 1], &odd);
    }
    if (i < n) {
        add_row(table, keys[i], values[i], &even);
    }
    const __m512i counts = _mm512_add_epi16(even.counts, odd.counts);
    const __m512i leasts = _mm512_mullo_epi16(counts, _mm512_set1_epi16((int16_t)least));
    const __m512i sums = _mm512_sub_epi16(_mm512_add_epi16(even.sums, odd.sums), leasts);
    widen(_mm512_castsi512_si128(counts), _mm512_castsi512_si128(sums), lanes);
    widen(_mm512_extracti32x4_epi32(counts, 1), _mm512_extracti32x4_epi32(sums, 1), lanes + 8);
    widen(_mm512_extracti32x4_epi32(counts, 2), _mm512_extracti32x4_epi32(sums, 2), lanes + 16);
    widen(_mm512_extracti32x4_epi32(counts, 3), _mm512_extracti32x4_epi32(sums, 3), lanes + 24);
}

void mdli_add_to_lanes_avx512(const mdli_mask_table *table, const int32_t *keys,
                              const int32_t *values, int64_t n, int32_t least, uint32_t span,
                              uint64_t *lanes)
{
    const int64_t n_at_once = mdli_rows_of_narrow_lanes(span);
    for (int64_t i = 0; i < n; i += n_at_once) {
        add_narrow(table, keys + i, values + i, n - i < n_at_once ? n - i : n_at_once, least,
                   lanes);
    }
}
