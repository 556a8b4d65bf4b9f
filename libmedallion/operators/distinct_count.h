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
    MDLI_DISTINCT_BITS,  /* few groups, small range: a bit per group and value */
    MDLI_DISTINCT_PAIRS, /* a hash set of (group, value) in 64 bits */
    MDLI_DISTINCT_KEYS   /* a key table of (group, value), for values that do not fit */
} mdli_distinct_strategy;

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
 * Takes rows. With groups in order (EPOCHS, and others between two calls of mdli_distinct_forget),
 * each value that is new to its group adds 1 to the int64 at counts + groups[i] × size_bytes, if
 * `counts` is not NULL; `epochs` numbers the groups from 1 on without ever coming back. Else
 * counting waits for mdli_distinct_merge.
 */
mdl_status mdli_distinct_add(mdli_distinct *distinct, const mdl_vector *v, const int32_t *groups,
                             const int64_t *epochs, char *counts, int32_t size_bytes,
                             mdl_error *error);

/* Forgets pairs of groups that do not come back. */
mdl_status mdli_distinct_forget(mdli_distinct *distinct, mdl_error *error);

/* Adds what another worker has seen; its group g is group numbers[g] here, or g when NULL. */
mdl_status mdli_distinct_merge(mdli_distinct *into, const mdli_distinct *from,
                               const int32_t *numbers, mdl_error *error);

/* Adds the counts of all groups: group g's to the int64 at counts + g × size_bytes. */
void mdli_distinct_count(const mdli_distinct *distinct, char *counts, int32_t size_bytes);

#endif
