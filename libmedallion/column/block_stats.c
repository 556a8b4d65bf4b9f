/*
 * What a block says of its values, all types but STRING: set from what was found, and held against
 * what a block from outside says.
 */
#include "column/block_integer.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

/* Doubles have an order of their own. A NaN, which has no place in it, leaves everything unknown.
 */
void mdli_block_set_real_stats(mdli_block *block, const double *values)
{
    const bool has_nulls = block->n_nulls > 0;
    memcpy(&block->first, &values[0], sizeof block->first);
    memcpy(&block->last, &values[block->n_rows - 1], sizeof block->last);
    int64_t before = -1;
    double min = 0;
    double max = 0;
    bool never_falls = true;
    bool always_rises = true;
    for (int64_t i = 0; i < block->n_rows; i++) {
        if (!mdli_is_valid(block->validity, i)) {
            continue;
        }
        if (isnan(values[i])) {
            return;
        }
        if (before < 0) {
            min = max = values[i];
        } else {
            never_falls = never_falls && values[before] <= values[i];
            always_rises = always_rises && values[before] < values[i];
            min = values[i] < min ? values[i] : min;
            max = values[i] > max ? values[i] : max;
        }
        before = i;
    }
    block->has_min_max = true;
    memcpy(&block->min, &min, sizeof min);
    memcpy(&block->max, &max, sizeof max);
    block->is_sorted = never_falls && !has_nulls;
    block->is_strictly_sorted = always_rises && !has_nulls;
    if (always_rises) {
        block->n_distinct = block->n_rows - block->n_nulls;
    } else if (block->encoding == MDL_ENCODING_CONSTANT) {
        block->n_distinct = 1;
    }
}

void mdli_block_note_summary(mdli_block *block, const mdli_value_summary *summary, int32_t n_listed)
{
    const bool has_nulls = block->n_nulls > 0;
    block->has_min_max = true;
    block->min = summary->min;
    block->max = summary->max;
    block->first = summary->first;
    block->last = summary->last;
    block->is_sorted = summary->n_falls == 0 && !has_nulls;
    block->is_strictly_sorted = block->is_sorted && summary->n_runs == block->n_rows;
    block->n_distinct = summary->n_falls == 0 ? summary->n_runs : n_listed;
}

static bool has_same_stats(const mdli_block *a, const mdli_block *b)
{
    return a->has_min_max == b->has_min_max && a->min == b->min && a->max == b->max &&
           a->first == b->first && a->last == b->last && a->is_sorted == b->is_sorted &&
           a->is_strictly_sorted == b->is_strictly_sorted &&
           (b->n_distinct < 0 || a->n_distinct == b->n_distinct);
}

const char mdli_stats_fault[] = "its statistics are not those of its values";

/* A block of which nothing is known yet, to be given statistics as when it was encoded. */
static mdli_block without_stats(const mdli_block *block)
{
    return (mdli_block){.type = block->type,
                        .encoding = block->encoding,
                        .n_rows = block->n_rows,
                        .n_nulls = block->n_nulls,
                        .validity = block->validity,
                        .n_distinct = -1};
}

static const char *all_null_stats_fault(const mdli_block *block)
{
    mdli_block expected = without_stats(block);
    expected.n_distinct = 0;
    return block->encoding == MDL_ENCODING_CONSTANT && has_same_stats(block, &expected)
               ? NULL
               : mdli_stats_fault;
}

mdl_status mdli_block_set_integer_stats(mdli_block *block, mdl_error *error)
{
    mdli_value_summary summary;
    MDLI_TRY(mdli_summarise_integers(block, &summary, error));
    mdli_block_note_summary(block, &summary, -1);
    return MDL_OK;
}

mdl_status mdli_integer_stats_fault(const mdli_block *block, const char **fault, mdl_error *error)
{
    *fault = NULL;
    if (block->n_nulls == block->n_rows) {
        *fault = all_null_stats_fault(block);
        return MDL_OK;
    }
    mdli_block expected = without_stats(block);
    mdli_value_summary summary;
    MDLI_TRY(mdli_summarise_integers(block, &summary, error));
    mdli_block_note_summary(&expected, &summary, -1);
    /* Earlier versions of the library noted exact bounds of all slices. */
    if (mdli_block_has_loose_bounds(block, summary.n_falls > 0) &&
        !has_same_stats(block, &expected)) {
        MDLI_TRY(mdli_summarise_slice(block, &summary, error));
        mdli_block_note_summary(&expected, &summary, -1);
    }
    if (block->type == MDL_TYPE_BOOL && (summary.min < 0 || summary.max > 1)) {
        *fault = "it holds a BOOL that is neither true nor false";
    } else if (!has_same_stats(block, &expected)) {
        *fault = mdli_stats_fault;
    }
    return MDL_OK;
}

const char *mdli_real_stats_fault(const mdli_block *block, const double *reals)
{
    if (block->n_nulls == block->n_rows) {
        return all_null_stats_fault(block);
    }
    mdli_block expected = without_stats(block);
    mdli_block_set_real_stats(&expected, reals);
    return has_same_stats(block, &expected) ? NULL : mdli_stats_fault;
}
