/* medallion diff: what a snapshot would change, without changing it. */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "session.h"
#include "table_cell.h"
#include "table_view.h"

static mdl_status find_snapshot(session *s, const char *name, const mdl_snapshot **snapshot)
{
    const mdl_model *model = NULL;
    *snapshot = mdl_warehouse_find_snapshot(s->warehouse, name);
    if (*snapshot != NULL) {
        return MDL_OK;
    }
    mdl_status status = session_find_model(s, name, &model);
    return status != MDL_OK
               ? status
               : mdl_error_set(&s->error, MDL_E_ARGUMENT,
                               "%s is no snapshot; 'medallion ls' lists snapshots too", name);
}

/* On top of what the store holds, which stays as it is. */
static mdl_status build_current(session *s, const char *table)
{
    char select[256];
    snprintf(select, sizeof select, "+%s", table);
    mdl_status status = session_load(s, s->settings->arguments + 1, s->settings->n_arguments - 1,
                                     (mdl_on_error)s->settings->on_error);
    return status == MDL_OK ? session_build_tables(s, select) : status;
}

static void tell_counts(session *s, const mdl_snapshot *snapshot, mdl_snapshot_counts counts)
{
    const struct {
        const char *name;
        int64_t count;
    } all[] = {{"inserted", counts.n_inserted},     {"changed", counts.n_changed},
               {"deleted", counts.n_deleted},       {"missing", counts.n_missing},
               {"reappeared", counts.n_reappeared}, {"unchanged", counts.n_unchanged}};
    run_lines_tell(&s->lines, "%s of %s, by %s:", snapshot->name, snapshot->table, snapshot->key);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char digits[32];
        run_lines_tell(&s->lines, "%14s %s", grouped_digits(all[i].count, digits), all[i].name);
    }
}

static mdl_status diff(session *s)
{
    const mdl_snapshot *snapshot = NULL;
    mdl_snapshot_changes *changes = NULL;
    mdl_table *table = NULL;
    mdl_hard_deletes hard_deletes = (mdl_hard_deletes)s->settings->hard_deletes;
    mdl_status status = find_snapshot(s, s->settings->arguments[0], &snapshot);
    if (status == MDL_OK) {
        status = build_current(s, snapshot->table);
    }
    if (status == MDL_OK) {
        status = mdl_warehouse_diff_snapshot(s->warehouse, snapshot->name,
                                             s->settings->hard_deletes >= 0 ? &hard_deletes : NULL,
                                             &changes, &s->error);
    }
    if (status == MDL_OK) {
        tell_counts(s, snapshot, mdl_snapshot_changes_counts(changes));
        status = mdl_snapshot_changes_table(changes, -1, &table, &s->error);
    }
    if (status == MDL_OK) {
        status = view_table(s, table, &(table_view){.limit = USUAL_LIMIT, .float_digits = -1});
    }
    mdl_table_free(table);
    mdl_snapshot_changes_free(changes);
    return status;
}

static exit_code run_diff(const cli_settings *settings)
{
    session s;
    mdl_status status = session_open(&s, "diff", settings, false, STORE_READ);
    if (status == MDL_OK) {
        status = diff(&s);
    }
    return session_close(&s, status);
}

static const cli_option diff_option_table[] = {
    {.name = "--hard-deletes",
     .value_name = "MODE",
     .kind = OPTION_CHOICE,
     .offset = offsetof(cli_settings, hard_deletes),
     .choices = hard_deletes_choices,
     .help = "what would become of keys that are gone: ignore (as declared), invalidate, "
             "new_record"},
};
static const option_group diff_group = {"Snapshots", diff_option_table, 1};
static const option_group *const diff_groups[] = {&version_options, &diff_group, &row_options,
                                                  &load_options, &display_options};

const cli_command diff_command = {
    .name = "diff",
    .arguments = "SNAPSHOT [DATA...] --store DIR",
    .summary = "what a snapshot would change, without changing it",
    .details =
        "Builds the table of SNAPSHOT from DATA on top of what the store holds, compares it "
        "with the history in the store, and prints what taking the snapshot would change: "
        "counts, and a row for each key that is new, gone or back, and for each check column "
        "that differs, with the old and the new value. The store stays as it is.",
    .min_arguments = 1,
    .max_arguments = -1,
    .data = STORE_ONLY,
    .groups = diff_groups,
    .n_groups = 5,
    .run = run_diff,
};
