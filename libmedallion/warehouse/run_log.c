/*
 * The log: a row for each run, and one for each of its tasks.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "base/error.h"
#include "base/memory.h"
#include "column/column_internal.h"
#include "column/table_rows.h"
#include "operators/rowset.h"
#include "operators/table_edit.h"
#include "warehouse/run_internal.h"

#define COUNT_OF(array) ((int32_t)(sizeof(array) / sizeof(array)[0]))

static const mdl_field run_fields[] = {
    {"run_id", MDL_TYPE_INT64},         {"command", MDL_TYPE_STRING},
    {"state", MDL_TYPE_STRING},         {"run_time", MDL_TYPE_TIMESTAMP},
    {"started_at", MDL_TYPE_TIMESTAMP}, {"finished_at", MDL_TYPE_TIMESTAMP},
    {"seconds", MDL_TYPE_FLOAT64},      {"n_files", MDL_TYPE_INT64},
    {"n_loaded", MDL_TYPE_INT64},       {"n_rejected", MDL_TYPE_INT64},
    {"n_pass", MDL_TYPE_INT64},         {"n_warn", MDL_TYPE_INT64},
    {"n_error", MDL_TYPE_INT64},        {"n_skip", MDL_TYPE_INT64},
    {"n_total", MDL_TYPE_INT64},        {"message", MDL_TYPE_STRING},
};

static const mdl_field task_fields[] = {
    {"run_id", MDL_TYPE_INT64},          {"task", MDL_TYPE_INT32},
    {"kind", MDL_TYPE_STRING},           {"name", MDL_TYPE_STRING},
    {"table", MDL_TYPE_STRING},          {"layer", MDL_TYPE_STRING},
    {"state", MDL_TYPE_STRING},          {"n_rows", MDL_TYPE_INT64},
    {"n_failures", MDL_TYPE_INT64},      {"started_at", MDL_TYPE_TIMESTAMP},
    {"start_seconds", MDL_TYPE_FLOAT64}, {"seconds", MDL_TYPE_FLOAT64},
    {"attempt", MDL_TYPE_INT32},         {"incremental", MDL_TYPE_BOOL},
    {"details", MDL_TYPE_STRING},        {"message", MDL_TYPE_STRING},
    {"reused", MDL_TYPE_BOOL},
};

enum {
    N_FIRST_TASK_FIELDS = 16, /* that the first version wrote, which reused no model */
    N_FIELDS_MAX = 17,
    DETAILS_BYTES_MAX = 1024
};

mdl_status mdli_run_log_create(mdl_context *context, mdl_table **runs, mdl_table **run_tasks,
                               mdl_error *error)
{
    MDLI_TRY(mdli_table_create_empty(context, run_fields, COUNT_OF(run_fields), runs, error));
    return mdli_table_create_empty(context, task_fields, COUNT_OF(task_fields), run_tasks, error);
}

/* Puts a table of the store's, if there is one, in the place of an empty one. */
static mdl_status read_table(const mdl_warehouse *warehouse, const char *name,
                             const mdl_field *fields, int32_t n_first, int32_t n_fields,
                             mdl_table **table, mdl_error *error)
{
    mdl_table *read;
    MDLI_TRY(mdli_read_grown_log_table(warehouse, name, fields, n_first, n_fields, &read, error));
    if (read != NULL) {
        mdl_table_free(*table);
        *table = read;
    }
    return MDL_OK;
}

mdl_status mdli_run_log_read(mdl_warehouse *warehouse, mdl_error *error)
{
    MDLI_TRY(read_table(warehouse, MDLI_TABLE_RUNS, run_fields, COUNT_OF(run_fields),
                        COUNT_OF(run_fields), &warehouse->runs, error));
    return read_table(warehouse, MDLI_TABLE_RUN_TASKS, task_fields, N_FIRST_TASK_FIELDS,
                      COUNT_OF(task_fields), &warehouse->run_tasks, error);
}

/* Rows in the making: values are put in the order of the fields. */
typedef struct log_row {
    mdl_value values[N_FIELDS_MAX];
    int32_t n_values;
} log_row;

static void put_integer(log_row *row, int64_t value)
{
    row->values[row->n_values++] = (mdl_value){.as.integer = value};
}

static void put_real(log_row *row, double value)
{
    row->values[row->n_values++] = (mdl_value){.as.real = value};
}

static void put_text(log_row *row, const char *text)
{
    row->values[row->n_values++] = (mdl_value){.as.text = {text, (int64_t)strlen(text)}};
}

/* As put_text, with NULL for "". */
static void put_text_or_null(log_row *row, const char *text)
{
    put_text(row, text);
    row->values[row->n_values - 1].is_null = text[0] == '\0';
}

/* A time of the log, in whole seconds that a TIMESTAMP can hold. */
static int64_t log_time(double seconds)
{
    double clipped = fmax(MDLI_TIMESTAMP_MIN, fmin(floor(seconds), MDLI_TIMESTAMP_MAX));
    return (int64_t)clipped;
}

static const char *command_name(mdli_command command)
{
    switch (command) {
    case MDLI_COMMAND_TEST:
        return "test";
    case MDLI_COMMAND_RETRY:
        return "retry";
    default:
        return "build";
    }
}

static const char *state_name(const mdl_run *run, const mdl_run_counts *counts)
{
    if (run->failure.status == MDL_OK) {
        return mdl_run_state_name(counts->n_warn > 0 ? MDL_RUN_WARN : MDL_RUN_SUCCESS);
    }
    return run->is_cancelled ? "cancelled" : mdl_run_state_name(MDL_RUN_ERROR);
}

static mdl_status append_run(mdl_table_builder *builder, const mdl_run *run, mdl_error *error)
{
    int64_t n_files = 0;
    int64_t n_loaded = 0;
    int64_t n_rejected = 0;
    for (int32_t t = 0; t < run->n_tasks; t++) {
        const mdl_run_result *result = &run->tasks[t].result;
        if (result->kind == MDL_TASK_LOAD) {
            n_files++;
            n_loaded += result->n_rows;
            n_rejected += result->n_failures;
        }
    }
    mdl_run_counts counts = mdl_run_get_counts(run);
    log_row row = {.n_values = 0};
    put_integer(&row, run->id);
    put_text(&row, command_name(run->command));
    put_text(&row, state_name(run, &counts));
    put_integer(&row, run->run_time);
    put_integer(&row, log_time(run->started_at));
    put_integer(&row, log_time(run->started_at + run->seconds));
    put_real(&row, run->seconds);
    put_integer(&row, n_files);
    put_integer(&row, n_loaded);
    put_integer(&row, n_rejected);
    put_integer(&row, counts.n_pass);
    put_integer(&row, counts.n_warn);
    put_integer(&row, counts.n_error);
    put_integer(&row, counts.n_skip);
    put_integer(&row, counts.n_total);
    put_text_or_null(&row, run->failure.message);
    return mdli_append_row(builder, run_fields, COUNT_OF(run_fields), row.values, error);
}

/* "new 3, late 1". */
static void write_details(const mdl_run_result *result, char *text, size_t size_bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < result->n_counters && used < size_bytes; i++) {
        const mdl_run_counter *counter = &result->counters[i];
        used += (size_t)snprintf(text + used, size_bytes - used, "%s%s %" PRId64, i > 0 ? ", " : "",
                                 counter->name, counter->value);
    }
}

static mdl_status append_task(mdl_table_builder *builder, const mdl_run *run, int32_t t,
                              mdl_error *error)
{
    const mdl_run_result *result = &run->tasks[t].result;
    char details[DETAILS_BYTES_MAX];
    write_details(result, details, sizeof details);
    log_row row = {.n_values = 0};
    put_integer(&row, run->id);
    put_integer(&row, t + 1);
    put_text(&row, mdl_task_kind_name(result->kind));
    put_text(&row, result->name);
    put_text(&row, result->model->name);
    put_text(&row, mdl_layer_name(result->model->layer));
    put_text(&row, mdl_run_state_name(result->state));
    put_integer(&row, result->n_rows);
    put_integer(&row, result->n_failures);
    put_integer(&row, log_time(run->started_at + result->start_seconds));
    put_real(&row, result->start_seconds);
    put_real(&row, result->seconds);
    put_integer(&row, result->attempt);
    put_integer(&row, result->incremental);
    put_text_or_null(&row, details);
    put_text_or_null(&row, result->message);
    put_integer(&row, result->reused);
    return mdli_append_row(builder, task_fields, COUNT_OF(task_fields), row.values, error);
}

/* A table with the rows of the builder behind those of `table`. */
static mdl_status concat_rows(mdl_context *context, const mdl_table *table,
                              mdl_table_builder *builder, mdl_table **out, mdl_error *error)
{
    mdl_table *rows = NULL;
    MDLI_TRY(mdl_table_builder_finish(builder, &rows, error));
    mdl_status status = mdli_table_append_rows(context, table, rows, out, error);
    mdl_table_free(rows);
    return status;
}

mdl_status mdli_run_log_append(const mdl_warehouse *warehouse, mdl_run *run, mdl_table **runs,
                               mdl_table **run_tasks, mdl_error *error)
{
    mdl_context *context = warehouse->context;
    mdl_table_builder *run_rows = NULL;
    mdl_table_builder *task_rows = NULL;
    mdl_table *new_runs = NULL;
    mdl_status status;
    mdli_last_run last;
    MDLI_TRY_GOTO_DONE(mdli_run_log_last(warehouse, &last, error));
    run->id = last.id + 1;
    MDLI_TRY_GOTO_DONE(
        mdl_table_builder_create(context, run_fields, COUNT_OF(run_fields), &run_rows, error));
    MDLI_TRY_GOTO_DONE(
        mdl_table_builder_create(context, task_fields, COUNT_OF(task_fields), &task_rows, error));
    MDLI_TRY_GOTO_DONE(append_run(run_rows, run, error));
    for (int32_t t = 0; t < run->n_tasks; t++) {
        MDLI_TRY_GOTO_DONE(append_task(task_rows, run, t, error));
    }
    MDLI_TRY_GOTO_DONE(concat_rows(context, warehouse->runs, run_rows, &new_runs, error));
    MDLI_TRY_GOTO_DONE(concat_rows(context, warehouse->run_tasks, task_rows, run_tasks, error));
    *runs = new_runs;
    new_runs = NULL;
done:
    run->id = status == MDL_OK ? run->id : 0;
    mdl_table_free(new_runs);
    mdl_table_builder_free(run_rows);
    mdl_table_builder_free(task_rows);
    return status;
}

bool mdli_is_text(mdl_string text, const char *expected)
{
    return (size_t)text.size_bytes == strlen(expected) &&
           memcmp(text.data, expected, (size_t)text.size_bytes) == 0;
}

mdl_status mdli_run_log_last(const mdl_warehouse *warehouse, mdli_last_run *out, mdl_error *error)
{
    *out = (mdli_last_run){.id = 0};
    int64_t n_runs = mdl_table_n_rows(warehouse->runs);
    if (n_runs == 0) {
        return MDL_OK;
    }
    mdl_value id;
    mdl_value state;
    char text[16];
    const mdl_table *runs = warehouse->runs;
    MDLI_TRY(mdl_table_get(warehouse->context, runs, n_runs - 1,
                           mdl_table_find_column(runs, "run_id"), &id, NULL, 0, error));
    MDLI_TRY(mdl_table_get(warehouse->context, runs, n_runs - 1,
                           mdl_table_find_column(runs, "state"), &state, text, sizeof text, error));
    out->id = id.as.integer;
    out->has_failed = !mdli_is_text(state.as.text, mdl_run_state_name(MDL_RUN_SUCCESS)) &&
                      !mdli_is_text(state.as.text, mdl_run_state_name(MDL_RUN_WARN));
    return MDL_OK;
}

mdl_status mdli_run_log_visit(const mdl_warehouse *warehouse,
                              mdl_status (*visit)(void *data, const mdli_logged_task *task,
                                                  mdl_error *error),
                              void *data, mdl_error *error)
{
    static const char *const columns[] = {"run_id", "kind", "name", "state", "reused"};
    mdl_cursor *cursor = NULL;
    mdl_batch batch;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdl_cursor_create(warehouse->context, warehouse->run_tasks, columns,
                                         COUNT_OF(columns), &cursor, error));
    do {
        MDLI_TRY_GOTO_DONE(mdl_cursor_next(cursor, &batch, error));
        for (int64_t i = 0; i < batch.n_rows; i++) {
            const mdli_logged_task task = {
                .run_id = mdl_vector_int64(&batch.columns[0], i),
                .kind = mdl_vector_string(&batch.columns[1], i),
                .name = mdl_vector_string(&batch.columns[2], i),
                .state = mdl_vector_string(&batch.columns[3], i),
                .is_reused = !mdl_vector_is_null(&batch.columns[4], i) &&
                             mdli_vector_integer(&batch.columns[4], i) != 0,
            };
            MDLI_TRY_GOTO_DONE(visit(data, &task, error));
        }
    } while (batch.n_rows > 0);
done:
    mdl_cursor_free(cursor);
    return status;
}
