/*
 * What a model's build function sees, and the check of what it gives.
 */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "warehouse/build_internal.h"

int32_t mdli_build_find_ref(const mdl_build *build, const char *name)
{
    const mdl_model *model = &build->node->model;
    for (int32_t r = 0; r < model->n_refs; r++) {
        if (strcmp(model->refs[r], name) == 0) {
            return r;
        }
    }
    return -1;
}

mdl_context *mdl_build_context(const mdl_build *build)
{
    return build->warehouse->context;
}

void *mdl_build_user_data(const mdl_build *build)
{
    return build->node->model.user_data;
}

mdl_query *mdl_build_query(mdl_build *build)
{
    return build->query;
}

mdl_status mdl_build_allocate(mdl_build *build, int64_t size_bytes, void **out, mdl_error *error)
{
    *out = NULL;
    if (size_bytes < 0) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "%lld bytes cannot be allocated",
                             (long long)size_bytes);
    }
    mdl_error fault = MDL_ERROR_INIT;
    *out = mdli_arena_allocate(&build->arena, (size_t)size_bytes, &fault);
    return *out != NULL ? MDL_OK : mdli_error_copy(error, &fault);
}

const mdl_table *mdl_build_ref(const mdl_build *build, const char *name)
{
    int32_t r = mdli_build_find_ref(build, name);
    if (r < 0) {
        return NULL;
    }
    int32_t node = build->node->refs[r];
    const mdl_table *built = build->inputs->tables[node];
    return built != NULL ? built : build->warehouse->nodes[node]->table;
}

const mdl_table *mdl_build_previous(const mdl_build *build)
{
    return build->is_incremental ? build->node->table : NULL;
}

const mdl_table *mdl_build_previous_ref(const mdl_build *build, const char *name)
{
    int32_t r = mdli_build_find_ref(build, name);
    return r >= 0 && build->is_incremental ? build->node->previous_refs[r] : NULL;
}

mdl_rel *mdl_build_scan(mdl_build *build, const char *name)
{
    const mdl_table *table = mdl_build_ref(build, name);
    if (table == NULL) {
        mdl_error_set(&build->fault, MDL_E_NOT_FOUND, "\"%s\" is not among the refs of the model",
                      name);
        return NULL;
    }
    return mdl_scan(build->query, table);
}

void mdl_build_count(mdl_build *build, const char *name, int64_t value)
{
    mdli_built *built = build->built;
    int32_t i = 0;
    while (i < built->n_counters && strcmp(built->counters[i].name, name) != 0) {
        i++;
    }
    if (i == MDLI_COUNTERS_MAX) {
        return;
    }
    if (i == built->n_counters) {
        built->counters[built->n_counters++] = (mdl_run_counter){.name = name};
    }
    built->counters[i].value += value;
}

mdl_status mdl_build_collect(mdl_build *build, mdl_rel *rel, mdl_table **out, mdl_error *error)
{
    *out = NULL;
    if (build->fault.status != MDL_OK) {
        return mdli_error_copy(error, &build->fault);
    }
    return mdl_query_collect(build->query, rel, out, error);
}

const mdl_tier *mdl_build_tiers(const mdl_build *build, int32_t *n_tiers)
{
    *n_tiers = build->warehouse->n_tiers;
    return build->warehouse->tiers;
}

/* Whether a table has the columns that its model declares. */
static mdl_status check_columns(const mdl_model *model, const mdl_table *table, mdl_error *error)
{
    int32_t n_columns = mdl_table_n_columns(table);
    if (n_columns != model->n_columns) {
        return mdl_error_set(error, MDL_E_MODEL, "it gave %d columns, %d are declared",
                             (int)n_columns, (int)model->n_columns);
    }
    for (int32_t i = 0; i < n_columns; i++) {
        const mdl_model_column *declared = &model->columns[i];
        const char *name = mdl_table_column_name(table, i);
        mdl_type type = mdl_column_type(mdl_table_column(table, i));
        if (strcmp(name, declared->name) != 0 || type != declared->type) {
            return mdl_error_set(
                error, MDL_E_MODEL, "it gave column %d as %s %s, declared is %s %s", (int)i + 1,
                name, mdl_type_name(type), declared->name, mdl_type_name(declared->type));
        }
    }
    return MDL_OK;
}

static int64_t n_rows_or_0(const mdl_table *table)
{
    return table != NULL ? mdl_table_n_rows(table) : 0;
}

/* Whether what the build told of its changes can be true of the table that it gave. */
static mdl_status check_told_changes(const mdl_build *build, const mdl_table *table,
                                     mdl_error *error)
{
    const mdl_model *model = &build->node->model;
    const mdli_changes *changes = &build->built->changes;
    if (changes->base == NULL) {
        return MDL_OK;
    }
    const mdl_table *parts[] = {changes->added, changes->removed};
    for (int i = 0; i < 2; i++) {
        if (parts[i] != NULL) {
            MDLI_TRY(check_columns(model, parts[i], error));
        }
    }
    int64_t n_before = mdl_table_n_rows(changes->base);
    int64_t n_added = n_rows_or_0(changes->added);
    int64_t n_removed = n_rows_or_0(changes->removed);
    if (n_before - n_removed + n_added != mdl_table_n_rows(table)) {
        return mdl_error_set(
            error, MDL_E_MODEL,
            "it told %lld rows added and %lld removed, which does not make %lld rows of %lld",
            (long long)n_added, (long long)n_removed, (long long)mdl_table_n_rows(table),
            (long long)n_before);
    }
    return MDL_OK;
}

/* Calls the build function. On success `*table` has the declared columns. */
static mdl_status call_build(mdl_build *build, mdl_table **table, mdl_error *error)
{
    const mdl_model *model = &build->node->model;
    mdl_status status = model->build(build, table, error);
    if (status != MDL_OK) {
        *table = NULL;
        return mdl_error_set(error, status, "%s", mdl_status_text(status));
    }
    if (*table == NULL) {
        return mdl_error_set(error, MDL_E_MODEL, "it gave no table");
    }
    MDLI_TRY(check_columns(model, *table, error));
    return check_told_changes(build, *table, error);
}

/* What a build has at its start; it has to be closed, also after a failure. */
static mdl_status open_build(mdl_build *build, mdl_error *error)
{
    mdl_context *context = build->warehouse->context;
    void *memory = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)build->node->model.n_refs * sizeof *build->found,
                                  "model", &memory, error));
    build->found = memory;
    build->query = mdl_query_create(context);
    return build->query != NULL ? MDL_OK
                                : mdl_error_set(error, MDL_E_NO_MEMORY, "no memory for a query");
}

static void close_build(mdl_build *build)
{
    mdl_query_free(build->query);
    for (int32_t r = 0; build->found != NULL && r < build->node->model.n_refs; r++) {
        mdli_changes_free(&build->found[r]);
    }
    mdli_free(build->warehouse->context, build->found);
    mdli_arena_reset(&build->arena);
}

mdl_status mdli_build_model(mdl_warehouse *warehouse, const mdli_node *node,
                            const mdli_build_inputs *inputs, bool goes_on, mdli_built *out,
                            mdl_error *error)
{
    mdl_build build = {
        .warehouse = warehouse,
        .node = node,
        .inputs = inputs,
        .is_incremental = goes_on,
        .built = out,
        .fault = MDL_ERROR_INIT,
    };
    mdli_arena_init(&build.arena, warehouse->context, "model");
    *out = (mdli_built){.is_incremental = build.is_incremental};

    mdl_status status;
    mdl_table *table = NULL;
    MDLI_TRY_GOTO_DONE(open_build(&build, error));
    MDLI_TRY_GOTO_DONE(call_build(&build, &table, error));
    MDLI_TRY_GOTO_DONE(
        mdli_copy_text(warehouse->context, mdl_query_explain(build.query), &out->explain, error));
    out->table = table;
    table = NULL;
done:
    mdl_table_free(table);
    if (status != MDL_OK) {
        mdli_changes_free(&out->changes);
    }
    close_build(&build);
    return status;
}
