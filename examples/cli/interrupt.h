/* Ctrl-C: the first cancels the work, the second kills the program. */
#ifndef MEDALLION_CLI_INTERRUPT_H
#define MEDALLION_CLI_INTERRUPT_H

#include <stdbool.h>

#include "medallion/context.h"
#include "medallion/watch.h"

/* From now on SIGINT and SIGTERM cancel the work on the context that is being watched, if any. */
void catch_interrupts(void);

/* The context to cancel; NULL before it is freed. */
void watch_context(mdl_context *context);

/* A watcher to stop likewise; NULL before it is freed. */
void stop_when_interrupted(mdl_watcher *watcher);

bool was_interrupted(void);

#endif
