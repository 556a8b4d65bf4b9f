/*
 * Merging what the workers of an aggregate have into the first one's states.
 */
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "operators/aggregate_compact.h"
#include "operators/aggregate_internal.h"

void mdli_merge_state(const mdli_aggregator *a, char *into, const char *from)
{
    int32_t first = 0;
    if (a->compact.is_used) {
        mdli_compact_merge(&a->compact, into, from);
        first = mdli_n_compact_accumulators(&a->compact);
    }
    for (int32_t i = first; i < a->layout.n_accumulators; i++) {
        const mdli_accumulator *acc = &a->layout.accumulators[i];
        mdl_type type = acc->argument >= 0 ? a->arguments[acc->argument].type : MDL_TYPE_INT64;
        mdli_accumulator_merge(acc, type, into, from);
    }
}

/* Merges a stretch of dense slots of all workers into the first. */
static mdl_status merge_slots(void *data, int64_t job, int worker, mdl_error *error)
{
    mdli_aggregator *a = data;
    int64_t first = job * MDLI_DENSE_RANGE_FLOOR;
    int64_t end =
        first + MDLI_DENSE_RANGE_FLOOR < a->n_slots ? first + MDLI_DENSE_RANGE_FLOOR : a->n_slots;
    int64_t size = a->layout.size_bytes;
    int32_t rows_offset = a->layout.accumulators[0].offset;
    (void)worker;
    (void)error;
    for (int w = 1; w < a->n_workers; w++) {
        for (int64_t s = first; s < end; s++) {
            const char *from = a->workers[w].states + s * size;
            if (a->compact.is_used || mdli_state_count(from, rows_offset) > 0) {
                mdli_merge_state(a, a->workers[0].states + s * size, from);
            }
        }
    }
    return MDL_OK;
}

static mdl_status merge_dense(mdli_aggregator *a, mdl_error *error)
{
    if (a->compact.summary != NULL || a->before.has_no_states) {
        return MDL_OK; /* the first worker has all, or nobody anything */
    }
    int64_t n_jobs = (a->n_slots + MDLI_DENSE_RANGE_FLOOR - 1) / MDLI_DENSE_RANGE_FLOOR;
    return mdli_parallel_for(a->context, n_jobs, merge_slots, a, error);
}

static mdl_status merge_distincts(mdli_aggregator *a, const mdli_aggregate_worker *from,
                                  const int32_t *numbers, mdl_error *error)
{
    for (int32_t d = 0; d < a->n_distincts; d++) {
        MDLI_TRY(
            mdli_distinct_merge(a->workers[0].distincts[d], from->distincts[d], numbers, error));
    }
    return MDL_OK;
}

static mdl_status merge_hash(mdli_aggregator *a, mdl_error *error)
{
    mdli_aggregate_worker *into = &a->workers[0];
    int64_t size = a->layout.size_bytes;
    for (int w = 1; w < a->n_workers; w++) {
        const mdli_aggregate_worker *from = &a->workers[w];
        int64_t n = mdli_key_table_n_keys(from->table);
        int64_t n_before = mdli_key_table_n_keys(into->table);
        void *memory;
        MDLI_TRY(mdli_allocate_array(a->context, n, sizeof(int32_t), "aggregate", &memory, error));
        int32_t *numbers = memory;
        mdl_status status = mdli_key_table_merge(into->table, from->table, numbers, error);
        if (status == MDL_OK) {
            status =
                mdli_reserve_states(a, into, n_before, mdli_key_table_n_keys(into->table), error);
        }
        for (int64_t g = 0; status == MDL_OK && g < n; g++) {
            mdli_merge_state(a, into->states + numbers[g] * size, from->states + g * size);
        }
        if (status == MDL_OK) {
            status = merge_distincts(a, from, numbers, error);
        }
        mdli_free(a->context, numbers);
        MDLI_TRY(status);
    }
    return MDL_OK;
}

mdl_status mdli_merge_workers(mdli_aggregator *a, mdl_error *error)
{
    if (mdli_is_in_order(a)) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_drop_unstarted_workers(a, error));
    switch (a->strategy) {
    case MDLI_GROUP_HASH:
        MDLI_TRY(merge_hash(a, error));
        break;
    case MDLI_GROUP_BEFORE_JOIN:
        MDLI_TRY(merge_dense(a, error));
        return mdli_before_join_finish(a, error);
    case MDLI_GROUP_GLOBAL:
    case MDLI_GROUP_DENSE:
        MDLI_TRY(merge_dense(a, error));
        MDLI_TRY(mdli_compact_expand(a, error));
        for (int w = 1; w < a->n_workers; w++) {
            MDLI_TRY(merge_distincts(a, &a->workers[w], NULL, error));
        }
        break;
    case MDLI_GROUP_SORTED:
    case MDLI_GROUP_LANES:
        break;
    }
    for (int32_t d = 0; d < a->n_distincts; d++) {
        const mdli_distinct_plan *plan = &a->distincts[d];
        mdli_distinct_count(a->workers[0].distincts[d],
                            a->workers[0].states + a->layout.accumulators[plan->accumulator].offset,
                            a->layout.size_bytes);
    }
    return MDL_OK;
}
