/*
 * Uniqueness: rows whose key comes again.
 *
 * Rows in the order of their key, as those of models are, are compared with their neighbours; those
 * in the order of its first columns within short stretches. A few rows behind others that are in
 * order, as those of a day's file, are sorted and merged with these. Others are sorted twice: the
 * first rows of all keys are kept, and then the last ones. A row that is both is alone.
 */
#include "quality/quality_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "operators/key_table.h"
#include "operators/row_order.h"
#include "operators/row_sort.h"
#include "operators/rowset.h"
#include "operators/table_edit.h"

/* Whether one of the columns has no value twice: then no key is there twice. */
static bool is_known_unique(const mdl_table *table, const mdli_key *columns, int32_t n_columns)
{
    for (int32_t i = 0; i < n_columns; i++) {
        const mdl_column_stats *stats = &table->columns[columns[i].column]->stats;
        if (stats->is_strictly_sorted || stats->n_nulls == stats->n_rows) {
            return true;
        }
    }
    return table->n_rows < 2;
}

/* Turns marks of rows that repeat the row before into marks of all rows of such keys. */
static void mark_neighbours(uint64_t *words, int64_t n_rows)
{
    int64_t n_words = mdli_n_mark_words(n_rows);
    for (int64_t w = 0; w < n_words; w++) {
        uint64_t next = w + 1 < n_words ? words[w + 1] << 63 : 0;
        words[w] |= words[w] >> 1 | next;
    }
}

/* Marks picked rows in `kept`, unless all are; `*is_all` = no key is there twice. */
static mdl_status keep_picked(const mdli_sort_keys *keys, mdli_pick pick, mdli_marks *kept,
                              bool *is_all, mdl_error *error)
{
    mdli_row_list list;
    uint64_t *words;
    MDLI_TRY(mdli_sort_rows(keys, pick, 0, &list, error));
    *is_all = list.n_rows == keys->n_rows;
    mdl_status status = *is_all ? MDL_OK : mdli_marks_make(kept, &words, error);
    for (int64_t i = 0; status == MDL_OK && !*is_all && i < list.n_rows; i++) {
        mdli_mark(words, list.rows[i]);
    }
    mdli_free(keys->context, list.rows);
    return status;
}

/* Marks in `marks`, of which none is set before. */
static mdl_status mark_by_sorting(const mdli_sort_keys *keys, mdli_marks *marks, mdl_error *error)
{
    const int64_t n_rows = keys->n_rows;
    mdli_marks last;
    bool is_all;
    mdli_marks_init(&last, keys->context, n_rows);
    MDLI_TRY(keep_picked(keys, MDLI_PICK_FIRST, marks, &is_all, error));
    if (is_all) {
        return MDL_OK;
    }
    mdl_status status = keep_picked(keys, MDLI_PICK_LAST, &last, &is_all, error);
    if (status == MDL_OK) {
        uint64_t *words = mdli_marks_words(marks);
        const uint64_t *last_words = mdli_marks_words(&last);
        for (int64_t w = 0; w < mdli_n_mark_words(n_rows); w++) {
            words[w] = ~(words[w] & last_words[w]);
        }
        if ((n_rows & 63) != 0) {
            words[n_rows >> 6] &= ((uint64_t)1 << (n_rows & 63)) - 1;
        }
    }
    mdli_marks_free(&last);
    return status;
}

/* The key columns of a table as a table of their own. */
static mdl_status take_keys(mdl_context *context, const mdl_table *table, const mdli_key *columns,
                            int32_t n_columns, mdl_table **out, mdl_error *error)
{
    char names[MDLI_KEY_COLUMNS_MAX][12];
    const char *pointers[MDLI_KEY_COLUMNS_MAX];
    mdl_column *taken[MDLI_KEY_COLUMNS_MAX];
    for (int32_t i = 0; i < n_columns; i++) {
        snprintf(names[i], sizeof names[i], "%d", (int)i);
        pointers[i] = names[i];
        taken[i] = mdli_column_retain(table->columns[columns[i].column]);
    }
    return mdli_table_create(context, pointers, taken, n_columns, table->n_rows, out, error);
}

/* Takes the rows from `first_row` on out of a table. */
static mdl_status take_last_rows(mdl_context *context, const mdl_table *table, int64_t first_row,
                                 mdl_table **out, mdl_error *error)
{
    const int64_t n = table->n_rows - first_row;
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, n, sizeof(int64_t), "test", &memory, error));
    int64_t *rows = memory;
    for (int64_t i = 0; i < n; i++) {
        rows[i] = first_row + i;
    }
    mdl_status status = mdli_table_take(context, table, rows, n, out, error);
    mdli_free(context, memory);
    return status;
}

/* ---- A tail behind rows in order ---- */

/* Rows in order for each one behind them from which on merging costs less than sorting all. */
#define ORDERED_PER_TAIL 8

/* Marks the rows of a tail whose keys the rows before it have, and those rows: the first of each
 * key. All columns are the key. */
static mdl_status mark_in_both(mdl_context *context, const mdl_table *ordered,
                               const mdl_table *tail, const mdli_key *columns, mdli_marks *marks,
                               mdl_error *error)
{
    mdli_sort_keys keys = {.columns = NULL};
    mdli_row_list list = {.rows = NULL};
    mdl_table *sorted = NULL;
    void *memory = NULL;
    uint64_t *words;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdli_sort_keys_init(&keys, context, tail, columns, tail->n_columns, error));
    MDLI_TRY_GOTO_DONE(mdli_sort_rows(&keys, MDLI_PICK_ALL, 0, &list, error));
    MDLI_TRY_GOTO_DONE(mdli_table_take(context, tail, list.rows, list.n_rows, &sorted, error));
    MDLI_TRY_GOTO_DONE(
        mdli_allocate_array(context, list.n_rows, sizeof(mdli_table_edit), "test", &memory, error));
    const mdli_table_edit *edits = memory;
    MDLI_TRY_GOTO_DONE(
        mdli_find_edits(context, ordered, sorted, columns, tail->n_columns, memory, NULL, error));
    for (int64_t i = 0; i < list.n_rows; i++) {
        if (edits[i].drops_row) {
            MDLI_TRY_GOTO_DONE(mdli_marks_make(marks, &words, error));
            mdli_mark(words, edits[i].row);
            mdli_mark(words, ordered->n_rows + list.rows[i]);
        }
    }
done:
    mdli_free(context, memory);
    mdl_table_free(sorted);
    mdli_free(context, list.rows);
    mdli_sort_keys_free(&keys);
    return status;
}

static mdl_status mark_all(mdl_context *context, const mdl_table *table, const mdli_key *columns,
                           int32_t n_columns, mdli_marks *marks, bool *is_proved, mdl_error *error);

/* Marks the rows of a table that stand for those which are marked in `from`: row i for `rows[i]`,
 * or, without these, for `first_row` + i. */
static mdl_status copy_marks(const mdli_marks *from, const int64_t *rows, int64_t first_row,
                             mdli_marks *marks, mdl_error *error)
{
    const uint64_t *marked = mdli_marks_words(from);
    uint64_t *words;
    if (marked == NULL) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_marks_make(marks, &words, error));
    for (int64_t i = 0; i < from->n_rows; i++) {
        if (mdli_bit(marked, i)) {
            mdli_mark(words, rows != NULL ? rows[i] : first_row + i);
        }
    }
    return MDL_OK;
}

/* Marks the repeats within a tail, which begins at row `first_row`. All columns are the key. */
static mdl_status mark_in_tail(mdl_context *context, const mdl_table *tail, const mdli_key *columns,
                               int64_t first_row, mdli_marks *marks, mdl_error *error)
{
    mdli_marks repeats;
    bool is_proved;
    mdli_marks_init(&repeats, context, tail->n_rows);
    mdl_status status =
        mark_all(context, tail, columns, tail->n_columns, &repeats, &is_proved, error);
    if (status == MDL_OK) {
        status = copy_marks(&repeats, NULL, first_row, marks, error);
    }
    mdli_marks_free(&repeats);
    return status;
}

/* Whether the rows from `first_row` on are few, and all keys compare as their values do. */
static bool has_short_tail(const mdli_sort_keys *keys, int64_t first_row)
{
    for (int32_t i = 0; i < keys->n_columns; i++) {
        if (!mdli_type_is_integer(keys->columns[i].column->type)) {
            return false;
        }
    }
    return keys->n_rows - first_row <= first_row / ORDERED_PER_TAIL;
}

/* Marks repeats among the rows before the first that is out of order, which a second look finds. */
static mdl_status mark_in_order(const mdli_sort_keys *keys, mdli_row_order *order,
                                mdli_marks *marks, mdl_error *error)
{
    uint64_t *words;
    MDLI_TRY(mdli_marks_make(marks, &words, error));
    MDLI_TRY(mdli_find_row_order(keys, keys->n_columns, words, order, error));
    for (int64_t row = order->first_below; row < keys->n_rows; row++) {
        words[row >> 6] &= ~((uint64_t)1 << (row & 63));
    }
    mark_neighbours(words, order->first_below);
    return MDL_OK;
}

/* Marks repeats where only the rows from `first_row` on are not in order, but those among the rows
 * before. */
static mdl_status mark_with_tail(const mdli_sort_keys *keys, const mdl_table *table,
                                 const mdli_key *columns, int64_t first_row, mdli_marks *marks,
                                 mdl_error *error)
{
    mdl_context *context = keys->context;
    mdli_key all[MDLI_KEY_COLUMNS_MAX] = {{0}};
    mdl_table *key_table = NULL;
    mdl_table *ordered = NULL;
    mdl_table *tail = NULL;
    mdl_status status;
    for (int32_t i = 0; i < keys->n_columns; i++) {
        all[i].column = i;
    }
    MDLI_TRY_GOTO_DONE(take_keys(context, table, columns, keys->n_columns, &key_table, error));
    MDLI_TRY_GOTO_DONE(mdli_table_first_rows(context, key_table, first_row, &ordered, error));
    MDLI_TRY_GOTO_DONE(take_last_rows(context, key_table, first_row, &tail, error));
    MDLI_TRY_GOTO_DONE(mark_in_tail(context, tail, all, first_row, marks, error));
    MDLI_TRY_GOTO_DONE(mark_in_both(context, ordered, tail, all, marks, error));
done:
    mdl_table_free(tail);
    mdl_table_free(ordered);
    mdl_table_free(key_table);
    return status;
}

/* ---- Any rows ---- */

/* How many columns, from the first on, have fields in the order of their values. */
static int32_t count_true_orders(const mdli_sort_keys *keys)
{
    int32_t n = 0;
    while (n < keys->n_columns && !mdli_sort_column_has_codes_only(&keys->columns[n])) {
        n++;
    }
    return n;
}

static mdl_status mark_by_keys(const mdli_sort_keys *keys, const mdl_table *table,
                               const mdli_key *columns, mdli_marks *marks, mdl_error *error)
{
    mdli_row_order order;
    bool is_done;
    if (!mdli_row_order_is_proved_in_blocks(keys)) {
        /* The order of codes says nothing: the columns before them are to leave short stretches. */
        MDLI_TRY(mdli_mark_in_stretches(keys, table, columns, count_true_orders(keys), marks,
                                        &is_done, error));
        if (is_done) {
            return MDL_OK;
        }
        mdli_marks_clear(marks);
    }
    MDLI_TRY(mdli_find_row_order(keys, keys->n_columns, NULL, &order, error));
    const bool has_tail = !order.is_ascending && has_short_tail(keys, order.first_below);
    if ((order.is_ascending || has_tail) && order.first_bad < order.first_below) {
        MDLI_TRY(mark_in_order(keys, &order, marks, error));
    }
    if (order.is_ascending) {
        return MDL_OK;
    }
    if (has_tail) {
        return mark_with_tail(keys, table, columns, order.first_below, marks, error);
    }
    MDLI_TRY(mdli_mark_in_stretches(keys, table, columns, order.n_ordered, marks, &is_done, error));
    if (is_done) {
        return MDL_OK;
    }
    mdli_marks_clear(marks);
    return mark_by_sorting(keys, marks, error);
}

/* As mdli_mark_repeats for all rows of a table. */
static mdl_status mark_all(mdl_context *context, const mdl_table *table, const mdli_key *columns,
                           int32_t n_columns, mdli_marks *marks, bool *is_proved, mdl_error *error)
{
    mdli_sort_keys keys;
    *is_proved = is_known_unique(table, columns, n_columns);
    if (*is_proved) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_sort_keys_init_unordered(&keys, context, table, columns, n_columns, error));
    mdl_status status = mark_by_keys(&keys, table, columns, marks, error);
    mdli_sort_keys_free(&keys);
    for (int32_t i = 0; i < n_columns; i++) {
        mdli_unmark_nulls(table->columns[columns[i].column], marks);
    }
    return status;
}

/* Marks repeats among some rows, whose keys are made a table. */
static mdl_status mark_among(const mdli_test_plan *plan, const mdl_table *keys,
                             const mdli_row_list *tested, mdli_marks *marks, bool *is_proved,
                             mdl_error *error)
{
    mdli_key columns[MDLI_KEY_COLUMNS_MAX] = {{0}};
    mdl_table *taken = NULL;
    mdli_marks repeats;
    mdl_status status;
    mdli_marks_init(&repeats, plan->context, tested->n_rows);
    for (int32_t i = 0; i < plan->n_columns; i++) {
        columns[i].column = i;
    }
    MDLI_TRY_GOTO_DONE(
        mdli_table_take(plan->context, keys, tested->rows, tested->n_rows, &taken, error));
    MDLI_TRY_GOTO_DONE(
        mark_all(plan->context, taken, columns, plan->n_columns, &repeats, is_proved, error));
    MDLI_TRY_GOTO_DONE(copy_marks(&repeats, tested->rows, 0, marks, error));
done:
    mdli_marks_free(&repeats);
    mdl_table_free(taken);
    return status;
}

/* Lists the rows that count. */
static mdl_status list_tested(const mdli_test_plan *plan, const mdli_marks *tested,
                              mdli_row_list *out, mdl_error *error)
{
    const uint64_t *words = mdli_marks_words(tested);
    *out = (mdli_row_list){.rows = NULL};
    return words == NULL ? MDL_OK
                         : mdli_marked_rows(plan->context, words, tested->n_rows, out, error);
}

mdl_status mdli_mark_repeats(const mdli_test_plan *plan, const mdl_table *table,
                             const mdli_marks *tested, mdli_marks *marks, bool *is_proved,
                             mdl_error *error)
{
    mdli_row_list list = {.rows = NULL};
    mdl_table *keys = NULL;
    mdl_status status;
    if (tested == NULL) {
        return mark_all(plan->context, table, plan->columns, plan->n_columns, marks, is_proved,
                        error);
    }
    MDLI_TRY_GOTO_DONE(list_tested(plan, tested, &list, error));
    MDLI_TRY_GOTO_DONE(
        take_keys(plan->context, table, plan->columns, plan->n_columns, &keys, error));
    MDLI_TRY_GOTO_DONE(mark_among(plan, keys, &list, marks, is_proved, error));
done:
    mdli_free(plan->context, list.rows);
    mdl_table_free(keys);
    return status;
}
