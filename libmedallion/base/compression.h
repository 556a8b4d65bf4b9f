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

/* zstd's working memory for many frames one after another: it is larger than most of them, and
 * filling it in anew takes longer than to make or to decompress one. Belongs to one thread at a
 * time. */
typedef struct mdli_compressor mdli_compressor;
typedef struct mdli_decompressor mdli_decompressor;

mdl_status mdli_compressor_create(mdl_context *context, mdli_compressor **out, mdl_error *error);
/* Accepts NULL. */
void mdli_compressor_free(mdli_compressor *compressor);

/* As mdli_compress: what was compressed before does not show. */
mdl_status mdli_compressor_run(mdli_compressor *compressor, int level, const void *bytes,
                               int64_t size_bytes, void *out, int64_t capacity,
                               int64_t *stored_bytes, mdl_error *error);

mdl_status mdli_decompressor_create(mdl_context *context, mdli_decompressor **out,
                                    mdl_error *error);
/* Accepts NULL. */
void mdli_decompressor_free(mdli_decompressor *decompressor);

/* As mdli_decompress. */
mdl_status mdli_decompressor_run(mdli_decompressor *decompressor, const void *stored,
                                 int64_t stored_bytes, void *out, int64_t size_bytes,
                                 mdl_error *error);

#endif
