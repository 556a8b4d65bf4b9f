/* The command line: parsing, --help, and what was probably meant. */
#define _POSIX_C_SOURCE 200809L

#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "display_text.h"
#include "medallion/context.h"
#include "medallion/types.h"

enum {
    DEFAULT_BATCH_WAIT_SECONDS = 300,
    DEFAULT_RETRIES = 3,
    HELP_WIDTH = 80,
    LONGEST_NAME = 63
};

#define DEFAULT_SCALE 0.01

/* ---- misspellings ---------------------------------------------------------------------------- */

static int smallest(int a, int b, int c)
{
    int least = a < b ? a : b;
    return least < c ? least : c;
}

/* Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
static int edit_distance(const char *a, const char *b)
{
    int n = (int)strnlen(a, LONGEST_NAME);
    int m = (int)strnlen(b, LONGEST_NAME);
    unsigned char cost[LONGEST_NAME + 1][LONGEST_NAME + 1];
    for (int i = 0; i <= n; i++) {
        for (int j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                cost[i][j] = (unsigned char)(i + j);
                continue;
            }
            int replaced = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            int best = smallest(replaced, cost[i - 1][j] + 1, cost[i][j - 1] + 1);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && cost[i - 2][j - 2] + 1 < best) {
                best = cost[i - 2][j - 2] + 1;
            }
            cost[i][j] = (unsigned char)best;
        }
    }
    return cost[n][m];
}

const char *nearest_name(const char *word, const char *const *candidates, int n_candidates)
{
    const char *nearest = NULL;
    size_t length = strlen(word);
    int least = (int)(length < 4 ? 1 : length / 3); /* further away is another word */
    for (int i = 0; i < n_candidates; i++) {
        bool is_beginning = length >= 4 && strncmp(word, candidates[i], length) == 0;
        int distance = is_beginning ? 1 : edit_distance(word, candidates[i]);
        if (distance <= least && (nearest == NULL || distance < least)) {
            nearest = candidates[i];
            least = distance;
        }
    }
    return nearest;
}

/* ---- parsing --------------------------------------------------------------------------------- */

/* Option `number` of all that the command has; NULL behind the last. */
static const cli_option *option_at(const cli_command *command, int number)
{
    for (int g = 0; g < command->n_groups; g++) {
        if (number < command->groups[g]->n_options) {
            return &command->groups[g]->options[number];
        }
        number -= command->groups[g]->n_options;
    }
    return NULL;
}

static const cli_option *find_option(const cli_command *command, const char *name, size_t name_size)
{
    for (int i = 0; option_at(command, i) != NULL; i++) {
        const char *candidate = option_at(command, i)->name;
        if (strlen(candidate) == name_size && memcmp(candidate, name, name_size) == 0) {
            return option_at(command, i);
        }
    }
    return NULL;
}

static void complain_of_unknown(const cli_command *command, const char *word, size_t name_size,
                                char *message, size_t message_size)
{
    enum {
        MAX_NAMES = 64
    };
    const char *names[MAX_NAMES];
    int n_names = 0;
    while (n_names < MAX_NAMES && option_at(command, n_names) != NULL) {
        names[n_names] = option_at(command, n_names)->name;
        n_names++;
    }
    char name[LONGEST_NAME + 1];
    snprintf(name, sizeof name, "%.*s", (int)name_size, word);
    const char *nearest = nearest_name(name, names, n_names);
    snprintf(message, message_size, "unknown option '%s'%s%s%s", name,
             nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
             nearest != NULL ? "'?" : "");
}

static char upper_case(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* "1.5GB", "800 MB", "2G", "1048576": powers of 1000, with an i (GiB) of 1024. */
static bool parse_size(const char *text, int64_t *bytes)
{
    static const char units[] = "KMGT";
    char *end = NULL;
    double size = strtod(text, &end);
    if (end == text || !(size > 0 && size < 1e18)) {
        return false;
    }
    end += *end == ' ';
    const char *unit = *end != '\0' ? strchr(units, upper_case(*end)) : NULL;
    if (unit != NULL) {
        bool is_binary = upper_case(end[1]) == 'I';
        for (const char *u = units; u <= unit; u++) {
            size *= is_binary ? 1024 : 1000;
        }
        end += is_binary ? 2 : 1;
    }
    end += upper_case(*end) == 'B';
    bool fits = size >= 1 && size < 9e18;
    *bytes = fits ? (int64_t)size : 0;
    return fits && *end == '\0';
}

static bool parse_choice(const cli_option *option, const char *text, int *value)
{
    for (const cli_choice *choice = option->choices; choice->name != NULL; choice++) {
        if (strcmp(choice->name, text) == 0) {
            *value = choice->value;
            return true;
        }
    }
    return false;
}

static bool parse_integer(const cli_option *option, const char *text, int64_t *value)
{
    char *end = NULL;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *value >= option->integer_range[0] &&
           *value <= option->integer_range[1];
}

static bool parse_real(const cli_option *option, const char *text, double *value)
{
    char *end = NULL;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && *value >= option->real_range[0] &&
           *value <= option->real_range[1];
}

/* Takes the T of ISO 8601 between date and time too. */
static bool parse_time(const char *text, cli_time *out)
{
    char plain[sizeof "YYYY-MM-DD HH:MM:SS"];
    mdl_value value;
    if (strlen(text) != sizeof plain - 1) {
        return false;
    }
    memcpy(plain, text, sizeof plain);
    plain[10] = plain[10] == 'T' ? ' ' : plain[10];
    out->is_set = mdl_value_parse(MDL_TYPE_TIMESTAMP, text_of(plain), &value, NULL) == MDL_OK;
    out->seconds = out->is_set ? value.as.integer : 0;
    return out->is_set;
}

/* The names of an option's choices, as "abort|skip". */
static void join_choices(const cli_option *option, char *text, size_t size)
{
    size_t used = 0;
    for (const cli_choice *choice = option->choices; choice->name != NULL && used < size;
         choice++) {
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? "|" : "", choice->name);
    }
}

/* What a value must be, for the message that says that it is not. */
static void describe_values(const cli_option *option, char *text, size_t size)
{
    switch (option->kind) {
    case OPTION_INTEGER:
        if (option->integer_range[1] == INT64_MAX) {
            snprintf(text, size, "a whole number from %" PRId64, option->integer_range[0]);
        } else {
            snprintf(text, size, "a whole number from %" PRId64 " to %" PRId64,
                     option->integer_range[0], option->integer_range[1]);
        }
        break;
    case OPTION_REAL:
        snprintf(text, size, "a number from %g to %g", option->real_range[0],
                 option->real_range[1]);
        break;
    case OPTION_SIZE:
        snprintf(text, size, "a size such as 800MB or 1.5GB");
        break;
    case OPTION_TIME:
        snprintf(text, size, "a time such as '2026-01-27 18:30:00'");
        break;
    default:
        join_choices(option, text, size);
    }
}

static bool set_option(const cli_option *option, const char *value, cli_settings *settings,
                       char *message, size_t message_size)
{
    void *member = (char *)settings + option->offset;
    bool is_good = true;
    if (option->kind == OPTION_TEXT && *(const char **)member != NULL) {
        snprintf(message, message_size, "%s is there twice: '%s' and '%s'", option->name,
                 *(const char **)member, value);
        return false;
    }
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)member = true;
        break;
    case OPTION_TEXT:
        *(const char **)member = value;
        break;
    case OPTION_INTEGER:
        is_good = parse_integer(option, value, member);
        break;
    case OPTION_REAL:
        is_good = parse_real(option, value, member);
        break;
    case OPTION_SIZE:
        is_good = parse_size(value, member);
        break;
    case OPTION_CHOICE:
        is_good = parse_choice(option, value, member);
        break;
    case OPTION_TIME:
        is_good = parse_time(value, member);
        break;
    }
    if (!is_good) {
        char wanted[96];
        describe_values(option, wanted, sizeof wanted);
        snprintf(message, message_size, "%s takes %s, not '%s'", option->name, wanted, value);
    }
    return is_good;
}

/* Reads the option at words[*at], and its value, which may be the next word. */
static bool parse_option(const cli_command *command, int n_words, char **words, int *at,
                         cli_settings *settings, char *message, size_t message_size)
{
    const char *word = strcmp(words[*at], "-h") == 0 ? "--help" : words[*at];
    const char *value = strchr(word, '=');
    size_t name_size = value != NULL ? (size_t)(value - word) : strlen(word);
    const cli_option *option = find_option(command, word, name_size);
    if (option == NULL) {
        complain_of_unknown(command, word, name_size, message, message_size);
        return false;
    }
    if (option->kind == OPTION_FLAG && value != NULL) {
        snprintf(message, message_size, "%s takes no value", option->name);
        return false;
    }
    if (option->kind != OPTION_FLAG) {
        bool is_next = value == NULL && *at + 1 < n_words && strncmp(words[*at + 1], "--", 2) != 0;
        if (value == NULL && !is_next) {
            snprintf(message, message_size, "%s needs a value: %s", option->name,
                     option->value_name);
            return false;
        }
        value = is_next ? words[++*at] : value + 1;
    }
    return set_option(option, value, settings, message, message_size);
}

/* Whether there is what the command works on. */
static bool check_data(const cli_command *command, const cli_settings *settings, char *message,
                       size_t message_size)
{
    bool has_data = settings->n_arguments > command->min_arguments;
    bool has_store = settings->store_directory != NULL;
    bool takes_both = command->data == DATA_AND_STORE || command->data == STORE_ONLY;
    if (has_data && has_store && !takes_both) {
        snprintf(message, message_size, "%s takes files or --store, not both: '%s' and '%s'",
                 command->name, settings->arguments[command->min_arguments],
                 settings->store_directory);
        return false;
    }
    if (command->data == STORE_ONLY && !has_store) {
        snprintf(message, message_size, "%s needs --store DIR", command->name);
        return false;
    }
    bool needs_one = command->data == DATA_OR_STORE || command->data == DATA_AND_STORE;
    if (needs_one && !has_data && !has_store) {
        snprintf(message, message_size, "missing argument: medallion %s %s", command->name,
                 command->arguments);
        return false;
    }
    /* Every option that is about a store has its own way to be not said. */
    const char *needless = has_store                     ? NULL
                           : settings->at_version > 0    ? "--at-version"
                           : settings->as_of.is_set      ? "--as-of"
                           : settings->run_time.is_set   ? "--run-time"
                           : settings->hard_deletes >= 0 ? "--hard-deletes"
                                                         : NULL;
    if (needless != NULL) {
        snprintf(message, message_size, "%s needs --store DIR", needless);
        return false;
    }
    return true;
}

static bool check_arguments(const cli_command *command, const cli_settings *settings, char *message,
                            size_t message_size)
{
    if (settings->n_arguments < command->min_arguments) {
        snprintf(message, message_size, "missing argument: medallion %s %s", command->name,
                 command->arguments);
        return false;
    }
    if (command->max_arguments >= 0 && settings->n_arguments > command->max_arguments) {
        snprintf(message, message_size, "unexpected argument '%s'",
                 settings->arguments[command->max_arguments]);
        return false;
    }
    return command->data == DATA_NONE || check_data(command, settings, message, message_size);
}

bool parse_options(const cli_command *command, int n_words, char **words, cli_settings *settings,
                   char *message, size_t message_size)
{
    settings->max_errors = -1;
    settings->n_retries = DEFAULT_RETRIES;
    settings->max_simd = MDL_SIMD_BEST;
    settings->hard_deletes = -1;
    settings->limit = -1;
    settings->batch_wait_seconds = DEFAULT_BATCH_WAIT_SECONDS;
    settings->scale = DEFAULT_SCALE;
    settings->seed = 1;
    settings->arguments = calloc((size_t)n_words + 1, sizeof *settings->arguments);
    if (settings->arguments == NULL) {
        snprintf(message, message_size, "no memory for the arguments");
        return false;
    }
    bool options_ended = false;
    for (int at = 0; at < n_words; at++) {
        bool is_option = words[at][0] == '-' && words[at][1] != '\0' && !options_ended;
        if (is_option && strcmp(words[at], "--") == 0) {
            options_ended = true;
        } else if (!is_option) {
            settings->arguments[settings->n_arguments++] = words[at];
        } else if (!parse_option(command, n_words, words, &at, settings, message, message_size)) {
            return false;
        }
    }
    return settings->help || check_arguments(command, settings, message, message_size);
}

/* ---- help ------------------------------------------------------------------------------------ */

/* Prints `text` broken into lines between columns `indent` and HELP_WIDTH; the cursor stands at
 * `column`. A newline in the text ends a line. */
static void print_wrapped(FILE *file, const char *text, int indent, int column)
{
    while (*text != '\0') {
        int size = (int)strcspn(text, " \n");
        if (column > indent && column + 1 + size > HELP_WIDTH) {
            fputc('\n', file);
            column = 0;
        }
        if (column < indent) {
            fprintf(file, "%*s", indent - column, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', file);
            column++;
        }
        fprintf(file, "%.*s", size, text);
        column += size;
        text += size;
        if (*text == '\n') {
            fputc('\n', file);
            column = 0;
        }
        text += *text != '\0';
    }
    fputc('\n', file);
}

static int option_width(const cli_option *option)
{
    size_t value_size = option->value_name != NULL ? strlen(option->value_name) + 1 : 0;
    return (int)(strlen(option->name) + value_size);
}

void print_command_help(const cli_command *command, FILE *file)
{
    int widest = 0;
    for (int i = 0; option_at(command, i) != NULL; i++) {
        int width = option_width(option_at(command, i));
        widest = width > widest ? width : widest;
    }
    fprintf(file, "Usage: medallion %s%s%s [OPTIONS]\n\n", command->name,
            command->arguments[0] != '\0' ? " " : "", command->arguments);
    print_wrapped(file, command->details, 0, 0);
    for (int g = 0; g < command->n_groups; g++) {
        const option_group *group = command->groups[g];
        fprintf(file, "\n%s:\n", group->title);
        for (int i = 0; i < group->n_options; i++) {
            const cli_option *option = &group->options[i];
            bool has_value = option->value_name != NULL;
            fprintf(file, "  %s%s%s%*s", option->name, has_value ? " " : "",
                    has_value ? option->value_name : "", widest - option_width(option), "");
            print_wrapped(file, option->help, widest + 4, widest + 2);
        }
    }
}
