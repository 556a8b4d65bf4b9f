/*
 * Every constant that trades speed against memory, with its reason, in one place.
 */
#ifndef MDLI_BASE_TUNING_H
#define MDLI_BASE_TUNING_H

/* Most rows in a block: positions in a block fit 16 bits, and a decoded column of a block (256 KiB
 * of INT32) fits a level-2 cache. */
#define MDLI_BLOCK_ROWS_MAX 65536

/* Rows of a frame, the unit of bit-packing: 32 rows of 8 lanes of 32 bits, so that AVX2 unpacks a
 * lane row with one vector, and a frame's base and width follow what is local (the timestamps of
 * one user). */
#define MDLI_FRAME_ROWS 256

/* Pieces of a full block that an upsert leaves: rows between two changes are not encoded again where
 * they are at least this part of a block (4,096). A piece costs a partly used frame, a short vector
 * and the bytes of its statistics wherever it is read, a hundredth of its rows or so. */
#define MDLI_BLOCK_PIECES 16

/* Rows that operators work on at once: a handful of such vectors stay in a level-1/2 cache. A
 * multiple of MDLI_FRAME_ROWS. */
#define MDLI_VECTOR_ROWS 2048

/* Bytes of a file per job: parsed rows of a chunk stay in a level-2 cache until they are encoded.
 */
#define MDLI_CHUNK_BYTES (1 << 20)

/* Dense arrays instead of a hash table when the key range is at most this many times the rows, plus
 * a floor under which an array is always cheap. */
#define MDLI_DENSE_RANGE_PER_ROW 4
#define MDLI_DENSE_RANGE_FLOOR   65536

/* The same floor for maps of joins, which have 12 bytes per value of the range and are asked once for
 * every row: ids of users and movies are sparse in small tables. */
#define MDLI_JOIN_RANGE_FLOOR ((int64_t)1 << 19)

/* Bits up to which distinct values of all groups are noted in a bitmap (32 MiB). */
#define MDLI_DISTINCT_BITS_MAX ((int64_t)1 << 28)

/* Slots up to which further group keys below a sorted one are kept in an array per run. */
#define MDLI_SUBKEY_SLOTS_MAX 65536

/* Distinct values of an argument that is counted by value: with two distances they fill a line of
 * 64 bytes at most; and the span of its values, for a table of codes that stays in a level-1 cache.
 */
#define MDLI_HISTOGRAM_MAX      14
#define MDLI_HISTOGRAM_SPAN_MAX 4096

/* Groups up to which a morsel's list has room for all at once that are expected, by the range of
 * their key: more may never come, where keys are sparse. */
#define MDLI_MORSEL_GROUPS_MAX 4096

/* Groups of a run that are kept in lanes: all are looked at when the run ends, and their numbers,
 * with one to spare, fit a byte. */
#define MDLI_LANES_MAX 255

/* Memory up to which every worker gets a dense array of groups of its own. */
#define MDLI_DENSE_BYTES_MAX ((int64_t)1 << 29)

/* Fewest rows of a morsel, but for the last: smaller blocks are worked on together. */
#define MDLI_MORSEL_ROWS_MIN 16384

/* Distinct values up to which an integer block may be dictionary-encoded. */
#define MDLI_INTEGER_DICTIONARY_MAX 256

#endif
