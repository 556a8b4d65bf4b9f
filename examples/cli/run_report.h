/* The --json report of a run. */
#ifndef MEDALLION_CLI_RUN_REPORT_H
#define MEDALLION_CLI_RUN_REPORT_H

#include "session.h"

/* Writes the report of a session that ends with `status` to `path`; a failure is told in `error`.
 */
mdl_status write_run_report(const session *s, mdl_status status, const char *path,
                            mdl_error *error);

/* Likewise to a file that is open for writing; a failure is an errno, 0 = none. */
int write_run_report_to(const session *s, mdl_status status, int fd);

#endif
