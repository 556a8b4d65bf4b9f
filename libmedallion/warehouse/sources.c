/*
 * The four sources: names, types and ranges of the columns in MovieLens files.
 */
#include "warehouse/warehouse_internal.h"

#include <string.h>

#include "base/decimal.h"

#define COUNT_OF(array) ((int32_t)(sizeof(array) / sizeof(array)[0]))

/* Ids are digits alone; seconds and ratings may have a minus. */
#define ID(column)                                                                                 \
    {                                                                                              \
        .name = (column), .type = MDL_TYPE_INT32, .is_required = true, .has_range = true,          \
        .least = 1, .greatest = INT32_MAX, .is_unsigned = true                                     \
    }
#define SECONDS(column)                                                                            \
    {                                                                                              \
        .name = (column), .type = MDL_TYPE_INT64, .is_required = true, .has_range = true,          \
        .least = MDLI_TIMESTAMP_MIN, .greatest = MDLI_TIMESTAMP_MAX                                \
    }
#define RATING(column)                                                                             \
    {                                                                                              \
        .name = (column), .type = MDL_TYPE_DECIMAL, .is_required = true, .has_range = true,        \
        .least = -MDLI_HUNDREDTHS_MAX, .greatest = MDLI_HUNDREDTHS_MAX                             \
    }
#define TEXT(column)                                                                               \
    {                                                                                              \
        .name = (column), .type = MDL_TYPE_STRING                                                  \
    }

static const mdl_csv_column movies_csv[] = {ID("movieId"), TEXT("title"), TEXT("genres")};
static const mdl_csv_column ratings_csv[] = {ID("userId"), ID("movieId"), RATING("rating"),
                                             SECONDS("timestamp")};
static const mdl_csv_column tags_csv[] = {ID("userId"), ID("movieId"), TEXT("tag"),
                                          SECONDS("timestamp")};
static const mdl_csv_column links_csv[] = {ID("movieId"), TEXT("imdbId"), TEXT("tmdbId")};

static const mdl_model_column movies_columns[] = {
    {"movieId", MDL_TYPE_INT32, "Id of the movie"},
    {"title", MDL_TYPE_STRING, "Title, usually with the year in parentheses"},
    {"genres", MDL_TYPE_STRING, "Genres, separated by |"},
};

static const mdl_model_column ratings_columns[] = {
    {"userId", MDL_TYPE_INT32, "Id of the user who rated"},
    {"movieId", MDL_TYPE_INT32, "Id of the rated movie"},
    {"rating", MDL_TYPE_DECIMAL, "Stars, usually 0.5 to 5.0 in steps of a half"},
    {"timestamp", MDL_TYPE_INT64, "When the rating was given, seconds since 1970-01-01 UTC"},
};

static const mdl_model_column tags_columns[] = {
    {"userId", MDL_TYPE_INT32, "Id of the user who tagged"},
    {"movieId", MDL_TYPE_INT32, "Id of the tagged movie"},
    {"tag", MDL_TYPE_STRING, "Free text of the user's"},
    {"timestamp", MDL_TYPE_INT64, "When the tag was given, seconds since 1970-01-01 UTC"},
};

static const mdl_model_column links_columns[] = {
    {"movieId", MDL_TYPE_INT32, "Id of the movie"},
    {"imdbId", MDL_TYPE_STRING, "Id of the movie at IMDb, with its leading zeros"},
    {"tmdbId", MDL_TYPE_STRING, "Id of the movie at The Movie Database"},
};

/* What files may hold against a rule is told, and the run goes on. */
#define WARN(test_kind) .kind = (test_kind), .severity = MDL_SEVERITY_WARN

static const mdl_test movies_tests[] = {
    {WARN(MDL_TEST_NOT_NULL), .columns = "movieId", .description = "Movies have an id"},
    {WARN(MDL_TEST_UNIQUE), .columns = "movieId",
     .description = "Of rows of one movie, dim_movies takes the one loaded last"},
    {WARN(MDL_TEST_NOT_NULL), .columns = "title", .description = "Movies have a title"},
    {WARN(MDL_TEST_NOT_NULL), .columns = "genres",
     .description = "Movies without genres are listed as such in dim_movies"},
};

static const mdl_test ratings_tests[] = {
    {WARN(MDL_TEST_NOT_NULL), .columns = "userId, movieId, rating, timestamp",
     .description = "Ratings are complete"},
    {WARN(MDL_TEST_UNIQUE), .columns = "userId, movieId, timestamp",
     .description = "Of repeats, fact_ratings takes the row loaded last"},
    {WARN(MDL_TEST_ACCEPTED_RANGE), .columns = "rating", .least = "0.5", .greatest = "5.0",
     .description = "Stars go from 0.5 to 5.0"},
    {WARN(MDL_TEST_RELATIONSHIPS), .columns = "movieId", .to = "movies",
     .description = "fact_ratings leaves out ratings of movies that are not in movies"},
};

static const mdl_test tags_tests[] = {
    {WARN(MDL_TEST_NOT_NULL), .columns = "userId, movieId, timestamp",
     .description = "Tags are complete"},
    {WARN(MDL_TEST_NOT_NULL), .columns = "tag",
     .description = "fact_tags leaves out rows without a text"},
    {WARN(MDL_TEST_UNIQUE), .columns = "userId, movieId, tag, timestamp",
     .description = "Of repeats, fact_tags takes one"},
    {WARN(MDL_TEST_RELATIONSHIPS), .columns = "movieId", .to = "movies",
     .description = "fact_tags leaves out tags on movies that are not in movies"},
};

static const mdl_test links_tests[] = {
    {WARN(MDL_TEST_NOT_NULL), .columns = "movieId", .description = "Links have the movie's id"},
    {WARN(MDL_TEST_UNIQUE), .columns = "movieId",
     .description = "Of rows of one movie, dim_movies takes the one loaded last"},
    {WARN(MDL_TEST_RELATIONSHIPS), .columns = "movieId", .to = "movies",
     .description = "dim_movies leaves out links of movies that are not in movies"},
};

#define SOURCE(source_name, text)                                                                  \
    {                                                                                              \
        .model =                                                                                   \
            {                                                                                      \
                .struct_size = sizeof(mdl_model),                                                  \
                .name = #source_name,                                                              \
                .layer = MDL_LAYER_BRONZE,                                                         \
                .materialization = MDL_MATERIALIZATION_SOURCE,                                     \
                .description = (text),                                                             \
                .columns = source_name##_columns,                                                  \
                .n_columns = COUNT_OF(source_name##_columns),                                      \
                .tests = source_name##_tests,                                                      \
                .n_tests = COUNT_OF(source_name##_tests),                                          \
                .tags = "source",                                                                  \
            },                                                                                     \
        .csv_columns = source_name##_csv,                                                          \
    }

const mdli_source mdli_sources[MDLI_N_SOURCES] = {
    SOURCE(movies, "Movies as their files list them"),
    SOURCE(ratings, "Ratings of movies by users as their files list them"),
    SOURCE(tags, "Tags on movies by users as their files list them"),
    SOURCE(links, "Ids of movies in other catalogues as their files list them"),
};

int32_t mdli_find_source(const char *name)
{
    for (int32_t i = 0; i < MDLI_N_SOURCES; i++) {
        if (strcmp(mdli_sources[i].model.name, name) == 0) {
            return i;
        }
    }
    return -1;
}
