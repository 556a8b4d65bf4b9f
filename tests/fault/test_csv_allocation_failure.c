/*
 * Reading and writing CSV while the allocator fails, at every allocation in turn: the call answers
 * MDL_E_NO_MEMORY, gives everything back, and works when there is memory again.
 */
#include "support/csv_dump.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

static const mdl_csv_column columns[] = {
    {.name = "id", .type = MDL_TYPE_INT32, .is_required = true},
    {.name = "text", .type = MDL_TYPE_STRING},
    {.name = "rating", .type = MDL_TYPE_DECIMAL},
};

/* Several chunks and blocks, doubled quotes, NULL, bad records, blank lines over the end of a
 * chunk, a record that is longer than a chunk. */
static const char file[] =
    "id,text,rating\n1,a,4.5\n2,\"b\"\"c\",\n3,d\n4,\"e\nf\",3.0\nx,,"
    "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n5,,1\n"
    "6,\"a long text, longer than a chunk and what is read behind it, so that it "
    "has to be read again when its turn comes, with more memory\",2\n7,g,0.5\n";

static int discard(void *user_data, const char *bytes, int64_t size_bytes)
{
    (void)bytes;
    *(int64_t *)user_data += size_bytes;
    return 0;
}

/* Reads the file, writes the table, and the file from both. */
static mdl_status read_and_write(mdl_context *context, mdl_error *error)
{
    mdl_csv_options options;
    mdl_csv_result result;
    int64_t n_written = 0;
    mdl_csv_options_init(&options);
    options.on_error = MDL_ON_ERROR_SKIP;
    mdl_status status = mdl_csv_read_memory(context, "a.csv", file, sizeof file - 1, columns, 3,
                                            &options, &result, error);
    if (status != MDL_OK) {
        ck_assert_ptr_null(result.table);
        ck_assert_ptr_null(result.rejects);
        ck_assert_ptr_null(result.layout);
        return status;
    }
    ck_assert_int_eq(result.n_records, 8);
    ck_assert_int_eq(result.n_rejected, 2);
    status = mdl_csv_write(context, result.table, discard, &n_written, error);
    ck_assert(status != MDL_OK || n_written > 150);
    if (status == MDL_OK) {
        n_written = 0;
        status = mdl_csv_restore(context, result.table, 0, mdl_table_n_rows(result.table),
                                 result.n_records, result.layout, discard, &n_written, error);
        ck_assert(status != MDL_OK || n_written == (int64_t)sizeof file - 1);
    }
    mdl_csv_result_free(&result);
    return status;
}

/* Runs with n = 0, 1, … allocations until that is enough. */
static void fail_at_each_allocation(int32_t n_threads)
{
    failing_allocator allocator = {INT64_MAX, 0, true};
    mdl_context_options options;
    mdl_context *context;
    mdl_context_options_init(&options);
    options.n_threads = n_threads;
    options.chunk_bytes = 16;
    options.block_rows = 2;
    options.allocator = failing_allocator_hooks(&allocator);
    ck_assert(mdl_context_create(&options, &context, NULL) == MDL_OK);
    int64_t n_held = atomic_load(&allocator.n_held);
    int64_t n = 0;
    for (mdl_status status = MDL_E_NO_MEMORY; status != MDL_OK; n++) {
        mdl_error error = MDL_ERROR_INIT;
        atomic_store(&allocator.n_left, n);
        status = read_and_write(context, &error);
        ck_assert_int_eq(atomic_load(&allocator.n_held), n_held);
        ck_assert_int_eq(status, error.status);
        ck_assert_msg(status == MDL_OK || status == MDL_E_NO_MEMORY, "%" PRId64 ": %s", n,
                      error.message);
    }
    ck_assert_int_gt(n, 50);
    mdl_context_free(context);
    ck_assert_int_eq(atomic_load(&allocator.n_held), 0);
}

START_TEST(one_thread)
{
    fail_at_each_allocation(1);
}
END_TEST

START_TEST(three_threads)
{
    fail_at_each_allocation(3);
}
END_TEST

START_TEST(budget)
{
    mdl_context_options options;
    mdl_context *context;
    mdl_error error = MDL_ERROR_INIT;
    mdl_context_options_init(&options);
    options.n_threads = 1;
    options.memory_budget_bytes = 50000;
    ck_assert(mdl_context_create(&options, &context, NULL) == MDL_OK);
    ck_assert_int_eq(read_and_write(context, &error), MDL_E_BUDGET);
    mdl_context_free(context);
}
END_TEST

static Suite *csv_allocation_failure_suite(void)
{
    Suite *suite = suite_create("csv_allocation_failure");
    TCase *failures = tcase_create("failures");
    tcase_add_test(failures, one_thread);
    tcase_add_test(failures, three_threads);
    tcase_add_test(failures, budget);
    tcase_set_timeout(failures, 120);
    suite_add_tcase(suite, failures);
    return suite;
}

int main(void)
{
    return run_suite(csv_allocation_failure_suite());
}
