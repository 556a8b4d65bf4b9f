/*
 * Pages of frames with AVX-512: the first row without a code tells a page, and all rows are compared
 * with it at once. They are by the low 16 bits of the pages' numbers, 32 to a vector; that pages of
 * a frame have these in common is so rare that all is done again then.
 */
#include "kernels/page_kernels.h"

#include <immintrin.h>
#include <stdbool.h>

#include "kernels/kernels.h"

/* Unrolled, so that what is known of words stays in registers. */
#define ALL_WORDS _Pragma("GCC unroll 4")

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

/* Whether all rows lie in the pages of their codes, by the high halves. */
static inline bool are_told_apart(const row_pages *rows, const uint32_t *pages, int n,
                                  const __m512i row_codes[N_WORDS])
{
    uint16_t high_halves[MDLI_RELOCATE_MAX] = {0};
    for (int k = 0; k < n; k++) {
        high_halves[k] = (uint16_t)(pages[k] >> 16);
    }
    const __m512i low_table = _mm512_loadu_si512(high_halves);
    const __m512i high_table = _mm512_loadu_si512(high_halves + LANES);
    __mmask32 others = 0;
    for (int v = 0; v < N_VECTORS; v++) {
        const __m512i word = row_codes[v / 2];
        const __m256i codes =
            v % 2 == 0 ? _mm512_castsi512_si256(word) : _mm512_extracti64x4_epi64(word, 1);
        const __m512i expected =
            _mm512_permutex2var_epi16(low_table, _mm512_cvtepu8_epi16(codes), high_table);
        others |= _mm512_cmpneq_epi16_mask(expected, rows->high[v]);
    }
    return others == 0;
}

/* Rows that have no code yet, and the codes of the others. */
typedef struct page_search {
    uint64_t left[N_WORDS];
    __m512i codes[N_WORDS];
} page_search;

/* Gives all rows in a page their code. */
static inline void take_page(const row_pages *rows, uint32_t page, int code, page_search *search)
{
    const __m512i pages = _mm512_set1_epi16((short)page);
    const __m512i all_codes = _mm512_set1_epi8((char)code);
    ALL_WORDS
    for (int w = 0; w < N_WORDS; w++) {
        const __mmask64 found =
            _mm512_kunpackd(_mm512_cmpeq_epi16_mask(rows->low[2 * w + 1], pages),
                            _mm512_cmpeq_epi16_mask(rows->low[2 * w], pages));
        search->codes[w] = _mm512_mask_mov_epi8(search->codes[w], found, all_codes);
        search->left[w] &= ~found;
    }
}

int mdli_find_pages_avx512(const uint32_t *values, uint32_t base, int page_bits, int n_max,
                           uint32_t *pages, uint8_t *codes)
{
    row_pages rows;
    page_search search;
    find_row_pages(values, base, page_bits, &rows);
    for (int w = 0; w < N_WORDS; w++) {
        search.codes[w] = _mm512_setzero_si512();
        search.left[w] = UINT64_MAX;
    }
    int n = 0;
    ALL_WORDS
    for (int w = 0; w < N_WORDS; w++) {
        while (search.left[w] != 0) {
            /* The next two rows that are left, mostly of two pages: what is found of the first is
             * not waited for. */
            const uint64_t left = search.left[w];
            const uint64_t others = _blsr_u64(left);
            const uint32_t *word = values + w * 64;
            const uint32_t page = (word[_tzcnt_u64(left)] - base) >> page_bits;
            const uint32_t second =
                others != 0 ? (word[_tzcnt_u64(others)] - base) >> page_bits : page;
            const int n_next = n + 1 + ((uint16_t)second != (uint16_t)page);
            if (n_next > n_max) {
                return n_max + 1;
            }
            pages[n] = page;
            take_page(&rows, page, n, &search);
            if (n_next == n + 2) {
                pages[n + 1] = second;
                take_page(&rows, second, n + 1, &search);
            }
            n = n_next;
        }
    }
    if (!are_told_apart(&rows, pages, n, search.codes)) {
        return mdli_find_pages_scalar(values, base, page_bits, n_max, pages, codes);
    }
    for (int w = 0; w < N_WORDS; w++) {
        _mm512_storeu_si512(codes + w * 64, search.codes[w]);
    }
    return n;
}
