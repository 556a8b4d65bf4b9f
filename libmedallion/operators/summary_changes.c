/*
 * A summary from that of the table before and the rows that came and went since.
 *
 * Keys are sparse, and few of them have a row that came or went. So slots are numbered by the order
 * of the keys that there are, and numbers lie column by column, as in the summaries before and
 * after: these are little but copied then.
 */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "operators/summary_internal.h"

/* Bounds that may be in doubt. */
enum {
    LEAST_IN_DOUBT = 1,
    GREATEST_IN_DOUBT = 2
};

enum {
    NO_SLOT = -1,
    NO_CODE = 255
};

/* Slots that follow a table. */
typedef struct following {
    mdli_summary_draft *draft;
    uint8_t *codes;  /* of the numbers from the least value on: which value it is, or NO_CODE */
    int32_t *slots;  /* by distance; NO_SLOT = no row has, or had, such a key */
    uint8_t *doubts; /* by slot; NULL = none are possible */
} following;

/* What is done with rows. */
typedef enum row_action {
    ADD_ROWS,
    REMOVE_ROWS,
    SETTLE_DOUBTS /* by rows that were added: they prove the bounds that they stand on */
} row_action;

/*
 * Slots.
 */

/* Starts at the rows of a table, with as many of key, value and extreme as wanted. */
static mdl_status open_rows(const mdli_summary_draft *d, const mdl_table *rows, int32_t n_columns,
                            mdl_cursor **out, mdl_error *error)
{
    const int32_t columns[MDLI_SUMMARY_COLUMNS_MAX] = {d->summary.key, d->summary.value,
                                                       d->summary.extreme};
    const char *names[MDLI_SUMMARY_COLUMNS_MAX];
    for (int32_t c = 0; c < n_columns; c++) {
        names[c] = d->table->names[columns[c]];
    }
    return mdl_cursor_create(d->context, rows, names, n_columns, out, error);
}

static uint64_t distance_of(const mdli_summary_draft *d, int32_t key)
{
    return (uint64_t)(key - d->least_key);
}

/* Marks the keys that rows have, but for those out of all bounds. */
static mdl_status mark_keys(following *f, const mdl_table *rows, mdl_error *error)
{
    mdl_cursor *cursor;
    MDLI_TRY(open_rows(f->draft, rows, 1, &cursor, error));
    mdl_status status = MDL_OK;
    for (mdl_batch batch = {.n_rows = 1}; status == MDL_OK && batch.n_rows > 0;) {
        status = mdl_cursor_next(cursor, &batch, error);
        for (int64_t i = 0; status == MDL_OK && i < batch.n_rows; i++) {
            const int32_t *keys = batch.columns[0].values;
            const uint64_t distance = distance_of(f->draft, keys[i]);
            if (distance < (uint64_t)f->draft->n_distances) {
                f->slots[distance] = 0;
            }
        }
    }
    mdl_cursor_free(cursor);
    return status;
}

/* Gives marked keys their slots, in order. */
static mdl_status number_keys(following *f, mdl_error *error)
{
    mdli_summary_draft *d = f->draft;
    int64_t n_slots = 0;
    for (int64_t i = 0; i < d->n_distances; i++) {
        n_slots += f->slots[i] != NO_SLOT;
    }
    MDLI_TRY(mdli_summary_allocate(d, n_slots, error));
    for (int64_t i = 0, n = 0; i < d->n_distances; i++) {
        if (f->slots[i] != NO_SLOT) {
            d->keys[n] = (int32_t)(d->least_key + i);
            f->slots[i] = (int32_t)n++;
        }
    }
    return MDL_OK;
}

/* Makes slots without rows for all keys of the summary before and of the rows that came. */
static mdl_status make_slots(following *f, const mdl_summary_options *options, mdl_error *error)
{
    mdli_summary_draft *d = f->draft;
    const bool has_extreme = d->summary.extreme >= 0;
    void *memory;
    MDLI_TRY(mdli_allocate_array(d->context, d->n_distances, sizeof *f->slots, "summary", &memory,
                                 error));
    f->slots = memory;
    memset(f->slots, 0xff, (size_t)d->n_distances * sizeof *f->slots);
    MDLI_TRY(mark_keys(f, options->previous->summary->groups, error));
    if (options->added != NULL) {
        MDLI_TRY(mark_keys(f, options->added, error));
    }
    MDLI_TRY(number_keys(f, error));
    const size_t column_bytes = (size_t)d->n_slots * sizeof *d->numbers;
    memset(d->numbers, 0, (size_t)(d->summary.n_values + (has_extreme ? 2 : 0)) * column_bytes);
    if (has_extreme) {
        memset(mdli_summary_numbers(d, d->summary.n_values), 0xff, column_bytes);
    }
    if (has_extreme && options->removed != NULL) {
        MDLI_TRY(mdli_allocate_zeroed(d->context, (size_t)d->n_slots, "summary", &memory, error));
        f->doubts = memory;
    }
    return MDL_OK;
}

/* Notes which numbers are values. Blocks may list more than rows have. */
static mdl_status make_codes(following *f, mdl_error *error)
{
    const mdli_summary_draft *d = f->draft;
    void *memory;
    MDLI_TRY(mdli_allocate(d->context, (size_t)d->n_codes, "summary", &memory, error));
    f->codes = memory;
    memset(f->codes, NO_CODE, (size_t)d->n_codes);
    for (int32_t v = 0; v < d->summary.n_values; v++) {
        const uint64_t step = (uint64_t)(d->summary.values[v] - d->least_value);
        if (step < (uint64_t)d->n_codes) {
            f->codes[step] = (uint8_t)v;
        }
    }
    return MDL_OK;
}

/*
 * The summary before.
 */

/* Takes a stretch of its groups into the slots. */
static void take_groups(const following *f, const mdli_summary *from, const mdl_batch *batch)
{
    const mdli_summary_draft *d = f->draft;
    const int32_t *keys = batch->columns[0].values;
    for (int32_t v = 0; v < from->n_values; v++) {
        const int32_t *counts = batch->columns[mdli_summary_first_count(from) + v].values;
        uint32_t *to = mdli_summary_numbers(d, f->codes[from->values[v] - d->least_value]);
        for (int64_t i = 0; i < batch->n_rows; i++) {
            to[f->slots[distance_of(d, keys[i])]] = (uint32_t)counts[i];
        }
    }
    for (int b = 0; b < 2 && from->extreme >= 0; b++) {
        const int64_t *bounds = batch->columns[1 + b].values;
        uint32_t *to = mdli_summary_numbers(d, d->summary.n_values + b);
        for (int64_t i = 0; i < batch->n_rows; i++) {
            to[f->slots[distance_of(d, keys[i])]] = (uint32_t)(bounds[i] - d->nearest);
        }
    }
}

static mdl_status take_summary(const following *f, const mdli_summary *from, mdl_error *error)
{
    mdl_cursor *cursor;
    MDLI_TRY(mdl_cursor_create(f->draft->context, from->groups, NULL, 0, &cursor, error));
    mdl_status status = MDL_OK;
    for (mdl_batch batch = {.n_rows = 1}; status == MDL_OK && batch.n_rows > 0;) {
        status = mdl_cursor_next(cursor, &batch, error);
        if (status == MDL_OK) {
            take_groups(f, from, &batch);
        }
    }
    mdl_cursor_free(cursor);
    return status;
}

/*
 * The rows that came and went.
 */

/* A row of them: where it belongs. */
typedef struct summary_row {
    int32_t slot;
    int32_t code;
    uint32_t at; /* distance of the extreme */
} summary_row;

/* Finds a row's place; false if the table and the one before have no such row. */
static inline bool find_row(const following *f, const mdl_batch *batch, int64_t i, summary_row *row)
{
    const mdli_summary_draft *d = f->draft;
    const uint64_t distance = distance_of(d, ((const int32_t *)batch->columns[0].values)[i]);
    const uint64_t step =
        (uint64_t)(((const int32_t *)batch->columns[1].values)[i] - d->least_value);
    uint64_t at = 0;
    if (d->summary.extreme >= 0) {
        at = (uint64_t)((const int64_t *)batch->columns[2].values)[i] - (uint64_t)d->nearest;
    }
    if (distance >= (uint64_t)d->n_distances || step >= (uint64_t)d->n_codes ||
        at > (uint64_t)d->farthest) {
        return false;
    }
    *row = (summary_row){f->slots[distance], f->codes[step], (uint32_t)at};
    return row->slot != NO_SLOT && row->code != NO_CODE;
}

/* Works a row into the slots; false when it cannot be. */
static inline bool take_row(const following *f, const summary_row *row, row_action action)
{
    const mdli_summary_draft *d = f->draft;
    const bool has_extreme = d->summary.extreme >= 0;
    uint32_t *counter = mdli_summary_numbers(d, row->code) + row->slot;
    uint32_t *least = mdli_summary_numbers(d, d->summary.n_values) + row->slot;
    uint32_t *greatest = mdli_summary_numbers(d, d->summary.n_values + 1) + row->slot;
    switch (action) {
    case ADD_ROWS:
        ++*counter;
        if (has_extreme) {
            *least = row->at < *least ? row->at : *least;
            *greatest = row->at > *greatest ? row->at : *greatest;
        }
        return true;
    case REMOVE_ROWS:
        if (*counter == 0) {
            return false;
        }
        --*counter;
        if (has_extreme) {
            f->doubts[row->slot] |= row->at == *least ? LEAST_IN_DOUBT : 0;
            f->doubts[row->slot] |= row->at == *greatest ? GREATEST_IN_DOUBT : 0;
        }
        return true;
    case SETTLE_DOUBTS:
        f->doubts[row->slot] &= (uint8_t) ~(row->at == *least ? LEAST_IN_DOUBT : 0);
        f->doubts[row->slot] &= (uint8_t) ~(row->at == *greatest ? GREATEST_IN_DOUBT : 0);
        return true;
    }
    return false;
}

/* Works rows into the slots; the first that cannot be one of them, or the number of rows. */
static int64_t take_rows(const following *f, const mdl_batch *batch, row_action action)
{
    for (int32_t c = 0; c < batch->n_columns; c++) {
        for (int64_t i = 0; batch->columns[c].validity != NULL && i < batch->n_rows; i++) {
            if (mdl_vector_is_null(&batch->columns[c], i)) {
                return i;
            }
        }
    }
    summary_row row;
    int64_t i = 0;
    while (i < batch->n_rows && find_row(f, batch, i, &row) && take_row(f, &row, action)) {
        i++;
    }
    return i;
}

static mdl_status take_changes(const following *f, const mdl_table *rows, row_action action,
                               mdl_error *error)
{
    mdl_cursor *cursor;
    if (rows == NULL) {
        return MDL_OK;
    }
    MDLI_TRY(open_rows(f->draft, rows, f->draft->summary.extreme >= 0 ? 3 : 2, &cursor, error));
    mdl_status status = MDL_OK;
    for (mdl_batch batch = {.n_rows = 1}; status == MDL_OK && batch.n_rows > 0;) {
        status = mdl_cursor_next(cursor, &batch, error);
        const int64_t n_taken = status == MDL_OK ? take_rows(f, &batch, action) : 0;
        if (status == MDL_OK && n_taken < batch.n_rows) {
            status = mdl_error_set(error, MDL_E_ARGUMENT,
                                   "row %lld of the changes cannot be one of the table",
                                   (long long)(batch.first_row + n_taken));
        }
    }
    mdl_cursor_free(cursor);
    return status;
}

/* Rows of a slot. */
static int64_t count_of_slot(const mdli_summary_draft *d, int64_t slot)
{
    int64_t count = 0;
    for (int32_t v = 0; v < d->summary.n_values; v++) {
        count += mdli_summary_numbers(d, v)[slot];
    }
    return count;
}

/* Leaves slots out that have no rows any more. MDL_E_ARGUMENT when the others do not have as many as
 * the table; else whether a bound of one of them is in doubt. */
static mdl_status keep_slots_with_rows(following *f, bool *is_in_doubt, mdl_error *error)
{
    mdli_summary_draft *d = f->draft;
    const int32_t n_columns = d->summary.n_values + (d->summary.extreme >= 0 ? 2 : 0);
    int32_t *kept =
        f->slots; /* is not needed any more, and there are no more slots than distances */
    int64_t n_kept = 0;
    int64_t n_rows = 0;
    *is_in_doubt = false;
    for (int64_t s = 0; s < d->n_slots; s++) {
        const int64_t count = count_of_slot(d, s);
        n_rows += count;
        kept[n_kept] = (int32_t)s;
        n_kept += count > 0;
        *is_in_doubt |= count > 0 && f->doubts != NULL && f->doubts[s] != 0;
    }
    if (n_rows != d->table->n_rows) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "the changes make up a table of %lld rows, it has %lld",
                             (long long)n_rows, (long long)d->table->n_rows);
    }
    for (int64_t k = 0; k < n_kept && n_kept < d->n_slots; k++) {
        d->keys[k] = d->keys[kept[k]];
    }
    for (int32_t c = 0; c < n_columns && n_kept < d->n_slots; c++) {
        const uint32_t *from = mdli_summary_numbers(d, c);
        for (int64_t k = 0; k < n_kept; k++) {
            d->numbers[c * n_kept + k] = from[kept[k]];
        }
    }
    d->n_slots = n_kept;
    return MDL_OK;
}

mdl_status mdli_summary_from_changes(mdli_summary_draft *d, const mdl_summary_options *options,
                                     bool *is_done, mdl_error *error)
{
    following f = {.draft = d};
    bool is_in_doubt = false;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(make_slots(&f, options, error));
    MDLI_TRY_GOTO_DONE(make_codes(&f, error));
    MDLI_TRY_GOTO_DONE(take_summary(&f, options->previous->summary, error));
    MDLI_TRY_GOTO_DONE(take_changes(&f, options->added, ADD_ROWS, error));
    MDLI_TRY_GOTO_DONE(take_changes(&f, options->removed, REMOVE_ROWS, error));
    if (f.doubts != NULL) {
        MDLI_TRY_GOTO_DONE(take_changes(&f, options->added, SETTLE_DOUBTS, error));
    }
    status = keep_slots_with_rows(&f, &is_in_doubt, error);
done:
    mdli_free(d->context, f.slots);
    mdli_free(d->context, f.codes);
    mdli_free(d->context, f.doubts);
    *is_done = status == MDL_OK && !is_in_doubt;
    return status;
}
