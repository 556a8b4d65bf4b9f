/*
 * Moving files that were dealt with out of the watched folder.
 *
 * A rename within a file system is one step: after a kill a file is in the one folder or in the
 * other. A report is there before its file, so that no rejected file is without one.
 */
#include "watch/file_moves.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "watch/daily_name.h"

enum {
    SUBFOLDER_MAX = 32,
    SUFFIX_MAX = 16, /* ".1000000" */
    TARGET_MAX = SUBFOLDER_MAX + MDLI_DAILY_NAME_MAX + SUFFIX_MAX,
    REPORT_MAX = TARGET_MAX + 16,
    CLASHES_MAX = 1000000
};

/* Names of the folder's files in messages. */
static mdl_status tell_failure(const mdli_folder *folder, int system_errno, const char *action,
                               const char *name, mdl_error *error)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    return mdli_error_system(error, system_errno, action, path);
}

/* Renames unless there is something of that name: 0, or an errno. */
static int rename_to_free_name(int folder, const char *from, const char *to)
{
    if (renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return errno;
    }
    /* A file system that cannot do it in one step. */
    struct stat info;
    if (fstatat(folder, to, &info, AT_SYMLINK_NOFOLLOW) == 0) {
        return EEXIST;
    }
    return renameat(folder, from, folder, to) == 0 ? 0 : errno;
}

static int write_all(int file, const char *text)
{
    size_t n_left = strlen(text);
    while (n_left > 0) {
        ssize_t n = write(file, text, n_left);
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        if (n > 0) {
            text += n;
            n_left -= (size_t)n;
        }
    }
    return 0;
}

static mdl_status write_report(const mdli_folder *folder, const char *target, const char *report,
                               mdl_error *error)
{
    char name[REPORT_MAX];
    snprintf(name, sizeof name, "%s.report.txt", target);
    int file = openat(folder->descriptor, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) {
        return tell_failure(folder, errno, "write", name, error);
    }
    int failure = write_all(file, report);
    if (close(file) != 0 && failure == 0) {
        failure = errno;
    }
    return failure == 0 ? MDL_OK : tell_failure(folder, failure, "write", name, error);
}

static bool is_taken(const mdli_folder *folder, const char *name)
{
    struct stat info;
    return fstatat(folder->descriptor, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Moves a file to the first free name; `target` has room for TARGET_MAX bytes. */
static mdl_status move_to_free_name(const mdli_folder *folder, const char *name,
                                    const char *subfolder, const char *report, char *target,
                                    mdl_error *error)
{
    for (int n = 1; n <= CLASHES_MAX; n++) {
        char suffix[SUFFIX_MAX] = "";
        if (n > 1) {
            snprintf(suffix, sizeof suffix, ".%d", n);
        }
        snprintf(target, TARGET_MAX, "%s/%s%s", subfolder, name, suffix);
        if (is_taken(folder, target)) {
            continue;
        }
        if (report != NULL) {
            MDLI_TRY(write_report(folder, target, report, error));
        }
        int failure = rename_to_free_name(folder->descriptor, name, target);
        if (failure != EEXIST) {
            return failure == 0 ? MDL_OK : tell_failure(folder, failure, "move", name, error);
        }
    }
    return mdl_error_set(error, MDL_E_IO, "%s/%s holds too many files called %s", folder->path,
                         subfolder, name);
}

/* Whether the file of that name is the one with that identity; another or none is not. */
static mdl_status check_identity(const mdli_folder *folder, const char *name,
                                 const mdli_file_identity *identity, bool *is_same,
                                 mdl_error *error)
{
    mdli_file_identity now;
    int failure = mdli_identify_file(folder->descriptor, name, &now);
    *is_same = failure == 0 && mdli_same_identity(&now, identity);
    return failure == 0 || failure == ENOENT
               ? MDL_OK
               : tell_failure(folder, failure, "look at", name, error);
}

mdl_status mdli_move_file(const mdli_folder *folder, const char *name,
                          const mdli_file_identity *identity, const char *subfolder,
                          const char *report, bool *was_moved, mdl_error *error)
{
    char target[TARGET_MAX];
    bool is_same;
    *was_moved = false;
    MDLI_TRY(check_identity(folder, name, identity, &is_same, error));
    if (!is_same) {
        return MDL_OK;
    }
    if (mkdirat(folder->descriptor, subfolder, 0777) != 0 && errno != EEXIST) {
        return tell_failure(folder, errno, "make the folder", subfolder, error);
    }
    MDLI_TRY(move_to_free_name(folder, name, subfolder, report, target, error));
    /* Another file may have taken the name between the look and the move. */
    MDLI_TRY(check_identity(folder, target, identity, was_moved, error));
    if (!*was_moved) {
        int failure = rename_to_free_name(folder->descriptor, target, name);
        if (failure != 0 && failure != EEXIST) { /* EEXIST: a newer one yet, which counts */
            return tell_failure(folder, failure, "move back", target, error);
        }
    }
    return MDL_OK;
}
