/**
 * @file run.h
 * Runs: what a build was told to do, what happens meanwhile, and what became of each task.
 *
 * A run consists of tasks: the files that were loaded since the run before, then models, snapshots
 * and data quality tests in the order of their refs. Tasks that need nothing of each other run at
 * the same time. ::mdl_warehouse_build makes runs; a warehouse keeps a log of them
 * (::mdl_warehouse_runs).
 */
#ifndef MEDALLION_RUN_H
#define MEDALLION_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/export.h"
#include "medallion/model.h"
#include "medallion/quality.h"
#include "medallion/snapshot.h"
#include "medallion/status.h"
#include "medallion/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Name, pinned value and text of the kinds of tasks. */
#define MDL_TASK_KIND_LIST(X)                                                                      \
    X(LOAD, 1, "load")         /* a file was read; told, not done, by the run */                   \
    X(MODEL, 2, "model")       /* a table is built */                                              \
    X(SNAPSHOT, 3, "snapshot") /* a history is brought up to date */                               \
    X(TEST, 4, "test")         /* a table is tested */

/** The kind of a task. */
typedef enum mdl_task_kind {
#define MDL_TASK_KIND_ENUM(name, value, text) MDL_TASK_##name = value,
    MDL_TASK_KIND_LIST(MDL_TASK_KIND_ENUM)
#undef MDL_TASK_KIND_ENUM
} mdl_task_kind;

/** "load", "model", "snapshot" or "test"; "?" for a value that is none. Thread-safe. */
MDL_API const char *mdl_task_kind_name(mdl_task_kind kind);

/** Name, pinned value and text of the states that a task can end in. */
#define MDL_RUN_STATE_LIST(X)                                                                      \
    X(SUCCESS, 1, "success") /* of loads, models and snapshots */                                  \
    X(ERROR, 2, "error")     /* it could not be done */                                            \
    X(SKIPPED, 3, "skipped") /* what it needs failed, or the run was stopped */                    \
    X(PASS, 4, "pass")       /* of tests: all is well */                                           \
    X(WARN, 5, "warn")       /* of tests: rows failed, and the run goes on */                      \
    X(FAIL, 6, "fail")       /* of tests: rows failed, and the run has failed */

/** What became of a task. */
typedef enum mdl_run_state {
#define MDL_RUN_STATE_ENUM(name, value, text) MDL_RUN_##name = value,
    MDL_RUN_STATE_LIST(MDL_RUN_STATE_ENUM)
#undef MDL_RUN_STATE_ENUM
} mdl_run_state;

/** "success", "error", "skipped", "pass", "warn" or "fail"; "?" for a value that is none.
 * Thread-safe. */
MDL_API const char *mdl_run_state_name(mdl_run_state state);

/** A number that a task tells of its work, such as "replaced" rows. */
typedef struct mdl_run_counter {
    const char *name;
    int64_t value;
} mdl_run_counter;

/** One task of a run. What it points to lives as long as the run and the warehouse. */
typedef struct mdl_run_result {
    mdl_task_kind kind;
    const char *name;       /**< unique in the run: of the model, snapshot or test, or the file */
    const mdl_model *model; /**< the table that the task is about */
    const mdl_test *test;   /**< of a TEST; else NULL */
    mdl_run_state state;
    int64_t n_rows;       /**< of the table that was built, rows loaded, or rows tested */
    int64_t n_failures;   /**< of a TEST: failing rows; of a LOAD: rejected records */
    double start_seconds; /**< when it started, after the start of the run; negative for loads */
    double seconds;       /**< wall time */
    int32_t attempt;      /**< from 1; more where an I/O failure was tried again */
    bool incremental;     /**< true = a model that started from what it was before */
    bool reused;          /**< true = a model that was not built, as nothing has changed that it
                               depends on: mdl_model.version; or a test that a build did not run, as
                               it had run on the very rows that are there. It tells what it found
                               then */
    const char *message; /**< why it failed, was skipped or reused, or what a test found; else "" */
    const char *explain; /**< of a MODEL: ::mdl_query_explain of its last collect; else "" */
    const mdl_run_counter *counters; /**< numbers that the task told: ::mdl_build_count */
    int32_t n_counters;
    const mdl_table *failures; /**< of a TEST: the first failing rows, or NULL */
} mdl_run_result;

/** What a run did; opaque. */
typedef struct mdl_run mdl_run;

/** How many tasks ended in which way. */
typedef struct mdl_run_counts {
    int64_t n_pass;  /**< SUCCESS and PASS */
    int64_t n_warn;  /**< WARN */
    int64_t n_error; /**< ERROR and FAIL */
    int64_t n_skip;  /**< SKIPPED */
    int64_t n_total; /**< all of them */
} mdl_run_counts;

/** Events of a run; never told by two threads at once. */
typedef struct mdl_run_events {
    /** Task `index` of `n_tasks` (from 1) starts. NULL = not told. */
    void (*task_started)(void *user_data, const mdl_run_result *task, int32_t index,
                         int32_t n_tasks);
    /** Task `index` has ended. Loads and skipped tasks end without a start. NULL = not told. */
    void (*task_finished)(void *user_data, const mdl_run_result *task, int32_t index,
                          int32_t n_tasks);
    /** The run has ended and everything of it is decided; the place for notifications. NULL = not
     * told. */
    void (*run_finished)(void *user_data, const mdl_run *run);
    void *user_data;
} mdl_run_events;

/** When tests run. */
typedef enum mdl_test_mode {
    MDL_TESTS_AFTER_EACH =
        0, /**< after each model; a failure skips what is built from it (default) */
    MDL_TESTS_AFTER_ALL = 1, /**< when all models are built */
    MDL_TESTS_NONE = 2       /**< not at all */
} mdl_test_mode;

/** Settings of a run. Start from ::mdl_build_options_init. */
typedef struct mdl_build_options {
    size_t struct_size; /**< set by ::mdl_build_options_init */
    /**
     * What to build, NULL = all (default). As in dbt: words are united, commas in a word intersect;
     * `name`, `+name` with what it is built from, `name+` with what is built from it, `2+name` up
     * to two steps, `@name` with what is built from it and all that this needs, `layer:gold`,
     * `tag:mart`, `kind:snapshot`; `*` in a name stands for any text.
     */
    const char *select;
    const char *exclude; /**< what of it not to build, likewise; NULL = nothing (default) */
    bool full_refresh;   /**< true = incremental models start afresh; default false. Snapshots
                                  never do: history cannot be built again */
    bool snapshots;      /**< true = selected snapshots are taken; default false */
    int64_t run_time;    /**< for snapshots, seconds since 1970-01-01 UTC */
    bool has_run_time;   /**< false = `run_time` is now (default) */
    const mdl_hard_deletes *hard_deletes; /**< for all snapshots, NULL = as declared (default) */
    mdl_test_mode tests;                  /**< default ::MDL_TESTS_AFTER_EACH */
    int64_t n_failures_kept; /**< rows that each failing test keeps; -1 = all; default 10 */
    bool fail_fast;          /**< true = the first failure skips all that has not started */
    bool retry;              /**< true = run again what failed or was skipped in the last run, with
                                  the tables that it did build; `select` and `exclude` are not
                                  looked at. ::MDL_E_STATE when the last run did not fail or files
                                  were loaded since */
    mdl_run_events events;
} mdl_build_options;

/** Fills `options` with the defaults. */
MDL_API void mdl_build_options_init(mdl_build_options *options);

/** How many tasks the run has. */
MDL_API int32_t mdl_run_n_results(const mdl_run *run);

/** Task `index` in the order of the run, or NULL; lives as long as the run and the warehouse. */
MDL_API const mdl_run_result *mdl_run_get_result(const mdl_run *run, int32_t index);

/** How many tasks ended in which way. */
MDL_API mdl_run_counts mdl_run_get_counts(const mdl_run *run);

/** ::MDL_OK when everything was published, else the status of the first failure. */
MDL_API mdl_status mdl_run_status(const mdl_run *run);

/** The first failure, told with its task; "" when there was none. Lives as long as the run. */
MDL_API const char *mdl_run_message(const mdl_run *run);

/** The number of the run in the warehouse's log, from 1. */
MDL_API int64_t mdl_run_id(const mdl_run *run);

/** When the run started, seconds since 1970-01-01 UTC. */
MDL_API int64_t mdl_run_started_at(const mdl_run *run);

/** Wall time of the run in seconds; loads before it are not counted. */
MDL_API double mdl_run_seconds(const mdl_run *run);

/** Frees a run. Accepts NULL. */
MDL_API void mdl_run_free(mdl_run *run);

#ifdef __cplusplus
}
#endif

#endif
