/* Telling Discord or a webhook of what a command did. */
#ifndef MEDALLION_CLI_NOTIFICATION_H
#define MEDALLION_CLI_NOTIFICATION_H

#include "session.h"

/* Things that went wrong besides the run; they are told with it. */
typedef struct notification_problems {
    enum problem_weight {
        PROBLEM_NONE = 0,
        PROBLEM_WARNING = 1, /* worth a notification on warnings */
        PROBLEM_FAILURE = 2  /* likewise on failures */
    } weight;                /* of the heaviest */
    const char *const *lines;
    int32_t n_lines;
} notification_problems;

/* Looks at the URLs that the command line and the environment name before the work starts, and tells
 * on standard error what is wrong with them. False where the command line is wrong; a variable of the
 * environment stops nothing. */
bool check_notifications(const cli_settings *settings);

/* Posts what the command line and the environment ask for, if `status` and the run are worth it.
 * `problems` may be NULL. What cannot be posted is told on standard error and changes nothing; a run
 * that was interrupted is not told. */
void notify_of_run(session *s, mdl_status status, const notification_problems *problems);

#endif
