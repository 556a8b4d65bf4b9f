/*
 * Aggregates: each strategy, told by the explanation, gives what a plain reference gives, for every
 * number of threads and size of blocks; and what is shared without a copy.
 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "medallion/medallion.h"
#include "support/csv_dump.h"
#include "support/exact_oracle.h"
#include "support/random.h"
#include "support/run_suite.h"

enum {
    ROWS = 40000, /* several morsels */
    KEYS_MAX = 2
};

typedef struct number {
    int64_t value;
    bool is_null;
} number;

/* Rows to aggregate: after the join, where there is one. */
typedef struct fact {
    number keys[KEYS_MAX];
    number x;
    int64_t position;
} fact;

typedef struct facts {
    fact *rows;
    int64_t n;
    int64_t capacity;
    int n_keys;
} facts;

static const number null_number = {.is_null = true};

static number some(int64_t value)
{
    return (number){.value = value};
}

static void add_fact(facts *to, number first, number second, number x)
{
    if (to->n == to->capacity) {
        to->capacity = to->capacity * 2 + 1024;
        to->rows = realloc(to->rows, (size_t)to->capacity * sizeof *to->rows);
        ASSERT_IN_LOOP(to->rows != NULL, "no memory");
    }
    to->rows[to->n] = (fact){{first, second}, x, to->n};
    to->n++;
}

/*
 * The reference.
 */

/* What is asked of every strategy; lanes can do the first four. */
static const char *const items[] = {
    "count(*) as n",    "count(x) as n_x",        "sum(x) as total", "avg(x) as mean",
    "min(x) as low",    "max(x) as high",         "first(x) as a",   "last(x) as z",
    "stddev(x) as dev", "count(distinct x) as u",
};

enum {
    LANE_ITEMS = 4,
    ITEMS_BUT_DISTINCT = 9,
    ALL_ITEMS = 10
};

static int compare_numbers(number a, number b)
{
    if (a.is_null || b.is_null) {
        return (int)a.is_null - (int)b.is_null;
    }
    return (a.value > b.value) - (a.value < b.value);
}

static int compare_keys(const fact *a, const fact *b)
{
    int order = compare_numbers(a->keys[0], b->keys[0]);
    return order != 0 ? order : compare_numbers(a->keys[1], b->keys[1]);
}

static int compare_facts(const void *a, const void *b)
{
    int order = compare_keys(a, b);
    int64_t x = ((const fact *)a)->position;
    int64_t y = ((const fact *)b)->position;
    return order != 0 ? order : (x > y) - (x < y);
}

static int compare_values(const void *a, const void *b)
{
    return compare_numbers(((const fact *)a)->x, ((const fact *)b)->x);
}

static void put_integer(dump *to, number x)
{
    char digits[32] = "";
    if (!x.is_null) {
        snprintf(digits, sizeof digits, "%" PRId64, x.value);
    }
    dump_add_text(to, digits);
}

static void put_real(dump *to, bool is_null, double real)
{
    char digits[MDL_VALUE_TEXT_MAX] = "";
    mdl_value value = {.type = MDL_TYPE_FLOAT64, .is_null = is_null, .as.real = real};
    mdl_value_format(&value, digits);
    dump_add_text(to, digits);
}

/* Appends the fields of one group, whose rows are given in order; sorts them by value. */
static void put_group(dump *to, fact *rows, int64_t n, int n_items)
{
    oracle_sums sums = {0};
    number total = null_number;
    number low = null_number;
    number high = null_number;
    number first = rows[0].x;
    number last = rows[n - 1].x;
    for (int64_t i = 0; i < n; i++) {
        if (!rows[i].x.is_null) {
            oracle_add(&sums, rows[i].x.value);
        }
    }
    qsort(rows, (size_t)n, sizeof *rows, compare_values);
    int64_t n_distinct = 0;
    for (int64_t i = 0; i < sums.n; i++) {
        n_distinct += i == 0 || rows[i].x.value != rows[i - 1].x.value;
    }
    if (sums.n > 0) {
        total.is_null = !oracle_sum(&sums, &total.value);
        ck_assert_msg(!total.is_null, "the reference's sum overflows");
        low = rows[0].x;
        high = rows[sums.n - 1].x;
    }
    for (int i = 0; i < n_items; i++) {
        const number integers[] = {some(n), some(sums.n), total, null_number, low,
                                   high,    first,        last,  null_number, some(n_distinct)};
        dump_add_text(to, i > 0 ? "," : "");
        if (i == 3) {
            put_real(to, sums.n == 0, sums.n == 0 ? 0 : oracle_average(&sums, 1));
        } else if (i == 8) {
            put_real(to, sums.n < 2, sums.n < 2 ? 0 : oracle_stddev(&sums, 1));
        } else {
            put_integer(to, integers[i]);
        }
    }
    dump_add_text(to, "\n");
}

/* The rows of the result as CSV, without the header. */
static void put_reference(dump *to, facts *from, int n_items)
{
    qsort(from->rows, (size_t)from->n, sizeof *from->rows, compare_facts);
    for (int64_t i = 0; i < from->n;) {
        int64_t end = i + 1;
        while (end < from->n && compare_keys(&from->rows[i], &from->rows[end]) == 0) {
            end++;
        }
        for (int k = 0; k < from->n_keys; k++) {
            put_integer(to, from->rows[i].keys[k]);
            dump_add_text(to, ",");
        }
        put_group(to, from->rows + i, end - i, n_items);
        i = end;
    }
}

/*
 * Tables.
 */

static mdl_context *context_of(int32_t n_threads, int64_t block_rows)
{
    return make_context((read_settings){n_threads, 1 << 20, block_rows, MDL_SIMD_BEST});
}

/* Makes 64-bit integers 32-bit ones, in place. */
static void narrow_values(int64_t *values, int64_t n)
{
    int32_t *narrow = calloc((size_t)n + 1, sizeof *narrow);
    ASSERT_IN_LOOP(narrow != NULL, "no memory");
    for (int64_t i = 0; i < n; i++) {
        narrow[i] = (int32_t)values[i];
    }
    memcpy(values, narrow, (size_t)n * sizeof *narrow);
    free(narrow);
}

/* A table of INT64 or INT32 columns with these names; column c of row i is at
 * numbers[i * n_columns + c]. */
static mdl_table *make_table(mdl_context *context, const char *const *names, int n_columns,
                             const number *numbers, int64_t n_rows, bool is_narrow)
{
    const mdl_type type = is_narrow ? MDL_TYPE_INT32 : MDL_TYPE_INT64;
    mdl_field fields[4];
    mdl_vector vectors[4];
    mdl_table_builder *builder;
    mdl_table *table;
    for (int c = 0; c < n_columns; c++) {
        int64_t *values = calloc((size_t)n_rows + 1, sizeof *values);
        uint64_t *validity = calloc((size_t)n_rows / 64 + 1, sizeof *validity);
        ASSERT_IN_LOOP(values != NULL && validity != NULL, "no memory");
        for (int64_t i = 0; i < n_rows; i++) {
            values[i] = numbers[i * n_columns + c].value;
            validity[i >> 6] |= (uint64_t)!numbers[i * n_columns + c].is_null << (i & 63);
        }
        if (is_narrow) {
            narrow_values(values, n_rows);
        }
        fields[c] = (mdl_field){names[c], type};
        vectors[c] =
            (mdl_vector){.type = type, .n_rows = n_rows, .values = values, .validity = validity};
    }
    ck_assert_int_eq(mdl_table_builder_create(context, fields, n_columns, &builder, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_append(builder, vectors, n_rows, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    for (int c = 0; c < n_columns; c++) {
        free((void *)vectors[c].values);
        free((void *)vectors[c].validity);
    }
    return table;
}

static int keep_text(void *data, const char *bytes, int64_t size)
{
    dump_add(data, bytes, (size_t)size);
    return 0;
}

static void put_csv(dump *to, mdl_context *context, const mdl_table *table)
{
    ck_assert_int_eq(mdl_csv_write(context, table, keep_text, to, NULL), MDL_OK);
}

/*
 * One aggregate: the left table has k, s and x, the right r and g.
 */

typedef struct subject {
    const char *group_by;
    int n_items;
    const char *strategy; /* to be found in the explanation */
    const char *absent;   /* not to be found there; NULL = anything may be */
    const number *left;   /* three to a row */
    int64_t n_left;
    const number *right; /* two to a row; NULL = no join */
    int64_t n_right;
    bool is_narrow; /* columns are INT32 */
} subject;

static mdl_status collect_subject(const subject *s, mdl_context *context, mdl_query *query,
                                  mdl_table **out, mdl_error *error)
{
    static const char *const left_names[] = {"k", "s", "x"};
    static const char *const right_names[] = {"r", "g"};
    char aggregates[512] = "";
    mdl_table *left = make_table(context, left_names, 3, s->left, s->n_left, s->is_narrow);
    mdl_rel *rel = mdl_scan(query, left);
    mdl_table_free(left);
    if (s->right != NULL) {
        mdl_table *right = make_table(context, right_names, 2, s->right, s->n_right, s->is_narrow);
        rel = mdl_join(rel, mdl_scan(query, right), MDL_JOIN_INNER, "s = r");
        mdl_table_free(right);
    }
    for (int i = 0; i < s->n_items; i++) {
        strcat(aggregates, i > 0 ? ", " : "");
        strcat(aggregates, items[i]);
    }
    rel = mdl_aggregate(rel, s->group_by, aggregates);
    return mdl_query_collect(query, rel, out, error);
}

static void expect_csv(const subject *s, int32_t n_threads, int64_t block_rows, const char *rows)
{
    mdl_context *context = context_of(n_threads, block_rows);
    mdl_query *query = mdl_query_create(context);
    mdl_error error = MDL_ERROR_INIT;
    mdl_table *table;
    dump csv = {.bytes = NULL};
    mdl_status status = collect_subject(s, context, query, &table, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    const char *explain = mdl_query_explain(query);
    ck_assert_msg(strstr(explain, s->strategy) != NULL, "no %s: %s", s->strategy, explain);
    ck_assert_msg(s->absent == NULL || strstr(explain, s->absent) == NULL, "%s", explain);
    put_csv(&csv, context, table);
    const char *body = strchr(csv.bytes, '\n') + 1;
    if (strcmp(body, rows) != 0) {
        size_t at = 0;
        while (body[at] == rows[at] && body[at] != '\0') {
            at++;
        }
        while (at > 0 && rows[at - 1] != '\n') {
            at--;
        }
        ck_abort_msg("%d threads, %d rows in a block, %sgot %.200s\nnot %.200s", (int)n_threads,
                     (int)block_rows, explain, body + at, rows + at);
    }
    dump_free(&csv);
    mdl_table_free(table);
    mdl_query_free(query);
    mdl_context_free(context);
}

/* Compares with the reference for all threads and blocks; frees the facts. */
static void expect_reference(const subject *s, facts *from)
{
    dump rows = {.bytes = NULL};
    dump_add_text(&rows, "");
    put_reference(&rows, from, s->n_items);
    free(from->rows);
    const int32_t n_threads[] = {1, 2, 3, 8};
    const int64_t block_rows[] = {1, 3, 64};
    for (int i = 0; i < 4; i++) {
        expect_csv(s, n_threads[i], 65536, rows.bytes);
    }
    for (int i = 0; i < 3; i++) {
        expect_csv(s, 3, block_rows[i], rows.bytes);
    }
    dump_free(&rows);
}

/* How the left table's columns are drawn. */
typedef struct shape {
    bool is_sorted; /* k ascends and has no NULL; else it is below n_keys × key_step */
    int64_t n_keys; /* sorted: rows to a key, about */
    int64_t key_step;
    int64_t n_subkeys;
    uint64_t n_values; /* of x; 0 = the whole range */
    int64_t least;     /* of x */
    bool has_nulls;    /* in s, x, and k if it is not sorted */
} shape;

static number maybe_null(test_random *random, const shape *how, int64_t value)
{
    return how->has_nulls && test_random_below(random, 9) == 0 ? null_number : some(value);
}

static number *random_left(test_random *random, const shape *how, int64_t n_rows)
{
    number *left = calloc((size_t)n_rows * 3 + 1, sizeof *left);
    ck_assert_ptr_nonnull(left);
    int64_t sorted = -5;
    for (int64_t i = 0; i < n_rows; i++) {
        int64_t k = (int64_t)test_random_below(random, (uint64_t)how->n_keys);
        sorted += k == 0;
        uint64_t x = test_random_next(random);
        left[i * 3] = how->is_sorted ? some(sorted) : maybe_null(random, how, k * how->key_step);
        left[i * 3 + 1] =
            maybe_null(random, how, (int64_t)test_random_below(random, (uint64_t)how->n_subkeys));
        left[i * 3 + 2] = maybe_null(
            random, how,
            how->n_values == 0 ? (int64_t)x >> 24 : how->least + (int64_t)(x % how->n_values));
    }
    return left;
}

/* Runs a subject without a join over rows, and frees these. */
static void expect_rows(const char *group_by, number *left, bool is_narrow, const char *strategy)
{
    subject s = {group_by, ALL_ITEMS, strategy, NULL, left, ROWS, NULL, 0, is_narrow};
    facts from = {.n_keys = strcmp(group_by, "") == 0 ? 0 : strchr(group_by, ',') == NULL ? 1 : 2};
    for (int64_t i = 0; i < ROWS; i++) {
        number none = some(0);
        add_fact(&from, from.n_keys > 0 ? left[i * 3] : none,
                 from.n_keys > 1 ? left[i * 3 + 1] : none, left[i * 3 + 2]);
    }
    expect_reference(&s, &from);
    free(left);
}

/* The same over random rows. */
static void expect_strategy(const char *group_by, const shape *how, const char *strategy)
{
    test_random random = test_random_start(strategy);
    expect_rows(group_by, random_left(&random, how, ROWS), false, strategy);
}

START_TEST(one_group)
{
    expect_strategy("", &(shape){true, 5, 1, 3, 50, -20, true}, "one group, distinct by bitmap");
    expect_strategy("", &(shape){true, 5, 1, 3, 0, 0, true}, "one group, distinct by key table");
    expect_strategy("", &(shape){true, 5, 1, 3, UINT64_C(1) << 30, 0, true},
                    "one group, distinct by pair set");
}
END_TEST

START_TEST(sorted_runs)
{
    expect_strategy("k", &(shape){true, 2, 1, 3, 50, -20, true}, "sorted runs, distinct by epochs");
    expect_strategy("k", &(shape){true, 300, 1, 3, 50, -20, false},
                    "sorted runs, distinct by epochs");
    expect_strategy("k", &(shape){true, 20, 1, 3, UINT64_C(1) << 30, 5, true},
                    "sorted runs, distinct by pair set");
    expect_strategy("k", &(shape){true, 20, 1, 3, 0, 0, true},
                    "sorted runs, distinct by key table");
}
END_TEST

/* Groups told by the runs of a block, which go on in the next one. */
START_TEST(runs_as_encoded)
{
    test_random random = test_random_start("runs as encoded");
    shape how = {true, 300, 1, 3, 50, -20, false};
    number *left = random_left(&random, &how, ROWS);
    subject s = {"k", 1, "aggregate, sorted runs, as encoded", NULL, left, ROWS, NULL, 0, false};
    facts from = {.n_keys = 1};
    dump rows = {.bytes = NULL};
    for (int64_t i = 0; i < ROWS; i++) {
        add_fact(&from, left[i * 3], some(0), left[i * 3 + 2]);
    }
    put_reference(&rows, &from, s.n_items);
    expect_csv(&s, 1, 65536, rows.bytes);
    expect_csv(&s, 3, 65536, rows.bytes);
    expect_csv(&s, 2, 1000, rows.bytes);
    expect_csv(&s, 2, 1, rows.bytes);
    dump_free(&rows);
    free(from.rows);
    free(left);
}
END_TEST

static void put_aggregate(dump *to, mdl_context *context, mdl_query *query, mdl_rel *rows)
{
    mdl_table *table;
    mdl_rel *groups = mdl_aggregate(rows, "k",
                                    "count(*) as n, sum(y) as total, max(y) as most, "
                                    "count(distinct y) as n_different");
    ck_assert_int_eq(mdl_query_collect(query, groups, &table, NULL), MDL_OK);
    put_csv(to, context, table);
    mdl_table_free(table);
}

/* The rows as a table of columns y and k: those of k come from tables of 2,700 rows each, and so end
 * elsewhere than those of y. */
static mdl_table *table_of_parts(mdl_context *context, mdl_query *query, const number *left)
{
    enum {
        PART_ROWS = 2700
    };
    static const char *const names[] = {"k", "s", "x"};
    mdl_rel *rows = NULL;
    mdl_table *table;
    for (int64_t i = 0; i < ROWS; i += PART_ROWS) {
        const int64_t n = ROWS - i < PART_ROWS ? ROWS - i : PART_ROWS;
        mdl_table *part = make_table(context, names, 3, left + i * 3, n, false);
        mdl_rel *more = mdl_scan(query, part);
        rows = rows == NULL ? more : mdl_union_all(rows, more);
        mdl_table_free(part);
    }
    rows = mdl_project(rows, "x + 0 as y, k");
    ck_assert_int_eq(mdl_query_collect(query, rows, &table, NULL), MDL_OK);
    return table;
}

/* Runs of a key that has other blocks than the column which vectors are cut by, against the same rows
 * decoded, as a filter has them. */
START_TEST(runs_across_blocks)
{
    const int64_t run_rows[] = {1000000, 3000, 300};
    test_random random = test_random_start("runs_across_blocks");
    for (int round = 0; round < 3; round++) {
        shape how = {true, run_rows[round], 1, 3, 50, -20, false};
        number *left = random_left(&random, &how, ROWS);
        mdl_context *context = context_of(2, 1000);
        mdl_query *query = mdl_query_create(context);
        mdl_table *table = table_of_parts(context, query, left);
        dump as_encoded = {0};
        dump decoded = {0};
        put_aggregate(&as_encoded, context, query, mdl_scan(query, table));
        put_aggregate(&decoded, context, query, mdl_filter(mdl_scan(query, table), "y > -100"));
        ck_assert_uint_eq(as_encoded.size, decoded.size);
        ck_assert_int_eq(memcmp(as_encoded.bytes, decoded.bytes, decoded.size), 0);
        dump_free(&as_encoded);
        dump_free(&decoded);
        mdl_table_free(table);
        mdl_query_free(query);
        mdl_context_free(context);
        free(left);
    }
}
END_TEST

/* Values that rise inside most runs, and fall in some, shorter and longer than a vector; at last with
 * NULLs in some vectors of a run and not in others. */
START_TEST(distinct_in_rising_runs)
{
    test_random random = test_random_start("rising runs");
    const int64_t run_rows[] = {2, 60, 5000, 1500};
    for (int round = 0; round < 4; round++) {
        shape how = {true, run_rows[round], 1, 3, 1, 0, false};
        number *left = random_left(&random, &how, ROWS);
        for (int64_t i = 1; i < ROWS; i++) {
            bool is_new = left[i * 3].value != left[i * 3 - 3].value;
            int64_t step = (int64_t)test_random_below(&random, 3);
            step -= test_random_below(&random, 500) == 0 ? 9 : 0;
            left[i * 3 + 2].value = is_new ? -7 : left[i * 3 - 1].value + step;
            if (round == 3 && test_random_below(&random, 1500) == 0) {
                left[i * 3 + 2] = null_number;
            }
        }
        expect_rows("k", left, true, "sorted runs, distinct by epochs");
    }
}
END_TEST

/* Rows in order of the values that are counted, not of the groups. */
START_TEST(distinct_by_last_value)
{
    test_random random = test_random_start("last value");
    const int64_t rows_of_value[] = {1, 30, 7000};
    for (int round = 0; round < 3; round++) {
        shape how = {false, 90, 1, 3, 1, 0, false};
        number *left = random_left(&random, &how, ROWS);
        int64_t x = -1000;
        for (int64_t i = 0; i < ROWS; i++) {
            x += test_random_below(&random, (uint64_t)rows_of_value[round]) == 0;
            left[i * 3 + 2].value = x;
            left[i * 3].is_null = test_random_below(&random, 20) == 0;
        }
        expect_rows("k", left, round == 1, "dense array, distinct by last value");
    }
}
END_TEST

START_TEST(sorted_runs_with_subkeys)
{
    expect_strategy("k, s", &(shape){true, 9, 1, 30, 50, -20, true},
                    "sorted runs, distinct by pair set");
    expect_strategy("k, s", &(shape){true, 5000, 1, 300, 0, 0, true},
                    "sorted runs, distinct by key table");
}
END_TEST

START_TEST(dense_array)
{
    expect_strategy("k", &(shape){false, 90, 1, 3, 50, -20, true},
                    "dense array, distinct by bitmap");
    expect_strategy("k, s", &(shape){false, 90, 2, 30, 50, -20, true},
                    "dense array, distinct by bitmap");
    expect_strategy("k", &(shape){false, 60000, 1, 3, 1000000, 5, true},
                    "dense array, distinct by pair set");
    expect_strategy("k", &(shape){false, 900, 1, 3, 0, 0, true},
                    "dense array, distinct by key table");
}
END_TEST

START_TEST(hash_table)
{
    expect_strategy("k", &(shape){false, 900, 1000003, 3, 50, -20, true},
                    "hash table, distinct by pair set");
    expect_strategy("k, s", &(shape){false, 90, 1000003, 30, 0, 0, true},
                    "hash table, distinct by key table");
}
END_TEST

/* No rows: one row for one group, none for groups. */
START_TEST(no_rows)
{
    const number left[3] = {{0, false}};
    const number right[2] = {{0, false}};
    subject s = {"", ALL_ITEMS, "one group", NULL, left, 0, NULL, 0, false};
    expect_csv(&s, 2, 64, "0,0,,,,,,,,0\n");
    const char *const keys[] = {"k", "k, s"};
    for (int i = 0; i < 2; i++) {
        s.group_by = keys[i];
        s.strategy = "aggregate";
        expect_csv(&s, 2, 64, "");
    }
    s = (subject){"g", ALL_ITEMS, "aggregate", NULL, left, 1, right, 0, false};
    expect_csv(&s, 2, 64, "");
    s.n_left = 0;
    s.n_right = 1;
    expect_csv(&s, 2, 64, "");
}
END_TEST

/*
 * Before a join.
 */

/* Rows of the right side: some keys several times, also with one group twice; NULL in both. */
static number *random_right(test_random *random, int64_t n_rows, int64_t n_keys, int64_t n_groups)
{
    number *right = calloc((size_t)n_rows * 2 + 1, sizeof *right);
    ck_assert_ptr_nonnull(right);
    shape how = {.has_nulls = true};
    for (int64_t i = 0; i < n_rows; i++) {
        right[i * 2] =
            maybe_null(random, &how, (int64_t)test_random_below(random, (uint64_t)n_keys));
        right[i * 2 + 1] =
            maybe_null(random, &how, (int64_t)test_random_below(random, (uint64_t)n_groups) - 2);
    }
    return right;
}

static facts join_by_hand(const subject *s, int n_keys)
{
    facts joined = {.n_keys = n_keys};
    for (int64_t i = 0; i < s->n_left; i++) {
        const number *left = &s->left[i * 3];
        for (int64_t j = 0; j < s->n_right && !left[1].is_null; j++) {
            const number *right = &s->right[j * 2];
            if (!right[0].is_null && right[0].value == left[1].value) {
                add_fact(&joined, n_keys > 1 ? left[0] : right[1], n_keys > 1 ? right[1] : some(0),
                         left[2]);
            }
        }
    }
    return joined;
}

static void expect_before_join(const shape *how, int64_t n_right, int64_t n_groups, subject s)
{
    test_random random = test_random_start(s.strategy);
    number *left = random_left(&random, how, s.n_left);
    /* A third of the left's keys has no match. */
    number *right = random_right(&random, n_right, how->n_subkeys * 2 / 3 + 1, n_groups);
    s.left = left;
    s.right = right;
    s.n_right = n_right;
    facts joined = join_by_hand(&s, strchr(s.group_by, ',') == NULL ? 1 : 2);
    expect_reference(&s, &joined);
    free(left);
    free(right);
}

START_TEST(before_the_join)
{
    shape how = {false, 90, 1, 60, 50, -20, true};
    subject s = {"g", ALL_ITEMS, "aggregate, before the join", NULL, NULL, ROWS, NULL, 0, false};
    expect_before_join(&how, 100, 60, s);
    how.n_values = 0; /* no masks over the values, but everything else */
    s.n_items = ITEMS_BUT_DISTINCT;
    expect_before_join(&how, 100, 60, s);
    /* Groups that masks have no bits for are fine without count(distinct). */
    expect_before_join(&how, 300, 200, s);
}
END_TEST

START_TEST(not_before_the_join)
{
    shape how = {false, 90, 1, 60, 50, -20, true};
    subject s = {"g", ALL_ITEMS, "aggregate, dense array", "before the join", NULL, ROWS, NULL,
                 0,   false};
    expect_before_join(&how, 200, 100, s); /* more groups than a mask has bits */
    how.n_values = 0;
    expect_before_join(&how, 100, 20, s); /* more values than an array has room for */
}
END_TEST

START_TEST(lanes)
{
    shape how = {true, 700, 1, 60, 50, -20, false};
    subject s = {"k, g", LANE_ITEMS, "lanes before the join", NULL, NULL, ROWS, NULL, 0, false};
    expect_before_join(&how, 100, 20, s);
    how.n_keys = 2;
    expect_before_join(&how, 100, 20, s);
    how.least = INT64_MAX / 20000000; /* a large base, a small span */
    expect_before_join(&how, 100, 20, s);
    how.has_nulls = true; /* a count of values is not a count of rows */
    s.strategy = "sorted runs";
    s.absent = "lanes";
    expect_before_join(&how, 100, 20, s);
}
END_TEST

/* A right side without a key that has one group twice; 31 groups and NULL have every bit of a mask. */
static number *right_of_masks(test_random *random, int64_t n_keys, int64_t *n_rows)
{
    enum {
        GROUPS = 32
    };
    number *right = calloc((size_t)(n_keys * GROUPS * 2), sizeof *right);
    int64_t n = 0;
    ck_assert_ptr_nonnull(right);
    for (int64_t key = 0; key < n_keys; key++) {
        for (int g = 0; g < GROUPS; g++) {
            if (test_random_below(random, 8) == 0 || key == 0) {
                right[n * 2] = some(key);
                right[n * 2 + 1] = g == GROUPS - 1 ? null_number : some(g - 4);
                n++;
            }
        }
    }
    *n_rows = n;
    return right;
}

static void expect_masks(const shape *how, subject s)
{
    test_random random = test_random_start("masks");
    number *left = random_left(&random, how, s.n_left);
    number *right = right_of_masks(&random, how->n_subkeys * 2 / 3 + 1, &s.n_right);
    s.left = left;
    s.right = right;
    facts joined = join_by_hand(&s, 2);
    expect_reference(&s, &joined);
    free(left);
    free(right);
}

START_TEST(lanes_by_mask)
{
    /* Sums of 16 bits hold 16 rows of the largest distance; runs are longer, and shorter. */
    shape how = {true, 700, 1, 60, 4096, -20, false};
    subject s = {"k, g", LANE_ITEMS, "lanes before the join, masks", NULL, NULL, ROWS, NULL,
                 0,      true};
    expect_masks(&how, s);
    how.n_keys = 2;
    expect_masks(&how, s);
    how.least = INT32_MAX - 4095;
    expect_masks(&how, s);
    how.n_values = 1; /* no distance at all */
    how.n_keys = 100000;
    expect_masks(&how, s);
    s.n_items = 1; /* count(*) alone: no argument */
    expect_masks(&how, s);
}
END_TEST

START_TEST(lanes_without_masks)
{
    shape how = {true, 700, 1, 60, 4097, -20, false};
    subject s = {"k, g", LANE_ITEMS, "lanes before the join", "masks", NULL, ROWS, NULL, 0, true};
    expect_masks(&how, s); /* too large distances */
    how.n_values = 50;
    expect_before_join(&how, 100, 20, s); /* keys that have a group twice */
}
END_TEST

/* Runs so long that the sums of a lane would pass 32 bits: it is emptied in between. */
START_TEST(lanes_overflow)
{
    shape how = {true, 1000000, 1, 2, 100000, 7, false};
    subject s = {"k, g", LANE_ITEMS, "lanes before the join", NULL, NULL, ROWS, NULL, 0, false};
    /* Key 0 matches group 1 eight times. */
    number right[] = {{0, false}, {1, false}, {0, false}, {1, false}, {0, false}, {1, false},
                      {0, false}, {1, false}, {0, false}, {1, false}, {0, false}, {1, false},
                      {0, false}, {1, false}, {0, false}, {1, false}, {1, false}, {1, false},
                      {1, false}, {4, false}, {1, false}, {0, true}};
    test_random random = test_random_start("lanes_overflow");
    number *left = random_left(&random, &how, ROWS);
    s.left = left;
    s.right = right;
    s.n_right = sizeof right / sizeof *right / 2;
    facts joined = join_by_hand(&s, 2);
    expect_reference(&s, &joined);
    free(left);
}
END_TEST

/*
 * Large numbers.
 */

static void expect_status(const subject *s, mdl_status expected, const char *words)
{
    mdl_context *context = context_of(2, 65536);
    mdl_query *query = mdl_query_create(context);
    mdl_error error = MDL_ERROR_INIT;
    mdl_table *table;
    mdl_status status = collect_subject(s, context, query, &table, &error);
    ck_assert_msg(status == expected, "%d: %s\n%s", status, error.message,
                  mdl_query_explain(query));
    ck_assert_msg(strstr(error.message, words) != NULL, "%s", error.message);
    mdl_table_free(table);
    mdl_query_free(query);
    mdl_context_free(context);
}

/* Sums that pass 64 bits on the way and come back. */
START_TEST(extremes)
{
    const int64_t values[] = {INT64_MAX, INT64_MAX, INT64_MIN, INT64_MIN, INT64_MAX, 1, -1, 0, 2};
    enum {
        N = sizeof values / sizeof *values
    };
    number left[N * 3];
    facts from = {.n_keys = 1};
    facts all = {.n_keys = 0};
    for (int i = 0; i < N; i++) {
        left[i * 3] = left[i * 3 + 1] = some(1);
        left[i * 3 + 2] = some(values[i]);
        add_fact(&from, some(1), some(0), some(values[i]));
        add_fact(&all, some(0), some(0), some(values[i]));
    }
    subject s = {"k", ALL_ITEMS, "sorted runs", NULL, left, N, NULL, 0, false};
    expect_reference(&s, &from);
    s.group_by = "";
    s.strategy = "one group";
    expect_reference(&s, &all);
}
END_TEST

START_TEST(sums_that_do_not_fit)
{
    number left[6] = {{1, false}, {1, false}, {INT64_MAX, false},
                      {1, false}, {1, false}, {1, false}};
    subject s = {"", 3, "", NULL, left, 2, NULL, 0, false};
    expect_status(&s, MDL_E_OVERFLOW, "total");
    s.group_by = "k";
    expect_status(&s, MDL_E_OVERFLOW, "total");
    left[2] = some(INT64_MIN);
    left[5] = some(-1);
    expect_status(&s, MDL_E_OVERFLOW, "total");
    left[5] = some(0);
    expect_csv(&s, 1, 64, "1,2,2,-9223372036854775808\n");
}
END_TEST

/* Sums that fit on the left, and pass 64 bits by the number of their matches. */
START_TEST(matches_that_make_sums_overflow)
{
    enum {
        N = 3000
    };
    number *left = calloc(N * 3, sizeof *left);
    number *right = calloc(N * 2, sizeof *right);
    ck_assert(left != NULL && right != NULL);
    for (int i = 0; i < N; i++) {
        left[i * 3 + 2] = some((INT64_C(1) << 50) + i % 2);
    }
    subject s = {"g", 3, "before the join", NULL, left, N, right, N, false};
    expect_status(&s, MDL_E_OVERFLOW, "total");
    s.group_by = "k, g";
    expect_status(&s, MDL_E_OVERFLOW, "total");
    free(left);
    free(right);
}
END_TEST

/* Rows that fit the counters of a histogram on the left, and pass 32 bits by the number of their
 * matches. */
START_TEST(matches_that_pass_counters)
{
    enum {
        N = 70000
    };
    number *left = calloc(N * 3, sizeof *left);
    number *right = calloc(N * 2, sizeof *right);
    ck_assert(left != NULL && right != NULL);
    for (int i = 0; i < N; i++) {
        left[i * 3 + 2] = some(i % 2 + 1);
    }
    subject s = {"g", 6, "before the join, histograms", NULL, left, N, right, N, true};
    expect_csv(&s, 1, 65536, "0,4900000000,4900000000,7350000000,1.5,1,2\n");
    s.n_right = 2;
    expect_csv(&s, 1, 65536, "0,140000,140000,210000,1.5,1,2\n");
    free(left);
    free(right);
}
END_TEST

/* A row that the join drops cannot make an expression fail. */
START_TEST(only_joined_rows_are_evaluated)
{
    static const char *const left_names[] = {"k", "s", "x"};
    static const char *const right_names[] = {"r", "g"};
    const number left[] = {{1, false}, {1, false}, {5, false},
                           {2, false}, {2, false}, {INT64_MAX, false}};
    const number right[] = {{1, false}, {7, false}};
    mdl_context *context = context_of(1, 65536);
    mdl_query *query = mdl_query_create(context);
    mdl_error error = MDL_ERROR_INIT;
    mdl_table *tables[] = {make_table(context, left_names, 3, left, 2, false),
                           make_table(context, right_names, 2, right, 1, false), NULL};
    dump csv = {.bytes = NULL};
    mdl_rel *rel =
        mdl_join(mdl_scan(query, tables[0]), mdl_scan(query, tables[1]), MDL_JOIN_INNER, "s = r");
    rel = mdl_aggregate(rel, "g", "sum(x + x) as total");
    ck_assert_msg(mdl_query_collect(query, rel, &tables[2], &error) == MDL_OK, "%s", error.message);
    put_csv(&csv, context, tables[2]);
    ck_assert_str_eq(csv.bytes, "g,total\n7,10\n");
    dump_free(&csv);
    for (int i = 0; i < 3; i++) {
        mdl_table_free(tables[i]);
    }
    mdl_query_free(query);
    mdl_context_free(context);
}
END_TEST

/* Distinct values alone, which need no states, are those beside a count of rows, which does. Some
 * rows have no match, some groups no row and, in every other table, some rows no value. */
START_TEST(distinct_values_alone)
{
    static const char *const left_names[] = {"k", "s", "x"};
    static const char *const right_names[] = {"r", "g"};
    static const char *const lists[] = {"count(distinct x) as u, count(distinct k) as v",
                                        "count(*) as n, count(distinct x) as u, "
                                        "count(distinct k) as v"};
    enum {
        N = 5000,
        N_RIGHT = 60
    };
    test_random random = test_random_start("distinct_values_alone");
    number left[N * 3];
    number right[N_RIGHT * 2];
    for (int i = 0; i < N; i++) {
        left[i * 3] = some(i / 40);
        left[i * 3 + 1] = some((int64_t)test_random_below(&random, N_RIGHT));
        left[i * 3 + 2] = some((int64_t)test_random_below(&random, 300));
        left[i * 3 + 2].is_null = _i % 2 == 1 && left[i * 3 + 1].value < 20;
    }
    for (int i = 0; i < N_RIGHT; i++) {
        right[i * 2] = some(i % 2 == 0 && i < 50 ? i / 2 + 10 : 100 + i);
        right[i * 2 + 1] = some(i / 4);
    }
    mdl_context *context = context_of(1 + _i, 512);
    mdl_table *tables[] = {make_table(context, left_names, 3, left, N, false),
                           make_table(context, right_names, 2, right, N_RIGHT, false)};
    dump csv[2] = {{.bytes = NULL}, {.bytes = NULL}};
    for (int i = 0; i < 2; i++) {
        mdl_query *query = mdl_query_create(context);
        mdl_error error = MDL_ERROR_INIT;
        mdl_table *table;
        mdl_rel *rel = mdl_join(mdl_scan(query, tables[0]), mdl_scan(query, tables[1]),
                                MDL_JOIN_INNER, "s = r");
        rel = mdl_project(mdl_aggregate(rel, "g", lists[i]), "g, u, v");
        ck_assert_msg(mdl_query_collect(query, rel, &table, &error) == MDL_OK, "%s", error.message);
        ck_assert_ptr_nonnull(strstr(mdl_query_explain(query), "before the join"));
        put_csv(&csv[i], context, table);
        mdl_table_free(table);
        mdl_query_free(query);
    }
    ck_assert_str_eq(csv[0].bytes, csv[1].bytes);
    for (int i = 0; i < 2; i++) {
        dump_free(&csv[i]);
        mdl_table_free(tables[i]);
    }
    mdl_context_free(context);
}
END_TEST

/*
 * Sharing.
 */

/* Collects, and gives the bytes that the result added to the context. */
static mdl_table *collect(mdl_context *context, mdl_query *query, mdl_rel *rel, int64_t *n_bytes)
{
    mdl_table *table;
    mdl_error error = MDL_ERROR_INIT;
    int64_t before = mdl_context_memory_in_use(context);
    ck_assert_msg(mdl_query_collect(query, rel, &table, &error) == MDL_OK, "%s", error.message);
    *n_bytes = mdl_context_memory_in_use(context) - before;
    return table;
}

START_TEST(columns_are_shared)
{
    static const char *const names[] = {"k", "s", "x"};
    static const char *const right_names[] = {"r", "g"};
    test_random random = test_random_start("columns_are_shared");
    shape how = {true, 3, 1, 20, 0, 0, false};
    number *left = random_left(&random, &how, ROWS);
    number right[40];
    for (int i = 0; i < 20; i++) {
        right[i * 2] = some(i);
        right[i * 2 + 1] = some(i * i);
    }
    mdl_context *context = context_of(2, 10000);
    mdl_query *query = mdl_query_create(context);
    mdl_table *table = make_table(context, names, 3, left, ROWS, false);
    mdl_table *other = make_table(context, right_names, 2, right, 20, false);
    mdl_rel *scan = mdl_scan(query, table);
    mdl_rel *plans[] = {
        scan,
        mdl_filter(scan, "k is not null"),
        mdl_project(scan, "k as key, s as sub, x as ex, k + 1 as more"),
        mdl_join(scan, mdl_scan(query, other), MDL_JOIN_SEMI, "s = r"),
        mdl_join(scan, mdl_scan(query, other), MDL_JOIN_LEFT, "s = r"),
        mdl_join(scan, mdl_filter(mdl_scan(query, other), "r < 0"), MDL_JOIN_ANTI, "s = r"),
    };
    int64_t n_bytes;
    for (size_t p = 0; p < sizeof plans / sizeof *plans; p++) {
        mdl_table *result = collect(context, query, plans[p], &n_bytes);
        for (int32_t c = 0; c < 3; c++) {
            ck_assert_ptr_eq(mdl_table_column(result, c), mdl_table_column(table, c));
        }
        mdl_table_free(result);
    }
    /* A cast to a type of the same form takes the blocks along. */
    mdl_rel *cast = mdl_project(scan, "cast(k as TIMESTAMP) as t");
    mdl_table *result = collect(context, query, cast, &n_bytes);
    ck_assert_int_eq(mdl_column_type(mdl_table_column(result, 0)), MDL_TYPE_TIMESTAMP);
    ck_assert_int_lt(n_bytes, 4000);
    mdl_table_free(result);
    /* Rows are dropped at the end only: the blocks before that are shared. */
    char predicate[64];
    snprintf(predicate, sizeof predicate, "k < %" PRId64, left[(ROWS - 2) * 3].value);
    result = collect(context, query, mdl_filter(scan, predicate), &n_bytes);
    ck_assert_int_lt(mdl_table_n_rows(result), ROWS);
    ck_assert_int_lt(n_bytes, mdl_table_size_bytes(table) * 6 / 10);
    mdl_table_free(result);
    mdl_query_free(query);
    mdl_table_free(table);
    mdl_table_free(other);
    mdl_context_free(context);
    free(left);
}
END_TEST

/*
 * Picking.
 */

/* ARG_FIRST right over an aggregate that ends its groups with runs, and over a table of the same
 * rows, where nothing can be picked while aggregating. */
static void expect_same_pick(mdl_context *context, const mdl_table *left, const mdl_table *right,
                             const char *order_by, bool is_picked)
{
    mdl_query *query = mdl_query_create(context);
    mdl_rel *rows = mdl_scan(query, left);
    const char *group_by = "k, s";
    if (right != NULL) {
        rows = mdl_join(rows, mdl_scan(query, right), MDL_JOIN_INNER, "s = r");
        group_by = "k, g";
    }
    mdl_rel *groups =
        mdl_aggregate(rows, group_by, "count(*) as n, sum(x) as total, avg(x) as mean");
    int64_t n_bytes;
    mdl_table *all = collect(context, query, groups, &n_bytes);
    mdl_table *picked = collect(context, query, mdl_arg_first(groups, "k", order_by), &n_bytes);
    bool was_picked = strstr(mdl_query_explain(query), "picked while aggregating") != NULL;
    ck_assert_msg(was_picked == is_picked, "%s: %s", order_by, mdl_query_explain(query));
    mdl_table *expected =
        collect(context, query, mdl_arg_first(mdl_scan(query, all), "k", order_by), &n_bytes);
    ck_assert_ptr_null(strstr(mdl_query_explain(query), "picked while aggregating"));
    dump picked_csv = {0};
    dump expected_csv = {0};
    put_csv(&picked_csv, context, picked);
    put_csv(&expected_csv, context, expected);
    ck_assert_int_gt(mdl_table_n_rows(expected), 1);
    ck_assert_uint_eq(picked_csv.size, expected_csv.size);
    ck_assert_int_eq(memcmp(picked_csv.bytes, expected_csv.bytes, expected_csv.size), 0);
    dump_free(&picked_csv);
    dump_free(&expected_csv);
    mdl_table_free(all);
    mdl_table_free(picked);
    mdl_table_free(expected);
    mdl_query_free(query);
}

START_TEST(picked_while_aggregating)
{
    static const char *const names[] = {"k", "s", "x"};
    static const char *const right_names[] = {"r", "g"};
    test_random random = test_random_start("picked_while_aggregating");
    /* Few values, so that counts and sums often tie and the later keys decide. */
    shape how = {true, 200, 1, 12, 3, -1, false};
    number *left = random_left(&random, &how, ROWS);
    number *right = random_right(&random, 40, 12, 9);
    for (int32_t n_threads = 1; n_threads <= 3; n_threads += 2) {
        mdl_context *context = context_of(n_threads, 1000);
        mdl_table *table = make_table(context, names, 3, left, ROWS, false);
        mdl_table *other = make_table(context, right_names, 2, right, 40, false);
        expect_same_pick(context, table, NULL, "-n, -total, s", true);
        expect_same_pick(context, table, NULL, "total", true);
        expect_same_pick(context, table, NULL, "n, -s", false);    /* NULL would come first */
        expect_same_pick(context, table, NULL, "-mean, s", false); /* not an integer of the state */
        expect_same_pick(context, table, other, "-n, -total, g", true);
        expect_same_pick(context, table, other, "-n, -total", true);
        expect_same_pick(context, table, other, "-n, g", true);
        expect_same_pick(context, table, other, "-total, -n, g", true);
        expect_same_pick(context, table, other, "g", true);
        mdl_table_free(table);
        mdl_table_free(other);
        mdl_context_free(context);
    }
    free(left);
    free(right);
}
END_TEST

/* Of runs that fill the lanes many times, and of some that do not. */
START_TEST(picked_from_lanes_that_overflow)
{
    static const char *const names[] = {"k", "s", "x"};
    static const char *const right_names[] = {"r", "g"};
    test_random random = test_random_start("picked_from_lanes_that_overflow");
    shape how = {true, 6000, 1, 12, 100000, -70000, false};
    number *left = random_left(&random, &how, ROWS);
    number *right = random_right(&random, 40, 12, 9);
    mdl_context *context = context_of(2, 20000);
    mdl_table *table = make_table(context, names, 3, left, ROWS, true);
    mdl_table *other = make_table(context, right_names, 2, right, 40, true);
    expect_same_pick(context, table, other, "-n, -total, g", true);
    expect_same_pick(context, table, other, "-n, g", true);
    mdl_table_free(table);
    mdl_table_free(other);
    mdl_context_free(context);
    free(left);
    free(right);
}
END_TEST

static Suite *aggregate_suite(void)
{
    Suite *suite = suite_create("aggregate");
    TCase *strategies = tcase_create("strategies");
    tcase_add_test(strategies, one_group);
    tcase_add_test(strategies, sorted_runs);
    tcase_add_test(strategies, runs_as_encoded);
    tcase_add_test(strategies, runs_across_blocks);
    tcase_add_test(strategies, distinct_in_rising_runs);
    tcase_add_test(strategies, distinct_by_last_value);
    tcase_add_test(strategies, sorted_runs_with_subkeys);
    tcase_add_test(strategies, dense_array);
    tcase_add_test(strategies, hash_table);
    tcase_add_test(strategies, no_rows);
    tcase_add_test(strategies, before_the_join);
    tcase_add_test(strategies, picked_while_aggregating);
    tcase_add_test(strategies, picked_from_lanes_that_overflow);
    tcase_add_test(strategies, not_before_the_join);
    tcase_add_test(strategies, lanes);
    tcase_add_test(strategies, lanes_by_mask);
    tcase_add_test(strategies, lanes_without_masks);
    tcase_add_test(strategies, lanes_overflow);
    tcase_set_timeout(strategies, 120);
    suite_add_tcase(suite, strategies);
    TCase *numbers = tcase_create("numbers");
    tcase_add_test(numbers, extremes);
    tcase_add_test(numbers, sums_that_do_not_fit);
    tcase_add_test(numbers, matches_that_make_sums_overflow);
    tcase_add_test(numbers, matches_that_pass_counters);
    tcase_add_test(numbers, only_joined_rows_are_evaluated);
    tcase_add_loop_test(numbers, distinct_values_alone, 0, 4);
    suite_add_tcase(suite, numbers);
    TCase *sharing = tcase_create("sharing");
    tcase_add_test(sharing, columns_are_shared);
    suite_add_tcase(suite, sharing);
    return suite;
}

int main(void)
{
    return run_suite(aggregate_suite());
}
