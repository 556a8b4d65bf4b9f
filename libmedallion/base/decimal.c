/*
 * Numbers as text: one reader of digits behind all parsers, and one writer, which makes two digits
 * per division.
 */
#include "base/decimal.h"

#include <stdbool.h>
#include <string.h>

#include "base/digits.h"

#define WHOLE_MAX (MDLI_HUNDREDTHS_MAX / 100)

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool skip_minus(const char **at, const char *end)
{
    bool negative = *at < end && **at == '-';
    *at += negative;
    return negative;
}

/*
 * Reads the digits at *at, moves *at behind them and returns their number; their value goes to
 * *value, UINT64_MAX standing for all that is larger.
 */
static int64_t read_digits(const char **at, const char *end, uint64_t *value)
{
    const char *start = *at;
    const char *p = start;
    uint64_t sum = 0;
    bool fits = true;
    for (; p < end && is_digit(*p); p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        fits = fits && !__builtin_mul_overflow(sum, (uint64_t)10, &sum) &&
               !__builtin_add_overflow(sum, digit, &sum);
    }
    *value = fits ? sum : UINT64_MAX;
    *at = p;
    return p - start;
}

static mdli_parse parse_integer(const char *text, int64_t size_bytes, int64_t minimum,
                                int64_t maximum, int64_t *value)
{
    const char *at = text;
    const char *end = text + size_bytes;
    uint64_t magnitude;
    bool negative = skip_minus(&at, end);
    if (read_digits(&at, end, &magnitude) == 0 || at != end) {
        return MDLI_PARSE_MALFORMED;
    }
    if (magnitude > (uint64_t)INT64_MAX + negative) {
        return MDLI_PARSE_OUT_OF_RANGE;
    }
    int64_t number = (int64_t)(negative ? 0 - magnitude : magnitude);
    if (number < minimum || number > maximum) {
        return MDLI_PARSE_OUT_OF_RANGE;
    }
    *value = number;
    return MDLI_PARSE_OK;
}

mdli_parse mdli_parse_int64(const char *text, int64_t size_bytes, int64_t *value)
{
    return parse_integer(text, size_bytes, INT64_MIN, INT64_MAX, value);
}

mdli_parse mdli_parse_int32(const char *text, int64_t size_bytes, int32_t *value)
{
    int64_t wide;
    mdli_parse result = parse_integer(text, size_bytes, INT32_MIN, INT32_MAX, &wide);
    if (result == MDLI_PARSE_OK) {
        *value = (int32_t)wide;
    }
    return result;
}

mdli_parse mdli_parse_id(const char *text, int64_t size_bytes, int32_t *id)
{
    if (size_bytes > 0 && text[0] == '-') {
        return MDLI_PARSE_MALFORMED;
    }
    int64_t wide;
    mdli_parse result = parse_integer(text, size_bytes, 1, INT32_MAX, &wide);
    if (result == MDLI_PARSE_OK) {
        *id = (int32_t)wide;
    }
    return result;
}

mdli_parse mdli_parse_timestamp_seconds(const char *text, int64_t size_bytes, int64_t *seconds)
{
    return parse_integer(text, size_bytes, MDLI_TIMESTAMP_MIN, MDLI_TIMESTAMP_MAX, seconds);
}

mdli_parse mdli_parse_decimal(const char *text, int64_t size_bytes, int32_t *hundredths)
{
    const char *at = text;
    const char *end = text + size_bytes;
    uint64_t whole;
    uint64_t fraction = 0;
    bool negative = skip_minus(&at, end);
    if (read_digits(&at, end, &whole) == 0) {
        return MDLI_PARSE_MALFORMED;
    }
    if (at < end && *at == '.') {
        at++;
        int64_t n_decimals = read_digits(&at, end, &fraction);
        if (n_decimals < 1 || n_decimals > 2) {
            return MDLI_PARSE_MALFORMED;
        }
        if (n_decimals == 1) {
            fraction *= 10;
        }
    }
    if (at != end) {
        return MDLI_PARSE_MALFORMED;
    }
    if (whole > WHOLE_MAX) {
        return MDLI_PARSE_OUT_OF_RANGE;
    }
    int32_t magnitude = (int32_t)(whole * 100 + fraction);
    *hundredths = negative ? -magnitude : magnitude;
    return MDLI_PARSE_OK;
}

int mdli_format_uint64(uint64_t value, char *out)
{
    char text[MDLI_INT64_TEXT_MAX];
    int size = mdli_format_uint64_loosely(value, text);
    memcpy(out, text, (size_t)size);
    return size;
}

int mdli_format_int64(int64_t value, char *out)
{
    if (value >= 0) {
        return mdli_format_uint64((uint64_t)value, out);
    }
    out[0] = '-';
    /* Unsigned, for INT64_MIN has no positive counterpart. */
    return 1 + mdli_format_uint64(0 - (uint64_t)value, out + 1);
}

int mdli_format_decimal(int32_t hundredths, char *out)
{
    char *at = out;
    int64_t magnitude = hundredths;
    if (magnitude < 0) {
        *at++ = '-';
        magnitude = -magnitude;
    }
    at += mdli_format_uint64((uint64_t)magnitude / 100, at);
    const char *fraction = &digit_pairs[magnitude % 100 * 2];
    *at++ = '.';
    *at++ = fraction[0];
    if (fraction[1] != '0') {
        *at++ = fraction[1];
    }
    return (int)(at - out);
}
