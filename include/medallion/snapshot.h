/**
 * @file snapshot.h
 * Snapshots: the history of a keyed table, by slowly changing dimensions of type 2.
 *
 * A history has all columns of the table and five more, named as dbt's `check` strategy does:
 *
 * | column         | type      | holds                                                         |
 * |----------------|-----------|---------------------------------------------------------------|
 * | dbt_scd_id     | STRING    | XXH3-128, seed 0, in lower-case hex (big-endian), of the text |
 * |                |           | of each key column followed by byte 0x1F, then the text of    |
 * |                |           | dbt_valid_from                                                |
 * | dbt_updated_at | TIMESTAMP | when the row entered                                          |
 * | dbt_valid_from | TIMESTAMP | from when it was valid                                        |
 * | dbt_valid_to   | TIMESTAMP | until when, itself not included; NULL = it is current         |
 * | dbt_is_deleted | BOOL      | true = says that the key is gone (`new_record`)               |
 *
 * Rows are ascending by key, then dbt_valid_from. Histories are tables like any other: immutable,
 * to be queried, written as CSV, kept in a store. Nothing here changes one; applying changes gives
 * a new one. A warehouse takes snapshots in its runs (warehouse.h); the functions here work on any
 * tables. They are thread-safe but for ::mdl_snapshot_changes, which belongs to one thread.
 */
#ifndef MEDALLION_SNAPSHOT_H
#define MEDALLION_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/context.h"
#include "medallion/export.h"
#include "medallion/status.h"
#include "medallion/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Name, pinned value and text of what becomes of keys that are gone from the table. */
#define MDL_HARD_DELETES_LIST(X)                                                                   \
    X(IGNORE, 0, "ignore")         /* nothing (default) */                                         \
    X(INVALIDATE, 1, "invalidate") /* the current row ends */                                      \
    X(NEW_RECORD, 2, "new_record") /* it ends, and a row with dbt_is_deleted true enters */

/** What becomes of keys that are gone from the table. */
typedef enum mdl_hard_deletes {
#define MDL_HARD_DELETES_ENUM(name, value, text) MDL_HARD_DELETES_##name = value,
    MDL_HARD_DELETES_LIST(MDL_HARD_DELETES_ENUM)
#undef MDL_HARD_DELETES_ENUM
} mdl_hard_deletes;

/** "ignore", "invalidate" or "new_record"; "?" for a value that is none. Thread-safe. */
MDL_API const char *mdl_hard_deletes_name(mdl_hard_deletes hard_deletes);

/** The declaration of a snapshot. What it points to must live as long as what it is given to. */
typedef struct mdl_snapshot {
    size_t struct_size;      /**< sizeof(mdl_snapshot) */
    const char *name;        /**< such as "snap_mart_movie_analytics" */
    const char *table;       /**< the model whose history it keeps */
    const char *description; /**< one line of plain text */
    const char *key;         /**< `"movie_id"`: columns that are unique together and never NULL */
    const char *check;       /**< columns whose change makes a new row; NULL = all but the key */
    mdl_hard_deletes hard_deletes;
} mdl_snapshot;

/** How a table differs from what its history holds as current. */
typedef struct mdl_snapshot_counts {
    int64_t n_inserted;   /**< keys that the history has never had */
    int64_t n_changed;    /**< keys with a check column that differs */
    int64_t n_deleted;    /**< current keys that are gone (`invalidate`, `new_record`) */
    int64_t n_missing;    /**< current keys that are gone, which `ignore` leaves as they are */
    int64_t n_reappeared; /**< keys that were deleted and are there again */
    int64_t n_unchanged;  /**< keys whose check columns are as they were */
} mdl_snapshot_counts;

/** Differences between a table and its history; opaque. Holds references to both. */
typedef struct mdl_snapshot_changes mdl_snapshot_changes;

/**
 * Compares a table with its history and changes nothing.
 *
 * @param history  as ::mdl_snapshot_changes_apply gave it; NULL = there is none yet
 * @param current  the table now; any row order
 * @param out      to be freed with ::mdl_snapshot_changes_free
 * @return ::MDL_E_DATA for a key that is NULL or twice in `current` (says which),
 *         ::MDL_E_NOT_FOUND for a column that `current` does not have, ::MDL_E_SCHEMA when the
 *         columns of `history` are not those of `current` and the five above,
 *         ::MDL_E_NO_MEMORY, ::MDL_E_BUDGET, ::MDL_E_CANCELLED, ::MDL_E_DEADLINE.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_snapshot_diff(mdl_context *context,
                                                    const mdl_snapshot *snapshot,
                                                    const mdl_table *history,
                                                    const mdl_table *current,
                                                    mdl_snapshot_changes **out, mdl_error *error);

/** The numbers of the changes. */
MDL_API mdl_snapshot_counts mdl_snapshot_changes_counts(const mdl_snapshot_changes *changes);

/**
 * The changes as a table, ascending by key: `change` STRING (inserted, changed, deleted, missing,
 * reappeared), the key columns, `column` STRING, `old` STRING, `new` STRING. A changed key has a
 * row for each check column that differs, in their order, with both values as text; other changes
 * have one row, with NULL there. Keys that did not change have none.
 *
 * @param limit  most rows to give; -1 = all
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_snapshot_changes_table(const mdl_snapshot_changes *changes,
                                                             int64_t limit, mdl_table **out,
                                                             mdl_error *error);

/**
 * Gives the history with the changes in it.
 *
 * @param run_time  when they happened, seconds since 1970-01-01 UTC
 * @param out       a new table, to be freed with ::mdl_table_free; the same one as before (a new
 *                  reference) when there is nothing to change
 * @return ::MDL_E_STATE when there is something to change and `run_time` is not after the last
 *         change in the history, ::MDL_E_ARGUMENT for one outside of the years 1 … 9999, and as
 *         ::mdl_snapshot_diff.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_snapshot_changes_apply(const mdl_snapshot_changes *changes,
                                                             int64_t run_time, mdl_table **out,
                                                             mdl_error *error);

/** Frees changes. Accepts NULL. */
MDL_API void mdl_snapshot_changes_free(mdl_snapshot_changes *changes);

/**
 * The rows of a history that were valid at `time` (dbt_valid_from ≤ time < dbt_valid_to), rows that
 * tell a deletion included, with all columns; order kept.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_snapshot_as_of(mdl_context *context, const mdl_table *history,
                                                     int64_t time, mdl_table **out,
                                                     mdl_error *error);

#ifdef __cplusplus
}
#endif

#endif
