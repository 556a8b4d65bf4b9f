/*
 * Edits of tables, as they were planned (edit_plan.c).
 *
 * What is made of a stretch is merged of two sides, rows of the base and rows that came. A column
 * that stands in runs is merged run by run, and no row of it is looked at.
 */
#include "operators/table_edit.h"

#include <assert.h>
#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "operators/edit_plan.h"
#include "operators/rowset.h"
#include "operators/shared_dictionary.h"

/* Few rows are copied in one go, with what is behind them: so memory must have room for that. */
#define COPY_BYTES 32

/* What is made becomes runs where there are at most so many to a frame: then nothing is smaller. */
#define RUNS_PER_FRAME_MAX 2

/* Memory of one worker. */
typedef struct edit_memory {
    mdli_decode_buffer base_buffer;
    mdli_decode_buffer new_buffer;
    mdli_flat base_rows; /* of more than a block, and all text: then new rows are behind them */
    mdli_flat new_rows;  /* likewise */
    void *values;        /* of one block that comes out */
    int64_t values_capacity;
    uint64_t *validity;
    int64_t validity_capacity; /* words */
    int64_t *run_values;
    int64_t run_values_capacity;
    int32_t *run_ends;
    int64_t run_ends_capacity;
} edit_memory;

/* A column that is edited. */
typedef struct column_edit {
    mdl_context *context;
    const mdli_edit_plan *plan;
    const mdl_column *base;
    const mdl_column *changes; /* or NULL */
    edit_memory *memories;
    mdli_block **out;
} column_edit;

/*
 * The rows that come out of a stretch, one after another.
 */

typedef struct edit_walk {
    const mdli_table_edit *edit; /* the next one */
    const mdli_table_edit *edits_end;
    int64_t first_row; /* of the stretch */
    int64_t row;       /* the next one of the base, counted from there */
    int64_t n_base;
    int64_t new_row; /* the next one, counted from the first of the stretch */
} edit_walk;

/* Rows of one side that come out one behind another. */
typedef struct row_group {
    bool are_new;
    int64_t first;
    int64_t n;
} row_group;

static edit_walk start_walk(const mdli_edit_plan *plan, const mdli_stretch *made)
{
    const mdli_table_edit *edits = plan->edits + made->first_edit;
    return (edit_walk){.edit = edits,
                       .edits_end = edits + made->n_edits,
                       .first_row = made->row,
                       .n_base = made->end - made->row};
}

/* The next rows, at most `n_max`; there are some. */
static inline row_group next_rows(edit_walk *walk, int64_t n_max)
{
    for (;;) {
        const mdli_table_edit *edit = walk->edit;
        const int64_t stop = edit < walk->edits_end ? edit->row - walk->first_row : walk->n_base;
        if (walk->row < stop) {
            const int64_t n = stop - walk->row < n_max ? stop - walk->row : n_max;
            const row_group group = {.first = walk->row, .n = n};
            walk->row += n;
            return group;
        }
        assert(edit < walk->edits_end);
        walk->edit++;
        walk->row += edit->drops_row;
        if (edit->new_row >= 0) {
            return (row_group){.are_new = true, .first = walk->new_row++, .n = 1};
        }
    }
}

/*
 * Making blocks of runs.
 */

/* Where in a column in runs a walk is. */
typedef struct run_cursor {
    const mdl_column *column;
    int64_t block;
    const int64_t *values;
    const int32_t *ends;
    int32_t n_runs;
    int32_t run;
    int64_t row; /* of the block */
} run_cursor;

/* Runs that come out, in a worker's memory. */
typedef struct run_list {
    int64_t *values;
    int32_t *ends;
    int64_t n;
    int64_t n_max;
    int64_t n_rows;
} run_list;

/* Whether there are base rows in a stretch, all in runs, to which rows can come. */
static bool is_in_runs(const column_edit *edit, const mdli_stretch *made)
{
    const mdl_column *base = edit->base;
    bool is = made->row < made->end && made->n_rows <= INT32_MAX &&
              (edit->changes == NULL || edit->changes->stats.n_nulls == 0);
    for (int64_t b = made->block; is && b < base->n_blocks && base->row_starts[b] < made->end;
         b++) {
        const int64_t *values;
        const int32_t *ends;
        int32_t n_runs;
        is = mdli_block_runs(base->blocks[b], &values, &ends, &n_runs);
    }
    return is;
}

/* Adds rows of one value; false where there are too many runs. */
static inline bool add_run(run_list *list, int64_t value, int64_t n_rows)
{
    if (list->n == 0 || list->values[list->n - 1] != value) {
        if (list->n == list->n_max) {
            return false;
        }
        list->values[list->n++] = value;
    }
    list->n_rows += n_rows;
    list->ends[list->n - 1] = (int32_t)list->n_rows;
    return true;
}

static void enter_block(run_cursor *cursor, int64_t block)
{
    cursor->block = block;
    cursor->run = 0;
    cursor->row = 0;
    mdli_block_runs(cursor->column->blocks[block], &cursor->values, &cursor->ends, &cursor->n_runs);
}

/* Goes over the next rows of the base and adds them to a list, if there is one. */
static bool pass_rows(run_cursor *cursor, int64_t n, run_list *list)
{
    bool is_room = true;
    while (n > 0 && is_room) {
        if (cursor->run == cursor->n_runs) {
            enter_block(cursor, cursor->block + 1);
        }
        const int64_t n_left = cursor->ends[cursor->run] - cursor->row;
        const int64_t taken = n < n_left ? n : n_left;
        is_room = list == NULL || add_run(list, cursor->values[cursor->run], taken);
        cursor->row += taken;
        cursor->run += taken == n_left;
        n -= taken;
    }
    return is_room;
}

/* Starts where a stretch does. */
static run_cursor start_cursor(const mdl_column *column, const mdli_stretch *made)
{
    run_cursor cursor = {.column = column};
    enter_block(&cursor, made->block);
    pass_rows(&cursor, made->row - column->row_starts[made->block], NULL);
    return cursor;
}

/* Lists the runs that come out of a stretch; false where there are too many. */
static bool list_runs(const column_edit *edit, const mdli_stretch *made, const mdl_vector *new_rows,
                      run_list *list)
{
    edit_walk walk = start_walk(edit->plan, made);
    run_cursor cursor = start_cursor(edit->base, made);
    int64_t row = 0; /* of the base, at which the cursor is */
    bool is_room = true;
    for (int64_t i = 0; i < made->n_rows && is_room;) {
        const row_group group = next_rows(&walk, made->n_rows - i);
        i += group.n;
        if (group.are_new) {
            is_room = add_run(list, mdli_vector_integer(new_rows, group.first), 1);
        } else {
            pass_rows(&cursor, group.first - row, NULL);
            is_room = pass_rows(&cursor, group.n, list);
            row = group.first + group.n;
        }
    }
    return is_room;
}

/* Makes the blocks of a stretch of runs, if there are few; `*are_made` says so. */
static mdl_status make_runs(const column_edit *edit, const mdli_stretch *made,
                            const mdl_vector *new_rows, edit_memory *memory, bool *are_made,
                            mdl_error *error)
{
    const int64_t n_max = (made->n_rows / MDLI_FRAME_ROWS + 1) * RUNS_PER_FRAME_MAX;
    void *values = memory->run_values;
    MDLI_TRY(mdli_grow_array(edit->context, &values, &memory->run_values_capacity, 0, n_max,
                             sizeof *memory->run_values, "edit", error));
    memory->run_values = values;
    void *ends = memory->run_ends;
    MDLI_TRY(mdli_grow_array(edit->context, &ends, &memory->run_ends_capacity, 0, n_max,
                             sizeof *memory->run_ends, "edit", error));
    memory->run_ends = ends;
    run_list list = {.values = values, .ends = ends, .n_max = n_max};
    *are_made = list_runs(edit, made, new_rows, &list);
    int64_t first = 0;
    for (int64_t i = 0; *are_made && i < made->n_out; i++) {
        const int64_t end = made->n_rows * (i + 1) / made->n_out;
        MDLI_TRY(mdli_block_of_runs(edit->context, edit->base->type, list.values, list.ends,
                                    (int32_t)list.n, first, end - first,
                                    &edit->out[made->first_out + i], error));
        first = end;
    }
    return MDL_OK;
}

/*
 * Making blocks of values.
 */

/* One side of a stretch. */
typedef struct merge_side {
    mdl_vector rows;
    int64_t first; /* its first row there */
} merge_side;

/* The bytes of a row, which in text may be a code. */
static size_t item_bytes(const mdl_vector *rows)
{
    return rows->codes != NULL ? sizeof *rows->codes : mdli_type_bytes(rows->type);
}

/* NULL where the side has no rows. */
static const uint8_t *first_item(const merge_side *side)
{
    const void *items = side->rows.codes != NULL ? side->rows.codes : side->rows.values;
    return items == NULL ? NULL
                         : (const uint8_t *)items + (size_t)side->first * item_bytes(&side->rows);
}

/* Appends rows [row, end) of a column to others. */
static mdl_status append_rows(const mdl_column *column, int64_t row, int64_t end,
                              mdli_decode_buffer *buffer, mdli_flat *rows, mdl_error *error)
{
    for (int64_t b = row < end ? mdli_column_find_block(column, row) : 0; row < end; b++) {
        const int64_t stop = end < column->row_starts[b + 1] ? end : column->row_starts[b + 1];
        mdl_vector values;
        MDLI_TRY(mdli_block_decode(column->blocks[b], row - column->row_starts[b], stop - row,
                                   buffer, &values, error));
        MDLI_TRY(mdli_flat_append(rows, &values, column->blocks[b]->dictionary, error));
        row = stop;
    }
    return MDL_OK;
}

/* Reads rows [row, end) of a column of numbers; into `rows` where they are many. */
static mdl_status read_numbers(const mdl_column *column, int64_t row, int64_t end,
                               mdli_decode_buffer *buffer, mdli_flat *rows, merge_side *out,
                               mdl_error *error)
{
    *out = (merge_side){.rows = {.type = rows->type}};
    if (row == end) {
        return MDL_OK;
    }
    if (end - row <= MDLI_BLOCK_ROWS_MAX) {
        return mdli_column_read(column, row, end - row, buffer, &out->rows, error);
    }
    mdli_flat_clear(rows);
    MDLI_TRY(append_rows(column, row, end, buffer, rows, error));
    out->rows = mdli_flat_vector(rows);
    return MDL_OK;
}

/* Reads both sides of a stretch of text, one behind the other, so that they are of one form. */
static mdl_status read_text(const column_edit *edit, const mdli_stretch *made, edit_memory *memory,
                            merge_side *base, merge_side *new_rows, mdl_error *error)
{
    mdli_flat *rows = &memory->base_rows;
    mdli_flat_clear(rows);
    MDLI_TRY(append_rows(edit->base, made->row, made->end, &memory->base_buffer, rows, error));
    if (made->n_new_rows > 0) {
        MDLI_TRY(append_rows(edit->changes, made->first_new_row,
                             made->first_new_row + made->n_new_rows, &memory->base_buffer, rows,
                             error));
    }
    *base = (merge_side){.rows = mdli_flat_vector(rows)};
    *new_rows = (merge_side){.rows = base->rows, .first = made->end - made->row};
    return MDL_OK;
}

static mdl_status reserve_block(const column_edit *edit, edit_memory *memory, int64_t n_rows,
                                size_t row_bytes, bool has_nulls, mdl_error *error)
{
    const int64_t n_bytes = n_rows * (int64_t)row_bytes + COPY_BYTES;
    MDLI_TRY(mdli_grow_array(edit->context, &memory->values, &memory->values_capacity, 0, n_bytes,
                             1, "edit", error));
    if (has_nulls) {
        void *words = memory->validity;
        MDLI_TRY(mdli_grow_array(edit->context, &words, &memory->validity_capacity, 0,
                                 (n_rows + 63) / 64, sizeof *memory->validity, "edit", error));
        memory->validity = words;
    }
    return MDL_OK;
}

/* Merges the next `n_rows` rows that come out into the vector that a block is encoded from. */
static mdl_status merge_rows(const column_edit *edit, const merge_side *base,
                             const merge_side *new_rows, edit_walk *walk, int64_t n_rows,
                             edit_memory *memory, mdl_vector *out, mdl_error *error)
{
    const size_t row_bytes = item_bytes(&base->rows);
    const uint8_t *const base_items = first_item(base);
    const uint8_t *const new_items = first_item(new_rows);
    const bool has_nulls = base->rows.validity != NULL || new_rows->rows.validity != NULL;
    MDLI_TRY(reserve_block(edit, memory, n_rows, row_bytes, has_nulls, error));
    uint8_t *to = memory->values;
    for (int64_t i = 0; i < n_rows;) {
        const row_group group = next_rows(walk, n_rows - i);
        const uint8_t *from =
            (group.are_new ? new_items : base_items) + (size_t)group.first * row_bytes;
        const size_t n_bytes = (size_t)group.n * row_bytes;
        memcpy(to, from, COPY_BYTES);
        if (n_bytes > COPY_BYTES) {
            memcpy(to + COPY_BYTES, from + COPY_BYTES, n_bytes - COPY_BYTES);
        }
        if (has_nulls) {
            const merge_side *side = group.are_new ? new_rows : base;
            mdli_copy_validity(memory->validity, i, side->rows.validity, side->first + group.first,
                               group.n);
        }
        to += n_bytes;
        i += group.n;
    }
    const bool has_codes = base->rows.codes != NULL;
    *out = (mdl_vector){
        .type = base->rows.type,
        .n_rows = n_rows,
        .values = has_codes ? NULL : memory->values,
        .validity = has_nulls ? memory->validity : NULL,
        .codes = has_codes ? memory->values : NULL,
        .dictionary = base->rows.dictionary,
        .n_dictionary = base->rows.n_dictionary,
    };
    return MDL_OK;
}

/* Shares a block of the base, or a part of it where that can be; another column may be cut where
 * this one cannot. */
static mdl_status keep_block(const column_edit *edit, const mdli_stretch *kept, edit_memory *memory,
                             mdl_error *error)
{
    mdli_block *block = edit->base->blocks[kept->block];
    mdli_block **out = &edit->out[kept->first_out];
    const int64_t start = kept->row - edit->base->row_starts[kept->block];
    if (kept->n_rows == block->n_rows) {
        mdli_block_retain(block);
        *out = block;
        return MDL_OK;
    }
    if (mdli_block_can_be_cut(block)) {
        return mdli_block_cut(block, start, kept->n_rows, &memory->base_buffer, out, error);
    }
    mdl_vector values;
    MDLI_TRY(mdli_block_decode(block, start, kept->n_rows, &memory->base_buffer, &values, error));
    return mdli_block_encode(edit->context, &values, block->dictionary, out, error);
}

/* Whether what is made of a stretch is a block of the base with some rows replaced. A slice, of whose
 * parent too little may be in use, is none. */
static bool is_block_with_rows_replaced(const column_edit *edit, const mdli_stretch *made)
{
    const mdli_block *block = edit->base->blocks[made->block];
    return made->row == edit->base->row_starts[made->block] && made->n_rows == block->n_rows &&
           made->n_rows == made->end - made->row && made->n_new_rows == made->n_edits &&
           made->n_out == 1 && block->parent == NULL;
}

/* Whether row a of a side is row b of another to the bit. */
static bool is_same_row(const merge_side *a, int64_t row_a, const merge_side *b, int64_t row_b)
{
    const int64_t i = a->first + row_a;
    const int64_t k = b->first + row_b;
    const bool is_null = mdl_vector_is_null(&a->rows, i);
    if (is_null || mdl_vector_is_null(&b->rows, k)) {
        return is_null && mdl_vector_is_null(&b->rows, k);
    }
    if (a->rows.type == MDL_TYPE_STRING) {
        return mdli_compare_strings(mdl_vector_string(&a->rows, i),
                                    mdl_vector_string(&b->rows, k)) == 0;
    }
    const size_t row_bytes = item_bytes(&a->rows);
    return memcmp(first_item(a) + (size_t)row_a * row_bytes,
                  first_item(b) + (size_t)row_b * row_bytes, row_bytes) == 0;
}

/* Whether all rows that are replaced get the values that they had. */
static bool replaces_with_same(const column_edit *edit, const mdli_stretch *made,
                               const merge_side *base, const merge_side *new_rows)
{
    const mdli_table_edit *edits = edit->plan->edits + made->first_edit;
    bool are_same = true;
    for (int64_t e = 0; e < made->n_edits && are_same; e++) {
        are_same = is_same_row(base, edits[e].row - made->row, new_rows, e);
    }
    return are_same;
}

static mdl_status make_blocks(const column_edit *edit, const mdli_stretch *made,
                              edit_memory *memory, mdl_error *error)
{
    const int64_t new_end = made->first_new_row + made->n_new_rows;
    const bool is_text = edit->base->type == MDL_TYPE_STRING;
    merge_side base;
    merge_side new_rows;
    mdli_dictionary *dictionary = NULL;
    if (is_text) {
        MDLI_TRY(read_text(edit, made, memory, &base, &new_rows, error));
        dictionary = base.rows.codes != NULL ? memory->base_rows.dictionary : NULL;
    } else {
        MDLI_TRY(read_numbers(edit->changes, made->first_new_row, new_end, &memory->new_buffer,
                              &memory->new_rows, &new_rows, error));
    }
    const bool may_stay = is_block_with_rows_replaced(edit, made);
    if (!may_stay && is_in_runs(edit, made)) {
        bool are_made;
        MDLI_TRY(make_runs(edit, made, &new_rows.rows, memory, &are_made, error));
        if (are_made) {
            return MDL_OK;
        }
    }
    if (!is_text) {
        MDLI_TRY(read_numbers(edit->base, made->row, made->end, &memory->base_buffer,
                              &memory->base_rows, &base, error));
    }
    if (may_stay && replaces_with_same(edit, made, &base, &new_rows)) {
        return keep_block(edit, made, memory, error);
    }
    edit_walk walk = start_walk(edit->plan, made);
    int64_t first = 0;
    for (int64_t i = 0; i < made->n_out; i++) {
        const int64_t end = made->n_rows * (i + 1) / made->n_out;
        mdl_vector values;
        MDLI_TRY(merge_rows(edit, &base, &new_rows, &walk, end - first, memory, &values, error));
        MDLI_TRY(mdli_block_encode_like(edit->context, &values, dictionary,
                                        edit->base->blocks[made->block],
                                        &edit->out[made->first_out + i], error));
        first = end;
    }
    return MDL_OK;
}

static mdl_status work_on_stretch(void *data, int64_t job, int worker, mdl_error *error)
{
    const column_edit *edit = data;
    const mdli_stretch *at = &edit->plan->stretches[job];
    return at->is_made ? make_blocks(edit, at, &edit->memories[worker], error)
                       : keep_block(edit, at, &edit->memories[worker], error);
}

static mdl_status create_memories(column_edit *edit, int n_workers, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(edit->context, (size_t)n_workers * sizeof(edit_memory), "edit",
                                  &memory, error));
    edit->memories = memory;
    for (int i = 0; i < n_workers; i++) {
        edit_memory *of_worker = &edit->memories[i];
        mdli_decode_buffer_init(&of_worker->base_buffer, edit->context);
        mdli_decode_buffer_init(&of_worker->new_buffer, edit->context);
        mdli_flat_init(&of_worker->base_rows, edit->context, edit->base->type);
        mdli_flat_init(&of_worker->new_rows, edit->context, edit->base->type);
    }
    return MDL_OK;
}

static void free_memories(column_edit *edit, int n_workers)
{
    for (int i = 0; edit->memories != NULL && i < n_workers; i++) {
        edit_memory *of_worker = &edit->memories[i];
        mdli_decode_buffer_free(&of_worker->base_buffer);
        mdli_decode_buffer_free(&of_worker->new_buffer);
        mdli_flat_free(&of_worker->base_rows);
        mdli_flat_free(&of_worker->new_rows);
        mdli_free(edit->context, of_worker->values);
        mdli_free(edit->context, of_worker->validity);
        mdli_free(edit->context, of_worker->run_values);
        mdli_free(edit->context, of_worker->run_ends);
    }
    mdli_free(edit->context, edit->memories);
}

/* Makes the column. Text for which the base's dictionary would grow too large is looked at anew as a
 * whole. Takes over the blocks, also when it fails. */
static mdl_status join_blocks(column_edit *edit, mdl_column **out, mdl_error *error)
{
    const mdli_dictionary *dictionary = edit->base->dictionary;
    const int64_t n_out = edit->plan->n_out;
    bool keeps_dictionary = true;
    for (int64_t b = 0; b < n_out && dictionary != NULL; b++) {
        keeps_dictionary = keeps_dictionary && edit->out[b]->dictionary == dictionary;
    }
    return keeps_dictionary
               ? mdli_column_from_blocks(edit->context, edit->base->type, edit->out, n_out, out,
                                         error)
               : mdli_string_column_from_blocks(edit->context, edit->out, n_out, out, error);
}

static mdl_status work_on_column(column_edit *edit, mdl_column **out, mdl_error *error)
{
    mdl_context *context = edit->context;
    const mdli_edit_plan *plan = edit->plan;
    const int n_workers = mdli_n_workers(context, plan->n_stretches);
    void *made = NULL;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdli_allocate_zeroed(context, (size_t)plan->n_out * sizeof(mdli_block *),
                                            "edit", &made, error));
    edit->out = made;
    MDLI_TRY_GOTO_DONE(create_memories(edit, n_workers, error));
    status = mdli_parallel_for(context, plan->n_stretches, work_on_stretch, edit, error);
    if (status == MDL_OK) {
        status = join_blocks(edit, out, error);
    } else {
        for (int64_t b = 0; b < plan->n_out; b++) {
            mdli_block_release(edit->out[b]);
        }
    }
done:
    free_memories(edit, n_workers);
    mdli_free(context, made);
    return status;
}

/* Edits a column as planned. */
static mdl_status edit_column(const mdli_edit_plan *plan, const mdl_column *base,
                              const mdl_column *changes, mdl_column **out, mdl_error *error)
{
    mdl_context *context = plan->context;
    mdl_column *shown = NULL; /* the base, and … */
    mdl_column *added = NULL; /* … what comes to it, with one dictionary */
    *out = NULL;
    if (base->type == MDL_TYPE_STRING && changes != NULL) {
        MDLI_TRY(mdli_columns_share_dictionary(context, base, changes, &shown, &added, error));
    }
    column_edit edit = {
        .context = context,
        .plan = plan,
        .base = shown != NULL ? shown : base,
        .changes = added != NULL ? added : changes,
    };
    const mdl_status status = work_on_column(&edit, out, error);
    mdli_column_release(shown);
    mdli_column_release(added);
    return status;
}

mdl_status mdli_column_apply_edits(mdl_context *context, const mdl_column *base,
                                   const mdl_column *changes, const mdli_table_edit *edits,
                                   int64_t n_edits, mdl_column **out, mdl_error *error)
{
    mdli_edit_plan plan;
    *out = NULL;
    assert(base->n_rows > 0);
    if (n_edits == 0) {
        *out = mdli_column_retain(base);
        return MDL_OK;
    }
    MDLI_TRY(mdli_edit_plan_create(context, &base, 1, edits, n_edits, &plan, error));
    const mdl_status status = edit_column(&plan, base, changes, out, error);
    mdli_edit_plan_free(&plan);
    return status;
}

static bool are_cut_alike(const mdl_column *a, const mdl_column *b)
{
    const size_t starts_bytes = (size_t)(a->n_blocks + 1) * sizeof *a->row_starts;
    return a->n_blocks == b->n_blocks && memcmp(a->row_starts, b->row_starts, starts_bytes) == 0;
}

/* Edits column `first` of a table and those behind it that are cut alike; `peers` has room for all
 * columns. On failure some of `out` may be made. */
static mdl_status edit_alike(mdl_context *context, const mdl_table *base, const mdl_table *changes,
                             const mdli_table_edit *edits, int64_t n_edits, int32_t first,
                             const mdl_column **peers, mdl_column **out, mdl_error *error)
{
    int32_t n_peers = 0;
    for (int32_t c = first; c < base->n_columns; c++) {
        if (are_cut_alike(base->columns[first], base->columns[c])) {
            peers[n_peers++] = base->columns[c];
        }
    }
    mdli_edit_plan plan;
    MDLI_TRY(mdli_edit_plan_create(context, peers, n_peers, edits, n_edits, &plan, error));
    mdl_status status = MDL_OK;
    for (int32_t c = first; c < base->n_columns && status == MDL_OK; c++) {
        if (are_cut_alike(base->columns[first], base->columns[c])) {
            status = edit_column(&plan, base->columns[c],
                                 changes != NULL ? changes->columns[c] : NULL, &out[c], error);
        }
    }
    mdli_edit_plan_free(&plan);
    return status;
}

mdl_status mdli_table_apply_edits(mdl_context *context, const mdl_table *base,
                                  const mdl_table *changes, const mdli_table_edit *edits,
                                  int64_t n_edits, mdl_table **out, mdl_error *error)
{
    const int32_t n = base->n_columns;
    void *memory;
    *out = NULL;
    assert(base->n_rows > 0);
    if (n_edits == 0) {
        *out = mdl_table_clone(base);
        return MDL_OK;
    }
    MDLI_TRY(mdli_allocate_zeroed(context, 2 * (size_t)n * sizeof(mdl_column *), "edit", &memory,
                                  error));
    mdl_column **columns = memory;
    const mdl_column **peers = (const mdl_column **)(columns + n);
    mdl_status status = MDL_OK;
    for (int32_t c = 0; c < n && status == MDL_OK; c++) {
        if (columns[c] == NULL) {
            status = edit_alike(context, base, changes, edits, n_edits, c, peers, columns, error);
        }
    }
    int64_t n_rows = base->n_rows;
    for (int64_t e = 0; e < n_edits; e++) {
        n_rows += (edits[e].new_row >= 0) - edits[e].drops_row;
    }
    if (status == MDL_OK) {
        status = mdli_table_create(context, (const char *const *)base->names, columns, n, n_rows,
                                   out, error);
    } else {
        for (int32_t c = 0; c < n; c++) {
            mdli_column_release(columns[c]);
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
