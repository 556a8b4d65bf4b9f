/*
 * dim_users: everybody who rated or tagged.
 */
#include "models/models.h"

static const char *const refs[] = {"src_ratings", "src_tags"};

static const mdl_model_column columns[] = {
    {"user_id", MDL_TYPE_INT32, "Id of the user"},
};

/* The users of a table, each once. Grouping, unlike MDL_KEEP_FIRST, need not care which row of a user
 * comes first, and so does not sort a table that daily files have put out of order. */
static mdl_rel *users_of(mdl_build *build, const char *table)
{
    mdl_rel *users = mdl_aggregate(mdl_build_scan(build, table), "userId", "count(*) as n");
    return mdl_project(users, "userId as user_id");
}

static mdl_status build_dim_users(mdl_build *build, mdl_table **out, mdl_error *error)
{
    mdl_rel *users = mdl_union_all(users_of(build, "src_ratings"), users_of(build, "src_tags"));
    users = mdl_distinct(users, NULL, MDL_KEEP_FIRST);
    users = mdl_sort(users, "user_id");
    return mdl_build_collect(build, users, out, error);
}

const mdl_model mdli_dim_users = {
    .struct_size = sizeof(mdl_model),
    .name = "dim_users",
    .layer = MDL_LAYER_SILVER,
    .materialization = MDL_MATERIALIZATION_TABLE,
    .description = "One row per user who rated or tagged a movie",
    .refs = refs,
    .n_refs = MDLI_COUNT_OF(refs),
    .columns = columns,
    .n_columns = MDLI_COUNT_OF(columns),
    .key = "user_id",
    .build = build_dim_users,
    .tags = "dimension",
};
