/*
 * Tables to CSV.
 */
#include "medallion/csv.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "csv/csv_file.h"
#include "csv/csv_output.h"
#include "csv/csv_text.h"

static mdl_status write_header(const mdli_csv_output *output, mdl_error *error)
{
    mdli_csv_text text = {.bytes = NULL};
    mdl_status status = MDL_OK;
    for (int32_t i = 0; i < output->n_fields && status == MDL_OK; i++) {
        const char *name = mdl_table_column_name(output->table, i);
        mdl_string separator = i < output->n_fields - 1 ? (mdl_string){",", 1} : output->line_end;
        status = mdli_csv_append_field(output->context, &text,
                                       (mdl_string){name, (int64_t)strlen(name)}, error);
        if (status == MDL_OK) {
            status = mdli_csv_append_bytes(output->context, &text, separator, error);
        }
    }
    if (status == MDL_OK) {
        status = mdli_csv_output_bytes(output, (mdl_string){text.bytes, text.size_bytes}, error);
    }
    mdli_free(output->context, text.bytes);
    return status;
}

static mdl_status write_table(mdl_context *context, const mdl_table *table, mdl_write_fn write,
                              void *user_data, const char *path, mdl_error *error)
{
    mdli_csv_output output = {.context = context,
                              .table = table,
                              .n_fields = mdl_table_n_columns(table),
                              .line_end = {"\n", 1},
                              .write = write,
                              .user_data = user_data,
                              .path = path};
    int64_t n_rows = mdl_table_n_rows(table);
    MDLI_TRY(write_header(&output, error));
    return mdli_csv_output_records(&output, 0, n_rows, n_rows, error);
}

mdl_status mdl_csv_write(mdl_context *context, const mdl_table *table, mdl_write_fn write,
                         void *user_data, mdl_error *error)
{
    if (write == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a csv write needs a function that writes");
    }
    return write_table(context, table, write, user_data, NULL, error);
}

mdl_status mdl_csv_write_file(mdl_context *context, const mdl_table *table, const char *path,
                              mdl_error *error)
{
    mdli_csv_file file;
    if (path == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a csv write needs a path");
    }
    MDLI_TRY(mdli_csv_file_create(context, path, &file, error));
    mdl_status status = write_table(context, table, mdli_csv_file_write, &file, path, error);
    return mdli_csv_file_close(&file, status, error);
}
