/*
 * Runs: models are built, tested and snapshots taken, and all tables are published at once, or none.
 */
#include <string.h>
#include <time.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "warehouse/known_tests.h"

const char *mdl_task_kind_name(mdl_task_kind kind)
{
    switch (kind) {
#define NAME_CASE(name, value, text)                                                               \
    case MDL_TASK_##name:                                                                          \
        return text;
        MDL_TASK_KIND_LIST(NAME_CASE)
#undef NAME_CASE
    }
    return "?";
}

const char *mdl_run_state_name(mdl_run_state state)
{
    switch (state) {
#define NAME_CASE(name, value, text)                                                               \
    case MDL_RUN_##name:                                                                           \
        return text;
        MDL_RUN_STATE_LIST(NAME_CASE)
#undef NAME_CASE
    }
    return "?";
}

void mdl_build_options_init(mdl_build_options *options)
{
    *options = (mdl_build_options){.struct_size = sizeof *options, .n_failures_kept = 10};
}

int32_t mdl_run_n_results(const mdl_run *run)
{
    return run->n_tasks;
}

const mdl_run_result *mdl_run_get_result(const mdl_run *run, int32_t index)
{
    return index >= 0 && index < run->n_tasks ? &run->tasks[index].result : NULL;
}

mdl_run_counts mdl_run_get_counts(const mdl_run *run)
{
    mdl_run_counts counts = {.n_total = run->n_tasks};
    for (int32_t t = 0; t < run->n_tasks; t++) {
        mdl_run_state state = run->tasks[t].result.state;
        counts.n_pass += state == MDL_RUN_SUCCESS || state == MDL_RUN_PASS;
        counts.n_warn += state == MDL_RUN_WARN;
        counts.n_error += state == MDL_RUN_ERROR || state == MDL_RUN_FAIL;
        counts.n_skip += state == MDL_RUN_SKIPPED;
    }
    return counts;
}

mdl_status mdl_run_status(const mdl_run *run)
{
    return run->failure.status;
}

const char *mdl_run_message(const mdl_run *run)
{
    return run->failure.message;
}

int64_t mdl_run_id(const mdl_run *run)
{
    return run->id;
}

int64_t mdl_run_started_at(const mdl_run *run)
{
    return (int64_t)run->started_at;
}

double mdl_run_seconds(const mdl_run *run)
{
    return run->seconds;
}

void mdl_run_free(mdl_run *run)
{
    if (run == NULL) {
        return;
    }
    for (int32_t t = 0; t < run->n_tasks; t++) {
        mdl_table_free(run->tasks[t].failures);
        mdli_free(run->context, run->tasks[t].explain);
    }
    mdli_free(run->context, run->tasks);
    mdli_arena_reset(&run->arena);
    mdli_free(run->context, run);
}

static mdl_status create_run(mdl_context *context, mdli_command command,
                             const mdl_build_options *options, mdl_run **out, mdl_error *error)
{
    void *memory = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, sizeof(mdl_run), "run", &memory, error));
    mdl_run *run = memory;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    run->context = context;
    run->command = options->retry ? MDLI_COMMAND_RETRY : command;
    run->start = mdli_seconds_now();
    run->started_at = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    run->run_time = options->has_run_time ? options->run_time : (int64_t)now.tv_sec;
    run->failure = (mdl_error)MDL_ERROR_INIT;
    mdli_arena_init(&run->arena, context, "run");
    *out = run;
    return MDL_OK;
}

/* Takes over what the last run has left, with the inputs that it was built from: an incremental model
 * is published together with them. */
static mdl_status take_pending(mdli_run_state *state, mdl_error *error)
{
    mdl_warehouse *warehouse = state->warehouse;
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        mdli_node *node = warehouse->nodes[i];
        const mdl_table *table = NULL;
        MDLI_TRY(mdli_node_pending(warehouse, node, &table, error));
        state->tables[i] = mdl_table_clone(table);
        state->definitions[i] = node->pending_definition;
        bool keeps_past = mdli_node_keeps_past(node);
        for (int32_t r = 0; table != NULL && keeps_past && r < node->model.n_refs; r++) {
            const mdl_table *ref;
            if (node->refs[r] >= 0) {
                MDLI_TRY(mdli_node_table(warehouse, warehouse->nodes[node->refs[r]], &ref, error));
            }
        }
    }
    return MDL_OK;
}

/* A run in the making, with what the last one has left if this one tries it again. */
static mdl_status create_state(mdl_warehouse *warehouse, mdli_command command,
                               const mdl_build_options *options, mdli_run_state *state,
                               mdl_error *error)
{
    void *memory = NULL;
    MDLI_TRY(create_run(warehouse->context, command, options, &state->run, error));
    MDLI_TRY(mdli_allocate_zeroed(warehouse->context,
                                  (size_t)warehouse->n_nodes * sizeof *state->tables, "run",
                                  &memory, error));
    state->tables = memory;
    MDLI_TRY(mdli_allocate_zeroed(warehouse->context,
                                  (size_t)warehouse->n_nodes * sizeof *state->changes, "run",
                                  &memory, error));
    state->changes = memory;
    MDLI_TRY(mdli_allocate_zeroed(warehouse->context,
                                  (size_t)warehouse->n_nodes * sizeof *state->definitions, "run",
                                  &memory, error));
    state->definitions = memory;
    return options->retry ? take_pending(state, error) : MDL_OK;
}

static void free_state(mdli_run_state *state)
{
    for (int32_t i = 0; state->tables != NULL && i < state->warehouse->n_nodes; i++) {
        mdl_table_free(state->tables[i]);
    }
    for (int32_t i = 0; state->changes != NULL && i < state->warehouse->n_nodes; i++) {
        mdli_changes_free(&state->changes[i]);
    }
    mdli_free(state->warehouse->context, state->changes);
    mdli_free(state->warehouse->context, state->definitions);
    mdli_free(state->warehouse->context, state->tables);
    mdl_run_free(state->run);
}

void mdli_drop_pending(mdl_warehouse *warehouse)
{
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        mdli_node_drop_pending(warehouse->nodes[i]);
    }
}

/* Remembers the tables from which a node's new table was built. */
static void keep_previous_refs(const mdl_warehouse *warehouse, mdli_node *node)
{
    for (int32_t r = 0; r < node->model.n_refs; r++) {
        mdl_table_free(node->previous_refs[r]);
        node->previous_refs[r] = mdl_table_clone(warehouse->nodes[node->refs[r]]->table);
    }
    node->are_previous_refs_unread = false;
}

/* Adds up what the snapshots of a run have changed, for the message of the next commit. */
static void add_changes(mdl_snapshot_counts *sum, const mdl_run *run)
{
    for (int32_t t = 0; t < run->n_tasks; t++) {
        const mdl_snapshot_counts *changes = &run->tasks[t].changes;
        sum->n_inserted += changes->n_inserted;
        sum->n_changed += changes->n_changed;
        sum->n_deleted += changes->n_deleted;
        sum->n_reappeared += changes->n_reappeared;
    }
}

/* Makes the tables of the run those of the warehouse. Cannot fail. */
static void publish(mdli_run_state *state)
{
    mdl_warehouse *warehouse = state->warehouse;
    mdli_drop_pending(warehouse);
    add_changes(&warehouse->changes, state->run);
    for (int32_t place = 0; place < warehouse->n_nodes; place++) {
        int32_t n = warehouse->order[place];
        mdli_node *node = warehouse->nodes[n];
        if (state->tables[n] == NULL) {
            continue;
        }
        mdli_node_set_table(node, state->tables[n]);
        node->table_definition = state->definitions[n];
        state->tables[n] = NULL;
        /* Inputs stand before what is built from them: theirs are published already. */
        if (mdli_node_keeps_past(node)) {
            keep_previous_refs(warehouse, node);
        }
    }
    mdli_note_known_tests(state);
}

/* Keeps the tables of a failed run for a retry. */
static void keep_pending(mdli_run_state *state)
{
    mdli_drop_pending(state->warehouse);
    for (int32_t i = 0; i < state->warehouse->n_nodes; i++) {
        mdli_node_set_pending(state->warehouse->nodes[i], state->tables[i], &state->definitions[i]);
        state->tables[i] = NULL;
    }
}

/* Enters the run in the log and publishes it, or keeps it for a retry: all of that, or nothing when
 * there is no memory for it. */
static void close_run(mdli_run_state *state)
{
    mdl_warehouse *warehouse = state->warehouse;
    mdl_run *run = state->run;
    mdl_table *runs = NULL;
    mdl_table *run_tasks = NULL;
    mdl_error error = MDL_ERROR_INIT;
    run->seconds = mdli_seconds_now() - run->start;
    mdli_context_shield(warehouse->context); /* a cancelled run is logged too */
    mdl_status logged = mdli_run_log_append(warehouse, run, &runs, &run_tasks, &error);
    mdli_context_unshield(warehouse->context);
    if (logged != MDL_OK) {
        mdli_error_copy(&run->failure, &error);
        return;
    }
    mdl_table_free(warehouse->runs);
    mdl_table_free(warehouse->run_tasks);
    warehouse->runs = runs;
    warehouse->run_tasks = run_tasks;
    if (run->failure.status == MDL_OK) {
        publish(state);
    } else {
        keep_pending(state);
    }
}

/* Runs what the options say, and does what they do not. */
static mdl_status make_run(mdl_warehouse *warehouse, mdli_command command,
                           const mdl_build_options *options, mdl_run **out, mdl_error *error)
{
    mdli_run_state state = {.warehouse = warehouse};
    mdl_build_options_init(&state.options);
    if (out != NULL) {
        *out = NULL;
    }
    if (options != NULL && options->struct_size != sizeof *options) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "build options were not set by mdl_build_options_init");
    }
    if (options != NULL) {
        state.options = *options;
    }
    mdl_status status;
    MDLI_TRY_GOTO_DONE(create_state(warehouse, command, &state.options, &state, error));
    MDLI_TRY_GOTO_DONE(mdli_plan_run(&state, error));
    if (!state.options.retry) {
        mdli_drop_pending(warehouse);
    }
    mdli_schedule_run(&state);
    close_run(&state);
    status = state.run->failure.status;
    mdli_error_copy(error, &state.run->failure);
    if (state.options.events.run_finished != NULL) {
        state.options.events.run_finished(state.options.events.user_data, state.run);
    }
    if (out != NULL) {
        *out = state.run;
        state.run = NULL;
    }
done:
    free_state(&state);
    return status;
}

mdl_status mdl_warehouse_build(mdl_warehouse *warehouse, const mdl_build_options *options,
                               mdl_run **run, mdl_error *error)
{
    return make_run(warehouse, MDLI_COMMAND_BUILD, options, run, error);
}

mdl_status mdl_warehouse_test(mdl_warehouse *warehouse, const mdl_build_options *options,
                              mdl_run **run, mdl_error *error)
{
    return make_run(warehouse, MDLI_COMMAND_TEST, options, run, error);
}

const mdl_table *mdl_warehouse_runs(const mdl_warehouse *warehouse)
{
    return warehouse->runs;
}

const mdl_table *mdl_warehouse_run_tasks(const mdl_warehouse *warehouse)
{
    return warehouse->run_tasks;
}
