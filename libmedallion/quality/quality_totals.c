/*
 * Tests of totals: numbers of rows and sums of two tables that are to be equal.
 */
#include "quality/quality_internal.h"

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
    MDLI_TRY(mdli_test_print(plan, &text, error, "(%s) as value", column));
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
    out->n_failures = totals[0] > totals[1] ? totals[0] - totals[1] : totals[1] - totals[0];
    return out->n_failures > 0 ? make_row(plan->context, names, totals, &out->failures, error)
                               : MDL_OK;
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
    MDLI_TRY(find_total(plan, table, test->columns, test->where, &left, error));
    MDLI_TRY(find_total(plan, to, to_columns[0] != '\0' ? to_columns : NULL, test->to_where, &right,
                        error));
    const int64_t totals[] = {left.value, right.value};
    out->n_failures = in_hundredths(&left) != in_hundredths(&right);
    return out->n_failures > 0 ? make_row(plan->context, names, totals, &out->failures, error)
                               : MDL_OK;
}
