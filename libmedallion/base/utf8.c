/*
 * UTF-8.
 *
 * Validation goes over ASCII 16 bytes at a time and over the rest one character at a time, by the
 * table of well-formed byte sequences of the Unicode standard (table 3-7).
 */
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/*
 * The size of the well-formed character at `s`, or 0. Only the second byte has a range that depends
 * on the first: it excludes overlong forms (E0, F0), surrogates (ED) and what is above U+10FFFF
 * (F4).
 */
static int character_size(const unsigned char *s, int64_t size_bytes)
{
    unsigned char lead = s[0];
    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xc2 || lead > 0xf4) {
        return 0;
    }
    int size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size_bytes < size) {
        return 0;
    }
    unsigned char second_min = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char second_max = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < second_min || s[1] > second_max) {
        return 0;
    }
    for (int i = 2; i < size; i++) {
        if (!is_continuation(s[i])) {
            return 0;
        }
    }
    return size;
}

static int64_t skip_ascii(const unsigned char *s, int64_t at, int64_t size_bytes)
{
    for (; at + 16 <= size_bytes; at += 16) {
        uint64_t words[2];
        memcpy(words, s + at, sizeof words);
        if (((words[0] | words[1]) & HIGH_BITS) != 0) {
            break;
        }
    }
    while (at < size_bytes && s[at] < 0x80) {
        at++;
    }
    return at;
}

int64_t mdli_utf8_valid_prefix(const char *bytes, int64_t size_bytes)
{
    const unsigned char *s = (const unsigned char *)bytes;
    int64_t at = skip_ascii(s, 0, size_bytes);
    while (at < size_bytes) {
        int size = character_size(s + at, size_bytes - at);
        if (size == 0) {
            return at;
        }
        at += size;
        if (at < size_bytes && s[at] < 0x80) {
            at = skip_ascii(s, at, size_bytes);
        }
    }
    return at;
}

int mdli_utf8_decode(const char *bytes, int64_t size_bytes, uint32_t *code_point)
{
    const unsigned char *s = (const unsigned char *)bytes;
    static const unsigned char lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    int size = size_bytes > 0 ? character_size(s, size_bytes) : 0;
    if (size == 0) {
        return 0;
    }
    uint32_t value = s[0] & lead_bits[size];
    for (int i = 1; i < size; i++) {
        value = value << 6 | (s[i] & 0x3f);
    }
    *code_point = value;
    return size;
}

int64_t mdli_utf8_clip_to_size(const char *bytes, int64_t size_bytes, int64_t size_max)
{
    if (size_bytes <= size_max) {
        return size_bytes;
    }
    int64_t size = size_max;
    while (size > 0 && is_continuation((unsigned char)bytes[size])) {
        size--;
    }
    return size;
}
