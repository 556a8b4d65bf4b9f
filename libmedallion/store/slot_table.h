/*
 * Positions in a list, found by hashes of its items: open addressing, at most half of the slots taken.
 */
#ifndef MDLI_STORE_SLOT_TABLE_H
#define MDLI_STORE_SLOT_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* Part of the hash is kept, so that items are mostly compared only where they are found, and the
 * table can grow without looking at them. */
typedef struct mdli_slot {
    uint32_t hash;
    int32_t position; /* −1 = empty */
} mdli_slot;

/* Zero-initialise with its context. */
typedef struct mdli_slot_table {
    mdl_context *context;
    mdli_slot *slots;
    int64_t n_slots; /* a power of two */
    int64_t n_taken;
} mdli_slot_table;

/* Tells whether the item at a position is the one that is looked for. */
typedef bool (*mdli_is_same_item_fn)(const void *list, int32_t position, const void *item);

static inline void mdli_slot_table_free(mdli_slot_table *table)
{
    mdli_free(table->context, table->slots);
    *table = (mdli_slot_table){.context = table->context};
}

static inline void mdli_slot_table_put(mdli_slot_table *table, uint32_t hash, int32_t position)
{
    const uint32_t mask = (uint32_t)(table->n_slots - 1);
    uint32_t at = hash & mask;
    while (table->slots[at].position >= 0) {
        at = (at + 1) & mask;
    }
    table->slots[at] = (mdli_slot){hash, position};
}

/* Makes room for n items more, fewer than 2^30 in all. */
static inline mdl_status mdli_slot_table_reserve(mdli_slot_table *table, int64_t n,
                                                 mdl_error *error)
{
    const int64_t n_needed = 2 * (table->n_taken + n);
    if (n_needed <= table->n_slots) {
        return MDL_OK;
    }
    mdli_slot_table grown = {.context = table->context, .n_slots = 64, .n_taken = table->n_taken};
    while (grown.n_slots < n_needed) {
        grown.n_slots *= 2;
    }
    void *memory;
    MDLI_TRY(mdli_allocate_array(table->context, grown.n_slots, sizeof *grown.slots, "store",
                                 &memory, error));
    grown.slots = memory;
    memset(memory, 0xff, (size_t)grown.n_slots * sizeof *grown.slots);
    for (int64_t i = 0; i < table->n_slots; i++) {
        if (table->slots[i].position >= 0) {
            mdli_slot_table_put(&grown, table->slots[i].hash, table->slots[i].position);
        }
    }
    mdli_free(table->context, table->slots);
    *table = grown;
    return MDL_OK;
}

static inline uint32_t mdli_slot_hash(uint64_t hash)
{
    return (uint32_t)(hash ^ hash >> 32);
}

/* The position of an item, or −1. */
static inline int32_t mdli_slot_table_find(const mdli_slot_table *table, uint64_t hash,
                                           const void *list, const void *item,
                                           mdli_is_same_item_fn is_same)
{
    if (table->n_taken == 0) {
        return -1;
    }
    const uint32_t mask = (uint32_t)(table->n_slots - 1);
    const uint32_t part = mdli_slot_hash(hash);
    for (uint32_t at = part & mask; table->slots[at].position >= 0; at = (at + 1) & mask) {
        const mdli_slot slot = table->slots[at];
        if (slot.hash == part && is_same(list, slot.position, item)) {
            return slot.position;
        }
    }
    return -1;
}

/* Adds an item that is not there; there must be room. */
static inline void mdli_slot_table_add(mdli_slot_table *table, uint64_t hash, int32_t position)
{
    mdli_slot_table_put(table, mdli_slot_hash(hash), position);
    table->n_taken++;
}

#endif
