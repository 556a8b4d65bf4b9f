/*
 * The tasks of a run: building a model, taking a snapshot, testing a table.
 */
#include <stdio.h>
#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "warehouse/known_tests.h"

mdl_status mdli_run_table(const mdli_run_state *state, int32_t n, const mdl_table **out,
                          mdl_error *error)
{
    *out = state->tables[n];
    return *out != NULL ? MDL_OK
                        : mdli_node_table(state->warehouse, state->warehouse->nodes[n], out, error);
}

/* Reads the tables that a model is built from, and its past if it goes on from that. */
static mdl_status read_inputs(const mdli_run_state *state, mdli_node *node, bool *has_past,
                              mdl_error *error)
{
    *has_past = false;
    for (int32_t r = 0; r < node->model.n_refs; r++) {
        const mdl_table *table;
        MDLI_TRY(mdli_run_table(state, node->refs[r], &table, error));
    }
    if (node->model.materialization != MDL_MATERIALIZATION_INCREMENTAL ||
        state->options.full_refresh) {
        return MDL_OK;
    }
    return mdli_node_past(state->warehouse, node, has_past, error);
}

static mdl_status run_model(const mdli_run_state *state, mdli_task *task, mdli_task_output *out,
                            mdl_error *error)
{
    const mdli_build_inputs inputs = {
        .tables = state->tables,
        .changes = state->changes,
        .full_refresh = state->options.full_refresh,
    };
    mdl_warehouse *warehouse = state->warehouse;
    mdli_node *node = warehouse->nodes[task->node];
    bool has_past;
    MDLI_TRY(mdli_is_up_to_date(warehouse, node, &inputs, &task->result.reused, error));
    if (task->result.reused) {
        task->result.state = MDL_RUN_SUCCESS;
        task->result.n_rows = mdli_node_n_rows(warehouse, node);
        snprintf(task->message, sizeof task->message,
                 "reused: nothing that it is built from has changed");
        return MDL_OK;
    }
    MDLI_TRY(read_inputs(state, node, &has_past, error));
    mdli_built built;
    mdl_status status = mdli_build_model(warehouse, node, &inputs, has_past, &built, error);
    task->result.incremental = built.is_incremental;
    memcpy(task->counters, built.counters, sizeof task->counters);
    task->result.n_counters = built.n_counters;
    if (status == MDL_OK) {
        task->explain = built.explain;
        task->result.explain = built.explain;
        *out = (mdli_task_output){built.table, built.changes};
    }
    return status;
}

static mdl_status run_test(const mdli_run_state *state, mdli_task *task, mdl_error *error)
{
    mdl_test_options options;
    mdl_test_options_init(&options);
    options.n_failures_kept = state->options.n_failures_kept;
    mdl_run_result *result = &task->result;
    mdl_test_result found;
    bool is_known;
    const mdl_table *tested;
    const mdl_table *to = NULL;
    MDLI_TRY(mdli_tell_known_test(state, task, &is_known, error));
    if (is_known) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_run_table(state, task->tested, &tested, error));
    if (task->to >= 0) {
        MDLI_TRY(mdli_run_table(state, task->to, &to, error));
    }
    MDLI_TRY(mdl_test_run(state->run->context, result->test, tested, to, &options, &found, error));
    result->n_rows = found.n_rows;
    result->n_failures = found.n_failures;
    task->failures = found.failures;
    result->failures = found.failures;
    memcpy(task->message, found.message, sizeof found.message);
    if (found.outcome == MDL_TEST_FAIL) {
        result->state = MDL_RUN_FAIL;
        return mdl_error_set(error, MDL_E_TEST, "%s", task->message);
    }
    result->state = found.outcome == MDL_TEST_WARN ? MDL_RUN_WARN : MDL_RUN_PASS;
    return MDL_OK;
}

mdl_status mdli_run_task(const mdli_run_state *state, mdli_task *task, mdli_task_output *out,
                         mdl_error *error)
{
    mdl_run_result *result = &task->result;
    mdl_status status = MDL_OK;
    *out = (mdli_task_output){.table = NULL};
    switch (result->kind) {
    case MDL_TASK_MODEL:
        status = run_model(state, task, out, error);
        break;
    case MDL_TASK_SNAPSHOT:
        status = mdli_take_snapshot(state, task, &out->table, error);
        break;
    case MDL_TASK_TEST:
        status = run_test(state, task, error);
        break;
    case MDL_TASK_LOAD:
        break;
    }
    if (out->table != NULL) {
        result->state = MDL_RUN_SUCCESS;
        result->n_rows = mdl_table_n_rows(out->table);
    } else if (status != MDL_OK && result->state != MDL_RUN_FAIL) {
        result->state = MDL_RUN_ERROR;
        memcpy(task->message, error->message, sizeof task->message);
    }
    return status;
}
