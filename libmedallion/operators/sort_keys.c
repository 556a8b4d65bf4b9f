/*
 * Sort keys: normalising columns, reading keys, relating them to the one before.
 */
#include "operators/sort_keys.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "operators/key_table.h"
#include "operators/rowset.h"

/* Bits that hold numbers up to `greatest`. */
static int32_t bits_of(uint64_t greatest)
{
    return greatest == 0 ? 0 : 64 - __builtin_clzll(greatest);
}

/* A text to be put in order, with its prefix. */
typedef struct ranked_text {
    uint64_t prefix;
    int64_t entry;
} ranked_text;

static bool text_is_above(const mdl_string *texts, ranked_text a, ranked_text b)
{
    return a.prefix != b.prefix ? a.prefix > b.prefix
                                : mdli_compare_strings(texts[a.entry], texts[b.entry]) > 0;
}

/* Merges the sorted runs [first, middle) and [middle, end) of `from` into `to`. */
static void merge_texts(const mdl_string *texts, const ranked_text *from, ranked_text *to,
                        int64_t first, int64_t middle, int64_t end)
{
    int64_t a = first;
    int64_t b = middle;
    for (int64_t i = first; i < end; i++) {
        bool takes_second = a == middle || (b < end && text_is_above(texts, from[a], from[b]));
        to[i] = takes_second ? from[b++] : from[a++];
    }
}

/* Sets ranks[i] to the place of texts[i] in bytewise order, from the end when descending. */
static mdl_status rank_texts(mdl_context *context, const mdl_string *texts, int64_t n,
                             bool is_descending, int32_t *ranks, mdl_error *error)
{
    void *memory;
    MDLI_TRY(
        mdli_allocate_array(context, n, 2 * sizeof(ranked_text), "sorting text", &memory, error));
    ranked_text *from = memory;
    ranked_text *to = from + n;
    for (int64_t i = 0; i < n; i++) {
        from[i] = (ranked_text){mdli_text_prefix(texts[i]), i};
    }
    mdl_status status = MDL_OK;
    for (int64_t width = 1; width < n && status == MDL_OK; width *= 2) {
        for (int64_t first = 0; first < n; first += 2 * width) {
            int64_t middle = first + width < n ? first + width : n;
            int64_t end = middle + width < n ? middle + width : n;
            merge_texts(texts, from, to, first, middle, end);
        }
        ranked_text *merged = to;
        to = from;
        from = merged;
        status = mdli_check_cancel(context, error);
    }
    for (int64_t i = 0; i < n; i++) {
        ranks[from[i].entry] = (int32_t)(is_descending ? n - 1 - i : i);
    }
    mdli_free(context, memory);
    return status;
}

/* Rows for each entry of a dictionary from which on putting it in order costs next to nothing. */
#define ROWS_PER_RANK 64

/* What texts have to be good for. */
typedef enum text_use {
    TEXT_USE_ORDER,   /* fields are in the order of the texts */
    TEXT_USE_COMPARE, /* or are codes, by which texts are found */
    TEXT_USE_EQUALITY /* or are any numbers */
} text_use;

/* Ranks of a column whose rows are codes in one dictionary, by code; none where the codes do. */
static mdl_status rank_codes(mdl_context *context, mdli_sort_column *key, text_use use,
                             mdl_error *error)
{
    const mdli_dictionary *dictionary = key->column->dictionary;
    void *ranks;
    key->has_codes = true;
    key->n_value_bits =
        dictionary->n_entries > 0 ? bits_of((uint64_t)dictionary->n_entries - 1) : 0;
    if (use != TEXT_USE_ORDER && dictionary->n_entries > key->column->n_rows / ROWS_PER_RANK) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_allocate_array(context, dictionary->n_entries, sizeof(int32_t), "sorting text",
                                 &ranks, error));
    key->ranks = ranks;
    return rank_texts(context, dictionary->entries, dictionary->n_entries, key->is_descending,
                      key->ranks, error);
}

/* Numbers the texts of a column by row, in order of appearance; NULL is numbered like a text. */
static mdl_status number_rows(mdl_context *context, const mdl_column *column, mdli_key_table *table,
                              int32_t *numbers, mdl_error *error)
{
    mdli_decode_buffer buffer;
    mdli_decode_buffer_init(&buffer, context);
    mdl_status status = MDL_OK;
    for (int64_t row = 0; row < column->n_rows && status == MDL_OK; row += MDLI_VECTOR_ROWS) {
        int64_t n_left = column->n_rows - row;
        int64_t n = n_left < MDLI_VECTOR_ROWS ? n_left : MDLI_VECTOR_ROWS;
        mdl_vector texts;
        MDLI_TRY_GOTO_DONE(mdli_check_cancel(context, error));
        MDLI_TRY_GOTO_DONE(mdli_column_read(column, row, n, &buffer, &texts, error));
        status = mdli_key_table_add(table, &texts, n, numbers + row, error);
    }
done:
    mdli_decode_buffer_free(&buffer);
    return status;
}

/* Ranks of the keys of a table, by number. */
static mdl_status rank_numbers(mdl_context *context, const mdli_key_table *table,
                               bool is_descending, int32_t *ranks, mdl_error *error)
{
    int64_t n = mdli_key_table_n_keys(table);
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, n, sizeof(mdl_string), "sorting text", &memory, error));
    mdl_string *texts = memory;
    for (int64_t i = 0; i < n; i++) {
        mdl_value value = mdli_key_table_value(table, i, 0, MDL_TYPE_STRING);
        texts[i] = value.is_null ? (mdl_string){NULL, 0} : value.as.text;
    }
    mdl_status status = rank_texts(context, texts, n, is_descending, ranks, error);
    mdli_free(context, memory);
    return status;
}

/* Ranks of a column without a dictionary for all its rows, by row; just numbers where these do. */
static mdl_status rank_rows(mdl_context *context, mdli_sort_column *key, bool needs_order,
                            mdl_error *error)
{
    const mdl_column *column = key->column;
    mdl_type type = MDL_TYPE_STRING;
    mdli_key_table *table = NULL;
    void *rows = NULL;
    void *ranks = NULL;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdli_key_table_create(context, &type, 1, &table, error));
    MDLI_TRY_GOTO_DONE(mdli_allocate_array(context, column->n_rows, sizeof(int32_t), "sorting text",
                                           &rows, error));
    MDLI_TRY_GOTO_DONE(number_rows(context, column, table, rows, error));
    int64_t n_keys = mdli_key_table_n_keys(table);
    if (needs_order) {
        MDLI_TRY_GOTO_DONE(
            mdli_allocate_array(context, n_keys, sizeof(int32_t), "sorting text", &ranks, error));
        MDLI_TRY_GOTO_DONE(rank_numbers(context, table, key->is_descending, ranks, error));
    }
    key->ranks = rows;
    for (int64_t i = 0; needs_order && i < column->n_rows; i++) {
        key->ranks[i] = ((const int32_t *)ranks)[key->ranks[i]];
    }
    key->n_value_bits = n_keys > 0 ? bits_of((uint64_t)n_keys - 1) : 0;
    rows = NULL;
done:
    mdli_free(context, rows);
    mdli_free(context, ranks);
    mdli_key_table_free(table);
    return status;
}

/* Finds what values a column holds, and so how many bits they need. */
static mdl_status prepare_column(mdl_context *context, mdli_sort_column *key, text_use use,
                                 mdl_error *error)
{
    const mdl_column_stats *stats = &key->column->stats;
    key->has_nulls = stats->n_nulls > 0;
    if (stats->n_nulls == stats->n_rows) {
        return MDL_OK; /* the bit for NULL tells all there is */
    }
    if (key->column->type == MDL_TYPE_FLOAT64) {
        key->n_value_bits = 64;
        return MDL_OK;
    }
    if (key->column->type == MDL_TYPE_STRING) {
        return key->column->dictionary != NULL
                   ? rank_codes(context, key, use, error)
                   : rank_rows(context, key, use != TEXT_USE_EQUALITY, error);
    }
    bool has_bounds = !stats->min.is_null;
    key->least = has_bounds ? stats->min.as.integer : INT64_MIN;
    key->greatest = has_bounds ? stats->max.as.integer : INT64_MAX;
    key->n_value_bits = bits_of((uint64_t)key->greatest - (uint64_t)key->least);
    return MDL_OK;
}

static mdl_status init_keys(mdli_sort_keys *keys, mdl_context *context, const mdl_table *table,
                            const mdli_key *columns, int32_t n_columns, text_use use,
                            mdl_error *error)
{
    *keys = (mdli_sort_keys){.context = context, .n_rows = table->n_rows, .n_columns = n_columns};
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_columns * sizeof(mdli_sort_column), "sort",
                                  &memory, error));
    keys->columns = memory;
    for (int32_t i = n_columns - 1; i >= 0; i--) {
        mdli_sort_column *key = &keys->columns[i];
        key->column = table->columns[columns[i].column];
        key->is_descending = columns[i].is_descending;
        key->first_bit = keys->n_bits;
        mdl_status status = prepare_column(context, key, use, error);
        if (status != MDL_OK) {
            mdli_sort_keys_free(keys);
            return status;
        }
        keys->n_bits += key->n_value_bits + (key->has_nulls ? 1 : 0);
    }
    keys->n_words = keys->n_bits > 64 ? (keys->n_bits + 63) / 64 : 1;
    return MDL_OK;
}

mdl_status mdli_sort_keys_init(mdli_sort_keys *keys, mdl_context *context, const mdl_table *table,
                               const mdli_key *columns, int32_t n_columns, mdl_error *error)
{
    return init_keys(keys, context, table, columns, n_columns, TEXT_USE_ORDER, error);
}

mdl_status mdli_sort_keys_init_unordered(mdli_sort_keys *keys, mdl_context *context,
                                         const mdl_table *table, const mdli_key *columns,
                                         int32_t n_columns, mdl_error *error)
{
    return init_keys(keys, context, table, columns, n_columns, TEXT_USE_EQUALITY, error);
}

mdl_status mdli_sort_keys_init_compared(mdli_sort_keys *keys, mdl_context *context,
                                        const mdl_table *table, const mdli_key *columns,
                                        int32_t n_columns, mdl_error *error)
{
    return init_keys(keys, context, table, columns, n_columns, TEXT_USE_COMPARE, error);
}

void mdli_sort_keys_free(mdli_sort_keys *keys)
{
    for (int32_t i = 0; keys->columns != NULL && i < keys->n_columns; i++) {
        mdli_free(keys->context, keys->columns[i].ranks);
    }
    if (keys->columns != NULL) {
        mdli_free(keys->context, keys->columns);
    }
    *keys = (mdli_sort_keys){0};
}

int32_t mdli_sort_keys_bits_after(const mdli_sort_keys *keys, int32_t n_columns)
{
    if (n_columns == 0) {
        return keys->n_bits;
    }
    return n_columns == keys->n_columns ? 0 : keys->columns[n_columns - 1].first_bit;
}

mdl_status mdli_sort_reader_init(mdli_sort_reader *reader, const mdli_sort_keys *keys,
                                 mdl_error *error)
{
    *reader = (mdli_sort_reader){.keys = keys};
    mdli_decode_buffer_init(&reader->buffer, keys->context);
    size_t word_bytes = (size_t)keys->n_words * MDLI_SORT_STRIDE * sizeof(uint64_t);
    size_t value_bytes = MDLI_VECTOR_ROWS * sizeof(uint64_t);
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(keys->context, word_bytes + value_bytes + MDLI_VECTOR_ROWS,
                                  "sort", &memory, error));
    reader->words = memory;
    reader->values = reader->words + (int64_t)keys->n_words * MDLI_SORT_STRIDE;
    reader->relations = (uint8_t *)(reader->values + MDLI_VECTOR_ROWS);
    return MDL_OK;
}

void mdli_sort_reader_free(mdli_sort_reader *reader)
{
    if (reader->keys != NULL) {
        mdli_free(reader->keys->context, reader->words);
        mdli_decode_buffer_free(&reader->buffer);
    }
}

mdl_status mdli_sort_readers_create(const mdli_sort_keys *keys, int n_readers,
                                    mdli_sort_reader **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_zeroed(keys->context, (size_t)n_readers * sizeof(mdli_sort_reader),
                                  "sort", &memory, error));
    mdli_sort_reader *readers = memory;
    for (int i = 0; i < n_readers; i++) {
        mdl_status status = mdli_sort_reader_init(&readers[i], keys, error);
        if (status != MDL_OK) {
            mdli_sort_readers_free(keys->context, readers, n_readers);
            return status;
        }
    }
    *out = readers;
    return MDL_OK;
}

void mdli_sort_readers_free(mdl_context *context, mdli_sort_reader *readers, int n_readers)
{
    for (int i = 0; readers != NULL && i < n_readers; i++) {
        mdli_sort_reader_free(&readers[i]);
    }
    mdli_free(context, readers);
}

mdl_status mdli_sort_reader_seek(mdli_sort_reader *reader, int64_t row, mdl_error *error)
{
    reader->has_previous = false;
    reader->n_rows = 0;
    return row > 0 ? mdli_sort_reader_read(reader, row - 1, 1, error) : MDL_OK;
}

/* value − least, or greatest − value: the subtractions wrap, but their results fit 64 bits. */
#define INTEGER_VALUES(ctype)                                                                      \
    do {                                                                                           \
        const ctype *from = (const ctype *)v->values;                                              \
        if (key->is_descending) {                                                                  \
            for (int64_t i = 0; i < v->n_rows; i++) {                                              \
                values[i] = (uint64_t)key->greatest - (uint64_t)from[i];                           \
            }                                                                                      \
        } else {                                                                                   \
            for (int64_t i = 0; i < v->n_rows; i++) {                                              \
                values[i] = (uint64_t)from[i] - (uint64_t)key->least;                              \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static void integer_values(const mdli_sort_column *key, const mdl_vector *v, uint64_t *values)
{
    switch (mdli_type_bytes(v->type)) {
    case 1:
        INTEGER_VALUES(uint8_t);
        break;
    case 4:
        INTEGER_VALUES(int32_t);
        break;
    default:
        INTEGER_VALUES(int64_t);
        break;
    }
}

/* Bits of doubles in an order of unsigned numbers: negative ones flipped, the others above them.
 * Zeros are one value, and so are NaNs, which come after every number. */
static void float_values(const mdli_sort_column *key, const mdl_vector *v, uint64_t *values)
{
    const double *from = v->values;
    const uint64_t sign = (uint64_t)1 << 63;
    for (int64_t i = 0; i < v->n_rows; i++) {
        double value = from[i] == 0 ? 0 : from[i];
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        uint64_t ordered = value != value ? ~(uint64_t)0 : bits & sign ? ~bits : bits | sign;
        values[i] = key->is_descending ? ~ordered : ordered;
    }
}

/* ORs values of `n_bits` bits into the words from `first_bit` on. */
static void put_bits(mdli_sort_reader *reader, const uint64_t *values, int32_t first_bit,
                     int32_t n_bits)
{
    if (n_bits == 0) {
        return;
    }
    int32_t shift = first_bit % 64;
    uint64_t *word = reader->words + (int64_t)(first_bit / 64) * MDLI_SORT_STRIDE + 1;
    for (int64_t i = 0; i < reader->n_rows; i++) {
        word[i] |= values[i] << shift;
    }
    if (shift + n_bits > 64) {
        word += MDLI_SORT_STRIDE;
        for (int64_t i = 0; i < reader->n_rows; i++) {
            word[i] |= values[i] >> (64 - shift);
        }
    }
}

mdl_status mdli_sort_column_read(const mdli_sort_column *key, int64_t row, int64_t n,
                                 mdli_decode_buffer *buffer, uint64_t *values,
                                 const uint64_t **validity, mdl_error *error)
{
    *validity = NULL;
    if (key->ranks != NULL && !key->has_codes && !key->has_nulls) {
        for (int64_t i = 0; i < n; i++) {
            values[i] = (uint64_t)key->ranks[row + i];
        }
        return MDL_OK;
    }
    mdl_vector v;
    MDLI_TRY(mdli_column_read(key->column, row, n, buffer, &v, error));
    *validity = v.validity;
    if (key->n_value_bits == 0) {
        memset(values, 0, (size_t)n * sizeof *values);
    } else if (key->has_codes && key->ranks == NULL) {
        for (int64_t i = 0; i < n; i++) {
            values[i] = mdl_vector_is_null(&v, i) ? 0 : (uint64_t)v.codes[i];
        }
    } else if (key->ranks != NULL) {
        for (int64_t i = 0; i < n; i++) {
            bool is_null = mdl_vector_is_null(&v, i);
            int64_t place = key->has_codes ? (is_null ? 0 : v.codes[i]) : row + i;
            values[i] = (uint64_t)key->ranks[place];
        }
    } else if (key->column->type == MDL_TYPE_FLOAT64) {
        float_values(key, &v, values);
    } else {
        integer_values(key, &v, values);
    }
    if (v.validity != NULL) {
        /* What lies under a NULL is unspecified. */
        for (int64_t i = 0; i < n; i++) {
            uint64_t is_valid = (v.validity[i >> 6] >> (i & 63)) & 1;
            values[i] &= (uint64_t)0 - is_valid;
        }
    }
    return MDL_OK;
}

int mdli_sort_column_compare(const mdli_sort_column *key, uint64_t a, uint64_t b)
{
    if (a == b) {
        return 0;
    }
    if (!mdli_sort_column_has_codes_only(key)) {
        return a < b ? -1 : 1;
    }
    const mdl_string *texts = key->column->dictionary->entries;
    const int order = mdli_compare_strings(texts[a], texts[b]);
    return key->is_descending ? -order : order;
}

static mdl_status read_column(mdli_sort_reader *reader, const mdli_sort_column *key, int64_t row,
                              mdl_error *error)
{
    const uint64_t *validity;
    uint64_t *values = reader->values;
    if (key->n_value_bits == 0 && !key->has_nulls) {
        return MDL_OK;
    }
    MDLI_TRY(
        mdli_sort_column_read(key, row, reader->n_rows, &reader->buffer, values, &validity, error));
    put_bits(reader, values, key->first_bit, key->n_value_bits);
    if (validity != NULL) {
        for (int64_t i = 0; i < reader->n_rows; i++) {
            values[i] = ~(validity[i >> 6] >> (i & 63)) & 1;
        }
        put_bits(reader, values, key->first_bit + key->n_value_bits, 1);
    }
    return MDL_OK;
}

mdl_status mdli_sort_reader_read(mdli_sort_reader *reader, int64_t row, int64_t n, mdl_error *error)
{
    assert(n <= MDLI_VECTOR_ROWS);
    const mdli_sort_keys *keys = reader->keys;
    for (int32_t w = 0; w < keys->n_words; w++) {
        uint64_t *words = reader->words + (int64_t)w * MDLI_SORT_STRIDE;
        words[0] = words[reader->n_rows];
        memset(words + 1, 0, (size_t)n * sizeof(uint64_t));
    }
    reader->has_previous = reader->has_previous || reader->n_rows > 0;
    reader->n_rows = n;
    for (int32_t i = 0; i < keys->n_columns; i++) {
        MDLI_TRY(read_column(reader, &keys->columns[i], row, error));
    }
    return MDL_OK;
}

void mdli_sort_reader_relate(mdli_sort_reader *reader, int32_t n_ignored_bits)
{
    uint8_t *relations = reader->relations;
    memset(relations, MDLI_RELATION_EQUAL, (size_t)reader->n_rows);
    int32_t shift = n_ignored_bits % 64;
    /* From the lowest word up, so that the highest word that differs has the last say. */
    for (int32_t w = n_ignored_bits / 64; w < reader->keys->n_words; w++) {
        const uint64_t *words = reader->words + (int64_t)w * MDLI_SORT_STRIDE;
        for (int64_t i = 0; i < reader->n_rows; i++) {
            uint64_t before = words[i] >> shift;
            uint64_t here = words[i + 1] >> shift;
            uint8_t relation = before < here ? MDLI_RELATION_ABOVE : MDLI_RELATION_BELOW;
            relations[i] = before == here ? relations[i] : relation;
        }
        shift = 0;
    }
    if (!reader->has_previous && reader->n_rows > 0) {
        relations[0] = MDLI_RELATION_ABOVE;
    }
}
