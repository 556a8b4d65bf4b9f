/*
 * Pipelines: relations that work row by row (filter, project, explode, join probes) run together
 * over a source table, morsel by morsel on all threads, and feed a sink; nothing between them is
 * kept.
 *
 * The source's rows are cut in morsels, each worked on by one worker, in vectors of at most
 * MDLI_VECTOR_ROWS rows. Rows come to the sink in order within a morsel; sinks that care for the
 * order between morsels use the morsel's number.
 */
#ifndef MDLI_OPERATORS_PIPELINE_H
#define MDLI_OPERATORS_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "column/column_internal.h"
#include "operators/expression.h"
#include "operators/plan.h"

/* Rows on their way through a pipeline. Vectors of columns that nobody downstream needs are absent
 * (`type` 0). `dictionaries[c]` is the shared dictionary behind a STRING vector with codes, or
 * NULL. */
typedef struct mdli_rows {
    int64_t n_rows;
    int64_t first_row; /* of the source, as long as each of its rows gives one */
    int32_t n_columns;
    mdl_vector *columns;
    mdli_dictionary **dictionaries;
} mdli_rows;

/* What is known of a column before any row flows, from statistics of the source. */
typedef struct mdli_column_facts {
    mdli_range range; /* integer-like types */
    bool may_be_null;
    bool is_sorted;              /* rows come ascending by this column within and across morsels */
    mdli_dictionary *dictionary; /* all its STRING vectors have codes in this one; borrowed */
    int32_t source_column; /* the source's column that it is, unchanged or retyped; −1 = computed */
} mdli_column_facts;

/* The facts of a table's column, as number `source_column` of a source. */
mdli_column_facts mdli_facts_of_column(const mdl_column *column, int32_t source_column);

typedef struct mdli_pipeline mdli_pipeline;

/*
 * Prepares the pipeline that ends with `rel`: runs what is below its source, builds the tables of
 * its joins. `needed` has a flag for each field of `rel`.
 */
mdl_status mdli_pipeline_create(mdl_rel *rel, const bool *needed, mdli_pipeline **out,
                                mdl_error *error);
void mdli_pipeline_free(mdli_pipeline *pipeline);

/*
 * Adds a second way to run the pipeline, for fewer fields: `needed` flags a subset of those that it
 * was created with. The first way is variant 0, this one variant 1.
 */
mdl_status mdli_pipeline_add_variant(mdli_pipeline *pipeline, const bool *needed, mdl_error *error);

/* Facts of each field of the relation at its end. */
const mdli_column_facts *mdli_pipeline_facts(const mdli_pipeline *pipeline);

/* The source. */
const mdl_table *mdli_pipeline_source(const mdli_pipeline *pipeline);
int64_t mdli_pipeline_source_rows(const mdli_pipeline *pipeline);

/* Whether it gives all rows of the source, unchanged. */
bool mdli_pipeline_is_whole_source(const mdli_pipeline *pipeline);

/* Whether each row of the source gives one row, in place: nothing but projections over all rows. */
bool mdli_pipeline_keeps_all_rows(const mdli_pipeline *pipeline);

/* Whether each row of the source gives at most one row. */
bool mdli_pipeline_is_one_to_one(const mdli_pipeline *pipeline);

/*
 * Moves the borders between morsels so that rows with one value of source column `column`, which is
 * sorted and has no NULL, fall into one morsel.
 */
mdl_status mdli_pipeline_align_morsels(mdli_pipeline *pipeline, int32_t column, mdl_error *error);

int64_t mdli_pipeline_n_morsels(const mdli_pipeline *pipeline);

/* The source's rows of a morsel. */
void mdli_pipeline_morsel_rows(const mdli_pipeline *pipeline, int64_t morsel, int64_t *first_row,
                               int64_t *n_rows);

int mdli_pipeline_n_workers(const mdli_pipeline *pipeline);

/* Takes rows; the vectors live during the call. */
typedef mdl_status (*mdli_sink_fn)(void *sink, int worker, int64_t morsel, const mdli_rows *rows,
                                   mdl_error *error);

/* Told when a morsel has ended; may be NULL. */
typedef mdl_status (*mdli_morsel_end_fn)(void *sink, int worker, int64_t morsel, mdl_error *error);

/* A way to run a pipeline: which variant, and who takes its rows. */
typedef struct mdli_flow {
    mdli_pipeline *pipeline;
    int variant;
    mdli_sink_fn sink;
    mdli_morsel_end_fn morsel_end;
    void *sink_data;
} mdli_flow;

/* Runs all morsels of pipelines that read alike, at least one: rows of the source are decoded once
 * and go through one pipeline after the other. */
mdl_status mdli_flows_run(const mdli_flow *flows, int n_flows, mdl_error *error);

/* Whether two pipelines read the same rows of one source, cut in the same morsels. */
bool mdli_pipelines_read_alike(const mdli_pipeline *a, const mdli_pipeline *b);

/* Runs one morsel on one worker, for sinks that drive themselves. */
mdl_status mdli_pipeline_run_morsel(mdli_pipeline *pipeline, int variant, int64_t morsel,
                                    int worker, mdli_sink_fn sink, void *sink_data,
                                    mdl_error *error);

/* Keeps with the blocks of a morsel that came through whole, of a pipeline that is one to one, that
 * its semi joins have all their keys. */
mdl_status mdli_pipeline_keep_proofs(const mdli_pipeline *pipeline, int64_t morsel,
                                     mdl_error *error);

/* Runs the pipeline that ends with `rel` and keeps its rows as a table; blocks of the source whose
 * rows all come through unchanged are shared. materialize.c */
mdl_status mdli_materialize(mdl_rel *rel, mdl_table **out, mdl_error *error);

#endif
