/* medallion history, clone, vacuum: the versions of a store. */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "session.h"
#include "table_cell.h"
#include "table_listing.h"
#include "table_view.h"

/* ---- history --------------------------------------------------------------------------------- */

enum {
    VERSION_COLUMNS = 9
};

/* Adds a row for a version. Of one whose manifest cannot be read it says why, and `*fault` keeps the
 * first such failure: the other versions are told all the same. */
static mdl_status add_version(session *s, int32_t index, mdl_table_builder *builder,
                              mdl_error *fault)
{
    mdl_store_version_info info;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_store_get_version(s->store, index, &info, &error);
    mdl_value row[VERSION_COLUMNS] = {listing_integer(info.version),
                                      listing_time(info.committed_at),
                                      listing_integer(info.n_tables),
                                      listing_integer(info.n_rows),
                                      listing_integer(info.new_bytes),
                                      listing_integer(info.size_bytes),
                                      listing_real((double)info.new_bytes / 1e6),
                                      listing_real((double)info.size_bytes / 1e6),
                                      listing_text(info.message)};
    if (status != MDL_OK) {
        for (int i = 1; i < VERSION_COLUMNS - 1; i++) {
            row[i].is_null = true;
        }
        row[VERSION_COLUMNS - 1] = listing_text(error.message);
        *fault = fault->status == MDL_OK ? error : *fault;
    }
    return listing_add(builder, row, VERSION_COLUMNS, &s->error);
}

static mdl_status list_versions(session *s, mdl_table **out, mdl_error *fault)
{
    static const mdl_field fields[VERSION_COLUMNS] = {
        {"version", MDL_TYPE_INT64},   {"committed_at", MDL_TYPE_TIMESTAMP},
        {"n_tables", MDL_TYPE_INT64},  {"n_rows", MDL_TYPE_INT64},
        {"new_bytes", MDL_TYPE_INT64}, {"size_bytes", MDL_TYPE_INT64},
        {"new_mb", MDL_TYPE_FLOAT64},  {"size_mb", MDL_TYPE_FLOAT64},
        {"message", MDL_TYPE_STRING}};
    mdl_table_builder *builder = NULL;
    mdl_status status =
        mdl_table_builder_create(s->context, fields, VERSION_COLUMNS, &builder, &s->error);
    for (int32_t i = 0; status == MDL_OK && i < mdl_store_n_versions(s->store); i++) {
        status = add_version(s, i, builder, fault);
    }
    if (status == MDL_OK) {
        status = mdl_table_builder_finish(builder, out, &s->error);
    }
    mdl_table_builder_free(builder);
    return status;
}

static exit_code run_history(const cli_settings *settings)
{
    static const table_view view = {.columns = "version, committed_at, new_mb, size_mb, message",
                                    .order_by = "-version",
                                    .limit = USUAL_LIMIT,
                                    .float_digits = 3};
    session s;
    mdl_table *versions = NULL;
    mdl_error fault = MDL_ERROR_INIT;
    mdl_status status = session_begin(&s, "history", settings, false);
    if (status == MDL_OK) {
        status = session_open_store(&s, STORE_READ);
    }
    if (status == MDL_OK) {
        status = list_versions(&s, &versions, &fault);
    }
    if (status == MDL_OK) {
        status = view_table(&s, versions, &view);
    }
    if (status == MDL_OK && fault.status != MDL_OK) {
        s.error = fault;
        status = fault.status;
    }
    mdl_table_free(versions);
    return session_close(&s, status);
}

static const option_group *const history_groups[] = {&store_options, &row_options,
                                                     &display_options};

const cli_command history_command = {
    .name = "history",
    .arguments = "--store DIR",
    .summary = "the versions of a store, newest first",
    .details = "Lists the versions that the store keeps: when each was committed, what it loaded, "
               "built and changed in snapshots, how much it added to the disk (new_mb, in "
               "1,000,000 bytes) and what all that it refers to takes there (size_mb). --format "
               "csv and json have more columns. A version whose manifest is damaged is listed with "
               "what is wrong with it, and the exit status is 1.",
    .max_arguments = 0,
    .data = STORE_ONLY,
    .groups = history_groups,
    .n_groups = 3,
    .run = run_history,
};

/* ---- clone ----------------------------------------------------------------------------------- */

static exit_code run_clone(const cli_settings *settings)
{
    session s;
    const char *to = settings->arguments[0];
    mdl_status status = session_begin(&s, "clone", settings, true);
    if (status == MDL_OK) {
        status = session_open_store(&s, STORE_READ);
    }
    if (status == MDL_OK) {
        status = mdl_store_clone(s.store, to, &s.error);
    }
    if (status == MDL_OK) {
        run_lines_note(&s.lines, "Cloned %s at version %" PRId64 " to %s", mdl_store_path(s.store),
                       mdl_store_version(s.store), to);
    }
    return session_close(&s, status);
}

static const option_group *const clone_groups[] = {&version_options, &display_options};

const cli_command clone_command = {
    .name = "clone",
    .arguments = "NEW_DIR --store DIR",
    .summary = "make a store that shares the files of another",
    .details = "Makes a new store in NEW_DIR, which must not be there or be empty, with the "
               "versions of DIR up to the one that is asked for. Files are linked, not copied, "
               "where both are on one file system; neither store can change what the other reads.",
    .min_arguments = 1,
    .max_arguments = 1,
    .data = STORE_ONLY,
    .groups = clone_groups,
    .n_groups = 2,
    .run = run_clone,
};

/* ---- vacuum ---------------------------------------------------------------------------------- */

static exit_code run_vacuum(const cli_settings *settings)
{
    session s;
    mdl_store_vacuum_info info = {0};
    mdl_status status = session_begin(&s, "vacuum", settings, true);
    if (status == MDL_OK && settings->n_kept == 0) {
        status = mdl_error_set(&s.error, MDL_E_ARGUMENT,
                               "vacuum needs --keep N: how many of the latest versions stay");
    }
    if (status == MDL_OK) {
        status = session_open_store(&s, STORE_CHANGE);
    }
    if (status == MDL_OK) {
        status = mdl_store_vacuum(s.store, (int32_t)settings->n_kept, &info, &s.error);
    }
    if (status == MDL_OK) {
        char versions[COUNTED_MAX], files[COUNTED_MAX], size[32];
        run_lines_note(&s.lines, "Dropped %s, removed %s, freed %s",
                       counted(info.n_versions_dropped, "version", versions),
                       counted(info.n_files_removed, "file", files),
                       size_text(info.bytes_freed, size));
    }
    return session_close(&s, status);
}

static const cli_option keep_option_table[] = {
    {.name = "--keep",
     .value_name = "N",
     .kind = OPTION_INTEGER,
     .offset = offsetof(cli_settings, n_kept),
     .integer_range = {1, INT32_MAX},
     .help = "how many of the latest versions stay"},
};
static const option_group keep_group = {"Versions", keep_option_table, 1};
static const option_group *const vacuum_groups[] = {&store_options, &keep_group, &display_options};

const cli_command vacuum_command = {
    .name = "vacuum",
    .arguments = "--store DIR --keep N",
    .summary = "drop old versions of a store, and what only they need",
    .details = "Drops all but the latest N versions and removes the files that none of these "
               "refers to, those of commits that were never finished included. The history of "
               "snapshots is not in versions and stays.",
    .max_arguments = 0,
    .data = STORE_ONLY,
    .groups = vacuum_groups,
    .n_groups = 3,
    .run = run_vacuum,
};
