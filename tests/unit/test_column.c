/*
 * Columns: made from arrays and piece by piece, cut in blocks of any size, joined, read at any
 * rows; and when strings share a dictionary.
 */
#include "column/column_internal.h"

#include "support/random.h"
#include "support/run_suite.h"

#include <stdbool.h>
#include <string.h>

static mdl_error error;
static int64_t in_use_at_start;

static mdl_context *make_context(int64_t block_rows, int32_t n_threads)
{
    mdl_context_options options;
    mdl_context *context;
    mdl_context_options_init(&options);
    options.block_rows = block_rows;
    options.n_threads = n_threads;
    error = (mdl_error)MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_context_create(&options, &context, &error), MDL_OK);
    in_use_at_start = mdl_context_memory_in_use(context);
    return context;
}

/* Every test gives back what it took. */
static void free_context(mdl_context *context)
{
    ck_assert_int_eq(mdl_context_memory_in_use(context), in_use_at_start);
    mdl_context_free(context);
}

enum {
    N = 3000
};

/* Rows of one INT32 and one STRING column, with NULL in the same places. */
typedef struct test_rows {
    int32_t integers[N];
    mdl_string strings[N];
    char text[N][16];
    uint64_t validity[N / 64 + 1];
} test_rows;

static test_rows *make_rows(test_random *random, uint64_t n_distinct, uint64_t null_one_in)
{
    test_rows *rows = calloc(1, sizeof *rows);
    ck_assert_ptr_nonnull(rows);
    for (int i = 0; i < N; i++) {
        rows->integers[i] = (int32_t)test_random_below(random, n_distinct);
        int size = snprintf(rows->text[i], sizeof rows->text[i], "text %d", (int)rows->integers[i]);
        rows->strings[i] = (mdl_string){rows->text[i], size};
        uint64_t is_valid = null_one_in == 0 || test_random_below(random, null_one_in) != 0;
        rows->validity[i / 64] |= is_valid << i % 64;
    }
    return rows;
}

static mdl_vector vector_of(const test_rows *rows, mdl_type type)
{
    return (mdl_vector){.type = type,
                        .n_rows = N,
                        .values = type == MDL_TYPE_STRING ? (const void *)rows->strings
                                                          : (const void *)rows->integers,
                        .validity = rows->validity};
}

static bool is_same_row(const mdl_vector *a, int64_t a_row, const mdl_vector *b, int64_t b_row)
{
    const bool is_null = mdl_vector_is_null(a, a_row);
    if (is_null || mdl_vector_is_null(b, b_row)) {
        return is_null == mdl_vector_is_null(b, b_row);
    }
    if (a->type != MDL_TYPE_STRING) {
        return mdl_vector_int32(a, a_row) == mdl_vector_int32(b, b_row);
    }
    const mdl_string a_text = mdl_vector_string(a, a_row);
    const mdl_string b_text = mdl_vector_string(b, b_row);
    return a_text.size_bytes == b_text.size_bytes &&
           memcmp(a_text.data, b_text.data, (size_t)a_text.size_bytes) == 0;
}

/* Reads rows of a column, which shows the expected rows from row 0 on, again and again. */
static void check_read(const mdl_column *column, int64_t row, int64_t n, const mdl_vector *expected,
                       mdli_decode_buffer *buffer)
{
    mdl_vector out;
    ck_assert_int_eq(mdli_column_read(column, row, n, buffer, &out, &error), MDL_OK);
    ck_assert_int_eq(out.n_rows, n);
    for (int64_t i = 0; i < n; i++) {
        if (!is_same_row(expected, (row + i) % expected->n_rows, &out, i)) {
            ck_abort_msg("row %d of %d from %d differs", (int)i, (int)n, (int)row);
        }
    }
}

static void check_column(test_random *random, mdl_context *context, const mdl_column *column,
                         const mdl_vector *expected)
{
    mdli_decode_buffer buffer;
    mdli_decode_buffer_init(&buffer, context);
    check_read(column, 0, column->n_rows, expected, &buffer);
    for (int round = 0; round < 20; round++) {
        const int64_t row = (int64_t)test_random_below(random, (uint64_t)column->n_rows + 1);
        const uint64_t n_left = (uint64_t)(column->n_rows - row);
        check_read(column, row, (int64_t)test_random_below(random, n_left + 1), expected, &buffer);
    }
    mdli_decode_buffer_free(&buffer);
}

static const int64_t block_sizes[] = {1, 7, 64, 256, 1000, 65536};

#define N_BLOCK_SIZES ((int)(sizeof block_sizes / sizeof block_sizes[0]))

static mdl_column *column_from_vector(mdl_context *context, const mdl_vector *values)
{
    mdl_column *column;
    ck_assert_int_eq(mdli_column_from_vector(context, values, NULL, &column, &error), MDL_OK);
    ck_assert_int_eq(column->n_rows, values->n_rows);
    return column;
}

START_TEST(from_vector)
{
    test_random random = test_random_start("from_vector");
    mdl_context *context = make_context(block_sizes[_i], 3);
    const mdl_type types[] = {MDL_TYPE_INT32, MDL_TYPE_STRING};
    for (int round = 0; round < 8; round++) {
        test_rows *rows = make_rows(&random, round < 4 ? 20 : 1000000000, round % 2 * 5U);
        mdl_vector values = vector_of(rows, types[round / 2 % 2]);
        mdl_column *column = column_from_vector(context, &values);
        check_column(&random, context, column, &values);
        mdli_column_release(column);
        free(rows);
    }
    free_context(context);
}
END_TEST

/* Appends vectors cut at random rows. */
START_TEST(builder)
{
    test_random random = test_random_start("builder");
    mdl_context *context = make_context(block_sizes[_i], 2);
    const mdl_type types[] = {MDL_TYPE_INT32, MDL_TYPE_STRING};
    for (int round = 0; round < 4; round++) {
        test_rows *rows = make_rows(&random, round < 2 ? 20 : 1000000000, 5);
        mdl_vector values = vector_of(rows, types[round % 2]);
        mdli_column_builder *column_builder;
        ck_assert_int_eq(mdli_column_builder_create(context, values.type, &column_builder, &error),
                         MDL_OK);
        int64_t start = 0;
        while (start < N) {
            /* Validity of a vector starts at its first bit. */
            int64_t n = 64 * (int64_t)test_random_below(&random, 20);
            n = n < N - start ? n : N - start;
            mdl_vector piece = values;
            piece.n_rows = n;
            piece.validity = rows->validity + start / 64;
            piece.values = values.type == MDL_TYPE_STRING ? (const void *)(rows->strings + start)
                                                          : (const void *)(rows->integers + start);
            ck_assert_int_eq(mdli_column_builder_append(column_builder, &piece, &error), MDL_OK);
            start += n;
            ck_assert_int_eq(mdli_column_builder_n_rows(column_builder), start);
        }
        mdl_column *column;
        ck_assert_int_eq(mdli_column_builder_finish(column_builder, &column, &error), MDL_OK);
        check_column(&random, context, column, &values);
        mdli_column_release(column);
        mdli_column_builder_free(column_builder);
        free(rows);
    }
    free_context(context);
}
END_TEST

/* A dictionary where texts come again, none where they do not; the same for every cut. */
START_TEST(dictionary_where_it_pays)
{
    test_random random = test_random_start("dictionary");
    test_rows *few = make_rows(&random, 20, 5);
    test_rows *many = make_rows(&random, 1000000000, 0);
    for (int i = 0; i < N_BLOCK_SIZES; i++) {
        mdl_context *context = make_context(block_sizes[i], 2);
        mdl_vector values = vector_of(few, MDL_TYPE_STRING);
        mdl_column *column = column_from_vector(context, &values);
        ck_assert_ptr_nonnull(column->dictionary);
        ck_assert_int_eq(column->dictionary->n_entries, 20);
        ck_assert_int_eq(column->stats.n_distinct, 20);
        int64_t next = 0;
        bool is_seen[20] = {false};
        for (int row = 0; row < N; row++) {
            if (mdl_vector_is_null(&values, row) || is_seen[few->integers[row]]) {
                continue;
            }
            mdl_string entry = column->dictionary->entries[next++];
            ck_assert_int_eq(entry.size_bytes, few->strings[row].size_bytes);
            ck_assert_mem_eq(entry.data, few->strings[row].data, (size_t)entry.size_bytes);
            is_seen[few->integers[row]] = true;
        }
        mdli_column_release(column);

        values = vector_of(many, MDL_TYPE_STRING);
        column = column_from_vector(context, &values);
        ck_assert_ptr_null(column->dictionary);
        mdli_column_release(column);
        free_context(context);
    }
    free(few);
    free(many);
}
END_TEST

/* A column with a dictionary, then one with another, then one without. */
START_TEST(concat)
{
    test_random random = test_random_start("concat");
    mdl_context *context = make_context(500, 1);
    for (int round = 0; round < 4; round++) {
        test_rows *rows = make_rows(&random, round < 2 ? 20 : 1000000000, 9);
        mdl_vector values = vector_of(rows, round % 2 == 0 ? MDL_TYPE_STRING : MDL_TYPE_INT32);
        mdl_column *first = column_from_vector(context, &values);
        mdl_column *second = column_from_vector(context, &values);
        mdl_column *both;
        mdl_column *again;
        ck_assert_int_eq(mdli_column_concat(context, first, second, &both, &error), MDL_OK);
        ck_assert_int_eq(mdli_column_concat(context, both, first, &again, &error), MDL_OK);
        ck_assert_ptr_eq(both->blocks[0], first->blocks[0]);
        ck_assert_ptr_null(both->dictionary);
        mdli_column_release(first);
        mdli_column_release(second);
        mdli_column_release(both);
        ck_assert_int_eq(again->n_rows, 3 * N);
        check_column(&random, context, again, &values);
        mdli_column_release(again);
        free(rows);
    }
    free_context(context);
}
END_TEST

START_TEST(retype)
{
    test_random random = test_random_start("retype");
    mdl_context *context = make_context(700, 1);
    test_rows *rows = make_rows(&random, 1000, 9);
    mdl_vector values = vector_of(rows, MDL_TYPE_INT32);
    mdl_column *column = column_from_vector(context, &values);
    mdl_column *view;
    ck_assert_int_eq(mdli_column_retype(context, column, MDL_TYPE_DECIMAL, &view, &error), MDL_OK);
    mdli_column_release(column);
    ck_assert_int_eq(mdl_column_type(view), MDL_TYPE_DECIMAL);
    ck_assert_int_eq(mdl_column_get_stats(view).min.type, MDL_TYPE_DECIMAL);
    check_column(&random, context, view, &values);
    mdli_column_release(view);
    free(rows);
    free_context(context);
}
END_TEST

static mdl_column_stats stats_of(mdl_context *context, const int32_t *integers, int64_t n)
{
    mdl_vector values = {.type = MDL_TYPE_INT32, .n_rows = n, .values = integers};
    mdl_column *column = column_from_vector(context, &values);
    mdl_column_stats stats = mdl_column_get_stats(column);
    mdli_column_release(column);
    return stats;
}

START_TEST(statistics)
{
    mdl_context *context = make_context(2, 1);
    mdl_column_stats stats = stats_of(context, (int32_t[]){1, 1, 1, 2, 2, 3}, 6);
    ck_assert(stats.is_sorted && !stats.is_strictly_sorted);
    ck_assert_int_eq(stats.n_distinct, 3);
    stats = stats_of(context, (int32_t[]){1, 2, 3, 4, 5}, 5);
    ck_assert(stats.is_sorted && stats.is_strictly_sorted);
    ck_assert_int_eq(stats.n_distinct, 5);
    stats = stats_of(context, (int32_t[]){1, 2, 2, 4, 5}, 5);
    ck_assert(stats.is_sorted && !stats.is_strictly_sorted);
    ck_assert_int_eq(stats.n_distinct, 4);
    /* The fall is between two blocks. */
    stats = stats_of(context, (int32_t[]){5, 6, 1, 2, 9}, 5);
    ck_assert(!stats.is_sorted && !stats.is_strictly_sorted);
    ck_assert_int_eq(stats.n_distinct, -1);
    ck_assert_int_eq(stats.min.as.integer, 1);
    ck_assert_int_eq(stats.max.as.integer, 9);
    stats = stats_of(context, NULL, 0);
    ck_assert(stats.is_sorted && stats.min.is_null && stats.max.is_null);
    ck_assert_int_eq(stats.n_distinct, 0);
    free_context(context);
}
END_TEST

/* Each allocation fails in turn; nothing leaks, and the reason is told. */
typedef struct failing_allocator {
    int64_t n_left;
} failing_allocator;

static void *failing_allocate(void *data, size_t size, size_t alignment)
{
    failing_allocator *allocator = data;
    return allocator->n_left-- > 0 ? aligned_alloc(alignment, size) : NULL;
}

static void failing_release(void *data, void *memory, size_t size)
{
    (void)data;
    (void)size;
    free(memory);
}

START_TEST(out_of_memory)
{
    test_random random = test_random_start("out_of_memory");
    test_rows *few = make_rows(&random, 20, 5);
    test_rows *many = make_rows(&random, 1000000000, 5);
    failing_allocator allocator = {.n_left = INT64_MAX};
    mdl_context_options options;
    mdl_context *context;
    mdl_context_options_init(&options);
    options.n_threads = 1;
    options.block_rows = 1000;
    options.allocator = (mdl_allocator){failing_allocate, failing_release, &allocator};
    ck_assert_int_eq(mdl_context_create(&options, &context, &error), MDL_OK);
    const mdl_vector inputs[] = {vector_of(few, MDL_TYPE_STRING), vector_of(many, MDL_TYPE_STRING),
                                 vector_of(few, MDL_TYPE_INT32)};
    const int64_t in_use = mdl_context_memory_in_use(context);
    for (int input = 0; input < 3; input++) {
        mdl_status status = MDL_E_NO_MEMORY;
        for (int64_t n = 0; status != MDL_OK; n++) {
            mdl_column *column;
            mdl_error reason = MDL_ERROR_INIT;
            allocator.n_left = n;
            status = mdli_column_from_vector(context, &inputs[input], NULL, &column, &reason);
            allocator.n_left = INT64_MAX;
            if (status == MDL_OK) {
                ck_assert_int_gt(n, 3);
                check_column(&random, context, column, &inputs[input]);
                mdli_column_release(column);
            } else {
                ck_assert_int_eq(status, MDL_E_NO_MEMORY);
                ck_assert_int_eq(reason.status, MDL_E_NO_MEMORY);
                ck_assert_ptr_null(column);
            }
            ck_assert_int_eq(mdl_context_memory_in_use(context), in_use);
        }
    }
    mdl_context_free(context);
    free(few);
    free(many);
}
END_TEST

static Suite *column_suite(void)
{
    Suite *suite = suite_create("column");
    TCase *tests = tcase_create("column");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, from_vector, 0, N_BLOCK_SIZES);
    tcase_add_loop_test(tests, builder, 0, N_BLOCK_SIZES);
    tcase_add_test(tests, dictionary_where_it_pays);
    tcase_add_test(tests, concat);
    tcase_add_test(tests, retype);
    tcase_add_test(tests, statistics);
    tcase_add_test(tests, out_of_memory);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(column_suite());
}
