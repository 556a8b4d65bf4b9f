/* The command line: commands and their options as tables, from which parsing and --help both work.
 */
#ifndef MEDALLION_CLI_OPTIONS_H
#define MEDALLION_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum exit_code {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1, /* a model or a test of severity error failed, or data was refused */
    EXIT_USAGE = 2,
    EXIT_SYSTEM = 3 /* a file or the system failed, or the run was interrupted */
} exit_code;

typedef enum output_format {
    FORMAT_TABLE = 0,
    FORMAT_CSV = 1,
    FORMAT_JSON = 2,
    FORMAT_DOT = 3
} output_format;

/* A point in time, or none. */
typedef struct cli_time {
    bool is_set;
    int64_t seconds; /* since 1970-01-01 UTC */
} cli_time;

/* Everything that options can set, for all commands. */
typedef struct cli_settings {
    const char **arguments; /* what is no option, in order */
    int n_arguments;
    bool help;

    const char *store_directory;
    int64_t at_version; /* 0 = the latest */

    int64_t n_threads; /* 0 = one per core */
    int max_simd;      /* mdl_simd */
    int64_t memory_limit_bytes;
    int on_error; /* mdl_on_error */
    int64_t max_errors;
    int64_t n_retries;
    const char *select;
    const char *exclude;
    bool full_refresh;
    bool explain;
    bool fail_fast;
    const char *json_path;
    const char *artifacts_directory;

    int test_mode; /* mdl_test_mode */
    bool show_failures;
    const char *failures_directory;

    cli_time run_time;
    int hard_deletes; /* mdl_hard_deletes; -1 = as each snapshot declares */

    bool quiet;
    bool no_color;
    bool no_progress;

    const char *out_directory;
    const char *title; /* of a page; NULL = the usual one */

    const char *columns;
    const char *where;
    const char *order_by;
    int64_t limit; /* 0 = none; -1 = not said */
    int format;    /* output_format */
    cli_time as_of;

    int64_t n_kept; /* versions; 0 = not said */

    double batch_wait_seconds;
    bool keep;
    bool once;

    const char *discord_url;
    const char *webhook_url;
    int notify_on; /* mdl_notify_on */

    double scale;
    int64_t seed;
} cli_settings;

typedef enum option_kind {
    OPTION_FLAG = 1,    /* bool */
    OPTION_TEXT = 2,    /* const char * */
    OPTION_INTEGER = 3, /* int64_t, in integer_range */
    OPTION_REAL = 4,    /* double, in real_range */
    OPTION_SIZE = 5,    /* int64_t bytes, written as 1.5GB */
    OPTION_CHOICE = 6,  /* int, the value of one of `choices` */
    OPTION_TIME = 7     /* cli_time, written as YYYY-MM-DD HH:MM:SS, UTC */
} option_kind;

typedef struct cli_choice {
    const char *name; /* NULL ends a list */
    int value;
} cli_choice;

typedef struct cli_option {
    const char *name;       /* with its dashes */
    const char *value_name; /* NULL for flags */
    option_kind kind;
    size_t offset; /* of the member of cli_settings */
    const char *help;
    const cli_choice *choices;
    int64_t integer_range[2];
    double real_range[2];
} cli_option;

typedef struct option_group {
    const char *title;
    const cli_option *options;
    int n_options;
} option_group;

/* What a command works on: files that it loads (DATA, its last arguments), a store, or both. */
typedef enum data_rule {
    DATA_NONE = 0,           /* neither, or the command has rules of its own */
    DATA_OR_STORE = 1,       /* one of them */
    DATA_OR_STORE_OR_NO = 2, /* at most one of them */
    DATA_AND_STORE = 3,      /* one of them or both */
    STORE_ONLY = 4,          /* a store; DATA, if any, on top of it */
} data_rule;

typedef struct cli_command {
    const char *name;
    const char *arguments; /* as --help shows them */
    const char *summary;   /* one line */
    const char *details;   /* paragraphs for --help */
    int min_arguments;     /* before DATA */
    int max_arguments;     /* -1 = any number */
    data_rule data;
    const option_group *const *groups;
    int n_groups;
    exit_code (*run)(const cli_settings *settings);
} cli_command;

/* Options of several commands; a command has either of the first two. */
extern const option_group store_options;
extern const option_group version_options;
extern const option_group load_options;
extern const option_group select_options;
extern const option_group run_options;
extern const option_group test_mode_options;
extern const option_group failure_options;
extern const option_group snapshot_options;
extern const cli_choice hard_deletes_choices[];
extern const cli_choice simd_choices[];   /* mdl_simd */
extern const option_group row_options;    /* of a table that is printed */
extern const option_group notify_options; /* in notification.c */
extern const option_group display_options;

/* Reads the words behind the command. `settings` must be zero; `settings->arguments` gets a list
 * that is to be freed, also after a failure. False with a line in `message` for a wrong usage. */
bool parse_options(const cli_command *command, int n_words, char **words, cli_settings *settings,
                   char *message, size_t message_size);

void print_command_help(const cli_command *command, FILE *file);

/* Of `candidates` the one that `word` is likely a misspelling of, or NULL. */
const char *nearest_name(const char *word, const char *const *candidates, int n_candidates);

#endif
