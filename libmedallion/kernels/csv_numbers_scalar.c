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
 * The number that the n digits before `end` write, 1 <= n <= 8. What is not a digit among them adds
 * a bit to *odd.
 */
static inline uint64_t read_digits(const char *end, unsigned n, uint64_t *odd)
{
    /* The n bytes are the high ones; the others become leading zeros. */
    unsigned n_other_bits = 64 - 8 * n;
    uint64_t word = (load_word(end - 8) ^ '0' * EACH_BYTE) >> n_other_bits << n_other_bits;
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

uint64_t mdli_csv_read_numbers_scalar(const char *base, const uint16_t *begins,
                                      const uint16_t *ends, int n, int64_t least, int64_t greatest,
                                      int64_t *numbers)
{
    uint64_t good = 0;
    for (int i = 0; i < n; i++) {
        const char *end = base + ends[i];
        unsigned size = (unsigned)(ends[i] - begins[i]);
        uint64_t odd = 0;
        uint64_t number = 0;
        if (size - 1 < 8) {
            number = read_digits(end, size, &odd);
        } else if (size - 1 < MDLI_CSV_DIGITS_MAX) {
            number = read_digits(end - 8, size - 8, &odd) * 100000000 + read_digits(end, 8, &odd);
        } else {
            odd = 1;
        }
        bool has_leading_zero = size > 1 && base[begins[i]] == '0';
        numbers[i] = (int64_t)number;
        good |= (uint64_t)(odd == 0 && !has_leading_zero && numbers[i] >= least &&
                           numbers[i] <= greatest)
                << i;
    }
    return good;
}
