/*
 * Stores on real files: what is committed comes back, blocks are written once, versions, clones and
 * vacuums, locks, and what is said of folders and files that are wrong.
 */
#include "support/random.h"
#include "support/run_suite.h"
#include "support/store_of_format_1.h"
#include "support/store_tables.h"

#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/compression.h"
#include "column/column_internal.h"
#include "store/store_internal.h"

static char folder[64];
static char path[128];
static mdl_context *context;
static int64_t context_bytes;
static mdl_error error;

static void start_with(int32_t n_threads, int64_t block_rows)
{
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.n_threads = n_threads;
    options.block_rows = block_rows;
    strcpy(folder, "/tmp/medallion-store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/store", folder);
    ck_assert_int_eq(mdl_context_create(&options, &context, NULL), MDL_OK);
    context_bytes = mdl_context_memory_in_use(context);
    error = (mdl_error)MDL_ERROR_INIT;
}

static void start(void)
{
    start_with(2, 700);
}

static int remove_entry(const char *name, const struct stat *entry, int kind, struct FTW *place)
{
    (void)entry;
    (void)kind;
    (void)place;
    return remove(name);
}

static void finish(void)
{
    ck_assert_int_eq(mdl_context_memory_in_use(context), context_bytes);
    mdl_context_free(context);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void assert_ok(mdl_status status)
{
    ck_assert_msg(status == MDL_OK, "%s", error.message);
}

static void assert_fails(mdl_status status, mdl_status expected, const char *part)
{
    ck_assert_msg(status == expected, "%s: %s", mdl_status_name(status), error.message);
    ck_assert_int_eq(error.status, expected);
    ck_assert_msg(strstr(error.message, part) != NULL, "\"%s\" is not in \"%s\"", part,
                  error.message);
    error = (mdl_error)MDL_ERROR_INIT;
}

static mdl_store *open_store(void)
{
    mdl_store *store;
    assert_ok(mdl_store_open(context, path, NULL, &store, &error));
    return store;
}

static mdl_store *open_version(int64_t version)
{
    mdl_store_options options;
    mdl_store *store;
    mdl_store_options_init(&options);
    options.read_only = true;
    options.version = version;
    assert_ok(mdl_store_open(context, path, &options, &store, &error));
    return store;
}

static void commit_one(mdl_store *store, const char *name, const mdl_table *table)
{
    const mdl_store_item item = {name, table};
    assert_ok(mdl_store_commit(store, &item, 1, "a message", 1700000000, &error));
}

static void assert_table(mdl_store *store, const char *name, const mdl_table *expected)
{
    mdl_table *table;
    assert_ok(mdl_store_read_table(store, name, NULL, 0, &table, &error));
    ck_assert_msg(are_same_tables(context, table, expected), "table %s came back otherwise", name);
    mdl_table_free(table);
}

static mdl_store_version_info version_info(mdl_store *store, int32_t index)
{
    mdl_store_version_info info;
    assert_ok(mdl_store_get_version(store, index, &info, &error));
    return info;
}

START_TEST(round_trip)
{
    static const int64_t sizes[] = {0, 1, 255, 256, 257, 3000};
    static const int64_t block_rows[] = {1, 100, 700, 65536};
    start_with(2, block_rows[_i]);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const int64_t n = block_rows[_i] == 1 && sizes[i] > 300 ? 300 : sizes[i];
        mdl_table *table = make_store_table(context, 5, 0, n);
        mdl_store *store = open_store();
        commit_one(store, "all types", table);
        assert_table(store, "all types", table);
        mdl_store_close(store);
        store = open_store();
        ck_assert_int_eq(mdl_store_table_rows(store, "all types"), n);
        assert_ok(mdl_store_check(store, &error));
        assert_table(store, "all types", table);
        mdl_store_close(store);
        mdl_table_free(table);
    }
    finish();
}
END_TEST

/* Statistics come back too. */
START_TEST(statistics)
{
    start();
    mdl_table *table = make_store_table(context, 6, 0, 2500);
    mdl_store *store = open_store();
    mdl_table *read;
    commit_one(store, "t", table);
    mdl_store_close(store);
    store = open_store();
    assert_ok(mdl_store_read_table(store, "t", NULL, 0, &read, &error));
    for (int32_t c = 0; c < mdl_table_n_columns(table); c++) {
        const mdl_column *a = mdl_table_column(table, c);
        const mdl_column *b = mdl_table_column(read, c);
        const mdl_column_stats x = mdl_column_get_stats(a);
        const mdl_column_stats y = mdl_column_get_stats(b);
        ck_assert_int_eq(x.n_nulls, y.n_nulls);
        ck_assert_int_eq(x.n_distinct, y.n_distinct);
        ck_assert_int_eq(x.is_sorted, y.is_sorted);
        ck_assert_int_eq(x.is_strictly_sorted, y.is_strictly_sorted);
        ck_assert_int_eq(x.min.is_null, y.min.is_null);
        ck_assert(x.min.is_null || x.min.as.integer == y.min.as.integer);
        ck_assert(x.max.is_null || x.max.as.integer == y.max.as.integer);
        ck_assert_int_eq(mdl_column_n_blocks(a), mdl_column_n_blocks(b));
        for (int64_t i = 0; i < mdl_column_n_blocks(a); i++) {
            mdl_encoding first;
            mdl_encoding second;
            mdl_column_block_stats(a, i, &first);
            mdl_column_block_stats(b, i, &second);
            ck_assert_int_eq(first, second);
        }
        ck_assert_int_eq(a->dictionary != NULL, b->dictionary != NULL);
    }
    mdl_table_free(read);
    mdl_store_close(store);
    mdl_table_free(table);
    finish();
}
END_TEST

/* What a version has that the one before had too is not written again. */
START_TEST(bytes_are_shared)
{
    start();
    mdl_table *bronze = make_store_table(context, 7, 0, 2000);
    mdl_table *more = make_store_table(context, 7, 2000, 100);
    mdl_table *appended;
    mdl_store *store = open_store();
    commit_one(store, "bronze", bronze);
    const mdl_store_version_info first = version_info(store, 0);
    ck_assert_int_gt(first.new_bytes, 1000);
    ck_assert_int_eq(first.new_bytes, first.size_bytes);

    /* The same table under two names, one unread. */
    const mdl_store_item twice[] = {{"bronze", NULL}, {"copy", bronze}};
    assert_ok(mdl_store_commit(store, twice, 2, "twice", 1, &error));
    ck_assert_int_eq(version_info(store, 1).new_bytes, 0);
    ck_assert_int_eq(version_info(store, 1).size_bytes, first.size_bytes);

    /* More rows: only they are new. */
    assert_ok(mdli_table_concat(context, bronze, more, &appended, &error));
    commit_one(store, "bronze", appended);
    ck_assert_int_lt(version_info(store, 2).new_bytes, first.new_bytes / 4);
    ck_assert_int_gt(version_info(store, 2).new_bytes, 0);
    assert_table(store, "bronze", appended);

    /* The same values, made anew. */
    mdl_table *again = make_store_table(context, 7, 0, 2000);
    commit_one(store, "again", again);
    ck_assert_int_eq(version_info(store, 3).new_bytes, 0);
    mdl_store_close(store);

    /* Another process's store: what was read from it is known. */
    mdl_table *read;
    store = open_store();
    assert_ok(mdl_store_read_table(store, "again", NULL, 0, &read, &error));
    commit_one(store, "read", read);
    ck_assert_int_eq(version_info(store, 4).new_bytes, 0);
    ck_assert_str_eq(version_info(store, 4).message, "a message");
    mdl_store_close(store);
    mdl_table_free(read);
    mdl_table_free(again);
    mdl_table_free(appended);
    mdl_table_free(more);
    mdl_table_free(bronze);
    finish();
}
END_TEST

/* A table that shows another one's column, under another type. */
static mdl_table *make_view(const mdl_table *table, const char *name, const char *from,
                            mdl_type type)
{
    mdl_column *column;
    mdl_table *view;
    const int32_t position = mdl_table_find_column(table, from);
    assert_ok(
        mdli_column_retype(context, mdl_table_column(table, position), type, &column, &error));
    assert_ok(mdli_table_create(context, &name, &column, 1, 0, &view, &error));
    return view;
}

START_TEST(views_share_blocks)
{
    start();
    mdl_table *table = make_store_table(context, 8, 0, 2000);
    mdl_table *view = make_view(table, "created_at", "time", MDL_TYPE_TIMESTAMP);
    mdl_store *store = open_store();
    const mdl_store_item items[] = {{"view", view}, {"table", table}};
    assert_ok(mdl_store_commit(store, items, 2, "", 0, &error));
    const int64_t both = version_info(store, 0).size_bytes;
    commit_one(store, "table", table);
    ck_assert_int_eq(version_info(store, 1).size_bytes, both);
    const mdl_store_item next[] = {{"table", NULL}, {"view", view}};
    assert_ok(mdl_store_commit(store, next, 2, "", 0, &error));
    ck_assert_int_eq(version_info(store, 2).new_bytes, 0);
    mdl_store_close(store);

    /* Read by both, a block is in memory once. */
    mdl_table *first;
    mdl_table *second;
    store = open_version(3);
    assert_ok(mdl_store_read_table(store, "table", NULL, 0, &first, &error));
    const int64_t bytes = mdl_context_memory_in_use(context);
    assert_ok(mdl_store_read_table(store, "view", NULL, 0, &second, &error));
    ck_assert_int_lt(mdl_context_memory_in_use(context) - bytes, 4096);
    ck_assert(are_same_tables(context, second, view));
    const mdl_column *a = mdl_table_column(first, mdl_table_find_column(first, "time"));
    const mdl_column *b = mdl_table_column(second, 0);
    ck_assert_int_eq(mdl_column_type(b), MDL_TYPE_TIMESTAMP);
    for (int64_t i = 0; i < mdl_column_n_blocks(b); i++) {
        ck_assert_ptr_eq(a->blocks[i]->payload, b->blocks[i]->payload);
    }
    mdl_store_close(store);
    ck_assert(are_same_tables(context, first, table));
    mdl_table_free(first);
    mdl_table_free(second);
    mdl_table_free(view);
    mdl_table_free(table);
    finish();
}
END_TEST

/* The lists of version 1 of the store at `path`. */
static void read_lists(mdli_version *version)
{
    mdli_version_init(version, context);
    assert_ok(mdli_store_read_version(mdli_file_system_real(), path, 1, version, &error));
}

/* A table with the columns of another in reverse order. */
static mdl_table *make_reversed(const mdl_table *table)
{
    enum {
        COLUMNS_MAX = 16
    };
    const char *names[COLUMNS_MAX];
    mdl_column *columns[COLUMNS_MAX];
    mdl_table *reversed;
    const int32_t n = mdl_table_n_columns(table);
    ck_assert_int_le(n, COLUMNS_MAX);
    for (int32_t i = 0; i < n; i++) {
        names[i] = mdl_table_column_name(table, n - 1 - i);
        columns[i] = mdli_column_retain(mdl_table_column(table, n - 1 - i));
    }
    assert_ok(
        mdli_table_create(context, names, columns, n, mdl_table_n_rows(table), &reversed, &error));
    return reversed;
}

/* Tables that have blocks in common are what they are, whichever comes first, read or not. */
START_TEST(blocks_are_found_in_any_order)
{
    start_with(2, 100);
    mdl_table *table = make_store_table(context, 12, 0, 2000);
    mdl_table *other = make_store_table(context, 13, 0, 300);
    mdl_table *reversed = make_reversed(table);
    mdl_table *doubled;
    mdl_table *between;
    assert_ok(mdli_table_concat(context, table, table, &doubled, &error));
    assert_ok(mdli_table_concat(context, other, table, &between, &error));
    mdl_store *store = open_store();
    commit_one(store, "table", table);
    const int64_t table_bytes = version_info(store, 0).new_bytes;
    commit_one(store, "other", other);
    const int64_t other_bytes = version_info(store, 1).new_bytes;
    const mdl_store_item items[] = {{"reversed", reversed}, {"doubled", doubled},
                                    {"other", NULL},        {"between", between},
                                    {"table", table},       {"table again", table}};
    assert_ok(mdl_store_commit(store, items, 6, "", 0, &error));
    ck_assert_int_eq(version_info(store, 2).size_bytes, table_bytes + other_bytes);
    mdl_store_close(store);

    store = open_store();
    mdl_table *read;
    assert_ok(mdl_store_read_table(store, "between", NULL, 0, &read, &error));
    const mdl_store_item next[] = {{"table again", NULL}, {"between", read}, {"doubled", NULL},
                                   {"reversed", NULL},    {"other", other},  {"table", NULL}};
    assert_ok(mdl_store_commit(store, next, 6, "", 0, &error));
    ck_assert_int_eq(version_info(store, 3).new_bytes, 0);
    ck_assert_int_eq(version_info(store, 3).size_bytes, table_bytes + other_bytes);
    mdl_table_free(read);
    mdl_store_close(store);

    store = open_store();
    assert_ok(mdl_store_check(store, &error));
    assert_table(store, "table", table);
    assert_table(store, "table again", table);
    assert_table(store, "other", other);
    assert_table(store, "reversed", reversed);
    assert_table(store, "doubled", doubled);
    assert_table(store, "between", between);
    mdl_store_close(store);
    mdl_table_free(between);
    mdl_table_free(doubled);
    mdl_table_free(reversed);
    mdl_table_free(other);
    mdl_table_free(table);
    finish();
}
END_TEST

/* Pieces lie across the bytes that are written at once, some are longer than those. */
START_TEST(large_segments)
{
    enum {
        N_ROWS = 150000
    };
    static const mdl_field field = {"bits", MDL_TYPE_INT64};
    static int64_t bits[N_ROWS];
    test_random random = test_random_start("large_segments");
    start_with(2, _i == 0 ? 1000 : 65536);
    for (int i = 0; i < N_ROWS; i++) {
        bits[i] = (int64_t)test_random_next(&random);
    }
    const mdl_vector vector = {.type = MDL_TYPE_INT64, .n_rows = N_ROWS, .values = bits};
    mdl_table_builder *builder;
    mdl_table *table;
    assert_ok(mdl_table_builder_create(context, &field, 1, &builder, &error));
    assert_ok(mdl_table_builder_append(builder, &vector, N_ROWS, &error));
    assert_ok(mdl_table_builder_finish(builder, &table, &error));
    mdl_table_builder_free(builder);
    mdl_store *store = open_store();
    commit_one(store, "random", table);
    ck_assert_int_ge(version_info(store, 0).new_bytes, N_ROWS * 8);
    mdl_store_close(store);

    mdli_version version;
    mdli_store_path file;
    struct stat segment;
    read_lists(&version);
    assert_ok(mdli_store_path_init(&file, context, path, &error));
    ck_assert_int_eq(stat(mdli_store_path_to_segment(&file, &version.segments[0].id), &segment), 0);
    ck_assert_int_eq(segment.st_size, version.segments[0].size_bytes);
    ck_assert_int_eq(segment.st_size, MDLI_SEGMENT_HEADER_BYTES + version.new_bytes);
    mdli_store_path_free(&file);
    mdli_version_clear(&version);

    store = open_store();
    assert_ok(mdl_store_check(store, &error));
    assert_table(store, "random", table);
    mdl_store_close(store);
    mdl_table_free(table);
    finish();
}
END_TEST

/* Blocks that nobody shows any more do not stay in memory for longer than until the next call. */
START_TEST(unused_blocks_are_let_go)
{
    start();
    mdl_table *table = make_store_table(context, 9, 0, 5000);
    mdl_table *small = make_store_table(context, 10, 0, 10);
    mdl_store *store = open_store();
    const mdl_store_item items[] = {{"large", table}, {"small", small}};
    assert_ok(mdl_store_commit(store, items, 2, "", 0, &error));
    mdl_table_free(table);
    mdl_store_close(store);
    store = open_store();
    mdl_table *read;
    assert_ok(mdl_store_read_table(store, "small", NULL, 0, &read, &error));
    mdl_table_free(read);
    const int64_t bytes = mdl_context_memory_in_use(context);
    assert_ok(mdl_store_read_table(store, "large", NULL, 0, &read, &error));
    ck_assert_int_gt(mdl_context_memory_in_use(context), bytes + 50000);
    mdl_table_free(read);
    assert_ok(mdl_store_read_table(store, "small", NULL, 0, &read, &error));
    mdl_table_free(read);
    ck_assert_int_eq(mdl_context_memory_in_use(context), bytes);
    mdl_store_close(store);
    mdl_table_free(small);
    finish();
}
END_TEST

/* Blocks that are read many at a time share memory, which lives until the last of them goes. */
START_TEST(blocks_that_come_together)
{
    static const char *const one[] = {"wide"};
    start_with(2, 1000);
    mdl_table *table = make_store_table(context, 14, 0, 60000);
    mdl_store *store = open_store();
    commit_one(store, "t", table);
    ck_assert_int_gt(version_info(store, 0).size_bytes, 1 << 20);
    mdl_table *expected;
    mdl_table *all;
    mdl_table *column;
    assert_ok(mdl_store_read_table(store, "t", one, 1, &expected, &error));
    mdl_store_close(store);
    const int64_t bytes = mdl_context_memory_in_use(context);
    store = open_store();
    assert_ok(mdl_store_read_table(store, "t", NULL, 0, &all, &error));
    ck_assert(are_same_tables(context, all, table));
    assert_ok(mdl_store_read_table(store, "t", one, 1, &column, &error));
    mdl_table_free(all);
    mdl_store_close(store);
    ck_assert(are_same_tables(context, column, expected));
    mdl_table_free(column);
    ck_assert_int_eq(mdl_context_memory_in_use(context), bytes);
    mdl_table_free(expected);
    mdl_table_free(table);
    finish();
}
END_TEST

START_TEST(chosen_columns)
{
    static const char *const names[] = {"word", "sorted"};
    static const char *const twice[] = {"word", "word"};
    static const char *const wrong[] = {"word", "Word"};
    start();
    mdl_table *table = make_store_table(context, 11, 0, 900);
    mdl_table *read;
    mdl_store *store = open_store();
    commit_one(store, "t", table);
    mdl_store_close(store);
    store = open_version(0);
    assert_ok(mdl_store_read_table(store, "t", names, 2, &read, &error));
    ck_assert_int_eq(mdl_table_n_columns(read), 2);
    ck_assert_int_eq(mdl_table_n_rows(read), 900);
    ck_assert_str_eq(mdl_table_column_name(read, 0), "word");
    ck_assert_str_eq(mdl_table_column_name(read, 1), "sorted");
    int64_t n_loaded = 0;
    for (int32_t b = 0; b < 2; b++) {
        n_loaded += mdl_column_n_blocks(mdl_table_column(read, b));
    }
    ck_assert_int_eq(n_loaded, 4);
    mdl_table_free(read);
    assert_ok(mdl_store_read_table(store, "t", names, 0, &read, &error));
    ck_assert_int_eq(mdl_table_n_columns(read), 0);
    ck_assert_int_eq(mdl_table_n_rows(read), 900);
    mdl_table_free(read);
    assert_fails(mdl_store_read_table(store, "t", twice, 2, &read, &error), MDL_E_ARGUMENT,
                 "twice");
    assert_fails(mdl_store_read_table(store, "t", wrong, 2, &read, &error), MDL_E_NOT_FOUND,
                 "column Word");
    assert_fails(mdl_store_read_table(store, "u", NULL, 0, &read, &error), MDL_E_NOT_FOUND,
                 "table u");
    assert_fails(mdl_store_read_table(store, "t", names, -1, &read, &error), MDL_E_ARGUMENT, "-1");
    ck_assert_ptr_null(read);
    mdl_store_close(store);
    mdl_table_free(table);
    finish();
}
END_TEST

/* Versions 1 … n, where version v has v rows. */
static void commit_versions(mdl_store *store, int64_t n)
{
    while (mdl_store_version(store) < n) {
        mdl_table *table = make_store_table(context, 3, 0, mdl_store_version(store) + 1);
        commit_one(store, "t", table);
        mdl_table_free(table);
    }
}

static void assert_versions(mdl_store *store, int64_t first, int64_t last)
{
    ck_assert_int_eq(mdl_store_version(store), last);
    ck_assert_int_eq(mdl_store_n_versions(store), last - first + 1);
    for (int64_t v = first; v <= last; v++) {
        const mdl_store_version_info info = version_info(store, (int32_t)(v - first));
        ck_assert_int_eq(info.version, v);
        ck_assert_int_eq(info.n_rows, v);
        ck_assert_int_eq(info.n_tables, 1);
        ck_assert_int_eq(info.committed_at, 1700000000);
        mdl_store *old;
        mdl_store_options options;
        mdl_table *table = make_store_table(context, 3, 0, v);
        mdl_store_options_init(&options);
        options.read_only = true;
        options.version = v;
        assert_ok(mdl_store_open(context, mdl_store_path(store), &options, &old, &error));
        assert_table(old, "t", table);
        assert_ok(mdl_store_check(old, &error));
        mdl_store_close(old);
        mdl_table_free(table);
    }
}

/* Files in one of the folders of the store. */
static int count_files(const char *name)
{
    char listed[256];
    char command[320];
    snprintf(listed, sizeof listed, "%s/%s", path, name);
    snprintf(command, sizeof command, "ls -A %s | wc -l", listed);
    FILE *pipe = popen(command, "r");
    int n = -1;
    ck_assert_ptr_nonnull(pipe);
    ck_assert_int_eq(fscanf(pipe, "%d", &n), 1);
    pclose(pipe);
    return n;
}

START_TEST(versions_and_vacuum)
{
    start();
    mdl_store *store = open_store();
    ck_assert_int_eq(mdl_store_version(store), 0);
    ck_assert_int_eq(mdl_store_n_versions(store), 0);
    ck_assert_int_eq(mdl_store_n_tables(store), 0);
    assert_ok(mdl_store_check(store, &error));
    commit_versions(store, 6);
    assert_versions(store, 1, 6);
    mdl_store_version_info info;
    assert_fails(mdl_store_get_version(store, 6, &info, &error), MDL_E_ARGUMENT, "6 of 6");

    /* A reader of an old version keeps it. */
    mdl_store *reader = open_version(2);
    mdl_store_vacuum_info vacuum;
    assert_fails(mdl_store_vacuum(store, 0, &vacuum, &error), MDL_E_ARGUMENT, "at least 1");
    assert_fails(mdl_store_vacuum(reader, 1, &vacuum, &error), MDL_E_STATE, "for reading");
    const int n_segments = count_files("segments");
    assert_ok(mdl_store_vacuum(store, 3, &vacuum, &error));
    ck_assert_int_eq(vacuum.n_versions_dropped, 2);
    ck_assert_int_eq(mdl_store_n_versions(store), 4);
    ck_assert_int_eq(count_files("versions"), 4);
    ck_assert_int_eq(vacuum.n_files_removed, 2 + n_segments - count_files("segments"));
    ck_assert_int_gt(vacuum.bytes_freed, 0);
    mdl_table *table = make_store_table(context, 3, 0, 2);
    assert_table(reader, "t", table);
    mdl_table_free(table);
    mdl_store_close(reader);

    assert_ok(mdl_store_vacuum(store, 3, &vacuum, &error));
    ck_assert_int_eq(vacuum.n_versions_dropped, 1);
    assert_versions(store, 4, 6);
    commit_versions(store, 8);
    assert_versions(store, 4, 8);
    mdl_store_options options;
    mdl_store_options_init(&options);
    options.read_only = true;
    for (options.version = 3; options.version < 10; options.version += 6) {
        assert_fails(mdl_store_open(context, path, &options, &reader, &error), MDL_E_NOT_FOUND,
                     "does not keep a version");
    }

    /* Left-overs go, other people's files do not. */
    char name[256];
    static const char *const extra[] = {"segments/new",
                                        "versions/new",
                                        "versions/99.manifest",
                                        "CURRENT.new",
                                        "segments/00000000000000000000000000000001.segment",
                                        "segments/README"};
    for (size_t i = 0; i < sizeof extra / sizeof extra[0]; i++) {
        snprintf(name, sizeof name, "%s/%s", path, extra[i]);
        FILE *file = fopen(name, "w");
        ck_assert_ptr_nonnull(file);
        fclose(file);
    }
    assert_ok(mdl_store_vacuum(store, 100, &vacuum, &error));
    ck_assert_int_eq(vacuum.n_versions_dropped, 0);
    ck_assert_int_eq(vacuum.n_files_removed, 5);
    ck_assert_int_eq(access(name, F_OK), 0);
    assert_ok(mdl_store_vacuum(store, 1, NULL, &error));
    assert_versions(store, 8, 8);
    mdl_store_close(store);
    finish();
}
END_TEST

/* Two stores that share files go different ways. */
START_TEST(clones)
{
    char to[128];
    start();
    snprintf(to, sizeof to, "%s/clone", folder);
    mdl_store *store = open_store();
    commit_versions(store, 3);
    mdl_store *reader = open_version(2);
    assert_ok(mdl_store_clone(reader, to, &error));
    mdl_store_close(reader);
    mdl_store *clone;
    assert_ok(mdl_store_open(context, to, NULL, &clone, &error));
    assert_versions(clone, 1, 2);
    ck_assert_str_eq(mdl_store_path(clone), to);

    mdl_table *table = make_store_table(context, 99, 0, 3);
    commit_one(clone, "t", table);
    assert_versions(store, 1, 3);
    assert_table(clone, "t", table);
    assert_ok(mdl_store_vacuum(clone, 1, NULL, &error));
    assert_versions(store, 1, 3);
    assert_ok(mdl_store_vacuum(store, 1, NULL, &error));
    assert_table(clone, "t", table);
    assert_ok(mdl_store_check(clone, &error));

    assert_fails(mdl_store_clone(store, to, &error), MDL_E_ARGUMENT, "is a store already");
    assert_fails(mdl_store_clone(store, folder, &error), MDL_E_ARGUMENT, "something else");
    assert_fails(mdl_store_clone(store, "/nowhere/at/all", &error), MDL_E_FILE_NOT_FOUND,
                 "/nowhere/at/all");
    mdl_store_close(clone);
    mdl_store_close(store);

    /* Of a store without a version. */
    strcat(path, "2");
    strcat(to, "2");
    store = open_store();
    assert_ok(mdl_store_clone(store, to, &error));
    assert_ok(mdl_store_open(context, to, NULL, &clone, &error));
    ck_assert_int_eq(mdl_store_version(clone), 0);
    mdl_store_close(clone);
    mdl_store_close(store);
    mdl_table_free(table);
    finish();
}
END_TEST

START_TEST(one_writer)
{
    start();
    mdl_store *store = open_store();
    mdl_store *second;
    mdl_store_options options;
    char expected[64];
    snprintf(expected, sizeof expected, "process %d", (int)getpid());
    assert_fails(mdl_store_open(context, path, NULL, &second, &error), MDL_E_STATE, expected);
    mdl_store_options_init(&options);
    options.lock_wait_seconds = 0.1;
    assert_fails(mdl_store_open(context, path, &options, &second, &error), MDL_E_STATE, expected);

    /* Readers do not mind, and see what was there when they came. */
    commit_versions(store, 1);
    second = open_version(0);
    commit_versions(store, 2);
    ck_assert_int_eq(mdl_store_version(second), 1);
    ck_assert_int_eq(mdl_store_n_versions(second), 1);
    ck_assert(mdl_store_is_read_only(second));
    ck_assert(!mdl_store_is_read_only(store));
    const mdl_store_item none = {"t", NULL};
    assert_fails(mdl_store_commit(second, &none, 1, "", 0, &error), MDL_E_STATE, "for reading");
    mdl_store_close(second);
    mdl_store_close(store);
    store = open_store();

    /* A process that dies gives up its lock; one that waits gets it. */
    mdl_store_close(store);
    const pid_t child = fork();
    if (child == 0) {
        mdl_context *own;
        mdl_store *held;
        if (mdl_context_create(NULL, &own, NULL) != MDL_OK ||
            mdl_store_open(own, path, NULL, &held, NULL) != MDL_OK) {
            _exit(1);
        }
        usleep(200 * 1000);
        _exit(0);
    }
    usleep(100 * 1000);
    options.lock_wait_seconds = 30;
    assert_ok(mdl_store_open(context, path, &options, &store, &error));
    int result;
    ck_assert_int_eq(waitpid(child, &result, 0), child);
    ck_assert_int_eq(result, 0);
    assert_versions(store, 1, 2);
    mdl_store_close(store);
    finish();
}
END_TEST

START_TEST(store_without_current_is_not_begun_anew)
{
    start();
    mdl_store *store = open_store();
    mdl_table *table = make_store_table(context, 1, 0, 3);
    commit_one(store, "t", table);
    mdl_store_close(store);
    char current[sizeof path + 16];
    char aside[sizeof path + 16];
    snprintf(current, sizeof current, "%s/CURRENT", path);
    snprintf(aside, sizeof aside, "%s.aside", path);
    ck_assert_int_eq(rename(current, aside), 0);
    assert_fails(mdl_store_open(context, path, NULL, &store, &error), MDL_E_CORRUPT,
                 "has versions but no CURRENT");
    ck_assert_int_eq(rename(aside, current), 0);
    store = open_store();
    ck_assert_int_eq(mdl_store_version(store), 1);
    mdl_store_close(store);
    mdl_table_free(table);
    finish();
}
END_TEST

START_TEST(wrong_calls)
{
    start();
    mdl_store *store;
    mdl_store_options options;
    mdl_store_options_init(&options);
    options.read_only = true;
    assert_fails(mdl_store_open(context, path, &options, &store, &error), MDL_E_FILE_NOT_FOUND,
                 "there is no store at");
    ck_assert_ptr_null(store);
    ck_assert_int_ne(access(path, F_OK), 0);
    options.read_only = false;
    options.must_exist = true;
    assert_fails(mdl_store_open(context, path, &options, &store, &error), MDL_E_FILE_NOT_FOUND,
                 "there is no store at");
    ck_assert_int_eq(mkdir(path, 0700), 0);
    assert_fails(mdl_store_open(context, path, &options, &store, &error), MDL_E_FILE_NOT_FOUND,
                 "is not a store");
    ck_assert_int_eq(rmdir(path), 0);
    options.version = 1;
    assert_fails(mdl_store_open(context, path, &options, &store, &error), MDL_E_ARGUMENT, "older");
    options.struct_size = 1;
    assert_fails(mdl_store_open(context, path, &options, &store, &error), MDL_E_ARGUMENT, "init");
    assert_fails(mdl_store_open(context, "", NULL, &store, &error), MDL_E_ARGUMENT, "folder");
    assert_fails(mdl_store_open(context, "/nowhere/at/all", NULL, &store, &error),
                 MDL_E_FILE_NOT_FOUND, "/nowhere/at/all");
    assert_fails(mdl_store_open(context, "/etc", NULL, &store, &error), MDL_E_ARGUMENT,
                 "something else than a store, such as");
    assert_fails(mdl_store_open(context, "/etc/passwd", NULL, &store, &error), MDL_E_ARGUMENT,
                 "not a folder");

    store = open_store();
    mdl_table *table = make_store_table(context, 1, 0, 3);
    char long_name[300];
    memset(long_name, 'a', sizeof long_name);
    long_name[256] = '\0';
    const char *const names[] = {"", "a\xff", long_name, NULL};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const mdl_store_item item = {names[i], table};
        assert_fails(mdl_store_commit(store, &item, 1, "", 0, &error), MDL_E_ARGUMENT, "UTF-8");
    }
    long_name[255] = '\0';
    const mdl_store_item twice[] = {{"t", table}, {long_name, table}, {"t", table}};
    assert_fails(mdl_store_commit(store, twice, 3, "", 0, &error), MDL_E_ARGUMENT, "twice");
    assert_fails(mdl_store_commit(store, twice, -1, "", 0, &error), MDL_E_ARGUMENT, "");
    assert_fails(mdl_store_commit(store, twice, 1, "\x80", 0, &error), MDL_E_ARGUMENT, "message");
    const mdl_store_item missing = {"t", NULL};
    assert_fails(mdl_store_commit(store, &missing, 1, "", 0, &error), MDL_E_NOT_FOUND, "table t");
    ck_assert_int_eq(mdl_store_version(store), 0);
    assert_ok(mdl_store_commit(store, twice, 2, NULL, -5, &error));
    ck_assert_int_eq(version_info(store, 0).committed_at, -5);
    ck_assert_int_eq(mdl_store_table_rows(store, long_name), 3);
    ck_assert_int_eq(mdl_store_table_rows(store, "u"), -1);
    ck_assert_int_eq(mdl_store_n_tables(store), 2);
    ck_assert_str_eq(mdl_store_table_name(store, 1), long_name);
    assert_ok(mdl_store_commit(store, NULL, 0, "nothing", 0, &error));
    ck_assert_int_eq(mdl_store_n_tables(store), 0);
    mdl_store_close(store);
    mdl_store_close(NULL);
    mdl_table_free(table);
    finish();
}
END_TEST

/* Commits versions and drops old ones until it is killed. */
static void commit_until_killed(void)
{
    mdl_store *store;
    mdl_store_options options;
    mdl_context_options context_options;
    mdl_context_options_init(&context_options);
    context_options.n_threads = 1;
    context_options.block_rows = 50;
    mdl_store_options_init(&options);
    if (mdl_context_create(&context_options, &context, NULL) != MDL_OK ||
        mdl_store_open(context, path, &options, &store, NULL) != MDL_OK) {
        _exit(1);
    }
    for (;;) {
        mdl_table *table = make_store_table(context, 3, 0, mdl_store_version(store) + 1);
        const mdl_store_item item = {"t", table};
        if (mdl_store_commit(store, &item, 1, "a message", 1700000000, NULL) != MDL_OK ||
            mdl_store_vacuum(store, 3, NULL, NULL) != MDL_OK) {
            _exit(1);
        }
        mdl_table_free(table);
    }
}

/* What the table of format_1_files holds. */
static mdl_table *make_words_table(void)
{
    static const mdl_field fields[] = {{"id", MDL_TYPE_INT32}, {"word", MDL_TYPE_STRING}};
    int32_t ids[FORMAT_1_ROWS];
    mdl_string words[FORMAT_1_ROWS];
    char texts[FORMAT_1_ROWS][64];
    mdl_table_builder *builder;
    mdl_table *table;
    for (int i = 0; i < FORMAT_1_ROWS; i++) {
        ids[i] = i * i;
        const int size = snprintf(texts[i], sizeof texts[i], "the same words in row %d", i);
        words[i] = (mdl_string){texts[i], size};
    }
    const mdl_vector vectors[] = {
        {.type = MDL_TYPE_INT32, .n_rows = FORMAT_1_ROWS, .values = ids},
        {.type = MDL_TYPE_STRING, .n_rows = FORMAT_1_ROWS, .values = words},
    };
    assert_ok(mdl_table_builder_create(context, fields, 2, &builder, &error));
    assert_ok(mdl_table_builder_append(builder, vectors, FORMAT_1_ROWS, &error));
    assert_ok(mdl_table_builder_finish(builder, &table, &error));
    mdl_table_builder_free(builder);
    return table;
}

/* Puts a file in the folder of the store. */
static void put_file(const char *name, const void *bytes, int64_t size_bytes)
{
    char file_path[256];
    snprintf(file_path, sizeof file_path, "%s/%s", path, name);
    FILE *file = fopen(file_path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq((int64_t)fwrite(bytes, 1, (size_t)size_bytes, file), size_bytes);
    ck_assert_int_eq(fclose(file), 0);
}

/* A store of format 1 opens, and the next commit makes it one of the newest format. */
START_TEST(format_1)
{
    start();
    mdl_store_close(open_store()); /* makes the folders */
    for (size_t f = 0; f < sizeof format_1_files / sizeof format_1_files[0]; f++) {
        put_file(format_1_files[f].name, format_1_files[f].bytes, format_1_files[f].size_bytes);
    }
    mdl_table *words = make_words_table();
    mdl_store *store = open_store();
    ck_assert_str_eq(version_info(store, 0).message, "of format 1");
    assert_ok(mdl_store_check(store, &error));
    assert_table(store, "words", words);
    mdl_store_close(store);

    store = open_store();
    const mdl_store_item kept_and_new[] = {{"words", NULL}, {"more words", words}};
    assert_ok(mdl_store_commit(store, kept_and_new, 2, "of today", 1, &error));
    mdl_store_close(store);
    store = open_store();
    assert_ok(mdl_store_check(store, &error));
    assert_table(store, "words", words);
    assert_table(store, "more words", words);
    mdl_store_close(store);
    mdl_table_free(words);
    finish();
}
END_TEST

/* Writes them in the place of what is there, and lets go of them. */
static void write_lists(mdli_version *version)
{
    void *bytes;
    int64_t size_bytes;
    assert_ok(mdli_version_add_up(version, &error));
    version->new_bytes = version->size_bytes;
    assert_ok(mdli_manifest_encode(context, version, &bytes, &size_bytes, &error));
    put_file("versions/1.manifest", bytes, size_bytes);
    mdli_free(context, bytes);
    mdli_version_clear(version);
}

/* Makes of each piece one that another library may have written: compressed by a higher level, and
 * numbers compressed too. */
static void compress_otherwise(void)
{
    uint8_t old[4096];
    uint8_t new[4096] = {0};
    uint8_t raw[4096];
    mdli_version version;
    mdli_store_path file;
    read_lists(&version);
    ck_assert_int_eq(version.n_segments, 1);
    assert_ok(mdli_store_path_init(&file, context, path, &error));
    FILE *segment = fopen(mdli_store_path_to_segment(&file, &version.segments[0].id), "rb");
    ck_assert_ptr_nonnull(segment);
    const int64_t size_bytes = (int64_t)fread(old, 1, sizeof old, segment);
    fclose(segment);
    ck_assert_int_eq(size_bytes, version.segments[0].size_bytes);
    int64_t end = MDLI_SEGMENT_HEADER_BYTES;
    int n_others = 0;
    for (int32_t b = 0; b < version.n_blocks; b++) {
        mdli_piece *piece = &version.blocks[b].piece;
        const int64_t old_bytes = piece->content.stored_bytes;
        if (piece->is_compressed) {
            assert_ok(mdli_decompress(context, old + piece->offset_bytes, old_bytes, raw,
                                      piece->raw_bytes, &error));
        } else {
            memcpy(raw, old + piece->offset_bytes, (size_t)old_bytes);
            piece->is_compressed = true;
            piece->raw_low = piece->content.low;
            piece->raw_high = piece->content.high;
        }
        assert_ok(mdli_compress(context, 19, raw, piece->raw_bytes, new + end,
                                (int64_t)sizeof new - end, &piece->content.stored_bytes, &error));
        n_others += piece->content.stored_bytes != old_bytes ||
                    memcmp(new + end, old + piece->offset_bytes, (size_t)old_bytes) != 0;
        const XXH128_hash_t hash = XXH3_128bits(new + end, (size_t)piece->content.stored_bytes);
        piece->content.low = hash.low64;
        piece->content.high = hash.high64;
        piece->offset_bytes = end;
        end += piece->content.stored_bytes;
    }
    ck_assert_int_gt(n_others, 0);
    version.segments[0] = (mdli_segment){.id = {1, 2}, .size_bytes = end};
    mdli_segment_header_encode(&version.segments[0].id, new);
    mdli_store_path_to_segment(&file, &version.segments[0].id);
    put_file(file.text + file.folder_bytes, new, end);
    mdli_store_path_free(&file);
    write_lists(&version);
}

/* What is known to be there is known by what it was before compression, whatever compressed it; and
 * the check tells where the manifest is wrong in that, of which readers need not know. */
START_TEST(raw_bytes_are_known)
{
    start();
    mdl_table *words = make_words_table();
    mdl_store *store = open_store();
    commit_one(store, "words", words);
    mdl_store_close(store);
    mdl_table_free(words);
    compress_otherwise();
    if (_i == 1) {
        mdli_version version;
        read_lists(&version);
        version.blocks[version.n_blocks - 1].piece.raw_low ^= 1;
        write_lists(&version);
    }

    words = make_words_table();
    store = open_store();
    assert_table(store, "words", words);
    if (_i == 0) {
        assert_ok(mdl_store_check(store, &error));
    } else {
        assert_fails(mdl_store_check(store, &error), MDL_E_CORRUPT,
                     "table words, column word, block 0: its bytes are not those");
    }
    commit_one(store, "words", words);
    const int64_t new_bytes = version_info(store, 1).new_bytes;
    ck_assert_msg((new_bytes > 0) == (_i == 1), "%lld bytes are new", (long long)new_bytes);
    assert_ok(mdl_store_check(store, &error));
    mdl_store_close(store);
    mdl_table_free(words);
    finish();
}
END_TEST

START_TEST(killed_at_any_time)
{
    start_with(1, 50);
    test_random random = test_random_start("killed_at_any_time");
    int64_t last = 0;
    /* On a busy machine some commits take more rounds, and longer ones. */
    for (int round = 0; round < 25 || (last <= 3 && round < 200); round++) {
        const pid_t child = fork();
        if (child == 0) {
            commit_until_killed();
        }
        usleep((useconds_t)(1000 + test_random_below(&random, 60000) * (1 + round / 25)));
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        int result;
        ck_assert_int_eq(waitpid(child, &result, 0), child);
        ck_assert_msg(WIFSIGNALED(result), "the child ended by itself: %d", result);

        mdl_store *store = open_store();
        const int64_t version = mdl_store_version(store);
        const int32_t n_versions = mdl_store_n_versions(store);
        ck_assert_int_ge(version, last);
        ck_assert_int_le(n_versions, version);
        assert_versions(store, version - n_versions + 1, version);
        last = version;
        mdl_store_close(store);
    }
    ck_assert_int_gt(last, 3);
    finish();
}
END_TEST

static mdl_table *shared_table;

/* Commits the table to a store of its own, and reads it. */
static void *commit_and_read(void *name)
{
    char own[160];
    mdl_store *store = NULL;
    mdl_table *table = NULL;
    const mdl_store_item item = {"t", shared_table};
    snprintf(own, sizeof own, "%s/%s", folder, (const char *)name);
    bool is_right = mdl_store_open(context, own, NULL, &store, NULL) == MDL_OK &&
                    mdl_store_commit(store, &item, 1, "", 0, NULL) == MDL_OK &&
                    mdl_store_read_table(store, "t", NULL, 0, &table, NULL) == MDL_OK;
    is_right = is_right && are_same_tables(context, table, shared_table);
    mdl_table_free(table);
    mdl_store_close(store);
    return is_right ? name : NULL;
}

/* Stores on several threads write the same blocks at once. */
START_TEST(stores_of_several_threads)
{
    static char names[4][8] = {"a", "b", "c", "d"};
    pthread_t threads[4];
    start();
    shared_table = make_store_table(context, 21, 0, 3000);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, commit_and_read, names[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *result;
        ck_assert_int_eq(pthread_join(threads[i], &result), 0);
        ck_assert_ptr_eq(result, names[i]);
    }
    mdl_table_free(shared_table);
    finish();
}
END_TEST

static Suite *store_suite(void)
{
    Suite *suite = suite_create("store");
    TCase *tables = tcase_create("tables");
    tcase_set_timeout(tables, 300);
    tcase_add_loop_test(tables, round_trip, 0, 4);
    tcase_add_test(tables, statistics);
    tcase_add_test(tables, bytes_are_shared);
    tcase_add_test(tables, views_share_blocks);
    tcase_add_test(tables, blocks_are_found_in_any_order);
    tcase_add_loop_test(tables, large_segments, 0, 2);
    tcase_add_test(tables, unused_blocks_are_let_go);
    tcase_add_test(tables, blocks_that_come_together);
    tcase_add_test(tables, chosen_columns);
    suite_add_tcase(suite, tables);
    TCase *versions = tcase_create("versions");
    tcase_set_timeout(versions, 300);
    tcase_add_test(versions, versions_and_vacuum);
    tcase_add_test(versions, clones);
    tcase_add_test(versions, one_writer);
    tcase_add_test(versions, store_without_current_is_not_begun_anew);
    tcase_add_test(versions, wrong_calls);
    tcase_add_test(versions, format_1);
    tcase_add_loop_test(versions, raw_bytes_are_known, 0, 2);
    tcase_add_test(versions, killed_at_any_time);
    tcase_add_test(versions, stores_of_several_threads);
    suite_add_tcase(suite, versions);
    return suite;
}

int main(void)
{
    return run_suite(store_suite());
}
