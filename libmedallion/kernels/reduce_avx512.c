/*
 * Plain loops over arrays: compiled for AVX-512.
 */
#define MDLI_REDUCE(name) name##_avx512
#include "kernels/reduce_body.h"
