/*
 * Which files of which days have come, and which batch is due: rules alone, no files and no clock.
 * Times are seconds on the clock of mdli_seconds_now.
 */
#ifndef MDLI_WATCH_WATCHED_DAYS_H
#define MDLI_WATCH_WATCHED_DAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/context.h"
#include "medallion/watch.h"
#include "watch/observed_file.h"

typedef enum mdli_file_state {
    MDLI_FILE_ABSENT = 0,
    MDLI_FILE_WRITING = 1,  /* somebody has it open for writing; there will be an event */
    MDLI_FILE_SETTLING = 2, /* nobody can tell: READY at `settled_at` if it stays as it is */
    MDLI_FILE_READY = 3,
    MDLI_FILE_TAKEN = 4, /* in the batch that was handed out */
    MDLI_FILE_KEPT = 5   /* dealt with, and left where it is */
} mdli_file_state;

typedef struct mdli_watched_file {
    mdli_file_state state;
    mdli_file_identity identity; /* of all states but ABSENT and WRITING */
    double settled_at;
} mdli_watched_file;

typedef struct mdli_watched_day {
    int32_t day;
    double changed_at;    /* when a file last came or was written to */
    double not_before;    /* when a batch that was not dealt with comes again */
    uint32_t seen_before; /* bit s: a file of source s was dealt with before */
    mdli_watched_file files[MDL_WATCH_FILES_MAX];
} mdli_watched_day;

/* Days in ascending order. Starts as `{.context = context}`. */
typedef struct mdli_watched_days {
    mdl_context *context;
    mdli_watched_day *days;
    int64_t capacity;
    int64_t n_days;
} mdli_watched_days;

/* The day, which is added if need be; lives until the next call. */
mdl_status mdli_find_day(mdli_watched_days *days, int32_t day, mdli_watched_day **out,
                         mdl_error *error);

/* Takes in what was observed of a file. `was_closed`: an event said so. */
void mdli_day_take_in(mdli_watched_day *day, int32_t source, const mdli_observed_file *observed,
                      bool was_closed, double settle_seconds, double now);

/* The first day if its batch is due; else NULL, and `*wake_at` is when it may be if nothing happens
 * before (INFINITY = never). */
mdli_watched_day *mdli_find_due_day(const mdli_watched_days *days, double batch_wait_seconds,
                                    double now, double *wake_at);

/* The earliest time at which a file will have settled; INFINITY = none does. */
double mdli_next_settled_at(const mdli_watched_days *days);

void mdli_free_days(mdli_watched_days *days);

#endif
