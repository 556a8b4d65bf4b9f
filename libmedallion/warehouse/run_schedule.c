/*
 * The schedule of a run: tasks that need nothing of each other run at the same time, the first in
 * the order of the run first.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/parallel.h"
#include "warehouse/run_internal.h"

/* Guarded by the lock, as are all tasks but for what a running one writes to its own. */
typedef struct schedule {
    mdli_run_state *state;
    mdl_run *run;
    pthread_mutex_t lock;
    int32_t failed_task; /* the first in order; -1 = none */
    bool is_stopped;
    mdl_error stop; /* why, where that is no failure of a task */
} schedule;

/* The first task in order that can start. */
static mdli_task *take_next(schedule *s)
{
    mdli_task *task = s->run->tasks;
    while (!task->is_offered || task->is_started) {
        task++;
    }
    task->is_started = true;
    return task;
}

/* Whether a message starts with the name of its task: those of snapshots do so themselves. */
static bool is_told_with_name(const mdli_task *task, const char *message)
{
    const char *kind = mdl_task_kind_name(task->result.kind);
    const char *name = task->result.name;
    size_t kind_bytes = strlen(kind);
    size_t name_bytes = strlen(name);
    return strncmp(message, kind, kind_bytes) == 0 && message[kind_bytes] == ' ' &&
           strncmp(message + kind_bytes + 1, name, name_bytes) == 0 &&
           message[kind_bytes + 1 + name_bytes] == ':';
}

/* Keeps the failure of the first task in order, told with its name; its place in a file stays. */
static void keep_failure(schedule *s, const mdli_task *task, const mdl_error *error)
{
    int32_t index = (int32_t)(task - s->run->tasks);
    bool is_cancelled = error->status == MDL_E_CANCELLED || error->status == MDL_E_DEADLINE;
    s->run->is_cancelled = s->run->is_cancelled || is_cancelled;
    s->is_stopped = s->is_stopped || is_cancelled || s->state->options.fail_fast;
    if (s->failed_task >= 0 && s->failed_task < index) {
        return;
    }
    s->failed_task = index;
    s->run->failure = *error;
    if (!is_told_with_name(task, error->message)) {
        mdl_error named = MDL_ERROR_INIT;
        mdl_error_set(&named, error->status, "%s %s: %s", mdl_task_kind_name(task->result.kind),
                      task->result.name, error->message);
        memcpy(s->run->failure.message, named.message, sizeof named.message);
    }
}

/* What a task does with one that it needs. */
static const char *relation_to(const mdli_task *task, const mdli_task *need)
{
    switch (task->result.kind) {
    case MDL_TASK_TEST:
        return need->node == task->tested ? "tests" : "reads";
    case MDL_TASK_SNAPSHOT:
        return "is taken of";
    default:
        return "is built from";
    }
}

/* Whether something stands in the way of a task that is not yet told; its message says what. */
static bool has_to_skip(schedule *s, mdli_task *task)
{
    if (task->message[0] != '\0' && task->result.kind == MDL_TASK_TEST) {
        return true; /* a table that it needs was never built */
    }
    for (int32_t i = 0; i < task->n_needs; i++) {
        const mdli_task *need = &s->run->tasks[task->needs[i]];
        const mdl_run_result *result = &need->result;
        if (result->kind == MDL_TASK_TEST) {
            if (result->state == MDL_RUN_FAIL || result->state == MDL_RUN_ERROR) {
                snprintf(task->message, sizeof task->message, "test %s failed", result->name);
                return true;
            }
        } else if (result->state != MDL_RUN_SUCCESS) {
            snprintf(task->message, sizeof task->message, "%s, which it %s, %s", result->name,
                     relation_to(task, need),
                     result->state == MDL_RUN_SKIPPED ? "was skipped" : "failed");
            return true;
        }
    }
    if (!s->is_stopped && mdli_check_cancel(s->run->context, &s->stop) != MDL_OK) {
        s->is_stopped = true;
        s->run->is_cancelled = true;
    }
    if (s->is_stopped) {
        snprintf(task->message, sizeof task->message, "the run was stopped");
    }
    return s->is_stopped;
}

/* Runs a task. Called and left with the lock held. */
static void run_task(schedule *s, mdli_task *task)
{
    const mdl_run_events *events = &s->state->options.events;
    int32_t index = (int32_t)(task - s->run->tasks) + 1;
    task->result.start_seconds = mdli_seconds_now() - s->run->start;
    if (has_to_skip(s, task)) {
        return;
    }
    if (events->task_started != NULL) {
        events->task_started(events->user_data, &task->result, index, s->run->n_tasks);
    }
    pthread_mutex_unlock(&s->lock);
    mdl_error error = MDL_ERROR_INIT;
    mdli_task_output output;
    mdl_status status = mdli_run_task(s->state, task, &output, &error);
    double end = mdli_seconds_now() - s->run->start;
    pthread_mutex_lock(&s->lock);
    task->result.seconds = end - task->result.start_seconds;
    if (output.table != NULL) {
        s->state->tables[task->node] = output.table;
        s->state->definitions[task->node] = s->state->warehouse->nodes[task->node]->definition;
        s->state->changes[task->node] = output.changes;
    }
    if (status != MDL_OK) {
        keep_failure(s, task, &error);
    }
}

/* Offers the tasks that wait for nothing any more; how many they are. */
static int64_t offer_tasks(schedule *s)
{
    int64_t n_offered = 0;
    for (int32_t t = 0; t < s->run->n_tasks; t++) {
        mdli_task *task = &s->run->tasks[t];
        if (task->n_waiting == 0 && !task->is_offered) {
            task->is_offered = true;
            n_offered++;
        }
    }
    return n_offered;
}

/* Notes that a task has ended. */
static void end_task(schedule *s, const mdli_task *ended)
{
    int32_t index = (int32_t)(ended - s->run->tasks);
    for (int32_t t = index + 1; t < s->run->n_tasks; t++) {
        mdli_task *task = &s->run->tasks[t];
        for (int32_t i = 0; i < task->n_needs; i++) {
            task->n_waiting -= task->needs[i] == index;
        }
    }
}

static int64_t run_next(void *data)
{
    schedule *s = data;
    const mdl_run_events *events = &s->state->options.events;
    pthread_mutex_lock(&s->lock);
    mdli_task *task = take_next(s);
    if (task->result.kind != MDL_TASK_LOAD) {
        run_task(s, task);
    }
    if (events->task_finished != NULL) {
        events->task_finished(events->user_data, &task->result, (int32_t)(task - s->run->tasks) + 1,
                              s->run->n_tasks);
    }
    end_task(s, task);
    int64_t n_offered = offer_tasks(s);
    pthread_mutex_unlock(&s->lock);
    return n_offered;
}

void mdli_schedule_run(mdli_run_state *state)
{
    mdl_run *run = state->run;
    schedule s = {.state = state, .run = run, .failed_task = -1, .stop = MDL_ERROR_INIT};
    pthread_mutex_init(&s.lock, NULL);
    mdli_parallel_tasks(run->context, offer_tasks(&s), run_next, &s);
    pthread_mutex_destroy(&s.lock);
    if (s.failed_task < 0) {
        run->failure = s.stop;
    }
}
