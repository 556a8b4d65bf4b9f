/*
 * Plain loops over arrays: the reference.
 */
#define MDLI_REDUCE(name) name##_scalar
#include "kernels/reduce_body.h"

uint64_t mdli_compare_int32_scalar(const int32_t *a, const int32_t *b, uint64_t *is_less)
{
    uint64_t equal = 0;
    uint64_t less = 0;
    for (int i = 0; i < 64; i++) {
        equal |= (uint64_t)(a[i] == b[i]) << i;
        less |= (uint64_t)(a[i] < b[i]) << i;
    }
    *is_less = less;
    return equal;
}
