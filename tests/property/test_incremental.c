/*
 * However files cut and order the rows, building after each of them gives what one build of all
 * gives.
 *
 * Random rows cut at random into loads of random tables; after each load a build of all models, or
 * of some, in one process or in several over a store. At the end every model equals that of a
 * warehouse that loaded the same and was built once.
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

START_TEST(incremental_equals_full_refresh)
{
    test_random random = test_random_start("incremental_equals_full_refresh");
    for (int round = 0; round < N_ROUNDS; round++) {
        test_world steps;
        test_world at_once;
        world_start(&steps);
        world_start(&at_once);
        world_build(&steps, NULL);
        for (int load = 0; load < N_LOADS; load++) {
            load_random_file(&steps, &at_once, &random);
            uint64_t choice = test_random_below(&random, 6);
            if (choice < 4) {
                world_build(&steps, partial_builds[choice]);
            } else if (choice == 4) {
                world_build(&steps, NULL);
            }
        }
        world_build(&steps, NULL);
        world_build(&at_once, NULL);
        assert_same_models(&steps, &at_once);
        world_end(&steps);
        world_end(&at_once);
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
    test_text after = {NULL, 0};
    ck_assert_int_eq(mdl_csv_write(world.context, clone, test_text_write, &after, NULL), MDL_OK);
    ck_assert_str_eq(after.bytes, before);
    free(after.bytes);
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

/* Builds everything, and compares it with a full refresh of the same files. */
static void build_and_compare(store_world *world, const file_list *list)
{
    test_world full;
    world_build(&world->base, NULL);
    world_start(&full);
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
    for (int round = 0; round < N_STORE_ROUNDS; round++) {
        store_world world;
        file_list list = {.n_files = 0};
        version_texts versions[N_STORE_STEPS];
        store_world_start(&world, NULL);
        for (int step = 0; step < N_STORE_STEPS; step++) {
            load_next_file(&world, &list, &random);
            uint64_t choice = test_random_below(&random, 8);
            if (choice == 4) {
                world_build(&world.base, "+fact_ratings");
            } else if (choice > 4) {
                build_and_compare(&world, &list);
            }
            if (test_random_below(&random, 2) == 0) {
                store_world_commit(&world);
                list.n_committed = list.n_files;
                keep_texts(&world.base, &versions[mdl_store_version(world.store) - 1]);
            }
            if (test_random_below(&random, 3) == 0) {
                lose_process(&world, &list);
            }
        }
        build_and_compare(&world, &list);
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
