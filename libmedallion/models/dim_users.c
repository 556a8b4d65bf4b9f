/*
 * dim_users: everybody who rated or tagged.
 *
 * Incremental: sources grow at their end, so that users only come, in the rows behind those that were
 * there at the last build.
 */
#include "models/models.h"

static const char *const refs[] = {"src_ratings", "src_tags"};

static const mdl_model_column columns[] = {
    {"user_id", MDL_TYPE_INT32, "Id of the user"},
};

/* The users of the rows of a table that came since the last build, each once. Grouping, unlike
 * MDL_KEEP_FIRST, need not care which row of a user comes first, and so does not sort a table that
 * daily files have put out of order. */
static mdl_rel *users_of(mdl_build *build, const char *name)
{
    const mdl_table *table = mdl_build_ref(build, name);
    const mdl_table *seen = mdl_build_previous_ref(build, name);
    const int64_t n_rows = mdl_table_n_rows(table);
    const int64_t n_seen = seen != NULL ? mdl_table_n_rows(seen) : 0;
    mdl_rel *rows = mdl_scan_range(mdl_build_query(build), table, n_seen, n_rows - n_seen);
    return mdl_project(mdl_aggregate(rows, "userId", "count(*) as n"), "userId as user_id");
}

static mdl_status build_dim_users(mdl_build *build, mdl_table **out, mdl_error *error)
{
    const mdl_table *previous = mdl_build_previous(build);
    mdl_rel *users = mdl_union_all(users_of(build, "src_ratings"), users_of(build, "src_tags"));
    users = mdl_distinct(users, NULL, MDL_KEEP_FIRST);
    users = mdl_sort(users, "user_id");
    if (previous != NULL) {
        users = mdl_upsert(mdl_scan(mdl_build_query(build), previous), users, "user_id");
    }
    return mdl_build_collect(build, users, out, error);
}

const mdl_model mdli_dim_users = {
    .struct_size = sizeof(mdl_model),
    .name = "dim_users",
    .layer = MDL_LAYER_SILVER,
    .materialization = MDL_MATERIALIZATION_INCREMENTAL,
    .description = "One row per user who rated or tagged a movie",
    .refs = refs,
    .n_refs = MDLI_COUNT_OF(refs),
    .columns = columns,
    .n_columns = MDLI_COUNT_OF(columns),
    .key = "user_id",
    .build = build_dim_users,
    .tags = "dimension",
    .version = 1,
};
