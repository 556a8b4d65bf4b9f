/*
 * The past of nodes: the table that a model gave at its last build, and the tables of its refs from
 * which it did. An incremental model goes on from them, and no model with a version is built again
 * while they are the same.
 *
 * In a store the past is lists of blocks, most of which tables of today have too. Where neither a ref
 * nor what it was has been read, the lists alone tell whether they are the same.
 */
#include "base/error.h"
#include "snapshot/snapshot_compare.h"
#include "store/store_compare.h"
#include "warehouse/definitions.h"
#include "warehouse/warehouse_internal.h"

bool mdli_node_keeps_past(const mdli_node *node)
{
    return node->model.materialization == MDL_MATERIALIZATION_INCREMENTAL ||
           node->model.version != 0;
}

bool mdli_node_has_stored_refs(const mdl_store *store, const mdli_node *node)
{
    bool has_all = mdli_node_keeps_past(node);
    for (int32_t r = 0; r < node->model.n_refs && has_all; r++) {
        has_all = mdl_store_table_rows(store, mdli_previous_name(node, r).text) >= 0;
    }
    return has_all;
}

/* Whether the past that a node may have is of its definition. A model without a version vouches for
 * its past itself. */
static bool has_own_past(const mdli_node *node)
{
    return mdli_node_keeps_past(node) &&
           (node->model.version == 0 ||
            mdli_is_defined_as(&node->table_definition, &node->definition));
}

/* Whether the previous refs in the store have the columns that the refs have now. */
static bool fit_previous_refs(const mdl_warehouse *warehouse, const mdli_node *node)
{
    for (int32_t r = 0; r < node->model.n_refs; r++) {
        const mdl_model *ref = &warehouse->nodes[node->refs[r]]->model;
        if (!mdli_is_stored_as(warehouse->store, mdli_previous_name(node, r).text, ref)) {
            return false;
        }
    }
    return true;
}

/* Whether a node has a past that counts, be it in memory or in the store. */
static bool has_past_somewhere(const mdl_warehouse *warehouse, const mdli_node *node)
{
    bool has_all = has_own_past(node) && mdli_node_is_built(node);
    if (has_all && node->are_previous_refs_unread) {
        return fit_previous_refs(warehouse, node);
    }
    for (int32_t r = 0; r < node->model.n_refs && has_all; r++) {
        has_all = node->previous_refs[r] != NULL;
    }
    return has_all;
}

static mdl_status read_previous_ref(mdl_warehouse *warehouse, mdli_node *node, int32_t r,
                                    mdl_error *error)
{
    if (node->previous_refs[r] != NULL) {
        return MDL_OK;
    }
    return mdli_read_stored(warehouse, mdli_previous_name(node, r).text, &node->previous_refs[r],
                            error);
}

mdl_status mdli_node_past(mdl_warehouse *warehouse, mdli_node *node, bool *has_past,
                          mdl_error *error)
{
    *has_past = has_past_somewhere(warehouse, node);
    if (!*has_past) {
        node->are_previous_refs_unread = false;
        return MDL_OK;
    }
    /* After a failure those that were read stay, and the others are still to be read. */
    for (int32_t r = 0; r < node->model.n_refs; r++) {
        MDLI_TRY(read_previous_ref(warehouse, node, r, error));
    }
    node->are_previous_refs_unread = false;
    const mdl_table *table;
    return mdli_node_table(warehouse, node, &table, error);
}

/* Whether a ref is what it was. What it was is read only where the number of rows does not tell. */
static mdl_status is_ref_same(mdl_warehouse *warehouse, mdli_node *node, int32_t r,
                              const mdli_build_inputs *inputs, bool *is_same, mdl_error *error)
{
    mdli_node *ref = warehouse->nodes[node->refs[r]];
    const mdli_table_name before = mdli_previous_name(node, r);
    const mdl_table *now = inputs->tables[node->refs[r]];
    if (now == NULL) {
        now = mdli_node_table_at_hand(ref);
    }
    if (node->previous_refs[r] == NULL) {
        if (now == NULL) {
            *is_same = mdli_store_tables_are_same(warehouse->store, before.text, ref->model.name);
            return MDL_OK;
        }
        if (mdl_store_table_rows(warehouse->store, before.text) != mdl_table_n_rows(now)) {
            *is_same = false;
            return MDL_OK;
        }
        MDLI_TRY(read_previous_ref(warehouse, node, r, error));
    }
    if (now == NULL) {
        MDLI_TRY(mdli_node_table(warehouse, ref, &now, error));
    }
    *is_same = mdli_tables_are_same(node->previous_refs[r], now);
    return MDL_OK;
}

mdl_status mdli_is_up_to_date(mdl_warehouse *warehouse, mdli_node *node,
                              const mdli_build_inputs *inputs, bool *is_same, mdl_error *error)
{
    *is_same =
        node->model.version != 0 && !inputs->full_refresh && has_past_somewhere(warehouse, node);
    for (int32_t r = 0; *is_same && r < node->model.n_refs; r++) {
        MDLI_TRY(is_ref_same(warehouse, node, r, inputs, is_same, error));
    }
    return MDL_OK;
}
