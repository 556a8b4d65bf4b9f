/* medallion watch: daily files are built as they arrive.
 *
 * Each batch is a session of its own: it opens the store, loads, builds, commits, tells, and closes.
 * Between batches nothing is held, so that others can write to the store, and all memory is given
 * back. Files are moved after the commit: whatever ends the program in between, they are still
 * there, and loading them again is known by their content to be nothing new. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "display_text.h"
#include "interrupt.h"
#include "notification.h"
#include "session.h"

enum {
    REPORT_MAX = 2048,
    LINE_MAX_BYTES = 1024,
    LINES_MAX = MDL_WATCH_FILES_MAX + 1
};

/* What became of a file of a batch. */
typedef enum file_fate {
    FATE_LEFT = 0, /* it vanished, or the system failed: it stays, and comes again if it is there */
    FATE_LOADED = 1, /* also when its content was loaded before */
    FATE_REFUSED = 2
} file_fate;

/* A batch at work. */
typedef struct batch_work {
    mdl_watcher *watcher;
    const mdl_watch_batch *batch;
    session *session;
    file_fate fates[MDL_WATCH_FILES_MAX];
    mdl_error faults[MDL_WATCH_FILES_MAX]; /* of refused files */
    int n_loaded;
    int n_refused;
    char lines[LINES_MAX][LINE_MAX_BYTES];
    const char *line_list[LINES_MAX];
    notification_problems problems;
} batch_work;

/* The names of some sources: "movies, tags". */
static void join_names(const char *const *names, int32_t n_names, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < n_names && used < size; i++) {
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", names[i]);
    }
}

static void add_problem(batch_work *work, enum problem_weight weight, const char *line)
{
    notification_problems *problems = &work->problems;
    char *copy = work->lines[problems->n_lines];
    snprintf(copy, LINE_MAX_BYTES, "%s", line);
    work->line_list[problems->n_lines++] = copy;
    problems->lines = work->line_list;
    problems->weight = weight > problems->weight ? weight : problems->weight;
}

/* ---- Loading --------------------------------------------------------------------------------- */

static void tell_batch(batch_work *work)
{
    const mdl_watch_batch *batch = work->batch;
    char there[64], missing[64], line[256];
    join_names(batch->sources, batch->n_files, there, sizeof there);
    run_lines_note(&work->session->lines, "Files of %s: %s", batch->date, there);
    if (batch->n_missing > 0) {
        join_names(batch->missing, batch->n_missing, missing, sizeof missing);
        snprintf(line, sizeof line, "Files of %s did not come: %s", batch->date, missing);
        run_lines_note(&work->session->lines, "%s", line);
        add_problem(work, PROBLEM_WARNING, line);
    }
}

/* Whether it is the file's fault that it was not loaded, so that it would not be another time. */
static bool is_refusal(mdl_status status)
{
    return status == MDL_E_DATA || status == MDL_E_SCHEMA;
}

static void refuse_file(batch_work *work, int32_t index, const mdl_error *error)
{
    char line[LINE_MAX_BYTES];
    work->fates[index] = FATE_REFUSED;
    work->faults[index] = *error;
    work->n_refused++;
    snprintf(line, sizeof line, "%s was refused: %s", file_name_of(work->batch->paths[index]),
             error->message);
    run_lines_complain(&work->session->lines, "%s", line);
    add_problem(work, PROBLEM_FAILURE, line);
}

/* Loads file by file: a bad one does not keep the others of its batch from being loaded. */
static mdl_status load_files(batch_work *work)
{
    session *s = work->session;
    mdl_load_options options = session_load_options(s, (mdl_on_error)s->settings->on_error);
    for (int32_t i = 0; i < work->batch->n_files; i++) {
        mdl_error error = MDL_ERROR_INIT;
        mdl_status status =
            mdl_warehouse_load(s->warehouse, &work->batch->paths[i], 1, &options, &error);
        if (status == MDL_OK) {
            work->fates[i] = FATE_LOADED;
            work->n_loaded++;
        } else if (is_refusal(status)) {
            refuse_file(work, i, &error);
        } else if (status != MDL_E_FILE_NOT_FOUND) {
            s->error = error;
            return status;
        }
    }
    return MDL_OK;
}

/* ---- Moving ---------------------------------------------------------------------------------- */

/* What somebody who finds the file in rejected/ wants to know. */
static void write_refusal(const mdl_error *fault, const char *path, char *text, size_t size)
{
    int used =
        snprintf(text, size, "%s was not loaded\n\n%s\n", file_name_of(path), fault->message);
    size_t n = (size_t)used < size ? (size_t)used : size;
    if (fault->line > 0 && n < size) {
        snprintf(text + n, size - n,
                 "\nline: %lld\nrecord: %lld\ncolumn: %s\nbyte: %lld\ntext: %s\n",
                 (long long)fault->line, (long long)fault->record, fault->column,
                 (long long)fault->offset_bytes, fault->text);
    }
}

static mdl_status settle_file(batch_work *work, int32_t index, mdl_error *error)
{
    char report[REPORT_MAX];
    switch (work->fates[index]) {
    case FATE_LOADED:
        return mdl_watcher_accept(work->watcher, index, error);
    case FATE_REFUSED:
        write_refusal(&work->faults[index], work->batch->paths[index], report, sizeof report);
        return mdl_watcher_reject(work->watcher, index, report, error);
    default:
        return MDL_OK;
    }
}

/* Files that cannot be moved come again. */
static mdl_status settle_files(batch_work *work)
{
    mdl_status result = MDL_OK;
    for (int32_t i = 0; i < work->batch->n_files; i++) {
        mdl_error error = MDL_ERROR_INIT;
        mdl_status status = settle_file(work, i, &error);
        if (status != MDL_OK) {
            run_lines_complain(&work->session->lines, "%s", error.message);
            result = status;
        }
    }
    return result;
}

/* ---- A batch --------------------------------------------------------------------------------- */

/* Whether what a run came to is to be kept: not when the system failed or the run was interrupted,
 * which is all done again. An interrupt after its end changes nothing. */
static bool is_worth_keeping(mdl_status status)
{
    return status == MDL_OK || (status < MDL_E_IO && !was_interrupted());
}

/* The time of the last run in the store's log, or 0. */
static int64_t last_run_time(session *s)
{
    const mdl_table *runs = mdl_warehouse_runs(s->warehouse);
    int64_t n_runs = runs != NULL ? mdl_table_n_rows(runs) : 0;
    mdl_value value = {.is_null = true};
    if (n_runs > 0) {
        int32_t column = mdl_table_find_column(runs, "run_time");
        mdl_status status =
            mdl_table_get(s->context, runs, n_runs - 1, column, &value, NULL, 0, NULL);
        value.is_null |= status != MDL_OK;
    }
    return value.is_null ? 0 : value.as.integer;
}

/* History is kept by the second: of two batches in one the second could not be told from the first.
 * Waits at most two seconds, since the clock may have been set back. */
static void wait_for_next_second(session *s)
{
    int64_t last = last_run_time(s);
    int64_t now = time(NULL);
    while (now <= last && last - now <= 1 && !was_interrupted()) {
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
        now = time(NULL);
    }
}

static mdl_status load_and_build(batch_work *work)
{
    session *s = work->session;
    mdl_hard_deletes hard_deletes;
    wait_for_next_second(s);
    tell_batch(work);
    mdl_status status = load_files(work);
    if (status != MDL_OK || work->n_loaded + work->n_refused == 0) {
        return status;
    }
    mdl_build_options options = session_run_options(s, &hard_deletes);
    status = session_build(s, &options);
    if (!is_worth_keeping(status)) {
        return status;
    }
    return session_commit(s, status);
}

static exit_code handle_batch(const cli_settings *settings, mdl_watcher *watcher,
                              const mdl_watch_batch *batch)
{
    session s;
    batch_work work = {.watcher = watcher, .batch = batch, .session = &s};
    mdl_status status = session_open(&s, watch_command.name, settings, true, STORE_CREATE);
    if (status == MDL_OK) {
        status = load_and_build(&work);
    }
    notify_of_run(&s, status, &work.problems);
    if (s.was_committed) {
        mdl_status settled = settle_files(&work);
        status = status != MDL_OK ? status : settled;
    }
    exit_code code = session_close(&s, status);
    return code == EXIT_DONE && work.n_refused > 0 ? EXIT_REFUSED : code;
}

/* ---- The command ----------------------------------------------------------------------------- */

static void tell_note(void *user_data, const char *message)
{
    const cli_settings *settings = user_data;
    if (!settings->quiet) {
        fprintf(stderr, "medallion: %s\n", message);
    }
}

/* For logs; a single look need not be told. */
static void tell_start(const cli_settings *settings)
{
    if (!settings->quiet && !settings->once) {
        fprintf(stderr, "medallion: watching %s\n", settings->arguments[0]);
    }
}

static exit_code heavier(exit_code a, exit_code b)
{
    return a > b ? a : b;
}

static mdl_status watch_folder(const cli_settings *settings, mdl_watcher *watcher, exit_code *worst,
                               mdl_error *error)
{
    for (;;) {
        const mdl_watch_batch *batch = NULL;
        mdl_status status = mdl_watcher_next(watcher, settings->once ? 0 : -1, &batch, error);
        if (status != MDL_OK || batch == NULL) {
            return status;
        }
        *worst = heavier(*worst, handle_batch(settings, watcher, batch));
    }
}

static exit_code run_watch(const cli_settings *settings)
{
    exit_code worst = EXIT_DONE;
    mdl_context *context = NULL;
    mdl_watcher *watcher = NULL;
    mdl_error error = MDL_ERROR_INIT;
    mdl_watch_options options;
    mdl_watch_options_init(&options);
    options.batch_wait_seconds = settings->batch_wait_seconds;
    options.keep = settings->keep;
    options.note = tell_note;
    options.user_data = (void *)(uintptr_t)settings;
    mdl_status status = mdl_context_create(NULL, &context, &error);
    if (status == MDL_OK) {
        status = mdl_watcher_create(context, settings->arguments[0], &options, &watcher, &error);
    }
    if (status == MDL_OK) {
        stop_when_interrupted(watcher);
        tell_start(settings);
        status = watch_folder(settings, watcher, &worst, &error);
        stop_when_interrupted(NULL);
    }
    mdl_watcher_free(watcher);
    mdl_context_free(context);
    if (status != MDL_OK) {
        fprintf(stderr, "medallion: %s\n", error.message);
        return exit_code_of(status);
    }
    /* To be stopped is how a watch ends; what batches came to was told when they were handled. */
    return settings->once && !was_interrupted() ? worst : EXIT_DONE;
}

static const cli_option watch_option_table[] = {
    {.name = "--batch-wait",
     .value_name = "SECONDS",
     .kind = OPTION_REAL,
     .offset = offsetof(cli_settings, batch_wait_seconds),
     .real_range = {0, 31536000},
     .help = "build the files of a date without those that did not come for so long after the "
             "last one (default: 300)"},
    {.name = "--keep",
     .kind = OPTION_FLAG,
     .offset = offsetof(cli_settings, keep),
     .help = "leave files that were loaded where they are"},
    {.name = "--once",
     .kind = OPTION_FLAG,
     .offset = offsetof(cli_settings, once),
     .help = "build what is there and due, then end: for cron"},
};
static const option_group watch_group = {"Watching", watch_option_table, 3};

static const option_group *const watch_groups[] = {
    &store_options,     &watch_group, &notify_options, &snapshot_options,
    &test_mode_options, &run_options, &load_options,   &display_options};

const cli_command watch_command = {
    .name = "watch",
    .arguments = "DIR --store DIR",
    .summary = "build daily files as they arrive in a folder",
    .details =
        "Waits for daily files DDMMYYYY_movies.csv, DDMMYYYY_ratings.csv, DDMMYYYY_tags.csv and "
        "DDMMYYYY_links.csv in DIR, also such that are there already. Files that are still being "
        "written are left until they are closed or renamed into place. The files of one date are "
        "one batch, built when all four are there or after --batch-wait; batches are built in the "
        "order of their dates.\n\n"
        "Files that were loaded are moved to DIR/processed, files that were refused to "
        "DIR/rejected with a report beside them; the others of their batch are loaded all the "
        "same. A run whose tests fail publishes nothing, but what it loaded is kept. When the "
        "system fails (a full disk, a store that is in use) files stay and are tried again after "
        "a minute.\n\n"
        "SIGTERM or Ctrl-C ends it; a run that is at work is rolled back, and done again at the "
        "next start.",
    .min_arguments = 1,
    .max_arguments = 1,
    .data = STORE_ONLY,
    .groups = watch_groups,
    .n_groups = 8,
    .run = run_watch,
};
