/**
 * @file context.h
 * Where work happens: allocator, memory budget, threads, cancelling, progress.
 *
 * A context is made once and given to everything that works. Nothing is global: two contexts share
 * no threads, no memory counter and no settings. A context must outlive every object that was made
 * with it.
 */
#ifndef MEDALLION_CONTEXT_H
#define MEDALLION_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "medallion/export.h"
#include "medallion/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A context; opaque. All functions on it are thread-safe, except ::mdl_context_free. */
typedef struct mdl_context mdl_context;

/**
 * Memory from the caller. Both functions are called from several threads at once.
 * `allocate` returns `size_bytes` bytes aligned to `alignment_bytes` (a power of two, at most 64),
 * or NULL, which becomes ::MDL_E_NO_MEMORY. `release` gets the size that was asked for.
 */
typedef struct mdl_allocator {
    void *(*allocate)(void *user_data, size_t size_bytes, size_t alignment_bytes);
    void (*release)(void *user_data, void *memory, size_t size_bytes);
    void *user_data;
} mdl_allocator;

/**
 * Threads from the caller. `run` must call `job(job_data, i)` once for every i in [0, n_jobs), in
 * any order and on any threads, at best all at once, and return when all calls have returned.
 * A job may call `run` again.
 */
typedef struct mdl_executor {
    void (*run)(void *user_data, void (*job)(void *job_data, int index), void *job_data,
                int n_jobs);
    void *user_data;
} mdl_executor;

/** The instruction sets that kernels exist for, lowest first. Every level gives the same results.
 */
typedef enum mdl_simd {
    MDL_SIMD_SCALAR = 0,  /**< portable C, the reference */
    MDL_SIMD_AVX2 = 20,   /**< x86-64 with AVX2, BMI2 and PCLMULQDQ */
    MDL_SIMD_AVX512 = 30, /**< x86-64 with AVX-512 F, BW, DQ, VL, VBMI and VBMI2 */
    MDL_SIMD_BEST = 1000  /**< the best that this processor has (default) */
} mdl_simd;

/** How far a piece of work has come. */
typedef struct mdl_progress {
    const char *task; /**< what is being done, such as a file's path; valid during the call */
    int64_t done;     /**< units done so far; never falls within one task */
    int64_t total;    /**< units in all; 0 when unknown */
    const char *unit; /**< "bytes" or "rows"; static storage */
    int64_t n_rows;   /**< where the unit is bytes: rows read so far; else 0 */
} mdl_progress;

/**
 * Called now and then by whichever thread works, never by two at once. A non-zero return cancels
 * the work with ::MDL_E_CANCELLED. It must not call back into the context's objects.
 */
typedef int (*mdl_progress_fn)(void *user_data, const mdl_progress *progress);

/** Settings of a context. Start from ::mdl_context_options_init, change what you need. */
typedef struct mdl_context_options {
    size_t struct_size;          /**< set by ::mdl_context_options_init */
    mdl_allocator allocator;     /**< default: aligned_alloc and free */
    int64_t memory_budget_bytes; /**< most that may be in use at once; 0 = no limit (default) */
    int32_t n_threads;           /**< 1 or more; 0 = one per processor it may run on (default) */
    mdl_executor executor;       /**< `run` NULL = threads of the context's own (default) */
    mdl_simd max_simd;           /**< highest kernel level to use; default ::MDL_SIMD_BEST */
    mdl_progress_fn progress;    /**< NULL = none (default) */
    void *progress_data;         /**< first argument of `progress` */
    int64_t block_rows;  /**< most rows in a block of a column, 1 … 65536; default 65536 */
    int64_t chunk_bytes; /**< bytes of a file that one job reads, ≥ 1; default 1 MiB */
} mdl_context_options;

/** Fills `options` with the defaults. */
MDL_API void mdl_context_options_init(mdl_context_options *options);

/**
 * Makes a context.
 *
 * @param options  NULL = the defaults
 * @param out      the context; to be freed with ::mdl_context_free; NULL after a failure
 * @return ::MDL_E_ARGUMENT for a setting out of range, ::MDL_E_NO_MEMORY, ::MDL_E_BUDGET.
 *         Threads start with the first parallel work; where the system refuses one, fewer work.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_context_create(const mdl_context_options *options,
                                                     mdl_context **out, mdl_error *error);

/** Ends the context's threads and frees it. Accepts NULL. Every object made with it must be gone.
 */
MDL_API void mdl_context_free(mdl_context *context);

/**
 * Asks all work on the context to stop; it ends soon with ::MDL_E_CANCELLED and leaves every object
 * as it was. May be called from any thread and from a signal handler. Stays in force until
 * ::mdl_context_clear_cancel.
 */
MDL_API void mdl_context_cancel(mdl_context *context);

/** Lifts an earlier ::mdl_context_cancel. */
MDL_API void mdl_context_clear_cancel(mdl_context *context);

/** Work that still runs this many seconds from now ends with ::MDL_E_DEADLINE; ≤ 0 lifts the
 * deadline. */
MDL_API void mdl_context_set_deadline(mdl_context *context, double seconds_from_now);

/**
 * Bytes that the context's objects hold now: what was asked of the allocator, thread stacks
 * excluded. With the default allocator and no budget a context keeps up to 64 MiB of what is freed
 * for what is asked next, until it is freed itself; this is not counted.
 */
MDL_API int64_t mdl_context_memory_in_use(const mdl_context *context);

/** The highest value that ::mdl_context_memory_in_use has had. */
MDL_API int64_t mdl_context_memory_peak(const mdl_context *context);

/** How many threads work at once. */
MDL_API int32_t mdl_context_n_threads(const mdl_context *context);

/** The kernel level in use, after looking at the processor. Never ::MDL_SIMD_BEST. */
MDL_API mdl_simd mdl_context_simd(const mdl_context *context);

#ifdef __cplusplus
}
#endif

#endif
