/*
 * What a commit says of itself where the caller does not.
 */
#ifndef MDLI_WAREHOUSE_COMMIT_MESSAGE_H
#define MDLI_WAREHOUSE_COMMIT_MESSAGE_H

#include "warehouse/warehouse_internal.h"

typedef struct mdli_commit_message {
    char text[512];   /* "run 3: loaded 2 files (1,234 rows), built 12 models" */
    int64_t last_run; /* of the log; 0 = none */
} mdli_commit_message;

/* Tells what was loaded and run since the last commit. */
mdl_status mdli_make_commit_message(const mdl_warehouse *warehouse, mdli_commit_message *out,
                                    mdl_error *error);

#endif
