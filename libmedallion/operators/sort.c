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
#include "operators/stretch_sort.h"
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

/* Whether the stretches that repeats make are short in the mean, and none too long to be sorted by
 * the blocks that it lies in. */
static bool are_stretches_short(const uint64_t *repeats, int64_t n_rows)
{
    int64_t n_stretches = n_rows;
    int64_t n_full_words = 0;
    for (int64_t w = 0; w < (n_rows + 63) >> 6; w++) {
        n_stretches -= __builtin_popcountll(repeats[w]);
        n_full_words = ~repeats[w] == 0 ? n_full_words + 1 : 0;
        if (64 * (n_full_words + 2) > MDLI_STRETCH_ROWS_MAX) {
            return false;
        }
    }
    return n_rows / n_stretches <= STRETCH_ROWS_MAX;
}

/* Sorts the stretches of rows that are in the order of the first columns. */
static mdl_status sort_stretches(mdl_rel *rel, const mdl_table *input, const mdli_sort_keys *keys,
                                 int32_t n_ordered, const uint64_t *repeats, mdl_table **out,
                                 mdl_error *error)
{
    mdl_context *context = keys->context;
    void *memory;
    mdli_trace_strategy(rel, "rows are in order of the first %s: stretches sorted",
                        n_ordered == 1 ? "column" : "columns");
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)input->n_columns, "sort", &memory, error));
    bool *is_shared = memory;
    for (int32_t i = 0; i < n_ordered; i++) {
        is_shared[rel->order[i].column] =
            input->columns[rel->order[i].column]->type != MDL_TYPE_FLOAT64;
    }
    mdl_status status = mdli_sort_stretches(keys, n_ordered, repeats, input, is_shared, out,
                                            &rel->trace.is_strictly_ordered, error);
    if (status == MDL_OK && rel->trace.is_strictly_ordered) {
        status = mdli_prove_row_order(*out, rel->order, rel->n_order, error);
    }
    if (status != MDL_OK) {
        mdl_table_free(*out);
        *out = NULL;
    }
    mdli_free(context, memory);
    return status;
}

/*
 * Sorts rows by stretches if they are in the order of the first `n_ordered` columns and these leave
 * only short ones; else `*out` stays NULL.
 */
static mdl_status try_stretches(mdl_rel *rel, const mdl_table *input, const mdli_sort_keys *keys,
                                int32_t n_ordered, mdl_table **out, mdl_error *error)
{
    mdl_context *context = keys->context;
    mdli_row_order order;
    void *memory;
    if (n_ordered == 0 || n_ordered == keys->n_columns) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)((keys->n_rows + 63) >> 6) * sizeof(uint64_t),
                                  "sort", &memory, error));
    uint64_t *repeats = memory;
    mdl_status status = mdli_find_row_order(keys, n_ordered, repeats, &order, error);
    if (status == MDL_OK && order.is_ascending && are_stretches_short(repeats, keys->n_rows)) {
        status = sort_stretches(rel, input, keys, n_ordered, repeats, out, error);
    }
    mdli_free(context, memory);
    return status;
}

/* Sorts by whole keys, as numbers. */
static mdl_status sort_by_keys(mdl_rel *rel, const mdl_table *input, const mdli_sort_keys *keys,
                               mdl_table **out, mdl_error *error)
{
    mdl_context *context = rel->query->context;
    mdli_row_order order;
    mdli_row_list list;
    MDLI_TRY(mdli_find_row_order(keys, keys->n_columns, NULL, &order, error));
    rel->trace.is_strictly_ordered = order.is_strict;
    if (order.is_ascending) {
        mdli_trace_strategy(rel, "rows are in order: blocks shared");
        *out = mdl_table_clone(input);
        return MDL_OK;
    }
    MDLI_TRY(try_stretches(rel, input, keys, order.n_ordered, out, error));
    if (*out != NULL) {
        return MDL_OK;
    }
    mdli_trace_strategy(rel, "radix sort of %d-bit keys", (int)keys->n_bits);
    MDLI_TRY(mdli_sort_rows(keys, MDLI_PICK_ALL, 0, &list, error));
    rel->trace.is_strictly_ordered = list.has_distinct_keys;
    mdl_status status = mdli_table_take(context, input, list.rows, list.n_rows, out, error);
    mdli_free(context, list.rows);
    return status;
}

/*
 * Sorts whole rows. A text whose dictionary is large is first left as it is: if the columns before it
 * leave short stretches, just texts that stand side by side are compared.
 */
static mdl_status sort_rows(mdl_rel *rel, const mdl_table *input, mdl_table **out, mdl_error *error)
{
    mdl_context *context = rel->query->context;
    mdli_sort_keys keys;
    int32_t n_before = 0;
    mdl_status status;
    MDLI_TRY(mdli_sort_keys_init_compared(&keys, context, input, rel->order, rel->n_order, error));
    while (n_before < keys.n_columns && !mdli_sort_column_has_codes_only(&keys.columns[n_before])) {
        n_before++;
    }
    if (n_before < keys.n_columns) {
        MDLI_TRY_GOTO_DONE(try_stretches(rel, input, &keys, n_before, out, error));
        if (*out != NULL) {
            goto done;
        }
        mdli_sort_keys_free(&keys);
        MDLI_TRY(mdli_sort_keys_init(&keys, context, input, rel->order, rel->n_order, error));
    }
    status = sort_by_keys(rel, input, &keys, out, error);
done:
    mdli_sort_keys_free(&keys);
    return status;
}

static mdl_status sort_all(mdl_rel *rel, const mdl_table *input, int64_t n_wanted, mdl_table **out,
                           mdl_error *error)
{
    mdl_table *sorted = NULL;
    MDLI_TRY(sort_rows(rel, input, &sorted, error));
    mdl_status status = mdli_table_first_rows(rel->query->context, sorted, n_wanted, out, error);
    mdl_table_free(sorted);
    return status;
}

static mdl_status take_best(mdl_rel *rel, const mdl_table *input, mdl_table **out, mdl_error *error)
{
    mdl_context *context = rel->query->context;
    mdli_sort_keys keys;
    mdli_row_list list = {.rows = NULL};
    mdl_status status;
    mdli_trace_strategy(rel, "heap of %lld rows", (long long)rel->limit);
    MDLI_TRY(mdli_sort_keys_init(&keys, context, input, rel->order, rel->n_order, error));
    MDLI_TRY_GOTO_DONE(mdli_sort_first_rows(&keys, rel->limit, &list, error));
    MDLI_TRY_GOTO_DONE(mdli_table_take(context, input, list.rows, list.n_rows, out, error));
done:
    mdli_free(context, list.rows);
    mdli_sort_keys_free(&keys);
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
    bool uses_heap = n_wanted <= HEAP_ROWS_MAX && n_wanted < input->n_rows / 4;
    return uses_heap ? take_best(rel, input, out, error)
                     : sort_all(rel, input, n_wanted, out, error);
}
