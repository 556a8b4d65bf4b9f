/*
 * The bytes of CURRENT, of segments' headers and of manifests, which docs/format.md describes; all
 * numbers are little-endian.
 *
 * A manifest is read as if an enemy had written it: every count is held against the bytes that are
 * left before anything is allocated, and every number against what it refers to.
 */
#include <xxhash.h>

#include "store/stored_version.h"

#include <limits.h>
#include <string.h>

#include "base/compression.h"
#include "base/error.h"
#include "base/tuning.h"

static const char current_magic[8] = "MDLSTORE";
static const char segment_magic[8] = "MDLSEGMT";
static const char manifest_magic[8] = "MDLVERSN";

#define COMPRESSION_LEVEL 1

/* Where a manifest's header has its parts. */
#define BODY_CHECKSUM_OFFSET   80
#define HEADER_CHECKSUM_OFFSET 112

/* Least bytes of an item of each list. */
#define SEGMENT_BYTES    24
#define PIECE_BYTES      45
#define DICTIONARY_BYTES (PIECE_BYTES + 8)
#define BLOCK_BYTES      (3 + 3 * 4 + 5 * 8 + 4 + PIECE_BYTES)
#define TABLE_BYTES      (2 + 8 + 4)
#define COLUMN_BYTES     (2 + 1 + 8 + 4)

/*
 * Writing.
 */

/* Bytes in the making, for which there is room; NULL = they are only counted. */
typedef struct byte_writer {
    uint8_t *bytes;
    int64_t size;
} byte_writer;

static void put_bytes(byte_writer *writer, const void *bytes, int64_t size)
{
    if (writer->bytes != NULL && size > 0) {
        memcpy(writer->bytes + writer->size, bytes, (size_t)size);
    }
    writer->size += size;
}

static void store_number(uint64_t value, int n_bytes, uint8_t *out)
{
    for (int i = 0; i < n_bytes; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t load_number(const uint8_t *bytes, int n_bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < n_bytes; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

static void put_number(byte_writer *writer, uint64_t value, int n_bytes)
{
    uint8_t bytes[8];
    store_number(value, n_bytes, bytes);
    put_bytes(writer, bytes, n_bytes);
}

static void put_name(byte_writer *writer, const char *name)
{
    const size_t size = strlen(name);
    put_number(writer, size, 2);
    put_bytes(writer, name, (int64_t)size);
}

/* How a piece is on disk. */
typedef enum piece_form {
    FORM_RAW = 0,
    FORM_COMPRESSED = 1,
    FORM_IN_PARTS = 2 /* as it is, with a checksum for each part */
} piece_form;

static piece_form form_of(const mdli_piece *piece)
{
    return piece->is_compressed         ? FORM_COMPRESSED
           : piece->part_hashes != NULL ? FORM_IN_PARTS
                                        : FORM_RAW;
}

static void put_piece(byte_writer *writer, const mdli_piece *piece)
{
    put_number(writer, (uint32_t)piece->segment, 4);
    put_number(writer, (uint64_t)form_of(piece), 1);
    put_number(writer, (uint64_t)piece->offset_bytes, 8);
    put_number(writer, (uint64_t)piece->raw_bytes, 8);
    put_number(writer, (uint64_t)piece->content.stored_bytes, 8);
    put_number(writer, piece->content.low, 8);
    put_number(writer, piece->content.high, 8);
    if (piece->is_compressed) {
        put_number(writer, piece->raw_low, 8);
        put_number(writer, piece->raw_high, 8);
    }
    for (int64_t i = 0; piece->part_hashes != NULL && i < mdli_n_parts(piece->raw_bytes); i++) {
        put_number(writer, piece->part_hashes[i], 8);
    }
}

static void put_block(byte_writer *writer, const mdli_stored_block *block)
{
    put_number(writer, (uint64_t)block->type, 1);
    put_number(writer, (uint64_t)block->encoding, 1);
    put_number(writer,
               (uint64_t)block->has_min_max | (uint64_t)block->is_sorted << 1 |
                   (uint64_t)block->is_strictly_sorted << 2,
               1);
    put_number(writer, (uint32_t)block->n_rows, 4);
    put_number(writer, (uint32_t)block->n_nulls, 4);
    put_number(writer, (uint32_t)block->n_distinct, 4);
    put_number(writer, (uint64_t)block->min, 8);
    put_number(writer, (uint64_t)block->max, 8);
    put_number(writer, (uint64_t)block->first, 8);
    put_number(writer, (uint64_t)block->last, 8);
    put_number(writer, (uint64_t)block->payload_bytes, 8);
    put_number(writer, (uint32_t)block->dictionary, 4);
    put_piece(writer, &block->piece);
    if (block->encoding == MDL_ENCODING_SLICE) {
        put_number(writer, (uint32_t)block->parent, 4);
        put_number(writer, (uint32_t)block->first_row, 4);
    }
}

static void put_table(byte_writer *writer, const mdli_stored_table *table)
{
    put_name(writer, table->name);
    put_number(writer, (uint64_t)table->n_rows, 8);
    put_number(writer, (uint32_t)table->n_columns, 4);
    for (int32_t c = 0; c < table->n_columns; c++) {
        const mdli_stored_column *column = &table->columns[c];
        put_name(writer, column->name);
        put_number(writer, (uint64_t)column->type, 1);
        put_number(writer, (uint64_t)column->n_distinct, 8);
        put_number(writer, (uint32_t)column->n_blocks, 4);
        for (int32_t b = 0; b < column->n_blocks; b++) {
            put_number(writer, (uint32_t)column->blocks[b], 4);
        }
    }
}

static void put_body(byte_writer *writer, const mdli_version *version)
{
    put_number(writer, (uint32_t)version->n_segments, 4);
    for (int32_t s = 0; s < version->n_segments; s++) {
        put_number(writer, version->segments[s].id.low, 8);
        put_number(writer, version->segments[s].id.high, 8);
        put_number(writer, (uint64_t)version->segments[s].size_bytes, 8);
    }
    put_number(writer, (uint32_t)version->n_dictionaries, 4);
    for (int32_t d = 0; d < version->n_dictionaries; d++) {
        put_piece(writer, &version->dictionaries[d].piece);
        put_number(writer, (uint64_t)version->dictionaries[d].n_entries, 8);
    }
    put_number(writer, (uint32_t)version->n_blocks, 4);
    for (int32_t b = 0; b < version->n_blocks; b++) {
        put_block(writer, &version->blocks[b]);
    }
    put_number(writer, (uint32_t)version->n_tables, 4);
    for (int32_t t = 0; t < version->n_tables; t++) {
        put_table(writer, &version->tables[t]);
    }
}

static void store_checksum(XXH128_hash_t hash, uint8_t *out)
{
    store_number(hash.low64, 8, out);
    store_number(hash.high64, 8, out + 8);
}

static bool has_checksum(XXH128_hash_t hash, const uint8_t *bytes)
{
    return load_number(bytes, 8) == hash.low64 && load_number(bytes + 8, 8) == hash.high64;
}

/* Of header and message. */
static XXH128_hash_t head_checksum(const uint8_t *header, const void *message, size_t message_bytes)
{
    const XXH64_hash_t of_message = XXH3_64bits(message, message_bytes);
    return XXH3_128bits_withSeed(header, HEADER_CHECKSUM_OFFSET, of_message);
}

static void fill_header(const mdli_version *version, const void *body, int64_t stored_bytes,
                        int64_t raw_bytes, uint8_t *header)
{
    const size_t message_bytes = strlen(version->message);
    memset(header, 0, MDLI_MANIFEST_HEADER_BYTES);
    memcpy(header, manifest_magic, sizeof manifest_magic);
    store_number(MDLI_STORE_FORMAT, 4, header + 8);
    store_number(message_bytes, 4, header + 12);
    store_number((uint64_t)version->number, 8, header + 16);
    store_number((uint64_t)version->committed_at, 8, header + 24);
    store_number((uint32_t)version->n_tables, 4, header + 32);
    store_number((uint64_t)version->n_rows, 8, header + 40);
    store_number((uint64_t)version->size_bytes, 8, header + 48);
    store_number((uint64_t)version->new_bytes, 8, header + 56);
    store_number((uint64_t)stored_bytes, 8, header + 64);
    store_number((uint64_t)raw_bytes, 8, header + 72);
    store_checksum(XXH3_128bits(body, (size_t)stored_bytes), header + BODY_CHECKSUM_OFFSET);
    store_checksum(head_checksum(header, version->message, message_bytes),
                   header + HEADER_CHECKSUM_OFFSET);
}

/* Puts header, message and body together. */
static mdl_status join_manifest(mdl_context *context, const mdli_version *version,
                                const byte_writer *body, void **bytes, int64_t *size_bytes,
                                mdl_error *error)
{
    const int64_t message_bytes = (int64_t)strlen(version->message);
    const int64_t head_bytes = MDLI_MANIFEST_HEADER_BYTES + message_bytes;
    void *memory;
    MDLI_TRY(mdli_allocate(context, (size_t)(head_bytes + body->size), "store", &memory, error));
    uint8_t *manifest = memory;
    int64_t stored_bytes;
    mdl_status status = mdli_compress(context, COMPRESSION_LEVEL, body->bytes, body->size,
                                      manifest + head_bytes, body->size - 1, &stored_bytes, error);
    if (status != MDL_OK) {
        mdli_free(context, memory);
        return status;
    }
    if (stored_bytes == 0) {
        stored_bytes = body->size;
        memcpy(manifest + head_bytes, body->bytes, (size_t)body->size);
    }
    fill_header(version, manifest + head_bytes, stored_bytes, body->size, manifest);
    memcpy(manifest + MDLI_MANIFEST_HEADER_BYTES, version->message, (size_t)message_bytes);
    *bytes = memory;
    *size_bytes = head_bytes + stored_bytes;
    return MDL_OK;
}

mdl_status mdli_manifest_encode(mdl_context *context, const mdli_version *version, void **bytes,
                                int64_t *size_bytes, mdl_error *error)
{
    byte_writer counted = {.bytes = NULL};
    put_body(&counted, version);
    if (counted.size > MDLI_MANIFEST_BYTES_MAX) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED,
                             "the version's list of blocks takes %lld bytes, more than %lld",
                             (long long)counted.size, (long long)MDLI_MANIFEST_BYTES_MAX);
    }
    void *memory;
    MDLI_TRY(mdli_allocate(context, (size_t)counted.size, "store", &memory, error));
    byte_writer body = {.bytes = memory};
    put_body(&body, version);
    mdl_status status = join_manifest(context, version, &body, bytes, size_bytes, error);
    mdli_free(context, memory);
    return status;
}

/*
 * Small files.
 */

/* Magic and format, which every file starts with. */
static mdl_status check_start(const uint8_t *bytes, int64_t size_bytes, const char magic[8],
                              int64_t least_bytes, const char *path, mdl_error *error)
{
    if (size_bytes < 12 || memcmp(bytes, magic, 8) != 0) {
        return mdli_error_damaged(error, path, "it does not start as such a file does");
    }
    const uint64_t format = load_number(bytes + 8, 4);
    if (format > MDLI_STORE_FORMAT) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED,
                             "%s has format %llu, and this version of the library reads formats up "
                             "to %d: a newer one wrote it",
                             path, (unsigned long long)format, MDLI_STORE_FORMAT);
    }
    if (format < 1) {
        return mdli_error_damaged(error, path, "its format is 0, which there is not");
    }
    if (size_bytes < least_bytes) {
        return mdli_error_damaged(error, path, "it is cut off");
    }
    return MDL_OK;
}

void mdli_current_encode(int64_t number, uint8_t bytes[MDLI_CURRENT_BYTES])
{
    memset(bytes, 0, MDLI_CURRENT_BYTES);
    memcpy(bytes, current_magic, sizeof current_magic);
    store_number(MDLI_STORE_FORMAT, 4, bytes + 8);
    store_number((uint64_t)number, 8, bytes + 16);
    store_number(XXH3_64bits(bytes, 24), 8, bytes + 24);
}

mdl_status mdli_current_decode(const uint8_t *bytes, int64_t size_bytes, const char *path,
                               int64_t *number, mdl_error *error)
{
    MDLI_TRY(check_start(bytes, size_bytes, current_magic, MDLI_CURRENT_BYTES, path, error));
    const uint64_t found = load_number(bytes + 16, 8);
    if (size_bytes != MDLI_CURRENT_BYTES || load_number(bytes + 24, 8) != XXH3_64bits(bytes, 24) ||
        found >= INT64_MAX) {
        return mdli_error_damaged(error, path, "its checksum is not that of its bytes");
    }
    *number = (int64_t)found;
    return MDL_OK;
}

void mdli_segment_header_encode(const mdli_segment_id *id, uint8_t bytes[MDLI_SEGMENT_HEADER_BYTES])
{
    memset(bytes, 0, MDLI_SEGMENT_HEADER_BYTES);
    memcpy(bytes, segment_magic, sizeof segment_magic);
    store_number(MDLI_STORE_FORMAT, 4, bytes + 8);
    store_number(id->low, 8, bytes + 16);
    store_number(id->high, 8, bytes + 24);
}

mdl_status mdli_segment_header_decode(const uint8_t bytes[MDLI_SEGMENT_HEADER_BYTES],
                                      const mdli_segment_id *id, const char *path, mdl_error *error)
{
    MDLI_TRY(check_start(bytes, MDLI_SEGMENT_HEADER_BYTES, segment_magic, MDLI_SEGMENT_HEADER_BYTES,
                         path, error));
    if (load_number(bytes + 12, 4) != 0 || load_number(bytes + 16, 8) != id->low ||
        load_number(bytes + 24, 8) != id->high) {
        return mdli_error_damaged(error, path, "its header is that of another segment");
    }
    return MDL_OK;
}

/*
 * Reading manifests.
 */

/* The bytes that are left; `fault` is the first thing that was wrong, and then all numbers are 0.
 */
typedef struct byte_reader {
    const uint8_t *next;
    const uint8_t *end;
    int format;
    const char *fault;
} byte_reader;

static int64_t n_left(const byte_reader *reader)
{
    return reader->end - reader->next;
}

static void set_fault(byte_reader *reader, const char *fault)
{
    if (reader->fault == NULL) {
        reader->fault = fault;
    }
    reader->next = reader->end;
}

static uint64_t get_number(byte_reader *reader, int n_bytes)
{
    if (n_left(reader) < n_bytes) {
        set_fault(reader, "it is cut off");
        return 0;
    }
    const uint64_t value = load_number(reader->next, n_bytes);
    reader->next += n_bytes;
    return value;
}

/* A number that is at least 0 and not above `max`. */
static int64_t get_count(byte_reader *reader, int n_bytes, int64_t max, const char *fault)
{
    const uint64_t value = get_number(reader, n_bytes);
    if (value > (uint64_t)max) {
        set_fault(reader, fault);
        return 0;
    }
    return (int64_t)value;
}

/* How many items a list has, each of `item_bytes` at least. */
static int32_t get_list_size(byte_reader *reader, int64_t item_bytes)
{
    const int64_t n = get_count(reader, 4, INT32_MAX - 1, "a list is too long");
    if (n * item_bytes > n_left(reader)) {
        set_fault(reader, "a list is longer than the file");
        return 0;
    }
    return (int32_t)n;
}

/* A position in a list of n items, or −1. */
static int32_t get_position(byte_reader *reader, int32_t n)
{
    const uint32_t value = (uint32_t)get_number(reader, 4);
    if (value != UINT32_MAX && value >= (uint32_t)n) {
        set_fault(reader, "an item refers to one that is not there");
        return -1;
    }
    return (int32_t)value;
}

static mdl_status get_name(byte_reader *reader, mdli_version *version, const char **name,
                           mdl_error *error)
{
    *name = "";
    const int64_t size = get_count(reader, 2, MDLI_NAME_BYTES_MAX, "a name is too long");
    if (size > n_left(reader) || !mdli_is_storable_name((const char *)reader->next, size)) {
        set_fault(reader, "a name is not one");
        return MDL_OK;
    }
    *name = mdli_arena_copy(&version->arena, (const char *)reader->next, (size_t)size, error);
    reader->next += size;
    return *name == NULL ? version->arena.failure : MDL_OK;
}

static void get_raw_hash(byte_reader *reader, mdli_piece *piece)
{
    if (!piece->is_compressed) {
        piece->raw_low = piece->content.low;
        piece->raw_high = piece->content.high;
    } else if (reader->format >= 2) {
        piece->raw_low = get_number(reader, 8);
        piece->raw_high = get_number(reader, 8);
    } else {
        piece->raw_low = piece->raw_high = 0;
    }
}

/* The checksums of the parts of a piece that was found to fit its segment. */
static mdl_status get_part_hashes(byte_reader *reader, mdli_version *version, mdli_piece *piece,
                                  mdl_error *error)
{
    const int64_t n = mdli_n_parts(piece->raw_bytes);
    if (n * (int64_t)sizeof(uint64_t) > n_left(reader)) {
        set_fault(reader, "it is cut off");
        return MDL_OK;
    }
    void *memory = mdli_arena_allocate(&version->arena, (size_t)n * sizeof(uint64_t), error);
    if (memory == NULL) {
        return version->arena.failure;
    }
    uint64_t *hashes = memory;
    for (int64_t i = 0; i < n; i++) {
        hashes[i] = get_number(reader, 8);
    }
    piece->part_hashes = hashes;
    return MDL_OK;
}

static mdl_status get_piece(byte_reader *reader, mdli_version *version, mdli_piece *piece,
                            mdl_error *error)
{
    static const char fault[] = "a piece does not fit its segment";
    piece->segment = get_position(reader, version->n_segments);
    const int64_t form = get_count(reader, 1, reader->format >= 3 ? FORM_IN_PARTS : FORM_COMPRESSED,
                                   "a piece is in a form that none is in");
    piece->is_compressed = form == FORM_COMPRESSED;
    piece->part_hashes = NULL;
    piece->offset_bytes = get_count(reader, 8, INT64_MAX, fault);
    piece->raw_bytes = get_count(reader, 8, INT64_MAX, fault);
    piece->content.stored_bytes = get_count(reader, 8, INT64_MAX, fault);
    piece->content.low = get_number(reader, 8);
    piece->content.high = get_number(reader, 8);
    get_raw_hash(reader, piece);
    const int64_t stored_bytes = piece->content.stored_bytes;
    if (piece->segment < 0) {
        if (form != FORM_RAW || piece->offset_bytes != 0 || piece->raw_bytes != 0 ||
            stored_bytes != 0 || piece->content.low != 0 || piece->content.high != 0) {
            set_fault(reader, fault);
        }
        return MDL_OK;
    }
    const int64_t segment_bytes = version->segments[piece->segment].size_bytes;
    if (stored_bytes < 1 || stored_bytes > segment_bytes - MDLI_SEGMENT_HEADER_BYTES ||
        piece->offset_bytes < MDLI_SEGMENT_HEADER_BYTES ||
        piece->offset_bytes > segment_bytes - stored_bytes ||
        (piece->is_compressed ? stored_bytes >= piece->raw_bytes
                              : stored_bytes != piece->raw_bytes)) {
        set_fault(reader, fault);
        return MDL_OK;
    }
    return form == FORM_IN_PARTS ? get_part_hashes(reader, version, piece, error) : MDL_OK;
}

static mdl_type get_type(byte_reader *reader)
{
    const uint64_t type = get_number(reader, 1);
    if (type < MDL_TYPE_INT32 || type > MDL_TYPE_STRING) {
        set_fault(reader, "a type is none");
        return MDL_TYPE_INT32;
    }
    return (mdl_type)type;
}

static mdl_encoding get_encoding(byte_reader *reader)
{
    const uint64_t encoding = get_number(reader, 1);
    if (encoding < MDL_ENCODING_CONSTANT || encoding > MDL_ENCODING_SLICE) {
        set_fault(reader, "an encoding is none");
        return MDL_ENCODING_CONSTANT;
    }
    return (mdl_encoding)encoding;
}

/* What a slice refers to: a block before it, of numbers without NULL, that holds its bytes itself. */
static void get_parent(byte_reader *reader, const mdli_version *version, mdli_stored_block *block)
{
    block->parent = -1;
    block->first_row = 0;
    if (block->encoding != MDL_ENCODING_SLICE) {
        return;
    }
    block->parent = get_position(reader, (int32_t)(block - version->blocks));
    block->first_row =
        (int32_t)get_count(reader, 4, MDLI_BLOCK_ROWS_MAX, "a slice starts too late");
    const mdli_stored_block *parent = block->parent >= 0 ? &version->blocks[block->parent] : NULL;
    if (parent == NULL || parent->parent >= 0 || parent->n_nulls > 0 || block->n_nulls > 0 ||
        block->type == MDL_TYPE_STRING || !mdli_is_same_form(block->type, parent->type) ||
        block->payload_bytes != 0 || block->n_rows > parent->n_rows - block->first_row) {
        set_fault(reader, "a slice does not fit the block that it is of");
    }
}

static mdl_status get_block(byte_reader *reader, mdli_version *version, mdli_stored_block *block,
                            mdl_error *error)
{
    block->type = get_type(reader);
    block->encoding = get_encoding(reader);
    const int64_t flags = get_count(reader, 1, 7, "a block has a flag that none has");
    block->has_min_max = (flags & 1) != 0;
    block->is_sorted = (flags & 2) != 0;
    block->is_strictly_sorted = (flags & 4) != 0;
    block->n_rows = (int32_t)get_count(reader, 4, MDLI_BLOCK_ROWS_MAX, "a block is too long");
    block->n_nulls = (int32_t)get_count(reader, 4, block->n_rows, "a block has too many NULLs");
    block->n_distinct = (int32_t)get_number(reader, 4);
    block->min = (int64_t)get_number(reader, 8);
    block->max = (int64_t)get_number(reader, 8);
    block->first = (int64_t)get_number(reader, 8);
    block->last = (int64_t)get_number(reader, 8);
    block->payload_bytes = get_count(reader, 8, INT64_MAX / 2, "a block is too large");
    block->dictionary = get_position(reader, version->n_dictionaries);
    MDLI_TRY(get_piece(reader, version, &block->piece, error));
    get_parent(reader, version, block);
    if (block->n_rows == 0 || mdli_stored_block_bytes(block) != block->piece.raw_bytes) {
        set_fault(reader, "a block does not fit its piece");
    }
    if ((block->dictionary >= 0) !=
        (block->type == MDL_TYPE_STRING && block->encoding == MDL_ENCODING_DICTIONARY)) {
        set_fault(reader, "a block has a dictionary and needs none, or the reverse");
    }
    return MDL_OK;
}

static mdl_status get_dictionary(byte_reader *reader, mdli_version *version,
                                 mdli_stored_dictionary *dictionary, mdl_error *error)
{
    MDLI_TRY(get_piece(reader, version, &dictionary->piece, error));
    dictionary->n_entries = get_count(reader, 8, INT32_MAX, "a dictionary is too long");
    if (dictionary->n_entries * (int64_t)sizeof(uint32_t) > dictionary->piece.raw_bytes) {
        set_fault(reader, "a dictionary does not fit its piece");
    }
    return MDL_OK;
}

/* Room for n items in the version's memory. */
static mdl_status allocate_list(mdli_version *version, int32_t n, size_t item_bytes, void **out,
                                mdl_error *error)
{
    *out = mdli_arena_allocate(&version->arena, (size_t)n * item_bytes, error);
    return *out == NULL ? version->arena.failure : MDL_OK;
}

static mdl_status get_column(byte_reader *reader, mdli_version *version,
                             const mdli_stored_table *table, mdli_stored_column *column,
                             mdl_error *error)
{
    MDLI_TRY(get_name(reader, version, &column->name, error));
    column->type = get_type(reader);
    column->n_distinct = (int64_t)get_number(reader, 8);
    column->n_blocks = get_list_size(reader, sizeof(uint32_t));
    void *memory;
    MDLI_TRY(allocate_list(version, column->n_blocks, sizeof *column->blocks, &memory, error));
    column->blocks = memory;
    int64_t n_rows = 0;
    for (int32_t b = 0; b < column->n_blocks; b++) {
        column->blocks[b] = get_position(reader, version->n_blocks);
        if (column->blocks[b] < 0) {
            set_fault(reader, "a column lists a block that is none");
            return MDL_OK;
        }
        const mdli_stored_block *block = &version->blocks[column->blocks[b]];
        n_rows += block->n_rows;
        if (!mdli_is_same_form(block->type, column->type)) {
            set_fault(reader, "a column has a block of another type");
        }
    }
    if (n_rows != table->n_rows) {
        set_fault(reader, "a column has more or fewer rows than its table");
    }
    if (column->n_distinct < -1 || column->n_distinct > n_rows) {
        set_fault(reader, "a column has more distinct values than rows");
    }
    return MDL_OK;
}

static void check_names(byte_reader *reader, const char **names, int32_t n, const char *fault)
{
    if (reader->fault == NULL && mdli_find_repeated_name(names, n) != NULL) {
        set_fault(reader, fault);
    }
}

static mdl_status get_table(byte_reader *reader, mdli_version *version, mdli_stored_table *table,
                            mdl_error *error)
{
    void *memory;
    MDLI_TRY(get_name(reader, version, &table->name, error));
    table->n_rows = get_count(reader, 8, MDLI_TABLE_ROWS_MAX, "a table is too long");
    table->n_columns = get_list_size(reader, COLUMN_BYTES);
    MDLI_TRY(allocate_list(version, table->n_columns, sizeof *table->columns, &memory, error));
    table->columns = memory;
    MDLI_TRY(allocate_list(version, table->n_columns, sizeof(char *), &memory, error));
    const char **names = memory;
    for (int32_t c = 0; c < table->n_columns; c++) {
        MDLI_TRY(get_column(reader, version, table, &table->columns[c], error));
        names[c] = table->columns[c].name;
    }
    check_names(reader, names, table->n_columns, "a table has a column twice");
    return MDL_OK;
}

static mdl_status get_lists(byte_reader *reader, mdli_version *version, mdl_error *error)
{
    void *memory;
    version->n_segments = get_list_size(reader, SEGMENT_BYTES);
    MDLI_TRY(
        allocate_list(version, version->n_segments, sizeof *version->segments, &memory, error));
    version->segments = memory;
    for (int32_t s = 0; s < version->n_segments; s++) {
        version->segments[s].id.low = get_number(reader, 8);
        version->segments[s].id.high = get_number(reader, 8);
        version->segments[s].size_bytes =
            get_count(reader, 8, MDLI_SEGMENT_BYTES_MAX, "a segment is too large");
    }
    version->n_dictionaries = get_list_size(reader, DICTIONARY_BYTES);
    MDLI_TRY(allocate_list(version, version->n_dictionaries, sizeof *version->dictionaries, &memory,
                           error));
    version->dictionaries = memory;
    for (int32_t d = 0; d < version->n_dictionaries; d++) {
        MDLI_TRY(get_dictionary(reader, version, &version->dictionaries[d], error));
    }
    version->n_blocks = get_list_size(reader, BLOCK_BYTES);
    MDLI_TRY(allocate_list(version, version->n_blocks, sizeof *version->blocks, &memory, error));
    version->blocks = memory;
    for (int32_t b = 0; b < version->n_blocks; b++) {
        MDLI_TRY(get_block(reader, version, &version->blocks[b], error));
    }
    return MDL_OK;
}

static mdl_status get_body(byte_reader *reader, mdli_version *version, mdl_error *error)
{
    void *memory;
    MDLI_TRY(get_lists(reader, version, error));
    version->n_tables = get_list_size(reader, TABLE_BYTES);
    MDLI_TRY(allocate_list(version, version->n_tables, sizeof *version->tables, &memory, error));
    version->tables = memory;
    MDLI_TRY(allocate_list(version, version->n_tables, sizeof(char *), &memory, error));
    const char **names = memory;
    for (int32_t t = 0; t < version->n_tables; t++) {
        MDLI_TRY(get_table(reader, version, &version->tables[t], error));
        names[t] = version->tables[t].name;
    }
    if (n_left(reader) > 0) {
        set_fault(reader, "it has bytes behind its end");
    }
    check_names(reader, names, version->n_tables, "it has a table twice");
    return MDL_OK;
}

mdl_status mdli_manifest_head_decode(const uint8_t *bytes, int64_t size_bytes, const char *path,
                                     mdli_manifest_head *head, mdl_error *error)
{
    MDLI_TRY(
        check_start(bytes, size_bytes, manifest_magic, MDLI_MANIFEST_HEADER_BYTES, path, error));
    const uint64_t message_bytes = load_number(bytes + 12, 4);
    const uint8_t *message = bytes + MDLI_MANIFEST_HEADER_BYTES;
    if (message_bytes > MDLI_MESSAGE_BYTES_MAX ||
        (int64_t)message_bytes > size_bytes - MDLI_MANIFEST_HEADER_BYTES) {
        return mdli_error_damaged(error, path, "it is cut off");
    }
    if (!has_checksum(head_checksum(bytes, message, message_bytes),
                      bytes + HEADER_CHECKSUM_OFFSET)) {
        return mdli_error_damaged(error, path,
                                  "the checksum of its header is not that of its bytes");
    }
    *head = (mdli_manifest_head){
        .format = (int)load_number(bytes + 8, 4),
        .number = (int64_t)load_number(bytes + 16, 8),
        .committed_at = (int64_t)load_number(bytes + 24, 8),
        .n_tables = (int32_t)load_number(bytes + 32, 4),
        .n_rows = (int64_t)load_number(bytes + 40, 8),
        .size_bytes = (int64_t)load_number(bytes + 48, 8),
        .new_bytes = (int64_t)load_number(bytes + 56, 8),
        .message_bytes = (int32_t)message_bytes,
        .message = (const char *)message,
    };
    if (head->number < 1 || head->new_bytes < 0 || head->new_bytes > head->size_bytes ||
        memchr(message, '\0', message_bytes) != NULL) {
        return mdli_error_damaged(error, path, "its header says what cannot be");
    }
    return MDL_OK;
}

mdl_status mdli_manifest_body_decode(const uint8_t *bytes, int64_t size_bytes, int format,
                                     const char *path, mdli_version *version, mdl_error *error)
{
    byte_reader reader = {.next = bytes, .end = bytes + size_bytes, .format = format};
    MDLI_TRY(get_body(&reader, version, error));
    if (reader.fault != NULL) {
        return mdli_error_damaged(error, path, "%s", reader.fault);
    }
    return mdli_version_add_up(version, error);
}

/* Decompresses the body where it was compressed, and reads it. */
static mdl_status read_body(const uint8_t *stored, int64_t stored_bytes, int64_t raw_bytes,
                            int format, const char *path, mdli_version *version, mdl_error *error)
{
    mdl_context *context = version->arena.context;
    const uint8_t *body = stored;
    void *memory = NULL;
    mdl_status status = MDL_OK;
    if (stored_bytes != raw_bytes) {
        mdl_error reason = MDL_ERROR_INIT;
        MDLI_TRY(mdli_allocate(context, (size_t)raw_bytes, "store", &memory, error));
        status = mdli_decompress(context, stored, stored_bytes, memory, raw_bytes, &reason);
        if (status == MDL_E_CORRUPT) {
            mdli_error_damaged(error, path, "%s", reason.message);
        } else {
            mdli_error_copy(error, &reason);
        }
        body = memory;
    }
    if (status == MDL_OK) {
        status = mdli_manifest_body_decode(body, raw_bytes, format, path, version, error);
    }
    mdli_free(context, memory);
    return status;
}

mdl_status mdli_manifest_decode(const uint8_t *bytes, int64_t size_bytes, const char *path,
                                mdli_version *version, mdl_error *error)
{
    mdli_manifest_head head;
    MDLI_TRY(mdli_manifest_head_decode(bytes, size_bytes, path, &head, error));
    const uint64_t stored_bytes = load_number(bytes + 64, 8);
    const uint64_t raw_bytes = load_number(bytes + 72, 8);
    const uint8_t *body = bytes + MDLI_MANIFEST_HEADER_BYTES + head.message_bytes;
    if (stored_bytes != (uint64_t)(size_bytes - (body - bytes)) || stored_bytes > raw_bytes ||
        raw_bytes > MDLI_MANIFEST_BYTES_MAX) {
        return mdli_error_damaged(error, path, "it is longer or shorter than it says");
    }
    if (!has_checksum(XXH3_128bits(body, stored_bytes), bytes + BODY_CHECKSUM_OFFSET)) {
        return mdli_error_damaged(error, path, "its checksum is not that of its bytes");
    }
    version->number = head.number;
    version->committed_at = head.committed_at;
    version->new_bytes = head.new_bytes;
    version->message =
        mdli_arena_copy(&version->arena, head.message, (size_t)head.message_bytes, error);
    if (version->message == NULL) {
        return version->arena.failure;
    }
    MDLI_TRY(read_body(body, (int64_t)stored_bytes, (int64_t)raw_bytes, head.format, path, version,
                       error));
    if (version->n_tables != head.n_tables || version->n_rows != head.n_rows ||
        version->size_bytes != head.size_bytes) {
        return mdli_error_damaged(error, path, "its header does not fit its lists");
    }
    return MDL_OK;
}
