/*
 * Whether payloads from outside are sound, for blocks of all types but STRING.
 */
#include "column/block_integer.h"

static const char *runs_fault(const mdli_block *block)
{
    const int64_t run_bytes = mdli_run_length_bytes(1);
    const int64_t value_bytes = mdli_value_bytes(block->type);
    if (block->payload_bytes <= 0 || block->payload_bytes % run_bytes != 0 ||
        block->payload_bytes > run_bytes * block->n_rows) {
        return "its runs are cut off";
    }
    const mdli_run_view runs = mdli_open_runs(block);
    bool is_sound = true;
    int32_t end = 0;
    for (int32_t r = 0; r < runs.n_runs; r++) {
        is_sound = is_sound && runs.ends[r] > end;
        end = runs.ends[r];
        /* BOOL is held against its bounds with the other statistics. */
        is_sound = is_sound && (value_bytes == 8 || runs.values[r] == (int32_t)runs.values[r]);
    }
    return is_sound && end == block->n_rows ? NULL : "its runs are not in order";
}

static const char *dictionary_directory_fault(const mdli_block *block)
{
    const int64_t n_frames = mdli_n_frames(block->n_rows);
    const mdli_integer_dictionary *header = block->payload;
    if (block->payload_bytes < (int64_t)sizeof *header || header->n_values < 1 ||
        header->n_values > MDLI_INTEGER_DICTIONARY_MAX ||
        header->width != (uint32_t)mdli_bits((uint64_t)header->n_values - 1) ||
        block->payload_bytes !=
            mdli_dictionary_directory_bytes(header->n_values, mdli_value_bytes(block->type) == 8) +
                n_frames * (int64_t)header->width * MDLI_FRAME_BYTES_PER_BIT) {
        return "its dictionary has a header that does not fit it";
    }
    return NULL;
}

/* Decoding looks up the codes of whole frames, unused rows included. */
static const char *codes_fault(const mdli_block *block, int64_t first, int64_t end)
{
    const mdli_kernels *kernels = mdli_kernels_of(block->context);
    const mdli_integer_dictionary *header = block->payload;
    const uint8_t *codes = mdli_packed_codes(block);
    uint32_t greatest = 0;
    for (int64_t f = first; f < end; f++) {
        uint32_t least;
        uint32_t greatest_of_frame;
        kernels->packed_range(mdli_packed_codes_at(header, codes, f), (int)header->width, &least,
                              &greatest_of_frame);
        greatest = greatest_of_frame > greatest ? greatest_of_frame : greatest;
    }
    return greatest < header->n_values ? NULL
                                       : "it names a value that its dictionary does not have";
}

static const char *dictionary_fault(const mdli_block *block)
{
    const char *fault = dictionary_directory_fault(block);
    return fault != NULL ? fault : codes_fault(block, 0, mdli_n_frames(block->n_rows));
}

/* The parent was looked at by itself. */
static const char *slice_fault(const mdli_block *block)
{
    const mdli_block *parent = block->parent;
    if (block->payload_bytes != 0 || block->n_nulls != 0 ||
        !mdli_is_same_form(block->type, parent->type) || !mdli_block_can_be_cut(parent) ||
        parent->parent != NULL) {
        return "it is a slice of a block that cannot be cut";
    }
    return block->first_row >= 0 && block->n_rows <= parent->n_rows - block->first_row
               ? NULL
               : "it is a slice of more rows than there are";
}

const char *mdli_integers_fault(const mdli_block *block)
{
    const int64_t value_bytes = mdli_value_bytes(block->type);
    if (block->dictionary != NULL) {
        return "it has a dictionary and needs none, or the reverse";
    }
    switch (block->encoding) {
    case MDL_ENCODING_CONSTANT:
        if (value_bytes < 8 && block->first != (int32_t)block->first) {
            return "its value does not fit its type";
        }
        return block->payload_bytes == 0 ? NULL : "it holds more than its value";
    case MDL_ENCODING_RUN_LENGTH:
        return runs_fault(block);
    case MDL_ENCODING_FRAME:
    case MDL_ENCODING_DELTA:
        return mdli_frames_fault(mdli_kernels_of(block->context), block->encoding, block->n_rows,
                                 value_bytes, block->payload, block->payload_bytes);
    case MDL_ENCODING_DICTIONARY:
        return dictionary_fault(block);
    case MDL_ENCODING_PLAIN:
        return block->payload_bytes == block->n_rows * value_bytes ? NULL
                                                                   : "its values are cut off";
    case MDL_ENCODING_SLICE:
        return slice_fault(block);
    case MDL_ENCODING_ZSTD:
        break;
    }
    return "its encoding holds text only";
}

/*
 * Payloads of packed frames that come in parts.
 */

int64_t mdli_packed_directory_bytes(const mdli_block *block)
{
    int64_t bytes;
    if (block->encoding == MDL_ENCODING_DICTIONARY) {
        const mdli_integer_dictionary *header = block->payload;
        bytes =
            mdli_dictionary_directory_bytes(header->n_values, mdli_value_bytes(block->type) == 8);
    } else {
        bytes = mdli_frames_directory_bytes(block->encoding, block->n_rows, block->payload);
    }
    return bytes < block->payload_bytes ? bytes : block->payload_bytes;
}

const char *mdli_packed_directory_fault(const mdli_block *block)
{
    if (block->encoding != MDL_ENCODING_DICTIONARY) {
        return mdli_frames_directory_fault(block->encoding, block->n_rows,
                                           mdli_value_bytes(block->type), block->payload,
                                           block->payload_bytes);
    }
    int64_t least;
    int64_t greatest;
    const char *fault = dictionary_directory_fault(block);
    if (fault != NULL) {
        return fault;
    }
    mdli_dictionary_bounds(block, &least, &greatest);
    return block->min <= least && greatest <= block->max ? NULL : mdli_stats_fault;
}

int64_t mdli_packed_offset(const mdli_block *block, int64_t f)
{
    const uint8_t *start = block->payload;
    if (block->encoding == MDL_ENCODING_DICTIONARY) {
        return mdli_packed_codes_at(block->payload, mdli_packed_codes(block), f) - start;
    }
    const mdli_frames frames = mdli_frames_open(mdli_kernels_of(block->context), block->encoding,
                                                block->n_rows, block->payload);
    return mdli_frame_at(&frames, f) - start;
}

/* Whether the rows of a frame lie between the bounds of its block. The rows that the last one does
 * not use may be anything. */
static bool is_frame_within_bounds(const mdli_block *block, const mdli_frames *frames, int64_t f)
{
    int64_t values[MDLI_FRAME_ROWS];
    int64_t least;
    int64_t greatest;
    const bool is_64 = mdli_value_bytes(block->type) == 8;
    if (mdli_frames_bounds(frames, f, is_64, &least, &greatest) && block->min <= least &&
        greatest <= block->max) {
        return true;
    }
    const int64_t start = f * MDLI_FRAME_ROWS;
    const int64_t n =
        block->n_rows - start < MDLI_FRAME_ROWS ? block->n_rows - start : MDLI_FRAME_ROWS;
    bool is_within = true;
    mdli_decode_integers(block, start, n, values);
    for (int64_t i = 0; i < n; i++) {
        const int64_t value = is_64 ? values[i] : ((const int32_t *)values)[i];
        is_within = is_within && block->min <= value && value <= block->max;
    }
    return is_within;
}

const char *mdli_packed_frames_fault(const mdli_block *block, int64_t first, int64_t end)
{
    if (block->encoding == MDL_ENCODING_DICTIONARY) {
        return codes_fault(block, first, end);
    }
    const mdli_frames frames = mdli_frames_open(mdli_kernels_of(block->context), block->encoding,
                                                block->n_rows, block->payload);
    const char *fault = NULL;
    for (int64_t f = first; f < end && fault == NULL; f++) {
        fault = mdli_packed_frame_fault(&frames, f);
        if (fault == NULL && !is_frame_within_bounds(block, &frames, f)) {
            fault = mdli_stats_fault;
        }
    }
    return fault;
}
