/*
 * Reading the records of a chunk: plain ones on the fast path, all others on the exact one.
 */
#include "csv/csv_chunk.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "csv/csv_parser.h"

/* The piece behind a chunk that is read with it, for its last record. */
enum {
    OVERHANG_PIECE_BYTES = 2048
};

void mdli_csv_chunk_init(mdli_csv_chunk *chunk, mdl_context *context)
{
    *chunk = (mdli_csv_chunk){.blocks = NULL};
    mdli_arena_init(&chunk->texts, context, "csv bad records");
}

/* Forgets what was found in the chunk. */
static void clear_results(mdli_csv_chunk *chunk)
{
    for (int64_t i = 0; i < chunk->n_blocks; i++) {
        mdli_block_release(chunk->blocks[i]);
    }
    chunk->n_blocks = 0;
    chunk->n_bad_records = 0;
    chunk->n_records = 0;
    chunk->n_lines = 0;
    chunk->n_rows = 0;
    chunk->is_complete = false;
    mdli_csv_clear_kept(&chunk->kept);
    mdli_arena_reset(&chunk->texts);
}

void mdli_csv_chunk_free(mdli_csv_chunk *chunk, mdl_context *context)
{
    clear_results(chunk);
    mdli_free(context, chunk->blocks);
    mdli_free(context, chunk->bad_records);
    mdli_csv_free_kept(&chunk->kept, context);
    mdli_csv_window_free(&chunk->window, context);
}

/*
 * Reads more of the file behind the window, for a record that is cut off. False through *is_read
 * when the premise goes no further than the window.
 */
static mdl_status read_on(mdli_csv_parser *parser, mdli_csv_chunk *chunk, bool is_premise,
                          bool *is_read, mdl_error *error)
{
    mdli_csv_window *window = &chunk->window;
    int64_t end = window->offset_bytes + window->size_bytes;
    int64_t size_bytes = parser->options.source->size_bytes;
    if (is_premise) {
        /* Rows point into the window, which has room for this. */
        int64_t overhang_end = chunk->end_bytes + parser->overhang_bytes;
        overhang_end = overhang_end < size_bytes ? overhang_end : size_bytes;
        assert(mdli_csv_window_has_room(window, overhang_end));
        *is_read = end < overhang_end;
        return mdli_csv_window_load(window, parser->context, parser->options.source, overhang_end,
                                    error);
    }
    *is_read = true;
    int64_t new_end = end + window->size_bytes;
    new_end = new_end < size_bytes ? new_end : size_bytes;
    if (!mdli_csv_window_has_room(window, new_end)) {
        MDLI_TRY(mdli_csv_encode_rows(parser, chunk, error));
    }
    return mdli_csv_window_load(window, parser->context, parser->options.source, new_end, error);
}

/* Reads records from parser->at on until one starts behind the chunk or, on the premise, does not
 * end. */
static mdl_status read_records(mdli_csv_parser *parser, mdli_csv_chunk *chunk, bool is_premise,
                               mdl_error *error)
{
    mdli_csv_window *window = &chunk->window;
    int64_t end = chunk->end_bytes - window->offset_bytes;
    mdli_csv_scan_batch(parser, chunk);
    while (parser->at < end && chunk->n_bad_records <= parser->options.n_bad_max) {
        mdli_csv_stop why;
        if (parser->n_rows == parser->rows_capacity) {
            MDLI_TRY(mdli_csv_encode_rows(parser, chunk, error));
        }
        if (parser->at >= parser->batch + parser->batch_bytes) {
            mdli_csv_scan_batch(parser, chunk);
        }
        MDLI_TRY(mdli_csv_read_plain_records(parser, chunk, &why, error));
        if (why == MDLI_CSV_STOP_FULL) {
            continue;
        }
        if (why == MDLI_CSV_STOP_CUT_OFF && parser->at > parser->batch) {
            mdli_csv_scan_batch(parser, chunk);
            continue;
        }
        /* The run was not full: there is room for a row. */
        mdli_csv_outcome result;
        MDLI_TRY(mdli_csv_read_next_record(parser, chunk, &result, error));
        if (result == MDLI_CSV_CUT_OFF) {
            bool is_read;
            MDLI_TRY(read_on(parser, chunk, is_premise, &is_read, error));
            if (!is_read) {
                return MDL_OK;
            }
            mdli_csv_scan_batch(parser, chunk);
        }
    }
    MDLI_TRY(mdli_csv_encode_rows(parser, chunk, error));
    MDLI_TRY(
        mdli_csv_encode_kept(parser->context, &chunk->kept, window, (mdl_string){NULL, 0}, error));
    chunk->last_record_end = window->offset_bytes + parser->record_end;
    chunk->next_record = window->offset_bytes + parser->at;
    chunk->is_complete = true;
    return MDL_OK;
}

/* Reads the chunk's records from byte `first_record` of the file on. */
static mdl_status parse(mdli_csv_parser *parser, mdli_csv_chunk *chunk, int64_t first_record,
                        bool is_premise, mdl_error *error)
{
    clear_results(chunk);
    parser->n_rows = 0;
    parser->at = first_record - chunk->window.offset_bytes;
    parser->record_end = parser->at;
    chunk->first_record = first_record;
    mdl_status status = read_records(parser, chunk, is_premise, error);
    mdli_arena_reset(&parser->texts);
    return status;
}

mdl_status mdli_csv_parse_premise(mdli_csv_parser *parser, mdli_csv_chunk *chunk, mdl_error *error)
{
    mdli_csv_window *window = &chunk->window;
    /* With the byte before the chunk it is seen whether a record starts at its first byte. */
    int64_t start = chunk->start_bytes > 0 ? chunk->start_bytes - 1 : 0;
    int64_t overhang = parser->overhang_bytes;
    int64_t piece = overhang < OVERHANG_PIECE_BYTES ? overhang : OVERHANG_PIECE_BYTES;
    MDLI_TRY(mdli_csv_window_place(window, parser->context, start,
                                   chunk->end_bytes - start + overhang, error));
    MDLI_TRY(mdli_csv_window_load(window, parser->context, parser->options.source,
                                  chunk->end_bytes + piece, error));
    const char *line_feed =
        memchr(window->bytes, '\n', (size_t)(chunk->end_bytes - window->offset_bytes));
    if (line_feed == NULL) {
        clear_results(chunk);
        chunk->first_record = chunk->end_bytes;
        chunk->is_complete = true;
        return MDL_OK;
    }
    int64_t first_record = window->offset_bytes + (line_feed + 1 - window->bytes);
    return parse(parser, chunk, first_record, true, error);
}

mdl_status mdli_csv_parse_from(mdli_csv_parser *parser, mdli_csv_chunk *chunk, int64_t first_record,
                               mdl_error *error)
{
    return parse(parser, chunk, first_record, false, error);
}

mdl_status mdli_csv_prepend_blank_lines(mdl_context *context, mdli_csv_chunk *chunk,
                                        mdl_string blank_lines, mdl_error *error)
{
    mdli_csv_kept_records *kept = &chunk->kept;
    assert(chunk->is_complete && chunk->n_records > 0);
    if (kept->n_records == 0 || kept->records[0].number > 0) {
        /* It is kept for the blank lines alone, so it is a row. */
        mdli_csv_kept first = {.start_bytes = chunk->first_record,
                               .end_bytes = chunk->first_record_end,
                               .is_row = true};
        MDLI_TRY(mdli_csv_keep_first(context, kept, first, error));
    }
    return mdli_csv_encode_kept(context, kept, &chunk->window, blank_lines, error);
}
