/*
 * Compact states: what a dense aggregate keeps per group while rows come in.
 */
#ifndef MDLI_OPERATORS_AGGREGATE_COMPACT_H
#define MDLI_OPERATORS_AGGREGATE_COMPACT_H

#include "operators/aggregate_internal.h"

/* Replaces `a->layout` by a compact one where that pays; called once the strategy is chosen. */
mdl_status mdli_compact_plan(mdli_aggregator *a, mdl_error *error);

/* Feeds the accumulators that a compact layout has in place of others, in one pass over the rows.
 */
void mdli_compact_feed(const mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t n_rows);

/* Turns the merged states of the first worker into those of the full layout. */
mdl_status mdli_compact_expand(mdli_aggregator *a, mdl_error *error);

void mdli_compact_free(mdli_aggregator *a);

#endif
