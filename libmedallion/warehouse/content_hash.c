/*
 * The identity of a file: its size and the XXH3-128 of its bytes.
 */
#include "warehouse/warehouse_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "kernels/kernels.h"

/* Large enough that system calls cost nothing beside the hash. */
#define READ_BYTES ((size_t)1 << 18)

mdl_status mdli_file_size(const char *path, int64_t *size_bytes, mdl_error *error)
{
    struct stat file;
    if (stat(path, &file) != 0) {
        return mdli_error_system(error, errno, "open", path);
    }
    *size_bytes = file.st_size;
    return MDL_OK;
}

/* Hashes all that an open file still holds. */
static mdl_status hash_descriptor(mdl_context *context, int descriptor, const char *path,
                                  mdli_hash_state *state, int64_t *size_bytes, mdl_error *error)
{
    const mdli_kernels *kernels = mdli_kernels_for(mdl_context_simd(context));
    void *buffer = NULL;
    MDLI_TRY(mdli_allocate(context, READ_BYTES, "file hash", &buffer, error));
    mdl_status status;
    *size_bytes = 0;
    for (;;) {
        MDLI_TRY_GOTO_DONE(mdli_check_cancel(context, error));
        ssize_t n_read = read(descriptor, buffer, READ_BYTES);
        if (n_read < 0 && errno == EINTR) {
            continue;
        }
        if (n_read < 0) {
            status = mdli_error_system(error, errno, "read", path);
            goto done;
        }
        if (n_read == 0) {
            break;
        }
        kernels->hash_update(state, buffer, n_read);
        *size_bytes += n_read;
    }
done:
    mdli_free(context, buffer);
    return status;
}

mdl_status mdli_hash_file(mdl_context *context, const char *path, int64_t *size_bytes,
                          unsigned char xxh3_128[16], mdl_error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return mdli_error_system(error, errno, "open", path);
    }
    mdli_hash_state state;
    mdli_hash_reset(&state);
    mdl_status status = hash_descriptor(context, descriptor, path, &state, size_bytes, error);
    close(descriptor);
    if (status == MDL_OK) {
        mdli_hash_digest(&state, xxh3_128);
    }
    return status;
}
