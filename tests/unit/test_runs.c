/*
 * Runs: tests beside models, what failures skip, tasks at the same time, stopping, retries,
 * snapshots and the log; on toy models whose rows are the numbers 1 … n.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "support/failing_allocator.h"
#include "support/run_suite.h"
#include "support/warehouse_world.h"
#include "warehouse/warehouse_internal.h"

typedef struct toy toy;

struct toy {
    const char *name;
    const char *refs[4];
    int32_t n_rows;
    const mdl_test *tests;
    int32_t n_tests;
    bool fails;
    void (*while_built)(toy *self);
    void *data;
    atomic_int n_builds;
    mdl_model model;
};

static const mdl_model_column toy_columns[] = {{"n", MDL_TYPE_INT32, "1, 2, 3 …"}};

static mdl_status make_numbers(mdl_context *context, int32_t n_rows, mdl_table **out,
                               mdl_error *error)
{
    mdl_field field = {"n", MDL_TYPE_INT32};
    mdl_table_builder *builder = NULL;
    mdl_status status = mdl_table_builder_create(context, &field, 1, &builder, error);
    for (int32_t i = 1; i <= n_rows && status == MDL_OK; i++) {
        mdl_vector column = {.type = MDL_TYPE_INT32, .n_rows = 1, .values = &i};
        status = mdl_table_builder_append(builder, &column, 1, error);
    }
    if (status == MDL_OK) {
        status = mdl_table_builder_finish(builder, out, error);
    }
    mdl_table_builder_free(builder);
    return status;
}

static mdl_status build_toy(mdl_build *build, mdl_table **out, mdl_error *error)
{
    toy *self = mdl_build_user_data(build);
    atomic_fetch_add(&self->n_builds, 1);
    if (self->while_built != NULL) {
        self->while_built(self);
    }
    if (self->fails) {
        return mdl_error_set(error, MDL_E_OVERFLOW, "%s broke", self->name);
    }
    return make_numbers(mdl_build_context(build), self->n_rows, out, error);
}

static void add_toy(test_world *world, toy *self)
{
    self->model = (mdl_model){
        .struct_size = sizeof(mdl_model),
        .name = self->name,
        .layer = MDL_LAYER_GOLD,
        .materialization = MDL_MATERIALIZATION_TABLE,
        .description = "A toy",
        .refs = self->refs,
        .columns = toy_columns,
        .n_columns = 1,
        .key = "n",
        .build = build_toy,
        .user_data = self,
        .tests = self->tests,
        .n_tests = self->n_tests,
    };
    while (self->model.n_refs < 4 && self->refs[self->model.n_refs] != NULL) {
        self->model.n_refs++;
    }
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_warehouse_add_model(world->warehouse, &self->model, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
}

static void start(test_world *world, int32_t n_threads)
{
    mdl_warehouse_options options;
    mdl_warehouse_options_init(&options);
    options.no_builtin_models = true;
    world_start_threads(world, &options, n_threads);
}

/* Options that leave the sources' own tests out. */
static mdl_build_options toy_options(void)
{
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.exclude = "kind:source";
    return options;
}

/* Builds; gives the tasks as "name=state" and ends the run. */
static mdl_status build(test_world *world, const mdl_build_options *options, char *tasks)
{
    mdl_run *run = NULL;
    world->error = (mdl_error)MDL_ERROR_INIT;
    tasks[0] = '\0';
    mdl_status status = mdl_warehouse_build(world->warehouse, options, &run, &world->error);
    for (int32_t i = 0; run != NULL && i < mdl_run_n_results(run); i++) {
        const mdl_run_result *result = mdl_run_get_result(run, i);
        sprintf(tasks + strlen(tasks), "%s%s=%s", i > 0 ? " " : "", result->name,
                mdl_run_state_name(result->state));
    }
    if (run != NULL) {
        ck_assert_int_eq(mdl_run_status(run), status);
        ck_assert_str_eq(mdl_run_message(run), world->error.message);
    }
    mdl_run_free(run);
    return status;
}

/* Rows of a table of the log: some columns of those that fit, as CSV without the header. */
static char *query_log(test_world *world, const mdl_table *log, const char *where,
                       const char *columns)
{
    mdl_query *query = mdl_query_create(world->context);
    mdl_rel *rel = mdl_filter(mdl_scan(query, log), where);
    mdl_table *table = NULL;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_msg(mdl_query_collect(query, mdl_project(rel, columns), &table, &error) == MDL_OK,
                  "%s", error.message);
    char *text = table_text(world->context, table);
    mdl_table_free(table);
    mdl_query_free(query);
    char *rows = strchr(text, '\n') + 1;
    memmove(text, rows, strlen(rows) + 1);
    return text;
}

static void assert_log(test_world *world, const mdl_table *log, const char *where,
                       const char *columns, const char *expected)
{
    char *rows = query_log(world, log, where, columns);
    ck_assert_str_eq(rows, expected);
    free(rows);
}

/* Tests beside models. */

static const mdl_test at_most_3[] = {
    {.kind = MDL_TEST_ACCEPTED_RANGE, .name = "at_most_3", .columns = "n", .greatest = "3"}};
static const mdl_test at_most_3_or_warn[] = {{.kind = MDL_TEST_ACCEPTED_RANGE,
                                              .severity = MDL_SEVERITY_WARN,
                                              .name = "at_most_3",
                                              .columns = "n",
                                              .greatest = "3"}};

START_TEST(tests_stand_behind_their_model)
{
    test_world world;
    start(&world, 1);
    toy b = {.name = "b", .refs = {"a"}, .n_rows = 2};
    toy a = {.name = "a", .refs = {"movies"}, .n_rows = 3, .tests = at_most_3, .n_tests = 1};
    add_toy(&world, &b);
    add_toy(&world, &a);
    char tasks[1024];
    mdl_build_options options = toy_options();
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    ck_assert_str_eq(tasks, "a=success not_null_a_n=pass unique_a_n=pass at_most_3=pass "
                            "b=success not_null_b_n=pass unique_b_n=pass");
    options.tests = MDL_TESTS_AFTER_ALL;
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    ck_assert_str_eq(tasks, "a=success b=success not_null_a_n=pass unique_a_n=pass at_most_3=pass "
                            "not_null_b_n=pass unique_b_n=pass");
    options.tests = MDL_TESTS_NONE;
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    ck_assert_str_eq(tasks, "a=success b=success");
    world_end(&world);
}
END_TEST

START_TEST(failing_test_skips_what_is_built_from_its_table)
{
    test_world world;
    start(&world, 1);
    toy a = {.name = "a", .n_rows = 5, .tests = at_most_3, .n_tests = 1};
    toy b = {.name = "b", .refs = {"a"}, .n_rows = 2};
    toy c = {.name = "c", .n_rows = 1};
    add_toy(&world, &a);
    add_toy(&world, &b);
    add_toy(&world, &c);
    char tasks[1024];
    mdl_build_options options = toy_options();
    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_TEST);
    ck_assert_str_eq(world.error.message, "test at_most_3: 2 of 5 rows failed");
    ck_assert_str_eq(tasks, "a=success not_null_a_n=pass unique_a_n=pass at_most_3=fail "
                            "b=skipped not_null_b_n=skipped unique_b_n=skipped "
                            "c=success not_null_c_n=pass unique_c_n=pass");
    assert_log(&world, mdl_warehouse_run_tasks(world.warehouse), "state = 'skipped'",
               "name, message",
               "b,test at_most_3 failed\n"
               "not_null_b_n,\"b, which it tests, was skipped\"\n"
               "unique_b_n,\"b, which it tests, was skipped\"\n");
    ck_assert_ptr_null(mdl_warehouse_table(world.warehouse, "a"));
    ck_assert_ptr_null(mdl_warehouse_table(world.warehouse, "c"));
    ck_assert_int_eq(atomic_load(&b.n_builds), 0);

    /* Tests that come last skip nothing; nothing is published all the same. */
    options.tests = MDL_TESTS_AFTER_ALL;
    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_TEST);
    ck_assert_int_eq(atomic_load(&b.n_builds), 1);
    ck_assert_ptr_null(mdl_warehouse_table(world.warehouse, "b"));
    options.tests = MDL_TESTS_NONE;
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    ck_assert_int_eq(world_n_rows(&world, "b"), 2);
    world_end(&world);
}
END_TEST

START_TEST(failing_rows_are_kept)
{
    test_world world;
    start(&world, 1);
    toy a = {.name = "a", .n_rows = 30, .tests = at_most_3_or_warn, .n_tests = 1};
    toy b = {.name = "b", .refs = {"a"}, .n_rows = 2};
    add_toy(&world, &a);
    add_toy(&world, &b);
    mdl_run *run = NULL;
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, NULL, &run, NULL), MDL_OK);
    mdl_run_counts counts = mdl_run_get_counts(run);
    ck_assert_int_eq(counts.n_warn, 1);
    ck_assert_int_eq(counts.n_error + counts.n_skip, 0);
    ck_assert_int_eq(counts.n_pass + counts.n_warn, counts.n_total);
    ck_assert_int_eq(counts.n_total, mdl_run_n_results(run));
    const mdl_run_result *result = NULL;
    for (int32_t i = 0; i < mdl_run_n_results(run); i++) {
        if (strcmp(mdl_run_get_result(run, i)->name, "at_most_3") == 0) {
            result = mdl_run_get_result(run, i);
        }
    }
    ck_assert_ptr_nonnull(result);
    ck_assert_int_eq(result->kind, MDL_TASK_TEST);
    ck_assert_int_eq(result->state, MDL_RUN_WARN);
    ck_assert_str_eq(result->model->name, "a");
    ck_assert_int_eq(result->test->kind, MDL_TEST_ACCEPTED_RANGE);
    ck_assert_int_eq(result->n_rows, 30);
    ck_assert_int_eq(result->n_failures, 27);
    ck_assert_str_eq(result->message, "27 of 30 rows failed");
    ck_assert_int_eq(mdl_table_n_rows(result->failures), 10);
    mdl_run_free(run);
    ck_assert_int_eq(world_n_rows(&world, "b"), 2);
    assert_log(&world, mdl_warehouse_runs(world.warehouse), "true",
               "run_id, command, state, n_warn, n_error, n_skip, message", "1,build,warn,1,0,0,\n");
    world_end(&world);
}
END_TEST

/* c is built from a; the test of a reads b, which is built later than a and d is built from. */
START_TEST(test_of_two_tables_waits_for_the_later_one)
{
    static const mdl_test same_rows[] = {
        {.kind = MDL_TEST_ROW_COUNT_EQUAL, .name = "as_many_as_b", .to = "b"}};
    test_world world;
    start(&world, 1);
    toy a = {.name = "a", .n_rows = 3, .tests = same_rows, .n_tests = 1};
    toy b = {.name = "b", .n_rows = 2};
    toy c = {.name = "c", .refs = {"a"}, .n_rows = 1};
    toy d = {.name = "d", .refs = {"b"}, .n_rows = 1};
    add_toy(&world, &a);
    add_toy(&world, &b);
    add_toy(&world, &c);
    add_toy(&world, &d);
    char tasks[1024];
    mdl_build_options options = toy_options();
    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_TEST);
    ck_assert_str_eq(world.error.message,
                     "test as_many_as_b: the numbers of rows differ: 3, and 2 in b");
    ck_assert_str_eq(tasks, "a=success not_null_a_n=pass unique_a_n=pass "
                            "b=success as_many_as_b=fail not_null_b_n=pass unique_b_n=pass "
                            "c=skipped not_null_c_n=skipped unique_c_n=skipped "
                            "d=skipped not_null_d_n=skipped unique_d_n=skipped");
    b.n_rows = 3;
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);

    /* A build of a alone makes it newer than b, and does not compare the two. */
    a.n_rows = 4;
    options.select = "a";
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    ck_assert_str_eq(tasks, "a=success not_null_a_n=pass unique_a_n=pass");
    /* A run of tests alone does. */
    ck_assert_int_eq(mdl_warehouse_test(world.warehouse, &options, NULL, &world.error), MDL_E_TEST);
    world_end(&world);
}
END_TEST

START_TEST(tests_alone_build_nothing)
{
    test_world world;
    start(&world, 2);
    toy a = {.name = "a", .n_rows = 2};
    toy b = {.name = "b", .n_rows = 2};
    add_toy(&world, &a);
    add_toy(&world, &b);
    mdl_build_options options = toy_options();
    options.select = "a";
    char tasks[1024];
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    options.select = NULL;
    mdl_run *run = NULL;
    ck_assert_int_eq(mdl_warehouse_test(world.warehouse, &options, &run, NULL), MDL_OK);
    ck_assert_int_eq(mdl_run_n_results(run), 4);
    mdl_run_free(run);
    assert_log(&world, mdl_warehouse_run_tasks(world.warehouse), "run_id = 2",
               "task, kind, name, table, layer, state, message",
               "1,test,not_null_a_n,a,gold,pass,\n2,test,unique_a_n,a,gold,pass,\n"
               "3,test,not_null_b_n,b,gold,skipped,\"b, which it tests, was never built\"\n"
               "4,test,unique_b_n,b,gold,skipped,\"b, which it tests, was never built\"\n");
    assert_log(&world, mdl_warehouse_runs(world.warehouse), "run_id = 2",
               "command, state, n_pass, n_skip, n_total", "test,success,2,2,4\n");
    ck_assert_int_eq(atomic_load(&a.n_builds), 1);
    world_end(&world);
}
END_TEST

/* Sources are tested where something is built from them; a failing row is told and no failure. */
START_TEST(sources_are_tested)
{
    test_world world;
    start(&world, 1);
    toy a = {.name = "a", .refs = {"movies"}, .n_rows = 2};
    add_toy(&world, &a);
    world_write(&world, "movies.csv", "movieId,title,genres\n1,A,x\n1,A,x\n2,,x\n");
    ck_assert_int_eq(world_load(&world, world.folder), MDL_OK);
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.select = "a";
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, &options, NULL, NULL), MDL_OK);
    assert_log(&world, mdl_warehouse_run_tasks(world.warehouse),
               "kind = 'test' and layer = 'bronze'", "\"table\", state, n_rows, n_failures",
               "movies,pass,3,0\nmovies,warn,3,2\nmovies,warn,3,1\nmovies,pass,3,0\n");
    options.exclude = "movies";
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, &options, NULL, NULL), MDL_OK);
    options.exclude = NULL;
    options.select = "links";
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, &options, NULL, NULL), MDL_OK);
    options.tests = MDL_TESTS_NONE;
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, &options, NULL, &world.error),
                     MDL_E_ARGUMENT);
    assert_log(&world, mdl_warehouse_runs(world.warehouse), "true", "run_id, n_total",
               "1,8\n2,3\n3,3\n");
    world_end(&world);
}
END_TEST

START_TEST(names_of_tests_differ)
{
    static const mdl_test twice[] = {
        {.kind = MDL_TEST_ACCEPTED_RANGE, .columns = "n", .least = "1"},
        {.kind = MDL_TEST_ACCEPTED_RANGE, .columns = "n", .greatest = "9"},
        {.kind = MDL_TEST_EXPRESSION, .expression = "n > 0", .name = "unique_a_n"},
    };
    test_world world;
    start(&world, 1);
    toy a = {.name = "a", .n_rows = 2, .tests = twice, .n_tests = 3};
    add_toy(&world, &a);
    char tasks[1024];
    mdl_build_options options = toy_options();
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    ck_assert_str_eq(tasks, "a=success not_null_a_n=pass unique_a_n=pass accepted_range_a_n=pass "
                            "accepted_range_a_n_2=pass unique_a_n_2=pass");
    world_end(&world);
}
END_TEST

START_TEST(test_of_no_table_is_told)
{
    static const mdl_test lost[] = {{.kind = MDL_TEST_ROW_COUNT_EQUAL, .to = "nothing"}};
    test_world world;
    start(&world, 1);
    toy a = {.name = "a", .n_rows = 2, .tests = lost, .n_tests = 1};
    add_toy(&world, &a);
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, NULL, NULL, &world.error),
                     MDL_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(world.error.message, "\"nothing\", which is no table"));
    ck_assert_int_eq(mdl_table_n_rows(mdl_warehouse_runs(world.warehouse)), 0);
    world_end(&world);
}
END_TEST

/* Tasks at the same time. */

/* A place where builds meet. */
typedef struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t came;
    int n_expected;
    int n_there;
} meeting;

static void meet(toy *self)
{
    meeting *place = self->data;
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 30;
    pthread_mutex_lock(&place->lock);
    place->n_there++;
    pthread_cond_broadcast(&place->came);
    while (place->n_there < place->n_expected) {
        ASSERT_IN_LOOP(pthread_cond_timedwait(&place->came, &place->lock, &end) == 0,
                       "%d of %d came", place->n_there, place->n_expected);
    }
    pthread_mutex_unlock(&place->lock);
}

/* Events are never told by two threads at once, each task's in order, all of them once. */
typedef struct event_log {
    atomic_int n_inside;
    int32_t n_tasks;
    int n_started[64];
    int n_finished[64];
    int n_runs;
} event_log;

static void enter(event_log *log, int32_t index, int32_t n_tasks)
{
    ASSERT_IN_LOOP(atomic_fetch_add(&log->n_inside, 1) == 0, "two events at once");
    ASSERT_IN_LOOP(index >= 1 && index <= n_tasks && n_tasks < 64, "task %d", (int)index);
    log->n_tasks = n_tasks;
}

static void on_start(void *user_data, const mdl_run_result *task, int32_t index, int32_t n_tasks)
{
    event_log *log = user_data;
    enter(log, index, n_tasks);
    ASSERT_IN_LOOP(log->n_started[index] == 0 && log->n_finished[index] == 0, "%s", task->name);
    log->n_started[index]++;
    atomic_fetch_sub(&log->n_inside, 1);
}

static void on_finish(void *user_data, const mdl_run_result *task, int32_t index, int32_t n_tasks)
{
    event_log *log = user_data;
    enter(log, index, n_tasks);
    bool has_start = task->state != MDL_RUN_SKIPPED && task->kind != MDL_TASK_LOAD;
    ASSERT_IN_LOOP(log->n_started[index] == (has_start ? 1 : 0) && log->n_finished[index] == 0,
                   "%s", task->name);
    log->n_finished[index]++;
    atomic_fetch_sub(&log->n_inside, 1);
}

static void on_run(void *user_data, const mdl_run *run)
{
    event_log *log = user_data;
    ASSERT_IN_LOOP(mdl_run_id(run) == 1, "run %d", (int)mdl_run_id(run));
    for (int32_t i = 1; i <= log->n_tasks; i++) {
        ASSERT_IN_LOOP(log->n_finished[i] == 1, "task %d", (int)i);
    }
    log->n_runs++;
}

/* Of two failures the first in the order of the run is told, although it comes later: the builds of
 * a and b meet after b has failed in time. */
static void fail_late(toy *self)
{
    meet(self);
    struct timespec pause = {.tv_nsec = 20000000};
    nanosleep(&pause, NULL);
}

START_TEST(tasks_run_at_once_and_tell_in_order)
{
    test_world world;
    start(&world, 2);
    meeting place = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 2, 0};
    toy a = {.name = "a", .fails = true, .while_built = fail_late, .data = &place};
    toy b = {.name = "b", .fails = true, .while_built = meet, .data = &place};
    toy c = {.name = "c", .refs = {"b"}};
    toy d = {.name = "d", .n_rows = 4};
    add_toy(&world, &a);
    add_toy(&world, &b);
    add_toy(&world, &c);
    add_toy(&world, &d);
    event_log events = {.n_runs = 0};
    mdl_build_options options = toy_options();
    options.events = (mdl_run_events){on_start, on_finish, on_run, &events};
    char tasks[1024];
    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_OVERFLOW);
    ck_assert_str_eq(world.error.message, "model a: a broke");
    ck_assert_int_eq(events.n_runs, 1);
    assert_log(&world, mdl_warehouse_run_tasks(world.warehouse), "kind = 'model'",
               "name, state, message",
               "a,error,a broke\nb,error,b broke\n"
               "c,skipped,\"b, which it is built from, failed\"\nd,success,\n");
    world_end(&world);
}
END_TEST

/* A model that does not depend on it is built while a table is tested. */
static mdl_status meet_in_test(void *user_data, mdl_context *context, const mdl_table *table,
                               uint64_t *failing, mdl_error *error)
{
    (void)context;
    (void)table;
    (void)failing;
    (void)error;
    meet(user_data);
    return MDL_OK;
}

START_TEST(tests_run_beside_other_models)
{
    test_world world;
    start(&world, 2);
    meeting place = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 2, 0};
    toy b = {.name = "b", .n_rows = 1, .while_built = meet, .data = &place};
    mdl_test test = {.kind = MDL_TEST_CALLBACK, .find = meet_in_test, .user_data = &b};
    toy a = {.name = "a", .n_rows = 1, .tests = &test, .n_tests = 1};
    add_toy(&world, &a);
    add_toy(&world, &b);
    char tasks[1024];
    mdl_build_options options = toy_options();
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    world_end(&world);
}
END_TEST

/* Stopping. */

static void cancel(toy *self)
{
    mdl_context_cancel(self->data);
}

START_TEST(cancelled_run_ends_cleanly_and_can_be_retried)
{
    test_world world;
    start(&world, 1);
    toy a = {.name = "a", .n_rows = 2};
    toy b = {.name = "b", .refs = {"a"}, .n_rows = 2, .while_built = cancel, .data = world.context};
    toy c = {.name = "c", .refs = {"b"}, .n_rows = 2};
    add_toy(&world, &a);
    add_toy(&world, &b);
    add_toy(&world, &c);
    char tasks[1024];
    mdl_build_options options = toy_options();
    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_CANCELLED);
    mdl_context_clear_cancel(world.context);
    assert_log(&world, mdl_warehouse_runs(world.warehouse), "true", "state", "cancelled\n");
    assert_log(&world, mdl_warehouse_run_tasks(world.warehouse), "name = 'c'", "state, message",
               strstr(tasks, "b=error") != NULL ? "skipped,\"b, which it is built from, failed\"\n"
                                                : "skipped,the run was stopped\n");
    b.while_built = NULL;
    options.retry = true;
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    ck_assert_int_eq(atomic_load(&a.n_builds), 1);
    ck_assert_int_eq(world_n_rows(&world, "a"), 2);
    ck_assert_int_eq(world_n_rows(&world, "c"), 2);
    world_end(&world);
}
END_TEST

START_TEST(deadline_before_the_first_task)
{
    test_world world;
    start(&world, 2);
    toy a = {.name = "a", .n_rows = 2};
    add_toy(&world, &a);
    mdl_context_set_deadline(world.context, 1e-9);
    char tasks[1024];
    mdl_build_options options = toy_options();
    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_DEADLINE);
    ck_assert_str_eq(tasks, "a=skipped not_null_a_n=skipped unique_a_n=skipped");
    ck_assert_str_eq(world.error.message, "the deadline has passed");
    mdl_context_set_deadline(world.context, 0);
    assert_log(&world, mdl_warehouse_runs(world.warehouse), "true", "state, message",
               "cancelled,the deadline has passed\n");
    world_end(&world);
}
END_TEST

START_TEST(fail_fast_skips_the_rest)
{
    test_world world;
    start(&world, 1);
    toy a = {.name = "a", .fails = true};
    toy b = {.name = "b", .n_rows = 1};
    add_toy(&world, &a);
    add_toy(&world, &b);
    char tasks[1024];
    mdl_build_options options = toy_options();
    options.fail_fast = true;
    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_OVERFLOW);
    ck_assert_int_eq(atomic_load(&b.n_builds), 0);
    assert_log(&world, mdl_warehouse_run_tasks(world.warehouse), "name = 'b'", "state, message",
               "skipped,the run was stopped\n");
    assert_log(&world, mdl_warehouse_runs(world.warehouse), "true", "state", "error\n");
    world_end(&world);
}
END_TEST

/* Retries. */

START_TEST(retry_does_what_failed_and_publishes_all)
{
    test_world world;
    start(&world, 2);
    toy a = {.name = "a", .n_rows = 2};
    toy b = {.name = "b", .refs = {"a"}, .n_rows = 5, .tests = at_most_3, .n_tests = 1};
    toy c = {.name = "c", .refs = {"b"}, .n_rows = 1};
    toy d = {.name = "d", .refs = {"c"}, .n_rows = 1, .fails = true};
    add_toy(&world, &a);
    add_toy(&world, &b);
    add_toy(&world, &c);
    add_toy(&world, &d);
    char tasks[1024];
    mdl_build_options options = toy_options();
    mdl_build_options again = toy_options();
    again.retry = true;
    again.select = "nothing that is looked at";
    ck_assert_int_eq(build(&world, &again, tasks), MDL_E_STATE);
    ck_assert_str_eq(world.error.message, "there is nothing to retry: nothing was run yet");

    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_TEST);
    ck_assert_ptr_null(mdl_warehouse_table(world.warehouse, "a"));
    /* The table is as it was, and so fails its test again. */
    ck_assert_int_eq(build(&world, &again, tasks), MDL_E_TEST);
    ck_assert_str_eq(tasks, "at_most_3=fail c=skipped not_null_c_n=skipped unique_c_n=skipped "
                            "d=skipped not_null_d_n=skipped unique_d_n=skipped");

    b.n_rows = 3;
    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_OVERFLOW);
    ck_assert_int_eq(build(&world, &again, tasks), MDL_E_OVERFLOW);
    ck_assert_str_eq(tasks, "d=error not_null_d_n=skipped unique_d_n=skipped");
    d.fails = false;
    ck_assert_int_eq(build(&world, &again, tasks), MDL_OK);
    ck_assert_str_eq(tasks, "d=success not_null_d_n=pass unique_d_n=pass");
    ck_assert_int_eq(world_n_rows(&world, "a"), 2);
    ck_assert_int_eq(world_n_rows(&world, "b"), 3);
    ck_assert_int_eq(world_n_rows(&world, "d"), 1);
    ck_assert_int_eq(atomic_load(&a.n_builds), 2);
    assert_log(&world, mdl_warehouse_runs(world.warehouse), "true", "run_id, command, state",
               "1,build,error\n2,retry,error\n3,build,error\n4,retry,error\n5,retry,success\n");
    ck_assert_int_eq(build(&world, &again, tasks), MDL_E_STATE);
    ck_assert_str_eq(world.error.message, "there is nothing to retry: the last run did not fail");
    world_end(&world);
}
END_TEST

START_TEST(retry_needs_the_same_files)
{
    test_world world;
    start(&world, 1);
    toy a = {.name = "a", .refs = {"movies"}, .n_rows = 2};
    toy b = {.name = "b", .refs = {"a"}, .fails = true};
    add_toy(&world, &a);
    add_toy(&world, &b);
    world_write(&world, "movies.csv", "movieId,title,genres\n1,A,x\n");
    ck_assert_int_eq(world_load(&world, world.folder), MDL_OK);
    char tasks[1024];
    mdl_build_options options = toy_options();
    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_OVERFLOW);
    options.retry = true;
    /* The same content again is nothing new. */
    ck_assert_int_eq(world_load(&world, world.folder), MDL_OK);
    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_OVERFLOW);
    ck_assert_int_eq(atomic_load(&a.n_builds), 1);
    world_write(&world, "01012026_movies.csv", "movieId,title,genres\n2,B,x\n");
    ck_assert_int_eq(world_load(&world, world.folder), MDL_OK);
    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_STATE);
    ck_assert_str_eq(world.error.message,
                     "the last run cannot be retried: files were loaded since");

    options.retry = false;
    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_OVERFLOW);
    options.retry = true;
    const mdl_table *rows = mdl_warehouse_table(world.warehouse, "movies");
    mdl_table *clone = mdl_table_clone(rows);
    ck_assert_int_eq(mdl_warehouse_append(world.warehouse, "movies", clone, NULL), MDL_OK);
    mdl_table_free(clone);
    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_STATE);
    ck_assert_str_eq(world.error.message, "the last run cannot be retried: the tables that it "
                                          "built are not kept any more");
    world_end(&world);
}
END_TEST

START_TEST(failed_tests_can_be_retried)
{
    test_world world;
    start(&world, 1);
    toy a = {.name = "a", .n_rows = 5, .tests = at_most_3, .n_tests = 1};
    add_toy(&world, &a);
    char tasks[1024];
    mdl_build_options options = toy_options();
    options.tests = MDL_TESTS_NONE;
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    options = toy_options();
    ck_assert_int_eq(mdl_warehouse_test(world.warehouse, &options, NULL, NULL), MDL_E_TEST);
    options.retry = true;
    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_TEST);
    ck_assert_str_eq(tasks, "at_most_3=fail");
    world_end(&world);
}
END_TEST

/* Loads and the log. */

START_TEST(loads_are_told_by_the_next_run)
{
    test_world world;
    start(&world, 2);
    toy a = {.name = "a", .refs = {"movies"}, .n_rows = 2};
    add_toy(&world, &a);
    world_write(&world, "movies.csv", "movieId,title,genres\n1,A,x\nx,B,y\n3,C,z\n");
    mdl_load_options load;
    mdl_load_options_init(&load);
    load.csv.on_error = MDL_ON_ERROR_SKIP;
    char movies[sizeof world.path];
    memcpy(movies, world.path, sizeof movies);
    world_write(&world, "links.csv", "movieId,imdbId,tmdbId\n1,0000001,\n");
    const char *paths[] = {movies, world.path};
    ck_assert_int_eq(mdl_warehouse_load(world.warehouse, paths, 2, &load, NULL), MDL_OK);
    mdl_run *run = NULL;
    mdl_build_options options = toy_options();
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, &options, &run, NULL), MDL_OK);
    const mdl_run_result *result = mdl_run_get_result(run, 0);
    ck_assert_int_eq(result->kind, MDL_TASK_LOAD);
    ck_assert_str_eq(result->name, movies);
    ck_assert_str_eq(result->model->name, "movies");
    ck_assert_int_eq(result->n_rows, 2);
    ck_assert_int_eq(result->n_failures, 1);
    ck_assert_int_eq(result->attempt, 1);
    const mdl_run_result *next = mdl_run_get_result(run, 1);
    ck_assert_str_eq(next->name, world.path);
    ck_assert(result->start_seconds + result->seconds <= next->start_seconds + 1e-9);
    ck_assert(next->start_seconds + next->seconds <= 1e-9);
    ck_assert_str_eq(mdl_run_get_result(run, 2)->name, "a");
    ck_assert(mdl_run_get_result(run, 2)->start_seconds >= 0);
    ck_assert_int_ge(mdl_run_started_at(run), 1700000000);
    mdl_run_free(run);
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, &options, &run, NULL), MDL_OK);
    ck_assert_int_eq(mdl_run_get_result(run, 0)->kind, MDL_TASK_MODEL);
    ck_assert_int_eq(mdl_run_id(run), 2);
    mdl_run_free(run);
    assert_log(&world, mdl_warehouse_runs(world.warehouse), "true",
               "run_id, n_files, n_loaded, n_rejected, finished_at >= started_at as in_order, "
               "seconds >= 0 as counts",
               "1,2,3,1,true,true\n2,0,0,0,true,true\n");
    assert_log(&world, mdl_warehouse_run_tasks(world.warehouse), "kind = 'load'",
               "run_id, task, \"table\", layer, state, n_rows, n_failures, attempt, incremental",
               "1,1,movies,bronze,success,2,1,1,false\n"
               "1,2,links,bronze,success,1,0,1,false\n");
    world_end(&world);
}
END_TEST

static mdl_status build_and_count(mdl_build *build, mdl_table **out, mdl_error *error)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    for (int i = 0; i < 9; i++) {
        mdl_build_count(build, names[i], i);
    }
    mdl_build_count(build, "b", 40);
    return make_numbers(mdl_build_context(build), 1, out, error);
}

START_TEST(builds_tell_numbers)
{
    test_world world;
    start(&world, 1);
    toy a = {.name = "a"};
    a.model = (mdl_model){
        .struct_size = sizeof(mdl_model),
        .name = "a",
        .layer = MDL_LAYER_SILVER,
        .materialization = MDL_MATERIALIZATION_TABLE,
        .description = "Counts",
        .columns = toy_columns,
        .n_columns = 1,
        .build = build_and_count,
    };
    ck_assert_int_eq(mdl_warehouse_add_model(world.warehouse, &a.model, NULL), MDL_OK);
    mdl_run *run = NULL;
    mdl_build_options options = toy_options();
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, &options, &run, NULL), MDL_OK);
    ck_assert_int_eq(mdl_run_get_result(run, 0)->n_counters, 8);
    ck_assert_int_eq(mdl_run_get_result(run, 0)->counters[1].value, 41);
    mdl_run_free(run);
    assert_log(&world, mdl_warehouse_run_tasks(world.warehouse), "true", "details",
               "\"a 0, b 41, c 2, d 3, e 4, f 5, g 6, h 7\"\n");
    world_end(&world);
}
END_TEST

START_TEST(names_of_kinds_and_states)
{
    ck_assert_str_eq(mdl_task_kind_name(MDL_TASK_LOAD), "load");
    ck_assert_str_eq(mdl_task_kind_name((mdl_task_kind)9), "?");
    ck_assert_str_eq(mdl_run_state_name(MDL_RUN_SKIPPED), "skipped");
    ck_assert_str_eq(mdl_run_state_name((mdl_run_state)0), "?");
}
END_TEST

/* Snapshots. */

static const mdl_snapshot snap_a = {
    .struct_size = sizeof(mdl_snapshot),
    .name = "snap_a",
    .table = "a",
    .description = "The history of a",
    .key = "n",
};

/* Options of a run that takes snapshots, `day` days after 2026-01-01. */
static mdl_build_options snapshot_options(int day)
{
    mdl_build_options options = toy_options();
    options.snapshots = true;
    options.has_run_time = true;
    options.run_time = 1767225600 + 86400 * (int64_t)day;
    return options;
}

START_TEST(snapshots_keep_history)
{
    test_world world;
    start(&world, 2);
    toy a = {.name = "a", .n_rows = 2};
    add_toy(&world, &a);
    ck_assert_int_eq(mdl_warehouse_add_snapshot(world.warehouse, &snap_a, NULL), MDL_OK);
    ck_assert_str_eq(mdl_warehouse_find_snapshot(world.warehouse, "snap_a")->table, "a");
    ck_assert_ptr_null(mdl_warehouse_find_snapshot(world.warehouse, "a"));
    const mdl_model *model = mdl_warehouse_find_model(world.warehouse, "snap_a");
    ck_assert_int_eq(model->materialization, MDL_MATERIALIZATION_SNAPSHOT);
    ck_assert_int_eq(model->layer, MDL_LAYER_GOLD);
    ck_assert_int_eq(model->n_columns, 6);

    char tasks[1024];
    mdl_build_options options = toy_options();
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    ck_assert_ptr_null(mdl_warehouse_table(world.warehouse, "snap_a"));
    ck_assert_int_eq(mdl_warehouse_test(world.warehouse, &options, NULL, NULL), MDL_OK);

    options = snapshot_options(0);
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    ck_assert_str_eq(tasks, "a=success not_null_a_n=pass unique_a_n=pass snap_a=success "
                            "not_null_snap_a_dbt_scd_id=pass unique_snap_a_dbt_scd_id=pass "
                            "snap_a_is_complete=pass snap_a_has_one_current_row_per_key=pass "
                            "snap_a_has_no_empty_or_overlapping_validity=pass "
                            "snap_a_has_every_key_of_a=pass");
    a.n_rows = 1;
    mdl_hard_deletes hard_deletes = MDL_HARD_DELETES_INVALIDATE;
    options = snapshot_options(1);
    options.hard_deletes = &hard_deletes;
    options.full_refresh = true;
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    ck_assert_ptr_nonnull(strstr(tasks, "snap_a_has_no_key_but_of_a=pass"));
    assert_log(&world, mdl_warehouse_table(world.warehouse, "snap_a"), "true",
               "n, dbt_valid_from, dbt_valid_to",
               "1,2026-01-01 00:00:00,\n2,2026-01-01 00:00:00,2026-01-02 00:00:00\n");
    assert_log(&world, mdl_warehouse_run_tasks(world.warehouse), "kind = 'snapshot'",
               "run_id, name, \"table\", state, n_rows, details",
               "3,snap_a,snap_a,success,2,inserted 2\n"
               "4,snap_a,snap_a,success,2,\"deleted 1, unchanged 1\"\n");
    options = toy_options();
    options.select = "kind:snapshot";
    ck_assert_int_eq(mdl_warehouse_test(world.warehouse, &options, NULL, NULL), MDL_OK);
    assert_log(&world, mdl_warehouse_runs(world.warehouse), "run_id = 5", "n_pass, n_total",
               "5,5\n");
    world_end(&world);
}
END_TEST

START_TEST(snapshot_that_fails_publishes_nothing)
{
    test_world world;
    start(&world, 1);
    toy a = {.name = "a", .n_rows = 2};
    toy b = {.name = "b", .n_rows = 2};
    add_toy(&world, &a);
    add_toy(&world, &b);
    ck_assert_int_eq(mdl_warehouse_add_snapshot(world.warehouse, &snap_a, NULL), MDL_OK);
    char tasks[1024];
    mdl_build_options options = snapshot_options(1);
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    a.n_rows = 3;
    b.n_rows = 3;
    ck_assert_int_eq(build(&world, &options, tasks), MDL_E_STATE);
    ck_assert_int_eq(strncmp(world.error.message, "snapshot snap_a: changes of ", 28), 0);
    ck_assert_int_eq(world_n_rows(&world, "b"), 2);
    ck_assert_int_eq(world_n_rows(&world, "snap_a"), 2);
    /* A retry at a later time takes the table that was built then. */
    options = snapshot_options(2);
    options.retry = true;
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    ck_assert_int_eq(world_n_rows(&world, "b"), 3);
    ck_assert_int_eq(world_n_rows(&world, "snap_a"), 3);
    ck_assert_int_eq(atomic_load(&a.n_builds), 2);
    world_end(&world);
}
END_TEST

START_TEST(diff_changes_nothing)
{
    test_world world;
    start(&world, 1);
    toy a = {.name = "a", .n_rows = 2};
    add_toy(&world, &a);
    ck_assert_int_eq(mdl_warehouse_add_snapshot(world.warehouse, &snap_a, NULL), MDL_OK);
    mdl_snapshot_changes *changes = NULL;
    ck_assert_int_eq(mdl_warehouse_diff_snapshot(world.warehouse, "snap_a", NULL, &changes, NULL),
                     MDL_E_STATE);
    ck_assert_int_eq(mdl_warehouse_diff_snapshot(world.warehouse, "a", NULL, &changes, NULL),
                     MDL_E_NOT_FOUND);
    char tasks[1024];
    mdl_build_options options = snapshot_options(0);
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    a.n_rows = 1;
    options = toy_options();
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    mdl_hard_deletes hard_deletes = MDL_HARD_DELETES_NEW_RECORD;
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(mdl_warehouse_diff_snapshot(world.warehouse, "snap_a",
                                                     round == 0 ? NULL : &hard_deletes, &changes,
                                                     NULL),
                         MDL_OK);
        mdl_snapshot_counts counts = mdl_snapshot_changes_counts(changes);
        ck_assert_int_eq(counts.n_missing, round == 0 ? 1 : 0);
        ck_assert_int_eq(counts.n_deleted, round == 0 ? 0 : 1);
        mdl_snapshot_changes_free(changes);
    }
    ck_assert_int_eq(world_n_rows(&world, "snap_a"), 2);
    world_end(&world);
}
END_TEST

static void spoil_table(mdl_snapshot *snapshot)
{
    snapshot->table = "nothing";
}
static void spoil_name(mdl_snapshot *snapshot)
{
    snapshot->name = "a";
}
static void spoil_key(mdl_snapshot *snapshot)
{
    snapshot->key = "n, m";
}
static void spoil_check(mdl_snapshot *snapshot)
{
    snapshot->check = "m";
}
static void spoil_size(mdl_snapshot *snapshot)
{
    snapshot->struct_size = 8;
}
static void spoil_deletes(mdl_snapshot *snapshot)
{
    snapshot->hard_deletes = (mdl_hard_deletes)7;
}

static const struct {
    void (*spoil)(mdl_snapshot *snapshot);
    mdl_status status;
} spoilers[] = {
    {spoil_table, MDL_E_NOT_FOUND}, {spoil_name, MDL_E_ARGUMENT}, {spoil_key, MDL_E_ARGUMENT},
    {spoil_check, MDL_E_ARGUMENT},  {spoil_size, MDL_E_ARGUMENT}, {spoil_deletes, MDL_E_ARGUMENT},
};

START_TEST(senseless_snapshots_are_refused)
{
    test_world world;
    start(&world, 1);
    toy a = {.name = "a", .n_rows = 2};
    add_toy(&world, &a);
    mdl_snapshot snapshot = snap_a;
    spoilers[_i].spoil(&snapshot);
    ck_assert_int_eq(mdl_warehouse_add_snapshot(world.warehouse, &snapshot, &world.error),
                     spoilers[_i].status);
    ck_assert_int_ne(world.error.message[0], '\0');
    ck_assert_int_eq(mdl_warehouse_n_models(world.warehouse), 5);
    world_end(&world);
}
END_TEST

/* A history made by hand: of key 1 a row that ends before the next begins (fine), of key 2 one that
 * ends when it begins, of key 3 one that ends behind the start of the next, of key 4 two current. */
START_TEST(bad_validity_is_found)
{
    static const int32_t keys[] = {1, 1, 2, 3, 3, 4, 4, 5};
    static const int64_t from[] = {10, 20, 10, 10, 19, 10, 20, 10};
    static const int64_t to[] = {20, 0, 10, 20, 0, 0, 0, 0};
    static const uint64_t has_end = 0x0d; /* rows 0, 2, 3 */
    mdl_field fields[] = {{"n", MDL_TYPE_INT32},
                          {"dbt_valid_from", MDL_TYPE_TIMESTAMP},
                          {"dbt_valid_to", MDL_TYPE_TIMESTAMP}};
    mdl_vector columns[] = {
        {.type = MDL_TYPE_INT32, .n_rows = 8, .values = keys},
        {.type = MDL_TYPE_TIMESTAMP, .n_rows = 8, .values = from},
        {.type = MDL_TYPE_TIMESTAMP, .n_rows = 8, .values = to, .validity = &has_end},
    };
    test_world world;
    start(&world, 1);
    toy a = {.name = "a", .n_rows = 2};
    add_toy(&world, &a);
    ck_assert_int_eq(mdl_warehouse_add_snapshot(world.warehouse, &snap_a, NULL), MDL_OK);
    mdl_table_builder *builder = NULL;
    mdl_table *history = NULL;
    ck_assert_int_eq(mdl_table_builder_create(world.context, fields, 3, &builder, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_append(builder, columns, 8, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &history, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    for (int32_t i = 0; i < mdl_warehouse_n_tests(world.warehouse, "snap_a"); i++) {
        const mdl_test *test = mdl_warehouse_get_test(world.warehouse, "snap_a", i);
        if (test->kind != MDL_TEST_CALLBACK) {
            continue;
        }
        mdl_test_result found;
        ck_assert_int_eq(mdl_test_run(world.context, test, history, NULL, NULL, &found, NULL),
                         MDL_OK);
        ck_assert_int_eq(found.outcome, MDL_TEST_FAIL);
        assert_log(&world, found.failures, "true", "n, dbt_valid_from",
                   "2,1970-01-01 00:00:10\n3,1970-01-01 00:00:19\n4,1970-01-01 00:00:20\n");
        mdl_test_result_free(&found);
    }
    mdl_table_free(history);
    world_end(&world);
}
END_TEST

/* The built-in models: the same log for any number of threads. */

static char *log_of_builtin_run(int32_t n_threads)
{
    test_world world;
    world_start_threads(&world, NULL, n_threads);
    world_write(&world, "movies.csv",
                "movieId,title,genres\n1,A (1990),x|y\n2,B,x\n3,C (2001),z\n2,B (1970),y\n");
    world_write(&world, "ratings.csv",
                "userId,movieId,rating,timestamp\n1,1,4.5,10\n1,2,3.0,20\n2,1,9.0,10\n2,9,1.0,5\n");
    ck_assert_int_eq(world_load(&world, world.folder), MDL_OK);
    mdl_build_options options = snapshot_options(0);
    options.exclude = NULL;
    char tasks[8192];
    ck_assert_int_eq(build(&world, &options, tasks), MDL_OK);
    char *log = query_log(&world, mdl_warehouse_run_tasks(world.warehouse), "true",
                          "task, kind, \"table\", layer, state, n_rows, n_failures, attempt, "
                          "incremental, details, message");
    ck_assert_ptr_nonnull(strstr(log, "ratings,bronze,warn,4,1,"));
    ck_assert_ptr_nonnull(strstr(log, "snapshot,snap_mart_user_behavior,gold,success,2,0,"));
    world_end(&world);
    return log;
}

START_TEST(log_does_not_depend_on_threads)
{
    char *expected = log_of_builtin_run(1);
    for (int32_t n_threads = 2; n_threads <= 5; n_threads++) {
        char *log = log_of_builtin_run(n_threads);
        ck_assert_str_eq(log, expected);
        free(log);
    }
    free(expected);
}
END_TEST

/* No memory. */

/* A build with 0, 1, 2, … allocations before the failure, or every `step`-th of these, until that is
 * enough; `retry` = of a failed one. Nothing but the whole is ever published, and the log has a row
 * for what it can. */
static void fail_at_allocations(int32_t n_threads, bool fails_on, bool retry, int64_t step)
{
    failing_allocator allocator = {INT64_MAX, 0, fails_on};
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.n_threads = n_threads;
    options.allocator = failing_allocator_hooks(&allocator);
    test_world world = {.error = MDL_ERROR_INIT};
    ck_assert_int_eq(mdl_context_create(&options, &world.context, NULL), MDL_OK);
    int64_t n_bytes = mdl_context_memory_in_use(world.context);
    mdl_warehouse_options warehouse_options;
    mdl_warehouse_options_init(&warehouse_options);
    warehouse_options.no_builtin_models = true;
    ck_assert_int_eq(
        mdl_warehouse_create(world.context, &warehouse_options, &world.warehouse, NULL), MDL_OK);
    toy a = {.name = "a", .n_rows = 1};
    toy b = {.name = "b", .refs = {"a"}, .n_rows = 1, .tests = at_most_3, .n_tests = 1};
    add_toy(&world, &a);
    add_toy(&world, &b);
    ck_assert_int_eq(mdl_warehouse_add_snapshot(world.warehouse, &snap_a, NULL), MDL_OK);
    char tasks[1024];
    mdl_build_options build_options = snapshot_options(0);
    ck_assert_int_eq(build(&world, &build_options, tasks), MDL_OK);
    a.n_rows = 2;
    b.n_rows = 2;
    build_options = snapshot_options(1);
    bool is_enough = false;
    int64_t n = 0;
    for (; !is_enough; n += step) {
        b.fails = retry;
        if (retry) {
            ck_assert_int_eq(build(&world, &build_options, tasks), MDL_E_OVERFLOW);
        }
        b.fails = false;
        int64_t n_runs = mdl_table_n_rows(mdl_warehouse_runs(world.warehouse));
        build_options.retry = retry;
        atomic_store(&allocator.n_left, n);
        mdl_error error = MDL_ERROR_INIT;
        mdl_status status = mdl_warehouse_build(world.warehouse, &build_options, NULL, &error);
        is_enough = atomic_load(&allocator.n_left) >= 0;
        atomic_store(&allocator.n_left, INT64_MAX);
        build_options.retry = false;
        mdl_status right = is_enough ? MDL_OK : MDL_E_NO_MEMORY;
        ASSERT_IN_LOOP(status == right && error.status == right, "allocation %d: %d, %s", (int)n,
                       (int)status, error.message);
        int64_t n_rows = status == MDL_OK ? 2 : 1;
        ASSERT_IN_LOOP(world_n_rows(&world, "a") == n_rows && world_n_rows(&world, "b") == n_rows &&
                           world_n_rows(&world, "snap_a") == n_rows,
                       "allocation %d", (int)n);
        int64_t n_new = mdl_table_n_rows(mdl_warehouse_runs(world.warehouse)) - n_runs;
        ASSERT_IN_LOOP(n_new == 1 || (n_new == 0 && !is_enough), "allocation %d", (int)n);
    }
    ck_assert_int_gt(n, 50);
    mdl_warehouse_free(world.warehouse);
    ck_assert_int_eq(mdl_context_memory_in_use(world.context), n_bytes);
    mdl_context_free(world.context);
}

START_TEST(build_without_memory)
{
    fail_at_allocations(_i == 0 ? 1 : 3, true, false, _i == 0 ? 13 : 31);
    fail_at_allocations(_i == 0 ? 1 : 3, false, false, _i == 0 ? 17 : 37);
}
END_TEST

START_TEST(retry_without_memory)
{
    fail_at_allocations(1, true, true, 29);
}
END_TEST

/* Adding models and snapshots: all of them or nothing. */
START_TEST(adding_without_memory)
{
    failing_allocator allocator = {INT64_MAX, 0, true};
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.allocator = failing_allocator_hooks(&allocator);
    test_world world = {.error = MDL_ERROR_INIT};
    ck_assert_int_eq(mdl_context_create(&options, &world.context, NULL), MDL_OK);
    int64_t n_bytes = mdl_context_memory_in_use(world.context);
    mdl_status status = MDL_E_NO_MEMORY;
    for (int64_t n = 0; status != MDL_OK; n++) {
        atomic_store(&allocator.n_left, n);
        status = mdl_warehouse_create(world.context, NULL, &world.warehouse, NULL);
        ASSERT_IN_LOOP(status == MDL_OK || status == MDL_E_NO_MEMORY, "allocation %d", (int)n);
        atomic_store(&allocator.n_left, INT64_MAX);
        mdl_warehouse_free(world.warehouse);
        ASSERT_IN_LOOP(mdl_context_memory_in_use(world.context) == n_bytes, "allocation %d",
                       (int)n);
    }
    mdl_context_free(world.context);
}
END_TEST

static Suite *runs_suite(void)
{
    Suite *suite = suite_create("runs");
    TCase *tests = tcase_create("tests");
    tcase_add_test(tests, tests_stand_behind_their_model);
    tcase_add_test(tests, failing_test_skips_what_is_built_from_its_table);
    tcase_add_test(tests, failing_rows_are_kept);
    tcase_add_test(tests, test_of_two_tables_waits_for_the_later_one);
    tcase_add_test(tests, tests_alone_build_nothing);
    tcase_add_test(tests, sources_are_tested);
    tcase_add_test(tests, names_of_tests_differ);
    tcase_add_test(tests, test_of_no_table_is_told);
    suite_add_tcase(suite, tests);
    TCase *schedule = tcase_create("schedule");
    tcase_set_timeout(schedule, 60);
    tcase_add_test(schedule, tasks_run_at_once_and_tell_in_order);
    tcase_add_test(schedule, tests_run_beside_other_models);
    tcase_add_test(schedule, log_does_not_depend_on_threads);
    tcase_add_test(schedule, cancelled_run_ends_cleanly_and_can_be_retried);
    tcase_add_test(schedule, deadline_before_the_first_task);
    tcase_add_test(schedule, fail_fast_skips_the_rest);
    suite_add_tcase(suite, schedule);
    TCase *retries = tcase_create("retries");
    tcase_add_test(retries, retry_does_what_failed_and_publishes_all);
    tcase_add_test(retries, retry_needs_the_same_files);
    tcase_add_test(retries, failed_tests_can_be_retried);
    suite_add_tcase(suite, retries);
    TCase *logs = tcase_create("log");
    tcase_add_test(logs, loads_are_told_by_the_next_run);
    tcase_add_test(logs, builds_tell_numbers);
    tcase_add_test(logs, names_of_kinds_and_states);
    suite_add_tcase(suite, logs);
    TCase *snapshots = tcase_create("snapshots");
    tcase_add_test(snapshots, snapshots_keep_history);
    tcase_add_test(snapshots, snapshot_that_fails_publishes_nothing);
    tcase_add_test(snapshots, diff_changes_nothing);
    tcase_add_loop_test(snapshots, senseless_snapshots_are_refused, 0,
                        sizeof spoilers / sizeof *spoilers);
    tcase_add_test(snapshots, bad_validity_is_found);
    suite_add_tcase(suite, snapshots);
    TCase *memory = tcase_create("without memory");
    tcase_set_timeout(memory, 120);
    tcase_add_loop_test(memory, build_without_memory, 0, 2);
    tcase_add_test(memory, retry_without_memory);
    tcase_add_test(memory, adding_without_memory);
    suite_add_tcase(suite, memory);
    return suite;
}

int main(void)
{
    return run_suite(runs_suite());
}
