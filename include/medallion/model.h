/**
 * @file model.h
 * Models: tables that are computed from tables, as declarations with one build function each.
 *
 * A model says its name, layer, the tables that it refers to, its columns with descriptions, and
 * how to build it; the warehouse (warehouse.h) finds the order, runs it, checks what it gave, and
 * publishes. The built-in models are made with this header and operators.h alone;
 * `examples/custom_model.c` adds one.
 */
#ifndef MEDALLION_MODEL_H
#define MEDALLION_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/context.h"
#include "medallion/export.h"
#include "medallion/operators.h"
#include "medallion/quality.h"
#include "medallion/status.h"
#include "medallion/table.h"
#include "medallion/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Name, pinned value and text of the layers. */
#define MDL_LAYER_LIST(X)                                                                          \
    X(BRONZE, 1, "bronze") /* sources: what the files said */                                      \
    X(SILVER, 2, "silver") /* staging, dimensions, facts */                                        \
    X(GOLD, 3, "gold")     /* marts */

/** The layer of a table. */
typedef enum mdl_layer {
#define MDL_LAYER_ENUM(name, value, text) MDL_LAYER_##name = value,
    MDL_LAYER_LIST(MDL_LAYER_ENUM)
#undef MDL_LAYER_ENUM
} mdl_layer;

/** Name, pinned value and text of the kinds of models. */
#define MDL_MATERIALIZATION_LIST(X)                                                                \
    X(SOURCE, 1, "source")           /* loaded, not built */                                       \
    X(VIEW, 2, "view")               /* shares its input's columns */                              \
    X(TABLE, 3, "table")             /* built afresh each time */                                  \
    X(INCREMENTAL, 4, "incremental") /* may start from what it was before */                       \
    X(SNAPSHOT, 5, "snapshot")       /* the history of another table; snapshot.h */

/** How a model comes to its rows. */
typedef enum mdl_materialization {
#define MDL_MATERIALIZATION_ENUM(name, value, text) MDL_MATERIALIZATION_##name = value,
    MDL_MATERIALIZATION_LIST(MDL_MATERIALIZATION_ENUM)
#undef MDL_MATERIALIZATION_ENUM
} mdl_materialization;

/** "bronze", "silver" or "gold"; "?" for a value that is none. */
MDL_API const char *mdl_layer_name(mdl_layer layer);

/** "source", "view", "table", "incremental" or "snapshot"; "?" for a value that is none. */
MDL_API const char *mdl_materialization_name(mdl_materialization materialization);

/** What a build function works with; opaque, valid during the call. */
typedef struct mdl_build mdl_build;

/** A column of a model. */
typedef struct mdl_model_column {
    const char *name;
    mdl_type type;
    const char *description; /**< one line of plain text, for `medallion describe` and the docs */
} mdl_model_column;

/** The declaration of a model. Everything that it points to must live as long as the warehouse. */
typedef struct mdl_model {
    size_t struct_size; /**< sizeof(mdl_model) */
    const char *name;   /**< unique in the warehouse; at most 120 letters, digits and `_`, which is
                             not the first */
    mdl_layer layer;
    mdl_materialization materialization; /**< VIEW, TABLE or INCREMENTAL */
    const char *description;             /**< one line of plain text */
    const char *const *refs;             /**< tables that it is built from; no others can be read */
    int32_t n_refs;
    const mdl_model_column *columns; /**< exactly the columns that `build` gives, in order */
    int32_t n_columns;
    const char *key; /**< columns that are unique together and not NULL, `"movie_id, genre"`, which
                          is tested in every run; NULL = none */
    /**
     * Builds the table. Called by one thread at a time per model, for several models at once. On
     * success `*out` is a new reference.
     */
    mdl_status (*build)(mdl_build *build, mdl_table **out, mdl_error *error);
    void *user_data;       /**< for `build`, by ::mdl_build_user_data */
    const mdl_test *tests; /**< besides those of `key`; NULL = none */
    int32_t n_tests;
    const char *tags; /**< words for `tag:` selectors, `"mart, daily"`; NULL = none */
    /**
     * What `build` computes, as a number: another one whenever it would give other rows from the
     * same inputs. Then a table is reused while the rows of its refs are those that it was built
     * from, and an INCREMENTAL model goes on only from a table of its version; what else is declared
     * here, the tiers and the version of the library count too. 0 = not told: the model is built in
     * every run, and from an earlier table whatever made that.
     */
    int64_t version;
} mdl_model;

/** The context to work in. */
MDL_API mdl_context *mdl_build_context(const mdl_build *build);

/** `user_data` of the model. */
MDL_API void *mdl_build_user_data(const mdl_build *build);

/** A query for this build, freed when it ends; the same at each call, never NULL. */
MDL_API mdl_query *mdl_build_query(mdl_build *build);

/**
 * Memory that is freed when the build and its query have ended, such as the state of a scalar
 * function; aligned to 16 bytes, not zeroed. ::MDL_E_NO_MEMORY, ::MDL_E_BUDGET.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_build_allocate(mdl_build *build, int64_t size_bytes,
                                                     void **out, mdl_error *error);

/** A table that the model refers to; valid during the build. NULL if it is not among `refs`. */
MDL_API const mdl_table *mdl_build_ref(const mdl_build *build, const char *name);

/**
 * For INCREMENTAL models: the table that this model's last successful build gave, or NULL when
 * there is none, a full refresh was asked for, or the model has a version and that table was built
 * by another definition.
 */
MDL_API const mdl_table *mdl_build_previous(const mdl_build *build);

/**
 * For INCREMENTAL models: a referred table as it was in that last build; NULL whenever
 * ::mdl_build_previous is. A source, and a view over one, only ever grows at its end.
 */
MDL_API const mdl_table *mdl_build_previous_ref(const mdl_build *build, const char *name);

/** A relation on a table that the model refers to: ::mdl_scan of ::mdl_build_ref in
 * ::mdl_build_query. */
MDL_API mdl_rel *mdl_build_scan(mdl_build *build, const char *name);

/**
 * @name What has changed
 * For INCREMENTAL models that look only at what came or went since their last successful build.
 *
 * @code
 * mdl_changes changes;
 * mdl_status status = mdl_build_changes(build, "fact_ratings", &changes, error);
 * if (status == MDL_OK && !changes.are_known) {
 *     mdl_build_start_afresh(build); // and build from all rows
 * }
 * @endcode
 * @{
 */

/** How a referred table differs from ::mdl_build_previous_ref: take `removed` out of that, put
 * `added` in, and it has the rows of ::mdl_build_ref. */
typedef struct mdl_changes {
    bool are_known;           /**< false = anything may have changed, and nothing below counts */
    const mdl_table *added;   /**< rows that came, also such as take the place of others; NULL =
                                   none. A row that is removed and added again may be in both */
    const mdl_table *removed; /**< rows that went, with the values that they had; NULL = none */
} mdl_changes;

/**
 * Whether a referred table is known to have the very rows that it had at this model's last
 * successful build; nothing but ::mdl_build_previous_ref and ::mdl_build_ref is looked at. False
 * whenever ::mdl_build_previous is NULL.
 */
MDL_API bool mdl_build_is_unchanged(const mdl_build *build, const char *name);

/**
 * How a referred table differs from what it was at this model's last successful build. That is known
 * when it is unchanged; when its own build told it (::mdl_build_tell_changes) in this run, going on
 * from the very table that this model was built from; and for a table of one column in strictly
 * ascending order, which is compared. It is never known when ::mdl_build_previous is NULL.
 *
 * @param out  its tables live as long as the build
 * @return ::MDL_E_NOT_FOUND for a name that is not among `refs`; what a comparison answers.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_build_changes(mdl_build *build, const char *name,
                                                    mdl_changes *out, mdl_error *error);

/**
 * For INCREMENTAL models: tells the models that refer to this one how the table that the build will
 * give differs from ::mdl_build_previous. Both tables have the columns of the model; NULL = no rows;
 * references of their own are taken. Without a previous table nothing is told. A build whose numbers
 * of rows do not fit what it told fails with ::MDL_E_MODEL.
 */
MDL_API void mdl_build_tell_changes(mdl_build *build, const mdl_table *added,
                                    const mdl_table *removed);

/**
 * For INCREMENTAL models that find it better not to go on from their previous table: from here on
 * the build is as after a full refresh, ::mdl_build_previous gives NULL, and the run does not say
 * that it was incremental.
 */
MDL_API void mdl_build_start_afresh(mdl_build *build);

/** @} */

/**
 * Tells a number of the build's work for the run's result and log, such as `"replaced"` rows. `name`
 * must live as long as the warehouse; at most 8 are kept, told twice they add up.
 */
MDL_API void mdl_build_count(mdl_build *build, const char *name, int64_t value);

/** Runs a plan of ::mdl_build_query; the last line of most build functions. */
MDL_API MDL_MUST_CHECK mdl_status mdl_build_collect(mdl_build *build, mdl_rel *rel, mdl_table **out,
                                                    mdl_error *error);

/**
 * @name Tiers
 * Labels by threshold, as data: `popularity_tier` and its like.
 * @{
 */

/** When a rule of a tier holds. */
typedef enum mdl_tier_test {
    MDL_TIER_AT_LEAST = 1,  /**< measure ≥ threshold */
    MDL_TIER_OTHERWISE = 2, /**< any measure that is not NULL */
    MDL_TIER_IF_NULL = 3    /**< NULL */
} mdl_tier_test;

/** One rule. Rules of a column are tried in their order; the first that holds gives the label. */
typedef struct mdl_tier {
    const char *model;  /**< such as "mart_movie_analytics" */
    const char *column; /**< such as "popularity_tier" */
    mdl_tier_test test;
    int64_t threshold_hundredths; /**< for AT_LEAST, of a count or an average alike: 4.0 is 400.
                                     Compared exactly, never through a rounded double */
    const char *label;
} mdl_tier;

/** The rules of SPEC's marts, the default of every warehouse; static storage. Thread-safe. */
MDL_API const mdl_tier *mdl_default_tiers(int32_t *n_tiers);

/** The rules of the warehouse that builds. */
MDL_API const mdl_tier *mdl_build_tiers(const mdl_build *build, int32_t *n_tiers);

/** @} */

/** The built-in models in an order in which they can be built; static storage. Thread-safe. */
MDL_API const mdl_model *const *mdl_builtin_models(int32_t *n_models);

#ifdef __cplusplus
}
#endif

#endif
