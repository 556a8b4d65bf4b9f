/*
 * Plain loops over arrays, written once: each reduce_<isa>.c includes this file and is compiled with the
 * flags of its instruction set, which is all that compilers need to vectorize these loops.
 * MDLI_REDUCE(name) makes the name of a function.
 */
#include "base/calendar.h"
#include "kernels/reduce_kernels.h"

void MDLI_REDUCE(mdli_days)(const int64_t *seconds, int64_t n, int32_t *out)
{
    for (int64_t i = 0; i < n; i++) {
        out[i] = mdli_day_of_timestamp(seconds[i]);
    }
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
