/*
 * A version of a store in memory, and its manifest: the file that lists all of it.
 * docs/format.md describes the bytes.
 */
#ifndef MDLI_STORE_STORED_VERSION_H
#define MDLI_STORE_STORED_VERSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "column/column_internal.h"

/* The format that is written, and the newest that is read. Format 2 had no checksums of parts.
 * Format 1 had no slices either, and did not say what compressed pieces had been. */
#define MDLI_STORE_FORMAT 3

#define MDLI_CURRENT_BYTES         32
#define MDLI_SEGMENT_HEADER_BYTES  32
#define MDLI_MANIFEST_HEADER_BYTES 128

/* Most bytes of a table's or column's name, and of a commit's message. */
#define MDLI_NAME_BYTES_MAX    255
#define MDLI_MESSAGE_BYTES_MAX 65535

/* Most rows of a table and bytes of a segment: small enough that sums over a manifest fit. */
#define MDLI_TABLE_ROWS_MAX    (INT64_C(1) << 36)
#define MDLI_SEGMENT_BYTES_MAX (INT64_C(1) << 38)

/* Most bytes of a manifest: those of some millions of blocks. */
#define MDLI_MANIFEST_BYTES_MAX (INT64_C(1) << 30)

/* The name of a segment: XXH3-128 over the ids of what is in it, in order. */
typedef struct mdli_segment_id {
    uint64_t low;
    uint64_t high;
} mdli_segment_id;

typedef struct mdli_segment {
    mdli_segment_id id;
    int64_t size_bytes;
} mdli_segment;

/*
 * Bytes in a segment: the body of a block, or a dictionary.
 *
 * The XXH3-128 of the bytes before compression tells a commit without compressing that a version
 * has them; for a piece that is not compressed it is that of its content.
 */
typedef struct mdli_piece {
    int32_t segment; /* in the version's list; −1 = no bytes */
    bool is_compressed;
    int64_t offset_bytes;
    int64_t raw_bytes;
    uint64_t raw_low; /* both halves 0 = not known: a store of format 1 */
    uint64_t raw_high;
    mdli_content_id content;
    const uint64_t *part_hashes; /* mdli_part_hash of each part; NULL = it is read as a whole */
} mdli_piece;

typedef struct mdli_stored_dictionary {
    mdli_piece piece;
    int64_t n_entries;
} mdli_stored_dictionary;

/* As mdli_block has them. */
typedef struct mdli_stored_block {
    mdl_type type;
    mdl_encoding encoding;
    bool has_min_max;
    bool is_sorted;
    bool is_strictly_sorted;
    int32_t n_rows;
    int32_t n_nulls;
    int32_t n_distinct;
    int64_t min;
    int64_t max;
    int64_t first;
    int64_t last;
    int64_t payload_bytes;
    int32_t dictionary; /* in the version's list; −1 = none */
    int32_t parent;     /* SLICE: in the list of blocks, before the slice; −1 = none */
    int32_t first_row;  /* of the parent */
    mdli_piece piece;   /* a slice has none */
} mdli_stored_block;

typedef struct mdli_stored_column {
    const char *name;
    mdl_type type;      /* that of its blocks, or another of the same form */
    int64_t n_distinct; /* of texts; −1 = not known */
    int32_t n_blocks;
    int32_t *blocks; /* in the version's list */
} mdli_stored_column;

typedef struct mdli_stored_table {
    const char *name;
    int64_t n_rows;
    int32_t n_columns;
    mdli_stored_column *columns;
} mdli_stored_table;

/* All memory is the arena's. */
typedef struct mdli_version {
    mdli_arena arena;
    int64_t number;
    int64_t committed_at;
    const char *message;
    int64_t n_rows;     /* of all tables */
    int64_t size_bytes; /* of its distinct pieces, as stored */
    int64_t new_bytes;  /* of them, written by its own commit */
    int32_t n_segments;
    mdli_segment *segments;
    int32_t n_dictionaries;
    mdli_stored_dictionary *dictionaries;
    int32_t n_blocks;
    mdli_stored_block *blocks;
    int32_t n_tables;
    mdli_stored_table *tables;
} mdli_version;

void mdli_version_init(mdli_version *version, mdl_context *context);
void mdli_version_clear(mdli_version *version);

/* The table of that name, or NULL. */
const mdli_stored_table *mdli_version_find_table(const mdli_version *version, const char *name);

/* As mdli_store_tables_are_same. */
bool mdli_stored_tables_are_same(const mdli_stored_table *a, const mdli_stored_table *b);

/* The bytes that a block has on disk before compression. */
int64_t mdli_stored_block_bytes(const mdli_stored_block *block);

/* The XXH3-128 of bytes, with the vectors of the context's processor. */
void mdli_hash_stored(const mdl_context *context, const void *bytes, int64_t size_bytes,
                      uint64_t *low, uint64_t *high);

/* The low half of the XXH3-128 of part number `part` of a body. */
uint64_t mdli_part_hash(const mdl_context *context, const void *body, int64_t body_bytes,
                        int64_t part);

/* Fills in `n_rows` and `size_bytes` from the lists. */
mdl_status mdli_version_add_up(mdli_version *version, mdl_error *error);

/* Whether a name can be written: 1 … MDLI_NAME_BYTES_MAX bytes of UTF-8. */
bool mdli_is_storable_name(const char *name, int64_t size_bytes);

/* The first of n names that is there twice, or NULL; sorts them. */
const char *mdli_find_repeated_name(const char **names, int64_t n);

/*
 * Bytes and back. What is wrong with bytes is told as a text that goes on from "FILE is damaged: ",
 * with MDL_E_CORRUPT, or, for a newer format, MDL_E_UNSUPPORTED.
 */

/* CURRENT: the number of the latest version. */
void mdli_current_encode(int64_t number, uint8_t bytes[MDLI_CURRENT_BYTES]);
mdl_status mdli_current_decode(const uint8_t *bytes, int64_t size_bytes, const char *path,
                               int64_t *number, mdl_error *error);

void mdli_segment_header_encode(const mdli_segment_id *id,
                                uint8_t bytes[MDLI_SEGMENT_HEADER_BYTES]);
mdl_status mdli_segment_header_decode(const uint8_t bytes[MDLI_SEGMENT_HEADER_BYTES],
                                      const mdli_segment_id *id, const char *path,
                                      mdl_error *error);

/* A manifest, to be freed with mdli_free. */
mdl_status mdli_manifest_encode(mdl_context *context, const mdli_version *version, void **bytes,
                                int64_t *size_bytes, mdl_error *error);

/* Reads a manifest into a version that was initialised; who calls clears it after a failure too. */
mdl_status mdli_manifest_decode(const uint8_t *bytes, int64_t size_bytes, const char *path,
                                mdli_version *version, mdl_error *error);

/* Reads the lists that are behind the head of a manifest of some format, decompressed. */
mdl_status mdli_manifest_body_decode(const uint8_t *bytes, int64_t size_bytes, int format,
                                     const char *path, mdli_version *version, mdl_error *error);

/* What the head of a manifest tells: header and message, the first bytes of the file. */
typedef struct mdli_manifest_head {
    int format;
    int64_t number;
    int64_t committed_at;
    int32_t n_tables;
    int64_t n_rows;
    int64_t size_bytes;
    int64_t new_bytes;
    int32_t message_bytes;
    const char *message; /* in `bytes`, not NUL-terminated */
} mdli_manifest_head;

mdl_status mdli_manifest_head_decode(const uint8_t *bytes, int64_t size_bytes, const char *path,
                                     mdli_manifest_head *head, mdl_error *error);

/* "PATH is damaged: WHAT", with the path in its field. */
mdl_status mdli_error_damaged(mdl_error *error, const char *path, const char *format, ...)
    MDL_PRINTF(3, 4);

#endif
