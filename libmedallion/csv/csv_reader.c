/*
 * Reading a CSV file with all threads, exactly.
 *
 * The file is cut in chunks of equal size. Workers parse chunks side by side, each on the premise
 * that it does not begin inside quotes (csv_chunk.h). Parsed chunks are committed strictly in file
 * order, and there it is known where the next record starts: the header's end is, and a chunk
 * parsed from a true start tells the next one. A chunk whose premise proves false, because it
 * started elsewhere, is parsed again from the true start; one in which no record starts is passed
 * over. So by induction over the chunks every record is split exactly, the result never depends on
 * a guess, and neither on the size of chunks nor on the number of threads. The first bad record in
 * file order decides what a failed read tells.
 *
 * At most two chunks per worker are in memory. What a file's bytes are hashed from is the same
 * memory, so the file is read once.
 */
#include "medallion/csv.h"

#include <pthread.h>
#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "column/column_internal.h"
#include "csv/csv_chunk.h"
#include "csv/csv_layout.h"
#include "csv/csv_rejects.h"
#include "csv/csv_schema.h"
#include "csv/csv_source.h"
#include "csv/csv_text.h"
#include "kernels/kernels.h"

enum {
    CHUNKS_PER_WORKER = 2,
    HEADER_PIECE_BYTES = 4096
};

/* One place of the ring of chunks that are in memory. */
typedef struct ring_slot {
    mdli_csv_chunk chunk;
    bool is_parsed; /* and not committed yet */
} ring_slot;

/* The encoded rows of a column. */
typedef struct block_list {
    mdli_block **blocks;
    int64_t n_blocks;
    int64_t capacity;
} block_list;

typedef struct csv_reader {
    mdl_context *context;
    const mdli_kernels *kernels;
    const mdli_csv_source *source;
    const mdl_csv_options *options;
    mdli_csv_schema schema;
    bool is_crlf; /* the header ends so */
    mdli_csv_parser_options parser_options;
    int64_t n_bad_max;

    /* Who takes what; guarded by `lock`. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    ring_slot *slots;
    int64_t n_slots;
    int64_t n_chunks;
    int64_t next_to_parse;
    int64_t next_to_commit;
    bool is_committing;
    bool has_failed;

    /* What is committed; belongs to the worker that commits. */
    int64_t next_record; /* where it starts in the file */
    int64_t n_lines;     /* line ends before that */
    int64_t n_records;
    int64_t n_rows;
    int64_t n_rejected;
    block_list *columns;
    mdl_table_builder *rejects; /* NULL = none so far */
    mdli_csv_layout *layout;    /* NULL = columns are left out, so it is not kept */
    mdli_csv_text blank_lines;  /* behind the last record so far, where there is a layout */
    mdli_hash_state hash;
} csv_reader;

/* ---- The header ---- */

/* Reads the file's start to `window`, up to the end of its header, which `header` gets. */
static mdl_status find_header(const csv_reader *reader, mdli_csv_window *window,
                              mdli_csv_record *header, mdl_error *error)
{
    const mdli_csv_source *source = reader->source;
    int64_t end = HEADER_PIECE_BYTES;
    do {
        MDLI_TRY(mdli_csv_window_load(window, reader->context, source, end, error));
        end *= 2;
    } while (!mdli_csv_split_header(window->bytes, window->bytes + window->size_bytes,
                                    window->size_bytes == source->size_bytes, NULL, 0, header));
    if (header->is_blank) {
        return mdl_error_set(error, MDL_E_SCHEMA, "%s has no header", source->path);
    }
    return MDL_OK;
}

/* Splits the header that was found and matches it with the columns that are asked for. */
static mdl_status match_header(csv_reader *reader, const mdli_csv_window *window,
                               const mdli_csv_record *header, mdl_error *error)
{
    void *fields;
    mdli_csv_record again;
    MDLI_TRY(mdli_allocate_array(reader->context, header->n_fields, sizeof(mdli_csv_field),
                                 "csv header", &fields, error));
    mdli_csv_split_record(header->start, window->bytes + window->size_bytes, true, fields,
                          header->n_fields, &again);
    mdl_status status = mdli_csv_schema_match(&reader->schema, &again, fields, window->bytes,
                                              reader->options->allow_extra_columns, error);
    mdli_free(reader->context, fields);
    return status;
}

/* Starts the layout with the file's first bytes. */
static mdl_status start_layout(csv_reader *reader, const mdli_csv_window *window,
                               const mdli_csv_record *header, mdl_error *error)
{
    const mdli_csv_schema *schema = &reader->schema;
    reader->is_crlf = header->next - header->end == 2;
    if (schema->n_fields > schema->n_targets) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_csv_layout_create(reader->context, &reader->layout, error));
    return mdli_csv_layout_append(reader->layout, 0,
                                  (mdl_string){window->bytes, header->next - window->bytes}, error);
}

static mdl_status read_header(csv_reader *reader, mdl_error *error)
{
    mdli_csv_window window = {.memory = NULL};
    mdli_csv_record header;
    if (reader->source->size_bytes == 0) {
        return mdl_error_set(error, MDL_E_DATA, "%s is empty: it has 0 bytes and no header",
                             reader->source->path);
    }
    mdl_status status = find_header(reader, &window, &header, error);
    if (status == MDL_OK) {
        status = match_header(reader, &window, &header, error);
    }
    if (status == MDL_OK) {
        status = start_layout(reader, &window, &header, error);
    }
    if (status == MDL_OK) {
        reader->next_record = header.next - window.bytes;
        reader->n_lines = mdli_csv_count_lines(window.bytes, reader->next_record);
    }
    mdli_csv_window_free(&window, reader->context);
    return status;
}

/* ---- Committing ---- */

/* Rejects a bad record of a chunk, or raises it where that is more than may be rejected. */
static mdl_status take_bad_record(csv_reader *reader, const mdli_csv_bad_record *bad,
                                  mdl_error *error)
{
    mdli_csv_place place = {.path = reader->source->path,
                            .line = 1 + reader->n_lines + bad->line,
                            .record = 1 + reader->n_records + bad->record,
                            .column = mdli_csv_bad_column(&reader->schema, bad),
                            .offset_bytes = bad->offset_bytes,
                            .text = bad->text};
    if (reader->n_rejected >= reader->n_bad_max) {
        char reason[MDLI_CSV_REASON_SIZE];
        mdli_csv_describe(&reader->schema, bad, reason);
        return mdli_csv_raise(error, MDL_E_DATA, &place, reason);
    }
    if (reader->rejects == NULL) {
        MDLI_TRY(mdli_csv_rejects_create(reader->context, &reader->rejects, error));
    }
    reader->n_rejected++;
    return mdli_csv_rejects_append(reader->rejects, &reader->schema, bad, &place, error);
}

/* Moves the chunk's blocks to their columns. */
static mdl_status take_blocks(csv_reader *reader, mdli_csv_chunk *chunk, mdl_error *error)
{
    int32_t n_columns = reader->schema.n_targets;
    int64_t n_each = chunk->n_blocks / n_columns;
    for (int32_t i = 0; i < n_columns; i++) {
        block_list *column = &reader->columns[i];
        void *blocks = column->blocks;
        MDLI_TRY(mdli_grow_array(reader->context, &blocks, &column->capacity, column->n_blocks,
                                 column->n_blocks + n_each, sizeof *column->blocks, "csv columns",
                                 error));
        column->blocks = blocks;
    }
    for (int64_t i = 0; i < chunk->n_blocks; i++) {
        block_list *column = &reader->columns[i % n_columns];
        column->blocks[column->n_blocks++] = chunk->blocks[i];
    }
    chunk->n_blocks = 0;
    return MDL_OK;
}

/* Bytes [start, end) of the file, which the chunk has. */
static mdl_string bytes_of(const mdli_csv_chunk *chunk, int64_t start_bytes, int64_t end_bytes)
{
    return (mdl_string){chunk->window.bytes + (start_bytes - chunk->window.offset_bytes),
                        end_bytes - start_bytes};
}

/* Takes over what the chunk keeps of its records. Blank lines wait for the record behind them. */
static mdl_status take_layout(csv_reader *reader, mdli_csv_chunk *chunk, mdl_error *error)
{
    mdl_context *context = reader->context;
    mdli_csv_text *blank_lines = &reader->blank_lines;
    int64_t blank_start = chunk->first_record;
    if (chunk->n_records > 0) {
        blank_start = chunk->last_record_end;
        if (blank_lines->size_bytes > 0) {
            MDLI_TRY(mdli_csv_prepend_blank_lines(
                context, chunk, (mdl_string){blank_lines->bytes, blank_lines->size_bytes}, error));
            blank_lines->size_bytes = 0;
        }
        MDLI_TRY(mdli_csv_layout_take(reader->layout, &chunk->kept, 1 + reader->n_records, error));
    }
    return mdli_csv_append_bytes(context, blank_lines,
                                 bytes_of(chunk, blank_start, chunk->next_record), error);
}

/* Takes over what was found in a chunk that was parsed from where its first record starts. */
static mdl_status take_results(csv_reader *reader, mdli_csv_chunk *chunk, mdl_error *error)
{
    for (int64_t i = 0; i < chunk->n_bad_records; i++) {
        MDLI_TRY(take_bad_record(reader, &chunk->bad_records[i], error));
    }
    MDLI_TRY(take_blocks(reader, chunk, error));
    if (reader->layout != NULL) {
        MDLI_TRY(take_layout(reader, chunk, error));
    }
    reader->n_lines += chunk->n_lines;
    reader->n_records += chunk->n_records;
    reader->n_rows += chunk->n_rows;
    reader->next_record = chunk->next_record;
    return MDL_OK;
}

static mdl_status commit_chunk(csv_reader *reader, mdli_csv_parser *parser, mdli_csv_chunk *chunk,
                               mdl_error *error)
{
    mdl_string bytes = bytes_of(chunk, chunk->start_bytes, chunk->end_bytes);
    reader->kernels->hash_update(&reader->hash, bytes.data, bytes.size_bytes);
    if (reader->next_record < chunk->end_bytes) {
        if (!chunk->is_complete || chunk->first_record != reader->next_record) {
            MDLI_TRY(mdli_csv_parse_from(parser, chunk, reader->next_record, error));
        }
        MDLI_TRY(take_results(reader, chunk, error));
    }
    mdl_progress progress = {.task = reader->source->path,
                             .done = chunk->end_bytes,
                             .total = reader->source->size_bytes,
                             .unit = "bytes",
                             .n_rows = reader->n_rows};
    return mdli_progress(reader->context, &progress, error);
}

/* ---- Workers ---- */

/* The chunk that is to be committed next, where it is parsed and nobody else commits; or NULL. */
static ring_slot *find_committable(csv_reader *reader)
{
    ring_slot *next = &reader->slots[reader->next_to_commit % reader->n_slots];
    return !reader->is_committing && next->is_parsed ? next : NULL;
}

/* Commits the chunk in `slot`. Called and left with the lock held. */
static mdl_status commit_next(csv_reader *reader, mdli_csv_parser *parser, ring_slot *slot,
                              mdl_error *error)
{
    reader->is_committing = true;
    pthread_mutex_unlock(&reader->lock);
    mdl_status status = commit_chunk(reader, parser, &slot->chunk, error);
    pthread_mutex_lock(&reader->lock);
    reader->is_committing = false;
    if (status == MDL_OK) {
        slot->is_parsed = false;
        reader->next_to_commit++;
        pthread_cond_broadcast(&reader->changed);
    }
    return status;
}

/* Parses the next chunk. Called and left with the lock held. */
static mdl_status parse_next(csv_reader *reader, mdli_csv_parser *parser, mdl_error *error)
{
    int64_t number = reader->next_to_parse++;
    ring_slot *slot = &reader->slots[number % reader->n_slots];
    pthread_mutex_unlock(&reader->lock);
    mdli_csv_chunk *chunk = &slot->chunk;
    int64_t chunk_bytes = reader->parser_options.chunk_bytes;
    int64_t n_left = reader->source->size_bytes - number * chunk_bytes;
    chunk->start_bytes = number * chunk_bytes;
    chunk->end_bytes = chunk->start_bytes + (n_left < chunk_bytes ? n_left : chunk_bytes);
    mdl_status status = mdli_check_cancel(reader->context, error);
    if (status == MDL_OK) {
        status = mdli_csv_parse_premise(parser, chunk, error);
    }
    pthread_mutex_lock(&reader->lock);
    if (status == MDL_OK) {
        slot->is_parsed = true;
        pthread_cond_broadcast(&reader->changed);
    }
    return status;
}

/* Parses and commits chunks until all are committed, or a worker has failed. Called and left with
 * the lock held. A worker that waits, waits for one that works: who takes a chunk always ends it or
 * fails. */
static mdl_status take_turns(csv_reader *reader, mdli_csv_parser *parser, mdl_error *error)
{
    while (!reader->has_failed && reader->next_to_commit < reader->n_chunks) {
        ring_slot *committable = find_committable(reader);
        if (committable != NULL) {
            MDLI_TRY(commit_next(reader, parser, committable, error));
        } else if (reader->next_to_parse < reader->n_chunks &&
                   reader->next_to_parse < reader->next_to_commit + reader->n_slots) {
            MDLI_TRY(parse_next(reader, parser, error));
        } else {
            pthread_cond_wait(&reader->changed, &reader->lock);
        }
    }
    return MDL_OK;
}

static mdl_status run_worker(void *data, int64_t job, int worker, mdl_error *error)
{
    (void)job;
    (void)worker;
    csv_reader *reader = data;
    mdli_csv_parser *parser;
    mdl_status status =
        mdli_csv_parser_create(reader->context, &reader->parser_options, &parser, error);
    pthread_mutex_lock(&reader->lock);
    if (status == MDL_OK) {
        status = take_turns(reader, parser, error);
    }
    if (status != MDL_OK) {
        reader->has_failed = true;
        pthread_cond_broadcast(&reader->changed);
    }
    pthread_mutex_unlock(&reader->lock);
    mdli_csv_parser_free(parser);
    return status;
}

static mdl_status read_chunks(csv_reader *reader, mdl_error *error)
{
    int64_t size_bytes = reader->source->size_bytes;
    int64_t chunk_bytes = mdli_context_chunk_bytes(reader->context);
    chunk_bytes = chunk_bytes < size_bytes ? chunk_bytes : size_bytes;
    reader->n_chunks = (size_bytes - 1) / chunk_bytes + 1;
    reader->parser_options =
        (mdli_csv_parser_options){.schema = &reader->schema,
                                  .source = reader->source,
                                  .chunk_bytes = chunk_bytes,
                                  .n_bad_max = reader->n_bad_max,
                                  .keeps_raw = reader->options->on_error == MDL_ON_ERROR_SKIP,
                                  .keeps_layout = reader->layout != NULL,
                                  .is_crlf = reader->is_crlf};
    int n_workers = mdli_n_workers(reader->context, reader->n_chunks);
    /* A worker alone commits what it parsed, and goes on in the same memory. */
    int64_t n_slots = n_workers > 1 ? (int64_t)CHUNKS_PER_WORKER * n_workers : 1;
    void *slots;
    MDLI_TRY(mdli_allocate_array(reader->context, n_slots, sizeof(ring_slot), "csv chunks", &slots,
                                 error));
    reader->slots = slots;
    for (; reader->n_slots < n_slots; reader->n_slots++) {
        reader->slots[reader->n_slots].is_parsed = false;
        mdli_csv_chunk_init(&reader->slots[reader->n_slots].chunk, reader->context);
    }
    return mdli_parallel_for(reader->context, n_workers, run_worker, reader, error);
}

/* ---- The result ---- */

static mdl_status finish_column(csv_reader *reader, int32_t index, mdl_column **out,
                                mdl_error *error)
{
    block_list *column = &reader->columns[index];
    mdl_type type = reader->schema.targets[index].type;
    int64_t n_blocks = column->n_blocks;
    column->n_blocks = 0; /* the references are handed over */
    if (type == MDL_TYPE_STRING) {
        return mdli_string_column_from_blocks(reader->context, column->blocks, n_blocks, out,
                                              error);
    }
    return mdli_column_from_blocks(reader->context, type, column->blocks, n_blocks, out, error);
}

static mdl_status finish_table(csv_reader *reader, mdl_table **out, mdl_error *error)
{
    int32_t n_columns = reader->schema.n_targets;
    void *names = NULL;
    void *columns = NULL;
    mdl_status status = mdli_allocate_array(reader->context, n_columns, sizeof(const char *),
                                            "csv table", &names, error);
    if (status == MDL_OK) {
        status = mdli_allocate_zeroed(reader->context, (size_t)n_columns * sizeof(mdl_column *),
                                      "csv table", &columns, error);
    }
    const char **column_names = names;
    mdl_column **made = columns;
    for (int32_t i = 0; i < n_columns && status == MDL_OK; i++) {
        column_names[i] = reader->schema.targets[i].name;
        status = finish_column(reader, i, &made[i], error);
    }
    if (status == MDL_OK) {
        status = mdli_table_create(reader->context, column_names, made, n_columns, reader->n_rows,
                                   out, error);
    } else if (made != NULL) {
        for (int32_t i = 0; i < n_columns && made[i] != NULL; i++) {
            mdli_column_release(made[i]);
        }
    }
    mdli_free(reader->context, names);
    mdli_free(reader->context, columns);
    return status;
}

/* Ends the layout with what stands behind the last record. */
static mdl_status finish_layout(csv_reader *reader, mdl_table **out, mdl_error *error)
{
    mdl_string end = {reader->blank_lines.bytes, reader->blank_lines.size_bytes};
    if (end.size_bytes > 0) {
        MDLI_TRY(mdli_csv_layout_append(reader->layout, reader->n_records + 1, end, error));
    }
    return mdli_csv_layout_finish(reader->layout, out, error);
}

static mdl_status finish(csv_reader *reader, mdl_csv_result *out, mdl_error *error)
{
    MDLI_TRY(finish_table(reader, &out->table, error));
    if (reader->rejects != NULL) {
        MDLI_TRY(mdl_table_builder_finish(reader->rejects, &out->rejects, error));
    }
    if (reader->layout != NULL) {
        MDLI_TRY(finish_layout(reader, &out->layout, error));
    }
    out->n_records = reader->n_records;
    out->n_rejected = reader->n_rejected;
    out->size_bytes = reader->source->size_bytes;
    mdli_hash_digest(&reader->hash, out->xxh3_128);
    return MDL_OK;
}

static void free_reader(csv_reader *reader)
{
    mdl_context *context = reader->context;
    for (int64_t i = 0; i < reader->n_slots; i++) {
        mdli_csv_chunk_free(&reader->slots[i].chunk, context);
    }
    mdli_free(context, reader->slots);
    if (reader->columns != NULL) {
        for (int32_t i = 0; i < reader->schema.n_targets; i++) {
            for (int64_t b = 0; b < reader->columns[i].n_blocks; b++) {
                mdli_block_release(reader->columns[i].blocks[b]);
            }
            mdli_free(context, reader->columns[i].blocks);
        }
    }
    mdli_free(context, reader->columns);
    mdl_table_builder_free(reader->rejects);
    mdli_csv_layout_free(reader->layout);
    mdli_free(context, reader->blank_lines.bytes);
    mdli_csv_schema_free(&reader->schema);
    pthread_mutex_destroy(&reader->lock);
    pthread_cond_destroy(&reader->changed);
    mdli_free(context, reader);
}

static mdl_status create_reader(mdl_context *context, const mdli_csv_source *source,
                                const mdl_csv_options *options, csv_reader **out, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(context, sizeof(csv_reader), "csv reader", &memory, error));
    csv_reader *made = memory;
    made->context = context;
    made->kernels = mdli_kernels_for(mdl_context_simd(context));
    made->source = source;
    made->options = options;
    if (options->on_error == MDL_ON_ERROR_SKIP) {
        made->n_bad_max = options->max_errors < 0 ? INT64_MAX : options->max_errors;
    }
    made->schema.context = context;
    mdli_arena_init(&made->schema.arena, context, "csv schema");
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->changed, NULL);
    mdli_hash_reset(&made->hash);
    *out = made;
    return MDL_OK;
}

static mdl_status read_all(csv_reader *reader, const mdl_csv_column *columns, int32_t n_columns,
                           mdl_csv_result *out, mdl_error *error)
{
    void *lists;
    MDLI_TRY(mdli_csv_schema_init(&reader->schema, reader->context, reader->source->path, columns,
                                  n_columns, error));
    MDLI_TRY(mdli_allocate_zeroed(reader->context, (size_t)n_columns * sizeof *reader->columns,
                                  "csv columns", &lists, error));
    reader->columns = lists;
    MDLI_TRY(read_header(reader, error));
    MDLI_TRY(read_chunks(reader, error));
    return finish(reader, out, error);
}

static mdl_status read_source(mdl_context *context, const mdli_csv_source *source,
                              const mdl_csv_column *columns, int32_t n_columns,
                              const mdl_csv_options *options, mdl_csv_result *out, mdl_error *error)
{
    csv_reader *reader;
    MDLI_TRY(mdli_check_cancel(context, error));
    MDLI_TRY(create_reader(context, source, options, &reader, error));
    mdl_status status = read_all(reader, columns, n_columns, out, error);
    if (status != MDL_OK) {
        mdl_csv_result_free(out);
    }
    free_reader(reader);
    return status;
}

/* ---- The public functions ---- */

void mdl_csv_options_init(mdl_csv_options *options)
{
    *options = (mdl_csv_options){
        .struct_size = sizeof *options, .on_error = MDL_ON_ERROR_ABORT, .max_errors = -1};
}

void mdl_csv_result_free(mdl_csv_result *result)
{
    if (result == NULL) {
        return;
    }
    mdl_table_free(result->table);
    mdl_table_free(result->rejects);
    mdl_table_free(result->layout);
    *result = (mdl_csv_result){.table = NULL};
}

static mdl_status check_options(const mdl_csv_options *options, mdl_error *error)
{
    if (options->struct_size < sizeof *options) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "options of a csv read were not made by mdl_csv_options_init");
    }
    if (options->on_error != MDL_ON_ERROR_ABORT && options->on_error != MDL_ON_ERROR_SKIP) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "on_error of a csv read is %d",
                             (int)options->on_error);
    }
    if (options->max_errors < -1) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "max_errors of a csv read is %lld",
                             (long long)options->max_errors);
    }
    return MDL_OK;
}

mdl_status mdl_csv_read_file(mdl_context *context, const char *path, const mdl_csv_column *columns,
                             int32_t n_columns, const mdl_csv_options *options, mdl_csv_result *out,
                             mdl_error *error)
{
    mdl_error failure = MDL_ERROR_INIT;
    mdl_csv_options defaults;
    mdl_csv_options_init(&defaults);
    options = options != NULL ? options : &defaults;
    *out = (mdl_csv_result){.table = NULL};
    if (path == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a csv read needs a path");
    }
    mdl_status status = check_options(options, &failure);
    mdli_csv_source source;
    if (status == MDL_OK) {
        status = mdli_csv_source_open(&source, path, &failure);
    }
    if (status == MDL_OK) {
        status = read_source(context, &source, columns, n_columns, options, out, &failure);
        mdli_csv_source_close(&source);
    }
    mdli_error_copy(error, &failure);
    return status;
}

mdl_status mdl_csv_read_memory(mdl_context *context, const char *name, const void *bytes,
                               int64_t size_bytes, const mdl_csv_column *columns, int32_t n_columns,
                               const mdl_csv_options *options, mdl_csv_result *out,
                               mdl_error *error)
{
    mdl_error failure = MDL_ERROR_INIT;
    mdl_csv_options defaults;
    mdl_csv_options_init(&defaults);
    options = options != NULL ? options : &defaults;
    *out = (mdl_csv_result){.table = NULL};
    if (name == NULL || size_bytes < 0 || (bytes == NULL && size_bytes > 0)) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "a csv read from memory needs a name and bytes");
    }
    mdl_status status = check_options(options, &failure);
    if (status == MDL_OK) {
        mdli_csv_source source;
        mdli_csv_source_from_memory(&source, name, bytes, size_bytes);
        status = read_source(context, &source, columns, n_columns, options, out, &failure);
    }
    mdli_error_copy(error, &failure);
    return status;
}
