/*
 * What the files of block_integer.c share: the payloads of RUN_LENGTH and DICTIONARY, and the set of
 * distinct values by which a dictionary is made.
 */
#ifndef MDLI_COLUMN_BLOCK_INTEGER_H
#define MDLI_COLUMN_BLOCK_INTEGER_H

#include <stdbool.h>
#include <stdint.h>

#include "column/block_internal.h"

/* Whether a row of a bitmap, NULL = all ones, is not NULL. */
static inline bool mdli_is_valid(const uint64_t *validity, int64_t row)
{
    return validity == NULL || (validity[row >> 6] >> (row & 63) & 1) != 0;
}

/*
 * RUN_LENGTH.
 */

typedef struct mdli_run_view {
    const int64_t *values;
    const int32_t *ends;
    int32_t n_runs;
} mdli_run_view;

static inline int64_t mdli_run_length_bytes(int64_t n_runs)
{
    return n_runs * (int64_t)(sizeof(int64_t) + sizeof(int32_t));
}

static inline mdli_run_view mdli_open_runs(const mdli_block *block)
{
    mdli_run_view runs = {.values = block->payload};
    runs.n_runs = (int32_t)(block->payload_bytes / mdli_run_length_bytes(1));
    runs.ends = (const int32_t *)(runs.values + runs.n_runs);
    return runs;
}

/*
 * DICTIONARY: its values follow the header, then come the frames of codes.
 */

typedef struct mdli_integer_dictionary {
    uint32_t n_values;
    uint32_t width;
} mdli_integer_dictionary;

static inline int64_t mdli_dictionary_directory_bytes(int64_t n_values, bool is_64)
{
    return mdli_align_payload((int64_t)sizeof(mdli_integer_dictionary) +
                              n_values * (is_64 ? 8 : 4));
}

/* Where the codes of frame `f` are packed, `codes` being those of the first. */
static inline const uint8_t *mdli_packed_codes_at(const mdli_integer_dictionary *dictionary,
                                                  const uint8_t *codes, int64_t f)
{
    return codes + f * (int64_t)dictionary->width * MDLI_FRAME_BYTES_PER_BIT;
}

/* Where the codes of a block's first frame are packed. */
static inline const uint8_t *mdli_packed_codes(const mdli_block *block)
{
    const mdli_integer_dictionary *dictionary = block->payload;
    return (const uint8_t *)block->payload +
           mdli_dictionary_directory_bytes(dictionary->n_values,
                                           mdli_value_bytes(block->type) == 8);
}

/*
 * Distinct values.
 */

/* Slots of the set: addressed by value - least value when the values are that close, else by hash.
 * Values that are even closer are looked up a frame at once. */
#define MDLI_DIRECT_SLOTS 4096

typedef struct mdli_distinct_values {
    bool is_known; /* all values are in; else they were not looked at, or are too many */
    bool is_direct;
    /* `near` holds of each slot: while values are looked for, whether it is not empty; then its
     * value's position. */
    bool is_near;
    int64_t min;
    int32_t n_values;
    int64_t values[MDLI_INTEGER_DICTIONARY_MAX];
    uint16_t codes[MDLI_DIRECT_SLOTS]; /* position in `values` + 1; 0 = empty slot */
    uint8_t near[MDLI_NEAR_VALUES];
} mdli_distinct_values;

/* Finds the distinct values and puts them in order, unless there are too many. */
void mdli_find_distinct_values(mdli_distinct_values *set, const mdli_profile *profile);

/* Bytes of a DICTIONARY payload. */
int64_t mdli_dictionary_payload_bytes(const mdli_profile *profile, int32_t n_values);

/* Writes it; the set is known. */
void mdli_write_dictionary(const mdli_profile *profile, const mdli_distinct_values *set,
                           void *payload);

/* Says of a block what its values are; `n_listed` distinct ones are known to be there, -1 = they
 * were not looked for. */
void mdli_block_note_summary(mdli_block *block, const mdli_value_summary *summary,
                             int32_t n_listed);

#endif
