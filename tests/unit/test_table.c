/*
 * Tables through the public API: builders, cursors, single values, references from several threads;
 * and the text forms of values.
 */
#include "medallion/column.h"
#include "medallion/context.h"
#include "medallion/table.h"

#include "support/run_suite.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static mdl_context *context;
static mdl_error error;
static int64_t in_use_at_start;

static void setup(void)
{
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.block_rows = 100;
    options.n_threads = 2;
    error = (mdl_error)MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_context_create(&options, &context, &error), MDL_OK);
    in_use_at_start = mdl_context_memory_in_use(context);
}

/* Every test gives back what it took. */
static void teardown(void)
{
    ck_assert_int_eq(mdl_context_memory_in_use(context), in_use_at_start);
    mdl_context_free(context);
}

enum {
    N = 1000,
    N_FIELDS = 7
};

static const mdl_field fields[N_FIELDS] = {
    {"i", MDL_TYPE_INT32},   {"l", MDL_TYPE_INT64}, {"d", MDL_TYPE_DECIMAL},
    {"f", MDL_TYPE_FLOAT64}, {"b", MDL_TYPE_BOOL},  {"t", MDL_TYPE_TIMESTAMP},
    {"s", MDL_TYPE_STRING},
};

/* Row r holds r, or what its type makes of it; every tenth row is NULL. */
typedef struct test_rows {
    int32_t integers[N];
    int64_t longs[N];
    double reals[N];
    uint8_t bools[N];
    mdl_string strings[N];
    char text[N][12];
    uint64_t validity[(N + 63) / 64];
} test_rows;

static void fill_rows(test_rows *rows)
{
    memset(rows, 0, sizeof *rows);
    for (int r = 0; r < N; r++) {
        rows->integers[r] = r;
        rows->longs[r] = r;
        rows->reals[r] = r / 2.0;
        rows->bools[r] = r % 2;
        rows->strings[r].data = rows->text[r];
        rows->strings[r].size_bytes = snprintf(rows->text[r], sizeof rows->text[r], "row %d", r);
        rows->validity[r / 64] |= (uint64_t)(r % 10 != 0) << r % 64;
    }
}

static mdl_table *make_table(void)
{
    static test_rows rows;
    fill_rows(&rows);
    const void *values[N_FIELDS] = {rows.integers, rows.longs, rows.integers, rows.reals,
                                    rows.bools,    rows.longs, rows.strings};
    mdl_vector vectors[N_FIELDS];
    for (int c = 0; c < N_FIELDS; c++) {
        vectors[c] = (mdl_vector){
            .type = fields[c].type, .n_rows = N, .values = values[c], .validity = rows.validity};
    }
    mdl_table_builder *builder;
    mdl_table *table;
    ck_assert_int_eq(mdl_table_builder_create(context, fields, N_FIELDS, &builder, &error), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_append(builder, vectors, N, &error), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_append(builder, vectors, N, &error), MDL_OK);
    /* The builder has copies. */
    memset(&rows, 0xff, sizeof rows);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, &error), MDL_OK);
    mdl_error reason = MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_table_builder_append(builder, vectors, N, &reason), MDL_E_STATE);
    mdl_table_builder_free(builder);
    return table;
}

/* What row `row` of column `column` must read like. */
static const char *expected_text(int64_t row, int32_t column, char *text, size_t size)
{
    int r = (int)(row % N);
    if (r % 10 == 0) {
        return "";
    }
    switch (fields[column].type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_INT64:
        snprintf(text, size, "%d", r);
        break;
    case MDL_TYPE_DECIMAL:
        snprintf(text, size, "%d.%02d", r / 100, r % 100); /* no trailing 0: those rows are NULL */
        break;
    case MDL_TYPE_FLOAT64:
        snprintf(text, size, "%.1f", r / 2.0);
        break;
    case MDL_TYPE_BOOL:
        snprintf(text, size, "%s", r % 2 != 0 ? "true" : "false");
        break;
    case MDL_TYPE_TIMESTAMP:
        snprintf(text, size, "1970-01-01 00:%02d:%02d", r / 60, r % 60);
        break;
    case MDL_TYPE_STRING:
        snprintf(text, size, "row %d", r);
        break;
    }
    return text;
}

START_TEST(builder_and_get)
{
    mdl_table *table = make_table();
    ck_assert_int_eq(mdl_table_n_rows(table), 2 * N);
    ck_assert_int_eq(mdl_table_n_columns(table), N_FIELDS);
    for (int32_t c = 0; c < N_FIELDS; c++) {
        ck_assert_str_eq(mdl_table_column_name(table, c), fields[c].name);
        ck_assert_int_eq(mdl_table_find_column(table, fields[c].name), c);
        ck_assert_int_eq(mdl_column_type(mdl_table_column(table, c)), fields[c].type);
        for (int64_t row = 0; row < 2 * N; row += 9) {
            mdl_value value;
            char buffer[32];
            char shown[MDL_VALUE_TEXT_MAX];
            char expected[32];
            ck_assert_int_eq(mdl_table_get(context, table, row, c, &value, buffer, 32, &error),
                             MDL_OK);
            ck_assert_int_eq(value.is_null, row % 10 == 0);
            int64_t size = mdl_value_format(&value, shown);
            ck_assert_int_eq(size, (int64_t)strlen(shown));
            if (value.type == MDL_TYPE_STRING && !value.is_null) {
                ck_assert_ptr_eq(value.as.text.data, buffer);
                snprintf(shown, sizeof shown, "%.*s", (int)value.as.text.size_bytes, buffer);
            }
            ck_assert_str_eq(shown, expected_text(row, c, expected, sizeof expected));
        }
    }
    ck_assert_int_eq(mdl_table_find_column(table, "I"), -1);
    mdl_value value;
    ck_assert_int_eq(mdl_table_get(context, table, 2 * N, 0, &value, NULL, 0, &error),
                     MDL_E_ARGUMENT);
    mdl_table_free(table);
}
END_TEST

START_TEST(text_is_clipped_between_characters)
{
    const mdl_string text = {"a\xc3\xa9z", 4};
    mdl_vector vector = {.type = MDL_TYPE_STRING, .n_rows = 1, .values = &text};
    mdl_table_builder *builder;
    mdl_table *table;
    mdl_value value;
    char buffer[2];
    ck_assert_int_eq(mdl_table_builder_create(context, &fields[6], 1, &builder, &error), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_append(builder, &vector, 1, &error), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, &error), MDL_OK);
    ck_assert_int_eq(mdl_table_get(context, table, 0, 0, &value, buffer, 2, &error), MDL_OK);
    ck_assert_int_eq(value.as.text.size_bytes, 1);
    mdl_table_builder_free(builder);
    mdl_table_free(table);
}
END_TEST

/* Goes through a column of row numbers and gives the count of rows. */
static int64_t read_all(const mdl_table *table, int64_t from)
{
    const char *const names[] = {"l", "s"};
    mdl_cursor *cursor;
    mdl_batch batch;
    int64_t row = from;
    if (mdl_cursor_create(context, table, names, 2, &cursor, NULL) != MDL_OK ||
        mdl_cursor_seek(cursor, from, NULL) != MDL_OK) {
        return -1;
    }
    while (mdl_cursor_next(cursor, &batch, NULL) == MDL_OK && batch.n_rows > 0 &&
           batch.first_row == row) {
        for (int64_t i = 0; i < batch.n_rows; i++, row++) {
            const bool is_null = mdl_vector_is_null(&batch.columns[0], i);
            if (is_null != (row % 10 == 0)) {
                return -1;
            }
            if (!is_null && mdl_vector_int64(&batch.columns[0], i) != row % N) {
                return -1;
            }
            if (!is_null && mdl_vector_string(&batch.columns[1], i).data[0] != 'r') {
                return -1;
            }
        }
    }
    mdl_cursor_free(cursor);
    return row - from;
}

START_TEST(cursors)
{
    mdl_table *table = make_table();
    ck_assert_int_eq(read_all(table, 0), 2 * N);
    ck_assert_int_eq(read_all(table, 777), 2 * N - 777);
    ck_assert_int_eq(read_all(table, 2 * N), 0);

    mdl_cursor *cursor;
    mdl_batch batch;
    mdl_error reason = MDL_ERROR_INIT;
    const char *const unknown[] = {"l", "nosuch"};
    ck_assert_int_eq(mdl_cursor_create(context, table, unknown, 2, &cursor, &reason),
                     MDL_E_NOT_FOUND);
    ck_assert_ptr_null(cursor);
    ck_assert_ptr_nonnull(strstr(reason.message, "nosuch"));

    ck_assert_int_eq(mdl_cursor_create(context, table, NULL, 0, &cursor, &error), MDL_OK);
    ck_assert_int_eq(mdl_cursor_seek(cursor, -1, NULL), MDL_E_ARGUMENT);
    ck_assert_int_eq(mdl_cursor_seek(cursor, 2 * N + 1, NULL), MDL_E_ARGUMENT);
    /* The cursor keeps the table. */
    mdl_table_free(table);
    ck_assert_int_eq(mdl_cursor_next(cursor, &batch, &error), MDL_OK);
    ck_assert_int_eq(batch.n_columns, N_FIELDS);
    ck_assert_int_gt(batch.n_rows, 0);
    mdl_cursor_free(cursor);
}
END_TEST

static void *clone_and_read(void *data)
{
    mdl_table *mine = data;
    for (int i = 0; i < 20; i++) {
        mdl_table *clone = mdl_table_clone(mine);
        if (read_all(clone, 0) != 2 * N) {
            return data;
        }
        mdl_table_free(clone);
    }
    mdl_table_free(mine);
    return NULL;
}

START_TEST(clones_on_threads)
{
    pthread_t threads[4];
    mdl_table *table = make_table();
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, clone_and_read, mdl_table_clone(table)),
                         0);
    }
    mdl_table_free(table);
    for (int i = 0; i < 4; i++) {
        void *failed;
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    ck_assert_ptr_null(mdl_table_clone(NULL));
    mdl_table_free(NULL);
}
END_TEST

START_TEST(builder_arguments)
{
    mdl_table_builder *builder;
    const mdl_field same[] = {{"a", MDL_TYPE_INT32}, {"a", MDL_TYPE_INT64}};
    const mdl_field unnamed[] = {{"", MDL_TYPE_INT32}};
    const mdl_field typeless[] = {{"a", (mdl_type)99}};
    ck_assert_int_eq(mdl_table_builder_create(context, same, 2, &builder, NULL), MDL_E_ARGUMENT);
    ck_assert_int_eq(mdl_table_builder_create(context, unnamed, 1, &builder, NULL), MDL_E_ARGUMENT);
    ck_assert_int_eq(mdl_table_builder_create(context, typeless, 1, &builder, NULL),
                     MDL_E_ARGUMENT);
    ck_assert_int_eq(mdl_table_builder_create(context, same, 1, &builder, NULL), MDL_OK);
    const int64_t number = 1;
    mdl_vector vector = {.type = MDL_TYPE_INT64, .n_rows = 1, .values = &number};
    mdl_error reason = MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_table_builder_append(builder, &vector, 1, &reason), MDL_E_ARGUMENT);
    ck_assert_str_eq(reason.message, "column a is of type INT32, not INT64");
    mdl_table_builder_free(builder);
    mdl_table_builder_free(NULL);
}
END_TEST

START_TEST(empty_table)
{
    mdl_table_builder *builder;
    mdl_table *table;
    mdl_cursor *cursor;
    mdl_batch batch;
    ck_assert_int_eq(mdl_table_builder_create(context, fields, N_FIELDS, &builder, &error), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, &error), MDL_OK);
    ck_assert_int_eq(mdl_table_n_rows(table), 0);
    ck_assert_int_eq(mdl_cursor_create(context, table, NULL, 0, &cursor, &error), MDL_OK);
    ck_assert_int_eq(mdl_cursor_next(cursor, &batch, &error), MDL_OK);
    ck_assert_int_eq(batch.n_rows, 0);
    mdl_cursor_free(cursor);
    mdl_table_free(table);
    mdl_table_builder_free(builder);
}
END_TEST

START_TEST(values_of_vectors)
{
    static const int32_t ints[] = {1, -450};
    static const int64_t longs[] = {1, INT64_MIN};
    static const int64_t times[] = {1, 59};
    static const double reals[] = {1, 0.1};
    static const uint8_t bools[] = {0, 1};
    static const mdl_string texts[] = {{"a", 1}, {"text", 4}};
    static const int32_t codes[] = {0, 1};
    static const uint64_t second_only = 2;
    static const struct {
        mdl_type type;
        const void *values;
        const int32_t *codes;
        const char *expected;
    } cases[] = {
        {MDL_TYPE_INT32, ints, NULL, "-450"},
        {MDL_TYPE_DECIMAL, ints, NULL, "-4.5"},
        {MDL_TYPE_INT64, longs, NULL, "-9223372036854775808"},
        {MDL_TYPE_TIMESTAMP, times, NULL, "1970-01-01 00:00:59"},
        {MDL_TYPE_FLOAT64, reals, NULL, "0.1"},
        {MDL_TYPE_BOOL, bools, NULL, "true"},
        {MDL_TYPE_STRING, texts, NULL, "text"},
        {MDL_TYPE_STRING, NULL, codes, "text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mdl_vector v = {.type = cases[i].type,
                        .n_rows = 2,
                        .values = cases[i].values,
                        .validity = &second_only,
                        .codes = cases[i].codes,
                        .dictionary = texts,
                        .n_dictionary = 2};
        char shown[MDL_VALUE_TEXT_MAX];
        mdl_value value = mdl_vector_value(&v, 0);
        ck_assert(value.is_null && value.type == v.type);
        value = mdl_vector_value(&v, 1);
        ck_assert(!value.is_null && value.type == v.type);
        if (v.type == MDL_TYPE_STRING) {
            ck_assert_ptr_eq(value.as.text.data, texts[1].data);
            ck_assert_int_eq(value.as.text.size_bytes, 4);
        } else {
            mdl_value_format(&value, shown);
            ck_assert_str_eq(shown, cases[i].expected);
        }
    }
}
END_TEST

/* Text to value and back. */
START_TEST(value_texts)
{
    static const struct {
        mdl_type type;
        const char *text;
    } cases[] = {
        {MDL_TYPE_INT32, "-2147483648"},
        {MDL_TYPE_INT64, "9223372036854775807"},
        {MDL_TYPE_DECIMAL, "-4.5"},
        {MDL_TYPE_FLOAT64, "0.1"},
        {MDL_TYPE_FLOAT64, "1e+21"},
        {MDL_TYPE_BOOL, "true"},
        {MDL_TYPE_BOOL, "false"},
        {MDL_TYPE_TIMESTAMP, "0001-01-01 00:00:00"},
        {MDL_TYPE_TIMESTAMP, "2000-02-29 23:59:59"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const mdl_string text = {cases[i].text, (int64_t)strlen(cases[i].text)};
        mdl_value value;
        char shown[MDL_VALUE_TEXT_MAX];
        ck_assert_int_eq(mdl_value_parse(cases[i].type, text, &value, &error), MDL_OK);
        ck_assert_int_eq(mdl_value_format(&value, shown), text.size_bytes);
        ck_assert_str_eq(shown, cases[i].text);
    }
    mdl_value value = {.type = MDL_TYPE_INT32, .as.integer = 7};
    mdl_error reason = MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_value_parse(MDL_TYPE_BOOL, (mdl_string){"True", 4}, &value, &reason),
                     MDL_E_DATA);
    ck_assert_str_eq(reason.message, "\"True\" is not of type BOOL");
    reason = (mdl_error)MDL_ERROR_INIT;
    ck_assert_int_eq(
        mdl_value_parse(MDL_TYPE_INT32, (mdl_string){"2147483648", 10}, &value, &reason),
        MDL_E_DATA);
    ck_assert_str_eq(reason.message, "\"2147483648\" is out of the range of INT32");
    ck_assert_int_eq(value.as.integer, 7);
    ck_assert_str_eq(mdl_type_name(MDL_TYPE_DECIMAL), "DECIMAL(9,2)");
    ck_assert_str_eq(mdl_type_name((mdl_type)0), "?");
    ck_assert_str_eq(mdl_encoding_name(MDL_ENCODING_RUN_LENGTH), "run-length");
    ck_assert_str_eq(mdl_encoding_name((mdl_encoding)0), "?");
}
END_TEST

static Suite *table_suite(void)
{
    Suite *suite = suite_create("table");
    TCase *tests = tcase_create("table");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, builder_and_get);
    tcase_add_test(tests, text_is_clipped_between_characters);
    tcase_add_test(tests, cursors);
    tcase_add_test(tests, clones_on_threads);
    tcase_add_test(tests, builder_arguments);
    tcase_add_test(tests, empty_table);
    tcase_add_test(tests, values_of_vectors);
    tcase_add_test(tests, value_texts);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(table_suite());
}
