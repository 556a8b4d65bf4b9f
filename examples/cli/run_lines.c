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
#include "table_cell.h"

enum {
    NUMBER_WIDTH = 8, /* "12 of 16" */
    LABEL_WIDTH = 46,
    PLAN_INDENT = 22, /* below the state of the run line */
    BAR_WIDTH = 30,
    LEAST_WIDTH_FOR_BAR = 60,
    MESSAGE_MAX = 1000
};

#define BAR_INTERVAL_SECONDS 0.1

static const char color_good[] = "32", color_warning[] = "33", color_bad[] = "31",
                  color_dim[] = "2";

void run_lines_begin(run_lines *lines, const cli_settings *settings, bool show_lines)
{
    memset(lines, 0, sizeof *lines);
    lines->terminal = look_at_terminal(STDERR_FILENO, settings);
    lines->show_lines = show_lines && !settings->quiet;
    lines->show_plans = settings->explain;
    lines->show_progress =
        lines->terminal.width >= LEAST_WIDTH_FOR_BAR && !settings->quiet && !settings->no_progress;
    lines->bar_seconds = monotonic_seconds();
    text_output_init(&lines->output, STDERR_FILENO, false);
    pthread_mutex_init(&lines->mutex, NULL);
}

/* ---- pieces; the mutex is held --------------------------------------------------------------- */

static void wipe_bar(run_lines *lines)
{
    if (lines->bar_is_visible) {
        put_text(&lines->output, "\r\033[K");
        lines->bar_is_visible = false;
    }
}

static void put_colored(run_lines *lines, const char *color, const char *text)
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
    put_colored(lines, color_dim, text);
    put_text(&lines->output, "  ");
}

/* What an entry of the run is, and what became of it. */
typedef struct run_entry {
    int32_t index, n_entries;
    const char *state; /* up to five letters */
    const char *color;
    const char *label;
    const char *outcome;
} run_entry;

/* `12:03:04  3 of 12  OK    silver dim_movies ........ [ 22,046 rows in 0.01s ]` */
static void put_entry(run_lines *lines, const run_entry *entry)
{
    wipe_bar(lines);
    put_time_of_day(lines);
    char number[32], state[8];
    snprintf(number, sizeof number, "%" PRId32 " of %" PRId32, entry->index, entry->n_entries);
    snprintf(state, sizeof state, "%-5s", entry->state);
    put_format(&lines->output, "%*s  ", NUMBER_WIDTH, number);
    put_colored(lines, entry->color, state);
    put_text(&lines->output, " ");
    int64_t width = display_width(text_of(entry->label));
    put_fitted(&lines->output, text_of(entry->label), width < LABEL_WIDTH ? width : LABEL_WIDTH,
               ALIGN_LEFT, "...");
    put_text(&lines->output, " ");
    put_repeated(&lines->output, ".", LABEL_WIDTH - width);
    put_format(&lines->output, "%s[ %s ]\n", width < LABEL_WIDTH ? " " : "", entry->outcome);
}

static void put_bar(run_lines *lines, const mdl_progress *progress)
{
    text_output *output = &lines->output;
    bool is_utf8 = lines->terminal.is_utf8;
    const char *task = lines->task[0] != '\0' ? lines->task : progress->task;
    int64_t task_width = lines->terminal.width - BAR_WIDTH - 10;
    int64_t needed_width = display_width(text_of(task));
    put_text(output, "\r\033[K");
    put_fitted(output, text_of(task), needed_width < task_width ? needed_width : task_width,
               ALIGN_LEFT, is_utf8 ? "…" : "...");
    if (progress->total > 0) {
        double share = (double)progress->done / (double)progress->total;
        int64_t n_full = (int64_t)(share * BAR_WIDTH);
        put_text(output, "  ");
        put_repeated(output, is_utf8 ? "█" : "#", n_full);
        put_repeated(output, is_utf8 ? "░" : ".", BAR_WIDTH - n_full);
        put_format(output, " %3.0f %%", share * 100);
    }
}

/* ---- what is told ---------------------------------------------------------------------------- */

int run_lines_progress(void *data, const mdl_progress *progress)
{
    run_lines *lines = data;
    pthread_mutex_lock(&lines->mutex);
    double now = monotonic_seconds();
    if (lines->show_progress && now - lines->bar_seconds >= BAR_INTERVAL_SECONDS) {
        put_bar(lines, progress);
        flush_output(&lines->output);
        lines->bar_is_visible = true;
        lines->bar_seconds = now;
    }
    pthread_mutex_unlock(&lines->mutex);
    return 0;
}

void run_lines_stop_progress(run_lines *lines)
{
    pthread_mutex_lock(&lines->mutex);
    lines->show_progress = false;
    wipe_bar(lines);
    flush_output(&lines->output);
    pthread_mutex_unlock(&lines->mutex);
}

static void tell_entry(run_lines *lines, const run_entry *entry)
{
    pthread_mutex_lock(&lines->mutex);
    put_entry(lines, entry);
    flush_output(&lines->output);
    pthread_mutex_unlock(&lines->mutex);
}

static const char *file_name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static void describe_load(const mdl_load_info *load, char *text, size_t size)
{
    char rows[32], rejected[32];
    if (load->already_loaded) {
        snprintf(text, size, "loaded before, passed over");
        return;
    }
    int n = snprintf(text, size, "%s row%s in %.2fs", grouped_digits(load->n_rows, rows),
                     load->n_rows == 1 ? "" : "s", load->seconds);
    if (load->seconds > 0) {
        n += snprintf(text + n, size - (size_t)n, ", %.0f MB/s",
                      (double)load->size_bytes / 1e6 / load->seconds);
    }
    if (load->n_rejected > 0) {
        snprintf(text + n, size - (size_t)n, ", %s rejected",
                 grouped_digits(load->n_rejected, rejected));
    }
}

void run_lines_loaded(run_lines *lines, const mdl_warehouse *warehouse)
{
    int32_t n_loads = mdl_warehouse_n_loads(warehouse);
    for (int32_t i = 0; lines->show_lines && i < n_loads; i++) {
        const mdl_load_info *load = mdl_warehouse_load_info(warehouse, i);
        char label[512], outcome[160];
        snprintf(label, sizeof label, "%s %s from %s", mdl_layer_name(MDL_LAYER_BRONZE),
                 load->source, file_name_of(load->path));
        describe_load(load, outcome, sizeof outcome);
        bool is_clean = load->n_rejected == 0;
        tell_entry(lines, &(run_entry){i + 1, n_loads, is_clean ? "LOAD" : "WARN",
                                       is_clean ? color_good : color_warning, label, outcome});
    }
}

static void on_task_started(void *data, const mdl_run_result *task, int32_t index, int32_t n_tasks)
{
    run_lines *lines = data;
    pthread_mutex_lock(&lines->mutex);
    snprintf(lines->task, sizeof lines->task, "%" PRId32 " of %" PRId32 "  %s %s", index, n_tasks,
             mdl_layer_name(task->model->layer), task->name);
    pthread_mutex_unlock(&lines->mutex);
}

static run_entry entry_of_result(const mdl_run_result *result, char *outcome, size_t size)
{
    char rows[32];
    switch (result->state) {
    case MDL_RUN_SUCCESS:
        snprintf(outcome, size, "%s row%s in %.2fs%s", grouped_digits(result->n_rows, rows),
                 result->n_rows == 1 ? "" : "s", result->seconds,
                 result->incremental ? ", incremental" : "");
        return (run_entry){.state = "OK", .color = color_good};
    case MDL_RUN_ERROR:
        snprintf(outcome, size, "failed in %.2fs", result->seconds);
        return (run_entry){.state = "ERROR", .color = color_bad};
    default:
        break;
    }
    snprintf(outcome, size, "%s", result->message);
    return (run_entry){.state = "SKIP", .color = color_warning};
}

/* The plan of a model, a line per operator, set off from the run lines. */
static void tell_plan(run_lines *lines, const char *plan)
{
    pthread_mutex_lock(&lines->mutex);
    while (*plan != '\0') {
        size_t length = strcspn(plan, "\n");
        put_format(&lines->output, "%*s%.*s\n", PLAN_INDENT, "", (int)length, plan);
        plan += length + (plan[length] == '\n');
    }
    flush_output(&lines->output);
    pthread_mutex_unlock(&lines->mutex);
}

static void on_task_finished(void *data, const mdl_run_result *result, int32_t index,
                             int32_t n_tasks)
{
    run_lines *lines = data;
    if (!lines->show_lines) {
        return;
    }
    char label[160], outcome[256];
    snprintf(label, sizeof label, "%s %s", mdl_layer_name(result->model->layer),
             result->model->name);
    run_entry entry = entry_of_result(result, outcome, sizeof outcome);
    entry.index = index;
    entry.n_entries = n_tasks;
    entry.label = label;
    entry.outcome = outcome;
    tell_entry(lines, &entry);
    if (lines->show_plans) {
        tell_plan(lines, result->explain);
    }
    if (result->state == MDL_RUN_ERROR && result->message[0] != '\0') {
        run_lines_note(lines, "%s", result->message);
        lines->told_failure = true;
    }
}

mdl_run_events run_lines_events(run_lines *lines)
{
    return (mdl_run_events){
        .task_started = on_task_started, .task_finished = on_task_finished, .user_data = lines};
}

static void tell_counts(run_lines *lines, int32_t n_passed, int32_t n_failed, int32_t n_skipped)
{
    pthread_mutex_lock(&lines->mutex);
    put_format(&lines->output,
               "PASS=%" PRId32 " WARN=0 ERROR=%" PRId32 " SKIP=%" PRId32 " TOTAL=%" PRId32 "\n",
               n_passed, n_failed, n_skipped, n_passed + n_failed + n_skipped);
    flush_output(&lines->output);
    pthread_mutex_unlock(&lines->mutex);
}

void run_lines_finished(run_lines *lines, const mdl_run *run, const mdl_context *context)
{
    if (!lines->show_lines) {
        return;
    }
    int32_t n_models = mdl_run_n_results(run);
    int32_t n_passed = 0, n_failed = 0, n_skipped = 0;
    for (int32_t i = 0; i < n_models; i++) {
        mdl_run_state state = mdl_run_get_result(run, i)->state;
        n_passed += state == MDL_RUN_SUCCESS;
        n_failed += state == MDL_RUN_ERROR;
        n_skipped += state == MDL_RUN_SKIPPED;
    }
    int32_t n_threads = mdl_context_n_threads(context);
    run_lines_note(lines,
                   "Built %" PRId32 " of %" PRId32 " models in %.2fs with %" PRId32
                   " thread%s and at most %.1f MB of memory",
                   n_passed, n_models, mdl_run_seconds(run), n_threads, n_threads == 1 ? "" : "s",
                   (double)mdl_context_memory_peak(context) / 1e6);
    tell_counts(lines, n_passed, n_failed, n_skipped);
}

/* What a line begins with: the time of day or "medallion:". */
typedef enum line_head {
    HEAD_TIME = 1,
    HEAD_PROGRAM = 2
} line_head;

static void tell_text(run_lines *lines, line_head head, const char *format, va_list arguments)
{
    char text[MESSAGE_MAX];
    vsnprintf(text, sizeof text, format, arguments);
    pthread_mutex_lock(&lines->mutex);
    wipe_bar(lines);
    if (head == HEAD_TIME) {
        put_time_of_day(lines);
    } else {
        put_colored(lines, color_bad, "medallion:");
        put_text(&lines->output, " ");
    }
    put_text(&lines->output, text);
    put_text(&lines->output, "\n");
    flush_output(&lines->output);
    pthread_mutex_unlock(&lines->mutex);
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
