/* The lines of a run on standard error: one per file and model, a closing line, and on terminals a
 * progress bar below them. */
#ifndef MEDALLION_CLI_RUN_LINES_H
#define MEDALLION_CLI_RUN_LINES_H

#include <pthread.h>
#include <stdbool.h>

#include "medallion/context.h"
#include "medallion/warehouse.h"
#include "options.h"
#include "terminal.h"
#include "text_output.h"

typedef struct run_lines {
    terminal terminal;
    bool show_lines;
    bool show_progress;
    bool show_plans;   /* below each model: what its operators did */
    bool told_failure; /* a line has said why a model failed */

    /* Guards what follows: progress is told by any thread. */
    pthread_mutex_t mutex;
    text_output output;
    bool bar_is_visible;
    double bar_seconds; /* when it was last drawn, or its task began */
    char task[64];      /* the model that is being built; "" while files are read */
} run_lines;

void run_lines_begin(run_lines *lines, const cli_settings *settings, bool show_lines);
void run_lines_end(run_lines *lines);

/* An mdl_progress_fn; `lines` is a run_lines. */
int run_lines_progress(void *lines, const mdl_progress *progress);

/* A line for each file that was loaded. */
void run_lines_loaded(run_lines *lines, const mdl_warehouse *warehouse);

/* The events of a run; to be used while `lines` lives. */
mdl_run_events run_lines_events(run_lines *lines);

/* What the run came to: seconds, threads, memory, and the PASS= line. */
void run_lines_finished(run_lines *lines, const mdl_run *run, const mdl_context *context);

/* Takes the progress bar away for good, before something is printed to the same terminal. */
void run_lines_stop_progress(run_lines *lines);

/* A line of its own, only with other run lines. */
void run_lines_note(run_lines *lines, const char *format, ...) MDL_PRINTF(2, 3);

/* "medallion: …", also when the run is quiet. */
void run_lines_complain(run_lines *lines, const char *format, ...) MDL_PRINTF(2, 3);

#endif
