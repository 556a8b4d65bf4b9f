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
