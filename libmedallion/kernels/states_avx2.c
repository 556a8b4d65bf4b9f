/*
 * Rows counted into states: compiled for AVX2, both bounds in one vector.
 */
#include <immintrin.h>
#include <stdint.h>

static inline void raise_bounds(uint32_t *bounds, const uint64_t *distances)
{
    const __m128i raised = _mm_max_epu32(_mm_loadl_epi64((const __m128i *)bounds),
                                         _mm_loadl_epi64((const __m128i *)distances));
    _mm_storel_epi64((__m128i *)bounds, raised);
}

#define MDLI_STATES(name) name##_avx2
#include "kernels/states_body.h"
