/*
 * The aggregate operator: planning which accumulators are needed, running the input's pipeline into
 * them, merging what the workers have.
 */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "operators/aggregate_compact.h"
#include "operators/aggregate_internal.h"
#include "operators/rowset.h"

/* Rows of a morsel that get sequence numbers of their own: far more than a join makes of 65536. */
#define SEQUENCES_PER_MORSEL ((int64_t)1 << 40)

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

/* Plans one aggregate. */
static void plan_output(mdli_aggregator *a, const mdli_named_expression *item, mdli_int128 n_rows,
                        const mdli_range *ranges, mdli_output_plan *plan)
{
    const char *name = item->aggregate;
    *plan = (mdli_output_plan){-1, -1, -1, -1};
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
    plan->rows = need_count(a, argument);
    if (strcmp(name, "count_if") == 0) {
        plan->main = need_accumulator(a, MDLI_ACC_COUNT_IF, argument);
    } else if (strcmp(name, "min") == 0) {
        plan->main = need_accumulator(a, is_text ? MDLI_ACC_MIN_TEXT : MDLI_ACC_MIN, argument);
    } else if (strcmp(name, "max") == 0) {
        plan->main = need_accumulator(a, is_text ? MDLI_ACC_MAX_TEXT : MDLI_ACC_MAX, argument);
    } else if (strcmp(name, "first") == 0) {
        plan->main = need_accumulator(a, MDLI_ACC_FIRST, argument);
    } else if (strcmp(name, "last") == 0) {
        plan->main = need_accumulator(a, MDLI_ACC_LAST, argument);
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

static mdl_status create_distincts(mdli_aggregator *a, mdli_aggregate_worker *worker,
                                   mdl_error *error)
{
    void *memory;
    if (a->before.join != NULL) {
        return MDL_OK; /* counted by masks of groups instead */
    }
    MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)a->n_distincts * sizeof(mdli_distinct *),
                                  "aggregate", &memory, error));
    worker->distincts = memory;
    for (int32_t d = 0; d < a->n_distincts; d++) {
        MDLI_TRY(mdli_distinct_create(a->context, a->distincts[d].strategy,
                                      &a->arguments[a->distincts[d].argument], a->n_slots,
                                      &worker->distincts[d], error));
    }
    return MDL_OK;
}

mdl_status mdli_reserve_slots(mdli_aggregator *a, mdli_aggregate_worker *worker, mdl_error *error)
{
    bool is_filled = a->compact.summary == NULL || worker == a->workers;
    return is_filled ? mdli_reserve_states(a, worker, 0, mdli_n_states(a), error) : MDL_OK;
}

static mdl_status create_worker(mdli_aggregator *a, mdli_aggregate_worker *worker, mdl_error *error)
{
    mdl_context *context = a->context;
    const mdl_rel *rel = a->rel;
    void *memory;
    worker->morsel = -1;
    mdli_arena_init(&worker->text, context, "aggregate");
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)a->n_arguments * sizeof(mdli_evaluator *),
                                  "aggregate", &memory, error));
    worker->evaluators = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)a->n_arguments * sizeof(mdl_vector), "aggregate",
                                  &memory, error));
    worker->arguments = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)rel->n_keys * sizeof(mdl_vector), "aggregate",
                                  &memory, error));
    worker->keys = memory;
    for (int32_t i = 0; i < a->n_arguments; i++) {
        if (a->arguments[i].column < 0) {
            MDLI_TRY(mdli_evaluator_create(context, a->arguments[i].expression,
                                           &worker->evaluators[i], error));
        }
    }
    MDLI_TRY(create_distincts(a, worker, error));
    if (a->before.join != NULL) {
        return mdli_before_join_create_worker(a, worker, error);
    }
    if (a->strategy == MDLI_GROUP_GLOBAL) {
        return mdli_reserve_states(a, worker, 0, 1, error);
    }
    if (a->strategy == MDLI_GROUP_DENSE) {
        return mdli_reserve_slots(a, worker, error);
    }
    if (a->strategy == MDLI_GROUP_HASH) {
        mdl_type types[MDLI_KEY_COLUMNS_MAX];
        for (int32_t k = 0; k < rel->n_keys && k < MDLI_KEY_COLUMNS_MAX; k++) {
            types[k] = a->keys[k].type;
        }
        return mdli_key_table_create(context, types, rel->n_keys, &worker->table, error);
    }
    MDLI_TRY(
        mdli_allocate(context, (size_t)a->n_slots * sizeof(int32_t), "aggregate", &memory, error));
    worker->slot_groups = memory;
    memset(memory, 0xff, (size_t)a->n_slots * sizeof(int32_t));
    return MDL_OK;
}

/* Makes what a worker needs when it is first given rows: by its own thread, as dense states are much
 * memory to write to, and not at all where all threads but one have other work. */
static mdl_status start_worker(mdli_aggregator *a, mdli_aggregate_worker *worker, mdl_error *error)
{
    if (!worker->is_started) {
        MDLI_TRY(create_worker(a, worker, error));
        worker->is_started = true;
    }
    return MDL_OK;
}

/* Leaves those workers that had rows; one that had none, where no worker had any. */
static mdl_status drop_unstarted_workers(mdli_aggregator *a, mdl_error *error)
{
    int n_started = 0;
    for (int w = 0; w < a->n_workers; w++) {
        if (a->workers[w].is_started) {
            mdli_aggregate_worker worker = a->workers[w];
            a->workers[w] = a->workers[n_started];
            a->workers[n_started++] = worker;
        }
    }
    a->n_workers = n_started > 1 ? n_started : 1;
    return start_worker(a, &a->workers[0], error);
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

/* Undoes plan(). */
static void free_plan(mdli_aggregator *a)
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
        free_plan(a);
    }
    a->input = a->rel->left;
    MDLI_TRY(plan(a, error));
    MDLI_TRY(mdli_choose_groups(a, error));
    return choose_distincts(a, error);
}

static bool is_in_order(const mdli_aggregator *a)
{
    return a->strategy == MDLI_GROUP_SORTED || a->strategy == MDLI_GROUP_LANES;
}

static mdl_status prepare(mdli_aggregator *a, const mdl_rel *pick, mdl_error *error)
{
    void *memory;
    MDLI_TRY(choose(a, error));
    MDLI_TRY(read_leading_runs(a, error));
    MDLI_TRY(mdli_pick_plan(a, pick, error));
    MDLI_TRY(mdli_compact_plan(a, error));
    a->n_workers = mdli_pipeline_n_workers(a->pipeline);
    MDLI_TRY(mdli_allocate_zeroed(a->context, (size_t)a->n_workers * sizeof(mdli_aggregate_worker),
                                  "aggregate", &memory, error));
    a->workers = memory;
    for (int w = 0; w < a->n_workers; w++) {
        a->workers[w].text.context = a->context;
    }
    if (is_in_order(a)) {
        MDLI_TRY(mdli_allocate_zeroed(
            a->context, (size_t)mdli_pipeline_n_morsels(a->pipeline) * sizeof(mdli_group_list),
            "aggregate", &memory, error));
        a->morsels = memory;
    }
    return MDL_OK;
}

/* Makes room for the numbers of `n` rows. */
static mdl_status reserve_rows(mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t n,
                               mdl_error *error)
{
    if (n <= worker->rows_capacity) {
        return MDL_OK;
    }
    void *groups = worker->groups;
    void *runs = worker->run_rows;
    int64_t capacity = worker->rows_capacity;
    MDLI_TRY(
        mdli_grow_array(a->context, &groups, &capacity, 0, n, sizeof(int32_t), "aggregate", error));
    worker->groups = groups;
    capacity = worker->rows_capacity;
    MDLI_TRY(
        mdli_grow_array(a->context, &runs, &capacity, 0, n, sizeof(int32_t), "aggregate", error));
    worker->run_rows = runs;
    worker->rows_capacity = capacity;
    return MDL_OK;
}

/* Evaluates what the rows at hand bring: keys and arguments. */
static mdl_status read_inputs(mdli_aggregator *a, mdli_aggregate_worker *worker,
                              const mdli_rows *rows, mdl_error *error)
{
    for (int32_t k = 0; k < a->rel->n_keys; k++) {
        if (a->keys[k].column < a->input->n_fields) { /* else it is of the join's right side */
            worker->keys[k] = rows->columns[a->keys[k].column];
        }
    }
    for (int32_t i = 0; i < a->n_arguments; i++) {
        if (a->arguments[i].column >= 0) {
            worker->arguments[i] = rows->columns[a->arguments[i].column];
        } else {
            MDLI_TRY(mdli_evaluate(worker->evaluators[i], rows->columns, rows->n_rows,
                                   &worker->arguments[i], error));
        }
    }
    return MDL_OK;
}

/* The values that an accumulator takes. */
static mdl_vector values_of(const mdli_aggregate_worker *worker, const mdli_accumulator *acc,
                            int64_t n_rows)
{
    return acc->argument >= 0 ? worker->arguments[acc->argument] : (mdl_vector){.n_rows = n_rows};
}

/* Whether all that is to be fed takes whole runs. */
static bool takes_only_runs(const mdli_aggregator *a, const mdli_aggregate_worker *worker,
                            int64_t n_rows)
{
    for (int32_t i = 0; i < a->layout.n_accumulators; i++) {
        const mdli_accumulator *acc = &a->layout.accumulators[i];
        mdl_vector v = values_of(worker, acc, n_rows);
        if (acc->kind != MDLI_ACC_DISTINCT && !mdli_takes_runs(acc, &v)) {
            return false;
        }
    }
    for (int32_t d = 0; d < a->n_distincts; d++) {
        if (a->distincts[d].strategy != MDLI_DISTINCT_EPOCHS) {
            return false;
        }
    }
    return true;
}

/* Gives each row the group of its run, which the run's first row has. */
static void spread_groups(mdli_aggregate_worker *worker, int64_t n_rows, int32_t n_runs)
{
    for (int32_t r = 0; r < n_runs; r++) {
        int64_t first = worker->run_rows[r];
        int64_t end = r + 1 < n_runs ? worker->run_rows[r + 1] : n_rows;
        for (int64_t i = first + 1; i < end; i++) {
            worker->groups[i] = worker->groups[first];
        }
    }
}

/* Feeds all accumulators but those of distinct values: run by run where runs are of one group and
 * long, else row by row. */
static mdl_status feed(const mdli_aggregator *a, mdli_aggregate_worker *worker, char *states,
                       int64_t n_rows, int32_t n_runs, mdl_error *error)
{
    const mdli_state_layout *layout = &a->layout;
    bool has_runs = a->strategy == MDLI_GROUP_GLOBAL ||
                    (a->strategy == MDLI_GROUP_SORTED && a->rel->n_keys == 1);
    bool by_runs = has_runs && (int64_t)n_runs * 4 <= n_rows;
    if (has_runs && !(by_runs && takes_only_runs(a, worker, n_rows))) {
        spread_groups(worker, n_rows, n_runs);
    }
    if (by_runs) {
        mdli_run_list runs = {worker->run_rows, worker->groups, n_runs, n_rows};
        mdli_accumulate_runs(a->kernels, layout, worker->arguments, a->n_arguments, &runs, states);
    }
    for (int32_t i = 0; i < layout->n_accumulators; i++) {
        const mdli_accumulator *acc = &layout->accumulators[i];
        mdl_vector v = values_of(worker, acc, n_rows);
        if (!by_runs || !mdli_takes_runs(acc, &v)) {
            MDLI_TRY(mdli_accumulate(acc, layout->size_bytes, states, worker->groups, &v,
                                     worker->sequence, &worker->text, error));
        }
    }
    return MDL_OK;
}

static mdl_status consume(void *sink, int worker_number, int64_t morsel, const mdli_rows *rows,
                          mdl_error *error)
{
    mdli_aggregator *a = sink;
    mdli_aggregate_worker *worker = &a->workers[worker_number];
    int32_t n_runs;
    MDLI_TRY(start_worker(a, worker, error));
    if (worker->morsel != morsel) {
        worker->morsel = morsel;
        worker->sequence = morsel * SEQUENCES_PER_MORSEL;
    }
    worker->first_row = rows->first_row;
    MDLI_TRY(reserve_rows(a, worker, rows->n_rows, error));
    MDLI_TRY(read_inputs(a, worker, rows, error));
    if (a->strategy == MDLI_GROUP_LANES) {
        return mdli_lanes_consume(a, worker, morsel, rows, error);
    }
    if (a->strategy == MDLI_GROUP_BEFORE_JOIN) {
        n_runs = 0;
        MDLI_TRY(mdli_before_join_find(a, worker, rows, error));
    } else {
        MDLI_TRY(mdli_find_groups(a, worker, morsel, rows->n_rows, &n_runs, error));
    }
    bool in_order = a->strategy == MDLI_GROUP_SORTED;
    char *states = in_order ? a->morsels[morsel].states : worker->states;
    if (a->compact.summary == NULL) {
        if (a->compact.is_used) {
            mdli_compact_feed(a, worker, rows->n_rows);
        }
        MDLI_TRY(feed(a, worker, states, rows->n_rows, n_runs, error));
    }
    for (int32_t d = 0; d < a->n_distincts; d++) {
        const mdli_distinct_plan *plan = &a->distincts[d];
        if (a->strategy == MDLI_GROUP_BEFORE_JOIN) {
            mdli_mark_values(a, worker, d, rows->n_rows);
            continue;
        }
        const mdl_vector *v = &worker->arguments[plan->argument];
        if (in_order) {
            char *counts = states + a->layout.accumulators[plan->accumulator].offset;
            MDLI_TRY(mdli_distinct_add_runs(worker->distincts[d], v, worker->groups,
                                            worker->run_rows, n_runs, worker->run - (n_runs - 1),
                                            counts, a->layout.size_bytes, error));
        } else {
            MDLI_TRY(mdli_distinct_add(worker->distincts[d], v, worker->groups, NULL,
                                       a->layout.size_bytes, error));
        }
    }
    worker->sequence += rows->n_rows;
    return MDL_OK;
}

/* Groups of a morsel do not come back: their slots and pairs can be forgotten. */
static mdl_status end_morsel(void *sink, int worker_number, int64_t morsel, mdl_error *error)
{
    mdli_aggregator *a = sink;
    mdli_aggregate_worker *worker = &a->workers[worker_number];
    mdli_group_list *list = &a->morsels[morsel];
    if (!worker->is_started) {
        return MDL_OK; /* none of its rows came through */
    }
    if (a->strategy == MDLI_GROUP_LANES) {
        MDLI_TRY(mdli_lanes_end_morsel(a, worker, morsel, error));
    } else if (a->rel->n_keys > 1) {
        for (int64_t g = list->n_groups - 1;
             g >= 0 && list->leading[g] == list->leading[list->n_groups - 1]; g--) {
            worker->slot_groups[list->slots[g]] = -1;
        }
    }
    for (int32_t d = 0; worker->distincts != NULL && d < a->n_distincts; d++) {
        const mdli_accumulator *acc = &a->layout.accumulators[a->distincts[d].accumulator];
        if (list->n_groups > 0) {
            mdli_distinct_end_runs(worker->distincts[d], list->states + acc->offset,
                                   a->layout.size_bytes);
        }
        MDLI_TRY(mdli_distinct_forget(worker->distincts[d], error));
    }
    if (a->pick != NULL && a->strategy == MDLI_GROUP_SORTED) {
        mdli_pick_groups(a, list);
    }
    return MDL_OK;
}

void mdli_merge_state(const mdli_aggregator *a, char *into, const char *from)
{
    for (int32_t i = 0; i < a->layout.n_accumulators; i++) {
        const mdli_accumulator *acc = &a->layout.accumulators[i];
        mdl_type type = acc->argument >= 0 ? a->arguments[acc->argument].type : MDL_TYPE_INT64;
        mdli_accumulator_merge(acc, type, into, from);
    }
}

/* Merges a stretch of dense slots of all workers into the first. */
static mdl_status merge_slots(void *data, int64_t job, int worker, mdl_error *error)
{
    mdli_aggregator *a = data;
    int64_t first = job * MDLI_DENSE_RANGE_FLOOR;
    int64_t end =
        first + MDLI_DENSE_RANGE_FLOOR < a->n_slots ? first + MDLI_DENSE_RANGE_FLOOR : a->n_slots;
    int64_t size = a->layout.size_bytes;
    int32_t rows_offset = a->layout.accumulators[0].offset;
    (void)worker;
    (void)error;
    for (int w = 1; w < a->n_workers; w++) {
        for (int64_t s = first; s < end; s++) {
            const char *from = a->workers[w].states + s * size;
            if (a->compact.is_used || mdli_state_count(from, rows_offset) > 0) {
                mdli_merge_state(a, a->workers[0].states + s * size, from);
            }
        }
    }
    return MDL_OK;
}

static mdl_status merge_dense(mdli_aggregator *a, mdl_error *error)
{
    if (a->compact.summary != NULL) {
        return MDL_OK; /* the first worker has all */
    }
    int64_t n_jobs = (a->n_slots + MDLI_DENSE_RANGE_FLOOR - 1) / MDLI_DENSE_RANGE_FLOOR;
    return mdli_parallel_for(a->context, n_jobs, merge_slots, a, error);
}

static mdl_status merge_distincts(mdli_aggregator *a, const mdli_aggregate_worker *from,
                                  const int32_t *numbers, mdl_error *error)
{
    for (int32_t d = 0; d < a->n_distincts; d++) {
        MDLI_TRY(
            mdli_distinct_merge(a->workers[0].distincts[d], from->distincts[d], numbers, error));
    }
    return MDL_OK;
}

static mdl_status merge_hash(mdli_aggregator *a, mdl_error *error)
{
    mdli_aggregate_worker *into = &a->workers[0];
    int64_t size = a->layout.size_bytes;
    for (int w = 1; w < a->n_workers; w++) {
        const mdli_aggregate_worker *from = &a->workers[w];
        int64_t n = mdli_key_table_n_keys(from->table);
        int64_t n_before = mdli_key_table_n_keys(into->table);
        void *memory;
        MDLI_TRY(mdli_allocate_array(a->context, n, sizeof(int32_t), "aggregate", &memory, error));
        int32_t *numbers = memory;
        mdl_status status = mdli_key_table_merge(into->table, from->table, numbers, error);
        if (status == MDL_OK) {
            status =
                mdli_reserve_states(a, into, n_before, mdli_key_table_n_keys(into->table), error);
        }
        for (int64_t g = 0; status == MDL_OK && g < n; g++) {
            mdli_merge_state(a, into->states + numbers[g] * size, from->states + g * size);
        }
        if (status == MDL_OK) {
            status = merge_distincts(a, from, numbers, error);
        }
        mdli_free(a->context, numbers);
        MDLI_TRY(status);
    }
    return MDL_OK;
}

/* Brings what all workers have into the first; sorted groups are whole already. */
static mdl_status merge_workers(mdli_aggregator *a, mdl_error *error)
{
    if (is_in_order(a)) {
        return MDL_OK;
    }
    MDLI_TRY(drop_unstarted_workers(a, error));
    switch (a->strategy) {
    case MDLI_GROUP_HASH:
        MDLI_TRY(merge_hash(a, error));
        break;
    case MDLI_GROUP_BEFORE_JOIN:
        MDLI_TRY(merge_dense(a, error));
        return mdli_before_join_finish(a, error);
    case MDLI_GROUP_GLOBAL:
    case MDLI_GROUP_DENSE:
        MDLI_TRY(merge_dense(a, error));
        MDLI_TRY(mdli_compact_expand(a, error));
        for (int w = 1; w < a->n_workers; w++) {
            MDLI_TRY(merge_distincts(a, &a->workers[w], NULL, error));
        }
        break;
    case MDLI_GROUP_SORTED:
    case MDLI_GROUP_LANES:
        break;
    }
    for (int32_t d = 0; d < a->n_distincts; d++) {
        const mdli_distinct_plan *plan = &a->distincts[d];
        mdli_distinct_count(a->workers[0].distincts[d],
                            a->workers[0].states + a->layout.accumulators[plan->accumulator].offset,
                            a->layout.size_bytes);
    }
    return MDL_OK;
}

static void free_worker(mdli_aggregator *a, mdli_aggregate_worker *worker)
{
    mdl_context *context = a->context;
    for (int32_t i = 0; worker->evaluators != NULL && i < a->n_arguments; i++) {
        mdli_evaluator_free(worker->evaluators[i]);
    }
    for (int32_t d = 0; worker->distincts != NULL && d < a->n_distincts; d++) {
        mdli_distinct_free(worker->distincts[d]);
    }
    mdli_free(context, worker->evaluators);
    mdli_free(context, worker->distincts);
    mdli_free(context, worker->arguments);
    mdli_free(context, worker->keys);
    mdli_free(context, worker->groups);
    mdli_free(context, worker->run_rows);
    mdli_free(context, worker->states);
    mdli_free(context, worker->slot_groups);
    mdli_free(context, worker->lanes);
    mdli_free(context, worker->lane_states);
    for (int32_t d = 0; worker->value_masks != NULL && d < a->n_distincts; d++) {
        mdli_free(context, worker->value_masks[d]);
    }
    mdli_free(context, worker->value_masks);
    mdli_key_table_free(worker->table);
    mdli_arena_reset(&worker->text);
}

static void release(mdli_aggregator *a)
{
    mdl_context *context = a->context;
    for (int w = 0; a->workers != NULL && w < a->n_workers; w++) {
        free_worker(a, &a->workers[w]);
    }
    int64_t n_morsels = a->morsels != NULL ? mdli_pipeline_n_morsels(a->pipeline) : 0;
    for (int64_t m = 0; m < n_morsels; m++) {
        mdli_free(context, a->morsels[m].states);
        mdli_free(context, a->morsels[m].leading);
        mdli_free(context, a->morsels[m].slots);
    }
    mdli_free(context, a->morsels);
    mdli_free(context, a->workers);
    mdli_free(context, a->pick_keys);
    mdli_before_join_free(a);
    free_plan(a);
}

static void trace(const mdli_aggregator *a, bool is_of_runs)
{
    static const char *const names[] = {
        "",
        "one group",
        "sorted runs",
        "dense array",
        "hash table",
        "before the join",
        "sorted runs, lanes before the join",
    };
    const char *details = a->before.marks_runs ? ", histograms from the summary, distinct by runs"
                          : a->compact.summary != NULL   ? ", histograms from the summary"
                          : a->compact.is_used           ? ", histograms"
                          : a->before.lane_masks != NULL ? ", masks"
                          : is_of_runs                   ? ", as encoded"
                                                         : "";
    if (a->n_distincts > 0 && a->before.join == NULL) {
        mdli_trace_strategy(a->rel, "%s%s, distinct by %s", names[a->strategy], details,
                            mdli_distinct_strategy_name(a->distincts[0].strategy));
    } else {
        mdli_trace_strategy(a->rel, "%s%s", names[a->strategy], details);
    }
}

/* Takes the groups of the source's summary into the states of the first worker. */
static mdl_status fill_from_summary(mdli_aggregator *a, mdl_error *error)
{
    mdli_aggregate_worker *worker = &a->workers[0];
    mdl_cursor *cursor;
    MDLI_TRY(start_worker(a, worker, error));
    MDLI_TRY(mdl_cursor_create(a->context, a->compact.summary->groups, NULL, 0, &cursor, error));
    mdl_status status = MDL_OK;
    for (mdl_batch batch = {.n_rows = 1}; batch.n_rows > 0;) {
        MDLI_TRY_GOTO_DONE(mdl_cursor_next(cursor, &batch, error));
        MDLI_TRY_GOTO_DONE(reserve_rows(a, worker, batch.n_rows, error));
        const mdl_vector *key = &batch.columns[0];
        if (a->strategy == MDLI_GROUP_BEFORE_JOIN) {
            MDLI_TRY_GOTO_DONE(
                mdli_join_map_number(a->before.map, key, batch.n_rows, worker->groups, error));
        } else {
            mdli_add_key_slots(&a->keys[0], key, batch.n_rows, true, worker->groups);
        }
        mdli_compact_fill(a, worker, &batch);
    }
done:
    mdl_cursor_free(cursor);
    return status;
}

static mdl_status mark_runs(void *sink, int worker_number, int64_t morsel, const mdli_rows *rows,
                            mdl_error *error)
{
    mdli_aggregator *a = sink;
    mdli_aggregate_worker *worker = &a->workers[worker_number];
    (void)morsel;
    MDLI_TRY(start_worker(a, worker, error));
    mdli_mark_runs(a, worker, rows);
    return MDL_OK;
}

/* Runs a morsel for distinct values alone. */
static mdl_status count_distincts(void *data, int64_t morsel, int worker, mdl_error *error)
{
    mdli_aggregator *a = data;
    return mdli_pipeline_run_morsel(a->pipeline, 1, morsel, worker,
                                    a->before.marks_runs ? mark_runs : consume, a, error);
}

/* Brings the rows into the workers' states, or what a summary says of them. */
static mdl_status run_rows(mdli_aggregator *a, mdl_error *error)
{
    if (a->compact.summary == NULL) {
        return mdli_pipeline_run(a->pipeline, a->leading_runs != NULL, consume,
                                 is_in_order(a) ? end_morsel : NULL, a, error);
    }
    MDLI_TRY(fill_from_summary(a, error));
    return a->compact.needs_rows
               ? mdli_parallel_for(a->context, mdli_pipeline_n_morsels(a->pipeline),
                                   count_distincts, a, error)
               : MDL_OK;
}

mdl_status mdli_execute_aggregate(mdl_rel *rel, const mdl_rel *pick, bool *is_picked,
                                  mdl_table **out, mdl_error *error)
{
    mdli_aggregator a = {
        .context = rel->query->context,
        .rel = rel,
        .kernels = mdli_kernels_for(mdl_context_simd(rel->query->context)),
    };
    *out = NULL;
    *is_picked = false;
    mdl_status status = prepare(&a, pick, error);
    if (status == MDL_OK) {
        *is_picked = a.pick != NULL;
        bool is_of_runs = mdli_can_group_runs(&a);
        trace(&a, is_of_runs);
        status = is_of_runs ? mdli_group_runs(&a, error) : run_rows(&a, error);
    }
    if (status == MDL_OK) {
        status = merge_workers(&a, error);
    }
    if (status == MDL_OK) {
        status = mdli_aggregate_result(&a, out, error);
    }
    release(&a);
    return status;
}
