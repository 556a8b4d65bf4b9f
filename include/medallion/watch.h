/**
 * @file watch.h
 * Watching a folder for daily files, `DDMMYYYY_movies.csv` and the like.
 *
 * A watcher hands out the files of one date as one batch, once they are completely written, and
 * moves them away when they are dealt with. It sleeps until the kernel tells of a change (inotify);
 * it never looks at the folder in between, save after the kernel lost events.
 *
 * A file is *ready* when who wrote it has closed it, or when it was renamed or linked into the
 * folder. Of files that were there before, and of others whose writers cannot be told from events,
 * the kernel is asked whether somebody has them open for writing (a file lease); where it does not
 * say, as for files of other users, a file is ready when it did not change for `settle_seconds`. Only
 * regular files count: links, folders and other names are left alone.
 *
 * A batch is *due* when all four files of its date are ready, or when none has come and none was
 * written to for `batch_wait_seconds`. An earlier date that is not due yet holds back later ones:
 * batches come in the order of their dates. What comes after its batch was handed out makes a batch
 * of its own. A file whose name has the form of a daily one but no real date, such as 31022026, is
 * rejected at once.
 *
 * ```
 * while ((status = mdl_watcher_next(watcher, -1, &batch, &error)) == MDL_OK && batch != NULL) {
 *     … load batch->files, build, commit …
 *     … mdl_watcher_accept or mdl_watcher_reject each file …
 * }
 * ```
 *
 * Files are moved after what was made of them is safe, so a kill loses nothing: a file that is still
 * there is handed out again, and a store does not load the same content twice.
 */
#ifndef MEDALLION_WATCH_H
#define MEDALLION_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/context.h"
#include "medallion/export.h"
#include "medallion/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Files that a date has: movies, ratings, tags, links. */
#define MDL_WATCH_FILES_MAX 4

/** A watcher; opaque. Belongs to one thread at a time, except for ::mdl_watcher_stop. */
typedef struct mdl_watcher mdl_watcher;

/** Settings of a watcher. Start from ::mdl_watch_options_init. */
typedef struct mdl_watch_options {
    size_t struct_size;        /**< set by ::mdl_watch_options_init */
    double batch_wait_seconds; /**< how long to wait for the other files of a date; default 300 */
    double settle_seconds;     /**< how long a file must stay as it is when nobody can tell whether
                                    it is being written; default 2 */
    double retry_seconds;      /**< when files that were neither accepted nor rejected come again;
                                    default 60 */
    bool keep;                 /**< true = accepted files stay where they are, and come again only
                                    when they change; default false */
    /** Told what a person would want to know: a file with an impossible name, lost events. One line,
     * valid during the call. NULL = not told (default). */
    void (*note)(void *user_data, const char *message);
    void *user_data; /**< first argument of `note` */
} mdl_watch_options;

/** Fills `options` with the defaults. */
MDL_API void mdl_watch_options_init(mdl_watch_options *options);

/**
 * Starts to watch a folder. What is in it counts as having come when it last changed.
 *
 * @param options  NULL = the defaults
 * @param out      to be freed with ::mdl_watcher_free
 * @return ::MDL_E_FILE_NOT_FOUND, ::MDL_E_ARGUMENT for settings out of range, ::MDL_E_SYSTEM when
 *         the system has no more watches, ::MDL_E_IO, ::MDL_E_NO_MEMORY, ::MDL_E_BUDGET.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_watcher_create(mdl_context *context, const char *folder,
                                                     const mdl_watch_options *options,
                                                     mdl_watcher **out, mdl_error *error);

/** Frees a watcher. Accepts NULL. */
MDL_API void mdl_watcher_free(mdl_watcher *watcher);

/** The files of one date. Lives until the next ::mdl_watcher_next. */
typedef struct mdl_watch_batch {
    char date[11];                            /**< `YYYY-MM-DD` */
    int32_t n_files;                          /**< 1 … ::MDL_WATCH_FILES_MAX */
    const char *paths[MDL_WATCH_FILES_MAX];   /**< folder + "/" + name: in the order of movies,
                                                     ratings, tags, links, in which they load */
    const char *sources[MDL_WATCH_FILES_MAX]; /**< the table of each; static storage */
    int32_t n_missing;                        /**< sources of which no file has come yet */
    const char *missing[MDL_WATCH_FILES_MAX]; /**< their names; static storage */
} mdl_watch_batch;

/**
 * Waits for the next batch that is due. What of the batch before was neither accepted nor rejected
 * comes again, after `retry_seconds`. Cancelling the context ends the wait only when a signal or a
 * change of the folder wakes it; ::mdl_watcher_stop always does.
 *
 * @param timeout_seconds  most to wait; 0 = only what is due now; < 0 = no limit
 * @param out              the batch, or NULL when the time was up or ::mdl_watcher_stop was called
 * @return ::MDL_E_FILE_NOT_FOUND when the folder was removed or moved, ::MDL_E_IO,
 *         ::MDL_E_CANCELLED, ::MDL_E_DEADLINE, ::MDL_E_NO_MEMORY, ::MDL_E_BUDGET.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_watcher_next(mdl_watcher *watcher, double timeout_seconds,
                                                   const mdl_watch_batch **out, mdl_error *error);

/**
 * File `index` of the batch is dealt with: moves it to `processed/` in the folder, which is made if
 * need be, unless the options say `keep`. Of files with one name the later ones get `.2`, `.3` … A file that was replaced or changed
 * since it was handed out stays and comes again.
 *
 * @return ::MDL_E_ARGUMENT for an index that is none or was dealt with, ::MDL_E_IO,
 *         ::MDL_E_NO_SPACE; then the file comes again.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_watcher_accept(mdl_watcher *watcher, int32_t index,
                                                     mdl_error *error);

/**
 * File `index` of the batch cannot be used: as ::mdl_watcher_accept, but to `rejected/`, also with
 * `keep`, and with `report` beside it in a file of the same name and `.report.txt`.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_watcher_reject(mdl_watcher *watcher, int32_t index,
                                                     const char *report, mdl_error *error);

/** Makes ::mdl_watcher_next return, now and from now on. May be called from any thread and from a
 * signal handler while the watcher lives. */
MDL_API void mdl_watcher_stop(mdl_watcher *watcher);

/** Whether ::mdl_watcher_stop was called. Thread-safe. */
MDL_API bool mdl_watcher_is_stopped(const mdl_watcher *watcher);

#ifdef __cplusplus
}
#endif

#endif
