/* The rows that fail tests. */
#include "failing_rows.h"

#include <inttypes.h>
#include <stdio.h>

#include "folders.h"
#include "table_cell.h"

enum {
    SHOWN_ROWS = 10
};

mdl_status prepare_failing_rows(session *s)
{
    const char *folder = s->settings->failures_directory;
    return folder != NULL ? make_folders(folder, &s->error) : MDL_OK;
}

/* A test that does not fail has no file; one of an earlier run must not be taken for it. */
static mdl_status write_failures(session *s, const mdl_run_result *result, mdl_error *error)
{
    char path[FILE_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s.csv", s->settings->failures_directory, result->name);
    return result->failures != NULL ? mdl_csv_write_file(s->context, result->failures, path, error)
                                    : remove_stale_file(path, error);
}

static mdl_status print_failures(session *s, const mdl_run_result *result, bool is_first,
                                 mdl_error *error)
{
    mdl_query *query = mdl_query_create(s->context);
    if (query == NULL) {
        return mdl_error_set(error, MDL_E_NO_MEMORY, "no memory for a query");
    }
    mdl_table *top = NULL;
    mdl_rel *rel = mdl_scan_range(query, result->failures, 0, SHOWN_ROWS);
    mdl_status status = mdl_query_collect(query, rel, &top, error);
    if (status == MDL_OK) {
        table_style style = session_table_style(s, 0);
        char digits[32];
        put_format(&s->output,
                   style.use_color ? "%s\033[1m%s\033[0m: %s of %s\n" : "%s%s: %s of %s\n",
                   is_first ? "" : "\n", result->name, grouped_digits(result->n_failures, digits),
                   result->model->name);
        status = print_table(s->context, top, result->n_failures, &style, &s->output, error);
    }
    mdl_table_free(top);
    mdl_query_free(query);
    return status;
}

mdl_status put_failing_rows(session *s, mdl_status status)
{
    const cli_settings *settings = s->settings;
    bool is_first = true;
    bool has_results = s->run != NULL && status != MDL_E_CANCELLED;
    int32_t n_results = has_results ? mdl_run_n_results(s->run) : 0;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status own_status = MDL_OK;
    for (int32_t i = 0; i < n_results && own_status == MDL_OK; i++) {
        const mdl_run_result *result = mdl_run_get_result(s->run, i);
        bool is_done = result->kind == MDL_TASK_TEST && result->state != MDL_RUN_SKIPPED;
        if (is_done && settings->failures_directory != NULL) {
            own_status = write_failures(s, result, &error);
        }
        if (is_done && own_status == MDL_OK && settings->show_failures &&
            result->failures != NULL) {
            run_lines_stop_progress(&s->lines);
            own_status = print_failures(s, result, is_first, &error);
            is_first = false;
        }
    }
    if (own_status != MDL_OK && status == MDL_OK) {
        s->error = error;
        return own_status;
    }
    if (own_status != MDL_OK) {
        run_lines_complain(&s->lines, "%s", error.message);
    }
    return status;
}
