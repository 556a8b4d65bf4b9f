/*
 * src_tags: the tags source with its time as a TIMESTAMP.
 */
#include "models/models.h"

static const char *const refs[] = {"tags"};

static const mdl_model_column columns[] = {
    {"userId", MDL_TYPE_INT32, "Id of the user who tagged"},
    {"movieId", MDL_TYPE_INT32, "Id of the tagged movie; need not be in the movies files"},
    {"tag", MDL_TYPE_STRING, "Free text of the user's; NULL where the file has nothing"},
    {"timestamp", MDL_TYPE_TIMESTAMP, "When the tag was given, UTC"},
};

static mdl_status build_src_tags(mdl_build *build, mdl_table **out, mdl_error *error)
{
    mdl_rel *tags = mdl_project(mdl_build_scan(build, "tags"),
                                "userId, movieId, tag, "
                                "cast(\"timestamp\" as TIMESTAMP) as \"timestamp\"");
    return mdl_build_collect(build, tags, out, error);
}

const mdl_model mdli_src_tags = {
    .struct_size = sizeof(mdl_model),
    .name = "src_tags",
    .layer = MDL_LAYER_SILVER,
    .materialization = MDL_MATERIALIZATION_VIEW,
    .description = "Every row of the tags files, in the order of loading",
    .refs = refs,
    .n_refs = MDLI_COUNT_OF(refs),
    .columns = columns,
    .n_columns = MDLI_COUNT_OF(columns),
    .build = build_src_tags,
    .tags = "staging",
    .version = 1,
};
