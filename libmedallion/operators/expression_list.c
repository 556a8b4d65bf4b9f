/*
 * Expressions: the lists that operators take: "expression as name, …", aggregates, keys, and the
 * keys of joins.
 */
#include "operators/expression_internal.h"

/* ---- Lists that grow in an arena ---- */

typedef struct entry_list {
    mdli_named_expression *entries;
    int32_t n_entries;
    int32_t capacity;
} entry_list;

static mdl_status add_entry(mdli_parser *parser, entry_list *list,
                            const mdli_named_expression *entry, int64_t position)
{
    for (int32_t e = 0; e < list->n_entries; e++) {
        if (strcmp(list->entries[e].name, entry->name) == 0) {
            return mdli_expression_fault(parser->error, MDL_E_EXPRESSION, parser->lexer.text,
                                         position, "two columns are named \"%.80s\", the second",
                                         entry->name);
        }
    }
    if (list->n_entries == list->capacity) {
        int32_t capacity = list->capacity == 0 ? 8 : 2 * list->capacity;
        mdli_named_expression *entries =
            mdli_arena_allocate(parser->arena, (size_t)capacity * sizeof(*entries), parser->error);
        if (entries == NULL) {
            return mdli_arena_fault(parser->error);
        }
        if (list->n_entries > 0) {
            memcpy(entries, list->entries, (size_t)list->n_entries * sizeof(*entries));
        }
        list->entries = entries;
        list->capacity = capacity;
    }
    list->entries[list->n_entries++] = *entry;
    return MDL_OK;
}

/* Takes `, ` when more comes, and tells when the end has come. */
static mdl_status next_entry(mdli_parser *parser, const char *expected, bool *is_end)
{
    *is_end = parser->token.kind == MDLI_TOKEN_END;
    if (*is_end) {
        return MDL_OK;
    }
    return mdli_parser_expect(parser, MDLI_TOKEN_COMMA, expected);
}

static mdl_status parse_as(mdli_parser *parser, const char *expected, const char **name)
{
    mdl_string text;
    if (!mdli_token_is(&parser->token, "as")) {
        return mdli_parser_unexpected(parser, expected);
    }
    MDLI_TRY(mdli_parser_advance(parser));
    MDLI_TRY(mdli_parser_name(parser, "a name", &text));
    *name = text.data;
    return MDL_OK;
}

/* Makes an expression that is just a column. */
static mdl_status make_column(mdli_parser *parser, const mdli_scope *scope, int32_t column,
                              int64_t position, mdli_named_expression *entry)
{
    const char *name = scope->fields[column].name;
    mdli_syntax syntax = {
        .kind = MDLI_SYNTAX_COLUMN, .position = position, .text = {name, (int64_t)strlen(name)}};
    entry->name = name;
    return mdli_bind(parser->arena, scope, parser->lexer.text, &syntax, &entry->expression,
                     parser->error);
}

/* ---- Plain expressions ---- */

static mdl_status add_all_columns(mdli_parser *parser, const mdli_scope *scope, entry_list *list)
{
    int64_t position = parser->token.position;
    for (int32_t c = 0; c < scope->n_fields; c++) {
        mdli_named_expression entry = {.name = NULL};
        MDLI_TRY(make_column(parser, scope, c, position, &entry));
        MDLI_TRY(add_entry(parser, list, &entry, position));
    }
    return mdli_parser_advance(parser);
}

static mdl_status parse_plain(mdli_parser *parser, const mdli_scope *scope, entry_list *list)
{
    if (parser->token.kind == MDLI_TOKEN_STAR) {
        return add_all_columns(parser, scope, list);
    }
    mdli_named_expression entry = {.name = NULL};
    mdli_syntax *syntax;
    int64_t position = parser->token.position;
    MDLI_TRY(mdli_parse_syntax(parser, &syntax));
    if (mdli_token_is(&parser->token, "as") || syntax->kind != MDLI_SYNTAX_COLUMN) {
        MDLI_TRY(parse_as(parser, "an operator or \"as\" and a name", &entry.name));
    } else {
        entry.name = syntax->text.data;
    }
    MDLI_TRY(mdli_bind(parser->arena, scope, parser->lexer.text, syntax, &entry.expression,
                       parser->error));
    return add_entry(parser, list, &entry, position);
}

/* ---- Aggregates ---- */

typedef enum aggregate_argument {
    ARGUMENT_ANY,
    ARGUMENT_EXACT_NUMBER, /* INT32, INT64 and DECIMAL */
    ARGUMENT_BOOL,
    ARGUMENT_STRING
} aggregate_argument;

static const struct aggregate {
    const char *name;
    aggregate_argument argument;
} aggregates[] = {
    {"count", ARGUMENT_ANY},           {"count_if", ARGUMENT_BOOL}, {"sum", ARGUMENT_EXACT_NUMBER},
    {"avg", ARGUMENT_EXACT_NUMBER},    {"min", ARGUMENT_ANY},       {"max", ARGUMENT_ANY},
    {"first", ARGUMENT_ANY},           {"last", ARGUMENT_ANY},      {"string_agg", ARGUMENT_STRING},
    {"stddev", ARGUMENT_EXACT_NUMBER},
};

static mdl_status check_argument(mdli_parser *parser, const struct aggregate *aggregate,
                                 mdl_type type, int64_t position)
{
    static const char *const wanted[] = {[ARGUMENT_ANY] = "anything",
                                         [ARGUMENT_EXACT_NUMBER] = "INT32, INT64 or DECIMAL",
                                         [ARGUMENT_BOOL] = "BOOL",
                                         [ARGUMENT_STRING] = "STRING"};
    bool is_right = true;
    switch (aggregate->argument) {
    case ARGUMENT_ANY:
        break;
    case ARGUMENT_EXACT_NUMBER:
        is_right = mdli_is_number(type) && type != MDL_TYPE_FLOAT64;
        break;
    case ARGUMENT_BOOL:
        is_right = type == MDL_TYPE_BOOL;
        break;
    case ARGUMENT_STRING:
        is_right = type == MDL_TYPE_STRING;
        break;
    }
    if (is_right) {
        return MDL_OK;
    }
    return mdli_expression_fault(parser->error, MDL_E_TYPE, parser->lexer.text, position,
                                 "%s() takes %s, not %s,", aggregate->name,
                                 wanted[aggregate->argument], mdl_type_name(type));
}

static mdl_status parse_separator(mdli_parser *parser, mdli_named_expression *entry)
{
    mdl_string text;
    MDLI_TRY(mdli_parser_expect(parser, MDLI_TOKEN_COMMA, ", and a separator"));
    if (parser->token.kind != MDLI_TOKEN_STRING) {
        return mdli_parser_unexpected(parser, "a separator in quotes");
    }
    MDLI_TRY(mdli_parser_unquote(parser, &parser->token, &text));
    entry->separator = text.data;
    entry->separator_bytes = text.size_bytes;
    return mdli_parser_advance(parser);
}

/* What is between the parentheses. */
static mdl_status parse_aggregate_argument(mdli_parser *parser, const mdli_scope *scope,
                                           const struct aggregate *aggregate,
                                           mdli_named_expression *entry)
{
    mdli_syntax *syntax;
    mdli_token behind;
    bool is_count = strcmp(aggregate->name, "count") == 0;
    if (is_count && parser->token.kind == MDLI_TOKEN_STAR) {
        return mdli_parser_advance(parser);
    }
    MDLI_TRY(mdli_parser_peek(parser, &behind));
    /* `distinct` may also be a column: count(distinct) */
    if (is_count && mdli_token_is(&parser->token, "distinct") && behind.kind != MDLI_TOKEN_CLOSE) {
        entry->is_distinct = true;
        MDLI_TRY(mdli_parser_advance(parser));
    }
    int64_t position = parser->token.position;
    MDLI_TRY(mdli_parse_syntax(parser, &syntax));
    MDLI_TRY(mdli_bind(parser->arena, scope, parser->lexer.text, syntax, &entry->expression,
                       parser->error));
    MDLI_TRY(check_argument(parser, aggregate, mdli_expression_type(entry->expression), position));
    return aggregate->argument == ARGUMENT_STRING ? parse_separator(parser, entry) : MDL_OK;
}

static mdl_status parse_aggregate(mdli_parser *parser, const mdli_scope *scope, entry_list *list)
{
    mdli_named_expression entry = {.name = NULL};
    const struct aggregate *aggregate = NULL;
    int64_t position = parser->token.position;
    for (size_t a = 0; a < sizeof(aggregates) / sizeof(aggregates[0]); a++) {
        if (mdli_token_is(&parser->token, aggregates[a].name)) {
            aggregate = &aggregates[a];
        }
    }
    if (aggregate == NULL) {
        return mdli_parser_unexpected(
            parser, "an aggregate (count, count_if, sum, avg, stddev, min, max, first, last or "
                    "string_agg)");
    }
    entry.aggregate = aggregate->name;
    MDLI_TRY(mdli_parser_advance(parser));
    MDLI_TRY(mdli_parser_expect(parser, MDLI_TOKEN_OPEN, "("));
    MDLI_TRY(parse_aggregate_argument(parser, scope, aggregate, &entry));
    MDLI_TRY(mdli_parser_expect(parser, MDLI_TOKEN_CLOSE, "an operator or )"));
    MDLI_TRY(parse_as(parser, "\"as\" and a name", &entry.name));
    return add_entry(parser, list, &entry, position);
}

mdl_status mdli_expression_parse_list(mdli_arena *arena, const char *text, const mdli_scope *scope,
                                      bool are_aggregates, const mdli_named_expression **out,
                                      int32_t *n_out, mdl_error *error)
{
    mdli_parser parser;
    entry_list list = {.entries = NULL};
    bool is_end = false;
    const char *copy = mdli_arena_copy(arena, text, strlen(text), error);
    if (copy == NULL) {
        return mdli_arena_fault(error);
    }
    MDLI_TRY(mdli_parser_start(&parser, arena, copy, error));
    while (!is_end) {
        MDLI_TRY(are_aggregates ? parse_aggregate(&parser, scope, &list)
                                : parse_plain(&parser, scope, &list));
        MDLI_TRY(next_entry(&parser, ", or the end", &is_end));
    }
    *out = list.entries;
    *n_out = list.n_entries;
    return MDL_OK;
}

/* ---- Keys ---- */

/* Room for the entries of a list, which are at most one more than its text has commas. */
static mdl_status allocate_entries(mdli_arena *arena, const char *text, size_t entry_bytes,
                                   void **out, mdl_error *error)
{
    size_t n_most = 1;
    for (const char *c = text; *c != '\0'; c++) {
        n_most += *c == ',';
    }
    *out = mdli_arena_allocate(arena, n_most * entry_bytes, error);
    return *out != NULL ? MDL_OK : mdli_arena_fault(error);
}

static mdl_status parse_column(mdli_parser *parser, const mdli_scope *scope, int32_t *column)
{
    mdl_string name;
    int64_t position = parser->token.position;
    MDLI_TRY(mdli_parser_name(parser, "a column", &name));
    *column = mdli_find_column(scope, name);
    return *column >= 0
               ? MDL_OK
               : mdli_unknown_column(parser->error, parser->lexer.text, position, name, scope);
}

static mdl_status parse_key(mdli_parser *parser, const mdli_scope *scope, bool allow_descending,
                            mdli_key *keys, int32_t n_keys)
{
    mdli_key *key = &keys[n_keys];
    key->is_descending = allow_descending && parser->token.kind == MDLI_TOKEN_MINUS;
    if (key->is_descending) {
        MDLI_TRY(mdli_parser_advance(parser));
    }
    int64_t position = parser->token.position;
    MDLI_TRY(parse_column(parser, scope, &key->column));
    for (int32_t k = 0; k < n_keys; k++) {
        if (keys[k].column == key->column) {
            return mdli_expression_fault(parser->error, MDL_E_EXPRESSION, parser->lexer.text,
                                         position, "a column that is a key already");
        }
    }
    return MDL_OK;
}

mdl_status mdli_keys_parse(mdli_arena *arena, const char *text, const mdli_scope *scope,
                           bool allow_descending, const mdli_key **out, int32_t *n_out,
                           mdl_error *error)
{
    mdli_parser parser;
    void *memory;
    *out = NULL;
    *n_out = 0;
    if (text == NULL) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_parser_start(&parser, arena, text, error));
    bool is_end = parser.token.kind == MDLI_TOKEN_END;
    MDLI_TRY(allocate_entries(arena, text, sizeof(mdli_key), &memory, error));
    mdli_key *keys = memory;
    int32_t n_keys = 0;
    while (!is_end) {
        MDLI_TRY(parse_key(&parser, scope, allow_descending, keys, n_keys));
        n_keys++;
        MDLI_TRY(next_entry(&parser,
                            allow_descending ? ", or the end (descending is written -column)"
                                             : ", or the end",
                            &is_end));
    }
    *out = keys;
    *n_out = n_keys;
    return MDL_OK;
}

/* ---- Keys of joins ---- */

static bool can_match(mdl_type left, mdl_type right)
{
    return left == right || (mdli_is_integer(left) && mdli_is_integer(right));
}

/* `column`, or `left column = right column`. */
static mdl_status parse_join_key(mdli_parser *parser, const mdli_scope *left,
                                 const mdli_scope *right, int32_t *left_column,
                                 int32_t *right_column)
{
    mdli_token name = parser->token;
    MDLI_TRY(parse_column(parser, left, left_column));
    if (parser->token.kind == MDLI_TOKEN_EQUAL) {
        MDLI_TRY(mdli_parser_advance(parser));
        MDLI_TRY(parse_column(parser, right, right_column));
    } else {
        const char *text = left->fields[*left_column].name;
        mdl_string same = {text, (int64_t)strlen(text)};
        *right_column = mdli_find_column(right, same);
        if (*right_column < 0) {
            return mdli_unknown_column(parser->error, parser->lexer.text, name.position, same,
                                       right);
        }
    }
    mdl_type left_type = left->fields[*left_column].type;
    mdl_type right_type = right->fields[*right_column].type;
    if (!can_match(left_type, right_type)) {
        return mdli_expression_fault(parser->error, MDL_E_TYPE, parser->lexer.text, name.position,
                                     "keys of types that never match, %s and %s,",
                                     mdl_type_name(left_type), mdl_type_name(right_type));
    }
    return MDL_OK;
}

mdl_status mdli_join_keys_parse(mdli_arena *arena, const char *text, const mdli_scope *left,
                                const mdli_scope *right, int32_t **left_columns,
                                int32_t **right_columns, int32_t *n_out, mdl_error *error)
{
    mdli_parser parser;
    void *lefts;
    void *rights;
    bool is_end = false;
    int32_t n_keys = 0;
    MDLI_TRY(mdli_parser_start(&parser, arena, text, error));
    MDLI_TRY(allocate_entries(arena, text, sizeof(int32_t), &lefts, error));
    MDLI_TRY(allocate_entries(arena, text, sizeof(int32_t), &rights, error));
    *left_columns = lefts;
    *right_columns = rights;
    while (!is_end) {
        MDLI_TRY(parse_join_key(&parser, left, right, &(*left_columns)[n_keys],
                                &(*right_columns)[n_keys]));
        n_keys++;
        MDLI_TRY(next_entry(&parser, "=, or ,", &is_end));
    }
    *n_out = n_keys;
    return MDL_OK;
}
