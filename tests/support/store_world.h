/*
 * A world whose warehouse stands over a store, and can be closed and opened again as another
 * process would.
 */
#ifndef TESTS_STORE_WORLD_H
#define TESTS_STORE_WORLD_H

#include "support/warehouse_world.h"

typedef struct store_world {
    test_world base;
    char store_path[96];
    mdl_store *store;
    /* Adds to a warehouse that was opened what is not built in; NULL = nothing. */
    void (*extend)(mdl_warehouse *warehouse);
} store_world;

static inline void store_world_open_warehouse(store_world *world)
{
    mdl_warehouse_options options;
    mdl_warehouse_options_init(&options);
    options.store = world->store;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status =
        mdl_warehouse_create(world->base.context, &options, &world->base.warehouse, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    if (world->extend != NULL) {
        world->extend(world->base.warehouse);
    }
}

/* Opens store and warehouse; `version` 0 = the latest, to be written to. */
static inline void store_world_open(store_world *world, int64_t version)
{
    mdl_store_options options;
    mdl_store_options_init(&options);
    options.read_only = version > 0;
    options.version = version;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status =
        mdl_store_open(world->base.context, world->store_path, &options, &world->store, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    store_world_open_warehouse(world);
}

/* Makes the folder of a world, in which `store_path` will be. */
static inline void store_world_make_folder(store_world *world)
{
    *world = (store_world){.store = NULL};
    world_make_folder(&world->base);
    snprintf(world->store_path, sizeof world->store_path, "%s/store", world->base.folder);
}

static inline void store_world_start(store_world *world, void (*extend)(mdl_warehouse *warehouse))
{
    store_world_make_folder(world);
    world_make_context(&world->base, 2, NULL);
    world->extend = extend;
    store_world_open(world, 0);
}

/* Closes warehouse and store; nothing may be left of the context's memory. */
static inline void store_world_close(store_world *world)
{
    mdl_warehouse_free(world->base.warehouse);
    world->base.warehouse = NULL;
    mdl_store_close(world->store);
    world->store = NULL;
    ck_assert_int_eq(mdl_context_memory_in_use(world->base.context), world->base.context_bytes);
}

static inline void store_world_reopen(store_world *world)
{
    store_world_close(world);
    store_world_open(world, 0);
}

static inline void store_world_commit(store_world *world)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_warehouse_commit(world->base.warehouse, NULL, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
}

/* Commits, and goes on as another process would. */
static inline void store_world_next_process(store_world *world)
{
    store_world_commit(world);
    store_world_reopen(world);
}

static inline void store_world_end(store_world *world)
{
    store_world_close(world);
    world_end(&world->base);
}

#endif
