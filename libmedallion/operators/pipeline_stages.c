/*
 * The stages of pipelines: filter, project, explode and the probe of a join. Each takes rows, and
 * pushes rows on in vectors of about MDLI_VECTOR_ROWS. Columns that come through unchanged are
 * passed on, not copied; where rows are dropped or repeated, the needed columns are gathered by row
 * number.
 */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/tuning.h"
#include "operators/key_table.h"
#include "operators/pipeline_internal.h"

/* Pieces of one row up to which repeats are found by comparing all pairs. */
enum {
    PAIRWISE_PIECES_MAX = 64
};

mdl_status mdli_rows_allocate(mdl_context *context, int32_t n_columns, mdli_rows *rows,
                              mdl_error *error)
{
    void *memory;
    rows->n_columns = n_columns;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_columns * sizeof(mdl_vector), "pipeline",
                                  &memory, error));
    rows->columns = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_columns * sizeof(mdli_dictionary *),
                                  "pipeline", &memory, error));
    rows->dictionaries = memory;
    return MDL_OK;
}

void mdli_rows_free(mdl_context *context, mdli_rows *rows)
{
    mdli_free(context, rows->columns);
    mdli_free(context, rows->dictionaries);
}

/* How many evaluators a stage has: one per item, or the predicate's. */
static int32_t n_evaluators(const mdl_rel *rel)
{
    return rel->kind == MDLI_REL_PROJECT ? rel->n_items : rel->kind == MDLI_REL_FILTER ? 1 : 0;
}

static mdl_status create_evaluators(mdl_context *context, const mdli_stage *stage,
                                    mdli_stage_worker *worker, mdl_error *error)
{
    const mdl_rel *rel = stage->rel;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_evaluators(rel) * sizeof(mdli_evaluator *),
                                  "pipeline", &memory, error));
    worker->evaluators = memory;
    if (rel->kind == MDLI_REL_FILTER) {
        return mdli_evaluator_create(context, rel->predicate, &worker->evaluators[0], error);
    }
    for (int32_t i = 0; i < rel->n_items && rel->kind == MDLI_REL_PROJECT; i++) {
        int32_t column;
        if (stage->needed[0][i] && !mdli_expression_is_column(rel->items[i].expression, &column)) {
            MDLI_TRY(mdli_evaluator_create(context, rel->items[i].expression,
                                           &worker->evaluators[i], error));
        }
    }
    return MDL_OK;
}

mdl_status mdli_stage_worker_init(mdl_context *context, const mdli_stage *stage,
                                  mdli_stage_worker *worker, mdl_error *error)
{
    const mdl_rel *rel = stage->rel;
    void *memory;
    MDLI_TRY(mdli_rows_allocate(context, rel->n_fields, &worker->out, error));
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)rel->n_fields * sizeof(mdli_flat), "pipeline",
                                  &memory, error));
    worker->gathered = memory;
    for (int32_t i = 0; i < rel->n_fields; i++) {
        mdli_flat_init(&worker->gathered[i], context, rel->fields[i].type);
    }
    if (stage->is_aligned) {
        MDLI_TRY(mdli_allocate_array(context, stage->n_right, sizeof(mdli_decode_buffer), "join",
                                     &memory, error));
        worker->right_buffers = memory;
        for (int32_t i = 0; i < stage->n_right; i++) {
            mdli_decode_buffer_init(&worker->right_buffers[i], context);
        }
    }
    return create_evaluators(context, stage, worker, error);
}

static void free_worker(mdl_context *context, const mdli_stage *stage, mdli_stage_worker *worker)
{
    const mdl_rel *rel = stage->rel;
    mdli_rows_free(context, &worker->out);
    for (int32_t i = 0; worker->right_buffers != NULL && i < stage->n_right; i++) {
        mdli_decode_buffer_free(&worker->right_buffers[i]);
    }
    mdli_free(context, worker->right_buffers);
    for (int32_t i = 0; worker->gathered != NULL && i < rel->n_fields; i++) {
        mdli_flat_free(&worker->gathered[i]);
    }
    for (int32_t i = 0; worker->evaluators != NULL && i < n_evaluators(rel); i++) {
        mdli_evaluator_free(worker->evaluators[i]);
    }
    mdli_free(context, worker->gathered);
    mdli_free(context, worker->evaluators);
    mdli_free(context, worker->picked);
    mdli_free(context, worker->matched);
    mdli_free(context, worker->slots);
    mdli_free(context, worker->pieces);
}

void mdli_stage_free(mdl_context *context, mdli_stage *stage, int n_workers)
{
    for (int w = 0; stage->workers != NULL && w < n_workers; w++) {
        free_worker(context, stage, &stage->workers[w]);
    }
    for (int32_t i = 0; stage->right_values != NULL && i < stage->n_right; i++) {
        mdli_flat_free(&stage->right_values[i]);
    }
    mdli_join_map_free(stage->map);
    mdl_table_free(stage->right);
    mdli_free(context, stage->right_columns);
    mdli_free(context, stage->right_values);
    mdli_free(context, stage->workers);
    for (int v = 0; v < MDLI_PIPELINE_VARIANTS; v++) {
        mdli_free(context, stage->needed[v]);
    }
}

static bool is_join_key(const mdl_rel *rel, int32_t right_column)
{
    for (int32_t k = 0; k < rel->n_join_keys; k++) {
        if (rel->right_keys[k] == right_column) {
            return true;
        }
    }
    return false;
}

static void trace_join(const mdli_stage *stage)
{
    static const char *const kinds[] = {"", "inner", "left", "semi", "anti"};
    if (stage->is_aligned) {
        mdli_trace_strategy(stage->rel, "%s join, aligned", kinds[stage->rel->join_kind]);
        return;
    }
    mdli_trace_strategy(stage->rel, "%s join, %s%s%s", kinds[stage->rel->join_kind],
                        mdli_join_map_strategy(stage->map),
                        mdli_join_map_is_unique(stage->map) ? ", unique" : "",
                        stage->keeps_all    ? ", keeps every row"
                        : stage->is_settled ? ", only its rows are read"
                                            : "");
}

/* Looks the values that a block lists up, in runs or one by one; `*all_match` is false where it lists
 * none. */
static mdl_status match_listed(const mdli_stage *stage, const mdli_block *block, bool *all_match,
                               mdl_error *error)
{
    int64_t distinct[MDLI_INTEGER_DICTIONARY_MAX];
    const int64_t *values;
    const int32_t *ends;
    int32_t n;
    mdl_vector keys = {.type = MDL_TYPE_INT64};
    if (!mdli_block_runs(block, &values, &ends, &n)) {
        n = block->n_nulls > 0
                ? -1
                : mdli_block_distinct_values(block, distinct, MDLI_INTEGER_DICTIONARY_MAX);
        values = distinct;
    }
    *all_match = n >= 0;
    for (int32_t i = 0; *all_match && i < n; i += (int32_t)keys.n_rows) {
        int32_t picked[MDLI_VECTOR_ROWS];
        int64_t n_matches;
        keys.n_rows = n - i < MDLI_VECTOR_ROWS ? n - i : MDLI_VECTOR_ROWS;
        keys.values = values + i;
        MDLI_TRY(
            mdli_join_map_pick(stage->map, &keys, keys.n_rows, true, picked, &n_matches, error));
        *all_match = n_matches == keys.n_rows;
    }
    return MDL_OK;
}

mdl_status mdli_join_stage_prove_matches(mdli_stage *stage, const mdl_column *column,
                                         mdl_error *error)
{
    mdl_type type = stage->rel->left->fields[stage->rel->left_keys[0]].type;
    if (stage->rel->join_kind != MDL_JOIN_SEMI || stage->rel->n_join_keys != 1 ||
        (type != MDL_TYPE_INT32 && type != MDL_TYPE_INT64)) {
        return MDL_OK;
    }
    mdli_subset_search proofs = {.set = mdli_join_map_set(stage->map)};
    for (int64_t b = 0; b < column->n_blocks; b++) {
        const mdli_block *block = column->blocks[b];
        bool all_match = proofs.set != NULL && block->n_nulls == 0 &&
                         mdli_block_is_proved_within(block, &proofs);
        if (!all_match) {
            MDLI_TRY(match_listed(stage, block, &all_match, error));
        }
        if (!all_match) {
            stage->proving = proofs.set != NULL ? column : NULL;
            return MDL_OK;
        }
    }
    stage->keeps_all = true;
    trace_join(stage);
    return MDL_OK;
}

/* Fewest rows of a stretch, on average, for stretches to be read as they are: shorter ones cost more
 * as vectors of their own than reading the frames around them and comparing keys. */
enum {
    STRETCH_ROWS_MIN = 64
};

mdl_status mdli_join_stage_find_stretches(mdli_stage *stage, const mdl_column *column,
                                          mdli_row_stretches *stretches, bool *are_known,
                                          mdl_error *error)
{
    mdl_type type = stage->rel->left->fields[stage->rel->left_keys[0]].type;
    mdl_join_kind kind = stage->rel->join_kind;
    bool is_exact;
    *are_known = (kind == MDL_JOIN_SEMI || kind == MDL_JOIN_INNER) &&
                 stage->rel->n_join_keys == 1 && (type == MDL_TYPE_INT32 || type == MDL_TYPE_INT64);
    if (!*are_known) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_row_stretches_match(stretches, stage->map, stage->right->n_rows, column,
                                      &is_exact, error));
    if (stretches->n_items > stretches->n_rows / STRETCH_ROWS_MIN) {
        mdli_row_stretches_widen(stretches, column);
    } else if (is_exact && kind == MDL_JOIN_SEMI) {
        stage->is_settled = true;
        trace_join(stage);
    }
    return MDL_OK;
}

/* The column of the source that a field is which a stage takes, if each row of the source gives one
 * row of what it takes; else NULL. */
static const mdl_column *find_source_column(const mdli_pipeline *pipeline, const mdli_stage *stage,
                                            int32_t field)
{
    const mdl_table *source = pipeline->source;
    for (; stage > pipeline->stages; stage--) {
        const mdli_stage *before = stage - 1;
        const mdl_rel *rel = before->rel;
        bool keeps_rows = rel->kind == MDLI_REL_PROJECT ||
                          (rel->kind == MDLI_REL_JOIN &&
                           (before->is_aligned ||
                            (rel->join_kind == MDL_JOIN_LEFT && before->n_matches_max == 1)));
        if (!keeps_rows) {
            return NULL;
        }
        if (rel->kind == MDLI_REL_PROJECT
                ? !mdli_expression_is_column(rel->items[field].expression, &field)
                : field >= rel->left->n_fields) {
            return NULL;
        }
    }
    bool is_whole = pipeline->first_row == 0 && pipeline->n_rows == source->n_rows;
    return is_whole ? source->columns[field] : NULL;
}

/* Whether both sides of a join have the same keys, each once and in order. Seen are those that are
 * encoded in the same bytes, as keys of tables made of each other are. */
static bool has_same_keys(const mdli_pipeline *pipeline, const mdli_stage *stage)
{
    const mdl_rel *rel = stage->rel;
    if (rel->n_join_keys != 1 ||
        (rel->join_kind != MDL_JOIN_INNER && rel->join_kind != MDL_JOIN_LEFT)) {
        return false;
    }
    const mdl_column *left = find_source_column(pipeline, stage, rel->left_keys[0]);
    const mdl_column *right = stage->right->columns[rel->right_keys[0]];
    if (left == NULL || left->type != right->type || !mdli_type_is_integer(left->type) ||
        !right->stats.is_strictly_sorted || left->n_blocks != right->n_blocks) {
        return false;
    }
    for (int64_t b = 0; b < left->n_blocks; b++) {
        if (!mdli_blocks_have_same_bodies(left->blocks[b], right->blocks[b])) {
            return false;
        }
    }
    return true;
}

mdl_status mdli_join_stage_create(mdli_pipeline *pipeline, mdli_stage *stage, mdl_error *error)
{
    mdl_context *context = pipeline->context;
    mdl_rel *rel = stage->rel;
    const bool takes_right = rel->join_kind == MDL_JOIN_INNER || rel->join_kind == MDL_JOIN_LEFT;
    void *memory;
    MDLI_TRY(mdli_execute(rel->right, &stage->right, error));
    stage->is_aligned = has_same_keys(pipeline, stage);
    if (!stage->is_aligned) {
        MDLI_TRY(mdli_join_map_create(context, stage->right, rel->right_keys, rel->n_join_keys,
                                      takes_right ? MDLI_JOIN_NEEDS_ROWS : MDLI_JOIN_NEEDS_MATCHES,
                                      &stage->map, error));
        mdli_join_map_arrays(stage->map, &stage->starts, &stage->rows);
    }
    bool is_many = !stage->is_aligned && !mdli_join_map_is_unique(stage->map);
    stage->n_matches_max = takes_right && is_many ? 2 : 1;
    trace_join(stage);
    if (!takes_right) {
        return MDL_OK;
    }
    int32_t n_columns = rel->right->n_fields;
    MDLI_TRY(mdli_allocate_array(context, n_columns, sizeof(int32_t), "join", &memory, error));
    stage->right_columns = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_columns * sizeof(mdli_flat), "join", &memory,
                                  error));
    stage->right_values = memory;
    for (int32_t c = 0; c < n_columns; c++) {
        if (!is_join_key(rel, c)) {
            stage->right_columns[stage->n_right++] = c;
        }
    }
    for (int32_t i = 0; !stage->is_aligned && i < stage->n_right; i++) {
        if (stage->needed[0][rel->left->n_fields + i]) {
            MDLI_TRY(mdli_flat_from_column(&stage->right_values[i], context,
                                           stage->right->columns[stage->right_columns[i]], error));
        }
    }
    return MDL_OK;
}

/* Makes room for `n` output rows, keeping the first `n_used`. */
static mdl_status reserve_rows(mdl_context *context, mdli_stage_worker *worker, int64_t n_used,
                               int64_t n, mdl_error *error)
{
    int64_t capacity = worker->slots_capacity;
    if (n <= capacity) {
        return MDL_OK;
    }
    int32_t **arrays[] = {&worker->picked, &worker->matched, &worker->slots};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        void *array = *arrays[i];
        capacity = worker->slots_capacity;
        MDLI_TRY(mdli_grow_array(context, &array, &capacity, n_used, n, sizeof(int32_t), "pipeline",
                                 error));
        *arrays[i] = array;
    }
    worker->slots_capacity = capacity;
    return MDL_OK;
}

/*
 * Pushes on the input rows `picked`, with what `matched` says of the right side. The columns of the
 * input are passed on as they are when all rows were picked, each once and in order.
 */
static mdl_status push_picked(const mdli_push *push, int32_t stage_number, const mdli_rows *in,
                              int64_t n_out, bool is_all, mdl_error *error)
{
    mdli_stage *stage = &push->pipeline->stages[stage_number];
    mdli_stage_worker *worker = &stage->workers[push->worker];
    mdli_rows *out = &worker->out;
    int32_t n_left = stage->rel->left->n_fields;
    for (int32_t c = 0; c < n_left; c++) {
        out->dictionaries[c] = in->dictionaries[c];
        if (!stage->needed[push->variant][c] || in->columns[c].type == 0) {
            continue;
        }
        if (is_all) {
            out->columns[c] = in->columns[c];
        } else {
            MDLI_TRY(mdli_flat_gather(&worker->gathered[c], &in->columns[c], worker->picked, n_out,
                                      &out->columns[c], error));
        }
    }
    for (int32_t i = 0; i < stage->n_right; i++) {
        int32_t c = n_left + i;
        if (stage->needed[push->variant][c]) {
            mdl_vector values = mdli_flat_vector(&stage->right_values[i]);
            out->dictionaries[c] = stage->right_values[i].dictionary;
            MDLI_TRY(mdli_flat_gather(&worker->gathered[c], &values, worker->matched, n_out,
                                      &out->columns[c], error));
        }
    }
    out->n_rows = n_out;
    out->first_row = in->first_row;
    return mdli_pipeline_push(push, stage_number + 1, out, error);
}

static mdl_status run_filter(const mdli_push *push, int32_t stage_number, const mdli_rows *in,
                             mdl_error *error)
{
    mdli_stage *stage = &push->pipeline->stages[stage_number];
    mdli_stage_worker *worker = &stage->workers[push->worker];
    mdl_vector keep;
    MDLI_TRY(reserve_rows(push->pipeline->context, worker, 0, in->n_rows, error));
    MDLI_TRY(mdli_evaluate(worker->evaluators[0], in->columns, in->n_rows, &keep, error));
    const uint8_t *is_true = keep.values;
    int64_t n = 0;
    for (int64_t i = 0; i < in->n_rows; i++) {
        worker->picked[n] = (int32_t)i;
        n += is_true[i] != 0 && !mdl_vector_is_null(&keep, i);
    }
    return push_picked(push, stage_number, in, n, n == in->n_rows, error);
}

static mdl_status run_project(const mdli_push *push, int32_t stage_number, const mdli_rows *in,
                              mdl_error *error)
{
    mdli_stage *stage = &push->pipeline->stages[stage_number];
    mdli_stage_worker *worker = &stage->workers[push->worker];
    const mdl_rel *rel = stage->rel;
    mdli_rows *out = &worker->out;
    for (int32_t i = 0; i < rel->n_items; i++) {
        int32_t column;
        if (!stage->needed[push->variant][i]) {
            continue;
        }
        if (mdli_expression_is_column(rel->items[i].expression, &column)) {
            out->columns[i] = in->columns[column];
            out->dictionaries[i] = in->dictionaries[column];
        } else {
            MDLI_TRY(mdli_evaluate(worker->evaluators[i], in->columns, in->n_rows, &out->columns[i],
                                   error));
            out->dictionaries[i] = NULL;
        }
    }
    out->n_rows = in->n_rows;
    out->first_row = in->first_row;
    return mdli_pipeline_push(push, stage_number + 1, out, error);
}

/* A semi or anti join. */
static mdl_status probe_for_match(const mdli_push *push, int32_t stage_number, const mdli_rows *in,
                                  const mdl_vector *keys, mdl_error *error)
{
    mdli_stage *stage = &push->pipeline->stages[stage_number];
    mdli_stage_worker *worker = &stage->workers[push->worker];
    bool has_match = stage->rel->join_kind == MDL_JOIN_SEMI;
    int64_t n;
    MDLI_TRY(
        mdli_join_map_pick(stage->map, keys, in->n_rows, has_match, worker->picked, &n, error));
    return push_picked(push, stage_number, in, n, n == in->n_rows, error);
}

/* An inner or left join whose right side has each key at most once. */
static mdl_status probe_once(const mdli_push *push, int32_t stage_number, const mdli_rows *in,
                             const mdl_vector *keys, mdl_error *error)
{
    mdli_stage *stage = &push->pipeline->stages[stage_number];
    mdli_stage_worker *worker = &stage->workers[push->worker];
    int32_t *matched = worker->matched;
    MDLI_TRY(mdli_join_map_find_row(stage->map, keys, in->n_rows, matched, error));
    int64_t n = in->n_rows;
    if (stage->rel->join_kind == MDL_JOIN_INNER) {
        n = 0;
        for (int64_t i = 0; i < in->n_rows; i++) {
            bool is_match = matched[i] >= 0;
            worker->picked[n] = (int32_t)i;
            matched[n] = matched[i];
            n += is_match;
        }
    }
    return push_picked(push, stage_number, in, n, n == in->n_rows, error);
}

/* A join whose right side may have several rows of one key. */
static mdl_status probe_many(const mdli_push *push, int32_t stage_number, const mdli_rows *in,
                             const mdl_vector *keys, mdl_error *error)
{
    mdli_stage *stage = &push->pipeline->stages[stage_number];
    mdli_stage_worker *worker = &stage->workers[push->worker];
    MDLI_TRY(mdli_join_map_find(stage->map, keys, in->n_rows, worker->slots, error));
    MDLI_TRY(reserve_rows(push->pipeline->context, worker, in->n_rows, MDLI_VECTOR_ROWS, error));
    int64_t capacity = worker->slots_capacity;
    int64_t n = 0;
    for (int64_t i = 0; i < in->n_rows; i++) {
        int32_t slot = worker->slots[i];
        if (slot < 0) {
            if (stage->rel->join_kind == MDL_JOIN_LEFT) {
                worker->picked[n] = (int32_t)i;
                worker->matched[n++] = -1;
            }
        }
        for (int32_t m = slot < 0 ? 0 : stage->starts[slot];
             slot >= 0 && m < stage->starts[slot + 1]; m++) {
            worker->picked[n] = (int32_t)i;
            worker->matched[n++] = stage->rows[m];
            if (n == capacity) {
                MDLI_TRY(push_picked(push, stage_number, in, n, false, error));
                n = 0;
            }
        }
        if (n == capacity) {
            MDLI_TRY(push_picked(push, stage_number, in, n, false, error));
            n = 0;
        }
    }
    return n > 0 ? push_picked(push, stage_number, in, n, false, error) : MDL_OK;
}

/* An aligned join: what it takes from the right is read where the input stands. */
static mdl_status read_aligned(const mdli_push *push, int32_t stage_number, const mdli_rows *in,
                               mdl_error *error)
{
    mdli_stage *stage = &push->pipeline->stages[stage_number];
    mdli_stage_worker *worker = &stage->workers[push->worker];
    mdli_rows *out = &worker->out;
    int32_t n_left = stage->rel->left->n_fields;
    memcpy(out->columns, in->columns, (size_t)n_left * sizeof *in->columns);
    memcpy(out->dictionaries, in->dictionaries, (size_t)n_left * sizeof *in->dictionaries);
    for (int32_t i = 0; i < stage->n_right; i++) {
        const mdl_column *column = stage->right->columns[stage->right_columns[i]];
        if (stage->needed[push->variant][n_left + i]) {
            MDLI_TRY(mdli_column_read(column, in->first_row, in->n_rows, &worker->right_buffers[i],
                                      &out->columns[n_left + i], error));
            out->dictionaries[n_left + i] = column->dictionary;
        }
    }
    out->n_rows = in->n_rows;
    out->first_row = in->first_row;
    return mdli_pipeline_push(push, stage_number + 1, out, error);
}

static mdl_status run_join(const mdli_push *push, int32_t stage_number, const mdli_rows *in,
                           mdl_error *error)
{
    mdli_stage *stage = &push->pipeline->stages[stage_number];
    mdli_stage_worker *worker = &stage->workers[push->worker];
    const mdl_rel *rel = stage->rel;
    if (stage->keeps_all || stage->is_settled) {
        return mdli_pipeline_push(push, stage_number + 1, in, error);
    }
    if (stage->is_aligned) {
        return read_aligned(push, stage_number, in, error);
    }
    mdl_vector keys[MDLI_KEY_COLUMNS_MAX];
    for (int32_t k = 0; k < rel->n_join_keys; k++) {
        keys[k] = in->columns[rel->left_keys[k]];
    }
    MDLI_TRY(reserve_rows(push->pipeline->context, worker, 0, in->n_rows, error));
    if (rel->join_kind == MDL_JOIN_SEMI || rel->join_kind == MDL_JOIN_ANTI) {
        return probe_for_match(push, stage_number, in, keys, error);
    }
    return stage->n_matches_max == 1 ? probe_once(push, stage_number, in, keys, error)
                                     : probe_many(push, stage_number, in, keys, error);
}

/* The pieces of the row at hand, so far. */
typedef struct row_pieces {
    mdl_string *pieces;
    int64_t n;
    mdli_key_table *seen; /* of rows with many pieces */
} row_pieces;

/* Whether the row has the piece already; notes it as seen where a key table does that. */
static mdl_status is_repeat(mdl_context *context, row_pieces *row, mdl_string piece, bool *out,
                            mdl_error *error)
{
    *out = false;
    if (row->n < PAIRWISE_PIECES_MAX) {
        for (int64_t i = 0; i < row->n && !*out; i++) {
            *out = mdli_compare_strings(row->pieces[i], piece) == 0;
        }
        return MDL_OK;
    }
    mdl_vector v = {.type = MDL_TYPE_STRING, .n_rows = row->n, .values = row->pieces};
    if (row->seen == NULL) {
        int32_t numbers[PAIRWISE_PIECES_MAX];
        mdl_type type = MDL_TYPE_STRING;
        MDLI_TRY(mdli_key_table_create(context, &type, 1, &row->seen, error));
        MDLI_TRY(mdli_key_table_add(row->seen, &v, row->n, numbers, error));
    }
    int32_t number;
    int64_t n_before = mdli_key_table_n_keys(row->seen);
    v = (mdl_vector){.type = MDL_TYPE_STRING, .n_rows = 1, .values = &piece};
    MDLI_TRY(mdli_key_table_add(row->seen, &v, 1, &number, error));
    *out = number < n_before;
    return MDL_OK;
}

static mdl_string trim_blanks(mdl_string s)
{
    while (s.size_bytes > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.size_bytes--;
    }
    while (s.size_bytes > 0 &&
           (s.data[s.size_bytes - 1] == ' ' || s.data[s.size_bytes - 1] == '\t')) {
        s.size_bytes--;
    }
    return s;
}

/* Appends a piece to the worker's list, which holds `n_before` pieces of earlier rows. */
static mdl_status add_piece(mdl_context *context, mdli_stage_worker *worker, int64_t n_before,
                            row_pieces *row, mdl_string piece, mdl_error *error)
{
    void *pieces = worker->pieces;
    MDLI_TRY(mdli_grow_array(context, &pieces, &worker->pieces_capacity, n_before + row->n,
                             n_before + row->n + 1, sizeof(mdl_string), "explode", error));
    worker->pieces = pieces;
    row->pieces = worker->pieces + n_before;
    row->pieces[row->n++] = piece;
    return MDL_OK;
}

/* Splits one text and appends its pieces. */
static mdl_status split_row(mdl_context *context, const mdl_rel *rel, mdli_stage_worker *worker,
                            int64_t n_before, mdl_string text, row_pieces *row, mdl_error *error)
{
    const mdl_explode_options *options = &rel->explode;
    const char *end = text.data + text.size_bytes;
    for (const char *start = text.data; start != NULL;) {
        const char *stop = memchr(start, options->separator, (size_t)(end - start));
        mdl_string piece = {start, (stop != NULL ? stop : end) - start};
        start = stop != NULL ? stop + 1 : NULL;
        if (options->trim) {
            piece = trim_blanks(piece);
        }
        if (piece.size_bytes == 0 && !options->keep_empty) {
            continue;
        }
        bool repeats = false;
        if (!options->keep_repeats) {
            MDLI_TRY(is_repeat(context, row, piece, &repeats, error));
        }
        if (!repeats) {
            MDLI_TRY(add_piece(context, worker, n_before, row, piece, error));
        }
    }
    return MDL_OK;
}

/* Pushes on the pieces that have come together. */
static mdl_status push_pieces(const mdli_push *push, int32_t stage_number, const mdli_rows *in,
                              int64_t n, mdl_error *error)
{
    mdli_stage *stage = &push->pipeline->stages[stage_number];
    mdli_stage_worker *worker = &stage->workers[push->worker];
    const mdl_rel *rel = stage->rel;
    mdli_rows *out = &worker->out;
    for (int32_t c = 0; c < rel->left->n_fields; c++) {
        if (c == rel->explode_column) {
            out->columns[c] =
                (mdl_vector){.type = MDL_TYPE_STRING, .n_rows = n, .values = worker->pieces};
            out->dictionaries[c] = NULL;
        } else if (stage->needed[push->variant][c]) {
            MDLI_TRY(mdli_flat_gather(&worker->gathered[c], &in->columns[c], worker->picked, n,
                                      &out->columns[c], error));
            out->dictionaries[c] = in->dictionaries[c];
        }
    }
    if (rel->n_fields > rel->left->n_fields) {
        out->columns[rel->left->n_fields] =
            (mdl_vector){.type = MDL_TYPE_INT32, .n_rows = n, .values = worker->matched};
    }
    out->n_rows = n;
    return mdli_pipeline_push(push, stage_number + 1, out, error);
}

static mdl_status run_explode(const mdli_push *push, int32_t stage_number, const mdli_rows *in,
                              mdl_error *error)
{
    mdli_stage *stage = &push->pipeline->stages[stage_number];
    mdli_stage_worker *worker = &stage->workers[push->worker];
    const mdl_rel *rel = stage->rel;
    const mdl_vector *texts = &in->columns[rel->explode_column];
    mdl_context *context = push->pipeline->context;
    int64_t n = 0;
    for (int64_t i = 0; i < in->n_rows; i++) {
        row_pieces row = {.pieces = worker->pieces + n};
        mdl_status status = MDL_OK;
        if (!mdl_vector_is_null(texts, i)) {
            mdl_string text = mdl_vector_string(texts, i);
            text.data = text.size_bytes > 0 ? text.data : ""; /* it may be NULL */
            if (text.size_bytes > 0 || rel->explode.keep_empty) {
                status = split_row(context, rel, worker, n, text, &row, error);
            }
        }
        mdli_key_table_free(row.seen);
        if (status == MDL_OK && row.n == 0 && rel->explode.if_none != NULL) {
            mdl_string none = {rel->explode.if_none, (int64_t)strlen(rel->explode.if_none)};
            status = add_piece(context, worker, n, &row, none, error);
        }
        MDLI_TRY(status);
        MDLI_TRY(reserve_rows(context, worker, n, n + row.n, error));
        for (int64_t p = 0; p < row.n; p++) {
            worker->picked[n + p] = (int32_t)i;
            worker->matched[n + p] = (int32_t)row.n; /* the count column */
        }
        n += row.n;
        if (n >= MDLI_VECTOR_ROWS) {
            MDLI_TRY(push_pieces(push, stage_number, in, n, error));
            n = 0;
        }
    }
    return n > 0 ? push_pieces(push, stage_number, in, n, error) : MDL_OK;
}

mdl_status mdli_stage_run(const mdli_push *push, int32_t stage, const mdli_rows *rows,
                          mdl_error *error)
{
    switch (push->pipeline->stages[stage].rel->kind) {
    case MDLI_REL_FILTER:
        return run_filter(push, stage, rows, error);
    case MDLI_REL_PROJECT:
        return run_project(push, stage, rows, error);
    case MDLI_REL_JOIN:
        return run_join(push, stage, rows, error);
    case MDLI_REL_EXPLODE:
        return run_explode(push, stage, rows, error);
    default:
        return mdl_error_set(error, MDL_E_INTERNAL, "relation kind %d is no stage of a pipeline",
                             (int)push->pipeline->stages[stage].rel->kind);
    }
}
