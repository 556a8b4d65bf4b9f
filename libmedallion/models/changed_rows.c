/*
 * What incremental models have in common: which rows to look at.
 */
#include <string.h>

#include "models/models.h"

/* Rows of a dimension that were not there at the last build. */
static mdl_rel *arrived_since(mdl_build *build, const char *dimension, const char *key)
{
    mdl_rel *before = mdl_scan(mdl_build_query(build), mdl_build_previous_ref(build, dimension));
    return mdl_join(mdl_build_scan(build, dimension), before, MDL_JOIN_ANTI, key);
}

mdl_rel *mdli_rows_to_place(mdl_build *build, const char *source)
{
    if (mdl_build_previous(build) == NULL) {
        return mdl_build_scan(build, source);
    }
    mdl_query *query = mdl_build_query(build);
    const mdl_table *table = mdl_build_ref(build, source);
    const int64_t n_rows = mdl_table_n_rows(table);
    const int64_t n_seen = mdl_table_n_rows(mdl_build_previous_ref(build, source));
    mdl_rel *seen = mdl_scan_range(query, table, 0, n_seen);
    mdl_rel *rows = mdl_scan_range(query, table, n_seen, n_rows - n_seen);

    /* Seen rows come first, so that rows of one key keep their load order. */
    mdl_rel *movies = arrived_since(build, "dim_movies", "movie_id");
    if (!mdl_build_is_unchanged(build, "dim_users")) {
        mdl_rel *users = arrived_since(build, "dim_users", "user_id");
        mdl_rel *of_users = mdl_join(seen, users, MDL_JOIN_SEMI, "userId = user_id");
        of_users = mdl_join(of_users, movies, MDL_JOIN_ANTI, "movieId = movie_id");
        rows = mdl_union_all(of_users, rows);
    }
    if (!mdl_build_is_unchanged(build, "dim_movies")) {
        mdl_rel *of_movies = mdl_join(seen, movies, MDL_JOIN_SEMI, "movieId = movie_id");
        rows = mdl_union_all(of_movies, rows);
    }
    return rows;
}

/* Whether the movies that dim_movies had at the last build have the genres that they had. */
static mdl_status find_genres_kept(mdl_build *build, bool *are_kept, mdl_error *error)
{
    *are_kept = true;
    if (mdl_build_is_unchanged(build, "dim_movies")) {
        return MDL_OK;
    }
    static const char columns[] = "movie_id, genre";
    mdl_query *query = mdl_build_query(build);
    mdl_rel *before =
        mdl_project(mdl_scan(query, mdl_build_previous_ref(build, "dim_movies")), columns);
    mdl_rel *now = mdl_project(mdl_build_scan(build, "dim_movies"), columns);
    mdl_rel *lost = mdl_join(before, now, MDL_JOIN_ANTI, columns);
    mdl_rel *gained = mdl_join(now, before, MDL_JOIN_SEMI, "movie_id");
    gained = mdl_join(gained, before, MDL_JOIN_ANTI, columns);
    mdl_table *changed = NULL;
    mdl_status status = mdl_build_collect(build, mdl_union_all(lost, gained), &changed, error);
    *are_kept = status == MDL_OK && mdl_table_n_rows(changed) == 0;
    mdl_table_free(changed);
    return status;
}

/* So many users are always worth it. */
#define FEW_USERS 64

/* With a changed user for so many ratings, working from all rows is not slower. */
#define RATINGS_PER_CHANGED_USER 1000

/* The users of some rows, NULL = none, beside those that were found before, NULL likewise. */
static mdl_rel *with_users_of(mdl_build *build, mdl_rel *users, const mdl_table *rows)
{
    if (rows == NULL) {
        return users;
    }
    mdl_rel *others = mdl_project(mdl_scan(mdl_build_query(build), rows), "user_id");
    return users != NULL ? mdl_union_all(users, others) : others;
}

/* The users of the rows that came and went in some tables, with repeats; NULL = it cannot be told, or
 * users went themselves. */
static mdl_status find_users_of_changes(mdl_build *build, const char *const *tables,
                                        int32_t n_tables, mdl_rel **users, mdl_error *error)
{
    const mdl_table *first = mdl_build_ref(build, tables[0]);
    mdl_rel *none = mdl_scan_range(mdl_build_query(build), first, 0, 0);
    mdl_rel *rel = NULL;
    *users = NULL;
    for (int32_t i = 0; i < n_tables; i++) {
        mdl_changes changes;
        mdl_status status = mdl_build_changes(build, tables[i], &changes, error);
        const bool are_users_gone = strcmp(tables[i], "dim_users") == 0 && changes.removed != NULL;
        if (status != MDL_OK || !changes.are_known || are_users_gone) {
            return status;
        }
        rel = with_users_of(build, rel, changes.added);
        rel = with_users_of(build, rel, changes.removed);
    }
    *users = rel != NULL ? rel : mdl_project(none, "user_id");
    return MDL_OK;
}

mdl_status mdli_find_changed_users(mdl_build *build, const char *const *tables, int32_t n_tables,
                                   mdl_table **users, mdl_error *error)
{
    bool are_genres_kept = false;
    mdl_rel *rel = NULL;
    mdl_status status = MDL_OK;
    *users = NULL;
    if (mdl_build_previous(build) != NULL) {
        status = find_genres_kept(build, &are_genres_kept, error);
    }
    if (status == MDL_OK && are_genres_kept) {
        status = find_users_of_changes(build, tables, n_tables, &rel, error);
    }
    if (status != MDL_OK || rel == NULL) {
        return status;
    }
    rel = mdl_project(mdl_aggregate(rel, "user_id", "count(*) as n"), "user_id");
    status = mdl_build_collect(build, rel, users, error);
    const int64_t n_ratings = mdl_table_n_rows(mdl_build_ref(build, "fact_ratings"));
    const int64_t n_users = status == MDL_OK ? mdl_table_n_rows(*users) : 0;
    if (n_users > FEW_USERS && n_users > n_ratings / RATINGS_PER_CHANGED_USER) {
        mdl_table_free(*users);
        *users = NULL;
    }
    return status;
}
