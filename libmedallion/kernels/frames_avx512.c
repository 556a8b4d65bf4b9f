/*
 * Frames that are not packed, with AVX-512: 64-bit values have a least and a greatest of two here,
 * comparisons give bits that are counted at once, and tables of up to 64 entries stay in registers.
 */
#include "kernels/frame_kernels.h"

#include <immintrin.h>
#include <stdbool.h>

enum {
    LANES = 16,
    WIDE_LANES = 8
};

static inline __m512i load(const void *from)
{
    return _mm512_loadu_si512(from);
}

void mdli_differences_avx512(const uint32_t *values, uint32_t least, uint32_t *out)
{
    const __m512i leasts = _mm512_set1_epi32((int)least);
    /* The last vector overlaps the one before, for there are 255 differences. */
    for (int row = 0; row < MDLI_FRAME_ROWS; row += LANES) {
        const int i = row + (row + LANES < MDLI_FRAME_ROWS);
        const __m512i difference = _mm512_sub_epi32(load(values + i), load(values + i - 1));
        _mm512_storeu_si512(out + i, _mm512_sub_epi32(difference, leasts));
    }
    out[0] = 0;
}

int mdli_above_avx512(const uint32_t *values, uint32_t bound,
                      uint64_t is_above[MDLI_FRAME_ROWS / 64])
{
    const __m512i bounds = _mm512_set1_epi32((int)bound);
    int n_above = 0;
    for (int word = 0; word < MDLI_FRAME_ROWS / 64; word++) {
        uint64_t above = 0;
        for (int i = 0; i < 64; i += LANES) {
            above |= (uint64_t)_mm512_cmpgt_epu32_mask(load(values + word * 64 + i), bounds) << i;
        }
        is_above[word] = above;
        n_above += (int)_mm_popcnt_u64(above);
    }
    return n_above;
}

void mdli_widen_avx512(const uint32_t *values, uint64_t base, uint64_t *out)
{
    const __m512i bases = _mm512_set1_epi64((long long)base);
    for (int i = 0; i < MDLI_FRAME_ROWS; i += WIDE_LANES) {
        const __m256i narrow = _mm256_loadu_si256((const __m256i *)(values + i));
        _mm512_storeu_si512(out + i, _mm512_add_epi64(_mm512_cvtepu32_epi64(narrow), bases));
    }
}

void mdli_narrow_avx512(const uint64_t *values, uint32_t *out)
{
    for (int i = 0; i < MDLI_FRAME_ROWS; i += WIDE_LANES) {
        _mm256_storeu_si256((__m256i *)(out + i), _mm512_cvtepi64_epi32(load(values + i)));
    }
}

/* 255 rows have one before them: the last vector starts one row early, and leaves out its first lane
 * in what is counted. */

void mdli_frame_stats_int32_avx512(const int32_t *values, mdli_frame_stats *stats)
{
    __m512i min = load(values);
    __m512i max = min;
    __m512i difference_min = _mm512_set1_epi32(INT32_MAX);
    __m512i difference_max = _mm512_set1_epi32(INT32_MIN);
    int n_changes = 0;
    int n_falls = 0;
    for (int row = 0; row < MDLI_FRAME_ROWS; row += LANES) {
        const bool is_last = row + LANES == MDLI_FRAME_ROWS;
        const __mmask16 counted = is_last ? 0xfffe : 0xffff;
        const __m512i value = load(values + row + !is_last);
        const __m512i before = load(values + row + !is_last - 1);
        const __m512i difference = _mm512_sub_epi32(value, before);
        n_changes += _mm_popcnt_u32(_mm512_mask_cmpneq_epi32_mask(counted, value, before));
        n_falls += _mm_popcnt_u32(_mm512_mask_cmplt_epi32_mask(counted, value, before));
        min = _mm512_min_epi32(min, value);
        max = _mm512_max_epi32(max, value);
        difference_min = _mm512_min_epi32(difference_min, difference);
        difference_max = _mm512_max_epi32(difference_max, difference);
    }
    *stats = (mdli_frame_stats){
        .min = _mm512_reduce_min_epi32(min),
        .max = _mm512_reduce_max_epi32(max),
        .difference_min = _mm512_reduce_min_epi32(difference_min),
        .difference_max = _mm512_reduce_max_epi32(difference_max),
        .n_changes = n_changes,
        .n_falls = n_falls,
    };
}

void mdli_frame_stats_int64_avx512(const int64_t *values, mdli_frame_stats *stats)
{
    __m512i min = load(values);
    __m512i max = min;
    __m512i difference_min = _mm512_set1_epi64(INT64_MAX);
    __m512i difference_max = _mm512_set1_epi64(INT64_MIN);
    int n_changes = 0;
    int n_falls = 0;
    for (int row = 0; row < MDLI_FRAME_ROWS; row += WIDE_LANES) {
        const bool is_last = row + WIDE_LANES == MDLI_FRAME_ROWS;
        const __mmask8 counted = is_last ? 0xfe : 0xff;
        const __m512i value = load(values + row + !is_last);
        const __m512i before = load(values + row + !is_last - 1);
        const __m512i difference = _mm512_sub_epi64(value, before);
        n_changes += _mm_popcnt_u32(_mm512_mask_cmpneq_epi64_mask(counted, value, before));
        n_falls += _mm_popcnt_u32(_mm512_mask_cmplt_epi64_mask(counted, value, before));
        min = _mm512_min_epi64(min, value);
        max = _mm512_max_epi64(max, value);
        difference_min = _mm512_min_epi64(difference_min, difference);
        difference_max = _mm512_max_epi64(difference_max, difference);
    }
    *stats = (mdli_frame_stats){
        .min = _mm512_reduce_min_epi64(min),
        .max = _mm512_reduce_max_epi64(max),
        .difference_min = _mm512_reduce_min_epi64(difference_min),
        .difference_max = _mm512_reduce_max_epi64(difference_max),
        .n_changes = n_changes,
        .n_falls = n_falls,
    };
}

void mdli_subtract_entries_avx512(const uint32_t *values, const uint8_t *codes,
                                  const uint32_t *table, uint32_t *out)
{
    const __m512i table_0 = load(table);
    const __m512i table_1 = load(table + LANES);
    const __m512i table_2 = load(table + 2 * LANES);
    const __m512i table_3 = load(table + 3 * LANES);
    for (int i = 0; i < MDLI_FRAME_ROWS; i += LANES) {
        const __m512i code = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(codes + i)));
        const __m512i from_low = _mm512_permutex2var_epi32(table_0, code, table_1);
        const __m512i from_high = _mm512_permutex2var_epi32(table_2, code, table_3);
        const __mmask16 is_high = _mm512_test_epi32_mask(code, _mm512_set1_epi32(2 * LANES));
        const __m512i entry = _mm512_mask_mov_epi32(from_low, is_high, from_high);
        _mm512_storeu_si512(out + i, _mm512_sub_epi32(load(values + i), entry));
    }
}
