/*
 * Hashing of keys in memory (never stored): integers by multiply and fold, text by XXH3.
 */
#ifndef MDLI_BASE_HASH_H
#define MDLI_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Mixes one 64-bit key so that every bit of the result depends on every bit of the key. */
static inline uint64_t mdli_hash_integer(uint64_t key)
{
    __extension__ unsigned __int128 product =
        (unsigned __int128)(key ^ 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Hash of bytes; `seed` chains the fields of a key. */
uint64_t mdli_hash_bytes(const void *bytes, size_t size, uint64_t seed);

#endif
