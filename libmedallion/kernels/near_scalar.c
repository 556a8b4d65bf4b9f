/*
 * Looking values up that are close to each other, in portable C.
 */
#include "kernels/near_kernels.h"

#include "base/tuning.h"

void mdli_lookup_near_scalar(const uint8_t *table, const uint32_t *values, uint32_t least,
                             uint32_t *out)
{
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        out[i] = table[values[i] - least];
    }
}
