/*
 * The fast path, which works on a batch of bytes at a time. A kernel lists where the batch's commas,
 * line feeds and quotes are; walking along this list finds records that have the right number of
 * fields, and quotes at most around whole fields (find_records). The fields of such a run of records
 * are then read column by column (csv_fields.c), straight to where the encoder takes them from. A
 * record in which either step finds something else is split and read again by the exact path, which
 * alone decides what is a fault.
 */
#include "csv/csv_parser.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "csv/csv_text.h"

void mdli_csv_scan_batch(mdli_csv_parser *parser, const mdli_csv_chunk *chunk)
{
    int64_t n_left = chunk->window.size_bytes - parser->at;
    parser->batch = parser->at;
    parser->batch_bytes = n_left < MDLI_CSV_BATCH_BYTES ? n_left : MDLI_CSV_BATCH_BYTES;
    parser->kernels->csv_scan(chunk->window.bytes + parser->batch, parser->batch_bytes,
                              &parser->marks);
    parser->next_mark = 0;
}

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
        uint16_t *text_begin = &parser->begins[i * MDLI_CSV_LIST_ROWS + row];
        uint16_t *text_end = &parser->ends[i * MDLI_CSV_LIST_ROWS + row];
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
    uint16_t *line_ends = ends + (n_fields - 1) * MDLI_CSV_LIST_ROWS;
    parser->kernels->csv_deal(&records, begins, ends, MDLI_CSV_LIST_ROWS);
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
    mdli_csv_stop why;  /* no more were found */
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
    plain_run run = {.why = MDLI_CSV_STOP_FULL};
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
            run.why = MDLI_CSV_STOP_CUT_OFF;
            break;
        }
        if (!take_quoted_record(parser, &walk, n)) {
            run.why = MDLI_CSV_STOP_NOT_PLAIN;
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
                            .begins = parser->begins + i * MDLI_CSV_LIST_ROWS,
                            .ends = parser->ends + i * MDLI_CSV_LIST_ROWS,
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
        mdli_csv_record_place place = {.at = parser->batch + parser->starts[i],
                                       .row = parser->n_rows + i,
                                       .number = chunk->n_records + i,
                                       .line_mark = parser->batch + parser->starts[0]};
        mdli_csv_record_read read;
        MDLI_TRY(mdli_csv_read_record(parser, chunk, &place, &read, error));
        assert(read.outcome == MDLI_CSV_LOADED || read.outcome == MDLI_CSV_BAD);
        *dropped |= (uint64_t)(read.outcome == MDLI_CSV_BAD) << i;
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
        MDLI_TRY(mdli_csv_keep_record(parser, chunk, chunk->n_records + i, start,
                                      parser->batch + parser->starts[i + 1],
                                      (dropped >> i & 1) == 0, error));
    }
    return MDL_OK;
}

mdl_status mdli_csv_read_plain_records(mdli_csv_parser *parser, mdli_csv_chunk *chunk,
                                       mdli_csv_stop *why, mdl_error *error)
{
    int64_t room = parser->rows_capacity - parser->n_rows;
    bool is_behind_blank_lines = parser->record_end != parser->at;
    plain_run run =
        find_records(parser, chunk, room < MDLI_CSV_RUN_ROWS ? (int)room : MDLI_CSV_RUN_ROWS);
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
    mdli_csv_end_records(parser, chunk, run.n_records, parser->batch + parser->starts[1],
                         parser->at);
    return MDL_OK;
}
