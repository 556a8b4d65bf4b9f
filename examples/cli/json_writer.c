/* JSON, written piece by piece. */
#include "json_writer.h"

#include <inttypes.h>
#include <math.h>

#include "display_text.h"
#include "table_cell.h"

json_writer json_begin(text_output *output, int broken_depth)
{
    return (json_writer){.output = output, .broken_depth = broken_depth};
}

/* A byte that cannot stand in a JSON text as it is. */
static void put_escape(text_output *output, unsigned char byte)
{
    switch (byte) {
    case '"':
        put_text(output, "\\\"");
        break;
    case '\\':
        put_text(output, "\\\\");
        break;
    case '\n':
        put_text(output, "\\n");
        break;
    case '\r':
        put_text(output, "\\r");
        break;
    case '\t':
        put_text(output, "\\t");
        break;
    default:
        put_format(output, "\\u%04x", byte < 0x80 ? byte : 0xFFFD);
    }
}

static void put_escaped(const json_writer *json, mdl_string text)
{
    text_output *output = json->output;
    put_text(output, "\"");
    int64_t begin = 0; /* of the bytes that need no escape and were not written yet */
    for (int64_t i = 0; i < text.size_bytes;) {
        unsigned char byte = (unsigned char)text.data[i];
        int size = byte < 0x80 ? 1 : utf8_size(text.data + i, text.size_bytes - i);
        bool is_plain = byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7F && size > 0 &&
                        !(byte == '<' && json->is_in_page);
        i += size > 0 ? size : 1;
        if (!is_plain) {
            put_bytes(output, text.data + begin, (size_t)(i - 1 - begin));
            put_escape(output, byte);
            begin = i;
        }
    }
    put_bytes(output, text.data + begin, (size_t)(text.size_bytes - begin));
    put_text(output, "\"");
}

static void break_line(json_writer *json)
{
    put_text(json->output, "\n");
    put_repeated(json->output, "  ", json->depth);
}

static void begin_member(json_writer *json, const char *key)
{
    if (json->has_members) {
        put_text(json->output, ",");
    }
    if (json->depth > 0 && json->depth <= json->broken_depth) {
        break_line(json);
    } else if (json->has_members) {
        put_text(json->output, " ");
    }
    if (key != NULL) {
        put_escaped(json, text_of(key));
        put_text(json->output, ": ");
    }
    json->has_members = true;
}

static void open_group(json_writer *json, const char *key, const char *bracket)
{
    begin_member(json, key);
    put_text(json->output, bracket);
    json->depth++;
    json->has_members = false;
}

static void close_group(json_writer *json, const char *bracket)
{
    bool is_broken = json->has_members && json->depth <= json->broken_depth;
    json->depth--;
    if (is_broken) {
        break_line(json);
    }
    put_text(json->output, bracket);
    json->has_members = true; /* the group itself is a member of what is around it */
    if (json->depth == 0) {
        put_text(json->output, "\n");
    }
}

void json_open_object(json_writer *json, const char *key)
{
    open_group(json, key, "{");
}

void json_close_object(json_writer *json)
{
    close_group(json, "}");
}

void json_open_array(json_writer *json, const char *key)
{
    open_group(json, key, "[");
}

void json_close_array(json_writer *json)
{
    close_group(json, "]");
}

void json_text(json_writer *json, const char *key, const char *text)
{
    if (text == NULL) {
        json_null(json, key);
        return;
    }
    begin_member(json, key);
    put_escaped(json, text_of(text));
}

void json_integer(json_writer *json, const char *key, int64_t number)
{
    begin_member(json, key);
    put_format(json->output, "%" PRId64, number);
}

void json_seconds(json_writer *json, const char *key, double seconds)
{
    begin_member(json, key);
    put_format(json->output, "%.6f", seconds);
}

void json_bool(json_writer *json, const char *key, bool value)
{
    begin_member(json, key);
    put_text(json->output, value ? "true" : "false");
}

void json_null(json_writer *json, const char *key)
{
    begin_member(json, key);
    put_text(json->output, "null");
}

void json_value(json_writer *json, const char *key, const mdl_value *value)
{
    /* JSON has no text for infinities and NaN. */
    if (value->is_null || (value->type == MDL_TYPE_FLOAT64 && !isfinite(value->as.real))) {
        json_null(json, key);
        return;
    }
    char buffer[CELL_TEXT_MAX];
    mdl_string text = cell_text(value, -1, buffer);
    begin_member(json, key);
    if (value->type == MDL_TYPE_STRING || value->type == MDL_TYPE_TIMESTAMP) {
        put_escaped(json, text);
    } else {
        put_bytes(json->output, text.data, (size_t)text.size_bytes);
    }
}
