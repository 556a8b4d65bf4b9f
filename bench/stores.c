/*
 * Stores: a commit of everything, one that changes nothing, opening, and reading.
 *
 * Times include the syncs of the disk that the temporary folder is on; bytes on disk are in the note.
 */
#include "operator_groups.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What all cases work on: the loaded tables, and a store that holds them. */
typedef struct store_data {
    mdl_csv_result ratings;
    mdl_csv_result movies;
    char folder[64];
    char kept[96]; /* the store that is read */
    char made[96]; /* the store that a run makes */
} store_data;

static int remove_entry(const char *path, const struct stat *entry, int kind, struct FTW *place)
{
    (void)entry;
    (void)kind;
    (void)place;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static bool open_store(bench_run *run, const char *path, bool read_only, mdl_store **store)
{
    mdl_store_options options;
    mdl_error error = MDL_ERROR_INIT;
    mdl_store_options_init(&options);
    options.read_only = read_only;
    return bench_ok(run, mdl_store_open(run->world->context, path, &options, store, &error),
                    &error);
}

/* Commits both tables and tells what that took on disk. */
static bool commit(bench_run *run, mdl_store *store)
{
    const store_data *data = run->world->shared;
    const mdl_store_item items[] = {{"ratings", data->ratings.table},
                                    {"movies", data->movies.table}};
    mdl_error error = MDL_ERROR_INIT;
    mdl_store_version_info info;
    if (!bench_ok(run, mdl_store_commit(store, items, 2, "benchmark", 0, &error), &error) ||
        !bench_ok(run, mdl_store_get_version(store, mdl_store_n_versions(store) - 1, &info, &error),
                  &error)) {
        return false;
    }
    snprintf(run->note, sizeof run->note, "%lld bytes, %lld of them new",
             (long long)info.size_bytes, (long long)info.new_bytes);
    return true;
}

static bool commit_once(bench_run *run, const char *path)
{
    mdl_store *store;
    if (!open_store(run, path, false, &store)) {
        return false;
    }
    const bool is_done = commit(run, store);
    mdl_store_close(store);
    return is_done;
}

static bool open_data(bench_run *run)
{
    store_data *data = bench_allocate(sizeof *data);
    run->world->shared = data;
    strcpy(data->folder, "/tmp/medallion-bench-XXXXXX");
    if (mkdtemp(data->folder) == NULL) {
        return bench_fail(run, "cannot make %s", data->folder);
    }
    snprintf(data->kept, sizeof data->kept, "%s/kept", data->folder);
    snprintf(data->made, sizeof data->made, "%s/made", data->folder);
    return bench_read_csv(run, "ratings", &data->ratings) &&
           bench_read_csv(run, "movies", &data->movies) && commit_once(run, data->kept);
}

static void close_data(void *shared)
{
    store_data *data = shared;
    if (data != NULL) {
        mdl_csv_result_free(&data->ratings);
        mdl_csv_result_free(&data->movies);
        remove_tree(data->folder);
        free(data);
    }
}

static bool setup(bench_run *run)
{
    const store_data *data = run->world->shared;
    run->n_rows = mdl_table_n_rows(data->ratings.table);
    return true;
}

static bool run_commit_all(bench_run *run)
{
    const store_data *data = run->world->shared;
    remove_tree(data->made);
    return commit_once(run, data->made);
}

static bool run_commit_nothing(bench_run *run)
{
    const store_data *data = run->world->shared;
    return commit_once(run, data->kept);
}

/* Opens and reads the table that is the parameter. */
static bool run_read(bench_run *run)
{
    const store_data *data = run->world->shared;
    mdl_store *store;
    mdl_table *table;
    mdl_error error = MDL_ERROR_INIT;
    if (!open_store(run, data->kept, true, &store)) {
        return false;
    }
    const bool is_read =
        bench_ok(run, mdl_store_read_table(store, run->parameter, NULL, 0, &table, &error), &error);
    if (is_read) {
        run->n_rows = mdl_table_n_rows(table);
        mdl_table_free(table);
    }
    mdl_store_close(store);
    return is_read;
}

/* The store that a run left holds all rows, and every byte of it is right. */
static bool check_store(bench_run *run, const char *path)
{
    const store_data *data = run->world->shared;
    mdl_store *store;
    mdl_error error = MDL_ERROR_INIT;
    if (!open_store(run, path, true, &store)) {
        return false;
    }
    bool is_right = bench_ok(run, mdl_store_check(store, &error), &error);
    if (is_right &&
        mdl_store_table_rows(store, "ratings") != mdl_table_n_rows(data->ratings.table)) {
        is_right = bench_fail(run, "rows are missing");
    }
    mdl_store_close(store);
    return is_right;
}

static bool check_made(bench_run *run)
{
    return check_store(run, ((const store_data *)run->world->shared)->made);
}

static bool check_kept(bench_run *run)
{
    return check_store(run, ((const store_data *)run->world->shared)->kept);
}

static void teardown(bench_run *run)
{
    (void)run;
}

static const bench_case cases[] = {
    {"store: commit ratings and movies", NULL, setup, run_commit_all, check_made, teardown},
    {"store: commit, nothing new", NULL, setup, run_commit_nothing, check_kept, teardown},
    {"store: open, read movies", "movies", setup, run_read, check_kept, teardown},
    {"store: open, read ratings", "ratings", setup, run_read, check_kept, teardown},
};

const bench_group bench_stores = {
    .name = "store",
    .variants = BENCH_PER_THREADS,
    .needs_data = true,
    .cases = cases,
    .n_cases = BENCH_COUNT_OF(cases),
    .open = open_data,
    .close = close_data,
};
