/* medallion build: CSVs in, marts out. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "session.h"

enum {
    PREVIEW_ROWS = 10,
    PREVIEW_WIDTH = 100,
    PREVIEW_DIGITS = 3
};

/* ---- --out ----------------------------------------------------------------------------------- */

/* Makes a directory and those above it. */
static mdl_status make_directories(const char *path, mdl_error *error)
{
    char part[4096];
    size_t size = strlen(path);
    if (size >= sizeof part) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "the path of --out is too long");
    }
    memcpy(part, path, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (part[i] != '/' && part[i] != '\0') {
            continue;
        }
        part[i] = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            return mdl_error_set(error, MDL_E_IO, "cannot make the folder '%s': %s", part,
                                 strerror(errno));
        }
        part[i] = path[i];
    }
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return mdl_error_set(error, MDL_E_IO, "'%s' is not a folder", path);
    }
    return MDL_OK;
}

static mdl_status write_csv(session *s, const mdl_table *table, const char *name)
{
    char path[4352];
    snprintf(path, sizeof path, "%s/%s.csv", s->settings->out_directory, name);
    return mdl_csv_write_file(s->context, table, path, &s->error);
}

/* The rejects of this run; those of an earlier one must not be taken for them. */
static mdl_status write_rejects(session *s)
{
    const mdl_table *rejects = mdl_warehouse_rejects(s->warehouse);
    if (rejects != NULL) {
        return write_csv(s, rejects, "rejects");
    }
    char path[4352];
    snprintf(path, sizeof path, "%s/rejects.csv", s->settings->out_directory);
    if (unlink(path) != 0 && errno != ENOENT) {
        return mdl_error_set(&s->error, MDL_E_IO, "cannot remove the old '%s': %s", path,
                             strerror(errno));
    }
    return MDL_OK;
}

static mdl_status write_models(session *s)
{
    mdl_status status = MDL_OK;
    int n_files = 0;
    for (int32_t i = 0; i < mdl_run_n_results(s->run) && status == MDL_OK; i++) {
        const mdl_model *model = mdl_run_get_result(s->run, i)->model;
        if (model->materialization != MDL_MATERIALIZATION_VIEW) {
            status = write_csv(s, mdl_warehouse_table(s->warehouse, model->name), model->name);
            n_files++;
        }
    }
    if (status == MDL_OK) {
        run_lines_note(&s->lines, "Wrote %d tables to %s", n_files, s->settings->out_directory);
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
        if (strcmp(mdl_run_get_result(s->run, i)->model->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static mdl_status print_preview(session *s, const preview *preview_of, bool is_first)
{
    const mdl_table *mart = mdl_warehouse_table(s->warehouse, preview_of->model);
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

static exit_code run_build(const cli_settings *settings)
{
    session s;
    mdl_status status = session_open(&s, "build", settings, true);
    if (status == MDL_OK && settings->out_directory != NULL) { /* before the work, not after it */
        status = make_directories(settings->out_directory, &s.error);
    }
    if (status == MDL_OK) {
        status = session_load(&s, settings->arguments, settings->n_arguments,
                              (mdl_on_error)settings->on_error);
    }
    if (status == MDL_OK) {
        status = session_build(&s, settings->select);
    }
    if (status == MDL_OK) {
        status = put_out_results(&s);
    }
    return session_close(&s, status);
}

static const cli_option build_option_table[] = {
    {.name = "--out",
     .value_name = "DIR",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, out_directory),
     .help = "write each dimension, fact and mart as DIR/NAME.csv, and bad records, if any, as "
             "DIR/rejects.csv; views (src_*) are not written"},
};
static const option_group build_group = {"Output", build_option_table, 1};
static const option_group *const build_groups[] = {&build_group, &load_options, &run_options,
                                                   &display_options};

const cli_command build_command = {
    .name = "build",
    .arguments = "DATA...",
    .summary = "load CSVs and build dimensions, facts and marts",
    .details = "Loads DATA and builds all models. DATA is folders with movies.csv, ratings.csv, "
               "tags.csv, links.csv and daily files such as 27012026_ratings.csv, or such files; "
               "movies and ratings must be among them. Without --out it prints the top of each "
               "mart.",
    .min_arguments = 1,
    .max_arguments = -1,
    .groups = build_groups,
    .n_groups = 4,
    .run = run_build,
};
