/*
 * Running jobs on the context's threads.
 *
 * Work is cut in jobs 0 … n−1 that workers take from an atomic cursor. Results must not depend on
 * which worker runs which job: a job writes to its own slot, or its worker's state merges exactly.
 */
#ifndef MDLI_BASE_PARALLEL_H
#define MDLI_BASE_PARALLEL_H

#include <stdint.h>

#include "medallion/context.h"

/*
 * One job. `worker` is in [0, mdli_n_workers(context, n_jobs)), and no two calls with the same
 * worker run at once, so it can index state per worker.
 */
typedef mdl_status (*mdli_job_fn)(void *data, int64_t job, int worker, mdl_error *error);

/* How many workers mdli_parallel_for uses for so many jobs: at least 1. */
int mdli_n_workers(const mdl_context *context, int64_t n_jobs);

/*
 * Runs all jobs and waits for them. Checks for cancelling and the deadline before each job. After a
 * failure no new jobs start; the failure with the lowest job number is told, so that errors do not
 * depend on timing as long as jobs are started in order, which they are.
 */
mdl_status mdli_parallel_for(mdl_context *context, int64_t n_jobs, mdli_job_fn job, void *data,
                             mdl_error *error);

/* Does one of the tasks that are ready; gives how many others are ready now that were not before. */
typedef int64_t (*mdli_task_fn)(void *data);

/*
 * Runs tasks as they become ready, `n_ready` of them at the start, and returns when none is ready
 * nor running. They run at once as the threads allow, and may run loops: threads help with these
 * before they start another task. With one thread, one after the other.
 */
void mdli_parallel_tasks(mdl_context *context, int64_t n_ready, mdli_task_fn task, void *data);

/* Whether work has to stop: MDL_OK, MDL_E_CANCELLED or MDL_E_DEADLINE. Cheap; call it once per
 * morsel. */
mdl_status mdli_check_cancel(mdl_context *context, mdl_error *error);

#endif
