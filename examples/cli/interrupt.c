/* Ctrl-C: the first cancels the work, the second kills the program. */
#define _POSIX_C_SOURCE 200809L

#include "interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

static _Atomic(mdl_context *) watched_context;
static _Atomic(mdl_watcher *) watcher_to_stop;
static volatile sig_atomic_t n_interrupts;

static void on_signal(int signal_number)
{
    (void)signal_number;
    n_interrupts = 1;
    mdl_context *context = atomic_load(&watched_context);
    if (context != NULL) {
        mdl_context_cancel(context);
    }
    mdl_watcher *watcher = atomic_load(&watcher_to_stop);
    if (watcher != NULL) {
        mdl_watcher_stop(watcher);
    }
}

void catch_interrupts(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    /* The default action is back for the second signal. No SA_RESTART: a blocked write gives up. */
    action.sa_flags = (int)SA_RESETHAND;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void watch_context(mdl_context *context)
{
    atomic_store(&watched_context, context);
    if (context != NULL && was_interrupted()) {
        mdl_context_cancel(context);
    }
}

void stop_when_interrupted(mdl_watcher *watcher)
{
    atomic_store(&watcher_to_stop, watcher);
    if (watcher != NULL && was_interrupted()) {
        mdl_watcher_stop(watcher);
    }
}

bool was_interrupted(void)
{
    return n_interrupts != 0;
}
