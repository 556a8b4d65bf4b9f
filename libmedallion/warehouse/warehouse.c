/*
 * Warehouses: making and freeing, adding models, looking up tables.
 */
#include "warehouse/warehouse_internal.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/tuning.h"
#include "column/column_internal.h"
#include "models/models.h"
#include "quality/quality_internal.h"
#include "warehouse/known_tests.h"
#include "warehouse/run_internal.h"

const char *mdl_layer_name(mdl_layer layer)
{
    switch (layer) {
#define NAME_CASE(name, value, text)                                                               \
    case MDL_LAYER_##name:                                                                         \
        return text;
        MDL_LAYER_LIST(NAME_CASE)
#undef NAME_CASE
    }
    return "?";
}

const char *mdl_materialization_name(mdl_materialization materialization)
{
    switch (materialization) {
#define NAME_CASE(name, value, text)                                                               \
    case MDL_MATERIALIZATION_##name:                                                               \
        return text;
        MDL_MATERIALIZATION_LIST(NAME_CASE)
#undef NAME_CASE
    }
    return "?";
}

void mdl_warehouse_options_init(mdl_warehouse_options *options)
{
    *options = (mdl_warehouse_options){.struct_size = sizeof *options};
}

static mdl_status check_tiers(const mdl_tier *tiers, int32_t n_tiers, mdl_error *error)
{
    for (int32_t i = 0; i < n_tiers; i++) {
        const mdl_tier *tier = &tiers[i];
        if (tier->model == NULL || tier->column == NULL || tier->label == NULL) {
            return mdl_error_set(error, MDL_E_ARGUMENT, "tier %d lacks a model, column or label",
                                 (int)i);
        }
        if (tier->test < MDL_TIER_AT_LEAST || tier->test > MDL_TIER_IF_NULL) {
            return mdl_error_set(error, MDL_E_ARGUMENT, "tier %d, %s of %s: %d is no mdl_tier_test",
                                 (int)i, tier->column, tier->model, (int)tier->test);
        }
    }
    return MDL_OK;
}

static void free_node(mdl_context *context, mdli_node *node)
{
    if (node == NULL) {
        return;
    }
    mdl_table_free(node->table);
    mdl_table_free(node->pending);
    mdli_free_known_tests(node);
    for (int32_t r = 0; node->previous_refs != NULL && r < node->model.n_refs; r++) {
        mdl_table_free(node->previous_refs[r]);
    }
    mdli_free(context, node->previous_refs);
    mdli_arena_reset(&node->arena);
    mdli_free(context, node->refs);
    mdli_free(context, node);
}

/* A node without a table for a declaration, which is copied. */
static mdl_status create_node(const mdl_warehouse *warehouse, const mdl_model *model,
                              mdli_node **out, mdl_error *error)
{
    mdl_context *context = warehouse->context;
    mdl_status status;
    void *memory = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, sizeof(mdli_node), "model", &memory, error));
    mdli_node *node = memory;
    node->model = *model;
    mdli_arena_init(&node->arena, context, "model");
    MDLI_TRY_GOTO_DONE(
        mdli_allocate_array(context, model->n_refs, sizeof *node->refs, "model", &memory, error));
    node->refs = memory;
    MDLI_TRY_GOTO_DONE(mdli_allocate_zeroed(
        context, (size_t)model->n_refs * sizeof *node->previous_refs, "model", &memory, error));
    node->previous_refs = memory;
    *out = node;
    node = NULL;
done:
    free_node(context, node);
    return status;
}

/* Adds a node, which is taken over on success. */
static mdl_status add_node(mdl_warehouse *warehouse, mdli_node *node, mdl_error *error)
{
    void *nodes = warehouse->nodes;
    MDLI_TRY(mdli_grow_array(warehouse->context, &nodes, &warehouse->nodes_capacity,
                             warehouse->n_nodes, warehouse->n_nodes + 1, sizeof *warehouse->nodes,
                             "models", error));
    warehouse->nodes = nodes;
    void *order = warehouse->order;
    MDLI_TRY(mdli_grow_array(warehouse->context, &order, &warehouse->order_capacity,
                             warehouse->n_nodes, warehouse->n_nodes + 1, sizeof *warehouse->order,
                             "models", error));
    warehouse->order = order;
    warehouse->nodes[warehouse->n_nodes++] = node;
    mdli_graph_link(warehouse);
    return MDL_OK;
}

mdl_status mdli_add_declaration(mdl_warehouse *warehouse, const mdl_model *model,
                                const mdl_snapshot *snapshot, mdli_arena *arena, mdl_error *error)
{
    mdli_node *node = NULL;
    mdl_status status = create_node(warehouse, model, &node, error);
    if (status != MDL_OK) {
        mdli_arena_reset(arena);
        return status;
    }
    node->arena = *arena;
    node->snapshot = snapshot;
    mdli_attach_node(warehouse, node);
    MDLI_TRY_GOTO_DONE(mdli_node_tests_create(warehouse, node, error));
    mdli_attach_known_tests(warehouse, node);
    MDLI_TRY_GOTO_DONE(add_node(warehouse, node, error));
    node = NULL;
done:
    free_node(warehouse->context, node);
    return status;
}

static mdl_status add_model(mdl_warehouse *warehouse, const mdl_model *model, mdl_error *error)
{
    mdli_arena arena;
    mdli_arena_init(&arena, warehouse->context, "model");
    return mdli_add_declaration(warehouse, model, NULL, &arena, error);
}

/* A table of no rows with the columns of a source. */
static mdl_status create_empty_table(mdl_context *context, const mdl_model *source, mdl_table **out,
                                     mdl_error *error)
{
    mdl_field fields[8];
    assert(source->n_columns <= (int32_t)(sizeof fields / sizeof *fields));
    for (int32_t i = 0; i < source->n_columns; i++) {
        fields[i] = (mdl_field){source->columns[i].name, source->columns[i].type};
    }
    return mdli_table_create_empty(context, fields, source->n_columns, out, error);
}

static mdl_status add_sources(mdl_warehouse *warehouse, mdl_error *error)
{
    for (int32_t i = 0; i < MDLI_N_SOURCES; i++) {
        const mdl_model *source = &mdli_sources[i].model;
        MDLI_TRY(add_model(warehouse, source, error));
        if (!mdli_node_is_built(warehouse->nodes[i])) {
            MDLI_TRY(
                create_empty_table(warehouse->context, source, &warehouse->nodes[i]->table, error));
        }
    }
    return MDL_OK;
}

static mdl_status add_builtin_models(mdl_warehouse *warehouse, mdl_error *error)
{
    int32_t n_models = 0;
    const mdl_model *const *models = mdl_builtin_models(&n_models);
    for (int32_t i = 0; i < n_models; i++) {
        MDLI_TRY(mdl_warehouse_add_model(warehouse, models[i], error));
    }
    int32_t n_snapshots = 0;
    const mdl_snapshot *snapshots = mdli_builtin_snapshots(&n_snapshots);
    for (int32_t i = 0; i < n_snapshots; i++) {
        MDLI_TRY(mdl_warehouse_add_snapshot(warehouse, &snapshots[i], error));
    }
    return MDL_OK;
}

mdl_status mdl_warehouse_create(mdl_context *context, const mdl_warehouse_options *options,
                                mdl_warehouse **out, mdl_error *error)
{
    *out = NULL;
    mdl_warehouse_options defaults;
    mdl_warehouse_options_init(&defaults);
    if (options == NULL) {
        options = &defaults;
    }
    if (options->struct_size != sizeof *options || options->n_tiers < 0) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "options of a warehouse come from mdl_warehouse_options_init");
    }
    void *memory = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, sizeof(mdl_warehouse), "warehouse", &memory, error));
    mdl_warehouse *warehouse = memory;
    warehouse->context = context;
    warehouse->store = options->store;
    pthread_mutex_init(&warehouse->reading, NULL);
    warehouse->tiers = options->tiers;
    warehouse->n_tiers = options->n_tiers;
    if (warehouse->tiers == NULL) {
        warehouse->tiers = mdl_default_tiers(&warehouse->n_tiers);
    }

    mdl_status status;
    MDLI_TRY_GOTO_DONE(check_tiers(warehouse->tiers, warehouse->n_tiers, error));
    MDLI_TRY_GOTO_DONE(
        mdli_run_log_create(context, &warehouse->runs, &warehouse->run_tasks, error));
    MDLI_TRY_GOTO_DONE(mdli_open_from_store(warehouse, error));
    MDLI_TRY_GOTO_DONE(add_sources(warehouse, error));
    if (!options->no_builtin_models) {
        MDLI_TRY_GOTO_DONE(add_builtin_models(warehouse, error));
    }
    *out = warehouse;
    warehouse = NULL;
done:
    mdl_warehouse_free(warehouse);
    return status;
}

void mdl_warehouse_free(mdl_warehouse *warehouse)
{
    if (warehouse == NULL) {
        return;
    }
    mdl_context *context = warehouse->context;
    pthread_mutex_destroy(&warehouse->reading);
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        free_node(context, warehouse->nodes[i]);
    }
    for (int64_t i = 0; i < warehouse->n_segments; i++) {
        mdli_free(context, warehouse->segments[i].rejected_records);
        mdl_table_free(warehouse->segments[i].layout);
    }
    for (int64_t i = 0; i < warehouse->n_loads; i++) {
        mdli_free(context, (char *)warehouse->loads[i].path);
    }
    mdl_table_free(warehouse->rejects);
    mdl_table_free(warehouse->runs);
    mdl_table_free(warehouse->run_tasks);
    mdl_table_free(warehouse->layouts);
    mdli_free(context, warehouse->definitions);
    mdli_free(context, warehouse->known_tests);
    mdli_free(context, warehouse->segments);
    mdli_free(context, warehouse->loads);
    mdli_free(context, warehouse->order);
    mdli_free(context, warehouse->nodes);
    mdli_free(context, warehouse);
}

/* Names that start with _ are those of the warehouse's own tables in a store, where names of models
 * are put together by twos. */
bool mdli_is_name(const char *name)
{
    if (name == NULL || *name == '\0' || *name == '_' || strlen(name) > MDLI_MODEL_NAME_BYTES_MAX) {
        return false;
    }
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    return name[strspn(name, letters)] == '\0';
}

static mdl_status check_column_list(const mdl_model *model, mdl_error *error)
{
    if (model->n_columns < 1 || model->columns == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "model %s declares no column", model->name);
    }
    for (int32_t i = 0; i < model->n_columns; i++) {
        const mdl_model_column *column = &model->columns[i];
        if (column->name == NULL || column->name[0] == '\0' || column->description == NULL ||
            column->type < MDL_TYPE_INT32 || column->type > MDL_TYPE_STRING) {
            return mdl_error_set(error, MDL_E_ARGUMENT,
                                 "model %s: column %d lacks a name, type or description",
                                 model->name, (int)i + 1);
        }
        for (int32_t before = 0; before < i; before++) {
            if (strcmp(model->columns[before].name, column->name) == 0) {
                return mdl_error_set(error, MDL_E_ARGUMENT, "model %s declares column %s twice",
                                     model->name, column->name);
            }
        }
    }
    return MDL_OK;
}

static bool has_column(const mdl_model *model, const char *name, size_t size_bytes)
{
    for (int32_t i = 0; i < model->n_columns; i++) {
        const char *column = model->columns[i].name;
        if (strlen(column) == size_bytes && memcmp(column, name, size_bytes) == 0) {
            return true;
        }
    }
    return false;
}

mdl_status mdli_check_names(const mdl_model *model, const char *what, const char *names,
                            mdl_error *error)
{
    const char *name = names;
    while (name != NULL) {
        name += strspn(name, " \t");
        size_t size_bytes = strcspn(name, " \t,");
        if (!has_column(model, name, size_bytes)) {
            return mdl_error_set(error, MDL_E_ARGUMENT,
                                 "model %s: %s \"%s\" is not made of columns", model->name, what,
                                 names);
        }
        name += size_bytes;
        name += strspn(name, " \t");
        name = *name == ',' ? name + 1 : NULL;
    }
    return MDL_OK;
}

mdl_status mdli_check_columns(const mdl_model *model, mdl_error *error)
{
    MDLI_TRY(check_column_list(model, error));
    return mdli_check_names(model, "key", model->key, error);
}

static mdl_status check_tests(mdl_context *context, const mdl_model *model, mdl_error *error)
{
    if (model->n_tests < 0 || (model->n_tests > 0 && model->tests == NULL)) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "model %s: its tests are missing", model->name);
    }
    void *memory;
    MDLI_TRY(
        mdli_allocate_array(context, model->n_columns, sizeof(mdl_field), "model", &memory, error));
    mdl_field *fields = memory;
    for (int32_t i = 0; i < model->n_columns; i++) {
        fields[i] = (mdl_field){model->columns[i].name, model->columns[i].type};
    }
    mdl_status status = MDL_OK;
    for (int32_t i = 0; status == MDL_OK && i < model->n_tests; i++) {
        status = mdli_test_check(context, &model->tests[i], model->name, fields, model->n_columns,
                                 error);
    }
    mdli_free(context, memory);
    return status;
}

static mdl_status check_refs(const mdl_model *model, mdl_error *error)
{
    if (model->n_refs < 0 || (model->n_refs > 0 && model->refs == NULL)) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "model %s: its refs are missing", model->name);
    }
    for (int32_t i = 0; i < model->n_refs; i++) {
        if (!mdli_is_name(model->refs[i])) {
            return mdl_error_set(error, MDL_E_ARGUMENT, "model %s: ref %d is no name", model->name,
                                 (int)i + 1);
        }
    }
    return MDL_OK;
}

static mdl_status check_declaration(mdl_context *context, const mdl_model *model, mdl_error *error)
{
    if (model == NULL || model->struct_size != sizeof *model) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "struct_size of a model must be sizeof(mdl_model)");
    }
    if (!mdli_is_name(model->name)) {
        return mdl_error_set(
            error, MDL_E_ARGUMENT,
            "the name of a model is made of at most %d letters, digits and _, which "
            "is not the first",
            MDLI_MODEL_NAME_BYTES_MAX);
    }
    if (model->layer < MDL_LAYER_BRONZE || model->layer > MDL_LAYER_GOLD) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "model %s: %d is no layer", model->name,
                             (int)model->layer);
    }
    if (model->materialization < MDL_MATERIALIZATION_VIEW ||
        model->materialization > MDL_MATERIALIZATION_INCREMENTAL) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "model %s must be a view, a table or incremental", model->name);
    }
    if (model->description == NULL || model->build == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "model %s lacks a description or a build function", model->name);
    }
    MDLI_TRY(check_refs(model, error));
    MDLI_TRY(mdli_check_columns(model, error));
    return check_tests(context, model, error);
}

mdl_status mdl_warehouse_add_model(mdl_warehouse *warehouse, const mdl_model *model,
                                   mdl_error *error)
{
    MDLI_TRY(check_declaration(warehouse->context, model, error));
    if (mdli_find_node(warehouse, model->name) >= 0) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "there is a table %s already", model->name);
    }
    return add_model(warehouse, model, error);
}

int32_t mdl_warehouse_n_models(const mdl_warehouse *warehouse)
{
    return warehouse->n_nodes;
}

const mdl_model *mdl_warehouse_model(const mdl_warehouse *warehouse, int32_t index)
{
    bool is_there = index >= 0 && index < warehouse->n_nodes;
    return is_there ? &warehouse->nodes[warehouse->order[index]]->model : NULL;
}

const mdl_model *mdl_warehouse_find_model(const mdl_warehouse *warehouse, const char *name)
{
    int32_t node = mdli_find_node(warehouse, name);
    return node >= 0 ? &warehouse->nodes[node]->model : NULL;
}

const mdl_table *mdl_warehouse_table(const mdl_warehouse *warehouse, const char *name)
{
    int32_t node = mdli_find_node(warehouse, name);
    return node >= 0 ? warehouse->nodes[node]->table : NULL;
}
