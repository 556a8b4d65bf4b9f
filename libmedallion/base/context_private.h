/*
 * The members of a context, for base/ alone: the rest of the library goes through
 * context_internal.h.
 */
#ifndef MDLI_BASE_CONTEXT_PRIVATE_H
#define MDLI_BASE_CONTEXT_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "medallion/context.h"

typedef struct mdli_thread_pool mdli_thread_pool;

struct mdl_context {
    mdl_allocator allocator;
    int64_t budget_bytes;
    _Atomic int64_t in_use_bytes;
    _Atomic int64_t peak_bytes;

    int32_t n_threads;
    mdl_executor executor;
    mdli_thread_pool *pool; /* NULL with a caller's executor or one thread */

    mdl_simd simd;
    int64_t block_rows;
    int64_t chunk_bytes;

    atomic_int cancelled;        /* lock-free: set from signal handlers */
    _Atomic int64_t deadline_ns; /* on the monotonic clock; 0 = none */

    mdl_progress_fn progress;
    void *progress_data;
    pthread_mutex_t progress_lock;
    int64_t progress_told_ns;
    const char *progress_task; /* task of the last call; compared by address */
};

/* Nanoseconds on a clock that never goes back. */
int64_t mdli_nanoseconds_now(void);

/* Makes the threads' bookkeeping; threads start with the first work. NULL with `error` filled. */
mdli_thread_pool *mdli_thread_pool_create(mdl_context *context, mdl_error *error);

/* Joins the threads and frees the pool. Accepts NULL. */
void mdli_thread_pool_free(mdl_context *context, mdli_thread_pool *pool);

/* As mdl_executor.run on the pool's threads and the calling one. When the pool is at work already
 * (work that starts more work), the calling thread runs all jobs itself. */
void mdli_thread_pool_run(mdli_thread_pool *pool, void (*job)(void *data, int index), void *data,
                          int n_jobs);

#endif
