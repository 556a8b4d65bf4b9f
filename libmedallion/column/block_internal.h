/*
 * What the files that encode and decode blocks share.
 *
 * block.c owns blocks and picks the file by type. block_integer.c and its neighbours hold all types
 * but STRING, FLOAT64 as the bits of its doubles; block_text.c holds STRING. Both build on
 * block_frames.c and its block_pages.c, which pack integers frame by frame: values, codes of a
 * dictionary, lengths of texts.
 */
#ifndef MDLI_COLUMN_BLOCK_INTERNAL_H
#define MDLI_COLUMN_BLOCK_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/tuning.h"
#include "column/column_internal.h"
#include "kernels/kernels.h"

#define MDLI_BLOCK_FRAMES_MAX (MDLI_BLOCK_ROWS_MAX / MDLI_FRAME_ROWS)

/* Parts of a payload that kernels read start at multiples of this. */
#define MDLI_PAYLOAD_ALIGNMENT 32

static inline int64_t mdli_align_payload(int64_t bytes)
{
    return (bytes + MDLI_PAYLOAD_ALIGNMENT - 1) & ~(int64_t)(MDLI_PAYLOAD_ALIGNMENT - 1);
}

/* Clears what may stay unused between a directory and the part behind it, which starts at a multiple
 * of the alignment: same values, same bytes. To be called before the directory is written. */
static inline void mdli_clear_before(void *part)
{
    memset((uint8_t *)part - MDLI_PAYLOAD_ALIGNMENT, 0, MDLI_PAYLOAD_ALIGNMENT);
}

/* Frames that hold n rows; the last may be partly used. */
static inline int32_t mdli_n_frames(int64_t n_rows)
{
    return (int32_t)((n_rows + MDLI_FRAME_ROWS - 1) / MDLI_FRAME_ROWS);
}

/* The kernels of a context. */
static inline const mdli_kernels *mdli_kernels_of(const mdl_context *context)
{
    return mdli_kernels_for(mdl_context_simd(context));
}

/* Bytes of a value in a vector. */
static inline int64_t mdli_value_bytes(mdl_type type)
{
    switch (type) {
#define MDLI_TYPE_BYTES(name, value, text, size)                                                   \
    case MDL_TYPE_##name:                                                                          \
        return size;
        MDL_TYPE_LIST(MDLI_TYPE_BYTES)
#undef MDLI_TYPE_BYTES
    }
    return 0;
}

static inline bool mdli_is_same_text(mdl_string a, mdl_string b)
{
    return a.size_bytes == b.size_bytes &&
           (a.size_bytes == 0 || memcmp(a.data, b.data, (size_t)a.size_bytes) == 0);
}

/*
 * Validity bitmaps.
 */

/* Words of a bitmap of n rows. */
static inline int64_t mdli_validity_words(int64_t n_rows)
{
    return (n_rows + 63) / 64;
}

/* Zeros among the n bits from `start`. NULL has none. */
int64_t mdli_count_nulls(const uint64_t *validity, int64_t start, int64_t n);

/* Makes `buffer->validity` hold bits for n rows. */
mdl_status mdli_decode_buffer_reserve_validity(mdli_decode_buffer *buffer, int64_t n,
                                               mdl_error *error);

/* Make the buffer's arrays at least so large; what they held is lost. */
mdl_status mdli_decode_buffer_reserve_values(mdli_decode_buffer *buffer, int64_t size_bytes,
                                             mdl_error *error);
mdl_status mdli_decode_buffer_reserve_codes(mdli_decode_buffer *buffer, int64_t n,
                                            mdl_error *error);
mdl_status mdli_decode_buffer_reserve_text(mdli_decode_buffer *buffer, int64_t size_bytes,
                                           mdl_error *error);

/*
 * Blocks.
 */

/*
 * Allocates a block in one piece, with rows, type, validity and nulls taken from `values`, and
 * everything else zero: is_sorted, has_min_max and the like are the encoder's to set. `*payload` is
 * its payload.
 */
mdl_status mdli_block_allocate(mdl_context *context, const mdl_vector *values,
                               mdl_encoding encoding, int64_t payload_bytes, mdli_block **out,
                               void **payload, mdl_error *error);

/* "encoding delta cannot hold these STRING values". */
mdl_status mdli_error_encoding(mdl_error *error, mdl_encoding encoding, mdl_type type);

/* Copies n values, some of them not NULL, and gives each NULL the value of a neighbour. `out` may
 * be `values`. */
void mdli_fill_nulls(const int32_t *values, const uint64_t *validity, int64_t n, int32_t *out);

/* What mdli_block_encode_as gets for the cheapest encoding. */
#define MDLI_ENCODING_CHEAPEST ((mdl_encoding)0)

/* Encode vectors of all types but STRING, and of STRING; `page_bits` is the size of pages for FRAME,
 * 0 = to be found. */
mdl_status mdli_encode_integers(mdl_context *context, mdl_encoding encoding,
                                const mdl_vector *values, int page_bits, mdli_block **out,
                                mdl_error *error);
mdl_status mdli_encode_text(mdl_context *context, mdl_encoding encoding, const mdl_vector *values,
                            mdli_block **out, mdl_error *error);
mdl_status mdli_encode_codes(mdl_context *context, const mdl_vector *values,
                             mdli_dictionary *dictionary, mdli_block **out, mdl_error *error);

/* A text that is longer than a column holds is MDL_E_UNSUPPORTED. */
mdl_status mdli_check_text_size(int64_t size_bytes, mdl_error *error);

/* Writes values of rows [start, start + n) of a block of any type but STRING to `out`. */
void mdli_decode_integers(const mdli_block *block, int64_t start, int64_t n, void *out);

/* Writes the codes of rows of a DICTIONARY block of STRING to `out`. */
void mdli_decode_codes(const mdli_block *block, int64_t start, int64_t n, int32_t *out);

/*
 * Writes the texts of rows of a STRING block to `out`. They point into the block and its
 * dictionary, or into `text`, which for a ZSTD block is what mdli_decompress_text wrote.
 */
void mdli_decode_text(const mdli_block *block, const char *text, int64_t start, int64_t n,
                      mdl_string *out);

/* What is wrong with the structure of a payload, or NULL; see mdli_block_check. */
const char *mdli_integers_fault(const mdli_block *block);
const char *mdli_text_fault(const mdli_block *block);
/* Of a FRAME or DELTA payload of `n_rows` values of `value_bytes`. */
const char *mdli_frames_fault(const mdli_kernels *kernels, mdl_encoding encoding, int64_t n_rows,
                              int64_t value_bytes, const void *payload, int64_t payload_bytes);
/* Of what is before its packed frames alone. */
const char *mdli_frames_directory_fault(mdl_encoding encoding, int64_t n_rows, int64_t value_bytes,
                                        const void *payload, int64_t payload_bytes);

/* Bytes before the packed frames as the start of a payload has them, be it sound or not. */
int64_t mdli_frames_directory_bytes(mdl_encoding encoding, int64_t n_rows, const void *payload);

/*
 * Blocks of packed frames, of which block_parts.c has not all bytes.
 */

/* Bytes before the packed frames, as the first of them tell, be they sound or not; no more than the
 * payload has. */
int64_t mdli_packed_directory_bytes(const mdli_block *block);
/* What is wrong with them, or NULL. */
const char *mdli_packed_directory_fault(const mdli_block *block);
/* Where frame `f` starts in the payload, when what is before the frames is sound; with f the number
 * of frames, where the last one ends. */
int64_t mdli_packed_offset(const mdli_block *block, int64_t f);
/* What is wrong with frames [first, end), or NULL: how they are packed, or that a value is outside
 * of the bounds. */
const char *mdli_packed_frames_fault(const mdli_block *block, int64_t first, int64_t end);

/* Frees what a block reads its bytes with. */
void mdli_block_free_parts(mdli_block *block);

/* Of what a block whose structure is sound says of its values; `reals` are those of FLOAT64. */
mdl_status mdli_integer_stats_fault(const mdli_block *block, const char **fault, mdl_error *error);
/* What is said where they are not so. */
extern const char mdli_stats_fault[];
const char *mdli_real_stats_fault(const mdli_block *block, const double *reals);

/* Say of a block with some value what its values are, as far as is known without looking for
 * distinct ones; likewise. */
mdl_status mdli_block_set_integer_stats(mdli_block *block, mdl_error *error);
void mdli_block_set_real_stats(mdli_block *block, const double *reals);

/* All values of a block of FLOAT64. */
mdl_status mdli_decode_reals(const mdli_block *block, mdli_decode_buffer *buffer,
                             const double **reals, mdl_error *error);

/* What the values of an integer-like block are, those under NULL included. */
typedef struct mdli_value_summary {
    int64_t first;
    int64_t last;
    int64_t min;
    int64_t max;
    int32_t n_runs; /* rows that differ from the row before, and row 0; where there are falls, of
                        part of the rows */
    int32_t
        n_falls; /* rows that are less than the row before; 0 = none, else of part of the rows */
} mdli_value_summary;

/* Of a block whose structure is sound; for a slice that falls, `min` and `max` are its parent's, and
 * `first` and `last` are 0. See block_summary.c. */
mdl_status mdli_summarise_integers(const mdli_block *block, mdli_value_summary *summary,
                                   mdl_error *error);

/* Whether a block's least and greatest value are those of its parent, between which its own lie. */
static inline bool mdli_block_has_loose_bounds(const mdli_block *block, bool falls)
{
    return block->encoding == MDL_ENCODING_SLICE && block->type != MDL_TYPE_FLOAT64 && falls;
}

/* Of a slice of integers, whose own bounds, first and last value these are in any case. */
mdl_status mdli_summarise_slice(const mdli_block *slice, mdli_value_summary *summary,
                                mdl_error *error);

/* The least and the greatest value that a DICTIONARY block of integers lists. */
void mdli_dictionary_bounds(const mdli_block *block, int64_t *least, int64_t *greatest);

/* Bytes of the texts of a PLAIN block of STRING. */
int64_t mdli_plain_text_bytes(const mdli_block *block);

/* Bytes of text that mdli_decompress_text writes for a block: 0 unless it is ZSTD. */
int64_t mdli_decompressed_bytes(const mdli_block *block);
mdl_status mdli_decompress_text(const mdli_block *block, char *text, mdl_error *error);

/*
 * Gives the ZSTD form of a PLAIN block of STRING when that saves enough, else the block itself;
 * takes over the reference to `block` and gives one to `*out`. When it fails the reference is given
 * back.
 */
mdl_status mdli_compress_block(mdli_block *block, mdli_block **out, mdl_error *error);

/*
 * Dictionaries in the making.
 */

/* Codes are int32_t; the entries of a block are added without looking. */
#define MDLI_ENTRIES_MAX (INT32_MAX - MDLI_BLOCK_ROWS_MAX)

/* Makes a dictionary whose entries are not filled in yet. */
mdl_status mdli_dictionary_allocate(mdl_context *context, int64_t n_entries, int64_t text_bytes,
                                    mdli_dictionary **out, mdl_error *error);

/*
 * Fills in entry `code`, whose bytes go to `next`; returns where those of the next entry go.
 * Entries are filled in order up to `end`. The text must be in memory of a context: a short one is
 * copied with what is behind it, and the next entry is written over that.
 */
static inline char *mdli_dictionary_put(const mdli_dictionary *dictionary, int64_t code, char *next,
                                        const char *end, mdl_string text)
{
    enum {
        PIECE_BYTES = 16
    };
    dictionary->entries[code] = (mdl_string){next, text.size_bytes};
    if (0 < text.size_bytes && text.size_bytes <= PIECE_BYTES && end - next >= PIECE_BYTES) {
        memcpy(next, text.data, PIECE_BYTES);
    } else if (text.size_bytes > 0) {
        memcpy(next, text.data, (size_t)text.size_bytes);
    }
    return next + text.size_bytes;
}

/*
 * Frames of integers.
 */

/* How the steps of a frame are packed in DELTA; see block_frames.c. */
typedef struct mdli_delta_plan {
    uint32_t least;
    int16_t width;
    int16_t n_jumps;
} mdli_delta_plan;

/* The pages that frames lie in, for FRAME; see block_pages.c. */
typedef struct mdli_page_plan {
    int page_bits;
    int page_width;                             /* bits of a page's number */
    uint16_t starts[MDLI_BLOCK_FRAMES_MAX + 1]; /* of frames' pages in `pages` */
    uint32_t *pages;
    uint8_t
        *codes; /* of rows of frames that have pages: places of their pages in the frame's list */
} mdli_page_plan;

/* Integers of 4 or 8 bytes that are to be encoded, and all that is known of them. */
typedef struct mdli_profile {
    const mdli_kernels *kernels;
    const void *values;
    bool is_64; /* int64_t, else int32_t */
    int32_t n_rows;
    int32_t n_frames;
    int64_t min;
    int64_t max;
    int32_t n_runs;  /* rows that differ from the row before, and row 0 */
    int32_t n_falls; /* rows that are less than the row before */
    mdli_frame_stats frames[MDLI_BLOCK_FRAMES_MAX];
    mdli_delta_plan deltas[MDLI_BLOCK_FRAMES_MAX]; /* after mdli_profile_plan_delta */
    int told_page_bits;                            /* size of pages; 0 = it is to be found */
    mdli_page_plan *pages;                         /* NULL = FRAME goes without */
} mdli_profile;

/* Whether values and their differences are told by their low 32 bits. */
bool mdli_profile_is_within_32_bits(const mdli_profile *profile);

static inline int64_t mdli_profile_value(const mdli_profile *profile, int64_t row)
{
    return profile->is_64 ? ((const int64_t *)profile->values)[row]
                          : ((const int32_t *)profile->values)[row];
}

/* Looks at all values once. */
void mdli_profile_fill(mdli_profile *profile, const mdli_kernels *kernels, const void *values,
                       bool is_64, int32_t n_rows);

/* Frame `f` as the low 32 bits of its values, in `scratch` or where they are; a part of a frame is
 * filled up with its last value. */
const uint32_t *mdli_profile_frame(const mdli_profile *profile, int32_t f,
                                   uint32_t scratch[MDLI_FRAME_ROWS]);

/* Bits that a value up to `range` takes. */
static inline int mdli_bits(uint64_t range)
{
    return range == 0 ? 0 : 64 - __builtin_clzll(range);
}

/*
 * Looks whether FRAME takes fewer bytes with pages, and less than `limit_bytes`; if so, notes them.
 * What it notes is freed by mdli_profile_clear.
 */
mdl_status mdli_profile_plan_pages(mdl_context *context, mdli_profile *profile, int64_t limit_bytes,
                                   mdl_error *error);
void mdli_profile_clear(mdl_context *context, mdli_profile *profile);

/* Exact bytes of a FRAME payload with the pages that were noted. */
int64_t mdli_frame_payload_bytes(const mdli_profile *profile);

/* Decides how DELTA packs each frame. Exact bytes of the payload, or -1 where DELTA cannot hold the
 * values or takes more than `limit_bytes`. */
int64_t mdli_profile_plan_delta(mdli_profile *profile, int64_t limit_bytes);

void mdli_frame_payload_write(const mdli_profile *profile, void *payload);
/* After mdli_profile_plan_delta, which said that it can be. */
void mdli_delta_payload_write(const mdli_profile *profile, void *payload);

/* A FRAME or DELTA payload that is read. */
typedef struct mdli_frames {
    const mdli_kernels *kernels;
    uint64_t base;
    const uint32_t *bases_32; /* NULL = bases_64 counts */
    const uint64_t *bases_64;
    const uint32_t *leasts; /* least steps; NULL = FRAME */
    const uint16_t *starts;
    const uint8_t *packed;
    const uint16_t *page_starts; /* NULL = no pages */
    const uint8_t *pages;
    int page_bits;
    int page_width;
    const uint16_t *jump_starts; /* NULL = no jumps */
    const int16_t *jump_heights;
    const uint8_t *jump_rows;
} mdli_frames;

/*
 * Pages of frames; see block_pages.c.
 */

/* Bytes of a list of pages. */
int64_t mdli_page_list_bytes(int64_t n_pages, int page_width);
void mdli_page_list_write(const mdli_page_plan *plan, int32_t n_frames, uint8_t *list);

/* What is packed for frame `f`, which has pages: place of the page << page_bits | offset in it. */
void mdli_page_offsets(const mdli_profile *profile, int32_t f, uint32_t out[MDLI_FRAME_ROWS]);

/* The least and the greatest value, above the block's, that the pages of frame `f` have room for. */
void mdli_frames_page_bounds(const mdli_frames *frames, int64_t f, uint64_t *least,
                             uint64_t *greatest);

/* The inverse: makes them values above the block's least value, which is taken as `base`. */
void mdli_frames_move_to_pages(const mdli_frames *frames, int64_t f, uint32_t base,
                               uint32_t values[MDLI_FRAME_ROWS]);

/* Opens a payload of `n_rows` rows in FRAME or DELTA encoding. */
mdli_frames mdli_frames_open(const mdli_kernels *kernels, mdl_encoding encoding, int64_t n_rows,
                             const void *payload);

/* What is wrong with how frame `f` is packed, or NULL, when what is before the packed frames is
 * sound. */
const char *mdli_packed_frame_fault(const mdli_frames *frames, int64_t f);

/* Numbers that the values of frame `f` lie between, unused rows included, as far as its packing
 * tells; false where it does not. */
bool mdli_frames_bounds(const mdli_frames *frames, int64_t f, bool is_64, int64_t *least,
                        int64_t *greatest);

/*
 * Whether it shows by its packing that full frame `f` of DELTA rises at each row, by 1 to INT32_MAX
 * modulo 2^32, but at `*n_falls` rows: these are listed, ascending. If so, the first and the last
 * value, above the base, are told too.
 */
bool mdli_frames_rise(const mdli_frames *frames, int64_t f, uint8_t falls[MDLI_FRAME_ROWS],
                      int *n_falls, uint32_t *first, uint32_t *last);

/* Where frame `f` is packed; with f the number of frames, where the last one ends. */
const uint8_t *mdli_frame_at(const mdli_frames *frames, int64_t f);

/* Decode the MDLI_FRAME_ROWS values of frame `f`. */
void mdli_frames_read_int32(const mdli_frames *frames, int64_t f, uint32_t *out);
void mdli_frames_read_int64(const mdli_frames *frames, int64_t f, uint64_t *out);

#endif
