/* What a run came to: the lines below its last task. */
#include "run_summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "table_cell.h"

enum {
    N_KINDS = MDL_TASK_TEST + 1,
    TEXT_MAX = 512
};

/* "4 files, 12 models, 3 snapshots and 61 tests" */
static void count_kinds(const mdl_run *run, char *text, size_t size)
{
    static const char *const nouns[N_KINDS] = {[MDL_TASK_LOAD] = "file",
                                               [MDL_TASK_MODEL] = "model",
                                               [MDL_TASK_SNAPSHOT] = "snapshot",
                                               [MDL_TASK_TEST] = "test"};
    int64_t counts[N_KINDS] = {0};
    int n_left = 0;
    for (int32_t i = 0; i < mdl_run_n_results(run); i++) {
        int64_t *count = &counts[mdl_run_get_result(run, i)->kind];
        n_left += *count == 0;
        ++*count;
    }
    size_t used = 0;
    text[0] = '\0';
    for (int kind = 1; kind < N_KINDS && used < size; kind++) {
        if (counts[kind] > 0) {
            char count[COUNTED_MAX];
            const char *separator = used == 0 ? "" : n_left == 1 ? " and " : ", ";
            used += (size_t)snprintf(text + used, size - used, "%s%s", separator,
                                     counted(counts[kind], nouns[kind], count));
            n_left--;
        }
    }
}

static void tell_duration(run_lines *lines, const mdl_run *run, const mdl_context *context)
{
    char kinds[TEXT_MAX], threads[COUNTED_MAX];
    count_kinds(run, kinds, sizeof kinds);
    run_lines_note(lines, "Finished %s in %.2fs with %s and at most %.1f MB of memory", kinds,
                   mdl_run_seconds(run), counted(mdl_context_n_threads(context), "thread", threads),
                   (double)mdl_context_memory_peak(context) / 1e6);
}

static bool is_failure(const mdl_run_result *result)
{
    return result->state == MDL_RUN_ERROR || result->state == MDL_RUN_FAIL;
}

static bool is_worth_a_block(const mdl_run_result *result)
{
    return is_failure(result) || result->state == MDL_RUN_WARN;
}

/* `FAIL 12  not_null_dim_users_user_id (silver dim_users)` and what there is to know of it. */
static void put_block(run_lines *lines, const mdl_run_result *result, const cli_settings *settings)
{
    text_output *output = run_lines_open(lines);
    char state[32];
    bool is_test = result->test != NULL;
    const char *word = result->state == MDL_RUN_WARN   ? "WARN"
                       : result->state == MDL_RUN_FAIL ? "FAIL"
                                                       : "ERROR";
    snprintf(state, sizeof state, "%-5s", word);
    put_text(output, "\n");
    run_lines_put_colored(lines, is_failure(result) ? color_bad : color_warning, state);
    put_format(output, " %s (%s %s)\n", result->name, mdl_layer_name(result->model->layer),
               result->model->name);
    if (is_test && result->test->description != NULL) {
        put_format(output, "      %s\n", result->test->description);
    }
    if (result->message[0] != '\0') {
        put_format(output, "      %s\n", result->message);
    }
    if (is_test && result->failures != NULL && settings->failures_directory != NULL) {
        put_format(output, "      rows: %s/%s.csv\n", settings->failures_directory, result->name);
    }
    run_lines_close(lines);
}

/* How to see the rows that fail, when nobody asked for them. */
static void put_hint(run_lines *lines)
{
    text_output *output = run_lines_open(lines);
    put_text(output, "\n      ");
    run_lines_put_colored(lines, color_dim,
                          "--show-failures prints the first rows that fail each test, "
                          "--store-failures DIR writes all");
    put_text(output, "\n");
    run_lines_close(lines);
}

static void tell_failures(run_lines *lines, const mdl_run *run, const cli_settings *settings)
{
    int n_blocks = 0;
    bool has_rows = false;
    for (int32_t i = 0; i < mdl_run_n_results(run); i++) {
        const mdl_run_result *result = mdl_run_get_result(run, i);
        if (is_worth_a_block(result)) {
            put_block(lines, result, settings);
            has_rows = has_rows || result->failures != NULL;
            lines->told_failure = lines->told_failure || is_failure(result);
            n_blocks++;
        }
    }
    if (has_rows && !settings->show_failures && settings->failures_directory == NULL) {
        put_hint(lines);
    }
    if (n_blocks > 0) {
        put_text(run_lines_open(lines), "\n");
        run_lines_close(lines);
    }
}

void tell_run_summary(run_lines *lines, const mdl_run *run, const mdl_context *context,
                      const cli_settings *settings)
{
    if (!lines->show_lines) {
        return;
    }
    tell_duration(lines, run, context);
    tell_failures(lines, run, settings);
    mdl_run_counts counts = mdl_run_get_counts(run);
    run_lines_tell(lines,
                   "PASS=%" PRId64 " WARN=%" PRId64 " ERROR=%" PRId64 " SKIP=%" PRId64
                   " TOTAL=%" PRId64,
                   counts.n_pass, counts.n_warn, counts.n_error, counts.n_skip, counts.n_total);
}
