/*
 * The main program of a Check suite: `int main(void) { return run_suite(decimal_suite()); }`.
 */
#ifndef TESTS_RUN_SUITE_H
#define TESTS_RUN_SUITE_H

#include <check.h>
#include <stdlib.h>

/* For loops of many checks: ck_assert reports every one that passes, which costs a system call. */
#define ASSERT_IN_LOOP(expression, ...)                                                            \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            ck_abort_msg(#expression ": " __VA_ARGS__);                                            \
        }                                                                                          \
    } while (0)

/* Runs the suite as CK_VERBOSITY and CK_FORK say; the exit status tells whether all tests passed.
 */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
