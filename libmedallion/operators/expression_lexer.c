/*
 * Expressions: text to tokens.
 */
#include "operators/expression_internal.h"

#include <string.h>

#include "base/utf8.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower_letter(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_name_start(char c)
{
    return (lower_letter(c) >= 'a' && lower_letter(c) <= 'z') || c == '_';
}

static bool is_name_part(char c)
{
    return is_name_start(c) || is_digit(c);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool mdli_text_is(mdl_string text, const char *word)
{
    if ((size_t)text.size_bytes != strlen(word)) {
        return false;
    }
    for (int64_t i = 0; i < text.size_bytes; i++) {
        if (lower_letter(text.data[i]) != word[i]) {
            return false;
        }
    }
    return true;
}

bool mdli_token_is(const mdli_token *token, const char *word)
{
    return token->kind == MDLI_TOKEN_NAME && mdli_text_is(token->text, word);
}

mdl_status mdli_lexer_start(mdli_lexer *lexer, const char *text, mdl_error *error)
{
    *lexer = (mdli_lexer){.text = text, .size_bytes = (int64_t)strlen(text)};
    int64_t n_valid = mdli_utf8_valid_prefix(text, lexer->size_bytes);
    if (n_valid < lexer->size_bytes) {
        return mdli_expression_fault(error, MDL_E_EXPRESSION, text, n_valid, "text is not UTF-8");
    }
    return MDL_OK;
}

/* The byte `ahead` of the lexer; NUL behind the end, where the text has its NUL. */
static char look(const mdli_lexer *lexer, int64_t ahead)
{
    return lexer->at + ahead < lexer->size_bytes ? lexer->text[lexer->at + ahead] : '\0';
}

static void skip_digits(mdli_lexer *lexer)
{
    while (is_digit(look(lexer, 0))) {
        lexer->at++;
    }
}

static mdl_status read_number(mdli_lexer *lexer, mdli_token *token, mdl_error *error)
{
    token->kind = MDLI_TOKEN_NUMBER;
    skip_digits(lexer);
    if (look(lexer, 0) == '.' && is_digit(look(lexer, 1))) {
        lexer->at++;
        skip_digits(lexer);
    }
    if (lower_letter(look(lexer, 0)) == 'e') {
        bool is_signed = look(lexer, 1) == '+' || look(lexer, 1) == '-';
        if (is_digit(look(lexer, 1 + is_signed))) {
            lexer->at += 1 + is_signed;
            skip_digits(lexer);
        }
    }
    if (is_name_part(look(lexer, 0)) || look(lexer, 0) == '.') {
        return mdli_expression_fault(error, MDL_E_EXPRESSION, lexer->text, token->position,
                                     "a number that is not written like 12, 4.5 or 1e-3");
    }
    return MDL_OK;
}

/* Reads up to the closing quote; two of them in a row stand for one. */
static mdl_status read_quoted(mdli_lexer *lexer, mdli_token *token, mdl_error *error)
{
    char quote = look(lexer, 0);
    token->kind = quote == '"' ? MDLI_TOKEN_QUOTED_NAME : MDLI_TOKEN_STRING;
    lexer->at++;
    int64_t start = lexer->at;
    for (; lexer->at < lexer->size_bytes; lexer->at++) {
        if (look(lexer, 0) == quote) {
            if (look(lexer, 1) != quote) {
                token->text = (mdl_string){lexer->text + start, lexer->at - start};
                lexer->at++;
                return MDL_OK;
            }
            lexer->at++;
        }
    }
    return mdli_expression_fault(error, MDL_E_EXPRESSION, lexer->text, token->position,
                                 "no closing %s for the %s that starts",
                                 quote == '"' ? "double quote" : "quote",
                                 quote == '"' ? "name" : "text");
}

static mdl_status read_symbol(mdli_lexer *lexer, mdli_token *token, mdl_error *error)
{
    static const struct {
        char text[3];
        mdli_token_kind kind;
    } symbols[] = {
        /* longer ones first */
        {"||", MDLI_TOKEN_CONCAT},    {"<=", MDLI_TOKEN_LESS_EQUAL},
        {"<>", MDLI_TOKEN_NOT_EQUAL}, {">=", MDLI_TOKEN_GREATER_EQUAL},
        {"!=", MDLI_TOKEN_NOT_EQUAL}, {"(", MDLI_TOKEN_OPEN},
        {")", MDLI_TOKEN_CLOSE},      {",", MDLI_TOKEN_COMMA},
        {"*", MDLI_TOKEN_STAR},       {"+", MDLI_TOKEN_PLUS},
        {"-", MDLI_TOKEN_MINUS},      {"/", MDLI_TOKEN_SLASH},
        {"%", MDLI_TOKEN_PERCENT},    {"=", MDLI_TOKEN_EQUAL},
        {"<", MDLI_TOKEN_LESS},       {">", MDLI_TOKEN_GREATER},
    };
    for (size_t s = 0; s < sizeof(symbols) / sizeof(symbols[0]); s++) {
        if (look(lexer, 0) == symbols[s].text[0] &&
            (symbols[s].text[1] == '\0' || look(lexer, 1) == symbols[s].text[1])) {
            token->kind = symbols[s].kind;
            lexer->at += symbols[s].text[1] == '\0' ? 1 : 2;
            return MDL_OK;
        }
    }
    uint32_t code_point;
    int size =
        mdli_utf8_decode(lexer->text + lexer->at, lexer->size_bytes - lexer->at, &code_point);
    char shown[16];
    mdli_escape_text(lexer->text + lexer->at, (size_t)size, shown, sizeof(shown));
    if (look(lexer, 0) == '.' && is_digit(look(lexer, 1))) {
        return mdli_expression_fault(error, MDL_E_EXPRESSION, lexer->text, token->position,
                                     "a number without a digit in front of its point");
    }
    return mdli_expression_fault(
        error, MDL_E_EXPRESSION, lexer->text, token->position,
        "unexpected character %s (names with odd characters go in double quotes)", shown);
}

mdl_status mdli_lexer_next(mdli_lexer *lexer, mdli_token *token, mdl_error *error)
{
    while (is_blank(look(lexer, 0))) {
        lexer->at++;
    }
    *token = (mdli_token){.kind = MDLI_TOKEN_END, .position = lexer->at};
    char first = look(lexer, 0);
    if (lexer->at == lexer->size_bytes) {
        token->text = (mdl_string){lexer->text + lexer->at, 0};
        return MDL_OK;
    }
    if (first == '\'' || first == '"') {
        return read_quoted(lexer, token, error);
    }
    if (is_name_start(first)) {
        token->kind = MDLI_TOKEN_NAME;
        while (is_name_part(look(lexer, 0))) {
            lexer->at++;
        }
    } else if (is_digit(first)) {
        MDLI_TRY(read_number(lexer, token, error));
    } else {
        MDLI_TRY(read_symbol(lexer, token, error));
    }
    token->text = (mdl_string){lexer->text + token->position, lexer->at - token->position};
    return MDL_OK;
}
