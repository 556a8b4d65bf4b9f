/**
 * @file warehouse.h
 * A warehouse: source tables, the models over them, and runs that build these.
 *
 * A new warehouse has the four sources `movies`, `ratings`, `tags` and `links`, empty, and the
 * built-in models. Files are loaded into sources, ::mdl_warehouse_build builds models in the order
 * of their refs and publishes all of them at once or, after a failure, none. Loading more files and
 * building again updates incremental models; the result is always that of a full refresh.
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
#include "medallion/status.h"
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
    const mdl_tier
        *tiers; /**< NULL = ::mdl_default_tiers (default); must live as long as the warehouse */
    int32_t n_tiers; /**< rules in `tiers` */
} mdl_warehouse_options;

/** Fills `options` with the defaults. */
MDL_API void mdl_warehouse_options_init(mdl_warehouse_options *options);

/** Makes a warehouse, to be freed with ::mdl_warehouse_free. `options` NULL = the defaults. */
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
 * folder without any, ::MDL_E_FILE_NOT_FOUND, and what ::mdl_csv_read_file answers.
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

/** How many files were loaded, or found loaded already, since the warehouse was made. */
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
 * Adds a model. Its refs must be there already or be added before the next build.
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

/** The table of a source or of a model as last published, or NULL. Lives until the next load or
 * build. */
MDL_API const mdl_table *mdl_warehouse_table(const mdl_warehouse *warehouse, const char *name);

/** @} */

/**
 * @name Runs
 * @{
 */

/** What became of one model in a run. */
typedef enum mdl_run_state {
    MDL_RUN_SUCCESS = 1,
    MDL_RUN_ERROR = 2,
    MDL_RUN_SKIPPED = 3 /**< something that it is built from failed, or the run was cancelled */
} mdl_run_state;

/** One model's part of a run. */
typedef struct mdl_run_result {
    const mdl_model *model;
    mdl_run_state state;
    int64_t n_rows;      /**< rows of the table that was built */
    double seconds;      /**< wall time */
    bool incremental;    /**< true = it started from what it was before */
    const char *message; /**< of a failure, or why it was skipped; else "" */
    const char *explain; /**< ::mdl_query_explain of its last collect; "" when there was none */
} mdl_run_result;

/** What a run did; opaque. */
typedef struct mdl_run mdl_run;

/** Events of a run, told by the thread that called ::mdl_warehouse_build. */
typedef struct mdl_run_events {
    /** Model `index` of `n_models` (from 1) starts. NULL = not told. */
    void (*model_started)(void *user_data, const mdl_model *model, int32_t index, int32_t n_models);
    /** Model `index` has ended. NULL = not told. */
    void (*model_finished)(void *user_data, const mdl_run_result *result, int32_t index,
                           int32_t n_models);
    void *user_data;
} mdl_run_events;

/** Settings of a run. Start from ::mdl_build_options_init. */
typedef struct mdl_build_options {
    size_t struct_size;  /**< set by ::mdl_build_options_init */
    const char *select;  /**< what to build, NULL = all (default). As in dbt: words are united,
                            commas in a  word intersect; `name`, `+name` with what it is built from,
                            `name+` with what  is built from it, `2+name` up to two steps, `@name`
                            with what is  built from it and all that this needs, `layer:gold`; `*` in
                            a name stands  for any text */
    const char *exclude; /**< what of it not to build, likewise; NULL = nothing (default) */
    bool full_refresh;   /**< true = incremental models start afresh; default false */
    mdl_run_events events;
} mdl_build_options;

/** Fills `options` with the defaults. */
MDL_API void mdl_build_options_init(mdl_build_options *options);

/**
 * Builds models in the order of their refs. A selected model whose input is not selected uses the
 * input's published table. When every model succeeds, all new tables are published at once; when
 * one fails, those built from it are skipped, the others are still tried, and nothing is published.
 *
 * @param options  NULL = the defaults
 * @param run      NULL, or gets the run, also after a failed one; to be freed with ::mdl_run_free
 * @return the status of the first model that failed, told with its name; ::MDL_E_ARGUMENT for a
 * selector that picks nothing or cannot be read, ::MDL_E_NOT_FOUND for a ref that is no table,
 *         ::MDL_E_CYCLE, ::MDL_E_STATE for an input that was never built.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_warehouse_build(mdl_warehouse *warehouse,
                                                      const mdl_build_options *options,
                                                      mdl_run **run, mdl_error *error);

/** How many models the run was about. */
MDL_API int32_t mdl_run_n_results(const mdl_run *run);

/** Result `index` in build order; lives as long as the run and the warehouse. */
MDL_API const mdl_run_result *mdl_run_get_result(const mdl_run *run, int32_t index);

/** Wall time of the run in seconds. */
MDL_API double mdl_run_seconds(const mdl_run *run);

/** Frees a run. Accepts NULL. */
MDL_API void mdl_run_free(mdl_run *run);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
