/*
 * Matching of the header, and text to values for one field at a time.
 */
#include "csv/csv_schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "base/decimal.h"
#include "base/error.h"
#include "base/float_text.h"
#include "base/utf8.h"
#include "csv/csv_rejects.h"

static bool is_type(mdl_type type)
{
    return type >= MDL_TYPE_INT32 && type <= MDL_TYPE_STRING;
}

/* The limits of a type whose values are integers. */
static void type_limits(mdl_type type, int64_t *least, int64_t *greatest)
{
    switch (type) {
    case MDL_TYPE_INT32:
        *least = INT32_MIN;
        *greatest = INT32_MAX;
        break;
    case MDL_TYPE_DECIMAL:
        *least = -MDLI_HUNDREDTHS_MAX;
        *greatest = MDLI_HUNDREDTHS_MAX;
        break;
    default:
        *least = INT64_MIN;
        *greatest = INT64_MAX;
        break;
    }
}

static bool takes_range(mdl_type type)
{
    return type == MDL_TYPE_INT32 || type == MDL_TYPE_INT64 || type == MDL_TYPE_DECIMAL;
}

static mdl_status init_target(mdli_csv_target *target, const mdl_csv_column *column,
                              const mdl_csv_column *columns, mdl_error *error)
{
    if (column->name == NULL || column->name[0] == '\0') {
        return mdl_error_set(error, MDL_E_ARGUMENT, "column %td of a csv read has no name",
                             column - columns + 1);
    }
    for (const mdl_csv_column *other = columns; other < column; other++) {
        if (strcmp(other->name, column->name) == 0) {
            return mdl_error_set(error, MDL_E_ARGUMENT, "two columns of a csv read are named %s",
                                 column->name);
        }
    }
    if (!is_type(column->type)) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "column %s of a csv read has the unknown type %d", column->name,
                             (int)column->type);
    }
    if ((column->has_range || column->is_unsigned) && !takes_range(column->type)) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "column %s of a csv read is %s, which takes no range or sign",
                             column->name, mdl_type_name(column->type));
    }
    *target = (mdli_csv_target){.name = column->name,
                                .type = column->type,
                                .is_required = column->is_required,
                                .is_unsigned = column->is_unsigned};
    type_limits(column->type, &target->least, &target->greatest);
    if (column->has_range) {
        target->least = column->least > target->least ? column->least : target->least;
        target->greatest =
            column->greatest < target->greatest ? column->greatest : target->greatest;
        if (target->least > target->greatest) {
            return mdl_error_set(error, MDL_E_ARGUMENT, "no value is in the range of column %s",
                                 column->name);
        }
    }
    return MDL_OK;
}

mdl_status mdli_csv_schema_init(mdli_csv_schema *schema, mdl_context *context, const char *path,
                                const mdl_csv_column *columns, int32_t n_columns, mdl_error *error)
{
    *schema = (mdli_csv_schema){.context = context, .path = path};
    mdli_arena_init(&schema->arena, context, "csv schema");
    if (columns == NULL || n_columns < 1) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a csv read needs columns");
    }
    void *targets;
    MDLI_TRY(mdli_allocate_array(context, n_columns, sizeof *schema->targets, "csv schema",
                                 &targets, error));
    schema->targets = targets;
    for (int32_t i = 0; i < n_columns; i++) {
        MDLI_TRY(init_target(&schema->targets[i], &columns[i], columns, error));
    }
    schema->n_targets = n_columns;
    return MDL_OK;
}

void mdli_csv_schema_free(mdli_csv_schema *schema)
{
    mdli_free(schema->context, schema->targets);
    mdli_free(schema->context, schema->fields);
    mdli_arena_reset(&schema->arena);
}

/* The place in the file of a header's fault, for the message. */
typedef struct header_place {
    const mdli_csv_schema *schema;
    const char *file_bytes;
    mdl_error *error;
} header_place;

/* Raises a fault of the header at `text`, which is a piece of it. */
static mdl_status raise_header_fault(const header_place *place, mdl_string text, const char *column,
                                     const char *reason)
{
    int64_t offset_bytes = text.data - place->file_bytes;
    mdli_csv_place at = {.path = place->schema->path,
                         .line = 1 + mdli_csv_count_lines(place->file_bytes, offset_bytes),
                         .column = column,
                         .offset_bytes = offset_bytes,
                         .text = text};
    return mdli_csv_raise(place->error, MDL_E_SCHEMA, &at, reason);
}

/* The column that a header field names, or -1. */
static int32_t find_target(const mdli_csv_schema *schema, mdl_string name)
{
    for (int32_t i = 0; i < schema->n_targets; i++) {
        const char *candidate = schema->targets[i].name;
        if (strlen(candidate) == (size_t)name.size_bytes &&
            memcmp(candidate, name.data, (size_t)name.size_bytes) == 0) {
            return i;
        }
    }
    return -1;
}

static bool is_target_named(const mdli_csv_schema *schema, int64_t n_fields, int32_t target)
{
    for (int64_t i = 0; i < n_fields; i++) {
        if (schema->fields[i].target == target) {
            return true;
        }
    }
    return false;
}

/* A copy of a header field's name that lives as long as the schema. */
static mdl_status copy_name(mdli_csv_schema *schema, const mdli_csv_field *field, mdl_string *name,
                            mdl_error *error)
{
    char *copy =
        mdli_arena_copy(&schema->arena, field->text.data, (size_t)field->text.size_bytes, error);
    if (copy == NULL) {
        return error->status;
    }
    *name = (mdl_string){copy, field->text.size_bytes};
    if (field->has_doubled_quotes) {
        name->size_bytes = mdli_csv_undouble_quotes(field->text, copy);
        copy[name->size_bytes] = '\0';
    }
    return MDL_OK;
}

/* Matches field `index`, with those before it matched already. */
static mdl_status match_field(mdli_csv_schema *schema, const mdli_csv_field *field, int64_t index,
                              bool allow_extra_columns, const header_place *place)
{
    mdli_csv_header_field *matched = &schema->fields[index];
    MDLI_TRY(copy_name(schema, field, &matched->name, place->error));
    mdli_csv_fault fault = mdli_csv_check_text(field->text.data, field->text.size_bytes);
    if (fault != MDLI_CSV_FAULT_NONE) {
        return raise_header_fault(place, field->text, NULL, mdli_csv_fault_text(fault));
    }
    matched->target = find_target(schema, matched->name);
    if (matched->target >= 0 && is_target_named(schema, index, matched->target)) {
        return raise_header_fault(place, field->text, matched->name.data, "a column named twice");
    }
    if (matched->target < 0 && !allow_extra_columns) {
        return raise_header_fault(place, field->text, matched->name.data,
                                  "a column that the table does not have");
    }
    return MDL_OK;
}

mdl_status mdli_csv_schema_match(mdli_csv_schema *schema, const mdli_csv_record *record,
                                 const mdli_csv_field *fields, const char *file_bytes,
                                 bool allow_extra_columns, mdl_error *error)
{
    header_place place = {.schema = schema, .file_bytes = file_bytes, .error = error};
    if (record->fault != MDLI_CSV_FAULT_NONE) {
        return raise_header_fault(&place, record->fault_text, NULL,
                                  mdli_csv_fault_text(record->fault));
    }
    void *memory;
    MDLI_TRY(mdli_allocate_array(schema->context, record->n_fields, sizeof *schema->fields,
                                 "csv schema", &memory, error));
    schema->fields = memory;
    schema->n_fields = record->n_fields;
    for (int64_t i = 0; i < record->n_fields; i++) {
        MDLI_TRY(match_field(schema, &fields[i], i, allow_extra_columns, &place));
    }
    mdl_string header = {record->start, record->end - record->start};
    for (int32_t i = 0; i < schema->n_targets; i++) {
        if (!is_target_named(schema, schema->n_fields, i)) {
            return raise_header_fault(&place, header, schema->targets[i].name,
                                      "a column that the header does not name");
        }
    }
    return MDL_OK;
}

/* A parser's answer as a fault. */
static mdli_csv_fault fault_of(mdli_parse result)
{
    switch (result) {
    case MDLI_PARSE_OK:
        return MDLI_CSV_FAULT_NONE;
    case MDLI_PARSE_OUT_OF_RANGE:
        return MDLI_CSV_FAULT_OUT_OF_RANGE;
    default:
        return MDLI_CSV_FAULT_NOT_OF_TYPE;
    }
}

static mdli_csv_fault read_bool(const char *text, int64_t size_bytes, mdli_csv_value *value)
{
    value->integer = size_bytes == 4;
    bool is_true = size_bytes == 4 && memcmp(text, "true", 4) == 0;
    bool is_false = size_bytes == 5 && memcmp(text, "false", 5) == 0;
    return is_true || is_false ? MDLI_CSV_FAULT_NONE : MDLI_CSV_FAULT_NOT_OF_TYPE;
}

static mdli_csv_fault read_decimal(const char *text, int64_t size_bytes, mdli_csv_value *value)
{
    int32_t hundredths = 0;
    mdli_parse result = mdli_parse_decimal(text, size_bytes, &hundredths);
    value->integer = hundredths;
    return fault_of(result);
}

mdli_csv_fault mdli_csv_read_value(const mdli_csv_target *target, const char *text,
                                   int64_t size_bytes, mdli_csv_value *value)
{
    mdli_csv_fault fault;
    switch (target->type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_INT64:
        fault = fault_of(mdli_parse_int64(text, size_bytes, &value->integer));
        break;
    case MDL_TYPE_DECIMAL:
        fault = read_decimal(text, size_bytes, value);
        break;
    case MDL_TYPE_FLOAT64:
        return fault_of(mdli_parse_double(text, size_bytes, &value->real));
    case MDL_TYPE_BOOL:
        return read_bool(text, size_bytes, value);
    default:
        return fault_of(mdli_parse_timestamp(text, size_bytes, &value->integer));
    }
    if (fault == MDLI_CSV_FAULT_NOT_OF_TYPE) {
        return fault;
    }
    if (target->is_unsigned && text[0] == '-') {
        return MDLI_CSV_FAULT_NOT_DIGITS;
    }
    if (fault == MDLI_CSV_FAULT_NONE &&
        (value->integer < target->least || value->integer > target->greatest)) {
        fault = MDLI_CSV_FAULT_OUT_OF_RANGE;
    }
    return fault;
}

mdli_csv_fault mdli_csv_check_text(const char *text, int64_t size_bytes)
{
    if (memchr(text, '\0', (size_t)size_bytes) != NULL) {
        return MDLI_CSV_FAULT_NUL_BYTE;
    }
    if (mdli_utf8_valid_prefix(text, size_bytes) != size_bytes) {
        return MDLI_CSV_FAULT_NOT_UTF8;
    }
    return MDLI_CSV_FAULT_NONE;
}
