/*
 * Stores as inputs of their fuzz target, and changes to them.
 */
#ifndef TESTS_STORE_SEEDS_H
#define TESTS_STORE_SEEDS_H

#include <stddef.h>
#include <stdint.h>

enum {
    N_STORE_SEEDS = 5
};

/* Input `which` that is a whole store, to be freed. */
uint8_t *store_seed(int which, size_t *size);

#endif
