/*
 * Pipelines: preparing stages, pruning columns, facts from statistics, morsels, and the push of
 * rows from stage to stage. What each kind of stage does to rows is in pipeline_stages.c.
 */
#include "operators/pipeline.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/context_internal.h"
#include "base/decimal.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "operators/pipeline_internal.h"
#include "operators/rowset.h"

static bool is_streamed(const mdl_rel *rel)
{
    return rel->kind == MDLI_REL_FILTER || rel->kind == MDLI_REL_PROJECT ||
           rel->kind == MDLI_REL_EXPLODE || rel->kind == MDLI_REL_JOIN;
}

/* Marks which fields of a stage's input are needed so that it can give the needed ones of its
 * output. */
static void mark_needed_input(const mdli_stage *stage, const bool *needed_out, bool *needed_in)
{
    const mdl_rel *rel = stage->rel;
    int32_t n_left = rel->left->n_fields;
    switch (rel->kind) {
    case MDLI_REL_PROJECT:
        for (int32_t i = 0; i < rel->n_items; i++) {
            if (needed_out[i]) {
                mdli_expression_mark_columns(rel->items[i].expression, needed_in);
            }
        }
        return;
    case MDLI_REL_FILTER:
        mdli_expression_mark_columns(rel->predicate, needed_in);
        break;
    case MDLI_REL_JOIN:
        for (int32_t k = 0; k < rel->n_join_keys && !stage->keeps_all; k++) {
            needed_in[rel->left_keys[k]] = true;
        }
        break;
    case MDLI_REL_EXPLODE:
        needed_in[rel->explode_column] = true;
        break;
    default:
        break;
    }
    for (int32_t i = 0; i < n_left; i++) {
        needed_in[i] |= needed_out[i];
    }
}

mdli_column_facts mdli_facts_of_column(const mdl_column *column, int32_t source_column)
{
    mdli_column_facts facts = {
        .may_be_null = column->stats.n_nulls > 0,
        .is_sorted = column->stats.is_sorted,
        .dictionary = column->dictionary,
        .source_column = source_column,
    };
    if (mdli_type_is_integer(column->type)) {
        facts.range.is_known = true;
        if (!column->stats.min.is_null) {
            facts.range.least = column->stats.min.as.integer;
            facts.range.greatest = column->stats.max.as.integer;
        }
    }
    return facts;
}

/* Whether a column can be shared under the type of an expression on it: seconds must be of years 1
 * … 9999. */
static bool can_retype(const mdli_expression *expression, const mdli_column_facts *facts)
{
    return mdli_expression_type(expression) != MDL_TYPE_TIMESTAMP ||
           (facts->range.is_known && facts->range.least >= MDLI_TIMESTAMP_MIN &&
            facts->range.greatest <= MDLI_TIMESTAMP_MAX);
}

static void project_facts(const mdl_rel *rel, const mdli_range *ranges, const mdli_column_facts *in,
                          mdli_column_facts *out)
{
    for (int32_t i = 0; i < rel->n_items; i++) {
        int32_t column;
        if (mdli_expression_is_retyped_column(rel->items[i].expression, &column) &&
            can_retype(rel->items[i].expression, &in[column])) {
            out[i] = in[column];
        } else {
            out[i] = (mdli_column_facts){
                .range = mdli_expression_range(rel->items[i].expression, ranges),
                .may_be_null = true,
                .source_column = -1,
            };
        }
    }
}

static void join_facts(const mdli_stage *stage, const mdli_column_facts *in, mdli_column_facts *out)
{
    const mdl_rel *rel = stage->rel;
    int32_t n_left = rel->left->n_fields;
    memcpy(out, in, (size_t)n_left * sizeof *out);
    for (int32_t i = 0; i < stage->n_right; i++) {
        mdli_column_facts *f = &out[n_left + i];
        *f = mdli_facts_of_column(stage->right->columns[stage->right_columns[i]], -1);
        f->is_sorted = false;
        f->may_be_null |= rel->join_kind == MDL_JOIN_LEFT && !stage->is_aligned;
    }
}

/* Carries facts over a stage. */
static mdl_status stage_facts(mdl_context *context, const mdli_stage *stage,
                              const mdli_column_facts *in, mdli_column_facts *out, mdl_error *error)
{
    const mdl_rel *rel = stage->rel;
    int32_t n_in = rel->left->n_fields;
    if (rel->kind == MDLI_REL_PROJECT) {
        void *memory;
        MDLI_TRY(
            mdli_allocate_array(context, n_in, sizeof(mdli_range), "pipeline", &memory, error));
        mdli_range *ranges = memory;
        for (int32_t i = 0; i < n_in; i++) {
            ranges[i] = in[i].range;
        }
        project_facts(rel, ranges, in, out);
        mdli_free(context, memory);
        return MDL_OK;
    }
    if (rel->kind == MDLI_REL_JOIN) {
        join_facts(stage, in, out);
        return MDL_OK;
    }
    memcpy(out, in, (size_t)n_in * sizeof *out);
    if (rel->kind == MDLI_REL_EXPLODE) {
        out[rel->explode_column] = (mdli_column_facts){.source_column = -1};
        if (rel->n_fields > n_in) {
            out[n_in] = (mdli_column_facts){.source_column = -1};
        }
    }
    return MDL_OK;
}

/* Cuts the source in morsels: whole blocks of its first column, joined while they are small. */
static mdl_status cut_morsels(mdli_pipeline *pipeline, mdl_error *error)
{
    const mdl_table *source = pipeline->source;
    int64_t first = pipeline->first_row;
    int64_t end = first + pipeline->n_rows;
    const mdl_column *column = source->n_columns > 0 ? source->columns[0] : NULL;
    int64_t n_blocks = column != NULL ? column->n_blocks : 1;
    void *memory;
    MDLI_TRY(mdli_allocate_array(pipeline->context, n_blocks + 2, sizeof(int64_t), "pipeline",
                                 &memory, error));
    int64_t *starts = pipeline->morsel_starts = memory;
    int64_t n = 0;
    starts[0] = first;
    for (int64_t b = 0; b < n_blocks; b++) {
        int64_t block_end = column != NULL ? column->row_starts[b + 1] : end;
        if (block_end >= end) {
            break;
        }
        if (block_end - starts[n] >= MDLI_MORSEL_ROWS_MIN) {
            starts[++n] = block_end;
        }
    }
    if (end > starts[n]) {
        starts[++n] = end;
    }
    pipeline->n_morsels = n;
    return MDL_OK;
}

static mdl_status create_stage(mdli_pipeline *pipeline, mdli_stage *stage, mdl_error *error)
{
    mdl_context *context = pipeline->context;
    const mdl_rel *rel = stage->rel;
    void *memory;
    if (rel->kind == MDLI_REL_JOIN) {
        MDLI_TRY(mdli_join_stage_create(pipeline, stage, error));
    }
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)pipeline->n_workers * sizeof(mdli_stage_worker),
                                  "pipeline", &memory, error));
    stage->workers = memory;
    for (int w = 0; w < pipeline->n_workers; w++) {
        MDLI_TRY(mdli_stage_worker_init(context, stage, &stage->workers[w], error));
    }
    return MDL_OK;
}

/* Keeps of the rows of the source that are to be read those that a join keeps. */
static mdl_status narrow_stretches(mdli_pipeline *pipeline, mdli_stage *stage,
                                   const mdl_column *column, mdl_error *error)
{
    mdli_row_stretches *all = &pipeline->stretches;
    mdli_row_stretches found;
    bool are_known;
    mdli_row_stretches_init(&found, pipeline->context);
    mdl_status status = mdli_join_stage_find_stretches(stage, column, &found, &are_known, error);
    if (status == MDL_OK && are_known && pipeline->has_stretches) {
        status = mdli_row_stretches_intersect(all, &found, error);
    } else if (status == MDL_OK && are_known) {
        *all = found;
        pipeline->has_stretches = true;
        return MDL_OK;
    }
    mdli_row_stretches_free(&found);
    return status;
}

/* Finds what a column of the source tells of a join whose key it is. */
static mdl_status look_at_source(mdli_pipeline *pipeline, mdli_stage *stage, bool can_skip,
                                 mdl_error *error)
{
    const int32_t key = pipeline->facts[stage->rel->left_keys[0]].source_column;
    if (key < 0 || stage->is_aligned) {
        return MDL_OK;
    }
    const mdl_column *column = pipeline->source->columns[key];
    MDLI_TRY(mdli_join_stage_prove_matches(stage, column, error));
    return stage->keeps_all || !can_skip ? MDL_OK
                                         : narrow_stretches(pipeline, stage, column, error);
}

/* Whether a stage cannot fail for a row, so that rows which a later join drops need not reach it. */
static bool takes_any_row(const mdli_stage *stage, const mdli_column_facts *in)
{
    const mdl_rel *rel = stage->rel;
    bool takes_any = rel->kind == MDLI_REL_JOIN || rel->kind == MDLI_REL_PROJECT;
    for (int32_t i = 0; takes_any && rel->kind == MDLI_REL_PROJECT && i < rel->n_items; i++) {
        int32_t column;
        takes_any = mdli_expression_is_retyped_column(rel->items[i].expression, &column) &&
                    can_retype(rel->items[i].expression, &in[column]);
    }
    return takes_any;
}

/* The facts of every level, from the source up; the last level's stay. */
static mdl_status find_facts(mdli_pipeline *pipeline, mdl_error *error)
{
    bool can_skip = true;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(
        pipeline->context, (size_t)(pipeline->source->n_columns + 1) * sizeof(mdli_column_facts),
        "pipeline", &memory, error));
    pipeline->facts = memory;
    for (int32_t c = 0; c < pipeline->source->n_columns; c++) {
        pipeline->facts[c] = mdli_facts_of_column(pipeline->source->columns[c], c);
    }
    for (int32_t s = 0; s < pipeline->n_stages; s++) {
        mdli_stage *stage = &pipeline->stages[s];
        MDLI_TRY(mdli_allocate_zeroed(
            pipeline->context, (size_t)(stage->rel->n_fields + 1) * sizeof(mdli_column_facts),
            "pipeline", &memory, error));
        mdl_status status = stage_facts(pipeline->context, stage, pipeline->facts, memory, error);
        if (status == MDL_OK && stage->rel->kind == MDLI_REL_JOIN) {
            status = look_at_source(pipeline, stage, can_skip, error);
        }
        can_skip = can_skip && takes_any_row(stage, pipeline->facts);
        mdli_free(pipeline->context, pipeline->facts);
        pipeline->facts = memory;
        MDLI_TRY(status);
    }
    return MDL_OK;
}

static mdl_status find_source(mdli_pipeline *pipeline, mdl_rel *rel, mdl_error *error)
{
    if (rel->kind == MDLI_REL_SCAN) {
        pipeline->source = mdl_table_clone(rel->table);
        pipeline->first_row = rel->first_row;
        pipeline->n_rows = rel->n_rows;
        rel->trace.is_run = true;
        rel->trace.n_rows = rel->n_rows;
        return MDL_OK;
    }
    MDLI_TRY(mdli_execute(rel, &pipeline->source, error));
    pipeline->n_rows = pipeline->source->n_rows;
    return MDL_OK;
}

static mdl_status allocate_source_workers(mdli_pipeline *pipeline, mdl_error *error)
{
    int32_t n_columns = pipeline->source->n_columns;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(pipeline->context,
                                  (size_t)pipeline->n_workers * sizeof(mdli_source_worker),
                                  "pipeline", &memory, error));
    pipeline->source_workers = memory;
    for (int w = 0; w < pipeline->n_workers; w++) {
        mdli_source_worker *worker = &pipeline->source_workers[w];
        MDLI_TRY(mdli_allocate_zeroed(pipeline->context,
                                      (size_t)n_columns * sizeof(mdli_decode_buffer), "pipeline",
                                      &memory, error));
        worker->buffers = memory;
        for (int32_t c = 0; c < n_columns; c++) {
            mdli_decode_buffer_init(&worker->buffers[c], pipeline->context);
        }
        MDLI_TRY(mdli_rows_allocate(pipeline->context, n_columns, &worker->rows, error));
        for (int32_t c = 0; c < n_columns; c++) {
            worker->rows.dictionaries[c] = pipeline->source->columns[c]->dictionary;
        }
    }
    return MDL_OK;
}

/* Carries the flags of needed fields from the end of the pipeline down to the source. */
mdl_status mdli_pipeline_add_variant(mdli_pipeline *pipeline, const bool *needed, mdl_error *error)
{
    mdl_context *context = pipeline->context;
    int variant = pipeline->n_variants;
    assert(variant < MDLI_PIPELINE_VARIANTS);
    pipeline->n_variants++;
    void *memory;
    for (int32_t s = pipeline->n_stages; s >= 0; s--) {
        /* Level s is what stage s takes; the last level is what the pipeline gives. */
        bool is_last = s == pipeline->n_stages;
        int32_t n_fields = is_last && s > 0 ? pipeline->stages[s - 1].rel->n_fields
                           : is_last        ? pipeline->source->n_columns
                                            : pipeline->stages[s].rel->left->n_fields;
        MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_fields + 1, "pipeline", &memory, error));
        bool *level = memory;
        if (s > 0) {
            pipeline->stages[s - 1].needed[variant] = level;
        } else {
            pipeline->needed[variant] = level;
        }
        if (is_last) {
            memcpy(level, needed, (size_t)n_fields);
        } else {
            mark_needed_input(&pipeline->stages[s], pipeline->stages[s].needed[variant], level);
        }
    }
    return MDL_OK;
}

/* Whether a stage drops every row, since it keeps those with a match in a table without rows. */
static bool matches_nothing(const mdli_stage *stage)
{
    return stage->rel->kind == MDLI_REL_JOIN && stage->right->n_rows == 0 &&
           (stage->rel->join_kind == MDL_JOIN_INNER || stage->rel->join_kind == MDL_JOIN_SEMI);
}

/* Fills the pipeline from its last relation down. */
static mdl_status prepare(mdli_pipeline *pipeline, mdl_rel *rel, const bool *needed,
                          mdl_error *error)
{
    mdl_context *context = pipeline->context;
    mdl_rel *at = rel;
    int32_t n_stages = 0;
    while (is_streamed(at)) {
        n_stages++;
        at = at->left;
    }
    MDLI_TRY(find_source(pipeline, at, error));
    MDLI_TRY(cut_morsels(pipeline, error));
    /* Aligning morsels later can only make fewer of them. */
    pipeline->n_workers = mdli_n_workers(context, pipeline->n_morsels);
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_stages * sizeof(mdli_stage), "pipeline",
                                  &memory, error));
    pipeline->stages = memory;
    pipeline->n_stages = n_stages;
    at = rel;
    for (int32_t s = n_stages - 1; s >= 0; s--) {
        pipeline->stages[s].rel = at;
        at = at->left;
    }
    MDLI_TRY(mdli_pipeline_add_variant(pipeline, needed, error));
    for (int32_t s = 0; s < n_stages; s++) {
        MDLI_TRY(create_stage(pipeline, &pipeline->stages[s], error));
        if (matches_nothing(&pipeline->stages[s])) {
            pipeline->n_rows = 0;
            pipeline->n_morsels = 0;
        }
    }
    MDLI_TRY(find_facts(pipeline, error));
    return allocate_source_workers(pipeline, error);
}

mdl_status mdli_pipeline_create(mdl_rel *rel, const bool *needed, mdli_pipeline **out,
                                mdl_error *error)
{
    void *memory;
    *out = NULL;
    mdl_context *context = rel->query->context;
    MDLI_TRY(mdli_allocate_zeroed(context, sizeof(mdli_pipeline), "pipeline", &memory, error));
    mdli_pipeline *pipeline = memory;
    pipeline->context = context;
    mdli_row_stretches_init(&pipeline->stretches, context);
    mdl_status status = prepare(pipeline, rel, needed, error);
    if (status != MDL_OK) {
        mdli_pipeline_free(pipeline);
        return status;
    }
    *out = pipeline;
    return MDL_OK;
}

void mdli_pipeline_free(mdli_pipeline *pipeline)
{
    if (pipeline == NULL) {
        return;
    }
    mdl_context *context = pipeline->context;
    for (int32_t s = 0; pipeline->stages != NULL && s < pipeline->n_stages; s++) {
        mdli_stage_free(context, &pipeline->stages[s], pipeline->n_workers);
    }
    for (int w = 0; pipeline->source_workers != NULL && w < pipeline->n_workers; w++) {
        mdli_source_worker *worker = &pipeline->source_workers[w];
        for (int32_t c = 0; worker->buffers != NULL && c < pipeline->source->n_columns; c++) {
            mdli_decode_buffer_free(&worker->buffers[c]);
        }
        mdli_free(context, worker->buffers);
        mdli_rows_free(context, &worker->rows);
    }
    mdli_free(context, pipeline->source_workers);
    mdli_free(context, pipeline->stages);
    for (int v = 0; v < MDLI_PIPELINE_VARIANTS; v++) {
        mdli_free(context, pipeline->needed[v]);
    }
    mdli_free(context, pipeline->facts);
    mdli_free(context, pipeline->morsel_starts);
    mdli_row_stretches_free(&pipeline->stretches);
    mdl_table_free(pipeline->source);
    mdli_free(context, pipeline);
}

const mdli_column_facts *mdli_pipeline_facts(const mdli_pipeline *pipeline)
{
    return pipeline->facts;
}

const mdl_table *mdli_pipeline_source(const mdli_pipeline *pipeline)
{
    return pipeline->source;
}

int64_t mdli_pipeline_source_rows(const mdli_pipeline *pipeline)
{
    return pipeline->n_rows;
}

bool mdli_pipeline_is_whole_source(const mdli_pipeline *pipeline)
{
    return pipeline->n_stages == 0 && pipeline->n_rows == pipeline->source->n_rows;
}

bool mdli_pipeline_keeps_all_rows(const mdli_pipeline *pipeline)
{
    bool keeps_all = pipeline->n_rows == pipeline->source->n_rows;
    for (int32_t s = 0; s < pipeline->n_stages && keeps_all; s++) {
        keeps_all = pipeline->stages[s].rel->kind == MDLI_REL_PROJECT;
    }
    return keeps_all;
}

bool mdli_pipeline_is_one_to_one(const mdli_pipeline *pipeline)
{
    for (int32_t s = 0; s < pipeline->n_stages; s++) {
        const mdli_stage *stage = &pipeline->stages[s];
        bool is_many = stage->rel->kind == MDLI_REL_EXPLODE ||
                       (stage->rel->kind == MDLI_REL_JOIN && stage->n_matches_max > 1);
        if (is_many) {
            return false;
        }
    }
    return true;
}

/* As mdli_pipeline_keep_proofs for one semi join. */
static mdl_status keep_stage_proofs(const mdli_stage *stage, int64_t first_row, int64_t end,
                                    mdl_error *error)
{
    const mdl_column *column = stage->proving;
    mdli_subset_search proofs = {.set = mdli_join_map_set(stage->map)};
    int64_t b = mdli_column_find_block(column, first_row);
    b += column->row_starts[b] < first_row;
    for (; b < column->n_blocks && column->row_starts[b + 1] <= end; b++) {
        MDLI_TRY(mdli_block_prove_within(column->blocks[b], &proofs, column->n_rows, error));
    }
    return MDL_OK;
}

mdl_status mdli_pipeline_keep_proofs(const mdli_pipeline *pipeline, int64_t morsel,
                                     mdl_error *error)
{
    for (int32_t s = 0; s < pipeline->n_stages; s++) {
        const mdli_stage *stage = &pipeline->stages[s];
        if (stage->proving != NULL) {
            MDLI_TRY(keep_stage_proofs(stage, pipeline->morsel_starts[morsel],
                                       pipeline->morsel_starts[morsel + 1], error));
        }
    }
    return MDL_OK;
}

int64_t mdli_pipeline_n_morsels(const mdli_pipeline *pipeline)
{
    return pipeline->n_morsels;
}

void mdli_pipeline_morsel_rows(const mdli_pipeline *pipeline, int64_t morsel, int64_t *first_row,
                               int64_t *n_rows)
{
    *first_row = pipeline->morsel_starts[morsel];
    *n_rows = pipeline->morsel_starts[morsel + 1] - *first_row;
}

int mdli_pipeline_n_workers(const mdli_pipeline *pipeline)
{
    return pipeline->n_workers;
}

/* The value of a row, and where the next run begins, if the row's block tells its runs. */
static bool find_run_of_row(const mdl_column *column, int64_t row, int64_t *value, int64_t *next)
{
    const int64_t b = mdli_column_find_block(column, row);
    const int64_t *values;
    const int32_t *ends;
    int32_t n_runs;
    if (!mdli_block_runs(column->blocks[b], &values, &ends, &n_runs)) {
        return false;
    }
    const int32_t r = mdli_find_run(ends, n_runs, row - column->row_starts[b]);
    *value = values[r];
    *next = column->row_starts[b] + ends[r];
    return true;
}

/* The first row from `row` on where a sorted column has another value than the row before. */
static mdl_status find_change(const mdl_column *column, int64_t row, int64_t end,
                              mdli_decode_buffer *buffer, int64_t *out, mdl_error *error)
{
    mdl_vector v;
    int64_t before;
    int64_t value;
    int64_t next;
    if (find_run_of_row(column, row - 1, &before, &next)) {
        row = next;
    } else {
        MDLI_TRY(mdli_column_read(column, row - 1, 1, buffer, &v, error));
        before = mdli_vector_integer(&v, 0);
    }
    while (row < end) {
        if (find_run_of_row(column, row, &value, &next)) {
            if (value != before) {
                break;
            }
            row = next;
            continue;
        }
        int64_t n = end - row < MDLI_VECTOR_ROWS ? end - row : MDLI_VECTOR_ROWS;
        MDLI_TRY(mdli_column_read(column, row, n, buffer, &v, error));
        if (mdli_vector_integer(&v, n - 1) == before) {
            row += n;
            continue;
        }
        int64_t i = 0;
        while (mdli_vector_integer(&v, i) == before) {
            i++;
        }
        row += i;
        break;
    }
    *out = row < end ? row : end;
    return MDL_OK;
}

mdl_status mdli_pipeline_align_morsels(mdli_pipeline *pipeline, int32_t column, mdl_error *error)
{
    const mdl_column *by = pipeline->source->columns[column];
    int64_t end = pipeline->first_row + pipeline->n_rows;
    mdli_decode_buffer buffer;
    mdli_decode_buffer_init(&buffer, pipeline->context);
    mdl_status status = MDL_OK;
    int64_t kept = 0; /* borders that stay, the first at index 0 */
    for (int64_t m = 1; status == MDL_OK && m < pipeline->n_morsels; m++) {
        int64_t border = pipeline->morsel_starts[m];
        if (border <= pipeline->morsel_starts[kept]) {
            continue;
        }
        status = find_change(by, border, end, &buffer, &border, error);
        if (status == MDL_OK && border < end) {
            pipeline->morsel_starts[++kept] = border;
        }
    }
    if (status == MDL_OK && pipeline->n_morsels > 0) {
        pipeline->morsel_starts[++kept] = end;
        pipeline->n_morsels = kept;
    }
    mdli_decode_buffer_free(&buffer);
    return status;
}

/* Hands rows to the stage, or to the sink when all stages are done. */
mdl_status mdli_pipeline_push(const mdli_push *push, int32_t stage, const mdli_rows *rows,
                              mdl_error *error)
{
    if (rows->n_rows == 0) {
        return MDL_OK;
    }
    if (stage == push->pipeline->n_stages) {
        return push->sink(push->sink_data, push->worker, push->morsel, rows, error);
    }
    return mdli_stage_run(push, stage, rows, error);
}

/* Where a morsel is read. */
typedef struct reading_place {
    int64_t row; /* what comes before is done */
    int64_t end;
    int64_t stretch; /* the first that may have rows from `row` on */
    int64_t block;   /* of the first column, at `row` or before */
} reading_place;

static reading_place start_of_morsel(const mdli_pipeline *pipeline, int64_t morsel)
{
    reading_place at = {
        .row = pipeline->morsel_starts[morsel],
        .end = pipeline->morsel_starts[morsel + 1],
    };
    if (pipeline->source->n_columns > 0) {
        at.block = mdli_column_find_block(pipeline->source->columns[0], at.row);
    }
    if (pipeline->has_stretches) {
        at.stretch = mdli_row_stretches_find(&pipeline->stretches, at.row);
    }
    return at;
}

/* Goes to the next row that is to be read and tells where its stretch ends; `end` for both when there
 * is none. */
static int64_t find_stretch(const mdli_pipeline *pipeline, reading_place *at)
{
    const mdli_row_stretches *stretches = &pipeline->stretches;
    if (!pipeline->has_stretches) {
        return at->end;
    }
    at->stretch += at->stretch < stretches->n_items && stretches->items[at->stretch].end <= at->row;
    mdli_stretch stretch = {at->end, at->end};
    if (at->stretch < stretches->n_items && stretches->items[at->stretch].first < at->end) {
        stretch = stretches->items[at->stretch];
    }
    at->row = at->row < stretch.first ? stretch.first : at->row;
    return stretch.end < at->end ? stretch.end : at->end;
}

/* Goes to the next rows that are to be read and tells how many to read at once, 0 = all are done.
 * Vectors stop where blocks do, and long ones start on multiples of a frame, so that decoding is
 * direct. */
static int64_t find_rows(const mdli_pipeline *pipeline, reading_place *at)
{
    const mdl_table *table = pipeline->source;
    const int64_t end = find_stretch(pipeline, at);
    int64_t n = end - at->row;
    int64_t to_border = MDLI_VECTOR_ROWS;
    if (table->n_columns > 0 && n > 0) {
        const mdl_column *column = table->columns[0];
        const int64_t *starts = column->row_starts;
        if (at->row >= starts[at->block + 1]) {
            at->block = mdli_column_find_block(column, at->row);
        }
        const int64_t to_block_end = starts[at->block + 1] - at->row;
        n = to_block_end < n ? to_block_end : n;
        to_border -= (at->row - starts[at->block]) % MDLI_VECTOR_ROWS;
    }
    return n > MDLI_VECTOR_ROWS ? to_border : n;
}

/* Reads the columns of the source that any of the flows needs. */
static mdl_status read_columns(const mdli_flow *flows, int n_flows, int64_t row, int64_t n,
                               mdli_source_worker *source, mdl_error *error)
{
    const mdl_table *table = flows[0].pipeline->source;
    for (int32_t c = 0; c < table->n_columns; c++) {
        bool is_needed = false;
        for (int f = 0; f < n_flows; f++) {
            is_needed |= flows[f].pipeline->needed[flows[f].variant][c];
        }
        if (is_needed) {
            MDLI_TRY(mdli_column_read(table->columns[c], row, n, &source->buffers[c],
                                      &source->rows.columns[c], error));
        }
    }
    source->rows.n_rows = n;
    source->rows.first_row = row;
    return MDL_OK;
}

/* Runs one morsel; rows are in the buffers of the first pipeline. */
static mdl_status run_morsel(const mdli_flow *flows, int n_flows, int64_t morsel, int worker,
                             mdl_error *error)
{
    const mdli_pipeline *first = flows[0].pipeline;
    mdli_source_worker *source = &first->source_workers[worker];
    reading_place at = start_of_morsel(first, morsel);
    for (int64_t n; (n = find_rows(first, &at)) > 0; at.row += n) {
        MDLI_TRY(read_columns(flows, n_flows, at.row, n, source, error));
        for (int f = 0; f < n_flows; f++) {
            const mdli_push push = {
                .pipeline = flows[f].pipeline,
                .sink = flows[f].sink,
                .sink_data = flows[f].sink_data,
                .variant = flows[f].variant,
                .worker = worker,
                .morsel = morsel,
            };
            MDLI_TRY(mdli_pipeline_push(&push, 0, &source->rows, error));
        }
    }
    return MDL_OK;
}

mdl_status mdli_pipeline_run_morsel(mdli_pipeline *pipeline, int variant, int64_t morsel,
                                    int worker, mdli_sink_fn sink, void *sink_data,
                                    mdl_error *error)
{
    const mdli_flow flow = {pipeline, variant, sink, NULL, sink_data};
    return run_morsel(&flow, 1, morsel, worker, error);
}

bool mdli_pipelines_read_alike(const mdli_pipeline *a, const mdli_pipeline *b)
{
    return a->source == b->source && !a->has_stretches && !b->has_stretches &&
           a->n_morsels == b->n_morsels &&
           memcmp(a->morsel_starts, b->morsel_starts,
                  (size_t)(a->n_morsels + 1) * sizeof *a->morsel_starts) == 0;
}

typedef struct run_jobs {
    const mdli_flow *flows;
    int n_flows;
} run_jobs;

static mdl_status run_job(void *data, int64_t job, int worker, mdl_error *error)
{
    const run_jobs *jobs = data;
    MDLI_TRY(run_morsel(jobs->flows, jobs->n_flows, job, worker, error));
    for (int f = 0; f < jobs->n_flows; f++) {
        const mdli_flow *flow = &jobs->flows[f];
        if (flow->morsel_end != NULL) {
            MDLI_TRY(flow->morsel_end(flow->sink_data, worker, job, error));
        }
    }
    return MDL_OK;
}

mdl_status mdli_flows_run(const mdli_flow *flows, int n_flows, mdl_error *error)
{
    const mdli_pipeline *first = flows[0].pipeline;
    run_jobs jobs = {flows, n_flows};
    return mdli_parallel_for(first->context, first->n_morsels, run_job, &jobs, error);
}
