/*
 * Finding the group of each row.
 *
 * Strategies, best first, and when they are chosen:
 *
 *   global  no keys.
 *   sorted  the first key is an integer column of the source, ascending and without NULL, and the
 * other keys together have few slots. Morsels are cut at changes of the key, so that each group
 *           belongs to one worker and nothing is merged.
 *   dense   all keys have known bounds, or codes in one dictionary, and the product of their ranges
 * is small against the rows: an array of states per worker, merged slot by slot. hash    anything
 * else: a key table per worker, merged key by key.
 */
#include <string.h>

#include "base/error.h"
#include "base/merge_sort.h"
#include "base/tuning.h"
#include "operators/aggregate_internal.h"
#include "operators/rowset.h"

static int compare_entries(const void *entries, int32_t a, int32_t b)
{
    return mdli_compare_strings(((const mdl_string *)entries)[a], ((const mdl_string *)entries)[b]);
}

static mdl_status rank_dictionary(mdl_context *context, mdli_group_key *key, mdl_error *error)
{
    int64_t n = key->dictionary->n_entries;
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, n, sizeof(int32_t), "aggregate", &memory, error));
    key->ordered = memory;
    MDLI_TRY(mdli_allocate_array(context, n, sizeof(int32_t), "aggregate", &memory, error));
    key->ranks = memory;
    for (int32_t i = 0; i < n; i++) {
        key->ordered[i] = i;
    }
    mdli_merge_sort(key->ordered, key->ranks, n, compare_entries, key->dictionary->entries);
    for (int32_t i = 0; i < n; i++) {
        key->ranks[key->ordered[i]] = i;
    }
    return MDL_OK;
}

int64_t mdli_group_key_slots(const mdli_group_key *key)
{
    const mdli_column_facts *facts = &key->facts;
    if (key->is_text) {
        return facts->dictionary != NULL ? facts->dictionary->n_entries + 1 : 0;
    }
    if (!mdli_type_is_integer(key->type) || !facts->range.is_known) {
        return 0;
    }
    uint64_t span = (uint64_t)facts->range.greatest - (uint64_t)facts->range.least;
    return span < INT32_MAX - 2 ? (int64_t)span + 2 : 0;
}

int64_t mdli_group_slots(const mdli_aggregator *a, int32_t first, int64_t limit)
{
    int64_t product = 1;
    for (int32_t k = first; k < a->rel->n_keys; k++) {
        int64_t n = mdli_group_key_slots(&a->keys[k]);
        if (n == 0 || n > limit / product) {
            return 0;
        }
        product *= n;
    }
    return product;
}

mdl_status mdli_prepare_dense_keys(mdli_aggregator *a, int32_t first, mdl_error *error)
{
    int64_t stride = 1;
    for (int32_t k = a->rel->n_keys - 1; k >= first; k--) {
        mdli_group_key *key = &a->keys[k];
        key->n_slots = mdli_group_key_slots(key);
        key->least = key->facts.range.least;
        key->stride = stride;
        stride *= key->n_slots;
        if (key->is_text) {
            key->dictionary = key->facts.dictionary;
            mdli_dictionary_retain(key->dictionary);
            MDLI_TRY(rank_dictionary(a->context, key, error));
        }
    }
    return MDL_OK;
}

mdl_status mdli_choose_groups(mdli_aggregator *a, mdl_error *error)
{
    int32_t n_keys = a->rel->n_keys;
    if (n_keys == 0) {
        a->strategy = MDLI_GROUP_GLOBAL;
        return MDL_OK;
    }
    for (int32_t k = 0; k < n_keys; k++) {
        a->keys[k].facts = mdli_pipeline_facts(a->pipeline)[a->keys[k].column];
    }
    const mdli_column_facts *first = &a->keys[0].facts;
    if (first->is_sorted && !first->may_be_null && first->source_column >= 0 &&
        mdli_type_is_integer(a->keys[0].type)) {
        a->n_slots = mdli_group_slots(a, 1, MDLI_SUBKEY_SLOTS_MAX);
        if (a->n_slots > 0) {
            a->strategy = MDLI_GROUP_SORTED;
            MDLI_TRY(mdli_prepare_dense_keys(a, 1, error));
            return mdli_pipeline_align_morsels(a->pipeline, first->source_column, error);
        }
    }
    int64_t limit =
        mdli_pipeline_source_rows(a->pipeline) * MDLI_DENSE_RANGE_PER_ROW + MDLI_DENSE_RANGE_FLOOR;
    int64_t by_memory =
        MDLI_DENSE_BYTES_MAX / a->layout.size_bytes / mdli_pipeline_n_workers(a->pipeline);
    limit = limit < by_memory ? limit : by_memory;
    limit = limit < INT32_MAX - 1 ? limit : INT32_MAX - 1;
    a->n_slots = mdli_group_slots(a, 0, limit);
    if (a->n_slots > 0) {
        a->strategy = MDLI_GROUP_DENSE;
        return mdli_prepare_dense_keys(a, 0, error);
    }
    a->strategy = MDLI_GROUP_HASH;
    return MDL_OK;
}

static void start_states(const mdli_aggregator *a, char *states, int64_t n)
{
    for (int64_t g = 0; g < n; g++) {
        memcpy(states + g * a->layout.size_bytes, a->layout.initial, (size_t)a->layout.size_bytes);
    }
}

mdl_status mdli_reserve_states(mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t n_used,
                               int64_t n, mdl_error *error)
{
    if (n <= worker->states_capacity) {
        return MDL_OK;
    }
    void *memory = worker->states;
    MDLI_TRY(mdli_grow_array(a->context, &memory, &worker->states_capacity, n_used, n,
                             (size_t)a->layout.size_bytes, "aggregate", error));
    worker->states = memory;
    start_states(a, worker->states + n_used * a->layout.size_bytes,
                 worker->states_capacity - n_used);
    return MDL_OK;
}

void mdli_add_key_slots(const mdli_group_key *key, const mdl_vector *v, int64_t n_rows,
                        bool is_first, int32_t *slots)
{
    int32_t stride = (int32_t)key->stride;
    int32_t null_slot = (int32_t)key->n_slots - 1;
    for (int64_t i = 0; i < n_rows; i++) {
        int32_t slot;
        if (mdl_vector_is_null(v, i)) {
            slot = null_slot;
        } else if (key->is_text) {
            slot = key->ranks[v->codes[i]];
        } else {
            slot = (int32_t)(mdli_vector_integer(v, i) - key->least);
        }
        slots[i] = (is_first ? 0 : slots[i]) + slot * stride;
    }
}

/* The common case of mdli_add_key_slots: one INT32 key without NULL. */
static void find_single_int32(const mdli_group_key *key, const mdl_vector *v, int64_t n_rows,
                              int32_t *slots)
{
    const int32_t *values = v->values;
    int32_t least = (int32_t)key->least;
    for (int64_t i = 0; i < n_rows; i++) {
        slots[i] = values[i] - least;
    }
}

static void find_dense_slots(const mdli_aggregator *a, const mdl_vector *keys, int32_t first,
                             int64_t n_rows, int32_t *slots)
{
    if (a->rel->n_keys == first + 1 && a->keys[first].type == MDL_TYPE_INT32 &&
        keys[first].validity == NULL) {
        find_single_int32(&a->keys[first], &keys[first], n_rows, slots);
        return;
    }
    for (int32_t k = first; k < a->rel->n_keys; k++) {
        mdli_add_key_slots(&a->keys[k], &keys[k], n_rows, k == first, slots);
    }
}

/* Room for groups that a morsel's list gets at first: for an even share of the first key's range and
 * somewhat more, so that few lists have to grow; but not for more than is cheap. */
static int64_t groups_at_first(const mdli_aggregator *a)
{
    const mdli_range *range = &a->keys[0].facts.range;
    uint64_t span = (uint64_t)range->greatest - (uint64_t)range->least;
    uint64_t share = span / (uint64_t)mdli_pipeline_n_morsels(a->pipeline);
    return share < MDLI_MORSEL_GROUPS_MAX ? (int64_t)(share + share / 8 + 1) : 0;
}

mdl_status mdli_reserve_groups(mdli_aggregator *a, mdli_group_list *list, int64_t n,
                               mdl_error *error)
{
    int64_t n_groups = list->n_groups;
    int64_t n_at_first = n_groups == 0 ? groups_at_first(a) : 0;
    n = n > n_at_first ? n : n_at_first;
    void *memory = list->states;
    MDLI_TRY(mdli_grow_array(a->context, &memory, &list->states_capacity, n_groups, n_groups + n,
                             (size_t)a->layout.size_bytes, "aggregate", error));
    list->states = memory;
    memory = list->leading;
    MDLI_TRY(mdli_grow_array(a->context, &memory, &list->leading_capacity, n_groups, n_groups + n,
                             sizeof(int64_t), "aggregate", error));
    list->leading = memory;
    if (a->rel->n_keys > 1) {
        memory = list->slots;
        MDLI_TRY(mdli_grow_array(a->context, &memory, &list->slots_capacity, n_groups, n_groups + n,
                                 sizeof(int32_t), "aggregate", error));
        list->slots = memory;
    }
    return MDL_OK;
}

mdl_status mdli_open_group(mdli_aggregator *a, mdli_group_list *list, int64_t leading, int32_t slot,
                           mdl_error *error)
{
    MDLI_TRY(mdli_reserve_groups(a, list, 1, error));
    start_states(a, list->states + list->n_groups * a->layout.size_bytes, 1);
    list->leading[list->n_groups] = leading;
    if (list->slots != NULL) {
        list->slots[list->n_groups] = slot;
    }
    list->n_groups++;
    return MDL_OK;
}

enum {
    RUN_STRIDE = 16
};

/* The end of the rows from `i` on that have row i's value; rows ascend by it. */
static int64_t run_end(const mdl_vector *v, int64_t i, int64_t n_rows)
{
    if (mdli_type_bytes(v->type) == 4) {
        const int32_t *values = v->values;
        int32_t value = values[i];
        /* Rows ascend: where a row has the value, so have those between. */
        while (i + RUN_STRIDE < n_rows && values[i + RUN_STRIDE] == value) {
            i += RUN_STRIDE;
        }
        while (++i < n_rows && values[i] == value) {
        }
        return i;
    }
    int64_t value = mdli_vector_integer(v, i);
    while (++i < n_rows && mdli_vector_integer(v, i) == value) {
    }
    return i;
}

int64_t mdli_leading_run(const mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t i,
                         int64_t n_rows, int64_t *value)
{
    if (a->leading_runs == NULL) {
        *value = mdli_vector_integer(&worker->keys[0], i);
        return run_end(&worker->keys[0], i, n_rows);
    }
    const int64_t first = worker->first_row;
    return mdli_encoded_run(a->leading_runs, &worker->runs, first + i, first + n_rows, value) -
           first;
}

/* Forgets the slots of the run that ends with the list's last group. */
static void close_run(mdli_aggregate_worker *worker, const mdli_group_list *list)
{
    int64_t g = list->n_groups;
    while (g > 0 && list->leading[g - 1] == list->leading[list->n_groups - 1]) {
        worker->slot_groups[list->slots[--g]] = -1;
    }
}

/* Groups of sorted rows, one run of the first key after the other. With one key, the first row of a
 * run alone is told its group. */
static mdl_status find_sorted_groups(mdli_aggregator *a, mdli_aggregate_worker *worker,
                                     mdli_group_list *list, int64_t n_rows, int32_t *n_runs,
                                     mdl_error *error)
{
    bool has_more_keys = a->rel->n_keys > 1;
    int32_t *groups = worker->groups;
    if (has_more_keys) {
        find_dense_slots(a, worker->keys, 1, n_rows, groups);
    }
    for (int64_t i = 0; i < n_rows;) {
        int64_t key;
        int64_t end = mdli_leading_run(a, worker, i, n_rows, &key);
        bool is_new = list->n_groups == 0 || list->leading[list->n_groups - 1] != key;
        if (is_new) {
            if (has_more_keys && list->n_groups > 0) {
                close_run(worker, list);
            }
            worker->run++;
        }
        worker->run_rows[(*n_runs)++] = (int32_t)i;
        if (!has_more_keys) {
            if (is_new) {
                MDLI_TRY(mdli_open_group(a, list, key, 0, error));
            }
            groups[i] = (int32_t)(list->n_groups - 1);
            i = end;
            continue;
        }
        for (; i < end; i++) {
            int32_t slot = groups[i];
            if (worker->slot_groups[slot] < 0) {
                worker->slot_groups[slot] = (int32_t)list->n_groups;
                MDLI_TRY(mdli_open_group(a, list, key, slot, error));
            }
            groups[i] = worker->slot_groups[slot];
        }
    }
    return MDL_OK;
}

mdl_status mdli_find_groups(mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t morsel,
                            int64_t n_rows, int32_t *n_runs, mdl_error *error)
{
    *n_runs = 0;
    switch (a->strategy) {
    case MDLI_GROUP_GLOBAL:
        *n_runs = 1;
        worker->run_rows[0] = 0;
        worker->groups[0] = 0;
        break;
    case MDLI_GROUP_DENSE:
        find_dense_slots(a, worker->keys, 0, n_rows, worker->groups);
        break;
    case MDLI_GROUP_SORTED:
        return find_sorted_groups(a, worker, &a->morsels[morsel], n_rows, n_runs, error);
    case MDLI_GROUP_HASH: {
        int64_t n_before = mdli_key_table_n_keys(worker->table);
        MDLI_TRY(mdli_key_table_add(worker->table, worker->keys, n_rows, worker->groups, error));
        return mdli_reserve_states(a, worker, n_before, mdli_key_table_n_keys(worker->table),
                                   error);
    }
    case MDLI_GROUP_BEFORE_JOIN:
    case MDLI_GROUP_LANES:
        break; /* these find groups by the join's map */
    }
    return MDL_OK;
}
