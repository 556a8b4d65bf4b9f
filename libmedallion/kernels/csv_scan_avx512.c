/*
 * The scan for commas, line feeds and quotes with AVX-512 VBMI2, which squeezes out the positions
 * of a mask's bits in one instruction.
 */
#include "kernels/csv_kernels.h"

#include <immintrin.h>

/* The numbers 0 … 63. */
static const uint8_t byte_numbers[64] __attribute__((aligned(64))) = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

static inline __mmask64 find_marks(__m512i bytes)
{
    return _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(',')) |
           _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n')) |
           _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('"'));
}

/* Adds the marks in the 64 bytes from `offset`. */
static inline void add_marks(__m512i bytes, __mmask64 bits, int64_t offset, mdli_csv_marks *marks)
{
    int64_t n = __builtin_popcountll(bits);
    uint16_t *positions = marks->positions + marks->n;
    __m512i numbers = _mm512_maskz_compress_epi8(bits, _mm512_load_si512(byte_numbers));
    __m512i offsets = _mm512_set1_epi16((short)offset);
    __m512i low = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(numbers));
    _mm512_storeu_si512(marks->kinds + marks->n, _mm512_maskz_compress_epi8(bits, bytes));
    _mm512_storeu_si512(positions, _mm512_add_epi16(low, offsets));
    if (n > 32) {
        __m512i high = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(numbers, 1));
        _mm512_storeu_si512(positions + 32, _mm512_add_epi16(high, offsets));
    }
    marks->n += n;
}

void mdli_csv_scan_avx512(const char *bytes, int64_t size_bytes, mdli_csv_marks *marks)
{
    __mmask64 returns = 0;
    mdli_csv_marks found = {.positions = marks->positions, .kinds = marks->kinds};
    for (int64_t i = 0; i < size_bytes; i += 64) {
        __mmask64 inside =
            size_bytes - i < 64 ? _bzhi_u64(UINT64_MAX, (unsigned)(size_bytes - i)) : UINT64_MAX;
        __m512i vector = _mm512_loadu_si512(bytes + i);
        add_marks(vector, find_marks(vector) & inside, i, &found);
        returns |= _mm512_cmpeq_epi8_mask(vector, _mm512_set1_epi8('\r')) & inside;
    }
    found.has_return = returns != 0;
    *marks = found;
}

enum {
    VECTOR_POSITIONS = 32
};

/* A bit for the first of every n positions in a vector. */
static uint32_t every_nth(int64_t n)
{
    uint32_t bits = 0;
    for (int64_t i = 0; i < VECTOR_POSITIONS; i += n) {
        bits |= UINT32_C(1) << i;
    }
    return bits;
}

void mdli_csv_deal_avx512(const uint16_t *positions, int64_t n_lists, int64_t n_each,
                          uint16_t *lists, int64_t stride)
{
    const uint32_t firsts = every_nth(n_lists);
    for (int64_t f = 0; f < n_lists; f++) {
        const uint16_t *from = positions;
        uint16_t *to = lists + f * stride;
        uint16_t *end = to + n_each;
        int64_t next = f; /* where the list's next position is in the vector, or behind it */
        for (; to < end; from += VECTOR_POSITIONS, next -= VECTOR_POSITIONS) {
            if (next >= VECTOR_POSITIONS) {
                continue;
            }
            uint32_t bits = firsts << next;
            int64_t n = __builtin_popcount(bits);
            int64_t n_stored = n < end - to ? n : end - to;
            __m512i taken = _mm512_maskz_compress_epi16(bits, _mm512_loadu_si512(from));
            _mm512_mask_storeu_epi16(to, _bzhi_u32(UINT32_MAX, (unsigned)n_stored), taken);
            to += n_stored;
            next += n * n_lists;
        }
    }
}
