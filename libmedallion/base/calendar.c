/*
 * The calendar, by arithmetic alone.
 *
 * Years are taken to begin in March, so that a leap day is the last day of its year and the months
 * before it have fixed offsets, at 153 days for every five of them. Day 0 of that count is
 * 0000-03-01, which keeps all numbers of years 1 to 9999 positive.
 */
#include "base/calendar.h"

#include <assert.h>

#define QUARTERS_PER_CENTURY 146097
#define QUARTERS_PER_YEAR    1461
#define DAYS_PER_5_MONTHS    153

/* From 0000-03-01 to 1970-01-01. */
#define MARCH_DAY_OF_1970 719468

static bool is_leap_year(int32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

bool mdli_date_is_valid(int32_t year, int32_t month, int32_t day)
{
    static const int8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1) {
        return false;
    }
    bool leap_day_exists = month == 2 && is_leap_year(year);
    return day <= month_days[month - 1] + leap_day_exists;
}

/* From March 1 to the start of a month, March being 0. */
static int32_t days_before_month(int32_t march_month)
{
    return (march_month * DAYS_PER_5_MONTHS + 2) / 5;
}

int32_t mdli_day_of_date(int32_t year, int32_t month, int32_t day)
{
    assert(mdli_date_is_valid(year, month, day));
    int32_t march_year = month > 2 ? year : year - 1;
    int32_t march_month = month > 2 ? month - 3 : month + 9;
    int32_t year_start = march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400;
    return year_start + days_before_month(march_month) + day - 1 - MARCH_DAY_OF_1970;
}

static void set_date(mdli_civil *civil, int32_t day)
{
    /* In quarters of a day, a century has on average as many as 400 years have days, and a year of
     * a century 1461. The 3 delays every leap day to the end of its century or year. */
    int32_t quarters = (day + MARCH_DAY_OF_1970) * 4 + 3;
    int32_t century = quarters / QUARTERS_PER_CENTURY;
    quarters = quarters % QUARTERS_PER_CENTURY / 4 * 4 + 3;
    int32_t year_of_century = quarters / QUARTERS_PER_YEAR;
    int32_t day_of_year = quarters % QUARTERS_PER_YEAR / 4;

    int32_t march_month = (day_of_year * 5 + 2) / DAYS_PER_5_MONTHS;
    bool is_next_year = march_month >= 10;
    civil->day = day_of_year - days_before_month(march_month) + 1;
    civil->month = march_month + (is_next_year ? -9 : 3);
    civil->year = century * 100 + year_of_century + is_next_year;
}

mdli_civil mdli_civil_from_timestamp(int64_t seconds)
{
    assert(seconds >= MDLI_TIMESTAMP_MIN && seconds <= MDLI_TIMESTAMP_MAX);
    int32_t day = mdli_day_of_timestamp(seconds);
    int32_t second_of_day = (int32_t)(seconds - (int64_t)day * MDLI_SECONDS_PER_DAY);
    mdli_civil civil = {
        .hour = second_of_day / 3600,
        .minute = second_of_day / 60 % 60,
        .second = second_of_day % 60,
    };
    set_date(&civil, day);
    return civil;
}

int64_t mdli_timestamp_from_civil(const mdli_civil *civil)
{
    int64_t day = mdli_day_of_date(civil->year, civil->month, civil->day);
    return day * MDLI_SECONDS_PER_DAY + civil->hour * 3600 + civil->minute * 60 + civil->second;
}

static char *put_two_digits(char *out, int32_t value)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
    return out + 2;
}

void mdli_format_timestamp(int64_t seconds, char *out)
{
    mdli_civil civil = mdli_civil_from_timestamp(seconds);
    out = put_two_digits(out, civil.year / 100);
    out = put_two_digits(out, civil.year % 100);
    *out++ = '-';
    out = put_two_digits(out, civil.month);
    *out++ = '-';
    out = put_two_digits(out, civil.day);
    *out++ = ' ';
    out = put_two_digits(out, civil.hour);
    *out++ = ':';
    out = put_two_digits(out, civil.minute);
    *out++ = ':';
    put_two_digits(out, civil.second);
}

/* Whether `text` has the form of `pattern`, in which 0 stands for any digit. */
static bool has_form(const char *text, int64_t size_bytes, const char *pattern,
                     int64_t pattern_size)
{
    if (size_bytes != pattern_size) {
        return false;
    }
    for (int64_t i = 0; i < pattern_size; i++) {
        bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (pattern[i] == '0' ? !is_digit : text[i] != pattern[i]) {
            return false;
        }
    }
    return true;
}

static int32_t two_digits(const char *text)
{
    return (text[0] - '0') * 10 + (text[1] - '0');
}

static int32_t four_digits(const char *text)
{
    return two_digits(text) * 100 + two_digits(text + 2);
}

mdli_parse mdli_parse_timestamp(const char *text, int64_t size_bytes, int64_t *seconds)
{
    if (!has_form(text, size_bytes, "0000-00-00 00:00:00", MDLI_TIMESTAMP_TEXT_SIZE)) {
        return MDLI_PARSE_MALFORMED;
    }
    mdli_civil civil = {
        .year = four_digits(text),
        .month = two_digits(text + 5),
        .day = two_digits(text + 8),
        .hour = two_digits(text + 11),
        .minute = two_digits(text + 14),
        .second = two_digits(text + 17),
    };
    if (!mdli_date_is_valid(civil.year, civil.month, civil.day) || civil.hour > 23 ||
        civil.minute > 59 || civil.second > 59) {
        return MDLI_PARSE_OUT_OF_RANGE;
    }
    *seconds = mdli_timestamp_from_civil(&civil);
    return MDLI_PARSE_OK;
}

mdli_parse mdli_parse_file_date(const char *text, int64_t size_bytes, int32_t *day)
{
    if (!has_form(text, size_bytes, "00000000", 8)) {
        return MDLI_PARSE_MALFORMED;
    }
    int32_t year = four_digits(text + 4);
    int32_t month = two_digits(text + 2);
    int32_t day_of_month = two_digits(text);
    if (!mdli_date_is_valid(year, month, day_of_month)) {
        return MDLI_PARSE_OUT_OF_RANGE;
    }
    *day = mdli_day_of_date(year, month, day_of_month);
    return MDLI_PARSE_OK;
}
