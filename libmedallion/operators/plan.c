/*
 * Building plans: each operator checks its arguments against the columns of its input and says what
 * columns it gives. Faults are kept in the query and told by mdl_query_collect.
 */
#include "operators/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

mdl_query *mdl_query_create(mdl_context *context)
{
    void *memory;
    if (mdli_allocate_zeroed(context, sizeof(mdl_query), "query", &memory, NULL) != MDL_OK) {
        return NULL;
    }
    mdl_query *query = memory;
    query->context = context;
    query->fault = (mdl_error)MDL_ERROR_INIT;
    mdli_arena_init(&query->arena, context, "query");
    return query;
}

void mdl_query_free(mdl_query *query)
{
    if (query == NULL) {
        return;
    }
    for (int64_t i = 0; i < query->n_tables; i++) {
        mdl_table_free(query->tables[i]);
    }
    mdl_context *context = query->context;
    mdli_free(context, query->tables);
    mdli_free(context, query->functions);
    mdli_free(context, query->explain);
    mdli_arena_reset(&query->arena);
    mdli_free(context, query);
}

void mdl_query_add_function(mdl_query *query, const mdl_function *function)
{
    if (query == NULL) {
        return;
    }
    if (function->n_arguments < 1 || function->n_arguments > 8 || function->evaluate == NULL ||
        function->name == NULL) {
        mdl_error_set(&query->fault, MDL_E_ARGUMENT,
                      "function \"%s\" needs a name, 1 … 8 arguments and something to evaluate it",
                      function->name != NULL ? function->name : "");
        return;
    }
    void *functions = query->functions;
    if (mdli_grow_array(query->context, &functions, &query->functions_capacity, query->n_functions,
                        query->n_functions + 1, sizeof(mdl_function), "query",
                        &query->fault) == MDL_OK) {
        query->functions = functions;
        query->functions[query->n_functions++] = *function;
    }
}

void mdli_trace_strategy(mdl_rel *rel, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(rel->trace.strategy, sizeof rel->trace.strategy, format, arguments);
    va_end(arguments);
}

int32_t mdl_rel_fields(const mdl_rel *rel, mdl_field *fields, int32_t capacity)
{
    if (rel == NULL) {
        return 0;
    }
    for (int32_t i = 0; i < rel->n_fields && i < capacity; i++) {
        fields[i] = rel->fields[i];
    }
    return rel->n_fields;
}

/* A relation with room for its fields, or NULL with the fault kept. */
static mdl_rel *new_rel(mdl_query *query, mdli_rel_kind kind, int32_t n_fields)
{
    mdl_rel *rel = mdli_arena_allocate(&query->arena, sizeof *rel, &query->fault);
    if (rel == NULL) {
        return NULL;
    }
    memset(rel, 0, sizeof *rel);
    rel->query = query;
    rel->kind = kind;
    rel->n_fields = n_fields;
    rel->fields =
        mdli_arena_allocate(&query->arena, (size_t)n_fields * sizeof *rel->fields, &query->fault);
    return rel->fields == NULL ? NULL : rel;
}

/* A relation on `input` that has its fields. */
static mdl_rel *new_rel_like(mdl_rel *input, mdli_rel_kind kind)
{
    mdl_rel *rel = new_rel(input->query, kind, input->n_fields);
    if (rel != NULL) {
        rel->left = input;
        memcpy(rel->fields, input->fields, (size_t)input->n_fields * sizeof *rel->fields);
    }
    return rel;
}

static mdli_scope scope_of(const mdl_rel *rel)
{
    return (mdli_scope){
        .fields = rel->fields,
        .n_fields = rel->n_fields,
        .functions = rel->query->functions,
        .n_functions = (int32_t)rel->query->n_functions,
    };
}

/* Says that a name is there twice; NULL, so that operators can return it. */
static mdl_rel *fault_twice(mdl_query *query, const char *operator_name, const char *name)
{
    mdl_error_set(&query->fault, MDL_E_ARGUMENT, "%s gives two columns named \"%s\"", operator_name,
                  name);
    return NULL;
}

static bool has_field(const mdl_field *fields, int32_t n_fields, const char *name)
{
    for (int32_t i = 0; i < n_fields; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

mdl_rel *mdl_scan(mdl_query *query, const mdl_table *table)
{
    return mdl_scan_range(query, table, 0, INT64_MAX);
}

mdl_rel *mdl_scan_range(mdl_query *query, const mdl_table *table, int64_t first_row, int64_t n_rows)
{
    if (query == NULL) {
        return NULL;
    }
    if (table == NULL || first_row < 0 || n_rows < 0) {
        mdl_error_set(&query->fault, MDL_E_ARGUMENT, "a scan needs a table and rows from 0 on");
        return NULL;
    }
    mdl_rel *rel = new_rel(query, MDLI_REL_SCAN, table->n_columns);
    void *tables = query->tables;
    if (rel == NULL || mdli_grow_array(query->context, &tables, &query->tables_capacity,
                                       query->n_tables, query->n_tables + 1, sizeof(mdl_table *),
                                       "query", &query->fault) != MDL_OK) {
        return NULL;
    }
    query->tables = tables;
    rel->table = query->tables[query->n_tables++] = mdl_table_clone(table);
    rel->first_row = first_row < table->n_rows ? first_row : table->n_rows;
    int64_t n_left = table->n_rows - rel->first_row;
    rel->n_rows = n_rows < n_left ? n_rows : n_left;
    for (int32_t i = 0; i < table->n_columns; i++) {
        rel->fields[i] = (mdl_field){table->names[i], table->columns[i]->type};
    }
    return rel;
}

mdl_rel *mdl_filter(mdl_rel *input, const char *predicate)
{
    if (input == NULL) {
        return NULL;
    }
    mdl_query *query = input->query;
    mdl_rel *rel = new_rel_like(input, MDLI_REL_FILTER);
    mdli_scope scope = scope_of(input);
    if (rel == NULL || mdli_expression_parse(&query->arena, predicate, &scope, &rel->predicate,
                                             &query->fault) != MDL_OK) {
        return NULL;
    }
    if (mdli_expression_type(rel->predicate) != MDL_TYPE_BOOL) {
        mdl_error_set(&query->fault, MDL_E_TYPE, "filter \"%s\" is %s, not BOOL", predicate,
                      mdl_type_name(mdli_expression_type(rel->predicate)));
        return NULL;
    }
    return rel;
}

mdl_rel *mdl_project(mdl_rel *input, const char *expressions)
{
    if (input == NULL) {
        return NULL;
    }
    mdl_query *query = input->query;
    const mdli_named_expression *items;
    int32_t n_items;
    mdli_scope scope = scope_of(input);
    if (mdli_expression_parse_list(&query->arena, expressions, &scope, false, &items, &n_items,
                                   &query->fault) != MDL_OK) {
        return NULL;
    }
    mdl_rel *rel = new_rel(query, MDLI_REL_PROJECT, n_items);
    if (rel == NULL) {
        return NULL;
    }
    rel->left = input;
    rel->items = items;
    rel->n_items = n_items;
    for (int32_t i = 0; i < n_items; i++) {
        if (has_field(rel->fields, i, items[i].name)) {
            return fault_twice(query, "project", items[i].name);
        }
        rel->fields[i] = (mdl_field){items[i].name, mdli_expression_type(items[i].expression)};
    }
    return rel;
}

void mdl_explode_options_init(mdl_explode_options *options)
{
    *options =
        (mdl_explode_options){.struct_size = sizeof *options, .separator = '|', .trim = true};
}

/* A copy of an optional text in the query's arena; false when there is no memory. */
static bool copy_optional_text(mdl_query *query, const char *text, const char **out)
{
    *out = NULL;
    if (text != NULL) {
        *out = mdli_arena_copy(&query->arena, text, strlen(text), &query->fault);
        return *out != NULL;
    }
    return true;
}

mdl_rel *mdl_explode(mdl_rel *input, const mdl_explode_options *options)
{
    if (input == NULL) {
        return NULL;
    }
    mdl_query *query = input->query;
    if (options->struct_size != sizeof *options || options->column == NULL ||
        options->piece_name == NULL) {
        mdl_error_set(
            &query->fault, MDL_E_ARGUMENT,
            "explode needs options from mdl_explode_options_init with a column and a piece "
            "name");
        return NULL;
    }
    int32_t column = -1;
    for (int32_t i = 0; i < input->n_fields; i++) {
        if (strcmp(input->fields[i].name, options->column) == 0) {
            column = i;
        } else if (strcmp(input->fields[i].name, options->piece_name) == 0 ||
                   (options->count_name != NULL &&
                    strcmp(input->fields[i].name, options->count_name) == 0)) {
            return fault_twice(query, "explode", input->fields[i].name);
        }
    }
    if (column < 0) {
        mdl_error_set(&query->fault, MDL_E_NOT_FOUND, "explode: there is no column \"%s\"",
                      options->column);
        return NULL;
    }
    if (input->fields[column].type != MDL_TYPE_STRING) {
        mdl_error_set(&query->fault, MDL_E_TYPE, "explode: column \"%s\" is %s, not STRING",
                      options->column, mdl_type_name(input->fields[column].type));
        return NULL;
    }
    bool has_count = options->count_name != NULL;
    mdl_rel *rel = new_rel(query, MDLI_REL_EXPLODE, input->n_fields + (has_count ? 1 : 0));
    if (rel == NULL) {
        return NULL;
    }
    rel->left = input;
    rel->explode = *options;
    rel->explode_column = column;
    if (!copy_optional_text(query, options->column, &rel->explode.column) ||
        !copy_optional_text(query, options->piece_name, &rel->explode.piece_name) ||
        !copy_optional_text(query, options->count_name, &rel->explode.count_name) ||
        !copy_optional_text(query, options->if_none, &rel->explode.if_none)) {
        return NULL;
    }
    memcpy(rel->fields, input->fields, (size_t)input->n_fields * sizeof *rel->fields);
    rel->fields[column].name = rel->explode.piece_name;
    if (has_count) {
        rel->fields[input->n_fields] = (mdl_field){rel->explode.count_name, MDL_TYPE_INT32};
    }
    return rel;
}

/* Whether keys of the two types can be matched: equal, or both plain integers. */
static bool types_match(mdl_type a, mdl_type b)
{
    bool a_is_integer = a == MDL_TYPE_INT32 || a == MDL_TYPE_INT64;
    bool b_is_integer = b == MDL_TYPE_INT32 || b == MDL_TYPE_INT64;
    return a == b || (a_is_integer && b_is_integer);
}

static bool is_right_key(const mdl_rel *rel, int32_t column)
{
    for (int32_t k = 0; k < rel->n_join_keys; k++) {
        if (rel->right_keys[k] == column) {
            return true;
        }
    }
    return false;
}

mdl_rel *mdl_join(mdl_rel *left, mdl_rel *right, mdl_join_kind kind, const char *on)
{
    if (left == NULL || right == NULL) {
        return NULL;
    }
    mdl_query *query = left->query;
    if (right->query != query) {
        mdl_error_set(&query->fault, MDL_E_ARGUMENT,
                      "join: the two sides are of different queries");
        return NULL;
    }
    if (kind < MDL_JOIN_INNER || kind > MDL_JOIN_ANTI) {
        mdl_error_set(&query->fault, MDL_E_ARGUMENT, "join: %d is no kind of join", (int)kind);
        return NULL;
    }
    bool takes_right = kind == MDL_JOIN_INNER || kind == MDL_JOIN_LEFT;
    mdl_rel *rel =
        new_rel(query, MDLI_REL_JOIN, left->n_fields + (takes_right ? right->n_fields : 0));
    mdli_scope left_scope = scope_of(left);
    mdli_scope right_scope = scope_of(right);
    if (rel == NULL ||
        mdli_join_keys_parse(&query->arena, on, &left_scope, &right_scope, &rel->left_keys,
                             &rel->right_keys, &rel->n_join_keys, &query->fault) != MDL_OK) {
        return NULL;
    }
    rel->left = left;
    rel->right = right;
    rel->join_kind = kind;
    for (int32_t k = 0; k < rel->n_join_keys; k++) {
        mdl_field a = left->fields[rel->left_keys[k]];
        mdl_field b = right->fields[rel->right_keys[k]];
        if (!types_match(a.type, b.type)) {
            mdl_error_set(&query->fault, MDL_E_TYPE, "join: %s is %s, %s is %s", a.name,
                          mdl_type_name(a.type), b.name, mdl_type_name(b.type));
            return NULL;
        }
    }
    memcpy(rel->fields, left->fields, (size_t)left->n_fields * sizeof *rel->fields);
    rel->n_fields = left->n_fields;
    for (int32_t i = 0; takes_right && i < right->n_fields; i++) {
        if (is_right_key(rel, i)) {
            continue;
        }
        if (has_field(rel->fields, rel->n_fields, right->fields[i].name)) {
            return fault_twice(query, "join", right->fields[i].name);
        }
        rel->fields[rel->n_fields++] = right->fields[i];
    }
    return rel;
}

/* The type of an aggregate's result; false with the fault kept where its argument does not fit. */
static bool aggregate_type(mdl_query *query, const mdli_named_expression *item, mdl_type *out)
{
    const char *name = item->aggregate;
    mdl_type type = item->expression != NULL ? mdli_expression_type(item->expression) : 0;
    bool is_exact = type == MDL_TYPE_INT32 || type == MDL_TYPE_INT64 || type == MDL_TYPE_DECIMAL;
    if (strcmp(name, "count") == 0) {
        *out = MDL_TYPE_INT64;
        return true;
    }
    if (strcmp(name, "min") == 0 || strcmp(name, "max") == 0 || strcmp(name, "first") == 0 ||
        strcmp(name, "last") == 0) {
        *out = type;
        return true;
    }
    if (strcmp(name, "sum") == 0 && is_exact) {
        *out = MDL_TYPE_INT64;
        return true;
    }
    if ((strcmp(name, "avg") == 0 || strcmp(name, "stddev") == 0) && is_exact) {
        *out = MDL_TYPE_FLOAT64;
        return true;
    }
    if (strcmp(name, "count_if") == 0 && type == MDL_TYPE_BOOL) {
        *out = MDL_TYPE_INT64;
        return true;
    }
    if (strcmp(name, "string_agg") == 0 && type == MDL_TYPE_STRING) {
        *out = MDL_TYPE_STRING;
        return true;
    }
    mdl_error_set(&query->fault, MDL_E_TYPE, "aggregate %s does not take %s", name,
                  mdl_type_name(type));
    return false;
}

mdl_rel *mdl_aggregate(mdl_rel *input, const char *group_by, const char *aggregates)
{
    if (input == NULL) {
        return NULL;
    }
    mdl_query *query = input->query;
    mdli_scope scope = scope_of(input);
    const mdli_key *keys;
    const mdli_named_expression *items;
    int32_t n_keys;
    int32_t n_items;
    if (mdli_keys_parse(&query->arena, group_by, &scope, false, &keys, &n_keys, &query->fault) !=
            MDL_OK ||
        mdli_expression_parse_list(&query->arena, aggregates, &scope, true, &items, &n_items,
                                   &query->fault) != MDL_OK) {
        return NULL;
    }
    mdl_rel *rel = new_rel(query, MDLI_REL_AGGREGATE, n_keys + n_items);
    if (rel == NULL) {
        return NULL;
    }
    rel->left = input;
    rel->keys = keys;
    rel->n_keys = n_keys;
    rel->items = items;
    rel->n_items = n_items;
    for (int32_t i = 0; i < n_keys; i++) {
        rel->fields[i] = input->fields[keys[i].column];
    }
    for (int32_t i = 0; i < n_items; i++) {
        if (has_field(rel->fields, n_keys + i, items[i].name)) {
            return fault_twice(query, "aggregate", items[i].name);
        }
        rel->fields[n_keys + i].name = items[i].name;
        if (!aggregate_type(query, &items[i], &rel->fields[n_keys + i].type)) {
            return NULL;
        }
    }
    return rel;
}

/* Parses keys into a relation; false with the fault kept. */
static bool set_keys(mdl_rel *rel, const mdl_rel *input, const char *text, bool allow_descending,
                     const mdli_key **keys, int32_t *n_keys)
{
    mdli_scope scope = scope_of(input);
    return mdli_keys_parse(&rel->query->arena, text, &scope, allow_descending, keys, n_keys,
                           &rel->query->fault) == MDL_OK;
}

mdl_rel *mdl_distinct(mdl_rel *input, const char *columns, mdl_keep keep)
{
    if (input == NULL) {
        return NULL;
    }
    mdl_query *query = input->query;
    mdl_rel *rel = new_rel_like(input, MDLI_REL_DISTINCT);
    if (rel == NULL || !set_keys(rel, input, columns, false, &rel->keys, &rel->n_keys)) {
        return NULL;
    }
    if (keep != MDL_KEEP_FIRST && keep != MDL_KEEP_LAST) {
        mdl_error_set(&query->fault, MDL_E_ARGUMENT, "distinct: %d is no mdl_keep", (int)keep);
        return NULL;
    }
    rel->keep = keep;
    if (rel->n_keys == 0) {
        mdli_key *all =
            mdli_arena_allocate(&query->arena, (size_t)rel->n_fields * sizeof *all, &query->fault);
        if (all == NULL) {
            return NULL;
        }
        for (int32_t i = 0; i < rel->n_fields; i++) {
            all[i] = (mdli_key){.column = i};
        }
        rel->keys = all;
        rel->n_keys = rel->n_fields;
    }
    return rel;
}

mdl_rel *mdl_sort(mdl_rel *input, const char *order_by)
{
    if (input == NULL) {
        return NULL;
    }
    mdl_rel *rel = new_rel_like(input, MDLI_REL_SORT);
    return rel != NULL && set_keys(rel, input, order_by, true, &rel->order, &rel->n_order) ? rel
                                                                                           : NULL;
}

mdl_rel *mdl_top_n(mdl_rel *input, const char *order_by, int64_t n)
{
    if (input == NULL) {
        return NULL;
    }
    if (n < 0) {
        mdl_error_set(&input->query->fault, MDL_E_ARGUMENT, "top-n: %lld rows asked for",
                      (long long)n);
        return NULL;
    }
    mdl_rel *rel = new_rel_like(input, MDLI_REL_TOP_N);
    if (rel == NULL || !set_keys(rel, input, order_by, true, &rel->order, &rel->n_order)) {
        return NULL;
    }
    rel->limit = n;
    return rel;
}

mdl_rel *mdl_arg_first(mdl_rel *input, const char *group_by, const char *order_by)
{
    if (input == NULL) {
        return NULL;
    }
    mdl_rel *rel = new_rel_like(input, MDLI_REL_ARG_FIRST);
    return rel != NULL && set_keys(rel, input, group_by, false, &rel->keys, &rel->n_keys) &&
                   set_keys(rel, input, order_by, true, &rel->order, &rel->n_order)
               ? rel
               : NULL;
}

/* Whether two relations have the same columns; keeps the fault when not. */
static bool same_fields(mdl_query *query, const char *operator_name, const mdl_rel *a,
                        const mdl_rel *b)
{
    if (a->query != b->query) {
        mdl_error_set(&query->fault, MDL_E_ARGUMENT, "%s: the two sides are of different queries",
                      operator_name);
        return false;
    }
    if (a->n_fields != b->n_fields) {
        mdl_error_set(&query->fault, MDL_E_ARGUMENT, "%s: one side has %d columns, the other %d",
                      operator_name, (int)a->n_fields, (int)b->n_fields);
        return false;
    }
    for (int32_t i = 0; i < a->n_fields; i++) {
        if (a->fields[i].type != b->fields[i].type ||
            strcmp(a->fields[i].name, b->fields[i].name) != 0) {
            mdl_error_set(&query->fault, MDL_E_ARGUMENT,
                          "%s: column %d is %s %s on one side, %s %s on the other", operator_name,
                          (int)i + 1, a->fields[i].name, mdl_type_name(a->fields[i].type),
                          b->fields[i].name, mdl_type_name(b->fields[i].type));
            return false;
        }
    }
    return true;
}

mdl_rel *mdl_union_all(mdl_rel *first, mdl_rel *second)
{
    if (first == NULL || second == NULL || !same_fields(first->query, "union", first, second)) {
        return NULL;
    }
    mdl_rel *rel = new_rel_like(first, MDLI_REL_UNION_ALL);
    if (rel != NULL) {
        rel->right = second;
    }
    return rel;
}

mdl_rel *mdl_upsert(mdl_rel *base, mdl_rel *changes, const char *keys)
{
    if (base == NULL || changes == NULL || !same_fields(base->query, "upsert", base, changes)) {
        return NULL;
    }
    mdl_rel *rel = new_rel_like(base, MDLI_REL_UPSERT);
    if (rel == NULL || !set_keys(rel, base, keys, false, &rel->keys, &rel->n_keys)) {
        return NULL;
    }
    if (rel->n_keys == 0) {
        mdl_error_set(&base->query->fault, MDL_E_ARGUMENT, "upsert needs keys");
        return NULL;
    }
    rel->right = changes;
    return rel;
}
