/**
 * @file column.h
 * Columns: immutable, typed, nullable, compressed in blocks with statistics.
 *
 * A column belongs to the tables that show it; tables share columns freely. The functions here look
 * at one through a pointer from ::mdl_table_column, which lives as long as that table. All are
 * thread-safe and never fail. Values are read with a cursor (table.h).
 */
#ifndef MEDALLION_COLUMN_H
#define MEDALLION_COLUMN_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/export.h"
#include "medallion/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A column; opaque, immutable. */
typedef struct mdl_column mdl_column;

/**
 * How a block holds its values. Each block takes the encoding that costs the fewest bytes (counted,
 * not estimated); ties go to the one that decodes faster. zstd is for text of at least 4 KiB,
 * and 64 bytes a row, of which it saves at least a fifth: short texts are not worth its time.
 */
#define MDL_ENCODING_LIST(X)                                                                       \
    X(CONSTANT, 1, "constant")        /* one value, or all NULL */                                 \
    X(RUN_LENGTH, 2, "run-length")    /* values and the rows where their runs end */               \
    X(FRAME, 3, "frame-of-reference") /* value − minimum, bit-packed */                          \
    X(DELTA, 4, "delta")           /* value − value before − least difference, bit-packed */   \
    X(DICTIONARY, 5, "dictionary") /* positions in the column's dictionary, bit-packed */          \
    X(PLAIN, 6, "plain")           /* as in a vector; text as lengths and bytes */                 \
    X(ZSTD, 7, "zstd")             /* text: lengths, and the bytes compressed by zstd */           \
    X(SLICE, 8, "slice")           /* rows of another block, which is not copied: see mdl_upsert */

/** The encoding of a block. */
typedef enum mdl_encoding {
#define MDL_ENCODING_ENUM(name, value, text) MDL_ENCODING_##name = value,
    MDL_ENCODING_LIST(MDL_ENCODING_ENUM)
#undef MDL_ENCODING_ENUM
} mdl_encoding;

/** The name of an encoding, such as "run-length"; "?" for a value that is none. */
MDL_API const char *mdl_encoding_name(mdl_encoding encoding);

/** What is known of a block or of a whole column without decoding it. */
typedef struct mdl_column_stats {
    int64_t n_rows;
    int64_t n_nulls;
    mdl_value
        min; /**< least value that is not NULL; is_null when there is none. Not kept for STRING */
    mdl_value max;  /**< greatest value that is not NULL; likewise */
    bool is_sorted; /**< true = no NULL and values never fall from row to row (false = not known;
                       not kept for STRING) */
    bool is_strictly_sorted; /**< true = sorted, and no value twice (false = not known) */
    int64_t n_distinct;      /**< distinct values that are not NULL; -1 = not known */
    int64_t
        size_bytes; /**< bytes held by the encoded values, null bitmap and dictionary included; a
                       slice counts for its part of the block that it refers to */
} mdl_column_stats;

/** The type of the values. */
MDL_API mdl_type mdl_column_type(const mdl_column *column);

/** Rows in the column. */
MDL_API int64_t mdl_column_n_rows(const mdl_column *column);

/** Statistics of the whole column. */
MDL_API mdl_column_stats mdl_column_get_stats(const mdl_column *column);

/** Blocks in the column. */
MDL_API int64_t mdl_column_n_blocks(const mdl_column *column);

/** Statistics and encoding of block `block`, 0 ≤ block < ::mdl_column_n_blocks. `min` and `max` of a
 * slice that is not sorted need not be values of it: its values lie between them. */
MDL_API mdl_column_stats mdl_column_block_stats(const mdl_column *column, int64_t block,
                                                mdl_encoding *encoding);

#ifdef __cplusplus
}
#endif

#endif
