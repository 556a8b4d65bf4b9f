/*
 * Reading numbers with AVX2: four at a time, a byte for each digit.
 */
#include "kernels/csv_kernels.h"

#include <immintrin.h>
#include <string.h>

enum {
    LANES = 4
};

static inline int64_t load_word(const char *from)
{
    int64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* The eight bytes before each of four ends. */
static inline __m256i load_words(const char *base, const uint16_t *ends)
{
    return _mm256_set_epi64x(load_word(base + ends[3] - 8), load_word(base + ends[2] - 8),
                             load_word(base + ends[1] - 8), load_word(base + ends[0] - 8));
}

/*
 * The numbers that the last bytes of each word write, all but `n_other_bits` of its bits. What is
 * not a digit among them leaves a bit in *odd. The low bytes of *from_first are the first digits.
 */
static inline __m256i read_digits(__m256i words, __m256i n_other_bits, __m256i *odd,
                                  __m256i *from_first)
{
    __m256i digits = _mm256_xor_si256(words, _mm256_set1_epi8('0'));
    /* The other bytes, which come first, become leading zeros. */
    *from_first = _mm256_srlv_epi64(digits, n_other_bits);
    digits = _mm256_sllv_epi64(*from_first, n_other_bits);
    *odd = _mm256_or_si256(*odd, _mm256_subs_epu8(digits, _mm256_set1_epi8(9)));
    /* Neighbours are joined: two digits in 16 bits, four in 32, four in 16, eight in 32. */
    __m256i two = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(10 | 1 << 8));
    __m256i four = _mm256_madd_epi16(two, _mm256_set1_epi32(100 | 1 << 16));
    four = _mm256_packus_epi32(four, four);
    __m256i eight = _mm256_madd_epi16(four, _mm256_set1_epi32(10000 | 1 << 16));
    return _mm256_unpacklo_epi32(eight, _mm256_setzero_si256());
}

/* What is left of 64 bits behind so many bytes; sizes over 8 leave none. */
static inline __m256i bits_besides(__m256i n_bytes)
{
    return _mm256_subs_epu16(_mm256_set1_epi64x(64), _mm256_slli_epi64(n_bytes, 3));
}

static inline __m256i load_offsets(const uint16_t *offsets)
{
    return _mm256_cvtepu16_epi64(_mm_loadl_epi64((const __m128i *)offsets));
}

/* Reads four numbers; the result has a bit for each that is good, leading zeros aside. The low byte
 * of a lane of *first_digits becomes 0 where a first digit is. */
static inline uint64_t read_four(const char *base, const uint16_t *begins, const uint16_t *ends,
                                 __m256i least, __m256i greatest, __m256i *numbers,
                                 __m256i *first_digits)
{
    __m256i sizes = _mm256_sub_epi64(load_offsets(ends), load_offsets(begins));
    __m256i odd = _mm256_setzero_si256();
    __m256i from_first;
    __m256i values = read_digits(load_words(base, ends), bits_besides(sizes), &odd, &from_first);
    /* Digits in front of the last eight. */
    __m256i n_more = _mm256_subs_epu16(sizes, _mm256_set1_epi64x(8));
    if (!_mm256_testz_si256(n_more, n_more)) {
        __m256i from_more;
        __m256i more =
            read_digits(load_words(base - 8, ends), bits_besides(n_more), &odd, &from_more);
        more = _mm256_mul_epu32(more, _mm256_set1_epi64x(100000000));
        values = _mm256_add_epi64(values, more);
        __m256i has_more = _mm256_cmpgt_epi64(n_more, _mm256_setzero_si256());
        from_first = _mm256_blendv_epi8(from_first, from_more, has_more);
    }
    *first_digits = _mm256_min_epu8(*first_digits, from_first);
    *numbers = values;
    const __m256i zero = _mm256_setzero_si256();
    __m256i bad =
        _mm256_or_si256(_mm256_cmpgt_epi64(least, values), _mm256_cmpgt_epi64(values, greatest));
    __m256i bad_size =
        _mm256_or_si256(_mm256_cmpeq_epi64(sizes, zero),
                        _mm256_cmpgt_epi64(sizes, _mm256_set1_epi64x(MDLI_CSV_DIGITS_MAX)));
    bad = _mm256_or_si256(bad, bad_size);
    __m256i good = _mm256_andnot_si256(bad, _mm256_cmpeq_epi64(odd, zero));
    return (uint64_t)_mm256_movemask_pd(_mm256_castsi256_pd(good));
}

/* The numbers that have a leading zero. */
static uint64_t find_leading_zeros(const char *base, const uint16_t *begins, const uint16_t *ends,
                                   int n)
{
    uint64_t found = 0;
    for (int i = 0; i < n; i++) {
        found |= (uint64_t)(ends[i] - begins[i] > 1 && base[begins[i]] == '0') << i;
    }
    return found;
}

/* Those among n numbers, whose first digits came together in `first_digits`, that have no leading
 * zero. */
static uint64_t without_leading_zeros(const char *base, const uint16_t *begins,
                                      const uint16_t *ends, int n, __m256i first_digits)
{
    /* A first digit is hardly ever 0: which one it was is found only then. */
    const __m256i low_bytes = _mm256_set1_epi64x(0xff);
    __m256i zeros =
        _mm256_cmpeq_epi64(_mm256_and_si256(first_digits, low_bytes), _mm256_setzero_si256());
    return _mm256_testz_si256(zeros, zeros) ? UINT64_MAX
                                            : ~find_leading_zeros(base, begins, ends, n);
}

/* The low halves of four lanes. */
static inline __m128i narrow_lanes(__m256i values)
{
    const __m256i even = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
    return _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(values, even));
}

/* Reads n numbers, a multiple of four, to `wide`, or to `narrow` where that is not NULL. */
__attribute__((always_inline)) static inline uint64_t
read_by_four(const char *base, const uint16_t *begins, const uint16_t *ends, int n, int64_t least,
             int64_t greatest, int32_t *narrow, int64_t *wide)
{
    const __m256i all_least = _mm256_set1_epi64x(least);
    const __m256i all_greatest = _mm256_set1_epi64x(greatest);
    __m256i first_digits = _mm256_set1_epi8(-1);
    uint64_t good = 0;
    for (int i = 0; i < n; i += LANES) {
        __m256i values;
        good |=
            read_four(base, begins + i, ends + i, all_least, all_greatest, &values, &first_digits)
            << i;
        if (narrow != NULL) {
            _mm_storeu_si128((__m128i *)(narrow + i), narrow_lanes(values));
        } else {
            _mm256_storeu_si256((__m256i *)(wide + i), values);
        }
    }
    return good & without_leading_zeros(base, begins, ends, n, first_digits);
}

uint64_t mdli_csv_read_int64_avx2(const char *base, const uint16_t *begins, const uint16_t *ends,
                                  int n, int64_t least, int64_t greatest, int64_t *numbers)
{
    const int i = n / LANES * LANES;
    uint64_t good = read_by_four(base, begins, ends, i, least, greatest, NULL, numbers);
    if (i < n) {
        good |= mdli_csv_read_int64_scalar(base, begins + i, ends + i, n - i, least, greatest,
                                           numbers + i)
                << i;
    }
    return good;
}

uint64_t mdli_csv_read_int32_avx2(const char *base, const uint16_t *begins, const uint16_t *ends,
                                  int n, int32_t least, int32_t greatest, int32_t *numbers)
{
    const int i = n / LANES * LANES;
    uint64_t good = read_by_four(base, begins, ends, i, least, greatest, numbers, NULL);
    if (i < n) {
        good |= mdli_csv_read_int32_scalar(base, begins + i, ends + i, n - i, least, greatest,
                                           numbers + i)
                << i;
    }
    return good;
}

/* In each lane `n` bytes, the highest, have all bits. */
static inline __m256i last_bytes(int n)
{
    return _mm256_set1_epi64x((int64_t)(UINT64_MAX << (64 - 8 * n)));
}

/*
 * Reads four decimals. Where the point is the second byte from the end, the digits behind it are
 * tenths, and hundredths else. Those in front of it are moved over it, which leaves a number.
 */
static inline uint64_t read_four_decimals(const char *base, const uint16_t *begins,
                                          const uint16_t *ends, __m256i least, __m256i greatest,
                                          __m256i *hundredths)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i one = _mm256_set1_epi64x(1);
    __m256i sizes = _mm256_sub_epi64(load_offsets(ends), load_offsets(begins));
    __m256i words = load_words(base, ends);
    /* Lanes of ones where the point is there. */
    __m256i is_point = _mm256_cmpeq_epi8(words, _mm256_set1_epi8('.'));
    const __m256i byte_6 = _mm256_set1_epi64x(INT64_C(0xff) << 48);
    const __m256i byte_5 = _mm256_set1_epi64x(INT64_C(0xff) << 40);
    __m256i has_tenths = _mm256_cmpeq_epi64(_mm256_and_si256(is_point, byte_6), byte_6);
    __m256i has_hundredths = _mm256_cmpeq_epi64(_mm256_and_si256(is_point, byte_5), byte_5);
    has_hundredths = _mm256_andnot_si256(has_tenths, has_hundredths);
    __m256i behind = _mm256_blendv_epi8(last_bytes(2), last_bytes(1), has_tenths);
    words = _mm256_blendv_epi8(_mm256_slli_epi64(words, 8), words, behind);
    __m256i odd = zero;
    __m256i from_first;
    __m256i values =
        read_digits(words, bits_besides(_mm256_sub_epi64(sizes, one)), &odd, &from_first);
    __m256i tens = _mm256_mul_epu32(values, _mm256_set1_epi64x(10));
    values = _mm256_blendv_epi8(values, tens, has_tenths);
    *hundredths = values;
    /* Sizes are from that with one digit in front of the point, 4 and one less with tenths. */
    __m256i n_whole = _mm256_sub_epi64(_mm256_sub_epi64(sizes, _mm256_set1_epi64x(3)), has_tenths);
    __m256i bad =
        _mm256_or_si256(_mm256_cmpgt_epi64(least, values), _mm256_cmpgt_epi64(values, greatest));
    bad = _mm256_or_si256(bad, _mm256_cmpgt_epi64(one, n_whole));
    bad = _mm256_or_si256(
        bad, _mm256_cmpgt_epi64(sizes, _mm256_set1_epi64x(MDLI_CSV_DECIMAL_BYTES_MAX)));
    __m256i starts_with_zero =
        _mm256_cmpeq_epi64(_mm256_and_si256(from_first, _mm256_set1_epi64x(0xff)), zero);
    bad =
        _mm256_or_si256(bad, _mm256_and_si256(starts_with_zero, _mm256_cmpgt_epi64(n_whole, one)));
    __m256i last_digits = _mm256_and_si256(words, last_bytes(1));
    __m256i ends_with_zero =
        _mm256_cmpeq_epi64(last_digits, _mm256_set1_epi64x((int64_t)'0' << 56));
    bad = _mm256_or_si256(bad, _mm256_and_si256(ends_with_zero, has_hundredths));
    __m256i has_point = _mm256_or_si256(has_tenths, has_hundredths);
    __m256i good =
        _mm256_and_si256(has_point, _mm256_andnot_si256(bad, _mm256_cmpeq_epi64(odd, zero)));
    return (uint64_t)_mm256_movemask_pd(_mm256_castsi256_pd(good));
}

uint64_t mdli_csv_read_decimals_avx2(const char *base, const uint16_t *begins, const uint16_t *ends,
                                     int n, int32_t least, int32_t greatest, int32_t *hundredths)
{
    __m256i all_least = _mm256_set1_epi64x(least);
    __m256i all_greatest = _mm256_set1_epi64x(greatest);
    uint64_t good = 0;
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256i values;
        good |= read_four_decimals(base, begins + i, ends + i, all_least, all_greatest, &values)
                << i;
        _mm_storeu_si128((__m128i *)(hundredths + i), narrow_lanes(values));
    }
    if (i < n) {
        good |= mdli_csv_read_decimals_scalar(base, begins + i, ends + i, n - i, least, greatest,
                                              hundredths + i)
                << i;
    }
    return good;
}
