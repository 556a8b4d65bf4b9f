/*
 * JSON text against SQLite's JSON functions, which we did not write: what was put in comes out.
 */
#include "base/json_text.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <string.h>

#include "base/utf8.h"
#include "support/random.h"
#include "support/run_suite.h"

static mdl_context *context;
static int64_t memory_at_start;
static sqlite3 *database;

static void open_world(void)
{
    ck_assert_int_eq(mdl_context_create(NULL, &context, NULL), MDL_OK);
    memory_at_start = mdl_context_memory_in_use(context);
    ck_assert_int_eq(sqlite3_open(":memory:", &database), SQLITE_OK);
}

static void close_world(void)
{
    ck_assert_int_eq(mdl_context_memory_in_use(context), memory_at_start);
    mdl_context_free(context);
    sqlite3_close(database);
}

/* Runs a query of one row whose parameters are a JSON text and a path in it. */
static sqlite3_stmt *ask(const char *sql, const mdli_text_buffer *json, const char *path)
{
    sqlite3_stmt *statement = NULL;
    ck_assert_int_eq(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    sqlite3_bind_text(statement, 1, json->bytes, (int)json->size_bytes, SQLITE_STATIC);
    if (path != NULL) {
        sqlite3_bind_text(statement, 2, path, -1, SQLITE_STATIC);
    }
    ck_assert_msg(sqlite3_step(statement) == SQLITE_ROW, "%s: %s", sqlite3_errmsg(database),
                  json->bytes);
    return statement;
}

static void assert_member_is_text(const mdli_text_buffer *json, const char *path,
                                  const char *expected, int64_t size_bytes)
{
    sqlite3_stmt *statement = ask("select json_extract(?1, ?2)", json, path);
    const void *text = sqlite3_column_blob(statement, 0);
    ASSERT_IN_LOOP(sqlite3_column_bytes(statement, 0) == size_bytes, "%s", json->bytes);
    ASSERT_IN_LOOP(size_bytes == 0 || memcmp(text, expected, (size_t)size_bytes) == 0, "%s",
                   json->bytes);
    sqlite3_finalize(statement);
}

START_TEST(all_kinds_of_members)
{
    mdli_text_buffer buffer = {.context = context};
    mdli_json json;
    mdli_json_to_buffer(&json, &buffer);
    mdli_json_open_object(&json, NULL);
    mdli_json_open_array(&json, "empty array");
    mdli_json_close_array(&json);
    mdli_json_open_object(&json, "empty object");
    mdli_json_close_object(&json);
    mdli_json_open_array(&json, "array");
    mdli_json_integer(&json, NULL, INT64_MIN);
    mdli_json_double(&json, NULL, 0.1);
    mdli_json_double(&json, NULL, -1e300);
    mdli_json_double(&json, NULL, NAN);
    mdli_json_bool(&json, NULL, true);
    mdli_json_null(&json, NULL);
    mdli_json_open_object(&json, NULL);
    mdli_json_text(&json, "a \"key\"\n", "value");
    mdli_json_close_object(&json);
    mdli_json_text(&json, NULL, NULL);
    mdli_json_close_array(&json);
    mdli_json_bool(&json, "last", false);
    mdli_json_close_object(&json);
    ck_assert_int_eq(mdli_json_finish(&json, NULL), MDL_OK);
    ck_assert_str_eq(buffer.bytes,
                     "{\"empty array\":[],\"empty object\":{},\"array\":[-9223372036854775808,0.1,"
                     "-1e+300,null,true,null,{\"a \\\"key\\\"\\n\":\"value\"},null],"
                     "\"last\":false}");
    sqlite3_stmt *statement = ask("select json_valid(?1)", &buffer, NULL);
    ck_assert_int_eq(sqlite3_column_int(statement, 0), 1);
    sqlite3_finalize(statement);
    statement = ask("select json_extract(?1, ?2)", &buffer, "$.array[0]");
    ck_assert_int_eq(sqlite3_column_int64(statement, 0), INT64_MIN);
    sqlite3_finalize(statement);
    mdli_text_buffer_reset(&buffer);
}
END_TEST

/* The text with U+FFFD for each byte that is not UTF-8; returns its size. */
static int64_t repair(const char *bytes, int64_t size_bytes, char *out)
{
    int64_t at = 0;
    int64_t n_out = 0;
    while (at < size_bytes) {
        int64_t valid = mdli_utf8_valid_prefix(bytes + at, size_bytes - at);
        memcpy(out + n_out, bytes + at, (size_t)valid);
        at += valid;
        n_out += valid;
        if (at < size_bytes) {
            memcpy(out + n_out, "\xef\xbf\xbd", 3);
            at++;
            n_out += 3;
        }
    }
    return n_out;
}

/* Texts of random bytes, and of such as need escapes; NUL is left out, as SQLite's texts end
 * there. */
START_TEST(random_texts_come_out_as_they_went_in)
{
    enum {
        SIZE_MAX_BYTES = 3000
    };
    static const char special[] = "\"\\\b\f\n\r\t\x01\x1f\x7f/\xc3\xa9\xf0\x9f\x8e\xac\xe2\x80\xae";
    test_random random = test_random_start("random_texts_come_out_as_they_went_in");
    for (int round = 0; round < 3000; round++) {
        char text[SIZE_MAX_BYTES];
        char expected[3 * SIZE_MAX_BYTES];
        int64_t size_max = round % 10 == 0 ? SIZE_MAX_BYTES : 40;
        int64_t size = (int64_t)test_random_below(&random, (uint64_t)size_max);
        for (int64_t i = 0; i < size; i++) {
            text[i] = round % 2 == 0 ? (char)(1 + test_random_below(&random, 255))
                                     : special[test_random_below(&random, sizeof special - 1)];
        }
        mdli_text_buffer buffer = {.context = context};
        mdli_json json;
        mdli_json_to_buffer(&json, &buffer);
        mdli_json_open_array(&json, NULL);
        mdli_json_bytes(&json, NULL, text, size);
        mdli_json_close_array(&json);
        ASSERT_IN_LOOP(mdli_json_finish(&json, NULL) == MDL_OK, "round %d", round);
        assert_member_is_text(&buffer, "$[0]", expected, repair(text, size, expected));
        mdli_text_buffer_reset(&buffer);
    }
}
END_TEST

START_TEST(a_nul_byte_is_escaped)
{
    mdli_text_buffer buffer = {.context = context};
    mdli_json json;
    mdli_json_to_buffer(&json, &buffer);
    mdli_json_bytes(&json, NULL, "a\0b", 3);
    ck_assert_int_eq(mdli_json_finish(&json, NULL), MDL_OK);
    ck_assert_str_eq(buffer.bytes, "\"a\\u0000b\"");
    mdli_text_buffer_reset(&buffer);
}
END_TEST

/* Takes `n_left` bytes, then has no space. */
typedef struct full_disk {
    int64_t n_left;
    int n_calls_after_failure;
} full_disk;

static int write_to_disk(void *user_data, const char *bytes, int64_t size_bytes)
{
    full_disk *disk = user_data;
    (void)bytes;
    disk->n_calls_after_failure += disk->n_left < 0;
    disk->n_left -= size_bytes;
    return disk->n_left < 0 ? ENOSPC : 0;
}

START_TEST(a_failed_write_is_told_once)
{
    for (int64_t room = 0; room < 8000; room += 500) {
        full_disk disk = {.n_left = room};
        mdl_error error = MDL_ERROR_INIT;
        mdli_json json;
        mdli_json_to_function(&json, write_to_disk, &disk);
        mdli_json_open_array(&json, NULL);
        for (int i = 0; i < 1000; i++) {
            mdli_json_text(&json, NULL, "12345");
        }
        mdli_json_close_array(&json);
        mdl_status status = mdli_json_finish(&json, &error);
        ASSERT_IN_LOOP(status == MDL_E_NO_SPACE, "%s", mdl_status_name(status));
        ASSERT_IN_LOOP(error.system_errno == ENOSPC, "%d", (int)error.system_errno);
        ASSERT_IN_LOOP(disk.n_calls_after_failure == 0, "%d calls", disk.n_calls_after_failure);
    }
}
END_TEST

START_TEST(a_budget_that_is_used_up_is_told)
{
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.memory_budget_bytes = 1 << 20;
    options.n_threads = 1;
    mdl_context *small = NULL;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_context_create(&options, &small, NULL), MDL_OK);
    mdli_text_buffer buffer = {.context = small};
    mdli_json json;
    mdli_json_to_buffer(&json, &buffer);
    mdli_json_open_array(&json, NULL);
    for (int i = 0; i < 300000; i++) {
        mdli_json_integer(&json, NULL, i);
    }
    mdli_json_close_array(&json);
    ck_assert_int_eq(mdli_json_finish(&json, &error), MDL_E_BUDGET);
    ck_assert_int_eq(error.status, MDL_E_BUDGET);
    mdli_text_buffer_reset(&buffer);
    mdl_context_free(small);
}
END_TEST

static Suite *json_text_suite(void)
{
    Suite *suite = suite_create("json_text");
    TCase *test_case = tcase_create("json");
    tcase_add_checked_fixture(test_case, open_world, close_world);
    tcase_add_test(test_case, all_kinds_of_members);
    tcase_add_test(test_case, random_texts_come_out_as_they_went_in);
    tcase_add_test(test_case, a_nul_byte_is_escaped);
    tcase_add_test(test_case, a_failed_write_is_told_once);
    tcase_add_test(test_case, a_budget_that_is_used_up_is_told);
    tcase_set_timeout(test_case, 60);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(void)
{
    return run_suite(json_text_suite());
}
