/*
 * What a warehouse is inside, shared by the files of this folder.
 *
 * Tables are nodes: sources, which are loaded, and models, which are built from the nodes that
 * their refs name. A node's table is what was last loaded or published; it is replaced as a whole.
 */
#ifndef MDLI_WAREHOUSE_WAREHOUSE_INTERNAL_H
#define MDLI_WAREHOUSE_WAREHOUSE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "column/table_rows.h"
#include "medallion/warehouse.h"

#define MDLI_N_SOURCES 4

/* Longest name of a model: two and what stands between them are a table's name in a store. */
#define MDLI_MODEL_NAME_BYTES_MAX 120

/* A source: its declaration as a table, and as CSV, with the same columns. */
typedef struct mdli_source {
    mdl_model model;
    const mdl_csv_column *csv_columns;
} mdli_source;

/* movies, ratings, tags, links: the order in which a folder's files load. */
extern const mdli_source mdli_sources[MDLI_N_SOURCES];

/* The source with that name, or -1. */
int32_t mdli_find_source(const char *name);

/* The name of a table in a store; at most 255 bytes. */
typedef struct mdli_table_name {
    char text[256];
} mdli_table_name;

/* Stands for all that a table depends on besides its inputs, in hexadecimal digits; "" = none. */
typedef struct mdli_definition {
    char hash[33];
} mdli_definition;

/* That of a table in a store. */
typedef struct mdli_stored_definition {
    mdli_table_name table;
    mdli_definition definition;
} mdli_stored_definition;

/* What a test in a store has found; see known_tests.h. */
typedef struct mdli_stored_test {
    char test[256];
    mdli_definition definition;
    bool has_warned;
    int64_t n_kept;
    int64_t n_rows;
    int64_t n_failures;
    char message[sizeof((mdl_test_result *)NULL)->message];
} mdli_stored_test;
typedef struct mdli_known_test mdli_known_test;

/* A table of the warehouse. The first MDLI_N_SOURCES nodes are the sources, in their order. */
typedef struct mdli_node {
    mdl_model model;
    /* Those of the declaration and of its key, each with a name that no other has. */
    mdl_test *tests;
    mdli_known_test *known; /* of each test */
    int32_t n_tests;
    /* Of a snapshot, whose one ref is the table that it is taken of; else NULL. */
    const mdl_snapshot *snapshot;
    /* What these point to where that is not the caller's. */
    mdli_arena arena;
    /* Node of each ref; -1 = no table has that name. */
    int32_t *refs;
    /* In the build order; -1 = none, for a model whose refs are missing or circular. */
    int32_t place;
    /* As last loaded or published; NULL = never, or not read yet. Read by mdli_node_table. */
    mdl_table *table;
    int64_t n_changes; /* how often another one took its place */
    /* Built by a run that failed, for a retry of it; likewise, by mdli_node_pending. */
    mdl_table *pending;
    /* Of the model as it is declared here, of `table`, and of `pending`. */
    mdli_definition definition;
    mdli_definition table_definition;
    mdli_definition pending_definition;
    /* Of models with a past: the tables of the refs from which `table` was built; NULL = never, or
     * not read yet. Read by mdli_node_past. */
    mdl_table **previous_refs;
    /* What the store has and was not read yet: while a flag is set, what it is about is NULL. */
    atomic_bool is_table_unread; /* tasks may set `table` and then clear it */
    bool is_pending_unread;
    bool are_previous_refs_unread;
} mdli_node;

/* Rows of a source that came at once. */
typedef struct mdli_segment {
    int32_t source;
    int64_t first_row;
    /* The load that they came by; -1 = the program appended them. */
    int64_t load;
    /* Numbers of the records of the file that were rejected, ascending. */
    int64_t *rejected_records;
    int64_t n_rejected;
    /* What mdl_csv_restore needs besides the rows; NULL for a file that cannot be restored, for
     * appended rows, and where it is in the store. Read by mdli_segment_layout. */
    mdl_table *layout;
    /* Where it is among the layouts in the store; -1 = it is not. */
    int64_t layout_row;
    int64_t n_layout_rows;
} mdli_segment;

struct mdl_warehouse {
    mdl_context *context;
    const mdl_tier *tiers;
    int32_t n_tiers;

    /* In the order in which they were added. */
    mdli_node **nodes;
    int64_t nodes_capacity;
    int32_t n_nodes;
    /* All nodes in build order. */
    int32_t *order;
    int64_t order_capacity;

    /* Their paths are owned. */
    mdl_load_info *loads;
    int64_t loads_capacity;
    int64_t n_loads;
    /* Ascending by first_row within a source. */
    mdli_segment *segments;
    int64_t segments_capacity;
    int64_t n_segments;
    /* NULL = no record was rejected. */
    mdl_table *rejects;

    /* The log, as mdl_warehouse_runs and mdl_warehouse_run_tasks give it. */
    mdl_table *runs;
    mdl_table *run_tasks;

    /* NULL = none. Tasks that read from it hold the lock. */
    mdl_store *store;
    pthread_mutex_t reading;
    /* The definitions in the store. */
    mdli_stored_definition *definitions;
    int64_t definitions_capacity;
    int64_t n_definitions;
    /* What it knows of tests. */
    mdli_stored_test *known_tests;
    int64_t known_tests_capacity;
    int64_t n_known_tests;
    /* The layouts of all segments in the store; NULL = not read yet. */
    mdl_table *layouts;
    /* What the version at hand of the store tells of. */
    int64_t n_loads_committed;
    int64_t last_run_committed;
    /* What snapshots have changed since then. */
    mdl_snapshot_counts changes;
};

/* warehouse.c */

/*
 * Adds a table whose declaration has been checked and is copied. `arena`, which is taken over also
 * after a failure, holds what it points to where that is not the caller's; so too `snapshot`, which
 * is NULL for what is none.
 */
mdl_status mdli_add_declaration(mdl_warehouse *warehouse, const mdl_model *model,
                                const mdl_snapshot *snapshot, mdli_arena *arena, mdl_error *error);

/* Names of tables are letters, digits and `_`. */
bool mdli_is_name(const char *name);

/* MDL_E_ARGUMENT for columns of a model that make no sense, or a key that is not made of them. */
mdl_status mdli_check_columns(const mdl_model *model, mdl_error *error);

/* MDL_E_ARGUMENT when a list of names, NULL allowed, is not made of columns; `what` is for the
 * message. */
mdl_status mdli_check_names(const mdl_model *model, const char *what, const char *names,
                            mdl_error *error);

/* persist.c: tables that may still be in the store. Tasks may call mdli_node_table,
 * mdli_node_table_at_hand and mdli_read_stored, of which one at a time reads; the others are for
 * when none runs. */

/* Fills a new warehouse from its store; not the nodes, which mdli_attach_node does. After a failure
 * the warehouse can only be freed. */
mdl_status mdli_open_from_store(mdl_warehouse *warehouse, mdl_error *error);

/* Names of tables in a store: what a failed run left of a node, and a ref as it was when the node was
 * built. */
mdli_table_name mdli_pending_name(const mdli_node *node);
mdli_table_name mdli_previous_name(const mdli_node *node, int32_t ref);

/* Whether the store has a table with the columns of a model. */
bool mdli_is_stored_as(const mdl_store *store, const char *name, const mdl_model *model);

/* Reads a table of the store, without the summary that may be beside it. */
mdl_status mdli_read_stored(mdl_warehouse *warehouse, const char *name, mdl_table **out,
                            mdl_error *error);

/* Whether a table of the store belongs to a node of this warehouse: `x`, `x/y`, `_pending/x`. */
bool mdli_is_table_of_node(const mdl_warehouse *warehouse, const char *name);

/* Notes what the store has of a node that is added. */
void mdli_attach_node(const mdl_warehouse *warehouse, mdli_node *node);

/*
 * The table of a node as last loaded or published; `*out` is NULL when there never was one. Borrowed
 * from the node. The one way to a node's table.
 */
mdl_status mdli_node_table(mdl_warehouse *warehouse, mdli_node *node, const mdl_table **out,
                           mdl_error *error);

/* That table if it is in memory, else NULL. */
const mdl_table *mdli_node_table_at_hand(const mdli_node *node);

/* Whether a node was ever loaded or published, and its rows; nothing is read. */
bool mdli_node_is_built(const mdli_node *node);
int64_t mdli_node_n_rows(const mdl_warehouse *warehouse, const mdli_node *node);

/* Puts a table, which is taken over, in the place of a node's. */
void mdli_node_set_table(mdli_node *node, mdl_table *table);

/* As mdli_node_table for the table that a failed run left. */
mdl_status mdli_node_pending(mdl_warehouse *warehouse, mdli_node *node, const mdl_table **out,
                             mdl_error *error);

/* Likewise. */
void mdli_node_set_pending(mdli_node *node, mdl_table *table, const mdli_definition *definition);

/* There is no such table any more. */
void mdli_node_drop_pending(mdli_node *node);

/* Reads a table of a log, NULL when the store has none. One of another form was written by another
 * version of the library: MDL_E_UNSUPPORTED. */
mdl_status mdli_read_log_table(const mdl_warehouse *warehouse, const char *name,
                               const mdl_field *fields, int32_t n_fields, mdl_table **out,
                               mdl_error *error);

/* Gives each row of such a table to `take`, with the warehouse as its data. */
mdl_status mdli_read_log_rows(mdl_warehouse *warehouse, const char *name, const mdl_field *fields,
                              int32_t n_fields, mdli_take_row_fn take, mdl_error *error);

/* As mdli_read_log_table, where older versions wrote less than all fields, but the first `n_first` at least: those
 * that are missing are NULL. */
mdl_status mdli_read_grown_log_table(const mdl_warehouse *warehouse, const char *name,
                                     const mdl_field *fields, int32_t n_first, int32_t n_fields,
                                     mdl_table **out, mdl_error *error);

/* node_past.c: a node's past is looked at by the task that builds it, and by no other. */

/* Whether the tables from which a node was built are kept: it goes on from its previous table, or
 * need not be built while they are the same. */
bool mdli_node_keeps_past(const mdli_node *node);

/* Whether the store has all previous refs of a node. */
bool mdli_node_has_stored_refs(const mdl_store *store, const mdli_node *node);

/* Reads the past of a node, its table and the previous refs, if it has both and they are of its
 * definition. */
mdl_status mdli_node_past(mdl_warehouse *warehouse, mdli_node *node, bool *has_past,
                          mdl_error *error);

/* load.c */

/* The column `record` of a file's rejects as an array; NULL gives NULL. */
mdl_status mdli_read_rejected_records(mdl_context *context, const mdl_table *rejects, int64_t **out,
                                      mdl_error *error);

/* model_graph.c */

/* The node with that name, or -1. */
int32_t mdli_find_node(const mdl_warehouse *warehouse, const char *name);

/* Finds the nodes of all refs and the build order: of the models that can be built next, the one
 * added first. Cannot fail. */
void mdli_graph_link(mdl_warehouse *warehouse);

/* MDL_E_NOT_FOUND for a ref that is no table, MDL_E_CYCLE for models in a circle, which is told. */
mdl_status mdli_graph_check(const mdl_warehouse *warehouse, mdl_error *error);

/* node_tests.c */

/* Lists the tests of a node whose declaration is there. */
mdl_status mdli_node_tests_create(const mdl_warehouse *warehouse, mdli_node *node,
                                  mdl_error *error);

/* selector.c */

/*
 * Marks in `selected`, which has a flag for each node, the tables that `select` picks and `exclude`
 * does not; both may be NULL. With `with_sources` also the sources that a picked table is built
 * from. MDL_E_ARGUMENT when none is left or a text cannot be read.
 */
mdl_status mdli_select_nodes(const mdl_warehouse *warehouse, const char *select,
                             const char *exclude, bool with_sources, bool *selected,
                             mdl_error *error);

/* load_plan.c */

/* A file that is to be loaded. */
typedef struct mdli_planned_file {
    const char *path;
    int32_t source;
    /* Of a daily file; plain files come before all days. */
    int64_t day;
} mdli_planned_file;

/* Files in the order in which they are to be loaded. */
typedef struct mdli_load_plan {
    mdl_context *context;
    mdli_planned_file *files;
    int64_t capacity;
    int64_t n_files;
} mdli_load_plan;

/* Finds the files that paths stand for, as mdl_warehouse_load says. The plan has to be freed, also
 * after a failure. */
mdl_status mdli_load_plan_create(mdl_context *context, const char *const *paths, int32_t n_paths,
                                 mdli_load_plan *plan, mdl_error *error);
void mdli_load_plan_free(mdli_load_plan *plan);

/* build.c */

/* Most numbers that a build can tell. */
#define MDLI_COUNTERS_MAX 8

/* How a table differs from another one, as the build that gave it told, or as was found. */
typedef struct mdli_changes {
    mdl_table *base;    /* the other one; NULL = nothing is known */
    mdl_table *added;   /* NULL = no rows */
    mdl_table *removed; /* likewise */
} mdli_changes;

void mdli_changes_free(mdli_changes *changes);

/* What a build reads besides what was published. Both have an item for each node. */
typedef struct mdli_build_inputs {
    mdl_table *const *tables;    /* of this run, or NULL where the published one counts */
    const mdli_changes *changes; /* of this run */
    bool full_refresh;
} mdli_build_inputs;

/* What the build of a model gave. */
typedef struct mdli_built {
    mdl_table *table;
    mdli_changes changes; /* that it told; owned */
    bool is_incremental;
    char *explain; /* of the context's memory; owned, like the table */
    mdl_run_counter counters[MDLI_COUNTERS_MAX];
    int32_t n_counters;
} mdli_built;

/* Whether a model would give the table that it gave last: its definition and all inputs are known to
 * be the same. In node_past.c. */
mdl_status mdli_is_up_to_date(mdl_warehouse *warehouse, mdli_node *node,
                              const mdli_build_inputs *inputs, bool *is_same, mdl_error *error);

/* Builds a model, whose inputs were read, and checks that it is what was declared. With `goes_on` it
 * goes on from its past, which was read too. The fault does not name the model; `error` must not be
 * NULL. */
mdl_status mdli_build_model(mdl_warehouse *warehouse, const mdli_node *node,
                            const mdli_build_inputs *inputs, bool goes_on, mdli_built *out,
                            mdl_error *error);

/* content_hash.c */

/* The XXH3-128 of a file in canonical form, and its size. */
mdl_status mdli_hash_file(mdl_context *context, const char *path, int64_t *size_bytes,
                          unsigned char xxh3_128[16], mdl_error *error);

/* The size of a file, by which most files are told from those loaded before. */
mdl_status mdli_file_size(const char *path, int64_t *size_bytes, mdl_error *error);

#endif
