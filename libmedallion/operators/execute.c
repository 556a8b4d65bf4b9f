/*
 * Running plans: which executor works on which relation, collecting, and the explanation of what
 * was done.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "operators/pipeline.h"
#include "operators/plan.h"

static const char *kind_name(const mdl_rel *rel)
{
    static const char *const names[] = {
        "",         "scan", "filter", "project",   "explode",   "join",   "aggregate",
        "distinct", "sort", "top-n",  "arg-first", "union all", "upsert",
    };
    return names[rel->kind];
}

/* Runs both inputs of a relation and puts `combine` over them. */
static mdl_status execute_two(mdl_rel *rel, mdl_table **out, mdl_error *error)
{
    mdl_table *left = NULL;
    mdl_table *right = NULL;
    mdl_status status = mdli_execute(rel->left, &left, error);
    if (status == MDL_OK) {
        status = mdli_execute(rel->right, &right, error);
    }
    if (status == MDL_OK && rel->kind == MDLI_REL_UNION_ALL) {
        mdli_trace_strategy(rel, "blocks shared");
        status = mdli_table_concat(rel->query->context, left, right, out, error);
    } else if (status == MDL_OK) {
        status = mdli_execute_upsert(rel, left, right, out, error);
    }
    mdl_table_free(left);
    mdl_table_free(right);
    return status;
}

/* ARG_FIRST right over an aggregate, which can pick rows before it makes a table of all. */
static mdl_status execute_picked(mdl_rel *rel, mdl_table **input, bool *is_picked, mdl_error *error)
{
    double start = mdli_seconds_now();
    MDLI_TRY(mdli_execute_aggregate(rel->left, rel, is_picked, input, error));
    rel->left->trace.is_run = true;
    rel->left->trace.n_rows = (*input)->n_rows;
    rel->left->trace.seconds = mdli_seconds_now() - start;
    return MDL_OK;
}

static mdl_status execute_one(mdl_rel *rel, mdl_table **out, mdl_error *error)
{
    mdl_table *input = NULL;
    if (rel->kind == MDLI_REL_ARG_FIRST && rel->left->kind == MDLI_REL_AGGREGATE) {
        bool is_picked;
        MDLI_TRY(execute_picked(rel, &input, &is_picked, error));
        if (is_picked) {
            mdli_trace_strategy(rel, "picked while aggregating");
            *out = input;
            return MDL_OK;
        }
    } else {
        MDLI_TRY(mdli_execute(rel->left, &input, error));
    }
    mdl_status status;
    switch (rel->kind) {
    case MDLI_REL_DISTINCT:
        status = mdli_execute_distinct(rel, input, out, error);
        break;
    case MDLI_REL_ARG_FIRST:
        status = mdli_execute_arg_first(rel, input, out, error);
        break;
    default:
        status = mdli_execute_sort(rel, input, out, error);
        break;
    }
    mdl_table_free(input);
    return status;
}

static mdl_status dispatch(mdl_rel *rel, mdl_table **out, mdl_error *error)
{
    switch (rel->kind) {
    case MDLI_REL_SCAN:
        if (rel->first_row == 0 && rel->n_rows == rel->table->n_rows) {
            mdli_trace_strategy(rel, "shared");
            *out = mdl_table_clone(rel->table);
            return MDL_OK;
        }
        return mdli_materialize(rel, out, error);
    case MDLI_REL_FILTER:
    case MDLI_REL_PROJECT:
    case MDLI_REL_EXPLODE:
    case MDLI_REL_JOIN:
        return mdli_materialize(rel, out, error);
    case MDLI_REL_AGGREGATE: {
        bool is_picked;
        return mdli_execute_aggregate(rel, NULL, &is_picked, out, error);
    }
    case MDLI_REL_UNION_ALL:
    case MDLI_REL_UPSERT:
        return execute_two(rel, out, error);
    case MDLI_REL_DISTINCT:
    case MDLI_REL_SORT:
    case MDLI_REL_TOP_N:
    case MDLI_REL_ARG_FIRST:
        return execute_one(rel, out, error);
    }
    return mdl_error_set(error, MDL_E_INTERNAL, "relation kind %d is not known", (int)rel->kind);
}

mdl_status mdli_execute(mdl_rel *rel, mdl_table **out, mdl_error *error)
{
    *out = NULL;
    double start = mdli_seconds_now();
    mdl_status status = dispatch(rel, out, error);
    if (status != MDL_OK) {
        rel->query->failed = rel->query->failed != NULL ? rel->query->failed : rel;
        return status;
    }
    rel->trace.is_run = true;
    rel->trace.n_rows = (*out)->n_rows;
    rel->trace.seconds = mdli_seconds_now() - start;
    return MDL_OK;
}

/* Forgets what an earlier collect did with the relations below. */
static void clear_traces(mdl_rel *rel)
{
    if (rel != NULL) {
        rel->trace = (mdli_trace){0};
        clear_traces(rel->left);
        clear_traces(rel->right);
    }
}

/* Gives back the results that nobody asked for, as after a failure. */
static void drop_ready(mdl_rel *rel)
{
    if (rel != NULL) {
        mdl_table_free(rel->ready);
        rel->ready = NULL;
        drop_ready(rel->left);
        drop_ready(rel->right);
    }
}

/* Writes the explanation, or with buffer NULL just measures it. */
static size_t explain_rel(const mdl_rel *rel, int depth, char *buffer, size_t size)
{
    if (rel == NULL) {
        return 0;
    }
    char rows[64] = "streamed";
    char seconds[32] = "";
    const char *strategy = rel->trace.strategy;
    if (rel->trace.is_run) {
        snprintf(rows, sizeof rows, "%lld rows", (long long)rel->trace.n_rows);
        if (rel->kind != MDLI_REL_SCAN) {
            snprintf(seconds, sizeof seconds, ", %.4f s", rel->trace.seconds);
        }
    }
    int written = snprintf(buffer, size, "%*s%s%s%s: %s%s\n", depth * 2, "", kind_name(rel),
                           strategy[0] != '\0' ? ", " : "", strategy, rows, seconds);
    size_t used = written > 0 ? (size_t)written : 0;
    const mdl_rel *inputs[] = {rel->left, rel->right};
    for (int i = 0; i < 2; i++) {
        bool fits = buffer != NULL && used < size;
        used +=
            explain_rel(inputs[i], depth + 1, fits ? buffer + used : NULL, fits ? size - used : 0);
    }
    return used;
}

static mdl_status explain(mdl_query *query, const mdl_rel *rel, mdl_error *error)
{
    size_t size = explain_rel(rel, 0, NULL, 0) + 1;
    void *memory;
    MDLI_TRY(mdli_allocate(query->context, size, "explanation", &memory, error));
    explain_rel(rel, 0, memory, size);
    mdli_free(query->context, query->explain);
    query->explain = memory;
    return MDL_OK;
}

/* Says which operator an allocation was for, which knows only what the memory was to hold. */
static void name_operator(mdl_error *error, const mdl_rel *rel)
{
    char reason[sizeof error->message];
    memcpy(reason, error->message, sizeof reason);
    snprintf(error->message, sizeof error->message, "%s: %.700s", kind_name(rel), reason);
}

mdl_status mdl_query_collect(mdl_query *query, mdl_rel *rel, mdl_table **out, mdl_error *error)
{
    if (out == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "out is NULL");
    }
    *out = NULL;
    if (query == NULL) {
        return mdl_error_set(error, MDL_E_NO_MEMORY, "no memory for a query");
    }
    if (query->fault.status != MDL_OK) {
        return mdli_error_copy(error, &query->fault);
    }
    if (rel == NULL || rel->query != query) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "the relation is not of this query");
    }
    clear_traces(rel);
    query->failed = NULL;
    query->root = rel;
    bool is_told = error != NULL && error->status == MDL_OK; /* else an older failure is kept */
    mdl_table *table = NULL;
    mdl_status status = mdli_execute(rel, &table, error);
    query->root = NULL;
    drop_ready(rel);
    if (status == MDL_OK) {
        status = explain(query, rel, error);
    }
    if (status != MDL_OK) {
        if (status == MDL_E_BUDGET && is_told && query->failed != NULL) {
            name_operator(error, query->failed);
        }
        mdl_table_free(table);
        return status;
    }
    *out = table;
    return MDL_OK;
}

const char *mdl_query_explain(const mdl_query *query)
{
    return query == NULL || query->explain == NULL ? "" : query->explain;
}
