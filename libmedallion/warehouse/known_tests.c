/*
 * Tests whose outcome is known.
 *
 * In memory what a test found is noted with how often the tables that it read had been replaced: it
 * counts while that is so. In a store it counts in the version whose commit wrote it, which the hash
 * of the test's definition includes: whoever else writes a version, knowing nothing of tests, makes
 * all of them run again.
 */
#include "warehouse/known_tests.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "column/table_rows.h"
#include "warehouse/definitions.h"

enum {
    FAILURES_KEPT_MAX = 1000 /* rows of a test that are worth a place in a store */
};

enum {
    KNOWN_TEST,
    KNOWN_DEFINITION,
    KNOWN_STATE,
    KNOWN_N_ROWS,
    KNOWN_N_FAILURES,
    KNOWN_N_KEPT,
    KNOWN_MESSAGE,
    N_KNOWN_COLUMNS
};

static const mdl_field known_fields[N_KNOWN_COLUMNS] = {
    [KNOWN_TEST] = {"test", MDL_TYPE_STRING},
    [KNOWN_DEFINITION] = {"definition", MDL_TYPE_STRING},
    [KNOWN_STATE] = {"state", MDL_TYPE_STRING},
    [KNOWN_N_ROWS] = {"n_rows", MDL_TYPE_INT64},
    [KNOWN_N_FAILURES] = {"n_failures", MDL_TYPE_INT64},
    [KNOWN_N_KEPT] = {"n_kept", MDL_TYPE_INT64},
    [KNOWN_MESSAGE] = {"message", MDL_TYPE_STRING},
};

mdli_table_name mdli_known_failures_name(const mdl_test *test)
{
    mdli_table_name name;
    snprintf(name.text, sizeof name.text, MDLI_TABLE_KNOWN_TESTS "/%s", test->name);
    return name;
}

bool mdli_is_known_tests_name(const char *name)
{
    return strncmp(name, MDLI_TABLE_KNOWN_TESTS "/", sizeof MDLI_TABLE_KNOWN_TESTS) == 0;
}

/*
 * In memory.
 */

/* How often a table was replaced, plus 1; 0 = there is no table. */
static int64_t changes_of(const mdl_warehouse *warehouse, int32_t node)
{
    return node >= 0 ? warehouse->nodes[node]->n_changes + 1 : 0;
}

bool mdli_is_test_known(const mdl_warehouse *warehouse, int32_t n, int32_t test)
{
    const mdli_node *node = warehouse->nodes[n];
    const mdli_known_test *known = &node->known[test];
    int32_t tested;
    int32_t to;
    mdli_find_tested(warehouse, n, &node->tests[test], &tested, &to);
    return known->tested != 0 && known->tested == changes_of(warehouse, tested) &&
           known->to == changes_of(warehouse, to);
}

static bool is_of_run(const mdli_run_state *state, int32_t node)
{
    return node >= 0 && state->tables[node] != NULL;
}

/* A run that was asked for tests runs them. */
bool mdli_is_known_task(const mdli_run_state *state, const mdli_task *task)
{
    const mdli_node *node = state->warehouse->nodes[task->node];
    const int32_t test = (int32_t)(task->result.test - node->tests);
    return state->run->command != MDLI_COMMAND_TEST && !state->options.full_refresh &&
           node->known[test].n_kept == state->options.n_failures_kept &&
           !is_of_run(state, task->tested) && !is_of_run(state, task->to) &&
           mdli_is_test_known(state->warehouse, task->node, test);
}

mdl_status mdli_tell_known_test(const mdli_run_state *state, mdli_task *task, bool *is_known,
                                mdl_error *error)
{
    mdli_node *node = state->warehouse->nodes[task->node];
    *is_known = mdli_is_known_task(state, task);
    if (!*is_known) {
        return MDL_OK;
    }
    mdli_known_test *known = &node->known[task->result.test - node->tests];
    if (known->are_failures_unread) {
        const mdli_table_name name = mdli_known_failures_name(task->result.test);
        MDLI_TRY(mdli_read_stored(state->warehouse, name.text, &known->failures, error));
        known->are_failures_unread = false;
    }
    mdl_run_result *result = &task->result;
    result->reused = true;
    result->state = known->state;
    result->n_rows = known->n_rows;
    result->n_failures = known->n_failures;
    task->failures = mdl_table_clone(known->failures);
    result->failures = task->failures;
    memcpy(task->message, known->message, sizeof known->message);
    return MDL_OK;
}

static void note_result(const mdli_run_state *state, const mdli_task *task)
{
    const mdl_warehouse *warehouse = state->warehouse;
    const mdli_node *node = warehouse->nodes[task->node];
    const mdl_run_result *result = &task->result;
    mdli_known_test *known = &node->known[result->test - node->tests];
    mdl_table_free(known->failures);
    *known = (mdli_known_test){
        .tested = changes_of(warehouse, task->tested),
        .to = changes_of(warehouse, task->to),
        .state = result->state,
        .n_kept = state->options.n_failures_kept,
        .n_rows = result->n_rows,
        .n_failures = result->n_failures,
        .failures = mdl_table_clone(task->failures),
    };
    memcpy(known->message, task->message, sizeof known->message);
}

/* Whether what a task found is to be noted: of a test that went well, is described by its declaration
 * alone, and leaves a store little to keep, under a name with room for what stands before it. */
static bool is_worth_noting(const mdli_run_state *state, const mdli_task *task)
{
    const mdl_run_result *result = &task->result;
    return result->kind == MDL_TASK_TEST && !result->reused &&
           (result->state == MDL_RUN_PASS || result->state == MDL_RUN_WARN) &&
           result->test->kind != MDL_TEST_CALLBACK && state->options.n_failures_kept >= 0 &&
           state->options.n_failures_kept <= FAILURES_KEPT_MAX &&
           strlen(result->name) + sizeof MDLI_TABLE_KNOWN_TESTS <
               sizeof((mdli_table_name *)NULL)->text;
}

void mdli_note_known_tests(const mdli_run_state *state)
{
    for (int32_t t = 0; t < state->run->n_tasks; t++) {
        if (is_worth_noting(state, &state->run->tasks[t])) {
            note_result(state, &state->run->tasks[t]);
        }
    }
}

void mdli_free_known_tests(mdli_node *node)
{
    for (int32_t t = 0; t < node->n_tests; t++) {
        mdl_table_free(node->known[t].failures);
    }
}

/*
 * In a store.
 */

static void copy_text(char *out, size_t size, mdl_string text)
{
    snprintf(out, size, "%.*s", (int)text.size_bytes, text.data);
}

/* Takes a row of the table in a store. */
static mdl_status take_known(void *data, int64_t row, const mdl_value *values, mdl_error *error)
{
    (void)row;
    mdl_warehouse *warehouse = data;
    for (int32_t i = 0; i < N_KNOWN_COLUMNS; i++) {
        if (values[i].is_null) {
            return MDL_OK;
        }
    }
    void *stored = warehouse->known_tests;
    MDLI_TRY(mdli_grow_array(warehouse->context, &stored, &warehouse->known_tests_capacity,
                             warehouse->n_known_tests, warehouse->n_known_tests + 1,
                             sizeof *warehouse->known_tests, "warehouse", error));
    warehouse->known_tests = stored;
    mdli_stored_test *test = &warehouse->known_tests[warehouse->n_known_tests++];
    *test = (mdli_stored_test){
        .has_warned = !mdli_is_text(values[KNOWN_STATE].as.text, mdl_run_state_name(MDL_RUN_PASS)),
        .n_kept = values[KNOWN_N_KEPT].as.integer,
        .n_rows = values[KNOWN_N_ROWS].as.integer,
        .n_failures = values[KNOWN_N_FAILURES].as.integer,
    };
    copy_text(test->test, sizeof test->test, values[KNOWN_TEST].as.text);
    copy_text(test->definition.hash, sizeof test->definition.hash,
              values[KNOWN_DEFINITION].as.text);
    copy_text(test->message, sizeof test->message, values[KNOWN_MESSAGE].as.text);
    return MDL_OK;
}

mdl_status mdli_known_tests_read(mdl_warehouse *warehouse, mdl_error *error)
{
    return mdli_read_log_rows(warehouse, MDLI_TABLE_KNOWN_TESTS, known_fields, N_KNOWN_COLUMNS,
                              take_known, error);
}

static void attach_test(const mdl_warehouse *warehouse, const mdl_test *test,
                        const mdli_stored_test *stored, mdli_known_test *known)
{
    const mdli_definition definition =
        mdli_define_test(test, stored->n_kept, mdl_store_version(warehouse->store));
    const mdli_table_name failures = mdli_known_failures_name(test);
    if (!mdli_is_defined_as(&definition, &stored->definition)) {
        return;
    }
    *known = (mdli_known_test){
        .tested = 1,
        .to = test->to != NULL,
        .state = stored->has_warned ? MDL_RUN_WARN : MDL_RUN_PASS,
        .n_kept = stored->n_kept,
        .n_rows = stored->n_rows,
        .n_failures = stored->n_failures,
        .are_failures_unread = mdl_store_table_rows(warehouse->store, failures.text) >= 0,
    };
    memcpy(known->message, stored->message, sizeof known->message);
}

void mdli_attach_known_tests(const mdl_warehouse *warehouse, mdli_node *node)
{
    for (int32_t t = 0; t < node->n_tests; t++) {
        for (int64_t i = 0; i < warehouse->n_known_tests; i++) {
            if (strcmp(warehouse->known_tests[i].test, node->tests[t].name) == 0) {
                attach_test(warehouse, &node->tests[t], &warehouse->known_tests[i],
                            &node->known[t]);
            }
        }
    }
}

static mdl_value text_value(const char *text)
{
    return (mdl_value){.as.text = {text, (int64_t)strlen(text)}};
}

static mdl_status append_known(const mdl_warehouse *warehouse, mdl_table_builder *builder,
                               const mdl_test *test, const mdli_known_test *known, mdl_error *error)
{
    const mdli_definition definition =
        mdli_define_test(test, known->n_kept, mdl_store_version(warehouse->store) + 1);
    const mdl_value values[N_KNOWN_COLUMNS] = {
        [KNOWN_TEST] = text_value(test->name),
        [KNOWN_DEFINITION] = text_value(definition.hash),
        [KNOWN_STATE] = text_value(mdl_run_state_name(known->state)),
        [KNOWN_N_ROWS] = {.as.integer = known->n_rows},
        [KNOWN_N_FAILURES] = {.as.integer = known->n_failures},
        [KNOWN_N_KEPT] = {.as.integer = known->n_kept},
        [KNOWN_MESSAGE] = text_value(known->message),
    };
    return mdli_append_row(builder, known_fields, N_KNOWN_COLUMNS, values, error);
}

static mdl_status append_all_known(const mdl_warehouse *warehouse, mdl_table_builder *builder,
                                   mdl_error *error)
{
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        const mdli_node *node = warehouse->nodes[i];
        for (int32_t t = 0; t < node->n_tests; t++) {
            if (mdli_is_test_known(warehouse, i, t)) {
                MDLI_TRY(append_known(warehouse, builder, &node->tests[t], &node->known[t], error));
            }
        }
    }
    return MDL_OK;
}

mdl_status mdli_known_tests_write(const mdl_warehouse *warehouse, mdl_table **out, mdl_error *error)
{
    mdl_table_builder *builder = NULL;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdl_table_builder_create(warehouse->context, known_fields, N_KNOWN_COLUMNS,
                                                &builder, error));
    MDLI_TRY_GOTO_DONE(append_all_known(warehouse, builder, error));
    MDLI_TRY_GOTO_DONE(mdl_table_builder_finish(builder, out, error));
done:
    mdl_table_builder_free(builder);
    return status;
}
