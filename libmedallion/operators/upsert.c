/*
 * Upsert: rows of an ordered table put into another with the same order.
 *
 * A pass over both finds where each changed row goes; then the base is edited, and blocks into
 * which no change falls are shared.
 */
#include <stdio.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "operators/plan.h"
#include "operators/row_order.h"
#include "operators/rowset.h"
#include "operators/sort_keys.h"
#include "operators/table_edit.h"

/* Says what is wrong with the order of a side. */
static mdl_status fault_order(const mdl_rel *rel, const mdl_table *table,
                              const mdli_row_order *order, const char *side, mdl_error *error)
{
    char names[160];
    size_t used = 0;
    names[0] = '\0';
    for (int32_t k = 0; k < rel->n_keys && used < sizeof names; k++) {
        int written = snprintf(names + used, sizeof names - used, "%s%s", k > 0 ? ", " : "",
                               table->names[rel->keys[k].column]);
        used += written > 0 ? (size_t)written : 0;
    }
    return mdl_error_set(
        error, MDL_E_DATA,
        "upsert: the %s must be ascending by %s with no key twice, but row %lld is "
        "not above the row before it",
        side, names, (long long)order->first_bad);
}

static mdl_status check_side(const mdl_rel *rel, const mdl_table *table, const char *side,
                             mdl_error *error)
{
    mdli_sort_keys keys;
    mdli_row_order order;
    MDLI_TRY(mdli_sort_keys_init(&keys, rel->query->context, table, rel->keys, rel->n_keys, error));
    mdl_status status = mdli_find_row_order(&keys, rel->n_keys, NULL, &order, error);
    mdli_sort_keys_free(&keys);
    if (status == MDL_OK && !order.is_strict) {
        status = fault_order(rel, table, &order, side, error);
    }
    return status;
}

/* Reads the key columns of one side, vector by vector. */
typedef struct key_cursor {
    mdl_context *context;
    const mdl_table *table;
    const mdli_key *columns;
    int32_t n_columns;
    mdli_decode_buffer *buffers; /* one for each key column */
    mdl_vector *keys;
    int64_t first_row; /* of the vectors */
    int64_t n_rows;
} key_cursor;

static void key_cursor_free(key_cursor *cursor)
{
    for (int32_t k = 0; cursor->buffers != NULL && k < cursor->n_columns; k++) {
        mdli_decode_buffer_free(&cursor->buffers[k]);
    }
    mdli_free(cursor->context, cursor->buffers);
}

/* Reads the next rows; none at the end of the table. */
static mdl_status key_cursor_next(key_cursor *cursor, mdl_error *error)
{
    MDLI_TRY(mdli_check_cancel(cursor->context, error));
    cursor->first_row += cursor->n_rows;
    int64_t n_left = cursor->table->n_rows - cursor->first_row;
    cursor->n_rows = n_left < MDLI_VECTOR_ROWS ? n_left : MDLI_VECTOR_ROWS;
    for (int32_t k = 0; k < cursor->n_columns; k++) {
        MDLI_TRY(mdli_column_read(cursor->table->columns[cursor->columns[k].column],
                                  cursor->first_row, cursor->n_rows, &cursor->buffers[k],
                                  &cursor->keys[k], error));
    }
    return MDL_OK;
}

/* Opens a cursor whose context, table and columns are set. */
static mdl_status key_cursor_open(key_cursor *cursor, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(cursor->context, cursor->n_columns,
                                 sizeof(mdli_decode_buffer) + sizeof(mdl_vector), "upsert", &memory,
                                 error));
    cursor->buffers = memory;
    cursor->keys = (mdl_vector *)(void *)(cursor->buffers + cursor->n_columns);
    for (int32_t k = 0; k < cursor->n_columns; k++) {
        mdli_decode_buffer_init(&cursor->buffers[k], cursor->context);
    }
    return key_cursor_next(cursor, error);
}

/* Orders row a of one cursor's vectors and row b of another's. */
static int compare_keys(const key_cursor *a, int64_t row_a, const key_cursor *b, int64_t row_b)
{
    int order = 0;
    for (int32_t k = 0; k < a->n_columns && order == 0; k++) {
        order = mdli_compare_rows(&a->keys[k], row_a, &b->keys[k], row_b, false);
    }
    return order;
}

/* The first row of the base's vectors that is not below row `change` of the changes'; n_rows =
 * none. */
static int64_t find_place(const key_cursor *base, const key_cursor *changes, int64_t change)
{
    int64_t low = 0;
    int64_t high = base->n_rows;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (compare_keys(base, middle, changes, change) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Finds the edit of each changed row. */
static mdl_status find_edits(key_cursor *base, key_cursor *changes, mdli_table_edit *edits,
                             mdl_error *error)
{
    while (changes->n_rows > 0) {
        for (int64_t i = 0; i < changes->n_rows; i++) {
            while (base->n_rows > 0 && compare_keys(base, base->n_rows - 1, changes, i) < 0) {
                MDLI_TRY(key_cursor_next(base, error));
            }
            int64_t place = find_place(base, changes, i);
            edits[changes->first_row + i] = (mdli_table_edit){
                .row = base->first_row + place,
                .new_row = changes->first_row + i,
                .drops_row = place < base->n_rows && compare_keys(base, place, changes, i) == 0,
            };
        }
        MDLI_TRY(key_cursor_next(changes, error));
    }
    return MDL_OK;
}

mdl_status mdli_find_edits(mdl_context *context, const mdl_table *base, const mdl_table *changes,
                           const mdli_key *columns, int32_t n_columns, mdli_table_edit *edits,
                           mdl_error *error)
{
    key_cursor base_cursor = {
        .context = context, .table = base, .columns = columns, .n_columns = n_columns};
    key_cursor changes_cursor = base_cursor;
    changes_cursor.table = changes;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(key_cursor_open(&base_cursor, error));
    MDLI_TRY_GOTO_DONE(key_cursor_open(&changes_cursor, error));
    MDLI_TRY_GOTO_DONE(find_edits(&base_cursor, &changes_cursor, edits, error));
done:
    key_cursor_free(&base_cursor);
    key_cursor_free(&changes_cursor);
    return status;
}

static mdl_status edit_base(mdl_rel *rel, const mdl_table *base, const mdl_table *changes,
                            mdl_table **out, mdl_error *error)
{
    mdl_context *context = rel->query->context;
    void *memory;
    mdl_status status;
    MDLI_TRY(mdli_allocate_array(context, changes->n_rows, sizeof(mdli_table_edit), "upsert",
                                 &memory, error));
    const mdli_table_edit *edits = memory;
    MDLI_TRY_GOTO_DONE(
        mdli_find_edits(context, base, changes, rel->keys, rel->n_keys, memory, error));
    if (edits[0].row == base->n_rows && changes->n_rows >= mdli_context_block_rows(context)) {
        mdli_trace_strategy(rel, "changes come after the base: blocks shared");
        status = mdli_table_concat(context, base, changes, out, error);
    } else {
        mdli_trace_strategy(rel, "merge; blocks without changes shared");
        status = mdli_table_apply_edits(context, base, changes, edits, changes->n_rows, out, error);
    }
done:
    mdli_free(context, memory);
    return status;
}

mdl_status mdli_execute_upsert(mdl_rel *rel, const mdl_table *base, const mdl_table *changes,
                               mdl_table **out, mdl_error *error)
{
    *out = NULL;
    if (changes->n_rows == 0) {
        mdli_trace_strategy(rel, "no changes: columns of the base shared");
        *out = mdl_table_clone(base);
        return MDL_OK;
    }
    MDLI_TRY(check_side(rel, changes, "table of changes", error));
    if (base->n_rows == 0) {
        mdli_trace_strategy(rel, "base is empty: columns of the changes shared");
        *out = mdl_table_clone(changes);
        return MDL_OK;
    }
    MDLI_TRY(check_side(rel, base, "base", error));
    return edit_base(rel, base, changes, out, error);
}
