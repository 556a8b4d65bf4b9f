/*
 * Conditions on the number of failing rows: a comparison and a number, `> 10`.
 */
#include "quality/quality_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const char blanks[] = " \t";

static bool is_comparison(const char *text)
{
    static const char *const comparisons[] = {"=", "==", "!=", "<>", "<", "<=", ">", ">="};
    for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++) {
        if (strcmp(text, comparisons[i]) == 0) {
            return true;
        }
    }
    return false;
}

mdl_status mdli_condition_parse(const char *text, mdli_condition *out, mdl_error *error)
{
    *out = (mdli_condition){.comparison = "!="};
    if (text == NULL) {
        return MDL_OK;
    }
    const char *at = text + strspn(text, blanks);
    size_t size = strspn(at, "=!<>");
    char comparison[3] = "";
    memcpy(comparison, at, size < sizeof comparison ? size : 0);
    at += size;
    at += strspn(at, blanks);
    size_t n_digits = strspn(at, "0123456789");
    /* 18 digits always fit. */
    if (!is_comparison(comparison) || n_digits < 1 || n_digits > 18 ||
        at[n_digits + strspn(at + n_digits, blanks)] != '\0') {
        char shown[64];
        mdli_escape_text(text, strlen(text), shown, sizeof shown);
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "condition \"%s\" is not a comparison and a number, such as \"> 10\"",
                             shown);
    }
    memcpy(out->comparison, comparison, sizeof comparison);
    out->number = strtoll(at, NULL, 10);
    return MDL_OK;
}

bool mdli_condition_holds(const mdli_condition *condition, int64_t n)
{
    bool or_equal = condition->comparison[1] == '=';
    switch (condition->comparison[0]) {
    case '=':
        return n == condition->number;
    case '!':
        return n != condition->number;
    case '>':
        return or_equal ? n >= condition->number : n > condition->number;
    default:
        if (condition->comparison[1] == '>') {
            return n != condition->number;
        }
        return or_equal ? n <= condition->number : n < condition->number;
    }
}
