/* medallion build: CSVs in, marts out; medallion retry: what is left of a build that failed. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "failing_rows.h"
#include "folders.h"
#include "notification.h"
#include "session.h"
#include "table_cell.h"

enum {
    PREVIEW_ROWS = 10,
    PREVIEW_WIDTH = 100,
    PREVIEW_DIGITS = 3
};

/* ---- --out ----------------------------------------------------------------------------------- */

static mdl_status write_csv(session *s, const mdl_table *table, const char *name)
{
    char path[FILE_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s.csv", s->settings->out_directory, name);
    return mdl_csv_write_file(s->context, table, path, &s->error);
}

/* Without rejects there is no file; that of an earlier run must not be taken for them. */
static mdl_status write_rejects(session *s)
{
    const mdl_table *rejects = mdl_warehouse_rejects(s->warehouse);
    if (rejects != NULL) {
        return write_csv(s, rejects, "rejects");
    }
    char path[FILE_PATH_MAX];
    snprintf(path, sizeof path, "%s/rejects.csv", s->settings->out_directory);
    return remove_stale_file(path, &s->error);
}

static bool is_written(const mdl_run_result *result)
{
    bool is_table = result->kind == MDL_TASK_MODEL || result->kind == MDL_TASK_SNAPSHOT;
    return is_table && result->model->materialization != MDL_MATERIALIZATION_VIEW;
}

static mdl_status write_models(session *s)
{
    mdl_status status = MDL_OK;
    int64_t n_files = 0;
    for (int32_t i = 0; i < mdl_run_n_results(s->run) && status == MDL_OK; i++) {
        const mdl_run_result *result = mdl_run_get_result(s->run, i);
        const mdl_table *table = NULL;
        if (!is_written(result)) {
            continue;
        }
        status = mdl_warehouse_read_table(s->warehouse, result->model->name, &table, &s->error);
        if (status == MDL_OK) {
            status = write_csv(s, table, result->model->name);
            n_files++;
        }
    }
    if (status == MDL_OK) {
        char text[COUNTED_MAX];
        run_lines_note(&s->lines, "Wrote %s to %s", counted(n_files, "table", text),
                       s->settings->out_directory);
    }
    return status;
}

/* ---- the top of each mart -------------------------------------------------------------------- */

typedef struct preview {
    const char *model;
    const char *title;
    const char *order_by;
    const char *columns;
} preview;

/* Few enough columns for a terminal of 80. */
static const preview previews[] = {
    {"mart_movie_analytics", "the movies with the most ratings", "-total_ratings, movie_id",
     "title, total_ratings, avg_rating, quality_tier"},
    {"mart_user_behavior", "the users with the most ratings", "-total_ratings, user_id",
     "user_id, total_ratings, avg_rating_given, preferred_genre, user_segment"},
    {"mart_genre_performance", "the genres with the most ratings", "-total_ratings, genres",
     "genres, total_movies, total_ratings, avg_rating, quality_tier"},
};

static bool was_built(const session *s, const char *name)
{
    for (int32_t i = 0; i < mdl_run_n_results(s->run); i++) {
        const mdl_run_result *result = mdl_run_get_result(s->run, i);
        if (result->kind == MDL_TASK_MODEL && strcmp(result->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static mdl_status print_preview(session *s, const preview *preview_of, bool is_first)
{
    const mdl_table *mart;
    if (mdl_warehouse_read_table(s->warehouse, preview_of->model, &mart, &s->error) != MDL_OK) {
        return s->error.status;
    }
    mdl_query *query = mdl_query_create(s->context);
    if (query == NULL) {
        return mdl_error_set(&s->error, MDL_E_NO_MEMORY, "no memory for a query");
    }
    mdl_rel *rel = mdl_scan(query, mart);
    rel = mdl_top_n(rel, preview_of->order_by, PREVIEW_ROWS);
    rel = mdl_project(rel, preview_of->columns);
    mdl_table *top = NULL;
    mdl_status status = mdl_query_collect(query, rel, &top, &s->error);
    if (status == MDL_OK) {
        table_style style = session_table_style(s, PREVIEW_WIDTH);
        style.float_digits = PREVIEW_DIGITS;
        put_format(&s->output, style.use_color ? "%s\033[1m%s\033[0m: %s\n" : "%s%s: %s\n",
                   is_first ? "" : "\n", preview_of->model, preview_of->title);
        status =
            print_table(s->context, top, mdl_table_n_rows(mart), &style, &s->output, &s->error);
    }
    mdl_table_free(top);
    mdl_query_free(query);
    return status;
}

static mdl_status print_previews(session *s)
{
    mdl_status status = MDL_OK;
    bool is_first = true;
    run_lines_stop_progress(&s->lines);
    for (size_t i = 0; i < sizeof previews / sizeof previews[0] && status == MDL_OK; i++) {
        if (was_built(s, previews[i].model)) {
            status = print_preview(s, &previews[i], is_first);
            is_first = false;
        }
    }
    return status;
}

/* ---- the command ----------------------------------------------------------------------------- */

static mdl_status put_out_results(session *s)
{
    if (s->settings->out_directory == NULL) {
        session_tell_counts(s); /* the marts are what is to be seen last */
        return s->settings->quiet ? MDL_OK : print_previews(s);
    }
    mdl_status status = write_models(s);
    return status == MDL_OK ? write_rejects(s) : status;
}

static mdl_status prepare_out(session *s)
{
    const char *folder = s->settings->out_directory;
    return folder != NULL ? make_folders(folder, &s->error) : MDL_OK;
}

/* Runs what `options` say and sees to everything that follows from it. */
static mdl_status run_and_put_out(session *s, const mdl_build_options *options)
{
    mdl_status status = session_build(s, options);
    status = session_commit(s, status);
    status = put_failing_rows(s, status);
    return status == MDL_OK ? put_out_results(s) : status;
}

static exit_code run_build(const cli_settings *settings)
{
    session s;
    store_access access = settings->n_arguments > 0 ? STORE_CREATE : STORE_CHANGE;
    mdl_hard_deletes hard_deletes;
    mdl_status status = session_open(&s, "build", settings, true, access);
    if (status == MDL_OK) { /* before the work, not after it */
        status = prepare_out(&s);
    }
    if (status == MDL_OK) {
        status = prepare_failing_rows(&s);
    }
    if (status == MDL_OK) {
        status = session_load(&s, settings->arguments, settings->n_arguments,
                              (mdl_on_error)settings->on_error);
    }
    if (status == MDL_OK) {
        mdl_build_options options = session_run_options(&s, &hard_deletes);
        status = run_and_put_out(&s, &options);
    }
    notify_of_run(&s, status, NULL);
    return session_close(&s, status);
}

static exit_code run_retry(const cli_settings *settings)
{
    session s;
    mdl_hard_deletes hard_deletes;
    mdl_status status = session_open(&s, "retry", settings, true, STORE_CHANGE);
    if (status == MDL_OK) {
        status = prepare_out(&s);
    }
    if (status == MDL_OK) {
        status = prepare_failing_rows(&s);
    }
    if (status == MDL_OK) {
        mdl_build_options options = session_run_options(&s, &hard_deletes);
        options.retry = true;
        status = run_and_put_out(&s, &options);
    }
    notify_of_run(&s, status, NULL);
    return session_close(&s, status);
}

static const cli_option out_option_table[] = {
    {.name = "--out",
     .value_name = "DIR",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, out_directory),
     .help = "write each dimension, fact, mart and snapshot as DIR/NAME.csv, and bad records, if "
             "any, as DIR/rejects.csv; views (src_*) are not written"},
};
static const option_group out_group = {"Output", out_option_table, 1};

static const cli_option refresh_option_table[] = {
    {.name = "--full-refresh",
     .kind = OPTION_FLAG,
     .offset = offsetof(cli_settings, full_refresh),
     .help = "incremental models start afresh; snapshots keep their history"},
};
static const option_group refresh_group = {"Building", refresh_option_table, 1};

static const option_group *const build_groups[] = {
    &store_options,    &out_group,         &select_options,  &refresh_group,
    &snapshot_options, &test_mode_options, &failure_options, &notify_options,
    &run_options,      &load_options,      &display_options};

const cli_command build_command = {
    .name = "build",
    .arguments = "[DATA...] [--store DIR]",
    .summary = "load CSVs, build and test dimensions, facts and marts",
    .details =
        "Loads DATA, builds all models, and tests each. DATA is folders with movies.csv, "
        "ratings.csv, tags.csv, links.csv and daily files such as 27012026_ratings.csv, or such "
        "files; movies and ratings must be among them, or in the store. Without --out it prints "
        "the top of each mart.\n\n"
        "With --store everything outlives the program: DIR is made if it is not there, content "
        "that it holds already is not loaded again, incremental models go on from where they "
        "were, and snapshots of the marts are taken. Without DATA it builds from what the store "
        "holds. A run that fails publishes nothing; what it loaded, and its log, are kept.",
    .max_arguments = -1,
    .data = DATA_AND_STORE,
    .groups = build_groups,
    .n_groups = 11,
    .run = run_build,
};

static const option_group *const retry_groups[] = {
    &store_options,  &out_group,   &snapshot_options, &test_mode_options, &failure_options,
    &notify_options, &run_options, &load_options,     &display_options};

const cli_command retry_command = {
    .name = "retry",
    .arguments = "--store DIR",
    .summary = "run again what failed or was skipped in the last run",
    .details = "Runs again what failed or was skipped in the last run of the store, with the "
               "tables that it did build. Not possible when files were loaded since: then build.",
    .max_arguments = 0,
    .data = STORE_ONLY,
    .groups = retry_groups,
    .n_groups = 9,
    .run = run_retry,
};
