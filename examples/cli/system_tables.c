/* Tables about the work itself: what was loaded, what was rejected, what was run. */
#include "system_tables.h"

#include <stdio.h>
#include <string.h>

#include "table_listing.h"

static const char loads_name[] = "loads", rejects_name[] = "rejects",
                  run_tasks_name[] = "run_tasks", runs_name[] = "runs";

const char *const system_table_names[N_SYSTEM_TABLES] = {loads_name, rejects_name, run_tasks_name,
                                                         runs_name};

bool is_system_table(const char *name)
{
    for (int i = 0; i < N_SYSTEM_TABLES; i++) {
        if (strcmp(name, system_table_names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Stands for the rejects when there is none. */
static mdl_status make_empty_rejects(session *s, mdl_table **out)
{
    static const mdl_field fields[] = {
        {"file", MDL_TYPE_STRING},   {"line", MDL_TYPE_INT64},         {"record", MDL_TYPE_INT64},
        {"column", MDL_TYPE_STRING}, {"offset_bytes", MDL_TYPE_INT64}, {"reason", MDL_TYPE_STRING},
        {"text", MDL_TYPE_STRING},   {"raw", MDL_TYPE_STRING}};
    mdl_table_builder *builder = NULL;
    mdl_status status = mdl_table_builder_create(s->context, fields, 8, &builder, &s->error);
    if (status == MDL_OK) {
        status = mdl_table_builder_finish(builder, out, &s->error);
    }
    mdl_table_builder_free(builder);
    return status;
}

static mdl_status add_load(mdl_table_builder *builder, const mdl_load_info *load, mdl_error *error)
{
    char hash[2 * sizeof load->xxh3_128 + 1];
    for (size_t i = 0; i < sizeof load->xxh3_128; i++) {
        snprintf(hash + 2 * i, 3, "%02x", load->xxh3_128[i]);
    }
    const mdl_value row[] = {listing_text(load->source),
                             listing_text(load->path),
                             listing_text(load->already_loaded ? "passed over" : "loaded"),
                             listing_time(load->loaded_at),
                             listing_integer(load->n_rows),
                             listing_integer(load->n_rejected),
                             listing_integer(load->size_bytes),
                             listing_real(load->seconds),
                             listing_integer(load->attempt),
                             listing_text(hash)};
    return listing_add(builder, row, 10, error);
}

static mdl_status list_loads(session *s, mdl_table **out)
{
    static const mdl_field fields[] = {
        {"source", MDL_TYPE_STRING},    {"file", MDL_TYPE_STRING},
        {"state", MDL_TYPE_STRING},     {"loaded_at", MDL_TYPE_TIMESTAMP},
        {"n_rows", MDL_TYPE_INT64},     {"n_rejected", MDL_TYPE_INT64},
        {"size_bytes", MDL_TYPE_INT64}, {"seconds", MDL_TYPE_FLOAT64},
        {"attempt", MDL_TYPE_INT64},    {"xxh3_128", MDL_TYPE_STRING}};
    mdl_table_builder *builder = NULL;
    mdl_status status = mdl_table_builder_create(s->context, fields, 10, &builder, &s->error);
    for (int32_t i = 0; status == MDL_OK && i < mdl_warehouse_n_loads(s->warehouse); i++) {
        status = add_load(builder, mdl_warehouse_load_info(s->warehouse, i), &s->error);
    }
    if (status == MDL_OK) {
        status = mdl_table_builder_finish(builder, out, &s->error);
    }
    mdl_table_builder_free(builder);
    return status;
}

static mdl_status take(const mdl_table *table, mdl_table **out)
{
    *out = mdl_table_clone(table);
    return MDL_OK;
}

mdl_status get_system_table(session *s, const char *name, const char *const *paths, int n_paths,
                            mdl_table **out)
{
    bool is_of_runs = strcmp(name, runs_name) == 0 || strcmp(name, run_tasks_name) == 0;
    if (is_of_runs && s->store == NULL) {
        return mdl_error_set(&s->error, MDL_E_ARGUMENT,
                             "%s is a log, which only a store has: give --store DIR", name);
    }
    bool is_rejects = strcmp(name, rejects_name) == 0;
    mdl_on_error on_error = is_rejects ? MDL_ON_ERROR_SKIP : (mdl_on_error)s->settings->on_error;
    mdl_status status = s->store == NULL ? session_load(s, paths, n_paths, on_error) : MDL_OK;
    if (status != MDL_OK) {
        return status;
    }
    if (is_of_runs) {
        return take(strcmp(name, runs_name) == 0 ? mdl_warehouse_runs(s->warehouse)
                                                 : mdl_warehouse_run_tasks(s->warehouse),
                    out);
    }
    if (!is_rejects) {
        return list_loads(s, out);
    }
    const mdl_table *rejects = mdl_warehouse_rejects(s->warehouse);
    return rejects != NULL ? take(rejects, out) : make_empty_rejects(s, out);
}
