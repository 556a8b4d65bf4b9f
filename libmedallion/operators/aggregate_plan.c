/*
 * Planning an aggregate: which accumulators its outputs are made of, where they stand in a state, and
 * by which strategy groups and distinct values are found.
 */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "operators/aggregate_compact.h"
#include "operators/aggregate_internal.h"
#include "operators/rowset.h"

/* The accumulator of that kind and argument; made when there is none yet. */
static int32_t need_accumulator(mdli_aggregator *a, mdli_accumulator_kind kind, int32_t argument)
{
    mdli_state_layout *layout = &a->layout;
    for (int32_t i = 0; i < layout->n_accumulators; i++) {
        if (layout->accumulators[i].kind == kind && layout->accumulators[i].argument == argument &&
            kind != MDLI_ACC_DISTINCT) {
            return i;
        }
    }
    mdli_accumulator *acc = &layout->accumulators[layout->n_accumulators];
    acc->kind = kind;
    acc->argument = argument;
    return layout->n_accumulators++;
}

/* The argument with that expression; made when there is none yet. */
static int32_t need_argument(mdli_aggregator *a, const mdli_expression *expression,
                             const mdli_range *ranges)
{
    int32_t column;
    bool is_column = mdli_expression_is_column(expression, &column);
    for (int32_t i = 0; is_column && i < a->n_arguments; i++) {
        if (a->arguments[i].column == column) {
            return i;
        }
    }
    mdli_argument *argument = &a->arguments[a->n_arguments];
    *argument = (mdli_argument){
        .expression = expression,
        .column = is_column ? column : -1,
        .type = mdli_expression_type(expression),
        .may_be_null = true,
    };
    if (is_column) {
        const mdli_column_facts *facts = &mdli_pipeline_facts(a->pipeline)[column];
        argument->range = facts->range;
        argument->may_be_null = facts->may_be_null;
        argument->dictionary = facts->dictionary;
    } else if (mdli_type_is_integer(argument->type)) {
        argument->range = mdli_expression_range(expression, ranges);
    }
    return a->n_arguments++;
}

/* How many values of an argument there are: as many as rows, if none can be NULL. */
static int32_t need_count(mdli_aggregator *a, int32_t argument)
{
    return a->arguments[argument].may_be_null ? need_accumulator(a, MDLI_ACC_COUNT, argument)
                                              : need_accumulator(a, MDLI_ACC_ROWS, -1);
}

/* Whether n values of that range, or their squares, add up within 63 bits. */
static bool sums_fit(const mdli_argument *argument, mdli_int128 n_rows, bool squares)
{
    if (!argument->range.is_known) {
        return false;
    }
    mdli_int128 least = argument->range.least;
    mdli_int128 most = argument->range.greatest;
    mdli_int128 largest = -least > most ? -least : most;
    if (squares && largest > INT32_MAX) {
        return false;
    }
    mdli_int128 bound = squares ? largest * largest : largest;
    return n_rows <= INT64_MAX && bound <= INT64_MAX && n_rows * bound <= INT64_MAX;
}

static int32_t need_sum(mdli_aggregator *a, int32_t argument, mdli_int128 n_rows, bool squares)
{
    bool fits = sums_fit(&a->arguments[argument], n_rows, squares);
    mdli_accumulator_kind narrow = squares ? MDLI_ACC_SQUARES : MDLI_ACC_SUM;
    mdli_accumulator_kind wide = squares ? MDLI_ACC_SQUARES_WIDE : MDLI_ACC_SUM_WIDE;
    return need_accumulator(a, fits ? narrow : wide, argument);
}

/* Plans first(x) and last(x). Of a column of the source it is enough to know the row, which all of
 * them share, where rows are those of the source; one group is there without rows too. */
static void plan_placed(mdli_aggregator *a, int32_t argument, bool is_first, mdli_output_plan *plan)
{
    const int32_t column = a->arguments[argument].column;
    if (column >= 0 && a->rel->n_keys > 0 && mdli_pipeline_keeps_all_rows(a->pipeline)) {
        plan->taken = mdli_pipeline_facts(a->pipeline)[column].source_column;
    }
    if (plan->taken >= 0) {
        plan->main = need_accumulator(a, is_first ? MDLI_ACC_FIRST_ROW : MDLI_ACC_LAST_ROW, -1);
        a->has_row_numbers = true;
    } else {
        plan->main = need_accumulator(a, is_first ? MDLI_ACC_FIRST : MDLI_ACC_LAST, argument);
    }
}

/* Plans one aggregate. */
static void plan_output(mdli_aggregator *a, const mdli_named_expression *item, mdli_int128 n_rows,
                        const mdli_range *ranges, mdli_output_plan *plan)
{
    const char *name = item->aggregate;
    *plan = (mdli_output_plan){-1, -1, -1, -1, -1};
    if (item->expression == NULL) {
        plan->rows = need_accumulator(a, MDLI_ACC_ROWS, -1);
        return;
    }
    int32_t argument = need_argument(a, item->expression, ranges);
    bool is_text = a->arguments[argument].type == MDL_TYPE_STRING;
    if (item->is_distinct) {
        plan->distinct = a->n_distincts;
        plan->main = need_accumulator(a, MDLI_ACC_DISTINCT, argument);
        a->distincts[a->n_distincts++] =
            (mdli_distinct_plan){.argument = argument, .accumulator = plan->main};
        return;
    }
    const bool is_first = strcmp(name, "first") == 0;
    if (is_first || strcmp(name, "last") == 0) {
        plan_placed(a, argument, is_first, plan);
        return;
    }
    plan->rows = need_count(a, argument);
    if (strcmp(name, "count_if") == 0) {
        plan->main = need_accumulator(a, MDLI_ACC_COUNT_IF, argument);
    } else if (strcmp(name, "min") == 0) {
        plan->main = need_accumulator(a, is_text ? MDLI_ACC_MIN_TEXT : MDLI_ACC_MIN, argument);
    } else if (strcmp(name, "max") == 0) {
        plan->main = need_accumulator(a, is_text ? MDLI_ACC_MAX_TEXT : MDLI_ACC_MAX, argument);
    } else if (strcmp(name, "string_agg") == 0) {
        plan->main = need_accumulator(a, MDLI_ACC_TEXTS, argument);
    } else if (strcmp(name, "count") != 0) {
        plan->main = need_sum(a, argument, n_rows, false);
        if (strcmp(name, "stddev") == 0) {
            plan->squares = need_sum(a, argument, n_rows, true);
        }
    }
}

/* Most rows that the pipeline can give, generously. */
static mdli_int128 rows_bound(const mdli_aggregator *a)
{
    mdli_int128 bound = mdli_pipeline_source_rows(a->pipeline);
    if (a->before.join == NULL && mdli_pipeline_is_one_to_one(a->pipeline)) {
        return bound;
    }
    for (const mdl_rel *rel = a->rel->left; rel != NULL && bound <= INT64_MAX; rel = rel->left) {
        if (rel->kind == MDLI_REL_EXPLODE) {
            return INT64_MAX;
        }
        if (rel->kind == MDLI_REL_JOIN && rel->right->trace.is_run) {
            bound *= rel->right->trace.n_rows + 1;
        }
    }
    return bound;
}

/* Gives each accumulator its place and writes the state of an empty group. Those that are touched
 * by every row come first, in the order in which they were asked for; wide ones stand on multiples
 * of 16. */
static mdl_status lay_out_states(mdli_aggregator *a, mdl_error *error)
{
    mdli_state_layout *layout = &a->layout;
    int32_t offset = 0;
    for (int32_t i = 0; i < layout->n_accumulators; i++) {
        mdli_accumulator *acc = &layout->accumulators[i];
        mdl_type type = acc->argument >= 0 ? a->arguments[acc->argument].type : MDL_TYPE_INT64;
        acc->size = mdli_accumulator_size(acc->kind, type);
        int32_t alignment = acc->size == 4 ? 4 : acc->size == 8 ? 8 : 16;
        offset = (offset + alignment - 1) / alignment * alignment;
        acc->offset = offset;
        offset += acc->size;
    }
    layout->size_bytes = offset == 0 ? 16 : (offset + 15) / 16 * 16;
    void *memory;
    MDLI_TRY(
        mdli_allocate_zeroed(a->context, (size_t)layout->size_bytes, "aggregate", &memory, error));
    layout->initial = memory;
    for (int32_t i = 0; i < layout->n_accumulators; i++) {
        const mdli_accumulator *acc = &layout->accumulators[i];
        mdl_type type = acc->argument >= 0 ? a->arguments[acc->argument].type : MDL_TYPE_INT64;
        mdli_accumulator_start(acc, type, layout->initial);
    }
    return MDL_OK;
}

static mdl_status allocate_plan(mdli_aggregator *a, mdl_error *error)
{
    mdl_context *context = a->context;
    size_t n = (size_t)a->rel->n_items;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(context, n * sizeof(mdli_argument), "aggregate", &memory, error));
    a->arguments = memory;
    /* An aggregate needs at most three accumulators, and all together the count of rows. */
    MDLI_TRY(mdli_allocate_zeroed(context, (3 * n + 1) * sizeof(mdli_accumulator), "aggregate",
                                  &memory, error));
    a->layout.accumulators = memory;
    MDLI_TRY(
        mdli_allocate_zeroed(context, n * sizeof(mdli_output_plan), "aggregate", &memory, error));
    a->outputs = memory;
    MDLI_TRY(
        mdli_allocate_zeroed(context, n * sizeof(mdli_distinct_plan), "aggregate", &memory, error));
    a->distincts = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)a->rel->n_keys * sizeof(mdli_group_key),
                                  "aggregate", &memory, error));
    a->keys = memory;
    return MDL_OK;
}

/* Marks the input's fields that arguments and the keys from number `first_key` on read. */
static mdl_status mark_needed(const mdli_aggregator *a, int32_t first_key, bool **out,
                              mdl_error *error)
{
    void *memory;
    const mdl_rel *rel = a->rel;
    MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)rel->left->n_fields + 1, "aggregate", &memory,
                                  error));
    bool *needed = *out = memory;
    for (int32_t k = first_key; k < rel->n_keys; k++) {
        needed[rel->keys[k].column] = true;
    }
    if (a->before.join != NULL) {
        /* Fields of the join's left side come first in the join's. */
        needed[a->before.join->left_keys[0]] = true;
    }
    for (int32_t i = 0; i < rel->n_items; i++) {
        if (rel->items[i].expression != NULL) {
            mdli_expression_mark_columns(rel->items[i].expression, needed);
        }
    }
    return MDL_OK;
}

static mdl_status create_pipeline(mdli_aggregator *a, mdl_error *error)
{
    bool *needed;
    MDLI_TRY(mark_needed(a, 0, &needed, error));
    mdl_status status = mdli_pipeline_create(a->input, needed, &a->pipeline, error);
    mdli_free(a->context, needed);
    return status;
}

static mdl_status read_leading_runs(mdli_aggregator *a, mdl_error *error)
{
    bool *needed;
    MDLI_TRY(mark_needed(a, 1, &needed, error));
    mdl_status status = mdli_read_leading_runs(a, needed, error);
    mdli_free(a->context, needed);
    return status;
}

static mdl_status plan_outputs(mdli_aggregator *a, mdl_error *error)
{
    void *memory;
    int32_t n_fields = a->input->n_fields;
    MDLI_TRY(
        mdli_allocate_array(a->context, n_fields, sizeof(mdli_range), "aggregate", &memory, error));
    mdli_range *ranges = memory;
    for (int32_t c = 0; c < n_fields; c++) {
        ranges[c] = mdli_pipeline_facts(a->pipeline)[c].range;
    }
    /* The first accumulator counts rows: it tells which slots of a dense array are groups. */
    need_accumulator(a, MDLI_ACC_ROWS, -1);
    mdli_int128 n_rows = rows_bound(a);
    for (int32_t i = 0; i < a->rel->n_items; i++) {
        plan_output(a, &a->rel->items[i], n_rows, ranges, &a->outputs[i]);
    }
    mdli_free(a->context, ranges);
    return lay_out_states(a, error);
}

/* Whether an argument is a sorted column of the source, without NULL. */
static bool is_sorted_argument(const mdli_aggregator *a, const mdli_argument *argument)
{
    const mdli_column_facts *facts =
        argument->column < 0 ? NULL : &mdli_pipeline_facts(a->pipeline)[argument->column];
    return facts != NULL && facts->is_sorted && !facts->may_be_null && facts->source_column >= 0;
}

/* Chooses to count by the last value of each dense slot, where rows come ascending by an argument;
 * morsels are cut at its changes, which can be done for one argument. */
static mdl_status choose_last_values(mdli_aggregator *a, mdl_error *error)
{
    for (int32_t d = 0; d < a->n_distincts; d++) {
        const mdli_argument *argument = &a->arguments[a->distincts[d].argument];
        if (is_sorted_argument(a, argument) && mdli_distinct_fits_last(argument)) {
            int32_t column = mdli_pipeline_facts(a->pipeline)[argument->column].source_column;
            a->distincts[d].strategy = MDLI_DISTINCT_LAST;
            return mdli_pipeline_align_morsels(a->pipeline, column, error);
        }
    }
    return MDL_OK;
}

static mdl_status choose_distincts(mdli_aggregator *a, mdl_error *error)
{
    bool in_order = a->strategy == MDLI_GROUP_SORTED;
    for (int32_t d = 0; d < a->n_distincts; d++) {
        /* With further keys the groups of one run are mixed, so epochs of runs do not tell them
         * apart. */
        bool has_epochs = in_order && a->rel->n_keys == 1;
        int64_t n_slots = a->strategy == MDLI_GROUP_DENSE    ? a->n_slots
                          : a->strategy == MDLI_GROUP_GLOBAL ? 1
                                                             : 0;
        a->distincts[d].strategy =
            mdli_distinct_choose(&a->arguments[a->distincts[d].argument], has_epochs, n_slots,
                                 mdli_pipeline_source_rows(a->pipeline));
    }
    if (a->strategy == MDLI_GROUP_GLOBAL) {
        a->n_slots = 1;
    }
    return a->strategy == MDLI_GROUP_DENSE ? choose_last_values(a, error) : MDL_OK;
}

static void name_keys(mdli_aggregator *a)
{
    for (int32_t k = 0; k < a->rel->n_keys; k++) {
        a->keys[k] = (mdli_group_key){
            .column = a->rel->keys[k].column,
            .type = a->rel->fields[k].type,
            .is_text = a->rel->fields[k].type == MDL_TYPE_STRING,
        };
    }
}

void mdli_free_aggregate_plan(mdli_aggregator *a)
{
    mdl_context *context = a->context;
    for (int32_t k = 0; a->keys != NULL && k < a->rel->n_keys; k++) {
        mdli_free(context, a->keys[k].ranks);
        mdli_free(context, a->keys[k].ordered);
        if (a->keys[k].dictionary != NULL) {
            mdli_dictionary_release(a->keys[k].dictionary);
        }
    }
    mdli_compact_free(a);
    mdli_free(context, a->keys);
    mdli_free(context, a->arguments);
    mdli_free(context, a->layout.accumulators);
    mdli_free(context, a->layout.initial);
    mdli_free(context, a->outputs);
    mdli_free(context, a->distincts);
    mdli_pipeline_free(a->pipeline);
    *a = (mdli_aggregator){.context = context, .rel = a->rel, .kernels = a->kernels};
}

/* Plans states over the pipeline of `a->input`. */
static mdl_status plan(mdli_aggregator *a, mdl_error *error)
{
    MDLI_TRY(allocate_plan(a, error));
    name_keys(a);
    MDLI_TRY(create_pipeline(a, error));
    return plan_outputs(a, error);
}

static mdl_status choose(mdli_aggregator *a, mdl_error *error)
{
    if (mdli_can_aggregate_before_join(a)) {
        /* Before the plan: how many rows the right side has tells how wide sums get. */
        MDLI_TRY(mdli_execute(a->before.join->right, &a->before.right, error));
        MDLI_TRY(plan(a, error));
        MDLI_TRY(mdli_before_join_prepare(a, error));
        if (a->before.join != NULL) {
            return MDL_OK;
        }
        mdli_free_aggregate_plan(a);
    }
    a->input = a->rel->left;
    MDLI_TRY(plan(a, error));
    MDLI_TRY(mdli_choose_groups(a, error));
    return choose_distincts(a, error);
}

mdl_status mdli_plan_aggregate(mdli_aggregator *a, const mdl_rel *pick, mdl_error *error)
{
    MDLI_TRY(choose(a, error));
    MDLI_TRY(read_leading_runs(a, error));
    MDLI_TRY(mdli_pick_plan(a, pick, error));
    MDLI_TRY(mdli_compact_plan(a, error));
    a->before.has_no_states = !a->compact.is_used && mdli_asks_for_values_alone(a);
    return MDL_OK;
}
