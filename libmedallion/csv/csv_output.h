/*
 * Records as text: ranges of them are formatted by all threads, and written in order.
 */
#ifndef MDLI_CSV_CSV_OUTPUT_H
#define MDLI_CSV_CSV_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "csv/csv_layout.h"
#include "medallion/csv.h"

/* What is written, and where to. */
typedef struct mdli_csv_output {
    mdl_context *context;
    const mdl_table *table;
    const int32_t *columns; /* of the table, one for each field; NULL = all in their order */
    int32_t n_fields;
    mdl_string line_end;
    const mdl_table *layout; /* NULL = every record is a row in canonical form */
    mdl_write_fn write;
    void *user_data;
    const char *path; /* for messages; NULL = not a file */
} mdli_csv_output;

/* Writes bytes as they are. */
mdl_status mdli_csv_output_bytes(const mdli_csv_output *output, mdl_string bytes, mdl_error *error);

/*
 * Writes the records that rows [first_row, first_row + n_rows) are; with a layout, what stands
 * before and behind them too. MDL_E_ARGUMENT when rows and layout do not make n_records records.
 */
mdl_status mdli_csv_output_records(const mdli_csv_output *output, int64_t first_row, int64_t n_rows,
                                   int64_t n_records, mdl_error *error);

#endif
