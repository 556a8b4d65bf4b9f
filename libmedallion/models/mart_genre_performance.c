/*
 * mart_genre_performance: how each genre was rated and tagged. A rating or tag counts once in each
 * genre of its movie.
 *
 * Incremental in what takes longest, the users of each genre. While no movie's genres change, users
 * whose ratings and tags are what they were count in the genres in which they counted: so the others
 * are counted in the tables as they were and as they are, and the difference is put upon the previous
 * numbers, with the tags likewise. What comes of movies alone is taken from the previous numbers
 * where these have not changed. All else is computed anew.
 */
#include "models/models.h"

static const char *const refs[] = {"dim_movies", "fact_ratings", "fact_tags"};

static const mdl_model_column columns[] = {
    {"genres", MDL_TYPE_STRING, "Name of the genre"},
    {"total_movies", MDL_TYPE_INT64, "Movies of the genre"},
    {"rated_movies", MDL_TYPE_INT64, "Movies of the genre that have a rating"},
    {"total_ratings", MDL_TYPE_INT64, "Ratings of movies of the genre"},
    {"unique_raters", MDL_TYPE_INT64, "Users who rated a movie of the genre"},
    {"avg_rating", MDL_TYPE_FLOAT64, "Average of these ratings; NULL without any"},
    {"min_rating", MDL_TYPE_DECIMAL, "Lowest of these ratings; NULL without any"},
    {"max_rating", MDL_TYPE_DECIMAL, "Highest of these ratings; NULL without any"},
    {"stddev_rating", MDL_TYPE_FLOAT64,
     "Sample standard deviation of these ratings; NULL with fewer than two"},
    {"first_rating_date", MDL_TYPE_TIMESTAMP, "When the first of these ratings was given"},
    {"last_rating_date", MDL_TYPE_TIMESTAMP, "When the last of these ratings was given"},
    {"rating_span_days", MDL_TYPE_INT32, "Days from the date of the first rating to the last's"},
    {"total_tags", MDL_TYPE_INT64, "Tags on movies of the genre"},
    {"unique_taggers", MDL_TYPE_INT64, "Users who tagged a movie of the genre"},
    {"movies_2020s", MDL_TYPE_INT64, "Movies of the years 2020 to 2029"},
    {"movies_2010s", MDL_TYPE_INT64, "Movies of the years 2010 to 2019"},
    {"movies_2000s", MDL_TYPE_INT64, "Movies of the years 2000 to 2009"},
    {"movies_1990s", MDL_TYPE_INT64, "Movies of the years 1990 to 1999"},
    {"movies_1980s", MDL_TYPE_INT64, "Movies of the years 1980 to 1989"},
    {"movies_before_1980", MDL_TYPE_INT64, "Movies of earlier years"},
    {"movies_other_year", MDL_TYPE_INT64, "Movies of 2030 and later, or without a year"},
    {"avg_ratings_per_movie", MDL_TYPE_FLOAT64, "Ratings per movie of the genre, rated or not"},
    {"popularity_tier", MDL_TYPE_STRING, "Label for total_ratings: Unrated … Highly Popular"},
    {"quality_tier", MDL_TYPE_STRING, "Label for the exact average: Below Average … Top Rated"},
};

static mdl_status add_tiers(mdl_build *build, mdl_error *error)
{
    const char *model = mdli_mart_genre_performance.name;
    mdl_status status =
        mdli_add_tier_function(build, model, "popularity_tier", MDLI_TIER_OF_COUNT, error);
    if (status == MDL_OK) {
        status = mdli_add_tier_function(build, model, "quality_tier", MDLI_TIER_OF_AVERAGE, error);
    }
    return status;
}

/* Rows with a row for each genre of their movie. */
static mdl_rel *by_genre(mdl_build *build, mdl_rel *rows)
{
    mdl_rel *genres = mdl_project(mdl_build_scan(build, "dim_movies"), "movie_id, genre");
    return mdl_join(rows, genres, MDL_JOIN_INNER, "movie_id");
}

/* What each genre has of some users in a fact. */
static mdl_rel *count_of_users(mdl_build *build, const mdl_table *fact, const mdl_table *users,
                               const char *counts)
{
    mdl_query *query = mdl_build_query(build);
    mdl_rel *rows =
        mdl_join(mdl_scan(query, fact), mdl_scan(query, users), MDL_JOIN_SEMI, "user_id");
    return mdl_aggregate(by_genre(build, rows), "genre", counts);
}

/* The movies of each genre. A movie has one row per genre in dim_movies, so rows of a genre are its
 * movies. */
static mdl_rel *count_movies(mdl_build *build)
{
    if (mdl_build_is_unchanged(build, "dim_movies")) {
        return mdl_project(mdl_scan(mdl_build_query(build), mdl_build_previous(build)),
                           "genres as genre, total_movies, movies_2020s, movies_2010s, "
                           "movies_2000s, movies_1990s, movies_1980s, movies_before_1980, "
                           "movies_other_year");
    }
    return mdl_aggregate(mdl_build_scan(build, "dim_movies"), "genre",
                         "count(*) as total_movies, "
                         "count_if(year between 2020 and 2029) as movies_2020s, "
                         "count_if(year between 2010 and 2019) as movies_2010s, "
                         "count_if(year between 2000 and 2009) as movies_2000s, "
                         "count_if(year between 1990 and 1999) as movies_1990s, "
                         "count_if(year between 1980 and 1989) as movies_1980s, "
                         "count_if(year < 1980) as movies_before_1980, "
                         "count_if(year >= 2030 or year is null) as movies_other_year");
}

/* What each genre has in a fact, counted again. */
typedef struct recount {
    const char *fact;
    const char *previous; /* as the previous table has it */
    const char *before;   /* what some users had in it … */
    const char *now;      /* … and have */
    const char *counted;
} recount;

static const recount raters = {
    .fact = "fact_ratings",
    .previous = "genres as genre, unique_raters as n_raters",
    .before = "count(distinct user_id) as raters_before",
    .now = "count(distinct user_id) as raters_now",
    .counted = "genre, coalesce(n_raters, 0) - coalesce(raters_before, 0) + "
               "coalesce(raters_now, 0) as n_raters",
};
static const recount taggers = {
    .fact = "fact_tags",
    .previous = "genres as genre, total_tags as n_tags, unique_taggers as n_taggers",
    .before = "count(*) as tags_before, count(distinct user_id) as taggers_before",
    .now = "count(*) as tags_now, count(distinct user_id) as taggers_now",
    .counted = "genre, coalesce(n_tags, 0) - coalesce(tags_before, 0) + coalesce(tags_now, 0) "
               "as n_tags, coalesce(n_taggers, 0) - coalesce(taggers_before, 0) + "
               "coalesce(taggers_now, 0) as n_taggers",
};

/* What each genre has in a fact, by what some users, who alone may have changed, take from the
 * previous numbers and add to them. */
static mdl_rel *count_again(mdl_build *build, const recount *of, const mdl_table *users)
{
    mdl_rel *previous =
        mdl_project(mdl_scan(mdl_build_query(build), mdl_build_previous(build)), of->previous);
    if (mdl_build_is_unchanged(build, of->fact)) {
        return previous;
    }
    mdl_rel *before =
        count_of_users(build, mdl_build_previous_ref(build, of->fact), users, of->before);
    mdl_rel *now = count_of_users(build, mdl_build_ref(build, of->fact), users, of->now);
    mdl_rel *counts = mdl_project(count_movies(build), "genre");
    counts = mdl_join(counts, previous, MDL_JOIN_LEFT, "genre");
    counts = mdl_join(counts, before, MDL_JOIN_LEFT, "genre");
    counts = mdl_join(counts, now, MDL_JOIN_LEFT, "genre");
    return mdl_project(counts, of->counted);
}

#define OF_RATINGS                                                                                 \
    "count(distinct movie_id) as n_rated_movies, count(*) as n_ratings, "                          \
    "sum(rating) as hundredths, avg(rating) as avg_rating, min(rating) as min_rating, "            \
    "max(rating) as max_rating, stddev(rating) as stddev_rating, "                                 \
    "min(created_at) as first_rating_date, max(created_at) as last_rating_date"

/* The mart, with all users counted in one pass with the rest, or `users`, which is not NULL then,
 * counted again. Without them there are no previous numbers either. */
static mdl_rel *performance(mdl_build *build, const mdl_table *users)
{
    mdl_rel *mart = count_movies(build);
    mdl_rel *ratings = by_genre(build, mdl_build_scan(build, "fact_ratings"));
    if (users == NULL) {
        mdl_rel *tags = by_genre(build, mdl_build_scan(build, "fact_tags"));
        ratings =
            mdl_aggregate(ratings, "genre", OF_RATINGS ", count(distinct user_id) as n_raters");
        tags = mdl_aggregate(tags, "genre",
                             "count(*) as n_tags, count(distinct user_id) as n_taggers");
        mart = mdl_join(mart, ratings, MDL_JOIN_LEFT, "genre");
        mart = mdl_join(mart, tags, MDL_JOIN_LEFT, "genre");
    } else {
        mart = mdl_join(mart, mdl_aggregate(ratings, "genre", OF_RATINGS), MDL_JOIN_LEFT, "genre");
        mart = mdl_join(mart, count_again(build, &raters, users), MDL_JOIN_LEFT, "genre");
        mart = mdl_join(mart, count_again(build, &taggers, users), MDL_JOIN_LEFT, "genre");
    }
    return mdl_project(
        mart,
        "genre as genres, total_movies, coalesce(n_rated_movies, 0) as rated_movies, "
        "coalesce(n_ratings, 0) as total_ratings, coalesce(n_raters, 0) as unique_raters, "
        "avg_rating, min_rating, max_rating, stddev_rating, first_rating_date, last_rating_date, "
        "cast(date(last_rating_date) - date(first_rating_date) as INT32) as rating_span_days, "
        "coalesce(n_tags, 0) as total_tags, coalesce(n_taggers, 0) as unique_taggers, "
        "movies_2020s, movies_2010s, movies_2000s, movies_1990s, movies_1980s, "
        "movies_before_1980, movies_other_year, "
        "coalesce(n_ratings, 0) / total_movies as avg_ratings_per_movie, "
        "popularity_tier(coalesce(n_ratings, 0)) as popularity_tier, "
        "quality_tier(hundredths, n_ratings) as quality_tier");
}

static mdl_status build_mart_genre_performance(mdl_build *build, mdl_table **out, mdl_error *error)
{
    static const char *const facts[] = {"fact_ratings", "fact_tags"};
    mdl_table *users = NULL;
    mdl_status status = add_tiers(build, error);
    if (status == MDL_OK) {
        status = mdli_find_changed_users(build, facts, MDLI_COUNT_OF(facts), &users, error);
    }
    if (status == MDL_OK && users == NULL) {
        mdl_build_start_afresh(build);
    }
    if (status == MDL_OK) {
        status = mdl_build_collect(build, performance(build, users), out, error);
    }
    if (status == MDL_OK && users != NULL) {
        mdl_build_count(build, "users", mdl_table_n_rows(users));
    }
    mdl_table_free(users);
    return status;
}

static const mdl_test tests[] = {
    {.kind = MDL_TEST_RELATIONSHIPS,
     .columns = "genres",
     .to = "dim_movies",
     .to_columns = "genre",
     .description = "Every row is of a genre of the movies"},
    {.kind = MDL_TEST_SUM_EQUAL,
     .columns = "total_movies",
     .to = "dim_movies",
     .to_columns = "",
     .description = "The movies of all genres are the rows of dim_movies"},
    {.kind = MDL_TEST_EXPRESSION,
     .name = "mart_genre_performance_decades_sum_to_total_movies",
     .expression = "movies_2020s + movies_2010s + movies_2000s + movies_1990s + movies_1980s + "
                   "movies_before_1980 + movies_other_year = total_movies",
     .description = "Every movie of a genre counts in one of the decades"},
    {.kind = MDL_TEST_EXPRESSION,
     .name = "mart_genre_performance_rated_movies_are_movies",
     .expression = "rated_movies between 0 and total_movies",
     .description = "A genre has not more rated movies than movies"},
    {.kind = MDL_TEST_ACCEPTED_VALUES,
     .columns = "popularity_tier",
     .description = "One of the labels of the tier"},
    {.kind = MDL_TEST_ACCEPTED_VALUES,
     .columns = "quality_tier",
     .description = "One of the labels of the tier"},
};

const mdl_model mdli_mart_genre_performance = {
    .struct_size = sizeof(mdl_model),
    .name = "mart_genre_performance",
    .layer = MDL_LAYER_GOLD,
    .materialization = MDL_MATERIALIZATION_INCREMENTAL,
    .description = "One row per genre: its movies by decade, ratings, tags, and tiers",
    .refs = refs,
    .n_refs = MDLI_COUNT_OF(refs),
    .columns = columns,
    .n_columns = MDLI_COUNT_OF(columns),
    .key = "genres",
    .build = build_mart_genre_performance,
    .tests = tests,
    .n_tests = MDLI_COUNT_OF(tests),
    .tags = "mart",
    .version = 1,
};
