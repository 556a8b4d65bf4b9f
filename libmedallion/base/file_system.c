/*
 * The system's files.
 */
#include "base/file_system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

static int answer(int result)
{
    return result < 0 ? -errno : result;
}

static int real_open(void *data, const char *path, int flags)
{
    (void)data;
    int file;
    do {
        file = open(path, flags | O_CLOEXEC, 0666);
    } while (file < 0 && errno == EINTR);
    return answer(file);
}

static void real_close(void *data, int file)
{
    (void)data;
    close(file);
}

static int64_t real_read_at(void *data, int file, void *to, int64_t size_bytes,
                            int64_t offset_bytes)
{
    (void)data;
    ssize_t n;
    do {
        n = pread(file, to, (size_t)size_bytes, offset_bytes);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int64_t real_write_at(void *data, int file, const void *from, int64_t size_bytes,
                             int64_t offset_bytes)
{
    (void)data;
    ssize_t n;
    do {
        n = pwrite(file, from, (size_t)size_bytes, offset_bytes);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int real_sync(void *data, int file)
{
    (void)data;
    return answer(fsync(file));
}

static int real_sync_folder(void *data, const char *path)
{
    const int folder = real_open(data, path, O_RDONLY | O_DIRECTORY);
    if (folder < 0) {
        return folder;
    }
    const int result = answer(fsync(folder));
    close(folder);
    /* Some file systems cannot sync a folder, and say so in this way; there is nothing to do then.
     */
    return result == -EINVAL ? 0 : result;
}

static int real_lock(void *data, int file, bool is_exclusive)
{
    (void)data;
    int result;
    do {
        result = flock(file, (is_exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB);
    } while (result < 0 && errno == EINTR);
    return answer(result);
}

static void fill_info(const struct stat *from, mdli_file_info *info)
{
    *info = (mdli_file_info){.is_folder = S_ISDIR(from->st_mode),
                             .size_bytes = from->st_size,
                             .n_links = (int64_t)from->st_nlink,
                             .device = (uint64_t)from->st_dev,
                             .inode = (uint64_t)from->st_ino};
}

static int real_file_info(void *data, int file, mdli_file_info *info)
{
    (void)data;
    struct stat found;
    if (fstat(file, &found) != 0) {
        return -errno;
    }
    fill_info(&found, info);
    return 0;
}

static int real_path_info(void *data, const char *path, mdli_file_info *info)
{
    (void)data;
    struct stat found;
    if (stat(path, &found) != 0) {
        return -errno;
    }
    fill_info(&found, info);
    return 0;
}

static int real_rename(void *data, const char *from, const char *to)
{
    (void)data;
    return answer(rename(from, to));
}

static int real_link(void *data, const char *from, const char *to)
{
    (void)data;
    return answer(link(from, to));
}

static int real_remove(void *data, const char *path)
{
    (void)data;
    return answer(unlink(path));
}

static int real_make_folder(void *data, const char *path)
{
    (void)data;
    return answer(mkdir(path, 0777));
}

static int real_remove_folder(void *data, const char *path)
{
    (void)data;
    return answer(rmdir(path));
}

static int real_list(void *data, const char *path, mdli_visit_name_fn visit, void *visit_data)
{
    (void)data;
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return -errno;
    }
    int result = 0;
    while (result == 0) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            result = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            result = visit(visit_data, entry->d_name);
        }
    }
    closedir(folder);
    return result;
}

const mdli_file_system *mdli_file_system_real(void)
{
    static const mdli_file_system real = {
        .open = real_open,
        .close = real_close,
        .read_at = real_read_at,
        .write_at = real_write_at,
        .sync = real_sync,
        .sync_folder = real_sync_folder,
        .lock = real_lock,
        .file_info = real_file_info,
        .path_info = real_path_info,
        .rename = real_rename,
        .link = real_link,
        .remove = real_remove,
        .make_folder = real_make_folder,
        .remove_folder = real_remove_folder,
        .list = real_list,
    };
    return &real;
}

/*
 * With errors.
 */

static mdl_status fail(int result, const char *action, const char *path, mdl_error *error)
{
    return result < 0 ? mdli_error_system(error, -result, action, path) : MDL_OK;
}

mdl_status mdli_file_open(const mdli_file_system *files, const char *path, int flags, int *file,
                          mdl_error *error)
{
    *file = files->open(files->data, path, flags);
    return fail(*file, (flags & O_CREAT) != 0 ? "write" : "open", path, error);
}

mdl_status mdli_file_read(const mdli_file_system *files, int file, const char *path, void *to,
                          int64_t size_bytes, int64_t offset_bytes, int64_t *n_read,
                          mdl_error *error)
{
    *n_read = 0;
    while (*n_read < size_bytes) {
        const int64_t n = files->read_at(files->data, file, (char *)to + *n_read,
                                         size_bytes - *n_read, offset_bytes + *n_read);
        if (n < 0) {
            return mdli_error_system(error, (int)-n, "read", path);
        }
        if (n == 0) {
            break;
        }
        *n_read += n;
    }
    return MDL_OK;
}

mdl_status mdli_file_write(const mdli_file_system *files, int file, const char *path,
                           const void *from, int64_t size_bytes, int64_t offset_bytes,
                           mdl_error *error)
{
    for (int64_t n_written = 0; n_written < size_bytes;) {
        const int64_t n = files->write_at(files->data, file, (const char *)from + n_written,
                                          size_bytes - n_written, offset_bytes + n_written);
        if (n <= 0) {
            return mdli_error_system(error, n < 0 ? (int)-n : EIO, "write", path);
        }
        n_written += n;
    }
    return MDL_OK;
}

mdl_status mdli_file_sync(const mdli_file_system *files, int file, const char *path,
                          mdl_error *error)
{
    return fail(files->sync(files->data, file), "sync", path, error);
}

mdl_status mdli_folder_sync(const mdli_file_system *files, const char *path, mdl_error *error)
{
    return fail(files->sync_folder(files->data, path), "sync", path, error);
}

mdl_status mdli_file_write_whole(const mdli_file_system *files, const char *path, const void *bytes,
                                 int64_t size_bytes, mdl_error *error)
{
    int file;
    MDLI_TRY(mdli_file_open(files, path, O_WRONLY | O_CREAT | O_TRUNC, &file, error));
    mdl_status status = mdli_file_write(files, file, path, bytes, size_bytes, 0, error);
    if (status == MDL_OK) {
        status = mdli_file_sync(files, file, path, error);
    }
    files->close(files->data, file);
    return status;
}

static mdl_status read_open_file(const mdli_file_system *files, mdl_context *context, int file,
                                 const char *path, int64_t size_max, void **bytes,
                                 int64_t *size_bytes, mdl_error *error)
{
    mdli_file_info info;
    MDLI_TRY(fail(files->file_info(files->data, file, &info), "read", path, error));
    if (info.is_folder) {
        return mdli_error_system(error, EISDIR, "read", path);
    }
    const int64_t size = info.size_bytes < size_max ? info.size_bytes : size_max;
    MDLI_TRY(mdli_allocate(context, (size_t)size, "file", bytes, error));
    mdl_status status = mdli_file_read(files, file, path, *bytes, size, 0, size_bytes, error);
    if (status != MDL_OK) {
        mdli_free(context, *bytes);
        *bytes = NULL;
    }
    return status;
}

mdl_status mdli_file_read_whole(const mdli_file_system *files, mdl_context *context,
                                const char *path, int64_t size_max, void **bytes,
                                int64_t *size_bytes, mdl_error *error)
{
    int file;
    *bytes = NULL;
    MDLI_TRY(mdli_file_open(files, path, O_RDONLY, &file, error));
    mdl_status status =
        read_open_file(files, context, file, path, size_max, bytes, size_bytes, error);
    files->close(files->data, file);
    return status;
}

mdl_status mdli_file_rename(const mdli_file_system *files, const char *from, const char *to,
                            mdl_error *error)
{
    return fail(files->rename(files->data, from, to), "rename a new file to", to, error);
}

mdl_status mdli_folder_make(const mdli_file_system *files, const char *path, mdl_error *error)
{
    const int result = files->make_folder(files->data, path);
    return result == -EEXIST ? MDL_OK : fail(result, "make folder", path, error);
}
