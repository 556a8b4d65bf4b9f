/*
 * Queries that cannot be finished: the allocator fails at every allocation in turn, the budget is
 * used up, the work is cancelled or out of time in mid-query. The answer says so, everything is
 * given back, and the tables and the context work on.
 */
#include <stdatomic.h>

#include "support/csv_dump.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

enum {
    SMALL_ROWS = 40,
    LARGE_ROWS = 60000, /* several morsels */
    N_TABLES = 2
};

/*
 * Tables and plans.
 */

/* Rows with a sorted key, a key that is not, a timestamp, a decimal, texts and NULL. */
static mdl_status make_table(mdl_context *context, const char *const *names, int64_t n_rows,
                             mdl_table **out, mdl_error *error)
{
    static const mdl_type types[] = {MDL_TYPE_INT32,  MDL_TYPE_INT64,  MDL_TYPE_DECIMAL,
                                     MDL_TYPE_STRING, MDL_TYPE_STRING, MDL_TYPE_DECIMAL};
    static const char *const texts[] = {"a|b", "", "b", "c| a", "d|d|e"};
    enum {
        N_COLUMNS = sizeof types / sizeof *types
    };
    mdl_field fields[N_COLUMNS];
    mdl_table_builder *builder = NULL;
    *out = NULL;
    for (int c = 0; c < N_COLUMNS; c++) {
        fields[c] = (mdl_field){names[c], types[c]};
    }
    mdl_status status = mdl_table_builder_create(context, fields, N_COLUMNS, &builder, error);
    for (int64_t i = 0; status == MDL_OK && i < n_rows; i++) {
        char bytes[32];
        int32_t sorted = (int32_t)(i / 3);
        int64_t scattered = i * 7919 % 23;
        int32_t decimal = (int32_t)(i % 10) * 50;
        int32_t half = (int32_t)(i * 13 % 10) * 50;
        uint64_t validity = i % 7 != 0;
        mdl_string piece = {texts[i % 5], (int64_t)strlen(texts[i % 5])};
        mdl_string text = {bytes, snprintf(bytes, sizeof bytes, "text %d", (int)(i * 31 % 17))};
        mdl_vector row[N_COLUMNS] = {{.values = &sorted},
                                     {.values = &scattered, .validity = &validity},
                                     {.values = &decimal, .validity = &validity},
                                     {.values = &piece},
                                     {.values = &text, .validity = &validity},
                                     {.values = &half}};
        for (int c = 0; c < N_COLUMNS; c++) {
            row[c].type = types[c];
            row[c].n_rows = 1;
        }
        status = mdl_table_builder_append(builder, row, 1, error);
    }
    if (status == MDL_OK) {
        status = mdl_table_builder_finish(builder, out, error);
    }
    mdl_table_builder_free(builder);
    return status;
}

static void make_tables(mdl_context *context, int64_t n_rows, mdl_table **tables)
{
    static const char *const left[] = {"k", "s", "x", "p", "t", "h"};
    static const char *const right[] = {"rk", "rs", "rx", "rp", "rt", "rh"};
    ck_assert_int_eq(make_table(context, left, n_rows, &tables[0], NULL), MDL_OK);
    ck_assert_int_eq(make_table(context, right, SMALL_ROWS, &tables[1], NULL), MDL_OK);
}

/* Gives texts that are neither in a dictionary nor in memory of the caller's. */
static mdl_status double_text(void *data, const mdl_vector *arguments, mdl_output *output,
                              mdl_error *error)
{
    (void)data;
    for (int64_t i = 0; i < output->n_rows; i++) {
        if (mdl_vector_is_null(&arguments[0], i)) {
            mdl_output_set_null(output, i);
            continue;
        }
        mdl_string s = mdl_vector_string(&arguments[0], i);
        char *twice = mdl_output_allocate_text(output, s.size_bytes * 2);
        if (twice == NULL) {
            return mdl_error_set(error, MDL_E_NO_MEMORY, "no memory for a text");
        }
        if (s.size_bytes > 0) {
            memcpy(twice, s.data, (size_t)s.size_bytes);
            memcpy(twice + s.size_bytes, s.data, (size_t)s.size_bytes);
        }
        ((mdl_string *)output->values)[i] = (mdl_string){twice, s.size_bytes * 2};
    }
    return MDL_OK;
}

typedef mdl_rel *plan_fn(mdl_query *query, mdl_table *const *tables);

static mdl_rel *plan_rows(mdl_query *query, mdl_table *const *tables)
{
    const mdl_function function = {.name = "twice",
                                   .n_arguments = 1,
                                   .argument_types = {MDL_TYPE_STRING},
                                   .result_type = MDL_TYPE_STRING,
                                   .evaluate = double_text};
    mdl_explode_options options;
    mdl_explode_options_init(&options);
    options.column = "p";
    options.piece_name = "piece";
    options.count_name = "n_pieces";
    options.if_none = "(none)";
    mdl_query_add_function(query, &function);
    mdl_rel *rel = mdl_filter(mdl_scan_range(query, tables[0], 1, INT64_MAX), "k % 3 < 2");
    rel = mdl_explode(rel, &options);
    return mdl_project(rel, "*, twice(t) as tt, case when x > 1.5 then 'much' else t end as c, "
                            "cast(s as TIMESTAMP) as at, s + k as total, upper(piece) as up");
}

static mdl_rel *plan_joins(mdl_query *query, mdl_table *const *tables)
{
    mdl_rel *right = mdl_scan(query, tables[1]);
    mdl_rel *rel = mdl_join(mdl_scan(query, tables[0]), mdl_filter(right, "rk < 4"), MDL_JOIN_LEFT,
                            "s = rs, t = rt");
    rel = mdl_join(rel, mdl_filter(right, "rk <> 2"), MDL_JOIN_SEMI, "k = rk");
    rel = mdl_join(rel, mdl_filter(right, "rs = 3"), MDL_JOIN_ANTI, "t = rt");
    right = mdl_project(right, "rs as key, rt as label");
    return mdl_join(rel, right, MDL_JOIN_INNER, "s = key");
}

static mdl_rel *plan_aligned(mdl_query *query, mdl_table *const *tables)
{
    mdl_rel *rows = mdl_scan(query, tables[0]);
    mdl_rel *counts = mdl_aggregate(rows, "k", "count(*) as n");
    return mdl_join(counts, mdl_aggregate(rows, "k", "max(t) as high, max(x) as most"),
                    MDL_JOIN_LEFT, "k");
}

static mdl_rel *plan_order(mdl_query *query, mdl_table *const *tables)
{
    mdl_rel *rel = mdl_scan(query, tables[0]);
    mdl_rel *few = mdl_top_n(rel, "-t, k", 7);
    mdl_rel *firsts = mdl_arg_first(rel, "t", "-x, s");
    rel = mdl_union_all(mdl_union_all(few, firsts), mdl_sort(rel, "p, -s"));
    mdl_rel *base = mdl_sort(mdl_distinct(rel, "s, p", MDL_KEEP_LAST), "s, p");
    mdl_rel *changes = mdl_filter(base, "s > 4");
    return mdl_upsert(base, mdl_distinct(changes, "s, p", MDL_KEEP_FIRST), "s, p");
}

#define ALL_AGGREGATES                                                                             \
    "count(*) as n, count(distinct s) as ds, count(distinct t) as dt, count_if(x > 1) as much, "   \
    "sum(s) as total, avg(x) as mean, stddev(s) as dev, min(t) as low, max(x) as high, "           \
    "first(t) as f, last(x) as l, string_agg(t, ',') as ts"

static mdl_rel *plan_sorted(mdl_query *query, mdl_table *const *tables)
{
    return mdl_aggregate(mdl_scan(query, tables[0]), "k", ALL_AGGREGATES);
}

static mdl_rel *plan_subkeys(mdl_query *query, mdl_table *const *tables)
{
    return mdl_aggregate(mdl_scan(query, tables[0]), "k, p", ALL_AGGREGATES);
}

static mdl_rel *plan_dense(mdl_query *query, mdl_table *const *tables)
{
    return mdl_aggregate(mdl_scan(query, tables[0]), "p, s", ALL_AGGREGATES);
}

static mdl_rel *plan_histograms(mdl_query *query, mdl_table *const *tables)
{
    return mdl_aggregate(mdl_scan(query, tables[0]), "p",
                         "count(*) as n, avg(h) as mean, min(h) as low, max(h) as high");
}

static mdl_rel *plan_hash(mdl_query *query, mdl_table *const *tables)
{
    mdl_rel *rel = mdl_project(mdl_scan(query, tables[0]), "*, t || p as key");
    return mdl_aggregate(rel, "key", ALL_AGGREGATES);
}

static mdl_rel *plan_one_group(mdl_query *query, mdl_table *const *tables)
{
    return mdl_aggregate(mdl_scan(query, tables[0]), NULL, ALL_AGGREGATES);
}

static mdl_rel *plan_before_join(mdl_query *query, mdl_table *const *tables)
{
    mdl_rel *rel =
        mdl_join(mdl_scan(query, tables[0]), mdl_scan(query, tables[1]), MDL_JOIN_INNER, "s = rs");
    return mdl_aggregate(rel, "rp",
                         "count(*) as n, sum(x) as total, max(t) as high, count(distinct k) as d");
}

static mdl_rel *plan_lanes(mdl_query *query, mdl_table *const *tables)
{
    mdl_rel *rel =
        mdl_join(mdl_scan(query, tables[0]), mdl_scan(query, tables[1]), MDL_JOIN_INNER, "s = rs");
    return mdl_aggregate(rel, "k, rp", "count(*) as n, sum(k) as total, avg(k) as mean");
}

static mdl_rel *plan_together(mdl_query *query, mdl_table *const *tables)
{
    mdl_rel *firsts = mdl_arg_first(plan_lanes(query, tables), "k", "-n, rp");
    return mdl_join(plan_sorted(query, tables), mdl_project(firsts, "k, rp, n as most"),
                    MDL_JOIN_LEFT, "k");
}

/* A plan, words that its explanation must have, so that it is what its name says, and operators
 * that may be named when the budget is used up. */
static const struct {
    const char *name;
    plan_fn *plan;
    const char *words;
    const char *operators;
} plans[] = {
    {"rows", plan_rows, "explode", "project"},
    {"joins", plan_joins, "anti join", "join filter project"},
    {"aligned", plan_aligned, "left join, aligned", "aggregate join project"},
    {"order", plan_order, "upsert", "top-n arg-first union all sort distinct filter upsert"},
    {"sorted", plan_sorted, "sorted runs", "aggregate"},
    {"subkeys", plan_subkeys, "sorted runs", "aggregate"},
    {"dense", plan_dense, "dense array", "aggregate"},
    {"histograms", plan_histograms, "dense array, histograms", "aggregate"},
    {"hash", plan_hash, "hash table", "aggregate"},
    {"one group", plan_one_group, "one group", "aggregate"},
    {"before join", plan_before_join, "aggregate, before the join", "aggregate"},
    {"lanes", plan_lanes, "lanes before the join", "aggregate"},
    {"together", plan_together, "rows shared", "aggregate join"},
};

enum {
    N_PLANS = sizeof plans / sizeof *plans
};

static int keep_text(void *data, const char *bytes, int64_t size_bytes)
{
    dump_add(data, bytes, (size_t)size_bytes);
    return 0;
}

/* Builds and runs a plan in a query of its own; the rows go to `csv` if that is not NULL. */
static mdl_status run_plan(mdl_context *context, int plan, mdl_table *const *tables, dump *csv,
                           mdl_error *error)
{
    mdl_query *query = mdl_query_create(context);
    mdl_table *table = NULL;
    mdl_rel *rel = plans[plan].plan(query, tables);
    mdl_status status = mdl_query_collect(query, rel, &table, error);
    ASSERT_IN_LOOP((status == MDL_OK) == (table != NULL), "%s", plans[plan].name);
    if (csv != NULL && table != NULL) {
        const char *explain = mdl_query_explain(query);
        ck_assert_msg(strstr(explain, plans[plan].words) != NULL, "%s", explain);
        ck_assert_int_eq(mdl_csv_write(context, table, keep_text, csv, NULL), MDL_OK);
    }
    mdl_table_free(table);
    mdl_query_free(query);
    return status;
}

static void expect_csv(mdl_context *context, int plan, mdl_table *const *tables,
                       const char *expected)
{
    dump csv = {.bytes = NULL};
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_msg(run_plan(context, plan, tables, &csv, &error) == MDL_OK, "%s", error.message);
    ck_assert_str_eq(csv.bytes, expected);
    dump_free(&csv);
}

/*
 * No memory.
 */

/* Runs one plan with 0, 1, 2, … allocations before the failure until that is enough. */
static void fail_at_each(failing_allocator *allocator, mdl_context *context, int plan,
                         mdl_table *const *tables)
{
    dump expected = {.bytes = NULL};
    ck_assert_int_eq(run_plan(context, plan, tables, &expected, NULL), MDL_OK);
    int64_t n_held = atomic_load(&allocator->n_held);
    bool is_enough = false;
    int64_t n = 0;
    for (; !is_enough; n++) {
        mdl_error error = MDL_ERROR_INIT;
        atomic_store(&allocator->n_left, n);
        mdl_status status = run_plan(context, plan, tables, NULL, &error);
        is_enough = atomic_load(&allocator->n_left) >= 0;
        mdl_status right = is_enough ? MDL_OK : MDL_E_NO_MEMORY;
        ASSERT_IN_LOOP(status == right && error.status == right, "%s, allocation %d: %d, %s",
                       plans[plan].name, (int)n, (int)status, error.message);
        ASSERT_IN_LOOP(atomic_load(&allocator->n_held) == n_held, "%s, allocation %d",
                       plans[plan].name, (int)n);
    }
    ck_assert_int_gt(n, 30);
    atomic_store(&allocator->n_left, INT64_MAX);
    expect_csv(context, plan, tables, expected.bytes);
    dump_free(&expected);
}

static void fail_all_plans(int32_t n_threads, bool fails_on)
{
    failing_allocator allocator = {INT64_MAX, 0, fails_on};
    mdl_context_options options;
    mdl_context *context;
    mdl_table *tables[N_TABLES];
    mdl_context_options_init(&options);
    options.n_threads = n_threads;
    options.block_rows = 16;
    options.allocator = failing_allocator_hooks(&allocator);
    ck_assert_int_eq(mdl_context_create(&options, &context, NULL), MDL_OK);
    make_tables(context, SMALL_ROWS, tables);
    for (int p = 0; p < N_PLANS; p++) {
        fail_at_each(&allocator, context, p, tables);
    }
    for (int i = 0; i < N_TABLES; i++) {
        mdl_table_free(tables[i]);
    }
    mdl_context_free(context);
    ck_assert_int_eq(atomic_load(&allocator.n_held), 0);
}

START_TEST(all_allocations_from_one_on)
{
    fail_all_plans(1, true);
    fail_all_plans(3, true);
}
END_TEST

START_TEST(one_allocation)
{
    fail_all_plans(1, false);
    fail_all_plans(3, false);
}
END_TEST

/*
 * The budget.
 */

static mdl_context *context_with_budget(int64_t budget)
{
    mdl_context_options options;
    mdl_context *context;
    mdl_context_options_init(&options);
    options.n_threads = 1; /* so that the peak is the same each time */
    options.block_rows = 8192;
    options.memory_budget_bytes = budget;
    ck_assert_int_eq(mdl_context_create(&options, &context, NULL), MDL_OK);
    return context;
}

/* Bytes of the tables, and the peak of a plan over them. */
static void measure(int plan, int64_t *least, int64_t *peak)
{
    mdl_table *tables[N_TABLES];
    mdl_context *context = context_with_budget(0);
    make_tables(context, LARGE_ROWS, tables);
    int64_t building = mdl_context_memory_peak(context);
    ck_assert_int_eq(run_plan(context, plan, tables, NULL, NULL), MDL_OK);
    *least = building;
    *peak = mdl_context_memory_peak(context);
    for (int i = 0; i < N_TABLES; i++) {
        mdl_table_free(tables[i]);
    }
    mdl_context_free(context);
}

/* Whether a message starts with the name of one of a plan's operators. */
static bool names_operator(int plan, const char *message)
{
    char name[16] = "";
    const char *colon = strchr(message, ':');
    if (colon == NULL || colon == message || colon - message >= (ptrdiff_t)sizeof name) {
        return false;
    }
    memcpy(name, message, (size_t)(colon - message));
    return strstr(plans[plan].operators, name) != NULL;
}

/* Runs a plan with a budget; whether it was used up. */
static bool exceeds_budget(int plan, int64_t budget)
{
    mdl_table *tables[N_TABLES];
    mdl_context *context = context_with_budget(budget);
    mdl_error error = MDL_ERROR_INIT;
    make_tables(context, LARGE_ROWS, tables);
    int64_t in_use = mdl_context_memory_in_use(context);
    mdl_status status = run_plan(context, plan, tables, NULL, &error);
    ck_assert_int_le(mdl_context_memory_peak(context), budget);
    ck_assert_int_eq(mdl_context_memory_in_use(context), in_use);
    if (status != MDL_OK) {
        ck_assert_msg(status == MDL_E_BUDGET, "%s: %s", plans[plan].name, error.message);
        ck_assert_msg(names_operator(plan, error.message), "%s: %s", plans[plan].name,
                      error.message);
    }
    for (int i = 0; i < N_TABLES; i++) {
        mdl_table_free(tables[i]);
    }
    mdl_context_free(context);
    return status != MDL_OK;
}

START_TEST(budget)
{
    for (int p = 0; p < N_PLANS; p++) {
        int64_t least;
        int64_t peak;
        measure(p, &least, &peak);
        for (int i = 0; i < 6 && peak > least; i++) {
            int64_t tight = least + (peak - least) * i / 6;
            ck_assert_msg(exceeds_budget(p, tight) || i > 0, "%s", plans[p].name);
        }
    }
}
END_TEST

/*
 * Cancelled, late, or failed by the caller.
 */

typedef struct interruption {
    mdl_context *context;
    mdl_status kind;
    _Atomic int n_calls;
} interruption;

/* Ends the query in mid-run: at each call, so that no thread can come to an end before. */
static mdl_status interrupt(void *data, const mdl_vector *arguments, mdl_output *output,
                            mdl_error *error)
{
    interruption *it = data;
    memcpy(output->values, arguments[0].values, (size_t)output->n_rows * sizeof(int64_t));
    atomic_fetch_add(&it->n_calls, 1);
    if (it->kind == MDL_E_CANCELLED) {
        mdl_context_cancel(it->context);
    } else if (it->kind == MDL_E_DEADLINE) {
        mdl_context_set_deadline(it->context, 1e-9);
    } else if (it->kind == MDL_E_STATE) {
        return mdl_error_set(error, MDL_E_STATE, "the caller's function is tired");
    }
    return MDL_OK;
}

/* Runs a plan whose rows go through `interrupt`. */
static mdl_status run_interrupted(interruption *it, mdl_table *const *tables, int form,
                                  mdl_error *error)
{
    const mdl_function function = {.name = "interrupt",
                                   .n_arguments = 1,
                                   .argument_types = {MDL_TYPE_INT64},
                                   .result_type = MDL_TYPE_INT64,
                                   .evaluate = interrupt,
                                   .user_data = it};
    mdl_table *table;
    mdl_query *query = mdl_query_create(it->context);
    mdl_query_add_function(query, &function);
    mdl_rel *rel = mdl_project(mdl_scan(query, tables[0]), "*, interrupt(k) as i");
    if (form == 1) {
        rel = mdl_aggregate(rel, "i", "count(*) as n");
    } else if (form == 2) {
        rel = mdl_sort(rel, "-i");
    } else if (form == 3) {
        rel = mdl_join(mdl_scan(query, tables[1]), rel, MDL_JOIN_SEMI, "rk = k");
    }
    mdl_status status = mdl_query_collect(query, rel, &table, error);
    ck_assert_int_eq(status == MDL_OK, table != NULL);
    mdl_table_free(table);
    mdl_query_free(query);
    return status;
}

static void expect_interruption(int32_t n_threads, mdl_status kind)
{
    mdl_context *context = make_context((read_settings){n_threads, 1 << 20, 8192, MDL_SIMD_BEST});
    mdl_table *tables[N_TABLES];
    make_tables(context, LARGE_ROWS, tables);
    int64_t in_use = mdl_context_memory_in_use(context);
    for (int form = 0; form < 4; form++) {
        mdl_error error = MDL_ERROR_INIT;
        interruption it = {.context = context, .kind = kind};
        ck_assert_int_eq(run_interrupted(&it, tables, form, &error), kind);
        ck_assert_int_eq(error.status, kind);
        ck_assert_msg(kind != MDL_E_STATE || strstr(error.message, "is tired") != NULL, "%s",
                      error.message);
        ck_assert_int_eq(mdl_context_memory_in_use(context), in_use);
        /* Not all rows came as far as the function: 60000 are 30 vectors. */
        ck_assert_int_lt(atomic_load(&it.n_calls), 28);
        mdl_context_clear_cancel(context);
        mdl_context_set_deadline(context, 0);
        it = (interruption){.context = context, .kind = MDL_OK};
        ck_assert_int_eq(run_interrupted(&it, tables, form, NULL), MDL_OK);
        ck_assert_int_eq(mdl_context_memory_in_use(context), in_use);
    }
    for (int i = 0; i < N_TABLES; i++) {
        mdl_table_free(tables[i]);
    }
    mdl_context_free(context);
}

START_TEST(cancel)
{
    expect_interruption(1, MDL_E_CANCELLED);
    expect_interruption(3, MDL_E_CANCELLED);
}
END_TEST

START_TEST(deadline)
{
    expect_interruption(1, MDL_E_DEADLINE);
    expect_interruption(3, MDL_E_DEADLINE);
}
END_TEST

START_TEST(callers_failure)
{
    expect_interruption(1, MDL_E_STATE);
    expect_interruption(3, MDL_E_STATE);
}
END_TEST

static Suite *query_allocation_failure_suite(void)
{
    Suite *suite = suite_create("query_allocation_failure");
    TCase *failures = tcase_create("failures");
    tcase_add_test(failures, all_allocations_from_one_on);
    tcase_add_test(failures, one_allocation);
    tcase_add_test(failures, budget);
    tcase_add_test(failures, cancel);
    tcase_add_test(failures, deadline);
    tcase_add_test(failures, callers_failure);
    tcase_set_timeout(failures, 240);
    suite_add_tcase(suite, failures);
    return suite;
}

int main(void)
{
    return run_suite(query_allocation_failure_suite());
}
