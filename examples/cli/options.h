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
    EXIT_REFUSED = 1, /* a model failed, or data was refused */
    EXIT_USAGE = 2,
    EXIT_SYSTEM = 3 /* a file or the system failed, or the run was interrupted */
} exit_code;

typedef enum output_format {
    FORMAT_TABLE = 0,
    FORMAT_CSV = 1,
    FORMAT_JSON = 2,
    FORMAT_DOT = 3
} output_format;

/* Everything that options can set, for all commands. */
typedef struct cli_settings {
    const char **arguments; /* what is no option, in order */
    int n_arguments;
    bool help;

    int64_t n_threads; /* 0 = one per core */
    int64_t memory_limit_bytes;
    int on_error; /* mdl_on_error */
    int64_t max_errors;
    const char *select;
    const char *exclude;
    bool full_refresh;
    bool explain;
    const char *json_path;

    bool quiet;
    bool no_color;
    bool no_progress;

    const char *out_directory;

    const char *columns;
    const char *where;
    const char *order_by;
    int64_t limit;
    int format; /* output_format */

    double scale;
    int64_t seed;
} cli_settings;

typedef enum option_kind {
    OPTION_FLAG = 1,    /* bool */
    OPTION_TEXT = 2,    /* const char * */
    OPTION_INTEGER = 3, /* int64_t, in integer_range */
    OPTION_REAL = 4,    /* double, in real_range */
    OPTION_SIZE = 5,    /* int64_t bytes, written as 1.5GB */
    OPTION_CHOICE = 6   /* int, the value of one of `choices` */
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

typedef struct cli_command {
    const char *name;
    const char *arguments; /* as --help shows them */
    const char *summary;   /* one line */
    const char *details;   /* paragraphs for --help */
    int min_arguments;
    int max_arguments; /* -1 = any number */
    const option_group *const *groups;
    int n_groups;
    exit_code (*run)(const cli_settings *settings);
} cli_command;

/* Options of several commands. */
extern const option_group load_options;
extern const option_group run_options;
extern const option_group display_options;

/* Reads the words behind the command. `settings` must be zero; `settings->arguments` gets a list
 * that is to be freed, also after a failure. False with a line in `message` for a wrong usage. */
bool parse_options(const cli_command *command, int n_words, char **words, cli_settings *settings,
                   char *message, size_t message_size);

void print_command_help(const cli_command *command, FILE *file);

/* Of `candidates` the one that `word` is likely a misspelling of, or NULL. */
const char *nearest_name(const char *word, const char *const *candidates, int n_candidates);

#endif
