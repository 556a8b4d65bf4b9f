/*
 * Compact states.
 *
 * Rows that scatter over many groups cost a cache line per state that they touch, and an
 * instruction or three per accumulator. Two observations shrink both:
 *
 *   - An argument with at most 14 distinct values (ratings have ten) needs only a histogram per
 * group, one counter per value. Its count, sum, sum of squares, least and greatest value follow
 * from it.
 *   - Least and greatest of an argument whose values span less than 32 bits (timestamps) are kept
 * as distances from the least value there is. Beside them one counter of all rows is enough, where
 * nothing else is asked for.
 *
 * So a rating's state is ten counters and two distances, within one line of 64 bytes, and a row
 * costs one increment and two maxima. The full states are computed from it once, after all
 * rows.
 */
#include "operators/aggregate_compact.h"

#include <string.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "operators/rowset.h"

enum {
    LINE_BYTES = 64
};

/* Whether accumulator `acc` follows from a histogram of its argument. */
static bool follows_from_histogram(const mdli_accumulator *acc)
{
    return acc->kind == MDLI_ACC_SUM || acc->kind == MDLI_ACC_SQUARES ||
           acc->kind == MDLI_ACC_MIN || acc->kind == MDLI_ACC_MAX;
}

static int64_t span_of(const mdli_range *range)
{
    uint64_t span = (uint64_t)range->greatest - (uint64_t)range->least;
    return span <= INT64_MAX ? (int64_t)span : INT64_MAX;
}

bool mdli_list_value(int64_t value, int64_t values[MDLI_HISTOGRAM_MAX], int32_t *n_values)
{
    int32_t at = *n_values;
    while (at > 0 && values[at - 1] > value) {
        at--;
    }
    if (at > 0 && values[at - 1] == value) {
        return true;
    }
    if (*n_values == MDLI_HISTOGRAM_MAX) {
        return false;
    }
    memmove(values + at + 1, values + at, (size_t)(*n_values - at) * sizeof *values);
    values[at] = value;
    ++*n_values;
    return true;
}

bool mdli_list_values(const mdl_column *column, int64_t values[MDLI_HISTOGRAM_MAX],
                      int32_t *n_values)
{
    bool has_room = true;
    for (int64_t b = 0; b < column->n_blocks && has_room; b++) {
        int64_t of_block[MDLI_HISTOGRAM_MAX];
        int32_t n_of_block =
            mdli_block_distinct_values(column->blocks[b], of_block, MDLI_HISTOGRAM_MAX);
        has_room = n_of_block >= 0;
        for (int32_t i = 0; i < n_of_block && has_room; i++) {
            has_room = mdli_list_value(of_block[i], values, n_values);
        }
    }
    return has_room;
}

/* The field of the input by which dense states are numbered, if it is one; else −1. */
static int32_t slot_field(const mdli_aggregator *a)
{
    if (a->strategy == MDLI_GROUP_BEFORE_JOIN) {
        return a->before.join->left_keys[0];
    }
    return a->rel->n_keys == 1 ? a->keys[0].column : -1;
}

/* The summary of the source, if its groups are those of the states. */
static const mdli_summary *find_summary(const mdli_aggregator *a)
{
    const mdl_table *source = mdli_pipeline_source(a->pipeline);
    const mdli_summary *summary = source->summary;
    const int32_t field = slot_field(a);
    const bool has_groups = summary != NULL && field >= 0 &&
                            mdli_pipeline_keeps_all_rows(a->pipeline) &&
                            mdli_pipeline_facts(a->pipeline)[field].source_column == summary->key &&
                            a->input->fields[field].type == source->columns[summary->key]->type;
    return has_groups ? summary : NULL;
}

/* Whether an argument is a column of the source. */
static bool is_source_column(const mdli_aggregator *a, int32_t argument, int32_t column)
{
    const int32_t field = a->arguments[argument].column;
    return field >= 0 && column >= 0 &&
           mdli_pipeline_facts(a->pipeline)[field].source_column == column;
}

/* Looks for an argument that is fit for a histogram, with what follows from it. */
static bool find_histogram(const mdli_aggregator *a, mdli_compact *compact)
{
    const mdl_table *source = mdli_pipeline_source(a->pipeline);
    for (int32_t i = 0; i < a->n_arguments; i++) {
        const mdli_argument *argument = &a->arguments[i];
        if (argument->column < 0 || argument->may_be_null || !argument->range.is_known ||
            mdli_type_bytes(argument->type) != 4 ||
            span_of(&argument->range) >= MDLI_HISTOGRAM_SPAN_MAX) {
            continue;
        }
        int32_t n_following = 0;
        for (int32_t k = 0; k < a->layout.n_accumulators; k++) {
            n_following += a->layout.accumulators[k].argument == i &&
                           follows_from_histogram(&a->layout.accumulators[k]);
        }
        int32_t column = mdli_pipeline_facts(a->pipeline)[argument->column].source_column;
        /* A histogram in place of one accumulator saves nothing, unless it is there already. */
        if (n_following < (find_summary(a) != NULL ? 1 : 2) || column < 0) {
            continue;
        }
        compact->n_values = 0;
        if (mdli_list_values(source->columns[column], compact->values, &compact->n_values)) {
            compact->argument = i;
            return true;
        }
    }
    return false;
}

/* Looks for an argument whose least or greatest value is asked for, and fits distances. */
static void find_extremes(const mdli_aggregator *a, mdli_compact *compact)
{
    compact->extreme_argument = -1;
    for (int32_t k = 0; k < a->layout.n_accumulators; k++) {
        const mdli_accumulator *acc = &a->layout.accumulators[k];
        if ((acc->kind != MDLI_ACC_MIN && acc->kind != MDLI_ACC_MAX) ||
            acc->argument == compact->argument) {
            continue;
        }
        const mdli_argument *argument = &a->arguments[acc->argument];
        if (argument->range.is_known && !argument->may_be_null &&
            mdli_type_is_integer(argument->type) && mdli_type_bytes(argument->type) == 8 &&
            span_of(&argument->range) < UINT32_MAX) {
            compact->extreme_argument = acc->argument;
            return;
        }
    }
}

/* Whether the compact state has what accumulator `acc` of the full layout needs. Distinct values are
 * counted elsewhere, and put into full states. */
static bool is_covered(const mdli_compact *compact, const mdli_accumulator *acc)
{
    bool is_extreme = acc->kind == MDLI_ACC_MIN || acc->kind == MDLI_ACC_MAX;
    return acc->kind == MDLI_ACC_ROWS || acc->kind == MDLI_ACC_DISTINCT ||
           (acc->argument == compact->argument && follows_from_histogram(acc)) ||
           (acc->argument >= 0 && acc->argument == compact->extreme_argument && is_extreme);
}

int32_t mdli_compact_state_bytes(int32_t n_values, bool has_extremes)
{
    int32_t size = (n_values + (has_extremes ? 2 : 0)) * (int32_t)sizeof(uint32_t);
    size = (size + 15) / 16 * 16;
    /* Over half a line, every other state would lie across two. */
    return has_extremes && size > LINE_BYTES / 2 ? LINE_BYTES : size;
}

static mdl_status lay_out(mdli_aggregator *a, mdl_error *error)
{
    mdli_compact *compact = &a->compact;
    const mdli_state_layout *full = &compact->full;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(a->context,
                                  (size_t)(full->n_accumulators + 2) * sizeof(mdli_accumulator),
                                  "aggregate", &memory, error));
    a->layout = (mdli_state_layout){.accumulators = memory};
    int32_t offset = 0;
    mdli_accumulator *next = a->layout.accumulators;
    *next++ = (mdli_accumulator){
        .kind = MDLI_ACC_HISTOGRAM,
        .argument = compact->argument,
        .size = compact->n_values * (int32_t)sizeof(uint32_t),
    };
    offset += compact->n_values * (int32_t)sizeof(uint32_t);
    if (compact->extreme_argument >= 0) {
        compact->extreme_offset = offset;
        *next++ = (mdli_accumulator){
            .kind = MDLI_ACC_BOUNDS,
            .argument = compact->extreme_argument,
            .offset = offset,
            .size = 2 * sizeof(uint32_t),
        };
    }
    offset = mdli_compact_state_bytes(compact->n_values, compact->extreme_argument >= 0);
    for (int32_t k = 0; k < full->n_accumulators; k++) {
        if (!is_covered(compact, &full->accumulators[k])) {
            *next = full->accumulators[k];
            next->offset = offset;
            offset = (offset + next->size + 15) / 16 * 16;
            next++;
        }
    }
    a->layout.n_accumulators = (int32_t)(next - a->layout.accumulators);
    a->layout.size_bytes = offset;
    MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)offset, "aggregate", &memory, error));
    a->layout.initial = memory;
    for (int32_t k = 0; k < a->layout.n_accumulators; k++) {
        const mdli_accumulator *acc = &a->layout.accumulators[k];
        mdl_type type = acc->argument >= 0 ? a->arguments[acc->argument].type : MDL_TYPE_INT64;
        mdli_accumulator_start(acc, type, a->layout.initial);
    }
    return MDL_OK;
}

/* Whether a summary has all that the compact states have, but for distinct values. */
static bool has_states(const mdli_aggregator *a, const mdli_summary *summary)
{
    bool has_all =
        a->compact.argument >= 0 && is_source_column(a, a->compact.argument, summary->value);
    for (int32_t k = 0; k < a->layout.n_accumulators && has_all; k++) {
        const mdli_accumulator *acc = &a->layout.accumulators[k];
        switch (acc->kind) {
        case MDLI_ACC_HISTOGRAM:
            break;
        case MDLI_ACC_BOUNDS:
            has_all = is_source_column(a, acc->argument, summary->extreme);
            break;
        default:
            has_all = false;
        }
    }
    return has_all;
}

/* Lets a summary stand in for the rows; what is left for these to be read for is variant 1 of the
 * pipeline: the groups and what is counted by distinct values. */
static mdl_status use_summary(mdli_aggregator *a, const mdli_summary *summary, mdl_error *error)
{
    void *memory;
    a->compact.summary = summary;
    MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)a->input->n_fields + 1, "aggregate", &memory,
                                  error));
    bool *needed = memory;
    const bool is_before_join = a->strategy == MDLI_GROUP_BEFORE_JOIN;
    const bool has_runs = is_before_join && mdli_can_mark_runs(a);
    for (int32_t d = 0; d < a->n_distincts; d++) {
        if (is_before_join && mdli_is_of_join_key(a, d)) {
            continue;
        }
        a->compact.needs_rows = true;
        a->before.marks_runs = has_runs;
        if (!has_runs) {
            mdli_expression_mark_columns(a->arguments[a->distincts[d].argument].expression, needed);
        }
    }
    mdl_status status = MDL_OK;
    if (a->compact.needs_rows) {
        needed[slot_field(a)] = true;
        status = mdli_pipeline_add_variant(a->pipeline, needed, error);
    }
    mdli_free(a->context, needed);
    /* Distinct values are counted into the states of their slots, save before a join. */
    if (status == MDL_OK && (a->n_distincts == 0 || is_before_join)) {
        status = mdli_allocate_array(a->context, summary->groups->n_rows, sizeof(int32_t),
                                     "aggregate", &memory, error);
        a->compact.slots = memory;
    }
    return status;
}

mdl_status mdli_compact_plan(mdli_aggregator *a, mdl_error *error)
{
    mdli_compact compact = {.argument = -1};
    bool is_scattered = a->strategy == MDLI_GROUP_DENSE || a->strategy == MDLI_GROUP_BEFORE_JOIN;
    /* Counters have 32 bits. */
    if (!is_scattered || mdli_pipeline_source_rows(a->pipeline) >= UINT32_MAX ||
        !mdli_pipeline_is_one_to_one(a->pipeline)) {
        return MDL_OK;
    }
    const bool has_histogram = find_histogram(a, &compact);
    find_extremes(a, &compact);
    if (!has_histogram && compact.extreme_argument < 0) {
        return MDL_OK;
    }
    compact.n_values = has_histogram ? compact.n_values : 1; /* the counter of all rows */
    compact.is_used = true;
    compact.full = a->layout;
    a->compact = compact;
    a->layout = (mdli_state_layout){0}; /* it has one owner, also where there is no memory */
    MDLI_TRY(lay_out(a, error));
    const mdli_summary *summary = find_summary(a);
    return summary != NULL && has_states(a, summary) ? use_summary(a, summary, error) : MDL_OK;
}

void mdli_compact_feed(const mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t n_rows)
{
    const mdli_compact *compact = &a->compact;
    const bool has_values = compact->argument >= 0;
    const bool has_extremes = compact->extreme_argument >= 0;
    const mdli_state_form form = {
        .size_bytes = a->layout.size_bytes,
        .n_values = compact->n_values,
        .values = compact->values,
        .nearest = has_extremes ? a->arguments[compact->extreme_argument].range.least : 0,
    };
    a->kernels->count_into_states(
        &form, (uint32_t *)worker->states, worker->groups, 0,
        has_values ? worker->arguments[compact->argument].values : NULL,
        has_extremes ? worker->arguments[compact->extreme_argument].values : NULL, n_rows);
}

/* Which of the values one is that is among them. */
static int64_t place_of_value(const mdli_compact *compact, int64_t value)
{
    int64_t place = 0;
    while (compact->values[place] != value) {
        place++;
    }
    return place;
}

void mdli_compact_fill(mdli_aggregator *a, mdli_aggregate_worker *worker, const mdl_batch *batch)
{
    /* Each state is set by one row, but for that of join keys without a match, which nobody reads.
     */
    const mdli_compact *compact = &a->compact;
    const mdli_summary *summary = compact->summary;
    const mdl_vector *columns = batch->columns;
    const int64_t n_rows = batch->n_rows;
    const int64_t size = a->layout.size_bytes;
    int32_t *groups = worker->groups;
    for (int64_t i = 0; compact->slots != NULL && i < n_rows; i++) {
        compact->slots[batch->first_row + i] = groups[i];
        groups[i] = (int32_t)(batch->first_row + i);
    }
    for (int32_t v = 0; v < summary->n_values; v++) {
        const uint32_t *counts = columns[mdli_summary_first_count(summary) + v].values;
        const int64_t offset = place_of_value(compact, summary->values[v]) * sizeof(uint32_t);
        for (int64_t i = 0; i < n_rows; i++) {
            *(uint32_t *)(worker->states + groups[i] * size + offset) = counts[i];
        }
    }
    if (compact->extreme_argument < 0) {
        return;
    }
    const int64_t nearest = a->arguments[compact->extreme_argument].range.least;
    const int64_t *least = columns[1].values;
    const int64_t *greatest = columns[2].values;
    for (int64_t i = 0; i < n_rows; i++) {
        uint32_t *bounds =
            (uint32_t *)(worker->states + groups[i] * size + compact->extreme_offset);
        bounds[0] = ~(uint32_t)(least[i] - nearest);
        bounds[1] = (uint32_t)(greatest[i] - nearest);
    }
}

int32_t mdli_n_compact_accumulators(const mdli_compact *compact)
{
    return compact->extreme_argument >= 0 ? 2 : 1;
}

void mdli_compact_merge(const mdli_compact *compact, char *into, const char *from)
{
    uint32_t *counts = (uint32_t *)into;
    const uint32_t *more = (const uint32_t *)from;
    for (int32_t i = 0; i < compact->n_values; i++) {
        counts[i] += more[i];
    }
    if (compact->extreme_argument >= 0) {
        uint32_t *bounds = (uint32_t *)(into + compact->extreme_offset);
        const uint32_t *others = (const uint32_t *)(from + compact->extreme_offset);
        for (int b = 0; b < 2; b++) {
            bounds[b] = others[b] > bounds[b] ? others[b] : bounds[b];
        }
    }
}

/* What a histogram comes to. Sums that are asked for fit; others may wrap, so they are unsigned. */
typedef struct histogram_totals {
    int64_t rows;
    uint64_t sum;
    uint64_t squares;
    int32_t least;
    int32_t greatest;
} histogram_totals;

static histogram_totals total_histogram(const mdli_compact *compact, const uint32_t *histogram)
{
    histogram_totals totals = {0};
    for (int32_t i = 0; i < compact->n_values; i++) {
        const int64_t value = compact->values[i];
        const int64_t n = histogram[i];
        totals.rows += n;
        totals.sum += (uint64_t)n * (uint64_t)value;
        totals.squares += (uint64_t)n * (uint64_t)(value * value);
        /* Values ascend: the last one that has rows counts, and from the other end the first. */
        totals.greatest = n > 0 ? (int32_t)value : totals.greatest;
    }
    for (int32_t i = compact->n_values - 1; i >= 0; i--) {
        totals.least = histogram[i] > 0 ? (int32_t)compact->values[i] : totals.least;
    }
    return totals;
}

/* Writes an accumulator of the full layout that follows from a histogram. */
static void put_from_histogram(const mdli_accumulator *acc, const histogram_totals *totals,
                               char *at)
{
    switch (acc->kind) {
    case MDLI_ACC_ROWS:
        *(int64_t *)at = totals->rows;
        break;
    case MDLI_ACC_SUM:
        *(uint64_t *)at = totals->sum;
        break;
    case MDLI_ACC_SQUARES:
        *(uint64_t *)at = totals->squares;
        break;
    case MDLI_ACC_MIN:
        *(int32_t *)at = totals->least;
        break;
    default:
        *(int32_t *)at = totals->greatest;
        break;
    }
}

/* Where an accumulator that both layouts have stands in the compact one. */
static const mdli_accumulator *same_accumulator(const mdli_aggregator *a,
                                                const mdli_accumulator *acc)
{
    const mdli_accumulator *same = a->layout.accumulators;
    while (same->kind != acc->kind || same->argument != acc->argument) {
        same++;
    }
    return same;
}

static void expand_state(const mdli_aggregator *a, const char *from, char *to)
{
    const mdli_compact *compact = &a->compact;
    const histogram_totals totals = total_histogram(compact, (const uint32_t *)from);
    for (int32_t k = 0; k < compact->full.n_accumulators; k++) {
        const mdli_accumulator *acc = &compact->full.accumulators[k];
        char *at = to + acc->offset;
        if (acc->kind == MDLI_ACC_DISTINCT) {
            continue; /* it starts at 0 */
        }
        if (!is_covered(compact, acc)) {
            memcpy(at, from + same_accumulator(a, acc)->offset, (size_t)acc->size);
        } else if (acc->argument >= 0 && acc->argument == compact->extreme_argument) {
            const uint32_t *bounds = (const uint32_t *)(from + compact->extreme_offset);
            const uint32_t distance = acc->kind == MDLI_ACC_MIN ? ~bounds[0] : bounds[1];
            *(int64_t *)at = a->arguments[acc->argument].range.least + distance;
        } else {
            put_from_histogram(acc, &totals, at);
        }
    }
}

bool mdli_state_has_rows(const mdli_aggregator *a, const char *state)
{
    if (!a->compact.is_used) {
        return mdli_state_count(state, a->layout.accumulators[0].offset) > 0;
    }
    uint32_t counters = 0;
    for (int32_t i = 0; i < a->compact.n_values; i++) {
        counters |= ((const uint32_t *)state)[i];
    }
    return counters != 0;
}

/* Full states in the making. */
typedef struct expand_jobs {
    const mdli_aggregator *a;
    char *states;
} expand_jobs;

/* Expands a stretch of states. */
static mdl_status expand_states(void *data, int64_t job, int worker, mdl_error *error)
{
    const expand_jobs *jobs = data;
    const mdli_aggregator *a = jobs->a;
    const mdli_compact *compact = &a->compact;
    const int64_t size = compact->full.size_bytes;
    const int64_t n_states = mdli_n_states(a);
    const int64_t first = job * MDLI_DENSE_RANGE_FLOOR;
    const int64_t end =
        first + MDLI_DENSE_RANGE_FLOOR < n_states ? first + MDLI_DENSE_RANGE_FLOOR : n_states;
    (void)worker;
    (void)error;
    for (int64_t s = first; s < end; s++) {
        const char *from = a->workers[0].states + s * a->layout.size_bytes;
        memcpy(jobs->states + s * size, compact->full.initial, (size_t)size);
        if (mdli_state_has_rows(a, from)) {
            expand_state(a, from, jobs->states + s * size);
        }
    }
    return MDL_OK;
}

mdl_status mdli_compact_expand(mdli_aggregator *a, mdl_error *error)
{
    mdli_compact *compact = &a->compact;
    if (!compact->is_used) {
        return MDL_OK;
    }
    void *memory;
    const int64_t n_states = mdli_n_states(a);
    MDLI_TRY(mdli_allocate_array(a->context, n_states, (size_t)compact->full.size_bytes,
                                 "aggregate", &memory, error));
    expand_jobs jobs = {a, memory};
    int64_t n_jobs = (n_states + MDLI_DENSE_RANGE_FLOOR - 1) / MDLI_DENSE_RANGE_FLOOR;
    mdl_status status = mdli_parallel_for(a->context, n_jobs, expand_states, &jobs, error);
    if (status != MDL_OK) {
        mdli_free(a->context, memory);
        return status;
    }
    mdli_free(a->context, a->workers[0].states);
    a->workers[0].states = memory;
    a->workers[0].states_capacity = n_states;
    mdli_free(a->context, a->layout.accumulators);
    mdli_free(a->context, a->layout.initial);
    a->layout = compact->full;
    compact->full = (mdli_state_layout){0};
    compact->is_used = false;
    return MDL_OK;
}

void mdli_compact_free(mdli_aggregator *a)
{
    mdli_free(a->context, a->compact.slots);
    mdli_free(a->context, a->compact.full.accumulators);
    mdli_free(a->context, a->compact.full.initial);
    a->compact = (mdli_compact){0};
}
