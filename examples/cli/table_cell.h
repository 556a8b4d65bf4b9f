/* The text of single values. */
#ifndef MEDALLION_CLI_TABLE_CELL_H
#define MEDALLION_CLI_TABLE_CELL_H

#include <stdint.h>

#include "medallion/types.h"

/* Room for the text of a cell that is not text itself. */
#define CELL_TEXT_MAX 360

/* The text of a value, "NULL" for NULL. `float_digits` < 0 = FLOAT64 in its exact text form, else
 * rounded to so many digits behind the point. The text is in `buffer` or borrowed from the value.
 */
mdl_string cell_text(const mdl_value *value, int float_digits, char buffer[CELL_TEXT_MAX]);

/* 22046 as "22,046"; gives `buffer`, which must hold 32 bytes. */
const char *grouped_digits(int64_t number, char *buffer);

/* "3 rows", "1 row"; gives `buffer`, which must hold COUNTED_MAX bytes. */
#define COUNTED_MAX 64
const char *counted(int64_t number, const char *noun, char *buffer);

/* "13.2 kB", in powers of 1000; gives `buffer`, which must hold 32 bytes. */
const char *size_text(int64_t bytes, char *buffer);

#endif
