/*
 * Reading numbers in portable C: eight digits at once, in a word of which each byte is one.
 */
#include "kernels/csv_kernels.h"

#include <stdbool.h>
#include <string.h>

#define EACH_BYTE UINT64_C(0x0101010101010101)

/* Eight bytes, the first one in the low bits. */
static inline uint64_t load_word(const char *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/*
 * The number that the n last bytes of a word write, 1 <= n <= 8. What is not a digit among them adds
 * a bit to *odd.
 */
static inline uint64_t join_digits(uint64_t word, unsigned n, uint64_t *odd)
{
    /* The n bytes are the high ones; the others become leading zeros. */
    unsigned n_other_bits = 64 - 8 * n;
    word = (word ^ '0' * EACH_BYTE) >> n_other_bits << n_other_bits;
    /* A byte of ten and more gets its high bit; where that carries into the next one, *odd is set
     * anyway. */
    *odd |= ((word + (0x80 - 10) * EACH_BYTE) | word) & 0x80 * EACH_BYTE;
    /* Neighbours are joined: to two digits in every other byte, then all at once. */
    word = word * 10 + (word >> 8);
    const uint64_t mask = UINT64_C(0x000000ff000000ff);
    const uint64_t outer = 100 + (UINT64_C(1000000) << 32);
    const uint64_t inner = 1 + (UINT64_C(10000) << 32);
    return ((word & mask) * outer + ((word >> 16) & mask) * inner) >> 32;
}

/* Reads a number of `size` bytes that ends at `end`; false where it is not of the form. */
static inline bool read_number(const char *end, unsigned size, int64_t *number)
{
    uint64_t odd = 0;
    uint64_t value = 0;
    if (size - 1 < 8) {
        value = join_digits(load_word(end - 8), size, &odd);
    } else if (size - 1 < MDLI_CSV_DIGITS_MAX) {
        value = join_digits(load_word(end - 16), size - 8, &odd) * 100000000 +
                join_digits(load_word(end - 8), 8, &odd);
    } else {
        return false;
    }
    *number = (int64_t)value;
    return odd == 0 && (size == 1 || end[-(int)size] != '0');
}

uint64_t mdli_csv_read_int64_scalar(const char *base, const uint16_t *begins, const uint16_t *ends,
                                    int n, int64_t least, int64_t greatest, int64_t *numbers)
{
    uint64_t good = 0;
    for (int i = 0; i < n; i++) {
        int64_t number = 0;
        bool is_good = read_number(base + ends[i], (unsigned)(ends[i] - begins[i]), &number);
        numbers[i] = number;
        good |= (uint64_t)(is_good && number >= least && number <= greatest) << i;
    }
    return good;
}

uint64_t mdli_csv_read_int32_scalar(const char *base, const uint16_t *begins, const uint16_t *ends,
                                    int n, int32_t least, int32_t greatest, int32_t *numbers)
{
    uint64_t good = 0;
    for (int i = 0; i < n; i++) {
        int64_t number = 0;
        bool is_good = read_number(base + ends[i], (unsigned)(ends[i] - begins[i]), &number);
        numbers[i] = (int32_t)number;
        good |= (uint64_t)(is_good && number >= least && number <= greatest) << i;
    }
    return good;
}

/* Likewise for a decimal, in hundredths: its digits are those of a number without the point. */
static inline bool read_decimal(const char *end, unsigned size, int64_t *hundredths)
{
    if (size > MDLI_CSV_DECIMAL_BYTES_MAX) {
        return false;
    }
    const uint64_t word = load_word(end - 8);
    const bool has_tenths = (word >> 48 & 0xff) == '.';
    const unsigned n_behind = has_tenths ? 1 : 2;
    if (size < n_behind + 2 || (!has_tenths && (word >> 40 & 0xff) != '.')) {
        return false;
    }
    const uint64_t behind = UINT64_MAX << (64 - 8 * n_behind);
    uint64_t odd = 0;
    uint64_t value = join_digits((word & behind) | (word << 8 & ~behind), size - 1, &odd);
    *hundredths = (int64_t)(has_tenths ? value * 10 : value);
    const bool has_needless_zero =
        (size > n_behind + 2 && end[-(int)size] == '0') || (!has_tenths && end[-1] == '0');
    return odd == 0 && !has_needless_zero;
}

uint64_t mdli_csv_read_decimals_scalar(const char *base, const uint16_t *begins,
                                       const uint16_t *ends, int n, int32_t least, int32_t greatest,
                                       int32_t *hundredths)
{
    uint64_t good = 0;
    for (int i = 0; i < n; i++) {
        int64_t value = 0;
        bool is_good = read_decimal(base + ends[i], (unsigned)(ends[i] - begins[i]), &value);
        hundredths[i] = (int32_t)value;
        good |= (uint64_t)(is_good && value >= least && value <= greatest) << i;
    }
    return good;
}
