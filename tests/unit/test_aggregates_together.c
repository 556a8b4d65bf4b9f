/*
 * Aggregates that take their rows together give what each gives by itself, whichever aggregates of a
 * plan these are, and nothing of them is left after a failure.
 */
#include <string.h>

#include "medallion/medallion.h"
#include "support/csv_dump.h"
#include "support/random.h"
#include "support/run_suite.h"

enum {
    ROWS = 30000, /* several morsels */
    N_SUBKEYS = 12
};

/* The rows k, s, x, ascending by k, and the groups g of the values of s. */
typedef struct world {
    mdl_context *context;
    mdl_table *rows;
    mdl_table *groups;
} world;

static mdl_table *make_table(mdl_context *context, const char *const *names, int32_t n_columns,
                             int64_t *const *values, int64_t n_rows)
{
    mdl_field fields[3];
    mdl_vector vectors[3];
    mdl_table_builder *builder;
    mdl_table *table;
    for (int32_t c = 0; c < n_columns; c++) {
        fields[c] = (mdl_field){names[c], MDL_TYPE_INT64};
        vectors[c] = (mdl_vector){.type = MDL_TYPE_INT64, .n_rows = n_rows, .values = values[c]};
    }
    ck_assert_int_eq(mdl_table_builder_create(context, fields, n_columns, &builder, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_append(builder, vectors, n_rows, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    return table;
}

static void make_world(world *w, test_random *random, int32_t n_threads, int64_t block_rows)
{
    static const char *const names[] = {"k", "s", "x"};
    static const char *const group_names[] = {"s", "g"};
    int64_t *values[3];
    int64_t groups[2][2 * N_SUBKEYS];
    int64_t *const group_values[] = {groups[0], groups[1]};
    w->context = make_context((read_settings){n_threads, 1 << 20, block_rows, MDL_SIMD_BEST});
    for (int c = 0; c < 3; c++) {
        values[c] = calloc(ROWS, sizeof **values);
        ck_assert_ptr_nonnull(values[c]);
    }
    for (int64_t i = 0, k = 7; i < ROWS; i++) {
        if (test_random_below(random, 40) == 0) {
            k += 1 + (int64_t)test_random_below(random, 1000000); /* so that runs take least */
        }
        values[0][i] = k;
        values[1][i] = (int64_t)test_random_below(random, N_SUBKEYS);
        values[2][i] = (int64_t)test_random_below(random, 900) - 100;
    }
    for (int i = 0; i < 2 * N_SUBKEYS; i++) {
        groups[0][i] = i / 2;
        groups[1][i] = (int64_t)test_random_below(random, 9);
    }
    w->rows = make_table(w->context, names, 3, values, ROWS);
    w->groups = make_table(w->context, group_names, 2, group_values, 2 * N_SUBKEYS);
    for (int c = 0; c < 3; c++) {
        free(values[c]);
    }
}

static void free_world(world *w)
{
    mdl_table_free(w->rows);
    mdl_table_free(w->groups);
    mdl_context_free(w->context);
}

static int keep_text(void *data, const char *bytes, int64_t size)
{
    dump_add(data, bytes, (size_t)size);
    return 0;
}

static mdl_table *collect(mdl_query *query, mdl_rel *rel)
{
    mdl_table *table;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_msg(mdl_query_collect(query, rel, &table, &error) == MDL_OK, "%s", error.message);
    return table;
}

static int count_words(const char *text, const char *words)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, words)) != NULL; at += strlen(words)) {
        n++;
    }
    return n;
}

/*
 * Aggregates, each of a query's rows.
 */

typedef mdl_rel *plan_fn(mdl_query *query, const world *w);

static mdl_rel *plan_sums(mdl_query *query, const world *w)
{
    return mdl_aggregate(mdl_scan(query, w->rows), "k",
                         "count(*) as n, sum(x) as a_total, avg(x) as a_mean, "
                         "count(distinct s) as a_s, max(x) as a_high");
}

static mdl_rel *plan_renamed(mdl_query *query, const world *w)
{
    mdl_rel *rows = mdl_project(mdl_scan(query, w->rows), "x + s as y, k as user, s as t");
    rows = mdl_aggregate(rows, "user", "min(y) as b_low, count(distinct t) as b_t");
    return mdl_project(rows, "user as k, b_low, b_t");
}

static mdl_rel *join_groups(mdl_query *query, const world *w)
{
    return mdl_join(mdl_scan(query, w->rows), mdl_scan(query, w->groups), MDL_JOIN_INNER, "s");
}

/* Lanes before the join, picked from. */
static mdl_rel *plan_picked(mdl_query *query, const world *w)
{
    mdl_rel *groups =
        mdl_aggregate(join_groups(query, w), "k, g", "count(*) as c_n, sum(x) as c_total");
    return mdl_arg_first(groups, "k", "-c_n, -c_total, g");
}

/* Further keys. */
static mdl_rel *plan_subkeys(mdl_query *query, const world *w)
{
    mdl_rel *groups = mdl_aggregate(mdl_scan(query, w->rows), "k, s", "sum(x) as d_total");
    return mdl_arg_first(groups, "k", "d_total, -s");
}

/* Other rows of the same table, so by itself. */
static mdl_rel *plan_range(mdl_query *query, const world *w)
{
    return mdl_aggregate(mdl_scan_range(query, w->rows, 5, ROWS / 2), "k", "max(x) as e_high");
}

/* Told by the runs, without any row, where k is encoded in such. */
static mdl_rel *plan_counts(mdl_query *query, const world *w)
{
    return mdl_aggregate(mdl_scan(query, w->rows), "k", "count(*) as f_n");
}

/* Has an aggregate of the same rows below. */
static mdl_rel *plan_nested(mdl_query *query, const world *w)
{
    mdl_rel *most = mdl_aggregate(mdl_scan(query, w->rows), "k", "max(x) as most");
    most = mdl_project(most, "k as user, most");
    mdl_rel *rows = mdl_join(mdl_scan(query, w->rows), most, MDL_JOIN_LEFT, "k = user");
    return mdl_aggregate(rows, "k", "count_if(x = most) as g_n, max(most) as g_most");
}

static mdl_rel *plan_ends(mdl_query *query, const world *w)
{
    return mdl_aggregate(mdl_scan(query, w->rows), "k", "first(x) as h_first, last(s) as h_last");
}

/* The keys, with what aggregates say of them: plans, or what came of these before. */
static mdl_rel *join_all(mdl_query *query, const world *w, plan_fn *const *plans, int n,
                         mdl_table *const *results)
{
    mdl_rel *all = mdl_distinct(mdl_project(mdl_scan(query, w->rows), "k"), "k", MDL_KEEP_FIRST);
    for (int i = 0; i < n; i++) {
        mdl_rel *right = results != NULL ? mdl_scan(query, results[i]) : plans[i](query, w);
        all = mdl_join(all, right, MDL_JOIN_LEFT, "k");
    }
    return all;
}

/* Collects plans at once and one by one, and compares. `n_shared` of them take their rows together. */
static void expect_same(const world *w, plan_fn *const *plans, int n, int n_shared)
{
    mdl_table *results[8];
    dump together_csv = {0};
    dump apart_csv = {0};
    mdl_query *query = mdl_query_create(w->context);
    mdl_table *together = collect(query, join_all(query, w, plans, n, NULL));
    const char *explain = mdl_query_explain(query);
    ck_assert_msg(count_words(explain, ", rows shared:") == n_shared, "%s", explain);
    for (int i = 0; i < n; i++) {
        results[i] = collect(query, plans[i](query, w));
    }
    mdl_table *apart = collect(query, join_all(query, w, plans, n, results));
    ck_assert_int_gt(mdl_table_n_rows(apart), ROWS / 100);
    ck_assert_int_eq(mdl_csv_write(w->context, together, keep_text, &together_csv, NULL), MDL_OK);
    ck_assert_int_eq(mdl_csv_write(w->context, apart, keep_text, &apart_csv, NULL), MDL_OK);
    ck_assert_str_eq(together_csv.bytes, apart_csv.bytes);
    dump_free(&together_csv);
    dump_free(&apart_csv);
    for (int i = 0; i < n; i++) {
        mdl_table_free(results[i]);
    }
    mdl_table_free(together);
    mdl_table_free(apart);
    mdl_query_free(query);
}

START_TEST(same_as_apart)
{
    test_random random = test_random_start("same_as_apart");
    for (int32_t n_threads = 1; n_threads <= 3; n_threads += 2) {
        static const int64_t block_rows[] = {100, 5000, 65536};
        for (int i = 0; i < 3; i++) {
            world w;
            make_world(&w, &random, n_threads, block_rows[i]);
            expect_same(&w, (plan_fn *[]){plan_sums, plan_picked}, 2, 2);
            expect_same(&w, (plan_fn *[]){plan_picked, plan_sums, plan_renamed}, 3, 3);
            expect_same(&w, (plan_fn *[]){plan_subkeys, plan_range, plan_sums}, 3, 2);
            free_world(&w);
        }
    }
}
END_TEST

/* More than are run together at once: the others make a second group. */
START_TEST(many)
{
    test_random random = test_random_start("many");
    world w;
    make_world(&w, &random, 2, 5000);
    expect_same(
        &w,
        (plan_fn *[]){plan_sums, plan_picked, plan_renamed, plan_subkeys, plan_nested, plan_ends},
        6, 6);
    free_world(&w);
}
END_TEST

/* One that needs no rows; one that has another of the same rows below it, before and after one that
 * has not. */
START_TEST(apart)
{
    test_random random = test_random_start("apart");
    world w;
    make_world(&w, &random, 2, 5000);
    expect_same(&w, (plan_fn *[]){plan_sums, plan_counts, plan_picked}, 3, 2);
    expect_same(&w, (plan_fn *[]){plan_nested}, 1, 0);
    expect_same(&w, (plan_fn *[]){plan_nested, plan_sums}, 2, 2);
    expect_same(&w, (plan_fn *[]){plan_sums, plan_nested, plan_picked}, 3, 3);
    free_world(&w);
}
END_TEST

/* A relation that is picked from in one place and read as a whole in another. */
START_TEST(used_twice)
{
    test_random random = test_random_start("used_twice");
    world w;
    make_world(&w, &random, 2, 5000);
    for (int whole_first = 0; whole_first < 2; whole_first++) {
        mdl_query *query = mdl_query_create(w.context);
        mdl_rel *groups =
            mdl_aggregate(mdl_scan(query, w.rows), "k, s", "count(*) as n, sum(x) as total");
        mdl_rel *firsts = mdl_arg_first(groups, "k", "-n, s");
        mdl_table *all = collect(query, groups);
        mdl_table *picked = collect(query, firsts);
        ck_assert_int_lt(mdl_table_n_rows(picked), mdl_table_n_rows(all));
        mdl_rel *sums = plan_sums(query, &w);
        mdl_rel *both = whole_first ? mdl_union_all(groups, firsts) : mdl_union_all(firsts, groups);
        both = mdl_join(both, mdl_project(sums, "k, a_total"), MDL_JOIN_INNER, "k");
        mdl_table *table = collect(query, both);
        ck_assert_int_eq(mdl_table_n_rows(table), mdl_table_n_rows(picked) + mdl_table_n_rows(all));
        mdl_table_free(table);
        /* The sums come first, and bring either of the two along. */
        both = mdl_join(mdl_project(sums, "k"), groups, MDL_JOIN_INNER, "k");
        both = mdl_join(both, mdl_project(firsts, "k, s as first"), MDL_JOIN_INNER, "k");
        table = collect(query, both);
        ck_assert_int_eq(mdl_table_n_rows(table), mdl_table_n_rows(all));
        mdl_table_free(table);
        mdl_table_free(all);
        mdl_table_free(picked);
        mdl_query_free(query);
    }
    free_world(&w);
}
END_TEST

/* One of two fails: so does the query, and the other one's result is given back. */
START_TEST(failure_of_one)
{
    test_random random = test_random_start("failure_of_one");
    world w;
    make_world(&w, &random, 2, 5000);
    for (int fails_first = 0; fails_first < 2; fails_first++) {
        mdl_query *query = mdl_query_create(w.context);
        mdl_rel *sums = plan_sums(query, &w);
        mdl_rel *overflow = mdl_aggregate(
            mdl_project(mdl_scan(query, w.rows), "k, 9000000000000000000 + x - x as huge"), "k",
            "sum(huge) as total");
        mdl_rel *both = fails_first ? mdl_join(overflow, sums, MDL_JOIN_LEFT, "k")
                                    : mdl_join(sums, overflow, MDL_JOIN_LEFT, "k");
        int64_t before = mdl_context_memory_in_use(w.context);
        mdl_table *table = NULL;
        mdl_error error = MDL_ERROR_INIT;
        ck_assert_int_eq(mdl_query_collect(query, both, &table, &error), MDL_E_OVERFLOW);
        ck_assert_ptr_nonnull(strstr(error.message, "\"total\""));
        ck_assert_ptr_null(table);
        ck_assert_int_eq(mdl_context_memory_in_use(w.context), before);
        mdl_query_free(query);
    }
    free_world(&w);
}
END_TEST

static Suite *aggregates_together_suite(void)
{
    Suite *suite = suite_create("aggregates together");
    TCase *cases = tcase_create("together");
    tcase_add_test(cases, same_as_apart);
    tcase_add_test(cases, many);
    tcase_add_test(cases, apart);
    tcase_add_test(cases, used_twice);
    tcase_add_test(cases, failure_of_one);
    tcase_set_timeout(cases, 120);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return run_suite(aggregates_together_suite());
}
