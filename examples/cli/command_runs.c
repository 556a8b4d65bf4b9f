/* medallion runs: the log of a store. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "session.h"
#include "table_view.h"

/* Narrow terminals leave out columns from the middle: what matters least stands there. */
static const table_view runs_view = {
    .columns = "run_id as run, started_at, state, seconds, command, n_files as files, "
               "n_loaded as loaded, n_pass as pass, n_warn as warn, n_error as error, "
               "n_skip as skip, coalesce(message, '') as message",
    .order_by = "-run_id",
    .limit = USUAL_LIMIT,
    .float_digits = 2};

static const table_view tasks_view = {
    .columns = "task, kind, name, state, n_rows as rows, attempt, seconds, "
               "n_failures as failures, coalesce(message, details, '') as details",
    .order_by = "task",
    .float_digits = 2};

/* The number of a run; 0 for a text that is none. */
static int64_t parse_run(const char *text)
{
    char *end = NULL;
    int64_t run = strtoll(text, &end, 10);
    return end != text && *end == '\0' && run > 0 ? run : 0;
}

static mdl_status select_run(session *s, const mdl_table *all, const char *which, mdl_table **out)
{
    int64_t run = parse_run(which);
    if (run == 0) {
        return mdl_error_set(&s->error, MDL_E_ARGUMENT, "'%s' is not the number of a run", which);
    }
    mdl_query *query = mdl_query_create(s->context);
    if (query == NULL) {
        return mdl_error_set(&s->error, MDL_E_NO_MEMORY, "no memory for a query");
    }
    char predicate[64];
    snprintf(predicate, sizeof predicate, "run_id = %" PRId64, run);
    mdl_rel *rel = mdl_filter(mdl_scan(query, all), predicate);
    mdl_status status = mdl_query_collect(query, rel, out, &s->error);
    mdl_query_free(query);
    if (status == MDL_OK && mdl_table_n_rows(*out) == 0) {
        return mdl_error_set(&s->error, MDL_E_NOT_FOUND,
                             "the log has no run %" PRId64 "; 'medallion runs' lists them", run);
    }
    return status;
}

static mdl_status show_runs(session *s)
{
    const cli_settings *settings = s->settings;
    if (settings->n_arguments == 0) {
        return view_table(s, mdl_warehouse_runs(s->warehouse), &runs_view);
    }
    mdl_table *tasks = NULL;
    mdl_status status =
        select_run(s, mdl_warehouse_run_tasks(s->warehouse), settings->arguments[0], &tasks);
    if (status == MDL_OK) {
        status = view_table(s, tasks, &tasks_view);
    }
    mdl_table_free(tasks);
    return status;
}

static exit_code run_runs(const cli_settings *settings)
{
    session s;
    mdl_status status = session_open(&s, "runs", settings, false, STORE_READ);
    if (status == MDL_OK) {
        status = show_runs(&s);
    }
    return session_close(&s, status);
}

static const option_group *const runs_groups[] = {&version_options, &row_options, &display_options};

const cli_command runs_command = {
    .name = "runs",
    .arguments = "[N] --store DIR",
    .summary = "the log of runs, or the tasks of run N",
    .details =
        "Lists the runs of a store, newest first, with state, duration and counts; with the "
        "number of a run all of its tasks: files, models, snapshots and tests, with rows, failing "
        "rows, seconds, attempt and what they told. --format csv and json have more "
        "columns, and 'medallion show run_tasks' has all tasks of all runs.",
    .max_arguments = 1,
    .data = STORE_ONLY,
    .groups = runs_groups,
    .n_groups = 3,
    .run = run_runs,
};
