/*
 * Groups of a column that is encoded in runs.
 *
 * "The users that there are", or how many rows each has, is what the runs of a sorted column say:
 * no row need be decoded for it. Where more is asked of the rows, the runs still tell which of them
 * are of one group.
 */
#include "base/error.h"
#include "operators/aggregate_internal.h"

bool mdli_can_group_runs(const mdli_aggregator *a)
{
    return a->leading_runs != NULL && a->leading_runs->n_rows > 0 && a->rel->n_keys == 1 &&
           a->layout.n_accumulators == 1;
}

mdl_status mdli_group_runs(mdli_aggregator *a, mdl_error *error)
{
    const mdl_column *column = a->leading_runs;
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

mdl_status mdli_read_leading_runs(mdli_aggregator *a, const bool *needed, mdl_error *error)
{
    if ((a->strategy != MDLI_GROUP_SORTED && a->strategy != MDLI_GROUP_LANES) ||
        !mdli_pipeline_keeps_all_rows(a->pipeline)) {
        return MDL_OK;
    }
    const mdl_table *source = mdli_pipeline_source(a->pipeline);
    const mdl_column *column = source->columns[a->keys[0].facts.source_column];
    if (mdli_column_is_in_runs(column)) {
        a->leading_runs = column;
        return mdli_pipeline_add_variant(a->pipeline, needed, error);
    }
    return MDL_OK;
}

/* Goes to the block of a row. */
static void open_block(const mdl_column *column, mdli_run_cursor *cursor, int64_t row)
{
    const int64_t b = mdli_column_find_block(column, row);
    cursor->first_row = column->row_starts[b];
    cursor->end_row = column->row_starts[b + 1];
    cursor->run = 0;
    mdli_block_runs(column->blocks[b], &cursor->values, &cursor->ends, &cursor->n_runs);
}

/* Goes to the run of a row, mostly the one at hand or the next. */
static void go_to_row(const mdl_column *column, mdli_run_cursor *cursor, int64_t row)
{
    if (row < cursor->first_row || row >= cursor->end_row) {
        open_block(column, cursor, row);
    }
    const int64_t place = row - cursor->first_row;
    const int32_t run = cursor->run;
    if (place >= (run > 0 ? cursor->ends[run - 1] : 0) && place < cursor->ends[run]) {
        return;
    }
    const bool is_next = run + 1 < cursor->n_runs && place == cursor->ends[run];
    cursor->run = is_next ? run + 1 : mdli_find_run(cursor->ends, cursor->n_runs, place);
}

int64_t mdli_encoded_run(const mdl_column *column, mdli_run_cursor *cursor, int64_t row,
                         int64_t end, int64_t *value)
{
    go_to_row(column, cursor, row);
    *value = cursor->values[cursor->run];
    int64_t run_end = cursor->first_row + cursor->ends[cursor->run];
    /* A block's last run may go on in the next. */
    while (run_end < end && run_end == cursor->end_row) {
        open_block(column, cursor, run_end);
        if (cursor->values[0] != *value) {
            break;
        }
        run_end += cursor->ends[0];
    }
    return run_end < end ? run_end : end;
}
