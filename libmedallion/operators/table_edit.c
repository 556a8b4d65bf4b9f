/*
 * Edits of tables.
 *
 * The rows of a column are cut in stretches. Kept ones are blocks of the base, which are shared, or
 * parts of one, which become slices (column/block_slice.c): no value of them is encoded again. Made
 * ones, between, are of rows that came and of base rows too close to a change; they are gathered and
 * encoded. Columns that are cut alike in the base stay so: one plan is made for all of them.
 *
 * Edits made time and again would leave ever shorter pieces, and parents of which little is in use.
 * Three rules keep that within bounds, where a piece of a block is 1 / MDLI_BLOCK_PIECES of its most
 * rows:
 *
 *   - no slice is cut that is shorter than a piece,
 *   - a kept stretch shorter than that is made anew with what is made beside it,
 *   - slices that hold less than half of their parent's rows together are made anew.
 *
 * So two neighbours that edits left are a piece together at least, and a column keeps no more than
 * twice the rows alive that it shows.
 */
#include "operators/table_edit.h"

#include <assert.h>
#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "operators/rowset.h"
#include "operators/shared_dictionary.h"

/* Rows that stay together. */
typedef struct stretch {
    bool is_made;
    int64_t block; /* of the base, in which `row` is */
    int64_t row;   /* of the base, as is `end` */
    int64_t end;
    int64_t first_edit;
    int64_t n_edits;
    int64_t first_new_row;
    int64_t n_new_rows;
    int64_t n_rows;    /* that come out */
    int64_t first_out; /* place of its blocks in the new column */
    int64_t n_out;
} stretch;

/* Memory of one worker. */
typedef struct edit_memory {
    mdli_decode_buffer buffer;
    mdli_flat rows;     /* of the base, then new ones */
    mdli_flat gathered; /* rows of one block that comes out */
    int32_t *order;     /* numbers in `rows` of the rows that come out */
    int64_t order_capacity;
} edit_memory;

typedef struct column_edit {
    mdl_context *context;
    const mdl_column *base;
    const mdl_column **peers; /* the columns that are cut as the base is, it among them */
    int32_t n_peers;
    const mdl_column *changes; /* or NULL */
    const mdli_table_edit *edits;
    int64_t n_edits;
    int64_t block_rows;
    int64_t piece_rows;
    stretch *stretches;
    int64_t n_stretches;
    int64_t stretches_capacity;
    edit_memory *memories;
    mdli_block **out;
    int64_t n_out;
} column_edit;

/*
 * The plan.
 */

static mdl_status add_stretch(column_edit *edit, const stretch *added, mdl_error *error)
{
    void *memory = edit->stretches;
    MDLI_TRY(mdli_grow_array(edit->context, &memory, &edit->stretches_capacity, edit->n_stretches,
                             edit->n_stretches + 1, sizeof *edit->stretches, "edit", error));
    edit->stretches = memory;
    edit->stretches[edit->n_stretches++] = *added;
    return MDL_OK;
}

/* Adds base rows [row, end) of a block to what is made, and an edit at `row` where there is one. */
static mdl_status make_rows(column_edit *edit, int64_t block, int64_t row, int64_t end,
                            int64_t edit_number, mdl_error *error)
{
    stretch *last = edit->n_stretches > 0 ? &edit->stretches[edit->n_stretches - 1] : NULL;
    if (last == NULL || !last->is_made || last->block != block) {
        const stretch made = {.is_made = true, .block = block, .row = row, .end = row};
        MDLI_TRY(add_stretch(edit, &made, error));
        last = &edit->stretches[edit->n_stretches - 1];
    }
    last->end = end;
    last->n_rows += end - row;
    if (edit_number >= 0) {
        const mdli_table_edit *change = &edit->edits[edit_number];
        last->first_edit = last->n_edits == 0 ? edit_number : last->first_edit;
        last->n_edits++;
        last->n_rows -= change->drops_row;
        if (change->new_row >= 0) {
            last->first_new_row = last->n_new_rows == 0 ? change->new_row : last->first_new_row;
            last->n_new_rows++;
            last->n_rows++;
        }
    }
    return MDL_OK;
}

/* Whether a column's last block is to take in rows that come behind it, so that a few rows added
 * again and again do not leave blocks of a few rows. */
static bool takes_in_end(const column_edit *edit, int64_t block)
{
    return block == edit->base->n_blocks - 1 &&
           edit->edits[edit->n_edits - 1].row == edit->base->n_rows &&
           edit->base->blocks[block]->n_rows < edit->block_rows / 2;
}

/* Whether a part of a block can be kept: in one column at least. The others follow. */
static bool can_be_cut(const column_edit *edit, int64_t block)
{
    bool can_be = false;
    for (int32_t p = 0; p < edit->n_peers && !can_be; p++) {
        can_be = mdli_block_can_be_cut(edit->peers[p]->blocks[block]);
    }
    return can_be;
}

/* Keeps base rows [row, end) of a block as far as they can be kept. */
static mdl_status keep_rows(column_edit *edit, int64_t b, int64_t row, int64_t end,
                            mdl_error *error)
{
    const int64_t start = edit->base->row_starts[b];
    int64_t kept = row;
    if (row == end) {
        return MDL_OK;
    }
    if (takes_in_end(edit, b)) {
        kept = end;
    } else if (end - row < edit->base->blocks[b]->n_rows) {
        /* Slices start with frames, as then all that is read of them does. */
        const int64_t step = edit->piece_rows < MDLI_FRAME_ROWS ? 1 : MDLI_FRAME_ROWS;
        kept = start + (row - start + step - 1) / step * step;
        kept = end - kept < edit->piece_rows || !can_be_cut(edit, b) ? end : kept;
    }
    if (kept > row) {
        MDLI_TRY(make_rows(edit, b, row, kept, -1, error));
    }
    const stretch rest = {.block = b, .row = kept, .end = end, .n_rows = end - kept};
    return kept < end ? add_stretch(edit, &rest, error) : MDL_OK;
}

/* Cuts the base where edits are. An edit at the border between two blocks belongs to the second, and
 * one at the end of the table to the last. */
static mdl_status cut_at_edits(column_edit *edit, mdl_error *error)
{
    const mdl_column *base = edit->base;
    int64_t e = 0;
    for (int64_t b = 0; b < base->n_blocks; b++) {
        const int64_t block_end = base->row_starts[b + 1];
        const bool is_last = b == base->n_blocks - 1;
        int64_t row = base->row_starts[b];
        for (; e < edit->n_edits && (is_last || edit->edits[e].row < block_end); e++) {
            const mdli_table_edit *change = &edit->edits[e];
            const int64_t end = change->row + change->drops_row;
            MDLI_TRY(keep_rows(edit, b, row, change->row, error));
            MDLI_TRY(make_rows(edit, b, change->row, end, e, error));
            row = end;
        }
        MDLI_TRY(keep_rows(edit, b, row, block_end, error));
    }
    return MDL_OK;
}

/* The block whose memory a kept stretch of a column needs without showing all of it, or NULL. */
static const mdli_block *parent_of(const mdl_column *column, const stretch *s)
{
    const mdli_block *block = column->blocks[s->block];
    if (s->is_made || block->parent != NULL) {
        return s->is_made ? NULL : block->parent;
    }
    const bool becomes_slice = s->end - s->row < block->n_rows && mdli_block_can_be_cut(block) &&
                               !mdli_block_is_in_runs(block);
    return becomes_slice ? mdli_block_owner(block) : NULL;
}

/* The end of the stretches of a column that have the parent that the first of them has, others aside
 * that have none; `*n_used` counts their rows. */
static int64_t end_of_parent(const column_edit *edit, const mdl_column *column, int64_t first,
                             int64_t *n_used)
{
    const mdli_block *parent = parent_of(column, &edit->stretches[first]);
    int64_t end = first;
    *n_used = 0;
    for (int64_t s = first; s < edit->n_stretches; s++) {
        const mdli_block *other = parent_of(column, &edit->stretches[s]);
        if (other == parent) {
            *n_used += edit->stretches[s].n_rows;
            end = s + 1;
        } else if (other != NULL) {
            break;
        }
    }
    return end;
}

/* Makes anew what holds less than half of a parent in a column. False when there was nothing. */
static bool leave_little_used_of(column_edit *edit, const mdl_column *column)
{
    bool has_left = false;
    int64_t end;
    for (int64_t first = 0; first < edit->n_stretches; first = end) {
        const mdli_block *parent = parent_of(column, &edit->stretches[first]);
        int64_t n_used = 0;
        end = parent != NULL ? end_of_parent(edit, column, first, &n_used) : first + 1;
        const bool is_little = parent != NULL && n_used < parent->n_rows / 2;
        for (int64_t s = first; is_little && s < end; s++) {
            edit->stretches[s].is_made |= parent_of(column, &edit->stretches[s]) == parent;
        }
        has_left |= is_little;
    }
    return has_left;
}

/* Likewise in any of the columns; what is made anew for one is so for all. */
static void leave_little_used(column_edit *edit)
{
    bool has_left = true;
    while (has_left) {
        has_left = false;
        for (int32_t p = 0; p < edit->n_peers; p++) {
            has_left |= leave_little_used_of(edit, edit->peers[p]);
        }
    }
}

static bool is_made_at(const column_edit *edit, int64_t s)
{
    return 0 <= s && s < edit->n_stretches && edit->stretches[s].is_made;
}

/* Makes short stretches anew beside what is made. What is found so may be beside others: hence both
 * ways. */
static void take_in_short(column_edit *edit)
{
    const int64_t n = edit->n_stretches;
    for (int64_t i = 0; i < 2 * n; i++) {
        const int64_t s = i < n ? i : 2 * n - 1 - i;
        edit->stretches[s].is_made |= edit->stretches[s].n_rows < edit->piece_rows &&
                                      (is_made_at(edit, s - 1) || is_made_at(edit, s + 1));
    }
}

/* Whether what is made is to be encoded together with what is made behind it. */
static bool belong_together(const column_edit *edit, const stretch *made, const stretch *next)
{
    return made->is_made && next->is_made &&
           (made->n_rows + next->n_rows <= edit->block_rows || made->n_rows < edit->piece_rows ||
            next->n_rows < edit->piece_rows);
}

static void join_made(stretch *made, const stretch *next)
{
    made->end = next->end;
    made->n_rows += next->n_rows;
    made->first_edit = made->n_edits == 0 ? next->first_edit : made->first_edit;
    made->n_edits += next->n_edits;
    made->first_new_row = made->n_new_rows == 0 ? next->first_new_row : made->first_new_row;
    made->n_new_rows += next->n_new_rows;
}

/* Joins what is made, and numbers the blocks that come out: of what is made as many of equal size as
 * are needed. */
static void number_blocks(column_edit *edit)
{
    int64_t n = 0;
    for (int64_t s = 0; s < edit->n_stretches; s++) {
        if (n > 0 && belong_together(edit, &edit->stretches[n - 1], &edit->stretches[s])) {
            join_made(&edit->stretches[n - 1], &edit->stretches[s]);
        } else {
            edit->stretches[n++] = edit->stretches[s];
        }
    }
    edit->n_stretches = n;
    for (int64_t s = 0; s < n; s++) {
        stretch *at = &edit->stretches[s];
        at->first_out = edit->n_out;
        at->n_out = at->is_made ? (at->n_rows + edit->block_rows - 1) / edit->block_rows : 1;
        edit->n_out += at->n_out;
    }
}

/*
 * Making blocks.
 */

/* Collects the base's rows of a stretch, then the new rows that go into it. */
static mdl_status collect_rows(column_edit *edit, const stretch *made, edit_memory *memory,
                               mdl_error *error)
{
    const mdl_column *base = edit->base;
    mdl_vector values;
    mdli_flat_clear(&memory->rows);
    int64_t row = made->row;
    for (int64_t b = made->block; row < made->end; b++) {
        const int64_t end =
            made->end < base->row_starts[b + 1] ? made->end : base->row_starts[b + 1];
        MDLI_TRY(mdli_block_decode(base->blocks[b], row - base->row_starts[b], end - row,
                                   &memory->buffer, &values, error));
        MDLI_TRY(mdli_flat_append(&memory->rows, &values, base->blocks[b]->dictionary, error));
        row = end;
    }
    for (int64_t i = 0; i < made->n_new_rows;) {
        int64_t n_left = made->n_new_rows - i;
        int64_t n = n_left < MDLI_BLOCK_ROWS_MAX ? n_left : MDLI_BLOCK_ROWS_MAX;
        MDLI_TRY(mdli_column_read(edit->changes, made->first_new_row + i, n, &memory->buffer,
                                  &values, error));
        MDLI_TRY(mdli_flat_append(&memory->rows, &values, edit->changes->dictionary, error));
        i += n;
    }
    return MDL_OK;
}

/* Says where each row that comes out of a stretch stands among those collected. */
static mdl_status order_rows(column_edit *edit, const stretch *made, edit_memory *memory,
                             mdl_error *error)
{
    int64_t n_base = made->end - made->row;
    if (n_base + made->n_new_rows > INT32_MAX) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED,
                             "%lld new rows between two of the base, more than %lld",
                             (long long)made->n_new_rows, (long long)(INT32_MAX - n_base));
    }
    void *memory_of_order = memory->order;
    MDLI_TRY(mdli_grow_array(edit->context, &memory_of_order, &memory->order_capacity, 0,
                             made->n_rows, sizeof(int32_t), "edit", error));
    memory->order = memory_of_order;
    int32_t *order = memory->order;
    int64_t base_row = 0;
    int64_t new_row = n_base;
    for (int64_t e = 0; e < made->n_edits; e++) {
        const mdli_table_edit *change = &edit->edits[made->first_edit + e];
        int64_t edit_row = change->row - made->row;
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
    assert(order - memory->order == made->n_rows);
    return MDL_OK;
}

/* Shares a block of the base, or a part of it where that can be; another column may be cut where
 * this one cannot. */
static mdl_status keep_block(column_edit *edit, const stretch *kept, edit_memory *memory,
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
        return mdli_block_cut(block, start, kept->n_rows, &memory->buffer, out, error);
    }
    mdl_vector values;
    MDLI_TRY(mdli_block_decode(block, start, kept->n_rows, &memory->buffer, &values, error));
    return mdli_block_encode(edit->context, &values, block->dictionary, out, error);
}

/* Whether the edits of what is made put a row in the place of another each, and one block comes of
 * it. */
static bool only_replaces_rows(const stretch *made)
{
    return made->n_rows == made->end - made->row && made->n_new_rows == made->n_edits &&
           made->n_out == 1;
}

/* As make_blocks where edits only replace rows, once they are collected. A block all of whose rows
 * got the values that they had stays, but for a slice, of whose parent too little may be in use. */
static mdl_status make_in_place(column_edit *edit, const stretch *made, edit_memory *memory,
                                mdl_error *error)
{
    const mdli_block *block = edit->base->blocks[made->block];
    const bool is_block = made->row == edit->base->row_starts[made->block] &&
                          made->n_rows == block->n_rows && block->parent == NULL;
    bool is_changed = false;
    for (int64_t e = 0; e < made->n_edits; e++) {
        const int64_t row = edit->edits[made->first_edit + e].row - made->row;
        is_changed |= mdli_flat_replace(&memory->rows, row, made->n_rows + e);
    }
    if (!is_changed && is_block) {
        return keep_block(edit, made, memory, error);
    }
    mdl_vector values = mdli_flat_vector(&memory->rows);
    values.n_rows = made->n_rows;
    return mdli_block_encode(edit->context, &values,
                             memory->rows.has_codes ? memory->rows.dictionary : NULL,
                             &edit->out[made->first_out], error);
}

static mdl_status make_blocks(column_edit *edit, const stretch *made, edit_memory *memory,
                              mdl_error *error)
{
    MDLI_TRY(collect_rows(edit, made, memory, error));
    if (only_replaces_rows(made)) {
        return make_in_place(edit, made, memory, error);
    }
    MDLI_TRY(order_rows(edit, made, memory, error));
    mdl_vector rows = mdli_flat_vector(&memory->rows);
    mdli_dictionary *dictionary = memory->rows.has_codes ? memory->rows.dictionary : NULL;
    int64_t first = 0;
    for (int64_t i = 0; i < made->n_out; i++) {
        int64_t end = made->n_rows * (i + 1) / made->n_out;
        mdl_vector values;
        MDLI_TRY(mdli_flat_gather(&memory->gathered, &rows, memory->order + first, end - first,
                                  &values, error));
        MDLI_TRY(mdli_block_encode(edit->context, &values, dictionary,
                                   &edit->out[made->first_out + i], error));
        first = end;
    }
    return MDL_OK;
}

static mdl_status work_on_stretch(void *data, int64_t job, int worker, mdl_error *error)
{
    column_edit *edit = data;
    const stretch *at = &edit->stretches[job];
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

/* Makes the column. Text for which the base's dictionary would grow too large is looked at anew as a
 * whole. Takes over the blocks, also when it fails. */
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

static mdl_status edit_column(column_edit *edit, mdl_column **out, mdl_error *error)
{
    mdl_context *context = edit->context;
    void *made = NULL;
    int n_workers = 0;
    mdl_status status;
    *out = NULL;
    MDLI_TRY_GOTO_DONE(cut_at_edits(edit, error));
    leave_little_used(edit);
    take_in_short(edit);
    number_blocks(edit);
    n_workers = mdli_n_workers(context, edit->n_stretches);
    MDLI_TRY_GOTO_DONE(mdli_allocate_zeroed(context, (size_t)edit->n_out * sizeof(mdli_block *),
                                            "edit", &made, error));
    edit->out = made;
    MDLI_TRY_GOTO_DONE(create_memories(edit, n_workers, error));
    status = mdli_parallel_for(context, edit->n_stretches, work_on_stretch, edit, error);
    if (status == MDL_OK) {
        status = join_blocks(edit, out, error);
    } else {
        for (int64_t b = 0; b < edit->n_out; b++) {
            mdli_block_release(edit->out[b]);
        }
    }
done:
    free_memories(edit, n_workers);
    mdli_free(context, made);
    mdli_free(context, edit->stretches);
    return status;
}

/* As mdli_column_apply_edits, for a column of several that are cut alike. */
static mdl_status apply_edits(mdl_context *context, const mdl_column *base,
                              const mdl_column **peers, int32_t n_peers, const mdl_column *changes,
                              const mdli_table_edit *edits, int64_t n_edits, mdl_column **out,
                              mdl_error *error)
{
    assert(base->n_rows > 0);
    if (n_edits == 0) {
        *out = mdli_column_retain(base);
        return MDL_OK;
    }
    mdl_column *shown = NULL; /* the base, and … */
    mdl_column *added = NULL; /* … what comes to it, with one dictionary */
    if (base->type == MDL_TYPE_STRING && changes != NULL) {
        MDLI_TRY(mdli_columns_share_dictionary(context, base, changes, &shown, &added, error));
    }
    const int64_t block_rows = mdli_context_block_rows(context);
    column_edit edit = {
        .context = context,
        .base = shown != NULL ? shown : base,
        .peers = peers,
        .n_peers = n_peers,
        .changes = added != NULL ? added : changes,
        .edits = edits,
        .n_edits = n_edits,
        .block_rows = block_rows,
        .piece_rows = (block_rows + MDLI_BLOCK_PIECES - 1) / MDLI_BLOCK_PIECES,
    };
    const mdl_status status = edit_column(&edit, out, error);
    mdli_column_release(shown);
    mdli_column_release(added);
    return status;
}

mdl_status mdli_column_apply_edits(mdl_context *context, const mdl_column *base,
                                   const mdl_column *changes, const mdli_table_edit *edits,
                                   int64_t n_edits, mdl_column **out, mdl_error *error)
{
    return apply_edits(context, base, &base, 1, changes, edits, n_edits, out, error);
}

/* Lists the columns that are cut as column `c` is. */
static int32_t list_peers(const mdl_table *table, int32_t c, const mdl_column **peers)
{
    const mdl_column *column = table->columns[c];
    const size_t starts_bytes = (size_t)(column->n_blocks + 1) * sizeof *column->row_starts;
    int32_t n = 0;
    for (int32_t i = 0; i < table->n_columns; i++) {
        const mdl_column *other = table->columns[i];
        if (other->n_blocks == column->n_blocks &&
            memcmp(other->row_starts, column->row_starts, starts_bytes) == 0) {
            peers[n++] = other;
        }
    }
    return n;
}

mdl_status mdli_table_apply_edits(mdl_context *context, const mdl_table *base,
                                  const mdl_table *changes, const mdli_table_edit *edits,
                                  int64_t n_edits, mdl_table **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_array(context, base->n_columns, 2 * sizeof(mdl_column *), "edit",
                                 &memory, error));
    mdl_column **columns = memory;
    const mdl_column **peers = (const mdl_column **)(columns + base->n_columns);
    mdl_status status = MDL_OK;
    int32_t n = 0;
    while (status == MDL_OK && n < base->n_columns) {
        const int32_t n_peers = list_peers(base, n, peers);
        status = apply_edits(context, base->columns[n], peers, n_peers,
                             changes != NULL ? changes->columns[n] : NULL, edits, n_edits,
                             &columns[n], error);
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
