/*
 * Expressions: what is said of faults in them, where, and which name may have been meant.
 */
#include "operators/expression_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Bytes of an expression, and of a name, that a message shows. */
#define SHOWN_TEXT_BYTES 300
#define SHOWN_NAME_BYTES 80

/* Longest names that are compared for likeness. */
#define NAME_BYTES_MAX 64

mdl_status mdli_expression_fault(mdl_error *error, mdl_status status, const char *text,
                                 int64_t position, const char *format, ...)
{
    char shown[SHOWN_TEXT_BYTES];
    char message[sizeof(((mdl_error *)NULL)->message)];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    int64_t column = 1;
    for (int64_t i = 0; i < position; i++) {
        column += (text[i] & 0xC0) != 0x80; /* not the inside of a UTF-8 character */
    }
    mdli_escape_text(text, strlen(text), shown, sizeof(shown));
    return mdl_error_set(error, status, "in expression \"%s\": %s at column %" PRId64, shown,
                         message, column);
}

int32_t mdli_find_column(const mdli_scope *scope, mdl_string name)
{
    for (int32_t c = 0; c < scope->n_fields; c++) {
        const char *field = scope->fields[c].name;
        if (strlen(field) == (size_t)name.size_bytes &&
            memcmp(field, name.data, (size_t)name.size_bytes) == 0) {
            return c;
        }
    }
    return -1;
}

static char lower_letter(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int least_of(int a, int b)
{
    return a < b ? a : b;
}

int mdli_name_distance(mdl_string a, mdl_string b)
{
    if (a.size_bytes > NAME_BYTES_MAX || b.size_bytes > NAME_BYTES_MAX) {
        return NAME_BYTES_MAX;
    }
    /* rows[i % 3][j]: distance of the first i bytes of a to the first j of b */
    int rows[3][NAME_BYTES_MAX + 1];
    for (int j = 0; j <= b.size_bytes; j++) {
        rows[0][j] = j;
    }
    for (int i = 1; i <= a.size_bytes; i++) {
        int *row = rows[i % 3];
        const int *above = rows[(i + 2) % 3];
        row[0] = i;
        for (int j = 1; j <= b.size_bytes; j++) {
            bool is_same = lower_letter(a.data[i - 1]) == lower_letter(b.data[j - 1]);
            row[j] = least_of(above[j - 1] + !is_same, 1 + least_of(above[j], row[j - 1]));
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
                a.data[i - 2] == b.data[j - 1]) {
                row[j] = least_of(row[j], rows[(i + 1) % 3][j - 2] + 1);
            }
        }
    }
    return rows[a.size_bytes % 3][b.size_bytes];
}

bool mdli_is_near(int distance, int64_t size_bytes)
{
    return distance <= (size_bytes + 2) / 3;
}

/* Writes `a, b, c` as far as it fits, then `…`. */
static void list_columns(const mdli_scope *scope, char *buffer, size_t buffer_bytes)
{
    static const char more[] = ", …";
    size_t used = 0;
    for (int32_t c = 0; c < scope->n_fields; c++) {
        char name[SHOWN_NAME_BYTES];
        mdli_escape_text(scope->fields[c].name, strlen(scope->fields[c].name), name, sizeof(name));
        if (used + strlen(name) + 2 * sizeof(more) > buffer_bytes) {
            memcpy(buffer + used, more, sizeof(more));
            return;
        }
        used +=
            (size_t)snprintf(buffer + used, buffer_bytes - used, "%s%s", c > 0 ? ", " : "", name);
    }
}

mdl_status mdli_unknown_column(mdl_error *error, const char *text, int64_t position,
                               mdl_string name, const mdli_scope *scope)
{
    char shown[SHOWN_NAME_BYTES];
    mdli_escape_text(name.data, (size_t)name.size_bytes, shown, sizeof(shown));
    int least = NAME_BYTES_MAX;
    const char *nearest = "";
    for (int32_t c = 0; c < scope->n_fields; c++) {
        const char *field = scope->fields[c].name;
        int distance = mdli_name_distance(name, (mdl_string){field, (int64_t)strlen(field)});
        if (distance < least) {
            least = distance;
            nearest = field;
        }
    }
    if (scope->n_fields == 0) {
        return mdli_expression_fault(error, MDL_E_NOT_FOUND, text, position,
                                     "no column \"%s\" (there are no columns)", shown);
    }
    char names[SHOWN_TEXT_BYTES];
    if (mdli_is_near(least, name.size_bytes)) {
        mdli_escape_text(nearest, strlen(nearest), names, sizeof(names));
        return mdli_expression_fault(error, MDL_E_NOT_FOUND, text, position,
                                     "no column \"%s\" (did you mean \"%s\"?)", shown, names);
    }
    list_columns(scope, names, sizeof(names));
    return mdli_expression_fault(error, MDL_E_NOT_FOUND, text, position,
                                 "no column \"%s\" (there are %s)", shown, names);
}
