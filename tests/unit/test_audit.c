/*
 * The audit of a warehouse: every loaded file comes back byte for byte, files that cannot are told,
 * and a table that is not what was loaded is found out.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/run_suite.h"
#include "support/warehouse_world.h"
#include "warehouse/warehouse_internal.h"

#define MOVIES  "movieId,title,genres\n"
#define RATINGS "userId,movieId,rating,timestamp\n"

enum {
    N_SEEN_MAX = 16
};

/* What an audit told, in order. */
typedef struct audit_log {
    int n;
    mdl_audit_result results[N_SEEN_MAX];
} audit_log;

static void log_result(void *user_data, const mdl_audit_result *result)
{
    audit_log *log = user_data;
    ck_assert_int_lt(log->n, N_SEEN_MAX);
    log->results[log->n++] = *result;
}

/* Audits with the files going to `folder`, which may be NULL. */
static mdl_status audit(test_world *world, const char *folder, audit_log *log, int32_t *n_different)
{
    mdl_audit_options options;
    mdl_audit_options_init(&options);
    options.out_directory = folder;
    options.file_finished = log_result;
    options.user_data = log;
    *log = (audit_log){.n = 0};
    world->error = (mdl_error)MDL_ERROR_INIT;
    return mdl_warehouse_audit(world->warehouse, &options, n_different, &world->error);
}

static void expect_equal(const audit_log *log, int index, const char *name)
{
    const mdl_audit_result *result = &log->results[index];
    ck_assert_int_lt(index, log->n);
    ck_assert_str_eq(strrchr(result->load->path, '/') + 1, name);
    ck_assert(result->is_reproducible);
    ck_assert(result->is_equal);
    ck_assert_int_eq(result->size_bytes, result->load->size_bytes);
    ck_assert_mem_eq(result->xxh3_128, result->load->xxh3_128, 16);
}

static void expect_file(const char *folder, const char *name, const char *expected)
{
    char path[256];
    char bytes[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "there is no %s", path);
    size_t size = fread(bytes, 1, sizeof bytes - 1, file);
    bytes[size] = '\0';
    fclose(file);
    ck_assert_str_eq(bytes, expected);
}

static int count_files(const char *folder)
{
    int n = 0;
    char command[256];
    snprintf(command, sizeof command, "ls -A %s | wc -l", folder);
    FILE *output = popen(command, "r");
    ck_assert_ptr_nonnull(output);
    ck_assert_int_eq(fscanf(output, "%d", &n), 1);
    pclose(output);
    return n;
}

static const char dirty_ratings[] =
    "\xef\xbb\xbf\"rating\",userId,timestamp,movieId\r\n4.50,1,5,10\r\n\r\nx,1,5,10\r\n"
    "3.5,2,6,11\r\n3.5,02,6,11\n5,2,\"6\",11\r\n\n";

START_TEST(files_come_back)
{
    test_world world;
    audit_log log;
    int32_t n_different = -1;
    char folder[128];
    world_start(&world);
    mdl_load_options options;
    mdl_load_options_init(&options);
    options.csv.on_error = MDL_ON_ERROR_SKIP;
    ck_assert_int_eq(audit(&world, NULL, &log, &n_different), MDL_OK);
    ck_assert_int_eq(log.n, 0);
    world_write(&world, "movies.csv", MOVIES "10,\"A, B\",X|Y\n11,C,\n");
    world_write(&world, "ratings.csv", RATINGS "1,10,4.0,5\n2,10,0.5,6\n");
    world_write(&world, "tags.csv", "userId,movieId,tag,timestamp\r\n");
    const char *all = world.folder;
    ck_assert_int_eq(mdl_warehouse_load(world.warehouse, &all, 1, NULL, NULL), MDL_OK);
    /* The same once more, which is left out; then others of the same names. */
    ck_assert_int_eq(mdl_warehouse_load(world.warehouse, &all, 1, NULL, NULL), MDL_OK);
    const char *path = world_write(&world, "ratings.csv", dirty_ratings);
    ck_assert_int_eq(mdl_warehouse_load(world.warehouse, &path, 1, &options, NULL), MDL_OK);
    const mdl_table *movies = mdl_warehouse_table(world.warehouse, "movies");
    ck_assert_int_eq(mdl_warehouse_append(world.warehouse, "movies", movies, NULL), MDL_OK);
    path = world_write(&world, "ratings.csv", RATINGS);
    ck_assert_int_eq(mdl_warehouse_load(world.warehouse, &path, 1, &options, NULL), MDL_OK);
    path = world_write(&world, "ratings.csv.2", RATINGS "7,7,1.0,7");
    ck_assert_int_eq(mdl_warehouse_load_file(world.warehouse, "ratings", path, NULL, NULL), MDL_OK);

    snprintf(folder, sizeof folder, "%s/out", world.folder);
    ck_assert_int_eq(audit(&world, folder, &log, &n_different), MDL_OK);
    ck_assert_int_eq(n_different, 0);
    ck_assert_int_eq(log.n, 6);
    expect_equal(&log, 0, "movies.csv");
    expect_equal(&log, 1, "ratings.csv");
    expect_equal(&log, 2, "tags.csv");
    expect_equal(&log, 3, "ratings.csv");
    expect_equal(&log, 4, "ratings.csv");
    expect_equal(&log, 5, "ratings.csv.2");
    expect_file(folder, "movies.csv", MOVIES "10,\"A, B\",X|Y\n11,C,\n");
    expect_file(folder, "ratings.csv", RATINGS "1,10,4.0,5\n2,10,0.5,6\n");
    expect_file(folder, "tags.csv", "userId,movieId,tag,timestamp\r\n");
    expect_file(folder, "ratings.csv.2", dirty_ratings);
    expect_file(folder, "ratings.csv.3", RATINGS);
    expect_file(folder, "ratings.csv.2.2", RATINGS "7,7,1.0,7");
    ck_assert_int_eq(count_files(folder), 6);

    /* Again, over what is there; and without files. */
    ck_assert_int_eq(audit(&world, folder, &log, &n_different), MDL_OK);
    ck_assert_int_eq(count_files(folder), 6);
    ck_assert_int_eq(mdl_warehouse_audit(world.warehouse, NULL, &n_different, NULL), MDL_OK);
    ck_assert_int_eq(n_different, 0);
    world_end(&world);
}
END_TEST

START_TEST(columns_left_out_cannot_come_back)
{
    test_world world;
    audit_log log;
    int32_t n_different;
    char folder[128];
    mdl_load_options options;
    mdl_load_options_init(&options);
    options.csv.allow_extra_columns = true;
    world_start(&world);
    const char *path = world_write(&world, "movies.csv", "movieId,more,title,genres\n1,x,A,B\n");
    ck_assert_int_eq(mdl_warehouse_load(world.warehouse, &path, 1, &options, NULL), MDL_OK);
    path = world_write(&world, "ratings.csv", RATINGS);
    ck_assert_int_eq(mdl_warehouse_load(world.warehouse, &path, 1, &options, NULL), MDL_OK);
    snprintf(folder, sizeof folder, "%s/out", world.folder);
    ck_assert_int_eq(audit(&world, folder, &log, &n_different), MDL_OK);
    ck_assert_int_eq(n_different, 1);
    ck_assert_int_eq(log.n, 2);
    ck_assert(!log.results[0].is_reproducible);
    ck_assert(!log.results[0].is_equal);
    ck_assert_int_eq(log.results[0].size_bytes, 0);
    expect_equal(&log, 1, "ratings.csv");
    ck_assert_int_eq(count_files(folder), 1);
    world_end(&world);
}
END_TEST

/* What a fault of memory or of the program's would do. */
START_TEST(other_rows_are_found_out)
{
    test_world world;
    audit_log log;
    int32_t n_different;
    world_start(&world);
    const char *path = world_write(&world, "ratings.csv", RATINGS "1,10,4.0,5\n");
    ck_assert_int_eq(world_load(&world, path), MDL_OK);
    path = world_write(&world, "other_ratings.csv", RATINGS "1,10,4.5,5\n");
    ck_assert_int_eq(mdl_warehouse_load_file(world.warehouse, "ratings", path, NULL, &world.error),
                     MDL_OK);
    /* The second file's rows where the first one's were. */
    world.warehouse->loads[0].first_row = 1;
    ck_assert_int_eq(audit(&world, NULL, &log, &n_different), MDL_OK);
    ck_assert_int_eq(n_different, 1);
    ck_assert(log.results[0].is_reproducible);
    ck_assert(!log.results[0].is_equal);
    ck_assert_int_eq(log.results[0].size_bytes, log.results[0].load->size_bytes);
    expect_equal(&log, 1, "other_ratings.csv");
    world.warehouse->loads[0].first_row = 2;
    ck_assert_int_eq(audit(&world, NULL, &log, &n_different), MDL_E_ARGUMENT);
    world_end(&world);
}
END_TEST

START_TEST(loaded_files_are_not_written_over)
{
    test_world world;
    audit_log log;
    int32_t n_different;
    char expected[512];
    world_start(&world);
    const char *path = world_write(&world, "ratings.csv", RATINGS "1,10,4.0,5\n");
    ck_assert_int_eq(world_load(&world, path), MDL_OK);
    ck_assert_int_eq(audit(&world, world.folder, &log, &n_different), MDL_E_ARGUMENT);
    snprintf(expected, sizeof expected, "cannot write %s: it is the file that was loaded", path);
    ck_assert_str_eq(world.error.message, expected);
    expect_file(world.folder, "ratings.csv", RATINGS "1,10,4.0,5\n");
    ck_assert_int_eq(count_files(world.folder), 1);
    world_end(&world);
}
END_TEST

START_TEST(folders_that_cannot_be_written)
{
    test_world world;
    audit_log log;
    int32_t n_different;
    char folder[256];
    world_start(&world);
    const char *path = world_write(&world, "ratings.csv", RATINGS);
    ck_assert_int_eq(world_load(&world, path), MDL_OK);
    snprintf(folder, sizeof folder, "%s/none/out", world.folder);
    ck_assert_int_eq(audit(&world, folder, &log, &n_different), MDL_E_FILE_NOT_FOUND);
    /* A file in the folder's place. */
    snprintf(folder, sizeof folder, "%s/ratings.csv", world.folder);
    ck_assert_int_eq(audit(&world, folder, &log, &n_different), MDL_E_FILE_NOT_FOUND);
    ck_assert_int_eq(log.n, 0);
    mdl_audit_options options = {.struct_size = 0};
    ck_assert_int_eq(mdl_warehouse_audit(world.warehouse, &options, &n_different, NULL),
                     MDL_E_ARGUMENT);
    world_end(&world);
}
END_TEST

START_TEST(nothing_is_left_of_a_file_that_fails)
{
    test_world world;
    audit_log log;
    int32_t n_different;
    char folder[128];
    char in_the_way[256];
    world_start(&world);
    const char *path = world_write(&world, "ratings.csv", RATINGS "1,10,4.0,5\n");
    ck_assert_int_eq(world_load(&world, path), MDL_OK);
    snprintf(folder, sizeof folder, "%s/out", world.folder);
    snprintf(in_the_way, sizeof in_the_way, "%s/ratings.csv", folder);
    ck_assert_int_eq(mkdir(folder, 0777), 0);
    ck_assert_int_eq(mkdir(in_the_way, 0777), 0);
    ck_assert_int_eq(audit(&world, folder, &log, &n_different), MDL_E_IO);
    ck_assert_int_eq(count_files(folder), 1);
    world_end(&world);
}
END_TEST

static Suite *audit_suite(void)
{
    Suite *suite = suite_create("audit");
    TCase *files = tcase_create("files");
    tcase_add_test(files, files_come_back);
    tcase_add_test(files, columns_left_out_cannot_come_back);
    tcase_add_test(files, other_rows_are_found_out);
    tcase_add_test(files, loaded_files_are_not_written_over);
    tcase_add_test(files, folders_that_cannot_be_written);
    tcase_add_test(files, nothing_is_left_of_a_file_that_fails);
    suite_add_tcase(suite, files);
    return suite;
}

int main(void)
{
    return run_suite(audit_suite());
}
