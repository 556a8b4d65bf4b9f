/*
 * Moving files that were dealt with out of the watched folder.
 */
#ifndef MDLI_WATCH_FILE_MOVES_H
#define MDLI_WATCH_FILE_MOVES_H

#include <stdbool.h>

#include "medallion/status.h"
#include "watch/observed_file.h"

/* A watched folder: a descriptor for calls, its path for messages. */
typedef struct mdli_folder {
    int descriptor;
    const char *path;
} mdli_folder;

/*
 * Moves a file to a subfolder, which is made if need be, and never over another file: `.2`, `.3` …
 * is added to its name. `report`, if not NULL, is written beside it, before it is moved. A file that
 * is not `identity` any more, or is gone, is left: `*was_moved` tells.
 */
mdl_status mdli_move_file(const mdli_folder *folder, const char *name,
                          const mdli_file_identity *identity, const char *subfolder,
                          const char *report, bool *was_moved, mdl_error *error);

#endif
