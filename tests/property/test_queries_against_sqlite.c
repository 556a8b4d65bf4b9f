/*
 * Random plans of all operators over random tables, each also run by SQLite: every value of every
 * row has to be the same, and the rows in the same order.
 *
 * Each relation of a plan is a table r0, r1, … in SQLite, made from the tables below it, whose
 * rowid tells the order of rows. DECIMAL is hundredths there, BOOL 0 or 1, TIMESTAMP seconds.
 */
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>

#include "medallion/medallion.h"
#include "support/exact_oracle.h"
#include "support/random.h"
#include "support/run_suite.h"

enum {
    COLUMNS_MAX = 48,
    TEXT_MAX = 64,
    ROWS_MAX = 60000 /* of any relation: plans that make more stop there */
};

/*
 * Text that is put together.
 */

typedef struct text {
    char bytes[16384];
    size_t size;
} text;

static void add(text *to, const char *format, ...) MDL_PRINTF(2, 3);

static void add(text *to, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(to->bytes + to->size, sizeof to->bytes - to->size, format, arguments);
    va_end(arguments);
    ASSERT_IN_LOOP(n >= 0 && to->size + (size_t)n < sizeof to->bytes, "text is too long");
    to->size += (size_t)n;
}

static const char *comma(const text *list)
{
    return list->size > 0 ? ", " : "";
}

/*
 * Aggregates that SQLite lacks, or has inexact.
 */

/* The sums behind a call; SQLite's own memory is not aligned for 128 bits. */
static oracle_sums *sums_of(sqlite3_context *call, int size)
{
    oracle_sums **sums = sqlite3_aggregate_context(call, size);
    if (sums == NULL) {
        return NULL;
    }
    if (*sums == NULL) {
        *sums = calloc(1, sizeof **sums);
        ASSERT_IN_LOOP(*sums != NULL, "no memory");
    }
    return *sums;
}

static void step_sums(sqlite3_context *call, int n, sqlite3_value **values)
{
    oracle_sums *sums = sums_of(call, sizeof sums);
    (void)n;
    if (sqlite3_value_type(values[0]) != SQLITE_NULL) {
        oracle_add(sums, sqlite3_value_int64(values[0]));
    }
}

static void final_sum(sqlite3_context *call)
{
    oracle_sums *sums = sums_of(call, 0);
    int64_t sum;
    if (sums == NULL || sums->n == 0) {
        sqlite3_result_null(call);
    } else if (oracle_sum(sums, &sum)) {
        sqlite3_result_int64(call, sum);
    } else {
        sqlite3_result_error(call, "overflow", -1);
    }
    free(sums);
}

/* The scale of the values is the function's user data. */
static int64_t scale_of(sqlite3_context *call)
{
    return *(const int64_t *)sqlite3_user_data(call);
}

static void final_average(sqlite3_context *call)
{
    oracle_sums *sums = sums_of(call, 0);
    if (sums != NULL && sums->n > 0) {
        sqlite3_result_double(call, oracle_average(sums, scale_of(call)));
    }
    free(sums);
}

static void final_stddev(sqlite3_context *call)
{
    oracle_sums *sums = sums_of(call, 0);
    if (sums != NULL && sums->n > 1) {
        sqlite3_result_double(call, oracle_stddev(sums, scale_of(call)));
    }
    free(sums);
}

/* The value of the least or, when `*user_data` is −1, greatest row number. */
typedef struct placed_value {
    int64_t row;
    sqlite3_value *value;
} placed_value;

static void step_placed(sqlite3_context *call, int n, sqlite3_value **values)
{
    placed_value *best = sqlite3_aggregate_context(call, sizeof *best);
    int64_t row = sqlite3_value_int64(values[0]) * scale_of(call);
    (void)n;
    if (best->value == NULL || row < best->row) {
        sqlite3_value_free(best->value);
        *best = (placed_value){row, sqlite3_value_dup(values[1])};
    }
}

static void final_placed(sqlite3_context *call)
{
    placed_value *best = sqlite3_aggregate_context(call, 0);
    if (best != NULL) {
        sqlite3_result_value(call, best->value);
        sqlite3_value_free(best->value);
    }
}

/* Texts with their row numbers, which SQLite gives in no special order. */
typedef struct joined_text {
    int64_t row;
    char *text;
} joined_text;

typedef struct joined_texts {
    joined_text *texts;
    size_t n;
    const char *separator;
} joined_texts;

static void step_joined(sqlite3_context *call, int n, sqlite3_value **values)
{
    joined_texts *list = sqlite3_aggregate_context(call, sizeof *list);
    (void)n;
    if (sqlite3_value_type(values[1]) == SQLITE_NULL) {
        return;
    }
    if ((list->n & (list->n - 1)) == 0) {
        list->texts = realloc(list->texts, (list->n * 2 + 1) * sizeof *list->texts);
    }
    char *copy = strdup((const char *)sqlite3_value_text(values[1]));
    ASSERT_IN_LOOP(list->texts != NULL && copy != NULL, "no memory");
    list->texts[list->n++] = (joined_text){sqlite3_value_int64(values[0]), copy};
}

static int compare_joined(const void *a, const void *b)
{
    int64_t x = ((const joined_text *)a)->row;
    int64_t y = ((const joined_text *)b)->row;
    return (x > y) - (x < y);
}

static void final_joined(sqlite3_context *call)
{
    joined_texts *list = sqlite3_aggregate_context(call, 0);
    if (list == NULL || list->n == 0) {
        return;
    }
    sqlite3_str *joined = sqlite3_str_new(NULL);
    qsort(list->texts, list->n, sizeof *list->texts, compare_joined);
    for (size_t i = 0; i < list->n; i++) {
        sqlite3_str_appendf(joined, "%s%s", i > 0 ? "; " : "", list->texts[i].text);
        free(list->texts[i].text);
    }
    free(list->texts);
    int size = sqlite3_str_length(joined);
    char *bytes = sqlite3_str_finish(joined);
    sqlite3_result_text(call, bytes != NULL ? bytes : sqlite3_mprintf(""), size, sqlite3_free);
}

static sqlite3 *open_database(void)
{
    static int64_t one = 1;
    static int64_t hundred = 100;
    static int64_t backwards = -1;
    typedef void step_fn(sqlite3_context *, int, sqlite3_value **);
    const struct {
        const char *name;
        int n_arguments;
        int64_t *data;
        step_fn *step;
        void (*final)(sqlite3_context *);
    } functions[] = {
        {"exact_sum", 1, NULL, step_sums, final_sum},
        {"exact_avg", 1, &one, step_sums, final_average},
        {"exact_avg_decimal", 1, &hundred, step_sums, final_average},
        {"exact_stddev", 1, &one, step_sums, final_stddev},
        {"exact_stddev_decimal", 1, &hundred, step_sums, final_stddev},
        {"first_by", 2, &one, step_placed, final_placed},
        {"last_by", 2, &backwards, step_placed, final_placed},
        {"join_by", 2, NULL, step_joined, final_joined},
    };
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        ck_assert_int_eq(sqlite3_create_function(db, functions[i].name, functions[i].n_arguments,
                                                 SQLITE_UTF8, functions[i].data, NULL,
                                                 functions[i].step, functions[i].final),
                         SQLITE_OK);
    }
    return db;
}

/* Runs SQL; false when an aggregate overflows or a progress handler interrupts it, any other failure
 * ends the test. */
static bool run_sql(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK) {
        return true;
    }
    if (strcmp(message, "overflow") != 0 && strcmp(message, "interrupted") != 0) {
        ck_abort_msg("%s: %s", message, sql);
    }
    sqlite3_free(message);
    return false;
}

static int64_t select_integer(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *select;
    if (sqlite3_prepare_v2(db, sql, -1, &select, NULL) != SQLITE_OK) {
        ck_abort_msg("%s: %s", sqlite3_errmsg(db), sql);
    }
    ASSERT_IN_LOOP(sqlite3_step(select) == SQLITE_ROW, "%s", sql);
    int64_t value = sqlite3_column_int64(select, 0);
    sqlite3_finalize(select);
    return value;
}

/*
 * Random tables.
 */

/* How a column of a base table is filled. */
typedef enum fill {
    FILL_ROW_NUMBER = 0, /* ascending, some values several times, no NULL */
    FILL_SMALL,
    FILL_WIDE, /* too wide for dense arrays */
    FILL_ANY,  /* whole range of the type */
    FILL_FEW_TEXTS,
    FILL_MANY_TEXTS,
    FILL_PIECES
} fill;

/* A set of fills. */
#define FILLS(a, b) (1U << (a) | 1U << (b))

static const struct {
    mdl_type type;
    fill fill;
} base_columns[] = {
    {MDL_TYPE_INT32, FILL_ROW_NUMBER},
    {MDL_TYPE_INT32, FILL_SMALL},
    {MDL_TYPE_INT64, FILL_SMALL},
    {MDL_TYPE_INT64, FILL_WIDE},
    {MDL_TYPE_INT64, FILL_ANY},
    {MDL_TYPE_DECIMAL, FILL_SMALL},
    {MDL_TYPE_BOOL, FILL_SMALL},
    {MDL_TYPE_TIMESTAMP, FILL_WIDE},
    {MDL_TYPE_TIMESTAMP, FILL_ROW_NUMBER},
    {MDL_TYPE_FLOAT64, FILL_SMALL},
    {MDL_TYPE_STRING, FILL_FEW_TEXTS},
    {MDL_TYPE_STRING, FILL_MANY_TEXTS},
    {MDL_TYPE_STRING, FILL_PIECES},
    {MDL_TYPE_INT32, FILL_ANY},
};

enum {
    BASE_COLUMNS = sizeof base_columns / sizeof *base_columns,
    BASE_TABLES = 4,
    VECTOR_ROWS = 640 /* of what is appended at once */
};

/* A column of a base table in the making. */
typedef struct base_values {
    union {
        int32_t small[VECTOR_ROWS];
        int64_t wide[VECTOR_ROWS];
        double real[VECTOR_ROWS];
        uint8_t flag[VECTOR_ROWS];
        mdl_string string[VECTOR_ROWS];
    } as;
    uint64_t validity[VECTOR_ROWS / 64];
    char texts[VECTOR_ROWS][TEXT_MAX];
} base_values;

/* How the values of one base table are drawn. */
typedef struct table_shape {
    int32_t n_rows;
    int32_t n_values; /* of small columns, about */
    int32_t null_in;  /* one value in so many is NULL; 0 = none */
} table_shape;

static int64_t random_integer(test_random *random, const table_shape *shape, fill how,
                              int64_t *ascending)
{
    uint64_t n = (uint64_t)shape->n_values;
    switch (how) {
    case FILL_ROW_NUMBER:
        return *ascending += (int64_t)(test_random_below(random, 4) == 0);
    case FILL_WIDE:
        return (int64_t)(test_random_below(random, n) * UINT64_C(1000003));
    case FILL_ANY:
        return (int64_t)(test_random_any_size(random) *
                         (test_random_below(random, 2) == 0 ? 1 : UINT64_MAX));
    default:
        return (int64_t)test_random_below(random, n) - 3;
    }
}

static void random_text(test_random *random, const table_shape *shape, fill how, char *out)
{
    static const char *const names[] = {"", "Drama", "Sci-Fi", "\xc3\x89tude", "it's", "a,\"b\""};
    if (how == FILL_FEW_TEXTS) {
        snprintf(out, TEXT_MAX, "%s", names[test_random_below(random, 6)]);
    } else if (how == FILL_MANY_TEXTS) {
        snprintf(out, TEXT_MAX, "text number %" PRIu64 " of many",
                 test_random_below(random, (uint64_t)shape->n_values * 40));
    } else {
        static const char *const pieces[] = {"a", "b", " a", "Drama", "", "|", "a\t"};
        *out = '\0';
        for (uint64_t n = test_random_below(random, 6); n > 0; n--) {
            strcat(out, pieces[test_random_below(random, 7)]);
            strcat(out, n > 1 ? "|" : "");
        }
    }
}

static void random_value(test_random *random, const table_shape *shape, int column,
                         base_values *values, int i, int64_t *ascending)
{
    mdl_type type = base_columns[column].type;
    fill how = base_columns[column].fill;
    bool is_null = how != FILL_ROW_NUMBER && shape->null_in > 0 &&
                   test_random_below(random, (uint64_t)shape->null_in) == 0;
    uint64_t bit = UINT64_C(1) << (i & 63);
    values->validity[i / 64] =
        is_null ? values->validity[i / 64] & ~bit : values->validity[i / 64] | bit;
    if (type == MDL_TYPE_STRING) {
        random_text(random, shape, how, values->texts[i]);
        values->as.string[i] = (mdl_string){values->texts[i], (int64_t)strlen(values->texts[i])};
        return;
    }
    int64_t integer = random_integer(random, shape, how, ascending);
    if (type == MDL_TYPE_INT32 || type == MDL_TYPE_DECIMAL) {
        values->as.small[i] = (int32_t)integer;
    } else if (type == MDL_TYPE_FLOAT64) {
        values->as.real[i] = (double)integer / 4;
    } else if (type == MDL_TYPE_BOOL) {
        values->as.flag[i] = integer & 1;
    } else {
        values->as.wide[i] = integer;
    }
}

static void bind_value(sqlite3_stmt *insert, int column, const base_values *values, int i)
{
    int at = column + 1;
    if (((values->validity[i / 64] >> (i & 63)) & 1) == 0) {
        sqlite3_bind_null(insert, at);
        return;
    }
    switch (base_columns[column].type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        sqlite3_bind_int(insert, at, values->as.small[i]);
        break;
    case MDL_TYPE_FLOAT64:
        sqlite3_bind_double(insert, at, values->as.real[i]);
        break;
    case MDL_TYPE_BOOL:
        sqlite3_bind_int(insert, at, values->as.flag[i]);
        break;
    case MDL_TYPE_STRING:
        sqlite3_bind_text(insert, at, values->texts[i], -1, SQLITE_STATIC);
        break;
    default:
        sqlite3_bind_int64(insert, at, values->as.wide[i]);
        break;
    }
}

/* The columns of base table `number` are called a<number>, b<number>, …. */
static const char *base_name(int number, int column)
{
    static char names[BASE_TABLES][BASE_COLUMNS][16];
    snprintf(names[number][column], sizeof names[number][column], "%c%d", 'a' + column, number);
    return names[number][column];
}

/* Makes base table `number` in the library and as table base<number> in SQLite. */
static mdl_table *make_base(mdl_context *context, sqlite3 *db, int number, const table_shape *shape,
                            test_random *random)
{
    static base_values values[BASE_COLUMNS];
    mdl_field fields[BASE_COLUMNS];
    mdl_vector columns[BASE_COLUMNS];
    int64_t ascending[BASE_COLUMNS] = {0};
    mdl_table_builder *builder;
    mdl_table *table;
    sqlite3_stmt *insert;
    text names = {.size = 0};
    text marks = {.size = 0};
    text sql = {.size = 0};
    for (int c = 0; c < BASE_COLUMNS; c++) {
        fields[c] = (mdl_field){base_name(number, c), base_columns[c].type};
        add(&names, "%s%s", comma(&names), fields[c].name);
        add(&marks, "%s?", comma(&marks));
        columns[c] = (mdl_vector){
            .type = fields[c].type,
            .values = &values[c].as,
            .validity = base_columns[c].fill == FILL_ROW_NUMBER ? NULL : values[c].validity,
        };
    }
    add(&sql, "create table base%d (%s)", number, names.bytes);
    run_sql(db, sql.bytes);
    sql.size = 0;
    add(&sql, "insert into base%d values (%s)", number, marks.bytes);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql.bytes, -1, &insert, NULL), SQLITE_OK);
    ck_assert_int_eq(mdl_table_builder_create(context, fields, BASE_COLUMNS, &builder, NULL),
                     MDL_OK);
    for (int32_t row = 0; row < shape->n_rows;) {
        int n = 1 + (int)test_random_below(random, VECTOR_ROWS);
        n = shape->n_rows - row < n ? (int)(shape->n_rows - row) : n;
        for (int i = 0; i < n; i++) {
            for (int c = 0; c < BASE_COLUMNS; c++) {
                random_value(random, shape, c, &values[c], i, &ascending[c]);
                bind_value(insert, c, &values[c], i);
            }
            ASSERT_IN_LOOP(sqlite3_step(insert) == SQLITE_DONE, "%s", sqlite3_errmsg(db));
            sqlite3_reset(insert);
        }
        for (int c = 0; c < BASE_COLUMNS; c++) {
            columns[c].n_rows = n;
        }
        ASSERT_IN_LOOP(mdl_table_builder_append(builder, columns, n, NULL) == MDL_OK, "append");
        row += n;
    }
    sqlite3_finalize(insert);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    return table;
}

/*
 * Plans.
 */

typedef struct column {
    char name[16];
    mdl_type type;
    fill fill; /* of the base column that it is; FILL_ANY = computed */
} column;

/* A relation in both worlds. */
typedef struct relation {
    mdl_rel *rel;
    int number; /* SQLite's table is r<number> */
    int64_t n_rows;
    column columns[COLUMNS_MAX];
    int n_columns;
    int n_left; /* columns from the left side of a join that was the last operator; else 0 */
} relation;

typedef struct world {
    test_random *random;
    mdl_context *context;
    sqlite3 *db;
    mdl_query *query;
    mdl_table *tables[BASE_TABLES];
    bool is_scanned[BASE_TABLES];
    int n_relations;
    int n_names;
    /* SQLite has no table of the last relation: an aggregate overflows, so that the library has to
     * fail too, or its work was given up. */
    bool has_stopped;
    bool is_given_up;
} world;

static uint64_t below(world *w, uint64_t n)
{
    return test_random_below(w->random, n);
}

static bool one_in(world *w, uint64_t n)
{
    return below(w, n) == 0;
}

static void fresh_name(world *w, column *c)
{
    snprintf(c->name, sizeof c->name, "x%d", w->n_names++);
}

static void add_column_names(text *to, const relation *r, const char *prefix)
{
    for (int i = 0; i < r->n_columns; i++) {
        add(to, "%s%s%s", comma(to), prefix, r->columns[i].name);
    }
}

/* Some joins have no column that SQLite would look rows up by: it compares all pairs, for minutes.
 * It is interrupted after so many of its steps, which are the same on every machine. */
enum {
    STRETCH_STEPS = 1000000,
    STRETCHES_MAX = 400
};

static int count_stretch(void *data)
{
    int *n_stretches = data;
    return ++*n_stretches > STRETCHES_MAX;
}

/* Makes SQLite's table of a relation from a select. */
static void create_relation(world *w, relation *r, const char *select)
{
    text sql = {.size = 0};
    int n_stretches = 0;
    r->number = w->n_relations++;
    if (w->has_stopped) {
        return;
    }
    add(&sql, "create table r%d as %s", r->number, select);
    sqlite3_progress_handler(w->db, STRETCH_STEPS, count_stretch, &n_stretches);
    w->has_stopped = !run_sql(w->db, sql.bytes);
    sqlite3_progress_handler(w->db, 0, NULL, NULL);
    w->is_given_up = n_stretches > STRETCHES_MAX;
    if (w->has_stopped) {
        return;
    }
    sql.size = 0;
    add(&sql, "select count(*) from r%d", r->number);
    r->n_rows = select_integer(w->db, sql.bytes);
}

static int random_column(world *w, const relation *r)
{
    return (int)below(w, (uint64_t)r->n_columns);
}

/* A column of [first, end) that is filled in one of the ways `fills`; any if there is none. */
static int column_of_fill(world *w, const relation *r, int first, int end, unsigned fills)
{
    int n = end - first;
    int start = (int)below(w, (uint64_t)n);
    for (int i = 0; i < n; i++) {
        int c = first + (start + i) % n;
        if ((fills >> r->columns[c].fill & 1U) != 0) {
            return c;
        }
    }
    return first + start;
}

/* Some columns, each once; at least `at_least`. */
static int random_columns(world *w, const relation *r, int at_least, int at_most, int *out)
{
    int n = at_least + (int)below(w, (uint64_t)(at_most - at_least) + 1);
    n = n < r->n_columns ? n : r->n_columns;
    for (int i = 0; i < n; i++) {
        bool is_used = true;
        while (is_used) {
            out[i] = random_column(w, r);
            is_used = false;
            for (int j = 0; j < i; j++) {
                is_used |= out[j] == out[i];
            }
        }
    }
    return n;
}

/* A base table, or a part of it, with names that no other relation of the plan has. */
static relation scan(world *w)
{
    relation r = {.n_columns = BASE_COLUMNS};
    text names = {.size = 0};
    text sql = {.size = 0};
    text project = {.size = 0};
    int number = (int)below(w, BASE_TABLES);
    mdl_table *table = w->tables[number];
    bool renames = w->is_scanned[number] || one_in(w, 2);
    w->is_scanned[number] = true;
    for (int c = 0; c < BASE_COLUMNS; c++) {
        r.columns[c].type = base_columns[c].type;
        r.columns[c].fill = base_columns[c].fill;
        snprintf(r.columns[c].name, sizeof r.columns[c].name, "%s", base_name(number, c));
        if (renames) {
            fresh_name(w, &r.columns[c]);
        }
        add(&names, "%s%s as %s", comma(&names), base_name(number, c), r.columns[c].name);
        add(&project, "%s%s as %s", comma(&project), base_name(number, c), r.columns[c].name);
    }
    int64_t n_rows = mdl_table_n_rows(table);
    int64_t first = one_in(w, 3) ? (int64_t)below(w, (uint64_t)n_rows + 2) : 0;
    int64_t n = first > 0 ? (int64_t)below(w, (uint64_t)n_rows + 2) : n_rows;
    r.rel = first > 0 ? mdl_scan_range(w->query, table, first, n) : mdl_scan(w->query, table);
    if (renames) {
        r.rel = mdl_project(r.rel, project.bytes);
    }
    add(&sql, "select %s from base%d order by rowid limit %" PRId64 " offset %" PRId64, names.bytes,
        number, n, first);
    create_relation(w, &r, sql.bytes);
    return r;
}

/* A literal for comparing with a column, as the library and SQLite write it. */
static void random_literal(world *w, mdl_type type, char *ours, char *theirs)
{
    int64_t n = (int64_t)below(w, 12) - 3;
    snprintf(ours, TEXT_MAX, "%" PRId64, n);
    snprintf(theirs, TEXT_MAX, "%" PRId64, n);
    switch (type) {
    case MDL_TYPE_DECIMAL:
        snprintf(ours, TEXT_MAX, "0.0%" PRId64, n < 0 ? -n : n % 10);
        snprintf(theirs, TEXT_MAX, "%" PRId64, n < 0 ? -n : n % 10);
        break;
    case MDL_TYPE_BOOL:
        snprintf(ours, TEXT_MAX, "%s", n > 0 ? "true" : "false");
        snprintf(theirs, TEXT_MAX, "%d", n > 0);
        break;
    case MDL_TYPE_TIMESTAMP:
        snprintf(ours, TEXT_MAX, "timestamp '1970-01-%02d 00:00:00'", (int)(n + 4));
        snprintf(theirs, TEXT_MAX, "%" PRId64, (n + 3) * 86400);
        break;
    case MDL_TYPE_FLOAT64:
        snprintf(ours, TEXT_MAX, "%.2f", (double)n / 4);
        snprintf(theirs, TEXT_MAX, "%.2f", (double)n / 4);
        break;
    case MDL_TYPE_STRING:
        snprintf(ours, TEXT_MAX, "%s", n < 0 ? "''" : n < 3 ? "'Drama'" : "'it''s'");
        strcpy(theirs, ours);
        break;
    default:
        break;
    }
}

static void random_comparison(world *w, const relation *r, text *ours, text *theirs)
{
    static const char *const operators[] = {"=", "!=", "<", "<=", ">", ">="};
    const column *c = &r->columns[random_column(w, r)];
    const char *operator= operators[below(w, 6)];
    char literal[TEXT_MAX];
    char sql_literal[TEXT_MAX];
    random_literal(w, c->type, literal, sql_literal);
    if (one_in(w, 5)) {
        const char *is = one_in(w, 2) ? "is null" : "is not null";
        add(ours, "%s %s", c->name, is);
        add(theirs, "%s %s", c->name, is);
    } else {
        add(ours, "%s %s %s", c->name, operator, literal);
        add(theirs, "%s %s %s", c->name, operator, sql_literal);
    }
}

static void random_predicate(world *w, const relation *r, text *ours, text *theirs)
{
    const char *word = one_in(w, 2) ? "and" : "or";
    const char *not = one_in(w, 4) ? "not " : "";
    add(ours, "%s(", not );
    add(theirs, "%s(", not );
    random_comparison(w, r, ours, theirs);
    for (uint64_t n = below(w, 3); n > 0; n--) {
        add(ours, " %s ", word);
        add(theirs, " %s ", word);
        random_comparison(w, r, ours, theirs);
    }
    add(ours, ")");
    add(theirs, ")");
}

static relation filter(world *w, const relation *in)
{
    relation r = *in;
    text predicate = {.size = 0};
    text condition = {.size = 0};
    text sql = {.size = 0};
    if (one_in(w, 6)) {
        add(&predicate, "true");
        add(&condition, "true");
    } else {
        random_predicate(w, in, &predicate, &condition);
    }
    r.rel = mdl_filter(in->rel, predicate.bytes);
    add(&sql, "select * from r%d where %s order by rowid", in->number, condition.bytes);
    create_relation(w, &r, sql.bytes);
    return r;
}

/* An expression over one column; the type of the result. */
static mdl_type random_expression(world *w, const column *c, text *ours, text *theirs)
{
    const char *x = c->name;
    bool is_integer = c->type == MDL_TYPE_INT32 || c->type == MDL_TYPE_INT64;
    switch (below(w, 4)) {
    case 0:
        add(ours, "%s is null", x);
        add(theirs, "%s is null", x);
        return MDL_TYPE_BOOL;
    case 1:
        if (is_integer) {
            add(ours, "%s %% 7", x);
            add(theirs, "%s %% 7", x);
            return MDL_TYPE_INT64;
        }
        if (c->type == MDL_TYPE_STRING) {
            add(ours, "%s || '-z'", x);
            add(theirs, "%s || '-z'", x);
            return MDL_TYPE_STRING;
        }
        break;
    case 2:
        if (c->type == MDL_TYPE_STRING) {
            add(ours, "length(%s)", x);
            add(theirs, "length(%s)", x);
            return MDL_TYPE_INT64;
        }
        if (c->type == MDL_TYPE_TIMESTAMP) {
            add(ours, "cast(%s as INT64)", x);
            add(theirs, "%s", x);
            return MDL_TYPE_INT64;
        }
        break;
    default:
        break;
    }
    char literal[TEXT_MAX];
    char sql_literal[TEXT_MAX];
    random_literal(w, c->type, literal, sql_literal);
    if (c->type == MDL_TYPE_FLOAT64 || c->type == MDL_TYPE_DECIMAL || is_integer) {
        add(ours, "case when %s > %s then %s end", x, literal, x);
        add(theirs, "case when %s > %s then %s end", x, sql_literal, x);
        return c->type;
    }
    add(ours, "coalesce(%s, %s)", x, literal);
    add(theirs, "coalesce(%s, %s)", x, sql_literal);
    return c->type;
}

/* The type that the library gives an item is asked of the library: integers come in two sizes. */
static void read_types(relation *r)
{
    mdl_field fields[COLUMNS_MAX];
    int n = mdl_rel_fields(r->rel, fields, COLUMNS_MAX);
    for (int i = 0; i < n && i < r->n_columns; i++) {
        r->columns[i].type = fields[i].type;
    }
}

static relation project(world *w, const relation *in)
{
    relation r = {.n_columns = 0};
    text ours = {.size = 0};
    text theirs = {.size = 0};
    text sql = {.size = 0};
    int chosen[COLUMNS_MAX];
    int n = random_columns(w, in, 1, in->n_columns, chosen);
    for (int i = 0; i < n; i++) {
        const column *c = &in->columns[chosen[i]];
        column *out = &r.columns[r.n_columns++];
        add(&ours, "%s", comma(&ours));
        add(&theirs, "%s", comma(&theirs));
        *out = *c;
        if (one_in(w, 3)) {
            out->type = random_expression(w, c, &ours, &theirs);
            out->fill = FILL_ANY;
            fresh_name(w, out);
            add(&ours, " as %s", out->name);
        } else {
            add(&ours, "%s", c->name);
            add(&theirs, "%s", c->name);
        }
        add(&theirs, " as %s", out->name);
    }
    r.rel = mdl_project(in->rel, ours.bytes);
    read_types(&r);
    add(&sql, "select %s from r%d order by rowid", theirs.bytes, in->number);
    create_relation(w, &r, sql.bytes);
    return r;
}

/* A random column of a type, or −1. */
static int column_of_type(world *w, const relation *r, mdl_type type)
{
    int start = random_column(w, r);
    for (int i = 0; i < r->n_columns; i++) {
        int c = (start + i) % r->n_columns;
        if (r->columns[c].type == type) {
            return c;
        }
    }
    return -1;
}

/* What SQLite has to do to split column `c`; the pieces are numbered `n` within row `rid`. */
static void add_split(text *sql, const relation *in, const char *c,
                      const mdl_explode_options *options)
{
    add(sql,
        "with recursive split(rid, n, piece, rest) as (select rowid, 0, null, %s || '|' from r%d "
        "where %s is not null union all select rid, n + 1, substr(rest, 1, instr(rest, '|') - 1), "
        "substr(rest, instr(rest, '|') + 1) from split where rest <> ''), ",
        c, in->number, c);
    add(sql, "trimmed as (select rid, n, %s as piece from split where n > 0), ",
        options->trim ? "trim(piece, ' ' || char(9))" : "piece");
    add(sql, "kept as (select rid, %s as n, piece from trimmed %s %s), ",
        options->keep_repeats ? "n" : "min(n)", options->keep_empty ? "" : "where piece <> ''",
        options->keep_repeats ? "" : "group by rid, piece");
    if (options->if_none != NULL) {
        add(sql,
            "pieces as (select * from kept union all select rowid, 0, '%s' from r%d where rowid "
            "not in (select rid from kept)) ",
            options->if_none, in->number);
    } else {
        add(sql, "pieces as (select * from kept) ");
    }
}

static relation explode(world *w, const relation *in)
{
    relation r = *in;
    mdl_explode_options options;
    text sql = {.size = 0};
    text list = {.size = 0};
    column count = {.type = MDL_TYPE_INT32, .fill = FILL_ANY};
    int c = column_of_type(w, in, MDL_TYPE_STRING);
    if (c < 0 || in->n_columns + 1 > COLUMNS_MAX) {
        return *in;
    }
    fresh_name(w, &r.columns[c]);
    r.columns[c].fill = FILL_ANY;
    mdl_explode_options_init(&options);
    options.column = in->columns[c].name;
    options.piece_name = r.columns[c].name;
    options.trim = one_in(w, 2);
    options.keep_empty = one_in(w, 2);
    options.keep_repeats = one_in(w, 2);
    options.if_none = one_in(w, 2) ? "(none)" : NULL;
    if (one_in(w, 2)) {
        fresh_name(w, &count);
        options.count_name = count.name;
        r.columns[r.n_columns++] = count;
    }
    add_split(&sql, in, in->columns[c].name, &options);
    for (int i = 0; i < in->n_columns; i++) {
        if (i == c) {
            add(&list, "%sp.piece as %s", comma(&list), r.columns[c].name);
        } else {
            add(&list, "%st.%s", comma(&list), in->columns[i].name);
        }
    }
    if (options.count_name != NULL) {
        add(&list, ", count(*) over (partition by p.rid) as %s", count.name);
    }
    add(&sql, "select %s from r%d t join pieces p on p.rid = t.rowid order by p.rid, p.n",
        list.bytes, in->number);
    r.rel = mdl_explode(in->rel, &options);
    create_relation(w, &r, sql.bytes);
    return r;
}

static bool can_match(mdl_type a, mdl_type b)
{
    bool a_is_integer = a == MDL_TYPE_INT32 || a == MDL_TYPE_INT64;
    bool b_is_integer = b == MDL_TYPE_INT32 || b == MDL_TYPE_INT64;
    return a == b || (a_is_integer && b_is_integer);
}

/* Pairs of columns to join on. */
static int random_join_keys(world *w, const relation *left, const relation *right, int *left_keys,
                            int *right_keys)
{
    int n_wanted = 1 + (int)below(w, 2);
    int n = 0;
    if (one_in(w, 2)) {
        /* Numbers of few values: many matches. */
        left_keys[0] = column_of_fill(w, left, 0, left->n_columns, FILLS(FILL_SMALL, FILL_SMALL));
        right_keys[0] =
            column_of_fill(w, right, 0, right->n_columns, FILLS(FILL_SMALL, FILL_ROW_NUMBER));
        n_wanted = 1;
        n = can_match(left->columns[left_keys[0]].type, right->columns[right_keys[0]].type);
    }
    for (int tries = 0; tries < 200 && n < n_wanted; tries++) {
        int a = random_column(w, left);
        int b = random_column(w, right);
        bool is_used = n > 0 && (left_keys[0] == a || right_keys[0] == b);
        if (!is_used && can_match(left->columns[a].type, right->columns[b].type)) {
            left_keys[n] = a;
            right_keys[n++] = b;
        }
    }
    return n;
}

/* Whether two relations have a column of one name. */
static bool share_names(const relation *a, const relation *b)
{
    for (int i = 0; i < a->n_columns; i++) {
        for (int j = 0; j < b->n_columns; j++) {
            if (strcmp(a->columns[i].name, b->columns[j].name) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* The right's columns without its keys, into the result and the list of what SQLite selects. */
static void add_right_columns(relation *r, const relation *right, const int *keys, int n_keys,
                              text *list)
{
    for (int c = 0; c < right->n_columns; c++) {
        bool is_key = keys[0] == c || (n_keys > 1 && keys[1] == c);
        if (!is_key) {
            add(list, ", t.%s", right->columns[c].name);
            r->columns[r->n_columns++] = right->columns[c];
        }
    }
}

static relation join(world *w, const relation *left, const relation *right)
{
    static const char *const forms[] = {
        "",
        "select %s from r%d s join r%d t on %s order by s.rowid, t.rowid",
        "select %s from r%d s left join r%d t on %s order by s.rowid, t.rowid",
        "select %s from r%d s where exists (select 1 from r%d t where %s) order by s.rowid",
        "select %s from r%d s where not exists (select 1 from r%d t where %s) order by s.rowid",
    };
    relation r = *left;
    int left_keys[2];
    int right_keys[2];
    text on = {.size = 0};
    text condition = {.size = 0};
    text list = {.size = 0};
    text sql = {.size = 0};
    int n_keys = random_join_keys(w, left, right, left_keys, right_keys);
    mdl_join_kind kind = one_in(w, 2) ? MDL_JOIN_INNER : (mdl_join_kind)(2 + below(w, 3));
    if (n_keys == 0 || left->n_columns + right->n_columns > COLUMNS_MAX ||
        share_names(left, right)) {
        return *left;
    }
    for (int k = 0; k < n_keys; k++) {
        const char *a = left->columns[left_keys[k]].name;
        const char *b = right->columns[right_keys[k]].name;
        add(&on, "%s%s = %s", comma(&on), a, b);
        add(&condition, "%ss.%s = t.%s", k > 0 ? " and " : "", a, b);
    }
    add(&sql, "select count(*) from r%d s join r%d t on %s", left->number, right->number,
        condition.bytes);
    if (select_integer(w->db, sql.bytes) > ROWS_MAX) {
        return *left;
    }
    add_column_names(&list, left, "s.");
    if (kind == MDL_JOIN_INNER || kind == MDL_JOIN_LEFT) {
        add_right_columns(&r, right, right_keys, n_keys, &list);
        r.n_left = left->n_columns;
    }
    r.rel = mdl_join(left->rel, right->rel, kind, on.bytes);
    sqlite3_str *select = sqlite3_str_new(NULL);
    sqlite3_str_appendf(select, forms[kind], list.bytes, left->number, right->number,
                        condition.bytes);
    char *bytes = sqlite3_str_finish(select);
    create_relation(w, &r, bytes);
    sqlite3_free(bytes);
    return r;
}

/* Adds an aggregate that the column's type allows to both lists. */
static void add_aggregate(world *w, const relation *in, relation *r, text *ours, text *theirs,
                          int n_arguments)
{
    column *out = &r->columns[r->n_columns];
    const column *c = &in->columns[below(w, (uint64_t)n_arguments)];
    const char *x = c->name;
    bool is_decimal = c->type == MDL_TYPE_DECIMAL;
    bool is_exact = is_decimal || c->type == MDL_TYPE_INT32 || c->type == MDL_TYPE_INT64;
    char comparison[TEXT_MAX * 2];
    char sql_comparison[TEXT_MAX * 2];
    char literal[TEXT_MAX];
    char sql_literal[TEXT_MAX];
    random_literal(w, c->type, literal, sql_literal);
    snprintf(comparison, sizeof comparison, "%s >= %s", x, literal);
    snprintf(sql_comparison, sizeof sql_comparison, "%s >= %s", x, sql_literal);
    const char *scale = is_decimal ? "_decimal" : "";
    fresh_name(w, out);
    out->fill = FILL_ANY;
    r->n_columns++;
    add(ours, "%s", comma(ours));
    add(theirs, "%s", comma(theirs));
    switch (below(w, is_exact ? 12 : 9)) {
    case 0:
        add(ours, "count(*)");
        add(theirs, "count(*)");
        break;
    case 1:
        add(ours, "count(%s)", x);
        add(theirs, "count(%s)", x);
        break;
    case 2:
    case 3:
        add(ours, "count(distinct %s)", x);
        add(theirs, "count(distinct %s)", x);
        break;
    case 4:
        add(ours, "count_if(%s)", comparison);
        add(theirs, "count(case when %s then 1 end)", sql_comparison);
        break;
    case 5:
        add(ours, "min(%s)", x);
        add(theirs, "min(%s)", x);
        break;
    case 6:
        add(ours, "max(%s)", x);
        add(theirs, "max(%s)", x);
        break;
    case 7:
        add(ours, "first(%s)", x);
        add(theirs, "first_by(rowid, %s)", x);
        break;
    case 8:
        if (c->type == MDL_TYPE_STRING) {
            add(ours, "string_agg(%s, '; ')", x);
            add(theirs, "join_by(rowid, %s)", x);
        } else {
            add(ours, "last(%s)", x);
            add(theirs, "last_by(rowid, %s)", x);
        }
        break;
    case 9:
        add(ours, "sum(%s)", x);
        add(theirs, "exact_sum(%s)", x);
        break;
    case 10:
        add(ours, "avg(%s)", x);
        add(theirs, "exact_avg%s(%s)", scale, x);
        break;
    default:
        add(ours, "stddev(%s)", x);
        add(theirs, "exact_stddev%s(%s)", scale, x);
        break;
    }
    add(ours, " as %s", out->name);
    add(theirs, " as %s", out->name);
}

/* Keys of the right side of a join, behind a sorted column of the left when `is_sorted`. */
static int keys_of_right(world *w, const relation *in, bool is_sorted, int *keys)
{
    int n = 0;
    unsigned fills = one_in(w, 4) ? ~0U : FILLS(FILL_SMALL, FILL_FEW_TEXTS);
    if (is_sorted) {
        keys[n++] = column_of_fill(w, in, 0, in->n_left, FILLS(FILL_ROW_NUMBER, FILL_ROW_NUMBER));
    }
    keys[n++] = column_of_fill(w, in, in->n_left, in->n_columns, fills);
    return n;
}

/* Counts and the sum and average of one column, as can be done in lanes. */
static void add_lane_aggregates(world *w, const relation *in, relation *r, text *ours, text *theirs)
{
    const column *c =
        &in->columns[column_of_fill(w, in, 0, in->n_left, FILLS(FILL_SMALL, FILL_ROW_NUMBER))];
    static const char *const forms[][2] = {{"count(*)", "count(*)"},
                                           {"count(%s)", "count(%s)"},
                                           {"sum(%s)", "exact_sum(%s)"},
                                           {"avg(%s)", "exact_avg(%s)"}};
    bool is_integer = c->type == MDL_TYPE_INT32 || c->type == MDL_TYPE_INT64;
    for (int i = 0; i < (is_integer ? 4 : 2); i++) {
        column *out = &r->columns[r->n_columns++];
        char *form = sqlite3_mprintf(forms[i][0], c->name);
        char *sql_form = sqlite3_mprintf(forms[i][1], c->name);
        fresh_name(w, out);
        out->fill = FILL_ANY;
        add(ours, "%s%s as %s", comma(ours), form, out->name);
        add(theirs, "%s%s as %s", comma(theirs), sql_form, out->name);
        sqlite3_free(form);
        sqlite3_free(sql_form);
    }
}

static relation aggregate(world *w, const relation *in)
{
    relation r = {.n_columns = 0};
    int keys[3];
    text group_by = {.size = 0};
    text ours = {.size = 0};
    text theirs = {.size = 0};
    text order = {.size = 0};
    text sql = {.size = 0};
    bool is_before_join = in->n_left > 0 && in->n_columns > in->n_left && !one_in(w, 4);
    bool has_lanes = is_before_join && one_in(w, 2);
    int n_keys =
        is_before_join ? keys_of_right(w, in, has_lanes, keys) : random_columns(w, in, 0, 3, keys);
    for (int k = 0; k < n_keys; k++) {
        const column *c = &in->columns[keys[k]];
        add(&group_by, "%s%s", comma(&group_by), c->name);
        add(&order, "%s%s nulls last", comma(&order), c->name);
        r.columns[r.n_columns++] = *c;
    }
    if (has_lanes && !one_in(w, 4)) {
        add_lane_aggregates(w, in, &r, &ours, &theirs);
    }
    for (uint64_t n = r.n_columns > n_keys ? 0 : 1 + below(w, 5); n > 0; n--) {
        add_aggregate(w, in, &r, &ours, &theirs, is_before_join ? in->n_left : in->n_columns);
    }
    r.rel = mdl_aggregate(in->rel, group_by.bytes, ours.bytes);
    read_types(&r);
    const char *separator = n_keys > 0 ? ", " : "";
    add(&sql, "select %s%s%s from r%d", group_by.bytes, separator, theirs.bytes, in->number);
    if (n_keys > 0) {
        add(&sql, " group by %s order by %s", group_by.bytes, order.bytes);
    }
    create_relation(w, &r, sql.bytes);
    return r;
}

/* Lists of keys with directions, as the library and as SQLite write them. */
static void random_order(world *w, const relation *in, int at_least, text *ours, text *theirs)
{
    int keys[3];
    int n = random_columns(w, in, at_least, 3, keys);
    for (int k = 0; k < n; k++) {
        bool is_descending = one_in(w, 2);
        const char *name = in->columns[keys[k]].name;
        add(ours, "%s%s%s", comma(ours), is_descending ? "-" : "", name);
        add(theirs, "%s%s nulls last, ", name, is_descending ? " desc" : "");
    }
}

static relation sort(world *w, const relation *in)
{
    relation r = *in;
    text ours = {.size = 0};
    text theirs = {.size = 0};
    text sql = {.size = 0};
    r.n_left = 0;
    if (one_in(w, 2)) {
        int64_t n = (int64_t)below(w, (uint64_t)in->n_rows + 3);
        n = one_in(w, 2) ? n / 16 : n;
        random_order(w, in, 0, &ours, &theirs);
        r.rel = mdl_top_n(in->rel, ours.bytes, n);
        add(&sql, "select * from r%d order by %s rowid limit %" PRId64, in->number, theirs.bytes,
            n);
    } else {
        random_order(w, in, 1, &ours, &theirs);
        r.rel = mdl_sort(in->rel, ours.bytes);
        add(&sql, "select * from r%d order by %s rowid", in->number, theirs.bytes);
    }
    create_relation(w, &r, sql.bytes);
    return r;
}

static relation distinct(world *w, const relation *in)
{
    relation r = *in;
    int keys[COLUMNS_MAX];
    text list = {.size = 0};
    text names = {.size = 0};
    text sql = {.size = 0};
    bool keeps_first = one_in(w, 2);
    int n = one_in(w, 5) ? 0 : random_columns(w, in, 1, 3, keys);
    for (int k = 0; k < n; k++) {
        add(&list, "%s%s", comma(&list), in->columns[keys[k]].name);
    }
    r.n_left = 0;
    r.rel = mdl_distinct(in->rel, list.bytes, keeps_first ? MDL_KEEP_FIRST : MDL_KEEP_LAST);
    add_column_names(&names, in, "");
    add(&sql,
        "select %s from (select *, rowid as rid, row_number() over (partition by %s order by rowid "
        "%s) as nth from r%d) where nth = 1 order by rid",
        names.bytes, n > 0 ? list.bytes : names.bytes, keeps_first ? "" : "desc", in->number);
    create_relation(w, &r, sql.bytes);
    return r;
}

static relation arg_first(world *w, const relation *in)
{
    relation r = *in;
    int keys[2];
    text list = {.size = 0};
    text list_order = {.size = 0};
    text ours = {.size = 0};
    text theirs = {.size = 0};
    text names = {.size = 0};
    text sql = {.size = 0};
    int n = random_columns(w, in, 1, 2, keys);
    if (one_in(w, 2)) {
        keys[0] = 0; /* the first key, if the input is an aggregate */
        n = 1;
    }
    for (int k = 0; k < n; k++) {
        add(&list, "%s%s", comma(&list), in->columns[keys[k]].name);
        add(&list_order, "%s%s nulls last", comma(&list_order), in->columns[keys[k]].name);
    }
    random_order(w, in, 1, &ours, &theirs);
    r.n_left = 0;
    r.rel = mdl_arg_first(in->rel, list.bytes, ours.bytes);
    add_column_names(&names, in, "");
    add(&sql,
        "select %s from (select *, row_number() over (partition by %s order by %s rowid) as nth "
        "from r%d) where nth = 1 order by %s",
        names.bytes, list.bytes, theirs.bytes, in->number, list_order.bytes);
    create_relation(w, &r, sql.bytes);
    return r;
}

static relation union_all(world *w, const relation *in)
{
    relation first = filter(w, in);
    relation second = filter(w, in);
    relation r = *in;
    text names = {.size = 0};
    text sql = {.size = 0};
    r.n_left = 0;
    r.rel = mdl_union_all(first.rel, second.rel);
    add_column_names(&names, in, "");
    add(&sql,
        "select %s from (select 1 as side, rowid as rid, * from r%d union all select 2, rowid, * "
        "from r%d) order by side, rid",
        names.bytes, first.number, second.number);
    create_relation(w, &r, sql.bytes);
    return r;
}

/* Rows of the input ascending by keys, each key once. */
static relation keyed_part(world *w, const relation *in, const int *keys, int n)
{
    relation part = filter(w, in);
    relation r = part;
    text list = {.size = 0};
    text order = {.size = 0};
    text names = {.size = 0};
    text sql = {.size = 0};
    for (int k = 0; k < n; k++) {
        add(&list, "%s%s", comma(&list), in->columns[keys[k]].name);
        add(&order, "%s%s nulls last", comma(&order), in->columns[keys[k]].name);
    }
    r.rel = mdl_distinct(mdl_sort(part.rel, list.bytes), list.bytes, MDL_KEEP_LAST);
    add_column_names(&names, in, "");
    add(&sql,
        "select %s from (select *, row_number() over (partition by %s order by rowid desc) as nth "
        "from r%d) where nth = 1 order by %s",
        names.bytes, list.bytes, part.number, order.bytes);
    create_relation(w, &r, sql.bytes);
    return r;
}

static relation upsert(world *w, const relation *in)
{
    int keys[2];
    int n = random_columns(w, in, 1, 2, keys);
    relation base = keyed_part(w, in, keys, n);
    relation changes = keyed_part(w, in, keys, n);
    relation r = base;
    text list = {.size = 0};
    text order = {.size = 0};
    text same = {.size = 0};
    text sql = {.size = 0};
    for (int k = 0; k < n; k++) {
        const char *name = in->columns[keys[k]].name;
        add(&list, "%s%s", comma(&list), name);
        add(&order, "%s%s nulls last", comma(&order), name);
        add(&same, "%ss.%s is t.%s", k > 0 ? " and " : "", name, name);
    }
    r.n_left = 0;
    r.rel = mdl_upsert(base.rel, changes.rel, list.bytes);
    add(&sql,
        "select * from (select * from r%d s where not exists (select 1 from r%d t where %s) union "
        "all select * from r%d) order by %s",
        base.number, changes.number, same.bytes, changes.number, order.bytes);
    create_relation(w, &r, sql.bytes);
    return r;
}

/* An aggregate, at times with the first row of each of its first key's values on it. */
static relation random_aggregate(world *w, const relation *in)
{
    relation r = aggregate(w, in);
    return w->has_stopped || one_in(w, 2) ? r : arg_first(w, &r);
}

/* A join, in half the plans with an aggregate on it. */
static relation random_join(world *w, const relation *in)
{
    relation right = scan(w);
    if (one_in(w, 2)) {
        right = one_in(w, 2) ? filter(w, &right) : aggregate(w, &right);
    }
    if (w->has_stopped) {
        return right;
    }
    relation joined = join(w, in, &right);
    return one_in(w, 2) ? random_aggregate(w, &joined) : joined;
}

static relation random_step(world *w, const relation *in)
{
    switch (below(w, 14)) {
    case 0:
    case 1:
        return filter(w, in);
    case 2:
    case 3:
        return project(w, in);
    case 4:
        return explode(w, in);
    case 5:
    case 6:
    case 7:
        return random_join(w, in);
    case 8:
    case 9:
        return random_aggregate(w, in);
    case 10:
        return sort(w, in);
    case 11:
        return distinct(w, in);
    case 12:
        return arg_first(w, in);
    default:
        /* Both compare all keys with all keys in SQLite. */
        return in->n_rows > 2000 || one_in(w, 2) ? union_all(w, in) : upsert(w, in);
    }
}

/*
 * Comparing.
 */

static bool same_value(const mdl_vector *v, int64_t i, sqlite3_stmt *select, int c)
{
    if (mdl_vector_is_null(v, i) || sqlite3_column_type(select, c) == SQLITE_NULL) {
        return mdl_vector_is_null(v, i) && sqlite3_column_type(select, c) == SQLITE_NULL;
    }
    switch (v->type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        return mdl_vector_int32(v, i) == sqlite3_column_int64(select, c);
    case MDL_TYPE_BOOL:
        return ((const uint8_t *)v->values)[i] == sqlite3_column_int64(select, c);
    case MDL_TYPE_FLOAT64:
        return ((const double *)v->values)[i] == sqlite3_column_double(select, c);
    case MDL_TYPE_STRING: {
        mdl_string string = mdl_vector_string(v, i);
        const void *bytes = sqlite3_column_blob(select, c);
        return string.size_bytes == sqlite3_column_bytes(select, c) &&
               (string.size_bytes == 0 ||
                memcmp(string.data, bytes, (size_t)string.size_bytes) == 0);
    }
    default:
        return mdl_vector_int64(v, i) == sqlite3_column_int64(select, c);
    }
}

static void expect_same_rows(world *w, const relation *r, const mdl_table *table)
{
    const char *explain = mdl_query_explain(w->query);
    sqlite3_stmt *select;
    mdl_cursor *cursor;
    mdl_batch batch;
    text sql = {.size = 0};
    ASSERT_IN_LOOP(mdl_table_n_rows(table) == r->n_rows, "%" PRId64 " rows, not %" PRId64 "\n%s",
                   mdl_table_n_rows(table), r->n_rows, explain);
    ASSERT_IN_LOOP(mdl_table_n_columns(table) == r->n_columns, "%s", explain);
    add(&sql, "select * from r%d order by rowid", r->number);
    ck_assert_int_eq(sqlite3_prepare_v2(w->db, sql.bytes, -1, &select, NULL), SQLITE_OK);
    ck_assert_int_eq(mdl_cursor_create(w->context, table, NULL, 0, &cursor, NULL), MDL_OK);
    for (;;) {
        ASSERT_IN_LOOP(mdl_cursor_next(cursor, &batch, NULL) == MDL_OK, "%s", explain);
        if (batch.n_rows == 0) {
            break;
        }
        for (int64_t i = 0; i < batch.n_rows; i++) {
            ASSERT_IN_LOOP(sqlite3_step(select) == SQLITE_ROW, "%s", explain);
            for (int c = 0; c < r->n_columns; c++) {
                ASSERT_IN_LOOP(same_value(&batch.columns[c], i, select, c),
                               "row %" PRId64 ", column %s, SQLite: %s\n%s", batch.first_row + i,
                               r->columns[c].name, sqlite3_column_text(select, c), explain);
            }
        }
    }
    mdl_cursor_free(cursor);
    sqlite3_finalize(select);
}

static void drop_relations(world *w)
{
    for (int i = 0; i < w->n_relations; i++) {
        text sql = {.size = 0};
        add(&sql, "drop table if exists r%d", i);
        run_sql(w->db, sql.bytes);
    }
}

/* False where SQLite was given up, and there is nothing to compare with. */
static bool run_plan(world *w, uint64_t n_steps)
{
    mdl_table *table = NULL;
    mdl_error error = MDL_ERROR_INIT;
    w->query = mdl_query_create(w->context);
    w->n_relations = 0;
    w->n_names = 0;
    w->has_stopped = false;
    w->is_given_up = false;
    memset(w->is_scanned, 0, sizeof w->is_scanned);
    relation r = scan(w);
    for (; n_steps > 0 && !w->has_stopped && r.n_rows <= ROWS_MAX; n_steps--) {
        r = random_step(w, &r);
    }
    if (!w->is_given_up) {
        mdl_status status = mdl_query_collect(w->query, r.rel, &table, &error);
        if (w->has_stopped) {
            ASSERT_IN_LOOP(status == MDL_E_OVERFLOW, "%s", error.message);
        } else {
            ASSERT_IN_LOOP(status == MDL_OK, "%s", error.message);
            expect_same_rows(w, &r, table);
        }
    }
    mdl_table_free(table);
    mdl_query_free(w->query);
    drop_relations(w);
    return !w->is_given_up;
}

/* Base tables of one kind, and plans over them. */
static void run_plans(const table_shape *shapes, int64_t block_rows, int32_t n_threads, int n_plans,
                      test_random *random)
{
    world w = {.random = random, .db = open_database()};
    mdl_context_options options;
    mdl_context_options_init(&options);
    options.block_rows = block_rows;
    options.n_threads = n_threads;
    ck_assert_int_eq(mdl_context_create(&options, &w.context, NULL), MDL_OK);
    int64_t n_bytes = mdl_context_memory_in_use(w.context);
    run_sql(w.db, "begin");
    for (int i = 0; i < BASE_TABLES; i++) {
        w.tables[i] = make_base(w.context, w.db, i, &shapes[i], random);
    }
    run_sql(w.db, "commit"); /* an interrupt rolls back what is open */
    int n_compared = 0;
    for (int i = 0; i < n_plans; i++) {
        n_compared += run_plan(&w, 1 + below(&w, 5));
    }
    ck_assert_int_ge(n_compared, n_plans / 2);
    for (int i = 0; i < BASE_TABLES; i++) {
        mdl_table_free(w.tables[i]);
    }
    ck_assert_int_eq(mdl_context_memory_in_use(w.context), n_bytes);
    mdl_context_free(w.context);
    sqlite3_close(w.db);
}

START_TEST(small_tables)
{
    test_random random = test_random_start("small_tables");
    const int64_t block_rows[] = {1, 3, 64, 65536};
    for (int i = 0; i < 24; i++) {
        table_shape shapes[BASE_TABLES];
        for (int t = 0; t < BASE_TABLES; t++) {
            shapes[t] = (table_shape){
                .n_rows = t == 0 ? (int32_t)test_random_below(&random, 2)
                                 : (int32_t)test_random_below(&random, 300),
                .n_values = 1 + (int32_t)test_random_below(&random, 40),
                .null_in = (int32_t)test_random_below(&random, 3) * 5,
            };
        }
        run_plans(shapes, block_rows[test_random_below(&random, 4)],
                  1 + (int32_t)test_random_below(&random, 3), 25, &random);
    }
}
END_TEST

/* Several vectors and morsels, so that threads share the work. */
START_TEST(large_tables)
{
    test_random random = test_random_start("large_tables");
    const table_shape shapes[BASE_TABLES] = {
        {45000, 2000, 20}, {5000, 300, 0}, {40, 30, 10}, {1200, 1000, 7}};
    for (int i = 0; i < 2; i++) {
        run_plans(shapes, i == 0 ? 700 : 65536, i == 0 ? 3 : 2, 20, &random);
    }
}
END_TEST

static Suite *queries_suite(void)
{
    Suite *suite = suite_create("queries_against_sqlite");
    TCase *plans = tcase_create("plans");
    tcase_add_test(plans, small_tables);
    tcase_add_test(plans, large_tables);
    tcase_set_timeout(plans, 300);
    suite_add_tcase(suite, plans);
    return suite;
}

int main(void)
{
    return run_suite(queries_suite());
}
