/* Buffered text to a file descriptor, with one sticky error.
 *
 * Standard output is written through this and not through stdio, so that the first failed write is
 * known at once with its errno: a closed pipe ends the program quietly, a full disk is an error. */
#ifndef MEDALLION_CLI_TEXT_OUTPUT_H
#define MEDALLION_CLI_TEXT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "medallion/export.h"

typedef struct text_output {
    int fd;
    int error; /* errno of the first write that failed, 0 = none; nothing is written after it */
    bool stops_when_interrupted; /* true = Ctrl-C counts as a failed write, with ECANCELED */
    size_t n_buffered;
    char buffer[1 << 16];
} text_output;

void text_output_init(text_output *output, int fd, bool stops_when_interrupted);

void put_bytes(text_output *output, const char *bytes, size_t size);
void put_text(text_output *output, const char *text);
void put_repeated(text_output *output, const char *text, int64_t times);

/* At most 1023 bytes of text; what is longer goes through put_text. */
void put_format(text_output *output, const char *format, ...) MDL_PRINTF(2, 3);

/* Writes what is buffered; false when this or an earlier write failed. */
bool flush_output(text_output *output);

#endif
