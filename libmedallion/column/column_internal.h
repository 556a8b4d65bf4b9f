/*
 * Blocks, dictionaries, columns, tables: what they hold, how they are made and read.
 *
 * A block is an immutable, reference-counted run of at most MDLI_BLOCK_ROWS_MAX values in one
 * encoding, with its statistics. A column is an array of blocks; blocks are shared between columns
 * (a view, an appended source, an upsert that leaves a block alone). Blocks of a column may have
 * any number of rows, and columns of one table may be cut at different rows; most are cut alike,
 * and then decoding is direct.
 */
#ifndef MDLI_COLUMN_COLUMN_INTERNAL_H
#define MDLI_COLUMN_COLUMN_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/tuning.h"
#include "medallion/column.h"
#include "medallion/context.h"
#include "medallion/table.h"
#include "medallion/types.h"

/*
 * What a store knows bytes by: their XXH3-128 and size, as they are on disk. Same content, same id,
 * in any store, so a block that has its id noted need not be looked at to see whether a store holds
 * it.
 */
typedef struct mdli_content_id {
    uint64_t low;
    uint64_t high;
    int64_t stored_bytes;
} mdli_content_id;

/* An id that is noted at most once, by whichever thread comes first. Zero-initialise. */
typedef struct mdli_content_note {
    atomic_int state;
    mdli_content_id id;
} mdli_content_note;

void mdli_content_note_set(mdli_content_note *note, const mdli_content_id *id);
/* False when nothing was noted. */
bool mdli_content_note_get(const mdli_content_note *note, mdli_content_id *id);

/* Distinct strings that blocks share; immutable, reference-counted. No entry is there twice.
 * Entries are in order of first appearance in the column, until that is edited: new texts are put
 * behind the others, and those that are in no row any more stay. Values count, not codes. */
typedef struct mdli_dictionary {
    atomic_int references;
    mdl_context *context;
    int64_t n_entries;
    mdl_string *entries; /* data points into `bytes` */
    char *bytes;
    int64_t size_bytes; /* memory held, for statistics */
    mdli_content_note content;
    struct mdli_growing_texts *growing; /* instead of entries, which are still to come; or NULL */
} mdli_dictionary;

void mdli_dictionary_retain(mdli_dictionary *dictionary);
void mdli_dictionary_release(mdli_dictionary *dictionary);

typedef struct mdli_decode_buffer mdli_decode_buffer;

/*
 * One block. `payload` is in the layout of `encoding`, described in block.c and docs/format of the
 * encodings in docs/architecture.md. For integer-like types (all but FLOAT64 and STRING) `min` and
 * `max` are the values; for FLOAT64 they are the bits of the doubles; for STRING they are not kept.
 */
typedef struct mdli_block mdli_block;
typedef struct mdli_slab mdli_slab;               /* memory of several blocks */
typedef struct mdli_proof mdli_proof;             /* column/proofs.h */
typedef struct mdli_block_parts mdli_block_parts; /* block_parts.c */
struct mdli_block {
    atomic_int references;
    mdl_context *context;
    uint64_t serial; /* no other block of the context has or had it, save one under another type */
    mdl_type type;
    mdl_encoding encoding;
    int32_t n_rows;
    int32_t n_nulls;
    bool has_min_max; /* some value is not NULL, and the type keeps them */
    bool is_sorted;
    bool is_strictly_sorted;
    int64_t min; /* of a SLICE that is not sorted, those of its parent: its values lie between */
    int64_t max;
    int64_t
        first; /* value of row 0 and of the last row, where is_sorted or CONSTANT; as min and max */
    int64_t last;
    int32_t n_distinct;  /* -1 = not known */
    uint64_t *validity;  /* NULL = no NULL; behind the payload, at the next multiple of 8 bytes */
    const void *payload; /* inside the block's memory */
    int64_t payload_bytes;
    int64_t size_bytes;          /* of all memory that the block alone holds */
    mdli_dictionary *dictionary; /* STRING in DICTIONARY encoding */
    mdli_block
        *payload_owner; /* block whose memory `validity` and `payload` are in; NULL = this one */
    mdli_block *parent; /* SLICE: the block whose rows these are, from `first_row` on */
    int32_t first_row;
    mdli_slab *slab;           /* that the block itself is in; NULL = it was allocated by itself */
    mdli_content_note content; /* of payload and validity; kept with the owner of the payload */
    _Atomic(mdli_proof *) proofs; /* likewise */
    mdli_block_parts *parts;      /* likewise; NULL = all bytes are there */
};

/* Bytes of a payload and the validity behind it. */
static inline int64_t mdli_block_body_bytes(int64_t payload_bytes, int32_t n_rows, int32_t n_nulls)
{
    return n_nulls == 0 ? payload_bytes
                        : ((payload_bytes + 7) & ~INT64_C(7)) + (n_rows + 63) / 64 * 8;
}

void mdli_block_retain(mdli_block *block);
/* Accepts NULL. */
void mdli_block_release(mdli_block *block);

/* Whether blocks of one type can be shown as the other: same form, same meaning of statistics. */
bool mdli_is_same_form(mdl_type a, mdl_type b);

/* The same values under another type with the same form; see mdli_column_retype. */
mdl_status mdli_block_retype(mdli_block *block, mdl_type type, mdli_block **out, mdl_error *error);

/* A copy of a DICTIONARY block of STRING that refers to another dictionary, which starts with the
 * entries of its own. */
mdl_status mdli_block_copy_with_dictionary(const mdli_block *block, mdli_dictionary *dictionary,
                                           mdli_block **out, mdl_error *error);

/*
 * Bytes that come when they are asked for. A block from a store may have the place of its body and
 * not the bytes. Whoever is about to look at rows asks for them first, and then the parts of the
 * body that they are packed in are read and proved. Threads may ask at once. block_parts.c
 */

/* Bytes of a part; the last of a body may be shorter. */
#define MDLI_PART_BYTES (INT64_C(8) << 10)

static inline int64_t mdli_n_parts(int64_t body_bytes)
{
    return (body_bytes + MDLI_PART_BYTES - 1) / MDLI_PART_BYTES;
}

/* Where the bytes of a body are to be had. One thread at a time calls. */
typedef struct mdli_part_source {
    void *data;
    /* Reads `n` parts from number `first` on, and proves that they are what was stored. */
    mdl_status (*read)(void *data, int32_t first, int32_t n, void *to, mdl_error *error);
    /* Says what is wrong with a block that was read. */
    mdl_status (*say_damaged)(void *data, const char *fault, mdl_error *error);
    void (*release)(void *data);
} mdli_part_source;

/* Whether the bytes of such a block can come in parts: packed integers in no order. */
bool mdli_can_come_in_parts(mdl_type type, mdl_encoding encoding, int32_t n_nulls, bool is_sorted,
                            int64_t payload_bytes);

/* Makes the bytes of a block, which has what is known of its values, come from a source; this is
 * taken over unless it fails. */
mdl_status mdli_block_set_source(mdli_block *block, const mdli_part_source *source,
                                 mdl_error *error);

/* Makes what rows [start, start + n) are decoded from be there; of no rows, what lists the values
 * of a DICTIONARY. */
mdl_status mdli_block_need(const mdli_block *block, int64_t start, int64_t n, mdl_error *error);

/* The block that holds the bytes of a payload: the block itself, or the one that it is a view of. */
static inline mdli_block *mdli_block_owner(const mdli_block *block)
{
    return block->payload_owner != NULL ? block->payload_owner : (mdli_block *)block;
}

/*
 * Slices. A SLICE block holds nothing but a reference to a parent, which is neither a slice nor a
 * view, and says of its own rows what any block says of its values. block_slice.c
 */

static inline bool mdli_block_is_in_runs(const mdli_block *block)
{
    return block->encoding == MDL_ENCODING_CONSTANT || block->encoding == MDL_ENCODING_RUN_LENGTH;
}

/* Whether rows can be cut out of a block without encoding them again: numbers without NULL. */
bool mdli_block_can_be_cut(const mdli_block *block);

/*
 * Makes a block of rows [start, start + n) of a block that can be cut, not all of its rows. Runs and
 * constants are copied, so that they stay such; all else becomes a slice.
 */
mdl_status mdli_block_cut(mdli_block *block, int64_t start, int64_t n, mdli_decode_buffer *buffer,
                          mdli_block **out, mdl_error *error);

/*
 * Makes a block of rows [start, start + n) of runs of an integer-like type, none of them like the
 * one before it, which end at the rows `ends`.
 */
mdl_status mdli_block_of_runs(mdl_context *context, mdl_type type, const int64_t *values,
                              const int32_t *ends, int32_t n_runs, int64_t start, int64_t n,
                              mdli_block **out, mdl_error *error);

/* Makes a slice of a parent, with nothing said of its values. `type` has the form of the parent's.
 */
mdl_status mdli_block_allocate_slice(mdl_type type, mdli_block *parent, int32_t first_row,
                                     int32_t n_rows, mdli_block **out, mdl_error *error);

/*
 * Encodes a vector of 1 … MDLI_BLOCK_ROWS_MAX rows; the cheapest encoding is chosen by exact cost.
 * STRING vectors in dictionary form become DICTIONARY blocks when `dictionary` is given (codes
 * count in it; a reference is taken); else PLAIN or CONSTANT or ZSTD by cost. Thread-safe.
 */
mdl_status mdli_block_encode(mdl_context *context, const mdl_vector *values,
                             mdli_dictionary *dictionary, mdli_block **out, mdl_error *error);

/*
 * As mdli_block_encode of values that are alike those of a block of the same column, as when a few
 * of these are changed: what was found out to encode it need not be found anew.
 */
mdl_status mdli_block_encode_like(mdl_context *context, const mdl_vector *values,
                                  mdli_dictionary *dictionary, const mdli_block *like,
                                  mdli_block **out, mdl_error *error);

/*
 * Encodes a STRING vector, `values` in memory of the context, for mdli_string_column_from_blocks,
 * which gives blocks their last form: with a growing dictionary where texts come again, else PLAIN.
 * Blocks of the first kind cannot be decoded before that. `dictionary` belongs to one thread at a
 * time; blocks hold references to it.
 */
mdl_status mdli_growing_dictionary_create(mdl_context *context, mdli_dictionary **out,
                                          mdl_error *error);
mdl_status mdli_block_encode_loose_text(mdl_context *context, const mdl_vector *values,
                                        mdli_dictionary *dictionary, mdli_block **out,
                                        mdl_error *error);

/* As mdli_block_encode_loose_text for a vector of codes, whose few texts are in memory of the
 * context: the block gets a dictionary of its own in any case, and no text is hashed. A text may be
 * in it twice, if it is among the few. */
mdl_status mdli_block_encode_loose_codes(mdl_context *context, const mdl_vector *values,
                                         mdli_block **out, mdl_error *error);

/* Whether the block has a dictionary whose entries are all used, in the order of first appearance:
 * only of such a one it is known how many values are distinct. */
bool mdli_block_has_own_dictionary(const mdli_block *block);

/* As mdli_block_encode in a given encoding, for tests and benchmarks; MDL_E_UNSUPPORTED where the
 * type or the values cannot be held in it. */
mdl_status mdli_block_encode_as(mdl_context *context, mdl_encoding encoding,
                                const mdl_vector *values, mdli_dictionary *dictionary,
                                mdli_block **out, mdl_error *error);

/*
 * Allocates a block whose payload and validity, mdli_block_body_bytes from `*body` on, are the
 * caller's to fill in, as are the members that say what is known of the values.
 */
mdl_status mdli_block_allocate_unfilled(mdl_context *context, mdl_type type, mdl_encoding encoding,
                                        int32_t n_rows, int32_t n_nulls, int64_t payload_bytes,
                                        mdli_block **out, void **body, mdl_error *error);

/*
 * Memory for blocks that come many at a time: one piece, mapped at once, in which they lie one
 * behind another. It is freed with the last reference; each block has one.
 */
mdl_status mdli_slab_allocate(mdl_context *context, int64_t size_bytes, mdli_slab **out,
                              mdl_error *error);
/* Accepts NULL. */
void mdli_slab_release(mdli_slab *slab);

/* What a block takes of a slab. */
int64_t mdli_slab_bytes_of_block(int64_t payload_bytes, int32_t n_rows, int32_t n_nulls);

/* As mdli_block_allocate_unfilled, in the next bytes of a slab, which must be left. */
void mdli_slab_place_block(mdli_slab *slab, mdl_type type, mdl_encoding encoding, int32_t n_rows,
                           int32_t n_nulls, int64_t payload_bytes, mdli_block **out, void **body);

/* Copies n bits from bit `from_start` of `from` to bit `to_start` of `to`, whose other bits stay. A
 * NULL `from` stands for ones. */
void mdli_copy_validity(uint64_t *to, int64_t to_start, const uint64_t *from, int64_t from_start,
                        int64_t n);

/* Memory that decoded values live in; grows as needed and is reused. Zero-initialise; belongs to
 * one thread at a time. */
struct mdli_decode_buffer {
    mdl_context *context;
    void *values;
    int64_t values_bytes;
    uint64_t *validity;
    int64_t validity_words;
    int32_t *codes;
    int64_t codes_capacity;
    char *text;
    int64_t text_bytes;
    mdli_block
        *text_block; /* block whose decompressed text `text` holds, with a reference; or NULL */
};

void mdli_decode_buffer_init(mdli_decode_buffer *buffer, mdl_context *context);
void mdli_decode_buffer_free(mdli_decode_buffer *buffer);

/*
 * Decodes rows [start, start + n) of a block into `buffer`; `out` points into the buffer, the block
 * and its dictionary, and lives until the buffer's next use or the block's end. Fast when start is
 * a multiple of MDLI_FRAME_ROWS. `out->validity` is NULL when none of these rows is NULL. A
 * DICTIONARY STRING block gives codes and dictionary, never `values`.
 */
mdl_status mdli_block_decode(const mdli_block *block, int64_t start, int64_t n,
                             mdli_decode_buffer *buffer, mdl_vector *out, mdl_error *error);

/*
 * Proves that a block from outside can be decoded without leaving its memory, and that what it says
 * of its values is true; operators rely on both. `*fault` is NULL, or what is wrong in words that
 * go on from "block 3: ".
 */
mdl_status mdli_block_check(const mdli_block *block, mdli_decode_buffer *buffer, const char **fault,
                            mdl_error *error);

/* Whether the payloads of two blocks are the same; and whether all that they have is, if their
 * dictionaries say the same. */
bool mdli_blocks_have_same_bytes(const mdli_block *a, const mdli_block *b);
bool mdli_blocks_have_same_bodies(const mdli_block *a, const mdli_block *b);

/* The runs of a RUN_LENGTH or CONSTANT block of an integer-like type without NULL: run r holds
 * values[r] in rows [ends[r−1], ends[r]). False when the block is not of that kind. Pointers live
 * as long as the block. */
bool mdli_block_runs(const mdli_block *block, const int64_t **values, const int32_t **ends,
                     int32_t *n_runs);

/* The run that holds row `row` of a block: the first that ends behind it. */
int32_t mdli_find_run(const int32_t *ends, int32_t n_runs, int64_t row);

/*
 * Values of an integer-like block without NULL among which all of its values are, where its
 * encoding lists them (CONSTANT, RUN_LENGTH, DICTIONARY, slices of it, and blocks of at most
 * MDLI_VECTOR_ROWS rows): at most `capacity` of them, each once, in no order. Only a slice may list
 * more than it holds. −1 when they are not listed or more than that.
 */
int32_t mdli_block_distinct_values(const mdli_block *block, int64_t *values, int32_t capacity);

/*
 * Whether the values of an integer-like block without NULL are known to rise strictly from row to row
 * within each of some runs of rows, the first from row 0 on, each up to ends[r]. Told by how the
 * block is packed; false also when that does not show it. block_rises.c
 */
bool mdli_block_rises_in_runs(const mdli_block *block, const int32_t *ends, int32_t n_runs);

/* A column. `row_starts[b]` is the first row of block b; `row_starts[n_blocks]` = n_rows. */
struct mdl_column {
    atomic_int references;
    mdl_context *context;
    mdl_type type;
    int64_t n_rows;
    int64_t n_blocks;
    mdli_block **blocks;
    int64_t *row_starts;
    mdl_column_stats stats;
    mdli_dictionary *dictionary; /* borrowed: the one that all blocks share, or NULL */
};

mdl_column *mdli_column_retain(const mdl_column *column);
void mdli_column_release(mdl_column *column);

/*
 * Makes a column of blocks. Takes over one reference to each block, also when it fails. Empty
 * blocks are not allowed; n_blocks may be 0.
 */
mdl_status mdli_column_from_blocks(mdl_context *context, mdl_type type, mdli_block **blocks,
                                   int64_t n_blocks, mdl_column **out, mdl_error *error);

/* As mdli_column_from_blocks for STRING blocks that were encoded apart: finds over all of them
 * whether one dictionary pays, and if so encodes them again with it, in parallel. The dictionary
 * does not depend on how rows were cut in blocks. */
mdl_status mdli_string_column_from_blocks(mdl_context *context, mdli_block **blocks,
                                          int64_t n_blocks, mdl_column **out, mdl_error *error);

/* Encodes the values of a block, for a column that mdli_column_from_parts makes of such: texts are left
 * as they are, unless they have codes in `dictionary`. Thread-safe. */
mdl_status mdli_column_encode_part(mdl_context *context, const mdl_vector *values,
                                   mdli_dictionary *dictionary, mdli_block **out, mdl_error *error);

/* Makes a column of any type of encoded parts; takes over references as mdli_column_from_blocks. */
mdl_status mdli_column_from_parts(mdl_context *context, mdl_type type, mdli_block **blocks,
                                  int64_t n_blocks, mdl_column **out, mdl_error *error);

/* The rows of `first`, then those of `second`; blocks are shared. */
mdl_status mdli_column_concat(mdl_context *context, const mdl_column *first,
                              const mdl_column *second, mdl_column **out, mdl_error *error);

/* The same values under another type with the same form (INT64 as TIMESTAMP, INT32 as DECIMAL).
 * Payloads are shared. */
mdl_status mdli_column_retype(mdl_context *context, const mdl_column *column, mdl_type type,
                              mdl_column **out, mdl_error *error);

/* Whether mdli_block_runs tells the runs of each block of a column. */
bool mdli_column_is_in_runs(const mdl_column *column);

/* The block that holds `row`. */
int64_t mdli_column_find_block(const mdl_column *column, int64_t row);

/*
 * Decodes rows [row, row + n), n ≤ MDLI_BLOCK_ROWS_MAX, wherever blocks are cut: direct when they
 * lie in one block, else gathered in the buffer. A STRING column whose blocks have different
 * dictionaries gives `values`.
 */
mdl_status mdli_column_read(const mdl_column *column, int64_t row, int64_t n,
                            mdli_decode_buffer *buffer, mdl_vector *out, mdl_error *error);

/*
 * Builds a column row run by row run; encodes a block whenever block_rows values have come. Belongs
 * to one thread. Zero-initialise, then mdli_column_builder_init.
 */
typedef struct mdli_column_builder mdli_column_builder;

mdl_status mdli_column_builder_create(mdl_context *context, mdl_type type,
                                      mdli_column_builder **out, mdl_error *error);
mdl_status mdli_column_builder_append(mdli_column_builder *builder, const mdl_vector *values,
                                      mdl_error *error);
/* Rows so far. */
int64_t mdli_column_builder_n_rows(const mdli_column_builder *builder);
mdl_status mdli_column_builder_finish(mdli_column_builder *builder, mdl_column **out,
                                      mdl_error *error);
void mdli_column_builder_free(mdli_column_builder *builder);

/*
 * Makes a column from one array of any length, encoding its blocks in parallel. STRING vectors in
 * dictionary form keep `dictionary` when it is given.
 */
mdl_status mdli_column_from_vector(mdl_context *context, const mdl_vector *values,
                                   mdli_dictionary *dictionary, mdl_column **out, mdl_error *error);

/* Makes a dictionary from distinct strings, copied. */
mdl_status mdli_dictionary_create(mdl_context *context, const mdl_string *entries,
                                  int64_t n_entries, mdli_dictionary **out, mdl_error *error);

/*
 * What a table may carry beside its columns: for each value of one of them, the key, how many rows
 * have each value of another, and the bounds of a third in them. operators/table_summary.c makes
 * it and says what it is good for.
 */
typedef struct mdli_summary {
    int32_t key; /* columns of the table */
    int32_t value;
    int32_t extreme; /* −1 = none */
    int32_t n_values;
    int64_t values[MDLI_HISTOGRAM_MAX]; /* of `value`, ascending */
    /* Ascending by its first column, the key; then least and greatest of `extreme` if there is one;
     * then the rows with each value. */
    mdl_table *groups;
} mdli_summary;

/* The column of a summary's groups that counts the rows with its first value. */
static inline int32_t mdli_summary_first_count(const mdli_summary *summary)
{
    return summary->extreme >= 0 ? 3 : 1;
}

struct mdl_table {
    atomic_int references;
    mdl_context *context;
    int64_t n_rows;
    int32_t n_columns;
    char **names;
    mdl_column **columns;
    mdli_summary *summary; /* NULL = none */
};

/*
 * Makes a table of columns of one length. Takes over a reference to each column, also when it
 * fails; names are copied. `n_rows` counts when there is no column.
 */
mdl_status mdli_table_create(mdl_context *context, const char *const *names, mdl_column **columns,
                             int32_t n_columns, int64_t n_rows, mdl_table **out, mdl_error *error);

/* A table of no rows with these fields. */
mdl_status mdli_table_create_empty(mdl_context *context, const mdl_field *fields, int32_t n_fields,
                                   mdl_table **out, mdl_error *error);

/* The rows of `first`, then those of `second`; names and types must be the same (MDL_E_SCHEMA). */
mdl_status mdli_table_concat(mdl_context *context, const mdl_table *first, const mdl_table *second,
                             mdl_table **out, mdl_error *error);

#endif
