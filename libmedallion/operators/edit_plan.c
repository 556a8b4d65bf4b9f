/*
 * Plans of edits.
 *
 * The rows of a column are cut in stretches. Kept ones are blocks of the base, which are shared, or
 * parts of one, which become slices (column/block_slice.c): no value of them is encoded again. Made
 * ones, between, are of rows that came and of base rows too close to a change; they are gathered and
 * encoded. Columns that are cut alike in the base stay so: they have one plan.
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
#include "operators/edit_plan.h"

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/tuning.h"

static mdl_status add_stretch(mdli_edit_plan *plan, const mdli_stretch *added, mdl_error *error)
{
    void *memory = plan->stretches;
    MDLI_TRY(mdli_grow_array(plan->context, &memory, &plan->stretches_capacity, plan->n_stretches,
                             plan->n_stretches + 1, sizeof *plan->stretches, "edit", error));
    plan->stretches = memory;
    plan->stretches[plan->n_stretches++] = *added;
    return MDL_OK;
}

/* Adds base rows [row, end) of a block to what is made, and an edit at `row` where there is one. */
static mdl_status make_rows(mdli_edit_plan *plan, int64_t block, int64_t row, int64_t end,
                            int64_t edit_number, mdl_error *error)
{
    mdli_stretch *last = plan->n_stretches > 0 ? &plan->stretches[plan->n_stretches - 1] : NULL;
    if (last == NULL || !last->is_made || last->block != block) {
        const mdli_stretch made = {.is_made = true, .block = block, .row = row, .end = row};
        MDLI_TRY(add_stretch(plan, &made, error));
        last = &plan->stretches[plan->n_stretches - 1];
    }
    last->end = end;
    last->n_rows += end - row;
    if (edit_number >= 0) {
        const mdli_table_edit *change = &plan->edits[edit_number];
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
static bool takes_in_end(const mdli_edit_plan *plan, int64_t block)
{
    return block == plan->columns[0]->n_blocks - 1 &&
           plan->edits[plan->n_edits - 1].row == plan->columns[0]->n_rows &&
           plan->columns[0]->blocks[block]->n_rows < plan->block_rows / 2;
}

/* Whether a part of a block can be kept: in one column at least. The others follow. */
static bool can_be_cut(const mdli_edit_plan *plan, int64_t block)
{
    bool can_be = false;
    for (int32_t c = 0; c < plan->n_columns && !can_be; c++) {
        can_be = mdli_block_can_be_cut(plan->columns[c]->blocks[block]);
    }
    return can_be;
}

/* Keeps base rows [row, end) of a block as far as they can be kept. */
static mdl_status keep_rows(mdli_edit_plan *plan, int64_t b, int64_t row, int64_t end,
                            mdl_error *error)
{
    const int64_t start = plan->columns[0]->row_starts[b];
    int64_t kept = row;
    if (row == end) {
        return MDL_OK;
    }
    if (takes_in_end(plan, b)) {
        kept = end;
    } else if (end - row < plan->columns[0]->blocks[b]->n_rows) {
        /* Slices start with frames, as then all that is read of them does. */
        const int64_t step = plan->piece_rows < MDLI_FRAME_ROWS ? 1 : MDLI_FRAME_ROWS;
        kept = start + (row - start + step - 1) / step * step;
        kept = end - kept < plan->piece_rows || !can_be_cut(plan, b) ? end : kept;
    }
    if (kept > row) {
        MDLI_TRY(make_rows(plan, b, row, kept, -1, error));
    }
    const mdli_stretch rest = {.block = b, .row = kept, .end = end, .n_rows = end - kept};
    return kept < end ? add_stretch(plan, &rest, error) : MDL_OK;
}

/* Cuts the base where edits are. An edit at the border between two blocks belongs to the second, and
 * one at the end of the table to the last. */
static mdl_status cut_at_edits(mdli_edit_plan *plan, mdl_error *error)
{
    const mdl_column *base = plan->columns[0];
    int64_t e = 0;
    for (int64_t b = 0; b < base->n_blocks; b++) {
        const int64_t block_end = base->row_starts[b + 1];
        const bool is_last = b == base->n_blocks - 1;
        int64_t row = base->row_starts[b];
        for (; e < plan->n_edits && (is_last || plan->edits[e].row < block_end); e++) {
            const mdli_table_edit *change = &plan->edits[e];
            const int64_t end = change->row + change->drops_row;
            MDLI_TRY(keep_rows(plan, b, row, change->row, error));
            MDLI_TRY(make_rows(plan, b, change->row, end, e, error));
            row = end;
        }
        MDLI_TRY(keep_rows(plan, b, row, block_end, error));
    }
    return MDL_OK;
}

/* The block whose memory a kept stretch of a column needs without showing all of it, or NULL. */
static const mdli_block *parent_of(const mdl_column *column, const mdli_stretch *s)
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
static int64_t end_of_parent(const mdli_edit_plan *plan, const mdl_column *column, int64_t first,
                             int64_t *n_used)
{
    const mdli_block *parent = parent_of(column, &plan->stretches[first]);
    int64_t end = first;
    *n_used = 0;
    for (int64_t s = first; s < plan->n_stretches; s++) {
        const mdli_block *other = parent_of(column, &plan->stretches[s]);
        if (other == parent) {
            *n_used += plan->stretches[s].n_rows;
            end = s + 1;
        } else if (other != NULL) {
            break;
        }
    }
    return end;
}

/* Makes anew what holds less than half of a parent in a column. False when there was nothing. */
static bool leave_little_used_of(mdli_edit_plan *plan, const mdl_column *column)
{
    bool has_left = false;
    int64_t end;
    for (int64_t first = 0; first < plan->n_stretches; first = end) {
        const mdli_block *parent = parent_of(column, &plan->stretches[first]);
        int64_t n_used = 0;
        end = parent != NULL ? end_of_parent(plan, column, first, &n_used) : first + 1;
        const bool is_little = parent != NULL && n_used < parent->n_rows / 2;
        for (int64_t s = first; is_little && s < end; s++) {
            plan->stretches[s].is_made |= parent_of(column, &plan->stretches[s]) == parent;
        }
        has_left |= is_little;
    }
    return has_left;
}

/* Likewise in any of the columns; what is made anew for one is so for all. */
static void leave_little_used(mdli_edit_plan *plan)
{
    bool has_left = true;
    while (has_left) {
        has_left = false;
        for (int32_t c = 0; c < plan->n_columns; c++) {
            has_left |= leave_little_used_of(plan, plan->columns[c]);
        }
    }
}

static bool is_made_at(const mdli_edit_plan *plan, int64_t s)
{
    return 0 <= s && s < plan->n_stretches && plan->stretches[s].is_made;
}

/* Makes short stretches anew beside what is made. What is found so may be beside others: hence both
 * ways. */
static void take_in_short(mdli_edit_plan *plan)
{
    const int64_t n = plan->n_stretches;
    for (int64_t i = 0; i < 2 * n; i++) {
        const int64_t s = i < n ? i : 2 * n - 1 - i;
        plan->stretches[s].is_made |= plan->stretches[s].n_rows < plan->piece_rows &&
                                      (is_made_at(plan, s - 1) || is_made_at(plan, s + 1));
    }
}

/* Whether what is made is to be encoded together with what is made behind it. */
static bool belong_together(const mdli_edit_plan *plan, const mdli_stretch *made,
                            const mdli_stretch *next)
{
    return made->is_made && next->is_made &&
           (made->n_rows + next->n_rows <= plan->block_rows || made->n_rows < plan->piece_rows ||
            next->n_rows < plan->piece_rows);
}

static void join_made(mdli_stretch *made, const mdli_stretch *next)
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
static void number_blocks(mdli_edit_plan *plan)
{
    int64_t n = 0;
    for (int64_t s = 0; s < plan->n_stretches; s++) {
        if (n > 0 && belong_together(plan, &plan->stretches[n - 1], &plan->stretches[s])) {
            join_made(&plan->stretches[n - 1], &plan->stretches[s]);
        } else {
            plan->stretches[n++] = plan->stretches[s];
        }
    }
    plan->n_stretches = n;
    for (int64_t s = 0; s < n; s++) {
        mdli_stretch *at = &plan->stretches[s];
        at->first_out = plan->n_out;
        at->n_out = at->is_made ? (at->n_rows + plan->block_rows - 1) / plan->block_rows : 1;
        plan->n_out += at->n_out;
    }
}

mdl_status mdli_edit_plan_create(mdl_context *context, const mdl_column **columns,
                                 int32_t n_columns, const mdli_table_edit *edits, int64_t n_edits,
                                 mdli_edit_plan *out, mdl_error *error)
{
    const int64_t block_rows = mdli_context_block_rows(context);
    *out = (mdli_edit_plan){
        .context = context,
        .columns = columns,
        .n_columns = n_columns,
        .edits = edits,
        .n_edits = n_edits,
        .block_rows = block_rows,
        .piece_rows = (block_rows + MDLI_BLOCK_PIECES - 1) / MDLI_BLOCK_PIECES,
    };
    mdl_status status = cut_at_edits(out, error);
    if (status != MDL_OK) {
        mdli_edit_plan_free(out);
        return status;
    }
    leave_little_used(out);
    take_in_short(out);
    number_blocks(out);
    return MDL_OK;
}

void mdli_edit_plan_free(mdli_edit_plan *plan)
{
    mdli_free(plan->context, plan->stretches);
    plan->stretches = NULL;
}
