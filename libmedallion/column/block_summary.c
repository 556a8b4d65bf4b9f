/*
 * What the values of a block are, told from its encoded form: for the statistics of a block that came
 * from outside to be held against, and for those of a slice. A slice whose rows are in no order is
 * said to lie between the bounds of its parent: that takes no look at more rows than show the order,
 * and is all that operators ask of a block's bounds. A column, whose bounds are to be exact, looks for
 * those of the few slices that could have them.
 *
 * Most of a block need not be decoded for that. Frames are decoded one after another, in the first
 * cache, until a value is less than the one before: from there on the block is known to be in no
 * order, and only its least and greatest value are asked for. These the remaining frames bound by
 * how they are packed, and a frame whose bounds lie within what was found already is left alone.
 */
#include "column/block_internal.h"

#include "base/error.h"

/* Rows of a block that are looked at frame by frame: all, or those that a slice of it shows. */
typedef struct summary_walk {
    const mdli_block *block;
    int32_t first_row;
    int32_t end_row;
    const mdli_kernels *kernels;
    bool has_frames; /* FRAME or DELTA: then `frames` is open */
    bool has_listed; /* DICTIONARY: then all values lie within these */
    int64_t listed_least;
    int64_t listed_greatest;
    mdli_frames frames;
    mdli_value_summary *summary;
} summary_walk;

static bool has_64_bits(const mdli_block *block)
{
    return mdli_value_bytes(block->type) == 8;
}

/* The n values from row `start` on, of one frame, as INT32 or INT64, in `scratch` or where they are.
 */
static const void *frame_values(const mdli_block *block, int32_t start, int32_t n,
                                int64_t scratch[MDLI_FRAME_ROWS])
{
    const int64_t value_bytes = mdli_value_bytes(block->type);
    if (block->encoding == MDL_ENCODING_PLAIN && block->type != MDL_TYPE_BOOL) {
        return (const uint8_t *)block->payload + start * value_bytes;
    }
    mdli_decode_integers(block, start, n, scratch);
    /* From the last to the first, as each takes the place of several. */
    for (int32_t i = n - 1; block->type == MDL_TYPE_BOOL && i >= 0; i--) {
        ((int32_t *)scratch)[i] = ((const uint8_t *)scratch)[i];
    }
    return scratch;
}

/* Takes all that frame `f` tells into the summary. */
static mdl_status add_frame(const summary_walk *walk, int32_t f, mdl_error *error)
{
    mdli_value_summary *summary = walk->summary;
    const int32_t frame_start = f * MDLI_FRAME_ROWS;
    const bool is_first = frame_start <= walk->first_row;
    const int32_t start = is_first ? walk->first_row : frame_start;
    const int32_t n_left = walk->end_row - start;
    const int32_t n_of_frame = frame_start + MDLI_FRAME_ROWS - start;
    const int32_t n = n_left < n_of_frame ? n_left : n_of_frame;
    int64_t scratch[MDLI_FRAME_ROWS];
    mdli_profile profile;
    MDLI_TRY(mdli_block_need(walk->block, start, n, error));
    mdli_profile_fill(&profile, walk->kernels, frame_values(walk->block, start, n, scratch),
                      has_64_bits(walk->block), n);
    const int64_t first = mdli_profile_value(&profile, 0);
    if (is_first) {
        summary->first = first;
        summary->min = profile.min;
        summary->max = profile.max;
    }
    summary->n_runs += profile.n_runs - (!is_first && first == summary->last);
    summary->n_falls += profile.n_falls + (!is_first && first < summary->last);
    summary->min = profile.min < summary->min ? profile.min : summary->min;
    summary->max = profile.max > summary->max ? profile.max : summary->max;
    summary->last = mdli_profile_value(&profile, n - 1);
    return MDL_OK;
}

/* Whether frame `f` cannot hold a value that is less or greater than those that were found. */
static bool is_within_summary(const summary_walk *walk, int32_t f)
{
    const mdli_value_summary *summary = walk->summary;
    int64_t least = walk->listed_least;
    int64_t greatest = walk->listed_greatest;
    if (!walk->has_listed &&
        (!walk->has_frames ||
         !mdli_frames_bounds(&walk->frames, f, has_64_bits(walk->block), &least, &greatest))) {
        return false;
    }
    return summary->min <= least && greatest <= summary->max;
}

static void summarise_runs(const int64_t *values, int32_t n_runs, mdli_value_summary *summary)
{
    *summary = (mdli_value_summary){.first = values[0],
                                    .last = values[n_runs - 1],
                                    .min = values[0],
                                    .max = values[0],
                                    .n_runs = 1};
    for (int32_t r = 1; r < n_runs; r++) {
        summary->n_runs += values[r] != values[r - 1];
        summary->n_falls += values[r] < values[r - 1];
        summary->min = values[r] < summary->min ? values[r] : summary->min;
        summary->max = values[r] > summary->max ? values[r] : summary->max;
    }
}

static mdl_status start_walk(const mdli_block *of, mdli_value_summary *summary, summary_walk *walk,
                             mdl_error *error)
{
    const mdli_block *block = of->parent != NULL ? of->parent : of;
    *walk = (summary_walk){.block = block,
                           .first_row = of->first_row,
                           .end_row = of->first_row + of->n_rows,
                           .kernels = mdli_kernels_of(block->context),
                           .summary = summary};
    MDLI_TRY(mdli_block_need(block, 0, 0, error));
    if (block->encoding == MDL_ENCODING_FRAME || block->encoding == MDL_ENCODING_DELTA) {
        walk->has_frames = true;
        walk->frames =
            mdli_frames_open(walk->kernels, block->encoding, block->n_rows, block->payload);
    } else if (block->encoding == MDL_ENCODING_DICTIONARY) {
        walk->has_listed = true;
        mdli_dictionary_bounds(block, &walk->listed_least, &walk->listed_greatest);
    }
    *summary = (mdli_value_summary){.n_runs = 0};
    return MDL_OK;
}

/* Takes in the frames of a walk up to the first fall; gives the frame behind. */
static mdl_status add_rising_frames(const summary_walk *walk, int32_t *next, mdl_error *error)
{
    const int32_t end = (walk->end_row - 1) / MDLI_FRAME_ROWS + 1;
    *next = walk->first_row / MDLI_FRAME_ROWS;
    while (*next < end && walk->summary->n_falls == 0) {
        MDLI_TRY(add_frame(walk, (*next)++, error));
    }
    return MDL_OK;
}

/* Takes in what can matter of frame `f` and those behind it, when the order is known to be broken. */
static mdl_status add_other_frames(const summary_walk *walk, int32_t f, mdl_error *error)
{
    const int32_t last_frame = (walk->end_row - 1) / MDLI_FRAME_ROWS;
    MDLI_TRY(mdli_block_need(walk->block, walk->first_row, walk->end_row - walk->first_row, error));
    for (; f <= last_frame; f++) {
        /* The last one is decoded for the last value, and as its unused rows hold anything. */
        if (f == last_frame || !is_within_summary(walk, f)) {
            MDLI_TRY(add_frame(walk, f, error));
        }
    }
    return MDL_OK;
}

mdl_status mdli_summarise_integers(const mdli_block *block, mdli_value_summary *summary,
                                   mdl_error *error)
{
    const int64_t *run_values;
    const int32_t *run_ends;
    int32_t n_runs;
    if (mdli_block_runs(block, &run_values, &run_ends, &n_runs)) {
        summarise_runs(run_values, n_runs, summary);
        return MDL_OK;
    }
    summary_walk walk;
    int32_t f;
    MDLI_TRY(start_walk(block, summary, &walk, error));
    MDLI_TRY(add_rising_frames(&walk, &f, error));
    if (mdli_block_has_loose_bounds(block, summary->n_falls > 0)) {
        summary->min = block->parent->min;
        summary->max = block->parent->max;
        summary->first = 0;
        summary->last = 0;
        return MDL_OK;
    }
    return add_other_frames(&walk, f, error);
}

mdl_status mdli_summarise_slice(const mdli_block *slice, mdli_value_summary *summary,
                                mdl_error *error)
{
    summary_walk walk;
    int32_t f;
    MDLI_TRY(start_walk(slice, summary, &walk, error));
    MDLI_TRY(add_rising_frames(&walk, &f, error));
    return add_other_frames(&walk, f, error);
}
