/*
 * Tables from text and back, for tests: a row a line, values between `|`, NULL as `~`.
 */
#ifndef TESTS_LITERAL_TABLE_H
#define TESTS_LITERAL_TABLE_H

#include <check.h>
#include <string.h>

#include "medallion/medallion.h"
#include "support/csv_dump.h"

enum {
    LITERAL_COLUMNS_MAX = 32
};

/* A vector of one row for the value that starts at `text`; says where it ends. */
typedef struct literal_value {
    mdl_vector vector;
    uint64_t validity;
    union {
        int32_t small;
        int64_t wide;
        double real;
        uint8_t flag;
        mdl_string text;
    } as;
} literal_value;

static inline const char *read_literal(const char *text, mdl_type type, literal_value *out)
{
    size_t size = strcspn(text, "|\n");
    mdl_value value;
    mdl_error error = MDL_ERROR_INIT;
    memset(out, 0, sizeof *out);
    out->validity = size != 1 || *text != '~';
    if (out->validity) {
        mdl_status status =
            mdl_value_parse(type, (mdl_string){text, (int64_t)size}, &value, &error);
        ck_assert_msg(status == MDL_OK, "%s", error.message);
        if (type == MDL_TYPE_STRING) {
            out->as.text = value.as.text;
        } else if (type == MDL_TYPE_FLOAT64) {
            out->as.real = value.as.real;
        } else if (type == MDL_TYPE_BOOL) {
            out->as.flag = (uint8_t)value.as.integer;
        } else if (type == MDL_TYPE_INT32 || type == MDL_TYPE_DECIMAL) {
            out->as.small = (int32_t)value.as.integer;
        } else {
            out->as.wide = value.as.integer;
        }
    }
    out->vector =
        (mdl_vector){.type = type, .n_rows = 1, .values = &out->as, .validity = &out->validity};
    return text + size + (text[size] != '\0');
}

/* Makes a table; the status is that of the library. */
static inline mdl_status try_literal_table(mdl_context *context, const mdl_field *fields,
                                           int32_t n_fields, const char *rows, mdl_table **out)
{
    mdl_table_builder *builder;
    *out = NULL;
    mdl_status status = mdl_table_builder_create(context, fields, n_fields, &builder, NULL);
    while (status == MDL_OK && *rows != '\0') {
        literal_value values[LITERAL_COLUMNS_MAX];
        mdl_vector vectors[LITERAL_COLUMNS_MAX];
        for (int32_t c = 0; c < n_fields; c++) {
            rows = read_literal(rows, fields[c].type, &values[c]);
            vectors[c] = values[c].vector;
        }
        status = mdl_table_builder_append(builder, vectors, 1, NULL);
    }
    if (status == MDL_OK) {
        status = mdl_table_builder_finish(builder, out, NULL);
    }
    mdl_table_builder_free(builder);
    return status;
}

static inline mdl_table *literal_table(mdl_context *context, const mdl_field *fields,
                                       int32_t n_fields, const char *rows)
{
    mdl_table *table;
    ck_assert_int_eq(try_literal_table(context, fields, n_fields, rows, &table), MDL_OK);
    return table;
}

/* One value as text. */
static inline void add_literal(dump *to, const mdl_vector *vector, int64_t row)
{
    char text[MDL_VALUE_TEXT_MAX];
    mdl_value value = {.type = vector->type};
    if (mdl_vector_is_null(vector, row)) {
        dump_add_text(to, "~");
        return;
    }
    switch (vector->type) {
    case MDL_TYPE_STRING: {
        mdl_string string = mdl_vector_string(vector, row);
        dump_add(to, string.data, (size_t)string.size_bytes);
        return;
    }
    case MDL_TYPE_FLOAT64:
        value.as.real = ((const double *)vector->values)[row];
        break;
    case MDL_TYPE_BOOL:
        value.as.integer = ((const uint8_t *)vector->values)[row];
        break;
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        value.as.integer = mdl_vector_int32(vector, row);
        break;
    default:
        value.as.integer = mdl_vector_int64(vector, row);
        break;
    }
    mdl_value_format(&value, text);
    dump_add_text(to, text);
}

/* Adds the rows of chosen columns (NULL = all) as text. */
static inline void dump_add_literals(dump *to, mdl_context *context, const mdl_table *table,
                                     const char *const *columns, int32_t n_columns)
{
    mdl_cursor *cursor;
    mdl_batch batch;
    ck_assert_int_eq(mdl_cursor_create(context, table, columns, n_columns, &cursor, NULL), MDL_OK);
    dump_add_text(to, "");
    for (;;) {
        ck_assert_int_eq(mdl_cursor_next(cursor, &batch, NULL), MDL_OK);
        if (batch.n_rows == 0) {
            break;
        }
        for (int64_t row = 0; row < batch.n_rows; row++) {
            for (int32_t c = 0; c < batch.n_columns; c++) {
                dump_add_text(to, c > 0 ? "|" : "");
                add_literal(to, &batch.columns[c], row);
            }
            dump_add_text(to, "\n");
        }
    }
    mdl_cursor_free(cursor);
}

#endif
