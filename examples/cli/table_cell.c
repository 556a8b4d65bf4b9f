/* The text of single values. */
#include "table_cell.h"

#include <inttypes.h>
#include <stdio.h>

mdl_string cell_text(const mdl_value *value, int float_digits, char buffer[CELL_TEXT_MAX])
{
    if (value->is_null) {
        return (mdl_string){"NULL", 4};
    }
    if (value->type == MDL_TYPE_STRING) {
        return value->as.text;
    }
    if (value->type == MDL_TYPE_FLOAT64 && float_digits >= 0) {
        int size = snprintf(buffer, CELL_TEXT_MAX, "%.*f", float_digits, value->as.real);
        return (mdl_string){buffer, size};
    }
    return (mdl_string){buffer, mdl_value_format(value, buffer)};
}

const char *grouped_digits(int64_t number, char *buffer)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, number);
    int n_sign = number < 0;
    char *out = buffer;
    for (int i = 0; i < n; i++) {
        if (i > n_sign && (n - i) % 3 == 0) {
            *out++ = ',';
        }
        *out++ = digits[i];
    }
    *out = '\0';
    return buffer;
}

const char *counted(int64_t number, const char *noun, char *buffer)
{
    char digits[32];
    snprintf(buffer, COUNTED_MAX, "%s %.24s%s", grouped_digits(number, digits), noun,
             number == 1 ? "" : "s");
    return buffer;
}

const char *size_text(int64_t bytes, char *buffer)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    double size = (double)bytes;
    int unit = 0;
    for (; size >= 999.95 && unit < 4; unit++) {
        size /= 1000;
    }
    snprintf(buffer, 32, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
    return buffer;
}
