/*
 * Distinct rows: one row stays for each key, in the order of the input.
 */
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "operators/plan.h"
#include "operators/row_sort.h"
#include "operators/rowset.h"
#include "operators/sort_keys.h"
#include "operators/table_edit.h"

/* Blocks are shared when at most one row in so many is left out; else hardly any would be. */
#define SHARING_ROWS_PER_DROPPED 64

/* Rows of one job. */
enum {
    MARK_ROWS = 16 * MDLI_VECTOR_ROWS
};

/* Marking of the rows that stay, where equal keys stand together. */
typedef struct mark_jobs {
    const mdli_sort_keys *keys;
    mdl_keep keep;
    mdli_sort_reader *readers;
    uint8_t *marks;
} mark_jobs;

static mdl_status mark_range(void *data, int64_t job, int worker, mdl_error *error)
{
    mark_jobs *jobs = data;
    mdli_sort_reader *reader = &jobs->readers[worker];
    int64_t first = job * MARK_ROWS;
    int64_t n_left = jobs->keys->n_rows - first;
    int64_t end = first + (n_left < MARK_ROWS ? n_left : MARK_ROWS);
    /* That a row is the last of its key shows at the row after it. */
    int64_t shift = jobs->keep == MDL_KEEP_LAST ? 1 : 0;
    MDLI_TRY(mdli_sort_reader_seek(reader, first, error));
    for (int64_t row = first; row < end; row += reader->n_rows) {
        int64_t n = end - row < MDLI_VECTOR_ROWS ? end - row : MDLI_VECTOR_ROWS;
        MDLI_TRY(mdli_sort_reader_read(reader, row, n, error));
        mdli_sort_reader_relate(reader, 0);
        for (int64_t i = 0; i < n; i++) {
            if (reader->relations[i] != MDLI_RELATION_EQUAL && row + i >= shift) {
                jobs->marks[row + i - shift] = 1;
            }
        }
    }
    return MDL_OK;
}

static mdl_status mark_runs(const mdli_sort_keys *keys, mdl_keep keep, uint8_t *marks,
                            mdl_error *error)
{
    mark_jobs jobs = {.keys = keys, .keep = keep, .marks = marks};
    int64_t n_jobs = (keys->n_rows + MARK_ROWS - 1) / MARK_ROWS;
    int n_workers = mdli_n_workers(keys->context, n_jobs);
    MDLI_TRY(mdli_sort_readers_create(keys, n_workers, &jobs.readers, error));
    mdl_status status = mdli_parallel_for(keys->context, n_jobs, mark_range, &jobs, error);
    mdli_sort_readers_free(keys->context, jobs.readers, n_workers);
    if (keep == MDL_KEEP_LAST) {
        marks[keys->n_rows - 1] = 1;
    }
    return status;
}

static mdl_status mark_by_sorting(const mdli_sort_keys *keys, mdl_keep keep, uint8_t *marks,
                                  mdl_error *error)
{
    mdli_row_list list;
    mdli_pick pick = keep == MDL_KEEP_FIRST ? MDLI_PICK_FIRST : MDLI_PICK_LAST;
    MDLI_TRY(mdli_sort_rows(keys, pick, 0, &list, error));
    for (int64_t i = 0; i < list.n_rows; i++) {
        marks[list.rows[i]] = 1;
    }
    mdli_free(keys->context, list.rows);
    return MDL_OK;
}

/* Leaves out the few rows that are not marked. */
static mdl_status drop_unmarked(mdl_context *context, const mdl_table *input, const uint8_t *marks,
                                int64_t n_dropped, mdl_table **out, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, n_dropped, sizeof(mdli_table_edit), "distinct", &memory,
                                 error));
    mdli_table_edit *edits = memory;
    int64_t n = 0;
    for (int64_t row = 0; row < input->n_rows; row++) {
        if (marks[row] == 0) {
            edits[n++] = (mdli_table_edit){.row = row, .new_row = -1, .drops_row = true};
        }
    }
    mdl_status status = mdli_table_apply_edits(context, input, NULL, edits, n_dropped, out, error);
    mdli_free(context, memory);
    return status;
}

static mdl_status take_marked(mdl_context *context, const mdl_table *input, const uint8_t *marks,
                              mdl_table **out, mdl_error *error)
{
    int64_t n_dropped = 0;
    for (int64_t row = 0; row < input->n_rows; row++) {
        n_dropped += marks[row] == 0;
    }
    if (n_dropped == 0) {
        *out = mdl_table_clone(input);
        return MDL_OK;
    }
    if (n_dropped <= input->n_rows / SHARING_ROWS_PER_DROPPED) {
        return drop_unmarked(context, input, marks, n_dropped, out, error);
    }
    mdli_row_list list;
    MDLI_TRY(mdli_marked_rows(context, marks, input->n_rows, &list, error));
    mdl_status status = mdli_table_take(context, input, list.rows, list.n_rows, out, error);
    mdli_free(context, list.rows);
    return status;
}

static mdl_status keep_distinct(mdl_rel *rel, const mdl_table *input, const mdli_sort_keys *keys,
                                mdl_table **out, mdl_error *error)
{
    mdl_context *context = rel->query->context;
    mdli_row_order order;
    void *marks;
    MDLI_TRY(mdli_sort_keys_check(keys, 0, &order, error));
    if (order.is_strict) {
        mdli_trace_strategy(rel, "rows are in order, none twice: columns shared");
        *out = mdl_table_clone(input);
    } else {
        MDLI_TRY(mdli_allocate_zeroed(context, (size_t)input->n_rows, "distinct", &marks, error));
        mdl_status status;
        if (order.is_ascending) {
            mdli_trace_strategy(rel, "rows are in order: neighbours compared");
            status = mark_runs(keys, rel->keep, marks, error);
        } else {
            mdli_trace_strategy(rel, "radix sort of %d-bit keys", (int)keys->n_bits);
            status = mark_by_sorting(keys, rel->keep, marks, error);
        }
        if (status == MDL_OK) {
            status = take_marked(context, input, marks, out, error);
        }
        mdli_free(context, marks);
        MDLI_TRY(status);
    }
    rel->trace.is_strictly_ordered_by_keys = order.is_ascending;
    return MDL_OK;
}

mdl_status mdli_execute_distinct(mdl_rel *rel, const mdl_table *input, mdl_table **out,
                                 mdl_error *error)
{
    mdli_sort_keys keys;
    *out = NULL;
    MDLI_TRY(mdli_sort_keys_init(&keys, rel->query->context, input, rel->keys, rel->n_keys, error));
    mdl_status status = keep_distinct(rel, input, &keys, out, error);
    mdli_sort_keys_free(&keys);
    return status;
}
