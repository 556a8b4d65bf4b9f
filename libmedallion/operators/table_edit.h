/*
 * Tables made from a table by leaving rows out and putting others in, sharing the blocks between.
 */
#ifndef MDLI_OPERATORS_TABLE_EDIT_H
#define MDLI_OPERATORS_TABLE_EDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "column/column_internal.h"
#include "operators/expression.h"

/* One change at row `row` of the base, which may be its end. */
typedef struct mdli_table_edit {
    int64_t row;
    int64_t new_row; /* of the changes, put in before `row`; −1 = none */
    bool drops_row;  /* `row` itself is left out */
} mdli_table_edit;

/*
 * Finds the edit of each row of the changes: the row of the base before which it belongs, or, with
 * `drops_row`, the first that has its key. Both are in the order of the columns and have rows; keys
 * may come again. Where they must not, `*first_bad` (else NULL) becomes a row of the base next to a
 * change that is not above the row before it; −1 = none was seen. upsert.c
 */
mdl_status mdli_find_edits(mdl_context *context, const mdl_table *base, const mdl_table *changes,
                           const mdli_key *columns, int32_t n_columns, mdli_table_edit *edits,
                           int64_t *first_bad, mdl_error *error);

/*
 * Applies edits, ascending by row, to a base with at least one row. `changes` has the columns of
 * the base; NULL when no edit puts a row in. The new rows are taken in the order of the edits,
 * ascending too. Blocks of the base are shared, or rows of them where edits fall in: only what is
 * near to an edit is encoded. Parallel.
 */
mdl_status mdli_table_apply_edits(mdl_context *context, const mdl_table *base,
                                  const mdl_table *changes, const mdli_table_edit *edits,
                                  int64_t n_edits, mdl_table **out, mdl_error *error);

/* As mdli_table_apply_edits for one column. */
mdl_status mdli_column_apply_edits(mdl_context *context, const mdl_column *base,
                                   const mdl_column *changes, const mdli_table_edit *edits,
                                   int64_t n_edits, mdl_column **out, mdl_error *error);

/*
 * Puts rows behind those of a table. Blocks are shared but for the last, into which rows go that do
 * not fill blocks of their own: a row or two time and again do not leave blocks of a row or two.
 */
mdl_status mdli_table_append_rows(mdl_context *context, const mdl_table *table,
                                  const mdl_table *rows, mdl_table **out, mdl_error *error);

/* The first `n_rows` rows of a table; blocks are shared but for the last. */
mdl_status mdli_table_first_rows(mdl_context *context, const mdl_table *table, int64_t n_rows,
                                 mdl_table **out, mdl_error *error);

#endif
