/*
 * Summaries of tables.
 *
 * Marts ask the same of a fact again and again: per movie the number, sum, squares and bounds of its
 * ratings, and when the first and the last was given. The compact states of a dense aggregate
 * (aggregate_compact.c) have all of that in a line of 64 bytes per movie. A summary is these states
 * as a small table which its table carries along: one pass over the rows, and every aggregate of
 * that kind starts with its states filled.
 *
 * What is kept of the third column is its bounds per key, not per key and value: so they do not move
 * when a row is replaced by one of the same key and time and another value, and a line is touched
 * per row instead of two.
 *
 * A summary follows its table through changes: counts of rows that came are added, counts of rows
 * that went are taken away. A row that went and stood on a bound leaves that in doubt, unless a row
 * with the same key came that stands there too, as with a replaced row; with any doubt left all rows
 * are read. Keys and values without a row are left out at the end, so that the way does not show.
 */
#include "operators/table_summary.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "operators/aggregate_compact.h"
#include "operators/pipeline.h"
#include "operators/rowset.h"

enum {
    NO_CODE = 255,    /* of a number between the values */
    N_COLUMNS_MAX = 3 /* that are summarized: key, value, extreme */
};

/* Bounds that may be in doubt. */
enum {
    LEAST_IN_DOUBT = 1,
    GREATEST_IN_DOUBT = 2
};

/* States, numbered by the distance from the least key. */
typedef struct summary_draft {
    mdl_context *context;
    const mdl_table *table;
    mdli_summary summary; /* columns and values; `groups` at the end */
    int64_t least_key;
    int64_t n_slots;
    int64_t n_codes;
    int64_t farthest; /* the greatest distance there is */
    uint8_t *codes;
    mdli_compact_form form;
    char **states; /* of each lane; the first has all at the end */
    int32_t n_lanes;
    uint8_t *doubts; /* per slot; NULL = none are possible */
} summary_draft;

void mdl_summary_options_init(mdl_summary_options *options)
{
    *options = (mdl_summary_options){.struct_size = sizeof *options};
}

const mdl_table *mdl_table_summary(const mdl_table *table)
{
    return table->summary != NULL ? table->summary->groups : NULL;
}

/*
 * What is fit to be summarized.
 */

/* Widens bounds to those of a column; false if it has NULL, or no rows. */
static bool widen(const mdl_column *column, mdli_range *range)
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

/* Plans states that hold the rows of the table, and of `previous` unless it is NULL; false where
 * there can be none. */
static bool plan_states(summary_draft *d, const mdl_table *previous)
{
    mdli_summary *summary = &d->summary;
    const mdl_table *tables[] = {d->table, previous};
    const bool has_extreme = summary->extreme >= 0;
    mdli_range key = {.is_known = false};
    mdli_range value = {.is_known = false};
    mdli_range extreme = {.is_known = false};
    for (int t = 0; t < 2 && tables[t] != NULL; t++) {
        const mdli_summary *of = t == 0 ? summary : tables[t]->summary;
        if (tables[t]->n_rows > INT32_MAX || !widen(tables[t]->columns[of->key], &key) ||
            !widen(tables[t]->columns[of->value], &value) ||
            (has_extreme && !widen(tables[t]->columns[of->extreme], &extreme))) {
            return false;
        }
    }
    const uint64_t farthest = (uint64_t)extreme.greatest - (uint64_t)extreme.least;
    d->n_codes = value.greatest - value.least + 1;
    if (d->n_codes > MDLI_HISTOGRAM_SPAN_MAX || (has_extreme && farthest >= UINT32_MAX) ||
        !list_values(d->table, previous != NULL ? previous->summary : NULL, summary)) {
        return false;
    }
    const int32_t counters_bytes = summary->n_values * (int32_t)sizeof(uint32_t);
    d->farthest = (int64_t)farthest;
    d->least_key = key.least;
    d->n_slots = key.greatest - key.least + 1;
    d->form = (mdli_compact_form){
        .size_bytes = mdli_compact_state_bytes(summary->n_values, has_extreme),
        .least_value = (int32_t)value.least,
        .nearest = extreme.least,
        .bounds_offset = counters_bytes,
    };
    return d->n_slots <= slots_limit(d->table->n_rows, d->form.size_bytes);
}

static mdl_status allocate_codes(summary_draft *d, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate(d->context, (size_t)d->n_codes, "summary", &memory, error));
    d->codes = memory;
    d->form.codes = memory;
    memset(d->codes, NO_CODE, (size_t)d->n_codes);
    for (int32_t v = 0; v < d->summary.n_values; v++) {
        d->codes[d->summary.values[v] - d->form.least_value] = (uint8_t)v;
    }
    return MDL_OK;
}

/* Makes room for the states of the first `n_lanes` lanes, which are still to be started. */
static mdl_status allocate_states(summary_draft *d, int32_t n_lanes, mdl_error *error)
{
    void *memory;
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

static void free_draft(summary_draft *d)
{
    for (int32_t l = 0; l < d->n_lanes; l++) {
        mdli_free(d->context, d->states[l]);
    }
    mdli_free(d->context, d->states);
    mdli_free(d->context, d->codes);
    mdli_free(d->context, d->doubts);
    mdl_table_free(d->summary.groups);
    d->states = NULL;
    d->codes = NULL;
    d->doubts = NULL;
    d->summary.groups = NULL;
    d->n_lanes = 0;
}

/* The counters of a slot of a lane. */
static uint32_t *counters_of(const summary_draft *d, int32_t lane, int64_t slot)
{
    return (uint32_t *)(d->states[lane] + slot * d->form.size_bytes);
}

/* The distances of a slot of a lane: least and greatest. */
static uint32_t *bounds_of(const summary_draft *d, int32_t lane, int64_t slot)
{
    return counters_of(d, lane, slot) + d->summary.n_values;
}

static void start_states(const summary_draft *d, int32_t lane)
{
    memset(d->states[lane], 0, (size_t)(d->n_slots * d->form.size_bytes));
    for (int64_t s = 0; s < d->n_slots && d->summary.extreme >= 0; s++) {
        bounds_of(d, lane, s)[0] = UINT32_MAX;
    }
}

/*
 * From the rows.
 */

/* A pass over all rows. */
typedef struct summary_pass {
    summary_draft *draft;
    mdli_pipeline *pipeline;
    atomic_llong next_morsel;
} summary_pass;

/* The lane that rows go to. */
typedef struct summary_lane {
    const summary_draft *draft;
    int32_t lane;
} summary_lane;

static mdl_status count_rows(void *sink, int worker, int64_t morsel, const mdli_rows *rows,
                             mdl_error *error)
{
    const summary_lane *to = sink;
    const summary_draft *d = to->draft;
    const mdli_summary *summary = &d->summary;
    (void)worker;
    (void)morsel;
    (void)error;
    mdli_compact_count(&d->form, d->states[to->lane], rows->columns[summary->key].values,
                       (int32_t)d->least_key, rows->columns[summary->value].values,
                       summary->extreme >= 0 ? rows->columns[summary->extreme].values : NULL,
                       rows->n_rows);
    return MDL_OK;
}

/* Fills one lane with rows for as long as there are any. */
static mdl_status fill_lane(void *data, int64_t lane, int worker, mdl_error *error)
{
    summary_pass *pass = data;
    summary_lane to = {pass->draft, (int32_t)lane};
    const int64_t n_morsels = mdli_pipeline_n_morsels(pass->pipeline);
    start_states(pass->draft, to.lane);
    for (int64_t m; (m = atomic_fetch_add(&pass->next_morsel, 1)) < n_morsels;) {
        MDLI_TRY(mdli_check_cancel(pass->draft->context, error));
        MDLI_TRY(mdli_pipeline_run_morsel(pass->pipeline, 0, m, worker, count_rows, &to, error));
    }
    return MDL_OK;
}

/* Adds a stretch of slots of the other lanes to the first. */
static mdl_status merge_lanes(void *data, int64_t job, int worker, mdl_error *error)
{
    const summary_draft *d = data;
    const int64_t first = job * MDLI_DENSE_RANGE_FLOOR;
    const int64_t end =
        first + MDLI_DENSE_RANGE_FLOOR < d->n_slots ? first + MDLI_DENSE_RANGE_FLOOR : d->n_slots;
    (void)worker;
    (void)error;
    for (int32_t l = 1; l < d->n_lanes; l++) {
        for (int64_t s = first; s < end; s++) {
            uint32_t *into = counters_of(d, 0, s);
            const uint32_t *from = counters_of(d, l, s);
            for (int32_t v = 0; v < d->summary.n_values; v++) {
                into[v] += from[v];
            }
            if (d->summary.extreme >= 0) {
                uint32_t *bounds = bounds_of(d, 0, s);
                const uint32_t *others = bounds_of(d, l, s);
                bounds[0] = others[0] < bounds[0] ? others[0] : bounds[0];
                bounds[1] = others[1] > bounds[1] ? others[1] : bounds[1];
            }
        }
    }
    return MDL_OK;
}

/* Reads the columns of the table in a query of our own. */
static mdl_status create_pipeline(const summary_draft *d, mdl_query *query, mdli_pipeline **out,
                                  mdl_error *error)
{
    const mdli_summary *summary = &d->summary;
    void *memory;
    mdl_rel *rel = mdl_scan(query, d->table);
    if (rel == NULL) {
        return mdli_error_copy(error, &query->fault);
    }
    MDLI_TRY(mdli_allocate_zeroed(d->context, (size_t)d->table->n_columns + 1, "summary", &memory,
                                  error));
    bool *needed = memory;
    needed[summary->key] = true;
    needed[summary->value] = true;
    if (summary->extreme >= 0) {
        needed[summary->extreme] = true;
    }
    mdl_status status = mdli_pipeline_create(rel, needed, out, error);
    mdli_free(d->context, needed);
    return status;
}

/* Fills the states with all rows of the table. */
static mdl_status run_pass(summary_draft *d, mdli_pipeline *pipeline, mdl_error *error)
{
    /* As many lanes as threads, if their states fit into memory. */
    const int64_t by_memory = MDLI_DENSE_BYTES_MAX / (d->n_slots * d->form.size_bytes);
    const int n_workers = mdli_pipeline_n_workers(pipeline);
    MDLI_TRY(allocate_states(d, by_memory < n_workers ? (int32_t)by_memory : n_workers, error));
    summary_pass pass = {.draft = d, .pipeline = pipeline};
    MDLI_TRY(mdli_parallel_for(d->context, d->n_lanes, fill_lane, &pass, error));
    const int64_t n_jobs = (d->n_slots + MDLI_DENSE_RANGE_FLOOR - 1) / MDLI_DENSE_RANGE_FLOOR;
    return mdli_parallel_for(d->context, n_jobs, merge_lanes, d, error);
}

static mdl_status summarize_rows(summary_draft *d, mdl_error *error)
{
    mdli_pipeline *pipeline = NULL;
    mdl_query *query = mdl_query_create(d->context);
    if (query == NULL) {
        return mdl_error_set(error, MDL_E_NO_MEMORY, "no memory for a query");
    }
    mdl_status status = create_pipeline(d, query, &pipeline, error);
    if (status == MDL_OK) {
        status = run_pass(d, pipeline, error);
    }
    mdli_pipeline_free(pipeline);
    mdl_query_free(query);
    return status;
}

/*
 * From the summary of the table before.
 */

/* Takes a stretch of the groups of a summary into the states. */
static void take_groups(const summary_draft *d, const mdli_summary *from, const mdl_batch *batch)
{
    const int32_t *keys = batch->columns[0].values;
    for (int32_t v = 0; v < from->n_values; v++) {
        const int32_t *counts = batch->columns[mdli_summary_first_count(from) + v].values;
        const uint8_t code = d->codes[from->values[v] - d->form.least_value];
        for (int64_t i = 0; i < batch->n_rows; i++) {
            counters_of(d, 0, keys[i] - d->least_key)[code] = (uint32_t)counts[i];
        }
    }
    for (int64_t i = 0; i < batch->n_rows && from->extreme >= 0; i++) {
        uint32_t *bounds = bounds_of(d, 0, keys[i] - d->least_key);
        bounds[0] = (uint32_t)(mdl_vector_int64(&batch->columns[1], i) - d->form.nearest);
        bounds[1] = (uint32_t)(mdl_vector_int64(&batch->columns[2], i) - d->form.nearest);
    }
}

static mdl_status take_summary(const summary_draft *d, const mdli_summary *from, mdl_error *error)
{
    mdl_cursor *cursor;
    MDLI_TRY(mdl_cursor_create(d->context, from->groups, NULL, 0, &cursor, error));
    mdl_status status = MDL_OK;
    for (mdl_batch batch = {.n_rows = 1}; status == MDL_OK && batch.n_rows > 0;) {
        status = mdl_cursor_next(cursor, &batch, error);
        if (status == MDL_OK) {
            take_groups(d, from, &batch);
        }
    }
    mdl_cursor_free(cursor);
    return status;
}

/* A row of the added or removed ones: where it belongs. */
typedef struct summary_row {
    int64_t slot;
    uint32_t *counter;
    uint32_t *bounds;
    uint32_t distance;
} summary_row;

/* Finds a row's place; false if the table and the one before have no such row. */
static bool find_row(const summary_draft *d, const mdl_batch *batch, int64_t i, summary_row *row)
{
    const bool has_extreme = d->summary.extreme >= 0;
    for (int32_t c = 0; c < batch->n_columns; c++) {
        if (mdl_vector_is_null(&batch->columns[c], i)) {
            return false;
        }
    }
    const int64_t slot = mdl_vector_int32(&batch->columns[0], i) - d->least_key;
    const int64_t code = (int64_t)mdl_vector_int32(&batch->columns[1], i) - d->form.least_value;
    uint64_t distance = 0;
    if (has_extreme) {
        distance = (uint64_t)mdl_vector_int64(&batch->columns[2], i) - (uint64_t)d->form.nearest;
    }
    if (slot < 0 || slot >= d->n_slots || code < 0 || code >= d->n_codes ||
        d->codes[code] == NO_CODE || distance > (uint64_t)d->farthest) {
        return false;
    }
    *row = (summary_row){slot, counters_of(d, 0, slot) + d->codes[code],
                         has_extreme ? bounds_of(d, 0, slot) : NULL, (uint32_t)distance};
    return true;
}

/* What is done with a row; false when it cannot be. */
typedef bool (*summary_row_fn)(summary_draft *d, const summary_row *row);

static bool add_row(summary_draft *d, const summary_row *row)
{
    (void)d;
    ++*row->counter;
    if (row->bounds != NULL) {
        row->bounds[0] = row->distance < row->bounds[0] ? row->distance : row->bounds[0];
        row->bounds[1] = row->distance > row->bounds[1] ? row->distance : row->bounds[1];
    }
    return true;
}

static bool remove_row(summary_draft *d, const summary_row *row)
{
    if (*row->counter == 0) {
        return false;
    }
    --*row->counter;
    if (row->bounds != NULL) {
        d->doubts[row->slot] |= row->distance == row->bounds[0] ? LEAST_IN_DOUBT : 0;
        d->doubts[row->slot] |= row->distance == row->bounds[1] ? GREATEST_IN_DOUBT : 0;
    }
    return true;
}

/* An added row that stands on a bound proves it. */
static bool settle_doubts(summary_draft *d, const summary_row *row)
{
    if (row->bounds != NULL && d->doubts != NULL) {
        d->doubts[row->slot] &= (uint8_t) ~(row->distance == row->bounds[0] ? LEAST_IN_DOUBT : 0);
        d->doubts[row->slot] &=
            (uint8_t) ~(row->distance == row->bounds[1] ? GREATEST_IN_DOUBT : 0);
    }
    return true;
}

static mdl_status for_each_row(summary_draft *d, const mdl_table *rows, summary_row_fn take,
                               mdl_error *error)
{
    const mdli_summary *summary = &d->summary;
    const int32_t columns[N_COLUMNS_MAX] = {summary->key, summary->value, summary->extreme};
    const char *names[N_COLUMNS_MAX];
    const int32_t n_columns = summary->extreme >= 0 ? 3 : 2;
    if (rows == NULL) {
        return MDL_OK;
    }
    for (int32_t c = 0; c < n_columns; c++) {
        names[c] = d->table->names[columns[c]];
    }
    mdl_cursor *cursor;
    MDLI_TRY(mdl_cursor_create(d->context, rows, names, n_columns, &cursor, error));
    mdl_status status = MDL_OK;
    for (mdl_batch batch = {.n_rows = 1}; batch.n_rows > 0;) {
        MDLI_TRY_GOTO_DONE(mdl_cursor_next(cursor, &batch, error));
        for (int64_t i = 0; i < batch.n_rows; i++) {
            summary_row row;
            if (!find_row(d, &batch, i, &row) || !take(d, &row)) {
                status = mdl_error_set(error, MDL_E_ARGUMENT,
                                       "row %lld of the changes cannot be one of the table",
                                       (long long)(batch.first_row + i));
                goto done;
            }
        }
    }
done:
    mdl_cursor_free(cursor);
    return status;
}

/* Rows of a slot. */
static int64_t count_of_slot(const summary_draft *d, int64_t slot)
{
    const uint32_t *counters = counters_of(d, 0, slot);
    int64_t count = 0;
    for (int32_t v = 0; v < d->summary.n_values; v++) {
        count += counters[v];
    }
    return count;
}

/* MDL_E_ARGUMENT when the states do not have as many rows as the table; else whether a bound of one
 * that has rows is in doubt. */
static mdl_status check_states(const summary_draft *d, bool *is_in_doubt, mdl_error *error)
{
    int64_t n_rows = 0;
    *is_in_doubt = false;
    for (int64_t s = 0; s < d->n_slots; s++) {
        const int64_t count = count_of_slot(d, s);
        n_rows += count;
        *is_in_doubt |= count > 0 && d->doubts != NULL && d->doubts[s] != 0;
    }
    if (n_rows != d->table->n_rows) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "the changes make up a table of %lld rows, it has %lld",
                             (long long)n_rows, (long long)d->table->n_rows);
    }
    return MDL_OK;
}

/* Fills the states with the summary before and what has changed; `*is_done` is false where that
 * does not tell all. */
static mdl_status summarize_changes(summary_draft *d, const mdl_summary_options *options,
                                    bool *is_done, mdl_error *error)
{
    void *memory;
    bool is_in_doubt;
    MDLI_TRY(allocate_states(d, 1, error));
    if (d->summary.extreme >= 0 && options->removed != NULL) {
        MDLI_TRY(mdli_allocate_zeroed(d->context, (size_t)d->n_slots, "summary", &memory, error));
        d->doubts = memory;
    }
    start_states(d, 0);
    MDLI_TRY(take_summary(d, options->previous->summary, error));
    MDLI_TRY(for_each_row(d, options->added, add_row, error));
    MDLI_TRY(for_each_row(d, options->removed, remove_row, error));
    if (d->doubts != NULL) {
        MDLI_TRY(for_each_row(d, options->added, settle_doubts, error));
    }
    MDLI_TRY(check_states(d, &is_in_doubt, error));
    *is_done = !is_in_doubt;
    return MDL_OK;
}

/*
 * The table of a summary.
 */

/* Columns in the making. */
typedef struct group_columns {
    mdl_context *context;
    mdli_arena names_arena;
    int64_t *slots; /* that have rows */
    int64_t n_groups;
    void *values; /* of the column at hand; room for 8 bytes a group */
    int32_t n_columns;
    const char *names[N_COLUMNS_MAX + MDLI_HISTOGRAM_MAX];
    mdl_column *columns[N_COLUMNS_MAX + MDLI_HISTOGRAM_MAX];
} group_columns;

/* The name of a bound, `min(x)`, of memory of the arena. */
static const char *bound_name(mdli_arena *arena, const char *function, const char *column,
                              mdl_error *error)
{
    const size_t size = strlen(function) + strlen(column) + sizeof "()";
    char *name = mdli_arena_allocate(arena, size, error);
    if (name != NULL) {
        snprintf(name, size, "%s(%s)", function, column);
    }
    return name;
}

/* The name of a count, `count(x = v)`. */
static const char *count_name(mdli_arena *arena, const char *column, mdl_type type, int64_t value,
                              mdl_error *error)
{
    char text[MDL_VALUE_TEXT_MAX];
    const mdl_value of = {.type = type, .as.integer = value};
    mdl_value_format(&of, text);
    const size_t size = strlen(column) + strlen(text) + sizeof "count( = )";
    char *name = mdli_arena_allocate(arena, size, error);
    if (name != NULL) {
        snprintf(name, size, "count(%s = %s)", column, text);
    }
    return name;
}

/* Encodes the values at hand as the next column; `name` is NULL with the error told. */
static mdl_status add_column(group_columns *c, const char *name, mdl_type type, mdl_error *error)
{
    if (name == NULL) {
        return error->status;
    }
    const mdl_vector v = {.type = type, .n_rows = c->n_groups, .values = c->values};
    MDLI_TRY(mdli_column_from_vector(c->context, &v, NULL, &c->columns[c->n_columns], error));
    c->names[c->n_columns++] = name;
    return MDL_OK;
}

/* Notes the slots that have rows. */
static mdl_status list_slots(const summary_draft *d, group_columns *c, mdl_error *error)
{
    void *memory;
    for (int64_t s = 0; s < d->n_slots; s++) {
        c->n_groups += count_of_slot(d, s) > 0;
    }
    MDLI_TRY(
        mdli_allocate_array(d->context, c->n_groups, sizeof(int64_t), "summary", &memory, error));
    c->slots = memory;
    MDLI_TRY(
        mdli_allocate_array(d->context, c->n_groups, sizeof(int64_t), "summary", &memory, error));
    c->values = memory;
    for (int64_t s = 0, g = 0; s < d->n_slots; s++) {
        if (count_of_slot(d, s) > 0) {
            c->slots[g++] = s;
        }
    }
    return MDL_OK;
}

static mdl_status add_keys(const summary_draft *d, group_columns *c, mdl_error *error)
{
    int32_t *keys = c->values;
    for (int64_t g = 0; g < c->n_groups; g++) {
        keys[g] = (int32_t)(d->least_key + c->slots[g]);
    }
    return add_column(c, d->table->names[d->summary.key], MDL_TYPE_INT32, error);
}

static mdl_status add_bounds(const summary_draft *d, group_columns *c, mdl_error *error)
{
    static const char *const functions[] = {"min", "max"};
    const int32_t column = d->summary.extreme;
    int64_t *values = c->values;
    for (int b = 0; b < 2 && column >= 0; b++) {
        for (int64_t g = 0; g < c->n_groups; g++) {
            values[g] = d->form.nearest + bounds_of(d, 0, c->slots[g])[b];
        }
        const char *name =
            bound_name(&c->names_arena, functions[b], d->table->names[column], error);
        MDLI_TRY(add_column(c, name, d->table->columns[column]->type, error));
    }
    return MDL_OK;
}

/* Adds the counts of the values that have rows, and keeps these values alone. */
static mdl_status add_counts(summary_draft *d, group_columns *c, mdl_error *error)
{
    mdli_summary *summary = &d->summary;
    const mdl_type type = d->table->columns[summary->value]->type;
    int32_t *counts = c->values;
    int32_t n_kept = 0;
    for (int32_t v = 0; v < summary->n_values; v++) {
        uint32_t any = 0;
        for (int64_t g = 0; g < c->n_groups; g++) {
            counts[g] = (int32_t)counters_of(d, 0, c->slots[g])[v];
            any |= (uint32_t)counts[g];
        }
        if (any == 0) {
            continue;
        }
        const char *name = count_name(&c->names_arena, d->table->names[summary->value], type,
                                      summary->values[v], error);
        MDLI_TRY(add_column(c, name, MDL_TYPE_INT32, error));
        summary->values[n_kept++] = summary->values[v];
    }
    summary->n_values = n_kept;
    return MDL_OK;
}

/* Makes the table of the groups from the states, which are spent by it. */
static mdl_status make_groups(summary_draft *d, mdl_error *error)
{
    mdl_error fault = MDL_ERROR_INIT;
    group_columns c = {.context = d->context};
    mdli_arena_init(&c.names_arena, d->context, "summary");
    mdl_status status;
    MDLI_TRY_GOTO_DONE(list_slots(d, &c, &fault));
    MDLI_TRY_GOTO_DONE(add_keys(d, &c, &fault));
    MDLI_TRY_GOTO_DONE(add_bounds(d, &c, &fault));
    MDLI_TRY_GOTO_DONE(add_counts(d, &c, &fault));
    status = mdli_table_create(d->context, c.names, c.columns, c.n_columns, c.n_groups,
                               &d->summary.groups, &fault);
    c.n_columns = 0; /* taken over */
done:
    for (int32_t i = 0; i < c.n_columns; i++) {
        mdli_column_release(c.columns[i]);
    }
    mdli_free(d->context, c.slots);
    mdli_free(d->context, c.values);
    mdli_arena_reset(&c.names_arena);
    return status == MDL_OK ? MDL_OK : mdli_error_copy(error, &fault);
}

/* A table with the columns of `table`; `summary`, whose groups it takes a reference to, goes with
 * it. */
static mdl_status carry(mdl_context *context, const mdl_table *table, const mdli_summary *summary,
                        mdl_table **out, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate(context, sizeof(mdli_summary), "summary", &memory, error));
    mdli_summary *kept = memory;
    *kept = *summary;
    mdl_status status = mdli_allocate_array(context, table->n_columns, sizeof(mdl_column *),
                                            "summary", &memory, error);
    mdl_column **columns = memory;
    if (status == MDL_OK) {
        for (int32_t c = 0; c < table->n_columns; c++) {
            columns[c] = mdli_column_retain(table->columns[c]);
        }
        status = mdli_table_create(context, (const char *const *)table->names, columns,
                                   table->n_columns, table->n_rows, out, error);
        mdli_free(context, columns);
    }
    if (status != MDL_OK) {
        mdli_free(context, kept);
        return status;
    }
    kept->groups = mdl_table_clone(summary->groups);
    (*out)->summary = kept;
    return MDL_OK;
}

/*
 * Making a summary.
 */

/* The column of that name, of one of two types. */
static mdl_status find_column(const mdl_table *table, const char *name, mdl_type type,
                              mdl_type other_type, int32_t *out, mdl_error *error)
{
    *out = name != NULL ? mdl_table_find_column(table, name) : -1;
    if (*out < 0) {
        return mdl_error_set(error, MDL_E_NOT_FOUND, "the table has no column \"%s\"",
                             name != NULL ? name : "");
    }
    const mdl_type of_column = table->columns[*out]->type;
    if (of_column != type && of_column != other_type) {
        return mdl_error_set(error, MDL_E_TYPE, "column %s of type %s cannot be summarized so",
                             name, mdl_type_name(of_column));
    }
    return MDL_OK;
}

static mdl_status find_columns(const mdl_table *table, const mdl_summary_options *options,
                               mdli_summary *summary, mdl_error *error)
{
    summary->extreme = -1;
    MDLI_TRY(
        find_column(table, options->key, MDL_TYPE_INT32, MDL_TYPE_INT32, &summary->key, error));
    MDLI_TRY(find_column(table, options->value, MDL_TYPE_INT32, MDL_TYPE_DECIMAL, &summary->value,
                         error));
    return options->extreme == NULL ? MDL_OK
                                    : find_column(table, options->extreme, MDL_TYPE_INT64,
                                                  MDL_TYPE_TIMESTAMP, &summary->extreme, error);
}

/* MDL_E_TYPE when a table has the columns with other types than the one that is summarized. */
static mdl_status check_same_types(const mdl_table *table, const mdli_summary *summary,
                                   const mdl_table *other, const mdl_summary_options *options,
                                   mdl_error *error)
{
    mdli_summary of_other = {0};
    if (other == NULL) {
        return MDL_OK;
    }
    MDLI_TRY(find_columns(other, options, &of_other, error));
    const bool is_same =
        table->columns[summary->value]->type == other->columns[of_other.value]->type &&
        (summary->extreme < 0 ||
         table->columns[summary->extreme]->type == other->columns[of_other.extreme]->type);
    return is_same ? MDL_OK
                   : mdl_error_set(error, MDL_E_TYPE,
                                   "the changes have columns of other types than the table");
}

static mdl_status check_options(const mdl_table *table, const mdl_summary_options *options,
                                mdli_summary *summary, mdl_error *error)
{
    if (options->struct_size != sizeof *options) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "summary options were not set by mdl_summary_options_init");
    }
    MDLI_TRY(find_columns(table, options, summary, error));
    MDLI_TRY(check_same_types(table, summary, options->previous, options, error));
    MDLI_TRY(check_same_types(table, summary, options->added, options, error));
    return check_same_types(table, summary, options->removed, options, error);
}

/* Whether a table carries a summary of the columns. */
static bool has_summary_of(const mdl_table *table, const mdl_summary_options *options)
{
    const mdli_summary *summary = table != NULL ? table->summary : NULL;
    if (summary == NULL || (summary->extreme >= 0) != (options->extreme != NULL)) {
        return false;
    }
    return strcmp(table->names[summary->key], options->key) == 0 &&
           strcmp(table->names[summary->value], options->value) == 0 &&
           (summary->extreme < 0 || strcmp(table->names[summary->extreme], options->extreme) == 0);
}

/* Fills a draft in whichever way there is; `*is_done` is false when there is none. */
static mdl_status fill_draft(summary_draft *d, const mdl_summary_options *options, bool *is_done,
                             mdl_error *error)
{
    *is_done = false;
    if (!plan_states(d, NULL)) {
        return MDL_OK;
    }
    if (has_summary_of(options->previous, options) && plan_states(d, options->previous)) {
        MDLI_TRY(summarize_changes(d, options, is_done, error));
        if (*is_done) {
            return MDL_OK;
        }
        free_draft(d);
    }
    *is_done = plan_states(d, NULL);
    return summarize_rows(d, error);
}

mdl_status mdl_table_summarize(mdl_context *context, const mdl_table *table,
                               const mdl_summary_options *options, mdl_table **out,
                               mdl_error *error)
{
    summary_draft d = {.context = context, .table = table};
    bool is_done;
    *out = NULL;
    MDLI_TRY(check_options(table, options, &d.summary, error));
    if (has_summary_of(table, options)) {
        *out = mdl_table_clone(table);
        return MDL_OK;
    }
    mdl_status status = fill_draft(&d, options, &is_done, error);
    if (status == MDL_OK && is_done) {
        status = make_groups(&d, error);
        if (status == MDL_OK) {
            status = carry(context, table, &d.summary, out, error);
        }
    } else if (status == MDL_OK) {
        *out = mdl_table_clone(table);
    }
    free_draft(&d);
    return status;
}

/*
 * Reading one back.
 */

/* What is behind a prefix of a text; NULL if it has another one. */
static const char *behind(const char *text, const char *prefix)
{
    const size_t size = strlen(prefix);
    return text != NULL && strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

/* Whether a column of the groups is a bound of column `column` of the table. */
static bool is_bound_of(const mdl_table *table, int32_t column, const mdl_table *groups, int32_t at,
                        const char *prefix)
{
    const char *rest = behind(behind(groups->names[at], prefix), table->names[column]);
    const mdl_type type = table->columns[column]->type;
    return rest != NULL && strcmp(rest, ")") == 0 && groups->columns[at]->type == type &&
           (type == MDL_TYPE_INT64 || type == MDL_TYPE_TIMESTAMP);
}

/* Whether a column of the groups counts rows with a value of column `column`, and which. */
static bool is_count_of(const mdl_table *table, int32_t column, const mdl_table *groups, int32_t at,
                        int64_t *value)
{
    const char *rest =
        behind(behind(behind(groups->names[at], "count("), table->names[column]), " = ");
    const size_t size = rest != NULL ? strlen(rest) : 0;
    const mdl_type type = table->columns[column]->type;
    if (size < 2 || rest[size - 1] != ')' || groups->columns[at]->type != MDL_TYPE_INT32 ||
        (type != MDL_TYPE_INT32 && type != MDL_TYPE_DECIMAL)) {
        return false;
    }
    mdl_value parsed;
    const mdl_string text = {rest, (int64_t)size - 1};
    const bool is_value = mdl_value_parse(type, text, &parsed, NULL) == MDL_OK;
    *value = is_value ? parsed.as.integer : 0;
    return is_value;
}

/* Whether all columns from the first count on are of one column of the table, values ascending. */
static bool find_values(const mdl_table *table, int32_t column, const mdl_table *groups,
                        mdli_summary *summary)
{
    const int32_t first = mdli_summary_first_count(summary);
    const int32_t n = groups->n_columns - first;
    bool are_counts = n > 0 && n <= MDLI_HISTOGRAM_MAX;
    for (int32_t v = 0; v < n && are_counts; v++) {
        are_counts = is_count_of(table, column, groups, first + v, &summary->values[v]) &&
                     (v == 0 || summary->values[v - 1] < summary->values[v]);
    }
    summary->value = column;
    summary->n_values = n;
    return are_counts;
}

/* Tells from names and types what a table of groups says of a table. */
static bool recognize(const mdl_table *table, const mdl_table *groups, mdli_summary *summary)
{
    summary->key = groups->n_columns > 0 ? mdl_table_find_column(table, groups->names[0]) : -1;
    summary->extreme = -1;
    if (summary->key < 0 || table->columns[summary->key]->type != MDL_TYPE_INT32 ||
        groups->columns[0]->type != MDL_TYPE_INT32) {
        return false;
    }
    for (int32_t c = 0; c < table->n_columns && groups->n_columns > 2; c++) {
        if (is_bound_of(table, c, groups, 1, "min(") && is_bound_of(table, c, groups, 2, "max(")) {
            summary->extreme = c;
        }
    }
    bool has_values = false;
    for (int32_t c = 0; c < table->n_columns && !has_values; c++) {
        has_values = find_values(table, c, groups, summary);
    }
    return has_values;
}

/* What the groups of a summary come to. */
typedef struct group_totals {
    bool
        is_sound; /* keys ascend, counts are not negative, no group is empty, bounds are in order */
    int64_t n_rows;
    mdli_range key;
    mdli_range extreme;
} group_totals;

static void total_group(const mdli_summary *summary, const mdl_vector *columns, int64_t i,
                        group_totals *totals)
{
    const int32_t first = mdli_summary_first_count(summary);
    const int32_t key = mdl_vector_int32(&columns[0], i);
    int64_t n_rows = 0;
    totals->is_sound &= !totals->key.is_known || key > totals->key.greatest;
    for (int32_t v = 0; v < summary->n_values; v++) {
        const int32_t count = mdl_vector_int32(&columns[first + v], i);
        totals->is_sound &= count >= 0;
        n_rows += count;
    }
    totals->is_sound &= n_rows > 0;
    totals->n_rows += n_rows;
    if (summary->extreme >= 0) {
        const int64_t least = mdl_vector_int64(&columns[1], i);
        const int64_t greatest = mdl_vector_int64(&columns[2], i);
        mdli_range *range = &totals->extreme;
        const bool is_first = !range->is_known;
        totals->is_sound &= least <= greatest;
        range->least = is_first || least < range->least ? least : range->least;
        range->greatest = is_first || greatest > range->greatest ? greatest : range->greatest;
        range->is_known = true;
    }
    totals->key.least = totals->key.is_known ? totals->key.least : key;
    totals->key.greatest = key;
    totals->key.is_known = true;
}

static mdl_status total_groups(mdl_context *context, const mdli_summary *summary,
                               group_totals *totals, mdl_error *error)
{
    mdl_cursor *cursor;
    *totals = (group_totals){.is_sound = true};
    for (int32_t c = 0; c < summary->groups->n_columns; c++) {
        totals->is_sound &= summary->groups->columns[c]->stats.n_nulls == 0;
    }
    MDLI_TRY(mdl_cursor_create(context, summary->groups, NULL, 0, &cursor, error));
    mdl_status status = MDL_OK;
    for (mdl_batch batch = {.n_rows = 1}; status == MDL_OK && batch.n_rows > 0;) {
        status = mdl_cursor_next(cursor, &batch, error);
        for (int64_t i = 0; status == MDL_OK && i < batch.n_rows; i++) {
            total_group(summary, batch.columns, i, totals);
        }
    }
    mdl_cursor_free(cursor);
    return status;
}

/* Whether a column has no NULL, and these bounds. */
static bool has_bounds(const mdl_column *column, int64_t least, int64_t greatest)
{
    mdli_range range = {.is_known = false};
    return widen(column, &range) && range.least == least && range.greatest == greatest;
}

/* Whether groups come to what is known of the table. With that, no state is looked for outside of
 * those that statistics of the table allow for. */
static bool fits_table(const mdl_table *table, const mdli_summary *summary,
                       const group_totals *totals)
{
    return totals->is_sound && totals->n_rows == table->n_rows &&
           has_bounds(table->columns[summary->key], totals->key.least, totals->key.greatest) &&
           has_bounds(table->columns[summary->value], summary->values[0],
                      summary->values[summary->n_values - 1]) &&
           (summary->extreme < 0 || has_bounds(table->columns[summary->extreme],
                                               totals->extreme.least, totals->extreme.greatest));
}

mdl_status mdli_table_restore_summary(mdl_context *context, const mdl_table *table,
                                      mdl_table *groups, mdl_table **out, mdl_error *error)
{
    mdli_summary summary = {.groups = groups};
    group_totals totals = {.is_sound = false};
    *out = NULL;
    if (recognize(table, groups, &summary)) {
        MDLI_TRY(total_groups(context, &summary, &totals, error));
    }
    if (!totals.is_sound || !fits_table(table, &summary, &totals)) {
        *out = mdl_table_clone(table);
        return MDL_OK;
    }
    return carry(context, table, &summary, out, error);
}
