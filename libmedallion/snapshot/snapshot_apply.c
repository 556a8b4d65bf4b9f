/*
 * The history with changes in it.
 *
 * Rows enter behind the last row of their key, and some rows end. Only dbt_valid_to changes in a
 * row that ends, so all other columns get the new rows alone, and blocks into which none falls are
 * shared.
 */
#include "base/calendar.h"
#include "base/error.h"
#include "base/memory.h"
#include "operators/rowset.h"
#include "operators/table_edit.h"
#include "snapshot/snapshot_internal.h"
#include "snapshot/snapshot_scd_id.h"

/* Whether a change brings a row. */
static bool brings_row(const mdl_snapshot_changes *changes, const mdli_change *change)
{
    switch (change->kind) {
    case MDLI_CHANGE_INSERTED:
    case MDLI_CHANGE_CHANGED:
    case MDLI_CHANGE_REAPPEARED:
        return true;
    case MDLI_CHANGE_DELETED:
        return changes->snapshot.hard_deletes == MDL_HARD_DELETES_NEW_RECORD;
    case MDLI_CHANGE_MISSING:
    case MDLI_CHANGE_NONE:
        break;
    }
    return false;
}

/* The row of the history that a new row comes before. */
static int64_t place_of(const mdli_change *change)
{
    return change->kind == MDLI_CHANGE_INSERTED ? change->history_row : change->history_row + 1;
}

/* How much there is to do. */
typedef struct apply_counts {
    int64_t n_new;
    int64_t n_tombstones; /* of the new rows */
    int64_t n_ended;
} apply_counts;

static apply_counts count_rows(const mdl_snapshot_changes *changes)
{
    apply_counts counts = {0};
    for (int64_t i = 0; i < changes->n_changes; i++) {
        const mdli_change *change = &changes->changes[i];
        bool is_new = brings_row(changes, change);
        counts.n_new += is_new;
        counts.n_tombstones += is_new && change->current_row < 0;
        counts.n_ended += change->ends_row;
    }
    return counts;
}

/*
 * The time of the run.
 */

/* The last time at which a history changed; false when it never did. */
static bool last_change(const mdl_table *history, int64_t *time)
{
    static const mdli_history_column columns[] = {MDLI_HISTORY_VALID_FROM, MDLI_HISTORY_VALID_TO};
    bool is_known = false;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        const mdl_value max = mdli_history_column_of(history, columns[i])->stats.max;
        if (!max.is_null && (!is_known || max.as.integer > *time)) {
            *time = max.as.integer;
            is_known = true;
        }
    }
    return is_known;
}

static mdl_status check_time(const mdl_snapshot_changes *changes, int64_t run_time,
                             mdl_error *error)
{
    int64_t last;
    if (changes->history == NULL || !last_change(changes->history, &last) || run_time > last) {
        return MDL_OK;
    }
    char run_text[MDL_VALUE_TEXT_MAX];
    char last_text[MDL_VALUE_TEXT_MAX];
    mdl_value_format(&(mdl_value){.type = MDL_TYPE_TIMESTAMP, .as.integer = run_time}, run_text);
    mdl_value_format(&(mdl_value){.type = MDL_TYPE_TIMESTAMP, .as.integer = last}, last_text);
    return mdl_error_set(error, MDL_E_STATE,
                         "snapshot %s: changes of %s cannot follow those of %s: the time must be "
                         "later",
                         changes->snapshot.name, run_text, last_text);
}

/*
 * The new rows.
 */

static void release_columns(mdl_column *const *columns, int32_t n)
{
    for (int32_t c = 0; c < n; c++) {
        mdli_column_release(columns[c]);
    }
}

/* The first columns of a table, as another table. */
static mdl_status first_columns(mdl_context *context, const mdl_table *table, int32_t n,
                                mdl_table **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_array(context, n, sizeof(mdl_column *), "snapshot", &memory, error));
    mdl_column **columns = memory;
    for (int32_t c = 0; c < n; c++) {
        columns[c] = mdli_column_retain(table->columns[c]);
    }
    mdl_status status = mdli_table_create(context, (const char *const *)table->names, columns, n,
                                          table->n_rows, out, error);
    mdli_free(context, memory);
    return status;
}

/* Where new rows come from: the table, tombstones the history. */
typedef struct row_sources {
    int64_t *current;
    int64_t *history;
    int64_t *order; /* for each new row its number in the rows of the table, then the history's */
} row_sources;

static void list_sources(const mdl_snapshot_changes *changes, const apply_counts *counts,
                         row_sources *sources)
{
    int64_t n_current = 0;
    int64_t n_history = 0;
    int64_t first_of_history = counts->n_new - counts->n_tombstones;
    for (int64_t i = 0; i < changes->n_changes; i++) {
        const mdli_change *change = &changes->changes[i];
        if (!brings_row(changes, change)) {
            continue;
        }
        int64_t n = n_current + n_history;
        if (change->current_row >= 0) {
            sources->order[n] = n_current;
            sources->current[n_current++] = change->current_row;
        } else {
            sources->order[n] = first_of_history + n_history;
            sources->history[n_history++] = change->history_row;
        }
    }
}

/* Takes rows of the table. All of them are shared. */
static mdl_status take_current(const mdl_snapshot_changes *changes, const int64_t *rows, int64_t n,
                               mdl_table **out, mdl_error *error)
{
    if (n == changes->current->n_rows) {
        *out = mdl_table_clone(changes->current);
        return MDL_OK;
    }
    return mdli_table_take(changes->context, changes->current, rows, n, out, error);
}

/* Takes the rows of both sources, in the order of the changes. */
static mdl_status take_sources(const mdl_snapshot_changes *changes, const apply_counts *counts,
                               const row_sources *sources, mdl_table **out, mdl_error *error)
{
    mdl_context *context = changes->context;
    mdl_table *columns = NULL;
    mdl_table *of_current = NULL;
    mdl_table *of_history = NULL;
    mdl_table *all = NULL;
    mdl_status status;
    *out = NULL;
    MDLI_TRY_GOTO_DONE(take_current(changes, sources->current, counts->n_new - counts->n_tombstones,
                                    &of_current, error));
    if (counts->n_tombstones == 0) {
        *out = of_current;
        return MDL_OK;
    }
    MDLI_TRY_GOTO_DONE(
        first_columns(context, changes->history, changes->current->n_columns, &columns, error));
    MDLI_TRY_GOTO_DONE(mdli_table_take(context, columns, sources->history, counts->n_tombstones,
                                       &of_history, error));
    MDLI_TRY_GOTO_DONE(mdli_table_concat(context, of_current, of_history, &all, error));
    status = mdli_table_take(context, all, sources->order, counts->n_new, out, error);
done:
    mdl_table_free(columns);
    mdl_table_free(of_current);
    mdl_table_free(of_history);
    mdl_table_free(all);
    return status;
}

/* The new rows with the columns of the table. */
static mdl_status take_rows(const mdl_snapshot_changes *changes, const apply_counts *counts,
                            mdl_table **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_array(changes->context, counts->n_new, 2 * sizeof(int64_t), "snapshot",
                                 &memory, error));
    row_sources sources = {.current = memory};
    sources.history = sources.current + (counts->n_new - counts->n_tombstones);
    sources.order = sources.current + counts->n_new;
    list_sources(changes, counts, &sources);
    mdl_status status = take_sources(changes, counts, &sources, out, error);
    mdli_free(changes->context, memory);
    return status;
}

/* Makes a column with one time in all rows, or NULL in all. */
static mdl_status make_times(mdl_context *context, int64_t n_rows, int64_t time, bool is_null,
                             mdl_column **out, mdl_error *error)
{
    int64_t n_words = (n_rows + 63) >> 6;
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)(n_rows + n_words) * sizeof(int64_t), "snapshot",
                                  &memory, error));
    int64_t *values = memory;
    const mdl_vector vector = {
        .type = MDL_TYPE_TIMESTAMP,
        .n_rows = n_rows,
        .values = values,
        .validity = is_null ? (const uint64_t *)(values + n_rows) : NULL,
    };
    for (int64_t i = 0; i < n_rows; i++) {
        values[i] = time;
    }
    mdl_status status = mdli_column_from_vector(context, &vector, NULL, out, error);
    mdli_free(context, memory);
    return status;
}

/* Makes the column that tells which of the new rows are tombstones. */
static mdl_status make_flags(const mdl_snapshot_changes *changes, int64_t n_new, mdl_column **out,
                             mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate(changes->context, (size_t)n_new, "snapshot", &memory, error));
    uint8_t *flags = memory;
    int64_t n = 0;
    for (int64_t i = 0; i < changes->n_changes; i++) {
        if (brings_row(changes, &changes->changes[i])) {
            flags[n++] = changes->changes[i].current_row < 0;
        }
    }
    const mdl_vector vector = {.type = MDL_TYPE_BOOL, .n_rows = n_new, .values = flags};
    mdl_status status = mdli_column_from_vector(changes->context, &vector, NULL, out, error);
    mdli_free(changes->context, memory);
    return status;
}

/* Makes one of the history's own columns for the new rows. */
static mdl_status make_history_column(const mdl_snapshot_changes *changes, const mdl_table *rows,
                                      int64_t run_time, mdli_history_column column,
                                      mdl_column **out, mdl_error *error)
{
    switch (column) {
    case MDLI_HISTORY_SCD_ID:
        return mdli_scd_ids(changes->context, rows, changes->keys, changes->n_keys, run_time, out,
                            error);
    case MDLI_HISTORY_IS_DELETED:
        return make_flags(changes, rows->n_rows, out, error);
    default:
        return make_times(changes->context, rows->n_rows, run_time, column == MDLI_HISTORY_VALID_TO,
                          out, error);
    }
}

/* Adds the history's own columns to the new rows. */
static mdl_status add_history_columns(const mdl_snapshot_changes *changes, const mdl_table *rows,
                                      int64_t run_time, mdl_table **out, mdl_error *error)
{
    mdl_context *context = changes->context;
    int32_t n_columns = rows->n_columns + MDLI_HISTORY_COLUMNS;
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_array(context, n_columns, sizeof(mdl_column *) + sizeof(char *),
                                 "snapshot", &memory, error));
    mdl_column **columns = memory;
    const char **names = (const char **)(columns + n_columns);
    mdl_status status = MDL_OK;
    int32_t n = 0;
    for (; n < rows->n_columns; n++) {
        names[n] = rows->names[n];
        columns[n] = mdli_column_retain(rows->columns[n]);
    }
    while (status == MDL_OK && n < n_columns) {
        int32_t i = n - rows->n_columns;
        names[n] = mdli_history_fields[i].name;
        status = make_history_column(changes, rows, run_time, (mdli_history_column)i, &columns[n],
                                     error);
        n += status == MDL_OK;
    }
    if (status == MDL_OK) {
        status = mdli_table_create(context, names, columns, n, rows->n_rows, out, error);
    } else {
        release_columns(columns, n);
    }
    mdli_free(context, memory);
    return status;
}

static mdl_status make_new_rows(const mdl_snapshot_changes *changes, const apply_counts *counts,
                                int64_t run_time, mdl_table **out, mdl_error *error)
{
    mdl_table *rows;
    *out = NULL;
    MDLI_TRY(take_rows(changes, counts, &rows, error));
    mdl_status status = add_history_columns(changes, rows, run_time, out, error);
    mdl_table_free(rows);
    return status;
}

/*
 * The new history.
 */

/* The edits of all columns but dbt_valid_to: rows that enter. */
static void list_new_rows(const mdl_snapshot_changes *changes, mdli_table_edit *edits)
{
    int64_t n = 0;
    for (int64_t i = 0; i < changes->n_changes; i++) {
        const mdli_change *change = &changes->changes[i];
        if (brings_row(changes, change)) {
            edits[n] = (mdli_table_edit){.row = place_of(change), .new_row = n};
            n++;
        }
    }
}

/* The edits of dbt_valid_to: rows that end, and rows that enter; bit i of `validity` is set where
 * edit i brings a time. */
static int64_t list_ends(const mdl_snapshot_changes *changes, mdli_table_edit *edits,
                         uint64_t *validity)
{
    int64_t n = 0;
    for (int64_t i = 0; i < changes->n_changes; i++) {
        const mdli_change *change = &changes->changes[i];
        if (change->ends_row) {
            validity[n >> 6] |= (uint64_t)1 << (n & 63);
            edits[n] =
                (mdli_table_edit){.row = change->history_row, .new_row = n, .drops_row = true};
            n++;
        }
        if (brings_row(changes, change)) {
            edits[n] = (mdli_table_edit){.row = place_of(change), .new_row = n};
            n++;
        }
    }
    return n;
}

/* Makes the new dbt_valid_to. */
static mdl_status edit_ends(const mdl_snapshot_changes *changes, int64_t n_most, int64_t run_time,
                            mdl_column **out, mdl_error *error)
{
    mdl_context *context = changes->context;
    const mdl_column *base = mdli_history_column_of(changes->history, MDLI_HISTORY_VALID_TO);
    size_t n_words = (size_t)((n_most + 63) >> 6);
    mdl_column *ends = NULL;
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context,
                                  n_words * sizeof(uint64_t) +
                                      (size_t)n_most * (sizeof(int64_t) + sizeof(mdli_table_edit)),
                                  "snapshot", &memory, error));
    uint64_t *validity = memory;
    int64_t *times = (int64_t *)(void *)(validity + n_words);
    mdli_table_edit *edits = (mdli_table_edit *)(void *)(times + n_most);
    int64_t n = list_ends(changes, edits, validity);
    for (int64_t i = 0; i < n; i++) {
        times[i] = run_time;
    }
    const mdl_vector vector = {
        .type = MDL_TYPE_TIMESTAMP, .n_rows = n, .values = times, .validity = validity};
    mdl_status status = mdli_column_from_vector(context, &vector, NULL, &ends, error);
    if (status == MDL_OK) {
        status = mdli_column_apply_edits(context, base, ends, edits, n, out, error);
    }
    mdli_column_release(ends);
    mdli_free(context, memory);
    return status;
}

/* Makes the columns of the new history; `*n` counts those that are made. */
static mdl_status edit_columns(const mdl_snapshot_changes *changes, const apply_counts *counts,
                               const mdl_table *new_rows, int64_t run_time,
                               const mdli_table_edit *edits, mdl_column **columns, int32_t *n,
                               mdl_error *error)
{
    const mdl_table *history = changes->history;
    int32_t valid_to = history->n_columns - MDLI_HISTORY_COLUMNS + MDLI_HISTORY_VALID_TO;
    for (*n = 0; *n < history->n_columns; ++*n) {
        if (*n == valid_to) {
            MDLI_TRY(
                edit_ends(changes, counts->n_new + counts->n_ended, run_time, &columns[*n], error));
        } else {
            MDLI_TRY(mdli_column_apply_edits(changes->context, history->columns[*n],
                                             new_rows->columns[*n], edits, counts->n_new,
                                             &columns[*n], error));
        }
    }
    return MDL_OK;
}

static mdl_status edit_history(const mdl_snapshot_changes *changes, const apply_counts *counts,
                               const mdl_table *new_rows, int64_t run_time, mdl_table **out,
                               mdl_error *error)
{
    mdl_context *context = changes->context;
    const mdl_table *history = changes->history;
    void *edits = NULL;
    void *columns = NULL;
    int32_t n = 0;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdli_allocate_array(context, counts->n_new, sizeof(mdli_table_edit),
                                           "snapshot", &edits, error));
    MDLI_TRY_GOTO_DONE(mdli_allocate_array(context, history->n_columns, sizeof(mdl_column *),
                                           "snapshot", &columns, error));
    list_new_rows(changes, edits);
    status = edit_columns(changes, counts, new_rows, run_time, edits, columns, &n, error);
    if (status == MDL_OK) {
        status = mdli_table_create(context, (const char *const *)history->names, columns, n,
                                   history->n_rows + counts->n_new, out, error);
    } else {
        release_columns(columns, n);
    }
done:
    mdli_free(context, edits);
    mdli_free(context, columns);
    return status;
}

mdl_status mdl_snapshot_changes_apply(const mdl_snapshot_changes *changes, int64_t run_time,
                                      mdl_table **out, mdl_error *error)
{
    const mdl_table *history = changes->history;
    apply_counts counts = count_rows(changes);
    mdl_table *new_rows;
    *out = NULL;
    if (run_time < MDLI_TIMESTAMP_MIN || run_time > MDLI_TIMESTAMP_MAX) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "snapshot %s: the time %lld is not in the years 1 to 9999",
                             changes->snapshot.name, (long long)run_time);
    }
    if (history != NULL && counts.n_new + counts.n_ended == 0) {
        *out = mdl_table_clone(history);
        return MDL_OK;
    }
    MDLI_TRY(check_time(changes, run_time, error));
    MDLI_TRY(make_new_rows(changes, &counts, run_time, &new_rows, error));
    if (history == NULL || history->n_rows == 0) {
        *out = new_rows;
        return MDL_OK;
    }
    mdl_status status = edit_history(changes, &counts, new_rows, run_time, out, error);
    mdl_table_free(new_rows);
    return status;
}
