/*
 * base/decimal.h: the grammar case by case, every rating there is, and the C library's printf and
 * strtoll.
 */
#include <stdbool.h>
#include <string.h>

#include "base/decimal.h"
#include "support/random.h"
#include "support/run_suite.h"

#define N_RANDOM 1000000

static int64_t length(const char *text)
{
    return (int64_t)strlen(text);
}

static void expect_decimal(const char *text, mdli_parse result, int32_t hundredths)
{
    int32_t value = -7;
    ck_assert_msg(mdli_parse_decimal(text, length(text), &value) == result, "%s", text);
    ck_assert_msg(value == (result == MDLI_PARSE_OK ? hundredths : -7), "%s: %d", text, value);
}

START_TEST(decimal_grammar)
{
    expect_decimal("4.5", MDLI_PARSE_OK, 450);
    expect_decimal("4", MDLI_PARSE_OK, 400);
    expect_decimal("3.75", MDLI_PARSE_OK, 375);
    expect_decimal("3.05", MDLI_PARSE_OK, 305);
    expect_decimal("-0.5", MDLI_PARSE_OK, -50);
    expect_decimal("-0.0", MDLI_PARSE_OK, 0);
    expect_decimal("0004.50", MDLI_PARSE_OK, 450);
    expect_decimal("00000000000000000000000000000000004.5", MDLI_PARSE_OK, 450);
    expect_decimal("9999.99", MDLI_PARSE_OK, 999999);
    expect_decimal("-9999.99", MDLI_PARSE_OK, -999999);

    expect_decimal("10000", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_decimal("-10000.00", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_decimal("18446744073709551616.5", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_decimal("184467440737095516160000.55", MDLI_PARSE_OUT_OF_RANGE, 0);

    static const char *const malformed[] = {"",    "-",    ".",     "4.",      ".5",    "+4.5",
                                            " 4",  "4 ",   "4.555", "4,5",     "4.5.0", "--4",
                                            "4e0", "0x10", "4.-5",  "-.5",     "4.5x",  "10000.123",
                                            "NaN", "4-",   "4..5",  "\xd9\xa4"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        expect_decimal(malformed[i], MDLI_PARSE_MALFORMED, 0);
    }
    int32_t value;
    ck_assert(mdli_parse_decimal("4\0", 2, &value) == MDLI_PARSE_MALFORMED);
}
END_TEST

START_TEST(decimal_reads_only_its_bytes)
{
    int32_t value = 0;
    ck_assert(mdli_parse_decimal("4.5777", 3, &value) == MDLI_PARSE_OK);
    ck_assert_int_eq(value, 450);
}
END_TEST

/* Every rating there is: printf of two decimals, its trailing zero cut, is the shortest text. */
START_TEST(decimal_of_all_ratings)
{
    for (int32_t hundredths = -MDLI_HUNDREDTHS_MAX; hundredths <= MDLI_HUNDREDTHS_MAX;
         hundredths++) {
        char expected[32];
        int size = snprintf(expected, sizeof expected, "%.2f", hundredths / 100.0);
        int32_t value = 0;
        mdli_parse result = mdli_parse_decimal(expected, size, &value);
        ASSERT_IN_LOOP(result == MDLI_PARSE_OK && value == hundredths, "%s: %d", expected, value);

        size -= expected[size - 1] == '0';
        char text[MDLI_DECIMAL_TEXT_MAX];
        int text_size = mdli_format_decimal(hundredths, text);
        ASSERT_IN_LOOP(text_size == size && memcmp(text, expected, (size_t)size) == 0, "%.*s",
                       text_size, text);
        result = mdli_parse_decimal(text, size, &value);
        ASSERT_IN_LOOP(result == MDLI_PARSE_OK && value == hundredths, "%.*s: %d", size, text,
                       value);
    }
}
END_TEST

static void expect_decimal_text(int32_t hundredths, const char *expected)
{
    char text[MDLI_DECIMAL_TEXT_MAX];
    ck_assert_int_eq(mdli_format_decimal(hundredths, text), length(expected));
    ck_assert(memcmp(text, expected, strlen(expected)) == 0);
}

START_TEST(decimal_text)
{
    expect_decimal_text(450, "4.5");
    expect_decimal_text(300, "3.0");
    expect_decimal_text(375, "3.75");
    expect_decimal_text(-50, "-0.5");
    expect_decimal_text(5, "0.05");
    expect_decimal_text(0, "0.0");
    expect_decimal_text(INT32_MAX, "21474836.47");
    expect_decimal_text(INT32_MIN, "-21474836.48");
}
END_TEST

static void expect_id(const char *text, mdli_parse result, int32_t id)
{
    int32_t value = -7;
    ck_assert_msg(mdli_parse_id(text, length(text), &value) == result, "%s", text);
    ck_assert_msg(value == (result == MDLI_PARSE_OK ? id : -7), "%s: %d", text, value);
}

START_TEST(id_grammar)
{
    expect_id("1", MDLI_PARSE_OK, 1);
    expect_id("2147483647", MDLI_PARSE_OK, INT32_MAX);
    expect_id("000000000000000000000000000000000000000042", MDLI_PARSE_OK, 42);
    expect_id("0", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_id("000", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_id("2147483648", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_id("4294967297", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_id("18446744073709551617", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_id("340282366920938463463374607431768211457", MDLI_PARSE_OUT_OF_RANGE, 0);
    static const char *const malformed[] = {"", "-1", "-", "+1", " 1", "1 ", "1.0", "1e3", "a"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        expect_id(malformed[i], MDLI_PARSE_MALFORMED, 0);
    }
}
END_TEST

static void expect_timestamp(const char *text, mdli_parse result, int64_t seconds)
{
    int64_t value = -7;
    ck_assert_msg(mdli_parse_timestamp_seconds(text, length(text), &value) == result, "%s", text);
    ck_assert_msg(value == (result == MDLI_PARSE_OK ? seconds : -7), "%s", text);
}

START_TEST(timestamp_grammar)
{
    expect_timestamp("964982703", MDLI_PARSE_OK, 964982703);
    expect_timestamp("-0001", MDLI_PARSE_OK, -1);
    expect_timestamp("-62135596800", MDLI_PARSE_OK, MDLI_TIMESTAMP_MIN);
    expect_timestamp("253402300799", MDLI_PARSE_OK, MDLI_TIMESTAMP_MAX);
    expect_timestamp("-62135596801", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_timestamp("253402300800", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_timestamp("99999999999999999999999", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_timestamp("", MDLI_PARSE_MALFORMED, 0);
    expect_timestamp("-", MDLI_PARSE_MALFORMED, 0);
    expect_timestamp("1.0", MDLI_PARSE_MALFORMED, 0);
    expect_timestamp("+1", MDLI_PARSE_MALFORMED, 0);
}
END_TEST

START_TEST(integer_ranges)
{
    int32_t narrow = 0;
    int64_t wide = 0;
    ck_assert(mdli_parse_int32("-2147483648", 11, &narrow) == MDLI_PARSE_OK);
    ck_assert_int_eq(narrow, INT32_MIN);
    ck_assert(mdli_parse_int32("2147483648", 10, &narrow) == MDLI_PARSE_OUT_OF_RANGE);
    ck_assert(mdli_parse_int32("-2147483649", 11, &narrow) == MDLI_PARSE_OUT_OF_RANGE);
    ck_assert(mdli_parse_int64("-9223372036854775808", 20, &wide) == MDLI_PARSE_OK);
    ck_assert(wide == INT64_MIN);
    ck_assert(mdli_parse_int64("9223372036854775807", 19, &wide) == MDLI_PARSE_OK);
    ck_assert(wide == INT64_MAX);
    ck_assert(mdli_parse_int64("9223372036854775808", 19, &wide) == MDLI_PARSE_OUT_OF_RANGE);
    ck_assert(mdli_parse_int64("-9223372036854775809", 20, &wide) == MDLI_PARSE_OUT_OF_RANGE);
    ck_assert(mdli_parse_int64("-18446744073709551615", 21, &wide) == MDLI_PARSE_OUT_OF_RANGE);
    ck_assert(mdli_parse_int64("18446744073709551616", 20, &wide) == MDLI_PARSE_OUT_OF_RANGE);
    ck_assert(mdli_parse_int64("99999999999999999999999999x", 27, &wide) == MDLI_PARSE_MALFORMED);
    ck_assert(wide == INT64_MAX);
}
END_TEST

static void expect_integer_text(int64_t number)
{
    char expected[32];
    char text[MDLI_INT64_TEXT_MAX];
    int size = snprintf(expected, sizeof expected, "%" PRId64, number);
    int text_size = mdli_format_int64(number, text);
    ASSERT_IN_LOOP(text_size == size && memcmp(text, expected, (size_t)size) == 0, "%s", expected);
    int64_t value = 0;
    mdli_parse result = mdli_parse_int64(text, size, &value);
    ASSERT_IN_LOOP(result == MDLI_PARSE_OK && value == number, "%s", expected);
}

START_TEST(integer_text)
{
    for (int64_t power = 1; power <= INT64_MAX / 10; power *= 10) {
        for (int64_t number = power - 2; number <= power + 1; number++) {
            expect_integer_text(number);
            expect_integer_text(-number);
        }
    }
    expect_integer_text(INT64_MIN);
    expect_integer_text(INT64_MAX);
    char text[MDLI_INT64_TEXT_MAX];
    ck_assert_int_eq(mdli_format_uint64(UINT64_MAX, text), 20);
    ck_assert(memcmp(text, "18446744073709551615", 20) == 0);

    test_random random = test_random_start("integer_text");
    for (int i = 0; i < N_RANDOM; i++) {
        expect_integer_text((int64_t)test_random_any_size(&random));
    }
}
END_TEST

static Suite *decimal_suite(void)
{
    Suite *suite = suite_create("decimal");
    TCase *decimals = tcase_create("decimals");
    tcase_add_test(decimals, decimal_grammar);
    tcase_add_test(decimals, decimal_reads_only_its_bytes);
    tcase_add_test(decimals, decimal_of_all_ratings);
    tcase_add_test(decimals, decimal_text);
    tcase_set_timeout(decimals, 60);
    suite_add_tcase(suite, decimals);
    TCase *integers = tcase_create("integers");
    tcase_add_test(integers, id_grammar);
    tcase_add_test(integers, timestamp_grammar);
    tcase_add_test(integers, integer_ranges);
    tcase_add_test(integers, integer_text);
    tcase_set_timeout(integers, 60);
    suite_add_tcase(suite, integers);
    return suite;
}

int main(void)
{
    return run_suite(decimal_suite());
}
