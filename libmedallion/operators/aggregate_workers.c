/*
 * Workers of an aggregate: what each needs for its rows, made when it is first given some.
 */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "operators/aggregate_internal.h"

static mdl_status create_distincts(mdli_aggregator *a, mdli_aggregate_worker *worker,
                                   mdl_error *error)
{
    void *memory;
    if (a->before.join != NULL) {
        return MDL_OK; /* counted by masks of groups instead */
    }
    MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)a->n_distincts * sizeof(mdli_distinct *),
                                  "aggregate", &memory, error));
    worker->distincts = memory;
    for (int32_t d = 0; d < a->n_distincts; d++) {
        MDLI_TRY(mdli_distinct_create(a->context, a->distincts[d].strategy,
                                      &a->arguments[a->distincts[d].argument], a->n_slots,
                                      &worker->distincts[d], error));
    }
    return MDL_OK;
}

mdl_status mdli_reserve_slots(mdli_aggregator *a, mdli_aggregate_worker *worker, mdl_error *error)
{
    bool is_filled = a->compact.summary == NULL || worker == a->workers;
    return is_filled ? mdli_reserve_states(a, worker, 0, mdli_n_states(a), error) : MDL_OK;
}

static mdl_status create_worker(mdli_aggregator *a, mdli_aggregate_worker *worker, mdl_error *error)
{
    mdl_context *context = a->context;
    const mdl_rel *rel = a->rel;
    void *memory;
    worker->morsel = -1;
    mdli_arena_init(&worker->text, context, "aggregate");
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)a->n_arguments * sizeof(mdli_evaluator *),
                                  "aggregate", &memory, error));
    worker->evaluators = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)a->n_arguments * sizeof(mdl_vector), "aggregate",
                                  &memory, error));
    worker->arguments = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)rel->n_keys * sizeof(mdl_vector), "aggregate",
                                  &memory, error));
    worker->keys = memory;
    for (int32_t i = 0; i < a->n_arguments; i++) {
        if (a->arguments[i].column < 0) {
            MDLI_TRY(mdli_evaluator_create(context, a->arguments[i].expression,
                                           &worker->evaluators[i], error));
        }
    }
    MDLI_TRY(create_distincts(a, worker, error));
    if (a->before.join != NULL) {
        return mdli_before_join_create_worker(a, worker, error);
    }
    if (a->strategy == MDLI_GROUP_GLOBAL) {
        return mdli_reserve_states(a, worker, 0, 1, error);
    }
    if (a->strategy == MDLI_GROUP_DENSE) {
        return mdli_reserve_slots(a, worker, error);
    }
    if (a->strategy == MDLI_GROUP_HASH) {
        mdl_type types[MDLI_KEY_COLUMNS_MAX];
        for (int32_t k = 0; k < rel->n_keys && k < MDLI_KEY_COLUMNS_MAX; k++) {
            types[k] = a->keys[k].type;
        }
        return mdli_key_table_create(context, types, rel->n_keys, &worker->table, error);
    }
    MDLI_TRY(
        mdli_allocate(context, (size_t)a->n_slots * sizeof(int32_t), "aggregate", &memory, error));
    worker->slot_groups = memory;
    memset(memory, 0xff, (size_t)a->n_slots * sizeof(int32_t));
    return MDL_OK;
}

mdl_status mdli_start_worker(mdli_aggregator *a, mdli_aggregate_worker *worker, mdl_error *error)
{
    if (!worker->is_started) {
        MDLI_TRY(create_worker(a, worker, error));
        worker->is_started = true;
    }
    return MDL_OK;
}

mdl_status mdli_drop_unstarted_workers(mdli_aggregator *a, mdl_error *error)
{
    int n_started = 0;
    for (int w = 0; w < a->n_workers; w++) {
        if (a->workers[w].is_started) {
            mdli_aggregate_worker worker = a->workers[w];
            a->workers[w] = a->workers[n_started];
            a->workers[n_started++] = worker;
        }
    }
    a->n_workers = n_started > 1 ? n_started : 1;
    return mdli_start_worker(a, &a->workers[0], error);
}

void mdli_free_worker(mdli_aggregator *a, mdli_aggregate_worker *worker)
{
    mdl_context *context = a->context;
    for (int32_t i = 0; worker->evaluators != NULL && i < a->n_arguments; i++) {
        mdli_evaluator_free(worker->evaluators[i]);
    }
    for (int32_t d = 0; worker->distincts != NULL && d < a->n_distincts; d++) {
        mdli_distinct_free(worker->distincts[d]);
    }
    mdli_free(context, worker->evaluators);
    mdli_free(context, worker->distincts);
    mdli_free(context, worker->arguments);
    mdli_free(context, worker->keys);
    mdli_free(context, worker->groups);
    mdli_free(context, worker->run_rows);
    mdli_free(context, worker->states);
    mdli_free(context, worker->slot_groups);
    mdli_free(context, worker->lanes);
    mdli_free(context, worker->lane_states);
    for (int32_t d = 0; worker->value_masks != NULL && d < a->n_distincts; d++) {
        mdli_free(context, worker->value_masks[d]);
    }
    mdli_free(context, worker->value_masks);
    mdli_key_table_free(worker->table);
    mdli_arena_reset(&worker->text);
}
