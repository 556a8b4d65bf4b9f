/**
 * @file notify.h
 * Telling of a finished run over the network: Discord, and any webhook.
 *
 * `run_finished` of ::mdl_run_events is the general interface: a function of the program's that gets
 * each finished run. What stands here can be called from it, or later while the run lives. A failed
 * notification is the caller's to tell; it changes nothing about the run.
 *
 * Posting needs libcurl, which is optional when the library is built. A URL of a webhook is a
 * secret: errors name its scheme and host and no more.
 */
#ifndef MEDALLION_NOTIFY_H
#define MEDALLION_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/context.h"
#include "medallion/csv.h"
#include "medallion/export.h"
#include "medallion/run.h"
#include "medallion/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Which runs are worth a notification. */
typedef enum mdl_notify_on {
    MDL_NOTIFY_ON_FAILURE = 0, /**< runs that failed (default) */
    MDL_NOTIFY_ON_WARNING = 1, /**< those, and runs with a test that warns */
    MDL_NOTIFY_ALWAYS = 2      /**< all runs */
} mdl_notify_on;

/** Whether a run is one of those. Thread-safe. */
MDL_API bool mdl_notify_wants(mdl_notify_on on, const mdl_run *run);

/** Settings of a notification. Start from ::mdl_notify_options_init. */
typedef struct mdl_notify_options {
    size_t struct_size;  /**< set by ::mdl_notify_options_init */
    const char *url;     /**< of the webhook: `https://…`; `http://…` only of this machine
                              (localhost, 127.0.0.0/8, ::1). Proxies as libcurl finds them in the
                              environment */
    const char *subject; /**< what ran, for the title: "medallion watch"; default "medallion" */
    const char *footer;  /**< one line, such as the machine's name; NULL = none (default) */
    /** What went wrong besides the run, one line each, such as files that were refused; default none. */
    const char *const *problems;
    int32_t n_problems;
    int32_t n_slowest; /**< how many of the slowest tasks Discord is told, 0 … 20; default 5 */

    double timeout_seconds; /**< most that one try may take; default 10 */
    int32_t max_retries;    /**< tries after the first; default 4 */
    double retry_seconds; /**< wait before the first retry, doubled for each one after; default 1 */
    double total_seconds; /**< most that all tries and waits together may take; default 60 */
} mdl_notify_options;

/** Fills `options` with the defaults. */
MDL_API void mdl_notify_options_init(mdl_notify_options *options);

/** Whether this build of the library can post. Thread-safe. */
MDL_API bool mdl_notify_is_available(void);

/**
 * Whether something can be posted with these settings, as far as that is known without posting: for
 * programs that want to say at their start what would else show at the first failure. Thread-safe.
 *
 * @return ::MDL_E_UNSUPPORTED or ::MDL_E_ARGUMENT, as ::mdl_notify_discord would.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_notify_check(const mdl_notify_options *options,
                                                   mdl_error *error);

/**
 * Posts a run to a Discord webhook, as ::mdl_discord_payload makes it. `run` NULL = what was to be
 * told never came to a run, as `problems` say.
 *
 * Tried again, after a wait, are: answers of 5xx; 429, after the time that Discord asks for; servers
 * that cannot be reached or do not answer in time. Other answers of 3xx and 4xx are final.
 * Redirections are not followed. A try that ran out of time may have come through all the same, so a
 * message can come twice. The waits end early when the context is cancelled.
 *
 * @return ::MDL_E_UNSUPPORTED in a library built without libcurl, ::MDL_E_ARGUMENT for settings out
 *         of range or a URL that is none of the above, ::MDL_E_IO when it could not be posted,
 *         ::MDL_E_CANCELLED, ::MDL_E_DEADLINE, ::MDL_E_NO_MEMORY, ::MDL_E_BUDGET.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_notify_discord(mdl_context *context, const mdl_run *run,
                                                     const mdl_notify_options *options,
                                                     mdl_error *error);

/** Posts JSON text, such as a run's results, to any webhook; otherwise as ::mdl_notify_discord. */
MDL_API MDL_MUST_CHECK mdl_status mdl_notify_webhook(mdl_context *context, const char *json,
                                                     int64_t size_bytes,
                                                     const mdl_notify_options *options,
                                                     mdl_error *error);

/**
 * Writes what ::mdl_notify_discord posts: JSON with one embed that has the state as title and
 * colour, the first failure, counts of tasks, duration, rows, problems, each failed task with its
 * message, warnings, and the slowest tasks. All limits of Discord are kept by leaving out or clipping, never
 * inside a code point; texts of the run are escaped, and no text can mention anyone.
 *
 * @param options  NULL = the defaults; `url` and what is behind `n_slowest` are not looked at
 * @return ::MDL_E_ARGUMENT, what `write` answers, as in ::mdl_csv_write
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_discord_payload(const mdl_run *run,
                                                      const mdl_notify_options *options,
                                                      mdl_write_fn write, void *user_data,
                                                      mdl_error *error);

#ifdef __cplusplus
}
#endif

#endif
