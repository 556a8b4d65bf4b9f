/*
 * Flat columns: values of a whole table or of a stretch of rows in arrays, where rows are picked by
 * number.
 */
#ifndef MDLI_OPERATORS_ROWSET_H
#define MDLI_OPERATORS_ROWSET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "column/column_internal.h"
#include "medallion/types.h"

/* Bytes of a value of the type in a vector. */
size_t mdli_type_bytes(mdl_type type);

/* Whether values of the type are integers in memory: all but FLOAT64 and STRING. */
bool mdli_type_is_integer(mdl_type type);

/* Value `i` of a vector of an integer-like type, widened. */
static inline int64_t mdli_vector_integer(const mdl_vector *v, int64_t i)
{
    switch (v->type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        return ((const int32_t *)v->values)[i];
    case MDL_TYPE_BOOL:
        return ((const uint8_t *)v->values)[i];
    default:
        return ((const int64_t *)v->values)[i];
    }
}

/*
 * Values that grow at the end. `strings` of STRING values are copied into text pages unless they
 * stand in a shared dictionary that all appended vectors have had (then `codes`), or the flat keeps
 * loose codes. Zero-initialise with mdli_flat_init; belongs to one thread at a time.
 */
typedef struct mdli_flat {
    mdl_context *context;
    mdl_type type;
    int64_t n_rows;
    bool has_codes;              /* STRING: rows are in `codes`, else in `values` */
    void *values;                /* as in a vector */
    int64_t values_capacity;     /* rows */
    int32_t *codes;              /* STRING: positions in `dictionary` */
    int64_t codes_capacity;      /* rows */
    mdli_dictionary *dictionary; /* a reference */
    bool keeps_loose_codes;      /* STRING: set by an owner who can encode them */
    bool has_loose_codes;        /* `dictionary` is a copy of the few texts behind the codes */
    int64_t n_rows_expected;     /* set by the owner: room for so many once a second vector comes */
    bool has_nulls;              /* `validity` counts */
    uint64_t *validity;
    int64_t validity_capacity; /* words */
    mdli_arena text;
} mdli_flat;

void mdli_flat_init(mdli_flat *flat, mdl_context *context, mdl_type type);
void mdli_flat_free(mdli_flat *flat);

/* Makes it empty, keeping its memory (but not its text). */
void mdli_flat_clear(mdli_flat *flat);

/* Appends a vector; `dictionary` is the shared one behind its codes, or NULL. */
mdl_status mdli_flat_append(mdli_flat *flat, const mdl_vector *values, mdli_dictionary *dictionary,
                            mdl_error *error);

/* The values as a vector that lives until the next change. */
mdl_vector mdli_flat_vector(const mdli_flat *flat);

/* Decodes a whole column, in parallel for numbers. Text stays in the column where it can. */
mdl_status mdli_flat_from_column(mdli_flat *flat, mdl_context *context, const mdl_column *column,
                                 mdl_error *error);

/*
 * Picks rows: out row i = `in` row rows[i]; a row of −1 gives NULL. `out` is made of the flat's
 * memory, which is overwritten; text is not copied.
 */
mdl_status mdli_flat_gather(mdli_flat *flat, const mdl_vector *in, const int32_t *rows,
                            int64_t n_rows, mdl_vector *out, mdl_error *error);

/* Orders two rows of vectors: <0, 0, >0; NULL last whatever the direction. */
int mdli_compare_rows(const mdl_vector *a, int64_t row_a, const mdl_vector *b, int64_t row_b,
                      bool is_descending);

/* Compares text bytewise. */
int mdli_compare_strings(mdl_string a, mdl_string b);

/* Makes a column of chosen rows of a column, in any order, each any number of times. Parallel.
 * table_take.c */
mdl_status mdli_column_take(mdl_context *context, const mdl_column *column, const int64_t *rows,
                            int64_t n_rows, mdl_column **out, mdl_error *error);

/* Makes a table of chosen rows of a table, likewise. */
mdl_status mdli_table_take(mdl_context *context, const mdl_table *table, const int64_t *rows,
                           int64_t n_rows, mdl_table **out, mdl_error *error);

#endif
