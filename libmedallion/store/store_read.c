/*
 * From segments to tables.
 *
 * What is wanted and not in memory is read in the order in which it lies on disk, cut in jobs of
 * about a MiB, whose blocks lie in one piece of memory, as mapping fresh pages is most of the work;
 * each piece goes straight to the memory of its block, or through a buffer where it is compressed.
 * Its checksum is that of the bytes on disk, and is compared before anything else looks at them; then
 * the block proves that it can be decoded (mdli_block_check).
 */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/compression.h"
#include "base/error.h"
#include "base/parallel.h"

/* Bytes that a job fills in, about. */
#define JOB_BYTES (INT64_C(1) << 20)

/* Bytes of blocks that are worth a piece of memory of their own. */
#define SLAB_BYTES_MIN (INT64_C(256) << 10)

/* A block or a dictionary that is to be read, and the first place where it is used, for messages.
 */
typedef struct load {
    const mdli_piece *piece; /* of a slice that of its parent */
    int32_t index;           /* in the version's list */
    int32_t holder; /* likewise, of the block whose bytes are read: of a slice its parent */
    const mdli_stored_table *table;
    const mdli_stored_column *column;
    int32_t block; /* in the column */
} load;

/* What a worker reads with. */
typedef struct load_worker {
    mdli_store_path path;
    mdli_decode_buffer decoding;
    mdli_slab *slab; /* for the blocks of the job; NULL = each is allocated by itself */
    mdli_decompressor *decompressor; /* NULL = nothing was compressed so far */
    void *stored;                    /* bytes of a compressed piece */
    int64_t stored_capacity;
    void *raw; /* of a dictionary */
    int64_t raw_capacity;
    mdli_block *holder; /* the last block that was read and is no slice */
} load_worker;

typedef struct store_reader {
    mdl_store *store;
    const mdli_version *version;
    mdli_dictionary **dictionaries; /* parallel to the version's list */
    mdli_block **blocks;            /* likewise; NULL = blocks are checked and let go */
    bool *is_wanted;                /* items that are in `loads` */
    bool are_dictionaries;          /* what `loads` are */
    load *loads;
    int64_t n_loads;
    int64_t *job_starts; /* in `loads`, and the end */
    int64_t n_jobs;
    load_worker *workers;
    int n_workers;
} store_reader;

/*
 * One piece.
 */

static mdl_status say_damaged(const load *l, const char *path, const char *what, mdl_error *error)
{
    return mdli_error_damaged_block(error, path, l->table->name, l->column->name, l->block,
                                    l->piece->offset_bytes, what);
}

/* Reads the bytes of a piece as they are on disk, and compares their checksum. */
static mdl_status read_stored(const store_reader *reader, const load *l, int file, const char *path,
                              void *to, mdl_error *error)
{
    const mdli_content_id *expected = &l->piece->content;
    int64_t n_read;
    MDLI_TRY(mdli_file_read(reader->store->files, file, path, to, expected->stored_bytes,
                            l->piece->offset_bytes, &n_read, error));
    if (n_read < expected->stored_bytes) {
        return say_damaged(l, path, "the file ends before it", error);
    }
    uint64_t low;
    uint64_t high;
    mdli_hash_stored(reader->store->context, to, n_read, &low, &high);
    if (low != expected->low || high != expected->high) {
        return say_damaged(l, path, "its checksum is not that of its bytes", error);
    }
    return MDL_OK;
}

/* Whether the checksums of parts are those of the bytes of a piece. Bytes that are read as a whole
 * need them not, so it is only the check that looks. */
static mdl_status check_parts(const store_reader *reader, const load *l, const char *path,
                              const void *raw, mdl_error *error)
{
    const mdli_piece *piece = l->piece;
    for (int64_t i = 0; piece->part_hashes != NULL && i < mdli_n_parts(piece->raw_bytes); i++) {
        if (mdli_part_hash(reader->store->context, raw, piece->raw_bytes, i) !=
            piece->part_hashes[i]) {
            return say_damaged(l, path, "the checksum of a part is not that of its bytes", error);
        }
    }
    return MDL_OK;
}

/* What a later commit goes by when it looks whether the version has some bytes. Nothing that is read
 * depends on it, so it is only the check that looks. */
static mdl_status check_raw_hash(const store_reader *reader, const load *l, const char *path,
                                 const void *raw, mdl_error *error)
{
    const mdli_piece *piece = l->piece;
    uint64_t low;
    uint64_t high;
    mdli_hash_stored(reader->store->context, raw, piece->raw_bytes, &low, &high);
    if ((piece->raw_low | piece->raw_high) != 0 &&
        (low != piece->raw_low || high != piece->raw_high)) {
        return say_damaged(l, path, "its bytes are not those that the manifest names", error);
    }
    return MDL_OK;
}

/* Reads a piece in its raw form. */
static mdl_status read_piece(const store_reader *reader, load_worker *worker, const load *l,
                             int file, const char *path, void *to, mdl_error *error)
{
    if (!l->piece->is_compressed) {
        MDLI_TRY(read_stored(reader, l, file, path, to, error));
        return reader->blocks == NULL ? check_parts(reader, l, path, to, error) : MDL_OK;
    }
    mdl_context *context = reader->store->context;
    const int64_t stored_bytes = l->piece->content.stored_bytes;
    MDLI_TRY(mdli_grow_array(context, &worker->stored, &worker->stored_capacity, 0, stored_bytes, 1,
                             "store", error));
    MDLI_TRY(read_stored(reader, l, file, path, worker->stored, error));
    if (worker->decompressor == NULL) {
        MDLI_TRY(mdli_decompressor_create(context, &worker->decompressor, error));
    }
    mdl_error reason = MDL_ERROR_INIT;
    mdl_status status = mdli_decompressor_run(worker->decompressor, worker->stored, stored_bytes,
                                              to, l->piece->raw_bytes, &reason);
    if (status == MDL_E_CORRUPT) {
        return say_damaged(l, path, reason.message, error);
    }
    MDLI_TRY(mdli_error_copy(error, &reason));
    return reader->blocks == NULL ? check_raw_hash(reader, l, path, to, error) : MDL_OK;
}

/* Makes a dictionary of its lengths (4 bytes each) and its bytes. */
static mdl_status parse_dictionary(const store_reader *reader, const load *l, const char *path,
                                   const uint8_t *raw, mdl_error *error)
{
    mdl_context *context = reader->store->context;
    const mdli_stored_dictionary *stored = &reader->version->dictionaries[l->index];
    const int64_t n = stored->n_entries;
    int64_t offset = n * (int64_t)sizeof(uint32_t);
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, n, sizeof(mdl_string), "dictionary", &memory, error));
    mdl_string *entries = memory;
    for (int64_t i = 0; i < n; i++) {
        uint32_t size;
        memcpy(&size, raw + i * (int64_t)sizeof size, sizeof size);
        /* No entry is looked at before all are known to fit. */
        entries[i] = (mdl_string){
            (const char *)raw + (offset <= stored->piece.raw_bytes ? offset : 0), size};
        offset += size;
    }
    mdl_status status;
    if (offset != stored->piece.raw_bytes) {
        status = say_damaged(l, path, "the texts of its dictionary do not fit it", error);
    } else {
        mdli_dictionary **made = &reader->dictionaries[l->index];
        status = mdli_dictionary_create(context, entries, n, made, error);
        if (status == MDL_OK) {
            mdli_content_note_set(&(*made)->content, &stored->piece.content);
        }
    }
    mdli_free(context, memory);
    return status;
}

static mdl_status load_dictionary(const store_reader *reader, load_worker *worker, const load *l,
                                  int file, const char *path, mdl_error *error)
{
    MDLI_TRY(mdli_grow_array(reader->store->context, &worker->raw, &worker->raw_capacity, 0,
                             l->piece->raw_bytes, 1, "dictionary", error));
    if (l->piece->segment >= 0) {
        MDLI_TRY(read_piece(reader, worker, l, file, path, worker->raw, error));
    }
    return parse_dictionary(reader, l, path, worker->raw, error);
}

static void fill_block(const mdli_stored_block *stored, mdli_dictionary *const *dictionaries,
                       mdli_block *block)
{
    block->has_min_max = stored->has_min_max;
    block->is_sorted = stored->is_sorted;
    block->is_strictly_sorted = stored->is_strictly_sorted;
    block->n_distinct = stored->n_distinct;
    block->min = stored->min;
    block->max = stored->max;
    block->first = stored->first;
    block->last = stored->last;
    if (stored->dictionary >= 0) {
        block->dictionary = dictionaries[stored->dictionary];
        mdli_dictionary_retain(block->dictionary);
    }
}

/* The parent of a slice: in memory before, or what was read just before the slice. */
static mdli_block *find_parent(const store_reader *reader, const load_worker *worker, const load *l)
{
    mdli_block *parent = reader->blocks != NULL ? reader->blocks[l->holder] : NULL;
    return parent != NULL ? parent : worker->holder;
}

static mdl_status allocate_block(const store_reader *reader, const load_worker *worker,
                                 const load *l, mdli_block **block, void **body, mdl_error *error)
{
    const mdli_stored_block *stored = &reader->version->blocks[l->index];
    if (stored->parent >= 0) {
        return mdli_block_allocate_slice(stored->type, find_parent(reader, worker, l),
                                         stored->first_row, stored->n_rows, block, error);
    }
    if (worker->slab != NULL) {
        mdli_slab_place_block(worker->slab, stored->type, stored->encoding, stored->n_rows,
                              stored->n_nulls, stored->payload_bytes, block, body);
        return MDL_OK;
    }
    return mdli_block_allocate_unfilled(reader->store->context, stored->type, stored->encoding,
                                        stored->n_rows, stored->n_nulls, stored->payload_bytes,
                                        block, body, error);
}

static mdl_status load_block(const store_reader *reader, load_worker *worker, const load *l,
                             int file, const char *path, mdl_error *error)
{
    const mdli_stored_block *stored = &reader->version->blocks[l->index];
    mdli_block *block;
    void *body;
    MDLI_TRY(allocate_block(reader, worker, l, &block, &body, error));
    fill_block(stored, reader->dictionaries, block);
    mdl_status status = MDL_OK;
    const char *fault = NULL;
    if (stored->piece.segment >= 0) {
        MDLI_TRY_GOTO_DONE(read_piece(reader, worker, l, file, path, body, error));
        mdli_content_note_set(&block->content, &l->piece->content);
    }
    MDLI_TRY_GOTO_DONE(mdli_block_check(block, &worker->decoding, &fault, error));
    if (fault != NULL) {
        status = say_damaged(l, path, fault, error);
    }
    if (status == MDL_OK && stored->parent < 0) {
        mdli_block_release(worker->holder);
        worker->holder = block;
        mdli_block_retain(block);
    }
done:
    if (status == MDL_OK && reader->blocks != NULL) {
        reader->blocks[l->index] = block;
    } else {
        mdli_block_release(block);
    }
    return status;
}

/*
 * Jobs.
 */

/* Takes memory for the blocks of a job in one piece, unless it is little or they are let go one
 * after another. */
static mdl_status begin_slab(const store_reader *reader, load_worker *worker, const load *first,
                             const load *end, mdl_error *error)
{
    int64_t size_bytes = 0;
    for (const load *l = first; l < end && reader->blocks != NULL; l++) {
        const mdli_stored_block *stored = &reader->version->blocks[l->index];
        if (stored->parent < 0) {
            size_bytes +=
                mdli_slab_bytes_of_block(stored->payload_bytes, stored->n_rows, stored->n_nulls);
        }
    }
    if (size_bytes < SLAB_BYTES_MIN) {
        return MDL_OK;
    }
    return mdli_slab_allocate(reader->store->context, size_bytes, &worker->slab, error);
}

static mdl_status load_all(const store_reader *reader, load_worker *worker, const load *first,
                           const load *end, int file, const char *path, mdl_error *error)
{
    if (reader->are_dictionaries) {
        for (const load *l = first; l < end; l++) {
            MDLI_TRY(load_dictionary(reader, worker, l, file, path, error));
        }
        return MDL_OK;
    }
    MDLI_TRY(begin_slab(reader, worker, first, end, error));
    mdl_status status = MDL_OK;
    for (const load *l = first; l < end && status == MDL_OK; l++) {
        status = load_block(reader, worker, l, file, path, error);
    }
    mdli_slab_release(worker->slab);
    worker->slab = NULL;
    return status;
}

static mdl_status run_job(void *data, int64_t job, int worker_index, mdl_error *error)
{
    const store_reader *reader = data;
    load_worker *worker = &reader->workers[worker_index];
    const load *first = &reader->loads[reader->job_starts[job]];
    const load *end = &reader->loads[reader->job_starts[job + 1]];
    const int32_t segment = first->piece->segment;
    const char *path = reader->store->path;
    int file = -1;
    if (segment >= 0) {
        path = mdli_store_path_to_segment(&worker->path, &reader->version->segments[segment].id);
        MDLI_TRY(mdli_store_open_segment(reader->store->files, &reader->version->segments[segment],
                                         path, &file, error));
    }
    mdl_status status = load_all(reader, worker, first, end, file, path, error);
    if (file >= 0) {
        reader->store->files->close(reader->store->files->data, file);
    }
    return status;
}

static int compare_loads(const void *a, const void *b)
{
    const load *x = a;
    const load *y = b;
    if (x->piece->segment != y->piece->segment) {
        return x->piece->segment < y->piece->segment ? -1 : 1;
    }
    if (x->piece->offset_bytes != y->piece->offset_bytes) {
        return x->piece->offset_bytes < y->piece->offset_bytes ? -1 : 1;
    }
    if (x->holder != y->holder) {
        return x->holder < y->holder ? -1 : 1;
    }
    /* A parent is listed before its slices. */
    return (x->index > y->index) - (x->index < y->index);
}

/* Cuts the loads, in order of place, in jobs that stay within a segment and do not part slices from
 * their parents. */
static void cut_jobs(store_reader *reader)
{
    int64_t job_bytes = 0;
    reader->n_jobs = 0;
    qsort(reader->loads, (size_t)reader->n_loads, sizeof *reader->loads, compare_loads);
    for (int64_t i = 0; i < reader->n_loads; i++) {
        const mdli_piece *piece = reader->loads[i].piece;
        if (i == 0 || piece->segment != reader->loads[i - 1].piece->segment ||
            (job_bytes >= JOB_BYTES && reader->loads[i].holder != reader->loads[i - 1].holder)) {
            reader->job_starts[reader->n_jobs++] = i;
            job_bytes = 0;
        }
        job_bytes += piece->raw_bytes;
    }
    reader->job_starts[reader->n_jobs] = reader->n_loads;
}

static mdl_status prepare_workers(store_reader *reader, mdl_error *error)
{
    mdl_context *context = reader->store->context;
    const int n_workers = mdli_n_workers(context, reader->n_jobs);
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_workers * sizeof *reader->workers, "store",
                                  &memory, error));
    reader->workers = memory;
    reader->n_workers = n_workers;
    for (int w = 0; w < n_workers; w++) {
        mdli_decode_buffer_init(&reader->workers[w].decoding, context);
        reader->workers[w].path.context = context;
    }
    for (int w = 0; w < n_workers; w++) {
        MDLI_TRY(
            mdli_store_path_init(&reader->workers[w].path, context, reader->store->path, error));
    }
    return MDL_OK;
}

static void free_workers(store_reader *reader)
{
    mdl_context *context = reader->store->context;
    for (int w = 0; w < reader->n_workers; w++) {
        mdli_decode_buffer_free(&reader->workers[w].decoding);
        mdli_decompressor_free(reader->workers[w].decompressor);
        mdli_store_path_free(&reader->workers[w].path);
        mdli_free(context, reader->workers[w].stored);
        mdli_free(context, reader->workers[w].raw);
        mdli_block_release(reader->workers[w].holder);
    }
    mdli_free(context, reader->workers);
    reader->workers = NULL;
    reader->n_workers = 0;
}

static mdl_status run_loads(store_reader *reader, mdl_error *error)
{
    if (reader->n_loads == 0) {
        return MDL_OK;
    }
    cut_jobs(reader);
    mdl_status status = prepare_workers(reader, error);
    if (status == MDL_OK) {
        status = mdli_parallel_for(reader->store->context, reader->n_jobs, run_job, reader, error);
    }
    free_workers(reader);
    return status;
}

/*
 * What is to be read.
 */

static void want(store_reader *reader, const load *wanted)
{
    if (!reader->is_wanted[wanted->index]) {
        reader->is_wanted[wanted->index] = true;
        reader->loads[reader->n_loads++] = *wanted;
    }
}

static void want_block(store_reader *reader, load *wanted)
{
    wanted->piece = &reader->version->blocks[wanted->holder].piece;
    if (reader->blocks == NULL || reader->blocks[wanted->index] == NULL) {
        want(reader, wanted);
    }
}

/* Notes the blocks of a column, or their dictionaries, that are not there yet. */
static void want_column(store_reader *reader, const mdli_stored_table *table,
                        const mdli_stored_column *column)
{
    for (int32_t b = 0; b < column->n_blocks; b++) {
        const int32_t index = column->blocks[b];
        const mdli_stored_block *block = &reader->version->blocks[index];
        load wanted = {
            .index = index, .holder = index, .table = table, .column = column, .block = b};
        if (!reader->are_dictionaries) {
            if (block->parent >= 0) {
                wanted.index = wanted.holder = block->parent;
                want_block(reader, &wanted);
            }
            wanted.index = index;
            want_block(reader, &wanted);
        } else if (block->dictionary >= 0 && reader->dictionaries[block->dictionary] == NULL) {
            wanted.index = wanted.holder = block->dictionary;
            wanted.piece = &reader->version->dictionaries[block->dictionary].piece;
            want(reader, &wanted);
        }
    }
}

/* Columns of tables that are to be read. */
typedef struct column_choice {
    const mdli_stored_table *table;
    const int32_t *columns; /* positions; NULL = all */
    int32_t n_columns;
} column_choice;

/* The position in its table of the i-th of the columns that are to be read. */
static int32_t chosen_column(const column_choice *choice, int32_t i)
{
    return choice->columns != NULL ? choice->columns[i] : i;
}

/* Reads dictionaries or blocks of the chosen columns of each table. */
static mdl_status load_kind(store_reader *reader, bool are_dictionaries,
                            const column_choice *choices, int32_t n_choices, mdl_error *error)
{
    mdl_context *context = reader->store->context;
    const int64_t n_max =
        are_dictionaries ? reader->version->n_dictionaries : reader->version->n_blocks;
    void *memory;
    MDLI_TRY(mdli_allocate(context,
                           (size_t)(n_max + 1) * (sizeof(load) + sizeof(int64_t) + sizeof(bool)),
                           "store", &memory, error));
    reader->are_dictionaries = are_dictionaries;
    reader->loads = memory;
    reader->job_starts = (int64_t *)(reader->loads + n_max + 1);
    reader->is_wanted = (bool *)(reader->job_starts + n_max + 1);
    reader->n_loads = 0;
    memset(reader->is_wanted, 0, (size_t)n_max * sizeof *reader->is_wanted);
    for (int32_t t = 0; t < n_choices; t++) {
        const column_choice *choice = &choices[t];
        for (int32_t c = 0; c < choice->n_columns; c++) {
            want_column(reader, choice->table, &choice->table->columns[chosen_column(choice, c)]);
        }
    }
    mdl_status status = run_loads(reader, error);
    mdli_free(context, memory);
    return status;
}

/*
 * Blocks whose bytes come when they are asked for.
 */

static bool comes_in_parts(const mdli_stored_block *stored)
{
    return stored->piece.part_hashes != NULL && stored->has_min_max &&
           mdli_can_come_in_parts(stored->type, stored->encoding, stored->n_nulls,
                                  stored->is_sorted, stored->payload_bytes);
}

/* Makes a block without reading it, unless it is in memory, or is to be read as a whole. `*place`
 * is made when it is needed first. */
static mdl_status place_block(store_reader *reader, const mdli_stored_table *table,
                              const mdli_stored_column *column, int32_t number, int32_t index,
                              mdli_column_place **place, mdl_error *error)
{
    mdl_store *store = reader->store;
    const mdli_stored_block *stored = &reader->version->blocks[index];
    mdli_segment_file *file;
    mdli_block *block;
    void *body;
    if (reader->blocks[index] != NULL || !comes_in_parts(stored)) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_segment_file_open(&store->at_hand, store, stored->piece.segment, &file, error));
    if (file == NULL) {
        return MDL_OK;
    }
    if (*place == NULL) {
        MDLI_TRY(mdli_column_place_create(store->context, table->name, column->name, place, error));
    }
    MDLI_TRY(mdli_block_allocate_unfilled(store->context, stored->type, stored->encoding,
                                          stored->n_rows, stored->n_nulls, stored->payload_bytes,
                                          &block, &body, error));
    fill_block(stored, reader->dictionaries, block);
    mdli_content_note_set(&block->content, &stored->piece.content);
    mdl_status status = mdli_read_in_parts(block, &stored->piece, file, *place, number, error);
    if (status == MDL_OK) {
        reader->blocks[index] = block;
    } else {
        mdli_block_release(block);
    }
    return status;
}

/* Makes the blocks of a column that need not be read now, and the parents of its slices. */
static mdl_status place_blocks(store_reader *reader, const mdli_stored_table *table,
                               const mdli_stored_column *column, mdl_error *error)
{
    mdli_column_place *place = NULL;
    mdl_status status = MDL_OK;
    for (int32_t b = 0; b < column->n_blocks && status == MDL_OK; b++) {
        const int32_t index = column->blocks[b];
        const int32_t parent = reader->version->blocks[index].parent;
        status = place_block(reader, table, column, b, parent >= 0 ? parent : index, &place, error);
    }
    mdli_column_place_release(place);
    return status;
}

static mdl_status load_columns(store_reader *reader, const column_choice *choices,
                               int32_t n_choices, mdl_error *error)
{
    for (int32_t t = 0; t < n_choices && reader->blocks != NULL; t++) {
        const column_choice *choice = &choices[t];
        for (int32_t c = 0; c < choice->n_columns; c++) {
            const mdli_stored_column *column = &choice->table->columns[chosen_column(choice, c)];
            MDLI_TRY(place_blocks(reader, choice->table, column, error));
        }
    }
    MDLI_TRY(load_kind(reader, true, choices, n_choices, error));
    return load_kind(reader, false, choices, n_choices, error);
}

/*
 * Tables.
 */

/* Puts a column together from blocks that are in memory. */
static mdl_status make_column(const mdl_store *store, const mdli_stored_column *stored,
                              mdl_column **out, mdl_error *error)
{
    mdl_context *context = store->context;
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, stored->n_blocks, sizeof(mdli_block *), "column", &memory,
                                 error));
    mdli_block **blocks = memory;
    mdl_status status = MDL_OK;
    int32_t n_made = 0;
    while (status == MDL_OK && n_made < stored->n_blocks) {
        mdli_block *block = store->at_hand.blocks[stored->blocks[n_made]];
        if (block->type == stored->type) {
            mdli_block_retain(block);
            blocks[n_made++] = block;
        } else {
            status = mdli_block_retype(block, stored->type, &blocks[n_made], error);
            n_made += status == MDL_OK;
        }
    }
    if (status == MDL_OK) {
        status = mdli_column_from_blocks(context, stored->type, blocks, n_made, out, error);
        if (status == MDL_OK && stored->type == MDL_TYPE_STRING) {
            (*out)->stats.n_distinct = stored->n_distinct;
        }
    } else {
        for (int32_t b = 0; b < n_made; b++) {
            mdli_block_release(blocks[b]);
        }
    }
    mdli_free(context, memory);
    return status;
}

/* Room for columns, their names and their positions. */
typedef struct table_parts {
    mdl_column **columns;
    const char **names;
    int32_t *positions;
} table_parts;

static mdl_status allocate_parts(mdl_context *context, int32_t n, table_parts *parts,
                                 mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, n,
                                 sizeof(mdl_column *) + sizeof(char *) + sizeof(int32_t), "table",
                                 &memory, error));
    parts->columns = memory;
    parts->names = (const char **)(parts->columns + n);
    parts->positions = (int32_t *)(parts->names + n);
    return MDL_OK;
}

static mdl_status choose_columns(const mdli_stored_table *table, const char *const *columns,
                                 int32_t n_columns, table_parts *parts, mdl_error *error)
{
    for (int32_t i = 0; i < n_columns; i++) {
        int32_t position = columns == NULL ? i : 0;
        while (columns != NULL && position < table->n_columns &&
               strcmp(table->columns[position].name, columns[i]) != 0) {
            position++;
        }
        if (position == table->n_columns) {
            return mdl_error_set(error, MDL_E_NOT_FOUND, "table %s of the store has no column %s",
                                 table->name, columns[i]);
        }
        parts->positions[i] = position;
        parts->names[i] = table->columns[position].name;
    }
    const char *repeated =
        columns != NULL ? mdli_find_repeated_name(parts->names, n_columns) : NULL;
    if (repeated != NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "column %s is asked for twice", repeated);
    }
    return MDL_OK;
}

static mdl_status make_table(const mdl_store *store, const mdli_stored_table *stored,
                             const table_parts *parts, int32_t n_columns, mdl_table **out,
                             mdl_error *error)
{
    mdl_status status = MDL_OK;
    int32_t n_made = 0;
    while (status == MDL_OK && n_made < n_columns) {
        const mdli_stored_column *column = &stored->columns[parts->positions[n_made]];
        parts->names[n_made] = column->name;
        status = make_column(store, column, &parts->columns[n_made], error);
        n_made += status == MDL_OK;
    }
    if (status == MDL_OK) {
        return mdli_table_create(store->context, parts->names, parts->columns, n_columns,
                                 stored->n_rows, out, error);
    }
    for (int32_t c = 0; c < n_made; c++) {
        mdli_column_release(parts->columns[c]);
    }
    return status;
}

mdl_status mdl_store_read_table(mdl_store *store, const char *name, const char *const *columns,
                                int32_t n_columns, mdl_table **out, mdl_error *error)
{
    *out = NULL;
    const mdli_stored_table *stored = mdli_version_find_table(&store->at_hand.version, name);
    if (stored == NULL) {
        return mdl_error_set(error, MDL_E_NOT_FOUND, "the store has no table %s", name);
    }
    if (columns != NULL && n_columns < 0) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "%d columns cannot be read", (int)n_columns);
    }
    table_parts parts;
    const int32_t n = columns == NULL ? stored->n_columns : n_columns;
    mdl_status status;
    MDLI_TRY(allocate_parts(store->context, n, &parts, error));
    MDLI_TRY_GOTO_DONE(choose_columns(stored, columns, n, &parts, error));
    mdli_loaded_version_prune(&store->at_hand);
    store_reader reader = {.store = store,
                           .version = &store->at_hand.version,
                           .dictionaries = store->at_hand.dictionaries,
                           .blocks = store->at_hand.blocks};
    const column_choice choice = {.table = stored, .columns = parts.positions, .n_columns = n};
    MDLI_TRY_GOTO_DONE(load_columns(&reader, &choice, 1, error));
    MDLI_TRY_GOTO_DONE(make_table(store, stored, &parts, n, out, error));
done:
    mdli_free(store->context, parts.columns);
    return status;
}

/*
 * The check.
 */

/* Reads everything anew, with dictionaries of its own. */
static mdl_status check_tables(mdl_store *store, mdli_dictionary **dictionaries, mdl_error *error)
{
    const mdli_version *version = &store->at_hand.version;
    store_reader reader = {.store = store, .version = version, .dictionaries = dictionaries};
    void *memory;
    MDLI_TRY(mdli_allocate_array(store->context, version->n_tables, sizeof(column_choice), "store",
                                 &memory, error));
    column_choice *choices = memory;
    for (int32_t t = 0; t < version->n_tables; t++) {
        choices[t] = (column_choice){.table = &version->tables[t],
                                     .n_columns = version->tables[t].n_columns};
    }
    mdl_status status = load_columns(&reader, choices, version->n_tables, error);
    mdli_free(store->context, memory);
    return status;
}

/* The files that are not segments. */
static mdl_status check_manifest(const mdl_store *store, mdl_error *error)
{
    int64_t number;
    mdli_version version;
    MDLI_TRY(mdli_store_read_current(store->context, store->files, store->path, &number, error));
    if (store->at_hand.version.number == 0) {
        return MDL_OK;
    }
    mdli_version_init(&version, store->context);
    mdl_status status = mdli_store_read_version(store->files, store->path,
                                                store->at_hand.version.number, &version, error);
    mdli_version_clear(&version);
    return status;
}

mdl_status mdl_store_check(mdl_store *store, mdl_error *error)
{
    const int32_t n = store->at_hand.version.n_dictionaries;
    void *memory;
    MDLI_TRY(check_manifest(store, error));
    MDLI_TRY(mdli_allocate_zeroed(store->context, (size_t)n * sizeof(mdli_dictionary *), "store",
                                  &memory, error));
    mdli_dictionary **dictionaries = memory;
    mdl_status status = check_tables(store, dictionaries, error);
    for (int32_t d = 0; d < n; d++) {
        mdli_dictionary_release(dictionaries[d]);
    }
    mdli_free(store->context, memory);
    return status;
}
