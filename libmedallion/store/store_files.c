/*
 * The files of a store.
 *
 *   CURRENT                 the number of the latest version
 *   lock                    locked by who writes
 *   versions/7.manifest     all that version 7 consists of
 *   segments/0f…9a.segment  blocks and dictionaries that one commit wrote
 *
 * Files are never changed: a new one is written under another name, synced and renamed, and then
 * its folder is synced.
 */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/parallel.h"

/*
 * Names.
 */

mdl_status mdli_store_path_init(mdli_store_path *path, mdl_context *context, const char *folder,
                                mdl_error *error)
{
    const size_t size = strlen(folder);
    void *memory;
    *path = (mdli_store_path){.context = context};
    MDLI_TRY(mdli_allocate(context, size + 1 + MDLI_STORE_NAME_BYTES_MAX, "path", &memory, error));
    path->text = memory;
    memcpy(path->text, folder, size);
    path->text[size] = '/';
    path->folder_bytes = size + 1;
    return MDL_OK;
}

void mdli_store_path_free(mdli_store_path *path)
{
    mdli_free(path->context, path->text);
    path->text = NULL;
}

const char *mdli_store_path_to(mdli_store_path *path, const char *name)
{
    snprintf(path->text + path->folder_bytes, MDLI_STORE_NAME_BYTES_MAX, "%s", name);
    return path->text;
}

const char *mdli_store_path_to_manifest(mdli_store_path *path, int64_t number)
{
    snprintf(path->text + path->folder_bytes, MDLI_STORE_NAME_BYTES_MAX,
             MDLI_VERSIONS_NAME "/%" PRId64 ".manifest", number);
    return path->text;
}

const char *mdli_store_path_to_segment(mdli_store_path *path, const mdli_segment_id *id)
{
    snprintf(path->text + path->folder_bytes, MDLI_STORE_NAME_BYTES_MAX,
             MDLI_SEGMENTS_NAME "/%016" PRIx64 "%016" PRIx64 ".segment", id->high, id->low);
    return path->text;
}

int64_t mdli_manifest_number(const char *name)
{
    char expected[MDLI_STORE_NAME_BYTES_MAX];
    const int64_t number = strtoll(name, NULL, 10);
    snprintf(expected, sizeof expected, "%" PRId64 ".manifest", number);
    return number > 0 && strcmp(name, expected) == 0 ? number : 0;
}

bool mdli_segment_name_id(const char *name, mdli_segment_id *id)
{
    char expected[MDLI_STORE_NAME_BYTES_MAX];
    char half[17] = "";
    if (strlen(name) < 32) {
        return false;
    }
    memcpy(half, name, 16);
    id->high = strtoull(half, NULL, 16);
    memcpy(half, name + 16, 16);
    id->low = strtoull(half, NULL, 16);
    snprintf(expected, sizeof expected, "%016" PRIx64 "%016" PRIx64 ".segment", id->high, id->low);
    return strcmp(name, expected) == 0;
}

int mdli_compare_segment_ids(const void *a, const void *b)
{
    const mdli_segment_id *x = a;
    const mdli_segment_id *y = b;
    if (x->high != y->high) {
        return x->high < y->high ? -1 : 1;
    }
    return (x->low > y->low) - (x->low < y->low);
}

/*
 * CURRENT and manifests.
 */

mdl_status mdli_store_read_current(mdl_context *context, const mdli_file_system *files,
                                   const char *folder, int64_t *number, mdl_error *error)
{
    mdli_store_path path;
    void *bytes = NULL;
    int64_t size_bytes;
    mdl_status status;
    MDLI_TRY(mdli_store_path_init(&path, context, folder, error));
    mdli_store_path_to(&path, MDLI_CURRENT_NAME);
    /* One byte more than it has, so that a longer file is seen. */
    MDLI_TRY_GOTO_DONE(mdli_file_read_whole(files, context, path.text, MDLI_CURRENT_BYTES + 1,
                                            &bytes, &size_bytes, error));
    MDLI_TRY_GOTO_DONE(mdli_current_decode(bytes, size_bytes, path.text, number, error));
done:
    mdli_free(context, bytes);
    mdli_store_path_free(&path);
    return status;
}

mdl_status mdli_store_write_current(mdl_context *context, const mdli_file_system *files,
                                    const char *folder, int64_t number, bool *may_be_done,
                                    mdl_error *error)
{
    mdli_store_path from;
    mdli_store_path to = {.text = NULL};
    uint8_t bytes[MDLI_CURRENT_BYTES];
    mdl_status status;
    *may_be_done = false;
    mdli_current_encode(number, bytes);
    MDLI_TRY(mdli_store_path_init(&from, context, folder, error));
    mdli_store_path_to(&from, MDLI_CURRENT_NEW_NAME);
    MDLI_TRY_GOTO_DONE(mdli_store_path_init(&to, context, folder, error));
    mdli_store_path_to(&to, MDLI_CURRENT_NAME);
    status = mdli_file_write_whole(files, from.text, bytes, sizeof bytes, error);
    if (status == MDL_OK) {
        status = mdli_file_rename(files, from.text, to.text, error);
        *may_be_done = status == MDL_OK;
    }
    if (status == MDL_OK) {
        status = mdli_folder_sync(files, folder, error);
    } else {
        mdli_store_remove(files, from.text, NULL, NULL);
    }
done:
    mdli_store_path_free(&from);
    mdli_store_path_free(&to);
    return status;
}

mdl_status mdli_store_read_version(const mdli_file_system *files, const char *folder,
                                   int64_t number, mdli_version *version, mdl_error *error)
{
    mdl_context *context = version->arena.context;
    mdli_store_path path;
    void *bytes = NULL;
    int64_t size_bytes;
    mdl_status status;
    MDLI_TRY(mdli_store_path_init(&path, context, folder, error));
    mdli_store_path_to_manifest(&path, number);
    MDLI_TRY_GOTO_DONE(mdli_file_read_whole(files, context, path.text, MDLI_MANIFEST_BYTES_MAX,
                                            &bytes, &size_bytes, error));
    MDLI_TRY_GOTO_DONE(mdli_manifest_decode(bytes, size_bytes, path.text, version, error));
    if (version->number != number) {
        status = mdli_error_damaged(error, path.text, "it is the manifest of version %lld",
                                    (long long)version->number);
    }
done:
    mdli_free(context, bytes);
    mdli_store_path_free(&path);
    return status;
}

mdl_status mdli_store_give_name(const mdli_file_system *files, const char *from,
                                mdli_store_path *to, const char *folder, bool *had_name,
                                mdl_error *error)
{
    mdli_file_info info;
    *had_name = files->path_info(files->data, to->text, &info) == 0;
    MDLI_TRY(mdli_file_rename(files, from, to->text, error));
    return mdli_folder_sync(files, mdli_store_path_to(to, folder), error);
}

/*
 * Listing.
 */

typedef struct version_list {
    mdl_context *context;
    int64_t last;
    void *numbers;
    int64_t n;
    int64_t capacity;
    mdl_status status;
    mdl_error *error;
} version_list;

static int note_version(void *data, const char *name)
{
    version_list *list = data;
    const int64_t number = mdli_manifest_number(name);
    if (number == 0 || number > list->last) {
        return 0;
    }
    list->status = mdli_grow_array(list->context, &list->numbers, &list->capacity, list->n,
                                   list->n + 1, sizeof number, "store", list->error);
    if (list->status != MDL_OK) {
        return 1;
    }
    ((int64_t *)list->numbers)[list->n++] = number;
    return 0;
}

static int compare_numbers(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

mdl_status mdli_store_list_versions(mdl_context *context, const mdli_file_system *files,
                                    const char *folder, int64_t last, int64_t **numbers,
                                    int64_t *n_numbers, mdl_error *error)
{
    version_list list = {.context = context, .last = last, .status = MDL_OK, .error = error};
    mdli_store_path path;
    *numbers = NULL;
    *n_numbers = 0;
    MDLI_TRY(mdli_store_path_init(&path, context, folder, error));
    mdli_store_path_to(&path, MDLI_VERSIONS_NAME);
    const int result = files->list(files->data, path.text, note_version, &list);
    if (result < 0) {
        list.status = mdli_error_system(error, -result, "list", path.text);
    }
    mdli_store_path_free(&path);
    if (list.status != MDL_OK) {
        mdli_free(context, list.numbers);
        return list.status;
    }
    if (list.n > 0) {
        qsort(list.numbers, (size_t)list.n, sizeof(int64_t), compare_numbers);
    }
    *numbers = list.numbers;
    *n_numbers = list.n;
    return MDL_OK;
}

/*
 * A new store.
 */

/* A name in a folder that no store has there. */
typedef struct foreign_name {
    char text[128]; /* "" = none */
} foreign_name;

static int find_foreign(void *data, const char *name)
{
    static const char *const own[] = {MDLI_CURRENT_NEW_NAME, MDLI_LOCK_NAME, MDLI_VERSIONS_NAME,
                                      MDLI_SEGMENTS_NAME};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcmp(name, own[i]) == 0) {
            return 0;
        }
    }
    foreign_name *found = data;
    mdli_escape_text(name, strlen(name), found->text, sizeof found->text);
    return 1;
}

/* The folder that a folder is in; "." and "/" where the path has no other. */
static mdl_status copy_parent(mdl_context *context, const char *folder, char **parent,
                              mdl_error *error)
{
    MDLI_TRY(mdli_copy_text(context, folder[0] != '\0' ? folder : ".", parent, error));
    char *text = *parent;
    size_t size = strlen(text);
    while (size > 1 && text[size - 1] == '/') {
        size--;
    }
    while (size > 0 && text[size - 1] != '/') {
        size--;
    }
    while (size > 1 && text[size - 1] == '/') {
        size--;
    }
    if (size == 0) {
        text[size++] = '.';
    }
    text[size] = '\0';
    return MDL_OK;
}

mdl_status mdli_store_make_folders(mdl_context *context, const mdli_file_system *files,
                                   const char *folder, mdl_error *error)
{
    mdli_store_path path = {.text = NULL};
    char *parent = NULL;
    foreign_name foreign = {.text = ""};
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdli_folder_make(files, folder, error));
    const int result = files->list(files->data, folder, find_foreign, &foreign);
    if (result == -ENOTDIR) {
        status = mdl_error_set(error, MDL_E_ARGUMENT, "%s is not a folder", folder);
        goto done;
    }
    if (result < 0) {
        status = mdli_error_system(error, -result, "list", folder);
        goto done;
    }
    if (foreign.text[0] != '\0') {
        status =
            mdl_error_set(error, MDL_E_ARGUMENT, "%s holds something else than a store, such as %s",
                          folder, foreign.text);
        goto done;
    }
    MDLI_TRY_GOTO_DONE(mdli_store_path_init(&path, context, folder, error));
    MDLI_TRY_GOTO_DONE(
        mdli_folder_make(files, mdli_store_path_to(&path, MDLI_VERSIONS_NAME), error));
    MDLI_TRY_GOTO_DONE(
        mdli_folder_make(files, mdli_store_path_to(&path, MDLI_SEGMENTS_NAME), error));
    MDLI_TRY_GOTO_DONE(copy_parent(context, folder, &parent, error));
    MDLI_TRY_GOTO_DONE(mdli_folder_sync(files, folder, error));
    MDLI_TRY_GOTO_DONE(mdli_folder_sync(files, parent, error));
done:
    mdli_free(context, parent);
    mdli_store_path_free(&path);
    return status;
}

/*
 * The lock.
 */

/* Tells who has the lock, as far as the file says. */
static mdl_status say_locked(const mdli_file_system *files, int lock, const char *folder,
                             mdl_error *error)
{
    char text[24] = "";
    int64_t n_read;
    if (mdli_file_read(files, lock, folder, text, sizeof text - 1, 0, &n_read, NULL) == MDL_OK &&
        strtoll(text, NULL, 10) > 0) {
        return mdl_error_set(error, MDL_E_STATE, "%s is being written by process %lld", folder,
                             strtoll(text, NULL, 10));
    }
    return mdl_error_set(error, MDL_E_STATE, "%s is being written by another process", folder);
}

/* Takes the lock of an open file, or waits for it. */
static mdl_status take_lock(mdl_context *context, const mdli_file_system *files, int lock,
                            const char *path, const char *folder, double wait_seconds,
                            mdl_error *error)
{
    static const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    const double end = mdli_seconds_now() + wait_seconds;
    for (;;) {
        const int result = files->lock(files->data, lock, true);
        if (result == 0) {
            return MDL_OK;
        }
        if (result != -EWOULDBLOCK) {
            return mdli_error_system(error, -result, "lock", path);
        }
        if (mdli_seconds_now() >= end) {
            return say_locked(files, lock, folder, error);
        }
        MDLI_TRY(mdli_check_cancel(context, error));
        nanosleep(&pause, NULL);
    }
}

mdl_status mdli_store_lock(mdl_context *context, const mdli_file_system *files, const char *folder,
                           double wait_seconds, int *lock, mdl_error *error)
{
    mdli_store_path path;
    *lock = -1;
    MDLI_TRY(mdli_store_path_init(&path, context, folder, error));
    mdli_store_path_to(&path, MDLI_LOCK_NAME);
    int file;
    mdl_status status = mdli_file_open(files, path.text, O_RDWR | O_CREAT, &file, error);
    if (status == MDL_OK) {
        status = take_lock(context, files, file, path.text, folder, wait_seconds, error);
        if (status == MDL_OK) {
            /* For the message of who finds the lock taken; the lock is there without it. */
            char text[24];
            const int size = snprintf(text, sizeof text, "%-20lld\n", (long long)getpid());
            mdli_file_write(files, file, path.text, text, size, 0, NULL);
            *lock = file;
        } else {
            files->close(files->data, file);
        }
    }
    mdli_store_path_free(&path);
    return status;
}

/*
 * Removing.
 */

mdl_status mdli_store_remove(const mdli_file_system *files, const char *path,
                             mdl_store_vacuum_info *info, mdl_error *error)
{
    mdli_file_info file;
    const bool is_known = files->path_info(files->data, path, &file) == 0;
    const int result = files->remove(files->data, path);
    if (result == -ENOENT) {
        return MDL_OK;
    }
    if (result < 0) {
        return mdli_error_system(error, -result, "remove", path);
    }
    if (info != NULL) {
        info->n_files_removed++;
        /* A file that a clone has too stays on disk. */
        info->bytes_freed += is_known && file.n_links == 1 ? file.size_bytes : 0;
    }
    return MDL_OK;
}

/* What is removed from one of the folders of a store. */
typedef struct leftover_search {
    mdl_store *store;
    mdli_store_path path;
    const char *folder;
    const char *new_name; /* of a file that is being written */
    const mdli_segment_id *live;
    int64_t n_live;
    mdl_store_vacuum_info *info;
    mdl_status status;
    mdl_error *error;
} leftover_search;

static bool is_leftover(const leftover_search *search, const char *name)
{
    mdli_segment_id id;
    if (strcmp(name, search->new_name) == 0) {
        return true;
    }
    if (mdli_manifest_number(name) > search->store->at_hand.version.number) {
        return true;
    }
    return mdli_segment_name_id(name, &id) &&
           (search->n_live == 0 || bsearch(&id, search->live, (size_t)search->n_live, sizeof id,
                                           mdli_compare_segment_ids) == NULL);
}

static int remove_leftover(void *data, const char *name)
{
    leftover_search *search = data;
    if (is_leftover(search, name)) {
        char text[MDLI_STORE_NAME_BYTES_MAX];
        snprintf(text, sizeof text, "%s%s", search->folder, name);
        search->status =
            mdli_store_remove(search->store->files, mdli_store_path_to(&search->path, text),
                              search->info, search->error);
    }
    return search->status != MDL_OK;
}

/* Removes from one folder; "" = the store's own. */
static mdl_status remove_from_folder(leftover_search *search, const char *folder,
                                     const char *prefix, const char *new_name)
{
    const mdli_file_system *files = search->store->files;
    search->folder = prefix;
    search->new_name = new_name;
    MDLI_TRY(mdli_store_path_init(&search->path, search->store->context, search->store->path,
                                  search->error));
    char *listed;
    mdl_status status = mdli_copy_text(
        search->store->context, mdli_store_path_to(&search->path, folder), &listed, search->error);
    if (status == MDL_OK) {
        const int result = files->list(files->data, listed, remove_leftover, search);
        status =
            result < 0 ? mdli_error_system(search->error, -result, "list", listed) : search->status;
        mdli_free(search->store->context, listed);
    }
    mdli_store_path_free(&search->path);
    return status;
}

mdl_status mdli_store_remove_leftovers(mdl_store *store, const mdli_segment_id *live,
                                       int64_t n_live, mdl_store_vacuum_info *info,
                                       mdl_error *error)
{
    leftover_search search = {.store = store,
                              .live = live,
                              .n_live = n_live,
                              .info = info,
                              .status = MDL_OK,
                              .error = error};
    MDLI_TRY(remove_from_folder(&search, ".", "", MDLI_CURRENT_NEW_NAME));
    MDLI_TRY(remove_from_folder(&search, MDLI_VERSIONS_NAME, MDLI_VERSIONS_NAME "/", "new"));
    return remove_from_folder(&search, MDLI_SEGMENTS_NAME, MDLI_SEGMENTS_NAME "/", "new");
}

mdl_status mdli_store_open_segment(const mdli_file_system *files, const mdli_segment *segment,
                                   const char *path, int *file, mdl_error *error)
{
    *file = files->open(files->data, path, O_RDONLY);
    if (*file == -ENOENT) {
        return mdli_error_damaged(error, path, "it is not there");
    }
    if (*file < 0) {
        return mdli_error_system(error, -*file, "open", path);
    }
    uint8_t header[MDLI_SEGMENT_HEADER_BYTES] = {0};
    int64_t n_read;
    mdli_file_info info;
    mdl_status status =
        mdli_file_read(files, *file, path, header, sizeof header, 0, &n_read, error);
    if (status == MDL_OK) {
        status = mdli_segment_header_decode(header, &segment->id, path, error);
    }
    if (status == MDL_OK) {
        const int result = files->file_info(files->data, *file, &info);
        if (result < 0) {
            status = mdli_error_system(error, -result, "read", path);
        } else if (info.size_bytes != segment->size_bytes) {
            status = mdli_error_damaged(error, path, "it has %lld bytes and should have %lld",
                                        (long long)info.size_bytes, (long long)segment->size_bytes);
        }
    }
    if (status != MDL_OK) {
        files->close(files->data, *file);
    }
    return status;
}

mdl_status mdli_error_damaged_block(mdl_error *error, const char *path, const char *table,
                                    const char *column, int32_t block, int64_t offset_bytes,
                                    const char *what)
{
    if (error != NULL && error->status == MDL_OK) {
        char shown_table[128];
        mdli_escape_text(column, strlen(column), error->column, sizeof error->column);
        mdli_escape_text(table, strlen(table), shown_table, sizeof shown_table);
        error->offset_bytes = offset_bytes;
        return mdli_error_damaged(error, path, "table %s, column %s, block %d: %s", shown_table,
                                  error->column, (int)block, what);
    }
    return MDL_E_CORRUPT;
}
