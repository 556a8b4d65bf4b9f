/*
 * base/exact.h against quotients rounded by Python's fractions, and against a division that takes
 * one bit at a time, on schoolbook numbers of 32-bit digits.
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/exact.h"
#include "support/random.h"
#include "support/run_suite.h"

#define N_RANDOM 20000
#define N_DIGITS 10

static const mdli_int128 int128_min = (mdli_int128)((mdli_uint128)1 << 127);
static const mdli_int128 int128_max = (mdli_int128)(((mdli_uint128)1 << 127) - 1);
static const mdli_uint128 uint128_max = ~(mdli_uint128)0;

/* A natural number below 2^320, lowest digit first. */
typedef struct natural {
    uint32_t digits[N_DIGITS];
} natural;

static natural natural_from(mdli_uint128 value)
{
    natural result = {{0}};
    for (int i = 0; i < 4; i++) {
        result.digits[i] = (uint32_t)(value >> (32 * i));
    }
    return result;
}

static natural natural_multiply(natural a, natural b)
{
    natural product = {{0}};
    for (int i = 0; i < N_DIGITS; i++) {
        uint64_t carry = 0;
        for (int j = 0; i + j < N_DIGITS; j++) {
            carry += (uint64_t)a.digits[i] * b.digits[j] + product.digits[i + j];
            product.digits[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
    }
    return product;
}

static natural natural_add(natural a, natural b)
{
    uint64_t carry = 0;
    for (int i = 0; i < N_DIGITS; i++) {
        carry += (uint64_t)a.digits[i] + b.digits[i];
        a.digits[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return a;
}

static natural natural_subtract(natural a, natural b)
{
    int64_t borrow = 0;
    for (int i = 0; i < N_DIGITS; i++) {
        borrow += (int64_t)a.digits[i] - b.digits[i];
        a.digits[i] = (uint32_t)borrow;
        borrow = borrow < 0 ? -1 : 0;
    }
    return a;
}

static bool natural_is_below(natural a, natural b)
{
    for (int i = N_DIGITS - 1; i >= 0; i--) {
        if (a.digits[i] != b.digits[i]) {
            return a.digits[i] < b.digits[i];
        }
    }
    return false;
}

/* The nearest double to numerator / denominator, ties to even, found bit by bit. */
static double slow_ratio(natural numerator, natural denominator)
{
    natural remainder = {{0}};
    natural zero = {{0}};
    uint64_t significand = 0;
    int n_significant = 0;
    /* Bit 0 is the lowest whole one of the quotient; fractions go on below it. */
    int bit = 32 * N_DIGITS - 1;
    for (; n_significant < 54; bit--) {
        remainder = natural_add(remainder, remainder);
        remainder.digits[0] |= bit >= 0 ? numerator.digits[bit / 32] >> (bit % 32) & 1 : 0;
        bool one = !natural_is_below(remainder, denominator);
        if (one) {
            remainder = natural_subtract(remainder, denominator);
        }
        significand = significand * 2 + one;
        n_significant += n_significant > 0 || one;
    }
    bool exact = !natural_is_below(zero, remainder);
    for (int rest = bit; rest >= 0; rest--) {
        exact = exact && (numerator.digits[rest / 32] >> (rest % 32) & 1) == 0;
    }
    bool half = (significand & 1) != 0;
    significand >>= 1;
    significand += half && (!exact || (significand & 1) != 0);
    return ldexp((double)significand, bit + 2);
}

static mdli_uint128 random_128(test_random *random)
{
    mdli_uint128 value = (mdli_uint128)test_random_next(random) << 64 | test_random_next(random);
    return value >> test_random_below(random, 128);
}

static void expect_ratio(mdli_uint128 numerator, mdli_uint128 denominator)
{
    double expected =
        numerator == 0 ? 0.0 : slow_ratio(natural_from(numerator), natural_from(denominator));
    double actual = mdli_ratio_to_double((mdli_int128)numerator, denominator);
    ASSERT_IN_LOOP(actual == expected,
                   "%016" PRIx64 "%016" PRIx64 " / %016" PRIx64 "%016" PRIx64 ": %a, not %a",
                   (uint64_t)(numerator >> 64), (uint64_t)numerator, (uint64_t)(denominator >> 64),
                   (uint64_t)denominator, actual, expected);
    double negated = mdli_ratio_to_double(-(mdli_int128)numerator, denominator);
    ASSERT_IN_LOOP(negated == -expected, "%a, not %a", negated, -expected);
}

START_TEST(ratio_of_chosen_values)
{
    const mdli_uint128 two_64 = (mdli_uint128)1 << 64;
    mdli_int128 ten_38 = 1;
    for (int i = 0; i < 38; i++) {
        ten_38 *= 10;
    }
    ck_assert(mdli_ratio_to_double(1, 3) == 0x1.5555555555555p-2);
    ck_assert(mdli_ratio_to_double(-2, 3) == -0x1.5555555555555p-1);
    ck_assert(mdli_ratio_to_double((INT64_C(1) << 53) + 1, 1) == 0x1p53);
    ck_assert(mdli_ratio_to_double((INT64_C(1) << 53) + 3, 1) == 0x1.0000000000002p53);
    ck_assert(mdli_ratio_to_double((INT64_C(1) << 54) + 2, 1) == 0x1p54);
    ck_assert(mdli_ratio_to_double((INT64_C(1) << 54) + 6, 1) == 0x1.0000000000002p54);
    ck_assert(mdli_ratio_to_double(int128_max, 1) == 0x1p127);
    ck_assert(mdli_ratio_to_double(int128_min, 1) == -0x1p127);
    ck_assert(mdli_ratio_to_double(1, uint128_max) == 0x1p-128);
    ck_assert(mdli_ratio_to_double(int128_min, uint128_max) == -0x1p-1);
    ck_assert(mdli_ratio_to_double(int128_max, (mdli_uint128)1 << 127) == 1.0);
    ck_assert(mdli_ratio_to_double(ten_38, 3) == 0x1.913c4381e2cecp124);
    /* A tie, just above a tie, and the tie whose even neighbour is above. */
    ck_assert(mdli_ratio_to_double((mdli_int128)(two_64 + 2048), 1) == 0x1p64);
    ck_assert(mdli_ratio_to_double((mdli_int128)(two_64 + 2049), 1) == 0x1.0000000000001p64);
    ck_assert(mdli_ratio_to_double((mdli_int128)(two_64 + 3 * 2048), 1) == 0x1.0000000000002p64);
    ck_assert(mdli_ratio_to_double((mdli_int128)(two_64 * 7 + 8192 * 7), 7) ==
              0x1.0000000000002p64);
}
END_TEST

START_TEST(ratio_of_zero_is_positive_zero)
{
    double small = mdli_ratio_to_double(0, 7);
    double large = mdli_ratio_to_double(0, uint128_max);
    ck_assert(small == 0.0 && !signbit(small));
    ck_assert(large == 0.0 && !signbit(large));
}
END_TEST

START_TEST(ratio_of_random_values)
{
    test_random random = test_random_start("ratio_of_random_values");
    for (int i = 0; i < N_RANDOM; i++) {
        mdli_uint128 numerator = random_128(&random) >> 1;
        mdli_uint128 denominator = random_128(&random);
        expect_ratio(numerator, denominator == 0 ? 1 : denominator);
    }
}
END_TEST

/* Quotients that lie on a midpoint between two doubles, or next to one. */
START_TEST(ratio_near_ties)
{
    test_random random = test_random_start("ratio_near_ties");
    for (int i = 0; i < N_RANDOM; i++) {
        uint64_t midpoint = (test_random_next(&random) >> 11 | UINT64_C(1) << 52) * 2 + 1;
        mdli_uint128 denominator = 1 + test_random_below(&random, UINT64_C(1) << 40);
        int shift = (int)test_random_below(&random, 30);
        mdli_uint128 product = ((mdli_uint128)midpoint * denominator) << shift;
        expect_ratio(product - 1, denominator);
        expect_ratio(product, denominator);
        expect_ratio(product + 1, denominator);
    }
}
END_TEST

/* Equal leading digits make the guess at a digit of the quotient as wrong as it can be. */
START_TEST(ratio_with_equal_leading_digits)
{
    test_random random = test_random_start("ratio_with_equal_leading_digits");
    for (int i = 0; i < N_RANDOM; i++) {
        uint64_t high = UINT64_C(1) << 63 | test_random_any_size(&random) >> 1;
        uint64_t low = ~(test_random_any_size(&random) >> 1);
        mdli_uint128 denominator = (mdli_uint128)high << 64 | low;
        mdli_uint128 less = 1 + (mdli_uint128)test_random_any_size(&random);
        expect_ratio((denominator - less) >> 1, denominator);
        expect_ratio(random_128(&random) >> 1, denominator);
    }
}
END_TEST

START_TEST(average_divides_by_n_and_scale)
{
    ck_assert(mdli_average_hundredths(1150, 3) == 11.5 / 3);
    ck_assert(mdli_average_hundredths(-450, 1) == -4.5);
    ck_assert(mdli_average(10, 4, 1) == 2.5);
    /* The extremes of what is promised: 2^40 times INT64_MIN. */
    ck_assert(mdli_average((mdli_int128)INT64_MIN * MDLI_EXACT_N_MAX, MDLI_EXACT_N_MAX, 1) ==
              -0x1p63);
    ck_assert(mdli_average(1, MDLI_EXACT_N_MAX, MDLI_EXACT_SCALE_MAX) == 0x1p-60);
}
END_TEST

START_TEST(stddev_of_chosen_values)
{
    mdli_int128 half = MDLI_EXACT_N_MAX / 2;
    mdli_uint192 squares = {0};
    squares = mdli_uint192_add_square(squares, 350);
    squares = mdli_uint192_add_square(squares, 400);
    squares = mdli_uint192_add_square(squares, -450);
    ck_assert(squares.high == 0 && squares.low == 485000);
    ck_assert(mdli_stddev_hundredths(1200, 485000, 3) == 0.5);
    ck_assert(mdli_stddev(1200, squares, 3, 1) == 50.0);

    /* n = 2^40 ratings, half of them 9999.99 and half -9999.99; then nearly equal ones. */
    ck_assert(mdli_stddev_hundredths(0, (mdli_uint128)999999 * 999999 * MDLI_EXACT_N_MAX,
                                     MDLI_EXACT_N_MAX) == 0x1.387feb851f549p+13);
    ck_assert(mdli_stddev_hundredths(6 * half + 7, 18 * (mdli_uint128)half + 101,
                                     MDLI_EXACT_N_MAX) == 0x1.3a9ea69d43e60p-24);
}
END_TEST

/* Half of 2^40 values INT64_MIN, half INT64_MAX: Python says 0x1.0000000000800p+63. */
START_TEST(stddev_of_extreme_int64)
{
    mdli_uint192 squares = {0};
    squares = mdli_uint192_add_square(squares, INT64_MIN);
    squares = mdli_uint192_add_square(squares, INT64_MAX);
    for (int64_t n = 2; n < MDLI_EXACT_N_MAX; n *= 2) {
        squares = mdli_uint192_add(squares, squares);
    }
    ck_assert(squares.high == (UINT64_C(1) << 38) - 1);
    mdli_int128 sum = -(mdli_int128)(MDLI_EXACT_N_MAX / 2);
    ck_assert(mdli_stddev(sum, squares, MDLI_EXACT_N_MAX, 1) == 0x1.0000000000800p+63);
}
END_TEST

/* A variance halfway between two doubles rounds to the even one; the lowest of its 192 bits counts.
 */
START_TEST(stddev_just_above_a_tie)
{
    const double even = sqrt(0x1.0000000000002p191);
    const double odd = sqrt(0x1.0000000000003p191);
    ck_assert(even < odd);
    uint64_t high = UINT64_C(1) << 63 | UINT64_C(1) << 12 | UINT64_C(1) << 10;
    ck_assert(mdli_stddev(0, (mdli_uint192){.low = 0, .high = high}, 2, 1) == even);
    ck_assert(mdli_stddev(0, (mdli_uint192){.low = 1, .high = high}, 2, 1) == odd);
}
END_TEST

START_TEST(stddev_of_equal_values_is_zero)
{
    ck_assert(mdli_stddev_hundredths(700, 245000, 2) == 0.0);
    int64_t n = MDLI_EXACT_N_MAX;
    mdli_int128 value = 999999;
    ck_assert(mdli_stddev_hundredths(value * n, (mdli_uint128)(value * value * n), n) == 0.0);
}
END_TEST

START_TEST(stddev_of_random_values)
{
    test_random random = test_random_start("stddev_of_random_values");
    for (int i = 0; i < N_RANDOM / 10; i++) {
        /* A few distinct values, each many times, reach large n quickly. */
        int64_t scale = 1 + (int64_t)test_random_below(&random, MDLI_EXACT_SCALE_MAX);
        mdli_int128 sum = 0;
        mdli_uint192 squares = {0};
        natural n_squares = {{0}};
        int64_t n = 0;
        for (int j = 0; j < 4; j++) {
            int64_t value = (int64_t)test_random_any_size(&random);
            int shift = (int)test_random_below(&random, 38);
            mdli_uint192 repeated = mdli_uint192_add_square((mdli_uint192){0}, value);
            uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
            natural square = natural_multiply(natural_from(size), natural_from(size));
            square = natural_multiply(square, natural_from((mdli_uint128)1 << shift));
            n_squares = natural_add(n_squares, square);
            for (int k = 0; k < shift; k++) {
                repeated = mdli_uint192_add(repeated, repeated);
            }
            squares = mdli_uint192_add(squares, repeated);
            sum += (mdli_int128)value * ((mdli_int128)1 << shift);
            n += INT64_C(1) << shift;
        }
        mdli_uint128 size = sum < 0 ? (mdli_uint128)-sum : (mdli_uint128)sum;
        natural numerator =
            natural_subtract(natural_multiply(n_squares, natural_from((mdli_uint128)n)),
                             natural_multiply(natural_from(size), natural_from(size)));
        natural denominator =
            natural_multiply(natural_from((mdli_uint128)n * (mdli_uint128)(n - 1)),
                             natural_from((mdli_uint128)scale * (mdli_uint128)scale));
        natural zero = {{0}};
        double variance =
            natural_is_below(zero, numerator) ? slow_ratio(numerator, denominator) : 0.0;
        double stddev = mdli_stddev(sum, squares, n, scale);
        ASSERT_IN_LOOP(stddev == sqrt(variance), "%a, not %a", stddev, sqrt(variance));
    }
}
END_TEST

static Suite *exact_suite(void)
{
    Suite *suite = suite_create("exact");
    TCase *ratio = tcase_create("ratio");
    tcase_add_test(ratio, ratio_of_chosen_values);
    tcase_add_test(ratio, ratio_of_zero_is_positive_zero);
    tcase_add_test(ratio, ratio_of_random_values);
    tcase_add_test(ratio, ratio_near_ties);
    tcase_add_test(ratio, ratio_with_equal_leading_digits);
    tcase_set_timeout(ratio, 60);
    suite_add_tcase(suite, ratio);
    TCase *moments = tcase_create("moments");
    tcase_add_test(moments, average_divides_by_n_and_scale);
    tcase_add_test(moments, stddev_of_chosen_values);
    tcase_add_test(moments, stddev_of_extreme_int64);
    tcase_add_test(moments, stddev_just_above_a_tie);
    tcase_add_test(moments, stddev_of_equal_values_is_zero);
    tcase_add_test(moments, stddev_of_random_values);
    tcase_set_timeout(moments, 60);
    suite_add_tcase(suite, moments);
    return suite;
}

int main(void)
{
    return run_suite(exact_suite());
}
