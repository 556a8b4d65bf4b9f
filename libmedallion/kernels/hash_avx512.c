/*
 * Hashing streams: compiled for AVX-512.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "kernels/hash_kernels.h"

void mdli_hash_update_avx512(mdli_hash_state *state, const void *bytes, int64_t size_bytes)
{
    (void)XXH3_128bits_update((XXH3_state_t *)state, bytes, (size_t)size_bytes);
}
