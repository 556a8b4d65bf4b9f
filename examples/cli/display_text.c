/* Text as a terminal shows it. */
#define _XOPEN_SOURCE 700

#include "display_text.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

/* What one code point is shown as. */
typedef struct glyph {
    char bytes[12]; /* itself, or an escape such as \u202e */
    int n_bytes;
    int width;
} glyph;

bool prepare_display(void)
{
    if (setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0) {
        return true;
    }
    /* wcwidth answers for the locale's characters; data is UTF-8 whatever the terminal is. */
    setlocale(LC_CTYPE, "C.UTF-8");
    return false;
}

mdl_string text_of(const char *text)
{
    return (mdl_string){text, (int64_t)strlen(text)};
}

const char *file_name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* As utf8_size, and which code point it is. */
static int decode(const unsigned char *bytes, int64_t size, uint32_t *code_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int n = bytes[0] < 0x80   ? 1
            : bytes[0] < 0xC0 ? 0
            : bytes[0] < 0xE0 ? 2
            : bytes[0] < 0xF0 ? 3
                              : 4;
    if (n == 0 || n > size || bytes[0] > 0xF4) {
        return 0;
    }
    uint32_t value = n == 1 ? bytes[0] : bytes[0] & (0x7Fu >> n);
    for (int i = 1; i < n; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            return 0;
        }
        value = value << 6 | (bytes[i] & 0x3F);
    }
    *code_point = value;
    bool is_surrogate = value >= 0xD800 && value < 0xE000;
    return value < least[n] || value > 0x10FFFF || is_surrogate ? 0 : n;
}

int utf8_size(const char *bytes, int64_t size)
{
    uint32_t code_point;
    return decode((const unsigned char *)bytes, size, &code_point);
}

/* Control characters, line separators, and the marks that turn the direction of writing. */
static bool is_unsafe(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x61C || c == 0x200E || c == 0x200F ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

static void escape_glyph(glyph *out, uint32_t c)
{
    const char *format = c == '\n'   ? "\\n"
                         : c == '\r' ? "\\r"
                         : c == '\t' ? "\\t"
                         : c < 0x80  ? "\\x%02x"
                                     : "\\u%04x";
    out->n_bytes = snprintf(out->bytes, sizeof out->bytes, format, (unsigned)c);
    out->width = out->n_bytes;
}

/* The glyph at `*at`, which moves behind it. */
static glyph next_glyph(mdl_string text, int64_t *at)
{
    glyph result = {"", 1, 1};
    const unsigned char *bytes = (const unsigned char *)text.data + *at;
    uint32_t c = 0;
    int n = decode(bytes, text.size_bytes - *at, &c);
    if (n == 0) {
        result.n_bytes = snprintf(result.bytes, sizeof result.bytes, "\\x%02x", bytes[0]);
        result.width = result.n_bytes;
        n = 1;
    } else if (is_unsafe(c)) {
        escape_glyph(&result, c);
    } else {
        int width = wcwidth((wchar_t)c);
        memcpy(result.bytes, bytes, (size_t)n);
        result.n_bytes = n;
        result.width = width < 0 ? 1 : width; /* unassigned: terminals show a box */
    }
    *at += n;
    return result;
}

int64_t display_width(mdl_string text)
{
    int64_t width = 0;
    for (int64_t at = 0; at < text.size_bytes;) {
        unsigned char byte = (unsigned char)text.data[at];
        if (byte >= 0x20 && byte < 0x7F) {
            width++;
            at++;
        } else {
            width += next_glyph(text, &at).width;
        }
    }
    return width;
}

/* Writes glyphs as long as they stay within `width`; gives the columns that were used. */
static int64_t put_glyphs(text_output *output, mdl_string text, int64_t width)
{
    int64_t used = 0;
    for (int64_t at = 0; at < text.size_bytes;) {
        glyph next = next_glyph(text, &at);
        if (used + next.width > width) {
            break;
        }
        put_bytes(output, next.bytes, (size_t)next.n_bytes);
        used += next.width;
    }
    return used;
}

void put_fitted(text_output *output, mdl_string text, int64_t width, alignment align,
                const char *ellipsis)
{
    int64_t whole = display_width(text);
    if (whole > width) {
        int64_t ellipsis_width = display_width(text_of(ellipsis));
        int64_t used = put_glyphs(output, text, width - ellipsis_width);
        put_text(output, ellipsis);
        put_repeated(output, " ", width - ellipsis_width - used);
        return;
    }
    put_repeated(output, " ", align == ALIGN_RIGHT ? width - whole : 0);
    put_glyphs(output, text, width);
    put_repeated(output, " ", align == ALIGN_LEFT ? width - whole : 0);
}
