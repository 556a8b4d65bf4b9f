/*
 * Data quality tests of every kind on random tables, each also asked of SQLite: how many rows were
 * tested, how many fail, and which are the first of them.
 *
 * The tables have columns a INT32, b STRING, c DECIMAL (hundredths in SQLite), d INT64, f FLOAT64
 * and id, the number of the row. They are in order or not, in long runs or not, with NULLs or not,
 * and cut in blocks of any size.
 */
#include <sqlite3.h>
#include <string.h>

#include "support/csv_dump.h"
#include "support/random.h"
#include "support/run_suite.h"

enum {
    N_WORLDS = 60,
    N_TESTS = 40, /* of each world */
    ROWS_MAX = 3000,
    TO_ROWS_MAX = 60,
    N_VALUES = 5, /* columns but id */
    N_COLUMNS = N_VALUES + 1,
    PARTS_MAX = 3
};

static const mdl_field fields[N_COLUMNS] = {
    {"a", MDL_TYPE_INT32}, {"b", MDL_TYPE_STRING},  {"c", MDL_TYPE_DECIMAL},
    {"d", MDL_TYPE_INT64}, {"f", MDL_TYPE_FLOAT64}, {"id", MDL_TYPE_INT32},
};

typedef struct row {
    bool is_null[N_VALUES];
    int32_t a;
    char b[16];
    int32_t c;
    int64_t d;
    double f;
} row;

/* A condition as the library and as SQLite write it. */
typedef struct condition {
    const char *text;
    const char *sql;
} condition;

static const condition conditions[] = {
    {"a > 2", "a > 2"},
    {"b <> 'v1'", "b <> 'v1'"},
    {"c >= 1.5 or d is null", "c >= 150 or d is null"},
    {"d % 3 = 1", "d % 3 = 1"},
    {"a is not null and f < 2.5", "a is not null and f < 2.5"},
    {"id >= 100", "id >= 100"},
    {"true", "true"},
    {"id < 0", "id < 0"},
};

#define N_CONDITIONS (sizeof conditions / sizeof *conditions)

/* Two tables in the library and in SQLite. */
typedef struct world {
    mdl_context *context;
    int64_t empty_bytes; /* what the context itself holds */
    mdl_table *table;
    mdl_table *to;
    sqlite3 *db;
    test_random *random;
} world;

static uint64_t below(world *w, uint64_t n)
{
    return test_random_below(w->random, n);
}

/* ---- Making tables ---- */

static int compare_rows(const void *x, const void *y)
{
    const row *p = x;
    const row *q = y;
    if (p->a != q->a) {
        return p->a < q->a ? -1 : 1;
    }
    if (p->d != q->d) {
        return p->d < q->d ? -1 : 1;
    }
    return strcmp(p->b, q->b);
}

/* Rows of about `n_values` different values in a column, one in `null_in` NULL (0 = none). */
static row *make_rows(world *w, int64_t n, int64_t n_values, int64_t null_in, bool is_sorted)
{
    row *rows = calloc((size_t)n + 1, sizeof *rows);
    ck_assert_ptr_nonnull(rows);
    for (int64_t i = 0; i < n; i++) {
        row *r = &rows[i];
        r->a = (int32_t)below(w, (uint64_t)n_values);
        snprintf(r->b, sizeof r->b, "v%d", (int)below(w, (uint64_t)n_values));
        r->c = (int32_t)below(w, (uint64_t)n_values) * 50;
        r->d = (int64_t)below(w, (uint64_t)n_values) - 1;
        r->f = (double)below(w, (uint64_t)n_values) / 4;
    }
    if (is_sorted) {
        /* All of them, or all but a few at the end. */
        int64_t n_tail = below(w, 2) == 0 ? 0 : (int64_t)below(w, (uint64_t)n / 8 + 1);
        qsort(rows, (size_t)(n - n_tail), sizeof *rows, compare_rows);
    }
    for (int64_t i = 0; i < n && null_in > 0; i++) {
        for (int c = 0; c < N_VALUES; c++) {
            rows[i].is_null[c] = below(w, (uint64_t)null_in) == 0;
        }
    }
    return rows;
}

static void append_row(mdl_table_builder *builder, const row *r, int32_t id)
{
    mdl_string b = {r->b, (int64_t)strlen(r->b)};
    const void *values[N_COLUMNS] = {&r->a, &b, &r->c, &r->d, &r->f, &id};
    uint64_t validity[N_COLUMNS];
    mdl_vector columns[N_COLUMNS];
    for (int c = 0; c < N_COLUMNS; c++) {
        validity[c] = c == N_VALUES || !r->is_null[c];
        columns[c] = (mdl_vector){
            .type = fields[c].type, .n_rows = 1, .values = values[c], .validity = &validity[c]};
    }
    ASSERT_IN_LOOP(mdl_table_builder_append(builder, columns, 1, NULL) == MDL_OK, "append");
}

static mdl_table *build_part(world *w, const row *rows, int64_t first, int64_t end)
{
    mdl_table_builder *builder;
    mdl_table *table;
    ck_assert_int_eq(mdl_table_builder_create(w->context, fields, N_COLUMNS, &builder, NULL),
                     MDL_OK);
    for (int64_t i = first; i < end; i++) {
        append_row(builder, &rows[i], (int32_t)i);
    }
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    return table;
}

/* A table in parts, so that its blocks end anywhere. */
static mdl_table *build_table(world *w, const row *rows, int64_t n)
{
    mdl_query *query = mdl_query_create(w->context);
    mdl_rel *all = NULL;
    mdl_table *table;
    int64_t first = 0;
    for (int part = 1; part <= PARTS_MAX; part++) {
        int64_t end = part == PARTS_MAX ? n : first + (int64_t)below(w, (uint64_t)(n - first) + 1);
        mdl_table *piece = build_part(w, rows, first, end);
        all = all == NULL ? mdl_scan(query, piece) : mdl_union_all(all, mdl_scan(query, piece));
        mdl_table_free(piece);
        first = end;
    }
    ck_assert_int_eq(mdl_query_collect(query, all, &table, NULL), MDL_OK);
    mdl_query_free(query);
    return table;
}

static void run_sql(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        ck_abort_msg("%s: %s", sql, message);
    }
}

static void insert_rows(sqlite3 *db, const char *name, const row *rows, int64_t n)
{
    char sql[128];
    sqlite3_stmt *insert;
    snprintf(sql, sizeof sql, "create table %s (a, b, c, d, f, id)", name);
    run_sql(db, sql);
    snprintf(sql, sizeof sql, "insert into %s values (?, ?, ?, ?, ?, ?)", name);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &insert, NULL), SQLITE_OK);
    run_sql(db, "begin");
    for (int64_t i = 0; i < n; i++) {
        const row *r = &rows[i];
        sqlite3_bind_int(insert, 1, r->a);
        sqlite3_bind_text(insert, 2, r->b, -1, SQLITE_STATIC);
        sqlite3_bind_int(insert, 3, r->c);
        sqlite3_bind_int64(insert, 4, r->d);
        sqlite3_bind_double(insert, 5, r->f);
        sqlite3_bind_int64(insert, 6, i);
        for (int c = 0; c < N_VALUES; c++) {
            if (r->is_null[c]) {
                sqlite3_bind_null(insert, c + 1);
            }
        }
        ASSERT_IN_LOOP(sqlite3_step(insert) == SQLITE_DONE, "insert");
        sqlite3_reset(insert);
    }
    run_sql(db, "commit");
    sqlite3_finalize(insert);
}

static world open_world(test_random *random)
{
    static const int64_t value_counts[] = {2, 6, 40, 2000};
    static const int64_t null_ins[] = {0, 0, 3, 50};
    world w = {.random = random};
    w.context = make_context((read_settings){.n_threads = 1 + (int32_t)below(&w, 3),
                                             .chunk_bytes = 1 << 16,
                                             .block_rows = (int64_t)1 << (8 + below(&w, 4))});
    w.empty_bytes = mdl_context_memory_in_use(w.context);
    int64_t n = (int64_t)below(&w, below(&w, 4) == 0 ? 70 : ROWS_MAX);
    int64_t n_to = (int64_t)below(&w, TO_ROWS_MAX);
    int64_t n_values = value_counts[below(&w, 4)];
    row *rows = make_rows(&w, n, n_values, null_ins[below(&w, 4)], below(&w, 2) == 0);
    row *to_rows = make_rows(&w, n_to, n_values, null_ins[below(&w, 4)], false);
    w.table = build_table(&w, rows, n);
    w.to = build_table(&w, to_rows, n_to);
    ck_assert_int_eq(sqlite3_open(":memory:", &w.db), SQLITE_OK);
    insert_rows(w.db, "t", rows, n);
    insert_rows(w.db, "u", to_rows, n_to);
    free(rows);
    free(to_rows);
    return w;
}

static void close_world(world *w)
{
    mdl_table_free(w->table);
    mdl_table_free(w->to);
    sqlite3_close(w->db);
    ck_assert_int_eq(mdl_context_memory_in_use(w->context), w->empty_bytes);
    mdl_context_free(w->context);
}

/* ---- A test, and the same question in SQL ---- */

typedef struct question {
    mdl_test test;
    char columns[32];
    char to_columns[32];
    char failing[1024]; /* SQL: whether a row of t fails, apart from `where` */
    char sql[2048];     /* ids of the failing rows; or two totals */
    const char *where;
    const char *to_where;
} question;

/* Picks up to `n_max` columns: `a, b`. */
static int pick_columns(world *w, question *q, int n_max, int *columns)
{
    /* Often the columns that sorted rows are in the order of. */
    if (n_max > 1 && below(w, 3) == 0) {
        snprintf(q->columns, sizeof q->columns, "a, d");
        q->test.columns = q->columns;
        columns[0] = 0;
        columns[1] = 3;
        return 2;
    }
    int n = 1 + (int)below(w, (uint64_t)n_max);
    bool is_picked[N_VALUES] = {false};
    q->columns[0] = '\0';
    for (int i = 0; i < n; i++) {
        int c = (int)below(w, N_VALUES);
        while (is_picked[c]) {
            c = (c + 1) % N_VALUES;
        }
        is_picked[c] = true;
        columns[i] = c;
        size_t used = strlen(q->columns);
        snprintf(q->columns + used, sizeof q->columns - used, "%s%s", i > 0 ? ", " : "",
                 fields[c].name);
    }
    q->test.columns = q->columns;
    return n;
}

/* Adds `format` with the column's name for each column, joined by `glue`. */
static void add_for_columns(char *out, size_t size, const int *columns, int n, const char *glue,
                            const char *before, const char *after)
{
    for (int i = 0; i < n; i++) {
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%s%s%s", i > 0 ? glue : "", before,
                 fields[columns[i]].name, after);
    }
}

static void ask_not_null(world *w, question *q)
{
    int columns[N_VALUES];
    int n = pick_columns(w, q, 3, columns);
    add_for_columns(q->failing, sizeof q->failing, columns, n, " or ", "", " is null");
}

static void ask_unique(world *w, question *q)
{
    int columns[N_VALUES];
    int n = pick_columns(w, q, 3, columns);
    char nulls[256] = "";
    add_for_columns(nulls, sizeof nulls, columns, n, " and ", "", " is not null");
    snprintf(q->sql, sizeof q->sql,
             "select id from (select *, count(*) over (partition by %s) as n from t where %s) "
             "where n > 1 and %s order by id",
             q->columns, q->where, nulls);
}

static void ask_accepted_values(world *w, question *q)
{
    static const condition lists[N_VALUES] = {
        {"0, 1, 2, 3", "0, 1, 2, 3"},     {"'v0', 'v1', 'v2'", "'v0', 'v1', 'v2'"},
        {"0, 0.5, 1.0", "0, 50, 100"},    {"-1, 0, 3", "-1, 0, 3"},
        {"0, 0.25, 2.5", "0, 0.25, 2.5"},
    };
    static const condition all = {"'v0', 'v1', 'v2', 'v3', 'v4', 'v5'",
                                  "'v0', 'v1', 'v2', 'v3', 'v4', 'v5'"};
    int c;
    pick_columns(w, q, 1, &c);
    const condition *list = c == 1 && below(w, 2) == 0 ? &all : &lists[c];
    q->test.values = list->text;
    snprintf(q->failing, sizeof q->failing, "not (%s in (%s))", q->columns, list->sql);
}

static void ask_accepted_range(world *w, question *q)
{
    static const struct {
        condition least;
        condition greatest;
    } bounds[][N_VALUES] = {
        {{{"1", "1"}, {"4", "4"}},
         {{"'v1'", "'v1'"}, {"'v4'", "'v4'"}},
         {{"0.5", "50"}, {"2.0", "200"}},
         {{"0", "0"}, {"3", "3"}},
         {{"0.25", "0.25"}, {"3", "3"}}},
        {{{"0", "0"}, {"1999", "1999"}},
         {{"'v'", "'v'"}, {"'v9999'", "'v9999'"}},
         {{"-1", "-100"}, {"1000", "100000"}},
         {{"(-1)", "-1"}, {"2000", "2000"}},
         {{"0.0", "0.0"}, {"500", "500"}}},
    };
    int c;
    pick_columns(w, q, 1, &c);
    const condition *least = &bounds[below(w, 2)][c].least;
    const condition *greatest = &bounds[below(w, 2)][c].greatest;
    uint64_t which = below(w, 3);
    q->test.least = which != 1 ? least->text : NULL;
    q->test.greatest = which != 2 ? greatest->text : NULL;
    snprintf(q->failing, sizeof q->failing, "not (%s >= %s and %s <= %s)", q->columns,
             which != 1 ? least->sql : q->columns, q->columns,
             which != 2 ? greatest->sql : q->columns);
}

static void ask_relationships(world *w, question *q)
{
    int columns[N_VALUES];
    int n = pick_columns(w, q, 2, columns);
    /* The other side of one INT32 may be the INT64, and the other way round. */
    int to_columns[N_VALUES] = {0};
    for (int i = 0; i < n; i++) {
        bool crosses = n == 1 && (columns[i] == 0 || columns[i] == 3) && below(w, 2) == 0;
        to_columns[i] = crosses ? 3 - columns[i] : columns[i];
    }
    add_for_columns(q->to_columns, sizeof q->to_columns, to_columns, n, ", ", "", "");
    bool are_same = strcmp(q->to_columns, q->columns) == 0;
    q->test.to = "u";
    q->test.to_columns = are_same && below(w, 2) == 0 ? NULL : q->to_columns;
    char nulls[256] = "";
    add_for_columns(nulls, sizeof nulls, columns, n, " and ", "", " is not null");
    snprintf(q->failing, sizeof q->failing,
             "%s and not exists (select 1 from (select * from u where %s) as v where v.%s = t.%s",
             nulls, q->to_where, fields[to_columns[0]].name, fields[columns[0]].name);
    for (int i = 1; i < n; i++) {
        size_t used = strlen(q->failing);
        snprintf(q->failing + used, sizeof q->failing - used, " and v.%s = t.%s",
                 fields[to_columns[i]].name, fields[columns[i]].name);
    }
    strcat(q->failing, ")");
}

static void ask_row_count(world *w, question *q)
{
    (void)w;
    q->test.to = "u";
    snprintf(q->sql, sizeof q->sql,
             "select (select count(*) from t where %s), (select count(*) from u where %s)",
             q->where, q->to_where);
}

static void ask_sum(world *w, question *q)
{
    static const char *const names[] = {"a", "c", "d"};
    const char *name = names[below(w, 3)];
    const char *to_name = names[below(w, 3)];
    bool counts = below(w, 3) == 0;
    snprintf(q->columns, sizeof q->columns, "%s", name);
    snprintf(q->to_columns, sizeof q->to_columns, "%s", counts ? "" : to_name);
    q->test.columns = q->columns;
    q->test.to = "u";
    q->test.to_columns = q->to_columns;
    char to_sum[64];
    snprintf(to_sum, sizeof to_sum, counts ? "count(*)" : "coalesce(sum(%s), 0)", to_name);
    snprintf(q->sql, sizeof q->sql,
             "select (select coalesce(sum(%s), 0) from t where %s), (select %s from u where %s)",
             name, q->where, to_sum, q->to_where);
}

static void ask_expression(world *w, question *q)
{
    const condition *rule = &conditions[below(w, N_CONDITIONS)];
    q->test.expression = rule->text;
    snprintf(q->failing, sizeof q->failing, "not (%s)", rule->sql);
}

/* Marks the rows whose id is a multiple of 7. */
static mdl_status find_sevenths(void *user_data, mdl_context *context, const mdl_table *table,
                                uint64_t *failing, mdl_error *error)
{
    (void)user_data;
    (void)context;
    (void)error;
    for (int64_t i = 0; i < mdl_table_n_rows(table); i += 7) {
        failing[i >> 6] |= (uint64_t)1 << (i & 63);
    }
    return MDL_OK;
}

static void ask_callback(world *w, question *q)
{
    (void)w;
    q->test.find = find_sevenths;
    snprintf(q->failing, sizeof q->failing, "id %% 7 = 0");
}

static void ask(world *w, question *q)
{
    static void (*const askers[])(world *, question *) = {
        NULL,
        ask_not_null,
        ask_unique,
        ask_accepted_values,
        ask_accepted_range,
        ask_relationships,
        ask_row_count,
        ask_sum,
        ask_expression,
        ask_callback,
    };
    const condition *where = &conditions[below(w, N_CONDITIONS)];
    const condition *to_where = &conditions[below(w, N_CONDITIONS)];
    bool has_where = below(w, 3) == 0;
    bool has_to_where = below(w, 3) == 0;
    *q = (question){.where = has_where ? where->sql : "true",
                    .to_where = has_to_where ? to_where->sql : "true"};
    q->test.kind = (mdl_test_kind)(1 + below(w, 9));
    q->test.where = has_where ? where->text : NULL;
    q->test.to_where = has_to_where ? to_where->text : NULL;
    askers[q->test.kind](w, q);
    if (q->sql[0] == '\0') {
        snprintf(q->sql, sizeof q->sql, "select id from t where (%s) and (%s) order by id",
                 q->where, q->failing);
    }
}

/* ---- Comparing ---- */

static int64_t select_integer(world *w, const char *sql, int column)
{
    sqlite3_stmt *select;
    if (sqlite3_prepare_v2(w->db, sql, -1, &select, NULL) != SQLITE_OK) {
        ck_abort_msg("%s: %s", sql, sqlite3_errmsg(w->db));
    }
    ck_assert_int_eq(sqlite3_step(select), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(select, column);
    sqlite3_finalize(select);
    return value;
}

static int64_t read_integer(world *w, const mdl_table *table, int64_t at, int32_t column)
{
    mdl_value value;
    ASSERT_IN_LOOP(mdl_table_get(w->context, table, at, column, &value, NULL, 0, NULL) == MDL_OK,
                   "row %d", (int)at);
    return value.as.integer;
}

/* Two totals, and a row that shows them when they differ and rows are kept. */
static void check_totals(world *w, const question *q, int64_t n_kept, const mdl_test_result *result)
{
    int64_t left = select_integer(w, q->sql, 0);
    int64_t right = select_integer(w, q->sql, 1);
    int64_t n_failures = left > right ? left - right : right - left;
    if (q->test.kind == MDL_TEST_SUM_EQUAL) {
        bool is_left_decimal = q->columns[0] == 'c';
        bool is_right_decimal = q->to_columns[0] == 'c';
        n_failures = left * (is_left_decimal ? 1 : 100) != right * (is_right_decimal ? 1 : 100);
    }
    ASSERT_IN_LOOP(result->n_failures == n_failures, "%s: %d", q->sql, (int)result->n_failures);
    const bool is_shown = n_failures > 0 && n_kept != 0;
    ASSERT_IN_LOOP((result->failures != NULL) == is_shown, "%s", q->sql);
    if (is_shown) {
        ck_assert_int_eq(read_integer(w, result->failures, 0, 0), left);
        ck_assert_int_eq(read_integer(w, result->failures, 0, 1), right);
    }
}

static void check_rows(world *w, const question *q, int64_t n_kept, const mdl_test_result *result)
{
    sqlite3_stmt *select;
    int64_t n = 0;
    int64_t n_found = result->failures != NULL ? mdl_table_n_rows(result->failures) : 0;
    if (sqlite3_prepare_v2(w->db, q->sql, -1, &select, NULL) != SQLITE_OK) {
        ck_abort_msg("%s: %s", q->sql, sqlite3_errmsg(w->db));
    }
    for (; sqlite3_step(select) == SQLITE_ROW; n++) {
        if (n < n_found) {
            ASSERT_IN_LOOP(read_integer(w, result->failures, n, N_VALUES) ==
                               sqlite3_column_int64(select, 0),
                           "%s: failing row %d", q->sql, (int)n);
        }
    }
    sqlite3_finalize(select);
    ASSERT_IN_LOOP(result->n_failures == n, "%s: %d instead of %d", q->sql, (int)result->n_failures,
                   (int)n);
    ASSERT_IN_LOOP(n_found == (n_kept < 0 || n < n_kept ? n : n_kept), "%s: %d kept", q->sql,
                   (int)n_found);
}

static void check_question(world *w, const question *q)
{
    static const int64_t kept[] = {-1, 0, 1, 10, 100};
    char sql[256];
    mdl_error error = MDL_ERROR_INIT;
    mdl_test_options options;
    mdl_test_result result;
    mdl_test_options_init(&options);
    options.n_failures_kept = kept[below(w, 5)];
    ASSERT_IN_LOOP(mdl_test_run(w->context, &q->test, w->table, w->to, &options, &result, &error) ==
                       MDL_OK,
                   "%s: %s", q->sql, error.message);
    snprintf(sql, sizeof sql, "select count(*) from t where %s", q->where);
    ASSERT_IN_LOOP(result.n_rows == select_integer(w, sql, 0), "%s: %d rows", sql,
                   (int)result.n_rows);
    if (q->test.kind == MDL_TEST_ROW_COUNT_EQUAL || q->test.kind == MDL_TEST_SUM_EQUAL) {
        check_totals(w, q, options.n_failures_kept, &result);
    } else {
        check_rows(w, q, options.n_failures_kept, &result);
    }
    mdl_test_result_free(&result);
}

START_TEST(test_random_tests_equal_sql)
{
    test_random random = test_random_start("quality against SQLite");
    for (int i = 0; i < N_WORLDS; i++) {
        world w = open_world(&random);
        for (int k = 0; k < N_TESTS; k++) {
            question q;
            ask(&w, &q);
            check_question(&w, &q);
        }
        close_world(&w);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quality_against_sqlite");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_random_tests_equal_sql);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
