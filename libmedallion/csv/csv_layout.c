/*
 * Keeping pieces of a file, and the table that they become.
 */
#include "csv/csv_layout.h"

#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/tuning.h"

enum {
    /* Rows of a block of kept bytes: to write a range of records back, not much more than its own
     * bytes are decompressed. */
    RAW_ROWS = 4 * MDLI_VECTOR_ROWS,
    /* Fewer bytes than this are not worth compressing. */
    COMPRESSED_BYTES_MIN = 4096
};

const mdl_field mdli_csv_layout_fields[MDLI_CSV_N_LAYOUT_COLUMNS] = {
    [MDLI_CSV_LAYOUT_RECORD] = {"record", MDL_TYPE_INT64},
    [MDLI_CSV_LAYOUT_IS_ROW] = {"is_row", MDL_TYPE_BOOL},
    [MDLI_CSV_LAYOUT_RAW] = {"raw", MDL_TYPE_STRING},
};

/* ---- Of a chunk ---- */

mdl_status mdli_csv_keep(mdl_context *context, mdli_csv_kept_records *kept, mdli_csv_kept record,
                         mdl_error *error)
{
    void *records = kept->records;
    MDLI_TRY(mdli_grow_array(context, &records, &kept->records_capacity, kept->n_records,
                             kept->n_records + 1, sizeof *kept->records, "csv layout", error));
    kept->records = records;
    kept->records[kept->n_records++] = record;
    return MDL_OK;
}

mdl_status mdli_csv_keep_first(mdl_context *context, mdli_csv_kept_records *kept,
                               mdli_csv_kept record, mdl_error *error)
{
    MDLI_TRY(mdli_csv_keep(context, kept, record, error));
    memmove(kept->records + 1, kept->records,
            (size_t)(kept->n_records - 1) * sizeof *kept->records);
    kept->records[0] = record;
    return MDL_OK;
}

/* Encodes texts as a block. They are records, much like each other, so most are worth compressing
 * though each is short. */
static mdl_status encode_raws(mdl_context *context, const mdl_string *texts, int64_t n,
                              mdli_block **out, mdl_error *error)
{
    mdl_vector values = {.type = MDL_TYPE_STRING, .n_rows = n, .values = texts};
    int64_t size_bytes = 0;
    for (int64_t i = 0; i < n; i++) {
        size_bytes += texts[i].size_bytes;
    }
    if (size_bytes < COMPRESSED_BYTES_MIN) {
        return mdli_block_encode(context, &values, NULL, out, error);
    }
    return mdli_block_encode_as(context, MDL_ENCODING_ZSTD, &values, NULL, out, error);
}

static void release_raws(mdli_csv_kept_records *kept)
{
    for (int64_t i = 0; i < kept->n_raws; i++) {
        mdli_block_release(kept->raws[i]);
    }
    kept->n_raws = 0;
}

/* Encodes all records; the first one's bytes are `first`. `texts` has room for a block. */
static mdl_status encode_records(mdl_context *context, mdli_csv_kept_records *kept,
                                 const mdli_csv_window *window, mdl_string first, mdl_string *texts,
                                 int64_t texts_capacity, mdl_error *error)
{
    release_raws(kept);
    for (int64_t start = 0; start < kept->n_records; start += texts_capacity) {
        int64_t n_left = kept->n_records - start;
        int64_t n = n_left < texts_capacity ? n_left : texts_capacity;
        for (int64_t i = 0; i < n; i++) {
            const mdli_csv_kept *record = &kept->records[start + i];
            texts[i] = (mdl_string){window->bytes + (record->start_bytes - window->offset_bytes),
                                    record->end_bytes - record->start_bytes};
        }
        texts[0] = start == 0 ? first : texts[0];
        void *raws = kept->raws;
        MDLI_TRY(mdli_grow_array(context, &raws, &kept->raws_capacity, kept->n_raws,
                                 kept->n_raws + 1, sizeof(mdli_block *), "csv layout", error));
        kept->raws = raws;
        MDLI_TRY(encode_raws(context, texts, n, &kept->raws[kept->n_raws], error));
        kept->n_raws++;
    }
    return MDL_OK;
}

mdl_status mdli_csv_encode_kept(mdl_context *context, mdli_csv_kept_records *kept,
                                const mdli_csv_window *window, mdl_string prefix, mdl_error *error)
{
    if (kept->n_records == 0) {
        return MDL_OK;
    }
    int64_t block_rows = mdli_context_block_rows(context);
    int64_t capacity = block_rows < RAW_ROWS ? block_rows : RAW_ROWS;
    capacity = capacity < kept->n_records ? capacity : kept->n_records;
    const mdli_csv_kept *record = &kept->records[0];
    mdl_string first = {window->bytes + (record->start_bytes - window->offset_bytes),
                        record->end_bytes - record->start_bytes};
    mdli_csv_text joined = {.bytes = NULL};
    void *texts = NULL;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(
        mdli_allocate_array(context, capacity, sizeof(mdl_string), "csv layout", &texts, error));
    if (prefix.size_bytes > 0) {
        MDLI_TRY_GOTO_DONE(mdli_csv_append_bytes(context, &joined, prefix, error));
        MDLI_TRY_GOTO_DONE(mdli_csv_append_bytes(context, &joined, first, error));
        first = (mdl_string){joined.bytes, joined.size_bytes};
    }
    MDLI_TRY_GOTO_DONE(encode_records(context, kept, window, first, texts, capacity, error));
done:
    mdli_free(context, texts);
    mdli_free(context, joined.bytes);
    return status;
}

void mdli_csv_clear_kept(mdli_csv_kept_records *kept)
{
    release_raws(kept);
    kept->n_records = 0;
}

void mdli_csv_free_kept(mdli_csv_kept_records *kept, mdl_context *context)
{
    release_raws(kept);
    mdli_free(context, kept->records);
    mdli_free(context, kept->raws);
}

/* ---- Of a file ---- */

struct mdli_csv_layout {
    mdl_context *context;
    mdli_column_builder *records;
    mdli_column_builder *are_rows;
    mdli_block **raws;
    int64_t n_raws;
    int64_t raws_capacity;
    int64_t n_rows;
};

mdl_status mdli_csv_layout_create(mdl_context *context, mdli_csv_layout **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, sizeof(mdli_csv_layout), "csv layout", &memory, error));
    mdli_csv_layout *layout = memory;
    layout->context = context;
    mdl_status status =
        mdli_column_builder_create(context, MDL_TYPE_INT64, &layout->records, error);
    if (status == MDL_OK) {
        status = mdli_column_builder_create(context, MDL_TYPE_BOOL, &layout->are_rows, error);
    }
    if (status != MDL_OK) {
        mdli_csv_layout_free(layout);
        return status;
    }
    *out = layout;
    return MDL_OK;
}

void mdli_csv_layout_free(mdli_csv_layout *layout)
{
    if (layout == NULL) {
        return;
    }
    for (int64_t i = 0; i < layout->n_raws; i++) {
        mdli_block_release(layout->raws[i]);
    }
    mdli_column_builder_free(layout->records);
    mdli_column_builder_free(layout->are_rows);
    mdli_free(layout->context, layout->raws);
    mdli_free(layout->context, layout);
}

/* Makes room for so many more blocks. */
static mdl_status reserve_raws(mdli_csv_layout *layout, int64_t n, mdl_error *error)
{
    void *raws = layout->raws;
    MDLI_TRY(mdli_grow_array(layout->context, &raws, &layout->raws_capacity, layout->n_raws,
                             layout->n_raws + n, sizeof(mdli_block *), "csv layout", error));
    layout->raws = raws;
    return MDL_OK;
}

static mdl_status append_records(mdli_csv_layout *layout, const int64_t *records,
                                 const uint8_t *are_rows, int64_t n, mdl_error *error)
{
    mdl_vector numbers = {.type = MDL_TYPE_INT64, .n_rows = n, .values = records};
    mdl_vector flags = {.type = MDL_TYPE_BOOL, .n_rows = n, .values = are_rows};
    MDLI_TRY(mdli_column_builder_append(layout->records, &numbers, error));
    MDLI_TRY(mdli_column_builder_append(layout->are_rows, &flags, error));
    layout->n_rows += n;
    return MDL_OK;
}

mdl_status mdli_csv_layout_append(mdli_csv_layout *layout, int64_t record, mdl_string raw,
                                  mdl_error *error)
{
    static const uint8_t is_row[1] = {0};
    MDLI_TRY(reserve_raws(layout, 1, error));
    MDLI_TRY(append_records(layout, &record, is_row, 1, error));
    MDLI_TRY(encode_raws(layout->context, &raw, 1, &layout->raws[layout->n_raws], error));
    layout->n_raws++;
    return MDL_OK;
}

mdl_status mdli_csv_layout_take(mdli_csv_layout *layout, mdli_csv_kept_records *kept,
                                int64_t first_record, mdl_error *error)
{
    int64_t records[MDLI_FRAME_ROWS];
    uint8_t are_rows[MDLI_FRAME_ROWS];
    MDLI_TRY(reserve_raws(layout, kept->n_raws, error));
    for (int64_t start = 0; start < kept->n_records; start += MDLI_FRAME_ROWS) {
        int64_t n_left = kept->n_records - start;
        int64_t n = n_left < MDLI_FRAME_ROWS ? n_left : MDLI_FRAME_ROWS;
        for (int64_t i = 0; i < n; i++) {
            records[i] = first_record + kept->records[start + i].number;
            are_rows[i] = kept->records[start + i].is_row;
        }
        MDLI_TRY(append_records(layout, records, are_rows, n, error));
    }
    for (int64_t i = 0; i < kept->n_raws; i++) {
        layout->raws[layout->n_raws++] = kept->raws[i];
    }
    kept->n_raws = 0;
    return MDL_OK;
}

mdl_status mdli_csv_layout_finish(mdli_csv_layout *layout, mdl_table **out, mdl_error *error)
{
    const char *names[MDLI_CSV_N_LAYOUT_COLUMNS];
    mdl_column *columns[MDLI_CSV_N_LAYOUT_COLUMNS] = {NULL};
    mdl_status status;
    for (int i = 0; i < MDLI_CSV_N_LAYOUT_COLUMNS; i++) {
        names[i] = mdli_csv_layout_fields[i].name;
    }
    MDLI_TRY_GOTO_DONE(
        mdli_column_builder_finish(layout->records, &columns[MDLI_CSV_LAYOUT_RECORD], error));
    MDLI_TRY_GOTO_DONE(
        mdli_column_builder_finish(layout->are_rows, &columns[MDLI_CSV_LAYOUT_IS_ROW], error));
    int64_t n_raws = layout->n_raws;
    layout->n_raws = 0; /* the references are handed over */
    MDLI_TRY_GOTO_DONE(mdli_column_from_blocks(layout->context, MDL_TYPE_STRING, layout->raws,
                                               n_raws, &columns[MDLI_CSV_LAYOUT_RAW], error));
    return mdli_table_create(layout->context, names, columns, MDLI_CSV_N_LAYOUT_COLUMNS,
                             layout->n_rows, out, error);
done:
    for (int i = 0; i < MDLI_CSV_N_LAYOUT_COLUMNS; i++) {
        if (columns[i] != NULL) {
            mdli_column_release(columns[i]);
        }
    }
    return status;
}
