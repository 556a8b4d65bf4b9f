/*
 * Blocks that rise within runs of rows, told from how they are packed.
 *
 * Where a DELTA frame takes 1 or more off its steps, each row is above the one before but at jumps,
 * which it lists. How the last row of a frame lies to the first of the next shows when its steps are
 * added up. So movies that rise under each user are known to do so after a look at the places where
 * users begin, and at sums of packed steps; few frames, if any, are decoded.
 */
#include "column/block_internal.h"

/* The ends of runs, in which rows are looked for one after another. */
typedef struct run_borders {
    const int32_t *ends;
    int32_t n_runs;
    int32_t run;
    int32_t first_row; /* of the block, where the rows that are asked for are those of its parent */
    int32_t end_row;
} run_borders;

/* Whether a row that may not be above the one before begins a run, or is none of the block. */
static bool is_border(run_borders *borders, int32_t row)
{
    if (row <= borders->first_row || row >= borders->end_row) {
        return true;
    }
    row -= borders->first_row;
    while (borders->run < borders->n_runs && borders->ends[borders->run] < row) {
        borders->run++;
    }
    return borders->run < borders->n_runs && borders->ends[borders->run] == row;
}

/* Looks at the rows of frame `f` of a block one by one; `*last`, the last value above the base, is
 * that of the frame before at first. */
static bool rises_by_rows(const mdli_frames *frames, int32_t f, int32_t n_rows,
                          run_borders *borders, uint32_t *last)
{
    uint32_t values[MDLI_FRAME_ROWS];
    const int32_t start = f * MDLI_FRAME_ROWS;
    const int32_t n = n_rows - start < MDLI_FRAME_ROWS ? n_rows - start : MDLI_FRAME_ROWS;
    mdli_frames_read_int32(frames, f, values);
    for (int32_t i = 0; i < n; i++) {
        const uint32_t value = values[i] - (uint32_t)frames->base;
        if ((i > 0 || f > 0) && value <= *last && !is_border(borders, start + i)) {
            return false;
        }
        *last = value;
    }
    return true;
}

/* As rises_by_rows for a full frame, if that shows by its packing. */
static bool rises_by_packing(const mdli_frames *frames, int32_t f, run_borders *borders,
                             uint32_t *last)
{
    uint8_t falls[MDLI_FRAME_ROWS];
    int n_falls;
    uint32_t first;
    const uint32_t last_before = *last;
    const int32_t start = f * MDLI_FRAME_ROWS;
    if (!mdli_frames_rise(frames, f, falls, &n_falls, &first, last) ||
        (f > 0 && first <= last_before && !is_border(borders, start))) {
        *last = last_before;
        return false;
    }
    for (int i = 0; i < n_falls; i++) {
        if (!is_border(borders, start + falls[i])) {
            *last = last_before;
            return false;
        }
    }
    return true;
}

bool mdli_block_rises_in_runs(const mdli_block *block, const int32_t *ends, int32_t n_runs)
{
    const mdli_block *packed = block->parent != NULL ? block->parent : block;
    run_borders borders = {ends, n_runs, 0, block->first_row, block->first_row + block->n_rows};
    uint32_t last = 0;
    /* Then a step within the block modulo 2^32 is above 0 just where the value rises. */
    if (packed->encoding != MDL_ENCODING_DELTA || packed->n_nulls > 0 || !packed->has_min_max ||
        (uint64_t)packed->max - (uint64_t)packed->min > INT32_MAX ||
        mdli_block_need(block, 0, block->n_rows, NULL) != MDL_OK) {
        return false;
    }
    const mdli_frames frames = mdli_frames_open(mdli_kernels_of(packed->context), packed->encoding,
                                                packed->n_rows, packed->payload);
    bool rises = frames.base == (uint64_t)packed->min;
    for (int32_t f = block->first_row / MDLI_FRAME_ROWS;
         rises && f * MDLI_FRAME_ROWS < borders.end_row; f++) {
        const bool is_full = (f + 1) * MDLI_FRAME_ROWS <= packed->n_rows;
        run_borders kept = borders;
        rises = is_full && rises_by_packing(&frames, f, &borders, &last);
        if (!rises) {
            borders = kept;
            rises = rises_by_rows(&frames, f, packed->n_rows, &borders, &last);
        }
    }
    return rises;
}
