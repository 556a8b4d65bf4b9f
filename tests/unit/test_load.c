/*
 * Loading files: names, order, content that is there already, rejects, all or nothing, origin of
 * rows.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support/run_suite.h"
#include "support/warehouse_world.h"

#define MOVIES  "movieId,title,genres\n"
#define RATINGS "userId,movieId,rating,timestamp\n"
#define TAGS    "userId,movieId,tag,timestamp\n"
#define LINKS   "movieId,imdbId,tmdbId\n"

static void assert_load(const test_world *world, int32_t index, const char *name,
                        const char *source, int64_t first_row, int64_t n_rows, bool already_loaded)
{
    const mdl_load_info *info = mdl_warehouse_load_info(world->warehouse, index);
    ck_assert_ptr_nonnull(info);
    const char *slash = strrchr(info->path, '/');
    ck_assert_str_eq(slash + 1, name);
    ck_assert_int_eq(strncmp(info->path, world->folder, strlen(world->folder)), 0);
    ck_assert_str_eq(info->source, source);
    ck_assert_int_eq(info->first_row, first_row);
    ck_assert_int_eq(info->n_rows, n_rows);
    ck_assert_int_eq(info->already_loaded, already_loaded);
}

START_TEST(folder_loads_plain_files_then_days)
{
    test_world world;
    world_start(&world);
    world_write(&world, "02022026_movies.csv", MOVIES "5,E,\n");
    world_write(&world, "01032025_movies.csv", MOVIES "3,C,\n");
    world_write(&world, "02022026_ratings.csv", RATINGS "1,5,4.0,5\n");
    world_write(&world, "31012026_movies.csv", MOVIES "4,D,\n");
    world_write(&world, "movies.csv", MOVIES "1,A,\n2,B,\n");
    world_write(&world, "links.csv", LINKS "1,0001,\n");
    world_write(&world, "ratings.csv", RATINGS);
    /* None of these is a source's file. */
    world_write(&world, "31022026_movies.csv", MOVIES "9,X,\n");
    world_write(&world, "2022026_movies.csv", MOVIES "9,X,\n");
    world_write(&world, "02022026-movies.csv", MOVIES "9,X,\n");
    world_write(&world, "02022026_films.csv", MOVIES "9,X,\n");
    world_write(&world, "movies.csv.bak", MOVIES "9,X,\n");
    world_write(&world, "Movies.csv", MOVIES "9,X,\n");
    ck_assert_int_eq(world_load(&world, world.folder), MDL_OK);

    ck_assert_int_eq(mdl_warehouse_n_loads(world.warehouse), 7);
    assert_load(&world, 0, "movies.csv", "movies", 0, 2, false);
    assert_load(&world, 1, "ratings.csv", "ratings", 0, 0, false);
    assert_load(&world, 2, "links.csv", "links", 0, 1, false);
    assert_load(&world, 3, "01032025_movies.csv", "movies", 2, 1, false);
    assert_load(&world, 4, "31012026_movies.csv", "movies", 3, 1, false);
    assert_load(&world, 5, "02022026_movies.csv", "movies", 4, 1, false);
    assert_load(&world, 6, "02022026_ratings.csv", "ratings", 0, 1, false);
    ck_assert_ptr_null(mdl_warehouse_load_info(world.warehouse, 7));
    world_assert_csv(&world, "movies", MOVIES "1,A,\n2,B,\n3,C,\n4,D,\n5,E,\n");
    world_assert_csv(&world, "links", LINKS "1,0001,\n");
    world_assert_csv(&world, "tags", TAGS);
    ck_assert_ptr_null(mdl_warehouse_rejects(world.warehouse));
    world_end(&world);
}
END_TEST

START_TEST(folder_may_end_in_a_slash)
{
    test_world world;
    world_start(&world);
    char expected[256];
    snprintf(expected, sizeof expected, "%s", world_write(&world, "tags.csv", TAGS));
    char folder[128];
    snprintf(folder, sizeof folder, "%s/", world.folder);
    ck_assert_int_eq(world_load(&world, folder), MDL_OK);
    ck_assert_str_eq(mdl_warehouse_load_info(world.warehouse, 0)->path, expected);
    world_end(&world);
}
END_TEST

START_TEST(named_files_load_in_the_order_given)
{
    test_world world;
    world_start(&world);
    char late[256];
    char early[256];
    snprintf(late, sizeof late, "%s", world_write(&world, "02022026_links.csv", LINKS "2,b,c\n"));
    snprintf(early, sizeof early, "%s",
             world_write(&world, "01012020_links.csv", LINKS "1,,\"\"\n"));
    const char *paths[] = {late, early};
    ck_assert_int_eq(mdl_warehouse_load(world.warehouse, paths, 2, NULL, NULL), MDL_OK);
    world_assert_csv(&world, "links", LINKS "2,b,c\n1,,\"\"\n");
    world_end(&world);
}
END_TEST

START_TEST(any_name_loads_into_a_named_source)
{
    test_world world;
    world_start(&world);
    const char *path = world_write(&world, "whatever.txt", TAGS "1,2,fun,3\n");
    ck_assert_int_eq(mdl_warehouse_load_file(world.warehouse, "tags", path, NULL, NULL), MDL_OK);
    assert_load(&world, 0, "whatever.txt", "tags", 0, 1, false);
    ck_assert_int_eq(
        mdl_warehouse_load_file(world.warehouse, "dim_users", path, NULL, &world.error),
        MDL_E_NOT_FOUND);
    ck_assert_int_eq(mdl_warehouse_load_file(world.warehouse, "tags", NULL, NULL, NULL),
                     MDL_E_ARGUMENT);
    world_end(&world);
}
END_TEST

static const char *const bad_names[] = {
    "films.csv",           "movies.CSV",         "movies.csv2",        "31022026_movies.csv",
    "00012026_movies.csv", "01012026_films.csv", "01012026movies.csv", "1012026_movies.csv",
    "01010000_movies.csv", "_movies.csv",
};

START_TEST(other_names_are_refused)
{
    test_world world;
    world_start(&world);
    const char *path = world_write(&world, bad_names[_i], MOVIES);
    ck_assert_int_eq(world_load(&world, path), MDL_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(world.error.message, bad_names[_i]));
    /* In a folder such a file is passed over, and nothing is left to load. */
    ck_assert_int_eq(world_load(&world, world.folder), MDL_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(world.error.message, world.folder));
    world_end(&world);
}
END_TEST

START_TEST(missing_paths_are_told)
{
    test_world world;
    world_start(&world);
    ck_assert_int_eq(world_load(&world, "/nowhere/movies.csv"), MDL_E_FILE_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(world.error.message, "/nowhere/movies.csv"));
    ck_assert_int_eq(world.error.system_errno, ENOENT);
    ck_assert_int_eq(world_load(&world, NULL), MDL_E_ARGUMENT);
    ck_assert_int_eq(mdl_warehouse_load(world.warehouse, NULL, 0, NULL, NULL), MDL_E_ARGUMENT);
    world_end(&world);
}
END_TEST

START_TEST(same_content_loads_once)
{
    test_world world;
    world_start(&world);
    const char *text = RATINGS "1,2,3.5,4\n1,3,4.0,5\n";
    ck_assert_int_eq(world_load(&world, world_write(&world, "ratings.csv", text)), MDL_OK);
    ck_assert_int_eq(world_load(&world, world.path), MDL_OK);
    assert_load(&world, 1, "ratings.csv", "ratings", 2, 0, true);
    const mdl_load_info *first = mdl_warehouse_load_info(world.warehouse, 0);
    const mdl_load_info *second = mdl_warehouse_load_info(world.warehouse, 1);
    ck_assert_int_eq(first->size_bytes, (int64_t)strlen(text));
    ck_assert_int_eq(second->size_bytes, first->size_bytes);
    ck_assert_mem_eq(second->xxh3_128, first->xxh3_128, 16);
    /* Under another name it is the same; with one byte changed it is not. */
    ck_assert_int_eq(world_load(&world, world_write(&world, "01012026_ratings.csv", text)), MDL_OK);
    ck_assert_int_eq(world_n_rows(&world, "ratings"), 2);
    ck_assert_int_eq(world_load(&world, world_write(&world, "02012026_ratings.csv",
                                                    RATINGS "1,2,3.5,4\n1,3,4.0,6\n")),
                     MDL_OK);
    ck_assert_int_eq(world_n_rows(&world, "ratings"), 4);

    mdl_load_options options;
    mdl_load_options_init(&options);
    options.force = true;
    ck_assert_int_eq(
        mdl_warehouse_load_file(world.warehouse, "ratings", world.path, &options, NULL), MDL_OK);
    ck_assert_int_eq(world_n_rows(&world, "ratings"), 6);
    assert_load(&world, 4, "02012026_ratings.csv", "ratings", 4, 2, false);
    world_end(&world);
}
END_TEST

START_TEST(same_content_within_a_call_loads_once)
{
    test_world world;
    world_start(&world);
    world_write(&world, "01012026_tags.csv", TAGS "1,2,x,3\n");
    world_write(&world, "02012026_tags.csv", TAGS "1,2,x,3\n");
    ck_assert_int_eq(world_load(&world, world.folder), MDL_OK);
    assert_load(&world, 1, "02012026_tags.csv", "tags", 1, 0, true);
    ck_assert_int_eq(world_n_rows(&world, "tags"), 1);
    world_end(&world);
}
END_TEST

START_TEST(same_content_in_another_source_is_other)
{
    test_world world;
    world_start(&world);
    const char *text = "movieId,title,genres,imdbId,tmdbId\n1,a,b,c,d\n";
    mdl_load_options options;
    mdl_load_options_init(&options);
    options.csv.allow_extra_columns = true;
    const char *path = world_write(&world, "both.csv", text);
    ck_assert_int_eq(mdl_warehouse_load_file(world.warehouse, "movies", path, &options, NULL),
                     MDL_OK);
    ck_assert_int_eq(mdl_warehouse_load_file(world.warehouse, "links", path, &options, NULL),
                     MDL_OK);
    world_assert_csv(&world, "movies", MOVIES "1,a,b\n");
    world_assert_csv(&world, "links", LINKS "1,c,d\n");
    world_end(&world);
}
END_TEST

START_TEST(failure_leaves_everything_as_it_was)
{
    test_world world;
    world_start(&world);
    ck_assert_int_eq(world_load(&world, world_write(&world, "movies.csv", MOVIES "1,A,\n")),
                     MDL_OK);
    world_write(&world, "01012026_movies.csv", MOVIES "2,B,\n");
    world_write(&world, "02012026_ratings.csv", RATINGS "1,1,5.0,1\n1,1,five,1\n");
    ck_assert_int_eq(world_load(&world, world.folder), MDL_E_DATA);
    ck_assert_ptr_nonnull(strstr(world.error.file, "02012026_ratings.csv"));
    ck_assert_int_eq(world.error.line, 3);
    ck_assert_int_eq(world.error.record, 2);
    ck_assert_str_eq(world.error.column, "rating");
    ck_assert_str_eq(world.error.text, "five");
    ck_assert_int_eq(mdl_warehouse_n_loads(world.warehouse), 1);
    world_assert_csv(&world, "movies", MOVIES "1,A,\n");
    world_assert_csv(&world, "ratings", RATINGS);

    /* Nothing of the failed call counts as loaded. */
    world_write(&world, "02012026_ratings.csv", RATINGS "1,1,5.0,1\n");
    ck_assert_int_eq(world_load(&world, world.folder), MDL_OK);
    world_assert_csv(&world, "movies", MOVIES "1,A,\n2,B,\n");
    world_end(&world);
}
END_TEST

/* A file of many records of one kind and a last one that is bad. */
static void write_bad_end(test_world *world, const char *name, const char *header,
                          const char *record, int n_records, const char *last)
{
    const size_t size = strlen(header) + (size_t)n_records * strlen(record) + strlen(last) + 1;
    char *text = malloc(size);
    ck_assert_ptr_nonnull(text);
    char *end = stpcpy(text, header);
    for (int i = 0; i < n_records; i++) {
        end = stpcpy(end, record);
    }
    stpcpy(end, last);
    world_write(world, name, text);
    free(text);
}

/* Files of several sources are read at once; the failure that is told is the first in order, which
 * comes last in time here. */
START_TEST(first_failure_in_order_is_told)
{
    test_world world;
    world_start_threads(&world, NULL, 4);
    write_bad_end(&world, "movies.csv", MOVIES, "1,A,\n", 10000, "x,A,\n");
    world_write(&world, "ratings.csv", RATINGS "1,1,5.0,1\n");
    world_write(&world, "tags.csv", TAGS "1\n");
    world_write(&world, "links.csv", LINKS "1,x,\n");
    world_write(&world, "01012026_ratings.csv", RATINGS "1,1,five,1\n");
    ck_assert_int_eq(world_load(&world, world.folder), MDL_E_DATA);
    ck_assert_ptr_nonnull(strstr(world.error.file, "/movies.csv"));
    ck_assert_int_eq(world.error.record, 10001);
    ck_assert_int_eq(mdl_warehouse_n_loads(world.warehouse), 0);
    world_write(&world, "movies.csv", MOVIES "1,A,\n");
    ck_assert_int_eq(world_load(&world, world.folder), MDL_E_DATA);
    ck_assert_ptr_nonnull(strstr(world.error.file, "/tags.csv"));
    ck_assert_int_eq(mdl_warehouse_n_loads(world.warehouse), 0);
    world_end(&world);
}
END_TEST

START_TEST(rejects_are_in_the_order_of_files)
{
    test_world world;
    world_start_threads(&world, NULL, 4);
    write_bad_end(&world, "movies.csv", MOVIES, "1,A,\n", 10000, "x,A,\n");
    world_write(&world, "tags.csv", TAGS "1\n1,2,x,3\n");
    world_write(&world, "01012026_tags.csv", TAGS "1,2,y,3\n2\n");
    world_write(&world, "01012026_movies.csv", MOVIES "y,A,\n");
    mdl_load_options options;
    mdl_load_options_init(&options);
    options.csv.on_error = MDL_ON_ERROR_SKIP;
    const char *folder = world.folder;
    ck_assert_int_eq(mdl_warehouse_load(world.warehouse, &folder, 1, &options, NULL), MDL_OK);
    static const char *const files[] = {"/movies.csv", "/tags.csv", "/01012026_movies.csv",
                                        "/01012026_tags.csv"};
    static const int64_t records[] = {10001, 1, 1, 2};
    static const char *const columns[] = {"file", "record"};
    mdl_cursor *cursor;
    mdl_batch rows;
    ck_assert_int_eq(mdl_cursor_create(world.context, mdl_warehouse_rejects(world.warehouse),
                                       columns, 2, &cursor, NULL),
                     MDL_OK);
    ck_assert_int_eq(mdl_cursor_next(cursor, &rows, NULL), MDL_OK);
    ck_assert_int_eq(rows.n_rows, 4);
    for (int i = 0; i < 4; i++) {
        const char *path = mdl_warehouse_load_info(world.warehouse, i)->path;
        mdl_string file = mdl_vector_string(&rows.columns[0], i);
        ck_assert_ptr_nonnull(strstr(path, files[i]));
        ck_assert_int_eq(file.size_bytes, (int64_t)strlen(path));
        ck_assert_mem_eq(file.data, path, strlen(path));
        ck_assert_int_eq(mdl_vector_int64(&rows.columns[1], i), records[i]);
    }
    mdl_cursor_free(cursor);
    world_assert_csv(&world, "tags", TAGS "1,2,x,3\n1,2,y,3\n");
    world_end(&world);
}
END_TEST

static const struct {
    const char *source;
    const char *record; /* the only one; of the wrong form */
    const char *column;
} bad_records[] = {
    {"movies", "0,t,g", "movieId"},
    {"movies", "-1,t,g", "movieId"},
    {"movies", "2147483648,t,g", "movieId"},
    {"movies", ",t,g", "movieId"},
    {"ratings", ",1,1.0,1", "userId"},
    {"ratings", "1,,1.0,1", "movieId"},
    {"ratings", "1,1,,1", "rating"},
    {"ratings", "1,1,1.0,", "timestamp"},
    {"ratings", "1,1,10000.0,1", "rating"},
    {"ratings", "1,1,1.005,1", "rating"},
    {"ratings", "1,1,1.0,253402300800", "timestamp"},
    {"ratings", "1,1,1.0,-62135596801", "timestamp"},
    {"tags", "0,1,t,1", "userId"},
    {"tags", "1,0,t,1", "movieId"},
    {"tags", "1,1,t,", "timestamp"},
    {"links", "x,1,1", "movieId"},
};

static const char *header_of(const char *source)
{
    return strcmp(source, "movies") == 0    ? MOVIES
           : strcmp(source, "ratings") == 0 ? RATINGS
           : strcmp(source, "tags") == 0    ? TAGS
                                            : LINKS;
}

START_TEST(columns_have_their_ranges)
{
    test_world world;
    world_start(&world);
    char text[256];
    snprintf(text, sizeof text, "%s%s\n", header_of(bad_records[_i].source),
             bad_records[_i].record);
    const char *path = world_write(&world, "file.csv", text);
    ck_assert_int_eq(
        mdl_warehouse_load_file(world.warehouse, bad_records[_i].source, path, NULL, &world.error),
        MDL_E_DATA);
    ck_assert_str_eq(world.error.column, bad_records[_i].column);
    world_end(&world);
}
END_TEST

START_TEST(columns_take_their_extremes)
{
    test_world world;
    world_start(&world);
    const char *text = RATINGS "1,2147483647,-9999.99,-62135596800\n"
                               "2147483647,1,9999.99,253402300799\n";
    ck_assert_int_eq(world_load(&world, world_write(&world, "ratings.csv", text)), MDL_OK);
    world_assert_csv(&world, "ratings", text);
    text = TAGS "1,1,,0\n1,1,\"\",0\n";
    ck_assert_int_eq(world_load(&world, world_write(&world, "tags.csv", text)), MDL_OK);
    world_assert_csv(&world, "tags", text);
    text = MOVIES "1,,\n";
    ck_assert_int_eq(world_load(&world, world_write(&world, "movies.csv", text)), MDL_OK);
    world_assert_csv(&world, "movies", text);
    world_end(&world);
}
END_TEST

static void assert_origin(const test_world *world, const char *source, int64_t row,
                          const char *name, int64_t record)
{
    mdl_row_origin origin;
    ck_assert_int_eq(mdl_warehouse_row_origin(world->warehouse, source, row, &origin, NULL),
                     MDL_OK);
    const char *slash = strrchr(origin.path, '/');
    ck_assert_str_eq(slash != NULL ? slash + 1 : origin.path, name);
    ck_assert_int_eq(origin.record, record);
}

/* A table with the columns of links. */
static mdl_table *make_links(test_world *world, const char *const *names, const int32_t *ids,
                             int64_t n_rows)
{
    mdl_field fields[] = {
        {names[0], MDL_TYPE_INT32}, {names[1], MDL_TYPE_STRING}, {names[2], MDL_TYPE_STRING}};
    mdl_string texts[4] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}};
    mdl_vector columns[] = {{.type = MDL_TYPE_INT32, .n_rows = n_rows, .values = ids},
                            {.type = MDL_TYPE_STRING, .n_rows = n_rows, .values = texts},
                            {.type = MDL_TYPE_STRING, .n_rows = n_rows, .values = texts}};
    mdl_table_builder *builder = NULL;
    mdl_table *table = NULL;
    ck_assert_int_eq(mdl_table_builder_create(world->context, fields, 3, &builder, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_append(builder, columns, n_rows, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    return table;
}

START_TEST(rows_tell_their_origin)
{
    test_world world;
    world_start(&world);
    mdl_load_options options;
    mdl_load_options_init(&options);
    options.csv.on_error = MDL_ON_ERROR_SKIP;

    /* Records 1, 4, 5 and 8 of the first file are bad. */
    const char *path =
        world_write(&world, "links.csv", LINKS "x,,\n2,,\n3,,\n-4,,\n0,,\n6,,\n7,,\n8\n9,,\n");
    ck_assert_int_eq(mdl_warehouse_load(world.warehouse, &path, 1, &options, NULL), MDL_OK);
    path = world_write(&world, "01012026_links.csv", LINKS "x,,\n");
    ck_assert_int_eq(mdl_warehouse_load(world.warehouse, &path, 1, &options, NULL), MDL_OK);
    path = world_write(&world, "02012026_links.csv", LINKS "x,,\n20,,\n");
    ck_assert_int_eq(mdl_warehouse_load(world.warehouse, &path, 1, &options, NULL), MDL_OK);
    static const char *const names[] = {"movieId", "imdbId", "tmdbId"};
    static const int32_t ids[] = {30, 31};
    mdl_table *rows = make_links(&world, names, ids, 2);
    ck_assert_int_eq(mdl_warehouse_append(world.warehouse, "links", rows, NULL), MDL_OK);
    mdl_table_free(rows);
    path = world_write(&world, "03012026_links.csv", LINKS "40,,\n");
    ck_assert_int_eq(mdl_warehouse_load(world.warehouse, &path, 1, &options, NULL), MDL_OK);

    world_assert_csv(&world, "links",
                     LINKS "2,,\n3,,\n6,,\n7,,\n9,,\n20,,\n30,a,a\n31,b,b\n40,,\n");
    static const int64_t records[] = {2, 3, 6, 7, 9};
    for (int64_t row = 0; row < 5; row++) {
        assert_origin(&world, "links", row, "links.csv", records[row]);
    }
    assert_origin(&world, "links", 5, "02012026_links.csv", 2);
    assert_origin(&world, "links", 6, "", 1);
    assert_origin(&world, "links", 7, "", 2);
    assert_origin(&world, "links", 8, "03012026_links.csv", 1);
    mdl_row_origin origin;
    ck_assert_int_eq(mdl_warehouse_row_origin(world.warehouse, "links", 9, &origin, NULL),
                     MDL_E_ARGUMENT);
    ck_assert_int_eq(mdl_warehouse_row_origin(world.warehouse, "links", -1, &origin, NULL),
                     MDL_E_ARGUMENT);
    ck_assert_int_eq(mdl_warehouse_row_origin(world.warehouse, "nothing", 0, &origin, NULL),
                     MDL_E_NOT_FOUND);

    /* All rejects of all loads, in their order. */
    ck_assert_int_eq(mdl_warehouse_load_info(world.warehouse, 0)->n_rejected, 4);
    ck_assert_int_eq(mdl_warehouse_n_loads(world.warehouse), 4);
    const mdl_table *rejects = mdl_warehouse_rejects(world.warehouse);
    ck_assert_int_eq(mdl_table_n_rows(rejects), 6);
    static const int64_t rejected[] = {1, 4, 5, 8, 1, 1};
    int32_t record = mdl_table_find_column(rejects, "record");
    for (int64_t i = 0; i < 6; i++) {
        mdl_value value;
        ck_assert_int_eq(mdl_table_get(world.context, rejects, i, record, &value, NULL, 0, NULL),
                         MDL_OK);
        ck_assert_int_eq(value.as.integer, rejected[i]);
    }

    /* A file with rejects is known as the others are. */
    path = world_write(&world, "04012026_links.csv", LINKS "x,,\n20,,\n");
    ck_assert_int_eq(mdl_warehouse_load(world.warehouse, &path, 1, NULL, NULL), MDL_OK);
    assert_load(&world, 4, "04012026_links.csv", "links", 9, 0, true);
    ck_assert_int_eq(mdl_table_n_rows(mdl_warehouse_rejects(world.warehouse)), 6);
    world_end(&world);
}
END_TEST

START_TEST(appended_rows_must_fit)
{
    test_world world;
    world_start(&world);
    static const char *const right[] = {"movieId", "imdbId", "tmdbId"};
    static const char *const wrong[] = {"movieId", "tmdbId", "imdbId"};
    static const int32_t ids[] = {1, 2};
    static const int32_t bad_ids[] = {1, 0};

    mdl_table *rows = make_links(&world, wrong, ids, 2);
    ck_assert_int_eq(mdl_warehouse_append(world.warehouse, "links", rows, &world.error),
                     MDL_E_SCHEMA);
    ck_assert_int_eq(mdl_warehouse_append(world.warehouse, "tags", rows, NULL), MDL_E_SCHEMA);
    ck_assert_int_eq(mdl_warehouse_append(world.warehouse, "nothing", rows, NULL), MDL_E_NOT_FOUND);
    mdl_table_free(rows);
    rows = make_links(&world, right, bad_ids, 2);
    ck_assert_int_eq(mdl_warehouse_append(world.warehouse, "links", rows, NULL), MDL_E_DATA);
    mdl_table_free(rows);
    ck_assert_int_eq(mdl_warehouse_append(world.warehouse, "links", NULL, NULL), MDL_E_ARGUMENT);
    ck_assert_int_eq(world_n_rows(&world, "links"), 0);
    rows = make_links(&world, right, ids, 2);
    ck_assert_int_eq(mdl_warehouse_append(world.warehouse, "links", rows, NULL), MDL_OK);
    mdl_table_free(rows);
    world_assert_csv(&world, "links", LINKS "1,a,a\n2,b,b\n");
    ck_assert_int_eq(mdl_warehouse_n_loads(world.warehouse), 0);
    world_end(&world);
}
END_TEST

START_TEST(clones_stay_as_they_were)
{
    test_world world;
    world_start(&world);
    ck_assert_int_eq(world_load(&world, world_write(&world, "movies.csv", MOVIES "1,A,\n")),
                     MDL_OK);
    mdl_table *clone = mdl_table_clone(mdl_warehouse_table(world.warehouse, "movies"));
    ck_assert_int_eq(
        world_load(&world, world_write(&world, "01012026_movies.csv", MOVIES "2,B,\n")), MDL_OK);
    ck_assert_int_eq(mdl_table_n_rows(clone), 1);
    ck_assert_int_eq(world_n_rows(&world, "movies"), 2);
    mdl_table_free(clone);
    world_end(&world);
}
END_TEST

/* A path whose reading fails as a bad disk's would: a folder can be opened, but not read. */
static const char *unreadable_path(test_world *world)
{
    snprintf(world->path, sizeof world->path, "%s/unreadable", world->folder);
    ck_assert_int_eq(mkdir(world->path, 0700), 0);
    return world->path;
}

static mdl_status load_with_retries(test_world *world, const char *path, int32_t max_retries,
                                    double retry_seconds)
{
    mdl_load_options options;
    mdl_load_options_init(&options);
    options.max_retries = max_retries;
    options.retry_seconds = retry_seconds;
    world->error = (mdl_error)MDL_ERROR_INIT;
    return mdl_warehouse_load_file(world->warehouse, "tags", path, &options, &world->error);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

START_TEST(retries_wait_longer_each_time_and_end)
{
    test_world world;
    world_start(&world);
    const char *path = unreadable_path(&world);
    double start = seconds_now();
    ck_assert_int_eq(load_with_retries(&world, path, 3, 0.01), MDL_E_IO);
    ck_assert_double_ge(seconds_now() - start, 0.01 + 0.02 + 0.04);
    ck_assert_int_eq(world.error.system_errno, EISDIR);
    ck_assert_ptr_nonnull(strstr(world.error.message, path));
    ck_assert_ptr_nonnull(strstr(world.error.message, "; gave up after 4 tries"));
    ck_assert_int_eq(mdl_warehouse_n_loads(world.warehouse), 0);
    ck_assert_int_eq(load_with_retries(&world, path, 0, 0.01), MDL_E_IO);
    ck_assert_ptr_null(strstr(world.error.message, "gave up"));
    world_end(&world);
}
END_TEST

START_TEST(only_failures_of_the_system_are_tried_again)
{
    test_world world;
    world_start(&world);
    double start = seconds_now();
    ck_assert_int_eq(load_with_retries(&world, "/nowhere/tags.csv", 5, 100), MDL_E_FILE_NOT_FOUND);
    ck_assert_int_eq(
        load_with_retries(&world, world_write(&world, "tags.csv", TAGS "1,2\n"), 5, 100),
        MDL_E_DATA);
    ck_assert_double_lt(seconds_now() - start, 50);
    ck_assert_int_eq(load_with_retries(&world, world.path, -1, 1), MDL_E_ARGUMENT);
    ck_assert_int_eq(load_with_retries(&world, world.path, 1, -0.5), MDL_E_ARGUMENT);
    world_end(&world);
}
END_TEST

/* Gives a link another target after a while. */
static void *heal_link(void *data)
{
    const test_world *world = data;
    char file[128];
    char other[128];
    char link[128];
    snprintf(file, sizeof file, "%s/tags.csv", world->folder);
    snprintf(other, sizeof other, "%s/other", world->folder);
    snprintf(link, sizeof link, "%s/link", world->folder);
    usleep(50000);
    ck_assert_int_eq(symlink(file, other), 0);
    ck_assert_int_eq(rename(other, link), 0);
    return NULL;
}

START_TEST(retry_succeeds_when_the_fault_is_gone)
{
    test_world world;
    world_start(&world);
    world_write(&world, "tags.csv", TAGS "1,2,x,3\n");
    char link[128];
    snprintf(link, sizeof link, "%s/link", world.folder);
    ck_assert_int_eq(symlink(unreadable_path(&world), link), 0);
    pthread_t healer;
    ck_assert_int_eq(pthread_create(&healer, NULL, heal_link, &world), 0);
    int64_t before = time(NULL);
    ck_assert_int_eq(load_with_retries(&world, link, 100, 0.01), MDL_OK);
    pthread_join(healer, NULL);
    const mdl_load_info *info = mdl_warehouse_load_info(world.warehouse, 0);
    ck_assert_int_ge(info->attempt, 2);
    ck_assert_int_ge(info->loaded_at, before);
    /* time() may lag behind the clock that the library reads. */
    ck_assert_int_le(info->loaded_at, time(NULL) + 1);
    ck_assert_int_eq(load_with_retries(&world, link, 0, 0), MDL_OK);
    ck_assert_int_eq(mdl_warehouse_load_info(world.warehouse, 1)->attempt, 1);
    world_assert_csv(&world, "tags", TAGS "1,2,x,3\n");
    world_end(&world);
}
END_TEST

static void *cancel_after_a_while(void *data)
{
    usleep(50000);
    mdl_context_cancel(data);
    return NULL;
}

START_TEST(waiting_for_a_retry_can_be_cancelled)
{
    test_world world;
    world_start(&world);
    pthread_t canceller;
    ck_assert_int_eq(pthread_create(&canceller, NULL, cancel_after_a_while, world.context), 0);
    double start = seconds_now();
    ck_assert_int_eq(load_with_retries(&world, unreadable_path(&world), 3, 50), MDL_E_CANCELLED);
    ck_assert_double_lt(seconds_now() - start, 40);
    pthread_join(canceller, NULL);
    world_end(&world);
}
END_TEST

static Suite *load_suite(void)
{
    Suite *suite = suite_create("load");
    TCase *names = tcase_create("names");
    tcase_add_test(names, folder_loads_plain_files_then_days);
    tcase_add_test(names, folder_may_end_in_a_slash);
    tcase_add_test(names, named_files_load_in_the_order_given);
    tcase_add_test(names, any_name_loads_into_a_named_source);
    tcase_add_loop_test(names, other_names_are_refused, 0, sizeof bad_names / sizeof *bad_names);
    tcase_add_test(names, missing_paths_are_told);
    suite_add_tcase(suite, names);
    TCase *content = tcase_create("content");
    tcase_add_test(content, same_content_loads_once);
    tcase_add_test(content, same_content_within_a_call_loads_once);
    tcase_add_test(content, same_content_in_another_source_is_other);
    tcase_add_test(content, failure_leaves_everything_as_it_was);
    tcase_add_test(content, first_failure_in_order_is_told);
    tcase_add_test(content, rejects_are_in_the_order_of_files);
    tcase_add_loop_test(content, columns_have_their_ranges, 0,
                        sizeof bad_records / sizeof *bad_records);
    tcase_add_test(content, columns_take_their_extremes);
    tcase_add_test(content, rows_tell_their_origin);
    tcase_add_test(content, appended_rows_must_fit);
    tcase_add_test(content, clones_stay_as_they_were);
    suite_add_tcase(suite, content);
    TCase *retries = tcase_create("retries");
    tcase_add_test(retries, retries_wait_longer_each_time_and_end);
    tcase_add_test(retries, only_failures_of_the_system_are_tried_again);
    tcase_add_test(retries, retry_succeeds_when_the_fault_is_gone);
    tcase_add_test(retries, waiting_for_a_retry_can_be_cancelled);
    tcase_set_timeout(retries, 120);
    suite_add_tcase(suite, retries);
    return suite;
}

int main(void)
{
    return run_suite(load_suite());
}
