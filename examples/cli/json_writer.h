/* JSON, written piece by piece. Commas, indenting and escaping are the writer's business. */
#ifndef MEDALLION_CLI_JSON_WRITER_H
#define MEDALLION_CLI_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/types.h"
#include "text_output.h"

typedef struct json_writer {
    text_output *output;
    int depth;
    int broken_depth; /* members up to this depth stand on lines of their own, deeper ones in one
                         line */
    bool has_members; /* the innermost open object or array */
    bool is_in_page;  /* the text stands in a page of HTML: no `<` in it, which could end it */
} json_writer;

json_writer json_begin(text_output *output, int broken_depth);

/* In all of these `key` is NULL for members of arrays and for the outermost value. */
void json_open_object(json_writer *json, const char *key);
void json_close_object(json_writer *json);
void json_open_array(json_writer *json, const char *key);
void json_close_array(json_writer *json);

void json_text(json_writer *json, const char *key, const char *text); /* NULL gives null */
void json_integer(json_writer *json, const char *key, int64_t number);
void json_seconds(json_writer *json, const char *key, double seconds);
void json_bool(json_writer *json, const char *key, bool value);
void json_null(json_writer *json, const char *key);

/* Numbers as numbers, exact; timestamps and text as text. */
void json_value(json_writer *json, const char *key, const mdl_value *value);

#endif
