/*
 * Plans of edits: which rows of a table that is edited stay in their blocks, and which blocks are
 * made.
 */
#ifndef MDLI_OPERATORS_EDIT_PLAN_H
#define MDLI_OPERATORS_EDIT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "column/column_internal.h"
#include "operators/table_edit.h"

/* Rows that stay together. */
typedef struct mdli_stretch {
    bool is_made;
    int64_t block; /* of the base, in which `row` is */
    int64_t row;   /* of the base, as is `end` */
    int64_t end;
    int64_t first_edit;
    int64_t n_edits;
    int64_t first_new_row;
    int64_t n_new_rows;
    int64_t n_rows;    /* that come out */
    int64_t first_out; /* place of its blocks in the new column */
    int64_t n_out;
} mdli_stretch;

/* Of columns that are cut alike. */
typedef struct mdli_edit_plan {
    mdl_context *context;
    const mdl_column **columns;
    int32_t n_columns;
    const mdli_table_edit *edits;
    int64_t n_edits;
    int64_t block_rows;
    int64_t piece_rows;
    mdli_stretch *stretches;
    int64_t n_stretches;
    int64_t stretches_capacity;
    int64_t n_out; /* blocks that come out */
} mdli_edit_plan;

/* Makes a plan for at least one edit of columns that have rows. Columns and edits are borrowed. */
mdl_status mdli_edit_plan_create(mdl_context *context, const mdl_column **columns,
                                 int32_t n_columns, const mdli_table_edit *edits, int64_t n_edits,
                                 mdli_edit_plan *out, mdl_error *error);
void mdli_edit_plan_free(mdli_edit_plan *plan);

#endif
