/*
 * Text with a limit, as Discord's fields have, and escaping for its Markdown.
 *
 * A limit counts UTF-16 code units. Discord's server counts code points, some clients code units;
 * there are never fewer units than points, so what keeps the one keeps the other.
 */
#ifndef MDLI_NOTIFY_LIMITED_TEXT_H
#define MDLI_NOTIFY_LIMITED_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* The largest limit: of a description we use less than the 4096 that are allowed, as nobody reads
 * more. A unit takes at most 3 bytes of UTF-8. */
#define MDLI_LIMITED_TEXT_UNITS_MAX 2048

/* Always whole code points; "…" at the end tells that something was cut off. */
typedef struct mdli_limited_text {
    int32_t n_units;
    int32_t n_units_max;
    bool is_clipped; /* nothing more fits */
    /* The longest beginning behind which there is room for "…". */
    int32_t n_units_before_ellipsis;
    int32_t n_bytes_before_ellipsis;
    int32_t n_bytes;
    char bytes[3 * MDLI_LIMITED_TEXT_UNITS_MAX + 1]; /* NUL-terminated */
} mdli_limited_text;

/* Makes an empty text; 1 ≤ n_units_max ≤ MDLI_LIMITED_TEXT_UNITS_MAX. */
void mdli_limited_text_init(mdli_limited_text *text, int32_t n_units_max);

/* Appends text of our own, as it is. */
void mdli_limited_text_add(mdli_limited_text *text, const char *plain);

/*
 * Appends anyone's text, where Discord reads no Markdown: white space, line ends and control
 * characters become blanks; bytes that are not UTF-8, and controls of writing direction, which could
 * turn what is around them, become U+FFFD.
 */
void mdli_limited_text_add_clean(mdli_limited_text *text, const char *foreign);

/* Likewise where Discord reads Markdown, which is escaped; an escaped character is never cut from
 * its backslash. */
void mdli_limited_text_add_escaped(mdli_limited_text *text, const char *foreign);

/* Likewise as code within a line, where nothing can be escaped: a backtick becomes U+02CB. */
void mdli_limited_text_add_code(mdli_limited_text *text, const char *foreign);

#endif
