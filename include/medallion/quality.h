/**
 * @file quality.h
 * Data quality tests: rules about the rows of a table, as data.
 *
 * A test is declared beside the table that it is about (`tests` of ::mdl_model) and runs after it,
 * or is run on any table with ::mdl_test_run. It counts the rows that break the rule and keeps the
 * first of them. NULL passes every test but NOT_NULL, as in dbt. Where statistics of the columns
 * prove the answer (no NULLs, strictly sorted, least and greatest value) no row is read.
 */
#ifndef MEDALLION_QUALITY_H
#define MEDALLION_QUALITY_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/context.h"
#include "medallion/export.h"
#include "medallion/status.h"
#include "medallion/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Name, pinned value and text of the kinds of tests. */
#define MDL_TEST_KIND_LIST(X)                                                                      \
    X(NOT_NULL, 1, "not_null")               /* failing: rows with NULL in one of `columns` */     \
    X(UNIQUE, 2, "unique")                   /* all rows whose `columns` come more than once */    \
    X(ACCEPTED_VALUES, 3, "accepted_values") /* rows whose column is none of `values` */           \
    X(ACCEPTED_RANGE, 4, "accepted_range")   /* rows below `least` or above `greatest` */          \
    X(RELATIONSHIPS, 5, "relationships")     /* rows whose `columns` no row of `to` has */         \
    X(ROW_COUNT_EQUAL, 6, "row_count_equal") /* rows that this table has more or less than `to` */ \
    X(SUM_EQUAL, 7, "sum_equal")             /* 1 when the sums differ; see ::mdl_test */          \
    X(EXPRESSION, 8, "expression_is_true")   /* rows for which `expression` is false */            \
    X(CALLBACK, 9, "callback")               /* rows that `find` marks */

/** The kind of a test. */
typedef enum mdl_test_kind {
#define MDL_TEST_KIND_ENUM(name, value, text) MDL_TEST_##name = value,
    MDL_TEST_KIND_LIST(MDL_TEST_KIND_ENUM)
#undef MDL_TEST_KIND_ENUM
} mdl_test_kind;

/** The name of a kind, such as "accepted_range"; "?" for a value that is none. Thread-safe. */
MDL_API const char *mdl_test_kind_name(mdl_test_kind kind);

/** What a failing test means. */
typedef enum mdl_severity {
    MDL_SEVERITY_ERROR = 0, /**< the run fails and nothing is published (default) */
    MDL_SEVERITY_WARN = 1   /**< the run says so and goes on */
} mdl_severity;

/**
 * For CALLBACK: marks the rows of `table` that fail by setting bit (i & 63) of `failing[i / 64]`,
 * all 0 at the start. Sees all rows; marks on those that `where` leaves out do not count. May use
 * operators on `context`. A status other than ::MDL_OK ends the test.
 */
typedef mdl_status (*mdl_test_find_fn)(void *user_data, mdl_context *context,
                                       const mdl_table *table, uint64_t *failing, mdl_error *error);

/**
 * A test. Start from zero: `{.kind = MDL_TEST_UNIQUE, .columns = "user_id"}`. Everything that it
 * points to must live as long as the warehouse that it is declared in.
 */
typedef struct mdl_test {
    mdl_test_kind kind;
    mdl_severity severity;
    const char *name;        /**< NULL = as dbt makes it: kind_table_columns */
    const char *description; /**< one line of plain text; NULL = none */
    const char *columns;    /**< `"movie_id, genre"`; what is tested, see the kinds. Kinds that need
                                  none may say what they are about, for their name */
    const char *where;      /**< BOOL expression: only such rows are tested; NULL = all */
    const char *values;     /**< ACCEPTED_VALUES: literals as in `in (…)`: `"'Good', 'Poor'"`;
                                  NULL = the labels of the warehouse's tiers for the column */
    const char *least;      /**< ACCEPTED_RANGE: a literal, itself accepted; NULL = no bound */
    const char *greatest;   /**< likewise */
    const char *to;         /**< RELATIONSHIPS, ROW_COUNT_EQUAL, SUM_EQUAL: the other table */
    const char *to_columns; /**< its columns; NULL = the names in `columns`. SUM_EQUAL: "" = the
                                  sum is to equal its number of rows. DECIMAL equals other
                                  numbers by value */
    const char *to_where;   /**< only such rows of the other table count; NULL = all */
    const char *expression; /**< EXPRESSION: BOOL over the table's columns */
    const char *warn_if;    /**< condition on the number of failing rows, `"> 10"`; NULL = "!= 0" */
    const char *error_if;   /**< likewise, looked at first, and only by severity ERROR */
    mdl_test_find_fn find;  /**< CALLBACK */
    void *user_data;        /**< for `find` */
} mdl_test;

/** How a test ended. */
typedef enum mdl_test_outcome {
    MDL_TEST_PASS = 1,
    MDL_TEST_WARN = 2,
    MDL_TEST_FAIL = 3 /**< `error_if` of a test of severity ERROR holds */
} mdl_test_outcome;

/** What a test found. Freed with ::mdl_test_result_free. */
typedef struct mdl_test_result {
    mdl_test_outcome outcome;
    int64_t n_rows;          /**< rows that were tested */
    int64_t n_failures;      /**< rows that failed */
    mdl_table *failures;     /**< the first of them in row order, with all columns of the table;
                                 NULL when none failed or none is to be kept. Of ROW_COUNT_EQUAL
                                 one row of INT64 `n_rows` and `to_n_rows`, of SUM_EQUAL `total` and
                                 `to_total` (hundredths for DECIMAL) */
    bool is_from_statistics; /**< true = no row had to be read */
    char message[192];       /**< what failed, in one line: "3 of 90 rows failed", "the sums differ:
                                 10.50, and 13 in b"; "" when nothing did */
} mdl_test_result;

/** Settings of a test run. Start from ::mdl_test_options_init. */
typedef struct mdl_test_options {
    size_t struct_size;      /**< set by ::mdl_test_options_init */
    int64_t n_failures_kept; /**< most rows in `failures`; -1 = all; default 10 */
} mdl_test_options;

/** Fills `options` with the defaults. */
MDL_API void mdl_test_options_init(mdl_test_options *options);

/**
 * Runs one test.
 *
 * @param to       the table that `test->to` names; NULL when the test needs none
 * @param options  NULL = the defaults
 * @param out      the result; all zero after a failure
 * @return ::MDL_OK also when rows fail; ::MDL_E_ARGUMENT for a declaration that makes no sense,
 *         ::MDL_E_NOT_FOUND and ::MDL_E_EXPRESSION for its texts, and what operators answer.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_test_run(mdl_context *context, const mdl_test *test,
                                               const mdl_table *table, const mdl_table *to,
                                               const mdl_test_options *options,
                                               mdl_test_result *out, mdl_error *error);

/** Frees what a result holds and makes it all zero. Accepts NULL. */
MDL_API void mdl_test_result_free(mdl_test_result *result);

/**
 * Writes the name of a test of table `table` to `out`, NUL-terminated, clipped to `size_bytes`:
 * `test->name`, or one made of kind, table and arguments as dbt does:
 * `relationships_ratings_movieId__movieId__ref_movies_`. Thread-safe.
 */
MDL_API void mdl_test_name(const mdl_test *test, const char *table, char *out, size_t size_bytes);

#ifdef __cplusplus
}
#endif

#endif
