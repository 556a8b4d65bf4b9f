/*
 * A summary from the rows of its table: one pass over them into states that are numbered by the
 * distance from the least key, each thread into a lane of its own.
 */
#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "kernels/kernels.h"
#include "operators/pipeline.h"
#include "operators/summary_internal.h"

/* A pass over all rows. */
typedef struct summary_pass {
    mdli_summary_draft *draft;
    const mdli_kernels *kernels;
    mdli_pipeline *pipeline;
    mdli_state_form form;
    uint32_t **lanes; /* states; the first lane has all at the end */
    int32_t n_lanes;
    atomic_llong next_morsel;
    int64_t *first_slots; /* per stretch of states, the slot of its first one with rows */
} summary_pass;

/* The lane that rows go to. */
typedef struct summary_lane {
    const summary_pass *pass;
    uint32_t *states;
} summary_lane;

static uint32_t *state_of(const summary_pass *pass, int32_t lane, int64_t distance)
{
    return pass->lanes[lane] + distance * pass->form.size_bytes / (int64_t)sizeof(uint32_t);
}

/*
 * Lanes.
 */

static mdl_status count_rows(void *sink, int worker, int64_t morsel, const mdli_rows *rows,
                             mdl_error *error)
{
    const summary_lane *to = sink;
    const summary_pass *pass = to->pass;
    const mdli_summary *summary = &pass->draft->summary;
    (void)worker;
    (void)morsel;
    (void)error;
    pass->kernels->count_into_states(
        &pass->form, to->states, rows->columns[summary->key].values,
        (int32_t)pass->draft->least_key, rows->columns[summary->value].values,
        summary->extreme >= 0 ? rows->columns[summary->extreme].values : NULL, rows->n_rows);
    return MDL_OK;
}

/* Fills one lane with rows for as long as there are any. */
static mdl_status fill_lane(void *data, int64_t lane, int worker, mdl_error *error)
{
    summary_pass *pass = data;
    summary_lane to = {pass, pass->lanes[lane]};
    const int64_t n_morsels = mdli_pipeline_n_morsels(pass->pipeline);
    memset(to.states, 0, (size_t)(pass->draft->n_distances * pass->form.size_bytes));
    for (int64_t m; (m = atomic_fetch_add(&pass->next_morsel, 1)) < n_morsels;) {
        MDLI_TRY(mdli_check_cancel(pass->draft->context, error));
        MDLI_TRY(mdli_pipeline_run_morsel(pass->pipeline, 0, m, worker, count_rows, &to, error));
    }
    return MDL_OK;
}

static mdl_status allocate_lanes(summary_pass *pass, mdl_error *error)
{
    const mdli_summary_draft *d = pass->draft;
    /* As many as threads, if their states fit into memory. */
    const int64_t by_memory = MDLI_DENSE_BYTES_MAX / (d->n_distances * pass->form.size_bytes);
    const int n_workers = mdli_pipeline_n_workers(pass->pipeline);
    const int32_t n_lanes = by_memory < n_workers ? (int32_t)by_memory : n_workers;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(d->context, (size_t)n_lanes * sizeof *pass->lanes, "summary",
                                  &memory, error));
    pass->lanes = memory;
    pass->n_lanes = n_lanes;
    for (int32_t l = 0; l < n_lanes; l++) {
        MDLI_TRY(mdli_allocate_array(d->context, d->n_distances, (size_t)pass->form.size_bytes,
                                     "summary", &memory, error));
        pass->lanes[l] = memory;
    }
    return MDL_OK;
}

static void free_pass(summary_pass *pass)
{
    mdl_context *context = pass->draft->context;
    for (int32_t l = 0; l < pass->n_lanes; l++) {
        mdli_free(context, pass->lanes[l]);
    }
    mdli_free(context, pass->lanes);
    mdli_free(context, pass->first_slots);
    mdli_pipeline_free(pass->pipeline);
}

/*
 * Slots.
 */

/* Adds a state to the one of the first lane. */
static void merge_state(const mdli_summary *summary, uint32_t *into, const uint32_t *from)
{
    const int32_t n_values = summary->n_values;
    for (int32_t v = 0; v < n_values; v++) {
        into[v] += from[v];
    }
    for (int32_t b = n_values; b < n_values + 2 && summary->extreme >= 0; b++) {
        into[b] = from[b] > into[b] ? from[b] : into[b];
    }
}

static bool has_rows(const mdli_summary *summary, const uint32_t *state)
{
    uint32_t any = 0;
    for (int32_t v = 0; v < summary->n_values; v++) {
        any |= state[v];
    }
    return any != 0;
}

/* Where a stretch of states ends. */
static int64_t end_of_stretch(const summary_pass *pass, int64_t stretch)
{
    const int64_t end = (stretch + 1) * MDLI_DENSE_RANGE_FLOOR;
    return end < pass->draft->n_distances ? end : pass->draft->n_distances;
}

/* Merges the lanes of a stretch of states into the first, and counts those with rows. */
static mdl_status merge_lanes(void *data, int64_t stretch, int worker, mdl_error *error)
{
    const summary_pass *pass = data;
    const mdli_summary *summary = &pass->draft->summary;
    const int64_t end = end_of_stretch(pass, stretch);
    int64_t n = 0;
    (void)worker;
    (void)error;
    for (int64_t i = stretch * MDLI_DENSE_RANGE_FLOOR; i < end; i++) {
        uint32_t *state = state_of(pass, 0, i);
        for (int32_t l = 1; l < pass->n_lanes; l++) {
            merge_state(summary, state, state_of(pass, l, i));
        }
        n += has_rows(summary, state);
    }
    pass->first_slots[stretch + 1] = n;
    return MDL_OK;
}

/* Makes slots of the states of a stretch that have rows. */
static mdl_status make_slots(void *data, int64_t stretch, int worker, mdl_error *error)
{
    const summary_pass *pass = data;
    const mdli_summary_draft *d = pass->draft;
    const mdli_summary *summary = &d->summary;
    const int64_t end = end_of_stretch(pass, stretch);
    int64_t slot = pass->first_slots[stretch];
    (void)worker;
    (void)error;
    for (int64_t i = stretch * MDLI_DENSE_RANGE_FLOOR; i < end; i++) {
        const uint32_t *state = state_of(pass, 0, i);
        if (!has_rows(summary, state)) {
            continue;
        }
        for (int32_t v = 0; v < summary->n_values; v++) {
            mdli_summary_numbers(d, v)[slot] = state[v];
        }
        if (summary->extreme >= 0) {
            mdli_summary_numbers(d, summary->n_values)[slot] = ~state[summary->n_values];
            mdli_summary_numbers(d, summary->n_values + 1)[slot] = state[summary->n_values + 1];
        }
        d->keys[slot++] = (int32_t)(d->least_key + i);
    }
    return MDL_OK;
}

/* Makes slots of all states that have rows. */
static mdl_status take_states(summary_pass *pass, mdl_error *error)
{
    mdli_summary_draft *d = pass->draft;
    const int64_t n_stretches =
        (d->n_distances + MDLI_DENSE_RANGE_FLOOR - 1) / MDLI_DENSE_RANGE_FLOOR;
    void *memory;
    MDLI_TRY(mdli_allocate_array(d->context, n_stretches + 1, sizeof *pass->first_slots, "summary",
                                 &memory, error));
    pass->first_slots = memory;
    pass->first_slots[0] = 0;
    MDLI_TRY(mdli_parallel_for(d->context, n_stretches, merge_lanes, pass, error));
    for (int64_t i = 0; i < n_stretches; i++) {
        pass->first_slots[i + 1] += pass->first_slots[i];
    }
    MDLI_TRY(mdli_summary_allocate(d, pass->first_slots[n_stretches], error));
    return mdli_parallel_for(d->context, n_stretches, make_slots, pass, error);
}

/*
 * The pass.
 */

/* Reads the columns of the table in a query of our own. */
static mdl_status create_pipeline(const mdli_summary_draft *d, mdl_query *query,
                                  mdli_pipeline **out, mdl_error *error)
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

mdl_status mdli_summary_from_rows(mdli_summary_draft *d, mdl_error *error)
{
    summary_pass pass = {
        .draft = d,
        .kernels = mdli_kernels_for(mdl_context_simd(d->context)),
        .form = {.size_bytes = mdli_summary_state_bytes(&d->summary),
                 .n_values = d->summary.n_values,
                 .values = d->summary.values,
                 .nearest = d->nearest},
    };
    mdl_query *query = mdl_query_create(d->context);
    if (query == NULL) {
        return mdl_error_set(error, MDL_E_NO_MEMORY, "no memory for a query");
    }
    mdl_status status;
    MDLI_TRY_GOTO_DONE(create_pipeline(d, query, &pass.pipeline, error));
    MDLI_TRY_GOTO_DONE(allocate_lanes(&pass, error));
    MDLI_TRY_GOTO_DONE(mdli_parallel_for(d->context, pass.n_lanes, fill_lane, &pass, error));
    status = take_states(&pass, error);
done:
    free_pass(&pass);
    mdl_query_free(query);
    return status;
}
