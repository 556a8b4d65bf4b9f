/* medallion show: rows of a table. */
#include "commands.h"
#include "session.h"
#include "system_tables.h"
#include "table_view.h"

/* The rows of a history that were valid at the time that was asked for. */
static mdl_status read_as_of(session *s, const char *name, const mdl_table *history,
                             mdl_table **table)
{
    if (mdl_warehouse_find_snapshot(s->warehouse, name) == NULL) {
        return mdl_error_set(&s->error, MDL_E_ARGUMENT,
                             "--as-of is for snapshots, which %s is not; --at-version shows any "
                             "table as it was in an older version of the store",
                             name);
    }
    return mdl_snapshot_as_of(s->context, history, s->settings->as_of.seconds, table, &s->error);
}

static mdl_status find_table(session *s, mdl_table **table)
{
    const char *name = s->settings->arguments[0];
    const char *const *paths = s->settings->arguments + 1;
    int n_paths = s->settings->n_arguments - 1;
    if (is_system_table(name)) {
        return get_system_table(s, name, paths, n_paths, table);
    }
    const mdl_table *found = NULL;
    mdl_status status = session_get_table(s, name, paths, n_paths, &found);
    if (status == MDL_OK && s->settings->as_of.is_set) {
        return read_as_of(s, name, found, table);
    }
    if (status == MDL_OK) {
        *table = mdl_table_clone(found);
    }
    return status;
}

static exit_code run_show(const cli_settings *settings)
{
    session s;
    mdl_table *table = NULL;
    mdl_status status = session_open(&s, "show", settings, false, STORE_READ);
    if (status == MDL_OK) {
        status = find_table(&s, &table);
    }
    if (status == MDL_OK) {
        bool is_log = is_system_table(settings->arguments[0]);
        status = view_table(&s, table,
                            &(table_view){.limit = USUAL_LIMIT, .float_digits = is_log ? 3 : -1});
    }
    mdl_table_free(table);
    return session_close(&s, status);
}

static const cli_option as_of_option_table[] = {
    {.name = "--as-of",
     .value_name = "TIME",
     .kind = OPTION_TIME,
     .offset = offsetof(cli_settings, as_of),
     .help = "of a snapshot: the rows that were valid at 'YYYY-MM-DD HH:MM:SS', UTC"},
};
static const option_group as_of_group = {"History", as_of_option_table, 1};
static const option_group *const show_groups[] = {&row_options, &version_options, &as_of_group,
                                                  &load_options, &display_options};

const cli_command show_command = {
    .name = "show",
    .arguments = "TABLE (DATA... | --store DIR)",
    .summary = "print rows of a source, a model, a snapshot, or a log",
    .details =
        "Prints rows of TABLE: from the store, as it was last built, or from DATA (folders or "
        "files, as for build), which is loaded and TABLE built from it. 'medallion ls' lists the "
        "tables. Four more tell of the work itself: loads (files), rejects (bad records, and why; "
        "of DATA it implies --on-error skip), and from a store runs and run_tasks.",
    .min_arguments = 1,
    .max_arguments = -1,
    .data = DATA_OR_STORE,
    .groups = show_groups,
    .n_groups = 5,
    .run = run_show,
};
