/*
 * One record of a CSV file, split exactly as RFC 4180 says, whatever its bytes are.
 *
 * This is the reference that the fast path in csv_plain.c answers to: what that does not prove
 * plain is split here. It looks at one record at a time and needs to know where the record starts.
 */
#ifndef MDLI_CSV_CSV_RECORD_H
#define MDLI_CSV_CSV_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/types.h"

/* What can be wrong with a record. A record with several faults has the first of these that applies
 * to the record as a whole, else the first one of the first field that has any. */
typedef enum mdli_csv_fault {
    MDLI_CSV_FAULT_NONE = 0,
    /* Of the record as a whole. */
    MDLI_CSV_FAULT_QUOTE_IN_FIELD = 1,
    MDLI_CSV_FAULT_TEXT_AFTER_QUOTE = 2,
    MDLI_CSV_FAULT_NO_CLOSING_QUOTE = 3,
    MDLI_CSV_FAULT_FIELD_COUNT = 4,
    /* Of one field. */
    MDLI_CSV_FAULT_NUL_BYTE = 5,
    MDLI_CSV_FAULT_NOT_UTF8 = 6,
    MDLI_CSV_FAULT_NO_VALUE = 7,
    MDLI_CSV_FAULT_NOT_DIGITS = 8,
    MDLI_CSV_FAULT_NOT_OF_TYPE = 9,
    MDLI_CSV_FAULT_OUT_OF_RANGE = 10
} mdli_csv_fault;

/* The text of a field, without the quotes around it. */
typedef struct mdli_csv_field {
    mdl_string text;
    bool is_quoted;
    bool has_doubled_quotes; /* each "" in the text stands for one quote */
} mdli_csv_field;

/* A record and what follows it. */
typedef struct mdli_csv_record {
    const char *start;
    const char *end;      /* where its line end starts, or the end of the file */
    const char *next;     /* behind its line end */
    bool is_blank;        /* a line of length zero, which is no record */
    int64_t n_fields;     /* counts only where there is no fault */
    mdli_csv_fault fault; /* NONE or one of quoting */
    int64_t fault_field;  /* the field with the fault, from 0 */
    mdl_string
        fault_text; /* that field as it stands, quotes included, to the next comma or line end */
} mdli_csv_record;

/*
 * Splits the record that starts at `at`. The first `n_fields_max` fields go to `fields`.
 *
 * @param end           end of the bytes at hand; at < end
 * @param is_file_end   whether the file ends there
 * @return false when the record's end cannot be known without more bytes
 */
bool mdli_csv_split_record(const char *at, const char *end, bool is_file_end,
                           mdli_csv_field *fields, int64_t n_fields_max, mdli_csv_record *record);

/*
 * Splits the header: the first line of a file that is not blank, behind a byte order mark if there
 * is one. Arguments and answer are those of mdli_csv_split_record, `bytes` being the file's start;
 * where the file has no such line, true with record->is_blank.
 */
bool mdli_csv_split_header(const char *bytes, const char *end, bool is_file_end,
                           mdli_csv_field *fields, int64_t n_fields_max, mdli_csv_record *record);

/* Copies the text with single quotes for doubled ones; `out` has room for all of it. Returns the
 * size. */
int64_t mdli_csv_undouble_quotes(mdl_string text, char *out);

/* How many line ends (line feeds, in quotes or not) there are. */
int64_t mdli_csv_count_lines(const char *bytes, int64_t size_bytes);

#endif
