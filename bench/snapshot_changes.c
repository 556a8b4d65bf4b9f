/*
 * Snapshots of a table like the mart of users: 200,000 rows of 22 columns, of which one in a hundred
 * changes. Every table is built on its own, so that no two share a block but where the library
 * shares them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operator_groups.h"

enum {
    N_USERS = 200000,
    CHANGED_IN = 100, /* every so many users, one changes */
    N_COLUMNS = 22,
    FIRST_TIME = 1700000000,
    SECOND_TIME = 1700086400
};

static const mdl_field fields[N_COLUMNS] = {
    {"user_id", MDL_TYPE_INT32},
    {"total_ratings", MDL_TYPE_INT64},
    {"unique_movies_rated", MDL_TYPE_INT64},
    {"avg_rating_given", MDL_TYPE_FLOAT64},
    {"min_rating_given", MDL_TYPE_DECIMAL},
    {"max_rating_given", MDL_TYPE_DECIMAL},
    {"stddev_rating", MDL_TYPE_FLOAT64},
    {"first_rating_date", MDL_TYPE_TIMESTAMP},
    {"last_rating_date", MDL_TYPE_TIMESTAMP},
    {"rating_span_days", MDL_TYPE_INT32},
    {"active_days", MDL_TYPE_INT64},
    {"avg_ratings_per_day", MDL_TYPE_FLOAT64},
    {"total_tags", MDL_TYPE_INT64},
    {"unique_movies_tagged", MDL_TYPE_INT64},
    {"first_tag_date", MDL_TYPE_TIMESTAMP},
    {"last_tag_date", MDL_TYPE_TIMESTAMP},
    {"preferred_genre", MDL_TYPE_STRING},
    {"preferred_genre_count", MDL_TYPE_INT64},
    {"preferred_genre_avg_rating", MDL_TYPE_FLOAT64},
    {"genre_engagement", MDL_TYPE_STRING},
    {"user_segment", MDL_TYPE_STRING},
    {"rating_style", MDL_TYPE_STRING},
};

static const mdl_snapshot declaration = {
    .struct_size = sizeof(mdl_snapshot),
    .name = "snap_users",
    .table = "users",
    .key = "user_id",
    .check = "total_ratings, user_segment",
    .hard_deletes = MDL_HARD_DELETES_INVALIDATE,
};

typedef struct snapshot_tables {
    mdl_table *before;
    mdl_table *same; /* as before, but built anew */
    mdl_table *after;
    mdl_table *first_history;
    mdl_table *second_history; /* with `after` applied */
} snapshot_tables;

/* The values of one column. */
typedef union column_values {
    int32_t small[N_USERS];
    int64_t wide[N_USERS];
    double real[N_USERS];
    mdl_string text[N_USERS];
} column_values;

static void fill_row(column_values *values, const mdl_field *field, int64_t row, uint64_t number)
{
    static const char *const texts[] = {"Drama", "Comedy", "Action", "Thriller", "Light"};
    switch (field->type) {
    case MDL_TYPE_STRING: {
        const char *text = texts[number % 5];
        values->text[row] = (mdl_string){text, (int64_t)strlen(text)};
        break;
    }
    case MDL_TYPE_FLOAT64:
        values->real[row] = (double)(number % 5000) / 997;
        break;
    case MDL_TYPE_INT64:
    case MDL_TYPE_TIMESTAMP:
        values->wide[row] = (int64_t)(number % 3000);
        break;
    default:
        values->small[row] = (int32_t)(number % 500);
        break;
    }
}

/* Makes a table; `step` 1 = some users have one rating more. */
static bool make_users(bench_run *run, int step, mdl_table **out)
{
    mdl_table_builder *builder = NULL;
    mdl_error error = MDL_ERROR_INIT;
    mdl_vector vectors[N_COLUMNS];
    column_values *values = bench_allocate(N_COLUMNS * (int64_t)sizeof *values);
    for (int c = 0; c < N_COLUMNS; c++) {
        uint64_t state = (uint64_t)c + 1;
        for (int64_t row = 0; row < N_USERS; row++) {
            fill_row(&values[c], &fields[c], row, bench_random(&state));
        }
        vectors[c] = (mdl_vector){.type = fields[c].type, .n_rows = N_USERS, .values = &values[c]};
    }
    for (int64_t row = 0; row < N_USERS; row++) {
        values[0].small[row] = (int32_t)row + 1;
        values[1].wide[row] += row % CHANGED_IN == 0 ? step : 0;
    }
    mdl_status status =
        mdl_table_builder_create(run->world->context, fields, N_COLUMNS, &builder, &error);
    if (status == MDL_OK) {
        status = mdl_table_builder_append(builder, vectors, N_USERS, &error);
    }
    if (status == MDL_OK) {
        status = mdl_table_builder_finish(builder, out, &error);
    }
    mdl_table_builder_free(builder);
    free(values);
    return bench_ok(run, status, &error);
}

/* The history with what differs in `table`; NULL where it had nothing before. */
static bool take_snapshot(bench_run *run, const mdl_table *history, const mdl_table *table,
                          int64_t time, mdl_table **out)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_snapshot_changes *changes;
    mdl_status status =
        mdl_snapshot_diff(run->world->context, &declaration, history, table, &changes, &error);
    if (status == MDL_OK) {
        status = mdl_snapshot_changes_apply(changes, time, out, &error);
    }
    mdl_snapshot_changes_free(changes);
    return bench_ok(run, status, &error);
}

static bool open_tables(bench_run *run)
{
    snapshot_tables *tables = bench_allocate(sizeof *tables);
    run->world->shared = tables;
    return make_users(run, 0, &tables->before) && make_users(run, 0, &tables->same) &&
           make_users(run, 1, &tables->after) &&
           take_snapshot(run, NULL, tables->before, FIRST_TIME, &tables->first_history) &&
           take_snapshot(run, tables->first_history, tables->after, SECOND_TIME,
                         &tables->second_history);
}

static void close_tables(void *shared)
{
    snapshot_tables *tables = shared;
    if (tables == NULL) {
        return;
    }
    mdl_table_free(tables->before);
    mdl_table_free(tables->same);
    mdl_table_free(tables->after);
    mdl_table_free(tables->first_history);
    mdl_table_free(tables->second_history);
    free(tables);
}

/* What is compared, and what comes of it. */
typedef struct snapshot_parameter {
    mdl_table *(*history)(const snapshot_tables *tables);
    mdl_table *(*current)(const snapshot_tables *tables);
    int64_t n_inserted;
    int64_t n_changed;
} snapshot_parameter;

#define TABLE_GETTER(name)                                                                         \
    static mdl_table *get_##name(const snapshot_tables *tables)                                    \
    {                                                                                              \
        return tables->name;                                                                       \
    }

TABLE_GETTER(before)
TABLE_GETTER(same)
TABLE_GETTER(after)
TABLE_GETTER(first_history)
TABLE_GETTER(second_history)

static mdl_table *get_nothing(const snapshot_tables *tables)
{
    (void)tables;
    return NULL;
}

typedef struct snapshot_state {
    mdl_snapshot_changes *changes;
    mdl_table *result;
} snapshot_state;

static bool diff_again(bench_run *run)
{
    const snapshot_parameter *parameter = run->parameter;
    const snapshot_tables *tables = run->world->shared;
    snapshot_state *state = run->state;
    mdl_error error = MDL_ERROR_INIT;
    mdl_snapshot_changes_free(state->changes);
    mdl_status status =
        mdl_snapshot_diff(run->world->context, &declaration, parameter->history(tables),
                          parameter->current(tables), &state->changes, &error);
    return bench_ok(run, status, &error);
}

static bool setup(bench_run *run)
{
    run->state = bench_allocate(sizeof(snapshot_state));
    run->n_rows = N_USERS;
    return diff_again(run);
}

static bool apply_again(bench_run *run)
{
    snapshot_state *state = run->state;
    mdl_error error = MDL_ERROR_INIT;
    mdl_table_free(state->result);
    state->result = NULL;
    mdl_status status =
        mdl_snapshot_changes_apply(state->changes, SECOND_TIME, &state->result, &error);
    return bench_ok(run, status, &error);
}

static bool read_as_of(bench_run *run)
{
    const snapshot_parameter *parameter = run->parameter;
    snapshot_state *state = run->state;
    mdl_error error = MDL_ERROR_INIT;
    mdl_table_free(state->result);
    state->result = NULL;
    mdl_status status =
        mdl_snapshot_as_of(run->world->context, parameter->history(run->world->shared), FIRST_TIME,
                           &state->result, &error);
    return bench_ok(run, status, &error);
}

static void teardown(bench_run *run)
{
    snapshot_state *state = run->state;
    if (state == NULL) {
        return;
    }
    mdl_snapshot_changes_free(state->changes);
    mdl_table_free(state->result);
    free(state);
}

static bool check_diff(bench_run *run)
{
    const snapshot_parameter *parameter = run->parameter;
    const snapshot_state *state = run->state;
    mdl_snapshot_counts counts = mdl_snapshot_changes_counts(state->changes);
    if (counts.n_inserted != parameter->n_inserted || counts.n_changed != parameter->n_changed ||
        counts.n_unchanged != N_USERS - parameter->n_inserted - parameter->n_changed) {
        return bench_fail(run, "%lld rows inserted, %lld changed", (long long)counts.n_inserted,
                          (long long)counts.n_changed);
    }
    return true;
}

/* The rows that are current must be those of the table. */
static bool check_apply(bench_run *run)
{
    const snapshot_parameter *parameter = run->parameter;
    const snapshot_state *state = run->state;
    mdl_query *query = mdl_query_create(run->world->context);
    mdl_table *counted = NULL;
    mdl_error error = MDL_ERROR_INIT;
    mdl_rel *rows = mdl_filter(mdl_scan(query, state->result), "dbt_valid_to is null");
    rows = mdl_join(rows, mdl_scan(query, parameter->current(run->world->shared)), MDL_JOIN_SEMI,
                    "user_id, total_ratings");
    mdl_status status =
        mdl_query_collect(query, mdl_aggregate(rows, NULL, "count(*) as n"), &counted, &error);
    mdl_value n = {.type = MDL_TYPE_INT64};
    if (status == MDL_OK) {
        status = mdl_table_get(run->world->context, counted, 0, 0, &n, NULL, 0, &error);
    }
    mdl_table_free(counted);
    mdl_query_free(query);
    if (status == MDL_OK && n.as.integer != N_USERS) {
        return bench_fail(run, "%lld current rows", (long long)n.as.integer);
    }
    return bench_ok(run, status, &error);
}

static bool check_as_of(bench_run *run)
{
    const snapshot_state *state = run->state;
    int64_t n = mdl_table_n_rows(state->result);
    return n == N_USERS || bench_fail(run, "%lld rows", (long long)n);
}

#define SNAPSHOT_CASE(label, history, current, inserted, changed, again, checker)                  \
    {                                                                                              \
        label, &(const snapshot_parameter){get_##history, get_##current, inserted, changed},       \
            setup, again, checker, teardown                                                        \
    }

static const bench_case cases[] = {
    SNAPSHOT_CASE("diff: the same blocks", first_history, before, 0, 0, diff_again, check_diff),
    SNAPSHOT_CASE("diff: equal blocks", first_history, same, 0, 0, diff_again, check_diff),
    SNAPSHOT_CASE("diff: 1 % changed", first_history, after, 0, N_USERS / CHANGED_IN, diff_again,
                  check_diff),
    SNAPSHOT_CASE("diff: 1 % changed before", second_history, after, 0, 0, diff_again, check_diff),
    SNAPSHOT_CASE("apply: first run", nothing, before, N_USERS, 0, apply_again, check_apply),
    SNAPSHOT_CASE("apply: 1 % changed", first_history, after, 0, N_USERS / CHANGED_IN, apply_again,
                  check_apply),
    SNAPSHOT_CASE("as of", second_history, before, 0, N_USERS / CHANGED_IN, read_as_of,
                  check_as_of),
};

const bench_group bench_snapshots = {
    .name = "snapshots",
    .variants = BENCH_PER_THREADS,
    .cases = cases,
    .n_cases = BENCH_COUNT_OF(cases),
    .open = open_tables,
    .close = close_tables,
};
