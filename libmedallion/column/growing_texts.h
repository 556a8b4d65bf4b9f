/*
 * Growing dictionaries: the texts of the blocks that one thread encodes for a column, all that it
 * reads of a file. Blocks have their last codes only when all blocks of the column are known
 * (string_column.c); until then a text is hashed once for each row, kept once for each thread, and
 * never looked at again.
 */
#ifndef MDLI_COLUMN_GROWING_TEXTS_H
#define MDLI_COLUMN_GROWING_TEXTS_H

#include "base/memory.h"
#include "column/column_internal.h"
#include "column/string_set.h"

/* What a dictionary has instead of entries while it grows. */
typedef struct mdli_growing_texts {
    mdli_string_set set;
    mdli_arena arena; /* of the bytes of its texts */
    char *next;       /* what is left of the arena's last piece */
    int64_t n_left;
    bool are_repeated; /* many of the last block's texts had come before */
} mdli_growing_texts;

/* Frees what a growing dictionary has besides its own struct. */
void mdli_growing_dictionary_clear(mdli_dictionary *dictionary);

/* Lists the entries of a growing dictionary as those of others are, so that blocks which refer to
 * it can be decoded; it must not grow any more. */
mdl_status mdli_growing_dictionary_list(mdli_dictionary *dictionary, mdl_error *error);

#endif
