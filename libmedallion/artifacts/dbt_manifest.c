/*
 * manifest.json, schema v12: sources, models, snapshots, tests, exposures, and their lineage.
 *
 * Each node is told with the members that its schema requires and those that say something of it;
 * what only SQL has (code, macros) stays at the schema's default.
 */
#include <stdio.h>
#include <string.h>

#include "artifacts/dbt_artifacts.h"
#include "base/error.h"

/* ---- What all nodes have ---- */

/* dbt's kind of a table: a source, a model or a snapshot. */
static const char *resource_type_of(const mdl_model *model)
{
    switch (model->materialization) {
    case MDL_MATERIALIZATION_SOURCE:
        return "source";
    case MDL_MATERIALIZATION_SNAPSHOT:
        return "snapshot";
    default:
        return "model";
    }
}

/* Members that every node has. There is no file of dbt's behind one, so the paths are those that
 * its name would have in a dbt project. */
static void write_identity(mdli_artifact *artifact, const char *name, const char *resource_type,
                           const char *schema, const char *id)
{
    mdli_json *json = &artifact->json;
    char path[MDLI_NODE_NAME_SIZE];
    mdli_json_text(json, "name", name);
    mdli_json_text(json, "resource_type", resource_type);
    mdli_json_text(json, "package_name", artifact->options.project);
    snprintf(path, sizeof path, "%s/%s", schema, name);
    mdli_json_text(json, "path", path);
    snprintf(path, sizeof path, "%ss/%s/%s", resource_type, schema, name);
    mdli_json_text(json, "original_file_path", path);
    mdli_json_text(json, "unique_id", id);
    mdli_json_open_array(json, "fqn");
    mdli_json_text(json, NULL, artifact->options.project);
    mdli_json_text(json, NULL, schema);
    mdli_json_text(json, NULL, name);
    mdli_json_close_array(json);
}

/* Members that a node with a place in the database has. */
static void write_place(mdli_artifact *artifact, const char *schema)
{
    mdli_json_text(&artifact->json, "database", artifact->options.project);
    mdli_json_text(&artifact->json, "schema", schema);
}

/* Members of what dbt would compile from a file: there is none. */
static void write_file(mdli_artifact *artifact, const char *alias)
{
    mdli_json *json = &artifact->json;
    mdli_json_text(json, "alias", alias);
    mdli_json_open_object(json, "checksum");
    mdli_json_text(json, "name", "none");
    mdli_json_text(json, "checksum", "");
    mdli_json_close_object(json);
    mdli_json_text(json, "raw_code", "");
}

static void write_columns(mdli_artifact *artifact, const mdl_model *model)
{
    mdli_json *json = &artifact->json;
    mdli_json_open_object(json, "columns");
    for (int32_t c = 0; c < model->n_columns; c++) {
        const mdl_model_column *column = &model->columns[c];
        mdli_json_open_object(json, column->name);
        mdli_json_text(json, "name", column->name);
        mdli_json_text(json, "description", column->description);
        mdli_json_text(json, "data_type", mdl_type_name(column->type));
        mdli_json_close_object(json);
    }
    mdli_json_close_object(json);
}

/* ---- What nodes depend on ---- */

static const mdl_model *find_table(const mdli_artifact *artifact, const char *name)
{
    return name != NULL ? mdl_warehouse_find_model(artifact->warehouse, name) : NULL;
}

static bool is_source(const mdl_model *model)
{
    return model->materialization == MDL_MATERIALIZATION_SOURCE;
}

/* Members refs, sources and depends_on of a node that reads these tables; names that are no table
 * are left out. */
static void write_dependencies(mdli_artifact *artifact, const char *const *names, int32_t n_names)
{
    mdli_json *json = &artifact->json;
    mdli_json_open_array(json, "refs");
    for (int32_t i = 0; i < n_names; i++) {
        const mdl_model *table = find_table(artifact, names[i]);
        if (table != NULL && !is_source(table)) {
            mdli_json_open_object(json, NULL);
            mdli_json_text(json, "name", table->name);
            mdli_json_null(json, "package");
            mdli_json_null(json, "version");
            mdli_json_close_object(json);
        }
    }
    mdli_json_close_array(json);
    mdli_json_open_array(json, "sources");
    for (int32_t i = 0; i < n_names; i++) {
        const mdl_model *table = find_table(artifact, names[i]);
        if (table != NULL && is_source(table)) {
            mdli_json_open_array(json, NULL);
            mdli_json_text(json, NULL, MDLI_SOURCE_GROUP);
            mdli_json_text(json, NULL, table->name);
            mdli_json_close_array(json);
        }
    }
    mdli_json_close_array(json);
    mdli_json_open_object(json, "depends_on");
    mdli_json_open_array(json, "macros");
    mdli_json_close_array(json);
    mdli_json_open_array(json, "nodes");
    for (int32_t i = 0; i < n_names; i++) {
        const mdl_model *table = find_table(artifact, names[i]);
        char id[MDLI_NODE_NAME_SIZE];
        if (table != NULL) {
            mdli_node_id(artifact, table, id, sizeof id);
            mdli_json_text(json, NULL, id);
        }
    }
    mdli_json_close_array(json);
    mdli_json_close_object(json);
}

/* The tables that a test reads: at most two. */
static int32_t tables_of_test(const mdl_model *model, const mdl_test *test, const char *names[2])
{
    names[0] = model->name;
    names[1] = test->to;
    return test->to != NULL && strcmp(test->to, model->name) != 0 ? 2 : 1;
}

/* ---- Models and snapshots ---- */

/* The key as dbt has it: a name, or a list of names. */
static void write_unique_key(mdli_artifact *artifact, const char *key)
{
    if (key != NULL && strchr(key, ',') != NULL) {
        mdli_write_words(artifact, "unique_key", key);
    } else {
        mdli_json_text(&artifact->json, "unique_key", key);
    }
}

/* Members of a snapshot's settings that a model has not. */
static void write_snapshot_settings(mdli_artifact *artifact, const mdl_model *model)
{
    const mdl_snapshot *snapshot = mdl_warehouse_find_snapshot(artifact->warehouse, model->name);
    write_unique_key(artifact, snapshot->key);
    mdli_json_text(&artifact->json, "strategy", "check");
    if (snapshot->check == NULL) {
        mdli_json_text(&artifact->json, "check_cols", "all");
    } else {
        mdli_write_words(artifact, "check_cols", snapshot->check);
    }
    mdli_json_text(&artifact->json, "hard_deletes", mdl_hard_deletes_name(snapshot->hard_deletes));
}

static void write_config(mdli_artifact *artifact, const mdl_model *model)
{
    mdli_json *json = &artifact->json;
    mdli_json_open_object(json, "config");
    mdli_json_bool(json, "enabled", true);
    mdli_json_text(json, "schema", mdl_layer_name(model->layer));
    mdli_json_text(json, "materialized", mdl_materialization_name(model->materialization));
    mdli_write_words(artifact, "tags", model->tags);
    if (model->materialization == MDL_MATERIALIZATION_SNAPSHOT) {
        write_snapshot_settings(artifact, model);
    } else {
        write_unique_key(artifact, model->key);
    }
    mdli_json_close_object(json);
}

static void write_model(mdli_artifact *artifact, const mdl_model *model)
{
    mdli_json *json = &artifact->json;
    const bool is_snapshot = model->materialization == MDL_MATERIALIZATION_SNAPSHOT;
    const char *schema = mdl_layer_name(model->layer);
    char id[MDLI_NODE_NAME_SIZE];
    mdli_node_id(artifact, model, id, sizeof id);
    mdli_json_open_object(json, id);
    write_place(artifact, schema);
    write_identity(artifact, model->name, resource_type_of(model), schema, id);
    write_file(artifact, model->name);
    write_config(artifact, model);
    mdli_write_words(artifact, "tags", model->tags);
    mdli_json_text(json, "description", model->description);
    write_columns(artifact, model);
    mdli_write_relation_name(artifact, model);
    write_dependencies(artifact, model->refs, model->n_refs);
    if (!is_snapshot) {
        mdli_write_words(artifact, "primary_key", model->key);
    }
    mdli_json_close_object(json);
}

/* ---- Tests ---- */

/* A member with a text, where there is one. */
static void write_argument(mdli_artifact *artifact, const char *key, const char *text)
{
    if (text != NULL) {
        mdli_json_text(&artifact->json, key, text);
    }
}

/* What the test was declared with, under the names that dbt and its packages have for it. */
static void write_test_metadata(mdli_artifact *artifact, const mdl_test *test)
{
    mdli_json *json = &artifact->json;
    mdli_json_open_object(json, "test_metadata");
    mdli_json_text(json, "name", mdl_test_kind_name(test->kind));
    mdli_json_open_object(json, "kwargs");
    write_argument(artifact, "column_name", test->columns);
    write_argument(artifact, "values", test->values);
    write_argument(artifact, "min_value", test->least);
    write_argument(artifact, "max_value", test->greatest);
    write_argument(artifact, "to", test->to);
    write_argument(artifact, "field", test->to_columns);
    write_argument(artifact, "expression", test->expression);
    mdli_json_close_object(json);
    mdli_json_null(json, "namespace");
    mdli_json_close_object(json);
}

static void write_test_config(mdli_artifact *artifact, const mdl_test *test)
{
    mdli_json *json = &artifact->json;
    mdli_json_open_object(json, "config");
    mdli_json_bool(json, "enabled", true);
    mdli_json_text(json, "severity", test->severity == MDL_SEVERITY_WARN ? "WARN" : "ERROR");
    mdli_json_text(json, "where", test->where);
    mdli_json_text(json, "warn_if", test->warn_if != NULL ? test->warn_if : "!= 0");
    mdli_json_text(json, "error_if", test->error_if != NULL ? test->error_if : "!= 0");
    mdli_json_close_object(json);
}

static void write_test(mdli_artifact *artifact, const mdl_model *model, const mdl_test *test)
{
    mdli_json *json = &artifact->json;
    const char *schema = mdl_layer_name(model->layer);
    char id[MDLI_NODE_NAME_SIZE];
    char name[MDLI_NODE_NAME_SIZE];
    mdli_test_id(artifact, model, test, id, sizeof id);
    mdl_test_name(test, model->name, name, sizeof name);
    mdli_json_open_object(json, id);
    write_place(artifact, schema);
    write_identity(artifact, name, "test", schema, id);
    write_file(artifact, name);
    write_test_config(artifact, test);
    mdli_json_text(json, "description", test->description != NULL ? test->description : "");
    const char *names[2];
    const int32_t n_names = tables_of_test(model, test, names);
    write_dependencies(artifact, names, n_names);
    const bool has_one_column =
        test->columns != NULL && test->columns[0] != '\0' && strchr(test->columns, ',') == NULL;
    mdli_json_text(json, "column_name", has_one_column ? test->columns : NULL);
    mdli_node_id(artifact, model, id, sizeof id);
    mdli_json_text(json, "attached_node", id);
    write_test_metadata(artifact, test);
    mdli_json_close_object(json);
}

/* ---- Sources and exposures ---- */

static void write_source(mdli_artifact *artifact, const mdl_model *model)
{
    mdli_json *json = &artifact->json;
    const char *schema = mdl_layer_name(model->layer);
    char id[MDLI_NODE_NAME_SIZE];
    mdli_node_id(artifact, model, id, sizeof id);
    mdli_json_open_object(json, id);
    write_place(artifact, schema);
    write_identity(artifact, model->name, "source", schema, id);
    mdli_json_text(json, "source_name", MDLI_SOURCE_GROUP);
    mdli_json_text(json, "source_description", "Files of MovieLens");
    mdli_json_text(json, "loader", "medallion");
    mdli_json_text(json, "identifier", model->name);
    mdli_json_text(json, "description", model->description);
    write_columns(artifact, model);
    mdli_write_words(artifact, "tags", model->tags);
    mdli_write_relation_name(artifact, model);
    mdli_json_close_object(json);
}

static void write_exposure(mdli_artifact *artifact, const mdl_exposure *exposure)
{
    mdli_json *json = &artifact->json;
    char id[MDLI_NODE_NAME_SIZE];
    mdli_exposure_id(artifact, exposure, id, sizeof id);
    mdli_json_open_object(json, id);
    write_identity(artifact, exposure->name, "exposure", "exposures", id);
    mdli_json_text(json, "type", exposure->type);
    mdli_json_open_object(json, "owner");
    mdli_json_text(json, "name",
                   exposure->owner != NULL ? exposure->owner : artifact->options.project);
    mdli_json_null(json, "email");
    mdli_json_close_object(json);
    mdli_json_text(json, "label", exposure->label);
    mdli_json_text(json, "description", exposure->description != NULL ? exposure->description : "");
    mdli_json_text(json, "url", exposure->url);
    write_dependencies(artifact, exposure->refs, exposure->n_refs);
    mdli_json_close_object(json);
}

/* ---- Members of the manifest ---- */

static void write_nodes(mdli_artifact *artifact)
{
    const mdl_warehouse *warehouse = artifact->warehouse;
    mdli_json_open_object(&artifact->json, "nodes");
    for (int32_t i = 0; i < mdl_warehouse_n_models(warehouse); i++) {
        const mdl_model *model = mdl_warehouse_model(warehouse, i);
        if (!is_source(model)) {
            write_model(artifact, model);
        }
        for (int32_t t = 0; t < mdl_warehouse_n_tests(warehouse, model->name); t++) {
            write_test(artifact, model, mdl_warehouse_get_test(warehouse, model->name, t));
        }
    }
    mdli_json_close_object(&artifact->json);
}

static void write_sources(mdli_artifact *artifact)
{
    mdli_json_open_object(&artifact->json, "sources");
    for (int32_t i = 0; i < mdl_warehouse_n_models(artifact->warehouse); i++) {
        const mdl_model *model = mdl_warehouse_model(artifact->warehouse, i);
        if (is_source(model)) {
            write_source(artifact, model);
        }
    }
    mdli_json_close_object(&artifact->json);
}

static void write_exposures(mdli_artifact *artifact)
{
    mdli_json_open_object(&artifact->json, "exposures");
    for (int32_t i = 0; i < artifact->options.n_exposures; i++) {
        write_exposure(artifact, &artifact->options.exposures[i]);
    }
    mdli_json_close_object(&artifact->json);
}

/* A member with the ids of tables. */
static void write_ids(mdli_artifact *artifact, const char *key, const char *const *names,
                      int32_t n_names)
{
    mdli_json_open_array(&artifact->json, key);
    for (int32_t i = 0; i < n_names; i++) {
        const mdl_model *table = find_table(artifact, names[i]);
        char id[MDLI_NODE_NAME_SIZE];
        if (table != NULL) {
            mdli_node_id(artifact, table, id, sizeof id);
            mdli_json_text(&artifact->json, NULL, id);
        }
    }
    mdli_json_close_array(&artifact->json);
}

static void write_parent_map(mdli_artifact *artifact)
{
    const mdl_warehouse *warehouse = artifact->warehouse;
    char id[MDLI_NODE_NAME_SIZE];
    mdli_json_open_object(&artifact->json, "parent_map");
    for (int32_t i = 0; i < mdl_warehouse_n_models(warehouse); i++) {
        const mdl_model *model = mdl_warehouse_model(warehouse, i);
        mdli_node_id(artifact, model, id, sizeof id);
        write_ids(artifact, id, model->refs, model->n_refs);
        for (int32_t t = 0; t < mdl_warehouse_n_tests(warehouse, model->name); t++) {
            const mdl_test *test = mdl_warehouse_get_test(warehouse, model->name, t);
            const char *names[2];
            const int32_t n_names = tables_of_test(model, test, names);
            mdli_test_id(artifact, model, test, id, sizeof id);
            write_ids(artifact, id, names, n_names);
        }
    }
    for (int32_t i = 0; i < artifact->options.n_exposures; i++) {
        const mdl_exposure *exposure = &artifact->options.exposures[i];
        mdli_exposure_id(artifact, exposure, id, sizeof id);
        write_ids(artifact, id, exposure->refs, exposure->n_refs);
    }
    mdli_json_close_object(&artifact->json);
}

static bool has_name(const char *const *names, int32_t n_names, const char *name)
{
    for (int32_t i = 0; i < n_names; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* A member with the ids of the nodes that read a table; there are few tables, so all are asked. */
static void write_children(mdli_artifact *artifact, const mdl_model *parent)
{
    const mdl_warehouse *warehouse = artifact->warehouse;
    mdli_json *json = &artifact->json;
    char id[MDLI_NODE_NAME_SIZE];
    mdli_node_id(artifact, parent, id, sizeof id);
    mdli_json_open_array(json, id);
    for (int32_t i = 0; i < mdl_warehouse_n_models(warehouse); i++) {
        const mdl_model *model = mdl_warehouse_model(warehouse, i);
        if (has_name(model->refs, model->n_refs, parent->name)) {
            mdli_node_id(artifact, model, id, sizeof id);
            mdli_json_text(json, NULL, id);
        }
        for (int32_t t = 0; t < mdl_warehouse_n_tests(warehouse, model->name); t++) {
            const mdl_test *test = mdl_warehouse_get_test(warehouse, model->name, t);
            const char *names[2];
            if (has_name(names, tables_of_test(model, test, names), parent->name)) {
                mdli_test_id(artifact, model, test, id, sizeof id);
                mdli_json_text(json, NULL, id);
            }
        }
    }
    for (int32_t i = 0; i < artifact->options.n_exposures; i++) {
        const mdl_exposure *exposure = &artifact->options.exposures[i];
        if (has_name(exposure->refs, exposure->n_refs, parent->name)) {
            mdli_exposure_id(artifact, exposure, id, sizeof id);
            mdli_json_text(json, NULL, id);
        }
    }
    mdli_json_close_array(json);
}

static void write_child_map(mdli_artifact *artifact)
{
    mdli_json_open_object(&artifact->json, "child_map");
    for (int32_t i = 0; i < mdl_warehouse_n_models(artifact->warehouse); i++) {
        write_children(artifact, mdl_warehouse_model(artifact->warehouse, i));
    }
    mdli_json_close_object(&artifact->json);
}

/* Members that the schema requires and of which a warehouse has none. */
static void write_empty_members(mdli_artifact *artifact)
{
    static const char *const names[] = {
        "macros",   "docs",      "metrics",       "groups",          "selectors",
        "disabled", "group_map", "saved_queries", "semantic_models", "unit_tests"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        mdli_json_open_object(&artifact->json, names[i]);
        mdli_json_close_object(&artifact->json);
    }
}

/* The exposure that there is when the caller names none: the report, which shows the gold layer. */
static mdl_exposure default_exposure(const mdl_warehouse *warehouse, const char **shown,
                                     int32_t n_shown_max)
{
    mdl_exposure report = {
        .name = "report",
        .type = "dashboard",
        .label = "Report",
        .description = "The page that medallion report writes",
        .refs = shown,
    };
    for (int32_t i = 0; i < mdl_warehouse_n_models(warehouse); i++) {
        const mdl_model *model = mdl_warehouse_model(warehouse, i);
        if (model->layer == MDL_LAYER_GOLD && report.n_refs < n_shown_max) {
            shown[report.n_refs++] = model->name;
        }
    }
    return report;
}

mdl_status mdl_write_manifest(const mdl_warehouse *warehouse, const mdl_run *run,
                              const mdl_artifact_options *options, mdl_write_fn write,
                              void *user_data, mdl_error *error)
{
    enum {
        N_SHOWN_MAX = 64
    };
    const char *shown[N_SHOWN_MAX];
    mdli_artifact artifact;
    MDLI_TRY(mdli_artifact_start(&artifact, warehouse, run, options, "manifest/v12", write,
                                 user_data, error));
    mdl_exposure report = default_exposure(warehouse, shown, N_SHOWN_MAX);
    if (artifact.options.exposures == NULL) {
        artifact.options.exposures = &report;
        artifact.options.n_exposures = 1;
    }
    write_nodes(&artifact);
    write_sources(&artifact);
    write_exposures(&artifact);
    write_parent_map(&artifact);
    write_child_map(&artifact);
    write_empty_members(&artifact);
    return mdli_artifact_finish(&artifact, error);
}
