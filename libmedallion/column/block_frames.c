/*
 * Integers packed frame by frame: FRAME and DELTA payloads.
 *
 * FRAME payload                                 DELTA payload
 *   header: base = the least value                header: likewise
 *   bases: least of frame f - base                firsts: first value of frame f - base
 *     (4 bytes, or 8 when has_64_bit_bases)       leasts: least difference in frame f (4 bytes)
 *   starts: where frame f starts                  starts
 *   packed frames                                 packed frames of differences
 *
 * `starts` counts in units of MDLI_FRAME_BYTES_PER_BIT bytes from the first packed frame and has
 * one entry more than there are frames; so starts[f + 1] - starts[f] is the width of frame f in
 * bits, and any frame can be found and decoded without the others. A width of 64 marks a frame
 * whose values are more than 32 bits apart: it is stored as it is.
 *
 * DELTA only holds blocks whose values are at most 32 bits apart. Then values - base and their
 * differences can be taken modulo 2^32: adding up undoes any wrap.
 */
#include "column/block_internal.h"

#include <assert.h>
#include <string.h>

/* Stands for "as they are" in place of the width of a packed frame. */
#define RAW_WIDTH 64

typedef struct frames_header {
    int64_t base;
    uint32_t has_64_bit_bases;
    uint32_t reserved;
} frames_header;

/* Takes the rows between frames f - 1 and f into the totals. */
static void count_border(mdli_profile *profile, int32_t f)
{
    int64_t row = (int64_t)f * MDLI_FRAME_ROWS;
    int64_t before = mdli_profile_value(profile, row - 1);
    int64_t value = mdli_profile_value(profile, row);
    profile->n_runs += value != before;
    profile->n_falls += value < before;
}

/* The statistics of the last frame when it is not full: of a copy that repeats the last value,
 * which adds differences of 0 only. */
static void fill_last_frame_stats(const mdli_profile *profile, mdli_frame_stats *stats)
{
    const int32_t start = (profile->n_frames - 1) * MDLI_FRAME_ROWS;
    int64_t frame[MDLI_FRAME_ROWS];
    for (int32_t i = 0; i < MDLI_FRAME_ROWS; i++) {
        int32_t row = start + i < profile->n_rows ? start + i : profile->n_rows - 1;
        frame[i] = mdli_profile_value(profile, row);
    }
    profile->kernels->frame_stats_int64(frame, stats);
}

void mdli_profile_fill(mdli_profile *profile, const mdli_kernels *kernels, const void *values,
                       bool is_64, int32_t n_rows)
{
    profile->kernels = kernels;
    profile->values = values;
    profile->is_64 = is_64;
    profile->n_rows = n_rows;
    profile->n_frames = mdli_n_frames(n_rows);
    profile->min = INT64_MAX;
    profile->max = INT64_MIN;
    profile->n_runs = 1;
    profile->n_falls = 0;
    for (int32_t f = 0; f < profile->n_frames; f++) {
        mdli_frame_stats *stats = &profile->frames[f];
        const int64_t start = (int64_t)f * MDLI_FRAME_ROWS;
        if (start + MDLI_FRAME_ROWS > n_rows) {
            fill_last_frame_stats(profile, stats);
        } else if (is_64) {
            kernels->frame_stats_int64((const int64_t *)values + start, stats);
        } else {
            kernels->frame_stats_int32((const int32_t *)values + start, stats);
        }
        if (f > 0) {
            count_border(profile, f);
        }
        profile->n_runs += stats->n_changes;
        profile->n_falls += stats->n_falls;
        profile->min = stats->min < profile->min ? stats->min : profile->min;
        profile->max = stats->max > profile->max ? stats->max : profile->max;
    }
}

const uint32_t *mdli_profile_frame(const mdli_profile *profile, int32_t f,
                                   uint32_t scratch[MDLI_FRAME_ROWS])
{
    const int64_t start = (int64_t)f * MDLI_FRAME_ROWS;
    if (start + MDLI_FRAME_ROWS <= profile->n_rows) {
        if (!profile->is_64) {
            return (const uint32_t *)profile->values + start;
        }
        profile->kernels->narrow((const uint64_t *)profile->values + start, scratch);
        return scratch;
    }
    const int64_t last = profile->n_rows - 1;
    for (int64_t i = 0; i < MDLI_FRAME_ROWS; i++) {
        int64_t row = start + i < last ? start + i : last;
        scratch[i] = (uint32_t)mdli_profile_value(profile, row);
    }
    return scratch;
}

/* max - min, which need not fit a signed integer. */
static uint64_t distance(int64_t min, int64_t max)
{
    return (uint64_t)max - (uint64_t)min;
}

static bool is_within_32_bits(const mdli_profile *profile)
{
    return distance(profile->min, profile->max) <= UINT32_MAX;
}

static int frame_width(const mdli_frame_stats *stats)
{
    int width = mdli_bits(distance(stats->min, stats->max));
    return width <= 32 ? width : RAW_WIDTH;
}

/* Differences of 64-bit values may be 33 bits apart though the values are not: then they are packed
 * as they are, modulo 2^32. */
static int delta_width(const mdli_frame_stats *stats)
{
    int width = mdli_bits(distance(stats->difference_min, stats->difference_max));
    return width <= 32 ? width : 32;
}

static uint32_t delta_least(const mdli_frame_stats *stats)
{
    return delta_width(stats) == 32 ? 0 : (uint32_t)stats->difference_min;
}

/* Bytes before the packed frames, where the directory has so many bytes per frame besides its
 * starts. */
static int64_t directory_bytes(int64_t n_frames, int64_t frame_bytes)
{
    return mdli_align_payload((int64_t)sizeof(frames_header) + n_frames * frame_bytes +
                              (n_frames + 1) * (int64_t)sizeof(uint16_t));
}

static int64_t frame_directory_bytes(int64_t n_frames, bool has_64_bit_bases)
{
    return directory_bytes(n_frames, has_64_bit_bases ? 8 : 4);
}

static int64_t delta_directory_bytes(int64_t n_frames)
{
    return directory_bytes(n_frames, 4 + 4);
}

int64_t mdli_frame_payload_bytes(const mdli_profile *profile)
{
    int64_t n_bits = 0;
    for (int32_t f = 0; f < profile->n_frames; f++) {
        n_bits += frame_width(&profile->frames[f]);
    }
    return frame_directory_bytes(profile->n_frames, !is_within_32_bits(profile)) +
           n_bits * MDLI_FRAME_BYTES_PER_BIT;
}

int64_t mdli_delta_payload_bytes(const mdli_profile *profile)
{
    if (!is_within_32_bits(profile)) {
        return -1;
    }
    int64_t n_bits = 0;
    for (int32_t f = 0; f < profile->n_frames; f++) {
        n_bits += delta_width(&profile->frames[f]);
    }
    return delta_directory_bytes(profile->n_frames) + n_bits * MDLI_FRAME_BYTES_PER_BIT;
}

/* Writes a frame of 64-bit values as they are. */
static void write_raw_frame(const mdli_profile *profile, int32_t f, uint8_t *out)
{
    const int64_t start = (int64_t)f * MDLI_FRAME_ROWS;
    const int64_t last = profile->n_rows - 1;
    for (int64_t i = 0; i < MDLI_FRAME_ROWS; i++) {
        int64_t value = mdli_profile_value(profile, start + i < last ? start + i : last);
        memcpy(out + i * 8, &value, sizeof value);
    }
}

void mdli_frame_payload_write(const mdli_profile *profile, void *payload)
{
    const int32_t n_frames = profile->n_frames;
    frames_header *header = payload;
    *header =
        (frames_header){.base = profile->min, .has_64_bit_bases = !is_within_32_bits(profile)};
    uint32_t *bases_32 = (uint32_t *)(header + 1);
    uint64_t *bases_64 = (uint64_t *)(header + 1);
    uint16_t *starts = header->has_64_bit_bases ? (uint16_t *)(bases_64 + n_frames)
                                                : (uint16_t *)(bases_32 + n_frames);
    uint8_t *packed =
        (uint8_t *)payload + frame_directory_bytes(n_frames, header->has_64_bit_bases);
    starts[0] = 0;
    for (int32_t f = 0; f < n_frames; f++) {
        const mdli_frame_stats *stats = &profile->frames[f];
        const int width = frame_width(stats);
        if (header->has_64_bit_bases) {
            bases_64[f] = distance(profile->min, stats->min);
        } else {
            bases_32[f] = (uint32_t)distance(profile->min, stats->min);
        }
        if (width == RAW_WIDTH) {
            write_raw_frame(profile, f, packed);
        } else {
            uint32_t scratch[MDLI_FRAME_ROWS];
            const uint32_t *values = mdli_profile_frame(profile, f, scratch);
            profile->kernels->pack(values, (uint32_t)stats->min, width, packed);
        }
        starts[f + 1] = (uint16_t)(starts[f] + width);
        packed += (ptrdiff_t)width * MDLI_FRAME_BYTES_PER_BIT;
    }
}

void mdli_delta_payload_write(const mdli_profile *profile, void *payload)
{
    assert(is_within_32_bits(profile));
    const int32_t n_frames = profile->n_frames;
    frames_header *header = payload;
    *header = (frames_header){.base = profile->min};
    uint32_t *firsts = (uint32_t *)(header + 1);
    uint32_t *leasts = firsts + n_frames;
    uint16_t *starts = (uint16_t *)(leasts + n_frames);
    uint8_t *packed = (uint8_t *)payload + delta_directory_bytes(n_frames);
    starts[0] = 0;
    for (int32_t f = 0; f < n_frames; f++) {
        const int width = delta_width(&profile->frames[f]);
        uint32_t scratch[MDLI_FRAME_ROWS];
        const uint32_t *values = mdli_profile_frame(profile, f, scratch);
        firsts[f] = values[0] - (uint32_t)profile->min;
        leasts[f] = delta_least(&profile->frames[f]);
        profile->kernels->pack_differences(values, leasts[f], width, packed);
        starts[f + 1] = (uint16_t)(starts[f] + width);
        packed += (ptrdiff_t)width * MDLI_FRAME_BYTES_PER_BIT;
    }
}

mdli_frames mdli_frames_open(const mdli_kernels *kernels, mdl_encoding encoding, int64_t n_rows,
                             const void *payload)
{
    const int32_t n_frames = mdli_n_frames(n_rows);
    const frames_header *header = payload;
    mdli_frames frames = {.kernels = kernels, .base = (uint64_t)header->base};
    if (header->has_64_bit_bases) {
        frames.bases_64 = (const uint64_t *)(header + 1);
        frames.starts = (const uint16_t *)(frames.bases_64 + n_frames);
    } else {
        frames.bases_32 = (const uint32_t *)(header + 1);
        frames.starts = (const uint16_t *)(frames.bases_32 + n_frames);
    }
    int64_t directory = frame_directory_bytes(n_frames, header->has_64_bit_bases);
    if (encoding == MDL_ENCODING_DELTA) {
        frames.leasts = frames.bases_32 + n_frames;
        frames.starts = (const uint16_t *)(frames.leasts + n_frames);
        directory = delta_directory_bytes(n_frames);
    }
    frames.packed = (const uint8_t *)payload + directory;
    return frames;
}

static const uint8_t *frame_at(const mdli_frames *frames, int64_t f)
{
    return frames->packed + (ptrdiff_t)frames->starts[f] * MDLI_FRAME_BYTES_PER_BIT;
}

static int width_at(const mdli_frames *frames, int64_t f)
{
    return frames->starts[f + 1] - frames->starts[f];
}

void mdli_frames_read_int32(const mdli_frames *frames, int64_t f, uint32_t *out)
{
    const uint32_t base = (uint32_t)frames->base + frames->bases_32[f];
    if (frames->leasts != NULL) {
        frames->kernels->unpack_differences(frame_at(frames, f), base, frames->leasts[f],
                                            width_at(frames, f), out);
    } else {
        frames->kernels->unpack(frame_at(frames, f), base, width_at(frames, f), out);
    }
}

void mdli_frames_read_int64(const mdli_frames *frames, int64_t f, uint64_t *out)
{
    const int width = width_at(frames, f);
    if (width == RAW_WIDTH) {
        memcpy(out, frame_at(frames, f), MDLI_FRAME_ROWS * sizeof *out);
        return;
    }
    uint32_t offsets[MDLI_FRAME_ROWS];
    uint64_t base = frames->base;
    if (frames->leasts != NULL) {
        frames->kernels->unpack_differences(frame_at(frames, f), frames->bases_32[f],
                                            frames->leasts[f], width, offsets);
    } else {
        frames->kernels->unpack(frame_at(frames, f), 0, width, offsets);
        base += frames->bases_32 != NULL ? frames->bases_32[f] : frames->bases_64[f];
    }
    frames->kernels->widen(offsets, base, out);
}
