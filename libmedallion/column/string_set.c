/*
 * The memory of sets of strings.
 */
#include "column/string_set.h"

#include "base/error.h"
#include "base/memory.h"

/* Slots that a set first has; a power of two. */
#define SLOTS_MIN 128

/* Entries that slots have room for. Fuller ones are searched longer, emptier ones leave the cache
 * sooner. */
static int64_t capacity_of(int64_t n_slots)
{
    return n_slots / 8 * 5;
}

void mdli_string_set_init(mdli_string_set *set, mdl_context *context)
{
    *set = (mdli_string_set){.context = context};
}

void mdli_string_set_free(mdli_string_set *set)
{
    mdli_free(set->context, set->entries);
    mdli_free(set->context, set->slots);
    mdli_string_set_init(set, set->context);
}

/* Gives a set that has none so many slots, a power of two, and room for entries. */
static mdl_status allocate(mdli_string_set *set, int64_t n_slots, mdl_error *error)
{
    void *memory;
    set->capacity = capacity_of(n_slots);
    set->n_slots = n_slots;
    MDLI_TRY(mdli_allocate_array(set->context, set->capacity, sizeof *set->entries, "dictionary",
                                 &memory, error));
    set->entries = memory;
    MDLI_TRY(mdli_allocate_zeroed(set->context, (size_t)set->n_slots * sizeof *set->slots,
                                  "dictionary", &memory, error));
    set->slots = memory;
    return MDL_OK;
}

/* Puts the slots of `set` in the larger array of `grown`. */
static void move_slots(const mdli_string_set *set, mdli_string_set *grown)
{
    const uint64_t slot_mask = (uint64_t)grown->n_slots - 1;
    for (int64_t i = 0; i < set->n_slots; i++) {
        const uint64_t slot = set->slots[i];
        if (slot == 0) {
            continue;
        }
        uint64_t at = slot >> 32 & slot_mask;
        while (grown->slots[at] != 0) {
            at = (at + 1) & slot_mask;
        }
        grown->slots[at] = slot;
    }
}

static mdl_status resize(mdli_string_set *set, int64_t n_slots, mdl_error *error)
{
    mdli_string_set grown = {
        .context = set->context, .n_entries = set->n_entries, .text_bytes = set->text_bytes};
    mdl_status status = allocate(&grown, n_slots, error);
    if (status != MDL_OK) {
        mdli_string_set_free(&grown);
        return status;
    }
    if (set->n_entries > 0) {
        memcpy(grown.entries, set->entries, (size_t)set->n_entries * sizeof *set->entries);
    }
    move_slots(set, &grown);
    mdli_string_set_free(set);
    *set = grown;
    return MDL_OK;
}

mdl_status mdli_string_set_reserve(mdli_string_set *set, int64_t n, mdl_error *error)
{
    int64_t n_slots = SLOTS_MIN;
    while (capacity_of(n_slots) < n) {
        n_slots *= 2;
    }
    return n_slots > set->n_slots ? resize(set, n_slots, error) : MDL_OK;
}

mdl_status mdli_string_set_grow(mdli_string_set *set, mdl_error *error)
{
    return resize(set, set->n_slots == 0 ? SLOTS_MIN : 2 * set->n_slots, error);
}
