/* Folders that results are written to. */
#ifndef MEDALLION_CLI_FOLDERS_H
#define MEDALLION_CLI_FOLDERS_H

#include "medallion/status.h"

/* Makes a folder and those above it, where they are not there. */
mdl_status make_folders(const char *path, mdl_error *error);

/* Removes a file that an earlier run has left, if there is one. */
mdl_status remove_stale_file(const char *path, mdl_error *error);

/* Room for the path of a file in a folder that make_folders takes. */
#define FILE_PATH_MAX 4608

#endif
