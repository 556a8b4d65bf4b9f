/*
 * Hashing streams: what every processor of the kind can do, and what is done once per stream.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "kernels/hash_kernels.h"

#include <string.h>

_Static_assert(sizeof(XXH3_state_t) <= sizeof(mdli_hash_state) &&
                   _Alignof(XXH3_state_t) <= _Alignof(mdli_hash_state),
               "a state holds one of xxhash");

void mdli_hash_reset(mdli_hash_state *state)
{
    XXH3_state_t *inner = (XXH3_state_t *)state;
    XXH3_INITSTATE(inner);
    (void)XXH3_128bits_reset(inner);
}

void mdli_hash_update_scalar(mdli_hash_state *state, const void *bytes, int64_t size_bytes)
{
    (void)XXH3_128bits_update((XXH3_state_t *)state, bytes, (size_t)size_bytes);
}

void mdli_hash_digest(const mdli_hash_state *state, uint8_t hash[MDLI_HASH_BYTES])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest((const XXH3_state_t *)state));
    memcpy(hash, canonical.digest, sizeof canonical.digest);
}

void mdli_hash_digest_numbers(const mdli_hash_state *state, uint64_t *low, uint64_t *high)
{
    const XXH128_hash_t hash = XXH3_128bits_digest((const XXH3_state_t *)state);
    *low = hash.low64;
    *high = hash.high64;
}
