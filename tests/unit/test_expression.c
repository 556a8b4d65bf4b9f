/*
 * Expressions: random ones against SQLite where the two mean the same, and by hand where they do
 * not (decimals, timestamps, exact comparisons, quotients, faults and their places).
 */
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "base/calendar.h"
#include "base/decimal.h"
#include "base/float_text.h"
#include "operators/expression.h"
#include "support/random.h"
#include "support/run_suite.h"

#define N_RANDOM_EXPRESSIONS 4000
#define N_RANDOM_ROWS        300
#define N_RANDOM_SOUPS       20000
#define TEXT_MAX             65536

static mdl_context *context;
static mdli_arena arena;
static int64_t in_use_before;

static void setup(void)
{
    ck_assert_int_eq(mdl_context_create(NULL, &context, NULL), MDL_OK);
    in_use_before = mdl_context_memory_in_use(context);
    mdli_arena_init(&arena, context, "expression");
}

/* Every test gives back what it took. */
static void teardown(void)
{
    mdli_arena_reset(&arena);
    ck_assert_int_eq(mdl_context_memory_in_use(context), in_use_before);
    mdl_context_free(context);
}

/* ---- Four rows by hand ---- */

enum {
    N_ROWS = 4
};

static const int32_t column_i[N_ROWS] = {7, -3, 0, 0};
static const int64_t column_big[N_ROWS] = {INT64_MAX, INT64_MIN, 0, INT64_C(9007199254740993)};
static const int32_t column_d[N_ROWS] = {450, -25, 0, 375};
static const double column_x[N_ROWS] = {0.1, NAN, 0, 9007199254740992.0};
static const uint8_t column_b[N_ROWS] = {1, 0, 0, 1};
static const int64_t column_at[N_ROWS] = {1580428800, -1, 0, MDLI_TIMESTAMP_MAX};
static const mdl_string column_s[N_ROWS] = {{" Été ", 7}, {"", 0}, {NULL, 0}, {"12", 2}};
static const mdl_string genres[] = {{"Drama", 5}, {"Comedy", 6}, {"Sci-Fi", 6}};
static const int32_t column_g[N_ROWS] = {0, 1, -1, 0}; /* -1: nobody looks under NULL */
static const uint64_t not_row_2 = 0xB;
static const int32_t column_n[N_ROWS] = {1, 2, 3, 4};

static const mdl_field fields[] = {
    {"i", MDL_TYPE_INT32},
    {"big", MDL_TYPE_INT64},
    {"d", MDL_TYPE_DECIMAL},
    {"x", MDL_TYPE_FLOAT64},
    {"b", MDL_TYPE_BOOL},
    {"at", MDL_TYPE_TIMESTAMP},
    {"s", MDL_TYPE_STRING},
    {"genre", MDL_TYPE_STRING},
    {"n", MDL_TYPE_INT32},
    {"timestamp", MDL_TYPE_INT64},
    {"odd \"name\"", MDL_TYPE_INT32},
};

enum {
    N_FIELDS = sizeof(fields) / sizeof(fields[0])
};

static void make_columns(mdl_vector *columns)
{
    const void *const values[N_FIELDS] = {column_i, column_big, column_d, column_x,
                                          column_b, column_at,  column_s, NULL,
                                          column_n, column_big, column_n};
    for (int c = 0; c < N_FIELDS; c++) {
        columns[c] = (mdl_vector){.type = fields[c].type,
                                  .n_rows = N_ROWS,
                                  .values = values[c],
                                  .validity = values[c] == column_n ? NULL : &not_row_2};
    }
    columns[7].codes = column_g;
    columns[7].dictionary = genres;
    columns[7].n_dictionary = 3;
}

/* ---- A function of each kind that callers may have ---- */

static int n_seen_rows; /* by `half` */

static mdl_status half(void *user_data, const mdl_vector *arguments, mdl_output *output,
                       mdl_error *error)
{
    (void)user_data;
    for (int64_t r = 0; r < output->n_rows; r++) {
        if (mdl_vector_is_null(&arguments[0], r)) {
            mdl_output_set_null(output, r);
        } else if (mdl_vector_int64(&arguments[0], r) % 2 != 0) {
            return mdl_error_set(error, MDL_E_DATA, "%" PRId64 " is odd",
                                 mdl_vector_int64(&arguments[0], r));
        } else {
            ((int64_t *)output->values)[r] = mdl_vector_int64(&arguments[0], r) / 2;
        }
    }
    n_seen_rows += (int)output->n_rows;
    return MDL_OK;
}

static mdl_status twice(void *user_data, const mdl_vector *arguments, mdl_output *output,
                        mdl_error *error)
{
    (void)user_data;
    (void)error;
    for (int64_t r = 0; r < output->n_rows; r++) {
        if (mdl_vector_is_null(&arguments[0], r)) {
            mdl_output_set_null(output, r);
            continue;
        }
        mdl_string text = mdl_vector_string(&arguments[0], r);
        char *copy = mdl_output_allocate_text(output, 2 * text.size_bytes);
        if (copy == NULL) {
            return MDL_E_NO_MEMORY;
        }
        memcpy(copy, text.data, (size_t)text.size_bytes);
        memcpy(copy + text.size_bytes, text.data, (size_t)text.size_bytes);
        ((mdl_string *)output->values)[r] = (mdl_string){copy, 2 * text.size_bytes};
    }
    return MDL_OK;
}

static mdl_status pick_genre(void *user_data, const mdl_vector *arguments, mdl_output *output,
                             mdl_error *error)
{
    (void)user_data;
    (void)error;
    for (int64_t r = 0; r < output->n_rows; r++) {
        output->codes[r] = mdl_vector_int32(&arguments[0], r) - 1;
    }
    output->dictionary = genres;
    output->n_dictionary = 3;
    return MDL_OK;
}

static const mdl_function functions[] = {
    {"half", 1, {MDL_TYPE_INT64}, MDL_TYPE_INT64, half, NULL},
    {"twice", 1, {MDL_TYPE_STRING}, MDL_TYPE_STRING, twice, NULL},
    {"pick_genre", 1, {MDL_TYPE_INT32}, MDL_TYPE_STRING, pick_genre, NULL},
};

static const mdli_scope scope = {fields, N_FIELDS, functions, 3};

/* ---- Results as text ---- */

static int format_value(const mdl_vector *vector, int64_t row, char *out)
{
    switch (vector->type) {
    case MDL_TYPE_INT32:
        return mdli_format_int64(mdl_vector_int32(vector, row), out);
    case MDL_TYPE_INT64:
        return mdli_format_int64(mdl_vector_int64(vector, row), out);
    case MDL_TYPE_DECIMAL:
        return mdli_format_decimal(mdl_vector_int32(vector, row), out);
    case MDL_TYPE_FLOAT64:
        return mdli_format_double(((const double *)vector->values)[row], out);
    case MDL_TYPE_BOOL:
        return sprintf(out, "%s", ((const uint8_t *)vector->values)[row] ? "true" : "false");
    case MDL_TYPE_TIMESTAMP:
        mdli_format_timestamp(mdl_vector_int64(vector, row), out);
        return MDLI_TIMESTAMP_TEXT_SIZE;
    default:
        return sprintf(out, "'%.*s'", (int)mdl_vector_string(vector, row).size_bytes,
                       mdl_vector_string(vector, row).data);
    }
}

/* Evaluates over the four rows and writes `1 null 'a'`; the fault's message where there is one. */
static mdl_status evaluate(const char *text, char *out)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_vector columns[N_FIELDS];
    mdl_vector result;
    const mdli_expression *expression;
    mdli_evaluator *evaluator = NULL;
    make_columns(columns);
    out[0] = '\0';
    mdl_status status = mdli_expression_parse(&arena, text, &scope, &expression, &error);
    if (status == MDL_OK) {
        status = mdli_evaluator_create(context, expression, &evaluator, &error);
    }
    if (status == MDL_OK) {
        status = mdli_evaluate(evaluator, columns, N_ROWS, &result, &error);
    }
    if (status != MDL_OK) {
        ck_assert_int_eq(status, error.status);
        strcpy(out, error.message);
        mdli_evaluator_free(evaluator);
        return status;
    }
    ck_assert_int_eq(result.type, mdli_expression_type(expression));
    ck_assert_int_eq(result.n_rows, N_ROWS);
    bool has_null = false;
    for (int64_t r = 0; r < N_ROWS; r++) {
        bool is_null = mdl_vector_is_null(&result, r);
        has_null |= is_null;
        out += sprintf(out, "%s", r > 0 ? " " : "");
        out += is_null ? sprintf(out, "null") : format_value(&result, r, out);
    }
    *out = '\0';
    ck_assert(has_null == (result.validity != NULL));
    mdli_evaluator_free(evaluator);
    return MDL_OK;
}

static void expect(const char *text, const char *expected)
{
    char got[4096];
    mdl_status status = evaluate(text, got);
    ck_assert_msg(status == MDL_OK && strcmp(got, expected) == 0,
                  "%s\n  is       %s\n  expected %s", text, got, expected);
}

/* A fault with exactly this message behind `in expression "…": `. */
static void expect_fault(const char *text, mdl_status expected, const char *message)
{
    char got[4096];
    mdl_status status = evaluate(text, got);
    const char *said = strstr(got, "\": ");
    ck_assert_msg(status == expected && said != NULL && strcmp(said + 3, message) == 0,
                  "%s\n  is       %s %s\n  expected %s %s", text, mdl_status_name(status), got,
                  mdl_status_name(expected), message);
}

START_TEST(literals_and_columns)
{
    expect("12", "12 12 12 12");
    expect("-9223372036854775808", "-9223372036854775808 -9223372036854775808 "
                                   "-9223372036854775808 -9223372036854775808");
    expect("4.50", "4.5 4.5 4.5 4.5");
    expect("1e-3", "0.001 0.001 0.001 0.001");
    expect("0.125", "0.125 0.125 0.125 0.125");
    expect("'it''s'", "'it's' 'it's' 'it's' 'it's'");
    expect("TRUE", "true true true true");
    expect("timestamp '2020-01-31 00:00:00'", "2020-01-31 00:00:00 2020-01-31 00:00:00 "
                                              "2020-01-31 00:00:00 2020-01-31 00:00:00");
    expect("timestamp", "9223372036854775807 -9223372036854775808 null 9007199254740993");
    expect("\"odd \"\"name\"\"\"", "1 2 3 4");
    expect("genre", "'Drama' 'Comedy' null 'Drama'");
    expect("cast(null as STRING)", "null null null null");
    expect_fault("null", MDL_E_TYPE, "NULL of no type (write cast(null as TYPE)) at column 1");
}
END_TEST

START_TEST(arithmetic)
{
    expect("i + 1", "8 -2 null 1");
    expect("- i * 2 + n % 3", "-13 8 null 1");
    expect("d + d", "9.0 -0.5 null 7.5");
    expect("d - 1", "3.5 -1.25 null 2.75");
    expect("d + 0.125", "4.625 -0.125 null 3.875");
    expect("d * d", "20.25 0.0625 null 14.0625");
    expect("d * 3", "13.5 -0.75 null 11.25");
    expect("x + 1", "1.1 NaN null 9007199254740992.0");
    expect("i / 2", "3.5 -1.5 null 0.0");
    expect("n / i", "0.14285714285714285 -0.6666666666666666 null null");
    expect("d / 3", "1.5 -0.08333333333333333 null 1.25");
    expect("3 / d", "0.6666666666666666 -12.0 null 0.8");
    expect("d / d", "1.0 1.0 null 1.0");
    expect("x / 0", "null null null null");
    /* 2^53 + 1 over 3 and INT64_MIN: two roundings would be off by one */
    expect("big / 3", "3074457345618258400.0 -3074457345618258400.0 null 3002399751580331.0");
    expect("big / (0 - 1)",
           "-9223372036854776000.0 9223372036854776000.0 null -9007199254740992.0");
    expect("big % -1", "0 0 null 0");
    expect("i % 0", "null null null null");
    expect("abs(i)", "7 3 null 0");
    expect("abs(d)", "4.5 0.25 null 3.75");
    expect("least(i, n)", "1 -3 3 0");
    expect("greatest(i, n, 2.5)", "7.0 2.5 3.0 4.0");
    expect("greatest(x, 1)", "1.0 NaN 1.0 9007199254740992.0");
    expect("1 + null", "null null null null");
    expect_fault("big + 1", MDL_E_OVERFLOW,
                 "9223372036854775807 + 1 does not fit INT64, at column 5");
    expect_fault("big - 1", MDL_E_OVERFLOW,
                 "-9223372036854775808 - 1 does not fit INT64, at column 5");
    expect_fault("n * (big % 4 + 9007199254740993000)", MDL_E_OVERFLOW,
                 "2 * 9007199254740993000 does not fit INT64, at column 3");
    expect_fault("- big", MDL_E_OVERFLOW,
                 "the least INT64 has no positive counterpart, at column 1");
    expect_fault("abs(big)", MDL_E_OVERFLOW,
                 "the least INT64 has no positive counterpart, at column 1");
    expect_fault("d + 9999999.5", MDL_E_OVERFLOW,
                 "4.5 + 9999999.5 does not fit DECIMAL(9,2), at column 3");
    expect_fault("s + 1", MDL_E_TYPE,
                 "+ takes numbers, not STRING (text is joined by ||), at column 1");
    expect_fault("1 - at", MDL_E_TYPE,
                 "- takes numbers, not TIMESTAMP (cast it to INT64), at column 5");
    expect_fault("d % 2", MDL_E_TYPE, "% takes integers, not DECIMAL(9,2), at column 1");
}
END_TEST

START_TEST(comparisons_are_exact)
{
    expect("d >= 3.755", "true false null false");
    expect("d < 3.755", "false true null true");
    expect("3.745 < d", "true false null true");
    expect("d = 4.500", "true false null false");
    expect("d = 4.501", "false false null false");
    expect("d != 4.501", "true true null true");
    expect("d > 1e300", "false false null false");
    expect("d > -1e300", "true true null true");
    expect("i > 99999999999", "false false null false");
    expect("i <> 99999999999", "true true null true");
    expect("i < 6.9999999999999999999999999999", "false true null true");
    expect("i > 6.9999999999999999999999999999", "true false null false");
    expect("i >= -3.0", "true true null true");
    expect("i > -3.5", "true true null true");
    expect("i <= -0.001", "false true null false");
    expect("d = i", "false false null false");
    expect("d > i", "false true null true");
    expect("d < big", "true false null true");
    expect("n < big", "true false null true");
    /* 2^53 + 1 is no double; the one next to it is 2^53 */
    expect("big > x", "true false null true");
    expect("big = 9007199254740992", "false false null false");
    expect("x = 9007199254740993", "false false null false");
    expect("x < 9007199254740993", "true false null true");
    expect("x >= 9007199254740993", "false true null false");
    expect("big < 9223372036854775808.0", "true true null true");
    /* a literal with a point stands for its nearest double opposite a FLOAT64 */
    expect("x = 0.1", "true false null false");
    expect("d = x", "false false null false");
    expect("d > x", "true false null false");
    expect("cast('0.25' as FLOAT64) = - d", "false true null false");
    /* NaN equals itself and is the greatest */
    expect("x = x", "true true null true");
    expect("x > 1e308", "false true null false");
    expect("x = cast('NaN' as FLOAT64)", "false true null false");
    expect("x <= cast('NaN' as FLOAT64)", "true true null true");
    expect("b = true", "true false null true");
    expect("b < (n > 2)", "false false null false");
    expect("i = null", "null null null null");
    expect("0.1 = 1e-1", "true true true true");
    expect_fault("i = 'a'", MDL_E_TYPE,
                 "INT32 cannot be compared with STRING (use cast) at column 3");
    expect_fault("at > 5", MDL_E_TYPE,
                 "TIMESTAMP cannot be compared with INT32 (use cast) at column 4");
    expect_fault("i = i = i", MDL_E_EXPRESSION,
                 "comparisons do not chain; put one in parentheses at column 7");
}
END_TEST

START_TEST(lists_and_ranges)
{
    expect("i in (7, 0.5, 0, 99999999999)", "true false null true");
    expect("i in (7, null)", "true null null null");
    expect("i not in (7, null)", "false null null null");
    expect("i in (n, 0)", "false false null true");
    expect("d in (4.50, 3.751)", "true false null false");
    expect("x in (0.1, 3)", "true false null false");
    expect("genre in ('Drama', 'x')", "true false null true");
    expect("s in ('', '12')", "false true null true");
    expect("b in (true)", "true false null true");
    expect("n in (1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31,33,35)", "true false true false");
    expect("i between -3 and 0.5", "false true null true");
    expect("n between i and 3", "false true null false");
    expect("n + 1 not between 3 and 4", "true false false true");
    expect("at between '2020-01-01 00:00:00' and '2020-12-31 00:00:00'", "true false null false");
    expect("at in ('1969-12-31 23:59:59')", "false true null false");
}
END_TEST

START_TEST(texts)
{
    expect("s || '-' || genre", "' Été -Drama' '-Comedy' null '12-Drama'");
    expect("length(s)", "5 0 null 2");
    expect("length(genre)", "5 6 null 5");
    expect("upper(s)", "' ÉTé ' '' null '12'");
    expect("lower(genre)", "'drama' 'comedy' null 'drama'");
    expect("trim(s)", "'Été' '' null '12'");
    expect("trim('\t a b ')", "'a b' 'a b' 'a b' 'a b'");
    expect("s like ' _t_ '", "true false null false");
    expect("s like '%t%'", "true false null false");
    expect("s like '%'", "true true null true");
    expect("s like '_'", "false false null false");
    expect("genre like '%m%a%'", "true false null true");
    expect("genre not like 'D%'", "false true null false");
    expect("'ababac' like '%ab%ac'", "true true true true");
    expect("'abc' like genre", "false false null false");
    expect("genre >= 'D'", "true false null true");
    expect("genre = s", "false false null false");
    expect("genre < s", "false false null false");
    expect_fault("s || 1", MDL_E_TYPE, "|| takes STRING, not INT32, at column 6");
    expect_fault("length(1)", MDL_E_TYPE, "length() takes STRING, not INT32, at column 8");
}
END_TEST

START_TEST(choices)
{
    expect("case when i > 0 then 'up' when i < 0 then 'down' end", "'up' 'down' null null");
    expect("case when i is null then 'none' else genre end", "'Drama' 'Comedy' 'none' 'Drama'");
    expect("case when b then 1 else 2.5 end", "1.0 2.5 2.5 1.0");
    expect("case when b then null else at end", "null 1969-12-31 23:59:59 null null");
    expect("coalesce(i, n)", "7 -3 3 0");
    expect("coalesce(genre, s, 'none')", "'Drama' 'Comedy' 'none' 'Drama'");
    expect("coalesce(null, i, 0)", "7 -3 0 0");
    expect("i is null", "false false true false");
    expect("i is not null and b", "true false false true");
    expect("b and null", "null false null null");
    expect("b or null", "true null null true");
    expect("not b", "false true null false");
    /* a branch has no faults in rows that do not take it */
    expect("case when n = 1 then 0 when n = 2 then 1 else big + 1 end",
           "0 1 null 9007199254740994");
    expect("coalesce(n, big + 1)", "1 2 3 4");
    expect("coalesce(i, big + 1)", "7 -3 null 0");
    expect("case when n = 4 then cast(s as INT32) end", "null null null 12");
    expect("case when false then cast('a' as INT32) else 1 end", "1 1 1 1");
    expect_fault("case when n = 1 then big + 1 end", MDL_E_OVERFLOW,
                 "9223372036854775807 + 1 does not fit INT64, at column 26");
    expect_fault("case when n then 1 end", MDL_E_TYPE, "when takes BOOL, not INT32, at column 11");
    expect_fault("case when b then 1 else 'a' end", MDL_E_TYPE,
                 "STRING does not go together with INT32 before it at column 25");
    expect_fault("case when b then 1", MDL_E_EXPRESSION, "expected when, else or end at column 19");
}
END_TEST

START_TEST(casts_and_dates)
{
    expect("cast(i as INT64)", "7 -3 null 0");
    expect("cast(d as INT32)", "5 0 null 4");
    expect("cast(-1.5 as INT64)", "-2 -2 -2 -2");
    expect("cast(i as DECIMAL(9, 2))", "7.0 -3.0 null 0.0");
    expect("cast(d as FLOAT64)", "4.5 -0.25 null 3.75");
    /* 1.005 is stored a little below, 0.005 a little above */
    expect("cast(1005e-3 as DECIMAL)", "1.0 1.0 1.0 1.0");
    expect("cast(5e-3 as DECIMAL)", "0.01 0.01 0.01 0.01");
    expect("cast(d as STRING)", "'4.5' '-0.25' null '3.75'");
    expect("cast(at as STRING)",
           "'2020-01-31 00:00:00' '1969-12-31 23:59:59' null '9999-12-31 23:59:59'");
    expect("cast(b as STRING)", "'true' 'false' null 'true'");
    expect("cast(b as INT32) + n", "2 2 null 5");
    expect("cast(i as BOOL)", "true true null false");
    expect("cast(at as INT64)", "1580428800 -1 null 253402300799");
    expect("cast(i as TIMESTAMP)", "1970-01-01 00:00:07 1969-12-31 23:59:57 null "
                                   "1970-01-01 00:00:00");
    expect("cast('4.5' as DECIMAL)", "4.5 4.5 4.5 4.5");
    expect("date(at)", "18292 -1 null 2932896");
    expect("year(at)", "2020 1969 null 9999");
    expect("date('1970-01-02 23:59:59')", "1 1 1 1");
    expect_fault("cast(big as INT32)", MDL_E_OVERFLOW,
                 "9223372036854775807 does not fit INT32, at column 1");
    expect_fault("cast(timestamp as TIMESTAMP)", MDL_E_OVERFLOW,
                 "9223372036854775807 does not fit TIMESTAMP, at column 1");
    expect_fault("cast(x as INT64)", MDL_E_OVERFLOW, "NaN does not fit INT64, at column 1");
    expect_fault("cast(1e20 as INT64)", MDL_E_OVERFLOW,
                 "100000000000000000000.0 does not fit INT64, at column 1");
    expect_fault("cast(genre as INT32)", MDL_E_DATA, "'Drama' is no INT32, at column 1");
    expect_fault("cast('10000' as DECIMAL)", MDL_E_DATA,
                 "'10000' does not fit DECIMAL(9,2), at column 1");
    expect_fault("cast(b as TIMESTAMP)", MDL_E_TYPE, "no cast from BOOL to TIMESTAMP at column 1");
    expect_fault("cast(i as INTEGER)", MDL_E_EXPRESSION,
                 "expected a type (INT32, INT64, DECIMAL, FLOAT64, BOOL, TIMESTAMP or STRING), "
                 "not INTEGER at column 11");
    expect_fault("at = '2020-02-30 00:00:00'", MDL_E_EXPRESSION,
                 "'2020-02-30 00:00:00' is not a TIMESTAMP, which is written "
                 "YYYY-MM-DD HH:MM:SS, at column 6");
    expect_fault("year(i)", MDL_E_TYPE, "year() takes TIMESTAMP, not INT32, at column 6");
}
END_TEST

START_TEST(faults_tell_the_place)
{
    expect_fault("i + ", MDL_E_EXPRESSION, "expected a value at column 5");
    expect_fault("", MDL_E_EXPRESSION, "expected a value at column 1");
    expect_fault("(i + 1", MDL_E_EXPRESSION, "expected an operator or ) at column 7");
    expect_fault("i n", MDL_E_EXPRESSION, "expected an operator or the end, not n at column 3");
    expect_fault("s = 'é' + ", MDL_E_EXPRESSION, "expected a value at column 11");
    expect_fault("i = $1", MDL_E_EXPRESSION,
                 "unexpected character $ (names with odd characters go in double quotes) at "
                 "column 5");
    expect_fault("s = 'abc", MDL_E_EXPRESSION,
                 "no closing quote for the text that starts at column 5");
    expect_fault("12abc", MDL_E_EXPRESSION,
                 "a number that is not written like 12, 4.5 or 1e-3 at column 1");
    expect_fault("i + .5", MDL_E_EXPRESSION,
                 "a number without a digit in front of its point at column 5");
    expect_fault("9223372036854775808", MDL_E_EXPRESSION,
                 "a number that does not fit INT64 at column 1");
    expect_fault("i + gerne", MDL_E_NOT_FOUND,
                 "no column \"gerne\" (did you mean \"genre\"?) at column 5");
    expect_fault("completely_other", MDL_E_NOT_FOUND,
                 "no column \"completely_other\" (there are i, big, d, x, b, at, s, genre, n, "
                 "timestamp, odd \"name\") at column 1");
    expect_fault("lenght(s)", MDL_E_NOT_FOUND,
                 "no function \"lenght\" (did you mean \"length\"?) at column 1");
    expect_fault("length(s, s)", MDL_E_EXPRESSION, "length() takes 1 argument, not 2, at column 1");
    expect_fault("least(n)", MDL_E_EXPRESSION,
                 "least() takes at least 2 arguments, not 1, at column 1");
    expect_fault("sum(i)", MDL_E_EXPRESSION,
                 "aggregate sum() where only values of one row can stand at column 1");
    expect_fault("i and b", MDL_E_TYPE, "and takes BOOL, not INT32, at column 1");
    expect_fault("\xff", MDL_E_EXPRESSION, "text is not UTF-8 at column 1");
}
END_TEST

START_TEST(depth_is_limited)
{
    static char text[TEXT_MAX];
    static const char *const openings[] = {"(", "not ", "- ", "abs(", "1 + (", "case when b then "};
    char got[4096];
    for (size_t o = 0; o < sizeof(openings) / sizeof(openings[0]); o++) {
        char *at = text;
        while (at < text + TEXT_MAX - 32) {
            at += sprintf(at, "%s", openings[o]);
        }
        ck_assert_int_eq(evaluate(text, got), MDL_E_EXPRESSION);
        ck_assert_ptr_nonnull(strstr(got, "more than 500 levels of nesting"));
    }
    char *at = text + sprintf(text, "n");
    while (at < text + TEXT_MAX - 32) {
        at += sprintf(at, " + 1");
    }
    ck_assert_int_eq(evaluate(text, got), MDL_E_EXPRESSION);
    /* chains of and, or and || are flat */
    at = text + sprintf(text, "n = 1");
    while (at < text + TEXT_MAX - 32) {
        at += sprintf(at, " or n = 3");
    }
    expect(text, "true false true false");
    /* shared left sides do not multiply the work */
    at = text + sprintf(text, "b");
    for (int l = 0; l < 60; l++) {
        memmove(text + 1, text, (size_t)(at - text));
        text[0] = '(';
        at += 1;
        at += sprintf(at, ") between (not b) and b");
    }
    ck_assert_int_eq(evaluate(text, got), MDL_OK);
}
END_TEST

START_TEST(functions_of_the_caller)
{
    expect("twice(genre)", "'DramaDrama' 'ComedyComedy' null 'DramaDrama'");
    expect("twice('ab')", "'abab' 'abab' 'abab' 'abab'");
    expect("pick_genre(case when n < 4 then n else 1 end)", "'Drama' 'Comedy' 'Sci-Fi' 'Drama'");
    expect("half(n * 2)", "1 2 3 4");
    /* only the rows of its branch are shown to it, at once */
    n_seen_rows = 0;
    expect("case when n % 2 = 0 then half(n) else -1 end", "-1 1 -1 2");
    ck_assert_int_eq(n_seen_rows, 2);
    expect("case when n > 1 then pick_genre(cast(n - 1 as INT32)) end || '!'",
           "null 'Drama!' 'Comedy!' 'Sci-Fi!'");
}
END_TEST

START_TEST(faults_of_functions)
{
    char got[4096];
    ck_assert_int_eq(evaluate("half(n)", got), MDL_E_DATA);
    ck_assert_str_eq(got, "1 is odd");
    expect_fault("pick_genre(n)", MDL_E_ARGUMENT,
                 "function pick_genre() gave code 3 for a dictionary of 3 entries at column 1");
    expect_fault("half('a')", MDL_E_TYPE,
                 "argument 1 of half() is INT64, not STRING (use cast), at column 6");
    expect_fault("half(1, 2)", MDL_E_EXPRESSION, "half() takes 1 argument, not 2, at column 1");
}
END_TEST

/* ---- Bounds, columns, lists, keys ---- */

static mdli_range range_of(const char *text)
{
    mdli_range columns[N_FIELDS] = {{true, -3, 7}};
    columns[2] = (mdli_range){true, -25, 450};
    columns[5] = (mdli_range){true, -1, 1580428800};
    columns[8] = (mdli_range){true, 1, 4};
    const mdli_expression *expression;
    ck_assert_int_eq(mdli_expression_parse(&arena, text, &scope, &expression, NULL), MDL_OK);
    return mdli_expression_range(expression, columns);
}

static void expect_range(const char *text, int64_t least, int64_t greatest)
{
    mdli_range range = range_of(text);
    ck_assert_msg(range.is_known && range.least == least && range.greatest == greatest,
                  "%s: %d %" PRId64 " %" PRId64, text, range.is_known, range.least, range.greatest);
}

START_TEST(bounds)
{
    expect_range("i", -3, 7);
    expect_range("i + 10", 7, 17);
    expect_range("10 - i", 3, 13);
    expect_range("i + n", -2, 11);
    expect_range("cast(i as INT64)", -3, 7);
    expect_range("cast(n as DECIMAL)", 100, 400);
    expect_range("d + 1", 75, 550);
    expect_range("date(at)", -1, 18292);
    expect_range("year(at)", 1969, 2020);
    expect_range("case when b then i when b then n else 9 end", -3, 9);
    expect_range("case when b then n end", 1, 4);
    expect_range("coalesce(n, 0)", 0, 4);
    expect_range("i > 3", 0, 1);
    expect_range("5", 5, 5);
    ck_assert(!range_of("big + 1").is_known);
    ck_assert(!range_of("n + 9223372036854775807").is_known);
    ck_assert(!range_of("x").is_known);
    ck_assert(!range_of("coalesce(i, big)").is_known);
}
END_TEST

START_TEST(columns_of_an_expression)
{
    const mdli_expression *expression;
    bool used[N_FIELDS] = {false};
    int32_t column = -1;
    ck_assert_int_eq(
        mdli_expression_parse(&arena, "i + n between 1 and 2 * n", &scope, &expression, NULL),
        MDL_OK);
    mdli_expression_mark_columns(expression, used);
    for (int c = 0; c < N_FIELDS; c++) {
        ck_assert(used[c] == (c == 0 || c == 8));
    }
    ck_assert(!mdli_expression_is_column(expression, &column));
    ck_assert(!mdli_expression_is_retyped_column(expression, &column));
    ck_assert_int_eq(
        mdli_expression_parse(&arena, "cast(big as TIMESTAMP)", &scope, &expression, NULL), MDL_OK);
    ck_assert(!mdli_expression_is_column(expression, &column));
    ck_assert(mdli_expression_is_retyped_column(expression, &column));
    ck_assert_int_eq(column, 1);
    ck_assert_int_eq(mdli_expression_parse(&arena, "cast(d as DECIMAL)", &scope, &expression, NULL),
                     MDL_OK);
    ck_assert(mdli_expression_is_column(expression, &column));
    ck_assert_int_eq(column, 2);
}
END_TEST

/* A column that is asked for as it is is not copied. */
START_TEST(columns_are_not_copied)
{
    const mdli_expression *expression;
    mdli_evaluator *evaluator;
    mdl_vector columns[N_FIELDS];
    mdl_vector result;
    make_columns(columns);
    static const char *const plain[] = {"n", "cast(at as INT64)", "coalesce(n, 5)"};
    static const void *const values[] = {column_n, column_at, column_n};
    for (int t = 0; t < 3; t++) {
        ck_assert_int_eq(mdli_expression_parse(&arena, plain[t], &scope, &expression, NULL),
                         MDL_OK);
        ck_assert_int_eq(mdli_evaluator_create(context, expression, &evaluator, NULL), MDL_OK);
        ck_assert_int_eq(mdli_evaluate(evaluator, columns, N_ROWS, &result, NULL), MDL_OK);
        ck_assert_ptr_eq(result.values, values[t]);
        mdli_evaluator_free(evaluator);
    }
}
END_TEST

START_TEST(lists)
{
    const mdli_named_expression *list;
    mdl_error error = MDL_ERROR_INIT;
    int32_t n;
    ck_assert_int_eq(mdli_expression_parse_list(&arena, "n, *", &scope, false, &list, &n, &error),
                     MDL_E_EXPRESSION);
    ck_assert_ptr_nonnull(strstr(error.message, "two columns are named \"n\""));
    ck_assert_int_eq(mdli_expression_parse_list(&arena, "*, i + n as \"a b\", n as end", &scope,
                                                false, &list, &n, NULL),
                     MDL_OK);
    ck_assert_int_eq(n, N_FIELDS + 2);
    ck_assert_str_eq(list[3].name, "x");
    ck_assert_str_eq(list[N_FIELDS].name, "a b");
    ck_assert_str_eq(list[N_FIELDS + 1].name, "end");
    error = (mdl_error)MDL_ERROR_INIT;
    ck_assert_int_eq(
        mdli_expression_parse_list(&arena, "n, i + 1", &scope, false, &list, &n, &error),
        MDL_E_EXPRESSION);
    ck_assert_str_eq(error.message,
                     "in expression \"n, i + 1\": expected an operator or \"as\" and "
                     "a name at column 9");
    ck_assert_int_eq(mdli_expression_parse_list(
                         &arena,
                         "count(*) as a, COUNT(distinct i % 2) as b, avg(d) as c, "
                         "string_agg(s, '''|') as d, count_if(i > 0) as e, first(at) as f",
                         &scope, true, &list, &n, NULL),
                     MDL_OK);
    ck_assert_int_eq(n, 6);
    ck_assert_ptr_null(list[0].expression);
    ck_assert_str_eq(list[1].aggregate, "count");
    ck_assert(list[1].is_distinct && !list[2].is_distinct);
    ck_assert_str_eq(list[3].separator, "'|");
    ck_assert_int_eq(list[3].separator_bytes, 2);
    ck_assert_int_eq(mdli_expression_type(list[5].expression), MDL_TYPE_TIMESTAMP);
    error = (mdl_error)MDL_ERROR_INIT;
    ck_assert_int_eq(
        mdli_expression_parse_list(&arena, "avg(x) as c", &scope, true, &list, &n, &error),
        MDL_E_TYPE);
    ck_assert_str_eq(error.message, "in expression \"avg(x) as c\": avg() takes INT32, INT64 or "
                                    "DECIMAL, not FLOAT64, at column 5");
}
END_TEST

START_TEST(keys)
{
    const mdli_key *key_list;
    int32_t n;
    ck_assert_int_eq(mdli_keys_parse(&arena, "n, - i", &scope, true, &key_list, &n, NULL), MDL_OK);
    ck_assert_int_eq(n, 2);
    ck_assert(key_list[0].column == 8 && !key_list[0].is_descending);
    ck_assert(key_list[1].column == 0 && key_list[1].is_descending);
    ck_assert_int_eq(mdli_keys_parse(&arena, "", &scope, true, &key_list, &n, NULL), MDL_OK);
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(mdli_keys_parse(&arena, NULL, &scope, true, &key_list, &n, NULL), MDL_OK);
    ck_assert_int_eq(n, 0);
    static const struct {
        const char *text;
        mdl_status status;
    } faults[] = {{"-n", MDL_E_EXPRESSION},
                  {"n,", MDL_E_EXPRESSION},
                  {"n, n", MDL_E_EXPRESSION},
                  {"n i", MDL_E_EXPRESSION},
                  {"m", MDL_E_NOT_FOUND}};
    for (size_t f = 0; f < sizeof(faults) / sizeof(faults[0]); f++) {
        ck_assert_int_eq(
            mdli_keys_parse(&arena, faults[f].text, &scope, false, &key_list, &n, NULL),
            faults[f].status);
    }
    static const mdl_field right_fields[] = {{"n", MDL_TYPE_INT64}, {"title", MDL_TYPE_STRING}};
    mdli_scope right = {.fields = right_fields, .n_fields = 2};
    int32_t *lefts;
    int32_t *rights;
    ck_assert_int_eq(
        mdli_join_keys_parse(&arena, "n, genre = title", &scope, &right, &lefts, &rights, &n, NULL),
        MDL_OK);
    ck_assert_int_eq(n, 2);
    ck_assert(lefts[0] == 8 && rights[0] == 0 && lefts[1] == 7 && rights[1] == 1);
    ck_assert_int_eq(mdli_join_keys_parse(&arena, "i", &scope, &right, &lefts, &rights, &n, NULL),
                     MDL_E_NOT_FOUND);
    ck_assert_int_eq(
        mdli_join_keys_parse(&arena, "i = title", &scope, &right, &lefts, &rights, &n, NULL),
        MDL_E_TYPE);
}
END_TEST

/* ---- Against SQLite ---- */

typedef struct rows {
    int32_t a[N_RANDOM_ROWS];
    int64_t b[N_RANDOM_ROWS];
    int32_t c[N_RANDOM_ROWS];
    mdl_string s[N_RANDOM_ROWS];
    int32_t t[N_RANDOM_ROWS]; /* codes */
    uint8_t f[N_RANDOM_ROWS];
    uint64_t validity[6][(N_RANDOM_ROWS + 63) / 64];
} rows;

static const mdl_field random_fields[] = {
    {"a", MDL_TYPE_INT32},  {"b", MDL_TYPE_INT64},  {"c", MDL_TYPE_INT32},
    {"s", MDL_TYPE_STRING}, {"t", MDL_TYPE_STRING}, {"f", MDL_TYPE_BOOL},
};

static const char *const words[] = {"",    "a",    "b",   "ab", "abc", "Ab", "é",
                                    "éab", "日本", "a%b", "_",  " a ", "12"};

enum {
    N_RANDOM_FIELDS = 6,
    N_WORDS = sizeof(words) / sizeof(words[0])
};

static mdl_string word_entries[N_WORDS];

/* Fills the rows, and a table `r` of SQLite with the same. Column 2 has no NULL. */
static void make_rows(test_random *random, rows *out, sqlite3 *database)
{
    for (int w = 0; w < N_WORDS; w++) {
        word_entries[w] = (mdl_string){words[w], (int64_t)strlen(words[w])};
    }
    sqlite3_stmt *insert;
    ck_assert_int_eq(sqlite3_exec(database,
                                  "pragma case_sensitive_like = on;"
                                  "create table r (a, b, c, s, t, f)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_prepare_v2(database, "insert into r values (?, ?, ?, ?, ?, ?)", -1, &insert, NULL),
        SQLITE_OK);
    memset(out->validity, 0, sizeof(out->validity));
    for (int r = 0; r < N_RANDOM_ROWS; r++) {
        out->a[r] = (int32_t)test_random_below(random, 13) - 6;
        out->b[r] = (int64_t)test_random_below(random, 2001) - 1000;
        out->c[r] = (int32_t)test_random_below(random, 3);
        int s = (int)test_random_below(random, N_WORDS);
        out->s[r] = word_entries[s];
        out->t[r] = (int32_t)test_random_below(random, N_WORDS);
        out->f[r] = (uint8_t)test_random_below(random, 2);
        sqlite3_bind_int64(insert, 1, out->a[r]);
        sqlite3_bind_int64(insert, 2, out->b[r]);
        sqlite3_bind_int64(insert, 3, out->c[r]);
        sqlite3_bind_text(insert, 4, words[s], -1, SQLITE_STATIC);
        sqlite3_bind_text(insert, 5, words[out->t[r]], -1, SQLITE_STATIC);
        sqlite3_bind_int64(insert, 6, out->f[r]);
        for (int c = 0; c < N_RANDOM_FIELDS; c++) {
            if (c != 2 && test_random_below(random, 5) == 0) {
                sqlite3_bind_null(insert, c + 1);
            } else {
                out->validity[c][r / 64] |= UINT64_C(1) << (r % 64);
            }
        }
        ck_assert_int_eq(sqlite3_step(insert), SQLITE_DONE);
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
}

/* The rows from `first`, a multiple of 64, on. */
static void make_random_columns(const rows *from, int first, mdl_vector *columns)
{
    const void *const values[] = {
        from->a + first, from->b + first, from->c + first, from->s + first, NULL, from->f + first};
    for (int c = 0; c < N_RANDOM_FIELDS; c++) {
        columns[c] = (mdl_vector){.type = random_fields[c].type,
                                  .n_rows = N_RANDOM_ROWS - first,
                                  .values = values[c],
                                  .validity = c == 2 ? NULL : from->validity[c] + first / 64};
    }
    columns[4].codes = from->t + first;
    columns[4].dictionary = word_entries;
    columns[4].n_dictionary = N_WORDS;
}

/* An expression in our language and in SQLite's. */
typedef struct writer {
    test_random *random;
    char ours[TEXT_MAX];
    char theirs[TEXT_MAX];
    size_t n_ours;
    size_t n_theirs;
} writer;

static void write_two(writer *w, const char *ours, const char *theirs)
{
    ck_assert(w->n_ours + strlen(ours) < TEXT_MAX && w->n_theirs + strlen(theirs) < TEXT_MAX);
    strcpy(w->ours + w->n_ours, ours);
    strcpy(w->theirs + w->n_theirs, theirs);
    w->n_ours += strlen(ours);
    w->n_theirs += strlen(theirs);
}

static void put(writer *w, const char *text)
{
    write_two(w, text, text);
}

static int below(writer *w, int n)
{
    return (int)test_random_below(w->random, (uint64_t)n);
}

static void write_bool(writer *w, int depth);
static void write_text(writer *w, int depth);

static void write_small_number(writer *w)
{
    char text[16];
    sprintf(text, "%d", below(w, 15) - 7);
    put(w, text);
}

static void write_number(writer *w, int depth)
{
    static const char *const columns[] = {"a", "b", "c"};
    static const char *const operators[] = {" + ", " - ", " % "};
    switch (below(w, depth > 0 ? 14 : 4)) {
    case 0:
        write_small_number(w);
        break;
    case 1:
    case 2:
    case 3:
        put(w, columns[below(w, 3)]);
        break;
    case 4:
    case 5:
    case 6: /* no parentheses: operators bind alike in both languages */
        write_number(w, depth - 1);
        put(w, operators[below(w, 3)]);
        write_number(w, depth - 1);
        break;
    case 7:
        write_number(w, depth - 1);
        put(w, " * ");
        write_small_number(w);
        break;
    case 8:
        put(w, "- (");
        write_number(w, depth - 1);
        put(w, ")");
        break;
    case 9:
        put(w, "abs(");
        write_number(w, depth - 1);
        put(w, ")");
        break;
    case 10:
        put(w, "length(");
        write_text(w, depth - 1);
        put(w, ")");
        break;
    case 11:
        put(w, "coalesce(");
        write_number(w, depth - 1);
        put(w, ", ");
        write_number(w, depth - 1);
        put(w, ")");
        break;
    case 12: /* SQLite's min and max of several values are NULL when one is */
        write_two(w, below(w, 2) ? "least(a, c, b)" : "greatest(a, c, b)", "");
        write_two(w, "",
                  w->ours[w->n_ours - 14] == 'l' ? "min(coalesce(a, c), c, coalesce(b, c))"
                                                 : "max(coalesce(a, c), c, coalesce(b, c))");
        break;
    default:
        put(w, "case when ");
        write_bool(w, depth - 1);
        put(w, " then ");
        write_number(w, depth - 1);
        put(w, " when ");
        write_bool(w, depth - 1);
        put(w, " then ");
        write_number(w, depth - 1);
        if (below(w, 2)) {
            put(w, " else ");
            write_number(w, depth - 1);
        }
        put(w, " end");
        break;
    }
}

static void write_text(writer *w, int depth)
{
    switch (below(w, depth > 0 ? 10 : 4)) {
    case 0:
        put(w, "'");
        put(w, words[below(w, N_WORDS)]);
        put(w, "'");
        break;
    case 1:
        put(w, "s");
        break;
    case 2:
    case 3:
        put(w, "t");
        break;
    case 4:
        write_text(w, depth - 1);
        put(w, " || ");
        write_text(w, depth - 1);
        break;
    case 5:
        put(w, below(w, 2) ? "lower(" : "upper(");
        write_text(w, depth - 1);
        put(w, ")");
        break;
    case 6:
        put(w, "trim(");
        write_text(w, depth - 1);
        put(w, ")");
        break;
    case 7:
        put(w, "cast(");
        write_number(w, depth - 1);
        write_two(w, " as STRING)", " as TEXT)");
        break;
    case 8:
        put(w, "case when ");
        write_bool(w, depth - 1);
        put(w, " then 'yes' when ");
        write_bool(w, depth - 1);
        put(w, " then 'maybe' else 'no' end");
        break;
    default:
        put(w, "coalesce(");
        write_text(w, depth - 1);
        put(w, ", ");
        write_text(w, depth - 1);
        put(w, ")");
        break;
    }
}

static void write_list(writer *w, int depth, void (*write)(writer *, int))
{
    int n_items = 1 + below(w, 4);
    put(w, below(w, 2) ? " in (" : " not in (");
    for (int i = 0; i < n_items; i++) {
        put(w, i > 0 ? ", " : "");
        if (below(w, 8) == 0) {
            put(w, "null");
        } else {
            write(w, below(w, 2) ? 0 : depth - 1);
        }
    }
    put(w, ")");
}

static void write_bool(writer *w, int depth)
{
    static const char *const comparisons[] = {" = ", " != ", " <> ", " < ", " <= ", " > ", " >= "};
    static const char *const patterns[] = {"'a%'", "'%b'", "'%a%'", "'_'", "'%_b%'", "''", "'a%b'"};
    switch (below(w, depth > 0 ? 13 : 2)) {
    case 0:
        put(w, below(w, 4) ? "f" : below(w, 2) ? "true" : "false");
        break;
    case 1:
        write_number(w, 0);
        put(w, comparisons[below(w, 7)]);
        write_number(w, 0);
        break;
    case 2:
    case 3:
        write_number(w, depth - 1);
        put(w, comparisons[below(w, 7)]);
        write_number(w, depth - 1);
        break;
    case 4:
        write_text(w, depth - 1);
        put(w, comparisons[below(w, 7)]);
        write_text(w, depth - 1);
        break;
    case 5:
    case 6:
        write_bool(w, depth - 1);
        put(w, below(w, 2) ? " and " : " or ");
        write_bool(w, depth - 1);
        break;
    case 7:
        put(w, "not ");
        write_bool(w, depth - 1);
        break;
    case 8:
        put(w, "(");
        write_bool(w, depth - 1);
        put(w, below(w, 2) ? ") is null" : ") is not null");
        break;
    case 9:
        write_number(w, depth - 1);
        put(w, below(w, 2) ? " between " : " not between ");
        write_number(w, depth - 1);
        put(w, " and ");
        write_number(w, depth - 1);
        break;
    case 10:
        write_number(w, depth - 1);
        write_list(w, depth, write_number);
        break;
    case 11:
        write_text(w, depth - 1);
        write_list(w, depth, write_text);
        break;
    default:
        write_text(w, depth - 1);
        put(w, below(w, 2) ? " like " : " not like ");
        if (below(w, 3) == 0) {
            write_text(w, depth - 1);
        } else {
            put(w, patterns[below(w, 7)]);
        }
        break;
    }
}

static void expect_row(const writer *w, const mdl_vector *result, int64_t row, sqlite3_stmt *select,
                       int number)
{
    bool is_null = sqlite3_column_type(select, 0) == SQLITE_NULL;
    bool is_same = is_null == mdl_vector_is_null(result, row);
    if (is_same && !is_null) {
        int64_t integer = sqlite3_column_int64(select, 0);
        switch (result->type) {
        case MDL_TYPE_STRING: {
            mdl_string text = mdl_vector_string(result, row);
            is_same = text.size_bytes == sqlite3_column_bytes(select, 0) &&
                      (text.size_bytes == 0 || memcmp(text.data, sqlite3_column_text(select, 0),
                                                      (size_t)text.size_bytes) == 0);
            break;
        }
        case MDL_TYPE_BOOL:
            is_same = ((const uint8_t *)result->values)[row] == integer;
            break;
        case MDL_TYPE_INT32:
            is_same = mdl_vector_int32(result, row) == integer;
            break;
        default:
            is_same = mdl_vector_int64(result, row) == integer;
            break;
        }
    }
    if (!is_same) {
        char got[TEXT_MAX] = "null";
        if (!mdl_vector_is_null(result, row)) {
            got[format_value(result, row, got)] = '\0';
        }
        const unsigned char *theirs = sqlite3_column_text(select, 0);
        ck_abort_msg("expression %d, row %d: %s, SQLite says %s\n%s", number, (int)row, got,
                     theirs != NULL ? (const char *)theirs : "null", w->ours);
    }
}

static void expect_as_sqlite(const writer *w, const rows *from, sqlite3 *database, int number)
{
    static const mdli_scope random_scope = {.fields = random_fields, .n_fields = N_RANDOM_FIELDS};
    static char sql[TEXT_MAX + 64];
    mdl_error error = MDL_ERROR_INIT;
    const mdli_expression *expression;
    mdli_evaluator *evaluator;
    mdl_vector columns[N_RANDOM_FIELDS];
    mdl_vector result;
    sqlite3_stmt *select;
    snprintf(sql, sizeof(sql), "select %s from r order by rowid", w->theirs);
    ck_assert_msg(sqlite3_prepare_v2(database, sql, -1, &select, NULL) == SQLITE_OK, "%s: %s",
                  w->theirs, sqlite3_errmsg(database));
    ck_assert_msg(mdli_expression_parse(&arena, w->ours, &random_scope, &expression, &error) ==
                      MDL_OK,
                  "%s", error.message);
    ck_assert_int_eq(mdli_evaluator_create(context, expression, &evaluator, NULL), MDL_OK);
    /* in pieces of several sizes, with one evaluator */
    static const int firsts[] = {0, 64, 256, N_RANDOM_ROWS};
    for (int p = 0; p < 3; p++) {
        int64_t n_rows = firsts[p + 1] - firsts[p];
        make_random_columns(from, firsts[p], columns);
        ck_assert_msg(mdli_evaluate(evaluator, columns, n_rows, &result, &error) == MDL_OK, "%s",
                      error.message);
        for (int64_t r = 0; r < n_rows; r++) {
            ck_assert_int_eq(sqlite3_step(select), SQLITE_ROW);
            expect_row(w, &result, r, select, number);
        }
    }
    mdli_evaluator_free(evaluator);
    sqlite3_finalize(select);
}

START_TEST(random_expressions_as_in_sqlite)
{
    static rows from;
    static writer w;
    sqlite3 *database;
    test_random random = test_random_start("random expressions");
    ck_assert_int_eq(sqlite3_open(":memory:", &database), SQLITE_OK);
    make_rows(&random, &from, database);
    w.random = &random;
    for (int e = 0; e < N_RANDOM_EXPRESSIONS; e++) {
        int depth = 1 + e % 4;
        w.n_ours = 0;
        w.n_theirs = 0;
        if (e % 3 == 0) {
            write_number(&w, depth);
        } else if (e % 3 == 1) {
            write_text(&w, depth);
        } else {
            write_bool(&w, depth);
        }
        expect_as_sqlite(&w, &from, database, e);
        mdli_arena_reset(&arena);
    }
    sqlite3_close(database);
}
END_TEST

/* ---- Hostile text and memory that runs out ---- */

START_TEST(random_tokens_do_no_harm)
{
    static const char *const tokens[] = {"i",        "big",   "d",         "x",
                                         "b",        "at",    "s",         "genre",
                                         "n",        "1",     "4.5",       "1e9",
                                         "'a'",      "null",  "true",      "(",
                                         ")",        "(",     ")",         ",",
                                         "+",        "-",     "*",         "/",
                                         "%",        "||",    "=",         "<",
                                         ">=",       "and",   "or",        "not",
                                         "is",       "like",  "in",        "between",
                                         "case",     "when",  "then",      "else",
                                         "end",      "cast",  "as",        "INT32",
                                         "coalesce", "least", "length",    "date",
                                         "twice",    "half",  "timestamp", "'2020-01-01 00:00:00'",
                                         "\"",       "'",     "é",         "1.",
                                         "e5"};
    test_random random = test_random_start("random tokens");
    char text[512];
    char got[4096];
    for (int t = 0; t < N_RANDOM_SOUPS; t++) {
        char *at = text;
        int n_tokens = 1 + (int)test_random_below(&random, 12);
        for (int k = 0; k < n_tokens; k++) {
            at += sprintf(at, "%s ",
                          tokens[test_random_below(&random, sizeof(tokens) / sizeof(tokens[0]))]);
        }
        mdl_status status = evaluate(text, got);
        ck_assert_msg(status < MDL_E_IO, "%s: %s", text, got);
        mdli_arena_reset(&arena);
    }
}
END_TEST

typedef struct failing_memory {
    int n_left; /* allocations until all fail */
} failing_memory;

static void *failing_allocate(void *user_data, size_t size_bytes, size_t alignment_bytes)
{
    failing_memory *memory = user_data;
    return memory->n_left-- > 0 ? aligned_alloc(alignment_bytes, size_bytes) : NULL;
}

static void failing_release(void *user_data, void *memory, size_t size_bytes)
{
    (void)user_data;
    (void)size_bytes;
    free(memory);
}

/* Parses and evaluates in a context whose allocations fail after a while. */
static mdl_status evaluate_with(failing_memory *memory, const char *text)
{
    mdl_context_options options;
    mdl_context *small;
    mdl_context_options_init(&options);
    options.n_threads = 1;
    options.allocator = (mdl_allocator){failing_allocate, failing_release, memory};
    int n_left = memory->n_left;
    memory->n_left = INT32_MAX;
    ck_assert_int_eq(mdl_context_create(&options, &small, NULL), MDL_OK);
    memory->n_left = n_left;
    int64_t before = mdl_context_memory_in_use(small);
    mdli_arena own;
    mdli_arena_init(&own, small, "expression");
    mdl_error error = MDL_ERROR_INIT;
    mdl_vector columns[N_FIELDS];
    mdl_vector result;
    const mdli_expression *expression;
    mdli_evaluator *evaluator = NULL;
    make_columns(columns);
    mdl_status status = mdli_expression_parse(&own, text, &scope, &expression, &error);
    if (status == MDL_OK) {
        status = mdli_evaluator_create(small, expression, &evaluator, &error);
    }
    if (status == MDL_OK) {
        status = mdli_evaluate(evaluator, columns, N_ROWS, &result, &error);
    }
    ck_assert_int_eq(status, error.status);
    mdli_evaluator_free(evaluator);
    mdli_arena_reset(&own);
    ck_assert_int_eq(mdl_context_memory_in_use(small), before);
    mdl_context_free(small);
    return status;
}

START_TEST(memory_may_run_out_anywhere)
{
    static const char text[] =
        "case when n in (1, 2 + 2, 5) and s || 'x' like '%a' then twice(upper(genre)) "
        "when coalesce(cast(i as DECIMAL) / n, x) between 1 and d then cast(at as STRING) "
        "else trim(s) end";
    int n_failures = 0;
    for (int n = 0;; n++) {
        failing_memory memory = {n};
        mdl_status status = evaluate_with(&memory, text);
        if (status == MDL_OK) {
            break;
        }
        ck_assert_int_eq(status, MDL_E_NO_MEMORY);
        n_failures++;
    }
    ck_assert_int_gt(n_failures, 20);
}
END_TEST

static Suite *expression_suite(void)
{
    Suite *suite = suite_create("expression");
    TCase *by_hand = tcase_create("by hand");
    tcase_add_checked_fixture(by_hand, setup, teardown);
    tcase_add_test(by_hand, literals_and_columns);
    tcase_add_test(by_hand, arithmetic);
    tcase_add_test(by_hand, comparisons_are_exact);
    tcase_add_test(by_hand, lists_and_ranges);
    tcase_add_test(by_hand, texts);
    tcase_add_test(by_hand, choices);
    tcase_add_test(by_hand, casts_and_dates);
    tcase_add_test(by_hand, faults_tell_the_place);
    tcase_add_test(by_hand, depth_is_limited);
    tcase_add_test(by_hand, functions_of_the_caller);
    tcase_add_test(by_hand, faults_of_functions);
    tcase_add_test(by_hand, bounds);
    tcase_add_test(by_hand, columns_of_an_expression);
    tcase_add_test(by_hand, columns_are_not_copied);
    tcase_add_test(by_hand, lists);
    tcase_add_test(by_hand, keys);
    suite_add_tcase(suite, by_hand);
    TCase *at_random = tcase_create("at random");
    tcase_add_checked_fixture(at_random, setup, teardown);
    tcase_set_timeout(at_random, 120);
    tcase_add_test(at_random, random_expressions_as_in_sqlite);
    tcase_add_test(at_random, random_tokens_do_no_harm);
    tcase_add_test(at_random, memory_may_run_out_anywhere);
    suite_add_tcase(suite, at_random);
    return suite;
}

int main(void)
{
    return run_suite(expression_suite());
}
