/*
 * Exact averages, standard deviations and ratios.
 *
 * Sums are kept as integers, so they do not depend on the order in which rows are added. Here they
 * become a double, by one division that is rounded once: to the nearest double, ties to even. The
 * functions allocate nothing, cannot fail, and rely on the default rounding mode.
 *
 * Bounds, for every function that takes them: 1 <= n <= MDLI_EXACT_N_MAX (2 <= n for a standard
 * deviation) and 1 <= scale <= MDLI_EXACT_SCALE_MAX. Within them every column of INT32, INT64 or
 * DECIMAL is covered, extreme values included: |v| <= 2^63 gives |sum| <= 2^103, a sum of squares
 * up to 2^166 (hence mdli_uint192), and products up to 2^206, which are computed in 256 bits.
 */
#ifndef MDLI_BASE_EXACT_H
#define MDLI_BASE_EXACT_H

#include <stdint.h>

__extension__ typedef __int128 mdli_int128;
__extension__ typedef unsigned __int128 mdli_uint128;

#define MDLI_EXACT_N_MAX     ((int64_t)1 << 40)
#define MDLI_EXACT_SCALE_MAX ((int64_t)1 << 20)

/* A sum of squares too wide for 128 bits: high * 2^128 + low. */
typedef struct mdli_uint192 {
    mdli_uint128 low;
    uint64_t high;
} mdli_uint192;

static inline mdli_uint192 mdli_uint192_add(mdli_uint192 a, mdli_uint192 b)
{
    mdli_uint192 sum = {.low = a.low + b.low, .high = a.high + b.high};
    sum.high += sum.low < a.low;
    return sum;
}

/* `sum` plus the square of `value`, which may be any int64_t. */
static inline mdli_uint192 mdli_uint192_add_square(mdli_uint192 sum, int64_t value)
{
    mdli_uint192 square = {.low = (mdli_uint128)((mdli_int128)value * value)};
    return mdli_uint192_add(sum, square);
}

/* The double nearest to numerator / denominator, for all 128-bit values; denominator > 0. */
double mdli_ratio_to_double(mdli_int128 numerator, mdli_uint128 denominator);

/* The average of n values that are counted in units of 1/scale: nearest to sum / (n * scale). */
double mdli_average(mdli_int128 sum, int64_t n, int64_t scale);

/*
 * The sample standard deviation of n values that are counted in units of 1/scale: the double square
 * root of the double nearest to (n * sum_squares - sum^2) / (n * (n - 1) * scale^2). The sums must
 * be those of real values, so that the numerator is not negative.
 */
double mdli_stddev(mdli_int128 sum, mdli_uint192 sum_squares, int64_t n, int64_t scale);

/* The same for DECIMAL(9,2): the sums are those of the hundredths and of their squares. */
double mdli_average_hundredths(mdli_int128 sum_hundredths, int64_t n);
double mdli_stddev_hundredths(mdli_int128 sum_hundredths, mdli_uint128 sum_squares, int64_t n);

#endif
