/*
 * What the processor can do.
 */
#ifndef MDLI_BASE_CPU_H
#define MDLI_BASE_CPU_H

#include "medallion/context.h"

/* The highest kernel level that this processor and operating system support. */
mdl_simd mdli_cpu_best_level(void);

#endif
