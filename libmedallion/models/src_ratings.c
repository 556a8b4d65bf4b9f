/*
 * src_ratings: the ratings source with its time as a TIMESTAMP.
 */
#include "models/models.h"

static const char *const refs[] = {"ratings"};

static const mdl_model_column columns[] = {
    {"userId", MDL_TYPE_INT32, "Id of the user who rated"},
    {"movieId", MDL_TYPE_INT32, "Id of the rated movie; need not be in the movies files"},
    {"rating", MDL_TYPE_DECIMAL, "Stars, usually 0.5 to 5.0 in steps of a half"},
    {"timestamp", MDL_TYPE_TIMESTAMP, "When the rating was given, UTC"},
};

static mdl_status build_src_ratings(mdl_build *build, mdl_table **out, mdl_error *error)
{
    mdl_rel *ratings = mdl_project(mdl_build_scan(build, "ratings"),
                                   "userId, movieId, rating, "
                                   "cast(\"timestamp\" as TIMESTAMP) as \"timestamp\"");
    return mdl_build_collect(build, ratings, out, error);
}

const mdl_model mdli_src_ratings = {
    .struct_size = sizeof(mdl_model),
    .name = "src_ratings",
    .layer = MDL_LAYER_SILVER,
    .materialization = MDL_MATERIALIZATION_VIEW,
    .description = "Every row of the ratings files, in the order of loading",
    .refs = refs,
    .n_refs = MDLI_COUNT_OF(refs),
    .columns = columns,
    .n_columns = MDLI_COUNT_OF(columns),
    .build = build_src_ratings,
    .tags = "staging",
    .version = 1,
};
