/*
 * The row of each group that comes first in an order.
 *
 * Groups and order make one sort key. Where the rows are in the order of the groups already, one
 * pass finds the least key of each; else the rows are sorted.
 */
#include <stdatomic.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "operators/plan.h"
#include "operators/row_order.h"
#include "operators/row_sort.h"
#include "operators/rowset.h"
#include "operators/sort_keys.h"

/* Rows of one job. */
enum {
    SEARCH_ROWS = 16 * MDLI_VECTOR_ROWS
};

typedef struct group_search {
    const mdli_sort_keys *keys;
    int32_t n_order_bits; /* lowest bits of the keys */
    mdli_sort_reader *readers;
    uint64_t *best;          /* the least key of a worker's group so far, for each worker */
    _Atomic uint64_t *marks; /* a bit per row; groups of two jobs may share a word */
} group_search;

/* The group that a job is in. */
typedef struct open_group {
    uint64_t *best;
    int64_t row; /* of the best key; −1 before the first group that begins in the job's rows */
} open_group;

static void mark_row(group_search *search, int64_t row)
{
    atomic_fetch_or_explicit(&search->marks[row >> 6], (uint64_t)1 << (row & 63),
                             memory_order_relaxed);
}

/* Takes row `row`, key `i` of the reader, into the group if it comes before its best. */
static void offer_row(const mdli_sort_reader *reader, int64_t i, int64_t row, open_group *group)
{
    int32_t n_words = reader->keys->n_words;
    const uint64_t *key = reader->words + 1 + i;
    bool is_better = group->row < 0;
    for (int32_t w = n_words - 1; w >= 0 && !is_better; w--) {
        uint64_t word = key[(int64_t)w * MDLI_SORT_STRIDE];
        if (word > group->best[w]) {
            return;
        }
        is_better = word < group->best[w];
    }
    if (is_better) {
        for (int32_t w = 0; w < n_words; w++) {
            group->best[w] = key[(int64_t)w * MDLI_SORT_STRIDE];
        }
        group->row = row;
    }
}

/*
 * Goes through the rows just read, the first of which is `row`. True when the job is done: the last
 * of the groups that begin before row `end` has ended.
 */
static bool search_vector(group_search *search, mdli_sort_reader *reader, int64_t row, int64_t end,
                          open_group *group)
{
    mdli_sort_reader_relate(reader, search->n_order_bits);
    for (int64_t i = 0; i < reader->n_rows; i++) {
        if (reader->relations[i] != MDLI_RELATION_EQUAL) {
            if (group->row >= 0) {
                mark_row(search, group->row);
            }
            group->row = -1;
            if (row + i >= end) {
                return true;
            }
            offer_row(reader, i, row + i, group);
        } else if (group->row >= 0) {
            offer_row(reader, i, row + i, group);
        }
    }
    return group->row < 0 && row + reader->n_rows >= end;
}

/* Finds the best rows of the groups that begin in the job's rows. */
static mdl_status search_range(void *data, int64_t job, int worker, mdl_error *error)
{
    group_search *search = data;
    const mdli_sort_keys *keys = search->keys;
    mdli_sort_reader *reader = &search->readers[worker];
    int64_t first = job * SEARCH_ROWS;
    int64_t end = keys->n_rows - first < SEARCH_ROWS ? keys->n_rows : first + SEARCH_ROWS;
    open_group group = {.best = search->best + (int64_t)worker * keys->n_words, .row = -1};
    MDLI_TRY(mdli_sort_reader_seek(reader, first, error));
    for (int64_t row = first; row < keys->n_rows; row += reader->n_rows) {
        int64_t n_left = keys->n_rows - row;
        MDLI_TRY(mdli_sort_reader_read(
            reader, row, n_left < MDLI_VECTOR_ROWS ? n_left : MDLI_VECTOR_ROWS, error));
        if (search_vector(search, reader, row, end, &group)) {
            return MDL_OK;
        }
    }
    if (group.row >= 0) {
        mark_row(search, group.row);
    }
    return MDL_OK;
}

/* Finds the rows where groups stand together, ascending. */
static mdl_status search_groups(const mdli_sort_keys *keys, int32_t n_order_bits,
                                mdli_row_list *out, mdl_error *error)
{
    mdl_context *context = keys->context;
    group_search search = {.keys = keys, .n_order_bits = n_order_bits};
    int64_t n_jobs = (keys->n_rows + SEARCH_ROWS - 1) / SEARCH_ROWS;
    int n_workers = mdli_n_workers(context, n_jobs);
    void *best = NULL;
    void *marks = NULL;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdli_allocate_array(context, (int64_t)n_workers * keys->n_words,
                                           sizeof(uint64_t), "arg-first", &best, error));
    MDLI_TRY_GOTO_DONE(mdli_allocate_zeroed(context,
                                            (size_t)((keys->n_rows + 63) >> 6) * sizeof(uint64_t),
                                            "arg-first", &marks, error));
    MDLI_TRY_GOTO_DONE(mdli_sort_readers_create(keys, n_workers, &search.readers, error));
    search.best = best;
    search.marks = marks;
    MDLI_TRY_GOTO_DONE(mdli_parallel_for(context, n_jobs, search_range, &search, error));
    status = mdli_marked_rows(context, marks, keys->n_rows, out, error);
done:
    mdli_sort_readers_free(context, search.readers, n_workers);
    mdli_free(context, best);
    mdli_free(context, marks);
    return status;
}

/* Finds the chosen rows, ascending by group. */
static mdl_status find_rows(mdl_rel *rel, const mdli_sort_keys *keys, mdli_row_list *out,
                            mdl_error *error)
{
    int32_t n_order_bits = mdli_sort_keys_bits_after(keys, rel->n_keys);
    mdli_row_order order;
    MDLI_TRY(mdli_find_row_order(keys, rel->n_keys, NULL, &order, error));
    if (order.is_ascending) {
        mdli_trace_strategy(rel, "groups are in order: one pass");
        return search_groups(keys, n_order_bits, out, error);
    }
    mdli_trace_strategy(rel, "radix sort of %d-bit keys", (int)keys->n_bits);
    return mdli_sort_rows(keys, MDLI_PICK_FIRST, n_order_bits, out, error);
}

/* Makes one key of the groups and the order; freed with mdli_free. */
static mdl_status combine_keys(const mdl_rel *rel, mdli_key **out, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(rel->query->context, (int64_t)rel->n_keys + rel->n_order,
                                 sizeof(mdli_key), "arg-first", &memory, error));
    *out = memory;
    for (int32_t i = 0; i < rel->n_keys; i++) {
        (*out)[i] = rel->keys[i];
    }
    for (int32_t i = 0; i < rel->n_order; i++) {
        (*out)[rel->n_keys + i] = rel->order[i];
    }
    return MDL_OK;
}

mdl_status mdli_execute_arg_first(mdl_rel *rel, const mdl_table *input, mdl_table **out,
                                  mdl_error *error)
{
    mdl_context *context = rel->query->context;
    mdli_sort_keys keys = {0};
    mdli_row_list list = {0};
    mdli_key *columns = NULL;
    mdl_status status;
    *out = NULL;
    MDLI_TRY_GOTO_DONE(combine_keys(rel, &columns, error));
    MDLI_TRY_GOTO_DONE(
        mdli_sort_keys_init(&keys, context, input, columns, rel->n_keys + rel->n_order, error));
    MDLI_TRY_GOTO_DONE(find_rows(rel, &keys, &list, error));
    status = mdli_table_take(context, input, list.rows, list.n_rows, out, error);
done:
    mdli_free(context, list.rows);
    mdli_free(context, columns);
    mdli_sort_keys_free(&keys);
    return status;
}
