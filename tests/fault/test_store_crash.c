/*
 * Stores on files that fail, and machines that crash: at every operation on files in turn. What is
 * found afterwards is the state before or the state after, whole, and one can go on from it.
 */
#include "support/failing_allocator.h"
#include "support/fake_files.h"
#include "support/run_suite.h"
#include "support/store_tables.h"

#include "store/store_internal.h"

#define STORE "/store"
#define CLONE "/clone"

enum {
    N_TABLES = 3,
    N_ROWS = 70
};

/* A world: files, and tables to put in stores. */
static mdl_context *context;
static mdl_table *tables[N_TABLES];
static test_random random_numbers;

static void start_with(const mdl_allocator *allocator)
{
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.n_threads = 1;
    options.block_rows = 32;
    if (allocator != NULL) {
        options.allocator = *allocator;
    }
    ck_assert_int_eq(mdl_context_create(&options, &context, NULL), MDL_OK);
    for (int t = 0; t < N_TABLES; t++) {
        tables[t] = make_store_table(context, 100 + (uint64_t)t, 0, N_ROWS + t);
    }
    /* The last one is of slices of the first, which an older segment holds. */
    mdl_table_free(tables[N_TABLES - 1]);
    tables[N_TABLES - 1] = make_sliced_table(context, tables[0]);
    random_numbers = test_random_start("store");
}

static void start(void)
{
    start_with(NULL);
}

static void finish(void)
{
    for (int t = 0; t < N_TABLES; t++) {
        mdl_table_free(tables[t]);
    }
    ck_assert_int_eq(mdl_context_memory_in_use(context), 0);
    mdl_context_free(context);
}

/* Opens a store; a failure is the caller's to look at. */
static mdl_status open_on(const mdli_file_system *system, const char *path, bool read_only,
                          int64_t version, mdl_store **store, mdl_error *error)
{
    mdl_store_options options;
    mdl_store_options_init(&options);
    options.read_only = read_only;
    options.version = version;
    return mdli_store_open_with(context, system, path, &options, store, error);
}

/* Version v holds table 0 always, table 1 from version 2 on, table 2 in version 3. */
static mdl_status commit_next(mdl_store *store, mdl_error *error)
{
    const int64_t version = mdl_store_version(store) + 1;
    const mdl_store_item items[] = {
        {"zero", version == 1 ? tables[0] : NULL}, {"one", tables[1]}, {"two", tables[2]}};
    const int32_t n_items = version > 2 ? 3 : (int32_t)version;
    return mdl_store_commit(store, items, n_items, "next", version, error);
}

/* Holds a version against what was put in it; it may be of a clone. */
static void assert_version(const mdli_file_system *system, const char *path, int64_t version)
{
    static const char *const names[] = {"zero", "one", "two"};
    mdl_error error = MDL_ERROR_INIT;
    mdl_store *store;
    ck_assert_msg(open_on(system, path, true, version, &store, &error) == MDL_OK, "%s",
                  error.message);
    ck_assert_msg(mdl_store_check(store, &error) == MDL_OK, "%s", error.message);
    ck_assert_int_eq(mdl_store_n_tables(store), version > 2 ? 3 : version);
    for (int32_t t = 0; t < mdl_store_n_tables(store); t++) {
        mdl_table *table;
        ck_assert_msg(mdl_store_read_table(store, names[t], NULL, 0, &table, &error) == MDL_OK,
                      "%s", error.message);
        ck_assert(are_same_tables(context, table, tables[t]));
        mdl_table_free(table);
    }
    mdl_store_close(store);
}

/* Files of a store: those that its versions need, and no others, once a vacuum was there. */
static int count_names(const fake_files *files, const char *path)
{
    int n = 0;
    for (int i = 0; i < files->n_names; i++) {
        const fake_name *name = &files->names[i];
        n += name->now != FAKE_NONE && strncmp(name->path, path, strlen(path)) == 0;
    }
    return n;
}

/* What is done to a store while things fail. */
typedef enum action {
    ACTION_CREATE = 0,
    ACTION_COMMIT = 1,
    ACTION_VACUUM = 2,
    ACTION_CLONE = 3,
    N_ACTIONS = 4
} action;

/* Makes files with a store of two versions, or, to see one made, none. */
static fake_files *make_files(action a)
{
    fake_files *files = fake_files_new();
    mdli_file_system system = fake_file_system(files);
    mdl_store *store;
    if (a != ACTION_CREATE) {
        ck_assert_int_eq(open_on(&system, STORE, false, 0, &store, NULL), MDL_OK);
        ck_assert_int_eq(commit_next(store, NULL), MDL_OK);
        ck_assert_int_eq(commit_next(store, NULL), MDL_OK);
        mdl_store_close(store);
    }
    return files;
}

static mdl_status act(action a, mdl_store *store, mdl_error *error)
{
    switch (a) {
    case ACTION_CREATE:
    case ACTION_COMMIT:
        return commit_next(store, error);
    case ACTION_VACUUM:
        return mdl_store_vacuum(store, 1, NULL, error);
    case ACTION_CLONE:
        return mdl_store_clone(store, CLONE, error);
    case N_ACTIONS:
        break;
    }
    return MDL_E_INTERNAL;
}

/* Opens the store and acts. */
static mdl_status open_and_act(action a, const mdli_file_system *system, mdl_error *error)
{
    mdl_store *store;
    mdl_status status = open_on(system, STORE, false, 0, &store, error);
    if (status == MDL_OK) {
        status = act(a, store, error);
        mdl_store_close(store);
    }
    ck_assert_int_eq(status, error->status);
    return status;
}

/*
 * Looks at what an action left that ended with `status`, and goes on from there.
 */
static void look(action a, fake_files *files, mdl_status status)
{
    mdli_file_system system = fake_file_system(files);
    mdl_error error = MDL_ERROR_INIT;
    mdl_store *store;
    ck_assert_msg(open_on(&system, STORE, false, 0, &store, &error) == MDL_OK, "%s", error.message);
    const int64_t version = mdl_store_version(store);
    const int64_t before = a == ACTION_CREATE ? 0 : 2;
    const int64_t after = a == ACTION_CREATE ? 1 : a == ACTION_COMMIT ? 3 : 2;
    ck_assert_msg(version == after || (status != MDL_OK && version == before),
                  "version %d after status %d", (int)version, (int)status);
    const int32_t n_versions = mdl_store_n_versions(store);
    ck_assert(n_versions <= version && (a == ACTION_VACUUM || n_versions == version));
    ck_assert(a != ACTION_VACUUM || status != MDL_OK || n_versions == 1);
    for (int32_t i = 0; i < n_versions; i++) {
        mdl_store_version_info info;
        ck_assert_int_eq(mdl_store_get_version(store, i, &info, &error), MDL_OK);
        ck_assert_int_eq(info.version, version - n_versions + 1 + i);
        ck_assert_int_eq(info.committed_at, info.version);
        assert_version(&system, STORE, info.version);
    }
    if (a == ACTION_CLONE) {
        const fake_name *current = fake_find(files, CLONE "/CURRENT");
        ck_assert(status != MDL_OK || current != NULL);
        if (current != NULL && current->now == FAKE_FILE) {
            assert_version(&system, CLONE, 1);
            assert_version(&system, CLONE, 2);
        } else {
            /* It can be tried again. */
            ck_assert_msg(mdl_store_clone(store, CLONE, &error) == MDL_OK, "%s", error.message);
            assert_version(&system, CLONE, 2);
        }
    }
    while (mdl_store_version(store) < 4) {
        ck_assert_msg(commit_next(store, &error) == MDL_OK, "%s", error.message);
    }
    assert_version(&system, STORE, 4);
    ck_assert_msg(mdl_store_vacuum(store, 1, NULL, &error) == MDL_OK, "%s", error.message);
    /* Two folders in one, CURRENT, lock, a manifest, and a segment for each commit with new bytes.
     */
    ck_assert_int_eq(count_names(files, STORE), 3 + 3 + 3);
    assert_version(&system, STORE, 4);
    mdl_store_close(store);
}

/* Ends the world as it is after one failure, and looks. */
static void crash_and_look(action a, const fake_files *from, fake_crash crash, mdl_status status)
{
    fake_files *files = fake_files_copy(from);
    fake_files_crash(files, crash, &random_numbers);
    look(a, files, status);
    fake_files_free(files);
}

/* The process dies at each operation in turn. */
START_TEST(killed)
{
    const action a = (action)_i;
    start();
    fake_files *before = make_files(a);
    mdl_status status = MDL_E_IO;
    int64_t n = 0;
    for (; status != MDL_OK; n++) {
        fake_files *files = fake_files_copy(before);
        mdli_file_system system = fake_file_system(files);
        mdl_error error = MDL_ERROR_INIT;
        fake_fail(files, n, true, EIO);
        status = open_and_act(a, &system, &error);
        for (int crash = FAKE_CRASH_NOTHING; crash <= FAKE_CRASH_TORN; crash++) {
            crash_and_look(a, files, (fake_crash)crash, status);
        }
        crash_and_look(a, files, FAKE_CRASH_TORN, status);
        fake_files_free(files);
    }
    ck_assert_int_gt(n, 15);
    fake_files_free(before);
    finish();
}
END_TEST

/* One operation fails, and the process lives on: the same store can be used further. */
static void fail_each_operation(action a, int failure, mdl_status expected)
{
    fake_files *before = make_files(a);
    mdl_status status = MDL_E_IO;
    bool is_over = false;
    for (int64_t n = 0; !is_over; n++) {
        fake_files *files = fake_files_copy(before);
        mdli_file_system system = fake_file_system(files);
        mdl_error error = MDL_ERROR_INIT;
        mdl_store *store;
        ck_assert_int_eq(open_on(&system, STORE, false, 0, &store, NULL), MDL_OK);
        const int64_t version = mdl_store_version(store);
        fake_fail(files, n, false, failure);
        status = act(a, store, &error);
        is_over = status == MDL_OK && files->n_operations <= files->fails_at;
        ck_assert_msg(status == MDL_OK || status == expected, "%s", error.message);
        ck_assert(status == MDL_OK || strstr(error.message, "/") != NULL);
        fake_fail(files, -1, false, 0);
        if (status != MDL_OK && mdl_store_version(store) == version) {
            error = (mdl_error)MDL_ERROR_INIT;
            const mdl_status again = act(a, store, &error);
            ck_assert_msg(again == MDL_OK || (again == MDL_E_STATE && store->is_in_doubt), "%s",
                          error.message);
            status = again == MDL_OK ? MDL_OK : status;
        }
        mdl_store_close(store);
        look(a, files, status);
        fake_files_free(files);
    }
    fake_files_free(before);
}

START_TEST(operations_fail)
{
    start();
    fail_each_operation((action)_i, EIO, MDL_E_IO);
    fail_each_operation((action)_i, ENOSPC, MDL_E_NO_SPACE);
    finish();
}
END_TEST

/* The disk is full after n bytes, for n from none to enough. */
START_TEST(full_disk)
{
    const action a = (action)_i;
    start();
    fake_files *before = make_files(a);
    int64_t used = 0;
    for (int i = 0; i < before->n_inodes; i++) {
        used += fake_n_links(before, i) > 0 ? before->inodes[i].now.size : 0;
    }
    before->has_no_links = true;
    mdl_status status = MDL_E_NO_SPACE;
    int64_t n_failed = -1;
    for (int64_t n_free = 0; status != MDL_OK; n_free += 1501) {
        fake_files *files = fake_files_copy(before);
        mdli_file_system system = fake_file_system(files);
        mdl_error error = MDL_ERROR_INIT;
        files->capacity = used + n_free;
        status = open_and_act(a, &system, &error);
        ck_assert_msg(status == MDL_OK || status == MDL_E_NO_SPACE, "%s", error.message);
        /* Nothing is left of what failed. */
        ck_assert_int_eq(count_names(files, CLONE), status == MDL_OK && a == ACTION_CLONE ? 9 : 0);
        files->capacity = -1;
        look(a, files, status);
        fake_files_free(files);
        n_failed++;
    }
    ck_assert_int_gt(n_failed, a == ACTION_VACUUM ? -1 : 3);
    fake_files_free(before);
    finish();
}
END_TEST

START_TEST(read_only_files)
{
    start();
    fake_files *files = make_files(ACTION_COMMIT);
    mdli_file_system system = fake_file_system(files);
    mdl_error error = MDL_ERROR_INIT;
    mdl_store *store;
    /* Opening looks for CURRENT, then opens the lock to write it. */
    fake_fail(files, 1, true, EROFS);
    ck_assert_int_eq(open_on(&system, STORE, false, 0, &store, &error), MDL_E_IO);
    ck_assert_str_eq(error.message, "cannot write /store/lock: Read-only file system");
    fake_fail(files, -1, false, 0);
    assert_version(&system, STORE, 2);
    fake_files_free(files);
    finish();
}
END_TEST

/* A flipped bit may also make a file look like one of a format to come. */
static bool is_told(mdl_status status)
{
    return status == MDL_E_CORRUPT || status == MDL_E_UNSUPPORTED;
}

/* Flips bits, all in turn where the file is short; cuts the file off. */
static void damage(const fake_files *before, int inode, int64_t offset, uint8_t mask)
{
    fake_files *files = fake_files_copy(before);
    mdli_file_system system = fake_file_system(files);
    mdl_error error = MDL_ERROR_INIT;
    mdl_store *store;
    fake_bytes *bytes = &files->inodes[inode].now;
    if (mask == 0) {
        fake_resize(bytes, offset);
    } else {
        bytes->bytes[offset] ^= mask;
    }
    mdl_status status = open_on(&system, STORE, true, 0, &store, &error);
    if (status == MDL_OK) {
        /* Reading gives what was written, or nothing. */
        for (int t = 0; t < 2; t++) {
            mdl_table *table;
            status = mdl_store_read_table(store, t == 0 ? "zero" : "one", NULL, 0, &table, NULL);
            if (status != MDL_OK) {
                ASSERT_IN_LOOP(is_told(status) && table == NULL, "%d", (int)status);
            } else {
                ASSERT_IN_LOOP(are_same_tables(context, table, tables[t]), "byte %d", (int)offset);
                mdl_table_free(table);
            }
        }
        status = mdl_store_check(store, &error);
        mdl_store_close(store);
    }
    ASSERT_IN_LOOP(is_told(status), "byte %d: %s", (int)offset, error.message);
    ASSERT_IN_LOOP(strstr(error.message, STORE) != NULL, "%s", error.message);
    fake_files_free(files);
}

/* Which of the files hold version 2. */
static bool is_needed(const char *name)
{
    return strstr(name, "/CURRENT") != NULL || strstr(name, "/2.manifest") != NULL ||
           strstr(name, ".segment") != NULL;
}

START_TEST(damaged_files)
{
    start();
    fake_files *files = make_files(ACTION_COMMIT);
    int n = 0;
    for (int i = 0; i < files->n_names; i++) {
        const fake_name *name = &files->names[i];
        if (name->now != FAKE_FILE || !is_needed(name->path)) {
            continue;
        }
        const int64_t size = files->inodes[name->now_inode].now.size;
        const int64_t stride = size < 200 ? 1 : size / 200;
        for (int64_t offset = 0; offset < size; offset += stride) {
            const uint8_t bit = (uint8_t)(1 << test_random_below(&random_numbers, 8));
            damage(files, name->now_inode, offset, bit);
        }
        for (int64_t cut = 0; cut < size; cut += stride * 8) {
            damage(files, name->now_inode, cut, 0);
        }
        n++;
    }
    ck_assert_int_eq(n, 4);
    fake_files_free(files);
    finish();
}
END_TEST

/* Damage is told with all that is known of its place. */
START_TEST(damage_is_named)
{
    start();
    fake_files *files = make_files(ACTION_COMMIT);
    mdli_file_system system = fake_file_system(files);
    mdl_error error = MDL_ERROR_INIT;
    mdl_store *store;
    mdl_table *table;
    ck_assert_int_eq(open_on(&system, STORE, true, 1, &store, &error), MDL_OK);
    const mdli_version *version = &store->at_hand.version;
    const mdli_stored_column *column = &version->tables[0].columns[3];
    ck_assert_str_eq(column->name, "wide");
    const mdli_piece *piece = &version->blocks[column->blocks[1]].piece;
    for (int i = 0; i < files->n_names; i++) {
        mdli_segment_id id;
        if (files->names[i].now == FAKE_FILE &&
            mdli_segment_name_id(strrchr(files->names[i].path, '/') + 1, &id) &&
            mdli_compare_segment_ids(&id, &version->segments[piece->segment].id) == 0) {
            files->inodes[files->names[i].now_inode].now.bytes[piece->offset_bytes] ^= 4;
        }
    }
    ck_assert_int_eq(mdl_store_read_table(store, "zero", NULL, 0, &table, &error), MDL_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "table zero, column wide, block 1: its checksum"));
    ck_assert_str_eq(error.column, "wide");
    ck_assert_int_eq(error.offset_bytes, piece->offset_bytes);
    ck_assert_ptr_nonnull(strstr(error.file, "/store/segments/"));

    /* Other columns are as before. */
    static const char *const names[] = {"sorted", "note"};
    ck_assert_int_eq(mdl_store_read_table(store, "zero", names, 2, &table, NULL), MDL_OK);
    mdl_table_free(table);
    mdl_store_close(store);
    fake_files_free(files);
    finish();
}
END_TEST

/* Files of a format to come, and one that is gone. */
START_TEST(other_formats)
{
    static const char *const paths[] = {STORE "/CURRENT", STORE "/versions/2.manifest"};
    start();
    for (int p = 0; p < 2; p++) {
        fake_files *files = make_files(ACTION_COMMIT);
        mdli_file_system system = fake_file_system(files);
        mdl_error error = MDL_ERROR_INIT;
        mdl_store *store;
        fake_name *name = fake_find(files, paths[p]);
        files->inodes[name->now_inode].now.bytes[8] = MDLI_STORE_FORMAT + 1;
        ck_assert_int_eq(open_on(&system, STORE, p == 0, 0, &store, &error), MDL_E_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(error.message, "has format 4"));
        if (p == 1) {
            name->now = FAKE_NONE;
            error = (mdl_error)MDL_ERROR_INIT;
            ck_assert_int_eq(open_on(&system, STORE, true, 0, &store, &error), MDL_E_CORRUPT);
            ck_assert_ptr_nonnull(strstr(error.message, "its manifest is not there"));
        }
        fake_files_free(files);
    }
    finish();
}
END_TEST

/* Each allocation of an action fails, alone. */
START_TEST(without_memory)
{
    const action a = (action)_i;
    failing_allocator allocator = {INT64_MAX, 0, false};
    const mdl_allocator functions = failing_allocator_hooks(&allocator);
    start_with(&functions);
    fake_files *before = make_files(a);
    const int64_t n_held = allocator.n_held;
    mdl_status status = MDL_E_NO_MEMORY;
    int64_t n = 0;
    for (; status != MDL_OK; n++) {
        fake_files *files = fake_files_copy(before);
        mdli_file_system system = fake_file_system(files);
        mdl_error error = MDL_ERROR_INIT;
        allocator.n_left = n;
        status = open_and_act(a, &system, &error);
        allocator.n_left = INT64_MAX;
        ck_assert_int_eq(allocator.n_held, n_held);
        ck_assert_msg(status == MDL_OK || status == MDL_E_NO_MEMORY, "%s", error.message);
        if (status == MDL_OK || n % 8 == 0) {
            look(a, files, status);
        }
        fake_files_free(files);
    }
    ck_assert_int_gt(n, 20);
    fake_files_free(before);
    finish();
    ck_assert_int_eq(allocator.n_held, 0);
}
END_TEST

/* Each allocation of opening, reading and checking fails. */
START_TEST(reading_without_memory)
{
    failing_allocator allocator = {INT64_MAX, 0, false};
    const mdl_allocator functions = failing_allocator_hooks(&allocator);
    start_with(&functions);
    fake_files *files = make_files(ACTION_COMMIT);
    mdli_file_system system = fake_file_system(files);
    const int64_t n_held = allocator.n_held;
    mdl_status status = MDL_E_NO_MEMORY;
    for (int64_t n = 0; status != MDL_OK; n++) {
        mdl_error error = MDL_ERROR_INIT;
        mdl_store *store = NULL;
        mdl_table *table = NULL;
        mdl_store_version_info info;
        allocator.n_left = n;
        status = open_on(&system, STORE, true, 0, &store, &error);
        status =
            status == MDL_OK ? mdl_store_read_table(store, "one", NULL, 0, &table, &error) : status;
        status = status == MDL_OK ? mdl_store_check(store, &error) : status;
        status = status == MDL_OK ? mdl_store_get_version(store, 1, &info, &error) : status;
        allocator.n_left = INT64_MAX;
        ck_assert_msg(status == MDL_OK || status == MDL_E_NO_MEMORY, "%s", error.message);
        ck_assert(status != MDL_OK || are_same_tables(context, table, tables[1]));
        mdl_table_free(table);
        mdl_store_close(store);
        ck_assert_int_eq(allocator.n_held, n_held);
    }
    fake_files_free(files);
    finish();
}
END_TEST

static Suite *store_crash_suite(void)
{
    Suite *suite = suite_create("store_crash");
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 600);
    tcase_add_loop_test(files, killed, 0, N_ACTIONS);
    tcase_add_loop_test(files, operations_fail, 0, N_ACTIONS);
    tcase_add_loop_test(files, full_disk, 0, N_ACTIONS);
    tcase_add_test(files, read_only_files);
    suite_add_tcase(suite, files);
    TCase *damaged = tcase_create("damage");
    tcase_set_timeout(damaged, 600);
    tcase_add_test(damaged, damaged_files);
    tcase_add_test(damaged, damage_is_named);
    tcase_add_test(damaged, other_formats);
    suite_add_tcase(suite, damaged);
    TCase *memory = tcase_create("memory");
    tcase_set_timeout(memory, 600);
    tcase_add_loop_test(memory, without_memory, 0, N_ACTIONS);
    tcase_add_test(memory, reading_without_memory);
    suite_add_tcase(suite, memory);
    return suite;
}

int main(void)
{
    return run_suite(store_crash_suite());
}
