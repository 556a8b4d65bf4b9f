/*
 * Files written back: what mdl_csv_read_file made of a file, made the file again.
 */
#include "medallion/csv.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "column/column_internal.h"
#include "csv/csv_output.h"
#include "csv/csv_record.h"
#include "csv/csv_schema.h"

static mdl_status raise_mismatch(const char *what, mdl_error *error)
{
    return mdl_error_set(error, MDL_E_ARGUMENT, "rows and layout do not belong together: %s", what);
}

/* Whether the layout has the form that a read gives it; what is in it is looked at on the way. */
static mdl_status check_layout(const mdl_table *layout, mdl_error *error)
{
    bool is_layout = layout != NULL && mdl_table_n_rows(layout) > 0 &&
                     mdl_table_n_columns(layout) == MDLI_CSV_N_LAYOUT_COLUMNS;
    for (int32_t i = 0; i < MDLI_CSV_N_LAYOUT_COLUMNS && is_layout; i++) {
        const mdl_column *column = mdl_table_column(layout, i);
        is_layout = strcmp(mdl_table_column_name(layout, i), mdli_csv_layout_fields[i].name) == 0 &&
                    mdl_column_type(column) == mdli_csv_layout_fields[i].type &&
                    mdl_column_get_stats(column).n_nulls == 0;
    }
    if (!is_layout) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a csv restore needs the layout of a read");
    }
    return MDL_OK;
}

static mdl_status check_rows(const mdl_table *table, int64_t first_row, int64_t n_rows,
                             int64_t n_records, mdl_error *error)
{
    if (table == NULL || first_row < 0 || n_rows < 0 ||
        first_row > mdl_table_n_rows(table) - n_rows || n_records < n_rows) {
        return raise_mismatch("the table does not have these rows", error);
    }
    return MDL_OK;
}

/* What the header says of the file. */
typedef struct file_form {
    int32_t *columns; /* of the table, one for each field; to be freed */
    mdl_string line_end;
} file_form;

/* Matches the header with the table's columns, as a read does. */
static mdl_status match_header(mdli_csv_schema *schema, mdl_string raw, mdli_csv_field *fields,
                               file_form *form, mdl_error *error)
{
    mdli_csv_record header;
    mdl_error failure = MDL_ERROR_INIT;
    mdli_csv_split_header(raw.data, raw.data + raw.size_bytes, true, fields, schema->n_targets,
                          &header);
    if (header.is_blank || header.n_fields != schema->n_targets) {
        return raise_mismatch("the header has other columns", error);
    }
    mdl_status status = mdli_csv_schema_match(schema, &header, fields, raw.data, false, &failure);
    if (status == MDL_E_SCHEMA) {
        return raise_mismatch(failure.message, error);
    }
    for (int32_t i = 0; i < schema->n_targets && status == MDL_OK; i++) {
        form->columns[i] = schema->fields[i].target;
    }
    form->line_end = (mdl_string){header.end, header.next - header.end};
    return mdli_error_copy(error, &failure);
}

/* Reads the header in `raw`, to which the form's line end points. */
static mdl_status read_header(mdl_context *context, const mdl_table *table, mdl_string raw,
                              file_form *form, mdl_error *error)
{
    int32_t n_columns = mdl_table_n_columns(table);
    mdli_csv_schema schema = {.context = context};
    void *memory = NULL;
    void *fields = NULL;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdli_allocate_array(context, n_columns, sizeof(mdl_csv_column), "csv header",
                                           &memory, error));
    mdl_csv_column *columns = memory;
    for (int32_t i = 0; i < n_columns; i++) {
        columns[i] = (mdl_csv_column){.name = mdl_table_column_name(table, i),
                                      .type = mdl_column_type(mdl_table_column(table, i))};
    }
    MDLI_TRY_GOTO_DONE(mdli_allocate_array(context, n_columns, sizeof(mdli_csv_field), "csv header",
                                           &fields, error));
    void *order;
    MDLI_TRY_GOTO_DONE(mdli_allocate_array(context, n_columns, sizeof *form->columns, "csv header",
                                           &order, error));
    form->columns = order;
    MDLI_TRY_GOTO_DONE(mdli_csv_schema_init(&schema, context, "csv", columns, n_columns, error));
    MDLI_TRY_GOTO_DONE(match_header(&schema, raw, fields, form, error));
done:
    mdli_csv_schema_free(&schema);
    mdli_free(context, fields);
    mdli_free(context, memory);
    return status;
}

/* Reads the layout's first entry, which has to be what stands before the records. */
static mdl_status read_first_entry(const mdl_table *layout, mdli_decode_buffer *buffer,
                                   mdl_string *raw, mdl_error *error)
{
    mdl_vector values;
    MDLI_TRY(mdli_column_read(mdl_table_column(layout, MDLI_CSV_LAYOUT_RECORD), 0, 1, buffer,
                              &values, error));
    if (mdl_vector_int64(&values, 0) != 0) {
        return raise_mismatch("there is no header", error);
    }
    MDLI_TRY(mdli_column_read(mdl_table_column(layout, MDLI_CSV_LAYOUT_RAW), 0, 1, buffer, &values,
                              error));
    *raw = mdl_vector_string(&values, 0);
    return MDL_OK;
}

mdl_status mdl_csv_restore(mdl_context *context, const mdl_table *table, int64_t first_row,
                           int64_t n_rows, int64_t n_records, const mdl_table *layout,
                           mdl_write_fn write, void *user_data, mdl_error *error)
{
    if (write == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a csv restore needs a function that writes");
    }
    MDLI_TRY(check_layout(layout, error));
    MDLI_TRY(check_rows(table, first_row, n_rows, n_records, error));
    mdli_decode_buffer buffer;
    mdl_string raw = {NULL, 0};
    file_form form = {.columns = NULL};
    mdl_status status;
    mdli_decode_buffer_init(&buffer, context);
    MDLI_TRY_GOTO_DONE(read_first_entry(layout, &buffer, &raw, error));
    MDLI_TRY_GOTO_DONE(read_header(context, table, raw, &form, error));
    mdli_csv_output output = {.context = context,
                              .table = table,
                              .columns = form.columns,
                              .n_fields = mdl_table_n_columns(table),
                              .line_end = form.line_end,
                              .layout = layout,
                              .write = write,
                              .user_data = user_data};
    MDLI_TRY_GOTO_DONE(mdli_csv_output_records(&output, first_row, n_rows, n_records, error));
done:
    mdli_free(context, form.columns);
    mdli_decode_buffer_free(&buffer);
    return status;
}
