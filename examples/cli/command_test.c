/* medallion test: the data quality tests alone. */
#include "commands.h"
#include "failing_rows.h"
#include "notification.h"
#include "session.h"

/* Loads and builds what is to be tested; only the tests' results are to be told. */
static mdl_status build_data(session *s)
{
    const cli_settings *settings = s->settings;
    mdl_status status = session_load(s, settings->arguments, settings->n_arguments,
                                     (mdl_on_error)settings->on_error);
    return status == MDL_OK ? session_build_tables(s, NULL) : status;
}

static exit_code run_test(const cli_settings *settings)
{
    session s;
    store_access access = settings->at_version > 0 ? STORE_READ : STORE_CHANGE;
    mdl_hard_deletes hard_deletes;
    mdl_status status = session_open(&s, "test", settings, true, access);
    if (status == MDL_OK) {
        status = prepare_failing_rows(&s);
    }
    if (status == MDL_OK && s.store == NULL) {
        status = build_data(&s);
    }
    if (status == MDL_OK) {
        mdl_build_options options = session_run_options(&s, &hard_deletes);
        status = mdl_warehouse_test(s.warehouse, &options, &s.run, &s.error);
        status = session_commit(&s, status);
        status = put_failing_rows(&s, status);
    }
    notify_of_run(&s, status, NULL);
    return session_close(&s, status);
}

static const option_group *const test_groups[] = {
    &version_options, &select_options, &failure_options, &notify_options,
    &run_options,     &load_options,   &display_options};

const cli_command test_command = {
    .name = "test",
    .arguments = "(DATA... | --store DIR)",
    .summary = "run the data quality tests",
    .details = "Tests the tables of the store as they were last built, or loads DATA (folders or "
               "files, as for build), builds everything, and tests that. A test of severity error "
               "that fails gives exit status 1, a warning does not. With a store the run enters "
               "its log, unless an older version is tested.",
    .max_arguments = -1,
    .data = DATA_OR_STORE,
    .groups = test_groups,
    .n_groups = 7,
    .run = run_test,
};
