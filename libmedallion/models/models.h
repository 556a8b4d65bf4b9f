/*
 * The built-in models: one file each, named after it.
 *
 * They are made with the public headers alone, as a model of the caller's would be.
 */
#ifndef MDLI_MODELS_MODELS_H
#define MDLI_MODELS_MODELS_H

#include "medallion/model.h"
#include "medallion/snapshot.h"

/* Silver, staging. */
extern const mdl_model mdli_src_movies;
extern const mdl_model mdli_src_ratings;
extern const mdl_model mdli_src_tags;
extern const mdl_model mdli_src_links;

/* Silver, dimensions and facts. */
extern const mdl_model mdli_dim_users;
extern const mdl_model mdli_dim_movies;
extern const mdl_model mdli_fact_ratings;
extern const mdl_model mdli_fact_tags;
extern const mdl_model mdli_fact_movie_genre_ratings;

/* Gold, marts. */
extern const mdl_model mdli_mart_movie_analytics;
extern const mdl_model mdli_mart_user_behavior;
extern const mdl_model mdli_mart_genre_performance;

/* The snapshots of the marts; static storage. */
const mdl_snapshot *mdli_builtin_snapshots(int32_t *n_snapshots);

/* Items in an array, for declarations. */
#define MDLI_COUNT_OF(array) ((int32_t)(sizeof(array) / sizeof(array)[0]))

/*
 * changed_rows.c: which rows an incremental model has to look at.
 */

/*
 * Rows of a source, which refers to users and movies, that a build has to place in its table: those
 * that came since the last build, and older ones that were left out then because their movie or user
 * was not known yet; all rows when there was none. Rows of one key keep their load order.
 */
mdl_rel *mdli_rows_to_place(mdl_build *build, const char *source);

/*
 * The users, ascending and each once, whose rows in some of the refs, fact_ratings among them, differ
 * from what they were, for a model that counts ratings by genre. NULL when there is nothing to go on
 * from: no previous table, other genres of a movie that was known, a user who is gone from dim_users,
 * changes that cannot be told, or so many of them that working from all rows takes no longer.
 */
mdl_status mdli_find_changed_users(mdl_build *build, const char *const *tables, int32_t n_tables,
                                   mdl_table **users, mdl_error *error);

/* What the rules of a tier look at. */
typedef enum mdli_tier_measure {
    /* A count: the function takes it as its one argument. */
    MDLI_TIER_OF_COUNT = 1,
    /* The average of a DECIMAL: the function takes the sum of the hundredths and the count, so that
     * the comparison is exact. NULL, or a count of 0, is the NULL average. */
    MDLI_TIER_OF_AVERAGE = 2
} mdli_tier_measure;

/*
 * Lets expressions of the build's query call the rules of `model`.`column` as a function with the
 * column's name, which gives the label; NULL where no rule holds.
 */
mdl_status mdli_add_tier_function(mdl_build *build, const char *model, const char *column,
                                  mdli_tier_measure measure, mdl_error *error);

#endif
