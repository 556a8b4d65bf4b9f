/*
 * Reading tables: cursors, and single values.
 */
#include "column/column_internal.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/tuning.h"
#include "base/utf8.h"

#include <string.h>

struct mdl_cursor {
    mdl_context *context;
    mdl_table *table;
    int64_t row; /* first row of the next batch */
    int32_t n_columns;
    /* Arrays of n_columns behind the struct. */
    mdl_vector *vectors;
    mdli_decode_buffer *buffers;
    int32_t *columns; /* positions in the table */
};

/* The struct and its arrays, in one piece; the largest alignment comes first. */
static mdl_status allocate_cursor(mdl_context *context, int32_t n_columns, mdl_cursor **out,
                                  mdl_error *error)
{
    const size_t column_bytes = sizeof(mdl_vector) + sizeof(mdli_decode_buffer) + sizeof(int32_t);
    void *memory;
    MDLI_TRY(mdli_allocate(context, sizeof(mdl_cursor) + (size_t)n_columns * column_bytes, "cursor",
                           &memory, error));
    mdl_cursor *cursor = memory;
    *cursor = (mdl_cursor){.context = context, .n_columns = n_columns};
    cursor->vectors = (mdl_vector *)(cursor + 1);
    cursor->buffers = (mdli_decode_buffer *)(cursor->vectors + n_columns);
    cursor->columns = (int32_t *)(cursor->buffers + n_columns);
    for (int32_t c = 0; c < n_columns; c++) {
        mdli_decode_buffer_init(&cursor->buffers[c], context);
    }
    *out = cursor;
    return MDL_OK;
}

/* Finds the columns; NULL stands for all. */
static mdl_status choose_columns(mdl_cursor *cursor, const mdl_table *table,
                                 const char *const *columns, mdl_error *error)
{
    for (int32_t c = 0; c < cursor->n_columns; c++) {
        cursor->columns[c] = columns == NULL ? c : mdl_table_find_column(table, columns[c]);
        if (cursor->columns[c] < 0) {
            return mdl_error_set(error, MDL_E_NOT_FOUND, "the table has no column %s", columns[c]);
        }
    }
    return MDL_OK;
}

mdl_status mdl_cursor_create(mdl_context *context, const mdl_table *table,
                             const char *const *columns, int32_t n_columns, mdl_cursor **out,
                             mdl_error *error)
{
    mdl_cursor *cursor;
    *out = NULL;
    if (columns != NULL && n_columns < 0) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a cursor cannot read %d columns",
                             (int)n_columns);
    }
    MDLI_TRY(
        allocate_cursor(context, columns == NULL ? table->n_columns : n_columns, &cursor, error));
    mdl_status status = choose_columns(cursor, table, columns, error);
    if (status != MDL_OK) {
        mdl_cursor_free(cursor);
        return status;
    }
    cursor->table = mdl_table_clone(table);
    *out = cursor;
    return MDL_OK;
}

void mdl_cursor_free(mdl_cursor *cursor)
{
    if (cursor == NULL) {
        return;
    }
    for (int32_t c = 0; c < cursor->n_columns; c++) {
        mdli_decode_buffer_free(&cursor->buffers[c]);
    }
    mdl_table_free(cursor->table);
    mdli_free(cursor->context, cursor);
}

mdl_status mdl_cursor_seek(mdl_cursor *cursor, int64_t row, mdl_error *error)
{
    if (row < 0 || row > cursor->table->n_rows) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "row %lld is not in a table of %lld rows",
                             (long long)row, (long long)cursor->table->n_rows);
    }
    cursor->row = row;
    return MDL_OK;
}

/*
 * Rows in the next batch. It ends where a block of the first column does, so that the next one
 * starts with a frame, unless blocks are so small that batches would be, too.
 */
static int64_t next_batch_rows(const mdl_cursor *cursor)
{
    const int64_t n_left = cursor->table->n_rows - cursor->row;
    const int64_t n = n_left < MDLI_VECTOR_ROWS ? n_left : MDLI_VECTOR_ROWS;
    if (n == 0 || cursor->n_columns == 0) {
        return n;
    }
    const mdl_column *column = cursor->table->columns[cursor->columns[0]];
    const int64_t block = mdli_column_find_block(column, cursor->row);
    const int64_t n_in_block = column->row_starts[block + 1] - cursor->row;
    const bool is_large = column->blocks[block]->n_rows >= MDLI_VECTOR_ROWS;
    return is_large && n_in_block < n ? n_in_block : n;
}

mdl_status mdl_cursor_next(mdl_cursor *cursor, mdl_batch *batch, mdl_error *error)
{
    const int64_t n = next_batch_rows(cursor);
    for (int32_t c = 0; c < cursor->n_columns; c++) {
        MDLI_TRY(mdli_column_read(cursor->table->columns[cursor->columns[c]], cursor->row, n,
                                  &cursor->buffers[c], &cursor->vectors[c], error));
    }
    *batch = (mdl_batch){.first_row = cursor->row,
                         .n_rows = n,
                         .n_columns = cursor->n_columns,
                         .columns = cursor->vectors};
    cursor->row += n;
    return MDL_OK;
}

/* Moves the text of a value to the caller's memory. */
static void copy_text(mdl_value *value, char *buffer, int64_t size_bytes)
{
    mdl_string *text = &value->as.text;
    const int64_t clipped = mdli_utf8_clip_to_size(text->data, text->size_bytes, size_bytes);
    if (clipped > 0) {
        memcpy(buffer, text->data, (size_t)clipped);
    }
    *text = (mdl_string){buffer, clipped};
}

mdl_status mdl_table_get(mdl_context *context, const mdl_table *table, int64_t row, int32_t column,
                         mdl_value *out, char *text_buffer, int64_t text_size_bytes,
                         mdl_error *error)
{
    if (row < 0 || row >= table->n_rows || column < 0 || column >= table->n_columns) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "row %lld, column %d is not in a table of %lld rows and %d columns",
                             (long long)row, (int)column, (long long)table->n_rows,
                             (int)table->n_columns);
    }
    mdli_decode_buffer buffer;
    mdl_vector vector;
    mdli_decode_buffer_init(&buffer, context);
    mdl_status status = mdli_column_read(table->columns[column], row, 1, &buffer, &vector, error);
    if (status == MDL_OK) {
        *out = mdl_vector_value(&vector, 0);
        if (out->type == MDL_TYPE_STRING && !out->is_null) {
            copy_text(out, text_buffer, text_size_bytes);
        }
    }
    mdli_decode_buffer_free(&buffer);
    return status;
}
