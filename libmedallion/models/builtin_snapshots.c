/*
 * The built-in snapshots: the history of each mart.
 */
#include "models/models.h"

static const mdl_snapshot builtin_snapshots[] = {
    {
        .struct_size = sizeof(mdl_snapshot),
        .name = "snap_mart_movie_analytics",
        .table = "mart_movie_analytics",
        .description = "How ratings and popularity of each movie have changed",
        .key = "movie_id",
        .check = "total_ratings, avg_rating, popularity_tier",
    },
    {
        .struct_size = sizeof(mdl_snapshot),
        .name = "snap_mart_user_behavior",
        .table = "mart_user_behavior",
        .description = "How ratings and segment of each user have changed",
        .key = "user_id",
        .check = "total_ratings, user_segment",
    },
    {
        .struct_size = sizeof(mdl_snapshot),
        .name = "snap_mart_genre_performance",
        .table = "mart_genre_performance",
        .description = "How ratings and popularity of each genre have changed",
        .key = "genres",
        .check = "total_ratings, avg_rating, popularity_tier",
    },
};

const mdl_snapshot *mdli_builtin_snapshots(int32_t *n_snapshots)
{
    *n_snapshots = MDLI_COUNT_OF(builtin_snapshots);
    return builtin_snapshots;
}
