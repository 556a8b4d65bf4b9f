/*
 * Making a version.
 *
 * Bytes are known by their content (mdli_content_id): what the version at hand has already is not
 * written again, be it a block that was read from it, a block that another table shows under
 * another type, or the same values computed anew. What is new goes to one segment, compressed where
 * that pays, and the order of things makes the commit atomic:
 *
 *   1. the segment, under a name that nobody looks at: written, synced, renamed; its folder synced
 *   2. the manifest, likewise
 *   3. CURRENT, which says that the version exists, likewise
 *
 * After a failure before the last rename nothing refers to the new files, and they are removed. When
 * it is only the last sync that fails nobody can tell which version a reboot would find: the store
 * is then in doubt and commits no more until it is opened anew.
 */
#define XXH_STATIC_LINKING_ONLY /* shows the size of XXH3_state_t */
#include <xxhash.h>

#include "store/store_internal.h"

#include <fcntl.h>
#include <string.h>

#include "base/compression.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "base/utf8.h"

/* Bytes less than this are not worth a frame, and compression has to save this part of them. */
#define COMPRESSED_BYTES_MIN    128
#define COMPRESSION_SAVING_PART 8
#define COMPRESSION_LEVEL       1 /* level 3 takes 1.6 times as long for frames a thirteenth smaller */

/* Bytes that are compressed before they are written, about. */
#define WAVE_BYTES (INT64_C(64) << 20)

/* Bytes in memory that the new version is to have on disk: the body of a block that owns its
 * payload, or a dictionary. */
typedef struct source {
    const mdli_block *block;
    const mdli_dictionary *dictionary;
    mdli_piece piece; /* the new segment counts as the one behind the last of the base */
    bool is_placed;
    const void *stored; /* what is to be written */
    void *memory;       /* that this lies in, where it is not the source's own */
} source;

/* Positions in some list, found by hash. */
typedef struct slot_table {
    int32_t *slots; /* −1 = empty */
    uint64_t mask;
} slot_table;

typedef struct commit {
    mdl_store *store;
    mdl_context *context;
    const mdli_loaded_version *base;
    const mdl_store_item *items;
    int32_t n_items;
    mdl_error *error;

    slot_table sources_by_address;
    source *sources;
    int64_t n_sources;

    /* Pieces of the base and of the new segment. */
    slot_table pieces_by_content;
    slot_table pieces_by_raw_hash;
    mdli_piece *pieces;
    int64_t n_pieces;

    int64_t wave_start;            /* source of job 0 */
    mdli_compressor **compressors; /* by worker; NULL = it has compressed nothing so far */
    int n_compressors;

    mdli_store_path path;
    mdli_store_path new_path;
    int segment_file; /* −1 = there is nothing new yet */
    mdli_segment segment;
    XXH3_state_t *segment_hash;
    bool has_segment; /* it has its name now, which it had not before */
    bool has_manifest;

    mdli_loaded_version next;
    slot_table blocks_by_content;
    slot_table dictionaries_by_content;
    /* Parallel to the lists of `next`: what of them is in memory, not retained. */
    mdli_block **held_blocks;
    mdli_dictionary **held_dictionaries;
} commit;

/*
 * Slots.
 */

static mdl_status allocate_slots(commit *c, int64_t n, slot_table *table)
{
    int64_t n_slots = 16;
    while (n_slots < 2 * n) {
        n_slots *= 2;
    }
    void *memory;
    MDLI_TRY(
        mdli_allocate_array(c->context, n_slots, sizeof *table->slots, "store", &memory, c->error));
    memset(memory, 0xff, (size_t)n_slots * sizeof *table->slots);
    *table = (slot_table){.slots = memory, .mask = (uint64_t)n_slots - 1};
    return MDL_OK;
}

/* The slot of an item: `is_same` tells whether the item at a position is the one. Ends, as half of
 * the slots are empty. */
static int32_t *find_slot(const slot_table *table, uint64_t hash, const void *list,
                          const void *item, bool (*is_same)(const void *, int32_t, const void *))
{
    uint64_t slot = hash & table->mask;
    while (table->slots[slot] >= 0 && !is_same(list, table->slots[slot], item)) {
        slot = (slot + 1) & table->mask;
    }
    return &table->slots[slot];
}

/*
 * What the tables consist of.
 */

/* The block whose bytes hold the values of a block. */
static const mdli_block *holder_of(const mdli_block *block)
{
    return block->parent != NULL ? block->parent : mdli_block_owner(block);
}

static const void *address_of(const source *s)
{
    return s->block != NULL ? (const void *)s->block : s->dictionary;
}

static bool is_source_at(const void *list, int32_t position, const void *address)
{
    return address_of(&((const source *)list)[position]) == address;
}

static int32_t *find_source(const commit *c, const void *address)
{
    return find_slot(&c->sources_by_address, mdli_hash_integer((uintptr_t)address), c->sources,
                     address, is_source_at);
}

static void add_source(commit *c, const mdli_block *block, mdli_dictionary *dictionary)
{
    const source added = {.block = block, .dictionary = dictionary};
    int32_t *slot = find_source(c, address_of(&added));
    if (*slot < 0) {
        *slot = (int32_t)c->n_sources;
        c->sources[c->n_sources++] = added;
    }
}

static int64_t body_bytes(const mdli_block *block)
{
    return mdli_block_body_bytes(block->payload_bytes, block->n_rows, block->n_nulls);
}

static void add_sources_of(commit *c, const mdl_table *table)
{
    for (int32_t i = 0; i < table->n_columns; i++) {
        const mdl_column *column = table->columns[i];
        for (int64_t b = 0; b < column->n_blocks; b++) {
            const mdli_block *block = holder_of(column->blocks[b]);
            if (body_bytes(block) > 0) {
                add_source(c, block, NULL);
            }
            if (block->dictionary != NULL && block->dictionary->n_entries > 0) {
                add_source(c, NULL, block->dictionary);
            }
        }
    }
}

/* Blocks that the new version lists at most: those of its columns, counted twice where they are
 * there twice, and the parents of slices. */
static int64_t count_blocks(const commit *c)
{
    int64_t n = 0;
    for (int32_t i = 0; i < c->n_items; i++) {
        const mdl_table *table = c->items[i].table;
        const mdli_stored_table *stored =
            table == NULL ? mdli_version_find_table(&c->base->version, c->items[i].name) : NULL;
        for (int32_t k = 0; table != NULL && k < table->n_columns; k++) {
            n += table->columns[k]->n_blocks;
        }
        for (int32_t k = 0; stored != NULL && k < stored->n_columns; k++) {
            n += stored->columns[k].n_blocks;
        }
    }
    return 2 * n;
}

static mdl_status collect_sources(commit *c)
{
    /* A block and its parent or its dictionary. */
    const int64_t n_max = count_blocks(c);
    void *memory;
    if (n_max > INT32_MAX / 4) {
        return mdl_error_set(c->error, MDL_E_UNSUPPORTED,
                             "a version of more than %d blocks cannot be stored", INT32_MAX / 8);
    }
    MDLI_TRY(
        mdli_allocate_array(c->context, n_max, sizeof *c->sources, "store", &memory, c->error));
    c->sources = memory;
    MDLI_TRY(allocate_slots(c, n_max, &c->sources_by_address));
    for (int32_t i = 0; i < c->n_items; i++) {
        if (c->items[i].table != NULL) {
            add_sources_of(c, c->items[i].table);
        }
    }
    return MDL_OK;
}

/*
 * What is on disk already.
 */

static bool is_same_content(const mdli_piece *a, const mdli_piece *b)
{
    return a->content.low == b->content.low && a->content.high == b->content.high &&
           a->content.stored_bytes == b->content.stored_bytes && a->raw_bytes == b->raw_bytes;
}

static bool is_piece_at(const void *list, int32_t position, const void *piece)
{
    return is_same_content(&((const mdli_piece *)list)[position], piece);
}

static int32_t *find_piece(const commit *c, const mdli_piece *piece)
{
    return find_slot(&c->pieces_by_content, piece->content.low, c->pieces, piece, is_piece_at);
}

static bool is_raw_piece_at(const void *list, int32_t position, const void *piece)
{
    const mdli_piece *a = &((const mdli_piece *)list)[position];
    const mdli_piece *b = piece;
    return a->raw_low == b->raw_low && a->raw_high == b->raw_high && a->raw_bytes == b->raw_bytes;
}

/* As find_piece, by what the bytes are before compression. */
static int32_t *find_raw_piece(const commit *c, const mdli_piece *piece)
{
    return find_slot(&c->pieces_by_raw_hash, piece->raw_low, c->pieces, piece, is_raw_piece_at);
}

static void add_piece(commit *c, const mdli_piece *piece)
{
    int32_t *slot = find_piece(c, piece);
    if (*slot >= 0 || piece->segment < 0) {
        return;
    }
    *slot = (int32_t)c->n_pieces;
    c->pieces[c->n_pieces++] = *piece;
    int32_t *raw_slot = find_raw_piece(c, piece);
    if (*raw_slot < 0 && (piece->raw_low | piece->raw_high) != 0) {
        *raw_slot = *slot;
    }
}

static mdl_status index_pieces(commit *c)
{
    const mdli_version *base = &c->base->version;
    const int64_t n_max = (int64_t)base->n_blocks + base->n_dictionaries + c->n_sources;
    void *memory;
    MDLI_TRY(mdli_allocate_array(c->context, n_max, sizeof *c->pieces, "store", &memory, c->error));
    c->pieces = memory;
    MDLI_TRY(allocate_slots(c, n_max, &c->pieces_by_content));
    MDLI_TRY(allocate_slots(c, n_max, &c->pieces_by_raw_hash));
    for (int32_t b = 0; b < base->n_blocks; b++) {
        add_piece(c, &base->blocks[b].piece);
    }
    for (int32_t d = 0; d < base->n_dictionaries; d++) {
        add_piece(c, &base->dictionaries[d].piece);
    }
    return MDL_OK;
}

/* The bytes that a dictionary has before compression: lengths and texts. */
static mdl_status measure_dictionary(const mdli_dictionary *dictionary, int64_t *bytes,
                                     mdl_error *error)
{
    *bytes = dictionary->n_entries * (int64_t)sizeof(uint32_t);
    for (int64_t i = 0; i < dictionary->n_entries; i++) {
        const int64_t size = dictionary->entries[i].size_bytes;
        if (size > INT32_MAX) {
            return mdl_error_set(error, MDL_E_UNSUPPORTED,
                                 "a text of %lld bytes is longer than the %d that a store holds",
                                 (long long)size, INT32_MAX);
        }
        *bytes += size;
    }
    return MDL_OK;
}

/* Finds the sources whose content is noted and on disk. */
static mdl_status place_known_sources(commit *c)
{
    for (int64_t i = 0; i < c->n_sources; i++) {
        source *s = &c->sources[i];
        if (s->block != NULL) {
            s->piece.raw_bytes = body_bytes(s->block);
        } else {
            MDLI_TRY(measure_dictionary(s->dictionary, &s->piece.raw_bytes, c->error));
        }
        const mdli_content_note *note =
            s->block != NULL ? &s->block->content : &s->dictionary->content;
        if (mdli_content_note_get(note, &s->piece.content)) {
            const int32_t found = *find_piece(c, &s->piece);
            if (found >= 0) {
                s->piece = c->pieces[found];
                s->is_placed = true;
            }
        }
    }
    return MDL_OK;
}

/*
 * Writing what is new.
 */

static void write_dictionary(const mdli_dictionary *dictionary, uint8_t *out)
{
    uint8_t *text = out + dictionary->n_entries * (int64_t)sizeof(uint32_t);
    for (int64_t i = 0; i < dictionary->n_entries; i++) {
        const mdl_string *entry = &dictionary->entries[i];
        const uint32_t size = (uint32_t)entry->size_bytes;
        memcpy(out + i * (int64_t)sizeof size, &size, sizeof size);
        if (size > 0) {
            memcpy(text, entry->data, size);
            text += size;
        }
    }
}

/* Packed integers do not get smaller, and text that is compressed already does not either. */
static bool may_compress(const source *s)
{
    if (s->piece.raw_bytes < COMPRESSED_BYTES_MIN) {
        return false;
    }
    return s->block == NULL || s->block->encoding == MDL_ENCODING_PLAIN ||
           s->block->encoding == MDL_ENCODING_RUN_LENGTH ||
           s->block->encoding == MDL_ENCODING_CONSTANT;
}

/* Takes the compressed form of a source's bytes where that saves enough. */
static mdl_status compress_source(const commit *c, source *s, int worker, mdl_error *error)
{
    const int64_t raw_bytes = s->piece.raw_bytes;
    const int64_t capacity = raw_bytes - raw_bytes / COMPRESSION_SAVING_PART;
    mdli_compressor **compressor = &c->compressors[worker];
    void *compressed;
    int64_t stored_bytes = 0;
    if (*compressor == NULL) {
        MDLI_TRY(mdli_compressor_create(c->context, compressor, error));
    }
    MDLI_TRY(mdli_allocate(c->context, (size_t)capacity, "store", &compressed, error));
    mdl_status status = mdli_compressor_run(*compressor, COMPRESSION_LEVEL, s->stored, raw_bytes,
                                            compressed, capacity, &stored_bytes, error);
    if (stored_bytes == 0) {
        mdli_free(c->context, compressed);
        return status;
    }
    mdli_free(c->context, s->memory);
    s->memory = compressed;
    s->stored = compressed;
    const XXH128_hash_t hash = XXH3_128bits(compressed, (size_t)stored_bytes);
    s->piece.is_compressed = true;
    s->piece.content = (mdli_content_id){hash.low64, hash.high64, stored_bytes};
    return MDL_OK;
}

/* Brings a source in the form that it has on disk, unless its bytes are there already. */
static mdl_status encode_source(void *data, int64_t job, int worker, mdl_error *error)
{
    const commit *c = data;
    source *s = &c->sources[c->wave_start + job];
    if (s->is_placed) {
        return MDL_OK;
    }
    if (s->block != NULL) {
        s->stored = s->block->payload;
    } else {
        MDLI_TRY(mdli_allocate(c->context, (size_t)s->piece.raw_bytes, "store", &s->memory, error));
        write_dictionary(s->dictionary, s->memory);
        s->stored = s->memory;
    }
    const XXH128_hash_t hash = XXH3_128bits(s->stored, (size_t)s->piece.raw_bytes);
    s->piece.raw_low = hash.low64;
    s->piece.raw_high = hash.high64;
    const int32_t found = *find_raw_piece(c, &s->piece);
    if (found >= 0) {
        s->piece = c->pieces[found];
        s->is_placed = true;
        return MDL_OK;
    }
    s->piece.content = (mdli_content_id){hash.low64, hash.high64, s->piece.raw_bytes};
    return may_compress(s) ? compress_source(c, s, worker, error) : MDL_OK;
}

static mdl_status open_new_segment(commit *c)
{
    mdli_store_path_to(&c->new_path, MDLI_SEGMENT_NEW_NAME);
    MDLI_TRY(mdli_file_open(c->store->files, c->new_path.text, O_WRONLY | O_CREAT | O_TRUNC,
                            &c->segment_file, c->error));
    c->segment.size_bytes = MDLI_SEGMENT_HEADER_BYTES;
    XXH3_128bits_reset(c->segment_hash);
    return MDL_OK;
}

/* Writes a source behind the others, unless the same bytes are on disk. */
static mdl_status place_source(commit *c, source *s)
{
    const int32_t found = *find_piece(c, &s->piece);
    s->is_placed = true;
    if (found >= 0) {
        const mdli_piece raw = s->piece;
        s->piece = c->pieces[found];
        s->piece.raw_low = raw.raw_low;
        s->piece.raw_high = raw.raw_high;
        return MDL_OK;
    }
    if (c->segment_file < 0) {
        MDLI_TRY(open_new_segment(c));
    }
    const int64_t size_bytes = s->piece.content.stored_bytes;
    if (size_bytes > MDLI_SEGMENT_BYTES_MAX - c->segment.size_bytes) {
        return mdl_error_set(c->error, MDL_E_UNSUPPORTED,
                             "a commit of more than %lld bytes cannot be stored",
                             (long long)MDLI_SEGMENT_BYTES_MAX);
    }
    MDLI_TRY(mdli_file_write(c->store->files, c->segment_file, c->new_path.text, s->stored,
                             size_bytes, c->segment.size_bytes, c->error));
    s->piece.segment = c->base->version.n_segments;
    s->piece.offset_bytes = c->segment.size_bytes;
    c->segment.size_bytes += size_bytes;
    XXH3_128bits_update(c->segment_hash, &s->piece.content, sizeof s->piece.content);
    add_piece(c, &s->piece);
    return MDL_OK;
}

static mdl_status write_wave(commit *c, int64_t end)
{
    mdl_status status =
        mdli_parallel_for(c->context, end - c->wave_start, encode_source, c, c->error);
    for (int64_t i = c->wave_start; i < end; i++) {
        source *s = &c->sources[i];
        if (status == MDL_OK && !s->is_placed) {
            status = place_source(c, s);
        }
        mdli_free(c->context, s->memory);
        s->memory = NULL;
    }
    return status;
}

static mdl_status write_sources(commit *c)
{
    int64_t wave_bytes = 0;
    void *memory;
    c->wave_start = 0;
    c->n_compressors = mdli_n_workers(c->context, c->n_sources);
    MDLI_TRY(mdli_allocate_zeroed(c->context, (size_t)c->n_compressors * sizeof *c->compressors,
                                  "store", &memory, c->error));
    c->compressors = memory;
    for (int64_t i = 0; i < c->n_sources; i++) {
        wave_bytes += c->sources[i].is_placed ? 0 : c->sources[i].piece.raw_bytes;
        if (wave_bytes >= WAVE_BYTES || i == c->n_sources - 1) {
            MDLI_TRY(write_wave(c, i + 1));
            c->wave_start = i + 1;
            wave_bytes = 0;
        }
    }
    return MDL_OK;
}

/* Gives a synced file its name, for good. `*had_name` tells whether a file had it before. */
static mdl_status give_name(commit *c, const char *folder, bool *had_name)
{
    const mdli_file_system *files = c->store->files;
    mdli_file_info info;
    *had_name = files->path_info(files->data, c->path.text, &info) == 0;
    MDLI_TRY(mdli_file_rename(files, c->new_path.text, c->path.text, c->error));
    return mdli_folder_sync(files, mdli_store_path_to(&c->path, folder), c->error);
}

static mdl_status finish_segment(commit *c)
{
    if (c->segment_file < 0) {
        return MDL_OK;
    }
    const mdli_file_system *files = c->store->files;
    const XXH128_hash_t hash = XXH3_128bits_digest(c->segment_hash);
    uint8_t header[MDLI_SEGMENT_HEADER_BYTES];
    c->segment.id = (mdli_segment_id){.low = hash.low64, .high = hash.high64};
    mdli_segment_header_encode(&c->segment.id, header);
    MDLI_TRY(mdli_file_write(files, c->segment_file, c->new_path.text, header, sizeof header, 0,
                             c->error));
    MDLI_TRY(mdli_file_sync(files, c->segment_file, c->new_path.text, c->error));
    bool had_name;
    mdli_store_path_to_segment(&c->path, &c->segment.id);
    mdl_status status = give_name(c, MDLI_SEGMENTS_NAME, &had_name);
    /* An older version may have the same segment: then it is not ours to remove. */
    c->has_segment = !had_name;
    return status;
}

/*
 * The lists of the new version.
 */

static bool is_same_piece(const mdli_piece *a, const mdli_piece *b)
{
    return a->segment == b->segment && a->offset_bytes == b->offset_bytes &&
           a->raw_bytes == b->raw_bytes && a->content.stored_bytes == b->content.stored_bytes;
}

static bool is_dictionary_at(const void *list, int32_t position, const void *item)
{
    const mdli_stored_dictionary *a = &((const mdli_stored_dictionary *)list)[position];
    const mdli_stored_dictionary *b = item;
    return a->n_entries == b->n_entries && is_same_piece(&a->piece, &b->piece);
}

static bool is_block_at(const void *list, int32_t position, const void *item)
{
    const mdli_stored_block *a = &((const mdli_stored_block *)list)[position];
    const mdli_stored_block *b = item;
    return mdli_is_same_form(a->type, b->type) && a->encoding == b->encoding &&
           a->has_min_max == b->has_min_max && a->is_sorted == b->is_sorted &&
           a->is_strictly_sorted == b->is_strictly_sorted && a->n_rows == b->n_rows &&
           a->n_nulls == b->n_nulls && a->n_distinct == b->n_distinct && a->min == b->min &&
           a->max == b->max && a->first == b->first && a->last == b->last &&
           a->payload_bytes == b->payload_bytes && a->dictionary == b->dictionary &&
           a->parent == b->parent && a->first_row == b->first_row &&
           is_same_piece(&a->piece, &b->piece);
}

/* The dictionary's place in the new version; `held` is it in memory, or NULL. */
static int32_t list_dictionary(commit *c, const mdli_stored_dictionary *dictionary,
                               mdli_dictionary *held)
{
    mdli_version *next = &c->next.version;
    int32_t *slot = find_slot(&c->dictionaries_by_content,
                              dictionary->piece.content.low + (uint64_t)dictionary->n_entries,
                              next->dictionaries, dictionary, is_dictionary_at);
    if (*slot < 0) {
        *slot = next->n_dictionaries++;
        next->dictionaries[*slot] = *dictionary;
        c->held_dictionaries[*slot] = NULL;
    }
    if (c->held_dictionaries[*slot] == NULL) {
        c->held_dictionaries[*slot] = held;
    }
    return *slot;
}

static int32_t list_block(commit *c, const mdli_stored_block *block, mdli_block *held)
{
    mdli_version *next = &c->next.version;
    const uint64_t hash = mdli_hash_integer(block->piece.content.low ^ (uint64_t)block->first) +
                          (uint64_t)block->n_rows + mdli_hash_integer((uint64_t)block->first_row) +
                          (uint64_t)block->parent;
    int32_t *slot = find_slot(&c->blocks_by_content, hash, next->blocks, block, is_block_at);
    if (*slot < 0) {
        *slot = next->n_blocks++;
        next->blocks[*slot] = *block;
        c->held_blocks[*slot] = NULL;
    }
    /* A column's blocks in memory should have the very same dictionary. */
    const bool is_fit =
        held != NULL &&
        (block->dictionary < 0 || c->held_dictionaries[block->dictionary] == held->dictionary);
    if (c->held_blocks[*slot] == NULL && is_fit) {
        c->held_blocks[*slot] = held;
    }
    return *slot;
}

/* The piece of bytes that were placed; of none, where there are none. */
static mdli_piece piece_of(const commit *c, const void *address)
{
    const int32_t found = *find_source(c, address);
    return found >= 0 ? c->sources[found].piece : (mdli_piece){.segment = -1};
}

static int32_t list_block_in_memory(commit *c, const mdli_block *block)
{
    mdli_stored_block stored = {
        .type = block->type,
        .encoding = block->encoding,
        .has_min_max = block->has_min_max,
        .is_sorted = block->is_sorted,
        .is_strictly_sorted = block->is_strictly_sorted,
        .n_rows = block->n_rows,
        .n_nulls = block->n_nulls,
        .n_distinct = block->n_distinct,
        .min = block->min,
        .max = block->max,
        .first = block->first,
        .last = block->last,
        .payload_bytes = block->payload_bytes,
        .dictionary = -1,
        .parent = block->parent != NULL ? list_block_in_memory(c, block->parent) : -1,
        .first_row = block->first_row,
        .piece = piece_of(c, mdli_block_owner(block)),
    };
    if (block->dictionary != NULL) {
        const mdli_stored_dictionary dictionary = {.piece = piece_of(c, block->dictionary),
                                                   .n_entries = block->dictionary->n_entries};
        stored.dictionary = list_dictionary(c, &dictionary, block->dictionary);
    }
    return list_block(c, &stored, mdli_block_owner(block));
}

/* Takes over a block of the version at hand. */
static int32_t list_block_of_base(commit *c, int32_t index)
{
    mdli_stored_block stored = c->base->version.blocks[index];
    if (stored.dictionary >= 0) {
        stored.dictionary = list_dictionary(c, &c->base->version.dictionaries[stored.dictionary],
                                            c->base->dictionaries[stored.dictionary]);
    }
    if (stored.parent >= 0) {
        stored.parent = list_block_of_base(c, stored.parent);
    }
    return list_block(c, &stored, c->base->blocks[index]);
}

/* Room in the new version's memory. */
static mdl_status next_memory(commit *c, int64_t n, size_t item_bytes, void *out)
{
    void *memory = mdli_arena_allocate(&c->next.version.arena, (size_t)n * item_bytes, c->error);
    memcpy(out, &memory, sizeof memory);
    return memory == NULL ? c->next.version.arena.failure : MDL_OK;
}

static mdl_status next_text(commit *c, const char *text, const char **out)
{
    *out = mdli_arena_copy(&c->next.version.arena, text, strlen(text), c->error);
    return *out == NULL ? c->next.version.arena.failure : MDL_OK;
}

static mdl_status list_table(commit *c, const mdl_store_item *item, mdli_stored_table *out)
{
    const mdl_table *table = item->table;
    const mdli_stored_table *stored =
        table == NULL ? mdli_version_find_table(&c->base->version, item->name) : NULL;
    out->n_rows = table != NULL ? table->n_rows : stored->n_rows;
    out->n_columns = table != NULL ? table->n_columns : stored->n_columns;
    MDLI_TRY(next_text(c, item->name, &out->name));
    MDLI_TRY(next_memory(c, out->n_columns, sizeof *out->columns, &out->columns));
    for (int32_t k = 0; k < out->n_columns; k++) {
        const mdl_column *column = table != NULL ? table->columns[k] : NULL;
        const mdli_stored_column *from = table != NULL ? NULL : &stored->columns[k];
        mdli_stored_column *to = &out->columns[k];
        to->type = column != NULL ? column->type : from->type;
        to->n_blocks = column != NULL ? (int32_t)column->n_blocks : from->n_blocks;
        to->n_distinct = column != NULL ? column->stats.n_distinct : from->n_distinct;
        MDLI_TRY(next_text(c, column != NULL ? table->names[k] : from->name, &to->name));
        MDLI_TRY(next_memory(c, to->n_blocks, sizeof *to->blocks, &to->blocks));
        for (int32_t b = 0; b < to->n_blocks; b++) {
            to->blocks[b] = column != NULL ? list_block_in_memory(c, column->blocks[b])
                                           : list_block_of_base(c, from->blocks[b]);
        }
    }
    return MDL_OK;
}

/* Keeps of the segments those that are referred to, and renumbers. */
static mdl_status list_segments(commit *c)
{
    const mdli_version *base = &c->base->version;
    mdli_version *next = &c->next.version;
    const int32_t n_max = base->n_segments + 1;
    int32_t *numbers;
    MDLI_TRY(next_memory(c, n_max, sizeof *numbers, &numbers));
    MDLI_TRY(next_memory(c, n_max, sizeof *next->segments, &next->segments));
    memset(numbers, 0, (size_t)n_max * sizeof *numbers);
    for (int32_t b = 0; b < next->n_blocks; b++) {
        if (next->blocks[b].piece.segment >= 0) {
            numbers[next->blocks[b].piece.segment] = 1;
        }
    }
    for (int32_t d = 0; d < next->n_dictionaries; d++) {
        if (next->dictionaries[d].piece.segment >= 0) {
            numbers[next->dictionaries[d].piece.segment] = 1;
        }
    }
    for (int32_t s = 0; s < n_max; s++) {
        if (numbers[s] != 0) {
            numbers[s] = next->n_segments;
            next->segments[next->n_segments++] =
                s < base->n_segments ? base->segments[s] : c->segment;
        }
    }
    for (int32_t b = 0; b < next->n_blocks; b++) {
        mdli_piece *piece = &next->blocks[b].piece;
        piece->segment = piece->segment >= 0 ? numbers[piece->segment] : -1;
    }
    for (int32_t d = 0; d < next->n_dictionaries; d++) {
        mdli_piece *piece = &next->dictionaries[d].piece;
        piece->segment = piece->segment >= 0 ? numbers[piece->segment] : -1;
    }
    return MDL_OK;
}

static mdl_status allocate_lists(commit *c)
{
    mdli_version *next = &c->next.version;
    const int64_t n_max = count_blocks(c);
    void *memory;
    MDLI_TRY(next_memory(c, n_max, sizeof *next->blocks, &next->blocks));
    MDLI_TRY(next_memory(c, n_max, sizeof *next->dictionaries, &next->dictionaries));
    MDLI_TRY(next_memory(c, c->n_items, sizeof *next->tables, &next->tables));
    MDLI_TRY(mdli_allocate_array(c->context, n_max,
                                 sizeof(mdli_block *) + sizeof(mdli_dictionary *), "store", &memory,
                                 c->error));
    c->held_blocks = memory;
    c->held_dictionaries = (mdli_dictionary **)(c->held_blocks + n_max);
    MDLI_TRY(allocate_slots(c, n_max, &c->blocks_by_content));
    return allocate_slots(c, n_max, &c->dictionaries_by_content);
}

/* Takes references to what of the new version is in memory. */
static mdl_status hold_blocks(commit *c)
{
    MDLI_TRY(mdli_loaded_version_prepare(&c->next, c->error));
    for (int32_t b = 0; b < c->next.version.n_blocks; b++) {
        if (c->held_blocks[b] != NULL) {
            c->next.blocks[b] = c->held_blocks[b];
            mdli_block_retain(c->next.blocks[b]);
        }
    }
    for (int32_t d = 0; d < c->next.version.n_dictionaries; d++) {
        if (c->held_dictionaries[d] != NULL) {
            c->next.dictionaries[d] = c->held_dictionaries[d];
            mdli_dictionary_retain(c->next.dictionaries[d]);
        }
    }
    return MDL_OK;
}

static mdl_status make_version(commit *c, const char *message, int64_t committed_at)
{
    mdli_version *next = &c->next.version;
    MDLI_TRY(allocate_lists(c));
    next->number = c->base->version.number + 1;
    next->committed_at = committed_at;
    MDLI_TRY(next_text(c, message, &next->message));
    next->n_tables = c->n_items;
    for (int32_t i = 0; i < c->n_items; i++) {
        MDLI_TRY(list_table(c, &c->items[i], &next->tables[i]));
    }
    next->new_bytes = c->segment_file >= 0 ? c->segment.size_bytes - MDLI_SEGMENT_HEADER_BYTES : 0;
    MDLI_TRY(list_segments(c));
    MDLI_TRY(mdli_version_add_up(next, c->error));
    return hold_blocks(c);
}

static mdl_status write_manifest(commit *c)
{
    void *bytes;
    int64_t size_bytes;
    bool had_name;
    MDLI_TRY(mdli_manifest_encode(c->context, &c->next.version, &bytes, &size_bytes, c->error));
    mdli_store_path_to(&c->new_path, MDLI_MANIFEST_NEW_NAME);
    mdl_status status =
        mdli_file_write_whole(c->store->files, c->new_path.text, bytes, size_bytes, c->error);
    mdli_free(c->context, bytes);
    MDLI_TRY(status);
    mdli_store_path_to_manifest(&c->path, c->next.version.number);
    c->has_manifest = true;
    return give_name(c, MDLI_VERSIONS_NAME, &had_name);
}

/*
 * The commit.
 */

static mdl_status check_table(const mdl_store_item *item, const char **names, mdl_error *error)
{
    const mdl_table *table = item->table;
    if (table->n_rows > MDLI_TABLE_ROWS_MAX) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED, "table %s has more than %lld rows",
                             item->name, (long long)MDLI_TABLE_ROWS_MAX);
    }
    for (int32_t k = 0; k < table->n_columns; k++) {
        names[k] = table->names[k];
        if (!mdli_is_storable_name(names[k], (int64_t)strlen(names[k]))) {
            return mdl_error_set(error, MDL_E_ARGUMENT,
                                 "table %s has a column whose name is not 1 to %d bytes of UTF-8",
                                 item->name, MDLI_NAME_BYTES_MAX);
        }
    }
    const char *repeated = mdli_find_repeated_name(names, table->n_columns);
    if (repeated != NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "table %s has a column %s twice", item->name,
                             repeated);
    }
    return MDL_OK;
}

static mdl_status check_items(const commit *c, const char **names)
{
    for (int32_t i = 0; i < c->n_items; i++) {
        const mdl_store_item *item = &c->items[i];
        if (item->name == NULL || !mdli_is_storable_name(item->name, (int64_t)strlen(item->name))) {
            return mdl_error_set(c->error, MDL_E_ARGUMENT,
                                 "the name of a table must be 1 to %d bytes of UTF-8",
                                 MDLI_NAME_BYTES_MAX);
        }
        if (item->table != NULL) {
            MDLI_TRY(check_table(item, names, c->error));
        } else if (mdli_version_find_table(&c->base->version, item->name) == NULL) {
            return mdl_error_set(c->error, MDL_E_NOT_FOUND, "the store has no table %s to keep",
                                 item->name);
        }
    }
    for (int32_t i = 0; i < c->n_items; i++) {
        names[i] = c->items[i].name;
    }
    const char *repeated = mdli_find_repeated_name(names, c->n_items);
    if (repeated != NULL) {
        return mdl_error_set(c->error, MDL_E_ARGUMENT, "table %s is there twice", repeated);
    }
    return MDL_OK;
}

static mdl_status check_call(const commit *c, const char *message)
{
    MDLI_TRY(mdli_store_check_writable(c->store, c->error));
    const size_t message_bytes = strlen(message);
    if (c->n_items < 0 || message_bytes > MDLI_MESSAGE_BYTES_MAX ||
        mdli_utf8_valid_prefix(message, (int64_t)message_bytes) != (int64_t)message_bytes) {
        return mdl_error_set(c->error, MDL_E_ARGUMENT,
                             "a commit takes a message of at most %d bytes of UTF-8",
                             MDLI_MESSAGE_BYTES_MAX);
    }
    int64_t n_names = c->n_items;
    for (int32_t i = 0; i < c->n_items; i++) {
        const mdl_table *table = c->items[i].table;
        n_names = table != NULL && table->n_columns > n_names ? table->n_columns : n_names;
    }
    void *memory;
    MDLI_TRY(mdli_allocate_array(c->context, n_names, sizeof(char *), "store", &memory, c->error));
    mdl_status status = check_items(c, memory);
    mdli_free(c->context, memory);
    return status;
}

/* All that is on disk before CURRENT changes. */
static mdl_status write_version(commit *c, const char *message, int64_t committed_at)
{
    MDLI_TRY(check_call(c, message));
    MDLI_TRY(mdli_store_path_init(&c->path, c->context, c->store->path, c->error));
    MDLI_TRY(mdli_store_path_init(&c->new_path, c->context, c->store->path, c->error));
    MDLI_TRY(collect_sources(c));
    MDLI_TRY(index_pieces(c));
    MDLI_TRY(place_known_sources(c));
    MDLI_TRY(write_sources(c));
    MDLI_TRY(finish_segment(c));
    MDLI_TRY(make_version(c, message, committed_at));
    return write_manifest(c);
}

/* Notes on the blocks and dictionaries what they are on disk. */
static void note_contents(commit *c)
{
    for (int64_t i = 0; i < c->n_sources; i++) {
        const source *s = &c->sources[i];
        mdli_content_note *note = s->block != NULL ? (mdli_content_note *)&s->block->content
                                                   : (mdli_content_note *)&s->dictionary->content;
        mdli_content_note_set(note, &s->piece.content);
    }
}

/* Makes the new version the one at hand; `versions` has room for its number. */
static void adopt_version(commit *c)
{
    mdl_store *store = c->store;
    note_contents(c);
    mdli_loaded_version_clear(&store->at_hand);
    store->at_hand = c->next;
    c->next = (mdli_loaded_version){.blocks = NULL};
    mdli_version_init(&c->next.version, c->context);
    store->versions[store->n_versions++] = store->at_hand.version.number;
}

static void remove_new_files(commit *c)
{
    const mdli_file_system *files = c->store->files;
    if (c->path.text == NULL || c->new_path.text == NULL) {
        return;
    }
    mdli_store_remove(files, mdli_store_path_to(&c->path, MDLI_SEGMENT_NEW_NAME), NULL, NULL);
    mdli_store_remove(files, mdli_store_path_to(&c->path, MDLI_MANIFEST_NEW_NAME), NULL, NULL);
    if (c->has_manifest) {
        mdli_store_remove(files, mdli_store_path_to_manifest(&c->path, c->next.version.number),
                          NULL, NULL);
    }
    if (c->has_segment) {
        mdli_store_remove(files, mdli_store_path_to_segment(&c->path, &c->segment.id), NULL, NULL);
    }
}

static void free_commit(commit *c)
{
    if (c->segment_file >= 0) {
        c->store->files->close(c->store->files->data, c->segment_file);
    }
    mdli_free(c->context, c->sources_by_address.slots);
    mdli_free(c->context, c->sources);
    for (int w = 0; w < c->n_compressors && c->compressors != NULL; w++) {
        mdli_compressor_free(c->compressors[w]);
    }
    mdli_free(c->context, c->compressors);
    mdli_free(c->context, c->pieces_by_content.slots);
    mdli_free(c->context, c->pieces_by_raw_hash.slots);
    mdli_free(c->context, c->pieces);
    mdli_free(c->context, c->blocks_by_content.slots);
    mdli_free(c->context, c->dictionaries_by_content.slots);
    mdli_free(c->context, c->held_blocks);
    mdli_store_path_free(&c->path);
    mdli_store_path_free(&c->new_path);
    mdli_loaded_version_clear(&c->next);
}

/* Room for one more number. */
static mdl_status grow_versions(mdl_store *store, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(store->context, store->n_versions + 1, sizeof *store->versions,
                                 "store", &memory, error));
    if (store->n_versions > 0) {
        memcpy(memory, store->versions, (size_t)store->n_versions * sizeof *store->versions);
    }
    mdli_free(store->context, store->versions);
    store->versions = memory;
    return MDL_OK;
}

mdl_status mdl_store_commit(mdl_store *store, const mdl_store_item *items, int32_t n_items,
                            const char *message, int64_t committed_at, mdl_error *error)
{
    XXH3_state_t segment_hash;
    XXH3_INITSTATE(&segment_hash);
    commit c = {.store = store,
                .context = store->context,
                .base = &store->at_hand,
                .items = items,
                .n_items = n_items,
                .error = error,
                .segment_file = -1,
                .segment_hash = &segment_hash,
                .path = {.context = store->context},
                .new_path = {.context = store->context}};
    mdli_version_init(&c.next.version, store->context);
    bool may_be_done = false;
    mdl_status status = grow_versions(store, error);
    if (status == MDL_OK) {
        mdli_loaded_version_prune(&store->at_hand);
        status = write_version(&c, message != NULL ? message : "", committed_at);
    }
    if (status == MDL_OK) {
        status = mdli_store_write_current(store->context, store->files, store->path,
                                          c.next.version.number, &may_be_done, error);
    }
    if (status == MDL_OK) {
        adopt_version(&c);
    } else if (may_be_done) {
        store->is_in_doubt = true;
    } else {
        remove_new_files(&c);
    }
    free_commit(&c);
    return status;
}
