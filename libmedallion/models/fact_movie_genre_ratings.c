/*
 * fact_movie_genre_ratings: the rated movies by genre, with what their ratings come to.
 *
 * Ratings are summed up by movie before they meet the genres: a movie's figures are the same in
 * each.
 */
#include "models/models.h"

static const char *const refs[] = {"dim_movies", "fact_ratings"};

static const mdl_model_column columns[] = {
    {"movie_id", MDL_TYPE_INT32, "Id of the movie, in dim_movies"},
    {"genre", MDL_TYPE_STRING, "One genre of the movie"},
    {"title", MDL_TYPE_STRING, "Title of the movie"},
    {"year", MDL_TYPE_INT32, "Year of the movie; NULL when not known"},
    {"total_ratings", MDL_TYPE_INT64, "Ratings of the movie, the same in each of its genres"},
    {"avg_rating", MDL_TYPE_FLOAT64, "Average of these ratings"},
    {"min_rating", MDL_TYPE_DECIMAL, "Lowest of these ratings"},
    {"max_rating", MDL_TYPE_DECIMAL, "Highest of these ratings"},
};

static mdl_status build_fact_movie_genre_ratings(mdl_build *build, mdl_table **out,
                                                 mdl_error *error)
{
    mdl_rel *ratings = mdl_aggregate(mdl_build_scan(build, "fact_ratings"), "movie_id",
                                     "count(*) as total_ratings, avg(rating) as avg_rating, "
                                     "min(rating) as min_rating, max(rating) as max_rating");

    mdl_rel *movies =
        mdl_project(mdl_build_scan(build, "dim_movies"), "movie_id, genre, title, year");
    movies = mdl_join(movies, ratings, MDL_JOIN_INNER, "movie_id");
    return mdl_build_collect(build, movies, out, error);
}

static const mdl_test tests[] = {
    {.kind = MDL_TEST_RELATIONSHIPS,
     .columns = "movie_id, genre",
     .to = "dim_movies",
     .description = "Every row is of a movie and one of its genres"},
    {.kind = MDL_TEST_ACCEPTED_RANGE,
     .columns = "total_ratings",
     .least = "1",
     .description = "Movies without a rating are left out"},
};

const mdl_model mdli_fact_movie_genre_ratings = {
    .struct_size = sizeof(mdl_model),
    .name = "fact_movie_genre_ratings",
    .layer = MDL_LAYER_SILVER,
    .materialization = MDL_MATERIALIZATION_TABLE,
    .description = "One row per genre of each rated movie, with the movie's ratings summed up",
    .refs = refs,
    .n_refs = MDLI_COUNT_OF(refs),
    .columns = columns,
    .n_columns = MDLI_COUNT_OF(columns),
    .key = "movie_id, genre",
    .build = build_fact_movie_genre_ratings,
    .tests = tests,
    .n_tests = MDLI_COUNT_OF(tests),
    .tags = "fact",
    .version = 1,
};
