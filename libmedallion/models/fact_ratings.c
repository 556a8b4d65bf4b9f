/*
 * fact_ratings: the ratings of known movies by known users, each once.
 *
 * Incremental. What a build has to look at again are the rows of src_ratings that came since the
 * last one, and older rows that were left out then because their movie or user was not known yet.
 * Both go through the same steps as in a full refresh and are put into the previous table by key.
 * The result is that of a full refresh:
 *
 * - A new row replaces the row with its key, as the row loaded last should.
 * - A row that was left out has a key that no row of the previous table has, since the movie or the
 * user is part of the key.
 *
 * The upsert needs no test of created_at against the previous maximum to be safe with rows that are
 * late: it compares whole keys, and only in the blocks that the changes fall in, so that the test
 * would spare it nothing.
 */
#include "models/models.h"

static const char *const refs[] = {"src_ratings", "dim_movies", "dim_users"};

static const mdl_model_column columns[] = {
    {"user_id", MDL_TYPE_INT32, "Id of the user who rated, in dim_users"},
    {"movie_id", MDL_TYPE_INT32, "Id of the rated movie, in dim_movies"},
    {"rating", MDL_TYPE_DECIMAL, "Stars; of repeats of the key, those of the row loaded last"},
    {"created_at", MDL_TYPE_TIMESTAMP, "When the rating was given, UTC"},
};

#define KEY "user_id, movie_id, created_at"

/* The ratings that belong into the table, in its order; of equal keys in load order. */
static mdl_rel *known_ratings(mdl_build *build)
{
    mdl_rel *movies = mdl_build_scan(build, "dim_movies");
    mdl_rel *users = mdl_build_scan(build, "dim_users");
    mdl_rel *ratings = mdli_rows_to_place(build, "src_ratings");
    ratings = mdl_join(ratings, movies, MDL_JOIN_SEMI, "movieId = movie_id");
    ratings = mdl_join(ratings, users, MDL_JOIN_SEMI, "userId = user_id");
    ratings = mdl_project(ratings, "userId as user_id, movieId as movie_id, rating, "
                                   "\"timestamp\" as created_at");
    return mdl_sort(ratings, KEY);
}

/* Counts the rows of `changes` that are not after the latest of `previous`. */
static mdl_status count_late(mdl_build *build, const mdl_table *previous, const mdl_table *changes,
                             int64_t *n_late, mdl_error *error)
{
    static const char *const created_at[] = {"created_at"};
    int32_t column = mdl_table_find_column(previous, created_at[0]);
    mdl_value latest = mdl_column_get_stats(mdl_table_column(previous, column)).max;
    *n_late = 0;
    mdl_cursor *cursor = NULL;
    mdl_status status =
        mdl_cursor_create(mdl_build_context(build), changes, created_at, 1, &cursor, error);
    mdl_batch batch = {.n_rows = 1};
    while (status == MDL_OK && batch.n_rows > 0 && !latest.is_null) {
        status = mdl_cursor_next(cursor, &batch, error);
        for (int64_t i = 0; status == MDL_OK && i < batch.n_rows; i++) {
            *n_late += mdl_vector_int64(&batch.columns[0], i) <= latest.as.integer;
        }
    }
    mdl_cursor_free(cursor);
    return status;
}

/* The rows of the previous table whose places `changes` take. */
static mdl_status find_replaced(mdl_build *build, const mdl_table *changes, mdl_table **out,
                                mdl_error *error)
{
    mdl_query *query = mdl_build_query(build);
    mdl_rel *rel = mdl_scan(query, mdl_build_previous(build));
    /* By user first: the table is in their order, and nearly all of it is left out by runs. */
    rel = mdl_join(rel, mdl_scan(query, changes), MDL_JOIN_SEMI, "user_id");
    rel = mdl_join(rel, mdl_scan(query, changes), MDL_JOIN_SEMI, KEY);
    return mdl_build_collect(build, rel, out, error);
}

/* Gives the rows a summary for the models that ask for a movie's ratings: that of the previous
 * table, if there is one, with what came and went since. */
static mdl_status summarize(mdl_build *build, const mdl_table *rows, const mdl_table *added,
                            const mdl_table *removed, mdl_table **out, mdl_error *error)
{
    mdl_summary_options options;
    mdl_summary_options_init(&options);
    options.key = "movie_id";
    options.value = "rating";
    options.extreme = "created_at";
    options.previous = mdl_build_previous(build);
    options.added = added;
    options.removed = removed;
    return mdl_table_summarize(mdl_build_context(build), rows, &options, out, error);
}

/* Puts the rows that came, `increment`, into the previous table, and tells what they were. */
static mdl_status apply_increment(mdl_build *build, const mdl_table *increment, mdl_table **out,
                                  mdl_error *error)
{
    mdl_query *query = mdl_build_query(build);
    const mdl_table *previous = mdl_build_previous(build);
    mdl_table *changes = NULL;
    mdl_table *replaced = NULL;
    mdl_table *rows = NULL;
    int64_t n_late = 0;
    mdl_rel *rel = mdl_distinct(mdl_scan(query, increment), KEY, MDL_KEEP_LAST);
    mdl_status status = mdl_build_collect(build, rel, &changes, error);
    if (status == MDL_OK) {
        status = count_late(build, previous, changes, &n_late, error);
    }
    if (status == MDL_OK) {
        rel = mdl_upsert(mdl_scan(query, previous), mdl_scan(query, changes), KEY);
        status = mdl_build_collect(build, rel, &rows, error);
    }
    if (status == MDL_OK) {
        int64_t n_new = mdl_table_n_rows(rows) - mdl_table_n_rows(previous);
        int64_t n_changes = mdl_table_n_rows(changes);
        mdl_build_count(build, "new", n_new);
        mdl_build_count(build, "late", n_late);
        mdl_build_count(build, "repeated", mdl_table_n_rows(increment) - n_changes);
        mdl_build_count(build, "replaced", n_changes - n_new);
        if (n_changes > n_new) {
            status = find_replaced(build, changes, &replaced, error);
        }
    }
    if (status == MDL_OK) {
        mdl_build_tell_changes(build, changes, replaced);
        status = summarize(build, rows, changes, replaced, out, error);
    }
    mdl_table_free(rows);
    mdl_table_free(replaced);
    mdl_table_free(changes);
    return status;
}

/* Builds the table from all rows. */
static mdl_status build_afresh(mdl_build *build, mdl_rel *ratings, mdl_table **out,
                               mdl_error *error)
{
    mdl_table *rows = NULL;
    mdl_rel *rel = mdl_distinct(ratings, KEY, MDL_KEEP_LAST);
    mdl_status status = mdl_build_collect(build, rel, &rows, error);
    if (status == MDL_OK) {
        status = summarize(build, rows, NULL, NULL, out, error);
    }
    mdl_table_free(rows);
    return status;
}

static mdl_status build_fact_ratings(mdl_build *build, mdl_table **out, mdl_error *error)
{
    mdl_rel *ratings = known_ratings(build);
    if (mdl_build_previous(build) == NULL) {
        return build_afresh(build, ratings, out, error);
    }
    mdl_table *increment = NULL;
    mdl_status status = mdl_build_collect(build, ratings, &increment, error);
    if (status == MDL_OK) {
        status = apply_increment(build, increment, out, error);
    }
    mdl_table_free(increment);
    return status;
}

static const mdl_test tests[] = {
    {.kind = MDL_TEST_NOT_NULL, .columns = "rating", .description = "Every rating has its stars"},
    {.kind = MDL_TEST_RELATIONSHIPS,
     .columns = "user_id",
     .to = "dim_users",
     .description = "Every rating is of a known user"},
    {.kind = MDL_TEST_RELATIONSHIPS,
     .columns = "movie_id",
     .to = "dim_movies",
     .description = "Every rating is of a known movie"},
};

const mdl_model mdli_fact_ratings = {
    .struct_size = sizeof(mdl_model),
    .name = "fact_ratings",
    .layer = MDL_LAYER_SILVER,
    .materialization = MDL_MATERIALIZATION_INCREMENTAL,
    .description = "One row per rating of a known movie, repeats removed",
    .refs = refs,
    .n_refs = MDLI_COUNT_OF(refs),
    .columns = columns,
    .n_columns = MDLI_COUNT_OF(columns),
    .key = KEY,
    .build = build_fact_ratings,
    .tests = tests,
    .n_tests = MDLI_COUNT_OF(tests),
    .tags = "fact",
    .version = 1,
};
