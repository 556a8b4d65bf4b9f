/* medallion ls: what there is and what is built from what. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json_writer.h"
#include "session.h"
#include "table_listing.h"
#include "table_view.h"

/* Writes the names that the model is built from, as "src_movies, src_links". */
static void join_refs(const mdl_model *model, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < model->n_refs && used < size; i++) {
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", model->refs[i]);
    }
}

static mdl_status add_models(session *s, mdl_table_builder *builder)
{
    mdl_status status = MDL_OK;
    for (int32_t i = 0; i < mdl_warehouse_n_models(s->warehouse) && status == MDL_OK; i++) {
        const mdl_model *model = mdl_warehouse_model(s->warehouse, i);
        char refs[1024];
        join_refs(model, refs, sizeof refs);
        const mdl_value row[] = {listing_text(model->name),
                                 listing_text(mdl_layer_name(model->layer)),
                                 listing_text(mdl_materialization_name(model->materialization)),
                                 listing_integer(mdl_warehouse_n_tests(s->warehouse, model->name)),
                                 listing_text(refs),
                                 listing_text(model->tags != NULL ? model->tags : ""),
                                 listing_text(model->description)};
        status = listing_add(builder, row, 7, &s->error);
    }
    return status;
}

static mdl_status print_models(session *s)
{
    static const mdl_field fields[] = {{"name", MDL_TYPE_STRING},       {"layer", MDL_TYPE_STRING},
                                       {"kind", MDL_TYPE_STRING},       {"tests", MDL_TYPE_INT64},
                                       {"refs", MDL_TYPE_STRING},       {"tags", MDL_TYPE_STRING},
                                       {"description", MDL_TYPE_STRING}};
    mdl_table_builder *builder = NULL;
    mdl_status status = mdl_table_builder_create(s->context, fields, 7, &builder, &s->error);
    if (status == MDL_OK) {
        status = add_models(s, builder);
    }
    if (status == MDL_OK) {
        status = view_listing(s, builder);
    }
    mdl_table_builder_free(builder);
    return status;
}

/* The words of `"mart, daily"`. */
static void write_tags(json_writer *json, const char *tags)
{
    json_open_array(json, "tags");
    while (tags != NULL && *tags != '\0') {
        char tag[128];
        size_t size = strcspn(tags, ", ");
        snprintf(tag, sizeof tag, "%.*s", (int)size, tags);
        if (size > 0) {
            json_text(json, NULL, tag);
        }
        tags += size + strspn(tags + size, ", ");
    }
    json_close_array(json);
}

static void write_tests(json_writer *json, const mdl_warehouse *warehouse, const char *table)
{
    json_open_array(json, "tests");
    for (int32_t i = 0; i < mdl_warehouse_n_tests(warehouse, table); i++) {
        const mdl_test *test = mdl_warehouse_get_test(warehouse, table, i);
        char name[256];
        mdl_test_name(test, table, name, sizeof name);
        json_open_object(json, NULL);
        json_text(json, "name", name);
        json_text(json, "kind", mdl_test_kind_name(test->kind));
        json_text(json, "severity", test->severity == MDL_SEVERITY_ERROR ? "error" : "warn");
        json_text(json, "columns", test->columns);
        json_text(json, "description", test->description);
        json_close_object(json);
    }
    json_close_array(json);
}

static void write_snapshot(json_writer *json, const mdl_snapshot *snapshot)
{
    if (snapshot == NULL) {
        json_null(json, "snapshot");
        return;
    }
    json_open_object(json, "snapshot");
    json_text(json, "table", snapshot->table);
    json_text(json, "key", snapshot->key);
    json_text(json, "check", snapshot->check);
    json_text(json, "hard_deletes", mdl_hard_deletes_name(snapshot->hard_deletes));
    json_close_object(json);
}

static void write_model(json_writer *json, const mdl_warehouse *warehouse, const mdl_model *model)
{
    json_open_object(json, NULL);
    json_text(json, "name", model->name);
    json_text(json, "layer", mdl_layer_name(model->layer));
    json_text(json, "kind", mdl_materialization_name(model->materialization));
    json_open_array(json, "refs");
    for (int32_t i = 0; i < model->n_refs; i++) {
        json_text(json, NULL, model->refs[i]);
    }
    json_close_array(json);
    json_text(json, "key", model->key);
    json_text(json, "description", model->description);
    write_tags(json, model->tags);
    write_snapshot(json, mdl_warehouse_find_snapshot(warehouse, model->name));
    json_open_array(json, "columns");
    for (int32_t i = 0; i < model->n_columns; i++) {
        json_open_object(json, NULL);
        json_text(json, "name", model->columns[i].name);
        json_text(json, "type", mdl_type_name(model->columns[i].type));
        json_text(json, "description", model->columns[i].description);
        json_close_object(json);
    }
    json_close_array(json);
    write_tests(json, warehouse, model->name);
    json_close_object(json);
}

static void write_models(session *s)
{
    json_writer json = json_begin(&s->output, 1);
    json_open_array(&json, NULL);
    for (int32_t i = 0; i < mdl_warehouse_n_models(s->warehouse); i++) {
        write_model(&json, s->warehouse, mdl_warehouse_model(s->warehouse, i));
    }
    json_close_array(&json);
}

/* Names are letters, digits and `_`, so they need no escaping. */
static void draw_models(session *s)
{
    static const char *const fills[] = {[MDL_LAYER_BRONZE] = "#e8c9a0",
                                        [MDL_LAYER_SILVER] = "#dfe3e8",
                                        [MDL_LAYER_GOLD] = "#f6df8e"};
    static const char snapshot_fill[] = "#c9dcf2";
    put_text(&s->output,
             "digraph medallion {\n  rankdir=LR;\n"
             "  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n");
    for (int32_t i = 0; i < mdl_warehouse_n_models(s->warehouse); i++) {
        const mdl_model *model = mdl_warehouse_model(s->warehouse, i);
        bool is_snapshot = model->materialization == MDL_MATERIALIZATION_SNAPSHOT;
        put_format(&s->output, "  \"%s\" [fillcolor=\"%s\"];\n", model->name,
                   is_snapshot ? snapshot_fill : fills[model->layer]);
        for (int32_t r = 0; r < model->n_refs; r++) {
            put_format(&s->output, "  \"%s\" -> \"%s\";\n", model->refs[r], model->name);
        }
    }
    put_text(&s->output, "}\n");
}

static exit_code run_ls(const cli_settings *settings)
{
    session s;
    mdl_status status = session_open(&s, "ls", settings, false, STORE_READ);
    if (status == MDL_OK) {
        switch ((output_format)settings->format) {
        case FORMAT_JSON:
            write_models(&s);
            break;
        case FORMAT_DOT:
            draw_models(&s);
            break;
        default:
            status = print_models(&s);
        }
    }
    return session_close(&s, status);
}

static const cli_choice ls_formats[] = {
    {"table", FORMAT_TABLE}, {"json", FORMAT_JSON}, {"dot", FORMAT_DOT}, {NULL, 0}};

static const cli_option ls_option_table[] = {
    {.name = "--format",
     .value_name = "table|json|dot",
     .kind = OPTION_CHOICE,
     .offset = offsetof(cli_settings, format),
     .choices = ls_formats,
     .help = "table (default), json with all columns and tests, or dot: the lineage for Graphviz"},
};
static const option_group ls_group = {"Output", ls_option_table, 1};
static const option_group *const ls_groups[] = {&ls_group, &display_options};

const cli_command ls_command = {
    .name = "ls",
    .arguments = "",
    .summary = "list tables and models in build order",
    .details =
        "Lists sources, models and snapshots in build order, with layer, kind, how many tests "
        "each has, the tables that it is built from, and its tags.",
    .max_arguments = 0,
    .groups = ls_groups,
    .n_groups = 2,
    .run = run_ls,
};
