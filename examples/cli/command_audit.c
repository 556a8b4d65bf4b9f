/* medallion audit: bronze written back, compared with each file that was loaded. */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "display_text.h"
#include "folders.h"
#include "session.h"
#include "table_cell.h"

/* What the audit tells so far. */
typedef struct audit_report {
    session *s;
    int32_t n_files, n_told;
    double told_seconds; /* when the last file was told */
} audit_report;

static void tell_file(void *data, const mdl_audit_result *result)
{
    audit_report *report = data;
    const mdl_load_info *load = result->load;
    char label[512], outcome[256], written[32], loaded[32];
    double now = monotonic_seconds();
    snprintf(label, sizeof label, "%s %s from %s", mdl_layer_name(MDL_LAYER_BRONZE), load->source,
             file_name_of(load->path));
    if (!result->is_reproducible) {
        snprintf(outcome, sizeof outcome, "columns of it were left out when it was loaded");
    } else if (!result->is_equal) {
        snprintf(outcome, sizeof outcome, "%s bytes written, %s loaded; not the same",
                 grouped_digits(result->size_bytes, written),
                 grouped_digits(load->size_bytes, loaded));
    } else {
        snprintf(outcome, sizeof outcome, "the same %s bytes in %.2fs",
                 grouped_digits(result->size_bytes, written), now - report->told_seconds);
    }
    bool is_good = result->is_reproducible && result->is_equal;
    report->n_told++;
    run_lines_entry(&report->s->lines, report->n_told, report->n_files, is_good ? "OK" : "FAIL",
                    is_good ? color_good : color_bad, label, outcome);
    report->told_seconds = now;
}

static int32_t count_files(const session *s)
{
    int32_t n = 0;
    for (int32_t i = 0; i < mdl_warehouse_n_loads(s->warehouse); i++) {
        n += !mdl_warehouse_load_info(s->warehouse, i)->already_loaded;
    }
    return n;
}

/* Every block of the store has a checksum; files are proved by what is in them. */
static mdl_status check_store(session *s)
{
    mdl_status status = s->store != NULL ? mdl_store_check(s->store, &s->error) : MDL_OK;
    if (status == MDL_OK && s->store != NULL) {
        run_lines_note(&s->lines, "Every block of version %" PRId64 " of %s has its checksum",
                       mdl_store_version(s->store), mdl_store_path(s->store));
    }
    return status;
}

static mdl_status audit(session *s)
{
    int32_t n_different = 0;
    audit_report report = {.s = s, .n_files = count_files(s), .told_seconds = monotonic_seconds()};
    mdl_audit_options options;
    mdl_audit_options_init(&options);
    options.out_directory = s->settings->out_directory;
    options.file_finished = tell_file;
    options.user_data = &report;
    mdl_status status = check_store(s);
    if (status == MDL_OK) {
        status = mdl_warehouse_audit(s->warehouse, &options, &n_different, &s->error);
    }
    if (status != MDL_OK) {
        return status;
    }
    char files[COUNTED_MAX];
    if (n_different > 0) {
        return mdl_error_set(&s->error, MDL_E_DATA,
                             "%" PRId32 " of %s could not be written back byte for byte",
                             n_different, counted(report.n_told, "file", files));
    }
    run_lines_note(&s->lines, "%s written back byte for byte%s%s",
                   counted(report.n_told, "file", files),
                   options.out_directory != NULL ? " to " : "",
                   options.out_directory != NULL ? options.out_directory : "");
    return MDL_OK;
}

static exit_code run_audit(const cli_settings *settings)
{
    session s;
    mdl_status status = session_open(&s, "audit", settings, true, STORE_READ);
    if (status == MDL_OK && settings->out_directory != NULL) {
        status = make_folders(settings->out_directory, &s.error);
    }
    if (status == MDL_OK && s.store == NULL) {
        status = session_load(&s, settings->arguments, settings->n_arguments,
                              (mdl_on_error)settings->on_error);
    }
    if (status == MDL_OK) {
        status = audit(&s);
    }
    return session_close(&s, status);
}

static const cli_option audit_option_table[] = {
    {.name = "--out",
     .value_name = "DIR",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, out_directory),
     .help = "keep the files that are written, in DIR"},
};
static const option_group audit_group = {"Output", audit_option_table, 1};
static const option_group *const audit_groups[] = {&version_options, &audit_group, &load_options,
                                                   &display_options};

const cli_command audit_command = {
    .name = "audit",
    .arguments = "(DATA... | --store DIR)",
    .summary = "prove that every loaded file can be had back, byte for byte",
    .details = "Writes every file that was loaded back from the sources and compares it with what "
               "was read, by size and XXH3-128. With a store it first checks every block of it. "
               "Exit status 1 when a file differs.",
    .max_arguments = -1,
    .data = DATA_OR_STORE,
    .groups = audit_groups,
    .n_groups = 4,
    .run = run_audit,
};
