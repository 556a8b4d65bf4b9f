/*
 * Warehouses over a store when things go wrong: a process is killed at any instant, the allocator
 * or the disk gives out. Always the store holds a state that was committed, whole, and a warehouse
 * that could not do something is as it was and can do it later.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file_system.h"
#include "store/store_internal.h"
#include "support/random_files.h"
#include "support/run_suite.h"
#include "support/store_world.h"

/*
 * Killed processes.
 */

#define N_FILES     12
#define N_KILLS_MAX 60

typedef struct test_file {
    const char *source;
    char text[RANDOM_FILE_BYTES];
} test_file;

static test_file files[N_FILES];

static void load_file(test_world *world, int number, const char *name)
{
    mdl_load_options options;
    mdl_load_options_init(&options);
    options.force = true;
    const char *path = world_write(world, name, files[number].text);
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status =
        mdl_warehouse_load_file(world->warehouse, files[number].source, path, &options, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
}

/* Loads the files that are still to be loaded; commits each with its build, every third also before
 * it. */
static void work(store_world *world)
{
    world_make_context(&world->base, 2, NULL);
    store_world_open(world, 0);
    int n_runs = (int)mdl_table_n_rows(mdl_warehouse_runs(world->base.warehouse));
    for (int i = n_runs; i < N_FILES; i++) {
        if (mdl_warehouse_n_loads(world->base.warehouse) == i) {
            load_file(&world->base, i, "child.csv");
        }
        if (i % 3 == 0) {
            store_world_commit(world);
        }
        world_build(&world->base, NULL);
        store_world_commit(world);
    }
    store_world_close(world);
    world_free_context(&world->base);
}

/* Compares what a killed process left with a warehouse that did the same; true when all is done. */
static bool is_done(store_world *world)
{
    world_make_context(&world->base, 2, NULL);
    store_world_open(world, 0);
    mdl_warehouse *warehouse = world->base.warehouse;
    int n_loads = mdl_warehouse_n_loads(warehouse);
    int n_runs = (int)mdl_table_n_rows(mdl_warehouse_runs(warehouse));
    ck_assert(n_runs == n_loads || (n_runs == n_loads - 1 && n_runs % 3 == 0));

    test_world same;
    world_start(&same);
    for (int i = 0; i < n_loads; i++) {
        load_file(&same, i, "file.csv");
        if (i < n_runs) {
            world_build(&same, NULL);
        }
    }
    for (int32_t i = 0; i < mdl_warehouse_n_models(warehouse); i++) {
        const mdl_model *model = mdl_warehouse_model(warehouse, i);
        const mdl_table *table;
        if (mdl_warehouse_read_table(same.warehouse, model->name, &table, NULL) == MDL_OK) {
            char *expected = world_csv(&same, model->name);
            world_assert_csv(&world->base, model->name, expected);
            free(expected);
        }
    }
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_store_check(world->store, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    world_end(&same);
    store_world_close(world);
    world_free_context(&world->base);
    return n_runs == N_FILES;
}

START_TEST(kills_leave_a_committed_state)
{
    test_random random = test_random_start("kills_leave_a_committed_state");
    for (int i = 0; i < N_FILES; i++) {
        files[i].source = random_file(files[i].text, &random);
    }
    store_world world;
    store_world_make_folder(&world);
    useconds_t patience = 20000;
    bool is_all = false;
    for (int kill_number = 0; !is_all; kill_number++) {
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            work(&world);
            _exit(0);
        }
        /* After many kills the child gets its time. */
        if (kill_number < N_KILLS_MAX) {
            usleep((useconds_t)test_random_below(&random, patience));
            patience += 1000;
            kill(child, SIGKILL);
        }
        int how;
        ck_assert_int_eq(waitpid(child, &how, 0), child);
        ck_assert(WIFSIGNALED(how) || WEXITSTATUS(how) == 0);
        is_all = is_done(&world);
    }
    world_remove_folder(&world.base);
}
END_TEST

/*
 * No memory.
 */

/* Serves allocations until `n_left` is used up, then none. */
typedef struct failing_allocator {
    atomic_llong n_left;
} failing_allocator;

static void *allocate(void *user_data, size_t size_bytes, size_t alignment_bytes)
{
    failing_allocator *allocator = user_data;
    return atomic_fetch_sub(&allocator->n_left, 1) > 0 ? aligned_alloc(alignment_bytes, size_bytes)
                                                       : NULL;
}

static void release(void *user_data, void *memory, size_t size_bytes)
{
    (void)user_data;
    (void)size_bytes;
    free(memory);
}

/* What is tried with ever more memory. It answers MDL_E_NO_MEMORY or MDL_OK. */
typedef mdl_status step_fn(store_world *world, mdl_error *error);

static mdl_status step_open(store_world *world, mdl_error *error)
{
    mdl_warehouse_options options;
    mdl_warehouse_options_init(&options);
    mdl_status status =
        mdl_store_open(world->base.context, world->store_path, NULL, &world->store, error);
    options.store = world->store;
    if (status == MDL_OK) {
        status = mdl_warehouse_create(world->base.context, &options, &world->base.warehouse, error);
    }
    if (status != MDL_OK) {
        mdl_store_close(world->store);
        world->store = NULL;
        int64_t in_use = mdl_context_memory_in_use(world->base.context);
        ASSERT_IN_LOOP(in_use == world->base.context_bytes, "%lld", (long long)in_use);
    }
    return status;
}

static mdl_status step_load(store_world *world, mdl_error *error)
{
    const char *path = world->base.path;
    int32_t n_loads = mdl_warehouse_n_loads(world->base.warehouse);
    mdl_status status =
        mdl_warehouse_load_file(world->base.warehouse, "ratings", path, NULL, error);
    int32_t n_more = mdl_warehouse_n_loads(world->base.warehouse) - n_loads;
    ASSERT_IN_LOOP(n_more == (status == MDL_OK), "%d", (int)n_more);
    return status;
}

static mdl_status step_build(store_world *world, mdl_error *error)
{
    return mdl_warehouse_build(world->base.warehouse, NULL, NULL, error);
}

static mdl_status step_commit(store_world *world, mdl_error *error)
{
    int64_t version = mdl_store_version(world->store);
    mdl_status status = mdl_warehouse_commit(world->base.warehouse, NULL, error);
    int64_t n_more = mdl_store_version(world->store) - version;
    ASSERT_IN_LOOP(n_more == (status == MDL_OK), "%lld", (long long)n_more);
    return status;
}

/* Does a step with 0, 1, 2, … allocations until that is enough; in strides as it takes more. */
static void do_when_possible(store_world *world, failing_allocator *allocator, step_fn *step,
                             const char *what)
{
    mdl_status status = MDL_E_NO_MEMORY;
    for (int64_t n = 0; status != MDL_OK; n += 1 + n / 40) {
        mdl_error error = MDL_ERROR_INIT;
        atomic_store(&allocator->n_left, n);
        status = step(world, &error);
        atomic_store(&allocator->n_left, INT64_MAX);
        ASSERT_IN_LOOP(status == MDL_OK || status == MDL_E_NO_MEMORY, "%s, allocation %lld: %d, %s",
                       what, (long long)n, (int)status, error.message);
    }
}

START_TEST(without_memory_all_is_as_it_was)
{
    static const char increment[] = "userId,movieId,rating,timestamp\n7,1,0.5,9\n1,1,5.0,200000\n";
    test_random random = test_random_start("without_memory_all_is_as_it_was");
    failing_allocator allocator = {INT64_MAX};
    mdl_allocator functions = {allocate, release, &allocator};
    store_world world;
    store_world_make_folder(&world);
    world_make_context(&world.base, 2, &functions);
    store_world_open(&world, 0);
    for (int i = 0; i < 6; i++) {
        files[i].source = random_file(files[i].text, &random);
        load_file(&world.base, i, "file.csv");
    }
    world_build(&world.base, NULL);
    store_world_commit(&world);
    store_world_close(&world);

    world_write(&world.base, "increment.csv", increment);
    do_when_possible(&world, &allocator, step_open, "open");
    do_when_possible(&world, &allocator, step_load, "load");
    do_when_possible(&world, &allocator, step_build, "build");
    do_when_possible(&world, &allocator, step_commit, "commit");

    store_world_reopen(&world);
    test_world same;
    world_start(&same);
    for (int i = 0; i < 6; i++) {
        load_file(&same, i, "file.csv");
    }
    ck_assert_int_eq(mdl_warehouse_load_file(same.warehouse, "ratings",
                                             world_write(&same, "increment.csv", increment), NULL,
                                             NULL),
                     MDL_OK);
    world_build(&same, NULL);
    for (int32_t i = 0; i < mdl_warehouse_n_models(same.warehouse); i++) {
        const mdl_model *model = mdl_warehouse_model(same.warehouse, i);
        if (model->materialization != MDL_MATERIALIZATION_SNAPSHOT) {
            char *expected = world_csv(&same, model->name);
            world_assert_csv(&world.base, model->name, expected);
            free(expected);
        }
    }
    world_end(&same);
    store_world_close(&world);
    world_free_context(&world.base);
    world_remove_folder(&world.base);
}
END_TEST

/*
 * No space.
 */

/* The system's files, of which `n_left` more writes and links succeed. */
typedef struct full_disk {
    mdli_file_system files;
    int64_t n_left;
} full_disk;

static int64_t write_until_full(void *data, int file, const void *from, int64_t size_bytes,
                                int64_t offset_bytes)
{
    full_disk *disk = data;
    const mdli_file_system *real = mdli_file_system_real();
    return disk->n_left-- > 0 ? real->write_at(real->data, file, from, size_bytes, offset_bytes)
                              : -ENOSPC;
}

static int sync_unless_full(void *data, int file)
{
    full_disk *disk = data;
    const mdli_file_system *real = mdli_file_system_real();
    return disk->n_left-- > 0 ? real->sync(real->data, file) : -ENOSPC;
}

START_TEST(full_disk_costs_nothing_but_the_commit)
{
    test_random random = test_random_start("full_disk_costs_nothing_but_the_commit");
    full_disk disk = {.files = *mdli_file_system_real(), .n_left = INT64_MAX};
    ck_assert_msg(disk.files.data == NULL, "the real files need no data");
    disk.files.data = &disk;
    disk.files.write_at = write_until_full;
    disk.files.sync = sync_unless_full;
    store_world world;
    store_world_make_folder(&world);
    world_make_context(&world.base, 2, NULL);
    ck_assert_int_eq(mdli_store_open_with(world.base.context, &disk.files, world.store_path, NULL,
                                          &world.store, NULL),
                     MDL_OK);
    store_world_open_warehouse(&world);
    int64_t n_allowed = 0;
    int64_t n_refused = 0;
    for (int i = 0; i < N_FILES; i++) {
        files[i].source = random_file(files[i].text, &random);
        load_file(&world.base, i, "file.csv");
        world_build(&world.base, NULL);
        mdl_status status = MDL_E_NO_SPACE;
        for (n_allowed = 0; status != MDL_OK; n_allowed++) {
            mdl_error error = MDL_ERROR_INIT;
            disk.n_left = n_allowed;
            status = mdl_warehouse_commit(world.base.warehouse, NULL, &error);
            disk.n_left = INT64_MAX;
            n_refused += status != MDL_OK;
            ASSERT_IN_LOOP(status == MDL_OK || status == MDL_E_NO_SPACE, "%d, %s", (int)status,
                           error.message);
        }
    }
    ck_assert_int_ge(n_refused, 3 * N_FILES);
    store_world_close(&world);
    world_free_context(&world.base);
    ck_assert(is_done(&world));
    world_remove_folder(&world.base);
}
END_TEST

static Suite *warehouse_store_suite(void)
{
    Suite *suite = suite_create("warehouse_store");
    TCase *faults = tcase_create("faults");
    tcase_add_test(faults, kills_leave_a_committed_state);
    tcase_add_test(faults, without_memory_all_is_as_it_was);
    tcase_add_test(faults, full_disk_costs_nothing_but_the_commit);
    tcase_set_timeout(faults, 300);
    suite_add_tcase(suite, faults);
    return suite;
}

int main(void)
{
    return run_suite(warehouse_store_suite());
}
