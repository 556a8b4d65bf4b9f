/* What a run came to: the lines below its last task. */
#ifndef MEDALLION_CLI_RUN_SUMMARY_H
#define MEDALLION_CLI_RUN_SUMMARY_H

#include "run_lines.h"

/* Tells what was done in how long, each failure and warning with what it means, and the counts, if
 * run lines are shown. */
void tell_run_summary(run_lines *lines, const mdl_run *run, const mdl_context *context,
                      const cli_settings *settings);

#endif
