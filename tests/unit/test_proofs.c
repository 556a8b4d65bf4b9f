/*
 * Proofs that blocks keep: sets against plain arrays, who finds a proof and who must not, and that
 * neither answers nor what is told of them depend on whether something was proved before.
 */
#include <pthread.h>
#include <string.h>

#include "column/proofs.h"
#include "medallion/medallion.h"
#include "support/random.h"
#include "support/run_suite.h"

enum {
    BLOCK_ROWS = 1024,
    N_ROWS = 5000
};

static mdl_context *context;
static int64_t empty_bytes; /* what the context itself holds */

static void setup(void)
{
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.block_rows = BLOCK_ROWS;
    options.n_threads = 2;
    ck_assert_int_eq(mdl_context_create(&options, &context, NULL), MDL_OK);
    empty_bytes = mdl_context_memory_in_use(context);
}

static void teardown(void)
{
    ck_assert_int_eq(mdl_context_memory_in_use(context), empty_bytes);
    mdl_context_free(context);
}

/* ---- Sets ---- */

static mdli_integer_set *random_set(test_random *random, int64_t least, int64_t n_slots)
{
    mdli_integer_set *set;
    ck_assert_int_eq(mdli_integer_set_create(context, least, (uint64_t)n_slots, &set, NULL),
                     MDL_OK);
    const uint64_t one_in = 1 + test_random_below(random, 40);
    for (uint64_t slot = 0; slot < (uint64_t)n_slots; slot++) {
        set->bits[slot >> 5] |= (uint32_t)(test_random_below(random, one_in) == 0) << (slot & 31);
    }
    return set;
}

/* A block of one row, for a proof to lie on. */
static mdli_block *small_block(void)
{
    const int32_t value = 1;
    mdl_vector v = {.type = MDL_TYPE_INT32, .n_rows = 1, .values = &value};
    mdli_block *block;
    ck_assert_int_eq(mdli_block_encode(context, &v, NULL, &block, NULL), MDL_OK);
    return block;
}

static void set_bit(mdli_integer_set *set, uint64_t slot, bool is_in)
{
    const uint32_t bit = UINT32_C(1) << (slot & 31);
    set->bits[slot >> 5] = is_in ? set->bits[slot >> 5] | bit : set->bits[slot >> 5] & ~bit;
}

/* A random set that has some value, from `base` or above on. */
static mdli_integer_set *random_filled_set(test_random *random, int64_t base)
{
    mdli_integer_set *set = random_set(random, base + (int64_t)test_random_below(random, 70),
                                       1 + (int64_t)test_random_below(random, 200));
    set_bit(set, test_random_below(random, set->n_slots), true);
    return set;
}

/* A random set, from `base` or above on, that has all values of `within` but, where it lacks one, a
 * random one of them. */
static mdli_integer_set *random_set_around(test_random *random, const mdli_integer_set *within,
                                           int64_t base, bool lacks_one)
{
    const uint64_t n_before =
        test_random_below(random, (uint64_t)within->least - (uint64_t)base + 1);
    const uint64_t n_behind = test_random_below(random, 100);
    mdli_integer_set *set = random_set(random, within->least - (int64_t)n_before,
                                       (int64_t)(n_before + within->n_slots + n_behind));
    uint64_t n_values = 0;
    uint64_t lacking = 0;
    for (uint64_t slot = 0; slot < within->n_slots; slot++) {
        if (mdli_integer_set_has(within, (int64_t)((uint64_t)within->least + slot))) {
            set_bit(set, n_before + slot, true);
            lacking = test_random_below(random, ++n_values) == 0 ? slot : lacking;
        }
    }
    if (lacks_one) {
        set_bit(set, n_before + lacking, false);
    }
    return set;
}

/* A proof for one set answers for another if that has all its values. Of four rounds one is sure to
 * be of such sets and one of sets that miss it by a value; the others are as it happens. */
START_TEST(sets_are_compared)
{
    enum {
        N_ROUNDS = 3000
    };
    test_random random = test_random_start("sets_are_compared");
    const int64_t bases[] = {0, -50, INT64_MIN, INT64_MAX - 400, 7};
    int n_within = 0;
    int n_outside = 0;
    for (int i = 0; i < N_ROUNDS; i++) {
        int64_t base_a = bases[test_random_below(&random, 5)];
        int64_t base_b = test_random_below(&random, 4) == 0 ? bases[i % 5] : base_a;
        mdli_integer_set *a = random_filled_set(&random, base_a);
        mdli_integer_set *b =
            i % 4 < 2 ? random_set_around(&random, a, base_a, i % 4 == 1)
                      : random_set(&random, base_b + (int64_t)test_random_below(&random, 70),
                                   (int64_t)test_random_below(&random, 300));
        bool expected = true;
        for (uint64_t slot = 0; slot < a->n_slots; slot++) {
            int64_t value = (int64_t)((uint64_t)a->least + slot);
            expected =
                expected && (!mdli_integer_set_has(a, value) || mdli_integer_set_has(b, value));
        }
        mdli_block *block = small_block();
        mdli_subset_search of_a = {.set = a};
        mdli_subset_search of_b = {.set = b};
        ASSERT_IN_LOOP(!mdli_block_is_proved_within(block, &of_b), "set %d", i);
        ASSERT_IN_LOOP(mdli_block_prove_within(block, &of_a, N_ROWS, NULL) == MDL_OK, "set %d", i);
        ASSERT_IN_LOOP(mdli_block_is_proved_within(block, &of_a), "set %d", i);
        for (int again = 0; again < 2; again++) {
            ASSERT_IN_LOOP(mdli_block_is_proved_within(block, &of_b) == expected, "set %d", i);
        }
        n_within += expected;
        n_outside += !expected;
        mdli_block_release(block);
        mdli_integer_set_release(a);
        mdli_integer_set_release(b);
    }
    ck_assert_int_ge(n_within, N_ROUNDS / 4);
    ck_assert_int_ge(n_outside, N_ROUNDS / 4);
}
END_TEST

/* The next value of a set is the one that looking at each value tells. */
START_TEST(next_values_are_found)
{
    enum {
        N_ROUNDS = 20000
    };
    test_random random = test_random_start("next_values_are_found");
    const int64_t bases[] = {0, -50, INT64_MIN, INT64_MAX - 400};
    int n_found = 0;
    for (int i = 0; i < N_ROUNDS; i++) {
        const int64_t base = bases[i % 4];
        mdli_integer_set *set = random_set(&random, base + (int64_t)test_random_below(&random, 100),
                                           (int64_t)test_random_below(&random, 200));
        const int64_t from = base + (int64_t)test_random_below(&random, 350);
        int64_t expected = from;
        while (expected < base + 399 && !mdli_integer_set_has(set, expected)) {
            expected++;
        }
        int64_t found;
        const bool is_found = mdli_integer_set_next(set, from, &found);
        ASSERT_IN_LOOP(is_found == mdli_integer_set_has(set, expected), "set %d", i);
        ASSERT_IN_LOOP(!is_found || found == expected, "set %d", i);
        n_found += is_found;
        mdli_integer_set_release(set);
    }
    ck_assert_int_ge(n_found, N_ROUNDS / 10);
    ck_assert_int_le(n_found, N_ROUNDS - N_ROUNDS / 10);
}
END_TEST

/* Lists are bounded, and sets that are large against their column are not kept. */
START_TEST(proofs_are_few_and_small)
{
    mdli_block *block = small_block();
    const int64_t before = mdl_context_memory_in_use(context);
    mdli_integer_set *large;
    ck_assert_int_eq(mdli_integer_set_create(context, 0, 10000, &large, NULL), MDL_OK);
    mdli_subset_search of_large = {.set = large};
    ck_assert_int_eq(mdli_block_prove_within(block, &of_large, N_ROWS, NULL), MDL_OK);
    ck_assert(!mdli_block_is_proved_within(block, &of_large));
    mdli_integer_set_release(large);
    ck_assert_int_eq(mdl_context_memory_in_use(context), before);
    for (int64_t i = 0; i < 1000; i++) {
        mdli_integer_set *set;
        ck_assert_int_eq(mdli_integer_set_create(context, i, 8, &set, NULL), MDL_OK);
        set->bits[0] = 1;
        mdli_subset_search search = {.set = set};
        ck_assert_int_eq(mdli_block_prove_within(block, &search, N_ROWS, NULL), MDL_OK);
        mdli_integer_set_release(set);
    }
    ck_assert_int_lt(mdl_context_memory_in_use(context) - before, 8 * 512);
    mdli_block_release(block);
}
END_TEST

/* ---- Tables ---- */

static const mdl_field fields[] = {
    {"a", MDL_TYPE_INT32}, {"b", MDL_TYPE_INT64}, {"c", MDL_TYPE_INT32}};

/* `n` rows from `first` on, ascending by (a, b), ten for each a; c is a number below `n_values`. */
static mdl_table *rising_table(int64_t first, int64_t n, int32_t n_values)
{
    mdl_table_builder *builder;
    mdl_table *table;
    ck_assert_int_eq(mdl_table_builder_create(context, fields, 3, &builder, NULL), MDL_OK);
    for (int64_t i = first; i < first + n; i++) {
        int32_t a = (int32_t)(i / 10);
        int64_t b = i % 10 * 7;
        int32_t c = (int32_t)((uint64_t)i * 2654435761u % (uint32_t)n_values);
        mdl_vector row[] = {{.type = MDL_TYPE_INT32, .n_rows = 1, .values = &a},
                            {.type = MDL_TYPE_INT64, .n_rows = 1, .values = &b},
                            {.type = MDL_TYPE_INT32, .n_rows = 1, .values = &c}};
        ASSERT_IN_LOOP(mdl_table_builder_append(builder, row, 1, NULL) == MDL_OK, "append");
    }
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    return table;
}

static mdl_test_result run_test(const mdl_test *test, const mdl_table *table, const mdl_table *to)
{
    mdl_test_result result;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_msg(mdl_test_run(context, test, table, to, NULL, &result, &error) == MDL_OK, "%s",
                  error.message);
    return result;
}

/* Runs a test twice; what it found the first time it finds again. */
static void expect_failures(const mdl_test *test, const mdl_table *table, const mdl_table *to,
                            int64_t n_failures)
{
    for (int i = 0; i < 2; i++) {
        mdl_test_result result = run_test(test, table, to);
        ck_assert_int_eq(result.n_failures, n_failures);
        ck_assert(!result.is_from_statistics);
        mdl_test_result_free(&result);
    }
}

static const mdl_test unique = {.kind = MDL_TEST_UNIQUE, .columns = "a, b"};
static const mdl_test known = {.kind = MDL_TEST_RELATIONSHIPS, .columns = "c", .to = "keys"};

static bool is_proved(const mdl_table *table, int32_t column, int32_t other, int64_t b)
{
    mdli_block *blocks[] = {table->columns[column]->blocks[b], table->columns[other]->blocks[b]};
    return mdli_blocks_are_proved_ascending(blocks, 2);
}

/* Runs `rel`, which ends a plan of `query`. */
static mdl_table *collect(mdl_query *query, mdl_rel *rel)
{
    mdl_table *table;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_msg(mdl_query_collect(query, rel, &table, &error) == MDL_OK, "%s", error.message);
    mdl_query_free(query);
    return table;
}

START_TEST(order_is_proved_once)
{
    mdl_table *table = rising_table(0, N_ROWS, 50);
    mdl_table *other = rising_table(0, N_ROWS, 50);
    ck_assert(!is_proved(table, 0, 1, 0));
    expect_failures(&unique, table, NULL, 0);
    mdl_query *query = mdl_query_create(context);
    mdl_table *view =
        collect(query, mdl_project(mdl_scan(query, table), "c, a as x, cast(b as TIMESTAMP) as y"));
    for (int64_t b = 0; b < table->columns[0]->n_blocks; b++) {
        ck_assert(is_proved(table, 0, 1, b));
        ck_assert(is_proved(view, 1, 2, b));
        /* The order of other columns, or with another table's, is another question. */
        ck_assert(!is_proved(table, 1, 0, b));
        ck_assert(!is_proved(table, 0, 2, b));
        ck_assert(!is_proved(other, 0, 1, b));
        mdli_block *mixed[] = {table->columns[0]->blocks[b], other->columns[1]->blocks[b]};
        ck_assert(!mdli_blocks_are_proved_ascending(mixed, 2));
        mdli_block *longer[] = {table->columns[0]->blocks[b], table->columns[1]->blocks[b],
                                table->columns[2]->blocks[b]};
        ck_assert(mdli_blocks_are_proved_ascending(longer, 3));
        ck_assert(!mdli_blocks_are_proved_ascending(longer, 1));
    }
    mdl_table_free(view);
    mdl_table_free(other);
    mdl_table_free(table);
}
END_TEST

/* Of rows that ascend but for one place, all blocks but that one are proved. */
START_TEST(order_is_proved_up_to_the_first_fault)
{
    mdl_table *head = rising_table(0, 2 * BLOCK_ROWS, 50);
    mdl_table *tail = rising_table(BLOCK_ROWS, BLOCK_ROWS, 50);
    mdl_table *both;
    ck_assert_int_eq(mdli_table_concat(context, head, tail, &both, NULL), MDL_OK);
    expect_failures(&unique, both, NULL, 2 * BLOCK_ROWS);
    ck_assert(is_proved(both, 0, 1, 0) && is_proved(both, 0, 1, 1));
    mdl_table_free(both);
    mdl_table_free(tail);
    mdl_table_free(head);
}
END_TEST

/* Blocks that ascend each need not do so one after the other. */
START_TEST(borders_are_not_proved)
{
    const struct {
        int64_t first;
        int64_t n_repeats;
        bool is_sorted;
    } seconds[] = {
        {N_ROWS, 0, true}, {N_ROWS - 1, 2, true}, {N_ROWS - 20, 40, false}, {0, 2 * N_ROWS, false}};
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        mdl_table *first = rising_table(0, N_ROWS, 50);
        mdl_table *second = rising_table(seconds[i].first, N_ROWS, 50);
        mdl_table *both;
        expect_failures(&unique, first, NULL, 0);
        expect_failures(&unique, second, NULL, 0);
        ck_assert_int_eq(mdli_table_concat(context, first, second, &both, NULL), MDL_OK);
        expect_failures(&unique, both, NULL, seconds[i].n_repeats);
        mdl_query *query = mdl_query_create(context);
        mdl_table *sorted = collect(query, mdl_sort(mdl_scan(query, both), "a, b"));
        ck_assert(seconds[i].is_sorted ==
                  (sorted->columns[0]->blocks[0] == both->columns[0]->blocks[0] &&
                   sorted->columns[0]->n_blocks == both->columns[0]->n_blocks));
        int64_t before = -1;
        for (int64_t row = 0; row < 2 * N_ROWS; row++) {
            mdl_value a;
            mdl_value b;
            ASSERT_IN_LOOP(mdl_table_get(context, sorted, row, 0, &a, NULL, 0, NULL) == MDL_OK &&
                               mdl_table_get(context, sorted, row, 1, &b, NULL, 0, NULL) == MDL_OK,
                           "get");
            ASSERT_IN_LOOP(a.as.integer * 100 + b.as.integer >= before, "row %d", (int)row);
            before = a.as.integer * 100 + b.as.integer;
        }
        mdl_table_free(sorted);
        mdl_table_free(both);
        mdl_table_free(second);
        mdl_table_free(first);
    }
}
END_TEST

/* Keys that were found in one table are looked for again in another that lacks some. */
START_TEST(keys_are_proved_once)
{
    mdl_table *table = rising_table(0, N_ROWS, 500);
    mdl_table *all = rising_table(0, N_ROWS, 500);
    mdl_table *more = rising_table(0, N_ROWS, 600);
    mdl_table *few = rising_table(0, N_ROWS, 490);
    const int64_t n_orphans = N_ROWS / 500 * 10;
    expect_failures(&known, table, few, n_orphans);
    expect_failures(&known, table, all, 0);
    expect_failures(&known, table, more, 0);
    expect_failures(&known, table, few, n_orphans);
    const mdl_table *rights[] = {all, more, few};
    for (int i = 0; i < 3; i++) {
        mdl_query *query = mdl_query_create(context);
        mdl_rel *joined =
            mdl_join(mdl_scan(query, table), mdl_scan(query, rights[i]), MDL_JOIN_SEMI, "c");
        mdl_table *out;
        ck_assert_int_eq(mdl_query_collect(query, joined, &out, NULL), MDL_OK);
        ck_assert_int_eq(mdl_table_n_rows(out), i == 2 ? N_ROWS - n_orphans : N_ROWS);
        ck_assert((strstr(mdl_query_explain(query), "keeps every row") != NULL) == (i < 2));
        mdl_table_free(out);
        mdl_query_free(query);
    }
    mdl_table_free(few);
    mdl_table_free(more);
    mdl_table_free(all);
    mdl_table_free(table);
}
END_TEST

/* A semi join that kept every row has proved it, for the next one too. */
START_TEST(joins_prove_keys)
{
    mdl_table *table = rising_table(0, N_ROWS, 500);
    for (int i = 0; i < 2; i++) {
        mdl_query *query = mdl_query_create(context);
        mdl_rel *joined =
            mdl_join(mdl_scan(query, table), mdl_scan(query, table), MDL_JOIN_SEMI, "c");
        mdl_table *out;
        ck_assert_int_eq(mdl_query_collect(query, joined, &out, NULL), MDL_OK);
        ck_assert_ptr_eq(out->columns[1], table->columns[1]);
        ck_assert((strstr(mdl_query_explain(query), "keeps every row") != NULL) == (i == 1));
        mdl_table_free(out);
        mdl_query_free(query);
    }
    expect_failures(&known, table, table, 0);
    mdl_table_free(table);
}
END_TEST

/* ---- Threads ---- */

typedef struct shared_tables {
    const mdl_table *table;
    const mdl_table *keys[2];
} shared_tables;

static void *prove_side_by_side(void *data)
{
    const shared_tables *shared = data;
    int64_t n_wrong = 0;
    for (int i = 0; i < 4; i++) {
        mdl_test_result result;
        n_wrong +=
            mdl_test_run(context, &unique, shared->table, NULL, NULL, &result, NULL) != MDL_OK;
        n_wrong += result.n_failures;
        mdl_test_result_free(&result);
        n_wrong += mdl_test_run(context, &known, shared->table, shared->keys[i % 2], NULL, &result,
                                NULL) != MDL_OK;
        n_wrong += result.n_failures;
        mdl_test_result_free(&result);
    }
    return n_wrong == 0 ? data : NULL;
}

START_TEST(threads_share_proofs)
{
    enum {
        N_THREADS = 4
    };
    mdl_table *table = rising_table(0, N_ROWS, 300);
    mdl_table *keys = rising_table(0, N_ROWS, 300);
    mdl_table *more = rising_table(0, N_ROWS, 400);
    shared_tables shared = {table, {keys, more}};
    pthread_t threads[N_THREADS];
    for (int i = 0; i < N_THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, prove_side_by_side, &shared), 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        void *result;
        ck_assert_int_eq(pthread_join(threads[i], &result), 0);
        ck_assert_ptr_nonnull(result);
    }
    mdl_table_free(more);
    mdl_table_free(keys);
    mdl_table_free(table);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proofs");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, sets_are_compared);
    tcase_add_test(tests, next_values_are_found);
    tcase_add_test(tests, proofs_are_few_and_small);
    tcase_add_test(tests, order_is_proved_once);
    tcase_add_test(tests, order_is_proved_up_to_the_first_fault);
    tcase_add_test(tests, borders_are_not_proved);
    tcase_add_test(tests, keys_are_proved_once);
    tcase_add_test(tests, joins_prove_keys);
    tcase_add_test(tests, threads_share_proofs);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
