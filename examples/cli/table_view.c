/* A table on standard output, as --columns, --where, --order-by, --limit and --format ask for it. */
#define _POSIX_C_SOURCE 200809L

#include "table_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_writer.h"
#include "table_cell.h"

/* ---- which rows and columns ------------------------------------------------------------------ */

/* Runs `rel` of `query`, both of which may be NULL where memory was short, and puts the result in
 * the place of `*table`. A fault is told with the option that it is in. */
static mdl_status replace_table(mdl_query *query, mdl_rel *rel, const char *option,
                                mdl_table **table, mdl_error *error)
{
    if (query == NULL) {
        return mdl_error_set(error, MDL_E_NO_MEMORY, "%s: no memory for a query", option);
    }
    mdl_error fault = MDL_ERROR_INIT;
    mdl_table *result = NULL;
    mdl_status status = mdl_query_collect(query, rel, &result, &fault);
    mdl_query_free(query);
    if (status != MDL_OK) {
        return mdl_error_set(error, status, "%s: %s", option, fault.message);
    }
    mdl_table_free(*table);
    *table = result;
    return MDL_OK;
}

static mdl_status filter_rows(session *s, mdl_table **table)
{
    const char *where = s->settings->where;
    if (where == NULL) {
        return MDL_OK;
    }
    mdl_query *query = mdl_query_create(s->context);
    mdl_rel *rel = query != NULL ? mdl_filter(mdl_scan(query, *table), where) : NULL;
    return replace_table(query, rel, "--where", table, &s->error);
}

static mdl_status order_rows(session *s, const table_view *view, mdl_table **table)
{
    const char *order_by = s->settings->order_by != NULL ? s->settings->order_by : view->order_by;
    int64_t limit = s->settings->limit >= 0 ? s->settings->limit : view->limit;
    if (order_by == NULL && limit == 0) {
        return MDL_OK;
    }
    mdl_query *query = mdl_query_create(s->context);
    mdl_rel *rel = query != NULL ? mdl_scan(query, *table) : NULL;
    rel = limit > 0 ? mdl_top_n(rel, order_by, limit) : mdl_sort(rel, order_by);
    return replace_table(query, rel, order_by != NULL ? "--order-by" : "--limit", table, &s->error);
}

static mdl_status complain_of_column(const mdl_table *table, const char *name, mdl_error *error)
{
    enum {
        MAX_NAMES = 256
    };
    const char *names[MAX_NAMES];
    int32_t n_names = 0;
    for (; n_names < MAX_NAMES && n_names < mdl_table_n_columns(table); n_names++) {
        names[n_names] = mdl_table_column_name(table, n_names);
    }
    const char *nearest = nearest_name(name, names, n_names);
    return mdl_error_set(error, MDL_E_NOT_FOUND, "--columns: no column '%s'%s%s%s", name,
                         nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                         nearest != NULL ? "'?" : "");
}

/* Turns the list `a, b` into the expressions `"a", "b"`, in a `list` that is used up by this. */
static mdl_status quote_columns(const mdl_table *table, char *list, char *expressions,
                                mdl_error *error)
{
    char *rest = NULL;
    size_t used = 0;
    for (char *name = strtok_r(list, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        name += strspn(name, " ");
        size_t size = strlen(name);
        while (size > 0 && name[size - 1] == ' ') {
            name[--size] = '\0';
        }
        if (mdl_table_find_column(table, name) < 0) {
            return complain_of_column(table, name, error);
        }
        used += (size_t)sprintf(expressions + used, "%s\"%s\"", used > 0 ? ", " : "", name);
    }
    return used > 0 ? MDL_OK
                    : mdl_error_set(error, MDL_E_ARGUMENT, "--columns: there is no name in it");
}

static mdl_status project(session *s, const char *expressions, mdl_table **table)
{
    mdl_query *query = mdl_query_create(s->context);
    mdl_rel *rel = query != NULL ? mdl_project(mdl_scan(query, *table), expressions) : NULL;
    return replace_table(query, rel, "--columns", table, &s->error);
}

static mdl_status choose_columns(session *s, const char *usual_columns, mdl_table **table)
{
    bool is_usual = s->settings->columns == NULL && s->settings->format == FORMAT_TABLE;
    if (is_usual && usual_columns != NULL) {
        return project(s, usual_columns, table);
    }
    if (s->settings->columns == NULL) {
        return MDL_OK;
    }
    char *list = strdup(s->settings->columns);
    /* Each name grows by two quotes and a blank; it has at least one byte and a comma or the NUL.
     */
    char *expressions = malloc(strlen(s->settings->columns) * 3 + 4);
    mdl_status status = MDL_OK;
    if (list == NULL || expressions == NULL) {
        status = mdl_error_set(&s->error, MDL_E_NO_MEMORY, "--columns: no memory for the names");
    } else {
        status = quote_columns(*table, list, expressions, &s->error);
    }
    if (status == MDL_OK) {
        status = project(s, expressions, table);
    }
    free(expressions);
    free(list);
    return status;
}

/* ---- printing -------------------------------------------------------------------------------- */

static int write_to_output(void *data, const char *bytes, int64_t size_bytes)
{
    text_output *output = data;
    put_bytes(output, bytes, (size_t)size_bytes);
    return output->error;
}

static void write_json_rows(json_writer *json, const mdl_table *table, const mdl_batch *batch)
{
    for (int64_t row = 0; row < batch->n_rows && json->output->error == 0; row++) {
        json_open_object(json, NULL);
        for (int32_t c = 0; c < batch->n_columns; c++) {
            mdl_value value = mdl_vector_value(&batch->columns[c], row);
            json_value(json, mdl_table_column_name(table, c), &value);
        }
        json_close_object(json);
    }
}

static mdl_status write_json(session *s, const mdl_table *table)
{
    json_writer json = json_begin(&s->output, 1);
    mdl_cursor *cursor = NULL;
    mdl_batch batch = {0};
    mdl_status status = mdl_cursor_create(s->context, table, NULL, 0, &cursor, &s->error);
    json_open_array(&json, NULL);
    while (status == MDL_OK && s->output.error == 0) {
        status = mdl_cursor_next(cursor, &batch, &s->error);
        if (status != MDL_OK || batch.n_rows == 0) {
            break;
        }
        write_json_rows(&json, table, &batch);
    }
    json_close_array(&json);
    mdl_cursor_free(cursor);
    return status;
}

static mdl_status print_rows(session *s, const mdl_table *table, int64_t n_rows_in_all,
                             int float_digits)
{
    run_lines_stop_progress(&s->lines);
    switch ((output_format)s->settings->format) {
    case FORMAT_CSV:
        return mdl_csv_write(s->context, table, write_to_output, &s->output, &s->error);
    case FORMAT_JSON:
        return write_json(s, table);
    default:
        break;
    }
    table_style style = session_table_style(s, 0);
    style.float_digits = float_digits;
    return print_table(s->context, table, n_rows_in_all, &style, &s->output, &s->error);
}

mdl_status view_table(session *s, const mdl_table *table, const table_view *view)
{
    mdl_table *rows = mdl_table_clone(table);
    mdl_status status = filter_rows(s, &rows);
    int64_t n_rows_in_all = mdl_table_n_rows(rows);
    if (status == MDL_OK) {
        status = order_rows(s, view, &rows);
    }
    if (status == MDL_OK) {
        status = choose_columns(s, view->columns, &rows);
    }
    if (status == MDL_OK) {
        status = print_rows(s, rows, n_rows_in_all, view->float_digits);
    }
    mdl_table_free(rows);
    return status;
}

mdl_status view_listing(session *s, mdl_table_builder *builder)
{
    mdl_table *table = NULL;
    mdl_status status = mdl_table_builder_finish(builder, &table, &s->error);
    if (status == MDL_OK) {
        table_style style = session_table_style(s, 0);
        style.is_listing = true;
        int64_t n_rows = mdl_table_n_rows(table);
        status = print_table(s->context, table, n_rows, &style, &s->output, &s->error);
    }
    mdl_table_free(table);
    return status;
}
