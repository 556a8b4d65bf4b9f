/*
 * Running a test: which rows count, which of them fail, and what that means.
 */
#include "quality/quality_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "operators/rowset.h"

/* Rows kept of those that fail, where nothing else is asked for. */
#define FAILURES_KEPT 10

void mdl_test_options_init(mdl_test_options *options)
{
    *options = (mdl_test_options){.struct_size = sizeof *options, .n_failures_kept = FAILURES_KEPT};
}

void mdl_test_result_free(mdl_test_result *result)
{
    if (result != NULL) {
        mdl_table_free(result->failures);
        *result = (mdl_test_result){0};
    }
}

/* A test at work. */
typedef struct test_run {
    mdli_test_plan plan;
    const mdl_table *table;
    const mdl_table *to;
    int64_t n_kept_max;
    bool has_filter; /* rows count that are in `tested`; else all */
    mdli_marks tested;
    mdli_marks failing;
} test_run;

/* Finds the rows that `where` leaves. */
static mdl_status find_tested(test_run *run, mdl_test_result *result, mdl_error *error)
{
    result->n_rows = run->table->n_rows;
    if (run->plan.where == NULL) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_mark_by_expression(run->plan.context, run->table, run->plan.where, true,
                                     &run->tested, error));
    run->has_filter = true;
    result->n_rows = mdli_marks_count(&run->tested);
    return MDL_OK;
}

static mdl_status mark_null_columns(test_run *run, bool *is_proved, mdl_error *error)
{
    int64_t n_nulls = 0;
    for (int32_t i = 0; i < run->plan.n_columns; i++) {
        const mdl_column *column = run->table->columns[run->plan.columns[i].column];
        n_nulls += column->stats.n_nulls;
        MDLI_TRY(mdli_mark_nulls(column, &run->failing, error));
    }
    *is_proved = n_nulls == 0;
    return MDL_OK;
}

/* Calls the caller's function. Bits past the last row are none of its business. */
static mdl_status mark_by_callback(test_run *run, mdl_error *error)
{
    const mdl_test *test = run->plan.test;
    int64_t n_rows = run->table->n_rows;
    uint64_t *failing;
    MDLI_TRY(mdli_marks_make(&run->failing, &failing, error));
    MDLI_TRY(test->find(test->user_data, run->plan.context, run->table, failing, error));
    if ((n_rows & 63) != 0) {
        failing[n_rows >> 6] &= ((uint64_t)1 << (n_rows & 63)) - 1;
    }
    return MDL_OK;
}

/* Marks the rows that fail, also such as do not count. */
static mdl_status mark_failing(test_run *run, bool *is_proved, mdl_error *error)
{
    const mdli_test_plan *plan = &run->plan;
    *is_proved = false;
    switch (plan->test->kind) {
    case MDL_TEST_NOT_NULL:
        return mark_null_columns(run, is_proved, error);
    case MDL_TEST_UNIQUE:
        return mdli_mark_repeats(plan, run->table, run->has_filter ? &run->tested : NULL,
                                 &run->failing, is_proved, error);
    case MDL_TEST_RELATIONSHIPS:
        return mdli_mark_orphans(plan, run->table, run->to, &run->failing, is_proved, error);
    case MDL_TEST_CALLBACK:
        return mark_by_callback(run, error);
    default:
        return mdli_mark_rule(plan, run->table, &run->failing, is_proved, error);
    }
}

/* Makes the table of the first rows that fail. */
static mdl_status take_failures(test_run *run, mdl_test_result *result, mdl_error *error)
{
    int64_t n = result->n_failures;
    if (run->n_kept_max >= 0 && run->n_kept_max < n) {
        n = run->n_kept_max;
    }
    if (n == 0) {
        return MDL_OK;
    }
    void *rows;
    MDLI_TRY(
        mdli_allocate_array(run->plan.context, n, sizeof(int64_t), "failing rows", &rows, error));
    mdli_marks_first(&run->failing, rows, n);
    mdl_status status =
        mdli_table_take(run->plan.context, run->table, rows, n, &result->failures, error);
    mdli_free(run->plan.context, rows);
    return status;
}

static mdl_status test_rows(test_run *run, mdl_test_result *result, mdl_error *error)
{
    MDLI_TRY(mark_failing(run, &result->is_from_statistics, error));
    if (run->has_filter) {
        mdli_marks_keep(&run->failing, &run->tested);
    }
    result->n_failures = mdli_marks_count(&run->failing);
    result->is_from_statistics &= !run->has_filter;
    if (result->n_failures > 0) {
        snprintf(result->message, sizeof result->message, "%" PRId64 " of %" PRId64 " rows failed",
                 result->n_failures, result->n_rows);
    }
    return take_failures(run, result, error);
}

/* Compares this table with the other one as wholes. */
static mdl_status test_totals(test_run *run, mdl_test_result *result, mdl_error *error)
{
    const mdl_test *test = run->plan.test;
    if (test->kind == MDL_TEST_SUM_EQUAL) {
        MDLI_TRY(mdli_compare_sums(&run->plan, run->table, run->to, result, error));
    } else {
        result->is_from_statistics = test->where == NULL && test->to_where == NULL;
        MDLI_TRY(mdli_compare_row_counts(&run->plan, result->n_rows, run->to, result, error));
    }
    if (run->n_kept_max == 0) {
        mdl_table_free(result->failures);
        result->failures = NULL;
    }
    return MDL_OK;
}

static mdl_status run_plan(test_run *run, mdl_test_result *result, mdl_error *error)
{
    const mdl_test *test = run->plan.test;
    if (test->kind == MDL_TEST_ACCEPTED_VALUES && test->values == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a test of accepted values lists none");
    }
    if (test->to != NULL && run->to == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a test with %s lacks that table", test->to);
    }
    MDLI_TRY(find_tested(run, result, error));
    const bool is_of_totals =
        test->kind == MDL_TEST_SUM_EQUAL || test->kind == MDL_TEST_ROW_COUNT_EQUAL;
    return is_of_totals ? test_totals(run, result, error) : test_rows(run, result, error);
}

static mdl_test_outcome decide(const mdli_test_plan *plan, int64_t n_failures)
{
    if (plan->test->severity == MDL_SEVERITY_ERROR &&
        mdli_condition_holds(&plan->error_if, n_failures)) {
        return MDL_TEST_FAIL;
    }
    return mdli_condition_holds(&plan->warn_if, n_failures) ? MDL_TEST_WARN : MDL_TEST_PASS;
}

/* The table's columns as fields; to be freed. */
static mdl_status list_fields(mdl_context *context, const mdl_table *table, mdl_field **out,
                              mdl_error *error)
{
    void *memory;
    MDLI_TRY(
        mdli_allocate_array(context, table->n_columns, sizeof(mdl_field), "test", &memory, error));
    *out = memory;
    for (int32_t i = 0; i < table->n_columns; i++) {
        (*out)[i] = (mdl_field){table->names[i], table->columns[i]->type};
    }
    return MDL_OK;
}

mdl_status mdl_test_run(mdl_context *context, const mdl_test *test, const mdl_table *table,
                        const mdl_table *to, const mdl_test_options *options, mdl_test_result *out,
                        mdl_error *error)
{
    mdl_test_options defaults;
    mdl_field *fields;
    *out = (mdl_test_result){0};
    mdl_test_options_init(&defaults);
    options = options != NULL ? options : &defaults;
    if (options->struct_size != sizeof *options || options->n_failures_kept < -1) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "options of a test come from mdl_test_options_init");
    }
    MDLI_TRY(list_fields(context, table, &fields, error));
    test_run run = {.table = table, .to = to, .n_kept_max = options->n_failures_kept};
    mdli_marks_init(&run.tested, context, table->n_rows);
    mdli_marks_init(&run.failing, context, table->n_rows);
    mdl_status status =
        mdli_test_plan_create(context, test, fields, table->n_columns, &run.plan, error);
    if (status == MDL_OK) {
        status = run_plan(&run, out, error);
    }
    if (status == MDL_OK) {
        out->outcome = decide(&run.plan, out->n_failures);
    } else {
        mdl_test_result_free(out);
    }
    mdli_test_plan_free(&run.plan);
    mdli_marks_free(&run.tested);
    mdli_marks_free(&run.failing);
    mdli_free(context, fields);
    return status;
}
