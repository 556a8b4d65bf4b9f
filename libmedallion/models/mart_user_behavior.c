/*
 * mart_user_behavior: how each user rates and tags, and which genre he prefers.
 *
 * Incremental. A user's row depends on his ratings and tags, and on the genres of the movies that he
 * rated. While no movie's genres change, only users whose ratings or tags changed, and new ones, are
 * computed, by the query that computes all, and take the places of their old rows.
 */
#include "models/models.h"

static const char *const refs[] = {"dim_users", "dim_movies", "fact_ratings", "fact_tags"};

static const mdl_model_column columns[] = {
    {"user_id", MDL_TYPE_INT32, "Id of the user"},
    {"total_ratings", MDL_TYPE_INT64, "Ratings that the user gave"},
    {"unique_movies_rated", MDL_TYPE_INT64, "Different movies among them"},
    {"avg_rating_given", MDL_TYPE_FLOAT64, "Average of these ratings; NULL without any"},
    {"min_rating_given", MDL_TYPE_DECIMAL, "Lowest of these ratings; NULL without any"},
    {"max_rating_given", MDL_TYPE_DECIMAL, "Highest of these ratings; NULL without any"},
    {"stddev_rating", MDL_TYPE_FLOAT64,
     "Sample standard deviation of these ratings; NULL with fewer than two"},
    {"first_rating_date", MDL_TYPE_TIMESTAMP, "When the user first rated"},
    {"last_rating_date", MDL_TYPE_TIMESTAMP, "When the user last rated"},
    {"rating_span_days", MDL_TYPE_INT32, "Days from the date of the first rating to the last's"},
    {"active_days", MDL_TYPE_INT64, "UTC dates on which the user rated"},
    {"avg_ratings_per_day", MDL_TYPE_FLOAT64, "Ratings per active day; NULL without any"},
    {"total_tags", MDL_TYPE_INT64, "Tags that the user gave"},
    {"unique_movies_tagged", MDL_TYPE_INT64, "Different movies among them"},
    {"first_tag_date", MDL_TYPE_TIMESTAMP, "When the user first tagged"},
    {"last_tag_date", MDL_TYPE_TIMESTAMP, "When the user last tagged"},
    {"preferred_genre", MDL_TYPE_STRING,
     "Genre with most of the user's ratings; of several the best rated, then the first by name"},
    {"preferred_genre_count", MDL_TYPE_INT64, "The user's ratings in that genre"},
    {"preferred_genre_avg_rating", MDL_TYPE_FLOAT64, "Average of the user's ratings in it"},
    {"genre_engagement", MDL_TYPE_STRING, "Label for preferred_genre_count: None … Very High"},
    {"user_segment", MDL_TYPE_STRING, "Label for total_ratings: Light … Power"},
    {"rating_style", MDL_TYPE_STRING, "Label for the exact average: Critical, Neutral, Positive"},
};

static mdl_status add_tiers(mdl_build *build, mdl_error *error)
{
    const char *model = mdli_mart_user_behavior.name;
    mdl_status status =
        mdli_add_tier_function(build, model, "genre_engagement", MDLI_TIER_OF_COUNT, error);
    if (status == MDL_OK) {
        status = mdli_add_tier_function(build, model, "user_segment", MDLI_TIER_OF_COUNT, error);
    }
    if (status == MDL_OK) {
        status = mdli_add_tier_function(build, model, "rating_style", MDLI_TIER_OF_AVERAGE, error);
    }
    return status;
}

/* The rows of a table that are of these users; NULL = of all. */
static mdl_rel *scan_of(mdl_build *build, const char *table, const mdl_table *users)
{
    mdl_rel *rows = mdl_build_scan(build, table);
    return users == NULL
               ? rows
               : mdl_join(rows, mdl_scan(mdl_build_query(build), users), MDL_JOIN_SEMI, "user_id");
}

/*
 * Each user's genre with most ratings. Among genres with the same count the higher average is the
 * higher sum, which compares exactly.
 */
static mdl_rel *preferred_genres(mdl_build *build, const mdl_table *users)
{
    mdl_rel *genres = mdl_project(mdl_build_scan(build, "dim_movies"), "movie_id, genre");
    mdl_rel *ratings =
        mdl_project(scan_of(build, "fact_ratings", users), "user_id, movie_id, rating");
    ratings = mdl_join(ratings, genres, MDL_JOIN_INNER, "movie_id");
    ratings = mdl_aggregate(ratings, "user_id, genre",
                            "count(*) as n, sum(rating) as total, avg(rating) as mean");
    ratings = mdl_arg_first(ratings, "user_id", "-n, -total, genre");
    return mdl_project(ratings, "user_id, genre as preferred_genre, n as n_preferred, "
                                "mean as preferred_genre_avg_rating");
}

/* The rows of the mart that are of these users; NULL = of all. */
static mdl_rel *behavior_of(mdl_build *build, const mdl_table *users)
{
    mdl_rel *ratings =
        mdl_aggregate(scan_of(build, "fact_ratings", users), "user_id",
                      "count(*) as n_ratings, count(distinct movie_id) as n_movies_rated, "
                      "sum(rating) as hundredths, avg(rating) as avg_rating_given, "
                      "min(rating) as min_rating_given, max(rating) as max_rating_given, "
                      "stddev(rating) as stddev_rating, min(created_at) as first_rating_date, "
                      "max(created_at) as last_rating_date, "
                      "count(distinct date(created_at)) as n_active_days");
    mdl_rel *tags =
        mdl_aggregate(scan_of(build, "fact_tags", users), "user_id",
                      "count(*) as n_tags, count(distinct movie_id) as n_movies_tagged, "
                      "min(created_at) as first_tag_date, "
                      "max(created_at) as last_tag_date");

    mdl_rel *mart = scan_of(build, "dim_users", users);
    mart = mdl_join(mart, ratings, MDL_JOIN_LEFT, "user_id");
    mart = mdl_join(mart, tags, MDL_JOIN_LEFT, "user_id");
    mart = mdl_join(mart, preferred_genres(build, users), MDL_JOIN_LEFT, "user_id");
    return mdl_project(
        mart,
        "user_id, coalesce(n_ratings, 0) as total_ratings, "
        "coalesce(n_movies_rated, 0) as unique_movies_rated, "
        "avg_rating_given, min_rating_given, max_rating_given, stddev_rating, "
        "first_rating_date, last_rating_date, "
        "cast(date(last_rating_date) - date(first_rating_date) as INT32) as rating_span_days, "
        "coalesce(n_active_days, 0) as active_days, "
        "n_ratings / n_active_days as avg_ratings_per_day, "
        "coalesce(n_tags, 0) as total_tags, coalesce(n_movies_tagged, 0) as unique_movies_tagged, "
        "first_tag_date, last_tag_date, "
        "preferred_genre, coalesce(n_preferred, 0) as preferred_genre_count, "
        "preferred_genre_avg_rating, "
        "genre_engagement(coalesce(n_preferred, 0)) as genre_engagement, "
        "user_segment(coalesce(n_ratings, 0)) as user_segment, "
        "rating_style(hundredths, n_ratings) as rating_style");
}

/* Puts the rows of these users into the previous table. */
static mdl_status build_increment(mdl_build *build, const mdl_table *users, mdl_table **out,
                                  mdl_error *error)
{
    mdl_query *query = mdl_build_query(build);
    mdl_table *rows = NULL;
    mdl_status status = mdl_build_collect(build, behavior_of(build, users), &rows, error);
    if (status == MDL_OK) {
        mdl_rel *previous = mdl_scan(query, mdl_build_previous(build));
        mdl_rel *mart = mdl_upsert(previous, mdl_scan(query, rows), "user_id");
        status = mdl_build_collect(build, mart, out, error);
    }
    if (status == MDL_OK) {
        mdl_build_count(build, "users", mdl_table_n_rows(rows));
    }
    mdl_table_free(rows);
    return status;
}

static mdl_status build_mart_user_behavior(mdl_build *build, mdl_table **out, mdl_error *error)
{
    static const char *const tables[] = {"dim_users", "fact_ratings", "fact_tags"};
    mdl_table *users = NULL;
    mdl_status status = add_tiers(build, error);
    if (status == MDL_OK) {
        status = mdli_find_changed_users(build, tables, MDLI_COUNT_OF(tables), &users, error);
    }
    if (status == MDL_OK && users != NULL) {
        status = build_increment(build, users, out, error);
    } else if (status == MDL_OK) {
        mdl_build_start_afresh(build);
        status = mdl_build_collect(build, behavior_of(build, NULL), out, error);
    }
    mdl_table_free(users);
    return status;
}

static const mdl_test tests[] = {
    {.kind = MDL_TEST_RELATIONSHIPS,
     .columns = "user_id",
     .to = "dim_users",
     .description = "Every row is of a known user"},
    {.kind = MDL_TEST_ROW_COUNT_EQUAL, .to = "dim_users", .description = "Every user has a row"},
    {.kind = MDL_TEST_SUM_EQUAL,
     .columns = "total_ratings",
     .to = "fact_ratings",
     .to_columns = "",
     .description = "The ratings of all users are the rows of fact_ratings"},
    {.kind = MDL_TEST_SUM_EQUAL,
     .columns = "total_ratings",
     .to = "mart_movie_analytics",
     .description = "Users have given as many ratings as movies have got"},
    {.kind = MDL_TEST_SUM_EQUAL,
     .columns = "total_tags",
     .to = "fact_tags",
     .to_columns = "",
     .description = "The tags of all users are the rows of fact_tags"},
    {.kind = MDL_TEST_RELATIONSHIPS,
     .columns = "preferred_genre",
     .to = "dim_movies",
     .to_columns = "genre",
     .description = "The preferred genre is one of the movies'"},
    {.kind = MDL_TEST_ACCEPTED_VALUES,
     .columns = "genre_engagement",
     .description = "One of the labels of the tier"},
    {.kind = MDL_TEST_ACCEPTED_VALUES,
     .columns = "user_segment",
     .description = "One of the labels of the tier"},
    {.kind = MDL_TEST_ACCEPTED_VALUES,
     .columns = "rating_style",
     .description = "One of the labels of the tier"},
};

const mdl_model mdli_mart_user_behavior = {
    .struct_size = sizeof(mdl_model),
    .name = "mart_user_behavior",
    .layer = MDL_LAYER_GOLD,
    .materialization = MDL_MATERIALIZATION_INCREMENTAL,
    .description = "One row per user: ratings and tags given, preferred genre, segment and style",
    .refs = refs,
    .n_refs = MDLI_COUNT_OF(refs),
    .columns = columns,
    .n_columns = MDLI_COUNT_OF(columns),
    .key = "user_id",
    .build = build_mart_user_behavior,
    .tests = tests,
    .n_tests = MDLI_COUNT_OF(tests),
    .tags = "mart",
    .version = 1,
};
