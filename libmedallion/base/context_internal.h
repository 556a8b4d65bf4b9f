/*
 * What the rest of the library needs of a context besides its public face.
 */
#ifndef MDLI_BASE_CONTEXT_INTERNAL_H
#define MDLI_BASE_CONTEXT_INTERNAL_H

#include <stdint.h>

#include "medallion/context.h"

/* Most rows in a block of a column. */
int64_t mdli_context_block_rows(const mdl_context *context);

/* Bytes of a file that one job reads. */
int64_t mdli_context_chunk_bytes(const mdl_context *context);

/*
 * Tells the progress callback, if there is one. Calls are serialised and throttled to about ten a
 * second for all tasks together, save those with done == total and the first after them.
 * MDL_E_CANCELLED when the callback asks for it.
 */
mdl_status mdli_progress(mdl_context *context, const mdl_progress *progress, mdl_error *error);

/*
 * From shield to unshield, work on the context is neither cancelled nor out of time: for the little
 * that has to be done after either, such as entering a cancelled run in the log. Shields nest.
 */
void mdli_context_shield(mdl_context *context);
void mdli_context_unshield(mdl_context *context);

/* A number that the context gives once. Thread-safe. */
uint64_t mdli_context_new_serial(mdl_context *context);

/* Seconds on a clock that never goes back, for durations. */
double mdli_seconds_now(void);

/* The time of day: seconds since 1970-01-01 UTC. */
int64_t mdli_utc_now(void);

/* Waits. Ends early, with MDL_E_CANCELLED or MDL_E_DEADLINE, when work has to stop. */
mdl_status mdli_pause(mdl_context *context, double seconds, mdl_error *error);

#endif
