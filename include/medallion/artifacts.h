/**
 * @file artifacts.h
 * dbt's artifacts: what a warehouse and a run are, in the JSON files that dbt's tools read.
 *
 * | file             | schema | holds                                                           |
 * |------------------|--------|-----------------------------------------------------------------|
 * | manifest.json    | v12    | sources, models, snapshots, tests, exposures and their lineage  |
 * | catalog.json     | v1     | the tables that were built: columns with types, rows, bytes     |
 * | run_results.json | v6     | what became of each model, snapshot and test of a run           |
 *
 * Where these files name what only dbt has (SQL, macros, adapters), they say nothing, as their
 * schemas allow. Loads are no nodes in dbt and are left out of the run results; a source's rows
 * are in the catalog. The same warehouse and run give the same bytes. Thread-safety is that of the
 * warehouse.
 */
#ifndef MEDALLION_ARTIFACTS_H
#define MEDALLION_ARTIFACTS_H

#include <stdint.h>

#include "medallion/csv.h"
#include "medallion/export.h"
#include "medallion/run.h"
#include "medallion/status.h"
#include "medallion/warehouse.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What uses the tables of a warehouse from outside, such as a dashboard. */
typedef struct mdl_exposure {
    const char *name;        /**< letters, digits and `_` */
    const char *type;        /**< "dashboard", "notebook", "analysis", "ml" or "application" */
    const char *label;       /**< for people; NULL = none */
    const char *description; /**< NULL = none */
    const char *url;         /**< NULL = none */
    const char *owner;       /**< who answers for it; NULL = the project */
    const char *const *refs; /**< models and snapshots that it shows */
    int32_t n_refs;
} mdl_exposure;

/** Settings of artifacts. Start from ::mdl_artifact_options_init. */
typedef struct mdl_artifact_options {
    size_t struct_size;            /**< set by ::mdl_artifact_options_init */
    const char *project;           /**< dbt's project and database; letters, digits and `_`; default
                              "streamflix" */
    const char *command;           /**< that made the run: "build" (default), "test", "retry" */
    int64_t generated_at;          /**< seconds since 1970-01-01 UTC; default: the end of the run */
    const mdl_exposure *exposures; /**< NULL = one: the report of all tables of the gold layer */
    int32_t n_exposures;
} mdl_artifact_options;

/** Fills `options` with the defaults. */
MDL_API void mdl_artifact_options_init(mdl_artifact_options *options);

/**
 * Writes manifest.json.
 *
 * @param run      the run that it belongs to, or NULL
 * @param options  NULL = the defaults
 * @return ::MDL_E_ARGUMENT, what `write` answers, ::MDL_E_NO_MEMORY, ::MDL_E_BUDGET.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_write_manifest(const mdl_warehouse *warehouse,
                                                     const mdl_run *run,
                                                     const mdl_artifact_options *options,
                                                     mdl_write_fn write, void *user_data,
                                                     mdl_error *error);

/** Writes catalog.json: the tables that are in memory or in the store; the bytes of the former. */
MDL_API MDL_MUST_CHECK mdl_status mdl_write_catalog(const mdl_warehouse *warehouse,
                                                    const mdl_run *run,
                                                    const mdl_artifact_options *options,
                                                    mdl_write_fn write, void *user_data,
                                                    mdl_error *error);

/** Writes run_results.json of `run`, which must not be NULL. */
MDL_API MDL_MUST_CHECK mdl_status mdl_write_run_results(const mdl_warehouse *warehouse,
                                                        const mdl_run *run,
                                                        const mdl_artifact_options *options,
                                                        mdl_write_fn write, void *user_data,
                                                        mdl_error *error);

#ifdef __cplusplus
}
#endif

#endif
