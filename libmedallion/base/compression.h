/*
 * Compression of bytes by zstd, whose working memory comes from the context.
 *
 * The same bytes at the same level give the same frame, as long as zstd's version does not change.
 */
#ifndef MDLI_BASE_COMPRESSION_H
#define MDLI_BASE_COMPRESSION_H

#include <stdint.h>

#include "medallion/context.h"

/* The most that a frame of so many bytes can take. */
int64_t mdli_compressed_bytes_bound(int64_t size_bytes);

/* Makes one frame of bytes; `*stored_bytes` is 0 where that does not fit in `capacity`. */
mdl_status mdli_compress(mdl_context *context, int level, const void *bytes, int64_t size_bytes,
                         void *out, int64_t capacity, int64_t *stored_bytes, mdl_error *error);

/* The inverse: MDL_E_CORRUPT where the bytes are not one frame of exactly `size_bytes`. */
mdl_status mdli_decompress(mdl_context *context, const void *stored, int64_t stored_bytes,
                           void *out, int64_t size_bytes, mdl_error *error);

#endif
