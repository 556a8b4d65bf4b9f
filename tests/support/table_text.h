/*
 * A table as CSV text, which tells NULL from the empty string and every double from every other.
 */
#ifndef TESTS_TABLE_TEXT_H
#define TESTS_TABLE_TEXT_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "medallion/medallion.h"

/* A text that grows. */
typedef struct growing_text {
    char *bytes; /* NUL-terminated */
    size_t size;
} growing_text;

static inline int growing_text_write(void *user_data, const char *bytes, int64_t size_bytes)
{
    growing_text *text = user_data;
    text->bytes = realloc(text->bytes, text->size + (size_t)size_bytes + 1);
    ck_assert_ptr_nonnull(text->bytes);
    memcpy(text->bytes + text->size, bytes, (size_t)size_bytes);
    text->size += (size_t)size_bytes;
    text->bytes[text->size] = '\0';
    return 0;
}

/* To be freed. */
static inline char *table_text(mdl_context *context, const mdl_table *table)
{
    growing_text text = {NULL, 0};
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status = mdl_csv_write(context, table, growing_text_write, &text, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    return text.bytes;
}

#endif
