/* What commands that work on data have in common: a context and a warehouse, loading, building,
 * reporting, and one way to end with the right exit status. */
#ifndef MEDALLION_CLI_SESSION_H
#define MEDALLION_CLI_SESSION_H

#include "medallion/medallion.h"
#include "options.h"
#include "run_lines.h"
#include "table_printer.h"
#include "text_output.h"

typedef struct session {
    const cli_settings *settings;
    const char *command;
    mdl_context *context;
    mdl_warehouse *warehouse;
    mdl_run *run; /* NULL before something was built */
    bool told_counts;
    mdl_error error;
    run_lines lines;
    text_output output; /* standard output */
    double begin_seconds;
    char begin_time[32]; /* UTC */
} session;

/* Must be closed, also after a failure. `show_lines`: false = on standard error only what went
 * wrong. */
mdl_status session_open(session *s, const char *command, const cli_settings *settings,
                        bool show_lines);

/* Loads files and folders; movies and ratings must be among them. */
mdl_status session_load(session *s, const char *const *paths, int n_paths, mdl_on_error on_error);

/* Builds what `select` names, NULL = all. */
mdl_status session_build(session *s, const char *select);

/* Loads files and builds what table `name` needs, if it is not a source. */
mdl_status session_build_table(session *s, const char *name, const char *const *paths, int n_paths);

/* The declaration of the table; else an error that suggests the nearest name. */
mdl_status session_find_model(session *s, const char *name, const mdl_model **model);

/* How tables look on standard output; `fallback_width` counts when that is no terminal, 0 = no
 * limit. */
table_style session_table_style(const session *s, int64_t fallback_width);

/* Tells what the run came to, unless that was told already. */
void session_tell_counts(session *s);

/* Tells what the run came to and what went wrong, if anything did, writes the --json report, and
 * frees everything. */
exit_code session_close(session *s, mdl_status status);

#endif
