/*
 * However files cut and order the rows, building after each of them gives what one build of all
 * gives.
 *
 * Random rows cut at random into loads of random tables; after each load a build of all models, or
 * of some, a failed one or its retry, in one process or in several over a store. After each build of
 * all models every model equals that of a warehouse that loaded the same and was built once. How
 * often models went on from their previous tables, and were reused, is counted: all of them have to.
 */
#include <string.h>

#include "support/random.h"
#include "support/random_files.h"
#include "support/run_suite.h"
#include "support/store_world.h"

#define N_ROUNDS 25
#define N_LOADS  8

/* What is built between loads, besides all models; inputs that were never built are built before.
 */
static const char *const partial_builds[] = {"src_ratings fact_ratings", "+dim_movies",
                                             "+fact_ratings", "+dim_users fact_ratings"};

/* How models came to their tables in all runs of a test. */
typedef struct path_counts {
    struct {
        const char *name;
        int n_incremental;
        int n_reused;
        int n_built;
    } models[32];
    int n_models;
} path_counts;

/* The name of a built-in model, which outlives the warehouse; NULL for another. */
static const char *builtin_name(const char *name)
{
    int32_t n_models;
    const mdl_model *const *models = mdl_builtin_models(&n_models);
    for (int32_t i = 0; i < n_models; i++) {
        if (strcmp(models[i]->name, name) == 0) {
            return models[i]->name;
        }
    }
    return NULL;
}

static void count_run(path_counts *counts, const mdl_run *run)
{
    for (int32_t i = 0; i < mdl_run_n_results(run); i++) {
        const mdl_run_result *result = mdl_run_get_result(run, i);
        const char *name = builtin_name(result->name);
        if (result->kind != MDL_TASK_MODEL || name == NULL) {
            continue;
        }
        int m = 0;
        while (m < counts->n_models && counts->models[m].name != name) {
            m++;
        }
        if (m == counts->n_models) {
            ck_assert_int_lt(m, 32);
            counts->models[m].name = name;
            counts->n_models++;
        }
        counts->models[m].n_incremental += result->incremental;
        counts->models[m].n_reused += result->reused;
        counts->models[m].n_built += !result->incremental && !result->reused;
    }
}

/* Each model was built from all rows, reused, and went on from its previous table if it can. */
static void assert_paths(const path_counts *counts, const mdl_warehouse *warehouse)
{
    int32_t n_builtin;
    mdl_builtin_models(&n_builtin);
    ck_assert_int_eq(counts->n_models, n_builtin);
    for (int m = 0; m < counts->n_models; m++) {
        const char *name = counts->models[m].name;
        const mdl_model *model = mdl_warehouse_find_model(warehouse, name);
        bool is_incremental = model->materialization == MDL_MATERIALIZATION_INCREMENTAL;
        ck_assert_msg(counts->models[m].n_built > 0, "%s was never built from all rows", name);
        ck_assert_msg(counts->models[m].n_reused > 0, "%s was never reused", name);
        ck_assert_msg((counts->models[m].n_incremental > 0) == is_incremental,
                      "%s was built incrementally %d times", name, counts->models[m].n_incremental);
    }
}

/* Builds what `select` says and counts how. */
static void build_counted(test_world *world, const char *select, path_counts *counts)
{
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.select = select;
    mdl_error error = MDL_ERROR_INIT;
    mdl_run *run = NULL;
    mdl_status status = mdl_warehouse_build(world->warehouse, &options, &run, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    count_run(counts, run);
    mdl_run_free(run);
}

/* Loads a file into a source, whether it was there before or not. */
static void load_text(test_world *world, const char *source, const char *text)
{
    mdl_load_options options;
    mdl_load_options_init(&options);
    options.force = true;
    const char *path = world_write(world, "file.csv", text);
    ck_assert_int_eq(mdl_warehouse_load_file(world->warehouse, source, path, &options, NULL),
                     MDL_OK);
}

/* Loads a random file into both warehouses. */
static void load_random_file(test_world *one, test_world *other, test_random *random)
{
    char text[RANDOM_FILE_BYTES];
    const char *source = random_file(text, random);
    load_text(one, source, text);
    load_text(other, source, text);
}

static void assert_same_models(test_world *one, test_world *other)
{
    for (int32_t i = 0; i < mdl_warehouse_n_models(one->warehouse); i++) {
        const char *name = mdl_warehouse_model(one->warehouse, i)->name;
        if (mdl_warehouse_find_snapshot(one->warehouse, name) != NULL) {
            continue; /* was not taken */
        }
        char *expected = world_csv(other, name);
        world_assert_csv(one, name, expected);
        free(expected);
    }
}

/* Builds all models from all rows. */
static void refresh(test_world *world)
{
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.full_refresh = true;
    ck_assert_int_eq(mdl_warehouse_build(world->warehouse, &options, NULL, NULL), MDL_OK);
}

START_TEST(incremental_equals_full_refresh)
{
    test_random random = test_random_start("incremental_equals_full_refresh");
    path_counts counts = {.n_models = 0};
    for (int round = 0; round < N_ROUNDS; round++) {
        test_world steps;
        test_world full;
        world_start(&steps);
        world_start(&full);
        build_counted(&steps, NULL, &counts);
        for (int load = 0; load < N_LOADS; load++) {
            load_random_file(&steps, &full, &random);
            uint64_t choice = test_random_below(&random, 8);
            if (choice < 4) {
                build_counted(&steps, partial_builds[choice], &counts);
            } else if (choice < 7) {
                build_counted(&steps, NULL, &counts);
                refresh(&full);
                assert_same_models(&steps, &full);
            }
        }
        build_counted(&steps, NULL, &counts);
        refresh(&full);
        assert_same_models(&steps, &full);
        if (round + 1 == N_ROUNDS) {
            assert_paths(&counts, steps.warehouse);
        }
        world_end(&steps);
        world_end(&full);
    }
}
END_TEST

/* Tables that a later build does not change stay readable and the same. */
START_TEST(published_tables_do_not_change)
{
    test_random random = test_random_start("published_tables_do_not_change");
    test_world world;
    test_world shadow;
    world_start(&world);
    world_start(&shadow);
    for (int load = 0; load < 4; load++) {
        load_random_file(&world, &shadow, &random);
    }
    world_build(&world, NULL);
    mdl_table *clone = mdl_table_clone(mdl_warehouse_table(world.warehouse, "fact_ratings"));
    char *before = world_csv(&world, "fact_ratings");
    for (int load = 0; load < 4; load++) {
        load_random_file(&world, &shadow, &random);
        world_build(&world, NULL);
    }
    char *after = table_text(world.context, clone);
    ck_assert_str_eq(after, before);
    free(after);
    free(before);
    mdl_table_free(clone);
    world_end(&world);
    world_end(&shadow);
}
END_TEST

/*
 * Over a store: processes come and go, some without a commit.
 */

#define N_STORE_ROUNDS 12
#define N_STORE_STEPS  16
#define N_TABLES_MAX   32

/* Files in the order of loading; the first `n_committed` of them are in the store. */
typedef struct file_list {
    struct {
        const char *source;
        char *text;
    } files[N_STORE_STEPS];
    int n_files;
    int n_committed;
} file_list;

/* What the tables of a version hold; NULL = it was never built then. */
typedef struct version_texts {
    char *tables[N_TABLES_MAX];
} version_texts;

static void keep_texts(test_world *world, version_texts *texts)
{
    ck_assert_int_le(mdl_warehouse_n_models(world->warehouse), N_TABLES_MAX);
    for (int32_t i = 0; i < mdl_warehouse_n_models(world->warehouse); i++) {
        const char *name = mdl_warehouse_model(world->warehouse, i)->name;
        const mdl_table *table;
        bool is_built = mdl_warehouse_read_table(world->warehouse, name, &table, NULL) == MDL_OK;
        texts->tables[i] = is_built ? world_csv(world, name) : NULL;
    }
}

static void assert_texts(test_world *world, version_texts *texts)
{
    for (int32_t i = 0; i < mdl_warehouse_n_models(world->warehouse); i++) {
        const char *name = mdl_warehouse_model(world->warehouse, i)->name;
        const mdl_table *table;
        if (texts->tables[i] != NULL) {
            world_assert_csv(world, name, texts->tables[i]);
        } else {
            ck_assert_int_eq(mdl_warehouse_read_table(world->warehouse, name, &table, NULL),
                             MDL_E_STATE);
        }
        free(texts->tables[i]);
    }
}

/* A model that fails once when it is told to; the run is then tried again, here or elsewhere. */
static bool has_to_fail;

static mdl_status build_failing(mdl_build *build, mdl_table **out, mdl_error *error)
{
    if (has_to_fail) {
        return MDL_E_MODEL;
    }
    mdl_rel *users =
        mdl_aggregate(mdl_build_scan(build, "fact_ratings"), "user_id", "count(*) as n_ratings");
    return mdl_build_collect(build, users, out, error);
}

static void add_failing_model(mdl_warehouse *warehouse)
{
    static const char *const refs[] = {"fact_ratings"};
    static const mdl_model_column columns[] = {{"user_id", MDL_TYPE_INT32, "Id of the user"},
                                               {"n_ratings", MDL_TYPE_INT64, "Ratings"}};
    static const mdl_model model = {
        .struct_size = sizeof(mdl_model),
        .name = "failing",
        .layer = MDL_LAYER_GOLD,
        .materialization = MDL_MATERIALIZATION_TABLE,
        .description = "Fails when it is told to",
        .refs = refs,
        .n_refs = 1,
        .columns = columns,
        .n_columns = 2,
        .build = build_failing,
    };
    ck_assert_int_eq(mdl_warehouse_add_model(warehouse, &model, NULL), MDL_OK);
}

/* Commits, and keeps what the new version holds. */
static void commit(store_world *world, file_list *list, version_texts *versions)
{
    store_world_commit(world);
    list->n_committed = list->n_files;
    keep_texts(&world->base, &versions[mdl_store_version(world->store) - 1]);
}

/* Lets a run of everything fail, and tries it again; at times in another process. */
static void fail_and_retry(store_world *world, file_list *list, version_texts *versions,
                           test_random *random)
{
    mdl_build_options options;
    mdl_build_options_init(&options);
    has_to_fail = true;
    ck_assert_int_eq(mdl_warehouse_build(world->base.warehouse, &options, NULL, NULL), MDL_E_MODEL);
    has_to_fail = false;
    if (test_random_below(random, 2) == 0) {
        commit(world, list, versions);
        store_world_reopen(world);
    }
    options.retry = true;
    ck_assert_int_eq(mdl_warehouse_build(world->base.warehouse, &options, NULL, NULL), MDL_OK);
}

/* Compares all models with a full refresh of the same files. */
static void compare(store_world *world, const file_list *list)
{
    test_world full;
    world_start(&full);
    add_failing_model(full.warehouse);
    for (int i = 0; i < list->n_files; i++) {
        load_text(&full, list->files[i].source, list->files[i].text);
    }
    world_build(&full, NULL);
    assert_same_models(&world->base, &full);
    world_end(&full);
}

/* Loads a new random file, or at times once more one that was loaded before. */
static void load_next_file(store_world *world, file_list *list, test_random *random)
{
    char text[RANDOM_FILE_BYTES];
    const char *source = random_file(text, random);
    if (list->n_files > 0 && test_random_below(random, 5) == 0) {
        uint64_t again = test_random_below(random, (uint64_t)list->n_files);
        source = list->files[again].source;
        strcpy(text, list->files[again].text);
    }
    load_text(&world->base, source, text);
    list->files[list->n_files].source = source;
    list->files[list->n_files].text = strdup(text);
    list->n_files++;
}

/* Ends the process without a commit; another one goes on. */
static void lose_process(store_world *world, file_list *list)
{
    store_world_reopen(world);
    while (list->n_files > list->n_committed) {
        free(list->files[--list->n_files].text);
    }
    ck_assert_int_eq(mdl_warehouse_n_loads(world->base.warehouse), list->n_files);
}

static void assert_versions(store_world *world, version_texts *versions)
{
    int64_t n_versions = mdl_store_version(world->store);
    for (int64_t version = 1; version <= n_versions; version++) {
        store_world_close(world);
        store_world_open(world, version);
        assert_texts(&world->base, &versions[version - 1]);
    }
}

START_TEST(processes_equal_full_refresh)
{
    test_random random = test_random_start("processes_equal_full_refresh");
    path_counts counts = {.n_models = 0};
    for (int round = 0; round < N_STORE_ROUNDS; round++) {
        store_world world;
        file_list list = {.n_files = 0};
        version_texts versions[2 * N_STORE_STEPS];
        store_world_start(&world, add_failing_model);
        for (int step = 0; step < N_STORE_STEPS; step++) {
            load_next_file(&world, &list, &random);
            uint64_t choice = test_random_below(&random, 8);
            if (choice == 3) {
                fail_and_retry(&world, &list, versions, &random);
                compare(&world, &list);
            } else if (choice == 4) {
                build_counted(&world.base, "+fact_ratings", &counts);
            } else if (choice > 4) {
                build_counted(&world.base, NULL, &counts);
                compare(&world, &list);
            }
            if (test_random_below(&random, 2) == 0) {
                commit(&world, &list, versions);
            }
            if (test_random_below(&random, 3) == 0) {
                lose_process(&world, &list);
            }
        }
        build_counted(&world.base, NULL, &counts);
        compare(&world, &list);
        if (round + 1 == N_STORE_ROUNDS) {
            assert_paths(&counts, world.base.warehouse);
        }
        assert_versions(&world, versions);
        while (list.n_files > 0) {
            free(list.files[--list.n_files].text);
        }
        store_world_end(&world);
    }
}
END_TEST

static Suite *incremental_suite(void)
{
    Suite *suite = suite_create("incremental");
    TCase *property = tcase_create("property");
    tcase_add_test(property, incremental_equals_full_refresh);
    tcase_add_test(property, published_tables_do_not_change);
    tcase_add_test(property, processes_equal_full_refresh);
    tcase_set_timeout(property, 120);
    suite_add_tcase(suite, property);
    return suite;
}

int main(void)
{
    return run_suite(incremental_suite());
}
