/*
 * What the system says of a file in the watched folder: whether it is the same as before, and
 * whether somebody is writing it.
 */
#ifndef MDLI_WATCH_OBSERVED_FILE_H
#define MDLI_WATCH_OBSERVED_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/status.h"

/* By which a file is known again: another file, or other content, differs in one of these. */
typedef struct mdli_file_identity {
    uint64_t device;
    uint64_t inode;
    int64_t size_bytes;
    int64_t modified_ns;
} mdli_file_identity;

typedef enum mdli_writers {
    MDLI_WRITERS_NONE = 0,
    MDLI_WRITERS_SOME = 1,
    MDLI_WRITERS_UNKNOWN = 2
} mdli_writers;

typedef struct mdli_observed_file {
    bool exists; /* and is a regular file */
    mdli_file_identity identity;
    mdli_writers writers;
    double age_seconds; /* since it was written, renamed or linked; not negative */
} mdli_observed_file;

bool mdli_same_identity(const mdli_file_identity *a, const mdli_file_identity *b);

/* The identity of a file: 0, or an errno; ENOENT also for what is no regular file. */
int mdli_identify_file(int folder, const char *name, mdli_file_identity *out);

/* Looks at file `name` of the folder that descriptor `folder` is open on. Never fails: what cannot
 * be found out is unknown. */
mdli_observed_file mdli_observe_file(int folder, const char *name);

#endif
