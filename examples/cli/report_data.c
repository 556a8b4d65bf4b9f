/* What the report page shows, as JSON: tables, runs, versions, figures of the marts, histories. */
#define _POSIX_C_SOURCE 200809L

#include "report_data.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json_writer.h"
#include "table_cell.h"

enum {
    RUNS_SHOWN = 200,
    RUNS_WITH_TASKS = 40,
    VERSIONS_SHOWN = 30,
    CHANGES_SHOWN = 12,
    TOP_ROWS = 10
};

typedef struct report {
    session *session;
    json_writer json;
    mdl_query *query; /* of the figure at hand */
    mdl_error *fault; /* of what the page shows as damaged */
} report;

/* ---- Tables as JSON -------------------------------------------------------------------------- */

/* An array of rows; each an object with the columns' names, or an array of values. */
static mdl_status write_rows(report *r, const char *key, const mdl_table *table, bool as_objects)
{
    session *s = r->session;
    mdl_cursor *cursor = NULL;
    mdl_status status = mdl_cursor_create(s->context, table, NULL, 0, &cursor, &s->error);
    mdl_batch batch = {.n_rows = 1};
    json_open_array(&r->json, key);
    while (status == MDL_OK && batch.n_rows > 0) {
        status = mdl_cursor_next(cursor, &batch, &s->error);
        for (int64_t row = 0; status == MDL_OK && row < batch.n_rows; row++) {
            as_objects ? json_open_object(&r->json, NULL) : json_open_array(&r->json, NULL);
            for (int32_t c = 0; c < batch.n_columns; c++) {
                const mdl_value value = mdl_vector_value(&batch.columns[c], row);
                json_value(&r->json, as_objects ? mdl_table_column_name(table, c) : NULL, &value);
            }
            as_objects ? json_close_object(&r->json) : json_close_array(&r->json);
        }
    }
    json_close_array(&r->json);
    mdl_cursor_free(cursor);
    return status;
}

/* Runs a plan of the report's query and writes its rows. */
static mdl_status write_plan(report *r, const char *key, mdl_rel *rel, bool as_objects)
{
    mdl_table *table = NULL;
    mdl_status status = mdl_query_collect(r->query, rel, &table, &r->session->error);
    if (status == MDL_OK) {
        status = write_rows(r, key, table, as_objects);
    }
    mdl_table_free(table);
    return status;
}

/* The table with that name; NULL when it was never built or is not declared. */
static mdl_status find_table(report *r, const char *name, const mdl_table **table)
{
    session *s = r->session;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_warehouse_read_table(s->warehouse, name, table, &error);
    if (status == MDL_E_STATE || status == MDL_E_NOT_FOUND) {
        *table = NULL;
        return MDL_OK;
    }
    return status == MDL_OK ? status : mdl_error_set(&s->error, status, "%s", error.message);
}

static mdl_status start_query(report *r)
{
    mdl_query_free(r->query);
    r->query = mdl_query_create(r->session->context);
    return r->query != NULL
               ? MDL_OK
               : mdl_error_set(&r->session->error, MDL_E_NO_MEMORY, "no memory for a query");
}

/* ---- Models ---------------------------------------------------------------------------------- */

/* Rows of a table as last published, without reading it from the store; -1 = never built. */
static int64_t rows_of(const session *s, const char *name)
{
    const mdl_table *table = mdl_warehouse_table(s->warehouse, name);
    return table != NULL ? mdl_table_n_rows(table) : mdl_store_table_rows(s->store, name);
}

static void write_columns(report *r, const mdl_model *model)
{
    json_open_array(&r->json, "columns");
    for (int32_t c = 0; c < model->n_columns; c++) {
        json_open_object(&r->json, NULL);
        json_text(&r->json, "name", model->columns[c].name);
        json_text(&r->json, "type", mdl_type_name(model->columns[c].type));
        json_text(&r->json, "description", model->columns[c].description);
        json_close_object(&r->json);
    }
    json_close_array(&r->json);
}

static void write_tests(report *r, const mdl_model *model)
{
    const mdl_warehouse *warehouse = r->session->warehouse;
    json_open_array(&r->json, "tests");
    for (int32_t t = 0; t < mdl_warehouse_n_tests(warehouse, model->name); t++) {
        const mdl_test *test = mdl_warehouse_get_test(warehouse, model->name, t);
        char name[256];
        mdl_test_name(test, model->name, name, sizeof name);
        json_open_object(&r->json, NULL);
        json_text(&r->json, "name", name);
        json_text(&r->json, "severity", test->severity == MDL_SEVERITY_WARN ? "warn" : "error");
        json_close_object(&r->json);
    }
    json_close_array(&r->json);
}

static void write_models(report *r)
{
    const session *s = r->session;
    json_open_array(&r->json, "models");
    for (int32_t i = 0; i < mdl_warehouse_n_models(s->warehouse); i++) {
        const mdl_model *model = mdl_warehouse_model(s->warehouse, i);
        const int64_t n_rows = rows_of(s, model->name);
        json_open_object(&r->json, NULL);
        json_text(&r->json, "name", model->name);
        json_text(&r->json, "layer", mdl_layer_name(model->layer));
        json_text(&r->json, "kind", mdl_materialization_name(model->materialization));
        json_text(&r->json, "description", model->description);
        json_text(&r->json, "key", model->key);
        if (n_rows >= 0) {
            json_integer(&r->json, "rows", n_rows);
        } else {
            json_null(&r->json, "rows");
        }
        json_open_array(&r->json, "refs");
        for (int32_t f = 0; f < model->n_refs; f++) {
            json_text(&r->json, NULL, model->refs[f]);
        }
        json_close_array(&r->json);
        write_columns(r, model);
        write_tests(r, model);
        json_close_object(&r->json);
    }
    json_close_array(&r->json);
}

/* ---- Runs ------------------------------------------------------------------------------------ */

/* Run ids rise by one from 1, so the latest n are those above the count less n. */
static mdl_status write_log(report *r, const char *key, const mdl_table *log, const char *columns,
                            int64_t n_runs)
{
    mdl_status status = start_query(r);
    if (status != MDL_OK) {
        return status;
    }
    char predicate[64];
    const int64_t n_all = mdl_table_n_rows(mdl_warehouse_runs(r->session->warehouse));
    snprintf(predicate, sizeof predicate, "run_id > %lld", (long long)(n_all - n_runs));
    mdl_rel *rel = mdl_filter(mdl_scan(r->query, log), predicate);
    return write_plan(r, key, mdl_project(rel, columns), true);
}

static mdl_status write_runs(report *r)
{
    const mdl_warehouse *warehouse = r->session->warehouse;
    mdl_status status =
        write_log(r, "runs", mdl_warehouse_runs(warehouse),
                  "run_id, command, state, started_at, seconds, n_loaded, n_pass, n_warn, n_error, "
                  "n_skip, n_total, message",
                  RUNS_SHOWN);
    if (status == MDL_OK) {
        status = write_log(r, "tasks", mdl_warehouse_run_tasks(warehouse),
                           "run_id, kind, name, \"table\", layer, state, n_rows, n_failures, "
                           "started_at, start_seconds, seconds, message",
                           RUNS_WITH_TASKS);
    }
    return status;
}

/* ---- Versions -------------------------------------------------------------------------------- */

static void write_time(json_writer *json, const char *key, int64_t seconds)
{
    const mdl_value value = {.type = MDL_TYPE_TIMESTAMP, .as.integer = seconds};
    json_value(json, key, &value);
}

/* Of a version whose manifest cannot be read the page says why; the report's `fault` keeps the first
 * such failure. */
static void write_version(report *r, int32_t index)
{
    mdl_store_version_info info;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_store_get_version(r->session->store, index, &info, &error);
    json_open_object(&r->json, NULL);
    json_integer(&r->json, "version", info.version);
    if (status == MDL_OK) {
        write_time(&r->json, "committed_at", info.committed_at);
        json_text(&r->json, "message", info.message);
        json_integer(&r->json, "n_tables", info.n_tables);
        json_integer(&r->json, "size_bytes", info.size_bytes);
        json_integer(&r->json, "new_bytes", info.new_bytes);
    } else {
        json_text(&r->json, "message", error.message);
        *r->fault = r->fault->status == MDL_OK ? error : *r->fault;
    }
    json_close_object(&r->json);
}

static mdl_status write_versions(report *r)
{
    const int32_t n = mdl_store_n_versions(r->session->store);
    json_open_array(&r->json, "versions");
    for (int32_t i = n > VERSIONS_SHOWN ? n - VERSIONS_SHOWN : 0; i < n; i++) {
        write_version(r, i);
    }
    json_close_array(&r->json);
    return MDL_OK;
}

/* ---- Figures of the marts -------------------------------------------------------------------- */

static mdl_status write_nothing(report *r, const char *key)
{
    json_open_array(&r->json, key);
    json_close_array(&r->json);
    return MDL_OK;
}

/* How often each label of a tier comes, in the order of the tier's rules. */
static mdl_status write_tier(report *r, const char *key, const char *mart, const char *column)
{
    const mdl_table *table;
    mdl_status status = find_table(r, mart, &table);
    if (status != MDL_OK || table == NULL) {
        return status != MDL_OK ? status : write_nothing(r, key);
    }
    status = start_query(r);
    if (status != MDL_OK) {
        return status;
    }
    char rank[2048] = "case";
    size_t n = strlen(rank);
    int32_t n_tiers = 0;
    const mdl_tier *tiers = mdl_default_tiers(&n_tiers);
    for (int32_t i = 0; i < n_tiers && n < sizeof rank; i++) {
        if (strcmp(tiers[i].model, mart) == 0 && strcmp(tiers[i].column, column) == 0) {
            n += (size_t)snprintf(rank + n, sizeof rank - n, " when label = '%s' then %d",
                                  tiers[i].label, (int)i);
        }
    }
    char text[sizeof rank + 64];
    mdl_rel *rel = mdl_scan(r->query, table);
    snprintf(text, sizeof text, "%s as label", column);
    rel = mdl_aggregate(mdl_project(rel, text), "label", "count(*) as value");
    snprintf(text, sizeof text, "label, value, %s else %d end as place", rank, (int)n_tiers);
    rel = mdl_sort(mdl_project(rel, text), "place, label");
    return write_plan(r, key, mdl_project(rel, "label, value"), true);
}

static mdl_status write_genres(report *r)
{
    const mdl_table *genres;
    mdl_status status = find_table(r, "mart_genre_performance", &genres);
    if (status != MDL_OK || genres == NULL) {
        return status != MDL_OK ? status : write_nothing(r, "genres");
    }
    status = start_query(r);
    if (status != MDL_OK) {
        return status;
    }
    mdl_rel *rel = mdl_project(mdl_scan(r->query, genres),
                               "genres as label, total_ratings as value, avg_rating as average");
    return write_plan(r, "genres", mdl_top_n(rel, "-value, label", 40), true);
}

static mdl_status write_decades(report *r)
{
    const mdl_table *movies;
    mdl_status status = find_table(r, "mart_movie_analytics", &movies);
    if (status != MDL_OK || movies == NULL) {
        return status != MDL_OK ? status : write_nothing(r, "decades");
    }
    status = start_query(r);
    if (status != MDL_OK) {
        return status;
    }
    mdl_rel *rel = mdl_filter(mdl_scan(r->query, movies), "year is not null");
    rel = mdl_aggregate(mdl_project(rel, "year - year % 10 as decade"), "decade",
                        "count(*) as value");
    rel = mdl_project(rel, "cast(decade as STRING) || 's' as label, value");
    return write_plan(r, "decades", rel, true);
}

static mdl_status write_charts(report *r)
{
    json_open_object(&r->json, "charts");
    mdl_status status = write_genres(r);
    if (status == MDL_OK) {
        status = write_tier(r, "segments", "mart_user_behavior", "user_segment");
    }
    if (status == MDL_OK) {
        status = write_tier(r, "rating_tiers", "mart_movie_analytics", "rating_tier");
    }
    if (status == MDL_OK) {
        status = write_decades(r);
    }
    json_close_object(&r->json);
    return status;
}

typedef struct top_rows {
    const char *title;
    const char *table;
    const char *order_by;
    const char *columns;
} top_rows;

static const top_rows tops[] = {
    {"Movies with the most ratings", "mart_movie_analytics", "-total_ratings, movie_id",
     "title, total_ratings, avg_rating, quality_tier"},
    {"Best movies with 100 ratings or more", "mart_movie_analytics",
     "-avg_rating, -total_ratings, movie_id", "title, total_ratings, avg_rating, popularity_tier"},
    {"Users with the most ratings", "mart_user_behavior", "-total_ratings, user_id",
     "user_id, total_ratings, avg_rating_given, preferred_genre, user_segment"},
    {"Genres with the best average", "mart_genre_performance", "-avg_rating, genres",
     "genres, total_movies, total_ratings, avg_rating, quality_tier"},
};

static mdl_status write_top(report *r, const top_rows *top)
{
    const mdl_table *table;
    mdl_status status = find_table(r, top->table, &table);
    if (status != MDL_OK || table == NULL) {
        return status;
    }
    status = start_query(r);
    if (status != MDL_OK) {
        return status;
    }
    mdl_rel *rel = mdl_scan(r->query, table);
    if (strncmp(top->order_by, "-avg_rating", strlen("-avg_rating")) == 0) {
        rel = mdl_filter(rel, "total_ratings >= 100");
    }
    rel = mdl_project(mdl_top_n(rel, top->order_by, TOP_ROWS), top->columns);
    mdl_field fields[8];
    const int32_t n_fields = mdl_rel_fields(rel, fields, 8);
    json_open_object(&r->json, NULL);
    json_text(&r->json, "title", top->title);
    json_text(&r->json, "table", top->table);
    json_open_array(&r->json, "columns");
    for (int32_t i = 0; i < n_fields; i++) {
        json_text(&r->json, NULL, fields[i].name);
    }
    json_close_array(&r->json);
    status = write_plan(r, "rows", rel, false);
    json_close_object(&r->json);
    return status;
}

static mdl_status write_tops(report *r)
{
    mdl_status status = MDL_OK;
    json_open_array(&r->json, "tops");
    for (size_t i = 0; i < sizeof tops / sizeof tops[0] && status == MDL_OK; i++) {
        status = write_top(r, &tops[i]);
    }
    json_close_array(&r->json);
    return status;
}

/* ---- Snapshots ------------------------------------------------------------------------------- */

/* What happened at each time that a history tells: rows that entered and ended. A row that enters
 * with its key's first time is of a new key. */
static mdl_status write_changes(report *r, const mdl_snapshot *snapshot, const mdl_table *history)
{
    mdl_query *query = r->query;
    mdl_rel *entered =
        mdl_project(mdl_scan(query, history),
                    "dbt_valid_from as at, 1 as entered, 0 as inserted, "
                    "case when dbt_is_deleted then 1 else 0 end as deleted, 0 as ended");
    mdl_rel *first =
        mdl_aggregate(mdl_scan(query, history), snapshot->key, "min(dbt_valid_from) as at");
    first = mdl_project(first, "at, 0 as entered, 1 as inserted, 0 as deleted, 0 as ended");
    mdl_rel *ended = mdl_filter(mdl_scan(query, history), "dbt_valid_to is not null");
    ended = mdl_project(ended, "dbt_valid_to as at, 0 as entered, 0 as inserted, 0 as deleted, "
                               "1 as ended");
    mdl_rel *all = mdl_union_all(mdl_union_all(entered, first), ended);
    all = mdl_aggregate(all, "at",
                        "sum(entered) as entered, sum(inserted) as inserted, "
                        "sum(deleted) as deleted, sum(ended) as ended");
    return write_plan(r, "changes", mdl_top_n(all, "-at", CHANGES_SHOWN), true);
}

static mdl_status count_current(report *r, const mdl_table *history, int64_t *n_current)
{
    mdl_table *table = NULL;
    mdl_rel *rel =
        mdl_filter(mdl_scan(r->query, history), "dbt_valid_to is null and not dbt_is_deleted");
    mdl_status status = mdl_query_collect(r->query, rel, &table, &r->session->error);
    *n_current = status == MDL_OK ? mdl_table_n_rows(table) : 0;
    mdl_table_free(table);
    return status;
}

static mdl_status write_snapshot(report *r, const mdl_snapshot *snapshot)
{
    const mdl_table *history;
    mdl_status status = find_table(r, snapshot->name, &history);
    if (status != MDL_OK || history == NULL) {
        return status;
    }
    int64_t n_current = 0;
    status = start_query(r);
    if (status == MDL_OK) {
        status = count_current(r, history, &n_current);
    }
    if (status != MDL_OK) {
        return status;
    }
    json_open_object(&r->json, NULL);
    json_text(&r->json, "name", snapshot->name);
    json_text(&r->json, "key", snapshot->key);
    json_text(&r->json, "check", snapshot->check);
    json_integer(&r->json, "rows", mdl_table_n_rows(history));
    json_integer(&r->json, "current", n_current);
    status = write_changes(r, snapshot, history);
    json_close_object(&r->json);
    return status;
}

static mdl_status write_snapshots(report *r)
{
    const mdl_warehouse *warehouse = r->session->warehouse;
    mdl_status status = MDL_OK;
    json_open_array(&r->json, "snapshots");
    for (int32_t i = 0; i < mdl_warehouse_n_models(warehouse) && status == MDL_OK; i++) {
        const mdl_model *model = mdl_warehouse_model(warehouse, i);
        if (model->materialization == MDL_MATERIALIZATION_SNAPSHOT) {
            status = write_snapshot(r, mdl_warehouse_find_snapshot(warehouse, model->name));
        }
    }
    json_close_array(&r->json);
    return status;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void write_heading(report *r)
{
    const session *s = r->session;
    json_text(&r->json, "title", s->settings->title != NULL ? s->settings->title : "StreamFlix");
    write_time(&r->json, "generated_at", (int64_t)time(NULL));
    json_text(&r->json, "version", mdl_version());
    json_text(&r->json, "store", mdl_store_path(s->store));
    json_integer(&r->json, "store_version", mdl_store_version(s->store));
}

mdl_status write_report_data(session *s, text_output *output, mdl_error *fault)
{
    static mdl_status (*const parts[])(report * r) = {write_runs, write_versions, write_charts,
                                                      write_tops, write_snapshots};
    report r = {.session = s, .json = json_begin(output, 1), .fault = fault};
    r.json.is_in_page = true;
    json_open_object(&r.json, NULL);
    write_heading(&r);
    write_models(&r);
    mdl_status status = MDL_OK;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == MDL_OK; i++) {
        status = parts[i](&r);
    }
    json_close_object(&r.json);
    mdl_query_free(r.query);
    return status;
}
