/*
 * Tables row by row.
 */
#include "column/table_rows.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "column/column_internal.h"

/* A value as vectors hold it. */
typedef union cell {
    int32_t small;
    int64_t large;
    double real;
    uint8_t truth;
    mdl_string text;
} cell;

static cell cell_of(const mdl_value *value)
{
    cell c = {.large = 0};
    if (value->is_null) {
        return value->type == MDL_TYPE_STRING ? (cell){.text = {NULL, 0}} : c;
    }
    switch (value->type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        c.small = (int32_t)value->as.integer;
        break;
    case MDL_TYPE_INT64:
    case MDL_TYPE_TIMESTAMP:
        c.large = value->as.integer;
        break;
    case MDL_TYPE_FLOAT64:
        c.real = value->as.real;
        break;
    case MDL_TYPE_BOOL:
        c.truth = value->as.integer != 0;
        break;
    case MDL_TYPE_STRING:
        c.text = value->as.text;
        break;
    }
    return c;
}

mdl_status mdli_append_row(mdl_table_builder *builder, const mdl_field *fields, int32_t n_fields,
                           const mdl_value *values, mdl_error *error)
{
    static const uint64_t is_null = 0;
    cell cells[MDLI_ROW_COLUMNS_MAX];
    mdl_vector columns[MDLI_ROW_COLUMNS_MAX];
    assert(n_fields <= MDLI_ROW_COLUMNS_MAX);
    for (int32_t i = 0; i < n_fields; i++) {
        mdl_value value = values[i];
        value.type = fields[i].type;
        cells[i] = cell_of(&value);
        columns[i] = (mdl_vector){
            .type = fields[i].type,
            .n_rows = 1,
            .values = &cells[i],
            .validity = value.is_null ? &is_null : NULL,
        };
    }
    return mdl_table_builder_append(builder, columns, 1, error);
}

static mdl_status take_batch(const mdl_batch *batch, mdli_take_row_fn take, void *data,
                             mdl_error *error)
{
    mdl_value values[MDLI_ROW_COLUMNS_MAX];
    for (int64_t i = 0; i < batch->n_rows; i++) {
        for (int32_t c = 0; c < batch->n_columns; c++) {
            values[c] = mdl_vector_value(&batch->columns[c], i);
        }
        MDLI_TRY(take(data, batch->first_row + i, values, error));
    }
    return MDL_OK;
}

mdl_status mdli_for_each_row(mdl_context *context, const mdl_table *table, mdli_take_row_fn take,
                             void *data, mdl_error *error)
{
    assert(mdl_table_n_columns(table) <= MDLI_ROW_COLUMNS_MAX);
    mdl_cursor *cursor = NULL;
    MDLI_TRY(mdl_cursor_create(context, table, NULL, 0, &cursor, error));
    mdl_status status;
    mdl_batch batch;
    do {
        MDLI_TRY_GOTO_DONE(mdl_cursor_next(cursor, &batch, error));
        MDLI_TRY_GOTO_DONE(take_batch(&batch, take, data, error));
    } while (batch.n_rows > 0);
done:
    mdl_cursor_free(cursor);
    return status;
}

bool mdli_table_has_fields(const mdl_table *table, const mdl_field *fields, int32_t n_fields)
{
    if (mdl_table_n_columns(table) != n_fields) {
        return false;
    }
    for (int32_t i = 0; i < n_fields; i++) {
        if (strcmp(mdl_table_column_name(table, i), fields[i].name) != 0 ||
            mdl_column_type(mdl_table_column(table, i)) != fields[i].type) {
            return false;
        }
    }
    return true;
}
