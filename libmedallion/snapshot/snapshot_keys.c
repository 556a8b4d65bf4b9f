/*
 * Keys of any types and number of columns. The usual key, one column of integers, is widened once
 * for each vector, so that the loops over it need not look at its type.
 */
#include "snapshot/snapshot_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/utf8.h"

mdl_status mdli_key_reader_init(mdli_key_reader *reader, mdl_context *context,
                                const mdl_table *table, const mdli_key *keys, int32_t n_keys,
                                mdl_error *error)
{
    void *memory;
    *reader = (mdli_key_reader){.table = table, .keys = keys, .n_keys = n_keys};
    reader->is_integer = n_keys == 1 && mdli_type_is_integer(table->columns[keys[0].column]->type);
    MDLI_TRY(mdli_allocate(context,
                           (size_t)n_keys * (sizeof(mdli_decode_buffer) + sizeof(mdl_vector)) +
                               MDLI_VECTOR_ROWS * sizeof(int64_t),
                           "snapshot keys", &memory, error));
    reader->buffers = memory;
    reader->vectors = (mdl_vector *)(void *)(reader->buffers + n_keys);
    reader->integers = (int64_t *)(void *)(reader->vectors + n_keys);
    for (int32_t k = 0; k < n_keys; k++) {
        mdli_decode_buffer_init(&reader->buffers[k], context);
    }
    return MDL_OK;
}

void mdli_key_reader_free(mdli_key_reader *reader)
{
    if (reader->buffers == NULL) {
        return;
    }
    mdl_context *context = reader->buffers[0].context;
    for (int32_t k = 0; k < reader->n_keys; k++) {
        mdli_decode_buffer_free(&reader->buffers[k]);
    }
    mdli_free(context, reader->buffers);
    reader->buffers = NULL;
}

/* They end where a block does, so that the next ones start with a frame, unless blocks are so small
 * that vectors would be, too. */
int64_t mdli_key_reader_suits(const mdli_key_reader *reader, int64_t row)
{
    const mdl_column *column = reader->table->columns[reader->keys[0].column];
    int64_t n_left = column->n_rows - row;
    int64_t n = n_left < MDLI_VECTOR_ROWS ? n_left : MDLI_VECTOR_ROWS;
    if (n > 0) {
        int64_t block = mdli_column_find_block(column, row);
        int64_t n_in_block = column->row_starts[block + 1] - row;
        bool is_large = column->blocks[block]->n_rows >= MDLI_VECTOR_ROWS;
        n = is_large && n_in_block < n ? n_in_block : n;
    }
    return n;
}

#define WIDEN(ctype)                                                                               \
    for (int64_t i = 0; i < reader->n_rows; i++) {                                                 \
        reader->integers[i] = ((const ctype *)values)[i];                                          \
    }

static void widen(mdli_key_reader *reader)
{
    const void *values = reader->vectors[0].values;
    switch (mdli_type_bytes(reader->vectors[0].type)) {
    case 1:
        WIDEN(uint8_t)
        break;
    case 4:
        WIDEN(int32_t)
        break;
    default:
        WIDEN(int64_t)
        break;
    }
}

mdl_status mdli_key_reader_read(mdli_key_reader *reader, int64_t row, int64_t n, mdl_error *error)
{
    reader->first_row = row;
    reader->n_rows = n;
    for (int32_t k = 0; k < reader->n_keys; k++) {
        MDLI_TRY(mdli_column_read(reader->table->columns[reader->keys[k].column], row,
                                  reader->n_rows, &reader->buffers[k], &reader->vectors[k], error));
    }
    if (reader->is_integer) {
        widen(reader);
    }
    return MDL_OK;
}

/* Relates each row of the reader's vectors to the one before; notes in `out` what it finds. */
static void relate_rows(const mdli_key_reader *reader, mdli_key_order *out)
{
    for (int64_t i = 1; i < reader->n_rows && out->is_ascending; i++) {
        int order = mdli_key_compare(reader, i - 1, reader, i);
        int64_t row = reader->first_row + i;
        out->is_ascending = order <= 0;
        out->first_repeat = order == 0 && row < out->first_repeat ? row : out->first_repeat;
    }
}

mdl_status mdli_find_key_order(mdl_context *context, const mdl_table *table, const mdli_key *keys,
                               int32_t n_keys, mdli_key_order *out, mdl_error *error)
{
    mdli_key_reader reader = {.table = table};
    const mdl_column_stats *stats = &table->columns[keys[0].column]->stats;
    *out = (mdli_key_order){.is_ascending = true, .first_repeat = table->n_rows};
    if (stats->is_strictly_sorted) {
        return MDL_OK;
    }
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdli_key_reader_init(&reader, context, table, keys, n_keys, error));
    /* Vectors overlap by a row, which relates the first row of each to the last one before it. */
    for (int64_t row = 0; row + 1 < table->n_rows && out->is_ascending;) {
        MDLI_TRY_GOTO_DONE(mdli_check_cancel(context, error));
        int64_t n_left = table->n_rows - row;
        int64_t n = n_left < MDLI_VECTOR_ROWS ? n_left : MDLI_VECTOR_ROWS;
        MDLI_TRY_GOTO_DONE(mdli_key_reader_read(&reader, row, n, error));
        relate_rows(&reader, out);
        row += n - 1;
    }
done:
    mdli_key_reader_free(&reader);
    return status;
}

mdl_status mdli_append_value(mdli_text_buffer *text, const mdl_vector *vector, int64_t row,
                             mdl_error *error)
{
    mdl_value value = mdl_vector_value(vector, row);
    char formatted[MDL_VALUE_TEXT_MAX];
    if (value.type == MDL_TYPE_STRING && !value.is_null) {
        return mdli_text_buffer_append(text, value.as.text.data, value.as.text.size_bytes, error);
    }
    int64_t size_bytes = mdl_value_format(&value, formatted);
    return mdli_text_buffer_append(text, formatted, size_bytes, error);
}

/* Appends "user_id = 7, day = NULL". */
static mdl_status append_key(mdli_text_buffer *text, const mdli_key_reader *reader, int64_t i,
                             mdl_error *error)
{
    for (int32_t k = 0; k < reader->n_keys; k++) {
        const char *name = reader->table->names[reader->keys[k].column];
        MDLI_TRY(mdli_text_buffer_append_text(text, k > 0 ? ", " : "", error));
        MDLI_TRY(mdli_text_buffer_append_text(text, name, error));
        MDLI_TRY(mdli_text_buffer_append_text(text, " = ", error));
        if (mdl_vector_is_null(&reader->vectors[k], i)) {
            MDLI_TRY(mdli_text_buffer_append_text(text, "NULL", error));
        } else {
            MDLI_TRY(mdli_append_value(text, &reader->vectors[k], i, error));
        }
    }
    return MDL_OK;
}

mdl_status mdli_key_fault(mdl_context *context, const char *snapshot, const mdl_table *table,
                          const mdli_key *keys, int32_t n_keys, int32_t column, int64_t row,
                          const char *what, mdl_error *error)
{
    mdli_key_reader reader = {.table = table};
    mdli_text_buffer text = {.context = context};
    char shown[sizeof error->text];
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdli_key_reader_init(&reader, context, table, keys, n_keys, error));
    MDLI_TRY_GOTO_DONE(mdli_key_reader_read(&reader, row, 1, error));
    MDLI_TRY_GOTO_DONE(append_key(&text, &reader, 0, error));
    mdli_escape_text(text.bytes, (size_t)text.size_bytes, shown, sizeof shown);
    if (error != NULL && error->status == MDL_OK) {
        snprintf(error->column, sizeof error->column, "%s", table->names[column]);
        memcpy(error->text, shown, sizeof shown);
    }
    status = mdl_error_set(error, MDL_E_DATA, "snapshot %s: %s %s", snapshot, shown, what);
done:
    mdli_text_buffer_reset(&text);
    mdli_key_reader_free(&reader);
    return status;
}
