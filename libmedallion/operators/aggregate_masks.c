/*
 * count(distinct x) before a join, by masks of groups.
 *
 * States of join keys merge into those of groups, but their distinct values do not add up. So each
 * value of x keeps a mask of the groups that it has been seen in, a bit for each of at most 64
 * groups; the groups of a join key are a mask too, and a row costs one look-up of it. What bounds
 * this is how much of the look-up's array is in a near cache, and so masks have no more than 32 bits
 * wherever that is enough. In the end bits are counted.
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

bool mdli_asks_for_values_alone(const mdli_aggregator *a)
{
    /* A group whose values are all NULL would have none to be told by. */
    bool are_all = a->strategy == MDLI_GROUP_BEFORE_JOIN && a->n_distincts > 0;
    for (int32_t d = 0; d < a->n_distincts && are_all; d++) {
        are_all = !mdli_is_of_join_key(a, d) && !a->arguments[a->distincts[d].argument].may_be_null;
    }
    for (int32_t i = 0; i < a->rel->n_items && are_all; i++) {
        are_all = a->rel->items[i].is_distinct;
    }
    return are_all;
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

/* The values that a count(distinct x) has masks for. */
static int64_t domain_of(const mdli_aggregator *a, int32_t distinct)
{
    return mdli_mask_domain(a, &a->arguments[a->distincts[distinct].argument]);
}

mdl_status mdli_masks_create(mdli_aggregator *a, int64_t n_groups, bool *has_twice,
                             mdl_error *error)
{
    const mdli_before_join *before = &a->before;
    const int32_t *slots = mdli_join_map_row_slots(before->map);
    /* One more than there are slots: keys without a match go there, and have no group. */
    const int64_t n = mdli_join_map_n_slots(before->map) + 1;
    mdli_group_masks masks = {.n = n, .n_words = n_groups > MDLI_MASK_WORD_GROUPS ? 2 : 1};
    uint32_t twice = 0;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)(masks.n_words * n) * sizeof(uint32_t),
                                  "aggregate", &memory, error));
    masks.words = memory;
    for (int64_t row = 0; row < before->right->n_rows; row++) {
        if (slots[row] >= 0) {
            const int32_t group = before->row_slots[row];
            const int32_t word = group / MDLI_MASK_WORD_GROUPS;
            const uint32_t bit = (uint32_t)1 << (group % MDLI_MASK_WORD_GROUPS);
            uint32_t *mask = &masks.words[word * n + slots[row]];
            twice |= *mask & bit;
            *mask |= bit;
            masks.all[word] |= bit;
        }
    }
    a->before.masks = masks;
    *has_twice = twice != 0;
    return MDL_OK;
}

mdl_status mdli_masks_create_worker(mdli_aggregator *a, mdli_aggregate_worker *worker,
                                    mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)a->n_distincts * sizeof(uint32_t *),
                                  "aggregate", &memory, error));
    worker->value_masks = memory;
    for (int32_t d = 0; d < a->n_distincts; d++) {
        if (mdli_is_of_join_key(a, d)) {
            continue;
        }
        const int64_t n_words = domain_of(a, d) * a->before.masks.n_words;
        MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)n_words * sizeof(uint32_t), "aggregate",
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
                         int64_t n_rows, const uint32_t *masks, uint32_t *values)
{
    int32_t number = numbers[0];
    uint32_t mask = 0;
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

/* All others. */
static void mark_rows(const mdli_argument *argument, const mdl_vector *v, const int32_t *groups,
                      int64_t n_rows, const uint32_t *masks, uint32_t *values)
{
    for (int64_t i = 0; i < n_rows; i++) {
        if (!mdl_vector_is_null(v, i)) {
            int64_t place = argument->dictionary != NULL
                                ? v->codes[i]
                                : mdli_vector_integer(v, i) - argument->range.least;
            values[place] |= masks[groups[i]];
        }
    }
}

void mdli_mark_values(mdli_aggregator *a, mdli_aggregate_worker *worker, int32_t distinct,
                      int64_t n_rows)
{
    const mdli_argument *argument = &a->arguments[a->distincts[distinct].argument];
    const mdl_vector *v = &worker->arguments[a->distincts[distinct].argument];
    const mdli_group_masks *by = &a->before.masks;
    const bool is_plain =
        argument->dictionary == NULL && v->validity == NULL && v->type == MDL_TYPE_INT32;
    if (mdli_is_of_join_key(a, distinct)) {
        return;
    }
    for (int32_t w = 0; w < by->n_words; w++) {
        const uint32_t *masks = by->words + w * by->n;
        uint32_t *values = worker->value_masks[distinct] + w * domain_of(a, distinct);
        if (is_plain) {
            mark_numbers(v->values, (int32_t)argument->range.least, worker->groups, n_rows, masks,
                         values);
        } else {
            mark_rows(argument, v, worker->groups, n_rows, masks, values);
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

/* One word of the masks of join keys. */
typedef struct key_masks {
    mdli_mask_table table;
    uint32_t all;
    bool has_all_keys; /* none is out of range */
} key_masks;

/* The groups that some keys have together. */
static inline uint32_t groups_of_keys(const mdli_mask_table *table, const int32_t *keys, int64_t n,
                                      bool has_all_keys)
{
    uint32_t groups = 0;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t slot = (uint32_t)keys[i] - (uint32_t)table->least;
        groups |= table->masks[has_all_keys || slot < table->n ? slot : table->n];
    }
    return groups;
}

/* Adds to a value's mask the groups of some of its rows, until it has all there are. */
static void mark_run(const key_masks *by, const int32_t *keys, int64_t n, uint32_t *value)
{
    for (int64_t i = 0; i < n && *value != by->all; i += MDLI_FRAME_ROWS) {
        const int64_t n_here = n - i < MDLI_FRAME_ROWS ? n - i : MDLI_FRAME_ROWS;
        *value |= by->has_all_keys ? groups_of_keys(&by->table, keys + i, n_here, true)
                                   : groups_of_keys(&by->table, keys + i, n_here, false);
    }
}

/* Goes along the runs of a column that some rows of the source lie in. */
static void mark_runs_of(const mdl_column *column, const key_masks *by, const mdli_rows *rows,
                         const int32_t *keys, int64_t least, uint32_t *values)
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
            mark_run(by, keys + (row - rows->first_row), run_end - row,
                     &values[of_runs[r] - least]);
            row = run_end;
        }
    }
}

/* Whether all values of the join's key lie where the map has slots. */
static bool has_all_keys(const mdli_aggregator *a, int32_t least)
{
    const mdli_range *range = &mdli_pipeline_facts(a->pipeline)[a->before.join->left_keys[0]].range;
    return range->is_known && range->least >= least &&
           range->greatest - least < mdli_join_map_n_slots(a->before.map);
}

void mdli_mark_runs(const mdli_aggregator *a, mdli_aggregate_worker *worker, const mdli_rows *rows)
{
    const mdli_group_masks *masks = &a->before.masks;
    const mdl_vector *key = &rows->columns[a->before.join->left_keys[0]];
    int32_t least;
    mdli_join_map_is_offset(a->before.map, key, &least);
    for (int32_t w = 0; w < masks->n_words; w++) {
        const key_masks by = {
            .table = {masks->words + w * masks->n, (uint32_t)(masks->n - 1), least},
            .all = masks->all[w],
            .has_all_keys = has_all_keys(a, least),
        };
        for (int32_t d = 0; d < a->n_distincts; d++) {
            if (!mdli_is_of_join_key(a, d)) {
                mark_runs_of(source_column_of(a, d), &by, rows, key->values,
                             a->arguments[a->distincts[d].argument].range.least,
                             worker->value_masks[d] + w * domain_of(a, d));
            }
        }
    }
}

/*
 * In the end.
 */

/* Adds to counts by bit how many of some keys' masks, at most MDLI_VECTOR_ROWS, have it. */
static void count_bits(const mdli_aggregator *a, const mdli_mask_table *table, const int32_t *keys,
                       int64_t n, int64_t counts[MDLI_MASK_WORD_GROUPS])
{
    static const int32_t zeros[MDLI_VECTOR_ROWS];
    uint64_t lanes[MDLI_MASK_LANES] = {0};
    a->kernels->add_to_lanes(table, keys, zeros, n, 0, 0, lanes);
    for (int32_t k = 0; k < MDLI_MASK_WORD_GROUPS; k++) {
        counts[k] += (int64_t)(lanes[k] >> 32);
    }
}

void mdli_count_groups_of_slots(const mdli_aggregator *a, const int32_t *slots, int64_t n,
                                int64_t counts[MDLI_MASK_GROUPS_MAX])
{
    const mdli_group_masks *masks = &a->before.masks;
    for (int32_t w = 0; w < masks->n_words; w++) {
        const mdli_mask_table table = {masks->words + w * masks->n, (uint32_t)(masks->n - 1), 0};
        count_bits(a, &table, slots, n, counts + w * MDLI_MASK_WORD_GROUPS);
    }
}

/* Adds to counts by bit those of some places, [first, first + n), in all workers' arrays. */
static void count_bits_of_places(const mdli_aggregator *a, int32_t distinct, int64_t first,
                                 int64_t n, int64_t counts[MDLI_MASK_WORD_GROUPS])
{
    int32_t places[MDLI_VECTOR_ROWS];
    uint32_t together[MDLI_VECTOR_ROWS + 1] = {0};
    for (int64_t i = 0; i < n; i++) {
        places[i] = (int32_t)i;
    }
    for (int w = 0; w < a->n_workers; w++) {
        const uint32_t *masks = a->workers[w].value_masks[distinct] + first;
        for (int64_t i = 0; i < n; i++) {
            together[i] |= masks[i];
        }
    }
    const mdli_mask_table table = {together, MDLI_VECTOR_ROWS, 0};
    count_bits(a, &table, places, n, counts);
}

void mdli_count_groups_of_values(const mdli_aggregator *a, int32_t distinct,
                                 int64_t counts[MDLI_MASK_GROUPS_MAX])
{
    const int64_t domain = domain_of(a, distinct);
    memset(counts, 0, MDLI_MASK_GROUPS_MAX * sizeof *counts);
    for (int32_t w = 0; w < a->before.masks.n_words; w++) {
        for (int64_t i = 0; i < domain; i += MDLI_VECTOR_ROWS) {
            const int64_t n = domain - i < MDLI_VECTOR_ROWS ? domain - i : MDLI_VECTOR_ROWS;
            count_bits_of_places(a, distinct, w * domain + i, n,
                                 counts + w * MDLI_MASK_WORD_GROUPS);
        }
    }
}
