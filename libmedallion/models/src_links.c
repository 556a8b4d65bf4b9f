/*
 * src_links: the links source, as it is.
 */
#include "models/models.h"

static const char *const refs[] = {"links"};

static const mdl_model_column columns[] = {
    {"movieId", MDL_TYPE_INT32, "Id of the movie; may repeat, the dimension takes the last row"},
    {"imdbId", MDL_TYPE_STRING, "Id of the movie at IMDb, with its leading zeros"},
    {"tmdbId", MDL_TYPE_STRING, "Id of the movie at The Movie Database; NULL where there is none"},
};

static mdl_status build_src_links(mdl_build *build, mdl_table **out, mdl_error *error)
{
    mdl_rel *links = mdl_build_scan(build, "links");
    return mdl_build_collect(build, links, out, error);
}

const mdl_model mdli_src_links = {
    .struct_size = sizeof(mdl_model),
    .name = "src_links",
    .layer = MDL_LAYER_SILVER,
    .materialization = MDL_MATERIALIZATION_VIEW,
    .description = "Every row of the links files, in the order of loading",
    .refs = refs,
    .n_refs = MDLI_COUNT_OF(refs),
    .columns = columns,
    .n_columns = MDLI_COUNT_OF(columns),
    .build = build_src_links,
    .tags = "staging",
    .version = 1,
};
