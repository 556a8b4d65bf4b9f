/* The rows that fail tests: printed for --show-failures, written for --store-failures. */
#ifndef MEDALLION_CLI_FAILING_ROWS_H
#define MEDALLION_CLI_FAILING_ROWS_H

#include "session.h"

/* Before the work, so that it is not in vain: makes the folder of --store-failures. */
mdl_status prepare_failing_rows(session *s);

/* After a run that came to `status`, which is also the answer when nothing else fails. */
mdl_status put_failing_rows(session *s, mdl_status status);

#endif
