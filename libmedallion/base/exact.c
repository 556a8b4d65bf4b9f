/*
 * The divisions of exact.h.
 *
 * Where numerator and denominator are at most 2^53 both convert to double without loss, and IEEE
 * 754 division rounds their exact quotient once: that is the answer. Otherwise both are shifted
 * until their top bits are set, one step of long division gives the first 64 bits of the quotient
 * and whether anything is left below them, and the conversion of those 64 bits to double rounds
 * once. The result lies between 2^-128 and 2^232, so it is never subnormal and scaling it is exact.
 */
#include "base/exact.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

#define EXACT_DOUBLE_MAX ((uint64_t)1 << 53)
#define HUNDREDTHS       100

typedef struct uint256 {
    mdli_uint128 low;
    mdli_uint128 high;
} uint256;

static int leading_zeros_128(mdli_uint128 value)
{
    uint64_t high = (uint64_t)(value >> 64);
    return high != 0 ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)value);
}

static uint256 multiply_128_by_128(mdli_uint128 a, mdli_uint128 b)
{
    uint64_t a_low = (uint64_t)a;
    uint64_t a_high = (uint64_t)(a >> 64);
    uint64_t b_low = (uint64_t)b;
    uint64_t b_high = (uint64_t)(b >> 64);

    mdli_uint128 low = (mdli_uint128)a_low * b_low;
    mdli_uint128 cross_1 = (mdli_uint128)a_low * b_high + (uint64_t)(low >> 64);
    mdli_uint128 cross_2 = (mdli_uint128)a_high * b_low + (uint64_t)cross_1;
    uint256 product = {
        .low = cross_2 << 64 | (uint64_t)low,
        .high = (mdli_uint128)a_high * b_high + (cross_1 >> 64) + (cross_2 >> 64),
    };
    return product;
}

/* Shifts out leading zeros; returns how many. `value` is not zero. */
static int normalize_256(uint256 *value)
{
    int shift = 0;
    if (value->high == 0) {
        value->high = value->low;
        value->low = 0;
        shift = 128;
    }
    int zeros = leading_zeros_128(value->high);
    if (zeros > 0) {
        value->high = value->high << zeros | value->low >> (128 - zeros);
        value->low <<= zeros;
    }
    return shift + zeros;
}

/*
 * (high * 2^64 + low) / divisor, where the divisor's top bit is set and high < divisor, so that the
 * quotient fits in 64 bits. Knuth's algorithm D (The Art of Computer Programming 4.3.1) with 64-bit
 * digits: the quotient guessed from the divisor's first digit is at most 2 too large.
 */
static uint64_t divide_192_by_128(mdli_uint128 high, uint64_t low, mdli_uint128 divisor,
                                  mdli_uint128 *remainder)
{
    uint64_t divisor_high = (uint64_t)(divisor >> 64);
    uint64_t divisor_low = (uint64_t)divisor;

    /* At most 2^64 + 1, so that its product with another 64 bits still fits in 128. */
    mdli_uint128 guess = high / divisor_high;
    mdli_uint128 rest = high - guess * divisor_high;
    while (rest <= UINT64_MAX && guess * divisor_low > (rest << 64 | low)) {
        guess--;
        rest += divisor_high;
    }
    /* The true remainder is below the divisor: what overflows in between cancels out. */
    *remainder = (rest << 64 | low) - guess * divisor_low;
    return (uint64_t)guess;
}

/* The double nearest to numerator / denominator; both positive. */
static double divide_wide(uint256 numerator, mdli_uint128 denominator)
{
    int denominator_shift = leading_zeros_128(denominator);
    denominator <<= denominator_shift;
    int numerator_shift = normalize_256(&numerator);

    if (numerator.high >= denominator) {
        /* The bit shifted out is 0: no numerator has more than 240 bits. */
        numerator.low = numerator.low >> 1 | numerator.high << 127;
        numerator.high >>= 1;
        numerator_shift--;
    }
    mdli_uint128 remainder;
    uint64_t quotient =
        divide_192_by_128(numerator.high, (uint64_t)(numerator.low >> 64), denominator, &remainder);
    bool inexact = remainder != 0 || (uint64_t)numerator.low != 0;

    /* The quotient's top bit is set, so its lowest 11 bits only decide the rounding: one of them
     * set for all that was cut off keeps what lies just above a tie from looking like one. */
    assert(quotient >> 63 == 1);
    return ldexp((double)(quotient | inexact), 64 + denominator_shift - numerator_shift);
}

static double divide(mdli_uint128 numerator, mdli_uint128 denominator)
{
    if (numerator <= EXACT_DOUBLE_MAX && denominator <= EXACT_DOUBLE_MAX) {
        return (double)(uint64_t)numerator / (double)(uint64_t)denominator;
    }
    if (numerator == 0) {
        return 0.0;
    }
    return divide_wide((uint256){.low = numerator}, denominator);
}

static mdli_uint128 magnitude(mdli_int128 value)
{
    return value < 0 ? -(mdli_uint128)value : (mdli_uint128)value;
}

double mdli_ratio_to_double(mdli_int128 numerator, mdli_uint128 denominator)
{
    assert(denominator > 0);
    double quotient = divide(magnitude(numerator), denominator);
    return numerator < 0 ? -quotient : quotient;
}

double mdli_average(mdli_int128 sum, int64_t n, int64_t scale)
{
    assert(n >= 1 && n <= MDLI_EXACT_N_MAX);
    assert(scale >= 1 && scale <= MDLI_EXACT_SCALE_MAX);
    return mdli_ratio_to_double(sum, (mdli_uint128)n * (mdli_uint128)scale);
}

/* n * sum_squares - sum^2, in 256 bits. */
static uint256 variance_numerator(mdli_uint128 sum, mdli_uint192 sum_squares, int64_t n)
{
    uint256 result = multiply_128_by_128(sum_squares.low, (mdli_uint128)n);
    result.high += (mdli_uint128)sum_squares.high * (mdli_uint128)n;

    uint256 square = multiply_128_by_128(sum, sum);
    bool borrow = result.low < square.low;
    result.low -= square.low;
    result.high -= square.high + borrow;
    return result;
}

double mdli_stddev(mdli_int128 sum, mdli_uint192 sum_squares, int64_t n, int64_t scale)
{
    assert(n >= 2 && n <= MDLI_EXACT_N_MAX);
    assert(scale >= 1 && scale <= MDLI_EXACT_SCALE_MAX);

    /* At most 2^80 * 2^40. */
    mdli_uint128 denominator =
        (mdli_uint128)n * (mdli_uint128)(n - 1) * (mdli_uint128)scale * (mdli_uint128)scale;
    uint256 numerator = variance_numerator(magnitude(sum), sum_squares, n);
    /* Cauchy and Schwarz; a difference below zero would have wrapped around. */
    assert(numerator.high >> 112 == 0);

    double variance = numerator.high == 0 ? divide(numerator.low, denominator)
                                          : divide_wide(numerator, denominator);
    return sqrt(variance);
}

double mdli_average_hundredths(mdli_int128 sum_hundredths, int64_t n)
{
    return mdli_average(sum_hundredths, n, HUNDREDTHS);
}

double mdli_stddev_hundredths(mdli_int128 sum_hundredths, mdli_uint128 sum_squares, int64_t n)
{
    return mdli_stddev(sum_hundredths, (mdli_uint192){.low = sum_squares}, n, HUNDREDTHS);
}
