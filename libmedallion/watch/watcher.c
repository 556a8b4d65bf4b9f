/*
 * Watching a folder: events come in, batches go out.
 *
 * What is known of each file is kept in watched_days.c; events only say which file to look at
 * again (observed_file.c), so that an event that is late, doubled or lost can do no harm.
 */
#include "medallion/watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "watch/daily_name.h"
#include "watch/file_moves.h"
#include "watch/watched_days.h"

#define EVENTS_OF_FILES                                                                            \
    (IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)
#define EVENTS_OF_FOLDER (IN_DELETE_SELF | IN_MOVE_SELF)

enum {
    EVENT_BYTES = 1 << 14,
    NOTE_BYTES = 512,
    POLL_MILLISECONDS_MAX = 1000 * 60 * 60
};

/* A year: more is a mistake. */
#define SECONDS_MAX (366 * 86400.0)

struct mdl_watcher {
    mdl_context *context;
    mdl_watch_options options;
    char *path; /* without a slash at its end */
    mdli_folder folder;
    int events;     /* inotify */
    int stop_event; /* eventfd: readable once it was stopped */
    atomic_bool is_stopped;
    mdli_watched_days days;

    /* The batch that was handed out; `paths` point to `path_bytes`. */
    mdl_watch_batch batch;
    int32_t batch_day;
    int32_t batch_sources[MDL_WATCH_FILES_MAX];
    char *path_bytes;
    size_t path_size; /* room for one path */
};

static void note(const mdl_watcher *w, const char *format, ...) MDL_PRINTF(2, 3);

static void note(const mdl_watcher *w, const char *format, ...)
{
    if (w->options.note == NULL) {
        return;
    }
    char message[NOTE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    w->options.note(w->options.user_data, message);
}

static mdl_status tell_folder_is_gone(const mdl_watcher *w, mdl_error *error)
{
    return mdl_error_set(error, MDL_E_FILE_NOT_FOUND, "the watched folder %s was removed or moved",
                         w->path);
}

/* The folder is open only while something is done in it: as long as it is, the kernel does not tell
 * that it was removed. */
static mdl_status open_folder(mdl_watcher *w, mdl_error *error)
{
    w->folder.descriptor = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->folder.descriptor >= 0) {
        return MDL_OK;
    }
    return errno == ENOENT ? tell_folder_is_gone(w, error)
                           : mdli_error_system(error, errno, "open the folder", w->path);
}

static void close_folder(mdl_watcher *w)
{
    if (w->folder.descriptor >= 0) {
        close(w->folder.descriptor);
        w->folder.descriptor = -1;
    }
}

/* ---- Looking at files ---- */

static mdl_status look_at_daily_file(mdl_watcher *w, mdli_daily_name file, bool was_closed,
                                     mdl_error *error)
{
    char name[MDLI_DAILY_NAME_MAX];
    mdli_watched_day *day;
    mdli_format_daily_name(file, name);
    MDLI_TRY(mdli_find_day(&w->days, file.day, &day, error));
    mdli_observed_file observed = mdli_observe_file(w->folder.descriptor, name);
    mdli_day_take_in(day, file.source, &observed, was_closed, w->options.settle_seconds,
                     mdli_seconds_now());
    return MDL_OK;
}

/* A file whose name has a date that does not exist. It is never loaded, so it does not matter
 * whether it is complete, only that nobody writes it any more, nor much whether it can be moved. */
static void reject_impossible_date(const mdl_watcher *w, const char *name)
{
    char report[256];
    bool was_moved;
    mdl_error failure = MDL_ERROR_INIT;
    mdli_observed_file observed = mdli_observe_file(w->folder.descriptor, name);
    if (!observed.exists || observed.writers == MDLI_WRITERS_SOME) {
        return;
    }
    snprintf(report, sizeof report, "%s was not loaded: %.8s is no date of the form DDMMYYYY\n",
             name, name);
    if (mdli_move_file(&w->folder, name, &observed.identity, "rejected", report, &was_moved,
                       &failure) != MDL_OK) {
        note(w, "%s is left alone: %.8s is no date, and %s", name, name, failure.message);
    } else if (was_moved) {
        note(w, "%s rejected: %.8s is no date", name, name);
    }
}

static mdl_status look_at_name(mdl_watcher *w, const char *name, bool was_closed, mdl_error *error)
{
    char shown[128];
    mdli_daily_name file;
    switch (mdli_read_daily_name(name, &file)) {
    case MDLI_NAME_DAILY:
        return look_at_daily_file(w, file, was_closed, error);
    case MDLI_NAME_NO_DATE:
        reject_impossible_date(w, name);
        return MDL_OK;
    case MDLI_NAME_OTHER_CSV:
        if (was_closed) {
            mdli_escape_text(name, strlen(name), shown, sizeof shown);
            note(w, "%s is left alone: it is not called as a daily file, DDMMYYYY_movies.csv",
                 shown);
        }
        return MDL_OK;
    default:
        return MDL_OK;
    }
}

/* Looks at all files that are there, and at those that were. */
static mdl_status look_at_folder(mdl_watcher *w, mdl_error *error)
{
    for (int64_t i = 0; i < w->days.n_days; i++) {
        for (int32_t s = 0; s < MDL_WATCH_FILES_MAX; s++) {
            MDLI_TRY(
                look_at_daily_file(w, (mdli_daily_name){w->days.days[i].day, s}, false, error));
        }
    }
    int descriptor = openat(w->folder.descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    if (entries == NULL) {
        mdl_status status = mdli_error_system(error, errno, "list", w->path);
        if (descriptor >= 0) {
            close(descriptor);
        }
        return status;
    }
    mdl_status status = MDL_OK;
    const struct dirent *entry;
    errno = 0;
    while (status == MDL_OK && (entry = readdir(entries)) != NULL) {
        status = look_at_name(w, entry->d_name, false, error);
        errno = 0;
    }
    if (status == MDL_OK && errno != 0) {
        status = mdli_error_system(error, errno, "list", w->path);
    }
    closedir(entries);
    return status;
}

/* ---- Events ---- */

/* A write to a file that is known to be written is no news, and comes often. */
static bool is_being_written(mdl_watcher *w, const char *name)
{
    mdli_daily_name file;
    if (mdli_read_daily_name(name, &file) != MDLI_NAME_DAILY) {
        return false;
    }
    for (int64_t i = 0; i < w->days.n_days; i++) {
        mdli_watched_day *day = &w->days.days[i];
        if (day->day == file.day && day->files[file.source].state == MDLI_FILE_WRITING) {
            day->changed_at = mdli_seconds_now();
            return true;
        }
    }
    return false;
}

static mdl_status take_event(mdl_watcher *w, const struct inotify_event *event, mdl_error *error)
{
    if ((event->mask & IN_Q_OVERFLOW) != 0) {
        note(w, "too much happened at once in %s; looking at all files in it", w->path);
        return look_at_folder(w, error);
    }
    if ((event->mask & (EVENTS_OF_FOLDER | IN_IGNORED | IN_UNMOUNT)) != 0) {
        return tell_folder_is_gone(w, error);
    }
    if (event->len == 0 || (event->mask & IN_ISDIR) != 0) {
        return MDL_OK;
    }
    if (event->mask == IN_MODIFY && is_being_written(w, event->name)) {
        return MDL_OK;
    }
    return look_at_name(w, event->name, (event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0, error);
}

/* Takes in all events that have come. */
static mdl_status take_events(mdl_watcher *w, mdl_error *error)
{
    _Alignas(struct inotify_event) char bytes[EVENT_BYTES];
    for (;;) {
        ssize_t n_bytes = read(w->events, bytes, sizeof bytes);
        if (n_bytes < 0 && errno == EINTR) {
            continue;
        }
        if (n_bytes < 0) {
            return errno == EAGAIN ? MDL_OK : mdli_error_system(error, errno, "watch", w->path);
        }
        for (ssize_t at = 0; at < n_bytes;) {
            const struct inotify_event *event = (const struct inotify_event *)(bytes + at);
            MDLI_TRY(take_event(w, event, error));
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
}

/* Looks again at files that should have settled. */
static mdl_status look_at_settled_files(mdl_watcher *w, mdl_error *error)
{
    double now = mdli_seconds_now();
    for (int64_t i = 0; i < w->days.n_days; i++) {
        for (int32_t s = 0; s < MDL_WATCH_FILES_MAX; s++) {
            const mdli_watched_file *file = &w->days.days[i].files[s];
            if (file->state == MDLI_FILE_SETTLING && file->settled_at <= now) {
                MDLI_TRY(
                    look_at_daily_file(w, (mdli_daily_name){w->days.days[i].day, s}, false, error));
            }
        }
    }
    return MDL_OK;
}

/* ---- Batches ---- */

/* What was not dealt with of the batch that was handed out comes again. */
static mdl_status give_back_batch(mdl_watcher *w, mdl_error *error)
{
    bool is_left = false;
    mdli_watched_day *day;
    if (w->batch.n_files == 0) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_find_day(&w->days, w->batch_day, &day, error));
    for (int32_t s = 0; s < MDL_WATCH_FILES_MAX; s++) {
        if (day->files[s].state == MDLI_FILE_TAKEN) {
            day->files[s].state = MDLI_FILE_READY; /* looked at before it is handed out again */
            is_left = true;
        }
    }
    if (is_left) {
        day->not_before = mdli_seconds_now() + w->options.retry_seconds;
    }
    w->batch.n_files = 0;
    return MDL_OK;
}

/* Looks at the ready files of a day once more; false when one is not ready any more. */
static mdl_status check_day(mdl_watcher *w, int32_t day_number, bool *is_as_before,
                            mdl_error *error)
{
    mdli_watched_day *day;
    *is_as_before = true;
    MDLI_TRY(mdli_find_day(&w->days, day_number, &day, error));
    for (int32_t s = 0; s < MDL_WATCH_FILES_MAX; s++) {
        if (day->files[s].state == MDLI_FILE_READY) {
            mdli_file_identity identity = day->files[s].identity;
            MDLI_TRY(look_at_daily_file(w, (mdli_daily_name){day_number, s}, false, error));
            *is_as_before &= day->files[s].state == MDLI_FILE_READY &&
                             mdli_same_identity(&identity, &day->files[s].identity);
        }
    }
    return MDL_OK;
}

static void hand_out(mdl_watcher *w, mdli_watched_day *day)
{
    mdl_watch_batch *batch = &w->batch;
    *batch = (mdl_watch_batch){.n_files = 0};
    w->batch_day = day->day;
    mdli_format_day(day->day, batch->date);
    for (int32_t s = 0; s < MDL_WATCH_FILES_MAX; s++) {
        if (day->files[s].state == MDLI_FILE_READY) {
            char name[MDLI_DAILY_NAME_MAX];
            char *path = w->path_bytes + (size_t)batch->n_files * w->path_size;
            mdli_format_daily_name((mdli_daily_name){day->day, s}, name);
            snprintf(path, w->path_size, "%s/%s", w->path, name);
            w->batch_sources[batch->n_files] = s;
            batch->paths[batch->n_files] = path;
            batch->sources[batch->n_files++] = mdli_watched_sources[s];
            day->files[s].state = MDLI_FILE_TAKEN;
        } else if ((day->seen_before >> s & 1) == 0) {
            batch->missing[batch->n_missing++] = mdli_watched_sources[s];
        }
    }
}

/* Hands out the batch that is due, if one is; else `*wake_at` is when to look again. */
static mdl_status find_batch(mdl_watcher *w, bool *found, double *wake_at, mdl_error *error)
{
    for (;;) {
        bool is_as_before;
        MDLI_TRY(take_events(w, error));
        MDLI_TRY(look_at_settled_files(w, error));
        mdli_watched_day *day =
            mdli_find_due_day(&w->days, w->options.batch_wait_seconds, mdli_seconds_now(), wake_at);
        if (day == NULL) {
            double settled_at = mdli_next_settled_at(&w->days);
            *wake_at = settled_at < *wake_at ? settled_at : *wake_at;
            return MDL_OK;
        }
        MDLI_TRY(check_day(w, day->day, &is_as_before, error));
        if (is_as_before) {
            hand_out(w, day);
            *found = true;
            return MDL_OK;
        }
    }
}

/* ---- Waiting ---- */

/* Sleeps until an event, a stop, a signal, or `wake_at`. */
static mdl_status sleep_until(mdl_watcher *w, double wake_at, mdl_error *error)
{
    struct pollfd sources[2] = {{.fd = w->events, .events = POLLIN},
                                {.fd = w->stop_event, .events = POLLIN}};
    double milliseconds = ceil((wake_at - mdli_seconds_now()) * 1e3);
    int timeout = POLL_MILLISECONDS_MAX;
    if (milliseconds < POLL_MILLISECONDS_MAX) {
        timeout = milliseconds > 0 ? (int)milliseconds : 0;
    }
    if (poll(sources, 2, timeout) < 0 && errno != EINTR) {
        return mdli_error_system(error, errno, "watch", w->path);
    }
    return MDL_OK;
}

mdl_status mdl_watcher_next(mdl_watcher *w, double timeout_seconds, const mdl_watch_batch **out,
                            mdl_error *error)
{
    double give_up_at = timeout_seconds < 0 ? INFINITY : mdli_seconds_now() + timeout_seconds;
    *out = NULL;
    MDLI_TRY(give_back_batch(w, error));
    for (;;) {
        bool found = false;
        double wake_at;
        if (mdl_watcher_is_stopped(w)) {
            return MDL_OK;
        }
        MDLI_TRY(mdli_check_cancel(w->context, error));
        MDLI_TRY(open_folder(w, error));
        mdl_status status = find_batch(w, &found, &wake_at, error);
        close_folder(w);
        MDLI_TRY(status);
        if (found) {
            *out = &w->batch;
            return MDL_OK;
        }
        if (mdli_seconds_now() >= give_up_at) {
            return MDL_OK;
        }
        MDLI_TRY(sleep_until(w, wake_at < give_up_at ? wake_at : give_up_at, error));
    }
}

void mdl_watcher_stop(mdl_watcher *w)
{
    int saved_errno = errno; /* it may be a signal handler that calls */
    atomic_store(&w->is_stopped, true);
    uint64_t one = 1;
    ssize_t written = write(w->stop_event, &one, sizeof one); /* cannot block: far from full */
    (void)written;
    errno = saved_errno;
}

bool mdl_watcher_is_stopped(const mdl_watcher *w)
{
    return atomic_load(&w->is_stopped);
}

/* ---- Dealing with files ---- */

static mdl_status find_taken_file(mdl_watcher *w, int32_t index, mdli_watched_day **day,
                                  mdli_watched_file **file, mdl_error *error)
{
    if (index < 0 || index >= w->batch.n_files) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "file %d of a batch of %d", (int)index,
                             (int)w->batch.n_files);
    }
    MDLI_TRY(mdli_find_day(&w->days, w->batch_day, day, error));
    *file = &(*day)->files[w->batch_sources[index]];
    if ((*file)->state != MDLI_FILE_TAKEN) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "file %s was dealt with already",
                             w->batch.paths[index]);
    }
    return MDL_OK;
}

/* Moves the file, or finds out what became of it. */
static mdl_status move_taken_file(mdl_watcher *w, int32_t index, const char *subfolder,
                                  const char *report, mdl_error *error)
{
    mdli_watched_day *day = NULL;
    mdli_watched_file *file = NULL;
    bool was_moved;
    char name[MDLI_DAILY_NAME_MAX];
    MDLI_TRY(find_taken_file(w, index, &day, &file, error));
    mdli_daily_name daily = {w->batch_day, w->batch_sources[index]};
    mdli_format_daily_name(daily, name);
    MDLI_TRY(open_folder(w, error));
    mdl_status status =
        mdli_move_file(&w->folder, name, &file->identity, subfolder, report, &was_moved, error);
    if (status == MDL_OK) {
        day->seen_before |= 1u << daily.source;
        file->state = MDLI_FILE_ABSENT;
        status = was_moved ? MDL_OK : look_at_daily_file(w, daily, false, error);
    }
    close_folder(w);
    return status;
}

mdl_status mdl_watcher_accept(mdl_watcher *w, int32_t index, mdl_error *error)
{
    if (!w->options.keep) {
        return move_taken_file(w, index, "processed", NULL, error);
    }
    mdli_watched_day *day = NULL;
    mdli_watched_file *file = NULL;
    MDLI_TRY(find_taken_file(w, index, &day, &file, error));
    day->seen_before |= 1u << w->batch_sources[index];
    file->state = MDLI_FILE_KEPT; /* a change since it was handed out is in the events */
    return MDL_OK;
}

mdl_status mdl_watcher_reject(mdl_watcher *w, int32_t index, const char *report, mdl_error *error)
{
    if (report == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a rejected file needs a report");
    }
    return move_taken_file(w, index, "rejected", report, error);
}

/* ---- Beginning and end ---- */

void mdl_watch_options_init(mdl_watch_options *options)
{
    *options = (mdl_watch_options){
        .struct_size = sizeof *options,
        .batch_wait_seconds = 300,
        .settle_seconds = 2,
        .retry_seconds = 60,
    };
}

static mdl_status check_seconds(const char *name, double seconds, mdl_error *error)
{
    if (seconds >= 0 && seconds <= SECONDS_MAX) {
        return MDL_OK;
    }
    return mdl_error_set(error, MDL_E_ARGUMENT, "%s is %g; it is 0 to %g", name, seconds,
                         SECONDS_MAX);
}

static mdl_status check_options(const mdl_watch_options *options, mdl_error *error)
{
    if (options->struct_size != sizeof *options) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "mdl_watch_options was not started by mdl_watch_options_init");
    }
    MDLI_TRY(check_seconds("batch_wait_seconds", options->batch_wait_seconds, error));
    MDLI_TRY(check_seconds("settle_seconds", options->settle_seconds, error));
    return check_seconds("retry_seconds", options->retry_seconds, error);
}

static mdl_status copy_path(mdl_watcher *w, const char *folder, mdl_error *error)
{
    MDLI_TRY(mdli_copy_text(w->context, folder, &w->path, error));
    size_t size = strlen(w->path);
    while (size > 1 && w->path[size - 1] == '/') {
        w->path[--size] = '\0';
    }
    w->folder.path = w->path;
    w->path_size = size + 1 + MDLI_DAILY_NAME_MAX;
    void *memory;
    MDLI_TRY(mdli_allocate_array(w->context, MDL_WATCH_FILES_MAX, w->path_size, "watched paths",
                                 &memory, error));
    w->path_bytes = memory;
    return MDL_OK;
}

/* What the system answers when a user has as many watches as the user may have is not that a disk is
 * full. */
static mdl_status tell_watch_failure(const mdl_watcher *w, int system_errno, mdl_error *error)
{
    if (system_errno == ENOSPC || system_errno == EMFILE) {
        return mdl_error_set(error, MDL_E_SYSTEM,
                             "cannot watch %s: too many watches (see fs.inotify of sysctl)",
                             w->path);
    }
    return mdli_error_system(error, system_errno, "watch", w->path);
}

/* The watch starts before the first look, so that nothing can come in between. */
static mdl_status begin(mdl_watcher *w, mdl_error *error)
{
    w->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (w->stop_event < 0 || w->events < 0 ||
        inotify_add_watch(w->events, w->path, EVENTS_OF_FILES | EVENTS_OF_FOLDER | IN_ONLYDIR) <
            0) {
        return tell_watch_failure(w, errno, error);
    }
    MDLI_TRY(open_folder(w, error));
    mdl_status status = look_at_folder(w, error);
    close_folder(w);
    return status;
}

mdl_status mdl_watcher_create(mdl_context *context, const char *folder,
                              const mdl_watch_options *options, mdl_watcher **out, mdl_error *error)
{
    mdl_watch_options defaults;
    void *memory;
    *out = NULL;
    if (folder == NULL || folder[0] == '\0') {
        return mdl_error_set(error, MDL_E_ARGUMENT, "there is no folder to watch");
    }
    mdl_watch_options_init(&defaults);
    options = options != NULL ? options : &defaults;
    MDLI_TRY(check_options(options, error));
    MDLI_TRY(mdli_allocate_zeroed(context, sizeof(mdl_watcher), "watcher", &memory, error));
    mdl_watcher *w = memory;
    w->context = context;
    w->options = *options;
    w->folder.descriptor = -1;
    w->events = -1;
    w->stop_event = -1;
    w->days.context = context;
    atomic_init(&w->is_stopped, false);
    mdl_status status;
    MDLI_TRY_GOTO_DONE(copy_path(w, folder, error));
    MDLI_TRY_GOTO_DONE(begin(w, error));
    *out = w;

done:
    if (status != MDL_OK) {
        mdl_watcher_free(w);
    }
    return status;
}

static void close_descriptor(int descriptor)
{
    if (descriptor >= 0) {
        close(descriptor);
    }
}

void mdl_watcher_free(mdl_watcher *w)
{
    if (w == NULL) {
        return;
    }
    close_folder(w);
    close_descriptor(w->events);
    close_descriptor(w->stop_event);
    mdli_free_days(&w->days);
    mdli_free(w->context, w->path_bytes);
    mdli_free(w->context, w->path);
    mdli_free(w->context, w);
}
