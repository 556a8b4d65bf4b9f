/*
 * UTF-8: validation, single code points, clipping.
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

/* The size of the longest prefix of at most size_max bytes that splits no character of valid text.
 */
int64_t mdli_utf8_clip_to_size(const char *bytes, int64_t size_bytes, int64_t size_max);

#endif
