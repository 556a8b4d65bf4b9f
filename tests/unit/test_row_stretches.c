/*
 * Joins that read only the rows which can have a match: random facts in order of their users, in
 * runs and not, with loops over all rows to compare with.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "medallion/medallion.h"
#include "support/random.h"
#include "support/run_suite.h"

enum {
    N_ROWS = 20000,
    N_KEYS = 20000
};

static const mdl_field fields[] = {{"key", MDL_TYPE_INT32}, {"id", MDL_TYPE_INT32}};

/* A fact, and the keys that are asked for. */
typedef struct world {
    mdl_context *context;
    int32_t keys[N_ROWS];
    bool is_wanted[N_KEYS];
    mdl_table *fact;
    mdl_table *wanted; /* with the key again as `id` */
} world;

static mdl_table *new_table(mdl_context *context, const int32_t *keys, const int32_t *ids,
                            int64_t n_rows)
{
    const mdl_vector columns[] = {
        {.type = MDL_TYPE_INT32, .n_rows = n_rows, .values = keys},
        {.type = MDL_TYPE_INT32, .n_rows = n_rows, .values = ids},
    };
    mdl_table_builder *builder;
    mdl_table *table;
    ck_assert_int_eq(mdl_table_builder_create(context, fields, 2, &builder, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_append(builder, columns, n_rows, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    return table;
}

/* Keys that ascend, with up to 2 × `per_key` rows each and with gaps; and one in `wanted_in` of
 * them. */
static void fill_world(world *w, test_random *random, uint64_t per_key, uint64_t wanted_in)
{
    static int32_t numbers[N_ROWS];
    int32_t wanted[N_KEYS];
    int64_t n_wanted = 0;
    int32_t key = 0;
    for (int32_t i = 0; i < N_ROWS;) {
        const int32_t n = 1 + (int32_t)test_random_below(random, 2 * per_key);
        for (int32_t end = i + n; i < end && i < N_ROWS; i++) {
            w->keys[i] = key < N_KEYS ? key : N_KEYS - 1;
            numbers[i] = i;
        }
        key += 1 + (int32_t)(test_random_below(random, 8) == 0);
    }
    for (int32_t k = 0; k <= w->keys[N_ROWS - 1]; k++) {
        w->is_wanted[k] = test_random_below(random, wanted_in) == 0;
        wanted[n_wanted] = k;
        n_wanted += w->is_wanted[k];
    }
    w->fact = new_table(w->context, w->keys, numbers, N_ROWS);
    w->wanted = new_table(w->context, wanted, wanted, n_wanted);
}

static void free_world(world *w)
{
    mdl_table_free(w->fact);
    mdl_table_free(w->wanted);
    mdl_context_free(w->context);
}

/* Compares the ids of a relation with those of the rows from `first` on, before `end`, that are
 * wanted. */
static void expect_rows(world *w, mdl_query *query, mdl_rel *rel, int32_t first, int32_t end,
                        const char *what)
{
    static const char *const id[] = {"id"};
    mdl_table *out;
    mdl_cursor *cursor;
    mdl_batch batch;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_msg(mdl_query_collect(query, rel, &out, &error) == MDL_OK, "%s", error.message);
    ck_assert_int_eq(mdl_cursor_create(w->context, out, id, 1, &cursor, NULL), MDL_OK);
    int32_t row = first;
    do {
        ASSERT_IN_LOOP(mdl_cursor_next(cursor, &batch, NULL) == MDL_OK, "%s", what);
        for (int64_t i = 0; i < batch.n_rows; i++, row++) {
            while (row < end && !w->is_wanted[w->keys[row]]) {
                row++;
            }
            ASSERT_IN_LOOP(row < end, "%s: a row too many", what);
            ASSERT_IN_LOOP(((const int32_t *)batch.columns[0].values)[i] == row, "%s: row %d", what,
                           (int)row);
        }
    } while (batch.n_rows > 0);
    while (row < end && !w->is_wanted[w->keys[row]]) {
        row++;
    }
    ck_assert_msg(row >= end, "%s: row %d is missing", what, (int)row);
    mdl_cursor_free(cursor);
    mdl_table_free(out);
}

static void compare_joins(world *w, test_random *random)
{
    const int32_t first = (int32_t)test_random_below(random, N_ROWS);
    const int32_t n = (int32_t)test_random_below(random, N_ROWS - (uint64_t)first);
    mdl_query *query = mdl_query_create(w->context);
    mdl_rel *all = mdl_scan(query, w->fact);
    mdl_rel *some = mdl_scan_range(query, w->fact, first, n);
    mdl_rel *wanted = mdl_project(mdl_scan(query, w->wanted), "key");
    mdl_rel *again = mdl_project(mdl_scan(query, w->fact), "key");
    expect_rows(w, query, mdl_join(all, wanted, MDL_JOIN_SEMI, "key"), 0, N_ROWS, "semi join");
    expect_rows(w, query, mdl_join(all, wanted, MDL_JOIN_INNER, "key"), 0, N_ROWS, "inner join");
    expect_rows(w, query, mdl_join(some, wanted, MDL_JOIN_SEMI, "key"), first, first + n,
                "semi join of a part");
    expect_rows(w, query,
                mdl_join(mdl_join(all, again, MDL_JOIN_SEMI, "key"), wanted, MDL_JOIN_SEMI, "key"),
                0, N_ROWS, "semi join of a semi join");

    char range[64];
    snprintf(range, sizeof range, "id between %d and %d", (int)first, (int)(first + n - 1));
    mdl_rel *inside = mdl_scan_range(query, w->fact, first, n);
    mdl_rel *both = mdl_join(all, mdl_project(inside, "id"), MDL_JOIN_SEMI, "id");
    both = mdl_join(mdl_project(both, "id, key"), wanted, MDL_JOIN_SEMI, "key");
    expect_rows(w, query, both, first, first + n, "semi joins by two keys");
    expect_rows(w, query, mdl_filter(mdl_join(all, wanted, MDL_JOIN_SEMI, "key"), range), first,
                first + n, "filter of a semi join");
    mdl_query_free(query);
}

START_TEST(joins_read_what_matches)
{
    static const uint64_t sizes[] = {1, 3, 40, 700};
    static const uint64_t shares[] = {1, 2, 30, 2000};
    static const int64_t block_rows[] = {65536, 5000, 300, 37};
    static world w;
    test_random random = test_random_start("joins_read_what_matches");
    for (int i = 0; i < 16; i++) {
        mdl_context_options options;
        mdl_context_options_init(&options);
        options.n_threads = 1 + i % 2;
        options.block_rows = block_rows[test_random_below(&random, 4)];
        ck_assert_int_eq(mdl_context_create(&options, &w.context, NULL), MDL_OK);
        fill_world(&w, &random, sizes[i / 4], shares[i % 4]);
        compare_joins(&w, &random);
        free_world(&w);
    }
}
END_TEST

/* Rows of few keys are read alone, in runs or not; where too many match, or stretches are short, they
 * are read with those around them. */
START_TEST(few_keys_settle_a_semi_join)
{
    static const struct {
        uint64_t per_key;
        uint64_t wanted_in;
        bool is_settled;
    } cases[] = {{700, 4, true}, {400, 10, true}, {1, 1000, false}, {3, 2, false}};
    static world w;
    test_random random = test_random_start("few_keys_settle_a_semi_join");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mdl_table *out;
        ck_assert_int_eq(mdl_context_create(NULL, &w.context, NULL), MDL_OK);
        fill_world(&w, &random, cases[i].per_key, cases[i].wanted_in);
        mdl_query *query = mdl_query_create(w.context);
        mdl_rel *join =
            mdl_join(mdl_scan(query, w.fact), mdl_scan(query, w.wanted), MDL_JOIN_SEMI, "key");
        ck_assert_int_eq(mdl_query_collect(query, join, &out, NULL), MDL_OK);
        const bool is_settled = strstr(mdl_query_explain(query), "only its rows are read") != NULL;
        ck_assert_msg(is_settled == cases[i].is_settled || mdl_table_n_rows(out) == 0,
                      "case %d: %s", (int)i, mdl_query_explain(query));
        mdl_table_free(out);
        mdl_query_free(query);
        free_world(&w);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("row stretches");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, joins_read_what_matches);
    tcase_add_test(tests, few_keys_settle_a_semi_join);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
