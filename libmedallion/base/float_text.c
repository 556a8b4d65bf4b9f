/*
 * Shortest decimals by Raffaello Giulietti's Schubfach ("The Schubfach way to render doubles",
 * 2020), and their reverse.
 *
 * A finite double is c * 2^q. What rounds to it lies between the midpoints to its neighbours. Let
 * 10^k be the largest power of ten not above the width of that interval: then the interval holds a
 * multiple of 10^k, and at most one multiple of 10^(k+1), which is shorter if it exists. So at most
 * four candidates around the value are compared with the midpoints. That takes the value and the
 * midpoints in units of 10^k, to the nearest quarter and a bit that says whether anything is left:
 * one multiplication each by a 128-bit power of ten. generate_powers_of_ten.py --prove shows that
 * these 128 bits decide every case.
 */
#include "base/float_text.h"
#include "base/exact.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "powers_of_ten.h"

#define SIGNIFICAND_BITS     52
#define HIDDEN_BIT           (UINT64_C(1) << SIGNIFICAND_BITS)
#define EXPONENT_BIAS        1075 /* of the significand as an integer: value = c * 2^(e - 1075) */
#define EXACT_INTEGER_MAX    9007199254740992.0 /* 2^53 */
#define POSITIONAL_POINT_MIN (-5)
#define POSITIONAL_POINT_MAX 21

/* More than the 767 digits of the longest midpoint between two doubles: what follows can only show
 * that the number is above that midpoint. */
#define DIGITS_MAX        768
#define EXACT_DIGITS_MAX  15 /* any such number, and any 10^k below, is a double exactly */
#define EXACT_POWER_MAX   22
#define EXPONENT_TEXT_MAX (1 << 20) /* decides over zero or infinity, whatever the digits */

/* The number digits * 10^exponent. */
typedef struct decimal {
    uint64_t digits;
    int32_t exponent;
} decimal;

/* floor(log10(2^q)), or floor(log10(3/4 * 2^q)); exact for |q| < 1500. */
static int32_t floor_log10_pow2(int32_t q, bool three_quarters)
{
    return (q * 1262611 - (three_quarters ? 524031 : 0)) >> 22;
}

/* floor(log2(10^k)); exact for |k| < 1200. */
static int32_t floor_log2_pow10(int32_t k)
{
    return (k * 1741647) >> 19;
}

/*
 * The product of a power of ten and `factor`, divided by 2^128: its whole part, with the lowest bit
 * set if anything was cut off. Below 2^60 in units of the last bit there is only the power's own
 * rounding error; what is really left is larger.
 */
static uint64_t multiply_to_odd(const uint64_t power[2], uint64_t factor)
{
    mdli_uint128 high = (mdli_uint128)power[0] * factor;
    mdli_uint128 low = (mdli_uint128)power[1] * factor;
    high += (uint64_t)(low >> 64);
    bool inexact = (uint64_t)high != 0 || (uint64_t)low >> 60 != 0;
    return (uint64_t)(high >> 64) | inexact;
}

/* The shortest decimal of the positive double c * 2^q; zeros may be left at its end. */
static decimal shortest_decimal(uint64_t c, int32_t q, bool lower_neighbour_is_closer)
{
    /* A midpoint itself rounds to the neighbour whose significand is even. */
    bool midpoints_excluded = (c & 1) != 0;
    int32_t k = floor_log10_pow2(q, lower_neighbour_is_closer);
    int32_t shift = q + floor_log2_pow10(-k) + 1;
    const uint64_t *power = powers_of_ten[-k - POWER_OF_TEN_MIN];

    /* All in quarters of 10^k. */
    uint64_t value = multiply_to_odd(power, (c * 4) << shift);
    uint64_t low = multiply_to_odd(power, (c * 4 - (lower_neighbour_is_closer ? 1 : 2)) << shift);
    uint64_t high = multiply_to_odd(power, (c * 4 + 2) << shift);
    low += midpoints_excluded;
    high -= midpoints_excluded;

    uint64_t below = value / 4;
    uint64_t short_below = below / 10;
    bool short_below_fits = low <= short_below * 40;
    bool short_above_fits = short_below * 40 + 40 <= high;
    if (short_below_fits || short_above_fits) {
        return (decimal){short_below + !short_below_fits, k + 1};
    }
    bool below_fits = low <= below * 4;
    bool above_fits = below * 4 + 4 <= high;
    bool round_up = above_fits;
    if (below_fits && above_fits) {
        uint64_t middle = below * 4 + 2;
        round_up = value > middle || (value == middle && (below & 1) != 0);
    }
    return (decimal){below + round_up, k};
}

static void strip_zeros(decimal *number)
{
    if (number->digits % 100000000 == 0) {
        number->digits /= 100000000;
        number->exponent += 8;
    }
    while (number->digits % 10 == 0) {
        number->digits /= 10;
        number->exponent++;
    }
}

static char *put_text(char *out, const char *text, int size)
{
    memcpy(out, text, (size_t)size);
    return out + size;
}

static char *put_zeros(char *out, int n)
{
    memset(out, '0', (size_t)n);
    return out + n;
}

/* Writes 0.digits * 10^point as ECMAScript does, and a `.0` behind a whole number. */
static char *put_decimal(char *out, const char *digits, int n_digits, int point)
{
    if (point < POSITIONAL_POINT_MIN || point > POSITIONAL_POINT_MAX) {
        *out++ = digits[0];
        if (n_digits > 1) {
            *out++ = '.';
            out = put_text(out, digits + 1, n_digits - 1);
        }
        *out++ = 'e';
        *out++ = point > 0 ? '+' : '-';
        return out + mdli_format_uint64((uint64_t)abs(point - 1), out);
    }
    if (point <= 0) {
        out = put_text(out, "0.", 2);
        out = put_zeros(out, -point);
        return put_text(out, digits, n_digits);
    }
    if (point < n_digits) {
        out = put_text(out, digits, point);
        *out++ = '.';
        return put_text(out, digits + point, n_digits - point);
    }
    out = put_text(out, digits, n_digits);
    out = put_zeros(out, point - n_digits);
    return put_text(out, ".0", 2);
}

static char *put_shortest(char *out, uint64_t significand, int32_t exponent)
{
    /* The smallest normal double has a subnormal neighbour at the same distance as the other. */
    bool lower_neighbour_is_closer = significand == 0 && exponent > 1;
    uint64_t c = exponent == 0 ? significand : significand | HIDDEN_BIT;
    int32_t q = (exponent == 0 ? 1 : exponent) - EXPONENT_BIAS;
    decimal shortest = shortest_decimal(c, q, lower_neighbour_is_closer);
    strip_zeros(&shortest);

    char digits[MDLI_INT64_TEXT_MAX];
    int n_digits = mdli_format_uint64(shortest.digits, digits);
    return put_decimal(out, digits, n_digits, n_digits + shortest.exponent);
}

int mdli_format_double(double value, char *out)
{
    char *at = out;
    if (isnan(value)) {
        return (int)(put_text(at, "NaN", 3) - out);
    }
    if (signbit(value)) {
        *at++ = '-';
        value = -value;
    }
    if (isinf(value)) {
        return (int)(put_text(at, "Infinity", 8) - out);
    }
    if (value < EXACT_INTEGER_MAX && value == (double)(uint64_t)value) {
        /* A whole number this small is written with all of its digits anyway. */
        at += mdli_format_uint64((uint64_t)value, at);
        return (int)(put_text(at, ".0", 2) - out);
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    at = put_shortest(at, bits & (HIDDEN_BIT - 1), (int32_t)(bits >> SIGNIFICAND_BITS));
    return (int)(at - out);
}

/* A number being read: digits[0 ... n_digits) * 10^exponent, and a bit more if `inexact`. */
typedef struct number_text {
    int n_digits;
    bool inexact;
    int64_t exponent;
    char digits[DIGITS_MAX];
} number_text;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes the digits at `at` into the number; returns the end of them. */
static const char *take_digits(number_text *number, const char *at, const char *end,
                               bool behind_point)
{
    for (; at < end && is_digit(*at); at++) {
        if (number->n_digits == 0 && *at == '0') {
            number->exponent -= behind_point;
        } else if (number->n_digits < DIGITS_MAX) {
            number->digits[number->n_digits++] = *at;
            number->exponent -= behind_point;
        } else {
            number->inexact = number->inexact || *at != '0';
            number->exponent += !behind_point;
        }
    }
    return at;
}

static const char *take_exponent(number_text *number, const char *at, const char *end)
{
    bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    int64_t exponent = 0;
    for (; at < end && is_digit(*at); at++) {
        /* Far above what the longest text could make up for with zeros. */
        if (exponent < INT64_MAX / 100) {
            exponent = exponent * 10 + (*at - '0');
        }
    }
    number->exponent += negative ? -exponent : exponent;
    return at;
}

/* Reads `digits[.digits][(e|E)[+|-]digits]`; false if the text is anything else. */
static bool read_number(number_text *number, const char *at, const char *end)
{
    const char *start = at;
    at = take_digits(number, at, end, false);
    if (at == start) {
        return false;
    }
    if (at < end && *at == '.') {
        start = ++at;
        at = take_digits(number, at, end, true);
        if (at == start) {
            return false;
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at = take_exponent(number, at + 1, end);
        if (!is_digit(at[-1])) {
            return false;
        }
    }
    return at == end;
}

static double number_to_double(const number_text *number)
{
    static const double powers[EXACT_POWER_MAX + 1] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (number->n_digits == 0) {
        return 0.0;
    }
    int64_t exponent = number->exponent;
    if (number->n_digits <= EXACT_DIGITS_MAX && llabs(exponent) <= EXACT_POWER_MAX) {
        int64_t integer = 0;
        for (int i = 0; i < number->n_digits; i++) {
            integer = integer * 10 + (number->digits[i] - '0');
        }
        /* Two exact operands, so one rounding. */
        return exponent < 0 ? (double)integer / powers[-exponent]
                            : (double)integer * powers[exponent];
    }

    /* strtod rounds right; without a decimal point it does not depend on the locale. */
    char text[DIGITS_MAX + sizeof "1e-" + MDLI_INT64_TEXT_MAX];
    char *out = put_text(text, number->digits, number->n_digits);
    if (number->inexact) {
        *out++ = '1';
        exponent--;
    }
    exponent = exponent > EXPONENT_TEXT_MAX ? EXPONENT_TEXT_MAX : exponent;
    exponent = exponent < -EXPONENT_TEXT_MAX ? -EXPONENT_TEXT_MAX : exponent;
    *out++ = 'e';
    out += mdli_format_int64(exponent, out);
    *out = '\0';
    return strtod(text, NULL);
}

static bool is_word(const char *at, const char *end, const char *word, int64_t word_size)
{
    return end - at == word_size && memcmp(at, word, (size_t)word_size) == 0;
}

mdli_parse mdli_parse_double(const char *text, int64_t size_bytes, double *value)
{
    const char *end = text + size_bytes;
    bool negative = size_bytes > 0 && *text == '-';
    const char *at = text + negative;

    double magnitude;
    number_text number;
    number.n_digits = 0;
    number.inexact = false;
    number.exponent = 0;
    if (is_word(text, end, "NaN", 3)) {
        magnitude = NAN;
    } else if (is_word(at, end, "Infinity", 8)) {
        magnitude = INFINITY;
    } else if (read_number(&number, at, end)) {
        magnitude = number_to_double(&number);
        if (isinf(magnitude)) {
            return MDLI_PARSE_OUT_OF_RANGE;
        }
    } else {
        return MDLI_PARSE_MALFORMED;
    }
    *value = negative ? -magnitude : magnitude;
    return MDLI_PARSE_OK;
}
