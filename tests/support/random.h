/*
 * Random numbers for tests. The seed is printed, and taken from MDL_TEST_SEED if that is set, so
 * that a failure can be repeated.
 */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct test_random {
    uint64_t state;
} test_random;

/* Starts the numbers of one test; `name` is printed with the seed. */
static inline test_random test_random_start(const char *name)
{
    const char *text = getenv("MDL_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : (uint64_t)time(NULL);
    printf("%s: MDL_TEST_SEED=%" PRIu64 "\n", name, seed);
    fflush(stdout);
    return (test_random){seed};
}

/* The next 64 bits: a Weyl sequence through the finalizer of MurmurHash3. */
static inline uint64_t test_random_next(test_random *random)
{
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = random->state;
    x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

/* A number from 0 to below `n`; n > 0. */
static inline uint64_t test_random_below(test_random *random, uint64_t n)
{
    return test_random_next(random) % n;
}

/* A number of random size: from 0 to 64 of its low bits are random, the others 0. */
static inline uint64_t test_random_any_size(test_random *random)
{
    uint64_t n_bits = test_random_below(random, 65);
    uint64_t bits = test_random_next(random);
    return n_bits == 0 ? 0 : bits >> (64 - n_bits);
}

#endif
