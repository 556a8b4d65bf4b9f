/*
 * Flat columns: growing, gathering, comparing.
 */
#include "operators/rowset.h"

#include <assert.h>
#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/parallel.h"

size_t mdli_type_bytes(mdl_type type)
{
    switch (type) {
#define BYTES_CASE(name, value, text, size)                                                        \
    case MDL_TYPE_##name:                                                                          \
        return size;
        MDL_TYPE_LIST(BYTES_CASE)
#undef BYTES_CASE
    }
    return 0;
}

bool mdli_type_is_integer(mdl_type type)
{
    return type != MDL_TYPE_FLOAT64 && type != MDL_TYPE_STRING;
}

void mdli_flat_init(mdli_flat *flat, mdl_context *context, mdl_type type)
{
    *flat = (mdli_flat){.context = context, .type = type};
    mdli_arena_init(&flat->text, context, "text of rows");
}

void mdli_flat_free(mdli_flat *flat)
{
    if (flat->context == NULL) {
        return;
    }
    mdli_free(flat->context, flat->values);
    mdli_free(flat->context, flat->codes);
    mdli_free(flat->context, flat->validity);
    mdli_arena_reset(&flat->text);
    if (flat->dictionary != NULL) {
        mdli_dictionary_release(flat->dictionary);
    }
    mdli_flat_init(flat, flat->context, flat->type);
}

void mdli_flat_clear(mdli_flat *flat)
{
    flat->n_rows = 0;
    flat->has_codes = false;
    flat->has_loose_codes = false;
    flat->has_nulls = false;
    mdli_arena_reset(&flat->text);
    if (flat->dictionary != NULL) {
        mdli_dictionary_release(flat->dictionary);
        flat->dictionary = NULL;
    }
}

static void set_bit(uint64_t *words, int64_t i, bool value)
{
    uint64_t bit = (uint64_t)1 << (i & 63);
    words[i >> 6] = value ? words[i >> 6] | bit : words[i >> 6] & ~bit;
}

/* Appends `n` validity bits of a vector (NULL = all valid) at row `at`. */
static void append_validity(uint64_t *words, int64_t at, const uint64_t *from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        set_bit(words, at + i, from == NULL || ((from[i >> 6] >> (i & 63)) & 1) != 0);
    }
}

/* Makes room for `n_rows` rows in the array of codes or of values, and in the bitmap if it is in
 * use. */
static mdl_status reserve(mdli_flat *flat, int64_t n_rows, mdl_error *error)
{
    const int64_t n_wanted =
        flat->n_rows > 0 && n_rows < flat->n_rows_expected ? flat->n_rows_expected : n_rows;
    if (flat->has_codes) {
        void *codes = flat->codes;
        MDLI_TRY(mdli_grow_array(flat->context, &codes, &flat->codes_capacity, flat->n_rows,
                                 n_wanted, sizeof(int32_t), "rows", error));
        flat->codes = codes;
    } else {
        MDLI_TRY(mdli_grow_array(flat->context, &flat->values, &flat->values_capacity, flat->n_rows,
                                 n_wanted, mdli_type_bytes(flat->type), "rows", error));
    }
    if (flat->has_nulls) {
        void *words = flat->validity;
        MDLI_TRY(mdli_grow_array(flat->context, &words, &flat->validity_capacity,
                                 (flat->n_rows + 63) >> 6, (n_rows + 63) >> 6, sizeof(uint64_t),
                                 "rows", error));
        flat->validity = words;
    }
    return MDL_OK;
}

/* Lets the bitmap count, for up to `n_rows` rows, with the rows so far valid. */
static mdl_status need_validity(mdli_flat *flat, int64_t n_rows, mdl_error *error)
{
    if (!flat->has_nulls) {
        void *words = flat->validity;
        MDLI_TRY(mdli_grow_array(flat->context, &words, &flat->validity_capacity, 0,
                                 (n_rows + 63) >> 6, sizeof(uint64_t), "rows", error));
        flat->validity = words;
        flat->has_nulls = true;
        if (flat->n_rows > 0) {
            memset(words, 0xff, (size_t)((flat->n_rows + 63) >> 6) * sizeof(uint64_t));
        }
    }
    return MDL_OK;
}

/* Turns codes into strings that point into the dictionary, which stays referenced. */
static mdl_status leave_dictionary(mdli_flat *flat, mdl_error *error)
{
    MDLI_TRY(mdli_grow_array(flat->context, &flat->values, &flat->values_capacity, 0, flat->n_rows,
                             sizeof(mdl_string), "rows", error));
    mdl_string *values = flat->values;
    for (int64_t i = 0; i < flat->n_rows; i++) {
        bool is_valid = !flat->has_nulls || ((flat->validity[i >> 6] >> (i & 63)) & 1) != 0;
        values[i] = is_valid ? flat->dictionary->entries[flat->codes[i]] : (mdl_string){NULL, 0};
    }
    flat->has_codes = false;
    flat->has_loose_codes = false;
    return MDL_OK;
}

/* Texts behind loose codes: so few are compared for each vector without it being felt. */
#define LOOSE_TEXTS_MAX 64

/* Whether the codes of a vector, which belong to no shared dictionary, stand for the same texts as
 * those of the rows so far. */
static bool has_same_texts(const mdli_flat *flat, const mdl_vector *in)
{
    const mdli_dictionary *dictionary = flat->dictionary;
    bool is_same = in->n_dictionary == dictionary->n_entries;
    for (int64_t i = 0; is_same && i < in->n_dictionary; i++) {
        is_same = mdli_compare_strings(in->dictionary[i], dictionary->entries[i]) == 0;
    }
    return is_same;
}

/* Starts with the codes of the first vector, if they can be kept. */
static mdl_status start_codes(mdli_flat *flat, const mdl_vector *in, mdli_dictionary *dictionary,
                              mdl_error *error)
{
    if (in->codes == NULL) {
        return MDL_OK;
    }
    if (dictionary != NULL) {
        mdli_dictionary_retain(dictionary);
        flat->dictionary = dictionary;
    } else if (flat->keeps_loose_codes && in->n_dictionary <= LOOSE_TEXTS_MAX) {
        MDLI_TRY(mdli_dictionary_create(flat->context, in->dictionary, in->n_dictionary,
                                        &flat->dictionary, error));
        flat->has_loose_codes = true;
    }
    flat->has_codes = flat->dictionary != NULL;
    return MDL_OK;
}

/* Whether the codes of a vector can be put behind those of the rows so far. */
static bool has_same_codes(const mdli_flat *flat, const mdl_vector *in,
                           const mdli_dictionary *dictionary)
{
    if (in->codes == NULL) {
        return false;
    }
    return flat->has_loose_codes ? dictionary == NULL && has_same_texts(flat, in)
                                 : dictionary == flat->dictionary;
}

/* Appends strings with their text copied to the arena in one piece. */
static mdl_status append_strings(mdli_flat *flat, const mdl_vector *in, mdl_error *error)
{
    int64_t n = in->n_rows;
    int64_t size = 0;
    for (int64_t i = 0; i < n; i++) {
        size += mdl_vector_is_null(in, i) ? 0 : mdl_vector_string(in, i).size_bytes;
    }
    char *text = mdli_arena_allocate(&flat->text, (size_t)size, error);
    if (text == NULL) {
        return flat->text.failure;
    }
    mdl_string *out = (mdl_string *)flat->values + flat->n_rows;
    for (int64_t i = 0; i < n; i++) {
        out[i] = (mdl_string){text, 0};
        if (!mdl_vector_is_null(in, i)) {
            mdl_string s = mdl_vector_string(in, i);
            if (s.size_bytes > 0) {
                memcpy(text, s.data, (size_t)s.size_bytes);
            }
            out[i].size_bytes = s.size_bytes;
            text += s.size_bytes;
        }
    }
    return MDL_OK;
}

mdl_status mdli_flat_append(mdli_flat *flat, const mdl_vector *in, mdli_dictionary *dictionary,
                            mdl_error *error)
{
    assert(in->type == flat->type);
    int64_t n = in->n_rows;
    if (flat->n_rows == 0) {
        mdli_flat_clear(flat);
        MDLI_TRY(start_codes(flat, in, dictionary, error));
    } else if (flat->has_codes && !has_same_codes(flat, in, dictionary)) {
        MDLI_TRY(leave_dictionary(flat, error));
    }
    if (in->validity != NULL) {
        MDLI_TRY(need_validity(flat, flat->n_rows + n, error));
    }
    MDLI_TRY(reserve(flat, flat->n_rows + n, error));
    if (flat->has_codes) {
        memcpy(flat->codes + flat->n_rows, in->codes, (size_t)n * sizeof(int32_t));
    } else if (flat->type == MDL_TYPE_STRING) {
        MDLI_TRY(append_strings(flat, in, error));
    } else {
        size_t item = mdli_type_bytes(flat->type);
        memcpy((char *)flat->values + (size_t)flat->n_rows * item, in->values, (size_t)n * item);
    }
    if (flat->has_nulls) {
        append_validity(flat->validity, flat->n_rows, in->validity, n);
    }
    flat->n_rows += n;
    return MDL_OK;
}

mdl_vector mdli_flat_vector(const mdli_flat *flat)
{
    return (mdl_vector){
        .type = flat->type,
        .n_rows = flat->n_rows,
        .values = flat->has_codes ? NULL : flat->values,
        .validity = flat->has_nulls ? flat->validity : NULL,
        .codes = flat->has_codes ? flat->codes : NULL,
        .dictionary = flat->has_codes ? flat->dictionary->entries : NULL,
        .n_dictionary = flat->has_codes ? flat->dictionary->n_entries : 0,
    };
}

/* Decoding of the blocks of a column side by side. */
typedef struct decode_jobs {
    const mdl_column *column;
    mdli_flat *flat;
    mdli_decode_buffer *buffers; /* one per worker */
} decode_jobs;

static mdl_status decode_numbers(void *data, int64_t job, int worker, mdl_error *error)
{
    decode_jobs *jobs = data;
    const mdl_column *column = jobs->column;
    int64_t at = column->row_starts[job];
    mdl_vector v;
    MDLI_TRY(mdli_block_decode(column->blocks[job], 0, column->blocks[job]->n_rows,
                               &jobs->buffers[worker], &v, error));
    if (jobs->flat->has_codes) {
        memcpy(jobs->flat->codes + at, v.codes, (size_t)v.n_rows * sizeof(int32_t));
    } else {
        size_t item = mdli_type_bytes(v.type);
        memcpy((char *)jobs->flat->values + (size_t)at * item, v.values, (size_t)v.n_rows * item);
    }
    return MDL_OK;
}

/* Decodes text whose blocks share no dictionary, block after block; text stays in blocks that hold
 * it. */
static mdl_status decode_text(mdli_flat *flat, const mdl_column *column, mdli_decode_buffer *buffer,
                              mdl_error *error)
{
    for (int64_t b = 0; b < column->n_blocks; b++) {
        const mdli_block *block = column->blocks[b];
        mdl_vector v;
        MDLI_TRY(mdli_block_decode(block, 0, block->n_rows, buffer, &v, error));
        if (block->encoding == MDL_ENCODING_ZSTD) {
            flat->n_rows = column->row_starts[b];
            MDLI_TRY(append_strings(flat, &v, error));
            continue;
        }
        mdl_string *out = (mdl_string *)flat->values + column->row_starts[b];
        for (int64_t i = 0; i < v.n_rows; i++) {
            out[i] = mdl_vector_is_null(&v, i) ? (mdl_string){NULL, 0} : mdl_vector_string(&v, i);
        }
    }
    return MDL_OK;
}

mdl_status mdli_flat_from_column(mdli_flat *flat, mdl_context *context, const mdl_column *column,
                                 mdl_error *error)
{
    mdli_flat_init(flat, context, column->type);
    if (column->type == MDL_TYPE_STRING && column->dictionary != NULL) {
        mdli_dictionary_retain(column->dictionary);
        flat->dictionary = column->dictionary;
        flat->has_codes = true;
    }
    int n_workers = mdli_n_workers(context, column->n_blocks);
    decode_jobs jobs = {.column = column, .flat = flat};
    void *buffers = NULL;
    mdl_status status = reserve(flat, column->n_rows, error);
    if (status == MDL_OK) {
        status = mdli_allocate_array(context, n_workers, sizeof(mdli_decode_buffer), "decoding",
                                     &buffers, error);
    }
    if (status != MDL_OK) {
        mdli_flat_free(flat);
        return status;
    }
    jobs.buffers = buffers;
    for (int i = 0; i < n_workers; i++) {
        mdli_decode_buffer_init(&jobs.buffers[i], context);
    }
    if (column->type == MDL_TYPE_STRING && !flat->has_codes) {
        status = decode_text(flat, column, &jobs.buffers[0], error);
    } else {
        status = mdli_parallel_for(context, column->n_blocks, decode_numbers, &jobs, error);
    }
    flat->n_rows = column->n_rows;
    if (status == MDL_OK && column->stats.n_nulls > 0) {
        status = need_validity(flat, flat->n_rows, error);
        for (int64_t b = 0; status == MDL_OK && b < column->n_blocks; b++) {
            if (column->blocks[b]->n_nulls > 0) {
                append_validity(flat->validity, column->row_starts[b], column->blocks[b]->validity,
                                column->blocks[b]->n_rows);
            }
        }
    }
    for (int i = 0; i < n_workers; i++) {
        mdli_decode_buffer_free(&jobs.buffers[i]);
    }
    mdli_free(context, buffers);
    if (status != MDL_OK) {
        mdli_flat_free(flat);
    }
    return status;
}

#define GATHER(ctype, target, source)                                                              \
    do {                                                                                           \
        ctype *to = (ctype *)(target);                                                             \
        const ctype *from = (const ctype *)(source);                                               \
        for (int64_t i = 0; i < n_rows; i++) {                                                     \
            int32_t row = rows[i];                                                                 \
            to[i] = from[row < 0 ? 0 : row];                                                       \
        }                                                                                          \
    } while (0)

mdl_status mdli_flat_gather(mdli_flat *flat, const mdl_vector *in, const int32_t *rows,
                            int64_t n_rows, mdl_vector *out, mdl_error *error)
{
    flat->n_rows = 0;
    flat->has_nulls = false;
    flat->has_codes = in->codes != NULL;
    MDLI_TRY(reserve(flat, n_rows, error));
    bool has_nulls = in->validity != NULL;
    for (int64_t i = 0; i < n_rows && !has_nulls; i++) {
        has_nulls = rows[i] < 0;
    }
    if (in->n_rows == 0 && n_rows > 0) {
        /* Every row is −1: any value will do under a NULL. */
        size_t item = flat->has_codes ? sizeof(int32_t) : mdli_type_bytes(in->type);
        memset(flat->has_codes ? (void *)flat->codes : flat->values, 0, (size_t)n_rows * item);
    } else if (n_rows == 0) {
        /* Nothing to pick, and the arrays may not be there. */
    } else if (flat->has_codes) {
        GATHER(int32_t, flat->codes, in->codes);
    } else {
        switch (mdli_type_bytes(in->type)) {
        case 1:
            GATHER(uint8_t, flat->values, in->values);
            break;
        case 4:
            GATHER(int32_t, flat->values, in->values);
            break;
        case 8:
            GATHER(int64_t, flat->values, in->values);
            break;
        default:
            GATHER(mdl_string, flat->values, in->values);
            break;
        }
    }
    if (has_nulls) {
        MDLI_TRY(need_validity(flat, n_rows, error));
        for (int64_t i = 0; i < n_rows; i++) {
            set_bit(flat->validity, i, rows[i] >= 0 && !mdl_vector_is_null(in, rows[i]));
        }
    }
    *out = (mdl_vector){
        .type = in->type,
        .n_rows = n_rows,
        .values = flat->has_codes ? NULL : flat->values,
        .validity = has_nulls ? flat->validity : NULL,
        .codes = flat->has_codes ? flat->codes : NULL,
        .dictionary = in->dictionary,
        .n_dictionary = in->n_dictionary,
    };
    return MDL_OK;
}

int mdli_compare_strings(mdl_string a, mdl_string b)
{
    size_t shorter = (size_t)(a.size_bytes < b.size_bytes ? a.size_bytes : b.size_bytes);
    int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;
    return order != 0 ? order : (a.size_bytes > b.size_bytes) - (a.size_bytes < b.size_bytes);
}

int mdli_compare_rows(const mdl_vector *a, int64_t row_a, const mdl_vector *b, int64_t row_b,
                      bool is_descending)
{
    bool a_is_null = mdl_vector_is_null(a, row_a);
    bool b_is_null = mdl_vector_is_null(b, row_b);
    if (a_is_null || b_is_null) {
        return (int)a_is_null - (int)b_is_null;
    }
    int order;
    if (a->type == MDL_TYPE_STRING) {
        order = mdli_compare_strings(mdl_vector_string(a, row_a), mdl_vector_string(b, row_b));
    } else if (a->type == MDL_TYPE_FLOAT64) {
        double x = ((const double *)a->values)[row_a];
        double y = ((const double *)b->values)[row_b];
        /* NaN, which only a caller's data can bring, comes after every number. */
        bool x_is_nan = x != x;
        bool y_is_nan = y != y;
        order = x_is_nan || y_is_nan ? (int)x_is_nan - (int)y_is_nan : (x > y) - (x < y);
    } else {
        int64_t x = mdli_vector_integer(a, row_a);
        int64_t y = mdli_vector_integer(b, row_b);
        order = (x > y) - (x < y);
    }
    return is_descending ? -order : order;
}
