/* dbt's artifacts of a run as files. */
#ifndef MEDALLION_CLI_ARTIFACT_FILES_H
#define MEDALLION_CLI_ARTIFACT_FILES_H

#include "session.h"

/* Writes manifest.json, catalog.json and, of a session that ran something, run_results.json to a
 * folder, which is made if need be. */
mdl_status write_artifacts(session *s, const char *folder, mdl_error *error);

#endif
