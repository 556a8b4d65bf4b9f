/*
 * Rows cut out of blocks.
 *
 * An upsert puts a few rows into blocks of many. The rows between are not encoded again: they become
 * slices, blocks that say where in which other block their rows are. What a slice says of its values
 * is as true as what any block says; block_summary.c finds it.
 *
 * A block in runs is cut into blocks in runs, since operators ask for them (mdli_block_runs): its
 * runs are copied and looked at, never its rows.
 */
#include "column/block_internal.h"

#include "base/error.h"
#include "base/memory.h"

#include <assert.h>

bool mdli_block_can_be_cut(const mdli_block *block)
{
    /* Doubles in runs are rare, and have an order of their own. */
    return block->type != MDL_TYPE_STRING && block->n_nulls == 0 &&
           !(block->type == MDL_TYPE_FLOAT64 && mdli_block_is_in_runs(block));
}

mdl_status mdli_block_allocate_slice(mdl_type type, mdli_block *parent, int32_t first_row,
                                     int32_t n_rows, mdli_block **out, mdl_error *error)
{
    void *body;
    MDLI_TRY(mdli_block_allocate_unfilled(parent->context, type, MDL_ENCODING_SLICE, n_rows, 0, 0,
                                          out, &body, error));
    mdli_block *slice = *out;
    slice->size_bytes += parent->size_bytes * n_rows / parent->n_rows;
    slice->parent = parent;
    slice->first_row = first_row;
    mdli_block_retain(parent);
    return MDL_OK;
}

/* The run that holds a row: the first that ends behind it. */
static int32_t find_run(const int32_t *ends, int32_t n_runs, int64_t row)
{
    int32_t low = 0;
    int32_t high = n_runs - 1;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (ends[middle] > row) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

mdl_status mdli_block_of_runs(mdl_context *context, mdl_type type, const int64_t *values,
                              const int32_t *ends, int32_t n_runs, int64_t start, int64_t n,
                              mdli_block **out, mdl_error *error)
{
    const int32_t first = find_run(ends, n_runs, start);
    const int32_t n_cut = find_run(ends, n_runs, start + n - 1) - first + 1;
    const bool is_constant = n_cut == 1;
    void *body;
    MDLI_TRY(mdli_block_allocate_unfilled(
        context, type, is_constant ? MDL_ENCODING_CONSTANT : MDL_ENCODING_RUN_LENGTH, (int32_t)n, 0,
        is_constant ? 0 : n_cut * (int64_t)(sizeof *values + sizeof *ends), out, &body, error));
    if (!is_constant) {
        int64_t *to_values = body;
        int32_t *to_ends = (int32_t *)(to_values + n_cut);
        memcpy(to_values, values + first, (size_t)n_cut * sizeof *values);
        for (int32_t r = 0; r < n_cut; r++) {
            to_ends[r] = ends[first + r] - (int32_t)start;
        }
        to_ends[n_cut - 1] = (int32_t)n;
    }
    (*out)->first = values[first];
    const mdl_status status = mdli_block_set_integer_stats(*out, error);
    if (status != MDL_OK) {
        mdli_block_release(*out);
        *out = NULL;
    }
    return status;
}

static mdl_status cut_runs(const mdli_block *block, int64_t start, int64_t n, mdli_block **out,
                           mdl_error *error)
{
    const int64_t *values;
    const int32_t *ends;
    int32_t n_runs;
    mdli_block_runs(block, &values, &ends, &n_runs);
    return mdli_block_of_runs(block->context, block->type, values, ends, n_runs, start, n, out,
                              error);
}

static mdl_status set_slice_stats(mdli_block *slice, mdli_decode_buffer *buffer, mdl_error *error)
{
    const double *reals;
    if (slice->type != MDL_TYPE_FLOAT64) {
        return mdli_block_set_integer_stats(slice, error);
    }
    MDLI_TRY(mdli_decode_reals(slice, buffer, &reals, error));
    mdli_block_set_real_stats(slice, reals);
    return MDL_OK;
}

static mdl_status cut_slice(mdli_block *block, int64_t start, int64_t n, mdli_decode_buffer *buffer,
                            mdli_block **out, mdl_error *error)
{
    const bool is_slice = block->encoding == MDL_ENCODING_SLICE;
    mdli_block *parent = is_slice ? block->parent : mdli_block_owner(block);
    const int64_t first_row = (is_slice ? block->first_row : 0) + start;
    mdli_block *slice;
    MDLI_TRY(mdli_block_allocate_slice(block->type, parent, (int32_t)first_row, (int32_t)n, &slice,
                                       error));
    mdl_status status = set_slice_stats(slice, buffer, error);
    if (status != MDL_OK) {
        mdli_block_release(slice);
        return status;
    }
    *out = slice;
    return MDL_OK;
}

mdl_status mdli_block_cut(mdli_block *block, int64_t start, int64_t n, mdli_decode_buffer *buffer,
                          mdli_block **out, mdl_error *error)
{
    assert(mdli_block_can_be_cut(block));
    assert(0 <= start && 1 <= n && start + n <= block->n_rows);
    *out = NULL;
    return mdli_block_is_in_runs(block) ? cut_runs(block, start, n, out, error)
                                        : cut_slice(block, start, n, buffer, out, error);
}
