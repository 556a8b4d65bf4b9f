/*
 * The threads of a context and parallel loops on them.
 *
 * The pool starts its threads with the first work and keeps them asleep between pieces of work. The
 * thread that asks for work takes part in it. A system that refuses a thread just leaves fewer.
 */
#include "base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/context_private.h"
#include "base/error.h"
#include "base/memory.h"

struct mdli_thread_pool {
    pthread_mutex_t lock;
    pthread_cond_t work_came;
    pthread_cond_t work_done;
    pthread_t *threads;
    int n_threads_wanted; /* besides the calling one */
    int n_threads;        /* started */
    bool is_started;
    bool is_ending;
    bool is_busy;

    /* The work at hand. */
    void (*job)(void *data, int index);
    void *data;
    int n_jobs;
    int next_job;
    int n_running;
};

mdl_status mdli_thread_pool_create(mdl_context *context, mdli_thread_pool **out, mdl_error *error)
{
    void *memory;
    void *threads;
    int n = context->n_threads - 1;
    *out = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, sizeof(mdli_thread_pool), "threads", &memory, error));
    mdl_status status =
        mdli_allocate_array(context, n, sizeof(pthread_t), "threads", &threads, error);
    if (status != MDL_OK) {
        mdli_free(context, memory);
        return status;
    }
    mdli_thread_pool *pool = memory;
    pool->threads = threads;
    pool->n_threads_wanted = n;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work_came, NULL);
    pthread_cond_init(&pool->work_done, NULL);
    *out = pool;
    return MDL_OK;
}

/* Takes jobs until none is left. Called and left with the lock held. */
static void take_jobs(mdli_thread_pool *pool)
{
    while (pool->next_job < pool->n_jobs) {
        int index = pool->next_job++;
        pool->n_running++;
        pthread_mutex_unlock(&pool->lock);
        pool->job(pool->data, index);
        pthread_mutex_lock(&pool->lock);
        pool->n_running--;
    }
    if (pool->n_running == 0) {
        pthread_cond_signal(&pool->work_done);
    }
}

static void *thread_main(void *argument)
{
    mdli_thread_pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    while (!pool->is_ending) {
        if (pool->next_job < pool->n_jobs) {
            take_jobs(pool);
        } else {
            pthread_cond_wait(&pool->work_came, &pool->lock);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void start_threads(mdli_thread_pool *pool)
{
    pool->is_started = true;
    while (pool->n_threads < pool->n_threads_wanted &&
           pthread_create(&pool->threads[pool->n_threads], NULL, thread_main, pool) == 0) {
        pool->n_threads++;
    }
}

void mdli_thread_pool_run(mdli_thread_pool *pool, void (*job)(void *data, int index), void *data,
                          int n_jobs)
{
    pthread_mutex_lock(&pool->lock);
    if (pool->is_busy) {
        pthread_mutex_unlock(&pool->lock);
        for (int i = 0; i < n_jobs; i++) {
            job(data, i);
        }
        return;
    }
    pool->is_busy = true;
    if (!pool->is_started) {
        start_threads(pool);
    }
    pool->job = job;
    pool->data = data;
    pool->next_job = 0;
    pool->n_jobs = n_jobs;
    pthread_cond_broadcast(&pool->work_came);
    take_jobs(pool);
    while (pool->n_running > 0) {
        pthread_cond_wait(&pool->work_done, &pool->lock);
    }
    pool->n_jobs = 0;
    pool->next_job = 0;
    pool->is_busy = false;
    pthread_mutex_unlock(&pool->lock);
}

void mdli_thread_pool_free(mdl_context *context, mdli_thread_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->is_ending = true;
    pthread_cond_broadcast(&pool->work_came);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->n_threads; i++) {
        pthread_join(pool->threads[i], NULL);
    }
    pthread_cond_destroy(&pool->work_came);
    pthread_cond_destroy(&pool->work_done);
    pthread_mutex_destroy(&pool->lock);
    mdli_free(context, pool->threads);
    mdli_free(context, pool);
}

/* One parallel loop. */
typedef struct loop {
    mdl_context *context;
    mdli_job_fn job;
    void *data;
    int64_t n_jobs;
    _Atomic int64_t next_job;
    atomic_bool is_failed;
    pthread_mutex_t failure_lock;
    int64_t failed_job;
    mdl_status failed_status;
    mdl_error *error;
} loop;

/* Keeps the failure of the lowest job. The error's text is first written to the worker's own copy.
 */
static void keep_failure(loop *work, int64_t job, mdl_status status, const mdl_error *error)
{
    pthread_mutex_lock(&work->failure_lock);
    if (work->failed_job < 0 || job < work->failed_job) {
        work->failed_job = job;
        work->failed_status = status;
        if (work->error != NULL) {
            *work->error = *error;
        }
    }
    pthread_mutex_unlock(&work->failure_lock);
    atomic_store_explicit(&work->is_failed, true, memory_order_relaxed);
}

static void run_worker(void *data, int worker)
{
    loop *work = data;
    while (!atomic_load_explicit(&work->is_failed, memory_order_relaxed)) {
        int64_t job = atomic_fetch_add_explicit(&work->next_job, 1, memory_order_relaxed);
        if (job >= work->n_jobs) {
            return;
        }
        mdl_error error = MDL_ERROR_INIT;
        mdl_status status = mdli_check_cancel(work->context, &error);
        if (status == MDL_OK) {
            status = work->job(work->data, job, worker, &error);
        }
        if (status != MDL_OK) {
            keep_failure(work, job, status, &error);
        }
    }
}

int mdli_n_workers(const mdl_context *context, int64_t n_jobs)
{
    int64_t n = context->n_threads < n_jobs ? context->n_threads : n_jobs;
    return n < 1 ? 1 : (int)n;
}

mdl_status mdli_parallel_for(mdl_context *context, int64_t n_jobs, mdli_job_fn job, void *data,
                             mdl_error *error)
{
    /* A loop keeps its first failure even where the caller's error tells one already. */
    mdl_error failure = MDL_ERROR_INIT;
    loop work = {
        .context = context,
        .job = job,
        .data = data,
        .n_jobs = n_jobs,
        .failed_job = -1,
        .failed_status = MDL_OK,
        .error = &failure,
    };
    pthread_mutex_init(&work.failure_lock, NULL);
    int n_workers = mdli_n_workers(context, n_jobs);
    if (n_workers == 1) {
        run_worker(&work, 0);
    } else if (context->executor.run != NULL) {
        context->executor.run(context->executor.user_data, run_worker, &work, n_workers);
    } else {
        mdli_thread_pool_run(context->pool, run_worker, &work, n_workers);
    }
    pthread_mutex_destroy(&work.failure_lock);
    if (work.failed_status != MDL_OK) {
        mdli_error_copy(error, &failure);
    }
    return work.failed_status;
}
