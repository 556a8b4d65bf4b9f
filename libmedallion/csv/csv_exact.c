/*
 * The exact path: a record is split, read field by field, and found to be good or bad.
 */
#include "csv/csv_parser.h"

#include "base/error.h"
#include "csv/csv_text.h"

/* Bytes of the text at fault that are kept for a message. */
enum {
    FAULT_TEXT_BYTES = 512
};

/* Keeps a copy of a piece of the window. */
static mdl_status keep_text(mdli_csv_chunk *chunk, mdl_string text, int64_t size_max,
                            mdl_string *out, mdl_error *error)
{
    out->size_bytes = text.size_bytes < size_max ? text.size_bytes : size_max;
    out->data = mdli_arena_copy(&chunk->texts, text.data, (size_t)out->size_bytes, error);
    return out->data != NULL ? MDL_OK : error->status;
}

/* Adds a bad record whose texts still point to the window. */
static mdl_status add_bad_record(mdli_csv_parser *parser, mdli_csv_chunk *chunk,
                                 mdli_csv_bad_record bad, mdl_error *error)
{
    void *bad_records = chunk->bad_records;
    MDLI_TRY(mdli_grow_array(parser->context, &bad_records, &chunk->bad_records_capacity,
                             chunk->n_bad_records, chunk->n_bad_records + 1,
                             sizeof *chunk->bad_records, "csv bad records", error));
    chunk->bad_records = bad_records;
    int64_t size_max = parser->options.keeps_raw ? INT64_MAX : FAULT_TEXT_BYTES;
    bad.offset_bytes = chunk->window.offset_bytes + (bad.text.data - chunk->window.bytes);
    MDLI_TRY(keep_text(chunk, bad.text, size_max, &bad.text, error));
    MDLI_TRY(keep_text(chunk, bad.raw, size_max, &bad.raw, error));
    chunk->bad_records[chunk->n_bad_records++] = bad;
    return MDL_OK;
}

/* Reads one field to its column's row. *is_canonical becomes false where a field that is good is
 * not in canonical form. */
static mdl_status read_field(mdli_csv_parser *parser, const mdli_csv_field *field, int32_t target,
                             int64_t row, mdli_csv_fault *fault, bool *is_canonical,
                             mdl_error *error)
{
    mdl_string text = field->text;
    *fault = mdli_csv_check_text(text.data, text.size_bytes);
    if (*fault != MDLI_CSV_FAULT_NONE || target < 0) {
        return MDL_OK;
    }
    const mdli_csv_staged *column = &parser->columns[target];
    if (text.size_bytes == 0 && !field->is_quoted) {
        if (column->nulls == NULL) {
            *fault = MDLI_CSV_FAULT_NO_VALUE;
        } else {
            mdli_csv_store_null(column, row);
        }
        return MDL_OK;
    }
    if (field->has_doubled_quotes) {
        char *copy = mdli_arena_allocate(&parser->texts, (size_t)text.size_bytes, error);
        if (copy == NULL) {
            return error->status;
        }
        text = (mdl_string){copy, mdli_csv_undouble_quotes(text, copy)};
    }
    if (column->target->type == MDL_TYPE_STRING) {
        mdli_csv_store_text(column, row, text);
        *is_canonical &= field->is_quoted == mdli_csv_needs_quotes(text);
        return MDL_OK;
    }
    mdli_csv_value value;
    *fault = mdli_csv_read_value(column->target, text.data, text.size_bytes, &value);
    if (*fault == MDLI_CSV_FAULT_NONE) {
        mdli_csv_store_value(column, row, value);
        *is_canonical &= !field->is_quoted && mdli_csv_is_canonical(column, row, text);
    }
    return MDL_OK;
}

/* Reads the fields of a record that is split; `bad` tells the first fault, *is_canonical whether all
 * good ones are in canonical form. */
static mdl_status read_fields(mdli_csv_parser *parser, const mdli_csv_record *record, int64_t row,
                              mdli_csv_bad_record *bad, bool *is_canonical, mdl_error *error)
{
    const mdli_csv_schema *schema = parser->options.schema;
    *is_canonical = true;
    if (record->fault != MDLI_CSV_FAULT_NONE) {
        bad->fault = record->fault;
        bad->field = record->fault_field;
        bad->text = record->fault_text;
        return MDL_OK;
    }
    if (record->n_fields != schema->n_fields) {
        bad->fault = MDLI_CSV_FAULT_FIELD_COUNT;
        bad->n_fields = record->n_fields;
        bad->text = bad->raw;
        return MDL_OK;
    }
    for (int64_t i = 0; i < record->n_fields && bad->fault == MDLI_CSV_FAULT_NONE; i++) {
        const mdli_csv_field *field = &parser->fields[i];
        MDLI_TRY(read_field(parser, field, schema->fields[i].target, row, &bad->fault, is_canonical,
                            error));
        bad->field = i;
        bad->text = field->text;
    }
    return MDL_OK;
}

/* Whether a record ends as the header does. */
static bool has_canonical_end(const mdli_csv_parser *parser, const mdli_csv_record *record)
{
    return record->next - record->end == (parser->options.is_crlf ? 2 : 1);
}

mdl_status mdli_csv_read_record(mdli_csv_parser *parser, mdli_csv_chunk *chunk,
                                const mdli_csv_record_place *place, mdli_csv_record_read *read,
                                mdl_error *error)
{
    const mdli_csv_window *window = &chunk->window;
    bool is_file_end =
        window->offset_bytes + window->size_bytes == parser->options.source->size_bytes;
    mdli_csv_record record;
    *read = (mdli_csv_record_read){.outcome = MDLI_CSV_CUT_OFF, .next = place->at};
    if (!mdli_csv_split_record(window->bytes + place->at, window->bytes + window->size_bytes,
                               is_file_end, parser->fields, parser->options.schema->n_fields,
                               &record)) {
        return MDL_OK;
    }
    read->next = record.next - window->bytes;
    if (record.is_blank) {
        read->outcome = MDLI_CSV_BLANK;
        return MDL_OK;
    }
    mdli_csv_bad_record bad = {
        .field = -1, .record = place->number, .raw = {record.start, record.end - record.start}};
    MDLI_TRY(read_fields(parser, &record, place->row, &bad, &read->is_canonical, error));
    if (bad.fault == MDLI_CSV_FAULT_NONE) {
        read->outcome = MDLI_CSV_LOADED;
        read->is_canonical &= has_canonical_end(parser, &record);
        return MDL_OK;
    }
    read->outcome = MDLI_CSV_BAD;
    read->is_canonical = false;
    const char *mark = window->bytes + place->line_mark;
    bad.line = chunk->n_lines + mdli_csv_count_lines(mark, bad.text.data - mark);
    return add_bad_record(parser, chunk, bad, error);
}

mdl_status mdli_csv_keep_record(mdli_csv_parser *parser, mdli_csv_chunk *chunk, int64_t number,
                                int64_t start, int64_t end, bool is_row, mdl_error *error)
{
    if (!parser->options.keeps_layout) {
        return MDL_OK;
    }
    int64_t offset_bytes = chunk->window.offset_bytes;
    mdli_csv_kept record = {.number = number,
                            .start_bytes = offset_bytes + start,
                            .end_bytes = offset_bytes + end,
                            .is_row = is_row};
    return mdli_csv_keep(parser->context, &chunk->kept, record, error);
}

void mdli_csv_end_records(mdli_csv_parser *parser, mdli_csv_chunk *chunk, int64_t n_records,
                          int64_t first_end, int64_t end)
{
    if (chunk->n_records == 0) {
        chunk->first_record_end = chunk->window.offset_bytes + first_end;
    }
    chunk->n_records += n_records;
    parser->record_end = end;
}

mdl_status mdli_csv_read_next_record(mdli_csv_parser *parser, mdli_csv_chunk *chunk,
                                     mdli_csv_outcome *result, mdl_error *error)
{
    int64_t at = parser->at;
    mdli_csv_record_place place = {
        .at = at, .row = parser->n_rows, .number = chunk->n_records, .line_mark = at};
    mdli_csv_record_read read;
    MDLI_TRY(mdli_csv_read_record(parser, chunk, &place, &read, error));
    *result = read.outcome;
    if (read.outcome == MDLI_CSV_CUT_OFF) {
        return MDL_OK;
    }
    if (read.outcome != MDLI_CSV_BLANK) {
        bool is_row = read.outcome == MDLI_CSV_LOADED;
        if (!read.is_canonical || parser->record_end != at) {
            MDLI_TRY(mdli_csv_keep_record(parser, chunk, chunk->n_records, parser->record_end,
                                          read.next, is_row, error));
        }
        mdli_csv_end_records(parser, chunk, 1, read.next, read.next);
        parser->n_rows += is_row;
    }
    chunk->n_lines += mdli_csv_count_lines(chunk->window.bytes + at, read.next - at);
    parser->at = read.next;
    while (parser->next_mark < parser->marks.n &&
           parser->batch + parser->marks.positions[parser->next_mark] < read.next) {
        parser->next_mark++;
    }
    return MDL_OK;
}
