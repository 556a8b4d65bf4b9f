/*
 * The diff of a table and its history.
 *
 * Rows are matched by key first (snapshot_match.c); then the check columns of matched rows are
 * compared vector by vector, on all threads; at last what differs is listed in the order of keys.
 */
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "medallion/operators.h"
#include "operators/row_sort.h"
#include "snapshot/snapshot_compare.h"
#include "snapshot/snapshot_internal.h"
#include "snapshot/snapshot_keys.h"
#include "snapshot/snapshot_match.h"

const mdl_field mdli_history_fields[MDLI_HISTORY_COLUMNS] = {
    [MDLI_HISTORY_SCD_ID] = {"dbt_scd_id", MDL_TYPE_STRING},
    [MDLI_HISTORY_UPDATED_AT] = {"dbt_updated_at", MDL_TYPE_TIMESTAMP},
    [MDLI_HISTORY_VALID_FROM] = {"dbt_valid_from", MDL_TYPE_TIMESTAMP},
    [MDLI_HISTORY_VALID_TO] = {"dbt_valid_to", MDL_TYPE_TIMESTAMP},
    [MDLI_HISTORY_IS_DELETED] = {"dbt_is_deleted", MDL_TYPE_BOOL},
};

const char *mdl_hard_deletes_name(mdl_hard_deletes hard_deletes)
{
    switch (hard_deletes) {
#define HARD_DELETES_NAME(name, value, text)                                                       \
    case MDL_HARD_DELETES_##name:                                                                  \
        return text;
        MDL_HARD_DELETES_LIST(HARD_DELETES_NAME)
#undef HARD_DELETES_NAME
    }
    return "?";
}

/*
 * The declaration and the tables.
 */

static mdl_status check_declaration(const mdl_snapshot *snapshot, mdl_error *error)
{
    if (snapshot == NULL || snapshot->struct_size != sizeof *snapshot) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "struct_size of a snapshot must be sizeof(mdl_snapshot)");
    }
    if (snapshot->name == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a snapshot needs a name");
    }
    if (strcmp(mdl_hard_deletes_name(snapshot->hard_deletes), "?") == 0) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "snapshot %s: hard_deletes is %d",
                             snapshot->name, (int)snapshot->hard_deletes);
    }
    return MDL_OK;
}

/* All columns but those of the key, in the order of the table. */
static mdl_status list_other_columns(mdl_snapshot_changes *changes, mdl_error *error)
{
    int32_t n_columns = changes->current->n_columns;
    mdli_key *checks =
        mdli_arena_allocate(&changes->arena, (size_t)n_columns * sizeof *checks, error);
    if (checks == NULL) {
        return changes->arena.failure;
    }
    int32_t n_checks = 0;
    for (int32_t c = 0; c < n_columns; c++) {
        bool is_key = false;
        for (int32_t k = 0; k < changes->n_keys; k++) {
            is_key = is_key || changes->keys[k].column == c;
        }
        checks[n_checks] = (mdli_key){.column = c};
        n_checks += !is_key;
    }
    changes->checks = checks;
    changes->n_checks = n_checks;
    return MDL_OK;
}

/* Finds the columns that the declaration names. */
static mdl_status resolve_columns(mdl_snapshot_changes *changes, mdl_error *error)
{
    const mdl_table *table = changes->current;
    mdl_field *fields =
        mdli_arena_allocate(&changes->arena, (size_t)table->n_columns * sizeof *fields, error);
    if (fields == NULL) {
        return changes->arena.failure;
    }
    for (int32_t c = 0; c < table->n_columns; c++) {
        fields[c] = (mdl_field){table->names[c], table->columns[c]->type};
    }
    const mdli_scope scope = {.fields = fields, .n_fields = table->n_columns};
    MDLI_TRY(mdli_keys_parse(&changes->arena, changes->snapshot.key, &scope, false, &changes->keys,
                             &changes->n_keys, error));
    if (changes->n_keys == 0) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "snapshot %s: it has no key",
                             changes->snapshot.name);
    }
    if (changes->snapshot.check == NULL) {
        return list_other_columns(changes, error);
    }
    return mdli_keys_parse(&changes->arena, changes->snapshot.check, &scope, false,
                           &changes->checks, &changes->n_checks, error);
}

/* The table must leave the names of a history's columns to the history. */
static mdl_status check_names(const mdl_snapshot_changes *changes, mdl_error *error)
{
    for (int32_t c = 0; c < MDLI_HISTORY_COLUMNS; c++) {
        const char *name = mdli_history_fields[c].name;
        if (mdl_table_find_column(changes->current, name) >= 0) {
            return mdl_error_set(error, MDL_E_SCHEMA,
                                 "snapshot %s: the table has a column %s, which is one of the "
                                 "history's own",
                                 changes->snapshot.name, name);
        }
    }
    return MDL_OK;
}

/* The history must have the columns of the table and its own. */
static mdl_status check_history_columns(const mdl_snapshot_changes *changes, mdl_error *error)
{
    const mdl_table *table = changes->current;
    const mdl_table *history = changes->history;
    const char *snapshot = changes->snapshot.name;
    int32_t n_expected = table->n_columns + MDLI_HISTORY_COLUMNS;
    for (int32_t c = 0; c < n_expected; c++) {
        mdl_field expected = c < table->n_columns
                                 ? (mdl_field){table->names[c], table->columns[c]->type}
                                 : mdli_history_fields[c - table->n_columns];
        if (c >= history->n_columns) {
            return mdl_error_set(error, MDL_E_SCHEMA, "snapshot %s: the history has no column %s",
                                 snapshot, expected.name);
        }
        if (strcmp(history->names[c], expected.name) != 0 ||
            history->columns[c]->type != expected.type) {
            return mdl_error_set(error, MDL_E_SCHEMA,
                                 "snapshot %s: column %d of the history is %s of type %s, and "
                                 "should be %s of type %s",
                                 snapshot, (int)c + 1, history->names[c],
                                 mdl_type_name(history->columns[c]->type), expected.name,
                                 mdl_type_name(expected.type));
        }
    }
    if (history->n_columns > n_expected) {
        return mdl_error_set(error, MDL_E_SCHEMA,
                             "snapshot %s: column %d of the history, %s, should not be there",
                             snapshot, (int)n_expected + 1, history->names[n_expected]);
    }
    return MDL_OK;
}

/* The first row in which a column with NULLs is NULL. */
static int64_t first_null(const mdl_column *column)
{
    int64_t b = 0;
    while (column->blocks[b]->n_nulls == 0) {
        b++;
    }
    const mdli_block *block = column->blocks[b];
    int64_t i = 0;
    while (block->validity != NULL && ((block->validity[i >> 6] >> (i & 63)) & 1) != 0) {
        i++;
    }
    return column->row_starts[b] + i;
}

static mdl_status check_no_null_keys(const mdl_snapshot_changes *changes, const mdl_table *table,
                                     const char *what, mdl_error *error)
{
    for (int32_t k = 0; k < changes->n_keys; k++) {
        int32_t c = changes->keys[k].column;
        if (table->columns[c]->stats.n_nulls > 0) {
            return mdli_key_fault(changes->context, changes->snapshot.name, table, changes->keys,
                                  changes->n_keys, c, first_null(table->columns[c]), what, error);
        }
    }
    return MDL_OK;
}

/* Puts the table in the order of its keys. */
static mdl_status sort_current(mdl_snapshot_changes *changes, mdl_error *error)
{
    mdl_query *query = mdl_query_create(changes->context);
    mdl_table *sorted = NULL;
    mdl_rel *rows = mdl_sort(mdl_scan(query, changes->current), changes->snapshot.key);
    mdl_status status = mdl_query_collect(query, rows, &sorted, error);
    mdl_query_free(query);
    if (status == MDL_OK) {
        mdl_table_free(changes->current);
        changes->current = sorted;
    }
    return status;
}

/* Makes sure that the table's keys ascend, and none is NULL or there twice. */
static mdl_status order_current(mdl_snapshot_changes *changes, mdl_error *error)
{
    mdl_context *context = changes->context;
    mdli_key_order order;
    MDLI_TRY(check_no_null_keys(changes, changes->current,
                                "is a key of the table, and no part of a key may be NULL", error));
    MDLI_TRY(mdli_find_key_order(context, changes->current, changes->keys, changes->n_keys, &order,
                                 error));
    if (!order.is_ascending) {
        MDLI_TRY(sort_current(changes, error));
        MDLI_TRY(mdli_find_key_order(context, changes->current, changes->keys, changes->n_keys,
                                     &order, error));
    }
    if (order.first_repeat < changes->current->n_rows) {
        return mdli_key_fault(context, changes->snapshot.name, changes->current, changes->keys,
                              changes->n_keys, changes->keys[0].column, order.first_repeat,
                              "is the key of more than one row of the table", error);
    }
    return MDL_OK;
}

/* A history comes from here and is in order, unless somebody changed it. */
static mdl_status check_history_order(mdl_snapshot_changes *changes, mdl_error *error)
{
    const mdl_table *history = changes->history;
    mdli_key_order order;
    MDLI_TRY(check_no_null_keys(
        changes, history, "is a key of the history, and no part of a key may be NULL", error));
    if (changes->n_keys == 1 && history->columns[changes->keys[0].column]->stats.is_sorted) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_find_key_order(changes->context, history, changes->keys, changes->n_keys, &order,
                                 error));
    if (!order.is_ascending) {
        return mdl_error_set(error, MDL_E_DATA,
                             "snapshot %s: the rows of the history are not ascending by %s",
                             changes->snapshot.name, changes->snapshot.key);
    }
    return MDL_OK;
}

/*
 * Comparing matched rows.
 */

/* Rows of one job: a vector takes a microsecond for each column. */
enum {
    JOB_ROWS = 16 * MDLI_VECTOR_ROWS
};

/* Rows of the history from the first to the last match of a vector: rows of other keys lie between.
 */
enum {
    SPAN_ROWS_MAX = 4 * MDLI_VECTOR_ROWS
};

/* What a worker keeps for one check column. */
typedef struct compare_column {
    mdli_decode_buffer current_buffer;
    mdli_decode_buffer history_buffer;
    const mdli_block *current_block; /* the last two blocks that were compared … */
    const mdli_block *history_block;
    bool are_same; /* … and what came of it */
} compare_column;

typedef struct compare_worker {
    compare_column *columns;
    int32_t *places;       /* MDLI_VECTOR_ROWS: matches, counted from the first */
    uint8_t *differs;      /* MDLI_VECTOR_ROWS: of one column … */
    uint8_t *some_differs; /* … and of any */
} compare_worker;

typedef struct compare_jobs {
    const mdl_snapshot_changes *changes;
    const mdli_match *match;
    mdli_column_pair *pairs; /* of the check columns */
    compare_worker *workers;
    uint8_t *kinds; /* an mdli_change_kind for each row of the table */
} compare_jobs;

/* Rows of the table and of the history that are compared at once. */
typedef struct row_span {
    int64_t row;
    int64_t n;
    int64_t history_row; /* of the first match */
    int64_t n_history;   /* to the last one; 0 = no row has a match */
    bool is_in_line;     /* row + i matches history_row + i */
} row_span;

/* Whether `n` matches follow one another. */
static bool are_in_line(const int64_t *rows, int64_t n)
{
    int64_t deviation = rows[0] < 0;
    for (int64_t i = 0; i < n; i++) {
        deviation |= rows[i] - rows[0] - i;
    }
    return deviation == 0;
}

/* The rows from `row` on whose matches lie close enough together; `places` counts these from the
 * first one, unless they are in line. */
static row_span next_span(const compare_jobs *jobs, int64_t row, int64_t end, int32_t *places)
{
    const int64_t *rows = jobs->match->rows + row;
    int64_t n_most = end - row < MDLI_VECTOR_ROWS ? end - row : MDLI_VECTOR_ROWS;
    row_span span = {.row = row, .history_row = -1};
    if (are_in_line(rows, n_most)) {
        return (row_span){
            .row = row,
            .n = n_most,
            .history_row = rows[0],
            .n_history = n_most,
            .is_in_line = true,
        };
    }
    for (; span.n < n_most; span.n++) {
        places[span.n] = 0;
        if (rows[span.n] < 0) {
            continue;
        }
        span.history_row = span.history_row < 0 ? rows[span.n] : span.history_row;
        if (rows[span.n] - span.history_row >= SPAN_ROWS_MAX) {
            break;
        }
        places[span.n] = (int32_t)(rows[span.n] - span.history_row);
        span.n_history = places[span.n] + 1;
    }
    return span;
}

/* Whether blocks tell without decoding that a span has nothing that differs in a column. */
static bool is_same_by_blocks(compare_column *column, const mdli_column_pair *pair,
                              const row_span *span)
{
    int64_t b = mdli_column_find_block(pair->current, span->row);
    int64_t h = mdli_column_find_block(pair->history, span->history_row);
    int64_t current_start = pair->current->row_starts[b];
    int64_t history_start = pair->history->row_starts[h];
    if (span->row + span->n > pair->current->row_starts[b + 1] ||
        span->history_row + span->n_history > pair->history->row_starts[h + 1]) {
        return false;
    }
    const mdli_block *current = pair->current->blocks[b];
    const mdli_block *history = pair->history->blocks[h];
    if (mdli_blocks_are_same_constant(current, history)) {
        return true;
    }
    if (!span->is_in_line || span->row - current_start != span->history_row - history_start) {
        return false;
    }
    if (column->current_block != current || column->history_block != history) {
        column->current_block = current;
        column->history_block = history;
        column->are_same = mdli_blocks_are_same(current, history);
    }
    return column->are_same;
}

static mdl_status compare_span(compare_jobs *jobs, compare_worker *worker, const row_span *span,
                               mdl_error *error)
{
    memset(worker->some_differs, 0, (size_t)span->n);
    for (int32_t k = 0; k < jobs->changes->n_checks && span->n_history > 0; k++) {
        const mdli_column_pair *pair = &jobs->pairs[k];
        compare_column *column = &worker->columns[k];
        mdl_vector current;
        mdl_vector history;
        if (is_same_by_blocks(column, pair, span)) {
            continue;
        }
        MDLI_TRY(mdli_column_read(pair->current, span->row, span->n, &column->current_buffer,
                                  &current, error));
        MDLI_TRY(mdli_column_read(pair->history, span->history_row, span->n_history,
                                  &column->history_buffer, &history, error));
        mdli_compare_values(pair, &current, &history, span->is_in_line ? NULL : worker->places,
                            span->n, worker->differs);
        for (int64_t i = 0; i < span->n; i++) {
            worker->some_differs[i] |= worker->differs[i];
        }
    }
    return MDL_OK;
}

/* Whether bits [first, first + n) are all set. */
static bool are_all_set(const uint64_t *bits, int64_t first, int64_t n)
{
    bool are_set = true;
    for (int64_t i = first; are_set && i < first + n;) {
        int64_t in_word = 64 - (i & 63);
        int64_t n_bits = first + n - i < in_word ? first + n - i : in_word;
        uint64_t mask = (~(uint64_t)0 >> (64 - n_bits)) << (i & 63);
        are_set = (bits[i >> 6] & mask) == mask;
        i += n_bits;
    }
    return are_set;
}

/* Says what became of the keys of a span. */
static void classify_span(compare_jobs *jobs, const compare_worker *worker, const row_span *span)
{
    const mdli_match *match = jobs->match;
    const uint8_t *differs = worker->some_differs;
    uint8_t *kinds = jobs->kinds + span->row;
    for (int64_t i = 0; i < span->n; i++) {
        kinds[i] = differs[i] ? MDLI_CHANGE_CHANGED : MDLI_CHANGE_NONE;
    }
    if (span->is_in_line && are_all_set(match->live, span->history_row, span->n)) {
        return;
    }
    for (int64_t i = 0; i < span->n; i++) {
        int64_t history_row = match->rows[span->row + i];
        if (history_row < 0) {
            kinds[i] = MDLI_CHANGE_INSERTED;
        } else if (!mdli_bit(match->live, history_row)) {
            kinds[i] = MDLI_CHANGE_REAPPEARED;
        }
    }
}

static mdl_status compare_rows(void *data, int64_t job, int worker_number, mdl_error *error)
{
    compare_jobs *jobs = data;
    compare_worker *worker = &jobs->workers[worker_number];
    int64_t n_rows = jobs->changes->current->n_rows;
    int64_t row = job * JOB_ROWS;
    int64_t end = row + JOB_ROWS < n_rows ? row + JOB_ROWS : n_rows;
    while (row < end) {
        row_span span = next_span(jobs, row, end, worker->places);
        MDLI_TRY(compare_span(jobs, worker, &span, error));
        classify_span(jobs, worker, &span);
        row += span.n;
    }
    return MDL_OK;
}

static mdl_status create_workers(compare_jobs *jobs, int n_workers, mdl_error *error)
{
    mdl_context *context = jobs->changes->context;
    int32_t n_checks = jobs->changes->n_checks;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_workers * sizeof(compare_worker),
                                  "snapshot diff", &memory, error));
    jobs->workers = memory;
    for (int i = 0; i < n_workers; i++) {
        compare_worker *worker = &jobs->workers[i];
        MDLI_TRY(mdli_allocate_zeroed(context,
                                      (size_t)n_checks * sizeof(compare_column) +
                                          MDLI_VECTOR_ROWS * (sizeof(int32_t) + 2),
                                      "snapshot diff", &memory, error));
        worker->columns = memory;
        worker->places = (int32_t *)(void *)(worker->columns + n_checks);
        worker->differs = (uint8_t *)(worker->places + MDLI_VECTOR_ROWS);
        worker->some_differs = worker->differs + MDLI_VECTOR_ROWS;
        for (int32_t k = 0; k < n_checks; k++) {
            mdli_decode_buffer_init(&worker->columns[k].current_buffer, context);
            mdli_decode_buffer_init(&worker->columns[k].history_buffer, context);
        }
    }
    return MDL_OK;
}

static void free_workers(compare_jobs *jobs, int n_workers)
{
    mdl_context *context = jobs->changes->context;
    for (int i = 0; jobs->workers != NULL && i < n_workers; i++) {
        compare_column *columns = jobs->workers[i].columns;
        for (int32_t k = 0; columns != NULL && k < jobs->changes->n_checks; k++) {
            mdli_decode_buffer_free(&columns[k].current_buffer);
            mdli_decode_buffer_free(&columns[k].history_buffer);
        }
        mdli_free(context, columns);
    }
    mdli_free(context, jobs->workers);
}

static mdl_status create_pairs(compare_jobs *jobs, mdl_error *error)
{
    const mdl_snapshot_changes *changes = jobs->changes;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(changes->context,
                                  (size_t)changes->n_checks * sizeof(mdli_column_pair),
                                  "snapshot diff", &memory, error));
    jobs->pairs = memory;
    for (int32_t k = 0; k < changes->n_checks; k++) {
        int32_t c = changes->checks[k].column;
        MDLI_TRY(mdli_column_pair_init(&jobs->pairs[k], changes->context,
                                       changes->current->columns[c], changes->history->columns[c],
                                       error));
    }
    return MDL_OK;
}

static void free_pairs(compare_jobs *jobs)
{
    mdl_context *context = jobs->changes->context;
    for (int32_t k = 0; jobs->pairs != NULL && k < jobs->changes->n_checks; k++) {
        mdli_column_pair_free(&jobs->pairs[k], context);
    }
    mdli_free(context, jobs->pairs);
}

/* Finds what became of each row of the table. */
static mdl_status classify_rows(const mdl_snapshot_changes *changes, const mdli_match *match,
                                uint8_t *kinds, mdl_error *error)
{
    compare_jobs jobs = {.changes = changes, .match = match, .kinds = kinds};
    int64_t n_jobs = (changes->current->n_rows + JOB_ROWS - 1) / JOB_ROWS;
    int n_workers = mdli_n_workers(changes->context, n_jobs);
    mdl_status status;
    MDLI_TRY_GOTO_DONE(create_pairs(&jobs, error));
    MDLI_TRY_GOTO_DONE(create_workers(&jobs, n_workers, error));
    status = mdli_parallel_for(changes->context, n_jobs, compare_rows, &jobs, error);
done:
    free_workers(&jobs, n_workers);
    free_pairs(&jobs);
    return status;
}

/*
 * Listing what differs.
 */

static mdl_status add_change(mdl_snapshot_changes *changes, mdli_change change, mdl_error *error)
{
    void *memory = changes->changes;
    MDLI_TRY(mdli_grow_array(changes->context, &memory, &changes->capacity, changes->n_changes,
                             changes->n_changes + 1, sizeof change, "snapshot diff", error));
    changes->changes = memory;
    changes->changes[changes->n_changes++] = change;
    return MDL_OK;
}

static mdl_status add_gone(mdl_snapshot_changes *changes, const mdli_gone_key *gone,
                           mdl_error *error)
{
    bool is_ignored = changes->snapshot.hard_deletes == MDL_HARD_DELETES_IGNORE;
    changes->counts.n_missing += is_ignored;
    changes->counts.n_deleted += !is_ignored;
    return add_change(changes,
                      (mdli_change){
                          .current_row = -1,
                          .history_row = gone->history_row,
                          .kind = is_ignored ? MDLI_CHANGE_MISSING : MDLI_CHANGE_DELETED,
                          .ends_row = !is_ignored,
                      },
                      error);
}

static mdl_status add_row(mdl_snapshot_changes *changes, const mdli_match *match, int64_t row,
                          mdli_change_kind kind, mdl_error *error)
{
    bool is_new = kind == MDLI_CHANGE_INSERTED;
    int64_t history_row = match->rows[row];
    changes->counts.n_inserted += is_new;
    changes->counts.n_changed += kind == MDLI_CHANGE_CHANGED;
    changes->counts.n_reappeared += kind == MDLI_CHANGE_REAPPEARED;
    return add_change(changes,
                      (mdli_change){
                          .current_row = row,
                          .history_row = is_new ? ~history_row : history_row,
                          .kind = kind,
                          .ends_row = !is_new && mdli_bit(match->open, history_row),
                      },
                      error);
}

/* The first row from `row` on that is of another kind than NONE; n_rows = none. */
static int64_t next_changed(const uint8_t *kinds, int64_t row, int64_t n_rows)
{
    uint64_t eight = 0;
    while (n_rows - row >= (int64_t)sizeof eight) {
        memcpy(&eight, kinds + row, sizeof eight);
        if (eight != 0) {
            break;
        }
        row += sizeof eight;
    }
    while (row < n_rows && kinds[row] == MDLI_CHANGE_NONE) {
        row++;
    }
    return row;
}

/* Brings the keys that are there and those that are gone in one order. */
static mdl_status list_changes(mdl_snapshot_changes *changes, const mdli_match *match,
                               const uint8_t *kinds, mdl_error *error)
{
    int64_t n_rows = changes->current->n_rows;
    int64_t n_listed = 0;
    int64_t g = 0;
    int64_t row = next_changed(kinds, 0, n_rows);
    for (; row < n_rows; row = next_changed(kinds, row + 1, n_rows)) {
        for (; g < match->n_gone && match->gone[g].before_row <= row; g++) {
            MDLI_TRY(add_gone(changes, &match->gone[g], error));
        }
        MDLI_TRY(add_row(changes, match, row, (mdli_change_kind)kinds[row], error));
        n_listed++;
    }
    for (; g < match->n_gone; g++) {
        MDLI_TRY(add_gone(changes, &match->gone[g], error));
    }
    changes->counts.n_unchanged = n_rows - n_listed;
    return MDL_OK;
}

/* Compares the table with its history. */
static mdl_status find_changes(mdl_snapshot_changes *changes, mdl_error *error)
{
    mdli_match match;
    void *kinds = NULL;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdli_match_init(&match, changes, error));
    MDLI_TRY_GOTO_DONE(mdli_allocate(changes->context, (size_t)changes->current->n_rows,
                                     "snapshot diff", &kinds, error));
    MDLI_TRY_GOTO_DONE(classify_rows(changes, &match, kinds, error));
    status = list_changes(changes, &match, kinds, error);
done:
    mdli_free(changes->context, kinds);
    mdli_match_free(&match);
    return status;
}

/* Without a history every row of the table enters. */
static mdl_status insert_all(mdl_snapshot_changes *changes, mdl_error *error)
{
    int64_t n_rows = changes->current->n_rows;
    void *memory;
    MDLI_TRY(mdli_allocate_array(changes->context, n_rows, sizeof(mdli_change), "snapshot diff",
                                 &memory, error));
    changes->changes = memory;
    changes->capacity = n_rows;
    changes->n_changes = n_rows;
    changes->counts.n_inserted = n_rows;
    for (int64_t row = 0; row < n_rows; row++) {
        changes->changes[row] = (mdli_change){.current_row = row, .kind = MDLI_CHANGE_INSERTED};
    }
    return MDL_OK;
}

static mdl_status fill_changes(mdl_snapshot_changes *changes, mdl_error *error)
{
    MDLI_TRY(resolve_columns(changes, error));
    MDLI_TRY(check_names(changes, error));
    if (changes->history != NULL) {
        MDLI_TRY(check_history_columns(changes, error));
        MDLI_TRY(check_history_order(changes, error));
    }
    MDLI_TRY(order_current(changes, error));
    return changes->history != NULL ? find_changes(changes, error) : insert_all(changes, error);
}

/*
 * The public face.
 */

mdl_status mdl_snapshot_diff(mdl_context *context, const mdl_snapshot *snapshot,
                             const mdl_table *history, const mdl_table *current,
                             mdl_snapshot_changes **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(check_declaration(snapshot, error));
    MDLI_TRY(mdli_allocate(context, sizeof(mdl_snapshot_changes), "snapshot diff", &memory, error));
    mdl_snapshot_changes *changes = memory;
    *changes = (mdl_snapshot_changes){
        .context = context,
        .snapshot = *snapshot,
        .current = mdl_table_clone(current),
        .history = mdl_table_clone(history),
    };
    mdli_arena_init(&changes->arena, context, "snapshot diff");
    mdl_status status = fill_changes(changes, error);
    if (status != MDL_OK) {
        mdl_snapshot_changes_free(changes);
        return status;
    }
    *out = changes;
    return MDL_OK;
}

mdl_snapshot_counts mdl_snapshot_changes_counts(const mdl_snapshot_changes *changes)
{
    return changes->counts;
}

void mdl_snapshot_changes_free(mdl_snapshot_changes *changes)
{
    if (changes == NULL) {
        return;
    }
    mdli_free(changes->context, changes->changes);
    mdl_table_free(changes->current);
    mdl_table_free(changes->history);
    mdli_arena_reset(&changes->arena);
    mdli_free(changes->context, changes);
}
