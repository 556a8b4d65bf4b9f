/*
 * What a commit says of itself, made from the logs.
 */
#include "warehouse/commit_message.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "warehouse/run_internal.h"

/* What was done since the last commit. */
typedef struct deeds {
    int64_t first_run; /* of those since then */
    mdli_last_run last;
    int64_t n_files;
    int64_t n_rows;
    int64_t n_rejected;
    int64_t n_built;
    int64_t n_reused;
    int64_t n_snapshots;
    int64_t n_tests;
    mdl_snapshot_counts changes; /* of the snapshots */
} deeds;

static mdl_status count_task(void *data, const mdli_logged_task *task, mdl_error *error)
{
    (void)error;
    deeds *done = data;
    if (task->run_id >= done->first_run) {
        bool is_success = mdli_is_text(task->state, mdl_run_state_name(MDL_RUN_SUCCESS));
        bool is_model = mdli_is_text(task->kind, mdl_task_kind_name(MDL_TASK_MODEL));
        done->n_built += is_success && is_model && !task->is_reused;
        done->n_reused += is_success && is_model && task->is_reused;
        done->n_snapshots +=
            is_success && mdli_is_text(task->kind, mdl_task_kind_name(MDL_TASK_SNAPSHOT));
        done->n_tests += mdli_is_text(task->kind, mdl_task_kind_name(MDL_TASK_TEST));
    }
    return MDL_OK;
}

static mdl_status find_deeds(const mdl_warehouse *warehouse, deeds *done, mdl_error *error)
{
    *done = (deeds){.first_run = warehouse->last_run_committed + 1, .changes = warehouse->changes};
    for (int64_t i = warehouse->n_loads_committed; i < warehouse->n_loads; i++) {
        done->n_files += !warehouse->loads[i].already_loaded;
        done->n_rows += warehouse->loads[i].n_rows;
        done->n_rejected += warehouse->loads[i].n_rejected;
    }
    MDLI_TRY(mdli_run_log_last(warehouse, &done->last, error));
    return mdli_run_log_visit(warehouse, count_task, done, error);
}

/* A message in the making. */
typedef struct message {
    mdli_commit_message *out;
    size_t used;
    const char *separator; /* before the next part */
} message;

MDL_PRINTF(2, 3) static void add_part(message *m, const char *format, ...)
{
    size_t size_bytes = sizeof m->out->text;
    m->used += (size_t)snprintf(m->out->text + m->used, size_bytes - m->used, "%s", m->separator);
    va_list arguments;
    va_start(arguments, format);
    m->used += (size_t)vsnprintf(m->out->text + m->used, size_bytes - m->used, format, arguments);
    va_end(arguments);
    /* Every part has numbers and fixed words, and there is room for all of them. */
    assert(m->used < size_bytes);
    m->separator = ", ";
}

/* A number, or a number of things. */
typedef struct count_text {
    char text[64];
} count_text;

/* With commas between thousands: "1,234". */
static count_text grouped(int64_t n)
{
    char digits[24];
    count_text count;
    char *out = count.text;
    int n_digits = snprintf(digits, sizeof digits, "%lld", (long long)n);
    for (int i = 0; i < n_digits; i++) {
        *out++ = digits[i];
        if ((n_digits - i) % 3 == 1 && i + 1 < n_digits) {
            *out++ = ',';
        }
    }
    *out = '\0';
    return count;
}

/* "1,234 rows". */
static count_text count_of(int64_t n, const char *thing)
{
    count_text count = grouped(n);
    size_t used = strlen(count.text);
    snprintf(count.text + used, sizeof count.text - used, " %s%s", thing, n == 1 ? "" : "s");
    return count;
}

/* "took 3 snapshots (1,234 inserted, 5 changed)". */
static void add_snapshots(const deeds *done, message *m)
{
    const struct {
        int64_t n;
        const char *what;
    } changes[] = {{done->changes.n_inserted, "inserted"},
                   {done->changes.n_changed, "changed"},
                   {done->changes.n_deleted, "deleted"},
                   {done->changes.n_reappeared, "reappeared"}};
    bool has_changes = false;
    add_part(m, "took %s", count_of(done->n_snapshots, "snapshot").text);
    m->separator = " (";
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        if (changes[i].n > 0) {
            add_part(m, "%s %s", grouped(changes[i].n).text, changes[i].what);
            has_changes = true;
        }
    }
    m->separator = "";
    add_part(m, has_changes ? ")" : " (nothing changed)");
}

/* "built 5 models, reused 7". */
static void add_models(const deeds *done, message *m)
{
    if (done->n_built > 0) {
        add_part(m, "built %s", count_of(done->n_built, "model").text);
    }
    if (done->n_reused > 0 && done->n_built > 0) {
        add_part(m, "reused %s", grouped(done->n_reused).text);
    } else if (done->n_reused > 0) {
        add_part(m, "reused %s", count_of(done->n_reused, "model").text);
    }
}

/* "run 3: loaded 2 files (1,234 rows), built 12 models, took 3 snapshots (5 changed)". */
static void write_message(const deeds *done, message *m)
{
    bool has_run = done->last.id >= done->first_run;
    if (has_run && done->last.id == done->first_run) {
        add_part(m, "run %lld", (long long)done->last.id);
    } else if (has_run) {
        add_part(m, "runs %lld to %lld", (long long)done->first_run, (long long)done->last.id);
    }
    m->separator = has_run ? ": " : "";
    if (done->n_files > 0) {
        add_part(m, "loaded %s (%s%s%s)", count_of(done->n_files, "file").text,
                 count_of(done->n_rows, "row").text, done->n_rejected > 0 ? ", rejected " : "",
                 done->n_rejected > 0 ? grouped(done->n_rejected).text : "");
    }
    if (has_run && done->last.has_failed) {
        add_part(m, "failed");
    } else if (done->n_built + done->n_reused > 0) {
        add_models(done, m);
    } else if (done->n_tests > 0) {
        add_part(m, "ran %s", count_of(done->n_tests, "test").text);
    }
    if (done->n_snapshots > 0 && !done->last.has_failed) {
        add_snapshots(done, m);
    }
    if (m->used == 0) {
        add_part(m, "nothing new");
    }
}

mdl_status mdli_make_commit_message(const mdl_warehouse *warehouse, mdli_commit_message *out,
                                    mdl_error *error)
{
    deeds done;
    message m = {.out = out, .separator = ""};
    MDLI_TRY(find_deeds(warehouse, &done, error));
    write_message(&done, &m);
    out->last_run = done.last.id;
    return MDL_OK;
}
