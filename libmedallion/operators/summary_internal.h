/*
 * What the files that make summaries share: states in the making. table_summary.c says what a
 * summary is.
 */
#ifndef MDLI_OPERATORS_SUMMARY_INTERNAL_H
#define MDLI_OPERATORS_SUMMARY_INTERNAL_H

#include "column/column_internal.h"
#include "kernels/kernels.h"
#include "operators/aggregate_compact.h"

/* Columns that are summarized: key, value, extreme. */
#define MDLI_SUMMARY_COLUMNS_MAX 3

/*
 * A summary in the making: numbers of slots, which are the keys that there are in their order. They
 * lie column by column, as in the table that they become.
 */
typedef struct mdli_summary_draft {
    mdl_context *context;
    const mdl_table *table;
    mdli_summary summary; /* columns and values; `groups` at the end */
    int64_t least_key;
    int64_t n_distances; /* of keys from the least one that there may be */
    int64_t least_value; /* that rows have … */
    int64_t n_codes;     /* … and numbers from it to the greatest */
    int64_t nearest;     /* the least extreme that there may be … */
    int64_t farthest;    /* … and how far from it the greatest is */
    int64_t n_slots;
    int32_t *keys;     /* of slots, ascending */
    uint32_t *numbers; /* per slot the rows of each value; then distances of the bounds: least,
                          greatest */
} mdli_summary_draft;

/* The numbers of all slots in one column. */
static inline uint32_t *mdli_summary_numbers(const mdli_summary_draft *d, int32_t column)
{
    return d->numbers + column * d->n_slots;
}

/* Widens bounds to those of a column; false if it has NULL, or no rows. */
bool mdli_widen_range(const mdl_column *column, mdli_range *range);

/* Plans states that hold the rows of the table, and of `previous` unless it is NULL; false where
 * there can be none. */
bool mdli_summary_plan(mdli_summary_draft *d, const mdl_table *previous);

/* Bytes of the state that rows of a key are counted into, one of all that there may be. */
int64_t mdli_summary_state_bytes(const mdli_summary *summary);

/* Makes room for the keys and numbers of `n_slots` slots. */
mdl_status mdli_summary_allocate(mdli_summary_draft *d, int64_t n_slots, mdl_error *error);

/* Frees all but the draft itself, which can be planned anew. */
void mdli_summary_free_draft(mdli_summary_draft *d);

/* Makes slots of all rows of the table. */
mdl_status mdli_summary_from_rows(mdli_summary_draft *d, mdl_error *error);

/* Makes slots of the summary before and what has changed; `*is_done` is false where that does not
 * tell all. */
mdl_status mdli_summary_from_changes(mdli_summary_draft *d, const mdl_summary_options *options,
                                     bool *is_done, mdl_error *error);

/* Makes the table of the groups from the slots, each of which has rows. */
mdl_status mdli_summary_make_groups(mdli_summary_draft *d, mdl_error *error);

/* A table with the columns of `table`; `summary`, whose groups it takes a reference to, goes with
 * it. */
mdl_status mdli_summary_carry(mdl_context *context, const mdl_table *table,
                              const mdli_summary *summary, mdl_table **out, mdl_error *error);

#endif
