/*
 * The built-in models on data small enough to work out by hand, models of the caller's, tiers, and
 * publication. Model by model against SQL: tests/differential.
 */
#include <string.h>

#include "support/csv_dump.h"
#include "support/run_suite.h"
#include "support/warehouse_world.h"

#define MOVIES  "movieId,title,genres\n"
#define RATINGS "userId,movieId,rating,timestamp\n"
#define TAGS    "userId,movieId,tag,timestamp\n"
#define LINKS   "movieId,imdbId,tmdbId\n"

/* Repeats, orphans, a user with tags only, movies without ratings, odd genres and years. */
static void load_small_data(test_world *world)
{
    world_write(world, "movies.csv",
                MOVIES "5,Twice (1979),Comedy\n"
                       "1,Toy (1995),Animation|Comedy\n"
                       "2,\"Gone, Later (2021) \t\", Drama |drama||\tDrama\n"
                       "3,No Year (1234) x,\n"
                       "4,Old (0000),Drama\n"
                       "5,Twice Again (1985),Comedy|Drama\n");
    world_write(world, "ratings.csv",
                RATINGS "1,1,4.0,0\n"
                        "1,99,4.0,0\n"
                        "2,1,2.0,-1\n"
                        "1,5,5.0,86400\n"
                        "1,2,3.5,86399\n"
                        "1,1,0.5,0\n");
    world_write(world, "tags.csv",
                TAGS "3,1,x,10\n"
                     "1,1,,10\n"
                     "3,99,y,10\n"
                     "3,1,x,10\n");
    world_write(world, "links.csv",
                LINKS "1,0001,\n"
                      "1,0002,9\n"
                      "77,7,7\n");
    ck_assert_int_eq(world_load(world, world->folder), MDL_OK);
}

static const struct {
    const char *model;
    const char *csv;
} small_results[] = {
    {"src_movies", MOVIES "5,Twice (1979),Comedy\n"
                          "1,Toy (1995),Animation|Comedy\n"
                          "2,\"Gone, Later (2021) \t\", Drama |drama||\tDrama\n"
                          "3,No Year (1234) x,\n"
                          "4,Old (0000),Drama\n"
                          "5,Twice Again (1985),Comedy|Drama\n"},
    {"src_ratings", RATINGS "1,1,4.0,1970-01-01 00:00:00\n"
                            "1,99,4.0,1970-01-01 00:00:00\n"
                            "2,1,2.0,1969-12-31 23:59:59\n"
                            "1,5,5.0,1970-01-02 00:00:00\n"
                            "1,2,3.5,1970-01-01 23:59:59\n"
                            "1,1,0.5,1970-01-01 00:00:00\n"},
    {"src_tags", TAGS "3,1,x,1970-01-01 00:00:10\n"
                      "1,1,,1970-01-01 00:00:10\n"
                      "3,99,y,1970-01-01 00:00:10\n"
                      "3,1,x,1970-01-01 00:00:10\n"},
    {"src_links", LINKS "1,0001,\n"
                        "1,0002,9\n"
                        "77,7,7\n"},
    {"dim_users", "user_id\n1\n2\n3\n"},
    {"dim_movies", "movie_id,title,year,genre,genre_count,imdb_id,tmdb_id\n"
                   "1,Toy (1995),1995,Animation,2,0002,9\n"
                   "1,Toy (1995),1995,Comedy,2,0002,9\n"
                   "2,\"Gone, Later (2021) \t\",2021,Drama,2,,\n"
                   "2,\"Gone, Later (2021) \t\",2021,drama,2,,\n"
                   "3,No Year (1234) x,,(no genres listed),1,,\n"
                   "4,Old (0000),0,Drama,1,,\n"
                   "5,Twice Again (1985),1985,Comedy,2,,\n"
                   "5,Twice Again (1985),1985,Drama,2,,\n"},
    {"fact_ratings", "user_id,movie_id,rating,created_at\n"
                     "1,1,0.5,1970-01-01 00:00:00\n"
                     "1,2,3.5,1970-01-01 23:59:59\n"
                     "1,5,5.0,1970-01-02 00:00:00\n"
                     "2,1,2.0,1969-12-31 23:59:59\n"},
    {"fact_tags", "user_id,movie_id,tag,created_at\n"
                  "3,1,x,1970-01-01 00:00:10\n"},
    {"fact_movie_genre_ratings",
     "movie_id,genre,title,year,total_ratings,avg_rating,min_rating,max_rating\n"
     "1,Animation,Toy (1995),1995,2,1.25,0.5,2.0\n"
     "1,Comedy,Toy (1995),1995,2,1.25,0.5,2.0\n"
     "2,Drama,\"Gone, Later (2021) \t\",2021,1,3.5,3.5,3.5\n"
     "2,drama,\"Gone, Later (2021) \t\",2021,1,3.5,3.5,3.5\n"
     "5,Comedy,Twice Again (1985),1985,1,5.0,5.0,5.0\n"
     "5,Drama,Twice Again (1985),1985,1,5.0,5.0,5.0\n"},
    {"mart_movie_analytics",
     "movie_id,title,year,genres,genre_count,total_ratings,avg_rating,min_rating,max_rating,"
     "stddev_rating,first_rating_date,last_rating_date,rating_span_days,total_tags,unique_taggers,"
     "first_tag_date,last_tag_date,popularity_tier,rating_tier,quality_tier\n"
     "1,Toy (1995),1995,Animation|Comedy,2,2,1.25,0.5,2.0,1.0606601717798212,1969-12-31 23:59:59,"
     "1970-01-01 00:00:00,1,1,1,1970-01-01 00:00:10,1970-01-01 00:00:10,Niche,Limited "
     "Ratings,Poor\n"
     "2,\"Gone, Later (2021) \t\",2021,Drama|drama,2,1,3.5,3.5,3.5,,1970-01-01 23:59:59,"
     "1970-01-01 23:59:59,0,0,0,,,Niche,Limited Ratings,Good\n"
     "3,No Year (1234) x,,(no genres listed),1,0,,,,,,,,0,0,,,Unrated,Unrated,Unrated\n"
     "4,Old (0000),0,Drama,1,0,,,,,,,,0,0,,,Unrated,Unrated,Unrated\n"
     "5,Twice Again (1985),1985,Comedy|Drama,2,1,5.0,5.0,5.0,,1970-01-02 00:00:00,"
     "1970-01-02 00:00:00,0,0,0,,,Niche,Limited Ratings,Excellent\n"},
    {"mart_user_behavior",
     "user_id,total_ratings,unique_movies_rated,avg_rating_given,min_rating_given,"
     "max_rating_given,stddev_rating,first_rating_date,last_rating_date,rating_span_days,"
     "active_days,avg_ratings_per_day,total_tags,unique_movies_tagged,first_tag_date,"
     "last_tag_date,preferred_genre,preferred_genre_count,preferred_genre_avg_rating,"
     "genre_engagement,user_segment,rating_style\n"
     "1,3,3,3.0,0.5,5.0,2.29128784747792,1970-01-01 00:00:00,1970-01-02 00:00:00,1,2,1.5,0,0,,,"
     "Drama,2,4.25,Low,Light,Neutral Rater\n"
     "2,1,1,2.0,2.0,2.0,,1969-12-31 23:59:59,1969-12-31 23:59:59,0,1,1.0,0,0,,,"
     "Animation,1,2.0,Low,Light,Critical Rater\n"
     "3,0,0,,,,,,,,0,,1,1,1970-01-01 00:00:10,1970-01-01 00:00:10,"
     ",0,,None,Light,No Ratings\n"},
    {"mart_genre_performance",
     "genres,total_movies,rated_movies,total_ratings,unique_raters,avg_rating,min_rating,"
     "max_rating,stddev_rating,first_rating_date,last_rating_date,rating_span_days,total_tags,"
     "unique_taggers,movies_2020s,movies_2010s,movies_2000s,movies_1990s,movies_1980s,"
     "movies_before_1980,movies_other_year,avg_ratings_per_movie,popularity_tier,quality_tier\n"
     "(no genres listed),1,0,0,0,,,,,,,,0,0,0,0,0,0,0,0,1,0.0,Unrated,Unrated\n"
     "Animation,1,1,2,2,1.25,0.5,2.0,1.0606601717798212,1969-12-31 23:59:59,"
     "1970-01-01 00:00:00,1,1,1,0,0,0,1,0,0,0,2.0,Niche,Below Average\n"
     "Comedy,2,2,3,2,2.5,0.5,5.0,2.29128784747792,1969-12-31 23:59:59,1970-01-02 00:00:00,2,1,1,"
     "0,0,0,1,1,0,0,1.5,Niche,Below Average\n"
     "Drama,3,2,2,1,4.25,3.5,5.0,1.0606601717798212,1970-01-01 23:59:59,1970-01-02 00:00:00,1,"
     "0,0,1,0,0,0,1,1,0,0.6666666666666666,Niche,Top Rated\n"
     "drama,1,1,1,1,3.5,3.5,3.5,,1970-01-01 23:59:59,1970-01-01 23:59:59,0,"
     "0,0,1,0,0,0,0,0,0,1.0,Niche,Well Rated\n"},
};

START_TEST(models_give_what_is_worked_out_by_hand)
{
    test_world world;
    world_start(&world);
    load_small_data(&world);
    world_build(&world, NULL);
    world_assert_csv(&world, small_results[_i].model, small_results[_i].csv);
    world_end(&world);
}
END_TEST

START_TEST(every_model_is_described)
{
    test_world world;
    world_start(&world);
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.snapshots = true;
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, &options, NULL, NULL), MDL_OK);
    ck_assert_int_eq(mdl_warehouse_n_models(world.warehouse), 19);
    for (int32_t i = 0; i < 19; i++) {
        const mdl_model *model = mdl_warehouse_model(world.warehouse, i);
        ck_assert_str_ne(model->description, "");
        const mdl_table *table = mdl_warehouse_table(world.warehouse, model->name);
        ck_assert_int_eq(mdl_table_n_rows(table), 0);
        ck_assert_int_eq(mdl_table_n_columns(table), model->n_columns);
        for (int32_t c = 0; c < model->n_columns; c++) {
            ck_assert_str_ne(model->columns[c].description, "");
            ck_assert_str_eq(mdl_table_column_name(table, c), model->columns[c].name);
            ck_assert_int_eq(mdl_column_type(mdl_table_column(table, c)), model->columns[c].type);
        }
    }
    world_end(&world);
}
END_TEST

/* Titles and their years; "" = NULL. */
static const struct {
    const char *title;
    const char *year;
} years[] = {
    {"A (1999)", "1999"},
    {"(1999)", "1999"},
    {"A (1999) ", "1999"},
    {"A (1999)\t\v\f", "1999"},
    {"\"A (1999)\r\n\"", "1999"},
    {"A (1998) (1999)", "1999"},
    {"A (0007)", "7"},
    {"A(1999)", "1999"},
    {"A ((1999)", "1999"},
    {"A (1999).", ""},
    {"A (1999))", ""},
    {"A (1999", ""},
    {"A 1999)", ""},
    {"A (199)", ""},
    {"A (19999)", ""},
    {"A ( 1999)", ""},
    {"A (1999–)", ""},
    {"A (199\xD9\xA9)", ""},
    {"A (1999)\xC2\xA0", ""},
    {"1999)", ""},
    {"\"\"", ""},
    {"", ""},
};

START_TEST(year_is_at_the_end_of_the_title)
{
    test_world world;
    world_start(&world);
    char text[256];
    snprintf(text, sizeof text, MOVIES "1,%s,x\n", years[_i].title);
    ck_assert_int_eq(world_load(&world, world_write(&world, "movies.csv", text)), MDL_OK);
    world_build(&world, NULL);
    mdl_value year;
    ck_assert_int_eq(mdl_table_get(world.context,
                                   mdl_warehouse_table(world.warehouse, "dim_movies"), 0, 2, &year,
                                   NULL, 0, NULL),
                     MDL_OK);
    char found[MDL_VALUE_TEXT_MAX];
    mdl_value_format(&year, found);
    ck_assert_str_eq(year.is_null ? "" : found, years[_i].year);
    world_end(&world);
}
END_TEST

/* How a run of all models came to a table. */
typedef enum how_built {
    FROM_ALL_ROWS,
    INCREMENTALLY,
    REUSED
} how_built;

static how_built build_and_tell(test_world *world, const char *model, bool full_refresh)
{
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.full_refresh = full_refresh;
    mdl_run *run = NULL;
    ck_assert_int_eq(mdl_warehouse_build(world->warehouse, &options, &run, NULL), MDL_OK);
    how_built how = FROM_ALL_ROWS;
    for (int32_t i = 0; i < mdl_run_n_results(run); i++) {
        const mdl_run_result *result = mdl_run_get_result(run, i);
        ck_assert(!full_refresh || (!result->incremental && !result->reused));
        ck_assert(!result->incremental || !result->reused);
        if (strcmp(result->name, model) == 0) {
            how = result->incremental ? INCREMENTALLY : result->reused ? REUSED : FROM_ALL_ROWS;
        }
    }
    mdl_run_free(run);
    return how;
}

START_TEST(incremental_fact_takes_in_what_came)
{
    test_world world;
    world_start(&world);
    load_small_data(&world);
    ck_assert_int_eq(build_and_tell(&world, "fact_ratings", false), FROM_ALL_ROWS);
    /* A movie that was rated before it came, a rating that repeats one, one that is late, a new
     * user. */
    world_write(&world, "01012026_movies.csv", MOVIES "99,Late (1990),Drama\n");
    world_write(&world, "01012026_ratings.csv",
                RATINGS "1,5,1.0,86400\n"
                        "1,5,1.5,-86400\n"
                        "4,99,2.5,7\n");
    ck_assert_int_eq(world_load(&world, world.folder), MDL_OK);
    ck_assert_int_eq(build_and_tell(&world, "fact_ratings", false), INCREMENTALLY);
    const char *expected = "user_id,movie_id,rating,created_at\n"
                           "1,1,0.5,1970-01-01 00:00:00\n"
                           "1,2,3.5,1970-01-01 23:59:59\n"
                           "1,5,1.5,1969-12-31 00:00:00\n"
                           "1,5,1.0,1970-01-02 00:00:00\n"
                           "1,99,4.0,1970-01-01 00:00:00\n"
                           "2,1,2.0,1969-12-31 23:59:59\n"
                           "4,99,2.5,1970-01-01 00:00:07\n";
    world_assert_csv(&world, "fact_ratings", expected);
    ck_assert_int_eq(build_and_tell(&world, "fact_ratings", false), REUSED);
    world_assert_csv(&world, "fact_ratings", expected);
    ck_assert_int_eq(build_and_tell(&world, "fact_ratings", true), FROM_ALL_ROWS);
    world_assert_csv(&world, "fact_ratings", expected);
    world_end(&world);
}
END_TEST

START_TEST(incremental_fact_takes_in_late_users_too)
{
    test_world world;
    world_start(&world);
    load_small_data(&world);
    world_build(&world, NULL);
    world_write(&world, "01012026_ratings.csv", RATINGS "8,1,1.0,1\n8,1,2.0,1\n8,99,3.0,1\n");
    world_write(&world, "01012026_movies.csv", MOVIES "99,Late (1990),Drama\n");
    ck_assert_int_eq(world_load(&world, world.folder), MDL_OK);
    /* The fact sees the ratings of user 8 while the dimensions do not know of him nor of movie 99.
     */
    world_build(&world, "src_ratings fact_ratings");
    ck_assert_int_eq(world_n_rows(&world, "fact_ratings"), 4);
    world_build(&world, "dim_users");
    world_build(&world, "fact_ratings");
    ck_assert_int_eq(world_n_rows(&world, "fact_ratings"), 5);
    world_build(&world, NULL);
    world_assert_csv(&world, "fact_ratings",
                     "user_id,movie_id,rating,created_at\n"
                     "1,1,0.5,1970-01-01 00:00:00\n"
                     "1,2,3.5,1970-01-01 23:59:59\n"
                     "1,5,5.0,1970-01-02 00:00:00\n"
                     "1,99,4.0,1970-01-01 00:00:00\n"
                     "2,1,2.0,1969-12-31 23:59:59\n"
                     "8,1,2.0,1970-01-01 00:00:01\n"
                     "8,99,3.0,1970-01-01 00:00:01\n");
    world_end(&world);
}
END_TEST

START_TEST(failed_build_keeps_the_incremental_state)
{
    test_world world;
    world_start(&world);
    load_small_data(&world);
    world_build(&world, NULL);
    world_write(&world, "01012026_ratings.csv", RATINGS "4,1,2.5,7\n");
    ck_assert_int_eq(world_load(&world, world.folder), MDL_OK);
    mdl_context_cancel(world.context);
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, NULL, NULL, NULL), MDL_E_CANCELLED);
    ck_assert_int_eq(mdl_table_n_rows(mdl_warehouse_runs(world.warehouse)), 2); /* logged too */
    mdl_context_clear_cancel(world.context);
    ck_assert_int_eq(world_n_rows(&world, "fact_ratings"), 4);
    ck_assert_int_eq(build_and_tell(&world, "fact_ratings", false), INCREMENTALLY);
    ck_assert_int_eq(world_n_rows(&world, "fact_ratings"), 5);
    world_end(&world);
}
END_TEST

/* Rows that an incremental model saw: of its input now and at the last build, and of itself then.
 */
typedef struct seen_rows {
    int64_t now;
    int64_t before;
    int64_t previous;
} seen_rows;

static int64_t n_rows_or_none(const mdl_table *table)
{
    return table != NULL ? mdl_table_n_rows(table) : -1;
}

static mdl_status build_and_look(mdl_build *build, mdl_table **out, mdl_error *error)
{
    seen_rows *seen = mdl_build_user_data(build);
    seen->now = n_rows_or_none(mdl_build_ref(build, "src_tags"));
    seen->before = n_rows_or_none(mdl_build_previous_ref(build, "src_tags"));
    seen->previous = n_rows_or_none(mdl_build_previous(build));
    mdl_rel *tags = mdl_project(mdl_build_scan(build, "src_tags"), "tag");
    return mdl_build_collect(build, tags, out, error);
}

static void assert_seen(const seen_rows *seen, int64_t now, int64_t before, int64_t previous)
{
    ck_assert_int_eq(seen->now, now);
    ck_assert_int_eq(seen->before, before);
    ck_assert_int_eq(seen->previous, previous);
}

START_TEST(incremental_model_sees_its_last_build)
{
    static const char *const refs[] = {"src_tags"};
    static const mdl_model_column columns[] = {{"tag", MDL_TYPE_STRING, "Text of the tag"}};
    seen_rows seen = {0};
    const mdl_model model = {
        .struct_size = sizeof(mdl_model),
        .name = "looker",
        .layer = MDL_LAYER_SILVER,
        .materialization = MDL_MATERIALIZATION_INCREMENTAL,
        .description = "Looks at what it was built from",
        .refs = refs,
        .n_refs = 1,
        .columns = columns,
        .n_columns = 1,
        .build = build_and_look,
        .user_data = &seen,
    };
    test_world world;
    world_start(&world);
    ck_assert_int_eq(mdl_warehouse_add_model(world.warehouse, &model, NULL), MDL_OK);
    load_small_data(&world);
    world_build(&world, NULL);
    assert_seen(&seen, 4, -1, -1);
    const char *path = world_write(&world, "01012026_tags.csv", TAGS "1,1,z,1\n");
    ck_assert_int_eq(world_load(&world, path), MDL_OK);
    world_build(&world, NULL);
    assert_seen(&seen, 5, 4, 4);
    /* The load alone changes no view. */
    path = world_write(&world, "02012026_tags.csv", TAGS "1,1,z,2\n1,1,z,3\n");
    ck_assert_int_eq(world_load(&world, path), MDL_OK);
    world_build(&world, "looker");
    assert_seen(&seen, 5, 5, 5);
    world_build(&world, "+looker");
    assert_seen(&seen, 7, 5, 5);

    mdl_build_options options;
    mdl_build_options_init(&options);
    options.full_refresh = true;
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, &options, NULL, NULL), MDL_OK);
    assert_seen(&seen, 7, -1, -1);
    world_end(&world);
}
END_TEST

/* What an incremental model was told of fact_ratings, and what it does with that. */
typedef struct told_changes {
    bool are_known;
    bool is_unchanged;
    bool starts_afresh;
    int64_t n_added;
    int64_t n_removed;
    int64_t n_told; /* rows that it says to have added; none are */
} told_changes;

static mdl_status build_and_listen(mdl_build *build, mdl_table **out, mdl_error *error)
{
    told_changes *told = mdl_build_user_data(build);
    mdl_changes changes;
    ck_assert_int_eq(mdl_build_changes(build, "dim_users", &changes, NULL), MDL_E_NOT_FOUND);
    ck_assert_int_eq(mdl_build_changes(build, "fact_ratings", &changes, error), MDL_OK);
    told->are_known = changes.are_known;
    told->is_unchanged = mdl_build_is_unchanged(build, "fact_ratings");
    told->n_added = changes.added != NULL ? mdl_table_n_rows(changes.added) : 0;
    told->n_removed = changes.removed != NULL ? mdl_table_n_rows(changes.removed) : 0;
    if (told->starts_afresh) {
        mdl_build_start_afresh(build);
        ck_assert_ptr_null(mdl_build_previous(build));
        ck_assert_ptr_null(mdl_build_previous_ref(build, "fact_ratings"));
    }
    const mdl_table *previous = mdl_build_previous(build);
    mdl_rel *users =
        mdl_aggregate(mdl_build_scan(build, "fact_ratings"), "user_id", "count(*) as n");
    mdl_status status = mdl_build_collect(build, mdl_project(users, "user_id"), out, error);
    if (status == MDL_OK && told->n_told > 0) {
        mdl_build_tell_changes(build, previous, NULL);
    }
    return status;
}

static mdl_model listening_model(told_changes *told)
{
    static const char *const refs[] = {"fact_ratings"};
    static const mdl_model_column columns[] = {{"user_id", MDL_TYPE_INT32, "Id of the user"}};
    return (mdl_model){
        .struct_size = sizeof(mdl_model),
        .name = "listener",
        .layer = MDL_LAYER_SILVER,
        .materialization = MDL_MATERIALIZATION_INCREMENTAL,
        .description = "Is told what changed",
        .refs = refs,
        .n_refs = 1,
        .columns = columns,
        .n_columns = 1,
        .build = build_and_listen,
        .user_data = told,
    };
}

static void load_rows(test_world *world, const char *name, const char *text)
{
    ck_assert_int_eq(world_load(world, world_write(world, name, text)), MDL_OK);
}

START_TEST(incremental_model_is_told_what_changed)
{
    told_changes told = {0};
    const mdl_model model = listening_model(&told);
    test_world world;
    world_start(&world);
    ck_assert_int_eq(mdl_warehouse_add_model(world.warehouse, &model, NULL), MDL_OK);
    load_small_data(&world);
    ck_assert_int_eq(build_and_tell(&world, "listener", false), FROM_ALL_ROWS);
    ck_assert(!told.are_known && !told.is_unchanged);

    ck_assert_int_eq(build_and_tell(&world, "listener", false), INCREMENTALLY);
    ck_assert(told.are_known && told.is_unchanged);
    ck_assert_int_eq(told.n_added + told.n_removed, 0);

    /* One row takes the place of another, one is new. */
    load_rows(&world, "01012026_ratings.csv", RATINGS "1,5,1.0,86400\n7,1,2.0,5\n");
    ck_assert_int_eq(build_and_tell(&world, "listener", false), INCREMENTALLY);
    ck_assert(told.are_known && !told.is_unchanged);
    ck_assert_int_eq(told.n_added, 2);
    ck_assert_int_eq(told.n_removed, 1);

    /* The fact was built twice since: what it told last is not all. */
    load_rows(&world, "02012026_ratings.csv", RATINGS "7,2,2.0,5\n");
    world_build(&world, "+fact_ratings");
    load_rows(&world, "03012026_ratings.csv", RATINGS "7,5,2.0,5\n");
    ck_assert_int_eq(build_and_tell(&world, "listener", false), INCREMENTALLY);
    ck_assert(!told.are_known && !told.is_unchanged);

    told.starts_afresh = true;
    ck_assert_int_eq(build_and_tell(&world, "listener", false), FROM_ALL_ROWS);
    world_end(&world);
}
END_TEST

START_TEST(changes_that_cannot_be_are_refused)
{
    told_changes told = {0};
    const mdl_model model = listening_model(&told);
    test_world world;
    world_start(&world);
    ck_assert_int_eq(mdl_warehouse_add_model(world.warehouse, &model, NULL), MDL_OK);
    load_small_data(&world);
    world_build(&world, NULL);
    told.n_told = 2;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, NULL, NULL, &error), MDL_E_MODEL);
    ck_assert_str_eq(error.message,
                     "model listener: it told 2 rows added and 0 removed, which does "
                     "not make 2 rows of 2");
    world_end(&world);
}
END_TEST

/* Counts how often it is built. */
static mdl_status build_and_count(mdl_build *build, mdl_table **out, mdl_error *error)
{
    ++*(int *)mdl_build_user_data(build);
    return mdl_build_collect(build, mdl_project(mdl_build_scan(build, "src_tags"), "tag"), out,
                             error);
}

START_TEST(model_with_a_version_is_reused)
{
    static const char *const refs[] = {"src_tags"};
    static const mdl_model_column columns[] = {{"tag", MDL_TYPE_STRING, "Text of the tag"}};
    int n_built[2] = {0, 0};
    test_world world;
    world_start(&world);
    for (int version = 0; version < 2; version++) {
        const mdl_model model = {
            .struct_size = sizeof(mdl_model),
            .name = version == 0 ? "unversioned" : "versioned",
            .layer = MDL_LAYER_SILVER,
            .materialization = MDL_MATERIALIZATION_TABLE,
            .description = "Counts its builds",
            .refs = refs,
            .n_refs = 1,
            .columns = columns,
            .n_columns = 1,
            .build = build_and_count,
            .user_data = &n_built[version],
            .version = version,
        };
        ck_assert_int_eq(mdl_warehouse_add_model(world.warehouse, &model, NULL), MDL_OK);
    }
    load_small_data(&world);
    ck_assert_int_eq(build_and_tell(&world, "versioned", false), FROM_ALL_ROWS);
    ck_assert_int_eq(build_and_tell(&world, "versioned", false), REUSED);
    load_rows(&world, "01012026_ratings.csv", RATINGS "7,1,2.0,5\n");
    ck_assert_int_eq(build_and_tell(&world, "versioned", false), REUSED);
    ck_assert_int_eq(n_built[0], 3);
    ck_assert_int_eq(n_built[1], 1);
    load_rows(&world, "01012026_tags.csv", TAGS "7,1,new,5\n");
    ck_assert_int_eq(build_and_tell(&world, "versioned", false), FROM_ALL_ROWS);
    ck_assert_int_eq(world_n_rows(&world, "versioned"), 5);
    ck_assert_int_eq(build_and_tell(&world, "versioned", true), FROM_ALL_ROWS);
    ck_assert_int_eq(n_built[1], 3);
    world_end(&world);
}
END_TEST

/* The value of a text column in row 0 of a mart, "NULL" for NULL. */
static void assert_label(test_world *world, const char *model, const char *column,
                         const char *expected)
{
    const mdl_table *table = mdl_warehouse_table(world->warehouse, model);
    char text[64];
    mdl_value value;
    ck_assert_int_eq(mdl_table_get(world->context, table, 0, mdl_table_find_column(table, column),
                                   &value, text, sizeof text, NULL),
                     MDL_OK);
    if (!value.is_null) {
        memmove(text, value.as.text.data, (size_t)value.as.text.size_bytes);
        text[value.as.text.size_bytes] = '\0';
    }
    ck_assert_str_eq(value.is_null ? "NULL" : text, expected);
}

START_TEST(tiers_are_data)
{
    static const mdl_tier tiers[] = {
        {"mart_movie_analytics", "popularity_tier", MDL_TIER_AT_LEAST, 201, "above two"},
        {"mart_movie_analytics", "popularity_tier", MDL_TIER_AT_LEAST, 200, "two"},
        {"mart_movie_analytics", "popularity_tier", MDL_TIER_OTHERWISE, 0, "few"},
        {"mart_movie_analytics", "quality_tier", MDL_TIER_AT_LEAST, 126, "good"},
        {"mart_movie_analytics", "quality_tier", MDL_TIER_AT_LEAST, 125, "exact"},
        {"mart_user_behavior", "rating_style", MDL_TIER_AT_LEAST, 301, "good"},
        {"mart_user_behavior", "rating_style", MDL_TIER_IF_NULL, 0, "none"},
        {"mart_user_behavior", "rating_style", MDL_TIER_OTHERWISE, 0, "good"},
    };
    mdl_warehouse_options options;
    mdl_warehouse_options_init(&options);
    options.tiers = tiers;
    options.n_tiers = sizeof tiers / sizeof *tiers;
    test_world world;
    world_start_with(&world, &options);
    load_small_data(&world);
    world_build(&world, NULL);
    assert_label(&world, "mart_movie_analytics", "popularity_tier", "two");
    assert_label(&world, "mart_movie_analytics", "quality_tier", "exact");
    assert_label(&world, "mart_movie_analytics", "rating_tier", "NULL");
    assert_label(&world, "mart_user_behavior", "rating_style", "good");
    assert_label(&world, "mart_genre_performance", "quality_tier", "NULL");
    world_end(&world);
}
END_TEST

START_TEST(senseless_tiers_are_refused)
{
    test_world world;
    world_start(&world);
    mdl_tier tier = {"mart_movie_analytics", "popularity_tier", MDL_TIER_AT_LEAST, 201, NULL};
    mdl_warehouse_options options;
    mdl_warehouse_options_init(&options);
    options.tiers = &tier;
    options.n_tiers = 1;
    mdl_warehouse *warehouse = world.warehouse;
    ck_assert_int_eq(mdl_warehouse_create(world.context, &options, &warehouse, &world.error),
                     MDL_E_ARGUMENT);
    ck_assert_ptr_null(warehouse);
    tier.label = "x";
    tier.test = (mdl_tier_test)0;
    ck_assert_int_eq(mdl_warehouse_create(world.context, &options, &warehouse, NULL),
                     MDL_E_ARGUMENT);
    world_end(&world);
}
END_TEST

/* A model of the caller's: ratings per movie. What it gives is what `user_data` says. */
static const mdl_model_column count_columns[] = {
    {"movie_id", MDL_TYPE_INT32, "Id of the movie"},
    {"n", MDL_TYPE_INT64, "Its ratings"},
};
static const char *const count_refs[] = {"fact_ratings"};

static mdl_status build_counts(mdl_build *build, mdl_table **out, mdl_error *error)
{
    const char *aggregates = mdl_build_user_data(build);
    mdl_rel *counts = mdl_aggregate(mdl_build_scan(build, "fact_ratings"), "movie_id", aggregates);
    return mdl_build_collect(build, counts, out, error);
}

static mdl_status build_from_stranger(mdl_build *build, mdl_table **out, mdl_error *error)
{
    ck_assert_ptr_null(mdl_build_ref(build, "dim_users"));
    ck_assert_ptr_null(mdl_build_previous(build));
    ck_assert_ptr_null(mdl_build_previous_ref(build, "fact_ratings"));
    return mdl_build_collect(build, mdl_build_scan(build, "dim_users"), out, error);
}

static mdl_status build_nothing(mdl_build *build, mdl_table **out, mdl_error *error)
{
    (void)build;
    (void)error;
    *out = NULL;
    return MDL_OK;
}

static mdl_status build_silent_failure(mdl_build *build, mdl_table **out, mdl_error *error)
{
    (void)build;
    (void)out;
    (void)error;
    return MDL_E_OVERFLOW;
}

static mdl_model count_model(const char *aggregates)
{
    return (mdl_model){
        .struct_size = sizeof(mdl_model),
        .name = "movie_counts",
        .layer = MDL_LAYER_GOLD,
        .materialization = MDL_MATERIALIZATION_TABLE,
        .description = "Ratings per movie",
        .refs = count_refs,
        .n_refs = 1,
        .columns = count_columns,
        .n_columns = 2,
        .key = "movie_id",
        .build = build_counts,
        .user_data = (void *)aggregates,
    };
}

/* The task with that name. */
static const mdl_run_result *find_result(const mdl_run *run, const char *name)
{
    for (int32_t i = 0; i < mdl_run_n_results(run); i++) {
        if (strcmp(mdl_run_get_result(run, i)->name, name) == 0) {
            return mdl_run_get_result(run, i);
        }
    }
    ck_abort_msg("the run has no task %s", name);
}

START_TEST(caller_adds_a_model)
{
    test_world world;
    world_start(&world);
    load_small_data(&world);
    mdl_model model = count_model("count(*) as n");
    ck_assert_int_eq(mdl_warehouse_add_model(world.warehouse, &model, NULL), MDL_OK);
    memset(&model, 0, sizeof model); /* the declaration was copied */
    mdl_run *run = NULL;
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, NULL, &run, NULL), MDL_OK);
    const mdl_run_result *result = find_result(run, "movie_counts");
    ck_assert_int_eq(result->kind, MDL_TASK_MODEL);
    ck_assert_str_eq(result->model->name, "movie_counts");
    ck_assert_int_eq(result->n_rows, 3);
    ck_assert_ptr_nonnull(strstr(result->explain, "aggregate"));
    mdl_run_free(run);
    world_assert_csv(&world, "movie_counts", "movie_id,n\n1,2\n2,1\n5,1\n");
    world_end(&world);
}
END_TEST

/* Enough movies for genres to be kept as codes. */
static void load_many_movies(test_world *world)
{
    enum {
        N_MOVIES = 400
    };
    dump movies = {.bytes = NULL};
    dump ratings = {.bytes = NULL};
    char line[128];
    dump_add_text(&movies, "movieId,title,genres\n");
    dump_add_text(&ratings, "userId,movieId,rating,timestamp\n");
    for (int m = 1; m <= N_MOVIES; m++) {
        snprintf(line, sizeof line, "%d,Movie %d (19%02d),Drama|%s\n", m, m, m % 100,
                 m % 3 == 0 ? "War" : "Comedy");
        dump_add_text(&movies, line);
        snprintf(line, sizeof line, "%d,%d,%d.5,%d\n", 1 + m % 8, m, m % 5, 1000 * m);
        dump_add_text(&ratings, line);
    }
    ck_assert_int_eq(world_load(world, world_write(world, "movies.csv", movies.bytes)), MDL_OK);
    ck_assert_int_eq(world_load(world, world_write(world, "ratings.csv", ratings.bytes)), MDL_OK);
    dump_free(&movies);
    dump_free(&ratings);
}

START_TEST(models_use_the_summary_of_fact_ratings)
{
    static const char *const models[] = {"fact_movie_genre_ratings", "mart_movie_analytics",
                                         "mart_genre_performance"};
    test_world world;
    world_start(&world);
    load_many_movies(&world);
    mdl_run *run = NULL;
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, NULL, &run, NULL), MDL_OK);
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        const mdl_run_result *result = find_result(run, models[m]);
        ck_assert_msg(strstr(result->explain, "histograms from the summary") != NULL, "%s",
                      result->explain);
    }
    mdl_run_free(run);
    world_end(&world);
}
END_TEST

static const struct {
    const char *aggregates; /* NULL = another build function */
    mdl_status (*build)(mdl_build *build, mdl_table **out, mdl_error *error);
    mdl_status status;
    const char *message;
} faulty_models[] = {
    {"count(*) as m", build_counts, MDL_E_MODEL,
     "model movie_counts: it gave column 2 as m INT64, declared is n INT64"},
    {"avg(rating) as n", build_counts, MDL_E_MODEL,
     "model movie_counts: it gave column 2 as n FLOAT64, declared is n INT64"},
    {"count(*) as n, count(*) as m", build_counts, MDL_E_MODEL,
     "model movie_counts: it gave 3 columns, 2 are declared"},
    {NULL, build_nothing, MDL_E_MODEL, "model movie_counts: it gave no table"},
    {NULL, build_from_stranger, MDL_E_NOT_FOUND,
     "model movie_counts: \"dim_users\" is not among the refs of the model"},
    {NULL, build_silent_failure, MDL_E_OVERFLOW,
     "model movie_counts: a result does not fit its type"},
    {"count(nothing) as n", build_counts, MDL_E_NOT_FOUND, NULL},
};

START_TEST(faulty_model_publishes_nothing)
{
    test_world world;
    world_start(&world);
    load_small_data(&world);
    mdl_model model = count_model(faulty_models[_i].aggregates);
    model.build = faulty_models[_i].build;
    ck_assert_int_eq(mdl_warehouse_add_model(world.warehouse, &model, NULL), MDL_OK);
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, NULL, NULL, &world.error),
                     faulty_models[_i].status);
    if (faulty_models[_i].message != NULL) {
        ck_assert_str_eq(world.error.message, faulty_models[_i].message);
    }
    ck_assert_ptr_null(mdl_warehouse_table(world.warehouse, "dim_users"));
    ck_assert_ptr_null(mdl_warehouse_table(world.warehouse, "movie_counts"));
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.exclude = "movie_counts";
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, &options, NULL, NULL), MDL_OK);
    ck_assert_int_eq(world_n_rows(&world, "dim_users"), 3);
    world_end(&world);
}
END_TEST

START_TEST(options_must_be_initialised)
{
    test_world world;
    world_start(&world);
    mdl_warehouse_options options = {0};
    mdl_warehouse *warehouse = NULL;
    ck_assert_int_eq(mdl_warehouse_create(world.context, &options, &warehouse, NULL),
                     MDL_E_ARGUMENT);
    mdl_load_options load = {0};
    ck_assert_int_eq(mdl_warehouse_load_file(world.warehouse, "tags", "x", &load, NULL),
                     MDL_E_ARGUMENT);
    mdl_build_options build = {0};
    ck_assert_int_eq(mdl_warehouse_build(world.warehouse, &build, NULL, NULL), MDL_E_ARGUMENT);
    world_end(&world);
}
END_TEST

START_TEST(names_of_layers_and_kinds)
{
    ck_assert_str_eq(mdl_layer_name(MDL_LAYER_BRONZE), "bronze");
    ck_assert_str_eq(mdl_layer_name(MDL_LAYER_GOLD), "gold");
    ck_assert_str_eq(mdl_layer_name((mdl_layer)0), "?");
    ck_assert_str_eq(mdl_materialization_name(MDL_MATERIALIZATION_INCREMENTAL), "incremental");
    ck_assert_str_eq(mdl_materialization_name((mdl_materialization)9), "?");
}
END_TEST

static Suite *warehouse_suite(void)
{
    Suite *suite = suite_create("warehouse");
    TCase *models = tcase_create("models");
    tcase_add_loop_test(models, models_give_what_is_worked_out_by_hand, 0,
                        sizeof small_results / sizeof *small_results);
    tcase_add_test(models, every_model_is_described);
    tcase_add_loop_test(models, year_is_at_the_end_of_the_title, 0, sizeof years / sizeof *years);
    suite_add_tcase(suite, models);
    TCase *incremental = tcase_create("incremental");
    tcase_add_test(incremental, incremental_fact_takes_in_what_came);
    tcase_add_test(incremental, incremental_fact_takes_in_late_users_too);
    tcase_add_test(incremental, failed_build_keeps_the_incremental_state);
    tcase_add_test(incremental, incremental_model_sees_its_last_build);
    tcase_add_test(incremental, incremental_model_is_told_what_changed);
    tcase_add_test(incremental, changes_that_cannot_be_are_refused);
    tcase_add_test(incremental, model_with_a_version_is_reused);
    suite_add_tcase(suite, incremental);
    TCase *callers = tcase_create("of the caller's");
    tcase_add_test(callers, tiers_are_data);
    tcase_add_test(callers, senseless_tiers_are_refused);
    tcase_add_test(callers, caller_adds_a_model);
    tcase_add_test(callers, models_use_the_summary_of_fact_ratings);
    tcase_add_loop_test(callers, faulty_model_publishes_nothing, 0,
                        sizeof faulty_models / sizeof *faulty_models);
    tcase_add_test(callers, options_must_be_initialised);
    tcase_add_test(callers, names_of_layers_and_kinds);
    suite_add_tcase(suite, callers);
    return suite;
}

int main(void)
{
    return run_suite(warehouse_suite());
}
