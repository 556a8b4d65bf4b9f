/*
 * Allocation through the context's allocator and budget.
 *
 * Each allocation is preceded by a header of 64 bytes that holds its size, so that freeing needs no
 * size, and followed by 64 bytes that may be read. Both are counted: the budget is what was asked of
 * the allocator.
 *
 * Large pieces come from the context's own heap where it has one (has_heap in context.c says when).
 * What that keeps of freed ones is not counted as in use.
 */
#include "base/memory.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/context_private.h"
#include "base/error.h"

enum {
    HEAP_BYTES_MIN = 32 * 1024, /* smaller ones are the allocator's */
    ARENA_FIRST_PAGE_BYTES = 1024,
    ARENA_PAGE_BYTES_MAX = 256 * 1024,
    ARENA_ALIGNMENT = 16
};

/* Counts bytes as in use, unless that would pass the budget. */
static bool reserve_budget(mdl_context *context, int64_t bytes, int64_t *in_use)
{
    int64_t now = atomic_fetch_add_explicit(&context->in_use_bytes, bytes, memory_order_relaxed);
    *in_use = now;
    if (context->budget_bytes > 0 && now + bytes > context->budget_bytes) {
        atomic_fetch_sub_explicit(&context->in_use_bytes, bytes, memory_order_relaxed);
        return false;
    }
    now += bytes;
    int64_t peak = atomic_load_explicit(&context->peak_bytes, memory_order_relaxed);
    while (now > peak &&
           !atomic_compare_exchange_weak_explicit(&context->peak_bytes, &peak, now,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
    return true;
}

/* Allocates from the heap or, what is small or does not fit, from the allocator; NULL = no memory. */
static mdli_heap_piece *allocate_piece(mdl_context *context, size_t total)
{
    mdli_heap_piece *piece = NULL;
    if (context->has_heap && total >= HEAP_BYTES_MIN) {
        piece = mdli_piece_heap_take(&context->heap, total);
    }
    if (piece == NULL) {
        piece = context->allocator.allocate(context->allocator.user_data, total, 64);
        if (piece != NULL) {
            *piece = (mdli_heap_piece){.total_bytes = total};
        }
    }
    return piece;
}

mdl_status mdli_allocate(mdl_context *context, size_t size_bytes, const char *what, void **out,
                         mdl_error *error)
{
    *out = NULL;
    if (size_bytes > (size_t)INT64_MAX / 2) {
        return mdl_error_set(error, MDL_E_NO_MEMORY, "no memory for %s: %zu bytes asked", what,
                             size_bytes);
    }
    size_t total = MDLI_PIECE_HEADER_BYTES + size_bytes + MDLI_PADDING_BYTES;
    total = (total + 63) & ~(size_t)63;
    int64_t in_use;
    if (!reserve_budget(context, (int64_t)total, &in_use)) {
        return mdl_error_set(error, MDL_E_BUDGET,
                             "memory budget used up by %s: %zu bytes asked, %lld of %lld in use",
                             what, total, (long long)in_use, (long long)context->budget_bytes);
    }
    mdli_heap_piece *piece = allocate_piece(context, total);
    if (piece == NULL) {
        atomic_fetch_sub_explicit(&context->in_use_bytes, (int64_t)total, memory_order_relaxed);
        return mdl_error_set(error, MDL_E_NO_MEMORY,
                             "no memory for %s: %zu bytes asked, %lld in use", what, total,
                             (long long)in_use);
    }
    *out = (char *)piece + MDLI_PIECE_HEADER_BYTES;
    return MDL_OK;
}

mdl_status mdli_allocate_zeroed(mdl_context *context, size_t size_bytes, const char *what,
                                void **out, mdl_error *error)
{
    MDLI_TRY(mdli_allocate(context, size_bytes, what, out, error));
    memset(*out, 0, size_bytes);
    return MDL_OK;
}

mdl_status mdli_allocate_array(mdl_context *context, int64_t n, size_t item_bytes, const char *what,
                               void **out, mdl_error *error)
{
    size_t size_bytes;
    assert(n >= 0);
    if (__builtin_mul_overflow((size_t)n, item_bytes, &size_bytes)) {
        *out = NULL;
        return mdl_error_set(error, MDL_E_NO_MEMORY,
                             "no memory for %s: %lld items of %zu bytes asked", what, (long long)n,
                             item_bytes);
    }
    return mdli_allocate(context, size_bytes, what, out, error);
}

mdl_status mdli_grow_array(mdl_context *context, void **array, int64_t *capacity, int64_t n_used,
                           int64_t n_needed, size_t item_bytes, const char *what, mdl_error *error)
{
    if (n_needed <= *capacity) {
        return MDL_OK;
    }
    int64_t grown = *capacity < 16 ? 16 : *capacity + *capacity / 2;
    if (grown < n_needed) {
        grown = n_needed;
    }
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, grown, item_bytes, what, &memory, error));
    if (n_used > 0) {
        memcpy(memory, *array, (size_t)n_used * item_bytes);
    }
    mdli_free(context, *array);
    *array = memory;
    *capacity = grown;
    return MDL_OK;
}

void mdli_free(mdl_context *context, void *memory)
{
    if (memory == NULL) {
        return;
    }
    mdli_heap_piece *piece = (mdli_heap_piece *)((char *)memory - MDLI_PIECE_HEADER_BYTES);
    size_t total = piece->total_bytes;
    atomic_fetch_sub_explicit(&context->in_use_bytes, (int64_t)total, memory_order_relaxed);
    if (piece->region != NULL) {
        mdli_piece_heap_give_back(&context->heap, piece);
    } else {
        context->allocator.release(context->allocator.user_data, piece, total);
    }
}

void mdli_expect_writes(void *memory, size_t size_bytes)
{
#ifdef MADV_POPULATE_WRITE
    const uintptr_t page_bytes = 4096;
    const uintptr_t start = ((uintptr_t)memory + page_bytes - 1) & ~(page_bytes - 1);
    const uintptr_t end = ((uintptr_t)memory + size_bytes) & ~(page_bytes - 1);
    if (start < end) {
        /* Where it is refused pages are mapped when they are touched. */
        (void)madvise((void *)start, end - start, MADV_POPULATE_WRITE);
    }
#else
    (void)memory;
    (void)size_bytes;
#endif
}

mdl_status mdli_copy_text(mdl_context *context, const char *text, char **out, mdl_error *error)
{
    size_t size = strlen(text) + 1;
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate(context, size, "text", &memory, error));
    *out = memcpy(memory, text, size);
    return MDL_OK;
}

struct mdli_arena_page {
    mdli_arena_page *next;
    uint64_t unused; /* keeps what follows aligned to 16 bytes */
};

void mdli_arena_init(mdli_arena *arena, mdl_context *context, const char *what)
{
    *arena = (mdli_arena){.context = context, .what = what, .page_bytes = ARENA_FIRST_PAGE_BYTES};
}

void *mdli_arena_allocate(mdli_arena *arena, size_t size_bytes, mdl_error *error)
{
    size_bytes = (size_bytes + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
    if (arena->pages == NULL || size_bytes > arena->n_left) {
        size_t room = arena->page_bytes > size_bytes ? arena->page_bytes : size_bytes;
        void *memory;
        arena->failure = mdli_allocate(arena->context, sizeof(mdli_arena_page) + room, arena->what,
                                       &memory, error);
        if (arena->failure != MDL_OK) {
            return NULL;
        }
        mdli_arena_page *page = memory;
        page->next = arena->pages;
        arena->pages = page;
        arena->next = (char *)memory + sizeof(mdli_arena_page);
        arena->n_left = room;
        if (arena->page_bytes < ARENA_PAGE_BYTES_MAX) {
            arena->page_bytes *= 2;
        }
    }
    void *result = arena->next;
    arena->next += size_bytes;
    arena->n_left -= size_bytes;
    return result;
}

char *mdli_arena_copy(mdli_arena *arena, const char *text, size_t size_bytes, mdl_error *error)
{
    char *copy = mdli_arena_allocate(arena, size_bytes + 1, error);
    if (copy != NULL) {
        if (size_bytes > 0) {
            memcpy(copy, text, size_bytes);
        }
        copy[size_bytes] = '\0';
    }
    return copy;
}

void mdli_arena_reset(mdli_arena *arena)
{
    while (arena->pages != NULL) {
        mdli_arena_page *page = arena->pages;
        arena->pages = page->next;
        mdli_free(arena->context, page);
    }
    mdli_arena_init(arena, arena->context, arena->what);
}
