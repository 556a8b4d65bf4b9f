/*
 * Contexts: settings, the budget, cancelling, deadlines, progress, the caller's executor and
 * allocator, parallel loops, and memory that is kept for reuse.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context_internal.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "medallion/medallion.h"
#include "support/run_suite.h"

static mdl_context *create(const mdl_context_options *options)
{
    mdl_context *context;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_msg(mdl_context_create(options, &context, &error) == MDL_OK, "%s", error.message);
    return context;
}

static void refused(const mdl_context_options *options, const char *part_of_message)
{
    mdl_context *context = (mdl_context *)1;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_context_create(options, &context, &error), MDL_E_ARGUMENT);
    ck_assert_ptr_null(context);
    ck_assert_msg(strstr(error.message, part_of_message) != NULL, "%s", error.message);
    ck_assert_int_eq(mdl_context_create(options, &context, NULL), MDL_E_ARGUMENT);
}

START_TEST(settings_out_of_range)
{
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.n_threads = -1;
    refused(&options, "n_threads is -1");
    mdl_context_options_init(&options);
    options.block_rows = 65537;
    refused(&options, "block_rows is 65537");
    options.block_rows = 0;
    refused(&options, "block_rows is 0");
    mdl_context_options_init(&options);
    options.chunk_bytes = 0;
    refused(&options, "chunk_bytes is 0");
    mdl_context_options_init(&options);
    options.memory_budget_bytes = -5;
    refused(&options, "memory_budget_bytes is -5");
    mdl_context_options_init(&options);
    options.allocator.release = NULL;
    refused(&options, "allocator");
    mdl_context_options_init(&options);
    options.struct_size = 8;
    refused(&options, "mdl_context_options_init");
}
END_TEST

START_TEST(level_is_never_above_what_was_asked)
{
    mdl_simd levels[] = {MDL_SIMD_SCALAR, MDL_SIMD_AVX2, MDL_SIMD_AVX512, MDL_SIMD_BEST};
    mdl_simd before = MDL_SIMD_SCALAR;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        mdl_context_options options;
        mdl_context_options_init(&options);
        options.max_simd = levels[i];
        mdl_context *context = create(&options);
        mdl_simd level = mdl_context_simd(context);
        ck_assert_int_le(level, levels[i]);
        ck_assert_int_ge(level, before);
        ck_assert_int_ne(level, MDL_SIMD_BEST);
        before = level;
        mdl_context_free(context);
    }
}
END_TEST

START_TEST(budget_is_hard_and_names_the_user)
{
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.memory_budget_bytes = 1 << 20;
    mdl_context *context = create(&options);
    mdl_error error = MDL_ERROR_INIT;
    int64_t before = mdl_context_memory_in_use(context);
    void *memory;
    ck_assert_int_eq(mdli_allocate(context, 2 << 20, "elephants", &memory, &error), MDL_E_BUDGET);
    ck_assert_ptr_null(memory);
    ck_assert_ptr_nonnull(strstr(error.message, "elephants"));
    ck_assert_int_eq(error.status, MDL_E_BUDGET);
    ck_assert_int_eq(mdl_context_memory_in_use(context), before);
    ck_assert_int_eq(mdli_allocate(context, 512 << 10, "mice", &memory, NULL), MDL_OK);
    ck_assert_int_ge(mdl_context_memory_in_use(context), before + (512 << 10));
    ck_assert_int_le(mdl_context_memory_peak(context), 1 << 20);
    mdli_free(context, memory);
    ck_assert_int_eq(mdl_context_memory_in_use(context), before);
    ck_assert_int_ge(mdl_context_memory_peak(context), before + (512 << 10));
    mdl_context_free(context);
}
END_TEST

START_TEST(budget_too_small_for_threads)
{
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.memory_budget_bytes = 100;
    options.n_threads = 4;
    mdl_context *context;
    ck_assert_int_eq(mdl_context_create(&options, &context, NULL), MDL_E_BUDGET);
    ck_assert_ptr_null(context);
}
END_TEST

enum {
    N_JOBS = 1000
};

typedef struct loop_data {
    atomic_int n_calls[N_JOBS];
    atomic_int n_inside[64]; /* per worker */
    int64_t fail_from;
    mdl_context *cancel;
    int64_t cancel_at;
} loop_data;

static mdl_status count_call(void *data, int64_t job, int worker, mdl_error *error)
{
    loop_data *loop = data;
    ASSERT_IN_LOOP(atomic_fetch_add(&loop->n_inside[worker], 1) == 0, "worker %d", worker);
    atomic_fetch_add(&loop->n_calls[job], 1);
    if (loop->cancel != NULL && job == loop->cancel_at) {
        mdl_context_cancel(loop->cancel);
    }
    atomic_fetch_sub(&loop->n_inside[worker], 1);
    if (job >= loop->fail_from) {
        return mdl_error_set(error, MDL_E_DATA, "job %lld", (long long)job);
    }
    return MDL_OK;
}

START_TEST(loops_run_each_job_once)
{
    for (int n_threads = 1; n_threads <= 8; n_threads++) {
        mdl_context_options options;
        mdl_context_options_init(&options);
        options.n_threads = n_threads;
        mdl_context *context = create(&options);
        for (int round = 0; round < 20; round++) {
            loop_data *loop = calloc(1, sizeof *loop);
            loop->fail_from = INT64_MAX;
            ck_assert_int_eq(mdli_parallel_for(context, N_JOBS, count_call, loop, NULL), MDL_OK);
            for (int i = 0; i < N_JOBS; i++) {
                ASSERT_IN_LOOP(atomic_load(&loop->n_calls[i]) == 1, "job %d", i);
            }
            free(loop);
        }
        ck_assert_int_eq(mdli_parallel_for(context, 0, count_call, NULL, NULL), MDL_OK);
        mdl_context_free(context);
    }
}
END_TEST

/* Whatever the timing: jobs are started in order, so the lowest that fails is always among those
 * run. */
START_TEST(loops_tell_the_lowest_failure)
{
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.n_threads = 4;
    mdl_context *context = create(&options);
    for (int round = 0; round < 200; round++) {
        loop_data *loop = calloc(1, sizeof *loop);
        loop->fail_from = 17 + round;
        mdl_error error = MDL_ERROR_INIT;
        char expected[32];
        snprintf(expected, sizeof expected, "job %d", 17 + round);
        ck_assert_int_eq(mdli_parallel_for(context, N_JOBS, count_call, loop, &error), MDL_E_DATA);
        ck_assert_str_eq(error.message, expected);
        ck_assert_int_eq(atomic_load(&loop->n_calls[N_JOBS - 1]), 0);
        free(loop);
    }
    mdl_context_free(context);
}
END_TEST

START_TEST(cancel_ends_a_loop_and_can_be_lifted)
{
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.n_threads = 3;
    mdl_context *context = create(&options);
    loop_data *loop = calloc(1, sizeof *loop);
    loop->fail_from = INT64_MAX;
    loop->cancel = context;
    loop->cancel_at = 5;
    ck_assert_int_eq(mdli_parallel_for(context, N_JOBS, count_call, loop, NULL), MDL_E_CANCELLED);
    ck_assert_int_eq(atomic_load(&loop->n_calls[N_JOBS - 1]), 0);
    ck_assert_int_eq(mdli_check_cancel(context, NULL), MDL_E_CANCELLED);
    mdl_context_clear_cancel(context);
    loop->cancel = NULL;
    ck_assert_int_eq(mdli_parallel_for(context, N_JOBS, count_call, loop, NULL), MDL_OK);
    mdl_context_set_deadline(context, 1e-9);
    ck_assert_int_eq(mdli_parallel_for(context, N_JOBS, count_call, loop, NULL), MDL_E_DEADLINE);
    mdl_context_set_deadline(context, 3600);
    ck_assert_int_eq(mdli_check_cancel(context, NULL), MDL_OK);
    mdl_context_set_deadline(context, 0);
    ck_assert_int_eq(mdli_check_cancel(context, NULL), MDL_OK);
    free(loop);
    mdl_context_free(context);
}
END_TEST

/* An executor that runs jobs backwards on the calling thread. */
static void run_backwards(void *user_data, void (*job)(void *job_data, int index), void *job_data,
                          int n_jobs)
{
    ++*(int *)user_data;
    for (int i = n_jobs - 1; i >= 0; i--) {
        job(job_data, i);
    }
}

START_TEST(executor_of_the_caller_does_the_work)
{
    int n_runs = 0;
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.n_threads = 4;
    options.executor = (mdl_executor){run_backwards, &n_runs};
    mdl_context *context = create(&options);
    loop_data *loop = calloc(1, sizeof *loop);
    loop->fail_from = INT64_MAX;
    ck_assert_int_eq(mdli_parallel_for(context, N_JOBS, count_call, loop, NULL), MDL_OK);
    ck_assert_int_eq(n_runs, 1);
    for (int i = 0; i < N_JOBS; i++) {
        ASSERT_IN_LOOP(atomic_load(&loop->n_calls[i]) == 1, "job %d", i);
    }
    free(loop);
    mdl_context_free(context);
}
END_TEST

/* What has to be done after cancelling can be done under a shield. */
START_TEST(shields_hold_cancelling_off)
{
    mdl_context *context = create(NULL);
    mdl_context_cancel(context);
    mdl_context_set_deadline(context, 1e-9);
    mdli_context_shield(context);
    mdli_context_shield(context);
    mdli_context_unshield(context);
    ck_assert_int_eq(mdli_check_cancel(context, NULL), MDL_OK);
    mdli_context_unshield(context);
    ck_assert_int_eq(mdli_check_cancel(context, NULL), MDL_E_CANCELLED);
    mdl_context_clear_cancel(context);
    ck_assert_int_eq(mdli_check_cancel(context, NULL), MDL_E_DEADLINE);
    mdl_context_free(context);
}
END_TEST

typedef struct progress_log {
    int n_calls;
    int64_t last_done;
    int answer;
} progress_log;

static int log_progress(void *user_data, const mdl_progress *progress)
{
    progress_log *log = user_data;
    log->n_calls++;
    ck_assert_str_eq(progress->task, "digging");
    ck_assert_str_eq(progress->unit, "rows");
    ck_assert_int_ge(progress->done, log->last_done);
    log->last_done = progress->done;
    return log->answer;
}

START_TEST(progress_is_throttled_and_can_cancel)
{
    progress_log log = {0};
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.progress = log_progress;
    options.progress_data = &log;
    mdl_context *context = create(&options);
    mdl_progress progress = {.task = "digging", .total = 100000, .unit = "rows"};
    for (; progress.done <= progress.total; progress.done++) {
        ASSERT_IN_LOOP(mdli_progress(context, &progress, NULL) == MDL_OK, "row %d",
                       (int)progress.done);
    }
    progress.done = progress.total;
    ck_assert_int_ge(log.n_calls, 2); /* the first, and the end, which is always told */
    ck_assert_int_lt(log.n_calls, 10000);
    ck_assert_int_eq(log.last_done, 100000);
    log.answer = 1;
    ck_assert_int_eq(mdli_progress(context, &progress, NULL), MDL_E_CANCELLED);
    mdl_context_free(context);
}
END_TEST

/* Freed memory may be kept for reuse, but never counts as in use, and the same sizes come and go.
 */
START_TEST(memory_comes_and_goes)
{
    mdl_context *context = create(NULL);
    int64_t before = mdl_context_memory_in_use(context);
    for (int round = 0; round < 50; round++) {
        void *pieces[40];
        for (int i = 0; i < 40; i++) {
            size_t size = (size_t)(i + 1) * 37000;
            ck_assert_int_eq(mdli_allocate(context, size, "test", &pieces[i], NULL), MDL_OK);
            ck_assert_int_eq((uintptr_t)pieces[i] % 64, 0);
            memset(pieces[i], i, size + MDLI_PADDING_BYTES);
        }
        for (int i = 0; i < 40; i++) {
            ck_assert_int_eq(((unsigned char *)pieces[i])[(size_t)(i + 1) * 37000 - 1], i);
            mdli_free(context, pieces[i]);
        }
        ck_assert_int_eq(mdl_context_memory_in_use(context), before);
    }
    void *zeroed;
    ck_assert_int_eq(mdli_allocate_zeroed(context, 370000, "test", &zeroed, NULL), MDL_OK);
    for (int i = 0; i < 370000; i++) {
        ASSERT_IN_LOOP(((unsigned char *)zeroed)[i] == 0, "byte %d", i);
    }
    mdli_free(context, zeroed);
    mdl_context_free(context);
}
END_TEST

/* An allocator that counts what is out. */
typedef struct counting {
    atomic_llong n_bytes;
    atomic_int n_pieces;
} counting;

static void *count_allocate(void *user_data, size_t size_bytes, size_t alignment_bytes)
{
    counting *count = user_data;
    atomic_fetch_add(&count->n_bytes, (long long)size_bytes);
    atomic_fetch_add(&count->n_pieces, 1);
    return aligned_alloc(alignment_bytes, (size_bytes + 63) & ~(size_t)63);
}

static void count_release(void *user_data, void *memory, size_t size_bytes)
{
    counting *count = user_data;
    atomic_fetch_sub(&count->n_bytes, (long long)size_bytes);
    atomic_fetch_sub(&count->n_pieces, 1);
    free(memory);
}

START_TEST(allocator_of_the_caller_gets_everything_back)
{
    counting count = {0};
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.allocator = (mdl_allocator){count_allocate, count_release, &count};
    options.n_threads = 3;
    mdl_context *context = create(&options);
    static const char csv[] = "a,b\n1,x\n2,\"y,z\"\n3,\n";
    mdl_csv_column columns[] = {{.name = "a", .type = MDL_TYPE_INT64},
                                {.name = "b", .type = MDL_TYPE_STRING}};
    mdl_csv_result result;
    ck_assert_int_eq(mdl_csv_read_memory(context, "csv", csv, (int64_t)strlen(csv), columns, 2,
                                         NULL, &result, NULL),
                     MDL_OK);
    ck_assert_int_gt(atomic_load(&count.n_pieces), 1);
    mdl_csv_result_free(&result);
    mdl_context_free(context);
    ck_assert_int_eq(atomic_load(&count.n_pieces), 0);
    ck_assert_int_eq(atomic_load(&count.n_bytes), 0);
}
END_TEST

START_TEST(statuses_have_names_and_texts)
{
    ck_assert_str_eq(mdl_status_name(MDL_E_NO_SPACE), "MDL_E_NO_SPACE");
    ck_assert_str_eq(mdl_status_name((mdl_status)7777), "MDL_E_UNKNOWN");
    ck_assert_int_gt((int)strlen(mdl_status_text(MDL_E_CYCLE)), 0);
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_error_set(&error, MDL_E_MODEL, "first %d", 1), MDL_E_MODEL);
    ck_assert_int_eq(mdl_error_set(&error, MDL_E_IO, "second"), MDL_E_IO);
    ck_assert_str_eq(error.message, "first 1");
    ck_assert_int_eq(error.status, MDL_E_MODEL);
    ck_assert_int_eq(mdl_error_set(NULL, MDL_E_IO, "nobody listens"), MDL_E_IO);
}
END_TEST

/* A message that does not fit is clipped between characters, with an ellipsis. */
START_TEST(long_messages_are_clipped)
{
    char text[3000];
    for (size_t i = 0; i + 2 < sizeof text; i += 2) {
        memcpy(text + i, "é", 2);
    }
    text[sizeof text - 2] = '\0';
    for (int shift = 0; shift < 4; shift++) {
        mdl_error error = MDL_ERROR_INIT;
        mdl_error_set(&error, MDL_E_DATA, "%.*s%s", shift, "abc", text);
        size_t length = strlen(error.message);
        ck_assert_uint_lt(length, sizeof error.message);
        ck_assert_str_eq(error.message + length - strlen("…"), "…");
        ck_assert_int_eq(memcmp(error.message + length - strlen("é…"), "é", 2), 0);
    }
}
END_TEST

static Suite *context_suite(void)
{
    Suite *suite = suite_create("context");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, settings_out_of_range);
    tcase_add_test(all, level_is_never_above_what_was_asked);
    tcase_add_test(all, budget_is_hard_and_names_the_user);
    tcase_add_test(all, budget_too_small_for_threads);
    tcase_add_test(all, loops_run_each_job_once);
    tcase_add_test(all, loops_tell_the_lowest_failure);
    tcase_add_test(all, cancel_ends_a_loop_and_can_be_lifted);
    tcase_add_test(all, shields_hold_cancelling_off);
    tcase_add_test(all, executor_of_the_caller_does_the_work);
    tcase_add_test(all, progress_is_throttled_and_can_cancel);
    tcase_add_test(all, memory_comes_and_goes);
    tcase_add_test(all, allocator_of_the_caller_gets_everything_back);
    tcase_add_test(all, statuses_have_names_and_texts);
    tcase_add_test(all, long_messages_are_clipped);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    return run_suite(context_suite());
}
