/*
 * The hot loops, as tables of function pointers: one table per instruction set, all with the same
 * results.
 *
 * Kernels allocate nothing and cannot fail. The scalar functions are the reference; the others are
 * compiled in files of their own with the flags of their instruction set, and
 * tests/kernels/test_kernels.c holds every entry of every table against the reference.
 *
 * Frames. Integers are packed in frames of MDLI_FRAME_ROWS values of `width` bits, 0 to 32. Value i
 * is in lane i % 8, and each lane is a stream of 32-bit words, low bits first; the words of the 8
 * lanes alternate. So a packed frame is `width` rows of 8 words, 32 * width bytes, and one 256-bit
 * vector holds a row. All arithmetic on values is modulo 2^32 or 2^64.
 */
#ifndef MDLI_KERNELS_KERNELS_H
#define MDLI_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tuning.h"
#include "kernels/csv_kernels.h"
#include "kernels/hash_kernels.h"
#include "medallion/context.h"

/* Bytes of a packed frame for each bit of its width. */
#define MDLI_FRAME_BYTES_PER_BIT (MDLI_FRAME_ROWS / 8)

/* Most entries of a table that `relocate` uses. */
#define MDLI_RELOCATE_MAX 64

/* Values that `lookup_near` has in its table. */
#define MDLI_NEAR_VALUES 512

/* Lanes that `add_to_lanes` adds to, a bit of a mask each; and most distance of a value, so that
 * lanes of 16 bits need not be widened too often. */
#define MDLI_MASK_LANES          32
#define MDLI_MASK_LANES_SPAN_MAX 4095

/* The values that run_distinct_int32 can tell apart by bits of a word. */
#define MDLI_RUN_SPAN_MAX 64

/* What the encoder wants to know of a frame. */
typedef struct mdli_frame_stats {
    int64_t min;
    int64_t max;
    /* Of values[i] - values[i - 1], i = 1 ... MDLI_FRAME_ROWS - 1, wrapped to the size of the
     * values. */
    int64_t difference_min;
    int64_t difference_max;
    int32_t n_changes; /* rows i >= 1 that differ from the row before */
    int32_t n_falls;   /* rows i >= 1 that are less than the row before */
} mdli_frame_stats;

/* What aggregates want to know of a run of values. */
typedef struct mdli_run_facts {
    int64_t sum;
    uint64_t squares; /* their sum */
    int32_t min;
    int32_t max;
} mdli_run_facts;

/* Masks by key: a key's is masks[key - least], or masks[n] where it is out of range; n is less than
 * 2^31. */
typedef struct mdli_mask_table {
    const uint32_t *masks;
    uint32_t n;
    int32_t least;
} mdli_mask_table;

/*
 * What states look like that rows are counted into: words of 32 bits, first a counter for each value
 * that rows have; then, where they have extremes x too, two bounds, the greatest of ~d and of d, where
 * d = x - nearest fits 32 bits. So a state that is all 0 has no rows, states are merged by sums and
 * maxima, and the least d is the complement of the first bound.
 */
typedef struct mdli_state_form {
    int64_t size_bytes; /* of a state, with what else it has behind that; a multiple of 4 */
    int32_t n_values;
    const int64_t *values; /* of 32 bits, ascending */
    int64_t nearest;
} mdli_state_form;

typedef struct mdli_kernels {
    mdl_simd level;
    const char *name;

    /*
     * Frames; every array has MDLI_FRAME_ROWS values. Packed memory is readable for 64 bytes behind
     * its end and need not be aligned.
     */

    /* Packs values[i] - base, which must be less than 2^width. */
    void (*pack)(const uint32_t *values, uint32_t base, int width, void *packed);
    /* The inverse: out[i] = base + packed value i. */
    void (*unpack)(const void *packed, uint32_t base, int width, uint32_t *out);
    /* Packs values[i] - values[i - 1] - least, which must be less than 2^width; as value 0, 0. */
    void (*pack_differences)(const uint32_t *values, uint32_t least, int width, void *packed);
    /* The inverse: out[0] = first, out[i] = out[i - 1] + least + packed value i. */
    void (*unpack_differences)(const void *packed, uint32_t first, uint32_t least, int width,
                               uint32_t *out);
    /* The parts of both: out[i] = values[i] - values[i - 1] - least, out[0] = 0; and
     * values[i] += values[i - 1], values[0] = first. */
    void (*differences)(const uint32_t *values, uint32_t least, uint32_t *out);
    void (*accumulate)(uint32_t first, uint32_t *values);
    /* The least and the greatest, as numbers without sign, of what `unpack` gives with base 0, and
     * of what `accumulate` makes of steps. */
    void (*packed_range)(const void *packed, int width, uint32_t *least, uint32_t *greatest);
    void (*accumulated_range)(uint32_t first, const uint32_t *steps, uint32_t *least,
                              uint32_t *greatest);
    /* The sum of what `unpack` gives with base 0. */
    uint32_t (*packed_sum)(const void *packed, int width);
    /* Sets bit i of `is_above` where values[i] > bound, and counts them. */
    int (*above)(const uint32_t *values, uint32_t bound, uint64_t is_above[MDLI_FRAME_ROWS / 64]);
    /* values[i] += table[values[i] >> shift], where values[i] >> shift is less than n_entries and
     * shift less than 32. The table has room for MDLI_RELOCATE_MAX entries. */
    void (*relocate)(const uint32_t *table, int n_entries, int shift, uint32_t *values);
    /* The pages (values[i] - base) >> page_bits of a frame in the order in which they first come, and
     * codes[i], the place of row i's. Returns how many there are, or n_max + 1 where they are more
     * than n_max, which is at most MDLI_RELOCATE_MAX; then both arrays are undefined. */
    int (*find_pages)(const uint32_t *values, uint32_t base, int page_bits, int n_max,
                      uint32_t *pages, uint8_t *codes);
    /* out[i] = values[i] - table[codes[i]]. The table has room for MDLI_RELOCATE_MAX entries. */
    void (*subtract_entries)(const uint32_t *values, const uint8_t *codes, const uint32_t *table,
                             uint32_t *out);
    /* out[i] = base + values[i]. */
    void (*widen)(const uint32_t *values, uint64_t base, uint64_t *out);
    /* out[i] = the low 32 bits of values[i]. */
    void (*narrow)(const uint64_t *values, uint32_t *out);
    /* out[i] = table[codes[i]]; n_entries <= 256, and 64 bytes behind the table are readable. `out`
     * may be `codes` in lookup_int32. */
    void (*lookup_int32)(const uint32_t *table, int n_entries, const uint32_t *codes,
                         uint32_t *out);
    void (*lookup_int64)(const uint64_t *table, int n_entries, const uint32_t *codes,
                         uint64_t *out);
    /* out[i] = table[values[i] - least], where values[i] - least is less than MDLI_NEAR_VALUES,
     * which is how many entries the table has. */
    void (*lookup_near)(const uint8_t *table, const uint32_t *values, uint32_t least,
                        uint32_t *out);
    void (*frame_stats_int32)(const int32_t *values, mdli_frame_stats *stats);
    void (*frame_stats_int64)(const int64_t *values, mdli_frame_stats *stats);

    /* Runs of n >= 1 values, n of any size but mostly small. */

    /* Sum and squares are modulo 2^64. */
    void (*run_facts_int32)(const int32_t *values, int64_t n, mdli_run_facts *facts);
    void (*min_max_int64)(const int64_t *values, int64_t n, int64_t *min, int64_t *max);
    /* How many different values there are, where that is told without memory of them: they never
     * fall, or differ by less than MDLI_RUN_SPAN_MAX. Else -1. */
    int64_t (*run_distinct_int32)(const int32_t *values, int64_t n);

    /* Arrays of n values, n may be 0. */

    /* out[i] = the day of a timestamp, as mdli_day_of_timestamp. */
    void (*days)(const int64_t *seconds, int64_t n, int32_t *out);

    /* Compares 64 numbers with as many others: bit i of the result says whether a[i] == b[i], bit i of
     * `is_less` whether a[i] < b[i]. */
    uint64_t (*compare_int32)(const int32_t *a, const int32_t *b, uint64_t *is_less);

    /* Whether all keys have their bit set, keys[i] - least being its number; keys out of range have
     * bit n_bits, which is there as well. n_bits is less than 2^31, n may be 0. */
    bool (*all_bits_int32)(const uint32_t *bits, uint32_t n_bits, int32_t least,
                           const int32_t *keys, int64_t n);

    /* For each row i and each bit k of the mask of keys[i], adds 2^32 + values[i] - least to
     * lanes[k]: a count in the upper half, a sum of distances in the lower. They are 0 to `span`,
     * which is at most MDLI_MASK_LANES_SPAN_MAX; n may be 0. */
    void (*add_to_lanes)(const mdli_mask_table *table, const int32_t *keys, const int32_t *values,
                         int64_t n, int32_t least, uint32_t span, uint64_t *lanes);

    /* Counts row i into the state number groups[i] - least_group; all states together have less than
     * 2^32 words. values[i] is one of those of the form, and `values` may be NULL where that has one;
     * `extremes` is NULL in states without bounds; n may be 0. */
    void (*count_into_states)(const mdli_state_form *form, uint32_t *states, const int32_t *groups,
                              int32_t least_group, const int32_t *values, const int64_t *extremes,
                              int64_t n);

    /* XXH3-128; see hash_kernels.h. */

    void (*hash_update)(mdli_hash_state *state, const void *bytes, int64_t size_bytes);

    /* CSV; see csv_kernels.h. */

    void (*csv_scan)(const char *bytes, int64_t size_bytes, mdli_csv_marks *marks);
    void (*csv_deal)(const mdli_csv_records *records, uint16_t *begins, uint16_t *ends,
                     int64_t stride);
    uint64_t (*csv_read_int32)(const char *base, const uint16_t *begins, const uint16_t *ends,
                               int n, int32_t least, int32_t greatest, int32_t *numbers);
    uint64_t (*csv_read_int64)(const char *base, const uint16_t *begins, const uint16_t *ends,
                               int n, int64_t least, int64_t greatest, int64_t *numbers);
    uint64_t (*csv_read_decimals)(const char *base, const uint16_t *begins, const uint16_t *ends,
                                  int n, int32_t least, int32_t greatest, int32_t *hundredths);
} mdli_kernels;

/* The table of the highest level that is not above `max`, a level that the processor has: what
 * mdl_context_simd or mdli_cpu_best_level (base/cpu.h) answers, or a lower one. */
const mdli_kernels *mdli_kernels_for(mdl_simd max);

#endif
