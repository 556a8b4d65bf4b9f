/*
 * The result of an aggregate: groups in the order of their keys, one division per average.
 */
#include <stdlib.h>
#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/merge_sort.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "operators/aggregate_internal.h"
#include "operators/rowset.h"

/* The groups, ascending by key. */
typedef struct ordered_groups {
    int64_t n;
    const char **states;
    int64_t *leading; /* SORTED: first key */
    int32_t *numbers; /* slots of dense keys, or numbers in the key table */
} ordered_groups;

/* Groups of morsels on their way into one list. */
typedef struct list_jobs {
    mdli_aggregator *a;
    ordered_groups *groups;
    int64_t *starts; /* per morsel, where its groups come */
} list_jobs;

/* Columns that are made of states together, and groups whose states these go over before the next
 * ones: they stay in a level-1 cache from column to column. */
enum {
    COLUMNS_AT_ONCE = 6,
    GROUPS_AT_ONCE = 256 /* whole words of bitmaps */
};

/* Blocks of the result in the making. */
typedef struct output_jobs {
    mdli_aggregator *a;
    const ordered_groups *groups;
    int64_t block_rows;
    int64_t n_blocks;    /* of each column */
    mdli_block **blocks; /* column by column */
} output_jobs;

static mdl_status allocate_groups(mdli_aggregator *a, ordered_groups *groups, int64_t n,
                                  mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(a->context, n, sizeof(char *), "aggregate", &memory, error));
    groups->states = memory;
    MDLI_TRY(mdli_allocate_array(a->context, n, sizeof(int64_t), "aggregate", &memory, error));
    groups->leading = memory;
    MDLI_TRY(mdli_allocate_array(a->context, n, sizeof(int32_t), "aggregate", &memory, error));
    groups->numbers = memory;
    return MDL_OK;
}

/* Sorts the groups of one run of the first key by their slots; there are few, nearly in order. */
static void sort_run(ordered_groups *groups, int64_t first, int64_t end)
{
    for (int64_t i = first + 1; i < end; i++) {
        const char *state = groups->states[i];
        int32_t number = groups->numbers[i];
        int64_t j = i;
        for (; j > first && groups->numbers[j - 1] > number; j--) {
            groups->states[j] = groups->states[j - 1];
            groups->numbers[j] = groups->numbers[j - 1];
        }
        groups->states[j] = state;
        groups->numbers[j] = number;
    }
}

/* Lists the groups of a morsel, which has whole runs of the first key. */
static mdl_status list_morsel(void *data, int64_t morsel, int worker, mdl_error *error)
{
    list_jobs *jobs = data;
    const mdli_aggregator *a = jobs->a;
    const mdli_group_list *list = &a->morsels[morsel];
    ordered_groups *groups = jobs->groups;
    bool has_more_keys = a->rel->n_keys > 1;
    int64_t first = jobs->starts[morsel];
    int64_t run = first; /* where the run of the last group starts */
    (void)worker;
    (void)error;
    for (int64_t g = 0; g < list->n_groups; g++) {
        int64_t at = first + g;
        if (has_more_keys && at > run && groups->leading[run] != list->leading[g]) {
            sort_run(groups, run, at);
            run = at;
        }
        groups->states[at] = list->states + g * a->layout.size_bytes;
        groups->leading[at] = list->leading[g];
        groups->numbers[at] = has_more_keys ? list->slots[g] : 0;
    }
    if (has_more_keys) {
        sort_run(groups, run, first + list->n_groups);
    }
    return MDL_OK;
}

static mdl_status list_sorted(mdli_aggregator *a, ordered_groups *groups, mdl_error *error)
{
    int64_t n_morsels = mdli_pipeline_n_morsels(a->pipeline);
    void *memory;
    MDLI_TRY(mdli_allocate_array(a->context, n_morsels + 1, sizeof(int64_t), "aggregate", &memory,
                                 error));
    list_jobs jobs = {a, groups, memory};
    jobs.starts[0] = 0;
    for (int64_t m = 0; m < n_morsels; m++) {
        jobs.starts[m + 1] = jobs.starts[m] + a->morsels[m].n_groups;
    }
    groups->n = jobs.starts[n_morsels];
    mdl_status status = allocate_groups(a, groups, groups->n, error);
    if (status == MDL_OK) {
        status = mdli_parallel_for(a->context, n_morsels, list_morsel, &jobs, error);
    }
    mdli_free(a->context, memory);
    return status;
}

/* States are in the order of keys already. */
static mdl_status list_dense(mdli_aggregator *a, ordered_groups *groups, mdl_error *error)
{
    const char *states = a->workers[0].states;
    int64_t size = a->layout.size_bytes;
    int32_t rows_offset = a->layout.accumulators[0].offset;
    bool is_global = a->strategy == MDLI_GROUP_GLOBAL;
    const int64_t n_states = mdli_n_states(a);
    int64_t n = 0;
    for (int64_t s = 0; s < n_states; s++) {
        n += is_global || mdli_state_count(states + s * size, rows_offset) > 0;
    }
    MDLI_TRY(allocate_groups(a, groups, n, error));
    for (int64_t s = 0; s < n_states; s++) {
        if (is_global || mdli_state_count(states + s * size, rows_offset) > 0) {
            groups->states[groups->n] = states + s * size;
            groups->numbers[groups->n++] = (int32_t)mdli_slot_of_state(a, s);
        }
    }
    return MDL_OK;
}

/* Orders two groups of the key table. */
static int compare_groups(const void *aggregator, int32_t x, int32_t y)
{
    const mdli_aggregator *a = aggregator;
    const mdli_key_table *table = a->workers[0].table;
    for (int32_t k = 0; k < a->rel->n_keys; k++) {
        mdl_type type = a->keys[k].type;
        mdl_value u = mdli_key_table_value(table, x, k, type);
        mdl_value v = mdli_key_table_value(table, y, k, type);
        int order;
        if (u.is_null || v.is_null) {
            order = (int)u.is_null - (int)v.is_null;
        } else if (type == MDL_TYPE_STRING) {
            order = mdli_compare_strings(u.as.text, v.as.text);
        } else if (type == MDL_TYPE_FLOAT64) {
            mdl_vector p = {.type = type, .n_rows = 1, .values = &u.as.real};
            mdl_vector q = {.type = type, .n_rows = 1, .values = &v.as.real};
            order = mdli_compare_rows(&p, 0, &q, 0, false);
        } else {
            order = (u.as.integer > v.as.integer) - (u.as.integer < v.as.integer);
        }
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

static mdl_status list_hash(mdli_aggregator *a, ordered_groups *groups, mdl_error *error)
{
    int64_t n = mdli_key_table_n_keys(a->workers[0].table);
    void *scratch;
    MDLI_TRY(allocate_groups(a, groups, n, error));
    MDLI_TRY(mdli_allocate_array(a->context, n, sizeof(int32_t), "aggregate", &scratch, error));
    for (int64_t g = 0; g < n; g++) {
        groups->numbers[g] = (int32_t)g;
    }
    mdli_merge_sort(groups->numbers, scratch, n, compare_groups, a);
    mdli_free(a->context, scratch);
    for (int64_t g = 0; g < n; g++) {
        groups->states[g] =
            a->workers[0].states + (int64_t)groups->numbers[g] * a->layout.size_bytes;
    }
    groups->n = n;
    return MDL_OK;
}

/* Room for the values of a column of the result, with a bitmap where all are valid. */
typedef struct column_memory {
    void *values;
    uint64_t *validity;
    bool has_nulls;
} column_memory;

static mdl_status allocate_column(mdl_context *context, mdl_type type, int64_t n,
                                  column_memory *column, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, n, mdli_type_bytes(type), "aggregate", &column->values,
                                 error));
    MDLI_TRY(mdli_allocate(context, (size_t)((n + 63) / 64) * 8, "aggregate", &memory, error));
    column->validity = memory;
    memset(memory, 0xff, (size_t)((n + 63) / 64) * 8);
    return MDL_OK;
}

static void put_null(column_memory *column, mdl_type type, int64_t i)
{
    size_t item = mdli_type_bytes(type);
    memset((char *)column->values + (size_t)i * item, 0, item);
    column->validity[i >> 6] &= ~((uint64_t)1 << (i & 63));
    column->has_nulls = true;
}

static void put_value(column_memory *column, int64_t i, const mdl_value *value)
{
    if (value->is_null) {
        put_null(column, value->type, i);
    } else if (value->type == MDL_TYPE_STRING) {
        ((mdl_string *)column->values)[i] = value->as.text;
    } else if (value->type == MDL_TYPE_FLOAT64) {
        ((double *)column->values)[i] = value->as.real;
    } else if (mdli_type_bytes(value->type) == 4) {
        ((int32_t *)column->values)[i] = (int32_t)value->as.integer;
    } else if (mdli_type_bytes(value->type) == 8) {
        ((int64_t *)column->values)[i] = value->as.integer;
    } else {
        ((uint8_t *)column->values)[i] = (uint8_t)value->as.integer;
    }
}

/* The value of a dense key in a slot. */
static mdl_value dense_key_value(const mdli_group_key *key, int32_t slot)
{
    int64_t place = slot / key->stride % key->n_slots;
    mdl_value value = {.type = key->type, .is_null = place == key->n_slots - 1};
    if (value.is_null) {
        return value;
    }
    if (key->is_text) {
        value.as.text = key->dictionary->entries[key->ordered[place]];
    } else {
        value.as.integer = key->least + place;
    }
    return value;
}

static mdl_value key_value(const mdli_aggregator *a, const ordered_groups *groups, int32_t k,
                           int64_t g)
{
    if (a->strategy == MDLI_GROUP_HASH) {
        return mdli_key_table_value(a->workers[0].table, groups->numbers[g], k, a->keys[k].type);
    }
    if (mdli_is_in_order(a) && k == 0) {
        return (mdl_value){.type = a->keys[0].type, .as.integer = groups->leading[g]};
    }
    return dense_key_value(&a->keys[k], groups->numbers[g]);
}

/* States to go on to while one is looked at. */
#define STATES_AHEAD 32

/* The state of group g. Each column goes over all states, which mostly are not in a cache of the core
 * by then. */
static inline const char *state_of(const ordered_groups *groups, int64_t g)
{
    if (g + STATES_AHEAD < groups->n) {
        __builtin_prefetch(groups->states[g + STATES_AHEAD]);
    }
    return groups->states[g];
}

/* What is made of sums. */
typedef enum sum_form {
    SUM_ITSELF,
    SUM_AVERAGE,
    SUM_STDDEV
} sum_form;

static sum_form form_of_sum(const mdli_aggregator *a, int32_t item)
{
    if (a->outputs[item].squares >= 0) {
        return SUM_STDDEV;
    }
    return strcmp(a->rel->items[item].aggregate, "sum") == 0 ? SUM_ITSELF : SUM_AVERAGE;
}

/* sum, avg and stddev. */
static mdl_status fill_sums(const mdli_aggregator *a, const ordered_groups *groups, int32_t item,
                            column_memory *column, mdl_error *error)
{
    const mdli_output_plan *plan = &a->outputs[item];
    const mdli_accumulator *accs = a->layout.accumulators;
    const sum_form form = form_of_sum(a, item);
    const mdl_type type = form == SUM_ITSELF ? MDL_TYPE_INT64 : MDL_TYPE_FLOAT64;
    const int64_t n_least = form == SUM_STDDEV ? 2 : 1;
    int64_t scale = a->arguments[accs[plan->main].argument].type == MDL_TYPE_DECIMAL ? 100 : 1;
    for (int64_t g = 0; g < groups->n; g++) {
        const char *state = state_of(groups, g);
        int64_t n = mdli_state_count(state, accs[plan->rows].offset);
        mdli_int128 sum = mdli_state_sum(&accs[plan->main], state);
        if (n < n_least) {
            put_null(column, type, g);
        } else if (form == SUM_STDDEV) {
            ((double *)column->values)[g] =
                mdli_stddev(sum, mdli_state_squares(&accs[plan->squares], state), n, scale);
        } else if (form == SUM_AVERAGE) {
            ((double *)column->values)[g] = mdli_average(sum, n, scale);
        } else if (sum > INT64_MAX || sum < INT64_MIN) {
            return mdl_error_set(error, MDL_E_OVERFLOW, "sum \"%s\" does not fit INT64",
                                 a->rel->items[item].name);
        } else {
            ((int64_t *)column->values)[g] = (int64_t)sum;
        }
    }
    return MDL_OK;
}

/* min and max of integers of 4 or 8 bytes. */
static void fill_extremes(const mdli_aggregator *a, const ordered_groups *groups, int32_t item,
                          mdl_type type, column_memory *column)
{
    const mdli_output_plan *plan = &a->outputs[item];
    const mdli_accumulator *acc = &a->layout.accumulators[plan->main];
    int32_t rows_offset = a->layout.accumulators[plan->rows].offset;
    for (int64_t g = 0; g < groups->n; g++) {
        const char *state = state_of(groups, g);
        if (mdli_state_count(state, rows_offset) == 0) {
            put_null(column, type, g);
        } else if (acc->size == 4) {
            ((int32_t *)column->values)[g] = *(const int32_t *)(state + acc->offset);
        } else {
            ((int64_t *)column->values)[g] = *(const int64_t *)(state + acc->offset);
        }
    }
}

static mdl_status put_joined(const mdli_aggregator *a, int32_t item, const char *state,
                             mdli_arena *text, column_memory *column, int64_t i, mdl_error *error)
{
    const mdli_output_plan *plan = &a->outputs[item];
    mdl_string separator = {a->rel->items[item].separator, a->rel->items[item].separator_bytes};
    mdl_string joined;
    if (mdli_state_count(state, a->layout.accumulators[plan->rows].offset) == 0) {
        put_null(column, MDL_TYPE_STRING, i);
        return MDL_OK;
    }
    joined.data = mdli_state_join_texts(&a->layout.accumulators[plan->main], state, separator, text,
                                        &joined.size_bytes, error);
    if (joined.data == NULL) {
        return text->failure;
    }
    ((mdl_string *)column->values)[i] = joined;
    return MDL_OK;
}

/* The values of one aggregate for all groups. */
static mdl_status fill_aggregate(const mdli_aggregator *a, const ordered_groups *groups,
                                 int32_t item, mdli_arena *text, column_memory *column,
                                 mdl_error *error)
{
    const mdli_output_plan *plan = &a->outputs[item];
    const mdli_accumulator *accs = a->layout.accumulators;
    mdl_type type = a->rel->fields[a->rel->n_keys + item].type;
    if (plan->main < 0 || accs[plan->main].kind == MDLI_ACC_DISTINCT ||
        accs[plan->main].kind == MDLI_ACC_COUNT_IF) {
        int32_t offset = accs[plan->main < 0 ? plan->rows : plan->main].offset;
        for (int64_t g = 0; g < groups->n; g++) {
            ((int64_t *)column->values)[g] = mdli_state_count(state_of(groups, g), offset);
        }
        return MDL_OK;
    }
    mdli_accumulator_kind kind = accs[plan->main].kind;
    bool is_extreme = kind == MDLI_ACC_MIN || kind == MDLI_ACC_MAX;
    if (kind == MDLI_ACC_SUM || kind == MDLI_ACC_SUM_WIDE) {
        return fill_sums(a, groups, item, column, error);
    }
    if (is_extreme && mdli_type_is_integer(type) && mdli_type_bytes(type) >= 4) {
        fill_extremes(a, groups, item, type, column);
        return MDL_OK;
    }
    for (int64_t g = 0; g < groups->n; g++) {
        const char *state = state_of(groups, g);
        if (kind == MDLI_ACC_TEXTS) {
            MDLI_TRY(put_joined(a, item, state, text, column, g, error));
        } else {
            mdl_value value = mdli_state_value(&accs[plan->main], type, state);
            value.is_null |= is_extreme && mdli_state_count(state, accs[plan->rows].offset) == 0;
            put_value(column, g, &value);
        }
    }
    return MDL_OK;
}

/* Whether a column of the result is taken from one of the source. */
static bool is_taken(const mdli_aggregator *a, int32_t c)
{
    return c >= a->rel->n_keys && a->outputs[c - a->rel->n_keys].taken >= 0;
}

/* Makes a column of the values that a column of the source has in one row of each group. */
static mdl_status take_column(const mdli_aggregator *a, const ordered_groups *groups, int32_t item,
                              mdl_column **out, mdl_error *error)
{
    const mdli_output_plan *plan = &a->outputs[item];
    const mdl_column *source = mdli_pipeline_source(a->pipeline)->columns[plan->taken];
    const int32_t offset = a->layout.accumulators[plan->main].offset;
    const mdl_type type = a->rel->fields[a->rel->n_keys + item].type;
    mdl_column *column;
    void *memory;
    MDLI_TRY(
        mdli_allocate_array(a->context, groups->n, sizeof(int64_t), "aggregate", &memory, error));
    int64_t *rows = memory;
    for (int64_t g = 0; g < groups->n; g++) {
        rows[g] = mdli_state_count(state_of(groups, g), offset);
    }
    mdl_status status = mdli_column_take(a->context, source, rows, groups->n, &column, error);
    mdli_free(a->context, rows);
    if (status != MDL_OK || type == source->type) {
        *out = status == MDL_OK ? column : NULL;
        return status;
    }
    status = mdli_column_retype(a->context, column, type, out, error);
    mdli_column_release(column);
    return status;
}

/* The values of one column of the result for all groups: a key's or an aggregate's. */
static mdl_status fill_column(const mdli_aggregator *a, const ordered_groups *groups, int32_t c,
                              mdli_arena *text, column_memory *column, mdl_error *error)
{
    if (c >= a->rel->n_keys) {
        return fill_aggregate(a, groups, c - a->rel->n_keys, text, column, error);
    }
    for (int64_t g = 0; g < groups->n; g++) {
        mdl_value value = key_value(a, groups, c, g);
        put_value(column, g, &value);
    }
    return MDL_OK;
}

/* At most n of the groups from `first` on. */
static ordered_groups slice_groups(const ordered_groups *groups, int64_t first, int64_t n)
{
    return (ordered_groups){
        .n = groups->n - first < n ? groups->n - first : n,
        .states = groups->states + first,
        .leading = groups->leading + first,
        .numbers = groups->numbers + first,
    };
}

/* The values of some columns, from number `first_column` on. */
static mdl_status fill_columns(const mdli_aggregator *a, const ordered_groups *groups,
                               int32_t first_column, int32_t n_columns, mdli_arena *text,
                               column_memory *columns, mdl_error *error)
{
    for (int64_t first = 0; first < groups->n; first += GROUPS_AT_ONCE) {
        const ordered_groups part = slice_groups(groups, first, GROUPS_AT_ONCE);
        for (int32_t i = 0; i < n_columns; i++) {
            if (is_taken(a, first_column + i)) {
                continue;
            }
            const size_t item = mdli_type_bytes(a->rel->fields[first_column + i].type);
            column_memory rows = {
                .values = (char *)columns[i].values + (size_t)first * item,
                .validity = columns[i].validity + first / 64,
            };
            MDLI_TRY(fill_column(a, &part, first_column + i, text, &rows, error));
            columns[i].has_nulls |= rows.has_nulls;
        }
    }
    return MDL_OK;
}

/* How many jobs the columns of a block are. */
static int64_t n_column_jobs(const mdli_aggregator *a)
{
    return (a->rel->n_fields + COLUMNS_AT_ONCE - 1) / COLUMNS_AT_ONCE;
}

/* Makes a block of a few columns of the result, but for those that are taken. */
static mdl_status make_blocks(void *data, int64_t job, int worker, mdl_error *error)
{
    const output_jobs *jobs = data;
    const mdli_aggregator *a = jobs->a;
    const int64_t b = job / n_column_jobs(a);
    const int32_t first = (int32_t)(job % n_column_jobs(a)) * COLUMNS_AT_ONCE;
    const int32_t n_left = a->rel->n_fields - first;
    const int32_t n = n_left < COLUMNS_AT_ONCE ? n_left : COLUMNS_AT_ONCE;
    const ordered_groups groups =
        slice_groups(jobs->groups, b * jobs->block_rows, jobs->block_rows);
    column_memory columns[COLUMNS_AT_ONCE] = {0};
    mdli_arena text;
    mdl_status status = MDL_OK;
    (void)worker;
    mdli_arena_init(&text, a->context, "aggregate");
    for (int32_t i = 0; i < n && status == MDL_OK; i++) {
        mdl_type type = a->rel->fields[first + i].type;
        if (!is_taken(a, first + i)) {
            status = allocate_column(a->context, type, groups.n, &columns[i], error);
        }
    }
    if (status == MDL_OK) {
        status = fill_columns(a, &groups, first, n, &text, columns, error);
    }
    for (int32_t i = 0; i < n && status == MDL_OK; i++) {
        if (is_taken(a, first + i)) {
            continue;
        }
        const mdl_vector values = {
            .type = a->rel->fields[first + i].type,
            .n_rows = groups.n,
            .values = columns[i].values,
            .validity = columns[i].has_nulls ? columns[i].validity : NULL,
        };
        status = mdli_column_encode_part(a->context, &values, NULL,
                                         &jobs->blocks[(first + i) * jobs->n_blocks + b], error);
    }
    for (int32_t i = 0; i < n; i++) {
        mdli_free(a->context, columns[i].values);
        mdli_free(a->context, columns[i].validity);
    }
    mdli_arena_reset(&text);
    return status;
}

static mdl_status list_groups(mdli_aggregator *a, ordered_groups *groups, mdl_error *error)
{
    switch (a->strategy) {
    case MDLI_GROUP_SORTED:
    case MDLI_GROUP_LANES:
        return list_sorted(a, groups, error);
    case MDLI_GROUP_HASH:
        return list_hash(a, groups, error);
    default:
        return list_dense(a, groups, error);
    }
}

static void release_blocks(mdli_block **blocks, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++) {
        mdli_block_release(blocks[b]);
    }
}

/* Makes columns of the blocks of the result, and takes over the references to these; there are none
 * of columns that are taken. */
static mdl_status join_blocks(const output_jobs *jobs, mdl_column **columns, mdl_error *error)
{
    const mdl_rel *rel = jobs->a->rel;
    const int64_t n_blocks = jobs->n_blocks;
    mdl_status status = MDL_OK;
    for (int32_t c = 0; c < rel->n_fields; c++) {
        mdli_block **blocks = jobs->blocks + c * n_blocks;
        if (status == MDL_OK && is_taken(jobs->a, c)) {
            status = take_column(jobs->a, jobs->groups, c - rel->n_keys, &columns[c], error);
        } else if (status == MDL_OK) {
            status = mdli_column_from_parts(jobs->a->context, rel->fields[c].type, blocks, n_blocks,
                                            &columns[c], error);
        } else {
            release_blocks(blocks, n_blocks);
        }
    }
    return status;
}

static mdl_status make_columns(mdli_aggregator *a, const ordered_groups *groups,
                               mdl_column **columns, mdl_error *error)
{
    const int64_t block_rows = mdli_context_block_rows(a->context);
    const int64_t n_blocks = (groups->n + block_rows - 1) / block_rows;
    const int64_t n_all = n_blocks * a->rel->n_fields;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)n_all * sizeof(mdli_block *), "aggregate",
                                  &memory, error));
    output_jobs jobs = {a, groups, block_rows, n_blocks, memory};
    mdl_status status =
        mdli_parallel_for(a->context, n_blocks * n_column_jobs(a), make_blocks, &jobs, error);
    if (status == MDL_OK) {
        status = join_blocks(&jobs, columns, error);
    } else {
        release_blocks(jobs.blocks, n_all);
    }
    mdli_free(a->context, memory);
    return status;
}

static mdl_status make_table(mdli_aggregator *a, const ordered_groups *groups, mdl_table **out,
                             mdl_error *error)
{
    int32_t n = a->rel->n_fields;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)n * (sizeof(mdl_column *) + sizeof(char *)),
                                  "aggregate", &memory, error));
    mdl_column **columns = memory;
    const char **names = (const char **)(columns + n);
    for (int32_t c = 0; c < n; c++) {
        names[c] = a->rel->fields[c].name;
    }
    mdl_status status = make_columns(a, groups, columns, error);
    if (status == MDL_OK) {
        status = mdli_table_create(a->context, names, columns, n, groups->n, out, error);
    } else {
        for (int32_t c = 0; c < n; c++) {
            if (columns[c] != NULL) {
                mdli_column_release(columns[c]);
            }
        }
    }
    mdli_free(a->context, memory);
    return status;
}

mdl_status mdli_aggregate_result(mdli_aggregator *a, mdl_table **out, mdl_error *error)
{
    ordered_groups groups = {0};
    mdl_status status = list_groups(a, &groups, error);
    if (status == MDL_OK) {
        status = make_table(a, &groups, out, error);
    }
    mdli_free(a->context, groups.states);
    mdli_free(a->context, groups.leading);
    mdli_free(a->context, groups.numbers);
    return status;
}
