/*
 * Writing what is new of a commit.
 *
 * Bytes are known by their content (mdli_content_id): what the version at hand has already is not
 * written again, be it a block that was read from it, or the same values computed anew. What is new
 * is compressed where that pays, and goes to one segment. It has its id, which is its name, when all
 * is written: so it is written under a name that nobody looks at, synced, and renamed.
 */
#include "store/segment_writer.h"

#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/parallel.h"

/* Bytes less than this are not worth a frame, and compression has to save this part of them. */
#define COMPRESSED_BYTES_MIN    128
#define COMPRESSION_SAVING_PART 8
#define COMPRESSION_LEVEL       1 /* level 3 takes 1.6 times as long for frames a thirteenth smaller */

/* Bytes that are compressed before they are written, about. */
#define WAVE_BYTES (INT64_C(64) << 20)

/* Bytes that are written at once, at a multiple of them. Then the system keeps them in pieces of
 * memory of that size, which takes half of the time of writing blocks one by one; pieces of a MiB
 * have to be searched for, at times for longer than all the rest takes. */
#define WRITE_BYTES (INT64_C(256) << 10)

static mdli_source *source_at(const mdli_segment_writer *writer, int64_t i)
{
    return (mdli_source *)writer->sources + i;
}

void mdli_segment_writer_init(mdli_segment_writer *writer, const mdl_store *store)
{
    *writer = (mdli_segment_writer){.context = store->context,
                                    .files = store->files,
                                    .folder = store->path,
                                    .base = &store->at_hand.version,
                                    .sources_by_address.context = store->context,
                                    .pieces_by_content.context = store->context,
                                    .pieces_by_raw_hash.context = store->context,
                                    .path.context = store->context,
                                    .new_path.context = store->context,
                                    .file = -1};
}

void mdli_segment_writer_free(mdli_segment_writer *writer)
{
    if (writer->file >= 0) {
        writer->files->close(writer->files->data, writer->file);
    }
    for (int64_t i = 0; i < writer->n_sources; i++) {
        mdli_free(writer->context, source_at(writer, i)->part_hashes);
    }
    mdli_free(writer->context, writer->sources);
    mdli_slot_table_free(&writer->sources_by_address);
    mdli_free(writer->context, writer->pieces);
    mdli_slot_table_free(&writer->pieces_by_content);
    mdli_slot_table_free(&writer->pieces_by_raw_hash);
    for (int w = 0; w < writer->n_compressors; w++) {
        mdli_compressor_free(writer->compressors[w]);
    }
    mdli_free(writer->context, writer->compressors);
    mdli_free(writer->context, writer->buffer);
    mdli_store_path_free(&writer->path);
    mdli_store_path_free(&writer->new_path);
}

/*
 * What there is to write.
 */

static const void *address_of(const mdli_source *source)
{
    return source->block != NULL ? (const void *)source->block : source->dictionary;
}

static bool is_source_at(const void *list, int32_t position, const void *address)
{
    return address_of((const mdli_source *)list + position) == address;
}

mdl_status mdli_segment_writer_add(mdli_segment_writer *writer, const mdli_block *block,
                                   const mdli_dictionary *dictionary, int32_t *number,
                                   mdl_error *error)
{
    const mdli_source source = {.block = block, .dictionary = dictionary};
    const void *address = address_of(&source);
    const uint64_t hash = mdli_hash_integer((uintptr_t)address);
    *number = mdli_slot_table_find(&writer->sources_by_address, hash, writer->sources, address,
                                   is_source_at);
    if (*number >= 0) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_slot_table_reserve(&writer->sources_by_address, 1, error));
    MDLI_TRY(mdli_grow_array(writer->context, &writer->sources, &writer->capacity,
                             writer->n_sources, writer->n_sources + 1, sizeof source, "store",
                             error));
    *number = (int32_t)writer->n_sources++;
    *source_at(writer, *number) = source;
    mdli_slot_table_add(&writer->sources_by_address, hash, *number);
    return MDL_OK;
}

mdli_piece mdli_segment_writer_piece(const mdli_segment_writer *writer, int32_t number)
{
    return number >= 0 ? source_at(writer, number)->piece : (mdli_piece){.segment = -1};
}

static mdli_content_note *note_of(const mdli_source *source)
{
    return source->block != NULL ? (mdli_content_note *)&source->block->content
                                 : (mdli_content_note *)&source->dictionary->content;
}

void mdli_segment_writer_note_contents(const mdli_segment_writer *writer)
{
    for (int64_t i = 0; i < writer->n_sources; i++) {
        const mdli_source *source = source_at(writer, i);
        mdli_content_note_set(note_of(source), &source->piece.content);
    }
}

/*
 * What is on disk already.
 */

static bool is_piece_at(const void *list, int32_t position, const void *piece)
{
    const mdli_piece *a = (const mdli_piece *)list + position;
    const mdli_piece *b = piece;
    return a->content.low == b->content.low && a->content.high == b->content.high &&
           a->content.stored_bytes == b->content.stored_bytes && a->raw_bytes == b->raw_bytes;
}

static int32_t find_piece(const mdli_segment_writer *writer, const mdli_piece *piece)
{
    return mdli_slot_table_find(&writer->pieces_by_content, piece->content.low, writer->pieces,
                                piece, is_piece_at);
}

static bool is_raw_piece_at(const void *list, int32_t position, const void *piece)
{
    const mdli_piece *a = (const mdli_piece *)list + position;
    const mdli_piece *b = piece;
    return a->raw_low == b->raw_low && a->raw_high == b->raw_high && a->raw_bytes == b->raw_bytes;
}

/* As find_piece, by what the bytes are before compression. */
static int32_t find_raw_piece(const mdli_segment_writer *writer, const mdli_piece *piece)
{
    return mdli_slot_table_find(&writer->pieces_by_raw_hash, piece->raw_low, writer->pieces, piece,
                                is_raw_piece_at);
}

/* Room for it was made by index_pieces. */
static void add_piece(mdli_segment_writer *writer, const mdli_piece *piece)
{
    if (piece->segment < 0 || find_piece(writer, piece) >= 0) {
        return;
    }
    const int32_t position = (int32_t)writer->n_pieces++;
    writer->pieces[position] = *piece;
    mdli_slot_table_add(&writer->pieces_by_content, piece->content.low, position);
    if ((piece->raw_low | piece->raw_high) != 0 && find_raw_piece(writer, piece) < 0) {
        mdli_slot_table_add(&writer->pieces_by_raw_hash, piece->raw_low, position);
    }
}

static mdl_status index_pieces(mdli_segment_writer *writer, mdl_error *error)
{
    const mdli_version *base = writer->base;
    const int64_t n_max = (int64_t)base->n_blocks + base->n_dictionaries + writer->n_sources;
    void *memory;
    MDLI_TRY(mdli_allocate_array(writer->context, n_max, sizeof *writer->pieces, "store", &memory,
                                 error));
    writer->pieces = memory;
    MDLI_TRY(mdli_slot_table_reserve(&writer->pieces_by_content, n_max, error));
    MDLI_TRY(mdli_slot_table_reserve(&writer->pieces_by_raw_hash, n_max, error));
    for (int32_t b = 0; b < base->n_blocks; b++) {
        add_piece(writer, &base->blocks[b].piece);
    }
    for (int32_t d = 0; d < base->n_dictionaries; d++) {
        add_piece(writer, &base->dictionaries[d].piece);
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
static mdl_status place_known_sources(mdli_segment_writer *writer, mdl_error *error)
{
    for (int64_t i = 0; i < writer->n_sources; i++) {
        mdli_source *source = source_at(writer, i);
        const mdli_block *block = source->block;
        if (block != NULL) {
            source->piece.raw_bytes =
                mdli_block_body_bytes(block->payload_bytes, block->n_rows, block->n_nulls);
        } else {
            MDLI_TRY(measure_dictionary(source->dictionary, &source->piece.raw_bytes, error));
        }
        if (mdli_content_note_get(note_of(source), &source->piece.content)) {
            const int32_t found = find_piece(writer, &source->piece);
            if (found >= 0) {
                source->piece = writer->pieces[found];
                source->is_placed = true;
            }
        }
    }
    return MDL_OK;
}

/*
 * The form that bytes have on disk.
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

/* Texts alone, if they are not compressed already: a third of them is left. Packed integers do not
 * get smaller. Runs and doubles would by half, which is a fortieth of a store, and averages change
 * every day; but compressing takes 18 times as long as writing the bytes that it saves. */
static bool may_compress(const mdli_source *source)
{
    const mdli_block *block = source->block;
    return source->piece.raw_bytes >= COMPRESSED_BYTES_MIN &&
           (block == NULL ||
            (block->type == MDL_TYPE_STRING &&
             (block->encoding == MDL_ENCODING_PLAIN || block->encoding == MDL_ENCODING_CONSTANT)));
}

/* Takes the compressed form of a source's bytes where that saves enough. */
static mdl_status compress_source(const mdli_segment_writer *writer, mdli_source *source,
                                  int worker, mdl_error *error)
{
    const int64_t raw_bytes = source->piece.raw_bytes;
    const int64_t capacity = raw_bytes - raw_bytes / COMPRESSION_SAVING_PART;
    mdli_compressor **compressor = &writer->compressors[worker];
    void *compressed;
    int64_t stored_bytes = 0;
    if (*compressor == NULL) {
        MDLI_TRY(mdli_compressor_create(writer->context, compressor, error));
    }
    MDLI_TRY(mdli_allocate(writer->context, (size_t)capacity, "store", &compressed, error));
    mdl_status status = mdli_compressor_run(*compressor, COMPRESSION_LEVEL, source->stored,
                                            raw_bytes, compressed, capacity, &stored_bytes, error);
    if (stored_bytes == 0) {
        mdli_free(writer->context, compressed);
        return status;
    }
    mdli_free(writer->context, source->memory);
    source->memory = compressed;
    source->stored = compressed;
    source->piece.is_compressed = true;
    source->piece.content.stored_bytes = stored_bytes;
    mdli_hash_stored(writer->context, compressed, stored_bytes, &source->piece.content.low,
                     &source->piece.content.high);
    return MDL_OK;
}

/* Makes checksums of parts where the bytes can be read so. */
static mdl_status hash_parts(const mdli_segment_writer *writer, mdli_source *source,
                             mdl_error *error)
{
    const mdli_block *block = source->block;
    const int64_t raw_bytes = source->piece.raw_bytes;
    const int64_t n_parts = mdli_n_parts(raw_bytes);
    if (block == NULL || !mdli_can_come_in_parts(block->type, block->encoding, block->n_nulls,
                                                 block->is_sorted, block->payload_bytes)) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_allocate_array(writer->context, n_parts, sizeof(uint64_t), "store",
                                 &source->part_hashes, error));
    uint64_t *hashes = source->part_hashes;
    for (int64_t i = 0; i < n_parts; i++) {
        hashes[i] = mdli_part_hash(writer->context, source->stored, raw_bytes, i);
    }
    source->piece.part_hashes = hashes;
    return MDL_OK;
}

/* Brings a source in the form that it has on disk, unless its bytes are there already. */
static mdl_status encode_source(void *data, int64_t job, int worker, mdl_error *error)
{
    const mdli_segment_writer *writer = data;
    mdli_source *source = source_at(writer, writer->wave_start + job);
    mdli_piece *piece = &source->piece;
    if (source->is_placed) {
        return MDL_OK;
    }
    if (source->block != NULL) {
        MDLI_TRY(mdli_block_need(source->block, 0, source->block->n_rows, error));
        source->stored = source->block->payload;
    } else {
        MDLI_TRY(mdli_allocate(writer->context, (size_t)piece->raw_bytes, "store", &source->memory,
                               error));
        write_dictionary(source->dictionary, source->memory);
        source->stored = source->memory;
    }
    mdli_hash_stored(writer->context, source->stored, piece->raw_bytes, &piece->raw_low,
                     &piece->raw_high);
    const int32_t found = find_raw_piece(writer, piece);
    if (found >= 0) {
        *piece = writer->pieces[found];
        source->is_placed = true;
        return MDL_OK;
    }
    piece->content = (mdli_content_id){piece->raw_low, piece->raw_high, piece->raw_bytes};
    MDLI_TRY(hash_parts(writer, source, error));
    return may_compress(source) ? compress_source(writer, source, worker, error) : MDL_OK;
}

/*
 * The file.
 */

static mdl_status open_segment(mdli_segment_writer *writer, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate(writer->context, WRITE_BYTES, "store", &memory, error));
    writer->buffer = memory;
    mdli_store_path_to(&writer->new_path, MDLI_SEGMENT_NEW_NAME);
    MDLI_TRY(mdli_file_open(writer->files, writer->new_path.text, O_WRONLY | O_CREAT | O_TRUNC,
                            &writer->file, error));
    /* The header is written when the id is known. */
    memset(writer->buffer, 0, MDLI_SEGMENT_HEADER_BYTES);
    writer->n_buffered = MDLI_SEGMENT_HEADER_BYTES;
    writer->segment.size_bytes = MDLI_SEGMENT_HEADER_BYTES;
    mdli_hash_reset(&writer->hash);
    return MDL_OK;
}

static mdl_status write_buffer(mdli_segment_writer *writer, mdl_error *error)
{
    MDLI_TRY(mdli_file_write(writer->files, writer->file, writer->new_path.text, writer->buffer,
                             writer->n_buffered, writer->segment.size_bytes - writer->n_buffered,
                             error));
    writer->n_buffered = 0;
    return MDL_OK;
}

static mdl_status append_bytes(mdli_segment_writer *writer, const uint8_t *bytes,
                               int64_t size_bytes, mdl_error *error)
{
    while (size_bytes > 0) {
        const int64_t room = WRITE_BYTES - writer->n_buffered;
        const int64_t n = size_bytes < room ? size_bytes : room;
        memcpy(writer->buffer + writer->n_buffered, bytes, (size_t)n);
        writer->n_buffered += n;
        writer->segment.size_bytes += n;
        if (writer->n_buffered == WRITE_BYTES) {
            MDLI_TRY(write_buffer(writer, error));
        }
        bytes += n;
        size_bytes -= n;
    }
    return MDL_OK;
}

/* Puts a source behind the others, unless the same bytes are on disk. */
static mdl_status place_source(mdli_segment_writer *writer, mdli_source *source, mdl_error *error)
{
    mdli_piece *piece = &source->piece;
    const int32_t found = find_piece(writer, piece);
    source->is_placed = true;
    if (found >= 0) {
        const mdli_piece raw = *piece;
        *piece = writer->pieces[found];
        piece->raw_low = raw.raw_low;
        piece->raw_high = raw.raw_high;
        return MDL_OK;
    }
    if (writer->file < 0) {
        MDLI_TRY(open_segment(writer, error));
    }
    const int64_t size_bytes = piece->content.stored_bytes;
    if (size_bytes > MDLI_SEGMENT_BYTES_MAX - writer->segment.size_bytes) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED,
                             "a commit of more than %lld bytes cannot be stored",
                             (long long)MDLI_SEGMENT_BYTES_MAX);
    }
    piece->segment = writer->base->n_segments;
    piece->offset_bytes = writer->segment.size_bytes;
    MDLI_TRY(append_bytes(writer, source->stored, size_bytes, error));
    mdli_hash_update_scalar(&writer->hash, &piece->content, sizeof piece->content);
    add_piece(writer, piece);
    return MDL_OK;
}

static mdl_status write_wave(mdli_segment_writer *writer, int64_t end, mdl_error *error)
{
    mdl_status status =
        mdli_parallel_for(writer->context, end - writer->wave_start, encode_source, writer, error);
    for (int64_t i = writer->wave_start; i < end; i++) {
        mdli_source *source = source_at(writer, i);
        if (status == MDL_OK && !source->is_placed) {
            status = place_source(writer, source, error);
        }
        mdli_free(writer->context, source->memory);
        source->memory = NULL;
    }
    return status;
}

static mdl_status write_sources(mdli_segment_writer *writer, mdl_error *error)
{
    int64_t wave_bytes = 0;
    void *memory;
    const int n_workers = mdli_n_workers(writer->context, writer->n_sources);
    MDLI_TRY(mdli_allocate_zeroed(writer->context, (size_t)n_workers * sizeof *writer->compressors,
                                  "store", &memory, error));
    writer->compressors = memory;
    writer->n_compressors = n_workers;
    for (int64_t i = 0; i < writer->n_sources; i++) {
        const mdli_source *source = source_at(writer, i);
        wave_bytes += source->is_placed ? 0 : source->piece.raw_bytes;
        if (wave_bytes >= WAVE_BYTES || i == writer->n_sources - 1) {
            MDLI_TRY(write_wave(writer, i + 1, error));
            writer->wave_start = i + 1;
            wave_bytes = 0;
        }
    }
    return MDL_OK;
}

static mdl_status finish_segment(mdli_segment_writer *writer, mdl_error *error)
{
    const mdli_file_system *files = writer->files;
    uint8_t header[MDLI_SEGMENT_HEADER_BYTES];
    bool had_name;
    MDLI_TRY(write_buffer(writer, error));
    mdli_hash_digest_numbers(&writer->hash, &writer->segment.id.low, &writer->segment.id.high);
    mdli_segment_header_encode(&writer->segment.id, header);
    MDLI_TRY(mdli_file_write(files, writer->file, writer->new_path.text, header, sizeof header, 0,
                             error));
    MDLI_TRY(mdli_file_sync(files, writer->file, writer->new_path.text, error));
    mdli_store_path_to_segment(&writer->path, &writer->segment.id);
    mdl_status status = mdli_store_give_name(files, writer->new_path.text, &writer->path,
                                             MDLI_SEGMENTS_NAME, &had_name, error);
    /* An older version may have the same segment: then it is not ours to remove. */
    writer->has_name = !had_name;
    return status;
}

mdl_status mdli_segment_writer_write(mdli_segment_writer *writer, mdl_error *error)
{
    MDLI_TRY(mdli_store_path_init(&writer->path, writer->context, writer->folder, error));
    MDLI_TRY(mdli_store_path_init(&writer->new_path, writer->context, writer->folder, error));
    MDLI_TRY(index_pieces(writer, error));
    MDLI_TRY(place_known_sources(writer, error));
    MDLI_TRY(write_sources(writer, error));
    return writer->file >= 0 ? finish_segment(writer, error) : MDL_OK;
}

void mdli_segment_writer_remove(mdli_segment_writer *writer)
{
    if (writer->path.text == NULL) {
        return; /* nothing was */
    }
    mdli_store_remove(writer->files, mdli_store_path_to(&writer->path, MDLI_SEGMENT_NEW_NAME), NULL,
                      NULL);
    if (writer->has_name) {
        mdli_store_remove(writer->files,
                          mdli_store_path_to_segment(&writer->path, &writer->segment.id), NULL,
                          NULL);
    }
}
