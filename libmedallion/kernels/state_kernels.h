/*
 * The functions behind the `count_into_states` entry of mdli_kernels, for kernels.c.
 */
#ifndef MDLI_KERNELS_STATE_KERNELS_H
#define MDLI_KERNELS_STATE_KERNELS_H

#include <stdint.h>

#include "kernels/kernels.h"

#define MDLI_DECLARE_STATE_KERNELS(isa)                                                            \
    void mdli_count_into_states_##isa(const mdli_state_form *form, uint32_t *states,               \
                                      const int32_t *groups, int32_t least_group,                  \
                                      const int32_t *values, const int64_t *extremes, int64_t n)

MDLI_DECLARE_STATE_KERNELS(scalar);
#if defined(__x86_64__)
MDLI_DECLARE_STATE_KERNELS(avx2);
MDLI_DECLARE_STATE_KERNELS(avx512);
#endif

#endif
