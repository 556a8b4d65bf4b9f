/*
 * Threads shared by loops in loops, by loops at the same time and by tasks. That work runs at the
 * same time is seen from meetings: each of some jobs waits until all of them have begun.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/parallel.h"
#include "medallion/medallion.h"
#include "support/run_suite.h"

/* A place where a number of jobs meet. */
typedef struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t came;
    int n_expected;
    int n_there;
} meeting;

static void meeting_init(meeting *place, int n_expected)
{
    pthread_mutex_init(&place->lock, NULL);
    pthread_cond_init(&place->came, NULL);
    place->n_expected = n_expected;
    place->n_there = 0;
}

/* Waits for the others; a test that they never come to fails instead of hanging. */
static void meet(meeting *place)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 30;
    pthread_mutex_lock(&place->lock);
    place->n_there++;
    pthread_cond_broadcast(&place->came);
    while (place->n_there < place->n_expected) {
        ASSERT_IN_LOOP(pthread_cond_timedwait(&place->came, &place->lock, &end) == 0,
                       "%d of %d came", place->n_there, place->n_expected);
    }
    pthread_mutex_unlock(&place->lock);
}

static mdl_context *create(int32_t n_threads, mdl_executor executor)
{
    mdl_context_options options;
    mdl_context *context;
    mdl_context_options_init(&options);
    options.n_threads = n_threads;
    options.executor = executor;
    ck_assert_int_eq(mdl_context_create(&options, &context, NULL), MDL_OK);
    return context;
}

/* An executor with a thread for each job. */
typedef struct executor_job {
    void (*job)(void *job_data, int index);
    void *data;
    int index;
} executor_job;

static void *run_executor_job(void *argument)
{
    executor_job *job = argument;
    job->job(job->data, job->index);
    return NULL;
}

static void run_on_threads(void *user_data, void (*job)(void *job_data, int index), void *job_data,
                           int n_jobs)
{
    (void)user_data;
    pthread_t threads[16];
    executor_job jobs[16];
    ASSERT_IN_LOOP(n_jobs <= 16, "%d jobs", n_jobs);
    for (int i = 0; i < n_jobs; i++) {
        jobs[i] = (executor_job){job, job_data, i};
        ASSERT_IN_LOOP(pthread_create(&threads[i], NULL, run_executor_job, &jobs[i]) == 0,
                       "thread %d", i);
    }
    for (int i = 0; i < n_jobs; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* One that does all by itself, the last job first. */
static void run_backwards(void *user_data, void (*job)(void *job_data, int index), void *job_data,
                          int n_jobs)
{
    (void)user_data;
    for (int i = n_jobs - 1; i >= 0; i--) {
        job(job_data, i);
    }
}

static mdl_status meet_job(void *data, int64_t job, int worker, mdl_error *error)
{
    (void)job;
    (void)worker;
    (void)error;
    meet(data);
    return MDL_OK;
}

/* A loop whose first job ends at once and whose second has a loop of its own, for which the thread
 * that has neither job is free. */
typedef struct outer_loop {
    mdl_context *context;
    meeting inside;
} outer_loop;

static mdl_status loop_in_a_loop(void *data, int64_t job, int worker, mdl_error *error)
{
    (void)worker;
    outer_loop *outer = data;
    if (job == 0) {
        return MDL_OK;
    }
    return mdli_parallel_for(outer->context, outer->inside.n_expected, meet_job, &outer->inside,
                             error);
}

START_TEST(loop_in_a_loop_gets_idle_threads)
{
    outer_loop outer = {.context = create(3, (mdl_executor){NULL, NULL})};
    for (int round = 0; round < 100; round++) {
        meeting_init(&outer.inside, 2);
        ck_assert_int_eq(mdli_parallel_for(outer.context, 2, loop_in_a_loop, &outer, NULL), MDL_OK);
    }
    mdl_context_free(outer.context);
}
END_TEST

/* Loops in loops in loops: every job once. */
typedef struct deep_loop {
    mdl_context *context;
    int depth;
    atomic_int n_leaves;
} deep_loop;

static mdl_status go_deeper(void *data, int64_t job, int worker, mdl_error *error)
{
    (void)job;
    (void)worker;
    deep_loop *loop = data;
    deep_loop below = {.context = loop->context, .depth = loop->depth - 1};
    if (loop->depth == 0) {
        atomic_fetch_add(&loop->n_leaves, 1);
        return MDL_OK;
    }
    mdl_status status = mdli_parallel_for(loop->context, 5, go_deeper, &below, error);
    atomic_fetch_add(&loop->n_leaves, atomic_load(&below.n_leaves));
    return status;
}

static void *run_deep_loops(void *argument)
{
    for (int round = 0; round < 20; round++) {
        deep_loop loop = {.context = argument, .depth = 3};
        ASSERT_IN_LOOP(mdli_parallel_for(argument, 5, go_deeper, &loop, NULL) == MDL_OK, "round %d",
                       round);
        ASSERT_IN_LOOP(atomic_load(&loop.n_leaves) == 5 * 5 * 5 * 5, "%d leaves",
                       atomic_load(&loop.n_leaves));
    }
    return NULL;
}

START_TEST(loops_of_several_threads_and_depths)
{
    mdl_context *context = create(4, (mdl_executor){NULL, NULL});
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_deep_loops, context), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    mdl_context_free(context);
}
END_TEST

/* Tasks as a tree: task 1 makes 2 and 3 ready, 2 makes 4 and 5 ready, … */
enum {
    N_TASKS = 500
};

typedef struct task_tree {
    mdl_context *context;
    pthread_mutex_t lock;
    int ready[N_TASKS];
    int n_ready;
    int n_taken;
    int n_done;
    int n_running;
    int n_running_max;
} task_tree;

static mdl_status do_nothing(void *data, int64_t job, int worker, mdl_error *error)
{
    (void)job;
    (void)worker;
    (void)error;
    atomic_fetch_add((atomic_llong *)data, 1);
    return MDL_OK;
}

static int64_t run_tree_task(void *data)
{
    task_tree *tree = data;
    pthread_mutex_lock(&tree->lock);
    ASSERT_IN_LOOP(tree->n_taken < tree->n_ready, "%d taken", tree->n_taken);
    int task = tree->ready[tree->n_taken++];
    tree->n_running++;
    if (tree->n_running > tree->n_running_max) {
        tree->n_running_max = tree->n_running;
    }
    pthread_mutex_unlock(&tree->lock);
    atomic_llong n_jobs = 0;
    ASSERT_IN_LOOP(mdli_parallel_for(tree->context, 7, do_nothing, &n_jobs, NULL) == MDL_OK,
                   "task %d", task);
    ASSERT_IN_LOOP(atomic_load(&n_jobs) == 7, "task %d", task);
    pthread_mutex_lock(&tree->lock);
    tree->n_running--;
    tree->n_done++;
    int64_t n_more = 0;
    for (int child = 2 * task; child <= 2 * task + 1 && child < N_TASKS; child++) {
        tree->ready[tree->n_ready++] = child;
        n_more++;
    }
    pthread_mutex_unlock(&tree->lock);
    return n_more;
}

static void run_tree(int32_t n_threads, mdl_executor executor)
{
    task_tree tree = {.context = create(n_threads, executor), .ready = {1}, .n_ready = 1};
    pthread_mutex_init(&tree.lock, NULL);
    mdli_parallel_tasks(tree.context, 1, run_tree_task, &tree);
    ck_assert_int_eq(tree.n_done, N_TASKS - 1);
    ck_assert_int_eq(tree.n_running, 0);
    ck_assert_int_le(tree.n_running_max, n_threads);
    pthread_mutex_destroy(&tree.lock);
    mdl_context_free(tree.context);
}

START_TEST(tasks_run_once_each_is_ready)
{
    for (int32_t n_threads = 1; n_threads <= 6; n_threads++) {
        run_tree(n_threads, (mdl_executor){NULL, NULL});
        run_tree(n_threads, (mdl_executor){run_backwards, NULL});
        run_tree(n_threads, (mdl_executor){run_on_threads, NULL});
    }
    mdl_context *context = create(2, (mdl_executor){NULL, NULL});
    mdli_parallel_tasks(context, 0, run_tree_task, NULL);
    mdl_context_free(context);
}
END_TEST

/* Tasks that meet, and then each have a loop whose jobs meet. */
typedef struct meeting_tasks {
    mdl_context *context;
    meeting tasks;
    atomic_int next_loop;
    meeting loops[4];
} meeting_tasks;

static int64_t run_meeting_task(void *data)
{
    meeting_tasks *tasks = data;
    meet(&tasks->tasks);
    meeting *place = &tasks->loops[atomic_fetch_add(&tasks->next_loop, 1)];
    ASSERT_IN_LOOP(mdli_parallel_for(tasks->context, place->n_expected, meet_job, place, NULL) ==
                       MDL_OK,
                   "a loop of %d jobs", place->n_expected);
    return 0;
}

static void run_meeting_tasks(int n_tasks, int n_jobs, mdl_executor executor)
{
    for (int round = 0; round < 50; round++) {
        meeting_tasks tasks = {.context = create(4, executor)};
        meeting_init(&tasks.tasks, n_tasks);
        for (int i = 0; i < n_tasks; i++) {
            meeting_init(&tasks.loops[i], n_jobs);
        }
        mdli_parallel_tasks(tasks.context, n_tasks, run_meeting_task, &tasks);
        mdl_context_free(tasks.context);
    }
}

START_TEST(lone_task_gets_all_threads)
{
    run_meeting_tasks(1, 4, (mdl_executor){NULL, NULL});
    run_meeting_tasks(1, 4, (mdl_executor){run_on_threads, NULL});
}
END_TEST

START_TEST(tasks_run_at_the_same_time)
{
    run_meeting_tasks(4, 1, (mdl_executor){NULL, NULL});
    run_meeting_tasks(4, 1, (mdl_executor){run_on_threads, NULL});
}
END_TEST

START_TEST(two_tasks_share_threads)
{
    run_meeting_tasks(2, 2, (mdl_executor){NULL, NULL});
}
END_TEST

static Suite *parallel_suite(void)
{
    Suite *suite = suite_create("parallel");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_test(all, loop_in_a_loop_gets_idle_threads);
    tcase_add_test(all, loops_of_several_threads_and_depths);
    tcase_add_test(all, tasks_run_once_each_is_ready);
    tcase_add_test(all, lone_task_gets_all_threads);
    tcase_add_test(all, tasks_run_at_the_same_time);
    tcase_add_test(all, two_tasks_share_threads);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    return run_suite(parallel_suite());
}
