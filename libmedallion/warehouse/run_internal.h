/*
 * Runs inside: tasks, their plan, their schedule, and the log.
 */
#ifndef MDLI_WAREHOUSE_RUN_INTERNAL_H
#define MDLI_WAREHOUSE_RUN_INTERNAL_H

#include "warehouse/warehouse_internal.h"

/* What a run was asked to do. */
typedef enum mdli_command {
    MDLI_COMMAND_BUILD = 1,
    MDLI_COMMAND_TEST = 2,
    MDLI_COMMAND_RETRY = 3
} mdli_command;

/* One task. What comes before it in the run is all that it can need. */
typedef struct mdli_task {
    mdl_run_result result;
    /* The table that is built, or whose test or file this is. */
    int32_t node;
    /* TEST: the table whose rows are tested, nearly always `node`, and the other one that is read or
     * -1. */
    int32_t tested;
    int32_t to;
    /* Tasks that have to end well first, in the order in which their failure is told. */
    int32_t *needs;
    int32_t n_needs;
    /* Of the schedule. */
    int32_t n_waiting; /* needs that have not ended */
    bool is_offered;   /* nothing has to be waited for any more */
    bool is_started;
    /* What the result points to; owned but for the names. */
    mdl_table *failures;
    char *explain;
    mdl_snapshot_counts changes; /* SNAPSHOT: what it changed */
    mdl_run_counter counters[MDLI_COUNTERS_MAX];
    char message[sizeof((mdl_error *)NULL)->message];
} mdli_task;

struct mdl_run {
    mdl_context *context;
    mdli_command command;
    mdli_task *tasks;
    int32_t n_tasks;
    int64_t id; /* 0 = it could not enter the log */
    int64_t run_time;
    double started_at; /* seconds since 1970 */
    double start;      /* mdli_seconds_now() then */
    double seconds;
    bool is_cancelled; /* or the deadline has passed */
    /* The failure of the first task in the order of the run that has one; else why the run was
     * stopped; else nothing. */
    mdl_error failure;
    mdli_arena arena;
};

/* What a run works with besides its tasks. */
typedef struct mdli_run_state {
    mdl_warehouse *warehouse;
    mdl_build_options options;
    mdl_run *run;
    /* For each node: built in this run or kept by the one that is tried again; owned. */
    mdl_table **tables;
    /* For each of these tables: the definition that it was built by. */
    mdli_definition *definitions;
    /* For each node: what its build in this run told; owned. */
    mdli_changes *changes;
} mdli_run_state;

/* run_plan.c */

/*
 * Finds the tasks of a run, in order, and what each needs; reads the tables that only tests of it
 * will. The run has its command and its times, and state->tables what the run to retry has left. Answers what
 * mdl_warehouse_build says of arguments.
 */
mdl_status mdli_plan_run(mdli_run_state *state, mdl_error *error);

/* The tables that a test of node `n` reads: the one whose rows it tests, -1 where that is no table,
 * and the other one or -1. */
void mdli_find_tested(const mdl_warehouse *warehouse, int32_t n, const mdl_test *test,
                      int32_t *tested, int32_t *to);

/* run_tasks.c */

/* The table of a node as tasks of this run see it, read if need be; NULL when there is none yet. */
mdl_status mdli_run_table(const mdli_run_state *state, int32_t n, const mdl_table **out,
                          mdl_error *error);

/* What a task has given; owned. */
typedef struct mdli_task_output {
    mdl_table *table;     /* of a model or snapshot */
    mdli_changes changes; /* of a model */
} mdli_task_output;

/* Does a task: tells what became of it in its result. May work at the same time as other tasks, and
 * reads but does not change the state. */
mdl_status mdli_run_task(const mdli_run_state *state, mdli_task *task, mdli_task_output *out,
                         mdl_error *error);

/* run_schedule.c */

/* Runs all tasks, each after what it needs; afterwards every one has its state, and run->failure
 * tells whether something went wrong. */
void mdli_schedule_run(mdli_run_state *state);

/* snapshots.c */

/* Takes a snapshot of its table as this run sees it, on top of the history as published. */
mdl_status mdli_take_snapshot(const mdli_run_state *state, mdli_task *task, mdl_table **out,
                              mdl_error *error);

/* What becomes of gone keys in this run. */
mdl_hard_deletes mdli_effective_hard_deletes(const mdl_build_options *options,
                                             const mdl_snapshot *snapshot);

/*
 * A snapshot has tests of whether it is up to date with its table, which only a run that takes it
 * can know. One of them tests the table's rows and not the history's; one does not hold where gone
 * keys are ignored.
 */
bool mdli_is_test_of_taking(const mdli_node *node, const mdl_test *test);
bool mdli_is_test_of_table(const mdli_node *node, const mdl_test *test);
bool mdli_is_test_of_deletes(const mdli_node *node, const mdl_test *test);

/* run_log.c */

/* The log's tables in a store. */
#define MDLI_TABLE_RUNS      "_runs"
#define MDLI_TABLE_RUN_TASKS "_run_tasks"

/* Tables of the log without rows. */
mdl_status mdli_run_log_create(mdl_context *context, mdl_table **runs, mdl_table **run_tasks,
                               mdl_error *error);

/* Takes the log from the store of a new warehouse, if it has one. */
mdl_status mdli_run_log_read(mdl_warehouse *warehouse, mdl_error *error);

/* The log with a run at its end, to which it gives a number; new tables. */
mdl_status mdli_run_log_append(const mdl_warehouse *warehouse, mdl_run *run, mdl_table **runs,
                               mdl_table **run_tasks, mdl_error *error);

/* The last run of the log. */
typedef struct mdli_last_run {
    int64_t id; /* 0 = there is none */
    bool has_failed;
} mdli_last_run;

mdl_status mdli_run_log_last(const mdl_warehouse *warehouse, mdli_last_run *out, mdl_error *error);

/* Whether a text of the log is the given one. */
bool mdli_is_text(mdl_string text, const char *expected);

/* A task of the log. */
typedef struct mdli_logged_task {
    int64_t run_id;
    mdl_string kind;
    mdl_string name;
    mdl_string state;
    bool is_reused;
} mdli_logged_task;

/* Calls `visit` for all tasks of the log in their order, until it fails. */
mdl_status mdli_run_log_visit(const mdl_warehouse *warehouse,
                              mdl_status (*visit)(void *data, const mdli_logged_task *task,
                                                  mdl_error *error),
                              void *data, mdl_error *error);

/* run.c */

/* Forgets what a failed run has left for a retry. */
void mdli_drop_pending(mdl_warehouse *warehouse);

#endif
