/*
 * Aggregating before a join that gives rows many times.
 *
 * "Per genre" means each rating once for every genre of its movie. Joining first would make two or
 * three rows of each rating; but where the group keys come from the right side of the join and the
 * arguments from the left, the sums can be made first and joined afterwards, since states merge
 * exactly:
 *
 * - "before the join": all keys are of the right side. Rows are aggregated by the join's key in a
 *   dense array, then the state of each join key is merged into the groups of the right rows that
 *   match it. count(distinct x) does not merge; aggregate_masks.c tells what becomes of it.
 * - "lanes": the first key is a sorted column of the left side, the others are of the right side.
 *   Within a run of the first key, counts and sums are kept in one lane of 64 bits per group: the
 *   count in the upper half, the sum over the least value in the lower. With at most 32 groups,
 *   each at most once per join key, a mask per join key tells the lanes, and a kernel adds to all
 *   of them at once; else there is a list of lanes per join key.
 *
 * Both do what the join and then the aggregate would do, row for row; a right side with two rows of
 * one key and group counts twice in both.
 */
#include <string.h>

#include "base/error.h"
#include "base/tuning.h"
#include "operators/aggregate_compact.h"
#include "operators/aggregate_internal.h"
#include "operators/rowset.h"

static bool is_lane_aggregate(const mdli_named_expression *item)
{
    return !item->is_distinct &&
           (strcmp(item->aggregate, "count") == 0 || strcmp(item->aggregate, "sum") == 0 ||
            strcmp(item->aggregate, "avg") == 0);
}

/* Whether an aggregate's argument is a column of the join's left side, and its states merge. Other
 * expressions could fail for rows that the join drops. */
static bool is_left_aggregate(const mdl_rel *join, const mdli_named_expression *item)
{
    int32_t column;
    return item->expression == NULL ||
           (strcmp(item->aggregate, "string_agg") != 0 &&
            mdli_expression_is_column(item->expression, &column) && column < join->left->n_fields);
}

bool mdli_can_aggregate_before_join(mdli_aggregator *a)
{
    const mdl_rel *rel = a->rel;
    mdl_rel *join = rel->left;
    if (join->kind != MDLI_REL_JOIN || join->join_kind != MDL_JOIN_INNER ||
        join->n_join_keys != 1 || rel->n_keys == 0) {
        return false;
    }
    int32_t n_left = join->left->n_fields;
    bool is_first_left = rel->keys[0].column < n_left;
    for (int32_t k = 1; k < rel->n_keys; k++) {
        if (rel->keys[k].column < n_left) {
            return false;
        }
    }
    if (is_first_left && rel->n_keys == 1) {
        return false;
    }
    for (int32_t i = 0; i < rel->n_items; i++) {
        if (!is_left_aggregate(join, &rel->items[i]) ||
            (is_first_left && !is_lane_aggregate(&rel->items[i]))) {
            return false;
        }
    }
    a->before.join = join;
    a->input = join->left;
    a->strategy = is_first_left ? MDLI_GROUP_LANES : MDLI_GROUP_BEFORE_JOIN;
    return true;
}

void mdli_before_join_free(mdli_aggregator *a)
{
    mdli_before_join *before = &a->before;
    mdli_join_map_free(before->map);
    mdl_table_free(before->right);
    mdli_free(a->context, before->row_slots);
    mdli_free(a->context, before->lane_lists);
    mdli_free(a->context, before->masks.words);
    *before = (mdli_before_join){0};
}

/* The column of the right side that field `field` of the join is. */
static int32_t right_column(const mdl_rel *join, int32_t field)
{
    int32_t at = join->left->n_fields;
    for (int32_t c = 0;; c++) {
        if (c == join->right_keys[0]) {
            continue;
        }
        if (at++ == field) {
            return c;
        }
    }
}

/* Whether sizes allow the strategy. */
static bool fits_before_join(const mdli_aggregator *a, int64_t n_groups)
{
    int64_t n_slots = mdli_join_map_n_slots(a->before.map) + 1;
    int64_t by_memory =
        MDLI_DENSE_BYTES_MAX / a->layout.size_bytes / mdli_pipeline_n_workers(a->pipeline);
    if (n_groups == 0 || n_slots > by_memory) {
        return false;
    }
    for (int32_t d = 0; d < a->n_distincts; d++) {
        if (n_groups > MDLI_MASK_GROUPS_MAX ||
            mdli_mask_domain(a, &a->arguments[a->distincts[d].argument]) == 0) {
            return false;
        }
    }
    return true;
}

/* Most rows of the right side that a row matches; 1 where none matches. */
static int64_t most_matches(const mdli_before_join *before)
{
    const int64_t most = mdli_join_map_most_matches(before->map);
    return most > 0 ? most : 1;
}

/* Rows whose values, over the least, add up within 32 bits, even if all matches of a row are of one
 * group. */
static int64_t lane_room(const mdli_aggregator *a)
{
    uint64_t span = 0;
    if (a->n_arguments > 0) {
        const mdli_range *range = &a->arguments[0].range;
        span = (uint64_t)range->greatest - (uint64_t)range->least;
    }
    return span < UINT32_MAX ? (int64_t)(UINT32_MAX / (span + 1)) / most_matches(&a->before) : 0;
}

/* Whether the first key and the one argument, if any, are fit for lanes. */
static bool fits_lanes(const mdli_aggregator *a)
{
    const mdli_column_facts *first = &a->keys[0].facts;
    if (!first->is_sorted || first->may_be_null || first->source_column < 0 ||
        !mdli_type_is_integer(a->keys[0].type) || a->n_arguments > 1) {
        return false;
    }
    for (int32_t i = 0; i < a->layout.n_accumulators; i++) {
        mdli_accumulator_kind kind = a->layout.accumulators[i].kind;
        if (kind != MDLI_ACC_ROWS && kind != MDLI_ACC_SUM) {
            return false;
        }
    }
    return a->n_arguments == 0 || (a->arguments[0].range.is_known && !a->arguments[0].may_be_null &&
                                   mdli_type_is_integer(a->arguments[0].type));
}

/* The slot of the group keys of each row of the right side. */
static mdl_status find_row_slots(mdli_aggregator *a, int32_t first, mdl_error *error)
{
    mdli_before_join *before = &a->before;
    int64_t n_rows = before->right->n_rows;
    void *memory;
    MDLI_TRY(mdli_allocate_array(a->context, n_rows, sizeof(int32_t), "aggregate", &memory, error));
    before->row_slots = memory;
    for (int32_t k = first; k < a->rel->n_keys; k++) {
        mdli_flat flat;
        int32_t column = right_column(before->join, a->keys[k].column);
        MDLI_TRY(mdli_flat_from_column(&flat, a->context, before->right->columns[column], error));
        mdl_vector v = mdli_flat_vector(&flat);
        mdli_add_key_slots(&a->keys[k], &v, n_rows, k == first, before->row_slots);
        mdli_flat_free(&flat);
    }
    return MDL_OK;
}

/* The lanes of a slot of the map; −1 has none. */
static mdli_lane_list list_lanes(const mdli_aggregator *a, int64_t slot)
{
    const mdli_before_join *before = &a->before;
    mdli_lane_list list = {0};
    int64_t n = slot < 0 ? 0 : before->starts[slot + 1] - before->starts[slot];
    memset(list.lanes, (int)a->n_slots, sizeof list.lanes);
    for (int64_t i = 0; i < n && i < MDLI_LANE_LIST_MAX; i++) {
        list.lanes[i] = (uint8_t)before->row_slots[before->rows[before->starts[slot] + i]];
    }
    list.n = (uint8_t)(n <= MDLI_LANE_LIST_MAX ? n : MDLI_LANE_LIST_MAX + 1);
    return list;
}

/* Whether the argument, if any, is fit for narrow lanes. */
static bool fits_narrow_lanes(const mdli_aggregator *a)
{
    const mdli_argument *argument = &a->arguments[0];
    return a->n_arguments == 0 ||
           (mdli_type_bytes(argument->type) == 4 &&
            argument->range.greatest - argument->range.least <= MDLI_MASK_LANES_SPAN_MAX);
}

/* Lets masks tell lanes, unless a key has two rows of one group. */
static mdl_status mask_lanes(mdli_aggregator *a, mdl_error *error)
{
    mdli_before_join *before = &a->before;
    bool has_twice;
    MDLI_TRY(mdli_masks_create(a, a->n_slots, &has_twice, error));
    before->lane_masks = has_twice ? NULL : before->masks.words;
    return MDL_OK;
}

/* Per slot of the map: its groups for lanes, or the mask of them for distinct counts. */
static mdl_status list_groups_of_slots(mdli_aggregator *a, int64_t n_groups, mdl_error *error)
{
    mdli_before_join *before = &a->before;
    int64_t n_slots = mdli_join_map_n_slots(before->map);
    void *memory;
    if (a->strategy != MDLI_GROUP_LANES) {
        bool has_twice;
        return a->n_distincts > 0 ? mdli_masks_create(a, n_groups, &has_twice, error) : MDL_OK;
    }
    if (n_groups <= MDLI_MASK_LANES && fits_narrow_lanes(a)) {
        MDLI_TRY(mask_lanes(a, error));
    }
    if (before->lane_masks != NULL) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_allocate_array(a->context, n_slots + 1, sizeof(mdli_lane_list), "aggregate",
                                 &memory, error));
    before->lane_lists = memory;
    for (int64_t s = 0; s <= n_slots; s++) {
        before->lane_lists[s] = list_lanes(a, s < n_slots ? s : -1);
    }
    return MDL_OK;
}

mdl_status mdli_before_join_prepare(mdli_aggregator *a, mdl_error *error)
{
    mdli_before_join *before = &a->before;
    mdl_rel *join = before->join;
    bool has_lanes = a->strategy == MDLI_GROUP_LANES;
    int32_t first = has_lanes ? 1 : 0;
    MDLI_TRY(mdli_join_map_create(a->context, before->right, join->right_keys, 1,
                                  MDLI_JOIN_NEEDS_LISTS, &before->map, error));
    mdli_join_map_arrays(before->map, &before->starts, &before->rows);
    for (int32_t k = 0; k < a->rel->n_keys; k++) {
        int32_t column = a->keys[k].column;
        a->keys[k].facts =
            k < first
                ? mdli_pipeline_facts(a->pipeline)[column]
                : mdli_facts_of_column(before->right->columns[right_column(join, column)], -1);
    }
    int64_t n_groups =
        mdli_group_slots(a, first, has_lanes ? MDLI_LANES_MAX : MDLI_SUBKEY_SLOTS_MAX);
    before->lane_rows_max = lane_room(a);
    bool fits = has_lanes
                    ? n_groups > 0 && fits_lanes(a) && before->lane_rows_max > 2 * MDLI_VECTOR_ROWS
                    : fits_before_join(a, n_groups);
    if (!fits) {
        mdli_before_join_free(a);
        return MDL_OK;
    }
    mdli_trace_strategy(join, "inner join, %s, after the aggregate",
                        mdli_join_map_strategy(before->map));
    a->n_slots = has_lanes ? n_groups : mdli_join_map_n_slots(before->map) + 1;
    MDLI_TRY(mdli_prepare_dense_keys(a, first, error));
    MDLI_TRY(find_row_slots(a, first, error));
    MDLI_TRY(list_groups_of_slots(a, n_groups, error));
    return has_lanes
               ? mdli_pipeline_align_morsels(a->pipeline, a->keys[0].facts.source_column, error)
               : MDL_OK;
}

/* Lanes of a set: with masks as many as these have bits, else one for each group and one to fill up
 * lists with. */
static int64_t n_lanes(const mdli_aggregator *a)
{
    return a->before.lane_masks != NULL ? MDLI_MASK_LANES : a->n_slots + 1;
}

mdl_status mdli_before_join_create_worker(mdli_aggregator *a, mdli_aggregate_worker *worker,
                                          mdl_error *error)
{
    void *memory;
    if (a->strategy == MDLI_GROUP_LANES) {
        MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)n_lanes(a) * 2 * sizeof(uint64_t),
                                      "aggregate", &memory, error));
        worker->lanes = memory;
        /* Counts and sums alone: states of no rows are zeros. */
        MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)(a->n_slots * a->layout.size_bytes),
                                      "aggregate", &memory, error));
        worker->lane_states = memory;
        return MDL_OK;
    }
    MDLI_TRY(mdli_masks_create_worker(a, worker, error));
    return a->before.has_no_states ? MDL_OK : mdli_reserve_slots(a, worker, error);
}

mdl_status mdli_before_join_find(mdli_aggregator *a, mdli_aggregate_worker *worker,
                                 const mdli_rows *rows, mdl_error *error)
{
    const mdl_vector *key = &rows->columns[a->before.join->left_keys[0]];
    return mdli_join_map_number(a->before.map, key, rows->n_rows, worker->groups, error);
}

/* Whether compact states of join keys can be merged into ones of groups: their counters have 32
 * bits, and a row counts once for each match. */
static bool can_merge_compact(const mdli_aggregator *a)
{
    return mdli_pipeline_source_rows(a->pipeline) <= UINT32_MAX / most_matches(&a->before);
}

/* Merges the states of join keys into those of the groups, `n_groups`, which take their place, and
 * counts by group the keys that have rows, where `n_keys` is not NULL. */
static mdl_status merge_by_group(mdli_aggregator *a, int64_t n_groups, int64_t *n_keys,
                                 mdl_error *error)
{
    const mdli_before_join *before = &a->before;
    const int64_t size = a->layout.size_bytes;
    const int64_t n_slots = mdli_join_map_n_slots(before->map);
    mdli_aggregate_worker *worker = &a->workers[0];
    char *key_states = worker->states;
    int32_t seen[MDLI_VECTOR_ROWS]; /* slots not counted yet */
    int64_t n_seen = 0;
    worker->states = NULL;
    worker->states_capacity = 0;
    mdl_status status = mdli_reserve_states(a, worker, 0, n_groups, error);
    for (int64_t s = 0; status == MDL_OK && s < mdli_n_states(a); s++) {
        const char *state = key_states + s * size;
        const int64_t slot = mdli_slot_of_state(a, s);
        if (slot == n_slots || !mdli_state_has_rows(a, state)) {
            continue;
        }
        for (int32_t m = before->starts[slot]; m < before->starts[slot + 1]; m++) {
            mdli_merge_state(a, worker->states + before->row_slots[before->rows[m]] * size, state);
        }
        seen[n_seen++] = (int32_t)slot;
        if (n_keys != NULL && n_seen == MDLI_VECTOR_ROWS) {
            mdli_count_groups_of_slots(a, seen, n_seen, n_keys);
        }
        n_seen %= MDLI_VECTOR_ROWS;
    }
    if (n_keys != NULL) {
        mdli_count_groups_of_slots(a, seen, n_seen, n_keys);
    }
    mdli_free(a->context, key_states);
    mdli_free(a->context, a->compact.slots);
    a->compact.slots = NULL;
    a->n_slots = n_groups;
    return status;
}

/* Puts numbers of groups, by slot, into their states. */
static void put_counts(mdli_aggregator *a, int32_t distinct, const int64_t *counts)
{
    const mdli_accumulator *acc = &a->layout.accumulators[a->distincts[distinct].accumulator];
    for (int64_t g = 0; g < a->n_slots; g++) {
        *(int64_t *)(a->workers[0].states + g * a->layout.size_bytes + acc->offset) = counts[g];
    }
}

/* Makes states of groups, which have rows where they have a value of the first distinct count. */
static mdl_status open_groups(mdli_aggregator *a, int64_t n_groups, mdl_error *error)
{
    mdli_aggregate_worker *worker = &a->workers[0];
    int64_t n_values[MDLI_MASK_GROUPS_MAX];
    MDLI_TRY(mdli_reserve_states(a, worker, 0, n_groups, error));
    a->n_slots = n_groups;
    mdli_count_groups_of_values(a, 0, n_values);
    for (int64_t g = 0; g < n_groups; g++) {
        char *state = worker->states + g * a->layout.size_bytes;
        *(int64_t *)(state + a->layout.accumulators[0].offset) = n_values[g];
    }
    return MDL_OK;
}

mdl_status mdli_before_join_finish(mdli_aggregator *a, mdl_error *error)
{
    const int64_t n_groups = mdli_group_slots(a, 0, MDLI_SUBKEY_SLOTS_MAX);
    int64_t n_keys[MDLI_MASK_GROUPS_MAX] = {0};
    int64_t n_values[MDLI_MASK_GROUPS_MAX];
    if (!can_merge_compact(a)) {
        MDLI_TRY(mdli_compact_expand(a, error));
    }
    if (a->before.has_no_states) {
        MDLI_TRY(open_groups(a, n_groups, error));
    } else {
        MDLI_TRY(merge_by_group(a, n_groups, a->n_distincts > 0 ? n_keys : NULL, error));
    }
    MDLI_TRY(mdli_compact_expand(a, error));
    for (int32_t d = 0; d < a->n_distincts; d++) {
        const bool is_of_key = mdli_is_of_join_key(a, d);
        if (!is_of_key) {
            mdli_count_groups_of_values(a, d, n_values);
        }
        put_counts(a, d, is_of_key ? n_keys : n_values);
    }
    return MDL_OK;
}

/* Adds a lane to the state of its group: rows, and the sum if there is one. */
static void add_lane(const mdli_aggregator *a, uint64_t lane, char *state)
{
    const mdli_accumulator *accs = a->layout.accumulators;
    const int64_t count = (int64_t)(lane >> 32);
    *(int64_t *)(state + accs[0].offset) += count;
    if (a->layout.n_accumulators > 1) {
        *(int64_t *)(state + accs[1].offset) +=
            (int64_t)(lane & UINT32_MAX) + count * a->arguments[0].range.least;
    }
}

/* What both sets of lanes have of a slot. */
static uint64_t lane_of_slot(const mdli_aggregator *a, const mdli_aggregate_worker *worker,
                             int32_t slot)
{
    return worker->lanes[slot] + worker->lanes[slot + n_lanes(a)];
}

static void clear_lanes(const mdli_aggregator *a, mdli_aggregate_worker *worker)
{
    memset(worker->lanes, 0, (size_t)n_lanes(a) * 2 * sizeof *worker->lanes);
    worker->lane_rows = 0;
}

/* Moves what is in the lanes to the states of their slots. */
static void flush_lanes(const mdli_aggregator *a, mdli_aggregate_worker *worker)
{
    for (int32_t slot = 0; slot < a->n_slots; slot++) {
        char *state = worker->lane_states + (int64_t)slot * a->layout.size_bytes;
        add_lane(a, lane_of_slot(a, worker, slot), state);
    }
    clear_lanes(a, worker);
    worker->is_flushed = true;
}

/* Makes a group of the greatest lane, where that is the pick; of several the first. */
static mdl_status pick_lane(mdli_aggregator *a, mdli_aggregate_worker *worker,
                            mdli_group_list *list, mdl_error *error)
{
    uint64_t greatest = 0;
    int32_t picked = -1;
    for (int32_t slot = 0; slot < a->n_slots; slot++) {
        const uint64_t lane = lane_of_slot(a, worker, slot);
        picked = lane > greatest ? slot : picked;
        greatest = lane > greatest ? lane : greatest;
    }
    clear_lanes(a, worker);
    if (picked >= 0) {
        MDLI_TRY(mdli_open_group(a, list, worker->lane_key, picked, error));
        add_lane(a, greatest, list->states + (list->n_groups - 1) * a->layout.size_bytes);
    }
    return MDL_OK;
}

/* Makes groups of the states of the run in the lanes: of all that have rows, or of the one that is
 * picked. */
static mdl_status end_lane_run(mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t morsel,
                               mdl_error *error)
{
    mdli_group_list *list = &a->morsels[morsel];
    const size_t size = (size_t)a->layout.size_bytes;
    const int32_t rows_offset = a->layout.accumulators[0].offset;
    if (worker->lane_rows == 0) {
        return MDL_OK;
    }
    if (a->picks_greatest_lane && !worker->is_flushed) {
        return pick_lane(a, worker, list, error);
    }
    flush_lanes(a, worker);
    int32_t picked = a->pick != NULL ? mdli_pick_slot(a, worker->lane_states) : -1;
    int32_t first = picked >= 0 ? picked : 0;
    int32_t end = picked >= 0 ? picked + 1 : (int32_t)a->n_slots;
    MDLI_TRY(mdli_reserve_groups(a, list, end - first, error));
    for (int32_t slot = first; slot < end; slot++) {
        const char *state = worker->lane_states + (size_t)slot * size;
        if (mdli_state_count(state, rows_offset) > 0) {
            memcpy(list->states + (size_t)list->n_groups * size, state, size);
            list->leading[list->n_groups] = worker->lane_key;
            list->slots[list->n_groups++] = slot;
        }
    }
    memset(worker->lane_states, 0, (size_t)a->n_slots * size);
    worker->is_flushed = false;
    return MDL_OK;
}

/* The first lanes of every list are added to without a look at how many there are: the lane that
 * fills lists up takes what is too much. */
enum {
    LANES_AT_ONCE = 4
};

/* Adds the rest of the lanes of a list. */
static void fill_rest(const mdli_aggregator *a, const mdli_lane_list *list, int32_t slot,
                      uint64_t lane, uint64_t *lanes)
{
    if (list->n <= MDLI_LANE_LIST_MAX) {
        for (int i = LANES_AT_ONCE; i < list->n; i++) {
            lanes[list->lanes[i]] += lane;
        }
        return;
    }
    const int32_t *starts = a->before.starts;
    for (int32_t m = starts[slot] + LANES_AT_ONCE; m < starts[slot + 1]; m++) {
        lanes[a->before.row_slots[a->before.rows[m]]] += lane;
    }
}

/*
 * Adds rows [first, end) of one run to the lanes. Rows take the two sets of lanes in turn, so that
 * a row need not wait for the one before when both add to one lane.
 */
static void fill_lanes(mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t first,
                       int64_t end)
{
    const mdl_vector *v = a->n_arguments > 0 ? &worker->arguments[0] : NULL;
    const bool is_small = v != NULL && mdli_type_bytes(v->type) == 4;
    const int64_t least = v != NULL ? a->arguments[0].range.least : 0;
    const mdli_lane_list *lists = a->before.lane_lists;
    uint64_t *sets[] = {worker->lanes, worker->lanes + n_lanes(a)};
    for (int64_t i = first; i < end; i++) {
        int32_t slot = worker->groups[i];
        const mdli_lane_list *list = &lists[slot];
        uint64_t *lanes = sets[i & 1];
        int64_t value = is_small    ? ((const int32_t *)v->values)[i] - least
                        : v != NULL ? mdli_vector_integer(v, i) - least
                                    : 0;
        uint64_t lane = (uint64_t)1 << 32 | (uint64_t)value;
        for (int k = 0; k < LANES_AT_ONCE; k++) {
            lanes[list->lanes[k]] += lane;
        }
        if (list->n > LANES_AT_ONCE) {
            fill_rest(a, list, slot, lane, lanes);
        }
    }
}

/* What tells the rows at hand their lanes. */
typedef struct lane_keys {
    mdli_mask_table table; /* of masks, if there are any */
    const int32_t *keys;   /* in the table, or slots of the join's keys */
} lane_keys;

static mdl_status find_lanes(const mdli_aggregator *a, mdli_aggregate_worker *worker,
                             const mdl_vector *key, int64_t n_rows, lane_keys *out,
                             mdl_error *error)
{
    const mdli_before_join *before = &a->before;
    const int64_t n_slots = mdli_join_map_n_slots(before->map);
    *out = (lane_keys){.table = {before->lane_masks, (uint32_t)n_slots, 0}, .keys = worker->groups};
    if (before->lane_masks != NULL &&
        mdli_join_map_is_offset(before->map, key, &out->table.least)) {
        out->keys = key->values;
        return MDL_OK;
    }
    return mdli_join_map_number(before->map, key, n_rows, worker->groups, error);
}

/* Adds rows [first, end) of one run to the lanes that their masks tell. */
static void fill_masked_lanes(const mdli_aggregator *a, mdli_aggregate_worker *worker,
                              const lane_keys *by, int64_t first, int64_t end)
{
    static const int32_t zeros[MDLI_VECTOR_ROWS];
    const int32_t *keys = by->keys + first;
    if (a->n_arguments == 0) {
        a->kernels->add_to_lanes(&by->table, keys, zeros, end - first, 0, 0, worker->lanes);
        return;
    }
    const mdli_range *range = &a->arguments[0].range;
    const int32_t *values = (const int32_t *)worker->arguments[0].values + first;
    a->kernels->add_to_lanes(&by->table, keys, values, end - first, (int32_t)range->least,
                             (uint32_t)(range->greatest - range->least), worker->lanes);
}

mdl_status mdli_lanes_consume(mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t morsel,
                              const mdli_rows *rows, mdl_error *error)
{
    const mdl_vector *key = &rows->columns[a->before.join->left_keys[0]];
    lane_keys by;
    MDLI_TRY(find_lanes(a, worker, key, rows->n_rows, &by, error));
    for (int64_t i = 0; i < rows->n_rows;) {
        int64_t value;
        int64_t end = mdli_leading_run(a, worker, i, rows->n_rows, &value);
        end = end - i > MDLI_VECTOR_ROWS ? i + MDLI_VECTOR_ROWS : end;
        if (value != worker->lane_key) {
            MDLI_TRY(end_lane_run(a, worker, morsel, error));
        } else if (worker->lane_rows + (end - i) > a->before.lane_rows_max) {
            flush_lanes(a, worker);
        }
        worker->lane_key = value;
        if (a->before.lane_masks != NULL) {
            fill_masked_lanes(a, worker, &by, i, end);
        } else {
            fill_lanes(a, worker, i, end);
        }
        worker->lane_rows += end - i;
        i = end;
    }
    return MDL_OK;
}

mdl_status mdli_lanes_end_morsel(mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t morsel,
                                 mdl_error *error)
{
    return end_lane_run(a, worker, morsel, error);
}
