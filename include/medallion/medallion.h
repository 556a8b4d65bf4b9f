/**
 * @file medallion.h
 * libmedallion: MovieLens CSVs to compressed columns, dimensions, facts and marts, in one process.
 *
 * This header includes all others. A whole program (`examples/embed.c`), which loads a folder,
 * builds everything and writes one mart:
 *
 * @code
 * #include <medallion/medallion.h>
 * #include <stdio.h>
 *
 * int main(int argc, char **argv)
 * {
 *     mdl_error error = MDL_ERROR_INIT;
 *     mdl_context *context = NULL;
 *     mdl_warehouse *warehouse = NULL;
 *     const char *folder = argc > 1 ? argv[1] : ".";
 *     const char *mart = "mart_movie_analytics";
 *     int failed = mdl_context_create(NULL, &context, &error) ||
 *                  mdl_warehouse_create(context, NULL, &warehouse, &error) ||
 *                  mdl_warehouse_load(warehouse, &folder, 1, NULL, &error) ||
 *                  mdl_warehouse_build(warehouse, NULL, NULL, &error) ||
 *                  mdl_csv_write_file(context, mdl_warehouse_table(warehouse, mart),
 *                                     "mart_movie_analytics.csv", &error);
 *     if (failed) {
 *         fprintf(stderr, "%s\n", error.message);
 *     }
 *     mdl_warehouse_free(warehouse);
 *     mdl_context_free(context);
 *     return failed;
 * }
 * @endcode
 *
 * Where to read on:
 *
 * | header        | holds                                                             |
 * |---------------|-------------------------------------------------------------------|
 * | warehouse.h   | the whole job: load files, build and test models, get tables      |
 * | run.h         | what a run was told to do and what became of its tasks            |
 * | store.h       | tables that outlive the process, in versions                      |
 * | snapshot.h    | the history of a keyed table (SCD type 2)                         |
 * | notify.h      | telling Discord or a webhook of a finished run                    |
 * | watch.h       | daily files in a folder, as they come                             |
 * | quality.h     | data quality tests                                                |
 * | artifacts.h   | dbt's manifest, catalog and run results                           |
 * | csv.h         | one file to a table and back                                      |
 * | table.h       | reading tables by cursor, making them by builder                  |
 * | operators.h   | filter, project, explode, join, aggregate, distinct, sort, top-n  |
 * | model.h       | declaring a model of one's own                                    |
 * | column.h      | encodings and statistics                                          |
 * | types.h       | types, values, vectors, text forms                                |
 * | context.h     | allocator, memory budget, threads, cancelling, progress           |
 * | status.h      | status codes and errors                                           |
 *
 * Rules that hold everywhere:
 *
 * - What you `_create`, `_collect` or `_finish` you `_free`; every `_free` accepts NULL. A getter
 * gives no ownership and says how long its pointer lives.
 * - A call that fails leaves every object as it was, also when memory runs out at any point.
 * - The same input gives the same bytes, whatever the number of threads, the block and chunk sizes
 * and the instruction set.
 * - Tables and columns are immutable and may be read by many threads; other objects belong to one
 * thread at a time unless their header says more.
 * - The library does not print, exit, read the environment, or keep global state that changes.
 */
#ifndef MEDALLION_MEDALLION_H
#define MEDALLION_MEDALLION_H

#include "medallion/artifacts.h"
#include "medallion/column.h"
#include "medallion/context.h"
#include "medallion/csv.h"
#include "medallion/export.h"
#include "medallion/model.h"
#include "medallion/notify.h"
#include "medallion/operators.h"
#include "medallion/quality.h"
#include "medallion/run.h"
#include "medallion/snapshot.h"
#include "medallion/status.h"
#include "medallion/store.h"
#include "medallion/table.h"
#include "medallion/types.h"
#include "medallion/version.h"
#include "medallion/warehouse.h"
#include "medallion/watch.h"

#endif
