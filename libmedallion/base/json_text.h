/*
 * JSON (RFC 8259), written piece by piece: commas and escaping are the writer's business. The text
 * has no blanks and is always UTF-8: each byte of a text that is not becomes U+FFFD.
 *
 *     mdli_json json;
 *     mdli_json_to_buffer(&json, &buffer);
 *     mdli_json_open_object(&json, NULL);
 *     mdli_json_integer(&json, "n", 3);
 *     mdli_json_close_object(&json);
 *     status = mdli_json_finish(&json, error);
 *
 * A failure is kept until mdli_json_finish tells it; nothing is written after it.
 */
#ifndef MDLI_BASE_JSON_TEXT_H
#define MDLI_BASE_JSON_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text_buffer.h"
#include "medallion/csv.h"

/* Bytes that are collected before the function that takes them is called. */
#define MDLI_JSON_PIECE_BYTES 1024

/* A text in the making; needs no freeing. */
typedef struct mdli_json {
    mdl_write_fn write; /* NULL = `buffer` takes the text */
    void *user_data;
    mdli_text_buffer *buffer;
    mdl_error failure; /* the first one; its status is MDL_OK so far */
    int32_t depth;     /* of open objects and arrays */
    bool has_members;  /* the innermost open one, so that the next needs a comma */
    int32_t n_piece_bytes;
    char piece[MDLI_JSON_PIECE_BYTES];
} mdli_json;

/* Starts a text that `write` takes. */
void mdli_json_to_function(mdli_json *json, mdl_write_fn write, void *user_data);

/* Starts a text that is appended to `buffer`. */
void mdli_json_to_buffer(mdli_json *json, mdli_text_buffer *buffer);

/* Ends a text; every object and array must be closed. Answers the first failure: the buffer's, or
 * MDL_E_NO_SPACE or MDL_E_IO for what the function answered. */
mdl_status mdli_json_finish(mdli_json *json, mdl_error *error);

/* In all of these `key` names a member of an object; it is NULL in arrays and for the outermost
 * value. */
void mdli_json_open_object(mdli_json *json, const char *key);
void mdli_json_close_object(mdli_json *json);
void mdli_json_open_array(mdli_json *json, const char *key);
void mdli_json_close_array(mdli_json *json);

void mdli_json_text(mdli_json *json, const char *key, const char *text); /* NULL gives null */
void mdli_json_bytes(mdli_json *json, const char *key, const char *bytes, int64_t size_bytes);
void mdli_json_integer(mdli_json *json, const char *key, int64_t value);
/* The shortest number that reads back to the same double; null for what JSON has no number for. */
void mdli_json_double(mdli_json *json, const char *key, double value);
void mdli_json_bool(mdli_json *json, const char *key, bool value);
void mdli_json_null(mdli_json *json, const char *key);

#endif
