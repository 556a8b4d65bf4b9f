/*
 * A summary in the making: what is fit to be summarized, and its memory.
 */
#include "operators/summary_internal.h"

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

int64_t mdli_summary_state_bytes(const mdli_summary *summary)
{
    return mdli_compact_state_bytes(summary->n_values, summary->extreme >= 0);
}

/* Keys that there may be for so many rows, in states of that size. It does not depend on threads,
 * so that a table has a summary with all of them or with none. */
static int64_t states_limit(int64_t n_rows, int64_t size_bytes)
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
    d->least_value = value.least;
    d->n_codes = value.greatest - value.least + 1;
    if (d->n_codes > MDLI_HISTOGRAM_SPAN_MAX || (has_extreme && farthest >= UINT32_MAX) ||
        !list_values(d->table, previous != NULL ? previous->summary : NULL, summary)) {
        return false;
    }
    d->least_key = key.least;
    d->n_distances = key.greatest - key.least + 1;
    d->nearest = extreme.least;
    d->farthest = (int64_t)farthest;
    return d->n_distances <= states_limit(d->table->n_rows, mdli_summary_state_bytes(summary));
}

mdl_status mdli_summary_allocate(mdli_summary_draft *d, int64_t n_slots, mdl_error *error)
{
    const int64_t n_numbers = d->summary.n_values + (d->summary.extreme >= 0 ? 2 : 0);
    void *memory;
    d->n_slots = n_slots;
    MDLI_TRY(mdli_allocate_array(d->context, n_slots, sizeof *d->keys, "summary", &memory, error));
    d->keys = memory;
    MDLI_TRY(mdli_allocate_array(d->context, n_slots * n_numbers, sizeof *d->numbers, "summary",
                                 &memory, error));
    d->numbers = memory;
    return MDL_OK;
}

void mdli_summary_free_draft(mdli_summary_draft *d)
{
    mdli_free(d->context, d->keys);
    mdli_free(d->context, d->numbers);
    mdl_table_free(d->summary.groups);
    d->keys = NULL;
    d->numbers = NULL;
    d->summary.groups = NULL;
}
