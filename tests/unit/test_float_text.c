/*
 * base/float_text.h against the C library: strtod reads every text back to the same bits, and the
 * first of printf's %.0e, %.1e … that reads back gives the shortest digits.
 */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/float_text.h"
#include "support/random.h"
#include "support/run_suite.h"

#define N_RANDOM    200000
#define N_OF(array) (sizeof(array) / sizeof *(array))

static double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t to_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The text with a NUL behind it. */
typedef struct float_text {
    char text[MDLI_FLOAT_TEXT_MAX + 1];
} float_text;

static float_text format(double value)
{
    float_text result;
    int size = mdli_format_double(value, result.text);
    ASSERT_IN_LOOP(size > 0 && size <= MDLI_FLOAT_TEXT_MAX, "%a takes %d bytes", value, size);
    result.text[size] = '\0';
    return result;
}

/* The digits of a number without sign, point, exponent, and zeros at either end. */
static void digits_of(const char *text, char *digits)
{
    char *out = digits;
    for (; *text != '\0' && *text != 'e'; text++) {
        bool is_digit = *text >= '0' && *text <= '9';
        if (is_digit && (*text != '0' || out > digits)) {
            *out++ = *text;
        }
    }
    while (out > digits && out[-1] == '0') {
        out--;
    }
    *out = '\0';
}

static void expect_shortest(double value)
{
    char expected[40];
    for (int n_decimals = 0; n_decimals < DBL_DECIMAL_DIG; n_decimals++) {
        snprintf(expected, sizeof expected, "%.*e", n_decimals, value);
        if (strtod(expected, NULL) == value) {
            break;
        }
    }
    float_text actual = format(value);
    bool same = to_bits(strtod(actual.text, NULL)) == to_bits(value);
    ASSERT_IN_LOOP(same, "%a is written as %s", value, actual.text);
    double parsed = 0;
    mdli_parse result = mdli_parse_double(actual.text, (int64_t)strlen(actual.text), &parsed);
    ASSERT_IN_LOOP(result == MDLI_PARSE_OK && to_bits(parsed) == to_bits(value), "%s is read as %a",
                   actual.text, parsed);

    char expected_digits[40];
    char actual_digits[40];
    digits_of(expected, expected_digits);
    digits_of(actual.text, actual_digits);
    /* Below a power of two the doubles are closer. The nearest short decimal may round to the
     * neighbour there, while one further up rounds to the value: printf does not find that one. */
    bool is_power_of_two = (to_bits(value) & ((UINT64_C(1) << 52) - 1)) == 0;
    bool as_good = is_power_of_two ? strlen(actual_digits) <= strlen(expected_digits)
                                   : strcmp(actual_digits, expected_digits) == 0;
    ASSERT_IN_LOOP(as_good, "%s instead of %s", actual.text, expected);
}

START_TEST(layout)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {4.0, "4.0"},
        {-4.5, "-4.5"},
        {3.75, "3.75"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {0.1 + 0.2, "0.30000000000000004"},
        {100, "100.0"},
        {1e20, "100000000000000000000.0"},
        {123456789012345680000.0, "123456789012345680000.0"},
        {999999999999999900000.0, "999999999999999900000.0"},
        {1e21, "1e+21"},
        {1.5e21, "1.5e+21"},
        {1e23, "1e+23"},
        {1e-5, "0.00001"},
        {1e-6, "0.000001"},
        {1.2345678901234567e-6, "0.0000012345678901234567"},
        {1e-7, "1e-7"},
        {1.5e-7, "1.5e-7"},
        {-9.5e-10, "-9.5e-10"},
        {9007199254740991, "9007199254740991.0"},
        {9007199254740992, "9007199254740992.0"},
        {9007199254740994, "9007199254740994.0"},
        {1152921504606846976, "1152921504606847000.0"},
        {5e-324, "5e-324"},
        {1e-323, "1e-323"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {-DBL_MAX, "-1.7976931348623157e+308"},
        {5.684341886080802e-14, "5.684341886080802e-14"},
        {9.5367431640625e-7, "9.5367431640625e-7"},
        {INFINITY, "Infinity"},
        {-INFINITY, "-Infinity"},
        {NAN, "NaN"},
        {-NAN, "NaN"},
    };
    for (size_t i = 0; i < N_OF(cases); i++) {
        ck_assert_str_eq(format(cases[i].value).text, cases[i].text);
    }
}
END_TEST

/* Every power of two, and its neighbours. */
START_TEST(powers_of_two)
{
    for (uint64_t exponent = 0; exponent < 0x7ff; exponent++) {
        uint64_t bits = exponent << 52;
        if (exponent > 0) {
            expect_shortest(from_bits(bits - 1));
            expect_shortest(from_bits(bits));
        }
        expect_shortest(from_bits(bits + 1));
    }
    for (int i = 0; i < 52; i++) {
        expect_shortest(from_bits(UINT64_C(1) << i));
    }
}
END_TEST

START_TEST(powers_of_ten_and_neighbours)
{
    for (int exponent = -323; exponent <= 308; exponent++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", exponent);
        double value = strtod(text, NULL);
        expect_shortest(nextafter(value, 0) > 0 ? nextafter(value, 0) : value);
        expect_shortest(value);
        expect_shortest(nextafter(value, INFINITY));
    }
}
END_TEST

START_TEST(random_bits)
{
    test_random random = test_random_start("random_bits");
    for (int i = 0; i < N_RANDOM; i++) {
        double value = from_bits(test_random_next(&random));
        if (isfinite(value)) {
            expect_shortest(value);
        }
    }
}
END_TEST

/* What averages look like, subnormal numbers, whole numbers of any size, few decimals. */
START_TEST(random_kinds)
{
    test_random random = test_random_start("random_kinds");
    for (int i = 0; i < N_RANDOM / 4; i++) {
        uint64_t n = 1 + test_random_below(&random, 100000);
        expect_shortest((double)test_random_below(&random, n * 450 + 1) / (double)(n * 100));
        expect_shortest(from_bits(test_random_any_size(&random) >> 12));
        expect_shortest((double)test_random_any_size(&random));
        expect_shortest((double)(int64_t)test_random_any_size(&random) / 1000);
    }
}
END_TEST

static void expect_parse(const char *text, mdli_parse result, double expected)
{
    double value = -7;
    ck_assert_msg(mdli_parse_double(text, (int64_t)strlen(text), &value) == result, "%s", text);
    double wanted = result == MDLI_PARSE_OK ? expected : -7;
    ck_assert_msg(to_bits(value) == to_bits(wanted), "%s: %a, not %a", text, value, wanted);
}

START_TEST(parse_grammar)
{
    static const char *const numbers[] = {
        "0",
        "-0",
        "-0.0e5",
        "4",
        "4.0",
        "007.50",
        "1e3",
        "1E+3",
        "1.5e-7",
        "123456789012345678901234567890",
        "0.000000000000000000000000000000000000000000000001e48",
        "1e-400",
        "4.9e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623158e308",
        "9007199254740993",
        "9007199254740993.0000000000000000000000000000000000000000000000001",
        "1e22",
        "1e23",
        "123456789012345e22",
        "123456789012345e-22",
        "1e-99999999999999999999999999",
        "0e99999999999999999999999999",
    };
    for (size_t i = 0; i < N_OF(numbers); i++) {
        expect_parse(numbers[i], MDLI_PARSE_OK, strtod(numbers[i], NULL));
    }
    expect_parse("Infinity", MDLI_PARSE_OK, INFINITY);
    expect_parse("-Infinity", MDLI_PARSE_OK, -INFINITY);
    double value = 0;
    ck_assert(mdli_parse_double("NaN", 3, &value) == MDLI_PARSE_OK && isnan(value));

    expect_parse("1.7976931348623159e308", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_parse("-1e309", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_parse("1e99999999999999999999999999", MDLI_PARSE_OUT_OF_RANGE, 0);

    static const char *const malformed[] = {"",      "-",   ".5",   "4.",   "+4",    " 4",
                                            "4 ",    "1e",  "1e+",  "1e-",  "e5",    "1.e5",
                                            "1.5.5", "--1", "0x10", "inf",  "nan",   "-NaN",
                                            "1e5.5", "1,5", "4x",   "1ee5", "1e+-5", "Infinity1"};
    for (size_t i = 0; i < N_OF(malformed); i++) {
        expect_parse(malformed[i], MDLI_PARSE_MALFORMED, 0);
    }
    /* Reads only its bytes. */
    ck_assert(mdli_parse_double("4.567", 3, &value) == MDLI_PARSE_OK && value == 4.5);
}
END_TEST

/* Zeros that an exponent makes up for, and a tie that only the last of 2000 digits breaks. */
START_TEST(parse_long_texts)
{
    static char text[4096];
    memset(text, '0', sizeof text);
    text[1] = '.';
    memcpy(text + 3000, "15e3000", sizeof "15e3000");
    expect_parse(text, MDLI_PARSE_OK, strtod(text, NULL));

    memset(text, '0', sizeof text);
    memcpy(text, "15", 2);
    memcpy(text + 3000, "e-2999", sizeof "e-2999");
    expect_parse(text, MDLI_PARSE_OK, 1.5);

    memset(text, '0', sizeof text);
    memcpy(text, "9007199254740993.", 17);
    text[2000] = '\0';
    expect_parse(text, MDLI_PARSE_OK, 9007199254740992.0);
    text[1999] = '1';
    expect_parse(text, MDLI_PARSE_OK, 9007199254740994.0);
}
END_TEST

START_TEST(parse_random_decimals)
{
    test_random random = test_random_start("parse_random_decimals");
    for (int i = 0; i < N_RANDOM; i++) {
        char text[64];
        int exponent = (int)test_random_below(&random, 700) - 350;
        if (i % 2 == 0) {
            exponent %= 30;
        }
        int size = snprintf(text, sizeof text, "%" PRIu64 ".%" PRIu64 "e%d",
                            test_random_any_size(&random), test_random_any_size(&random), exponent);
        double expected = strtod(text, NULL);
        double value = INFINITY;
        mdli_parse result = mdli_parse_double(text, size, &value);
        ASSERT_IN_LOOP((result == MDLI_PARSE_OUT_OF_RANGE) == (isinf(expected) != 0), "%s", text);
        ASSERT_IN_LOOP(to_bits(value) == to_bits(expected), "%s: %a", text, value);
    }
}
END_TEST

static Suite *float_text_suite(void)
{
    Suite *suite = suite_create("float_text");
    TCase *format_case = tcase_create("format");
    tcase_add_test(format_case, layout);
    tcase_add_test(format_case, powers_of_two);
    tcase_add_test(format_case, powers_of_ten_and_neighbours);
    tcase_add_test(format_case, random_bits);
    tcase_add_test(format_case, random_kinds);
    tcase_set_timeout(format_case, 60);
    suite_add_tcase(suite, format_case);
    TCase *parse_case = tcase_create("parse");
    tcase_add_test(parse_case, parse_grammar);
    tcase_add_test(parse_case, parse_long_texts);
    tcase_add_test(parse_case, parse_random_decimals);
    tcase_set_timeout(parse_case, 60);
    suite_add_tcase(suite, parse_case);
    return suite;
}

int main(void)
{
    return run_suite(float_text_suite());
}
