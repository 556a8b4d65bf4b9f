/*
 * Rows counted into states: plain code.
 */
#include <stdint.h>

static inline void raise_bounds(uint32_t *bounds, const uint64_t *distances)
{
    const uint32_t before = (uint32_t)*distances;
    const uint32_t after = (uint32_t)(*distances >> 32);
    bounds[0] = before > bounds[0] ? before : bounds[0];
    bounds[1] = after > bounds[1] ? after : bounds[1];
}

#define MDLI_STATES(name) name##_scalar
#include "kernels/states_body.h"
