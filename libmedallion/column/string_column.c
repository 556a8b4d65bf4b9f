/*
 * Columns of STRING made of blocks that were encoded apart: whether one dictionary pays for all of
 * them, and if not, which blocks zstd makes smaller.
 *
 * Blocks mostly refer to a few dictionaries already, each its thread's (block_loose_text.c) or of a
 * column that they are from: then the entries that their rows have are listed (text_sources.c). Any
 * other block is first given a dictionary of its own, unless it is certain that none pays
 * (text_repeats.c). Where there is more than one, these are merged in parallel, by parts: a text's
 * hash tells its part, and each part goes through the blocks in order. So the entries are numbered
 * in the order in which they first appear in the column, wherever it is cut. The merge is given up
 * as soon as the dictionary costs more than the text.
 */
#include "column/block_internal.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "column/growing_texts.h"
#include "column/string_set.h"
#include "column/text_repeats.h"
#include "column/text_sources.h"

#include <string.h>

/* Parts of a dictionary in the making: so many that the set of one stays in a level-2 cache for up
 * to a million texts. */
#define PART_BITS 6
#define N_PARTS   (1 << PART_BITS)

/* In how many blocks a text is, by a rough guess from which sets start. */
#define REPETITION 4

/* How many texts ahead a text is asked for. */
#define PREFETCH_DISTANCE 8

static uint8_t part_of(uint32_t hash)
{
    return (uint8_t)(hash >> (32 - PART_BITS));
}

/*
 * The texts of a block, distinct but for what number_rows leaves, and without those that are in
 * blocks of the same source before it. They are sorted by parts, those of a part in the order in
 * which they appear: a part is merged from one end of it to the other, and nothing is waited for.
 */
typedef struct block_entries {
    int64_t n;
    uint8_t *parts;              /* of each, in the order in which they appear */
    int64_t starts[N_PARTS + 1]; /* of the parts in what follows */
    mdli_headed_text *texts;
    uint32_t *hashes;
    int32_t *numbers; /* in the part's set; its complement where the column first has the text */
    _Atomic int64_t n_new; /* entries that the column first has here */
    _Atomic int64_t new_text_bytes;
    int64_t first_code; /* of these entries in the column's dictionary; they are in order */
    int64_t first_byte;
} block_entries;

/* A block, its source or its own dictionary, and what becomes of both. The texts of `entries` point
 * into the source's dictionary, the block or, for a ZSTD block, `buffer`. */
typedef struct block_work {
    mdli_block *block;
    mdli_decode_buffer buffer;
    mdli_text_source *source;       /* NULL = it gets a dictionary of its own */
    const mdli_listed_range *range; /* that its entries are in its source's list */
    int32_t *codes; /* of each row in its dictionary, 0 for NULL; NULL = as the block has them */
    block_entries entries;
    int64_t text_bytes; /* of all rows, where it has no source */
    int64_t longest_bytes;
    mdli_block *encoded;
} block_work;

typedef struct column_work {
    mdl_context *context;
    block_work *blocks;
    int64_t n_blocks;
    int64_t n_rows;
    mdli_text_sources sources;
    int64_t text_cost;
    mdli_string_set parts[N_PARTS];
    bool is_refuted;                  /* a dictionary does not pay, whatever its entries are */
    _Atomic int64_t n_entries;        /* of all parts so far */
    _Atomic int64_t entry_text_bytes; /* of their texts */
    mdli_dictionary *dictionary;
    int32_t *part_codes[N_PARTS]; /* of the parts' entries in `dictionary`; one piece of memory */
} column_work;

static void column_work_free(column_work *work)
{
    for (int64_t b = 0; b < work->n_blocks; b++) {
        block_work *block = &work->blocks[b];
        mdli_decode_buffer_free(&block->buffer);
        mdli_free(work->context, block->codes);
        mdli_free(work->context, block->entries.texts);
        mdli_block_release(block->block);
        mdli_block_release(block->encoded);
    }
    mdli_free(work->context, work->blocks);
    for (int p = 0; p < N_PARTS; p++) {
        mdli_string_set_free(&work->parts[p]);
    }
    mdli_text_sources_free(&work->sources);
    mdli_free(work->context, work->part_codes[0]);
    mdli_dictionary_release(work->dictionary);
}

static bool is_growing(const mdli_dictionary *dictionary)
{
    return dictionary != NULL && dictionary->growing != NULL;
}

bool mdli_block_has_own_dictionary(const mdli_block *block)
{
    return block->encoding == MDL_ENCODING_DICTIONARY &&
           block->n_distinct == block->dictionary->n_entries;
}

/* Whether all blocks have one source that has no text twice: its entries are the column's. Of a
 * block's own dictionary this is not known. */
static bool has_one_source(const column_work *work)
{
    return work->sources.n_sources == 1 && work->sources.sources[0].n_rows == work->n_rows &&
           is_growing(work->sources.sources[0].dictionary);
}

/*
 * The dictionaries of the blocks.
 */

static void measure_text(block_work *block, int64_t size_bytes)
{
    block->text_bytes += size_bytes;
    block->longest_bytes = size_bytes > block->longest_bytes ? size_bytes : block->longest_bytes;
}

/* Numbers the texts of a block without a source in the order of the rows. Where
 * nearly all are new, the others are left to the merge: then some have more than one number. */
static mdl_status number_rows(const column_work *work, block_work *block, mdli_string_set *set,
                              mdl_error *error)
{
    mdl_vector values;
    void *codes;
    bool are_new = false;
    MDLI_TRY(
        mdli_block_decode(block->block, 0, block->block->n_rows, &block->buffer, &values, error));
    MDLI_TRY(mdli_allocate_zeroed(work->context, (size_t)values.n_rows * sizeof *block->codes,
                                  "dictionary", &codes, error));
    block->codes = codes;
    MDLI_TRY(mdli_string_set_reserve(set, values.n_rows, error));
    for (int64_t i = 0; i < values.n_rows; i++) {
        if (i == MDLI_SAMPLE_ROWS) {
            are_new = !mdli_texts_repeat(set->n_entries, i);
        }
        if (mdl_vector_is_null(&values, i)) {
            continue;
        }
        const mdli_headed_text text = mdli_headed_text_of(mdl_vector_string(&values, i));
        measure_text(block, text.text.size_bytes);
        if (are_new) {
            block->codes[i] = mdli_string_set_list(set, &text);
            continue;
        }
        MDLI_TRY(
            mdli_string_set_add(set, &text, mdli_hash_headed_text(&text), &block->codes[i], error));
    }
    return MDL_OK;
}

/* One piece of memory for n entries. */
static mdl_status allocate_entries(mdl_context *context, int64_t n, block_entries *entries,
                                   mdl_error *error)
{
    const size_t entry_bytes = sizeof *entries->texts + sizeof *entries->hashes +
                               sizeof *entries->numbers + sizeof *entries->parts;
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, n, entry_bytes, "dictionary", &memory, error));
    entries->n = n;
    entries->texts = memory;
    entries->hashes = (uint32_t *)(entries->texts + n);
    entries->numbers = (int32_t *)(entries->hashes + n);
    entries->parts = (uint8_t *)(entries->numbers + n);
    return MDL_OK;
}

/* Entry `i` of a block: of its source, or of `set`. */
static mdli_headed_text entry_of(const block_work *block, const mdli_string_set *set, int64_t i)
{
    const mdli_text_source *source = block->source;
    return source != NULL ? mdli_text_source_entry(source, source->listed[block->range->first + i])
                          : set->entries[i];
}

/* Sorts the entries of a block by parts. */
static mdl_status sort_entries(const column_work *work, block_work *block,
                               const mdli_string_set *set, mdl_error *error)
{
    block_entries *entries = &block->entries;
    const int64_t n = block->source != NULL ? block->range->n : set->n_entries;
    MDLI_TRY(allocate_entries(work->context, n, entries, error));
    /* There are no numbers yet: their memory holds the hashes until these are sorted. */
    uint32_t *hashes = (uint32_t *)entries->numbers;
    for (int64_t i = 0; i < n; i++) {
        const mdli_headed_text text = entry_of(block, set, i);
        hashes[i] = mdli_hash_headed_text(&text);
        entries->parts[i] = part_of(hashes[i]);
        entries->starts[entries->parts[i] + 1]++;
    }
    int64_t ends[N_PARTS];
    for (int p = 0; p < N_PARTS; p++) {
        entries->starts[p + 1] += entries->starts[p];
        ends[p] = entries->starts[p];
    }
    for (int64_t i = 0; i < n; i++) {
        const int64_t to = ends[entries->parts[i]]++;
        entries->texts[to] = entry_of(block, set, i);
        entries->hashes[to] = hashes[i];
    }
    return MDL_OK;
}

/* Job: finds the entries of a block. */
static mdl_status prepare_block(void *data, int64_t job, int worker, mdl_error *error)
{
    const column_work *work = data;
    block_work *block = &work->blocks[job];
    mdl_status status = MDL_OK;
    mdli_string_set set;
    (void)worker;
    mdli_string_set_init(&set, work->context);
    if (block->source == NULL) {
        status = number_rows(work, block, &set, error);
    }
    if (status == MDL_OK) {
        status = sort_entries(work, block, &set, error);
    }
    mdli_string_set_free(&set);
    if (block->buffer.text_block == NULL) {
        mdli_decode_buffer_free(&block->buffer);
    }
    return status;
}

/*
 * The column's dictionary.
 */

/* Bytes of n values of `width` bits. */
static int64_t packed_bytes(int64_t n, int width)
{
    return (n * width + 7) / 8;
}

/* What the column costs as text: that of its blocks without a source, as they say, and of its
 * sources' rows. */
static int64_t cost_with_sources(const column_work *work, int64_t text_bytes, int64_t longest_bytes)
{
    for (int32_t s = 0; s < work->sources.n_sources; s++) {
        const mdli_text_source *source = &work->sources.sources[s];
        text_bytes += source->text_bytes;
        longest_bytes =
            source->longest_bytes > longest_bytes ? source->longest_bytes : longest_bytes;
    }
    return text_bytes + packed_bytes(work->n_rows, mdli_bits((uint64_t)longest_bytes));
}

/* What the column costs as text and lengths. It does not depend on where the column is cut. */
static int64_t text_cost(const column_work *work)
{
    int64_t text_bytes = 0;
    int64_t longest_bytes = 0;
    for (int64_t b = 0; b < work->n_blocks; b++) {
        const block_work *block = &work->blocks[b];
        text_bytes += block->text_bytes;
        longest_bytes = block->longest_bytes > longest_bytes ? block->longest_bytes : longest_bytes;
    }
    return cost_with_sources(work, text_bytes, longest_bytes);
}

/* Whether the column costs less as a dictionary of the entries so far, and codes. Once it does not,
 * it never will: entries only come. */
static bool dictionary_pays(const column_work *work)
{
    const int64_t n_entries = atomic_load_explicit(&work->n_entries, memory_order_relaxed);
    const int64_t text_bytes = atomic_load_explicit(&work->entry_text_bytes, memory_order_relaxed);
    const uint64_t code_max = n_entries > 0 ? (uint64_t)n_entries - 1 : 0;
    const int64_t cost =
        text_bytes + n_entries * MDLI_ENTRY_BYTES + packed_bytes(work->n_rows, mdli_bits(code_max));
    return cost < work->text_cost && n_entries <= MDLI_ENTRIES_MAX;
}

/* Takes a block's entries of a part into the part's set. */
static mdl_status merge_entries(block_entries *entries, int64_t part, mdli_string_set *set,
                                mdl_error *error)
{
    const int64_t end = entries->starts[part + 1];
    for (int64_t i = entries->starts[part]; i < end; i++) {
        const int64_t n_before = set->n_entries;
        /* What is behind the head is compared too, and is not in the cache. */
        const int64_t ahead = i + PREFETCH_DISTANCE < end ? i + PREFETCH_DISTANCE : i;
        __builtin_prefetch(entries->texts[ahead].text.data + MDLI_TEXT_HEAD_BYTES);
        MDLI_TRY(mdli_string_set_add(set, &entries->texts[i], entries->hashes[i],
                                     &entries->numbers[i], error));
        if (set->n_entries > n_before) {
            entries->numbers[i] = ~entries->numbers[i];
        }
    }
    return MDL_OK;
}

/* Job: merges a part of the blocks' dictionaries, while a dictionary may pay. */
static mdl_status merge_part(void *data, int64_t job, int worker, mdl_error *error)
{
    column_work *work = data;
    mdli_string_set *set = &work->parts[job];
    int64_t n = 0;
    (void)worker;
    for (int64_t b = 0; b < work->n_blocks; b++) {
        const int64_t *starts = work->blocks[b].entries.starts;
        n += starts[job + 1] - starts[job];
    }
    MDLI_TRY(mdli_string_set_reserve(set, n / REPETITION, error));
    for (int64_t b = 0; b < work->n_blocks && dictionary_pays(work); b++) {
        block_entries *entries = &work->blocks[b].entries;
        const int64_t n_before = set->n_entries;
        const int64_t text_bytes_before = set->text_bytes;
        MDLI_TRY(merge_entries(entries, job, set, error));
        const int64_t n_new = set->n_entries - n_before;
        const int64_t text_bytes = set->text_bytes - text_bytes_before;
        atomic_fetch_add_explicit(&entries->n_new, n_new, memory_order_relaxed);
        atomic_fetch_add_explicit(&entries->new_text_bytes, text_bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&work->n_entries, n_new, memory_order_relaxed);
        atomic_fetch_add_explicit(&work->entry_text_bytes, text_bytes, memory_order_relaxed);
    }
    return MDL_OK;
}

/* Job: puts the entries that the column first has in a block in its dictionary. */
static mdl_status place_entries(void *data, int64_t job, int worker, mdl_error *error)
{
    const column_work *work = data;
    const block_work *block = &work->blocks[job];
    const block_entries *entries = &block->entries;
    int64_t code = entries->first_code;
    char *next = work->dictionary->bytes + entries->first_byte;
    const char *end = next + entries->new_text_bytes;
    int64_t at[N_PARTS];
    (void)worker;
    (void)error;
    memcpy(at, entries->starts, sizeof at);
    for (int64_t i = 0; i < entries->n; i++) {
        const int part = entries->parts[i];
        const int64_t from = at[part]++;
        if (entries->numbers[from] < 0) {
            next =
                mdli_dictionary_put(work->dictionary, code, next, end, entries->texts[from].text);
            work->part_codes[part][~entries->numbers[from]] = (int32_t)code++;
        }
    }
    return MDL_OK;
}

/* Divides the entries of the column's dictionary among the blocks. */
static mdl_status divide_dictionary(column_work *work, mdl_error *error)
{
    void *codes;
    MDLI_TRY(mdli_allocate_array(work->context, work->n_entries, sizeof(int32_t), "dictionary",
                                 &codes, error));
    work->part_codes[0] = codes;
    for (int p = 1; p < N_PARTS; p++) {
        work->part_codes[p] = work->part_codes[p - 1] + work->parts[p - 1].n_entries;
    }
    int64_t code = 0;
    int64_t byte = 0;
    for (int64_t b = 0; b < work->n_blocks; b++) {
        block_entries *entries = &work->blocks[b].entries;
        entries->first_code = code;
        entries->first_byte = byte;
        code += entries->n_new;
        byte += entries->new_text_bytes;
    }
    return MDL_OK;
}

/* The code in the column's dictionary of the next of a block's entries of a part. */
static int32_t next_code(const column_work *work, const block_entries *entries, int part,
                         int64_t *at)
{
    const int32_t number = entries->numbers[at[part]++];
    return work->part_codes[part][number < 0 ? ~number : number];
}

/* Job: tells the source of a block the codes of its entries. */
static mdl_status map_entries(void *data, int64_t job, int worker, mdl_error *error)
{
    const column_work *work = data;
    const block_work *block = &work->blocks[job];
    const mdli_text_source *source = block->source;
    int64_t at[N_PARTS];
    (void)worker;
    (void)error;
    memcpy(at, block->entries.starts, sizeof at);
    for (int64_t i = 0; source != NULL && i < block->entries.n; i++) {
        source->codes[source->listed[block->range->first + i]] =
            next_code(work, &block->entries, block->entries.parts[i], at);
    }
    return MDL_OK;
}

/* Fills the column's dictionary with the entries of its only source. */
static void copy_source(const column_work *work)
{
    const mdli_text_source *source = &work->sources.sources[0];
    char *next = work->dictionary->bytes;
    const char *end = next + source->listed_bytes;
    for (int64_t i = 0; i < source->n_listed; i++) {
        const int32_t entry = source->listed[i];
        next = mdli_dictionary_put(work->dictionary, i, next, end,
                                   mdli_text_source_entry(source, entry).text);
        source->codes[entry] = (int32_t)i;
    }
}

/* The most that the column may cost as text and lengths; −1 where that is not known. */
static int64_t text_cost_max(const column_work *work)
{
    int64_t text_bytes = 0;
    int64_t longest_bytes = 0;
    for (int64_t b = 0; b < work->n_blocks; b++) {
        const mdli_block *block = work->blocks[b].block;
        if (work->blocks[b].source != NULL) {
            continue;
        }
        if (block->encoding != MDL_ENCODING_PLAIN) {
            return -1;
        }
        const int64_t block_bytes = mdli_plain_text_bytes(block);
        text_bytes += block_bytes;
        longest_bytes = block_bytes > longest_bytes ? block_bytes : longest_bytes;
    }
    return cost_with_sources(work, text_bytes, longest_bytes);
}

/* Finds out by the blocks without a source whether a dictionary is out of the question. */
static mdl_status refute_dictionary(column_work *work, mdl_error *error)
{
    const int64_t cost_max = text_cost_max(work);
    void *memory;
    if (cost_max < 0) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_allocate_array(work->context, work->n_blocks, sizeof(mdli_block *), "dictionary",
                                 &memory, error));
    mdli_block **blocks = memory;
    for (int64_t b = 0; b < work->n_blocks; b++) {
        blocks[b] = work->blocks[b].source == NULL ? work->blocks[b].block : NULL;
    }
    mdl_status status = mdli_entries_cost_more(work->context, blocks, work->n_blocks, cost_max,
                                               &work->is_refuted, error);
    mdli_free(work->context, memory);
    return status;
}

/* Finds the entries of all blocks, while a dictionary of them may pay. */
static mdl_status find_entries(column_work *work, mdl_error *error)
{
    if (has_one_source(work)) {
        work->text_cost = text_cost(work);
        work->n_entries = work->sources.sources[0].n_listed;
        work->entry_text_bytes = work->sources.sources[0].listed_bytes;
        return MDL_OK;
    }
    MDLI_TRY(refute_dictionary(work, error));
    if (work->is_refuted) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_parallel_for(work->context, work->n_blocks, prepare_block, work, error));
    work->text_cost = text_cost(work);
    return mdli_parallel_for(work->context, N_PARTS, merge_part, work, error);
}

/* Makes the column's dictionary if it pays. */
static mdl_status find_dictionary(column_work *work, mdl_error *error)
{
    MDLI_TRY(find_entries(work, error));
    if (work->is_refuted || !dictionary_pays(work)) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_dictionary_allocate(work->context, work->n_entries, work->entry_text_bytes,
                                      &work->dictionary, error));
    if (has_one_source(work)) {
        copy_source(work);
        return MDL_OK;
    }
    MDLI_TRY(divide_dictionary(work, error));
    MDLI_TRY(mdli_parallel_for(work->context, work->n_blocks, place_entries, work, error));
    return mdli_parallel_for(work->context, work->n_blocks, map_entries, work, error);
}

/*
 * The last form of the blocks.
 */

/* The codes of a block's own entries in the column's dictionary. */
static mdl_status make_mapping(const column_work *work, const block_entries *entries, int32_t **out,
                               mdl_error *error)
{
    int64_t at[N_PARTS];
    void *memory;
    MDLI_TRY(
        mdli_allocate_array(work->context, entries->n, sizeof **out, "dictionary", &memory, error));
    *out = memory;
    memcpy(at, entries->starts, sizeof at);
    for (int64_t i = 0; i < entries->n; i++) {
        (*out)[i] = next_code(work, entries, entries->parts[i], at);
    }
    return MDL_OK;
}

/* Gives each row its code in the column's dictionary. */
static mdl_status recode_rows(const column_work *work, block_work *block, mdl_error *error)
{
    const int32_t n_rows = block->block->n_rows;
    int32_t *mapping = NULL;
    void *memory;
    if (block->codes == NULL) {
        MDLI_TRY(mdli_allocate_array(work->context, n_rows, sizeof *block->codes, "dictionary",
                                     &memory, error));
        block->codes = memory;
        mdli_decode_codes(block->block, 0, n_rows, block->codes);
    }
    if (block->block->n_nulls == n_rows) {
        return MDL_OK;
    }
    if (block->source == NULL) {
        MDLI_TRY(make_mapping(work, &block->entries, &mapping, error));
    }
    const int32_t *codes = mapping != NULL ? mapping : block->source->codes;
    for (int32_t i = 0; i < n_rows; i++) {
        block->codes[i] = codes[block->codes[i]];
    }
    mdli_free(work->context, mapping);
    return MDL_OK;
}

/* Whether a block has its last codes: they count the entries of its only source. */
static bool has_last_codes(const column_work *work, const block_work *block)
{
    return has_one_source(work) && block->source->is_in_order;
}

/* Has a block that nobody else knows of refer to the column's dictionary. */
static void change_dictionary(const column_work *work, block_work *block)
{
    block->encoded = block->block;
    block->block = NULL;
    mdli_dictionary_release(block->encoded->dictionary);
    block->encoded->dictionary = work->dictionary;
    mdli_dictionary_retain(work->dictionary);
}

/* Encodes a block with the column's dictionary. */
static mdl_status encode_with_dictionary(const column_work *work, block_work *block,
                                         mdl_error *error)
{
    const mdli_block *source = block->block;
    if (has_last_codes(work, block)) {
        change_dictionary(work, block);
        return MDL_OK;
    }
    MDLI_TRY(recode_rows(work, block, error));
    const mdl_vector values = {.type = MDL_TYPE_STRING,
                               .n_rows = source->n_rows,
                               .validity = source->validity,
                               .codes = block->codes,
                               .dictionary = work->dictionary->entries,
                               .n_dictionary = work->dictionary->n_entries};
    MDLI_TRY(mdli_encode_codes(work->context, &values, work->dictionary, &block->encoded, error));
    mdli_free(work->context, block->codes);
    block->codes = NULL;
    return MDL_OK;
}

/* Encodes a block without one: PLAIN blocks may be compressed, a dictionary of its own or a growing
 * one is given up, all others stay as they are. */
static mdl_status encode_alone(const column_work *work, block_work *block, mdl_error *error)
{
    mdli_block *source = block->block;
    if (mdli_block_has_own_dictionary(source) || is_growing(source->dictionary)) {
        mdl_vector values;
        MDLI_TRY(mdli_block_decode(source, 0, source->n_rows, &block->buffer, &values, error));
        return mdli_encode_text(work->context, MDLI_ENCODING_CHEAPEST, &values, &block->encoded,
                                error);
    }
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
    block_work *block = &work->blocks[job];
    (void)worker;
    if (work->dictionary != NULL) {
        MDLI_TRY(encode_with_dictionary(work, block, error));
    } else {
        MDLI_TRY(encode_alone(work, block, error));
    }
    mdli_block_release(block->block);
    block->block = NULL;
    return MDL_OK;
}

/* Gives all blocks their last form. */
static mdl_status encode_blocks(column_work *work, mdl_error *error)
{
    for (int32_t s = 0; work->dictionary == NULL && s < work->sources.n_sources; s++) {
        mdli_dictionary *dictionary = work->sources.sources[s].dictionary;
        if (is_growing(dictionary)) {
            MDLI_TRY(mdli_growing_dictionary_list(dictionary, error));
        }
    }
    return mdli_parallel_for(work->context, work->n_blocks, encode_block, work, error);
}

/*
 * The column.
 */

/* Whether all blocks share a dictionary that is the column's. */
static bool have_dictionary(mdli_block *const *blocks, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++) {
        if (blocks[b]->dictionary == NULL || blocks[b]->dictionary != blocks[0]->dictionary) {
            return false;
        }
    }
    return n_blocks == 0 ||
           (!is_growing(blocks[0]->dictionary) && !mdli_block_has_own_dictionary(blocks[0]));
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
    for (int p = 0; p < N_PARTS; p++) {
        mdli_string_set_init(&work->parts[p], work->context);
    }
    for (int64_t b = 0; b < n_blocks; b++) {
        work->n_rows += blocks[b]->n_rows;
        work->blocks[b].block = blocks[b];
        mdli_decode_buffer_init(&work->blocks[b].buffer, work->context);
    }
    return MDL_OK;
}

/* Finds which dictionaries the blocks refer to. */
static mdl_status find_sources(column_work *work, mdli_block *const *blocks, mdl_error *error)
{
    mdli_text_sources *sources = &work->sources;
    MDLI_TRY(mdli_text_sources_init(sources, work->context, blocks, work->n_blocks, error));
    for (int64_t b = 0; b < work->n_blocks; b++) {
        if (sources->of_blocks[b] >= 0) {
            work->blocks[b].source = &sources->sources[sources->of_blocks[b]];
            work->blocks[b].range = &sources->ranges[b];
        }
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
    if (have_dictionary(blocks, n_blocks)) {
        return mdli_column_from_blocks(context, MDL_TYPE_STRING, blocks, n_blocks, out, error);
    }
    column_work work = {.context = context};
    *out = NULL;
    mdl_status status = start_work(&work, blocks, n_blocks, error);
    if (status != MDL_OK) {
        for (int64_t b = 0; b < n_blocks; b++) {
            mdli_block_release(blocks[b]);
        }
        return status;
    }
    MDLI_TRY_GOTO_DONE(find_sources(&work, blocks, error));
    MDLI_TRY_GOTO_DONE(find_dictionary(&work, error));
    MDLI_TRY_GOTO_DONE(encode_blocks(&work, error));
    status = finish_work(&work, out, error);
done:
    column_work_free(&work);
    return status;
}
