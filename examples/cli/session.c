/* What commands that work on data have in common. */
#define _POSIX_C_SOURCE 200809L

#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "interrupt.h"
#include "run_report.h"

mdl_status session_open(session *s, const char *command, const cli_settings *settings,
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
    options.memory_budget_bytes = settings->memory_limit_bytes;
    if (s->lines.show_progress) {
        options.progress = run_lines_progress;
        options.progress_data = &s->lines;
    }
    mdl_status status = mdl_context_create(&options, &s->context, &s->error);
    if (status == MDL_OK) {
        watch_context(s->context);
        status = mdl_warehouse_create(s->context, NULL, &s->warehouse, &s->error);
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
                                 "no %s file was given; movies and ratings are needed", needed[i]);
        }
    }
    return MDL_OK;
}

/* Without run lines, rejects must not go unseen either. */
static void warn_of_rejects(session *s)
{
    const mdl_table *rejects = mdl_warehouse_rejects(s->warehouse);
    if (rejects != NULL && !s->lines.show_lines && !s->settings->quiet) {
        run_lines_complain(&s->lines,
                           "%" PRId64 " bad records were set aside; 'show rejects' lists them",
                           mdl_table_n_rows(rejects));
    }
}

mdl_status session_load(session *s, const char *const *paths, int n_paths, mdl_on_error on_error)
{
    mdl_load_options options;
    mdl_load_options_init(&options);
    options.csv.on_error = on_error;
    options.csv.max_errors = s->settings->max_errors;
    mdl_status status = mdl_warehouse_load(s->warehouse, paths, n_paths, &options, &s->error);
    if (status == MDL_OK) {
        run_lines_loaded(&s->lines, s->warehouse);
        warn_of_rejects(s);
        status = check_sources(s);
    }
    return status;
}

mdl_status session_build(session *s, const char *select)
{
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.select = select;
    options.exclude = s->settings->exclude;
    options.full_refresh = s->settings->full_refresh;
    options.events = run_lines_events(&s->lines);
    return mdl_warehouse_build(s->warehouse, &options, &s->run, &s->error);
}

void session_tell_counts(session *s)
{
    if (s->run != NULL && mdl_run_n_results(s->run) > 0 && !s->told_counts) {
        run_lines_finished(&s->lines, s->run, s->context);
        s->told_counts = true;
    }
}

mdl_status session_build_table(session *s, const char *name, const char *const *paths, int n_paths)
{
    mdl_on_error on_error = (mdl_on_error)s->settings->on_error;
    mdl_status status = session_load(s, paths, n_paths, on_error);
    const mdl_model *model = mdl_warehouse_find_model(s->warehouse, name);
    if (status != MDL_OK || model->materialization == MDL_MATERIALIZATION_SOURCE) {
        return status;
    }
    char select[256];
    snprintf(select, sizeof select, "+%s", name);
    return session_build(s, select);
}

mdl_status session_find_model(session *s, const char *name, const mdl_model **model)
{
    *model = mdl_warehouse_find_model(s->warehouse, name);
    if (*model != NULL) {
        return MDL_OK;
    }
    const char *names[256];
    int32_t n_names = 0;
    for (; n_names < 256 && n_names < mdl_warehouse_n_models(s->warehouse); n_names++) {
        names[n_names] = mdl_warehouse_model(s->warehouse, n_names)->name;
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
static exit_code exit_code_of(mdl_status status)
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

static void tell_failure(session *s, mdl_status status)
{
    if (was_interrupted()) {
        run_lines_complain(&s->lines, "interrupted");
    } else if (!s->lines.told_failure) {
        bool has_message = s->error.message[0] != '\0';
        run_lines_complain(&s->lines, "%s",
                           has_message ? s->error.message : mdl_status_text(status));
    }
}

exit_code session_close(session *s, mdl_status status)
{
    status = check_output(s, status);
    session_tell_counts(s);
    if (status != MDL_OK) {
        tell_failure(s, status);
    }
    if (s->settings->json_path != NULL) {
        mdl_error error = MDL_ERROR_INIT;
        mdl_status report_status = write_run_report(s, status, s->settings->json_path, &error);
        if (report_status != MDL_OK) {
            run_lines_complain(&s->lines, "%s", error.message);
        }
        status = status != MDL_OK ? status : report_status;
    }
    run_lines_end(&s->lines);
    watch_context(NULL);
    mdl_run_free(s->run);
    mdl_warehouse_free(s->warehouse);
    mdl_context_free(s->context);
    return exit_code_of(status);
}
