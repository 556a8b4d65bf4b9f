/*
 * Which files of which days have come, and which batch is due.
 */
#include "watch/watched_days.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

mdl_status mdli_find_day(mdli_watched_days *days, int32_t day, mdli_watched_day **out,
                         mdl_error *error)
{
    int64_t place = days->n_days; /* days mostly come in order */
    while (place > 0 && days->days[place - 1].day >= day) {
        place--;
    }
    if (place == days->n_days || days->days[place].day != day) {
        void *memory = days->days;
        MDLI_TRY(mdli_grow_array(days->context, &memory, &days->capacity, days->n_days,
                                 days->n_days + 1, sizeof *days->days, "watched days", error));
        days->days = memory;
        memmove(&days->days[place + 1], &days->days[place],
                (size_t)(days->n_days - place) * sizeof *days->days);
        days->days[place] =
            (mdli_watched_day){.day = day, .changed_at = -INFINITY, .not_before = -INFINITY};
        days->n_days++;
    }
    *out = &days->days[place];
    return MDL_OK;
}

/* Whether nothing new was seen of the file. What is ready stays so until somebody writes it. */
static bool is_known_as_it_is(const mdli_watched_file *file, const mdli_observed_file *observed)
{
    bool is_dealt_with = file->state == MDLI_FILE_TAKEN || file->state == MDLI_FILE_KEPT;
    bool is_ready = file->state == MDLI_FILE_READY && observed->writers != MDLI_WRITERS_SOME;
    return (is_dealt_with || is_ready) && mdli_same_identity(&file->identity, &observed->identity);
}

/* SETTLING goes on as it began while the file stays the same. */
static void settle(mdli_watched_file *file, const mdli_observed_file *observed,
                   double settle_seconds, double now)
{
    bool is_same = file->state == MDLI_FILE_SETTLING &&
                   mdli_same_identity(&file->identity, &observed->identity);
    double settled_at = now - observed->age_seconds + settle_seconds;
    file->settled_at = is_same && file->settled_at < settled_at ? file->settled_at : settled_at;
    file->state = now >= file->settled_at ? MDLI_FILE_READY : MDLI_FILE_SETTLING;
}

void mdli_day_take_in(mdli_watched_day *day, int32_t source, const mdli_observed_file *observed,
                      bool was_closed, double settle_seconds, double now)
{
    mdli_watched_file *file = &day->files[source];
    if (!observed->exists) {
        file->state = MDLI_FILE_ABSENT;
        return;
    }
    if (is_known_as_it_is(file, observed)) {
        return;
    }
    double changed_at = was_closed ? now : now - observed->age_seconds;
    day->changed_at = changed_at > day->changed_at ? changed_at : day->changed_at;
    if (observed->writers == MDLI_WRITERS_SOME) {
        file->state = MDLI_FILE_WRITING;
    } else if (observed->writers == MDLI_WRITERS_NONE || was_closed) {
        file->state = MDLI_FILE_READY;
    } else {
        settle(file, observed, settle_seconds, now);
    }
    file->identity = observed->identity;
}

/* How far the files of a day have come. */
typedef struct day_progress {
    int32_t n_ready;
    int32_t n_coming; /* being written, or settling */
    bool is_complete;
} day_progress;

static day_progress progress_of(const mdli_watched_day *day)
{
    day_progress progress = {.is_complete = true};
    for (int32_t s = 0; s < MDL_WATCH_FILES_MAX; s++) {
        mdli_file_state state = day->files[s].state;
        bool is_coming = state == MDLI_FILE_WRITING || state == MDLI_FILE_SETTLING;
        bool was_seen = (day->seen_before >> s & 1) != 0;
        progress.n_ready += state == MDLI_FILE_READY;
        progress.n_coming += is_coming;
        progress.is_complete &= state == MDLI_FILE_READY || (was_seen && !is_coming);
    }
    return progress;
}

mdli_watched_day *mdli_find_due_day(const mdli_watched_days *days, double batch_wait_seconds,
                                    double now, double *wake_at)
{
    *wake_at = INFINITY;
    for (int64_t i = 0; i < days->n_days; i++) {
        mdli_watched_day *day = &days->days[i];
        day_progress progress = progress_of(day);
        double waited_at = day->changed_at + batch_wait_seconds;
        if (progress.n_ready + progress.n_coming == 0 ||
            (progress.n_ready == 0 && now >= waited_at)) {
            continue; /* nothing to wait for, or nothing that is worth more waiting */
        }
        double due_at = progress.is_complete ? now : waited_at;
        due_at = due_at > day->not_before ? due_at : day->not_before;
        if (progress.n_ready > 0 && now >= due_at) {
            return day;
        }
        *wake_at = due_at;
        return NULL;
    }
    return NULL;
}

double mdli_next_settled_at(const mdli_watched_days *days)
{
    double earliest = INFINITY;
    for (int64_t i = 0; i < days->n_days; i++) {
        for (int32_t s = 0; s < MDL_WATCH_FILES_MAX; s++) {
            const mdli_watched_file *file = &days->days[i].files[s];
            if (file->state == MDLI_FILE_SETTLING && file->settled_at < earliest) {
                earliest = file->settled_at;
            }
        }
    }
    return earliest;
}

void mdli_free_days(mdli_watched_days *days)
{
    mdli_free(days->context, days->days);
    *days = (mdli_watched_days){.context = days->context};
}
