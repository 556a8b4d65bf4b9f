/*
 * Columns: arrays of blocks, what is known of them as a whole, and reading across blocks.
 */
#include "column/block_internal.h"

#include "base/error.h"
#include "base/memory.h"

#include <assert.h>
#include <string.h>

/*
 * Statistics.
 */

/* A value out of a block's `min`, `max`, `first` or `last`. */
static mdl_value block_value(mdl_type type, int64_t bits)
{
    mdl_value value = {.type = type};
    if (type == MDL_TYPE_FLOAT64) {
        memcpy(&value.as.real, &bits, sizeof bits);
    } else {
        value.as.integer = bits;
    }
    return value;
}

static mdl_value no_value(mdl_type type)
{
    return (mdl_value){.type = type, .is_null = true};
}

/* Less than 0, 0 or more as a is less than, equal to or greater than b; no NaN is among them. */
static int compare_values(const mdl_value *a, const mdl_value *b)
{
    if (a->type == MDL_TYPE_FLOAT64) {
        return (a->as.real > b->as.real) - (a->as.real < b->as.real);
    }
    return (a->as.integer > b->as.integer) - (a->as.integer < b->as.integer);
}

static mdl_column_stats block_stats(const mdli_block *block)
{
    mdl_column_stats stats = {
        .n_rows = block->n_rows,
        .n_nulls = block->n_nulls,
        .min = no_value(block->type),
        .max = no_value(block->type),
        .is_sorted = block->is_sorted,
        .is_strictly_sorted = block->is_strictly_sorted,
        .n_distinct = block->n_distinct,
        .size_bytes = block->size_bytes,
    };
    if (block->has_min_max) {
        stats.min = block_value(block->type, block->min);
        stats.max = block_value(block->type, block->max);
    }
    return stats;
}

/* Takes least and greatest values into the column's. */
static void take_bounds(mdl_column_stats *stats, const mdl_value *min, const mdl_value *max)
{
    if (stats->min.is_null || compare_values(min, &stats->min) < 0) {
        stats->min = *min;
    }
    if (stats->max.is_null || compare_values(max, &stats->max) > 0) {
        stats->max = *max;
    }
}

/* Whether a block is a slice that says no more of its values than its parent does. */
static bool is_loose(const mdli_block *block)
{
    return mdli_block_has_loose_bounds(block, !block->is_sorted);
}

/* Takes one block's least and greatest values into the column's. False when they are not known
 * though the block has values. */
static bool merge_min_max(mdl_column_stats *stats, const mdli_block *block)
{
    if (block->has_min_max && !is_loose(block)) {
        const mdl_value min = block_value(block->type, block->min);
        const mdl_value max = block_value(block->type, block->max);
        take_bounds(stats, &min, &max);
    }
    return block->has_min_max || block->n_nulls == block->n_rows;
}

/* Takes in the values of a slice, when those of all blocks that are none are taken: only such as pass
 * these are looked for. */
static mdl_status merge_loose_bounds(mdl_column_stats *stats, const mdli_block *slice,
                                     mdl_error *error)
{
    const bool is_within = !stats->min.is_null && stats->min.as.integer <= slice->min &&
                           slice->max <= stats->max.as.integer;
    if (!is_within) {
        mdli_value_summary summary;
        MDLI_TRY(mdli_summarise_slice(slice, &summary, error));
        const mdl_value min = block_value(slice->type, summary.min);
        const mdl_value max = block_value(slice->type, summary.max);
        take_bounds(stats, &min, &max);
    }
    return MDL_OK;
}

/*
 * How the values go on from one block to the next, with what they say of distinct values: in a
 * sorted column only a value at a border can be in two blocks.
 */
static void merge_order(mdl_column_stats *stats, const mdli_block *before, const mdli_block *block)
{
    stats->is_sorted = stats->is_sorted && block->is_sorted;
    stats->is_strictly_sorted = stats->is_strictly_sorted && block->is_strictly_sorted;
    stats->n_distinct =
        stats->n_distinct < 0 || block->n_distinct < 0 ? -1 : stats->n_distinct + block->n_distinct;
    if (before == NULL || !stats->is_sorted) {
        return;
    }
    const mdl_value last = block_value(before->type, before->last);
    const mdl_value first = block_value(block->type, block->first);
    const int order = compare_values(&last, &first);
    stats->is_sorted = order <= 0;
    stats->is_strictly_sorted = stats->is_strictly_sorted && order < 0;
    if (order == 0 && stats->n_distinct > 0) {
        stats->n_distinct--;
    }
}

/* The dictionary that all blocks share, or NULL. */
static mdli_dictionary *shared_dictionary(mdli_block *const *blocks, int64_t n_blocks)
{
    mdli_dictionary *dictionary = n_blocks > 0 ? blocks[0]->dictionary : NULL;
    for (int64_t b = 1; b < n_blocks; b++) {
        if (blocks[b]->dictionary != dictionary) {
            return NULL;
        }
    }
    return dictionary;
}

static mdl_status merge_stats(mdl_type type, mdli_block *const *blocks, int64_t n_blocks,
                              mdl_column_stats *out, mdl_error *error)
{
    mdl_column_stats stats = {
        .min = no_value(type),
        .max = no_value(type),
        .is_sorted = true,
        .is_strictly_sorted = true,
    };
    bool has_min_max = true;
    for (int64_t b = 0; b < n_blocks; b++) {
        stats.n_rows += blocks[b]->n_rows;
        stats.n_nulls += blocks[b]->n_nulls;
        stats.size_bytes += blocks[b]->size_bytes;
        has_min_max = merge_min_max(&stats, blocks[b]) && has_min_max;
        merge_order(&stats, b > 0 ? blocks[b - 1] : NULL, blocks[b]);
    }
    for (int64_t b = 0; b < n_blocks && has_min_max; b++) {
        if (is_loose(blocks[b])) {
            MDLI_TRY(merge_loose_bounds(&stats, blocks[b], error));
        }
    }
    if (!has_min_max) {
        stats.min = no_value(type);
        stats.max = no_value(type);
    }
    /* Without an order, blocks may hold the same values: then only one block, or none that has
     * values, tells how many there are. */
    if (!stats.is_sorted && n_blocks > 1 && stats.n_distinct > 0) {
        stats.n_distinct = -1;
    }
    const mdli_dictionary *dictionary = shared_dictionary(blocks, n_blocks);
    stats.size_bytes += dictionary != NULL ? dictionary->size_bytes : 0;
    *out = stats;
    return MDL_OK;
}

/*
 * Making columns.
 */

static void release_blocks(mdli_block *const *blocks, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++) {
        mdli_block_release(blocks[b]);
    }
}

/* The struct, the blocks and the rows where they start, in one piece. */
static mdl_status allocate_column(mdl_context *context, int64_t n_blocks, mdl_column **out,
                                  mdl_error *error)
{
    const size_t block_bytes = (size_t)n_blocks * sizeof(mdli_block *);
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate(
        context, sizeof(mdl_column) + block_bytes + (size_t)(n_blocks + 1) * sizeof(int64_t),
        "column", &memory, error));
    mdl_column *column = memory;
    column->blocks = (mdli_block **)(column + 1);
    column->row_starts = (int64_t *)(column->blocks + n_blocks);
    *out = column;
    return MDL_OK;
}

mdl_status mdli_column_from_blocks(mdl_context *context, mdl_type type, mdli_block **blocks,
                                   int64_t n_blocks, mdl_column **out, mdl_error *error)
{
    mdl_column_stats stats;
    mdl_status status = merge_stats(type, blocks, n_blocks, &stats, error);
    if (status == MDL_OK) {
        status = allocate_column(context, n_blocks, out, error);
    }
    if (status != MDL_OK) {
        *out = NULL;
        release_blocks(blocks, n_blocks);
        return status;
    }
    mdl_column *column = *out;
    column->context = context;
    column->type = type;
    column->n_blocks = n_blocks;
    column->n_rows = 0;
    for (int64_t b = 0; b < n_blocks; b++) {
        assert(blocks[b]->n_rows > 0 && blocks[b]->type == type);
        column->blocks[b] = blocks[b];
        column->row_starts[b] = column->n_rows;
        column->n_rows += blocks[b]->n_rows;
    }
    column->row_starts[n_blocks] = column->n_rows;
    column->stats = stats;
    column->dictionary = shared_dictionary(blocks, n_blocks);
    atomic_init(&column->references, 1);
    return MDL_OK;
}

mdl_column *mdli_column_retain(const mdl_column *column)
{
    mdl_column *retained = (mdl_column *)column;
    atomic_fetch_add_explicit(&retained->references, 1, memory_order_relaxed);
    return retained;
}

void mdli_column_release(mdl_column *column)
{
    if (column == NULL ||
        atomic_fetch_sub_explicit(&column->references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    release_blocks(column->blocks, column->n_blocks);
    mdli_free(column->context, column);
}

mdl_status mdli_column_concat(mdl_context *context, const mdl_column *first,
                              const mdl_column *second, mdl_column **out, mdl_error *error)
{
    assert(first->type == second->type);
    const int64_t n_blocks = first->n_blocks + second->n_blocks;
    void *memory;
    *out = NULL;
    MDLI_TRY(
        mdli_allocate_array(context, n_blocks, sizeof(mdli_block *), "column", &memory, error));
    mdli_block **blocks = memory;
    for (int64_t b = 0; b < n_blocks; b++) {
        blocks[b] = b < first->n_blocks ? first->blocks[b] : second->blocks[b - first->n_blocks];
        mdli_block_retain(blocks[b]);
    }
    mdl_status status = mdli_column_from_blocks(context, first->type, blocks, n_blocks, out, error);
    mdli_free(context, memory);
    return status;
}

mdl_status mdli_column_retype(mdl_context *context, const mdl_column *column, mdl_type type,
                              mdl_column **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    if (column->type == type) {
        *out = mdli_column_retain(column);
        return MDL_OK;
    }
    MDLI_TRY(mdli_allocate_array(context, column->n_blocks, sizeof(mdli_block *), "column", &memory,
                                 error));
    mdli_block **blocks = memory;
    mdl_status status = MDL_OK;
    int64_t n_made = 0;
    while (status == MDL_OK && n_made < column->n_blocks) {
        status = mdli_block_retype(column->blocks[n_made], type, &blocks[n_made], error);
        n_made += status == MDL_OK;
    }
    if (status == MDL_OK) {
        status = mdli_column_from_blocks(context, type, blocks, n_made, out, error);
    } else {
        release_blocks(blocks, n_made);
    }
    mdli_free(context, memory);
    return status;
}

/*
 * Reading.
 */

bool mdli_column_is_in_runs(const mdl_column *column)
{
    bool is_in_runs = true;
    for (int64_t b = 0; b < column->n_blocks && is_in_runs; b++) {
        const int64_t *values;
        const int32_t *ends;
        int32_t n_runs;
        is_in_runs = mdli_block_runs(column->blocks[b], &values, &ends, &n_runs);
    }
    return is_in_runs;
}

int64_t mdli_column_find_block(const mdl_column *column, int64_t row)
{
    int64_t low = 0;
    int64_t high = column->n_blocks - 1;
    while (low < high) {
        const int64_t middle = low + (high - low + 1) / 2;
        if (column->row_starts[middle] <= row) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

/* Rows [row, row + n) of a column, n >= 1, and the blocks that they lie in. */
typedef struct row_range {
    const mdl_column *column;
    int64_t row;
    int64_t n;
    int64_t first_block;
    int64_t last_block;
} row_range;

/* The part of a range that lies in one of its blocks. */
typedef struct range_piece {
    const mdli_block *block;
    int64_t start;  /* its first row, counted in the block */
    int64_t offset; /* its first row, counted in the range */
    int64_t n;
} range_piece;

static range_piece piece_of_range(const row_range *range, int64_t b)
{
    const int64_t block_start = range->column->row_starts[b];
    const int64_t block_end = range->column->row_starts[b + 1];
    const int64_t range_end = range->row + range->n;
    const int64_t from = block_start > range->row ? block_start : range->row;
    const int64_t to = block_end < range_end ? block_end : range_end;
    return (range_piece){.block = range->column->blocks[b],
                         .start = from - block_start,
                         .offset = from - range->row,
                         .n = to - from};
}

static mdl_status gather_validity(const row_range *range, mdli_decode_buffer *buffer,
                                  mdl_vector *out, mdl_error *error)
{
    int64_t n_nulls = 0;
    for (int64_t b = range->first_block; b <= range->last_block; b++) {
        const range_piece piece = piece_of_range(range, b);
        n_nulls += mdli_count_nulls(piece.block->validity, piece.start, piece.n);
    }
    if (n_nulls == 0) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_decode_buffer_reserve_validity(buffer, range->n, error));
    for (int64_t b = range->first_block; b <= range->last_block; b++) {
        const range_piece piece = piece_of_range(range, b);
        mdli_copy_validity(buffer->validity, piece.offset, piece.block->validity, piece.start,
                           piece.n);
    }
    out->validity = buffer->validity;
    return MDL_OK;
}

static mdl_status gather_integers(const row_range *range, mdli_decode_buffer *buffer,
                                  mdl_vector *out, mdl_error *error)
{
    const int64_t value_bytes = mdli_value_bytes(range->column->type);
    MDLI_TRY(mdli_decode_buffer_reserve_values(buffer, range->n * value_bytes, error));
    for (int64_t b = range->first_block; b <= range->last_block; b++) {
        const range_piece piece = piece_of_range(range, b);
        MDLI_TRY(mdli_block_need(piece.block, piece.start, piece.n, error));
        mdli_decode_integers(piece.block, piece.start, piece.n,
                             (uint8_t *)buffer->values + piece.offset * value_bytes);
    }
    out->values = buffer->values;
    return MDL_OK;
}

static mdl_status gather_codes(const row_range *range, mdli_decode_buffer *buffer, mdl_vector *out,
                               mdl_error *error)
{
    MDLI_TRY(mdli_decode_buffer_reserve_codes(buffer, range->n, error));
    for (int64_t b = range->first_block; b <= range->last_block; b++) {
        const range_piece piece = piece_of_range(range, b);
        mdli_decode_codes(piece.block, piece.start, piece.n, buffer->codes + piece.offset);
    }
    out->codes = buffer->codes;
    out->dictionary = range->column->dictionary->entries;
    out->n_dictionary = range->column->dictionary->n_entries;
    return MDL_OK;
}

/* The text of all compressed blocks is there at once, for the values point into it. */
static mdl_status gather_text(const row_range *range, mdli_decode_buffer *buffer, mdl_vector *out,
                              mdl_error *error)
{
    int64_t text_bytes = 0;
    for (int64_t b = range->first_block; b <= range->last_block; b++) {
        text_bytes += mdli_decompressed_bytes(range->column->blocks[b]);
    }
    MDLI_TRY(mdli_decode_buffer_reserve_text(buffer, text_bytes, error));
    MDLI_TRY(
        mdli_decode_buffer_reserve_values(buffer, range->n * (int64_t)sizeof(mdl_string), error));
    char *text = buffer->text;
    for (int64_t b = range->first_block; b <= range->last_block; b++) {
        const range_piece piece = piece_of_range(range, b);
        mdl_string *values = (mdl_string *)buffer->values + piece.offset;
        if (piece.block->encoding == MDL_ENCODING_ZSTD) {
            MDLI_TRY(mdli_decompress_text(piece.block, text, error));
            mdli_decode_text(piece.block, text, piece.start, piece.n, values);
            text += mdli_decompressed_bytes(piece.block);
        } else {
            mdli_decode_text(piece.block, NULL, piece.start, piece.n, values);
        }
    }
    out->values = buffer->values;
    return MDL_OK;
}

mdl_status mdli_column_read(const mdl_column *column, int64_t row, int64_t n,
                            mdli_decode_buffer *buffer, mdl_vector *out, mdl_error *error)
{
    assert(0 <= row && 0 <= n && n <= MDLI_BLOCK_ROWS_MAX && row + n <= column->n_rows);
    *out = (mdl_vector){.type = column->type, .n_rows = n};
    if (n == 0) {
        return MDL_OK;
    }
    const row_range range = {.column = column,
                             .row = row,
                             .n = n,
                             .first_block = mdli_column_find_block(column, row),
                             .last_block = mdli_column_find_block(column, row + n - 1)};
    if (range.first_block == range.last_block) {
        const range_piece piece = piece_of_range(&range, range.first_block);
        return mdli_block_decode(piece.block, piece.start, n, buffer, out, error);
    }
    MDLI_TRY(gather_validity(&range, buffer, out, error));
    if (column->type != MDL_TYPE_STRING) {
        return gather_integers(&range, buffer, out, error);
    }
    if (column->dictionary != NULL) {
        return gather_codes(&range, buffer, out, error);
    }
    return gather_text(&range, buffer, out, error);
}

/*
 * The public face.
 */

mdl_type mdl_column_type(const mdl_column *column)
{
    return column->type;
}

int64_t mdl_column_n_rows(const mdl_column *column)
{
    return column->n_rows;
}

mdl_column_stats mdl_column_get_stats(const mdl_column *column)
{
    return column->stats;
}

int64_t mdl_column_n_blocks(const mdl_column *column)
{
    return column->n_blocks;
}

mdl_column_stats mdl_column_block_stats(const mdl_column *column, int64_t block,
                                        mdl_encoding *encoding)
{
    if (encoding != NULL) {
        *encoding = column->blocks[block]->encoding;
    }
    return block_stats(column->blocks[block]);
}
