/*
 * Contexts: settings, the counter of memory, cancelling, deadlines and progress.
 */
#include "medallion/context.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/context_internal.h"
#include "base/context_private.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/tuning.h"

enum {
    THREADS_MAX = 1024,
    PROGRESS_INTERVAL_NS = 100 * 1000 * 1000,
    PAUSE_STEP_NS = 20 * 1000 * 1000 /* how soon a pause notices that work has to stop */
};

/* aligned_alloc wants a multiple of the alignment. */
#define CONTEXT_BYTES ((sizeof(struct mdl_context) + 63) / 64 * 64)

static void *allocate_by_default(void *user_data, size_t size_bytes, size_t alignment_bytes)
{
    (void)user_data;
    return aligned_alloc(alignment_bytes, size_bytes);
}

static void release_by_default(void *user_data, void *memory, size_t size_bytes)
{
    (void)user_data;
    (void)size_bytes;
    free(memory);
}

int64_t mdli_nanoseconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

double mdli_seconds_now(void)
{
    return (double)mdli_nanoseconds_now() * 1e-9;
}

int64_t mdli_utc_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

/* Processors that this process may run on: its affinity, which containers and taskset set. */
static int32_t available_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        int n = CPU_COUNT(&set);
        if (n > 0) {
            return n;
        }
    }
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 && n <= THREADS_MAX ? (int32_t)n : 1;
}

void mdl_context_options_init(mdl_context_options *options)
{
    *options = (mdl_context_options){
        .struct_size = sizeof *options,
        .allocator = {allocate_by_default, release_by_default, NULL},
        .max_simd = MDL_SIMD_BEST,
        .block_rows = MDLI_BLOCK_ROWS_MAX,
        .chunk_bytes = MDLI_CHUNK_BYTES,
    };
}

static mdl_status check_options(const mdl_context_options *options, mdl_error *error)
{
    if (options->struct_size != sizeof *options) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "context options were not set by mdl_context_options_init");
    }
    if (options->allocator.allocate == NULL || options->allocator.release == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "an allocator needs both of its functions");
    }
    if (options->memory_budget_bytes < 0) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "memory_budget_bytes is %lld, less than 0",
                             (long long)options->memory_budget_bytes);
    }
    if (options->n_threads < 0 || options->n_threads > THREADS_MAX) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "n_threads is %d, not in 0 … %d",
                             (int)options->n_threads, THREADS_MAX);
    }
    if (options->block_rows < 1 || options->block_rows > MDLI_BLOCK_ROWS_MAX) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "block_rows is %lld, not in 1 … %d",
                             (long long)options->block_rows, MDLI_BLOCK_ROWS_MAX);
    }
    if (options->chunk_bytes < 1 || options->chunk_bytes > INT32_MAX) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "chunk_bytes is %lld, not in 1 … %d",
                             (long long)options->chunk_bytes, INT32_MAX);
    }
    return MDL_OK;
}

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ADDRESS_SANITIZER true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER true
#endif
#endif
#ifndef HAS_ADDRESS_SANITIZER
#define HAS_ADDRESS_SANITIZER false
#endif

/*
 * Whether a context has a heap for large pieces. A caller's allocator may keep what is freed on its
 * own and is told at once; under a budget nothing is held that does not count; and a sanitizer is
 * to see every use of freed memory.
 */
static bool has_heap(const mdl_context_options *options)
{
    return options->allocator.allocate == allocate_by_default &&
           options->memory_budget_bytes == 0 && !HAS_ADDRESS_SANITIZER;
}

mdl_status mdl_context_create(const mdl_context_options *options, mdl_context **out,
                              mdl_error *error)
{
    if (out == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "out is NULL");
    }
    *out = NULL;
    mdl_context_options defaults;
    if (options == NULL) {
        mdl_context_options_init(&defaults);
        options = &defaults;
    }
    MDLI_TRY(check_options(options, error));
    mdl_context *context =
        options->allocator.allocate(options->allocator.user_data, CONTEXT_BYTES, 64);
    if (context == NULL) {
        return mdl_error_set(error, MDL_E_NO_MEMORY, "no memory for a context");
    }
    memset(context, 0, sizeof *context);
    context->allocator = options->allocator;
    context->budget_bytes = options->memory_budget_bytes;
    context->n_threads = options->n_threads > 0 ? options->n_threads : available_processors();
    context->executor = options->executor;
    context->block_rows = options->block_rows;
    context->chunk_bytes = options->chunk_bytes;
    context->progress = options->progress;
    context->progress_data = options->progress_data;
    context->simd = mdli_cpu_best_level();
    if (options->max_simd < context->simd) {
        context->simd = options->max_simd >= MDL_SIMD_AVX2 ? MDL_SIMD_AVX2 : MDL_SIMD_SCALAR;
    }
    context->has_heap = has_heap(options);
    mdli_piece_heap_init(&context->heap);
    pthread_mutex_init(&context->progress_lock, NULL);
    if (context->executor.run == NULL && context->n_threads > 1) {
        mdl_status status = mdli_thread_pool_create(context, &context->pool, error);
        if (status != MDL_OK) {
            mdl_context_free(context);
            return status;
        }
    }
    *out = context;
    return MDL_OK;
}

void mdl_context_free(mdl_context *context)
{
    if (context == NULL) {
        return;
    }
    mdli_thread_pool_free(context, context->pool);
    mdli_piece_heap_free(&context->heap);
    pthread_mutex_destroy(&context->progress_lock);
    mdl_allocator allocator = context->allocator;
    allocator.release(allocator.user_data, context, CONTEXT_BYTES);
}

void mdl_context_cancel(mdl_context *context)
{
    atomic_store_explicit(&context->cancelled, 1, memory_order_relaxed);
}

void mdl_context_clear_cancel(mdl_context *context)
{
    atomic_store_explicit(&context->cancelled, 0, memory_order_relaxed);
}

void mdli_context_shield(mdl_context *context)
{
    atomic_fetch_add_explicit(&context->n_shields, 1, memory_order_relaxed);
}

void mdli_context_unshield(mdl_context *context)
{
    atomic_fetch_sub_explicit(&context->n_shields, 1, memory_order_relaxed);
}

void mdl_context_set_deadline(mdl_context *context, double seconds_from_now)
{
    int64_t deadline = 0;
    /* Further away than a century is no deadline, and would not fit the clock. */
    if (seconds_from_now > 0 && seconds_from_now < 3.2e9) {
        deadline = mdli_nanoseconds_now() + (int64_t)(seconds_from_now * 1e9);
    }
    atomic_store_explicit(&context->deadline_ns, deadline, memory_order_relaxed);
}

int64_t mdl_context_memory_in_use(const mdl_context *context)
{
    return atomic_load_explicit(&context->in_use_bytes, memory_order_relaxed);
}

int64_t mdl_context_memory_peak(const mdl_context *context)
{
    return atomic_load_explicit(&context->peak_bytes, memory_order_relaxed);
}

int32_t mdl_context_n_threads(const mdl_context *context)
{
    return context->n_threads;
}

mdl_simd mdl_context_simd(const mdl_context *context)
{
    return context->simd;
}

int64_t mdli_context_block_rows(const mdl_context *context)
{
    return context->block_rows;
}

int64_t mdli_context_chunk_bytes(const mdl_context *context)
{
    return context->chunk_bytes;
}

uint64_t mdli_context_new_serial(mdl_context *context)
{
    return atomic_fetch_add_explicit(&context->last_serial, 1, memory_order_relaxed) + 1;
}

mdl_status mdli_check_cancel(mdl_context *context, mdl_error *error)
{
    if (atomic_load_explicit(&context->n_shields, memory_order_relaxed) != 0) {
        return MDL_OK;
    }
    if (atomic_load_explicit(&context->cancelled, memory_order_relaxed) != 0) {
        return mdl_error_set(error, MDL_E_CANCELLED, "cancelled");
    }
    int64_t deadline = atomic_load_explicit(&context->deadline_ns, memory_order_relaxed);
    if (deadline != 0 && mdli_nanoseconds_now() > deadline) {
        return mdl_error_set(error, MDL_E_DEADLINE, "the deadline has passed");
    }
    return MDL_OK;
}

mdl_status mdli_pause(mdl_context *context, double seconds, mdl_error *error)
{
    int64_t end = mdli_nanoseconds_now() + (int64_t)(seconds * 1e9);
    for (;;) {
        MDLI_TRY(mdli_check_cancel(context, error));
        int64_t n_left = end - mdli_nanoseconds_now();
        if (n_left <= 0) {
            return MDL_OK;
        }
        struct timespec step = {.tv_nsec = n_left < PAUSE_STEP_NS ? n_left : PAUSE_STEP_NS};
        nanosleep(&step, NULL); /* a signal that ends it early costs one more turn */
    }
}

mdl_status mdli_progress(mdl_context *context, const mdl_progress *progress, mdl_error *error)
{
    if (context->progress == NULL) {
        return MDL_OK;
    }
    int answer = 0;
    pthread_mutex_lock(&context->progress_lock);
    int64_t now = mdli_nanoseconds_now();
    const bool is_over = progress->done == progress->total;
    if (is_over || !context->has_progress ||
        now - context->progress_told_ns >= PROGRESS_INTERVAL_NS) {
        context->progress_told_ns = now;
        answer = context->progress(context->progress_data, progress);
        context->has_progress = answer == 0 && !is_over;
    }
    pthread_mutex_unlock(&context->progress_lock);
    if (answer != 0) {
        return mdl_error_set(error, MDL_E_CANCELLED, "cancelled by the progress callback");
    }
    return MDL_OK;
}
