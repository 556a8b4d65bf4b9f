/*
 * Expressions: text parsed, bound to columns, evaluated over vectors. The language is described in
 * medallion/operators.h.
 */
#ifndef MDLI_OPERATORS_EXPRESSION_H
#define MDLI_OPERATORS_EXPRESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "medallion/operators.h"
#include "medallion/types.h"

/* A bound expression; immutable, lives in the arena that it was parsed into. */
typedef struct mdli_expression mdli_expression;

/* What names mean in an expression. */
typedef struct mdli_scope {
    const mdl_field *fields; /* columns of the input */
    int32_t n_fields;
    const mdl_function *functions; /* of the caller's */
    int32_t n_functions;
} mdli_scope;

/*
 * Parses and binds one expression. Faults (MDL_E_EXPRESSION, MDL_E_NOT_FOUND, MDL_E_TYPE) name the
 * text and the position in it: `in expression "a + ": expected a value at column 5`; an unknown
 * column lists the nearest name there is.
 */
mdl_status mdli_expression_parse(mdli_arena *arena, const char *text, const mdli_scope *scope,
                                 const mdli_expression **out, mdl_error *error);

/* One entry of a list "expression as name, …". */
typedef struct mdli_named_expression {
    const char *name;                  /* from `as`, or the column's */
    const mdli_expression *expression; /* NULL for count(*) */
    /* For lists of aggregates: */
    const char *aggregate; /* "count", "sum", …, lower case; NULL in a list of plain expressions */
    bool is_distinct;      /* count(distinct x) */
    const char *separator; /* string_agg */
    int64_t separator_bytes;
} mdli_named_expression;

/* Parses the text of mdl_project (`*` is expanded), or, when `aggregates`, of mdl_aggregate. */
mdl_status mdli_expression_parse_list(mdli_arena *arena, const char *text, const mdli_scope *scope,
                                      bool aggregates, const mdli_named_expression **out,
                                      int32_t *n_out, mdl_error *error);

/* One column of a list of keys. */
typedef struct mdli_key {
    int32_t column;     /* in the scope's fields */
    bool is_descending; /* from a leading `-`; only where `allow_descending` */
} mdli_key;

/* Parses `"user_id, -rating"`. NULL and "" give no keys. */
mdl_status mdli_keys_parse(mdli_arena *arena, const char *text, const mdli_scope *scope,
                           bool allow_descending, const mdli_key **out, int32_t *n_out,
                           mdl_error *error);

/* Parses the `on` of a join, `"movie_id, user_id = userId"`, into columns of either side. */
mdl_status mdli_join_keys_parse(mdli_arena *arena, const char *text, const mdli_scope *left,
                                const mdli_scope *right, int32_t **left_columns,
                                int32_t **right_columns, int32_t *n_out, mdl_error *error);

/* The type of the values. */
mdl_type mdli_expression_type(const mdli_expression *expression);

/* Whether the expression is a plain column, and which. */
bool mdli_expression_is_column(const mdli_expression *expression, int32_t *column);

/* Whether it is a column under a cast that keeps the form (INT64 ↔ TIMESTAMP, and to the own type).
 */
bool mdli_expression_is_retyped_column(const mdli_expression *expression, int32_t *column);

/* Sets `used[c]` for every column c that the expression reads. */
void mdli_expression_mark_columns(const mdli_expression *expression, bool *used);

/* Bounds of integer-like values. */
typedef struct mdli_range {
    bool is_known;
    int64_t least;
    int64_t greatest;
} mdli_range;

/* Bounds of the results, given bounds of the columns; for choosing dense strategies. Knows at least
 * columns, casts, date(), year() and constants. */
mdli_range mdli_expression_range(const mdli_expression *expression, const mdli_range *columns);

/* Scratch memory of one worker for one expression; grows as needed. */
typedef struct mdli_evaluator mdli_evaluator;

mdl_status mdli_evaluator_create(mdl_context *context, const mdli_expression *expression,
                                 mdli_evaluator **out, mdl_error *error);
void mdli_evaluator_free(mdli_evaluator *evaluator);

/*
 * Evaluates `n_rows` ≤ MDLI_BLOCK_ROWS_MAX rows. `columns` has a vector for each field of the
 * scope; only those that the expression marks need to be there. `out` lives until the evaluator's
 * next use, and may point into `columns`. `validity` of `out` is NULL when no result is NULL.
 */
mdl_status mdli_evaluate(mdli_evaluator *evaluator, const mdl_vector *columns, int64_t n_rows,
                         mdl_vector *out, mdl_error *error);

#endif
