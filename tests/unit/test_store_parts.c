/*
 * Blocks of a store whose bytes come in parts: nothing is read before it is asked for, and no more
 * than that; what is damaged is told by whoever needs it, and by nobody else; files that go and
 * threads that come at once make no difference.
 */
#include "support/failing_allocator.h"
#include "support/fake_files.h"
#include "support/run_suite.h"
#include "support/store_tables.h"

#include <pthread.h>

#include "base/compression.h"
#include "store/store_internal.h"

#define STORE "/store"

enum {
    N_ROWS = 110000,
    BLOCK_ROWS = 40000,
    N_COLUMNS = 5,
    N_PARTED = 3, /* the first columns, whose blocks come in parts */
    EDIT_ROW = 9000
};

static const mdl_field fields[N_COLUMNS] = {
    {"movie", MDL_TYPE_INT32}, {"rating", MDL_TYPE_DECIMAL}, {"at", MDL_TYPE_TIMESTAMP},
    {"id", MDL_TYPE_INT32},    {"word", MDL_TYPE_STRING},
};

static mdl_context *context;
static mdl_table *table;
static fake_files *files;
static mdli_file_system file_system;
static mdl_error error;
static _Atomic int64_t n_bytes_read;

static int64_t counting_read_at(void *data, int file, void *to, int64_t size_bytes,
                                int64_t offset_bytes)
{
    const int64_t n = fake_read_at(data, file, to, size_bytes, offset_bytes);
    atomic_fetch_add(&n_bytes_read, n > 0 ? n : 0);
    return n;
}

/* In "movie" rows rise by steps and fall now and then; in "at" they lie close together in several
 * places. */
static mdl_table *make_table(void)
{
    static const char *const words[] = {"a", "few", "words"};
    mdl_table_builder *builder;
    mdl_table *made;
    int32_t *ints = calloc((size_t)N_ROWS * 3, sizeof *ints);
    int64_t *times = calloc(N_ROWS, sizeof *times);
    mdl_string *strings = calloc(N_ROWS, sizeof *strings);
    for (int64_t row = 0; row < N_ROWS; row++) {
        const uint64_t number = store_number(5, row, 1);
        ints[row] = (int32_t)(row % 90 * 700 + (int64_t)(number % 600));
        ints[N_ROWS + row] = (int32_t)(number >> 20 & 15) * 50;
        times[row] = 1500000000 + (int64_t)(store_number(5, row / 500, 2) % 100000000) +
                     (int64_t)(number >> 30 & 0x3fff);
        ints[2 * N_ROWS + row] = (int32_t)row;
        const char *word = words[number % 3];
        strings[row] = (mdl_string){word, (int64_t)strlen(word)};
    }
    const mdl_vector vectors[N_COLUMNS] = {
        {.type = fields[0].type, .n_rows = N_ROWS, .values = ints},
        {.type = fields[1].type, .n_rows = N_ROWS, .values = ints + N_ROWS},
        {.type = fields[2].type, .n_rows = N_ROWS, .values = times},
        {.type = fields[3].type, .n_rows = N_ROWS, .values = ints + 2 * N_ROWS},
        {.type = fields[4].type, .n_rows = N_ROWS, .values = strings},
    };
    must(mdl_table_builder_create(context, fields, N_COLUMNS, &builder, NULL) == MDL_OK);
    must(mdl_table_builder_append(builder, vectors, N_ROWS, NULL) == MDL_OK);
    must(mdl_table_builder_finish(builder, &made, NULL) == MDL_OK);
    mdl_table_builder_free(builder);
    free(ints);
    free(times);
    free(strings);
    return made;
}

static mdl_store *open_store(bool read_only)
{
    mdl_store_options options;
    mdl_store *store;
    mdl_store_options_init(&options);
    options.read_only = read_only;
    ck_assert_msg(mdli_store_open_with(context, &file_system, STORE, &options, &store, &error) ==
                      MDL_OK,
                  "%s", error.message);
    return store;
}

static void commit(mdl_store *store, const char *name, const mdl_table *committed)
{
    const mdl_store_item item = {name, committed};
    ck_assert_msg(mdl_store_commit(store, &item, 1, "", 1, &error) == MDL_OK, "%s", error.message);
}

static mdl_table *read_all(mdl_store *store, const char *name)
{
    mdl_table *read;
    ck_assert_msg(mdl_store_read_table(store, name, NULL, 0, &read, &error) == MDL_OK, "%s",
                  error.message);
    return read;
}

static void start_with(const mdl_allocator *allocator)
{
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.n_threads = 1;
    options.block_rows = BLOCK_ROWS;
    if (allocator != NULL) {
        options.allocator = *allocator;
    }
    ck_assert_int_eq(mdl_context_create(&options, &context, NULL), MDL_OK);
    error = (mdl_error)MDL_ERROR_INIT;
    files = fake_files_new();
    file_system = fake_file_system(files);
    file_system.read_at = counting_read_at;
    table = make_table();
    mdl_store *store = open_store(false);
    commit(store, "t", table);
    mdl_store_close(store);
}

static void start(void)
{
    start_with(NULL);
}

static void finish(void)
{
    mdl_table_free(table);
    fake_files_free(files);
    ck_assert_int_eq(mdl_context_memory_in_use(context), 0);
    mdl_context_free(context);
}

/* Reads rows of a column and holds them against those that were written. */
static mdl_status read_rows(const mdl_table *read, int column, int64_t row, int64_t n,
                            mdl_error *reason)
{
    mdli_decode_buffer buffer;
    mdli_decode_buffer expected_buffer;
    mdl_vector values;
    mdl_vector expected;
    mdli_decode_buffer_init(&buffer, context);
    mdli_decode_buffer_init(&expected_buffer, context);
    mdl_status status = mdli_column_read(read->columns[column], row, n, &buffer, &values, reason);
    if (status == MDL_OK) {
        ck_assert_int_eq(
            mdli_column_read(table->columns[column], row, n, &expected_buffer, &expected, NULL),
            MDL_OK);
        const size_t bytes = fields[column].type == MDL_TYPE_TIMESTAMP ? 8 : 4;
        ck_assert_msg(memcmp(values.values, expected.values, bytes * (size_t)n) == 0,
                      "column %d, rows from %lld on came back otherwise", column, (long long)row);
    }
    mdli_decode_buffer_free(&buffer);
    mdli_decode_buffer_free(&expected_buffer);
    return status;
}

static void assert_rows(const mdl_table *read, int column, int64_t row, int64_t n)
{
    ck_assert_msg(read_rows(read, column, row, n, &error) == MDL_OK, "%s", error.message);
}

START_TEST(what_is_asked_for_is_read)
{
    start();
    mdl_store *store = open_store(true);
    mdl_table *read = read_all(store, "t");
    for (int c = 0; c < N_COLUMNS; c++) {
        for (int64_t b = 0; b < 3; b++) {
            const mdli_block *block = read->columns[c]->blocks[b];
            ck_assert_msg((block->parts != NULL) == (c < N_PARTED), "column %d, block %d", c,
                          (int)b);
        }
    }
    for (int c = 0; c < N_PARTED; c++) {
        const int64_t payload_bytes = read->columns[c]->blocks[1]->payload_bytes;
        ck_assert_int_gt(payload_bytes, 2 * MDLI_PART_BYTES);
        /* The directory, and a frame that a part may end in the midst of. */
        n_bytes_read = 0;
        assert_rows(read, c, BLOCK_ROWS + 5000, 1);
        ck_assert_int_ge(n_bytes_read, MDLI_PART_BYTES);
        ck_assert_int_le(n_bytes_read, 3 * MDLI_PART_BYTES);
        n_bytes_read = 0;
        assert_rows(read, c, BLOCK_ROWS + 5000, 1);
        ck_assert_int_eq(n_bytes_read, 0);
        /* All that was not there, each byte once, from both blocks. */
        assert_rows(read, c, BLOCK_ROWS + 3000, 6000);
        assert_rows(read, c, BLOCK_ROWS - 700, 1000);
        assert_rows(read, c, BLOCK_ROWS, BLOCK_ROWS);
        const int64_t others = read->columns[c]->blocks[0]->payload_bytes;
        ck_assert_int_lt(n_bytes_read, payload_bytes + others);
        ck_assert_int_ge(n_bytes_read, payload_bytes - 3 * MDLI_PART_BYTES);
    }
    mdl_store_close(store);
    ck_assert(are_same_tables(context, read, table));
    mdl_table_free(read);
    finish();
}
END_TEST

/* A day that touches few rows reads little; the next one, which reads slices, likewise. */
START_TEST(edits_read_what_they_touch)
{
    start();
    const mdli_table_edit edit = {.row = EDIT_ROW, .new_row = -1, .drops_row = true};
    mdl_table *edited;
    mdl_table *expected;
    mdl_store *store = open_store(false);
    mdl_table *read = read_all(store, "t");
    n_bytes_read = 0;
    ck_assert_int_eq(mdli_table_apply_edits(context, read, NULL, &edit, 1, &edited, &error),
                     MDL_OK);
    commit(store, "t", edited);
    int64_t payload_bytes = 0;
    for (int c = 0; c < N_PARTED; c++) {
        for (int64_t b = 0; b < 3; b++) {
            payload_bytes += read->columns[c]->blocks[b]->payload_bytes;
        }
        ck_assert_int_eq(edited->columns[c]->blocks[0]->encoding, MDL_ENCODING_SLICE);
    }
    ck_assert_int_lt(n_bytes_read, payload_bytes / 3);
    mdl_table_free(read);
    mdl_table_free(edited);
    mdl_store_close(store);

    store = open_store(true);
    n_bytes_read = 0;
    read = read_all(store, "t");
    ck_assert_int_lt(n_bytes_read, payload_bytes / 3);
    const mdl_table *before = table;
    ck_assert_int_eq(mdli_table_apply_edits(context, before, NULL, &edit, 1, &expected, &error),
                     MDL_OK);
    ck_assert(are_same_tables(context, read, expected));
    for (int c = 0; c < N_PARTED; c++) {
        const mdl_column_stats a = mdl_column_get_stats(read->columns[c]);
        const mdl_column_stats b = mdl_column_get_stats(expected->columns[c]);
        ck_assert_int_eq(a.min.as.integer, b.min.as.integer);
        ck_assert_int_eq(a.max.as.integer, b.max.as.integer);
    }
    ck_assert_int_eq(mdl_store_check(store, &error), MDL_OK);
    mdl_store_close(store);
    mdl_table_free(read);
    mdl_table_free(expected);
    finish();
}
END_TEST

/* What the version has is not read for the next one; another store has to have the bytes. */
START_TEST(commits_of_what_was_not_read)
{
    start();
    mdl_store *store = open_store(false);
    mdl_table *read = read_all(store, "t");
    n_bytes_read = 0;
    commit(store, "u", read);
    ck_assert_int_eq(n_bytes_read, 0);
    mdl_table *again = read_all(store, "u");
    for (int c = 0; c < N_PARTED; c++) {
        ck_assert(mdli_blocks_have_same_bodies(read->columns[c]->blocks[0],
                                               again->columns[c]->blocks[0]));
        ck_assert(!mdli_blocks_have_same_bodies(read->columns[c]->blocks[0],
                                                again->columns[c]->blocks[1]));
        ck_assert(mdli_blocks_have_same_bodies(read->columns[c]->blocks[2],
                                               table->columns[c]->blocks[2]));
    }
    mdl_store *other;
    ck_assert_int_eq(mdli_store_open_with(context, &file_system, "/other", NULL, &other, &error),
                     MDL_OK);
    commit(other, "t", read);
    mdl_table_free(read);
    mdl_table_free(again);
    mdl_store_close(store);
    mdl_store_close(other);
    ck_assert_int_eq(mdli_store_open_with(context, &file_system, "/other", NULL, &other, &error),
                     MDL_OK);
    read = read_all(other, "t");
    ck_assert(are_same_tables(context, read, table));
    mdl_table_free(read);
    mdl_store_close(other);
    finish();
}
END_TEST

/* The bytes of the one segment that there is. */
static uint8_t *segment_bytes(void)
{
    uint8_t *bytes = NULL;
    for (int i = 0; i < files->n_names; i++) {
        if (files->names[i].now == FAKE_FILE && strstr(files->names[i].path, ".segment") != NULL) {
            ck_assert_ptr_null(bytes);
            bytes = files->inodes[files->names[i].now_inode].now.bytes;
        }
    }
    ck_assert_ptr_nonnull(bytes);
    return bytes;
}

static const mdli_piece *piece_of(const mdl_store *store, int column, int block)
{
    const mdli_version *version = &store->at_hand.version;
    return &version->blocks[version->tables[0].columns[column].blocks[block]].piece;
}

static void assert_damage_is_named(int column, const char *what)
{
    char place[128];
    snprintf(place, sizeof place, "table t, column %s, block 1: %s", fields[column].name, what);
    ck_assert_msg(strstr(error.message, place) != NULL, "%s", error.message);
    ck_assert_ptr_nonnull(strstr(error.file, "/store/segments/"));
    ck_assert_str_eq(error.column, fields[column].name);
    error = (mdl_error)MDL_ERROR_INIT;
}

/* One bit of each part in turn. */
START_TEST(damage_is_told_by_who_needs_it)
{
    start();
    mdl_store *store = open_store(true);
    for (int c = 0; c < N_PARTED; c++) {
        const mdli_piece *piece = piece_of(store, c, 1);
        const int64_t n_parts = mdli_n_parts(piece->raw_bytes);
        for (int64_t part = 0; part < n_parts; part++) {
            const int64_t start_bytes = part * MDLI_PART_BYTES;
            const int64_t n_left = piece->raw_bytes - start_bytes;
            const int64_t at = start_bytes + (n_left < MDLI_PART_BYTES ? n_left : 4000) / 2;
            uint8_t *byte = segment_bytes() + piece->offset_bytes + at;
            *byte ^= 16;
            mdl_table *read = read_all(store, "t");
            ck_assert_int_eq(read_rows(read, c, BLOCK_ROWS, BLOCK_ROWS, &error), MDL_E_CORRUPT);
            assert_damage_is_named(c, "its checksum is not that of its bytes");
            /* Rows that are far from it are there, unless it is in the directory. */
            if (part > 2) {
                assert_rows(read, c, BLOCK_ROWS, 300);
            }
            assert_rows(read, c, 0, BLOCK_ROWS);
            assert_rows(read, (c + 1) % N_PARTED, BLOCK_ROWS, BLOCK_ROWS);
            /* Operators tell it as well. */
            mdl_query *query = mdl_query_create(context);
            mdl_table *result = NULL;
            mdl_rel *rel = mdl_aggregate(mdl_scan(query, read), fields[c].name, "count(*) as n");
            ck_assert_int_eq(mdl_query_collect(query, rel, &result, &error), MDL_E_CORRUPT);
            ck_assert_ptr_null(result);
            assert_damage_is_named(c, "its checksum is not that of its bytes");
            mdl_query_free(query);
            ck_assert_int_eq(mdl_store_check(store, &error), MDL_E_CORRUPT);
            assert_damage_is_named(c, "its checksum is not that of its bytes");
            /* A failure is not remembered. */
            *byte ^= 16;
            assert_rows(read, c, BLOCK_ROWS, BLOCK_ROWS);
            mdl_table_free(read);
        }
    }
    mdl_store_close(store);
    finish();
}
END_TEST

START_TEST(files_that_fail)
{
    start();
    mdl_store *store = open_store(true);
    mdl_table *read = read_all(store, "t");
    fake_fail(files, 0, false, EIO);
    ck_assert_int_eq(read_rows(read, 0, 0, 1, &error), MDL_E_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "Input/output error"));
    error = (mdl_error)MDL_ERROR_INIT;
    fake_fail(files, 1, false, EIO);
    ck_assert_int_eq(read_rows(read, 2, 0, BLOCK_ROWS, &error), MDL_E_IO);
    error = (mdl_error)MDL_ERROR_INIT;
    fake_fail(files, -1, false, 0);
    ck_assert(are_same_tables(context, read, table));
    mdl_table_free(read);
    mdl_store_close(store);
    finish();
}
END_TEST

/* A table that was hardly read stays whole when its version is dropped, and its store closed. */
START_TEST(vacuum_under_a_reader)
{
    start();
    mdl_store *store = open_store(false);
    mdl_table *read = read_all(store, "t");
    assert_rows(read, 0, 100, 5);
    mdl_table *other = make_store_table(context, 4, 0, 50);
    commit(store, "other", other);
    ck_assert_int_eq(mdl_store_vacuum(store, 1, NULL, &error), MDL_OK);
    mdl_store_close(store);
    int n_segments = 0;
    for (int i = 0; i < files->n_names; i++) {
        n_segments +=
            files->names[i].now == FAKE_FILE && strstr(files->names[i].path, ".segment") != NULL;
    }
    ck_assert_int_eq(n_segments, 1);
    ck_assert(are_same_tables(context, read, table));
    mdl_table_free(read);
    mdl_table_free(other);
    finish();
}
END_TEST

/* Frames that a made-up file has under right checksums. */
START_TEST(made_up_frames)
{
    start();
    mdl_store *store = open_store(true);
    int n_told = 0;
    for (int c = 0; c < N_PARTED; c++) {
        const mdli_piece *piece = piece_of(store, c, 1);
        uint8_t *body = segment_bytes() + piece->offset_bytes;
        uint8_t *kept = malloc((size_t)piece->raw_bytes);
        memcpy(kept, body, (size_t)piece->raw_bytes);
        for (int round = 0; round < 60; round++) {
            const uint64_t number = store_number(9, round, c);
            /* Half of the time in the directory. */
            const uint64_t range = round % 2 == 0 ? 1200 : (uint64_t)piece->raw_bytes;
            const int64_t at = (int64_t)(number % range);
            const int64_t part = at / MDLI_PART_BYTES;
            uint64_t *hash = (uint64_t *)&piece->part_hashes[part];
            const uint64_t kept_hash = *hash;
            body[at] ^= (uint8_t)(number >> 40 | 1);
            *hash = mdli_part_hash(context, body, piece->raw_bytes, part);
            mdl_table *read = read_all(store, "t");
            const mdli_block *block = read->columns[c]->blocks[1];
            mdli_decode_buffer buffer;
            mdl_vector values;
            mdli_decode_buffer_init(&buffer, context);
            mdl_status status =
                mdli_block_decode(block, 0, block->n_rows, &buffer, &values, &error);
            ck_assert_msg(status == MDL_OK || status == MDL_E_CORRUPT, "%s", error.message);
            for (int64_t row = 0; status == MDL_OK && row < values.n_rows; row++) {
                const int64_t value = c == 2 ? ((const int64_t *)values.values)[row]
                                             : ((const int32_t *)values.values)[row];
                ASSERT_IN_LOOP(block->min <= value && value <= block->max, "row %d", (int)row);
            }
            n_told += status != MDL_OK;
            error = (mdl_error)MDL_ERROR_INIT;
            mdli_decode_buffer_free(&buffer);
            mdl_table_free(read);
            memcpy(body, kept, (size_t)piece->raw_bytes);
            *hash = kept_hash;
        }
        free(kept);
    }
    ck_assert_int_gt(n_told, 20);
    mdl_store_close(store);
    finish();
}
END_TEST

static void *read_every_column(void *data)
{
    const mdl_table *read = data;
    mdl_error reason = MDL_ERROR_INIT;
    for (int64_t row = 0; row < N_ROWS; row += 1000) {
        for (int c = 0; c < N_PARTED; c++) {
            if (read_rows(read, c, row, 1000, &reason) != MDL_OK) {
                return NULL;
            }
        }
    }
    return data;
}

START_TEST(threads_that_come_at_once)
{
    enum {
        N_READERS = 4
    };
    start();
    mdl_store *store = open_store(true);
    for (int round = 0; round < 5; round++) {
        mdl_table *read = read_all(store, "t");
        pthread_t threads[N_READERS];
        n_bytes_read = 0;
        for (int t = 0; t < N_READERS; t++) {
            ck_assert_int_eq(pthread_create(&threads[t], NULL, read_every_column, read), 0);
        }
        for (int t = 0; t < N_READERS; t++) {
            void *result;
            pthread_join(threads[t], &result);
            ck_assert_ptr_eq(result, read);
        }
        /* Each byte once. */
        int64_t payload_bytes = 0;
        for (int c = 0; c < N_PARTED; c++) {
            for (int64_t b = 0; b < 3; b++) {
                payload_bytes += read->columns[c]->blocks[b]->payload_bytes;
            }
        }
        ck_assert_int_eq(n_bytes_read, payload_bytes);
        mdl_table_free(read);
    }
    mdl_store_close(store);
    finish();
}
END_TEST

/* Each allocation of reading a table, and of reading its rows, fails. */
START_TEST(reading_without_memory)
{
    failing_allocator allocator = {INT64_MAX, 0, false};
    const mdl_allocator functions = failing_allocator_hooks(&allocator);
    start_with(&functions);
    const int64_t n_held = allocator.n_held;
    mdl_status status = MDL_E_NO_MEMORY;
    int64_t n = 0;
    for (; status != MDL_OK; n++) {
        mdl_store *store = open_store(true);
        mdl_table *read;
        error = (mdl_error)MDL_ERROR_INIT;
        allocator.n_left = n;
        status = mdl_store_read_table(store, "t", NULL, 0, &read, &error);
        for (int c = 0; c < N_PARTED && status == MDL_OK; c++) {
            mdli_decode_buffer buffer;
            mdl_vector values;
            mdli_decode_buffer_init(&buffer, context);
            status = mdli_column_read(read->columns[c], 15000, 10000, &buffer, &values, &error);
            mdli_decode_buffer_free(&buffer);
        }
        allocator.n_left = INT64_MAX;
        ck_assert_msg(status == MDL_OK || status == MDL_E_NO_MEMORY, "%s", error.message);
        ck_assert(status != MDL_OK || are_same_tables(context, read, table));
        mdl_table_free(read);
        mdl_store_close(store);
        ck_assert_int_eq(allocator.n_held, n_held);
    }
    ck_assert_int_gt(n, 30);
    finish();
    ck_assert_int_eq(allocator.n_held, 0);
}
END_TEST

/* A version as bytes, and what reading these as of a format gives. */
static mdl_status decode_lists(const void *bytes, int64_t size_bytes, int format)
{
    const uint8_t *manifest = bytes;
    mdl_status status;
    mdli_version version;
    uint64_t stored_bytes;
    uint64_t raw_bytes;
    memcpy(&stored_bytes, manifest + 64, sizeof stored_bytes);
    memcpy(&raw_bytes, manifest + 72, sizeof raw_bytes);
    uint8_t *lists = malloc(raw_bytes);
    const uint8_t *stored = manifest + size_bytes - stored_bytes;
    if (stored_bytes < raw_bytes) {
        ck_assert_int_eq(mdli_decompress(context, stored, (int64_t)stored_bytes, lists,
                                         (int64_t)raw_bytes, &error),
                         MDL_OK);
    } else {
        memcpy(lists, stored, raw_bytes);
    }
    mdli_version_init(&version, context);
    status =
        mdli_manifest_body_decode(lists, (int64_t)raw_bytes, format, "lists", &version, &error);
    mdli_version_clear(&version);
    free(lists);
    return status;
}

static void encode_version(const mdl_store *store, void **bytes, int64_t *size_bytes)
{
    ck_assert_int_eq(
        mdli_manifest_encode(context, &store->at_hand.version, bytes, size_bytes, &error), MDL_OK);
}

/* Format 2 has no checksums of parts; its lists are read as they were. */
START_TEST(format_2)
{
    start();
    void *bytes;
    int64_t size_bytes;
    mdl_store *store = open_store(false);
    encode_version(store, &bytes, &size_bytes);
    ck_assert_int_eq(decode_lists(bytes, size_bytes, 3), MDL_OK);
    ck_assert_int_eq(decode_lists(bytes, size_bytes, 2), MDL_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "in a form that none is in"));
    error = (mdl_error)MDL_ERROR_INIT;
    mdli_free(context, bytes);

    mdl_table *small = make_store_table(context, 1, 0, 300);
    commit(store, "t", small);
    encode_version(store, &bytes, &size_bytes);
    ck_assert_int_eq(decode_lists(bytes, size_bytes, 2), MDL_OK);
    mdli_free(context, bytes);

    /* Without them a block is read as a whole. */
    commit(store, "t", table);
    mdl_store_close(store);
    store = open_store(true);
    for (int32_t b = 0; b < store->at_hand.version.n_blocks; b++) {
        store->at_hand.version.blocks[b].piece.part_hashes = NULL;
    }
    mdl_table *read = read_all(store, "t");
    ck_assert_ptr_null(read->columns[0]->blocks[0]->parts);
    ck_assert(are_same_tables(context, read, table));
    mdl_table_free(read);
    mdl_store_close(store);
    mdl_table_free(small);
    finish();
}
END_TEST

static Suite *store_parts_suite(void)
{
    Suite *suite = suite_create("store_parts");
    TCase *parts = tcase_create("parts");
    tcase_set_timeout(parts, 600);
    tcase_add_test(parts, what_is_asked_for_is_read);
    tcase_add_test(parts, edits_read_what_they_touch);
    tcase_add_test(parts, commits_of_what_was_not_read);
    tcase_add_test(parts, vacuum_under_a_reader);
    tcase_add_test(parts, threads_that_come_at_once);
    tcase_add_test(parts, format_2);
    suite_add_tcase(suite, parts);
    TCase *faults = tcase_create("faults");
    tcase_set_timeout(faults, 600);
    tcase_add_test(faults, damage_is_told_by_who_needs_it);
    tcase_add_test(faults, files_that_fail);
    tcase_add_test(faults, made_up_frames);
    tcase_add_test(faults, reading_without_memory);
    suite_add_tcase(suite, faults);
    return suite;
}

int main(void)
{
    return run_suite(store_parts_suite());
}
