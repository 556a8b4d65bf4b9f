/*
 * Parsing the records of one chunk of a file into encoded blocks.
 *
 * A chunk owns the records that start in its range of bytes; the last one may reach beyond it.
 * Parsing from a byte where a record really starts is exact, whatever the bytes are. Where that is,
 * is known only when the chunk before has been parsed. Not to wait for it, a chunk is first parsed
 * from where a record starts if the chunk does not begin inside quotes: behind the first line end.
 * The reader compares this with where the record before really ended, and has the chunk parsed
 * again where the two differ.
 */
#ifndef MDLI_CSV_CSV_CHUNK_H
#define MDLI_CSV_CSV_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "column/column_internal.h"
#include "csv/csv_layout.h"
#include "csv/csv_rejects.h"
#include "csv/csv_schema.h"
#include "csv/csv_source.h"
#include "medallion/context.h"

/* A chunk and what was found in it. Zero-initialise. */
typedef struct mdli_csv_chunk {
    int64_t start_bytes; /* its records start in [start, end) of the file */
    int64_t end_bytes;
    mdli_csv_window window;

    bool is_complete;     /* false = a record was too long for the window: nothing below counts */
    int64_t first_record; /* where parsing started; from end_bytes on when no record starts here */
    int64_t next_record;  /* where the record behind the last one starts */
    int64_t n_records;
    int64_t n_lines; /* line ends from first_record to next_record */
    int64_t n_rows;
    /* Where the first record ends and the last one does; blank lines may be before and behind. */
    int64_t first_record_end;
    int64_t last_record_end;
    mdli_csv_kept_records kept;
    /* Encoded rows: one block of each column of the table, then the next rows, and so on. */
    mdli_block **blocks;
    int64_t n_blocks;
    int64_t blocks_capacity;
    mdli_csv_bad_record *bad_records;
    int64_t n_bad_records;
    int64_t bad_records_capacity;
    mdli_arena texts; /* of the bad records */
} mdli_csv_chunk;

void mdli_csv_chunk_init(mdli_csv_chunk *chunk, mdl_context *context);
void mdli_csv_chunk_free(mdli_csv_chunk *chunk, mdl_context *context);

/* What parsing needs besides the chunk. Belongs to one thread at a time. */
typedef struct mdli_csv_parser mdli_csv_parser;

/* What all parsers of a read have in common. */
typedef struct mdli_csv_parser_options {
    const mdli_csv_schema *schema;
    const mdli_csv_source *source;
    int64_t chunk_bytes;
    int64_t n_bad_max; /* a chunk need not be parsed on behind one more bad record than this */
    bool keeps_raw;    /* bad records are kept whole; else a piece of the text at fault is */
    bool keeps_layout; /* records that are not canonical are kept */
    bool is_crlf;      /* the header ends in CRLF, as canonical records do then */
} mdli_csv_parser_options;

mdl_status mdli_csv_parser_create(mdl_context *context, const mdli_csv_parser_options *options,
                                  mdli_csv_parser **out, mdl_error *error);
void mdli_csv_parser_free(mdli_csv_parser *parser);

/* Reads the chunk's bytes, and its records on the premise that it does not begin inside quotes. */
mdl_status mdli_csv_parse_premise(mdli_csv_parser *parser, mdli_csv_chunk *chunk, mdl_error *error);

/* Reads the chunk's records from `first_record` on, in it; the chunk becomes complete whatever the
 * size of its records. */
mdl_status mdli_csv_parse_from(mdli_csv_parser *parser, mdli_csv_chunk *chunk, int64_t first_record,
                               mdl_error *error);

/* Keeps the first record of a chunk that is complete and has one behind blank lines, with which the
 * chunks before it ended. */
mdl_status mdli_csv_prepend_blank_lines(mdl_context *context, mdli_csv_chunk *chunk,
                                        mdl_string blank_lines, mdl_error *error);

#endif
