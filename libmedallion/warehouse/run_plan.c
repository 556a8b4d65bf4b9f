/*
 * The plan of a run: its tasks in order, and what each needs.
 *
 * Files that were loaded since the run before come first. Then come models and snapshots in build
 * order, each with the tests that can run when it is there: a test that reads two tables comes
 * behind the later one. A model needs what it is built from and, unless tests come last, that the
 * tests of these pass; a test needs the tables that it reads. So every need stands before the task
 * that has it, and one thread can do the tasks as they stand.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "warehouse/known_tests.h"

/* A task of the last run that is to be done again. */
typedef struct failed_task {
    const char *kind;
    const char *name;
} failed_task;

typedef struct plan {
    mdli_run_state *state;
    mdl_warehouse *warehouse;
    mdl_run *run;
    /* For each node: whether it is picked, and the task that builds it or -1. */
    bool *selected;
    int32_t *task_of;
    /* Room for the needs of a task. */
    int32_t *needs;
    /* Of the log: loads that were told, and for a retry the tasks to do again. */
    int64_t n_loads_told;
    mdli_last_run last;
    bool has_lost; /* tables that the last run built */
    failed_task *failed;
    int64_t failed_capacity;
    int64_t n_failed;
} plan;

/* The log: what was told, and what has failed. */

/* Whether a task has done what it was to do. */
static bool has_succeeded(mdl_string state)
{
    return mdli_is_text(state, mdl_run_state_name(MDL_RUN_SUCCESS)) ||
           mdli_is_text(state, mdl_run_state_name(MDL_RUN_PASS)) ||
           mdli_is_text(state, mdl_run_state_name(MDL_RUN_WARN));
}

static mdl_status add_failed(plan *p, const mdli_logged_task *task, mdl_error *error)
{
    void *failed = p->failed;
    MDLI_TRY(mdli_grow_array(p->run->context, &failed, &p->failed_capacity, p->n_failed,
                             p->n_failed + 1, sizeof *p->failed, "run", error));
    p->failed = failed;
    mdl_error fault = MDL_ERROR_INIT;
    mdli_arena *arena = &p->run->arena;
    char *kind = mdli_arena_copy(arena, task->kind.data, (size_t)task->kind.size_bytes, &fault);
    char *name = mdli_arena_copy(arena, task->name.data, (size_t)task->name.size_bytes, &fault);
    if (kind == NULL || name == NULL) {
        return mdli_error_copy(error, &fault);
    }
    p->failed[p->n_failed++] = (failed_task){kind, name};
    return MDL_OK;
}

static bool is_to_do_again(const plan *p, mdl_task_kind kind, const char *name)
{
    for (int64_t i = 0; i < p->n_failed; i++) {
        if (strcmp(p->failed[i].kind, mdl_task_kind_name(kind)) == 0 &&
            strcmp(p->failed[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a task of the last run built a table that is not kept any more. Tables that were reused
 * are the published ones. */
static bool is_lost(const plan *p, const mdli_logged_task *task)
{
    if (!mdli_is_text(task->kind, mdl_task_kind_name(MDL_TASK_MODEL)) &&
        !mdli_is_text(task->kind, mdl_task_kind_name(MDL_TASK_SNAPSHOT))) {
        return false;
    }
    const mdl_warehouse *warehouse = p->warehouse;
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        if (mdli_is_text(task->name, warehouse->nodes[i]->model.name)) {
            return p->state->tables[i] == NULL;
        }
    }
    return true;
}

static mdl_status note_logged_task(void *data, const mdli_logged_task *task, mdl_error *error)
{
    plan *p = data;
    if (mdli_is_text(task->kind, mdl_task_kind_name(MDL_TASK_LOAD))) {
        p->n_loads_told++;
    } else if (p->run->command == MDLI_COMMAND_RETRY && task->run_id == p->last.id) {
        if (!has_succeeded(task->state)) {
            return add_failed(p, task, error);
        }
        p->has_lost = p->has_lost || (!task->is_reused && is_lost(p, task));
    }
    return MDL_OK;
}

/* Whether rows came since the last run. */
static bool has_new_files(const plan *p)
{
    for (int64_t i = p->n_loads_told; i < p->warehouse->n_loads; i++) {
        if (!p->warehouse->loads[i].already_loaded) {
            return true;
        }
    }
    return false;
}

static mdl_status read_log(plan *p, mdl_error *error)
{
    bool is_retry = p->run->command == MDLI_COMMAND_RETRY;
    MDLI_TRY(mdli_run_log_last(p->warehouse, &p->last, error));
    if (is_retry && !p->last.has_failed) {
        return mdl_error_set(error, MDL_E_STATE, "there is nothing to retry: %s",
                             p->last.id == 0 ? "nothing was run yet" : "the last run did not fail");
    }
    MDLI_TRY(mdli_run_log_visit(p->warehouse, note_logged_task, p, error));
    if (is_retry && (has_new_files(p) || p->has_lost)) {
        return mdl_error_set(error, MDL_E_STATE, "the last run cannot be retried: %s",
                             has_new_files(p) ? "files were loaded since"
                                              : "the tables that it built are not kept any more");
    }
    return MDL_OK;
}

/* Tasks. */

static mdli_task *add_task(plan *p, mdl_task_kind kind, int32_t node, const char *name)
{
    mdli_task *task = &p->run->tasks[p->run->n_tasks++];
    task->node = node;
    task->tested = -1;
    task->to = -1;
    task->result = (mdl_run_result){
        .kind = kind,
        .name = name,
        .model = &p->warehouse->nodes[node]->model,
        .state = MDL_RUN_SKIPPED,
        .attempt = 1,
        .message = task->message,
        .explain = "",
        .counters = task->counters,
    };
    return task;
}

static void add_loads(plan *p)
{
    const mdl_warehouse *warehouse = p->warehouse;
    for (int64_t i = p->n_loads_told; i < warehouse->n_loads; i++) {
        const mdl_load_info *load = &warehouse->loads[i];
        mdli_task *task = add_task(p, MDL_TASK_LOAD, mdli_find_source(load->source), load->path);
        task->result.state = MDL_RUN_SUCCESS;
        task->result.n_rows = load->n_rows;
        task->result.n_failures = load->n_rejected;
        task->result.attempt = load->attempt;
        task->result.seconds = load->seconds;
        if (load->already_loaded) {
            snprintf(task->message, sizeof task->message, "the same content was loaded before");
        }
    }
}

/* Finds when the loads started. That they ended is known to the second; none is told to have ended
 * after the start of the next one or of the run. */
static void place_loads(plan *p)
{
    const mdl_load_info *loads = p->warehouse->loads + p->n_loads_told;
    double next_start = 0;
    for (int32_t t = p->run->n_tasks - 1; t >= 0; t--) {
        mdl_run_result *result = &p->run->tasks[t].result;
        double latest_end = (double)loads[t].loaded_at + 1 - p->run->started_at;
        result->start_seconds = fmin(latest_end, next_start) - result->seconds;
        next_start = result->start_seconds;
    }
}

/* Whether the run builds a node, or takes it where it is a snapshot. */
static bool is_built(const plan *p, int32_t n)
{
    const mdli_node *node = p->warehouse->nodes[n];
    bool is_snapshot = node->snapshot != NULL;
    switch (p->run->command) {
    case MDLI_COMMAND_BUILD:
        return n >= MDLI_N_SOURCES && p->selected[n] &&
               (!is_snapshot || p->state->options.snapshots);
    case MDLI_COMMAND_RETRY:
        return is_to_do_again(p, is_snapshot ? MDL_TASK_SNAPSHOT : MDL_TASK_MODEL,
                              node->model.name);
    case MDLI_COMMAND_TEST:
        break;
    }
    return false;
}

/* Whether the run does a test of node `n`. */
static bool is_tested(const plan *p, int32_t n, const mdl_test *test)
{
    const mdli_node *node = p->warehouse->nodes[n];
    switch (p->run->command) {
    case MDLI_COMMAND_BUILD:
        /* Gone keys that a run leaves as they are stay current. */
        if (p->state->options.tests == MDL_TESTS_NONE ||
            (mdli_is_test_of_deletes(node, test) &&
             mdli_effective_hard_deletes(&p->state->options, node->snapshot) ==
                 MDL_HARD_DELETES_IGNORE)) {
            return false;
        }
        return p->selected[n] && (n < MDLI_N_SOURCES || p->task_of[n] >= 0);
    case MDLI_COMMAND_TEST:
        return p->selected[n] && !mdli_is_test_of_taking(node, test);
    case MDLI_COMMAND_RETRY:
        break;
    }
    return is_to_do_again(p, MDL_TASK_TEST, test->name);
}

void mdli_find_tested(const mdl_warehouse *warehouse, int32_t n, const mdl_test *test,
                      int32_t *tested, int32_t *to)
{
    const mdli_node *node = warehouse->nodes[n];
    *tested = mdli_is_test_of_table(node, test) ? node->refs[0] : n;
    *to = test->to != NULL ? mdli_find_node(warehouse, test->to) : -1;
}

static mdl_status find_tables(const plan *p, int32_t n, const mdl_test *test, int32_t *tested,
                              int32_t *to, mdl_error *error)
{
    mdli_find_tested(p->warehouse, n, test, tested, to);
    if (test->to != NULL && *to < 0) {
        return mdl_error_set(error, MDL_E_NOT_FOUND,
                             "test %s of %s reads \"%s\", which is no table", test->name,
                             p->warehouse->nodes[n]->model.name, test->to);
    }
    return MDL_OK;
}

/* Whether node `n` is built from node `from`, directly or not. */
static bool is_built_from(const mdl_warehouse *warehouse, int32_t n, int32_t from)
{
    const mdli_node *node = warehouse->nodes[n];
    for (int32_t r = 0; r < node->model.n_refs; r++) {
        if (node->refs[r] == from || is_built_from(warehouse, node->refs[r], from)) {
            return true;
        }
    }
    return false;
}

/* Whether a run that builds some tables can compare them with `to`: not where that was built from
 * what these were before, as a mart that is not selected is from an older dimension. */
static bool is_comparable(const plan *p, int32_t tested, int32_t to)
{
    return p->run->command != MDLI_COMMAND_BUILD || to < MDLI_N_SOURCES || p->task_of[to] >= 0 ||
           is_built_from(p->warehouse, tested, to);
}

/* Of two nodes the one that is built later; `b` may be -1. */
static int32_t later_of(const plan *p, int32_t a, int32_t b)
{
    mdli_node *const *nodes = p->warehouse->nodes;
    return b >= 0 && nodes[b]->place > nodes[a]->place ? b : a;
}

/* Adds the tests that can run when the table at `place` is there. */
static mdl_status add_tests(plan *p, int32_t place, mdl_error *error)
{
    const mdl_warehouse *warehouse = p->warehouse;
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        int32_t n = warehouse->order[i];
        const mdli_node *node = warehouse->nodes[n];
        for (int32_t t = 0; t < node->n_tests; t++) {
            const mdl_test *test = &node->tests[t];
            int32_t tested;
            int32_t to;
            if (!is_tested(p, n, test)) {
                continue;
            }
            MDLI_TRY(find_tables(p, n, test, &tested, &to, error));
            if (later_of(p, tested, to) == warehouse->order[place] &&
                is_comparable(p, tested, to)) {
                mdli_task *task = add_task(p, MDL_TASK_TEST, n, test->name);
                task->result.test = test;
                task->tested = tested;
                task->to = to;
            }
        }
    }
    return MDL_OK;
}

static void add_node(plan *p, int32_t n)
{
    const mdli_node *node = p->warehouse->nodes[n];
    if (is_built(p, n)) {
        p->task_of[n] = p->run->n_tasks;
        add_task(p, node->snapshot != NULL ? MDL_TASK_SNAPSHOT : MDL_TASK_MODEL, n,
                 node->model.name);
    }
}

static mdl_status add_tasks(plan *p, mdl_error *error)
{
    bool tests_come_last = p->state->options.tests == MDL_TESTS_AFTER_ALL;
    add_loads(p);
    place_loads(p);
    int32_t n_loads = p->run->n_tasks;
    for (int32_t place = 0; place < p->warehouse->n_nodes; place++) {
        add_node(p, p->warehouse->order[place]);
        if (!tests_come_last) {
            MDLI_TRY(add_tests(p, place, error));
        }
    }
    for (int32_t place = 0; tests_come_last && place < p->warehouse->n_nodes; place++) {
        MDLI_TRY(add_tests(p, place, error));
    }
    if (p->run->n_tasks == n_loads) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "there is nothing to do for what is selected");
    }
    return MDL_OK;
}

/* Needs. */

/* Whether a test has to pass before something is built from node `ref`. */
static bool guards(const plan *p, const mdli_task *test, int32_t ref)
{
    return test->result.kind == MDL_TASK_TEST &&
           test->result.test->severity == MDL_SEVERITY_ERROR &&
           (test->tested == ref || later_of(p, test->tested, test->to) == ref);
}

/* Collects what task `t` needs; how many they are. */
static int32_t collect_needs(const plan *p, int32_t t)
{
    const mdl_run *run = p->run;
    const mdli_task *task = &run->tasks[t];
    const mdli_node *node = p->warehouse->nodes[task->node];
    int32_t n = 0;
    if (task->result.kind == MDL_TASK_TEST) {
        int32_t read[] = {task->tested, task->to};
        for (int i = 0; i < 2; i++) {
            if (read[i] >= 0 && p->task_of[read[i]] >= 0) {
                p->needs[n++] = p->task_of[read[i]];
            }
        }
        return n;
    }
    if (task->result.kind == MDL_TASK_LOAD) {
        return 0;
    }
    for (int32_t r = 0; r < node->model.n_refs; r++) {
        if (p->task_of[node->refs[r]] >= 0) {
            p->needs[n++] = p->task_of[node->refs[r]];
        }
    }
    for (int32_t before = 0; before < t; before++) {
        bool is_guard = false;
        for (int32_t r = 0; r < node->model.n_refs; r++) {
            is_guard = is_guard || guards(p, &run->tasks[before], node->refs[r]);
        }
        if (is_guard) {
            p->needs[n++] = before;
        }
    }
    return n;
}

static mdl_status add_needs(plan *p, mdl_error *error)
{
    for (int32_t t = 0; t < p->run->n_tasks; t++) {
        mdli_task *task = &p->run->tasks[t];
        task->n_needs = collect_needs(p, t);
        mdl_error fault = MDL_ERROR_INIT;
        size_t size_bytes = (size_t)task->n_needs * sizeof *task->needs;
        task->needs = mdli_arena_allocate(&p->run->arena, size_bytes, &fault);
        if (task->needs == NULL) {
            return mdli_error_copy(error, &fault);
        }
        memcpy(task->needs, p->needs, size_bytes);
        task->n_waiting = task->n_needs;
    }
    return MDL_OK;
}

/* Tables. */

/* Whether the run has a table for a node, from the run before or of its own. */
static bool is_of_run(const plan *p, int32_t n)
{
    return p->task_of[n] >= 0 || p->state->tables[n] != NULL;
}

/* Whether all refs of a model or snapshot are there by its turn. */
static mdl_status check_inputs(const plan *p, const mdli_task *task, mdl_error *error)
{
    const mdl_warehouse *warehouse = p->warehouse;
    const mdli_node *node = warehouse->nodes[task->node];
    for (int32_t r = 0; r < node->model.n_refs; r++) {
        if (!is_of_run(p, node->refs[r]) && !mdli_node_is_built(warehouse->nodes[node->refs[r]])) {
            return mdl_error_set(
                error, MDL_E_STATE, "%s %s needs %s, which is not selected and was never built",
                mdl_task_kind_name(task->result.kind), node->model.name, node->model.refs[r]);
        }
    }
    return MDL_OK;
}

/* A table that was never built lets a test be skipped. One that is there and will be read is read
 * here, where all threads help. */
static mdl_status ready_tested(const plan *p, mdli_task *task, int32_t n, const char *role,
                               mdl_error *error)
{
    if (n < 0 || is_of_run(p, n)) {
        return MDL_OK;
    }
    mdli_node *node = p->warehouse->nodes[n];
    if (!mdli_node_is_built(node)) {
        if (task->message[0] == '\0') {
            snprintf(task->message, sizeof task->message, "%s, which it %s, was never built",
                     node->model.name, role);
        }
        return MDL_OK;
    }
    const mdl_table *table;
    return mdli_is_known_task(p->state, task) ? MDL_OK
                                              : mdli_node_table(p->warehouse, node, &table, error);
}

static mdl_status ready_tables(const plan *p, mdl_error *error)
{
    for (int32_t t = 0; t < p->run->n_tasks; t++) {
        mdli_task *task = &p->run->tasks[t];
        switch (task->result.kind) {
        case MDL_TASK_MODEL:
        case MDL_TASK_SNAPSHOT:
            MDLI_TRY(check_inputs(p, task, error));
            break;
        case MDL_TASK_TEST:
            MDLI_TRY(ready_tested(p, task, task->tested, "tests", error));
            MDLI_TRY(ready_tested(p, task, task->to, "reads", error));
            break;
        case MDL_TASK_LOAD:
            break;
        }
    }
    return MDL_OK;
}

/* Takes snapshots that were never taken out of what is picked for tests: a program without a store
 * has none. */
static void leave_out_untaken(plan *p)
{
    for (int32_t i = 0; i < p->warehouse->n_nodes; i++) {
        const mdli_node *node = p->warehouse->nodes[i];
        p->selected[i] = p->selected[i] && (node->snapshot == NULL || mdli_node_is_built(node));
    }
}

static mdl_status select_nodes(plan *p, mdl_error *error)
{
    const mdl_build_options *options = &p->state->options;
    if (p->run->command == MDLI_COMMAND_RETRY) {
        return MDL_OK;
    }
    bool is_build = p->run->command == MDLI_COMMAND_BUILD;
    MDLI_TRY(mdli_select_nodes(p->warehouse, options->select, options->exclude, is_build,
                               p->selected, error));
    if (!is_build) {
        leave_out_untaken(p);
    }
    return MDL_OK;
}

static mdl_status allocate_plan(plan *p, mdl_error *error)
{
    mdl_context *context = p->run->context;
    const mdl_warehouse *warehouse = p->warehouse;
    int64_t n_tasks = warehouse->n_loads - p->n_loads_told + warehouse->n_nodes;
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        n_tasks += warehouse->nodes[i]->n_tests;
    }
    void *memory = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_tasks * sizeof *p->run->tasks, "run", &memory,
                                  error));
    p->run->tasks = memory;
    MDLI_TRY(mdli_allocate_array(context, n_tasks, sizeof *p->needs, "run", &memory, error));
    p->needs = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)warehouse->n_nodes, "run", &memory, error));
    p->selected = memory;
    MDLI_TRY(mdli_allocate_array(context, warehouse->n_nodes, sizeof *p->task_of, "run", &memory,
                                 error));
    p->task_of = memory;
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        p->task_of[i] = -1;
    }
    return MDL_OK;
}

mdl_status mdli_plan_run(mdli_run_state *state, mdl_error *error)
{
    plan p = {.state = state, .warehouse = state->warehouse, .run = state->run};
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdli_graph_check(p.warehouse, error));
    MDLI_TRY_GOTO_DONE(read_log(&p, error));
    MDLI_TRY_GOTO_DONE(allocate_plan(&p, error));
    MDLI_TRY_GOTO_DONE(select_nodes(&p, error));
    MDLI_TRY_GOTO_DONE(add_tasks(&p, error));
    MDLI_TRY_GOTO_DONE(add_needs(&p, error));
    MDLI_TRY_GOTO_DONE(ready_tables(&p, error));
done:
    mdli_free(state->run->context, p.failed);
    mdli_free(state->run->context, p.task_of);
    mdli_free(state->run->context, p.selected);
    mdli_free(state->run->context, p.needs);
    return status;
}
