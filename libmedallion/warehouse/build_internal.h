/*
 * What a build function works with, shared by the files that serve it.
 */
#ifndef MDLI_WAREHOUSE_BUILD_INTERNAL_H
#define MDLI_WAREHOUSE_BUILD_INTERNAL_H

#include "warehouse/warehouse_internal.h"

struct mdl_build {
    mdl_warehouse *warehouse;
    const mdli_node *node;
    const mdli_build_inputs *inputs;
    bool is_incremental;
    /* For each ref: how it differs from the previous one, where that was looked for; owned. */
    mdli_changes *found;
    mdli_built *built;
    mdl_query *query;
    /* What lives as long as the query. */
    mdli_arena arena;
    /* A scan of what is no ref; told when the plan is collected. */
    mdl_error fault;
};

/* The position of a name among the refs, or -1. */
int32_t mdli_build_find_ref(const mdl_build *build, const char *name);

#endif
