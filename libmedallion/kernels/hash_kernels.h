/*
 * XXH3-128 of a stream of bytes. xxhash chooses its vectors when it is compiled, and a library of it
 * is mostly compiled for SSE2: so its header is compiled here for each instruction set.
 */
#ifndef MDLI_KERNELS_HASH_KERNELS_H
#define MDLI_KERNELS_HASH_KERNELS_H

#include <stdalign.h>
#include <stdint.h>

/* Bytes of the canonical form of a hash. */
#define MDLI_HASH_BYTES 16

/* An XXH3_state_t; it is the same for all instruction sets. */
typedef struct mdli_hash_state {
    alignas(64) unsigned char bytes[576];
} mdli_hash_state;

/* Starts anew. */
void mdli_hash_reset(mdli_hash_state *state);

/* Takes in bytes; the `hash_update` entry of mdli_kernels. */
void mdli_hash_update_scalar(mdli_hash_state *state, const void *bytes, int64_t size_bytes);
void mdli_hash_update_avx2(mdli_hash_state *state, const void *bytes, int64_t size_bytes);
void mdli_hash_update_avx512(mdli_hash_state *state, const void *bytes, int64_t size_bytes);

/* The hash of all that was taken in, in canonical form. */
void mdli_hash_digest(const mdli_hash_state *state, uint8_t hash[MDLI_HASH_BYTES]);
/* The same as its two halves. */
void mdli_hash_digest_numbers(const mdli_hash_state *state, uint64_t *low, uint64_t *high);

#endif
