/* Tables about the work itself: what was loaded, what was rejected, what was run. */
#ifndef MEDALLION_CLI_SYSTEM_TABLES_H
#define MEDALLION_CLI_SYSTEM_TABLES_H

#include <stdbool.h>

#include "session.h"

enum {
    N_SYSTEM_TABLES = 4
};

/* loads, rejects, run_tasks, runs */
extern const char *const system_table_names[N_SYSTEM_TABLES];

bool is_system_table(const char *name);

/* Gives the system table `name` of the store, or of files that are loaded now; those have no runs.
 * `*out` is to be freed with mdl_table_free. */
mdl_status get_system_table(session *s, const char *name, const char *const *paths, int n_paths,
                            mdl_table **out);

#endif
