/*
 * Text that grows, in a context's memory.
 */
#ifndef MDLI_BASE_TEXT_BUFFER_H
#define MDLI_BASE_TEXT_BUFFER_H

#include <stdint.h>

#include "medallion/context.h"

/* Starts as `{.context = context}`; freed with mdli_text_buffer_reset. */
typedef struct mdli_text_buffer {
    mdl_context *context;
    char *bytes; /* NUL-terminated; NULL before the first append */
    int64_t size_bytes;
    int64_t capacity_bytes;
} mdli_text_buffer;

/* Appends bytes. On failure nothing has changed. */
mdl_status mdli_text_buffer_append(mdli_text_buffer *buffer, const char *bytes, int64_t size_bytes,
                                   mdl_error *error);

/* Appends a NUL-terminated text. */
mdl_status mdli_text_buffer_append_text(mdli_text_buffer *buffer, const char *text,
                                        mdl_error *error);

/* Frees the text and makes the buffer empty. */
void mdli_text_buffer_reset(mdli_text_buffer *buffer);

#endif
