/* What commands that work on data have in common. */
#define _POSIX_C_SOURCE 200809L

#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "artifact_files.h"
#include "interrupt.h"
#include "run_report.h"
#include "run_summary.h"
#include "system_tables.h"
#include "table_cell.h"

mdl_status session_begin(session *s, const char *command, const cli_settings *settings,
                         bool show_lines)
{
    memset(s, 0, sizeof *s);
    s->settings = settings;
    s->command = command;
    s->error = (mdl_error)MDL_ERROR_INIT;
    s->begin_seconds = monotonic_seconds();
    struct tm utc;
    time_t now = time(NULL);
    gmtime_r(&now, &utc);
    strftime(s->begin_time, sizeof s->begin_time, "%Y-%m-%dT%H:%M:%SZ", &utc);
    text_output_init(&s->output, STDOUT_FILENO, true);
    run_lines_begin(&s->lines, settings, show_lines);

    mdl_context_options options;
    mdl_context_options_init(&options);
    options.n_threads = (int32_t)settings->n_threads;
    options.max_simd = (mdl_simd)settings->max_simd;
    options.memory_budget_bytes = settings->memory_limit_bytes;
    if (s->lines.show_progress) {
        options.progress = run_lines_progress;
        options.progress_data = &s->lines;
    }
    mdl_status status = mdl_context_create(&options, &s->context, &s->error);
    if (status == MDL_OK) {
        watch_context(s->context);
    }
    return status;
}

mdl_status session_open_store(session *s, store_access access)
{
    if (s->settings->store_directory == NULL) {
        return MDL_OK;
    }
    mdl_store_options options;
    mdl_store_options_init(&options);
    options.read_only = access == STORE_READ;
    options.must_exist = access != STORE_CREATE;
    options.version = s->settings->at_version;
    return mdl_store_open(s->context, s->settings->store_directory, &options, &s->store, &s->error);
}

mdl_status session_open(session *s, const char *command, const cli_settings *settings,
                        bool show_lines, store_access access)
{
    mdl_status status = session_begin(s, command, settings, show_lines);
    if (status == MDL_OK) {
        status = session_open_store(s, access);
    }
    if (status == MDL_OK) {
        mdl_warehouse_options options;
        mdl_warehouse_options_init(&options);
        options.store = s->store;
        status = mdl_warehouse_create(s->context, &options, &s->warehouse, &s->error);
    }
    if (status == MDL_OK) {
        s->n_loads_before = mdl_warehouse_n_loads(s->warehouse);
        run_lines_follow(&s->lines, s->warehouse);
    }
    return status;
}

static bool is_loaded(const mdl_warehouse *warehouse, const char *source)
{
    for (int32_t i = 0; i < mdl_warehouse_n_loads(warehouse); i++) {
        if (strcmp(mdl_warehouse_load_info(warehouse, i)->source, source) == 0) {
            return true;
        }
    }
    return false;
}

static mdl_status check_sources(session *s)
{
    static const char *const needed[] = {"movies", "ratings"};
    for (int i = 0; i < 2; i++) {
        if (!is_loaded(s->warehouse, needed[i])) {
            return mdl_error_set(&s->error, MDL_E_DATA,
                                 "there is no %s file; movies and ratings are needed", needed[i]);
        }
    }
    return MDL_OK;
}

/* Without run lines, rejects must not go unseen either. */
static void warn_of_rejects(session *s)
{
    int64_t n_rejected = 0;
    for (int32_t i = s->n_loads_before; i < mdl_warehouse_n_loads(s->warehouse); i++) {
        n_rejected += mdl_warehouse_load_info(s->warehouse, i)->n_rejected;
    }
    if (n_rejected > 0 && !s->lines.show_lines && !s->settings->quiet) {
        run_lines_complain(&s->lines,
                           "%" PRId64 " bad record%s set aside; 'show rejects' lists them",
                           n_rejected, n_rejected == 1 ? " was" : "s were");
    }
}

mdl_load_options session_load_options(const session *s, mdl_on_error on_error)
{
    mdl_load_options options;
    mdl_load_options_init(&options);
    options.csv.on_error = on_error;
    options.csv.max_errors = s->settings->max_errors;
    options.max_retries = (int32_t)s->settings->n_retries;
    return options;
}

mdl_status session_load(session *s, const char *const *paths, int n_paths, mdl_on_error on_error)
{
    mdl_load_options options = session_load_options(s, on_error);
    mdl_status status = MDL_OK;
    if (n_paths > 0) {
        status = mdl_warehouse_load(s->warehouse, paths, n_paths, &options, &s->error);
    }
    if (status == MDL_OK) {
        warn_of_rejects(s);
        status = check_sources(s);
    }
    return status;
}

mdl_build_options session_run_options(session *s, mdl_hard_deletes *hard_deletes)
{
    const cli_settings *settings = s->settings;
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.select = settings->select;
    options.exclude = settings->exclude;
    options.full_refresh = settings->full_refresh;
    options.fail_fast = settings->fail_fast;
    options.tests = (mdl_test_mode)settings->test_mode;
    options.n_failures_kept = settings->failures_directory != NULL ? -1 : options.n_failures_kept;
    options.snapshots = s->store != NULL;
    options.has_run_time = settings->run_time.is_set;
    options.run_time = settings->run_time.seconds;
    if (settings->hard_deletes >= 0) {
        *hard_deletes = (mdl_hard_deletes)settings->hard_deletes;
        options.hard_deletes = hard_deletes;
    }
    options.events = run_lines_events(&s->lines);
    return options;
}

mdl_status session_build(session *s, const mdl_build_options *options)
{
    return mdl_warehouse_build(s->warehouse, options, &s->run, &s->error);
}

mdl_status session_build_tables(session *s, const char *select)
{
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.select = select;
    options.tests = MDL_TESTS_NONE;
    return mdl_warehouse_build(s->warehouse, &options, NULL, &s->error);
}

mdl_status session_get_table(session *s, const char *name, const char *const *paths, int n_paths,
                             const mdl_table **table)
{
    const mdl_model *model = NULL;
    mdl_status status = session_find_model(s, name, &model);
    if (status == MDL_OK && model->materialization == MDL_MATERIALIZATION_SNAPSHOT &&
        s->store == NULL) {
        return mdl_error_set(&s->error, MDL_E_ARGUMENT,
                             "%s is a history, which only a store has: give --store DIR", name);
    }
    if (status == MDL_OK && s->store == NULL) {
        status = session_load(s, paths, n_paths, (mdl_on_error)s->settings->on_error);
        if (status == MDL_OK && model->materialization != MDL_MATERIALIZATION_SOURCE) {
            char select[256];
            snprintf(select, sizeof select, "+%s", name);
            status = session_build_tables(s, select);
        }
    }
    if (status == MDL_OK) {
        status = mdl_warehouse_read_table(s->warehouse, name, table, &s->error);
    }
    return status;
}

static void tell_version(session *s)
{
    mdl_store_version_info info;
    int32_t n_versions = mdl_store_n_versions(s->store);
    if (s->lines.show_lines && n_versions > 0 &&
        mdl_store_get_version(s->store, n_versions - 1, &info, NULL) == MDL_OK) {
        char new_size[32], size[32];
        run_lines_note(&s->lines, "Committed version %" PRId64 " of %s: %s new, %s in all",
                       info.version, mdl_store_path(s->store), size_text(info.new_bytes, new_size),
                       size_text(info.size_bytes, size));
    }
}

/* A commit that fails after a failed run is told too, but the run's failure is what counts. */
mdl_status session_commit(session *s, mdl_status status)
{
    bool is_wanted = s->store != NULL && !mdl_store_is_read_only(s->store) && s->run != NULL;
    if (!is_wanted) {
        return status;
    }
    /* What was done is kept, whether the interrupt came before or comes now; another one ends the
     * program at once. */
    const bool was_cancelled = was_interrupted();
    watch_context(NULL);
    mdl_context_clear_cancel(s->context);
    mdl_error error = MDL_ERROR_INIT;
    mdl_status commit_status = mdl_warehouse_commit(s->warehouse, NULL, &error);
    watch_context(s->context);
    if (was_cancelled) {
        mdl_context_clear_cancel(s->context); /* for what is still to be told */
    }
    if (commit_status != MDL_OK && status != MDL_OK) {
        run_lines_complain(&s->lines, "%s", error.message);
        return status;
    }
    if (commit_status != MDL_OK) {
        s->error = error;
        return commit_status;
    }
    s->was_committed = true;
    tell_version(s);
    return status;
}

void session_tell_counts(session *s)
{
    if (s->run != NULL && mdl_run_n_results(s->run) > 0 && !s->told_counts) {
        tell_run_summary(&s->lines, s->run, s->context, s->settings);
        s->told_counts = true;
    }
}

mdl_status session_find_model(session *s, const char *name, const mdl_model **model)
{
    *model = mdl_warehouse_find_model(s->warehouse, name);
    if (*model != NULL) {
        return MDL_OK;
    }
    enum {
        MAX_NAMES = 256
    };
    const char *names[MAX_NAMES + N_SYSTEM_TABLES];
    int32_t n_names = 0;
    for (; n_names < MAX_NAMES && n_names < mdl_warehouse_n_models(s->warehouse); n_names++) {
        names[n_names] = mdl_warehouse_model(s->warehouse, n_names)->name;
    }
    for (int i = 0; i < N_SYSTEM_TABLES; i++) {
        names[n_names++] = system_table_names[i];
    }
    const char *nearest = nearest_name(name, names, n_names);
    if (nearest != NULL) {
        return mdl_error_set(&s->error, MDL_E_NOT_FOUND, "no table '%s'; did you mean '%s'?", name,
                             nearest);
    }
    return mdl_error_set(&s->error, MDL_E_NOT_FOUND,
                         "no table '%s'; 'medallion ls' lists all tables", name);
}

table_style session_table_style(const session *s, int64_t fallback_width)
{
    terminal out = look_at_terminal(STDOUT_FILENO, s->settings);
    return (table_style){
        .use_box_characters = out.is_utf8,
        .use_color = out.use_color,
        .width = out.is_terminal ? out.width : fallback_width,
        .float_digits = -1,
    };
}

/* status.h groups codes by whose fault it is. */
exit_code exit_code_of(mdl_status status)
{
    return status == MDL_OK ? EXIT_DONE
           : status < 20    ? EXIT_USAGE
           : status < 60    ? EXIT_REFUSED
                            : EXIT_SYSTEM;
}

/* Turns a failed write to standard output into a status. A reader that has had enough is no
 * failure. */
static mdl_status check_output(session *s, mdl_status status)
{
    flush_output(&s->output);
    if (s->output.error == EPIPE) {
        return MDL_OK;
    }
    if (status == MDL_OK && s->output.error != 0) {
        mdl_status code = s->output.error == ENOSPC      ? MDL_E_NO_SPACE
                          : s->output.error == ECANCELED ? MDL_E_CANCELLED
                                                         : MDL_E_IO;
        return mdl_error_set(&s->error, code, "cannot write to standard output: %s",
                             strerror(s->output.error));
    }
    return status;
}

/* After an interrupt: how far the run came and what is left of it. */
static void tell_interrupt(session *s)
{
    bool was_changing = s->store != NULL && !mdl_store_is_read_only(s->store);
    if (s->run == NULL) {
        run_lines_complain(&s->lines, "interrupted%s",
                           was_changing ? "; the store is as it was" : "");
        return;
    }
    if (mdl_run_status(s->run) == MDL_OK && s->was_committed) {
        run_lines_complain(&s->lines, "interrupted when the run was done and published");
        return;
    }
    mdl_run_counts counts = mdl_run_get_counts(s->run);
    run_lines_complain(&s->lines,
                       "interrupted: %" PRId64 " of %" PRId64
                       " tasks were done, nothing was published%s",
                       counts.n_pass + counts.n_warn, counts.n_total,
                       s->was_committed ? "; 'medallion retry' goes on from there" : "");
}

static void tell_failure(session *s, mdl_status status)
{
    if (was_interrupted()) {
        tell_interrupt(s);
    } else if (!s->lines.told_failure) {
        bool has_message = s->error.message[0] != '\0';
        run_lines_complain(&s->lines, "%s",
                           has_message ? s->error.message : mdl_status_text(status));
    }
}

/* A report that cannot be written is a failure, unless the session has failed already. */
static mdl_status keep_report_failure(session *s, mdl_status status, mdl_status report_status,
                                      const mdl_error *error)
{
    if (report_status != MDL_OK) {
        run_lines_complain(&s->lines, "%s", error->message);
    }
    return status != MDL_OK ? status : report_status;
}

static mdl_status write_reports(session *s, mdl_status status)
{
    const cli_settings *settings = s->settings;
    mdl_error error = MDL_ERROR_INIT;
    if (settings->json_path != NULL) {
        mdl_status report_status = write_run_report(s, status, settings->json_path, &error);
        status = keep_report_failure(s, status, report_status, &error);
    }
    error = (mdl_error)MDL_ERROR_INIT;
    if (settings->artifacts_directory != NULL && s->warehouse != NULL) {
        mdl_status report_status = write_artifacts(s, settings->artifacts_directory, &error);
        status = keep_report_failure(s, status, report_status, &error);
    }
    return status;
}

exit_code session_close(session *s, mdl_status status)
{
    status = check_output(s, status);
    session_tell_counts(s);
    if (status != MDL_OK) {
        tell_failure(s, status);
    }
    status = write_reports(s, status);
    run_lines_end(&s->lines);
    watch_context(NULL);
    mdl_run_free(s->run);
    mdl_warehouse_free(s->warehouse);
    mdl_store_close(s->store);
    mdl_context_free(s->context);
    return exit_code_of(status);
}
