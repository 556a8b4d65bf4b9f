/*
 * dim_movies: movies by genre, with the year out of the title and the ids of other catalogues.
 */
#include "models/models.h"

static const char *const refs[] = {"src_movies", "src_links"};

static const mdl_model_column columns[] = {
    {"movie_id", MDL_TYPE_INT32, "Id of the movie"},
    {"title", MDL_TYPE_STRING, "Title as in the file, with its year"},
    {"year", MDL_TYPE_INT32, "Year in parentheses at the end of the title; NULL without one"},
    {"genre", MDL_TYPE_STRING, "One genre of the movie; (no genres listed) where it has none"},
    {"genre_count", MDL_TYPE_INT32, "Genres of the movie, and so its rows in this table"},
    {"imdb_id", MDL_TYPE_STRING, "Id of the movie at IMDb; NULL where links do not tell"},
    {"tmdb_id", MDL_TYPE_STRING, "Id of the movie at The Movie Database; NULL likewise"},
};

/* White space as a regular expression's \s has it, in any locale. */
static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The year of `\((\d{4})\)\s*$`: the only place where that can match is the end. */
static bool find_title_year(mdl_string title, int32_t *year)
{
    int64_t end = title.size_bytes;
    while (end > 0 && is_space(title.data[end - 1])) {
        end--;
    }
    if (end < 6 || title.data[end - 1] != ')' || title.data[end - 6] != '(') {
        return false;
    }
    int32_t value = 0;
    for (int64_t i = end - 5; i < end - 1; i++) {
        char c = title.data[i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    *year = value;
    return true;
}

static mdl_status evaluate_title_year(void *user_data, const mdl_vector *arguments,
                                      mdl_output *output, mdl_error *error)
{
    (void)user_data;
    (void)error;
    const mdl_vector *titles = &arguments[0];
    int32_t *years = output->values;
    for (int64_t i = 0; i < output->n_rows; i++) {
        years[i] = 0;
        if (mdl_vector_is_null(titles, i) ||
            !find_title_year(mdl_vector_string(titles, i), &years[i])) {
            mdl_output_set_null(output, i);
        }
    }
    return MDL_OK;
}

static const mdl_function title_year = {
    .name = "title_year",
    .n_arguments = 1,
    .argument_types = {MDL_TYPE_STRING},
    .result_type = MDL_TYPE_INT32,
    .evaluate = evaluate_title_year,
};

static mdl_rel *explode_genres(mdl_rel *movies)
{
    mdl_explode_options options;
    mdl_explode_options_init(&options);
    options.column = "genres";
    options.piece_name = "genre";
    options.count_name = "genre_count";
    options.if_none = "(no genres listed)";
    return mdl_explode(movies, &options);
}

static mdl_status build_dim_movies(mdl_build *build, mdl_table **out, mdl_error *error)
{
    mdl_query_add_function(mdl_build_query(build), &title_year);

    mdl_rel *movies = mdl_build_scan(build, "src_movies");
    movies = mdl_sort(movies, "movieId");
    movies = mdl_distinct(movies, "movieId", MDL_KEEP_LAST);
    movies = mdl_project(movies, "movieId as movie_id, title, title_year(title) as year, genres");

    mdl_rel *links = mdl_build_scan(build, "src_links");
    links = mdl_distinct(links, "movieId", MDL_KEEP_LAST);
    links = mdl_project(links, "movieId as movie_id, imdbId as imdb_id, tmdbId as tmdb_id");

    movies = mdl_join(movies, links, MDL_JOIN_LEFT, "movie_id");
    movies = explode_genres(movies);
    movies = mdl_project(movies, "movie_id, title, year, genre, genre_count, imdb_id, tmdb_id");
    return mdl_build_collect(build, movies, out, error);
}

static const mdl_test tests[] = {
    {.kind = MDL_TEST_RELATIONSHIPS,
     .columns = "movie_id",
     .to = "src_movies",
     .to_columns = "movieId",
     .description = "Every movie comes from the movies files"},
    {.kind = MDL_TEST_ACCEPTED_RANGE,
     .columns = "genre_count",
     .least = "1",
     .description = "A movie without a genre has the one that says so"},
    {.kind = MDL_TEST_RELATIONSHIPS,
     .columns = "genre",
     .to = "mart_genre_performance",
     .to_columns = "genres",
     .description = "The mart has every genre of the movies"},
};

const mdl_model mdli_dim_movies = {
    .struct_size = sizeof(mdl_model),
    .name = "dim_movies",
    .layer = MDL_LAYER_SILVER,
    .materialization = MDL_MATERIALIZATION_TABLE,
    .description = "One row per movie and genre, with year and ids of other catalogues",
    .refs = refs,
    .n_refs = MDLI_COUNT_OF(refs),
    .columns = columns,
    .n_columns = MDLI_COUNT_OF(columns),
    .key = "movie_id, genre",
    .build = build_dim_movies,
    .tests = tests,
    .n_tests = MDLI_COUNT_OF(tests),
    .tags = "dimension",
    .version = 1,
};
