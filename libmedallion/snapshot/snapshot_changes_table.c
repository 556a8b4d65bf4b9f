/*
 * Changes as a table. Rows are collected in flat columns, a value at a time, and appended when
 * there are enough of them.
 */
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/text_buffer.h"
#include "base/tuning.h"
#include "operators/rowset.h"
#include "snapshot/snapshot_compare.h"
#include "snapshot/snapshot_internal.h"
#include "snapshot/snapshot_keys.h"

/* Columns of text, which stand behind those of the key but for the first. */
enum {
    COLUMN_NAME = 1,
    OLD_VALUE,
    NEW_VALUE,
    N_TEXTS
};

/* A check column of the row at hand, on both sides. */
typedef struct check_values {
    mdli_column_pair pair;
    mdli_decode_buffer current_buffer;
    mdli_decode_buffer history_buffer;
} check_values;

typedef struct table_writer {
    const mdl_snapshot_changes *changes;
    mdl_table_builder *builder;
    int32_t n_columns;
    mdli_flat *rows; /* of each column: those that the builder has not had yet */
    mdl_vector *vectors;
    mdli_decode_buffer *key_buffers;
    mdl_vector *keys; /* of the change at hand */
    check_values *checks;
    mdli_text_buffer text;
    int64_t n_left; /* rows that may still be given */
} table_writer;

static const char *change_text(mdli_change_kind kind)
{
    switch (kind) {
    case MDLI_CHANGE_INSERTED:
        return "inserted";
    case MDLI_CHANGE_CHANGED:
        return "changed";
    case MDLI_CHANGE_DELETED:
        return "deleted";
    case MDLI_CHANGE_MISSING:
        return "missing";
    case MDLI_CHANGE_REAPPEARED:
        return "reappeared";
    case MDLI_CHANGE_NONE:
        break;
    }
    return "?";
}

/* Hands the collected rows to the builder. */
static mdl_status flush_rows(table_writer *writer, mdl_error *error)
{
    int64_t n_rows = writer->rows[0].n_rows;
    MDLI_TRY(mdli_check_cancel(writer->changes->context, error));
    if (n_rows == 0) {
        return MDL_OK;
    }
    for (int32_t c = 0; c < writer->n_columns; c++) {
        writer->vectors[c] = mdli_flat_vector(&writer->rows[c]);
    }
    MDLI_TRY(mdl_table_builder_append(writer->builder, writer->vectors, n_rows, error));
    for (int32_t c = 0; c < writer->n_columns; c++) {
        mdli_flat_clear(&writer->rows[c]);
    }
    return MDL_OK;
}

/* Adds a text, NULL where its data is. */
static mdl_status add_text(table_writer *writer, int32_t column, mdl_string text, mdl_error *error)
{
    static const uint64_t is_null = 0;
    const mdl_vector value = {
        .type = MDL_TYPE_STRING,
        .n_rows = 1,
        .values = &text,
        .validity = text.data == NULL ? &is_null : NULL,
    };
    return mdli_flat_append(&writer->rows[column], &value, NULL, error);
}

/* Adds a row with the keys at hand. */
static mdl_status add_row(table_writer *writer, const mdl_string texts[N_TEXTS], mdl_error *error)
{
    int32_t n_keys = writer->changes->n_keys;
    MDLI_TRY(add_text(writer, 0, texts[0], error));
    for (int32_t k = 0; k < n_keys; k++) {
        MDLI_TRY(mdli_flat_append(&writer->rows[1 + k], &writer->keys[k], NULL, error));
    }
    for (int32_t i = 1; i < N_TEXTS; i++) {
        MDLI_TRY(add_text(writer, n_keys + i, texts[i], error));
    }
    writer->n_left--;
    return writer->rows[0].n_rows < MDLI_VECTOR_ROWS ? MDL_OK : flush_rows(writer, error);
}

/* Appends a value's text to the writer's and says where it is there; −1 for NULL. */
static mdl_status append_value(table_writer *writer, const mdl_vector *vector, int64_t *offset,
                               mdl_error *error)
{
    *offset = mdl_vector_is_null(vector, 0) ? -1 : writer->text.size_bytes;
    return mdli_append_value(&writer->text, vector, 0, error);
}

/* Adds a row for one check column of a changed row, if it differs there. */
static mdl_status add_check(table_writer *writer, const mdli_change *change, int32_t k,
                            mdl_error *error)
{
    check_values *check = &writer->checks[k];
    int32_t c = writer->changes->checks[k].column;
    const char *name = writer->changes->current->names[c];
    mdl_vector current;
    mdl_vector history;
    uint8_t differs;
    MDLI_TRY(mdli_column_read(check->pair.current, change->current_row, 1, &check->current_buffer,
                              &current, error));
    MDLI_TRY(mdli_column_read(check->pair.history, change->history_row, 1, &check->history_buffer,
                              &history, error));
    mdli_compare_values(&check->pair, &current, &history, NULL, 1, &differs);
    if (!differs) {
        return MDL_OK;
    }
    int64_t old_offset;
    int64_t new_offset;
    writer->text.size_bytes = 0;
    MDLI_TRY(append_value(writer, &history, &old_offset, error));
    int64_t old_bytes = writer->text.size_bytes;
    MDLI_TRY(append_value(writer, &current, &new_offset, error));
    const char *bytes = writer->text.bytes;
    mdl_string texts[N_TEXTS] = {{"changed", strlen("changed")}, {name, (int64_t)strlen(name)}};
    if (old_offset >= 0) {
        texts[OLD_VALUE] = (mdl_string){bytes, old_bytes};
    }
    if (new_offset >= 0) {
        texts[NEW_VALUE] = (mdl_string){bytes + new_offset, writer->text.size_bytes - new_offset};
    }
    return add_row(writer, texts, error);
}

static mdl_status add_change(table_writer *writer, const mdli_change *change, mdl_error *error)
{
    const mdl_snapshot_changes *changes = writer->changes;
    bool is_gone = change->current_row < 0;
    const mdl_table *side = is_gone ? changes->history : changes->current;
    int64_t row = is_gone ? change->history_row : change->current_row;
    for (int32_t k = 0; k < changes->n_keys; k++) {
        MDLI_TRY(mdli_column_read(side->columns[changes->keys[k].column], row, 1,
                                  &writer->key_buffers[k], &writer->keys[k], error));
    }
    if (change->kind != MDLI_CHANGE_CHANGED) {
        const char *text = change_text(change->kind);
        const mdl_string texts[N_TEXTS] = {{text, (int64_t)strlen(text)}};
        return add_row(writer, texts, error);
    }
    for (int32_t k = 0; k < changes->n_checks && writer->n_left > 0; k++) {
        MDLI_TRY(add_check(writer, change, k, error));
    }
    return MDL_OK;
}

/* Makes the builder and the columns that rows are collected in. */
static mdl_status create_columns(table_writer *writer, mdl_error *error)
{
    const mdl_snapshot_changes *changes = writer->changes;
    int32_t n_keys = changes->n_keys;
    void *memory;
    MDLI_TRY(mdli_allocate_array(changes->context, n_keys + N_TEXTS, sizeof(mdl_field),
                                 "snapshot changes", &memory, error));
    mdl_field *fields = memory;
    fields[0] = (mdl_field){"change", MDL_TYPE_STRING};
    for (int32_t k = 0; k < n_keys; k++) {
        int32_t c = changes->keys[k].column;
        fields[1 + k] = (mdl_field){changes->current->names[c], changes->current->columns[c]->type};
    }
    fields[n_keys + COLUMN_NAME] = (mdl_field){"column", MDL_TYPE_STRING};
    fields[n_keys + OLD_VALUE] = (mdl_field){"old", MDL_TYPE_STRING};
    fields[n_keys + NEW_VALUE] = (mdl_field){"new", MDL_TYPE_STRING};
    for (int32_t i = 0; i < n_keys + N_TEXTS; i++) {
        mdli_flat_init(&writer->rows[i], changes->context, fields[i].type);
    }
    mdl_status status = mdl_table_builder_create(changes->context, fields, n_keys + N_TEXTS,
                                                 &writer->builder, error);
    mdli_free(changes->context, fields);
    return status;
}

static mdl_status create_checks(table_writer *writer, mdl_error *error)
{
    const mdl_snapshot_changes *changes = writer->changes;
    for (int32_t k = 0; k < changes->n_checks; k++) {
        check_values *check = &writer->checks[k];
        int32_t c = changes->checks[k].column;
        mdli_decode_buffer_init(&check->current_buffer, changes->context);
        mdli_decode_buffer_init(&check->history_buffer, changes->context);
        check->pair.current = changes->current->columns[c];
        check->pair.history = changes->history != NULL ? changes->history->columns[c] : NULL;
    }
    return create_columns(writer, error);
}

static mdl_status writer_init(table_writer *writer, const mdl_snapshot_changes *changes,
                              int64_t limit, mdl_error *error)
{
    mdl_context *context = changes->context;
    int32_t n_keys = changes->n_keys;
    int32_t n_columns = n_keys + N_TEXTS;
    void *memory;
    *writer = (table_writer){
        .changes = changes,
        .n_columns = n_columns,
        .text = {.context = context},
        .n_left = limit < 0 ? INT64_MAX : limit,
    };
    MDLI_TRY(mdli_allocate_zeroed(context,
                                  (size_t)n_columns * (sizeof(mdli_flat) + sizeof(mdl_vector)) +
                                      (size_t)n_keys *
                                          (sizeof(mdli_decode_buffer) + sizeof(mdl_vector)) +
                                      (size_t)changes->n_checks * sizeof(check_values),
                                  "snapshot changes", &memory, error));
    writer->rows = memory;
    writer->vectors = (mdl_vector *)(void *)(writer->rows + n_columns);
    writer->key_buffers = (mdli_decode_buffer *)(void *)(writer->vectors + n_columns);
    writer->keys = (mdl_vector *)(void *)(writer->key_buffers + n_keys);
    writer->checks = (check_values *)(void *)(writer->keys + n_keys);
    for (int32_t k = 0; k < n_keys; k++) {
        mdli_decode_buffer_init(&writer->key_buffers[k], context);
    }
    return create_checks(writer, error);
}

static void writer_free(table_writer *writer)
{
    mdl_context *context = writer->changes->context;
    for (int32_t c = 0; writer->rows != NULL && c < writer->n_columns; c++) {
        mdli_flat_free(&writer->rows[c]);
    }
    for (int32_t k = 0; writer->rows != NULL && k < writer->changes->n_keys; k++) {
        mdli_decode_buffer_free(&writer->key_buffers[k]);
    }
    for (int32_t k = 0; writer->rows != NULL && k < writer->changes->n_checks; k++) {
        mdli_decode_buffer_free(&writer->checks[k].current_buffer);
        mdli_decode_buffer_free(&writer->checks[k].history_buffer);
    }
    mdli_text_buffer_reset(&writer->text);
    mdl_table_builder_free(writer->builder);
    mdli_free(context, writer->rows);
}

mdl_status mdl_snapshot_changes_table(const mdl_snapshot_changes *changes, int64_t limit,
                                      mdl_table **out, mdl_error *error)
{
    table_writer writer;
    mdl_status status;
    *out = NULL;
    MDLI_TRY_GOTO_DONE(writer_init(&writer, changes, limit, error));
    for (int64_t i = 0; i < changes->n_changes && writer.n_left > 0; i++) {
        MDLI_TRY_GOTO_DONE(add_change(&writer, &changes->changes[i], error));
    }
    MDLI_TRY_GOTO_DONE(flush_rows(&writer, error));
    status = mdl_table_builder_finish(writer.builder, out, error);
done:
    writer_free(&writer);
    return status;
}
