/*
 * Compact states: what a dense aggregate keeps per group while rows come in.
 */
#ifndef MDLI_OPERATORS_AGGREGATE_COMPACT_H
#define MDLI_OPERATORS_AGGREGATE_COMPACT_H

#include "operators/aggregate_internal.h"

/* Bytes of the states of so many values, with or without distances. */
int32_t mdli_compact_state_bytes(int32_t n_values, bool has_extremes);

/* Takes a value into a list of distinct ones, ascending; false if it is full. */
bool mdli_list_value(int64_t value, int64_t values[MDLI_HISTOGRAM_MAX], int32_t *n_values);

/* Takes all values of a column into such a list, if its blocks list them; else false. */
bool mdli_list_values(const mdl_column *column, int64_t values[MDLI_HISTOGRAM_MAX],
                      int32_t *n_values);

/* Replaces `a->layout` by a compact one where that pays; called once the strategy is chosen. */
mdl_status mdli_compact_plan(mdli_aggregator *a, mdl_error *error);

/* Feeds the accumulators that a compact layout has in place of others, in one pass over the rows.
 */
void mdli_compact_feed(const mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t n_rows);

/* As mdli_compact_feed for groups of the summary that answers the aggregate: row i of the batch,
 * which has the columns of the summary, is of slot worker->groups[i]. */
void mdli_compact_fill(mdli_aggregator *a, mdli_aggregate_worker *worker, const mdl_batch *batch);

/* Accumulators that a compact layout has in place of others; they come first. */
int32_t mdli_n_compact_accumulators(const mdli_compact *compact);

/* Adds these of the state `from` to those of `into`. */
void mdli_compact_merge(const mdli_compact *compact, char *into, const char *from);

/* Turns the merged states of the first worker into those of the full layout. */
mdl_status mdli_compact_expand(mdli_aggregator *a, mdl_error *error);

void mdli_compact_free(mdli_aggregator *a);

#endif
