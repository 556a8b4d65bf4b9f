/*
 * Reading with pread: unlike a mapping, a file that gets shorter meanwhile is an error, not a
 * signal.
 */
#include "csv/csv_source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

static mdl_status check_file(mdli_csv_source *source, mdl_error *error)
{
    struct stat info;
    if (fstat(source->descriptor, &info) != 0) {
        return mdli_error_system(error, errno, "read", source->path);
    }
    if (S_ISDIR(info.st_mode)) {
        return mdli_error_system(error, EISDIR, "read", source->path);
    }
    if (!S_ISREG(info.st_mode)) {
        return mdl_error_set(error, MDL_E_IO, "cannot read %s: not a regular file", source->path);
    }
    source->size_bytes = info.st_size;
    return MDL_OK;
}

mdl_status mdli_csv_source_open(mdli_csv_source *source, const char *path, mdl_error *error)
{
    *source = (mdli_csv_source){.path = path};
    /* Without O_NONBLOCK a pipe that nobody writes to would hold up the call. */
    source->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (source->descriptor < 0) {
        return mdli_error_system(error, errno, "open", path);
    }
    mdl_status status = check_file(source, error);
    if (status != MDL_OK) {
        mdli_csv_source_close(source);
    }
    return status;
}

void mdli_csv_source_from_memory(mdli_csv_source *source, const char *name, const void *bytes,
                                 int64_t size_bytes)
{
    *source =
        (mdli_csv_source){.path = name, .bytes = bytes, .descriptor = -1, .size_bytes = size_bytes};
}

void mdli_csv_source_close(mdli_csv_source *source)
{
    if (source->descriptor >= 0) {
        close(source->descriptor);
        source->descriptor = -1;
    }
}

/* Reads exactly the bytes [offset, offset + size) of the source, which has that many. */
static mdl_status read_exactly(const mdli_csv_source *source, char *to, int64_t offset_bytes,
                               int64_t size_bytes, mdl_error *error)
{
    if (source->bytes != NULL) {
        memcpy(to, source->bytes + offset_bytes, (size_t)size_bytes);
        return MDL_OK;
    }
    while (size_bytes > 0) {
        ssize_t n = pread(source->descriptor, to, (size_t)size_bytes, offset_bytes);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return mdli_error_system(error, errno, "read", source->path);
        }
        if (n == 0) {
            return mdl_error_set(error, MDL_E_IO,
                                 "cannot read %s: it ended at byte %" PRId64 " and had %" PRId64
                                 " bytes when it was opened",
                                 source->path, offset_bytes, source->size_bytes);
        }
        to += n;
        offset_bytes += n;
        size_bytes -= n;
    }
    return MDL_OK;
}

/* Moves the window's bytes to memory of the given capacity. */
static mdl_status move_window(mdli_csv_window *window, mdl_context *context, int64_t capacity_bytes,
                              mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate(context, (size_t)capacity_bytes + MDLI_PADDING_BYTES, "csv chunk",
                           &memory, error));
    char *bytes = (char *)memory + MDLI_PADDING_BYTES;
    if (window->size_bytes > 0) {
        memcpy(bytes, window->bytes, (size_t)window->size_bytes);
    }
    mdli_free(context, window->memory);
    window->memory = memory;
    window->bytes = bytes;
    window->capacity_bytes = capacity_bytes;
    return MDL_OK;
}

mdl_status mdli_csv_window_place(mdli_csv_window *window, mdl_context *context,
                                 int64_t offset_bytes, int64_t capacity_bytes, mdl_error *error)
{
    window->offset_bytes = offset_bytes;
    window->size_bytes = 0;
    /* What one long record needed is given back. */
    if (capacity_bytes <= window->capacity_bytes && window->capacity_bytes / 2 <= capacity_bytes) {
        return MDL_OK;
    }
    return move_window(window, context, capacity_bytes, error);
}

bool mdli_csv_window_has_room(const mdli_csv_window *window, int64_t end_bytes)
{
    return end_bytes - window->offset_bytes <= window->capacity_bytes;
}

mdl_status mdli_csv_window_load(mdli_csv_window *window, mdl_context *context,
                                const mdli_csv_source *source, int64_t end_bytes, mdl_error *error)
{
    int64_t end = end_bytes < source->size_bytes ? end_bytes : source->size_bytes;
    int64_t at = window->offset_bytes + window->size_bytes;
    if (end <= at) {
        return MDL_OK;
    }
    if (!mdli_csv_window_has_room(window, end)) {
        MDLI_TRY(move_window(window, context, end - window->offset_bytes, error));
    }
    char *bytes = window->memory + MDLI_PADDING_BYTES;
    MDLI_TRY(read_exactly(source, bytes + window->size_bytes, at, end - at, error));
    window->size_bytes += end - at;
    return MDL_OK;
}

void mdli_csv_window_free(mdli_csv_window *window, mdl_context *context)
{
    mdli_free(context, window->memory);
    *window = (mdli_csv_window){.memory = NULL};
}
