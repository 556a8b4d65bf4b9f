/*
 * The dictionaries that blocks refer to on their way to a column of STRING: which of their entries
 * the rows have, in the order in which they first have them, and how long the rows' texts are.
 */
#ifndef MDLI_COLUMN_TEXT_SOURCES_H
#define MDLI_COLUMN_TEXT_SOURCES_H

#include "column/column_internal.h"
#include "column/string_set.h"

/* A dictionary that some of the blocks refer to. */
typedef struct mdli_text_source {
    mdli_dictionary *dictionary; /* borrowed from the blocks */
    int64_t n_rows;              /* of these blocks */
    int32_t *listed; /* the entries that are in rows, in the order in which they first are */
    int64_t n_listed;
    int64_t listed_bytes; /* of their texts */
    bool is_in_order;     /* the listed entries are 0, 1, 2 … */
    int32_t *codes;       /* of the listed entries in the column's dictionary, by entry */
    int64_t text_bytes;   /* of all rows */
    int64_t longest_bytes;
} mdli_text_source;

/* The entries that the rows of a block have and no row of its source before them. */
typedef struct mdli_listed_range {
    int64_t first; /* in the source's list */
    int64_t n;
} mdli_listed_range;

typedef struct mdli_text_sources {
    mdl_context *context;
    mdli_text_source *sources;
    int32_t n_sources;
    int32_t *of_blocks; /* the source of each block; −1 = none: its texts are to be looked at */
    mdli_listed_range *ranges; /* of each block with a source */
} mdli_text_sources;

/* Finds the sources of blocks and lists their entries. To be freed also when it fails. */
mdl_status mdli_text_sources_init(mdli_text_sources *sources, mdl_context *context,
                                  mdli_block *const *blocks, int64_t n_blocks, mdl_error *error);
void mdli_text_sources_free(mdli_text_sources *sources);

/* An entry of a source's dictionary. */
mdli_headed_text mdli_text_source_entry(const mdli_text_source *source, int32_t entry);

#endif
