/*
 * Columns of STRING made of blocks that were encoded apart: whether one dictionary pays for all of
 * them, and if not, which blocks zstd makes smaller.
 *
 * Each block is first given a dictionary of its own, in parallel. Those are merged in the order of
 * the blocks, so that entries come in the order in which they first appear in the column, wherever
 * it is cut. The merge is given up as soon as the dictionary costs more than the text.
 */
#include "column/block_internal.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/parallel.h"

#include <string.h>

/* Bytes that an entry of a dictionary takes besides its text. */
#define ENTRY_BYTES ((int64_t)sizeof(mdl_string))

/* Entries that a set first has room for; a power of two. */
#define SET_CAPACITY_MIN 256

/* Codes are int32_t; the entries of a block are added without looking. */
#define ENTRIES_MAX (INT32_MAX - MDLI_BLOCK_ROWS_MAX)

/*
 * A set of strings, numbered in the order in which they came.
 */
typedef struct string_set {
    mdl_context *context;
    mdl_string *entries;
    uint64_t *hashes;
    int64_t n_entries;
    int64_t capacity;
    int32_t *slots;  /* entry + 1, or 0; found by hash, then the next ones */
    int64_t n_slots; /* a power of two, at least twice the capacity */
    int64_t text_bytes;
} string_set;

static void string_set_free(string_set *set)
{
    mdli_free(set->context, set->entries);
    mdli_free(set->context, set->hashes);
    mdli_free(set->context, set->slots);
    *set = (string_set){.context = set->context};
}

/* The slot that holds the text, or the empty one that should. */
static int64_t find_slot(const string_set *set, mdl_string text, uint64_t hash)
{
    int64_t slot = (int64_t)(hash & (uint64_t)(set->n_slots - 1));
    while (set->slots[slot] != 0) {
        const int32_t entry = set->slots[slot] - 1;
        if (set->hashes[entry] == hash && mdli_is_same_text(set->entries[entry], text)) {
            break;
        }
        slot = (slot + 1) & (set->n_slots - 1);
    }
    return slot;
}

/* Puts an entry, whose text no other has, in the first empty slot. */
static void take_slot(const string_set *set, int64_t entry)
{
    int64_t slot = (int64_t)(set->hashes[entry] & (uint64_t)(set->n_slots - 1));
    while (set->slots[slot] != 0) {
        slot = (slot + 1) & (set->n_slots - 1);
    }
    set->slots[slot] = (int32_t)(entry + 1);
}

/* Makes room for `capacity` entries in a set that has none. */
static mdl_status string_set_allocate(string_set *set, int64_t capacity, mdl_error *error)
{
    void *memory;
    set->capacity = capacity;
    set->n_slots = 2 * capacity;
    MDLI_TRY(mdli_allocate_array(set->context, capacity, sizeof *set->entries, "dictionary",
                                 &memory, error));
    set->entries = memory;
    MDLI_TRY(mdli_allocate_array(set->context, capacity, sizeof *set->hashes, "dictionary", &memory,
                                 error));
    set->hashes = memory;
    MDLI_TRY(mdli_allocate_zeroed(set->context, (size_t)set->n_slots * sizeof *set->slots,
                                  "dictionary", &memory, error));
    set->slots = memory;
    return MDL_OK;
}

/* Doubles the room of a full set; on failure it is as before. */
static mdl_status string_set_grow(string_set *set, mdl_error *error)
{
    string_set grown = {.context = set->context};
    const int64_t capacity = set->capacity == 0 ? SET_CAPACITY_MIN : 2 * set->capacity;
    mdl_status status = string_set_allocate(&grown, capacity, error);
    if (status != MDL_OK) {
        string_set_free(&grown);
        return status;
    }
    grown.n_entries = set->n_entries;
    grown.text_bytes = set->text_bytes;
    for (int64_t i = 0; i < set->n_entries; i++) {
        grown.entries[i] = set->entries[i];
        grown.hashes[i] = set->hashes[i];
        take_slot(&grown, i);
    }
    string_set_free(set);
    *set = grown;
    return MDL_OK;
}

/* Gives the number of a text, which the set takes in if it does not have it; the bytes are not
 * copied. */
static mdl_status string_set_add(string_set *set, mdl_string text, uint64_t hash, int32_t *code,
                                 mdl_error *error)
{
    if (set->n_entries == set->capacity) {
        MDLI_TRY(string_set_grow(set, error));
    }
    const int64_t slot = find_slot(set, text, hash);
    if (set->slots[slot] == 0) {
        set->entries[set->n_entries] = text;
        set->hashes[set->n_entries] = hash;
        set->text_bytes += text.size_bytes;
        set->slots[slot] = (int32_t)++set->n_entries;
    }
    *code = set->slots[slot] - 1;
    return MDL_OK;
}

/*
 * The work on one column.
 */

/* A block, its own dictionary, and what becomes of both. The entries point into the block or, for a
 * ZSTD block, into the buffer. */
typedef struct block_work {
    mdli_block *block;
    mdli_decode_buffer buffer;
    string_set set;
    int32_t *codes;   /* of each row, in `set`; 0 for NULL */
    int32_t *mapping; /* from `set` to the column's dictionary */
    int64_t text_bytes;
    int64_t longest_bytes;
    mdli_block *encoded;
} block_work;

typedef struct column_work {
    mdl_context *context;
    block_work *blocks;
    int64_t n_blocks;
    string_set set;
    mdli_dictionary *dictionary;
} column_work;

static void column_work_free(column_work *work)
{
    for (int64_t b = 0; b < work->n_blocks; b++) {
        block_work *block = &work->blocks[b];
        string_set_free(&block->set);
        mdli_decode_buffer_free(&block->buffer);
        mdli_free(work->context, block->codes);
        mdli_free(work->context, block->mapping);
        mdli_block_release(block->block);
        mdli_block_release(block->encoded);
    }
    mdli_free(work->context, work->blocks);
    string_set_free(&work->set);
    mdli_dictionary_release(work->dictionary);
}

/* Job: gives a block a dictionary of its own. */
static mdl_status number_texts(void *data, int64_t job, int worker, mdl_error *error)
{
    const column_work *work = data;
    block_work *block = &work->blocks[job];
    (void)worker;
    mdl_vector values;
    void *codes;
    MDLI_TRY(
        mdli_block_decode(block->block, 0, block->block->n_rows, &block->buffer, &values, error));
    MDLI_TRY(mdli_allocate_zeroed(work->context, (size_t)values.n_rows * sizeof *block->codes,
                                  "dictionary", &codes, error));
    block->codes = codes;
    for (int64_t i = 0; i < values.n_rows; i++) {
        if (mdl_vector_is_null(&values, i)) {
            continue;
        }
        const mdl_string text = mdl_vector_string(&values, i);
        const uint64_t hash = mdli_hash_bytes(text.data, (size_t)text.size_bytes, 0);
        MDLI_TRY(string_set_add(&block->set, text, hash, &block->codes[i], error));
        block->text_bytes += text.size_bytes;
        if (text.size_bytes > block->longest_bytes) {
            block->longest_bytes = text.size_bytes;
        }
    }
    return MDL_OK;
}

/* Bytes of n values of `width` bits. */
static int64_t packed_bytes(int64_t n, int width)
{
    return (n * width + 7) / 8;
}

/* What the column costs as text and lengths. It does not depend on where the column is cut. */
static int64_t text_cost(const column_work *work, int64_t n_rows)
{
    int64_t text_bytes = 0;
    int64_t longest_bytes = 0;
    for (int64_t b = 0; b < work->n_blocks; b++) {
        const block_work *block = &work->blocks[b];
        text_bytes += block->text_bytes;
        longest_bytes = block->longest_bytes > longest_bytes ? block->longest_bytes : longest_bytes;
    }
    return text_bytes + packed_bytes(n_rows, mdli_bits((uint64_t)longest_bytes));
}

/* What it costs as a dictionary and codes. */
static int64_t dictionary_cost(const string_set *set, int64_t n_rows)
{
    const uint64_t code_max = set->n_entries > 0 ? (uint64_t)set->n_entries - 1 : 0;
    return set->text_bytes + set->n_entries * ENTRY_BYTES +
           packed_bytes(n_rows, mdli_bits(code_max));
}

/* Takes a block's dictionary into the column's. */
static mdl_status merge_dictionary(column_work *work, block_work *block, mdl_error *error)
{
    void *mapping;
    MDLI_TRY(mdli_allocate_array(work->context, block->set.n_entries, sizeof(int32_t), "dictionary",
                                 &mapping, error));
    block->mapping = mapping;
    for (int64_t i = 0; i < block->set.n_entries; i++) {
        MDLI_TRY(string_set_add(&work->set, block->set.entries[i], block->set.hashes[i],
                                &block->mapping[i], error));
    }
    return MDL_OK;
}

/* Makes the column's dictionary if it pays. */
static mdl_status find_dictionary(column_work *work, int64_t n_rows, mdl_error *error)
{
    const int64_t limit = text_cost(work, n_rows);
    for (int64_t b = 0; b < work->n_blocks; b++) {
        MDLI_TRY(merge_dictionary(work, &work->blocks[b], error));
        if (dictionary_cost(&work->set, n_rows) >= limit || work->set.n_entries > ENTRIES_MAX) {
            return MDL_OK;
        }
    }
    return mdli_dictionary_create(work->context, work->set.entries, work->set.n_entries,
                                  &work->dictionary, error);
}

/* Encodes a block with the column's dictionary. */
static mdl_status encode_with_dictionary(const column_work *work, block_work *block,
                                         mdl_error *error)
{
    const mdli_block *source = block->block;
    for (int64_t i = 0; block->set.n_entries > 0 && i < source->n_rows; i++) {
        block->codes[i] = block->mapping[block->codes[i]];
    }
    const mdl_vector values = {.type = MDL_TYPE_STRING,
                               .n_rows = source->n_rows,
                               .validity = source->validity,
                               .codes = block->codes,
                               .dictionary = work->dictionary->entries,
                               .n_dictionary = work->dictionary->n_entries};
    return mdli_encode_codes(work->context, &values, work->dictionary, &block->encoded, error);
}

/* Encodes a block without one: PLAIN blocks may be compressed, all others stay as they are. */
static mdl_status encode_alone(block_work *block, mdl_error *error)
{
    mdli_block *source = block->block;
    block->block = NULL;
    if (source->encoding != MDL_ENCODING_PLAIN) {
        block->encoded = source;
        return MDL_OK;
    }
    return mdli_compress_block(source, &block->encoded, error);
}

/* Job: gives a block its last form. */
static mdl_status encode_block(void *data, int64_t job, int worker, mdl_error *error)
{
    const column_work *work = data;
    (void)worker;
    if (work->dictionary != NULL) {
        return encode_with_dictionary(work, &work->blocks[job], error);
    }
    return encode_alone(&work->blocks[job], error);
}

/* Whether all blocks share a dictionary already. */
static bool have_dictionary(mdli_block *const *blocks, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++) {
        if (blocks[b]->dictionary == NULL || blocks[b]->dictionary != blocks[0]->dictionary) {
            return false;
        }
    }
    return n_blocks > 0;
}

/* Fills `work`, which takes over the references to the blocks. */
static mdl_status start_work(column_work *work, mdli_block **blocks, int64_t n_blocks,
                             mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(work->context, (size_t)n_blocks * sizeof *work->blocks,
                                  "dictionary", &memory, error));
    work->blocks = memory;
    work->n_blocks = n_blocks;
    work->set.context = work->context;
    for (int64_t b = 0; b < n_blocks; b++) {
        work->blocks[b].block = blocks[b];
        work->blocks[b].set.context = work->context;
        mdli_decode_buffer_init(&work->blocks[b].buffer, work->context);
    }
    return MDL_OK;
}

/* Makes the column of the blocks' last forms. */
static mdl_status finish_work(column_work *work, mdl_column **out, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(work->context, work->n_blocks, sizeof(mdli_block *), "column",
                                 &memory, error));
    mdli_block **blocks = memory;
    for (int64_t b = 0; b < work->n_blocks; b++) {
        blocks[b] = work->blocks[b].encoded;
        work->blocks[b].encoded = NULL;
    }
    mdl_status status =
        mdli_column_from_blocks(work->context, MDL_TYPE_STRING, blocks, work->n_blocks, out, error);
    mdli_free(work->context, memory);
    if (status == MDL_OK && work->dictionary != NULL) {
        (*out)->stats.n_distinct = work->dictionary->n_entries;
    }
    return status;
}

mdl_status mdli_string_column_from_blocks(mdl_context *context, mdli_block **blocks,
                                          int64_t n_blocks, mdl_column **out, mdl_error *error)
{
    if (n_blocks == 0 || have_dictionary(blocks, n_blocks)) {
        return mdli_column_from_blocks(context, MDL_TYPE_STRING, blocks, n_blocks, out, error);
    }
    int64_t n_rows = 0;
    column_work work = {.context = context};
    *out = NULL;
    mdl_status status = start_work(&work, blocks, n_blocks, error);
    if (status != MDL_OK) {
        for (int64_t b = 0; b < n_blocks; b++) {
            mdli_block_release(blocks[b]);
        }
        return status;
    }
    for (int64_t b = 0; b < n_blocks; b++) {
        n_rows += blocks[b]->n_rows;
    }
    MDLI_TRY_GOTO_DONE(mdli_parallel_for(context, n_blocks, number_texts, &work, error));
    MDLI_TRY_GOTO_DONE(find_dictionary(&work, n_rows, error));
    MDLI_TRY_GOTO_DONE(mdli_parallel_for(context, n_blocks, encode_block, &work, error));
    status = finish_work(&work, out, error);
done:
    column_work_free(&work);
    return status;
}
