/*
 * Tests whose outcome is known, as they ran on the very tables that are there now: a build tells what
 * they found and reads nothing. Tests that a program has its own function for are never known.
 */
#ifndef MDLI_WAREHOUSE_KNOWN_TESTS_H
#define MDLI_WAREHOUSE_KNOWN_TESTS_H

#include "warehouse/run_internal.h"

/* Their table in a store. The failing rows of a test are in a table of that name, `/` and the test's. */
#define MDLI_TABLE_KNOWN_TESTS "_known_tests"

/* What a test found. */
struct mdli_known_test {
    /* mdli_node.n_changes of the tables that it read, plus 1; 0 = nothing is known, or no table. */
    int64_t tested;
    int64_t to;
    mdl_run_state state; /* PASS or WARN: after a failure tests run again */
    int64_t n_kept;      /* how many failing rows were asked for */
    int64_t n_rows;
    int64_t n_failures;
    bool are_failures_unread;
    mdl_table *failures; /* owned; NULL = none, or not read yet */
    char message[sizeof((mdl_test_result *)NULL)->message];
};

/* Takes what the store of a new warehouse knows. */
mdl_status mdli_known_tests_read(mdl_warehouse *warehouse, mdl_error *error);

/* Finds what of that is about the tests of a node that is added, whose store there may not be. */
void mdli_attach_known_tests(const mdl_warehouse *warehouse, mdli_node *node);

void mdli_free_known_tests(mdli_node *node);

/* Whether a run can tell what a test found before; tables that it builds are not looked at before
 * they are there. */
bool mdli_is_known_task(const mdli_run_state *state, const mdli_task *task);

/* Fills in the result of a test if it is known; may be called by tasks. */
mdl_status mdli_tell_known_test(const mdli_run_state *state, mdli_task *task, bool *is_known,
                                mdl_error *error);

/* Notes what the tests of a run have found on the tables that were published. */
void mdli_note_known_tests(const mdli_run_state *state);

/* The table in a store of the failing rows of a test, and whether a name is such a one's. */
mdli_table_name mdli_known_failures_name(const mdl_test *test);
bool mdli_is_known_tests_name(const char *name);

/* Whether what a test found still counts. */
bool mdli_is_test_known(const mdl_warehouse *warehouse, int32_t node, int32_t test);

/* What is known, for a commit that makes the store's next version. */
mdl_status mdli_known_tests_write(const mdl_warehouse *warehouse, mdl_table **out,
                                  mdl_error *error);

#endif
