/*
 * The graph of models: which table is built from which, and in what order.
 *
 * There are tens of tables, not thousands, so plain loops over all of them are fast enough.
 */
#include "warehouse/warehouse_internal.h"

#include <stdio.h>
#include <string.h>

int32_t mdli_find_node(const mdl_warehouse *warehouse, const char *name)
{
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        if (strcmp(warehouse->nodes[i]->model.name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* Whether all refs of a node have a place in the order. */
static bool is_ready(const mdl_warehouse *warehouse, const mdli_node *node)
{
    for (int32_t r = 0; r < node->model.n_refs; r++) {
        if (node->refs[r] < 0 || warehouse->nodes[node->refs[r]]->place < 0) {
            return false;
        }
    }
    return true;
}

/* The first node that has no place yet and is ready, or -1. */
static int32_t find_next(const mdl_warehouse *warehouse)
{
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        if (warehouse->nodes[i]->place < 0 && is_ready(warehouse, warehouse->nodes[i])) {
            return i;
        }
    }
    return -1;
}

void mdli_graph_link(mdl_warehouse *warehouse)
{
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        mdli_node *node = warehouse->nodes[i];
        node->place = -1;
        for (int32_t r = 0; r < node->model.n_refs; r++) {
            node->refs[r] = mdli_find_node(warehouse, node->model.refs[r]);
        }
    }
    int32_t n_placed = 0;
    for (int32_t i = find_next(warehouse); i >= 0; i = find_next(warehouse)) {
        warehouse->nodes[i]->place = n_placed;
        warehouse->order[n_placed++] = i;
    }
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        if (warehouse->nodes[i]->place < 0) {
            warehouse->order[n_placed++] = i;
        }
    }
}

/* A ref of a node without a place that has no place either. */
static int32_t next_without_place(const mdl_warehouse *warehouse, int32_t i)
{
    const mdli_node *node = warehouse->nodes[i];
    for (int32_t r = 0; r < node->model.n_refs; r++) {
        if (warehouse->nodes[node->refs[r]]->place < 0) {
            return node->refs[r];
        }
    }
    return -1;
}

/* Tells the circle that node `i`, all of whose refs are tables, is in or leads to. */
static mdl_status tell_cycle(const mdl_warehouse *warehouse, int32_t i, mdl_error *error)
{
    /* After as many steps as there are nodes the walk can only be in the circle. */
    for (int32_t step = 0; step < warehouse->n_nodes; step++) {
        i = next_without_place(warehouse, i);
    }
    char names[512];
    size_t used = 0;
    int32_t first = i;
    do {
        int length =
            snprintf(names + used, sizeof names - used, "%s -> ", warehouse->nodes[i]->model.name);
        if ((size_t)length >= sizeof names - used) {
            names[used] = '\0';
            break;
        }
        used += (size_t)length;
        i = next_without_place(warehouse, i);
    } while (i != first);
    return mdl_error_set(error, MDL_E_CYCLE, "models refer to each other in a circle: %s%s", names,
                         warehouse->nodes[i]->model.name);
}

mdl_status mdli_graph_check(const mdl_warehouse *warehouse, mdl_error *error)
{
    int32_t without_place = -1;
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        const mdli_node *node = warehouse->nodes[i];
        for (int32_t r = 0; r < node->model.n_refs; r++) {
            if (node->refs[r] < 0) {
                return mdl_error_set(error, MDL_E_NOT_FOUND,
                                     "model %s refers to \"%s\", which is no table",
                                     node->model.name, node->model.refs[r]);
            }
        }
        if (node->place < 0) {
            without_place = i;
        }
    }
    return without_place < 0 ? MDL_OK : tell_cycle(warehouse, without_place, error);
}
