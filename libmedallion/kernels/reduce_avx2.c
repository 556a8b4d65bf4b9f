/*
 * Plain loops over arrays: compiled for AVX2.
 */
#define MDLI_REDUCE(name) name##_avx2
#include "kernels/reduce_body.h"
