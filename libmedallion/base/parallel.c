/*
 * The threads of a context and parallel work on them.
 *
 * The pool starts its threads with the first work and keeps them asleep between pieces of work. The
 * thread that asks for work takes part in it. A system that refuses a thread just leaves fewer.
 *
 * Several pieces of work can be under way at once: loops, from several threads or one inside the
 * other, and tasks, which take long and run loops of their own. A thread without work joins the
 * oldest loop that has a part to give, and starts a task only when no loop has one: what is begun
 * ends soon, and a lone loop gets all threads. Who has started a loop waits for its last parts
 * without doing others', which could be longer than these or wait for this thread's. Who has
 * started tasks has nothing else to do and serves as one of the pool's threads until they are over.
 */
#include "base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/context_private.h"
#include "base/error.h"
#include "base/memory.h"

/* Work in parts that threads take; on the stack of the thread that started it, guarded by the
 * pool's lock. A loop has as many parts as workers; each ready task is a part. */
typedef struct pool_work {
    struct pool_work *next;
    /* Does a part; gives how many more parts there are now. */
    int64_t (*run)(void *data, int index);
    void *data;
    bool is_tasks;
    int64_t n_open; /* parts that nobody has begun */
    int n_begun;
    int n_running;
} pool_work;

struct mdli_thread_pool {
    pthread_mutex_t lock;
    pthread_cond_t work_came; /* for idle threads; also when tasks are over */
    pthread_cond_t loop_over; /* for those who wait for their loops */
    pthread_t *threads;
    int n_threads_wanted; /* besides the calling one */
    int n_threads;        /* started */
    bool is_started;
    bool is_ending;
    /* Work under way, oldest first. */
    pool_work *loops;
    pool_work *tasks;
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
    pthread_cond_init(&pool->loop_over, NULL);
    *out = pool;
    return MDL_OK;
}

/* The first work of a list that has a part to give, or NULL. */
static pool_work *find_open(pool_work *work)
{
    while (work != NULL && work->n_open == 0) {
        work = work->next;
    }
    return work;
}

/* Does a part of the work, which may be gone afterwards. Called and left with the lock held. */
static void take_part(mdli_thread_pool *pool, pool_work *work)
{
    int index = work->n_begun++;
    work->n_open--;
    work->n_running++;
    pthread_mutex_unlock(&pool->lock);
    int64_t n_more = work->run(work->data, index);
    pthread_mutex_lock(&pool->lock);
    work->n_open += n_more;
    work->n_running--;
    if (!work->is_tasks) {
        if (work->n_running == 0) {
            pthread_cond_broadcast(&pool->loop_over);
        }
    } else if (n_more > 0 || (work->n_open == 0 && work->n_running == 0)) {
        pthread_cond_broadcast(&pool->work_came);
    }
}

static void *thread_main(void *argument)
{
    mdli_thread_pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    while (!pool->is_ending) {
        pool_work *work = find_open(pool->loops);
        work = work != NULL ? work : find_open(pool->tasks);
        if (work != NULL) {
            take_part(pool, work);
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

/* Puts work at the end of its list and calls the threads. */
static void enter_work(mdli_thread_pool *pool, pool_work **list, pool_work *work)
{
    if (!pool->is_started) {
        start_threads(pool);
    }
    while (*list != NULL) {
        list = &(*list)->next;
    }
    *list = work;
    pthread_cond_broadcast(&pool->work_came);
}

static void leave_work(pool_work **list, const pool_work *work)
{
    while (*list != work) {
        list = &(*list)->next;
    }
    *list = work->next;
}

/* Runs a loop: parts that take jobs from one cursor, so that the end of one leaves nothing for
 * those that have not begun. */
static void run_loop(mdli_thread_pool *pool, int64_t (*run)(void *data, int worker), void *data,
                     int n_workers)
{
    pool_work work = {.run = run, .data = data, .n_open = n_workers};
    pthread_mutex_lock(&pool->lock);
    enter_work(pool, &pool->loops, &work);
    take_part(pool, &work);
    leave_work(&pool->loops, &work);
    while (work.n_running > 0) {
        pthread_cond_wait(&pool->loop_over, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

static void run_tasks(mdli_thread_pool *pool, int64_t (*run)(void *data, int index), void *data,
                      int64_t n_ready)
{
    pool_work tasks = {.run = run, .data = data, .is_tasks = true, .n_open = n_ready};
    pthread_mutex_lock(&pool->lock);
    enter_work(pool, &pool->tasks, &tasks);
    while (tasks.n_open > 0 || tasks.n_running > 0) {
        pool_work *work = find_open(pool->loops);
        if (work == NULL && tasks.n_open > 0) {
            work = &tasks;
        }
        if (work != NULL) {
            take_part(pool, work);
        } else {
            pthread_cond_wait(&pool->work_came, &pool->lock);
        }
    }
    leave_work(&pool->tasks, &tasks);
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
    pthread_cond_destroy(&pool->loop_over);
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

static int64_t run_worker(void *data, int worker)
{
    loop *work = data;
    while (!atomic_load_explicit(&work->is_failed, memory_order_relaxed)) {
        int64_t job = atomic_fetch_add_explicit(&work->next_job, 1, memory_order_relaxed);
        if (job >= work->n_jobs) {
            break;
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
    return 0;
}

/* For executors, whose jobs give nothing back. */
static void run_executor_worker(void *data, int worker)
{
    run_worker(data, worker);
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
        context->executor.run(context->executor.user_data, run_executor_worker, &work, n_workers);
    } else {
        run_loop(context->pool, run_worker, &work, n_workers);
    }
    pthread_mutex_destroy(&work.failure_lock);
    if (work.failed_status != MDL_OK) {
        mdli_error_copy(error, &failure);
    }
    return work.failed_status;
}

/* Tasks that run without the pool. */
typedef struct task_list {
    mdli_task_fn task;
    void *data;
    pthread_mutex_t lock;
    int64_t n_ready;
} task_list;

/* Runs tasks as long as one is ready. Waits for none: an executor may have no other thread that
 * could make one ready. */
static void run_ready_tasks(void *data, int index)
{
    (void)index;
    task_list *list = data;
    pthread_mutex_lock(&list->lock);
    while (list->n_ready > 0) {
        list->n_ready--;
        pthread_mutex_unlock(&list->lock);
        int64_t n_more = list->task(list->data);
        pthread_mutex_lock(&list->lock);
        list->n_ready += n_more;
    }
    pthread_mutex_unlock(&list->lock);
}

static int64_t run_pool_task(void *data, int index)
{
    (void)index;
    task_list *list = data;
    return list->task(list->data);
}

void mdli_parallel_tasks(mdl_context *context, int64_t n_ready, mdli_task_fn task, void *data)
{
    task_list list = {.task = task, .data = data, .n_ready = n_ready};
    if (context->pool != NULL) {
        run_tasks(context->pool, run_pool_task, &list, n_ready);
        return;
    }
    pthread_mutex_init(&list.lock, NULL);
    while (list.n_ready > 0) {
        int n_workers = mdli_n_workers(context, list.n_ready);
        if (n_workers == 1) {
            run_ready_tasks(&list, 0);
        } else {
            context->executor.run(context->executor.user_data, run_ready_tasks, &list, n_workers);
        }
    }
    pthread_mutex_destroy(&list.lock);
}
