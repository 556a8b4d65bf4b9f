/*
 * The CSV writer: the form of every type, quotes only where needed, files that appear whole or not
 * at all, and that what is written reads back the same.
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/csv_dump.h"
#include "support/random.h"
#include "support/run_suite.h"

static mdl_context *context;

static void set_up(void)
{
    context = make_context((read_settings){3, 1 << 20, 1000, MDL_SIMD_BEST});
}

static void tear_down(void)
{
    ck_assert_int_lt(mdl_context_memory_in_use(context), 4096);
    mdl_context_free(context);
}

static int write_to_dump(void *user_data, const char *bytes, int64_t size_bytes)
{
    dump_add(user_data, bytes, (size_t)size_bytes);
    return 0;
}

/* Makes a table of one batch of rows. */
static mdl_table *make_table(const mdl_field *fields, int32_t n_fields, const mdl_vector *columns,
                             int64_t n_rows)
{
    mdl_table_builder *builder;
    mdl_table *table;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_msg(mdl_table_builder_create(context, fields, n_fields, &builder, &error) == MDL_OK,
                  "%s", error.message);
    ck_assert_msg(n_rows == 0 ||
                      mdl_table_builder_append(builder, columns, n_rows, &error) == MDL_OK,
                  "%s", error.message);
    ck_assert_msg(mdl_table_builder_finish(builder, &table, &error) == MDL_OK, "%s", error.message);
    mdl_table_builder_free(builder);
    return table;
}

static void expect_text(const mdl_table *table, const char *expected)
{
    mdl_error error = MDL_ERROR_INIT;
    dump actual = {.bytes = NULL};
    ck_assert_msg(mdl_csv_write(context, table, write_to_dump, &actual, &error) == MDL_OK, "%s",
                  error.message);
    ck_assert_str_eq(actual.bytes, expected);
    dump_free(&actual);
}

static mdl_string string_of(const char *text)
{
    return (mdl_string){text, (int64_t)strlen(text)};
}

START_TEST(every_type)
{
    static const mdl_field fields[] = {{"i", MDL_TYPE_INT32},   {"l", MDL_TYPE_INT64},
                                       {"d", MDL_TYPE_DECIMAL}, {"f", MDL_TYPE_FLOAT64},
                                       {"b", MDL_TYPE_BOOL},    {"t", MDL_TYPE_TIMESTAMP},
                                       {"s", MDL_TYPE_STRING}};
    const int32_t i[] = {INT32_MIN, 0, 7};
    const int64_t l[] = {INT64_MIN, 0, INT64_MAX};
    const int32_t d[] = {-999999, 0, 450};
    const double f[] = {-0.0, 0, 1e21};
    const uint8_t b[] = {0, 0, 1};
    const int64_t t[] = {-62135596800, 0, 253402300799};
    const mdl_string s[] = {string_of(""), string_of("x"), string_of("é \t.")};
    const uint64_t valid[] = {5};
    const void *values[] = {i, l, d, f, b, t, s};
    mdl_vector columns[7];
    for (int k = 0; k < 7; k++) {
        columns[k] = (mdl_vector){
            .type = fields[k].type, .n_rows = 3, .values = values[k], .validity = valid};
    }
    mdl_table *table = make_table(fields, 7, columns, 3);
    expect_text(table,
                "i,l,d,f,b,t,s\n"
                "-2147483648,-9223372036854775808,-9999.99,-0.0,false,0001-01-01 00:00:00,\"\"\n"
                ",,,,,,\n"
                "7,9223372036854775807,4.5,1e+21,true,9999-12-31 23:59:59,é \t.\n");
    mdl_table_free(table);
}
END_TEST

START_TEST(quotes_where_needed)
{
    static const mdl_field fields[] = {{"a,b", MDL_TYPE_STRING}, {"c\"d", MDL_TYPE_STRING}};
    const mdl_string texts[] = {string_of(" plain "), string_of("a,b"),  string_of("\""),
                                string_of("a\nb"),    string_of("a\rb"), string_of("it's; 'fine'")};
    mdl_vector columns[] = {{.type = MDL_TYPE_STRING, .n_rows = 6, .values = texts},
                            {.type = MDL_TYPE_STRING, .n_rows = 6, .values = texts}};
    mdl_table *table = make_table(fields, 2, columns, 6);
    expect_text(table, "\"a,b\",\"c\"\"d\"\n plain , plain \n\"a,b\",\"a,b\"\n\"\"\"\",\"\"\"\"\n"
                       "\"a\nb\",\"a\nb\"\n\"a\rb\",\"a\rb\"\nit's; 'fine',it's; 'fine'\n");
    mdl_table_free(table);
    table = make_table(fields, 2, NULL, 0);
    expect_text(table, "\"a,b\",\"c\"\"d\"\n");
    mdl_table_free(table);
}
END_TEST

enum {
    N_TYPES = 7
};

static const mdl_csv_column all_types[N_TYPES] = {
    {.name = "i", .type = MDL_TYPE_INT32},   {.name = "l", .type = MDL_TYPE_INT64},
    {.name = "d", .type = MDL_TYPE_DECIMAL}, {.name = "f", .type = MDL_TYPE_FLOAT64},
    {.name = "b", .type = MDL_TYPE_BOOL},    {.name = "t", .type = MDL_TYPE_TIMESTAMP},
    {.name = "s", .type = MDL_TYPE_STRING},
};

/* Appends rows of random values to a builder. */
static void append_random_rows(mdl_table_builder *builder, test_random *random)
{
    enum {
        N = 500
    };
    static int32_t i[N];
    static int64_t l[N];
    static int32_t d[N];
    static double f[N];
    static uint8_t b[N];
    static int64_t t[N];
    static mdl_string s[N];
    static uint64_t valid[N_TYPES][N / 64 + 1];
    static const char *const texts[] = {"",     "a", ",",    "\"\"",
                                        "\r\n", "é", "x\"y", "long text, with all"};
    const void *values[N_TYPES] = {i, l, d, f, b, t, s};
    mdl_vector columns[N_TYPES];
    for (int row = 0; row < N; row++) {
        i[row] = (int32_t)test_random_any_size(random);
        l[row] = (int64_t)test_random_any_size(random);
        d[row] = (int32_t)test_random_below(random, 1999999) - 999999;
        uint64_t bits = test_random_next(random);
        memcpy(&f[row], &bits, sizeof bits);
        f[row] = isfinite(f[row]) ? f[row] : 0.5;
        b[row] = (uint8_t)test_random_below(random, 2);
        t[row] = (int64_t)test_random_below(random, 315537897600) - 62135596800;
        s[row] = string_of(texts[test_random_below(random, sizeof texts / sizeof texts[0])]);
    }
    for (int k = 0; k < N_TYPES; k++) {
        for (int w = 0; w <= N / 64; w++) {
            valid[k][w] = test_random_next(random) | test_random_next(random);
        }
        columns[k] = (mdl_vector){
            .type = all_types[k].type, .n_rows = N, .values = values[k], .validity = valid[k]};
    }
    ck_assert(mdl_table_builder_append(builder, columns, N, NULL) == MDL_OK);
}

/* Enough rows for several ranges that are made text side by side. */
START_TEST(reads_back_the_same)
{
    test_random random = test_random_start("reads_back_the_same");
    mdl_field fields[N_TYPES];
    mdl_table_builder *builder;
    mdl_table *table;
    mdl_csv_result result;
    mdl_error error = MDL_ERROR_INIT;
    for (int k = 0; k < N_TYPES; k++) {
        fields[k] = (mdl_field){all_types[k].name, all_types[k].type};
    }
    ck_assert(mdl_table_builder_create(context, fields, N_TYPES, &builder, NULL) == MDL_OK);
    for (int i = 0; i < 150; i++) {
        append_random_rows(builder, &random);
    }
    ck_assert(mdl_table_builder_finish(builder, &table, NULL) == MDL_OK);
    mdl_table_builder_free(builder);

    dump text = {.bytes = NULL};
    ck_assert(mdl_csv_write(context, table, write_to_dump, &text, NULL) == MDL_OK);
    ck_assert_msg(mdl_csv_read_memory(context, "written", text.bytes, (int64_t)text.size, all_types,
                                      N_TYPES, NULL, &result, &error) == MDL_OK,
                  "%s", error.message);
    dump before = {.bytes = NULL};
    dump after = {.bytes = NULL};
    dump_add_table(&before, context, table);
    dump_add_table(&after, context, result.table);
    ck_assert_uint_eq(before.size, after.size);
    ck_assert(memcmp(before.bytes, after.bytes, before.size) == 0);
    mdl_table_free(table);
    mdl_csv_result_free(&result);
    dump_free(&text);
    dump_free(&before);
    dump_free(&after);
}
END_TEST

/* The real files: bytes in, the same bytes out, but for their CRLF. */
START_TEST(real_file_comes_back)
{
    static const mdl_csv_column movies[] = {{.name = "movieId", .type = MDL_TYPE_INT32},
                                            {.name = "title", .type = MDL_TYPE_STRING},
                                            {.name = "genres", .type = MDL_TYPE_STRING}};
    const char *folder = getenv("MDL_TEST_DATA");
    char path[1024];
    mdl_csv_result result;
    mdl_error error = MDL_ERROR_INIT;
    dump written = {.bytes = NULL};
    dump expected = {.bytes = NULL};
    if (folder == NULL) {
        return;
    }
    snprintf(path, sizeof path, "%s/movies.csv", folder);
    ck_assert_msg(mdl_csv_read_file(context, path, movies, 3, NULL, &result, &error) == MDL_OK,
                  "%s", error.message);
    ck_assert(mdl_csv_write(context, result.table, write_to_dump, &written, NULL) == MDL_OK);
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    for (int byte = getc(file); byte != EOF; byte = getc(file)) {
        if (byte != '\r') {
            dump_add(&expected, &(char){(char)byte}, 1);
        }
    }
    fclose(file);
    ck_assert_str_eq(written.bytes, expected.bytes);
    mdl_csv_result_free(&result);
    dump_free(&written);
    dump_free(&expected);
}
END_TEST

/* ---- Failures and files ---- */

static mdl_table *small_table(void)
{
    static const mdl_field fields[] = {{"n", MDL_TYPE_INT32}};
    static const int32_t numbers[] = {1, 2, 3};
    mdl_vector column = {.type = MDL_TYPE_INT32, .n_rows = 3, .values = numbers};
    return make_table(fields, 1, &column, 3);
}

static int refuse(void *user_data, const char *bytes, int64_t size_bytes)
{
    (void)bytes;
    (void)size_bytes;
    return *(int *)user_data;
}

START_TEST(writer_that_fails)
{
    mdl_table *table = small_table();
    mdl_error error = MDL_ERROR_INIT;
    int answer = ENOSPC;
    ck_assert_int_eq(mdl_csv_write(context, table, refuse, &answer, &error), MDL_E_NO_SPACE);
    ck_assert_int_eq(error.system_errno, ENOSPC);
    answer = EPIPE;
    ck_assert_int_eq(mdl_csv_write(context, table, refuse, &answer, NULL), MDL_E_IO);
    ck_assert_int_eq(mdl_csv_write(context, table, NULL, NULL, NULL), MDL_E_ARGUMENT);
    ck_assert_int_eq(mdl_csv_write_file(context, table, NULL, NULL), MDL_E_ARGUMENT);
    mdl_table_free(table);
}
END_TEST

static int count_files(const char *folder)
{
    DIR *directory = opendir(folder);
    int n = 0;
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        n += entry->d_name[0] != '.';
    }
    closedir(directory);
    return n;
}

static void expect_file(const char *path, const char *expected)
{
    char text[256] = "";
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_lt(fread(text, 1, sizeof text - 1, file), sizeof text);
    fclose(file);
    ck_assert_str_eq(text, expected);
}

START_TEST(file_is_whole_or_not_there)
{
    char folder[] = "/tmp/test_csv_writer_XXXXXX";
    char path[64];
    mdl_error error = MDL_ERROR_INIT;
    mdl_table *table = small_table();
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.csv", folder);
    ck_assert_msg(mdl_csv_write_file(context, table, path, &error) == MDL_OK, "%s", error.message);
    expect_file(path, "n\n1\n2\n3\n");
    ck_assert(mdl_csv_write_file(context, table, path, NULL) == MDL_OK);
    expect_file(path, "n\n1\n2\n3\n");
    ck_assert_int_eq(count_files(folder), 1);

    /* What fails half way leaves the old file and nothing else. */
    struct rlimit old;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit small = {.rlim_cur = 4, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    mdl_status status = mdl_csv_write_file(context, table, path, &error);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    ck_assert_int_eq(status, MDL_E_IO);
    ck_assert_int_eq(error.system_errno, EFBIG);
    ck_assert_msg(strstr(error.message, path) != NULL, "%s", error.message);
    expect_file(path, "n\n1\n2\n3\n");
    ck_assert_int_eq(count_files(folder), 1);

    /* A folder cannot be replaced by a file. */
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(mdl_csv_write_file(context, table, path, NULL), MDL_E_IO);
    ck_assert_int_eq(count_files(folder), 1);
    ck_assert_int_eq(rmdir(path), 0);
    snprintf(path, sizeof path, "%s/none/a.csv", folder);
    ck_assert_int_eq(mdl_csv_write_file(context, table, path, NULL), MDL_E_FILE_NOT_FOUND);
    ck_assert_int_eq(rmdir(folder), 0);
    mdl_table_free(table);
}
END_TEST

static Suite *csv_writer_suite(void)
{
    Suite *suite = suite_create("csv_writer");
    TCase *writing = tcase_create("writing");
    tcase_add_checked_fixture(writing, set_up, tear_down);
    tcase_add_test(writing, every_type);
    tcase_add_test(writing, quotes_where_needed);
    tcase_add_test(writing, reads_back_the_same);
    tcase_add_test(writing, real_file_comes_back);
    tcase_add_test(writing, writer_that_fails);
    tcase_add_test(writing, file_is_whole_or_not_there);
    tcase_set_timeout(writing, 60);
    suite_add_tcase(suite, writing);
    return suite;
}

int main(void)
{
    return run_suite(csv_writer_suite());
}
