/*
 * The bytes that a commit is to have on disk: which of them the version at hand has already, and the
 * segment that takes the others.
 */
#ifndef MDLI_STORE_SEGMENT_WRITER_H
#define MDLI_STORE_SEGMENT_WRITER_H

#include "base/compression.h"
#include "kernels/hash_kernels.h"
#include "store/slot_table.h"
#include "store/store_internal.h"

/* Bytes in memory: the body of a block that owns its payload, or a dictionary. */
typedef struct mdli_source {
    const mdli_block *block;
    const mdli_dictionary *dictionary;
    mdli_piece piece; /* the new segment counts as the one behind the last of the base */
    bool is_placed;
    const void *stored; /* what is to be written */
    void *memory;       /* that this lies in, where it is not the source's own */
    void *part_hashes;  /* of what is new, for the piece; NULL = it has none */
} mdli_source;

typedef struct mdli_segment_writer {
    mdl_context *context;
    const mdli_file_system *files;
    const char *folder; /* of the store */
    const mdli_version *base;

    void *sources; /* of mdli_source */
    int64_t capacity;
    int64_t n_sources;
    mdli_slot_table sources_by_address;

    /* Pieces of the base and of the new segment. */
    mdli_piece *pieces;
    int64_t n_pieces;
    mdli_slot_table pieces_by_content;
    mdli_slot_table pieces_by_raw_hash;

    int64_t wave_start;            /* source of job 0 */
    mdli_compressor **compressors; /* by worker; NULL = it has compressed nothing so far */
    int n_compressors;

    mdli_store_path path;
    mdli_store_path new_path; /* before it has its name */
    int file;                 /* −1 = there is nothing new yet */
    mdli_segment segment;
    mdli_hash_state hash; /* of what is in it, for its id */
    uint8_t *buffer;      /* the last bytes, which are not written yet */
    int64_t n_buffered;
    bool has_name; /* which no segment had before */
} mdli_segment_writer;

/* For the commit after the version that is at hand; the store stays as it is while it is used. */
void mdli_segment_writer_init(mdli_segment_writer *writer, const mdl_store *store);
void mdli_segment_writer_free(mdli_segment_writer *writer);

/* Adds the body of a block that has one and owns its payload, or a dictionary with entries; once,
 * if it comes again. `*number` is for mdli_segment_writer_piece. */
mdl_status mdli_segment_writer_add(mdli_segment_writer *writer, const mdli_block *block,
                                   const mdli_dictionary *dictionary, int32_t *number,
                                   mdl_error *error);

/* Writes all that is new and gives the segment its name. Without anything new there is none. */
mdl_status mdli_segment_writer_write(mdli_segment_writer *writer, mdl_error *error);

/* Where the bytes are, once they were written; of none for number −1. */
mdli_piece mdli_segment_writer_piece(const mdli_segment_writer *writer, int32_t number);

/* Notes on the blocks and dictionaries what they are on disk. */
void mdli_segment_writer_note_contents(const mdli_segment_writer *writer);

/* Removes what was written. */
void mdli_segment_writer_remove(mdli_segment_writer *writer);

#endif
