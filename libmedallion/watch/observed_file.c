/*
 * What the system says of a file.
 *
 * Whether a file is open for writing is asked with a read lease, which Linux grants only when it is
 * not, to the file's owner (or with CAP_LEASE), on file systems that have leases. It is given back
 * at once. Should somebody open the file for writing in that instant, the kernel has them wait and
 * signals the holder: with SIGIO, which would end the process, unless another signal was asked for.
 * SIGURG is ignored by default.
 */
#include "watch/observed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int64_t nanoseconds_of(const struct timespec *time)
{
    return (int64_t)time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
}

static mdli_file_identity identity_of(const struct stat *info)
{
    return (mdli_file_identity){
        .device = (uint64_t)info->st_dev,
        .inode = (uint64_t)info->st_ino,
        .size_bytes = (int64_t)info->st_size,
        .modified_ns = nanoseconds_of(&info->st_mtim),
    };
}

bool mdli_same_identity(const mdli_file_identity *a, const mdli_file_identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size_bytes == b->size_bytes &&
           a->modified_ns == b->modified_ns;
}

int mdli_identify_file(int folder, const char *name, mdli_file_identity *out)
{
    struct stat info;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno;
    }
    *out = identity_of(&info);
    return S_ISREG(info.st_mode) ? 0 : ENOENT;
}

/* Renaming and linking change the time of the status, writing both times. */
static double age_of(const struct stat *info)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t modified = nanoseconds_of(&info->st_mtim);
    int64_t changed = nanoseconds_of(&info->st_ctim);
    int64_t age = nanoseconds_of(&now) - (modified > changed ? modified : changed);
    return age > 0 ? (double)age / 1e9 : 0;
}

static mdli_writers ask_for_writers(int file)
{
    if (fcntl(file, F_SETSIG, SIGURG) != 0) {
        return MDLI_WRITERS_UNKNOWN;
    }
    if (fcntl(file, F_SETLEASE, F_RDLCK) == 0) {
        (void)fcntl(file, F_SETLEASE, F_UNLCK);
        return MDLI_WRITERS_NONE;
    }
    return errno == EAGAIN ? MDLI_WRITERS_SOME : MDLI_WRITERS_UNKNOWN;
}

mdli_observed_file mdli_observe_file(int folder, const char *name)
{
    mdli_observed_file observed = {.writers = MDLI_WRITERS_UNKNOWN};
    struct stat info;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) {
        return observed;
    }
    /* Non-blocking: it may have become a pipe meanwhile. */
    int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file >= 0) {
        if (fstat(file, &info) == 0 && S_ISREG(info.st_mode)) {
            observed.writers = ask_for_writers(file);
        }
        close(file);
    }
    observed.exists = S_ISREG(info.st_mode);
    observed.identity = identity_of(&info);
    observed.age_seconds = age_of(&info);
    return observed;
}
