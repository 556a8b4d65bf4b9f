/* The line at the bottom of a terminal that says what is being done. */
#ifndef MEDALLION_CLI_PROGRESS_BAR_H
#define MEDALLION_CLI_PROGRESS_BAR_H

#include "medallion/context.h"
#include "terminal.h"
#include "text_output.h"

/* Terminals that are narrower have none. */
enum {
    LEAST_WIDTH_FOR_BAR = 60
};

/* `ratings.csv  █████░░░░░  52 %  456 of 877 MB, 16.2 M rows/s, 2s left`: how far a piece of work
 * has come, `seconds` after it began. */
void put_progress_bar(text_output *output, const terminal *screen, const mdl_progress *progress,
                      double seconds);

/* `running: silver fact_ratings, …`, cut to the terminal. */
void put_running_line(text_output *output, const terminal *screen, const char *tasks);

/* Takes either away. */
void put_wiped_line(text_output *output);

#endif
