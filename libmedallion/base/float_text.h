/*
 * Doubles as text, and back, in any locale.
 *
 * The text is the shortest decimal that reads back to the same double, and the one nearest to it
 * where several are equally short, laid out as Number::toString of ECMAScript does: positional
 * from 1e-6 to below 1e21, else with an exponent (`1.5e-7`, `1e+21`). Unlike there a whole number
 * keeps a `.0` and zero its sign (`4.0`, `-0.0`), so the text is always seen to be a FLOAT64 and
 * never loses a bit. NaN, Infinity and -Infinity are written so.
 */
#ifndef MDLI_BASE_FLOAT_TEXT_H
#define MDLI_BASE_FLOAT_TEXT_H

#include "base/decimal.h"

#include <stdint.h>

/* Bytes that the longest text needs: "-0.0000012345678901234567". */
#define MDLI_FLOAT_TEXT_MAX 25

/* Writes the text, without a NUL; returns its size in bytes. */
int mdli_format_double(double value, char *out);

/*
 * The double nearest (ties to even) to `-?digits[.digits][(e|E)[+|-]digits]`; also NaN, Infinity
 * and -Infinity. MDLI_PARSE_OUT_OF_RANGE when a number rounds to infinity; one that is too small
 * becomes zero. Nothing is written unless the result is MDLI_PARSE_OK.
 */
mdli_parse mdli_parse_double(const char *text, int64_t size_bytes, double *value);

#endif
