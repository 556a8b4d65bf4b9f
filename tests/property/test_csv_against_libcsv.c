/*
 * The reader against libcsv, field by field, on hostile bytes; and against itself: chunks from one
 * byte up, 1 to 8 threads, small and large blocks and every level of kernels give the same result.
 *
 * libcsv splits bytes into fields and knows nothing else, so the rest of what csv.h promises is
 * restated here in its simplest form: a bad record ends at the next line end, numbers match a POSIX
 * regular expression, text has no NUL and is UTF-8. The dialects are made the same like this:
 *
 * - libcsv takes blanks off unquoted fields: no byte is a blank for it here.
 * - For libcsv a lone carriage return ends a line, and one before a line feed is no part of a line
 * end that it can be told of. So hostile bytes hold no carriage return, and CRLF is tested on
 * records that are well-formed, with every other carriage return in quotes.
 * - libcsv in strict mode stops at a badly placed quote and does not go on: the test goes on behind
 * the next line feed with a fresh parser.
 */
#include <csv.h>
#include <math.h>
#include <regex.h>
#include <stdbool.h>

#include "support/csv_dump.h"
#include "support/random.h"
#include "support/run_suite.h"

enum {
    N_COLUMNS_MAX = 4,
    FIELD_SIZE_MAX = 1 << 17
};

/* ---- The oracle ---- */

/* A field as libcsv gives it. */
typedef struct oracle_field {
    bool is_null;
    size_t size;
    char bytes[FIELD_SIZE_MAX];
} oracle_field;

typedef struct csv_oracle {
    const mdl_csv_column *columns;
    int32_t n_columns;
    regex_t whole;
    regex_t decimal;
    int64_t n_fields; /* of the record at hand */
    oracle_field fields[N_COLUMNS_MAX];
    int64_t n_records;
    int64_t n_bad;
    dump loaded;      /* as dump_add_table shows it */
    dump bad_records; /* their numbers */
} csv_oracle;

static int never(unsigned char byte)
{
    (void)byte;
    return 0;
}

static int is_line_feed(unsigned char byte)
{
    return byte == '\n';
}

static void take_field(void *bytes, size_t size, void *data)
{
    csv_oracle *oracle = data;
    if (oracle->n_fields < oracle->n_columns) {
        oracle_field *field = &oracle->fields[oracle->n_fields];
        ck_assert_uint_lt(size, FIELD_SIZE_MAX);
        field->is_null = bytes == NULL;
        field->size = size;
        if (size > 0) {
            memcpy(field->bytes, bytes, size);
        }
        field->bytes[size] = '\0';
    }
    oracle->n_fields++;
}

/* The generators below make no other characters above ASCII than é, which is C3 A9. */
static bool is_text(const oracle_field *field)
{
    for (size_t i = 0; i < field->size; i++) {
        unsigned char byte = (unsigned char)field->bytes[i];
        if (byte == 0xc3 && i + 1 < field->size && (unsigned char)field->bytes[i + 1] == 0xa9) {
            i++;
        } else if (byte == 0 || byte >= 0x80) {
            return false;
        }
    }
    return true;
}

/* Shows a number if it is one of the column's; false when it is not. */
static bool add_number(const csv_oracle *oracle, const mdl_csv_column *column,
                       const oracle_field *field, dump *to)
{
    const regex_t *form = column->type == MDL_TYPE_DECIMAL ? &oracle->decimal : &oracle->whole;
    if (regexec(form, field->bytes, 0, NULL, 0) != 0 ||
        (column->is_unsigned && field->bytes[0] == '-')) {
        return false;
    }
    long double value = strtold(field->bytes, NULL);
    if (column->type == MDL_TYPE_DECIMAL) {
        value = roundl(value * 100);
    }
    long double type_max = column->type == MDL_TYPE_INT32   ? 2147483647.0L
                           : column->type == MDL_TYPE_INT64 ? 9223372036854775807.0L
                                                            : 999999.0L;
    long double type_min = column->type == MDL_TYPE_DECIMAL ? -type_max : -type_max - 1;
    if (value < type_min || value > type_max ||
        (column->has_range && (value < column->least || value > column->greatest))) {
        return false;
    }
    char text[64];
    snprintf(text, sizeof text, "%.0Lf ", value == 0 ? 0.0L : value);
    dump_add_text(to, text);
    return true;
}

static bool add_field(const csv_oracle *oracle, int32_t i, dump *to)
{
    const mdl_csv_column *column = &oracle->columns[i];
    const oracle_field *field = &oracle->fields[i];
    if (!is_text(field) || (field->is_null && column->is_required)) {
        return false;
    }
    if (field->is_null || column->type == MDL_TYPE_STRING) {
        dump_add_field(to, field->is_null ? NULL : field->bytes, field->size);
        return true;
    }
    return add_number(oracle, column, field, to);
}

/* Ends the record at hand, which is well quoted or not. */
static void end_record(csv_oracle *oracle, bool is_well_quoted)
{
    dump row = {.bytes = NULL};
    bool is_good = is_well_quoted && oracle->n_fields == oracle->n_columns;
    oracle->n_records++;
    for (int32_t i = 0; i < oracle->n_columns && is_good; i++) {
        is_good = add_field(oracle, i, &row);
    }
    if (is_good) {
        dump_add(&oracle->loaded, row.bytes, row.size);
        dump_add_text(&oracle->loaded, "\n");
    } else {
        char number[32];
        snprintf(number, sizeof number, "%" PRId64 "\n", oracle->n_records);
        dump_add_text(&oracle->bad_records, number);
        oracle->n_bad++;
    }
    oracle->n_fields = 0;
    dump_free(&row);
}

static void take_record_end(int end, void *data)
{
    (void)end;
    end_record(data, true);
}

/* Splits and reads what stands behind the header. `lf_only`: a carriage return is like any byte. */
static void oracle_read(csv_oracle *oracle, const char *bytes, size_t size, bool lf_only)
{
    size_t at = 0;
    while (at < size) {
        struct csv_parser parser;
        ck_assert_int_eq(csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL), 0);
        csv_set_space_func(&parser, never);
        if (lf_only) {
            csv_set_term_func(&parser, is_line_feed);
        }
        at += csv_parse(&parser, bytes + at, size - at, take_field, take_record_end, oracle);
        if (at < size) {
            ck_assert_int_eq(csv_error(&parser), CSV_EPARSE);
            end_record(oracle, false);
            const char *line_feed = memchr(bytes + at, '\n', size - at);
            at = line_feed != NULL ? (size_t)(line_feed + 1 - bytes) : size;
        } else if (csv_fini(&parser, take_field, take_record_end, oracle) != 0) {
            end_record(oracle, false);
        }
        csv_free(&parser);
    }
}

static csv_oracle *oracle_create(const mdl_csv_column *columns, int32_t n_columns)
{
    csv_oracle *made = calloc(1, sizeof *made);
    ck_assert_ptr_nonnull(made);
    made->columns = columns;
    made->n_columns = n_columns;
    ck_assert_int_eq(regcomp(&made->whole, "^-?[0-9]+$", REG_EXTENDED | REG_NOSUB), 0);
    ck_assert_int_eq(
        regcomp(&made->decimal, "^-?[0-9]+(\\.[0-9][0-9]?)?$", REG_EXTENDED | REG_NOSUB), 0);
    dump_add_text(&made->loaded, "");
    dump_add_text(&made->bad_records, "");
    return made;
}

static void oracle_free(csv_oracle *it)
{
    regfree(&it->whole);
    regfree(&it->decimal);
    dump_free(&it->loaded);
    dump_free(&it->bad_records);
    free(it);
}

/* ---- The reader under all settings ---- */

enum {
    N_CONTEXTS = 48
};

static mdl_context *contexts[N_CONTEXTS];

/* The first one is the reference: one thread, one chunk, no kernels. */
static void make_contexts(void)
{
    static const int32_t threads[] = {1, 2, 3, 8};
    static const int64_t blocks[] = {65536, 1, 7, 64, 100};
    static const mdl_simd levels[] = {MDL_SIMD_BEST, MDL_SIMD_AVX2, MDL_SIMD_SCALAR};
    contexts[0] = make_context((read_settings){1, 1 << 20, 65536, MDL_SIMD_SCALAR});
    for (int i = 1; i < N_CONTEXTS; i++) {
        /* 1 to 32 bytes, then ever larger ones. */
        int64_t chunk_bytes = i <= 32 ? i : (int64_t)(32 * pow(1.7, i - 32));
        contexts[i] = make_context(
            (read_settings){threads[i % 4], chunk_bytes, blocks[i % 5], levels[i % 3]});
    }
}

static void free_contexts(void)
{
    for (int i = 0; i < N_CONTEXTS; i++) {
        mdl_context_free(contexts[i]);
    }
}

/* Checks that all contexts from `first` on read alike, in the given way. */
static void expect_same_reads(int first, const dump *file, const mdl_csv_column *columns,
                              int32_t n_columns, const mdl_csv_options *options)
{
    dump expected = {.bytes = NULL};
    dump_read(&expected, contexts[0], file->bytes, file->size, columns, n_columns, options);
    for (int i = first; i < N_CONTEXTS; i++) {
        dump actual = {.bytes = NULL};
        dump_read(&actual, contexts[i], file->bytes, file->size, columns, n_columns, options);
        ck_assert_msg(strcmp(actual.bytes, expected.bytes) == 0 && actual.size == expected.size,
                      "context %d of file\n%s\nreads\n%s\nnot\n%s", i, file->bytes, actual.bytes,
                      expected.bytes);
        dump_free(&actual);
    }
    dump_free(&expected);
}

/* Checks what the reader loads and rejects against libcsv, and the places of the rejects. */
static void expect_as_oracle(const dump *file, size_t header_size, const mdl_csv_column *columns,
                             int32_t n_columns, bool lf_only)
{
    mdl_csv_options options;
    mdl_csv_result result;
    mdl_error error = MDL_ERROR_INIT;
    mdl_csv_options_init(&options);
    options.on_error = MDL_ON_ERROR_SKIP;
    ck_assert_msg(mdl_csv_read_memory(contexts[0], "test.csv", file->bytes, (int64_t)file->size,
                                      columns, n_columns, &options, &result, &error) == MDL_OK,
                  "%s", error.message);
    csv_oracle *expected = oracle_create(columns, n_columns);
    oracle_read(expected, file->bytes + header_size, file->size - header_size, lf_only);

    dump loaded = {.bytes = NULL};
    dump_add_text(&loaded, "");
    dump_add_table(&loaded, contexts[0], result.table);
    ck_assert_msg(loaded.size == expected->loaded.size &&
                      memcmp(loaded.bytes, expected->loaded.bytes, loaded.size) == 0,
                  "of file\n%s\nloaded\n%s\nnot\n%s", file->bytes, loaded.bytes,
                  expected->loaded.bytes);
    ck_assert_int_eq(result.n_records, expected->n_records);
    ck_assert_int_eq(result.n_rejected, expected->n_bad);

    dump bad = {.bytes = NULL};
    dump_add_text(&bad, "");
    for (int64_t row = 0; row < result.n_rejected; row++) {
        mdl_value line;
        mdl_value record;
        mdl_value offset;
        char number[32];
        ck_assert(mdl_table_get(contexts[0], result.rejects, row, 1, &line, NULL, 0, NULL) ==
                  MDL_OK);
        ck_assert(mdl_table_get(contexts[0], result.rejects, row, 2, &record, NULL, 0, NULL) ==
                  MDL_OK);
        ck_assert(mdl_table_get(contexts[0], result.rejects, row, 4, &offset, NULL, 0, NULL) ==
                  MDL_OK);
        snprintf(number, sizeof number, "%" PRId64 "\n", record.as.integer);
        dump_add_text(&bad, number);
        int64_t n_lines = 1;
        for (int64_t i = 0; i < offset.as.integer; i++) {
            n_lines += file->bytes[i] == '\n';
        }
        ck_assert_int_eq(line.as.integer, n_lines);
    }
    ck_assert_str_eq(bad.bytes, expected->bad_records.bytes);
    dump_free(&loaded);
    dump_free(&bad);
    oracle_free(expected);
    mdl_csv_result_free(&result);
}

/* A file whose header is in front: all the ways to read it. */
static void expect_all(int first_context, const dump *file, size_t header_size,
                       const mdl_csv_column *columns, int32_t n_columns, bool lf_only)
{
    mdl_csv_options options;
    mdl_csv_options_init(&options);
    expect_as_oracle(file, header_size, columns, n_columns, lf_only);
    expect_same_reads(first_context, file, columns, n_columns, &options);
    options.on_error = MDL_ON_ERROR_SKIP;
    expect_same_reads(first_context, file, columns, n_columns, &options);
    options.max_errors = 2;
    expect_same_reads(first_context, file, columns, n_columns, &options);
}

/* ---- The files ---- */

static const mdl_csv_column texts[] = {
    {.name = "a", .type = MDL_TYPE_STRING},
    {.name = "b", .type = MDL_TYPE_STRING, .is_required = true},
    {.name = "c", .type = MDL_TYPE_STRING},
};

static const mdl_csv_column numbers[] = {
    {.name = "user",
     .type = MDL_TYPE_INT32,
     .is_required = true,
     .has_range = true,
     .least = 1,
     .greatest = INT32_MAX,
     .is_unsigned = true},
    {.name = "time", .type = MDL_TYPE_INT64},
    {.name = "rating", .type = MDL_TYPE_DECIMAL, .is_required = true},
    {.name = "title", .type = MDL_TYPE_STRING},
};

static const char *pick(test_random *random, const char *const *words, size_t n_words)
{
    return words[test_random_below(random, n_words)];
}

#define PICK(random, words) pick(random, words, sizeof(words) / sizeof(words)[0])

/* Pieces that make every state of a splitter meet every kind of byte. */
static void add_hostile_bytes(dump *to, test_random *random, size_t size)
{
    static const char *const pieces[] = {",",    ",",      "\"",       "\"",  "\n", "\n",
                                         "a",    "b",      " ",        "\t",  "é",  "",
                                         "\"\"", "x,y\nz", "\"p,\n\"", "\xff"};
    while (to->size < size) {
        uint64_t choice = test_random_below(random, 60);
        if (choice == 0) {
            dump_add(to, "", 1);
        } else {
            dump_add_text(to, PICK(random, pieces));
        }
    }
}

START_TEST(hostile_bytes_as_libcsv)
{
    test_random random = test_random_start("hostile_bytes_as_libcsv");
    make_contexts();
    for (int i = 0; i < 150; i++) {
        dump file = {.bytes = NULL};
        int32_t n_columns = (int32_t)test_random_below(&random, 3) + 1;
        dump_add(&file, "a,b,c", (size_t)(2 * n_columns - 1));
        dump_add_text(&file, "\n");
        size_t header_size = file.size;
        add_hostile_bytes(&file, &random, header_size + test_random_below(&random, 160));
        expect_all(1, &file, header_size, texts, n_columns, true);
        dump_free(&file);
    }
    free_contexts();
}
END_TEST

/* Long enough for many batches of the fast path, and for records that pass the overhang of a chunk.
 */
START_TEST(long_hostile_files_as_libcsv)
{
    test_random random = test_random_start("long_hostile_files_as_libcsv");
    make_contexts();
    for (int i = 0; i < 8; i++) {
        dump file = {.bytes = NULL};
        dump_add_text(&file, "a,b,c\n");
        size_t header_size = file.size;
        size_t size = 1000 + test_random_below(&random, 60000);
        while (file.size < size) {
            /* Mostly good records, so that one bad quote is not all there is. */
            for (uint64_t n = test_random_below(&random, 300); n > 0; n--) {
                dump_add_text(&file,
                              test_random_below(&random, 4) == 0 ? "\"q,\n\",b,\n" : "a,b,cc\n");
            }
            if (test_random_below(&random, 3) == 0) {
                add_hostile_bytes(&file, &random, file.size + test_random_below(&random, 40));
            } else {
                for (uint64_t n = test_random_below(&random, 3000); n > 0; n--) {
                    dump_add_text(&file, "long ");
                }
            }
        }
        expect_all(30, &file, header_size, texts, 3, true);
        dump_free(&file);
    }
    free_contexts();
}
END_TEST

static void add_number_field(dump *to, test_random *random)
{
    static const char *const words[] = {
        "1",
        "0",
        "007",
        "2147483647",
        "2147483648",
        "4.5",
        "4.25",
        "10.5",
        "9999.99",
        "10000.00",
        "-9999.99",
        "-0.0",
        "-1",
        "+1",
        " 1",
        "1 ",
        ".5",
        "4.",
        "4.255",
        "1e5",
        "",
        "\"\"",
        "\"5\"",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "00000000000000000000000000000000012",
        "1234567890123456",
        "0x10",
        "4,5",
        "1/2",
        "1:2",
        "é",
        "12345678",
        "123456789",
    };
    static const char digits[] = "0123456789";
    if (test_random_below(random, 6) == 0) {
        dump_add_text(to, PICK(random, words));
        return;
    }
    for (uint64_t n = 1 + test_random_below(random, 4); n > 0; n--) {
        dump_add(to, &digits[test_random_below(random, 10)], 1);
    }
    if (test_random_below(random, 4) == 0) {
        dump_add_text(to, ".5");
    }
}

/* CRLF too: what is in front of it is never a carriage return. */
START_TEST(numbers_as_libcsv_and_strtold)
{
    test_random random = test_random_start("numbers_as_libcsv_and_strtold");
    make_contexts();
    for (int i = 0; i < 60; i++) {
        dump file = {.bytes = NULL};
        dump_add_text(&file, "user,time,rating,title\r\n");
        size_t header_size = file.size;
        for (uint64_t n = test_random_below(&random, 200); n > 0; n--) {
            static const char *const titles[] = {"",         "\"\"",      "t",
                                                 "\"u, v\"", "\"w\"\"\"", "\"x\r\ny\""};
            for (int field = 0; field < 3; field++) {
                add_number_field(&file, &random);
                dump_add_text(&file, ",");
            }
            dump_add_text(&file, PICK(&random, titles));
            dump_add_text(&file, test_random_below(&random, 2) == 0 ? "\r\n" : "\n");
            if (test_random_below(&random, 20) == 0) {
                dump_add_text(&file, "\r\n");
            }
        }
        expect_all(1, &file, header_size, numbers, 4, false);
        dump_free(&file);
    }
    free_contexts();
}
END_TEST

/* Fields of any bytes that libcsv writes itself. */
START_TEST(fields_that_libcsv_wrote)
{
    test_random random = test_random_start("fields_that_libcsv_wrote");
    static const char *const pieces[] = {"a", "b", ",", "\"", "\n", "\r", "\r\n", " ", "é", ""};
    make_contexts();
    for (int i = 0; i < 60; i++) {
        dump file = {.bytes = NULL};
        dump_add_text(&file, "a,b,c\n");
        size_t header_size = file.size;
        for (uint64_t n = test_random_below(&random, 60); n > 0; n--) {
            for (int field = 0; field < 3; field++) {
                char text[32] = "";
                char quoted[80];
                for (uint64_t k = test_random_below(&random, 6); k > 0; k--) {
                    strcat(text, PICK(&random, pieces));
                }
                size_t size = csv_write(quoted, sizeof quoted, text, strlen(text));
                dump_add_text(&file, field > 0 ? "," : "");
                dump_add(&file, quoted, size);
            }
            dump_add_text(&file, test_random_below(&random, 2) == 0 ? "\r\n" : "\n");
        }
        expect_all(1, &file, header_size, texts, 3, false);
        dump_free(&file);
    }
    free_contexts();
}
END_TEST

static Suite *csv_against_libcsv_suite(void)
{
    Suite *suite = suite_create("csv_against_libcsv");
    TCase *files = tcase_create("files");
    tcase_add_test(files, hostile_bytes_as_libcsv);
    tcase_add_test(files, long_hostile_files_as_libcsv);
    tcase_add_test(files, numbers_as_libcsv_and_strtold);
    tcase_add_test(files, fields_that_libcsv_wrote);
    tcase_set_timeout(files, 300);
    suite_add_tcase(suite, files);
    return suite;
}

int main(void)
{
    return run_suite(csv_against_libcsv_suite());
}
