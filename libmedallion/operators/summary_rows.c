/*
 * A summary from the rows of its table: one pass over them, each thread into states of its own.
 */
#include <stdatomic.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "operators/pipeline.h"
#include "operators/summary_internal.h"

/* A pass over all rows. */
typedef struct summary_pass {
    mdli_summary_draft *draft;
    mdli_pipeline *pipeline;
    atomic_llong next_morsel;
} summary_pass;

/* The lane that rows go to. */
typedef struct summary_lane {
    const mdli_summary_draft *draft;
    const mdli_kernels *kernels;
    int32_t lane;
} summary_lane;

static mdl_status count_rows(void *sink, int worker, int64_t morsel, const mdli_rows *rows,
                             mdl_error *error)
{
    const summary_lane *to = sink;
    const mdli_summary_draft *d = to->draft;
    const mdli_summary *summary = &d->summary;
    (void)worker;
    (void)morsel;
    (void)error;
    to->kernels->count_into_states(
        &d->form, (uint32_t *)d->states[to->lane], rows->columns[summary->key].values,
        (int32_t)d->least_key, rows->columns[summary->value].values,
        summary->extreme >= 0 ? rows->columns[summary->extreme].values : NULL, rows->n_rows);
    return MDL_OK;
}

/* Fills one lane with rows for as long as there are any. */
static mdl_status fill_lane(void *data, int64_t lane, int worker, mdl_error *error)
{
    summary_pass *pass = data;
    summary_lane to = {pass->draft, mdli_kernels_for(mdl_context_simd(pass->draft->context)),
                       (int32_t)lane};
    const int64_t n_morsels = mdli_pipeline_n_morsels(pass->pipeline);
    mdli_summary_start_lane(pass->draft, to.lane);
    for (int64_t m; (m = atomic_fetch_add(&pass->next_morsel, 1)) < n_morsels;) {
        MDLI_TRY(mdli_check_cancel(pass->draft->context, error));
        MDLI_TRY(mdli_pipeline_run_morsel(pass->pipeline, 0, m, worker, count_rows, &to, error));
    }
    return MDL_OK;
}

/* Adds a stretch of slots of the other lanes to the first. */
static mdl_status merge_lanes(void *data, int64_t job, int worker, mdl_error *error)
{
    const mdli_summary_draft *d = data;
    const int64_t first = job * MDLI_DENSE_RANGE_FLOOR;
    const int64_t end =
        first + MDLI_DENSE_RANGE_FLOOR < d->n_slots ? first + MDLI_DENSE_RANGE_FLOOR : d->n_slots;
    (void)worker;
    (void)error;
    for (int64_t s = first; s < end; s++) {
        uint32_t *into = mdli_summary_counters(d, 0, s);
        uint32_t *bounds = mdli_summary_bounds(d, 0, s);
        for (int32_t l = 1; l < d->n_lanes; l++) {
            const uint32_t *from = mdli_summary_counters(d, l, s);
            for (int32_t v = 0; v < d->summary.n_values; v++) {
                into[v] += from[v];
            }
            for (int b = 0; b < 2 && d->summary.extreme >= 0; b++) {
                const uint32_t other = mdli_summary_bounds(d, l, s)[b];
                bounds[b] = other > bounds[b] ? other : bounds[b];
            }
        }
        if (d->summary.extreme >= 0) {
            bounds[0] = ~bounds[0];
        }
    }
    return MDL_OK;
}

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

/* Fills the states with all rows of the table. */
static mdl_status run_pass(mdli_summary_draft *d, mdli_pipeline *pipeline, mdl_error *error)
{
    /* As many lanes as threads, if their states fit into memory. */
    const int64_t by_memory = MDLI_DENSE_BYTES_MAX / (d->n_slots * d->form.size_bytes);
    const int n_workers = mdli_pipeline_n_workers(pipeline);
    MDLI_TRY(
        mdli_summary_allocate(d, by_memory < n_workers ? (int32_t)by_memory : n_workers, error));
    summary_pass pass = {.draft = d, .pipeline = pipeline};
    MDLI_TRY(mdli_parallel_for(d->context, d->n_lanes, fill_lane, &pass, error));
    const int64_t n_jobs = (d->n_slots + MDLI_DENSE_RANGE_FLOOR - 1) / MDLI_DENSE_RANGE_FLOOR;
    return mdli_parallel_for(d->context, n_jobs, merge_lanes, d, error);
}

mdl_status mdli_summary_from_rows(mdli_summary_draft *d, mdl_error *error)
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
