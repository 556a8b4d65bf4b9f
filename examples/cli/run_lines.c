/* The lines of a run on standard error. */
#define _POSIX_C_SOURCE 200809L

#include "run_lines.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "display_text.h"
#include "progress_bar.h"
#include "table_cell.h"

enum {
    STATE_WIDTH = 5,
    LABEL_WIDTH = 72,
    NARROWEST_LABEL = 26,
    OUTCOME_WIDTH = 28, /* of most outcomes, brackets and all */
    PLAN_INDENT = 22,   /* below the state of the run line */
    LEAST_BYTES_FOR_RATE = 1000000,
    LEAST_WIDTH_FOR_RATE = 140, /* of a terminal, where a load's line has room for it */
    LABEL_MAX = 512,
    OUTCOME_MAX = 512,
    MESSAGE_MAX = 1000
};

#define BAR_INTERVAL_SECONDS 0.1

const char color_good[] = "32", color_warning[] = "33", color_bad[] = "31", color_dim[] = "2";

void run_lines_begin(run_lines *lines, const cli_settings *settings, bool show_lines)
{
    memset(lines, 0, sizeof *lines);
    lines->terminal = look_at_terminal(STDERR_FILENO, settings);
    lines->show_lines = show_lines && !settings->quiet;
    lines->show_plans = settings->explain;
    lines->is_quiet = settings->quiet;
    lines->show_progress = lines->terminal.can_wipe &&
                           lines->terminal.width >= LEAST_WIDTH_FOR_BAR && !settings->quiet &&
                           !settings->no_progress;
    lines->bar_seconds = monotonic_seconds();
    text_output_init(&lines->output, STDERR_FILENO, false);
    pthread_mutex_init(&lines->mutex, NULL);
}

void run_lines_follow(run_lines *lines, const mdl_warehouse *warehouse)
{
    lines->warehouse = warehouse;
}

/* ---- pieces; the mutex is held --------------------------------------------------------------- */

static void wipe_bar(run_lines *lines)
{
    if (lines->bar_is_visible) {
        put_wiped_line(&lines->output);
        lines->bar_is_visible = false;
    }
}

text_output *run_lines_open(run_lines *lines)
{
    pthread_mutex_lock(&lines->mutex);
    wipe_bar(lines);
    return &lines->output;
}

void run_lines_close(run_lines *lines)
{
    flush_output(&lines->output);
    pthread_mutex_unlock(&lines->mutex);
}

void run_lines_put_colored(run_lines *lines, const char *color, const char *text)
{
    if (lines->terminal.use_color) {
        put_format(&lines->output, "\033[%sm%s\033[0m", color, text);
    } else {
        put_text(&lines->output, text);
    }
}

static void put_time_of_day(run_lines *lines)
{
    char text[16];
    struct tm local;
    time_t now = time(NULL);
    localtime_r(&now, &local);
    strftime(text, sizeof text, "%H:%M:%S", &local);
    run_lines_put_colored(lines, color_dim, text);
    put_text(&lines->output, "  ");
}

static int count_digits(int32_t number)
{
    int n = 1;
    for (; number >= 10; number /= 10) {
        n++;
    }
    return n;
}

/* Labels give way where the terminal is narrow, so that most lines are one. */
static int64_t label_width(const run_lines *lines, int64_t before)
{
    int64_t room = lines->terminal.width - before - OUTCOME_WIDTH;
    if (!lines->terminal.is_terminal || room > LABEL_WIDTH) {
        return LABEL_WIDTH;
    }
    return room > NARROWEST_LABEL ? room : NARROWEST_LABEL;
}

/* What an entry of the run is, and what became of it. */
typedef struct run_entry {
    int32_t index, n_entries;
    const char *state; /* "OK", "WARN 3" */
    const char *color;
    const char *label;
    const char *outcome;
} run_entry;

/* `12:03:04   3 of 12  OK    silver dim_movies ........ [ 22,046 rows in 0.01s ]`; a state that is
 * wider takes of the label's room. */
static void put_entry(run_lines *lines, const run_entry *entry)
{
    text_output *output = &lines->output;
    char number[32];
    int number_width = 2 * count_digits(entry->n_entries) + (int)strlen(" of ");
    snprintf(number, sizeof number, "%" PRId32 " of %" PRId32, entry->index, entry->n_entries);
    put_time_of_day(lines);
    put_format(output, "%*s  ", number_width, number);
    run_lines_put_colored(lines, entry->color, entry->state);
    int64_t state_width = (int64_t)strlen(entry->state);
    int64_t padding = state_width < STATE_WIDTH ? STATE_WIDTH - state_width : 0;
    put_repeated(output, " ", padding + 1);

    int64_t room = label_width(lines, 10 + number_width + 2 + STATE_WIDTH + 1);
    room -= state_width + padding - STATE_WIDTH;
    int64_t width = display_width(text_of(entry->label));
    bool is_clipped = lines->terminal.is_terminal && width > room;
    put_fitted(output, text_of(entry->label), is_clipped ? room : width, ALIGN_LEFT,
               lines->terminal.is_utf8 ? "…" : "...");
    put_text(output, " ");
    put_repeated(output, ".", room - width - 1);
    put_format(output, "%s[ %s ]\n", width < room ? " " : "", entry->outcome);
}

/* "silver dim_movies", "unique_dim_users_user_id" */
static void name_task(const mdl_run_result *task, char *text, size_t size)
{
    switch (task->kind) {
    case MDL_TASK_TEST:
        snprintf(text, size, "%s", task->name);
        break;
    case MDL_TASK_SNAPSHOT:
        snprintf(text, size, "snapshot %s", task->name);
        break;
    default:
        snprintf(text, size, "%s %s", mdl_layer_name(task->model->layer), task->model->name);
    }
}

/* Names what runs at this moment below the lines. */
static void put_running(run_lines *lines)
{
    char text[LABEL_MAX];
    size_t used = 0;
    for (int i = 0; i < RUN_LINES_MAX_RUNNING && used < sizeof text; i++) {
        if (lines->running[i] != NULL) {
            char name[LABEL_MAX / 2];
            name_task(lines->running[i], name, sizeof name);
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s",
                                     used == 0 ? "running: " : ", ", name);
        }
    }
    if (used > 0 && lines->show_progress) {
        put_running_line(&lines->output, &lines->terminal, text);
        lines->bar_is_visible = true;
    }
}

/* ---- progress -------------------------------------------------------------------------------- */

int run_lines_progress(void *data, const mdl_progress *progress)
{
    run_lines *lines = data;
    pthread_mutex_lock(&lines->mutex);
    double now = monotonic_seconds();
    if (progress->task != lines->bar_task) {
        lines->bar_task = progress->task;
        lines->bar_task_seconds = now;
    }
    if (lines->show_progress && now - lines->bar_seconds >= BAR_INTERVAL_SECONDS) {
        put_progress_bar(&lines->output, &lines->terminal, progress, now - lines->bar_task_seconds);
        flush_output(&lines->output);
        lines->bar_is_visible = true;
        lines->bar_seconds = now;
    }
    pthread_mutex_unlock(&lines->mutex);
    return 0;
}

void run_lines_stop_progress(run_lines *lines)
{
    run_lines_open(lines);
    lines->show_progress = false;
    run_lines_close(lines);
}

/* ---- outcomes of tasks ----------------------------------------------------------------------- */

/* The load that a task tells of; one file may have been loaded several times. */
static const mdl_load_info *find_load(const run_lines *lines, const mdl_run_result *task)
{
    int32_t n_loads = lines->warehouse != NULL ? mdl_warehouse_n_loads(lines->warehouse) : 0;
    for (int32_t i = n_loads - 1; i >= 0; i--) {
        const mdl_load_info *load = mdl_warehouse_load_info(lines->warehouse, i);
        if (strcmp(load->path, task->name) == 0 && load->seconds == task->seconds) {
            return load;
        }
    }
    return NULL;
}

/* Text that is put together piece by piece; what does not fit is left out. */
typedef struct outcome_text {
    char text[OUTCOME_MAX];
    size_t used;
} outcome_text;

static MDL_PRINTF(2, 3) void add_text(outcome_text *outcome, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof outcome->text - outcome->used;
    int n = vsnprintf(outcome->text + outcome->used, room, format, arguments);
    va_end(arguments);
    outcome->used += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* ", incremental: new 3, late 1" or ", reused"; counters that are 0 say nothing, unless all are. */
static void add_counters(outcome_text *outcome, const mdl_run_result *result)
{
    char digits[32];
    int n_told = 0;
    const char *separator = result->incremental ? ": " : ", ";
    add_text(outcome, "%s",
             result->incremental ? ", incremental"
             : result->reused    ? ", reused"
                                 : "");
    for (int32_t i = 0; i < result->n_counters; i++) {
        if (result->counters[i].value != 0) {
            add_text(outcome, "%s%s %s", n_told == 0 ? separator : ", ", result->counters[i].name,
                     grouped_digits(result->counters[i].value, digits));
            n_told++;
        }
    }
    if (result->n_counters > 0 && n_told == 0) {
        add_text(outcome, "%snothing new", separator);
    }
}

static void describe_load(const run_lines *lines, const mdl_run_result *result,
                          outcome_text *outcome)
{
    char text[COUNTED_MAX];
    const mdl_load_info *load = find_load(lines, result);
    if (load != NULL && load->already_loaded) {
        add_text(outcome, "%s", result->message);
        return;
    }
    add_text(outcome, "%s in %.2fs", counted(result->n_rows, "row", text), result->seconds);
    bool has_room = !lines->terminal.is_terminal || lines->terminal.width >= LEAST_WIDTH_FOR_RATE;
    if (has_room && load != NULL && load->size_bytes >= LEAST_BYTES_FOR_RATE && load->seconds > 0) {
        add_text(outcome, ", %.0f MB/s", (double)load->size_bytes / 1e6 / load->seconds);
    }
    if (result->n_failures > 0) {
        add_text(outcome, ", %s rejected", grouped_digits(result->n_failures, text));
    }
}

/* What became of a task that was done: `rows in seconds`, and what else there is to say. */
static void describe_outcome(const run_lines *lines, const mdl_run_result *result,
                             outcome_text *outcome)
{
    char text[COUNTED_MAX];
    if (result->kind == MDL_TASK_LOAD) {
        describe_load(lines, result, outcome);
    } else {
        add_text(outcome, "%s in %.2fs", counted(result->n_rows, "row", text), result->seconds);
        add_counters(outcome, result);
    }
    if (result->attempt > 1) {
        add_text(outcome, ", attempt %" PRId32, result->attempt);
    }
}

/* The state as the line has it, in `state`, and its color. */
static const char *name_state(const mdl_run_result *result, char *state, size_t size)
{
    switch (result->state) {
    case MDL_RUN_SUCCESS:
        snprintf(state, size, "%s", result->kind == MDL_TASK_LOAD ? "LOAD" : "OK");
        return result->n_failures > 0 ? color_warning : color_good;
    case MDL_RUN_PASS:
        snprintf(state, size, "PASS");
        return color_good;
    case MDL_RUN_WARN:
        snprintf(state, size, "WARN %" PRId64, result->n_failures);
        return color_warning;
    case MDL_RUN_FAIL:
        snprintf(state, size, "FAIL %" PRId64, result->n_failures);
        return color_bad;
    case MDL_RUN_ERROR:
        snprintf(state, size, "ERROR");
        return color_bad;
    default:
        break;
    }
    snprintf(state, size, "SKIP");
    return color_warning;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void on_task_started(void *data, const mdl_run_result *task, int32_t index, int32_t n_tasks)
{
    (void)index;
    (void)n_tasks;
    run_lines *lines = data;
    pthread_mutex_lock(&lines->mutex);
    for (int i = 0; i < RUN_LINES_MAX_RUNNING; i++) {
        if (lines->running[i] == NULL) {
            lines->running[i] = task;
            break;
        }
    }
    put_running(lines);
    run_lines_close(lines);
}

static void forget_running(run_lines *lines, const mdl_run_result *task)
{
    for (int i = 0; i < RUN_LINES_MAX_RUNNING; i++) {
        lines->running[i] = lines->running[i] == task ? NULL : lines->running[i];
    }
}

/* The plan of a model, a line per operator, set off from the run lines. */
static void put_plan(run_lines *lines, const char *plan)
{
    while (*plan != '\0') {
        size_t length = strcspn(plan, "\n");
        put_format(&lines->output, "%*s%.*s\n", PLAN_INDENT, "", (int)length, plan);
        plan += length + (plan[length] == '\n');
    }
}

static void put_result(run_lines *lines, const mdl_run_result *result, int32_t index,
                       int32_t n_tasks)
{
    char state[32], label[LABEL_MAX];
    outcome_text outcome = {.used = 0};
    const char *color = name_state(result, state, sizeof state);
    name_task(result, label, sizeof label);
    if (result->kind == MDL_TASK_LOAD) {
        size_t used = strlen(label);
        snprintf(label + used, sizeof label - used, " from %s", file_name_of(result->name));
    }
    if (result->state == MDL_RUN_SKIPPED) {
        add_text(&outcome, "%s", result->message);
    } else if (result->state == MDL_RUN_ERROR) {
        add_text(&outcome, "failed in %.2fs", result->seconds);
    } else {
        describe_outcome(lines, result, &outcome);
    }
    put_entry(lines, &(run_entry){index, n_tasks, state, color, label, outcome.text});
    if (lines->show_plans) {
        put_plan(lines, result->explain);
    }
}

static void on_task_finished(void *data, const mdl_run_result *result, int32_t index,
                             int32_t n_tasks)
{
    run_lines *lines = data;
    run_lines_open(lines);
    forget_running(lines, result);
    if (lines->show_lines) {
        put_result(lines, result, index, n_tasks);
    }
    put_running(lines);
    run_lines_close(lines);
}

mdl_run_events run_lines_events(run_lines *lines)
{
    return (mdl_run_events){
        .task_started = on_task_started, .task_finished = on_task_finished, .user_data = lines};
}

/* ---- lines of their own ---------------------------------------------------------------------- */

void run_lines_entry(run_lines *lines, int32_t index, int32_t n_entries, const char *state,
                     const char *color, const char *label, const char *outcome)
{
    if (lines->show_lines) {
        run_lines_open(lines);
        put_entry(lines, &(run_entry){index, n_entries, state, color, label, outcome});
        run_lines_close(lines);
    }
}

/* What a line begins with. */
typedef enum line_head {
    HEAD_NONE = 0,
    HEAD_TIME = 1,
    HEAD_PROGRAM = 2 /* "medallion:" */
} line_head;

static void tell_text(run_lines *lines, line_head head, const char *format, va_list arguments)
{
    char text[MESSAGE_MAX];
    vsnprintf(text, sizeof text, format, arguments);
    text_output *output = run_lines_open(lines);
    if (head == HEAD_TIME) {
        put_time_of_day(lines);
    } else if (head == HEAD_PROGRAM) {
        run_lines_put_colored(lines, color_bad, "medallion:");
        put_text(output, " ");
    }
    put_text(output, text);
    put_text(output, "\n");
    run_lines_close(lines);
}

void run_lines_note(run_lines *lines, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (lines->show_lines) {
        tell_text(lines, HEAD_TIME, format, arguments);
    }
    va_end(arguments);
}

void run_lines_tell(run_lines *lines, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (!lines->is_quiet) {
        tell_text(lines, HEAD_NONE, format, arguments);
    }
    va_end(arguments);
}

void run_lines_complain(run_lines *lines, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell_text(lines, HEAD_PROGRAM, format, arguments);
    va_end(arguments);
}

void run_lines_end(run_lines *lines)
{
    run_lines_stop_progress(lines);
    pthread_mutex_destroy(&lines->mutex);
}
