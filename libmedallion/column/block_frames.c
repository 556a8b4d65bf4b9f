/*
 * Integers packed frame by frame: FRAME and DELTA payloads.
 *
 * FRAME payload                                 DELTA payload
 *   header: base = the least value                header: likewise
 *   bases: least of frame f - base                firsts: first value of frame f - base
 *     (4 bytes, or 8 when has_64_bit_bases)       leasts: least step in frame f (4 bytes)
 *   starts: where frame f starts                  starts
 *   when page_bits > 0:                           when n_jumps > 0:
 *     page_starts: where its pages start            jump_starts: where its jumps start
 *     pages: page_width bits each                   heights of jumps (2 bytes), their rows (1 byte)
 *   packed frames                                 packed frames of steps
 *
 * `starts` counts in units of MDLI_FRAME_BYTES_PER_BIT bytes from the first packed frame and has
 * one entry more than there are frames; so starts[f + 1] - starts[f] is the width of frame f in
 * bits, and any frame can be found and decoded without the others. A width of 64 marks a frame
 * whose values are more than 32 bits apart: it is stored as it is. page_starts and jump_starts
 * count pages and jumps in the same way.
 *
 * A frame with pages holds values that are close to each other in several places; block_pages.c
 * tells how. Its entry of `bases` is not used.
 *
 * A step is the difference from the row before. Steps that do not fit a frame's width are its
 * jumps: only their low `width` bits, after `least` was taken off, are packed, and what is above
 * these is the jump's height, of 16 bits with sign. In ratings in order of user and movie, a jump
 * is where a user's movies end or a gap between them is wide: without jumps, one such row would
 * make the frame twice as wide.
 *
 * DELTA only holds blocks whose values are at most 32 bits apart. Then values - base and their
 * steps can be taken modulo 2^32: adding up undoes any wrap.
 */
#include "column/block_internal.h"

#include <assert.h>
#include <string.h>

/* Stands for "as they are" in place of the width of a packed frame. */
#define RAW_WIDTH 64

/* Bytes of a jump: height and row. */
#define JUMP_BYTES ((int)sizeof(int16_t) + 1)

/* Jumps are looked for in frames that mostly rise or mostly fall: that have at most so many rows
 * that go the other way. */
#define CONTRARY_ROWS_MAX (MDLI_FRAME_ROWS / 8)

typedef struct frames_header {
    int64_t base;
    uint8_t has_64_bit_bases;
    uint8_t page_bits; /* 0 = no frame has pages */
    uint8_t page_width;
    uint8_t reserved;
    uint32_t n_jumps;
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
    profile->told_page_bits = 0;
    profile->pages = NULL;
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

bool mdli_profile_is_within_32_bits(const mdli_profile *profile)
{
    return distance(profile->min, profile->max) <= UINT32_MAX;
}

static int32_t n_pages_of_frame(const mdli_profile *profile, int32_t f)
{
    const mdli_page_plan *pages = profile->pages;
    return pages == NULL ? 0 : pages->starts[f + 1] - pages->starts[f];
}

static int frame_width(const mdli_profile *profile, int32_t f)
{
    const int32_t n_pages = n_pages_of_frame(profile, f);
    if (n_pages > 0) {
        return profile->pages->page_bits + mdli_bits((uint64_t)n_pages - 1);
    }
    int width = mdli_bits(distance(profile->frames[f].min, profile->frames[f].max));
    return width <= 32 ? width : RAW_WIDTH;
}

/*
 * Where the parts of a payload are.
 */

/* Bytes of one number for each frame, and one more. */
static int64_t starts_bytes(int64_t n_frames)
{
    return (n_frames + 1) * (int64_t)sizeof(uint16_t);
}

/* Bytes before the packed frames. */
static int64_t frame_directory_bytes(int64_t n_frames, const frames_header *header, int64_t n_pages)
{
    int64_t bytes = (int64_t)sizeof *header + n_frames * (header->has_64_bit_bases ? 8 : 4) +
                    starts_bytes(n_frames);
    if (header->page_bits > 0) {
        bytes += starts_bytes(n_frames) + mdli_page_list_bytes(n_pages, header->page_width);
    }
    return mdli_align_payload(bytes);
}

static int64_t delta_directory_bytes(int64_t n_frames, int64_t n_jumps)
{
    int64_t bytes = (int64_t)sizeof(frames_header) + n_frames * (4 + 4) + starts_bytes(n_frames);
    if (n_jumps > 0) {
        bytes += starts_bytes(n_frames) + n_jumps * JUMP_BYTES;
    }
    return mdli_align_payload(bytes);
}

static mdli_frames open_frame(int64_t n_frames, const frames_header *header)
{
    mdli_frames frames = {.base = (uint64_t)header->base};
    if (header->has_64_bit_bases) {
        frames.bases_64 = (const uint64_t *)(header + 1);
        frames.starts = (const uint16_t *)(frames.bases_64 + n_frames);
    } else {
        frames.bases_32 = (const uint32_t *)(header + 1);
        frames.starts = (const uint16_t *)(frames.bases_32 + n_frames);
    }
    int64_t n_pages = 0;
    if (header->page_bits > 0) {
        frames.page_bits = header->page_bits;
        frames.page_width = header->page_width;
        frames.page_starts = frames.starts + n_frames + 1;
        frames.pages = (const uint8_t *)(frames.page_starts + n_frames + 1);
        n_pages = frames.page_starts[n_frames];
    }
    frames.packed = (const uint8_t *)header + frame_directory_bytes(n_frames, header, n_pages);
    return frames;
}

static mdli_frames open_delta(int64_t n_frames, const frames_header *header)
{
    mdli_frames frames = {.base = (uint64_t)header->base};
    frames.bases_32 = (const uint32_t *)(header + 1);
    frames.leasts = frames.bases_32 + n_frames;
    frames.starts = (const uint16_t *)(frames.leasts + n_frames);
    if (header->n_jumps > 0) {
        frames.jump_starts = frames.starts + n_frames + 1;
        frames.jump_heights = (const int16_t *)(frames.jump_starts + n_frames + 1);
        frames.jump_rows = (const uint8_t *)(frames.jump_heights + header->n_jumps);
    }
    frames.packed = (const uint8_t *)header + delta_directory_bytes(n_frames, header->n_jumps);
    return frames;
}

mdli_frames mdli_frames_open(const mdli_kernels *kernels, mdl_encoding encoding, int64_t n_rows,
                             const void *payload)
{
    const int32_t n_frames = mdli_n_frames(n_rows);
    mdli_frames frames = encoding == MDL_ENCODING_DELTA ? open_delta(n_frames, payload)
                                                        : open_frame(n_frames, payload);
    frames.kernels = kernels;
    return frames;
}

/*
 * FRAME.
 */

static frames_header frame_header(const mdli_profile *profile)
{
    frames_header header = {.base = profile->min,
                            .has_64_bit_bases = !mdli_profile_is_within_32_bits(profile)};
    if (profile->pages != NULL) {
        header.page_bits = (uint8_t)profile->pages->page_bits;
        header.page_width = (uint8_t)profile->pages->page_width;
    }
    return header;
}

int64_t mdli_frame_payload_bytes(const mdli_profile *profile)
{
    const frames_header header = frame_header(profile);
    int64_t n_bits = 0;
    int64_t n_pages = 0;
    for (int32_t f = 0; f < profile->n_frames; f++) {
        n_bits += frame_width(profile, f);
        n_pages += n_pages_of_frame(profile, f);
    }
    return frame_directory_bytes(profile->n_frames, &header, n_pages) +
           n_bits * MDLI_FRAME_BYTES_PER_BIT;
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

static void write_packed_frame(const mdli_profile *profile, int32_t f, int width, uint8_t *out)
{
    uint32_t scratch[MDLI_FRAME_ROWS];
    if (width == RAW_WIDTH) {
        write_raw_frame(profile, f, out);
    } else if (n_pages_of_frame(profile, f) > 0) {
        mdli_page_offsets(profile, f, scratch);
        profile->kernels->pack(scratch, 0, width, out);
    } else {
        const uint32_t *values = mdli_profile_frame(profile, f, scratch);
        profile->kernels->pack(values, (uint32_t)profile->frames[f].min, width, out);
    }
}

void mdli_frame_payload_write(const mdli_profile *profile, void *payload)
{
    const int32_t n_frames = profile->n_frames;
    const mdli_page_plan *pages = profile->pages;
    const frames_header filled = frame_header(profile);
    const int64_t n_pages = pages != NULL ? pages->starts[n_frames] : 0;
    uint8_t *packed = (uint8_t *)payload + frame_directory_bytes(n_frames, &filled, n_pages);
    mdli_clear_before(packed);
    frames_header *header = payload;
    *header = filled;
    uint32_t *bases_32 = (uint32_t *)(header + 1);
    uint64_t *bases_64 = (uint64_t *)(header + 1);
    uint16_t *starts = header->has_64_bit_bases ? (uint16_t *)(bases_64 + n_frames)
                                                : (uint16_t *)(bases_32 + n_frames);
    if (pages != NULL) {
        uint16_t *page_starts = starts + n_frames + 1;
        memcpy(page_starts, pages->starts, (size_t)starts_bytes(n_frames));
        mdli_page_list_write(pages, n_frames, (uint8_t *)(page_starts + n_frames + 1));
    }
    starts[0] = 0;
    for (int32_t f = 0; f < n_frames; f++) {
        const int width = frame_width(profile, f);
        if (header->has_64_bit_bases) {
            bases_64[f] = distance(profile->min, profile->frames[f].min);
        } else {
            bases_32[f] = (uint32_t)distance(profile->min, profile->frames[f].min);
        }
        write_packed_frame(profile, f, width, packed);
        starts[f + 1] = (uint16_t)(starts[f] + width);
        packed += (ptrdiff_t)width * MDLI_FRAME_BYTES_PER_BIT;
    }
}

/*
 * DELTA.
 */

/* A frame without jumps. Steps of 64-bit values may be 33 bits apart though the values are not:
 * then they are packed as they are, modulo 2^32. */
static mdli_delta_plan plan_without_jumps(const mdli_frame_stats *stats)
{
    int width = mdli_bits(distance(stats->difference_min, stats->difference_max));
    if (width >= 32) {
        return (mdli_delta_plan){.width = 32};
    }
    return (mdli_delta_plan){.least = (uint32_t)stats->difference_min, .width = (int16_t)width};
}

/* The step that a frame with jumps takes off: the least, but when that is a fall among rises, 0, or,
 * where no row is as the one before, 1. */
static uint32_t least_among_jumps(const mdli_frame_stats *stats)
{
    const bool is_rising = stats->n_changes > 2 * stats->n_falls;
    if (!is_rising || stats->difference_min >= 0) {
        return (uint32_t)stats->difference_min;
    }
    return stats->n_changes == MDLI_FRAME_ROWS - 1 ? 1 : 0;
}

static uint32_t largest_of_width(int width)
{
    return (uint32_t)((UINT64_C(1) << width) - 1);
}

static int delta_frame_bytes(const mdli_delta_plan *plan)
{
    return plan->width * MDLI_FRAME_BYTES_PER_BIT + plan->n_jumps * JUMP_BYTES;
}

/* Goes on to narrower or wider frames (`direction` -1 or 1) as long as that saves bytes. */
static void follow_width(const mdli_kernels *kernels, const uint32_t *steps, int direction,
                         int width_min, mdli_delta_plan *best)
{
    for (int width = best->width + direction; width_min <= width && width < 32;
         width += direction) {
        uint64_t is_jump[MDLI_FRAME_ROWS / 64];
        const int n_jumps = kernels->above(steps, largest_of_width(width), is_jump);
        const mdli_delta_plan plan = {best->least, (int16_t)width, (int16_t)n_jumps};
        if (delta_frame_bytes(&plan) >= delta_frame_bytes(best)) {
            return;
        }
        *best = plan;
    }
}

/* The cheapest width of a frame with jumps that is found from `width`, which a frame before it
 * had. */
static mdli_delta_plan plan_with_jumps(const mdli_profile *profile, int32_t f, int width,
                                       int width_min)
{
    uint32_t scratch[MDLI_FRAME_ROWS];
    uint32_t steps[MDLI_FRAME_ROWS];
    uint64_t is_jump[MDLI_FRAME_ROWS / 64];
    mdli_delta_plan plan = {.least = least_among_jumps(&profile->frames[f]),
                            .width = (int16_t)width};
    profile->kernels->differences(mdli_profile_frame(profile, f, scratch), plan.least, steps);
    plan.n_jumps = (int16_t)profile->kernels->above(steps, largest_of_width(width), is_jump);
    follow_width(profile->kernels, steps, -1, width_min, &plan);
    if (plan.width == width) {
        follow_width(profile->kernels, steps, 1, width_min, &plan);
    }
    return plan;
}

static int64_t delta_payload_bytes(const mdli_profile *profile)
{
    int64_t n_bits = 0;
    int64_t n_jumps = 0;
    for (int32_t f = 0; f < profile->n_frames; f++) {
        n_bits += profile->deltas[f].width;
        n_jumps += profile->deltas[f].n_jumps;
    }
    return delta_directory_bytes(profile->n_frames, n_jumps) + n_bits * MDLI_FRAME_BYTES_PER_BIT;
}

int64_t mdli_profile_plan_delta(mdli_profile *profile, int64_t limit_bytes)
{
    if (!mdli_profile_is_within_32_bits(profile)) {
        return -1;
    }
    /* From this width on, what is above it in a step has 16 bits: the step has one bit more than
     * the range of the values and a sign, the height of a jump 15 and a sign. */
    const int range_width = mdli_bits(distance(profile->min, profile->max));
    const int width_min = range_width > 15 ? range_width - 14 : 1;
    int width = width_min < 24 ? 24 : width_min;
    int64_t bytes = 0;
    for (int32_t f = 0; f < profile->n_frames && bytes <= limit_bytes; f++) {
        const mdli_frame_stats *stats = &profile->frames[f];
        const int32_t n_rises = stats->n_changes - stats->n_falls;
        mdli_delta_plan *plan = &profile->deltas[f];
        *plan = plan_without_jumps(stats);
        if (plan->width > width_min + 1 &&
            (stats->n_falls <= CONTRARY_ROWS_MAX || n_rises <= CONTRARY_ROWS_MAX)) {
            const mdli_delta_plan jumping = plan_with_jumps(profile, f, width, width_min);
            width = jumping.width;
            *plan = delta_frame_bytes(&jumping) < delta_frame_bytes(plan) ? jumping : *plan;
        }
        bytes += delta_frame_bytes(plan);
    }
    return bytes <= limit_bytes ? delta_payload_bytes(profile) : -1;
}

/* The parts of a DELTA payload that are written frame after frame. */
typedef struct delta_writer {
    uint8_t *packed;
    int16_t *heights;
    uint8_t *rows;
} delta_writer;

/* Takes the jumps out of the steps of a frame. */
static void write_jumps(const mdli_profile *profile, int width, uint32_t *steps,
                        delta_writer *writer)
{
    uint64_t is_jump[MDLI_FRAME_ROWS / 64];
    profile->kernels->above(steps, largest_of_width(width), is_jump);
    for (int word = 0; word < MDLI_FRAME_ROWS / 64; word++) {
        for (uint64_t left = is_jump[word]; left != 0; left &= left - 1) {
            const int row = word * 64 + __builtin_ctzll(left);
            *writer->rows++ = (uint8_t)row;
            *writer->heights++ = (int16_t)((int32_t)steps[row] >> width);
            steps[row] &= largest_of_width(width);
        }
    }
}

static void write_steps(const mdli_profile *profile, int32_t f, const uint32_t *values,
                        delta_writer *writer)
{
    const mdli_delta_plan *plan = &profile->deltas[f];
    if (plan->n_jumps == 0) {
        profile->kernels->pack_differences(values, plan->least, plan->width, writer->packed);
    } else {
        uint32_t steps[MDLI_FRAME_ROWS];
        profile->kernels->differences(values, plan->least, steps);
        write_jumps(profile, plan->width, steps, writer);
        profile->kernels->pack(steps, 0, plan->width, writer->packed);
    }
    writer->packed += (ptrdiff_t)plan->width * MDLI_FRAME_BYTES_PER_BIT;
}

void mdli_delta_payload_write(const mdli_profile *profile, void *payload)
{
    assert(mdli_profile_is_within_32_bits(profile));
    const int32_t n_frames = profile->n_frames;
    uint32_t n_jumps = 0;
    for (int32_t f = 0; f < n_frames; f++) {
        n_jumps += (uint32_t)profile->deltas[f].n_jumps;
    }
    delta_writer writer = {.packed = (uint8_t *)payload + delta_directory_bytes(n_frames, n_jumps)};
    mdli_clear_before(writer.packed);
    frames_header *header = payload;
    *header = (frames_header){.base = profile->min, .n_jumps = n_jumps};
    uint32_t *firsts = (uint32_t *)(header + 1);
    uint32_t *leasts = firsts + n_frames;
    uint16_t *starts = (uint16_t *)(leasts + n_frames);
    uint16_t *jump_starts = starts + n_frames + 1;
    if (n_jumps > 0) {
        writer.heights = (int16_t *)(jump_starts + n_frames + 1);
        writer.rows = (uint8_t *)(writer.heights + n_jumps);
        jump_starts[0] = 0;
    }
    starts[0] = 0;
    for (int32_t f = 0; f < n_frames; f++) {
        const mdli_delta_plan *plan = &profile->deltas[f];
        uint32_t scratch[MDLI_FRAME_ROWS];
        const uint32_t *values = mdli_profile_frame(profile, f, scratch);
        firsts[f] = values[0] - (uint32_t)profile->min;
        leasts[f] = plan->least;
        write_steps(profile, f, values, &writer);
        starts[f + 1] = (uint16_t)(starts[f] + plan->width);
        if (n_jumps > 0) {
            jump_starts[f + 1] = (uint16_t)(jump_starts[f] + plan->n_jumps);
        }
    }
}

/*
 * Reading.
 */

const uint8_t *mdli_frame_at(const mdli_frames *frames, int64_t f)
{
    return frames->packed + (ptrdiff_t)frames->starts[f] * MDLI_FRAME_BYTES_PER_BIT;
}

static int width_at(const mdli_frames *frames, int64_t f)
{
    return frames->starts[f + 1] - frames->starts[f];
}

static bool has_entries(const uint16_t *starts, int64_t f)
{
    return starts != NULL && starts[f] != starts[f + 1];
}

/* The steps of frame `f` of DELTA; what stands for its first is not one. */
static void read_steps(const mdli_frames *frames, int64_t f, uint32_t *out)
{
    const int width = width_at(frames, f);
    frames->kernels->unpack(mdli_frame_at(frames, f), frames->leasts[f], width, out);
    if (frames->jump_starts == NULL) {
        return;
    }
    for (int32_t j = frames->jump_starts[f]; j < frames->jump_starts[f + 1]; j++) {
        out[frames->jump_rows[j]] += (uint32_t)frames->jump_heights[j] << width;
    }
}

/* Writes the values of frame `f` of DELTA, counted from the block's least value and with `base`
 * added. */
static void read_delta(const mdli_frames *frames, int64_t f, uint32_t base, uint32_t *out)
{
    const uint32_t first = base + frames->bases_32[f];
    if (has_entries(frames->jump_starts, f)) {
        read_steps(frames, f, out);
        frames->kernels->accumulate(first, out);
    } else {
        frames->kernels->unpack_differences(mdli_frame_at(frames, f), first, frames->leasts[f],
                                            width_at(frames, f), out);
    }
}

void mdli_frames_read_int32(const mdli_frames *frames, int64_t f, uint32_t *out)
{
    const uint32_t base = (uint32_t)frames->base;
    if (frames->leasts != NULL) {
        read_delta(frames, f, base, out);
    } else if (has_entries(frames->page_starts, f)) {
        frames->kernels->unpack(mdli_frame_at(frames, f), 0, width_at(frames, f), out);
        mdli_frames_move_to_pages(frames, f, base, out);
    } else {
        frames->kernels->unpack(mdli_frame_at(frames, f), base + frames->bases_32[f],
                                width_at(frames, f), out);
    }
}

void mdli_frames_read_int64(const mdli_frames *frames, int64_t f, uint64_t *out)
{
    const int width = width_at(frames, f);
    if (width == RAW_WIDTH) {
        memcpy(out, mdli_frame_at(frames, f), MDLI_FRAME_ROWS * sizeof *out);
        return;
    }
    uint32_t offsets[MDLI_FRAME_ROWS];
    uint64_t base = frames->base;
    if (frames->leasts != NULL) {
        read_delta(frames, f, 0, offsets);
    } else if (has_entries(frames->page_starts, f)) {
        frames->kernels->unpack(mdli_frame_at(frames, f), 0, width, offsets);
        mdli_frames_move_to_pages(frames, f, 0, offsets);
    } else {
        frames->kernels->unpack(mdli_frame_at(frames, f), 0, width, offsets);
        base += frames->bases_32 != NULL ? frames->bases_32[f] : frames->bases_64[f];
    }
    frames->kernels->widen(offsets, base, out);
}

/* The least and the greatest value of frame `f` above the base, or numbers beyond these; false
 * where nothing is known. */
static bool bounds_above_base(const mdli_frames *frames, int64_t f, uint64_t *least,
                              uint64_t *greatest)
{
    const int width = width_at(frames, f);
    if (width == RAW_WIDTH) {
        return false;
    }
    if (frames->leasts != NULL) {
        uint32_t steps[MDLI_FRAME_ROWS];
        uint32_t low;
        uint32_t high;
        read_steps(frames, f, steps);
        frames->kernels->accumulated_range(frames->bases_32[f], steps, &low, &high);
        *least = low;
        *greatest = high;
        return true;
    }
    if (has_entries(frames->page_starts, f)) {
        mdli_frames_page_bounds(frames, f, least, greatest);
        return *greatest <= UINT32_MAX;
    }
    *least = frames->bases_32 != NULL ? frames->bases_32[f] : frames->bases_64[f];
    return !__builtin_add_overflow(*least, (UINT64_C(1) << width) - 1, greatest);
}

bool mdli_frames_bounds(const mdli_frames *frames, int64_t f, bool is_64, int64_t *least,
                        int64_t *greatest)
{
    /* Values are added up modulo 2^32 or 2^64: bounds that fit have not wrapped. */
    const int64_t base = (int64_t)frames->base;
    uint64_t low;
    uint64_t high;
    return bounds_above_base(frames, f, &low, &high) && !__builtin_add_overflow(base, low, least) &&
           !__builtin_add_overflow(base, high, greatest) &&
           (is_64 || (INT32_MIN <= *least && *greatest <= INT32_MAX));
}

/* What stands in a packed frame for its first value, which is not a step: mostly, not always, 0. */
static uint32_t packed_value_0(const mdli_frames *frames, int64_t f)
{
    uint32_t word;
    memcpy(&word, mdli_frame_at(frames, f), sizeof word);
    return word & largest_of_width(width_at(frames, f));
}

bool mdli_frames_rise(const mdli_frames *frames, int64_t f, uint8_t falls[MDLI_FRAME_ROWS],
                      int *n_falls, uint32_t *first, uint32_t *last)
{
    const int width = width_at(frames, f);
    const uint32_t least = frames->leasts[f];
    const uint64_t greatest = (uint64_t)least + largest_of_width(width);
    *n_falls = 0;
    if (least == 0 || greatest > INT32_MAX) {
        return false;
    }
    *first = frames->bases_32[f];
    *last = *first + (MDLI_FRAME_ROWS - 1) * least - packed_value_0(frames, f) +
            frames->kernels->packed_sum(mdli_frame_at(frames, f), width);
    int row_before = 0;
    for (int32_t j = frames->jump_starts != NULL ? frames->jump_starts[f] : 0;
         frames->jump_starts != NULL && j < frames->jump_starts[f + 1]; j++) {
        const int row = frames->jump_rows[j];
        const int64_t height = (int64_t)frames->jump_heights[j] * (INT64_C(1) << width);
        if (row <= row_before) {
            return false;
        }
        row_before = row;
        *last += (uint32_t)height;
        if (height < 0 || (int64_t)greatest + height > INT32_MAX) {
            falls[(*n_falls)++] = (uint8_t)row;
        }
    }
    return true;
}

/*
 * Payloads from outside.
 */

/* Whether the numbers count on from 0, at most `step_max` at a time. */
static bool counts_on(const uint16_t *starts, int64_t n_frames, int step_max)
{
    bool is_sound = starts[0] == 0;
    for (int64_t f = 0; f < n_frames; f++) {
        const int step = starts[f + 1] - starts[f];
        is_sound = is_sound && 0 <= step && step <= step_max;
    }
    return is_sound;
}

/* Whether the payload ends with the last packed frame. */
static bool ends_with_frames(const mdli_frames *frames, int64_t n_frames, const void *payload,
                             int64_t payload_bytes)
{
    return mdli_frame_at(frames, n_frames) - (const uint8_t *)payload == payload_bytes;
}

/* Whether each packed value of a frame names one of the pages that the frame lists. */
static bool names_its_pages(const mdli_frames *frames, int64_t f)
{
    const uint64_t n_pages = (uint64_t)frames->page_starts[f + 1] - frames->page_starts[f];
    const int width = width_at(frames, f);
    if (UINT64_C(1) << width <= n_pages << frames->page_bits) {
        return true; /* no number of that width is too great */
    }
    uint32_t least;
    uint32_t greatest;
    frames->kernels->packed_range(mdli_frame_at(frames, f), width, &least, &greatest);
    return greatest >> frames->page_bits < n_pages;
}

static const char *frame_fault(int64_t n_frames, int64_t value_bytes, const frames_header *header,
                               int64_t payload_bytes)
{
    const bool has_pages = header->page_bits > 0;
    if (header->has_64_bit_bases > (value_bytes == 8) || header->page_bits > 31 ||
        header->page_width > 32 || header->reserved != 0 || header->n_jumps != 0) {
        return "its frames have a header that none has";
    }
    if (frame_directory_bytes(n_frames, header, 0) > payload_bytes) {
        return "its frames are cut off";
    }
    const mdli_frames frames = open_frame(n_frames, header);
    if (has_pages &&
        (!counts_on(frames.page_starts, n_frames, MDLI_RELOCATE_MAX) ||
         frame_directory_bytes(n_frames, header, frames.page_starts[n_frames]) > payload_bytes)) {
        return "its lists of pages are not in order";
    }
    if (!counts_on(frames.starts, n_frames, RAW_WIDTH) ||
        !ends_with_frames(&frames, n_frames, header, payload_bytes)) {
        return "its frames are not in order";
    }
    for (int64_t f = 0; f < n_frames; f++) {
        const int width = width_at(&frames, f);
        if (width > 32 &&
            (width != RAW_WIDTH || value_bytes != 8 || has_entries(frames.page_starts, f))) {
            return "a frame is wider than its values";
        }
    }
    return NULL;
}

static const char *delta_fault(int64_t n_frames, const frames_header *header, int64_t payload_bytes)
{
    if (header->has_64_bit_bases != 0 || header->page_bits != 0 || header->page_width != 0 ||
        header->reserved != 0 || header->n_jumps > UINT16_MAX) {
        return "its frames have a header that none has";
    }
    if (delta_directory_bytes(n_frames, header->n_jumps) > payload_bytes) {
        return "its frames are cut off";
    }
    const mdli_frames frames = open_delta(n_frames, header);
    if (!counts_on(frames.starts, n_frames, 32) ||
        !ends_with_frames(&frames, n_frames, header, payload_bytes)) {
        return "its frames are not in order";
    }
    if (header->n_jumps > 0 && (!counts_on(frames.jump_starts, n_frames, MDLI_FRAME_ROWS) ||
                                frames.jump_starts[n_frames] != header->n_jumps)) {
        return "its jumps are not in order";
    }
    for (int64_t f = 0; f < n_frames; f++) {
        if (has_entries(frames.jump_starts, f) && width_at(&frames, f) == 32) {
            return "a frame jumps that has no need to";
        }
    }
    return NULL;
}

int64_t mdli_frames_directory_bytes(mdl_encoding encoding, int64_t n_rows, const void *payload)
{
    const int32_t n_frames = mdli_n_frames(n_rows);
    const frames_header *header = payload;
    if (encoding == MDL_ENCODING_DELTA) {
        return delta_directory_bytes(n_frames, header->n_jumps);
    }
    const int64_t n_pages =
        header->page_bits > 0 ? open_frame(n_frames, header).page_starts[n_frames] : 0;
    return frame_directory_bytes(n_frames, header, n_pages);
}

const char *mdli_frames_directory_fault(mdl_encoding encoding, int64_t n_rows, int64_t value_bytes,
                                        const void *payload, int64_t payload_bytes)
{
    const int32_t n_frames = mdli_n_frames(n_rows);
    if (payload_bytes < (int64_t)sizeof(frames_header)) {
        return "its frames are cut off";
    }
    return encoding == MDL_ENCODING_DELTA
               ? delta_fault(n_frames, payload, payload_bytes)
               : frame_fault(n_frames, value_bytes, payload, payload_bytes);
}

const char *mdli_packed_frame_fault(const mdli_frames *frames, int64_t f)
{
    return has_entries(frames->page_starts, f) && !names_its_pages(frames, f)
               ? "a frame names a page that it does not list"
               : NULL;
}

const char *mdli_frames_fault(const mdli_kernels *kernels, mdl_encoding encoding, int64_t n_rows,
                              int64_t value_bytes, const void *payload, int64_t payload_bytes)
{
    const char *fault =
        mdli_frames_directory_fault(encoding, n_rows, value_bytes, payload, payload_bytes);
    if (fault != NULL) {
        return fault;
    }
    const mdli_frames frames = mdli_frames_open(kernels, encoding, n_rows, payload);
    for (int64_t f = 0; f < mdli_n_frames(n_rows) && fault == NULL; f++) {
        fault = mdli_packed_frame_fault(&frames, f);
    }
    return fault;
}
