/*
 * Edits of tables. Each block of a column is a job: without an edit it is shared, else its rows and
 * the new ones are gathered and encoded again, in as many blocks of equal size as are needed. An
 * edit at the border between two blocks belongs to the second, and one at the end of the table to
 * the last block, so that a few rows added again and again do not leave blocks of a few rows.
 */
#include "operators/table_edit.h"

#include <assert.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "operators/rowset.h"

/* What becomes of one block of the base. */
typedef struct block_edit {
    int64_t first_edit;
    int64_t n_edits;
    int64_t first_new_row;
    int64_t n_new_rows;
    int64_t n_rows;    /* that come out */
    int64_t first_out; /* place of its blocks in the new column */
    int64_t n_out;
} block_edit;

/* Memory of one worker. */
typedef struct edit_memory {
    mdli_decode_buffer buffer;
    mdli_flat rows;     /* of the base's block, then new ones */
    mdli_flat gathered; /* rows of one block that comes out */
    int32_t *order;     /* numbers in `rows` of the rows that come out */
    int64_t order_capacity;
} edit_memory;

typedef struct column_edit {
    mdl_context *context;
    const mdl_column *base;
    const mdl_column *changes; /* or NULL */
    const mdli_table_edit *edits;
    int64_t n_edits;
    block_edit *blocks; /* for each block of the base */
    edit_memory *memories;
    mdli_block **out;
    int64_t n_out;
} column_edit;

/* Finds the edits of each block and how many blocks come out of it. */
static void plan_blocks(column_edit *edit)
{
    const mdl_column *base = edit->base;
    int64_t block_rows = mdli_context_block_rows(edit->context);
    int64_t next_edit = 0;
    for (int64_t b = 0; b < base->n_blocks; b++) {
        block_edit *block = &edit->blocks[b];
        bool is_last = b == base->n_blocks - 1;
        *block = (block_edit){.first_edit = next_edit, .n_rows = base->blocks[b]->n_rows};
        while (next_edit < edit->n_edits &&
               (is_last || edit->edits[next_edit].row < base->row_starts[b + 1])) {
            const mdli_table_edit *change = &edit->edits[next_edit++];
            if (change->new_row >= 0) {
                block->first_new_row =
                    block->n_new_rows == 0 ? change->new_row : block->first_new_row;
                block->n_new_rows++;
                block->n_rows++;
            }
            block->n_rows -= change->drops_row;
        }
        block->n_edits = next_edit - block->first_edit;
        block->first_out = edit->n_out;
        block->n_out = block->n_edits == 0 ? 1 : (block->n_rows + block_rows - 1) / block_rows;
        edit->n_out += block->n_out;
    }
}

/* Collects the rows of a block, then the new rows that go into it. */
static mdl_status collect_rows(column_edit *edit, int64_t b, edit_memory *memory, mdl_error *error)
{
    const block_edit *block = &edit->blocks[b];
    mdl_vector values;
    MDLI_TRY(mdli_block_decode(edit->base->blocks[b], 0, edit->base->blocks[b]->n_rows,
                               &memory->buffer, &values, error));
    mdli_flat_clear(&memory->rows);
    MDLI_TRY(mdli_flat_append(&memory->rows, &values, edit->base->blocks[b]->dictionary, error));
    for (int64_t i = 0; i < block->n_new_rows;) {
        int64_t row = block->first_new_row + i;
        int64_t n_left = block->n_new_rows - i;
        int64_t n = n_left < MDLI_BLOCK_ROWS_MAX ? n_left : MDLI_BLOCK_ROWS_MAX;
        MDLI_TRY(mdli_column_read(edit->changes, row, n, &memory->buffer, &values, error));
        MDLI_TRY(mdli_flat_append(&memory->rows, &values, edit->changes->dictionary, error));
        i += n;
    }
    return MDL_OK;
}

/* Says where each row that comes out of a block stands among those collected. */
static mdl_status order_rows(column_edit *edit, int64_t b, edit_memory *memory, mdl_error *error)
{
    const block_edit *block = &edit->blocks[b];
    int64_t n_base = edit->base->blocks[b]->n_rows;
    if (n_base + block->n_new_rows > INT32_MAX) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED,
                             "%lld new rows between two of the base, more than %lld",
                             (long long)block->n_new_rows, (long long)(INT32_MAX - n_base));
    }
    void *memory_of_order = memory->order;
    MDLI_TRY(mdli_grow_array(edit->context, &memory_of_order, &memory->order_capacity, 0,
                             block->n_rows, sizeof(int32_t), "edit", error));
    memory->order = memory_of_order;
    int32_t *order = memory->order;
    int64_t base_row = 0;
    int64_t new_row = n_base;
    for (int64_t e = 0; e < block->n_edits; e++) {
        const mdli_table_edit *change = &edit->edits[block->first_edit + e];
        int64_t edit_row = change->row - edit->base->row_starts[b];
        while (base_row < edit_row) {
            *order++ = (int32_t)base_row++;
        }
        if (change->new_row >= 0) {
            *order++ = (int32_t)new_row++;
        }
        base_row += change->drops_row;
    }
    while (base_row < n_base) {
        *order++ = (int32_t)base_row++;
    }
    assert(order - memory->order == block->n_rows);
    return MDL_OK;
}

static mdl_status edit_block(void *data, int64_t job, int worker, mdl_error *error)
{
    column_edit *edit = data;
    const block_edit *block = &edit->blocks[job];
    edit_memory *memory = &edit->memories[worker];
    if (block->n_edits == 0) {
        edit->out[block->first_out] = edit->base->blocks[job];
        mdli_block_retain(edit->base->blocks[job]);
        return MDL_OK;
    }
    MDLI_TRY(collect_rows(edit, job, memory, error));
    MDLI_TRY(order_rows(edit, job, memory, error));
    mdl_vector rows = mdli_flat_vector(&memory->rows);
    mdli_dictionary *dictionary = memory->rows.has_codes ? memory->rows.dictionary : NULL;
    int64_t first = 0;
    for (int64_t i = 0; i < block->n_out; i++) {
        int64_t end = block->n_rows * (i + 1) / block->n_out;
        mdl_vector values;
        MDLI_TRY(mdli_flat_gather(&memory->gathered, &rows, memory->order + first, end - first,
                                  &values, error));
        MDLI_TRY(mdli_block_encode(edit->context, &values, dictionary,
                                   &edit->out[block->first_out + i], error));
        first = end;
    }
    return MDL_OK;
}

static mdl_status create_memories(column_edit *edit, int n_workers, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(edit->context, (size_t)n_workers * sizeof(edit_memory), "edit",
                                  &memory, error));
    edit->memories = memory;
    for (int i = 0; i < n_workers; i++) {
        mdli_decode_buffer_init(&edit->memories[i].buffer, edit->context);
        mdli_flat_init(&edit->memories[i].rows, edit->context, edit->base->type);
        mdli_flat_init(&edit->memories[i].gathered, edit->context, edit->base->type);
    }
    return MDL_OK;
}

static void free_memories(column_edit *edit, int n_workers)
{
    for (int i = 0; edit->memories != NULL && i < n_workers; i++) {
        mdli_decode_buffer_free(&edit->memories[i].buffer);
        mdli_flat_free(&edit->memories[i].rows);
        mdli_flat_free(&edit->memories[i].gathered);
        mdli_free(edit->context, edit->memories[i].order);
    }
    mdli_free(edit->context, edit->memories);
}

/* Makes the column. Text that the base's dictionary does not have is looked at anew as a whole, or
 * the column would lose its dictionary by one edit. Takes over the blocks, also when it fails. */
static mdl_status join_blocks(column_edit *edit, mdl_column **out, mdl_error *error)
{
    const mdli_dictionary *dictionary = edit->base->dictionary;
    bool keeps_dictionary = true;
    for (int64_t b = 0; b < edit->n_out && dictionary != NULL; b++) {
        keeps_dictionary = keeps_dictionary && edit->out[b]->dictionary == dictionary;
    }
    return keeps_dictionary
               ? mdli_column_from_blocks(edit->context, edit->base->type, edit->out, edit->n_out,
                                         out, error)
               : mdli_string_column_from_blocks(edit->context, edit->out, edit->n_out, out, error);
}

mdl_status mdli_column_apply_edits(mdl_context *context, const mdl_column *base,
                                   const mdl_column *changes, const mdli_table_edit *edits,
                                   int64_t n_edits, mdl_column **out, mdl_error *error)
{
    assert(base->n_rows > 0);
    column_edit edit = {
        .context = context,
        .base = base,
        .changes = changes,
        .edits = edits,
        .n_edits = n_edits,
    };
    int n_workers = mdli_n_workers(context, base->n_blocks);
    void *blocks = NULL;
    void *made = NULL;
    mdl_status status;
    *out = NULL;
    MDLI_TRY_GOTO_DONE(
        mdli_allocate_array(context, base->n_blocks, sizeof(block_edit), "edit", &blocks, error));
    edit.blocks = blocks;
    plan_blocks(&edit);
    MDLI_TRY_GOTO_DONE(mdli_allocate_zeroed(context, (size_t)edit.n_out * sizeof(mdli_block *),
                                            "edit", &made, error));
    edit.out = made;
    MDLI_TRY_GOTO_DONE(create_memories(&edit, n_workers, error));
    status = mdli_parallel_for(context, base->n_blocks, edit_block, &edit, error);
    if (status == MDL_OK) {
        status = join_blocks(&edit, out, error);
    } else {
        for (int64_t b = 0; b < edit.n_out; b++) {
            mdli_block_release(edit.out[b]);
        }
    }
done:
    free_memories(&edit, n_workers);
    mdli_free(context, made);
    mdli_free(context, blocks);
    return status;
}

mdl_status mdli_table_apply_edits(mdl_context *context, const mdl_table *base,
                                  const mdl_table *changes, const mdli_table_edit *edits,
                                  int64_t n_edits, mdl_table **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_array(context, base->n_columns, sizeof(mdl_column *), "edit", &memory,
                                 error));
    mdl_column **columns = memory;
    mdl_status status = MDL_OK;
    int32_t n = 0;
    while (status == MDL_OK && n < base->n_columns) {
        status = mdli_column_apply_edits(context, base->columns[n],
                                         changes != NULL ? changes->columns[n] : NULL, edits,
                                         n_edits, &columns[n], error);
        n += status == MDL_OK;
    }
    int64_t n_rows = base->n_rows;
    for (int64_t e = 0; e < n_edits; e++) {
        n_rows += (edits[e].new_row >= 0) - edits[e].drops_row;
    }
    if (status == MDL_OK) {
        status = mdli_table_create(context, (const char *const *)base->names, columns, n, n_rows,
                                   out, error);
    } else {
        for (int32_t i = 0; i < n; i++) {
            mdli_column_release(columns[i]);
        }
    }
    mdli_free(context, memory);
    return status;
}

mdl_status mdli_table_append_rows(mdl_context *context, const mdl_table *table,
                                  const mdl_table *rows, mdl_table **out, mdl_error *error)
{
    if (table->n_rows == 0 || rows->n_rows >= mdli_context_block_rows(context)) {
        return mdli_table_concat(context, table, rows, out, error);
    }
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_array(context, rows->n_rows, sizeof(mdli_table_edit), "edit", &memory,
                                 error));
    mdli_table_edit *edits = memory;
    for (int64_t i = 0; i < rows->n_rows; i++) {
        edits[i] = (mdli_table_edit){.row = table->n_rows, .new_row = i};
    }
    mdl_status status =
        mdli_table_apply_edits(context, table, rows, edits, rows->n_rows, out, error);
    mdli_free(context, memory);
    return status;
}

/* The first rows of a column, at least one and not all. */
static mdl_status first_rows_of_column(mdl_context *context, const mdl_column *column,
                                       int64_t n_rows, mdl_column **out, mdl_error *error)
{
    int64_t last = mdli_column_find_block(column, n_rows - 1);
    mdli_decode_buffer buffer;
    mdli_decode_buffer_init(&buffer, context);
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_array(context, last + 1, sizeof(mdli_block *), "top-n", &memory, error));
    mdli_block **blocks = memory;
    int64_t n_left = n_rows - column->row_starts[last];
    mdl_status status = MDL_OK;
    if (n_left == column->blocks[last]->n_rows) {
        blocks[last] = column->blocks[last];
        mdli_block_retain(blocks[last]);
    } else {
        mdl_vector values;
        MDLI_TRY_GOTO_DONE(
            mdli_block_decode(column->blocks[last], 0, n_left, &buffer, &values, error));
        MDLI_TRY_GOTO_DONE(mdli_block_encode(context, &values, column->blocks[last]->dictionary,
                                             &blocks[last], error));
    }
    for (int64_t b = 0; b < last; b++) {
        blocks[b] = column->blocks[b];
        mdli_block_retain(blocks[b]);
    }
    status = mdli_column_from_blocks(context, column->type, blocks, last + 1, out, error);
done:
    mdli_decode_buffer_free(&buffer);
    mdli_free(context, memory);
    return status;
}

mdl_status mdli_table_first_rows(mdl_context *context, const mdl_table *table, int64_t n_rows,
                                 mdl_table **out, mdl_error *error)
{
    *out = NULL;
    MDLI_TRY(mdli_check_cancel(context, error));
    if (n_rows >= table->n_rows) {
        *out = mdl_table_clone(table);
        return MDL_OK;
    }
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, table->n_columns, sizeof(mdl_column *), "top-n", &memory,
                                 error));
    mdl_column **columns = memory;
    mdl_status status = MDL_OK;
    int32_t n = 0;
    while (status == MDL_OK && n < table->n_columns) {
        const mdl_column *column = table->columns[n];
        status = n_rows > 0
                     ? first_rows_of_column(context, column, n_rows, &columns[n], error)
                     : mdli_column_from_blocks(context, column->type, NULL, 0, &columns[n], error);
        n += status == MDL_OK;
    }
    if (status == MDL_OK) {
        status = mdli_table_create(context, (const char *const *)table->names, columns, n, n_rows,
                                   out, error);
    } else {
        for (int32_t i = 0; i < n; i++) {
            mdli_column_release(columns[i]);
        }
    }
    mdli_free(context, memory);
    return status;
}
