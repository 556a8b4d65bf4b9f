/* What commands that work on data have in common: a context, a store, a warehouse, loading, building,
 * testing, reporting, and one way to end with the right exit status. */
#ifndef MEDALLION_CLI_SESSION_H
#define MEDALLION_CLI_SESSION_H

#include "medallion/medallion.h"
#include "options.h"
#include "run_lines.h"
#include "table_printer.h"
#include "text_output.h"

/* What a command does with its --store, if it has one. */
typedef enum store_access {
    STORE_READ = 0,   /* reads it, at the version that was asked for; readers are never blocked */
    STORE_CHANGE = 1, /* adds to one that is there */
    STORE_CREATE = 2  /* likewise, and makes one that is not */
} store_access;

typedef struct session {
    const cli_settings *settings;
    const char *command;
    mdl_context *context;
    mdl_store *store; /* NULL without --store */
    mdl_warehouse *warehouse;
    int32_t n_loads_before; /* loads that the store told, not this session */
    mdl_run *run;           /* NULL before something was built or tested */
    bool told_counts;
    bool was_committed; /* what it came to is in the store */
    mdl_error error;
    run_lines lines;
    text_output output; /* standard output */
    double begin_seconds;
    char begin_time[32]; /* UTC */
} session;

/* Makes a context; for commands that need no tables. Must be closed, also after a failure.
 * `show_lines`: false = on standard error only what went wrong. */
mdl_status session_begin(session *s, const char *command, const cli_settings *settings,
                         bool show_lines);

/* Opens the --store, if there is one. */
mdl_status session_open_store(session *s, store_access access);

/* All of that, and a warehouse, over the store if there is one. Must be closed, also after a
 * failure. */
mdl_status session_open(session *s, const char *command, const cli_settings *settings,
                        bool show_lines, store_access access);

/* The settings of a load that the command line asks for. */
mdl_load_options session_load_options(const session *s, mdl_on_error on_error);

/* Loads files and folders. Then movies and ratings must be there, from these or earlier loads. */
mdl_status session_load(session *s, const char *const *paths, int n_paths, mdl_on_error on_error);

/* The settings of a run that the command line asks for. `hard_deletes` must live as long as them. */
mdl_build_options session_run_options(session *s, mdl_hard_deletes *hard_deletes);

/* Builds and tests what `options` say. */
mdl_status session_build(session *s, const mdl_build_options *options);

/* Builds what `select` names (NULL = all) as a means to show or test it: no tests, no snapshots, no
 * lines. */
mdl_status session_build_tables(session *s, const char *select);

/* Gets table `name`: from the store, or else from files that are loaded and models that are built.
 * It lives until the next load or build. */
mdl_status session_get_table(session *s, const char *name, const char *const *paths, int n_paths,
                             const mdl_table **table);

/* Puts what the session did in the store, also what a failed or cancelled run left, and tells the
 * new version. `status` is what the run came to and what it answers when that works. */
mdl_status session_commit(session *s, mdl_status status);

/* The declaration of the table; else an error that suggests the nearest name. */
mdl_status session_find_model(session *s, const char *name, const mdl_model **model);

/* How tables look on standard output; `fallback_width` counts when that is no terminal, 0 = no
 * limit. */
table_style session_table_style(const session *s, int64_t fallback_width);

/* Tells what the run came to, unless that was told already. */
void session_tell_counts(session *s);

/* The exit status that a status stands for. */
exit_code exit_code_of(mdl_status status);

/* Tells what the run came to and what went wrong, if anything did, writes the --json report, and
 * frees everything. */
exit_code session_close(session *s, mdl_status status);

#endif
