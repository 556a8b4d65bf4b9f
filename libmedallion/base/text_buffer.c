/*
 * Text that grows, in a context's memory.
 */
#include "base/text_buffer.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

mdl_status mdli_text_buffer_append(mdli_text_buffer *buffer, const char *bytes, int64_t size_bytes,
                                   mdl_error *error)
{
    void *memory = buffer->bytes;
    MDLI_TRY(mdli_grow_array(buffer->context, &memory, &buffer->capacity_bytes, buffer->size_bytes,
                             buffer->size_bytes + size_bytes + 1, 1, "text", error));
    buffer->bytes = memory;
    if (size_bytes > 0) {
        memcpy(buffer->bytes + buffer->size_bytes, bytes, (size_t)size_bytes);
    }
    buffer->size_bytes += size_bytes;
    buffer->bytes[buffer->size_bytes] = '\0';
    return MDL_OK;
}

mdl_status mdli_text_buffer_append_text(mdli_text_buffer *buffer, const char *text,
                                        mdl_error *error)
{
    return mdli_text_buffer_append(buffer, text, (int64_t)strlen(text), error);
}

void mdli_text_buffer_reset(mdli_text_buffer *buffer)
{
    mdli_free(buffer->context, buffer->bytes);
    *buffer = (mdli_text_buffer){.context = buffer->context};
}
