/*
 * Operators on the public headers, over the tables of a generated data set: every strategy of an
 * aggregate, joins, explode, sort, distinct, top-n.
 *
 * Each benchmark is a plan. The strategy that it is named after must be in what mdl_query_explain
 * says, and its answer is held against a plain loop over the rows, or against the same question
 * asked in a way that takes another strategy.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operator_groups.h"

/* Spreads movie ids over a range that is too wide for an array. */
#define WIDE_FACTOR 100003

/* Rows of the top-n. */
#define N_TOP 100

/* The tables that plans are about. */
typedef struct operator_tables {
    mdl_table *ratings;    /* userId, movieId, rating, timestamp */
    mdl_table *summarized; /* the same with a summary by movie */
    mdl_table *tags;
    mdl_table *movies;
    mdl_table *genres;       /* movieId, genre: a row for each */
    mdl_table *wide_ratings; /* key = movieId * WIDE_FACTOR, rating, timestamp */
    mdl_table *weights;      /* id = 1 ... greatest movieId, weight */
    mdl_table *wide_weights; /* key = id * WIDE_FACTOR, weight */
    mdl_table *even;         /* id, even ones */
    int64_t movie_max;
    int64_t user_max;
} operator_tables;

/* Builds what is measured. */
typedef mdl_rel *make_plan(mdl_query *query, const operator_tables *tables);

typedef enum source_table {
    SOURCE_RATINGS = 1,
    SOURCE_TAGS,
    SOURCE_MOVIES
} source_table;

typedef struct operator_parameter {
    make_plan *plan;
    const char *strategy; /* in the explained plan */
    bool (*check)(bench_run *run, const operator_tables *tables, const mdl_table *result);
    source_table source; /* whose rows count */
} operator_parameter;

typedef struct operator_state {
    mdl_query *query;
    mdl_table *result;
} operator_state;

/*
 * Reading tables in plain loops.
 */

/* The integers of a column; to be freed. NULL after a failure. */
static int64_t *read_integers(bench_run *run, const mdl_table *table, const char *name)
{
    int64_t *out = bench_allocate(mdl_table_n_rows(table) * (int64_t)sizeof *out);
    mdl_cursor *cursor = NULL;
    mdl_error error = MDL_ERROR_INIT;
    mdl_batch batch;
    mdl_status status = mdl_cursor_create(run->world->context, table, &name, 1, &cursor, &error);
    while (status == MDL_OK) {
        status = mdl_cursor_next(cursor, &batch, &error);
        if (status != MDL_OK || batch.n_rows == 0) {
            break;
        }
        const mdl_vector *v = &batch.columns[0];
        bool is_32 = v->type == MDL_TYPE_INT32 || v->type == MDL_TYPE_DECIMAL;
        for (int64_t i = 0; i < batch.n_rows; i++) {
            out[batch.first_row + i] = is_32 ? mdl_vector_int32(v, i) : mdl_vector_int64(v, i);
        }
    }
    mdl_cursor_free(cursor);
    if (!bench_ok(run, status, &error)) {
        free(out);
        return NULL;
    }
    return out;
}

/* Columns of integers that a check looks at. */
typedef struct integer_columns {
    int64_t *values[4];
    int64_t n_rows;
} integer_columns;

static void free_columns(integer_columns *columns)
{
    for (int i = 0; i < BENCH_COUNT_OF(columns->values); i++) {
        free(columns->values[i]);
    }
}

/* Reads columns; `names` ends with NULL. What was read is to be freed also after a failure. */
static bool read_columns(bench_run *run, const mdl_table *table, const char *const *names,
                         integer_columns *out)
{
    *out = (integer_columns){.n_rows = mdl_table_n_rows(table)};
    for (int i = 0; names[i] != NULL; i++) {
        out->values[i] = read_integers(run, table, names[i]);
        if (out->values[i] == NULL) {
            return false;
        }
    }
    return true;
}

static bool equals(bench_run *run, const char *what, int64_t found, int64_t expected)
{
    return found == expected ||
           bench_fail(run, "%s: %" PRId64 " instead of %" PRId64, what, found, expected);
}

/*
 * Collecting.
 */

static bool collect(bench_run *run, mdl_query *query, mdl_rel *plan, mdl_table **out)
{
    mdl_error error = MDL_ERROR_INIT;
    return bench_ok(run, mdl_query_collect(query, plan, out, &error), &error);
}

static bool collect_plan(bench_run *run, const operator_tables *tables, make_plan *plan,
                         mdl_table **out)
{
    mdl_query *query = mdl_query_create(run->world->context);
    bool is_good = collect(run, query, plan(query, tables), out);
    mdl_query_free(query);
    return is_good;
}

static bool setup(bench_run *run)
{
    const operator_parameter *parameter = run->parameter;
    const operator_tables *tables = run->world->shared;
    run->state = bench_allocate(sizeof(operator_state));
    const mdl_table *source = parameter->source == SOURCE_RATINGS ? tables->ratings
                              : parameter->source == SOURCE_TAGS  ? tables->tags
                                                                  : tables->movies;
    run->n_rows = mdl_table_n_rows(source);
    return true;
}

static bool collect_again(bench_run *run)
{
    const operator_parameter *parameter = run->parameter;
    operator_state *state = run->state;
    mdl_table_free(state->result);
    state->result = NULL;
    mdl_query_free(state->query);
    state->query = mdl_query_create(run->world->context);
    return collect(run, state->query, parameter->plan(state->query, run->world->shared),
                   &state->result);
}

/* Notes the first line of the explained plan that names the strategy. */
static bool find_strategy(bench_run *run, const char *explained, const char *strategy)
{
    const char *found = strstr(explained, strategy);
    if (found == NULL) {
        return bench_fail(run, "the plan has no \"%s\": %s", strategy, explained);
    }
    const char *line = found;
    while (line > explained && line[-1] != '\n') {
        line--;
    }
    line += strspn(line, " ");
    snprintf(run->note, sizeof run->note, "%.*s", (int)strcspn(line, ":\n"), line);
    return true;
}

static bool check(bench_run *run)
{
    const operator_parameter *parameter = run->parameter;
    const operator_state *state = run->state;
    return find_strategy(run, mdl_query_explain(state->query), parameter->strategy) &&
           parameter->check(run, run->world->shared, state->result);
}

static void teardown(bench_run *run)
{
    operator_state *state = run->state;
    mdl_table_free(state->result);
    mdl_query_free(state->query);
    free(state);
}

/*
 * Aggregates.
 */

#define ALL_OF_RATING                                                                              \
    "count(*) as n, sum(rating) as total, avg(rating) as mean, stddev(rating) as deviation, "      \
    "min(rating) as low, max(rating) as high"

static mdl_rel *plan_one_group(mdl_query *query, const operator_tables *tables)
{
    return mdl_aggregate(mdl_scan(query, tables->ratings), NULL, ALL_OF_RATING);
}

static mdl_rel *plan_sorted(mdl_query *query, const operator_tables *tables)
{
    mdl_rel *ratings = mdl_project(mdl_scan(query, tables->ratings), "userId as key, rating");
    return mdl_aggregate(ratings, "key", ALL_OF_RATING);
}

static mdl_rel *plan_dense_histograms(mdl_query *query, const operator_tables *tables)
{
    mdl_rel *ratings = mdl_project(mdl_scan(query, tables->ratings), "movieId as key, rating");
    return mdl_aggregate(ratings, "key", ALL_OF_RATING);
}

static mdl_rel *plan_summary(mdl_query *query, const operator_tables *tables)
{
    mdl_rel *ratings = mdl_project(mdl_scan(query, tables->summarized), "movieId as key, rating");
    return mdl_aggregate(ratings, "key", ALL_OF_RATING);
}

static mdl_rel *plan_dense(mdl_query *query, const operator_tables *tables)
{
    mdl_rel *ratings = mdl_project(mdl_scan(query, tables->ratings), "movieId as key, timestamp");
    return mdl_aggregate(ratings, "key",
                         "count(*) as n, sum(timestamp) as total, min(timestamp) as first_at, "
                         "max(timestamp) as last_at");
}

static mdl_rel *plan_hash(mdl_query *query, const operator_tables *tables)
{
    return mdl_aggregate(mdl_scan(query, tables->wide_ratings), "key", ALL_OF_RATING);
}

static mdl_rel *plan_distinct_count(mdl_query *query, const operator_tables *tables)
{
    return mdl_aggregate(mdl_scan(query, tables->ratings), "userId",
                         "count(distinct movieId) as n");
}

/* Sums up per group in arrays, and compares n and total of each. */
static bool check_sums(bench_run *run, const mdl_table *source, const char *key,
                       const char *argument, int64_t key_factor, int64_t key_max,
                       const mdl_table *result)
{
    const char *const source_names[] = {argument, key, NULL};
    const char *const result_names[] = {"n", "total", key != NULL ? "key" : NULL, NULL};
    int64_t n_bytes = (key_max + 1) * (int64_t)sizeof(int64_t);
    int64_t *n = bench_allocate(n_bytes);
    int64_t *total = bench_allocate(n_bytes);
    integer_columns in = {0};
    integer_columns out = {0};
    int64_t n_groups = 0;
    bool is_good = read_columns(run, source, source_names, &in) &&
                   read_columns(run, result, result_names, &out);
    for (int64_t i = 0; is_good && i < in.n_rows; i++) {
        int64_t group = key != NULL ? in.values[1][i] : 0;
        n_groups += n[group] == 0;
        n[group]++;
        total[group] += in.values[0][i];
    }
    is_good = is_good && equals(run, "groups", out.n_rows, n_groups);
    for (int64_t i = 0; is_good && i < out.n_rows; i++) {
        int64_t group = key != NULL ? out.values[2][i] / key_factor : 0;
        is_good = equals(run, "count", out.values[0][i], n[group]) &&
                  equals(run, "sum", out.values[1][i], total[group]);
    }
    free_columns(&in);
    free_columns(&out);
    free(n);
    free(total);
    return is_good;
}

static bool check_one_group(bench_run *run, const operator_tables *tables, const mdl_table *result)
{
    return check_sums(run, tables->ratings, NULL, "rating", 1, 0, result);
}

static bool check_by_user(bench_run *run, const operator_tables *tables, const mdl_table *result)
{
    return check_sums(run, tables->ratings, "userId", "rating", 1, tables->user_max, result);
}

static bool check_by_movie(bench_run *run, const operator_tables *tables, const mdl_table *result)
{
    return check_sums(run, tables->ratings, "movieId", "rating", 1, tables->movie_max, result);
}

static bool check_times_by_movie(bench_run *run, const operator_tables *tables,
                                 const mdl_table *result)
{
    return check_sums(run, tables->ratings, "movieId", "timestamp", 1, tables->movie_max, result);
}

static bool check_by_wide_movie(bench_run *run, const operator_tables *tables,
                                const mdl_table *result)
{
    return check_sums(run, tables->ratings, "movieId", "rating", WIDE_FACTOR, tables->movie_max,
                      result);
}

/* Each movie notes the last user who was seen on it: users come one after another. */
static bool check_distinct_count(bench_run *run, const operator_tables *tables,
                                 const mdl_table *result)
{
    const char *const source_names[] = {"userId", "movieId", NULL};
    const char *const result_names[] = {"n", NULL};
    integer_columns in = {0};
    integer_columns out = {0};
    int64_t *seen = bench_allocate((tables->movie_max + 1) * (int64_t)sizeof *seen);
    bool is_good = read_columns(run, tables->ratings, source_names, &in) &&
                   read_columns(run, result, result_names, &out);
    int64_t row = 0;
    int64_t n = 0;
    for (int64_t i = 0; is_good && i < in.n_rows; i++) {
        int64_t user = in.values[0][i];
        n += seen[in.values[1][i]] != user;
        seen[in.values[1][i]] = user;
        if (i + 1 == in.n_rows || in.values[0][i + 1] != user) {
            is_good = equals(run, "distinct movies", out.values[0][row++], n);
            n = 0;
        }
    }
    is_good = is_good && equals(run, "users", out.n_rows, row);
    free_columns(&in);
    free_columns(&out);
    free(seen);
    return is_good;
}

/*
 * Aggregates over a join that makes several rows of one.
 */

#define SUMS "count(*) as n, sum(rating) as total"

static mdl_rel *plan_ratings_of_genres(mdl_query *query, const operator_tables *tables)
{
    mdl_rel *ratings = mdl_project(mdl_scan(query, tables->ratings), "userId, movieId, rating");
    return mdl_join(ratings, mdl_scan(query, tables->genres), MDL_JOIN_INNER, "movieId");
}

static mdl_rel *plan_before_join(mdl_query *query, const operator_tables *tables)
{
    return mdl_aggregate(plan_ratings_of_genres(query, tables), "genre", SUMS);
}

static mdl_rel *plan_lanes(mdl_query *query, const operator_tables *tables)
{
    return mdl_aggregate(plan_ratings_of_genres(query, tables), "userId, genre", SUMS);
}

/* The join made first and kept, then the aggregate over its rows. */
static bool check_by_rows(bench_run *run, const operator_tables *tables, const char *keys,
                          const mdl_table *result)
{
    const char *const names[] = {"n", "total", NULL};
    mdl_table *rows = NULL;
    mdl_table *expected = NULL;
    mdl_query *query = mdl_query_create(run->world->context);
    integer_columns found = {0};
    integer_columns correct = {0};
    bool is_good =
        collect_plan(run, tables, plan_ratings_of_genres, &rows) &&
        collect(run, query, mdl_aggregate(mdl_scan(query, rows), keys, SUMS), &expected) &&
        read_columns(run, result, names, &found) && read_columns(run, expected, names, &correct) &&
        equals(run, "groups", found.n_rows, correct.n_rows);
    for (int64_t i = 0; is_good && i < found.n_rows; i++) {
        is_good = equals(run, "count", found.values[0][i], correct.values[0][i]) &&
                  equals(run, "sum", found.values[1][i], correct.values[1][i]);
    }
    free_columns(&found);
    free_columns(&correct);
    mdl_table_free(rows);
    mdl_table_free(expected);
    mdl_query_free(query);
    return is_good;
}

static bool check_before_join(bench_run *run, const operator_tables *tables,
                              const mdl_table *result)
{
    return check_by_rows(run, tables, "genre", result);
}

static bool check_lanes(bench_run *run, const operator_tables *tables, const mdl_table *result)
{
    return check_by_rows(run, tables, "userId, genre", result);
}

/*
 * Joins. The rows that they give are counted and summed up at once, so that no time goes into
 * keeping them.
 */

static int64_t weight_of(int64_t id)
{
    return id * 7 % 1000;
}

static mdl_rel *plan_dense_join(mdl_query *query, const operator_tables *tables)
{
    mdl_rel *ratings = mdl_project(mdl_scan(query, tables->ratings), "movieId as id, rating");
    mdl_rel *rows = mdl_join(ratings, mdl_scan(query, tables->weights), MDL_JOIN_INNER, "id");
    return mdl_aggregate(rows, NULL, "count(*) as n, sum(weight) as total");
}

static mdl_rel *plan_hash_join(mdl_query *query, const operator_tables *tables)
{
    mdl_rel *rows = mdl_join(mdl_scan(query, tables->wide_ratings),
                             mdl_scan(query, tables->wide_weights), MDL_JOIN_INNER, "key");
    return mdl_aggregate(rows, NULL, "count(*) as n, sum(weight) as total");
}

static mdl_rel *join_even(mdl_query *query, const operator_tables *tables, mdl_join_kind kind)
{
    mdl_rel *ratings = mdl_project(mdl_scan(query, tables->ratings), "movieId as id, rating");
    mdl_rel *rows = mdl_join(ratings, mdl_scan(query, tables->even), kind, "id");
    return mdl_aggregate(rows, NULL, "count(*) as n, sum(rating) as total");
}

static mdl_rel *plan_semi_join(mdl_query *query, const operator_tables *tables)
{
    return join_even(query, tables, MDL_JOIN_SEMI);
}

static mdl_rel *plan_anti_join(mdl_query *query, const operator_tables *tables)
{
    return join_even(query, tables, MDL_JOIN_ANTI);
}

/* What a join's rows are expected to be: every rating, or those of movies with that remainder. */
typedef enum joined_rows {
    JOINED_EVEN = 0,
    JOINED_ODD = 1,
    JOINED_ALL
} joined_rows;

static bool check_joined(bench_run *run, const operator_tables *tables, joined_rows joined,
                         const mdl_table *result)
{
    const char *const source_names[] = {"movieId", "rating", NULL};
    const char *const result_names[] = {"n", "total", NULL};
    integer_columns in = {0};
    integer_columns out = {0};
    int64_t n = 0;
    int64_t total = 0;
    bool is_good = read_columns(run, tables->ratings, source_names, &in) &&
                   read_columns(run, result, result_names, &out);
    for (int64_t i = 0; is_good && i < in.n_rows; i++) {
        int64_t movie = in.values[0][i];
        if (joined == JOINED_ALL || movie % 2 == (int64_t)joined) {
            n++;
            total += joined == JOINED_ALL ? weight_of(movie) : in.values[1][i];
        }
    }
    is_good = is_good && equals(run, "count", out.values[0][0], n) &&
              equals(run, "sum", out.values[1][0], total);
    free_columns(&in);
    free_columns(&out);
    return is_good;
}

static bool check_inner_join(bench_run *run, const operator_tables *tables, const mdl_table *result)
{
    return check_joined(run, tables, JOINED_ALL, result);
}

static bool check_semi_join(bench_run *run, const operator_tables *tables, const mdl_table *result)
{
    return check_joined(run, tables, JOINED_EVEN, result);
}

static bool check_anti_join(bench_run *run, const operator_tables *tables, const mdl_table *result)
{
    return check_joined(run, tables, JOINED_ODD, result);
}

/*
 * Filter, explode, sort, distinct, top-n, arg-first.
 */

static mdl_rel *plan_filter(mdl_query *query, const operator_tables *tables)
{
    mdl_rel *good = mdl_filter(mdl_scan(query, tables->ratings), "rating >= 4.0");
    return mdl_aggregate(good, NULL, "count(*) as n, sum(rating) as total");
}

static bool check_filter(bench_run *run, const operator_tables *tables, const mdl_table *result)
{
    const char *const source_names[] = {"rating", NULL};
    const char *const result_names[] = {"n", "total", NULL};
    integer_columns in = {0};
    integer_columns out = {0};
    int64_t n = 0;
    int64_t total = 0;
    bool is_good = read_columns(run, tables->ratings, source_names, &in) &&
                   read_columns(run, result, result_names, &out);
    for (int64_t i = 0; is_good && i < in.n_rows; i++) {
        bool is_kept = in.values[0][i] >= 400;
        n += is_kept;
        total += is_kept ? in.values[0][i] : 0;
    }
    is_good = is_good && equals(run, "count", out.values[0][0], n) &&
              equals(run, "sum", out.values[1][0], total);
    free_columns(&in);
    free_columns(&out);
    return is_good;
}

static mdl_rel *plan_explode(mdl_query *query, const operator_tables *tables)
{
    mdl_explode_options options;
    mdl_explode_options_init(&options);
    options.column = "genres";
    options.piece_name = "genre";
    mdl_rel *movies = mdl_project(mdl_scan(query, tables->movies), "movieId, genres");
    return mdl_explode(movies, &options);
}

/* Pieces of generated movies are all different and not empty: there is one more than bars. */
static bool check_explode(bench_run *run, const operator_tables *tables, const mdl_table *result)
{
    const char *name = "genres";
    mdl_cursor *cursor = NULL;
    mdl_error error = MDL_ERROR_INIT;
    mdl_batch batch = {0};
    int64_t n_pieces = 0;
    mdl_status status =
        mdl_cursor_create(run->world->context, tables->movies, &name, 1, &cursor, &error);
    while (status == MDL_OK) {
        status = mdl_cursor_next(cursor, &batch, &error);
        if (status != MDL_OK || batch.n_rows == 0) {
            break;
        }
        for (int64_t i = 0; i < batch.n_rows; i++) {
            mdl_string genres = mdl_vector_string(&batch.columns[0], i);
            n_pieces++;
            for (int64_t k = 0; k < genres.size_bytes; k++) {
                n_pieces += genres.data[k] == '|';
            }
        }
    }
    mdl_cursor_free(cursor);
    return bench_ok(run, status, &error) &&
           equals(run, "pieces", mdl_table_n_rows(result), n_pieces);
}

static mdl_rel *plan_sort(mdl_query *query, const operator_tables *tables)
{
    return mdl_sort(mdl_scan(query, tables->ratings), "timestamp, -rating");
}

/* Rows in order, as many as there were, and nothing lost from either column. */
static bool check_sort(bench_run *run, const operator_tables *tables, const mdl_table *result)
{
    const char *const names[] = {"timestamp", "rating", "movieId", NULL};
    integer_columns in = {0};
    integer_columns out = {0};
    uint64_t difference = 0;
    bool is_good = read_columns(run, tables->ratings, names, &in) &&
                   read_columns(run, result, names, &out) &&
                   equals(run, "rows", out.n_rows, in.n_rows);
    for (int64_t i = 0; is_good && i < out.n_rows; i++) {
        const int64_t *t = out.values[0];
        if (i > 0 &&
            (t[i - 1] > t[i] || (t[i - 1] == t[i] && out.values[1][i - 1] < out.values[1][i]))) {
            is_good = bench_fail(run, "row %" PRId64 " is not in order", i);
        }
        /* A sum over rows that ties their columns together. */
        difference += (uint64_t)in.values[0][i] * (uint64_t)(in.values[1][i] + in.values[2][i]);
        difference -= (uint64_t)t[i] * (uint64_t)(out.values[1][i] + out.values[2][i]);
    }
    free_columns(&in);
    free_columns(&out);
    return is_good && equals(run, "difference of rows", (int64_t)difference, 0);
}

static mdl_rel *plan_sort_text(mdl_query *query, const operator_tables *tables)
{
    return mdl_sort(mdl_project(mdl_scan(query, tables->tags), "tag, movieId"), "tag, movieId");
}

/* The rows must be in the order of memcmp. */
static bool check_sort_text(bench_run *run, const operator_tables *tables, const mdl_table *result)
{
    enum {
        TEXT_MAX = 1 << 16
    };
    const char *name = "tag";
    char *before = bench_allocate(TEXT_MAX);
    int64_t before_bytes = 0;
    mdl_cursor *cursor = NULL;
    mdl_error error = MDL_ERROR_INIT;
    mdl_batch batch = {0};
    mdl_status status = mdl_cursor_create(run->world->context, result, &name, 1, &cursor, &error);
    bool is_good = equals(run, "rows", mdl_table_n_rows(result), mdl_table_n_rows(tables->tags));
    while (is_good && status == MDL_OK) {
        status = mdl_cursor_next(cursor, &batch, &error);
        if (status != MDL_OK || batch.n_rows == 0) {
            break;
        }
        for (int64_t i = 0; is_good && i < batch.n_rows; i++) {
            if (mdl_vector_is_null(&batch.columns[0], i)) {
                continue; /* they come last */
            }
            mdl_string tag = mdl_vector_string(&batch.columns[0], i);
            int64_t size = tag.size_bytes < TEXT_MAX ? tag.size_bytes : TEXT_MAX;
            int64_t common = size < before_bytes ? size : before_bytes;
            int order = memcmp(before, tag.data, (size_t)common);
            if (order > 0 || (order == 0 && before_bytes > size)) {
                is_good = bench_fail(run, "row %" PRId64 " is not in order", batch.first_row + i);
            }
            memcpy(before, tag.data, (size_t)size);
            before_bytes = size;
        }
    }
    mdl_cursor_free(cursor);
    free(before);
    return is_good && bench_ok(run, status, &error);
}

static mdl_rel *plan_distinct(mdl_query *query, const operator_tables *tables)
{
    mdl_rel *movies = mdl_project(mdl_scan(query, tables->ratings), "movieId");
    return mdl_distinct(movies, NULL, MDL_KEEP_FIRST);
}

static bool check_distinct(bench_run *run, const operator_tables *tables, const mdl_table *result)
{
    const char *const names[] = {"movieId", NULL};
    integer_columns in = {0};
    integer_columns out = {0};
    char *seen = bench_allocate(tables->movie_max + 1);
    bool is_good =
        read_columns(run, tables->ratings, names, &in) && read_columns(run, result, names, &out);
    int64_t n = 0;
    for (int64_t i = 0; is_good && i < in.n_rows; i++) {
        int64_t movie = in.values[0][i];
        if (!seen[movie]) {
            seen[movie] = 1;
            is_good = n < out.n_rows && equals(run, "movie", out.values[0][n], movie);
            n++;
        }
    }
    free_columns(&in);
    free_columns(&out);
    free(seen);
    return is_good && equals(run, "movies", mdl_table_n_rows(result), n);
}

static mdl_rel *plan_top_n(mdl_query *query, const operator_tables *tables)
{
    return mdl_top_n(mdl_scan(query, tables->ratings), "-timestamp, userId", N_TOP);
}

/* Falling times, and fewer than n rows later than the last of them. */
static bool check_top_n(bench_run *run, const operator_tables *tables, const mdl_table *result)
{
    const char *const names[] = {"timestamp", NULL};
    integer_columns in = {0};
    integer_columns out = {0};
    bool is_good = read_columns(run, tables->ratings, names, &in) &&
                   read_columns(run, result, names, &out) && equals(run, "rows", out.n_rows, N_TOP);
    for (int64_t i = 1; is_good && i < N_TOP; i++) {
        is_good = out.values[0][i - 1] >= out.values[0][i] ||
                  bench_fail(run, "row %" PRId64 " is not in order", i);
    }
    int64_t n_later = 0;
    for (int64_t i = 0; is_good && i < in.n_rows; i++) {
        n_later += in.values[0][i] > out.values[0][N_TOP - 1];
    }
    is_good = is_good && (n_later < N_TOP || bench_fail(run, "a later row is missing"));
    free_columns(&in);
    free_columns(&out);
    return is_good;
}

static mdl_rel *plan_arg_first(mdl_query *query, const operator_tables *tables)
{
    return mdl_arg_first(mdl_scan(query, tables->ratings), "movieId", "-timestamp");
}

static bool check_arg_first(bench_run *run, const operator_tables *tables, const mdl_table *result)
{
    const char *const names[] = {"movieId", "timestamp", NULL};
    integer_columns in = {0};
    integer_columns out = {0};
    int64_t *latest = bench_allocate((tables->movie_max + 1) * (int64_t)sizeof *latest);
    bool is_good =
        read_columns(run, tables->ratings, names, &in) && read_columns(run, result, names, &out);
    int64_t n = 0;
    for (int64_t i = 0; is_good && i < in.n_rows; i++) {
        int64_t *movie = &latest[in.values[0][i]];
        n += *movie == 0;
        *movie = in.values[1][i] > *movie ? in.values[1][i] : *movie;
    }
    is_good = is_good && equals(run, "movies", out.n_rows, n);
    for (int64_t i = 0; is_good && i < out.n_rows; i++) {
        is_good = equals(run, "latest time", out.values[1][i], latest[out.values[0][i]]);
    }
    free_columns(&in);
    free_columns(&out);
    free(latest);
    return is_good;
}

/*
 * Summaries.
 */

static bool summarize(bench_run *run, const mdl_table *ratings, mdl_table **out)
{
    mdl_summary_options options;
    mdl_error error = MDL_ERROR_INIT;
    mdl_summary_options_init(&options);
    options.key = "movieId";
    options.value = "rating";
    options.extreme = "timestamp";
    return bench_ok(run, mdl_table_summarize(run->world->context, ratings, &options, out, &error),
                    &error);
}

static bool summarize_again(bench_run *run)
{
    const operator_tables *tables = run->world->shared;
    operator_state *state = run->state;
    mdl_table_free(state->result);
    return summarize(run, tables->ratings, &state->result);
}

/* Whether what is answered from the summary is right. */
static bool check_summary(bench_run *run)
{
    operator_tables tables = *(const operator_tables *)run->world->shared;
    operator_state *state = run->state;
    mdl_table *by_movie = NULL;
    tables.summarized = state->result;
    state->query = mdl_query_create(run->world->context);
    bool is_good =
        collect(run, state->query, plan_summary(state->query, &tables), &by_movie) &&
        find_strategy(run, mdl_query_explain(state->query), "histograms from the summary") &&
        check_by_movie(run, &tables, by_movie);
    mdl_table_free(by_movie);
    return is_good;
}

/*
 * Tables.
 */

/* A table of ids and weights; `step` 2 = even ids. */
static bool make_weights(bench_run *run, int64_t id_max, int64_t step, mdl_table **out)
{
    const mdl_field fields[] = {{"id", MDL_TYPE_INT64}, {"weight", MDL_TYPE_INT64}};
    int64_t n = id_max / step;
    int64_t *ids = bench_allocate(n * (int64_t)sizeof *ids);
    int64_t *weights = bench_allocate(n * (int64_t)sizeof *weights);
    for (int64_t i = 0; i < n; i++) {
        ids[i] = (i + 1) * step;
        weights[i] = weight_of(ids[i]);
    }
    const mdl_vector columns[] = {
        {.type = MDL_TYPE_INT64, .n_rows = n, .values = ids},
        {.type = MDL_TYPE_INT64, .n_rows = n, .values = weights},
    };
    mdl_table_builder *builder = NULL;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_table_builder_create(run->world->context, fields, 2, &builder, &error);
    if (status == MDL_OK) {
        status = mdl_table_builder_append(builder, columns, n, &error);
    }
    if (status == MDL_OK) {
        status = mdl_table_builder_finish(builder, out, &error);
    }
    mdl_table_builder_free(builder);
    free(ids);
    free(weights);
    return bench_ok(run, status, &error);
}

static mdl_rel *plan_wide_ratings(mdl_query *query, const operator_tables *tables)
{
    return mdl_project(mdl_scan(query, tables->ratings), "movieId * 100003 as key, rating");
}

static mdl_rel *plan_wide_weights(mdl_query *query, const operator_tables *tables)
{
    return mdl_project(mdl_scan(query, tables->weights), "id * 100003 as key, weight");
}

static bool read_table(bench_run *run, const char *name, mdl_table **out)
{
    mdl_csv_result result;
    if (!bench_read_csv(run, name, &result)) {
        return false;
    }
    *out = mdl_table_clone(result.table);
    mdl_csv_result_free(&result);
    return true;
}

static int64_t greatest(const mdl_table *table, const char *name)
{
    int32_t index = mdl_table_find_column(table, name);
    return mdl_column_get_stats(mdl_table_column(table, index)).max.as.integer;
}

static bool open_tables(bench_run *run)
{
    operator_tables *tables = bench_allocate(sizeof *tables);
    run->world->shared = tables;
    if (!read_table(run, "ratings", &tables->ratings) || !read_table(run, "tags", &tables->tags) ||
        !read_table(run, "movies", &tables->movies)) {
        return false;
    }
    tables->movie_max = greatest(tables->ratings, "movieId");
    tables->user_max = greatest(tables->ratings, "userId");
    return summarize(run, tables->ratings, &tables->summarized) &&
           make_weights(run, tables->movie_max, 1, &tables->weights) &&
           make_weights(run, tables->movie_max, 2, &tables->even) &&
           collect_plan(run, tables, plan_explode, &tables->genres) &&
           collect_plan(run, tables, plan_wide_ratings, &tables->wide_ratings) &&
           collect_plan(run, tables, plan_wide_weights, &tables->wide_weights);
}

static void close_tables(void *shared)
{
    operator_tables *tables = shared;
    if (tables == NULL) {
        return;
    }
    mdl_table_free(tables->ratings);
    mdl_table_free(tables->summarized);
    mdl_table_free(tables->tags);
    mdl_table_free(tables->movies);
    mdl_table_free(tables->genres);
    mdl_table_free(tables->wide_ratings);
    mdl_table_free(tables->weights);
    mdl_table_free(tables->wide_weights);
    mdl_table_free(tables->even);
    free(tables);
}

#define OPERATOR_CASE(label, plan, strategy, checker, source)                                      \
    {                                                                                              \
        label, &(const operator_parameter){plan, strategy, checker, source}, setup, collect_again, \
            check, teardown                                                                        \
    }

static const bench_case cases[] = {
    OPERATOR_CASE("aggregate: one group", plan_one_group, "aggregate, one group", check_one_group,
                  SOURCE_RATINGS),
    OPERATOR_CASE("aggregate: sorted runs (user)", plan_sorted, "aggregate, sorted runs",
                  check_by_user, SOURCE_RATINGS),
    OPERATOR_CASE("aggregate: sorted runs, count distinct", plan_distinct_count,
                  "distinct by epochs", check_distinct_count, SOURCE_RATINGS),
    OPERATOR_CASE("aggregate: dense array, histograms (movie)", plan_dense_histograms,
                  "dense array, histograms", check_by_movie, SOURCE_RATINGS),
    OPERATOR_CASE("aggregate: histograms from a summary (movie)", plan_summary,
                  "histograms from the summary", check_by_movie, SOURCE_RATINGS),
    {"summarize (movie, rating, time)", &(const operator_parameter){.source = SOURCE_RATINGS},
     setup, summarize_again, check_summary, teardown},
    OPERATOR_CASE("aggregate: dense array (movie)", plan_dense, "aggregate, dense array",
                  check_times_by_movie, SOURCE_RATINGS),
    OPERATOR_CASE("aggregate: hash table (wide key)", plan_hash, "aggregate, hash table",
                  check_by_wide_movie, SOURCE_RATINGS),
    OPERATOR_CASE("aggregate: before the join (genre)", plan_before_join, "before the join",
                  check_before_join, SOURCE_RATINGS),
    OPERATOR_CASE("aggregate: lanes before the join (user, genre)", plan_lanes,
                  "lanes before the join", check_lanes, SOURCE_RATINGS),
    OPERATOR_CASE("join: inner, dense", plan_dense_join, "inner join, dense", check_inner_join,
                  SOURCE_RATINGS),
    OPERATOR_CASE("join: inner, hash", plan_hash_join, "inner join, hash", check_inner_join,
                  SOURCE_RATINGS),
    OPERATOR_CASE("join: semi, dense", plan_semi_join, "semi join, dense", check_semi_join,
                  SOURCE_RATINGS),
    OPERATOR_CASE("join: anti, dense", plan_anti_join, "anti join, dense", check_anti_join,
                  SOURCE_RATINGS),
    OPERATOR_CASE("filter", plan_filter, "filter", check_filter, SOURCE_RATINGS),
    OPERATOR_CASE("explode genres", plan_explode, "explode", check_explode, SOURCE_MOVIES),
    OPERATOR_CASE("sort: numbers", plan_sort, "radix sort", check_sort, SOURCE_RATINGS),
    OPERATOR_CASE("sort: texts", plan_sort_text, "sort", check_sort_text, SOURCE_TAGS),
    OPERATOR_CASE("distinct", plan_distinct, "distinct", check_distinct, SOURCE_RATINGS),
    OPERATOR_CASE("top-n", plan_top_n, "heap", check_top_n, SOURCE_RATINGS),
    OPERATOR_CASE("arg-first", plan_arg_first, "arg-first", check_arg_first, SOURCE_RATINGS),
};

static const bench_group bench_operators = {
    .name = "operators",
    .variants = BENCH_PER_THREADS,
    .needs_data = true,
    .cases = cases,
    .n_cases = BENCH_COUNT_OF(cases),
    .open = open_tables,
    .close = close_tables,
};

int main(int argc, char **argv)
{
    const bench_group *const groups[] = {&bench_csv_files, &bench_operators, &bench_data_tests,
                                         &bench_snapshots, &bench_stores};
    return bench_main(argc, argv, groups, BENCH_COUNT_OF(groups));
}
