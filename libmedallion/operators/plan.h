/*
 * Plans: what a query and its relations are inside, shared by the files of this folder.
 */
#ifndef MDLI_OPERATORS_PLAN_H
#define MDLI_OPERATORS_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "column/column_internal.h"
#include "medallion/operators.h"
#include "operators/expression.h"

typedef enum mdli_rel_kind {
    MDLI_REL_SCAN = 1,
    MDLI_REL_FILTER,
    MDLI_REL_PROJECT,
    MDLI_REL_EXPLODE,
    MDLI_REL_JOIN,
    MDLI_REL_AGGREGATE,
    MDLI_REL_DISTINCT,
    MDLI_REL_SORT,
    MDLI_REL_TOP_N,
    MDLI_REL_ARG_FIRST,
    MDLI_REL_UNION_ALL,
    MDLI_REL_UPSERT
} mdli_rel_kind;

/* What the last collect did with a relation. */
typedef struct mdli_trace {
    bool is_begun; /* AGGREGATE */
    bool is_run;
    char strategy[96];
    int64_t n_rows;
    double seconds;           /* inputs included */
    bool is_strictly_ordered; /* its rows came out in order, none twice: by the keys of DISTINCT,
                                 ascending, or the order of SORT and TOP_N */
} mdli_trace;

/* A relation. Which members count follows from `kind`; all memory is in the query's arena. */
struct mdl_rel {
    mdl_query *query;
    mdli_rel_kind kind;
    mdl_rel *left; /* the input, or the left one */
    mdl_rel *right;
    mdl_field *fields;
    int32_t n_fields;

    mdl_table *table; /* SCAN; the query holds the reference */
    int64_t first_row;
    int64_t n_rows;

    const mdli_expression *predicate;   /* FILTER */
    const mdli_named_expression *items; /* PROJECT, AGGREGATE */
    int32_t n_items;

    mdl_explode_options explode; /* EXPLODE, texts copied */
    int32_t explode_column;

    mdl_join_kind join_kind; /* JOIN */
    int32_t *left_keys;
    int32_t *right_keys;
    int32_t n_join_keys;

    const mdli_key *keys; /* AGGREGATE, DISTINCT, ARG_FIRST, UPSERT: groups; */
    int32_t n_keys;
    const mdli_key *order; /* SORT, TOP_N, ARG_FIRST */
    int32_t n_order;
    mdl_keep keep; /* DISTINCT */
    int64_t limit; /* TOP_N */

    /* AGGREGATE: its result, or what `ready_pick` leaves of it, that came with another one's and waits
     * to be asked for; else NULL. */
    mdl_table *ready;
    const mdl_rel *ready_pick;

    mdli_trace trace;
};

struct mdl_query {
    mdl_context *context;
    mdli_arena arena;
    mdl_error fault; /* the first in building */
    mdl_function *functions;
    int64_t n_functions;
    int64_t functions_capacity;
    mdl_table **tables;
    int64_t n_tables;
    int64_t tables_capacity;
    char *explain;
    mdl_rel *root;         /* of the collect at hand */
    const mdl_rel *failed; /* the first relation whose running failed in this collect */
};

/*
 * Runs a relation: all rows as a new reference to a table. Fills the traces below it.
 */
mdl_status mdli_execute(mdl_rel *rel, mdl_table **out, mdl_error *error);

/* Executors of the kinds that work on whole tables; inputs are tables already. rows.c */
mdl_status mdli_execute_distinct(mdl_rel *rel, const mdl_table *input, mdl_table **out,
                                 mdl_error *error);
mdl_status mdli_execute_sort(mdl_rel *rel, const mdl_table *input, mdl_table **out,
                             mdl_error *error);
mdl_status mdli_execute_arg_first(mdl_rel *rel, const mdl_table *input, mdl_table **out,
                                  mdl_error *error);
mdl_status mdli_execute_upsert(mdl_rel *rel, const mdl_table *base, const mdl_table *changes,
                               mdl_table **out, mdl_error *error);

/*
 * Executor of aggregates; runs its input as a pipeline. aggregate.c
 *
 * `pick`, if not NULL, is an ARG_FIRST over `rel`: where groups of its key end with a run, only its
 * pick of each run is kept, and `*is_picked` says that `out` is what ARG_FIRST would give.
 */
mdl_status mdli_execute_aggregate(mdl_rel *rel, const mdl_rel *pick, bool *is_picked,
                                  mdl_table **out, mdl_error *error);

/* Notes how a relation is run, for the explanation. */
void mdli_trace_strategy(mdl_rel *rel, const char *format, ...) MDL_PRINTF(2, 3);

#endif
