/*
 * Unpacking frames with AVX-512, where a vector is two rows of a frame.
 *
 * A value's bits are in one word of its lane or in two that follow each other: a funnel shift takes
 * them out of both, by an amount of its own for each row. So one loop does for all widths. Code for
 * each of them, as in unpack_avx2.c, is faster in a benchmark; but frames of a column have many
 * widths, and then that code is mostly waited for.
 */
#include "kernels/frame_kernels.h"

#include <immintrin.h>

enum {
    LANES = 16,
    WORD_BITS = 32,
    ROW_BYTES = 32
};

/* Where a frame is read: bit `bit` of its lanes. */
typedef struct frame_reader {
    const uint8_t *packed;
    uint32_t width;
    uint32_t bit;
    __m512i shifts; /* of both rows; what is above WORD_BITS does not count */
    __m512i step;
    __m512i mask;
} frame_reader;

static inline frame_reader open_frame(const void *packed, int width)
{
    const __m512i widths = _mm512_set1_epi32(width);
    return (frame_reader){
        .packed = packed,
        .width = (uint32_t)width,
        .shifts = _mm512_maskz_mov_epi32(0xff00, widths),
        .step = _mm512_add_epi32(widths, widths),
        .mask = _mm512_set1_epi32((int)(uint32_t)((UINT64_C(1) << width) - 1)),
    };
}

/* The row of words that has a bit of the lanes, and the row behind it. */
static inline __m512i load_words(const frame_reader *reader, uint32_t bit)
{
    return _mm512_loadu_si512(reader->packed + bit / WORD_BITS * ROW_BYTES);
}

/* The next two rows. */
static inline __m512i read_rows(frame_reader *reader)
{
    const __m512i first = load_words(reader, reader->bit);
    const __m512i second = load_words(reader, reader->bit + reader->width);
    const __m512i low = _mm512_shuffle_i64x2(first, second, 0x44);
    const __m512i high = _mm512_shuffle_i64x2(first, second, 0xee);
    const __m512i bits = _mm512_shrdv_epi32(low, high, reader->shifts);
    reader->shifts = _mm512_add_epi32(reader->shifts, reader->step);
    reader->bit += 2 * reader->width;
    return _mm512_and_si512(bits, reader->mask);
}

void mdli_unpack_avx512(const void *packed, uint32_t base, int width, uint32_t *out)
{
    const __m512i bases = _mm512_set1_epi32((int)base);
    frame_reader reader = open_frame(packed, width);
    for (int i = 0; i < MDLI_FRAME_ROWS; i += LANES) {
        _mm512_storeu_si512(out + i, _mm512_add_epi32(read_rows(&reader), bases));
    }
}

/* The sums of the first 1, 2, ... 16 lanes. */
static inline __m512i prefix_sum(__m512i v)
{
    const __m512i zero = _mm512_setzero_si512();
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, LANES - 1));
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, LANES - 2));
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, LANES - 4));
    return _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, LANES - 8));
}

/* Adds the sum of all that came before to those of a vector; only that addition waits for the vector
 * before. */
static inline __m512i add_up(__m512i steps, __m512i *before)
{
    const __m512i sums = prefix_sum(steps);
    const __m512i out = _mm512_add_epi32(sums, *before);
    *before =
        _mm512_add_epi32(*before, _mm512_permutexvar_epi32(_mm512_set1_epi32(LANES - 1), sums));
    return out;
}

void mdli_accumulate_avx512(uint32_t first, uint32_t *values)
{
    __m512i before = _mm512_setzero_si512();
    values[0] = first;
    for (int i = 0; i < MDLI_FRAME_ROWS; i += LANES) {
        _mm512_storeu_si512(values + i, add_up(_mm512_loadu_si512(values + i), &before));
    }
}

void mdli_unpack_differences_avx512(const void *packed, uint32_t first, uint32_t least, int width,
                                    uint32_t *out)
{
    const __m512i leasts = _mm512_set1_epi32((int)least);
    frame_reader reader = open_frame(packed, width);
    /* The first step is packed as 0 and stands for none: `least` is added to it all the same. */
    __m512i before = _mm512_set1_epi32((int)(first - least));
    for (int i = 0; i < MDLI_FRAME_ROWS; i += LANES) {
        const __m512i steps = _mm512_add_epi32(read_rows(&reader), leasts);
        _mm512_storeu_si512(out + i, add_up(steps, &before));
    }
}
