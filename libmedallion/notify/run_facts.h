/*
 * What a notification tells of a run, apart from the run itself: so payloads can be made, and
 * tested, for any names and messages.
 */
#ifndef MDLI_NOTIFY_RUN_FACTS_H
#define MDLI_NOTIFY_RUN_FACTS_H

#include <stdint.h>

#include "medallion/run.h"

typedef struct mdli_run_facts {
    int64_t run_id; /* 0 = there was no run; then the rest is empty */
    mdl_status status;
    const char *message; /* the first failure */
    int64_t started_at;
    double seconds;
    mdl_run_counts counts;
    int32_t n_results;
    const mdl_run_result *(*get_result)(const void *run, int32_t index);
    const void *run; /* first argument of `get_result` */
} mdli_run_facts;

/* The facts of a run, for as long as it lives; NULL = there was none. */
mdli_run_facts mdli_run_facts_of(const mdl_run *run);

#endif
