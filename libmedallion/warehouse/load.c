/*
 * Loading: files and tables of the program's are appended to sources, all of a call or nothing.
 *
 * A call gathers what it loads in a batch, beside the warehouse; the batch takes the warehouse's
 * place in one step that cannot fail.
 *
 * Files of different sources are read at the same time, so that the end of one, where there is
 * little to do side by side, overlaps with the next; those of one source one after the other, as
 * what the earlier ones hold tells whether a later one is new. What was read is added in the order
 * of the call, and the first failure in that order is told.
 */
#include "warehouse/run_internal.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "column/column_internal.h"
#include "operators/table_edit.h"
#include "warehouse/run_internal.h"

/* The longest wait before a retry. */
#define RETRY_SECONDS_MAX 60

void mdl_load_options_init(mdl_load_options *options)
{
    *options = (mdl_load_options){.struct_size = sizeof *options, .retry_seconds = 1};
    mdl_csv_options_init(&options->csv);
}

/* What a call has loaded so far. */
typedef struct load_batch {
    mdl_warehouse *warehouse;
    /* The sources as they will be, NULL where nothing changes, and all rejects; owned. */
    mdl_table *tables[MDLI_N_SOURCES];
    mdl_table *rejects;
    mdl_load_info *loads;
    int64_t loads_capacity;
    int64_t n_loads;
    mdli_segment *segments;
    int64_t segments_capacity;
    int64_t n_segments;
} load_batch;

static void start_batch(load_batch *batch, mdl_warehouse *warehouse)
{
    *batch = (load_batch){.warehouse = warehouse};
    batch->rejects = mdl_table_clone(warehouse->rejects);
}

static void free_batch(load_batch *batch)
{
    mdl_context *context = batch->warehouse->context;
    for (int64_t i = 0; i < batch->n_segments; i++) {
        mdli_free(context, batch->segments[i].rejected_records);
        mdl_table_free(batch->segments[i].layout);
    }
    for (int64_t i = 0; i < batch->n_loads; i++) {
        mdli_free(context, (char *)batch->loads[i].path);
    }
    mdli_free(context, batch->segments);
    mdli_free(context, batch->loads);
    mdl_table_free(batch->rejects);
    for (int32_t i = 0; i < MDLI_N_SOURCES; i++) {
        mdl_table_free(batch->tables[i]);
    }
}

/* Puts a new table in the place of `*table`, which may be NULL. */
static void replace_table(mdl_table **table, mdl_table *by)
{
    mdl_table_free(*table);
    *table = by;
}

/* Makes the warehouse what the batch says, and the batch empty but for what it replaced. */
static mdl_status commit_batch(load_batch *batch, mdl_error *error)
{
    mdl_warehouse *warehouse = batch->warehouse;
    void *loads = warehouse->loads;
    MDLI_TRY(mdli_grow_array(warehouse->context, &loads, &warehouse->loads_capacity,
                             warehouse->n_loads, warehouse->n_loads + batch->n_loads,
                             sizeof *warehouse->loads, "load", error));
    warehouse->loads = loads;
    void *segments = warehouse->segments;
    MDLI_TRY(mdli_grow_array(warehouse->context, &segments, &warehouse->segments_capacity,
                             warehouse->n_segments, warehouse->n_segments + batch->n_segments,
                             sizeof *warehouse->segments, "load", error));
    warehouse->segments = segments;

    if (batch->n_segments > 0) {
        mdli_drop_pending(warehouse);
    }
    for (int64_t i = 0; i < batch->n_loads; i++) {
        warehouse->loads[warehouse->n_loads++] = batch->loads[i];
    }
    for (int64_t i = 0; i < batch->n_segments; i++) {
        warehouse->segments[warehouse->n_segments++] = batch->segments[i];
    }
    batch->n_loads = 0;
    batch->n_segments = 0;
    bool has_rows = false;
    for (int32_t i = 0; i < MDLI_N_SOURCES; i++) {
        if (batch->tables[i] != NULL) {
            has_rows = true;
            mdli_node_set_table(warehouse->nodes[i], batch->tables[i]);
            batch->tables[i] = NULL;
        }
    }
    replace_table(&warehouse->rejects, batch->rejects);
    batch->rejects = NULL;
    if (has_rows) {
        /* What a failed run has left was built from the sources as they were. */
        mdli_drop_pending(warehouse);
    }
    return MDL_OK;
}

/* Rows of a source as it will be. */
static int64_t count_rows(const load_batch *batch, int32_t source)
{
    const mdl_warehouse *warehouse = batch->warehouse;
    return batch->tables[source] != NULL ? mdl_table_n_rows(batch->tables[source])
                                         : mdli_node_n_rows(warehouse, warehouse->nodes[source]);
}

/* Appends rows to a source; a table without rows is not worth a place in the result. */
static mdl_status append_to_source(load_batch *batch, int32_t source, const mdl_table *rows,
                                   mdl_error *error)
{
    mdl_warehouse *warehouse = batch->warehouse;
    const mdl_table *table = batch->tables[source];
    mdl_table *joined = NULL;
    if (mdl_table_n_rows(rows) == 0) {
        return MDL_OK;
    }
    if (table == NULL) {
        MDLI_TRY(mdli_node_table(warehouse, warehouse->nodes[source], &table, error));
    }
    if (mdl_table_n_rows(table) == 0) {
        joined = mdl_table_clone(rows);
    } else {
        MDLI_TRY(mdli_table_concat(warehouse->context, table, rows, &joined, error));
    }
    replace_table(&batch->tables[source], joined);
    return MDL_OK;
}

/* Adds an item for a file; the batch owns a copy of the path, and `info` gets it. */
static mdl_status add_load(load_batch *batch, mdl_load_info *info, mdl_error *error)
{
    mdl_context *context = batch->warehouse->context;
    void *loads = batch->loads;
    MDLI_TRY(mdli_grow_array(context, &loads, &batch->loads_capacity, batch->n_loads,
                             batch->n_loads + 1, sizeof *batch->loads, "load", error));
    batch->loads = loads;
    char *path = NULL;
    MDLI_TRY(mdli_copy_text(context, info->path, &path, error));
    info->path = path;
    batch->loads[batch->n_loads++] = *info;
    return MDL_OK;
}

/* Adds a segment; its array of records and its layout are taken over on success. */
static mdl_status add_segment(load_batch *batch, const mdli_segment *segment, mdl_error *error)
{
    void *segments = batch->segments;
    MDLI_TRY(mdli_grow_array(batch->warehouse->context, &segments, &batch->segments_capacity,
                             batch->n_segments, batch->n_segments + 1, sizeof *batch->segments,
                             "load", error));
    batch->segments = segments;
    batch->segments[batch->n_segments++] = *segment;
    return MDL_OK;
}

/* The files of a call, on their way from paths to results. */
typedef struct file_reads {
    const mdl_warehouse *warehouse;
    const mdl_load_options *options;
    const mdli_planned_file *files;
    int64_t n_files;
    /* Per file; path and source are there from the start, the rest once it is read. */
    mdl_load_info *infos;
    mdl_csv_result *results; /* without a table where the content is there already */

    /* Who reads what; guarded by `lock`. */
    pthread_mutex_t lock;
    int64_t next[MDLI_N_SOURCES]; /* first file of a source that is not read; `n_files` = none */
    bool is_reading[MDLI_N_SOURCES];
    int64_t n_wanted;  /* files before the first in order that failed */
    mdl_error failure; /* its */
} file_reads;

static bool is_same_content(const mdl_load_info *load, const mdl_load_info *info)
{
    return load->source == info->source && load->size_bytes == info->size_bytes &&
           memcmp(load->xxh3_128, info->xxh3_128, sizeof load->xxh3_128) == 0;
}

static bool has_size(const mdl_load_info *loads, int64_t n_loads, const mdl_load_info *info)
{
    for (int64_t i = 0; i < n_loads; i++) {
        if (loads[i].source == info->source && loads[i].size_bytes == info->size_bytes) {
            return true;
        }
    }
    return false;
}

static bool has_content(const mdl_load_info *loads, int64_t n_loads, const mdl_load_info *info)
{
    for (int64_t i = 0; i < n_loads; i++) {
        if (is_same_content(&loads[i], info)) {
            return true;
        }
    }
    return false;
}

/*
 * Whether the source of a file holds its content already, or will from an earlier file of the call;
 * fills size and hash of its info if so. Only a file with the size of an earlier one is read for
 * its hash. Of earlier files, only those of the same source, which are read, are looked into.
 */
static mdl_status find_content(const file_reads *reads, int64_t file, bool *is_known,
                               mdl_error *error)
{
    const mdl_warehouse *warehouse = reads->warehouse;
    mdl_load_info *info = &reads->infos[file];
    *is_known = false;
    MDLI_TRY(mdli_file_size(info->path, &info->size_bytes, error));
    if (!has_size(warehouse->loads, warehouse->n_loads, info) &&
        !has_size(reads->infos, file, info)) {
        return MDL_OK;
    }
    MDLI_TRY(
        mdli_hash_file(warehouse->context, info->path, &info->size_bytes, info->xxh3_128, error));
    *is_known = has_content(warehouse->loads, warehouse->n_loads, info) ||
                has_content(reads->infos, file, info);
    return MDL_OK;
}

mdl_status mdli_read_rejected_records(mdl_context *context, const mdl_table *rejects, int64_t **out,
                                      mdl_error *error)
{
    static const char *const columns[] = {"record"};
    *out = NULL;
    if (rejects == NULL) {
        return MDL_OK;
    }
    mdl_status status;
    mdl_cursor *cursor = NULL;
    void *memory = NULL;
    MDLI_TRY_GOTO_DONE(mdli_allocate_array(context, mdl_table_n_rows(rejects), sizeof **out,
                                           "rejects", &memory, error));
    MDLI_TRY_GOTO_DONE(mdl_cursor_create(context, rejects, columns, 1, &cursor, error));
    int64_t *records = memory;
    mdl_batch rows;
    do {
        MDLI_TRY_GOTO_DONE(mdl_cursor_next(cursor, &rows, error));
        for (int64_t i = 0; i < rows.n_rows; i++) {
            records[rows.first_row + i] = mdl_vector_int64(&rows.columns[0], i);
        }
    } while (rows.n_rows > 0);
    *out = records;
    memory = NULL;
done:
    mdl_cursor_free(cursor);
    mdli_free(context, memory);
    return status;
}

static mdl_status append_rejects(load_batch *batch, const mdl_table *rejects, mdl_error *error)
{
    mdl_table *joined = NULL;
    if (batch->rejects == NULL) {
        joined = mdl_table_clone(rejects);
    } else {
        MDLI_TRY(mdli_table_append_rows(batch->warehouse->context, batch->rejects, rejects, &joined,
                                        error));
    }
    replace_table(&batch->rejects, joined);
    return MDL_OK;
}

/* Puts what a file gave into the batch. */
static mdl_status add_result(load_batch *batch, int32_t source, const mdl_csv_result *result,
                             mdl_load_info *info, mdl_error *error)
{
    mdl_context *context = batch->warehouse->context;
    mdl_status status;
    mdli_segment segment = {
        .source = source,
        .first_row = info->first_row,
        .load = batch->warehouse->n_loads + batch->n_loads,
        .n_rejected = result->n_rejected,
        .layout_row = -1,
    };
    MDLI_TRY_GOTO_DONE(append_to_source(batch, source, result->table, error));
    if (result->rejects != NULL) {
        MDLI_TRY_GOTO_DONE(append_rejects(batch, result->rejects, error));
    }
    MDLI_TRY_GOTO_DONE(add_load(batch, info, error));
    MDLI_TRY_GOTO_DONE(
        mdli_read_rejected_records(context, result->rejects, &segment.rejected_records, error));
    segment.layout = mdl_table_clone(result->layout);
    MDLI_TRY_GOTO_DONE(add_segment(batch, &segment, error));
    segment.rejected_records = NULL;
    segment.layout = NULL;
done:
    mdli_free(context, segment.rejected_records);
    mdl_table_free(segment.layout);
    return status;
}

/* Puts a file that was read into the batch, or notes that its content is there already. */
static mdl_status add_file(load_batch *batch, file_reads *reads, int64_t file, mdl_error *error)
{
    int32_t source = reads->files[file].source;
    mdl_load_info *info = &reads->infos[file];
    mdl_csv_result *result = &reads->results[file];
    info->first_row = count_rows(batch, source);
    mdl_status status = info->already_loaded ? add_load(batch, info, error)
                                             : add_result(batch, source, result, info, error);
    mdl_csv_result_free(result);
    return status;
}

/* Reads a file once, unless its content is there already, which its info then says. */
static mdl_status read_once(file_reads *reads, int64_t file, mdl_error *error)
{
    const mdli_source *source = &mdli_sources[reads->files[file].source];
    mdl_load_info *info = &reads->infos[file];
    mdl_csv_result *result = &reads->results[file];
    if (!reads->options->force) {
        MDLI_TRY(find_content(reads, file, &info->already_loaded, error));
        if (info->already_loaded) {
            return MDL_OK;
        }
    }
    MDLI_TRY(mdl_csv_read_file(reads->warehouse->context, info->path, source->csv_columns,
                               source->model.n_columns, &reads->options->csv, result, error));
    info->size_bytes = result->size_bytes;
    info->n_rows = mdl_table_n_rows(result->table);
    info->n_rejected = result->n_rejected;
    memcpy(info->xxh3_128, result->xxh3_128, sizeof info->xxh3_128);
    return MDL_OK;
}

/* Adds to a message how often it was tried. */
static void tell_tries(mdl_error *fault, int32_t n_tries)
{
    const size_t used = strlen(fault->message);
    snprintf(fault->message + used, sizeof fault->message - used, "; gave up after %d tries",
             (int)n_tries);
}

/* Reads a file, as often as the options say while it is the system that fails. */
static mdl_status read_with_retries(file_reads *reads, int64_t file, mdl_error *error)
{
    mdl_load_info *info = &reads->infos[file];
    double wait_seconds = reads->options->retry_seconds;
    for (;;) {
        mdl_error fault = MDL_ERROR_INIT;
        info->attempt++;
        mdl_status status = read_once(reads, file, &fault);
        if (status == MDL_OK) {
            return MDL_OK;
        }
        if (status != MDL_E_IO || info->attempt > reads->options->max_retries) {
            if (status == MDL_E_IO && info->attempt > 1) {
                tell_tries(&fault, info->attempt);
            }
            return mdli_error_copy(error, &fault);
        }
        wait_seconds = wait_seconds < RETRY_SECONDS_MAX ? wait_seconds : RETRY_SECONDS_MAX;
        MDLI_TRY(mdli_pause(reads->warehouse->context, wait_seconds, error));
        wait_seconds *= 2;
    }
}

/* The first file of a source from `file` on, or `n_files`. */
static int64_t find_file(const file_reads *reads, int32_t source, int64_t file)
{
    while (file < reads->n_files && reads->files[file].source != source) {
        file++;
    }
    return file;
}

/* The source whose next file comes first, of those that no file is read of. There is one, as no more
 * tasks are offered than sources have files to read. */
static int32_t find_source_to_read(const file_reads *reads)
{
    int32_t first = -1;
    for (int32_t s = 0; s < MDLI_N_SOURCES; s++) {
        if (!reads->is_reading[s] && (first < 0 || reads->next[s] < reads->next[first])) {
            first = s;
        }
    }
    return first;
}

/* Reads the file that comes first, unless one before it has failed. A task: with its file the next
 * one of the source can be read. */
static int64_t read_next(void *data)
{
    file_reads *reads = data;
    int64_t n_ready = 0;
    pthread_mutex_lock(&reads->lock);
    int32_t source = find_source_to_read(reads);
    int64_t file = reads->next[source];
    reads->is_reading[source] = true;
    if (file < reads->n_wanted) {
        pthread_mutex_unlock(&reads->lock);
        mdl_error failure = MDL_ERROR_INIT;
        double start = mdli_seconds_now();
        mdl_status status = read_with_retries(reads, file, &failure);
        reads->infos[file].seconds = mdli_seconds_now() - start;
        reads->infos[file].loaded_at = mdli_utc_now();
        pthread_mutex_lock(&reads->lock);
        if (status != MDL_OK && file < reads->n_wanted) {
            reads->n_wanted = file;
            reads->failure = failure;
        }
        reads->next[source] = find_file(reads, source, file + 1);
        reads->is_reading[source] = false;
        n_ready = reads->next[source] < reads->n_wanted;
    }
    pthread_mutex_unlock(&reads->lock);
    return n_ready;
}

static mdl_status start_reads(file_reads *reads, mdl_error *error)
{
    mdl_context *context = reads->warehouse->context;
    const size_t n = (size_t)reads->n_files;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(context, n * sizeof *reads->infos, "load", &memory, error));
    reads->infos = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, n * sizeof *reads->results, "load", &memory, error));
    reads->results = memory;
    for (int64_t i = 0; i < reads->n_files; i++) {
        reads->infos[i].path = reads->files[i].path;
        reads->infos[i].source = mdli_sources[reads->files[i].source].model.name;
    }
    return MDL_OK;
}

/* Reads all files, or those before the first that fails. */
static mdl_status read_files(file_reads *reads, mdl_error *error)
{
    int64_t n_ready = 0;
    MDLI_TRY(start_reads(reads, error));
    for (int32_t s = 0; s < MDLI_N_SOURCES; s++) {
        reads->next[s] = find_file(reads, s, 0);
        n_ready += reads->next[s] < reads->n_files;
    }
    pthread_mutex_init(&reads->lock, NULL);
    mdli_parallel_tasks(reads->warehouse->context, n_ready, read_next, reads);
    pthread_mutex_destroy(&reads->lock);
    return MDL_OK;
}

static void free_reads(file_reads *reads)
{
    mdl_context *context = reads->warehouse->context;
    for (int64_t i = 0; reads->results != NULL && i < reads->n_files; i++) {
        mdl_csv_result_free(&reads->results[i]);
    }
    mdli_free(context, reads->results);
    mdli_free(context, reads->infos);
}

static mdl_status check_options(const mdl_load_options *options, mdl_error *error)
{
    if (options->struct_size != sizeof *options) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "load options were not set by mdl_load_options_init");
    }
    /* Written so that a NaN is refused too. */
    if (options->max_retries < 0 || !(options->retry_seconds >= 0)) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "load options: %d retries, %g s apart, must not be negative",
                             (int)options->max_retries, options->retry_seconds);
    }
    return MDL_OK;
}

static mdl_status load_files(mdl_warehouse *warehouse, const mdli_planned_file *files,
                             int64_t n_files, const mdl_load_options *options, mdl_error *error)
{
    mdl_load_options defaults;
    mdl_load_options_init(&defaults);
    if (options == NULL) {
        options = &defaults;
    }
    MDLI_TRY(check_options(options, error));
    file_reads reads = {
        .warehouse = warehouse,
        .options = options,
        .files = files,
        .n_files = n_files,
        .n_wanted = n_files,
        .failure = MDL_ERROR_INIT,
    };
    load_batch batch;
    start_batch(&batch, warehouse);
    mdl_status status;
    MDLI_TRY_GOTO_DONE(read_files(&reads, error));
    for (int64_t i = 0; i < reads.n_wanted; i++) {
        MDLI_TRY_GOTO_DONE(add_file(&batch, &reads, i, error));
    }
    if (reads.n_wanted < n_files) {
        status = mdli_error_copy(error, &reads.failure);
        goto done;
    }
    MDLI_TRY_GOTO_DONE(commit_batch(&batch, error));
done:
    free_batch(&batch);
    free_reads(&reads);
    return status;
}

mdl_status mdl_warehouse_load(mdl_warehouse *warehouse, const char *const *paths, int32_t n_paths,
                              const mdl_load_options *options, mdl_error *error)
{
    mdli_load_plan plan;
    mdl_status status = mdli_load_plan_create(warehouse->context, paths, n_paths, &plan, error);
    if (status == MDL_OK) {
        status = load_files(warehouse, plan.files, plan.n_files, options, error);
    }
    mdli_load_plan_free(&plan);
    return status;
}

static mdl_status find_source(const char *name, int32_t *source, mdl_error *error)
{
    *source = name != NULL ? mdli_find_source(name) : -1;
    if (*source < 0) {
        return mdl_error_set(error, MDL_E_NOT_FOUND, "there is no source \"%s\"",
                             name != NULL ? name : "");
    }
    return MDL_OK;
}

mdl_status mdl_warehouse_load_file(mdl_warehouse *warehouse, const char *source, const char *path,
                                   const mdl_load_options *options, mdl_error *error)
{
    mdli_planned_file file = {.path = path};
    MDLI_TRY(find_source(source, &file.source, error));
    if (path == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a path is NULL");
    }
    return load_files(warehouse, &file, 1, options, error);
}

/* Whether a table has the columns of a source. */
static mdl_status check_schema(const mdl_model *source, const mdl_table *rows, mdl_error *error)
{
    if (mdl_table_n_columns(rows) != source->n_columns) {
        return mdl_error_set(error, MDL_E_SCHEMA, "%s has %d columns, the rows to append have %d",
                             source->name, (int)source->n_columns, (int)mdl_table_n_columns(rows));
    }
    for (int32_t i = 0; i < source->n_columns; i++) {
        const mdl_model_column *column = &source->columns[i];
        const char *name = mdl_table_column_name(rows, i);
        mdl_type type = mdl_column_type(mdl_table_column(rows, i));
        if (strcmp(name, column->name) != 0 || type != column->type) {
            return mdl_error_set(error, MDL_E_SCHEMA,
                                 "column %d of %s is %s %s, that of the rows to append is %s %s",
                                 (int)i + 1, source->name, column->name,
                                 mdl_type_name(column->type), name, mdl_type_name(type));
        }
    }
    return MDL_OK;
}

/* Whether the values are such as a file could have given: no NULL where one is required, and in
 * range. Models rely on that. */
static mdl_status check_values(const mdli_source *source, const mdl_table *rows, mdl_error *error)
{
    for (int32_t i = 0; i < source->model.n_columns; i++) {
        const mdl_csv_column *column = &source->csv_columns[i];
        mdl_column_stats stats = mdl_column_get_stats(mdl_table_column(rows, i));
        if (column->is_required && stats.n_nulls > 0) {
            return mdl_error_set(error, MDL_E_DATA, "%s of the rows for %s must not be NULL",
                                 column->name, source->model.name);
        }
        if (column->has_range && !stats.min.is_null &&
            (stats.min.as.integer < column->least || stats.max.as.integer > column->greatest)) {
            return mdl_error_set(error, MDL_E_DATA,
                                 "%s of the rows for %s is out of range: %lld … %lld, not in "
                                 "%lld … %lld",
                                 column->name, source->model.name, (long long)stats.min.as.integer,
                                 (long long)stats.max.as.integer, (long long)column->least,
                                 (long long)column->greatest);
        }
    }
    return MDL_OK;
}

mdl_status mdl_warehouse_append(mdl_warehouse *warehouse, const char *source, const mdl_table *rows,
                                mdl_error *error)
{
    mdli_segment segment = {.load = -1, .layout_row = -1};
    MDLI_TRY(find_source(source, &segment.source, error));
    if (rows == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "the rows to append are NULL");
    }
    MDLI_TRY(check_schema(&mdli_sources[segment.source].model, rows, error));
    MDLI_TRY(check_values(&mdli_sources[segment.source], rows, error));

    load_batch batch;
    start_batch(&batch, warehouse);
    segment.first_row = count_rows(&batch, segment.source);
    mdl_status status;
    MDLI_TRY_GOTO_DONE(append_to_source(&batch, segment.source, rows, error));
    MDLI_TRY_GOTO_DONE(add_segment(&batch, &segment, error));
    MDLI_TRY_GOTO_DONE(commit_batch(&batch, error));
done:
    free_batch(&batch);
    return status;
}

int32_t mdl_warehouse_n_loads(const mdl_warehouse *warehouse)
{
    return (int32_t)warehouse->n_loads;
}

const mdl_load_info *mdl_warehouse_load_info(const mdl_warehouse *warehouse, int32_t index)
{
    return index >= 0 && index < warehouse->n_loads ? &warehouse->loads[index] : NULL;
}

const mdl_table *mdl_warehouse_rejects(const mdl_warehouse *warehouse)
{
    return warehouse->rejects;
}

/*
 * The number of the record that became row `row` of its segment. The j-th rejected record (from 0)
 * has rejected_records[j] - 1 - j loaded ones before it, which never falls with j.
 */
static int64_t record_of_row(const mdli_segment *segment, int64_t row)
{
    int64_t low = 0;
    int64_t high = segment->n_rejected;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (segment->rejected_records[middle] - 1 - middle <= row) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return row + low + 1;
}

mdl_status mdl_warehouse_row_origin(const mdl_warehouse *warehouse, const char *source, int64_t row,
                                    mdl_row_origin *out, mdl_error *error)
{
    int32_t wanted;
    MDLI_TRY(find_source(source, &wanted, error));
    int64_t n_rows = mdli_node_n_rows(warehouse, warehouse->nodes[wanted]);
    if (row < 0 || row >= n_rows) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "%s has no row %lld, it has %lld rows", source,
                             (long long)row, (long long)n_rows);
    }
    /* Every row is in a segment; segments without rows start where the next one does. */
    int64_t i = warehouse->n_segments - 1;
    while (warehouse->segments[i].source != wanted || warehouse->segments[i].first_row > row) {
        i--;
        assert(i >= 0);
    }
    const mdli_segment *segment = &warehouse->segments[i];
    *out = (mdl_row_origin){
        .path = segment->load < 0 ? "" : warehouse->loads[segment->load].path,
        .record = record_of_row(segment, row - segment->first_row),
    };
    return MDL_OK;
}
