/*
 * src_movies: the movies source, as it is.
 */
#include "models/models.h"

static const char *const refs[] = {"movies"};

static const mdl_model_column columns[] = {
    {"movieId", MDL_TYPE_INT32, "Id of the movie; may repeat, the dimension takes the last row"},
    {"title", MDL_TYPE_STRING, "Title as in the file, usually with the year in parentheses"},
    {"genres", MDL_TYPE_STRING, "Genres as in the file, separated by |"},
};

static mdl_status build_src_movies(mdl_build *build, mdl_table **out, mdl_error *error)
{
    mdl_rel *movies = mdl_build_scan(build, "movies");
    return mdl_build_collect(build, movies, out, error);
}

const mdl_model mdli_src_movies = {
    .struct_size = sizeof(mdl_model),
    .name = "src_movies",
    .layer = MDL_LAYER_SILVER,
    .materialization = MDL_MATERIALIZATION_VIEW,
    .description = "Every row of the movies files, in the order of loading",
    .refs = refs,
    .n_refs = MDLI_COUNT_OF(refs),
    .columns = columns,
    .n_columns = MDLI_COUNT_OF(columns),
    .build = build_src_movies,
    .tags = "staging",
    .version = 1,
};
