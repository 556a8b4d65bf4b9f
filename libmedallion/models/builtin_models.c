/*
 * The list of the built-in models.
 */
#include "models/models.h"

static const mdl_model *const builtin_models[] = {
    &mdli_src_movies,
    &mdli_src_ratings,
    &mdli_src_tags,
    &mdli_src_links,
    &mdli_dim_users,
    &mdli_dim_movies,
    &mdli_fact_ratings,
    &mdli_fact_tags,
    &mdli_fact_movie_genre_ratings,
    &mdli_mart_movie_analytics,
    &mdli_mart_user_behavior,
    &mdli_mart_genre_performance,
};

const mdl_model *const *mdl_builtin_models(int32_t *n_models)
{
    *n_models = MDLI_COUNT_OF(builtin_models);
    return builtin_models;
}
