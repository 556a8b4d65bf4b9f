/*
 * base/calendar.h against the C library's gmtime_r, timegm and strftime: every day of years 1 to
 * 9999.
 */
#include <string.h>
#include <time.h>

#include "base/calendar.h"
#include "support/random.h"
#include "support/run_suite.h"

#define N_RANDOM 1000000

static int64_t length(const char *text)
{
    return (int64_t)strlen(text);
}

static void expect_civil(int64_t seconds)
{
    time_t time = (time_t)seconds;
    struct tm expected;
    gmtime_r(&time, &expected);
    mdli_civil civil = mdli_civil_from_timestamp(seconds);
    ASSERT_IN_LOOP(civil.year == expected.tm_year + 1900 && civil.month == expected.tm_mon + 1 &&
                       civil.day == expected.tm_mday && civil.hour == expected.tm_hour &&
                       civil.minute == expected.tm_min && civil.second == expected.tm_sec,
                   "%" PRId64 ": %d-%d-%d", seconds, civil.year, civil.month, civil.day);
    int64_t back = mdli_timestamp_from_civil(&civil);
    ASSERT_IN_LOOP(back == (int64_t)timegm(&expected), "%" PRId64 ", not %" PRId64, back, seconds);
}

START_TEST(every_day)
{
    int32_t day = (int32_t)(MDLI_TIMESTAMP_MIN / MDLI_SECONDS_PER_DAY);
    int64_t midnight = MDLI_TIMESTAMP_MIN;
    for (; midnight < MDLI_TIMESTAMP_MAX; midnight += MDLI_SECONDS_PER_DAY, day++) {
        expect_civil(midnight);
        expect_civil(midnight + MDLI_SECONDS_PER_DAY - 1);
        int32_t first = mdli_day_of_timestamp(midnight);
        int32_t last = mdli_day_of_timestamp(midnight + MDLI_SECONDS_PER_DAY - 1);
        ASSERT_IN_LOOP(first == day && last == day, "day %d is %d to %d", day, first, last);
    }
    ck_assert(midnight == MDLI_TIMESTAMP_MAX + 1);
}
END_TEST

START_TEST(random_seconds)
{
    test_random random = test_random_start("random_seconds");
    uint64_t range = (uint64_t)(MDLI_TIMESTAMP_MAX - MDLI_TIMESTAMP_MIN + 1);
    for (int i = 0; i < N_RANDOM; i++) {
        int64_t seconds = MDLI_TIMESTAMP_MIN + (int64_t)test_random_below(&random, range);
        expect_civil(seconds);

        char text[MDLI_TIMESTAMP_TEXT_SIZE];
        mdli_format_timestamp(seconds, text);
        int64_t value = 0;
        mdli_parse result = mdli_parse_timestamp(text, sizeof text, &value);
        ASSERT_IN_LOOP(result == MDLI_PARSE_OK && value == seconds, "%" PRId64, seconds);
    }
}
END_TEST

/* From year 1000 on, where strftime does not leave out leading zeros of the year. */
START_TEST(text_of_random_seconds)
{
    test_random random = test_random_start("text_of_random_seconds");
    const int64_t year_1000 = -INT64_C(30610224000);
    uint64_t range = (uint64_t)(MDLI_TIMESTAMP_MAX - year_1000 + 1);
    for (int i = 0; i < N_RANDOM / 10; i++) {
        int64_t seconds = year_1000 + (int64_t)test_random_below(&random, range);
        time_t time = (time_t)seconds;
        struct tm parts;
        char expected[32];
        gmtime_r(&time, &parts);
        strftime(expected, sizeof expected, "%Y-%m-%d %H:%M:%S", &parts);
        char text[MDLI_TIMESTAMP_TEXT_SIZE + 1] = "";
        mdli_format_timestamp(seconds, text);
        ASSERT_IN_LOOP(strcmp(text, expected) == 0, "%s, not %s", text, expected);
    }
}
END_TEST

static void expect_text(int64_t seconds, const char *expected)
{
    char text[MDLI_TIMESTAMP_TEXT_SIZE + 1] = "";
    mdli_format_timestamp(seconds, text);
    ck_assert_str_eq(text, expected);
}

START_TEST(text_of_chosen_seconds)
{
    expect_text(0, "1970-01-01 00:00:00");
    expect_text(-1, "1969-12-31 23:59:59");
    expect_text(964982703, "2000-07-30 18:45:03");
    expect_text(951782400, "2000-02-29 00:00:00");
    expect_text(MDLI_TIMESTAMP_MIN, "0001-01-01 00:00:00");
    expect_text(MDLI_TIMESTAMP_MAX, "9999-12-31 23:59:59");
}
END_TEST

static void expect_parse(const char *text, mdli_parse result)
{
    int64_t seconds = -7;
    ck_assert_msg(mdli_parse_timestamp(text, length(text), &seconds) == result, "%s", text);
    ck_assert(result == MDLI_PARSE_OK || seconds == -7);
}

START_TEST(timestamps_that_are_not)
{
    static const char *const malformed[] = {
        "",
        "2000-07-30",
        "2000-07-30T18:45:03",
        "2000-07-30 18:45:03Z",
        " 2000-07-30 18:45:0",
        "2000-07-30 18:45:0",
        "2000-7-30 18:45:033",
        "200a-07-30 18:45:03",
        "2000/07/30 18:45:03",
        "-001-07-30 18:45:03",
        "2000-07-30 18:45:+3",
    };
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        expect_parse(malformed[i], MDLI_PARSE_MALFORMED);
    }
    static const char *const unreal[] = {
        "0000-01-01 00:00:00", "2001-02-29 00:00:00", "1900-02-29 00:00:00", "2000-02-30 00:00:00",
        "2000-04-31 00:00:00", "2000-00-10 00:00:00", "2000-13-10 00:00:00", "2000-01-00 00:00:00",
        "2000-01-32 00:00:00", "2000-01-01 24:00:00", "2000-01-01 00:60:00", "2000-01-01 00:00:60",
    };
    for (size_t i = 0; i < sizeof unreal / sizeof *unreal; i++) {
        expect_parse(unreal[i], MDLI_PARSE_OUT_OF_RANGE);
    }
    expect_parse("2000-02-29 23:59:59", MDLI_PARSE_OK);
    expect_parse("2400-02-29 23:59:59", MDLI_PARSE_OK);
}
END_TEST

/* A date is valid when timegm does not move it to another one. */
START_TEST(dates_are_valid_as_timegm_says)
{
    for (int32_t year = 1; year <= 2500; year++) {
        for (int32_t month = 1; month <= 12; month++) {
            for (int32_t day = 27; day <= 32; day++) {
                struct tm parts = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
                timegm(&parts);
                bool is_real = parts.tm_mday == day;
                ASSERT_IN_LOOP(mdli_date_is_valid(year, month, day) == is_real, "%d-%d-%d", year,
                               month, day);
            }
        }
    }
    ck_assert(!mdli_date_is_valid(0, 1, 1));
    ck_assert(!mdli_date_is_valid(10000, 1, 1));
    ck_assert(!mdli_date_is_valid(2000, 0, 1));
    ck_assert(!mdli_date_is_valid(2000, 13, 1));
    ck_assert(!mdli_date_is_valid(2000, 1, 0));
    ck_assert(!mdli_date_is_valid(2000, -1, 1));
}
END_TEST

static void expect_file_date(const char *text, mdli_parse result, int32_t expected)
{
    int32_t day = -7;
    ck_assert_msg(mdli_parse_file_date(text, length(text), &day) == result, "%s", text);
    ck_assert_int_eq(day, result == MDLI_PARSE_OK ? expected : -7);
}

START_TEST(file_dates)
{
    expect_file_date("01011970", MDLI_PARSE_OK, 0);
    expect_file_date("31121969", MDLI_PARSE_OK, -1);
    expect_file_date("27012026", MDLI_PARSE_OK, 20480);
    expect_file_date("29022000", MDLI_PARSE_OK, 11016);
    expect_file_date("29022026", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_file_date("20260127", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_file_date("01010000", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_file_date("00000000", MDLI_PARSE_OUT_OF_RANGE, 0);
    expect_file_date("2701202", MDLI_PARSE_MALFORMED, 0);
    expect_file_date("270120266", MDLI_PARSE_MALFORMED, 0);
    expect_file_date("27-01-26", MDLI_PARSE_MALFORMED, 0);
    expect_file_date("", MDLI_PARSE_MALFORMED, 0);
}
END_TEST

static Suite *calendar_suite(void)
{
    Suite *suite = suite_create("calendar");
    TCase *civil = tcase_create("civil");
    tcase_add_test(civil, every_day);
    tcase_add_test(civil, random_seconds);
    tcase_add_test(civil, dates_are_valid_as_timegm_says);
    tcase_set_timeout(civil, 120);
    suite_add_tcase(suite, civil);
    TCase *text = tcase_create("text");
    tcase_add_test(text, text_of_chosen_seconds);
    tcase_add_test(text, text_of_random_seconds);
    tcase_add_test(text, timestamps_that_are_not);
    tcase_add_test(text, file_dates);
    tcase_set_timeout(text, 60);
    suite_add_tcase(suite, text);
    return suite;
}

int main(void)
{
    return run_suite(calendar_suite());
}
