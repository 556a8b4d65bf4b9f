/*
 * Text with a limit, and escaping for Discord's Markdown.
 */
#include "notify/limited_text.h"

#include <assert.h>
#include <string.h>

#include "base/utf8.h"

static const char ellipsis[] = "…";
static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
static const char modifier_grave[] = "\xcb\x8b";  /* U+02CB: looks like a backtick */

void mdli_limited_text_init(mdli_limited_text *text, int32_t n_units_max)
{
    assert(1 <= n_units_max && n_units_max <= MDLI_LIMITED_TEXT_UNITS_MAX);
    text->n_units = 0;
    text->n_units_max = n_units_max;
    text->is_clipped = false;
    text->n_units_before_ellipsis = 0;
    text->n_bytes_before_ellipsis = 0;
    text->n_bytes = 0;
    text->bytes[0] = '\0';
}

/* Ends a text with "…". */
static void clip(mdli_limited_text *text)
{
    text->is_clipped = true;
    text->n_bytes = text->n_bytes_before_ellipsis;
    text->n_units = text->n_units_before_ellipsis + 1;
    memcpy(text->bytes + text->n_bytes, ellipsis, sizeof ellipsis);
    text->n_bytes += (int32_t)sizeof ellipsis - 1;
}

/* Appends a piece that must not be cut; when it does not fit, the text ends here. */
static void add_piece(mdli_limited_text *text, const char *bytes, int32_t n_bytes, int32_t n_units)
{
    if (text->is_clipped) {
        return;
    }
    if (text->n_units + n_units > text->n_units_max) {
        clip(text);
        return;
    }
    memcpy(text->bytes + text->n_bytes, bytes, (size_t)n_bytes);
    text->n_bytes += n_bytes;
    text->n_units += n_units;
    text->bytes[text->n_bytes] = '\0';
    if (text->n_units < text->n_units_max) {
        text->n_bytes_before_ellipsis = text->n_bytes;
        text->n_units_before_ellipsis = text->n_units;
    }
}

void mdli_limited_text_add(mdli_limited_text *text, const char *plain)
{
    int64_t n_left = (int64_t)strlen(plain);
    while (n_left > 0) {
        uint32_t code_point = 0;
        int n_bytes = mdli_utf8_decode(plain, n_left, &code_point);
        assert(n_bytes > 0);
        add_piece(text, plain, n_bytes, code_point >= 0x10000 ? 2 : 1);
        plain += n_bytes;
        n_left -= n_bytes;
    }
}

/* U+061C, 200E and 200F are marks of direction; 202A ... 202E and 2066 ... 2069 turn what follows. */
static bool turns_direction(uint32_t code_point)
{
    return code_point == 0x61C || code_point == 0x200E || code_point == 0x200F ||
           (code_point >= 0x202A && code_point <= 0x202E) ||
           (code_point >= 0x2066 && code_point <= 0x2069);
}

/* White space and control characters. Discord takes a text of white space alone for none. */
static bool is_shown_as_blank(uint32_t code_point)
{
    return code_point <= 0x20 || (code_point >= 0x7F && code_point <= 0xA0) ||
           code_point == 0x1680 || (code_point >= 0x2000 && code_point <= 0x200A) ||
           code_point == 0x2028 || code_point == 0x2029 || code_point == 0x202F ||
           code_point == 0x205F || code_point == 0x3000;
}

/* What stands for a character of a text that may hold anything. */
typedef struct shown_character {
    const char *bytes;
    int32_t n_bytes;
    int32_t n_units;
    int32_t n_bytes_read;
} shown_character;

/* The first character of a text that is not empty. */
static shown_character read_character(const char *foreign, int64_t n_left)
{
    uint32_t code_point = 0;
    int n_bytes = mdli_utf8_decode(foreign, n_left, &code_point);
    if (n_bytes == 0) {
        return (shown_character){replacement, 3, 1, 1};
    }
    if (turns_direction(code_point)) {
        return (shown_character){replacement, 3, 1, n_bytes};
    }
    if (is_shown_as_blank(code_point)) {
        return (shown_character){" ", 1, 1, n_bytes};
    }
    return (shown_character){foreign, n_bytes, code_point >= 0x10000 ? 2 : 1, n_bytes};
}

typedef enum text_style {
    STYLE_PLAIN = 0,
    STYLE_MARKDOWN = 1,
    STYLE_CODE = 2
} text_style;

static void add_foreign(mdli_limited_text *text, const char *foreign, text_style style)
{
    static const char markdown[] = "\\*_~`|[]()<>@#-+:";
    int64_t n_left = (int64_t)strlen(foreign);
    while (n_left > 0) {
        shown_character c = read_character(foreign, n_left);
        bool is_ascii = c.n_bytes == 1;
        if (style == STYLE_MARKDOWN && is_ascii && strchr(markdown, c.bytes[0]) != NULL) {
            add_piece(text, (const char[]){'\\', c.bytes[0]}, 2, 2);
        } else if (style == STYLE_CODE && is_ascii && c.bytes[0] == '`') {
            add_piece(text, modifier_grave, 2, 1);
        } else {
            add_piece(text, c.bytes, c.n_bytes, c.n_units);
        }
        foreign += c.n_bytes_read;
        n_left -= c.n_bytes_read;
    }
}

void mdli_limited_text_add_clean(mdli_limited_text *text, const char *foreign)
{
    add_foreign(text, foreign, STYLE_PLAIN);
}

void mdli_limited_text_add_escaped(mdli_limited_text *text, const char *foreign)
{
    add_foreign(text, foreign, STYLE_MARKDOWN);
}

void mdli_limited_text_add_code(mdli_limited_text *text, const char *foreign)
{
    /* Clipped on its own, to leave room for both backticks and for "…" behind the second. */
    int32_t room = text->n_units_max - text->n_units - 3;
    if (room < 1) {
        if (!text->is_clipped) {
            clip(text);
        }
        return;
    }
    mdli_limited_text code;
    mdli_limited_text_init(&code, room);
    add_foreign(&code, foreign[0] != '\0' ? foreign : " ", STYLE_CODE);
    add_piece(text, "`", 1, 1);
    add_piece(text, code.bytes, code.n_bytes, code.n_units);
    add_piece(text, "`", 1, 1);
}
