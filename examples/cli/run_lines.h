/* The lines of a run on standard error: one per file, model, snapshot and test, and on terminals
 * one more below them that says what is being done. */
#ifndef MEDALLION_CLI_RUN_LINES_H
#define MEDALLION_CLI_RUN_LINES_H

#include <pthread.h>
#include <stdbool.h>

#include "medallion/context.h"
#include "medallion/warehouse.h"
#include "options.h"
#include "terminal.h"
#include "text_output.h"

/* Tasks that run at the same time and are named in the line below. */
enum {
    RUN_LINES_MAX_RUNNING = 8
};

typedef struct run_lines {
    terminal terminal;
    bool is_quiet;
    bool show_lines;
    bool show_progress;
    bool show_plans;   /* below each model: what its operators did */
    bool told_failure; /* what went wrong has been said */
    const mdl_warehouse *warehouse;

    /* Guards what follows: progress is told by any thread. */
    pthread_mutex_t mutex;
    text_output output;
    bool bar_is_visible;
    double bar_seconds;      /* when it was last drawn */
    const char *bar_task;    /* whose progress it told last; compared by address */
    double bar_task_seconds; /* when that began */
    const mdl_run_result *running[RUN_LINES_MAX_RUNNING]; /* NULL = none */
} run_lines;

void run_lines_begin(run_lines *lines, const cli_settings *settings, bool show_lines);
void run_lines_end(run_lines *lines);

/* The warehouse that runs are of. */
void run_lines_follow(run_lines *lines, const mdl_warehouse *warehouse);

/* An mdl_progress_fn; `lines` is a run_lines. */
int run_lines_progress(void *lines, const mdl_progress *progress);

/* The events of a run; to be used while `lines` lives. */
mdl_run_events run_lines_events(run_lines *lines);

/* A line for something that is no task of a run: entry `index` of `n_entries` came to `state`
 * ("OK"). `color` is one of the four below. */
void run_lines_entry(run_lines *lines, int32_t index, int32_t n_entries, const char *state,
                     const char *color, const char *label, const char *outcome);

/* Takes the progress bar away for good, before something is printed to the same terminal. */
void run_lines_stop_progress(run_lines *lines);

/* A line of its own with the time, only with other run lines. */
void run_lines_note(run_lines *lines, const char *format, ...) MDL_PRINTF(2, 3);

/* A line without the time, unless the command is quiet. */
void run_lines_tell(run_lines *lines, const char *format, ...) MDL_PRINTF(2, 3);

/* "medallion: …", also when the run is quiet. */
void run_lines_complain(run_lines *lines, const char *format, ...) MDL_PRINTF(2, 3);

/* For those who put lines together themselves: the mutex is held from open to close. */
extern const char color_good[], color_warning[], color_bad[], color_dim[];
text_output *run_lines_open(run_lines *lines);
void run_lines_put_colored(run_lines *lines, const char *color, const char *text);
void run_lines_close(run_lines *lines);

#endif
