/*
 * Expressions: tokens to an untyped tree, by precedence climbing.
 *
 * From loosest to tightest: or · and · not · comparisons, is, in, like, between · || · + - · * / %
 * · unary minus. Comparisons do not chain.
 */
#include "operators/expression_internal.h"

#include <stdio.h>

typedef enum level {
    LEVEL_OR,
    LEVEL_AND,
    LEVEL_NOT,
    LEVEL_COMPARISON,
    LEVEL_CONCAT,
    LEVEL_SUM,
    LEVEL_PRODUCT
} level;

static mdl_status parse_level(mdli_parser *parser, level lowest, mdli_syntax **out);

/* ---- Tokens ---- */

mdl_status mdli_parser_start(mdli_parser *parser, mdli_arena *arena, const char *text,
                             mdl_error *error)
{
    *parser = (mdli_parser){.arena = arena, .error = error};
    MDLI_TRY(mdli_lexer_start(&parser->lexer, text, error));
    return mdli_parser_advance(parser);
}

mdl_status mdli_parser_advance(mdli_parser *parser)
{
    return mdli_lexer_next(&parser->lexer, &parser->token, parser->error);
}

mdl_status mdli_parser_peek(const mdli_parser *parser, mdli_token *token)
{
    mdli_lexer lexer = parser->lexer;
    return mdli_lexer_next(&lexer, token, parser->error);
}

mdl_status mdli_parser_unexpected(const mdli_parser *parser, const char *what)
{
    const mdli_token *token = &parser->token;
    if (token->kind == MDLI_TOKEN_END) {
        return mdli_expression_fault(parser->error, MDL_E_EXPRESSION, parser->lexer.text,
                                     token->position, "expected %s", what);
    }
    char shown[48];
    int64_t size_bytes = parser->lexer.at - token->position;
    mdli_escape_text(parser->lexer.text + token->position, (size_t)size_bytes, shown,
                     sizeof(shown));
    return mdli_expression_fault(parser->error, MDL_E_EXPRESSION, parser->lexer.text,
                                 token->position, "expected %s, not %s", what, shown);
}

mdl_status mdli_parser_expect(mdli_parser *parser, mdli_token_kind kind, const char *what)
{
    if (parser->token.kind != kind) {
        return mdli_parser_unexpected(parser, what);
    }
    return mdli_parser_advance(parser);
}

/* Takes a word if it comes next. */
static mdl_status accept_word(mdli_parser *parser, const char *word, bool *is_there)
{
    *is_there = mdli_token_is(&parser->token, word);
    return *is_there ? mdli_parser_advance(parser) : MDL_OK;
}

static mdl_status expect_word(mdli_parser *parser, const char *word)
{
    bool is_there;
    MDLI_TRY(accept_word(parser, word, &is_there));
    return is_there ? MDL_OK : mdli_parser_unexpected(parser, word);
}

mdl_status mdli_parser_unquote(mdli_parser *parser, const mdli_token *token, mdl_string *out)
{
    char *text = mdli_arena_copy(parser->arena, token->text.data, (size_t)token->text.size_bytes,
                                 parser->error);
    if (text == NULL) {
        return mdli_arena_fault(parser->error);
    }
    char quote = token->kind == MDLI_TOKEN_STRING ? '\'' : '"';
    int64_t n_kept = 0;
    for (int64_t i = 0; i < token->text.size_bytes; i++) {
        text[n_kept++] = text[i];
        i += text[i] == quote; /* the second of two */
    }
    text[n_kept] = '\0';
    *out = (mdl_string){text, n_kept};
    return MDL_OK;
}

mdl_status mdli_parser_name(mdli_parser *parser, const char *what, mdl_string *name)
{
    if (parser->token.kind != MDLI_TOKEN_NAME && parser->token.kind != MDLI_TOKEN_QUOTED_NAME) {
        return mdli_parser_unexpected(parser, what);
    }
    MDLI_TRY(mdli_parser_unquote(parser, &parser->token, name));
    return mdli_parser_advance(parser);
}

/* ---- Nodes ---- */

static mdl_status new_syntax(mdli_parser *parser, mdli_syntax_kind kind, int64_t position,
                             mdli_syntax **out)
{
    mdli_syntax *syntax = mdli_arena_allocate(parser->arena, sizeof(*syntax), parser->error);
    if (syntax == NULL) {
        return mdli_arena_fault(parser->error);
    }
    *syntax = (mdli_syntax){.kind = kind, .position = position, .depth = 1};
    *out = syntax;
    return MDL_OK;
}

static mdl_status too_deep(const mdli_parser *parser, int64_t position)
{
    return mdli_expression_fault(parser->error, MDL_E_EXPRESSION, parser->lexer.text, position,
                                 "more than %d levels of nesting", MDLI_EXPRESSION_DEPTH_MAX);
}

static mdl_status add_child(const mdli_parser *parser, mdli_syntax *parent, mdli_syntax *child)
{
    if (child->depth >= MDLI_EXPRESSION_DEPTH_MAX) {
        return too_deep(parser, child->position);
    }
    if (parent->last == NULL) {
        parent->first = child;
    } else {
        parent->last->next = child;
    }
    parent->last = child;
    parent->n_children++;
    parent->depth = child->depth >= parent->depth ? child->depth + 1 : parent->depth;
    return MDL_OK;
}

/* Makes `*left` the first child of a new node that takes its place. */
static mdl_status wrap(mdli_parser *parser, mdli_syntax_kind kind, int64_t position,
                       mdli_syntax **left)
{
    mdli_syntax *parent;
    MDLI_TRY(new_syntax(parser, kind, position, &parent));
    MDLI_TRY(add_child(parser, parent, *left));
    *left = parent;
    return MDL_OK;
}

static mdl_status parse_child(mdli_parser *parser, mdli_syntax *parent, level lowest)
{
    mdli_syntax *child;
    MDLI_TRY(parse_level(parser, lowest, &child));
    return add_child(parser, parent, child);
}

/* `a, b, …)`: at least one. */
static mdl_status parse_children_in_parentheses(mdli_parser *parser, mdli_syntax *parent)
{
    for (;;) {
        MDLI_TRY(parse_child(parser, parent, LEVEL_OR));
        if (parser->token.kind != MDLI_TOKEN_COMMA) {
            return mdli_parser_expect(parser, MDLI_TOKEN_CLOSE, ", or )");
        }
        MDLI_TRY(mdli_parser_advance(parser));
    }
}

/* ---- Primary expressions ---- */

static bool is_reserved(const mdli_token *token)
{
    static const char *const words[] = {"and",   "as",   "between", "case", "else", "end",
                                        "false", "in",   "is",      "like", "not",  "null",
                                        "or",    "then", "true",    "when"};
    for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
        if (mdli_token_is(token, words[w])) {
            return true;
        }
    }
    return false;
}

static mdl_status parse_number(mdli_parser *parser, bool is_negative, mdli_syntax **out)
{
    mdl_string text = parser->token.text;
    MDLI_TRY(new_syntax(parser, MDLI_SYNTAX_NUMBER, parser->token.position, out));
    char *copy = mdli_arena_allocate(parser->arena, (size_t)text.size_bytes + 1, parser->error);
    if (copy == NULL) {
        return mdli_arena_fault(parser->error);
    }
    copy[0] = '-';
    memcpy(copy + is_negative, text.data, (size_t)text.size_bytes);
    (*out)->text = (mdl_string){copy, text.size_bytes + is_negative};
    return mdli_parser_advance(parser);
}

static mdl_status parse_text(mdli_parser *parser, mdli_syntax_kind kind, mdli_syntax **out)
{
    MDLI_TRY(new_syntax(parser, kind, parser->token.position, out));
    MDLI_TRY(mdli_parser_unquote(parser, &parser->token, &(*out)->text));
    return mdli_parser_advance(parser);
}

static mdl_status parse_case(mdli_parser *parser, mdli_syntax **out)
{
    bool is_there;
    MDLI_TRY(new_syntax(parser, MDLI_SYNTAX_CASE, parser->token.position, out));
    MDLI_TRY(mdli_parser_advance(parser));
    MDLI_TRY(expect_word(parser, "when"));
    do {
        MDLI_TRY(parse_child(parser, *out, LEVEL_OR));
        MDLI_TRY(expect_word(parser, "then"));
        MDLI_TRY(parse_child(parser, *out, LEVEL_OR));
        MDLI_TRY(accept_word(parser, "when", &is_there));
    } while (is_there);
    MDLI_TRY(accept_word(parser, "else", &is_there));
    if (is_there) {
        MDLI_TRY(parse_child(parser, *out, LEVEL_OR));
    }
    return mdli_token_is(&parser->token, "end")
               ? mdli_parser_advance(parser)
               : mdli_parser_unexpected(parser, "when, else or end");
}

/* A type's name; DECIMAL may be followed by its digits, (9, 2). */
static mdl_status parse_type(mdli_parser *parser, mdl_type *out)
{
    static const struct {
        const char *name;
        mdl_type type;
    } types[] = {
        {"int32", MDL_TYPE_INT32},     {"int64", MDL_TYPE_INT64}, {"decimal", MDL_TYPE_DECIMAL},
        {"float64", MDL_TYPE_FLOAT64}, {"bool", MDL_TYPE_BOOL},   {"timestamp", MDL_TYPE_TIMESTAMP},
        {"string", MDL_TYPE_STRING},
    };
    *out = 0;
    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        if (mdli_token_is(&parser->token, types[t].name)) {
            *out = types[t].type;
        }
    }
    if (*out == 0) {
        return mdli_parser_unexpected(
            parser, "a type (INT32, INT64, DECIMAL, FLOAT64, BOOL, TIMESTAMP or STRING)");
    }
    MDLI_TRY(mdli_parser_advance(parser));
    if (*out != MDL_TYPE_DECIMAL || parser->token.kind != MDLI_TOKEN_OPEN) {
        return MDL_OK;
    }
    static const struct {
        mdli_token_kind kind;
        const char *text;
    } digits[] = {{MDLI_TOKEN_OPEN, "("},
                  {MDLI_TOKEN_NUMBER, "9"},
                  {MDLI_TOKEN_COMMA, ","},
                  {MDLI_TOKEN_NUMBER, "2"},
                  {MDLI_TOKEN_CLOSE, ")"}};
    for (size_t d = 0; d < sizeof(digits) / sizeof(digits[0]); d++) {
        if (!mdli_text_is(parser->token.text, digits[d].text)) {
            return mdli_parser_unexpected(parser, "DECIMAL(9,2), the only decimal type");
        }
        MDLI_TRY(mdli_parser_expect(parser, digits[d].kind, digits[d].text));
    }
    return MDL_OK;
}

static mdl_status parse_cast(mdli_parser *parser, mdli_syntax *syntax)
{
    syntax->kind = MDLI_SYNTAX_CAST;
    MDLI_TRY(parse_child(parser, syntax, LEVEL_OR));
    MDLI_TRY(expect_word(parser, "as"));
    MDLI_TRY(parse_type(parser, &syntax->type));
    return mdli_parser_expect(parser, MDLI_TOKEN_CLOSE, ")");
}

/* What starts with a name that is not reserved: a column, a call, a cast, a timestamp. */
static mdl_status parse_named(mdli_parser *parser, mdli_syntax **out)
{
    mdli_token name = parser->token;
    mdli_token behind;
    MDLI_TRY(mdli_parser_peek(parser, &behind));
    if (mdli_token_is(&name, "timestamp") && behind.kind == MDLI_TOKEN_STRING) {
        MDLI_TRY(mdli_parser_advance(parser));
        return parse_text(parser, MDLI_SYNTAX_TIMESTAMP, out);
    }
    MDLI_TRY(parse_text(parser, MDLI_SYNTAX_COLUMN, out));
    if (name.kind == MDLI_TOKEN_QUOTED_NAME || parser->token.kind != MDLI_TOKEN_OPEN) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_parser_advance(parser));
    if (mdli_token_is(&name, "cast")) {
        return parse_cast(parser, *out);
    }
    (*out)->kind = MDLI_SYNTAX_CALL;
    if (parser->token.kind == MDLI_TOKEN_STAR || parser->token.kind == MDLI_TOKEN_CLOSE) {
        return mdli_parser_unexpected(parser, "a value");
    }
    return parse_children_in_parentheses(parser, *out);
}

static mdl_status parse_word(mdli_parser *parser, mdli_syntax_kind kind, mdli_syntax **out)
{
    MDLI_TRY(new_syntax(parser, kind, parser->token.position, out));
    return mdli_parser_advance(parser);
}

static mdl_status parse_primary(mdli_parser *parser, mdli_syntax **out)
{
    const mdli_token *token = &parser->token;
    switch (token->kind) {
    case MDLI_TOKEN_NUMBER:
        return parse_number(parser, false, out);
    case MDLI_TOKEN_STRING:
        return parse_text(parser, MDLI_SYNTAX_STRING, out);
    case MDLI_TOKEN_OPEN:
        MDLI_TRY(mdli_parser_advance(parser));
        MDLI_TRY(parse_level(parser, LEVEL_OR, out));
        return mdli_parser_expect(parser, MDLI_TOKEN_CLOSE, "an operator or )");
    case MDLI_TOKEN_QUOTED_NAME:
        return parse_named(parser, out);
    case MDLI_TOKEN_NAME:
        if (mdli_token_is(token, "true")) {
            return parse_word(parser, MDLI_SYNTAX_TRUE, out);
        }
        if (mdli_token_is(token, "false")) {
            return parse_word(parser, MDLI_SYNTAX_FALSE, out);
        }
        if (mdli_token_is(token, "null")) {
            return parse_word(parser, MDLI_SYNTAX_NULL, out);
        }
        if (mdli_token_is(token, "case")) {
            return parse_case(parser, out);
        }
        return is_reserved(token) ? mdli_parser_unexpected(parser, "a value")
                                  : parse_named(parser, out);
    default:
        return mdli_parser_unexpected(parser, "a value");
    }
}

/* A minus sign in front of a number belongs to it, so that the least INT64 can be written. */
static mdl_status parse_prefixed(mdli_parser *parser, level lowest, mdli_syntax **out)
{
    int64_t position = parser->token.position;
    if (parser->token.kind == MDLI_TOKEN_MINUS) {
        MDLI_TRY(mdli_parser_advance(parser));
        if (parser->token.kind == MDLI_TOKEN_NUMBER) {
            return parse_number(parser, true, out);
        }
        MDLI_TRY(new_syntax(parser, MDLI_SYNTAX_NEGATE, position, out));
        mdli_syntax *child;
        if (++parser->depth > MDLI_EXPRESSION_DEPTH_MAX) {
            return too_deep(parser, position);
        }
        MDLI_TRY(parse_prefixed(parser, LEVEL_PRODUCT, &child));
        parser->depth--;
        return add_child(parser, *out, child);
    }
    if (mdli_token_is(&parser->token, "not") && lowest <= LEVEL_NOT) {
        MDLI_TRY(parse_word(parser, MDLI_SYNTAX_NOT, out));
        return parse_child(parser, *out, LEVEL_NOT);
    }
    return parse_primary(parser, out);
}

/* ---- Operators behind a value ---- */

/* The operator that is the next token, if it stands between two values. */
static bool find_binary(const mdli_token *token, level *found_level, mdli_syntax_kind *kind)
{
    static const struct {
        mdli_token_kind token;
        level level;
        mdli_syntax_kind kind;
    } operators[] = {
        {MDLI_TOKEN_CONCAT, LEVEL_CONCAT, MDLI_SYNTAX_CONCAT},
        {MDLI_TOKEN_PLUS, LEVEL_SUM, MDLI_SYNTAX_ADD},
        {MDLI_TOKEN_MINUS, LEVEL_SUM, MDLI_SYNTAX_SUBTRACT},
        {MDLI_TOKEN_STAR, LEVEL_PRODUCT, MDLI_SYNTAX_MULTIPLY},
        {MDLI_TOKEN_SLASH, LEVEL_PRODUCT, MDLI_SYNTAX_DIVIDE},
        {MDLI_TOKEN_PERCENT, LEVEL_PRODUCT, MDLI_SYNTAX_MODULO},
    };
    for (size_t o = 0; o < sizeof(operators) / sizeof(operators[0]); o++) {
        if (token->kind == operators[o].token) {
            *found_level = operators[o].level;
            *kind = operators[o].kind;
            return true;
        }
    }
    *found_level = mdli_token_is(token, "or") ? LEVEL_OR : LEVEL_AND;
    *kind = *found_level == LEVEL_OR ? MDLI_SYNTAX_OR : MDLI_SYNTAX_AND;
    return *found_level == LEVEL_OR || mdli_token_is(token, "and");
}

static bool find_comparison(const mdli_token *token, mdli_compare *compare)
{
    static const struct {
        mdli_token_kind token;
        mdli_compare compare;
    } comparisons[] = {
        {MDLI_TOKEN_EQUAL, MDLI_EQUAL},     {MDLI_TOKEN_NOT_EQUAL, MDLI_NOT_EQUAL},
        {MDLI_TOKEN_LESS, MDLI_LESS},       {MDLI_TOKEN_LESS_EQUAL, MDLI_LESS_EQUAL},
        {MDLI_TOKEN_GREATER, MDLI_GREATER}, {MDLI_TOKEN_GREATER_EQUAL, MDLI_GREATER_EQUAL},
    };
    for (size_t c = 0; c < sizeof(comparisons) / sizeof(comparisons[0]); c++) {
        if (token->kind == comparisons[c].token) {
            *compare = comparisons[c].compare;
            return true;
        }
    }
    return false;
}

static mdl_status parse_is_null(mdli_parser *parser, mdli_syntax **left)
{
    int64_t position = parser->token.position;
    bool is_not;
    MDLI_TRY(mdli_parser_advance(parser));
    MDLI_TRY(accept_word(parser, "not", &is_not));
    MDLI_TRY(expect_word(parser, "null"));
    return wrap(parser, is_not ? MDLI_SYNTAX_IS_NOT_NULL : MDLI_SYNTAX_IS_NULL, position, left);
}

/* `[not] between … and …`, `[not] in (…)`, `[not] like …`. */
static mdl_status parse_word_operator(mdli_parser *parser, mdli_syntax **left)
{
    int64_t position = parser->token.position;
    bool is_not;
    bool is_there;
    MDLI_TRY(accept_word(parser, "not", &is_not));
    if (mdli_token_is(&parser->token, "between")) {
        MDLI_TRY(wrap(parser, MDLI_SYNTAX_BETWEEN, position, left));
        MDLI_TRY(mdli_parser_advance(parser));
        MDLI_TRY(parse_child(parser, *left, LEVEL_CONCAT));
        MDLI_TRY(expect_word(parser, "and"));
        MDLI_TRY(parse_child(parser, *left, LEVEL_CONCAT));
    } else if (mdli_token_is(&parser->token, "in")) {
        MDLI_TRY(wrap(parser, MDLI_SYNTAX_IN, position, left));
        MDLI_TRY(mdli_parser_advance(parser));
        MDLI_TRY(mdli_parser_expect(parser, MDLI_TOKEN_OPEN, "("));
        MDLI_TRY(parse_children_in_parentheses(parser, *left));
    } else {
        MDLI_TRY(accept_word(parser, "like", &is_there));
        if (!is_there) {
            return mdli_parser_unexpected(parser, "between, in or like");
        }
        MDLI_TRY(wrap(parser, MDLI_SYNTAX_LIKE, position, left));
        MDLI_TRY(parse_child(parser, *left, LEVEL_CONCAT));
    }
    return is_not ? wrap(parser, MDLI_SYNTAX_NOT, position, left) : MDL_OK;
}

static bool starts_word_operator(const mdli_token *token)
{
    return mdli_token_is(token, "not") || mdli_token_is(token, "between") ||
           mdli_token_is(token, "in") || mdli_token_is(token, "like");
}

/* One comparison, [not] between, in or like; does not chain. Any number of `is null`. */
static mdl_status parse_comparison(mdli_parser *parser, mdli_syntax **left, bool *is_there)
{
    bool has_compared = false;
    *is_there = false;
    for (;;) {
        const mdli_token token = parser->token;
        mdli_compare compare;
        bool is_comparison = find_comparison(&token, &compare);
        if (mdli_token_is(&token, "is")) {
            MDLI_TRY(parse_is_null(parser, left));
        } else if (!is_comparison && !starts_word_operator(&token)) {
            return MDL_OK;
        } else if (has_compared) {
            return mdli_expression_fault(parser->error, MDL_E_EXPRESSION, parser->lexer.text,
                                         token.position,
                                         "comparisons do not chain; put one in parentheses");
        } else if (is_comparison) {
            MDLI_TRY(wrap(parser, MDLI_SYNTAX_COMPARE, token.position, left));
            (*left)->compare = compare;
            MDLI_TRY(mdli_parser_advance(parser));
            MDLI_TRY(parse_child(parser, *left, LEVEL_CONCAT));
            has_compared = true;
        } else {
            MDLI_TRY(parse_word_operator(parser, left));
            has_compared = true;
        }
        *is_there = true;
    }
}

/* Whether more operands can be added to a node instead of nesting it once more. */
static bool is_chained(mdli_syntax_kind kind)
{
    return kind == MDLI_SYNTAX_AND || kind == MDLI_SYNTAX_OR || kind == MDLI_SYNTAX_CONCAT;
}

/* `left` and all operators behind it that bind at least as tightly as `lowest`. */
static mdl_status parse_operators(mdli_parser *parser, level lowest, mdli_syntax **left)
{
    mdli_syntax *chain = NULL; /* what this loop made last, if it can take more operands */
    for (;;) {
        level found;
        mdli_syntax_kind kind;
        if (find_binary(&parser->token, &found, &kind)) {
            if (found < lowest) {
                return MDL_OK;
            }
            if (chain == NULL || chain->kind != kind) {
                MDLI_TRY(wrap(parser, kind, parser->token.position, left));
                chain = is_chained(kind) ? *left : NULL;
            }
            MDLI_TRY(mdli_parser_advance(parser));
            MDLI_TRY(parse_child(parser, *left, found + 1));
        } else {
            bool is_there = false;
            if (lowest <= LEVEL_COMPARISON) {
                MDLI_TRY(parse_comparison(parser, left, &is_there));
            }
            if (!is_there) {
                return MDL_OK;
            }
            chain = NULL;
        }
    }
}

static mdl_status parse_level(mdli_parser *parser, level lowest, mdli_syntax **out)
{
    if (++parser->depth > MDLI_EXPRESSION_DEPTH_MAX) {
        return too_deep(parser, parser->token.position);
    }
    MDLI_TRY(parse_prefixed(parser, lowest, out));
    MDLI_TRY(parse_operators(parser, lowest, out));
    parser->depth--;
    return MDL_OK;
}

mdl_status mdli_parse_syntax(mdli_parser *parser, mdli_syntax **out)
{
    return parse_level(parser, LEVEL_OR, out);
}
