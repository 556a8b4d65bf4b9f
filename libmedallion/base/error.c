/*
 * Filling the caller's error: the first fault is told, later ones never overwrite it.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

mdl_status mdl_error_set(mdl_error *error, mdl_status status, const char *format, ...)
{
    if (error == NULL || error->status != MDL_OK) {
        return status;
    }
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof error->message) {
        /* Clipped by bytes: take away the half of a code point that may be left at the end. */
        int64_t whole = mdli_utf8_clip_to_size(error->message, (int64_t)strlen(error->message),
                                               (int64_t)(sizeof error->message - sizeof "…"));
        memcpy(error->message + whole, "…", sizeof "…");
    }
    return status;
}

mdl_status mdli_error_copy(mdl_error *to, const mdl_error *from)
{
    if (from == NULL) {
        return MDL_OK;
    }
    if (to != NULL && to->status == MDL_OK) {
        *to = *from;
    }
    return from->status;
}

/* Writes the escaped form of one byte that is not shown as it is; returns its length. */
static int escape_byte(unsigned char byte, char out[8])
{
    static const char hex[] = "0123456789abcdef";
    switch (byte) {
    case '\n':
        memcpy(out, "\\n", 2);
        return 2;
    case '\r':
        memcpy(out, "\\r", 2);
        return 2;
    case '\t':
        memcpy(out, "\\t", 2);
        return 2;
    default:
        out[0] = '\\';
        out[1] = 'x';
        out[2] = hex[byte >> 4];
        out[3] = hex[byte & 15];
        return 4;
    }
}

void mdli_escape_text(const char *text, size_t size, char *buffer, size_t buffer_size)
{
    static const char ellipsis[] = "…";
    size_t used = 0;
    size_t whole = 0; /* end of the last piece that leaves room for the ellipsis */
    size_t i = 0;
    while (i < size) {
        char piece[8];
        size_t length;
        size_t step = 1;
        unsigned char byte = (unsigned char)text[i];
        if (byte >= 0x20 && byte < 0x7f) {
            piece[0] = (char)byte;
            length = 1;
        } else {
            uint32_t code_point;
            int decoded =
                byte < 0x80 ? 0 : mdli_utf8_decode(text + i, (int64_t)(size - i), &code_point);
            if (decoded > 0 && code_point >= 0xa0) {
                length = step = (size_t)decoded;
                memcpy(piece, text + i, length);
            } else {
                length = (size_t)escape_byte(byte, piece);
            }
        }
        if (used + length + 1 > buffer_size) {
            memcpy(buffer + whole, ellipsis, sizeof ellipsis);
            return;
        }
        memcpy(buffer + used, piece, length);
        used += length;
        i += step;
        if (used + sizeof ellipsis <= buffer_size) {
            whole = used;
        }
    }
    buffer[used] = '\0';
}

mdl_status mdli_error_system(mdl_error *error, int system_errno, const char *action,
                             const char *path)
{
    mdl_status status = MDL_E_IO;
    switch (system_errno) {
    case ENOENT:
    case ENOTDIR:
        status = MDL_E_FILE_NOT_FOUND;
        break;
    case ENOSPC:
    case EDQUOT:
        status = MDL_E_NO_SPACE;
        break;
    case ENOMEM:
        status = MDL_E_NO_MEMORY;
        break;
    default:
        break;
    }
    if (error != NULL && error->status == MDL_OK) {
        char reason[128];
        /* The XSI form would be strerror_r's int; with _GNU_SOURCE it gives the text. */
        const char *text = strerror_r(system_errno, reason, sizeof reason);
        mdli_escape_text(path, strlen(path), error->file, sizeof error->file);
        mdl_error_set(error, status, "cannot %s %s: %s", action, error->file, text);
        error->system_errno = system_errno;
    }
    return status;
}
