/**
 * @file operators.h
 * Queries: relational operators over tables.
 *
 * A query owns relations. A relation is a plan, not rows: ::mdl_scan makes one from a table, the
 * other operators make one from others, and ::mdl_query_collect runs it with all threads of the
 * context and gives a table.
 *
 * @code
 * mdl_query *q = mdl_query_create(context);
 * mdl_rel *r = mdl_scan(q, ratings);
 * r = mdl_filter(r, "rating >= 4.0");
 * r = mdl_aggregate(r, "movie_id", "count(*) as n, avg(rating) as mean");
 * r = mdl_top_n(r, "-n, movie_id", 10);
 * status = mdl_query_collect(q, r, &top, &error);
 * mdl_query_free(q);
 * @endcode
 *
 * Building never fails on the spot: a fault (a column that is not there, a type that does not fit,
 * no memory) is kept in the query, the operator gives NULL, operators on NULL give NULL, and
 * ::mdl_query_collect tells the first fault. So a whole plan needs one check.
 *
 * **Order.** Each operator says what order its rows have; it is the same for any number of threads.
 * **Nulls.** Comparisons with NULL are NULL and a filter drops them; group keys, distinct and
 * sorting hold NULL for equal to NULL; joins never match NULL. NULL sorts last, descending too.
 * **Threads.** A query and its relations belong to one thread at a time; collecting uses the
 * context's.
 * **Strategy.** How an operator works (dense arrays, sorted runs, hash tables, sharing of columns)
 * is chosen from statistics of its input; ::mdl_query_explain tells what was chosen.
 *
 * ## Expressions
 *
 * Text in the manner of SQL; keywords in any case, column names exact, names with odd characters in
 * double quotes.
 *
 * | form                                           | result                                      |
 * |------------------------------------------------|---------------------------------------------|
 * | `12`, `4.5`, `1e-3`, `'it''s'`, `true`, `null` | literals; `4.5` is an exact decimal         |
 * | `timestamp '2020-01-31 00:00:00'`              | a TIMESTAMP; a plain string is one too where |
 * |                                                | it is compared with a TIMESTAMP             |
 * | `a = b`, `!=`, `<>`, `<`, `<=`, `>`, `>=`      | BOOL; numbers of different types compare    |
 * |                                                | exactly; strings bytewise                   |
 * | `a between b and c`, `a in (b, c, …)`          | BOOL                                        |
 * | `a like 'x%_y'`                                | BOOL; `%` any text, `_` one character       |
 * | `a is null`, `a is not null`                   | BOOL, never NULL                            |
 * | `not a`, `a and b`, `a or b`                   | BOOL, three-valued                          |
 * | `a + b`, `a - b`, `a * b`, `-a`                | INT64 for integers; DECIMAL ± DECIMAL is    |
 * |                                                | DECIMAL; FLOAT64 if either is, and for      |
 * |                                                | products of DECIMAL                         |
 * | `a / b`                                        | FLOAT64, the double nearest to the exact    |
 * |                                                | quotient of integers and decimals; NULL     |
 * |                                                | when b is 0                                 |
 * | `a % b`                                        | INT64; NULL when b is 0                     |
 * | `a \|\| b`                                     | STRING                                      |
 * | `case when a then b … else c end`              | the type of the branches                    |
 * | `cast(a as TYPE)`                              | INT64 ↔ TIMESTAMP share their blocks; text  |
 * |                                                | is read as in types.h                       |
 * | `coalesce(a, b, …)`                            | the first that is not NULL                  |
 * | `date(t)`                                      | INT32, days since 1970-01-01 of t's UTC day |
 * | `year(t)`                                      | INT32                                       |
 * | `length(s)`, `lower(s)`, `upper(s)`, `trim(s)` | code points; ASCII letters; spaces and tabs |
 * | `abs(a)`, `least(a, b)`, `greatest(a, b)`      | numbers; NULL arguments of least and        |
 * |                                                | greatest are passed over                    |
 * | `f(a, …)`                                      | a caller's, ::mdl_query_add_function        |
 *
 * Integer arithmetic that leaves its type is ::MDL_E_OVERFLOW, never a wrong number. A FLOAT64 is
 * compared with a literal such as `0.1` through the double nearest to it, so that `x = 0.1` holds
 * for the double 0.1. A cast of text that is no value of the type is ::MDL_E_DATA.
 */
#ifndef MEDALLION_OPERATORS_H
#define MEDALLION_OPERATORS_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/context.h"
#include "medallion/export.h"
#include "medallion/status.h"
#include "medallion/table.h"
#include "medallion/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A query: owner of relations and of the first fault in building them; opaque. */
typedef struct mdl_query mdl_query;

/** A plan for rows; opaque, owned by its query. Using one twice runs it twice. */
typedef struct mdl_rel mdl_rel;

/** Makes an empty query, to be freed with ::mdl_query_free; NULL when there is no memory. */
MDL_API mdl_query *mdl_query_create(mdl_context *context);

/** Frees a query and its relations; collected tables stay. Accepts NULL. */
MDL_API void mdl_query_free(mdl_query *query);

/**
 * Runs a plan.
 *
 * @param rel  of this query, or NULL after a fault in building it
 * @param out  the rows as a table, to be freed with ::mdl_table_free; NULL after a failure
 * @return the first fault in building (::MDL_E_NOT_FOUND, ::MDL_E_EXPRESSION, ::MDL_E_TYPE,
 *         ::MDL_E_ARGUMENT), or one of running: ::MDL_E_OVERFLOW, ::MDL_E_DATA, ::MDL_E_NO_MEMORY,
 * ::MDL_E_BUDGET (names the operator), ::MDL_E_CANCELLED, ::MDL_E_DEADLINE, or what a caller's
 * function answered.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_query_collect(mdl_query *query, mdl_rel *rel, mdl_table **out,
                                                    mdl_error *error);

/**
 * What the last ::mdl_query_collect did: a line per operator, inputs indented below, with the
 * strategy that was chosen, rows and seconds. "" before the first. Lives until the next collect or
 * ::mdl_query_free.
 */
MDL_API const char *mdl_query_explain(const mdl_query *query);

/** The column names and types of a relation: `fields` gets up to `capacity` of them (their names
 * live as long as the query); returns how many there are, 0 for NULL. */
MDL_API int32_t mdl_rel_fields(const mdl_rel *rel, mdl_field *fields, int32_t capacity);

/** The rows of `table` in their order. The query holds a reference to it. */
MDL_API mdl_rel *mdl_scan(mdl_query *query, const mdl_table *table);

/** Rows `first_row` … `first_row + n_rows − 1` of `table`; clipped to the table's end. */
MDL_API mdl_rel *mdl_scan_range(mdl_query *query, const mdl_table *table, int64_t first_row,
                                int64_t n_rows);

/** The rows for which `predicate`, a BOOL expression, is true; order kept. */
MDL_API mdl_rel *mdl_filter(mdl_rel *input, const char *predicate);

/**
 * Columns computed from columns: `"movieId as movie_id, title, rating / 2 as half"`; order kept.
 * An expression that is just a column may go without `as`; a plain column keeps its blocks. `*`
 * stands for all columns of the input.
 */
MDL_API mdl_rel *mdl_project(mdl_rel *input, const char *expressions);

/** How a text column is split. Start from ::mdl_explode_options_init. */
typedef struct mdl_explode_options {
    size_t struct_size;     /**< set by ::mdl_explode_options_init */
    const char *column;     /**< the STRING column to split */
    char separator;         /**< default '|' */
    const char *piece_name; /**< name of the column of pieces, which takes the place of `column` */
    const char *count_name; /**< NULL (default) or the name of an INT32 column, added last: pieces
                               of the row */
    bool trim;              /**< drop spaces and tabs around pieces (default true) */
    bool keep_empty;        /**< keep pieces of length zero (default false) */
    bool keep_repeats;      /**< keep a piece that the row had before (default false) */
    const char
        *if_none; /**< NULL (default) = a row without a piece is dropped; else its one piece */
} mdl_explode_options;

/** Fills `options` with the defaults; `column` and `piece_name` are NULL and must be set. */
MDL_API void mdl_explode_options_init(mdl_explode_options *options);

/** One row for each piece of a text column, in the order of rows and of pieces in them. NULL has no
 * piece. */
MDL_API mdl_rel *mdl_explode(mdl_rel *input, const mdl_explode_options *options);

/** The kinds of joins. */
typedef enum mdl_join_kind {
    MDL_JOIN_INNER = 1, /**< a row for each matching pair */
    MDL_JOIN_LEFT = 2,  /**< as INNER, and rows of the left without a match, NULL on the right */
    MDL_JOIN_SEMI = 3,  /**< rows of the left that have a match, once */
    MDL_JOIN_ANTI = 4   /**< rows of the left that have none */
} mdl_join_kind;

/**
 * Rows of `left` with their matches in `right`: in the order of the left, and of the right within a
 * row.
 *
 * @param on  the keys: `"movie_id"` when both sides call it so, `"user_id = userId, day"`, …; INT32
 * and INT64 keys match each other. The result has the left's columns, then (INNER, LEFT) the
 *            right's without its keys; any other name on both sides is a fault: project first.
 */
MDL_API mdl_rel *mdl_join(mdl_rel *left, mdl_rel *right, mdl_join_kind kind, const char *on);

/**
 * One row per group, ascending by the keys in their order.
 *
 * @param group_by    column names, `"user_id, genre"`; NULL or "" = all rows are one group, which
 * is there even when there is no row
 * @param aggregates  `"count(*) as n, avg(rating) as mean"`; each needs an `as`
 *
 * | aggregate                | type                           | of no value                   |
 * |--------------------------|--------------------------------|-------------------------------|
 * | `count(*)`, `count(x)`   | INT64                          | 0                             |
 * | `count(distinct x)`      | INT64                          | 0                             |
 * | `count_if(b)`            | INT64                          | 0                             |
 * | `sum(x)`                 | INT64 (hundredths for DECIMAL) | NULL                          |
 * | `avg(x)`, `stddev(x)`    | FLOAT64                        | NULL; stddev needs two values |
 * | `min(x)`, `max(x)`       | type of x                      | NULL                          |
 * | `first(x)`, `last(x)`    | type of x                      | by row order, NULL is a value |
 * | `string_agg(x, 'sep')`   | STRING, in row order           | NULL                          |
 *
 * x is any expression. Averages and standard deviations are of exact integers, divided once: the
 * double nearest to Σx / n, and the square root of the double nearest to (n·Σx² − (Σx)²) /
 * (n·(n−1)). sum, avg and stddev take INT32, INT64 and DECIMAL; a FLOAT64 sum depends on the order
 * of its rows and is not offered (::MDL_E_TYPE). Note that sum of a DECIMAL is INT64 and counts
 * hundredths.
 */
MDL_API mdl_rel *mdl_aggregate(mdl_rel *input, const char *group_by, const char *aggregates);

/** Which of several equal rows stays. */
typedef enum mdl_keep {
    MDL_KEEP_FIRST = 1,
    MDL_KEEP_LAST = 2 /**< such as the row loaded last */
} mdl_keep;

/** One row for each value of `columns` (NULL or "" = all columns): its first or last row; order
 * kept. */
MDL_API mdl_rel *mdl_distinct(mdl_rel *input, const char *columns, mdl_keep keep);

/** The rows in the order of `order_by`: `"user_id, -rating"`, `-` = descending; ties keep their
 * order. */
MDL_API mdl_rel *mdl_sort(mdl_rel *input, const char *order_by);

/** The first `n` rows that ::mdl_sort would give. `order_by` NULL or "" = the first n as they are.
 */
MDL_API mdl_rel *mdl_top_n(mdl_rel *input, const char *order_by, int64_t n);

/**
 * Of each group the row that comes first in `order_by` (ties: the first row), ascending by group:
 * arg-max is `mdl_arg_first(r, "user_id", "-n, genre")`.
 */
MDL_API mdl_rel *mdl_arg_first(mdl_rel *input, const char *group_by, const char *order_by);

/** The rows of `first`, then those of `second`; names and types of the columns must be the same. */
MDL_API mdl_rel *mdl_union_all(mdl_rel *first, mdl_rel *second);

/**
 * Puts `changes` into `base`: rows with new keys enter, rows with a known key take the place of the
 * old. Both must be ascending by `keys` with no key twice, and so is the result. Their columns must
 * be the same.
 *
 * ::MDL_E_DATA when they are not so. Of a base with several keys that rises by the first of them, an
 * INT, only the rows next to the changes are held against each other: the others are not even read,
 * but shared with the result, where a block of the base falls in pieces (::MDL_ENCODING_SLICE).
 */
MDL_API mdl_rel *mdl_upsert(mdl_rel *base, mdl_rel *changes, const char *keys);

/**
 * @name Summaries
 * What is known of a table beside its rows: per value of one column how many rows have each value
 * of another, and the least and greatest of a third. Aggregates are answered from it where they can
 * be, with the very result that the rows give.
 * @{
 */

/** What is summarized. Start from ::mdl_summary_options_init. */
typedef struct mdl_summary_options {
    size_t struct_size; /**< set by ::mdl_summary_options_init */
    const char *key;    /**< column to group by, INT32 */
    const char *value;  /**< column whose values are counted: INT32 or DECIMAL, at most 14 values */
    const char
        *extreme; /**< NULL (default), or column whose least and greatest value is kept: INT64
                            or TIMESTAMP */
    /** A table that carries a summary of the same columns, which is made to fit instead of reading
     * all rows; NULL (default), or one without a summary: all rows are read. */
    const mdl_table *previous;
    const mdl_table *added;   /**< rows that the table has and `previous` has not; NULL = none */
    const mdl_table *removed; /**< rows that `previous` has and the table has not; NULL = none */
} mdl_summary_options;

/** Fills in the defaults. */
MDL_API void mdl_summary_options_init(mdl_summary_options *options);

/**
 * Gives a table that shares the columns of `table` and carries a summary.
 *
 * ::mdl_aggregate over a scan of all its rows, or over projections of that, takes what it needs from
 * the summary when it groups by `key`, or by the right side of an inner join on `key`; when sum, avg,
 * stddev, min and max are of `value`, or min and max of `extreme`; and when there is nothing else but
 * counts. Rows are then read only for count(distinct x). ::mdl_query_explain tells it: "histograms
 * from the summary".
 *
 * No summary is kept where it could not be used: of a table without rows or of more than 2147483647,
 * with NULL in one of the columns, with more than 14 values or values more than 40.96 (INT32: 4096)
 * apart, with keys spread over much more than four times the rows, or an `extreme` over 2^32 − 2.
 * The answer is then without one, and aggregates read the rows.
 *
 * The summary is the same, byte for byte, whether it is made from the rows or from that of
 * `previous`. It belongs to the table given out: tables made from that have none.
 *
 * @param options  columns and, if there is one, the table before; all tables have these columns
 * @param out      a new reference
 * @return ::MDL_E_NOT_FOUND for a column that a table does not have, ::MDL_E_TYPE for one of another
 *         type, ::MDL_E_ARGUMENT when `previous`, `added` and `removed` do not make up the table,
 *         as far as counts tell; ::MDL_E_NO_MEMORY, ::MDL_E_BUDGET, ::MDL_E_CANCELLED,
 *         ::MDL_E_DEADLINE.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_table_summarize(mdl_context *context, const mdl_table *table,
                                                      const mdl_summary_options *options,
                                                      mdl_table **out, mdl_error *error);

/**
 * The summary that a table carries, as a table: ascending by `key`, then `min(extreme)` and
 * `max(extreme)` if they are kept, then `count(value = v)` for each value v, ascending. Lives as
 * long as `table`; NULL when it carries none.
 */
MDL_API const mdl_table *mdl_table_summary(const mdl_table *table);

/** @} */

/**
 * @name Functions of the caller's
 * @{
 */

/** Where a scalar function puts its results; valid during the call. */
typedef struct mdl_output {
    mdl_type type;  /**< result type of the function */
    int64_t n_rows; /**< results to write */
    void *values;   /**< array of `n_rows` values of the type's C type, to be filled */
    uint64_t
        *validity;  /**< bits as in ::mdl_vector, all 1 at the start; clear those of NULL results */
    int32_t *codes; /**< STRING: room for `n_rows` codes; used instead of `values` if the function
                       sets `dictionary` */
    const mdl_string
        *dictionary;      /**< STRING: NULL, or set to strings that live as long as the query */
    int64_t n_dictionary; /**< STRING: entries in `dictionary` */
    void *internal;
} mdl_output;

/** Makes result `i` NULL. */
static inline void mdl_output_set_null(mdl_output *output, int64_t i)
{
    output->validity[i >> 6] &= ~((uint64_t)1 << (i & 63));
}

/** Room for `size_bytes` bytes of text that results may point to; NULL when there is no memory. */
MDL_API char *mdl_output_allocate_text(mdl_output *output, int64_t size_bytes);

/** A scalar function: row i of the result depends on row i of the arguments alone. */
typedef struct mdl_function {
    const char *name;           /**< as written in expressions */
    int32_t n_arguments;        /**< 1 … 8 */
    mdl_type argument_types[8]; /**< INT32 is widened where INT64 is asked for; else exact */
    mdl_type result_type;
    /** Computes results for many rows. Called from several threads at once. A failure ends the
     * collect. */
    mdl_status (*evaluate)(void *user_data, const mdl_vector *arguments, mdl_output *output,
                           mdl_error *error);
    void *user_data;
} mdl_function;

/** Lets expressions of this query call `function` (copied; its name and user data must live as
 * long). */
MDL_API void mdl_query_add_function(mdl_query *query, const mdl_function *function);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
