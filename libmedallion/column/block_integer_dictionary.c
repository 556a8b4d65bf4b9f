/*
 * The set of distinct values by which a DICTIONARY block of integers is made, and writing it.
 */
#include "column/block_integer.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define HASH_SLOTS (4 * MDLI_INTEGER_DICTIONARY_MAX)

/* The slot that holds the value, or the empty one that should. */
static uint32_t hash_slot(const mdli_distinct_values *set, int64_t value)
{
    uint32_t slot = (uint32_t)mdli_hash_integer((uint64_t)value) % HASH_SLOTS;
    while (set->codes[slot] != 0 && set->values[set->codes[slot] - 1] != value) {
        slot = (slot + 1) % HASH_SLOTS;
    }
    return slot;
}

/* Puts a value in its empty slot; false when the set is full. */
static bool add_value(mdli_distinct_values *set, uint32_t slot, int64_t value)
{
    if (set->n_values == MDLI_INTEGER_DICTIONARY_MAX) {
        return false;
    }
    set->values[set->n_values++] = value;
    set->codes[slot] = (uint16_t)set->n_values;
    return true;
}

/* Whether all values of a frame are in the set, which is near. */
static bool has_near_values(const mdli_distinct_values *set, const mdli_profile *profile,
                            const uint32_t *values)
{
    uint32_t is_there[MDLI_FRAME_ROWS];
    uint32_t are_there = 1;
    profile->kernels->lookup_near(set->near, values, (uint32_t)set->min, is_there);
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        are_there &= is_there[i];
    }
    return are_there != 0;
}

/* Adds the values of a frame by their slots. */
static bool add_direct_values(mdli_distinct_values *set, const uint32_t *values)
{
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        uint32_t slot = values[i] - (uint32_t)set->min;
        if (set->codes[slot] == 0 && !add_value(set, slot, set->min + slot)) {
            return false;
        }
        if (set->is_near) {
            set->near[slot] = 1;
        }
    }
    return true;
}

static bool add_frame(mdli_distinct_values *set, const mdli_profile *profile, int32_t f)
{
    if (set->is_direct) {
        uint32_t scratch[MDLI_FRAME_ROWS];
        const uint32_t *values = mdli_profile_frame(profile, f, scratch);
        return (set->is_near && has_near_values(set, profile, values)) ||
               add_direct_values(set, values);
    }
    const int64_t start = (int64_t)f * MDLI_FRAME_ROWS;
    for (int64_t row = start; row < start + MDLI_FRAME_ROWS && row < profile->n_rows; row++) {
        int64_t value = mdli_profile_value(profile, row);
        uint32_t slot = hash_slot(set, value);
        if (set->codes[slot] == 0 && !add_value(set, slot, value)) {
            return false;
        }
    }
    return true;
}

static int compare_values(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void mdli_find_distinct_values(mdli_distinct_values *set, const mdli_profile *profile)
{
    set->is_known = false;
    set->is_direct = (uint64_t)profile->max - (uint64_t)profile->min < MDLI_DIRECT_SLOTS;
    set->is_near = (uint64_t)profile->max - (uint64_t)profile->min < MDLI_NEAR_VALUES;
    set->min = profile->min;
    set->n_values = 0;
    memset(set->codes, 0, sizeof set->codes);
    memset(set->near, 0, sizeof set->near);
    for (int32_t f = 0; f < profile->n_frames; f++) {
        if (!add_frame(set, profile, f)) {
            return;
        }
    }
    set->is_known = true;
    qsort(set->values, (size_t)set->n_values, sizeof set->values[0], compare_values);
    /* The slots must now give positions in the order; a hashed table is filled again from nothing,
     * as its slots were found by the values' old positions. */
    if (!set->is_direct) {
        memset(set->codes, 0, sizeof set->codes);
    }
    for (int32_t i = 0; i < set->n_values; i++) {
        uint32_t slot =
            set->is_direct ? (uint32_t)(set->values[i] - set->min) : hash_slot(set, set->values[i]);
        set->codes[slot] = (uint16_t)(i + 1);
        if (set->is_near) {
            set->near[slot] = (uint8_t)i;
        }
    }
}

/* The codes of frame `f`. */
static void frame_codes(const mdli_distinct_values *set, const mdli_profile *profile, int32_t f,
                        uint32_t codes[MDLI_FRAME_ROWS])
{
    if (set->is_direct) {
        uint32_t scratch[MDLI_FRAME_ROWS];
        const uint32_t *values = mdli_profile_frame(profile, f, scratch);
        if (set->is_near) {
            profile->kernels->lookup_near(set->near, values, (uint32_t)set->min, codes);
            return;
        }
        for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
            codes[i] = set->codes[values[i] - (uint32_t)set->min] - 1U;
        }
        return;
    }
    const int64_t start = (int64_t)f * MDLI_FRAME_ROWS;
    const int64_t last = profile->n_rows - 1;
    for (int64_t i = 0; i < MDLI_FRAME_ROWS; i++) {
        int64_t value = mdli_profile_value(profile, start + i < last ? start + i : last);
        codes[i] = set->codes[hash_slot(set, value)] - 1U;
    }
}

int64_t mdli_dictionary_payload_bytes(const mdli_profile *profile, int32_t n_values)
{
    return mdli_dictionary_directory_bytes(n_values, profile->is_64) +
           (int64_t)profile->n_frames * mdli_bits((uint64_t)n_values - 1) *
               MDLI_FRAME_BYTES_PER_BIT;
}

void mdli_write_dictionary(const mdli_profile *profile, const mdli_distinct_values *set,
                           void *payload)
{
    uint8_t *packed =
        (uint8_t *)payload + mdli_dictionary_directory_bytes(set->n_values, profile->is_64);
    mdli_clear_before(packed);
    mdli_integer_dictionary *header = payload;
    header->n_values = (uint32_t)set->n_values;
    header->width = (uint32_t)mdli_bits((uint64_t)set->n_values - 1);
    for (int32_t i = 0; i < set->n_values; i++) {
        if (profile->is_64) {
            ((int64_t *)(header + 1))[i] = set->values[i];
        } else {
            ((int32_t *)(header + 1))[i] = (int32_t)set->values[i];
        }
    }
    for (int32_t f = 0; f < profile->n_frames; f++) {
        uint32_t codes[MDLI_FRAME_ROWS];
        frame_codes(set, profile, f, codes);
        profile->kernels->pack(codes, 0, (int)header->width, packed);
        packed += (ptrdiff_t)header->width * MDLI_FRAME_BYTES_PER_BIT;
    }
}
