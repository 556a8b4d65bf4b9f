/*
 * Sorting, and the first n rows of a sort.
 */
#include "base/error.h"
#include "base/memory.h"
#include "operators/plan.h"
#include "operators/row_order.h"
#include "operators/row_sort.h"
#include "operators/rowset.h"
#include "operators/sort_keys.h"
#include "operators/table_edit.h"

/* Up to so many rows a heap of the best is quicker than sorting all. */
#define HEAP_ROWS_MAX 16384

/* Mean rows of stretches up to which they are sorted one by one. */
#define STRETCH_ROWS_MAX 64

/*
 * Whether the input's order is known without a look at it: it is a distinct whose rows came out
 * ascending by its keys, and the order asked for begins with those keys, or they with it.
 */
static bool is_known_to_be_sorted(const mdl_rel *rel)
{
    const mdl_rel *input = rel->left;
    if (input->kind != MDLI_REL_DISTINCT || !input->trace.is_strictly_ordered) {
        return false;
    }
    for (int32_t i = 0; i < rel->n_order && i < input->n_keys; i++) {
        if (rel->order[i].is_descending || rel->order[i].column != input->keys[i].column) {
            return false;
        }
    }
    return true;
}

/*
 * Sorts rows that are in the order of the first columns, if those leave only short stretches to
 * sort; else `*is_done` is false.
 */
static mdl_status sort_stretches(mdl_rel *rel, const mdli_sort_keys *keys, int32_t n_ordered,
                                 mdli_row_list *list, bool *is_done, mdl_error *error)
{
    mdl_context *context = keys->context;
    mdli_row_order order;
    int64_t n_words = (keys->n_rows + 63) >> 6;
    int64_t n_stretches = keys->n_rows;
    void *memory;
    *is_done = false;
    if (n_ordered == 0) {
        return MDL_OK;
    }
    MDLI_TRY(
        mdli_allocate_zeroed(context, (size_t)n_words * sizeof(uint64_t), "sort", &memory, error));
    uint64_t *repeats = memory;
    mdl_status status = mdli_find_row_order(keys, n_ordered, repeats, &order, error);
    for (int64_t w = 0; status == MDL_OK && w < n_words; w++) {
        n_stretches -= __builtin_popcountll(repeats[w]);
    }
    if (status == MDL_OK && keys->n_rows / n_stretches <= STRETCH_ROWS_MAX) {
        mdli_trace_strategy(rel, "rows are in order of the first %s: stretches sorted",
                            n_ordered == 1 ? "column" : "columns");
        status = mdli_sort_stretches(keys, repeats, list, error);
        *is_done = true;
    }
    mdli_free(context, memory);
    return status;
}

static mdl_status sort_all(mdl_rel *rel, const mdl_table *input, const mdli_sort_keys *keys,
                           int64_t n_wanted, mdl_table **out, mdl_error *error)
{
    mdl_context *context = rel->query->context;
    mdli_row_order order;
    mdli_row_list list;
    bool is_done;
    MDLI_TRY(mdli_find_row_order(keys, keys->n_columns, NULL, &order, error));
    rel->trace.is_strictly_ordered = order.is_strict;
    if (order.is_ascending) {
        mdli_trace_strategy(rel, "rows are in order: blocks shared");
        return mdli_table_first_rows(context, input, n_wanted, out, error);
    }
    MDLI_TRY(sort_stretches(rel, keys, order.n_ordered, &list, &is_done, error));
    if (!is_done) {
        mdli_trace_strategy(rel, "radix sort of %d-bit keys", (int)keys->n_bits);
        MDLI_TRY(mdli_sort_rows(keys, MDLI_PICK_ALL, 0, &list, error));
    }
    rel->trace.is_strictly_ordered = list.has_distinct_keys;
    mdl_status status = mdli_table_take(context, input, list.rows, n_wanted, out, error);
    mdli_free(context, list.rows);
    return status;
}

static mdl_status take_best(mdl_rel *rel, const mdl_table *input, const mdli_sort_keys *keys,
                            mdl_table **out, mdl_error *error)
{
    mdl_context *context = rel->query->context;
    mdli_row_list list;
    mdli_trace_strategy(rel, "heap of %lld rows", (long long)rel->limit);
    MDLI_TRY(mdli_sort_first_rows(keys, rel->limit, &list, error));
    mdl_status status = mdli_table_take(context, input, list.rows, list.n_rows, out, error);
    mdli_free(context, list.rows);
    return status;
}

mdl_status mdli_execute_sort(mdl_rel *rel, const mdl_table *input, mdl_table **out,
                             mdl_error *error)
{
    bool is_top_n = rel->kind == MDLI_REL_TOP_N;
    int64_t n_wanted = is_top_n && rel->limit < input->n_rows ? rel->limit : input->n_rows;
    *out = NULL;
    if (rel->n_order == 0 || n_wanted == 0 || is_known_to_be_sorted(rel)) {
        mdli_trace_strategy(rel, "rows are in order: blocks shared");
        return mdli_table_first_rows(rel->query->context, input, n_wanted, out, error);
    }
    mdli_sort_keys keys;
    MDLI_TRY(
        mdli_sort_keys_init(&keys, rel->query->context, input, rel->order, rel->n_order, error));
    bool uses_heap = n_wanted <= HEAP_ROWS_MAX && n_wanted < input->n_rows / 4;
    mdl_status status = uses_heap ? take_best(rel, input, &keys, out, error)
                                  : sort_all(rel, input, &keys, n_wanted, out, error);
    mdli_sort_keys_free(&keys);
    return status;
}
