/*
 * Pages of frames with AVX2: see pages_body.h.
 */
#include "kernels/page_kernels.h"

#include <immintrin.h>
#include <stdbool.h>

#include "kernels/kernels.h"

/* Not unrolled: what is known of words is too much for the registers. */
#define ALL_WORDS
#define MDLI_PAGES(name) name##_avx2

enum {
    LANES = 16, /* of 16 bits */
    N_VECTORS = MDLI_FRAME_ROWS / LANES,
    N_WORDS = MDLI_FRAME_ROWS / 64,
    N_CODES = 2 * LANES, /* in a vector */
    N_CODE_VECTORS = MDLI_FRAME_ROWS / N_CODES
};

/* The numbers of the pages of a frame's rows, in halves. Of 32 rows the first vector has the first
 * and the third eight, the second one the others: comparing leaves bytes in the rows' order then, as
 * _mm256_packs_epi16 takes 128 bits of either by turns. */
typedef struct row_pages {
    __m256i low[N_VECTORS];
    __m256i high[N_VECTORS];
} row_pages;

/* Low halves of 32-bit lanes, of two vectors: those of the first go first. */
static inline __m256i low_halves(__m256i first, __m256i second)
{
    const __m256i halves = _mm256_set1_epi32(0xFFFF);
    const __m256i packed =
        _mm256_packus_epi32(_mm256_and_si256(first, halves), _mm256_and_si256(second, halves));
    return _mm256_permute4x64_epi64(packed, 0xD8);
}

static inline __m256i high_halves(__m256i first, __m256i second)
{
    return low_halves(_mm256_srli_epi32(first, 16), _mm256_srli_epi32(second, 16));
}

static inline void find_row_pages(const uint32_t *values, uint32_t base, int page_bits,
                                  row_pages *out)
{
    const __m256i bases = _mm256_set1_epi32((int)base);
    const __m128i shift = _mm_cvtsi32_si128(page_bits);
    for (int v = 0; v < N_VECTORS; v += 2) {
        __m256i eights[4];
        for (int i = 0; i < 4; i++) {
            const uint32_t *from = values + v * LANES + i * 8;
            const __m256i loaded = _mm256_loadu_si256((const __m256i *)from);
            eights[i] = _mm256_srl_epi32(_mm256_sub_epi32(loaded, bases), shift);
        }
        for (int i = 0; i < 2; i++) {
            out->low[v + i] = low_halves(eights[i], eights[i + 2]);
            out->high[v + i] = high_halves(eights[i], eights[i + 2]);
        }
    }
}

/* Rows that have no code yet, and the codes of the others. */
typedef struct page_search {
    uint64_t left[N_WORDS];
    __m256i codes[N_CODE_VECTORS];
} page_search;

static inline void start_search(page_search *search)
{
    for (int w = 0; w < N_WORDS; w++) {
        search->left[w] = UINT64_MAX;
    }
    for (int v = 0; v < N_CODE_VECTORS; v++) {
        search->codes[v] = _mm256_setzero_si256();
    }
}

/* Gives all rows in a page their code; those of words before `first_word` have one. */
static inline void take_page(const row_pages *rows, uint32_t page, int code, int first_word,
                             page_search *search)
{
    const __m256i pages = _mm256_set1_epi16((short)page);
    const __m256i all_codes = _mm256_set1_epi8((char)code);
    for (int v = 2 * first_word; v < N_CODE_VECTORS; v++) {
        const __m256i found = _mm256_packs_epi16(_mm256_cmpeq_epi16(rows->low[2 * v], pages),
                                                 _mm256_cmpeq_epi16(rows->low[2 * v + 1], pages));
        const uint64_t bits = (uint32_t)_mm256_movemask_epi8(found);
        search->codes[v] = _mm256_blendv_epi8(search->codes[v], all_codes, found);
        search->left[v / 2] &= ~(bits << (v % 2 * N_CODES));
    }
}

/* Whether all rows lie in the pages of their codes: they do if the high halves of all are the same,
 * else their codes tell. */
static inline bool are_told_apart(const row_pages *rows, const uint32_t *pages, int n,
                                  const page_search *search)
{
    const __m256i first = _mm256_set1_epi16((short)(pages[0] >> 16));
    __m256i others = _mm256_setzero_si256();
    for (int v = 0; v < N_VECTORS; v++) {
        others = _mm256_or_si256(others, _mm256_xor_si256(rows->high[v], first));
    }
    if (_mm256_testz_si256(others, others)) {
        return true;
    }
    /* A page is told apart if its rows have no high half but its own. */
    __m256i mistaken = _mm256_setzero_si256();
    for (int k = 0; k < n; k++) {
        const __m256i high = _mm256_set1_epi16((short)(pages[k] >> 16));
        const __m256i code = _mm256_set1_epi8((char)k);
        for (int v = 0; v < N_CODE_VECTORS; v++) {
            const __m256i same =
                _mm256_packs_epi16(_mm256_cmpeq_epi16(rows->high[2 * v], high),
                                   _mm256_cmpeq_epi16(rows->high[2 * v + 1], high));
            const __m256i is_of_page = _mm256_cmpeq_epi8(search->codes[v], code);
            mistaken = _mm256_or_si256(mistaken, _mm256_andnot_si256(same, is_of_page));
        }
    }
    return _mm256_testz_si256(mistaken, mistaken);
}

static inline void store_codes(const page_search *search, uint8_t *codes)
{
    for (int v = 0; v < N_CODE_VECTORS; v++) {
        _mm256_storeu_si256((__m256i *)(codes + v * N_CODES), search->codes[v]);
    }
}

#include "kernels/pages_body.h"
