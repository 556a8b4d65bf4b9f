/*
 * The aggregate operator: running the input's pipeline into states, by a plan, and making the result
 * of them.
 */
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "operators/aggregate_compact.h"
#include "operators/aggregate_internal.h"

static mdl_status prepare(mdli_aggregator *a, const mdl_rel *pick, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_plan_aggregate(a, pick, error));
    a->n_workers = mdli_pipeline_n_workers(a->pipeline);
    MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)a->n_workers * sizeof(mdli_aggregate_worker),
                                  "aggregate", &memory, error));
    a->workers = memory;
    for (int w = 0; w < a->n_workers; w++) {
        a->workers[w].text.context = a->context;
    }
    if (mdli_is_in_order(a)) {
        MDLI_TRY(mdli_allocate_zeroed(
            a->context, (size_t)mdli_pipeline_n_morsels(a->pipeline) * sizeof(mdli_group_list),
            "aggregate", &memory, error));
        a->morsels = memory;
    }
    return MDL_OK;
}

static void release(mdli_aggregator *a)
{
    mdl_context *context = a->context;
    for (int w = 0; a->workers != NULL && w < a->n_workers; w++) {
        mdli_free_worker(a, &a->workers[w]);
    }
    int64_t n_morsels = a->morsels != NULL ? mdli_pipeline_n_morsels(a->pipeline) : 0;
    for (int64_t m = 0; m < n_morsels; m++) {
        mdli_free(context, a->morsels[m].states);
        mdli_free(context, a->morsels[m].leading);
        mdli_free(context, a->morsels[m].slots);
    }
    mdli_free(context, a->morsels);
    mdli_free(context, a->workers);
    mdli_free(context, a->pick_keys);
    mdli_before_join_free(a);
    mdli_free_aggregate_plan(a);
}

static void trace(const mdli_aggregator *a, bool is_of_runs)
{
    static const char *const names[] = {
        "",
        "one group",
        "sorted runs",
        "dense array",
        "hash table",
        "before the join",
        "sorted runs, lanes before the join",
    };
    const char *details = a->before.marks_runs ? ", histograms from the summary, distinct by runs"
                          : a->compact.summary != NULL   ? ", histograms from the summary"
                          : a->compact.is_used           ? ", histograms"
                          : a->before.lane_masks != NULL ? ", masks"
                          : is_of_runs                   ? ", as encoded"
                                                         : "";
    if (a->n_distincts > 0 && a->before.join == NULL) {
        mdli_trace_strategy(a->rel, "%s%s, distinct by %s", names[a->strategy], details,
                            mdli_distinct_strategy_name(a->distincts[0].strategy));
    } else {
        mdli_trace_strategy(a->rel, "%s%s", names[a->strategy], details);
    }
}

/* Takes the groups of the source's summary into the states of the first worker. */
static mdl_status fill_from_summary(mdli_aggregator *a, mdl_error *error)
{
    mdli_aggregate_worker *worker = &a->workers[0];
    mdl_cursor *cursor;
    MDLI_TRY(mdli_start_worker(a, worker, error));
    MDLI_TRY(mdl_cursor_create(a->context, a->compact.summary->groups, NULL, 0, &cursor, error));
    mdl_status status = MDL_OK;
    for (mdl_batch batch = {.n_rows = 1}; batch.n_rows > 0;) {
        MDLI_TRY_GOTO_DONE(mdl_cursor_next(cursor, &batch, error));
        MDLI_TRY_GOTO_DONE(mdli_reserve_rows(a, worker, batch.n_rows, error));
        const mdl_vector *key = &batch.columns[0];
        if (a->strategy == MDLI_GROUP_BEFORE_JOIN) {
            MDLI_TRY_GOTO_DONE(
                mdli_join_map_number(a->before.map, key, batch.n_rows, worker->groups, error));
        } else {
            mdli_add_key_slots(&a->keys[0], key, batch.n_rows, true, worker->groups);
        }
        mdli_compact_fill(a, worker, &batch);
    }
done:
    mdl_cursor_free(cursor);
    return status;
}

static mdl_status mark_runs(void *sink, int worker_number, int64_t morsel, const mdli_rows *rows,
                            mdl_error *error)
{
    mdli_aggregator *a = sink;
    mdli_aggregate_worker *worker = &a->workers[worker_number];
    (void)morsel;
    MDLI_TRY(mdli_start_worker(a, worker, error));
    mdli_mark_runs(a, worker, rows);
    return MDL_OK;
}

/* Runs a morsel for distinct values alone. */
static mdl_status count_distincts(void *data, int64_t morsel, int worker, mdl_error *error)
{
    mdli_aggregator *a = data;
    return mdli_pipeline_run_morsel(a->pipeline, 1, morsel, worker,
                                    a->before.marks_runs ? mark_runs : mdli_aggregate_consume, a,
                                    error);
}

/* Brings the rows into the workers' states, or what a summary says of them. */
static mdl_status run_rows(mdli_aggregator *a, mdl_error *error)
{
    if (a->compact.summary == NULL) {
        return mdli_pipeline_run(a->pipeline, a->leading_runs != NULL, mdli_aggregate_consume,
                                 mdli_is_in_order(a) ? mdli_aggregate_end_morsel : NULL, a, error);
    }
    MDLI_TRY(fill_from_summary(a, error));
    return a->compact.needs_rows
               ? mdli_parallel_for(a->context, mdli_pipeline_n_morsels(a->pipeline),
                                   count_distincts, a, error)
               : MDL_OK;
}

mdl_status mdli_execute_aggregate(mdl_rel *rel, const mdl_rel *pick, bool *is_picked,
                                  mdl_table **out, mdl_error *error)
{
    mdli_aggregator a = {
        .context = rel->query->context,
        .rel = rel,
        .kernels = mdli_kernels_for(mdl_context_simd(rel->query->context)),
    };
    *out = NULL;
    *is_picked = false;
    mdl_status status = prepare(&a, pick, error);
    if (status == MDL_OK) {
        *is_picked = a.pick != NULL;
        bool is_of_runs = mdli_can_group_runs(&a);
        trace(&a, is_of_runs);
        status = is_of_runs ? mdli_group_runs(&a, error) : run_rows(&a, error);
    }
    if (status == MDL_OK) {
        status = mdli_merge_workers(&a, error);
    }
    if (status == MDL_OK) {
        status = mdli_aggregate_result(&a, out, error);
    }
    release(&a);
    return status;
}
