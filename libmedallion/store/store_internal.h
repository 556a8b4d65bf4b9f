/*
 * What the files of a store's code share.
 *
 *   store.c          opening, closing, what is told of versions and tables
 *   store_files.c    names of files, CURRENT, manifests, the lock, listing
 *   store_read.c     blocks and dictionaries from segments; tables; the check
 *   store_parts.c    blocks whose bytes come in parts, when they are asked for
 *   store_commit.c   making a version
 *   segment_writer.c what of its bytes is new, and the segment of that
 *   store_vacuum.c   dropping versions
 *   store_clone.c    a store that shares files
 *   stored_version.c, manifest.c  a version in memory and as bytes
 */
#ifndef MDLI_STORE_STORE_INTERNAL_H
#define MDLI_STORE_STORE_INTERNAL_H

#include "medallion/store.h"

#include "base/file_system.h"
#include "store/stored_version.h"

/*
 * The version at hand, and what of it is in memory.
 *
 * `blocks` and `dictionaries` run parallel to the version's lists and hold references, or NULL.
 * They are why a block that two tables show is in memory once. What nobody else refers to is let go
 * at the next call that reads or commits.
 */
typedef struct mdli_segment_file mdli_segment_file;
typedef struct mdli_loaded_version {
    mdli_version version;
    mdli_block **blocks;
    mdli_dictionary **dictionaries;
    mdli_segment_file *
        *files; /* by segment: those that are open for blocks that read parts, or NULL */
} mdli_loaded_version;

struct mdl_store {
    mdl_context *context;
    const mdli_file_system *files;
    char *path;
    bool is_read_only;
    bool is_in_doubt; /* a commit failed where it may have succeeded; see store_commit.c */
    int lock;         /* the file that a writer has locked; −1 = none */
    int version_lock; /* the manifest that a reader has locked; −1 = none */
    mdli_loaded_version at_hand;
    /* Numbers of the versions that are kept, up to the one at hand, rising. */
    int64_t n_versions;
    int64_t *versions;
    char *told_message; /* what mdl_store_get_version gave last */
};

/* As mdl_store_open on other files than the system's. */
mdl_status mdli_store_open_with(mdl_context *context, const mdli_file_system *files,
                                const char *path, const mdl_store_options *options, mdl_store **out,
                                mdl_error *error);

/* MDL_E_STATE for a store that was opened for reading, or is in doubt. */
mdl_status mdli_store_check_writable(const mdl_store *store, mdl_error *error);

/*
 * Names of files.
 */

/* Bytes of the longest name below the folder of a store, with the slash and the NUL. */
#define MDLI_STORE_NAME_BYTES_MAX 64

#define MDLI_CURRENT_NAME      "CURRENT"
#define MDLI_CURRENT_NEW_NAME  "CURRENT.new"
#define MDLI_LOCK_NAME         "lock"
#define MDLI_VERSIONS_NAME     "versions"
#define MDLI_SEGMENTS_NAME     "segments"
#define MDLI_MANIFEST_NEW_NAME "versions/new"
#define MDLI_SEGMENT_NEW_NAME  "segments/new"

/* A path in a store's folder; as short as needed, in one piece of memory. */
typedef struct mdli_store_path {
    mdl_context *context;
    char *text;
    size_t folder_bytes; /* of the folder and the slash */
} mdli_store_path;

mdl_status mdli_store_path_init(mdli_store_path *path, mdl_context *context, const char *folder,
                                mdl_error *error);
void mdli_store_path_free(mdli_store_path *path);

/* Set the path and give its text, which lives until the next call. */
const char *mdli_store_path_to(mdli_store_path *path, const char *name);
const char *mdli_store_path_to_manifest(mdli_store_path *path, int64_t number);
const char *mdli_store_path_to_segment(mdli_store_path *path, const mdli_segment_id *id);

/* The number in the name of a manifest; 0 = it is not such a name. */
int64_t mdli_manifest_number(const char *name);
/* Whether it is the name of a segment, and which. */
bool mdli_segment_name_id(const char *name, mdli_segment_id *id);

/*
 * Files.
 */

/* Reads CURRENT: MDL_E_FILE_NOT_FOUND where there is none. */
mdl_status mdli_store_read_current(mdl_context *context, const mdli_file_system *files,
                                   const char *folder, int64_t *number, mdl_error *error);

/* Makes version `number` the latest, at once and for good. `*may_be_done` tells after a failure
 * that it may have become so. */
mdl_status mdli_store_write_current(mdl_context *context, const mdli_file_system *files,
                                    const char *folder, int64_t number, bool *may_be_done,
                                    mdl_error *error);

/* Gives a synced file the name that a path has, for good, in one of the folders of the store; the
 * path is that of the folder then. `*had_name` tells whether a file had the name before. */
mdl_status mdli_store_give_name(const mdli_file_system *files, const char *from,
                                mdli_store_path *to, const char *folder, bool *had_name,
                                mdl_error *error);

/* Reads a manifest into an initialised version; MDL_E_FILE_NOT_FOUND where there is none. */
mdl_status mdli_store_read_version(const mdli_file_system *files, const char *folder,
                                   int64_t number, mdli_version *version, mdl_error *error);

/* The versions in a folder up to `last`, rising; to be freed with mdli_free. */
mdl_status mdli_store_list_versions(mdl_context *context, const mdli_file_system *files,
                                    const char *folder, int64_t last, int64_t **numbers,
                                    int64_t *n_numbers, mdl_error *error);

/*
 * Makes the folders of a store where there are none, in a folder that is empty or holds nothing but
 * what an earlier attempt left; MDL_E_ARGUMENT for one that holds something else. Not CURRENT.
 */
mdl_status mdli_store_make_folders(mdl_context *context, const mdli_file_system *files,
                                   const char *folder, mdl_error *error);

/* Locks a store for writing, waiting so long for another writer. */
mdl_status mdli_store_lock(mdl_context *context, const mdli_file_system *files, const char *folder,
                           double wait_seconds, int *lock, mdl_error *error);

/*
 * Removes a file that nobody needs any more. `info` adds up what that frees and may be NULL; a
 * failure is told through `error`, which may be NULL too.
 */
mdl_status mdli_store_remove(const mdli_file_system *files, const char *path,
                             mdl_store_vacuum_info *info, mdl_error *error);

/* Removes what unfinished commits left, and all segments but those in `live`, which is sorted. */
mdl_status mdli_store_remove_leftovers(mdl_store *store, const mdli_segment_id *live,
                                       int64_t n_live, mdl_store_vacuum_info *info,
                                       mdl_error *error);

int mdli_compare_segment_ids(const void *a, const void *b);

/* Opens a segment, and checks that it is the one that is meant, and whole. */
mdl_status mdli_store_open_segment(const mdli_file_system *files, const mdli_segment *segment,
                                   const char *path, int *file, mdl_error *error);

/* "SEGMENT is damaged: table T, column C, block 3: WHAT". */
mdl_status mdli_error_damaged_block(mdl_error *error, const char *path, const char *table,
                                    const char *column, int32_t block, int64_t offset_bytes,
                                    const char *what);

/*
 * Blocks whose bytes come in parts.
 */

/* A column that is shown, for messages; reference-counted. */
typedef struct mdli_column_place mdli_column_place;

mdl_status mdli_column_place_create(mdl_context *context, const char *table, const char *column,
                                    mdli_column_place **out, mdl_error *error);
/* Accept NULL. */
void mdli_column_place_release(mdli_column_place *place);
void mdli_segment_file_release(mdli_segment_file *file);

/* Gives the open file of a segment of a version, which it stays the version's to release; NULL
 * where so many are open that blocks of this one are to be read as a whole. */
mdl_status mdli_segment_file_open(mdli_loaded_version *loaded, const mdl_store *store,
                                  int32_t segment, mdli_segment_file **out, mdl_error *error);

/* Hands the open files of a version to another that has the same segments. */
void mdli_loaded_version_pass_files(mdli_loaded_version *from, mdli_loaded_version *to);

/* Makes the bytes of a block come from a piece that has checksums of its parts. The block is number
 * `number` of its column. */
mdl_status mdli_read_in_parts(mdli_block *block, const mdli_piece *piece,
                              mdli_segment_file *segment, mdli_column_place *place, int32_t number,
                              mdl_error *error);

/*
 * Versions in memory.
 */

/* Makes `blocks` and `dictionaries` for a version that is filled in, all NULL. */
mdl_status mdli_loaded_version_prepare(mdli_loaded_version *loaded, mdl_error *error);
void mdli_loaded_version_clear(mdli_loaded_version *loaded);

/* Lets go of what nobody else refers to. */
void mdli_loaded_version_prune(mdli_loaded_version *loaded);

#endif
