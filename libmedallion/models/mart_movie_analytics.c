/*
 * mart_movie_analytics: how each movie was rated and tagged.
 *
 * Incremental in what comes of movies and tags: while no movie changes and no tag goes, it is what it
 * was, and what the tags add that came. What comes of ratings is computed anew.
 */
#include "models/models.h"

static const char *const refs[] = {"dim_movies", "fact_ratings", "fact_tags"};

static const mdl_model_column columns[] = {
    {"movie_id", MDL_TYPE_INT32, "Id of the movie"},
    {"title", MDL_TYPE_STRING, "Title of the movie"},
    {"year", MDL_TYPE_INT32, "Year of the movie; NULL when not known"},
    {"genres", MDL_TYPE_STRING, "Genres of the movie in their order, joined with |"},
    {"genre_count", MDL_TYPE_INT32, "Genres of the movie"},
    {"total_ratings", MDL_TYPE_INT64, "Ratings of the movie"},
    {"avg_rating", MDL_TYPE_FLOAT64, "Average rating; NULL without ratings"},
    {"min_rating", MDL_TYPE_DECIMAL, "Lowest rating; NULL without ratings"},
    {"max_rating", MDL_TYPE_DECIMAL, "Highest rating; NULL without ratings"},
    {"stddev_rating", MDL_TYPE_FLOAT64,
     "Sample standard deviation of the ratings; NULL with fewer than two"},
    {"first_rating_date", MDL_TYPE_TIMESTAMP, "When the first rating was given"},
    {"last_rating_date", MDL_TYPE_TIMESTAMP, "When the last rating was given"},
    {"rating_span_days", MDL_TYPE_INT32, "Days from the date of the first rating to the last's"},
    {"total_tags", MDL_TYPE_INT64, "Tags on the movie"},
    {"unique_taggers", MDL_TYPE_INT64, "Users who tagged the movie"},
    {"first_tag_date", MDL_TYPE_TIMESTAMP, "When the first tag was given"},
    {"last_tag_date", MDL_TYPE_TIMESTAMP, "When the last tag was given"},
    {"popularity_tier", MDL_TYPE_STRING,
     "Label for total_ratings, coarse: Unrated … Highly Popular"},
    {"rating_tier", MDL_TYPE_STRING, "Label for how many ratings support the average"},
    {"quality_tier", MDL_TYPE_STRING, "Label for the exact average: Poor … Excellent, or Unrated"},
};

static mdl_status add_tiers(mdl_build *build, mdl_error *error)
{
    const char *model = mdli_mart_movie_analytics.name;
    mdl_status status =
        mdli_add_tier_function(build, model, "popularity_tier", MDLI_TIER_OF_COUNT, error);
    if (status == MDL_OK) {
        status = mdli_add_tier_function(build, model, "rating_tier", MDLI_TIER_OF_COUNT, error);
    }
    if (status == MDL_OK) {
        status = mdli_add_tier_function(build, model, "quality_tier", MDLI_TIER_OF_AVERAGE, error);
    }
    return status;
}

/* What comes of movies and tags, from all of them. */
static mdl_rel *tag_all_movies(mdl_build *build)
{
    mdl_rel *movies = mdl_aggregate(mdl_build_scan(build, "dim_movies"), "movie_id",
                                    "first(title) as title, first(year) as year, "
                                    "string_agg(genre, '|') as genres, "
                                    "first(genre_count) as genre_count");
    mdl_rel *tags = mdl_aggregate(mdl_build_scan(build, "fact_tags"), "movie_id",
                                  "count(*) as n_tags, count(distinct user_id) as n_taggers, "
                                  "min(created_at) as first_tag_date, "
                                  "max(created_at) as last_tag_date");
    return mdl_project(mdl_join(movies, tags, MDL_JOIN_LEFT, "movie_id"),
                       "movie_id, title, year, genres, genre_count, "
                       "coalesce(n_tags, 0) as total_tags, "
                       "coalesce(n_taggers, 0) as unique_taggers, first_tag_date, last_tag_date");
}

/* How many users tagged each movie for the first time, by some tags that came. */
static mdl_rel *count_new_taggers(mdl_build *build, const mdl_table *added)
{
    mdl_query *query = mdl_build_query(build);
    mdl_rel *pairs = mdl_distinct(mdl_project(mdl_scan(query, added), "user_id, movie_id"), NULL,
                                  MDL_KEEP_FIRST);
    mdl_rel *before = mdl_join(mdl_scan(query, mdl_build_previous_ref(build, "fact_tags")),
                               mdl_scan(query, added), MDL_JOIN_SEMI, "user_id");
    pairs = mdl_join(pairs, before, MDL_JOIN_ANTI, "user_id, movie_id");
    return mdl_aggregate(pairs, "movie_id", "count(*) as n_new_taggers");
}

/* What comes of movies and tags, from the previous table and the tags that came; NULL = none. */
static mdl_rel *tag_movies_again(mdl_build *build, const mdl_table *added)
{
    mdl_query *query = mdl_build_query(build);
    mdl_rel *movies = mdl_project(mdl_scan(query, mdl_build_previous(build)),
                                  "movie_id, title, year, genres, genre_count, total_tags, "
                                  "unique_taggers, first_tag_date, last_tag_date");
    if (added == NULL) {
        return movies;
    }
    mdl_rel *tags = mdl_aggregate(mdl_scan(query, added), "movie_id",
                                  "count(*) as n_new_tags, min(created_at) as first_new_date, "
                                  "max(created_at) as last_new_date");
    movies = mdl_join(movies, tags, MDL_JOIN_LEFT, "movie_id");
    movies = mdl_join(movies, count_new_taggers(build, added), MDL_JOIN_LEFT, "movie_id");
    return mdl_project(movies, "movie_id, title, year, genres, genre_count, "
                               "total_tags + coalesce(n_new_tags, 0) as total_tags, "
                               "unique_taggers + coalesce(n_new_taggers, 0) as unique_taggers, "
                               "least(first_tag_date, first_new_date) as first_tag_date, "
                               "greatest(last_tag_date, last_new_date) as last_tag_date");
}

/* What comes of movies and tags. Where tags went, the previous table does not tell which are left. */
static mdl_status find_tagged_movies(mdl_build *build, mdl_rel **movies, mdl_error *error)
{
    mdl_changes tags = {.are_known = false};
    if (mdl_build_is_unchanged(build, "dim_movies")) {
        mdl_status status = mdl_build_changes(build, "fact_tags", &tags, error);
        if (status != MDL_OK) {
            return status;
        }
    }
    if (tags.are_known && tags.removed == NULL) {
        *movies = tag_movies_again(build, tags.added);
    } else {
        mdl_build_start_afresh(build);
        *movies = tag_all_movies(build);
    }
    return MDL_OK;
}

static mdl_status build_mart_movie_analytics(mdl_build *build, mdl_table **out, mdl_error *error)
{
    mdl_rel *movies = NULL;
    mdl_status status = add_tiers(build, error);
    if (status == MDL_OK) {
        status = find_tagged_movies(build, &movies, error);
    }
    if (status != MDL_OK) {
        return status;
    }

    mdl_rel *ratings = mdl_aggregate(mdl_build_scan(build, "fact_ratings"), "movie_id",
                                     "count(*) as n_ratings, sum(rating) as hundredths, "
                                     "avg(rating) as avg_rating, min(rating) as min_rating, "
                                     "max(rating) as max_rating, stddev(rating) as stddev_rating, "
                                     "min(created_at) as first_rating_date, "
                                     "max(created_at) as last_rating_date");
    mdl_rel *mart = mdl_join(movies, ratings, MDL_JOIN_LEFT, "movie_id");
    mart = mdl_project(
        mart,
        "movie_id, title, year, genres, genre_count, coalesce(n_ratings, 0) as total_ratings, "
        "avg_rating, min_rating, max_rating, stddev_rating, first_rating_date, last_rating_date, "
        "cast(date(last_rating_date) - date(first_rating_date) as INT32) as rating_span_days, "
        "total_tags, unique_taggers, first_tag_date, last_tag_date, "
        "popularity_tier(coalesce(n_ratings, 0)) as popularity_tier, "
        "rating_tier(coalesce(n_ratings, 0)) as rating_tier, "
        "quality_tier(hundredths, n_ratings) as quality_tier");
    return mdl_build_collect(build, mart, out, error);
}

static const mdl_test tests[] = {
    {.kind = MDL_TEST_RELATIONSHIPS,
     .columns = "movie_id",
     .to = "dim_movies",
     .description = "Every row is of a known movie"},
    {.kind = MDL_TEST_SUM_EQUAL,
     .columns = "total_ratings",
     .to = "fact_ratings",
     .to_columns = "",
     .description = "The ratings of all movies are the rows of fact_ratings"},
    {.kind = MDL_TEST_SUM_EQUAL,
     .columns = "total_tags",
     .to = "fact_tags",
     .to_columns = "",
     .description = "The tags of all movies are the rows of fact_tags"},
    {.kind = MDL_TEST_ACCEPTED_VALUES,
     .columns = "popularity_tier",
     .description = "One of the labels of the tier"},
    {.kind = MDL_TEST_ACCEPTED_VALUES,
     .columns = "rating_tier",
     .description = "One of the labels of the tier"},
    {.kind = MDL_TEST_ACCEPTED_VALUES,
     .columns = "quality_tier",
     .description = "One of the labels of the tier"},
};

const mdl_model mdli_mart_movie_analytics = {
    .struct_size = sizeof(mdl_model),
    .name = "mart_movie_analytics",
    .layer = MDL_LAYER_GOLD,
    .materialization = MDL_MATERIALIZATION_INCREMENTAL,
    .description = "One row per movie: its ratings, its tags, and tiers of popularity and quality",
    .refs = refs,
    .n_refs = MDLI_COUNT_OF(refs),
    .columns = columns,
    .n_columns = MDLI_COUNT_OF(columns),
    .key = "movie_id",
    .build = build_mart_movie_analytics,
    .tests = tests,
    .n_tests = MDLI_COUNT_OF(tests),
    .tags = "mart",
    .version = 1,
};
