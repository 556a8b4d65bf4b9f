/*
 * The groups of benchmarks that look inside the library.
 */
#ifndef BENCH_KERNEL_GROUPS_H
#define BENCH_KERNEL_GROUPS_H

#include "harness.h"

extern const bench_group bench_frame_kernels;
extern const bench_group bench_csv_kernels;
extern const bench_group bench_encodings;

#endif
