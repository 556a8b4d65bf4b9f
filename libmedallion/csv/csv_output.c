/*
 * Ranges of consecutive records, each a job: its rows are decoded, and its records become text,
 * those in the layout as they were kept, all others from their rows. Which rows and which entries
 * of the layout a range has is found beforehand, range after range, for a rejected record has no
 * row.
 */
#include "csv/csv_output.h"

#include <errno.h>
#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "column/column_internal.h"
#include "csv/csv_text.h"

enum {
    /* Records of a range: their text stays in a level-2 cache until it is written. */
    RANGE_RECORDS = 4 * MDLI_VECTOR_ROWS,
    RANGES_PER_WORKER = 2
};

/* Columns of a table decoded, a vector each. */
typedef struct decoded_columns {
    mdli_decode_buffer *buffers;
    mdl_vector *vectors;
    int32_t n_columns;
} decoded_columns;

/* One range, and what it needs. */
typedef struct record_range {
    int64_t first_record;
    int64_t first_row;
    int64_t n_rows;
    int64_t first_entry; /* of the layout */
    int64_t n_entries;
    decoded_columns rows;
    decoded_columns entries;
    mdli_csv_text text;
} record_range;

/* The walk through records, rows and entries of the layout in step. */
typedef struct record_walk {
    const mdli_csv_output *output;
    record_range *ranges;
    int64_t n_ranges;

    int64_t next_record;
    int64_t end_record;
    int64_t next_row;
    int64_t end_row;
    int64_t next_entry;
    int64_t n_entries;
    /* The entries from `first_decoded` on. */
    decoded_columns entries;
    int64_t first_decoded;
    int64_t n_decoded;
} record_walk;

/* ---- Decoding ---- */

static mdl_status create_columns(mdl_context *context, int32_t n_columns, decoded_columns *out,
                                 mdl_error *error)
{
    void *memory;
    MDLI_TRY(
        mdli_allocate_array(context, n_columns, sizeof(mdl_vector), "csv text", &memory, error));
    out->vectors = memory;
    MDLI_TRY(mdli_allocate_array(context, n_columns, sizeof(mdli_decode_buffer), "csv text",
                                 &memory, error));
    out->buffers = memory;
    for (; out->n_columns < n_columns; out->n_columns++) {
        mdli_decode_buffer_init(&out->buffers[out->n_columns], context);
    }
    return MDL_OK;
}

static void free_columns(mdl_context *context, decoded_columns *columns)
{
    for (int32_t i = 0; i < columns->n_columns; i++) {
        mdli_decode_buffer_free(&columns->buffers[i]);
    }
    mdli_free(context, columns->buffers);
    mdli_free(context, columns->vectors);
}

/* Decodes the columns that `numbers` names; NULL = all. */
static mdl_status read_columns(const mdl_table *table, const int32_t *numbers, int64_t first_row,
                               int64_t n_rows, decoded_columns *out, mdl_error *error)
{
    for (int32_t i = 0; i < out->n_columns; i++) {
        const mdl_column *column = mdl_table_column(table, numbers != NULL ? numbers[i] : i);
        MDLI_TRY(
            mdli_column_read(column, first_row, n_rows, &out->buffers[i], &out->vectors[i], error));
    }
    return MDL_OK;
}

/* ---- Planning ---- */

static mdl_status raise_mismatch(const char *what, mdl_error *error)
{
    return mdl_error_set(error, MDL_E_ARGUMENT, "rows and layout do not belong together: %s", what);
}

/* The number of entry `entry`, and whether it is a row. */
static mdl_status read_entry(record_walk *walk, int64_t entry, int64_t *record, bool *is_row,
                             mdl_error *error)
{
    if (entry < walk->first_decoded || entry >= walk->first_decoded + walk->n_decoded) {
        int64_t n_left = walk->n_entries - entry;
        walk->first_decoded = entry;
        walk->n_decoded = n_left < MDLI_VECTOR_ROWS ? n_left : MDLI_VECTOR_ROWS;
        MDLI_TRY(read_columns(walk->output->layout, NULL, entry, walk->n_decoded, &walk->entries,
                              error));
    }
    const mdl_vector *vectors = walk->entries.vectors;
    int64_t at = entry - walk->first_decoded;
    *record = ((const int64_t *)vectors[MDLI_CSV_LAYOUT_RECORD].values)[at];
    *is_row = ((const uint8_t *)vectors[MDLI_CSV_LAYOUT_IS_ROW].values)[at] != 0;
    return MDL_OK;
}

/* Finds the rows and entries of the next range. */
static mdl_status plan_range(record_walk *walk, record_range *range, mdl_error *error)
{
    int64_t end_record = walk->next_record + RANGE_RECORDS;
    end_record = end_record < walk->end_record ? end_record : walk->end_record;
    range->first_record = walk->next_record;
    range->first_row = walk->next_row;
    range->n_rows = end_record - walk->next_record;
    range->first_entry = walk->next_entry;
    int64_t least = walk->next_record;
    for (; walk->next_entry < walk->n_entries; walk->next_entry++) {
        int64_t record;
        bool is_row;
        MDLI_TRY(read_entry(walk, walk->next_entry, &record, &is_row, error));
        if (record >= end_record) {
            break;
        }
        if (record < least) {
            return raise_mismatch("its records are not in order", error);
        }
        least = record + 1;
        range->n_rows -= !is_row;
    }
    range->n_entries = walk->next_entry - range->first_entry;
    walk->next_record = end_record;
    walk->next_row += range->n_rows;
    return walk->next_row <= walk->end_row ? MDL_OK : raise_mismatch("too few rows", error);
}

/* Puts the walk at the file's first record. */
static mdl_status start_walk(record_walk *walk, int64_t first_row, int64_t n_rows,
                             int64_t n_records, mdl_error *error)
{
    const mdl_table *layout = walk->output->layout;
    walk->next_row = first_row;
    walk->end_row = first_row + n_rows;
    walk->next_record = 1;
    walk->end_record = 1 + n_records;
    if (layout == NULL) {
        return MDL_OK;
    }
    /* What stands before the records and behind them counts as records without rows. */
    int64_t last;
    bool is_row;
    walk->n_entries = mdl_table_n_rows(layout);
    MDLI_TRY(create_columns(walk->output->context, MDLI_CSV_LAYOUT_RAW, &walk->entries, error));
    MDLI_TRY(read_entry(walk, walk->n_entries - 1, &last, &is_row, error));
    walk->next_record = 0;
    walk->end_record += last == walk->end_record;
    return MDL_OK;
}

/* ---- Ranges ---- */

static mdl_status append_records(const mdli_csv_output *output, record_range *range,
                                 mdl_error *error)
{
    const mdl_vector *entries = range->entries.vectors;
    mdli_csv_rows rows = {range->rows.vectors, output->n_fields, output->line_end};
    int64_t record = range->first_record;
    int64_t row = 0;
    for (int64_t i = 0; i < range->n_entries; i++) {
        int64_t kept = ((const int64_t *)entries[MDLI_CSV_LAYOUT_RECORD].values)[i];
        int64_t n_canonical = kept - record;
        MDLI_TRY(mdli_csv_append_rows(output->context, &range->text, &rows, row, row + n_canonical,
                                      error));
        MDLI_TRY(mdli_csv_append_bytes(output->context, &range->text,
                                       mdl_vector_string(&entries[MDLI_CSV_LAYOUT_RAW], i), error));
        row += n_canonical;
        row += ((const uint8_t *)entries[MDLI_CSV_LAYOUT_IS_ROW].values)[i];
        record = kept + 1;
    }
    return mdli_csv_append_rows(output->context, &range->text, &rows, row, range->n_rows, error);
}

/* Job: makes a range text. */
static mdl_status format_range(void *data, int64_t job, int worker, mdl_error *error)
{
    (void)worker;
    const record_walk *walk = data;
    const mdli_csv_output *output = walk->output;
    record_range *range = &walk->ranges[job];
    range->text.size_bytes = 0;
    if (range->n_rows > 0) {
        MDLI_TRY(read_columns(output->table, output->columns, range->first_row, range->n_rows,
                              &range->rows, error));
    }
    if (range->n_entries > 0) {
        MDLI_TRY(read_columns(output->layout, NULL, range->first_entry, range->n_entries,
                              &range->entries, error));
    }
    return append_records(output, range, error);
}

static mdl_status write_ranges(record_walk *walk, mdl_error *error)
{
    const mdli_csv_output *output = walk->output;
    int64_t first_row = walk->next_row;
    while (walk->next_record < walk->end_record) {
        int64_t n_jobs = 0;
        for (; n_jobs < walk->n_ranges && walk->next_record < walk->end_record; n_jobs++) {
            MDLI_TRY(plan_range(walk, &walk->ranges[n_jobs], error));
        }
        MDLI_TRY(mdli_parallel_for(output->context, n_jobs, format_range, walk, error));
        for (int64_t i = 0; i < n_jobs; i++) {
            const mdli_csv_text *text = &walk->ranges[i].text;
            MDLI_TRY(
                mdli_csv_output_bytes(output, (mdl_string){text->bytes, text->size_bytes}, error));
        }
        mdl_progress progress = {.task = output->path != NULL ? output->path : "csv",
                                 .done = walk->next_row - first_row,
                                 .total = walk->end_row - first_row,
                                 .unit = "rows"};
        MDLI_TRY(mdli_progress(output->context, &progress, error));
    }
    if (walk->next_entry < walk->n_entries) {
        return raise_mismatch("it has more records", error);
    }
    return walk->next_row == walk->end_row ? MDL_OK : raise_mismatch("too many rows", error);
}

static mdl_status create_ranges(record_walk *walk, mdl_error *error)
{
    const mdli_csv_output *output = walk->output;
    int64_t n_records = walk->end_record - walk->next_record;
    int64_t n_ranges = (n_records + RANGE_RECORDS - 1) / RANGE_RECORDS;
    int64_t n_max = (int64_t)RANGES_PER_WORKER * mdli_n_workers(output->context, n_ranges);
    n_ranges = n_ranges < n_max ? n_ranges : n_max;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(output->context, (size_t)n_ranges * sizeof *walk->ranges,
                                  "csv text", &memory, error));
    walk->ranges = memory;
    walk->n_ranges = n_ranges;
    for (int64_t i = 0; i < n_ranges; i++) {
        MDLI_TRY(create_columns(output->context, output->n_fields, &walk->ranges[i].rows, error));
        if (output->layout != NULL) {
            MDLI_TRY(create_columns(output->context, MDLI_CSV_N_LAYOUT_COLUMNS,
                                    &walk->ranges[i].entries, error));
        }
    }
    return MDL_OK;
}

static void end_walk(record_walk *walk)
{
    mdl_context *context = walk->output->context;
    for (int64_t i = 0; i < walk->n_ranges; i++) {
        free_columns(context, &walk->ranges[i].rows);
        free_columns(context, &walk->ranges[i].entries);
        mdli_free(context, walk->ranges[i].text.bytes);
    }
    mdli_free(context, walk->ranges);
    free_columns(context, &walk->entries);
}

mdl_status mdli_csv_output_bytes(const mdli_csv_output *output, mdl_string bytes, mdl_error *error)
{
    int failure = output->write(output->user_data, bytes.data, bytes.size_bytes);
    if (failure == 0) {
        return MDL_OK;
    }
    if (output->path != NULL) {
        return mdli_error_system(error, failure, "write", output->path);
    }
    mdl_status status = failure == ENOSPC ? MDL_E_NO_SPACE : MDL_E_IO;
    char reason[128];
    status = mdl_error_set(error, status, "cannot write csv text: %s",
                           strerror_r(failure, reason, sizeof reason));
    if (error != NULL) {
        error->system_errno = failure;
    }
    return status;
}

mdl_status mdli_csv_output_records(const mdli_csv_output *output, int64_t first_row, int64_t n_rows,
                                   int64_t n_records, mdl_error *error)
{
    record_walk walk = {.output = output};
    mdl_status status = start_walk(&walk, first_row, n_rows, n_records, error);
    if (status == MDL_OK) {
        status = create_ranges(&walk, error);
    }
    if (status == MDL_OK) {
        status = write_ranges(&walk, error);
    }
    end_walk(&walk);
    return status;
}
