/*
 * Dates and times of the proleptic Gregorian calendar, UTC, years 1 to 9999, without leap seconds.
 *
 * A timestamp is a count of seconds since 1970-01-01 00:00:00, within MDLI_TIMESTAMP_MIN ...
 * MDLI_TIMESTAMP_MAX; a day is a count of days since 1970-01-01. Both are negative before that.
 */
#ifndef MDLI_BASE_CALENDAR_H
#define MDLI_BASE_CALENDAR_H

#include "base/decimal.h"

#include <stdbool.h>
#include <stdint.h>

#define MDLI_SECONDS_PER_DAY 86400

/* Bytes of `YYYY-MM-DD HH:MM:SS`. */
#define MDLI_TIMESTAMP_TEXT_SIZE 19

/* A point of civil time: month and day count from 1. */
typedef struct mdli_civil {
    int32_t year;
    int32_t month;
    int32_t day;
    int32_t hour;
    int32_t minute;
    int32_t second;
} mdli_civil;

/* The UTC day that a timestamp falls on: rounds down, before 1970 too. */
static inline int32_t mdli_day_of_timestamp(int64_t seconds)
{
    /* Moved to year 1 the timestamp is not negative, and division rounds down. A day is 675 times
     * 128 seconds, and all the years have fewer than 2^32 of these: so the division is one of 32
     * bits, which compilers vectorize. */
    const uint32_t spans = (uint32_t)(((uint64_t)seconds - (uint64_t)MDLI_TIMESTAMP_MIN) >> 7);
    return (int32_t)(spans / 675) + (int32_t)(MDLI_TIMESTAMP_MIN / MDLI_SECONDS_PER_DAY);
}

/* Whether the date exists, in years 1 to 9999. */
bool mdli_date_is_valid(int32_t year, int32_t month, int32_t day);

/* The day of a valid date. */
int32_t mdli_day_of_date(int32_t year, int32_t month, int32_t day);

/* The two ways between a timestamp in range and its parts, which are a real date and time. */
mdli_civil mdli_civil_from_timestamp(int64_t seconds);
int64_t mdli_timestamp_from_civil(const mdli_civil *civil);

/* Writes the MDLI_TIMESTAMP_TEXT_SIZE bytes of a timestamp in range; no NUL. */
void mdli_format_timestamp(int64_t seconds, char *out);

/*
 * Reads `YYYY-MM-DD HH:MM:SS`, exactly. A date or time of that form that does not exist (February
 * 30, hour 24, second 60, year 0) is MDLI_PARSE_OUT_OF_RANGE.
 */
mdli_parse mdli_parse_timestamp(const char *text, int64_t size_bytes, int64_t *seconds);

/* Reads the 8 digits DDMMYYYY that name a daily file; the same errors. */
mdli_parse mdli_parse_file_date(const char *text, int64_t size_bytes, int32_t *day);

#endif
