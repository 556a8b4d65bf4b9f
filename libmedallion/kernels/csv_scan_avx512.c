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

/* The marks, each where its low four bits say; elsewhere a byte that does not belong there. */
static const char marks_by_nibble[16]
    __attribute__((aligned(16))) = {1, 0, '"', 0, 0, 0, 0, 0, 0, 0, '\n', 0, ',', 0, 0, 0};

/* What is found of marks, and the line feeds without and with a carriage return before them, by
 * their places in a vector. */
typedef struct scan_state {
    mdli_csv_marks marks;
    __mmask64 lf;
    __mmask64 crlf;
} scan_state;

/* Adds the marks among `inside` of 64 bytes; `offsets` is where they start, in each lane. */
__attribute__((always_inline)) static inline void scan_vector(const char *from, __mmask64 inside,
                                                              __m512i offsets, scan_state *state)
{
    const __m512i table = _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)marks_by_nibble));
    const __m512i bytes = _mm512_loadu_si512(from);
    const __m512i before = _mm512_loadu_si512(from - 1);
    const __mmask64 bits =
        _mm512_cmpeq_epi8_mask(bytes, _mm512_shuffle_epi8(table, bytes)) & inside;
    const int64_t n = __builtin_popcountll(bits);
    uint16_t *positions = state->marks.positions + state->marks.n;
    const __m512i numbers = _mm512_maskz_compress_epi8(bits, _mm512_load_si512(byte_numbers));
    const __m512i low = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(numbers));
    _mm512_storeu_si512(state->marks.kinds + state->marks.n,
                        _mm512_maskz_compress_epi8(bits, bytes));
    _mm512_storeu_si512(positions, _mm512_add_epi16(low, offsets));
    if (n > 32) {
        const __m512i high = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(numbers, 1));
        _mm512_storeu_si512(positions + 32, _mm512_add_epi16(high, offsets));
    }
    state->marks.n += n;
    const __mmask64 line_feeds = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n')) & inside;
    const __mmask64 behind_returns =
        _mm512_mask_cmpeq_epi8_mask(line_feeds, before, _mm512_set1_epi8('\r'));
    state->lf = _kor_mask64(state->lf, _kandn_mask64(behind_returns, line_feeds));
    state->crlf = _kor_mask64(state->crlf, behind_returns);
}

void mdli_csv_scan_avx512(const char *bytes, int64_t size_bytes, mdli_csv_marks *marks)
{
    scan_state state = {.marks = {.positions = marks->positions, .kinds = marks->kinds}};
    __m512i offsets = _mm512_setzero_si512();
    int64_t i = 0;
    for (; i + 64 <= size_bytes; i += 64) {
        scan_vector(bytes + i, UINT64_MAX, offsets, &state);
        offsets = _mm512_add_epi16(offsets, _mm512_set1_epi16(64));
    }
    if (i < size_bytes) {
        scan_vector(bytes + i, _bzhi_u64(UINT64_MAX, (unsigned)(size_bytes - i)), offsets, &state);
    }
    *marks = state.marks;
    marks->has_lf = state.lf != 0;
    marks->has_crlf = state.crlf != 0;
}

#define MDLI_CSV_DEAL(name) name##_avx512
#include "kernels/csv_deal_body.h"
