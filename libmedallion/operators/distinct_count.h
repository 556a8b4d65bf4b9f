/*
 * Counting distinct values per group, exactly.
 */
#ifndef MDLI_OPERATORS_DISTINCT_COUNT_H
#define MDLI_OPERATORS_DISTINCT_COUNT_H

#include <stdint.h>

#include "medallion/context.h"
#include "operators/accumulators.h"

/* How one count(distinct x) works. */
typedef enum mdli_distinct_strategy {
    MDLI_DISTINCT_EPOCHS =
        1, /* groups come one after the other: for each value the last group that had it */
    MDLI_DISTINCT_LAST,  /* values in order: for each group the last value that it had */
    MDLI_DISTINCT_BITS,  /* few groups, small range: a bit per group and value */
    MDLI_DISTINCT_PAIRS, /* a hash set of (group, value) in 64 bits */
    MDLI_DISTINCT_KEYS   /* a key table of (group, value), for values that do not fit */
} mdli_distinct_strategy;

/* Whether values of an argument, whose rows come ascending by it, can be counted by the last one of
 * each group. Rows of one value must then come to one worker. */
bool mdli_distinct_fits_last(const mdli_argument *argument);

/* What one worker knows of one count. */
typedef struct mdli_distinct mdli_distinct;

/*
 * Chooses for an argument. `groups_in_order` tells that each group's rows come together, to one
 * worker; `n_slots` is the number of groups where it is known, else 0.
 */
mdli_distinct_strategy mdli_distinct_choose(const mdli_argument *argument, bool groups_in_order,
                                            int64_t n_slots, int64_t n_rows);
const char *mdli_distinct_strategy_name(mdli_distinct_strategy strategy);

mdl_status mdli_distinct_create(mdl_context *context, mdli_distinct_strategy strategy,
                                const mdli_argument *argument, int64_t n_slots, mdli_distinct **out,
                                mdl_error *error);
void mdli_distinct_free(mdli_distinct *distinct);

/*
 * Takes rows of groups in order, where each value that is new to its group adds 1 to the int64 at
 * counts + groups[i] × size_bytes; for the last group maybe later, by the next call or by
 * mdli_distinct_end_runs. Run r of `n_runs` starts at row run_rows[r]; the runs are numbered from
 * `first_run` ≥ 1 on, and no number ever comes back with another group. Epochs read `groups` at
 * the runs' first rows alone.
 */
mdl_status mdli_distinct_add_runs(mdli_distinct *distinct, const mdl_vector *v,
                                  const int32_t *groups, const int32_t *run_rows, int32_t n_runs,
                                  int64_t first_run, char *counts, int32_t size_bytes,
                                  mdl_error *error);

/* Counts what was kept of the last run, which has no more rows. */
void mdli_distinct_end_runs(mdli_distinct *distinct, char *counts, int32_t size_bytes);

/* Takes rows of groups in any order. With `counts` NULL counting waits for mdli_distinct_merge and
 * mdli_distinct_count; else it is done at once, for groups that nobody else has. */
mdl_status mdli_distinct_add(mdli_distinct *distinct, const mdl_vector *v, const int32_t *groups,
                             char *counts, int32_t size_bytes, mdl_error *error);

/* Forgets pairs of groups that do not come back. */
mdl_status mdli_distinct_forget(mdli_distinct *distinct, mdl_error *error);

/* Adds what another worker has seen; its group g is group numbers[g] here, or g when NULL. */
mdl_status mdli_distinct_merge(mdli_distinct *into, const mdli_distinct *from,
                               const int32_t *numbers, mdl_error *error);

/* Adds the counts of all groups: group g's to the int64 at counts + g × size_bytes. */
void mdli_distinct_count(const mdli_distinct *distinct, char *counts, int32_t size_bytes);

#endif
