/*
 * zstd, with the context's memory.
 */
#include "base/compression.h"

/* For allocation through the context: ZSTD_customMem is no part of the stable API, though unchanged
 * since zstd 1.3. */
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include "base/error.h"
#include "base/memory.h"

/* Where zstd's working memory comes from, and what became of it. */
typedef struct zstd_memory {
    mdl_context *context;
    mdl_error *error;
    mdl_status status;
} zstd_memory;

static void *zstd_allocate(void *opaque, size_t size)
{
    zstd_memory *memory = opaque;
    void *allocated;
    mdl_status status =
        mdli_allocate(memory->context, size, "compression", &allocated, memory->error);
    if (status != MDL_OK) {
        memory->status = status;
        return NULL;
    }
    return allocated;
}

static void zstd_release(void *opaque, void *allocated)
{
    const zstd_memory *memory = opaque;
    mdli_free(memory->context, allocated);
}

static ZSTD_customMem zstd_hooks(zstd_memory *memory)
{
    return (ZSTD_customMem){zstd_allocate, zstd_release, memory};
}

/* What a failure inside zstd means: `status`, unless memory was refused. */
static mdl_status zstd_failure(const zstd_memory *memory, mdl_status status, const char *action,
                               const char *reason)
{
    if (memory->status != MDL_OK) {
        return memory->status;
    }
    return mdl_error_set(memory->error, status, "%s failed: %s", action, reason);
}

int64_t mdli_compressed_bytes_bound(int64_t size_bytes)
{
    return (int64_t)ZSTD_compressBound((size_t)size_bytes);
}

struct mdli_compressor {
    zstd_memory memory;
    ZSTD_CCtx *zstd;
};

mdl_status mdli_compressor_create(mdl_context *context, mdli_compressor **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, sizeof(mdli_compressor), "compression", &memory, error));
    mdli_compressor *made = memory;
    made->memory = (zstd_memory){.context = context, .error = error, .status = MDL_OK};
    made->zstd = ZSTD_createCCtx_advanced(zstd_hooks(&made->memory));
    if (made->zstd == NULL) {
        mdl_status status =
            zstd_failure(&made->memory, MDL_E_INTERNAL, "compression", "no compressor");
        mdli_free(context, made);
        return status;
    }
    *out = made;
    return MDL_OK;
}

void mdli_compressor_free(mdli_compressor *compressor)
{
    if (compressor != NULL) {
        ZSTD_freeCCtx(compressor->zstd);
        mdli_free(compressor->memory.context, compressor);
    }
}

mdl_status mdli_compressor_run(mdli_compressor *compressor, int level, const void *bytes,
                               int64_t size_bytes, void *out, int64_t capacity,
                               int64_t *stored_bytes, mdl_error *error)
{
    zstd_memory *memory = &compressor->memory;
    memory->error = error;
    memory->status = MDL_OK;
    size_t written = ZSTD_compressCCtx(compressor->zstd, out, (size_t)capacity, bytes,
                                       (size_t)size_bytes, level);
    *stored_bytes = 0;
    if (!ZSTD_isError(written)) {
        *stored_bytes = (int64_t)written;
    } else if (memory->status != MDL_OK ||
               ZSTD_getErrorCode(written) != ZSTD_error_dstSize_tooSmall) {
        return zstd_failure(memory, MDL_E_INTERNAL, "compression", ZSTD_getErrorName(written));
    }
    return MDL_OK;
}

mdl_status mdli_compress(mdl_context *context, int level, const void *bytes, int64_t size_bytes,
                         void *out, int64_t capacity, int64_t *stored_bytes, mdl_error *error)
{
    mdli_compressor *compressor;
    MDLI_TRY(mdli_compressor_create(context, &compressor, error));
    mdl_status status = mdli_compressor_run(compressor, level, bytes, size_bytes, out, capacity,
                                            stored_bytes, error);
    mdli_compressor_free(compressor);
    return status;
}

struct mdli_decompressor {
    zstd_memory memory;
    ZSTD_DCtx *zstd;
};

mdl_status mdli_decompressor_create(mdl_context *context, mdli_decompressor **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(
        mdli_allocate_zeroed(context, sizeof(mdli_decompressor), "compression", &memory, error));
    mdli_decompressor *made = memory;
    made->memory = (zstd_memory){.context = context, .error = error, .status = MDL_OK};
    made->zstd = ZSTD_createDCtx_advanced(zstd_hooks(&made->memory));
    if (made->zstd == NULL) {
        mdl_status status =
            zstd_failure(&made->memory, MDL_E_INTERNAL, "decompression", "no decompressor");
        mdli_free(context, made);
        return status;
    }
    *out = made;
    return MDL_OK;
}

void mdli_decompressor_free(mdli_decompressor *decompressor)
{
    if (decompressor != NULL) {
        ZSTD_freeDCtx(decompressor->zstd);
        mdli_free(decompressor->memory.context, decompressor);
    }
}

mdl_status mdli_decompressor_run(mdli_decompressor *decompressor, const void *stored,
                                 int64_t stored_bytes, void *out, int64_t size_bytes,
                                 mdl_error *error)
{
    zstd_memory *memory = &decompressor->memory;
    memory->error = error;
    memory->status = MDL_OK;
    size_t written = ZSTD_decompressDCtx(decompressor->zstd, out, (size_t)size_bytes, stored,
                                         (size_t)stored_bytes);
    if (ZSTD_isError(written)) {
        return zstd_failure(memory, MDL_E_CORRUPT, "decompression", ZSTD_getErrorName(written));
    }
    if ((int64_t)written != size_bytes) {
        return mdl_error_set(error, MDL_E_CORRUPT,
                             "decompression failed: %lld bytes came out, not %lld",
                             (long long)written, (long long)size_bytes);
    }
    return MDL_OK;
}

mdl_status mdli_decompress(mdl_context *context, const void *stored, int64_t stored_bytes,
                           void *out, int64_t size_bytes, mdl_error *error)
{
    mdli_decompressor *decompressor;
    MDLI_TRY(mdli_decompressor_create(context, &decompressor, error));
    mdl_status status =
        mdli_decompressor_run(decompressor, stored, stored_bytes, out, size_bytes, error);
    mdli_decompressor_free(decompressor);
    return status;
}
