/*
 * Values to text, a row at a time. Room is made for a whole row at once, so that what is written
 * looks at no border.
 */
#include "csv/csv_text.h"

#include <string.h>

#include "base/calendar.h"
#include "base/decimal.h"
#include "base/digits.h"
#include "base/error.h"
#include "base/float_text.h"
#include "base/memory.h"

#define EACH_BYTE UINT64_C(0x0101010101010101)

/* Makes room for so many more bytes. */
static mdl_status reserve(mdl_context *context, mdli_csv_text *text, int64_t size_bytes,
                          mdl_error *error)
{
    if (text->capacity_bytes - text->size_bytes >= size_bytes) {
        return MDL_OK;
    }
    void *bytes = text->bytes;
    MDLI_TRY(mdli_grow_array(context, &bytes, &text->capacity_bytes, text->size_bytes,
                             text->size_bytes + size_bytes, 1, "csv text", error));
    text->bytes = bytes;
    return MDL_OK;
}

/* Not 0 where one of the eight bytes of `word` is `byte`; bytes above it may seem so too. */
static inline uint64_t find_byte(uint64_t word, char byte)
{
    uint64_t difference = word ^ (uint64_t)byte * EACH_BYTE;
    return (difference - EACH_BYTE) & ~difference & 0x80 * EACH_BYTE;
}

bool mdli_csv_needs_quotes(mdl_string text)
{
    /* Nothing at all would be NULL. */
    if (text.size_bytes == 0) {
        return true;
    }
    for (int64_t i = 0; i < text.size_bytes; i += 8) {
        uint64_t word;
        memcpy(&word, text.data + i, sizeof word);
        uint64_t found = find_byte(word, ',') | find_byte(word, '"') | find_byte(word, '\n') |
                         find_byte(word, '\r');
        if (found == 0) {
            continue;
        }
        /* Rare enough to look again, byte by byte, at what is the text's. */
        for (int64_t b = i; b < text.size_bytes && b < i + 8; b++) {
            char byte = text.data[b];
            if (byte == ',' || byte == '"' || byte == '\n' || byte == '\r') {
                return true;
            }
        }
    }
    return false;
}

static inline int64_t format_integer(int64_t value, char *out)
{
    *out = '-';
    bool is_negative = value < 0;
    /* Unsigned, for INT64_MIN has no positive counterpart. */
    uint64_t magnitude = is_negative ? 0 - (uint64_t)value : (uint64_t)value;
    return is_negative + mdli_format_uint64_loosely(magnitude, out + is_negative);
}

static inline int64_t format_decimal(int32_t hundredths, char *out)
{
    if (hundredths < 0 || hundredths >= 1000) {
        return mdli_format_decimal(hundredths, out);
    }
    /* `d.d` or `d.dd`: ratings. */
    int32_t fraction = hundredths % 100;
    out[0] = (char)('0' + hundredths / 100);
    out[1] = '.';
    out[2] = (char)('0' + fraction / 10);
    out[3] = (char)('0' + fraction % 10);
    return 3 + (fraction % 10 != 0);
}

static inline int64_t format_value(const mdl_vector *values, int64_t row, char *out)
{
    switch (values->type) {
    case MDL_TYPE_INT32:
        return format_integer(((const int32_t *)values->values)[row], out);
    case MDL_TYPE_INT64:
        return format_integer(((const int64_t *)values->values)[row], out);
    case MDL_TYPE_DECIMAL:
        return format_decimal(((const int32_t *)values->values)[row], out);
    case MDL_TYPE_FLOAT64:
        return mdli_format_double(((const double *)values->values)[row], out);
    case MDL_TYPE_TIMESTAMP:
        mdli_format_timestamp(((const int64_t *)values->values)[row], out);
        return MDLI_TIMESTAMP_TEXT_SIZE;
    case MDL_TYPE_BOOL: {
        bool is_true = ((const uint8_t *)values->values)[row] != 0;
        memcpy(out, is_true ? "true" : "false", 5);
        return is_true ? 4 : 5;
    }
    case MDL_TYPE_STRING:
        break;
    }
    return 0;
}

int64_t mdli_csv_format_value(const mdl_vector *values, int64_t row, char *out)
{
    return format_value(values, row, out);
}

/* Copies text in quotes, with each quote in it doubled; returns where it ends. */
static char *put_quoted(mdl_string text, char *out)
{
    *out++ = '"';
    for (int64_t i = 0; i < text.size_bytes; i++) {
        if (text.data[i] == '"') {
            *out++ = '"';
        }
        *out++ = text.data[i];
    }
    *out++ = '"';
    return out;
}

/* Appends text as a field and leaves room for so many bytes behind it. */
static mdl_status append_text(mdl_context *context, mdli_csv_text *to, mdl_string text,
                              int64_t room_bytes, mdl_error *error)
{
    /* At most each byte is a quote that is doubled, with quotes around. */
    MDLI_TRY(reserve(context, to, 2 * text.size_bytes + 2 + room_bytes, error));
    char *at = to->bytes + to->size_bytes;
    if (mdli_csv_needs_quotes(text)) {
        to->size_bytes = put_quoted(text, at) - to->bytes;
    } else {
        memcpy(at, text.data, (size_t)text.size_bytes);
        to->size_bytes += text.size_bytes;
    }
    return MDL_OK;
}

mdl_status mdli_csv_append_bytes(mdl_context *context, mdli_csv_text *to, mdl_string bytes,
                                 mdl_error *error)
{
    MDLI_TRY(reserve(context, to, bytes.size_bytes, error));
    if (bytes.size_bytes > 0) {
        memcpy(to->bytes + to->size_bytes, bytes.data, (size_t)bytes.size_bytes);
        to->size_bytes += bytes.size_bytes;
    }
    return MDL_OK;
}

mdl_status mdli_csv_append_field(mdl_context *context, mdli_csv_text *to, mdl_string text,
                                 mdl_error *error)
{
    return append_text(context, to, text, 0, error);
}

mdl_status mdli_csv_append_rows(mdl_context *context, mdli_csv_text *to, const mdli_csv_rows *rows,
                                int64_t start, int64_t end, mdl_error *error)
{
    /* What a row takes besides text. */
    const int64_t row_bytes =
        (int64_t)rows->n_fields * (MDL_VALUE_TEXT_MAX + 1) + rows->line_end.size_bytes;
    for (int64_t row = start; row < end; row++) {
        MDLI_TRY(reserve(context, to, row_bytes, error));
        char *at = to->bytes + to->size_bytes;
        for (int32_t i = 0; i < rows->n_fields; i++) {
            const mdl_vector *field = &rows->fields[i];
            if (i > 0) {
                *at++ = ',';
            }
            if (mdl_vector_is_null(field, row)) {
                continue;
            }
            if (field->type != MDL_TYPE_STRING) {
                at += format_value(field, row, at);
                continue;
            }
            to->size_bytes = at - to->bytes;
            MDLI_TRY(append_text(context, to, mdl_vector_string(field, row), row_bytes, error));
            at = to->bytes + to->size_bytes;
        }
        for (int64_t i = 0; i < rows->line_end.size_bytes; i++) {
            *at++ = rows->line_end.data[i];
        }
        to->size_bytes = at - to->bytes;
    }
    return MDL_OK;
}
