/*
 * fact_tags: the tags on known movies by known users, each once.
 *
 * Incremental, as fact_ratings is: movies and users never go, so that rows only come. A row that
 * comes again is the same row, as the key is all of it.
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

/* The tags that belong into the table, in its order, each once. */
static mdl_rel *known_tags(mdl_build *build)
{
    mdl_rel *movies = mdl_build_scan(build, "dim_movies");
    mdl_rel *users = mdl_build_scan(build, "dim_users");
    mdl_rel *tags = mdli_rows_to_place(build, "src_tags");
    tags = mdl_filter(tags, "tag is not null");
    tags = mdl_join(tags, movies, MDL_JOIN_SEMI, "movieId = movie_id");
    tags = mdl_join(tags, users, MDL_JOIN_SEMI, "userId = user_id");
    tags = mdl_project(tags, "userId as user_id, movieId as movie_id, tag, "
                             "\"timestamp\" as created_at");
    tags = mdl_sort(tags, KEY);
    return mdl_distinct(tags, KEY, MDL_KEEP_LAST);
}

/* Puts the tags that were not there before into the previous table. */
static mdl_status apply_increment(mdl_build *build, const mdl_table *increment, mdl_table **out,
                                  mdl_error *error)
{
    mdl_query *query = mdl_build_query(build);
    const mdl_table *previous = mdl_build_previous(build);
    mdl_table *added = NULL;
    /* By user first: the table is in their order, and nearly all of it is left out by runs. */
    mdl_rel *of_users =
        mdl_join(mdl_scan(query, previous), mdl_scan(query, increment), MDL_JOIN_SEMI, "user_id");
    mdl_rel *rel = mdl_join(mdl_scan(query, increment), of_users, MDL_JOIN_ANTI, KEY);
    mdl_status status = mdl_build_collect(build, rel, &added, error);
    if (status == MDL_OK) {
        rel = mdl_upsert(mdl_scan(query, previous), mdl_scan(query, added), KEY);
        status = mdl_build_collect(build, rel, out, error);
    }
    if (status == MDL_OK) {
        mdl_build_count(build, "new", mdl_table_n_rows(added));
        mdl_build_tell_changes(build, added, NULL);
    }
    mdl_table_free(added);
    return status;
}

static mdl_status build_fact_tags(mdl_build *build, mdl_table **out, mdl_error *error)
{
    if (mdl_build_previous(build) == NULL) {
        return mdl_build_collect(build, known_tags(build), out, error);
    }
    mdl_table *increment = NULL;
    mdl_status status = mdl_build_collect(build, known_tags(build), &increment, error);
    if (status == MDL_OK) {
        status = apply_increment(build, increment, out, error);
    }
    mdl_table_free(increment);
    return status;
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
    .materialization = MDL_MATERIALIZATION_INCREMENTAL,
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
    .version = 1,
};
