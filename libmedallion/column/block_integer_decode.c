/*
 * Blocks of all types but STRING, decoded; block_integer.c says what their payloads are.
 */
#include "column/block_integer.h"

#include <assert.h>
#include <string.h>

/* Values of INT32 that are written at once. */
enum {
    FILL_VALUES = 16
};

/* Writes a value to [start, end) of n; what comes behind is written afterwards, so that as long as
 * there is room whole vectors are written. */
static void fill_int32(int32_t *out, int64_t start, int64_t end, int64_t n, int32_t value)
{
    if (end + FILL_VALUES > n) {
        for (int64_t i = start; i < end; i++) {
            out[i] = value;
        }
        return;
    }
    for (int64_t i = start; i < end; i += FILL_VALUES) {
        for (int k = 0; k < FILL_VALUES; k++) {
            out[i + k] = value;
        }
    }
}

static void fill_values(void *out, int64_t value_bytes, int64_t start, int64_t end, int64_t n,
                        int64_t value)
{
    if (value_bytes == 8) {
        for (int64_t i = start; i < end; i++) {
            ((int64_t *)out)[i] = value;
        }
    } else if (value_bytes == 4) {
        fill_int32(out, start, end, n, (int32_t)value);
    } else {
        memset((uint8_t *)out + start, (int)value, (size_t)(end - start));
    }
}

int32_t mdli_find_run(const int32_t *ends, int32_t n_runs, int64_t row)
{
    int32_t low = 0;
    int32_t high = n_runs - 1;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (ends[middle] > row) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static void decode_run_length(const mdli_block *block, int64_t start, int64_t n, void *out)
{
    const mdli_run_view runs = mdli_open_runs(block);
    const int64_t value_bytes = mdli_value_bytes(block->type);
    int64_t row = 0;
    for (int32_t r = mdli_find_run(runs.ends, runs.n_runs, start); row < n; r++) {
        int64_t end = runs.ends[r] - start < n ? runs.ends[r] - start : n;
        fill_values(out, value_bytes, row, end, n, runs.values[r]);
        row = end;
    }
}

/* A block of packed frames that is read. */
typedef struct frame_reader {
    const mdli_kernels *kernels;
    int64_t value_bytes;
    mdli_frames frames;                        /* FRAME and DELTA */
    const mdli_integer_dictionary *dictionary; /* DICTIONARY, else NULL */
    const uint8_t *packed_codes;
    int64_t n_frames;
} frame_reader;

/* Bytes that are fetched at once. */
enum {
    LINE_BYTES = 64
};

static frame_reader open_reader(const mdli_block *block)
{
    frame_reader reader = {.kernels = mdli_kernels_of(block->context),
                           .value_bytes = mdli_value_bytes(block->type),
                           .n_frames = mdli_n_frames(block->n_rows)};
    if (block->encoding == MDL_ENCODING_DICTIONARY) {
        reader.dictionary = block->payload;
        reader.packed_codes = mdli_packed_codes(block);
    } else {
        reader.frames =
            mdli_frames_open(reader.kernels, block->encoding, block->n_rows, block->payload);
    }
    return reader;
}

static const uint8_t *packed_codes_at(const frame_reader *reader, int64_t f)
{
    return mdli_packed_codes_at(reader->dictionary, reader->packed_codes, f);
}

static void read_codes(const frame_reader *reader, int64_t f, uint32_t *codes)
{
    reader->kernels->unpack(packed_codes_at(reader, f), 0, (int)reader->dictionary->width, codes);
}

static void read_frame_int32(const frame_reader *reader, int64_t f, uint32_t *out)
{
    if (reader->dictionary == NULL) {
        mdli_frames_read_int32(&reader->frames, f, out);
        return;
    }
    read_codes(reader, f, out);
    reader->kernels->lookup_int32((const uint32_t *)(reader->dictionary + 1),
                                  (int)reader->dictionary->n_values, out, out);
}

static void read_frame_int64(const frame_reader *reader, int64_t f, uint64_t *out)
{
    if (reader->dictionary == NULL) {
        mdli_frames_read_int64(&reader->frames, f, out);
        return;
    }
    uint32_t codes[MDLI_FRAME_ROWS];
    read_codes(reader, f, codes);
    reader->kernels->lookup_int64((const uint64_t *)(reader->dictionary + 1),
                                  (int)reader->dictionary->n_values, codes, out);
}

/* Decodes the MDLI_FRAME_ROWS values of frame `f`. */
static void read_frame(const frame_reader *reader, int64_t f, void *out)
{
    if (reader->value_bytes == 8) {
        read_frame_int64(reader, f, out);
    } else if (reader->value_bytes == 4) {
        read_frame_int32(reader, f, out);
    } else {
        uint32_t values[MDLI_FRAME_ROWS];
        read_frame_int32(reader, f, values);
        for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
            ((uint8_t *)out)[i] = (uint8_t)values[i];
        }
    }
}

/* Fetches at most `n` packed frames, from number `f` on, into the cache: vectors are mostly decoded
 * one behind the other, and what is done with one leaves time for the next to come from memory. */
static void fetch_frames(const frame_reader *reader, int64_t f, int64_t n)
{
    const bool has_codes = reader->dictionary != NULL;
    const int64_t end = f + n < reader->n_frames ? f + n : reader->n_frames;
    if (f >= end) {
        return;
    }
    const uint8_t *stop =
        has_codes ? packed_codes_at(reader, end) : mdli_frame_at(&reader->frames, end);
    const uint8_t *line =
        has_codes ? packed_codes_at(reader, f) : mdli_frame_at(&reader->frames, f);
    for (; line < stop; line += LINE_BYTES) {
        __builtin_prefetch(line);
    }
}

static void decode_frames(const frame_reader *reader, int64_t start, int64_t n, void *out)
{
    const int64_t end = start + n;
    uint8_t *to = out;
    for (int64_t row = start; row < end;) {
        const int64_t f = row / MDLI_FRAME_ROWS;
        const int64_t skipped = row % MDLI_FRAME_ROWS;
        int64_t taken = MDLI_FRAME_ROWS - skipped;
        if (taken <= end - row && skipped == 0) {
            read_frame(reader, f, to);
        } else {
            uint64_t frame[MDLI_FRAME_ROWS];
            taken = taken < end - row ? taken : end - row;
            read_frame(reader, f, frame);
            memcpy(to, (const uint8_t *)frame + skipped * reader->value_bytes,
                   (size_t)(taken * reader->value_bytes));
        }
        row += taken;
        to += taken * reader->value_bytes;
    }
    fetch_frames(reader, end / MDLI_FRAME_ROWS,
                 (n < MDLI_VECTOR_ROWS ? n : MDLI_VECTOR_ROWS) / MDLI_FRAME_ROWS);
}

void mdli_decode_codes(const mdli_block *block, int64_t start, int64_t n, int32_t *out)
{
    const mdli_kernels *kernels = mdli_kernels_of(block->context);
    const frame_reader reader = {
        .kernels = kernels,
        .value_bytes = sizeof *out,
        .frames = mdli_frames_open(kernels, MDL_ENCODING_FRAME, block->n_rows, block->payload),
        .n_frames = mdli_n_frames(block->n_rows),
    };
    decode_frames(&reader, start, n, out);
}

void mdli_decode_integers(const mdli_block *block, int64_t start, int64_t n, void *out)
{
    const int64_t value_bytes = mdli_value_bytes(block->type);
    switch (block->encoding) {
    case MDL_ENCODING_CONSTANT:
        fill_values(out, value_bytes, 0, n, n, block->first);
        break;
    case MDL_ENCODING_RUN_LENGTH:
        decode_run_length(block, start, n, out);
        break;
    case MDL_ENCODING_FRAME:
    case MDL_ENCODING_DELTA:
    case MDL_ENCODING_DICTIONARY: {
        const frame_reader reader = open_reader(block);
        decode_frames(&reader, start, n, out);
        break;
    }
    case MDL_ENCODING_PLAIN:
        memcpy(out, (const uint8_t *)block->payload + start * value_bytes,
               (size_t)(n * value_bytes));
        break;
    case MDL_ENCODING_SLICE:
        mdli_decode_integers(block->parent, block->first_row + start, n, out);
        break;
    case MDL_ENCODING_ZSTD:
        assert(!"ZSTD holds text only");
    }
}

bool mdli_block_runs(const mdli_block *block, const int64_t **values, const int32_t **ends,
                     int32_t *n_runs)
{
    if (block->n_nulls > 0 || block->type == MDL_TYPE_STRING || block->type == MDL_TYPE_FLOAT64) {
        return false;
    }
    if (block->encoding == MDL_ENCODING_CONSTANT) {
        *values = &block->first;
        *ends = &block->n_rows;
        *n_runs = 1;
        return true;
    }
    if (block->encoding == MDL_ENCODING_RUN_LENGTH) {
        const mdli_run_view runs = mdli_open_runs(block);
        *values = runs.values;
        *ends = runs.ends;
        *n_runs = runs.n_runs;
        return true;
    }
    return false;
}

/* Value i of those that a dictionary lists. */
static int64_t listed_value(const void *listed, int64_t value_bytes, int32_t i)
{
    return value_bytes == 8 ? ((const int64_t *)listed)[i] : ((const int32_t *)listed)[i];
}

void mdli_dictionary_bounds(const mdli_block *block, int64_t *least, int64_t *greatest)
{
    const mdli_integer_dictionary *header = block->payload;
    const int64_t value_bytes = mdli_value_bytes(block->type);
    *least = listed_value(header + 1, value_bytes, 0);
    *greatest = *least;
    for (int32_t i = 1; i < (int32_t)header->n_values; i++) {
        const int64_t value = listed_value(header + 1, value_bytes, i);
        *least = value < *least ? value : *least;
        *greatest = value > *greatest ? value : *greatest;
    }
}

/* Adds a value to a short list that has it not; false when the list is full. */
static bool add_distinct(int64_t *values, int32_t capacity, int32_t *n, int64_t value)
{
    for (int32_t i = 0; i < *n; i++) {
        if (values[i] == value) {
            return true;
        }
    }
    if (*n == capacity) {
        return false;
    }
    values[(*n)++] = value;
    return true;
}

/* Values that a block lists. */
typedef struct value_list {
    const void *values;
    int32_t n;
    int64_t value_bytes;
} value_list;

/* The values of a block that are listed, or decoded where there are few; n < 0 = neither. */
static value_list list_values(const mdli_block *block, int64_t decoded[MDLI_VECTOR_ROWS])
{
    const int64_t value_bytes = mdli_value_bytes(block->type);
    const mdli_block *lister = block->encoding == MDL_ENCODING_SLICE ? block->parent : block;
    if (lister->encoding == MDL_ENCODING_DICTIONARY) {
        const mdli_integer_dictionary *header = lister->payload;
        if (mdli_block_need(lister, 0, 0, NULL) != MDL_OK) {
            return (value_list){.n = -1};
        }
        return (value_list){header + 1, (int32_t)header->n_values, value_bytes};
    }
    if (block->encoding == MDL_ENCODING_CONSTANT) {
        return (value_list){&block->first, 1, sizeof block->first};
    }
    if (block->encoding == MDL_ENCODING_RUN_LENGTH) {
        const mdli_run_view runs = mdli_open_runs(block);
        return (value_list){runs.values, runs.n_runs, sizeof *runs.values};
    }
    if (block->n_rows <= MDLI_VECTOR_ROWS &&
        mdli_block_need(block, 0, block->n_rows, NULL) == MDL_OK) {
        mdli_decode_integers(block, 0, block->n_rows, decoded);
        return (value_list){decoded, block->n_rows, value_bytes};
    }
    return (value_list){.n = -1};
}

int32_t mdli_block_distinct_values(const mdli_block *block, int64_t *values, int32_t capacity)
{
    int64_t decoded[MDLI_VECTOR_ROWS];
    if (block->type == MDL_TYPE_FLOAT64 || block->type == MDL_TYPE_STRING || block->n_nulls > 0 ||
        mdli_value_bytes(block->type) < 4) {
        return -1;
    }
    const value_list list = list_values(block, decoded);
    int32_t n = list.n < 0 ? -1 : 0;
    for (int32_t i = 0; i < list.n; i++) {
        if (!add_distinct(values, capacity, &n, listed_value(list.values, list.value_bytes, i))) {
            return -1;
        }
    }
    return n;
}
