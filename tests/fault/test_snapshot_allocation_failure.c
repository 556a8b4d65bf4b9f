/*
 * Snapshots that cannot be finished: the allocator fails at every allocation in turn. The answer
 * says so, nothing is leaked, and tables and histories are as they were.
 */
#include "support/failing_allocator.h"
#include "support/literal_table.h"
#include "support/run_suite.h"

static const mdl_field fields[] = {{"name", MDL_TYPE_STRING},
                                   {"part", MDL_TYPE_INT32},
                                   {"tier", MDL_TYPE_STRING},
                                   {"n", MDL_TYPE_INT64}};

enum {
    N_FIELDS = sizeof fields / sizeof *fields
};

/* Rows out of order, tiers in dictionaries, keys that change, go and come. */
static const char before[] = "c|1|high|10\na|1|low|~\na|2|high|10\nb|1|low|30\n"
                             "d|1|low|30\nd|2|high|30\nd|3|low|30\nd|4|high|30\nd|5|low|3\n";
static const char now[] = "c|1|top|10\ne|1|low|5\na|2|high|10\nb|1|~|30\n"
                          "d|1|low|30\nd|2|high|30\nd|3|low|30\nd|5|high|31\n";

/* What a snapshot is taken of, and how. */
typedef struct snapshot_case {
    mdl_snapshot snapshot;
    mdl_table *history; /* or NULL */
    mdl_table *current;
} snapshot_case;

/* Diff, changes, the new history, and that as of a time; the texts of all go to `shown`. */
static mdl_status take_snapshot(mdl_context *context, const snapshot_case *it, dump *shown,
                                mdl_error *error)
{
    mdl_snapshot_changes *changes;
    mdl_table *tables[3] = {NULL};
    mdl_status status =
        mdl_snapshot_diff(context, &it->snapshot, it->history, it->current, &changes, error);
    ASSERT_IN_LOOP((status == MDL_OK) == (changes != NULL), "diff");
    if (status == MDL_OK) {
        status = mdl_snapshot_changes_table(changes, -1, &tables[0], error);
        ASSERT_IN_LOOP((status == MDL_OK) == (tables[0] != NULL), "changes");
    }
    if (status == MDL_OK) {
        status = mdl_snapshot_changes_apply(changes, 2000, &tables[1], error);
        ASSERT_IN_LOOP((status == MDL_OK) == (tables[1] != NULL), "apply");
    }
    if (status == MDL_OK) {
        status = mdl_snapshot_as_of(context, tables[1], 1500, &tables[2], error);
        ASSERT_IN_LOOP((status == MDL_OK) == (tables[2] != NULL), "as of");
    }
    for (int i = 0; i < 3; i++) {
        if (status == MDL_OK && shown != NULL) {
            dump_add_literals(shown, context, tables[i], NULL, 0);
        }
        mdl_table_free(tables[i]);
    }
    mdl_snapshot_changes_free(changes);
    return status;
}

/* Takes a snapshot with 0, 1, 2, … allocations before the failure until that is enough. */
static void fail_at_each(failing_allocator *allocator, mdl_context *context,
                         const snapshot_case *it)
{
    dump expected = {.bytes = NULL};
    dump found = {.bytes = NULL};
    ck_assert_int_eq(take_snapshot(context, it, &expected, NULL), MDL_OK);
    int64_t n_held = atomic_load(&allocator->n_held);
    bool is_enough = false;
    int64_t n = 0;
    for (; !is_enough; n++) {
        mdl_error error = MDL_ERROR_INIT;
        atomic_store(&allocator->n_left, n);
        mdl_status status = take_snapshot(context, it, NULL, &error);
        is_enough = atomic_load(&allocator->n_left) >= 0;
        mdl_status right = is_enough ? MDL_OK : MDL_E_NO_MEMORY;
        ASSERT_IN_LOOP(status == right && error.status == right, "allocation %d: %d, %s", (int)n,
                       (int)status, error.message);
        ASSERT_IN_LOOP(atomic_load(&allocator->n_held) == n_held, "allocation %d", (int)n);
    }
    ck_assert_int_gt(n, 60);
    atomic_store(&allocator->n_left, INT64_MAX);
    ck_assert_int_eq(take_snapshot(context, it, &found, NULL), MDL_OK);
    ck_assert_str_eq(found.bytes, expected.bytes);
    dump_free(&expected);
    dump_free(&found);
}

/* The history of one run. */
static mdl_table *first_history(mdl_context *context, const mdl_snapshot *snapshot)
{
    mdl_table *table = literal_table(context, fields, N_FIELDS, before);
    mdl_snapshot_changes *changes;
    mdl_table *history;
    ck_assert_int_eq(mdl_snapshot_diff(context, snapshot, NULL, table, &changes, NULL), MDL_OK);
    ck_assert_int_eq(mdl_snapshot_changes_apply(changes, 1000, &history, NULL), MDL_OK);
    mdl_snapshot_changes_free(changes);
    mdl_table_free(table);
    return history;
}

static void fail_all(int32_t n_threads, bool fails_on)
{
    failing_allocator allocator = {INT64_MAX, 0, fails_on};
    mdl_context_options options;
    mdl_context *context;
    snapshot_case it = {.snapshot = {.struct_size = sizeof(mdl_snapshot),
                                     .name = "snap",
                                     .key = "name, part",
                                     .hard_deletes = MDL_HARD_DELETES_NEW_RECORD}};
    mdl_context_options_init(&options);
    options.n_threads = n_threads;
    options.block_rows = 8;
    options.allocator = failing_allocator_hooks(&allocator);
    ck_assert_int_eq(mdl_context_create(&options, &context, NULL), MDL_OK);
    it.current = literal_table(context, fields, N_FIELDS, now);
    fail_at_each(&allocator, context, &it);
    it.history = first_history(context, &it.snapshot);
    fail_at_each(&allocator, context, &it);
    mdl_table_free(it.history);
    mdl_table_free(it.current);
    mdl_context_free(context);
    ck_assert_int_eq(atomic_load(&allocator.n_held), 0);
}

START_TEST(all_allocations_from_one_on)
{
    fail_all(1, true);
}
END_TEST

START_TEST(one_allocation)
{
    fail_all(1, false);
    fail_all(2, false);
}
END_TEST

/* Telling which key is bad takes memory, too. */
START_TEST(bad_keys)
{
    failing_allocator allocator = {INT64_MAX, 0, true};
    mdl_context_options options;
    mdl_context *context;
    const mdl_snapshot snapshot = {.struct_size = sizeof snapshot, .name = "snap", .key = "name"};
    mdl_context_options_init(&options);
    options.n_threads = 1;
    options.allocator = failing_allocator_hooks(&allocator);
    ck_assert_int_eq(mdl_context_create(&options, &context, NULL), MDL_OK);
    mdl_table *table = literal_table(context, fields, N_FIELDS, before);
    int64_t n_held = atomic_load(&allocator.n_held);
    mdl_status status = MDL_OK;
    for (int64_t n = 0; status != MDL_E_DATA; n++) {
        mdl_snapshot_changes *changes;
        mdl_error error = MDL_ERROR_INIT;
        atomic_store(&allocator.n_left, n);
        status = mdl_snapshot_diff(context, &snapshot, NULL, table, &changes, &error);
        ASSERT_IN_LOOP(status == MDL_E_NO_MEMORY || status == MDL_E_DATA, "%s", error.message);
        ASSERT_IN_LOOP(error.status == status, "%s", error.message);
        ASSERT_IN_LOOP(atomic_load(&allocator.n_held) == n_held, "allocation %d", (int)n);
    }
    mdl_table_free(table);
    mdl_context_free(context);
    ck_assert_int_eq(atomic_load(&allocator.n_held), 0);
}
END_TEST

static Suite *snapshot_allocation_failure_suite(void)
{
    Suite *suite = suite_create("snapshot_allocation_failure");
    TCase *failures = tcase_create("failures");
    tcase_add_test(failures, all_allocations_from_one_on);
    tcase_add_test(failures, one_allocation);
    tcase_add_test(failures, bad_keys);
    tcase_set_timeout(failures, 240);
    suite_add_tcase(suite, failures);
    return suite;
}

int main(void)
{
    return run_suite(snapshot_allocation_failure_suite());
}
