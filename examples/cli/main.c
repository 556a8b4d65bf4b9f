/* medallion: the command line of libmedallion, an example on its public headers alone. */
#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "interrupt.h"
#include "medallion/version.h"
#include "notification.h"
#include "options.h"

static const cli_command *const commands[] = {
    &build_command,    &test_command,   &retry_command,  &show_command,  &ls_command,
    &describe_command, &diff_command,   &audit_command,  &runs_command,  &history_command,
    &clone_command,    &vacuum_command, &report_command, &watch_command, &generate_command,
};

enum {
    N_COMMANDS = sizeof commands / sizeof commands[0]
};

static void print_program_help(FILE *file)
{
    fprintf(file, "medallion turns MovieLens CSVs into dimensions, facts and marts.\n\n"
                  "Usage: medallion COMMAND [ARGUMENTS] [OPTIONS]\n\nCommands:\n");
    for (int i = 0; i < N_COMMANDS; i++) {
        fprintf(file, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    fprintf(file,
            "\n  --help     this text; 'medallion COMMAND --help' tells more of a command\n"
            "  --version  the version\n"
            "\nExit status: 0 done, 1 a model or an error-severity test failed or data was\n"
            "refused, 2 wrong usage, 3 a file or the system failed, or it was interrupted.\n");
}

/* Help is output like any other: a full disk is told, a closed pipe is not. */
static exit_code close_standard_output(void)
{
    if (fflush(stdout) != 0) {
        perror("medallion: cannot write to standard output");
        return EXIT_SYSTEM;
    }
    return EXIT_DONE;
}

static const cli_command *find_command(const char *name)
{
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static exit_code complain_of_command(const char *word)
{
    const char *names[N_COMMANDS];
    for (int i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i]->name;
    }
    const char *nearest = nearest_name(word, names, N_COMMANDS);
    fprintf(stderr, "medallion: unknown %s '%s'", word[0] == '-' ? "option" : "command", word);
    if (nearest != NULL) {
        fprintf(stderr, "; did you mean '%s'?", nearest);
    }
    fprintf(stderr, "\nTry 'medallion --help'.\n");
    return EXIT_USAGE;
}

static bool can_notify(const cli_command *command)
{
    for (int i = 0; i < command->n_groups; i++) {
        if (command->groups[i] == &notify_options) {
            return true;
        }
    }
    return false;
}

static exit_code run_command(const cli_command *command, int n_words, char **words)
{
    cli_settings settings = {0};
    char message[256];
    exit_code code;
    if (!parse_options(command, n_words, words, &settings, message, sizeof message)) {
        fprintf(stderr, "medallion: %s\nTry 'medallion %s --help'.\n", message, command->name);
        code = EXIT_USAGE;
    } else if (settings.help) {
        print_command_help(command, stdout);
        code = close_standard_output();
    } else if (can_notify(command) && !check_notifications(&settings)) {
        code = EXIT_USAGE;
    } else {
        code = command->run(&settings);
    }
    free(settings.arguments);
    return code;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a write then fails with EPIPE */
    catch_interrupts();
    if (argc < 2) {
        print_program_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_program_help(stdout);
        return close_standard_output();
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("medallion %s\n", mdl_version());
        return close_standard_output();
    }
    const cli_command *command = find_command(argv[1]);
    return command != NULL ? run_command(command, argc - 2, argv + 2)
                           : complain_of_command(argv[1]);
}
