/*
 * What the files that write dbt's artifacts share: settings, names of nodes, and the metadata that
 * every artifact starts with.
 */
#ifndef MDLI_ARTIFACTS_DBT_ARTIFACTS_H
#define MDLI_ARTIFACTS_DBT_ARTIFACTS_H

#include "base/json_text.h"
#include "medallion/artifacts.h"

/* dbt's name of the group of sources. */
#define MDLI_SOURCE_GROUP "movielens"

/* Room for a node's name: a table's or a test's, and what dbt puts around it. */
#define MDLI_NODE_NAME_SIZE 512

/* An artifact in the making. */
typedef struct mdli_artifact {
    const mdl_warehouse *warehouse;
    const mdl_run *run; /* NULL = none */
    mdl_artifact_options options;
    mdli_json json;
} mdli_artifact;

/* Checks what the caller gave and starts the text; `schema` is "manifest/v12" or the like. */
mdl_status mdli_artifact_start(mdli_artifact *artifact, const mdl_warehouse *warehouse,
                               const mdl_run *run, const mdl_artifact_options *options,
                               const char *schema, mdl_write_fn write, void *user_data,
                               mdl_error *error);

/* Closes the outermost object and ends the text. */
mdl_status mdli_artifact_finish(mdli_artifact *artifact, mdl_error *error);

/* "model.streamflix.dim_movies", "source.streamflix.movielens.movies" and so on. */
void mdli_node_id(const mdli_artifact *artifact, const mdl_model *model, char *out, size_t size);

/* "test.streamflix.not_null_dim_users_user_id.0123456789". */
void mdli_test_id(const mdli_artifact *artifact, const mdl_model *model, const mdl_test *test,
                  char *out, size_t size);

/* "exposure.streamflix.report". */
void mdli_exposure_id(const mdli_artifact *artifact, const mdl_exposure *exposure, char *out,
                      size_t size);

/* The member "relation_name" of a table: "streamflix"."silver"."dim_movies". */
void mdli_write_relation_name(mdli_artifact *artifact, const mdl_model *model);

/* A member with a time, "2026-01-31T10:20:30.250000Z". */
void mdli_write_time(mdli_artifact *artifact, const char *key, int64_t seconds, double fraction);

/* A member with the words of a text as an array; NULL has none. */
void mdli_write_words(mdli_artifact *artifact, const char *key, const char *text);

#endif
