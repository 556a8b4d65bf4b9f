/*
 * UTF-8: validation, single code points, and how wide text is on a terminal.
 */
#ifndef MDLI_BASE_UTF8_H
#define MDLI_BASE_UTF8_H

#include <stdint.h>

/*
 * The size of the longest prefix that is well-formed UTF-8: size_bytes if all is, else the offset
 * of the first byte of the first bad sequence. Surrogates, overlong forms, code points above
 * U+10FFFF and a character cut off at the end are bad. NUL is a character like others.
 */
int64_t mdli_utf8_valid_prefix(const char *bytes, int64_t size_bytes);

/* Reads the first code point; returns its size in bytes, or 0 if the text is empty or bad there. */
int mdli_utf8_decode(const char *bytes, int64_t size_bytes, uint32_t *code_point);

/*
 * Columns that a code point takes on a terminal: 0 for controls and for what combines with the
 * character before it, 2 for wide East Asian characters and emoji, else 1. Unicode 14.0.
 */
int mdli_code_point_width(uint32_t code_point);

/* The sum of the widths of the text's code points. A bad byte counts as one column. */
int64_t mdli_utf8_width(const char *bytes, int64_t size_bytes);

/* The size of the longest prefix of at most size_max bytes that splits no character of valid text.
 */
int64_t mdli_utf8_clip_to_size(const char *bytes, int64_t size_bytes, int64_t size_max);

/*
 * The size of the longest prefix that is at most width_max columns wide; its width goes to *width.
 * Combining characters stay with the one before them.
 */
int64_t mdli_utf8_clip_to_width(const char *bytes, int64_t size_bytes, int64_t width_max,
                                int64_t *width);

#endif
