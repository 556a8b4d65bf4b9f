/*
 * The exact splitter: a scan of each field for the byte that ends it.
 */
#include "csv/csv_record.h"

#include <assert.h>
#include <string.h>

static const char *find_byte(const char *at, const char *end, char byte)
{
    const char *found = memchr(at, byte, (size_t)(end - at));
    return found != NULL ? found : end;
}

/* What stands behind the text of a field. */
typedef enum separator {
    SEPARATOR_COMMA,
    SEPARATOR_LINE_END,
    SEPARATOR_OTHER,
    SEPARATOR_UNKNOWN /* the bytes at hand end too soon to tell */
} separator;

/* Looks at the byte behind a closing quote; *next is moved behind what is found. */
static separator read_separator(const char *at, const char *end, bool is_file_end,
                                const char **next)
{
    *next = at;
    if (at == end) {
        return is_file_end ? SEPARATOR_LINE_END : SEPARATOR_UNKNOWN;
    }
    if (*at == ',') {
        *next = at + 1;
        return SEPARATOR_COMMA;
    }
    if (*at == '\n') {
        *next = at + 1;
        return SEPARATOR_LINE_END;
    }
    if (*at == '\r' && at + 1 < end && at[1] == '\n') {
        *next = at + 2;
        return SEPARATOR_LINE_END;
    }
    /* A carriage return that ends the bytes at hand may get its line feed: then end_at_next_line,
     * not finding one either, asks for more bytes. */
    return SEPARATOR_OTHER;
}

/* Ends the record at the first line end at or behind `at`; false when that is not at hand. */
static bool end_at_next_line(const char *at, const char *end, bool is_file_end,
                             mdli_csv_record *record)
{
    const char *line_feed = find_byte(at, end, '\n');
    if (line_feed == end) {
        record->end = end;
        record->next = end;
        return is_file_end;
    }
    record->next = line_feed + 1;
    record->end = line_feed > at && line_feed[-1] == '\r' ? line_feed - 1 : line_feed;
    return true;
}

/* Ends a badly quoted record. `field` is where the field with the fault starts, `at` where the
 * fault is. */
static bool end_faulty(mdli_csv_record *record, mdli_csv_fault fault, const char *field,
                       const char *at, const char *end, bool is_file_end)
{
    record->fault = fault;
    record->fault_field = record->n_fields;
    if (fault == MDLI_CSV_FAULT_NO_CLOSING_QUOTE) {
        record->end = end;
        record->next = end;
        record->fault_text = (mdl_string){field, end - field};
        return is_file_end;
    }
    if (!end_at_next_line(at, end, is_file_end, record)) {
        return false;
    }
    record->fault_text = (mdl_string){field, find_byte(at, record->end, ',') - field};
    return true;
}

/* The closing quote of a field whose text starts at `at`, or `end`. */
static const char *find_closing_quote(const char *at, const char *end, bool *has_doubled)
{
    *has_doubled = false;
    const char *quote = find_byte(at, end, '"');
    while (quote < end && quote + 1 < end && quote[1] == '"') {
        *has_doubled = true;
        quote = find_byte(quote + 2, end, '"');
    }
    return quote;
}

/* The first byte that ends an unquoted field or must not be in one. */
static const char *find_field_end(const char *at, const char *end)
{
    while (at < end && *at != ',' && *at != '\n' && *at != '"') {
        at++;
    }
    return at;
}

/* Whether a line of length zero starts at `at`. */
static bool is_blank_line(const char *at, const char *end, const char **next)
{
    if (*at == '\n') {
        *next = at + 1;
        return true;
    }
    if (*at == '\r' && at + 1 < end && at[1] == '\n') {
        *next = at + 2;
        return true;
    }
    return false;
}

bool mdli_csv_split_record(const char *at, const char *end, bool is_file_end,
                           mdli_csv_field *fields, int64_t n_fields_max, mdli_csv_record *record)
{
    assert(at < end);
    *record = (mdli_csv_record){.start = at};
    if (is_blank_line(at, end, &record->next)) {
        record->is_blank = true;
        record->end = at;
        return true;
    }
    for (;;) {
        mdli_csv_field field = {.is_quoted = at < end && *at == '"'};
        const char *text = at + field.is_quoted;
        const char *text_end;
        const char *next;
        separator found;
        if (field.is_quoted) {
            text_end = find_closing_quote(text, end, &field.has_doubled_quotes);
            if (text_end == end) {
                return end_faulty(record, MDLI_CSV_FAULT_NO_CLOSING_QUOTE, at, end, end,
                                  is_file_end);
            }
            found = read_separator(text_end + 1, end, is_file_end, &next);
            if (found == SEPARATOR_OTHER) {
                return end_faulty(record, MDLI_CSV_FAULT_TEXT_AFTER_QUOTE, at, next, end,
                                  is_file_end);
            }
        } else {
            text_end = find_field_end(text, end);
            found = read_separator(text_end, end, is_file_end, &next);
            if (found == SEPARATOR_OTHER) {
                return end_faulty(record, MDLI_CSV_FAULT_QUOTE_IN_FIELD, at, next, end,
                                  is_file_end);
            }
            /* The carriage return of CRLF is part of the line end. */
            bool ends_in_crlf = found == SEPARATOR_LINE_END && next > text_end && text_end > text &&
                                text_end[-1] == '\r';
            text_end -= ends_in_crlf;
        }
        if (found == SEPARATOR_UNKNOWN) {
            return false;
        }
        field.text = (mdl_string){text, text_end - text};
        if (record->n_fields < n_fields_max) {
            fields[record->n_fields] = field;
        }
        record->n_fields++;
        if (found == SEPARATOR_LINE_END) {
            record->end = text_end + field.is_quoted;
            record->next = next;
            return true;
        }
        at = next;
    }
}

bool mdli_csv_split_header(const char *bytes, const char *end, bool is_file_end,
                           mdli_csv_field *fields, int64_t n_fields_max, mdli_csv_record *record)
{
    bool has_mark = end - bytes >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0;
    const char *at = bytes + (has_mark ? 3 : 0);
    *record = (mdli_csv_record){.start = at, .end = at, .next = at, .is_blank = true};
    while (record->is_blank && at < end) {
        if (!mdli_csv_split_record(at, end, is_file_end, fields, n_fields_max, record)) {
            return false;
        }
        at = record->next;
    }
    return !record->is_blank || is_file_end;
}

int64_t mdli_csv_undouble_quotes(mdl_string text, char *out)
{
    const char *at = text.data;
    const char *end = text.data + text.size_bytes;
    char *to = out;
    while (at < end) {
        const char *quote = find_byte(at, end, '"');
        size_t n = (size_t)(quote - at) + (quote < end);
        memcpy(to, at, n);
        to += n;
        at += n + (quote < end); /* the second quote of the pair */
    }
    return to - out;
}

int64_t mdli_csv_count_lines(const char *bytes, int64_t size_bytes)
{
    int64_t n = 0;
    const char *end = bytes + size_bytes;
    for (const char *at = find_byte(bytes, end, '\n'); at < end;
         at = find_byte(at + 1, end, '\n')) {
        n++;
    }
    return n;
}
