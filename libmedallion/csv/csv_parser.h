/*
 * A parser, and what its parts do for each other. csv_chunk.c reads a chunk's records with them:
 * csv_parser.c makes a parser and encodes the rows that it holds; csv_plain.c is the fast path for
 * plain records, 64 at a time; csv_exact.c is the exact one for all others, one at a time.
 *
 * Offsets of bytes in here count from the start of the chunk's window, whose memory may move.
 */
#ifndef MDLI_CSV_CSV_PARSER_H
#define MDLI_CSV_CSV_PARSER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "csv/csv_chunk.h"
#include "csv/csv_fields.h"
#include "csv/csv_record.h"
#include "kernels/csv_kernels.h"
#include "kernels/kernels.h"

enum {
    /* Entries of a field's list. */
    MDLI_CSV_LIST_ROWS = MDLI_CSV_RUN_ROWS + MDLI_CSV_DEAL_SLACK,
    /* The list of a batch stays in a level-1 cache. */
    MDLI_CSV_BATCH_BYTES = 16384
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
    char *plain_kinds; /* of the marks of MDLI_CSV_RUN_ROWS records without quotes */

    int64_t at;         /* where the next record starts, or blank lines */
    int64_t record_end; /* where the last record ended: all behind it is of the next one */

    /* The run: field f of record i is in [begins[i], ends[i]) of the batch, of the lists of f, which
     * start at f * MDLI_CSV_LIST_ROWS. */
    uint16_t *begins;
    uint16_t *ends;
    uint16_t starts[MDLI_CSV_RUN_ROWS + 1]; /* of the records; behind the last one, its end */

    mdli_csv_field *fields; /* of one record, on the exact path */
};

/* Encodes the staged rows to blocks of the chunk. Then nothing points to the window or to `texts`
 * any more. */
mdl_status mdli_csv_encode_rows(mdli_csv_parser *parser, mdli_csv_chunk *chunk, mdl_error *error);

/*
 * The exact path.
 */

/* What became of a record on the exact path. */
typedef enum mdli_csv_outcome {
    MDLI_CSV_LOADED,
    MDLI_CSV_BAD,
    MDLI_CSV_BLANK,  /* a blank line, no record */
    MDLI_CSV_CUT_OFF /* more bytes are needed */
} mdli_csv_outcome;

/* Where a record is, and what of its chunk is before it. */
typedef struct mdli_csv_record_place {
    int64_t at;
    int64_t row;       /* it is read to */
    int64_t number;    /* how many of the chunk's records are before it */
    int64_t line_mark; /* chunk->n_lines of the chunk's line ends are before this */
} mdli_csv_record_place;

/* What reading a record gave. */
typedef struct mdli_csv_record_read {
    mdli_csv_outcome outcome;
    bool is_canonical; /* as far as the record's own bytes go */
    int64_t next;      /* where the next one starts */
} mdli_csv_record_read;

/* Splits a record and reads it to its row, or adds it to the chunk's bad ones. */
mdl_status mdli_csv_read_record(mdli_csv_parser *parser, mdli_csv_chunk *chunk,
                                const mdli_csv_record_place *place, mdli_csv_record_read *read,
                                mdl_error *error);

/* Keeps the bytes [start, end) of the window, which are a record's. */
mdl_status mdli_csv_keep_record(mdli_csv_parser *parser, mdli_csv_chunk *chunk, int64_t number,
                                int64_t start, int64_t end, bool is_row, mdl_error *error);

/* Notes that records were read up to `end`, the first of them up to `first_end`. */
void mdli_csv_end_records(mdli_csv_parser *parser, mdli_csv_chunk *chunk, int64_t n_records,
                          int64_t first_end, int64_t end);

/* Reads the record at parser->at, or the blank line there. */
mdl_status mdli_csv_read_next_record(mdli_csv_parser *parser, mdli_csv_chunk *chunk,
                                     mdli_csv_outcome *result, mdl_error *error);

/*
 * The fast path.
 */

/* Puts the batch at parser->at and finds its marks. */
void mdli_csv_scan_batch(mdli_csv_parser *parser, const mdli_csv_chunk *chunk);

/* Where it stopped. */
typedef enum mdli_csv_stop {
    MDLI_CSV_STOP_FULL,     /* the run is full, or the next record is not the chunk's */
    MDLI_CSV_STOP_CUT_OFF,  /* the next record goes on behind the batch */
    MDLI_CSV_STOP_NOT_PLAIN /* the next record is for the exact path */
} mdli_csv_stop;

/* Reads a run of plain records; *why tells what is next. */
mdl_status mdli_csv_read_plain_records(mdli_csv_parser *parser, mdli_csv_chunk *chunk,
                                       mdli_csv_stop *why, mdl_error *error);

#endif
