/*
 * Snapshots, case by case: what enters, ends and comes back, what is refused, and what is shared.
 */
#include <math.h>
#include <xxhash.h>

#include "column/column_internal.h"
#include "support/literal_table.h"
#include "support/run_suite.h"

#define DAY(n) (INT64_C(1767225600) + (n)*86400) /* 2026-01-01 and days after */

static const mdl_field fields[] = {{"id", MDL_TYPE_INT32},
                                   {"n", MDL_TYPE_INT64},
                                   {"tier", MDL_TYPE_STRING},
                                   {"x", MDL_TYPE_FLOAT64}};

enum {
    N_FIELDS = sizeof fields / sizeof *fields
};

/* Rows of tables of several vectors. */
enum {
    MANY_ROWS = 140000,
    PATTERN_ROWS = 5000
};

static const mdl_snapshot by_id = {.struct_size = sizeof(mdl_snapshot),
                                   .name = "snap_things",
                                   .table = "things",
                                   .key = "id",
                                   .check = "n, tier"};

static mdl_context *new_context(void)
{
    return make_context((read_settings){1, 1 << 20, 65536, MDL_SIMD_BEST});
}

static mdl_table *things(mdl_context *context, const char *rows)
{
    return literal_table(context, fields, N_FIELDS, rows);
}

/* A history that is followed step by step. */
typedef struct world {
    mdl_context *context;
    mdl_snapshot snapshot;
    mdl_table *history;
    mdl_snapshot_counts counts; /* of the last step */
} world;

static world start(mdl_hard_deletes hard_deletes)
{
    world w = {.context = new_context(), .snapshot = by_id};
    w.snapshot.hard_deletes = hard_deletes;
    return w;
}

static void end(world *w)
{
    mdl_table_free(w->history);
    ck_assert_int_eq(mdl_context_memory_in_use(w->context) > 0, 0);
    mdl_context_free(w->context);
}

static mdl_snapshot_changes *diff(world *w, mdl_table *table)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_snapshot_changes *changes;
    mdl_status status =
        mdl_snapshot_diff(w->context, &w->snapshot, w->history, table, &changes, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    return changes;
}

/* Takes a snapshot of a table, which is freed. */
static void step_table(world *w, mdl_table *table, int64_t time)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_table *history;
    mdl_snapshot_changes *changes = diff(w, table);
    w->counts = mdl_snapshot_changes_counts(changes);
    mdl_status status = mdl_snapshot_changes_apply(changes, time, &history, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    mdl_snapshot_changes_free(changes);
    mdl_table_free(w->history);
    mdl_table_free(table);
    w->history = history;
}

static void step(world *w, const char *rows, int64_t time)
{
    step_table(w, things(w->context, rows), time);
}

static void expect_counts(const world *w, int inserted, int changed, int deleted, int missing,
                          int reappeared, int unchanged)
{
    ck_assert_int_eq(w->counts.n_inserted, inserted);
    ck_assert_int_eq(w->counts.n_changed, changed);
    ck_assert_int_eq(w->counts.n_deleted, deleted);
    ck_assert_int_eq(w->counts.n_missing, missing);
    ck_assert_int_eq(w->counts.n_reappeared, reappeared);
    ck_assert_int_eq(w->counts.n_unchanged, unchanged);
}

/* The history without ids and with days as their number in January 2026. */
static void expect_history(const world *w, const char *expected)
{
    static const char *const columns[] = {
        "id", "n", "tier", "x", "dbt_valid_from", "dbt_valid_to", "dbt_is_deleted"};
    dump rows = {.bytes = NULL};
    dump short_rows = {.bytes = NULL};
    dump_add_literals(&rows, w->context, w->history, columns, 7);
    dump_add_text(&short_rows, "");
    for (const char *at = rows.bytes; *at != '\0';) {
        const char *month = strstr(at, "2026-01-");
        size_t size = month != NULL ? (size_t)(month - at) : strlen(at);
        dump_add(&short_rows, at, size);
        at += size;
        if (month != NULL) {
            dump_add(&short_rows, at + strlen("2026-01-"), 2);
            at += strlen("2026-01-01 00:00:00");
        }
    }
    ck_assert_str_eq(short_rows.bytes, expected);
    dump_free(&rows);
    dump_free(&short_rows);
}

START_TEST(first_run)
{
    world w = start(MDL_HARD_DELETES_IGNORE);
    step(&w, "2|20|b|1.5\n1|10|~|~\n", DAY(0));
    expect_counts(&w, 2, 0, 0, 0, 0, 0);
    expect_history(&w, "1|10|~|~|01|~|false\n2|20|b|1.5|01|~|false\n");
    ck_assert_int_eq(mdl_table_n_columns(w.history), N_FIELDS + 5);
    end(&w);
}
END_TEST

START_TEST(scd_id)
{
    static const char *const columns[] = {"dbt_scd_id", "dbt_updated_at"};
    static const char hashed[] = "a b\x1f"
                                 "-7\x1f"
                                 "2026-01-01 00:00:00";
    char expected[80];
    world w = start(MDL_HARD_DELETES_IGNORE);
    dump rows = {.bytes = NULL};
    w.snapshot.key = "tier, id";
    step(&w, "-7|10|a b|1.0\n", DAY(0));
    XXH128_hash_t hash = XXH3_128bits(hashed, strlen(hashed));
    snprintf(expected, sizeof expected, "%016" PRIx64 "%016" PRIx64 "|2026-01-01 00:00:00\n",
             (uint64_t)hash.high64, (uint64_t)hash.low64);
    dump_add_literals(&rows, w.context, w.history, columns, 2);
    ck_assert_str_eq(rows.bytes, expected);
    dump_free(&rows);
    end(&w);
}
END_TEST

START_TEST(changes_of_check_columns_only)
{
    world w = start(MDL_HARD_DELETES_IGNORE);
    step(&w, "1|10|a|1.0\n2|20|b|2.0\n3|30|~|3.0\n4|~|d|4.0\n", DAY(0));
    step(&w, "1|10|a|9.0\n2|21|b|2.5\n3|30|c|3.0\n4|~|d|4.0\n5|50|e|5.0\n", DAY(1));
    expect_counts(&w, 1, 2, 0, 0, 0, 2);
    expect_history(&w, "1|10|a|1.0|01|~|false\n"
                       "2|20|b|2.0|01|02|false\n2|21|b|2.5|02|~|false\n"
                       "3|30|~|3.0|01|02|false\n3|30|c|3.0|02|~|false\n"
                       "4|~|d|4.0|01|~|false\n"
                       "5|50|e|5.0|02|~|false\n");
    end(&w);
}
END_TEST

START_TEST(gone_ignored)
{
    world w = start(MDL_HARD_DELETES_IGNORE);
    step(&w, "1|10|a|1.0\n2|20|b|2.0\n", DAY(0));
    mdl_table *before = mdl_table_clone(w.history);
    step(&w, "2|20|b|2.0\n", DAY(0)); /* nothing to change: any time will do */
    expect_counts(&w, 0, 0, 0, 1, 0, 1);
    ck_assert_ptr_eq(w.history, before);
    mdl_table_free(before);
    step(&w, "1|11|a|1.0\n2|20|b|2.0\n", DAY(1));
    expect_counts(&w, 0, 1, 0, 0, 0, 1);
    end(&w);
}
END_TEST

START_TEST(gone_invalidated)
{
    world w = start(MDL_HARD_DELETES_INVALIDATE);
    step(&w, "1|10|a|1.0\n2|20|b|2.0\n", DAY(0));
    step(&w, "2|20|b|2.0\n", DAY(1));
    expect_counts(&w, 0, 0, 1, 0, 0, 1);
    expect_history(&w, "1|10|a|1.0|01|02|false\n2|20|b|2.0|01|~|false\n");
    step(&w, "2|20|b|2.0\n", DAY(1)); /* gone already */
    expect_counts(&w, 0, 0, 0, 0, 0, 1);
    step(&w, "1|10|a|1.0\n2|20|b|2.0\n", DAY(3));
    expect_counts(&w, 0, 0, 0, 0, 1, 1);
    expect_history(&w, "1|10|a|1.0|01|02|false\n1|10|a|1.0|04|~|false\n2|20|b|2.0|01|~|false\n");
    end(&w);
}
END_TEST

START_TEST(gone_with_tombstone)
{
    world w = start(MDL_HARD_DELETES_NEW_RECORD);
    step(&w, "1|10|a|1.0\n2|20|b|2.0\n3|30|c|3.0\n", DAY(0));
    step(&w, "2|22|b|2.0\n3|30|c|3.0\n4|40|d|~\n", DAY(1));
    expect_counts(&w, 1, 1, 1, 0, 0, 1);
    expect_history(&w, "1|10|a|1.0|01|02|false\n1|10|a|1.0|02|~|true\n"
                       "2|20|b|2.0|01|02|false\n2|22|b|2.0|02|~|false\n"
                       "3|30|c|3.0|01|~|false\n4|40|d|~|02|~|false\n");
    step(&w, "2|22|b|2.0\n3|30|c|3.0\n4|40|d|~\n", DAY(2));
    expect_counts(&w, 0, 0, 0, 0, 0, 3);
    step(&w, "1|10|a|1.0\n2|22|b|2.0\n3|30|c|3.0\n4|40|d|~\n", DAY(2));
    expect_counts(&w, 0, 0, 0, 0, 1, 3);
    expect_history(&w, "1|10|a|1.0|01|02|false\n1|10|a|1.0|02|03|true\n1|10|a|1.0|03|~|false\n"
                       "2|20|b|2.0|01|02|false\n2|22|b|2.0|02|~|false\n"
                       "3|30|c|3.0|01|~|false\n4|40|d|~|02|~|false\n");
    end(&w);
}
END_TEST

/* Bits count, and NaN is NaN. */
START_TEST(float_checks)
{
    world w = start(MDL_HARD_DELETES_IGNORE);
    double before[] = {0.0, NAN, 1.0, -0.0};
    double after[] = {-0.0, -NAN, 1.0, -0.0};
    int32_t ids[] = {1, 2, 3, 4};
    const mdl_field columns[] = {{"id", MDL_TYPE_INT32}, {"x", MDL_TYPE_FLOAT64}};
    w.snapshot.check = NULL;
    for (int i = 0; i < 2; i++) {
        mdl_table_builder *builder;
        mdl_table *table;
        const mdl_vector vectors[] = {
            {.type = MDL_TYPE_INT32, .n_rows = 4, .values = ids},
            {.type = MDL_TYPE_FLOAT64, .n_rows = 4, .values = i == 0 ? before : after}};
        ck_assert_int_eq(mdl_table_builder_create(w.context, columns, 2, &builder, NULL), MDL_OK);
        ck_assert_int_eq(mdl_table_builder_append(builder, vectors, 4, NULL), MDL_OK);
        ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
        mdl_table_builder_free(builder);
        step_table(&w, table, DAY(i));
    }
    expect_counts(&w, 0, 1, 0, 0, 0, 3);
    end(&w);
}
END_TEST

static void expect_changes(world *w, const char *rows, int64_t limit, const char *expected)
{
    mdl_table *table = things(w->context, rows);
    mdl_table *shown;
    dump text = {.bytes = NULL};
    mdl_snapshot_changes *changes = diff(w, table);
    ck_assert_int_eq(mdl_snapshot_changes_table(changes, limit, &shown, NULL), MDL_OK);
    dump_add_literals(&text, w->context, shown, NULL, 0);
    ck_assert_str_eq(text.bytes, expected);
    dump_free(&text);
    mdl_table_free(shown);
    mdl_snapshot_changes_free(changes);
    mdl_table_free(table);
}

START_TEST(changes_as_table)
{
    static const char rows[] = "0|1|z|1.0\n2|21|~|2.0\n3|30||3.0\n4|40|d|1.0\n5|50|e|5.0\n";
    world w = start(MDL_HARD_DELETES_INVALIDATE);
    expect_changes(&w, "7|1|a|1.0\n", -1, "inserted|7|~|~|~\n");
    step(&w, "1|10|a|1.0\n2|20|b|2.0\n3|30|~|3.0\n4|40|d|4.0\n5|50|e|5.0\n", DAY(0));
    step(&w, "1|10|a|1.0\n2|20|b|2.0\n3|30|~|3.0\n4|40|d|4.0\n", DAY(1));
    expect_changes(&w, rows, -1,
                   "inserted|0|~|~|~\ndeleted|1|~|~|~\nchanged|2|n|20|21\nchanged|2|tier|b|~\n"
                   "changed|3|tier|~|\nreappeared|5|~|~|~\n");
    expect_changes(&w, rows, 3, "inserted|0|~|~|~\ndeleted|1|~|~|~\nchanged|2|n|20|21\n");
    expect_changes(&w, rows, 0, "");
    w.snapshot.hard_deletes = MDL_HARD_DELETES_IGNORE;
    expect_changes(&w, "2|20|b|2.0\n3|30|~|3.0\n4|40|d|4.0\n", -1, "missing|1|~|~|~\n");
    end(&w);
}
END_TEST

static void expect_as_of(const world *w, int64_t time, const char *expected)
{
    static const char *const columns[] = {"id", "n", "dbt_is_deleted"};
    mdl_table *rows;
    dump text = {.bytes = NULL};
    ck_assert_int_eq(mdl_snapshot_as_of(w->context, w->history, time, &rows, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_n_columns(rows), mdl_table_n_columns(w->history));
    dump_add_literals(&text, w->context, rows, columns, 3);
    ck_assert_str_eq(text.bytes, expected);
    dump_free(&text);
    mdl_table_free(rows);
}

START_TEST(as_of)
{
    world w = start(MDL_HARD_DELETES_NEW_RECORD);
    step(&w, "1|10|a|1.0\n2|20|b|2.0\n", DAY(0));
    step(&w, "2|21|b|2.0\n", DAY(1));
    expect_as_of(&w, INT64_MIN, "");
    expect_as_of(&w, DAY(0) - 1, "");
    expect_as_of(&w, DAY(0), "1|10|false\n2|20|false\n");
    expect_as_of(&w, DAY(1) - 1, "1|10|false\n2|20|false\n");
    expect_as_of(&w, DAY(1), "1|10|true\n2|21|false\n");
    expect_as_of(&w, INT64_MAX, "1|10|true\n2|21|false\n");
    end(&w);
}
END_TEST

/* A diff that is refused. */
static void expect_fault(world *w, const mdl_field *columns, int32_t n_columns, const char *rows,
                         mdl_status expected, const char *message)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_table *table = literal_table(w->context, columns, n_columns, rows);
    mdl_snapshot_changes *changes;
    ck_assert_int_eq(
        mdl_snapshot_diff(w->context, &w->snapshot, w->history, table, &changes, &error), expected);
    ck_assert_ptr_null(changes);
    ck_assert_msg(strstr(error.message, message) != NULL, "%s", error.message);
    mdl_table_free(table);
}

START_TEST(bad_keys)
{
    world w = start(MDL_HARD_DELETES_IGNORE);
    expect_fault(&w, fields, N_FIELDS, "1|1|a|1.0\n~|2|b|2.0\n", MDL_E_DATA,
                 "snapshot snap_things: id = NULL is a key of the table");
    expect_fault(&w, fields, N_FIELDS, "7|1|a|1.0\n9|1|a|1.0\n7|2|b|2.0\n3|1|a|1.0\n", MDL_E_DATA,
                 "snapshot snap_things: id = 7 is the key of more than one row");
    w.snapshot.key = "tier, id";
    expect_fault(&w, fields, N_FIELDS, "7|1|a\"b|1.0\n7|2|a\"b|2.0\n", MDL_E_DATA, "tier = a");
    expect_fault(&w, fields, N_FIELDS, "7|1|~|1.0\n", MDL_E_DATA, "tier = NULL, id = 7");
    step(&w, "1|1|b|1.0\n2|1|a|2.0\n1|1|a|3.0\n", DAY(0));
    expect_history(&w, "1|1|a|3.0|01|~|false\n2|1|a|2.0|01|~|false\n1|1|b|1.0|01|~|false\n");
    end(&w);
}
END_TEST

START_TEST(bad_declarations)
{
    world w = start(MDL_HARD_DELETES_IGNORE);
    const mdl_snapshot good = w.snapshot;
    w.snapshot.key = "id, nothing";
    expect_fault(&w, fields, N_FIELDS, "", MDL_E_NOT_FOUND, "nothing");
    w.snapshot.key = "";
    expect_fault(&w, fields, N_FIELDS, "", MDL_E_ARGUMENT, "no key");
    w.snapshot = good;
    w.snapshot.check = "n, wrong";
    expect_fault(&w, fields, N_FIELDS, "", MDL_E_NOT_FOUND, "wrong");
    w.snapshot = good;
    w.snapshot.hard_deletes = (mdl_hard_deletes)3;
    expect_fault(&w, fields, N_FIELDS, "", MDL_E_ARGUMENT, "hard_deletes is 3");
    w.snapshot = good;
    w.snapshot.struct_size = 8;
    expect_fault(&w, fields, N_FIELDS, "", MDL_E_ARGUMENT, "struct_size");
    w.snapshot = good;
    const mdl_field with_own[] = {
        fields[0], fields[1], fields[2], {"dbt_valid_to", MDL_TYPE_INT64}};
    expect_fault(&w, with_own, 4, "", MDL_E_SCHEMA, "dbt_valid_to");
    end(&w);
}
END_TEST

START_TEST(bad_histories)
{
    world w = start(MDL_HARD_DELETES_IGNORE);
    step(&w, "1|10|a|1.0\n", DAY(0));
    const mdl_field other_type[] = {fields[0], {"n", MDL_TYPE_INT32}, fields[2], fields[3]};
    expect_fault(&w, other_type, 4, "", MDL_E_SCHEMA,
                 "column 2 of the history is n of type INT64, and should be n of type INT32");
    expect_fault(&w, fields, 3, "", MDL_E_SCHEMA, "column 4 of the history is x");
    const mdl_field more[] = {fields[0], fields[1], fields[2], fields[3], {"y", MDL_TYPE_BOOL}};
    expect_fault(&w, more, 5, "", MDL_E_SCHEMA, "should be y of type BOOL");
    mdl_table_free(w.history);
    w.history = things(w.context, "1|10|a|1.0\n");
    expect_fault(&w, fields, N_FIELDS, "", MDL_E_SCHEMA, "the history has no column dbt_scd_id");
    mdl_table *rows;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_int_eq(mdl_snapshot_as_of(w.context, w.history, 0, &rows, &error), MDL_E_SCHEMA);
    ck_assert_ptr_null(rows);
    end(&w);
}
END_TEST

/* The times that a change may have. */
START_TEST(times)
{
    world w = start(MDL_HARD_DELETES_INVALIDATE);
    step(&w, "1|10|a|1.0\n2|20|b|2.0\n", DAY(0));
    step(&w, "1|10|a|1.0\n", DAY(2));
    mdl_table *table = things(w.context, "1|11|a|1.0\n");
    mdl_snapshot_changes *changes = diff(&w, table);
    mdl_table *history;
    mdl_error error = MDL_ERROR_INIT;
    /* The last change is the end of 2, which no row's dbt_valid_from tells. */
    ck_assert_int_eq(mdl_snapshot_changes_apply(changes, DAY(2), &history, &error), MDL_E_STATE);
    ck_assert_ptr_null(history);
    ck_assert_msg(strstr(error.message, "snap_things") != NULL &&
                      strstr(error.message, "2026-01-03 00:00:00") != NULL,
                  "%s", error.message);
    ck_assert_int_eq(mdl_snapshot_changes_apply(changes, INT64_MAX, &history, NULL),
                     MDL_E_ARGUMENT);
    ck_assert_int_eq(mdl_snapshot_changes_apply(changes, DAY(2) + 1, &history, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_n_rows(history), 3);
    mdl_table_free(history);
    mdl_snapshot_changes_free(changes);
    mdl_table_free(table);
    end(&w);
}
END_TEST

START_TEST(empty_tables)
{
    world w = start(MDL_HARD_DELETES_NEW_RECORD);
    step(&w, "", DAY(0));
    expect_history(&w, "");
    step(&w, "1|10|a|1.0\n", DAY(0));
    expect_counts(&w, 1, 0, 0, 0, 0, 0);
    step(&w, "", DAY(1));
    expect_counts(&w, 0, 0, 1, 0, 0, 0);
    expect_history(&w, "1|10|a|1.0|01|02|false\n1|10|a|1.0|02|~|true\n");
    end(&w);
}
END_TEST

/* The first history shares the table's blocks, and one without changes is the same table. */
START_TEST(sharing)
{
    world w = start(MDL_HARD_DELETES_IGNORE);
    mdl_table *table = things(w.context, "1|10|a|1.0\n2|20|b|2.0\n");
    step_table(&w, mdl_table_clone(table), DAY(0));
    ck_assert_ptr_eq(w.history->columns[1], table->columns[1]);
    mdl_table *before = w.history;
    step_table(&w, mdl_table_clone(table), DAY(0));
    ck_assert_ptr_eq(w.history, before);
    mdl_table_free(table);
    end(&w);
}
END_TEST

/* A table of the ids from 0 on, every `step`th, with n = 1, or 2 for id `changed`. */
static mdl_table *many_things(mdl_context *context, int32_t step, int32_t changed)
{
    const mdl_field columns[] = {{"id", MDL_TYPE_INT32}, {"n", MDL_TYPE_INT64}};
    int32_t *ids = malloc(MANY_ROWS * sizeof *ids);
    int64_t *values = malloc(MANY_ROWS * sizeof *values);
    int64_t n_rows = 0;
    mdl_table_builder *builder;
    mdl_table *table;
    for (int32_t id = 0; id < MANY_ROWS; id += step) {
        ids[n_rows] = id;
        values[n_rows++] = id == changed ? 2 : 1;
    }
    const mdl_vector vectors[] = {{.type = MDL_TYPE_INT32, .n_rows = n_rows, .values = ids},
                                  {.type = MDL_TYPE_INT64, .n_rows = n_rows, .values = values}};
    ck_assert_int_eq(mdl_table_builder_create(context, columns, 2, &builder, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_append(builder, vectors, n_rows, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    free(ids);
    free(values);
    return table;
}

/* Matches that lie far apart, equal and different blocks, and keys that go and come by thousands. */
START_TEST(many_rows)
{
    world w = start(MDL_HARD_DELETES_INVALIDATE);
    w.snapshot.check = NULL;
    step_table(&w, many_things(w.context, 1, -1), DAY(0));
    step_table(&w, many_things(w.context, 1, -1), DAY(0));
    expect_counts(&w, 0, 0, 0, 0, 0, MANY_ROWS);
    step_table(&w, many_things(w.context, 1, MANY_ROWS - 1), DAY(1));
    expect_counts(&w, 0, 1, 0, 0, 0, MANY_ROWS - 1);
    step_table(&w, many_things(w.context, 20000, 60000), DAY(2));
    expect_counts(&w, 0, 1, MANY_ROWS - 7, 0, 0, 6);
    step_table(&w, many_things(w.context, 1, 60000), DAY(3));
    expect_counts(&w, 0, 0, 0, 0, MANY_ROWS - 7, 7);
    ck_assert_int_eq(mdl_table_n_rows(w.history), MANY_ROWS + 1 + 1 + MANY_ROWS - 7);
    end(&w);
}
END_TEST

/*
 * A table of PATTERN_ROWS ids from `first_id` on, without `left_out`, whose other columns alternate
 * from row to row: n between 0 and 1, the tier between two texts.
 */
static mdl_table *pattern(mdl_context *context, int32_t first_id, int32_t left_out,
                          const char *even, const char *odd)
{
    int32_t ids[PATTERN_ROWS];
    int64_t numbers[PATTERN_ROWS];
    mdl_string tiers[PATTERN_ROWS];
    double reals[PATTERN_ROWS] = {0};
    mdl_table_builder *builder;
    mdl_table *table;
    for (int32_t i = 0; i < PATTERN_ROWS; i++) {
        const char *tier = i % 2 == 0 ? even : odd;
        ids[i] = first_id + i;
        ids[i] += ids[i] >= left_out;
        numbers[i] = i % 2;
        tiers[i] = (mdl_string){tier, (int64_t)strlen(tier)};
    }
    const mdl_vector vectors[] = {
        {.type = MDL_TYPE_INT32, .n_rows = PATTERN_ROWS, .values = ids},
        {.type = MDL_TYPE_INT64, .n_rows = PATTERN_ROWS, .values = numbers},
        {.type = MDL_TYPE_STRING, .n_rows = PATTERN_ROWS, .values = tiers},
        {.type = MDL_TYPE_FLOAT64, .n_rows = PATTERN_ROWS, .values = reals}};
    ck_assert_int_eq(mdl_table_builder_create(context, fields, N_FIELDS, &builder, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_append(builder, vectors, PATTERN_ROWS, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    ck_assert_ptr_nonnull(table->columns[2]->dictionary);
    return table;
}

/* Blocks that are encoded to the same bytes, and yet hold other values for the same keys. */
START_TEST(same_bytes_other_values)
{
    world w = start(MDL_HARD_DELETES_IGNORE);
    w.snapshot.check = "n";
    step_table(&w, pattern(w.context, 0, INT32_MAX, "low", "high"), DAY(0));
    /* Rows are matched one further down. */
    step_table(&w, pattern(w.context, 1, INT32_MAX, "low", "high"), DAY(1));
    expect_counts(&w, 1, PATTERN_ROWS - 1, 0, 1, 0, 0);
    end(&w);
    w = start(MDL_HARD_DELETES_IGNORE);
    w.snapshot.check = "n";
    step_table(&w, pattern(w.context, 0, INT32_MAX, "low", "high"), DAY(0));
    /* The first rows are matched where they stand, the others one further down. */
    step_table(&w, pattern(w.context, 0, 10, "low", "high"), DAY(1));
    expect_counts(&w, 1, PATTERN_ROWS - 11, 0, 1, 0, 10);
    end(&w);
    w = start(MDL_HARD_DELETES_IGNORE);
    w.snapshot.check = "tier";
    step_table(&w, pattern(w.context, 0, INT32_MAX, "low", "high"), DAY(0));
    step_table(&w, pattern(w.context, 0, INT32_MAX, "high", "low"), DAY(1));
    expect_counts(&w, 0, PATTERN_ROWS, 0, 0, 0, 0);
    end(&w);
}
END_TEST

/* Blocks of one value, and NULL in other rows. */
START_TEST(constants_and_nulls)
{
    world w = start(MDL_HARD_DELETES_IGNORE);
    step(&w, "1|10|a|~\n2|~|a|~\n3|10|~|~\n4|10|a|~\n", DAY(0));
    step(&w, "1|~|a|~\n2|10|a|~\n3|10|a|~\n4|10|~|~\n", DAY(1));
    expect_counts(&w, 0, 4, 0, 0, 0, 0);
    step(&w, "1|~|a|1.0\n2|10|a|1.0\n3|10|a|1.0\n4|10|~|1.0\n", DAY(1));
    expect_counts(&w, 0, 0, 0, 0, 0, 4);
    end(&w);
}
END_TEST

START_TEST(names)
{
    ck_assert_str_eq(mdl_hard_deletes_name(MDL_HARD_DELETES_IGNORE), "ignore");
    ck_assert_str_eq(mdl_hard_deletes_name(MDL_HARD_DELETES_INVALIDATE), "invalidate");
    ck_assert_str_eq(mdl_hard_deletes_name(MDL_HARD_DELETES_NEW_RECORD), "new_record");
    ck_assert_str_eq(mdl_hard_deletes_name((mdl_hard_deletes)9), "?");
}
END_TEST

static Suite *snapshot_suite(void)
{
    Suite *suite = suite_create("snapshot");
    TCase *steps = tcase_create("steps");
    tcase_add_test(steps, first_run);
    tcase_add_test(steps, scd_id);
    tcase_add_test(steps, changes_of_check_columns_only);
    tcase_add_test(steps, gone_ignored);
    tcase_add_test(steps, gone_invalidated);
    tcase_add_test(steps, gone_with_tombstone);
    tcase_add_test(steps, float_checks);
    tcase_add_test(steps, changes_as_table);
    tcase_add_test(steps, as_of);
    tcase_add_test(steps, bad_keys);
    tcase_add_test(steps, bad_declarations);
    tcase_add_test(steps, bad_histories);
    tcase_add_test(steps, times);
    tcase_add_test(steps, empty_tables);
    tcase_add_test(steps, sharing);
    tcase_add_test(steps, many_rows);
    tcase_add_test(steps, same_bytes_other_values);
    tcase_add_test(steps, constants_and_nulls);
    tcase_add_test(steps, names);
    suite_add_tcase(suite, steps);
    return suite;
}

int main(void)
{
    return run_suite(snapshot_suite());
}
