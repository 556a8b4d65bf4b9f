/*
 * Accumulators: the running values behind aggregates, one fixed-size state per group.
 *
 * An aggregate such as avg(x) is made of accumulators (a sum and a count), which aggregates of one
 * argument share. A group's state is a stretch of bytes in which each accumulator has its place.
 * All of them merge exactly, so that it does not matter which worker has seen which rows.
 */
#ifndef MDLI_OPERATORS_ACCUMULATORS_H
#define MDLI_OPERATORS_ACCUMULATORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/exact.h"
#include "base/memory.h"
#include "kernels/kernels.h"
#include "medallion/types.h"
#include "operators/pipeline.h"

typedef enum mdli_accumulator_kind {
    MDLI_ACC_ROWS = 1,     /* rows */
    MDLI_ACC_COUNT,        /* values that are not NULL */
    MDLI_ACC_COUNT_IF,     /* values that are true */
    MDLI_ACC_SUM,          /* int64: bounds say that it fits */
    MDLI_ACC_SUM_WIDE,     /* 128 bits */
    MDLI_ACC_SQUARES,      /* sum of squares, uint64: bounds say that it fits */
    MDLI_ACC_SQUARES_WIDE, /* 192 bits */
    MDLI_ACC_MIN, /* int64, or int32 for types of four bytes; FLOAT64 as mdli_double_order */
    MDLI_ACC_MAX,
    MDLI_ACC_MIN_TEXT,
    MDLI_ACC_MAX_TEXT,
    MDLI_ACC_FIRST,
    MDLI_ACC_LAST,
    MDLI_ACC_FIRST_ROW, /* int64: number of the first row */
    MDLI_ACC_LAST_ROW,
    MDLI_ACC_TEXTS,    /* list of texts in row order */
    MDLI_ACC_DISTINCT, /* int64, counted by distinct_count.c */
    /* Of compact states alone, fed and merged by aggregate_compact.c: */
    MDLI_ACC_HISTOGRAM, /* uint32 per distinct value */
    MDLI_ACC_BOUNDS     /* uint32 × 2: as in an mdli_state_form */
} mdli_accumulator_kind;

/* An argument of aggregates, evaluated once per vector. */
typedef struct mdli_argument {
    const mdli_expression *expression;
    int32_t column; /* −1 = to be evaluated */
    mdl_type type;
    mdli_range range;
    bool may_be_null;
    mdli_dictionary *dictionary; /* borrowed; all vectors have codes in it */
} mdli_argument;

typedef struct mdli_accumulator {
    mdli_accumulator_kind kind;
    int32_t argument; /* −1 for ROWS, FIRST_ROW and LAST_ROW */
    int32_t offset;   /* in the state */
    int32_t size;
} mdli_accumulator;

/* The layout of a state. */
typedef struct mdli_state_layout {
    int32_t n_accumulators;
    mdli_accumulator *accumulators;
    int32_t size_bytes; /* of a state, a multiple of 16 */
    char *initial;      /* the state of a group without rows */
} mdli_state_layout;

/* Bytes that an accumulator takes, a multiple of 4. */
int32_t mdli_accumulator_size(mdli_accumulator_kind kind, mdl_type type);

/* Writes the start value into a state. */
void mdli_accumulator_start(const mdli_accumulator *acc, mdl_type type, char *state);

/*
 * Takes rows [0, v->n_rows) of an argument: row i belongs to the state at states + groups[i] ×
 * size_bytes. `sequence` is the number of row 0 in row order. `text` holds copies of text that has
 * to stay.
 */
mdl_status mdli_accumulate(const mdli_accumulator *acc, int32_t size_bytes, char *states,
                           const int32_t *groups, const mdl_vector *v, int64_t sequence,
                           mdli_arena *text, mdl_error *error);

/* Rows of one group each that come one after the other. */
typedef struct mdli_run_list {
    const int32_t *first_rows; /* of each run */
    const int32_t *groups;     /* of each run's first row */
    int32_t n_runs;
    int64_t n_rows;
} mdli_run_list;

/* Whether an accumulator can take whole runs of a vector's rows; of numbers without NULL. */
bool mdli_takes_runs(const mdli_accumulator *acc, const mdl_vector *v);

/* As mdli_accumulate, for all accumulators that take runs: for each run and argument its values are
 * gone over once. */
void mdli_accumulate_runs(const mdli_kernels *kernels, const mdli_state_layout *layout,
                          const mdl_vector *arguments, int32_t n_arguments,
                          const mdli_run_list *runs, char *states);

/* Adds the state `from` to `into`. */
void mdli_accumulator_merge(const mdli_accumulator *acc, mdl_type type, char *into,
                            const char *from);

/* Reading finished accumulators. */
static inline int64_t mdli_state_count(const char *state, int32_t offset)
{
    return *(const int64_t *)(state + offset);
}
mdli_int128 mdli_state_sum(const mdli_accumulator *acc, const char *state);
mdli_uint192 mdli_state_squares(const mdli_accumulator *acc, const char *state);
/* MIN, MAX, FIRST, LAST and their text forms; the count of the argument tells whether there is a
 * value. */
mdl_value mdli_state_value(const mdli_accumulator *acc, mdl_type type, const char *state);
/* Joins the texts with a separator, in `text`; NULL with `error` filled when there is no memory. */
const char *mdli_state_join_texts(const mdli_accumulator *acc, const char *state,
                                  mdl_string separator, mdli_arena *text, int64_t *size_bytes,
                                  mdl_error *error);

#endif
