/* The commands of the program. */
#ifndef MEDALLION_CLI_COMMANDS_H
#define MEDALLION_CLI_COMMANDS_H

#include "options.h"

extern const cli_command build_command;
extern const cli_command show_command;
extern const cli_command ls_command;
extern const cli_command describe_command;
extern const cli_command generate_command;

#endif
