/*
 * The states of a summary in the making: what is fit to be summarized, and their memory.
 */
#include "operators/summary_internal.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/tuning.h"

bool mdli_widen_range(const mdl_column *column, mdli_range *range)
{
    const mdl_column_stats *stats = &column->stats;
    if (stats->n_nulls > 0 || stats->n_rows == 0) {
        return false;
    }
    const int64_t least = stats->min.as.integer;
    const int64_t greatest = stats->max.as.integer;
    range->least = !range->is_known || least < range->least ? least : range->least;
    range->greatest = !range->is_known || greatest > range->greatest ? greatest : range->greatest;
    range->is_known = true;
    return true;
}

/* Lists the values of the table, and those of a summary that it may start from. */
static bool list_values(const mdl_table *table, const mdli_summary *start, mdli_summary *summary)
{
    summary->n_values = 0;
    bool has_room =
        mdli_list_values(table->columns[summary->value], summary->values, &summary->n_values);
    for (int32_t v = 0; start != NULL && v < start->n_values && has_room; v++) {
        has_room = mdli_list_value(start->values[v], summary->values, &summary->n_values);
    }
    return has_room;
}

/* Keys that there may be for so many rows, in states of that size. It does not depend on threads,
 * so that a table has a summary with all of them or with none. */
static int64_t slots_limit(int64_t n_rows, int64_t size_bytes)
{
    const int64_t by_memory = MDLI_DENSE_BYTES_MAX / 4 / size_bytes;
    const int64_t by_rows = n_rows * MDLI_DENSE_RANGE_PER_ROW + MDLI_DENSE_RANGE_FLOOR;
    return by_rows < by_memory ? by_rows : by_memory;
}

bool mdli_summary_plan(mdli_summary_draft *d, const mdl_table *previous)
{
    mdli_summary *summary = &d->summary;
    const mdl_table *tables[] = {d->table, previous};
    const bool has_extreme = summary->extreme >= 0;
    mdli_range key = {.is_known = false};
    mdli_range value = {.is_known = false};
    mdli_range extreme = {.is_known = false};
    for (int t = 0; t < 2 && tables[t] != NULL; t++) {
        const mdli_summary *of = t == 0 ? summary : tables[t]->summary;
        if (tables[t]->n_rows > INT32_MAX || !mdli_widen_range(tables[t]->columns[of->key], &key) ||
            !mdli_widen_range(tables[t]->columns[of->value], &value) ||
            (has_extreme && !mdli_widen_range(tables[t]->columns[of->extreme], &extreme))) {
            return false;
        }
    }
    const uint64_t farthest = (uint64_t)extreme.greatest - (uint64_t)extreme.least;
    d->n_codes = value.greatest - value.least + 1;
    if (d->n_codes > MDLI_HISTOGRAM_SPAN_MAX || (has_extreme && farthest >= UINT32_MAX) ||
        !list_values(d->table, previous != NULL ? previous->summary : NULL, summary)) {
        return false;
    }
    d->farthest = (int64_t)farthest;
    d->least_key = key.least;
    d->n_slots = key.greatest - key.least + 1;
    d->least_value = value.least;
    d->form = (mdli_state_form){
        .size_bytes = mdli_compact_state_bytes(summary->n_values, has_extreme),
        .n_values = summary->n_values,
        .values = summary->values,
        .nearest = extreme.least,
    };
    return d->n_slots <= slots_limit(d->table->n_rows, d->form.size_bytes);
}

static mdl_status allocate_codes(mdli_summary_draft *d, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate(d->context, (size_t)d->n_codes, "summary", &memory, error));
    d->codes = memory;
    memset(d->codes, MDLI_SUMMARY_NO_CODE, (size_t)d->n_codes);
    for (int32_t v = 0; v < d->summary.n_values; v++) {
        d->codes[d->summary.values[v] - d->least_value] = (uint8_t)v;
    }
    return MDL_OK;
}

mdl_status mdli_summary_allocate(mdli_summary_draft *d, int32_t n_lanes, mdl_error *error)
{
    void *memory;
    d->slot_bytes = d->form.size_bytes;
    d->number_bytes = sizeof(uint32_t);
    MDLI_TRY(allocate_codes(d, error));
    MDLI_TRY(mdli_allocate_zeroed(d->context, (size_t)n_lanes * sizeof(char *), "summary", &memory,
                                  error));
    d->states = memory;
    d->n_lanes = n_lanes;
    for (int32_t l = 0; l < n_lanes; l++) {
        MDLI_TRY(mdli_allocate_array(d->context, d->n_slots, (size_t)d->form.size_bytes, "summary",
                                     &memory, error));
        d->states[l] = memory;
    }
    return MDL_OK;
}

mdl_status mdli_summary_allocate_columns(mdli_summary_draft *d, mdl_error *error)
{
    MDLI_TRY(mdli_summary_allocate(d, 1, error));
    d->slot_bytes = sizeof(uint32_t);
    d->number_bytes = d->n_slots * d->slot_bytes;
    memset(d->states[0], 0, (size_t)(d->n_slots * d->form.size_bytes));
    if (d->summary.extreme >= 0) {
        memset(mdli_summary_number(d, 0, d->summary.n_values), 0xff, (size_t)d->number_bytes);
    }
    return MDL_OK;
}

void mdli_summary_free_draft(mdli_summary_draft *d)
{
    for (int32_t l = 0; l < d->n_lanes; l++) {
        mdli_free(d->context, d->states[l]);
    }
    mdli_free(d->context, d->states);
    mdli_free(d->context, d->codes);
    mdli_free(d->context, d->keys);
    mdl_table_free(d->summary.groups);
    d->states = NULL;
    d->codes = NULL;
    d->keys = NULL;
    d->summary.groups = NULL;
    d->n_lanes = 0;
}

void mdli_summary_start_lane(const mdli_summary_draft *d, int32_t lane)
{
    memset(d->states[lane], 0, (size_t)(d->n_slots * d->form.size_bytes));
}
