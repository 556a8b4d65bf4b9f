/*
 * Data quality tests of every kind on small tables: which rows fail, what is kept of them, when
 * statistics answer, and which declarations are refused.
 */
#include <string.h>

#include "quality/quality_internal.h"
#include "support/csv_dump.h"
#include "support/run_suite.h"

static mdl_context *context;

static void setup(void)
{
    context =
        make_context((read_settings){.n_threads = 2, .chunk_bytes = 1 << 16, .block_rows = 256});
}

static void teardown(void)
{
    mdl_context_free(context);
}

/* The columns of `movies`. */
static const mdl_csv_column movie_columns[] = {
    {.name = "id", .type = MDL_TYPE_INT32},
    {.name = "title", .type = MDL_TYPE_STRING},
    {.name = "stars", .type = MDL_TYPE_DECIMAL},
    {.name = "votes", .type = MDL_TYPE_INT64},
};

static const char movies_text[] = "id,title,stars,votes\n"
                                  "1,Heat,4.5,10\n"
                                  "2,,0.5,\n"
                                  "2,Alien,5.0,7\n"
                                  ",Brazil,,7\n"
                                  "5,Heat,5.5,-1\n";

static const mdl_csv_column genre_columns[] = {
    {.name = "movie", .type = MDL_TYPE_INT64},
    {.name = "genre", .type = MDL_TYPE_STRING},
};

static const char genres_text[] = "movie,genre\n"
                                  "1,Crime\n"
                                  "1,Drama\n"
                                  "2,Horror\n"
                                  ",Comedy\n"
                                  "9,Drama\n";

static mdl_table *read_table(const char *text, const mdl_csv_column *columns, int32_t n_columns)
{
    mdl_csv_result result;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_msg(mdl_csv_read_memory(context, "test.csv", text, (int64_t)strlen(text), columns,
                                      n_columns, NULL, &result, &error) == MDL_OK,
                  "%s", error.message);
    mdl_table *table = mdl_table_clone(result.table);
    mdl_csv_result_free(&result);
    return table;
}

static mdl_table *read_movies(void)
{
    return read_table(movies_text, movie_columns, 4);
}

static mdl_table *read_genres(void)
{
    return read_table(genres_text, genre_columns, 2);
}

/* What a test has to find. */
typedef struct expectation {
    mdl_test test;
    int64_t n_rows;
    int64_t n_failures;
    const char *failures; /* as dump_add_table writes them; "" = none */
    bool is_from_statistics;
} expectation;

static void check_run(const expectation *expected, const mdl_table *table, const mdl_table *to)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_test_result result;
    char name[128];
    dump found = {.bytes = NULL};
    mdl_test_name(&expected->test, "movies", name, sizeof name);
    ck_assert_msg(mdl_test_run(context, &expected->test, table, to, NULL, &result, &error) ==
                      MDL_OK,
                  "%s: %s", name, error.message);
    dump_add_text(&found, "");
    dump_add_table(&found, context, result.failures);
    ck_assert_msg(result.n_rows == expected->n_rows, "%s: %d rows", name, (int)result.n_rows);
    ck_assert_msg(result.n_failures == expected->n_failures, "%s: %d failures", name,
                  (int)result.n_failures);
    ck_assert_msg(strcmp(found.bytes, expected->failures) == 0, "%s: %s", name, found.bytes);
    ck_assert_msg(result.is_from_statistics == expected->is_from_statistics, "%s: statistics",
                  name);
    ck_assert_msg((result.failures == NULL) == (expected->n_failures == 0), "%s: no rows", name);
    ck_assert_int_eq(result.outcome, expected->n_failures == 0 ? MDL_TEST_PASS
                                     : expected->test.severity == MDL_SEVERITY_WARN
                                         ? MDL_TEST_WARN
                                         : MDL_TEST_FAIL);
    dump_free(&found);
    mdl_test_result_free(&result);
    ck_assert_ptr_null(result.failures);
}

#define ROW_1 "1 4:Heat 450 10 \n"
#define ROW_2 "2 - 50 - \n"
#define ROW_3 "2 5:Alien 500 7 \n"
#define ROW_4 "- 6:Brazil - 7 \n"
#define ROW_5 "5 4:Heat 550 -1 \n"

/* Marks the rows whose number is in the user data's bits, and all bits past them. */
static mdl_status find_rows(void *user_data, mdl_context *given, const mdl_table *table,
                            uint64_t *failing, mdl_error *error)
{
    (void)error;
    ck_assert_ptr_eq(given, context);
    ck_assert_uint_eq(failing[0], 0);
    failing[0] = *(const uint64_t *)user_data | ~(uint64_t)0 << mdl_table_n_rows(table);
    return MDL_OK;
}

START_TEST(test_rules_find_their_rows)
{
    static uint64_t marked = 0x12; /* rows 2 and 5 */
    const expectation expectations[] = {
        {{.kind = MDL_TEST_NOT_NULL, .columns = "title"}, 5, 1, ROW_2, false},
        {{.kind = MDL_TEST_NOT_NULL, .columns = "id, votes"}, 5, 2, ROW_2 ROW_4, false},
        {{.kind = MDL_TEST_NOT_NULL, .columns = "id", .where = "stars > 1"}, 3, 0, "", false},
        {{.kind = MDL_TEST_UNIQUE, .columns = "id"}, 5, 2, ROW_2 ROW_3, false},
        {{.kind = MDL_TEST_UNIQUE, .columns = "id, title"}, 5, 0, "", false},
        {{.kind = MDL_TEST_UNIQUE, .columns = "title"}, 5, 2, ROW_1 ROW_5, false},
        {{.kind = MDL_TEST_UNIQUE, .columns = "votes"}, 5, 2, ROW_3 ROW_4, false},
        {{.kind = MDL_TEST_UNIQUE, .columns = "votes", .where = "id = 2"}, 2, 0, "", false},
        {{.kind = MDL_TEST_UNIQUE, .columns = "title", .where = "stars > 4.0"},
         3,
         2,
         ROW_1 ROW_5,
         false},
        {{.kind = MDL_TEST_ACCEPTED_VALUES, .columns = "title", .values = "'Heat', 'Alien'"},
         5,
         1,
         ROW_4,
         false},
        {{.kind = MDL_TEST_ACCEPTED_VALUES,
          .columns = "title",
          .values = "'Heat', 'Alien', 'Brazil'"},
         5,
         0,
         "",
         false},
        {{.kind = MDL_TEST_ACCEPTED_VALUES, .columns = "id", .values = "1, 2, 5"}, 5, 0, "", false},
        {{.kind = MDL_TEST_ACCEPTED_VALUES, .columns = "stars", .values = "4.5, 0.5"},
         5,
         2,
         ROW_3 ROW_5,
         false},
        {{.kind = MDL_TEST_ACCEPTED_RANGE, .columns = "stars", .least = "0.5", .greatest = "5.0"},
         5,
         1,
         ROW_5,
         false},
        {{.kind = MDL_TEST_ACCEPTED_RANGE, .columns = "stars", .least = "0.5", .greatest = "5.5"},
         5,
         0,
         "",
         true},
        {{.kind = MDL_TEST_ACCEPTED_RANGE, .columns = "votes", .least = "0"}, 5, 1, ROW_5, false},
        {{.kind = MDL_TEST_ACCEPTED_RANGE, .columns = "votes", .greatest = "7", .where = "id > 1"},
         3,
         0,
         "",
         false},
        {{.kind = MDL_TEST_EXPRESSION, .expression = "votes > 0 or stars > 5.5"},
         5,
         1,
         ROW_5,
         false},
        {{.kind = MDL_TEST_EXPRESSION, .expression = "true"}, 5, 0, "", false},
        {{.kind = MDL_TEST_EXPRESSION, .expression = "false", .severity = MDL_SEVERITY_WARN},
         5,
         5,
         ROW_1 ROW_2 ROW_3 ROW_4 ROW_5,
         false},
        {{.kind = MDL_TEST_CALLBACK, .find = find_rows, .user_data = &marked},
         5,
         2,
         ROW_2 ROW_5,
         false},
        {{.kind = MDL_TEST_CALLBACK, .find = find_rows, .user_data = &marked, .where = "id = 2"},
         2,
         1,
         ROW_2,
         false},
    };
    mdl_table *movies = read_movies();
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++) {
        check_run(&expectations[i], movies, NULL);
    }
    mdl_table_free(movies);
}
END_TEST

START_TEST(test_rules_on_two_tables)
{
    const expectation expectations[] = {
        {{.kind = MDL_TEST_RELATIONSHIPS, .columns = "id", .to = "genres", .to_columns = "movie"},
         5,
         1,
         ROW_5,
         false},
        {{.kind = MDL_TEST_RELATIONSHIPS,
          .columns = "id",
          .to = "genres",
          .to_columns = "movie",
          .to_where = "genre <> 'Horror'"},
         5,
         3,
         ROW_2 ROW_3 ROW_5,
         false},
        {{.kind = MDL_TEST_RELATIONSHIPS,
          .columns = "id, title",
          .to = "genres",
          .to_columns = "movie, genre"},
         5,
         3,
         ROW_1 ROW_3 ROW_5,
         false},
        {{.kind = MDL_TEST_RELATIONSHIPS,
          .columns = "id",
          .where = "votes > 0",
          .to = "genres",
          .to_columns = "movie"},
         3,
         0,
         "",
         false},
        {{.kind = MDL_TEST_ROW_COUNT_EQUAL, .to = "genres"}, 5, 0, "", true},
        {{.kind = MDL_TEST_ROW_COUNT_EQUAL, .where = "id = 1", .to = "genres"},
         1,
         4,
         "1 5 \n",
         false},
        {{.kind = MDL_TEST_ROW_COUNT_EQUAL, .to = "genres", .to_where = "movie > 1"},
         5,
         3,
         "5 2 \n",
         false},
        {{.kind = MDL_TEST_SUM_EQUAL, .columns = "id", .to = "genres", .to_columns = "movie"},
         5,
         1,
         "10 13 \n",
         false},
        {{.kind = MDL_TEST_SUM_EQUAL,
          .columns = "id",
          .where = "title is not null",
          .to = "genres",
          .to_columns = "movie",
          .to_where = "genre <> 'Horror' and movie < 9"},
         4,
         1,
         "8 2 \n",
         false},
        {{.kind = MDL_TEST_SUM_EQUAL,
          .columns = "stars",
          .where = "id < 5 and title is not null",
          .to = "genres",
          .to_columns = ""},
         2,
         1,
         "950 5 \n",
         false},
        {{.kind = MDL_TEST_SUM_EQUAL,
          .columns = "stars",
          .where = "stars = 0.5 or stars = 4.5",
          .to = "genres",
          .to_columns = ""},
         2,
         0,
         "",
         false},
        {{.kind = MDL_TEST_SUM_EQUAL,
          .columns = "votes",
          .where = "id > 100",
          .to = "genres",
          .to_columns = "",
          .to_where = "movie > 100"},
         0,
         0,
         "",
         false},
    };
    mdl_table *movies = read_movies();
    mdl_table *genres = read_genres();
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++) {
        check_run(&expectations[i], movies, genres);
    }
    mdl_table_free(movies);
    mdl_table_free(genres);
}
END_TEST

/* A table of one column x from `first` on, each value `n_each` times. */
static mdl_table *make_column(int64_t first, int64_t n_rows, int64_t n_each)
{
    const mdl_field field = {"x", MDL_TYPE_INT64};
    mdl_table_builder *builder;
    mdl_table *table;
    ck_assert_int_eq(mdl_table_builder_create(context, &field, 1, &builder, NULL), MDL_OK);
    for (int64_t i = 0; i < n_rows; i++) {
        int64_t value = first + i / n_each;
        mdl_vector vector = {.type = MDL_TYPE_INT64, .n_rows = 1, .values = &value};
        ck_assert_int_eq(mdl_table_builder_append(builder, &vector, 1, NULL), MDL_OK);
    }
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    return table;
}

START_TEST(test_statistics_answer)
{
    const expectation expectations[] = {
        {{.kind = MDL_TEST_NOT_NULL, .columns = "x"}, 10000, 0, "", true},
        {{.kind = MDL_TEST_UNIQUE, .columns = "x"}, 10000, 0, "", true},
        {{.kind = MDL_TEST_ACCEPTED_RANGE, .columns = "x", .least = "1", .greatest = "10000"},
         10000,
         0,
         "",
         true},
        {{.kind = MDL_TEST_ACCEPTED_RANGE, .columns = "x", .greatest = "9999"},
         10000,
         1,
         "10000 \n",
         false},
        {{.kind = MDL_TEST_ROW_COUNT_EQUAL, .to = "repeated"}, 10000, 0, "", true},
        {{.kind = MDL_TEST_RELATIONSHIPS, .columns = "x", .to = "repeated", .where = "x <= 5000"},
         5000,
         0,
         "",
         false},
    };
    mdl_table *rising = make_column(1, 10000, 1);
    mdl_table *repeated = make_column(1, 10000, 2);
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++) {
        check_run(&expectations[i], rising, repeated);
    }
    /* In runs of 1,000, no run is decoded. */
    mdl_table *runs = make_column(1, 10000, 1000);
    const expectation orphans = {
        {.kind = MDL_TEST_RELATIONSHIPS, .columns = "x", .to = "rising"}, 10000, 0, "", true};
    check_run(&orphans, runs, rising);
    const expectation values = {
        {.kind = MDL_TEST_ACCEPTED_VALUES, .columns = "x", .values = "1,2,3,4,5,6,7,8,9,10"},
        10000,
        0,
        "",
        true};
    check_run(&values, runs, NULL);
    mdl_table_free(rising);
    mdl_table_free(repeated);
    mdl_table_free(runs);
}
END_TEST

/* Distances of keys that wrap in 32 bits must not lead to a key of the other table. */
START_TEST(test_keys_at_the_ends_of_their_types)
{
    static const mdl_csv_column narrow[] = {{.name = "x", .type = MDL_TYPE_INT32}};
    const expectation orphan = {{.kind = MDL_TEST_RELATIONSHIPS, .columns = "x", .to = "wide"},
                                2,
                                1,
                                "-2147483648 \n",
                                false};
    mdl_table *keys = read_table("x\n2147483647\n-2147483648\n", narrow, 1);
    mdl_table *past_the_end = make_column(INT32_MAX, 300, 1);
    mdl_table *before_the_end = make_column(INT32_MAX - 299, 300, 1);
    check_run(&orphan, keys, past_the_end);
    check_run(&orphan, keys, before_the_end);
    mdl_table_free(keys);
    mdl_table_free(past_the_end);
    mdl_table_free(before_the_end);
}
END_TEST

/* Rows i of numbers i % 40 and names i % 7, as in one dictionary; every seventh name is left out. */
static mdl_table *make_names(int first, int step, bool has_all)
{
    static const mdl_csv_column columns[] = {{.name = "n", .type = MDL_TYPE_INT32},
                                             {.name = "name", .type = MDL_TYPE_STRING}};
    dump text = {.bytes = NULL};
    dump_add_text(&text, "n,name\n");
    for (int i = 0; i < 2800; i++) {
        const int row = first + step * i;
        char line[32];
        if (has_all || row % 7 != 3) {
            snprintf(line, sizeof line, "%d,name %d\n", row % 40, row % 7);
            dump_add_text(&text, line);
        }
    }
    mdl_table *table = read_table(text.bytes, columns, 2);
    dump_free(&text);
    return table;
}

static void count_orphans(const char *columns, const mdl_table *table, const mdl_table *to,
                          int64_t n_orphans, bool is_from_statistics)
{
    const mdl_test test = {.kind = MDL_TEST_RELATIONSHIPS, .columns = columns, .to = "other"};
    mdl_test_result result;
    ck_assert_int_eq(mdl_test_run(context, &test, table, to, NULL, &result, NULL), MDL_OK);
    ck_assert_msg(result.n_failures == n_orphans, "%s: %d rows", columns, (int)result.n_failures);
    ck_assert_msg(result.is_from_statistics == is_from_statistics, "%s: statistics", columns);
    mdl_test_result_free(&result);
}

/* Texts that one dictionary has, that two have in different orders, and that stand by themselves. */
START_TEST(test_keys_in_dictionaries)
{
    static const mdl_csv_column name[] = {{.name = "name", .type = MDL_TYPE_STRING}};
    mdl_table *all = make_names(0, 1, true);
    mdl_table *backwards = make_names(2800 * 3, -1, true);
    mdl_table *some = make_names(0, 3, false);
    mdl_table *plain = read_table("name\nname 6\nname 0\nname 4\nnone\n", name, 1);
    count_orphans("name", all, all, 0, true);
    count_orphans("name", all, backwards, 0, true);
    count_orphans("name", all, some, 400, false);
    count_orphans("name", all, plain, 4 * 400, false);
    count_orphans("name", plain, all, 1, false);
    count_orphans("n, name", all, all, 0, false);
    count_orphans("n, name", backwards, all, 0, false);
    count_orphans("n, name", all, some, 400, false);
    mdl_table_free(all);
    mdl_table_free(backwards);
    mdl_table_free(some);
    mdl_table_free(plain);
}
END_TEST

/* Stretches of one first column that are short, long, and too long to compare pairs. */
START_TEST(test_repeats_in_stretches)
{
    static const mdl_csv_column pairs[] = {{.name = "a", .type = MDL_TYPE_INT32},
                                           {.name = "b", .type = MDL_TYPE_INT32}};
    static const int stretch_rows[] = {2, 70, 300, 2500};
    for (size_t s = 0; s < sizeof stretch_rows / sizeof *stretch_rows; s++) {
        dump text = {.bytes = NULL};
        const int n = stretch_rows[s];
        dump_add_text(&text, "a,b\n");
        for (int i = 0; i < 3 * n; i++) {
            char line[32];
            /* b falls in each stretch; the last of the second one repeats its first. */
            int b = i == 2 * n - 1 ? n : n - i % n;
            snprintf(line, sizeof line, "%d,%d\n", i / n, b);
            dump_add_text(&text, line);
        }
        char failing[64];
        snprintf(failing, sizeof failing, "1 %d \n1 %d \n", n, n);
        const expectation repeats = {
            {.kind = MDL_TEST_UNIQUE, .columns = "a, b"}, 3 * n, 2, failing, false};
        mdl_table *table = read_table(text.bytes, pairs, 2);
        check_run(&repeats, table, NULL);
        mdl_table_free(table);
        dump_free(&text);
    }
}
END_TEST

/* Stretches that lie across the borders of everything that is worked on at once. */
START_TEST(test_repeats_in_many_stretches)
{
    enum {
        N = 100000,
        STRETCH = 7
    };
    const mdl_field fields[] = {{"a", MDL_TYPE_INT32}, {"b", MDL_TYPE_INT32}};
    int32_t *a = malloc(2 * N * sizeof *a);
    int32_t *b = a + N;
    int64_t n_repeats = 0;
    for (int32_t i = 0; i < N; i++) {
        /* b falls in each stretch; some rows repeat the one three before. */
        const bool repeats = i % STRETCH >= 3 && i % 1019 == 0;
        a[i] = i / STRETCH;
        b[i] = repeats ? b[i - 3] : -(i % STRETCH);
        n_repeats += repeats;
    }
    const mdl_vector columns[] = {{.type = MDL_TYPE_INT32, .n_rows = N, .values = a},
                                  {.type = MDL_TYPE_INT32, .n_rows = N, .values = b}};
    const mdl_test test = {.kind = MDL_TEST_UNIQUE, .columns = "a, b"};
    mdl_table_builder *builder;
    mdl_table *table;
    mdl_test_result result;
    ck_assert_int_eq(mdl_table_builder_create(context, fields, 2, &builder, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_append(builder, columns, N, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    ck_assert_int_eq(mdl_test_run(context, &test, table, NULL, NULL, &result, NULL), MDL_OK);
    ck_assert_int_gt(n_repeats, 40);
    ck_assert_int_eq(result.n_failures, 2 * n_repeats);
    mdl_test_result_free(&result);
    mdl_table_free(table);
    free(a);
}
END_TEST

/* Rows behind rows in order: each other's repeats, and repeats of one and of two rows before. */
START_TEST(test_repeats_in_a_tail)
{
    static const mdl_csv_column pairs[] = {{.name = "a", .type = MDL_TYPE_INT32},
                                           {.name = "b", .type = MDL_TYPE_INT32}};
    dump text = {.bytes = NULL};
    dump_add_text(&text, "a,b\n");
    for (int i = 0; i < 3000; i++) {
        char line[32];
        snprintf(line, sizeof line, "%d,%d\n", i / 3, i == 31 ? 0 : i % 3);
        dump_add_text(&text, line);
    }
    dump_add_text(&text, "5,9\n7,1\n4,8\n10,0\n5,9\n4,8\n1,4\n");
    const expectation repeats = {{.kind = MDL_TEST_UNIQUE, .columns = "a, b"},
                                 3007,
                                 9,
                                 "7 1 \n10 0 \n10 0 \n5 9 \n7 1 \n4 8 \n10 0 \n5 9 \n4 8 \n",
                                 false};
    mdl_table *table = read_table(text.bytes, pairs, 2);
    check_run(&repeats, table, NULL);
    mdl_table_free(table);
    dump_free(&text);
}
END_TEST

START_TEST(test_kept_rows_are_the_first)
{
    const mdl_test test = {.kind = MDL_TEST_UNIQUE, .columns = "x"};
    mdl_table *table = make_column(1, 3000, 3);
    mdl_test_options options;
    mdl_test_result result;
    mdl_test_options_init(&options);
    ck_assert_int_eq(options.n_failures_kept, 10);
    const struct {
        int64_t n_kept;
        int64_t n_found;
    } cases[] = {{10, 10}, {1, 1}, {-1, 3000}, {5000, 3000}, {0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        options.n_failures_kept = cases[i].n_kept;
        ck_assert_int_eq(mdl_test_run(context, &test, table, NULL, &options, &result, NULL),
                         MDL_OK);
        ck_assert_int_eq(result.n_failures, 3000);
        ck_assert_int_eq(result.failures != NULL ? mdl_table_n_rows(result.failures) : 0,
                         cases[i].n_found);
        for (int64_t row = 0; row < cases[i].n_found; row += 499) {
            mdl_value value;
            ck_assert_int_eq(mdl_table_get(context, result.failures, row, 0, &value, NULL, 0, NULL),
                             MDL_OK);
            ck_assert_int_eq(value.as.integer, 1 + row / 3);
        }
        mdl_test_result_free(&result);
    }
    mdl_table_free(table);
}
END_TEST

START_TEST(test_messages_say_what_failed)
{
    const struct {
        mdl_test test;
        const char *message;
    } cases[] = {
        {{.kind = MDL_TEST_NOT_NULL, .columns = "title"}, "1 of 5 rows failed"},
        {{.kind = MDL_TEST_NOT_NULL, .columns = "title", .where = "votes > 0"}, ""},
        {{.kind = MDL_TEST_ROW_COUNT_EQUAL, .to = "genres"}, ""},
        {{.kind = MDL_TEST_ROW_COUNT_EQUAL, .where = "id = 1", .to = "genres"},
         "the numbers of rows differ: 1, and 5 in genres"},
        {{.kind = MDL_TEST_SUM_EQUAL, .columns = "id", .to = "genres", .to_columns = "movie"},
         "the sums differ: 10, and 13 in genres"},
        {{.kind = MDL_TEST_SUM_EQUAL, .columns = "stars", .to = "genres", .to_columns = "movie"},
         "the sums differ: 14.75, and 13 in genres"},
        {{.kind = MDL_TEST_SUM_EQUAL,
          .columns = "stars",
          .where = "stars < 0.0",
          .to = "genres",
          .to_columns = ""},
         "the sum is -0.25, but the number of rows of genres is 5"},
    };
    mdl_table *movies = read_table("id,title,stars,votes\n1,Heat,4.5,10\n2,,-0.25,\n"
                                   "2,Alien,5.0,7\n,Brazil,,7\n5,Heat,5.5,-1\n",
                                   movie_columns, 4);
    mdl_table *genres = read_genres();
    mdl_test_options options;
    mdl_test_options_init(&options);
    options.n_failures_kept = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mdl_test_result result;
        ck_assert_int_eq(
            mdl_test_run(context, &cases[i].test, movies, genres, &options, &result, NULL), MDL_OK);
        ck_assert_str_eq(result.message, cases[i].message);
        ck_assert_ptr_null(result.failures);
        mdl_test_result_free(&result);
    }
    mdl_table_free(movies);
    mdl_table_free(genres);
}
END_TEST

START_TEST(test_conditions_decide)
{
    const struct {
        const char *warn_if;
        const char *error_if;
        mdl_severity severity;
        mdl_test_outcome outcome;
    } cases[] = {
        {NULL, NULL, MDL_SEVERITY_ERROR, MDL_TEST_FAIL},
        {NULL, NULL, MDL_SEVERITY_WARN, MDL_TEST_WARN},
        {NULL, "> 1", MDL_SEVERITY_ERROR, MDL_TEST_FAIL},
        {NULL, "> 2", MDL_SEVERITY_ERROR, MDL_TEST_WARN},
        {">= 3", "> 2", MDL_SEVERITY_ERROR, MDL_TEST_PASS},
        {">=2", " <  1 ", MDL_SEVERITY_ERROR, MDL_TEST_WARN},
        {"= 2", "<> 2", MDL_SEVERITY_ERROR, MDL_TEST_WARN},
        {"!= 2", "== 1", MDL_SEVERITY_ERROR, MDL_TEST_PASS},
        {"> 10", "<= 2", MDL_SEVERITY_ERROR, MDL_TEST_FAIL},
        {"> 10", "!= 0", MDL_SEVERITY_WARN, MDL_TEST_PASS},
    };
    mdl_table *movies = read_movies();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mdl_test test = {.kind = MDL_TEST_UNIQUE,
                               .columns = "id",
                               .severity = cases[i].severity,
                               .warn_if = cases[i].warn_if,
                               .error_if = cases[i].error_if};
        mdl_test_result result;
        ck_assert_int_eq(mdl_test_run(context, &test, movies, NULL, NULL, &result, NULL), MDL_OK);
        ck_assert_msg(result.outcome == cases[i].outcome, "case %d: %d", (int)i,
                      (int)result.outcome);
        mdl_test_result_free(&result);
    }
    mdl_table_free(movies);
}
END_TEST

START_TEST(test_names)
{
    const struct {
        mdl_test test;
        const char *name;
    } cases[] = {
        {{.kind = MDL_TEST_NOT_NULL, .columns = "id"}, "not_null_movies_id"},
        {{.kind = MDL_TEST_UNIQUE, .columns = " id ,\"the title\""}, "unique_movies_id__the_title"},
        {{.kind = MDL_TEST_ACCEPTED_RANGE, .columns = "stars", .least = "1"},
         "accepted_range_movies_stars"},
        {{.kind = MDL_TEST_RELATIONSHIPS, .columns = "id", .to = "g", .to_columns = "movie"},
         "relationships_movies_id__movie__ref_g_"},
        {{.kind = MDL_TEST_RELATIONSHIPS, .columns = "id", .to = "g"},
         "relationships_movies_id__id__ref_g_"},
        {{.kind = MDL_TEST_ROW_COUNT_EQUAL, .to = "g"}, "row_count_equal_movies_ref_g_"},
        {{.kind = MDL_TEST_EXPRESSION, .expression = "a + b >= 2"},
         "expression_is_true_movies_a_b_2"},
        {{.kind = MDL_TEST_UNIQUE, .columns = "id", .name = "caf\xc3\xa9"}, "caf\xc3\xa9"},
    };
    char name[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mdl_test_name(&cases[i].test, "movies", name, sizeof name);
        ck_assert_str_eq(name, cases[i].name);
    }
    mdl_test_name(&cases[0].test, "movies", name, 7);
    ck_assert_str_eq(name, "not_nu");
    mdl_test_name(&cases[7].test, "movies", name, 5);
    ck_assert_str_eq(name, "caf");
    ck_assert_str_eq(mdl_test_kind_name(MDL_TEST_CALLBACK), "callback");
    ck_assert_str_eq(mdl_test_kind_name((mdl_test_kind)0), "?");
}
END_TEST

START_TEST(test_senseless_declarations)
{
    const struct {
        mdl_test test;
        mdl_status status;
        const char *message;
    } cases[] = {
        {{.columns = "id"}, MDL_E_ARGUMENT, "0 is no mdl_test_kind"},
        {{.kind = MDL_TEST_UNIQUE, .columns = "id", .severity = (mdl_severity)7},
         MDL_E_ARGUMENT,
         "7 is no mdl_severity"},
        {{.kind = MDL_TEST_UNIQUE}, MDL_E_ARGUMENT, "needs columns"},
        {{.kind = MDL_TEST_NOT_NULL, .columns = "nope"}, MDL_E_NOT_FOUND, "nope"},
        {{.kind = MDL_TEST_ACCEPTED_VALUES, .columns = "id, title", .values = "1"},
         MDL_E_ARGUMENT,
         "is about one column"},
        {{.kind = MDL_TEST_ACCEPTED_VALUES, .columns = "id", .values = "1,"},
         MDL_E_EXPRESSION,
         "expression"},
        {{.kind = MDL_TEST_ACCEPTED_RANGE, .columns = "id"}, MDL_E_ARGUMENT, "needs a bound"},
        {{.kind = MDL_TEST_ACCEPTED_RANGE, .columns = "id", .least = "'a'"}, MDL_E_TYPE, "INT32"},
        {{.kind = MDL_TEST_RELATIONSHIPS, .columns = "id"}, MDL_E_ARGUMENT, "another table"},
        {{.kind = MDL_TEST_EXPRESSION}, MDL_E_ARGUMENT, "needs an expression"},
        {{.kind = MDL_TEST_EXPRESSION, .expression = "id + 1"}, MDL_E_TYPE, "not BOOL"},
        {{.kind = MDL_TEST_CALLBACK}, MDL_E_ARGUMENT, "needs a function"},
        {{.kind = MDL_TEST_UNIQUE, .columns = "id", .where = "id >"}, MDL_E_EXPRESSION, "id >"},
        {{.kind = MDL_TEST_UNIQUE, .columns = "id", .warn_if = "many"}, MDL_E_ARGUMENT, "many"},
        {{.kind = MDL_TEST_UNIQUE, .columns = "id", .error_if = "> 1 0"}, MDL_E_ARGUMENT, "> 1 0"},
        {{.kind = MDL_TEST_UNIQUE, .columns = "id", .error_if = "=> 1"}, MDL_E_ARGUMENT, "=> 1"},
        {{.kind = MDL_TEST_UNIQUE, .columns = "id", .error_if = ">"}, MDL_E_ARGUMENT, ">"},
        {{.kind = MDL_TEST_UNIQUE, .columns = "id", .error_if = "<<< 1"}, MDL_E_ARGUMENT, "<<< 1"},
    };
    mdl_field fields[4];
    mdl_table *movies = read_movies();
    for (int i = 0; i < 4; i++) {
        fields[i] = (mdl_field){movie_columns[i].name, movie_columns[i].type};
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mdl_error error = MDL_ERROR_INIT;
        mdl_error checked = MDL_ERROR_INIT;
        mdl_test_result result;
        memset(&result, 0x5a, sizeof result);
        mdl_status status =
            mdl_test_run(context, &cases[i].test, movies, NULL, NULL, &result, &error);
        ck_assert_msg(status == cases[i].status, "case %d: %s", (int)i, error.message);
        ck_assert_msg(strstr(error.message, cases[i].message) != NULL, "case %d: %s", (int)i,
                      error.message);
        ck_assert_int_eq(result.n_rows, 0);
        ck_assert_ptr_null(result.failures);
        status = mdli_test_check(context, &cases[i].test, "movies", fields, 4, &checked);
        ck_assert_int_eq(status, cases[i].status);
        ck_assert_msg(strstr(checked.message, " of movies: ") != NULL, "%s", checked.message);
        ck_assert_msg(strstr(checked.message, error.message) != NULL, "%s", checked.message);
    }
    mdl_table_free(movies);
}
END_TEST

/* Faults that only show with rows or with the other table. */
START_TEST(test_faults_of_runs)
{
    mdl_table *movies = read_movies();
    mdl_table *genres = read_genres();
    const struct {
        mdl_test test;
        const mdl_table *to;
        mdl_status status;
        const char *message;
    } cases[] = {
        {{.kind = MDL_TEST_ACCEPTED_VALUES, .columns = "title"},
         NULL,
         MDL_E_ARGUMENT,
         "lists none"},
        {{.kind = MDL_TEST_ROW_COUNT_EQUAL, .to = "genres"}, NULL, MDL_E_ARGUMENT, "genres"},
        {{.kind = MDL_TEST_RELATIONSHIPS, .columns = "id", .to = "genres"},
         genres,
         MDL_E_NOT_FOUND,
         "id"},
        {{.kind = MDL_TEST_RELATIONSHIPS, .columns = "id", .to = "genres", .to_columns = "genre"},
         genres,
         MDL_E_TYPE,
         "genre of genres"},
        {{.kind = MDL_TEST_RELATIONSHIPS,
          .columns = "id",
          .to = "genres",
          .to_columns = "movie, genre"},
         genres,
         MDL_E_ARGUMENT,
         "1 columns with 2"},
        {{.kind = MDL_TEST_SUM_EQUAL, .columns = "id", .to = "genres", .to_columns = "genre"},
         genres,
         MDL_E_TYPE,
         "STRING"},
        {{.kind = MDL_TEST_EXPRESSION, .expression = "votes + 9223372036854775807 > 0"},
         NULL,
         MDL_E_OVERFLOW,
         ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mdl_error error = MDL_ERROR_INIT;
        mdl_test_result result;
        mdl_status status =
            mdl_test_run(context, &cases[i].test, movies, cases[i].to, NULL, &result, &error);
        ck_assert_msg(status == cases[i].status, "case %d: %s", (int)i, error.message);
        ck_assert_msg(strstr(error.message, cases[i].message) != NULL, "case %d: %s", (int)i,
                      error.message);
        ck_assert_ptr_null(result.failures);
    }
    mdl_test_options options = {.struct_size = 3};
    mdl_test_result result;
    const mdl_test test = {.kind = MDL_TEST_UNIQUE, .columns = "id"};
    ck_assert_int_eq(mdl_test_run(context, &test, movies, NULL, &options, &result, NULL),
                     MDL_E_ARGUMENT);
    mdl_test_options_init(&options);
    options.n_failures_kept = -2;
    ck_assert_int_eq(mdl_test_run(context, &test, movies, NULL, &options, &result, NULL),
                     MDL_E_ARGUMENT);
    mdl_table_free(movies);
    mdl_table_free(genres);
}
END_TEST

static mdl_status fail_to_find(void *user_data, mdl_context *given, const mdl_table *table,
                               uint64_t *failing, mdl_error *error)
{
    (void)user_data;
    (void)given;
    (void)table;
    (void)failing;
    return mdl_error_set(error, MDL_E_DATA, "cannot tell");
}

START_TEST(test_a_failing_callback_ends_the_test)
{
    const mdl_test test = {.kind = MDL_TEST_CALLBACK, .find = fail_to_find};
    mdl_table *movies = read_movies();
    mdl_test_result result;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_test_run(context, &test, movies, NULL, NULL, &result, &error), MDL_E_DATA);
    ck_assert_str_eq(error.message, "cannot tell");
    mdl_table_free(movies);
}
END_TEST

static Suite *quality_suite(void)
{
    Suite *suite = suite_create("quality");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_rules_find_their_rows);
    tcase_add_test(tests, test_rules_on_two_tables);
    tcase_add_test(tests, test_statistics_answer);
    tcase_add_test(tests, test_keys_at_the_ends_of_their_types);
    tcase_add_test(tests, test_keys_in_dictionaries);
    tcase_add_test(tests, test_repeats_in_stretches);
    tcase_add_test(tests, test_repeats_in_many_stretches);
    tcase_add_test(tests, test_repeats_in_a_tail);
    tcase_add_test(tests, test_kept_rows_are_the_first);
    tcase_add_test(tests, test_messages_say_what_failed);
    tcase_add_test(tests, test_conditions_decide);
    tcase_add_test(tests, test_names);
    tcase_add_test(tests, test_senseless_declarations);
    tcase_add_test(tests, test_faults_of_runs);
    tcase_add_test(tests, test_a_failing_callback_ends_the_test);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(quality_suite());
}
