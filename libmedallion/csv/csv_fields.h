/*
 * Columns of values in the making, and the loops that fill them from runs of fields.
 */
#ifndef MDLI_CSV_CSV_FIELDS_H
#define MDLI_CSV_CSV_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "column/column_internal.h"
#include "csv/csv_schema.h"
#include "kernels/csv_kernels.h"
#include "kernels/kernels.h"

/* Rows that are read at once: one bit each in a word. */
#define MDLI_CSV_RUN_ROWS MDLI_CSV_NUMBERS_MAX

/* Rows of one column that wait to be encoded. */
typedef struct mdli_csv_staged {
    const mdli_csv_target *target;
    const mdli_kernels *kernels;
    int64_t value_bytes;
    void *values;
    uint8_t *nulls;              /* 1 where a row is NULL; not there for a required column */
    mdli_dictionary *dictionary; /* that blocks of STRING are encoded with; else NULL */
} mdli_csv_staged;

/*
 * One field of up to MDLI_CSV_RUN_ROWS records: row i is base[begins[i] … ends[i]), quotes taken
 * off, and no quote is inside. The bytes around it may be read.
 */
typedef struct mdli_csv_run {
    const char *base;
    const uint16_t *begins;
    const uint16_t *ends;
    int n_rows;
} mdli_csv_run;

/*
 * Reads a run's values to the rows from `row` on.
 *
 * @param irregular  gets the rows added whose field, quotes aside, is not in canonical form
 * @return the rows whose field is faulty; their values are undefined
 */
uint64_t mdli_csv_read_run(const mdli_csv_staged *staged, const mdli_csv_run *run, int64_t row,
                           uint64_t *irregular);

/* The rows whose field, which belongs to no column, is no text. */
uint64_t mdli_csv_check_run(const mdli_csv_run *run);

/* Whether `text` is the canonical form of the value in row `row`, which is not text or NULL. */
bool mdli_csv_is_canonical(const mdli_csv_staged *staged, int64_t row, mdl_string text);

/* Stores one value that is not text, one text, or NULL. */
void mdli_csv_store_value(const mdli_csv_staged *staged, int64_t row, mdli_csv_value value);
void mdli_csv_store_text(const mdli_csv_staged *staged, int64_t row, mdl_string text);
void mdli_csv_store_null(const mdli_csv_staged *staged, int64_t row);

#endif
