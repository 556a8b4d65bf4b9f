/*
 * A summary from that of the table before and the rows that came and went since.
 */
#include "base/error.h"
#include "base/memory.h"
#include "operators/summary_internal.h"

/* Bounds that may be in doubt. */
enum {
    LEAST_IN_DOUBT = 1,
    GREATEST_IN_DOUBT = 2
};

/* Takes a stretch of the groups of a summary into the states. */
static void take_groups(const mdli_summary_draft *d, const mdli_summary *from,
                        const mdl_batch *batch)
{
    const int32_t *keys = batch->columns[0].values;
    for (int32_t v = 0; v < from->n_values; v++) {
        const int32_t *counts = batch->columns[mdli_summary_first_count(from) + v].values;
        const uint8_t code = d->codes[from->values[v] - d->form.least_value];
        for (int64_t i = 0; i < batch->n_rows; i++) {
            mdli_summary_counters(d, 0, keys[i] - d->least_key)[code] = (uint32_t)counts[i];
        }
    }
    for (int64_t i = 0; i < batch->n_rows && from->extreme >= 0; i++) {
        uint32_t *bounds = mdli_summary_bounds(d, 0, keys[i] - d->least_key);
        bounds[0] = (uint32_t)(mdl_vector_int64(&batch->columns[1], i) - d->form.nearest);
        bounds[1] = (uint32_t)(mdl_vector_int64(&batch->columns[2], i) - d->form.nearest);
    }
}

static mdl_status take_summary(const mdli_summary_draft *d, const mdli_summary *from,
                               mdl_error *error)
{
    mdl_cursor *cursor;
    MDLI_TRY(mdl_cursor_create(d->context, from->groups, NULL, 0, &cursor, error));
    mdl_status status = MDL_OK;
    for (mdl_batch batch = {.n_rows = 1}; status == MDL_OK && batch.n_rows > 0;) {
        status = mdl_cursor_next(cursor, &batch, error);
        if (status == MDL_OK) {
            take_groups(d, from, &batch);
        }
    }
    mdl_cursor_free(cursor);
    return status;
}

/* A row of the added or removed ones: where it belongs. */
typedef struct summary_row {
    int64_t slot;
    uint32_t *counter;
    uint32_t *bounds;
    uint32_t distance;
} summary_row;

/* Finds a row's place; false if the table and the one before have no such row. */
static bool find_row(const mdli_summary_draft *d, const mdl_batch *batch, int64_t i,
                     summary_row *row)
{
    const bool has_extreme = d->summary.extreme >= 0;
    for (int32_t c = 0; c < batch->n_columns; c++) {
        if (mdl_vector_is_null(&batch->columns[c], i)) {
            return false;
        }
    }
    const int64_t slot = mdl_vector_int32(&batch->columns[0], i) - d->least_key;
    const int64_t code = (int64_t)mdl_vector_int32(&batch->columns[1], i) - d->form.least_value;
    uint64_t distance = 0;
    if (has_extreme) {
        distance = (uint64_t)mdl_vector_int64(&batch->columns[2], i) - (uint64_t)d->form.nearest;
    }
    if (slot < 0 || slot >= d->n_slots || code < 0 || code >= d->n_codes ||
        d->codes[code] == MDLI_SUMMARY_NO_CODE || distance > (uint64_t)d->farthest) {
        return false;
    }
    *row = (summary_row){slot, mdli_summary_counters(d, 0, slot) + d->codes[code],
                         has_extreme ? mdli_summary_bounds(d, 0, slot) : NULL, (uint32_t)distance};
    return true;
}

/* What is done with a row; false when it cannot be. */
typedef bool (*summary_row_fn)(mdli_summary_draft *d, const summary_row *row);

static bool add_row(mdli_summary_draft *d, const summary_row *row)
{
    (void)d;
    ++*row->counter;
    if (row->bounds != NULL) {
        row->bounds[0] = row->distance < row->bounds[0] ? row->distance : row->bounds[0];
        row->bounds[1] = row->distance > row->bounds[1] ? row->distance : row->bounds[1];
    }
    return true;
}

static bool remove_row(mdli_summary_draft *d, const summary_row *row)
{
    if (*row->counter == 0) {
        return false;
    }
    --*row->counter;
    if (row->bounds != NULL) {
        d->doubts[row->slot] |= row->distance == row->bounds[0] ? LEAST_IN_DOUBT : 0;
        d->doubts[row->slot] |= row->distance == row->bounds[1] ? GREATEST_IN_DOUBT : 0;
    }
    return true;
}

/* An added row that stands on a bound proves it. */
static bool settle_doubts(mdli_summary_draft *d, const summary_row *row)
{
    if (row->bounds != NULL && d->doubts != NULL) {
        d->doubts[row->slot] &= (uint8_t) ~(row->distance == row->bounds[0] ? LEAST_IN_DOUBT : 0);
        d->doubts[row->slot] &=
            (uint8_t) ~(row->distance == row->bounds[1] ? GREATEST_IN_DOUBT : 0);
    }
    return true;
}

static mdl_status for_each_row(mdli_summary_draft *d, const mdl_table *rows, summary_row_fn take,
                               mdl_error *error)
{
    const mdli_summary *summary = &d->summary;
    const int32_t columns[MDLI_SUMMARY_COLUMNS_MAX] = {summary->key, summary->value,
                                                       summary->extreme};
    const char *names[MDLI_SUMMARY_COLUMNS_MAX];
    const int32_t n_columns = summary->extreme >= 0 ? 3 : 2;
    if (rows == NULL) {
        return MDL_OK;
    }
    for (int32_t c = 0; c < n_columns; c++) {
        names[c] = d->table->names[columns[c]];
    }
    mdl_cursor *cursor;
    MDLI_TRY(mdl_cursor_create(d->context, rows, names, n_columns, &cursor, error));
    mdl_status status = MDL_OK;
    for (mdl_batch batch = {.n_rows = 1}; batch.n_rows > 0;) {
        MDLI_TRY_GOTO_DONE(mdl_cursor_next(cursor, &batch, error));
        for (int64_t i = 0; i < batch.n_rows; i++) {
            summary_row row;
            if (!find_row(d, &batch, i, &row) || !take(d, &row)) {
                status = mdl_error_set(error, MDL_E_ARGUMENT,
                                       "row %lld of the changes cannot be one of the table",
                                       (long long)(batch.first_row + i));
                goto done;
            }
        }
    }
done:
    mdl_cursor_free(cursor);
    return status;
}

/* MDL_E_ARGUMENT when the states do not have as many rows as the table; else whether a bound of one
 * that has rows is in doubt. */
static mdl_status check_states(const mdli_summary_draft *d, bool *is_in_doubt, mdl_error *error)
{
    int64_t n_rows = 0;
    *is_in_doubt = false;
    for (int64_t s = 0; s < d->n_slots; s++) {
        const int64_t count = mdli_summary_count(d, s);
        n_rows += count;
        *is_in_doubt |= count > 0 && d->doubts != NULL && d->doubts[s] != 0;
    }
    if (n_rows != d->table->n_rows) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "the changes make up a table of %lld rows, it has %lld",
                             (long long)n_rows, (long long)d->table->n_rows);
    }
    return MDL_OK;
}

mdl_status mdli_summary_from_changes(mdli_summary_draft *d, const mdl_summary_options *options,
                                     bool *is_done, mdl_error *error)
{
    void *memory;
    bool is_in_doubt;
    MDLI_TRY(mdli_summary_allocate(d, 1, error));
    if (d->summary.extreme >= 0 && options->removed != NULL) {
        MDLI_TRY(mdli_allocate_zeroed(d->context, (size_t)d->n_slots, "summary", &memory, error));
        d->doubts = memory;
    }
    mdli_summary_start_lane(d, 0);
    MDLI_TRY(take_summary(d, options->previous->summary, error));
    MDLI_TRY(for_each_row(d, options->added, add_row, error));
    MDLI_TRY(for_each_row(d, options->removed, remove_row, error));
    if (d->doubts != NULL) {
        MDLI_TRY(for_each_row(d, options->added, settle_doubts, error));
    }
    MDLI_TRY(check_states(d, &is_in_doubt, error));
    *is_done = !is_in_doubt;
    return MDL_OK;
}
