/*
 * The operations on files that a store is made of, as a table of functions: the system's own, or a
 * test's that fails, or that forgets what was not synced.
 *
 * Every function answers a negative errno when it fails. Files are the numbers that `open` gave.
 * All may be called from several threads at once.
 */
#ifndef MDLI_BASE_FILE_SYSTEM_H
#define MDLI_BASE_FILE_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/context.h"

typedef struct mdli_file_info {
    bool is_folder;
    int64_t size_bytes;
    int64_t n_links;
    uint64_t device;
    uint64_t inode;
} mdli_file_info;

/* Told each name in a folder; not 0 ends the listing. */
typedef int (*mdli_visit_name_fn)(void *data, const char *name);

typedef struct mdli_file_system {
    void *data;
    /* `flags` as for open(2). */
    int (*open)(void *data, const char *path, int flags);
    void (*close)(void *data, int file);
    /* How many bytes were read or written, which may be fewer; 0 = the file ends. */
    int64_t (*read_at)(void *data, int file, void *to, int64_t size_bytes, int64_t offset_bytes);
    int64_t (*write_at)(void *data, int file, const void *from, int64_t size_bytes,
                        int64_t offset_bytes);
    /* What was written to a file, or which names a folder has, is on disk afterwards. */
    int (*sync)(void *data, int file);
    int (*sync_folder)(void *data, const char *path);
    /* A lock on the file that ends with its last descriptor, exclusive or shared; -EWOULDBLOCK
     * where another descriptor has one that does not go with it. */
    int (*lock)(void *data, int file, bool is_exclusive);
    int (*file_info)(void *data, int file, mdli_file_info *info);
    int (*path_info)(void *data, const char *path, mdli_file_info *info);
    int (*rename)(void *data, const char *from, const char *to);
    int (*link)(void *data, const char *from, const char *to);
    int (*remove)(void *data, const char *path);
    int (*make_folder)(void *data, const char *path);
    int (*remove_folder)(void *data, const char *path);
    /* All names but "." and ".."; gives what `visit` gave last. */
    int (*list)(void *data, const char *path, mdli_visit_name_fn visit, void *visit_data);
} mdli_file_system;

/* The system's files. */
const mdli_file_system *mdli_file_system_real(void);

/*
 * The same with errors that name the path.
 */

mdl_status mdli_file_open(const mdli_file_system *files, const char *path, int flags, int *file,
                          mdl_error *error);

/* Reads bytes that must be there; `*n_read` is less than `size_bytes` only where the file ends. */
mdl_status mdli_file_read(const mdli_file_system *files, int file, const char *path, void *to,
                          int64_t size_bytes, int64_t offset_bytes, int64_t *n_read,
                          mdl_error *error);

mdl_status mdli_file_write(const mdli_file_system *files, int file, const char *path,
                           const void *from, int64_t size_bytes, int64_t offset_bytes,
                           mdl_error *error);

mdl_status mdli_file_sync(const mdli_file_system *files, int file, const char *path,
                          mdl_error *error);

mdl_status mdli_folder_sync(const mdli_file_system *files, const char *path, mdl_error *error);

/* Makes a file of these bytes, or empties and fills the one there is, and syncs it; not its name. */
mdl_status mdli_file_write_whole(const mdli_file_system *files, const char *path, const void *bytes,
                                 int64_t size_bytes, mdl_error *error);

/* Reads a file of at most `size_max` bytes, to be freed with mdli_free. */
mdl_status mdli_file_read_whole(const mdli_file_system *files, mdl_context *context,
                                const char *path, int64_t size_max, void **bytes,
                                int64_t *size_bytes, mdl_error *error);

mdl_status mdli_file_rename(const mdli_file_system *files, const char *from, const char *to,
                            mdl_error *error);

/* Makes a folder unless there is one. */
mdl_status mdli_folder_make(const mdli_file_system *files, const char *path, mdl_error *error);

#endif
