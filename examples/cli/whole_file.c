/* A file that is there whole or not at all. */
#define _POSIX_C_SOURCE 200809L

#include "whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static mdl_status tell_failure(const whole_file *file, int failure, mdl_error *error)
{
    return mdl_error_set(error, failure == ENOSPC ? MDL_E_NO_SPACE : MDL_E_IO,
                         "cannot write '%s': %s", file->path, strerror(failure));
}

mdl_status whole_file_begin(whole_file *file, const char *path, mdl_error *error)
{
    file->path = path;
    int size =
        snprintf(file->temporary, sizeof file->temporary, "%s.%ld.tmp", path, (long)getpid());
    if (size < 0 || (size_t)size >= sizeof file->temporary) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "the path of a file is too long");
    }
    int fd = open(file->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return tell_failure(file, errno, error);
    }
    text_output_init(&file->output, fd, true);
    return MDL_OK;
}

mdl_status whole_file_finish(whole_file *file, mdl_status status, mdl_error *error)
{
    flush_output(&file->output);
    int failure = file->output.error;
    if (close(file->output.fd) != 0 && failure == 0) {
        failure = errno;
    }
    if (status == MDL_OK && failure == 0 && rename(file->temporary, file->path) != 0) {
        failure = errno;
    }
    if (status == MDL_OK && failure != 0) {
        status = tell_failure(file, failure, error);
    }
    if (status != MDL_OK) {
        unlink(file->temporary);
    }
    return status;
}
