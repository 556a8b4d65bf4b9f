/*
 * Files in memory, for tests of what a store makes of failures.
 *
 * They know what was synced. A crash keeps of everything else what the test says: nothing, all, or
 * parts: names without their bytes, bytes of which some sectors are old, zero, or cut off. An
 * operation can be told to fail, alone or with all that follow, and the disk to be full.
 */
#ifndef TESTS_FAKE_FILES_H
#define TESTS_FAKE_FILES_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_system.h"
#include "support/random.h"

enum {
    FAKE_NAMES_MAX = 256,
    FAKE_FILES_MAX = 64,
    FAKE_PATH_BYTES = 128,
    FAKE_SECTOR_BYTES = 512
};

/* The bytes of a file. */
typedef struct fake_bytes {
    uint8_t *bytes;
    int64_t size;
} fake_bytes;

typedef struct fake_inode {
    fake_bytes now;
    fake_bytes synced;
    int n_shared; /* locks */
    int n_exclusive;
} fake_inode;

typedef enum fake_kind {
    FAKE_NONE = 0,
    FAKE_FILE = 1,
    FAKE_FOLDER = 2
} fake_kind;

/* What a path names, now and as far as it was synced. */
typedef struct fake_name {
    char path[FAKE_PATH_BYTES];
    fake_kind now;
    int now_inode;
    fake_kind synced;
    int synced_inode;
} fake_name;

typedef struct fake_open_file {
    int inode; /* −1 = not open */
    bool is_shared;
    bool is_exclusive;
} fake_open_file;

typedef struct fake_files {
    pthread_mutex_t lock;
    fake_name names[FAKE_NAMES_MAX];
    int n_names;
    fake_inode inodes[FAKE_NAMES_MAX];
    int n_inodes;
    fake_open_file open_files[FAKE_FILES_MAX];
    int64_t n_operations; /* so far */
    int64_t fails_at;     /* the operation that fails; −1 = none */
    bool fails_on;        /* and so do all later ones, as for a process that is no more */
    int failure;          /* the errno */
    int64_t capacity;     /* of the disk; −1 = endless */
    bool has_no_links;
} fake_files;

/* Starts an operation: 0, or the failure that it is to have. */
static inline int fake_start(fake_files *files)
{
    const int64_t operation = files->n_operations++;
    if (files->fails_at >= 0 &&
        (operation == files->fails_at || (files->fails_on && operation > files->fails_at))) {
        return -files->failure;
    }
    return 0;
}

static inline fake_name *fake_find(fake_files *files, const char *path)
{
    for (int i = 0; i < files->n_names; i++) {
        if (strcmp(files->names[i].path, path) == 0) {
            return &files->names[i];
        }
    }
    return NULL;
}

/* The entry of a path, made when there is none yet. */
static inline fake_name *fake_entry(fake_files *files, const char *path)
{
    fake_name *found = fake_find(files, path);
    if (found == NULL) {
        if (files->n_names == FAKE_NAMES_MAX || strlen(path) >= FAKE_PATH_BYTES) {
            abort();
        }
        found = &files->names[files->n_names++];
        *found = (fake_name){.now = FAKE_NONE};
        strcpy(found->path, path);
    }
    return found;
}

static inline bool fake_is_in(const char *path, const char *folder)
{
    const size_t size = strlen(folder);
    return strncmp(path, folder, size) == 0 && path[size] == '/' &&
           strchr(path + size + 1, '/') == NULL;
}

static inline bool fake_has_parent(fake_files *files, const char *path)
{
    char parent[FAKE_PATH_BYTES];
    strcpy(parent, path);
    *strrchr(parent, '/') = '\0';
    const fake_name *found = fake_find(files, parent);
    return parent[0] == '\0' || (found != NULL && found->now == FAKE_FOLDER);
}

static inline int fake_n_links(const fake_files *files, int inode)
{
    int n = 0;
    for (int i = 0; i < files->n_names; i++) {
        n += files->names[i].now == FAKE_FILE && files->names[i].now_inode == inode;
    }
    return n;
}

static inline void fake_resize(fake_bytes *bytes, int64_t size)
{
    if (size > bytes->size) {
        bytes->bytes = realloc(bytes->bytes, (size_t)size);
        memset(bytes->bytes + bytes->size, 0, (size_t)(size - bytes->size));
    }
    bytes->size = size;
}

static inline void fake_copy(fake_bytes *to, const fake_bytes *from)
{
    fake_resize(to, from->size);
    if (from->size > 0) {
        memcpy(to->bytes, from->bytes, (size_t)from->size);
    }
}

static inline int fake_open_locked(fake_files *files, const char *path, int flags)
{
    const int failure = fake_start(files);
    if (failure != 0) {
        return failure;
    }
    int file = 0;
    while (file < FAKE_FILES_MAX && files->open_files[file].inode >= 0) {
        file++;
    }
    fake_name *name = fake_find(files, path);
    if (file == FAKE_FILES_MAX) {
        return -EMFILE;
    }
    if (name == NULL || name->now == FAKE_NONE) {
        if ((flags & O_CREAT) == 0 || !fake_has_parent(files, path)) {
            return -ENOENT;
        }
        name = fake_entry(files, path);
        name->now = FAKE_FILE;
        name->now_inode = files->n_inodes++;
        if (files->n_inodes > FAKE_NAMES_MAX) {
            abort();
        }
    }
    if (name->now == FAKE_FOLDER) {
        return -EISDIR;
    }
    if ((flags & O_TRUNC) != 0) {
        fake_resize(&files->inodes[name->now_inode].now, 0);
    }
    files->open_files[file] = (fake_open_file){.inode = name->now_inode};
    return file;
}

static inline int fake_open(void *data, const char *path, int flags)
{
    fake_files *files = data;
    pthread_mutex_lock(&files->lock);
    const int result = fake_open_locked(files, path, flags);
    pthread_mutex_unlock(&files->lock);
    return result;
}

static inline void fake_close(void *data, int file)
{
    fake_files *files = data;
    pthread_mutex_lock(&files->lock);
    fake_open_file *open_file = &files->open_files[file];
    if (open_file->inode < 0) {
        abort();
    }
    files->inodes[open_file->inode].n_shared -= open_file->is_shared;
    files->inodes[open_file->inode].n_exclusive -= open_file->is_exclusive;
    open_file->inode = -1;
    pthread_mutex_unlock(&files->lock);
}

static inline int64_t fake_read_at(void *data, int file, void *to, int64_t size_bytes,
                                   int64_t offset_bytes)
{
    fake_files *files = data;
    pthread_mutex_lock(&files->lock);
    int64_t result = fake_start(files);
    const fake_bytes *bytes = &files->inodes[files->open_files[file].inode].now;
    if (result == 0 && offset_bytes < bytes->size) {
        result = bytes->size - offset_bytes < size_bytes ? bytes->size - offset_bytes : size_bytes;
        memcpy(to, bytes->bytes + offset_bytes, (size_t)result);
    }
    pthread_mutex_unlock(&files->lock);
    return result;
}

static inline int64_t fake_used(const fake_files *files)
{
    int64_t used = 0;
    for (int i = 0; i < files->n_inodes; i++) {
        used += fake_n_links(files, i) > 0 ? files->inodes[i].now.size : 0;
    }
    return used;
}

static inline int64_t fake_write_at(void *data, int file, const void *from, int64_t size_bytes,
                                    int64_t offset_bytes)
{
    fake_files *files = data;
    pthread_mutex_lock(&files->lock);
    int64_t result = fake_start(files);
    if (result == 0) {
        fake_bytes *bytes = &files->inodes[files->open_files[file].inode].now;
        int64_t end = offset_bytes + size_bytes;
        const int64_t n_free =
            files->capacity < 0 ? INT64_MAX / 2 : files->capacity - fake_used(files);
        if (end > bytes->size && end - bytes->size > n_free) {
            end = bytes->size + (n_free > 0 ? n_free : 0);
        }
        result = end > offset_bytes ? end - offset_bytes : -ENOSPC;
        if (result > 0) {
            if (end > bytes->size) {
                fake_resize(bytes, end);
            }
            memcpy(bytes->bytes + offset_bytes, from, (size_t)result);
        }
    }
    pthread_mutex_unlock(&files->lock);
    return result;
}

static inline int fake_sync(void *data, int file)
{
    fake_files *files = data;
    pthread_mutex_lock(&files->lock);
    const int result = fake_start(files);
    if (result == 0) {
        fake_inode *inode = &files->inodes[files->open_files[file].inode];
        fake_copy(&inode->synced, &inode->now);
    }
    pthread_mutex_unlock(&files->lock);
    return result;
}

static inline int fake_sync_folder(void *data, const char *path)
{
    fake_files *files = data;
    pthread_mutex_lock(&files->lock);
    const int result = fake_start(files);
    for (int i = 0; result == 0 && i < files->n_names; i++) {
        fake_name *name = &files->names[i];
        if (fake_is_in(name->path, strcmp(path, "/") == 0 ? "" : path)) {
            name->synced = name->now;
            name->synced_inode = name->now_inode;
        }
    }
    pthread_mutex_unlock(&files->lock);
    return result;
}

static inline int fake_lock(void *data, int file, bool is_exclusive)
{
    fake_files *files = data;
    pthread_mutex_lock(&files->lock);
    int result = fake_start(files);
    fake_open_file *open_file = &files->open_files[file];
    fake_inode *inode = &files->inodes[open_file->inode];
    if (result == 0 && (inode->n_exclusive > 0 || (is_exclusive && inode->n_shared > 0))) {
        result = -EWOULDBLOCK;
    }
    if (result == 0) {
        open_file->is_exclusive = is_exclusive;
        open_file->is_shared = !is_exclusive;
        inode->n_exclusive += is_exclusive;
        inode->n_shared += !is_exclusive;
    }
    pthread_mutex_unlock(&files->lock);
    return result;
}

static inline void fake_fill_info(const fake_files *files, int inode, mdli_file_info *info)
{
    *info = (mdli_file_info){.size_bytes = files->inodes[inode].now.size,
                             .n_links = fake_n_links(files, inode),
                             .inode = (uint64_t)inode};
}

static inline int fake_file_info(void *data, int file, mdli_file_info *info)
{
    fake_files *files = data;
    pthread_mutex_lock(&files->lock);
    const int result = fake_start(files);
    if (result == 0) {
        fake_fill_info(files, files->open_files[file].inode, info);
    }
    pthread_mutex_unlock(&files->lock);
    return result;
}

static inline int fake_path_info(void *data, const char *path, mdli_file_info *info)
{
    fake_files *files = data;
    pthread_mutex_lock(&files->lock);
    int result = fake_start(files);
    const fake_name *name = fake_find(files, path);
    if (result == 0 && (name == NULL || name->now == FAKE_NONE)) {
        result = -ENOENT;
    }
    if (result == 0 && name->now == FAKE_FILE) {
        fake_fill_info(files, name->now_inode, info);
    } else if (result == 0) {
        *info = (mdli_file_info){.is_folder = true};
    }
    pthread_mutex_unlock(&files->lock);
    return result;
}

/* Both names at once. */
static inline int fake_give_name(fake_files *files, const char *from, const char *to, bool is_link)
{
    int result = fake_start(files);
    fake_name *source = fake_find(files, from);
    if (result == 0 &&
        (source == NULL || source->now != FAKE_FILE || !fake_has_parent(files, to))) {
        result = -ENOENT;
    }
    if (result == 0 && is_link && files->has_no_links) {
        result = -EXDEV;
    }
    if (result == 0) {
        const int inode = source->now_inode;
        fake_name *target = fake_entry(files, to);
        if (is_link && target->now != FAKE_NONE) {
            return -EEXIST;
        }
        target->now = FAKE_FILE;
        target->now_inode = inode;
        source->now = is_link ? FAKE_FILE : FAKE_NONE;
    }
    return result;
}

static inline int fake_rename(void *data, const char *from, const char *to)
{
    fake_files *files = data;
    pthread_mutex_lock(&files->lock);
    const int result = fake_give_name(files, from, to, false);
    pthread_mutex_unlock(&files->lock);
    return result;
}

static inline int fake_link(void *data, const char *from, const char *to)
{
    fake_files *files = data;
    pthread_mutex_lock(&files->lock);
    const int result = fake_give_name(files, from, to, true);
    pthread_mutex_unlock(&files->lock);
    return result;
}

static inline int fake_remove_kind(fake_files *files, const char *path, fake_kind kind)
{
    pthread_mutex_lock(&files->lock);
    int result = fake_start(files);
    fake_name *name = fake_find(files, path);
    if (result == 0 && (name == NULL || name->now != kind)) {
        result = -ENOENT;
    }
    for (int i = 0; result == 0 && i < files->n_names; i++) {
        if (files->names[i].now != FAKE_NONE && fake_is_in(files->names[i].path, path)) {
            result = -ENOTEMPTY;
        }
    }
    if (result == 0) {
        name->now = FAKE_NONE;
    }
    pthread_mutex_unlock(&files->lock);
    return result;
}

static inline int fake_remove(void *data, const char *path)
{
    return fake_remove_kind(data, path, FAKE_FILE);
}

static inline int fake_remove_folder(void *data, const char *path)
{
    return fake_remove_kind(data, path, FAKE_FOLDER);
}

static inline int fake_make_folder(void *data, const char *path)
{
    fake_files *files = data;
    pthread_mutex_lock(&files->lock);
    int result = fake_start(files);
    if (result == 0) {
        fake_name *name = fake_entry(files, path);
        if (!fake_has_parent(files, path)) {
            result = -ENOENT;
        } else if (name->now != FAKE_NONE) {
            result = -EEXIST;
        } else {
            name->now = FAKE_FOLDER;
        }
    }
    pthread_mutex_unlock(&files->lock);
    return result;
}

static inline int fake_list(void *data, const char *path, mdli_visit_name_fn visit,
                            void *visit_data)
{
    fake_files *files = data;
    char listed[FAKE_PATH_BYTES];
    strcpy(listed, path);
    const size_t size = strlen(listed);
    if (size > 2 && strcmp(listed + size - 2, "/.") == 0) {
        listed[size - 2] = '\0';
    }
    pthread_mutex_lock(&files->lock);
    int result = fake_start(files);
    const fake_name *folder = fake_find(files, listed);
    if (result == 0 && (folder == NULL || folder->now != FAKE_FOLDER)) {
        result = folder == NULL || folder->now == FAKE_NONE ? -ENOENT : -ENOTDIR;
    }
    pthread_mutex_unlock(&files->lock);
    for (int i = 0; result == 0 && i < files->n_names; i++) {
        if (files->names[i].now != FAKE_NONE && fake_is_in(files->names[i].path, listed)) {
            result = visit(visit_data, strrchr(files->names[i].path, '/') + 1);
        }
    }
    return result;
}

/* The table of these files. */
static inline mdli_file_system fake_file_system(fake_files *files)
{
    return (mdli_file_system){
        .data = files,
        .open = fake_open,
        .close = fake_close,
        .read_at = fake_read_at,
        .write_at = fake_write_at,
        .sync = fake_sync,
        .sync_folder = fake_sync_folder,
        .lock = fake_lock,
        .file_info = fake_file_info,
        .path_info = fake_path_info,
        .rename = fake_rename,
        .link = fake_link,
        .remove = fake_remove,
        .make_folder = fake_make_folder,
        .remove_folder = fake_remove_folder,
        .list = fake_list,
    };
}

/* Lets the operation fail that is `n` from now, and with `fails_on` all later ones. */
static inline void fake_fail(fake_files *files, int64_t n, bool fails_on, int failure)
{
    files->fails_at = n < 0 ? -1 : files->n_operations + n;
    files->fails_on = fails_on;
    files->failure = failure;
}

static inline fake_files *fake_files_new(void)
{
    fake_files *files = calloc(1, sizeof *files);
    pthread_mutex_init(&files->lock, NULL);
    files->fails_at = -1;
    files->capacity = -1;
    for (int i = 0; i < FAKE_FILES_MAX; i++) {
        files->open_files[i].inode = -1;
    }
    return files;
}

static inline void fake_files_free(fake_files *files)
{
    for (int i = 0; i < files->n_inodes; i++) {
        free(files->inodes[i].now.bytes);
        free(files->inodes[i].synced.bytes);
    }
    pthread_mutex_destroy(&files->lock);
    free(files);
}

/* A copy without open files. */
static inline fake_files *fake_files_copy(const fake_files *from)
{
    fake_files *files = fake_files_new();
    memcpy(files->names, from->names, sizeof files->names);
    files->n_names = from->n_names;
    files->n_inodes = from->n_inodes;
    files->has_no_links = from->has_no_links;
    for (int i = 0; i < from->n_inodes; i++) {
        fake_copy(&files->inodes[i].now, &from->inodes[i].now);
        fake_copy(&files->inodes[i].synced, &from->inodes[i].synced);
    }
    return files;
}

/* What a crash leaves of that which was not synced. */
typedef enum fake_crash {
    FAKE_CRASH_NOTHING = 0, /* neither names nor bytes */
    FAKE_CRASH_NAMES = 1,   /* names, but not the bytes */
    FAKE_CRASH_ALL = 2,     /* all, as when only the process died */
    FAKE_CRASH_TORN = 3     /* any of it */
} fake_crash;

static inline void fake_tear(fake_inode *inode, test_random *random)
{
    const int64_t most =
        inode->now.size > inode->synced.size ? inode->now.size : inode->synced.size;
    fake_bytes torn = {NULL, 0};
    fake_resize(&torn, most);
    for (int64_t start = 0; start < most; start += FAKE_SECTOR_BYTES) {
        const fake_bytes *from = test_random_below(random, 2) == 0 ? &inode->now : &inode->synced;
        int64_t n = most - start < FAKE_SECTOR_BYTES ? most - start : FAKE_SECTOR_BYTES;
        n = from->size - start < n ? from->size - start : n;
        if (n > 0) {
            memcpy(torn.bytes + start, from->bytes + start, (size_t)n);
        }
    }
    torn.size = (int64_t)test_random_below(random, (uint64_t)most + 1);
    free(inode->now.bytes);
    inode->now = torn;
}

static inline bool fake_keeps_change(fake_crash crash, test_random *random)
{
    return crash == FAKE_CRASH_TORN ? test_random_below(random, 2) == 0
                                    : crash != FAKE_CRASH_NOTHING;
}

/* Ends the process that had the files open, and the machine with it. What is left is synced. */
static inline void fake_files_crash(fake_files *files, fake_crash crash, test_random *random)
{
    for (int i = 0; i < files->n_names; i++) {
        fake_name *name = &files->names[i];
        const bool is_changed = name->now != name->synced || name->now_inode != name->synced_inode;
        if (is_changed && !fake_keeps_change(crash, random)) {
            name->now = name->synced;
            name->now_inode = name->synced_inode;
        }
    }
    /* What is in a folder that is gone is gone; folders come before what is in them. */
    for (int i = 0; i < files->n_names; i++) {
        if (!fake_has_parent(files, files->names[i].path)) {
            files->names[i].now = FAKE_NONE;
        }
        files->names[i].synced = files->names[i].now;
        files->names[i].synced_inode = files->names[i].now_inode;
    }
    for (int i = 0; i < files->n_inodes; i++) {
        fake_inode *inode = &files->inodes[i];
        const bool is_changed =
            inode->now.size != inode->synced.size ||
            (inode->now.size > 0 &&
             memcmp(inode->now.bytes, inode->synced.bytes, (size_t)inode->now.size) != 0);
        if (is_changed && crash == FAKE_CRASH_TORN) {
            fake_tear(inode, random);
        } else if (is_changed && crash != FAKE_CRASH_ALL) {
            fake_copy(&inode->now, &inode->synced);
        }
        fake_copy(&inode->synced, &inode->now);
        inode->n_shared = 0;
        inode->n_exclusive = 0;
    }
    for (int i = 0; i < FAKE_FILES_MAX; i++) {
        files->open_files[i].inode = -1;
    }
    fake_fail(files, -1, false, 0);
}

#endif
