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

/* Writes `offset` + the number of each bit that is set; returns how many are. */
static inline int64_t write_positions(__mmask64 marks, int64_t offset, uint16_t *positions)
{
    int64_t n = __builtin_popcountll(marks);
    __m512i numbers = _mm512_maskz_compress_epi8(marks, _mm512_load_si512(byte_numbers));
    __m512i offsets = _mm512_set1_epi16((short)offset);
    __m512i low = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(numbers));
    _mm512_storeu_si512(positions, _mm512_add_epi16(low, offsets));
    if (n > 32) {
        __m512i high = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(numbers, 1));
        _mm512_storeu_si512(positions + 32, _mm512_add_epi16(high, offsets));
    }
    return n;
}

int64_t mdli_csv_scan_avx512(const char *bytes, int64_t size_bytes, uint16_t *positions)
{
    int64_t n = 0;
    for (int64_t i = 0; i < size_bytes; i += 64) {
        __mmask64 marks = find_marks(_mm512_loadu_si512(bytes + i));
        if (size_bytes - i < 64) {
            marks = _bzhi_u64(marks, (unsigned)(size_bytes - i));
        }
        n += write_positions(marks, i, positions + n);
    }
    return n;
}
