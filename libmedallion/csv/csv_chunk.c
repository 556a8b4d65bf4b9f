/*
 * The parser: a fast path for plain records, 64 at a time, and an exact one for all others, one at
 * a time.
 *
 * The fast path works on a batch of bytes at a time. A kernel lists where the batch's commas, line
 * feeds and quotes are; walking along this list finds records that have the right number of fields,
 * and quotes at most around whole fields (find_records). The fields of such a run of records are
 * then read column by column (csv_fields.c), straight to where the encoder takes them from. A
 * record in which either step finds something else is split and read again by the exact path, which
 * alone decides what is a fault.
 *
 * Offsets of bytes in here count from the start of the chunk's window, whose memory may move.
 */
#include "csv/csv_chunk.h"

#include <assert.h>
#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "csv/csv_fields.h"
#include "csv/csv_text.h"
#include "kernels/csv_kernels.h"
#include "kernels/kernels.h"

enum {
    RUN_ROWS = MDLI_CSV_RUN_ROWS,
    /* Entries of a field's list. */
    LIST_ROWS = RUN_ROWS + MDLI_CSV_DEAL_SLACK,
    /* The list of a batch stays in a level-1 cache. */
    BATCH_BYTES = 16384,
    /* How far behind a chunk its last record is followed on the premise, and the piece that is read
     * first: most records are far shorter. */
    OVERHANG_BYTES_MIN = 64,
    OVERHANG_BYTES_MAX = 65536,
    OVERHANG_PIECE_BYTES = 2048,
    /* Bytes of the text at fault that are kept for a message. */
    FAULT_TEXT_BYTES = 512
};

struct mdli_csv_parser {
    mdl_context *context;
    mdli_csv_parser_options options;
    const mdli_kernels *kernels;
    int64_t overhang_bytes;

    /* Rows that wait to be encoded. */
    int64_t rows_capacity;
    int64_t n_rows;
    mdli_csv_staged *columns;
    uint64_t *validity; /* of one column, while it is encoded */
    mdli_arena texts;   /* of the rows: those that had doubled quotes */

    /* The batch: bytes [batch, batch + batch_bytes) of the window and the marks in it. */
    int64_t batch;
    int64_t batch_bytes;
    mdli_csv_marks marks;
    int64_t next_mark; /* the first one at or behind `at` */
    char *plain_kinds; /* of the marks of RUN_ROWS records without quotes */

    int64_t at;         /* where the next record starts, or blank lines */
    int64_t record_end; /* where the last record ended: all behind it is of the next one */

    /* The run: field f of record i is in [begins[f * LIST_ROWS + i], ends[…]) of the batch. */
    uint16_t *begins;
    uint16_t *ends;
    uint16_t starts[RUN_ROWS + 1]; /* of the records; behind the last one, its end */

    mdli_csv_field *fields; /* of one record, on the exact path */
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

/* ---- Making a parser ---- */

static mdl_status create_column(mdli_csv_parser *parser, int32_t index, mdl_error *error)
{
    static const int64_t value_sizes[] = {
#define VALUE_SIZE(name, value, text, size) [value] = size,
        MDL_TYPE_LIST(VALUE_SIZE)
#undef VALUE_SIZE
    };
    mdli_csv_staged *column = &parser->columns[index];
    column->target = &parser->options.schema->targets[index];
    column->kernels = parser->kernels;
    column->value_bytes = value_sizes[column->target->type];
    MDLI_TRY(mdli_allocate_array(parser->context, parser->rows_capacity,
                                 (size_t)column->value_bytes, "csv rows", &column->values, error));
    if (!column->target->is_required) {
        void *nulls;
        MDLI_TRY(mdli_allocate_array(parser->context, parser->rows_capacity, 1, "csv rows", &nulls,
                                     error));
        column->nulls = nulls;
    }
    return MDL_OK;
}

/* More rows than a chunk can have are never staged: a record has a byte and a line end or comma per
 * field. */
static int64_t rows_capacity(const mdl_context *context, const mdli_csv_parser_options *options)
{
    int64_t n_fields = options->schema->n_fields;
    int64_t record_bytes = n_fields < 2 ? 2 : n_fields;
    int64_t n_rows = options->chunk_bytes / record_bytes + 1;
    int64_t block_rows = mdli_context_block_rows(context);
    return n_rows < block_rows ? n_rows : block_rows;
}

static int64_t overhang_bytes(int64_t chunk_bytes)
{
    int64_t bytes = chunk_bytes / 16;
    if (bytes < OVERHANG_BYTES_MIN) {
        return OVERHANG_BYTES_MIN;
    }
    return bytes < OVERHANG_BYTES_MAX ? bytes : OVERHANG_BYTES_MAX;
}

static mdl_status allocate_buffers(mdli_csv_parser *parser, mdl_error *error)
{
    mdl_context *context = parser->context;
    const mdli_csv_schema *schema = parser->options.schema;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)schema->n_targets * sizeof *parser->columns,
                                  "csv rows", &memory, error));
    parser->columns = memory;
    for (int32_t i = 0; i < schema->n_targets; i++) {
        MDLI_TRY(create_column(parser, i, error));
    }
    MDLI_TRY(mdli_allocate_array(context, (parser->rows_capacity + 63) / 64, sizeof(uint64_t),
                                 "csv rows", &memory, error));
    parser->validity = memory;
    MDLI_TRY(mdli_allocate_array(context, BATCH_BYTES + MDLI_CSV_SCAN_SLACK, sizeof(uint16_t),
                                 "csv marks", &memory, error));
    parser->marks.positions = memory;
    MDLI_TRY(mdli_allocate_array(context, BATCH_BYTES + MDLI_CSV_SCAN_SLACK, 1, "csv marks",
                                 &memory, error));
    parser->marks.kinds = memory;
    MDLI_TRY(mdli_allocate_array(context, schema->n_fields, RUN_ROWS, "csv marks", &memory, error));
    parser->plain_kinds = memory;
    for (int64_t i = 0; i < schema->n_fields * RUN_ROWS; i++) {
        parser->plain_kinds[i] = (i + 1) % schema->n_fields == 0 ? '\n' : ',';
    }
    MDLI_TRY(mdli_allocate_array(context, schema->n_fields, LIST_ROWS * sizeof(uint16_t),
                                 "csv fields", &memory, error));
    parser->begins = memory;
    MDLI_TRY(mdli_allocate_array(context, schema->n_fields, LIST_ROWS * sizeof(uint16_t),
                                 "csv fields", &memory, error));
    parser->ends = memory;
    MDLI_TRY(mdli_allocate_array(context, schema->n_fields, sizeof(mdli_csv_field), "csv fields",
                                 &memory, error));
    parser->fields = memory;
    return MDL_OK;
}

mdl_status mdli_csv_parser_create(mdl_context *context, const mdli_csv_parser_options *options,
                                  mdli_csv_parser **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, sizeof(mdli_csv_parser), "csv parser", &memory, error));
    mdli_csv_parser *parser = memory;
    parser->context = context;
    parser->options = *options;
    parser->kernels = mdli_kernels_for(mdl_context_simd(context));
    parser->overhang_bytes = overhang_bytes(options->chunk_bytes);
    parser->rows_capacity = rows_capacity(context, options);
    mdli_arena_init(&parser->texts, context, "csv texts");
    mdl_status status = allocate_buffers(parser, error);
    if (status != MDL_OK) {
        mdli_csv_parser_free(parser);
        return status;
    }
    *out = parser;
    return MDL_OK;
}

void mdli_csv_parser_free(mdli_csv_parser *parser)
{
    if (parser == NULL) {
        return;
    }
    mdl_context *context = parser->context;
    if (parser->columns != NULL) {
        for (int32_t i = 0; i < parser->options.schema->n_targets; i++) {
            mdli_free(context, parser->columns[i].values);
            mdli_free(context, parser->columns[i].nulls);
        }
    }
    mdli_free(context, parser->columns);
    mdli_free(context, parser->validity);
    mdli_free(context, parser->marks.positions);
    mdli_free(context, parser->marks.kinds);
    mdli_free(context, parser->plain_kinds);
    mdli_free(context, parser->begins);
    mdli_free(context, parser->ends);
    mdli_free(context, parser->fields);
    mdli_arena_reset(&parser->texts);
    mdli_free(context, parser);
}

/* ---- Encoding ---- */

/* The staged NULLs of a column as a bitmap, or NULL when there is none. */
static const uint64_t *make_validity(mdli_csv_parser *parser, const mdli_csv_staged *column)
{
    if (column->nulls == NULL || memchr(column->nulls, 1, (size_t)parser->n_rows) == NULL) {
        return NULL;
    }
    memset(parser->validity, 0, (size_t)(parser->n_rows + 63) / 64 * sizeof(uint64_t));
    for (int64_t i = 0; i < parser->n_rows; i++) {
        parser->validity[i >> 6] |= (uint64_t)!column->nulls[i] << (i & 63);
    }
    return parser->validity;
}

/* Encodes the staged rows to blocks of the chunk. Then nothing points to the window or to `texts`
 * any more. */
static mdl_status encode_rows(mdli_csv_parser *parser, mdli_csv_chunk *chunk, mdl_error *error)
{
    if (parser->n_rows == 0) {
        return MDL_OK;
    }
    int32_t n_columns = parser->options.schema->n_targets;
    void *blocks = chunk->blocks;
    MDLI_TRY(mdli_grow_array(parser->context, &blocks, &chunk->blocks_capacity, chunk->n_blocks,
                             chunk->n_blocks + n_columns, sizeof *chunk->blocks, "csv chunk",
                             error));
    chunk->blocks = blocks;
    for (int32_t i = 0; i < n_columns; i++) {
        const mdli_csv_staged *column = &parser->columns[i];
        mdl_vector values = {.type = column->target->type,
                             .n_rows = parser->n_rows,
                             .values = column->values,
                             .validity = make_validity(parser, column)};
        mdli_block **block = &chunk->blocks[chunk->n_blocks];
        if (values.type == MDL_TYPE_STRING) {
            MDLI_TRY(mdli_block_encode_loose_text(parser->context, &values, block, error));
        } else {
            MDLI_TRY(mdli_block_encode(parser->context, &values, NULL, block, error));
        }
        chunk->n_blocks++;
    }
    chunk->n_rows += parser->n_rows;
    parser->n_rows = 0;
    mdli_arena_reset(&parser->texts);
    return MDL_OK;
}

/* ---- The exact path ---- */

/* What became of a record on the exact path. */
typedef enum outcome {
    RECORD_LOADED,
    RECORD_BAD,
    RECORD_BLANK,  /* a blank line, no record */
    RECORD_CUT_OFF /* more bytes are needed */
} outcome;

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

/* Where a record is, and what of its chunk is before it. */
typedef struct record_place {
    int64_t at;
    int64_t row;       /* it is read to */
    int64_t number;    /* how many of the chunk's records are before it */
    int64_t line_mark; /* chunk->n_lines of the chunk's line ends are before this */
} record_place;

/* What reading a record gave. */
typedef struct record_read {
    outcome outcome;
    bool is_canonical; /* as far as the record's own bytes go */
    int64_t next;      /* where the next one starts */
} record_read;

/* Whether a record ends as the header does. */
static bool has_canonical_end(const mdli_csv_parser *parser, const mdli_csv_record *record)
{
    return record->next - record->end == (parser->options.is_crlf ? 2 : 1);
}

static mdl_status read_record(mdli_csv_parser *parser, mdli_csv_chunk *chunk,
                              const record_place *place, record_read *read, mdl_error *error)
{
    const mdli_csv_window *window = &chunk->window;
    bool is_file_end =
        window->offset_bytes + window->size_bytes == parser->options.source->size_bytes;
    mdli_csv_record record;
    *read = (record_read){.outcome = RECORD_CUT_OFF, .next = place->at};
    if (!mdli_csv_split_record(window->bytes + place->at, window->bytes + window->size_bytes,
                               is_file_end, parser->fields, parser->options.schema->n_fields,
                               &record)) {
        return MDL_OK;
    }
    read->next = record.next - window->bytes;
    if (record.is_blank) {
        read->outcome = RECORD_BLANK;
        return MDL_OK;
    }
    mdli_csv_bad_record bad = {
        .field = -1, .record = place->number, .raw = {record.start, record.end - record.start}};
    MDLI_TRY(read_fields(parser, &record, place->row, &bad, &read->is_canonical, error));
    if (bad.fault == MDLI_CSV_FAULT_NONE) {
        read->outcome = RECORD_LOADED;
        read->is_canonical &= has_canonical_end(parser, &record);
        return MDL_OK;
    }
    read->outcome = RECORD_BAD;
    read->is_canonical = false;
    const char *mark = window->bytes + place->line_mark;
    bad.line = chunk->n_lines + mdli_csv_count_lines(mark, bad.text.data - mark);
    return add_bad_record(parser, chunk, bad, error);
}

/* Keeps the bytes [start, end) of the window, which are a record's. */
static mdl_status keep_record(mdli_csv_parser *parser, mdli_csv_chunk *chunk, int64_t number,
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

/* Notes that records were read up to `end`, the first of them up to `first_end`. */
static void end_records(mdli_csv_parser *parser, mdli_csv_chunk *chunk, int64_t n_records,
                        int64_t first_end, int64_t end)
{
    if (chunk->n_records == 0) {
        chunk->first_record_end = chunk->window.offset_bytes + first_end;
    }
    chunk->n_records += n_records;
    parser->record_end = end;
}

/* Reads the record at parser->at, or the blank line there. */
static mdl_status read_next_record(mdli_csv_parser *parser, mdli_csv_chunk *chunk, outcome *result,
                                   mdl_error *error)
{
    int64_t at = parser->at;
    record_place place = {
        .at = at, .row = parser->n_rows, .number = chunk->n_records, .line_mark = at};
    record_read read;
    MDLI_TRY(read_record(parser, chunk, &place, &read, error));
    *result = read.outcome;
    if (read.outcome == RECORD_CUT_OFF) {
        return MDL_OK;
    }
    if (read.outcome != RECORD_BLANK) {
        bool is_row = read.outcome == RECORD_LOADED;
        if (!read.is_canonical || parser->record_end != at) {
            MDLI_TRY(keep_record(parser, chunk, chunk->n_records, parser->record_end, read.next,
                                 is_row, error));
        }
        end_records(parser, chunk, 1, read.next, read.next);
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

/* ---- The fast path ---- */

/* Puts the batch at parser->at and finds its marks. */
static void scan_batch(mdli_csv_parser *parser, const mdli_csv_chunk *chunk)
{
    int64_t n_left = chunk->window.size_bytes - parser->at;
    parser->batch = parser->at;
    parser->batch_bytes = n_left < BATCH_BYTES ? n_left : BATCH_BYTES;
    parser->kernels->csv_scan(chunk->window.bytes + parser->batch, parser->batch_bytes,
                              &parser->marks);
    parser->next_mark = 0;
}

/* Where find_records stopped. */
typedef enum stop {
    STOP_FULL,     /* the run is full, or the next record is not the chunk's */
    STOP_CUT_OFF,  /* the next record goes on behind the batch */
    STOP_NOT_PLAIN /* the next record is for the exact path */
} stop;

/* The walk along the marks. */
typedef struct mark_walk {
    const char *base; /* of the batch */
    const uint16_t *mark;
    const uint16_t *marks_end;
    int64_t start;          /* of the record, in the batch */
    int64_t n_quoted_lines; /* line ends in quotes so far */
    uint64_t irregular;     /* rows with quotes that are not canonical, by those */
} mark_walk;

/* Whether a record that ends at `end`, in a line end, does not end as the header does. */
static inline bool has_other_line_end(const mdli_csv_parser *parser, const char *base, int64_t end)
{
    /* A line feed is before every record, so this does not look at a record before. */
    return (base[end - 2] == '\r') != parser->options.is_crlf;
}

/*
 * Takes a quoted field of row `row` that starts at `begin` and is followed by a comma, or a line end
 * where it is the last; false when there is anything else, such as a doubled quote. Stores its
 * text's place, and moves walk->mark to the mark that ends it.
 */
static bool take_quoted_field(mark_walk *walk, int row, int64_t begin, bool is_last,
                              uint16_t *text_begin, uint16_t *text_end)
{
    const char *base = walk->base;
    const uint16_t *mark = walk->mark + 1;
    int64_t n_lines = 0;
    if (*walk->mark != begin) {
        return false;
    }
    while (mark < walk->marks_end && base[*mark] != '"') {
        n_lines += base[*mark] == '\n';
        mark++;
    }
    if (walk->marks_end - mark < 2) {
        return false;
    }
    int64_t close = mark[0];
    int64_t separator = mark[1];
    bool is_crlf = is_last && separator == close + 2 && base[close + 1] == '\r';
    if (base[separator] != (is_last ? '\n' : ',') || (separator != close + 1 && !is_crlf)) {
        return false;
    }
    /* Marks in the text are what it needs quotes for; few do without one. */
    if (mark == walk->mark + 1) {
        mdl_string text = {base + begin + 1, close - begin - 1};
        walk->irregular |= (uint64_t)!mdli_csv_needs_quotes(text) << row;
    }
    *text_begin = (uint16_t)(begin + 1);
    *text_end = (uint16_t)close;
    walk->mark = mark + 1;
    walk->n_quoted_lines += n_lines;
    return true;
}

/*
 * Finds the fields of the record at from->start, which may have quotes, and moves behind it; `row`
 * is its place in the run. False when it is not plain, or not all in the batch; then nothing has
 * moved.
 */
static bool take_quoted_record(const mdli_csv_parser *parser, mark_walk *from, int row)
{
    int64_t n_fields = parser->options.schema->n_fields;
    mark_walk walk = *from;
    int64_t begin = walk.start;
    for (int64_t i = 0; i < n_fields; i++) {
        bool is_last = i == n_fields - 1;
        uint16_t *text_begin = &parser->begins[i * LIST_ROWS + row];
        uint16_t *text_end = &parser->ends[i * LIST_ROWS + row];
        if (walk.mark == walk.marks_end) {
            return false;
        }
        int64_t mark = *walk.mark;
        if (walk.base[mark] == '"') {
            if (!take_quoted_field(&walk, row, begin, is_last, text_begin, text_end)) {
                return false;
            }
        } else if (walk.base[mark] == (is_last ? '\n' : ',') && n_fields > 1) {
            /* One column without quotes has been tried: this would be a blank line. */
            *text_begin = (uint16_t)begin;
            *text_end = (uint16_t)(mark - (is_last && walk.base[mark - 1] == '\r'));
        } else {
            return false;
        }
        begin = *walk.mark + 1;
        walk.mark++;
    }
    walk.start = begin;
    *from = walk;
    return true;
}

/* How many of n_max bytes are the same in both. */
static int64_t same_bytes(const char *a, const char *b, int64_t n_max)
{
    if (memcmp(a, b, (size_t)n_max) == 0) {
        return n_max;
    }
    int64_t n = 0;
    for (uint64_t word, other; n + (int64_t)sizeof word <= n_max; n += (int64_t)sizeof word) {
        memcpy(&word, a + n, sizeof word);
        memcpy(&other, b + n, sizeof other);
        if (word != other) {
            break;
        }
    }
    while (n < n_max && a[n] == b[n]) {
        n++;
    }
    return n;
}

/*
 * How many records without quotes are at `start`, where mark `mark` is the first, and begin before
 * `end`; at most n_max. Their marks alone tell, all of them at once.
 */
static int64_t count_unquoted_records(const mdli_csv_parser *parser, int64_t mark, int64_t end,
                                      int64_t n_max)
{
    const int64_t n_fields = parser->options.schema->n_fields;
    const int64_t n_left = parser->marks.n - mark;
    const int64_t n_marks = n_left < n_max * n_fields ? n_left : n_max * n_fields;
    const uint16_t *positions = parser->marks.positions + mark;
    int64_t n = same_bytes(parser->marks.kinds + mark, parser->plain_kinds, n_marks) / n_fields;
    while (n > 1 && positions[(n - 1) * n_fields - 1] + 1 >= end) {
        n--;
    }
    return n;
}

/*
 * Finds the fields of `n` records without quotes from `start` on, whose first mark is `mark`: their
 * places go to row `row` of the run and those behind it. Returns how many of them are records: with
 * one column, a line of length zero is none, and ends the run.
 */
static int64_t take_unquoted_records(mdli_csv_parser *parser, const char *base, int64_t start,
                                     int64_t mark, int row, int64_t n)
{
    const int64_t n_fields = parser->options.schema->n_fields;
    const mdli_csv_marks *marks = &parser->marks;
    const bool is_mixed = marks->has_lf && marks->has_crlf;
    const mdli_csv_records records = {.positions = marks->positions + mark,
                                      .n_fields = n_fields,
                                      .n_records = n,
                                      .start = start,
                                      .n_returns = marks->has_crlf && !is_mixed};
    uint16_t *begins = parser->begins + row;
    uint16_t *ends = parser->ends + row;
    uint16_t *line_ends = ends + (n_fields - 1) * LIST_ROWS;
    parser->kernels->csv_deal(&records, begins, ends, LIST_ROWS);
    memcpy(parser->starts + row, begins, (size_t)n * sizeof *begins);
    for (int64_t i = 0; is_mixed && i < n; i++) {
        /* A line feed is before every record, so this does not look at a record before. */
        line_ends[i] = (uint16_t)(line_ends[i] - (base[line_ends[i] - 1] == '\r'));
    }
    for (int64_t i = 0; n_fields == 1 && i < n; i++) {
        if (begins[i] == ends[i]) {
            return i;
        }
    }
    return n;
}

/* Records that were found to be plain. */
typedef struct plain_run {
    int n_records;
    int64_t n_lines;    /* their line ends */
    uint64_t irregular; /* records that are not canonical, by their quotes and line ends */
    stop why;           /* no more were found */
} plain_run;

/* The records of a run that do not end as the header does. */
static uint64_t find_other_line_ends(const mdli_csv_parser *parser, const char *base, int n)
{
    const mdli_csv_marks *marks = &parser->marks;
    uint64_t found = 0;
    if (parser->options.is_crlf ? marks->has_lf : marks->has_crlf) {
        for (int i = 0; i < n; i++) {
            found |= (uint64_t)has_other_line_end(parser, base, parser->starts[i + 1]) << i;
        }
    }
    return found;
}

/* Finds the fields of plain records from parser->at on, at most `n_max`, and moves behind them. */
static plain_run find_records(mdli_csv_parser *parser, const mdli_csv_chunk *chunk, int n_max)
{
    const int64_t n_fields = parser->options.schema->n_fields;
    const int64_t end = chunk->end_bytes - chunk->window.offset_bytes - parser->batch;
    const uint16_t *positions = parser->marks.positions;
    mark_walk walk = {.base = chunk->window.bytes + parser->batch,
                      .mark = positions + parser->next_mark,
                      .marks_end = positions + parser->marks.n,
                      .start = parser->at - parser->batch};
    plain_run run = {.why = STOP_FULL};
    int n = 0;
    while (n < n_max && walk.start < end) {
        const int64_t mark = walk.mark - positions;
        int64_t n_taken = count_unquoted_records(parser, mark, end, n_max - n);
        if (n_taken > 0) {
            n_taken = take_unquoted_records(parser, walk.base, walk.start, mark, n, n_taken);
        }
        if (n_taken > 0) {
            n += (int)n_taken;
            walk.mark += n_taken * n_fields;
            walk.start = walk.mark[-1] + 1;
            continue;
        }
        parser->starts[n] = (uint16_t)walk.start;
        if (walk.marks_end - walk.mark < n_fields) {
            run.why = STOP_CUT_OFF;
            break;
        }
        if (!take_quoted_record(parser, &walk, n)) {
            run.why = STOP_NOT_PLAIN;
            break;
        }
        n++;
    }
    parser->starts[n] = (uint16_t)walk.start;
    parser->next_mark = walk.mark - positions;
    parser->at = parser->batch + walk.start;
    run.n_records = n;
    run.n_lines = n + walk.n_quoted_lines;
    run.irregular = walk.irregular | find_other_line_ends(parser, walk.base, n);
    return run;
}

/* Reads the run's fields to the rows behind those that are staged. Returns the rows that are not
 * plain; *irregular gets those added that are not canonical. */
static uint64_t read_run(const mdli_csv_parser *parser, const mdli_csv_chunk *chunk, int n_rows,
                         uint64_t *irregular)
{
    const mdli_csv_schema *schema = parser->options.schema;
    uint64_t odd_rows = 0;
    for (int64_t i = 0; i < schema->n_fields; i++) {
        mdli_csv_run run = {.base = chunk->window.bytes + parser->batch,
                            .begins = parser->begins + i * LIST_ROWS,
                            .ends = parser->ends + i * LIST_ROWS,
                            .n_rows = n_rows};
        int32_t target = schema->fields[i].target;
        odd_rows |= target < 0 ? mdli_csv_check_run(&run)
                               : mdli_csv_read_run(&parser->columns[target], &run, parser->n_rows,
                                                   irregular);
    }
    return odd_rows;
}

/* Takes rows out of the `n_rows` ones behind those that are staged; returns how many are left. */
static int drop_rows(const mdli_csv_parser *parser, int n_rows, uint64_t dropped)
{
    int n_left = 0;
    for (int i = 0; i < n_rows; i++) {
        if ((dropped >> i & 1) != 0) {
            continue;
        }
        for (int32_t c = 0; c < parser->options.schema->n_targets; c++) {
            const mdli_csv_staged *column = &parser->columns[c];
            char *values = (char *)column->values + parser->n_rows * column->value_bytes;
            memmove(values + n_left * column->value_bytes, values + i * column->value_bytes,
                    (size_t)column->value_bytes);
            if (column->nulls != NULL) {
                column->nulls[parser->n_rows + n_left] = column->nulls[parser->n_rows + i];
            }
        }
        n_left++;
    }
    return n_left;
}

/* Reads the run's odd rows again, exactly; *dropped gets those that are bad, *irregular is made
 * right for all of them. */
static mdl_status read_odd_rows(mdli_csv_parser *parser, mdli_csv_chunk *chunk, uint64_t odd_rows,
                                uint64_t *dropped, uint64_t *irregular, mdl_error *error)
{
    *irregular &= ~odd_rows;
    for (uint64_t left = odd_rows; left != 0; left &= left - 1) {
        int i = __builtin_ctzll(left);
        record_place place = {.at = parser->batch + parser->starts[i],
                              .row = parser->n_rows + i,
                              .number = chunk->n_records + i,
                              .line_mark = parser->batch + parser->starts[0]};
        record_read read;
        MDLI_TRY(read_record(parser, chunk, &place, &read, error));
        assert(read.outcome == RECORD_LOADED || read.outcome == RECORD_BAD);
        *dropped |= (uint64_t)(read.outcome == RECORD_BAD) << i;
        *irregular |= (uint64_t)!read.is_canonical << i;
    }
    return MDL_OK;
}

/* Keeps the run's records in `irregular`; those in `dropped` are no rows. */
static mdl_status keep_records(mdli_csv_parser *parser, mdli_csv_chunk *chunk, uint64_t irregular,
                               uint64_t dropped, mdl_error *error)
{
    for (uint64_t left = irregular; left != 0; left &= left - 1) {
        int i = __builtin_ctzll(left);
        int64_t start = i > 0 ? parser->batch + parser->starts[i] : parser->record_end;
        MDLI_TRY(keep_record(parser, chunk, chunk->n_records + i, start,
                             parser->batch + parser->starts[i + 1], (dropped >> i & 1) == 0,
                             error));
    }
    return MDL_OK;
}

/* Reads a run of plain records; *why tells what is next. */
static mdl_status read_plain_records(mdli_csv_parser *parser, mdli_csv_chunk *chunk, stop *why,
                                     mdl_error *error)
{
    int64_t room = parser->rows_capacity - parser->n_rows;
    bool is_behind_blank_lines = parser->record_end != parser->at;
    plain_run run = find_records(parser, chunk, room < RUN_ROWS ? (int)room : RUN_ROWS);
    *why = run.why;
    if (run.n_records == 0) {
        return MDL_OK;
    }
    uint64_t dropped = 0;
    uint64_t odd_rows = read_run(parser, chunk, run.n_records, &run.irregular);
    if (odd_rows != 0) {
        MDLI_TRY(read_odd_rows(parser, chunk, odd_rows, &dropped, &run.irregular, error));
    }
    run.irregular |= is_behind_blank_lines;
    if (run.irregular != 0) {
        MDLI_TRY(keep_records(parser, chunk, run.irregular, dropped, error));
    }
    parser->n_rows += dropped != 0 ? drop_rows(parser, run.n_records, dropped) : run.n_records;
    chunk->n_lines += run.n_lines;
    end_records(parser, chunk, run.n_records, parser->batch + parser->starts[1], parser->at);
    return MDL_OK;
}

/* ---- A chunk ---- */

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
        MDLI_TRY(encode_rows(parser, chunk, error));
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
    scan_batch(parser, chunk);
    while (parser->at < end && chunk->n_bad_records <= parser->options.n_bad_max) {
        stop why;
        if (parser->n_rows == parser->rows_capacity) {
            MDLI_TRY(encode_rows(parser, chunk, error));
        }
        if (parser->at >= parser->batch + parser->batch_bytes) {
            scan_batch(parser, chunk);
        }
        MDLI_TRY(read_plain_records(parser, chunk, &why, error));
        if (why == STOP_FULL) {
            continue;
        }
        if (why == STOP_CUT_OFF && parser->at > parser->batch) {
            scan_batch(parser, chunk);
            continue;
        }
        /* The run was not full: there is room for a row. */
        outcome result;
        MDLI_TRY(read_next_record(parser, chunk, &result, error));
        if (result == RECORD_CUT_OFF) {
            bool is_read;
            MDLI_TRY(read_on(parser, chunk, is_premise, &is_read, error));
            if (!is_read) {
                return MDL_OK;
            }
            scan_batch(parser, chunk);
        }
    }
    MDLI_TRY(encode_rows(parser, chunk, error));
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
