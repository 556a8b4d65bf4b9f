/*
 * count(distinct x) before a join, by masks of groups.
 *
 * States of join keys merge into those of groups, but their distinct values do not add up. So each
 * value of x keeps a mask of the groups that it has been seen in, a bit for each of at most 64
 * groups; the groups of a join key are a mask too, and a row costs one look-up of it. In the end
 * bits are counted.
 *
 * Where x stands in runs, as the first column of a sorted table does, and a summary answers all
 * else, x is not decoded: the masks of a run's keys are gathered in a register, and no more once
 * the value has all groups that there are.
 */
#include <string.h>

#include "base/error.h"
#include "operators/aggregate_internal.h"
#include "operators/rowset.h"

bool mdli_is_of_join_key(const mdli_aggregator *a, int32_t distinct)
{
    const mdli_argument *argument = &a->arguments[a->distincts[distinct].argument];
    return argument->column == a->before.join->left_keys[0];
}

int64_t mdli_mask_domain(const mdli_aggregator *a, const mdli_argument *argument)
{
    int64_t limit =
        MDLI_DENSE_BYTES_MAX / (int64_t)sizeof(uint64_t) / mdli_pipeline_n_workers(a->pipeline);
    int64_t domain = 0;
    if (argument->dictionary != NULL) {
        domain = argument->dictionary->n_entries;
    } else if (argument->range.is_known) {
        uint64_t span = (uint64_t)argument->range.greatest - (uint64_t)argument->range.least;
        domain = span < INT32_MAX ? (int64_t)span + 1 : 0;
    }
    return domain <= limit ? domain : 0;
}

mdl_status mdli_masks_create(mdli_aggregator *a, mdl_error *error)
{
    mdli_before_join *before = &a->before;
    const int64_t n_slots = mdli_join_map_n_slots(before->map);
    void *memory;
    /* One more than there are slots: keys without a match go there, and have no group. */
    MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)(n_slots + 1) * sizeof(uint64_t), "aggregate",
                                  &memory, error));
    before->masks = memory;
    for (int64_t s = 0; s < n_slots; s++) {
        for (int32_t m = before->starts[s]; m < before->starts[s + 1]; m++) {
            before->masks[s] |= (uint64_t)1 << before->row_slots[before->rows[m]];
        }
        before->all_groups |= before->masks[s];
    }
    return MDL_OK;
}

mdl_status mdli_masks_create_worker(mdli_aggregator *a, mdli_aggregate_worker *worker,
                                    mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)a->n_distincts * sizeof(uint64_t *),
                                  "aggregate", &memory, error));
    worker->value_masks = memory;
    for (int32_t d = 0; d < a->n_distincts; d++) {
        if (mdli_is_of_join_key(a, d)) {
            continue;
        }
        int64_t domain = mdli_mask_domain(a, &a->arguments[a->distincts[d].argument]);
        MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)domain * sizeof(uint64_t), "aggregate",
                                      &memory, error));
        worker->value_masks[d] = memory;
    }
    return MDL_OK;
}

/*
 * Row by row.
 */

/* The common case: INT32 without NULL. A value's groups are gathered in a register for as long as
 * it repeats, as in rows sorted by it: else each row would wait for the one before to be stored. */
static void mark_numbers(const int32_t *numbers, int32_t least, const int32_t *groups,
                         int64_t n_rows, const uint64_t *masks, uint64_t *values)
{
    int32_t number = numbers[0];
    uint64_t mask = 0;
    for (int64_t i = 0; i < n_rows; i++) {
        if (numbers[i] != number) {
            values[number - least] |= mask;
            number = numbers[i];
            mask = 0;
        }
        mask |= masks[groups[i]];
    }
    values[number - least] |= mask;
}

void mdli_mark_values(mdli_aggregator *a, mdli_aggregate_worker *worker, int32_t distinct,
                      int64_t n_rows)
{
    const mdli_argument *argument = &a->arguments[a->distincts[distinct].argument];
    const mdl_vector *v = &worker->arguments[a->distincts[distinct].argument];
    const uint64_t *masks = a->before.masks;
    uint64_t *values = worker->value_masks[distinct];
    const int32_t *groups = worker->groups;
    if (mdli_is_of_join_key(a, distinct)) {
        return;
    }
    if (argument->dictionary == NULL && v->validity == NULL && v->type == MDL_TYPE_INT32) {
        mark_numbers(v->values, (int32_t)argument->range.least, groups, n_rows, masks, values);
        return;
    }
    for (int64_t i = 0; i < n_rows; i++) {
        if (!mdl_vector_is_null(v, i)) {
            int64_t place = argument->dictionary != NULL
                                ? v->codes[i]
                                : mdli_vector_integer(v, i) - argument->range.least;
            values[place] |= masks[groups[i]];
        }
    }
}

/*
 * Run by run.
 */

/* The source's column that the values of a count are; NULL = they are computed. */
static const mdl_column *source_column_of(const mdli_aggregator *a, int32_t distinct)
{
    const int32_t field = a->arguments[a->distincts[distinct].argument].column;
    const int32_t column = field >= 0 ? mdli_pipeline_facts(a->pipeline)[field].source_column : -1;
    return column >= 0 ? mdli_pipeline_source(a->pipeline)->columns[column] : NULL;
}

bool mdli_can_mark_runs(const mdli_aggregator *a)
{
    const mdl_vector key = {.type = a->input->fields[a->before.join->left_keys[0]].type};
    int32_t least;
    /* Numbering rows by a map takes longer than decoding does. */
    bool can_mark = mdli_join_map_is_offset(a->before.map, &key, &least);
    for (int32_t d = 0; d < a->n_distincts && can_mark; d++) {
        const mdl_column *column = source_column_of(a, d);
        can_mark = mdli_is_of_join_key(a, d) || (column != NULL && mdli_column_is_in_runs(column));
    }
    return can_mark;
}

/* Masks by join key. */
typedef struct key_masks {
    const uint64_t *masks; /* one more than there are slots */
    uint32_t n_slots;
    uint32_t least;
} key_masks;

/* The groups that some keys have together. */
static uint64_t groups_of_keys(const key_masks *by, const int32_t *keys, int64_t n)
{
    uint64_t groups = 0;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t slot = (uint32_t)keys[i] - by->least;
        groups |= by->masks[slot < by->n_slots ? slot : by->n_slots];
    }
    return groups;
}

/* Adds to a value's mask the groups of some of its rows, until it has `all` groups. */
static void mark_run(const key_masks *by, const int32_t *keys, int64_t n, uint64_t all,
                     uint64_t *value)
{
    for (int64_t i = 0; i < n && *value != all; i += MDLI_FRAME_ROWS) {
        *value |= groups_of_keys(by, keys + i, n - i < MDLI_FRAME_ROWS ? n - i : MDLI_FRAME_ROWS);
    }
}

/* Goes along the runs of a column that some rows of the source lie in. */
static void mark_runs_of(const mdl_column *column, const key_masks *by, uint64_t all,
                         const mdli_rows *rows, const int32_t *keys, int64_t least,
                         uint64_t *values)
{
    const int64_t end = rows->first_row + rows->n_rows;
    int64_t row = rows->first_row;
    for (int64_t b = mdli_column_find_block(column, row); row < end; b++) {
        const int64_t start = column->row_starts[b];
        const int64_t *of_runs;
        const int32_t *ends;
        int32_t n_runs;
        mdli_block_runs(column->blocks[b], &of_runs, &ends, &n_runs);
        for (int32_t r = mdli_find_run(ends, n_runs, row - start); r < n_runs && row < end; r++) {
            const int64_t run_end = start + ends[r] < end ? start + ends[r] : end;
            mark_run(by, keys + (row - rows->first_row), run_end - row, all,
                     &values[of_runs[r] - least]);
            row = run_end;
        }
    }
}

void mdli_mark_runs(const mdli_aggregator *a, mdli_aggregate_worker *worker, const mdli_rows *rows)
{
    const mdl_vector *key = &rows->columns[a->before.join->left_keys[0]];
    int32_t least;
    mdli_join_map_is_offset(a->before.map, key, &least);
    const key_masks by = {.masks = a->before.masks,
                          .n_slots = (uint32_t)mdli_join_map_n_slots(a->before.map),
                          .least = (uint32_t)least};
    for (int32_t d = 0; d < a->n_distincts; d++) {
        if (!mdli_is_of_join_key(a, d)) {
            mark_runs_of(source_column_of(a, d), &by, a->before.all_groups, rows, key->values,
                         a->arguments[a->distincts[d].argument].range.least,
                         worker->value_masks[d]);
        }
    }
}

/*
 * In the end.
 */

void mdli_count_keys_of_groups(const mdli_aggregator *a, const char *key_states,
                               int64_t n_keys[MDLI_MASK_GROUPS_MAX])
{
    memset(n_keys, 0, MDLI_MASK_GROUPS_MAX * sizeof *n_keys);
    for (int64_t s = 0; s < mdli_n_states(a); s++) {
        if (mdli_state_has_rows(a, key_states + s * a->layout.size_bytes)) {
            for (uint64_t mask = a->before.masks[mdli_slot_of_state(a, s)]; mask != 0;
                 mask &= mask - 1) {
                n_keys[__builtin_ctzll(mask)]++;
            }
        }
    }
}

void mdli_count_values_of_groups(const mdli_aggregator *a, int32_t distinct,
                                 int64_t n_values[MDLI_MASK_GROUPS_MAX])
{
    const int64_t domain = mdli_mask_domain(a, &a->arguments[a->distincts[distinct].argument]);
    memset(n_values, 0, MDLI_MASK_GROUPS_MAX * sizeof *n_values);
    for (int64_t v = 0; v < domain; v++) {
        uint64_t mask = 0;
        for (int w = 0; w < a->n_workers; w++) {
            mask |= a->workers[w].value_masks[distinct][v];
        }
        for (; mask != 0; mask &= mask - 1) {
            n_values[__builtin_ctzll(mask)]++;
        }
    }
}
