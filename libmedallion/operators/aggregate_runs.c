/*
 * Groups of a column that is encoded in runs.
 *
 * "The users that there are", or how many rows each has, is what the runs of a sorted column say:
 * no row need be decoded for it.
 */
#include "base/error.h"
#include "operators/aggregate_internal.h"

bool mdli_can_group_runs(const mdli_aggregator *a)
{
    /* Groups are the runs of a whole column, and nothing but rows is counted. */
    if (a->strategy != MDLI_GROUP_SORTED || a->rel->n_keys > 1 || a->layout.n_accumulators > 1 ||
        !mdli_pipeline_is_whole_source(a->pipeline)) {
        return false;
    }
    const mdl_table *source = mdli_pipeline_source(a->pipeline);
    return source->n_rows > 0 &&
           mdli_column_is_in_runs(source->columns[a->keys[0].facts.source_column]);
}

mdl_status mdli_group_runs(mdli_aggregator *a, mdl_error *error)
{
    const mdl_table *source = mdli_pipeline_source(a->pipeline);
    const mdl_column *column = source->columns[a->keys[0].facts.source_column];
    const int32_t rows_offset = a->layout.accumulators[0].offset;
    mdli_group_list *list = &a->morsels[0];
    for (int64_t b = 0; b < column->n_blocks; b++) {
        const int64_t *values;
        const int32_t *ends;
        int32_t n_runs;
        mdli_block_runs(column->blocks[b], &values, &ends, &n_runs);
        for (int32_t r = 0; r < n_runs; r++) {
            /* A block's first run may go on with the last one of the block before. */
            if (list->n_groups == 0 || list->leading[list->n_groups - 1] != values[r]) {
                MDLI_TRY(mdli_open_group(a, list, values[r], 0, error));
            }
            char *state = list->states + (list->n_groups - 1) * a->layout.size_bytes;
            *(int64_t *)(state + rows_offset) += ends[r] - (r > 0 ? ends[r - 1] : 0);
        }
    }
    return MDL_OK;
}
