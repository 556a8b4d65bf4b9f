/* medallion report: a store as one page to look at. */
#include "commands.h"
#include "report_data.h"
#include "report_page.h"
#include "session.h"
#include "whole_file.h"

static void put_pieces(text_output *output, const char *const *pieces)
{
    for (; *pieces != NULL; pieces++) {
        put_text(output, *pieces);
    }
}

static mdl_status write_page(session *s, const char *path, mdl_error *fault)
{
    whole_file file;
    mdl_status status = whole_file_begin(&file, path, &s->error);
    if (status == MDL_OK) {
        put_pieces(&file.output, report_page_head);
        status = write_report_data(s, &file.output, fault);
        put_pieces(&file.output, report_page_tail);
        status = whole_file_finish(&file, status, &s->error);
    }
    return status;
}

static exit_code run_report(const cli_settings *settings)
{
    session s;
    const char *path = settings->out_directory != NULL ? settings->out_directory : "report.html";
    mdl_error fault = MDL_ERROR_INIT;
    mdl_status status = session_open(&s, "report", settings, true, STORE_READ);
    if (status == MDL_OK) {
        status = write_page(&s, path, &fault);
    }
    if (status == MDL_OK) {
        run_lines_note(&s.lines, "Wrote %s", path);
    }
    if (status == MDL_OK && fault.status != MDL_OK) {
        s.error = fault;
        status = fault.status;
    }
    return session_close(&s, status);
}

static const cli_option report_option_table[] = {
    {.name = "--out",
     .value_name = "FILE",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, out_directory),
     .help = "where the page goes (default: report.html)"},
    {.name = "--title",
     .value_name = "TEXT",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, title),
     .help = "its heading (default: StreamFlix)"},
};
static const option_group report_group = {"Page", report_option_table, 2};
static const option_group *const report_groups[] = {&version_options, &report_group,
                                                    &display_options};

const cli_command report_command = {
    .name = "report",
    .arguments = "--store DIR",
    .summary = "a page with runs, tests, lineage and the marts",
    .details = "Writes one page of HTML that needs nothing else, no network either: the last runs "
               "and what ran when, results of the data quality tests, lineage, rows over time, "
               "documentation of all columns, the top of each mart, charts, and what the "
               "snapshots saw change. A version whose manifest is damaged is shown with what is "
               "wrong with it, and the exit status is 1.",
    .max_arguments = 0,
    .data = STORE_ONLY,
    .groups = report_groups,
    .n_groups = 3,
    .run = run_report,
};
