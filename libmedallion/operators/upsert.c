/*
 * Upsert: rows of an ordered table put into another with the same order.
 *
 * A pass over both finds where each changed row goes; then the base is edited, and rows between the
 * changes are shared. Where statistics say that the base rises by its first key, the pass goes from
 * change to change and leaves out what lies between. Then it is only near the changes that the order
 * of the base is checked: rows that are not read cannot be, and reading all would cost more than
 * everything else.
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
static mdl_status fault_order(const mdl_rel *rel, const mdl_table *table, int64_t first_bad,
                              const char *side, mdl_error *error)
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
        side, names, (long long)first_bad);
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
        status = fault_order(rel, table, order.first_bad, side, error);
    }
    return status;
}

/* Whether statistics say that the table rises by its first key, so that places can be looked for. */
static bool rises_by_first_key(const mdl_table *table, const mdli_key *columns)
{
    const mdl_column *column = table->columns[columns[0].column];
    return mdli_type_is_integer(column->type) && column->stats.is_sorted &&
           !columns[0].is_descending;
}

/* Proves the order of the base where that takes no look at all rows or is certain to fail; else
 * `*is_proved` is false. */
static mdl_status check_base(const mdl_rel *rel, const mdl_table *base, bool *is_proved,
                             mdl_error *error)
{
    *is_proved = true;
    if (!rises_by_first_key(base, rel->keys)) {
        return check_side(rel, base, "base", error);
    }
    if (base->columns[rel->keys[0].column]->stats.is_strictly_sorted) {
        return MDL_OK;
    }
    *is_proved = rel->n_keys == 1;
    return rel->n_keys == 1 ? check_side(rel, base, "base", error) : MDL_OK;
}

/* A key column of one side. */
typedef struct key_values {
    mdli_decode_buffer buffer;
    mdl_vector values;
    bool is_read;    /* `values` are those of the rows at hand */
    int value_bytes; /* 4 or 8, where these are integers without NULL; 0 = others */
} key_values;

/*
 * Goes over one side, vector by vector. A key column is read only where two rows are alike in those
 * before it, which for the last of several is seldom. Comparing cannot fail, but reading can:
 * `failure` says so afterwards.
 */
typedef struct key_cursor {
    mdl_context *context;
    const mdl_table *table;
    const mdli_key *columns;
    int32_t n_columns;
    key_values *keys;  /* one for each key column */
    int64_t first_row; /* of the rows at hand */
    int64_t n_rows;
    int64_t n_wanted; /* rows to take at once */
    mdl_status failure;
    mdl_error *error;
} key_cursor;

static void key_cursor_free(key_cursor *cursor)
{
    for (int32_t k = 0; cursor->keys != NULL && k < cursor->n_columns; k++) {
        mdli_decode_buffer_free(&cursor->keys[k].buffer);
    }
    mdli_free(cursor->context, cursor->keys);
}

/* Takes the rows from `row` on; none at the end of the table. */
static mdl_status key_cursor_move(key_cursor *cursor, int64_t row, mdl_error *error)
{
    MDLI_TRY(mdli_check_cancel(cursor->context, error));
    const int64_t n_left = cursor->table->n_rows - row;
    cursor->first_row = row;
    cursor->n_rows = n_left < cursor->n_wanted ? n_left : cursor->n_wanted;
    for (int32_t k = 0; k < cursor->n_columns; k++) {
        cursor->keys[k].is_read = false;
    }
    return MDL_OK;
}

static mdl_status key_cursor_next(key_cursor *cursor, mdl_error *error)
{
    return key_cursor_move(cursor, cursor->first_row + cursor->n_rows, error);
}

/* Opens a cursor whose context, table and columns are set. */
static mdl_status key_cursor_open(key_cursor *cursor, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(cursor->context, cursor->n_columns, sizeof(key_values), "upsert",
                                 &memory, error));
    cursor->keys = memory;
    cursor->error = error;
    for (int32_t k = 0; k < cursor->n_columns; k++) {
        mdli_decode_buffer_init(&cursor->keys[k].buffer, cursor->context);
    }
    cursor->n_wanted = MDLI_VECTOR_ROWS;
    return key_cursor_move(cursor, 0, error);
}

/* Reads a key column of the rows at hand; false when that failed. */
static bool read_key(key_cursor *cursor, int32_t k)
{
    key_values *key = &cursor->keys[k];
    if (cursor->failure == MDL_OK) {
        cursor->failure =
            mdli_column_read(cursor->table->columns[cursor->columns[k].column], cursor->first_row,
                             cursor->n_rows, &key->buffer, &key->values, cursor->error);
    }
    key->is_read = cursor->failure == MDL_OK;
    const bool is_plain = key->is_read && key->values.type != MDL_TYPE_BOOL &&
                          mdli_type_is_integer(key->values.type) && key->values.validity == NULL;
    key->value_bytes = is_plain ? (int)mdli_type_bytes(key->values.type) : 0;
    return key->is_read;
}

/* Value `row` of integers without NULL. */
static inline int64_t plain_value(const key_values *key, int64_t row)
{
    return key->value_bytes == 4 ? ((const int32_t *)key->values.values)[row]
                                 : ((const int64_t *)key->values.values)[row];
}

/* As mdli_compare_rows, which the common case need not call. */
static inline int compare_values(const key_values *a, int64_t row_a, const key_values *b,
                                 int64_t row_b)
{
    if (a->value_bytes == 0 || b->value_bytes == 0) {
        return mdli_compare_rows(&a->values, row_a, &b->values, row_b, false);
    }
    const int64_t x = plain_value(a, row_a);
    const int64_t y = plain_value(b, row_b);
    return (x > y) - (x < y);
}

/* Orders row a of one cursor's and row b of another's; 0 also after a failure. */
static inline int compare_keys(key_cursor *a, int64_t row_a, key_cursor *b, int64_t row_b)
{
    int order = 0;
    for (int32_t k = 0; k < a->n_columns && order == 0; k++) {
        if ((!a->keys[k].is_read && !read_key(a, k)) || (!b->keys[k].is_read && !read_key(b, k))) {
            return 0;
        }
        order = compare_values(&a->keys[k], row_a, &b->keys[k], row_b);
    }
    return order;
}

/* The first block, from `from` on, of a column that rises whose last value is not below a value. */
static int64_t find_block(const mdl_column *column, int64_t from, int64_t value)
{
    int64_t low = from;
    int64_t high = column->n_blocks;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (column->blocks[middle]->last < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* A row, from `from` on, up to which all rows have a first key below a value, in a column that
 * rises: the first row of the last such frame. */
static mdl_status find_frame(const mdl_column *column, int64_t from, int64_t value,
                             mdli_decode_buffer *buffer, int64_t *row, mdl_error *error)
{
    const int64_t first = from < column->n_rows ? mdli_column_find_block(column, from) : 0;
    const int64_t b = from < column->n_rows ? find_block(column, first, value) : column->n_blocks;
    if (b == column->n_blocks) {
        *row = column->n_rows;
        return MDL_OK;
    }
    int64_t low = 0;
    int64_t high = (column->blocks[b]->n_rows - 1) / MDLI_FRAME_ROWS;
    while (low < high) {
        const int64_t middle = low + (high - low + 1) / 2;
        mdl_vector start;
        MDLI_TRY(mdli_block_decode(column->blocks[b], middle * MDLI_FRAME_ROWS, 1, buffer, &start,
                                   error));
        if (mdli_vector_integer(&start, 0) < value) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    const int64_t found = column->row_starts[b] + low * MDLI_FRAME_ROWS;
    *row = found > from ? found : from;
    return MDL_OK;
}

/* Goes on in a base that rises by its first key, of which all rows at hand are below a change. After
 * a jump few rows are likely to be wanted. */
static mdl_status jump(key_cursor *base, const key_cursor *changes, int64_t change,
                       mdl_error *error)
{
    const mdl_vector *first_key = &changes->keys[0].values; /* it was compared */
    const int64_t next = base->first_row + base->n_rows;
    int64_t row = base->table->n_rows;
    if (!mdl_vector_is_null(first_key, change)) {
        MDLI_TRY(find_frame(base->table->columns[base->columns[0].column], next,
                            mdli_vector_integer(first_key, change), &base->keys[0].buffer, &row,
                            error));
    }
    const int64_t n_more = 2 * base->n_wanted;
    base->n_wanted = row > next                  ? MDLI_FRAME_ROWS
                     : n_more < MDLI_VECTOR_ROWS ? n_more
                                                 : MDLI_VECTOR_ROWS;
    return key_cursor_move(base, row, error);
}

/*
 * Merging the rows at hand of both sides.
 */

/* Rows that are alike in the key columns before one. */
typedef struct alike_rows {
    int64_t base;
    int64_t base_end;
    int64_t change;
    int64_t change_end;
} alike_rows;

/* The first row in [from, end) of a rising column that is not below a value, or that is above it;
 * `end` = none. It is seldom far, so the steps start small. */
static inline int64_t skip_rows(const key_values *in, int64_t from, int64_t end,
                                const key_values *value, int64_t value_row, bool skips_equal)
{
    const int least = skips_equal ? 1 : 0; /* order of a row that is not skipped */
    int64_t low = from;
    int64_t high = from;
    for (int64_t step = 1; high < end && compare_values(in, high, value, value_row) < least;
         step *= 2) {
        low = high + 1;
        high += step;
    }
    high = high < end ? high : end;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (compare_values(in, middle, value, value_row) < least) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Notes the edits of changes of one place: the first row there, whose key they have or not. */
static void note_edits(const key_cursor *base, const key_cursor *changes, const alike_rows *rows,
                       bool have_its_key, mdli_table_edit *edits)
{
    for (int64_t i = rows->change; i < rows->change_end; i++) {
        edits[changes->first_row + i] = (mdli_table_edit){
            .row = base->first_row + rows->base,
            .new_row = changes->first_row + i,
            .drops_row = have_its_key,
        };
    }
}

/* Finds the edits of changes that are not above the last base row at hand: by one key column after
 * another, each of which is looked at only where rows are alike in those before. */
static void merge_rows(key_cursor *base, key_cursor *changes, int32_t k, alike_rows rows,
                       mdli_table_edit *edits)
{
    const bool is_last = k == base->n_columns - 1;
    if ((!base->keys[k].is_read && !read_key(base, k)) ||
        (!changes->keys[k].is_read && !read_key(changes, k))) {
        return;
    }
    const key_values *of_base = &base->keys[k];
    const key_values *of_changes = &changes->keys[k];
    while (rows.change < rows.change_end) {
        alike_rows alike = {.change = rows.change};
        alike.change_end =
            skip_rows(of_changes, rows.change + 1, rows.change_end, of_changes, rows.change, true);
        alike.base = skip_rows(of_base, rows.base, rows.base_end, of_changes, rows.change, false);
        alike.base_end =
            skip_rows(of_base, alike.base, rows.base_end, of_changes, rows.change, true);
        const bool has_alike = alike.base < alike.base_end;
        if (has_alike && !is_last) {
            merge_rows(base, changes, k + 1, alike, edits);
        } else {
            note_edits(base, changes, &alike, has_alike, edits);
        }
        rows.base = alike.base_end;
        rows.change = alike.change_end;
    }
}

/* The end of the changes, from `from` on, that are not above the last base row at hand; of all where
 * the base is at its end. */
static int64_t end_of_changes(key_cursor *base, key_cursor *changes, int64_t from)
{
    int64_t low = base->n_rows > 0 ? from : changes->n_rows;
    int64_t high = changes->n_rows;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (compare_keys(base, base->n_rows - 1, changes, middle) >= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The first row at hand that is next to the place of one of `n` edits and not above the row before
 * it; −1 = none. */
static int64_t find_disorder(key_cursor *base, const mdli_table_edit *edits, int64_t n)
{
    int64_t row = 1;
    for (int64_t e = 0; e < n; e++) {
        const int64_t place = edits[e].row - base->first_row;
        const int64_t end = place + 1 < base->n_rows ? place + 1 : base->n_rows - 1;
        for (row = row < place ? place : row; row <= end; row++) {
            if (compare_keys(base, row - 1, base, row) >= 0) {
                return base->first_row + row;
            }
        }
    }
    return -1;
}

/* Finds the edit of each changed row. */
static mdl_status find_edits(key_cursor *base, key_cursor *changes, mdli_table_edit *edits,
                             int64_t *first_bad, mdl_error *error)
{
    const bool can_jump = rises_by_first_key(base->table, base->columns);
    int64_t place = 0; /* in the base's rows at hand */
    while (changes->n_rows > 0) {
        for (int64_t i = 0, end; i < changes->n_rows; i = end) {
            end = end_of_changes(base, changes, i);
            MDLI_TRY(base->failure);
            MDLI_TRY(changes->failure);
            if (end == i) {
                MDLI_TRY(can_jump ? jump(base, changes, i, error) : key_cursor_next(base, error));
                place = 0;
                continue;
            }
            const alike_rows rows = {place, base->n_rows, i, end};
            const mdli_table_edit *found = edits + changes->first_row + i;
            if (base->n_rows > 0) {
                merge_rows(base, changes, 0, rows, edits);
            } else {
                note_edits(base, changes, &rows, false, edits);
            }
            if (first_bad != NULL && *first_bad < 0) {
                *first_bad = find_disorder(base, found, end - i);
            }
            MDLI_TRY(base->failure);
            MDLI_TRY(changes->failure);
            place = found[end - i - 1].row - base->first_row;
        }
        MDLI_TRY(key_cursor_next(changes, error));
    }
    return MDL_OK;
}

mdl_status mdli_find_edits(mdl_context *context, const mdl_table *base, const mdl_table *changes,
                           const mdli_key *columns, int32_t n_columns, mdli_table_edit *edits,
                           int64_t *first_bad, mdl_error *error)
{
    key_cursor base_cursor = {
        .context = context, .table = base, .columns = columns, .n_columns = n_columns};
    key_cursor changes_cursor = base_cursor;
    changes_cursor.table = changes;
    mdl_status status;
    if (first_bad != NULL) {
        *first_bad = -1;
    }
    MDLI_TRY_GOTO_DONE(key_cursor_open(&base_cursor, error));
    MDLI_TRY_GOTO_DONE(key_cursor_open(&changes_cursor, error));
    MDLI_TRY_GOTO_DONE(find_edits(&base_cursor, &changes_cursor, edits, first_bad, error));
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
    bool is_proved;
    int64_t first_bad;
    MDLI_TRY(check_base(rel, base, &is_proved, error));
    MDLI_TRY(mdli_allocate_array(context, changes->n_rows, sizeof(mdli_table_edit), "upsert",
                                 &memory, error));
    const mdli_table_edit *edits = memory;
    MDLI_TRY_GOTO_DONE(mdli_find_edits(context, base, changes, rel->keys, rel->n_keys, memory,
                                       is_proved ? NULL : &first_bad, error));
    if (!is_proved && first_bad >= 0) {
        status = fault_order(rel, base, first_bad, "base", error);
        goto done;
    }
    if (edits[0].row == base->n_rows && changes->n_rows >= mdli_context_block_rows(context)) {
        mdli_trace_strategy(rel, "changes come after the base: blocks shared");
        status = mdli_table_concat(context, base, changes, out, error);
    } else {
        mdli_trace_strategy(rel, "merge; rows between changes shared");
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
    return edit_base(rel, base, changes, out, error);
}
