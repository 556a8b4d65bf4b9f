/*
 * run_results.json, schema v6: what became of the models, snapshots and tests of a run.
 */
#include "artifacts/dbt_artifacts.h"
#include "base/error.h"

static void write_timing(mdli_artifact *artifact, const mdl_run_result *result)
{
    mdli_json *json = &artifact->json;
    const int64_t run_start = mdl_run_started_at(artifact->run);
    mdli_json_open_array(json, "timing");
    if (result->state != MDL_RUN_SKIPPED) {
        mdli_json_open_object(json, NULL);
        mdli_json_text(json, "name", "execute");
        mdli_write_time(artifact, "started_at", run_start, result->start_seconds);
        mdli_write_time(artifact, "completed_at", run_start,
                        result->start_seconds + result->seconds);
        mdli_json_close_object(json);
    }
    mdli_json_close_array(json);
}

/* What an adapter would say of the statement: here rows, and what the task counted. */
static void write_response(mdli_artifact *artifact, const mdl_run_result *result)
{
    mdli_json *json = &artifact->json;
    mdli_json_open_object(json, "adapter_response");
    if (result->kind != MDL_TASK_TEST && result->state == MDL_RUN_SUCCESS) {
        mdli_json_integer(json, "rows_affected", result->n_rows);
        for (int32_t i = 0; i < result->n_counters; i++) {
            mdli_json_integer(json, result->counters[i].name, result->counters[i].value);
        }
    }
    mdli_json_close_object(json);
}

static void write_result(mdli_artifact *artifact, const mdl_run_result *result)
{
    mdli_json *json = &artifact->json;
    const bool is_test = result->kind == MDL_TASK_TEST;
    char id[MDLI_NODE_NAME_SIZE];
    if (is_test) {
        mdli_test_id(artifact, result->model, result->test, id, sizeof id);
    } else {
        mdli_node_id(artifact, result->model, id, sizeof id);
    }
    mdli_json_open_object(json, NULL);
    /* Our names of states are dbt's. */
    mdli_json_text(json, "status", mdl_run_state_name(result->state));
    write_timing(artifact, result);
    mdli_json_text(json, "thread_id", "main");
    mdli_json_double(json, "execution_time", result->seconds);
    write_response(artifact, result);
    mdli_json_text(json, "message", result->message[0] != '\0' ? result->message : NULL);
    if (is_test && result->state != MDL_RUN_SKIPPED && result->state != MDL_RUN_ERROR) {
        mdli_json_integer(json, "failures", result->n_failures);
    } else {
        mdli_json_null(json, "failures");
    }
    mdli_json_text(json, "unique_id", id);
    mdli_json_null(json, "compiled");
    mdli_json_null(json, "compiled_code");
    if (is_test) {
        mdli_json_null(json, "relation_name");
    } else {
        mdli_write_relation_name(artifact, result->model);
    }
    mdli_json_close_object(json);
}

mdl_status mdl_write_run_results(const mdl_warehouse *warehouse, const mdl_run *run,
                                 const mdl_artifact_options *options, mdl_write_fn write,
                                 void *user_data, mdl_error *error)
{
    if (run == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "run results need a run");
    }
    mdli_artifact artifact;
    MDLI_TRY(mdli_artifact_start(&artifact, warehouse, run, options, "run-results/v6", write,
                                 user_data, error));
    mdli_json_open_array(&artifact.json, "results");
    for (int32_t i = 0; i < mdl_run_n_results(run); i++) {
        const mdl_run_result *result = mdl_run_get_result(run, i);
        if (result->kind != MDL_TASK_LOAD) {
            write_result(&artifact, result);
        }
    }
    mdli_json_close_array(&artifact.json);
    mdli_json_double(&artifact.json, "elapsed_time", mdl_run_seconds(run));
    mdli_json_open_object(&artifact.json, "args");
    mdli_json_text(&artifact.json, "which", artifact.options.command);
    mdli_json_close_object(&artifact.json);
    return mdli_artifact_finish(&artifact, error);
}
