/*
 * Reading numbers with AVX-512: eight at a time, a byte for each digit. Integers have 16 bytes each,
 * in two vectors; decimals, which are short, 8.
 */
#include "kernels/csv_kernels.h"

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#define EACH_BYTE UINT64_C(0x0101010101010101)

enum {
    LANES = 8
};

/* Numbers that are read: in a lane each the values, which are good where the bits of `good` are. */
typedef struct read_lanes {
    __m512i values;
    __mmask8 good;
} read_lanes;

static inline int64_t load_word(const char *from)
{
    int64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* The eight bytes before each of eight ends. A gather takes more than twice as long. */
static inline __m512i load_words(const char *base, const uint16_t *ends)
{
    return _mm512_set_epi64(load_word(base + ends[7] - 8), load_word(base + ends[6] - 8),
                            load_word(base + ends[5] - 8), load_word(base + ends[4] - 8),
                            load_word(base + ends[3] - 8), load_word(base + ends[2] - 8),
                            load_word(base + ends[1] - 8), load_word(base + ends[0] - 8));
}

static inline __m512i load_sizes(const uint16_t *begins, const uint16_t *ends)
{
    __m128i sizes = _mm_sub_epi16(_mm_loadu_si128((const __m128i *)ends),
                                  _mm_loadu_si128((const __m128i *)begins));
    return _mm512_cvtepu16_epi64(sizes);
}

/* What is left of 64 bits behind so many bytes; sizes over 8 leave none. */
static inline __m512i bits_besides(__m512i n_bytes)
{
    return _mm512_subs_epu16(_mm512_set1_epi64(64), _mm512_slli_epi64(n_bytes, 3));
}

/* The numbers that four digits each write, each digit a byte from 0 to 9: neighbours are joined, two
 * digits in 16 bits, four in 32. */
static inline __m512i join_fours(__m512i digits)
{
    const __m512i two = _mm512_maddubs_epi16(digits, _mm512_set1_epi16(10 | 1 << 8));
    return _mm512_madd_epi16(two, _mm512_set1_epi32(100 | 1 << 16));
}

/* The numbers that words of eight digits write. */
static inline __m512i join_digits(__m512i digits)
{
    __m512i four = join_fours(digits);
    __m512i high = _mm512_mul_epu32(four, _mm512_set1_epi64(10000));
    return _mm512_add_epi64(high, _mm512_srli_epi64(four, 32));
}

/* Bytes that are no digits get some bit. */
static inline __m512i odd_digits(__m512i digits)
{
    return _mm512_subs_epu8(digits, _mm512_set1_epi8(9));
}

/* The lanes whose low byte is 0. */
static inline __mmask8 starts_with_zero(__m512i from_first)
{
    return _mm512_testn_epi64_mask(from_first, _mm512_set1_epi64(0xff));
}

static inline __mmask8 is_within(__m512i values, __m512i least, __m512i greatest)
{
    return _mm512_cmple_epi64_mask(least, values) & _mm512_cmple_epi64_mask(values, greatest);
}

/* The 16 bytes before each of four ends: ends[0], ends[2] and so on. */
static inline __m512i load_long_words(const char *base, const uint16_t *ends)
{
    const char *from = base - MDLI_CSV_DIGITS_MAX;
    __m512i words = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(from + ends[0])));
    words = _mm512_inserti32x4(words, _mm_loadu_si128((const __m128i *)(from + ends[2])), 1);
    words = _mm512_inserti32x4(words, _mm_loadu_si128((const __m128i *)(from + ends[4])), 2);
    return _mm512_inserti32x4(words, _mm_loadu_si128((const __m128i *)(from + ends[6])), 3);
}

/* The digits among the bytes of four long words, the others 0; `size_bytes` tells where in `sizes`
 * each word's size is. */
static inline __m512i long_digits(__m512i words, __m512i sizes, __m512i size_bytes)
{
    const __m512i n_behind =
        _mm512_broadcast_i32x4(_mm_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
    const __mmask64 is_digit =
        _mm512_cmpgt_epu8_mask(_mm512_shuffle_epi8(sizes, size_bytes), n_behind);
    return _mm512_maskz_sub_epi8(is_digit, words, _mm512_set1_epi8('0'));
}

/* The least numbers of 16, 1, 2, ... 15 digits; of one digit it is 0. */
static const int64_t least_of_size[16] __attribute__((aligned(64))) = {
    1e15, 0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};

/* Reads eight integers. */
static inline read_lanes read_eight(const char *base, const uint16_t *begins, const uint16_t *ends,
                                    __m512i least, __m512i greatest)
{
    const __m512i nine = _mm512_set1_epi8(9);
    /* In a quarter each, the low bytes of sizes 0, 2, 4, 6. */
    const __m512i size_bytes = _mm512_set_epi32(
        0x0c0c0c0c, 0x0c0c0c0c, 0x0c0c0c0c, 0x0c0c0c0c, 0x08080808, 0x08080808, 0x08080808,
        0x08080808, 0x04040404, 0x04040404, 0x04040404, 0x04040404, 0, 0, 0, 0);
    const __m128i sizes = _mm_sub_epi16(_mm_loadu_si128((const __m128i *)ends),
                                        _mm_loadu_si128((const __m128i *)begins));
    const __m512i all_sizes = _mm512_broadcast_i32x4(sizes);
    const __m512i even = long_digits(load_long_words(base, ends), all_sizes, size_bytes);
    const __m512i odd = long_digits(load_long_words(base, ends + 1), all_sizes,
                                    _mm512_add_epi8(size_bytes, _mm512_set1_epi8(2)));
    /* Packing puts the numbers in order: the lower half of each quarter is of an even one. */
    const __m512i wrong =
        _mm512_packs_epi16(_mm512_subs_epu8(even, nine), _mm512_subs_epu8(odd, nine));
    const __m512i fours = _mm512_packus_epi32(join_fours(even), join_fours(odd));
    const __m512i eights = _mm512_madd_epi16(fours, _mm512_set1_epi32(10000 | 1 << 16));
    const __m512i values = _mm512_add_epi64(_mm512_mul_epu32(eights, _mm512_set1_epi64(100000000)),
                                            _mm512_srli_epi64(eights, 32));
    /* A number with a leading zero is less than all of its size. */
    const __m512i least_here =
        _mm512_permutex2var_epi64(_mm512_load_si512(least_of_size), _mm512_cvtepu16_epi64(sizes),
                                  _mm512_load_si512(least_of_size + 8));
    const __mmask8 good = _mm512_testn_epi64_mask(wrong, wrong) &
                          is_within(values, _mm512_max_epi64(least, least_here), greatest) &
                          _mm_cmplt_epu16_mask(_mm_sub_epi16(sizes, _mm_set1_epi16(1)),
                                               _mm_set1_epi16(MDLI_CSV_DIGITS_MAX));
    return (read_lanes){values, good};
}

/* Reads eight numbers of some form. */
typedef read_lanes read_eight_fn(const char *base, const uint16_t *begins, const uint16_t *ends,
                                 __m512i least, __m512i greatest);

/* Reads n numbers, a multiple of eight, to `wide`, or to `narrow` where that is not NULL. It is
 * inlined with its reader. */
__attribute__((always_inline)) static inline uint64_t
read_by_eight(read_eight_fn *read, const char *base, const uint16_t *begins, const uint16_t *ends,
              int n, int64_t least, int64_t greatest, int32_t *narrow, int64_t *wide)
{
    const __m512i all_least = _mm512_set1_epi64(least);
    const __m512i all_greatest = _mm512_set1_epi64(greatest);
    uint64_t good = 0;
    for (int i = 0; i < n; i += LANES) {
        read_lanes eight = read(base, begins + i, ends + i, all_least, all_greatest);
        good |= (uint64_t)eight.good << i;
        if (narrow != NULL) {
            _mm256_storeu_si256((__m256i *)(narrow + i), _mm512_cvtepi64_epi32(eight.values));
        } else {
            _mm512_storeu_si512(wide + i, eight.values);
        }
    }
    return good;
}

uint64_t mdli_csv_read_int64_avx512(const char *base, const uint16_t *begins, const uint16_t *ends,
                                    int n, int64_t least, int64_t greatest, int64_t *numbers)
{
    const int i = n / LANES * LANES;
    uint64_t good =
        read_by_eight(read_eight, base, begins, ends, i, least, greatest, NULL, numbers);
    if (i < n) {
        good |= mdli_csv_read_int64_scalar(base, begins + i, ends + i, n - i, least, greatest,
                                           numbers + i)
                << i;
    }
    return good;
}

uint64_t mdli_csv_read_int32_avx512(const char *base, const uint16_t *begins, const uint16_t *ends,
                                    int n, int32_t least, int32_t greatest, int32_t *numbers)
{
    const int i = n / LANES * LANES;
    uint64_t good =
        read_by_eight(read_eight, base, begins, ends, i, least, greatest, numbers, NULL);
    if (i < n) {
        good |= mdli_csv_read_int32_scalar(base, begins + i, ends + i, n - i, least, greatest,
                                           numbers + i)
                << i;
    }
    return good;
}

/* In each lane `n` bytes, the highest, have all bits. */
static inline __m512i last_bytes(int n)
{
    return _mm512_set1_epi64((int64_t)(UINT64_MAX << (64 - 8 * n)));
}

/*
 * Reads eight decimals. Where the point is the second byte from the end, the digits behind it are
 * tenths, and hundredths else. Those in front of it are moved over it, which leaves a number.
 */
static inline read_lanes read_eight_decimals(const char *base, const uint16_t *begins,
                                             const uint16_t *ends, __m512i least, __m512i greatest)
{
    const __m512i three = _mm512_set1_epi64(3);
    const __m512i points = _mm512_set1_epi8('.');
    __m512i sizes = load_sizes(begins, ends);
    __m512i words = load_words(base, ends);
    __mmask64 is_point = _mm512_cmpeq_epi8_mask(words, points);
    __mmask8 has_tenths = (__mmask8)_pext_u64(is_point, 0x40 * EACH_BYTE);
    __mmask8 good = has_tenths | (__mmask8)_pext_u64(is_point, 0x20 * EACH_BYTE);
    __m512i behind = _mm512_mask_mov_epi64(last_bytes(2), has_tenths, last_bytes(1));
    /* 0xd8: the bits of the second where the third has one, else those of the first. */
    words = _mm512_ternarylogic_epi64(_mm512_slli_epi64(words, 8), words, behind, 0xd8);
    __m512i n_other_bits = bits_besides(_mm512_sub_epi64(sizes, _mm512_set1_epi64(1)));
    __m512i from_first =
        _mm512_srlv_epi64(_mm512_xor_si512(words, _mm512_set1_epi8('0')), n_other_bits);
    __m512i digits = _mm512_sllv_epi64(from_first, n_other_bits);
    __m512i odd = odd_digits(digits);
    __m512i values = join_digits(digits);
    values = _mm512_mask_mul_epu32(values, has_tenths, values, _mm512_set1_epi64(10));
    good &= _mm512_testn_epi64_mask(odd, odd) & is_within(values, least, greatest);
    /* The least size is that of one digit in front of the point. */
    __m512i least_sizes = _mm512_mask_mov_epi64(_mm512_set1_epi64(4), has_tenths, three);
    good &= _mm512_cmple_epi64_mask(least_sizes, sizes) &
            _mm512_cmple_epi64_mask(sizes, _mm512_set1_epi64(MDLI_CSV_DECIMAL_BYTES_MAX));
    good &=
        (__mmask8) ~(starts_with_zero(from_first) & _mm512_cmplt_epi64_mask(least_sizes, sizes));
    good &= has_tenths | _mm512_test_epi64_mask(digits, last_bytes(1));
    return (read_lanes){values, good};
}

enum {
    SHORT_BYTES = 3,   /* of a digit, the point and a digit */
    SIZES_AT_ONCE = 32 /* in a vector */
};

/* Whether each of n fields has SHORT_BYTES. */
static inline bool are_short(const uint16_t *begins, const uint16_t *ends, int n)
{
    __mmask32 others = 0;
    for (int i = 0; i < n; i += SIZES_AT_ONCE) {
        const __mmask32 there = _bzhi_u32(UINT32_MAX, (unsigned)(n - i));
        const __m512i sizes = _mm512_sub_epi16(_mm512_maskz_loadu_epi16(there, ends + i),
                                               _mm512_maskz_loadu_epi16(there, begins + i));
        others |= _mm512_mask_cmpneq_epi16_mask(there, sizes, _mm512_set1_epi16(SHORT_BYTES));
    }
    return others == 0;
}

/* Reads eight decimals that are short. */
static inline read_lanes read_eight_short(const char *base, const uint16_t *begins,
                                          const uint16_t *ends, __m512i least, __m512i greatest)
{
    const __m512i zeros = _mm512_set1_epi64('0' | '.' << 8 | '0' << 16);
    const __m512i most = _mm512_set1_epi64(9 | 0 << 8 | 9 << 16);
    const __m512i weights = _mm512_set1_epi64(100 | 0 << 8 | 10 << 16);
    (void)begins;
    /* The field is the upper bytes of its word. What is left of a good one is its two digits. */
    __m512i field = _mm512_srli_epi64(load_words(base, ends), 64 - 8 * SHORT_BYTES);
    __m512i digits = _mm512_xor_si512(field, zeros);
    __m512i odd = _mm512_subs_epu8(digits, most);
    __m512i products = _mm512_maddubs_epi16(digits, weights);
    __m512i values = _mm512_madd_epi16(products, _mm512_set1_epi16(1));
    return (read_lanes){values,
                        _mm512_testn_epi64_mask(odd, odd) & is_within(values, least, greatest)};
}

uint64_t mdli_csv_read_decimals_avx512(const char *base, const uint16_t *begins,
                                       const uint16_t *ends, int n, int32_t least, int32_t greatest,
                                       int32_t *hundredths)
{
    const int i = n / LANES * LANES;
    uint64_t good = are_short(begins, ends, i)
                        ? read_by_eight(read_eight_short, base, begins, ends, i, least, greatest,
                                        hundredths, NULL)
                        : read_by_eight(read_eight_decimals, base, begins, ends, i, least, greatest,
                                        hundredths, NULL);
    if (i < n) {
        good |= mdli_csv_read_decimals_scalar(base, begins + i, ends + i, n - i, least, greatest,
                                              hundredths + i)
                << i;
    }
    return good;
}
