/*
 * Looking values up that are close to each other with AVX-512 VBMI: the whole table is in eight
 * registers, of which one instruction looks 64 bytes up in two.
 */
#include "kernels/near_kernels.h"

#include <immintrin.h>

#include "kernels/kernels.h"

enum {
    LANES = 16,
    N_TABLES = MDLI_NEAR_VALUES / 128
};

/* 64 values, counted from the least. */
typedef struct near_values {
    __m512i offsets[4];
} near_values;

static inline near_values load_offsets(const uint32_t *values, __m512i least)
{
    near_values near;
    for (int i = 0; i < 4; i++) {
        near.offsets[i] = _mm512_sub_epi32(_mm512_loadu_si512(values + i * LANES), least);
    }
    return near;
}

/* The low bytes of all 64 offsets. */
static inline __m512i low_bytes(const near_values *near)
{
    __m512i bytes = _mm512_castsi128_si512(_mm512_cvtepi32_epi8(near->offsets[0]));
    bytes = _mm512_inserti32x4(bytes, _mm512_cvtepi32_epi8(near->offsets[1]), 1);
    bytes = _mm512_inserti32x4(bytes, _mm512_cvtepi32_epi8(near->offsets[2]), 2);
    return _mm512_inserti32x4(bytes, _mm512_cvtepi32_epi8(near->offsets[3]), 3);
}

/* A bit for each of the 64 offsets that has bit 8. */
static inline __mmask64 are_in_upper_half(const near_values *near)
{
    const __m512i bit = _mm512_set1_epi32(256);
    __mmask32 low = _mm512_kunpackw(_mm512_test_epi32_mask(near->offsets[1], bit),
                                    _mm512_test_epi32_mask(near->offsets[0], bit));
    __mmask32 high = _mm512_kunpackw(_mm512_test_epi32_mask(near->offsets[3], bit),
                                     _mm512_test_epi32_mask(near->offsets[2], bit));
    return _mm512_kunpackd(high, low);
}

void mdli_lookup_near_avx512(const uint8_t *table, const uint32_t *values, uint32_t least,
                             uint32_t *out)
{
    const __m512i leasts = _mm512_set1_epi32((int)least);
    __m512i tables[2 * N_TABLES];
    for (int t = 0; t < 2 * N_TABLES; t++) {
        tables[t] = _mm512_loadu_si512(table + t * 64);
    }
    for (int i = 0; i < MDLI_FRAME_ROWS; i += 64) {
        const near_values near = load_offsets(values + i, leasts);
        /* Bits 0 to 6 are the place in two vectors, bit 7 and bit 8 tell which two. */
        const __m512i places = low_bytes(&near);
        const __mmask64 is_odd = _mm512_movepi8_mask(places);
        __m512i found[N_TABLES];
        for (int t = 0; t < N_TABLES; t++) {
            found[t] = _mm512_permutex2var_epi8(tables[2 * t], places, tables[2 * t + 1]);
        }
        const __m512i low = _mm512_mask_mov_epi8(found[0], is_odd, found[1]);
        const __m512i high = _mm512_mask_mov_epi8(found[2], is_odd, found[3]);
        const __m512i all = _mm512_mask_mov_epi8(low, are_in_upper_half(&near), high);
        _mm512_storeu_si512(out + i, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(all)));
        _mm512_storeu_si512(out + i + 16, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(all, 1)));
        _mm512_storeu_si512(out + i + 32, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(all, 2)));
        _mm512_storeu_si512(out + i + 48, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(all, 3)));
    }
}
