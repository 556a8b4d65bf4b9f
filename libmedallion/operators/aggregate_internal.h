/*
 * What the files of the aggregate operator share: aggregate_plan.c plans, aggregate.c runs,
 * aggregate_groups.c finds the group of each row, aggregate_feed.c brings rows into the states of
 * workers (aggregate_workers.c), aggregate_merge.c merges these, aggregate_output.c makes the result.
 */
#ifndef MDLI_OPERATORS_AGGREGATE_INTERNAL_H
#define MDLI_OPERATORS_AGGREGATE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tuning.h"
#include "operators/accumulators.h"
#include "operators/distinct_count.h"
#include "operators/join_map.h"
#include "operators/key_table.h"
#include "operators/pipeline.h"
#include "operators/plan.h"

/* How rows find their group. */
typedef enum mdli_group_strategy {
    MDLI_GROUP_GLOBAL = 1,  /* there is one group */
    MDLI_GROUP_SORTED,      /* rows come ascending by the first key: a group ends where it changes;
                               further      keys, of small range, are slots of an array per run */
    MDLI_GROUP_DENSE,       /* keys of small range are the slot of an array */
    MDLI_GROUP_HASH,        /* keys are numbered by a key table */
    MDLI_GROUP_BEFORE_JOIN, /* keys are of the right side of a join: rows are aggregated by the
                               join's key, and then the states by the rows that match it */
    MDLI_GROUP_LANES /* the first key is sorted, the others are of the right side of a join: counts
                        and sums per run in an array of lanes */
} mdli_group_strategy;

/* A group key. */
typedef struct mdli_group_key {
    int32_t column; /* of the input */
    mdl_type type;
    bool is_text;
    mdli_column_facts facts;
    int64_t least;               /* dense: value of slot 0 */
    int64_t n_slots;             /* dense: values that there can be, and one for NULL */
    int64_t stride;              /* dense: slots of the keys behind it */
    int32_t *ranks;              /* dense text: the code's place in the order of texts */
    int32_t *ordered;            /* dense text: the code of each place */
    mdli_dictionary *dictionary; /* dense text: a reference */
} mdli_group_key;

/* The lanes that a join key's rows go to. Most have few, which stand here; the rest is an array of
 * none. */
#define MDLI_LANE_LIST_MAX 7
typedef struct mdli_lane_list {
    uint8_t n; /* lanes; MDLI_LANE_LIST_MAX + 1 = look at the right side's rows instead */
    uint8_t lanes[MDLI_LANE_LIST_MAX]; /* filled up with a lane that nobody reads */
} mdli_lane_list;

/* Groups to a word of a mask, and most that masks are made for. */
#define MDLI_MASK_WORD_GROUPS 32
#define MDLI_MASK_GROUPS_MAX  64

/* Which groups each of some things has. First come the first words of all masks: mostly there is one,
 * and what rows are looked up in should be small. */
typedef struct mdli_group_masks {
    uint32_t *words; /* word w of thing i is words[w × n + i]; NULL = nobody asks */
    int64_t n;
    int32_t n_words;
    uint32_t all[MDLI_MASK_GROUPS_MAX / MDLI_MASK_WORD_GROUPS]; /* of all things */
} mdli_group_masks;

/* The right side of a join that rows are aggregated before. */
typedef struct mdli_before_join {
    mdl_rel *join;
    mdl_table *right;
    mdli_join_map *map;
    const int32_t *starts;
    const int32_t *rows;
    int32_t *row_slots;         /* per row of the right side: slot of its group keys */
    mdli_lane_list *lane_lists; /* LANES: per slot of the map, and one for keys without a match */
    const uint32_t *lane_masks; /* LANES: instead, if no key has a group twice: the masks */
    int64_t lane_rows_max;      /* LANES: rows of one run that the lanes have room for */
    mdli_group_masks masks;     /* per slot of the map, and one for keys without a match */
    bool marks_runs;    /* distinct values stand in runs, and nothing else is asked of rows */
    bool has_no_states; /* distinct values are all that is asked for: masks tell it alone */
} mdli_before_join;

/* One aggregate of the list: what it is made of, of accumulators where nothing else is said; −1 =
 * none. */
typedef struct mdli_output_plan {
    int32_t rows; /* ROWS or COUNT of the argument: whether there is a value, and how many */
    int32_t main;
    int32_t squares;
    int32_t distinct; /* in `distincts` */
    int32_t taken;    /* column of the source whose value is taken from the row that `main` tells */
} mdli_output_plan;

/* One count(distinct x). */
typedef struct mdli_distinct_plan {
    int32_t argument;
    int32_t accumulator;
    mdli_distinct_strategy strategy;
} mdli_distinct_plan;

/* A compact layout in place of the full one; aggregate_compact.c. */
typedef struct mdli_compact {
    bool is_used;
    mdli_state_layout full;
    int32_t argument; /* of the histogram, which comes first in the state; −1 = it is one counter */
    int32_t n_values;
    int64_t values[MDLI_HISTOGRAM_MAX]; /* ascending */
    int32_t extreme_argument;           /* −1 = none */
    int32_t extreme_offset;
    const mdli_summary *summary; /* of the source, that has what these states have; or NULL */
    bool needs_rows;             /* with a summary: distinct values are counted from the rows */
    /* With a summary: the slot of each state, where its groups alone have states; NULL = state s is
     * of slot s. */
    int32_t *slots;
} mdli_compact;

/* One key by which ARG_FIRST orders the groups of a run. */
typedef struct mdli_pick_key {
    int32_t accumulator; /* −1 = the slot of the second key */
    bool is_descending;
} mdli_pick_key;

/* Reads the runs of an encoded column one after the other. */
typedef struct mdli_run_cursor {
    int64_t first_row; /* of the block at hand */
    int64_t end_row;   /* of the block; 0 = none is at hand yet */
    const int64_t *values;
    const int32_t *ends;
    int32_t run; /* the one at hand */
    int32_t n_runs;
} mdli_run_cursor;

/* States of groups that come one after the other. */
typedef struct mdli_group_list {
    int64_t n_groups;
    char *states;
    int64_t states_capacity; /* groups */
    int64_t *leading;        /* SORTED: first key */
    int64_t leading_capacity;
    int32_t *slots; /* SORTED with further keys: their slot */
    int64_t slots_capacity;
} mdli_group_list;

/* What one worker needs. */
typedef struct mdli_aggregate_worker {
    bool is_started;             /* the rest is there; else it had no rows so far */
    mdli_evaluator **evaluators; /* per argument that is no plain column */
    mdl_vector *arguments;       /* of the rows at hand */
    mdl_vector *keys;
    int32_t *groups;   /* of the rows at hand: index of the state */
    int32_t *run_rows; /* GLOBAL, SORTED: first row of each run of the rows at hand */
    int64_t rows_capacity;
    char *states;            /* GLOBAL, DENSE, HASH */
    int64_t states_capacity; /* groups */
    mdli_key_table *table;   /* HASH */
    mdli_distinct **distincts;
    mdli_arena text;
    int64_t morsel;       /* the one at hand */
    int64_t sequence;     /* of the next row */
    int64_t first_row;    /* of the rows at hand in the source, with encoded runs */
    mdli_run_cursor runs; /* of `leading_runs` */
    int64_t run;          /* SORTED: runs so far */
    int32_t *slot_groups; /* SORTED with further keys: group of each slot in this run, −1 = none */
    uint64_t *lanes;   /* LANES: per slot, count and sum of the run at hand; twice, used in turn */
    int64_t lane_rows; /* rows in the lanes */
    int64_t lane_key;  /* key of the run in the lanes */
    bool is_flushed;   /* LANES: the lane states have something of this run */
    char *lane_states; /* LANES: per slot, what went through the lanes of the run at hand */
    /* BEFORE_JOIN: per count(distinct x), which groups each value of x was seen in, as in the masks
     * of the join's keys; NULL = x is the join's key. */
    uint32_t **value_masks;
} mdli_aggregate_worker;

typedef struct mdli_aggregator {
    mdl_context *context;
    const mdli_kernels *kernels;
    mdl_rel *rel;
    mdl_rel *input; /* the relation's input, or the left side of the join that is done afterwards */
    mdli_before_join before;
    mdli_pipeline *pipeline;
    mdli_group_strategy strategy;
    mdli_group_key *keys;
    /* SORTED, LANES: the source's column of the first key, where it is encoded in runs, which then are
     * read as they are; NULL = it is decoded. */
    const mdl_column *leading_runs;
    int64_t n_slots; /* DENSE: of all keys; SORTED, LANES: of the keys after the first; BEFORE_JOIN:
                        first of the join's key, then of all keys */

    mdli_argument *arguments;
    int32_t n_arguments;
    mdli_state_layout layout; /* the full one, save while a compact one is used */
    mdli_compact compact;
    mdli_output_plan *outputs;
    bool has_row_numbers; /* rows are numbered as in the source, for outputs that are taken */
    mdli_distinct_plan *distincts;
    int32_t n_distincts;

    mdli_aggregate_worker *workers;
    int n_workers;            /* after the run those that had rows, at least one */
    mdli_group_list *morsels; /* SORTED, LANES: per morsel */
    const mdl_rel *pick; /* ARG_FIRST over the relation, if runs can be picked from; else NULL */
    bool picks_greatest_lane; /* LANES: the pick is of most rows, then of the greatest sum */
    mdli_pick_key *pick_keys;
} mdli_aggregator;

/* Whether groups come one after the other, ascending by the first key. */
static inline bool mdli_is_in_order(const mdli_aggregator *a)
{
    return a->strategy == MDLI_GROUP_SORTED || a->strategy == MDLI_GROUP_LANES;
}

/*
 * Aggregates over the same rows. aggregate_companions.c
 */

/* Aggregates that are run together at most. */
#define MDLI_AGGREGATES_TOGETHER_MAX 4

/* An aggregate to be run, and the ARG_FIRST over it, if there is one. */
typedef struct mdli_aggregate_task {
    mdl_rel *rel;
    const mdl_rel *pick;
} mdli_aggregate_task;

/* Lists an aggregate, and others of the collect at hand that may share its rows. Returns how many
 * there are. */
int mdli_find_companions(mdl_rel *rel, const mdl_rel *pick,
                         mdli_aggregate_task tasks[MDLI_AGGREGATES_TOGETHER_MAX]);

/* Whether two aggregates, planned, can take their rows together. */
bool mdli_can_run_together(const mdli_aggregator *a, const mdli_aggregator *b);

/*
 * Planning. aggregate_plan.c
 */

/* Plans accumulators, states and strategies; with `pick`, an ARG_FIRST over the relation, also how
 * the first group of each run is found, if that can be. */
mdl_status mdli_plan_aggregate(mdli_aggregator *a, const mdl_rel *pick, mdl_error *error);

/* Undoes that, but for what is of the join. */
void mdli_free_aggregate_plan(mdli_aggregator *a);

/*
 * Workers. aggregate_workers.c
 */

/* Makes what a worker needs when it is first given rows: by its own thread, as dense states are much
 * memory to write to, and not at all where all threads but one have other work. */
mdl_status mdli_start_worker(mdli_aggregator *a, mdli_aggregate_worker *worker, mdl_error *error);

/* Leaves those workers that had rows; one that had none, where no worker had any. */
mdl_status mdli_drop_unstarted_workers(mdli_aggregator *a, mdl_error *error);

/* Makes room for all states of a dense array in a worker that fills them. */
mdl_status mdli_reserve_slots(mdli_aggregator *a, mdli_aggregate_worker *worker, mdl_error *error);
void mdli_free_worker(mdli_aggregator *a, mdli_aggregate_worker *worker);

/*
 * Taking rows. aggregate_feed.c
 */

/* Makes room for the numbers of `n` rows. */
mdl_status mdli_reserve_rows(mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t n,
                             mdl_error *error);

/* The sink of the pipeline, an aggregator's: takes rows into the worker's states. */
mdl_status mdli_aggregate_consume(void *sink, int worker_number, int64_t morsel,
                                  const mdli_rows *rows, mdl_error *error);

/* Ends a morsel whose groups do not come back: their slots and pairs can be forgotten. */
mdl_status mdli_aggregate_end_morsel(void *sink, int worker_number, int64_t morsel,
                                     mdl_error *error);

/*
 * Merging. aggregate_merge.c
 */

/* Brings what all workers have into the first; sorted groups are whole already. */
mdl_status mdli_merge_workers(mdli_aggregator *a, mdl_error *error);

/* Adds the state `from` to `into`. */
void mdli_merge_state(const mdli_aggregator *a, char *into, const char *from);

/*
 * Finding groups. aggregate_groups.c
 */

/* Chooses the strategy and prepares keys for it. */
mdl_status mdli_choose_groups(mdli_aggregator *a, mdl_error *error);

/* Slots of a key with known bounds, the one for NULL included; 0 = bounds not known or too wide. */
int64_t mdli_group_key_slots(const mdli_group_key *key);

/* The product of the slots of the keys from number `first` on; 0 = not known or over `limit`. */
int64_t mdli_group_slots(const mdli_aggregator *a, int32_t first, int64_t limit);

/* Gives the keys from number `first` on their slots and strides. */
mdl_status mdli_prepare_dense_keys(mdli_aggregator *a, int32_t first, mdl_error *error);

/* Adds each row's slot for one key to `slots`, or sets it when `is_first`. */
void mdli_add_key_slots(const mdli_group_key *key, const mdl_vector *v, int64_t n_rows,
                        bool is_first, int32_t *slots);

/* Finds the group of each row into worker->groups, making groups as they come. Where rows are runs
 * of one group each (no key, or one that is sorted), it is told of each run's first row. */
mdl_status mdli_find_groups(mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t morsel,
                            int64_t n_rows, int32_t *n_runs, mdl_error *error);

/* Makes room for `n` states in a worker, started. */
mdl_status mdli_reserve_states(mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t n_used,
                               int64_t n, mdl_error *error);

/* Makes room for `n` more groups in a morsel's list; their states are not started. */
mdl_status mdli_reserve_groups(mdli_aggregator *a, mdli_group_list *list, int64_t n,
                               mdl_error *error);

/* Opens a group at the end of a morsel's list, with a started state. */
mdl_status mdli_open_group(mdli_aggregator *a, mdli_group_list *list, int64_t leading, int32_t slot,
                           mdl_error *error);

/* The end of the rows from `i` on, of `n_rows` at hand, that have row i's value of the first key, by
 * which they ascend; and that value. */
int64_t mdli_leading_run(const mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t i,
                         int64_t n_rows, int64_t *value);

/*
 * Aggregating before a join. aggregate_before_join.c
 */

/* Whether the plan allows it; then `a->input` and `a->before.join` are set, and the strategy. */
bool mdli_can_aggregate_before_join(mdli_aggregator *a);

/* Prepares keys, after `a->before.right` was run; clears `a->before` again where sizes forbid it.
 */
mdl_status mdli_before_join_prepare(mdli_aggregator *a, mdl_error *error);
mdl_status mdli_before_join_create_worker(mdli_aggregator *a, mdli_aggregate_worker *worker,
                                          mdl_error *error);
mdl_status mdli_before_join_find(mdli_aggregator *a, mdli_aggregate_worker *worker,
                                 const mdli_rows *rows, mdl_error *error);
mdl_status mdli_lanes_consume(mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t morsel,
                              const mdli_rows *rows, mdl_error *error);
mdl_status mdli_lanes_end_morsel(mdli_aggregator *a, mdli_aggregate_worker *worker, int64_t morsel,
                                 mdl_error *error);

/* After merging: aggregates the states of the join's keys by group, and makes full states of
 * compact ones. */
mdl_status mdli_before_join_finish(mdli_aggregator *a, mdl_error *error);
void mdli_before_join_free(mdli_aggregator *a);

/*
 * count(distinct x) before a join. aggregate_masks.c
 */

/* Values that an argument can have, if an array over them is sensible; else 0. */
int64_t mdli_mask_domain(const mdli_aggregator *a, const mdli_argument *argument);

/* Whether a count(distinct x) is of the join's key: then its values are the slots that have rows.
 */
bool mdli_is_of_join_key(const mdli_aggregator *a, int32_t distinct);

/* Whether nothing but such counts is asked for, of other columns that are never NULL. */
bool mdli_asks_for_values_alone(const mdli_aggregator *a);

/* Makes the masks of the join's keys; `*has_twice` says whether a key has a group twice. */
mdl_status mdli_masks_create(mdli_aggregator *a, int64_t n_groups, bool *has_twice,
                             mdl_error *error);

/* Makes a worker's masks of values. */
mdl_status mdli_masks_create_worker(mdli_aggregator *a, mdli_aggregate_worker *worker,
                                    mdl_error *error);

/* Notes the groups that the values of a count(distinct x) belong to, in the rows at hand. */
void mdli_mark_values(mdli_aggregator *a, mdli_aggregate_worker *worker, int32_t distinct,
                      int64_t n_rows);

/* Whether mdli_mark_runs can be used. It marks the values of all counts, for rows as the source has
 * them, and reads no column of these but the join's key, which has no NULL. */
bool mdli_can_mark_runs(const mdli_aggregator *a);
void mdli_mark_runs(const mdli_aggregator *a, mdli_aggregate_worker *worker, const mdli_rows *rows);

/* Adds to numbers by group how many of some slots of the map, at most MDLI_VECTOR_ROWS, have it. */
void mdli_count_groups_of_slots(const mdli_aggregator *a, const int32_t *slots, int64_t n,
                                int64_t counts[MDLI_MASK_GROUPS_MAX]);

/* Tells by group how many values of a count(distinct x) were seen in it. */
void mdli_count_groups_of_values(const mdli_aggregator *a, int32_t distinct,
                                 int64_t counts[MDLI_MASK_GROUPS_MAX]);

/* States of a dense array, and the slot that one is of. */
static inline int64_t mdli_n_states(const mdli_aggregator *a)
{
    return a->compact.slots != NULL ? a->compact.summary->groups->n_rows : a->n_slots;
}

static inline int64_t mdli_slot_of_state(const mdli_aggregator *a, int64_t state)
{
    return a->compact.slots != NULL ? a->compact.slots[state] : state;
}

/* Whether a dense state is of any rows. aggregate_compact.c */
bool mdli_state_has_rows(const mdli_aggregator *a, const char *state);

/*
 * Groups from the runs of an encoded column. aggregate_runs.c
 */

/* Has the runs of the first key read as they are encoded, if they can be, in place of its rows; once
 * the strategy is chosen. `needed` tells which fields of the input are needed beside. */
mdl_status mdli_read_leading_runs(mdli_aggregator *a, const bool *needed, mdl_error *error);

/* The end of the rows from `row` of the source on that have its value, at most `end`; and that
 * value. */
int64_t mdli_encoded_run(const mdl_column *column, mdli_run_cursor *cursor, int64_t row,
                         int64_t end, int64_t *value);

/* Whether they can be told so, once the strategy is chosen. */
bool mdli_can_group_runs(const mdli_aggregator *a);

/* Fills the list of the first morsel in place of the pipeline. */
mdl_status mdli_group_runs(mdli_aggregator *a, mdl_error *error);

/*
 * Picking. aggregate_pick.c
 */

/* Keeps `pick` in the aggregator if its order can be told from states. */
mdl_status mdli_pick_plan(mdli_aggregator *a, const mdl_rel *pick, mdl_error *error);

/* Leaves of each run in a morsel's list the group that comes first. */
void mdli_pick_groups(const mdli_aggregator *a, mdli_group_list *list);

/* Of the states of one run, one per slot and at most MDLI_LANES_MAX, the slot of the group that
 * comes first; -1 = none has rows. */
int32_t mdli_pick_slot(const mdli_aggregator *a, const char *states);

/* The result, from merged states. aggregate_output.c */
mdl_status mdli_aggregate_result(mdli_aggregator *a, mdl_table **out, mdl_error *error);

#endif
