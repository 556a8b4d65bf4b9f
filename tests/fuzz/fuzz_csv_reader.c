/*
 * Fuzz target: any bytes are read alike in one chunk and in tiny ones, by the fast path and by the
 * exact one, no record gets lost, and what was read makes the same bytes again. The first byte chooses the columns and the settings.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "medallion/medallion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert: it must hold in every build. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static const mdl_csv_column columns[] = {
    {"a", MDL_TYPE_INT32, true, true, 1, INT32_MAX, true},
    {.name = "b", .type = MDL_TYPE_STRING},
    {.name = "c", .type = MDL_TYPE_DECIMAL},
    {.name = "d", .type = MDL_TYPE_INT64, .is_required = true},
    {.name = "e", .type = MDL_TYPE_FLOAT64},
    {.name = "f", .type = MDL_TYPE_TIMESTAMP},
    {.name = "g", .type = MDL_TYPE_BOOL},
};

static const char *const headers[] = {"a,b\n", "b\n", "d,a,c,b\n", "a,b,c,d,e,f,g\r\n"};
static const int32_t n_columns[] = {2, 1, 4, 7};

/* What a read answers. */
typedef struct answer {
    mdl_status status;
    mdl_error error;
    mdl_csv_result result;
} answer;

static mdl_context *make_context(int64_t chunk_bytes, int64_t block_rows, mdl_simd simd)
{
    mdl_context_options options;
    mdl_context *context;
    mdl_context_options_init(&options);
    options.n_threads = 1;
    options.chunk_bytes = chunk_bytes;
    options.block_rows = block_rows;
    options.max_simd = simd;
    EXPECT(mdl_context_create(&options, &context, NULL) == MDL_OK);
    return context;
}

static bool is_same_value(const mdl_vector *a, int64_t row_a, const mdl_vector *b, int64_t row_b)
{
    bool is_null = mdl_vector_is_null(a, row_a);
    if (is_null != mdl_vector_is_null(b, row_b)) {
        return false;
    }
    if (is_null) {
        return true;
    }
    switch (a->type) {
    case MDL_TYPE_STRING: {
        mdl_string text_a = mdl_vector_string(a, row_a);
        mdl_string text_b = mdl_vector_string(b, row_b);
        return text_a.size_bytes == text_b.size_bytes &&
               (text_a.size_bytes == 0 ||
                memcmp(text_a.data, text_b.data, (size_t)text_a.size_bytes) == 0);
    }
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        return mdl_vector_int32(a, row_a) == mdl_vector_int32(b, row_b);
    case MDL_TYPE_BOOL:
        return ((const uint8_t *)a->values)[row_a] == ((const uint8_t *)b->values)[row_b];
    default:
        return mdl_vector_int64(a, row_a) == mdl_vector_int64(b, row_b);
    }
}

static void expect_same_tables(mdl_context *context, const mdl_table *a, const mdl_table *b)
{
    mdl_cursor *cursor_a;
    mdl_cursor *cursor_b;
    mdl_batch batch_a = {.n_rows = 0};
    mdl_batch batch_b = {.n_rows = 0};
    int64_t row_a = 0;
    int64_t row_b = 0;
    EXPECT((a == NULL) == (b == NULL));
    if (a == NULL) {
        return;
    }
    EXPECT(mdl_table_n_rows(a) == mdl_table_n_rows(b));
    EXPECT(mdl_cursor_create(context, a, NULL, 0, &cursor_a, NULL) == MDL_OK);
    EXPECT(mdl_cursor_create(context, b, NULL, 0, &cursor_b, NULL) == MDL_OK);
    for (int64_t row = 0; row < mdl_table_n_rows(a); row++, row_a++, row_b++) {
        if (row_a == batch_a.n_rows) {
            EXPECT(mdl_cursor_next(cursor_a, &batch_a, NULL) == MDL_OK && batch_a.n_rows > 0);
            row_a = 0;
        }
        if (row_b == batch_b.n_rows) {
            EXPECT(mdl_cursor_next(cursor_b, &batch_b, NULL) == MDL_OK && batch_b.n_rows > 0);
            row_b = 0;
        }
        for (int32_t i = 0; i < batch_a.n_columns; i++) {
            EXPECT(is_same_value(&batch_a.columns[i], row_a, &batch_b.columns[i], row_b));
        }
    }
    mdl_cursor_free(cursor_a);
    mdl_cursor_free(cursor_b);
}

static void expect_same(mdl_context *context, const answer *a, const answer *b)
{
    EXPECT(a->status == b->status);
    EXPECT(strcmp(a->error.message, b->error.message) == 0);
    EXPECT(a->error.line == b->error.line && a->error.record == b->error.record);
    EXPECT(a->error.offset_bytes == b->error.offset_bytes);
    EXPECT(a->result.n_records == b->result.n_records);
    EXPECT(memcmp(a->result.xxh3_128, b->result.xxh3_128, 16) == 0);
    expect_same_tables(context, a->result.table, b->result.table);
    expect_same_tables(context, a->result.rejects, b->result.rejects);
    expect_same_tables(context, a->result.layout, b->result.layout);
}

/* Bytes that have to come. */
typedef struct expected_bytes {
    const char *bytes;
    size_t n_left;
} expected_bytes;

static int compare_bytes(void *user_data, const char *bytes, int64_t size_bytes)
{
    expected_bytes *expected = user_data;
    EXPECT((size_t)size_bytes <= expected->n_left);
    EXPECT(size_bytes == 0 || memcmp(bytes, expected->bytes, (size_t)size_bytes) == 0);
    expected->bytes += size_bytes;
    expected->n_left -= (size_t)size_bytes;
    return 0;
}

static void expect_restored(mdl_context *context, const mdl_csv_result *result, const char *file,
                            size_t file_size)
{
    expected_bytes expected = {file, file_size};
    EXPECT(mdl_csv_restore(context, result->table, 0, mdl_table_n_rows(result->table),
                           result->n_records, result->layout, compare_bytes, &expected,
                           NULL) == MDL_OK);
    EXPECT(expected.n_left == 0);
}

static answer read_bytes(mdl_context *context, const char *bytes, size_t size, int32_t n,
                         const mdl_csv_column *first, const mdl_csv_options *options)
{
    answer made = {.error = MDL_ERROR_INIT};
    made.status = mdl_csv_read_memory(context, "fuzz", bytes, (int64_t)size, first, n, options,
                                      &made.result, &made.error);
    if (made.status == MDL_OK) {
        EXPECT(mdl_table_n_rows(made.result.table) + made.result.n_rejected ==
               made.result.n_records);
    }
    return made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mdl_csv_options options;
    if (size == 0) {
        return 0;
    }
    uint8_t choice = data[0];
    const char *header = headers[choice % 4];
    size_t header_size = strlen(header);
    size_t file_size = header_size + size - 1;
    char *file = malloc(file_size);
    EXPECT(file != NULL);
    memcpy(file, header, header_size);
    memcpy(file + header_size, data + 1, size - 1);
    mdl_csv_options_init(&options);
    options.on_error = (choice & 4) != 0 ? MDL_ON_ERROR_ABORT : MDL_ON_ERROR_SKIP;
    options.max_errors = (choice & 8) != 0 ? 1 : -1;

    mdl_context *whole = make_context(1 << 20, 65536, MDL_SIMD_SCALAR);
    mdl_context *pieces = make_context(1 + choice / 16, 1 + choice / 32, MDL_SIMD_BEST);
    const mdl_csv_column *first = &columns[choice % 4 == 1];
    answer a = read_bytes(whole, file, file_size, n_columns[choice % 4], first, &options);
    answer b = read_bytes(pieces, file, file_size, n_columns[choice % 4], first, &options);
    expect_same(whole, &a, &b);
    if (a.status == MDL_OK) {
        expect_restored(whole, &a.result, file, file_size);
        expect_restored(pieces, &b.result, file, file_size);
    }
    mdl_csv_result_free(&a.result);
    mdl_csv_result_free(&b.result);
    mdl_context_free(whole);
    mdl_context_free(pieces);
    free(file);
    return 0;
}
