/*
 * The CSV reader, case by case: headers, line ends, quotes, NULL, every kind of bad record and the
 * place that is told for it, limits, files that cannot be read.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "support/csv_dump.h"
#include "support/run_suite.h"

static const mdl_csv_column ratings[] = {
    {"userId", MDL_TYPE_INT32, true, true, 1, INT32_MAX, true},
    {"movieId", MDL_TYPE_INT32, true, true, 1, INT32_MAX, true},
    {.name = "rating", .type = MDL_TYPE_DECIMAL, .is_required = true},
    {"timestamp", MDL_TYPE_INT64, true, true, -62135596800, 253402300799, false},
};

static const mdl_csv_column pairs[] = {
    {.name = "id", .type = MDL_TYPE_INT32, .is_required = true},
    {.name = "text", .type = MDL_TYPE_STRING},
};

static const mdl_csv_column one[] = {{.name = "text", .type = MDL_TYPE_STRING}};

static mdl_context *context;

static void set_up(void)
{
    context = make_context((read_settings){2, 7, 3, MDL_SIMD_BEST});
}

static void tear_down(void)
{
    ck_assert_int_lt(mdl_context_memory_in_use(context), 4096);
    mdl_context_free(context);
}

/* A file as a string literal, NUL bytes included. */
#define FILE_OF(literal) literal, sizeof(literal) - 1

/* Checks that a file is read without fault to these rows, in the form of csv_dump.h. */
static void expect_rows(const char *bytes, size_t size, const mdl_csv_column *columns,
                        int32_t n_columns, const char *rows)
{
    mdl_csv_result result;
    mdl_error error = MDL_ERROR_INIT;
    dump actual = {.bytes = NULL};
    dump_add_text(&actual, "");
    ck_assert_msg(mdl_csv_read_memory(context, "a.csv", bytes, (int64_t)size, columns, n_columns,
                                      NULL, &result, &error) == MDL_OK,
                  "%s", error.message);
    ck_assert_ptr_null(result.rejects);
    ck_assert_int_eq(result.n_rejected, 0);
    dump_add_table(&actual, context, result.table);
    ck_assert_str_eq(actual.bytes, rows);
    mdl_csv_result_free(&result);
    dump_free(&actual);
}

/* Where and why a read fails. */
typedef struct fault {
    mdl_status status;
    int64_t line;
    int64_t record;
    const char *column;
    int64_t offset_bytes;
    const char *text;
    const char *message;
} fault;

static void expect_fault_with(const char *bytes, size_t size, const mdl_csv_column *columns,
                              int32_t n_columns, const mdl_csv_options *options, fault expected)
{
    mdl_csv_result result;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_csv_read_memory(context, "a.csv", bytes, (int64_t)size, columns,
                                            n_columns, options, &result, &error);
    ck_assert_int_eq(status, expected.status);
    ck_assert_int_eq(error.status, expected.status);
    ck_assert_str_eq(error.message, expected.message);
    ck_assert_str_eq(error.file, "a.csv");
    ck_assert_str_eq(error.column, expected.column);
    ck_assert_str_eq(error.text, expected.text);
    ck_assert_int_eq(error.line, expected.line);
    ck_assert_int_eq(error.record, expected.record);
    ck_assert_int_eq(error.offset_bytes, expected.offset_bytes);
    ck_assert_ptr_null(result.table);
}

static void expect_fault(const char *bytes, size_t size, const mdl_csv_column *columns,
                         int32_t n_columns, fault expected)
{
    expect_fault_with(bytes, size, columns, n_columns, NULL, expected);
}

/* Checks a failure that has no place. */
static void expect_failure(const char *bytes, size_t size, const mdl_csv_column *columns,
                           int32_t n_columns, mdl_status status, const char *message)
{
    mdl_csv_result result;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_csv_read_memory(context, "a.csv", bytes, (int64_t)size, columns, n_columns,
                                         NULL, &result, &error),
                     status);
    ck_assert_str_eq(error.message, message);
}

START_TEST(ratings_are_read)
{
    expect_rows(FILE_OF("userId,movieId,rating,timestamp\r\n1,296,5.0,1147880044\r\n"
                        "162541,55872,4.25,-1\r\n0007,1,-0.5,253402300799\r\n1,2,10,0\r\n"),
                ratings, 4,
                "1 296 500 1147880044 \n162541 55872 425 -1 \n7 1 -50 253402300799 \n"
                "1 2 1000 0 \n");
}
END_TEST

START_TEST(line_ends)
{
    const char *rows = "1 1:a \n2 1:b \n";
    expect_rows(FILE_OF("id,text\n1,a\n2,b\n"), pairs, 2, rows);
    expect_rows(FILE_OF("id,text\n1,a\n2,b"), pairs, 2, rows);
    expect_rows(FILE_OF("id,text\r\n1,a\r\n2,b\r\n"), pairs, 2, rows);
    expect_rows(FILE_OF("id,text\r\n1,a\n2,b\r\n"), pairs, 2, rows);
    expect_rows(FILE_OF("id,text\n1,a\r\n2,b"), pairs, 2, rows);
    expect_rows(FILE_OF("\xef\xbb\xbfid,text\n1,a\n2,b\n"), pairs, 2, rows);
    /* Blank lines are no records, wherever they are. */
    expect_rows(FILE_OF("\n\r\nid,text\n\n\r\n1,a\n\n2,b\n\n\r\n"), pairs, 2, rows);
    expect_rows(FILE_OF("text\n\nb\n\r\n\"\"\n"), one, 1, "1:b \n0: \n");
    /* A lone carriage return is data. */
    expect_rows(FILE_OF("id,text\n1,a\rb\n2,\r\r\n3,c\r"), pairs, 2,
                "1 3:a\rb \n2 1:\r \n3 2:c\r \n");
    expect_rows(FILE_OF("text\n\ra\n"), one, 1, "2:\ra \n");
}
END_TEST

START_TEST(header_alone)
{
    expect_rows(FILE_OF("id,text\n"), pairs, 2, "");
    expect_rows(FILE_OF("id,text\r\n"), pairs, 2, "");
    expect_rows(FILE_OF("text,id"), pairs, 2, "");
    expect_rows(FILE_OF("\xef\xbb\xbf\"id\",\"text\"\n\n\n"), pairs, 2, "");
}
END_TEST

START_TEST(quotes)
{
    expect_rows(
        FILE_OF("id,text\n1,\"a, b\"\n\"2\",\"c\"\"d\"\n3,\"\"\"\"\n4,\"e\r\nf\ng\"\r\n5,\"h\""),
        pairs, 2, "1 4:a, b \n2 3:c\"d \n3 1:\" \n4 6:e\r\nf\ng \n5 1:h \n");
    /* Nothing is NULL, two quotes are the empty string. */
    expect_rows(FILE_OF("id,text\n1,\n2,\"\"\r\n3,\r\n4,"), pairs, 2, "1 - \n2 0: \n3 - \n4 - \n");
}
END_TEST

START_TEST(columns_by_name)
{
    expect_rows(FILE_OF("text,id\na,1\n"), pairs, 2, "1 1:a \n");
    mdl_csv_options options;
    mdl_csv_result result;
    mdl_csv_options_init(&options);
    options.allow_extra_columns = true;
    dump actual = {.bytes = NULL};
    ck_assert(mdl_csv_read_memory(context, "a.csv", FILE_OF("x,text,y,id\n\"1,2\",b,,7\n"), pairs,
                                  2, &options, &result, NULL) == MDL_OK);
    dump_add_table(&actual, context, result.table);
    ck_assert_str_eq(actual.bytes, "7 1:b \n");
    mdl_csv_result_free(&result);
    dump_free(&actual);
    /* What is left out must be text all the same. */
    expect_fault_with(
        FILE_OF("x,text,id\n\xff,b,7\n"), pairs, 2, &options,
        (fault){MDL_E_DATA, 2, 1, "x", 10, "\\xff",
                "a.csv, line 2, record 1, column x, byte 10: invalid UTF-8: \"\\xff\""});
}
END_TEST

START_TEST(bad_headers)
{
    expect_failure("", 0, pairs, 2, MDL_E_DATA, "a.csv is empty: it has 0 bytes and no header");
    expect_failure(FILE_OF("\n\n"), pairs, 2, MDL_E_SCHEMA, "a.csv has no header");
    expect_failure(FILE_OF("\xef\xbb\xbf"), pairs, 2, MDL_E_SCHEMA, "a.csv has no header");
    expect_fault(
        FILE_OF("\nid,Text\n"), pairs, 2,
        (fault){MDL_E_SCHEMA, 2, 0, "Text", 4, "Text",
                "a.csv, line 2, column Text, byte 4: a column that the table does not have: "
                "\"Text\""});
    expect_fault(FILE_OF("id,text,\"id\"\n"), pairs, 2,
                 (fault){MDL_E_SCHEMA, 1, 0, "id", 9, "id",
                         "a.csv, line 1, column id, byte 9: a column named twice: \"id\""});
    expect_fault(
        FILE_OF("\xef\xbb\xbfid\n1\n"), pairs, 2,
        (fault){MDL_E_SCHEMA, 1, 0, "text", 3, "id",
                "a.csv, line 1, column text, byte 3: a column that the header does not name: "
                "\"id\""});
    expect_fault(FILE_OF("id,te\"xt\n1,2\n"), pairs, 2,
                 (fault){MDL_E_SCHEMA, 1, 0, "", 3, "te\"xt",
                         "a.csv, line 1, byte 3: a quote inside an unquoted field: \"te\"xt\""});
    expect_fault(FILE_OF("id,\"text\n1,2\n"), pairs, 2,
                 (fault){MDL_E_SCHEMA, 1, 0, "", 3, "\"text\\n1,2\\n",
                         "a.csv, line 1, byte 3: no closing quote: \"\"text\\n1,2\\n\""});
}
END_TEST

START_TEST(bad_values)
{
    expect_fault(FILE_OF("userId,movieId,rating,timestamp\n1,2,4.0,5\n1,2,4.5x,5\n"), ratings, 4,
                 (fault){MDL_E_DATA, 3, 2, "rating", 46, "4.5x",
                         "a.csv, line 3, record 2, column rating, byte 46: "
                         "not a decimal number with at most 2 places: \"4.5x\""});
    expect_fault(FILE_OF("userId,movieId,rating,timestamp\r\n\r\n0,2,4.0,5\r\n"), ratings, 4,
                 (fault){MDL_E_DATA, 3, 1, "userId", 35, "0",
                         "a.csv, line 3, record 1, column userId, byte 35: "
                         "not within 1 … 2147483647: \"0\""});
    expect_fault(FILE_OF("userId,movieId,rating,timestamp\n1,-2,4.0,5\n"), ratings, 4,
                 (fault){MDL_E_DATA, 2, 1, "movieId", 34, "-2",
                         "a.csv, line 2, record 1, column movieId, byte 34: "
                         "not a number without a sign: \"-2\""});
    expect_fault(FILE_OF("userId,movieId,rating,timestamp\n1,2,,5\n"), ratings, 4,
                 (fault){MDL_E_DATA, 2, 1, "rating", 36, "",
                         "a.csv, line 2, record 1, column rating, byte 36: "
                         "no value where one is required: \"\""});
    expect_fault(FILE_OF("userId,movieId,rating,timestamp\n1,2,10000,5\n"), ratings, 4,
                 (fault){MDL_E_DATA, 2, 1, "rating", 36, "10000",
                         "a.csv, line 2, record 1, column rating, byte 36: "
                         "not within -9999.99 … 9999.99: \"10000\""});
    expect_fault(FILE_OF("userId,movieId,rating,timestamp\n1,2,3,253402300800\n"), ratings, 4,
                 (fault){MDL_E_DATA, 2, 1, "timestamp", 38, "253402300800",
                         "a.csv, line 2, record 1, column timestamp, byte 38: "
                         "not within -62135596800 … 253402300799: \"253402300800\""});
    /* The text of a quoted value is what is in the quotes; line ends in quotes are counted. */
    expect_fault(
        FILE_OF("id,text\n1,\"a\nb\"\n\" 2\",c\n"), pairs, 2,
        (fault){MDL_E_DATA, 4, 2, "id", 17, " 2",
                "a.csv, line 4, record 2, column id, byte 17: not a whole number: \" 2\""});
    expect_fault(
        FILE_OF("id,text\n1,a\xc3\n"), pairs, 2,
        (fault){MDL_E_DATA, 2, 1, "text", 10, "a\\xc3",
                "a.csv, line 2, record 1, column text, byte 10: invalid UTF-8: \"a\\xc3\""});
    expect_fault(FILE_OF("id,text\n1,a\0\n"), pairs, 2,
                 (fault){MDL_E_DATA, 2, 1, "text", 10, "a\\x00",
                         "a.csv, line 2, record 1, column text, byte 10: a NUL byte: \"a\\x00\""});
}
END_TEST

START_TEST(bad_records)
{
    expect_fault(
        FILE_OF("id,text\n1,a\n2\n3,c\n"), pairs, 2,
        (fault){MDL_E_DATA, 3, 2, "", 12, "2",
                "a.csv, line 3, record 2, byte 12: 1 field where the header has 2: \"2\""});
    expect_fault(
        FILE_OF("id,text\n1,a,\r\n"), pairs, 2,
        (fault){MDL_E_DATA, 2, 1, "", 8, "1,a,",
                "a.csv, line 2, record 1, byte 8: 3 fields where the header has 2: \"1,a,\""});
    expect_fault(FILE_OF("id,text\n1,a\"b,c\n"), pairs, 2,
                 (fault){MDL_E_DATA, 2, 1, "text", 10, "a\"b",
                         "a.csv, line 2, record 1, column text, byte 10: "
                         "a quote inside an unquoted field: \"a\"b\""});
    expect_fault(FILE_OF("id,text\n\"1\" ,a\n"), pairs, 2,
                 (fault){MDL_E_DATA, 2, 1, "id", 8, "\"1\" ",
                         "a.csv, line 2, record 1, column id, byte 8: "
                         "text after a closing quote: \"\"1\" \""});
    expect_fault(FILE_OF("id,text\n1,\"a\"\r"), pairs, 2,
                 (fault){MDL_E_DATA, 2, 1, "text", 10, "\"a\"\\r",
                         "a.csv, line 2, record 1, column text, byte 10: "
                         "text after a closing quote: \"\"a\"\\r\""});
    expect_fault(FILE_OF("id,text\n1,\"a\n2,b\n"), pairs, 2,
                 (fault){MDL_E_DATA, 2, 1, "text", 10, "\"a\\n2,b\\n",
                         "a.csv, line 2, record 1, column text, byte 10: "
                         "no closing quote: \"\"a\\n2,b\\n\""});
    /* The fault is in a field that no column has. */
    expect_fault(FILE_OF("id,text\n1,b,c\"d\n"), pairs, 2,
                 (fault){MDL_E_DATA, 2, 1, "", 12, "c\"d",
                         "a.csv, line 2, record 1, byte 12: a quote inside an unquoted field: "
                         "\"c\"d\""});
}
END_TEST

START_TEST(values_of_other_types)
{
    static const mdl_csv_column columns[] = {
        {.name = "f", .type = MDL_TYPE_FLOAT64},
        {.name = "b", .type = MDL_TYPE_BOOL},
        {.name = "t", .type = MDL_TYPE_TIMESTAMP},
        {.name = "i", .type = MDL_TYPE_INT64, .has_range = true, .least = -5, .greatest = 5},
    };
    expect_rows(FILE_OF("f,b,t,i\n1.5,true,1970-01-02 00:00:01,-5\n,,,\n-2e3,false,1969-12-31 "
                        "23:59:59,5\n"),
                columns, 4, "0x1.8p+0 1 86401 -5 \n- - - - \n-0x1.f4p+10 0 -1 5 \n");
    expect_fault(
        FILE_OF("f,b,t,i\n1,2,3,4\n"), columns, 4,
        (fault){MDL_E_DATA, 2, 1, "b", 10, "2",
                "a.csv, line 2, record 1, column b, byte 10: neither true nor false: \"2\""});
    expect_fault(FILE_OF("f,b,t,i\n1e999,true,,6\n"), columns, 4,
                 (fault){MDL_E_DATA, 2, 1, "f", 8, "1e999",
                         "a.csv, line 2, record 1, column f, byte 8: too large for FLOAT64: "
                         "\"1e999\""});
    expect_fault(FILE_OF("f,b,t,i\n1,true,2026-02-30 00:00:00,6\n"), columns, 4,
                 (fault){MDL_E_DATA, 2, 1, "t", 15, "2026-02-30 00:00:00",
                         "a.csv, line 2, record 1, column t, byte 15: a time that does not exist: "
                         "\"2026-02-30 00:00:00\""});
    expect_fault(FILE_OF("f,b,t,i\n,,,6\n"), columns, 4,
                 (fault){MDL_E_DATA, 2, 1, "i", 11, "6",
                         "a.csv, line 2, record 1, column i, byte 11: not within -5 … 5: \"6\""});
}
END_TEST

/* Rejects of a file with two good records and each kind of bad one. */
static const char dirty_file[] =
    "id,text\n1,a\nx,\"b\"\n2,c\xff\0\n4\"5,e\n6,\"f\"g,h\n7\n8,i\n,\n9,\"j\n";

static const char dirty_rejects[] =
    "5:a.csv 3 2 2:id 12 18:not a whole number 1:x 5:x,\"b\" \n"
    "5:a.csv 4 3 4:text 20 10:a NUL byte 9:c\\xff\\x00 11:2,c\\xff\\x00 \n"
    "5:a.csv 5 4 2:id 24 32:a quote inside an unquoted field 3:4\"5 5:4\"5,e \n"
    "5:a.csv 6 5 4:text 32 26:text after a closing quote 4:\"f\"g 8:6,\"f\"g,h \n"
    "5:a.csv 7 6 - 39 30:1 field where the header has 2 1:7 1:7 \n"
    "5:a.csv 9 8 2:id 45 30:no value where one is required 0: 1:, \n"
    "5:a.csv 10 9 4:text 49 16:no closing quote 3:\"j\n 5:9,\"j\n \n";

START_TEST(bad_records_are_skipped)
{
    mdl_csv_options options;
    mdl_csv_result result;
    mdl_error error = MDL_ERROR_INIT;
    dump actual = {.bytes = NULL};
    mdl_csv_options_init(&options);
    options.on_error = MDL_ON_ERROR_SKIP;
    options.max_errors = 7;
    ck_assert_msg(mdl_csv_read_memory(context, "a.csv", FILE_OF(dirty_file), pairs, 2, &options,
                                      &result, &error) == MDL_OK,
                  "%s", error.message);
    ck_assert_int_eq(result.n_records, 9);
    ck_assert_int_eq(result.n_rejected, 7);
    dump_add_table(&actual, context, result.table);
    ck_assert_str_eq(actual.bytes, "1 1:a \n8 1:i \n");
    dump_free(&actual);
    dump_add_table(&actual, context, result.rejects);
    ck_assert_str_eq(actual.bytes, dirty_rejects);
    ck_assert_str_eq(mdl_table_column_name(result.rejects, 0), "file");
    ck_assert_str_eq(mdl_table_column_name(result.rejects, 4), "offset_bytes");
    ck_assert_str_eq(mdl_table_column_name(result.rejects, 7), "raw");
    mdl_csv_result_free(&result);
    dump_free(&actual);
}
END_TEST

START_TEST(too_many_bad_records)
{
    mdl_csv_options options;
    mdl_csv_options_init(&options);
    options.on_error = MDL_ON_ERROR_SKIP;
    options.max_errors = 1;
    fault second = {MDL_E_DATA,
                    4,
                    3,
                    "text",
                    20,
                    "c\\xff\\x00",
                    "a.csv, line 4, record 3, column text, byte 20: a NUL byte: \"c\\xff\\x00\""};
    expect_fault_with(FILE_OF(dirty_file), pairs, 2, &options, second);
    options.max_errors = 0;
    fault first = {MDL_E_DATA,
                   3,
                   2,
                   "id",
                   12,
                   "x",
                   "a.csv, line 3, record 2, column id, byte 12: not a whole number: \"x\""};
    expect_fault_with(FILE_OF(dirty_file), pairs, 2, &options, first);
}
END_TEST

START_TEST(wrong_arguments)
{
    static const mdl_csv_column twice[] = {{.name = "a", .type = MDL_TYPE_STRING},
                                           {.name = "a", .type = MDL_TYPE_INT32}};
    static const mdl_csv_column nameless[] = {{.name = "", .type = MDL_TYPE_STRING}};
    static const mdl_csv_column typeless[] = {{.name = "a"}};
    static const mdl_csv_column unranged[] = {
        {.name = "a", .type = MDL_TYPE_STRING, .has_range = true}};
    static const mdl_csv_column empty_range[] = {
        {.name = "a", .type = MDL_TYPE_INT32, .has_range = true, .least = 2, .greatest = 1}};
    mdl_csv_result result;
    mdl_csv_options options;
    const char *file = "a\n1\n";
    const struct {
        const mdl_csv_column *columns;
        int32_t n_columns;
    } cases[] = {{NULL, 1},     {twice, 0},    {twice, 2},      {nameless, 1},
                 {typeless, 1}, {unranged, 1}, {empty_range, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mdl_error error = MDL_ERROR_INIT;
        ck_assert_int_eq(mdl_csv_read_memory(context, "a", file, 4, cases[i].columns,
                                             cases[i].n_columns, NULL, &result, &error),
                         MDL_E_ARGUMENT);
        ck_assert_str_ne(error.message, "");
    }
    mdl_csv_options_init(&options);
    options.max_errors = -2;
    ck_assert_int_eq(mdl_csv_read_memory(context, "a", file, 4, one, 1, &options, &result, NULL),
                     MDL_E_ARGUMENT);
    mdl_csv_options_init(&options);
    options.on_error = (mdl_on_error)7;
    ck_assert_int_eq(mdl_csv_read_memory(context, "a", file, 4, one, 1, &options, &result, NULL),
                     MDL_E_ARGUMENT);
    options.struct_size = 0;
    ck_assert_int_eq(mdl_csv_read_memory(context, "a", file, 4, one, 1, &options, &result, NULL),
                     MDL_E_ARGUMENT);
    ck_assert_int_eq(mdl_csv_read_memory(context, NULL, file, 4, one, 1, NULL, &result, NULL),
                     MDL_E_ARGUMENT);
    ck_assert_int_eq(mdl_csv_read_memory(context, "a", NULL, 4, one, 1, NULL, &result, NULL),
                     MDL_E_ARGUMENT);
    ck_assert_int_eq(mdl_csv_read_file(context, NULL, one, 1, NULL, &result, NULL), MDL_E_ARGUMENT);
}
END_TEST

/* The XXH3-128 of these bytes as xxhsum -H2 prints it. */
START_TEST(hash_is_canonical)
{
    static const char expected[] = "ddbd25d4fe160487c6fc86b7dfdec6df";
    mdl_csv_result result;
    char actual[33];
    ck_assert(mdl_csv_read_memory(context, "a.csv", FILE_OF("id,text\n1,a\n2,b\n"), pairs, 2, NULL,
                                  &result, NULL) == MDL_OK);
    for (int i = 0; i < 16; i++) {
        snprintf(actual + 2 * i, 3, "%02x", result.xxh3_128[i]);
    }
    ck_assert_str_eq(actual, expected);
    ck_assert_int_eq(result.size_bytes, 16);
    mdl_csv_result_free(&result);
    mdl_csv_result_free(NULL);
}
END_TEST

/* ---- Files ---- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void expect_no_file(const char *path, mdl_status status)
{
    mdl_csv_result result;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_csv_read_file(context, path, pairs, 2, NULL, &result, &error), status);
    ck_assert_msg(strstr(error.message, path) != NULL, "%s", error.message);
}

START_TEST(files)
{
    char folder[] = "/tmp/test_csv_reader_XXXXXX";
    char path[64];
    mdl_csv_result result;
    mdl_error error = MDL_ERROR_INIT;
    dump actual = {.bytes = NULL};
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.csv", folder);
    expect_no_file(path, MDL_E_FILE_NOT_FOUND);
    expect_no_file(folder, MDL_E_IO);

    write_file(path, "");
    expect_no_file(path, MDL_E_DATA);
    write_file(path, "id,text\n1,a\n2,\"b\nc\"\n3,d\n");
    ck_assert_msg(mdl_csv_read_file(context, path, pairs, 2, NULL, &result, &error) == MDL_OK, "%s",
                  error.message);
    dump_add_table(&actual, context, result.table);
    ck_assert_str_eq(actual.bytes, "1 1:a \n2 3:b\nc \n3 1:d \n");
    dump_free(&actual);
    mdl_csv_result_free(&result);
    if (geteuid() != 0) {
        ck_assert_int_eq(chmod(path, 0), 0);
        expect_no_file(path, MDL_E_IO);
    }
    ck_assert_int_eq(unlink(path), 0);

    /* Nobody writes to this pipe: it must not hold up the call. */
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    expect_no_file(path, MDL_E_IO);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* Cuts the file of the read off at its first progress, when it was opened and its size taken. */
static int shrink_file(void *user_data, const mdl_progress *progress)
{
    ck_assert_str_eq(progress->unit, "bytes");
    ck_assert_int_eq(truncate(user_data, 20), 0);
    return 0;
}

START_TEST(file_that_shrinks)
{
    char path[] = "/tmp/test_csv_reader_XXXXXX";
    mdl_context_options options;
    mdl_context *shrinking;
    mdl_csv_result result;
    mdl_error error = MDL_ERROR_INIT;
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    close(descriptor);
    dump file = {.bytes = NULL};
    dump_add_text(&file, "id,text\n");
    for (int i = 0; i < 5000; i++) {
        dump_add_text(&file, "1,abcdef\n");
    }
    write_file(path, file.bytes);
    mdl_context_options_init(&options);
    options.n_threads = 1;
    options.chunk_bytes = 1000;
    options.progress = shrink_file;
    options.progress_data = path;
    ck_assert(mdl_context_create(&options, &shrinking, NULL) == MDL_OK);
    ck_assert_int_eq(mdl_csv_read_file(shrinking, path, pairs, 2, NULL, &result, &error), MDL_E_IO);
    ck_assert_msg(strstr(error.message, "when it was opened") != NULL, "%s", error.message);
    mdl_context_free(shrinking);
    dump_free(&file);
    unlink(path);
}
END_TEST

static int cancel_now(void *user_data, const mdl_progress *progress)
{
    (void)progress;
    return *(int *)user_data;
}

START_TEST(cancelling)
{
    mdl_csv_result result;
    mdl_error error = MDL_ERROR_INIT;
    mdl_context_cancel(context);
    ck_assert_int_eq(
        mdl_csv_read_memory(context, "a", FILE_OF("text\na\n"), one, 1, NULL, &result, &error),
        MDL_E_CANCELLED);
    mdl_context_clear_cancel(context);
    ck_assert(mdl_csv_read_memory(context, "a", FILE_OF("text\na\n"), one, 1, NULL, &result,
                                  NULL) == MDL_OK);
    mdl_csv_result_free(&result);

    int answer = 1;
    mdl_context_options options;
    mdl_context *ended;
    mdl_context_options_init(&options);
    options.n_threads = 3;
    options.chunk_bytes = 4;
    options.progress = cancel_now;
    options.progress_data = &answer;
    ck_assert(mdl_context_create(&options, &ended, NULL) == MDL_OK);
    ck_assert_int_eq(mdl_csv_read_memory(ended, "a", FILE_OF("text\na\nb\nc\nd\ne\nf\n"), one, 1,
                                         NULL, &result, NULL),
                     MDL_E_CANCELLED);
    answer = 0;
    ck_assert(mdl_csv_read_memory(ended, "a", FILE_OF("text\na\nb\nc\nd\ne\nf\n"), one, 1, NULL,
                                  &result, NULL) == MDL_OK);
    mdl_csv_result_free(&result);
    mdl_context_free(ended);
}
END_TEST

/* Calls jobs one after the other, last one first, on one thread. */
static void run_backwards(void *user_data, void (*job)(void *job_data, int index), void *job_data,
                          int n_jobs)
{
    (void)user_data;
    for (int i = n_jobs - 1; i >= 0; i--) {
        job(job_data, i);
    }
}

START_TEST(executor_that_is_serial)
{
    mdl_context_options options;
    mdl_context *serial;
    mdl_csv_result result;
    mdl_context_options_init(&options);
    options.n_threads = 4;
    options.chunk_bytes = 2;
    options.executor.run = run_backwards;
    ck_assert(mdl_context_create(&options, &serial, NULL) == MDL_OK);
    ck_assert(mdl_csv_read_memory(serial, "a", FILE_OF("text\na\nb\nc\nd\ne\nf\n"), one, 1, NULL,
                                  &result, NULL) == MDL_OK);
    ck_assert_int_eq(result.n_records, 6);
    mdl_csv_result_free(&result);
    mdl_context_free(serial);
}
END_TEST

/* 200 chunks are read with the memory of a few. */
START_TEST(memory_is_bounded)
{
    enum {
        CHUNK_BYTES = 1 << 16,
        N_CHUNKS = 200
    };
    dump file = {.bytes = NULL};
    mdl_csv_result result;
    static const mdl_csv_column number[] = {{.name = "n", .type = MDL_TYPE_INT32}};
    dump_add_text(&file, "n\n");
    while (file.size < (size_t)CHUNK_BYTES * N_CHUNKS) {
        dump_add_text(&file, "1234567890\n");
    }
    mdl_context *bounded = make_context((read_settings){2, CHUNK_BYTES, 65536, MDL_SIMD_BEST});
    ck_assert(mdl_csv_read_memory(bounded, "a", file.bytes, (int64_t)file.size, number, 1, NULL,
                                  &result, NULL) == MDL_OK);
    ck_assert_int_lt(mdl_context_memory_peak(bounded), 20 * CHUNK_BYTES);
    mdl_csv_result_free(&result);
    mdl_context_free(bounded);
    dump_free(&file);
}
END_TEST

static Suite *csv_reader_suite(void)
{
    Suite *suite = suite_create("csv_reader");
    TCase *text = tcase_create("text");
    tcase_add_checked_fixture(text, set_up, tear_down);
    tcase_add_test(text, ratings_are_read);
    tcase_add_test(text, line_ends);
    tcase_add_test(text, header_alone);
    tcase_add_test(text, quotes);
    tcase_add_test(text, columns_by_name);
    tcase_add_test(text, bad_headers);
    tcase_add_test(text, bad_values);
    tcase_add_test(text, bad_records);
    tcase_add_test(text, values_of_other_types);
    tcase_add_test(text, bad_records_are_skipped);
    tcase_add_test(text, too_many_bad_records);
    tcase_add_test(text, wrong_arguments);
    tcase_add_test(text, hash_is_canonical);
    suite_add_tcase(suite, text);
    TCase *reading = tcase_create("reading");
    tcase_add_checked_fixture(reading, set_up, tear_down);
    tcase_add_test(reading, files);
    tcase_add_test(reading, file_that_shrinks);
    tcase_add_test(reading, cancelling);
    tcase_add_test(reading, executor_that_is_serial);
    tcase_add_test(reading, memory_is_bounded);
    tcase_set_timeout(reading, 60);
    suite_add_tcase(suite, reading);
    return suite;
}

int main(void)
{
    return run_suite(csv_reader_suite());
}
