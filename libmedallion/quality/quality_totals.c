/*
 * Tests of totals: numbers of rows and sums of two tables that are to be equal.
 */
#include "quality/quality_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "medallion/operators.h"

__extension__ typedef __int128 wide_integer;

/* A total, and whether it counts hundredths, as the sum of a DECIMAL does. */
typedef struct total {
    int64_t value;
    bool is_hundredths;
} total;

/* The plan of a total over some rows: of a column, or with NULL of the rows themselves. */
static mdl_status plan_total(mdli_test_plan *plan, mdl_rel *rows, const char *column, mdl_rel **out,
                             total *found, mdl_error *error)
{
    mdl_field field = {NULL, 0};
    const char *text;
    if (column == NULL) {
        *out = mdl_aggregate(rows, NULL, "count(*) as total");
        return MDL_OK;
    }
    const char *const texts[] = {"(", column, ") as value", NULL};
    MDLI_TRY(mdli_test_join(plan, texts, &text, error));
    mdl_rel *values = mdl_project(rows, text);
    mdl_rel_fields(values, &field, 1);
    found->is_hundredths = field.type == MDL_TYPE_DECIMAL;
    *out = mdl_aggregate(values, NULL, "sum(value) as total");
    return MDL_OK;
}

/* Finds a total. The sum of nothing is 0. */
static mdl_status find_total(mdli_test_plan *plan, const mdl_table *table, const char *column,
                             const char *where, total *found, mdl_error *error)
{
    mdl_query *query = mdl_query_create(plan->context);
    mdl_rel *rel = mdl_scan(query, table);
    mdl_table *result = NULL;
    mdl_value value;
    mdl_status status;
    *found = (total){0};
    if (where != NULL) {
        rel = mdl_filter(rel, where);
    }
    MDLI_TRY_GOTO_DONE(plan_total(plan, rel, column, &rel, found, error));
    MDLI_TRY_GOTO_DONE(mdl_query_collect(query, rel, &result, error));
    MDLI_TRY_GOTO_DONE(mdl_table_get(plan->context, result, 0, 0, &value, NULL, 0, error));
    found->value = value.is_null ? 0 : value.as.integer;
done:
    mdl_table_free(result);
    mdl_query_free(query);
    return status;
}

/* The one row that shows both totals. */
static mdl_status make_row(mdl_context *context, const char *const *names, const int64_t *totals,
                           mdl_table **out, mdl_error *error)
{
    mdl_table_builder *builder = NULL;
    mdl_field fields[2];
    mdl_vector vectors[2];
    for (int i = 0; i < 2; i++) {
        fields[i] = (mdl_field){names[i], MDL_TYPE_INT64};
        vectors[i] = (mdl_vector){.type = MDL_TYPE_INT64, .n_rows = 1, .values = &totals[i]};
    }
    mdl_status status = mdl_table_builder_create(context, fields, 2, &builder, error);
    if (status == MDL_OK) {
        status = mdl_table_builder_append(builder, vectors, 1, error);
    }
    if (status == MDL_OK) {
        status = mdl_table_builder_finish(builder, out, error);
    }
    mdl_table_builder_free(builder);
    return status;
}

mdl_status mdli_compare_row_counts(mdli_test_plan *plan, int64_t n_tested, const mdl_table *to,
                                   mdl_test_result *out, mdl_error *error)
{
    static const char *const names[] = {"n_rows", "to_n_rows"};
    total found = {.value = to->n_rows};
    if (plan->test->to_where != NULL) {
        MDLI_TRY(find_total(plan, to, NULL, plan->test->to_where, &found, error));
    }
    const int64_t totals[] = {n_tested, found.value};
    if (totals[0] == totals[1]) {
        return MDL_OK;
    }
    out->n_failures = totals[0] > totals[1] ? totals[0] - totals[1] : totals[1] - totals[0];
    snprintf(out->message, sizeof out->message,
             "the numbers of rows differ: %" PRId64 ", and %" PRId64 " in %s", totals[0], totals[1],
             plan->test->to);
    return make_row(plan->context, names, totals, &out->failures, error);
}

/* Puts a total as people write it: 1050 hundredths are 10.50. */
static void write_total(const total *found, char *out, size_t size_bytes)
{
    if (!found->is_hundredths) {
        snprintf(out, size_bytes, "%" PRId64, found->value);
        return;
    }
    uint64_t size = found->value < 0 ? 0 - (uint64_t)found->value : (uint64_t)found->value;
    snprintf(out, size_bytes, "%s%" PRIu64 ".%02d", found->value < 0 ? "-" : "", size / 100,
             (int)(size % 100));
}

/* Says both totals; the other one is a number of rows where no column of that table is summed. */
static void describe_sums(const mdl_test *test, const total *left, const total *right,
                          bool are_rows, mdl_test_result *out)
{
    char sum[24];
    char to_sum[24];
    write_total(left, sum, sizeof sum);
    write_total(right, to_sum, sizeof to_sum);
    if (are_rows) {
        snprintf(out->message, sizeof out->message,
                 "the sum is %s, but the number of rows of %s is %s", sum, test->to, to_sum);
    } else {
        snprintf(out->message, sizeof out->message, "the sums differ: %s, and %s in %s", sum,
                 to_sum, test->to);
    }
}

static wide_integer in_hundredths(const total *found)
{
    return (wide_integer)found->value * (found->is_hundredths ? 1 : 100);
}

mdl_status mdli_compare_sums(mdli_test_plan *plan, const mdl_table *table, const mdl_table *to,
                             mdl_test_result *out, mdl_error *error)
{
    static const char *const names[] = {"total", "to_total"};
    const mdl_test *test = plan->test;
    const char *to_columns = test->to_columns != NULL ? test->to_columns : test->columns;
    total left;
    total right;
    const bool are_rows = to_columns[0] == '\0';
    MDLI_TRY(find_total(plan, table, test->columns, test->where, &left, error));
    MDLI_TRY(find_total(plan, to, are_rows ? NULL : to_columns, test->to_where, &right, error));
    if (in_hundredths(&left) == in_hundredths(&right)) {
        return MDL_OK;
    }
    const int64_t totals[] = {left.value, right.value};
    out->n_failures = 1;
    describe_sums(test, &left, &right, are_rows, out);
    return make_row(plan->context, names, totals, &out->failures, error);
}
