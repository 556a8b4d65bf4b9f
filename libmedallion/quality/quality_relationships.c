/*
 * Relationships: rows whose key the other table has not.
 *
 * Keys become a set of bits if that is small against the rows, else the map of a join. A key of one
 * column is looked up once for each run, or each entry of a dictionary, where blocks hold these; only
 * blocks in which that finds a key without a match, and those in other encodings, are decoded,
 * unless a proof on them says that their keys are of a set that this one has all of.
 */
#include "quality/quality_internal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "operators/join_map.h"
#include "operators/key_table.h"
#include "operators/rowset.h"

/* What one worker needs. */
typedef struct probe_worker {
    mdli_subset_search proofs;
    mdli_decode_buffer buffers[MDLI_KEY_COLUMNS_MAX];
    int32_t picked[MDLI_VECTOR_ROWS];
    int64_t values[MDLI_INTEGER_DICTIONARY_MAX];
} probe_worker;

typedef struct probe {
    mdl_context *context;
    const mdl_column *columns[MDLI_KEY_COLUMNS_MAX];
    int32_t n_columns;
    mdli_key_set *set;          /* NULL = none */
    mdli_integer_set *integers; /* likewise: the same of one column of integers */
    mdli_join_map *map;         /* where there is no set */
    probe_worker *workers;
    mdli_marks *marks;
    atomic_bool has_read; /* some block was decoded */
} probe;

/* ---- Probing ---- */

/* Lists the rows that have no match, those with a NULL perhaps among them. */
static mdl_status pick_unmatched(const probe *p, const mdl_vector *keys, int64_t n,
                                 probe_worker *worker, int64_t *n_picked, mdl_error *error)
{
    if (p->set != NULL) {
        return mdli_key_set_pick_others(p->set, keys, n, worker->picked, n_picked, error);
    }
    return mdli_join_map_pick(p->map, keys, n, false, worker->picked, n_picked, error);
}

static bool has_null(const mdl_vector *keys, int32_t n_keys, int64_t row)
{
    for (int32_t k = 0; k < n_keys; k++) {
        if (mdl_vector_is_null(&keys[k], row)) {
            return true;
        }
    }
    return false;
}

/* Marks the rows of a vector that have no match, and counts them in `n_orphans`. */
static mdl_status probe_vector(probe *p, probe_worker *worker, int64_t row, int64_t n,
                               int64_t *n_orphans, mdl_error *error)
{
    mdl_vector keys[MDLI_KEY_COLUMNS_MAX];
    uint64_t *words;
    int64_t n_picked;
    for (int32_t k = 0; k < p->n_columns; k++) {
        MDLI_TRY(mdli_column_read(p->columns[k], row, n, &worker->buffers[k], &keys[k], error));
    }
    MDLI_TRY(pick_unmatched(p, keys, n, worker, &n_picked, error));
    for (int64_t i = 0; i < n_picked; i++) {
        if (!has_null(keys, p->n_columns, worker->picked[i])) {
            MDLI_TRY(mdli_marks_make(p->marks, &words, error));
            mdli_mark_shared(words, row + worker->picked[i]);
            ++*n_orphans;
        }
    }
    return MDL_OK;
}

/* Whether each of a list of values has a match. */
static mdl_status match_all(probe *p, probe_worker *worker, const int64_t *values, int32_t n,
                            bool *all_match, mdl_error *error)
{
    *all_match = true;
    for (int32_t at = 0; at < n && *all_match; at += MDLI_VECTOR_ROWS) {
        mdl_vector keys = {.type = MDL_TYPE_INT64, .values = values + at};
        int64_t n_picked;
        keys.n_rows = n - at < MDLI_VECTOR_ROWS ? n - at : MDLI_VECTOR_ROWS;
        MDLI_TRY(pick_unmatched(p, &keys, keys.n_rows, worker, &n_picked, error));
        *all_match = n_picked == 0;
    }
    return MDL_OK;
}

/* Whether the values that a block lists all have a match. */
static mdl_status prove_block(probe *p, probe_worker *worker, const mdli_block *block,
                              bool *all_match, mdl_error *error)
{
    const int64_t *values;
    const int32_t *ends;
    int32_t n;
    *all_match =
        block->n_nulls == block->n_rows || (p->set != NULL && mdli_key_set_has_entries(p->set));
    /* The map of INT32 and INT64 keys takes both; of others just the type itself. */
    if (p->n_columns > 1 || (block->type != MDL_TYPE_INT32 && block->type != MDL_TYPE_INT64)) {
        return MDL_OK;
    }
    if (!mdli_block_runs(block, &values, &ends, &n)) {
        n = mdli_block_distinct_values(block, worker->values, MDLI_INTEGER_DICTIONARY_MAX);
        values = worker->values;
    }
    return n < 0 ? MDL_OK : match_all(p, worker, values, n, all_match, error);
}

/* Looks all rows of a block up, unless that was done before, and keeps it with the block if all have
 * a match. */
static mdl_status probe_block_rows(probe *p, probe_worker *worker, int64_t b, mdl_error *error)
{
    const mdl_column *column = p->columns[0];
    const mdli_block *block = column->blocks[b];
    int64_t n_orphans = 0;
    if (p->integers != NULL && mdli_block_is_proved_within(block, &worker->proofs)) {
        return MDL_OK;
    }
    for (int64_t at = 0; at < block->n_rows; at += MDLI_VECTOR_ROWS) {
        int64_t n_left = block->n_rows - at;
        MDLI_TRY(probe_vector(p, worker, column->row_starts[b] + at,
                              n_left < MDLI_VECTOR_ROWS ? n_left : MDLI_VECTOR_ROWS, &n_orphans,
                              error));
    }
    return p->integers != NULL && n_orphans == 0
               ? mdli_block_prove_within(block, &worker->proofs, column->n_rows, error)
               : MDL_OK;
}

static mdl_status probe_block(void *data, int64_t job, int worker_number, mdl_error *error)
{
    probe *p = data;
    probe_worker *worker = &p->workers[worker_number];
    bool all_match;
    MDLI_TRY(prove_block(p, worker, p->columns[0]->blocks[job], &all_match, error));
    if (all_match) {
        return MDL_OK;
    }
    /* Also where rows were read earlier: what a test tells does not depend on that. */
    atomic_store_explicit(&p->has_read, true, memory_order_relaxed);
    return probe_block_rows(p, worker, job, error);
}

static mdl_status run_probe(probe *p, mdl_error *error)
{
    int64_t n_jobs = p->columns[0]->n_blocks;
    int n_workers = mdli_n_workers(p->context, n_jobs);
    void *memory;
    MDLI_TRY(
        mdli_allocate(p->context, (size_t)n_workers * sizeof *p->workers, "test", &memory, error));
    p->workers = memory;
    for (int w = 0; w < n_workers; w++) {
        p->workers[w].proofs = (mdli_subset_search){.set = p->integers};
        for (int32_t k = 0; k < p->n_columns; k++) {
            mdli_decode_buffer_init(&p->workers[w].buffers[k], p->context);
        }
    }
    mdl_status status = mdli_parallel_for(p->context, n_jobs, probe_block, p, error);
    for (int w = 0; w < n_workers; w++) {
        for (int32_t k = 0; k < p->n_columns; k++) {
            mdli_decode_buffer_free(&p->workers[w].buffers[k]);
        }
    }
    mdli_free(p->context, memory);
    return status;
}

/* ---- The other table ---- */

/* The rows and columns of the other table that count. */
static mdl_status select_keys(const mdli_test_plan *plan, const mdl_table *to, mdl_table **out,
                              mdl_error *error)
{
    const mdl_test *test = plan->test;
    mdl_query *query = mdl_query_create(plan->context);
    mdl_rel *rel = mdl_scan(query, to);
    if (test->to_where != NULL) {
        rel = mdl_filter(rel, test->to_where);
    }
    rel = mdl_project(rel, test->to_columns != NULL ? test->to_columns : test->columns);
    mdl_status status = mdl_query_collect(query, rel, out, error);
    mdl_query_free(query);
    return status;
}

static bool can_match(mdl_type a, mdl_type b)
{
    bool are_integers = (a == MDL_TYPE_INT32 || a == MDL_TYPE_INT64) &&
                        (b == MDL_TYPE_INT32 || b == MDL_TYPE_INT64);
    return a == b || are_integers;
}

static mdl_status check_keys(const mdli_test_plan *plan, const mdl_table *right, mdl_error *error)
{
    if (right->n_columns != plan->n_columns) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "a relationship of %d columns with %d columns of %s",
                             (int)plan->n_columns, (int)right->n_columns, plan->test->to);
    }
    for (int32_t k = 0; k < plan->n_columns; k++) {
        mdl_field left = plan->fields[plan->columns[k].column];
        mdl_type type = right->columns[k]->type;
        if (!can_match(left.type, type)) {
            return mdl_error_set(error, MDL_E_TYPE,
                                 "a relationship of %s, which is %s, with %s of %s, which is %s",
                                 left.name, mdl_type_name(left.type), right->names[k],
                                 plan->test->to, mdl_type_name(type));
        }
    }
    return MDL_OK;
}

/* Makes the set or the map of the other table's keys. */
static mdl_status prepare_keys(const mdli_test_plan *plan, const mdl_table *right, probe *p,
                               mdl_error *error)
{
    int32_t key_columns[MDLI_KEY_COLUMNS_MAX];
    MDLI_TRY(mdli_key_set_create(plan->context, p->columns, right, &p->set, error));
    if (p->set != NULL) {
        p->integers = mdli_key_set_integers(p->set);
        return MDL_OK;
    }
    for (int32_t k = 0; k < plan->n_columns; k++) {
        key_columns[k] = k;
    }
    return mdli_join_map_create(plan->context, right, key_columns, plan->n_columns,
                                MDLI_JOIN_NEEDS_MATCHES, &p->map, error);
}

mdl_status mdli_mark_orphans(const mdli_test_plan *plan, const mdl_table *table,
                             const mdl_table *to, mdli_marks *marks, bool *is_proved,
                             mdl_error *error)
{
    probe p = {
        .context = plan->context,
        .n_columns = plan->n_columns,
        .marks = marks,
    };
    mdl_table *right = NULL;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(select_keys(plan, to, &right, error));
    MDLI_TRY_GOTO_DONE(check_keys(plan, right, error));
    for (int32_t k = 0; k < plan->n_columns; k++) {
        p.columns[k] = table->columns[plan->columns[k].column];
    }
    MDLI_TRY_GOTO_DONE(prepare_keys(plan, right, &p, error));
    MDLI_TRY_GOTO_DONE(run_probe(&p, error));
    *is_proved = !atomic_load(&p.has_read);
done:
    mdli_key_set_free(p.set);
    mdli_join_map_free(p.map);
    mdl_table_free(right);
    return status;
}
