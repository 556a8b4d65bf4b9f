/**
 * @file types.h
 * The types of values, single values, vectors of values, and their text forms.
 */
#ifndef MEDALLION_TYPES_H
#define MEDALLION_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "medallion/export.h"
#include "medallion/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Name, pinned value, name in text, bytes of a value in a vector. */
#define MDL_TYPE_LIST(X)                                                                           \
    X(INT32, 1, "INT32", 4)                                                                        \
    X(INT64, 2, "INT64", 8)                                                                        \
    X(DECIMAL, 3, "DECIMAL(9,2)", 4)                                                               \
    X(FLOAT64, 4, "FLOAT64", 8)                                                                    \
    X(BOOL, 5, "BOOL", 1)                                                                          \
    X(TIMESTAMP, 6, "TIMESTAMP", 8)                                                                \
    X(STRING, 7, "STRING", 16)

/**
 * The type of a column. Any column can hold NULL; NULL and the empty string differ.
 *
 * | type      | in a vector                                      | text form                    |
 * |-----------|--------------------------------------------------|------------------------------|
 * | INT32     | `int32_t`                                        | decimal                      |
 * | INT64     | `int64_t`                                        | decimal                      |
 * | DECIMAL   | `int32_t`, hundredths: 4.5 is 450                | shortest: `4.5`, `3.0`       |
 * | FLOAT64   | `double`                                         | shortest that reads the same |
 * | BOOL      | `uint8_t`, 0 or 1                                | `true`, `false`              |
 * | TIMESTAMP | `int64_t`, seconds since 1970-01-01 UTC, no zone | `YYYY-MM-DD HH:MM:SS`        |
 * | STRING    | ::mdl_string, UTF-8                              | as it is                     |
 */
typedef enum mdl_type {
#define MDL_TYPE_ENUM(name, value, text, size) MDL_TYPE_##name = value,
    MDL_TYPE_LIST(MDL_TYPE_ENUM)
#undef MDL_TYPE_ENUM
} mdl_type;

/** The name of a type, such as "DECIMAL(9,2)"; "?" for a value that is none. Thread-safe. */
MDL_API const char *mdl_type_name(mdl_type type);

/** UTF-8 bytes that somebody else owns; not NUL-terminated. `data` may be NULL when the size is 0.
 */
typedef struct mdl_string {
    const char *data;
    int64_t size_bytes;
} mdl_string;

/** One value. Which member counts follows from `type`; none does when `is_null`. */
typedef struct mdl_value {
    mdl_type type;
    bool is_null;
    union {
        int64_t
            integer; /**< INT32, INT64, DECIMAL (hundredths), BOOL (0, 1), TIMESTAMP (seconds) */
        double real; /**< FLOAT64 */
        mdl_string text; /**< STRING */
    } as;
} mdl_value;

/**
 * A run of values of one type, as ::mdl_cursor_next gives it, ::mdl_table_builder_append takes it,
 * and scalar functions see it. It owns nothing; who hands it out says how long it lives.
 *
 * A STRING vector comes in one of two forms: `values` points to `n_rows` ::mdl_string, or `codes`
 * is not NULL and row i holds `dictionary[codes[i]]`. ::mdl_vector_string reads both.
 */
typedef struct mdl_vector {
    mdl_type type;
    int64_t n_rows;
    const void *values;       /**< array of the C type that ::mdl_type names */
    const uint64_t *validity; /**< bit (i & 63) of word i / 64 is 1 where row i is not NULL; NULL =
                                 no row is NULL. The value under a NULL is unspecified */
    const int32_t *codes; /**< STRING only: positions in `dictionary`; NULL = `values` is used */
    const mdl_string *dictionary; /**< STRING with `codes`: the distinct values */
    int64_t n_dictionary;         /**< STRING with `codes`: entries in `dictionary` */
} mdl_vector;

/** Whether row `i` of a vector is NULL. */
static inline bool mdl_vector_is_null(const mdl_vector *v, int64_t i)
{
    return v->validity != NULL && ((v->validity[i >> 6] >> (i & 63)) & 1) == 0;
}

/** Row `i` of a STRING vector that is not NULL there. */
static inline mdl_string mdl_vector_string(const mdl_vector *v, int64_t i)
{
    return v->codes != NULL ? v->dictionary[v->codes[i]] : ((const mdl_string *)v->values)[i];
}

/** Row `i` of an INT32 or DECIMAL vector that is not NULL there. */
static inline int32_t mdl_vector_int32(const mdl_vector *v, int64_t i)
{
    return ((const int32_t *)v->values)[i];
}

/** Row `i` of an INT64 or TIMESTAMP vector that is not NULL there. */
static inline int64_t mdl_vector_int64(const mdl_vector *v, int64_t i)
{
    return ((const int64_t *)v->values)[i];
}

/** Row `i` of a vector of any type, NULL or not; the text of a STRING is the vector's. For single
 * values: where a column is gone through, its type is known and the functions above are faster. */
MDL_API mdl_value mdl_vector_value(const mdl_vector *v, int64_t i);

/** Most bytes that ::mdl_value_format writes for a type other than STRING, the NUL included. */
#define MDL_VALUE_TEXT_MAX 40

/**
 * Writes the text form of a value of any type but STRING, NUL-terminated; nothing for NULL.
 *
 * @param buffer  at least ::MDL_VALUE_TEXT_MAX bytes
 * @return bytes written without the NUL; 0 for NULL and for STRING (whose text is
 * `value->as.text`).
 */
MDL_API int64_t mdl_value_format(const mdl_value *value, char *buffer);

/**
 * Reads a value from its text form; STRING borrows `text`.
 *
 * @return ::MDL_E_DATA when the text is not such a value, with the reason in `error`.
 */
MDL_API mdl_status mdl_value_parse(mdl_type type, mdl_string text, mdl_value *out,
                                   mdl_error *error);

#ifdef __cplusplus
}
#endif

#endif
