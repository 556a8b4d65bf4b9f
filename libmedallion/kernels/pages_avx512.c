/*
 * Pages of frames with AVX-512: see pages_body.h.
 */
#include "kernels/page_kernels.h"

#include <immintrin.h>
#include <stdbool.h>

#include "kernels/kernels.h"

/* Unrolled, so that what is known of words stays in registers. */
#define ALL_WORDS        _Pragma("GCC unroll 4")
#define MDLI_PAGES(name) name##_avx512

enum {
    LANES = 32,
    N_VECTORS = MDLI_FRAME_ROWS / LANES,
    N_WORDS = MDLI_FRAME_ROWS / 64
};

/* The numbers of the pages of a frame's rows, in halves. */
typedef struct row_pages {
    __m512i low[N_VECTORS];
    __m512i high[N_VECTORS];
} row_pages;

static const uint16_t even_words[LANES] = {0,  2,  4,  6,  8,  10, 12, 14, 16, 18, 20,
                                           22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42,
                                           44, 46, 48, 50, 52, 54, 56, 58, 60, 62};

static inline void find_row_pages(const uint32_t *values, uint32_t base, int page_bits,
                                  row_pages *out)
{
    const __m512i bases = _mm512_set1_epi32((int)base);
    const __m128i shift = _mm_cvtsi32_si128(page_bits);
    /* The even words of two vectors are the low halves, the odd ones the high halves. */
    const __m512i even = _mm512_loadu_si512(even_words);
    const __m512i odd = _mm512_add_epi16(even, _mm512_set1_epi16(1));
    for (int v = 0; v < N_VECTORS; v++) {
        const uint32_t *from = values + v * LANES;
        __m512i first = _mm512_sub_epi32(_mm512_loadu_si512(from), bases);
        __m512i second = _mm512_sub_epi32(_mm512_loadu_si512(from + LANES / 2), bases);
        first = _mm512_srl_epi32(first, shift);
        second = _mm512_srl_epi32(second, shift);
        out->low[v] = _mm512_permutex2var_epi16(first, even, second);
        out->high[v] = _mm512_permutex2var_epi16(first, odd, second);
    }
}

/* Rows that have no code yet, and the codes of the others. */
typedef struct page_search {
    uint64_t left[N_WORDS];
    __m512i codes[N_WORDS];
} page_search;

static inline void start_search(page_search *search)
{
    for (int w = 0; w < N_WORDS; w++) {
        search->codes[w] = _mm512_setzero_si512();
        search->left[w] = UINT64_MAX;
    }
}

/* Gives all rows in a page their code; those of words before `first_word` have one. */
__attribute__((always_inline)) static inline void
take_page(const row_pages *rows, uint32_t page, int code, int first_word, page_search *search)
{
    const __m512i pages = _mm512_set1_epi16((short)page);
    const __m512i all_codes = _mm512_set1_epi8((char)code);
    ALL_WORDS
    for (int w = first_word; w < N_WORDS; w++) {
        const __mmask64 found =
            _mm512_kunpackd(_mm512_cmpeq_epi16_mask(rows->low[2 * w + 1], pages),
                            _mm512_cmpeq_epi16_mask(rows->low[2 * w], pages));
        search->codes[w] = _mm512_mask_mov_epi8(search->codes[w], found, all_codes);
        search->left[w] &= ~found;
    }
}

/* Whether all rows lie in the pages of their codes, by the high halves. */
static inline bool are_told_apart(const row_pages *rows, const uint32_t *pages, int n,
                                  const page_search *search)
{
    uint16_t high_halves[MDLI_RELOCATE_MAX] = {0};
    for (int k = 0; k < n; k++) {
        high_halves[k] = (uint16_t)(pages[k] >> 16);
    }
    const __m512i low_table = _mm512_loadu_si512(high_halves);
    const __m512i high_table = _mm512_loadu_si512(high_halves + LANES);
    __mmask32 others = 0;
    for (int v = 0; v < N_VECTORS; v++) {
        const __m512i word = search->codes[v / 2];
        const __m256i codes =
            v % 2 == 0 ? _mm512_castsi512_si256(word) : _mm512_extracti64x4_epi64(word, 1);
        const __m512i expected =
            _mm512_permutex2var_epi16(low_table, _mm512_cvtepu8_epi16(codes), high_table);
        others |= _mm512_cmpneq_epi16_mask(expected, rows->high[v]);
    }
    return others == 0;
}

static inline void store_codes(const page_search *search, uint8_t *codes)
{
    for (int w = 0; w < N_WORDS; w++) {
        _mm512_storeu_si512(codes + w * 64, search->codes[w]);
    }
}

#include "kernels/pages_body.h"
