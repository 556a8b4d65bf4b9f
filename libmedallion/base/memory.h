/*
 * Allocation: every byte that the library holds comes through here, so that the context's allocator
 * and budget see it. Memory is aligned to 64 bytes and may be read (not used) up to 64 bytes past
 * its end, which lets kernels load whole vectors.
 */
#ifndef MDLI_BASE_MEMORY_H
#define MDLI_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "medallion/context.h"

/* Readable bytes behind every allocation. */
#define MDLI_PADDING_BYTES 64

/*
 * Allocates; `what` names the user for the budget's message ("aggregate", "csv chunk"). Never
 * answers success with NULL, not even for 0 bytes.
 */
mdl_status mdli_allocate(mdl_context *context, size_t size_bytes, const char *what, void **out,
                         mdl_error *error);

/* As mdli_allocate, zeroed. */
mdl_status mdli_allocate_zeroed(mdl_context *context, size_t size_bytes, const char *what,
                                void **out, mdl_error *error);

/* Allocates room for n items; a product that does not fit is MDL_E_NO_MEMORY. */
mdl_status mdli_allocate_array(mdl_context *context, int64_t n, size_t item_bytes, const char *what,
                               void **out, mdl_error *error);

/*
 * Grows an array geometrically so that it holds at least `n_needed` items, keeping the first
 * `n_used`.
 * `*capacity` counts items. On failure nothing has changed.
 */
mdl_status mdli_grow_array(mdl_context *context, void **array, int64_t *capacity, int64_t n_used,
                           int64_t n_needed, size_t item_bytes, const char *what, mdl_error *error);

/* Tells the system that all of this memory is about to be written: mapping its pages at once costs
 * less than one by one as they are touched. */
void mdli_expect_writes(void *memory, size_t size_bytes);

/* Frees memory of mdli_allocate… of the same context. Accepts NULL. */
void mdli_free(mdl_context *context, void *memory);

/* Copies a NUL-terminated text. */
mdl_status mdli_copy_text(mdl_context *context, const char *text, char **out, mdl_error *error);

/*
 * An arena: many small pieces that live and die together. Not thread-safe.
 */
typedef struct mdli_arena_page mdli_arena_page;

typedef struct mdli_arena {
    mdl_context *context;
    const char *what;
    mdli_arena_page *pages;
    char *next;
    size_t n_left;
    size_t page_bytes;
    mdl_status failure; /* of the last call that gave NULL */
} mdli_arena;

/* Makes an empty arena; allocates nothing. */
void mdli_arena_init(mdli_arena *arena, mdl_context *context, const char *what);

/* Room in the arena, aligned to 16 bytes, not zeroed. NULL with `error` filled when there is none.
 */
void *mdli_arena_allocate(mdli_arena *arena, size_t size_bytes, mdl_error *error);

/* A NUL-terminated copy of `size_bytes` bytes in the arena; NULL as above. */
char *mdli_arena_copy(mdli_arena *arena, const char *text, size_t size_bytes, mdl_error *error);

/* Frees everything in the arena and makes it empty. */
void mdli_arena_reset(mdli_arena *arena);

#endif
