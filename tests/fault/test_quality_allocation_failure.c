/*
 * Data quality tests without memory: the allocator fails at every allocation of every kind of test
 * in turn. The answer says so, nothing is kept, and the same test then works as before.
 */
#include "support/csv_dump.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

enum {
    N_ROWS = 70
};

/* Fails for a list of rows, with memory of its own. */
static mdl_status find_some(void *user_data, mdl_context *context, const mdl_table *table,
                            uint64_t *failing, mdl_error *error)
{
    (void)user_data;
    mdl_query *query = mdl_query_create(context);
    mdl_table *counted = NULL;
    mdl_rel *rel = mdl_aggregate(mdl_scan(query, table), "text", "count(*) as n");
    mdl_status status = mdl_query_collect(query, rel, &counted, error);
    failing[0] = 5;
    mdl_table_free(counted);
    mdl_query_free(query);
    return status;
}

static const mdl_test tests[] = {
    {.kind = MDL_TEST_NOT_NULL, .columns = "text, number"},
    {.kind = MDL_TEST_NOT_NULL, .columns = "text", .where = "id % 2 = 0"},
    {.kind = MDL_TEST_UNIQUE, .columns = "id"},
    {.kind = MDL_TEST_UNIQUE, .columns = "text, number"},
    {.kind = MDL_TEST_UNIQUE, .columns = "text", .where = "number > 1"},
    {.kind = MDL_TEST_ACCEPTED_VALUES, .columns = "text", .values = "'t1', 't2'"},
    {.kind = MDL_TEST_ACCEPTED_RANGE, .columns = "number", .least = "1", .greatest = "3"},
    {.kind = MDL_TEST_RELATIONSHIPS,
     .columns = "number",
     .to = "other",
     .to_columns = "id",
     .to_where = "id > 3"},
    {.kind = MDL_TEST_RELATIONSHIPS, .columns = "text, number", .to = "other"},
    {.kind = MDL_TEST_ROW_COUNT_EQUAL, .where = "id > 2", .to = "other", .to_where = "id < 9"},
    {.kind = MDL_TEST_SUM_EQUAL, .columns = "number", .to = "other", .to_columns = ""},
    {.kind = MDL_TEST_EXPRESSION, .expression = "number < 3 or text || 'x' = 't1x'"},
    {.kind = MDL_TEST_CALLBACK, .find = find_some},
};

enum {
    N_TESTS = sizeof tests / sizeof *tests
};

/* Rows of id, which rises but for the last rows, a text of few values, and a number that may be
 * NULL. */
static mdl_table *make_table(mdl_context *context, int64_t n_rows)
{
    static const mdl_field fields[] = {
        {"id", MDL_TYPE_INT32}, {"text", MDL_TYPE_STRING}, {"number", MDL_TYPE_INT64}};
    mdl_table_builder *builder;
    mdl_table *table;
    ck_assert_int_eq(mdl_table_builder_create(context, fields, 3, &builder, NULL), MDL_OK);
    for (int64_t i = 0; i < n_rows; i++) {
        char bytes[16];
        int32_t id = (int32_t)(i < 63 ? i / 2 : i - 60);
        int64_t number = i * 31 % 11;
        uint64_t validity = i % 9 != 0;
        mdl_string text = {bytes, snprintf(bytes, sizeof bytes, "t%d", (int)(i % 5))};
        mdl_vector row[] = {
            {.type = MDL_TYPE_INT32, .n_rows = 1, .values = &id},
            {.type = MDL_TYPE_STRING, .n_rows = 1, .values = &text, .validity = &validity},
            {.type = MDL_TYPE_INT64, .n_rows = 1, .values = &number, .validity = &validity},
        };
        ck_assert_int_eq(mdl_table_builder_append(builder, row, 1, NULL), MDL_OK);
    }
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    return table;
}

/* The result as text. */
static void dump_result(dump *to, mdl_context *context, const mdl_test_result *result)
{
    char line[96];
    snprintf(line, sizeof line, "%d %d %d\n", (int)result->outcome, (int)result->n_rows,
             (int)result->n_failures);
    dump_add_text(to, line);
    dump_add_table(to, context, result->failures);
}

static void expect_result(mdl_context *context, const mdl_test *test, mdl_table *const *tables,
                          const char *expected)
{
    dump found = {.bytes = NULL};
    mdl_test_result result;
    ck_assert_int_eq(mdl_test_run(context, test, tables[0], tables[1], NULL, &result, NULL),
                     MDL_OK);
    dump_result(&found, context, &result);
    ck_assert_str_eq(found.bytes, expected);
    mdl_test_result_free(&result);
    dump_free(&found);
}

/* Runs a test with 0, 1, 2, … allocations before the failure until that is enough. */
static void fail_at_each(failing_allocator *allocator, mdl_context *context, int t,
                         mdl_table *const *tables)
{
    dump expected = {.bytes = NULL};
    mdl_test_result result;
    ck_assert_int_eq(mdl_test_run(context, &tests[t], tables[0], tables[1], NULL, &result, NULL),
                     MDL_OK);
    ck_assert_int_gt(result.n_failures, 0);
    dump_result(&expected, context, &result);
    mdl_test_result_free(&result);
    int64_t n_held = atomic_load(&allocator->n_held);
    bool is_enough = false;
    int64_t n = 0;
    for (; !is_enough; n++) {
        mdl_error error = MDL_ERROR_INIT;
        atomic_store(&allocator->n_left, n);
        mdl_status status =
            mdl_test_run(context, &tests[t], tables[0], tables[1], NULL, &result, &error);
        is_enough = atomic_load(&allocator->n_left) >= 0;
        mdl_status right = is_enough ? MDL_OK : MDL_E_NO_MEMORY;
        ASSERT_IN_LOOP(status == right && error.status == right, "test %d, allocation %d: %d, %s",
                       t, (int)n, (int)status, error.message);
        ASSERT_IN_LOOP(status == MDL_OK || (result.failures == NULL && result.n_failures == 0),
                       "test %d, allocation %d", t, (int)n);
        mdl_test_result_free(&result);
        ASSERT_IN_LOOP(atomic_load(&allocator->n_held) == n_held, "test %d, allocation %d", t,
                       (int)n);
    }
    ck_assert_int_gt(n, 5);
    atomic_store(&allocator->n_left, INT64_MAX);
    expect_result(context, &tests[t], tables, expected.bytes);
    dump_free(&expected);
}

static void fail_all_tests(int32_t n_threads, bool fails_on)
{
    failing_allocator allocator = {INT64_MAX, 0, fails_on};
    mdl_context_options options;
    mdl_context *context;
    mdl_context_options_init(&options);
    options.n_threads = n_threads;
    options.block_rows = 16;
    options.allocator = failing_allocator_hooks(&allocator);
    ck_assert_int_eq(mdl_context_create(&options, &context, NULL), MDL_OK);
    mdl_table *tables[] = {make_table(context, N_ROWS), make_table(context, N_ROWS / 3)};
    for (int t = 0; t < N_TESTS; t++) {
        fail_at_each(&allocator, context, t, tables);
    }
    mdl_table_free(tables[0]);
    mdl_table_free(tables[1]);
    mdl_context_free(context);
    ck_assert_int_eq(atomic_load(&allocator.n_held), 0);
}

START_TEST(test_all_allocations_from_one_on)
{
    fail_all_tests(1, true);
    fail_all_tests(3, true);
}
END_TEST

START_TEST(test_one_allocation)
{
    fail_all_tests(1, false);
    fail_all_tests(3, false);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quality_allocation_failure");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 300);
    tcase_add_test(all, test_all_allocations_from_one_on);
    tcase_add_test(all, test_one_allocation);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
