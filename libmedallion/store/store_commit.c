/*
 * Making a version.
 *
 * What tables consist of is found first: blocks, each once, whichever tables show them. Then what is
 * new of their bytes is written (segment_writer.c), and then the lists. The order of things makes
 * the commit atomic:
 *
 *   1. the segment, under a name that nobody looks at: written, synced, renamed; its folder synced
 *   2. the manifest, likewise
 *   3. CURRENT, which says that the version exists, likewise
 *
 * After a failure before the last rename nothing refers to the new files, and they are removed. When
 * it is only the last sync that fails nobody can tell which version a reboot would find: the store
 * is then in doubt and commits no more until it is opened anew.
 */
#include "store/store_internal.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "store/segment_writer.h"

/* A block that the new version shows, or the parent of one. */
typedef struct shown_block {
    const mdli_block *block; /* NULL = it is not looked at, but taken over from the base */
    int32_t of_base;         /* then its place in the list of the base */
    int32_t parent;          /* in `shown`; −1 = none */
    int32_t body;            /* in the segment writer; −1 = it has no bytes of its own */
    int32_t dictionary;      /* likewise */
    int32_t listed;          /* its place in the new version; −1 = not yet */
} shown_block;

typedef struct commit {
    mdl_store *store;
    mdl_context *context;
    const mdli_loaded_version *base;
    const mdl_store_item *items;
    int32_t n_items;
    mdl_error *error;
    mdli_segment_writer writer;

    void *shown; /* of shown_block */
    int64_t shown_capacity;
    int32_t n_shown;
    int32_t last_shown; /* the one that was found last */
    mdli_slot_table shown_by_address;
    int32_t *shown_of_base; /* by place in the base's list; −1 = not shown so far */

    mdli_store_path path;
    mdli_store_path new_path;
    bool has_manifest;

    mdli_loaded_version next;
    mdli_slot_table blocks_by_content;
    mdli_slot_table dictionaries_by_content;
    /* Parallel to the lists of `next`: what of them is in memory, not retained. */
    mdli_block **held_blocks;
    mdli_dictionary **held_dictionaries;
} commit;

/*
 * What the tables consist of.
 */

static shown_block *shown_at(const commit *c, int32_t i)
{
    return (shown_block *)c->shown + i;
}

static bool is_shown_at(const void *list, int32_t position, const void *block)
{
    return ((const shown_block *)list)[position].block == block;
}

static mdl_status add_shown(commit *c, const shown_block *added, int32_t *number)
{
    MDLI_TRY(mdli_grow_array(c->context, &c->shown, &c->shown_capacity, c->n_shown,
                             (int64_t)c->n_shown + 1, sizeof *added, "store", c->error));
    *number = c->n_shown++;
    *shown_at(c, *number) = *added;
    return MDL_OK;
}

static mdl_status find_or_add_block(commit *c, const mdli_block *block, int32_t *number);

static mdl_status add_block(commit *c, const mdli_block *block, int32_t *number)
{
    const mdli_block *owner = mdli_block_owner(block);
    shown_block added = {
        .block = block, .of_base = -1, .parent = -1, .body = -1, .dictionary = -1, .listed = -1};
    if (block->parent != NULL) {
        MDLI_TRY(find_or_add_block(c, block->parent, &added.parent));
    } else if (mdli_block_body_bytes(owner->payload_bytes, owner->n_rows, owner->n_nulls) > 0) {
        MDLI_TRY(mdli_segment_writer_add(&c->writer, owner, NULL, &added.body, c->error));
    }
    if (block->dictionary != NULL && block->dictionary->n_entries > 0) {
        MDLI_TRY(mdli_segment_writer_add(&c->writer, NULL, block->dictionary, &added.dictionary,
                                         c->error));
    }
    MDLI_TRY(mdli_slot_table_reserve(&c->shown_by_address, 1, c->error));
    MDLI_TRY(add_shown(c, &added, number));
    mdli_slot_table_add(&c->shown_by_address, mdli_hash_integer((uintptr_t)block), *number);
    return MDL_OK;
}

static mdl_status find_or_add_block(commit *c, const mdli_block *block, int32_t *number)
{
    *number = mdli_slot_table_find(&c->shown_by_address, mdli_hash_integer((uintptr_t)block),
                                   c->shown, block, is_shown_at);
    return *number >= 0 ? MDL_OK : add_block(c, block, number);
}

/*
 * Where a block is in `shown`. A table often has the blocks of one before it: then the block is
 * behind the one that was found last, or behind the parent that is there.
 */
static mdl_status show_block(commit *c, const mdli_block *block, int32_t *number)
{
    for (int32_t i = c->last_shown + 1; i <= c->last_shown + 2 && i < c->n_shown; i++) {
        if (shown_at(c, i)->block == block) {
            *number = c->last_shown = i;
            return MDL_OK;
        }
    }
    MDLI_TRY(find_or_add_block(c, block, number));
    c->last_shown = *number;
    return MDL_OK;
}

/* The same for a block of the version at hand, in a table that was not read. */
static mdl_status show_block_of_base(commit *c, int32_t index, int32_t *number)
{
    if (c->shown_of_base[index] < 0) {
        shown_block added = {
            .of_base = index, .parent = -1, .body = -1, .dictionary = -1, .listed = -1};
        const int32_t parent = c->base->version.blocks[index].parent;
        if (parent >= 0) {
            MDLI_TRY(show_block_of_base(c, parent, &added.parent));
        }
        MDLI_TRY(add_shown(c, &added, &c->shown_of_base[index]));
    }
    *number = c->shown_of_base[index];
    return MDL_OK;
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

/* Describes a table; for the time being its blocks are numbered as in `shown`. */
static mdl_status show_table(commit *c, const mdl_store_item *item, mdli_stored_table *out)
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
            MDLI_TRY(column != NULL ? show_block(c, column->blocks[b], &to->blocks[b])
                                    : show_block_of_base(c, from->blocks[b], &to->blocks[b]));
        }
    }
    return MDL_OK;
}

/* Blocks of all columns, each counted as often as it is there. */
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
    return n;
}

static mdl_status show_tables(commit *c)
{
    mdli_version *next = &c->next.version;
    const int32_t n_of_base = c->base->version.n_blocks;
    void *memory;
    if (count_blocks(c) > INT32_MAX / 8) {
        return mdl_error_set(c->error, MDL_E_UNSUPPORTED,
                             "a version of more than %d blocks cannot be stored", INT32_MAX / 8);
    }
    MDLI_TRY(mdli_allocate_array(c->context, n_of_base, sizeof *c->shown_of_base, "store", &memory,
                                 c->error));
    c->shown_of_base = memory;
    memset(memory, 0xff, (size_t)n_of_base * sizeof *c->shown_of_base);
    MDLI_TRY(next_memory(c, c->n_items, sizeof *next->tables, &next->tables));
    next->n_tables = c->n_items;
    for (int32_t i = 0; i < c->n_items; i++) {
        MDLI_TRY(show_table(c, &c->items[i], &next->tables[i]));
    }
    return MDL_OK;
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
    const uint64_t hash = dictionary->piece.content.low + (uint64_t)dictionary->n_entries;
    int32_t place = mdli_slot_table_find(&c->dictionaries_by_content, hash, next->dictionaries,
                                         dictionary, is_dictionary_at);
    if (place < 0) {
        place = next->n_dictionaries++;
        next->dictionaries[place] = *dictionary;
        c->held_dictionaries[place] = NULL;
        mdli_slot_table_add(&c->dictionaries_by_content, hash, place);
    }
    if (c->held_dictionaries[place] == NULL) {
        c->held_dictionaries[place] = held;
    }
    return place;
}

static int32_t list_block(commit *c, const mdli_stored_block *block, mdli_block *held)
{
    mdli_version *next = &c->next.version;
    const uint64_t hash = mdli_hash_integer(block->piece.content.low ^ (uint64_t)block->first) +
                          (uint64_t)block->n_rows + mdli_hash_integer((uint64_t)block->first_row) +
                          (uint64_t)block->parent;
    int32_t place =
        mdli_slot_table_find(&c->blocks_by_content, hash, next->blocks, block, is_block_at);
    if (place < 0) {
        place = next->n_blocks++;
        next->blocks[place] = *block;
        c->held_blocks[place] = NULL;
        mdli_slot_table_add(&c->blocks_by_content, hash, place);
    }
    /* A column's blocks in memory should have the very same dictionary. */
    const bool is_fit =
        held != NULL &&
        (block->dictionary < 0 || c->held_dictionaries[block->dictionary] == held->dictionary);
    if (c->held_blocks[place] == NULL && is_fit) {
        c->held_blocks[place] = held;
    }
    return place;
}

static int32_t list_block_in_memory(commit *c, const shown_block *shown)
{
    const mdli_block *block = shown->block;
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
        .parent = shown->parent >= 0 ? shown_at(c, shown->parent)->listed : -1,
        .first_row = block->first_row,
        .piece = mdli_segment_writer_piece(&c->writer, shown->body),
    };
    if (block->dictionary != NULL) {
        const mdli_stored_dictionary dictionary = {
            .piece = mdli_segment_writer_piece(&c->writer, shown->dictionary),
            .n_entries = block->dictionary->n_entries};
        stored.dictionary = list_dictionary(c, &dictionary, block->dictionary);
    }
    return list_block(c, &stored, mdli_block_owner(block));
}

/* Takes over a block of the version at hand. */
static int32_t list_block_of_base(commit *c, const shown_block *shown)
{
    mdli_stored_block stored = c->base->version.blocks[shown->of_base];
    if (stored.dictionary >= 0) {
        stored.dictionary = list_dictionary(c, &c->base->version.dictionaries[stored.dictionary],
                                            c->base->dictionaries[stored.dictionary]);
    }
    stored.parent = shown->parent >= 0 ? shown_at(c, shown->parent)->listed : -1;
    return list_block(c, &stored, c->base->blocks[shown->of_base]);
}

/* Lists what is shown, parents before their slices, and numbers the blocks of tables anew. */
static void list_blocks(commit *c)
{
    for (int32_t i = 0; i < c->n_shown; i++) {
        shown_block *shown = shown_at(c, i);
        shown->listed =
            shown->block != NULL ? list_block_in_memory(c, shown) : list_block_of_base(c, shown);
    }
    for (int32_t t = 0; t < c->next.version.n_tables; t++) {
        const mdli_stored_table *table = &c->next.version.tables[t];
        for (int32_t k = 0; k < table->n_columns; k++) {
            const mdli_stored_column *column = &table->columns[k];
            for (int32_t b = 0; b < column->n_blocks; b++) {
                column->blocks[b] = shown_at(c, column->blocks[b])->listed;
            }
        }
    }
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
                s < base->n_segments ? base->segments[s] : c->writer.segment;
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

/* Copies the checksums of parts, which are the base's or the segment writer's. */
static mdl_status keep_part_hashes(commit *c)
{
    for (int32_t b = 0; b < c->next.version.n_blocks; b++) {
        mdli_piece *piece = &c->next.version.blocks[b].piece;
        if (piece->part_hashes != NULL) {
            const int64_t n_parts = mdli_n_parts(piece->raw_bytes);
            uint64_t *hashes;
            MDLI_TRY(next_memory(c, n_parts, sizeof *hashes, &hashes));
            memcpy(hashes, piece->part_hashes, (size_t)n_parts * sizeof *hashes);
            piece->part_hashes = hashes;
        }
    }
    return MDL_OK;
}

static mdl_status allocate_lists(commit *c)
{
    mdli_version *next = &c->next.version;
    void *memory;
    MDLI_TRY(next_memory(c, c->n_shown, sizeof *next->blocks, &next->blocks));
    MDLI_TRY(next_memory(c, c->n_shown, sizeof *next->dictionaries, &next->dictionaries));
    MDLI_TRY(mdli_allocate_array(c->context, c->n_shown,
                                 sizeof(mdli_block *) + sizeof(mdli_dictionary *), "store", &memory,
                                 c->error));
    c->held_blocks = memory;
    c->held_dictionaries = (mdli_dictionary **)(c->held_blocks + c->n_shown);
    MDLI_TRY(mdli_slot_table_reserve(&c->blocks_by_content, c->n_shown, c->error));
    return mdli_slot_table_reserve(&c->dictionaries_by_content, c->n_shown, c->error);
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
    const mdli_segment_writer *writer = &c->writer;
    MDLI_TRY(allocate_lists(c));
    next->number = c->base->version.number + 1;
    next->committed_at = committed_at;
    next->new_bytes =
        writer->file >= 0 ? writer->segment.size_bytes - MDLI_SEGMENT_HEADER_BYTES : 0;
    MDLI_TRY(next_text(c, message, &next->message));
    list_blocks(c);
    MDLI_TRY(keep_part_hashes(c));
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
    return mdli_store_give_name(c->store->files, c->new_path.text, &c->path, MDLI_VERSIONS_NAME,
                                &had_name, c->error);
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
    MDLI_TRY(show_tables(c));
    MDLI_TRY(mdli_segment_writer_write(&c->writer, c->error));
    MDLI_TRY(make_version(c, message, committed_at));
    return write_manifest(c);
}

/* Makes the new version the one at hand; `versions` has room for its number. */
static void adopt_version(commit *c)
{
    mdl_store *store = c->store;
    mdli_segment_writer_note_contents(&c->writer);
    mdli_loaded_version_pass_files(&store->at_hand, &c->next);
    mdli_loaded_version_clear(&store->at_hand);
    store->at_hand = c->next;
    c->next = (mdli_loaded_version){.blocks = NULL};
    mdli_version_init(&c->next.version, c->context);
    store->versions[store->n_versions++] = store->at_hand.version.number;
}

static void remove_new_files(commit *c)
{
    const mdli_file_system *files = c->store->files;
    mdli_segment_writer_remove(&c->writer);
    if (c->path.text == NULL) {
        return;
    }
    mdli_store_remove(files, mdli_store_path_to(&c->path, MDLI_MANIFEST_NEW_NAME), NULL, NULL);
    if (c->has_manifest) {
        mdli_store_remove(files, mdli_store_path_to_manifest(&c->path, c->next.version.number),
                          NULL, NULL);
    }
}

static void free_commit(commit *c)
{
    mdli_segment_writer_free(&c->writer);
    mdli_free(c->context, c->shown);
    mdli_free(c->context, c->shown_of_base);
    mdli_slot_table_free(&c->shown_by_address);
    mdli_slot_table_free(&c->blocks_by_content);
    mdli_slot_table_free(&c->dictionaries_by_content);
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
    commit c = {.store = store,
                .context = store->context,
                .base = &store->at_hand,
                .items = items,
                .n_items = n_items,
                .error = error,
                .last_shown = -1,
                .shown_by_address.context = store->context,
                .blocks_by_content.context = store->context,
                .dictionaries_by_content.context = store->context,
                .path = {.context = store->context},
                .new_path = {.context = store->context}};
    mdli_version_init(&c.next.version, store->context);
    mdli_segment_writer_init(&c.writer, store);
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
