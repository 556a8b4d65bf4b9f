/*
 * Telling of bad records: as an error, or as rows of the rejects table.
 */
#ifndef MDLI_CSV_CSV_REJECTS_H
#define MDLI_CSV_CSV_REJECTS_H

#include <stdint.h>

#include "csv/csv_record.h"
#include "csv/csv_schema.h"
#include "medallion/status.h"
#include "medallion/table.h"

/*
 * Where a fault is, and the text at fault. `offset_bytes` is where that text starts in the file:
 * for a value behind its opening quote; for a fault of quoting at the field's first byte, its quote
 * included; for a wrong number of fields at the record's first byte. `line` is the line that this
 * byte is in.
 */
typedef struct mdli_csv_place {
    const char *path;
    int64_t line;       /* from 1 */
    int64_t record;     /* from 1; 0 = the header */
    const char *column; /* NULL = none */
    int64_t offset_bytes;
    mdl_string text;
} mdli_csv_place;

/* Fills `error` with the place, the reason and the text; returns `status`. */
mdl_status mdli_csv_raise(mdl_error *error, mdl_status status, const mdli_csv_place *place,
                          const char *reason);

/* What a fault is, without the details that mdli_csv_describe adds. */
const char *mdli_csv_fault_text(mdli_csv_fault fault);

/* A bad record of a chunk. Its texts belong to the chunk. */
typedef struct mdli_csv_bad_record {
    mdli_csv_fault fault;
    int64_t field;        /* from 0; -1 = the fault is not in one */
    int64_t n_fields;     /* of the record; counts only for MDLI_CSV_FAULT_FIELD_COUNT */
    int64_t record;       /* how many of the chunk's records are before it */
    int64_t line;         /* how many line ends are between the chunk's first record and the text */
    int64_t offset_bytes; /* in the file */
    mdl_string text;
    mdl_string raw; /* the record without its line end */
} mdli_csv_bad_record;

enum {
    MDLI_CSV_REASON_SIZE = 160
};

/* The reason why a record is bad, NUL-terminated. */
void mdli_csv_describe(const mdli_csv_schema *schema, const mdli_csv_bad_record *bad,
                       char reason[MDLI_CSV_REASON_SIZE]);

/* The name of the column that the fault is in, or NULL. */
const char *mdli_csv_bad_column(const mdli_csv_schema *schema, const mdli_csv_bad_record *bad);

/* The columns of a rejects table, in order. */
enum {
    MDLI_CSV_N_REJECT_COLUMNS = 8
};
extern const mdl_field mdli_csv_reject_fields[MDLI_CSV_N_REJECT_COLUMNS];

/* Makes the builder of a rejects table. */
mdl_status mdli_csv_rejects_create(mdl_context *context, mdl_table_builder **out, mdl_error *error);

/* Appends a bad record that stands at `place`. */
mdl_status mdli_csv_rejects_append(mdl_table_builder *rejects, const mdli_csv_schema *schema,
                                   const mdli_csv_bad_record *bad, const mdli_csv_place *place,
                                   mdl_error *error);

#endif
