/*
 * Frames of integers with AVX2. A row of a frame is one vector, so packing and unpacking
 * are shifts and masks without shuffles; each width has code of its own, made by the compiler from
 * one function with a constant.
 */
#include "kernels/avx2_lanes.h"
#include "kernels/frame_kernels.h"
#include "kernels/run_kernels.h"

#include <immintrin.h>
#include <stdbool.h>

#define LANES 8
#define ROWS  (MDLI_FRAME_ROWS / LANES)

#if defined(__clang__)
#define UNROLL_ROWS _Pragma("clang loop unroll(full)")
#else
#define UNROLL_ROWS _Pragma("GCC unroll 32")
#endif

#define SPECIALISED static inline __attribute__((always_inline))

/* Calls `function` with the width as a constant last argument. */
#define CASE(function, width, ...)                                                                 \
    case width:                                                                                    \
        function(__VA_ARGS__, width);                                                              \
        break;
#define FOR_WIDTH(function, width, ...)                                                            \
    switch (width) {                                                                               \
        CASE(function, 0, __VA_ARGS__)                                                             \
        CASE(function, 1, __VA_ARGS__)                                                             \
        CASE(function, 2, __VA_ARGS__)                                                             \
        CASE(function, 3, __VA_ARGS__)                                                             \
        CASE(function, 4, __VA_ARGS__)                                                             \
        CASE(function, 5, __VA_ARGS__)                                                             \
        CASE(function, 6, __VA_ARGS__)                                                             \
        CASE(function, 7, __VA_ARGS__)                                                             \
        CASE(function, 8, __VA_ARGS__)                                                             \
        CASE(function, 9, __VA_ARGS__)                                                             \
        CASE(function, 10, __VA_ARGS__)                                                            \
        CASE(function, 11, __VA_ARGS__)                                                            \
        CASE(function, 12, __VA_ARGS__)                                                            \
        CASE(function, 13, __VA_ARGS__)                                                            \
        CASE(function, 14, __VA_ARGS__)                                                            \
        CASE(function, 15, __VA_ARGS__)                                                            \
        CASE(function, 16, __VA_ARGS__)                                                            \
        CASE(function, 17, __VA_ARGS__)                                                            \
        CASE(function, 18, __VA_ARGS__)                                                            \
        CASE(function, 19, __VA_ARGS__)                                                            \
        CASE(function, 20, __VA_ARGS__)                                                            \
        CASE(function, 21, __VA_ARGS__)                                                            \
        CASE(function, 22, __VA_ARGS__)                                                            \
        CASE(function, 23, __VA_ARGS__)                                                            \
        CASE(function, 24, __VA_ARGS__)                                                            \
        CASE(function, 25, __VA_ARGS__)                                                            \
        CASE(function, 26, __VA_ARGS__)                                                            \
        CASE(function, 27, __VA_ARGS__)                                                            \
        CASE(function, 28, __VA_ARGS__)                                                            \
        CASE(function, 29, __VA_ARGS__)                                                            \
        CASE(function, 30, __VA_ARGS__)                                                            \
        CASE(function, 31, __VA_ARGS__)                                                            \
        CASE(function, 32, __VA_ARGS__)                                                            \
    }

static __m256i load(const void *from)
{
    return _mm256_loadu_si256(from);
}

static void store(void *to, __m256i vector)
{
    _mm256_storeu_si256(to, vector);
}

SPECIALISED void pack_width(const uint32_t *values, __m256i base, __m256i *out, const int width)
{
    __m256i word = _mm256_setzero_si256();
    UNROLL_ROWS
    for (int row = 0; row < ROWS; row++) {
        const int shift = row * width % 32;
        const __m256i bits = _mm256_sub_epi32(load(values + row * LANES), base);
        word = shift == 0 ? bits : _mm256_or_si256(word, _mm256_slli_epi32(bits, shift));
        if (shift + width >= 32) {
            store(out++, word);
            word = _mm256_srli_epi32(bits, 32 - shift);
        }
    }
}

void mdli_pack_avx2(const uint32_t *values, uint32_t base, int width, void *packed){
    FOR_WIDTH(pack_width, width, values, _mm256_set1_epi32((int)base), packed)}

/* The packed values of a row; `width` is not 0. */
SPECIALISED __m256i unpack_row(const __m256i *in, const int row, const int width)
{
    const __m256i mask = _mm256_set1_epi32((int)(uint32_t)((UINT64_C(1) << width) - 1));
    const int word = row * width / 32;
    const int shift = row * width % 32;
    __m256i bits = _mm256_srli_epi32(load(in + word), shift);
    if (shift + width > 32) {
        bits = _mm256_or_si256(bits, _mm256_slli_epi32(load(in + word + 1), 32 - shift));
    }
    return shift + width != 32 ? _mm256_and_si256(bits, mask) : bits;
}

SPECIALISED void unpack_width(const __m256i *in, __m256i base, uint32_t *out, const int width)
{
    if (width == 0) {
        UNROLL_ROWS
        for (int row = 0; row < ROWS; row++) {
            store(out + row * LANES, base);
        }
        return;
    }
    UNROLL_ROWS
    for (int row = 0; row < ROWS; row++) {
        store(out + row * LANES, _mm256_add_epi32(unpack_row(in, row, width), base));
    }
}

void mdli_unpack_avx2(const void *packed, uint32_t base, int width, uint32_t *out)
{
    FOR_WIDTH(unpack_width, width, packed, _mm256_set1_epi32((int)base), out)
}

/* Least and greatest of each lane, as numbers without sign. */
typedef struct lane_range {
    __m256i least;
    __m256i greatest;
} lane_range;

static void widen_range(lane_range *range, __m256i values)
{
    range->least = _mm256_min_epu32(range->least, values);
    range->greatest = _mm256_max_epu32(range->greatest, values);
}

static void reduce_range(const lane_range *range, uint32_t *least, uint32_t *greatest)
{
    __m128i low = _mm_min_epu32(_mm256_castsi256_si128(range->least),
                                _mm256_extracti128_si256(range->least, 1));
    __m128i high = _mm_max_epu32(_mm256_castsi256_si128(range->greatest),
                                 _mm256_extracti128_si256(range->greatest, 1));
    low = _mm_min_epu32(low, _mm_shuffle_epi32(low, 0x4e));
    high = _mm_max_epu32(high, _mm_shuffle_epi32(high, 0x4e));
    low = _mm_min_epu32(low, _mm_shuffle_epi32(low, 0xb1));
    high = _mm_max_epu32(high, _mm_shuffle_epi32(high, 0xb1));
    *least = (uint32_t)_mm_cvtsi128_si32(low);
    *greatest = (uint32_t)_mm_cvtsi128_si32(high);
}

SPECIALISED void packed_range_of_width(const __m256i *in, lane_range *range, const int width)
{
    if (width == 0) {
        return;
    }
    const __m256i first = unpack_row(in, 0, width);
    *range = (lane_range){first, first};
    UNROLL_ROWS
    for (int row = 1; row < ROWS; row++) {
        widen_range(range, unpack_row(in, row, width));
    }
}

void mdli_packed_range_avx2(const void *packed, int width, uint32_t *least, uint32_t *greatest)
{
    lane_range range = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    FOR_WIDTH(packed_range_of_width, width, packed, &range)
    reduce_range(&range, least, greatest);
}

SPECIALISED void packed_sum_of_width(const __m256i *in, __m256i *sums, const int width)
{
    if (width == 0) {
        return;
    }
    UNROLL_ROWS
    for (int row = 0; row < ROWS; row++) {
        *sums = _mm256_add_epi32(*sums, unpack_row(in, row, width));
    }
}

uint32_t mdli_packed_sum_avx2(const void *packed, int width)
{
    __m256i sums = _mm256_setzero_si256();
    FOR_WIDTH(packed_sum_of_width, width, packed, &sums)
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(sum);
}

void mdli_differences_avx2(const uint32_t *values, uint32_t least, uint32_t *out)
{
    const __m256i leasts = _mm256_set1_epi32((int)least);
    /* The last vector overlaps the one before, for there are 255 differences. */
    for (int row = 0; row < ROWS; row++) {
        const int i = row * LANES + (row < ROWS - 1);
        const __m256i difference = _mm256_sub_epi32(load(values + i), load(values + i - 1));
        store(out + i, _mm256_sub_epi32(difference, leasts));
    }
    out[0] = 0;
}

void mdli_pack_differences_avx2(const uint32_t *values, uint32_t least, int width, void *packed)
{
    uint32_t differences[MDLI_FRAME_ROWS];
    mdli_differences_avx2(values, least, differences);
    mdli_pack_avx2(differences, 0, width, packed);
}

/* The sums of the first 1, 2, ... 8 lanes. */
static __m256i prefix_sum(__m256i v)
{
    v = _mm256_add_epi32(v, _mm256_slli_si256(v, 4));
    v = _mm256_add_epi32(v, _mm256_slli_si256(v, 8));
    /* The shifts stay in 128-bit halves: add the sum of the low half to the high one. */
    const __m256i low_sum = _mm256_shuffle_epi32(v, 0xff);
    return _mm256_add_epi32(v, _mm256_permute2x128_si256(low_sum, low_sum, 0x08));
}

void mdli_accumulate_avx2(uint32_t first, uint32_t *values)
{
    values[0] = first;
    __m256i sum = _mm256_setzero_si256();
    const __m256i last_lane = _mm256_set1_epi32(LANES - 1);
    for (int i = 0; i < MDLI_FRAME_ROWS; i += LANES) {
        const __m256i row = prefix_sum(load(values + i));
        store(values + i, _mm256_add_epi32(row, sum));
        sum = _mm256_add_epi32(sum, _mm256_permutevar8x32_epi32(row, last_lane));
    }
}

void mdli_accumulated_range_avx2(uint32_t first, const uint32_t *steps, uint32_t *least,
                                 uint32_t *greatest)
{
    const __m256i last_lane = _mm256_set1_epi32(LANES - 1);
    const __m256i firsts = _mm256_set1_epi32((int)first);
    __m256i sum = _mm256_setzero_si256();
    __m256i row = prefix_sum(_mm256_blend_epi32(load(steps), firsts, 1));
    lane_range range = {row, row};
    for (int i = LANES; i < MDLI_FRAME_ROWS; i += LANES) {
        sum = _mm256_add_epi32(sum, _mm256_permutevar8x32_epi32(row, last_lane));
        row = prefix_sum(load(steps + i));
        widen_range(&range, _mm256_add_epi32(row, sum));
    }
    reduce_range(&range, least, greatest);
}

void mdli_unpack_differences_avx2(const void *packed, uint32_t first, uint32_t least, int width,
                                  uint32_t *out)
{
    mdli_unpack_avx2(packed, least, width, out);
    mdli_accumulate_avx2(first, out);
}

int mdli_above_avx2(const uint32_t *values, uint32_t bound, uint64_t is_above[MDLI_FRAME_ROWS / 64])
{
    const __m256i bounds = _mm256_set1_epi32((int)bound);
    int n_above = 0;
    for (int word = 0; word < MDLI_FRAME_ROWS / 64; word++) {
        uint64_t is_below = 0;
        for (int i = 0; i < 64; i += LANES) {
            const __m256i value = load(values + word * 64 + i);
            /* The comparison of numbers without sign: the lesser of both is the value. */
            const __m256i below = _mm256_cmpeq_epi32(_mm256_min_epu32(value, bounds), value);
            const unsigned lanes = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(below));
            is_below |= (uint64_t)lanes << i;
        }
        is_above[word] = ~is_below;
        n_above += (int)_mm_popcnt_u64(is_above[word]);
    }
    return n_above;
}

void mdli_widen_avx2(const uint32_t *values, uint64_t base, uint64_t *out)
{
    const __m256i bases = _mm256_set1_epi64x((long long)base);
    for (int i = 0; i < MDLI_FRAME_ROWS; i += 4) {
        const __m256i wide = _mm256_cvtepu32_epi64(_mm_loadu_si128((const void *)(values + i)));
        store(out + i, _mm256_add_epi64(wide, bases));
    }
}

void mdli_narrow_avx2(const uint64_t *values, uint32_t *out)
{
    for (int i = 0; i < MDLI_FRAME_ROWS; i += LANES) {
        const __m256 low = _mm256_castsi256_ps(load(values + i));
        const __m256 high = _mm256_castsi256_ps(load(values + i + 4));
        /* The even words of both, each 128-bit half by itself: 0 1 4 5 | 2 3 6 7. */
        const __m256i even = _mm256_castps_si256(_mm256_shuffle_ps(low, high, 0x88));
        store(out + i, _mm256_permute4x64_epi64(even, 0xd8));
    }
}

/* table[code] of two tables of 8. */
static __m256i lookup_in_16(__m256i low, __m256i high, __m256i code)
{
    const __m256 from_low = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(low, code));
    const __m256 from_high = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(high, code));
    /* Bit 3 of the code tells the half of the table. */
    const __m256 is_high = _mm256_castsi256_ps(_mm256_slli_epi32(code, 28));
    return _mm256_castps_si256(_mm256_blendv_ps(from_low, from_high, is_high));
}

void mdli_lookup_int32_avx2(const uint32_t *table, int n_entries, const uint32_t *codes,
                            uint32_t *out)
{
    if (n_entries <= 16) {
        const __m256i low = load(table);
        const __m256i high = load(table + LANES);
        for (int i = 0; i < MDLI_FRAME_ROWS; i += LANES) {
            store(out + i, lookup_in_16(low, high, load(codes + i)));
        }
        return;
    }
    for (int i = 0; i < MDLI_FRAME_ROWS; i += LANES) {
        store(out + i, _mm256_i32gather_epi32((const int *)table, load(codes + i), 4));
    }
}

void mdli_relocate_avx2(const uint32_t *table, int n_entries, int shift, uint32_t *values)
{
    const __m128i shifts = _mm_cvtsi32_si128(shift);
    const __m256i low = load(table);
    if (n_entries <= LANES) {
        for (int i = 0; i < MDLI_FRAME_ROWS; i += LANES) {
            const __m256i value = load(values + i);
            const __m256i code = _mm256_srl_epi32(value, shifts);
            store(values + i, _mm256_add_epi32(value, _mm256_permutevar8x32_epi32(low, code)));
        }
    } else if (n_entries <= 2 * LANES) {
        const __m256i high = load(table + LANES);
        for (int i = 0; i < MDLI_FRAME_ROWS; i += LANES) {
            const __m256i value = load(values + i);
            const __m256i code = _mm256_srl_epi32(value, shifts);
            store(values + i, _mm256_add_epi32(value, lookup_in_16(low, high, code)));
        }
    } else {
        for (int i = 0; i < MDLI_FRAME_ROWS; i += LANES) {
            const __m256i value = load(values + i);
            const __m256i code = _mm256_srl_epi32(value, shifts);
            const __m256i entry = _mm256_i32gather_epi32((const int *)table, code, 4);
            store(values + i, _mm256_add_epi32(value, entry));
        }
    }
}

void mdli_lookup_int64_avx2(const uint64_t *table, int n_entries, const uint32_t *codes,
                            uint64_t *out)
{
    (void)n_entries;
    for (int i = 0; i < MDLI_FRAME_ROWS; i += 4) {
        const __m128i code = _mm_loadu_si128((const void *)(codes + i));
        store(out + i, _mm256_i32gather_epi64((const long long *)table, code, 8));
    }
}

static int32_t sum_int32(__m256i v)
{
    int32_t lanes[LANES];
    store(lanes, v);
    int32_t sum = 0;
    for (int i = 0; i < LANES; i++) {
        sum += lanes[i];
    }
    return sum;
}

void mdli_frame_stats_int32_avx2(const int32_t *values, mdli_frame_stats *stats)
{
    __m256i min = load(values);
    __m256i max = min;
    __m256i difference_min = _mm256_set1_epi32(INT32_MAX);
    __m256i difference_max = _mm256_set1_epi32(INT32_MIN);
    __m256i minus_equal = _mm256_setzero_si256();
    __m256i minus_falls = _mm256_setzero_si256();
    const __m256i skip_first = _mm256_setr_epi32(0, -1, -1, -1, -1, -1, -1, -1);
    for (int row = 0; row < ROWS; row++) {
        /* 255 rows have one before them: the last vector starts one row early and leaves out its
         * first lane in what is counted. */
        const bool is_last = row == ROWS - 1;
        const int i = row * LANES + !is_last;
        const __m256i value = load(values + i);
        const __m256i before = load(values + i - 1);
        const __m256i difference = _mm256_sub_epi32(value, before);
        __m256i equal = _mm256_cmpeq_epi32(value, before);
        __m256i fall = _mm256_cmpgt_epi32(before, value);
        if (is_last) {
            equal = _mm256_and_si256(equal, skip_first);
            fall = _mm256_and_si256(fall, skip_first);
        }
        min = _mm256_min_epi32(min, value);
        max = _mm256_max_epi32(max, value);
        difference_min = _mm256_min_epi32(difference_min, difference);
        difference_max = _mm256_max_epi32(difference_max, difference);
        minus_equal = _mm256_add_epi32(minus_equal, equal);
        minus_falls = _mm256_add_epi32(minus_falls, fall);
    }
    stats->min = mdli_min_lane(min);
    stats->max = mdli_max_lane(max);
    stats->difference_min = mdli_min_lane(difference_min);
    stats->difference_max = mdli_max_lane(difference_max);
    stats->n_changes = MDLI_FRAME_ROWS - 1 + sum_int32(minus_equal);
    stats->n_falls = -sum_int32(minus_falls);
}

static __m256i min_epi64(__m256i a, __m256i b)
{
    return _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(a, b));
}

static __m256i max_epi64(__m256i a, __m256i b)
{
    return _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi64(a, b));
}

static int64_t min_int64(__m256i v)
{
    int64_t lanes[4];
    int64_t min;
    int64_t max;
    store(lanes, v);
    mdli_min_max_int64_scalar(lanes, 4, &min, &max);
    return min;
}

static int64_t max_int64(__m256i v)
{
    int64_t lanes[4];
    int64_t min;
    int64_t max;
    store(lanes, v);
    mdli_min_max_int64_scalar(lanes, 4, &min, &max);
    return max;
}

void mdli_frame_stats_int64_avx2(const int64_t *values, mdli_frame_stats *stats)
{
    __m256i min = load(values);
    __m256i max = min;
    __m256i difference_min = _mm256_set1_epi64x(INT64_MAX);
    __m256i difference_max = _mm256_set1_epi64x(INT64_MIN);
    int32_t n_equal = 0;
    int32_t n_falls = 0;
    for (int row = 0; row < MDLI_FRAME_ROWS / 4; row++) {
        /* As for int32. */
        const bool is_last = row == MDLI_FRAME_ROWS / 4 - 1;
        const int i = row * 4 + !is_last;
        const int counted = is_last ? 0xe : 0xf;
        const __m256i value = load(values + i);
        const __m256i before = load(values + i - 1);
        const __m256i difference = _mm256_sub_epi64(value, before);
        const __m256i equal = _mm256_cmpeq_epi64(value, before);
        const __m256i fall = _mm256_cmpgt_epi64(before, value);
        n_equal +=
            _mm_popcnt_u32((unsigned)(_mm256_movemask_pd(_mm256_castsi256_pd(equal)) & counted));
        n_falls +=
            _mm_popcnt_u32((unsigned)(_mm256_movemask_pd(_mm256_castsi256_pd(fall)) & counted));
        min = min_epi64(min, value);
        max = max_epi64(max, value);
        difference_min = min_epi64(difference_min, difference);
        difference_max = max_epi64(difference_max, difference);
    }
    stats->min = min_int64(min);
    stats->max = max_int64(max);
    stats->difference_min = min_int64(difference_min);
    stats->difference_max = max_int64(difference_max);
    stats->n_changes = MDLI_FRAME_ROWS - 1 - n_equal;
    stats->n_falls = n_falls;
}
