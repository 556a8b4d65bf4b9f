/*
 * Tables row by row, each row an array of values: for tables of few rows, such as logs.
 */
#ifndef MDLI_COLUMN_TABLE_ROWS_H
#define MDLI_COLUMN_TABLE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/table.h"
#include "medallion/types.h"

/* Most columns of such a table. */
#define MDLI_ROW_COLUMNS_MAX 32

/* Appends one row: as many values as the table has columns, of their types or NULL; texts are
 * copied. As mdl_table_builder_append. */
mdl_status mdli_append_row(mdl_table_builder *builder, const mdl_field *fields, int32_t n_fields,
                           const mdl_value *values, mdl_error *error);

/* Takes a row; its texts live during the call. */
typedef mdl_status (*mdli_take_row_fn)(void *data, int64_t row, const mdl_value *values,
                                       mdl_error *error);

/* Hands out the rows of a table one after another, until one is not taken. */
mdl_status mdli_for_each_row(mdl_context *context, const mdl_table *table, mdli_take_row_fn take,
                             void *data, mdl_error *error);

/* Whether a table has these columns, in this order, and no others. */
bool mdli_table_has_fields(const mdl_table *table, const mdl_field *fields, int32_t n_fields);

#endif
