/*
 * dim_users: everybody who rated or tagged.
 */
#include "models/models.h"

static const char *const refs[] = {"src_ratings", "src_tags"};

static const mdl_model_column columns[] = {
    {"user_id", MDL_TYPE_INT32, "Id of the user"},
};

static mdl_status build_dim_users(mdl_build *build, mdl_table **out, mdl_error *error)
{
    mdl_rel *raters = mdl_project(mdl_build_scan(build, "src_ratings"), "userId as user_id");
    mdl_rel *taggers = mdl_project(mdl_build_scan(build, "src_tags"), "userId as user_id");

    mdl_rel *users = mdl_union_all(mdl_distinct(raters, NULL, MDL_KEEP_FIRST),
                                   mdl_distinct(taggers, NULL, MDL_KEEP_FIRST));
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
