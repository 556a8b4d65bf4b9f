/*
 * Sums and counts over arrays, written once: each reduce_<isa>.c includes this file and is compiled with the
 * flags of its instruction set, which is all that compilers need to vectorize these loops.
 * MDLI_REDUCE(name) makes the name of a function.
 */
#include "kernels/reduce_kernels.h"

int64_t MDLI_REDUCE(mdli_sum_int32)(const int32_t *values, int64_t n)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += values[i];
    }
    return sum;
}

int64_t MDLI_REDUCE(mdli_changes_int32)(const int32_t *values, int64_t n, int64_t *n_falls)
{
    /* In counters of 32 bits the compilers keep as many lanes as there are values. */
    int64_t n_changes = 0;
    *n_falls = 0;
    for (int64_t i = 1; i < n;) {
        const int64_t end = n - i < INT32_MAX ? n : i + INT32_MAX;
        int32_t changes = 0;
        int32_t falls = 0;
        for (; i < end; i++) {
            changes += values[i] != values[i - 1];
            falls += values[i] < values[i - 1];
        }
        n_changes += changes;
        *n_falls += falls;
    }
    return n_changes;
}

bool MDLI_REDUCE(mdli_all_bits_int32)(const uint32_t *bits, uint32_t n_bits, int32_t least,
                                      const int32_t *keys, int64_t n)
{
    uint32_t all = 1;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t distance = (uint32_t)keys[i] - (uint32_t)least;
        const uint32_t bit = distance < n_bits ? distance : n_bits;
        all &= bits[bit >> 5] >> (bit & 31);
    }
    return all != 0;
}

uint64_t MDLI_REDUCE(mdli_sum_squares_int32)(const int32_t *values, int64_t n)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (uint64_t)((int64_t)values[i] * values[i]);
    }
    return sum;
}
