/*
 * What is posted to Discord, read back with SQLite's JSON functions and measured with iconv: every
 * limit holds for any names and messages, nothing is cut inside a character, nothing is lost
 * untold.
 */
#include <iconv.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "notify/discord_payload.h"
#include "support/random.h"
#include "support/run_suite.h"

enum {
    TASKS_MAX = 1000
};

static mdl_context *context;
static sqlite3 *database;
static mdl_run_result tasks[TASKS_MAX];
static mdli_run_facts facts;
static mdl_notify_options options;
static mdli_text_buffer payload;

static const mdl_run_result *get_task(const void *run, int32_t index)
{
    return (const mdl_run_result *)run + index;
}

static void open_world(void)
{
    ck_assert_int_eq(mdl_context_create(NULL, &context, NULL), MDL_OK);
    ck_assert_int_eq(sqlite3_open(":memory:", &database), SQLITE_OK);
    facts = (mdli_run_facts){
        .run_id = 12,
        .message = "",
        .started_at = 1769472000, /* 2026-01-27 00:00:00 */
        .seconds = 83.4,
        .get_result = get_task,
        .run = tasks,
    };
    payload = (mdli_text_buffer){.context = context};
    mdl_notify_options_init(&options);
}

static void close_world(void)
{
    mdli_text_buffer_reset(&payload);
    mdl_context_free(context);
    sqlite3_close(database);
}

static void add_task(mdl_task_kind kind, const char *name, mdl_run_state state, const char *message)
{
    tasks[facts.n_results++] = (mdl_run_result){
        .kind = kind,
        .name = name,
        .state = state,
        .message = message,
        .n_rows = 1234567,
        .seconds = 1.5,
    };
    facts.counts.n_total++;
    facts.counts.n_pass += state == MDL_RUN_SUCCESS || state == MDL_RUN_PASS;
    facts.counts.n_warn += state == MDL_RUN_WARN;
    facts.counts.n_error += state == MDL_RUN_ERROR || state == MDL_RUN_FAIL;
    facts.counts.n_skip += state == MDL_RUN_SKIPPED;
}

static void make_payload(void)
{
    mdli_json json;
    mdl_error error = MDL_ERROR_INIT;
    mdli_text_buffer_reset(&payload);
    mdli_json_to_buffer(&json, &payload);
    mdli_write_discord_payload(&json, &facts, &options);
    ck_assert_msg(mdli_json_finish(&json, &error) == MDL_OK, "%s", error.message);
}

/* A statement over the payload, which is its parameter 1. */
static sqlite3_stmt *prepare(const char *sql)
{
    sqlite3_stmt *statement = NULL;
    ck_assert_msg(sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK, "%s",
                  sqlite3_errmsg(database));
    sqlite3_bind_text(statement, 1, payload.bytes, (int)payload.size_bytes, SQLITE_STATIC);
    return statement;
}

static int64_t ask_number(const char *sql)
{
    sqlite3_stmt *statement = prepare(sql);
    ck_assert_msg(sqlite3_step(statement) == SQLITE_ROW, "%s: %s", sqlite3_errmsg(database),
                  payload.bytes);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

/* The text at a path; lives until the next call. "" where there is none. */
static const char *text_at(const char *path)
{
    static char text[8192];
    sqlite3_stmt *statement = prepare("select json_extract(?1, ?2)");
    sqlite3_bind_text(statement, 2, path, -1, SQLITE_STATIC);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    const unsigned char *found = sqlite3_column_text(statement, 0);
    snprintf(text, sizeof text, "%s", found != NULL ? (const char *)found : "");
    sqlite3_finalize(statement);
    return text;
}

/* The value of the field with that name, likewise. */
static const char *field(const char *name)
{
    static char text[8192];
    sqlite3_stmt *statement =
        prepare("select json_extract(value, '$.value') from json_each(?1, '$.embeds[0].fields') "
                "where json_extract(value, '$.name') = ?2");
    sqlite3_bind_text(statement, 2, name, -1, SQLITE_STATIC);
    text[0] = '\0';
    if (sqlite3_step(statement) == SQLITE_ROW) {
        snprintf(text, sizeof text, "%s", (const char *)sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    return text;
}

/* UTF-16 code units, counted by the C library; fails on text that is not UTF-8. */
static int64_t units_of(const char *text)
{
    static iconv_t converter;
    static char out[1 << 16];
    converter = iconv_open("UTF-16LE", "UTF-8");
    char *from = (char *)(uintptr_t)text;
    char *to = out;
    size_t n_from = strlen(text);
    size_t n_to = sizeof out;
    size_t result = iconv(converter, &from, &n_from, &to, &n_to);
    iconv_close(converter);
    ck_assert_msg(result == 0 && n_from == 0, "not UTF-8: %s", text);
    return (int64_t)(sizeof out - n_to) / 2;
}

/* Every limit that Discord's documentation names, in code units. */
static void check_limits(void)
{
    static const struct {
        const char *key;
        int64_t limit;
    } limits[] = {
        {"title", 256}, {"description", 4096}, {"name", 256}, {"value", 1024}, {"text", 2048}};
    int64_t n_all = 0;
    ck_assert_int_eq(ask_number("select json_valid(?1)"), 1);
    ck_assert_int_eq(ask_number("select json_array_length(?1, '$.embeds')"), 1);
    ck_assert_int_le(ask_number("select json_array_length(?1, '$.embeds[0].fields')"), 25);
    ck_assert_int_eq(ask_number("select json_array_length(?1, '$.allowed_mentions.parse')"), 0);
    sqlite3_stmt *statement = prepare("select key, value from json_tree(?1) where type = 'text'");
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const char *key = (const char *)sqlite3_column_text(statement, 0);
        const char *text = (const char *)sqlite3_column_text(statement, 1);
        int64_t n_units = units_of(text);
        for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
            if (strcmp(key, limits[i].key) == 0) {
                ASSERT_IN_LOOP(n_units <= limits[i].limit, "%s: %s", key, text);
                ASSERT_IN_LOOP(text[strspn(text, " \t\r\n")] != '\0', "%s is blank", key);
                n_all += n_units;
            }
        }
    }
    sqlite3_finalize(statement);
    ck_assert_int_gt(n_all, 0);
    ck_assert_int_le(n_all, 6000);
}

/* How many failed tasks the payload tells: those with a field, and those that it counts. */
static int64_t n_failures_told(void)
{
    int64_t n_fields = ask_number(
        "select count(*) from json_each(?1, '$.embeds[0].fields') where json_extract(value, "
        "'$.inline') = 0 and json_extract(value, '$.name') not in ('Problems', 'Warnings', "
        "'Slowest', "
        "'More failures')");
    return n_fields + strtoll(field("More failures"), NULL, 10);
}

START_TEST(a_run_that_went_well)
{
    add_task(MDL_TASK_LOAD, "27012026_ratings.csv", MDL_RUN_SUCCESS, "");
    tasks[0].n_failures = 3;
    add_task(MDL_TASK_MODEL, "dim_users", MDL_RUN_SUCCESS, "");
    tasks[1].seconds = 75;
    add_task(MDL_TASK_TEST, "unique_dim_users_user_id", MDL_RUN_PASS, "");
    tasks[2].seconds = 0.004;
    options.subject = "medallion watch";
    options.footer = "db_1";
    make_payload();
    check_limits();
    ck_assert_str_eq(text_at("$.embeds[0].title"), "✅ Run 12 succeeded: medallion watch");
    ck_assert_int_eq(ask_number("select json_extract(?1, '$.embeds[0].color')"), 0x2ECC71);
    ck_assert_str_eq(text_at("$.embeds[0].timestamp"), "2026-01-27T00:01:23Z");
    ck_assert_str_eq(text_at("$.embeds[0].footer.text"), "libmedallion 0.1.0 · db_1");
    ck_assert_str_eq(field("Tasks"), "3 passed");
    ck_assert_str_eq(field("Duration"), "1m 23s");
    ck_assert_str_eq(field("Rows"), "1,234,567 loaded, 3 rejected, 1,234,567 built");
    ck_assert_str_eq(field("Slowest"), "1m 15s `dim_users` 1,234,567 rows\n"
                                       "1.50s `27012026_ratings.csv` 1,234,567 rows");
    ck_assert_int_eq(n_failures_told(), 0);
}
END_TEST

START_TEST(a_run_that_failed)
{
    facts.status = MDL_E_MODEL;
    facts.message = "model fact_tags: a column is missing";
    add_task(MDL_TASK_MODEL, "fact_tags", MDL_RUN_ERROR, "a column is missing");
    add_task(MDL_TASK_TEST, "not_null_x", MDL_RUN_FAIL, "title is NULL");
    tasks[1].n_failures = 1;
    add_task(MDL_TASK_TEST, "unique_x", MDL_RUN_WARN, "");
    tasks[2].n_failures = 1500;
    add_task(MDL_TASK_MODEL, "mart", MDL_RUN_SKIPPED, "fact_tags failed");
    make_payload();
    check_limits();
    ck_assert_str_eq(text_at("$.embeds[0].title"), "❌ Run 12 failed: medallion");
    ck_assert_int_eq(ask_number("select json_extract(?1, '$.embeds[0].color')"), 0xE74C3C);
    ck_assert_str_eq(text_at("$.embeds[0].description"),
                     "model fact\\_tags\\: a column is missing");
    ck_assert_str_eq(field("Tasks"), "1 warned, 2 failed, 1 skipped");
    ck_assert_str_eq(field("model fact\\_tags"), "a column is missing");
    ck_assert_str_eq(field("test not\\_null\\_x"), "1 row failed: title is NULL");
    ck_assert_str_eq(field("Warnings"), "`unique_x` 1,500 rows");
    ck_assert_int_eq(n_failures_told(), 2);
}
END_TEST

START_TEST(colours_tell_the_state)
{
    static const char sql[] = "select json_extract(?1, '$.embeds[0].color')";
    facts.status = MDL_E_CANCELLED;
    make_payload();
    ck_assert_int_eq(ask_number(sql), 0x95A5A6);
    facts.status = MDL_OK;
    facts.counts.n_warn = 1;
    make_payload();
    ck_assert_int_eq(ask_number(sql), 0xF1C40F);
    check_limits();
}
END_TEST

START_TEST(problems_are_told)
{
    static const char *const problems[] = {"27012026_tags.csv was refused: *bad*", "no links came"};
    options.problems = problems;
    options.n_problems = 2;
    add_task(MDL_TASK_MODEL, "dim_users", MDL_RUN_SUCCESS, "");
    make_payload();
    check_limits();
    ck_assert_int_eq(ask_number("select json_extract(?1, '$.embeds[0].color')"), 0xF1C40F);
    ck_assert_str_eq(field("Problems"), "27012026\\_tags.csv was refused\\: \\*bad\\*\n"
                                        "no links came");
    facts = (mdli_run_facts){.message = ""}; /* as of no run */
    make_payload();
    check_limits();
    ck_assert_int_eq(ask_number("select json_array_length(?1, '$.embeds[0].fields')"), 1);
    ck_assert_str_eq(text_at("$.embeds[0].title"), "❌ The run did not start: medallion");
    ck_assert_str_eq(text_at("$.embeds[0].timestamp"), "");
}
END_TEST

START_TEST(the_slowest_come_first)
{
    for (int i = 0; i < 40; i++) {
        add_task(MDL_TASK_MODEL, i % 7 == 0 ? "seventh" : "other", MDL_RUN_SUCCESS, "");
        tasks[i].seconds = (i * 17) % 40;
        tasks[i].n_rows = i;
    }
    tasks[39].state = MDL_RUN_SKIPPED; /* 23 seconds, but not at work */
    options.n_slowest = 3;             /* 39, 38, 37 seconds: tasks 7, 14, 21 */
    make_payload();
    ck_assert_str_eq(field("Slowest"), "39.0s `seventh` 7 rows\n38.0s `seventh` 14 rows\n"
                                       "37.0s `seventh` 21 rows");
    options.n_slowest = 0;
    make_payload();
    ck_assert_str_eq(field("Slowest"), "");
}
END_TEST

START_TEST(markdown_is_shown_as_it_is)
{
    static const char nasty[] = "*a* _b_ ~c~ `d` ||e|| [f](http://g) <@1> @everyone # \\ \xff"
                                "\n\x07\xe2\x80\xae!";
    add_task(MDL_TASK_MODEL, nasty, MDL_RUN_ERROR, nasty);
    make_payload();
    check_limits();
    ck_assert_str_eq(text_at("$.embeds[0].fields[3].value"),
                     "\\*a\\* \\_b\\_ \\~c\\~ \\`d\\` \\|\\|e\\|\\| \\[f\\]\\(http\\://g\\) "
                     "\\<\\@1\\> \\@everyone \\# \\\\ \xef\xbf\xbd  \xef\xbf\xbd!");
    const char *slowest = field("Slowest");
    ck_assert_ptr_nonnull(strstr(slowest, "`*a* _b_ ~c~ ˋdˋ ||e|| [f](http://g) <@1> @everyone # "
                                          "\\ \xef\xbf\xbd  \xef\xbf\xbd!` "));
}
END_TEST

START_TEST(texts_of_blanks_are_not_left_empty)
{
    add_task(MDL_TASK_MODEL, "", MDL_RUN_ERROR, "");
    add_task(MDL_TASK_MODEL, "\xc2\xa0", MDL_RUN_ERROR, "\xe3\x80\x80\n \t\xe2\x80\xa8");
    add_task(MDL_TASK_TEST, " ", MDL_RUN_WARN, "");
    facts.message = " ";
    make_payload();
    check_limits();
    ck_assert_str_eq(text_at("$.embeds[0].fields[3].value"), "—");
    ck_assert_str_eq(text_at("$.embeds[0].fields[4].value"), "—");
}
END_TEST

/* Texts of one repeated character that are too long for every limit. */
START_TEST(nothing_is_cut_inside_a_character)
{
    static const char *const characters[] = {"x", "é",    "—", "🎬",          "_",
                                             "`", "\xff", "א", "👩‍🚀"};
    static char text[40000];
    const char *character = characters[_i];
    for (size_t size = 1; size < 1200; size += 1 + size / 8) {
        text[0] = '\0';
        for (size_t i = 0, at = 0; i < size; i++, at += strlen(character)) {
            memcpy(text + at, character, strlen(character) + 1);
        }
        facts.n_results = 0;
        facts.counts = (mdl_run_counts){0};
        facts.status = MDL_E_MODEL;
        facts.message = text;
        options.subject = text;
        options.footer = text;
        for (int i = 0; i < 30; i++) {
            add_task(MDL_TASK_TEST, text, i % 2 == 0 ? MDL_RUN_FAIL : MDL_RUN_WARN, text);
        }
        make_payload();
        check_limits();
        ASSERT_IN_LOOP(n_failures_told() == 15, "%zu characters", size);
        const char *title = text_at("$.embeds[0].title");
        if (size > 256) {
            ASSERT_IN_LOOP(strstr(title, "…") == title + strlen(title) - 3, "%s", title);
            ASSERT_IN_LOOP(units_of(title) >= 250, "%s", title);
        }
        if (character[0] == '_') { /* an escaped character stays with its backslash */
            const char *escaped = strchr(title, '\\');
            size_t n = strspn(escaped, "\\_");
            bool is_whole = n % 2 == 0 && escaped[n - 1] == '_';
            ASSERT_IN_LOOP(is_whole, "%s", title);
        }
    }
}
END_TEST

START_TEST(five_hundred_failures)
{
    static char names[500][32];
    for (int i = 0; i < 500; i++) {
        snprintf(names[i], sizeof names[i], "model_%d", i);
        add_task(MDL_TASK_MODEL, names[i], MDL_RUN_ERROR, "it broke");
    }
    facts.status = MDL_E_MODEL;
    make_payload();
    check_limits();
    ck_assert_int_eq(n_failures_told(), 500);
    ck_assert_str_eq(field("model model\\_0"), "it broke");
    ck_assert_str_eq(field("Tasks"), "500 failed");
    ck_assert_str_ne(field("Slowest"), "");
}
END_TEST

/* Runs of random bytes and lengths. */
START_TEST(random_runs)
{
    static char texts[64][3000];
    static const char *problems[8];
    test_random random = test_random_start("random_runs");
    for (int i = 0; i < 8; i++) {
        problems[i] = texts[8 * i];
    }
    for (int round = 0; round < 400; round++) {
        facts.n_results = 0;
        facts.counts = (mdl_run_counts){0};
        int64_t n_failed = 0;
        int n_tasks = (int)test_random_below(&random, round % 10 == 0 ? 300 : 12);
        for (int i = 0; i < 64; i++) {
            size_t size = (size_t)test_random_below(&random, i % 4 == 0 ? 2999 : 60);
            for (size_t j = 0; j < size; j++) {
                texts[i][j] = (char)(1 + test_random_below(&random, i % 3 == 0 ? 127 : 255));
            }
            texts[i][size] = '\0';
        }
        for (int i = 0; i < n_tasks; i++) {
            mdl_run_state state = (mdl_run_state)(1 + test_random_below(&random, 6));
            add_task((mdl_task_kind)(1 + test_random_below(&random, 4)),
                     texts[test_random_below(&random, 64)], state,
                     texts[test_random_below(&random, 64)]);
            tasks[i].n_failures = (int64_t)(test_random_any_size(&random) >> 20);
            tasks[i].n_rows = (int64_t)(test_random_any_size(&random) >> 20);
            n_failed += state == MDL_RUN_ERROR || state == MDL_RUN_FAIL;
        }
        facts.status = n_failed > 0 ? MDL_E_MODEL : MDL_OK;
        facts.message = n_failed > 0 ? texts[0] : "";
        options.footer = texts[1];
        options.problems = problems;
        options.n_problems = (int32_t)test_random_below(&random, 9);
        options.n_slowest = (int32_t)test_random_below(&random, MDLI_SLOWEST_MAX + 1);
        make_payload();
        check_limits();
        ASSERT_IN_LOOP(n_failures_told() == n_failed, "%s", payload.bytes);
    }
}
END_TEST

static Suite *discord_payload_suite(void)
{
    Suite *suite = suite_create("discord_payload");
    TCase *test_case = tcase_create("payload");
    tcase_add_checked_fixture(test_case, open_world, close_world);
    tcase_add_test(test_case, a_run_that_went_well);
    tcase_add_test(test_case, a_run_that_failed);
    tcase_add_test(test_case, colours_tell_the_state);
    tcase_add_test(test_case, problems_are_told);
    tcase_add_test(test_case, the_slowest_come_first);
    tcase_add_test(test_case, markdown_is_shown_as_it_is);
    tcase_add_test(test_case, texts_of_blanks_are_not_left_empty);
    tcase_add_loop_test(test_case, nothing_is_cut_inside_a_character, 0, 9);
    tcase_add_test(test_case, five_hundred_failures);
    tcase_add_test(test_case, random_runs);
    tcase_set_timeout(test_case, 120);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(void)
{
    return run_suite(discord_payload_suite());
}
