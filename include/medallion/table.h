/**
 * @file table.h
 * Tables: named columns of one length; cursors that read them; builders that make them.
 *
 * A table is immutable and reference-counted: ::mdl_table_clone takes a reference,
 * ::mdl_table_free gives it back, both from any thread. Several threads may read one table at once,
 * each through its own cursor.
 */
#ifndef MEDALLION_TABLE_H
#define MEDALLION_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/column.h"
#include "medallion/context.h"
#include "medallion/export.h"
#include "medallion/status.h"
#include "medallion/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A table; opaque, immutable. */
typedef struct mdl_table mdl_table;

/** The name and type of a column, for builders. */
typedef struct mdl_field {
    const char *name;
    mdl_type type;
} mdl_field;

/** Takes another reference to `table`; to be freed like the first. NULL gives NULL. Never fails. */
MDL_API mdl_table *mdl_table_clone(const mdl_table *table);

/** Gives a reference back; the last one frees the table and the columns that nobody else shows. */
MDL_API void mdl_table_free(mdl_table *table);

/** Rows in the table. */
MDL_API int64_t mdl_table_n_rows(const mdl_table *table);

/** Columns in the table. */
MDL_API int32_t mdl_table_n_columns(const mdl_table *table);

/** The name of column `index`, 0 ≤ index < ::mdl_table_n_columns; lives as long as the table. */
MDL_API const char *mdl_table_column_name(const mdl_table *table, int32_t index);

/** Column `index`; lives as long as the table. */
MDL_API const mdl_column *mdl_table_column(const mdl_table *table, int32_t index);

/** The position of the column with that name (case counts), or -1. */
MDL_API int32_t mdl_table_find_column(const mdl_table *table, const char *name);

/** Bytes that the table's columns hold; a column shared with other tables is counted in each. */
MDL_API int64_t mdl_table_size_bytes(const mdl_table *table);

/**
 * @name Cursors
 * Read a table batch by batch, in row order. A cursor belongs to one thread at a time.
 * @{
 */

/** Reads chosen columns of a table; opaque. Holds a reference to the table. */
typedef struct mdl_cursor mdl_cursor;

/** Some rows of the chosen columns; valid until the next call on the cursor. */
typedef struct mdl_batch {
    int64_t first_row;         /**< row of the table that row 0 of the vectors is */
    int64_t n_rows;            /**< rows in each vector; 0 = the end */
    int32_t n_columns;         /**< vectors in `columns` */
    const mdl_vector *columns; /**< in the order in which the columns were asked for */
} mdl_batch;

/**
 * Makes a cursor that stands before row 0.
 *
 * @param columns    names of the columns to read; NULL = all, in table order
 * @param n_columns  names in `columns`; ignored when it is NULL
 * @param out        the cursor, to be freed with ::mdl_cursor_free
 * @return ::MDL_E_NOT_FOUND for a name that the table does not have, ::MDL_E_NO_MEMORY,
 * ::MDL_E_BUDGET.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_cursor_create(mdl_context *context, const mdl_table *table,
                                                    const char *const *columns, int32_t n_columns,
                                                    mdl_cursor **out, mdl_error *error);

/** Lets the next batch start at `row`, 0 ≤ row ≤ rows of the table; else ::MDL_E_ARGUMENT. */
MDL_API MDL_MUST_CHECK mdl_status mdl_cursor_seek(mdl_cursor *cursor, int64_t row,
                                                  mdl_error *error);

/**
 * Reads the next rows. At the end of the table `batch->n_rows` is 0 and the answer is ::MDL_OK.
 * Batches have at most 65536 rows and no fixed size.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_cursor_next(mdl_cursor *cursor, mdl_batch *batch,
                                                  mdl_error *error);

/** Frees a cursor. Accepts NULL. */
MDL_API void mdl_cursor_free(mdl_cursor *cursor);

/**
 * Reads one value, for tests and small results; a STRING is copied to `text_buffer`, clipped at a
 * code point border to `text_size_bytes`, and `out` points to it. Decodes a whole block for each
 * call.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_table_get(mdl_context *context, const mdl_table *table,
                                                int64_t row, int32_t column, mdl_value *out,
                                                char *text_buffer, int64_t text_size_bytes,
                                                mdl_error *error);

/** @} */

/**
 * @name Builders
 * Make a table from vectors. A builder belongs to one thread at a time.
 * @{
 */

/** A table in the making; opaque. */
typedef struct mdl_table_builder mdl_table_builder;

/**
 * Makes a builder.
 *
 * @param fields    names and types of the columns; copied. Names must differ and not be empty
 * @param out       the builder, to be freed with ::mdl_table_builder_free
 * @return ::MDL_E_ARGUMENT, ::MDL_E_NO_MEMORY, ::MDL_E_BUDGET.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_table_builder_create(mdl_context *context,
                                                           const mdl_field *fields,
                                                           int32_t n_fields,
                                                           mdl_table_builder **out,
                                                           mdl_error *error);

/**
 * Appends rows; they are copied and encoded.
 *
 * @param columns  one vector per field, of the field's type and all of `n_rows` rows
 * @return ::MDL_E_ARGUMENT when types or lengths do not fit, ::MDL_E_NO_MEMORY, ::MDL_E_BUDGET.
 * After a failure the builder can only be freed.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_table_builder_append(mdl_table_builder *builder,
                                                           const mdl_vector *columns,
                                                           int64_t n_rows, mdl_error *error);

/** Makes the table from what was appended, and empties the builder, which then may only be freed.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_table_builder_finish(mdl_table_builder *builder,
                                                           mdl_table **out, mdl_error *error);

/** Frees a builder and what it holds. Accepts NULL. */
MDL_API void mdl_table_builder_free(mdl_table_builder *builder);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
