/*
 * Files written back: what a read answers makes the file again, byte for byte, whatever is in it,
 * however it was cut and by how many threads; canonical files keep nothing but their header.
 */
#include <errno.h>

#include "column/column_internal.h"
#include "support/csv_dump.h"
#include "support/random.h"
#include "support/run_suite.h"

static const mdl_csv_column ratings[] = {
    {"userId", MDL_TYPE_INT32, true, true, 1, INT32_MAX, true},
    {"movieId", MDL_TYPE_INT32, true, true, 1, INT32_MAX, true},
    {.name = "rating", .type = MDL_TYPE_DECIMAL, .is_required = true},
    {"timestamp", MDL_TYPE_INT64, true, true, -62135596800, 253402300799, false},
};

static const mdl_csv_column every_type[] = {
    {.name = "i", .type = MDL_TYPE_INT32},     {.name = "s", .type = MDL_TYPE_STRING},
    {.name = "l", .type = MDL_TYPE_INT64},     {.name = "d", .type = MDL_TYPE_DECIMAL},
    {.name = "f", .type = MDL_TYPE_FLOAT64},   {.name = "b", .type = MDL_TYPE_BOOL},
    {.name = "t", .type = MDL_TYPE_TIMESTAMP}, {.name = "u", .type = MDL_TYPE_STRING},
};

static const mdl_csv_column one[] = {{.name = "s", .type = MDL_TYPE_STRING}};

enum {
    N_CONTEXTS = 12
};

static mdl_context *contexts[N_CONTEXTS];

static void set_up(void)
{
    static const read_settings settings[N_CONTEXTS] = {
        {1, 1 << 20, 65536, MDL_SIMD_SCALAR},
        {1, 1, 1, MDL_SIMD_BEST},
        {2, 2, 3, MDL_SIMD_AVX2},
        {3, 3, 7, MDL_SIMD_SCALAR},
        {2, 5, 65536, MDL_SIMD_BEST},
        {4, 7, 2, MDL_SIMD_AVX2},
        {1, 16, 64, MDL_SIMD_BEST},
        {2, 33, 65536, MDL_SIMD_SCALAR},
        {3, 100, 5, MDL_SIMD_BEST},
        {2, 300, 100, MDL_SIMD_AVX2},
        {8, 1000, 65536, MDL_SIMD_BEST},
        {2, 1 << 20, 65536, MDL_SIMD_BEST},
    };
    for (int i = 0; i < N_CONTEXTS; i++) {
        contexts[i] = make_context(settings[i]);
    }
}

static void tear_down(void)
{
    for (int i = 0; i < N_CONTEXTS; i++) {
        ck_assert_int_lt(mdl_context_memory_in_use(contexts[i]), 4096);
        mdl_context_free(contexts[i]);
    }
}

static int write_to_dump(void *user_data, const char *bytes, int64_t size_bytes)
{
    dump_add(user_data, bytes, (size_t)size_bytes);
    return 0;
}

static mdl_csv_result read_file(mdl_context *context, const dump *file,
                                const mdl_csv_column *columns, int32_t n_columns)
{
    mdl_csv_options options;
    mdl_csv_result result;
    mdl_error error = MDL_ERROR_INIT;
    mdl_csv_options_init(&options);
    options.on_error = MDL_ON_ERROR_SKIP;
    ck_assert_msg(mdl_csv_read_memory(context, "a.csv", file->bytes, (int64_t)file->size, columns,
                                      n_columns, &options, &result, &error) == MDL_OK,
                  "%s", error.message);
    return result;
}

/* Reads a file in every way, checks that it comes back and that the layout is always the same. */
static void expect_round_trips(const dump *file, const mdl_csv_column *columns, int32_t n_columns)
{
    dump expected = {.bytes = NULL};
    for (int i = 0; i < N_CONTEXTS; i++) {
        dump layout = {.bytes = NULL};
        mdl_csv_result result = read_file(contexts[i], file, columns, n_columns);
        expect_file_back(contexts[i], &result, file->bytes, file->size);
        dump_add_table(i == 0 ? &expected : &layout, contexts[i], result.layout);
        ck_assert_msg(i == 0 || (layout.size == expected.size &&
                                 memcmp(layout.bytes, expected.bytes, layout.size) == 0),
                      "context %d of file\n%s\nkeeps\n%s\nnot\n%s", i, file->bytes, layout.bytes,
                      expected.bytes);
        mdl_csv_result_free(&result);
        dump_free(&layout);
    }
    dump_free(&expected);
}

/* Checks what is kept of a file, in the form of csv_dump.h: record, whether it is a row, bytes. */
static void expect_layout(const char *text, size_t size, const mdl_csv_column *columns,
                          int32_t n_columns, const char *expected)
{
    dump file = {.bytes = NULL};
    dump actual = {.bytes = NULL};
    dump_add(&file, text, size);
    expect_round_trips(&file, columns, n_columns);
    mdl_csv_result result = read_file(contexts[1], &file, columns, n_columns);
    dump_add_table(&actual, contexts[1], result.layout);
    ck_assert_str_eq(actual.bytes, expected);
    mdl_csv_result_free(&result);
    dump_free(&actual);
    dump_free(&file);
}

/* A file as a string literal, NUL bytes included. */
#define FILE_OF(literal) literal, sizeof(literal) - 1

#define RATINGS_HEADER "userId,movieId,rating,timestamp"

START_TEST(canonical_files_keep_their_header)
{
    expect_layout(FILE_OF(RATINGS_HEADER "\n1,296,5.0,1147880044\n162541,55872,4.25,-1\n"
                                         "2147483647,10,-0.5,0\n1,1,10.0,253402300799\n"),
                  ratings, 4, "0 0 32:" RATINGS_HEADER "\n \n");
    expect_layout(FILE_OF(RATINGS_HEADER "\r\n1,296,0.5,1147880044\r\n7,5,3.75,1\r\n"), ratings, 4,
                  "0 0 33:" RATINGS_HEADER "\r\n \n");
    expect_layout(FILE_OF("i,s,l,d,f,b,t,u\n,,,,,,,\n,\"\",,,,,,\"\"\n"
                          "-5,é,-9223372036854775808,-0.05,1e+21,true,2026-01-31 23:59:59,a b\n"
                          "0,\"a,b\",0,0.0,-0.0,false,0001-01-01 00:00:00,\"c\"\"d\"\n"
                          "2147483647,\"e\nf\",12345678901,9999.99,0.1,true,1970-01-01 00:00:00,"
                          "\"g\rh\"\n1,\t,1,1.5,1.0,true,1970-01-01 00:00:00,' '\n"),
                  every_type, 8, "0 0 16:i,s,l,d,f,b,t,u\n \n");
    expect_layout(FILE_OF("s\na\n\"\"\n\"b\r\"\n"), one, 1, "0 0 2:s\n \n");
}
END_TEST

START_TEST(header_alone)
{
    expect_layout(FILE_OF("s"), one, 1, "0 0 1:s \n");
    expect_layout(FILE_OF("s\r\n"), one, 1, "0 0 3:s\r\n \n");
    expect_layout(FILE_OF("\xef\xbb\xbf\n\"s\"\n\n\r\n"), one, 1,
                  "0 0 8:\xef\xbb\xbf\n\"s\"\n \n1 0 3:\n\r\n \n");
    expect_layout(FILE_OF("rating,\"userId\",timestamp,movieId\r\n4.0,1,2,3\r\n"), ratings, 4,
                  "0 0 35:rating,\"userId\",timestamp,movieId\r\n \n");
}
END_TEST

START_TEST(numbers_that_are_kept)
{
    expect_layout(FILE_OF(RATINGS_HEADER "\n1,2,3.0,4\n01,2,3.0,4\n1,002,3.0,4\n1,2,03.0,4\n"
                                         "1,2,3,4\n1,2,3.00,4\n1,2,3.50,4\n1,2,-0.0,4\n"
                                         "1,2,3.0,-0\n1,2,3.0,00\n1,2,3.0,01147880044\n"
                                         "\"1\",2,3.0,4\n1,2,3.0,\"4\"\n1,2,3.0,4\n"),
                  ratings, 4,
                  "0 0 32:" RATINGS_HEADER "\n \n2 1 11:01,2,3.0,4\n \n3 1 12:1,002,3.0,4\n \n"
                  "4 1 11:1,2,03.0,4\n \n5 1 8:1,2,3,4\n \n6 1 11:1,2,3.00,4\n \n"
                  "7 1 11:1,2,3.50,4\n \n8 1 11:1,2,-0.0,4\n \n9 1 11:1,2,3.0,-0\n \n"
                  "10 1 11:1,2,3.0,00\n \n11 1 20:1,2,3.0,01147880044\n \n"
                  "12 1 12:\"1\",2,3.0,4\n \n13 1 12:1,2,3.0,\"4\"\n \n");
}
END_TEST

START_TEST(lines_and_quotes_that_are_kept)
{
    expect_layout(FILE_OF("s\na\r\n\n\r\nb\nc\n\"d\"\ne\rf\n\"g\r\n"), one, 1,
                  "0 0 2:s\n \n1 1 3:a\r\n \n2 1 5:\n\r\nb\n \n4 1 4:\"d\"\n \n5 1 4:e\rf\n \n"
                  "6 0 4:\"g\r\n \n");
    expect_layout(FILE_OF("s\r\na\nb\r\nc\"d\r\n\xff\r\n,\r\n\"e\"\r\nf"), one, 1,
                  "0 0 3:s\r\n \n1 1 2:a\n \n3 0 5:c\"d\r\n \n4 0 3:\xff\r\n \n5 0 3:,\r\n \n"
                  "6 1 5:\"e\"\r\n \n7 1 1:f \n");
    /* The quote in front of a line feed is not taken for a carriage return. */
    expect_layout(FILE_OF("s\r\n\"a,\"\n\"b,\"\r\n"), one, 1, "0 0 3:s\r\n \n1 1 5:\"a,\"\n \n");
    expect_layout(FILE_OF("s\n\"a,\"\r\n\"b,\"\n"), one, 1, "0 0 2:s\n \n1 1 6:\"a,\"\r\n \n");
}
END_TEST

/* ---- Random files ---- */

static void add_number(dump *to, test_random *random)
{
    static const char *const odd[] = {"4.50", "04",    "4",        "-0",         "",   "\"7\"",
                                      "x",    "4.255", "99999999", "4294967296", "\"", "-1.5",
                                      "+1",   "0.0",   "1e5",      "\"\"",       "00", "true"};
    if (test_random_below(random, 25) == 0) {
        dump_add_text(to, odd[test_random_below(random, sizeof odd / sizeof odd[0])]);
        return;
    }
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64,
             1 + test_random_below(random, test_random_below(random, 2) == 0 ? 9 : 2000000000));
    dump_add_text(to, text);
}

static void add_rating(dump *to, test_random *random)
{
    char text[8];
    if (test_random_below(random, 20) == 0) {
        add_number(to, random);
        return;
    }
    snprintf(text, sizeof text, "%d.%d", (int)test_random_below(random, 6),
             (int)test_random_below(random, 2) * 5);
    dump_add_text(to, text);
}

static void add_text(dump *to, test_random *random)
{
    static const char *const texts[] = {
        "",         "\"\"",       "a",
        "title",    "\"a,b\"",    "\"quoted\"",
        "é",        "\"c\"\"d\"", "e\rf",
        "\"g\nh\"", "\"g\rh\"",   "\"i\r\n\"",
        "a \"b\"",  "\xff",       " pad ",
        "\"\"\"\"", "\"x\" ",     "long enough to need more than one word of eight bytes",
        "\t",       "\"j",
    };
    uint64_t n = sizeof texts / sizeof texts[0];
    /* The last one, which runs to the next quote, is rare. */
    uint64_t choice = test_random_below(random, 4) == 0 ? test_random_below(random, n - 1) : 3;
    choice = test_random_below(random, 300) == 0 ? n - 1 : choice;
    dump_add_text(to, texts[choice]);
}

/* How often a file has what. */
typedef struct dirt {
    const char *line_end;
    uint64_t blank_lines; /* one in so many; 0 = never */
    uint64_t other_line_ends;
    uint64_t other_counts;
} dirt;

static bool happens(test_random *random, uint64_t one_in)
{
    return one_in > 0 && test_random_below(random, one_in) == 0;
}

static void add_line_end(dump *to, const dirt *how, test_random *random)
{
    bool is_other = happens(random, how->other_line_ends);
    bool is_crlf = (how->line_end[0] == '\r') != is_other;
    dump_add_text(to, is_crlf ? "\r\n" : "\n");
    while (happens(random, how->blank_lines)) {
        dump_add_text(to, test_random_below(random, 2) == 0 ? "\r\n" : "\n");
    }
}

/* Puts the columns in random order. */
static void add_header(dump *to, test_random *random, const mdl_csv_column *columns,
                       int32_t n_columns, int32_t *order)
{
    for (int32_t i = 0; i < n_columns; i++) {
        int32_t j = (int32_t)test_random_below(random, (uint64_t)i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    if (test_random_below(random, 3) == 0) {
        dump_add_text(to, "\xef\xbb\xbf");
    }
    if (test_random_below(random, 5) == 0) {
        dump_add_text(to, "\r\n\n");
    }
    for (int32_t i = 0; i < n_columns; i++) {
        const char *quote = test_random_below(random, 5) == 0 ? "\"" : "";
        dump_add_text(to, i > 0 ? "," : "");
        dump_add_text(to, quote);
        dump_add_text(to, columns[order[i]].name);
        dump_add_text(to, quote);
    }
}

static void add_record(dump *to, test_random *random, const mdl_csv_column *columns,
                       int32_t n_columns, const int32_t *order, const dirt *how)
{
    for (int32_t i = 0; i < n_columns; i++) {
        dump_add_text(to, i > 0 ? "," : "");
        switch (columns[order[i]].type) {
        case MDL_TYPE_STRING:
            add_text(to, random);
            break;
        case MDL_TYPE_DECIMAL:
        case MDL_TYPE_FLOAT64:
            add_rating(to, random);
            break;
        case MDL_TYPE_BOOL:
            dump_add_text(to, test_random_below(random, 9) == 0 ? "\"true\"" : "false");
            break;
        case MDL_TYPE_TIMESTAMP:
            dump_add_text(to, test_random_below(random, 9) == 0 ? "\"2026-01-31 23:59:59\""
                                                                : "2000-02-29 00:00:00");
            break;
        default:
            add_number(to, random);
            break;
        }
    }
    if (happens(random, how->other_counts)) {
        dump_add_text(to, ",more");
    }
}

static void expect_random_file(test_random *random, const mdl_csv_column *columns,
                               int32_t n_columns, uint64_t n_records_max)
{
    static const uint64_t rates[] = {0, 0, 2, 10, 100};
    dump file = {.bytes = NULL};
    int32_t order[8];
    dirt how = {.line_end = test_random_below(random, 2) == 0 ? "\n" : "\r\n",
                .blank_lines = rates[test_random_below(random, 5)],
                .other_line_ends = rates[test_random_below(random, 5)],
                .other_counts = rates[test_random_below(random, 5)]};
    add_header(&file, random, columns, n_columns, order);
    dump_add_text(&file, how.line_end);
    for (uint64_t n = test_random_below(random, n_records_max + 1); n > 0; n--) {
        add_record(&file, random, columns, n_columns, order, &how);
        if (n > 1 || test_random_below(random, 3) > 0) {
            add_line_end(&file, &how, random);
        }
    }
    expect_round_trips(&file, columns, n_columns);
    dump_free(&file);
}

START_TEST(random_files_come_back)
{
    test_random random = test_random_start("random_files_come_back");
    for (int i = 0; i < 60; i++) {
        expect_random_file(&random, ratings, 4, 30);
        expect_random_file(&random, every_type, 8, 30);
        expect_random_file(&random, one, 1, 30);
    }
    for (int i = 0; i < 4; i++) {
        expect_random_file(&random, ratings, 4, 3000);
        expect_random_file(&random, every_type, 8, 1000);
    }
}
END_TEST

/* Whole chunks of blank lines, and of records that are all kept. */
START_TEST(blank_lines_across_chunks)
{
    dump file = {.bytes = NULL};
    dump_add_text(&file, RATINGS_HEADER "\n\n\n");
    for (int i = 0; i < 400; i++) {
        dump_add_text(&file, i % 3 == 0 ? "1,2,3.0,4\n" : "1,2,3,4\n");
        for (int n = i % 7 == 0 ? i : 0; n > 0; n--) {
            dump_add_text(&file, n % 2 == 0 ? "\r\n" : "\n");
        }
    }
    expect_round_trips(&file, ratings, 4);
    dump_free(&file);
}
END_TEST

/* More records than are written at once, kept ones and rows in turn, in the rows of two files. */
START_TEST(rows_among_others_come_back)
{
    dump first = {.bytes = NULL};
    dump second = {.bytes = NULL};
    char line[64];
    dump_add_text(&first, RATINGS_HEADER "\r\n");
    dump_add_text(&second, "timestamp,rating,movieId,userId\n");
    for (int i = 0; i < 40000; i++) {
        const char *rating = i % 3 == 0 ? "4.0" : i % 5 == 0 ? "4" : i % 7 == 0 ? "bad" : "0.5";
        snprintf(line, sizeof line, "%d,%d,%s,%d\r\n", i + 1, 40000 - i, rating, i * 40000);
        dump_add_text(&first, line);
        snprintf(line, sizeof line, "%d,%s,%d,%d\n", i, i % 9000 == 0 ? "\"1.5\"" : "1.5", i + 1,
                 i + 1);
        dump_add_text(&second, line);
    }
    mdl_context *context = contexts[N_CONTEXTS - 1];
    mdl_csv_result a = read_file(context, &first, ratings, 4);
    mdl_csv_result b = read_file(context, &second, ratings, 4);
    mdl_table *both;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_int_gt(a.n_rejected, 1000);
    /* 5 kept ones, and the header. */
    ck_assert_int_eq(mdl_table_n_rows(b.layout), 6);
    ck_assert_int_eq(mdli_table_concat(context, a.table, b.table, &both, NULL), MDL_OK);
    int64_t n_first = mdl_table_n_rows(a.table);
    expected_bytes expected = {first.bytes, first.size};
    ck_assert_msg(mdl_csv_restore(context, both, 0, n_first, a.n_records, a.layout, compare_bytes,
                                  &expected, &error) == MDL_OK,
                  "%s", error.message);
    ck_assert_uint_eq(expected.n_left, 0);
    expected = (expected_bytes){second.bytes, second.size};
    ck_assert_msg(mdl_csv_restore(context, both, n_first, 40000, b.n_records, b.layout,
                                  compare_bytes, &expected, &error) == MDL_OK,
                  "%s", error.message);
    ck_assert_uint_eq(expected.n_left, 0);
    mdl_table_free(both);
    mdl_csv_result_free(&a);
    mdl_csv_result_free(&b);
    dump_free(&first);
    dump_free(&second);
}
END_TEST

/* The data set that the program was written for, where it is at hand. */
START_TEST(real_files_come_back)
{
    static const mdl_csv_column movies[] = {
        {.name = "movieId", .type = MDL_TYPE_INT32, .is_required = true},
        {.name = "title", .type = MDL_TYPE_STRING},
        {.name = "genres", .type = MDL_TYPE_STRING},
    };
    static const mdl_csv_column tags[] = {
        {.name = "userId", .type = MDL_TYPE_INT32, .is_required = true},
        {.name = "movieId", .type = MDL_TYPE_INT32, .is_required = true},
        {.name = "tag", .type = MDL_TYPE_STRING},
        {.name = "timestamp", .type = MDL_TYPE_INT64, .is_required = true},
    };
    static const mdl_csv_column links[] = {
        {.name = "movieId", .type = MDL_TYPE_INT32, .is_required = true},
        {.name = "imdbId", .type = MDL_TYPE_STRING},
        {.name = "tmdbId", .type = MDL_TYPE_STRING},
    };
    static const struct {
        const char *name;
        const mdl_csv_column *columns;
        int32_t n_columns;
    } files[] = {
        {"movies", movies, 3}, {"ratings", ratings, 4}, {"tags", tags, 4}, {"links", links, 3}};
    const char *folder = getenv("MDL_TEST_DATA");
    for (size_t i = 0; folder != NULL && i < sizeof files / sizeof files[0]; i++) {
        char path[4096];
        char bytes[65536];
        dump file = {.bytes = NULL};
        snprintf(path, sizeof path, "%s/%s.csv", folder, files[i].name);
        FILE *stream = fopen(path, "rb");
        ck_assert_msg(stream != NULL, "cannot open %s", path);
        for (size_t n; (n = fread(bytes, 1, sizeof bytes, stream)) > 0;) {
            dump_add(&file, bytes, n);
        }
        fclose(stream);
        mdl_context *context = contexts[N_CONTEXTS - 2];
        mdl_csv_result result = read_file(context, &file, files[i].columns, files[i].n_columns);
        expect_file_back(context, &result, file.bytes, file.size);
        ck_assert_int_eq(mdl_table_n_rows(result.layout), 1);
        mdl_csv_result_free(&result);
        dump_free(&file);
    }
}
END_TEST

START_TEST(columns_left_out)
{
    static const char with_more[] = "s,more\na,1\n";
    static const char without[] = "s\na\n";
    mdl_csv_options options;
    mdl_csv_result result;
    mdl_csv_options_init(&options);
    options.allow_extra_columns = true;
    ck_assert_int_eq(mdl_csv_read_memory(contexts[0], "a", with_more, sizeof with_more - 1, one, 1,
                                         &options, &result, NULL),
                     MDL_OK);
    ck_assert_ptr_null(result.layout);
    mdl_csv_result_free(&result);
    ck_assert_int_eq(mdl_csv_read_memory(contexts[0], "a", without, sizeof without - 1, one, 1,
                                         &options, &result, NULL),
                     MDL_OK);
    ck_assert_ptr_nonnull(result.layout);
    mdl_csv_result_free(&result);
}
END_TEST

/* ---- Calls that fail ---- */

static void expect_refused(const mdl_table *table, int64_t first_row, int64_t n_rows,
                           int64_t n_records, const mdl_table *layout, const char *message)
{
    mdl_error error = MDL_ERROR_INIT;
    dump restored = {.bytes = NULL};
    ck_assert_int_eq(mdl_csv_restore(contexts[0], table, first_row, n_rows, n_records, layout,
                                     write_to_dump, &restored, &error),
                     MDL_E_ARGUMENT);
    ck_assert_str_eq(error.message, message);
    dump_free(&restored);
}

/* The first rows of a layout of three. */
static mdl_table *make_layout(const int64_t *records, const uint8_t *are_rows, int64_t n)
{
    static const mdl_field fields[] = {
        {"record", MDL_TYPE_INT64}, {"is_row", MDL_TYPE_BOOL}, {"raw", MDL_TYPE_STRING}};
    const mdl_string raws[] = {{"s\n", 2}, {"b\r\n", 3}, {"\n", 1}};
    const mdl_vector columns[] = {
        {.type = MDL_TYPE_INT64, .n_rows = n, .values = records},
        {.type = MDL_TYPE_BOOL, .n_rows = n, .values = are_rows},
        {.type = MDL_TYPE_STRING, .n_rows = n, .values = raws},
    };
    mdl_table_builder *builder;
    mdl_table *table;
    ck_assert_int_eq(mdl_table_builder_create(contexts[0], fields, 3, &builder, NULL), MDL_OK);
    ck_assert(n == 0 || mdl_table_builder_append(builder, columns, n, NULL) == MDL_OK);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    return table;
}

START_TEST(layouts_that_do_not_belong)
{
    static const mdl_csv_column other[] = {{.name = "other", .type = MDL_TYPE_STRING}};
    const char *no_layout = "a csv restore needs the layout of a read";
    const char *prefix = "rows and layout do not belong together: ";
    char message[256];
    dump file = {.bytes = NULL};
    dump_add_text(&file, "s\na\nb\r\nc\n");
    mdl_csv_result result = read_file(contexts[0], &file, one, 1);
    const mdl_table *table = result.table;
    const mdl_table *layout = result.layout;
    ck_assert_int_eq(mdl_csv_restore(contexts[0], table, 0, 3, 3, layout, NULL, NULL, NULL),
                     MDL_E_ARGUMENT);
    expect_refused(table, 0, 3, 3, NULL, no_layout);
    expect_refused(table, 0, 3, 3, table, no_layout);
    snprintf(message, sizeof message, "%s%s", prefix, "the table does not have these rows");
    expect_refused(table, 1, 3, 3, layout, message);
    expect_refused(table, -1, 3, 3, layout, message);
    expect_refused(table, 0, 3, 2, layout, message);
    expect_refused(NULL, 0, 3, 3, layout, message);
    snprintf(message, sizeof message, "%s%s", prefix, "too few rows");
    expect_refused(table, 0, 3, 4, layout, message);
    snprintf(message, sizeof message, "%s%s", prefix, "too few rows");
    expect_refused(table, 0, 1, 1, layout, message);

    static const struct {
        int64_t records[3];
        uint8_t are_rows[3];
        int64_t n;
        const char *message;
    } layouts[] = {
        {{0}, {0}, 0, NULL},
        {{1, 2, 3}, {1, 1, 1}, 3, "there is no header"},
        {{0, 2, 2}, {0, 1, 1}, 3, "its records are not in order"},
        {{0, 2, 1}, {0, 1, 1}, 3, "its records are not in order"},
        {{0, 2, 5}, {0, 1, 0}, 3, "it has more records"},
        {{0, 2, 3}, {0, 0, 1}, 3, "too many rows"},
        {{0, 4}, {1, 0}, 2, "too few rows"},
    };
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        mdl_table *made = make_layout(layouts[i].records, layouts[i].are_rows, layouts[i].n);
        snprintf(message, sizeof message, "%s%s", prefix,
                 layouts[i].message != NULL ? layouts[i].message : "");
        expect_refused(table, 0, 3, 3, made, layouts[i].message != NULL ? message : no_layout);
        mdl_table_free(made);
    }
    mdl_csv_result other_result;
    static const char other_file[] = "other\na\n";
    ck_assert_int_eq(mdl_csv_read_memory(contexts[0], "a", other_file, sizeof other_file - 1, other,
                                         1, NULL, &other_result, NULL),
                     MDL_OK);
    snprintf(message, sizeof message, "%s%s", prefix,
             "csv, line 1, column other, byte 0: a column that the table does not have: \"other\"");
    expect_refused(table, 0, 1, 1, other_result.layout, message);
    mdl_csv_result_free(&other_result);
    mdl_csv_result_free(&result);
    dump_free(&file);
}
END_TEST

static int fail_with(void *user_data, const char *bytes, int64_t size_bytes)
{
    (void)bytes;
    (void)size_bytes;
    return *(const int *)user_data;
}

START_TEST(writer_that_fails)
{
    dump file = {.bytes = NULL};
    dump_add_text(&file, "s\na\n");
    mdl_csv_result result = read_file(contexts[0], &file, one, 1);
    int reason = ENOSPC;
    ck_assert_int_eq(mdl_csv_restore(contexts[0], result.table, 0, 1, 1, result.layout, fail_with,
                                     &reason, NULL),
                     MDL_E_NO_SPACE);
    reason = EPIPE;
    ck_assert_int_eq(mdl_csv_restore(contexts[0], result.table, 0, 1, 1, result.layout, fail_with,
                                     &reason, NULL),
                     MDL_E_IO);
    mdl_csv_result_free(&result);
    dump_free(&file);
}
END_TEST

static Suite *csv_layout_suite(void)
{
    Suite *suite = suite_create("csv_layout");
    TCase *kept = tcase_create("kept");
    tcase_add_checked_fixture(kept, set_up, tear_down);
    tcase_add_test(kept, canonical_files_keep_their_header);
    tcase_add_test(kept, header_alone);
    tcase_add_test(kept, numbers_that_are_kept);
    tcase_add_test(kept, lines_and_quotes_that_are_kept);
    tcase_add_test(kept, random_files_come_back);
    tcase_add_test(kept, blank_lines_across_chunks);
    tcase_add_test(kept, rows_among_others_come_back);
    tcase_add_test(kept, real_files_come_back);
    tcase_add_test(kept, columns_left_out);
    tcase_add_test(kept, layouts_that_do_not_belong);
    tcase_add_test(kept, writer_that_fails);
    tcase_set_timeout(kept, 120);
    suite_add_tcase(suite, kept);
    return suite;
}

int main(void)
{
    return run_suite(csv_layout_suite());
}
