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

static void trace(const mdli_aggregator *a, bool shares_rows)
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
    const bool has_histograms = a->compact.is_used && a->compact.argument >= 0;
    const char *details = a->before.marks_runs ? ", histograms from the summary, distinct by runs"
                          : a->compact.summary != NULL   ? ", histograms from the summary"
                          : has_histograms               ? ", histograms"
                          : a->before.lane_masks != NULL ? ", masks"
                          : mdli_can_group_runs(a)       ? ", as encoded"
                                                         : "";
    bool tells_distinct = a->n_distincts > 0 && a->before.join == NULL;
    mdli_trace_strategy(a->rel, "%s%s%s%s%s", names[a->strategy], details,
                        tells_distinct ? ", distinct by " : "",
                        tells_distinct ? mdli_distinct_strategy_name(a->distincts[0].strategy) : "",
                        shares_rows ? ", rows shared" : "");
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

static mdli_flow flow_of(mdli_aggregator *a)
{
    return (mdli_flow){
        .pipeline = a->pipeline,
        .variant = a->leading_runs != NULL,
        .sink = mdli_aggregate_consume,
        .morsel_end = mdli_is_in_order(a) ? mdli_aggregate_end_morsel : NULL,
        .sink_data = a,
    };
}

/* Brings the rows into the workers' states, or what the runs or a summary say of them. */
static mdl_status run_alone(mdli_aggregator *a, mdl_error *error)
{
    trace(a, false);
    if (mdli_can_group_runs(a)) {
        return mdli_group_runs(a, error);
    }
    if (a->compact.summary == NULL) {
        const mdli_flow flow = flow_of(a);
        return mdli_flows_run(&flow, 1, error);
    }
    MDLI_TRY(fill_from_summary(a, error));
    return a->compact.needs_rows
               ? mdli_parallel_for(a->context, mdli_pipeline_n_morsels(a->pipeline),
                                   count_distincts, a, error)
               : MDL_OK;
}

/* Runs the first aggregate with those that take the same rows, and the others each by itself. */
static mdl_status run_all(mdli_aggregator *aggregators, int n, mdl_error *error)
{
    mdli_flow flows[MDLI_AGGREGATES_TOGETHER_MAX] = {flow_of(&aggregators[0])};
    int n_flows = 1;
    for (int i = 1; i < n; i++) {
        mdli_aggregator *a = &aggregators[i];
        if (mdli_can_run_together(&aggregators[0], a)) {
            flows[n_flows++] = flow_of(a);
            trace(a, true);
        } else {
            MDLI_TRY(run_alone(a, error));
        }
    }
    if (n_flows == 1) {
        return run_alone(&aggregators[0], error);
    }
    trace(&aggregators[0], true);
    return mdli_flows_run(flows, n_flows, error);
}

/* Makes the result of an aggregate whose rows are all taken, and forgets its states. */
static mdl_status finish(mdli_aggregator *a, mdl_table **out, mdl_error *error)
{
    mdl_status status = mdli_merge_workers(a, error);
    if (status == MDL_OK) {
        status = mdli_aggregate_result(a, out, error);
    }
    release(a);
    return status;
}

/* Runs aggregates; the results of all but the first stay with their relations. */
static mdl_status run_tasks(const mdli_aggregate_task *tasks, int n, mdli_aggregator *aggregators,
                            mdl_table **out, mdl_error *error)
{
    for (int i = 0; i < n; i++) {
        MDLI_TRY(prepare(&aggregators[i], tasks[i].pick, error));
    }
    MDLI_TRY(run_all(aggregators, n, error));
    for (int i = 0; i < n; i++) {
        mdl_rel *rel = tasks[i].rel;
        rel->ready_pick = aggregators[i].pick;
        MDLI_TRY(finish(&aggregators[i], i == 0 ? out : &rel->ready, error));
    }
    return MDL_OK;
}

/* Takes the result that came with another aggregate's, unless it is picked from for somebody else. */
static mdl_table *take_ready(mdl_rel *rel, const mdl_rel *pick)
{
    mdl_table *ready = rel->ready_pick == NULL || rel->ready_pick == pick ? rel->ready : NULL;
    rel->ready = ready != NULL ? NULL : rel->ready;
    return ready;
}

mdl_status mdli_execute_aggregate(mdl_rel *rel, const mdl_rel *pick, bool *is_picked,
                                  mdl_table **out, mdl_error *error)
{
    mdl_status status = MDL_OK;
    *out = take_ready(rel, pick);
    if (*out == NULL) {
        mdli_aggregate_task tasks[MDLI_AGGREGATES_TOGETHER_MAX];
        mdli_aggregator aggregators[MDLI_AGGREGATES_TOGETHER_MAX];
        const int n = mdli_find_companions(rel, pick, tasks);
        for (int i = 0; i < n; i++) {
            aggregators[i] = (mdli_aggregator){
                .context = rel->query->context,
                .rel = tasks[i].rel,
                .kernels = mdli_kernels_for(mdl_context_simd(rel->query->context)),
            };
        }
        status = run_tasks(tasks, n, aggregators, out, error);
        for (int i = 0; i < n; i++) {
            release(&aggregators[i]);
        }
    }
    if (status != MDL_OK) {
        mdl_table_free(*out);
        *out = NULL;
    }
    *is_picked = status == MDL_OK && rel->ready_pick != NULL;
    return status;
}
