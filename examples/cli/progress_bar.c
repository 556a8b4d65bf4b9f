/* The line at the bottom of a terminal that says what is being done. */
#include "progress_bar.h"

#include <stdio.h>
#include <string.h>

#include "display_text.h"

enum {
    WIDEST_BAR = 30,
    NARROWEST_BAR = 5,
    LABEL_WIDTH_MAX = 24,
    PERCENT_WIDTH = 7,
    DETAIL_WIDTH = 41, /* of most details; kept free so that the bar stays as wide as it is */
    DETAIL_MAX = 96
};

/* Before this the rate says little. */
#define LEAST_SECONDS_FOR_RATE 0.5

void put_wiped_line(text_output *output)
{
    put_text(output, "\r\033[K");
}

static const char *ellipsis_of(const terminal *screen)
{
    return screen->is_utf8 ? "…" : "...";
}

/* Returns the columns that it took. */
static int64_t put_clipped(text_output *output, const terminal *screen, const char *text,
                           int64_t most)
{
    int64_t width = display_width(text_of(text));
    width = width < most ? width : most;
    put_fitted(output, text_of(text), width, ALIGN_LEFT, ellipsis_of(screen));
    return width;
}

/* "16.2 M" */
static void scale_count(double count, char *text, size_t size)
{
    static const char *const units[] = {"", " K", " M", " G"};
    int unit = 0;
    for (; count >= 1000 && unit < 3; unit++) {
        count /= 1000;
    }
    snprintf(text, size, unit > 0 && count < 100 ? "%.1f%s" : "%.0f%s", count, units[unit]);
}

static void scale_seconds(double seconds, char *text, size_t size)
{
    int64_t whole = (int64_t)(seconds + 0.5);
    if (whole < 60) {
        snprintf(text, size, "%ds", (int)whole);
    } else {
        snprintf(text, size, "%dm%02ds", (int)(whole / 60), (int)(whole % 60));
    }
}

/* "  456 of 877 MB, 16.2 M rows/s, 2s left" */
static void describe_progress(const mdl_progress *progress, double seconds, char *text, size_t size)
{
    bool is_bytes = strcmp(progress->unit, "bytes") == 0;
    double done = (double)progress->done, total = (double)progress->total;
    size_t used = 0;
    text[0] = '\0';
    if (is_bytes) {
        used += (size_t)snprintf(text, size, "  %.0f of %.0f MB", done / 1e6, total / 1e6);
    }
    double n_rows = is_bytes ? (double)progress->n_rows : done;
    if (seconds < LEAST_SECONDS_FOR_RATE || done <= 0) {
        return;
    }
    char rate[24], left[24];
    scale_count(n_rows / seconds, rate, sizeof rate);
    scale_seconds(seconds * (total - done) / done, left, sizeof left);
    snprintf(text + used, size - used, "%s%s rows/s, %s left", used > 0 ? ", " : "  ", rate, left);
}

void put_progress_bar(text_output *output, const terminal *screen, const mdl_progress *progress,
                      double seconds)
{
    put_wiped_line(output);
    int64_t label_width =
        put_clipped(output, screen, file_name_of(progress->task), LABEL_WIDTH_MAX);
    if (progress->total <= 0) {
        return;
    }
    char detail[DETAIL_MAX];
    describe_progress(progress, seconds, detail, sizeof detail);
    int64_t detail_width = display_width(text_of(detail));
    int64_t room = screen->width - 1 - label_width - 2 - PERCENT_WIDTH;
    int64_t width = room - (detail_width > DETAIL_WIDTH ? detail_width : DETAIL_WIDTH);
    if (width < NARROWEST_BAR) {
        detail[0] = '\0';
        width = room;
    }
    width = width < WIDEST_BAR ? width : WIDEST_BAR;
    double share = (double)progress->done / (double)progress->total;
    int64_t n_full = (int64_t)(share * (double)width);
    put_text(output, "  ");
    put_repeated(output, screen->is_utf8 ? "█" : "#", n_full);
    put_repeated(output, screen->is_utf8 ? "░" : ".", width - n_full);
    put_format(output, " %3.0f %%%s", share * 100, detail);
}

void put_running_line(text_output *output, const terminal *screen, const char *tasks)
{
    put_wiped_line(output);
    put_clipped(output, screen, tasks, screen->width - 1);
}
