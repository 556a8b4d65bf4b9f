/*
 * An allocator that fails when it is told to, for tests of what is left after a failure.
 */
#ifndef TESTS_FAILING_ALLOCATOR_H
#define TESTS_FAILING_ALLOCATOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "medallion/context.h"

/* Serves allocations until one is to fail: that one, and all later ones if `fails_on`. */
typedef struct failing_allocator {
    _Atomic int64_t n_left;
    _Atomic int64_t n_held;
    bool fails_on;
} failing_allocator;

static inline void *failing_allocate(void *user_data, size_t size_bytes, size_t alignment_bytes)
{
    failing_allocator *allocator = user_data;
    void *memory;
    int64_t n_left = atomic_fetch_sub(&allocator->n_left, 1);
    bool fails = allocator->fails_on ? n_left <= 0 : n_left == 0;
    if (fails || posix_memalign(&memory, alignment_bytes, size_bytes) != 0) {
        return NULL;
    }
    atomic_fetch_add(&allocator->n_held, 1);
    return memory;
}

static inline void failing_release(void *user_data, void *memory, size_t size_bytes)
{
    (void)size_bytes;
    atomic_fetch_sub(&((failing_allocator *)user_data)->n_held, 1);
    free(memory);
}

/* The allocator as contexts take it. */
static inline mdl_allocator failing_allocator_hooks(failing_allocator *allocator)
{
    return (mdl_allocator){failing_allocate, failing_release, allocator};
}

#endif
