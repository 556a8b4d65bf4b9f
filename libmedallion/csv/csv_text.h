/*
 * Values in their canonical form: how tables are written, and by what the reader tells whether a
 * record has to be kept to be written back.
 */
#ifndef MDLI_CSV_CSV_TEXT_H
#define MDLI_CSV_CSV_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/column.h"
#include "medallion/context.h"
#include "medallion/types.h"

/* Text in the making. Zero-initialise; `bytes` is to be freed with mdli_free. */
typedef struct mdli_csv_text {
    char *bytes;
    int64_t size_bytes;
    int64_t capacity_bytes;
} mdli_csv_text;

/* Rows of a table as they are written: a vector for each field, in the order of the fields. */
typedef struct mdli_csv_rows {
    const mdl_vector *fields;
    int32_t n_fields;
    mdl_string line_end;
} mdli_csv_rows;

/* Whether text has to stand in quotes: for a comma, a quote or a line end in it, and where nothing
 * at all would be NULL. The 8 bytes behind it are readable. */
bool mdli_csv_needs_quotes(mdl_string text);

/* Writes row `row` of a vector that is not of text and not NULL there; returns the size. All of the
 * MDL_VALUE_TEXT_MAX bytes of `out` may be written. */
int64_t mdli_csv_format_value(const mdl_vector *values, int64_t row, char *out);

mdl_status mdli_csv_append_bytes(mdl_context *context, mdli_csv_text *to, mdl_string bytes,
                                 mdl_error *error);

/* Appends text as a field, quoted where that is needed. */
mdl_status mdli_csv_append_field(mdl_context *context, mdli_csv_text *to, mdl_string text,
                                 mdl_error *error);

/* Appends rows [start, end). */
mdl_status mdli_csv_append_rows(mdl_context *context, mdli_csv_text *to, const mdli_csv_rows *rows,
                                int64_t start, int64_t end, mdl_error *error);

#endif
