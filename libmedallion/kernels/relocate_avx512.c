/*
 * Relocation with AVX-512: tables of up to 64 entries stay in registers.
 */
#include "kernels/frame_kernels.h"

#include <immintrin.h>

#define LANES 16

static __m512i load(const uint32_t *from)
{
    return _mm512_loadu_si512(from);
}

static void store(uint32_t *to, __m512i vector)
{
    _mm512_storeu_si512(to, vector);
}

static void relocate_in_32(const uint32_t *table, __m128i shift, uint32_t *values)
{
    const __m512i low = load(table);
    const __m512i high = load(table + LANES);
    for (int i = 0; i < MDLI_FRAME_ROWS; i += LANES) {
        const __m512i value = load(values + i);
        const __m512i code = _mm512_srl_epi32(value, shift);
        store(values + i, _mm512_add_epi32(value, _mm512_permutex2var_epi32(low, code, high)));
    }
}

static void relocate_in_64(const uint32_t *table, __m128i shift, uint32_t *values)
{
    const __m512i table_0 = load(table);
    const __m512i table_1 = load(table + LANES);
    const __m512i table_2 = load(table + 2 * LANES);
    const __m512i table_3 = load(table + 3 * LANES);
    for (int i = 0; i < MDLI_FRAME_ROWS; i += LANES) {
        const __m512i value = load(values + i);
        const __m512i code = _mm512_srl_epi32(value, shift);
        const __m512i from_low = _mm512_permutex2var_epi32(table_0, code, table_1);
        const __m512i from_high = _mm512_permutex2var_epi32(table_2, code, table_3);
        const __mmask16 is_high = _mm512_test_epi32_mask(code, _mm512_set1_epi32(2 * LANES));
        const __m512i entry = _mm512_mask_mov_epi32(from_low, is_high, from_high);
        store(values + i, _mm512_add_epi32(value, entry));
    }
}

void mdli_relocate_avx512(const uint32_t *table, int n_entries, int shift, uint32_t *values)
{
    if (n_entries <= 2 * LANES) {
        relocate_in_32(table, _mm_cvtsi32_si128(shift), values);
    } else {
        relocate_in_64(table, _mm_cvtsi32_si128(shift), values);
    }
}
