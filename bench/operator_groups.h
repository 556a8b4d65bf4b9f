/*
 * The groups of benchmarks on the public headers, and reading of the CSVs that they share.
 */
#ifndef BENCH_OPERATOR_GROUPS_H
#define BENCH_OPERATOR_GROUPS_H

#include "harness.h"

/* Reads <data>/<table>.csv. */
bool bench_read_csv(bench_run *run, const char *table, mdl_csv_result *out);

extern const bench_group bench_csv_files;
extern const bench_group bench_data_tests;
extern const bench_group bench_snapshots;
extern const bench_group bench_stores;

#endif
