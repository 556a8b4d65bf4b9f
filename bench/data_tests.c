/*
 * Data quality tests over a warehouse of a generated data set: all built-in ones, and one for each
 * way in which a single test can be decided.
 *
 * The number of failing rows of a single test is held against a plan of operators that asks the
 * same; the built-in ones must pass.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operator_groups.h"

/* Gives a row with the number of failing rows. */
typedef mdl_rel *count_failing(mdl_query *query, const mdl_warehouse *warehouse);

typedef struct test_parameter {
    const char *table;
    mdl_test test;
    count_failing *plan;
    bool is_from_statistics;
} test_parameter;

typedef struct test_state {
    mdl_test_result result;
} test_state;

static mdl_rel *scan(mdl_query *query, const mdl_warehouse *warehouse, const char *table)
{
    return mdl_scan(query, mdl_warehouse_table(warehouse, table));
}

/* ---- One test ---- */

static bool setup_one(bench_run *run)
{
    const test_parameter *parameter = run->parameter;
    run->state = bench_allocate(sizeof(test_state));
    run->n_rows = mdl_table_n_rows(mdl_warehouse_table(run->world->shared, parameter->table));
    return true;
}

static void teardown_one(bench_run *run)
{
    test_state *state = run->state;
    if (state != NULL) {
        mdl_test_result_free(&state->result);
        free(state);
    }
}

/* Runs a test of a table; the result has to be freed. */
static bool run_test(bench_run *run, const char *table, const mdl_test *test, mdl_test_result *out)
{
    const mdl_warehouse *warehouse = run->world->shared;
    const mdl_table *to = test->to != NULL ? mdl_warehouse_table(warehouse, test->to) : NULL;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_test_run(run->world->context, test,
                                     mdl_warehouse_table(warehouse, table), to, NULL, out, &error);
    return bench_ok(run, status, &error);
}

static bool run_one(bench_run *run)
{
    const test_parameter *parameter = run->parameter;
    test_state *state = run->state;
    mdl_test_result_free(&state->result);
    return run_test(run, parameter->table, &parameter->test, &state->result);
}

static bool check_one(bench_run *run)
{
    const test_parameter *parameter = run->parameter;
    const test_state *state = run->state;
    mdl_query *query = mdl_query_create(run->world->context);
    mdl_table *counted = NULL;
    mdl_error error = MDL_ERROR_INIT;
    mdl_value n = {.type = MDL_TYPE_INT64};
    mdl_status status =
        mdl_query_collect(query, parameter->plan(query, run->world->shared), &counted, &error);
    if (status == MDL_OK) {
        status = mdl_table_get(run->world->context, counted, 0, 0, &n, NULL, 0, &error);
    }
    mdl_table_free(counted);
    mdl_query_free(query);
    if (!bench_ok(run, status, &error)) {
        return false;
    }
    int64_t expected = n.is_null ? 0 : n.as.integer;
    if (state->result.n_failures != expected) {
        return bench_fail(run, "%" PRId64 " failing rows instead of %" PRId64,
                          state->result.n_failures, expected);
    }
    snprintf(run->note, sizeof run->note, "%" PRId64 " failing", expected);
    return state->result.is_from_statistics == parameter->is_from_statistics ||
           bench_fail(run, "%s statistics alone",
                      state->result.is_from_statistics ? "decided by" : "not decided by");
}

/* Rows that have a key in common. */
static mdl_rel *count_repeats(mdl_rel *rows, const char *key)
{
    mdl_rel *keys = mdl_filter(mdl_aggregate(rows, key, "count(*) as n"), "n > 1");
    return mdl_aggregate(keys, NULL, "sum(n) as n");
}

static mdl_rel *count_rating_repeats(mdl_query *query, const mdl_warehouse *warehouse)
{
    return count_repeats(scan(query, warehouse, "fact_ratings"), "user_id, movie_id, created_at");
}

static mdl_rel *count_tag_repeats(mdl_query *query, const mdl_warehouse *warehouse)
{
    return count_repeats(scan(query, warehouse, "tags"), "userId, movieId, tag, timestamp");
}

static mdl_rel *count_time_repeats(mdl_query *query, const mdl_warehouse *warehouse)
{
    return count_repeats(scan(query, warehouse, "tags"), "timestamp, movieId");
}

static mdl_rel *count_movie_orphans(mdl_query *query, const mdl_warehouse *warehouse)
{
    mdl_rel *orphans = mdl_join(scan(query, warehouse, "ratings"), scan(query, warehouse, "movies"),
                                MDL_JOIN_ANTI, "movieId");
    return mdl_aggregate(orphans, NULL, "count(*) as n");
}

static mdl_rel *count_user_orphans(mdl_query *query, const mdl_warehouse *warehouse)
{
    mdl_rel *orphans = mdl_join(scan(query, warehouse, "fact_ratings"),
                                scan(query, warehouse, "dim_users"), MDL_JOIN_ANTI, "user_id");
    return mdl_aggregate(orphans, NULL, "count(*) as n");
}

static mdl_rel *count_high_ratings(mdl_query *query, const mdl_warehouse *warehouse)
{
    return mdl_aggregate(scan(query, warehouse, "ratings"), NULL, "count_if(rating > 4.5) as n");
}

static mdl_rel *count_old_ratings(mdl_query *query, const mdl_warehouse *warehouse)
{
    return mdl_aggregate(scan(query, warehouse, "fact_ratings"), NULL,
                         "count_if(not (rating >= 0.5 and year(created_at) >= 2000)) as n");
}

/* ---- All built-in tests ---- */

static bool setup_all(bench_run *run)
{
    run->n_rows = mdl_table_n_rows(mdl_warehouse_table(run->world->shared, "ratings"));
    return true;
}

static bool run_all(bench_run *run)
{
    const mdl_warehouse *warehouse = run->world->shared;
    int32_t n_tests = 0;
    for (int32_t i = 0; i < mdl_warehouse_n_models(warehouse); i++) {
        const char *table = mdl_warehouse_model(warehouse, i)->name;
        int32_t n_of_table = mdl_warehouse_table(warehouse, table) != NULL
                                 ? mdl_warehouse_n_tests(warehouse, table)
                                 : 0;
        for (int32_t t = 0; t < n_of_table; t++) {
            mdl_test_result result;
            if (!run_test(run, table, mdl_warehouse_get_test(warehouse, table, t), &result)) {
                return false;
            }
            bool has_failed = result.outcome == MDL_TEST_FAIL;
            mdl_test_result_free(&result);
            if (has_failed) {
                return bench_fail(run, "test %d of %s failed", (int)t + 1, table);
            }
        }
        n_tests += n_of_table;
    }
    snprintf(run->note, sizeof run->note, "%d tests", (int)n_tests);
    return true;
}

/* A run that finds a failing test has failed itself. */
static bool check_all(bench_run *run)
{
    return strcmp(run->note, "0 tests") != 0 || bench_fail(run, "there are no tests");
}

static void teardown_all(bench_run *run)
{
    (void)run;
}

/* ---- The warehouse ---- */

static bool open_warehouse(bench_run *run)
{
    mdl_warehouse *warehouse = NULL;
    mdl_error error = MDL_ERROR_INIT;
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.tests = MDL_TESTS_NONE;
    mdl_status status = mdl_warehouse_create(run->world->context, NULL, &warehouse, &error);
    run->world->shared = warehouse;
    if (status == MDL_OK) {
        status = mdl_warehouse_load(warehouse, &run->world->data, 1, NULL, &error);
    }
    if (status == MDL_OK) {
        status = mdl_warehouse_build(warehouse, &options, NULL, &error);
    }
    return bench_ok(run, status, &error);
}

static void close_warehouse(void *shared)
{
    mdl_warehouse_free(shared);
}

#define TEST_CASE(label, tested, counter, by_statistics, ...)                                      \
    {                                                                                              \
        label,                                                                                     \
            &(const test_parameter){.table = tested,                                               \
                                    .test = {__VA_ARGS__},                                         \
                                    .plan = counter,                                               \
                                    .is_from_statistics = by_statistics},                          \
            setup_one, run_one, check_one, teardown_one                                            \
    }

static const bench_case cases[] = {
    {"all built-in tests", NULL, setup_all, run_all, check_all, teardown_all},
    TEST_CASE("unique: neighbours", "fact_ratings", count_rating_repeats, false,
              .kind = MDL_TEST_UNIQUE, .columns = "user_id, movie_id, created_at"),
    TEST_CASE("unique: stretches", "tags", count_tag_repeats, false, .kind = MDL_TEST_UNIQUE,
              .columns = "userId, movieId, tag, timestamp"),
    TEST_CASE("unique: radix sort", "tags", count_time_repeats, false, .kind = MDL_TEST_UNIQUE,
              .columns = "timestamp, movieId"),
    TEST_CASE("relationships: every key", "ratings", count_movie_orphans, false,
              .kind = MDL_TEST_RELATIONSHIPS, .columns = "movieId", .to = "movies"),
    TEST_CASE("relationships: runs", "fact_ratings", count_user_orphans, true,
              .kind = MDL_TEST_RELATIONSHIPS, .columns = "user_id", .to = "dim_users"),
    TEST_CASE("accepted range: rows fail", "ratings", count_high_ratings, false,
              .kind = MDL_TEST_ACCEPTED_RANGE, .columns = "rating", .greatest = "4.5"),
    TEST_CASE("expression", "fact_ratings", count_old_ratings, false, .kind = MDL_TEST_EXPRESSION,
              .expression = "rating >= 0.5 and year(created_at) >= 2000"),
};

const bench_group bench_data_tests = {
    .name = "data quality tests",
    .variants = BENCH_PER_THREADS,
    .needs_data = true,
    .cases = cases,
    .n_cases = BENCH_COUNT_OF(cases),
    .open = open_warehouse,
    .close = close_warehouse,
};
