/*
 * Frames of integers in portable C: the reference for the kernels of every instruction set. The inner loops run over the 8 lanes of a row, so that compilers can use whatever vectors
 * there are.
 */
#include "kernels/frame_kernels.h"

#include <string.h>

#define LANES 8
#define ROWS  (MDLI_FRAME_ROWS / LANES)

/* The words of a packed frame: at most one for each value. */
typedef struct frame_words {
    uint32_t words[ROWS][LANES];
} frame_words;

static uint32_t mask_of_width(int width)
{
    return (uint32_t)((UINT64_C(1) << width) - 1);
}

void mdli_pack_scalar(const uint32_t *values, uint32_t base, int width, void *packed)
{
    frame_words frame = {{{0}}};
    for (int row = 0; row < ROWS; row++) {
        int word = row * width / 32;
        int shift = row * width % 32;
        for (int lane = 0; lane < LANES; lane++) {
            uint64_t bits = (uint64_t)(values[row * LANES + lane] - base) << shift;
            frame.words[word][lane] |= (uint32_t)bits;
            if (shift + width > 32) {
                frame.words[word + 1][lane] = (uint32_t)(bits >> 32);
            }
        }
    }
    memcpy(packed, frame.words, (size_t)width * MDLI_FRAME_BYTES_PER_BIT);
}

void mdli_unpack_scalar(const void *packed, uint32_t base, int width, uint32_t *out)
{
    frame_words frame = {{{0}}};
    memcpy(frame.words, packed, (size_t)width * MDLI_FRAME_BYTES_PER_BIT);
    for (int row = 0; row < ROWS; row++) {
        int word = row * width / 32;
        int shift = row * width % 32;
        for (int lane = 0; lane < LANES; lane++) {
            uint64_t bits = frame.words[word][lane];
            if (shift + width > 32) {
                bits |= (uint64_t)frame.words[word + 1][lane] << 32;
            }
            out[row * LANES + lane] = base + ((uint32_t)(bits >> shift) & mask_of_width(width));
        }
    }
}

void mdli_differences_scalar(const uint32_t *values, uint32_t least, uint32_t *out)
{
    out[0] = 0;
    for (int i = 1; i < MDLI_FRAME_ROWS; i++) {
        out[i] = values[i] - values[i - 1] - least;
    }
}

void mdli_accumulate_scalar(uint32_t first, uint32_t *values)
{
    values[0] = first;
    for (int i = 1; i < MDLI_FRAME_ROWS; i++) {
        values[i] += values[i - 1];
    }
}

void mdli_pack_differences_scalar(const uint32_t *values, uint32_t least, int width, void *packed)
{
    uint32_t differences[MDLI_FRAME_ROWS];
    mdli_differences_scalar(values, least, differences);
    mdli_pack_scalar(differences, 0, width, packed);
}

void mdli_unpack_differences_scalar(const void *packed, uint32_t first, uint32_t least, int width,
                                    uint32_t *out)
{
    mdli_unpack_scalar(packed, least, width, out);
    mdli_accumulate_scalar(first, out);
}

static void find_range(const uint32_t *values, uint32_t *least, uint32_t *greatest)
{
    *least = values[0];
    *greatest = values[0];
    for (int i = 1; i < MDLI_FRAME_ROWS; i++) {
        *least = values[i] < *least ? values[i] : *least;
        *greatest = values[i] > *greatest ? values[i] : *greatest;
    }
}

void mdli_packed_range_scalar(const void *packed, int width, uint32_t *least, uint32_t *greatest)
{
    uint32_t values[MDLI_FRAME_ROWS];
    mdli_unpack_scalar(packed, 0, width, values);
    find_range(values, least, greatest);
}

uint32_t mdli_packed_sum_scalar(const void *packed, int width)
{
    uint32_t values[MDLI_FRAME_ROWS];
    uint32_t sum = 0;
    mdli_unpack_scalar(packed, 0, width, values);
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        sum += values[i];
    }
    return sum;
}

void mdli_accumulated_range_scalar(uint32_t first, const uint32_t *steps, uint32_t *least,
                                   uint32_t *greatest)
{
    uint32_t values[MDLI_FRAME_ROWS];
    memcpy(values, steps, sizeof values);
    mdli_accumulate_scalar(first, values);
    find_range(values, least, greatest);
}

int mdli_above_scalar(const uint32_t *values, uint32_t bound,
                      uint64_t is_above[MDLI_FRAME_ROWS / 64])
{
    int n_above = 0;
    for (int word = 0; word < MDLI_FRAME_ROWS / 64; word++) {
        is_above[word] = 0;
        for (int bit = 0; bit < 64; bit++) {
            is_above[word] |= (uint64_t)(values[word * 64 + bit] > bound) << bit;
        }
        n_above += __builtin_popcountll(is_above[word]);
    }
    return n_above;
}

void mdli_relocate_scalar(const uint32_t *table, int n_entries, int shift, uint32_t *values)
{
    (void)n_entries;
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        values[i] += table[values[i] >> shift];
    }
}

void mdli_widen_scalar(const uint32_t *values, uint64_t base, uint64_t *out)
{
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        out[i] = base + values[i];
    }
}

void mdli_narrow_scalar(const uint64_t *values, uint32_t *out)
{
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        out[i] = (uint32_t)values[i];
    }
}

void mdli_lookup_int32_scalar(const uint32_t *table, int n_entries, const uint32_t *codes,
                              uint32_t *out)
{
    (void)n_entries;
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        out[i] = table[codes[i]];
    }
}

void mdli_lookup_int64_scalar(const uint64_t *table, int n_entries, const uint32_t *codes,
                              uint64_t *out)
{
    (void)n_entries;
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        out[i] = table[codes[i]];
    }
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void mdli_subtract_entries_scalar(const uint32_t *values, const uint8_t *codes,
                                  const uint32_t *table, uint32_t *out)
{
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        out[i] = values[i] - table[codes[i]];
    }
}

/* Takes row i >= 1 into the statistics of a frame. */
static void count_value(mdli_frame_stats *stats, int64_t before, int64_t value, int64_t difference)
{
    stats->min = lesser(stats->min, value);
    stats->max = greater(stats->max, value);
    stats->difference_min = lesser(stats->difference_min, difference);
    stats->difference_max = greater(stats->difference_max, difference);
    stats->n_changes += value != before;
    stats->n_falls += value < before;
}

static mdli_frame_stats stats_of_first(int64_t value)
{
    return (mdli_frame_stats){
        .min = value, .max = value, .difference_min = INT64_MAX, .difference_max = INT64_MIN};
}

void mdli_frame_stats_int32_scalar(const int32_t *values, mdli_frame_stats *stats)
{
    *stats = stats_of_first(values[0]);
    for (int i = 1; i < MDLI_FRAME_ROWS; i++) {
        uint32_t difference = (uint32_t)values[i] - (uint32_t)values[i - 1];
        count_value(stats, values[i - 1], values[i], (int32_t)difference);
    }
}

void mdli_frame_stats_int64_scalar(const int64_t *values, mdli_frame_stats *stats)
{
    *stats = stats_of_first(values[0]);
    for (int i = 1; i < MDLI_FRAME_ROWS; i++) {
        uint64_t difference = (uint64_t)values[i] - (uint64_t)values[i - 1];
        count_value(stats, values[i - 1], values[i], (int64_t)difference);
    }
}
