/*
 * Warehouses over a store: what a new process finds, what it need not read, what a failure leaves.
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/literal_table.h"
#include "support/run_suite.h"
#include "support/store_world.h"
#include "warehouse/load_log.h"

#define MOVIES  "movieId,title,genres\n"
#define RATINGS "userId,movieId,rating,timestamp\n"
#define TAGS    "userId,movieId,tag,timestamp\n"
#define LINKS   "movieId,imdbId,tmdbId\n"

static void load(store_world *world, const char *name, const char *text)
{
    mdl_status status = world_load(&world->base, world_write(&world->base, name, text));
    ck_assert_msg(status == MDL_OK, "%s", world->base.error.message);
}

static void load_first_files(store_world *world)
{
    load(world, "movies.csv", MOVIES "1,Toy (1995),Animation|Comedy\n2,Gone (2021),Drama\n");
    load(world, "ratings.csv", RATINGS "1,1,4.0,100\n1,2,3.5,200\n2,1,2.0,300\n2,9,5.0,250\n");
    load(world, "tags.csv", TAGS "3,1,fun,10\n1,1,,20\n");
    load(world, "links.csv", LINKS "1,0001,\n");
}

/* A new movie, which brings in a rating; a repeat; a late row; a new user. */
static void load_later_files(store_world *world)
{
    load(world, "01012026_movies.csv", MOVIES "9,New (2026),Drama\n");
    load(world, "01012026_ratings.csv",
         RATINGS "1,1,0.5,100\n2,2,1.0,150\n4,1,3.0,400\n4,1,3.5,400\n");
}

/* A warehouse over a new store with all models of the first files, not committed. */
static void start_built(store_world *world, void (*extend)(mdl_warehouse *warehouse))
{
    store_world_start(world, extend);
    load_first_files(world);
    world_build(&world->base, NULL);
}

static void build_later_files(store_world *world)
{
    load_later_files(world);
    world_build(&world->base, NULL);
}

static const char *const models[] = {
    "movies",
    "ratings",
    "tags",
    "links",
    "src_movies",
    "src_ratings",
    "src_tags",
    "src_links",
    "dim_users",
    "dim_movies",
    "fact_tags",
    "fact_ratings",
    "fact_movie_genre_ratings",
    "mart_movie_analytics",
    "mart_user_behavior",
    "mart_genre_performance",
};
#define N_MODELS (sizeof models / sizeof *models)

static void keep_models(store_world *world, char **texts)
{
    for (size_t m = 0; m < N_MODELS; m++) {
        texts[m] = world_csv(&world->base, models[m]);
    }
}

static void assert_models(store_world *world, char **texts)
{
    for (size_t m = 0; m < N_MODELS; m++) {
        world_assert_csv(&world->base, models[m], texts[m]);
    }
}

static void free_texts(char **texts)
{
    for (size_t m = 0; m < N_MODELS; m++) {
        free(texts[m]);
    }
}

START_TEST(next_process_finds_everything)
{
    store_world world;
    char *texts[N_MODELS];
    start_built(&world, NULL);
    keep_models(&world, texts);
    store_world_next_process(&world);
    assert_models(&world, texts);
    free_texts(texts);
    store_world_end(&world);
}
END_TEST

START_TEST(next_process_finds_loads_rejects_and_origins)
{
    store_world world;
    store_world_start(&world, NULL);
    load(&world, "movies.csv", MOVIES "1,A,\n");
    mdl_load_options options;
    mdl_load_options_init(&options);
    options.csv.on_error = MDL_ON_ERROR_SKIP;
    const char *path =
        world_write(&world.base, "tags.csv", TAGS "x,1,a,1\n1,1,b,1\ny,1,c,1\n1,1,d,1\n");
    ck_assert_int_eq(mdl_warehouse_load_file(world.base.warehouse, "tags", path, &options, NULL),
                     MDL_OK);
    mdl_load_info before = *mdl_warehouse_load_info(world.base.warehouse, 1);
    char *before_path = strdup(before.path);
    ck_assert_int_eq(mdl_warehouse_append(world.base.warehouse, "tags",
                                          mdl_warehouse_table(world.base.warehouse, "tags"), NULL),
                     MDL_OK);
    store_world_next_process(&world);

    mdl_warehouse *warehouse = world.base.warehouse;
    ck_assert_int_eq(mdl_warehouse_n_loads(warehouse), 2);
    const mdl_load_info *after = mdl_warehouse_load_info(warehouse, 1);
    ck_assert_str_eq(after->path, before_path);
    ck_assert_str_eq(after->source, "tags");
    ck_assert_int_eq(after->size_bytes, before.size_bytes);
    ck_assert_int_eq(after->first_row, 0);
    ck_assert_int_eq(after->n_rows, 2);
    ck_assert_int_eq(after->n_rejected, 2);
    ck_assert_int_eq(after->already_loaded, false);
    ck_assert_double_eq(after->seconds, before.seconds);
    ck_assert_int_eq(after->loaded_at, before.loaded_at);
    ck_assert_int_eq(after->attempt, 1);
    ck_assert_mem_eq(after->xxh3_128, before.xxh3_128, 16);
    ck_assert_int_eq(mdl_table_n_rows(mdl_warehouse_rejects(warehouse)), 2);

    mdl_row_origin origin;
    ck_assert_int_eq(mdl_warehouse_row_origin(warehouse, "tags", 1, &origin, NULL), MDL_OK);
    ck_assert_str_eq(origin.path, before_path);
    ck_assert_int_eq(origin.record, 4);
    ck_assert_int_eq(mdl_warehouse_row_origin(warehouse, "tags", 3, &origin, NULL), MDL_OK);
    ck_assert_str_eq(origin.path, "");
    ck_assert_int_eq(origin.record, 2);
    ck_assert_int_eq(mdl_warehouse_row_origin(warehouse, "tags", 4, &origin, NULL), MDL_E_ARGUMENT);
    free(before_path);
    store_world_end(&world);
}
END_TEST

START_TEST(same_content_loads_once_in_all_processes)
{
    store_world world;
    store_world_start(&world, NULL);
    load_first_files(&world);
    store_world_next_process(&world);
    load_first_files(&world);
    ck_assert_int_eq(mdl_warehouse_n_loads(world.base.warehouse), 8);
    for (int32_t i = 4; i < 8; i++) {
        ck_assert(mdl_warehouse_load_info(world.base.warehouse, i)->already_loaded);
    }
    /* To know that, no table had to be read. */
    ck_assert_ptr_null(mdl_warehouse_table(world.base.warehouse, "ratings"));
    ck_assert_int_eq(mdl_warehouse_load_info(world.base.warehouse, 5)->first_row, 4);
    store_world_next_process(&world);
    ck_assert_int_eq(mdl_warehouse_n_loads(world.base.warehouse), 8);
    char *ratings = world_csv(&world.base, "ratings");
    ck_assert_str_eq(ratings, RATINGS "1,1,4.0,100\n1,2,3.5,200\n2,1,2.0,300\n2,9,5.0,250\n");
    free(ratings);
    store_world_end(&world);
}
END_TEST

START_TEST(what_is_not_committed_is_gone)
{
    store_world world;
    char *texts[N_MODELS];
    start_built(&world, NULL);
    keep_models(&world, texts);
    store_world_commit(&world);
    build_later_files(&world);
    store_world_reopen(&world);
    assert_models(&world, texts);
    ck_assert_int_eq(mdl_warehouse_n_loads(world.base.warehouse), 4);
    free_texts(texts);
    store_world_end(&world);
}
END_TEST

/* What a full refresh of the same files gives. */
static void assert_full_refresh(store_world *world)
{
    char *texts[N_MODELS];
    store_world full;
    store_world_start(&full, NULL);
    load_first_files(&full);
    build_later_files(&full);
    keep_models(&full, texts);
    store_world_end(&full);
    assert_models(world, texts);
    free_texts(texts);
}

static const mdl_run_result *find_result(const mdl_run *run, const char *name)
{
    for (int32_t i = 0; i < mdl_run_n_results(run); i++) {
        const mdl_run_result *result = mdl_run_get_result(run, i);
        if (result->kind == MDL_TASK_MODEL && strcmp(result->name, name) == 0) {
            return result;
        }
    }
    ck_abort_msg("the run has no task %s", name);
    return NULL;
}

START_TEST(next_process_builds_on)
{
    static const mdl_run_counter expected[] = {
        {"new", 3}, {"late", 3}, {"repeated", 1}, {"replaced", 1}};
    store_world world;
    start_built(&world, NULL);
    store_world_next_process(&world);
    load_later_files(&world);
    mdl_run *run;
    ck_assert_int_eq(mdl_warehouse_build(world.base.warehouse, NULL, &run, NULL), MDL_OK);
    const mdl_run_result *fact = find_result(run, "fact_ratings");
    ck_assert(fact->incremental);
    ck_assert_int_eq(fact->n_counters, 4);
    for (int32_t i = 0; i < fact->n_counters; i++) {
        ck_assert_str_eq(fact->counters[i].name, expected[i].name);
        ck_assert_int_eq(fact->counters[i].value, expected[i].value);
    }
    mdl_run_free(run);
    store_world_commit(&world);
    assert_full_refresh(&world);
    store_world_reopen(&world);
    assert_full_refresh(&world);
    store_world_end(&world);
}
END_TEST

START_TEST(only_what_is_needed_is_read)
{
    store_world world;
    start_built(&world, NULL);
    store_world_next_process(&world);
    mdl_warehouse *warehouse = world.base.warehouse;
    for (size_t m = 0; m < N_MODELS; m++) {
        ck_assert_ptr_null(mdl_warehouse_table(warehouse, models[m]));
    }
    const mdl_table *mart;
    ck_assert_int_eq(mdl_warehouse_read_table(warehouse, "mart_movie_analytics", &mart, NULL),
                     MDL_OK);
    ck_assert_ptr_eq(mdl_warehouse_table(warehouse, "mart_movie_analytics"), mart);
    ck_assert_ptr_null(mdl_warehouse_table(warehouse, "fact_ratings"));
    ck_assert_ptr_null(mdl_warehouse_table(warehouse, "ratings"));

    load_later_files(&world);
    world_build(&world.base, "+fact_ratings");
    ck_assert_ptr_nonnull(mdl_warehouse_table(warehouse, "fact_ratings"));
    ck_assert_ptr_null(mdl_warehouse_table(warehouse, "fact_tags"));
    ck_assert_ptr_null(mdl_warehouse_table(warehouse, "mart_user_behavior"));
    /* Unread tables stay in the next version. */
    store_world_next_process(&world);
    char *tags = world_csv(&world.base, "fact_tags");
    ck_assert_str_eq(tags, "user_id,movie_id,tag,created_at\n3,1,fun,1970-01-01 00:00:10\n");
    free(tags);
    store_world_end(&world);
}
END_TEST

START_TEST(older_versions_are_as_they_were)
{
    store_world world;
    char *first[N_MODELS];
    char *second[N_MODELS];
    start_built(&world, NULL);
    keep_models(&world, first);
    store_world_commit(&world);
    build_later_files(&world);
    keep_models(&world, second);
    store_world_commit(&world);
    ck_assert_int_eq(mdl_store_version(world.store), 2);
    store_world_close(&world);
    store_world_open(&world, 1);
    assert_models(&world, first);
    ck_assert_int_eq(mdl_warehouse_n_loads(world.base.warehouse), 4);
    store_world_close(&world);
    store_world_open(&world, 2);
    assert_models(&world, second);
    ck_assert_int_eq(mdl_warehouse_n_loads(world.base.warehouse), 6);

    /* What is opened to be read can be worked with, but not committed. */
    load(&world, "02012026_links.csv", LINKS "2,b,c\n");
    world_build(&world.base, NULL);
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_warehouse_commit(world.base.warehouse, NULL, &error), MDL_E_STATE);
    ck_assert_str_ne(error.message, "");
    free_texts(first);
    free_texts(second);
    store_world_end(&world);
}
END_TEST

START_TEST(warehouse_without_a_store_cannot_commit)
{
    test_world world;
    world_start(&world);
    ck_assert_int_eq(mdl_warehouse_commit(world.warehouse, NULL, &world.error), MDL_E_STATE);
    ck_assert_str_ne(world.error.message, "");
    ck_assert_ptr_null(mdl_warehouse_store(world.warehouse));
    world_end(&world);
}
END_TEST

static void assert_message(store_world *world, const char *expected)
{
    mdl_store_version_info info;
    int32_t last = mdl_store_n_versions(world->store) - 1;
    ck_assert_int_eq(mdl_store_get_version(world->store, last, &info, NULL), MDL_OK);
    ck_assert_str_eq(info.message, expected);
}

START_TEST(versions_say_what_was_done)
{
    store_world world;
    store_world_start(&world, NULL);
    load_first_files(&world);
    store_world_commit(&world);
    assert_message(&world, "loaded 4 files (9 rows)");
    store_world_commit(&world);
    assert_message(&world, "nothing new");
    char many[16 + 1200 * 8] = LINKS;
    for (int i = 0; i < 1200; i++) {
        strcat(many, "1,a,b\n");
    }
    load(&world, "01012026_links.csv", many);
    load(&world, "01012026_links.csv", many);
    world_build(&world.base, NULL);
    store_world_commit(&world);
    assert_message(&world, "run 1: loaded 1 file (1,200 rows), built 12 models");
    world_build(&world.base, "mart_user_behavior");
    store_world_commit(&world);
    assert_message(&world, "run 2: reused 1 model");
    load(&world, "02012026_links.csv", LINKS "2,c,d\n");
    world_build(&world.base, NULL);
    store_world_commit(&world);
    assert_message(&world, "run 3: loaded 1 file (1 row), built 8 models, reused 4");
    ck_assert_int_eq(mdl_warehouse_commit(world.base.warehouse, "by hand", NULL), MDL_OK);
    assert_message(&world, "by hand");
    mdl_load_options options;
    mdl_load_options_init(&options);
    options.csv.on_error = MDL_ON_ERROR_SKIP;
    const char *path = world_write(&world.base, "bad.csv", TAGS "x,1,a,1\n1,1,b,1\ny,1,c,1\n");
    ck_assert_int_eq(mdl_warehouse_load_file(world.base.warehouse, "tags", path, &options, NULL),
                     MDL_OK);
    store_world_commit(&world);
    assert_message(&world, "loaded 1 file (1 row, rejected 2)");
    store_world_end(&world);
}
END_TEST

/*
 * Models of the caller's.
 */

static const char *const count_refs[] = {"ratings"};
static const mdl_model_column count_columns[] = {{"n", MDL_TYPE_INT64, "Ratings"}};
static const mdl_model_column other_columns[] = {{"n", MDL_TYPE_INT64, "Ratings"},
                                                 {"m", MDL_TYPE_INT64, "Ratings"}};

/* What builds have done, and are to do. */
static struct {
    int n_builds;
    bool fails;
} count_world;

static mdl_status build_count(mdl_build *build, mdl_table **out, mdl_error *error)
{
    count_world.n_builds++;
    mdl_rel *rel = mdl_aggregate(mdl_build_scan(build, "ratings"), NULL, "count(*) as n");
    return mdl_build_collect(build, rel, out, error);
}

static mdl_status build_two_counts(mdl_build *build, mdl_table **out, mdl_error *error)
{
    mdl_rel *rel =
        mdl_aggregate(mdl_build_scan(build, "ratings"), NULL, "count(*) as n, count(*) as m");
    return mdl_build_collect(build, rel, out, error);
}

static mdl_status build_or_fail(mdl_build *build, mdl_table **out, mdl_error *error)
{
    if (count_world.fails) {
        return mdl_error_set(error, MDL_E_DATA, "told to fail");
    }
    return build_count(build, out, error);
}

static const mdl_model count_model = {
    .struct_size = sizeof(mdl_model),
    .name = "n_ratings",
    .layer = MDL_LAYER_GOLD,
    .materialization = MDL_MATERIALIZATION_TABLE,
    .description = "How many ratings there are",
    .refs = count_refs,
    .n_refs = 1,
    .columns = count_columns,
    .n_columns = 1,
    .build = build_count,
};

static void add_count(mdl_warehouse *warehouse)
{
    ck_assert_int_eq(mdl_warehouse_add_model(warehouse, &count_model, NULL), MDL_OK);
}

static void add_other_count(mdl_warehouse *warehouse)
{
    static mdl_model other;
    other = count_model;
    other.columns = other_columns;
    other.n_columns = 2;
    other.build = build_two_counts;
    ck_assert_int_eq(mdl_warehouse_add_model(warehouse, &other, NULL), MDL_OK);
}

static void add_count_and_failing(mdl_warehouse *warehouse)
{
    static mdl_model failing;
    add_count(warehouse);
    failing = count_model;
    failing.name = "may_fail";
    failing.build = build_or_fail;
    ck_assert_int_eq(mdl_warehouse_add_model(warehouse, &failing, NULL), MDL_OK);
}

START_TEST(models_of_another_program_are_kept)
{
    store_world world;
    start_built(&world, add_count);
    store_world_commit(&world);

    world.extend = NULL;
    store_world_reopen(&world);
    build_later_files(&world);
    store_world_commit(&world);

    world.extend = add_count;
    store_world_reopen(&world);
    world_assert_csv(&world.base, "n_ratings", "n\n4\n");
    store_world_end(&world);
}
END_TEST

START_TEST(model_with_other_columns_was_never_built)
{
    store_world world;
    start_built(&world, add_count);
    store_world_commit(&world);

    world.extend = add_other_count;
    store_world_reopen(&world);
    const mdl_table *table;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_warehouse_read_table(world.base.warehouse, "n_ratings", &table, &error),
                     MDL_E_STATE);
    ck_assert_ptr_nonnull(strstr(error.message, "n_ratings"));
    ck_assert_int_eq(mdl_warehouse_read_table(world.base.warehouse, "no_such", &table, NULL),
                     MDL_E_NOT_FOUND);
    /* A version that has no table of that form does not have the old one either. */
    store_world_commit(&world);
    ck_assert_int_eq(mdl_store_table_rows(world.store, "n_ratings"), -1);
    store_world_end(&world);
}
END_TEST

static const mdl_snapshot count_snapshot = {
    .struct_size = sizeof(mdl_snapshot),
    .name = "snap_n_ratings",
    .table = "n_ratings",
    .description = "How many ratings there were",
    .key = "n",
};

static void add_count_and_snapshot(mdl_warehouse *warehouse)
{
    add_count(warehouse);
    ck_assert_int_eq(mdl_warehouse_add_snapshot(warehouse, &count_snapshot, NULL), MDL_OK);
}

static void add_other_count_and_snapshot(mdl_warehouse *warehouse)
{
    add_other_count(warehouse);
    ck_assert_int_eq(mdl_warehouse_add_snapshot(warehouse, &count_snapshot, NULL), MDL_OK);
}

static mdl_status build_with_snapshots(store_world *world, int64_t run_time)
{
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.snapshots = true;
    options.run_time = run_time;
    options.has_run_time = true;
    return mdl_warehouse_build(world->base.warehouse, &options, NULL, NULL);
}

START_TEST(histories_go_on_and_are_never_lost)
{
    store_world world;
    store_world_start(&world, add_count_and_snapshot);
    load_first_files(&world);
    ck_assert_int_eq(build_with_snapshots(&world, 1000), MDL_OK);
    store_world_next_process(&world);
    load_later_files(&world);
    ck_assert_int_eq(build_with_snapshots(&world, 2000), MDL_OK);
    ck_assert_int_eq(world_n_rows(&world.base, "snap_n_ratings"), 2);
    char *history = world_csv(&world.base, "snap_n_ratings");
    store_world_commit(&world);

    /* The table has other columns now: that cannot be put into its history, which stays. */
    world.extend = add_other_count_and_snapshot;
    store_world_reopen(&world);
    world_assert_csv(&world.base, "snap_n_ratings", history);
    ck_assert_int_eq(build_with_snapshots(&world, 3000), MDL_E_SCHEMA);
    store_world_next_process(&world);
    world_assert_csv(&world.base, "snap_n_ratings", history);
    free(history);
    store_world_end(&world);
}
END_TEST

START_TEST(versions_say_what_snapshots_changed)
{
    static const mdl_hard_deletes invalidate = MDL_HARD_DELETES_INVALIDATE;
    store_world world;
    store_world_start(&world, add_count_and_snapshot);
    load_first_files(&world);
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.select = "n_ratings+";
    options.snapshots = true;
    options.has_run_time = true;
    options.hard_deletes = &invalidate;
    options.run_time = 1000;
    ck_assert_int_eq(mdl_warehouse_build(world.base.warehouse, &options, NULL, NULL), MDL_OK);
    store_world_commit(&world);
    assert_message(&world, "run 1: loaded 4 files (9 rows), built 1 model, took 1 snapshot "
                           "(1 inserted)");
    ck_assert_int_eq(mdl_warehouse_build(world.base.warehouse, &options, NULL, NULL), MDL_OK);
    store_world_commit(&world);
    assert_message(&world, "run 2: built 1 model, took 1 snapshot (nothing changed)");

    /* The number of ratings is the key: the old one goes, a new one comes. A run that fails changes
     * nothing, and is not counted when the next one does. */
    load_later_files(&world);
    ck_assert_int_eq(mdl_warehouse_build(world.base.warehouse, &options, NULL, NULL), MDL_E_STATE);
    options.run_time = 2000;
    ck_assert_int_eq(mdl_warehouse_build(world.base.warehouse, &options, NULL, NULL), MDL_OK);
    ck_assert_int_eq(mdl_warehouse_commit(world.base.warehouse, NULL, NULL), MDL_OK);
    mdl_store_version_info info;
    ck_assert_int_eq(mdl_store_get_version(world.store, 2, &info, NULL), MDL_OK);
    ck_assert_msg(strstr(info.message, "(1 inserted, 1 deleted)") != NULL, "%s", info.message);
    store_world_end(&world);
}
END_TEST

START_TEST(names_of_a_stores_own_tables_are_reserved)
{
    test_world world;
    mdl_model model = count_model;
    char long_name[] = "a1234567890123456789012345678901234567890123456789012345678901234567890123"
                       "45678901234567890123456789012345678901234567890";
    world_start(&world);
    model.name = "_loads";
    ck_assert_int_eq(mdl_warehouse_add_model(world.warehouse, &model, NULL), MDL_E_ARGUMENT);
    ck_assert_uint_eq(strlen(long_name), 121);
    model.name = long_name;
    ck_assert_int_eq(mdl_warehouse_add_model(world.warehouse, &model, NULL), MDL_E_ARGUMENT);
    long_name[120] = '\0';
    ck_assert_int_eq(mdl_warehouse_add_model(world.warehouse, &model, NULL), MDL_OK);
    world_end(&world);
}
END_TEST

/* The rows of the summary that fact_ratings carries; NULL = that it carries none. */
static void assert_summary(store_world *world, const char *expected)
{
    const mdl_table *table;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status =
        mdl_warehouse_read_table(world->base.warehouse, "fact_ratings", &table, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    ck_assert((mdl_table_summary(table) != NULL) == (expected != NULL));
    if (expected != NULL) {
        dump text = {.bytes = NULL};
        dump_add_literals(&text, world->base.context, mdl_table_summary(table), NULL, 0);
        ck_assert_str_eq(text.bytes, expected);
        dump_free(&text);
    }
}

#define FIRST_SUMMARY                                                                              \
    "1|1970-01-01 00:01:40|1970-01-01 00:05:00|1|0|1\n"                                            \
    "2|1970-01-01 00:03:20|1970-01-01 00:03:20|0|1|0\n"
#define LATER_SUMMARY                                                                              \
    "1|1970-01-01 00:01:40|1970-01-01 00:06:40|1|0|1|1|0\n"                                        \
    "2|1970-01-01 00:02:30|1970-01-01 00:03:20|0|1|0|1|0\n"                                        \
    "9|1970-01-01 00:04:10|1970-01-01 00:04:10|0|0|0|0|1\n"

START_TEST(summaries_go_with_their_tables)
{
    store_world world;
    start_built(&world, NULL);
    assert_summary(&world, FIRST_SUMMARY);
    store_world_next_process(&world);
    assert_summary(&world, FIRST_SUMMARY);
    /* Handed on unread, and followed through a day's changes. */
    store_world_reopen(&world);
    store_world_next_process(&world);
    build_later_files(&world);
    assert_summary(&world, LATER_SUMMARY);
    store_world_next_process(&world);
    assert_summary(&world, LATER_SUMMARY);
    /* Of an older version. */
    store_world_close(&world);
    store_world_open(&world, 1);
    assert_summary(&world, FIRST_SUMMARY);
    store_world_close(&world);
    store_world_open(&world, 0);
    assert_full_refresh(&world);
    store_world_end(&world);
}
END_TEST

/* Runs the failed run again, in which one model is left to do. */
static void retry(store_world *world)
{
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.retry = true;
    count_world.fails = false;
    count_world.n_builds = 0;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_warehouse_build(world->base.warehouse, &options, NULL, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    ck_assert_int_eq(count_world.n_builds, 1);
}

START_TEST(failed_run_keeps_its_loads_and_can_be_retried)
{
    store_world world;
    count_world.fails = true;
    store_world_start(&world, add_count_and_failing);
    load_first_files(&world);
    ck_assert_int_eq(mdl_warehouse_build(world.base.warehouse, NULL, NULL, NULL), MDL_E_DATA);
    store_world_commit(&world);
    assert_message(&world, "run 1: loaded 4 files (9 rows), failed");
    store_world_reopen(&world);
    ck_assert_int_eq(mdl_warehouse_n_loads(world.base.warehouse), 4);
    world_assert_csv(&world.base, "links", LINKS "1,0001,\n");
    const mdl_table *table;
    ck_assert_int_eq(mdl_warehouse_read_table(world.base.warehouse, "fact_ratings", &table, NULL),
                     MDL_E_STATE);

    /* What was built then is not built again. */
    retry(&world);
    world_assert_csv(&world.base, "n_ratings", "n\n4\n");
    world_assert_csv(&world.base, "may_fail", "n\n4\n");
    assert_summary(&world, FIRST_SUMMARY);
    store_world_commit(&world);
    ck_assert_int_eq(mdl_store_table_rows(world.store, "_pending/n_ratings"), -1);
    ck_assert_int_eq(mdl_store_table_rows(world.store, "_pending/fact_ratings/_summary"), -1);
    store_world_reopen(&world);
    build_later_files(&world);
    assert_full_refresh(&world);
    store_world_end(&world);
}
END_TEST

START_TEST(tables_that_a_failed_run_reused_are_there_for_its_retry)
{
    store_world world;
    count_world.fails = false;
    start_built(&world, add_count_and_failing);
    store_world_next_process(&world);
    count_world.fails = true;
    ck_assert_int_eq(mdl_warehouse_build(world.base.warehouse, NULL, NULL, NULL), MDL_E_DATA);
    store_world_next_process(&world);
    retry(&world);
    world_assert_csv(&world.base, "may_fail", "n\n4\n");
    store_world_next_process(&world);
    build_later_files(&world);
    assert_full_refresh(&world);
    store_world_end(&world);
}
END_TEST

/*
 * Layouts.
 */

/* The layout of a segment as text, to be freed; "none" where there is none. */
static char *layout_text(store_world *world, int64_t segment)
{
    mdl_table *layout;
    mdl_warehouse *warehouse = world->base.warehouse;
    ck_assert_int_eq(mdli_segment_layout(warehouse, &warehouse->segments[segment], &layout, NULL),
                     MDL_OK);
    if (layout == NULL) {
        return strdup("none");
    }
    char *text = table_text(world->base.context, layout);
    mdl_table_free(layout);
    return text;
}

START_TEST(layouts_of_loads_are_kept)
{
    store_world world;
    char *texts[8];
    store_world_start(&world, NULL);
    for (int day = 1; day <= 8; day++) {
        char name[32];
        char text[128];
        snprintf(name, sizeof name, "%02d012026_links.csv", day);
        snprintf(text, sizeof text, "%smovieId,imdbId,tmdbId\r\n0%d,\"a\",\r\n%d,b,\n",
                 day % 2 == 0 ? "\xef\xbb\xbf" : "", day, day);
        load(&world, name, text);
        if (day % 3 == 0) {
            const mdl_table *tags;
            ck_assert_int_eq(mdl_warehouse_read_table(world.base.warehouse, "tags", &tags, NULL),
                             MDL_OK);
            ck_assert_int_eq(mdl_warehouse_append(world.base.warehouse, "tags", tags, NULL),
                             MDL_OK);
        }
        if (day % 2 == 0) {
            store_world_commit(&world);
        }
        if (day == 4) {
            store_world_reopen(&world);
        }
    }
    int64_t n_segments = world.base.warehouse->n_segments;
    ck_assert_int_eq(n_segments, 10);
    for (int64_t i = 0; i < 8; i++) {
        texts[i] = layout_text(&world, i);
    }
    ck_assert_str_ne(texts[0], "none");
    ck_assert_str_eq(texts[3], "none"); /* appended */
    store_world_reopen(&world);
    for (int64_t i = 0; i < 8; i++) {
        char *text = layout_text(&world, i);
        ck_assert_str_eq(text, texts[i]);
        free(text);
        free(texts[i]);
    }
    /* With them the files can be written back. */
    int32_t n_different = -1;
    ck_assert_int_eq(mdl_warehouse_audit(world.base.warehouse, NULL, &n_different, NULL), MDL_OK);
    ck_assert_int_eq(n_different, 0);
    store_world_end(&world);
}
END_TEST

/*
 * Failures.
 */

/* Bytes of a segment before its blocks. */
#define HEADER_BYTES 32

/* A file of blocks. */
static struct {
    char path[256];
    off_t size_bytes;
} segment_file;

static int find_segment(const char *path, const struct stat *entry, int kind, struct FTW *place)
{
    (void)place;
    if (kind == FTW_F && strstr(path, "/segments/") != NULL) {
        segment_file.size_bytes = entry->st_size;
        snprintf(segment_file.path, sizeof segment_file.path, "%s", path);
    }
    return 0;
}

/* Flips all bits of that file but its header. */
static void flip_blocks(store_world *world)
{
    segment_file.size_bytes = 0;
    ck_assert_int_eq(nftw(world->store_path, find_segment, 16, FTW_PHYS), 0);
    ck_assert_int_gt(segment_file.size_bytes, 0);
    FILE *file = fopen(segment_file.path, "r+b");
    ck_assert_ptr_nonnull(file);
    size_t n = (size_t)segment_file.size_bytes;
    char *bytes = malloc(n);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, n, file), n);
    for (size_t i = HEADER_BYTES; i < n; i++) {
        bytes[i] = (char)~bytes[i];
    }
    rewind(file);
    ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
    ck_assert_int_eq(fclose(file), 0);
    free(bytes);
}

START_TEST(damaged_tables_fail_what_needs_them)
{
    store_world world;
    char *texts[N_MODELS];
    start_built(&world, NULL);
    keep_models(&world, texts);
    store_world_commit(&world);
    /* Opened while all was well: what is read later is damaged. */
    store_world_reopen(&world);
    flip_blocks(&world);
    mdl_error error = MDL_ERROR_INIT;
    mdl_run *run = NULL;
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.full_refresh = true;
    ck_assert_int_eq(mdl_warehouse_build(world.base.warehouse, &options, &run, &error),
                     MDL_E_CORRUPT);
    ck_assert_str_ne(error.file, "");
    mdl_run_free(run);
    /* Nothing was published, nothing is lost: with the bytes as they were all is well again. */
    flip_blocks(&world);
    assert_models(&world, texts);
    world_build(&world.base, NULL);
    assert_models(&world, texts);
    free_texts(texts);
    store_world_end(&world);
}
END_TEST

/* No byte of a block is right, and yet a build with nothing new succeeds, commits and loses nothing:
 * it has not read any. */
START_TEST(build_with_nothing_new_reads_nothing)
{
    store_world world;
    char *texts[N_MODELS];
    start_built(&world, NULL);
    keep_models(&world, texts);
    store_world_next_process(&world);
    flip_blocks(&world);
    mdl_error error = MDL_ERROR_INIT;
    mdl_run *run = NULL;
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.tests = MDL_TESTS_NONE;
    mdl_status status = mdl_warehouse_build(world.base.warehouse, &options, &run, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    for (int32_t i = 0; i < mdl_run_n_results(run); i++) {
        const mdl_run_result *result = mdl_run_get_result(run, i);
        ck_assert(result->reused);
        ck_assert_int_eq(result->state, MDL_RUN_SUCCESS);
        ck_assert_int_eq(result->n_rows, mdl_store_table_rows(world.store, result->name));
        ck_assert_ptr_null(mdl_warehouse_table(world.base.warehouse, result->name));
    }
    mdl_run_free(run);
    flip_blocks(&world);
    store_world_commit(&world);
    assert_models(&world, texts);
    store_world_reopen(&world);
    assert_models(&world, texts);
    /* A day after it goes on from what was there. */
    build_later_files(&world);
    assert_full_refresh(&world);
    free_texts(texts);
    store_world_end(&world);
}
END_TEST

/* Puts a table in the place of one of a store, which nobody has open; NULL leaves it there. */
static void replace_stored(store_world *world, const char *name, const mdl_table *table)
{
    enum {
        N_ITEMS_MAX = 64
    };
    mdl_store_item items[N_ITEMS_MAX];
    mdl_store *store;
    ck_assert_int_eq(mdl_store_open(world->base.context, world->store_path, NULL, &store, NULL),
                     MDL_OK);
    int32_t n_items = mdl_store_n_tables(store);
    ck_assert_int_ge(mdl_store_table_rows(store, name), 0);
    ck_assert_int_le(n_items, N_ITEMS_MAX);
    for (int32_t i = 0; i < n_items; i++) {
        items[i] = (mdl_store_item){mdl_store_table_name(store, i), NULL};
        items[i].table = strcmp(items[i].name, name) == 0 ? table : NULL;
    }
    ck_assert_int_eq(mdl_store_commit(store, items, n_items, NULL, 0, NULL), MDL_OK);
    mdl_store_close(store);
}

/*
 * Known tests.
 */

static mdl_run *build_or_test(store_world *world, bool is_build, int64_t n_failures_kept)
{
    mdl_run *run = NULL;
    mdl_error error = MDL_ERROR_INIT;
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.n_failures_kept = n_failures_kept;
    mdl_status status = is_build
                            ? mdl_warehouse_build(world->base.warehouse, &options, &run, &error)
                            : mdl_warehouse_test(world->base.warehouse, &options, &run, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    return run;
}

/* The next test of a run from a task on, which goes on to the one behind it; NULL = none is left. */
static const mdl_run_result *next_test(const mdl_run *run, int32_t *task)
{
    const mdl_run_result *result;
    do {
        result = mdl_run_get_result(run, (*task)++);
    } while (result != NULL && result->kind != MDL_TASK_TEST);
    return result;
}

static int32_t count_reused_tests(const mdl_run *run)
{
    int32_t n = 0;
    int32_t task = 0;
    for (const mdl_run_result *test; (test = next_test(run, &task)) != NULL;) {
        n += test->reused;
    }
    return n;
}

static void assert_same_failures(store_world *world, const mdl_run_result *a,
                                 const mdl_run_result *b)
{
    ck_assert((a->failures == NULL) == (b->failures == NULL));
    if (a->failures != NULL) {
        char *first = table_text(world->base.context, a->failures);
        char *second = table_text(world->base.context, b->failures);
        ck_assert_str_eq(first, second);
        free(first);
        free(second);
    }
}

/* Compares what a build tells of its tests with what running all of them finds; frees the run. */
static int32_t assert_as_if_run(store_world *world, mdl_run *build)
{
    mdl_run *all = build_or_test(world, false, 10);
    int32_t n_reused = count_reused_tests(build);
    int32_t n_failing = 0;
    int32_t built = 0;
    ck_assert_int_eq(count_reused_tests(all), 0);
    for (const mdl_run_result *told; (told = next_test(build, &built)) != NULL;) {
        int32_t task = 0;
        const mdl_run_result *found;
        do {
            found = next_test(all, &task);
            ck_assert_ptr_nonnull(found);
        } while (strcmp(found->name, told->name) != 0);
        ck_assert_int_eq(told->state, found->state);
        ck_assert_int_eq(told->n_rows, found->n_rows);
        ck_assert_int_eq(told->n_failures, found->n_failures);
        ck_assert_str_eq(told->message, found->message);
        assert_same_failures(world, told, found);
        n_failing += told->n_failures > 0;
    }
    ck_assert_int_gt(n_failing, 0);
    mdl_run_free(all);
    mdl_run_free(build);
    return n_reused;
}

static int32_t count_tests(const mdl_run *run)
{
    int32_t task = 0;
    int32_t n = 0;
    while (next_test(run, &task) != NULL) {
        n++;
    }
    return n;
}

START_TEST(tests_on_the_same_tables_are_known)
{
    store_world world;
    store_world_start(&world, NULL);
    load_first_files(&world);
    mdl_run *run = build_or_test(&world, true, 10);
    const int32_t n_tests = count_tests(run);
    ck_assert_int_eq(count_reused_tests(run), 0);
    mdl_run_free(run);
    /* In the same process, in the next one, and in one after a commit that handed all on unread. */
    ck_assert_int_eq(assert_as_if_run(&world, build_or_test(&world, true, 10)), n_tests);
    store_world_next_process(&world);
    run = build_or_test(&world, true, 10);
    ck_assert_int_eq(count_reused_tests(run), n_tests);
    mdl_run_free(run);
    store_world_next_process(&world);
    ck_assert_int_eq(assert_as_if_run(&world, build_or_test(&world, true, 10)), n_tests);
    /* Other rows are to be kept than were. */
    run = build_or_test(&world, true, 1);
    ck_assert_int_eq(count_reused_tests(run), 0);
    mdl_run_free(run);
    store_world_next_process(&world);
    /* Tests of tags are known, those of what has changed are not. */
    ck_assert_int_eq(count_tests(run = build_or_test(&world, true, 10)), n_tests);
    mdl_run_free(run);
    load_later_files(&world);
    int32_t n_known = assert_as_if_run(&world, build_or_test(&world, true, 10));
    ck_assert_int_gt(n_known, 0);
    ck_assert_int_lt(n_known, n_tests / 2);
    store_world_end(&world);
}
END_TEST

/* A program that knows nothing of tests writes a version, be it with the same tables: all run again. */
START_TEST(tests_are_not_known_after_another_writer)
{
    store_world world;
    start_built(&world, NULL);
    store_world_commit(&world);
    store_world_close(&world);
    replace_stored(&world, "tags", NULL);
    store_world_open(&world, 0);
    ck_assert_int_eq(assert_as_if_run(&world, build_or_test(&world, true, 10)), 0);
    store_world_end(&world);
}
END_TEST

/* What `expressions` make of the rows of a stored table for which `where` is true; NULL = the rows. */
static mdl_table *stored_rows(store_world *world, const char *name, const char *where,
                              const char *expressions)
{
    mdl_context *context = world->base.context;
    mdl_store *store;
    mdl_table *table;
    mdl_table *rows;
    ck_assert_int_eq(mdl_store_open(context, world->store_path, NULL, &store, NULL), MDL_OK);
    ck_assert_int_eq(mdl_store_read_table(store, name, NULL, 0, &table, NULL), MDL_OK);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *rel = mdl_filter(mdl_scan(query, table), where);
    rel = expressions != NULL ? mdl_project(rel, expressions) : rel;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_query_collect(query, rel, &rows, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    mdl_query_free(query);
    mdl_table_free(table);
    mdl_store_close(store);
    return rows;
}

/* That a warehouse is not opened when a table stands in the place of table `name`, which is made
 * whole again. Frees `other`. */
static void assert_refused(store_world *world, const char *name, mdl_table *other,
                           mdl_status expected, const char *word)
{
    mdl_table *whole = stored_rows(world, name, "true", NULL);
    replace_stored(world, name, other);
    mdl_warehouse *warehouse;
    mdl_warehouse_options options;
    mdl_error error = MDL_ERROR_INIT;
    mdl_warehouse_options_init(&options);
    ck_assert_int_eq(
        mdl_store_open(world->base.context, world->store_path, NULL, &options.store, NULL), MDL_OK);
    mdl_status status = mdl_warehouse_create(world->base.context, &options, &warehouse, &error);
    ck_assert_msg(status == expected && strstr(error.message, word) != NULL, "%s: %d: %s", name,
                  (int)status, error.message);
    ck_assert_ptr_null(warehouse);
    mdl_store_close(options.store);
    replace_stored(world, name, whole);
    mdl_table_free(other);
    mdl_table_free(whole);
}

/* As assert_refused, with some rows of the table's own. */
static void assert_refused_with(store_world *world, const char *name, const char *where)
{
    assert_refused(world, name, stored_rows(world, name, where, NULL), MDL_E_CORRUPT, "_segments");
}

/* Likewise, with a column of `_loads` changed. */
static void assert_refused_loads(store_world *world, const char *first_row, const char *n_rows,
                                 const char *n_rejected)
{
    char expressions[512];
    snprintf(expressions, sizeof expressions,
             "path, source, size_bytes, xxh3_128, cast(%s as INT64) as first_row, "
             "cast(%s as INT64) as n_rows, cast(%s as INT64) as n_rejected, already_loaded, "
             "seconds, loaded_at, attempt",
             first_row, n_rows, n_rejected);
    assert_refused(world, "_loads", stored_rows(world, "_loads", "true", expressions),
                   MDL_E_CORRUPT, "_segments");
}

/* Checksums say nothing of who wrote a store: what its tables say of each other is held against
 * each other too. */
START_TEST(logs_that_do_not_fit_are_refused)
{
    store_world world;
    mdl_load_options options;
    mdl_load_options_init(&options);
    options.csv.on_error = MDL_ON_ERROR_SKIP;
    store_world_start(&world, NULL);
    load_first_files(&world);
    load_later_files(&world);
    const char *path = world_write(&world.base, "bad.csv", TAGS "x,1,a,1\n1,1,b,1\n");
    ck_assert_int_eq(mdl_warehouse_load_file(world.base.warehouse, "tags", path, &options, NULL),
                     MDL_OK);
    store_world_commit(&world);
    store_world_close(&world);
    assert_refused_with(&world, "_segments", "false");
    assert_refused_with(&world, "_segments", "load <> 1");
    assert_refused_with(&world, "_segments", "source <> 'links'");
    assert_refused_with(&world, "_loads", "source <> 'tags'");
    assert_refused_with(&world, "ratings", "false");
    assert_refused_loads(&world, "first_row + 1", "n_rows", "n_rejected");
    assert_refused_loads(&world, "first_row", "n_rows + 100", "n_rejected");
    assert_refused_loads(&world, "first_row", "-n_rows", "n_rejected");
    assert_refused_loads(&world, "first_row", "n_rows", "n_rejected + 9223372036854775000");
    assert_refused(&world, "_segments", stored_rows(&world, "_loads", "true", NULL),
                   MDL_E_UNSUPPORTED, "_segments");
    assert_refused(&world, "_rejects", stored_rows(&world, "links", "true", NULL),
                   MDL_E_UNSUPPORTED, "_rejects");
    assert_refused(&world, "ratings", stored_rows(&world, "tags", "true", NULL), MDL_E_UNSUPPORTED,
                   "ratings");
    store_world_open(&world, 0);
    int32_t n_different;
    ck_assert_int_eq(mdl_warehouse_audit(world.base.warehouse, NULL, &n_different, NULL), MDL_OK);
    ck_assert_int_eq(n_different, 0);
    store_world_end(&world);
}
END_TEST

/* Stores that were written before models were reused say nothing of it, and go on. */
START_TEST(logs_without_reuse_are_read)
{
    store_world world;
    start_built(&world, NULL);
    store_world_commit(&world);
    store_world_close(&world);
    mdl_table *tasks = stored_rows(&world, "_run_tasks", "true",
                                   "run_id, task, kind, name, \"table\", layer, state, n_rows, "
                                   "n_failures, started_at, start_seconds, seconds, attempt, "
                                   "incremental, details, message");
    const int64_t n_tasks = mdl_table_n_rows(tasks);
    replace_stored(&world, "_run_tasks", tasks);
    mdl_table_free(tasks);
    store_world_open(&world, 0);
    const mdl_table *log = mdl_warehouse_run_tasks(world.base.warehouse);
    int32_t reused = mdl_table_find_column(log, "reused");
    ck_assert_int_eq(mdl_column_get_stats(mdl_table_column(log, reused)).n_nulls, n_tasks);
    world_build(&world.base, "mart_user_behavior");
    store_world_commit(&world);
    assert_message(&world, "run 2: reused 1 model");
    store_world_reopen(&world);
    log = mdl_warehouse_run_tasks(world.base.warehouse);
    ck_assert_int_eq(mdl_column_get_stats(mdl_table_column(log, reused)).n_nulls, n_tasks);
    ck_assert_int_gt(mdl_table_n_rows(log), n_tasks);
    store_world_end(&world);
}
END_TEST

START_TEST(summaries_that_do_not_fit_are_passed_over)
{
    store_world world;
    start_built(&world, NULL);
    store_world_commit(&world);
    store_world_close(&world);
    mdl_table *part = stored_rows(&world, "fact_ratings/_summary", "movie_id = 1", NULL);
    replace_stored(&world, "fact_ratings/_summary", part);
    mdl_table_free(part);
    store_world_open(&world, 0);
    assert_summary(&world, NULL);
    /* The next build makes a new one, and all models are right. */
    build_later_files(&world);
    assert_summary(&world, LATER_SUMMARY);
    assert_full_refresh(&world);
    store_world_commit(&world);
    /* One beside a table that was not summarized is dropped with the table that it was of. */
    store_world_close(&world);
    mdl_table *fact = stored_rows(&world, "fact_ratings", "user_id < 4", NULL);
    replace_stored(&world, "fact_ratings", fact);
    mdl_table_free(fact);
    store_world_open(&world, 0);
    assert_summary(&world, NULL);
    store_world_commit(&world);
    ck_assert_int_eq(mdl_store_table_rows(world.store, "fact_ratings/_summary"), -1);
    store_world_end(&world);
}
END_TEST

/* How a run of all models came to a table. */
typedef struct how_built {
    bool incremental;
    bool reused;
} how_built;

static how_built build_and_tell(store_world *world, const char *model)
{
    mdl_run *run = NULL;
    ck_assert_int_eq(mdl_warehouse_build(world->base.warehouse, NULL, &run, NULL), MDL_OK);
    how_built how = {false, false};
    for (int32_t i = 0; i < mdl_run_n_results(run); i++) {
        const mdl_run_result *result = mdl_run_get_result(run, i);
        if (strcmp(result->name, model) == 0) {
            how = (how_built){result->incremental, result->reused};
        }
    }
    mdl_run_free(run);
    return how;
}

/* Another process reuses what nothing has changed for; with other tiers none of it, as marts show
 * them, nor does a mart go on from rows with the old ones. */
START_TEST(other_tiers_make_all_models_anew)
{
    static const mdl_tier tiers[] = {
        {"mart_user_behavior", "user_segment", MDL_TIER_OTHERWISE, 0, "Anybody"},
    };
    store_world world;
    store_world_start(&world, NULL);
    load_first_files(&world);
    ck_assert(!build_and_tell(&world, "mart_user_behavior").reused);
    store_world_next_process(&world);
    ck_assert(build_and_tell(&world, "mart_user_behavior").reused);
    store_world_next_process(&world);
    load(&world, "01012026_ratings.csv", RATINGS "4,1,3.0,400\n");
    ck_assert(build_and_tell(&world, "mart_user_behavior").incremental);
    store_world_commit(&world);

    mdl_warehouse_free(world.base.warehouse);
    mdl_warehouse_options options;
    mdl_warehouse_options_init(&options);
    options.store = world.store;
    options.tiers = tiers;
    options.n_tiers = 1;
    ck_assert_int_eq(
        mdl_warehouse_create(world.base.context, &options, &world.base.warehouse, NULL), MDL_OK);
    load(&world, "02012026_ratings.csv", RATINGS "5,1,3.0,400\n");
    how_built how = build_and_tell(&world, "mart_user_behavior");
    ck_assert(!how.incremental && !how.reused);
    const mdl_table *mart;
    ck_assert_int_eq(
        mdl_warehouse_read_table(world.base.warehouse, "mart_user_behavior", &mart, NULL), MDL_OK);
    for (int64_t row = 0; row < mdl_table_n_rows(mart); row++) {
        char text[16];
        mdl_value label;
        ck_assert_int_eq(mdl_table_get(world.base.context, mart, row,
                                       mdl_table_find_column(mart, "user_segment"), &label, text,
                                       sizeof text, NULL),
                         MDL_OK);
        ck_assert_int_eq(label.as.text.size_bytes, (int64_t)strlen("Anybody"));
    }
    store_world_end(&world);
}
END_TEST

static Suite *persist_suite(void)
{
    Suite *suite = suite_create("persist");
    TCase *reopen = tcase_create("reopen");
    tcase_add_test(reopen, other_tiers_make_all_models_anew);
    tcase_add_test(reopen, next_process_finds_everything);
    tcase_add_test(reopen, next_process_finds_loads_rejects_and_origins);
    tcase_add_test(reopen, same_content_loads_once_in_all_processes);
    tcase_add_test(reopen, what_is_not_committed_is_gone);
    tcase_add_test(reopen, next_process_builds_on);
    tcase_add_test(reopen, only_what_is_needed_is_read);
    tcase_add_test(reopen, older_versions_are_as_they_were);
    tcase_add_test(reopen, warehouse_without_a_store_cannot_commit);
    tcase_add_test(reopen, versions_say_what_was_done);
    tcase_add_test(reopen, layouts_of_loads_are_kept);
    tcase_add_test(reopen, tests_on_the_same_tables_are_known);
    tcase_add_test(reopen, tests_are_not_known_after_another_writer);
    suite_add_tcase(suite, reopen);
    TCase *programs = tcase_create("programs");
    tcase_add_test(programs, models_of_another_program_are_kept);
    tcase_add_test(programs, model_with_other_columns_was_never_built);
    tcase_add_test(programs, histories_go_on_and_are_never_lost);
    tcase_add_test(programs, versions_say_what_snapshots_changed);
    tcase_add_test(programs, names_of_a_stores_own_tables_are_reserved);
    tcase_add_test(programs, summaries_go_with_their_tables);
    tcase_add_test(programs, failed_run_keeps_its_loads_and_can_be_retried);
    tcase_add_test(programs, tables_that_a_failed_run_reused_are_there_for_its_retry);
    suite_add_tcase(suite, programs);
    TCase *failures = tcase_create("failures");
    tcase_add_test(failures, damaged_tables_fail_what_needs_them);
    tcase_add_test(failures, build_with_nothing_new_reads_nothing);
    tcase_add_test(failures, logs_that_do_not_fit_are_refused);
    tcase_add_test(failures, logs_without_reuse_are_read);
    tcase_add_test(failures, summaries_that_do_not_fit_are_passed_over);
    tcase_set_timeout(failures, 120);
    suite_add_tcase(suite, failures);
    return suite;
}

int main(void)
{
    return run_suite(persist_suite());
}
