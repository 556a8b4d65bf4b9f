/*
 * Sets of strings: distinct texts, numbered in the order in which they came.
 *
 * Most texts are short. The first 16 bytes of each are kept beside it as two words, so that finding
 * a short text compares words and never follows its pointer.
 */
#ifndef MDLI_COLUMN_STRING_SET_H
#define MDLI_COLUMN_STRING_SET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "medallion/context.h"
#include "medallion/types.h"

/* Bytes of a text that are kept beside it. */
#define MDLI_TEXT_HEAD_BYTES 16

/* A text and its first bytes, zeros behind its end. */
typedef struct mdli_headed_text {
    mdl_string text;
    uint64_t head[2];
} mdli_headed_text;

typedef struct mdli_string_set {
    mdl_context *context;
    mdli_headed_text *entries; /* the bytes behind the head stay where they were */
    int64_t n_entries;
    int64_t capacity;
    uint64_t *slots; /* hash above entry + 1, or 0; found by the hash's low bits, then the next */
    int64_t n_slots; /* a power of two, more than the capacity */
    int64_t text_bytes;
} mdli_string_set;

void mdli_string_set_init(mdli_string_set *set, mdl_context *context);
void mdli_string_set_free(mdli_string_set *set);

/* Makes room for `n` entries, or doubles the room of a full set. On failure it is as before. */
mdl_status mdli_string_set_reserve(mdli_string_set *set, int64_t n, mdl_error *error);
mdl_status mdli_string_set_grow(mdli_string_set *set, mdl_error *error);

/* Reads up to MDLI_PADDING_BYTES behind the text's end, as all memory of a context allows. */
static inline mdli_headed_text mdli_headed_text_of(mdl_string text)
{
    static const uint8_t masks[2 * MDLI_TEXT_HEAD_BYTES] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    };
    mdli_headed_text headed = {.text = text};
    if (text.size_bytes > 0) {
        const int64_t n_kept =
            text.size_bytes < MDLI_TEXT_HEAD_BYTES ? text.size_bytes : MDLI_TEXT_HEAD_BYTES;
        uint64_t mask[2];
        memcpy(mask, masks + MDLI_TEXT_HEAD_BYTES - n_kept, sizeof mask);
        memcpy(headed.head, text.data, sizeof headed.head);
        headed.head[0] &= mask[0];
        headed.head[1] &= mask[1];
    }
    return headed;
}

/* The last bytes of a text that is longer than its head. */
typedef struct mdli_text_tail {
    uint64_t words[2];
} mdli_text_tail;

static inline mdli_text_tail mdli_tail_of(mdl_string text)
{
    mdli_text_tail tail;
    memcpy(tail.words, text.data + text.size_bytes - sizeof tail.words, sizeof tail.words);
    return tail;
}

/* Folds the product of two words, so that all bits of both count. */
static inline uint64_t mdli_mix_words(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product =
        (unsigned __int128)(a ^ 0x9E3779B97F4A7C15u) * (b ^ 0xD6E8FEB86659FD93u);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Head and tail tell a text of up to 32 bytes, and most texts are no longer. */
static inline uint32_t mdli_hash_headed_text(const mdli_headed_text *headed)
{
    const int64_t size = headed->text.size_bytes;
    uint64_t hash = mdli_mix_words(headed->head[0] + (uint64_t)size, headed->head[1]);
    if (size > MDLI_TEXT_HEAD_BYTES) {
        const mdli_text_tail tail = mdli_tail_of(headed->text);
        hash = mdli_mix_words(tail.words[0] ^ hash, tail.words[1]);
    }
    if (size > 2 * MDLI_TEXT_HEAD_BYTES) {
        hash = mdli_hash_bytes(headed->text.data + MDLI_TEXT_HEAD_BYTES,
                               (size_t)size - 2 * MDLI_TEXT_HEAD_BYTES, hash);
    }
    return (uint32_t)(hash >> 32);
}

static inline bool mdli_is_same_headed_text(const mdli_headed_text *a, const mdli_headed_text *b)
{
    const int64_t size = a->text.size_bytes;
    if (a->head[0] != b->head[0] || a->head[1] != b->head[1] || size != b->text.size_bytes) {
        return false;
    }
    if (size <= MDLI_TEXT_HEAD_BYTES) {
        return true;
    }
    const mdli_text_tail a_tail = mdli_tail_of(a->text);
    const mdli_text_tail b_tail = mdli_tail_of(b->text);
    return a_tail.words[0] == b_tail.words[0] && a_tail.words[1] == b_tail.words[1] &&
           (size <= 2 * MDLI_TEXT_HEAD_BYTES ||
            memcmp(a->text.data + MDLI_TEXT_HEAD_BYTES, b->text.data + MDLI_TEXT_HEAD_BYTES,
                   (size_t)size - 2 * MDLI_TEXT_HEAD_BYTES) == 0);
}

/* Asks for the slot that a text is looked for in. */
static inline void mdli_string_set_prefetch_slot(const mdli_string_set *set, uint32_t hash)
{
    __builtin_prefetch(&set->slots[hash & ((uint64_t)set->n_slots - 1)]);
}

/* Asks for the entry that a text may be the same as; its slot should be in the cache. */
static inline void mdli_string_set_prefetch_entry(const mdli_string_set *set, uint32_t hash)
{
    const uint64_t slot = set->slots[hash & ((uint64_t)set->n_slots - 1)];
    __builtin_prefetch(&set->entries[(uint32_t)slot - (slot != 0)]);
}

/* Asks for the last bytes of that entry, where it may be the same as a text that is longer than its
 * head; the entry should be in the cache. A function that only prefetches has no effect in gcc's
 * eyes: calls of it are dropped unless they are inlined first. */
__attribute__((always_inline)) static inline void
mdli_string_set_prefetch_tail(const mdli_string_set *set, const mdli_headed_text *headed,
                              uint32_t hash)
{
    const int64_t size = headed->text.size_bytes;
    const uint64_t slot = set->slots[hash & ((uint64_t)set->n_slots - 1)];
    if (size > MDLI_TEXT_HEAD_BYTES && slot >> 32 == hash && slot != 0) {
        __builtin_prefetch(set->entries[(uint32_t)slot - 1].text.data + size - 1);
    }
}

/*
 * Gives the number of a text, which the set takes in if it does not have it; the bytes are not
 * copied. `hash` is that of mdli_hash_headed_text.
 */
static inline mdl_status mdli_string_set_add(mdli_string_set *set, const mdli_headed_text *headed,
                                             uint32_t hash, int32_t *code, mdl_error *error)
{
    if (__builtin_expect(set->n_entries == set->capacity, false)) {
        mdl_status status = mdli_string_set_grow(set, error);
        if (status != MDL_OK) {
            return status;
        }
    }
    const uint64_t slot_mask = (uint64_t)set->n_slots - 1;
    uint64_t at = hash & slot_mask;
    for (uint64_t slot; (slot = set->slots[at]) != 0; at = (at + 1) & slot_mask) {
        const int32_t entry = (int32_t)((uint32_t)slot - 1);
        if (slot >> 32 == hash && mdli_is_same_headed_text(&set->entries[entry], headed)) {
            *code = entry;
            return MDL_OK;
        }
    }
    *code = (int32_t)set->n_entries;
    set->entries[set->n_entries++] = *headed;
    set->slots[at] = (uint64_t)hash << 32 | (uint64_t)set->n_entries;
    set->text_bytes += headed->text.size_bytes;
    return MDL_OK;
}

/* The number of a text, or −1. The set has had room made in it. */
static inline int32_t mdli_string_set_find(const mdli_string_set *set,
                                           const mdli_headed_text *headed, uint32_t hash)
{
    const uint64_t slot_mask = (uint64_t)set->n_slots - 1;
    uint64_t at = hash & slot_mask;
    for (uint64_t slot; (slot = set->slots[at]) != 0; at = (at + 1) & slot_mask) {
        const int32_t entry = (int32_t)((uint32_t)slot - 1);
        if (slot >> 32 == hash && mdli_is_same_headed_text(&set->entries[entry], headed)) {
            return entry;
        }
    }
    return -1;
}

/* Gives a text a number of its own, which mdli_string_set_add will not find; there must be room. */
static inline int32_t mdli_string_set_list(mdli_string_set *set, const mdli_headed_text *headed)
{
    set->entries[set->n_entries] = *headed;
    set->text_bytes += headed->text.size_bytes;
    return (int32_t)set->n_entries++;
}

/* Rows after which it is first asked whether texts come again. */
#define MDLI_SAMPLE_ROWS 4096

/* Whether texts come again so often that it is worth finding them among the rows of a block. It
 * decides what a load costs, never what comes of it. */
static inline bool mdli_texts_repeat(int64_t n_distinct, int64_t n_rows)
{
    return n_distinct <= n_rows - n_rows / 8;
}

#endif
