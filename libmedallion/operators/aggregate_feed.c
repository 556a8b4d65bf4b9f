/*
 * The sink of an aggregate: rows of the pipeline into a worker's states.
 */
#include "base/error.h"
#include "base/memory.h"
#include "operators/aggregate_compact.h"
#include "operators/aggregate_internal.h"

/* Rows of a morsel that get sequence numbers of their own: far more than a join makes of 65536. */
#define SEQUENCES_PER_MORSEL ((int64_t)1 << 40)

mdl_status mdli_reserve_rows(mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t n,
                             mdl_error *error)
{
    if (n <= worker->rows_capacity) {
        return MDL_OK;
    }
    void *groups = worker->groups;
    void *runs = worker->run_rows;
    int64_t capacity = worker->rows_capacity;
    MDLI_TRY(
        mdli_grow_array(a->context, &groups, &capacity, 0, n, sizeof(int32_t), "aggregate", error));
    worker->groups = groups;
    capacity = worker->rows_capacity;
    MDLI_TRY(
        mdli_grow_array(a->context, &runs, &capacity, 0, n, sizeof(int32_t), "aggregate", error));
    worker->run_rows = runs;
    worker->rows_capacity = capacity;
    return MDL_OK;
}

/* Evaluates what the rows at hand bring: keys and arguments. */
static mdl_status read_inputs(mdli_aggregator *a, mdli_aggregate_worker *worker,
                              const mdli_rows *rows, mdl_error *error)
{
    for (int32_t k = 0; k < a->rel->n_keys; k++) {
        if (a->keys[k].column < a->input->n_fields) { /* else it is of the join's right side */
            worker->keys[k] = rows->columns[a->keys[k].column];
        }
    }
    for (int32_t i = 0; i < a->n_arguments; i++) {
        if (a->arguments[i].column >= 0) {
            worker->arguments[i] = rows->columns[a->arguments[i].column];
        } else {
            MDLI_TRY(mdli_evaluate(worker->evaluators[i], rows->columns, rows->n_rows,
                                   &worker->arguments[i], error));
        }
    }
    return MDL_OK;
}

/* The values that an accumulator takes. */
static mdl_vector values_of(const mdli_aggregate_worker *worker, const mdli_accumulator *acc,
                            int64_t n_rows)
{
    return acc->argument >= 0 ? worker->arguments[acc->argument] : (mdl_vector){.n_rows = n_rows};
}

/* Whether all that is to be fed takes whole runs. */
static bool takes_only_runs(const mdli_aggregator *a, const mdli_aggregate_worker *worker,
                            int64_t n_rows)
{
    for (int32_t i = 0; i < a->layout.n_accumulators; i++) {
        const mdli_accumulator *acc = &a->layout.accumulators[i];
        mdl_vector v = values_of(worker, acc, n_rows);
        if (acc->kind != MDLI_ACC_DISTINCT && !mdli_takes_runs(acc, &v)) {
            return false;
        }
    }
    for (int32_t d = 0; d < a->n_distincts; d++) {
        if (a->distincts[d].strategy != MDLI_DISTINCT_EPOCHS) {
            return false;
        }
    }
    return true;
}

/* Gives each row the group of its run, which the run's first row has. */
static void spread_groups(mdli_aggregate_worker *worker, int64_t n_rows, int32_t n_runs)
{
    for (int32_t r = 0; r < n_runs; r++) {
        int64_t first = worker->run_rows[r];
        int64_t end = r + 1 < n_runs ? worker->run_rows[r + 1] : n_rows;
        for (int64_t i = first + 1; i < end; i++) {
            worker->groups[i] = worker->groups[first];
        }
    }
}

/* Feeds all accumulators but those of distinct values: run by run where runs are of one group and
 * long, else row by row. */
static mdl_status feed(const mdli_aggregator *a, mdli_aggregate_worker *worker, char *states,
                       int64_t n_rows, int32_t n_runs, mdl_error *error)
{
    const mdli_state_layout *layout = &a->layout;
    bool has_runs = a->strategy == MDLI_GROUP_GLOBAL ||
                    (a->strategy == MDLI_GROUP_SORTED && a->rel->n_keys == 1);
    bool by_runs = has_runs && (int64_t)n_runs * 4 <= n_rows;
    if (has_runs && !(by_runs && takes_only_runs(a, worker, n_rows))) {
        spread_groups(worker, n_rows, n_runs);
    }
    if (by_runs) {
        mdli_run_list runs = {worker->run_rows, worker->groups, n_runs, n_rows};
        mdli_accumulate_runs(a->kernels, layout, worker->arguments, a->n_arguments, &runs, states);
    }
    for (int32_t i = 0; i < layout->n_accumulators; i++) {
        const mdli_accumulator *acc = &layout->accumulators[i];
        mdl_vector v = values_of(worker, acc, n_rows);
        if (!by_runs || !mdli_takes_runs(acc, &v)) {
            MDLI_TRY(mdli_accumulate(acc, layout->size_bytes, states, worker->groups, &v,
                                     worker->sequence, &worker->text, error));
        }
    }
    return MDL_OK;
}

mdl_status mdli_aggregate_consume(void *sink, int worker_number, int64_t morsel,
                                  const mdli_rows *rows, mdl_error *error)
{
    mdli_aggregator *a = sink;
    mdli_aggregate_worker *worker = &a->workers[worker_number];
    int32_t n_runs;
    MDLI_TRY(mdli_start_worker(a, worker, error));
    if (worker->morsel != morsel) {
        worker->morsel = morsel;
        worker->sequence = morsel * SEQUENCES_PER_MORSEL;
    }
    worker->first_row = rows->first_row;
    if (a->has_row_numbers) {
        worker->sequence = rows->first_row;
    }
    MDLI_TRY(mdli_reserve_rows(a, worker, rows->n_rows, error));
    MDLI_TRY(read_inputs(a, worker, rows, error));
    if (a->strategy == MDLI_GROUP_LANES) {
        return mdli_lanes_consume(a, worker, morsel, rows, error);
    }
    if (a->strategy == MDLI_GROUP_BEFORE_JOIN) {
        n_runs = 0;
        MDLI_TRY(mdli_before_join_find(a, worker, rows, error));
    } else {
        MDLI_TRY(mdli_find_groups(a, worker, morsel, rows->n_rows, &n_runs, error));
    }
    bool in_order = a->strategy == MDLI_GROUP_SORTED;
    char *states = in_order ? a->morsels[morsel].states : worker->states;
    if (a->compact.summary == NULL && !a->before.has_no_states) {
        if (a->compact.is_used) {
            mdli_compact_feed(a, worker, rows->n_rows);
        }
        MDLI_TRY(feed(a, worker, states, rows->n_rows, n_runs, error));
    }
    for (int32_t d = 0; d < a->n_distincts; d++) {
        const mdli_distinct_plan *plan = &a->distincts[d];
        if (a->strategy == MDLI_GROUP_BEFORE_JOIN) {
            mdli_mark_values(a, worker, d, rows->n_rows);
            continue;
        }
        const mdl_vector *v = &worker->arguments[plan->argument];
        if (in_order) {
            char *counts = states + a->layout.accumulators[plan->accumulator].offset;
            MDLI_TRY(mdli_distinct_add_runs(worker->distincts[d], v, worker->groups,
                                            worker->run_rows, n_runs, worker->run - (n_runs - 1),
                                            counts, a->layout.size_bytes, error));
        } else {
            MDLI_TRY(mdli_distinct_add(worker->distincts[d], v, worker->groups, NULL,
                                       a->layout.size_bytes, error));
        }
    }
    worker->sequence += rows->n_rows;
    return MDL_OK;
}

mdl_status mdli_aggregate_end_morsel(void *sink, int worker_number, int64_t morsel,
                                     mdl_error *error)
{
    mdli_aggregator *a = sink;
    mdli_aggregate_worker *worker = &a->workers[worker_number];
    mdli_group_list *list = &a->morsels[morsel];
    if (!worker->is_started) {
        return MDL_OK; /* none of its rows came through */
    }
    if (a->strategy == MDLI_GROUP_LANES) {
        MDLI_TRY(mdli_lanes_end_morsel(a, worker, morsel, error));
    } else if (a->rel->n_keys > 1) {
        for (int64_t g = list->n_groups - 1;
             g >= 0 && list->leading[g] == list->leading[list->n_groups - 1]; g--) {
            worker->slot_groups[list->slots[g]] = -1;
        }
    }
    for (int32_t d = 0; worker->distincts != NULL && d < a->n_distincts; d++) {
        const mdli_accumulator *acc = &a->layout.accumulators[a->distincts[d].accumulator];
        if (list->n_groups > 0) {
            mdli_distinct_end_runs(worker->distincts[d], list->states + acc->offset,
                                   a->layout.size_bytes);
        }
        MDLI_TRY(mdli_distinct_forget(worker->distincts[d], error));
    }
    if (a->pick != NULL && a->strategy == MDLI_GROUP_SORTED) {
        mdli_pick_groups(a, list);
    }
    return MDL_OK;
}
