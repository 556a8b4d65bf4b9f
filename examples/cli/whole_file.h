/* A file that is there whole or not at all: it is written beside its place and renamed. */
#ifndef MEDALLION_CLI_WHOLE_FILE_H
#define MEDALLION_CLI_WHOLE_FILE_H

#include "folders.h"
#include "medallion/status.h"
#include "text_output.h"

typedef struct whole_file {
    const char *path;              /* borrowed */
    char temporary[FILE_PATH_MAX]; /* where it is until it is finished */
    text_output output;
} whole_file;

/* Starts a file. After a success it must be finished. */
mdl_status whole_file_begin(whole_file *file, const char *path, mdl_error *error);

/* Puts the file in its place when `status`, what the writing came to, is MDL_OK and nothing else
 * failed; removes it otherwise. Answers the first failure. */
mdl_status whole_file_finish(whole_file *file, mdl_status status, mdl_error *error);

#endif
