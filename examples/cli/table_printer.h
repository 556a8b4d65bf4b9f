/* Tables for people: a frame, aligned columns, fitted to the width of the terminal. */
#ifndef MEDALLION_CLI_TABLE_PRINTER_H
#define MEDALLION_CLI_TABLE_PRINTER_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/context.h"
#include "medallion/table.h"
#include "text_output.h"

typedef struct table_style {
    bool use_box_characters; /* false = a frame of ASCII */
    bool use_color;
    int64_t width;    /* columns of the terminal; 0 = as wide as the table is */
    int float_digits; /* as in cell_text */
    bool is_listing; /* the first column names the rows: it is the last to be shortened; no count of
                         rows below */
} table_style;

/* Prints all rows of `table` and below them, unless it is a listing, how many of `n_rows_in_all`
 * they are. Numbers stand to the right. Where the table is too wide, its widest text is shortened, and
 * if that is not enough, columns in the middle are left out and counted. A failed write is kept in
 * `output`, not answered. */
mdl_status print_table(mdl_context *context, const mdl_table *table, int64_t n_rows_in_all,
                       const table_style *style, text_output *output, mdl_error *error);

#endif
