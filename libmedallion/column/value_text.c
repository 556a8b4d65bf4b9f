/*
 * Single values: out of vectors, as text and back; and the names of types and encodings.
 */
#include "medallion/types.h"

#include "base/calendar.h"
#include "base/decimal.h"
#include "base/error.h"
#include "base/float_text.h"
#include "medallion/column.h"

#include <assert.h>
#include <string.h>

const char *mdl_type_name(mdl_type type)
{
    switch (type) {
#define TYPE_NAME(name, value, text, size)                                                         \
    case MDL_TYPE_##name:                                                                          \
        return text;
        MDL_TYPE_LIST(TYPE_NAME)
#undef TYPE_NAME
    }
    return "?";
}

const char *mdl_encoding_name(mdl_encoding encoding)
{
    switch (encoding) {
#define ENCODING_NAME(name, value, text)                                                           \
    case MDL_ENCODING_##name:                                                                      \
        return text;
        MDL_ENCODING_LIST(ENCODING_NAME)
#undef ENCODING_NAME
    }
    return "?";
}

mdl_value mdl_vector_value(const mdl_vector *v, int64_t i)
{
    mdl_value value = {.type = v->type, .is_null = mdl_vector_is_null(v, i)};
    if (value.is_null) {
        return value;
    }
    switch (v->type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        value.as.integer = mdl_vector_int32(v, i);
        break;
    case MDL_TYPE_INT64:
    case MDL_TYPE_TIMESTAMP:
        value.as.integer = mdl_vector_int64(v, i);
        break;
    case MDL_TYPE_FLOAT64:
        value.as.real = ((const double *)v->values)[i];
        break;
    case MDL_TYPE_BOOL:
        value.as.integer = ((const uint8_t *)v->values)[i];
        break;
    case MDL_TYPE_STRING:
        value.as.text = mdl_vector_string(v, i);
        break;
    }
    return value;
}

static int format_bool(bool value, char *out)
{
    const char *text = value ? "true" : "false";
    const size_t size = strlen(text);
    memcpy(out, text, size);
    return (int)size;
}

/* A timestamp outside of the calendar, which arithmetic can make, is shown as the number that it
 * is. */
static int format_timestamp(int64_t seconds, char *out)
{
    if (seconds < MDLI_TIMESTAMP_MIN || seconds > MDLI_TIMESTAMP_MAX) {
        return mdli_format_int64(seconds, out);
    }
    mdli_format_timestamp(seconds, out);
    return MDLI_TIMESTAMP_TEXT_SIZE;
}

static int format_value(const mdl_value *value, char *out)
{
    switch (value->type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_INT64:
        return mdli_format_int64(value->as.integer, out);
    case MDL_TYPE_DECIMAL:
        return mdli_format_decimal((int32_t)value->as.integer, out);
    case MDL_TYPE_FLOAT64:
        return mdli_format_double(value->as.real, out);
    case MDL_TYPE_BOOL:
        return format_bool(value->as.integer != 0, out);
    case MDL_TYPE_TIMESTAMP:
        return format_timestamp(value->as.integer, out);
    case MDL_TYPE_STRING:
        break;
    }
    return 0;
}

int64_t mdl_value_format(const mdl_value *value, char *buffer)
{
    static_assert(MDL_VALUE_TEXT_MAX > MDLI_FLOAT_TEXT_MAX, "the longest text is a double's");
    int size = value->is_null ? 0 : format_value(value, buffer);
    buffer[size] = '\0';
    return size;
}

static bool is_text(mdl_string text, const char *expected)
{
    return text.size_bytes == (int64_t)strlen(expected) &&
           memcmp(text.data, expected, (size_t)text.size_bytes) == 0;
}

static mdli_parse parse_bool(mdl_string text, int64_t *value)
{
    *value = is_text(text, "true");
    return *value != 0 || is_text(text, "false") ? MDLI_PARSE_OK : MDLI_PARSE_MALFORMED;
}

/* Parsers of 32-bit types, with the result in 64 bits. */
static mdli_parse parse_int32(mdl_string text, int64_t *value)
{
    int32_t parsed = 0;
    mdli_parse result = mdli_parse_int32(text.data, text.size_bytes, &parsed);
    *value = parsed;
    return result;
}

static mdli_parse parse_decimal(mdl_string text, int64_t *value)
{
    int32_t parsed = 0;
    mdli_parse result = mdli_parse_decimal(text.data, text.size_bytes, &parsed);
    *value = parsed;
    return result;
}

static mdli_parse parse_value(mdl_string text, mdl_value *out)
{
    switch (out->type) {
    case MDL_TYPE_INT32:
        return parse_int32(text, &out->as.integer);
    case MDL_TYPE_INT64:
        return mdli_parse_int64(text.data, text.size_bytes, &out->as.integer);
    case MDL_TYPE_DECIMAL:
        return parse_decimal(text, &out->as.integer);
    case MDL_TYPE_FLOAT64:
        return mdli_parse_double(text.data, text.size_bytes, &out->as.real);
    case MDL_TYPE_BOOL:
        return parse_bool(text, &out->as.integer);
    case MDL_TYPE_TIMESTAMP:
        return mdli_parse_timestamp(text.data, text.size_bytes, &out->as.integer);
    case MDL_TYPE_STRING:
        out->as.text = text;
        return MDLI_PARSE_OK;
    }
    return MDLI_PARSE_MALFORMED;
}

mdl_status mdl_value_parse(mdl_type type, mdl_string text, mdl_value *out, mdl_error *error)
{
    mdl_value value = {.type = type};
    mdli_parse result = parse_value(text, &value);
    if (result == MDLI_PARSE_OK) {
        *out = value;
        return MDL_OK;
    }
    char shown[128];
    mdli_escape_text(text.data, (size_t)text.size_bytes, shown, sizeof shown);
    return mdl_error_set(error, MDL_E_DATA,
                         result == MDLI_PARSE_OUT_OF_RANGE ? "\"%s\" is out of the range of %s"
                                                           : "\"%s\" is not of type %s",
                         shown, mdl_type_name(type));
}
