/*
 * What is posted to Discord: one embed.
 *
 * Limits (Discord's documentation of embeds): title 256, description 4096, 25 fields, name 256,
 * value 1024, footer 2048, and 6000 for all of these texts together. Texts are made one after the
 * other in the order of their worth, each within its own limit and what is left of the 6000; fields
 * that would have too little left are counted instead of told. No text may be empty.
 */
#include "notify/discord_payload.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "medallion/version.h"
#include "notify/limited_text.h"

enum {
    TITLE_UNITS = 256,
    DESCRIPTION_UNITS = MDLI_LIMITED_TEXT_UNITS_MAX,
    FOOTER_UNITS = 256,
    FIELD_NAME_UNITS = 256,
    FIELD_VALUE_UNITS = 1024,
    ALL_UNITS = 6000,
    FIELDS_MAX = 25,

    PROBLEMS_UNITS = 700,

    /* Kept for what stands behind the failed tasks. */
    SLOWEST_UNITS = 700,
    WARNINGS_UNITS = 700,
    MORE_UNITS = 100, /* "More failures", "12 more tasks failed" */

    FAILED_TASKS_MAX = 15,
    FAILED_TASK_UNITS_MIN = 80 /* less is not worth a field */
};

enum {
    GREEN = 0x2ECC71,
    YELLOW = 0xF1C40F,
    RED = 0xE74C3C,
    GREY = 0x95A5A6
};

/* ---- States ---- */

/* How a run ended, in words and as a colour. */
typedef struct run_verdict {
    const char *sign;
    const char *words;
    int32_t color;
} run_verdict;

static run_verdict judge(const mdli_run_facts *facts, int32_t n_problems)
{
    if (facts->run_id == 0) {
        return (run_verdict){"❌", "did not start", RED};
    }
    if (facts->status == MDL_E_CANCELLED || facts->status == MDL_E_DEADLINE) {
        return (run_verdict){"⏹️", "was stopped", GREY};
    }
    if (facts->status != MDL_OK) {
        return (run_verdict){"❌", "failed", RED};
    }
    if (n_problems > 0) {
        return (run_verdict){"⚠️", "succeeded, but not all is well", YELLOW};
    }
    if (facts->counts.n_warn > 0) {
        return (run_verdict){"⚠️", "succeeded with warnings", YELLOW};
    }
    return (run_verdict){"✅", "succeeded", GREEN};
}

static bool has_failed(const mdl_run_result *task)
{
    return task->state == MDL_RUN_ERROR || task->state == MDL_RUN_FAIL;
}

/* ---- Numbers as text ---- */

/* "1,234,567"; `out` has room for 32 bytes. */
static void format_count(int64_t count, char *out)
{
    char digits[24];
    int n_digits = snprintf(digits, sizeof digits, "%" PRId64, count);
    for (int i = 0; i < n_digits; i++) {
        *out++ = digits[i];
        int n_behind = n_digits - 1 - i;
        if (digits[i] != '-' && n_behind > 0 && n_behind % 3 == 0) {
            *out++ = ',';
        }
    }
    *out = '\0';
}

/* "0.42s", "12.5s", "3m 07s", "2h 05m"; `out` has room for 32 bytes. */
static void format_duration(double seconds, char *out)
{
    int64_t whole = (int64_t)(seconds + 0.5);
    if (seconds < 9.995) {
        snprintf(out, 32, "%.2fs", seconds);
    } else if (seconds < 59.95) {
        snprintf(out, 32, "%.1fs", seconds);
    } else if (whole < 3600) {
        snprintf(out, 32, "%" PRId64 "m %02" PRId64 "s", whole / 60, whole % 60);
    } else {
        snprintf(out, 32, "%" PRId64 "h %02" PRId64 "m", whole / 3600, whole / 60 % 60);
    }
}

static void add_count(mdli_limited_text *text, int64_t count)
{
    char digits[32];
    format_count(count, digits);
    mdli_limited_text_add(text, digits);
}

/* "12 tasks", "1 task". */
static void add_count_of(mdli_limited_text *text, int64_t count, const char *thing)
{
    add_count(text, count);
    mdli_limited_text_add(text, " ");
    mdli_limited_text_add(text, thing);
    mdli_limited_text_add(text, count == 1 ? "" : "s");
}

static void add_duration(mdli_limited_text *text, double seconds)
{
    char duration[32];
    format_duration(seconds, duration);
    mdli_limited_text_add(text, duration);
}

/* ---- The embed ---- */

typedef struct embed {
    mdli_json *json;
    const mdli_run_facts *facts;
    const mdl_notify_options *options;
    int32_t n_units_left;
    int32_t n_fields_left;
} embed;

/* An empty text that may take up to `n_units`, if so many are left. */
static void begin_text(const embed *e, mdli_limited_text *text, int32_t n_units)
{
    mdli_limited_text_init(text, n_units < e->n_units_left ? n_units : e->n_units_left);
}

/* Writes a text that was begun. Discord refuses empty ones, and takes blanks for empty. */
static void put_member(embed *e, const char *key, mdli_limited_text *text)
{
    if (text->bytes[strspn(text->bytes, " \n")] == '\0') {
        mdli_limited_text_init(text, text->n_units_max);
        mdli_limited_text_add(text, "—");
    }
    mdli_json_text(e->json, key, text->bytes);
    e->n_units_left -= text->n_units;
    assert(e->n_units_left >= 0);
}

static void put_field(embed *e, mdli_limited_text *name, mdli_limited_text *value, bool is_inline)
{
    assert(e->n_fields_left > 0);
    e->n_fields_left--;
    mdli_json_open_object(e->json, NULL);
    put_member(e, "name", name);
    put_member(e, "value", value);
    mdli_json_bool(e->json, "inline", is_inline);
    mdli_json_close_object(e->json);
}

static void put_named_field(embed *e, const char *title, mdli_limited_text *value, bool is_inline)
{
    mdli_limited_text name;
    begin_text(e, &name, FIELD_NAME_UNITS);
    mdli_limited_text_add(&name, title);
    put_field(e, &name, value, is_inline);
}

static void put_title(embed *e, const run_verdict *verdict)
{
    char run[64];
    mdli_limited_text title;
    begin_text(e, &title, TITLE_UNITS);
    if (e->facts->run_id > 0) {
        snprintf(run, sizeof run, "%s Run %" PRId64 " %s", verdict->sign, e->facts->run_id,
                 verdict->words);
    } else {
        snprintf(run, sizeof run, "%s The run %s", verdict->sign, verdict->words);
    }
    mdli_limited_text_add(&title, run);
    if (e->options->subject != NULL && e->options->subject[0] != '\0') {
        mdli_limited_text_add(&title, ": ");
        mdli_limited_text_add_escaped(&title, e->options->subject);
    }
    put_member(e, "title", &title);
}

/* The first failure; nothing for a run without. */
static void put_description(embed *e)
{
    if (e->facts->message[0] == '\0') {
        return;
    }
    mdli_limited_text description;
    begin_text(e, &description, DESCRIPTION_UNITS);
    mdli_limited_text_add_escaped(&description, e->facts->message);
    put_member(e, "description", &description);
}

/* When the run ended; Discord shows it in the reader's time zone. */
static void put_timestamp(embed *e)
{
    int64_t ended_at = e->facts->started_at + (int64_t)e->facts->seconds;
    bool is_date = ended_at >= MDLI_TIMESTAMP_MIN && ended_at <= MDLI_TIMESTAMP_MAX;
    if (e->facts->run_id == 0 || !is_date) {
        return;
    }
    char text[MDLI_TIMESTAMP_TEXT_SIZE + 2];
    mdli_format_timestamp(ended_at, text);
    text[10] = 'T';
    memcpy(text + MDLI_TIMESTAMP_TEXT_SIZE, "Z", 2);
    mdli_json_text(e->json, "timestamp", text);
}

static void put_footer(embed *e)
{
    mdli_limited_text footer;
    begin_text(e, &footer, FOOTER_UNITS);
    mdli_limited_text_add(&footer, "libmedallion " MDL_VERSION_STRING);
    if (e->options->footer != NULL) {
        mdli_limited_text_add(&footer, " · ");
        mdli_limited_text_add_clean(&footer, e->options->footer);
    }
    mdli_json_open_object(e->json, "footer");
    put_member(e, "text", &footer);
    mdli_json_close_object(e->json);
}

/* ---- Fields on the whole run ---- */

static void put_task_counts(embed *e)
{
    const struct {
        int64_t count;
        const char *words;
    } parts[] = {
        {e->facts->counts.n_pass, " passed"},
        {e->facts->counts.n_warn, " warned"},
        {e->facts->counts.n_error, " failed"},
        {e->facts->counts.n_skip, " skipped"},
    };
    mdli_limited_text value;
    begin_text(e, &value, FIELD_VALUE_UNITS);
    for (int i = 0; i < 4; i++) {
        if (parts[i].count > 0) {
            mdli_limited_text_add(&value, value.n_units > 0 ? ", " : "");
            add_count(&value, parts[i].count);
            mdli_limited_text_add(&value, parts[i].words);
        }
    }
    put_named_field(e, "Tasks", &value, true);
}

static void put_duration(embed *e)
{
    mdli_limited_text value;
    begin_text(e, &value, FIELD_VALUE_UNITS);
    add_duration(&value, e->facts->seconds);
    put_named_field(e, "Duration", &value, true);
}

static void put_rows(embed *e)
{
    int64_t n_loaded = 0;
    int64_t n_rejected = 0;
    int64_t n_built = 0;
    for (int32_t i = 0; i < e->facts->n_results; i++) {
        const mdl_run_result *task = e->facts->get_result(e->facts->run, i);
        if (task->kind == MDL_TASK_LOAD) {
            n_loaded += task->n_rows;
            n_rejected += task->n_failures;
        } else if (task->kind == MDL_TASK_MODEL && task->state == MDL_RUN_SUCCESS) {
            n_built += task->n_rows;
        }
    }
    mdli_limited_text value;
    begin_text(e, &value, FIELD_VALUE_UNITS);
    add_count(&value, n_loaded);
    mdli_limited_text_add(&value, " loaded, ");
    if (n_rejected > 0) {
        add_count(&value, n_rejected);
        mdli_limited_text_add(&value, " rejected, ");
    }
    add_count(&value, n_built);
    mdli_limited_text_add(&value, " built");
    put_named_field(e, "Rows", &value, true);
}

/* A line for each problem, as far as there is room. */
static void put_problems(embed *e)
{
    mdli_limited_text value;
    begin_text(e, &value, PROBLEMS_UNITS);
    for (int32_t i = 0; i < e->options->n_problems; i++) {
        mdli_limited_text_add(&value, i > 0 ? "\n" : "");
        mdli_limited_text_add_escaped(&value, e->options->problems[i]);
    }
    if (e->options->n_problems > 0) {
        put_named_field(e, "Problems", &value, false);
    }
}

/* ---- Fields on tasks ---- */

static void put_failed_task(embed *e, const mdl_run_result *task, int32_t n_units)
{
    mdli_limited_text name;
    mdli_limited_text value;
    begin_text(e, &name, FIELD_NAME_UNITS < n_units / 2 ? FIELD_NAME_UNITS : n_units / 2);
    mdli_limited_text_add(&name, mdl_task_kind_name(task->kind));
    mdli_limited_text_add(&name, " ");
    mdli_limited_text_add_escaped(&name, task->name);

    int32_t n_left = n_units - name.n_units;
    begin_text(e, &value, n_left < FIELD_VALUE_UNITS ? n_left : FIELD_VALUE_UNITS);
    if (task->kind == MDL_TASK_TEST && task->n_failures > 0) {
        add_count_of(&value, task->n_failures, "row");
        mdli_limited_text_add(&value, task->message[0] != '\0' ? " failed: " : " failed");
    }
    mdli_limited_text_add_escaped(&value, task->message);
    put_field(e, &name, &value, false);
}

static void put_more_failures(embed *e, int64_t n_more)
{
    mdli_limited_text value;
    begin_text(e, &value, FIELD_VALUE_UNITS);
    add_count_of(&value, n_more, "more task");
    mdli_limited_text_add(&value, " failed");
    put_named_field(e, "More failures", &value, false);
}

/* A field for each failed task, as long as there is room. */
static void put_failures(embed *e)
{
    int32_t n_told = 0;
    int64_t n_more = 0;
    for (int32_t i = 0; i < e->facts->n_results; i++) {
        const mdl_run_result *task = e->facts->get_result(e->facts->run, i);
        if (!has_failed(task)) {
            continue;
        }
        int32_t n_units = e->n_units_left - SLOWEST_UNITS - WARNINGS_UNITS - MORE_UNITS;
        if (n_told < FAILED_TASKS_MAX && n_units >= FAILED_TASK_UNITS_MIN) {
            put_failed_task(e, task, n_units);
            n_told++;
        } else {
            n_more++;
        }
    }
    if (n_more > 0) {
        put_more_failures(e, n_more);
    }
}

/* One field for all warnings: a line each, as far as there is room. */
static void put_warnings(embed *e)
{
    mdli_limited_text value;
    int64_t n_warnings = 0;
    begin_text(e, &value, WARNINGS_UNITS - FIELD_NAME_UNITS / 4);
    for (int32_t i = 0; i < e->facts->n_results; i++) {
        const mdl_run_result *task = e->facts->get_result(e->facts->run, i);
        if (task->state == MDL_RUN_WARN) {
            mdli_limited_text_add(&value, n_warnings > 0 ? "\n" : "");
            mdli_limited_text_add_code(&value, task->name);
            mdli_limited_text_add(&value, " ");
            add_count_of(&value, task->n_failures, "row");
            n_warnings++;
        }
    }
    if (n_warnings > 0) {
        put_named_field(e, "Warnings", &value, false);
    }
}

/* The slowest tasks that would not be shown as 0.00s, slowest first; of equals the earlier. Returns
 * how many there are. */
static int32_t find_slowest(const mdli_run_facts *facts, int32_t n_max,
                            const mdl_run_result *slowest[MDLI_SLOWEST_MAX])
{
    int32_t n = 0;
    for (int32_t i = 0; i < facts->n_results; i++) {
        const mdl_run_result *task = facts->get_result(facts->run, i);
        int32_t place = n;
        while (place > 0 && slowest[place - 1]->seconds < task->seconds) {
            place--;
        }
        if (task->state == MDL_RUN_SKIPPED || task->seconds < 0.005 || place == n_max) {
            continue;
        }
        n += n < n_max;
        memmove(&slowest[place + 1], &slowest[place], (size_t)(n - 1 - place) * sizeof slowest[0]);
        slowest[place] = task;
    }
    return n;
}

static void put_slowest(embed *e)
{
    const mdl_run_result *slowest[MDLI_SLOWEST_MAX];
    int32_t n_slowest = find_slowest(e->facts, e->options->n_slowest, slowest);
    mdli_limited_text value;
    begin_text(e, &value, SLOWEST_UNITS - FIELD_NAME_UNITS / 4);
    for (int32_t i = 0; i < n_slowest; i++) {
        mdli_limited_text_add(&value, i > 0 ? "\n" : "");
        add_duration(&value, slowest[i]->seconds);
        mdli_limited_text_add(&value, " ");
        mdli_limited_text_add_code(&value, slowest[i]->name);
        mdli_limited_text_add(&value, " ");
        add_count_of(&value, slowest[i]->n_rows, "row");
    }
    if (n_slowest > 0) {
        put_named_field(e, "Slowest", &value, false);
    }
}

static void put_embed(embed *e)
{
    run_verdict verdict = judge(e->facts, e->options->n_problems);
    put_title(e, &verdict);
    mdli_json_integer(e->json, "color", verdict.color);
    put_timestamp(e);
    put_footer(e);
    put_description(e);
    mdli_json_open_array(e->json, "fields");
    if (e->facts->run_id > 0) {
        put_task_counts(e);
        put_duration(e);
        put_rows(e);
    }
    put_problems(e);
    put_failures(e);
    put_warnings(e);
    put_slowest(e);
    mdli_json_close_array(e->json);
}

void mdli_write_discord_payload(mdli_json *json, const mdli_run_facts *facts,
                                const mdl_notify_options *options)
{
    embed e = {
        .json = json,
        .facts = facts,
        .options = options,
        .n_units_left = ALL_UNITS,
        .n_fields_left = FIELDS_MAX,
    };
    mdli_json_open_object(json, NULL);
    mdli_json_open_object(json, "allowed_mentions"); /* nobody is mentioned, whatever a text says */
    mdli_json_open_array(json, "parse");
    mdli_json_close_array(json);
    mdli_json_close_object(json);
    mdli_json_open_array(json, "embeds");
    mdli_json_open_object(json, NULL);
    put_embed(&e);
    mdli_json_close_object(json);
    mdli_json_close_array(json);
    mdli_json_close_object(json);
}
