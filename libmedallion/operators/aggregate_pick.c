/*
 * Picking the first group of each run.
 *
 * "The genre with most of a user's ratings" is an aggregate by user and genre, and of each user the
 * row that comes first in some order. Where a user's groups are complete when his run ends, the
 * pick can be made there, on the states, and the other groups need never become rows.
 */
#include <string.h>

#include "base/error.h"
#include "operators/aggregate_internal.h"

/* The accumulator whose integer is the value of an aggregate that is never NULL; −1 = there is
 * none. */
static int32_t integer_accumulator(const mdli_aggregator *a, int32_t item)
{
    const mdli_output_plan *plan = &a->outputs[item];
    const mdli_accumulator *accs = a->layout.accumulators;
    if (plan->main < 0) {
        return plan->rows;
    }
    switch (accs[plan->main].kind) {
    case MDLI_ACC_COUNT_IF:
    case MDLI_ACC_DISTINCT:
        return plan->main;
    case MDLI_ACC_SUM:
        /* The sum, not an average; and no group is without a value. */
        return strcmp(a->rel->items[item].aggregate, "sum") == 0 &&
                       !a->arguments[accs[plan->main].argument].may_be_null
                   ? plan->main
                   : -1;
    default:
        return -1;
    }
}

/* Translates one order key; false when states do not tell it. */
static bool translate_key(const mdli_aggregator *a, const mdli_key *key, mdli_pick_key *out)
{
    int32_t n_keys = a->rel->n_keys;
    out->is_descending = key->is_descending;
    if (key->column >= n_keys) {
        out->accumulator = integer_accumulator(a, key->column - n_keys);
        return out->accumulator >= 0;
    }
    /* Slots ascend with the second key, NULL last; descending would put NULL first. */
    out->accumulator = -1;
    return n_keys == 2 && key->column == 1 && !key->is_descending;
}

/* Whether lanes order groups as the pick does: they have the rows above the sum, if there is one. */
static bool has_order_of_lanes(const mdli_aggregator *a)
{
    const int32_t n = a->layout.n_accumulators;
    for (int32_t k = 0; k < n; k++) {
        if (k == a->pick->n_order || a->pick_keys[k].accumulator != k ||
            !a->pick_keys[k].is_descending) {
            return false;
        }
    }
    return a->pick->n_order == n || a->pick_keys[n].accumulator < 0;
}

mdl_status mdli_pick_plan(mdli_aggregator *a, const mdl_rel *pick, mdl_error *error)
{
    if (pick == NULL || !mdli_is_in_order(a) || a->rel->n_keys < 2 || pick->n_keys != 1 ||
        pick->keys[0].column != 0) {
        return MDL_OK;
    }
    void *memory;
    MDLI_TRY(mdli_allocate_array(a->context, pick->n_order, sizeof(mdli_pick_key), "aggregate",
                                 &memory, error));
    a->pick_keys = memory;
    for (int32_t k = 0; k < pick->n_order; k++) {
        if (!translate_key(a, &pick->order[k], &a->pick_keys[k])) {
            return MDL_OK;
        }
    }
    a->pick = pick;
    a->picks_greatest_lane = a->strategy == MDLI_GROUP_LANES && has_order_of_lanes(a);
    return MDL_OK;
}

/* Whether group g comes before group h of the same run; ties go to the lower slot, as in the full
 * result. */
static bool comes_before(const mdli_aggregator *a, const mdli_group_list *list, int64_t g,
                         int64_t h)
{
    int64_t size = a->layout.size_bytes;
    for (int32_t k = 0; k < a->pick->n_order; k++) {
        const mdli_pick_key *key = &a->pick_keys[k];
        int64_t x = list->slots[g];
        int64_t y = list->slots[h];
        if (key->accumulator >= 0) {
            int32_t offset = a->layout.accumulators[key->accumulator].offset;
            x = mdli_state_count(list->states + g * size, offset);
            y = mdli_state_count(list->states + h * size, offset);
        }
        if (x != y) {
            return (x < y) != key->is_descending;
        }
    }
    return list->slots[g] < list->slots[h];
}

void mdli_pick_groups(const mdli_aggregator *a, mdli_group_list *list)
{
    int64_t size = a->layout.size_bytes;
    int64_t n_kept = 0;
    for (int64_t g = 0; g < list->n_groups;) {
        int64_t best = g;
        int64_t leading = list->leading[g];
        for (g++; g < list->n_groups && list->leading[g] == leading; g++) {
            if (comes_before(a, list, g, best)) {
                best = g;
            }
        }
        memmove(list->states + n_kept * size, list->states + best * size, (size_t)size);
        list->leading[n_kept] = leading;
        list->slots[n_kept] = list->slots[best];
        n_kept++;
    }
    list->n_groups = n_kept;
}

int32_t mdli_pick_slot(const mdli_aggregator *a, const char *states)
{
    uint8_t slots[MDLI_LANES_MAX]; /* that have rows, and all order keys so far as good as any */
    int32_t n = 0;
    const int64_t size = a->layout.size_bytes;
    const int32_t rows_offset = a->layout.accumulators[0].offset;
    for (int32_t slot = 0; slot < a->n_slots; slot++) {
        slots[n] = (uint8_t)slot;
        n += mdli_state_count(states + slot * size, rows_offset) > 0;
    }
    for (int32_t k = 0; k < a->pick->n_order && n > 1; k++) {
        const mdli_pick_key *key = &a->pick_keys[k];
        if (key->accumulator < 0) {
            break; /* slots ascend */
        }
        const char *values = states + a->layout.accumulators[key->accumulator].offset;
        int64_t best = key->is_descending ? INT64_MIN : INT64_MAX;
        for (int32_t i = 0; i < n; i++) {
            int64_t value = mdli_state_count(values + slots[i] * size, 0);
            best = (value < best) != key->is_descending ? value : best;
        }
        int32_t n_best = 0;
        for (int32_t i = 0; i < n; i++) {
            slots[n_best] = slots[i];
            n_best += mdli_state_count(values + slots[i] * size, 0) == best;
        }
        n = n_best;
    }
    return n > 0 ? slots[0] : -1;
}
