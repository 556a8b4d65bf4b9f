/*
 * Speed of every kernel at every level, and of encoding and decoding blocks.
 */
#include "kernel_groups.h"

int main(int argc, char **argv)
{
    const bench_group *const groups[] = {&bench_frame_kernels, &bench_csv_kernels,
                                         &bench_encodings};
    return bench_main(argc, argv, groups, BENCH_COUNT_OF(groups));
}
