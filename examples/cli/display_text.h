/* Text as a terminal shows it: how wide it is, clipped and padded to a width, control characters
 * escaped so that data can neither move the cursor nor turn the direction of writing. */
#ifndef MEDALLION_CLI_DISPLAY_TEXT_H
#define MEDALLION_CLI_DISPLAY_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/types.h"
#include "text_output.h"

/* Sets the locale. True when the user's is UTF-8; if not, widths are still those of UTF-8 text. */
bool prepare_display(void);

/* A string that ends in NUL. */
mdl_string text_of(const char *text);

/* What stands behind the last slash of a path. */
const char *file_name_of(const char *path);

/* Bytes of the code point at `bytes`; 0 when they are not UTF-8, which only paths can be. */
int utf8_size(const char *bytes, int64_t size);

/* Columns of a terminal that the text takes. */
int64_t display_width(mdl_string text);

typedef enum alignment {
    ALIGN_LEFT = 0,
    ALIGN_RIGHT = 1
} alignment;

/* Writes the text in exactly `width` columns: padded, or cut off at its end with `ellipsis`. */
void put_fitted(text_output *output, mdl_string text, int64_t width, alignment align,
                const char *ellipsis);

#endif
