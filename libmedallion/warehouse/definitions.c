/*
 * Definitions: what a table depends on besides its inputs, as one hash.
 *
 * A function of a program cannot be looked at, so a model says by its version whether it still gives
 * what it gave. To this come the declaration, the tiers, and the version of the library, whose
 * operators do the work. The hash is kept with each table; one that differs, or is not there, says
 * that the table has to be built from all rows.
 *
 * A store has them as a table with a row for each of its tables that has one.
 */
#define XXH_STATIC_LINKING_ONLY /* for a hash state on the stack */
#include "warehouse/definitions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "column/table_rows.h"
#include "medallion/version.h"

enum {
    DEFINITION_TABLE,
    DEFINITION_HASH,
    N_DEFINITION_COLUMNS
};

static const mdl_field definition_fields[N_DEFINITION_COLUMNS] = {
    [DEFINITION_TABLE] = {"table", MDL_TYPE_STRING},
    [DEFINITION_HASH] = {"definition", MDL_TYPE_STRING},
};

/* Texts are hashed with their ends, so that no two lists of them are the same bytes. */
static void hash_text(XXH3_state_t *state, const char *text)
{
    if (text != NULL) {
        XXH3_128bits_update(state, text, strlen(text) + 1);
    }
}

static void hash_integer(XXH3_state_t *state, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    hash_text(state, text);
}

static void hash_declaration(XXH3_state_t *state, const mdl_model *model)
{
    hash_integer(state, model->version);
    hash_integer(state, model->materialization);
    hash_integer(state, model->n_refs);
    for (int32_t i = 0; i < model->n_refs; i++) {
        hash_text(state, model->refs[i]);
    }
    hash_integer(state, model->n_columns);
    for (int32_t i = 0; i < model->n_columns; i++) {
        hash_text(state, model->columns[i].name);
        hash_integer(state, model->columns[i].type);
    }
    hash_text(state, model->key);
}

static void hash_tiers(XXH3_state_t *state, const mdl_tier *tiers, int32_t n_tiers)
{
    for (int32_t i = 0; i < n_tiers; i++) {
        hash_text(state, tiers[i].model);
        hash_text(state, tiers[i].column);
        hash_integer(state, tiers[i].test);
        hash_integer(state, tiers[i].threshold_hundredths);
        hash_text(state, tiers[i].label);
    }
}

static void start_hash(XXH3_state_t *state)
{
    XXH3_128bits_reset(state);
    hash_text(state, mdl_version());
}

static mdli_definition end_hash(const XXH3_state_t *state)
{
    mdli_definition definition;
    const XXH128_hash_t hash = XXH3_128bits_digest(state);
    snprintf(definition.hash, sizeof definition.hash, "%016" PRIx64 "%016" PRIx64, hash.high64,
             hash.low64);
    return definition;
}

mdli_definition mdli_define(const mdl_warehouse *warehouse, const mdl_model *model)
{
    if (model->version == 0) {
        return (mdli_definition){.hash = ""};
    }
    XXH3_state_t state;
    start_hash(&state);
    hash_declaration(&state, model);
    hash_tiers(&state, warehouse->tiers, warehouse->n_tiers);
    return end_hash(&state);
}

mdli_definition mdli_define_test(const mdl_test *test, int64_t n_kept, int64_t version)
{
    const char *const texts[] = {
        test->name,     test->columns,    test->where,   test->values,
        test->least,    test->greatest,   test->to,      test->to_columns,
        test->to_where, test->expression, test->warn_if, test->error_if,
    };
    XXH3_state_t state;
    start_hash(&state);
    hash_integer(&state, version);
    hash_integer(&state, n_kept);
    hash_integer(&state, test->kind);
    hash_integer(&state, test->severity);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        hash_integer(&state, texts[i] != NULL);
        hash_text(&state, texts[i]);
    }
    return end_hash(&state);
}

bool mdli_is_defined_as(const mdli_definition *a, const mdli_definition *b)
{
    return a->hash[0] != '\0' && strcmp(a->hash, b->hash) == 0;
}

/*
 * In a store.
 */

static void copy_text(char *out, size_t size, mdl_string text)
{
    snprintf(out, size, "%.*s", (int)text.size_bytes, text.data);
}

/* Takes a row of the table in a store. */
static mdl_status take_definition(void *data, int64_t row, const mdl_value *values,
                                  mdl_error *error)
{
    (void)row;
    mdl_warehouse *warehouse = data;
    if (values[DEFINITION_TABLE].is_null || values[DEFINITION_HASH].is_null) {
        return MDL_OK;
    }
    void *definitions = warehouse->definitions;
    MDLI_TRY(mdli_grow_array(warehouse->context, &definitions, &warehouse->definitions_capacity,
                             warehouse->n_definitions, warehouse->n_definitions + 1,
                             sizeof *warehouse->definitions, "warehouse", error));
    warehouse->definitions = definitions;
    mdli_stored_definition *stored = &warehouse->definitions[warehouse->n_definitions++];
    copy_text(stored->table.text, sizeof stored->table.text, values[DEFINITION_TABLE].as.text);
    copy_text(stored->definition.hash, sizeof stored->definition.hash,
              values[DEFINITION_HASH].as.text);
    return MDL_OK;
}

mdl_status mdli_definitions_read(mdl_warehouse *warehouse, mdl_error *error)
{
    return mdli_read_log_rows(warehouse, MDLI_TABLE_DEFINITIONS, definition_fields,
                              N_DEFINITION_COLUMNS, take_definition, error);
}

mdli_definition mdli_stored_definition_of(const mdl_warehouse *warehouse, const char *table)
{
    for (int64_t i = 0; i < warehouse->n_definitions; i++) {
        if (strcmp(warehouse->definitions[i].table.text, table) == 0) {
            return warehouse->definitions[i].definition;
        }
    }
    return (mdli_definition){.hash = ""};
}

static mdl_status append_definition(mdl_table_builder *builder, const char *table,
                                    const mdli_definition *definition, mdl_error *error)
{
    if (definition->hash[0] == '\0') {
        return MDL_OK;
    }
    mdl_value values[N_DEFINITION_COLUMNS] = {
        [DEFINITION_TABLE] = {.as.text = {table, (int64_t)strlen(table)}},
        [DEFINITION_HASH] = {.as.text = {definition->hash, (int64_t)strlen(definition->hash)}},
    };
    return mdli_append_row(builder, definition_fields, N_DEFINITION_COLUMNS, values, error);
}

static mdl_status append_definitions(const mdl_warehouse *warehouse, mdl_table_builder *builder,
                                     mdl_error *error)
{
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        const mdli_node *node = warehouse->nodes[i];
        const mdli_table_name pending = mdli_pending_name(node);
        if (mdli_node_is_built(node)) {
            MDLI_TRY(append_definition(builder, node->model.name, &node->table_definition, error));
        }
        if (node->pending != NULL || node->is_pending_unread) {
            MDLI_TRY(append_definition(builder, pending.text, &node->pending_definition, error));
        }
    }
    for (int64_t i = 0; i < warehouse->n_definitions; i++) {
        const mdli_stored_definition *stored = &warehouse->definitions[i];
        if (!mdli_is_table_of_node(warehouse, stored->table.text)) {
            MDLI_TRY(append_definition(builder, stored->table.text, &stored->definition, error));
        }
    }
    return MDL_OK;
}

mdl_status mdli_definitions_write(const mdl_warehouse *warehouse, mdl_table **out, mdl_error *error)
{
    mdl_table_builder *builder = NULL;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdl_table_builder_create(warehouse->context, definition_fields,
                                                N_DEFINITION_COLUMNS, &builder, error));
    MDLI_TRY_GOTO_DONE(append_definitions(warehouse, builder, error));
    MDLI_TRY_GOTO_DONE(mdl_table_builder_finish(builder, out, error));
done:
    mdl_table_builder_free(builder);
    return status;
}
