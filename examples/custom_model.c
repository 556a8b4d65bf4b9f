/*
 * A model of one's own: the tag that most users gave to movies of each genre.
 *
 * Usage: custom_model DATA
 *
 * The declaration says what the table is built from, what columns it has and what must hold of its
 * rows; the warehouse finds its place in the order, builds it with the others, and tests what came
 * out. The table goes to standard output, what the tests found to standard error.
 */
#include <medallion/medallion.h>

#include <stdio.h>

static const char *const refs[] = {"dim_movies", "fact_tags"};

static const mdl_model_column columns[] = {
    {"genre", MDL_TYPE_STRING, "Name of the genre"},
    {"tag", MDL_TYPE_STRING, "The tag; of several with as many users the first by name"},
    {"n_users", MDL_TYPE_INT64, "Users who gave it to a movie of the genre"},
};

/* Besides these, the key is tested: it has to be unique and not NULL. */
static const mdl_test tests[] = {
    {.kind = MDL_TEST_RELATIONSHIPS, .columns = "genre", .to = "dim_movies"},
    {.kind = MDL_TEST_EXPRESSION, .columns = "tag", .expression = "tag = lower(trim(tag))"},
    {.kind = MDL_TEST_ACCEPTED_RANGE,
     .severity = MDL_SEVERITY_WARN,
     .columns = "n_users",
     .least = "2",
     .warn_if = "> 1",
     .description = "A tag that only one user gave says little of a genre"},
};

static mdl_status build_top_tags(mdl_build *build, mdl_table **out, mdl_error *error)
{
    mdl_rel *genres = mdl_project(mdl_build_scan(build, "dim_movies"), "movie_id, genre");
    mdl_rel *tags = mdl_project(mdl_build_scan(build, "fact_tags"),
                                "movie_id, user_id, lower(trim(tag)) as tag");

    tags = mdl_join(tags, genres, MDL_JOIN_INNER, "movie_id");
    tags = mdl_aggregate(tags, "genre, tag", "count(distinct user_id) as n_users");
    tags = mdl_arg_first(tags, "genre", "-n_users, tag");
    return mdl_build_collect(build, tags, out, error);
}

static const mdl_model top_tags = {
    .struct_size = sizeof(mdl_model),
    .name = "mart_top_tags",
    .layer = MDL_LAYER_GOLD,
    .materialization = MDL_MATERIALIZATION_TABLE,
    .description = "One row per genre: the tag that most users gave to its movies",
    .refs = refs,
    .n_refs = sizeof refs / sizeof *refs,
    .columns = columns,
    .n_columns = sizeof columns / sizeof *columns,
    .key = "genre",
    .build = build_top_tags,
    .tests = tests,
    .n_tests = sizeof tests / sizeof *tests,
    .version =
        1, /* to be raised with each change of build_top_tags; then a table is reused while its
                     inputs are the same */
};

/* Tells what became of each test of the model, when it has run. */
static void tell_test(void *user_data, const mdl_run_result *task, int32_t index, int32_t n_tasks)
{
    (void)user_data;
    (void)index;
    (void)n_tasks;
    if (task->kind == MDL_TASK_TEST && task->model->build == build_top_tags) {
        fprintf(stderr, "%-5s %s%s%s\n", mdl_run_state_name(task->state), task->name,
                task->message[0] != '\0' ? ": " : "", task->message);
    }
}

static mdl_status print_top_tags(mdl_context *context, const mdl_table *table, mdl_error *error)
{
    mdl_cursor *cursor = NULL;
    mdl_status status = mdl_cursor_create(context, table, NULL, 0, &cursor, error);
    mdl_batch batch = {0};
    do {
        if (status == MDL_OK) {
            status = mdl_cursor_next(cursor, &batch, error);
        }
        for (int64_t i = 0; status == MDL_OK && i < batch.n_rows; i++) {
            mdl_string genre = mdl_vector_string(&batch.columns[0], i);
            mdl_string tag = mdl_vector_string(&batch.columns[1], i);
            int64_t n_users = mdl_vector_int64(&batch.columns[2], i);
            printf("%-20.*s %-32.*s %lld\n", (int)genre.size_bytes, genre.data, (int)tag.size_bytes,
                   tag.data, (long long)n_users);
        }
    } while (status == MDL_OK && batch.n_rows > 0);
    mdl_cursor_free(cursor);
    return status;
}

static mdl_status run(mdl_context *context, mdl_warehouse *warehouse, const char *data,
                      mdl_error *error)
{
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.select = "+mart_top_tags";
    options.events.task_finished = tell_test;

    mdl_status status = mdl_warehouse_add_model(warehouse, &top_tags, error);
    if (status == MDL_OK) {
        status = mdl_warehouse_load(warehouse, &data, 1, NULL, error);
    }
    if (status == MDL_OK) {
        status = mdl_warehouse_build(warehouse, &options, NULL, error);
    }
    if (status == MDL_OK) {
        status = print_top_tags(context, mdl_warehouse_table(warehouse, top_tags.name), error);
    }
    return status;
}

int main(int argc, char **argv)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_context *context = NULL;
    mdl_warehouse *warehouse = NULL;
    mdl_status status = mdl_context_create(NULL, &context, &error);
    if (status == MDL_OK) {
        status = mdl_warehouse_create(context, NULL, &warehouse, &error);
    }
    if (status == MDL_OK) {
        status = run(context, warehouse, argc > 1 ? argv[1] : ".", &error);
    }
    if (status != MDL_OK) {
        fprintf(stderr, "custom_model: %s\n", error.message);
    }
    mdl_warehouse_free(warehouse);
    mdl_context_free(context);
    return status != MDL_OK;
}
