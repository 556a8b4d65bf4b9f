/*
 * Warehouses over a store. What a version of it holds, as named tables:
 *
 * | name                                 | table                                                    |
 * |--------------------------------------|----------------------------------------------------------|
 * | `x`                                  | source, model or history x as last loaded or published   |
 * | `x/y`                                | y as model x, which keeps its past, was built from it    |
 * | `_pending/x`                         | x as a run built it that failed, for its retry           |
 * | `x/_summary` …                       | the summary that such a table carries, if it does        |
 * | `_loads _segments _layouts _rejects` | what is known of the loads: load_log.c                   |
 * | `_runs _run_tasks`                   | the log of runs: run_log.c                               |
 * | `_definitions`                       | what tables depend on besides their inputs: definitions.c |
 * | `_known_tests`                       | what tests found on these tables: known_tests.c           |
 * | `_known_tests/t`                     | the first failing rows of test t, if it has any           |
 *
 * The tables of nodes are read when they are needed first. Until then a commit hands them on
 * unread, as it does tables that this process knows nothing of: those of another program's models.
 *
 * A summary goes with its table: both are written by one commit, read together, and handed on
 * together. A process without summaries drops that of a model that it has, by its name, and hands on
 * those of others with their tables. So there is none beside a table of another state. Previous refs
 * go without: they are compared, and rows that changed are looked up in them.
 */
#include "warehouse/warehouse_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "operators/table_summary.h"
#include "warehouse/commit_message.h"
#include "warehouse/definitions.h"
#include "warehouse/known_tests.h"
#include "warehouse/load_log.h"
#include "warehouse/run_internal.h"

#define PENDING_PREFIX "_pending/"
#define SUMMARY_SUFFIX "/_summary"

mdli_table_name mdli_pending_name(const mdli_node *node)
{
    mdli_table_name name;
    snprintf(name.text, sizeof name.text, PENDING_PREFIX "%s", node->model.name);
    return name;
}

mdli_table_name mdli_previous_name(const mdli_node *node, int32_t ref)
{
    mdli_table_name name;
    snprintf(name.text, sizeof name.text, "%s/%s", node->model.name, node->model.refs[ref]);
    return name;
}

static mdli_table_name summary_name(const char *of)
{
    mdli_table_name name;
    snprintf(name.text, sizeof name.text, "%.*s" SUMMARY_SUFFIX,
             (int)(sizeof name.text - sizeof SUMMARY_SUFFIX), of);
    return name;
}

/*
 * Tables of nodes.
 */

bool mdli_is_stored_as(const mdl_store *store, const char *name, const mdl_model *model)
{
    if (mdl_store_table_n_columns(store, name) != model->n_columns) {
        return false;
    }
    for (int32_t i = 0; i < model->n_columns; i++) {
        mdl_field field = mdl_store_table_column(store, name, i);
        if (strcmp(field.name, model->columns[i].name) != 0 ||
            field.type != model->columns[i].type) {
            return false;
        }
    }
    return true;
}

void mdli_attach_node(const mdl_warehouse *warehouse, mdli_node *node)
{
    const mdl_store *store = warehouse->store;
    node->definition = mdli_define(warehouse, &node->model);
    if (store != NULL) {
        /* A table of another form was built from another declaration and is nothing to go on from.
         * Not so a history, which cannot be built again: taking the next snapshot will say so. */
        node->is_table_unread = node->snapshot != NULL
                                    ? mdl_store_table_rows(store, node->model.name) >= 0
                                    : mdli_is_stored_as(store, node->model.name, &node->model);
        node->is_pending_unread =
            mdli_is_stored_as(store, mdli_pending_name(node).text, &node->model);
        node->are_previous_refs_unread =
            node->is_table_unread && mdli_node_has_stored_refs(store, node);
        if (node->is_table_unread) {
            node->table_definition = mdli_stored_definition_of(warehouse, node->model.name);
        }
        if (node->is_pending_unread) {
            node->pending_definition =
                mdli_stored_definition_of(warehouse, mdli_pending_name(node).text);
        }
    }
}

/* Lets a table that was read carry the summary that the store has of it, if any. */
static mdl_status read_summary(mdl_warehouse *warehouse, const char *name, mdl_table **table,
                               mdl_error *error)
{
    const mdli_table_name of = summary_name(name);
    if (mdl_store_table_rows(warehouse->store, of.text) < 0) {
        return MDL_OK;
    }
    mdl_table *groups;
    mdl_table *carrying = NULL;
    MDLI_TRY(mdl_store_read_table(warehouse->store, of.text, NULL, 0, &groups, error));
    mdl_status status =
        mdli_table_restore_summary(warehouse->context, *table, groups, &carrying, error);
    mdl_table_free(groups);
    if (status == MDL_OK) {
        mdl_table_free(*table);
        *table = carrying;
    }
    return status;
}

/* Reads a table of the store with its summary. */
static mdl_status read_whole(mdl_warehouse *warehouse, const char *name, mdl_table **table,
                             mdl_error *error)
{
    mdl_table *read = NULL;
    MDLI_TRY(mdl_store_read_table(warehouse->store, name, NULL, 0, &read, error));
    mdl_status status = read_summary(warehouse, name, &read, error);
    if (status == MDL_OK) {
        *table = read;
    } else {
        mdl_table_free(read);
    }
    return status;
}

mdl_status mdli_read_stored(mdl_warehouse *warehouse, const char *name, mdl_table **out,
                            mdl_error *error)
{
    pthread_mutex_lock(&warehouse->reading);
    mdl_status status = mdl_store_read_table(warehouse->store, name, NULL, 0, out, error);
    pthread_mutex_unlock(&warehouse->reading);
    return status;
}

mdl_status mdli_node_table(mdl_warehouse *warehouse, mdli_node *node, const mdl_table **out,
                           mdl_error *error)
{
    mdl_status status = MDL_OK;
    if (node->is_table_unread) {
        pthread_mutex_lock(&warehouse->reading);
        if (node->is_table_unread) {
            status = read_whole(warehouse, node->model.name, &node->table, error);
            node->is_table_unread = status != MDL_OK;
        }
        pthread_mutex_unlock(&warehouse->reading);
    }
    *out = status == MDL_OK ? node->table : NULL;
    return status;
}

const mdl_table *mdli_node_table_at_hand(const mdli_node *node)
{
    return node->is_table_unread ? NULL : node->table;
}

mdl_status mdli_node_pending(mdl_warehouse *warehouse, mdli_node *node, const mdl_table **out,
                             mdl_error *error)
{
    *out = NULL;
    if (node->is_pending_unread) {
        MDLI_TRY(read_whole(warehouse, mdli_pending_name(node).text, &node->pending, error));
        node->is_pending_unread = false;
    }
    *out = node->pending;
    return MDL_OK;
}

bool mdli_node_is_built(const mdli_node *node)
{
    return node->table != NULL || node->is_table_unread;
}

int64_t mdli_node_n_rows(const mdl_warehouse *warehouse, const mdli_node *node)
{
    if (node->table != NULL) {
        return mdl_table_n_rows(node->table);
    }
    return node->is_table_unread ? mdl_store_table_rows(warehouse->store, node->model.name) : 0;
}

void mdli_node_set_table(mdli_node *node, mdl_table *table)
{
    mdl_table_free(node->table);
    node->table = table;
    node->is_table_unread = false;
    node->n_changes++;
}

void mdli_node_set_pending(mdli_node *node, mdl_table *table, const mdli_definition *definition)
{
    mdl_table_free(node->pending);
    node->pending = table;
    node->pending_definition = *definition;
    node->is_pending_unread = false;
}

void mdli_node_drop_pending(mdli_node *node)
{
    static const mdli_definition none = {.hash = ""};
    mdli_node_set_pending(node, NULL, &none);
}

mdl_status mdl_warehouse_read_table(mdl_warehouse *warehouse, const char *name,
                                    const mdl_table **out, mdl_error *error)
{
    *out = NULL;
    int32_t node = name != NULL ? mdli_find_node(warehouse, name) : -1;
    if (node < 0) {
        return mdl_error_set(error, MDL_E_NOT_FOUND, "there is no table \"%s\"",
                             name != NULL ? name : "");
    }
    MDLI_TRY(mdli_node_table(warehouse, warehouse->nodes[node], out, error));
    if (*out == NULL) {
        return mdl_error_set(error, MDL_E_STATE, "%s was never built", name);
    }
    return MDL_OK;
}

mdl_store *mdl_warehouse_store(const mdl_warehouse *warehouse)
{
    return warehouse->store;
}

static mdl_status raise_other_columns(const mdl_warehouse *warehouse, const char *name,
                                      mdl_error *error)
{
    return mdl_error_set(error, MDL_E_UNSUPPORTED,
                         "table %s of the store %s has other columns than this version of the "
                         "library gives it",
                         name, mdl_store_path(warehouse->store));
}

/* The table with a column of NULL for each field. */
static mdl_status add_missing_fields(mdl_context *context, const mdl_table *table,
                                     const mdl_field *fields, int32_t n_fields, mdl_table **out,
                                     mdl_error *error)
{
    char list[256] = "*";
    size_t used = 1;
    for (int32_t i = 0; i < n_fields && used < sizeof list; i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, ", cast(null as %s) as %s",
                                 mdl_type_name(fields[i].type), fields[i].name);
    }
    mdl_query *query = mdl_query_create(context);
    mdl_status status =
        mdl_query_collect(query, mdl_project(mdl_scan(query, table), list), out, error);
    mdl_query_free(query);
    return status;
}

mdl_status mdli_read_grown_log_table(const mdl_warehouse *warehouse, const char *name,
                                     const mdl_field *fields, int32_t n_first, int32_t n_fields,
                                     mdl_table **out, mdl_error *error)
{
    *out = NULL;
    if (mdl_store_table_rows(warehouse->store, name) < 0) {
        return MDL_OK;
    }
    mdl_table *table;
    MDLI_TRY(mdl_store_read_table(warehouse->store, name, NULL, 0, &table, error));
    const int32_t n = mdl_table_n_columns(table);
    mdl_status status = MDL_OK;
    if (n < n_first || n > n_fields || !mdli_table_has_fields(table, fields, n)) {
        status = raise_other_columns(warehouse, name, error);
    } else if (n < n_fields) {
        status =
            add_missing_fields(warehouse->context, table, fields + n, n_fields - n, out, error);
    } else {
        *out = mdl_table_clone(table);
    }
    mdl_table_free(table);
    return status;
}

mdl_status mdli_read_log_table(const mdl_warehouse *warehouse, const char *name,
                               const mdl_field *fields, int32_t n_fields, mdl_table **out,
                               mdl_error *error)
{
    return mdli_read_grown_log_table(warehouse, name, fields, n_fields, n_fields, out, error);
}

mdl_status mdli_read_log_rows(mdl_warehouse *warehouse, const char *name, const mdl_field *fields,
                              int32_t n_fields, mdli_take_row_fn take, mdl_error *error)
{
    mdl_table *table;
    MDLI_TRY(mdli_read_log_table(warehouse, name, fields, n_fields, &table, error));
    if (table == NULL) {
        return MDL_OK;
    }
    mdl_status status = mdli_for_each_row(warehouse->context, table, take, warehouse, error);
    mdl_table_free(table);
    return status;
}

/* Sources cannot be built again: one of another form is not passed over as a model is. */
static mdl_status check_sources(const mdl_warehouse *warehouse, mdl_error *error)
{
    for (int32_t i = 0; i < MDLI_N_SOURCES; i++) {
        const mdl_model *source = &mdli_sources[i].model;
        if (mdl_store_table_rows(warehouse->store, source->name) >= 0 &&
            !mdli_is_stored_as(warehouse->store, source->name, source)) {
            return raise_other_columns(warehouse, source->name, error);
        }
    }
    return MDL_OK;
}

mdl_status mdli_open_from_store(mdl_warehouse *warehouse, mdl_error *error)
{
    if (warehouse->store == NULL) {
        return MDL_OK;
    }
    MDLI_TRY(check_sources(warehouse, error));
    MDLI_TRY(mdli_load_log_read(warehouse, error));
    MDLI_TRY(mdli_run_log_read(warehouse, error));
    MDLI_TRY(mdli_definitions_read(warehouse, error));
    MDLI_TRY(mdli_known_tests_read(warehouse, error));
    mdli_last_run last;
    MDLI_TRY(mdli_run_log_last(warehouse, &last, error));
    warehouse->n_loads_committed = warehouse->n_loads;
    warehouse->last_run_committed = last.id;
    return MDL_OK;
}

/*
 * Committing.
 */

/* The tables of a version in the making. */
typedef struct version_draft {
    mdl_warehouse *warehouse;
    mdl_store_item *items;
    int64_t capacity;
    int64_t n_items;
    mdli_arena names;
    mdli_load_log loads;
    mdl_table *definitions;
    mdl_table *known_tests;
} version_draft;

/* Adds a table; NULL = as it is in the store. The name is copied. */
static mdl_status add_item(version_draft *draft, const char *name, const mdl_table *table,
                           mdl_error *error)
{
    void *items = draft->items;
    MDLI_TRY(mdli_grow_array(draft->warehouse->context, &items, &draft->capacity, draft->n_items,
                             draft->n_items + 1, sizeof *draft->items, "commit", error));
    draft->items = items;
    mdl_error fault = MDL_ERROR_INIT;
    const char *copy = mdli_arena_copy(&draft->names, name, strlen(name), &fault);
    if (copy == NULL) {
        return mdli_error_copy(error, &fault);
    }
    draft->items[draft->n_items++] = (mdl_store_item){copy, table};
    return MDL_OK;
}

/* Adds a table of a node with its summary; NULL = both as they are in the store. */
static mdl_status add_with_summary(version_draft *draft, const char *name, const mdl_table *table,
                                   mdl_error *error)
{
    const mdli_table_name of = summary_name(name);
    const mdl_table *summary = table != NULL ? mdl_table_summary(table) : NULL;
    const bool is_stored =
        table == NULL && mdl_store_table_rows(draft->warehouse->store, of.text) >= 0;
    MDLI_TRY(add_item(draft, name, table, error));
    return summary != NULL || is_stored ? add_item(draft, of.text, summary, error) : MDL_OK;
}

static mdl_status add_node_items(version_draft *draft, const mdli_node *node, mdl_error *error)
{
    if (mdli_node_is_built(node)) {
        MDLI_TRY(add_with_summary(draft, node->model.name, node->table, error));
    }
    if (node->pending != NULL || node->is_pending_unread) {
        MDLI_TRY(add_with_summary(draft, mdli_pending_name(node).text, node->pending, error));
    }
    for (int32_t r = 0; r < node->model.n_refs; r++) {
        if (node->previous_refs[r] != NULL || node->are_previous_refs_unread) {
            MDLI_TRY(
                add_item(draft, mdli_previous_name(node, r).text, node->previous_refs[r], error));
        }
    }
    return MDL_OK;
}

static mdl_status add_log_items(version_draft *draft, mdl_error *error)
{
    mdl_warehouse *warehouse = draft->warehouse;
    MDLI_TRY(mdli_load_log_write(warehouse, &draft->loads, error));
    MDLI_TRY(add_item(draft, MDLI_TABLE_LOADS, draft->loads.loads, error));
    MDLI_TRY(add_item(draft, MDLI_TABLE_SEGMENTS, draft->loads.segments, error));
    if (draft->loads.layouts != NULL ||
        mdl_store_table_rows(warehouse->store, MDLI_TABLE_LAYOUTS) >= 0) {
        MDLI_TRY(add_item(draft, MDLI_TABLE_LAYOUTS, draft->loads.layouts, error));
    }
    if (warehouse->rejects != NULL) {
        MDLI_TRY(add_item(draft, MDLI_TABLE_REJECTS, warehouse->rejects, error));
    }
    MDLI_TRY(mdli_definitions_write(warehouse, &draft->definitions, error));
    MDLI_TRY(add_item(draft, MDLI_TABLE_DEFINITIONS, draft->definitions, error));
    MDLI_TRY(add_item(draft, MDLI_TABLE_RUNS, warehouse->runs, error));
    return add_item(draft, MDLI_TABLE_RUN_TASKS, warehouse->run_tasks, error);
}

/* Adds what is known of tests, and the rows that failed them. */
static mdl_status add_known_tests(version_draft *draft, mdl_error *error)
{
    const mdl_warehouse *warehouse = draft->warehouse;
    MDLI_TRY(mdli_known_tests_write(warehouse, &draft->known_tests, error));
    MDLI_TRY(add_item(draft, MDLI_TABLE_KNOWN_TESTS, draft->known_tests, error));
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        const mdli_node *node = warehouse->nodes[i];
        for (int32_t t = 0; t < node->n_tests; t++) {
            const mdli_known_test *known = &node->known[t];
            if (mdli_is_test_known(warehouse, i, t) &&
                (known->failures != NULL || known->are_failures_unread)) {
                MDLI_TRY(add_item(draft, mdli_known_failures_name(&node->tests[t]).text,
                                  known->failures, error));
            }
        }
    }
    return MDL_OK;
}

/* Whether the version has a table of that name already. */
static bool has_item(const version_draft *draft, const char *name)
{
    for (int64_t i = 0; i < draft->n_items; i++) {
        if (strcmp(draft->items[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool mdli_is_table_of_node(const mdl_warehouse *warehouse, const char *name)
{
    size_t prefix_bytes = strlen(PENDING_PREFIX);
    if (strncmp(name, PENDING_PREFIX, prefix_bytes) == 0) {
        name += prefix_bytes;
    }
    size_t size_bytes = strcspn(name, "/");
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        const char *node = warehouse->nodes[i]->model.name;
        if (strlen(node) == size_bytes && memcmp(node, name, size_bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* Hands on the tables of models that this process does not have. */
static mdl_status add_items_of_others(version_draft *draft, mdl_error *error)
{
    const mdl_store *store = draft->warehouse->store;
    for (int32_t i = 0; i < mdl_store_n_tables(store); i++) {
        const char *name = mdl_store_table_name(store, i);
        if (!has_item(draft, name) && !mdli_is_table_of_node(draft->warehouse, name) &&
            !mdli_is_known_tests_name(name)) {
            MDLI_TRY(add_item(draft, name, NULL, error));
        }
    }
    return MDL_OK;
}

mdl_status mdl_warehouse_commit(mdl_warehouse *warehouse, const char *message, mdl_error *error)
{
    if (warehouse->store == NULL) {
        return mdl_error_set(error, MDL_E_STATE, "the warehouse was not made over a store");
    }
    version_draft draft = {.warehouse = warehouse};
    mdli_commit_message made;
    MDLI_TRY(mdli_make_commit_message(warehouse, &made, error));
    mdli_arena_init(&draft.names, warehouse->context, "commit");
    mdl_status status;
    MDLI_TRY_GOTO_DONE(add_log_items(&draft, error));
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        MDLI_TRY_GOTO_DONE(add_node_items(&draft, warehouse->nodes[i], error));
    }
    MDLI_TRY_GOTO_DONE(add_known_tests(&draft, error));
    MDLI_TRY_GOTO_DONE(add_items_of_others(&draft, error));
    MDLI_TRY_GOTO_DONE(mdl_store_commit(warehouse->store, draft.items, (int32_t)draft.n_items,
                                        message != NULL ? message : made.text, mdli_utc_now(),
                                        error));
    mdli_load_log_committed(warehouse, &draft.loads);
    warehouse->n_loads_committed = warehouse->n_loads;
    warehouse->last_run_committed = made.last_run;
    warehouse->changes = (mdl_snapshot_counts){.n_inserted = 0};
done:
    mdli_load_log_free(&draft.loads);
    mdl_table_free(draft.definitions);
    mdl_table_free(draft.known_tests);
    mdli_free(warehouse->context, draft.items);
    mdli_arena_reset(&draft.names);
    return status;
}
