/*
 * What the files that make summaries share: states in the making. table_summary.c says what a
 * summary is.
 */
#ifndef MDLI_OPERATORS_SUMMARY_INTERNAL_H
#define MDLI_OPERATORS_SUMMARY_INTERNAL_H

#include "column/column_internal.h"
#include "kernels/kernels.h"
#include "operators/aggregate_compact.h"

enum {
    MDLI_SUMMARY_NO_CODE = 255,  /* of a number between the values */
    MDLI_SUMMARY_COLUMNS_MAX = 3 /* that are summarized: key, value, extreme */
};

/*
 * States in the making, each with numbers: how many rows have each value, then the distances of its
 * bounds. They lie one after another, numbered by the distance from the least key; or, of a table
 * that is followed, column by column, in the order of the keys that there are.
 */
typedef struct mdli_summary_draft {
    mdl_context *context;
    const mdl_table *table;
    mdli_summary summary; /* columns and values; `groups` at the end */
    int64_t least_key;
    int64_t n_slots;
    int64_t n_codes;
    int64_t farthest; /* the greatest distance there is */
    uint8_t *codes;
    int64_t least_value;
    mdli_state_form form;
    char **states; /* of each lane; the first has all at the end */
    int32_t n_lanes;
    int32_t *keys;        /* of slots, ascending; NULL = by distance */
    int64_t slot_bytes;   /* from a number to that of the next slot */
    int64_t number_bytes; /* from a number to the next one of its slot */
} mdli_summary_draft;

/* A number of a slot, all lanes being merged. */
static inline uint32_t *mdli_summary_number(const mdli_summary_draft *d, int64_t slot,
                                            int32_t number)
{
    return (uint32_t *)(d->states[0] + slot * d->slot_bytes + number * d->number_bytes);
}

/* The counters of a slot of a lane. */
static inline uint32_t *mdli_summary_counters(const mdli_summary_draft *d, int32_t lane,
                                              int64_t slot)
{
    return (uint32_t *)(d->states[lane] + slot * d->form.size_bytes);
}

/* The distances of a slot of a lane: least and greatest. */
static inline uint32_t *mdli_summary_bounds(const mdli_summary_draft *d, int32_t lane, int64_t slot)
{
    return mdli_summary_counters(d, lane, slot) + d->summary.n_values;
}

/* Rows of a slot, all lanes being merged. */
static inline int64_t mdli_summary_count(const mdli_summary_draft *d, int64_t slot)
{
    int64_t count = 0;
    for (int32_t v = 0; v < d->summary.n_values; v++) {
        count += *mdli_summary_number(d, slot, v);
    }
    return count;
}

/* Widens bounds to those of a column; false if it has NULL, or no rows. */
bool mdli_widen_range(const mdl_column *column, mdli_range *range);

/* Plans states that hold the rows of the table, and of `previous` unless it is NULL; false where
 * there can be none. */
bool mdli_summary_plan(mdli_summary_draft *d, const mdl_table *previous);

/* Makes room for the states of the first `n_lanes` lanes, which are still to be started. */
mdl_status mdli_summary_allocate(mdli_summary_draft *d, int32_t n_lanes, mdl_error *error);

/* Makes states without rows that lie column by column. */
mdl_status mdli_summary_allocate_columns(mdli_summary_draft *d, mdl_error *error);

void mdli_summary_start_lane(const mdli_summary_draft *d, int32_t lane);

/* Frees all but the draft itself, which can be planned anew. */
void mdli_summary_free_draft(mdli_summary_draft *d);

/* Fills the states with all rows of the table. */
mdl_status mdli_summary_from_rows(mdli_summary_draft *d, mdl_error *error);

/* Fills the states with the summary before and what has changed; `*is_done` is false where that
 * does not tell all. */
mdl_status mdli_summary_from_changes(mdli_summary_draft *d, const mdl_summary_options *options,
                                     bool *is_done, mdl_error *error);

/* Makes the table of the groups from the states, which are spent by it. */
mdl_status mdli_summary_make_groups(mdli_summary_draft *d, mdl_error *error);

/* A table with the columns of `table`; `summary`, whose groups it takes a reference to, goes with
 * it. */
mdl_status mdli_summary_carry(mdl_context *context, const mdl_table *table,
                              const mdli_summary *summary, mdl_table **out, mdl_error *error);

#endif
