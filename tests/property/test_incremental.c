/*
 * However files cut and order the rows, building after each of them gives what one build of all
 * gives.
 *
 * Random rows from few ids and times, so that keys repeat, rows are late, and ratings come before
 * their movies and users; cut at random into loads of random tables; after each load a build of all
 * models, or of some. At the end every model equals that of a warehouse that loaded the same and
 * was built once.
 */
#include <string.h>

#include "support/random.h"
#include "support/run_suite.h"
#include "support/warehouse_world.h"

#define N_ROUNDS   25
#define N_LOADS    8
#define FILE_BYTES 16384

static void add_movie(char *line, test_random *random)
{
    static const char *const genres[] = {"Drama|Comedy", "Drama", "", "Comedy|War|Drama", "War"};
    int id = (int)test_random_below(random, 30) + 1;
    int year = (int)test_random_below(random, 60) + 1975;
    sprintf(line, "%d,\"Movie %d, %d (%d)\",%s\n", id, id, (int)test_random_below(random, 3), year,
            genres[test_random_below(random, 5)]);
}

static void add_rating(char *line, test_random *random)
{
    sprintf(line, "%d,%d,%d.%d,%d\n", (int)test_random_below(random, 8) + 1,
            (int)test_random_below(random, 30) + 1, (int)test_random_below(random, 5),
            (int)test_random_below(random, 2) * 5, (int)test_random_below(random, 4) * 50000);
}

static void add_tag(char *line, test_random *random)
{
    static const char *const tags[] = {"", "fun", "\"\"", "slow"};
    sprintf(line, "%d,%d,%s,%d\n", (int)test_random_below(random, 10) + 1,
            (int)test_random_below(random, 30) + 1, tags[test_random_below(random, 4)],
            (int)test_random_below(random, 4) * 50000);
}

static void add_link(char *line, test_random *random)
{
    sprintf(line, "%d,%d,\n", (int)test_random_below(random, 30) + 1,
            (int)test_random_below(random, 100));
}

static const struct {
    const char *name;
    const char *header;
    void (*add)(char *line, test_random *random);
    uint64_t rows_max;
} sources[] = {
    {"movies", "movieId,title,genres\n", add_movie, 12},
    {"ratings", "userId,movieId,rating,timestamp\n", add_rating, 100},
    {"tags", "userId,movieId,tag,timestamp\n", add_tag, 40},
    {"links", "movieId,imdbId,tmdbId\n", add_link, 12},
};

/* What is built between loads, besides all models; inputs that were never built are built before.
 */
static const char *const partial_builds[] = {"src_ratings fact_ratings", "+dim_movies",
                                             "+fact_ratings", "+dim_users fact_ratings"};

/* Loads a random file into both warehouses. */
static void load_random_file(test_world *one, test_world *other, test_random *random)
{
    size_t s = test_random_below(random, 3) == 0 ? 1 : test_random_below(random, 4);
    char text[FILE_BYTES];
    strcpy(text, sources[s].header);
    uint64_t n_rows = test_random_below(random, sources[s].rows_max);
    for (uint64_t i = 0; i < n_rows; i++) {
        sources[s].add(text + strlen(text), random);
    }
    const char *path = world_write(one, "file.csv", text);
    mdl_load_options options;
    mdl_load_options_init(&options);
    options.force = true;
    ck_assert_int_eq(mdl_warehouse_load_file(one->warehouse, sources[s].name, path, &options, NULL),
                     MDL_OK);
    ck_assert_int_eq(
        mdl_warehouse_load_file(other->warehouse, sources[s].name, path, &options, NULL), MDL_OK);
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

static Suite *incremental_suite(void)
{
    Suite *suite = suite_create("incremental");
    TCase *property = tcase_create("property");
    tcase_add_test(property, incremental_equals_full_refresh);
    tcase_add_test(property, published_tables_do_not_change);
    tcase_set_timeout(property, 120);
    suite_add_tcase(suite, property);
    return suite;
}

int main(void)
{
    return run_suite(incremental_suite());
}
