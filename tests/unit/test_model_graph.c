/*
 * Build order, selectors, failures and publication, on toy models that give a table of one number:
 * how often the model was built.
 */
#include <string.h>

#include "support/run_suite.h"
#include "support/warehouse_world.h"

typedef struct toy {
    const char *name;
    mdl_layer layer;
    const char *refs[4];
    mdl_materialization kind; /* 0 = a table */
    const char *tags;
    bool fails;
    bool cancels;
    int32_t n_builds;
    mdl_model model;
} toy;

static const mdl_model_column toy_columns[] = {{"n", MDL_TYPE_INT32, "Times it was built"}};

static mdl_status build_toy(mdl_build *build, mdl_table **out, mdl_error *error)
{
    toy *self = mdl_build_user_data(build);
    for (int i = 0; i < 4 && self->refs[i] != NULL; i++) {
        ck_assert_ptr_nonnull(mdl_build_ref(build, self->refs[i]));
    }
    if (self->fails) {
        return mdl_error_set(error, MDL_E_OVERFLOW, "the toy broke");
    }
    if (self->cancels) {
        return mdl_error_set(error, MDL_E_CANCELLED, "the toy was taken away");
    }
    self->n_builds++;
    mdl_field field = {"n", MDL_TYPE_INT32};
    mdl_vector column = {.type = MDL_TYPE_INT32, .n_rows = 1, .values = &self->n_builds};
    mdl_table_builder *builder = NULL;
    mdl_status status =
        mdl_table_builder_create(mdl_build_context(build), &field, 1, &builder, error);
    if (status == MDL_OK) {
        status = mdl_table_builder_append(builder, &column, 1, error);
    }
    if (status == MDL_OK) {
        status = mdl_table_builder_finish(builder, out, error);
    }
    mdl_table_builder_free(builder);
    return status;
}

static void add_toy(test_world *world, toy *self)
{
    self->model = (mdl_model){
        .struct_size = sizeof(mdl_model),
        .name = self->name,
        .layer = self->layer != 0 ? self->layer : MDL_LAYER_SILVER,
        .materialization = self->kind != 0 ? self->kind : MDL_MATERIALIZATION_TABLE,
        .description = "A toy",
        .tags = self->tags,
        .refs = self->refs,
        .columns = toy_columns,
        .n_columns = 1,
        .build = build_toy,
        .user_data = self,
    };
    while (self->model.n_refs < 4 && self->refs[self->model.n_refs] != NULL) {
        self->model.n_refs++;
    }
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_warehouse_add_model(world->warehouse, &self->model, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
}

/* One thread builds one model after the other, in their order. */
static void start_toys(test_world *world)
{
    mdl_warehouse_options options;
    mdl_warehouse_options_init(&options);
    options.no_builtin_models = true;
    world_start_threads(world, &options, 1);
}

/* Builds models alone, without tests of the sources. */
static mdl_status build_models(test_world *world, mdl_run **run)
{
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.tests = MDL_TESTS_NONE;
    return mdl_warehouse_build(world->warehouse, &options, run, &world->error);
}

/* The names in build order, after the four sources. */
static void assert_order(test_world *world, const char *expected)
{
    char names[256] = "";
    for (int32_t i = 4; i < mdl_warehouse_n_models(world->warehouse); i++) {
        strcat(strcat(names, mdl_warehouse_model(world->warehouse, i)->name), " ");
    }
    ck_assert_str_eq(names, expected);
}

START_TEST(sources_come_first)
{
    test_world world;
    start_toys(&world);
    static const char *const sources[] = {"movies", "ratings", "tags", "links"};
    ck_assert_int_eq(mdl_warehouse_n_models(world.warehouse), 4);
    for (int32_t i = 0; i < 4; i++) {
        const mdl_model *model = mdl_warehouse_model(world.warehouse, i);
        ck_assert_str_eq(model->name, sources[i]);
        ck_assert_int_eq(model->materialization, MDL_MATERIALIZATION_SOURCE);
        ck_assert_int_eq(world_n_rows(&world, sources[i]), 0);
    }
    ck_assert_ptr_null(mdl_warehouse_model(world.warehouse, 4));
    ck_assert_ptr_null(mdl_warehouse_find_model(world.warehouse, "dim_users"));
    world_end(&world);
}
END_TEST

START_TEST(order_follows_refs_then_adding)
{
    test_world world;
    start_toys(&world);
    toy d = {.name = "d", .refs = {"c", "b"}};
    toy c = {.name = "c", .refs = {"a"}};
    toy z = {.name = "z", .refs = {"movies"}};
    toy b = {.name = "b", .refs = {"a"}};
    toy a = {.name = "a", .refs = {"ratings"}};
    add_toy(&world, &d);
    add_toy(&world, &c);
    add_toy(&world, &z);
    assert_order(&world, "z d c ");
    add_toy(&world, &b);
    add_toy(&world, &a);
    assert_order(&world, "z a c b d ");
    world_build(&world, NULL);
    ck_assert_int_eq(d.n_builds, 1);
    world_end(&world);
}
END_TEST

START_TEST(missing_ref_is_told)
{
    test_world world;
    start_toys(&world);
    toy a = {.name = "a", .refs = {"ratings", "nothing"}};
    add_toy(&world, &a);
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, NULL, NULL, &world.error),
                     MDL_E_NOT_FOUND);
    ck_assert_str_eq(world.error.message, "model a refers to \"nothing\", which is no table");
    world_end(&world);
}
END_TEST

START_TEST(circle_is_told)
{
    test_world world;
    start_toys(&world);
    toy below = {.name = "below", .refs = {"a"}};
    toy a = {.name = "a", .refs = {"ratings", "c"}};
    toy b = {.name = "b", .refs = {"a"}};
    toy c = {.name = "c", .refs = {"b"}};
    toy free_one = {.name = "free_one"};
    add_toy(&world, &below);
    add_toy(&world, &a);
    add_toy(&world, &b);
    add_toy(&world, &c);
    add_toy(&world, &free_one);
    assert_order(&world, "free_one below a b c ");
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, NULL, NULL, &world.error), MDL_E_CYCLE);
    const char *told = strchr(world.error.message, ':');
    ck_assert_ptr_nonnull(told);
    ck_assert_msg(strcmp(told, ": a -> c -> b -> a") == 0 ||
                      strcmp(told, ": b -> a -> c -> b") == 0 ||
                      strcmp(told, ": c -> b -> a -> c") == 0,
                  "%s", world.error.message);
    ck_assert_int_eq(free_one.n_builds, 0);
    world_end(&world);
}
END_TEST

START_TEST(model_of_itself_is_a_circle)
{
    test_world world;
    start_toys(&world);
    toy a = {.name = "a", .refs = {"a"}};
    add_toy(&world, &a);
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, NULL, NULL, &world.error), MDL_E_CYCLE);
    ck_assert_ptr_nonnull(strstr(world.error.message, "a -> a"));
    world_end(&world);
}
END_TEST

/*
 *   movies ── left ──┐
 *                    ├─ fact ── mart ── report
 *   ratings ─ right ─┘    └──── mart_2
 */
typedef struct toy_house {
    test_world world;
    toy left, right, fact, mart, mart_2, report;
} toy_house;

static void start_house(toy_house *house)
{
    start_toys(&house->world);
    house->left = (toy){
        .name = "left", .kind = MDL_MATERIALIZATION_VIEW, .tags = "daily", .refs = {"movies"}};
    house->right = (toy){.name = "right", .kind = MDL_MATERIALIZATION_VIEW, .refs = {"ratings"}};
    house->fact = (toy){.name = "fact", .refs = {"left", "right"}};
    house->mart =
        (toy){.name = "mart", .layer = MDL_LAYER_GOLD, .tags = "daily, nightly", .refs = {"fact"}};
    house->mart_2 = (toy){.name = "mart_2", .layer = MDL_LAYER_GOLD, .refs = {"fact"}};
    house->report = (toy){.name = "report", .layer = MDL_LAYER_GOLD, .refs = {"mart"}};
    toy *toys[] = {&house->left, &house->right,  &house->fact,
                   &house->mart, &house->mart_2, &house->report};
    for (int i = 0; i < 6; i++) {
        add_toy(&house->world, toys[i]);
    }
}

static const struct {
    const char *select;
    const char *exclude;
    const char *picked; /* in build order */
} selections[] = {
    {NULL, NULL, "left right fact mart mart_2 report "},
    {"fact", NULL, "fact "},
    {"+fact", NULL, "left right fact "},
    {"fact+", NULL, "fact mart mart_2 report "},
    {"+fact+", NULL, "left right fact mart mart_2 report "},
    {"1+report", NULL, "mart report "},
    {"2+report", NULL, "fact mart report "},
    {"0+report", NULL, "report "},
    {"left+1", NULL, "left fact "},
    {"left+2", NULL, "left fact mart mart_2 "},
    {"1+mart+1", NULL, "fact mart report "},
    {"+mart left+", NULL, "left right fact mart mart_2 report "},
    {"report left", NULL, "left report "},
    {"  report\tleft\n", NULL, "left report "},
    {"fact+,+report", NULL, "fact mart report "},
    {"fact+,+report left", NULL, "left fact mart report "},
    {"layer:gold", NULL, "mart mart_2 report "},
    {"layer:gold,mart+", NULL, "mart report "},
    {"+layer:gold", NULL, "left right fact mart mart_2 report "},
    {"1+layer:gold", NULL, "fact mart mart_2 report "},
    {"layer:silver", "fact", "left right "},
    {"kind:view", NULL, "left right "},
    {"kind:table,layer:silver", NULL, "fact "},
    {"tag:daily", NULL, "left mart "},
    {"tag:nightly+", NULL, "mart report "},
    {"tag:*ly,layer:gold", NULL, "mart "},
    {NULL, "tag:daily", "right fact mart_2 report "},
    {"movies+1", NULL, "left "},
    {"1+fact,kind:source+", NULL, "left right fact "},
    {"@left", NULL, "left right fact mart mart_2 report "},
    {"@mart", NULL, "left right fact mart report "},
    {"ratings+", NULL, "right fact mart mart_2 report "},
    {"ratings+1", NULL, "right "},
    {"mart*", NULL, "mart mart_2 "},
    {"*t", NULL, "left right fact mart report "},
    {"*a*t*", NULL, "fact mart mart_2 "},
    {NULL, "fact+", "left right "},
    {NULL, "mart*", "left right fact report "},
    {NULL, "layer:gold left", "right fact "},
    {NULL, "+mart,layer:silver", "mart mart_2 report "},
    {"fact+", "report", "fact mart mart_2 "},
    {NULL, "", "left right fact mart mart_2 report "},
};

START_TEST(selectors_pick)
{
    toy_house house;
    start_house(&house);
    world_build(&house.world, NULL);

    mdl_build_options options;
    mdl_build_options_init(&options);
    options.select = selections[_i].select;
    options.exclude = selections[_i].exclude;
    options.tests = MDL_TESTS_NONE;
    mdl_run *run = NULL;
    ck_assert_int_eq(mdl_warehouse_build(house.world.warehouse, &options, &run, NULL), MDL_OK);
    char names[256] = "";
    for (int32_t i = 0; i < mdl_run_n_results(run); i++) {
        const mdl_run_result *result = mdl_run_get_result(run, i);
        ck_assert_int_eq(result->state, MDL_RUN_SUCCESS);
        strcat(strcat(names, result->name), " ");
    }
    ck_assert_str_eq(names, selections[_i].picked);
    ck_assert_int_eq(house.fact.n_builds, strstr(names, "fact") != NULL ? 2 : 1);
    mdl_run_free(run);
    world_end(&house.world);
}
END_TEST

static const struct {
    const char *select;
    const char *exclude;
    const char *message;
} bad_selections[] = {
    {"", NULL, "no table is selected by "},
    {"fact", "+fact", "no table is selected by fact without +fact"},
    {"left,right", NULL, "no table is selected by left,right"},
    {"fakt", NULL, "select: \"fakt\" fits no table"},
    {"fact fakt+", NULL, "select: \"fakt+\" fits no table"},
    {NULL, "fakt", "exclude: \"fakt\" fits no table"},
    {"layer:copper", NULL, "select: \"layer:copper\" fits no table"},
    {"kind:incremental", NULL, "select: \"kind:incremental\" fits no table"},
    {"tag:dail", NULL, "select: \"tag:dail\" fits no table"},
    {"fact,,mart", NULL, "select: \"\" names no table"},
    {"fact,", NULL, "select: \"\" names no table"},
    {"+", NULL, "select: \"+\" names no table"},
    {"fact+x", NULL, "select: \"fact+x\" fits no table"},
    {"x+fact", NULL, "select: \"x+fact\" fits no table"},
};

START_TEST(selectors_refuse)
{
    toy_house house;
    start_house(&house);
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.select = bad_selections[_i].select;
    options.exclude = bad_selections[_i].exclude;
    mdl_run *run = (mdl_run *)&options;
    ck_assert_int_eq(mdl_warehouse_build(house.world.warehouse, &options, &run, &house.world.error),
                     MDL_E_ARGUMENT);
    ck_assert_str_eq(house.world.error.message, bad_selections[_i].message);
    ck_assert_ptr_null(run);
    world_end(&house.world);
}
END_TEST

START_TEST(input_never_built_is_told)
{
    toy_house house;
    start_house(&house);
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.select = "fact left";
    ck_assert_int_eq(mdl_warehouse_build(house.world.warehouse, &options, NULL, &house.world.error),
                     MDL_E_STATE);
    ck_assert_str_eq(house.world.error.message,
                     "model fact needs right, which is not selected and was never built");
    world_build(&house.world, "left right");
    world_build(&house.world, "fact");
    ck_assert_int_eq(house.left.n_builds, 1);
    ck_assert_int_eq(house.fact.n_builds, 1);
    world_end(&house.world);
}
END_TEST

/* Events of a run as a text. */
static void note_start(void *user_data, const mdl_run_result *model, int32_t index,
                       int32_t n_models)
{
    char *notes = user_data;
    sprintf(notes + strlen(notes), "%d/%d %s ", (int)index, (int)n_models, model->name);
}

static void note_end(void *user_data, const mdl_run_result *result, int32_t index, int32_t n_models)
{
    char *notes = user_data;
    sprintf(notes + strlen(notes), "%d/%d %s=%s; ", (int)index, (int)n_models, result->name,
            mdl_run_state_name(result->state));
}

START_TEST(failure_skips_below_and_publishes_nothing)
{
    toy_house house;
    start_house(&house);
    world_build(&house.world, NULL);

    char notes[1024] = "";
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.tests = MDL_TESTS_NONE;
    options.events =
        (mdl_run_events){.task_started = note_start, .task_finished = note_end, .user_data = notes};
    house.mart.fails = true;
    mdl_run *run = NULL;
    ck_assert_int_eq(mdl_warehouse_build(house.world.warehouse, &options, &run, &house.world.error),
                     MDL_E_OVERFLOW);
    ck_assert_str_eq(house.world.error.message, "model mart: the toy broke");
    ck_assert_str_eq(notes, "1/6 left 1/6 left=success; 2/6 right 2/6 right=success; "
                            "3/6 fact 3/6 fact=success; 4/6 mart 4/6 mart=error; "
                            "5/6 mart_2 5/6 mart_2=success; 6/6 report=skipped; ");
    ck_assert_str_eq(mdl_run_get_result(run, 3)->message, "the toy broke");
    ck_assert_str_eq(mdl_run_get_result(run, 4)->message, "");
    ck_assert_str_eq(mdl_run_get_result(run, 5)->message, "mart, which it is built from, failed");
    ck_assert_ptr_null(mdl_run_get_result(run, 6));
    ck_assert(mdl_run_seconds(run) >= 0);
    mdl_run_free(run);
    ck_assert_int_eq(house.mart_2.n_builds, 2);
    world_assert_csv(&house.world, "left", "n\n1\n");
    world_assert_csv(&house.world, "mart_2", "n\n1\n");

    house.mart.fails = false;
    world_build(&house.world, NULL);
    world_assert_csv(&house.world, "left", "n\n3\n");
    world_assert_csv(&house.world, "mart", "n\n2\n");
    world_end(&house.world);
}
END_TEST

START_TEST(skipping_spreads)
{
    toy_house house;
    start_house(&house);
    house.left.fails = true;
    mdl_run *run = NULL;
    ck_assert_int_eq(build_models(&house.world, &run), MDL_E_OVERFLOW);
    static const mdl_run_state states[] = {MDL_RUN_ERROR,   MDL_RUN_SUCCESS, MDL_RUN_SKIPPED,
                                           MDL_RUN_SKIPPED, MDL_RUN_SKIPPED, MDL_RUN_SKIPPED};
    for (int32_t i = 0; i < 6; i++) {
        ck_assert_int_eq(mdl_run_get_result(run, i)->state, states[i]);
    }
    ck_assert_str_eq(mdl_run_get_result(run, 5)->message,
                     "mart, which it is built from, was skipped");
    ck_assert_ptr_null(mdl_warehouse_table(house.world.warehouse, "right"));
    mdl_run_free(run);
    world_end(&house.world);
}
END_TEST

START_TEST(cancelling_stops_the_run)
{
    toy_house house;
    start_house(&house);
    house.right.cancels = true;
    mdl_run *run = NULL;
    ck_assert_int_eq(build_models(&house.world, &run), MDL_E_CANCELLED);
    ck_assert_int_eq(mdl_run_get_result(run, 0)->state, MDL_RUN_SUCCESS);
    ck_assert_int_eq(mdl_run_get_result(run, 1)->state, MDL_RUN_ERROR);
    ck_assert_int_eq(mdl_run_get_result(run, 3)->state, MDL_RUN_SKIPPED);
    ck_assert_int_eq(house.mart.n_builds, 0);
    mdl_run_free(run);
    world_end(&house.world);
}
END_TEST

START_TEST(cancelling_stops_what_does_not_depend_on_it)
{
    test_world world;
    start_toys(&world);
    toy a = {.name = "a", .cancels = true};
    toy b = {.name = "b"};
    add_toy(&world, &a);
    add_toy(&world, &b);
    mdl_run *run = NULL;
    ck_assert_int_eq(build_models(&world, &run), MDL_E_CANCELLED);
    ck_assert_int_eq(mdl_run_get_result(run, 1)->state, MDL_RUN_SKIPPED);
    ck_assert_str_eq(mdl_run_get_result(run, 1)->message, "the run was stopped");
    ck_assert_int_eq(b.n_builds, 0);
    mdl_run_free(run);
    world_end(&world);
}
END_TEST

/* Declarations that make no sense: each changes one thing of a good one. */
static void spoil_size(mdl_model *model)
{
    model->struct_size = 8;
}
static void spoil_name(mdl_model *model)
{
    model->name = "a-b";
}
static void spoil_empty_name(mdl_model *model)
{
    model->name = "";
}
static void spoil_layer(mdl_model *model)
{
    model->layer = (mdl_layer)9;
}
static void spoil_materialization(mdl_model *model)
{
    model->materialization = MDL_MATERIALIZATION_SOURCE;
}
static void spoil_build(mdl_model *model)
{
    model->build = NULL;
}
static void spoil_columns(mdl_model *model)
{
    model->n_columns = 0;
}
static void spoil_key(mdl_model *model)
{
    model->key = "n, m";
}
static void spoil_taken_name(mdl_model *model)
{
    model->name = "movies";
}
static void spoil_column_twice(mdl_model *model)
{
    static const mdl_model_column columns[] = {{"n", MDL_TYPE_INT32, "One"},
                                               {"n", MDL_TYPE_INT32, "Two"}};
    model->columns = columns;
    model->n_columns = 2;
}
static void spoil_column_type(mdl_model *model)
{
    static const mdl_model_column columns[] = {{"n", (mdl_type)0, "Of no type"}};
    model->columns = columns;
}
static void spoil_refs(mdl_model *model)
{
    model->n_refs = 1;
    model->refs = NULL;
}

static void (*const spoilers[])(mdl_model *) = {
    spoil_size,        spoil_name,    spoil_empty_name, spoil_layer,      spoil_materialization,
    spoil_build,       spoil_columns, spoil_key,        spoil_taken_name, spoil_column_twice,
    spoil_column_type, spoil_refs,
};

START_TEST(senseless_declarations_are_refused)
{
    test_world world;
    start_toys(&world);
    mdl_model model = {
        .struct_size = sizeof(mdl_model),
        .name = "good",
        .layer = MDL_LAYER_GOLD,
        .materialization = MDL_MATERIALIZATION_TABLE,
        .description = "Good",
        .columns = toy_columns,
        .n_columns = 1,
        .key = " n ",
        .build = build_toy,
    };
    mdl_model spoiled = model;
    spoilers[_i](&spoiled);
    ck_assert_int_eq(mdl_warehouse_add_model(world.warehouse, &spoiled, &world.error),
                     MDL_E_ARGUMENT);
    ck_assert_int_ne(world.error.message[0], '\0');
    ck_assert_int_eq(mdl_warehouse_n_models(world.warehouse), 4);
    ck_assert_int_eq(mdl_warehouse_add_model(world.warehouse, &model, NULL), MDL_OK);
    ck_assert_int_eq(mdl_warehouse_add_model(world.warehouse, &model, NULL), MDL_E_ARGUMENT);
    world_end(&world);
}
END_TEST

static Suite *model_graph_suite(void)
{
    Suite *suite = suite_create("model_graph");
    TCase *order = tcase_create("order");
    tcase_add_test(order, sources_come_first);
    tcase_add_test(order, order_follows_refs_then_adding);
    tcase_add_test(order, missing_ref_is_told);
    tcase_add_test(order, circle_is_told);
    tcase_add_test(order, model_of_itself_is_a_circle);
    tcase_add_loop_test(order, senseless_declarations_are_refused, 0,
                        sizeof spoilers / sizeof *spoilers);
    suite_add_tcase(suite, order);
    TCase *selectors = tcase_create("selectors");
    tcase_add_loop_test(selectors, selectors_pick, 0, sizeof selections / sizeof *selections);
    tcase_add_loop_test(selectors, selectors_refuse, 0,
                        sizeof bad_selections / sizeof *bad_selections);
    tcase_add_test(selectors, input_never_built_is_told);
    suite_add_tcase(suite, selectors);
    TCase *failures = tcase_create("failures");
    tcase_add_test(failures, failure_skips_below_and_publishes_nothing);
    tcase_add_test(failures, skipping_spreads);
    tcase_add_test(failures, cancelling_stops_the_run);
    tcase_add_test(failures, cancelling_stops_what_does_not_depend_on_it);
    suite_add_tcase(suite, failures);
    return suite;
}

int main(void)
{
    return run_suite(model_graph_suite());
}
