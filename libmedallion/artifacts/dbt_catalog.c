/*
 * catalog.json, schema v1: the tables that were built, as a database would list them.
 */
#include "artifacts/dbt_artifacts.h"
#include "base/error.h"

/* What the catalog says of a table's size; -1 = not known. */
typedef struct table_size {
    int64_t n_rows;
    int64_t size_bytes;
} table_size;

/* False for a table that was never built. A table that is in the store alone is not read for this:
 * the store tells its rows. */
static bool find_size(const mdl_warehouse *warehouse, const char *name, table_size *size)
{
    const mdl_table *table = mdl_warehouse_table(warehouse, name);
    if (table != NULL) {
        *size = (table_size){mdl_table_n_rows(table), mdl_table_size_bytes(table)};
        return true;
    }
    const mdl_store *store = mdl_warehouse_store(warehouse);
    *size = (table_size){store != NULL ? mdl_store_table_rows(store, name) : -1, -1};
    return size->n_rows >= 0;
}

static void write_stat(mdli_artifact *artifact, const char *id, const char *label, int64_t value,
                       const char *description)
{
    mdli_json *json = &artifact->json;
    mdli_json_open_object(json, id);
    mdli_json_text(json, "id", id);
    mdli_json_text(json, "label", label);
    mdli_json_integer(json, "value", value);
    mdli_json_bool(json, "include", true);
    mdli_json_text(json, "description", description);
    mdli_json_close_object(json);
}

/* dbt's documentation looks for the member has_stats before it shows any. */
static void write_stats(mdli_artifact *artifact, const table_size *size)
{
    mdli_json *json = &artifact->json;
    mdli_json_open_object(json, "stats");
    mdli_json_open_object(json, "has_stats");
    mdli_json_text(json, "id", "has_stats");
    mdli_json_text(json, "label", "Has Stats?");
    mdli_json_bool(json, "value", true);
    mdli_json_bool(json, "include", false);
    mdli_json_text(json, "description", "Whether sizes are known");
    mdli_json_close_object(json);
    write_stat(artifact, "num_rows", "Rows", size->n_rows, "Rows in the table");
    if (size->size_bytes >= 0) {
        write_stat(artifact, "num_bytes", "Bytes", size->size_bytes, "Compressed size in memory");
    }
    mdli_json_close_object(json);
}

static void write_columns(mdli_artifact *artifact, const mdl_model *model)
{
    mdli_json *json = &artifact->json;
    mdli_json_open_object(json, "columns");
    for (int32_t c = 0; c < model->n_columns; c++) {
        const mdl_model_column *column = &model->columns[c];
        mdli_json_open_object(json, column->name);
        mdli_json_text(json, "type", mdl_type_name(column->type));
        mdli_json_integer(json, "index", c + 1);
        mdli_json_text(json, "name", column->name);
        mdli_json_text(json, "comment", column->description);
        mdli_json_close_object(json);
    }
    mdli_json_close_object(json);
}

static void write_table(mdli_artifact *artifact, const mdl_model *model, const table_size *size)
{
    mdli_json *json = &artifact->json;
    char id[MDLI_NODE_NAME_SIZE];
    mdli_node_id(artifact, model, id, sizeof id);
    mdli_json_open_object(json, id);
    mdli_json_open_object(json, "metadata");
    mdli_json_text(json, "type",
                   model->materialization == MDL_MATERIALIZATION_VIEW ? "VIEW" : "BASE TABLE");
    mdli_json_text(json, "schema", mdl_layer_name(model->layer));
    mdli_json_text(json, "name", model->name);
    mdli_json_text(json, "database", artifact->options.project);
    mdli_json_text(json, "comment", model->description);
    mdli_json_null(json, "owner");
    mdli_json_close_object(json);
    write_columns(artifact, model);
    write_stats(artifact, size);
    mdli_json_text(json, "unique_id", id);
    mdli_json_close_object(json);
}

/* A member with the tables that are sources, or with those that are not. */
static void write_tables(mdli_artifact *artifact, const char *key, bool are_sources)
{
    mdli_json_open_object(&artifact->json, key);
    for (int32_t i = 0; i < mdl_warehouse_n_models(artifact->warehouse); i++) {
        const mdl_model *model = mdl_warehouse_model(artifact->warehouse, i);
        const bool is_source = model->materialization == MDL_MATERIALIZATION_SOURCE;
        table_size size;
        if (is_source == are_sources && find_size(artifact->warehouse, model->name, &size)) {
            write_table(artifact, model, &size);
        }
    }
    mdli_json_close_object(&artifact->json);
}

mdl_status mdl_write_catalog(const mdl_warehouse *warehouse, const mdl_run *run,
                             const mdl_artifact_options *options, mdl_write_fn write,
                             void *user_data, mdl_error *error)
{
    mdli_artifact artifact;
    MDLI_TRY(mdli_artifact_start(&artifact, warehouse, run, options, "catalog/v1", write, user_data,
                                 error));
    write_tables(&artifact, "nodes", false);
    write_tables(&artifact, "sources", true);
    mdli_json_null(&artifact.json, "errors");
    return mdli_artifact_finish(&artifact, error);
}
