/*
 * Blocks that come from outside.
 *
 * Decoding and the operators trust blocks: where frames start, that codes are in their dictionary,
 * and also what a block says of its values, as arrays are sized by least and greatest values and
 * sorted input is merged in place. A checksum finds accidents; a file that was made up has right
 * checksums. So a block is looked through once when it comes in, which costs about as much as to
 * hash it: doubles and texts as they are decoded, integers as far as block_summary.c must.
 */
#include "column/block_internal.h"

#include "base/error.h"

mdl_status mdli_decode_reals(const mdli_block *block, mdli_decode_buffer *buffer,
                             const double **reals, mdl_error *error)
{
    if (block->encoding == MDL_ENCODING_PLAIN) {
        *reals = block->payload;
        return MDL_OK;
    }
    MDLI_TRY(mdli_decode_buffer_reserve_values(
        buffer, block->n_rows * mdli_value_bytes(MDL_TYPE_FLOAT64), error));
    mdli_decode_integers(block, 0, block->n_rows, buffer->values);
    *reals = buffer->values;
    return MDL_OK;
}

/* Whether a slice is of a block that comes in parts, and says of its own rows no more than that the
 * parent's bounds are theirs. Then there is nothing to prove that is not proved with the parent,
 * and nothing to read. */
static bool says_nothing_of_its_own(const mdli_block *block)
{
    return block->encoding == MDL_ENCODING_SLICE && block->parent->parts != NULL &&
           block->has_min_max && !block->is_sorted && !block->is_strictly_sorted &&
           block->min == block->parent->min && block->max == block->parent->max &&
           block->first == 0 && block->last == 0 && block->n_distinct < 0;
}

mdl_status mdli_block_check(const mdli_block *block, mdli_decode_buffer *buffer, const char **fault,
                            mdl_error *error)
{
    *fault = NULL;
    if (mdli_count_nulls(block->validity, 0, block->n_rows) != block->n_nulls) {
        *fault = "it has more or fewer NULLs than it says";
        return MDL_OK;
    }
    if (block->n_distinct < -1 || block->n_distinct > block->n_rows) {
        *fault = "it has more distinct values than rows";
        return MDL_OK;
    }
    if (block->type == MDL_TYPE_STRING) {
        *fault = mdli_text_fault(block);
        return MDL_OK;
    }
    *fault = mdli_integers_fault(block);
    if (*fault != NULL || says_nothing_of_its_own(block)) {
        return MDL_OK;
    }
    if (block->type == MDL_TYPE_FLOAT64) {
        const double *reals;
        MDLI_TRY(mdli_decode_reals(block, buffer, &reals, error));
        *fault = mdli_real_stats_fault(block, reals);
    } else {
        MDLI_TRY(mdli_integer_stats_fault(block, fault, error));
    }
    return MDL_OK;
}
