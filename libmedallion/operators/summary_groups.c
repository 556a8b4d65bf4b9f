/*
 * The table of a summary, made from its slots.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "operators/summary_internal.h"

/* Columns in the making. */
typedef struct group_columns {
    mdl_context *context;
    mdli_arena names_arena;
    int64_t n_groups;
    int32_t n_columns;
    const char *names[MDLI_SUMMARY_COLUMNS_MAX + MDLI_HISTOGRAM_MAX];
    mdl_column *columns[MDLI_SUMMARY_COLUMNS_MAX + MDLI_HISTOGRAM_MAX];
} group_columns;

/* The name of a bound, `min(x)`, of memory of the arena. */
static const char *bound_name(mdli_arena *arena, const char *function, const char *column,
                              mdl_error *error)
{
    const size_t size = strlen(function) + strlen(column) + sizeof "()";
    char *name = mdli_arena_allocate(arena, size, error);
    if (name != NULL) {
        snprintf(name, size, "%s(%s)", function, column);
    }
    return name;
}

/* The name of a count, `count(x = v)`. */
static const char *count_name(mdli_arena *arena, const char *column, mdl_type type, int64_t value,
                              mdl_error *error)
{
    char text[MDL_VALUE_TEXT_MAX];
    const mdl_value of = {.type = type, .as.integer = value};
    mdl_value_format(&of, text);
    const size_t size = strlen(column) + strlen(text) + sizeof "count( = )";
    char *name = mdli_arena_allocate(arena, size, error);
    if (name != NULL) {
        snprintf(name, size, "count(%s = %s)", column, text);
    }
    return name;
}

/* Encodes values of all groups as the next column; `name` is NULL with the error told. */
static mdl_status add_column(group_columns *c, const char *name, mdl_type type, const void *values,
                             mdl_error *error)
{
    if (name == NULL) {
        return error->status;
    }
    const mdl_vector v = {.type = type, .n_rows = c->n_groups, .values = values};
    MDLI_TRY(mdli_column_from_vector(c->context, &v, NULL, &c->columns[c->n_columns], error));
    c->names[c->n_columns++] = name;
    return MDL_OK;
}

static mdl_status add_bounds(const mdli_summary_draft *d, group_columns *c, mdl_error *error)
{
    static const char *const functions[] = {"min", "max"};
    const int32_t column = d->summary.extreme;
    void *memory;
    if (column < 0) {
        return MDL_OK;
    }
    MDLI_TRY(
        mdli_allocate_array(d->context, c->n_groups, sizeof(int64_t), "summary", &memory, error));
    int64_t *values = memory;
    mdl_status status = MDL_OK;
    for (int b = 0; b < 2 && status == MDL_OK; b++) {
        const uint32_t *distances = mdli_summary_numbers(d, d->summary.n_values + b);
        for (int64_t g = 0; g < c->n_groups; g++) {
            values[g] = d->nearest + distances[g];
        }
        const char *name =
            bound_name(&c->names_arena, functions[b], d->table->names[column], error);
        status = add_column(c, name, d->table->columns[column]->type, values, error);
    }
    mdli_free(d->context, memory);
    return status;
}

/* Adds the counts of the values that have rows, and keeps these values alone. */
static mdl_status add_counts(mdli_summary_draft *d, group_columns *c, mdl_error *error)
{
    mdli_summary *summary = &d->summary;
    const mdl_type type = d->table->columns[summary->value]->type;
    int32_t n_kept = 0;
    for (int32_t v = 0; v < summary->n_values; v++) {
        const uint32_t *counts = mdli_summary_numbers(d, v);
        uint32_t any = 0;
        for (int64_t g = 0; g < c->n_groups; g++) {
            any |= counts[g];
        }
        if (any == 0) {
            continue;
        }
        const char *name = count_name(&c->names_arena, d->table->names[summary->value], type,
                                      summary->values[v], error);
        MDLI_TRY(add_column(c, name, MDL_TYPE_INT32, counts, error));
        summary->values[n_kept++] = summary->values[v];
    }
    summary->n_values = n_kept;
    return MDL_OK;
}

mdl_status mdli_summary_make_groups(mdli_summary_draft *d, mdl_error *error)
{
    mdl_error fault = MDL_ERROR_INIT;
    group_columns c = {.context = d->context, .n_groups = d->n_slots};
    mdli_arena_init(&c.names_arena, d->context, "summary");
    mdl_status status;
    MDLI_TRY_GOTO_DONE(
        add_column(&c, d->table->names[d->summary.key], MDL_TYPE_INT32, d->keys, &fault));
    MDLI_TRY_GOTO_DONE(add_bounds(d, &c, &fault));
    MDLI_TRY_GOTO_DONE(add_counts(d, &c, &fault));
    status = mdli_table_create(d->context, c.names, c.columns, c.n_columns, c.n_groups,
                               &d->summary.groups, &fault);
    c.n_columns = 0; /* taken over */
done:
    for (int32_t i = 0; i < c.n_columns; i++) {
        mdli_column_release(c.columns[i]);
    }
    mdli_arena_reset(&c.names_arena);
    return status == MDL_OK ? MDL_OK : mdli_error_copy(error, &fault);
}
