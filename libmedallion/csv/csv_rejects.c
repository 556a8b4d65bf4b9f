/*
 * Messages about bad records, and the table of rejects.
 */
#include "csv/csv_rejects.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/utf8.h"

mdl_status mdli_csv_raise(mdl_error *error, mdl_status status, const mdli_csv_place *place,
                          const char *reason)
{
    if (error == NULL || error->status != MDL_OK) {
        return status;
    }
    mdli_escape_text(place->path, strlen(place->path), error->file, sizeof error->file);
    mdli_escape_text(place->text.data, (size_t)place->text.size_bytes, error->text,
                     sizeof error->text);
    if (place->column != NULL) {
        mdli_escape_text(place->column, strlen(place->column), error->column, sizeof error->column);
    }
    error->line = place->line;
    error->record = place->record;
    error->offset_bytes = place->offset_bytes;
    char record[40] = "";
    if (place->record > 0) {
        snprintf(record, sizeof record, ", record %" PRId64, place->record);
    }
    return mdl_error_set(error, status, "%s, line %" PRId64 "%s%s%s, byte %" PRId64 ": %s: \"%s\"",
                         error->file, place->line, record, place->column != NULL ? ", column " : "",
                         error->column, place->offset_bytes, reason, error->text);
}

const char *mdli_csv_fault_text(mdli_csv_fault fault)
{
    switch (fault) {
    case MDLI_CSV_FAULT_NONE:
        return "no fault";
    case MDLI_CSV_FAULT_QUOTE_IN_FIELD:
        return "a quote inside an unquoted field";
    case MDLI_CSV_FAULT_TEXT_AFTER_QUOTE:
        return "text after a closing quote";
    case MDLI_CSV_FAULT_NO_CLOSING_QUOTE:
        return "no closing quote";
    case MDLI_CSV_FAULT_FIELD_COUNT:
        return "wrong number of fields";
    case MDLI_CSV_FAULT_NUL_BYTE:
        return "a NUL byte";
    case MDLI_CSV_FAULT_NOT_UTF8:
        return "invalid UTF-8";
    case MDLI_CSV_FAULT_NO_VALUE:
        return "no value where one is required";
    case MDLI_CSV_FAULT_NOT_DIGITS:
        return "not a number without a sign";
    case MDLI_CSV_FAULT_NOT_OF_TYPE:
        return "not a value of the column's type";
    case MDLI_CSV_FAULT_OUT_OF_RANGE:
        return "out of range";
    }
    return "unknown fault";
}

static const char *type_fault_text(mdl_type type)
{
    switch (type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_INT64:
        return "not a whole number";
    case MDL_TYPE_DECIMAL:
        return "not a decimal number with at most 2 places";
    case MDL_TYPE_FLOAT64:
        return "not a number";
    case MDL_TYPE_BOOL:
        return "neither true nor false";
    case MDL_TYPE_TIMESTAMP:
        return "not a time such as 2026-01-31 23:59:59";
    case MDL_TYPE_STRING:
        break;
    }
    return mdli_csv_fault_text(MDLI_CSV_FAULT_NOT_OF_TYPE);
}

static void describe_range(const mdli_csv_target *target, char reason[MDLI_CSV_REASON_SIZE])
{
    char least[MDLI_INT64_TEXT_MAX + 1] = "";
    char greatest[MDLI_INT64_TEXT_MAX + 1] = "";
    switch (target->type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_INT64:
        mdli_format_int64(target->least, least);
        mdli_format_int64(target->greatest, greatest);
        break;
    case MDL_TYPE_DECIMAL:
        mdli_format_decimal((int32_t)target->least, least);
        mdli_format_decimal((int32_t)target->greatest, greatest);
        break;
    case MDL_TYPE_TIMESTAMP:
        snprintf(reason, MDLI_CSV_REASON_SIZE, "a time that does not exist");
        return;
    default:
        snprintf(reason, MDLI_CSV_REASON_SIZE, "too large for FLOAT64");
        return;
    }
    snprintf(reason, MDLI_CSV_REASON_SIZE, "not within %s … %s", least, greatest);
}

/* The column that field `field` belongs to, or NULL. */
static const mdli_csv_target *target_of(const mdli_csv_schema *schema, int64_t field)
{
    if (field < 0 || field >= schema->n_fields || schema->fields[field].target < 0) {
        return NULL;
    }
    return &schema->targets[schema->fields[field].target];
}

void mdli_csv_describe(const mdli_csv_schema *schema, const mdli_csv_bad_record *bad,
                       char reason[MDLI_CSV_REASON_SIZE])
{
    const mdli_csv_target *target = target_of(schema, bad->field);
    if (bad->fault == MDLI_CSV_FAULT_FIELD_COUNT) {
        snprintf(reason, MDLI_CSV_REASON_SIZE, "%" PRId64 " field%s where the header has %" PRId64,
                 bad->n_fields, bad->n_fields == 1 ? "" : "s", schema->n_fields);
    } else if (bad->fault == MDLI_CSV_FAULT_OUT_OF_RANGE && target != NULL) {
        describe_range(target, reason);
    } else if (bad->fault == MDLI_CSV_FAULT_NOT_OF_TYPE && target != NULL) {
        snprintf(reason, MDLI_CSV_REASON_SIZE, "%s", type_fault_text(target->type));
    } else {
        snprintf(reason, MDLI_CSV_REASON_SIZE, "%s", mdli_csv_fault_text(bad->fault));
    }
}

const char *mdli_csv_bad_column(const mdli_csv_schema *schema, const mdli_csv_bad_record *bad)
{
    return bad->field >= 0 && bad->field < schema->n_fields ? schema->fields[bad->field].name.data
                                                            : NULL;
}

/* The columns of a rejects table, in order. */
enum {
    FILE_NAME,
    LINE,
    RECORD,
    COLUMN,
    OFFSET_BYTES,
    REASON,
    TEXT,
    RAW
};

const mdl_field mdli_csv_reject_fields[MDLI_CSV_N_REJECT_COLUMNS] = {
    [FILE_NAME] = {"file", MDL_TYPE_STRING},
    [LINE] = {"line", MDL_TYPE_INT64},
    [RECORD] = {"record", MDL_TYPE_INT64},
    [COLUMN] = {"column", MDL_TYPE_STRING},
    [OFFSET_BYTES] = {"offset_bytes", MDL_TYPE_INT64},
    [REASON] = {"reason", MDL_TYPE_STRING},
    [TEXT] = {"text", MDL_TYPE_STRING},
    [RAW] = {"raw", MDL_TYPE_STRING},
};

mdl_status mdli_csv_rejects_create(mdl_context *context, mdl_table_builder **out, mdl_error *error)
{
    return mdl_table_builder_create(context, mdli_csv_reject_fields, MDLI_CSV_N_REJECT_COLUMNS, out,
                                    error);
}

/*
 * Writes text as UTF-8: each byte that is not, and each NUL, as \xNN. Returns the size; with `out`
 * NULL only that.
 */
static int64_t make_printable(mdl_string text, char *out)
{
    static const char hex[] = "0123456789abcdef";
    int64_t size_bytes = 0;
    int64_t at = 0;
    while (at < text.size_bytes) {
        uint32_t code_point;
        const char *from = text.data + at;
        int size = mdli_utf8_decode(from, text.size_bytes - at, &code_point);
        bool is_shown = size > 0 && code_point != 0;
        if (out != NULL && is_shown) {
            memcpy(out + size_bytes, from, (size_t)size);
        } else if (out != NULL) {
            unsigned char byte = (unsigned char)*from;
            memcpy(out + size_bytes, (char[]){'\\', 'x', hex[byte >> 4], hex[byte & 15]}, 4);
        }
        size_bytes += is_shown ? size : 4;
        at += is_shown ? size : 1;
    }
    return size_bytes;
}

static mdl_string string_of(const char *text)
{
    return (mdl_string){text, (int64_t)strlen(text)};
}

/* A printable copy of a text in `arena`. */
static mdl_status copy_printable(mdli_arena *arena, mdl_string text, mdl_string *out,
                                 mdl_error *error)
{
    char *copy = mdli_arena_allocate(arena, (size_t)make_printable(text, NULL), error);
    if (copy == NULL) {
        return error->status;
    }
    *out = (mdl_string){copy, make_printable(text, copy)};
    return MDL_OK;
}

static mdl_status append_row(mdl_table_builder *rejects, const mdli_csv_place *place,
                             const char *reason, mdl_string text, mdl_string raw, mdl_error *error)
{
    static const uint64_t none_valid[1] = {0};
    mdl_string strings[MDLI_CSV_N_REJECT_COLUMNS] = {
        [FILE_NAME] = string_of(place->path),
        [COLUMN] = string_of(place->column != NULL ? place->column : ""),
        [REASON] = string_of(reason),
        [TEXT] = text,
        [RAW] = raw,
    };
    int64_t integers[MDLI_CSV_N_REJECT_COLUMNS] = {
        [LINE] = place->line,
        [RECORD] = place->record,
        [OFFSET_BYTES] = place->offset_bytes,
    };
    mdl_vector row[MDLI_CSV_N_REJECT_COLUMNS];
    for (int i = 0; i < MDLI_CSV_N_REJECT_COLUMNS; i++) {
        mdl_type type = mdli_csv_reject_fields[i].type;
        row[i] = (mdl_vector){.type = type, .n_rows = 1};
        if (type == MDL_TYPE_STRING) {
            row[i].values = &strings[i];
        } else {
            row[i].values = &integers[i];
        }
    }
    row[COLUMN].validity = place->column != NULL ? NULL : none_valid;
    return mdl_table_builder_append(rejects, row, 1, error);
}

mdl_status mdli_csv_rejects_append(mdl_table_builder *rejects, const mdli_csv_schema *schema,
                                   const mdli_csv_bad_record *bad, const mdli_csv_place *place,
                                   mdl_error *error)
{
    char reason[MDLI_CSV_REASON_SIZE];
    mdli_csv_describe(schema, bad, reason);
    mdl_string text = {NULL, 0};
    mdl_string raw = {NULL, 0};
    mdli_arena arena;
    mdli_arena_init(&arena, schema->context, "csv rejects");
    mdl_status status = copy_printable(&arena, bad->text, &text, error);
    if (status == MDL_OK) {
        status = copy_printable(&arena, bad->raw, &raw, error);
    }
    if (status == MDL_OK) {
        status = append_row(rejects, place, reason, text, raw, error);
    }
    mdli_arena_reset(&arena);
    return status;
}
