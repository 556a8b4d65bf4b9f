/*
 * Proofs: what was found out about the rows of blocks, kept with the blocks, so that it is found out
 * once. Blocks are shared between tables, names and types, and so are their proofs: that ratings are
 * in order and have known movies is proved for the file's columns, and the fact that shares them,
 * its tests, and the next day's table with these blocks and some more need not look again.
 *
 * A proof speaks of values that never change, names blocks by serial numbers that are never given
 * twice, and goes with the block that it lies on.
 */
#ifndef MDLI_COLUMN_PROOFS_H
#define MDLI_COLUMN_PROOFS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "column/column_internal.h"

/* A set of integers: a bit for each from `least` on, and one more that is 0, for all others.
 * Reference-counted; not to be changed once it is shared. */
typedef struct mdli_integer_set {
    atomic_int references;
    mdl_context *context;
    int64_t least;
    uint64_t n_slots;
    uint32_t *bits;
} mdli_integer_set;

/* Makes an empty set with room for `n_slots` integers from `least` on. */
mdl_status mdli_integer_set_create(mdl_context *context, int64_t least, uint64_t n_slots,
                                   mdli_integer_set **out, mdl_error *error);
/* Accepts NULL. */
void mdli_integer_set_release(mdli_integer_set *set);

/* Where the bit of an integer is. */
static inline uint64_t mdli_integer_set_slot(const mdli_integer_set *set, int64_t value)
{
    const uint64_t slot = (uint64_t)value - (uint64_t)set->least;
    return slot < set->n_slots ? slot : set->n_slots;
}

static inline bool mdli_integer_set_has(const mdli_integer_set *set, int64_t value)
{
    const uint64_t slot = mdli_integer_set_slot(set, value);
    return ((set->bits[slot >> 5] >> (slot & 31)) & 1) != 0;
}

/* The least integer of a set that is not below a value; false = there is none. */
bool mdli_integer_set_next(const mdli_integer_set *set, int64_t value, int64_t *member);

/*
 * Looks for proofs that the values of blocks are in one set. Blocks mostly have the same proof; what
 * was found when it was compared with the set is kept for the next block. Zero-initialise but for
 * `set`; belongs to one thread.
 */
typedef struct mdli_subset_search {
    mdli_integer_set *set;
    const mdli_integer_set *subset; /* compared last: is in `set` … */
    const mdli_integer_set *other;  /* … or is not */
} mdli_subset_search;

/* Whether it is proved that all values of an integer-like block, NULL aside, are in the set. */
bool mdli_block_is_proved_within(const mdli_block *block, mdli_subset_search *search);

/* Keeps that with a block. A set that is large against `n_rows`, those of its column, is not kept. */
mdl_status mdli_block_prove_within(const mdli_block *block, mdli_subset_search *search,
                                   int64_t n_rows, mdl_error *error);

/*
 * Whether it is proved that rows of blocks that lie side by side, one for each column of a key, are
 * strictly ascending: integers by value, texts by their bytes, no NULL.
 */
bool mdli_blocks_are_proved_ascending(mdli_block *const *blocks, int32_t n_blocks);
mdl_status mdli_blocks_prove_ascending(mdli_block *const *blocks, int32_t n_blocks,
                                       mdl_error *error);

/* Frees the proofs of a block that nobody refers to any more. */
void mdli_block_free_proofs(mdli_block *block);

#endif
