/*
 * Writing to a temporary file, and its renaming.
 */
#include "csv/csv_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

enum {
    TEMPORARY_NAMES_MAX = 100,
    SUFFIX_SIZE = 48
};

/* Creates a file that was not there, named after `path`; `name` has room for that. */
static mdl_status create_temporary(const char *path, char *name, size_t name_size, int *descriptor,
                                   mdl_error *error)
{
    int failure = EEXIST;
    for (int i = 0; i < TEMPORARY_NAMES_MAX && failure == EEXIST; i++) {
        snprintf(name, name_size, "%s.%ld-%d.tmp", path, (long)getpid(), i);
        *descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*descriptor >= 0) {
            return MDL_OK;
        }
        failure = errno;
    }
    return mdli_error_system(error, failure, "create", name);
}

mdl_status mdli_csv_file_create(mdl_context *context, const char *path, mdli_csv_file *out,
                                mdl_error *error)
{
    size_t name_size = strlen(path) + SUFFIX_SIZE;
    void *memory;
    *out = (mdli_csv_file){.context = context, .path = path, .descriptor = -1};
    MDLI_TRY(mdli_allocate(context, name_size, "csv file name", &memory, error));
    out->temporary_path = memory;
    mdl_status status =
        create_temporary(path, out->temporary_path, name_size, &out->descriptor, error);
    if (status != MDL_OK) {
        mdli_free(context, memory);
    }
    return status;
}

int mdli_csv_file_write(void *user_data, const char *bytes, int64_t size_bytes)
{
    int descriptor = ((const mdli_csv_file *)user_data)->descriptor;
    while (size_bytes > 0) {
        ssize_t n = write(descriptor, bytes, (size_t)size_bytes);
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        if (n > 0) {
            bytes += n;
            size_bytes -= n;
        }
    }
    return 0;
}

/* Makes the renaming last through a crash. File systems that cannot sync a folder do not need it.
 */
static void sync_folder_of(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash != NULL) {
        slash[slash == path] = '\0';
    }
    int descriptor = open(slash != NULL ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        (void)fsync(descriptor);
        close(descriptor);
    }
}

/* Syncs, closes and renames the finished file. */
static mdl_status finish_file(const mdli_csv_file *file, mdl_error *error)
{
    int failure = fsync(file->descriptor) != 0 ? errno : 0;
    if (close(file->descriptor) != 0 && failure == 0) {
        failure = errno;
    }
    if (failure != 0) {
        return mdli_error_system(error, failure, "write", file->path);
    }
    if (rename(file->temporary_path, file->path) != 0) {
        return mdli_error_system(error, errno, "write", file->path);
    }
    return MDL_OK;
}

mdl_status mdli_csv_file_close(mdli_csv_file *file, mdl_status status, mdl_error *error)
{
    if (status == MDL_OK) {
        status = finish_file(file, error);
    } else {
        close(file->descriptor);
    }
    if (status != MDL_OK) {
        unlink(file->temporary_path);
    } else {
        sync_folder_of(file->temporary_path);
    }
    mdli_free(file->context, file->temporary_path);
    return status;
}
