/*
 * fact_tags: the tags on known movies by known users, each once.
 */
#include "models/models.h"

static const char *const refs[] = {"src_tags", "dim_movies", "dim_users"};

static const mdl_model_column columns[] = {
    {"user_id", MDL_TYPE_INT32, "Id of the user who tagged, in dim_users"},
    {"movie_id", MDL_TYPE_INT32, "Id of the tagged movie, in dim_movies"},
    {"tag", MDL_TYPE_STRING, "Text of the tag; rows without one are left out"},
    {"created_at", MDL_TYPE_TIMESTAMP, "When the tag was given, UTC"},
};

#define KEY "user_id, movie_id, tag, created_at"

static mdl_status build_fact_tags(mdl_build *build, mdl_table **out, mdl_error *error)
{
    mdl_rel *movies = mdl_build_scan(build, "dim_movies");
    mdl_rel *users = mdl_build_scan(build, "dim_users");

    mdl_rel *tags = mdl_build_scan(build, "src_tags");
    tags = mdl_filter(tags, "tag is not null");
    tags = mdl_join(tags, movies, MDL_JOIN_SEMI, "movieId = movie_id");
    tags = mdl_join(tags, users, MDL_JOIN_SEMI, "userId = user_id");
    tags = mdl_project(tags, "userId as user_id, movieId as movie_id, tag, "
                             "\"timestamp\" as created_at");
    tags = mdl_sort(tags, KEY);
    tags = mdl_distinct(tags, KEY, MDL_KEEP_LAST);
    return mdl_build_collect(build, tags, out, error);
}

static const mdl_test tests[] = {
    {.kind = MDL_TEST_RELATIONSHIPS,
     .columns = "user_id",
     .to = "dim_users",
     .description = "Every tag is of a known user"},
    {.kind = MDL_TEST_RELATIONSHIPS,
     .columns = "movie_id",
     .to = "dim_movies",
     .description = "Every tag is on a known movie"},
};

const mdl_model mdli_fact_tags = {
    .struct_size = sizeof(mdl_model),
    .name = "fact_tags",
    .layer = MDL_LAYER_SILVER,
    .materialization = MDL_MATERIALIZATION_TABLE,
    .description = "One row per tag on a known movie, repeats removed",
    .refs = refs,
    .n_refs = MDLI_COUNT_OF(refs),
    .columns = columns,
    .n_columns = MDLI_COUNT_OF(columns),
    .key = KEY,
    .build = build_fact_tags,
    .tests = tests,
    .n_tests = MDLI_COUNT_OF(tests),
    .tags = "fact",
};
