/*
 * Whole numbers and DECIMAL(9,2) as text, and back.
 *
 * A number is `-?digits`, an id `digits`, a decimal `-?digits[.d[d]]`: leading zeros may stand in
 * front, in any number; a `+`, blanks, `.5` and `4.` are not numbers. The text need not end with a
 * NUL. Parsing writes the result only when it returns MDLI_PARSE_OK. Formatting writes no NUL and
 * returns the number of bytes written.
 */
#ifndef MDLI_BASE_DECIMAL_H
#define MDLI_BASE_DECIMAL_H

#include <stdint.h>

typedef enum mdli_parse {
    MDLI_PARSE_OK = 0,
    MDLI_PARSE_MALFORMED = 1,
    /* The text is a number of the right form, but outside the range of its type. */
    MDLI_PARSE_OUT_OF_RANGE = 2
} mdli_parse;

/* Ratings: -9999.99 ... 9999.99. */
#define MDLI_HUNDREDTHS_MAX 999999

/* 0001-01-01 00:00:00 and 9999-12-31 23:59:59 UTC, in seconds since 1970. */
#define MDLI_TIMESTAMP_MIN INT64_C(-62135596800)
#define MDLI_TIMESTAMP_MAX INT64_C(253402300799)

/* Bytes that the longest texts need: "-21474836.48" and "-9223372036854775808". */
#define MDLI_DECIMAL_TEXT_MAX 12
#define MDLI_INT64_TEXT_MAX   20

mdli_parse mdli_parse_int32(const char *text, int64_t size_bytes, int32_t *value);
mdli_parse mdli_parse_int64(const char *text, int64_t size_bytes, int64_t *value);

/* An id: 1 ... 2147483647, without a sign. */
mdli_parse mdli_parse_id(const char *text, int64_t size_bytes, int32_t *id);

/* Seconds since 1970, MDLI_TIMESTAMP_MIN ... MDLI_TIMESTAMP_MAX. */
mdli_parse mdli_parse_timestamp_seconds(const char *text, int64_t size_bytes, int64_t *seconds);

/* A decimal as a count of hundredths: `4.5` is 450; within +-MDLI_HUNDREDTHS_MAX. */
mdli_parse mdli_parse_decimal(const char *text, int64_t size_bytes, int32_t *hundredths);

int mdli_format_uint64(uint64_t value, char *out);
int mdli_format_int64(int64_t value, char *out);

/* The shortest text with at least one decimal: `4.5`, `3.0`, `3.75`, `-0.5`. Any int32_t. */
int mdli_format_decimal(int32_t hundredths, char *out);

#endif
