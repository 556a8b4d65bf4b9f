/*
 * The memory of sets of strings.
 */
#include "column/string_set.h"

#include "base/error.h"
#include "base/memory.h"

/* Entries that a set first has room for; a power of two. */
#define CAPACITY_MIN 64

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

/* Makes room for `capacity` entries, a power of two, in a set that has none. */
static mdl_status allocate(mdli_string_set *set, int64_t capacity, mdl_error *error)
{
    void *memory;
    set->capacity = capacity;
    set->n_slots = 2 * capacity;
    MDLI_TRY(mdli_allocate_array(set->context, capacity, sizeof *set->entries, "dictionary",
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

static mdl_status resize(mdli_string_set *set, int64_t capacity, mdl_error *error)
{
    mdli_string_set grown = {
        .context = set->context, .n_entries = set->n_entries, .text_bytes = set->text_bytes};
    mdl_status status = allocate(&grown, capacity, error);
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
    int64_t capacity = CAPACITY_MIN;
    while (capacity < n) {
        capacity *= 2;
    }
    return capacity > set->capacity ? resize(set, capacity, error) : MDL_OK;
}

mdl_status mdli_string_set_grow(mdli_string_set *set, mdl_error *error)
{
    return resize(set, set->capacity == 0 ? CAPACITY_MIN : 2 * set->capacity, error);
}
