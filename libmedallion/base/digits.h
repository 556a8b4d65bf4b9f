/*
 * Whole numbers as text, eight digits at once, for loops that write many. base/decimal.h has all
 * others.
 */
#ifndef MDLI_BASE_DIGITS_H
#define MDLI_BASE_DIGITS_H

#include <stdint.h>
#include <string.h>

/* The eight digits of a number below 10^8, a byte each, the first one in the low bits. */
static inline uint64_t mdli_split_digits(uint32_t value)
{
    /* Halves are taken apart all at once: four digits in 32 bits, two in 16, one in 8. The products
     * divide by 100 and 10 exactly for all that comes in. */
    uint64_t fours = value / 10000 | (uint64_t)(value % 10000) << 32;
    uint64_t hundreds = (fours * 10486 >> 20) & UINT64_C(0x0000007f0000007f);
    uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
    uint64_t tens = (twos * 103 >> 10) & UINT64_C(0x000f000f000f000f);
    return tens | (twos - tens * 10) << 8;
}

static inline void mdli_store_digits(uint64_t digits, char *out)
{
    digits |= UINT64_C(0x3030303030303030);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    digits = __builtin_bswap64(digits);
#endif
    memcpy(out, &digits, sizeof digits);
}

/* Writes a number below 10^8 without leading zeros, and anything behind it: eight bytes. */
static inline int mdli_format_leading(uint32_t value, char *out)
{
    uint64_t digits = mdli_split_digits(value);
    /* The last digit counts also when it is 0. */
    int n_zeros = __builtin_ctzll(digits | UINT64_C(1) << 56) / 8;
    mdli_store_digits(digits >> (8 * n_zeros), out);
    return 8 - n_zeros;
}

/* As mdli_format_uint64 of base/decimal.h, faster, but all of the MDLI_INT64_TEXT_MAX bytes of `out`
 * may be written, those behind the text with anything. */
static inline int mdli_format_uint64_loosely(uint64_t value, char *out)
{
    const uint64_t eight_digits = 100000000;
    if (value < eight_digits) {
        return mdli_format_leading((uint32_t)value, out);
    }
    uint64_t upper = value / eight_digits;
    int size;
    if (upper < eight_digits) {
        size = mdli_format_leading((uint32_t)upper, out);
    } else {
        size = mdli_format_leading((uint32_t)(upper / eight_digits), out);
        mdli_store_digits(mdli_split_digits((uint32_t)(upper % eight_digits)), out + size);
        size += 8;
    }
    mdli_store_digits(mdli_split_digits((uint32_t)(value % eight_digits)), out + size);
    return size + 8;
}

#endif
