/*
 * Data quality tests inside: what a declaration means for a table, bits that mark failing rows, and
 * the searches for them, one file for each sort of rule.
 */
#ifndef MDLI_QUALITY_QUALITY_INTERNAL_H
#define MDLI_QUALITY_QUALITY_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "column/column_internal.h"
#include "column/proofs.h"
#include "medallion/quality.h"
#include "operators/expression.h"
#include "operators/sort_keys.h"

/* quality_condition.c */

/* A condition on a number of rows, such as `> 10`. */
typedef struct mdli_condition {
    char comparison[3];
    int64_t number;
} mdli_condition;

/* Reads a condition; NULL is "!= 0". MDL_E_ARGUMENT. */
mdl_status mdli_condition_parse(const char *text, mdli_condition *out, mdl_error *error);

bool mdli_condition_holds(const mdli_condition *condition, int64_t n);

/* quality_declaration.c */

/* A declaration with its texts read for the columns of a table. */
typedef struct mdli_test_plan {
    mdl_context *context;
    const mdl_test *test;
    mdli_arena arena;
    mdl_field *fields; /* of the table; in the arena */
    int32_t n_fields;
    const mdli_key *columns;
    int32_t n_columns;
    const mdli_expression *where; /* NULL = all rows */
    const mdli_expression *rule;  /* rows for which it is false fail; NULL for kinds without */
    mdli_condition warn_if;
    mdli_condition error_if;
} mdli_test_plan;

/*
 * Reads a declaration. ACCEPTED_VALUES may lack `values`, and then has no rule. The plan has to be
 * freed, also after a failure. MDL_E_ARGUMENT, MDL_E_NOT_FOUND, MDL_E_EXPRESSION, MDL_E_TYPE.
 */
mdl_status mdli_test_plan_create(mdl_context *context, const mdl_test *test,
                                 const mdl_field *fields, int32_t n_fields, mdli_test_plan *plan,
                                 mdl_error *error);
void mdli_test_plan_free(mdli_test_plan *plan);

/* Joins texts, the last of which is NULL, to one that lives as long as the plan. */
mdl_status mdli_test_join(mdli_test_plan *plan, const char *const *texts, const char **out,
                          mdl_error *error);

/*
 * Finds whether a declaration makes sense for a table with such columns, as far as that can be told
 * without rows and without the other table. The message names the test and `table`.
 */
mdl_status mdli_test_check(mdl_context *context, const mdl_test *test, const char *table,
                           const mdl_field *fields, int32_t n_fields, mdl_error *error);

/*
 * quality_marks.c: a bit per row, in words of 64 rows. Most tests find no row that fails, and theirs
 * never get memory.
 */
typedef struct mdli_marks {
    mdl_context *context;
    int64_t n_rows;
    _Atomic(uint64_t *) words; /* NULL = no row is marked */
} mdli_marks;

void mdli_marks_init(mdli_marks *marks, mdl_context *context, int64_t n_rows);
void mdli_marks_free(mdli_marks *marks);

/* The words, made by who asks first. Thread-safe. */
mdl_status mdli_marks_make(mdli_marks *marks, uint64_t **words, mdl_error *error);

/* The words if there are any, for the thread that has sole use of the marks. */
static inline uint64_t *mdli_marks_words(const mdli_marks *marks)
{
    return atomic_load_explicit(&marks->words, memory_order_relaxed);
}

static inline int64_t mdli_n_mark_words(int64_t n_rows)
{
    return (n_rows + 63) >> 6;
}

static inline void mdli_mark(uint64_t *words, int64_t row)
{
    words[row >> 6] |= (uint64_t)1 << (row & 63);
}

/* As mdli_mark for jobs whose rows may share a word. */
static inline void mdli_mark_shared(uint64_t *words, int64_t row)
{
    _Atomic uint64_t *shared = (_Atomic uint64_t *)words;
    atomic_fetch_or_explicit(&shared[row >> 6], (uint64_t)1 << (row & 63), memory_order_relaxed);
}

int64_t mdli_marks_count(const mdli_marks *marks);

/* Takes all marks away. */
void mdli_marks_clear(mdli_marks *marks);

/* Takes the marks away that `kept` has not. */
void mdli_marks_keep(mdli_marks *marks, const mdli_marks *kept);

/* The first marked rows, ascending, at most `capacity`; returns how many. */
int64_t mdli_marks_first(const mdli_marks *marks, int64_t *rows, int64_t capacity);

/* Marks the rows with a NULL in a column, or takes their marks away. No row is decoded. */
mdl_status mdli_mark_nulls(const mdl_column *column, mdli_marks *marks, mdl_error *error);
void mdli_unmark_nulls(const mdl_column *column, mdli_marks *marks);

/*
 * The searches: each marks the rows of `table` that break a rule, in marks of which none is set before.
 * `*is_proved` = statistics and the lists of values that blocks keep proved that there is none, and
 * no row was read.
 */

/* quality_rules.c */

/* Rows for which `rule` is `wanted`: true, or false. NULL is neither. */
mdl_status mdli_mark_by_expression(mdl_context *context, const mdl_table *table,
                                   const mdli_expression *rule, bool wanted, mdli_marks *marks,
                                   mdl_error *error);

/* Rows that fail the rule of a plan of kind ACCEPTED_VALUES, ACCEPTED_RANGE or EXPRESSION. */
mdl_status mdli_mark_rule(const mdli_test_plan *plan, const mdl_table *table, mdli_marks *marks,
                          bool *is_proved, mdl_error *error);

/* quality_unique.c: rows whose key comes more than once, among the rows in `tested` (NULL = all) */
mdl_status mdli_mark_repeats(const mdli_test_plan *plan, const mdl_table *table,
                             const mdli_marks *tested, mdli_marks *marks, bool *is_proved,
                             mdl_error *error);

/* quality_stretches.c: of all rows of a table that are in the order of the first `n_ordered` columns
 * of their keys. `*is_done` is false when they are not, and, then with some rows perhaps marked, when
 * these leave long stretches in which nothing is known. */
mdl_status mdli_mark_in_stretches(const mdli_sort_keys *keys, const mdl_table *table,
                                  const mdli_key *columns, int32_t n_ordered, mdli_marks *marks,
                                  bool *is_done, mdl_error *error);

/* quality_key_set.c */

typedef struct mdli_key_set mdli_key_set;

/*
 * Makes the set of the keys that the rows of a table, `other`, have in all its columns, for look-ups
 * of keys in as many `columns` of another, which must outlive it. `*out` is NULL where a bit for
 * each key that there could be is no fit form for them.
 */
mdl_status mdli_key_set_create(mdl_context *context, const mdl_column *const *columns,
                               const mdl_table *other, mdli_key_set **out, mdl_error *error);
/* Accepts NULL. */
void mdli_key_set_free(mdli_key_set *set);

/* Keys of one column of integers as a set of these, borrowed; NULL for other keys. */
mdli_integer_set *mdli_key_set_integers(const mdli_key_set *set);

/* Whether keys are of one column of texts, all of whose dictionary is in the set. */
bool mdli_key_set_has_entries(const mdli_key_set *set);

/* Lists which of `n` rows, at most MDLI_VECTOR_ROWS, have a key that is not in the set, those with a
 * NULL perhaps among them. `keys` has a vector per column. Thread-safe. */
mdl_status mdli_key_set_pick_others(const mdli_key_set *set, const mdl_vector *keys, int64_t n,
                                    int32_t *picked, int64_t *n_picked, mdl_error *error);

/* quality_relationships.c: rows whose key `to` has not */
mdl_status mdli_mark_orphans(const mdli_test_plan *plan, const mdl_table *table,
                             const mdl_table *to, mdli_marks *marks, bool *is_proved,
                             mdl_error *error);

/* quality_totals.c: ROW_COUNT_EQUAL and SUM_EQUAL. `n_tested` rows of the table count. */
mdl_status mdli_compare_row_counts(mdli_test_plan *plan, int64_t n_tested, const mdl_table *to,
                                   mdl_test_result *out, mdl_error *error);
mdl_status mdli_compare_sums(mdli_test_plan *plan, const mdl_table *table, const mdl_table *to,
                             mdl_test_result *out, mdl_error *error);

#endif
