/*
 * What tests of a warehouse start from: a context, a warehouse, and a folder for its files that
 * goes away at the end.
 */
#ifndef TESTS_WAREHOUSE_WORLD_H
#define TESTS_WAREHOUSE_WORLD_H

#include <check.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "medallion/medallion.h"

#include "support/table_text.h"

typedef struct test_world {
    char folder[64];
    char path[256]; /* of the file that was last written */
    mdl_context *context;
    int64_t context_bytes; /* that the context holds for itself */
    mdl_warehouse *warehouse;
    mdl_error error; /* for calls that may fail */
} test_world;

static inline void world_make_folder(test_world *world)
{
    *world = (test_world){.folder = "/tmp/medallion-test-XXXXXX", .error = MDL_ERROR_INIT};
    ck_assert_ptr_nonnull(mkdtemp(world->folder));
}

/* Makes a context; small blocks and chunks, so that little data has many. `allocator` NULL = the
 * default. */
static inline void world_make_context(test_world *world, int32_t n_threads,
                                      const mdl_allocator *allocator)
{
    mdl_context_options context_options;
    mdl_context_options_init(&context_options);
    context_options.n_threads = n_threads;
    context_options.block_rows = 7;
    context_options.chunk_bytes = 64;
    if (allocator != NULL) {
        context_options.allocator = *allocator;
    }
    ck_assert_int_eq(mdl_context_create(&context_options, &world->context, NULL), MDL_OK);
    world->context_bytes = mdl_context_memory_in_use(world->context);
}

static inline void world_start_threads(test_world *world, const mdl_warehouse_options *options,
                                       int32_t n_threads)
{
    world_make_folder(world);
    world_make_context(world, n_threads, NULL);
    ck_assert_int_eq(mdl_warehouse_create(world->context, options, &world->warehouse, NULL),
                     MDL_OK);
}

static inline void world_start_with(test_world *world, const mdl_warehouse_options *options)
{
    world_start_threads(world, options, 2);
}

static inline void world_start(test_world *world)
{
    world_start_with(world, NULL);
}

static inline int world_remove_entry(const char *path, const struct stat *entry, int kind,
                                     struct FTW *place)
{
    (void)entry;
    (void)kind;
    (void)place;
    return remove(path);
}

/* Frees the context; nothing may be left of its memory. */
static inline void world_free_context(test_world *world)
{
    ck_assert_int_eq(mdl_context_memory_in_use(world->context), world->context_bytes);
    mdl_context_free(world->context);
    world->context = NULL;
}

static inline void world_remove_folder(const test_world *world)
{
    nftw(world->folder, world_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void world_end(test_world *world)
{
    mdl_warehouse_free(world->warehouse);
    world_free_context(world);
    world_remove_folder(world);
}

/* Writes a file in the world's folder; gives its path until the next write. */
static inline const char *world_write(test_world *world, const char *name, const char *text)
{
    snprintf(world->path, sizeof world->path, "%s/%s", world->folder, name);
    FILE *file = fopen(world->path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, strlen(text), file), strlen(text));
    ck_assert_int_eq(fclose(file), 0);
    return world->path;
}

/* Makes the last failure nothing, then loads one path. */
static inline mdl_status world_load(test_world *world, const char *path)
{
    world->error = (mdl_error)MDL_ERROR_INIT;
    return mdl_warehouse_load(world->warehouse, &path, 1, NULL, &world->error);
}

/* Builds what `select` says; a failure fails the test. */
static inline void world_build(test_world *world, const char *select)
{
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.select = select;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_warehouse_build(world->warehouse, &options, NULL, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
}

/* A table as CSV text, to be freed. */
static inline char *world_csv(test_world *world, const char *name)
{
    const mdl_table *table;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_warehouse_read_table(world->warehouse, name, &table, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    return table_text(world->context, table);
}

/* Compares a table's CSV text; a difference is shown from the start of its line. */
static inline void world_assert_csv(test_world *world, const char *name, const char *expected)
{
    char *text = world_csv(world, name);
    size_t at = 0;
    size_t line = 0;
    for (; text[at] != '\0' && text[at] == expected[at]; at++) {
        line = text[at] == '\n' ? at + 1 : line;
    }
    ck_assert_msg(text[at] == expected[at], "%s: found \"%.300s\", expected \"%.300s\"", name,
                  text + line, expected + line);
    free(text);
}

static inline int64_t world_n_rows(test_world *world, const char *name)
{
    const mdl_table *table = mdl_warehouse_table(world->warehouse, name);
    ck_assert_msg(table != NULL, "there is no table %s", name);
    return mdl_table_n_rows(table);
}

#endif
