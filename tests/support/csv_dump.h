/*
 * For tests of CSV: contexts with chosen settings, and tables as text that shows every value.
 */
#ifndef TESTS_CSV_DUMP_H
#define TESTS_CSV_DUMP_H

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "medallion/medallion.h"

/* Bytes that grow; zero-initialise. Always NUL-terminated behind the end once something was added.
 */
typedef struct dump {
    char *bytes;
    size_t size;
    size_t capacity;
} dump;

static inline void dump_add(dump *to, const char *bytes, size_t size)
{
    if (to->size + size + 1 > to->capacity) {
        to->capacity = 2 * (to->size + size + 1);
        to->bytes = realloc(to->bytes, to->capacity);
        ck_assert_ptr_nonnull(to->bytes);
    }
    if (size > 0) {
        memcpy(to->bytes + to->size, bytes, size);
    }
    to->size += size;
    to->bytes[to->size] = '\0';
}

static inline void dump_add_text(dump *to, const char *text)
{
    dump_add(to, text, strlen(text));
}

static inline void dump_free(dump *it)
{
    free(it->bytes);
    *it = (dump){.bytes = NULL};
}

/* One text value: `text NULL` as `-`, else its size and bytes, so that no two values look alike. */
static inline void dump_add_field(dump *to, const char *text, size_t size)
{
    if (text == NULL) {
        dump_add_text(to, "- ");
        return;
    }
    char prefix[32];
    snprintf(prefix, sizeof prefix, "%zu:", size);
    dump_add_text(to, prefix);
    dump_add(to, text, size);
    dump_add_text(to, " ");
}

static inline void dump_add_value(dump *to, const mdl_vector *values, int64_t row)
{
    char text[64];
    if (mdl_vector_is_null(values, row)) {
        dump_add_field(to, NULL, 0);
        return;
    }
    switch (values->type) {
    case MDL_TYPE_STRING: {
        mdl_string string = mdl_vector_string(values, row);
        dump_add_field(to, string.size_bytes > 0 ? string.data : "", (size_t)string.size_bytes);
        return;
    }
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        snprintf(text, sizeof text, "%" PRId32 " ", mdl_vector_int32(values, row));
        break;
    case MDL_TYPE_BOOL:
        snprintf(text, sizeof text, "%d ", ((const uint8_t *)values->values)[row]);
        break;
    case MDL_TYPE_FLOAT64:
        snprintf(text, sizeof text, "%a ", ((const double *)values->values)[row]);
        break;
    default:
        snprintf(text, sizeof text, "%" PRId64 " ", mdl_vector_int64(values, row));
        break;
    }
    dump_add_text(to, text);
}

/* All rows of a table, a line each. NULL is an empty table. */
static inline void dump_add_table(dump *to, mdl_context *context, const mdl_table *table)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_cursor *cursor;
    mdl_batch batch;
    if (table == NULL) {
        return;
    }
    ck_assert_msg(mdl_cursor_create(context, table, NULL, 0, &cursor, &error) == MDL_OK, "%s",
                  error.message);
    for (;;) {
        ck_assert_msg(mdl_cursor_next(cursor, &batch, &error) == MDL_OK, "%s", error.message);
        if (batch.n_rows == 0) {
            break;
        }
        for (int64_t row = 0; row < batch.n_rows; row++) {
            for (int32_t i = 0; i < batch.n_columns; i++) {
                dump_add_value(to, &batch.columns[i], row);
            }
            dump_add_text(to, "\n");
        }
    }
    mdl_cursor_free(cursor);
}

/* How a file is read: what must not change the result. */
typedef struct read_settings {
    int32_t n_threads;
    int64_t chunk_bytes;
    int64_t block_rows;
    mdl_simd simd;
} read_settings;

static inline mdl_context *make_context(read_settings settings)
{
    mdl_context_options options;
    mdl_context *context = NULL;
    mdl_error error = MDL_ERROR_INIT;
    mdl_context_options_init(&options);
    options.n_threads = settings.n_threads;
    options.chunk_bytes = settings.chunk_bytes;
    options.block_rows = settings.block_rows;
    options.max_simd = settings.simd;
    ck_assert_msg(mdl_context_create(&options, &context, &error) == MDL_OK, "%s", error.message);
    return context;
}

/* Bytes that have to come. */
typedef struct expected_bytes {
    const char *bytes;
    size_t n_left;
} expected_bytes;

static inline int compare_bytes(void *user_data, const char *bytes, int64_t size_bytes)
{
    expected_bytes *expected = user_data;
    size_t size = (size_t)size_bytes;
    if (size > expected->n_left || (size > 0 && memcmp(bytes, expected->bytes, size) != 0)) {
        ck_abort_msg("%zu bytes before the end of the file, \"%.*s\" is written back",
                     expected->n_left, (int)size, bytes);
    }
    expected->bytes += size;
    expected->n_left -= size;
    return 0;
}

/* Writes the file that was read back, and compares it. */
static inline void expect_file_back(mdl_context *context, const mdl_csv_result *result,
                                    const char *bytes, size_t size)
{
    mdl_error error = MDL_ERROR_INIT;
    expected_bytes expected = {bytes, size};
    ck_assert_ptr_nonnull(result->layout);
    ck_assert_msg(mdl_csv_restore(context, result->table, 0, mdl_table_n_rows(result->table),
                                  result->n_records, result->layout, compare_bytes, &expected,
                                  &error) == MDL_OK,
                  "%s", error.message);
    ck_assert_uint_eq(expected.n_left, 0);
}

/* Everything that a read answers, as text: the error, or the rows, the rejects, the layout and the
 * numbers. The file has to come back from them. */
static inline void dump_read(dump *to, mdl_context *context, const char *bytes, size_t size,
                             const mdl_csv_column *columns, int32_t n_columns,
                             const mdl_csv_options *options)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_csv_result result;
    char line[1024];
    mdl_status status = mdl_csv_read_memory(context, "test.csv", bytes, (int64_t)size, columns,
                                            n_columns, options, &result, &error);
    if (status != MDL_OK) {
        ck_assert_ptr_null(result.table);
        ck_assert_ptr_null(result.rejects);
        ck_assert_ptr_null(result.layout);
        dump_add_text(to, error.message);
        snprintf(line, sizeof line, "\n%d %d %s %s %s %" PRId64 " %" PRId64 " %" PRId64 "\n",
                 status, error.status, error.file, error.column, error.text, error.line,
                 error.record, error.offset_bytes);
        dump_add_text(to, line);
        return;
    }
    ck_assert_int_eq(mdl_table_n_rows(result.table) + result.n_rejected, result.n_records);
    ck_assert_int_eq(result.size_bytes, (int64_t)size);
    dump_add_table(to, context, result.table);
    dump_add_text(to, "rejects\n");
    dump_add_table(to, context, result.rejects);
    if (result.layout != NULL) {
        dump_add_text(to, "layout\n");
        dump_add_table(to, context, result.layout);
        expect_file_back(context, &result, bytes, size);
    }
    for (int i = 0; i < 16; i++) {
        snprintf(line, sizeof line, "%02x", result.xxh3_128[i]);
        dump_add_text(to, line);
    }
    mdl_csv_result_free(&result);
}

#endif
