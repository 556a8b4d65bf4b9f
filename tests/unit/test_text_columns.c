/*
 * Columns of STRING made of blocks that were encoded apart, by growing dictionaries, plain, or with
 * the dictionary of another column: whether they get a dictionary and what is in it, against what
 * comparing all texts and adding up both costs says; and that the cut, the threads and who encoded
 * what change nothing.
 */
#include "column/block_internal.h"

#include "support/random.h"
#include "support/run_suite.h"

#include <string.h>

enum {
    N = 12000,
    TEXT_BYTES_MAX = 80,
    N_GROWING = 3
};

static mdl_error error;

static mdl_context *make_context(int64_t block_rows, int32_t n_threads)
{
    mdl_context_options options;
    mdl_context *context;
    mdl_context_options_init(&options);
    options.block_rows = block_rows;
    options.n_threads = n_threads;
    error = (mdl_error)MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_context_create(&options, &context, &error), MDL_OK);
    return context;
}

/* The rows of a column, and what a dictionary of them has to be. */
typedef struct test_texts {
    mdl_string rows[N];
    uint64_t validity[N / 64 + 1];
    int64_t n_distinct;
    int64_t distinct[N]; /* the rows in which texts are first, in order */
    bool has_dictionary;
    char bytes[N * TEXT_BYTES_MAX + 64];
} test_texts;

/* Text number `number`, of a length that its number tells; a few differ in one byte alone. */
static mdl_string write_text(char *to, uint64_t number, uint64_t longest)
{
    test_random random = {number / 2};
    const int64_t size = (int64_t)test_random_below(&random, longest + 1);
    for (int64_t i = 0; i < size; i++) {
        to[i] = (char)('a' + test_random_below(&random, 26));
    }
    if (size > 0) {
        to[test_random_below(&random, (uint64_t)size)] = number % 2 == 0 ? '0' : '1';
    }
    return (mdl_string){to, size};
}

static bool is_same(mdl_string a, mdl_string b)
{
    return a.size_bytes == b.size_bytes && memcmp(a.data, b.data, (size_t)a.size_bytes) == 0;
}

static int bits_of(int64_t greatest)
{
    int n = 0;
    for (; greatest > 0; greatest /= 2) {
        n++;
    }
    return n;
}

static int compare_rows(const void *a, const void *b)
{
    const mdl_string *left = *(const mdl_string *const *)a;
    const mdl_string *right = *(const mdl_string *const *)b;
    if (left->size_bytes != right->size_bytes) {
        return left->size_bytes < right->size_bytes ? -1 : 1;
    }
    const int order = memcmp(left->data, right->data, (size_t)left->size_bytes);
    return order != 0 ? order : (left > right) - (left < right);
}

static int compare_places(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Finds the distinct texts by sorting all of them, and what both forms of the column cost. */
static void find_expected(test_texts *texts)
{
    static const mdl_string *sorted[N];
    int64_t n = 0;
    int64_t text_bytes = 0;
    int64_t longest = 0;
    int64_t distinct_bytes = 0;
    for (int64_t i = 0; i < N; i++) {
        if ((texts->validity[i / 64] >> i % 64 & 1) != 0) {
            sorted[n++] = &texts->rows[i];
            text_bytes += texts->rows[i].size_bytes;
            longest = texts->rows[i].size_bytes > longest ? texts->rows[i].size_bytes : longest;
        }
    }
    qsort(sorted, (size_t)n, sizeof *sorted, compare_rows);
    texts->n_distinct = 0;
    for (int64_t i = 0; i < n; i++) {
        if (i == 0 || !is_same(*sorted[i], *sorted[i - 1])) {
            texts->distinct[texts->n_distinct++] = sorted[i] - texts->rows;
            distinct_bytes += sorted[i]->size_bytes;
        }
    }
    qsort(texts->distinct, (size_t)texts->n_distinct, sizeof *texts->distinct, compare_places);
    const int64_t code_max = texts->n_distinct > 0 ? texts->n_distinct - 1 : 0;
    const int64_t as_dictionary =
        distinct_bytes + 16 * texts->n_distinct + (N * (int64_t)bits_of(code_max) + 7) / 8;
    texts->has_dictionary = as_dictionary < text_bytes + (N * (int64_t)bits_of(longest) + 7) / 8;
}

/* Rows with about n_texts different texts, from row `first_repeat` on; before it none comes
 * again. */
static test_texts *make_texts(test_random *random, uint64_t n_texts, int64_t first_repeat,
                              uint64_t longest, uint64_t null_one_in)
{
    test_texts *texts = calloc(1, sizeof *texts);
    ck_assert_ptr_nonnull(texts);
    char *next = texts->bytes;
    for (int64_t i = 0; i < N; i++) {
        const uint64_t number =
            i < first_repeat ? (uint64_t)1 << 32 | (uint64_t)i : test_random_below(random, n_texts);
        const uint64_t is_valid = null_one_in == 0 || test_random_below(random, null_one_in) != 0;
        texts->rows[i] = write_text(next, number, longest);
        next += texts->rows[i].size_bytes;
        texts->validity[i / 64] |= is_valid << i % 64;
    }
    find_expected(texts);
    return texts;
}

/* Rows [start, start + n), start a multiple of 64. */
static mdl_vector rows_of(const test_texts *texts, int64_t start, int64_t n)
{
    return (mdl_vector){.type = MDL_TYPE_STRING,
                        .n_rows = n,
                        .values = texts->rows + start,
                        .validity = texts->validity + start / 64};
}

static void check_rows(mdl_context *context, const mdl_column *column, const test_texts *texts)
{
    mdli_decode_buffer buffer;
    mdl_vector out;
    mdli_decode_buffer_init(&buffer, context);
    ck_assert_int_eq(column->n_rows, N);
    ck_assert_int_eq(mdli_column_read(column, 0, N, &buffer, &out, &error), MDL_OK);
    for (int64_t i = 0; i < N; i++) {
        const bool is_null = (texts->validity[i / 64] >> i % 64 & 1) == 0;
        ASSERT_IN_LOOP(mdl_vector_is_null(&out, i) == is_null, "row %d", (int)i);
        ASSERT_IN_LOOP(is_null || is_same(mdl_vector_string(&out, i), texts->rows[i]), "row %d",
                       (int)i);
    }
    mdli_decode_buffer_free(&buffer);
}

/* Checks that a column has the rows, and the dictionary if they are worth it. */
static void check_column(mdl_context *context, const mdl_column *column, const test_texts *texts)
{
    check_rows(context, column, texts);
    ck_assert_int_eq(column->dictionary != NULL, texts->has_dictionary);
    if (column->dictionary != NULL) {
        ck_assert_ptr_null(column->dictionary->growing);
        ck_assert_int_eq(column->dictionary->n_entries, texts->n_distinct);
        ck_assert_int_eq(column->stats.n_distinct, texts->n_distinct);
        for (int64_t i = 0; i < texts->n_distinct; i++) {
            ASSERT_IN_LOOP(is_same(column->dictionary->entries[i], texts->rows[texts->distinct[i]]),
                           "entry %d", (int)i);
        }
    }
}

/* Encodes a block with a growing dictionary; sometimes once more, as a chunk is parsed again, with
 * rows that come to nothing. */
static mdli_block *encode_loose(test_random *random, mdl_context *context, const test_texts *texts,
                                int64_t start, int64_t n, mdli_dictionary *dictionary)
{
    mdli_block *block;
    mdl_vector rows = rows_of(texts, start, n);
    if (test_random_below(random, 8) == 0) {
        mdl_vector others = rows_of(texts, N / 2 / 64 * 64, n < N / 2 ? n : N / 2);
        ck_assert_int_eq(mdli_block_encode_loose_text(context, &others, dictionary, &block, &error),
                         MDL_OK);
        mdli_block_release(block);
    }
    ck_assert_int_eq(mdli_block_encode_loose_text(context, &rows, dictionary, &block, &error),
                     MDL_OK);
    return block;
}

/* Makes the column of blocks that were encoded by several growing dictionaries in turn. */
static mdl_column *column_of_loose(test_random *random, mdl_context *context,
                                   const test_texts *texts, int64_t block_rows, int n_growing)
{
    mdli_dictionary *growing[N_GROWING];
    mdli_block *blocks[N / 64 + 1];
    int64_t n_blocks = 0;
    mdl_column *column;
    for (int i = 0; i < n_growing; i++) {
        ck_assert_int_eq(mdli_growing_dictionary_create(context, &growing[i], &error), MDL_OK);
    }
    for (int64_t start = 0; start < N; start += block_rows) {
        const int64_t n = N - start < block_rows ? N - start : block_rows;
        blocks[n_blocks++] = encode_loose(random, context, texts, start, n,
                                          growing[test_random_below(random, (uint64_t)n_growing)]);
    }
    for (int i = 0; i < n_growing; i++) {
        mdli_dictionary_release(growing[i]);
    }
    ck_assert_int_eq(mdli_string_column_from_blocks(context, blocks, n_blocks, &column, &error),
                     MDL_OK);
    return column;
}

/* Makes the column of blocks of another column with a dictionary, and PLAIN ones. */
static mdl_column *column_of_others(test_random *random, mdl_context *context,
                                    const test_texts *texts, const mdl_column *other)
{
    mdli_block *blocks[N / 64 + 1];
    mdl_column *column;
    ck_assert_int_le(other->n_blocks, N / 64 + 1);
    for (int64_t b = 0; b < other->n_blocks; b++) {
        if (b == 0 || test_random_below(random, 3) == 0) {
            const mdl_vector rows = rows_of(texts, other->row_starts[b], other->blocks[b]->n_rows);
            ck_assert_int_eq(
                mdli_block_encode_as(context, MDL_ENCODING_PLAIN, &rows, NULL, &blocks[b], &error),
                MDL_OK);
        } else {
            blocks[b] = other->blocks[b];
            mdli_block_retain(blocks[b]);
        }
    }
    ck_assert_int_eq(
        mdli_string_column_from_blocks(context, blocks, other->n_blocks, &column, &error), MDL_OK);
    return column;
}

/* Whether columns that are cut alike are the same in memory, but for NULL's codes in it. */
static void check_same_blocks(const mdl_column *a, const mdl_column *b)
{
    ck_assert_int_eq(a->n_blocks, b->n_blocks);
    for (int64_t i = 0; i < a->n_blocks; i++) {
        ASSERT_IN_LOOP(a->blocks[i]->encoding == b->blocks[i]->encoding, "block %d", (int)i);
        ASSERT_IN_LOOP(mdli_blocks_have_same_bytes(a->blocks[i], b->blocks[i]), "block %d", (int)i);
    }
}

/* Makes one column in every way. */
static void check_texts(test_random *random, const test_texts *texts)
{
    static const int64_t block_sizes[] = {64, 448, 4160, 12032};
    for (int i = 0; i < (int)(sizeof block_sizes / sizeof block_sizes[0]); i++) {
        mdl_context *context = make_context(block_sizes[i], 1 + i % 2);
        const int64_t in_use = mdl_context_memory_in_use(context);
        const mdl_vector rows = rows_of(texts, 0, N);
        mdl_column *plain;
        ck_assert_int_eq(mdli_column_from_vector(context, &rows, NULL, &plain, &error), MDL_OK);
        check_column(context, plain, texts);
        for (int n_growing = 1; n_growing <= N_GROWING; n_growing++) {
            mdl_column *loose = column_of_loose(random, context, texts, block_sizes[i], n_growing);
            check_column(context, loose, texts);
            if (loose->dictionary != NULL) {
                check_same_blocks(loose, plain);
                mdl_column *mixed = column_of_others(random, context, texts, loose);
                check_column(context, mixed, texts);
                check_same_blocks(mixed, plain);
                mdli_column_release(mixed);
            }
            mdli_column_release(loose);
        }
        mdli_column_release(plain);
        ck_assert_int_eq(mdl_context_memory_in_use(context), in_use);
        mdl_context_free(context);
    }
}

static void check_made(test_random *random, uint64_t n_texts, int64_t first_repeat,
                       uint64_t longest, uint64_t null_one_in)
{
    test_texts *texts = make_texts(random, n_texts, first_repeat, longest, null_one_in);
    check_texts(random, texts);
    free(texts);
}

START_TEST(few_texts)
{
    test_random random = test_random_start("few_texts");
    check_made(&random, 1, 0, 20, 0);
    check_made(&random, 50, 0, 40, 10);
    check_made(&random, 3000, 0, TEXT_BYTES_MAX, 3);
}
END_TEST

START_TEST(many_texts)
{
    test_random random = test_random_start("many_texts");
    check_made(&random, (uint64_t)1 << 40, 0, 16, 0);
    check_made(&random, (uint64_t)1 << 40, 0, TEXT_BYTES_MAX, 4);
}
END_TEST

/* Around where a dictionary begins to pay, and where the first rows say otherwise than the rest. */
START_TEST(neither_few_nor_many_texts)
{
    test_random random = test_random_start("neither_few_nor_many_texts");
    check_made(&random, 2000 + test_random_below(&random, 8000), 0, 24, 0);
    check_made(&random, 2000 + test_random_below(&random, 8000), 0, 24, 0);
    check_made(&random, 20, 6000, 24, 0);
    check_made(&random, 20, 9000, 24, 9);
}
END_TEST

START_TEST(no_texts)
{
    test_random random = test_random_start("no_texts");
    check_made(&random, 100, 0, 20, 1);
}
END_TEST

static Suite *text_columns_suite(void)
{
    Suite *suite = suite_create("text_columns");
    TCase *tests = tcase_create("text_columns");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, few_texts);
    tcase_add_test(tests, many_texts);
    tcase_add_test(tests, neither_few_nor_many_texts);
    tcase_add_test(tests, no_texts);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(text_columns_suite());
}
