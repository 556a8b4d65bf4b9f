/**
 * @file store.h
 * A store: tables that outlive the process, in versions.
 *
 * A store is a folder. Each commit makes a new version, complete and immutable: a set of named
 * tables. Versions share the blocks that they have in common, so a version costs only what is new
 * in it. A commit is atomic: after a kill, a full disk or a torn write the store holds the version
 * before or the version after, whole. Every block has a checksum, and a byte that changed on disk
 * is told with file, column and block, never given as data. docs/format.md describes the files.
 *
 * One process may write at a time; it holds a lock that ends with it. Any number may read
 * meanwhile, each the version that was the latest when it opened the store.
 *
 * A store belongs to one thread at a time; the tables that it gives are as any others. A warehouse
 * over a store (`store` of ::mdl_warehouse_options) does all this by itself.
 */
#ifndef MEDALLION_STORE_H
#define MEDALLION_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/context.h"
#include "medallion/export.h"
#include "medallion/status.h"
#include "medallion/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A store; opaque. */
typedef struct mdl_store mdl_store;

/** Settings of a store. Start from ::mdl_store_options_init. */
typedef struct mdl_store_options {
    size_t struct_size; /**< set by ::mdl_store_options_init */
    bool read_only;     /**< true = take no lock, commit nothing; default false */
    bool must_exist;    /**< true = a folder without a store is ::MDL_E_FILE_NOT_FOUND; default
                             false: one is made. Of no effect when read_only: it must exist */
    int64_t version;    /**< 0 = the latest (default); else an older one, only with read_only */
    double lock_wait_seconds; /**< how long to wait for another writer to end; default 0 */
} mdl_store_options;

/** Fills `options` with the defaults. */
MDL_API void mdl_store_options_init(mdl_store_options *options);

/**
 * Opens the store in folder `path`.
 *
 * @param options  NULL = the defaults
 * @param out      to be closed with ::mdl_store_close
 * @return ::MDL_E_STATE when another process writes (tells its process id where it can),
 *         ::MDL_E_FILE_NOT_FOUND, ::MDL_E_NOT_FOUND for a version that is not there,
 *         ::MDL_E_ARGUMENT for a folder that holds something else, ::MDL_E_UNSUPPORTED for a format
 *         that is newer than this library, ::MDL_E_CORRUPT for damaged files, ::MDL_E_IO,
 *         ::MDL_E_NO_SPACE.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_store_open(mdl_context *context, const char *path,
                                                 const mdl_store_options *options, mdl_store **out,
                                                 mdl_error *error);

/** Closes a store and gives up its lock; tables that it gave stay. Accepts NULL. */
MDL_API void mdl_store_close(mdl_store *store);

/** The folder, as it was given; lives as long as the store. */
MDL_API const char *mdl_store_path(const mdl_store *store);

/** True when nothing can be committed. */
MDL_API bool mdl_store_is_read_only(const mdl_store *store);

/** The version at hand, from 1; 0 = nothing was committed yet. */
MDL_API int64_t mdl_store_version(const mdl_store *store);

/** A version that the store keeps. */
typedef struct mdl_store_version_info {
    int64_t version;
    int64_t committed_at; /**< seconds since 1970-01-01 UTC */
    const char *message;  /**< of the commit */
    int32_t n_tables;
    int64_t n_rows;     /**< of all tables */
    int64_t size_bytes; /**< of the blocks that it refers to, on disk */
    int64_t new_bytes;  /**< of them, written by its own commit */
} mdl_store_version_info;

/** How many versions the store keeps. */
MDL_API int32_t mdl_store_n_versions(const mdl_store *store);

/**
 * Version `index` of those kept, oldest first, 0 ≤ index < ::mdl_store_n_versions; what it points to
 * lives until the next call on the store. ::MDL_E_ARGUMENT, ::MDL_E_CORRUPT, ::MDL_E_IO. Of a
 * version whose manifest cannot be read `out->version` is told, and the rest is zero; the others can
 * be asked for all the same.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_store_get_version(mdl_store *store, int32_t index,
                                                        mdl_store_version_info *out,
                                                        mdl_error *error);

/** How many tables the version at hand has. */
MDL_API int32_t mdl_store_n_tables(const mdl_store *store);

/** The name of table `index`, 0 ≤ index < ::mdl_store_n_tables; lives until the next commit. */
MDL_API const char *mdl_store_table_name(const mdl_store *store, int32_t index);

/** The rows of the table with that name, or -1 when there is none; reads no block. */
MDL_API int64_t mdl_store_table_rows(const mdl_store *store, const char *name);

/** The number of columns of the table with that name, or -1 when there is none; reads no block. */
MDL_API int32_t mdl_store_table_n_columns(const mdl_store *store, const char *name);

/** Name and type of column `index` of that table, 0 ≤ index < ::mdl_store_table_n_columns; a NULL
 * name when there is none. The name lives until the next commit. */
MDL_API mdl_field mdl_store_table_column(const mdl_store *store, const char *name, int32_t index);

/**
 * Reads a table. Blocks that the store has read or written before and that are still in use are
 * shared. Long columns of packed numbers are read, and checked, when their rows are asked for, and
 * no more of them than that: damage to these, or a file that cannot be read, is told by the call
 * that asks, in the same words, and ::mdl_store_check tells all that there is. The table stays
 * whole when its version is dropped and the store closed.
 *
 * @param columns    names of the columns to read; NULL = all
 * @param n_columns  names in `columns`; ignored when it is NULL
 * @param out        to be freed with ::mdl_table_free
 * @return ::MDL_E_NOT_FOUND, ::MDL_E_CORRUPT (says file, column and block), ::MDL_E_IO,
 *         ::MDL_E_NO_MEMORY, ::MDL_E_BUDGET, ::MDL_E_CANCELLED, ::MDL_E_DEADLINE.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_store_read_table(mdl_store *store, const char *name,
                                                       const char *const *columns,
                                                       int32_t n_columns, mdl_table **out,
                                                       mdl_error *error);

/** A table of a version in the making. */
typedef struct mdl_store_item {
    const char *name;       /**< 1 … 255 bytes of UTF-8 */
    const mdl_table *table; /**< NULL = the table of that name in the version at hand, unread */
} mdl_store_item;

/**
 * Makes a new version of these tables and no others, and makes it the version at hand. When it
 * returns ::MDL_OK the version is on disk, synced. All or nothing.
 *
 * @param message       one line on what it is, for the history
 * @param committed_at  when, seconds since 1970-01-01 UTC
 * @return ::MDL_E_STATE for a store that was opened read-only, or one whose last commit failed when
 *         it may have been done already: open it anew to see. ::MDL_E_NOT_FOUND for an item without
 *         a table whose name is not in the version at hand, ::MDL_E_ARGUMENT,
 *         ::MDL_E_NO_SPACE, ::MDL_E_IO, ::MDL_E_NO_MEMORY, ::MDL_E_BUDGET, ::MDL_E_CANCELLED.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_store_commit(mdl_store *store, const mdl_store_item *items,
                                                   int32_t n_items, const char *message,
                                                   int64_t committed_at, mdl_error *error);

/**
 * Makes a new store in folder `to`, which must not exist or be empty, with the versions that
 * `store` keeps up to the one at hand. Files are linked, not copied, where both folders are on one
 * file system: neither store can change what the other reads. All or nothing.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_store_clone(mdl_store *store, const char *to,
                                                  mdl_error *error);

/** What a vacuum did. */
typedef struct mdl_store_vacuum_info {
    int64_t n_versions_dropped;
    int64_t n_files_removed;
    int64_t bytes_freed;
} mdl_store_vacuum_info;

/**
 * Drops all versions but the latest `n_kept` ≥ 1, and the files that none of these refers to, those
 * of commits that were never finished included. A version that somebody has open to read stays, and
 * goes with a later vacuum. `out` may be NULL.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_store_vacuum(mdl_store *store, int32_t n_kept,
                                                   mdl_store_vacuum_info *out, mdl_error *error);

/** Reads and checks every byte that the version at hand refers to. ::MDL_E_CORRUPT says where. */
MDL_API MDL_MUST_CHECK mdl_status mdl_store_check(mdl_store *store, mdl_error *error);

#ifdef __cplusplus
}
#endif

#endif
