/**
 * @file warehouse.h
 * A warehouse: source tables, the models over them, and runs that build these.
 *
 * A new warehouse has the four sources `movies`, `ratings`, `tags` and `links`, empty, and the
 * built-in models. Files are loaded into sources, ::mdl_warehouse_build builds models in the order
 * of their refs, tests them, and publishes all of them at once or, after a failure, none. Loading
 * more files and building again updates incremental models; the result is always that of a full
 * refresh. Snapshots keep the history of the marts. A warehouse over a store (store.h) goes on where
 * an earlier process stopped, and ::mdl_warehouse_commit makes what it did last.
 *
 * A warehouse belongs to one thread at a time. Tables that it hands out are immutable: a clone of
 * one can be read by anyone for as long as they like, whatever the warehouse does meanwhile.
 */
#ifndef MEDALLION_WAREHOUSE_H
#define MEDALLION_WAREHOUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/context.h"
#include "medallion/csv.h"
#include "medallion/export.h"
#include "medallion/model.h"
#include "medallion/run.h"
#include "medallion/snapshot.h"
#include "medallion/status.h"
#include "medallion/store.h"
#include "medallion/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A warehouse; opaque. */
typedef struct mdl_warehouse mdl_warehouse;

/** Settings of a warehouse. Start from ::mdl_warehouse_options_init. */
typedef struct mdl_warehouse_options {
    size_t struct_size;     /**< set by ::mdl_warehouse_options_init */
    bool no_builtin_models; /**< true = only the sources; default false */
    const mdl_tier *tiers;  /**< NULL = ::mdl_default_tiers (default); must live as long as the
                                 warehouse */
    int32_t n_tiers;        /**< rules in `tiers` */
    mdl_store *store; /**< NULL (default), or where the warehouse goes on from: tables are read
                                 from it when they are needed. Must outlive the warehouse */
} mdl_warehouse_options;

/** Fills `options` with the defaults. */
MDL_API void mdl_warehouse_options_init(mdl_warehouse_options *options);

/**
 * Makes a warehouse, to be freed with ::mdl_warehouse_free. `options` NULL = the defaults. Over a
 * store it can also fail as ::mdl_store_read_table.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_warehouse_create(mdl_context *context,
                                                       const mdl_warehouse_options *options,
                                                       mdl_warehouse **out, mdl_error *error);

/** Frees a warehouse and its references to tables. Accepts NULL. */
MDL_API void mdl_warehouse_free(mdl_warehouse *warehouse);

/**
 * @name Loading
 * @{
 */

/** Settings of a load. Start from ::mdl_load_options_init. */
typedef struct mdl_load_options {
    size_t struct_size;  /**< set by ::mdl_load_options_init */
    mdl_csv_options csv; /**< what bad records do, and so on */
    bool force;          /**< true = load content that was loaded before once more; default false */
    int32_t
        max_retries; /**< how often a read that fails with ::MDL_E_IO is tried again; default 0 */
    double retry_seconds; /**< wait before the first retry; doubled for each one after, up to a
                               minute; default 1 */
} mdl_load_options;

/** Fills `options` with the defaults. */
MDL_API void mdl_load_options_init(mdl_load_options *options);

/** What became of one file. */
typedef struct mdl_load_info {
    const char *path;   /**< as given, or folder + "/" + name */
    const char *source; /**< the table that it belongs to */
    int64_t size_bytes;
    int64_t first_row;          /**< where its rows start in the source */
    int64_t n_rows;             /**< rows loaded */
    int64_t n_rejected;         /**< records rejected */
    bool already_loaded;        /**< true = the same content was there, nothing was loaded */
    double seconds;             /**< wall time of reading and encoding it */
    int64_t loaded_at;          /**< when, seconds since 1970-01-01 UTC */
    int32_t attempt;            /**< from 1; more when ::mdl_load_options let it try again */
    unsigned char xxh3_128[16]; /**< of the content, as in ::mdl_csv_result */
} mdl_load_info;

/**
 * Loads files. A folder stands for its movies.csv, ratings.csv, tags.csv and links.csv, in this
 * order, then its daily files `DDMMYYYY_<source>.csv` by date; other files in it are passed over. A
 * file must have such a name. Files accumulate in the order of loading.
 *
 * All or nothing: after a failure every source is as before the call. Content that a source holds
 * already (same size, same XXH3-128) is not loaded again, unless forced; it is listed as
 * `already_loaded`.
 *
 * @param paths    files and folders, at least one
 * @param options  NULL = the defaults
 * @return ::MDL_E_ARGUMENT for a name that is no source's (also a date such as 31022026) or a
 * folder without any, ::MDL_E_FILE_NOT_FOUND, and what ::mdl_csv_read_file and, over a store,
 * ::mdl_store_read_table answer.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_warehouse_load(mdl_warehouse *warehouse,
                                                     const char *const *paths, int32_t n_paths,
                                                     const mdl_load_options *options,
                                                     mdl_error *error);

/** As ::mdl_warehouse_load for one file of any name into `source`. */
MDL_API MDL_MUST_CHECK mdl_status mdl_warehouse_load_file(mdl_warehouse *warehouse,
                                                          const char *source, const char *path,
                                                          const mdl_load_options *options,
                                                          mdl_error *error);

/**
 * Appends rows that the program has made itself; `rows` must have the source's columns. The
 * warehouse takes a reference of its own. ::MDL_E_SCHEMA when the columns differ.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_warehouse_append(mdl_warehouse *warehouse, const char *source,
                                                       const mdl_table *rows, mdl_error *error);

/** How many files were loaded, or found loaded already, since the warehouse or its store was made. */
MDL_API int32_t mdl_warehouse_n_loads(const mdl_warehouse *warehouse);

/** Load `index` in order, 0 ≤ index < ::mdl_warehouse_n_loads; lives until the next load. */
MDL_API const mdl_load_info *mdl_warehouse_load_info(const mdl_warehouse *warehouse, int32_t index);

/** All rejected records so far, columns as in ::mdl_csv_result; NULL when there is none. Lives
 * until the next load. */
MDL_API const mdl_table *mdl_warehouse_rejects(const mdl_warehouse *warehouse);

/** Where a row of a source came from. */
typedef struct mdl_row_origin {
    const char *path; /**< file, or "" for rows from ::mdl_warehouse_append */
    int64_t record;   /**< data record in it, from 1 */
} mdl_row_origin;

/** Finds the origin of row `row` of `source`. ::MDL_E_NOT_FOUND, ::MDL_E_ARGUMENT. */
MDL_API MDL_MUST_CHECK mdl_status mdl_warehouse_row_origin(const mdl_warehouse *warehouse,
                                                           const char *source, int64_t row,
                                                           mdl_row_origin *out, mdl_error *error);

/** @} */

/**
 * @name Models
 * @{
 */

/**
 * Adds a model. Its refs must be there already or be added before the next build. A table of that
 * name in the store is its own when it has the declared columns, else it counts as never built.
 * @return ::MDL_E_ARGUMENT for a declaration that makes no sense or a name that is taken.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_warehouse_add_model(mdl_warehouse *warehouse,
                                                          const mdl_model *model, mdl_error *error);

/** How many tables there are: sources and models. */
MDL_API int32_t mdl_warehouse_n_models(const mdl_warehouse *warehouse);

/**
 * The declaration of table `index` in build order (sources first), 0 ≤ index <
 * ::mdl_warehouse_n_models; lives as long as the warehouse. Models whose refs are missing or
 * circular come last.
 */
MDL_API const mdl_model *mdl_warehouse_model(const mdl_warehouse *warehouse, int32_t index);

/** The declaration with that name, or NULL. */
MDL_API const mdl_model *mdl_warehouse_find_model(const mdl_warehouse *warehouse, const char *name);

/**
 * How many data quality tests the table with that name has: those of its declaration and those that
 * its key stands for; 0 for a name that is no table.
 */
MDL_API int32_t mdl_warehouse_n_tests(const mdl_warehouse *warehouse, const char *name);

/** Test `index` of a table, 0 ≤ index < ::mdl_warehouse_n_tests; lives as long as the warehouse. */
MDL_API const mdl_test *mdl_warehouse_get_test(const mdl_warehouse *warehouse, const char *name,
                                               int32_t index);

/**
 * The table of a source, model or snapshot as last published, or NULL: also for one that is in the
 * store and was not needed yet. Lives until the next load or build.
 */
MDL_API const mdl_table *mdl_warehouse_table(const mdl_warehouse *warehouse, const char *name);

/**
 * As ::mdl_warehouse_table, but reads the table from the store if need be. ::MDL_E_NOT_FOUND for a
 * name that is no table, ::MDL_E_STATE for a table that was never built, and as
 * ::mdl_store_read_table.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_warehouse_read_table(mdl_warehouse *warehouse,
                                                           const char *name, const mdl_table **out,
                                                           mdl_error *error);

/** @} */

/**
 * @name Runs
 * @{
 */

/**
 * Builds models in the order of their refs, tests them, and brings snapshots up to date. A selected
 * model whose input is not selected uses the input's published table. When every task succeeds, all
 * new tables are published at once; when one fails, those that need it are skipped, the others are
 * still tried, and nothing is published, snapshots included. The tables that such a run did build
 * are kept for a retry until files are loaded or another run starts.
 *
 * Tests run beside the models, those of the sources from which something selected is built too. A
 * test that compares a table with one that is neither built in the run, nor an input, nor a source
 * is left out: that one is older. A test of a table that was never built is skipped.
 *
 * The run enters the log of the warehouse, also a failed or cancelled one; ::mdl_warehouse_commit
 * puts both in the store.
 *
 * @param options  NULL = the defaults
 * @param run      NULL, or gets the run, also after a failed one; to be freed with ::mdl_run_free
 * @return the status of the first task that failed, told with its name (::MDL_E_TEST for a test);
 *         ::MDL_E_ARGUMENT for a selector that picks nothing or cannot be read, ::MDL_E_NOT_FOUND
 *         for a ref that is no table, ::MDL_E_CYCLE, ::MDL_E_STATE for an input that was never
 *         built, and over a store what ::mdl_store_read_table answers. After one of the last five
 *         there is no run.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_warehouse_build(mdl_warehouse *warehouse,
                                                      const mdl_build_options *options,
                                                      mdl_run **run, mdl_error *error);

/**
 * Runs the data quality tests of what `options->select` picks, sources included, on the tables as
 * last published, and builds nothing. Tests of tables that were never built are skipped. Otherwise
 * as ::mdl_warehouse_build.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_warehouse_test(mdl_warehouse *warehouse,
                                                     const mdl_build_options *options,
                                                     mdl_run **run, mdl_error *error);

/**
 * The log of runs: one row each, ascending by run_id. Columns: run_id INT64 · command STRING
 * (build, test, retry) · state STRING (success, warn, error, cancelled) · run_time, started_at,
 * finished_at TIMESTAMP · seconds FLOAT64 · n_files INT64 (loaded since the run before) · n_loaded,
 * n_rejected INT64 (their rows and rejected records) · n_pass, n_warn, n_error, n_skip, n_total
 * INT64 (tasks) · message STRING (of the first failure; NULL = none). Lives until the next build,
 * test or load.
 */
MDL_API const mdl_table *mdl_warehouse_runs(const mdl_warehouse *warehouse);

/**
 * The log of tasks: one row each, in the order of runs and of tasks in them. Columns: run_id INT64 ·
 * task INT32 (from 1) · kind, name, table, layer, state STRING · n_rows, n_failures INT64 ·
 * started_at TIMESTAMP · start_seconds, seconds FLOAT64 · attempt INT32 · incremental BOOL · details
 * STRING (counters, "new 3, late 1"; NULL = none) · message STRING (NULL = none) · reused BOOL (a
 * model that was not built or a test that was not run, as nothing had changed; NULL = logged before
 * models were reused). Lives as above.
 */
MDL_API const mdl_table *mdl_warehouse_run_tasks(const mdl_warehouse *warehouse);

/** @} */

/**
 * @name Snapshots
 * @{
 */

/**
 * Adds a snapshot of a table that is or will be there. It stands among the models: it can be
 * selected, has columns, tests and refs, and ::mdl_warehouse_table gives its history. Its model is
 * of kind ::MDL_MATERIALIZATION_SNAPSHOT. Taken by runs whose options say `snapshots`.
 *
 * The built-in ones are snap_mart_movie_analytics, snap_mart_user_behavior and
 * snap_mart_genre_performance.
 *
 * @return ::MDL_E_ARGUMENT for a declaration that makes no sense or a name that is taken,
 *         ::MDL_E_NOT_FOUND when its table is not declared yet.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_warehouse_add_snapshot(mdl_warehouse *warehouse,
                                                             const mdl_snapshot *snapshot,
                                                             mdl_error *error);

/** The declaration of the snapshot with that name, or NULL; lives as long as the warehouse. */
MDL_API const mdl_snapshot *mdl_warehouse_find_snapshot(const mdl_warehouse *warehouse,
                                                        const char *name);

/**
 * What taking a snapshot of its table as last published would change.
 *
 * @param hard_deletes  NULL = as declared
 * @param out           to be freed with ::mdl_snapshot_changes_free
 * @return ::MDL_E_NOT_FOUND, ::MDL_E_STATE when the table was never built, and as
 *         ::mdl_snapshot_diff.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_warehouse_diff_snapshot(mdl_warehouse *warehouse,
                                                              const char *name,
                                                              const mdl_hard_deletes *hard_deletes,
                                                              mdl_snapshot_changes **out,
                                                              mdl_error *error);

/** @} */

/**
 * @name Store and audit
 * @{
 */

/**
 * Makes a new version in the warehouse's store: sources and where their rows came from, published
 * tables, histories, what a failed run leaves for a retry, and the logs. Later warehouses over the
 * store go on from there. Tables of models that this warehouse does not have stay as they are.
 *
 * @param message  one line for the history; NULL = made from what was loaded and built
 * @return ::MDL_E_STATE when the warehouse has no store, and as ::mdl_store_commit.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_warehouse_commit(mdl_warehouse *warehouse,
                                                       const char *message, mdl_error *error);

/** The store that the warehouse was made over, or NULL. */
MDL_API mdl_store *mdl_warehouse_store(const mdl_warehouse *warehouse);

/** What the audit of a file found. */
typedef struct mdl_audit_result {
    const mdl_load_info *load;  /**< the file */
    bool is_reproducible;       /**< false = it was loaded with columns left out */
    bool is_equal;              /**< the bytes written have its size and XXH3-128 */
    int64_t size_bytes;         /**< that were written */
    unsigned char xxh3_128[16]; /**< of what was written */
} mdl_audit_result;

/** Settings of an audit. Start from ::mdl_audit_options_init. */
typedef struct mdl_audit_options {
    size_t struct_size;        /**< set by ::mdl_audit_options_init */
    const char *out_directory; /**< NULL (default), or a folder, made if it is not there, that gets
                                    the files, named as they were; of files with one name the later
                                    ones get `.2`, `.3` … What is there of that name is replaced,
                                    but for the loaded file itself, which is ::MDL_E_ARGUMENT */
    void (*file_finished)(void *user_data, const mdl_audit_result *result); /**< NULL = not told */
    void *user_data;
} mdl_audit_options;

/** Fills `options` with the defaults. */
MDL_API void mdl_audit_options_init(mdl_audit_options *options);

/**
 * Writes every loaded file anew from the sources and compares it with what was read: byte for byte,
 * by size and XXH3-128. Rows from ::mdl_warehouse_append are of no file.
 *
 * @param options      NULL = the defaults
 * @param n_different  gets how many files are not equal or not reproducible
 * @return ::MDL_OK also when some are not; what reading and writing answer.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_warehouse_audit(mdl_warehouse *warehouse,
                                                      const mdl_audit_options *options,
                                                      int32_t *n_different, mdl_error *error);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
