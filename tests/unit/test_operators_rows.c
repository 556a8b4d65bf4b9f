/*
 * Sort, top-n, distinct, arg-first and upsert: against SQLite on random tables, and their promises
 * of sharing, of order and of what is left after a failure.
 */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>

#include "column/column_internal.h"
#include "medallion/medallion.h"
#include "operators/rowset.h"
#include "snapshot/snapshot_compare.h"
#include "support/random.h"
#include "support/run_suite.h"

/* The columns of the random tables. `id` tells rows apart and is no key. */
enum {
    KEY_COLUMNS = 5
};
static const mdl_field fields[KEY_COLUMNS + 1] = {
    {"a", MDL_TYPE_INT32}, {"b", MDL_TYPE_STRING}, {"c", MDL_TYPE_FLOAT64},
    {"d", MDL_TYPE_INT64}, {"e", MDL_TYPE_BOOL},   {"id", MDL_TYPE_INT32},
};

typedef struct row {
    bool is_null[KEY_COLUMNS];
    int32_t a;
    char b[24];
    double c;
    int64_t d;
    uint8_t e;
    int32_t id;
} row;

/* How the values of a table are drawn. */
typedef struct shape {
    int32_t n_values;  /* different values of a column, about */
    int32_t null_in;   /* one value in so many is NULL; 0 = none */
    bool has_extremes; /* values from the whole range of their types */
} shape;

static row random_row(test_random *random, const shape *s, int32_t id)
{
    row r = {.id = id};
    for (int k = 0; k < KEY_COLUMNS; k++) {
        r.is_null[k] = s->null_in > 0 && test_random_below(random, (uint64_t)s->null_in) == 0;
    }
    int64_t n_values = s->n_values;
    r.a = (int32_t)test_random_below(random, (uint64_t)n_values) - 3;
    r.d = (int64_t)test_random_below(random, (uint64_t)n_values) * INT64_C(1000000007);
    r.c = ((double)test_random_below(random, (uint64_t)n_values) - 2) / 4;
    r.e = (uint8_t)test_random_below(random, 2);
    uint64_t text = test_random_below(random, (uint64_t)n_values);
    const char *forms[] = {"", "prefix-of-text-%" PRIu64, "%" PRIu64, "\xc3\xa9%" PRIu64};
    snprintf(r.b, sizeof r.b, forms[text % 4], text / 2);
    if (s->has_extremes && test_random_below(random, 4) == 0) {
        const int64_t ends[] = {INT64_MIN, INT64_MAX, 0, -1};
        const double reals[] = {-0.0, INFINITY, -INFINITY, 5e-324};
        r.d = ends[test_random_below(random, 4)];
        r.a = (int32_t)(r.d >> 32);
        r.c = reals[test_random_below(random, 4)];
    }
    return r;
}

static row *random_rows(test_random *random, const shape *s, int32_t n, int32_t first_id)
{
    row *rows = calloc((size_t)n + 1, sizeof *rows);
    ck_assert_ptr_nonnull(rows);
    for (int32_t i = 0; i < n; i++) {
        rows[i] = random_row(random, s, first_id + i);
    }
    return rows;
}

static mdl_context *new_context(int64_t block_rows, int32_t n_threads)
{
    mdl_context_options options;
    mdl_context *context;
    mdl_context_options_init(&options);
    options.block_rows = block_rows;
    options.n_threads = n_threads;
    ck_assert_int_eq(mdl_context_create(&options, &context, NULL), MDL_OK);
    return context;
}

/* Appends `n` rows, at most 64, to a builder. */
static mdl_status append_rows(mdl_table_builder *builder, const row *rows, int n)
{
    int32_t a[64];
    mdl_string b[64];
    double c[64];
    int64_t d[64];
    uint8_t e[64];
    int32_t id[64];
    uint64_t validity[KEY_COLUMNS] = {0};
    for (int i = 0; i < n; i++) {
        a[i] = rows[i].a;
        b[i] = (mdl_string){rows[i].b, (int64_t)strlen(rows[i].b)};
        c[i] = rows[i].c;
        d[i] = rows[i].d;
        e[i] = rows[i].e;
        id[i] = rows[i].id;
        for (int k = 0; k < KEY_COLUMNS; k++) {
            validity[k] |= (uint64_t)!rows[i].is_null[k] << i;
        }
    }
    const void *values[] = {a, b, c, d, e, id};
    mdl_vector columns[KEY_COLUMNS + 1];
    for (int k = 0; k <= KEY_COLUMNS; k++) {
        columns[k] = (mdl_vector){
            .type = fields[k].type,
            .n_rows = n,
            .values = values[k],
            .validity = k < KEY_COLUMNS ? &validity[k] : NULL,
        };
    }
    return mdl_table_builder_append(builder, columns, n, NULL);
}

static mdl_table *new_table(mdl_context *context, const row *rows, int32_t n)
{
    mdl_table_builder *builder;
    mdl_table *table;
    ck_assert_int_eq(mdl_table_builder_create(context, fields, KEY_COLUMNS + 1, &builder, NULL),
                     MDL_OK);
    for (int32_t i = 0; i < n; i += 64) {
        int n_here = n - i < 64 ? (int)(n - i) : 64;
        ASSERT_IN_LOOP(append_rows(builder, rows + i, n_here) == MDL_OK, "row %d", (int)i);
    }
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    return table;
}

/*
 * SQLite.
 */

static void run_sql(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        ck_abort_msg("%s: %s", sql, message);
    }
}

static void insert_rows(sqlite3 *db, const char *table, const row *rows, int32_t n)
{
    char sql[128];
    sqlite3_stmt *insert;
    snprintf(sql, sizeof sql, "create table %s (a, b, c, d, e, id)", table);
    run_sql(db, sql);
    snprintf(sql, sizeof sql, "insert into %s values (?, ?, ?, ?, ?, ?)", table);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &insert, NULL), SQLITE_OK);
    run_sql(db, "begin");
    for (int32_t i = 0; i < n; i++) {
        const row *r = &rows[i];
        sqlite3_bind_int(insert, 1, r->a);
        sqlite3_bind_text(insert, 2, r->b, -1, SQLITE_STATIC);
        sqlite3_bind_double(insert, 3, r->c);
        sqlite3_bind_int64(insert, 4, r->d);
        sqlite3_bind_int(insert, 5, r->e);
        sqlite3_bind_int(insert, 6, r->id);
        for (int k = 0; k < KEY_COLUMNS; k++) {
            if (r->is_null[k]) {
                sqlite3_bind_null(insert, k + 1);
            }
        }
        ASSERT_IN_LOOP(sqlite3_step(insert) == SQLITE_DONE, "row %d", (int)i);
        sqlite3_reset(insert);
    }
    run_sql(db, "commit");
    sqlite3_finalize(insert);
}

static sqlite3 *new_database(const row *rows, int32_t n)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
    insert_rows(db, "t", rows, n);
    return db;
}

/* A list of keys as the library and as SQLite write it. */
typedef struct key_list {
    char columns[64];  /* without directions, for both */
    char order_by[64]; /* with `-` */
    char sql[256];     /* with NULLS LAST */
} key_list;

static key_list random_keys(test_random *random, int n_keys, bool allow_descending)
{
    key_list list = {"", "", ""};
    bool is_used[KEY_COLUMNS] = {false};
    for (int i = 0; i < n_keys; i++) {
        uint64_t k = test_random_below(random, KEY_COLUMNS);
        while (is_used[k]) {
            k = (k + 1) % KEY_COLUMNS;
        }
        is_used[k] = true;
        bool is_descending = allow_descending && test_random_below(random, 2) == 0;
        const char *comma = i > 0 ? ", " : "";
        size_t used = strlen(list.columns);
        snprintf(list.columns + used, sizeof list.columns - used, "%s%s", comma, fields[k].name);
        used = strlen(list.order_by);
        snprintf(list.order_by + used, sizeof list.order_by - used, "%s%s%s", comma,
                 is_descending ? "-" : "", fields[k].name);
        used = strlen(list.sql);
        snprintf(list.sql + used, sizeof list.sql - used, "%s%s%s nulls last", comma,
                 fields[k].name, is_descending ? " desc" : "");
    }
    return list;
}

/* The ids that a query gives; n of them. */
static int32_t *select_ids(sqlite3 *db, const char *sql, int32_t *n)
{
    sqlite3_stmt *select;
    int32_t capacity = 64;
    int32_t *ids = malloc((size_t)capacity * sizeof *ids);
    *n = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &select, NULL) != SQLITE_OK) {
        ck_abort_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    while (sqlite3_step(select) == SQLITE_ROW) {
        if (*n == capacity) {
            capacity *= 2;
            ids = realloc(ids, (size_t)capacity * sizeof *ids);
        }
        ck_assert(ids != NULL);
        ids[(*n)++] = sqlite3_column_int(select, 0);
    }
    sqlite3_finalize(select);
    return ids;
}

/*
 * Comparing.
 */

static bool same_value(const mdl_vector *v, int64_t i, const row *r, int column)
{
    if (column < KEY_COLUMNS && r->is_null[column]) {
        return mdl_vector_is_null(v, i);
    }
    if (mdl_vector_is_null(v, i)) {
        return false;
    }
    switch (column) {
    case 0:
        return mdl_vector_int32(v, i) == r->a;
    case 1: {
        mdl_string text = mdl_vector_string(v, i);
        return (size_t)text.size_bytes == strlen(r->b) &&
               (text.size_bytes == 0 || memcmp(text.data, r->b, strlen(r->b)) == 0);
    }
    case 2:
        return memcmp((const double *)v->values + i, &r->c, sizeof r->c) == 0;
    case 3:
        return mdl_vector_int64(v, i) == r->d;
    case 4:
        return ((const uint8_t *)v->values)[i] == r->e;
    default:
        return mdl_vector_int32(v, i) == r->id;
    }
}

/* Asserts that the table's rows are those with these ids, in order; `by_id` finds a row by its id.
 */
static void expect_rows(mdl_context *context, const mdl_table *table, const row *by_id,
                        const int32_t *ids, int32_t n, const char *what)
{
    mdl_cursor *cursor;
    mdl_batch batch;
    ASSERT_IN_LOOP(mdl_table_n_rows(table) == n, "%s: %d rows, not %d", what,
                   (int)mdl_table_n_rows(table), (int)n);
    ASSERT_IN_LOOP(mdl_cursor_create(context, table, NULL, 0, &cursor, NULL) == MDL_OK, "%s", what);
    for (;;) {
        ASSERT_IN_LOOP(mdl_cursor_next(cursor, &batch, NULL) == MDL_OK, "%s", what);
        if (batch.n_rows == 0) {
            break;
        }
        for (int64_t i = 0; i < batch.n_rows; i++) {
            const row *r = &by_id[ids[batch.first_row + i]];
            for (int c = 0; c <= KEY_COLUMNS; c++) {
                ASSERT_IN_LOOP(same_value(&batch.columns[c], i, r, c),
                               "%s: row %d is not row %d of the input (column %s)", what,
                               (int)(batch.first_row + i), (int)r->id, fields[c].name);
            }
        }
    }
    mdl_cursor_free(cursor);
}

static mdl_table *collect(mdl_query *query, mdl_rel *rel, const char *what)
{
    mdl_table *table;
    mdl_error error = MDL_ERROR_INIT;
    if (mdl_query_collect(query, rel, &table, &error) != MDL_OK) {
        ck_abort_msg("%s: %s", what, error.message);
    }
    return table;
}

/* One table, in the library and in SQLite. */
typedef struct subject {
    mdl_context *context;
    mdl_table *table;
    sqlite3 *db;
    row *rows;
    int32_t n;
    int64_t empty_bytes; /* of the context without a table */
} subject;

static subject new_subject(test_random *random, const shape *s, int32_t n, int64_t block_rows,
                           int32_t n_threads)
{
    subject x = {.context = new_context(block_rows, n_threads), .n = n};
    x.empty_bytes = mdl_context_memory_in_use(x.context);
    x.rows = random_rows(random, s, n, 0);
    x.table = new_table(x.context, x.rows, n);
    x.db = new_database(x.rows, n);
    return x;
}

static void free_subject(subject *x)
{
    mdl_table_free(x->table);
    ck_assert_int_eq(mdl_context_memory_in_use(x->context), x->empty_bytes);
    mdl_context_free(x->context);
    sqlite3_close(x->db);
    free(x->rows);
}

/* Collects and frees the query, and compares with what SQLite gives. */
static void expect_same(const subject *x, mdl_query *query, mdl_rel *rel, const char *sql)
{
    int32_t n;
    int32_t *ids = select_ids(x->db, sql, &n);
    mdl_table *table = collect(query, rel, sql);
    mdl_query_free(query);
    expect_rows(x->context, table, x->rows, ids, n, sql);
    mdl_table_free(table);
    free(ids);
}

static void expect_sort(const subject *x, test_random *random)
{
    char sql[640];
    key_list keys = random_keys(random, 1 + (int)test_random_below(random, KEY_COLUMNS), true);
    mdl_query *query = mdl_query_create(x->context);
    snprintf(sql, sizeof sql, "select id from t order by %s, id", keys.sql);
    expect_same(x, query, mdl_sort(mdl_scan(query, x->table), keys.order_by), sql);
    query = mdl_query_create(x->context);
    int n = (int)test_random_below(random, (uint64_t)x->n + 3);
    n = test_random_below(random, 2) == 0 ? n / 8 : n;
    snprintf(sql, sizeof sql, "select id from t order by %s, id limit %d", keys.sql, n);
    expect_same(x, query, mdl_top_n(mdl_scan(query, x->table), keys.order_by, n), sql);
    /* The same of rows that are in the order of the first column already. */
    char first[64];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(keys.order_by, ","), keys.order_by);
    query = mdl_query_create(x->context);
    mdl_rel *sorted = mdl_sort(mdl_scan(query, x->table), first);
    snprintf(sql, sizeof sql, "select id from t order by %s, id", keys.sql);
    expect_same(x, query, mdl_sort(sorted, keys.order_by), sql);
}

/* Puts the input in the order of the columns first, every other time. */
static mdl_rel *maybe_sort(mdl_rel *rel, const char *columns, test_random *random)
{
    return test_random_below(random, 2) == 0 ? rel : mdl_sort(rel, columns);
}

static void expect_distinct(const subject *x, test_random *random)
{
    char sql[640];
    key_list keys = random_keys(random, 1 + (int)test_random_below(random, KEY_COLUMNS), false);
    bool keeps_first = test_random_below(random, 2) == 0;
    mdl_keep keep = keeps_first ? MDL_KEEP_FIRST : MDL_KEEP_LAST;
    const char *form = "select id from (select *, row_number() over (partition by %s order by id "
                       "%s) as n from t) where n = 1 order by %s";
    mdl_query *query = mdl_query_create(x->context);
    snprintf(sql, sizeof sql, form, keys.columns, keeps_first ? "" : "desc", "id");
    expect_same(x, query, mdl_distinct(mdl_scan(query, x->table), keys.columns, keep), sql);
    /* The same in the order of the keys, which a sort before or after brings. */
    snprintf(sql, sizeof sql, form, keys.columns, keeps_first ? "" : "desc", keys.sql);
    query = mdl_query_create(x->context);
    mdl_rel *rel = mdl_sort(mdl_scan(query, x->table), keys.columns);
    expect_same(x, query, mdl_distinct(rel, keys.columns, keep), sql);
    query = mdl_query_create(x->context);
    rel = maybe_sort(mdl_scan(query, x->table), keys.columns, random);
    rel = mdl_sort(mdl_distinct(rel, keys.columns, keep), keys.columns);
    expect_same(x, query, rel, sql);
}

static void expect_arg_first(const subject *x, test_random *random)
{
    char sql[1024];
    key_list groups = random_keys(random, 1 + (int)test_random_below(random, 2), false);
    key_list order = random_keys(random, 1 + (int)test_random_below(random, 3), true);
    mdl_query *query = mdl_query_create(x->context);
    mdl_rel *rel = maybe_sort(mdl_scan(query, x->table), groups.columns, random);
    rel = mdl_arg_first(rel, groups.columns, order.order_by);
    snprintf(sql, sizeof sql,
             "select id from (select *, row_number() over (partition by %s order by %s, id) as n "
             "from t) where n = 1 order by %s",
             groups.columns, order.sql, groups.sql);
    expect_same(x, query, rel, sql);
}

/* The rows with these ids as a table. */
static mdl_table *table_of_ids(mdl_context *context, const row *by_id, const int32_t *ids,
                               int32_t n)
{
    row *rows = calloc((size_t)n + 1, sizeof *rows);
    ck_assert_ptr_nonnull(rows);
    for (int32_t i = 0; i < n; i++) {
        rows[i] = by_id[ids[i]];
    }
    mdl_table *table = new_table(context, rows, n);
    free(rows);
    return table;
}

/* Splits the rows by id in a base and changes, each with every key once, and puts them together. */
static void expect_upsert(const subject *x, test_random *random)
{
    char sql[1024];
    key_list keys = random_keys(random, 1 + (int)test_random_below(random, KEY_COLUMNS), false);
    int32_t n_base_ids = (int32_t)test_random_below(random, (uint64_t)x->n + 1);
    if (test_random_below(random, 2) == 0) {
        n_base_ids = x->n - n_base_ids / 16;
    }
    const char *side = "select id from (select *, row_number() over (partition by %s order by id "
                       "desc) as n from t where id %s %d) where n = 1 order by %s";
    int32_t n_base;
    int32_t n_changes;
    snprintf(sql, sizeof sql, side, keys.columns, "<", (int)n_base_ids, keys.sql);
    int32_t *base_ids = select_ids(x->db, sql, &n_base);
    snprintf(sql, sizeof sql, side, keys.columns, ">=", (int)n_base_ids, keys.sql);
    int32_t *changes_ids = select_ids(x->db, sql, &n_changes);
    mdl_table *base = table_of_ids(x->context, x->rows, base_ids, n_base);
    mdl_table *changes = table_of_ids(x->context, x->rows, changes_ids, n_changes);
    mdl_query *query = mdl_query_create(x->context);
    mdl_rel *rel = mdl_upsert(mdl_scan(query, base), mdl_scan(query, changes), keys.columns);
    snprintf(sql, sizeof sql, side, keys.columns, ">=", 0, keys.sql);
    expect_same(x, query, rel, sql);
    mdl_table_free(base);
    mdl_table_free(changes);
    free(base_ids);
    free(changes_ids);
}

static const int64_t block_rows_of[] = {1, 3, 64, 65536};
enum {
    N_CONTEXTS = 12,
    N_ROUNDS = 6
};

static const shape shapes[] = {
    {3, 0, false}, {4, 5, false}, {50, 9, true}, {1000000, 0, true}, {1, 0, false}, {1, 1, false},
};

/* Runs `expect` on tables of many sizes and shapes, in context number `i`. */
static void for_tables(const char *name, int i,
                       void (*expect)(const subject *x, test_random *random))
{
    const int32_t sizes[] = {0, 1, 2, 65, 300, 2500};
    test_random random = test_random_start(name);
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        for (int round = 0; round < N_ROUNDS; round++) {
            int32_t n = sizes[round];
            subject x = new_subject(&random, &shapes[s], n, block_rows_of[i % 4], 1 + i / 4);
            expect(&x, &random);
            free_subject(&x);
        }
    }
}

START_TEST(sort_is_that_of_sqlite)
{
    for_tables("sort_is_that_of_sqlite", _i, expect_sort);
}
END_TEST

START_TEST(distinct_is_that_of_sqlite)
{
    for_tables("distinct_is_that_of_sqlite", _i, expect_distinct);
}
END_TEST

START_TEST(arg_first_is_that_of_sqlite)
{
    for_tables("arg_first_is_that_of_sqlite", _i, expect_arg_first);
}
END_TEST

START_TEST(upsert_is_that_of_sqlite)
{
    for_tables("upsert_is_that_of_sqlite", _i, expect_upsert);
}
END_TEST

/* Enough rows for buckets, several ranges and several jobs. The key (d, e) has 65 bits where d has
 * values from all its range: buckets are then found by bits of two words. */
START_TEST(many_rows_are_as_in_sqlite)
{
    test_random random = test_random_start("many_rows_are_as_in_sqlite");
    subject x =
        new_subject(&random, &shapes[_i % 4], 90000, _i % 2 == 0 ? 65536 : 5000, 1 + _i % 3);
    expect_sort(&x, &random);
    expect_distinct(&x, &random);
    expect_arg_first(&x, &random);
    expect_upsert(&x, &random);
    mdl_query *query = mdl_query_create(x.context);
    mdl_rel *rel = mdl_sort(mdl_scan(query, x.table), "d, e");
    expect_same(&x, query, rel, "select id from t order by d nulls last, e nulls last, id");
    free_subject(&x);
}
END_TEST

/*
 * Promises.
 */

/* A table of `n` rows with a = i / per_value, d = i. */
static mdl_table *ascending_table(mdl_context *context, int32_t n, int32_t per_value)
{
    row *rows = calloc((size_t)n + 1, sizeof *rows);
    ck_assert_ptr_nonnull(rows);
    for (int32_t i = 0; i < n; i++) {
        rows[i] = (row){.a = i / per_value, .d = i, .id = i};
    }
    mdl_table *table = new_table(context, rows, n);
    free(rows);
    return table;
}

static void expect_shared_columns(const mdl_table *a, const mdl_table *b)
{
    for (int32_t c = 0; c < mdl_table_n_columns(a); c++) {
        ck_assert_ptr_eq(mdl_table_column(a, c), mdl_table_column(b, c));
    }
}

START_TEST(rows_in_order_are_shared)
{
    mdl_context *context = new_context(1000, 2);
    mdl_table *table = ascending_table(context, 100000, 3);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *scan = mdl_scan(query, table);
    mdl_rel *rels[] = {
        mdl_sort(scan, "a, d"),
        mdl_sort(scan, "a"),
        mdl_sort(scan, ""),
        mdl_distinct(scan, "a, d", MDL_KEEP_LAST),
        mdl_distinct(scan, NULL, MDL_KEEP_FIRST),
        mdl_sort(mdl_distinct(scan, "a, d", MDL_KEEP_FIRST), "a, d, -e"),
        mdl_top_n(scan, "a, d", 100000),
        mdl_top_n(scan, NULL, 1000000),
        mdl_upsert(scan, mdl_filter(scan, "a < 0"), "a, d"),
        mdl_upsert(mdl_filter(scan, "a < 0"), scan, "a, d"),
    };
    for (size_t i = 0; i < sizeof rels / sizeof *rels; i++) {
        mdl_table *out = collect(query, rels[i], "shared");
        expect_shared_columns(out, table);
        ck_assert_ptr_nonnull(strstr(mdl_query_explain(query), "shared"));
        mdl_table_free(out);
    }
    mdl_query_free(query);
    mdl_table_free(table);
    mdl_context_free(context);
}
END_TEST

/* An order that a distinct has not given must be looked at, however alike the keys are. */
START_TEST(order_of_distinct_is_not_mistaken)
{
    mdl_context *context = new_context(100, 1);
    mdl_table *table = ascending_table(context, 1000, 1);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *distinct = mdl_distinct(mdl_scan(query, table), "a, d", MDL_KEEP_FIRST);
    mdl_table *out = collect(query, mdl_sort(distinct, "-a, d"), "descending");
    mdl_value value;
    ck_assert_int_eq(mdl_table_get(context, out, 0, 0, &value, NULL, 0, NULL), MDL_OK);
    ck_assert_int_eq(value.as.integer, 999);
    mdl_table_free(out);
    mdl_query_free(query);
    mdl_table_free(table);
    mdl_context_free(context);
}
END_TEST

/* That a sort found no row twice says nothing of fewer columns, or of other ones. */
START_TEST(rows_of_sort_are_not_mistaken)
{
    mdl_context *context = new_context(100, 1);
    mdl_table *table = ascending_table(context, 999, 3);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *sorted = mdl_sort(mdl_scan(query, table), "a, d");
    const char *const keys[] = {"a", "e", "d, a"};
    const int64_t n_rows[] = {333, 1, 999};
    for (int i = 0; i < 3; i++) {
        mdl_table *out = collect(query, mdl_distinct(sorted, keys[i], MDL_KEEP_LAST), keys[i]);
        ck_assert_int_eq(mdl_table_n_rows(out), n_rows[i]);
        mdl_table_free(out);
    }
    mdl_query_free(query);
    mdl_table_free(table);
    mdl_context_free(context);
}
END_TEST

/* Rows that ascend by all but the last column of a key are not sorted as a whole. */
START_TEST(stretches_are_sorted)
{
    mdl_context *context = new_context(5000, 2);
    mdl_table *table = ascending_table(context, 100000, 40);
    mdl_query *query = mdl_query_create(context);
    mdl_table *out = collect(query, mdl_sort(mdl_scan(query, table), "a, -d"), "stretches");
    ck_assert_ptr_nonnull(strstr(mdl_query_explain(query), "stretches sorted"));
    for (int64_t i = 0; i < 100000; i++) {
        mdl_value value;
        ASSERT_IN_LOOP(mdl_table_get(context, out, i, 3, &value, NULL, 0, NULL) == MDL_OK, "get");
        int64_t expected = i / 40 * 40 + 39 - i % 40;
        ASSERT_IN_LOOP(value.as.integer == expected, "row %d is row %d", (int)i,
                       (int)value.as.integer);
    }
    mdl_table_free(out);
    mdl_query_free(query);
    mdl_table_free(table);
    mdl_context_free(context);
}
END_TEST

/* Rows whose texts, of a dictionary too large to be put in order for them, decide within stretches:
 * many begin alike, some are NULL, and some rows repeat others. */
static row *rows_in_stretches(test_random *random, int32_t n, bool is_distinct)
{
    static const char *const forms[] = {"%d", "prefix-of-text-%d", "\xc3\xa9%d", "prefix-o%d"};
    row *rows = calloc((size_t)n, sizeof *rows);
    ck_assert_ptr_nonnull(rows);
    int32_t a = 0;
    for (int32_t i = 0; i < n; i++) {
        const uint64_t one_in = i % 5000 < 400 ? 150 : 4;
        a += test_random_below(random, one_in) == 0;
        rows[i] = (row){.id = i, .a = a};
        rows[i].is_null[1] = test_random_below(random, 20) == 0;
        snprintf(rows[i].b, sizeof rows[i].b, forms[test_random_below(random, 4)],
                 (int)test_random_below(random, 400));
        rows[i].d = is_distinct ? i : (int64_t)test_random_below(random, 3);
    }
    return rows;
}

/* The order of texts and times that a sort by `a, b, d` or `a, -b, d` asks for, in plain C. */
static int compare_in_stretch(const row *x, const row *y, bool is_descending)
{
    if (x->a != y->a) {
        return x->a < y->a ? -1 : 1;
    }
    if (x->is_null[1] || y->is_null[1]) {
        int order = (int)x->is_null[1] - (int)y->is_null[1];
        return order != 0 ? order : (x->d > y->d) - (x->d < y->d);
    }
    int order = strcmp(x->b, y->b);
    order = is_descending ? -order : order;
    return order != 0 ? order : (x->d > y->d) - (x->d < y->d);
}

static int compare_ascending(const void *x, const void *y)
{
    int order = compare_in_stretch(x, y, false);
    return order != 0 ? order : ((const row *)x)->id - ((const row *)y)->id;
}

static int compare_descending(const void *x, const void *y)
{
    int order = compare_in_stretch(x, y, true);
    return order != 0 ? order : ((const row *)x)->id - ((const row *)y)->id;
}

START_TEST(texts_are_sorted_in_stretches)
{
    enum {
        N = 30000
    };
    test_random random = test_random_start("texts_are_sorted_in_stretches");
    const bool is_descending = (_i & 1) != 0;
    const bool is_distinct = (_i & 2) != 0;
    mdl_context *context = new_context((_i & 4) != 0 ? 4096 : 300, 1 + _i % 3);
    row *rows = rows_in_stretches(&random, N, is_distinct);
    mdl_table *table = new_table(context, rows, N);
    ck_assert_ptr_nonnull(mdl_table_column(table, 1)->dictionary);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *sorted = mdl_sort(mdl_scan(query, table), is_descending ? "a, -b, d" : "a, b, d");
    mdl_table *out = collect(query, sorted, "texts");
    ck_assert_ptr_nonnull(strstr(mdl_query_explain(query), "stretches sorted"));
    ck_assert_ptr_eq(mdl_table_column(out, 0), mdl_table_column(table, 0));
    qsort(rows, N, sizeof *rows, is_descending ? compare_descending : compare_ascending);
    int32_t *ids = calloc(N, sizeof *ids);
    ck_assert_ptr_nonnull(ids);
    bool has_repeats = false;
    for (int32_t i = 0; i < N; i++) {
        ids[i] = rows[i].id;
        has_repeats |= i > 0 && compare_in_stretch(&rows[i - 1], &rows[i], is_descending) == 0;
    }
    row *by_id = calloc(N, sizeof *by_id);
    ck_assert_ptr_nonnull(by_id);
    for (int32_t i = 0; i < N; i++) {
        by_id[rows[i].id] = rows[i];
    }
    expect_rows(context, out, by_id, ids, N, "texts");
    mdl_query_free(query);
    /* What the sort knows of repeats, a distinct behind it and one without it agree on. */
    query = mdl_query_create(context);
    mdl_rel *keys = mdl_sort(mdl_scan(query, table), is_descending ? "a, -b, d" : "a, b, d");
    mdl_table *distinct = collect(query, mdl_distinct(keys, "a, b, d", MDL_KEEP_FIRST), "texts");
    ck_assert_int_eq(has_repeats, !is_distinct);
    ck_assert_int_eq(mdl_table_n_rows(distinct) < N, has_repeats);
    mdl_table_free(distinct);
    mdl_query_free(query);
    /* Rows in order stay as they are. */
    query = mdl_query_create(context);
    mdl_table *again = collect(
        query, mdl_sort(mdl_scan(query, out), is_descending ? "a, -b, d" : "a, b, d"), "texts");
    ck_assert_ptr_eq(mdl_table_column(again, 1), mdl_table_column(out, 1));
    expect_rows(context, again, by_id, ids, N, "texts");
    mdl_table_free(again);
    mdl_table_free(out);
    mdl_query_free(query);
    mdl_table_free(table);
    free(by_id);
    free(ids);
    free(rows);
    mdl_context_free(context);
}
END_TEST

/* Row numbers of many kinds, ascending by a step, descending, of few places, anywhere. */
static int64_t chosen_row(test_random *random, int kind, int64_t i, int64_t n_taken, int64_t n)
{
    switch (kind) {
    case 0:
        return i * (n / n_taken);
    case 1:
        return n - 1 - i * (n / n_taken);
    case 2:
        return n / 2 + (int64_t)test_random_below(random, 5);
    default:
        return (int64_t)test_random_below(random, (uint64_t)n);
    }
}

/* Taken rows are those of the table, where they are read one by one and where all are decoded. */
START_TEST(taken_rows_are_those_chosen)
{
    enum {
        N = 30000
    };
    test_random random = test_random_start("taken_rows_are_those_chosen");
    const shape s = {200, 7, true};
    const int32_t n_taken[] = {1, 20, 700, N};
    row *rows = random_rows(&random, &s, N, 0);
    for (int32_t i = 0; i < N; i++) {
        /* Runs, long enough for the encoding, in an int32 and a flag. */
        rows[i].a = i / 90;
        rows[i].e = i / 500 % 2 == 0;
        rows[i].is_null[0] = rows[i].is_null[4] = false;
    }
    const int64_t block_rows = _i % 2 == 0 ? 4096 : 700;
    mdl_context *context = new_context(block_rows, 1 + _i / 2);
    mdl_table *table = new_table(context, rows, N);
    ck_assert_int_eq(mdl_table_column(table, 0)->blocks[0]->encoding, MDL_ENCODING_RUN_LENGTH);
    for (int k = 0; k < 16; k++) {
        int64_t chosen[N];
        int32_t ids[N];
        int32_t n = n_taken[k % 4];
        for (int32_t i = 0; i < n; i++) {
            chosen[i] = chosen_row(&random, k / 4, i, n, N);
            ids[i] = (int32_t)chosen[i];
        }
        mdl_table *out;
        ck_assert_int_eq(mdli_table_take(context, table, chosen, n, &out, NULL), MDL_OK);
        expect_rows(context, out, rows, ids, n, "taken");
        mdl_table_free(out);
    }
    mdl_table_free(table);
    mdl_context_free(context);
    free(rows);
}
END_TEST

/* A semi join whose key is in runs is settled by the runs, but only if each of them has a match. */
START_TEST(semi_join_over_runs)
{
    mdl_context *context = new_context(_i % 2 == 0 ? 5000 : 7, 1 + _i / 2);
    mdl_table *table = ascending_table(context, 30000, 100);
    mdl_table *keys = ascending_table(context, 300, 1);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *scan = mdl_scan(query, table);
    mdl_rel *all = mdl_scan(query, keys);
    mdl_rel *all_but_one = mdl_filter(all, "a <> 137");
    mdl_rel *with_repeats = mdl_union_all(all, all_but_one);
    struct {
        mdl_rel *rel;
        int64_t n_rows;
        bool keeps_all;
    } cases[] = {
        {mdl_join(scan, all, MDL_JOIN_SEMI, "a"), 30000, true},
        {mdl_join(scan, with_repeats, MDL_JOIN_SEMI, "a"), 30000, true},
        {mdl_join(scan, all_but_one, MDL_JOIN_SEMI, "a"), 29900, false},
        {mdl_join(scan, mdl_filter(all, "a < 0"), MDL_JOIN_SEMI, "a"), 0, false},
        {mdl_join(scan, mdl_filter(all, "a > 200"), MDL_JOIN_SEMI, "a"), 9900, false},
        {mdl_join(scan, all, MDL_JOIN_ANTI, "a"), 0, false},
        {mdl_join(scan, all_but_one, MDL_JOIN_ANTI, "a"), 100, false},
        {mdl_join(mdl_filter(scan, "d < 100"), all, MDL_JOIN_SEMI, "a"), 100, true},
        {mdl_join(mdl_project(scan, "a + 1 as a, d"), all, MDL_JOIN_SEMI, "a"), 29900, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mdl_table *out = collect(query, cases[i].rel, "semi join");
        const char *found = strstr(mdl_query_explain(query), "keeps every row");
        ASSERT_IN_LOOP(mdl_table_n_rows(out) == cases[i].n_rows, "case %d: %d rows", (int)i,
                       (int)mdl_table_n_rows(out));
        ASSERT_IN_LOOP((found != NULL) == cases[i].keeps_all, "case %d: %s", (int)i,
                       mdl_query_explain(query));
        mdl_table_free(out);
    }
    mdl_query_free(query);
    mdl_table_free(table);
    mdl_table_free(keys);
    mdl_context_free(context);
}
END_TEST

/* Where only some blocks of a key are in runs, the others are read, but for those whose bounds tell
 * that no row has a match. */
START_TEST(semi_join_over_runs_and_others)
{
    mdl_context *context = new_context(_i % 2 == 0 ? 5000 : 7, 1 + _i / 2);
    mdl_table *in_runs = ascending_table(context, 30000, 100);
    mdl_table *keys = ascending_table(context, 2000, 1);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *scan = mdl_project(mdl_scan(query, in_runs), "a, d");
    mdl_rel *out_of_order = mdl_project(scan, "cast(d % 1000 + 500 as int32) as a, d");
    mdl_table *mixed = collect(query, mdl_union_all(scan, out_of_order), "mixed");
    static const struct {
        const char *which;
        int64_t n_rows;
    } cases[] = {
        {"a = 137", 100},
        {"a = 600", 30},
        {"a = 137 or a = 600", 130},
        {"a = 400", 0},
        {"a >= 1500", 0},
        {"a = 299 or a = 500 or a = 1499", 160},
        {"a < 100 or a > 1400", 12970},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mdl_rel *chosen = mdl_filter(mdl_scan(query, keys), cases[i].which);
        mdl_table *out = collect(
            query, mdl_join(mdl_scan(query, mixed), chosen, MDL_JOIN_SEMI, "a"), "semi join");
        ASSERT_IN_LOOP(mdl_table_n_rows(out) == cases[i].n_rows, "%s: %d rows", cases[i].which,
                       (int)mdl_table_n_rows(out));
        mdl_table_free(out);
    }
    mdl_query_free(query);
    mdl_table_free(in_runs);
    mdl_table_free(mixed);
    mdl_table_free(keys);
    mdl_context_free(context);
}
END_TEST

/* A join with a table that has the same keys, each once and in order, reads it row by row; one that
 * only seems to be such must not. All give the rows of the table. */
START_TEST(aligned_joins)
{
    enum {
        N = 5000
    };
    test_random random = test_random_start("aligned_joins");
    const shape s = {50, 6, true};
    row *rows = random_rows(&random, &s, N, 0);
    int32_t ids[N];
    for (int32_t i = 0; i < N; i++) {
        ids[i] = i;
    }
    const int64_t block_rows[] = {10000, 1111, 7};
    mdl_context *context = new_context(block_rows[_i % 3], 1 + _i / 3);
    mdl_table *table = new_table(context, rows, N);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *all = mdl_scan(query, table);
    mdl_rel *keys = mdl_project(all, "id");
    mdl_rel *in_parts = mdl_join(keys, mdl_project(all, "a, id, c"), MDL_JOIN_LEFT, "id");
    in_parts = mdl_join(in_parts, mdl_project(all, "b, d, e, id"), MDL_JOIN_LEFT, "id");
    struct {
        mdl_rel *rel;
        int n_aligned;
        int32_t first_row;
        int32_t n_rows;
    } cases[] = {
        {mdl_join(keys, all, MDL_JOIN_LEFT, "id"), 1, 0, N},
        {mdl_join(keys, all, MDL_JOIN_INNER, "id"), 1, 0, N},
        {in_parts, 2, 0, N},
        {mdl_filter(mdl_join(keys, all, MDL_JOIN_LEFT, "id"), "id >= 100"), 1, 100, N - 100},
        {mdl_join(mdl_project(all, "cast(id + 0 as INT32) as id"), all, MDL_JOIN_LEFT, "id"), 0, 0,
         N},
        {mdl_join(keys, mdl_sort(all, "-id"), MDL_JOIN_LEFT, "id"), 0, 0, N},
        {mdl_join(mdl_filter(keys, "id >= 100"), all, MDL_JOIN_LEFT, "id"), 0, 100, N - 100},
        {mdl_join(keys, mdl_filter(all, "id >= 100"), MDL_JOIN_INNER, "id"), 0, 100, N - 100},
        {mdl_join(mdl_project(mdl_scan_range(query, table, 100, N - 100), "id"), all, MDL_JOIN_LEFT,
                  "id"),
         0, 100, N - 100},
        {mdl_join(mdl_join(keys, mdl_filter(all, "id >= 100"), MDL_JOIN_SEMI, "id"), all,
                  MDL_JOIN_LEFT, "id"),
         0, 100, N - 100},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mdl_rel *rel = mdl_project(cases[i].rel, "a, b, c, d, e, id");
        mdl_table *out = collect(query, rel, "aligned join");
        int n_aligned = 0;
        for (const char *at = mdl_query_explain(query); (at = strstr(at, "aligned")) != NULL;
             at++) {
            n_aligned++;
        }
        ASSERT_IN_LOOP(n_aligned == cases[i].n_aligned, "case %d: %s", (int)i,
                       mdl_query_explain(query));
        expect_rows(context, out, rows, ids + cases[i].first_row, cases[i].n_rows, "aligned join");
        mdl_table_free(out);
    }
    mdl_query_free(query);
    mdl_table_free(table);
    mdl_context_free(context);
    free(rows);
}
END_TEST

/* How many blocks of a column are also in the other one. */
static int64_t n_shared_blocks(const mdl_column *a, const mdl_column *b)
{
    int64_t n = 0;
    for (int64_t i = 0; i < a->n_blocks; i++) {
        for (int64_t j = 0; j < b->n_blocks; j++) {
            n += a->blocks[i] == b->blocks[j];
        }
    }
    return n;
}

START_TEST(edits_leave_other_blocks_alone)
{
    mdl_context *context = new_context(100, 2);
    mdl_table *table = ascending_table(context, 1000, 1);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *scan = mdl_scan(query, table);
    /* Rows 250 and 999 anew, and one at the end: blocks 2 and 9. */
    mdl_rel *changes = mdl_filter(scan, "d = 250 or d = 999");
    mdl_table *out = collect(query, mdl_upsert(scan, changes, "d"), "upsert");
    ck_assert_int_eq(mdl_table_n_rows(out), 1000);
    for (int32_t c = 0; c < mdl_table_n_columns(out); c++) {
        ck_assert_int_eq(n_shared_blocks(mdl_table_column(out, c), mdl_table_column(table, c)), 8);
    }
    mdl_table_free(out);
    /* One row twice, at the border of blocks 4 and 5: one of them is encoded anew. */
    mdl_rel *twice = mdl_sort(mdl_union_all(scan, mdl_filter(scan, "d = 500")), "d");
    mdl_table *repeated = collect(query, twice, "repeat");
    mdl_rel *distinct = mdl_distinct(mdl_scan(query, repeated), "d", MDL_KEEP_FIRST);
    out = collect(query, distinct, "distinct");
    ck_assert_int_eq(mdl_table_n_rows(out), 1000);
    for (int32_t c = 0; c < mdl_table_n_columns(out); c++) {
        const mdl_column *before = mdl_table_column(repeated, c);
        ck_assert_int_eq(n_shared_blocks(mdl_table_column(out, c), before), before->n_blocks - 1);
    }
    mdl_table_free(out);
    mdl_table_free(repeated);
    mdl_query_free(query);
    mdl_table_free(table);
    mdl_context_free(context);
}
END_TEST

/* Rows that are replaced all over a block leave the columns alone in which they have the values that
 * they had. */
START_TEST(columns_without_changes_are_left_alone)
{
    mdl_context *context = new_context(100, 2);
    mdl_table *table = ascending_table(context, 1000, 1);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *scan = mdl_scan(query, table);
    mdl_rel *changes = mdl_filter(scan, "d % 3 = 0 and d <> 42");
    changes = mdl_project(changes, "a, b, c, d, d = 300 as e, cast(id + 1 as INT32) as id");
    mdl_table *out = collect(query, mdl_upsert(scan, changes, "d"), "upsert");
    static const int64_t n_shared[] = {10, 10, 10, 10, 9, 0};
    for (int32_t c = 0; c < mdl_table_n_columns(out); c++) {
        ck_assert_int_eq(n_shared_blocks(mdl_table_column(out, c), mdl_table_column(table, c)),
                         n_shared[c]);
    }
    mdl_rel *wrong = mdl_filter(mdl_scan(query, out),
                                "id <> case when d % 3 = 0 and d <> 42 then d + 1 else d end or "
                                "a <> d or e <> (d = 300)");
    mdl_table *none = collect(query, wrong, "wrong rows");
    ck_assert_int_eq(mdl_table_n_rows(none), 0);
    mdl_table_free(none);
    mdl_table_free(out);
    mdl_query_free(query);
    mdl_table_free(table);
    mdl_context_free(context);
}
END_TEST

/* Text of changes enters the dictionary of the column, which stays one. */
START_TEST(upsert_keeps_one_dictionary)
{
    mdl_context *context = new_context(100, 2);
    test_random random = test_random_start("upsert_keeps_one_dictionary");
    const shape s = {8, 0, false};
    row *rows = random_rows(&random, &s, 1001, 0);
    for (int32_t i = 0; i < 1001; i++) {
        rows[i].d = i;
        snprintf(rows[i].b, sizeof rows[i].b, "a text of value %d", (int)(i % 8));
    }
    snprintf(rows[1000].b, sizeof rows[1000].b, "a text seen nowhere");
    rows[1000].d = 437;
    mdl_table *base = new_table(context, rows, 1000);
    mdl_table *changes = new_table(context, rows + 1000, 1);
    ck_assert_ptr_nonnull(mdl_table_column(base, 1)->dictionary);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *rel = mdl_upsert(mdl_scan(query, base), mdl_scan(query, changes), "d");
    mdl_table *out = collect(query, rel, "upsert");
    ck_assert_ptr_nonnull(mdl_table_column(out, 1)->dictionary);
    char text[32];
    mdl_value value;
    ck_assert_int_eq(mdl_table_get(context, out, 437, 1, &value, text, sizeof text, NULL), MDL_OK);
    ck_assert_int_eq(value.as.text.size_bytes, (int64_t)strlen(rows[1000].b));
    ck_assert_mem_eq(value.as.text.data, rows[1000].b, strlen(rows[1000].b));
    mdl_query_free(query);
    mdl_table_free(out);
    mdl_table_free(base);
    mdl_table_free(changes);
    free(rows);
    mdl_context_free(context);
}
END_TEST

START_TEST(upsert_refuses_sides_out_of_order)
{
    mdl_context *context = new_context(64, 1 + _i);
    mdl_table *table = ascending_table(context, 5000, 1);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *scan = mdl_scan(query, table);
    mdl_rel *repeats = mdl_project(scan, "case when a = 4000 then 3999 else a end as a, d");
    mdl_rel *falls = mdl_project(scan, "case when a = 3000 then 17 else a end as a, d");
    mdl_rel *fine = mdl_project(scan, "a, d");
    const struct {
        mdl_rel *base;
        mdl_rel *changes;
        const char *side;
        const char *row;
    } cases[] = {
        {repeats, fine, "the base", "row 4000 "},
        {falls, fine, "the base", "row 3000 "},
        {fine, repeats, "changes", "row 4000 "},
        {fine, falls, "changes", "row 3000 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mdl_table *out;
        mdl_error error = MDL_ERROR_INIT;
        mdl_rel *rel = mdl_upsert(cases[i].base, cases[i].changes, "a");
        ck_assert_int_eq(mdl_query_collect(query, rel, &out, &error), MDL_E_DATA);
        ck_assert_ptr_null(out);
        ck_assert_msg(strstr(error.message, cases[i].side) != NULL &&
                          strstr(error.message, cases[i].row) != NULL,
                      "%s", error.message);
    }
    mdl_query_free(query);
    mdl_table_free(table);
    mdl_context_free(context);
}
END_TEST

/* SQLite has no NaN: it comes after every number, before NULL, and is one value. */
START_TEST(nan_and_zeros)
{
    mdl_context *context = new_context(3, 1);
    const double values[] = {NAN, -0.0, 1, -NAN, 0.0, -INFINITY, INFINITY, -1};
    row rows[9] = {{{false}, 0, "", 0, 0, 0, 0}};
    for (int32_t i = 0; i < 8; i++) {
        rows[i] = (row){.c = values[i], .id = i};
    }
    rows[8] = (row){.is_null = {false, false, true}, .id = 8};
    mdl_table *table = new_table(context, rows, 9);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *scan = mdl_scan(query, table);
    const struct {
        mdl_rel *rel;
        int32_t n;
        int32_t ids[9];
    } cases[] = {
        {mdl_sort(scan, "c"), 9, {5, 7, 1, 4, 2, 6, 0, 3, 8}},
        {mdl_sort(scan, "-c"), 9, {0, 3, 6, 2, 1, 4, 7, 5, 8}},
        {mdl_distinct(scan, "c", MDL_KEEP_LAST), 7, {2, 3, 4, 5, 6, 7, 8}},
        {mdl_arg_first(scan, "e", "-c"), 1, {0}},
        {mdl_arg_first(scan, "", "c"), 1, {5}},
        {mdl_arg_first(scan, "", ""), 1, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mdl_table *out = collect(query, cases[i].rel, "case");
        expect_rows(context, out, rows, cases[i].ids, cases[i].n, "case");
        mdl_table_free(out);
    }
    mdl_query_free(query);
    mdl_table_free(table);
    mdl_context_free(context);
}
END_TEST

/*
 * Failures.
 */

/* An allocator that refuses from one call on. */
typedef struct failing_allocator {
    atomic_long n_calls;
    long n_allowed;
} failing_allocator;

static void *failing_allocate(void *user_data, size_t size_bytes, size_t alignment_bytes)
{
    failing_allocator *allocator = user_data;
    size_t size = (size_bytes + alignment_bytes - 1) / alignment_bytes * alignment_bytes;
    return atomic_fetch_add(&allocator->n_calls, 1) < allocator->n_allowed
               ? aligned_alloc(alignment_bytes, size > 0 ? size : alignment_bytes)
               : NULL;
}

static void failing_release(void *user_data, void *memory, size_t size_bytes)
{
    (void)user_data;
    (void)size_bytes;
    free(memory);
}

/* The operator under test, on tables of rows that are not in order, and are. */
static mdl_rel *build_case(mdl_query *query, const mdl_table *mixed, const mdl_table *base,
                           const mdl_table *changes, int number)
{
    switch (number) {
    case 0:
        return mdl_sort(mdl_scan(query, mixed), "b, -c, d");
    case 1:
        return mdl_distinct(mdl_scan(query, mixed), "b, e", MDL_KEEP_LAST);
    case 2:
        return mdl_arg_first(mdl_scan(query, mixed), "e, b", "-d");
    case 3:
        return mdl_top_n(mdl_scan(query, mixed), "b, d", 5);
    case 4:
        return mdl_top_n(mdl_scan(query, mixed), "", 77);
    case 5:
        return mdl_arg_first(mdl_scan(query, base), "a", "-d");
    case 6:
        return mdl_distinct(mdl_scan(query, base), "a", MDL_KEEP_LAST);
    default:
        return mdl_upsert(mdl_scan(query, base), mdl_scan(query, changes), "a, d");
    }
}

START_TEST(no_memory_leaves_nothing)
{
    failing_allocator allocator = {.n_allowed = LONG_MAX};
    mdl_context_options options;
    mdl_context *context;
    mdl_context_options_init(&options);
    options.allocator = (mdl_allocator){failing_allocate, failing_release, &allocator};
    options.block_rows = 50;
    options.n_threads = 2;
    ck_assert_int_eq(mdl_context_create(&options, &context, NULL), MDL_OK);
    test_random random = test_random_start("no_memory_leaves_nothing");
    row *rows = random_rows(&random, &shapes[2], 300, 0);
    mdl_table *mixed = new_table(context, rows, 300);
    mdl_table *base = ascending_table(context, 300, 60);
    mdl_table *changes = ascending_table(context, 20, 7);
    /* What this run proves of the tables' blocks stays with them. */
    mdl_query *first = mdl_query_create(context);
    mdl_table_free(collect(first, build_case(first, mixed, base, changes, _i), "proofs"));
    mdl_query_free(first);
    mdl_status status = MDL_E_NO_MEMORY;
    for (long n_allowed = 0; status != MDL_OK; n_allowed++) {
        allocator.n_allowed = LONG_MAX;
        int64_t before = mdl_context_memory_in_use(context);
        mdl_query *query = mdl_query_create(context);
        mdl_rel *rel = build_case(query, mixed, base, changes, _i);
        mdl_table *out;
        mdl_error error = MDL_ERROR_INIT;
        atomic_store(&allocator.n_calls, 0);
        allocator.n_allowed = n_allowed;
        status = mdl_query_collect(query, rel, &out, &error);
        ASSERT_IN_LOOP(status == MDL_OK || (status == MDL_E_NO_MEMORY && out == NULL),
                       "%ld allocations: %s", n_allowed, error.message);
        mdl_table_free(out);
        mdl_query_free(query);
        ASSERT_IN_LOOP(mdl_context_memory_in_use(context) == before, "%ld allocations", n_allowed);
    }
    allocator.n_allowed = LONG_MAX;
    mdl_table_free(mixed);
    mdl_table_free(base);
    mdl_table_free(changes);
    free(rows);
    mdl_context_free(context);
}
END_TEST

START_TEST(cancelled_work_ends)
{
    mdl_context *context = new_context(50, 2);
    test_random random = test_random_start("cancelled_work_ends");
    row *rows = random_rows(&random, &shapes[2], 300, 0);
    mdl_table *mixed = new_table(context, rows, 300);
    mdl_table *base = ascending_table(context, 300, 60);
    mdl_table *changes = ascending_table(context, 20, 7);
    int64_t before = mdl_context_memory_in_use(context);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *rel = build_case(query, mixed, base, changes, _i);
    mdl_table *out;
    mdl_context_cancel(context);
    ck_assert_int_eq(mdl_query_collect(query, rel, &out, NULL), MDL_E_CANCELLED);
    ck_assert_ptr_null(out);
    mdl_context_clear_cancel(context);
    mdl_query_free(query);
    ck_assert_int_eq(mdl_context_memory_in_use(context), before);
    mdl_table_free(mixed);
    mdl_table_free(base);
    mdl_table_free(changes);
    free(rows);
    mdl_context_free(context);
}
END_TEST

/* How a function gives its texts. */
enum {
    AS_TEXT,
    AS_CODES,
    AS_CODES_OF_MANY,  /* more than are compared for each vector */
    AS_CHANGING_CODES, /* another dictionary for each vector */
    AS_CODES_AND_TEXT, /* in turn */
    N_LABELLINGS,
    N_LABELS = 7, /* different texts that occur */
    MANY_LABELS = 100,
};

static mdl_string labels[MANY_LABELS];

/* Label i % N_LABELS of the argument i, NULL for one in eleven. A dictionary has texts that do not
 * occur, and others twice. */
static mdl_status label_rows(void *user_data, const mdl_vector *arguments, mdl_output *output,
                             mdl_error *error)
{
    const int how = *(const int *)user_data;
    const int64_t first = output->n_rows > 0 ? mdl_vector_int64(&arguments[0], 0) : 0;
    const bool is_changing = how == AS_CHANGING_CODES || how == AS_CODES_AND_TEXT;
    const int64_t shift = is_changing ? first / 64 % 3 : 0;
    const bool has_codes = how != AS_TEXT && (how != AS_CODES_AND_TEXT || shift > 0);
    (void)error;
    for (int64_t r = 0; r < output->n_rows; r++) {
        const int64_t argument = mdl_vector_int64(&arguments[0], r);
        const int64_t label = argument % N_LABELS;
        if (argument % 11 == 0) {
            output->codes[r] = -1;
            ((mdl_string *)output->values)[r] = (mdl_string){NULL, 0};
            mdl_output_set_null(output, r);
        } else if (has_codes) {
            output->codes[r] = (int32_t)(label - shift + (argument % 2) * N_LABELS);
            output->codes[r] += output->codes[r] < 0 ? N_LABELS : 0;
        } else {
            ((mdl_string *)output->values)[r] = labels[label];
        }
    }
    if (has_codes) {
        output->dictionary = labels + shift;
        output->n_dictionary = how == AS_CODES_OF_MANY ? MANY_LABELS : 2 * N_LABELS + 3;
    }
    return MDL_OK;
}

/* What a query keeps of a function's codes does not depend on how the function gave them. */
START_TEST(labels_are_kept_alike)
{
    const int64_t block_rows[] = {64, 1000, 4096, 65536};
    mdl_context *context = new_context(block_rows[_i], 1 + _i % 2);
    mdl_table *table = ascending_table(context, 20000, 3);
    mdl_table *expected = NULL;
    char texts[MANY_LABELS][32];
    for (int i = 0; i < MANY_LABELS; i++) {
        const int number = i < 2 * N_LABELS ? i % N_LABELS : i;
        labels[i] = (mdl_string){texts[i], snprintf(texts[i], sizeof *texts, "label %d", number)};
    }
    for (int how = 0; how < N_LABELLINGS; how++) {
        mdl_query *query = mdl_query_create(context);
        const mdl_function function = {.name = "label",
                                       .n_arguments = 1,
                                       .argument_types = {MDL_TYPE_INT64},
                                       .result_type = MDL_TYPE_STRING,
                                       .evaluate = label_rows,
                                       .user_data = &how};
        mdl_query_add_function(query, &function);
        mdl_rel *rel = mdl_project(mdl_scan(query, table), "id, label(d) as label");
        mdl_table *out = collect(query, mdl_filter(rel, "id % 5 <> 1"), "");
        ck_assert_int_eq(mdl_table_n_rows(out), 16000);
        if (expected == NULL) {
            expected = out;
        } else {
            ck_assert_msg(mdli_tables_are_same(expected, out), "labelling %d", how);
            mdl_table_free(out);
        }
        mdl_query_free(query);
    }
    mdl_table_free(expected);
    mdl_table_free(table);
    mdl_context_free(context);
}
END_TEST

static Suite *rows_suite(void)
{
    Suite *suite = suite_create("operators on rows");
    TCase *sqlite = tcase_create("as in SQLite");
    tcase_set_timeout(sqlite, 120);
    tcase_add_loop_test(sqlite, sort_is_that_of_sqlite, 0, N_CONTEXTS);
    tcase_add_loop_test(sqlite, distinct_is_that_of_sqlite, 0, N_CONTEXTS);
    tcase_add_loop_test(sqlite, arg_first_is_that_of_sqlite, 0, N_CONTEXTS);
    tcase_add_loop_test(sqlite, upsert_is_that_of_sqlite, 0, N_CONTEXTS);
    tcase_add_loop_test(sqlite, many_rows_are_as_in_sqlite, 0, 6);
    suite_add_tcase(suite, sqlite);
    TCase *promises = tcase_create("promises");
    tcase_set_timeout(promises, 60);
    tcase_add_test(promises, rows_in_order_are_shared);
    tcase_add_test(promises, order_of_distinct_is_not_mistaken);
    tcase_add_test(promises, rows_of_sort_are_not_mistaken);
    tcase_add_test(promises, stretches_are_sorted);
    tcase_add_loop_test(promises, texts_are_sorted_in_stretches, 0, 8);
    tcase_add_loop_test(promises, taken_rows_are_those_chosen, 0, 4);
    tcase_add_loop_test(promises, semi_join_over_runs, 0, 4);
    tcase_add_loop_test(promises, semi_join_over_runs_and_others, 0, 4);
    tcase_add_loop_test(promises, aligned_joins, 0, 6);
    tcase_add_test(promises, edits_leave_other_blocks_alone);
    tcase_add_test(promises, columns_without_changes_are_left_alone);
    tcase_add_test(promises, upsert_keeps_one_dictionary);
    tcase_add_loop_test(promises, upsert_refuses_sides_out_of_order, 0, 3);
    tcase_add_test(promises, nan_and_zeros);
    tcase_add_loop_test(promises, labels_are_kept_alike, 0, 4);
    suite_add_tcase(suite, promises);
    TCase *failures = tcase_create("failures");
    tcase_set_timeout(failures, 60);
    tcase_add_loop_test(failures, no_memory_leaves_nothing, 0, 8);
    tcase_add_loop_test(failures, cancelled_work_ends, 0, 8);
    suite_add_tcase(suite, failures);
    return suite;
}

int main(void)
{
    return run_suite(rows_suite());
}
