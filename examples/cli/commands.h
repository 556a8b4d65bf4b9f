/* The commands of the program. */
#ifndef MEDALLION_CLI_COMMANDS_H
#define MEDALLION_CLI_COMMANDS_H

#include "options.h"

extern const cli_command build_command;
extern const cli_command test_command;
extern const cli_command retry_command;
extern const cli_command show_command;
extern const cli_command ls_command;
extern const cli_command describe_command;
extern const cli_command diff_command;
extern const cli_command audit_command;
extern const cli_command runs_command;
extern const cli_command history_command;
extern const cli_command clone_command;
extern const cli_command vacuum_command;
extern const cli_command report_command;
extern const cli_command watch_command;
extern const cli_command generate_command;

#endif
