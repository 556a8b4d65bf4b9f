/*
 * Blocks of STRING.
 *
 * Payloads:
 *   CONSTANT     the text
 *   DICTIONARY   a FRAME payload of codes in the shared dictionary
 *   PLAIN, ZSTD  header; where the text of each frame starts (8 bytes each); a FRAME payload of
 * lengths; the texts one behind another, compressed as one for ZSTD
 *
 * NULL takes no text, and in a dictionary the code of a neighbour.
 */
#include "column/block_internal.h"

#include "base/compression.h"
#include "base/error.h"
#include "base/memory.h"

#include <assert.h>
#include <string.h>

/*
 * Text is compressed where a row has so many bytes of it on average, and saves at least a fifth.
 * zstd at its fastest takes three times as long as everything else that a load does with a text;
 * and who reads a row has its whole block decompressed. For names, titles and words this is more
 * than the memory is worth; for descriptions it is not. Higher levels save little more.
 */
#define COMPRESSED_BYTES_MIN     4096
#define COMPRESSED_ROW_BYTES_MIN 64
#define COMPRESSION_LEVEL        1

static int64_t compressed_bytes_max(int64_t text_bytes)
{
    return text_bytes - text_bytes / 5;
}

typedef struct text_header {
    int64_t text_bytes;
    int64_t stored_bytes; /* less than text_bytes when compressed */
    int64_t lengths_bytes;
} text_header;

/* A PLAIN or ZSTD payload, taken apart. */
typedef struct text_payload {
    text_header *header;
    int64_t *starts;
    void *lengths;
    char *text;
} text_payload;

static int64_t lengths_offset(int64_t n_frames)
{
    return mdli_align_payload((int64_t)sizeof(text_header) + n_frames * (int64_t)sizeof(int64_t));
}

static text_payload open_payload(const void *payload, int64_t n_rows)
{
    uint8_t *start = (uint8_t *)payload;
    text_payload parts = {.header = (text_header *)start};
    parts.starts = (int64_t *)(parts.header + 1);
    parts.lengths = start + lengths_offset(mdli_n_frames(n_rows));
    return parts;
}

/* As open_payload for a payload whose header is filled. */
static text_payload open_filled_payload(const mdli_block *block)
{
    text_payload parts = open_payload(block->payload, block->n_rows);
    parts.text = (char *)parts.lengths + parts.header->lengths_bytes;
    return parts;
}

/*
 * Encoding.
 */

mdl_status mdli_check_text_size(int64_t size_bytes, mdl_error *error)
{
    if (size_bytes > INT32_MAX) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED,
                             "a text of %lld bytes is longer than the %lld that a column holds",
                             (long long)size_bytes, (long long)INT32_MAX);
    }
    return MDL_OK;
}

/* Writes the length of each row, 0 for NULL, and adds them up. */
static mdl_status measure_texts(const mdl_vector *values, int32_t *lengths, int64_t *text_bytes,
                                mdl_error *error)
{
    *text_bytes = 0;
    for (int64_t i = 0; i < values->n_rows; i++) {
        int64_t size = mdl_vector_is_null(values, i) ? 0 : mdl_vector_string(values, i).size_bytes;
        MDLI_TRY(mdli_check_text_size(size, error));
        lengths[i] = (int32_t)size;
        *text_bytes += size;
    }
    return MDL_OK;
}

/* Whether all texts that are not NULL are the same; `*text` is that text, and empty when all are
 * NULL. */
static bool is_constant(const mdl_vector *values, mdl_string *text)
{
    bool has_text = false;
    *text = (mdl_string){"", 0};
    for (int64_t i = 0; i < values->n_rows; i++) {
        if (mdl_vector_is_null(values, i)) {
            continue;
        }
        mdl_string row = mdl_vector_string(values, i);
        if (has_text && !mdli_is_same_text(row, *text)) {
            return false;
        }
        *text = row;
        has_text = true;
    }
    return true;
}

static mdl_status encode_constant(mdl_context *context, const mdl_vector *values, mdl_string text,
                                  mdli_block **out, mdl_error *error)
{
    void *payload;
    MDLI_TRY(mdli_block_allocate(context, values, MDL_ENCODING_CONSTANT, text.size_bytes, out,
                                 &payload, error));
    if (text.size_bytes > 0) {
        memcpy(payload, text.data, (size_t)text.size_bytes);
    }
    (*out)->n_distinct = (*out)->n_nulls < (*out)->n_rows;
    return MDL_OK;
}

/* Copies the texts one behind another. */
static void write_texts(const mdl_vector *values, const int32_t *lengths, const text_payload *parts)
{
    int64_t offset = 0;
    for (int64_t i = 0; i < values->n_rows; i++) {
        if (i % MDLI_FRAME_ROWS == 0) {
            parts->starts[i / MDLI_FRAME_ROWS] = offset;
        }
        if (lengths[i] > 0) {
            memcpy(parts->text + offset, mdl_vector_string(values, i).data, (size_t)lengths[i]);
            offset += lengths[i];
        }
    }
}

static mdl_status encode_plain(mdl_context *context, const mdl_vector *values, int32_t *lengths,
                               mdli_block **out, mdl_error *error)
{
    int64_t text_bytes;
    MDLI_TRY(measure_texts(values, lengths, &text_bytes, error));
    mdli_profile profile;
    mdli_profile_fill(&profile, mdli_kernels_of(context), lengths, false, (int32_t)values->n_rows);
    const int64_t lengths_bytes = mdli_frame_payload_bytes(&profile);
    const int64_t bytes = lengths_offset(profile.n_frames) + lengths_bytes + text_bytes;
    void *payload;
    MDLI_TRY(mdli_block_allocate(context, values, MDL_ENCODING_PLAIN, bytes, out, &payload, error));
    text_payload parts = open_payload(payload, values->n_rows);
    mdli_clear_before(parts.lengths);
    *parts.header = (text_header){
        .text_bytes = text_bytes, .stored_bytes = text_bytes, .lengths_bytes = lengths_bytes};
    mdli_frame_payload_write(&profile, parts.lengths);
    parts = open_filled_payload(*out);
    write_texts(values, lengths, &parts);
    return MDL_OK;
}

static mdl_status compress_block(mdli_block *block, int64_t stored_bytes_max, mdli_block **out,
                                 mdl_error *error);

mdl_status mdli_encode_text(mdl_context *context, mdl_encoding encoding, const mdl_vector *values,
                            mdli_block **out, mdl_error *error)
{
    const bool is_cheapest = encoding == MDLI_ENCODING_CHEAPEST;
    if (is_cheapest || encoding == MDL_ENCODING_CONSTANT) {
        mdl_string text;
        if (is_constant(values, &text)) {
            return encode_constant(context, values, text, out, error);
        }
    }
    if (!is_cheapest && encoding != MDL_ENCODING_PLAIN && encoding != MDL_ENCODING_ZSTD) {
        return mdli_error_encoding(error, encoding, values->type);
    }
    void *lengths;
    MDLI_TRY(
        mdli_allocate_array(context, values->n_rows, sizeof(int32_t), "column", &lengths, error));
    mdl_status status = encode_plain(context, values, lengths, out, error);
    mdli_free(context, lengths);
    if (status == MDL_OK && is_cheapest) {
        status = mdli_compress_block(*out, out, error);
    } else if (status == MDL_OK && encoding == MDL_ENCODING_ZSTD) {
        status = compress_block(*out, INT64_MAX, out, error);
    }
    return status;
}

mdl_status mdli_encode_codes(mdl_context *context, const mdl_vector *values,
                             mdli_dictionary *dictionary, mdli_block **out, mdl_error *error)
{
    const int64_t n = values->n_rows;
    const int64_t n_nulls = mdli_count_nulls(values->validity, 0, n);
    const int32_t *codes = values->codes;
    void *scratch = NULL;
    mdl_status status = MDL_OK;
    if (n_nulls > 0) {
        MDLI_TRY(
            mdli_allocate_zeroed(context, (size_t)n * sizeof *codes, "column", &scratch, error));
        if (n_nulls < n) {
            mdli_fill_nulls(values->codes, values->validity, n, scratch);
        }
        codes = scratch;
    }
    mdli_profile profile;
    mdli_profile_fill(&profile, mdli_kernels_of(context), codes, false, (int32_t)n);
    void *payload;
    MDLI_TRY_GOTO_DONE(mdli_block_allocate(context, values, MDL_ENCODING_DICTIONARY,
                                           mdli_frame_payload_bytes(&profile), out, &payload,
                                           error));
    mdli_frame_payload_write(&profile, payload);
    (*out)->dictionary = dictionary;
    mdli_dictionary_retain(dictionary);
done:
    mdli_free(context, scratch);
    return status;
}

/*
 * Compression.
 */

/* The rows of a block as far as mdli_block_allocate looks at them. */
static mdl_vector shape_of(const mdli_block *block)
{
    return (mdl_vector){.type = block->type, .n_rows = block->n_rows, .validity = block->validity};
}

/* Makes the ZSTD block of a PLAIN one, or gives NULL where it takes more than stored_bytes_max. */
static mdl_status make_compressed(const mdli_block *block, int64_t stored_bytes_max,
                                  mdli_block **out, mdl_error *error)
{
    const text_payload plain = open_filled_payload(block);
    const int64_t text_bytes = plain.header->text_bytes;
    const int64_t bound = mdli_compressed_bytes_bound(text_bytes);
    const int64_t capacity = stored_bytes_max < bound ? stored_bytes_max : bound;
    void *compressed;
    mdl_status status;
    *out = NULL;
    MDLI_TRY(
        mdli_allocate(block->context, (size_t)capacity, "text compression", &compressed, error));
    int64_t stored_bytes = 0;
    MDLI_TRY_GOTO_DONE(mdli_compress(block->context, COMPRESSION_LEVEL, plain.text, text_bytes,
                                     compressed, capacity, &stored_bytes, error));
    if (stored_bytes > 0) {
        const int64_t before_text = plain.text - (const char *)block->payload;
        const mdl_vector shape = shape_of(block);
        void *payload;
        MDLI_TRY_GOTO_DONE(mdli_block_allocate(block->context, &shape, MDL_ENCODING_ZSTD,
                                               before_text + stored_bytes, out, &payload, error));
        memcpy(payload, block->payload, (size_t)before_text);
        ((text_header *)payload)->stored_bytes = stored_bytes;
        memcpy((char *)payload + before_text, compressed, (size_t)stored_bytes);
        (*out)->n_distinct = block->n_distinct;
    }
done:
    mdli_free(block->context, compressed);
    return status;
}

static mdl_status compress_block(mdli_block *block, int64_t stored_bytes_max, mdli_block **out,
                                 mdl_error *error)
{
    mdli_block *compressed;
    mdl_status status = make_compressed(block, stored_bytes_max, &compressed, error);
    if (status == MDL_OK && compressed == NULL) {
        *out = block;
        return MDL_OK;
    }
    mdli_block_release(block);
    *out = compressed;
    return status;
}

mdl_status mdli_compress_block(mdli_block *block, mdli_block **out, mdl_error *error)
{
    assert(block->type == MDL_TYPE_STRING && block->encoding == MDL_ENCODING_PLAIN);
    const int64_t text_bytes = open_filled_payload(block).header->text_bytes;
    const int64_t n_texts = block->n_rows - block->n_nulls;
    if (text_bytes < COMPRESSED_BYTES_MIN || text_bytes < COMPRESSED_ROW_BYTES_MIN * n_texts) {
        *out = block;
        return MDL_OK;
    }
    return compress_block(block, compressed_bytes_max(text_bytes), out, error);
}

int64_t mdli_plain_text_bytes(const mdli_block *block)
{
    assert(block->encoding == MDL_ENCODING_PLAIN);
    return open_filled_payload(block).header->text_bytes;
}

int64_t mdli_decompressed_bytes(const mdli_block *block)
{
    return block->encoding == MDL_ENCODING_ZSTD ? open_filled_payload(block).header->text_bytes : 0;
}

mdl_status mdli_decompress_text(const mdli_block *block, char *text, mdl_error *error)
{
    const text_payload parts = open_filled_payload(block);
    return mdli_decompress(block->context, parts.text, parts.header->stored_bytes, text,
                           parts.header->text_bytes, error);
}

/*
 * Decoding.
 */

/* Calls for each frame that rows [start, start + n) lie in: decodes its integers and tells which of
 * them are wanted. */
typedef struct frame_walk {
    mdli_frames frames;
    int64_t row;
    int64_t end;
    uint32_t values[MDLI_FRAME_ROWS];
    int64_t n_skipped; /* values of this frame before the first that is wanted */
    int64_t n_taken;   /* values that are wanted; 0 = the walk is over */
} frame_walk;

static void start_walk(frame_walk *walk, const mdli_block *block, const void *payload,
                       int64_t start, int64_t n)
{
    walk->frames = mdli_frames_open(mdli_kernels_of(block->context), MDL_ENCODING_FRAME,
                                    block->n_rows, payload);
    walk->row = start;
    walk->end = start + n;
    walk->n_taken = 0;
}

static bool next_frame(frame_walk *walk)
{
    walk->row += walk->n_taken;
    if (walk->row == walk->end) {
        return false;
    }
    const int64_t n_left = walk->end - walk->row;
    walk->n_skipped = walk->row % MDLI_FRAME_ROWS;
    walk->n_taken = MDLI_FRAME_ROWS - walk->n_skipped;
    walk->n_taken = walk->n_taken < n_left ? walk->n_taken : n_left;
    mdli_frames_read_int32(&walk->frames, walk->row / MDLI_FRAME_ROWS, walk->values);
    return true;
}

static void decode_dictionary(const mdli_block *block, int64_t start, int64_t n, mdl_string *out)
{
    const mdl_string *entries = block->dictionary->entries;
    frame_walk walk;
    start_walk(&walk, block, block->payload, start, n);
    while (next_frame(&walk)) {
        for (int64_t i = 0; i < walk.n_taken; i++) {
            uint32_t code = walk.values[walk.n_skipped + i];
            /* In a block of nothing but NULL the dictionary may be empty. */
            *out++ = code < block->dictionary->n_entries ? entries[code] : (mdl_string){NULL, 0};
        }
    }
}

/* Cuts the texts out of `text`, where they are one behind another. */
static void decode_lengths(const mdli_block *block, const char *text, int64_t start, int64_t n,
                           mdl_string *out)
{
    const text_payload parts = open_filled_payload(block);
    frame_walk walk;
    start_walk(&walk, block, parts.lengths, start, n);
    while (next_frame(&walk)) {
        const char *next = text + parts.starts[walk.row / MDLI_FRAME_ROWS];
        for (int64_t i = 0; i < walk.n_skipped; i++) {
            next += walk.values[i];
        }
        for (int64_t i = walk.n_skipped; i < walk.n_skipped + walk.n_taken; i++) {
            *out++ = (mdl_string){next, walk.values[i]};
            next += walk.values[i];
        }
    }
}

void mdli_decode_text(const mdli_block *block, const char *text, int64_t start, int64_t n,
                      mdl_string *out)
{
    switch (block->encoding) {
    case MDL_ENCODING_CONSTANT:
        for (int64_t i = 0; i < n; i++) {
            out[i] = (mdl_string){block->payload, block->payload_bytes};
        }
        break;
    case MDL_ENCODING_DICTIONARY:
        decode_dictionary(block, start, n, out);
        break;
    case MDL_ENCODING_PLAIN:
        decode_lengths(block, open_filled_payload(block).text, start, n, out);
        break;
    case MDL_ENCODING_ZSTD:
        decode_lengths(block, text, start, n, out);
        break;
    case MDL_ENCODING_RUN_LENGTH:
    case MDL_ENCODING_FRAME:
    case MDL_ENCODING_DELTA:
    case MDL_ENCODING_SLICE:
        assert(!"these hold no text");
    }
}

/*
 * Payloads from outside.
 */

/* Whether the frames' texts start where the lengths before them end, and the last where all do. */
static bool starts_fit_lengths(const mdli_block *block, const text_payload *parts)
{
    int64_t offset = 0;
    bool is_sound = true;
    frame_walk walk;
    start_walk(&walk, block, parts->lengths, 0, block->n_rows);
    while (next_frame(&walk)) {
        is_sound = is_sound && parts->starts[walk.row / MDLI_FRAME_ROWS] == offset;
        for (int64_t i = 0; i < walk.n_taken; i++) {
            is_sound = is_sound && walk.values[i] <= INT32_MAX;
            offset += walk.values[i];
        }
    }
    return is_sound && offset == parts->header->text_bytes;
}

static const char *lengths_fault(const mdli_block *block)
{
    const int64_t lengths_start = lengths_offset(mdli_n_frames(block->n_rows));
    const text_payload parts = open_payload(block->payload, block->n_rows);
    const text_header *header = parts.header;
    if (block->payload_bytes < lengths_start) {
        return "its text is cut off";
    }
    const int64_t n_left = block->payload_bytes - lengths_start;
    if (header->lengths_bytes < 0 || header->lengths_bytes > n_left ||
        header->stored_bytes != n_left - header->lengths_bytes ||
        (block->encoding == MDL_ENCODING_PLAIN && header->text_bytes != header->stored_bytes)) {
        return "its text has a header that does not fit it";
    }
    const char *fault =
        mdli_frames_fault(mdli_kernels_of(block->context), MDL_ENCODING_FRAME, block->n_rows,
                          sizeof(int32_t), parts.lengths, header->lengths_bytes);
    if (fault != NULL) {
        return fault;
    }
    return starts_fit_lengths(block, &parts) ? NULL
                                             : "its texts are longer or shorter than it says";
}

static const char *codes_fault(const mdli_block *block)
{
    const char *fault =
        mdli_frames_fault(mdli_kernels_of(block->context), MDL_ENCODING_FRAME, block->n_rows,
                          sizeof(int32_t), block->payload, block->payload_bytes);
    if (fault != NULL) {
        return fault;
    }
    /* In a block of nothing but NULL the dictionary may be empty. */
    const int64_t n_entries = block->dictionary->n_entries;
    const int64_t n_codes = n_entries == 0 && block->n_nulls == block->n_rows ? 1 : n_entries;
    uint32_t greatest = 0;
    frame_walk walk;
    start_walk(&walk, block, block->payload, 0, block->n_rows);
    while (next_frame(&walk)) {
        for (int64_t i = 0; i < walk.n_taken; i++) {
            greatest = walk.values[i] > greatest ? walk.values[i] : greatest;
        }
    }
    return greatest < n_codes ? NULL : "it names a text that its dictionary does not have";
}

const char *mdli_text_fault(const mdli_block *block)
{
    if ((block->dictionary != NULL) != (block->encoding == MDL_ENCODING_DICTIONARY)) {
        return "it has a dictionary and needs none, or the reverse";
    }
    if (block->has_min_max || block->is_sorted || block->is_strictly_sorted || block->min != 0 ||
        block->max != 0 || block->first != 0 || block->last != 0) {
        return "it claims an order that texts do not keep";
    }
    switch (block->encoding) {
    case MDL_ENCODING_CONSTANT:
        return NULL;
    case MDL_ENCODING_DICTIONARY:
        return codes_fault(block);
    case MDL_ENCODING_PLAIN:
    case MDL_ENCODING_ZSTD:
        return lengths_fault(block);
    case MDL_ENCODING_RUN_LENGTH:
    case MDL_ENCODING_FRAME:
    case MDL_ENCODING_DELTA:
    case MDL_ENCODING_SLICE:
        break;
    }
    return "its encoding holds no text";
}
