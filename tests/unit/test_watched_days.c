/*
 * Which batch is due when: the rules alone, with made-up times. What a real folder does is in
 * test_watcher.c; here are files whose writers the system cannot tell.
 */
#include "watch/watched_days.h"

#include <math.h>

#include "support/run_suite.h"

#define WAIT   100.0
#define SETTLE 2.0

static mdl_context *context;
static mdli_watched_days days;

static void open_world(void)
{
    ck_assert_int_eq(mdl_context_create(NULL, &context, NULL), MDL_OK);
    days = (mdli_watched_days){.context = context};
}

static void close_world(void)
{
    mdli_free_days(&days);
    mdl_context_free(context);
}

static mdli_watched_day *day_of(int32_t number)
{
    mdli_watched_day *day;
    ck_assert_int_eq(mdli_find_day(&days, number, &day, NULL), MDL_OK);
    return day;
}

/* A file of unknown writers that was last changed `age` seconds ago. */
static mdli_observed_file observed(int64_t size_bytes, double age)
{
    return (mdli_observed_file){
        .exists = true,
        .identity = {.inode = 7, .size_bytes = size_bytes},
        .writers = MDLI_WRITERS_UNKNOWN,
        .age_seconds = age,
    };
}

static mdli_file_state take_in(int32_t source, mdli_observed_file file, bool was_closed, double now)
{
    mdli_day_take_in(day_of(1), source, &file, was_closed, SETTLE, now);
    return day_of(1)->files[source].state;
}

START_TEST(a_file_settles_when_it_stays_as_it_is)
{
    ck_assert_int_eq(take_in(0, observed(5, 0.5), false, 1000), MDLI_FILE_SETTLING);
    ck_assert_double_eq(mdli_next_settled_at(&days), 1001.5);
    ck_assert_int_eq(take_in(0, observed(6, 0), false, 1001), MDLI_FILE_SETTLING); /* it grew */
    ck_assert_double_eq(mdli_next_settled_at(&days), 1003);
    ck_assert_int_eq(take_in(0, observed(6, 1.9), false, 1002.9), MDLI_FILE_SETTLING);
    ck_assert_int_eq(take_in(0, observed(6, 2), false, 1003), MDLI_FILE_READY);
    ck_assert(isinf(mdli_next_settled_at(&days)));
    ck_assert_int_eq(take_in(0, observed(7, 0), false, 1004), MDLI_FILE_SETTLING); /* and again */
}
END_TEST

START_TEST(a_clock_of_files_that_is_ahead_does_no_harm)
{
    ck_assert_int_eq(take_in(0, observed(5, 0), false, 1000), MDLI_FILE_SETTLING);
    ck_assert_int_eq(take_in(0, observed(5, 0), false, 1002), MDLI_FILE_READY);
}
END_TEST

START_TEST(old_and_closed_files_are_ready_at_once)
{
    ck_assert_int_eq(take_in(0, observed(5, 2), false, 1000), MDLI_FILE_READY);
    ck_assert_int_eq(take_in(1, observed(5, 0), true, 1000), MDLI_FILE_READY);
    ck_assert_int_eq(take_in(1, observed(5, 0), false, 1000), MDLI_FILE_READY); /* stays so */
    mdli_observed_file gone = {.exists = false};
    ck_assert_int_eq(take_in(1, gone, false, 1000), MDLI_FILE_ABSENT);
}
END_TEST

START_TEST(a_batch_is_due_when_complete_or_when_the_wait_is_over)
{
    double wake_at;
    for (int32_t source = 0; source < 3; source++) {
        take_in(source, observed(5, 0), true, 1000 + source);
    }
    ck_assert_ptr_null(mdli_find_due_day(&days, WAIT, 1050, &wake_at));
    ck_assert_double_eq(wake_at, 1002 + WAIT);
    ck_assert_ptr_nonnull(mdli_find_due_day(&days, WAIT, 1002 + WAIT, &wake_at));
    take_in(3, observed(5, 0), true, 1060);
    ck_assert_ptr_nonnull(mdli_find_due_day(&days, WAIT, 1060, &wake_at));
    day_of(1)->not_before = 1070;
    ck_assert_ptr_null(mdli_find_due_day(&days, WAIT, 1060, &wake_at));
    ck_assert_double_eq(wake_at, 1070);
}
END_TEST

START_TEST(days_are_kept_in_order)
{
    static const int32_t numbers[] = {5, -3, 9, 0, 5, 7, -3};
    for (int i = 0; i < 7; i++) {
        ck_assert_int_eq(day_of(numbers[i])->day, numbers[i]);
    }
    ck_assert_int_eq(days.n_days, 5);
    for (int64_t i = 1; i < days.n_days; i++) {
        ck_assert_int_lt(days.days[i - 1].day, days.days[i].day);
    }
}
END_TEST

START_TEST(an_earlier_day_holds_back_a_later_one)
{
    double wake_at;
    take_in(0, observed(5, 0), true, 1000); /* day 1 is not complete */
    for (int32_t source = 0; source < MDL_WATCH_FILES_MAX; source++) {
        mdli_observed_file file = observed(5, 0);
        mdli_day_take_in(day_of(2), source, &file, true, SETTLE, 1001);
    }
    ck_assert_ptr_null(mdli_find_due_day(&days, WAIT, 1002, &wake_at));
    ck_assert_int_eq(mdli_find_due_day(&days, WAIT, 1100, &wake_at)->day, 1);
    /* A file that is written for ever, and nothing else of its day, holds back nothing for ever. */
    mdli_observed_file writing = observed(6, 0);
    writing.writers = MDLI_WRITERS_SOME;
    ck_assert_int_eq(take_in(0, writing, false, 1000), MDLI_FILE_WRITING);
    ck_assert_ptr_null(mdli_find_due_day(&days, WAIT, 1002, &wake_at));
    ck_assert_int_eq(mdli_find_due_day(&days, WAIT, 1100, &wake_at)->day, 2);
}
END_TEST

static Suite *watched_days_suite(void)
{
    Suite *suite = suite_create("watched_days");
    TCase *test_case = tcase_create("watched_days");
    tcase_add_checked_fixture(test_case, open_world, close_world);
    tcase_add_test(test_case, a_file_settles_when_it_stays_as_it_is);
    tcase_add_test(test_case, a_clock_of_files_that_is_ahead_does_no_harm);
    tcase_add_test(test_case, old_and_closed_files_are_ready_at_once);
    tcase_add_test(test_case, a_batch_is_due_when_complete_or_when_the_wait_is_over);
    tcase_add_test(test_case, days_are_kept_in_order);
    tcase_add_test(test_case, an_earlier_day_holds_back_a_later_one);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(void)
{
    return run_suite(watched_days_suite());
}
