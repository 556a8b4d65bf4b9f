/*
 * Sums, averages and standard deviations for tests, by decimal long division and strtod: nothing of
 * the library's own arithmetic is used.
 */
#ifndef TESTS_EXACT_ORACLE_H
#define TESTS_EXACT_ORACLE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

__extension__ typedef __int128 oracle_int128;
__extension__ typedef unsigned __int128 oracle_uint128;

/* 256 bits without sign, the lowest limb first. */
enum {
    ORACLE_LIMBS = 8
};

typedef struct oracle_wide {
    uint32_t limbs[ORACLE_LIMBS];
} oracle_wide;

/* What has been added: how many, their sum, the sum of their squares. */
typedef struct oracle_sums {
    int64_t n;
    oracle_int128 sum;
    oracle_wide squares;
} oracle_sums;

static inline oracle_uint128 oracle_magnitude(oracle_int128 x)
{
    return x < 0 ? -(oracle_uint128)x : (oracle_uint128)x;
}

static inline oracle_wide oracle_product(oracle_uint128 a, oracle_uint128 b)
{
    oracle_wide product = {{0}};
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        uint64_t x = (uint32_t)(a >> (32 * i));
        for (int j = 0; j < 4; j++) {
            uint64_t y = (uint32_t)(b >> (32 * j));
            uint64_t sum = x * y + product.limbs[i + j] + carry;
            product.limbs[i + j] = (uint32_t)sum;
            carry = sum >> 32;
        }
        product.limbs[i + 4] = (uint32_t)carry;
    }
    return product;
}

/* a × factor + b, or a × factor − b. */
static inline oracle_wide oracle_combine(oracle_wide a, uint32_t factor, oracle_wide b, bool adds)
{
    oracle_int128 carry = 0;
    for (int i = 0; i < ORACLE_LIMBS; i++) {
        oracle_int128 term = adds ? (oracle_int128)b.limbs[i] : -(oracle_int128)b.limbs[i];
        carry += (oracle_int128)a.limbs[i] * factor + term;
        a.limbs[i] = (uint32_t)((oracle_uint128)carry & UINT32_MAX);
        carry >>= 32;
    }
    return a;
}

/* Divides in place and gives the remainder. */
static inline uint64_t oracle_divide(oracle_wide *a, uint64_t divisor)
{
    oracle_uint128 remainder = 0;
    for (int i = ORACLE_LIMBS - 1; i >= 0; i--) {
        remainder = remainder << 32 | a->limbs[i];
        a->limbs[i] = (uint32_t)(remainder / divisor);
        remainder %= divisor;
    }
    return (uint64_t)remainder;
}

/*
 * The double nearest to numerator / denominator. The digits that are cut off are stood for by a
 * last 1, which is enough since an exact tie between two doubles ends long before.
 */
static inline double oracle_quotient(oracle_wide numerator, uint64_t denominator)
{
    enum {
        INTEGER_DIGITS = 80,
        FRACTION_DIGITS = 200
    };
    char text[INTEGER_DIGITS + FRACTION_DIGITS + 3];
    oracle_uint128 remainder = oracle_divide(&numerator, denominator);
    for (int i = INTEGER_DIGITS - 1; i >= 0; i--) {
        text[i] = (char)('0' + oracle_divide(&numerator, 10));
    }
    char *at = text + INTEGER_DIGITS;
    *at++ = '.';
    for (int i = 0; i < FRACTION_DIGITS; i++) {
        *at++ = (char)('0' + (int)(remainder * 10 / denominator));
        remainder = remainder * 10 % denominator;
    }
    *at++ = remainder != 0 ? '1' : '0';
    *at = '\0';
    return strtod(text, NULL);
}

static inline void oracle_add(oracle_sums *sums, int64_t x)
{
    oracle_uint128 magnitude = oracle_magnitude(x);
    sums->n++;
    sums->sum += x;
    sums->squares = oracle_combine(sums->squares, 1, oracle_product(magnitude, magnitude), true);
}

/* The sum; false when it does not fit. */
static inline bool oracle_sum(const oracle_sums *sums, int64_t *out)
{
    *out = (int64_t)sums->sum;
    return sums->sum >= INT64_MIN && sums->sum <= INT64_MAX;
}

/* The average of values that count `scale` to one. */
static inline double oracle_average(const oracle_sums *sums, int64_t scale)
{
    oracle_wide numerator = oracle_product(oracle_magnitude(sums->sum), 1);
    double average = oracle_quotient(numerator, (uint64_t)(sums->n * scale));
    return sums->sum < 0 ? -average : average;
}

/* The standard deviation of a sample; n ≥ 2. */
static inline double oracle_stddev(const oracle_sums *sums, int64_t scale)
{
    oracle_uint128 sum = oracle_magnitude(sums->sum);
    oracle_wide numerator =
        oracle_combine(sums->squares, (uint32_t)sums->n, oracle_product(sum, sum), false);
    return sqrt(oracle_quotient(numerator, (uint64_t)(sums->n * (sums->n - 1) * scale * scale)));
}

#endif
