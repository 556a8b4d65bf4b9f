/*
 * Matching is a merge of two ascending lists of keys. While the blocks of the key column are the
 * same on both sides, as they are where no key came or went, they are matched without being
 * decoded.
 */
#include "snapshot/snapshot_match.h"

#include <string.h>

#include "base/error.h"
#include "base/parallel.h"
#include "operators/row_sort.h"
#include "snapshot/snapshot_compare.h"
#include "snapshot/snapshot_keys.h"

/*
 * Which rows of the history are current.
 */

/* Sets the bits of rows where a column is NULL. */
static void mark_nulls(const mdl_column *column, uint64_t *words)
{
    for (int64_t b = 0; b < column->n_blocks; b++) {
        const mdli_block *block = column->blocks[b];
        int64_t first = column->row_starts[b];
        if (block->n_nulls == block->n_rows) {
            mdli_set_bits(words, first, first + block->n_rows);
            continue;
        }
        for (int64_t i = 0; block->n_nulls > 0 && i < block->n_rows; i++) {
            uint64_t is_null = ~(block->validity[i >> 6] >> (i & 63)) & 1;
            words[(first + i) >> 6] |= is_null << ((first + i) & 63);
        }
    }
}

/* Clears the bits of rows where a BOOL column is true. */
static mdl_status clear_where_true(mdl_context *context, const mdl_column *column, uint64_t *words,
                                   mdl_error *error)
{
    mdli_decode_buffer buffer;
    mdli_decode_buffer_init(&buffer, context);
    mdl_status status = MDL_OK;
    for (int64_t b = 0; b < column->n_blocks; b++) {
        const mdli_block *block = column->blocks[b];
        mdl_vector flags;
        if (block->has_min_max && block->max == 0) {
            continue;
        }
        MDLI_TRY_GOTO_DONE(mdli_block_decode(block, 0, block->n_rows, &buffer, &flags, error));
        for (int64_t i = 0; i < block->n_rows; i++) {
            int64_t row = column->row_starts[b] + i;
            if (!mdl_vector_is_null(&flags, i) && ((const uint8_t *)flags.values)[i] != 0) {
                words[row >> 6] &= ~((uint64_t)1 << (row & 63));
            }
        }
    }
done:
    mdli_decode_buffer_free(&buffer);
    return status;
}

static mdl_status mark_rows(mdli_match *match, const mdl_table *history, mdl_error *error)
{
    size_t size_bytes = (size_t)((history->n_rows + 63) >> 6) * sizeof(uint64_t);
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(match->context, size_bytes, "snapshot diff", &memory, error));
    match->open = memory;
    MDLI_TRY(mdli_allocate(match->context, size_bytes, "snapshot diff", &memory, error));
    match->live = memory;
    mark_nulls(mdli_history_column_of(history, MDLI_HISTORY_VALID_TO), match->open);
    if (size_bytes > 0) {
        memcpy(match->live, match->open, size_bytes);
    }
    return clear_where_true(match->context,
                            mdli_history_column_of(history, MDLI_HISTORY_IS_DELETED), match->live,
                            error);
}

/*
 * The merge.
 */

/* One side of the merge. */
typedef struct merge_side {
    mdli_key_reader reader;
    int64_t row; /* the next one to look at; within the reader's vectors, or right behind them */
} merge_side;

typedef struct merge {
    mdli_match *match;
    merge_side current;
    merge_side history;
    bool is_matched; /* the table's next row has a match already */
} merge;

/* Lets the next row be in the reader's vectors; they are empty at the end of the table. */
static mdl_status fill_vectors(merge_side *side, mdl_error *error)
{
    if (side->row < side->reader.first_row + side->reader.n_rows) {
        return MDL_OK;
    }
    return mdli_key_reader_read(&side->reader, side->row,
                                mdli_key_reader_suits(&side->reader, side->row), error);
}

static mdl_status note_gone(merge *m, mdl_error *error)
{
    mdli_match *match = m->match;
    void *memory = match->gone;
    MDLI_TRY(mdli_grow_array(match->context, &memory, &match->gone_capacity, match->n_gone,
                             match->n_gone + 1, sizeof *match->gone, "snapshot diff", error));
    match->gone = memory;
    match->gone[match->n_gone++] = (mdli_gone_key){m->history.row, m->current.row};
    return MDL_OK;
}

/* The block of the key column that starts with the next row, or NULL. */
static const mdli_block *block_at_start(const merge_side *side)
{
    const mdl_column *column = side->reader.table->columns[side->reader.keys[0].column];
    if (side->row == column->n_rows) {
        return NULL;
    }
    int64_t b = mdli_column_find_block(column, side->row);
    return column->row_starts[b] == side->row ? column->blocks[b] : NULL;
}

/* Passes over blocks that are the same on both sides, where the next key of the history is another
 * one. */
static void match_whole_blocks(merge *m)
{
    const mdl_column *keys = m->history.reader.table->columns[m->history.reader.keys[0].column];
    for (;;) {
        const mdli_block *current = block_at_start(&m->current);
        const mdli_block *history = block_at_start(&m->history);
        if (current == NULL || history == NULL || !history->is_strictly_sorted ||
            !mdli_blocks_are_same(current, history)) {
            return;
        }
        int64_t end = m->history.row + history->n_rows;
        if (end < keys->n_rows) {
            const mdli_block *next = keys->blocks[mdli_column_find_block(keys, end)];
            if (!next->has_min_max || next->min <= history->max) {
                return;
            }
        }
        for (int64_t i = 0; i < current->n_rows; i++) {
            m->match->rows[m->current.row + i] = m->history.row + i;
        }
        m->current.row += current->n_rows;
        m->history.row = end;
    }
}

/* Merges what the vectors of both sides hold, to the end of either. */
static inline mdl_status merge_vectors(merge *m, bool is_integer, mdl_error *error)
{
    const mdli_key_reader *current = &m->current.reader;
    const mdli_key_reader *history = &m->history.reader;
    const int64_t current_end = current->first_row + current->n_rows;
    const int64_t history_end = history->first_row + history->n_rows;
    int64_t *rows = m->match->rows;
    const uint64_t *live = m->match->live;
    while (m->current.row < current_end && m->history.row < history_end) {
        int64_t c = m->current.row - current->first_row;
        int64_t h = m->history.row - history->first_row;
        int order;
        if (is_integer) {
            order = (current->integers[c] > history->integers[h]) -
                    (current->integers[c] < history->integers[h]);
        } else {
            order = mdli_key_compare(current, c, history, h);
        }
        if (order == 0) {
            rows[m->current.row] = m->history.row;
            m->is_matched = true;
            m->history.row++;
        } else if (order < 0) {
            if (!m->is_matched) {
                rows[m->current.row] = ~m->history.row;
            }
            m->is_matched = false;
            m->current.row++;
        } else {
            if (mdli_bit(live, m->history.row)) {
                MDLI_TRY(note_gone(m, error));
            }
            m->history.row++;
        }
    }
    return MDL_OK;
}

static mdl_status merge_integers(merge *m, mdl_error *error)
{
    return merge_vectors(m, true, error);
}

static mdl_status merge_any(merge *m, mdl_error *error)
{
    return merge_vectors(m, false, error);
}

/* Merges until one side has no rows left. */
static mdl_status merge_sides(merge *m, mdl_error *error)
{
    bool is_integer = m->current.reader.is_integer;
    for (;;) {
        MDLI_TRY(mdli_check_cancel(m->match->context, error));
        if (is_integer && !m->is_matched) {
            match_whole_blocks(m);
        }
        MDLI_TRY(fill_vectors(&m->current, error));
        MDLI_TRY(fill_vectors(&m->history, error));
        if (m->current.reader.n_rows == 0 || m->history.reader.n_rows == 0) {
            return MDL_OK;
        }
        MDLI_TRY(is_integer ? merge_integers(m, error) : merge_any(m, error));
    }
}

/* Settles the rows of the side that has some left. */
static mdl_status settle_rest(merge *m, mdl_error *error)
{
    int64_t n_current = m->current.reader.table->n_rows;
    int64_t n_history = m->history.reader.table->n_rows;
    for (m->current.row += m->is_matched; m->current.row < n_current; m->current.row++) {
        m->match->rows[m->current.row] = ~n_history;
    }
    for (; m->history.row < n_history; m->history.row++) {
        if (mdli_bit(m->match->live, m->history.row)) {
            MDLI_TRY(note_gone(m, error));
        }
    }
    return MDL_OK;
}

static mdl_status match_rows(mdli_match *match, const mdl_snapshot_changes *changes,
                             mdl_error *error)
{
    merge m = {.match = match};
    mdl_context *context = changes->context;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdli_key_reader_init(&m.current.reader, context, changes->current,
                                            changes->keys, changes->n_keys, error));
    MDLI_TRY_GOTO_DONE(mdli_key_reader_init(&m.history.reader, context, changes->history,
                                            changes->keys, changes->n_keys, error));
    MDLI_TRY_GOTO_DONE(merge_sides(&m, error));
    status = settle_rest(&m, error);
done:
    mdli_key_reader_free(&m.current.reader);
    mdli_key_reader_free(&m.history.reader);
    return status;
}

mdl_status mdli_match_init(mdli_match *match, const mdl_snapshot_changes *changes, mdl_error *error)
{
    void *memory;
    *match = (mdli_match){.context = changes->context};
    MDLI_TRY(mdli_allocate_array(match->context, changes->current->n_rows, sizeof(int64_t),
                                 "snapshot diff", &memory, error));
    match->rows = memory;
    MDLI_TRY(mark_rows(match, changes->history, error));
    return match_rows(match, changes, error);
}

void mdli_match_free(mdli_match *match)
{
    mdli_free(match->context, match->rows);
    mdli_free(match->context, match->gone);
    mdli_free(match->context, match->open);
    mdli_free(match->context, match->live);
}
