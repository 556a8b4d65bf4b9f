/*
 * JSON, written piece by piece.
 */
#include "base/json_text.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/float_text.h"
#include "base/utf8.h"

/* ---- Where the text goes ---- */

void mdli_json_to_function(mdli_json *json, mdl_write_fn write, void *user_data)
{
    *json = (mdli_json){.write = write, .user_data = user_data, .failure = MDL_ERROR_INIT};
}

void mdli_json_to_buffer(mdli_json *json, mdli_text_buffer *buffer)
{
    *json = (mdli_json){.buffer = buffer, .failure = MDL_ERROR_INIT};
}

static void call_function(mdli_json *json)
{
    int system_errno = json->write(json->user_data, json->piece, json->n_piece_bytes);
    if (system_errno != 0) {
        char reason[128];
        mdl_error_set(&json->failure, system_errno == ENOSPC ? MDL_E_NO_SPACE : MDL_E_IO,
                      "cannot write JSON text: %s",
                      strerror_r(system_errno, reason, sizeof reason));
        json->failure.system_errno = system_errno;
    }
}

/* Hands the collected bytes on. */
static void flush_piece(mdli_json *json)
{
    if (json->failure.status == MDL_OK && json->n_piece_bytes > 0) {
        if (json->write != NULL) {
            call_function(json);
        } else {
            (void)mdli_text_buffer_append(json->buffer, json->piece, json->n_piece_bytes,
                                          &json->failure);
        }
    }
    json->n_piece_bytes = 0;
}

static void put(mdli_json *json, const char *bytes, int64_t size_bytes)
{
    while (size_bytes > 0) {
        if (json->n_piece_bytes == MDLI_JSON_PIECE_BYTES) {
            flush_piece(json);
        }
        int64_t room = MDLI_JSON_PIECE_BYTES - json->n_piece_bytes;
        int64_t n = size_bytes < room ? size_bytes : room;
        memcpy(json->piece + json->n_piece_bytes, bytes, (size_t)n);
        json->n_piece_bytes += (int32_t)n;
        bytes += n;
        size_bytes -= n;
    }
}

static void put_text(mdli_json *json, const char *text)
{
    put(json, text, (int64_t)strlen(text));
}

mdl_status mdli_json_finish(mdli_json *json, mdl_error *error)
{
    assert(json->depth == 0);
    flush_piece(json);
    return mdli_error_copy(error, &json->failure);
}

/* ---- Texts ---- */

/* A byte that cannot stand in a text as it is. */
static void put_escape(mdli_json *json, unsigned char byte)
{
    static const char shorts[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    const char *found = byte != '\0' ? strchr(shorts, byte) : NULL;
    char escape[8];
    if (byte >= 0x80) {
        put_text(json, "\xef\xbf\xbd"); /* U+FFFD */
    } else if (found != NULL) {
        put(json, (const char[]){'\\', found[1]}, 2);
    } else {
        snprintf(escape, sizeof escape, "\\u%04x", byte);
        put_text(json, escape);
    }
}

static void put_escaped(mdli_json *json, const char *bytes, int64_t size_bytes)
{
    int64_t begin = 0; /* of what needs no escape and was not put yet */
    int64_t at = 0;
    put_text(json, "\"");
    while (at < size_bytes) {
        unsigned char byte = (unsigned char)bytes[at];
        uint32_t code_point;
        int size = byte < 0x80 ? 1 : mdli_utf8_decode(bytes + at, size_bytes - at, &code_point);
        if (size > 0 && byte >= 0x20 && byte != '"' && byte != '\\') {
            at += size;
            continue;
        }
        put(json, bytes + begin, at - begin);
        put_escape(json, byte);
        at++;
        begin = at;
    }
    put(json, bytes + begin, at - begin);
    put_text(json, "\"");
}

/* ---- Members ---- */

static void begin_member(mdli_json *json, const char *key)
{
    if (json->has_members) {
        put_text(json, ",");
    }
    if (key != NULL) {
        put_escaped(json, key, (int64_t)strlen(key));
        put_text(json, ":");
    }
    json->has_members = true;
}

static void open_group(mdli_json *json, const char *key, const char *bracket)
{
    begin_member(json, key);
    put_text(json, bracket);
    json->depth++;
    json->has_members = false;
}

static void close_group(mdli_json *json, const char *bracket)
{
    assert(json->depth > 0);
    put_text(json, bracket);
    json->depth--;
    json->has_members = true; /* the group is itself a member of what is around it */
}

void mdli_json_open_object(mdli_json *json, const char *key)
{
    open_group(json, key, "{");
}

void mdli_json_close_object(mdli_json *json)
{
    close_group(json, "}");
}

void mdli_json_open_array(mdli_json *json, const char *key)
{
    open_group(json, key, "[");
}

void mdli_json_close_array(mdli_json *json)
{
    close_group(json, "]");
}

void mdli_json_text(mdli_json *json, const char *key, const char *text)
{
    if (text == NULL) {
        mdli_json_null(json, key);
    } else {
        mdli_json_bytes(json, key, text, (int64_t)strlen(text));
    }
}

void mdli_json_bytes(mdli_json *json, const char *key, const char *bytes, int64_t size_bytes)
{
    begin_member(json, key);
    put_escaped(json, bytes, size_bytes);
}

void mdli_json_integer(mdli_json *json, const char *key, int64_t value)
{
    char text[MDLI_INT64_TEXT_MAX];
    begin_member(json, key);
    put(json, text, mdli_format_int64(value, text));
}

void mdli_json_double(mdli_json *json, const char *key, double value)
{
    if (!isfinite(value)) {
        mdli_json_null(json, key);
        return;
    }
    char text[MDLI_FLOAT_TEXT_MAX];
    begin_member(json, key);
    put(json, text, mdli_format_double(value, text));
}

void mdli_json_bool(mdli_json *json, const char *key, bool value)
{
    begin_member(json, key);
    put_text(json, value ? "true" : "false");
}

void mdli_json_null(mdli_json *json, const char *key)
{
    begin_member(json, key);
    put_text(json, "null");
}
