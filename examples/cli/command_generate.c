/* medallion generate: sample data. */
#include "commands.h"
#include "generate.h"
#include "interrupt.h"
#include "run_lines.h"

typedef struct generate_progress {
    run_lines *lines;
    const char *directory;
} generate_progress;

static bool on_progress(void *data, int64_t n_done, int64_t n_total)
{
    generate_progress *progress = data;
    mdl_progress now = {
        .task = progress->directory, .done = n_done, .total = n_total, .unit = "rows"};
    run_lines_progress(progress->lines, &now);
    return !was_interrupted();
}

static exit_code run_generate(const cli_settings *settings)
{
    run_lines lines;
    run_lines_begin(&lines, settings, true);
    generate_progress progress = {&lines, settings->arguments[0]};
    generate_options options = {.directory = settings->arguments[0],
                                .scale = settings->scale,
                                .seed = (uint64_t)settings->seed,
                                .n_threads = (int)settings->n_threads,
                                .progress = on_progress,
                                .progress_context = &progress};
    char message[512] = "";
    double begin_seconds = monotonic_seconds();
    bool is_done = generate_movielens(&options, message, sizeof message) == 0;
    if (is_done) {
        run_lines_note(&lines,
                       "Wrote movies.csv, ratings.csv, tags.csv and links.csv to %s in %.2fs",
                       settings->arguments[0], monotonic_seconds() - begin_seconds);
    } else {
        run_lines_complain(&lines, "%s", was_interrupted() ? "interrupted" : message);
    }
    run_lines_end(&lines);
    return is_done ? EXIT_DONE : EXIT_SYSTEM;
}

static const cli_option generate_option_table[] = {
    {.name = "--scale",
     .value_name = "S",
     .kind = OPTION_REAL,
     .offset = offsetof(cli_settings, scale),
     .real_range = {GENERATE_MIN_SCALE, GENERATE_MAX_SCALE},
     .help = "size (default: 0.01); scale 1 has 200,948 users, 87,585 movies, 32.0 M ratings and "
             "2.0 M tags, 0.9 GB"},
    {.name = "--seed",
     .value_name = "N",
     .kind = OPTION_INTEGER,
     .offset = offsetof(cli_settings, seed),
     .integer_range = {0, INT64_MAX},
     .help = "another number gives other data (default: 1)"},
    {.name = "--threads",
     .value_name = "N",
     .kind = OPTION_INTEGER,
     .offset = offsetof(cli_settings, n_threads),
     .integer_range = {1, 1024},
     .help = "threads that work at once (default: one per core)"},
};
static const option_group generate_group = {"Data", generate_option_table, 3};
static const option_group *const generate_groups[] = {&generate_group, &display_options};

const cli_command generate_command = {
    .name = "generate",
    .arguments = "DIR",
    .summary = "make CSVs that are shaped like MovieLens data",
    .details = "Writes movies.csv, ratings.csv, tags.csv and links.csv to DIR, which is made if it "
               "is not there. The same scale and seed give the same bytes everywhere.",
    .min_arguments = 1,
    .max_arguments = 1,
    .groups = generate_groups,
    .n_groups = 2,
    .run = run_generate,
};
