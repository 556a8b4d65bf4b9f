/*
 * Summaries: what aggregates give from them is what the rows give, for random tables; one that
 * followed its table through changes is the one made afresh; and none is kept or used where it
 * could be wrong.
 */
#include <inttypes.h>

#include "column/column_internal.h"
#include "operators/table_summary.h"
#include "support/csv_dump.h"
#include "support/failing_allocator.h"
#include "support/literal_table.h"
#include "support/random.h"
#include "support/run_suite.h"

enum {
    ROWS_MAX = 30000, /* several morsels */
    KEYS = 300,
    LEAST_KEY = -40,
    N_TABLES = 12,
    N_COLUMNS = 4
};

typedef struct rating {
    int32_t user;
    int32_t movie;
    int32_t stars;
    int64_t at;
} rating;

/* A table in the making. */
typedef struct ratings {
    rating rows[ROWS_MAX];
    int64_t n;
} ratings;

static const mdl_field fields[N_COLUMNS] = {
    {"user", MDL_TYPE_INT32},
    {"movie", MDL_TYPE_INT32},
    {"stars", MDL_TYPE_DECIMAL},
    {"at", MDL_TYPE_TIMESTAMP},
};

static mdl_context *context_of(int32_t n_threads, int64_t block_rows)
{
    return make_context((read_settings){n_threads, 1 << 20, block_rows, MDL_SIMD_BEST});
}

static void put_row(ratings *to, rating row)
{
    to->rows[to->n++] = row;
}

/* A row with keys that are more often low than high, and few times for each. */
static rating random_row(test_random *random, int64_t place)
{
    const int64_t movie = (int64_t)test_random_below(random, KEYS);
    return (rating){
        .user = (int32_t)(place / 2500), /* few, so that they fit histograms too */
        .movie = (int32_t)(LEAST_KEY + movie * movie / KEYS),
        .stars = (int32_t)(test_random_below(random, 10) + 1) * 50,
        .at = INT64_C(1500000000) + (int64_t)test_random_below(random, 5000) * 60,
    };
}

static void fill_randomly(ratings *to, test_random *random)
{
    const int64_t n = 1 + (int64_t)test_random_below(random, ROWS_MAX * 3 / 4);
    to->n = 0;
    for (int64_t i = 0; i < n; i++) {
        put_row(to, random_row(random, i));
    }
}

static mdl_table *table_of(mdl_context *context, const ratings *from)
{
    mdl_table_builder *builder;
    mdl_table *table;
    int32_t *small = calloc((size_t)from->n * 3 + 1, sizeof *small);
    int64_t *at = calloc((size_t)from->n + 1, sizeof *at);
    ASSERT_IN_LOOP(small != NULL && at != NULL, "no memory");
    for (int64_t i = 0; i < from->n; i++) {
        small[i] = from->rows[i].user;
        small[from->n + i] = from->rows[i].movie;
        small[2 * from->n + i] = from->rows[i].stars;
        at[i] = from->rows[i].at;
    }
    const mdl_vector columns[N_COLUMNS] = {
        {.type = MDL_TYPE_INT32, .n_rows = from->n, .values = small},
        {.type = MDL_TYPE_INT32, .n_rows = from->n, .values = small + from->n},
        {.type = MDL_TYPE_DECIMAL, .n_rows = from->n, .values = small + 2 * from->n},
        {.type = MDL_TYPE_TIMESTAMP, .n_rows = from->n, .values = at},
    };
    ck_assert_int_eq(mdl_table_builder_create(context, fields, N_COLUMNS, &builder, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_append(builder, columns, from->n, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    free(small);
    free(at);
    return table;
}

static mdl_summary_options options_of(const char *extreme)
{
    mdl_summary_options options;
    mdl_summary_options_init(&options);
    options.key = "movie";
    options.value = "stars";
    options.extreme = extreme;
    return options;
}

static mdl_table *summarized(mdl_context *context, const mdl_table *table,
                             const mdl_summary_options *options)
{
    mdl_table *out;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_table_summarize(context, table, options, &out, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    return out;
}

/*
 * Aggregates from it.
 */

typedef mdl_rel *plan_fn(mdl_query *query, const mdl_table *table, const mdl_table *genres);

#define OF_STARS                                                                                   \
    "count(*) as n, count(stars) as c, sum(stars) as s, avg(stars) as a, min(stars) as lo, "       \
    "max(stars) as hi, stddev(stars) as dev"
#define OF_TIME ", min(at) as since, max(at) as until"

static mdl_rel *by_movie(mdl_query *query, const mdl_table *table, const mdl_table *genres)
{
    (void)genres;
    return mdl_aggregate(mdl_scan(query, table), "movie", OF_STARS OF_TIME);
}

static mdl_rel *one_function(mdl_query *query, const mdl_table *table, const mdl_table *genres)
{
    (void)genres;
    return mdl_aggregate(mdl_scan(query, table), "movie", "sum(stars) as s");
}

static mdl_rel *renamed(mdl_query *query, const mdl_table *table, const mdl_table *genres)
{
    (void)genres;
    mdl_rel *rel = mdl_project(mdl_scan(query, table), "at as stars, movie as m, stars as at");
    return mdl_aggregate(rel, "m", "avg(at) as mean, stddev(at) as dev, max(stars) as last");
}

static mdl_rel *with_users(mdl_query *query, const mdl_table *table, const mdl_table *genres)
{
    (void)genres;
    return mdl_aggregate(mdl_scan(query, table), "movie",
                         OF_STARS OF_TIME ", count(distinct user) as users");
}

static mdl_rel *by_genre(mdl_query *query, const mdl_table *table, const mdl_table *genres)
{
    mdl_rel *rel =
        mdl_join(mdl_scan(query, table), mdl_scan(query, genres), MDL_JOIN_INNER, "movie");
    return mdl_aggregate(rel, "genre", OF_STARS OF_TIME ", count(distinct movie) as movies");
}

static mdl_rel *by_genre_with_users(mdl_query *query, const mdl_table *table,
                                    const mdl_table *genres)
{
    mdl_rel *rel =
        mdl_join(mdl_scan(query, table), mdl_scan(query, genres), MDL_JOIN_INNER, "movie");
    return mdl_aggregate(rel, "genre", OF_STARS ", count(distinct user) as users");
}

/* Times are in no runs. */
static mdl_rel *by_genre_with_times(mdl_query *query, const mdl_table *table,
                                    const mdl_table *genres)
{
    mdl_rel *rel =
        mdl_join(mdl_scan(query, table), mdl_scan(query, genres), MDL_JOIN_INNER, "movie");
    return mdl_aggregate(rel, "genre",
                         OF_STARS ", count(distinct user) as users, count(distinct at) as times");
}

static mdl_rel *by_genre_renamed(mdl_query *query, const mdl_table *table, const mdl_table *genres)
{
    mdl_rel *rel = mdl_project(mdl_scan(query, table), "stars, user as movie, movie as film, at");
    rel = mdl_join(rel, mdl_scan(query, genres), MDL_JOIN_INNER, "film = movie");
    return mdl_aggregate(rel, "genre",
                         OF_STARS ", count(distinct movie) as users, count(distinct film) as n_f");
}

/* More groups than a word of a mask has bits, and movies that no group has at either end. */
static mdl_rel *by_many_groups_with_users(mdl_query *query, const mdl_table *table,
                                          const mdl_table *genres)
{
    mdl_rel *groups = mdl_project(mdl_scan(query, genres), "movie, movie % 41 as part");
    groups = mdl_filter(groups, "movie between 0 and 44");
    mdl_rel *rel = mdl_join(mdl_scan(query, table), groups, MDL_JOIN_INNER, "movie");
    return mdl_aggregate(rel, "part",
                         OF_STARS ", count(distinct user) as users, count(distinct movie) as n_m");
}

static mdl_rel *filtered(mdl_query *query, const mdl_table *table, const mdl_table *genres)
{
    (void)genres;
    return mdl_aggregate(mdl_filter(mdl_scan(query, table), "at > timestamp '2017-07-15 00:00:00'"),
                         "movie", OF_STARS);
}

static mdl_rel *all_but_one_row(mdl_query *query, const mdl_table *table, const mdl_table *genres)
{
    (void)genres;
    return mdl_aggregate(mdl_scan_range(query, table, 1, INT64_MAX), "movie", OF_STARS);
}

static mdl_rel *by_other_key(mdl_query *query, const mdl_table *table, const mdl_table *genres)
{
    (void)genres;
    return mdl_aggregate(mdl_scan(query, table), "stars", OF_STARS);
}

static mdl_rel *by_two_keys(mdl_query *query, const mdl_table *table, const mdl_table *genres)
{
    (void)genres;
    return mdl_aggregate(mdl_scan(query, table), "movie, stars", OF_STARS);
}

static mdl_rel *by_computed_key(mdl_query *query, const mdl_table *table, const mdl_table *genres)
{
    (void)genres;
    mdl_rel *rel = mdl_project(mdl_scan(query, table), "movie % 7 as movie, stars, at");
    return mdl_aggregate(rel, "movie", OF_STARS);
}

static mdl_rel *of_other_values(mdl_query *query, const mdl_table *table, const mdl_table *genres)
{
    (void)genres;
    return mdl_aggregate(mdl_scan(query, table), "movie", OF_STARS ", sum(user) as users");
}

static mdl_rel *of_users(mdl_query *query, const mdl_table *table, const mdl_table *genres)
{
    (void)genres;
    return mdl_aggregate(mdl_scan(query, table), "movie", "sum(user) as s, max(user) as hi");
}

static mdl_rel *of_order(mdl_query *query, const mdl_table *table, const mdl_table *genres)
{
    (void)genres;
    return mdl_aggregate(mdl_scan(query, table), "movie", OF_STARS ", first(stars) as f");
}

static mdl_rel *of_expression(mdl_query *query, const mdl_table *table, const mdl_table *genres)
{
    (void)genres;
    return mdl_aggregate(mdl_scan(query, table), "movie",
                         OF_STARS ", count_if(stars > 2) as liked");
}

/* Plans, whether a summary with or without times serves them, and whether distinct values are counted
 * by runs then. */
static const struct {
    const char *name;
    plan_fn *plan;
    bool is_served;
    bool has_times;
    bool is_by_runs;
} plans[] = {
    {"by movie", by_movie, true, true, false},
    {"one function", one_function, true, false, false},
    {"renamed", renamed, true, true, false},
    {"with users", with_users, true, true, false},
    {"by genre", by_genre, true, true, false},
    {"by genre with users", by_genre_with_users, true, false, true},
    {"by genre with times", by_genre_with_times, true, false, false},
    {"by genre renamed", by_genre_renamed, true, false, true},
    {"by many groups with users", by_many_groups_with_users, true, false, true},
    {"filtered", filtered, false, false, false},
    {"all but one row", all_but_one_row, false, false, false},
    {"by other key", by_other_key, false, false, false},
    {"by two keys", by_two_keys, false, false, false},
    {"by computed key", by_computed_key, false, false, false},
    {"of other values", of_other_values, false, true, false},
    {"of users", of_users, false, false, false},
    {"of order", of_order, false, false, false},
    {"of expression", of_expression, false, false, false},
};

enum {
    N_PLANS = sizeof plans / sizeof *plans
};

/* How a plan was run. */
typedef struct plan_trace {
    bool is_served; /* from a summary */
    bool is_by_runs;
} plan_trace;

/* Runs a plan: its rows as text, and how that was done. */
static plan_trace run_plan(mdl_context *context, int p, const mdl_table *table,
                           const mdl_table *genres, dump *rows)
{
    mdl_query *query = mdl_query_create(context);
    mdl_table *result;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status =
        mdl_query_collect(query, plans[p].plan(query, table, genres), &result, &error);
    ck_assert_msg(status == MDL_OK, "%s: %s", plans[p].name, error.message);
    dump_add_text(rows, "");
    dump_add_table(rows, context, result);
    const char *explained = mdl_query_explain(query);
    const plan_trace trace = {.is_served = strstr(explained, "from the summary") != NULL,
                              .is_by_runs = strstr(explained, "distinct by runs") != NULL};
    mdl_table_free(result);
    mdl_query_free(query);
    return trace;
}

/* Movies with no, one or two genres, one of them twice. */
static mdl_table *make_genres(mdl_context *context)
{
    static const mdl_field genre_fields[] = {{"movie", MDL_TYPE_INT32}, {"genre", MDL_TYPE_STRING}};
    static const char *const genres[] = {"war", "drama", "noir", "myth", "sea"};
    dump text = {.bytes = NULL};
    char line[64];
    for (int m = LEAST_KEY - 3; m < LEAST_KEY + KEYS; m++) {
        for (int g = 0; g < (m + 100) % 3; g++) {
            snprintf(line, sizeof line, "%d|%s\n", m, genres[(m * 2 + g + 400) % 5]);
            dump_add_text(&text, line);
        }
    }
    dump_add_text(&text, "7|sea\n7|sea\n");
    mdl_table *table = literal_table(context, genre_fields, 2, text.bytes);
    dump_free(&text);
    return table;
}

/* All plans over one table, with and without summary. */
static void compare_plans(mdl_context *context, const mdl_table *table, const char *extreme)
{
    const mdl_summary_options options = options_of(extreme);
    mdl_table *carrying = summarized(context, table, &options);
    mdl_table *genres = make_genres(context);
    ck_assert_ptr_nonnull(mdl_table_summary(carrying));
    for (int p = 0; p < N_PLANS; p++) {
        dump expected = {.bytes = NULL};
        dump given = {.bytes = NULL};
        const bool can_serve = plans[p].is_served && (extreme != NULL || !plans[p].has_times);
        const plan_trace from_rows = run_plan(context, p, table, genres, &expected);
        const plan_trace trace = run_plan(context, p, carrying, genres, &given);
        ASSERT_IN_LOOP(!from_rows.is_served && !from_rows.is_by_runs, "%s", plans[p].name);
        ASSERT_IN_LOOP(trace.is_served == can_serve, "%s", plans[p].name);
        ASSERT_IN_LOOP(trace.is_by_runs == (can_serve && plans[p].is_by_runs), "%s", plans[p].name);
        ASSERT_IN_LOOP(strcmp(expected.bytes, given.bytes) == 0, "%s", plans[p].name);
        dump_free(&expected);
        dump_free(&given);
    }
    mdl_table_free(genres);
    mdl_table_free(carrying);
}

START_TEST(aggregates_give_what_the_rows_give)
{
    static ratings rows;
    test_random random = test_random_start("aggregates_give_what_the_rows_give");
    for (int t = 0; t < N_TABLES; t++) {
        mdl_context *context = context_of(t % 2 == 0 ? 1 : 3, t % 3 == 0 ? 65536 : 1000);
        fill_randomly(&rows, &random);
        mdl_table *table = table_of(context, &rows);
        compare_plans(context, table, t % 4 == 3 ? NULL : "at");
        mdl_table_free(table);
        mdl_context_free(context);
    }
}
END_TEST

/* Each row counts so often in its genre that 32 bits do not hold it. */
START_TEST(counts_of_matches_pass_32_bits)
{
    enum {
        MATCHES = 150000
    };
    static const mdl_field genre_fields[] = {{"movie", MDL_TYPE_INT32}, {"genre", MDL_TYPE_STRING}};
    static ratings rows;
    dump matches = {.bytes = NULL};
    dump given = {.bytes = NULL};
    char expected[128];
    mdl_context *context = context_of(1, 65536);
    mdl_query *query = mdl_query_create(context);
    mdl_table *counts;
    rows.n = 0;
    for (int i = 0; i < ROWS_MAX; i++) {
        put_row(&rows, (rating){.user = i / 100, .movie = 7, .stars = i == 0 ? 50 : 450, .at = i});
    }
    for (int i = 0; i < MATCHES; i++) {
        dump_add_text(&matches, "7|sea\n");
    }
    const mdl_summary_options options = options_of("at");
    mdl_table *table = table_of(context, &rows);
    mdl_table *carrying = summarized(context, table, &options);
    mdl_table *genres = literal_table(context, genre_fields, 2, matches.bytes);
    mdl_rel *rel =
        mdl_join(mdl_scan(query, carrying), mdl_scan(query, genres), MDL_JOIN_INNER, "movie");
    rel = mdl_aggregate(rel, "genre",
                        "count(*) as n, min(stars) as lo, count(distinct user) as users");
    ck_assert_int_eq(mdl_query_collect(query, rel, &counts, NULL), MDL_OK);
    ck_assert_ptr_nonnull(strstr(mdl_query_explain(query), "from the summary"));
    dump_add_text(&given, "");
    dump_add_table(&given, context, counts);
    snprintf(expected, sizeof expected, "3:sea %" PRId64 " 50 %d \n", (int64_t)ROWS_MAX * MATCHES,
             ROWS_MAX / 100);
    ck_assert_str_eq(given.bytes, expected);
    mdl_table_free(counts);
    mdl_table_free(genres);
    mdl_table_free(carrying);
    mdl_table_free(table);
    mdl_query_free(query);
    mdl_context_free(context);
    dump_free(&matches);
    dump_free(&given);
}
END_TEST

/*
 * What it is.
 */

/* A summary with the names of its columns. */
static void dump_summary(dump *to, mdl_context *context, const mdl_table *summary)
{
    ck_assert_ptr_nonnull(summary);
    for (int32_t c = 0; c < mdl_table_n_columns(summary); c++) {
        dump_add_text(to, c > 0 ? "|" : "");
        dump_add_text(to, mdl_table_column_name(summary, c));
    }
    dump_add_text(to, "\n");
    dump_add_literals(to, context, summary, NULL, 0);
}

START_TEST(groups_are_in_order_and_empty_ones_left_out)
{
    mdl_context *context = context_of(1, 65536);
    mdl_table *table = literal_table(context, fields, N_COLUMNS,
                                     "1|7|4.5|2020-01-03 00:00:00\n"
                                     "1|-2|0.5|2020-01-02 00:00:00\n"
                                     "2|7|4.5|2020-01-01 00:00:00\n"
                                     "3|7|3.0|2020-01-02 00:00:00\n");
    mdl_summary_options options = options_of("at");
    mdl_table *carrying = summarized(context, table, &options);
    dump text = {.bytes = NULL};
    dump_summary(&text, context, mdl_table_summary(carrying));
    ck_assert_str_eq(
        text.bytes,
        "movie|min(at)|max(at)|count(stars = 0.5)|count(stars = 3.0)|count(stars = 4.5)\n"
        "-2|2020-01-02 00:00:00|2020-01-02 00:00:00|1|0|0\n"
        "7|2020-01-01 00:00:00|2020-01-03 00:00:00|0|1|2\n");
    dump_free(&text);
    ck_assert_ptr_null(mdl_table_summary(table));
    ck_assert_ptr_eq(mdl_table_column(carrying, 2), mdl_table_column(table, 2));
    /* A table that has it already is given as it is. */
    mdl_table *again = summarized(context, carrying, &options);
    ck_assert_ptr_eq(again, carrying);
    mdl_table_free(again);
    mdl_table_free(carrying);
    mdl_table_free(table);
    mdl_context_free(context);
}
END_TEST

/* That a table of these rows has a summary, or none. */
static void assert_summarized(mdl_context *context, const char *rows, bool expected)
{
    const mdl_summary_options options = options_of("at");
    mdl_table *table = literal_table(context, fields, N_COLUMNS, rows);
    mdl_table *carrying = summarized(context, table, &options);
    ck_assert_msg((mdl_table_summary(carrying) != NULL) == expected, "%s", rows);
    mdl_table_free(carrying);
    mdl_table_free(table);
}

START_TEST(none_is_kept_where_it_could_not_be_used)
{
    mdl_context *context = context_of(1, 65536);
    assert_summarized(context, "1|1|1.0|1970-01-01 00:00:00\n", true);
    assert_summarized(context, "", false);
    assert_summarized(context, "~|1|1.0|1970-01-01 00:00:00\n", true);
    assert_summarized(context, "1|~|1.0|1970-01-01 00:00:00\n2|2|2.0|1970-01-01 00:00:00\n", false);
    assert_summarized(context, "1|1|~|1970-01-01 00:00:00\n2|2|2.0|1970-01-01 00:00:00\n", false);
    assert_summarized(context, "1|1|1.0|~\n2|2|2.0|1970-01-01 00:00:00\n", false);
    /* Keys, values and times too far apart, and just not. */
    assert_summarized(context, "1|0|1.0|1970-01-01 00:00:00\n1|65000|1.0|1970-01-01 00:00:00\n",
                      true);
    assert_summarized(context, "1|0|1.0|1970-01-01 00:00:00\n1|65600|1.0|1970-01-01 00:00:00\n",
                      false);
    assert_summarized(context,
                      "1|-2147483648|1.0|1970-01-01 00:00:00\n"
                      "1|2147483647|1.0|1970-01-01 00:00:00\n",
                      false);
    assert_summarized(context, "1|1|0.0|1970-01-01 00:00:00\n1|1|40.95|1970-01-01 00:00:00\n",
                      true);
    assert_summarized(context, "1|1|0.0|1970-01-01 00:00:00\n1|1|40.96|1970-01-01 00:00:00\n",
                      false);
    assert_summarized(context, "1|1|1.0|1970-01-01 00:00:00\n1|1|1.0|2106-02-07 06:28:14\n", true);
    assert_summarized(context, "1|1|1.0|1970-01-01 00:00:00\n1|1|1.0|2106-02-07 06:28:15\n", false);
    assert_summarized(context, "1|1|1.0|0001-01-01 00:00:00\n1|1|1.0|9999-12-31 23:59:59\n", false);
    dump rows = {.bytes = NULL};
    for (int i = 0; i < 15; i++) {
        char line[64];
        snprintf(line, sizeof line, "1|1|%d.0|1970-01-01 00:00:00\n", i);
        dump_add_text(&rows, line);
        assert_summarized(context, rows.bytes, i < 14);
    }
    dump_free(&rows);
    mdl_context_free(context);
}
END_TEST

START_TEST(tables_made_from_it_have_none)
{
    mdl_context *context = context_of(1, 65536);
    const mdl_summary_options options = options_of(NULL);
    mdl_table *table = literal_table(context, fields, N_COLUMNS,
                                     "1|7|4.5|2020-01-03 00:00:00\n2|8|4.5|2020-01-03 00:00:00\n");
    mdl_table *carrying = summarized(context, table, &options);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *scan = mdl_scan(query, carrying);
    mdl_rel *made[] = {
        mdl_union_all(scan, mdl_scan(query, carrying)),
        mdl_filter(mdl_scan(query, carrying), "user = 1"),
        mdl_project(mdl_scan(query, carrying), "user, movie, 1.0 as stars, at"),
        mdl_top_n(mdl_scan(query, carrying), NULL, 1),
    };
    mdl_table *result;
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        ck_assert_int_eq(mdl_query_collect(query, made[i], &result, NULL), MDL_OK);
        ck_assert_ptr_null(mdl_table_summary(result));
        mdl_table_free(result);
    }
    /* The table itself is another matter. */
    ck_assert_int_eq(mdl_query_collect(query, scan, &result, NULL), MDL_OK);
    ck_assert_ptr_eq(mdl_table_summary(result), mdl_table_summary(carrying));
    mdl_table_free(result);
    mdl_query_free(query);
    mdl_table_free(carrying);
    mdl_table_free(table);
    mdl_context_free(context);
}
END_TEST

/*
 * Through changes.
 */

/* A table before and after, and what lies between. */
typedef struct change {
    ratings before;
    ratings after;
    ratings added;
    ratings removed;
} change;

/* Draws rows, of which some go, some take other stars, and some come, maybe with new movies. */
static void draw_change(change *c, test_random *random)
{
    const uint64_t most = test_random_below(random, 2) == 0 ? 40 : ROWS_MAX / 2;
    const int64_t n = 1 + (int64_t)test_random_below(random, most);
    const uint64_t goes = 1 + test_random_below(random, 30);
    const bool keeps_movies = test_random_below(random, 2) == 0;
    c->before.n = c->after.n = c->added.n = c->removed.n = 0;
    for (int64_t i = 0; i < n; i++) {
        rating row = random_row(random, i);
        put_row(&c->before, row);
        switch (test_random_below(random, goes + 20)) {
        case 0:
            put_row(&c->removed, row);
            row.stars = row.stars % 500 + 50;
            put_row(&c->added, row);
            put_row(&c->after, row);
            break;
        case 1:
            if (i > 0) {
                put_row(&c->removed, row);
                break;
            }
            /* fall through */
        default:
            put_row(&c->after, row);
        }
    }
    const bool is_short = test_random_below(random, 2) == 0; /* some values have no row any more */
    const int64_t n_new = (int64_t)test_random_below(random, is_short ? 3 : ROWS_MAX / 8);
    for (int64_t i = 0; i < n_new; i++) {
        rating row = random_row(random, n + i);
        row.movie += keeps_movies ? 0 : (int32_t)test_random_below(random, 100) - 50;
        put_row(&c->added, row);
        put_row(&c->after, row);
    }
}

START_TEST(one_that_followed_its_table_is_the_one_made_afresh)
{
    static change c;
    test_random random = test_random_start("one_that_followed_its_table_is_the_one_made_afresh");
    for (int t = 0; t < 60; t++) {
        mdl_context *context = context_of(1 + t % 3, t % 2 == 0 ? 65536 : 512);
        draw_change(&c, &random);
        mdl_summary_options options = options_of(t % 5 == 0 ? NULL : "at");
        mdl_table *before = table_of(context, &c.before);
        mdl_table *after = table_of(context, &c.after);
        mdl_table *added = table_of(context, &c.added);
        mdl_table *removed = table_of(context, &c.removed);
        mdl_table *previous = summarized(context, before, &options);
        mdl_table *afresh = summarized(context, after, &options);
        options.previous = previous;
        options.added = added;
        options.removed = c.removed.n > 0 ? removed : NULL;
        mdl_table *followed = summarized(context, after, &options);
        dump expected = {.bytes = NULL};
        dump given = {.bytes = NULL};
        dump_summary(&expected, context, mdl_table_summary(afresh));
        dump_summary(&given, context, mdl_table_summary(followed));
        ASSERT_IN_LOOP(strcmp(expected.bytes, given.bytes) == 0, "table %d", t);
        ASSERT_IN_LOOP(mdl_table_size_bytes(mdl_table_summary(afresh)) ==
                           mdl_table_size_bytes(mdl_table_summary(followed)),
                       "table %d", t);
        dump_free(&expected);
        dump_free(&given);
        mdl_table *const tables[] = {before, after, added, removed, previous, afresh, followed};
        for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
            mdl_table_free(tables[i]);
        }
        mdl_context_free(context);
    }
}
END_TEST

/* What becomes of a table of two rows when it is told wrong things of what changed. */
/* A block of which a row was taken still lists the stars that only this one had: less than all that
 * there are, and far from them. */
START_TEST(stars_that_no_row_has_any_more_are_not_counted)
{
    static ratings rows;
    static ratings changed;
    mdl_context *context = context_of(2, 65536);
    rows.n = changed.n = 0;
    for (int32_t i = 0; i < ROWS_MAX; i++) {
        put_row(&rows, (rating){i / 100, i % 100, i == 0 ? -100000 : i % 9 * 50, 1500000000 + i});
    }
    put_row(&changed, (rating){0, 0, 50, 1500000000});
    mdl_summary_options options = options_of("at");
    mdl_table *before = table_of(context, &rows);
    mdl_table *added = table_of(context, &changed);
    mdl_table *sliced;
    mdl_query *query = mdl_query_create(context);
    mdl_rel *rel = mdl_upsert(mdl_scan(query, before), mdl_scan(query, added), "user, movie");
    ck_assert_int_eq(mdl_query_collect(query, rel, &sliced, NULL), MDL_OK);
    rows.rows[0] = changed.rows[0];
    mdl_table *plain = table_of(context, &rows);
    mdl_table *expected = summarized(context, plain, &options);
    mdl_table *afresh = summarized(context, sliced, &options);
    options.previous = expected;
    options.added = added;
    options.removed = added;
    mdl_table *followed = summarized(context, sliced, &options);
    mdl_table *const given[] = {expected, afresh, followed};
    dump texts[] = {{.bytes = NULL}, {.bytes = NULL}, {.bytes = NULL}};
    for (int i = 0; i < 3; i++) {
        ASSERT_IN_LOOP(mdl_table_summary(given[i]) != NULL, "table %d", i);
        dump_summary(&texts[i], context, mdl_table_summary(given[i]));
        ASSERT_IN_LOOP(strcmp(texts[i].bytes, texts[0].bytes) == 0, "table %d", i);
    }
    for (int i = 0; i < 3; i++) {
        dump_free(&texts[i]);
        mdl_table_free(given[i]);
    }
    mdl_table_free(before);
    mdl_table_free(added);
    mdl_table_free(sliced);
    mdl_table_free(plain);
    mdl_query_free(query);
    mdl_context_free(context);
}
END_TEST

static void assert_changes_refused(mdl_context *context, const char *added, const char *removed)
{
    mdl_summary_options options = options_of("at");
    mdl_table *before = literal_table(context, fields, N_COLUMNS,
                                      "1|1|1.0|1970-01-01 00:00:10\n2|2|2.0|1970-01-01 00:00:20\n");
    mdl_table *after = literal_table(context, fields, N_COLUMNS,
                                     "1|1|1.0|1970-01-01 00:00:10\n2|2|2.0|1970-01-01 00:00:20\n"
                                     "3|3|3.0|1970-01-01 00:00:30\n");
    mdl_table *previous = summarized(context, before, &options);
    mdl_table *rows_added = literal_table(context, fields, N_COLUMNS, added);
    mdl_table *rows_removed = literal_table(context, fields, N_COLUMNS, removed);
    mdl_table *out;
    mdl_error error = MDL_ERROR_INIT;
    options.previous = previous;
    options.added = rows_added;
    options.removed = rows_removed;
    ck_assert_int_eq(mdl_table_summarize(context, after, &options, &out, &error), MDL_E_ARGUMENT);
    ck_assert_ptr_null(out);
    ck_assert_str_ne(error.message, "");
    mdl_table *const tables[] = {before, after, previous, rows_added, rows_removed};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        mdl_table_free(tables[i]);
    }
}

START_TEST(changes_that_do_not_make_up_the_table_are_refused)
{
    mdl_context *context = context_of(1, 65536);
    assert_changes_refused(context, "", "");
    assert_changes_refused(context, "3|4|3.0|1970-01-01 00:00:30\n", "");
    assert_changes_refused(context, "3|3|3.5|1970-01-01 00:00:30\n", "");
    assert_changes_refused(context, "3|3|2.5|1970-01-01 00:00:30\n", "");
    assert_changes_refused(context, "3|3|9.0|1970-01-01 00:00:30\n", "");
    assert_changes_refused(context, "3|3|3.0|1970-01-01 00:00:31\n", "");
    assert_changes_refused(context, "3|3|~|1970-01-01 00:00:30\n", "");
    assert_changes_refused(context, "3|3|3.0|1970-01-01 00:00:30\n3|3|3.0|1970-01-01 00:00:30\n",
                           "1|1|2.0|1970-01-01 00:00:10\n");
    mdl_context_free(context);
}
END_TEST

START_TEST(columns_that_cannot_be_summarized_are_refused)
{
    static const struct {
        const char *key;
        const char *value;
        const char *extreme;
        mdl_status expected;
    } cases[] = {
        {"movie", "stars", "at", MDL_OK},         {"user", "movie", NULL, MDL_OK},
        {NULL, "stars", NULL, MDL_E_NOT_FOUND},   {"movie", NULL, NULL, MDL_E_NOT_FOUND},
        {"film", "stars", NULL, MDL_E_NOT_FOUND}, {"movie", "stars", "when", MDL_E_NOT_FOUND},
        {"stars", "stars", NULL, MDL_E_TYPE},     {"movie", "at", NULL, MDL_E_TYPE},
        {"movie", "stars", "user", MDL_E_TYPE},
    };
    mdl_context *context = context_of(1, 65536);
    mdl_table *table = literal_table(context, fields, N_COLUMNS, "1|1|1.0|1970-01-01 00:00:10\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mdl_summary_options options = options_of(cases[i].extreme);
        mdl_table *out;
        options.key = cases[i].key;
        options.value = cases[i].value;
        ck_assert_int_eq(mdl_table_summarize(context, table, &options, &out, NULL),
                         cases[i].expected);
        ck_assert((out != NULL) == (cases[i].expected == MDL_OK));
        mdl_table_free(out);
    }
    mdl_summary_options options = options_of(NULL);
    mdl_table *out;
    options.struct_size = 1;
    ck_assert_int_eq(mdl_table_summarize(context, table, &options, &out, NULL), MDL_E_ARGUMENT);
    mdl_table_free(table);
    mdl_context_free(context);
}
END_TEST

/*
 * Read back.
 */

/* Whether a table takes a summary that looks so. */
static bool is_restored(mdl_context *context, const mdl_table *table, const char *const *names,
                        int32_t n_names, const char *rows)
{
    mdl_field of_groups[5];
    mdl_table *out;
    for (int32_t c = 0; c < n_names; c++) {
        const bool is_bound = strncmp(names[c], "m", 1) == 0 && strchr(names[c], '(') != NULL;
        of_groups[c] = (mdl_field){names[c], is_bound ? MDL_TYPE_TIMESTAMP : MDL_TYPE_INT32};
    }
    mdl_table *groups = literal_table(context, of_groups, n_names, rows);
    ck_assert_int_eq(mdli_table_restore_summary(context, table, groups, &out, NULL), MDL_OK);
    const bool has = mdl_table_summary(out) != NULL;
    ck_assert(mdl_table_summary(out) == (has ? groups : NULL));
    ck_assert_int_eq(mdl_table_n_rows(out), mdl_table_n_rows(table));
    mdl_table_free(groups);
    mdl_table_free(out);
    return has;
}

START_TEST(only_what_fits_the_table_is_read_back)
{
    static const char *const names[] = {"movie", "min(at)", "max(at)", "count(stars = 1.0)",
                                        "count(stars = 4.5)"};
    static const char *const others[][5] = {
        {"film", "min(at)", "max(at)", "count(stars = 1.0)", "count(stars = 4.5)"},
        {"movie", "min(as)", "max(at)", "count(stars = 1.0)", "count(stars = 4.5)"},
        {"movie", "max(at)", "min(at)", "count(stars = 1.0)", "count(stars = 4.5)"},
        {"movie", "min(at)", "max(at)", "count(stars = 4.5)", "count(stars = 1.0)"},
        {"movie", "min(at)", "max(at)", "count(stars = one)", "count(stars = 4.5)"},
        {"movie", "min(at)", "max(at)", "count(stars = 1.5)", "count(stars = 4.5)"},
        {"movie", "min(at)", "max(at)", "count(user = 1)", "count(stars = 4.5)"},
        {"movie", "min(at)", "max(at)", "count(stars = 1.0)", "stars"},
    };
    static const char whole[] = "1|1970-01-01 00:00:10|1970-01-01 00:00:30|1|1\n"
                                "5|1970-01-01 00:00:20|1970-01-01 00:00:20|0|1\n";
    static const char *const wrong[] = {
        "",
        "1|1970-01-01 00:00:10|1970-01-01 00:00:30|1|1\n",
        "1|1970-01-01 00:00:10|1970-01-01 00:00:30|2|1\n"
        "5|1970-01-01 00:00:20|1970-01-01 00:00:20|0|1\n",
        "1|1970-01-01 00:00:10|1970-01-01 00:00:30|-1|3\n"
        "5|1970-01-01 00:00:20|1970-01-01 00:00:20|0|1\n",
        "1|1970-01-01 00:00:10|1970-01-01 00:00:30|1|2\n"
        "5|1970-01-01 00:00:20|1970-01-01 00:00:20|0|0\n",
        "5|1970-01-01 00:00:20|1970-01-01 00:00:20|0|1\n"
        "1|1970-01-01 00:00:10|1970-01-01 00:00:30|1|1\n",
        "1|1970-01-01 00:00:10|1970-01-01 00:00:30|1|1\n"
        "1|1970-01-01 00:00:20|1970-01-01 00:00:20|0|1\n",
        "1|1970-01-01 00:00:10|1970-01-01 00:00:30|1|0\n"
        "1|1970-01-01 00:00:10|1970-01-01 00:00:30|0|1\n"
        "5|1970-01-01 00:00:20|1970-01-01 00:00:20|0|1\n",
        "1|1970-01-01 00:00:10|1970-01-01 00:00:30|1|1\n"
        "6|1970-01-01 00:00:20|1970-01-01 00:00:20|0|1\n",
        "1|1970-01-01 00:00:10|1970-01-01 00:00:31|1|1\n"
        "5|1970-01-01 00:00:20|1970-01-01 00:00:20|0|1\n",
        "1|1970-01-01 00:00:09|1970-01-01 00:00:30|1|1\n"
        "5|1970-01-01 00:00:20|1970-01-01 00:00:20|0|1\n",
        "1|1970-01-01 00:00:10|1970-01-01 00:00:30|1|1\n"
        "5|1970-01-01 00:00:20|1970-01-01 00:00:19|0|1\n",
        "1|1970-01-01 00:00:10|1970-01-01 00:00:30|1|1\n"
        "5|1970-01-01 00:00:20|~|0|1\n",
    };
    mdl_context *context = context_of(1, 65536);
    mdl_table *table = literal_table(context, fields, N_COLUMNS,
                                     "1|1|1.0|1970-01-01 00:00:30\n1|1|4.5|1970-01-01 00:00:10\n"
                                     "1|5|4.5|1970-01-01 00:00:20\n");
    ck_assert(is_restored(context, table, names, 5, whole));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(!is_restored(context, table, names, 5, wrong[i]), "%s", wrong[i]);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        ck_assert_msg(!is_restored(context, table, others[i], 5, whole), "names %d", (int)i);
    }
    ck_assert(!is_restored(context, table, names, 1, "1\n5\n"));
    /* Without bounds; with a value that the table cannot have, between the others. */
    static const char *const counts[] = {"movie", "count(stars = 1.0)", "count(stars = 2.0)",
                                         "count(stars = 4.5)"};
    static const char *const unordered[] = {"movie", "count(stars = 1.0)", "count(stars = 9.0)",
                                            "count(stars = 4.5)"};
    ck_assert(is_restored(context, table, counts, 4, "1|1|0|1\n5|0|0|1\n"));
    ck_assert(!is_restored(context, table, unordered, 4, "1|1|0|1\n5|0|0|1\n"));
    mdl_table_free(table);
    mdl_context_free(context);
}
END_TEST

/*
 * Without memory.
 */

enum {
    FAULTS_AT_ONCE_MAX = 3000
};

/* What is done with memory that ends. */
typedef struct fault_world {
    mdl_context *context;
    mdl_table *before;
    mdl_table *after;
    mdl_table *added;
    mdl_table *removed;
    mdl_table *previous;
} fault_world;

static mdl_status summarize_afresh(const fault_world *world)
{
    const mdl_summary_options options = options_of("at");
    mdl_table *out;
    mdl_status status = mdl_table_summarize(world->context, world->after, &options, &out, NULL);
    mdl_table_free(out);
    return status;
}

static mdl_status summarize_changes(const fault_world *world)
{
    mdl_summary_options options = options_of("at");
    mdl_table *out;
    options.previous = world->previous;
    options.added = world->added;
    options.removed = world->removed;
    mdl_status status = mdl_table_summarize(world->context, world->after, &options, &out, NULL);
    mdl_table_free(out);
    return status;
}

static mdl_status restore(const fault_world *world)
{
    mdl_table *out;
    mdl_table *groups = mdl_table_clone(mdl_table_summary(world->previous));
    mdl_status status =
        mdli_table_restore_summary(world->context, world->before, groups, &out, NULL);
    mdl_table_free(groups);
    mdl_table_free(out);
    return status;
}

static mdl_status aggregate(const fault_world *world)
{
    mdl_table *out = NULL;
    mdl_query *query = mdl_query_create(world->context);
    mdl_rel *rel = with_users(query, world->previous, NULL);
    mdl_status status = mdl_query_collect(query, rel, &out, NULL);
    mdl_table_free(out);
    mdl_query_free(query);
    return status;
}

/* Runs something with 0, 1, 2, … allocations before one fails, until that is enough. */
static void fail_at_each(failing_allocator *allocator, const fault_world *world,
                         mdl_status (*run)(const fault_world *world))
{
    const int64_t n_held = atomic_load(&allocator->n_held);
    bool is_enough = false;
    for (int64_t n = 0; !is_enough; n++) {
        ASSERT_IN_LOOP(n < FAULTS_AT_ONCE_MAX, "it does not end");
        atomic_store(&allocator->n_left, n);
        mdl_status status = run(world);
        is_enough = atomic_load(&allocator->n_left) >= 0;
        ASSERT_IN_LOOP(status == (is_enough ? MDL_OK : MDL_E_NO_MEMORY), "allocation %d: %d",
                       (int)n, (int)status);
        ASSERT_IN_LOOP(atomic_load(&allocator->n_held) == n_held, "allocation %d", (int)n);
    }
    atomic_store(&allocator->n_left, INT64_MAX);
}

START_TEST(failed_allocations_leave_all_as_it_was)
{
    failing_allocator allocator = {INT64_MAX, 0, false};
    mdl_context_options context_options;
    mdl_context_options_init(&context_options);
    context_options.n_threads = 2;
    context_options.block_rows = 16;
    context_options.allocator = failing_allocator_hooks(&allocator);
    fault_world world;
    ck_assert_int_eq(mdl_context_create(&context_options, &world.context, NULL), MDL_OK);
    static const char same[] = "1|3|2.5|1970-01-01 00:00:10\n2|4|2.5|1970-01-01 00:00:15\n"
                               "3|3|4.0|1970-01-01 00:00:20\n3|5|4.0|1970-01-01 00:00:20\n";
    static const char old[] = "4|3|2.5|1970-01-01 00:00:12\n";
    static const char new[] = "4|3|3.5|1970-01-01 00:00:12\n";
    char rows[256];
    snprintf(rows, sizeof rows, "%s%s", same, old);
    world.before = literal_table(world.context, fields, N_COLUMNS, rows);
    snprintf(rows, sizeof rows, "%s%s", same, new);
    world.after = literal_table(world.context, fields, N_COLUMNS, rows);
    world.added = literal_table(world.context, fields, N_COLUMNS, new);
    world.removed = literal_table(world.context, fields, N_COLUMNS, old);
    const mdl_summary_options options = options_of("at");
    world.previous = summarized(world.context, world.before, &options);
    fail_at_each(&allocator, &world, summarize_afresh);
    fail_at_each(&allocator, &world, summarize_changes);
    fail_at_each(&allocator, &world, restore);
    fail_at_each(&allocator, &world, aggregate);
    mdl_table *const tables[] = {world.before, world.after, world.added, world.removed,
                                 world.previous};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        mdl_table_free(tables[i]);
    }
    mdl_context_free(world.context);
    ck_assert_int_eq(atomic_load(&allocator.n_held), 0);
}
END_TEST

static Suite *summary_suite(void)
{
    Suite *suite = suite_create("summary");
    TCase *tests = tcase_create("summary");
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, aggregates_give_what_the_rows_give);
    tcase_add_test(tests, counts_of_matches_pass_32_bits);
    tcase_add_test(tests, groups_are_in_order_and_empty_ones_left_out);
    tcase_add_test(tests, none_is_kept_where_it_could_not_be_used);
    tcase_add_test(tests, tables_made_from_it_have_none);
    tcase_add_test(tests, one_that_followed_its_table_is_the_one_made_afresh);
    tcase_add_test(tests, stars_that_no_row_has_any_more_are_not_counted);
    tcase_add_test(tests, changes_that_do_not_make_up_the_table_are_refused);
    tcase_add_test(tests, columns_that_cannot_be_summarized_are_refused);
    tcase_add_test(tests, only_what_fits_the_table_is_read_back);
    tcase_add_test(tests, failed_allocations_leave_all_as_it_was);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(summary_suite());
}
