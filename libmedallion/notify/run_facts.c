/*
 * What a notification tells of a run, from the run.
 */
#include "notify/run_facts.h"

static const mdl_run_result *get_result(const void *run, int32_t index)
{
    return mdl_run_get_result(run, index);
}

mdli_run_facts mdli_run_facts_of(const mdl_run *run)
{
    if (run == NULL) {
        return (mdli_run_facts){.message = ""};
    }
    return (mdli_run_facts){
        .run_id = mdl_run_id(run),
        .status = mdl_run_status(run),
        .message = mdl_run_message(run),
        .started_at = mdl_run_started_at(run),
        .seconds = mdl_run_seconds(run),
        .counts = mdl_run_get_counts(run),
        .n_results = mdl_run_n_results(run),
        .get_result = get_result,
        .run = run,
    };
}
