/* Folders that results are written to. */
#define _POSIX_C_SOURCE 200809L

#include "folders.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

mdl_status make_folders(const char *path, mdl_error *error)
{
    char part[4096];
    size_t size = strlen(path);
    if (size >= sizeof part) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "the path of a folder is too long");
    }
    memcpy(part, path, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (part[i] != '/' && part[i] != '\0') {
            continue;
        }
        part[i] = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            return mdl_error_set(error, MDL_E_IO, "cannot make the folder '%s': %s", part,
                                 strerror(errno));
        }
        part[i] = path[i];
    }
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return mdl_error_set(error, MDL_E_IO, "'%s' is not a folder", path);
    }
    return MDL_OK;
}

mdl_status remove_stale_file(const char *path, mdl_error *error)
{
    if (unlink(path) != 0 && errno != ENOENT) {
        return mdl_error_set(error, MDL_E_IO, "cannot remove the old '%s': %s", path,
                             strerror(errno));
    }
    return MDL_OK;
}
