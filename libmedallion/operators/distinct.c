/*
 * Distinct rows: one row stays for each key, in the order of the input.
 */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "operators/plan.h"
#include "operators/row_order.h"
#include "operators/row_sort.h"
#include "operators/rowset.h"
#include "operators/sort_keys.h"
#include "operators/table_edit.h"

/* Blocks are shared when at most one row in so many is left out; else hardly any would be. */
#define SHARING_ROWS_PER_DROPPED 64

/*
 * Turns the marks of rows that repeat the row before into marks of the rows that stay. That a row
 * is the last of its key shows at the row after it.
 */
static void keep_of_repeats(uint64_t *bits, int64_t n_rows, mdl_keep keep)
{
    int64_t n_words = (n_rows + 63) >> 6;
    for (int64_t w = 0; w < n_words; w++) {
        uint64_t next = w + 1 < n_words ? bits[w + 1] << 63 : 0;
        bits[w] = ~(keep == MDL_KEEP_FIRST ? bits[w] : bits[w] >> 1 | next);
    }
    if ((n_rows & 63) != 0) {
        bits[n_words - 1] &= ((uint64_t)1 << (n_rows & 63)) - 1;
    }
}

static mdl_status keep_by_sorting(const mdli_sort_keys *keys, mdl_keep keep, uint64_t *bits,
                                  mdl_error *error)
{
    mdli_row_list list;
    mdli_pick pick = keep == MDL_KEEP_FIRST ? MDLI_PICK_FIRST : MDLI_PICK_LAST;
    MDLI_TRY(mdli_sort_rows(keys, pick, 0, &list, error));
    memset(bits, 0, (size_t)((keys->n_rows + 63) >> 6) * sizeof *bits);
    for (int64_t i = 0; i < list.n_rows; i++) {
        bits[list.rows[i] >> 6] |= (uint64_t)1 << (list.rows[i] & 63);
    }
    mdli_free(keys->context, list.rows);
    return MDL_OK;
}

/* Leaves out the few rows that do not stay. */
static mdl_status drop_others(mdl_context *context, const mdl_table *input, const uint64_t *kept,
                              int64_t n_dropped, mdl_table **out, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, n_dropped, sizeof(mdli_table_edit), "distinct", &memory,
                                 error));
    mdli_table_edit *edits = memory;
    int64_t n = 0;
    for (int64_t row = 0; row < input->n_rows; row++) {
        if (!mdli_bit(kept, row)) {
            edits[n++] = (mdli_table_edit){.row = row, .new_row = -1, .drops_row = true};
        }
    }
    mdl_status status = mdli_table_apply_edits(context, input, NULL, edits, n_dropped, out, error);
    mdli_free(context, memory);
    return status;
}

static mdl_status take_kept(mdl_context *context, const mdl_table *input, const uint64_t *kept,
                            mdl_table **out, mdl_error *error)
{
    int64_t n_dropped = input->n_rows;
    for (int64_t w = 0; w < (input->n_rows + 63) >> 6; w++) {
        n_dropped -= __builtin_popcountll(kept[w]);
    }
    if (n_dropped == 0) {
        *out = mdl_table_clone(input);
        return MDL_OK;
    }
    if (n_dropped <= input->n_rows / SHARING_ROWS_PER_DROPPED) {
        return drop_others(context, input, kept, n_dropped, out, error);
    }
    mdli_row_list list;
    MDLI_TRY(mdli_marked_rows(context, kept, input->n_rows, &list, error));
    mdl_status status = mdli_table_take(context, input, list.rows, list.n_rows, out, error);
    mdli_free(context, list.rows);
    return status;
}

/* Finds the rows that stay, where some may not. `bits` is all 0 before. */
static mdl_status find_kept(mdl_rel *rel, const mdli_sort_keys *keys, uint64_t *bits,
                            mdli_row_order *order, mdl_error *error)
{
    MDLI_TRY(mdli_find_row_order(keys, keys->n_columns, bits, order, error));
    rel->trace.is_strictly_ordered = order->is_ascending;
    if (order->is_ascending) {
        mdli_trace_strategy(rel, order->is_strict ? "rows are in order, none twice: columns shared"
                                                  : "rows are in order: neighbours compared");
        keep_of_repeats(bits, keys->n_rows, rel->keep);
        return MDL_OK;
    }
    mdli_trace_strategy(rel, "radix sort of %d-bit keys", (int)keys->n_bits);
    return keep_by_sorting(keys, rel->keep, bits, error);
}

static mdl_status keep_distinct(mdl_rel *rel, const mdl_table *input, const mdli_sort_keys *keys,
                                mdl_table **out, mdl_error *error)
{
    mdl_context *context = rel->query->context;
    mdli_row_order order;
    void *bits;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)((input->n_rows + 63) >> 6) * sizeof(uint64_t),
                                  "distinct", &bits, error));
    mdl_status status = find_kept(rel, keys, bits, &order, error);
    if (status == MDL_OK && order.is_strict) {
        *out = mdl_table_clone(input);
    } else if (status == MDL_OK) {
        status = take_kept(context, input, bits, out, error);
    }
    mdli_free(context, bits);
    return status;
}

/* Whether the input is a sort by the keys, or by the first of them, that has found none twice. */
static bool is_known_to_be_distinct(const mdl_rel *rel)
{
    const mdl_rel *input = rel->left;
    bool is_sort = input->kind == MDLI_REL_SORT || input->kind == MDLI_REL_TOP_N;
    if (!is_sort || !input->trace.is_strictly_ordered || input->n_order > rel->n_keys) {
        return false;
    }
    for (int32_t i = 0; i < input->n_order; i++) {
        if (input->order[i].is_descending || input->order[i].column != rel->keys[i].column) {
            return false;
        }
    }
    return true;
}

mdl_status mdli_execute_distinct(mdl_rel *rel, const mdl_table *input, mdl_table **out,
                                 mdl_error *error)
{
    mdli_sort_keys keys;
    *out = NULL;
    if (is_known_to_be_distinct(rel)) {
        mdli_trace_strategy(rel, "the sort found none twice: columns shared");
        rel->trace.is_strictly_ordered = true;
        *out = mdl_table_clone(input);
        return MDL_OK;
    }
    MDLI_TRY(mdli_sort_keys_init(&keys, rel->query->context, input, rel->keys, rel->n_keys, error));
    mdl_status status = keep_distinct(rel, input, &keys, out, error);
    mdli_sort_keys_free(&keys);
    return status;
}
