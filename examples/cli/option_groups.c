/* Options that several commands have. */
#include "medallion/context.h"
#include "medallion/csv.h"
#include "medallion/run.h"
#include "options.h"

#define ARRAY_LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* ---- where the data is ----------------------------------------------------------------------- */

static const cli_option store_option_table[] = {
    {.name = "--store",
     .value_name = "DIR",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, store_directory),
     .help = "the store: what earlier runs loaded and built, with its history"},
};
const option_group store_options = {"Store", store_option_table, ARRAY_LENGTH(store_option_table)};

static const cli_option version_option_table[] = {
    {.name = "--store",
     .value_name = "DIR",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, store_directory),
     .help = "read what earlier runs loaded and built from this store"},
    {.name = "--at-version",
     .value_name = "N",
     .kind = OPTION_INTEGER,
     .offset = offsetof(cli_settings, at_version),
     .integer_range = {1, INT64_MAX},
     .help = "as it was in version N of the store; 'medallion history' lists them"},
};
const option_group version_options = {"Store", version_option_table,
                                      ARRAY_LENGTH(version_option_table)};

static const cli_choice on_error_choices[] = {
    {"abort", MDL_ON_ERROR_ABORT}, {"skip", MDL_ON_ERROR_SKIP}, {NULL, 0}};

const cli_choice simd_choices[] = {{"best", MDL_SIMD_BEST},
                                   {"avx512", MDL_SIMD_AVX512},
                                   {"avx2", MDL_SIMD_AVX2},
                                   {"scalar", MDL_SIMD_SCALAR},
                                   {NULL, 0}};

static const cli_option load_option_table[] = {
    {.name = "--on-error",
     .value_name = "abort|skip",
     .kind = OPTION_CHOICE,
     .offset = offsetof(cli_settings, on_error),
     .choices = on_error_choices,
     .help = "what a bad record does: end the load (default), or be set aside as a reject"},
    {.name = "--max-errors",
     .value_name = "N",
     .kind = OPTION_INTEGER,
     .offset = offsetof(cli_settings, max_errors),
     .integer_range = {0, INT64_MAX},
     .help = "with skip: more bad records than this in a file end the load (default: no limit)"},
    {.name = "--retries",
     .value_name = "N",
     .kind = OPTION_INTEGER,
     .offset = offsetof(cli_settings, n_retries),
     .integer_range = {0, 100},
     .help = "how often a file that cannot be read is tried again, after 1, 2, 4 ... seconds "
             "(default: 3)"},
    {.name = "--threads",
     .value_name = "N",
     .kind = OPTION_INTEGER,
     .offset = offsetof(cli_settings, n_threads),
     .integer_range = {1, 1024},
     .help = "threads that work at once (default: one per core)"},
    {.name = "--simd",
     .value_name = "LEVEL",
     .kind = OPTION_CHOICE,
     .offset = offsetof(cli_settings, max_simd),
     .choices = simd_choices,
     .help = "the highest instruction set to use: best (default: what the processor has), avx512, "
             "avx2 or scalar; the results are the same"},
    {.name = "--memory-limit",
     .value_name = "SIZE",
     .kind = OPTION_SIZE,
     .offset = offsetof(cli_settings, memory_limit_bytes),
     .help = "fail rather than hold more than this, such as 800MB or 1.5GB (default: no limit)"},
};
const option_group load_options = {"Data and resources", load_option_table,
                                   ARRAY_LENGTH(load_option_table)};

/* ---- runs ------------------------------------------------------------------------------------ */

static const cli_option select_option_table[] = {
    {.name = "--select",
     .value_name = "SEL",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, select),
     .help = "only these tables, as in dbt: NAME (* stands for any text), +NAME with all that it "
             "is built from, NAME+ with all that is built from it, 2+NAME two steps up, @NAME, "
             "layer:gold, kind:snapshot, tag:TAG; words are united, commas intersect"},
    {.name = "--exclude",
     .value_name = "SEL",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, exclude),
     .help = "of these, not those"},
};
const option_group select_options = {"Selection", select_option_table,
                                     ARRAY_LENGTH(select_option_table)};

static const cli_option run_option_table[] = {
    {.name = "--fail-fast",
     .kind = OPTION_FLAG,
     .offset = offsetof(cli_settings, fail_fast),
     .help = "the first failure skips everything that has not started"},
    {.name = "--explain",
     .kind = OPTION_FLAG,
     .offset = offsetof(cli_settings, explain),
     .help = "tell below each model how it was built: operators, how each worked, rows and "
             "seconds (those of its inputs included)"},
    {.name = "--json",
     .value_name = "FILE",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, json_path),
     .help = "write what was loaded, built and tested, with rows and seconds, to FILE"},
    {.name = "--artifacts",
     .value_name = "DIR",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, artifacts_directory),
     .help = "write dbt's manifest.json, catalog.json and run_results.json to DIR"},
};
const option_group run_options = {"Running", run_option_table, ARRAY_LENGTH(run_option_table)};

static const cli_choice test_mode_choices[] = {{"each", MDL_TESTS_AFTER_EACH},
                                               {"all", MDL_TESTS_AFTER_ALL},
                                               {"none", MDL_TESTS_NONE},
                                               {NULL, 0}};

const cli_choice hard_deletes_choices[] = {
#define HARD_DELETES_CHOICE(name, value, text) {text, value},
    MDL_HARD_DELETES_LIST(HARD_DELETES_CHOICE)
#undef HARD_DELETES_CHOICE
        {NULL, 0}};

static const cli_option test_mode_option_table[] = {
    {.name = "--test-after",
     .value_name = "each|all|none",
     .kind = OPTION_CHOICE,
     .offset = offsetof(cli_settings, test_mode),
     .choices = test_mode_choices,
     .help = "tests run after each model (default; a failure skips what is built from it), when "
             "all models are built, or not at all"},
};
const option_group test_mode_options = {"Tests", test_mode_option_table,
                                        ARRAY_LENGTH(test_mode_option_table)};

static const cli_option failure_option_table[] = {
    {.name = "--show-failures",
     .kind = OPTION_FLAG,
     .offset = offsetof(cli_settings, show_failures),
     .help = "print the first rows that fail each test"},
    {.name = "--store-failures",
     .value_name = "DIR",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, failures_directory),
     .help = "write all rows that fail a test to DIR/TEST.csv"},
};
const option_group failure_options = {"Failing rows", failure_option_table,
                                      ARRAY_LENGTH(failure_option_table)};

static const cli_option snapshot_option_table[] = {
    {.name = "--run-time",
     .value_name = "TIME",
     .kind = OPTION_TIME,
     .offset = offsetof(cli_settings, run_time),
     .help = "the time that snapshots record, 'YYYY-MM-DD HH:MM:SS' in UTC (default: now)"},
    {.name = "--hard-deletes",
     .value_name = "MODE",
     .kind = OPTION_CHOICE,
     .offset = offsetof(cli_settings, hard_deletes),
     .choices = hard_deletes_choices,
     .help = "what becomes of keys that are gone: ignore (as declared), invalidate: their rows "
             "end, new_record: and a row says that they are deleted"},
};
const option_group snapshot_options = {"Snapshots", snapshot_option_table,
                                       ARRAY_LENGTH(snapshot_option_table)};

/* ---- what is printed ------------------------------------------------------------------------- */

static const cli_choice format_choices[] = {
    {"table", FORMAT_TABLE}, {"csv", FORMAT_CSV}, {"json", FORMAT_JSON}, {NULL, 0}};

static const cli_option row_option_table[] = {
    {.name = "--columns",
     .value_name = "A,B",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, columns),
     .help = "only these columns, in this order"},
    {.name = "--where",
     .value_name = "EXPR",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, where),
     .help = "only rows for which this is true: \"year >= 1990 and title like '%Story%'\""},
    {.name = "--order-by",
     .value_name = "A,-B",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, order_by),
     .help = "sort by these columns, - for descending; NULL comes last"},
    {.name = "--limit",
     .value_name = "N",
     .kind = OPTION_INTEGER,
     .offset = offsetof(cli_settings, limit),
     .integer_range = {0, INT64_MAX},
     .help = "at most so many rows (default: 20; 0: all)"},
    {.name = "--format",
     .value_name = "table|csv|json",
     .kind = OPTION_CHOICE,
     .offset = offsetof(cli_settings, format),
     .choices = format_choices,
     .help = "table (default) is fitted to the terminal; csv and json are exact and complete"},
};
const option_group row_options = {"Rows and columns", row_option_table,
                                  ARRAY_LENGTH(row_option_table)};

static const cli_option display_option_table[] = {
    {.name = "--quiet",
     .kind = OPTION_FLAG,
     .offset = offsetof(cli_settings, quiet),
     .help = "only errors and what was asked for"},
    {.name = "--no-color",
     .kind = OPTION_FLAG,
     .offset = offsetof(cli_settings, no_color),
     .help = "no colors on a terminal either; so does the variable NO_COLOR"},
    {.name = "--no-progress",
     .kind = OPTION_FLAG,
     .offset = offsetof(cli_settings, no_progress),
     .help = "no progress bar on a terminal either"},
    {.name = "--help",
     .kind = OPTION_FLAG,
     .offset = offsetof(cli_settings, help),
     .help = "this text"},
};
const option_group display_options = {"Display", display_option_table,
                                      ARRAY_LENGTH(display_option_table)};
