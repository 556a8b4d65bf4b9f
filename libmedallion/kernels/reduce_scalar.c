/*
 * Plain loops over arrays: the reference.
 */
#define MDLI_REDUCE(name) name##_scalar
#include "kernels/reduce_body.h"
