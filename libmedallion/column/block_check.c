/*
 * Blocks that come from outside.
 *
 * Decoding and the operators trust blocks: where frames start, that codes are in their dictionary,
 * and also what a block says of its values, as arrays are sized by least and greatest values and
 * sorted input is merged in place. A checksum finds accidents; a file that was made up has right
 * checksums. So a block is decoded once when it comes in, which costs about as much as to hash it.
 */
#include "column/block_internal.h"

#include "base/error.h"

/* All values as the encoder sees them: BOOL as INT32. */
static mdl_status decode_all(const mdli_block *block, mdli_decode_buffer *buffer,
                             const void **values, mdl_error *error)
{
    const int64_t n = block->n_rows;
    if (block->encoding == MDL_ENCODING_PLAIN && block->type != MDL_TYPE_BOOL) {
        *values = block->payload;
        return MDL_OK;
    }
    MDLI_TRY(mdli_decode_buffer_reserve_values(
        buffer, n * (mdli_value_bytes(block->type) == 8 ? 8 : 4), error));
    mdli_decode_integers(block, 0, n, buffer->values);
    if (block->type == MDL_TYPE_BOOL) {
        /* From the last to the first, as each takes the place of several. */
        for (int64_t i = n - 1; i >= 0; i--) {
            ((int32_t *)buffer->values)[i] = ((const uint8_t *)buffer->values)[i];
        }
    }
    *values = buffer->values;
    return MDL_OK;
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
    if (*fault == NULL) {
        const void *values;
        MDLI_TRY(decode_all(block, buffer, &values, error));
        *fault = mdli_integer_stats_fault(block, values);
    }
    return MDL_OK;
}
