/*
 * Rules on rows, as expressions.
 *
 * Blocks of the rule's column whose statistics or listed values prove that they hold are not read:
 * bounds for a range, the entries of a dictionary for a list of values. The others are cut in
 * vectors, which start with frames of the blocks, and are the jobs.
 */
#include "quality/quality_internal.h"

#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "operators/rowset.h"

/* Rows that one job looks at. */
typedef struct row_range {
    int64_t first_row;
    int64_t n_rows;
} row_range;

/* What one worker needs. */
typedef struct scan_worker {
    mdli_evaluator *evaluator;
    mdli_decode_buffer *buffers; /* per column of the table */
    mdl_vector *vectors;
} scan_worker;

typedef struct row_scan {
    mdl_context *context;
    const mdl_table *table;
    const mdli_expression *rule;
    bool wanted;
    bool *used; /* per column of the table */
    row_range *ranges;
    int64_t n_ranges;
    scan_worker *workers;
    int n_workers;
    mdli_marks *marks;
} row_scan;

/* ---- Scanning ---- */

/* Adds marks of `n` ≤ 64 rows from `row` on. Words at the borders of ranges belong to two jobs. */
static mdl_status add_marks(mdli_marks *marks, int64_t row, uint64_t bits, mdl_error *error)
{
    const int64_t shift = row & 63;
    uint64_t *made;
    if (bits == 0) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_marks_make(marks, &made, error));
    _Atomic uint64_t *words = (_Atomic uint64_t *)made;
    if (bits << shift != 0) {
        atomic_fetch_or_explicit(&words[row >> 6], bits << shift, memory_order_relaxed);
    }
    if (shift > 0 && bits >> (64 - shift) != 0) {
        atomic_fetch_or_explicit(&words[(row >> 6) + 1], bits >> (64 - shift),
                                 memory_order_relaxed);
    }
    return MDL_OK;
}

/* Marks those of the rows from `row` on whose result is the wanted one. */
static mdl_status mark_results(const row_scan *scan, const mdl_vector *results, int64_t row,
                               mdl_error *error)
{
    const uint8_t *values = results->values;
    for (int64_t i = 0; i < results->n_rows; i += 64) {
        int64_t n = results->n_rows - i < 64 ? results->n_rows - i : 64;
        uint64_t bits = 0;
        for (int64_t k = 0; k < n; k++) {
            bits |= (uint64_t)((values[i + k] != 0) == scan->wanted) << k;
        }
        bits &= results->validity != NULL ? results->validity[i >> 6] : ~(uint64_t)0;
        MDLI_TRY(add_marks(scan->marks, row + i, bits, error));
    }
    return MDL_OK;
}

static mdl_status scan_vector(row_scan *scan, scan_worker *worker, int64_t row, int64_t n,
                              mdl_error *error)
{
    mdl_vector results;
    for (int32_t c = 0; c < scan->table->n_columns; c++) {
        if (scan->used[c]) {
            MDLI_TRY(mdli_column_read(scan->table->columns[c], row, n, &worker->buffers[c],
                                      &worker->vectors[c], error));
        }
    }
    MDLI_TRY(mdli_evaluate(worker->evaluator, worker->vectors, n, &results, error));
    results.n_rows = n;
    return mark_results(scan, &results, row, error);
}

static mdl_status scan_range(void *data, int64_t job, int worker, mdl_error *error)
{
    row_scan *scan = data;
    row_range range = scan->ranges[job];
    for (int64_t at = 0; at < range.n_rows; at += MDLI_VECTOR_ROWS) {
        int64_t n_left = range.n_rows - at;
        int64_t n = n_left < MDLI_VECTOR_ROWS ? n_left : MDLI_VECTOR_ROWS;
        MDLI_TRY(scan_vector(scan, &scan->workers[worker], range.first_row + at, n, error));
    }
    return MDL_OK;
}

static void free_worker(const row_scan *scan, scan_worker *worker)
{
    for (int32_t c = 0; worker->buffers != NULL && c < scan->table->n_columns; c++) {
        mdli_decode_buffer_free(&worker->buffers[c]);
    }
    mdli_evaluator_free(worker->evaluator);
    mdli_free(scan->context, worker->buffers);
    mdli_free(scan->context, worker->vectors);
}

static mdl_status create_worker(const row_scan *scan, scan_worker *worker, mdl_error *error)
{
    const size_t n_columns = (size_t)scan->table->n_columns;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(scan->context, n_columns * sizeof *worker->vectors, "test",
                                  &memory, error));
    worker->vectors = memory;
    MDLI_TRY(
        mdli_allocate(scan->context, n_columns * sizeof *worker->buffers, "test", &memory, error));
    worker->buffers = memory;
    for (size_t c = 0; c < n_columns; c++) {
        mdli_decode_buffer_init(&worker->buffers[c], scan->context);
    }
    return mdli_evaluator_create(scan->context, scan->rule, &worker->evaluator, error);
}

static mdl_status create_scan(row_scan *scan, int64_t n_ranges_max, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(scan->context, (size_t)scan->table->n_columns, "test", &memory,
                                  error));
    scan->used = memory;
    mdli_expression_mark_columns(scan->rule, scan->used);
    MDLI_TRY(mdli_allocate_array(scan->context, n_ranges_max, sizeof *scan->ranges, "test", &memory,
                                 error));
    scan->ranges = memory;
    return MDL_OK;
}

static mdl_status run_scan(row_scan *scan, mdl_error *error)
{
    void *memory;
    scan->n_workers = mdli_n_workers(scan->context, scan->n_ranges);
    MDLI_TRY(mdli_allocate_zeroed(scan->context, (size_t)scan->n_workers * sizeof *scan->workers,
                                  "test", &memory, error));
    scan->workers = memory;
    for (int w = 0; w < scan->n_workers; w++) {
        MDLI_TRY(create_worker(scan, &scan->workers[w], error));
    }
    return mdli_parallel_for(scan->context, scan->n_ranges, scan_range, scan, error);
}

static void free_scan(row_scan *scan)
{
    for (int w = 0; scan->workers != NULL && w < scan->n_workers; w++) {
        free_worker(scan, &scan->workers[w]);
    }
    mdli_free(scan->context, scan->workers);
    mdli_free(scan->context, scan->ranges);
    mdli_free(scan->context, scan->used);
}

/* The first column that a rule reads, or NULL. */
static const mdl_column *first_used(const row_scan *scan)
{
    for (int32_t c = 0; c < scan->table->n_columns; c++) {
        if (scan->used[c]) {
            return scan->table->columns[c];
        }
    }
    return NULL;
}

/* Most ranges that cut_ranges makes. */
static int64_t count_ranges(const mdl_table *table)
{
    int64_t n_ranges = table->n_rows / MDLI_BLOCK_ROWS_MAX + 1;
    for (int32_t c = 0; c < table->n_columns; c++) {
        int64_t n_blocks = table->columns[c]->n_blocks;
        n_ranges = n_blocks > n_ranges ? n_blocks : n_ranges;
    }
    return n_ranges;
}

/* Cuts the table where the first column that is read is cut. */
static void cut_ranges(row_scan *scan)
{
    const mdl_column *column = first_used(scan);
    int64_t n_rows = scan->table->n_rows;
    if (column == NULL) {
        for (int64_t row = 0; row < n_rows; row += MDLI_BLOCK_ROWS_MAX) {
            int64_t n_left = n_rows - row;
            scan->ranges[scan->n_ranges++] =
                (row_range){row, n_left < MDLI_BLOCK_ROWS_MAX ? n_left : MDLI_BLOCK_ROWS_MAX};
        }
        return;
    }
    for (int64_t b = 0; b < column->n_blocks; b++) {
        scan->ranges[scan->n_ranges++] =
            (row_range){column->row_starts[b], column->blocks[b]->n_rows};
    }
}

mdl_status mdli_mark_by_expression(mdl_context *context, const mdl_table *table,
                                   const mdli_expression *rule, bool wanted, mdli_marks *marks,
                                   mdl_error *error)
{
    row_scan scan = {
        .context = context, .table = table, .rule = rule, .wanted = wanted, .marks = marks};
    mdl_status status = create_scan(&scan, count_ranges(table), error);
    if (status == MDL_OK) {
        cut_ranges(&scan);
        status = run_scan(&scan, error);
    }
    free_scan(&scan);
    return status;
}

/* ---- Proving ---- */

/* Tries a rule on values that are not rows. */
typedef struct value_proof {
    const mdl_column *column;
    mdli_evaluator *evaluator;
    mdl_vector *vectors; /* per field; the one of the column counts */
    mdl_vector *tried;   /* that one */
    bool is_range;
    const mdli_dictionary *dictionary; /* that was tried last */
    bool dictionary_passes;
} value_proof;

/* Whether the rule is true for each of a few values. */
static mdl_status try_vector(value_proof *proof, int64_t n, bool *passes, mdl_error *error)
{
    mdl_vector results;
    proof->tried->type = proof->column->type;
    proof->tried->n_rows = n;
    MDLI_TRY(mdli_evaluate(proof->evaluator, proof->vectors, n, &results, error));
    *passes = results.validity == NULL;
    for (int64_t i = 0; i < n; i++) {
        *passes &= ((const uint8_t *)results.values)[i] != 0;
    }
    return MDL_OK;
}

static mdl_status try_integers(value_proof *proof, const int64_t *values, int32_t n, bool *passes,
                               mdl_error *error)
{
    union {
        int64_t wide[MDLI_INTEGER_DICTIONARY_MAX];
        int32_t narrow[MDLI_INTEGER_DICTIONARY_MAX];
        uint8_t bytes[MDLI_INTEGER_DICTIONARY_MAX];
    } converted;
    for (int32_t i = 0; i < n; i++) {
        switch (mdli_type_bytes(proof->column->type)) {
        case 1:
            converted.bytes[i] = (uint8_t)values[i];
            break;
        case 4:
            converted.narrow[i] = (int32_t)values[i];
            break;
        default:
            converted.wide[i] = values[i];
            break;
        }
    }
    *proof->tried = (mdl_vector){.values = &converted};
    return try_vector(proof, n, passes, error);
}

static mdl_status try_dictionary(value_proof *proof, const mdli_dictionary *dictionary,
                                 bool *passes, mdl_error *error)
{
    if (dictionary != proof->dictionary) {
        bool all_pass = true;
        for (int64_t at = 0; at < dictionary->n_entries && all_pass; at += MDLI_VECTOR_ROWS) {
            int64_t n_left = dictionary->n_entries - at;
            *proof->tried = (mdl_vector){.values = dictionary->entries + at};
            MDLI_TRY(try_vector(proof, n_left < MDLI_VECTOR_ROWS ? n_left : MDLI_VECTOR_ROWS,
                                &all_pass, error));
        }
        proof->dictionary = dictionary;
        proof->dictionary_passes = all_pass;
    }
    *passes = proof->dictionary_passes;
    return MDL_OK;
}

/* Whether a block is known to hold no row that fails. A range that holds its bounds holds all. */
static mdl_status prove_block(value_proof *proof, const mdli_block *block, bool *passes,
                              mdl_error *error)
{
    int64_t values[MDLI_INTEGER_DICTIONARY_MAX] = {block->min, block->max};
    *passes = block->n_nulls == block->n_rows;
    if (*passes) {
        return MDL_OK;
    }
    if (block->type == MDL_TYPE_STRING) {
        return block->dictionary == NULL ? MDL_OK
                                         : try_dictionary(proof, block->dictionary, passes, error);
    }
    if (block->type == MDL_TYPE_FLOAT64) {
        return MDL_OK;
    }
    int32_t n = 2;
    if (!proof->is_range && block->min != block->max) {
        n = mdli_block_distinct_values(block, values, MDLI_INTEGER_DICTIONARY_MAX);
    }
    return n < 0 ? MDL_OK : try_integers(proof, values, n, passes, error);
}

/* Cuts the table into the blocks of the rule's one column that are not proved to pass. */
static mdl_status cut_unproved(const mdli_test_plan *plan, row_scan *scan, mdl_error *error)
{
    int32_t c = plan->columns[0].column;
    value_proof proof = {.column = scan->table->columns[c],
                         .is_range = plan->test->kind == MDL_TEST_ACCEPTED_RANGE};
    void *memory;
    mdl_status status = MDL_OK;
    MDLI_TRY(mdli_allocate_zeroed(scan->context, (size_t)plan->n_fields * sizeof(mdl_vector),
                                  "test", &memory, error));
    proof.vectors = memory;
    proof.tried = &proof.vectors[c];
    MDLI_TRY_GOTO_DONE(mdli_evaluator_create(scan->context, plan->rule, &proof.evaluator, error));
    for (int64_t b = 0; b < proof.column->n_blocks; b++) {
        bool passes;
        MDLI_TRY_GOTO_DONE(prove_block(&proof, proof.column->blocks[b], &passes, error));
        if (!passes) {
            scan->ranges[scan->n_ranges++] =
                (row_range){proof.column->row_starts[b], proof.column->blocks[b]->n_rows};
        }
    }
done:
    mdli_evaluator_free(proof.evaluator);
    mdli_free(scan->context, memory);
    return status;
}

mdl_status mdli_mark_rule(const mdli_test_plan *plan, const mdl_table *table, mdli_marks *marks,
                          bool *is_proved, mdl_error *error)
{
    row_scan scan = {.context = plan->context, .table = table, .rule = plan->rule, .marks = marks};
    *is_proved = false;
    if (plan->test->kind == MDL_TEST_EXPRESSION) {
        return mdli_mark_by_expression(plan->context, table, plan->rule, false, marks, error);
    }
    mdl_status status = create_scan(&scan, count_ranges(table), error);
    if (status == MDL_OK) {
        status = cut_unproved(plan, &scan, error);
    }
    *is_proved = status == MDL_OK && scan.n_ranges == 0;
    if (status == MDL_OK && !*is_proved) {
        status = run_scan(&scan, error);
    }
    free_scan(&scan);
    return status;
}
