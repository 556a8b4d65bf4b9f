/*
 * Declarations of tests: their names, and reading their texts for the columns of a table.
 *
 * The rules of a value's column are put down as expressions, so that one evaluator works on them
 * and on those that the caller writes.
 */
#include "quality/quality_internal.h"

#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "operators/key_table.h"

const char *mdl_test_kind_name(mdl_test_kind kind)
{
    switch (kind) {
#define NAME_CASE(name, value, text)                                                               \
    case MDL_TEST_##name:                                                                          \
        return text;
        MDL_TEST_KIND_LIST(NAME_CASE)
#undef NAME_CASE
    }
    return "?";
}

/* ---- Names ---- */

/* A text that is clipped to a buffer. */
typedef struct clipped_text {
    char *bytes;
    size_t size; /* room, with the NUL */
    size_t used;
} clipped_text;

static void add_byte(clipped_text *to, char byte)
{
    if (to->used + 1 < to->size) {
        to->bytes[to->used++] = byte;
    }
}

static bool is_name_part(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Adds a text with one `_` for each run of what names are not made of. */
static void add_as_name(clipped_text *to, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (is_name_part(text[i])) {
            add_byte(to, text[i]);
        } else if (i == 0 || is_name_part(text[i - 1])) {
            add_byte(to, '_');
        }
    }
}

/* Adds an argument of a test; two `_` part it from the one before. */
static void add_argument(clipped_text *to, const char *text, size_t size, bool *is_first)
{
    add_byte(to, '_');
    if (!*is_first) {
        add_byte(to, '_');
    }
    add_as_name(to, text, size);
    *is_first = false;
}

/* Adds a list of columns, `movie_id, "odd name"`, each as an argument. NULL is none. */
static void add_columns(clipped_text *to, const char *columns, bool *is_first)
{
    while (columns != NULL && *columns != '\0') {
        columns += strspn(columns, ", \t");
        bool is_quoted = *columns == '"';
        columns += is_quoted;
        size_t size = strcspn(columns, is_quoted ? "\"" : ", \t");
        if (size > 0) {
            add_argument(to, columns, size, is_first);
        }
        columns += size;
        columns += is_quoted && *columns == '"';
    }
}

void mdl_test_name(const mdl_test *test, const char *table, char *out, size_t size_bytes)
{
    if (size_bytes == 0) {
        return;
    }
    clipped_text name = {.bytes = out, .size = size_bytes};
    if (test->name != NULL) {
        size_t n = strlen(test->name);
        n = n < size_bytes ? n
                           : (size_t)mdli_utf8_valid_prefix(test->name, (int64_t)size_bytes - 1);
        memcpy(out, test->name, n);
        out[n] = '\0';
        return;
    }
    const char *kind = mdl_test_kind_name(test->kind);
    bool is_first = true;
    add_as_name(&name, kind, strlen(kind));
    add_byte(&name, '_');
    add_as_name(&name, table, strlen(table));
    add_columns(&name, test->columns, &is_first);
    bool has_same_columns = test->kind == MDL_TEST_RELATIONSHIPS && test->to_columns == NULL;
    add_columns(&name, has_same_columns ? test->columns : test->to_columns, &is_first);
    if (test->to != NULL) {
        add_argument(&name, "ref_", 4, &is_first);
        add_as_name(&name, test->to, strlen(test->to));
        add_byte(&name, '_');
    }
    if (test->expression != NULL) {
        add_argument(&name, test->expression, strlen(test->expression), &is_first);
    }
    out[name.used] = '\0';
}

/* ---- Reading ---- */

mdl_status mdli_test_join(mdli_test_plan *plan, const char *const *texts, const char **out,
                          mdl_error *error)
{
    size_t size = 1;
    for (int i = 0; texts[i] != NULL; i++) {
        size += strlen(texts[i]);
    }
    char *joined = mdli_arena_allocate(&plan->arena, size, error);
    *out = joined;
    if (joined == NULL) {
        return plan->arena.failure;
    }
    for (int i = 0; texts[i] != NULL; i++) {
        size_t n = strlen(texts[i]);
        memcpy(joined, texts[i], n);
        joined += n;
    }
    *joined = '\0';
    return MDL_OK;
}

/* A column's name as expressions write it, whatever it is made of. */
static mdl_status quote_name(mdli_arena *arena, const char *name, const char **out,
                             mdl_error *error)
{
    char *text = mdli_arena_allocate(arena, 2 * strlen(name) + 3, error);
    *out = text;
    if (text == NULL) {
        return arena->failure;
    }
    *text++ = '"';
    for (; *name != '\0'; name++) {
        if (*name == '"') {
            *text++ = '"';
        }
        *text++ = *name;
    }
    *text++ = '"';
    *text = '\0';
    return MDL_OK;
}

static mdl_status copy_fields(mdli_test_plan *plan, const mdl_field *fields, int32_t n_fields,
                              mdl_error *error)
{
    plan->fields =
        mdli_arena_allocate(&plan->arena, (size_t)(n_fields + 1) * sizeof *fields, error);
    if (plan->fields == NULL) {
        return plan->arena.failure;
    }
    for (int32_t i = 0; i < n_fields; i++) {
        plan->fields[i] = fields[i];
    }
    plan->n_fields = n_fields;
    return MDL_OK;
}

static mdl_status fault(const mdli_test_plan *plan, mdl_error *error, const char *what)
{
    return mdl_error_set(error, MDL_E_ARGUMENT, "a test of kind %s %s",
                         mdl_test_kind_name(plan->test->kind), what);
}

/* How many columns each kind is about. */
static mdl_status check_columns(const mdli_test_plan *plan, mdl_error *error)
{
    bool needs_one = false;
    switch (plan->test->kind) {
    case MDL_TEST_ACCEPTED_VALUES:
    case MDL_TEST_ACCEPTED_RANGE:
    case MDL_TEST_SUM_EQUAL:
        needs_one = true;
        break;
    case MDL_TEST_NOT_NULL:
    case MDL_TEST_UNIQUE:
    case MDL_TEST_RELATIONSHIPS:
        break;
    default:
        return MDL_OK;
    }
    if (plan->n_columns < 1 || (needs_one && plan->n_columns > 1)) {
        return fault(plan, error, needs_one ? "is about one column" : "needs columns");
    }
    if (plan->n_columns > MDLI_KEY_COLUMNS_MAX) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED, "a test of %d columns, more than %d",
                             (int)plan->n_columns, MDLI_KEY_COLUMNS_MAX);
    }
    return MDL_OK;
}

/* What a kind needs besides columns. */
static mdl_status check_members(const mdli_test_plan *plan, mdl_error *error)
{
    const mdl_test *test = plan->test;
    switch (test->kind) {
    case MDL_TEST_ACCEPTED_RANGE:
        return test->least != NULL || test->greatest != NULL ? MDL_OK
                                                             : fault(plan, error, "needs a bound");
    case MDL_TEST_RELATIONSHIPS:
    case MDL_TEST_ROW_COUNT_EQUAL:
    case MDL_TEST_SUM_EQUAL:
        return test->to != NULL ? MDL_OK : fault(plan, error, "needs another table");
    case MDL_TEST_EXPRESSION:
        return test->expression != NULL ? MDL_OK : fault(plan, error, "needs an expression");
    case MDL_TEST_CALLBACK:
        return test->find != NULL ? MDL_OK : fault(plan, error, "needs a function");
    default:
        return MDL_OK;
    }
}

/* Reads a BOOL expression. */
static mdl_status read_predicate(mdli_test_plan *plan, const char *text,
                                 const mdli_expression **out, mdl_error *error)
{
    mdli_scope scope = {.fields = plan->fields, .n_fields = plan->n_fields};
    MDLI_TRY(mdli_expression_parse(&plan->arena, text, &scope, out, error));
    mdl_type type = mdli_expression_type(*out);
    if (type != MDL_TYPE_BOOL) {
        char shown[160];
        mdli_escape_text(text, strlen(text), shown, sizeof shown);
        return mdl_error_set(error, MDL_E_TYPE, "the condition \"%s\" of a test is %s, not BOOL",
                             shown, mdl_type_name(type));
    }
    return MDL_OK;
}

/* `"x" >= (least) and "x" <= (greatest)`, or the half of it that there is. */
static mdl_status write_range(mdli_test_plan *plan, const char *name, const char **out,
                              mdl_error *error)
{
    const mdl_test *test = plan->test;
    const char *const both[] = {name,    " >= (",        test->least, ") and ", name,
                                " <= (", test->greatest, ")",         NULL};
    const char *const above[] = {name, " >= (", test->least, ")", NULL};
    const char *const below[] = {name, " <= (", test->greatest, ")", NULL};
    return mdli_test_join(plan,
                          test->greatest == NULL ? above
                          : test->least == NULL  ? below
                                                 : both,
                          out, error);
}

/* Puts the rule of a kind of rows as an expression. */
static mdl_status write_rule(mdli_test_plan *plan, const char **out, mdl_error *error)
{
    const mdl_test *test = plan->test;
    const char *name;
    *out = test->kind == MDL_TEST_EXPRESSION ? test->expression : NULL;
    if (test->kind != MDL_TEST_ACCEPTED_VALUES && test->kind != MDL_TEST_ACCEPTED_RANGE) {
        return MDL_OK;
    }
    MDLI_TRY(quote_name(&plan->arena, plan->fields[plan->columns[0].column].name, &name, error));
    if (test->kind == MDL_TEST_ACCEPTED_RANGE) {
        return write_range(plan, name, out, error);
    }
    if (test->values == NULL) {
        return MDL_OK;
    }
    const char *const texts[] = {name, " in (", test->values, ")", NULL};
    return mdli_test_join(plan, texts, out, error);
}

static mdl_status read_rule(mdli_test_plan *plan, mdl_error *error)
{
    const char *text;
    MDLI_TRY(write_rule(plan, &text, error));
    return text != NULL ? read_predicate(plan, text, &plan->rule, error) : MDL_OK;
}

mdl_status mdli_test_plan_create(mdl_context *context, const mdl_test *test,
                                 const mdl_field *fields, int32_t n_fields, mdli_test_plan *plan,
                                 mdl_error *error)
{
    *plan = (mdli_test_plan){.context = context, .test = test};
    mdli_arena_init(&plan->arena, context, "test");
    if (test->kind < MDL_TEST_NOT_NULL || test->kind > MDL_TEST_CALLBACK) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "%d is no mdl_test_kind", (int)test->kind);
    }
    if (test->severity != MDL_SEVERITY_ERROR && test->severity != MDL_SEVERITY_WARN) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "%d is no mdl_severity", (int)test->severity);
    }
    MDLI_TRY(mdli_condition_parse(test->warn_if, &plan->warn_if, error));
    MDLI_TRY(mdli_condition_parse(test->error_if, &plan->error_if, error));
    MDLI_TRY(copy_fields(plan, fields, n_fields, error));
    mdli_scope scope = {.fields = plan->fields, .n_fields = n_fields};
    MDLI_TRY(mdli_keys_parse(&plan->arena, test->columns, &scope, false, &plan->columns,
                             &plan->n_columns, error));
    MDLI_TRY(check_columns(plan, error));
    MDLI_TRY(check_members(plan, error));
    if (test->where != NULL) {
        MDLI_TRY(read_predicate(plan, test->where, &plan->where, error));
    }
    return read_rule(plan, error);
}

void mdli_test_plan_free(mdli_test_plan *plan)
{
    mdli_arena_reset(&plan->arena);
}

mdl_status mdli_test_check(mdl_context *context, const mdl_test *test, const char *table,
                           const mdl_field *fields, int32_t n_fields, mdl_error *error)
{
    mdli_test_plan plan;
    mdl_error reason = MDL_ERROR_INIT;
    mdl_status status = mdli_test_plan_create(context, test, fields, n_fields, &plan, &reason);
    mdli_test_plan_free(&plan);
    if (status != MDL_OK) {
        char name[128];
        mdl_test_name(test, table, name, sizeof name);
        mdl_error_set(error, status, "test %s of %s: %.500s", name, table, reason.message);
    }
    return status;
}
