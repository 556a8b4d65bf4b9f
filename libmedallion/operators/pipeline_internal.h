/*
 * What pipeline.c and pipeline_stages.c share.
 */
#ifndef MDLI_OPERATORS_PIPELINE_INTERNAL_H
#define MDLI_OPERATORS_PIPELINE_INTERNAL_H

#include "operators/join_map.h"
#include "operators/pipeline.h"
#include "operators/row_stretches.h"
#include "operators/rowset.h"

/* Ways to run one pipeline, which differ in the fields that are asked of it. */
#define MDLI_PIPELINE_VARIANTS 2

/* What one worker needs for one stage. */
typedef struct mdli_stage_worker {
    mdli_rows out;
    mdli_flat *gathered;               /* per output column that is not just passed on */
    mdli_evaluator **evaluators;       /* PROJECT: per item that is no plain column; FILTER: one */
    int32_t *picked;                   /* FILTER, JOIN, EXPLODE: input row of each output row */
    int32_t *matched;                  /* JOIN: right row of each output row, −1 = none */
    int32_t *slots;                    /* JOIN: slot of each input row's key */
    mdli_decode_buffer *right_buffers; /* aligned JOIN: per column taken from the right */
    int64_t slots_capacity;
    mdl_string *pieces; /* EXPLODE */
    int64_t pieces_capacity;
} mdli_stage_worker;

typedef struct mdli_stage {
    mdl_rel *rel;
    bool *needed[MDLI_PIPELINE_VARIANTS]; /* per field of rel */
    mdli_stage_worker *workers;

    /* JOIN */
    mdl_table *right;
    /* Both sides have the same keys, each once and in order: row i of the source has row i of the
     * right side. Such a join has no map and no decoded right side. */
    bool is_aligned;
    mdli_join_map *map;
    const int32_t *starts;
    const int32_t *rows;
    bool keeps_all;            /* a semi join that is known to find a match for each row */
    bool is_settled;           /* … for each row that is read of the source */
    const mdl_column *proving; /* else the source's column of its keys, if a proof could be kept */
    int64_t n_matches_max;  /* most output rows of an input row, as far as known: 1 or "many" (2) */
    int32_t n_right;        /* columns taken from the right */
    int32_t *right_columns; /* which */
    mdli_flat *right_values; /* decoded, those that are needed */
} mdli_stage;

/* What one worker needs to read the source. */
typedef struct mdli_source_worker {
    mdli_decode_buffer *buffers; /* per column */
    mdli_rows rows;
} mdli_source_worker;

struct mdli_pipeline {
    mdl_context *context;
    mdl_table *source;
    int64_t first_row;
    int64_t n_rows;
    bool *needed[MDLI_PIPELINE_VARIANTS]; /* per column of the source */
    int n_variants;
    int32_t n_stages;
    mdli_stage *stages; /* from the source on */
    mdli_column_facts *facts;
    /* The rows of the source that can come through the joins, which alone are read, if that is
     * known. */
    bool has_stretches;
    mdli_row_stretches stretches;
    int64_t n_morsels;
    int64_t *morsel_starts; /* n_morsels + 1 */
    int n_workers;
    mdli_source_worker *source_workers;
};

/* One morsel on its way. */
typedef struct mdli_push {
    mdli_pipeline *pipeline;
    mdli_sink_fn sink;
    void *sink_data;
    int variant;
    int worker;
    int64_t morsel;
} mdli_push;

mdl_status mdli_rows_allocate(mdl_context *context, int32_t n_columns, mdli_rows *rows,
                              mdl_error *error);
void mdli_rows_free(mdl_context *context, mdli_rows *rows);

/* Runs a join's right side and builds its map. Stages before it are there already. */
mdl_status mdli_join_stage_create(mdli_pipeline *pipeline, mdli_stage *stage, mdl_error *error);

/*
 * Finds whether a semi join keeps all rows. Its key is `column` of the source, unchanged; where
 * that is in runs, one look-up per run tells it, which is next to nothing, or it was proved before,
 * and then the stage has no work.
 */
mdl_status mdli_join_stage_prove_matches(mdli_stage *stage, const mdl_column *column,
                                         mdl_error *error);

/*
 * Finds the rows of the source that a semi or inner join may keep. Its key is `column` of the
 * source, unchanged. Where they are just those with a match, in long stretches, a semi join has no
 * work left. For other joins `*are_known` is false and the list means nothing.
 */
mdl_status mdli_join_stage_find_stretches(mdli_stage *stage, const mdl_column *column,
                                          mdli_row_stretches *stretches, bool *are_known,
                                          mdl_error *error);

mdl_status mdli_stage_worker_init(mdl_context *context, const mdli_stage *stage,
                                  mdli_stage_worker *worker, mdl_error *error);
void mdli_stage_free(mdl_context *context, mdli_stage *stage, int n_workers);

/* Works on rows in stage number `stage` and pushes the results on. */
mdl_status mdli_stage_run(const mdli_push *push, int32_t stage, const mdli_rows *rows,
                          mdl_error *error);

mdl_status mdli_pipeline_push(const mdli_push *push, int32_t stage, const mdli_rows *rows,
                              mdl_error *error);

#endif
