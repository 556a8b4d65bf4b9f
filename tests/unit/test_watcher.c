/*
 * Watching a real folder in /tmp: which files come as which batch, and where they go.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "medallion/watch.h"
#include "support/run_suite.h"

/* For what must come: far more than it takes. */
#define LONG_SECONDS 20.0

/* For what must not come: how long to look. */
#define SHORT_SECONDS 0.15

static mdl_context *context;
static mdl_watcher *watcher;
static mdl_watch_options options;
static const mdl_watch_batch *batch;
static char folder[64];
static char notes[4096];

static void take_note(void *user_data, const char *message)
{
    (void)user_data;
    size_t size = strlen(notes);
    snprintf(notes + size, sizeof notes - size, "%s\n", message);
}

static void open_world(void)
{
    snprintf(folder, sizeof folder, "/tmp/mdl-watch-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(mdl_context_create(NULL, &context, NULL), MDL_OK);
    mdl_watch_options_init(&options);
    options.batch_wait_seconds = LONG_SECONDS;
    options.retry_seconds = 0;
    options.note = take_note;
    notes[0] = '\0';
    watcher = NULL;
    batch = NULL;
}

static void close_world(void)
{
    char command[256];
    mdl_watcher_free(watcher);
    mdl_context_free(context);
    snprintf(command, sizeof command, "rm -rf %s %s.moved", folder, folder);
    ck_assert_int_eq(system(command), 0);
}

static void start(void)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_watcher_create(context, folder, &options, &watcher, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const char *in_folder(const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* Opens for writing, and writes. */
static int begin_file(const char *name, const char *text)
{
    int file = open(in_folder(name), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
    return file;
}

static void write_file(const char *name, const char *text)
{
    ck_assert_int_eq(close(begin_file(name, text)), 0);
}

/* All four files of a date DDMMYYYY. */
static void write_day(const char *date)
{
    static const char *const sources[] = {"links", "tags", "ratings", "movies"};
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s_%s.csv", date, sources[i]);
        write_file(name, "x");
    }
}

static bool exists(const char *name)
{
    struct stat info;
    return lstat(in_folder(name), &info) == 0;
}

static const char *text_of(const char *name)
{
    static char text[1024];
    FILE *file = fopen(in_folder(name), "r");
    ck_assert_msg(file != NULL, "%s", name);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void wait_for_batch(const char *date, int32_t n_files, int32_t n_missing)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_watcher_next(watcher, LONG_SECONDS, &batch, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    ck_assert_ptr_nonnull(batch);
    ck_assert_str_eq(batch->date, date);
    ck_assert_int_eq(batch->n_files, n_files);
    ck_assert_int_eq(batch->n_missing, n_missing);
}

static void expect_nothing(double seconds)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_watcher_next(watcher, seconds, &batch, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    ck_assert_msg(batch == NULL, "a batch of %s", batch->date);
}

static void accept_all(void)
{
    mdl_error error = MDL_ERROR_INIT;
    for (int32_t i = 0; i < batch->n_files; i++) {
        ck_assert_msg(mdl_watcher_accept(watcher, i, &error) == MDL_OK, "%s", error.message);
    }
}

/* ---- Coming ---- */

START_TEST(files_that_were_there_come_as_one_batch)
{
    write_day("27012026");
    start();
    wait_for_batch("2026-01-27", 4, 0);
    static const char *const sources[] = {"movies", "ratings", "tags", "links"};
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "27012026_%s.csv", sources[i]);
        ck_assert_str_eq(batch->sources[i], sources[i]);
        ck_assert_str_eq(batch->paths[i], in_folder(name));
    }
    accept_all();
    expect_nothing(SHORT_SECONDS);
}
END_TEST

START_TEST(files_come_in_any_order)
{
    static const char *const names[] = {"05032026_movies.csv", "05032026_ratings.csv",
                                        "05032026_tags.csv", "05032026_links.csv"};
    start();
    for (int i = 0; i < 4; i++) {
        expect_nothing(0);
        write_file(names[(_i + 3 * i) % 4], "x");
    }
    wait_for_batch("2026-03-05", 4, 0);
}
END_TEST

START_TEST(a_slow_writer_is_waited_for)
{
    int before = begin_file("27012026_links.csv", "movieId");
    start();
    write_file("27012026_movies.csv", "x");
    write_file("27012026_ratings.csv", "x");
    int after = begin_file("27012026_tags.csv", "userId");
    expect_nothing(SHORT_SECONDS);
    close(before);
    expect_nothing(SHORT_SECONDS);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(write(after, ",movieId", 8), 8);
        expect_nothing(0.05);
    }
    close(after);
    wait_for_batch("2026-01-27", 4, 0);
}
END_TEST

START_TEST(a_second_writer_is_waited_for_too)
{
    start();
    write_day("27012026");
    int again = begin_file("27012026_tags.csv", "more");
    expect_nothing(SHORT_SECONDS);
    close(again);
    wait_for_batch("2026-01-27", 4, 0);
}
END_TEST

START_TEST(files_are_renamed_and_linked_into_place)
{
    start();
    write_file("27012026_movies.csv.part", "x");
    write_file(".hidden", "x");
    write_file("27012026_ratings.csv", "x");
    write_file("27012026_tags.csv", "x");
    expect_nothing(SHORT_SECONDS);
    ck_assert_int_eq(
        rename(in_folder("27012026_movies.csv.part"), in_folder("27012026_movies.csv")), 0);
    ck_assert_int_eq(link(in_folder(".hidden"), in_folder("27012026_links.csv")), 0);
    wait_for_batch("2026-01-27", 4, 0);
}
END_TEST

START_TEST(a_file_that_is_cut_by_its_path_is_ready)
{
    start();
    write_file("27012026_movies.csv", "long");
    expect_nothing(0);
    ck_assert_int_eq(truncate(in_folder("27012026_movies.csv"), 1), 0); /* and no close is told */
    write_file("27012026_ratings.csv", "x");
    write_file("27012026_tags.csv", "x");
    write_file("27012026_links.csv", "x");
    wait_for_batch("2026-01-27", 4, 0);
}
END_TEST

START_TEST(missing_files_are_told_after_a_while)
{
    options.batch_wait_seconds = 1;
    start();
    write_file("27012026_ratings.csv", "x");
    double began = seconds_now();
    expect_nothing(0.1);
    write_file("27012026_links.csv", "x");
    wait_for_batch("2026-01-27", 2, 2);
    /* The clock of files goes in steps of a few milliseconds. */
    ck_assert_double_ge(seconds_now() - began, 1.1 - 0.02);
    ck_assert_str_eq(batch->missing[0], "movies");
    ck_assert_str_eq(batch->missing[1], "tags");
    accept_all();
    /* What comes later is a batch of its own, and at once when nothing is missing any more. */
    write_file("27012026_tags.csv", "x");
    expect_nothing(0.1);
    write_file("27012026_movies.csv", "x");
    wait_for_batch("2026-01-27", 2, 0);
    ck_assert_str_eq(batch->sources[0], "movies");
    ck_assert_str_eq(batch->sources[1], "tags");
}
END_TEST

START_TEST(a_writer_that_does_not_end_is_not_waited_for_for_ever)
{
    options.batch_wait_seconds = 0.3;
    start();
    write_file("27012026_movies.csv", "x");
    int file = begin_file("27012026_ratings.csv", "x");
    wait_for_batch("2026-01-27", 1, 3);
    accept_all();
    close(file);
    wait_for_batch("2026-01-27", 1, 2);
}
END_TEST

START_TEST(batches_come_in_the_order_of_dates)
{
    start();
    write_day("01022026");
    write_day("31122025");
    write_file("31012026_movies.csv", "x");
    wait_for_batch("2025-12-31", 4, 0);
    accept_all();
    expect_nothing(SHORT_SECONDS); /* January is not complete, and February later */
    write_file("31012026_ratings.csv", "x");
    write_file("31012026_tags.csv", "x");
    write_file("31012026_links.csv", "x");
    wait_for_batch("2026-01-31", 4, 0);
    accept_all();
    wait_for_batch("2026-02-01", 4, 0);
}
END_TEST

START_TEST(a_file_that_vanishes_is_not_handed_out)
{
    options.batch_wait_seconds = 0.3;
    start();
    write_day("27012026");
    ck_assert_int_eq(unlink(in_folder("27012026_tags.csv")), 0);
    ck_assert_int_eq(rename(in_folder("27012026_links.csv"), in_folder("away")), 0);
    wait_for_batch("2026-01-27", 2, 2);
    /* While it is at work, too. */
    ck_assert_int_eq(unlink(in_folder("27012026_movies.csv")), 0);
    accept_all();
    ck_assert(!exists("processed/27012026_movies.csv"));
    ck_assert(exists("processed/27012026_ratings.csv"));
    expect_nothing(0.4);
}
END_TEST

START_TEST(other_things_are_left_alone)
{
    start();
    options.batch_wait_seconds = 0;
    ck_assert_int_eq(mkdir(in_folder("27012026_movies.csv"), 0755), 0);
    write_file("target", "x");
    ck_assert_int_eq(symlink("target", in_folder("27012026_tags.csv")), 0);
    ck_assert_int_eq(mkfifo(in_folder("27012026_links.csv"), 0644), 0);
    write_file("27012026_ratings.CSV", "x");
    write_file("127012026_ratings.csv", "x");
    write_file("27012026_users.csv", "x");
    write_file("ratings.csv", "x");
    expect_nothing(SHORT_SECONDS);
    ck_assert_str_eq(notes,
                     "127012026_ratings.csv is left alone: it is not called as a daily file, "
                     "DDMMYYYY_movies.csv\n"
                     "27012026_users.csv is left alone: it is not called as a daily file, "
                     "DDMMYYYY_movies.csv\n"
                     "ratings.csv is left alone: it is not called as a daily file, "
                     "DDMMYYYY_movies.csv\n");
}
END_TEST

START_TEST(a_date_that_does_not_exist_is_rejected)
{
    write_file("31022026_movies.csv", "x");
    start();
    expect_nothing(0);
    write_file("29022025_tags.csv", "x");
    int file = begin_file("00012026_links.csv", "x");
    expect_nothing(SHORT_SECONDS);
    ck_assert(exists("rejected/31022026_movies.csv"));
    ck_assert(exists("rejected/29022025_tags.csv"));
    ck_assert(exists("00012026_links.csv"));
    close(file);
    expect_nothing(SHORT_SECONDS);
    ck_assert(exists("rejected/00012026_links.csv"));
    ck_assert_str_eq(text_of("rejected/31022026_movies.csv.report.txt"),
                     "31022026_movies.csv was not loaded: 31022026 is no date of the form "
                     "DDMMYYYY\n");
    ck_assert_ptr_nonnull(strstr(notes, "31022026_movies.csv rejected"));
}
END_TEST

/* A file stands where the folder for rejected ones should be: that must not end a watch. */
START_TEST(impossible_date_that_cannot_be_moved_is_left)
{
    write_file("rejected", "x");
    write_file("31022026_movies.csv", "x");
    start();
    write_day("01022026");
    ck_assert_ptr_nonnull(strstr(notes, "31022026_movies.csv is left alone: 31022026 is no date"));
    ck_assert_int_eq(mdl_watcher_next(watcher, LONG_SECONDS, &batch, NULL), MDL_OK);
    ck_assert_ptr_nonnull(batch);
    ck_assert_str_eq(batch->date, "2026-02-01");
    ck_assert(exists("31022026_movies.csv"));
}
END_TEST

START_TEST(lost_events_do_not_lose_files)
{
    start();
    for (int i = 0; i < 12000; i++) { /* more than the kernel keeps */
        int file = open(in_folder("noise"), O_WRONLY | O_CREAT, 0644);
        close(file);
        unlink(in_folder("noise"));
    }
    write_day("27012026");
    wait_for_batch("2026-01-27", 4, 0);
    ck_assert_ptr_nonnull(strstr(notes, "too much happened at once"));
}
END_TEST

/* ---- Going ---- */

START_TEST(files_of_one_name_get_numbers)
{
    static const char *const moved[] = {"processed/27012026_tags.csv",
                                        "processed/27012026_tags.csv.2",
                                        "processed/27012026_tags.csv.3"};
    options.batch_wait_seconds = 0;
    start();
    for (int i = 0; i < 3; i++) {
        char text[16];
        snprintf(text, sizeof text, "text %d", i);
        write_file("27012026_tags.csv", text);
        wait_for_batch("2026-01-27", 1, 3);
        accept_all();
    }
    for (int i = 0; i < 3; i++) {
        char text[16];
        snprintf(text, sizeof text, "text %d", i);
        ck_assert_str_eq(text_of(moved[i]), text);
    }
    ck_assert(!exists("27012026_tags.csv"));
}
END_TEST

START_TEST(rejected_files_have_a_report_beside_them)
{
    mdl_error error = MDL_ERROR_INIT;
    options.batch_wait_seconds = 0;
    options.keep = true; /* of no effect on them */
    start();
    for (int i = 0; i < 2; i++) {
        write_file("27012026_tags.csv", "bad");
        wait_for_batch("2026-01-27", 1, 3);
        ck_assert_int_eq(mdl_watcher_reject(watcher, 0, i == 0 ? "why\n" : "again\n", &error),
                         MDL_OK);
        ck_assert_int_eq(mdl_watcher_reject(watcher, 0, "twice", &error), MDL_E_ARGUMENT);
        error = (mdl_error)MDL_ERROR_INIT;
        ck_assert_int_eq(mdl_watcher_accept(watcher, 1, &error), MDL_E_ARGUMENT);
        error = (mdl_error)MDL_ERROR_INIT;
    }
    ck_assert_str_eq(text_of("rejected/27012026_tags.csv"), "bad");
    ck_assert_str_eq(text_of("rejected/27012026_tags.csv.report.txt"), "why\n");
    ck_assert_str_eq(text_of("rejected/27012026_tags.csv.2"), "bad");
    ck_assert_str_eq(text_of("rejected/27012026_tags.csv.2.report.txt"), "again\n");
    expect_nothing(SHORT_SECONDS);
}
END_TEST

START_TEST(a_file_that_was_replaced_at_work_comes_again)
{
    options.batch_wait_seconds = 0;
    options.keep = _i % 2 == 1;
    start();
    write_file("27012026_tags.csv", "old");
    wait_for_batch("2026-01-27", 1, 3);
    if (_i < 2) {
        write_file("new", "new");
        ck_assert_int_eq(rename(in_folder("new"), in_folder("27012026_tags.csv")), 0);
    } else {
        write_file("27012026_tags.csv", " and new");
    }
    accept_all();
    ck_assert(exists("27012026_tags.csv"));
    wait_for_batch("2026-01-27", 1, 3);
    ck_assert_str_eq(text_of("27012026_tags.csv"), _i < 2 ? "new" : "old and new");
    accept_all();
    expect_nothing(SHORT_SECONDS);
    ck_assert_int_eq(exists("27012026_tags.csv"), options.keep);
}
END_TEST

START_TEST(kept_files_come_again_when_they_change)
{
    options.keep = true;
    start();
    write_day("27012026");
    wait_for_batch("2026-01-27", 4, 0);
    accept_all();
    expect_nothing(SHORT_SECONDS);
    ck_assert(!exists("processed"));
    write_file("27012026_links.csv", "more");
    wait_for_batch("2026-01-27", 1, 0);
    ck_assert_str_eq(batch->sources[0], "links");
    accept_all();
    expect_nothing(SHORT_SECONDS);
}
END_TEST

START_TEST(what_was_not_dealt_with_comes_again)
{
    options.retry_seconds = 0.3;
    start();
    write_day("27012026");
    wait_for_batch("2026-01-27", 4, 0);
    ck_assert_int_eq(mdl_watcher_accept(watcher, 1, NULL), MDL_OK);
    double began = seconds_now();
    wait_for_batch("2026-01-27", 3, 0);
    ck_assert_double_ge(seconds_now() - began, 0.3);
    ck_assert_str_eq(batch->sources[0], "movies");
    ck_assert_str_eq(batch->sources[1], "tags");
}
END_TEST

START_TEST(a_folder_in_the_way_is_told)
{
    mdl_error error = MDL_ERROR_INIT;
    start();
    write_day("27012026");
    write_file("processed", "a file");
    wait_for_batch("2026-01-27", 4, 0);
    ck_assert_int_ne(mdl_watcher_accept(watcher, 0, &error), MDL_OK);
    ck_assert_ptr_nonnull(strstr(error.message, "27012026_movies.csv"));
    ck_assert_int_eq(unlink(in_folder("processed")), 0);
    accept_all();
}
END_TEST

/* ---- Ending ---- */

START_TEST(a_folder_that_goes_away_is_told)
{
    char moved[80];
    mdl_error error = MDL_ERROR_INIT;
    snprintf(moved, sizeof moved, "%s.moved", folder);
    start();
    expect_nothing(0);
    ck_assert_int_eq(_i == 0 ? rmdir(folder) : rename(folder, moved), 0);
    ck_assert_int_eq(mdl_watcher_next(watcher, LONG_SECONDS, &batch, &error), MDL_E_FILE_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(error.message, folder));
}
END_TEST

static void *remove_folder_later(void *data)
{
    (void)data;
    usleep(200 * 1000);
    rmdir(folder);
    return NULL;
}

START_TEST(a_folder_that_goes_away_ends_the_wait)
{
    pthread_t thread;
    mdl_error error = MDL_ERROR_INIT;
    start();
    ck_assert_int_eq(pthread_create(&thread, NULL, remove_folder_later, NULL), 0);
    ck_assert_int_eq(mdl_watcher_next(watcher, LONG_SECONDS, &batch, &error), MDL_E_FILE_NOT_FOUND);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(a_folder_that_is_none_is_told)
{
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_watcher_create(context, in_folder("none"), &options, &watcher, &error),
                     MDL_E_FILE_NOT_FOUND);
    ck_assert_ptr_null(watcher);
    write_file("file", "x");
    ck_assert_int_ne(mdl_watcher_create(context, in_folder("file"), &options, &watcher, NULL),
                     MDL_OK);
    ck_assert_int_eq(mdl_watcher_create(context, "", &options, &watcher, NULL), MDL_E_ARGUMENT);
    options.settle_seconds = -1;
    ck_assert_int_eq(mdl_watcher_create(context, folder, &options, &watcher, NULL), MDL_E_ARGUMENT);
}
END_TEST

static void *stop_later(void *data)
{
    usleep(200 * 1000);
    mdl_watcher_stop(data);
    return NULL;
}

START_TEST(a_stop_ends_the_wait)
{
    pthread_t thread;
    start();
    ck_assert(!mdl_watcher_is_stopped(watcher));
    ck_assert_int_eq(pthread_create(&thread, NULL, stop_later, watcher), 0);
    double began = seconds_now();
    expect_nothing(-1);
    ck_assert_double_lt(seconds_now() - began, LONG_SECONDS / 2);
    pthread_join(thread, NULL);
    ck_assert(mdl_watcher_is_stopped(watcher));
    write_day("27012026");
    expect_nothing(-1); /* from now on */
}
END_TEST

static void on_alarm(int signal_number)
{
    (void)signal_number;
    mdl_context_cancel(context);
}

START_TEST(a_signal_that_cancels_ends_the_wait)
{
    mdl_error error = MDL_ERROR_INIT;
    start();
    signal(SIGALRM, on_alarm);
    ualarm(200 * 1000, 0);
    ck_assert_int_eq(mdl_watcher_next(watcher, -1, &batch, &error), MDL_E_CANCELLED);
    signal(SIGALRM, SIG_DFL);
}
END_TEST

START_TEST(waiting_does_not_poll)
{
    struct rusage before;
    struct rusage after;
    start();
    write_file("27012026_tags.csv", "x");
    expect_nothing(0);
    getrusage(RUSAGE_THREAD, &before);
    expect_nothing(0.5);
    getrusage(RUSAGE_THREAD, &after);
    ck_assert_int_le(after.ru_nvcsw - before.ru_nvcsw, 3);
}
END_TEST

/* Serves allocations until one is to fail. */
static void *allocate_until(void *user_data, size_t size_bytes, size_t alignment_bytes)
{
    void *memory;
    return (*(int *)user_data)-- > 0 && posix_memalign(&memory, alignment_bytes, size_bytes) == 0
               ? memory
               : NULL;
}

static void release(void *user_data, void *memory, size_t size_bytes)
{
    (void)user_data;
    (void)size_bytes;
    free(memory);
}

START_TEST(no_memory_is_told)
{
    mdl_status status = MDL_E_NO_MEMORY;
    write_day("27012026");
    for (int n = 0; status != MDL_OK; n++) {
        int n_left = n;
        mdl_context_options small_options;
        mdl_context *small = NULL;
        mdl_watcher *w = NULL;
        mdl_context_options_init(&small_options);
        small_options.n_threads = 1;
        small_options.allocator = (mdl_allocator){allocate_until, release, &n_left};
        status = mdl_context_create(&small_options, &small, NULL);
        if (status == MDL_OK) {
            status = mdl_watcher_create(small, folder, &options, &w, NULL);
        }
        ck_assert_int_eq(status == MDL_OK, w != NULL);
        ck_assert(status == MDL_OK || status == MDL_E_NO_MEMORY);
        ck_assert_int_lt(n, 100);
        mdl_watcher_free(w);
        mdl_context_free(small);
    }
}
END_TEST

static Suite *watcher_suite(void)
{
    Suite *suite = suite_create("watcher");
    TCase *test_case = tcase_create("watcher");
    tcase_add_checked_fixture(test_case, open_world, close_world);
    tcase_add_test(test_case, files_that_were_there_come_as_one_batch);
    tcase_add_loop_test(test_case, files_come_in_any_order, 0, 4);
    tcase_add_test(test_case, a_slow_writer_is_waited_for);
    tcase_add_test(test_case, a_second_writer_is_waited_for_too);
    tcase_add_test(test_case, files_are_renamed_and_linked_into_place);
    tcase_add_test(test_case, a_file_that_is_cut_by_its_path_is_ready);
    tcase_add_test(test_case, missing_files_are_told_after_a_while);
    tcase_add_test(test_case, a_writer_that_does_not_end_is_not_waited_for_for_ever);
    tcase_add_test(test_case, batches_come_in_the_order_of_dates);
    tcase_add_test(test_case, impossible_date_that_cannot_be_moved_is_left);
    tcase_add_test(test_case, a_file_that_vanishes_is_not_handed_out);
    tcase_add_test(test_case, other_things_are_left_alone);
    tcase_add_test(test_case, a_date_that_does_not_exist_is_rejected);
    tcase_add_test(test_case, lost_events_do_not_lose_files);
    tcase_add_test(test_case, files_of_one_name_get_numbers);
    tcase_add_test(test_case, rejected_files_have_a_report_beside_them);
    tcase_add_loop_test(test_case, a_file_that_was_replaced_at_work_comes_again, 0, 4);
    tcase_add_test(test_case, kept_files_come_again_when_they_change);
    tcase_add_test(test_case, what_was_not_dealt_with_comes_again);
    tcase_add_test(test_case, a_folder_in_the_way_is_told);
    tcase_add_loop_test(test_case, a_folder_that_goes_away_is_told, 0, 2);
    tcase_add_test(test_case, a_folder_that_goes_away_ends_the_wait);
    tcase_add_test(test_case, a_folder_that_is_none_is_told);
    tcase_add_test(test_case, a_stop_ends_the_wait);
    tcase_add_test(test_case, a_signal_that_cancels_ends_the_wait);
    tcase_add_test(test_case, waiting_does_not_poll);
    tcase_add_test(test_case, no_memory_is_told);
    tcase_set_timeout(test_case, 120);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(void)
{
    return run_suite(watcher_suite());
}
