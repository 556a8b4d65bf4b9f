/*
 * Random sequences of tables and their snapshots, beside the same done in SQL by SQLite: counts,
 * the table of changes, the whole history after each step, and reads as of any time have to be the
 * same, whatever the types of the keys, the size of blocks and the number of threads.
 *
 * In SQLite DECIMAL is hundredths, BOOL 0 or 1, TIMESTAMP seconds; a FLOAT64 is the text of its bits
 * ("%a"), in which all NaNs are one, but for keys, which have to be put in order.
 */
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>
#include <xxhash.h>

#include "medallion/medallion.h"
#include "support/csv_dump.h"
#include "support/random.h"
#include "support/run_suite.h"

enum {
    KEYS_MAX = 2,
    N_VALUES = 7, /* columns besides the keys */
    COLUMNS_MAX = KEYS_MAX + N_VALUES,
    TEXT_MAX = 96,
    CHUNK_ROWS = 512
};

static const mdl_field value_fields[N_VALUES] = {
    {"i", MDL_TYPE_INT32},  {"d", MDL_TYPE_DECIMAL}, {"f", MDL_TYPE_FLOAT64},
    {"s", MDL_TYPE_STRING}, {"m", MDL_TYPE_STRING},  {"b", MDL_TYPE_BOOL},
    {"w", MDL_TYPE_INT64},
};

/* How a key is made of the number of a thing. */
static const struct {
    int32_t n_keys;
    mdl_type types[KEYS_MAX];
} key_kinds[] = {
    {1, {MDL_TYPE_INT32}},
    {1, {MDL_TYPE_INT64}},
    {1, {MDL_TYPE_STRING}},
    {1, {MDL_TYPE_TIMESTAMP}},
    {1, {MDL_TYPE_DECIMAL}},
    {1, {MDL_TYPE_FLOAT64}},
    {2, {MDL_TYPE_STRING, MDL_TYPE_INT32}},
    {2, {MDL_TYPE_INT64, MDL_TYPE_BOOL}},
};

enum {
    N_KEY_KINDS = sizeof key_kinds / sizeof *key_kinds
};

/* What varies from one sequence to the next. */
typedef struct shape {
    int32_t n_things;
    int32_t n_steps;
    int32_t key_kind;
    int64_t block_rows;
    int32_t n_threads;
    mdl_simd simd;
    int32_t change_in; /* of a step, one thing in so many changes */
} shape;

/* A thing that may be in the table. */
typedef struct thing {
    bool is_there;
    int16_t values[N_VALUES]; /* −1 = NULL */
} thing;

typedef struct world {
    test_random *random;
    shape shape;
    mdl_context *context;
    sqlite3 *db;
    mdl_field fields[COLUMNS_MAX];
    int32_t n_fields;
    int32_t key_of[COLUMNS_MAX]; /* which key a column is, or −1 */
    int32_t value_of[COLUMNS_MAX];
    bool is_check[COLUMNS_MAX];
    char key[16];
    char check[64];
    mdl_snapshot snapshot;
    thing *things;
    mdl_table *current;
    mdl_table *history;
    int64_t time; /* of the last change */
} world;

static bool one_in(test_random *random, int32_t n)
{
    return test_random_below(random, (uint64_t)n) == 0;
}

/*
 * Values of things, and their texts.
 */

/* One value, with room for its text. */
typedef struct cell {
    mdl_value value;
    char text[TEXT_MAX];
} cell;

static void set_text(cell *out, const char *format, ...) MDL_PRINTF(2, 3);

static void set_text(cell *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(out->text, sizeof out->text, format, arguments);
    va_end(arguments);
    ASSERT_IN_LOOP(size >= 0 && size < (int)sizeof out->text, "text is too long");
    out->value.as.text = (mdl_string){out->text, size};
}

/* Part `k` of the key of thing `id`; no two things have the same key. */
static void key_cell(const world *w, int32_t k, int64_t id, cell *out)
{
    bool is_pair = key_kinds[w->shape.key_kind].n_keys == 2;
    char number[24];
    snprintf(number, sizeof number, "%" PRId64, id);
    out->value = (mdl_value){.type = key_kinds[w->shape.key_kind].types[k]};
    switch (out->value.type) {
    case MDL_TYPE_INT32:
        out->value.as.integer = is_pair ? id % 5 : id * 3 - 50;
        break;
    case MDL_TYPE_INT64:
        out->value.as.integer = is_pair ? id / 2 : id * INT64_C(1000000007) - (INT64_C(1) << 40);
        break;
    case MDL_TYPE_TIMESTAMP:
        out->value.as.integer = id * 86399 - 4000000;
        break;
    case MDL_TYPE_DECIMAL:
        out->value.as.integer = id * 25 - 100;
        break;
    case MDL_TYPE_BOOL:
        out->value.as.integer = id % 2;
        break;
    case MDL_TYPE_FLOAT64:
        out->value.as.real = id == 0 ? -INFINITY : id == 7 ? INFINITY : ((double)id - 20) / 8;
        break;
    case MDL_TYPE_STRING:
        if (is_pair) {
            set_text(out, "%" PRId64, id / 5);
        } else {
            const char *const starts[] = {"k", "\xc3\xa9t\xc3\xa9 ", ""};
            set_text(out, "%s%.*s", starts[id % 3], id == 2 ? 0 : 20, number);
        }
        break;
    }
}

/* Value number `v` of a column that is no key. */
static void value_cell(int32_t column, int16_t v, cell *out)
{
    static const char *const texts[] = {"", "a", "Popular", "b,c", "\"q\"", "\xc3\xa9", "z|"};
    static const double reals[] = {0.0, -0.0, NAN, 1.5, 0.1, INFINITY, 1e300};
    out->value = (mdl_value){.type = value_fields[column].type, .is_null = v < 0};
    if (v < 0) {
        return;
    }
    switch (out->value.type) {
    case MDL_TYPE_FLOAT64:
        out->value.as.real = v == 100 ? -reals[2] : reals[v % 7];
        break;
    case MDL_TYPE_STRING:
        if (value_fields[column].name[0] == 's') {
            set_text(out, "%s", texts[v % 7]);
        } else {
            set_text(out, "one of many texts, and so long that it is worth compressing: %d", v);
        }
        break;
    case MDL_TYPE_BOOL:
        out->value.as.integer = v % 2;
        break;
    case MDL_TYPE_INT64:
        out->value.as.integer = (int64_t)(v % 9 - 4) * (INT64_C(1) << 41);
        break;
    default:
        out->value.as.integer = (v % 9) * 37 - 100;
        break;
    }
}

static void thing_cell(const world *w, int64_t id, int32_t column, cell *out)
{
    if (w->key_of[column] >= 0) {
        key_cell(w, w->key_of[column], id, out);
    } else {
        int32_t value = w->value_of[column];
        value_cell(value, w->things[id].values[value], out);
    }
}

/* A number between other values: about `n` of a kind, some NULL. */
static int16_t random_value(test_random *random)
{
    if (one_in(random, 8)) {
        return -1;
    }
    return (int16_t)test_random_below(random, one_in(random, 3) ? 1000 : 8);
}

/* The bits of a double as text; NaNs are all the same. */
static void format_bits(double real, char *text, size_t size)
{
    snprintf(text, size, isnan(real) ? "nan" : "%a", isnan(real) ? 0 : real);
}

/*
 * SQLite.
 */

static mdl_value value_of_sql(sqlite3_value *type, sqlite3_value *from)
{
    mdl_value value = {.type = (mdl_type)sqlite3_value_int(type),
                       .is_null = sqlite3_value_type(from) == SQLITE_NULL};
    if (value.type == MDL_TYPE_FLOAT64) {
        value.as.real = sqlite3_value_type(from) == SQLITE_TEXT
                            ? strtod((const char *)sqlite3_value_text(from), NULL)
                            : sqlite3_value_double(from);
    } else {
        value.as.integer = sqlite3_value_int64(from);
    }
    return value;
}

/* text_of(type, value): what the library shows for it. */
static void sql_text_of(sqlite3_context *call, int n, sqlite3_value **arguments)
{
    char text[MDL_VALUE_TEXT_MAX];
    (void)n;
    if (sqlite3_value_int(arguments[0]) == MDL_TYPE_STRING ||
        sqlite3_value_type(arguments[1]) == SQLITE_NULL) {
        sqlite3_result_value(call, arguments[1]);
        return;
    }
    mdl_value value = value_of_sql(arguments[0], arguments[1]);
    int64_t size = mdl_value_format(&value, text);
    sqlite3_result_text(call, text, (int)size, SQLITE_TRANSIENT);
}

/* hash_of(text): its XXH3-128 as a number of 32 hex digits. */
static void sql_hash_of(sqlite3_context *call, int n, sqlite3_value **arguments)
{
    char digits[40];
    (void)n;
    XXH128_hash_t hash =
        XXH3_128bits(sqlite3_value_text(arguments[0]), (size_t)sqlite3_value_bytes(arguments[0]));
    snprintf(digits, sizeof digits, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64,
             (uint64_t)hash.low64);
    sqlite3_result_text(call, digits, 32, SQLITE_TRANSIENT);
}

static void run_sql(const world *w, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(w->db, sql, NULL, NULL, &message) != SQLITE_OK) {
        ck_abort_msg("%s: %s", message, sql);
    }
}

/* Puts SQL together with printf and runs it. */
static void run_format(const world *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *sql = sqlite3_vmprintf(format, arguments);
    va_end(arguments);
    run_sql(w, sql);
    sqlite3_free(sql);
}

/* All rows of a query, a line each; NULL as `~`. */
static void dump_sql(const world *w, dump *to, const char *sql)
{
    sqlite3_stmt *select;
    if (sqlite3_prepare_v2(w->db, sql, -1, &select, NULL) != SQLITE_OK) {
        ck_abort_msg("%s: %s", sqlite3_errmsg(w->db), sql);
    }
    dump_add_text(to, "");
    while (sqlite3_step(select) == SQLITE_ROW) {
        for (int c = 0; c < sqlite3_column_count(select); c++) {
            char bits[64];
            dump_add_text(to, c > 0 ? "|" : "");
            switch (sqlite3_column_type(select, c)) {
            case SQLITE_NULL:
                dump_add_text(to, "~");
                break;
            case SQLITE_FLOAT:
                format_bits(sqlite3_column_double(select, c), bits, sizeof bits);
                dump_add_text(to, bits);
                break;
            default:
                dump_add_text(to, (const char *)sqlite3_column_text(select, c));
                break;
            }
        }
        dump_add_text(to, "\n");
    }
    sqlite3_finalize(select);
}

static int64_t count_sql(const world *w, const char *sql)
{
    dump text = {.bytes = NULL};
    dump_sql(w, &text, sql);
    int64_t n = strtoll(text.bytes, NULL, 10);
    dump_free(&text);
    return n;
}

/* A list over columns: `format` gets the name up to three times. */
static char *list_columns(const world *w, bool keys, bool others, bool checks, const char *format,
                          const char *separator)
{
    sqlite3_str *list = sqlite3_str_new(NULL);
    for (int32_t c = 0; c < w->n_fields; c++) {
        bool is_key = w->key_of[c] >= 0;
        if (is_key ? keys : others || (checks && w->is_check[c])) {
            const char *name = w->fields[c].name;
            sqlite3_str_appendf(list, "%s", sqlite3_str_length(list) > 0 ? separator : "");
            sqlite3_str_appendf(list, format, name, name, name);
        }
    }
    if (sqlite3_str_length(list) == 0) {
        sqlite3_str_appendf(list, "0");
    }
    return sqlite3_str_finish(list);
}

/* Views that say what is what, for the tables cur and hist. */
static void create_views(const world *w)
{
    char *same_key = list_columns(w, true, false, false, "a.%s = b.%s", " and ");
    char *differs = list_columns(w, false, false, true, "a.%s is not b.%s", " or ");
    char *later =
        sqlite3_mprintf("select 1 from hist b where %s and b.valid_from > a.valid_from", same_key);
    run_format(w, "create view heads as select * from hist a where not exists (%s)", later);
    run_format(w, "create view live as select * from heads where valid_to is null and not gone");
    run_format(w,
               "create view inserted as select * from cur a where not exists "
               "(select 1 from hist b where %s)",
               same_key);
    run_format(w, "create view changed as select a.* from cur a join live b on %s where %s",
               same_key, differs);
    run_format(w,
               "create view returned as select a.* from cur a where exists (select 1 from heads b "
               "where %s and (b.gone or b.valid_to is not null))",
               same_key);
    run_format(w,
               "create view absent as select * from live a where not exists "
               "(select 1 from cur b where %s)",
               same_key);
    sqlite3_free(later);
    sqlite3_free(same_key);
    sqlite3_free(differs);
}

static void create_tables(world *w)
{
    ck_assert_int_eq(sqlite3_open(":memory:", &w->db), SQLITE_OK);
    sqlite3_create_function(w->db, "text_of", 2, SQLITE_UTF8, NULL, sql_text_of, NULL, NULL);
    sqlite3_create_function(w->db, "hash_of", 1, SQLITE_UTF8, NULL, sql_hash_of, NULL, NULL);
    char *columns = list_columns(w, true, true, false, "%s", ", ");
    char *keys = list_columns(w, true, false, false, "%s", ", ");
    run_format(w, "create table cur (%s)", columns);
    run_format(w, "create table hist (%s, scd_id, updated_at, valid_from, valid_to, gone)",
               columns);
    run_format(w, "create table new_rows (%s, gone)", columns);
    run_format(w, "create table gone_rows (%s)", columns);
    run_format(w, "create unique index cur_key on cur (%s)", keys);
    run_format(w, "create unique index hist_key on hist (%s, valid_from)", keys);
    create_views(w);
    sqlite3_free(columns);
    sqlite3_free(keys);
}

static void bind_cell(sqlite3_stmt *insert, int column, const cell *from, bool is_key)
{
    char bits[64];
    if (from->value.is_null) {
        sqlite3_bind_null(insert, column);
    } else if (from->value.type == MDL_TYPE_STRING) {
        sqlite3_bind_text(insert, column, from->text, -1, SQLITE_TRANSIENT);
    } else if (from->value.type != MDL_TYPE_FLOAT64) {
        sqlite3_bind_int64(insert, column, from->value.as.integer);
    } else if (is_key) {
        sqlite3_bind_double(insert, column, from->value.as.real);
    } else {
        format_bits(from->value.as.real, bits, sizeof bits);
        sqlite3_bind_text(insert, column, bits, -1, SQLITE_TRANSIENT);
    }
}

/* The snapshot of cur in SQL. */
static void apply_sql(const world *w, int64_t time)
{
    mdl_hard_deletes mode = w->snapshot.hard_deletes;
    char *columns = list_columns(w, true, true, false, "%s", ", ");
    char *same_key = list_columns(w, true, false, false, "hist.%s = b.%s", " and ");
    sqlite3_str *id = sqlite3_str_new(NULL);
    for (int32_t k = 0; k < key_kinds[w->shape.key_kind].n_keys; k++) {
        sqlite3_str_appendf(id, "text_of(%d, k%d) || char(31) || ",
                            (int)key_kinds[w->shape.key_kind].types[k], (int)k);
    }
    char *hashed = sqlite3_str_finish(id);
    run_sql(w, "delete from new_rows");
    run_format(w,
               "insert into new_rows select *, 0 from inserted union all select *, 0 from changed "
               "union all select *, 0 from returned");
    run_sql(w, "delete from gone_rows");
    run_format(w, "insert into gone_rows select %s from absent", columns);
    if (mode == MDL_HARD_DELETES_NEW_RECORD) {
        run_sql(w, "insert into new_rows select *, 1 from gone_rows");
    }
    if (mode != MDL_HARD_DELETES_IGNORE) {
        run_format(w,
                   "update hist set valid_to = %lld where valid_to is null and exists "
                   "(select 1 from gone_rows b where %s)",
                   (long long)time, same_key);
    }
    run_format(w,
               "update hist set valid_to = %lld where valid_to is null and exists "
               "(select 1 from new_rows b where not b.gone and %s)",
               (long long)time, same_key);
    run_format(w,
               "insert into hist select %s, hash_of(%s text_of(%d, %lld)), %lld, %lld, null, gone "
               "from new_rows",
               columns, hashed, MDL_TYPE_TIMESTAMP, (long long)time, (long long)time,
               (long long)time);
    sqlite3_free(columns);
    sqlite3_free(same_key);
    sqlite3_free(hashed);
}

/*
 * The library's tables.
 */

/* A chunk of rows of one column. */
typedef struct column_chunk {
    union {
        int32_t small[CHUNK_ROWS];
        int64_t wide[CHUNK_ROWS];
        double real[CHUNK_ROWS];
        uint8_t flag[CHUNK_ROWS];
        mdl_string text[CHUNK_ROWS];
    } as;
    uint64_t validity[CHUNK_ROWS / 64];
    char texts[CHUNK_ROWS][TEXT_MAX];
} column_chunk;

static void put_cell(column_chunk *chunk, int64_t row, const cell *from)
{
    uint64_t bit = (uint64_t)1 << (row & 63);
    chunk->validity[row >> 6] =
        from->value.is_null ? chunk->validity[row >> 6] & ~bit : chunk->validity[row >> 6] | bit;
    switch (from->value.type) {
    case MDL_TYPE_STRING:
        memcpy(chunk->texts[row], from->text, sizeof from->text);
        chunk->as.text[row] = (mdl_string){
            chunk->texts[row], from->value.is_null ? 0 : from->value.as.text.size_bytes};
        break;
    case MDL_TYPE_FLOAT64:
        chunk->as.real[row] = from->value.as.real;
        break;
    case MDL_TYPE_BOOL:
        chunk->as.flag[row] = (uint8_t)from->value.as.integer;
        break;
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        chunk->as.small[row] = (int32_t)from->value.as.integer;
        break;
    default:
        chunk->as.wide[row] = from->value.as.integer;
        break;
    }
}

static void append_chunks(const world *w, mdl_table_builder *builder, column_chunk *chunks,
                          int64_t n_rows)
{
    mdl_vector vectors[COLUMNS_MAX];
    for (int32_t c = 0; c < w->n_fields; c++) {
        vectors[c] = (mdl_vector){.type = w->fields[c].type,
                                  .n_rows = n_rows,
                                  .values = &chunks[c].as,
                                  .validity = chunks[c].validity};
    }
    ASSERT_IN_LOOP(mdl_table_builder_append(builder, vectors, n_rows, NULL) == MDL_OK, "append");
}

/* Puts the things that are there in both tables, in the order of `ids`. */
static void fill_tables(world *w, const int32_t *ids)
{
    mdl_table_builder *builder;
    column_chunk *chunks = calloc(COLUMNS_MAX, sizeof *chunks);
    sqlite3_stmt *insert;
    int64_t n = 0;
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendf(sql, "insert into cur values (?");
    for (int32_t c = 1; c < w->n_fields; c++) {
        sqlite3_str_appendf(sql, ", ?");
    }
    sqlite3_str_appendf(sql, ")");
    char *text = sqlite3_str_finish(sql);
    run_sql(w, "delete from cur");
    ck_assert_int_eq(sqlite3_prepare_v2(w->db, text, -1, &insert, NULL), SQLITE_OK);
    ck_assert_int_eq(mdl_table_builder_create(w->context, w->fields, w->n_fields, &builder, NULL),
                     MDL_OK);
    for (int32_t i = 0; i < w->shape.n_things; i++) {
        if (!w->things[ids[i]].is_there) {
            continue;
        }
        for (int32_t c = 0; c < w->n_fields; c++) {
            cell value;
            memset(&value, 0, sizeof value);
            thing_cell(w, ids[i], c, &value);
            put_cell(&chunks[c], n, &value);
            bind_cell(insert, c + 1, &value, w->key_of[c] >= 0);
        }
        ASSERT_IN_LOOP(sqlite3_step(insert) == SQLITE_DONE, "%s", sqlite3_errmsg(w->db));
        sqlite3_reset(insert);
        if (++n == CHUNK_ROWS) {
            append_chunks(w, builder, chunks, n);
            n = 0;
        }
    }
    append_chunks(w, builder, chunks, n);
    mdl_table_free(w->current);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &w->current, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    sqlite3_finalize(insert);
    sqlite3_free(text);
    free(chunks);
}

/* All rows of a table as dump_sql writes them. */
static void dump_rows(const world *w, dump *to, const mdl_table *table)
{
    mdl_cursor *cursor;
    mdl_batch batch;
    ck_assert_int_eq(mdl_cursor_create(w->context, table, NULL, 0, &cursor, NULL), MDL_OK);
    dump_add_text(to, "");
    for (;;) {
        ck_assert_int_eq(mdl_cursor_next(cursor, &batch, NULL), MDL_OK);
        if (batch.n_rows == 0) {
            break;
        }
        for (int64_t row = 0; row < batch.n_rows; row++) {
            for (int32_t c = 0; c < batch.n_columns; c++) {
                const mdl_vector *v = &batch.columns[c];
                char text[64] = "~";
                dump_add_text(to, c > 0 ? "|" : "");
                if (mdl_vector_is_null(v, row)) {
                    dump_add_text(to, text);
                    continue;
                }
                if (v->type == MDL_TYPE_STRING) {
                    mdl_string s = mdl_vector_string(v, row);
                    dump_add(to, s.data, (size_t)s.size_bytes);
                    continue;
                }
                if (v->type == MDL_TYPE_FLOAT64) {
                    format_bits(((const double *)v->values)[row], text, sizeof text);
                } else if (v->type == MDL_TYPE_BOOL) {
                    snprintf(text, sizeof text, "%d", ((const uint8_t *)v->values)[row]);
                } else if (v->type == MDL_TYPE_INT32 || v->type == MDL_TYPE_DECIMAL) {
                    snprintf(text, sizeof text, "%" PRId32, mdl_vector_int32(v, row));
                } else {
                    snprintf(text, sizeof text, "%" PRId64, mdl_vector_int64(v, row));
                }
                dump_add_text(to, text);
            }
            dump_add_text(to, "\n");
        }
    }
    mdl_cursor_free(cursor);
}

/*
 * Comparing.
 */

static void expect_same(const world *w, const mdl_table *table, const char *sql, const char *what)
{
    dump found = {.bytes = NULL};
    dump expected = {.bytes = NULL};
    dump_rows(w, &found, table);
    dump_sql(w, &expected, sql);
    if (strcmp(found.bytes, expected.bytes) != 0) {
        size_t at = 0;
        while (found.bytes[at] == expected.bytes[at]) {
            at++;
        }
        while (at > 0 && found.bytes[at - 1] != '\n') {
            at--;
        }
        ck_abort_msg(
            "%s (key kind %d, block rows %d, hard deletes %d): found\n%.400s\nexpected\n%.400s",
            what, (int)w->shape.key_kind, (int)w->shape.block_rows, (int)w->snapshot.hard_deletes,
            found.bytes + at, expected.bytes + at);
    }
    dump_free(&found);
    dump_free(&expected);
}

static void expect_counts(const world *w, const mdl_snapshot_counts *counts)
{
    bool is_ignored = w->snapshot.hard_deletes == MDL_HARD_DELETES_IGNORE;
    int64_t n_absent = count_sql(w, "select count(*) from absent");
    int64_t n_new = count_sql(w, "select count(*) from inserted");
    int64_t n_changed = count_sql(w, "select count(*) from changed");
    int64_t n_returned = count_sql(w, "select count(*) from returned");
    int64_t n = count_sql(w, "select count(*) from cur");
    ASSERT_IN_LOOP(counts->n_inserted == n_new, "inserted");
    ASSERT_IN_LOOP(counts->n_changed == n_changed, "changed");
    ASSERT_IN_LOOP(counts->n_reappeared == n_returned, "reappeared");
    ASSERT_IN_LOOP(counts->n_deleted == (is_ignored ? 0 : n_absent), "deleted");
    ASSERT_IN_LOOP(counts->n_missing == (is_ignored ? n_absent : 0), "missing");
    ASSERT_IN_LOOP(counts->n_unchanged == n - n_new - n_changed - n_returned, "unchanged");
}

/* The table of changes in SQL: a select for each kind and for each check column. */
static void expect_changes(const world *w, const mdl_snapshot_changes *changes)
{
    static const char *const views[] = {"inserted", "absent", "returned"};
    bool is_ignored = w->snapshot.hard_deletes == MDL_HARD_DELETES_IGNORE;
    const char *const names[] = {"inserted", is_ignored ? "missing" : "deleted", "reappeared"};
    char *keys = list_columns(w, true, false, false, "a.%s", ", ");
    char *plain_keys = list_columns(w, true, false, false, "%s", ", ");
    char *same_key = list_columns(w, true, false, false, "a.%s = b.%s", " and ");
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendf(sql, "select change, %s, col, old, new from (", plain_keys);
    for (int i = 0; i < 3; i++) {
        sqlite3_str_appendf(sql,
                            "%s select '%s' as change, %s, 0 as place, null as col, null as old, "
                            "null as new from %s a",
                            i > 0 ? " union all" : "", names[i], keys, views[i]);
    }
    for (int32_t c = 0; c < w->n_fields; c++) {
        if (w->is_check[c]) {
            const char *name = w->fields[c].name;
            sqlite3_str_appendf(sql,
                                " union all select 'changed', %s, %d, '%s', text_of(%d, b.%s), "
                                "text_of(%d, a.%s) from cur a join live b on %s "
                                "where a.%s is not b.%s",
                                keys, (int)c, name, (int)w->fields[c].type, name,
                                (int)w->fields[c].type, name, same_key, name, name);
        }
    }
    sqlite3_str_appendf(sql, ") order by %s, place", plain_keys);
    int64_t limit = one_in(w->random, 3) ? (int64_t)test_random_below(w->random, 20) : -1;
    sqlite3_str_appendf(sql, " limit %lld", (long long)limit);
    char *text = sqlite3_str_finish(sql);
    mdl_table *table;
    ck_assert_int_eq(mdl_snapshot_changes_table(changes, limit, &table, NULL), MDL_OK);
    expect_same(w, table, text, "changes");
    mdl_table_free(table);
    sqlite3_free(keys);
    sqlite3_free(plain_keys);
    sqlite3_free(same_key);
    sqlite3_free(text);
}

static void expect_history(const world *w)
{
    char *keys = list_columns(w, true, false, false, "%s", ", ");
    char *sql = sqlite3_mprintf("select * from hist order by %s, valid_from", keys);
    expect_same(w, w->history, sql, "history");
    sqlite3_free(sql);
    for (int i = 0; i < 2; i++) {
        int64_t time = (int64_t)test_random_below(w->random, (uint64_t)w->time + 20);
        mdl_table *rows;
        ck_assert_int_eq(mdl_snapshot_as_of(w->context, w->history, time, &rows, NULL), MDL_OK);
        sql = sqlite3_mprintf("select * from hist where valid_from <= %lld and "
                              "(valid_to is null or valid_to > %lld) order by %s, valid_from",
                              (long long)time, (long long)time, keys);
        expect_same(w, rows, sql, "as of");
        sqlite3_free(sql);
        mdl_table_free(rows);
    }
    sqlite3_free(keys);
}

/*
 * Steps.
 */

/* Lets things change, go, come and come back. */
static void change_things(world *w, bool is_first)
{
    test_random *random = w->random;
    for (int32_t id = 0; id < w->shape.n_things; id++) {
        thing *it = &w->things[id];
        if (is_first) {
            it->is_there = !one_in(random, 4);
            for (int32_t v = 0; v < N_VALUES; v++) {
                it->values[v] = random_value(random);
            }
        } else if (one_in(random, w->shape.change_in)) {
            if (one_in(random, 3)) {
                it->is_there = !it->is_there;
            } else {
                it->values[test_random_below(random, N_VALUES)] = random_value(random);
            }
        }
    }
}

/* Lets all things of a stretch go: matches of others then lie far apart. */
static void drop_stretch(world *w)
{
    int32_t n = w->shape.n_things;
    int32_t first = n > 0 ? (int32_t)test_random_below(w->random, (uint64_t)n) : 0;
    int32_t end = first + (int32_t)test_random_below(w->random, (uint64_t)(n - first) + 1);
    for (int32_t id = first; id < end; id++) {
        w->things[id].is_there = false;
    }
}

/* The things in the order of their keys' numbers, or in none. */
static int32_t *order_things(const world *w)
{
    int32_t n = w->shape.n_things;
    int32_t *ids = malloc((size_t)n * sizeof *ids + 1);
    ck_assert_ptr_nonnull(ids);
    for (int32_t i = 0; i < n; i++) {
        ids[i] = i;
    }
    bool is_shuffled = one_in(w->random, 3);
    for (int32_t i = n - 1; is_shuffled && i > 0; i--) {
        int32_t other = (int32_t)test_random_below(w->random, (uint64_t)i + 1);
        int32_t id = ids[i];
        ids[i] = ids[other];
        ids[other] = id;
    }
    return ids;
}

static void take_snapshot(world *w)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_snapshot_changes *changes;
    mdl_table *history;
    mdl_status status =
        mdl_snapshot_diff(w->context, &w->snapshot, w->history, w->current, &changes, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    mdl_snapshot_counts counts = mdl_snapshot_changes_counts(changes);
    bool changes_something =
        counts.n_inserted + counts.n_changed + counts.n_deleted + counts.n_reappeared > 0;
    expect_counts(w, &counts);
    expect_changes(w, changes);
    int64_t time = w->time - 1 + (int64_t)test_random_below(w->random, 5);
    bool is_late = w->history == NULL || mdl_table_n_rows(w->history) == 0 || time > w->time;
    status = mdl_snapshot_changes_apply(changes, time, &history, &error);
    if (!changes_something || is_late) {
        ck_assert_msg(status == MDL_OK, "%s", error.message);
    } else {
        ck_assert_int_eq(status, MDL_E_STATE);
        time = w->time + 1;
        ck_assert_int_eq(mdl_snapshot_changes_apply(changes, time, &history, NULL), MDL_OK);
    }
    mdl_snapshot_changes_free(changes);
    if (changes_something) {
        apply_sql(w, time);
        w->time = time;
    } else if (w->history != NULL) {
        ASSERT_IN_LOOP(history == w->history, "the history is another");
    }
    mdl_table_free(w->history);
    w->history = history;
    expect_history(w);
}

/* Chooses columns and the declaration. */
static void declare(world *w)
{
    test_random *random = w->random;
    int32_t kind = w->shape.key_kind;
    w->n_fields = 0;
    w->key[0] = '\0';
    w->check[0] = '\0';
    bool all_checked = one_in(random, 5);
    for (int32_t v = 0; v < N_VALUES; v++) {
        /* Keys stand among the other columns. */
        if (v >= 1 && v <= key_kinds[kind].n_keys) {
            static const char *const names[] = {"k0", "k1"};
            w->key_of[w->n_fields] = v - 1;
            w->is_check[w->n_fields] = false;
            w->fields[w->n_fields++] = (mdl_field){names[v - 1], key_kinds[kind].types[v - 1]};
            snprintf(w->key + strlen(w->key), sizeof w->key - strlen(w->key), "%s%s",
                     v > 1 ? ", " : "", names[v - 1]);
        }
        w->key_of[w->n_fields] = -1;
        w->value_of[w->n_fields] = v;
        w->is_check[w->n_fields] = all_checked || one_in(random, 2);
        w->fields[w->n_fields] = value_fields[v];
        if (w->is_check[w->n_fields]) {
            snprintf(w->check + strlen(w->check), sizeof w->check - strlen(w->check), "%s%s",
                     w->check[0] != '\0' ? ", " : "", value_fields[v].name);
        }
        w->n_fields++;
    }
    w->snapshot = (mdl_snapshot){.struct_size = sizeof(mdl_snapshot),
                                 .name = "snap",
                                 .key = w->key,
                                 .check = all_checked ? NULL : w->check,
                                 .hard_deletes = (mdl_hard_deletes)test_random_below(random, 3)};
}

static void run_world(test_random *random, shape how)
{
    world w = {.random = random, .shape = how, .time = 100};
    w.context = make_context((read_settings){how.n_threads, 1 << 20, how.block_rows, how.simd});
    w.things = calloc((size_t)how.n_things + 1, sizeof *w.things);
    ck_assert_ptr_nonnull(w.things);
    declare(&w);
    create_tables(&w);
    for (int32_t s = 0; s < how.n_steps; s++) {
        int32_t *ids = order_things(&w);
        change_things(&w, s == 0);
        if (s > 0 && one_in(random, 5)) {
            drop_stretch(&w);
        }
        if (one_in(random, 6)) {
            w.snapshot.hard_deletes = (mdl_hard_deletes)test_random_below(random, 3);
        }
        run_sql(&w, "begin");
        fill_tables(&w, ids);
        take_snapshot(&w);
        run_sql(&w, "commit");
        free(ids);
    }
    mdl_table_free(w.current);
    mdl_table_free(w.history);
    /* Threads, once started, keep a little. */
    ck_assert(how.n_threads > 1 || mdl_context_memory_in_use(w.context) == 0);
    mdl_context_free(w.context);
    ck_assert_int_eq(sqlite3_close(w.db), SQLITE_OK);
    free(w.things);
}

START_TEST(small_tables)
{
    static const int64_t block_rows[] = {1, 7, 64, 65536};
    test_random random = test_random_start("small_tables");
    for (int i = 0; i < 64; i++) {
        run_world(&random,
                  (shape){
                      .n_things = (int32_t)test_random_below(&random, i % 4 == 0 ? 8 : 120),
                      .n_steps = 8,
                      .key_kind = i % N_KEY_KINDS,
                      .block_rows = block_rows[test_random_below(&random, 4)],
                      .n_threads = 1 + (int32_t)test_random_below(&random, 2),
                      .simd = one_in(&random, 2) ? MDL_SIMD_SCALAR : MDL_SIMD_BEST,
                      .change_in = 1 + (int32_t)test_random_below(&random, 20),
                  });
    }
}
END_TEST

/* Several vectors, blocks and jobs; few changes, so that blocks are found to be the same. */
START_TEST(large_tables)
{
    static const int64_t block_rows[] = {1000, 4096, 65536};
    test_random random = test_random_start("large_tables");
    for (int i = 0; i < 6; i++) {
        run_world(&random,
                  (shape){
                      .n_things = i == 0 ? 80000 : 9000,
                      .n_steps = i == 0 ? 3 : 4,
                      .key_kind = i < 3 ? 0 : (int32_t)test_random_below(&random, N_KEY_KINDS),
                      .block_rows = block_rows[i % 3],
                      .n_threads = 2 - i % 2,
                      .simd = MDL_SIMD_BEST,
                      .change_in = i % 2 == 0 ? 3000 : 50,
                  });
    }
}
END_TEST

static Suite *snapshot_against_sqlite_suite(void)
{
    Suite *suite = suite_create("snapshot_against_sqlite");
    TCase *sequences = tcase_create("sequences");
    tcase_add_test(sequences, small_tables);
    tcase_add_test(sequences, large_tables);
    tcase_set_timeout(sequences, 240);
    suite_add_tcase(suite, sequences);
    return suite;
}

int main(void)
{
    return run_suite(snapshot_against_sqlite_suite());
}
