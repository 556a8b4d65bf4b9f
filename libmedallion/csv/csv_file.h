/*
 * A file that appears whole or not at all: it is written under another name beside its place,
 * synced, and renamed.
 */
#ifndef MDLI_CSV_CSV_FILE_H
#define MDLI_CSV_CSV_FILE_H

#include <stdint.h>

#include "medallion/context.h"

typedef struct mdli_csv_file {
    mdl_context *context;
    const char *path;
    char *temporary_path;
    int descriptor;
} mdli_csv_file;

/* Starts the file; `path` must live as long as it. */
mdl_status mdli_csv_file_create(mdl_context *context, const char *path, mdli_csv_file *out,
                                mdl_error *error);

/* The mdl_write_fn of the file that `user_data` points to. */
int mdli_csv_file_write(void *user_data, const char *bytes, int64_t size_bytes);

/* Ends a file that was created. It gets its place if `status`, what writing answered, is MDL_OK;
 * else nothing is left of it. Returns `status`, or the failure to end it. */
mdl_status mdli_csv_file_close(mdli_csv_file *file, mdl_status status, mdl_error *error);

#endif
