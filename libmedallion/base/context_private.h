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

#include "base/piece_heap.h"
#include "medallion/context.h"

typedef struct mdli_thread_pool mdli_thread_pool;

struct mdl_context {
    mdl_allocator allocator;
    int64_t budget_bytes;
    _Atomic int64_t in_use_bytes;
    _Atomic int64_t peak_bytes;

    bool has_heap;
    mdli_piece_heap heap;

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

/* Nanoseconds on a clock that never goes back. */
int64_t mdli_nanoseconds_now(void);

/* Makes the threads' bookkeeping; threads start with the first work. */
mdl_status mdli_thread_pool_create(mdl_context *context, mdli_thread_pool **out, mdl_error *error);

/* Joins the threads and frees the pool. Accepts NULL. */
void mdli_thread_pool_free(mdl_context *context, mdli_thread_pool *pool);

#endif
