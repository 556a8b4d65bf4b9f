/*
 * Sums over arrays, written once: each reduce_<isa>.c includes this file and is compiled with the
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

uint64_t MDLI_REDUCE(mdli_sum_squares_int32)(const int32_t *values, int64_t n)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (uint64_t)((int64_t)values[i] * values[i]);
    }
    return sum;
}
