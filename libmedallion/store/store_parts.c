/*
 * Blocks whose bytes are read in parts, when they are asked for.
 *
 * Such a block outlives the version that it was read from, and the store: it refers to its segment,
 * which is open, so that a vacuum can remove the name and not the bytes, and has copies of all that
 * it takes to prove a part and to say where damage is.
 */
#include "store/store_internal.h"

#include <string.h>

#include "base/error.h"

/* Segments that are open at once, as far as one version is concerned. Blocks of others are read as
 * a whole, so that a store of many small commits does not use up what a process may open. */
#define OPEN_SEGMENTS_MAX 16

struct mdli_segment_file {
    atomic_int references;
    mdl_context *context;
    const mdli_file_system *files;
    int file;
    char path[]; /* for messages */
};

struct mdli_column_place {
    atomic_int references;
    mdl_context *context;
    const char *column; /* behind the table's name */
    char table[];
};

/* What a block reads its parts with. */
typedef struct part_reader {
    mdli_segment_file *segment;
    mdli_column_place *place;
    int32_t block; /* of the column */
    int64_t offset_bytes;
    int64_t size_bytes;
    uint64_t hashes[]; /* of the parts */
} part_reader;

/*
 * Segments.
 */

mdl_status mdli_segment_file_open(mdli_loaded_version *loaded, const mdl_store *store,
                                  int32_t segment, mdli_segment_file **out, mdl_error *error)
{
    mdli_store_path path = {.context = store->context};
    void *memory = NULL;
    int32_t n_open = 0;
    mdl_status status;
    for (int32_t s = 0; s < loaded->version.n_segments; s++) {
        n_open += loaded->files[s] != NULL;
    }
    *out = loaded->files[segment];
    if (*out != NULL || n_open >= OPEN_SEGMENTS_MAX) {
        return MDL_OK;
    }
    MDLI_TRY_GOTO_DONE(mdli_store_path_init(&path, store->context, store->path, error));
    const mdli_segment *described = &loaded->version.segments[segment];
    const char *text = mdli_store_path_to_segment(&path, &described->id);
    MDLI_TRY_GOTO_DONE(
        mdli_allocate(store->context, sizeof **out + strlen(text) + 1, "store", &memory, error));
    mdli_segment_file *made = memory;
    *made = (mdli_segment_file){.context = store->context, .files = store->files};
    atomic_init(&made->references, 1);
    memcpy(made->path, text, strlen(text) + 1);
    MDLI_TRY_GOTO_DONE(mdli_store_open_segment(store->files, described, text, &made->file, error));
    memory = NULL;
    *out = loaded->files[segment] = made;
done:
    mdli_free(store->context, memory);
    mdli_store_path_free(&path);
    return status;
}

void mdli_segment_file_release(mdli_segment_file *file)
{
    if (file != NULL &&
        atomic_fetch_sub_explicit(&file->references, 1, memory_order_acq_rel) == 1) {
        file->files->close(file->files->data, file->file);
        mdli_free(file->context, file);
    }
}

void mdli_loaded_version_pass_files(mdli_loaded_version *from, mdli_loaded_version *to)
{
    for (int32_t s = 0; s < from->version.n_segments; s++) {
        for (int32_t t = 0; t < to->version.n_segments && from->files[s] != NULL; t++) {
            if (mdli_compare_segment_ids(&from->version.segments[s].id,
                                         &to->version.segments[t].id) == 0) {
                to->files[t] = from->files[s];
                from->files[s] = NULL;
            }
        }
    }
}

/*
 * Places.
 */

mdl_status mdli_column_place_create(mdl_context *context, const char *table, const char *column,
                                    mdli_column_place **out, mdl_error *error)
{
    const size_t table_bytes = strlen(table) + 1;
    const size_t column_bytes = strlen(column) + 1;
    void *memory;
    *out = NULL;
    MDLI_TRY(
        mdli_allocate(context, sizeof **out + table_bytes + column_bytes, "store", &memory, error));
    mdli_column_place *place = memory;
    *place = (mdli_column_place){.context = context, .column = place->table + table_bytes};
    atomic_init(&place->references, 1);
    memcpy(place->table, table, table_bytes);
    memcpy(place->table + table_bytes, column, column_bytes);
    *out = place;
    return MDL_OK;
}

void mdli_column_place_release(mdli_column_place *place)
{
    if (place != NULL &&
        atomic_fetch_sub_explicit(&place->references, 1, memory_order_acq_rel) == 1) {
        mdli_free(place->context, place);
    }
}

/*
 * Parts.
 */

uint64_t mdli_part_hash(const mdl_context *context, const void *body, int64_t body_bytes,
                        int64_t part)
{
    const int64_t start = part * MDLI_PART_BYTES;
    const int64_t n_left = body_bytes - start;
    uint64_t low;
    uint64_t high;
    mdli_hash_stored(context, (const uint8_t *)body + start,
                     n_left < MDLI_PART_BYTES ? n_left : MDLI_PART_BYTES, &low, &high);
    return low;
}

static mdl_status say_damaged(void *data, const char *fault, mdl_error *error)
{
    const part_reader *reader = data;
    return mdli_error_damaged_block(error, reader->segment->path, reader->place->table,
                                    reader->place->column, reader->block, reader->offset_bytes,
                                    fault);
}

static mdl_status read_parts(void *data, int32_t first, int32_t n, void *to, mdl_error *error)
{
    const part_reader *reader = data;
    const mdli_segment_file *segment = reader->segment;
    const int64_t start = first * MDLI_PART_BYTES;
    const int64_t n_left = reader->size_bytes - start;
    const int64_t n_bytes = n * MDLI_PART_BYTES < n_left ? n * MDLI_PART_BYTES : n_left;
    int64_t n_read;
    MDLI_TRY(mdli_file_read(segment->files, segment->file, segment->path, to, n_bytes,
                            reader->offset_bytes + start, &n_read, error));
    if (n_read < n_bytes) {
        return say_damaged(data, "the file ends before it", error);
    }
    for (int32_t i = 0; i < n; i++) {
        if (mdli_part_hash(segment->context, to, n_bytes, i) != reader->hashes[first + i]) {
            return say_damaged(data, "its checksum is not that of its bytes", error);
        }
    }
    return MDL_OK;
}

static void release_reader(void *data)
{
    part_reader *reader = data;
    mdl_context *context = reader->place->context;
    mdli_segment_file_release(reader->segment);
    mdli_column_place_release(reader->place);
    mdli_free(context, reader);
}

mdl_status mdli_read_in_parts(mdli_block *block, const mdli_piece *piece,
                              mdli_segment_file *segment, mdli_column_place *place, int32_t number,
                              mdl_error *error)
{
    const size_t hash_bytes = (size_t)mdli_n_parts(piece->raw_bytes) * sizeof(uint64_t);
    void *memory;
    MDLI_TRY(
        mdli_allocate(block->context, sizeof(part_reader) + hash_bytes, "store", &memory, error));
    part_reader *reader = memory;
    *reader = (part_reader){.segment = segment,
                            .place = place,
                            .block = number,
                            .offset_bytes = piece->offset_bytes,
                            .size_bytes = piece->raw_bytes};
    memcpy(reader->hashes, piece->part_hashes, hash_bytes);
    atomic_fetch_add_explicit(&segment->references, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&place->references, 1, memory_order_relaxed);
    const mdli_part_source source = {
        .data = reader, .read = read_parts, .say_damaged = say_damaged, .release = release_reader};
    mdl_status status = mdli_block_set_source(block, &source, error);
    if (status != MDL_OK) {
        release_reader(reader);
    }
    return status;
}
