/*
 * Sort keys: several columns of a row, of any type and direction, as one unsigned number of few
 * bits.
 *
 * Each column gives a field of just as many bits as its range needs, with a bit above it for NULL
 * where there are any, so that NULL comes last in either direction. The first column takes the
 * highest bits. Rows then compare as numbers of `n_bits` bits, which lie in words of 64 bits, the
 * lowest word first.
 */
#ifndef MDLI_OPERATORS_SORT_KEYS_H
#define MDLI_OPERATORS_SORT_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tuning.h"
#include "column/column_internal.h"
#include "operators/expression.h"

/* One column of a key. */
typedef struct mdli_sort_column {
    const mdl_column *column;
    bool is_descending;
    bool has_nulls;
    int64_t least; /* bounds of integer-like values */
    int64_t greatest;
    int32_t n_value_bits;
    int32_t first_bit; /* of the value; the one for NULL lies above the value */
    int32_t *ranks; /* STRING: place in the order of the texts, by code or, without codes, by row;
                       NULL = the codes themselves */
    bool has_codes;
} mdli_sort_column;

typedef struct mdli_sort_keys {
    mdl_context *context;
    int64_t n_rows;
    int32_t n_columns;
    mdli_sort_column *columns;
    int32_t n_bits;
    int32_t n_words; /* at least 1 */
} mdli_sort_keys;

/* Prepares the keys of a table, which must outlive them. Zero-initialised keys may be freed. */
mdl_status mdli_sort_keys_init(mdli_sort_keys *keys, mdl_context *context, const mdl_table *table,
                               const mdli_key *columns, int32_t n_columns, mdl_error *error);
/* As mdli_sort_keys_init for keys of which only equality counts: texts may stand in any order. */
mdl_status mdli_sort_keys_init_unordered(mdli_sort_keys *keys, mdl_context *context,
                                         const mdl_table *table, const mdli_key *columns,
                                         int32_t n_columns, mdl_error *error);
/* As mdli_sort_keys_init, but for texts of large dictionaries fields are codes, which only
 * mdli_sort_column_compare can put in order. */
mdl_status mdli_sort_keys_init_compared(mdli_sort_keys *keys, mdl_context *context,
                                        const mdl_table *table, const mdli_key *columns,
                                        int32_t n_columns, mdl_error *error);
void mdli_sort_keys_free(mdli_sort_keys *keys);

/* Bits of all columns but the first `n_columns`: a key without them is the key of those. */
int32_t mdli_sort_keys_bits_after(const mdli_sort_keys *keys, int32_t n_columns);

/*
 * Reads the fields of a column for rows [row, row + n) to `values`; 0 where `validity` (NULL = all
 * valid), which lives as long as the buffer is left alone, says NULL.
 */
mdl_status mdli_sort_column_read(const mdli_sort_column *key, int64_t row, int64_t n,
                                 mdli_decode_buffer *buffer, uint64_t *values,
                                 const uint64_t **validity, mdl_error *error);

/* Whether the fields of a column are codes, whose order is not that of their texts. */
static inline bool mdli_sort_column_has_codes_only(const mdli_sort_column *key)
{
    return key->has_codes && key->ranks == NULL;
}

/* Orders two fields of a column by their values: < 0, 0, > 0. Neither is of a NULL. */
int mdli_sort_column_compare(const mdli_sort_column *key, uint64_t a, uint64_t b);

/* The first eight bytes of a text as a number, padded with zeros: texts whose numbers differ are in
 * the order of these. */
static inline uint64_t mdli_text_prefix(mdl_string text)
{
    uint64_t prefix = 0;
    for (int64_t i = 0; i < 8; i++) {
        prefix = prefix << 8 | (i < text.size_bytes ? (uint8_t)text.data[i] : 0);
    }
    return prefix;
}

/* Distance between words of one key. Index 0 is that of the row before. */
#define MDLI_SORT_STRIDE (MDLI_VECTOR_ROWS + 1)

/* How a row's key lies to that of the row before. */
typedef enum mdli_relation {
    MDLI_RELATION_EQUAL = 0,
    MDLI_RELATION_ABOVE = 1, /* also: there is no row before */
    MDLI_RELATION_BELOW = 2
} mdli_relation;

/* Reads keys vector by vector; belongs to one thread at a time. */
typedef struct mdli_sort_reader {
    const mdli_sort_keys *keys;
    mdli_decode_buffer buffer;
    int64_t n_rows;     /* of the last read */
    bool has_previous;  /* index 0 holds the row before */
    uint64_t *words;    /* word w of row i: words[w * MDLI_SORT_STRIDE + 1 + i] */
    uint64_t *values;   /* scratch */
    uint8_t *relations; /* an mdli_relation for each row, of mdli_sort_reader_relate */
} mdli_sort_reader;

mdl_status mdli_sort_reader_init(mdli_sort_reader *reader, const mdli_sort_keys *keys,
                                 mdl_error *error);
void mdli_sort_reader_free(mdli_sort_reader *reader);

/* Makes and frees readers for as many workers. */
mdl_status mdli_sort_readers_create(const mdli_sort_keys *keys, int n_readers,
                                    mdli_sort_reader **out, mdl_error *error);
void mdli_sort_readers_free(mdl_context *context, mdli_sort_reader *readers, int n_readers);

/* Lets the next read start at `row`; the row before it is read here. */
mdl_status mdli_sort_reader_seek(mdli_sort_reader *reader, int64_t row, mdl_error *error);

/* Reads rows [row, row + n), n ≤ MDLI_VECTOR_ROWS, that follow the last read or seek. */
mdl_status mdli_sort_reader_read(mdli_sort_reader *reader, int64_t row, int64_t n,
                                 mdl_error *error);

/* Fills `relations` for the rows read, leaving the lowest `n_ignored_bits` bits of the keys out. */
void mdli_sort_reader_relate(mdli_sort_reader *reader, int32_t n_ignored_bits);

#endif
