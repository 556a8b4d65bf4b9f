/*
 * The members of a context, for base/ alone: the rest of the library goes through
 * context_internal.h.
 */
#ifndef MDLI_BASE_CONTEXT_PRIVATE_H
#define MDLI_BASE_CONTEXT_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "medallion/context.h"

typedef struct mdli_thread_pool mdli_thread_pool;

/* Most pieces of freed memory that a context keeps; looking through all of them is nothing against
 * what a system call for one costs. */
#define MDLI_SPARES_MAX 256

/* A piece of freed memory. */
typedef struct mdli_spare {
    void *memory;
    size_t size_bytes;
} mdli_spare;

struct mdl_context {
    mdl_allocator allocator;
    int64_t budget_bytes;
    _Atomic int64_t in_use_bytes;
    _Atomic int64_t peak_bytes;

    /* Freed memory that later allocations may take, oldest first; guarded by `spares_lock`. */
    bool keeps_spares;
    pthread_mutex_t spares_lock;
    mdli_spare spares[MDLI_SPARES_MAX];
    int n_spares;
    size_t spare_bytes; /* of all of them */

    int32_t n_threads;
    mdl_executor executor;
    mdli_thread_pool *pool; /* NULL with a caller's executor or one thread */

    mdl_simd simd;
    int64_t block_rows;
    int64_t chunk_bytes;
    _Atomic uint64_t last_serial;

    atomic_int cancelled; /* lock-free: set from signal handlers */
    atomic_int n_shields; /* while there are some, work is neither cancelled nor out of time */
    _Atomic int64_t deadline_ns; /* on the monotonic clock; 0 = none */

    mdl_progress_fn progress;
    void *progress_data;
    pthread_mutex_t progress_lock;
    int64_t progress_told_ns;
    bool has_progress; /* of a task that has not ended, as far as was told last */
};

/* Gives the freed memory that is kept back to the allocator. */
void mdli_release_spares(mdl_context *context);

/* Nanoseconds on a clock that never goes back. */
int64_t mdli_nanoseconds_now(void);

/* Makes the threads' bookkeeping; threads start with the first work. */
mdl_status mdli_thread_pool_create(mdl_context *context, mdli_thread_pool **out, mdl_error *error);

/* Joins the threads and frees the pool. Accepts NULL. */
void mdli_thread_pool_free(mdl_context *context, mdli_thread_pool *pool);

#endif
