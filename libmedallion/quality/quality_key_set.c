/*
 * Sets of keys, a bit for each key that there could be.
 *
 * Every column of a key has numbers of its own: an integer's is its distance from the least one of
 * the other table, a text's comes from its dictionary. Together they are the number of the key, as
 * digits are of a number. Rows of dictionaries are so found without a look at their texts, and two
 * columns in a table with a bit per pair.
 */
#include "quality/quality_internal.h"

#include "base/error.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "kernels/kernels.h"
#include "operators/key_table.h"
#include "operators/rowset.h"

/* A set has at most so many bits for each row of either table, besides a floor: then it costs less
 * to make than the rows to look up. */
#define BITS_PER_ROW 16
#define BITS_FLOOR   ((uint64_t)1 << 20)

/* How the values of one column of a key are numbered. */
typedef struct key_digit {
    int64_t least; /* integers: number 0 */
    int64_t n;     /* numbers that there are */
    bool is_text;
    bool has_codes;        /* texts: codes in the one dictionary of both tables are the numbers */
    mdli_key_table *texts; /* else: the numbers of the other table's texts … */
    int32_t *by_code; /* … also by the code in this table's dictionary, −1 = none; or NULL */
} key_digit;

struct mdli_key_set {
    mdl_context *context;
    const mdli_kernels *kernels;
    int32_t n_columns;
    key_digit digits[MDLI_KEY_COLUMNS_MAX];
    mdli_integer_set *bits; /* of integers of one column: these; else of numbers of keys */
    bool is_of_integers;
    bool has_entries;
};

void mdli_key_set_free(mdli_key_set *set)
{
    if (set == NULL) {
        return;
    }
    for (int32_t k = 0; k < set->n_columns; k++) {
        mdli_key_table_free(set->digits[k].texts);
        mdli_free(set->context, set->digits[k].by_code);
    }
    mdli_integer_set_release(set->bits);
    mdli_free(set->context, set);
}

mdli_integer_set *mdli_key_set_integers(const mdli_key_set *set)
{
    return set->is_of_integers ? set->bits : NULL;
}

bool mdli_key_set_has_entries(const mdli_key_set *set)
{
    return set->has_entries;
}

/* ---- Numbers ---- */

/* The entries of a dictionary as a vector. */
static mdl_vector entries_of(const mdli_dictionary *dictionary)
{
    return (mdl_vector){
        .type = MDL_TYPE_STRING, .n_rows = dictionary->n_entries, .values = dictionary->entries};
}

/* Whether a look at the entries of a column's dictionary is less work than one at its rows. */
static bool has_short_dictionary(const mdl_column *column)
{
    return column->dictionary != NULL && column->dictionary->n_entries <= column->n_rows;
}

/* Numbers the texts of the other table: of its dictionary, or of few rows. */
static mdl_status add_texts(mdl_context *context, const mdl_column *other, key_digit *digit,
                            mdl_error *error)
{
    const mdl_type type = MDL_TYPE_STRING;
    mdli_decode_buffer buffer;
    mdl_vector texts;
    void *numbers = NULL;
    mdl_status status;
    mdli_decode_buffer_init(&buffer, context);
    MDLI_TRY_GOTO_DONE(mdli_key_table_create(context, &type, 1, &digit->texts, error));
    if (has_short_dictionary(other)) {
        texts = entries_of(other->dictionary);
    } else {
        MDLI_TRY_GOTO_DONE(mdli_column_read(other, 0, other->n_rows, &buffer, &texts, error));
    }
    MDLI_TRY_GOTO_DONE(
        mdli_allocate_array(context, texts.n_rows, sizeof(int32_t), "keys", &numbers, error));
    MDLI_TRY_GOTO_DONE(mdli_key_table_add(digit->texts, &texts, texts.n_rows, numbers, error));
    digit->n = mdli_key_table_n_keys(digit->texts);
done:
    mdli_free(context, numbers);
    mdli_decode_buffer_free(&buffer);
    return status;
}

/* Looks the entries of a column's dictionary up, if that is short. */
static mdl_status number_codes(mdl_context *context, const mdl_column *column, key_digit *digit,
                               mdl_error *error)
{
    void *memory;
    mdli_free(context, digit->by_code);
    digit->by_code = NULL;
    if (!has_short_dictionary(column)) {
        return MDL_OK;
    }
    const mdl_vector entries = entries_of(column->dictionary);
    MDLI_TRY(mdli_allocate_array(context, entries.n_rows, sizeof(int32_t), "keys", &memory, error));
    digit->by_code = memory;
    return mdli_key_table_find(digit->texts, &entries, entries.n_rows, digit->by_code, error);
}

static void number_integers(const key_digit *digit, const mdl_vector *keys, int32_t *numbers)
{
    for (int64_t i = 0; i < keys->n_rows; i++) {
        const uint64_t number = (uint64_t)mdli_vector_integer(keys, i) - (uint64_t)digit->least;
        numbers[i] = number < (uint64_t)digit->n ? (int32_t)number : -1;
    }
}

/* The numbers of the values of a column; −1 = none, or NULL. */
static mdl_status number_values(const key_digit *digit, const mdl_vector *keys, int32_t *numbers,
                                mdl_error *error)
{
    if (!digit->is_text) {
        number_integers(digit, keys, numbers);
    } else if (digit->has_codes || digit->by_code != NULL) {
        for (int64_t i = 0; i < keys->n_rows; i++) {
            const int32_t code = mdl_vector_is_null(keys, i) ? 0 : keys->codes[i];
            numbers[i] = digit->has_codes ? code : digit->by_code[code];
        }
    } else {
        MDLI_TRY(mdli_key_table_find(digit->texts, keys, keys->n_rows, numbers, error));
    }
    for (int64_t i = 0; keys->validity != NULL && i < keys->n_rows; i++) {
        numbers[i] = mdl_vector_is_null(keys, i) ? -1 : numbers[i];
    }
    return MDL_OK;
}

/* The numbers of the keys of at most MDLI_VECTOR_ROWS rows. */
static mdl_status number_keys(const mdli_key_set *set, const mdl_vector *keys, int32_t *numbers,
                              mdl_error *error)
{
    int32_t digits[MDLI_VECTOR_ROWS];
    MDLI_TRY(number_values(&set->digits[0], &keys[0], numbers, error));
    for (int32_t k = 1; k < set->n_columns; k++) {
        const int32_t n = (int32_t)set->digits[k].n;
        MDLI_TRY(number_values(&set->digits[k], &keys[k], digits, error));
        for (int64_t i = 0; i < keys->n_rows; i++) {
            numbers[i] = (numbers[i] | digits[i]) < 0 ? -1 : numbers[i] * n + digits[i];
        }
    }
    return MDL_OK;
}

/* ---- Making ---- */

/* Finds how a column is to be numbered; `digit->n` stays 0 where it can't be. */
static mdl_status prepare_digit(mdl_context *context, const mdl_column *column,
                                const mdl_column *other, key_digit *digit, mdl_error *error)
{
    const mdl_column_stats *stats = &other->stats;
    digit->is_text = other->type == MDL_TYPE_STRING;
    if (digit->is_text && other->dictionary != NULL && other->dictionary == column->dictionary) {
        digit->has_codes = true;
        digit->n = other->dictionary->n_entries;
    } else if (digit->is_text && other->n_rows > 0 &&
               (has_short_dictionary(other) || other->n_rows <= MDLI_VECTOR_ROWS)) {
        return add_texts(context, other, digit, error);
    } else if (mdli_type_is_integer(other->type) && !stats->min.is_null) {
        const uint64_t range = (uint64_t)stats->max.as.integer - (uint64_t)stats->min.as.integer;
        digit->least = stats->min.as.integer;
        digit->n = range < INT32_MAX ? (int64_t)range + 1 : 0;
    }
    return MDL_OK;
}

/* Prepares all columns; `*n_numbers` is that of all keys, 0 = there is no set of such keys. */
static mdl_status prepare_digits(mdli_key_set *set, const mdl_column *const *columns,
                                 const mdl_table *other, int64_t *n_numbers, mdl_error *error)
{
    const uint64_t n_rows = (uint64_t)(columns[0]->n_rows + other->n_rows);
    const uint64_t limit = n_rows * BITS_PER_ROW + BITS_FLOOR;
    *n_numbers = 1;
    for (int32_t k = 0; k<set->n_columns && * n_numbers> 0; k++) {
        key_digit *digit = &set->digits[k];
        MDLI_TRY(prepare_digit(set->context, columns[k], other->columns[k], digit, error));
        /* Both factors are below 2^31. */
        *n_numbers *= digit->n;
        *n_numbers = *n_numbers < INT32_MAX && (uint64_t)*n_numbers <= limit ? *n_numbers : 0;
    }
    return MDL_OK;
}

/* Puts the keys of all rows of the other table in. */
static mdl_status fill_set(mdli_key_set *set, const mdl_table *other, mdli_decode_buffer *buffers,
                           mdl_error *error)
{
    int32_t numbers[MDLI_VECTOR_ROWS];
    for (int64_t row = 0; row < other->n_rows; row += MDLI_VECTOR_ROWS) {
        const int64_t n_left = other->n_rows - row;
        const int64_t n = n_left < MDLI_VECTOR_ROWS ? n_left : MDLI_VECTOR_ROWS;
        mdl_vector keys[MDLI_KEY_COLUMNS_MAX];
        MDLI_TRY(mdli_check_cancel(set->context, error));
        for (int32_t k = 0; k < set->n_columns; k++) {
            MDLI_TRY(mdli_column_read(other->columns[k], row, n, &buffers[k], &keys[k], error));
        }
        MDLI_TRY(number_keys(set, keys, numbers, error));
        for (int64_t i = 0; i < n; i++) {
            if (numbers[i] >= 0) {
                set->bits->bits[numbers[i] >> 5] |= UINT32_C(1) << (numbers[i] & 31);
            }
        }
    }
    return MDL_OK;
}

/* Whether every entry of the dictionary of the one column is a key. */
static bool has_all_entries(const mdli_key_set *set, const mdl_column *column)
{
    const key_digit *digit = &set->digits[0];
    bool has_all = set->n_columns == 1 && (digit->has_codes || digit->by_code != NULL);
    for (int64_t c = 0; has_all && c < column->dictionary->n_entries; c++) {
        has_all = mdli_integer_set_has(set->bits, digit->has_codes ? c : digit->by_code[c]);
    }
    return has_all;
}

/* Makes the bits: first by codes of the other table's dictionaries, then rows are looked up by those
 * of this one's. */
static mdl_status make_bits(mdli_key_set *set, const mdl_column *const *columns,
                            const mdl_table *other, int64_t n_numbers, mdl_error *error)
{
    mdli_decode_buffer buffers[MDLI_KEY_COLUMNS_MAX];
    mdl_status status;
    const int64_t least = set->is_of_integers ? set->digits[0].least : 0;
    for (int32_t k = 0; k < set->n_columns; k++) {
        mdli_decode_buffer_init(&buffers[k], set->context);
    }
    MDLI_TRY_GOTO_DONE(
        mdli_integer_set_create(set->context, least, (uint64_t)n_numbers, &set->bits, error));
    for (int32_t k = 0; k < set->n_columns; k++) {
        if (set->digits[k].texts != NULL) {
            MDLI_TRY_GOTO_DONE(
                number_codes(set->context, other->columns[k], &set->digits[k], error));
        }
    }
    MDLI_TRY_GOTO_DONE(fill_set(set, other, buffers, error));
    for (int32_t k = 0; k < set->n_columns; k++) {
        if (set->digits[k].texts != NULL) {
            MDLI_TRY_GOTO_DONE(number_codes(set->context, columns[k], &set->digits[k], error));
        }
    }
    set->has_entries = has_all_entries(set, columns[0]);
done:
    for (int32_t k = 0; k < set->n_columns; k++) {
        mdli_decode_buffer_free(&buffers[k]);
    }
    return status;
}

mdl_status mdli_key_set_create(mdl_context *context, const mdl_column *const *columns,
                               const mdl_table *other, mdli_key_set **out, mdl_error *error)
{
    int64_t n_numbers;
    void *memory;
    mdl_status status;
    *out = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, sizeof(mdli_key_set), "keys", &memory, error));
    mdli_key_set *set = memory;
    set->context = context;
    set->kernels = mdli_kernels_for(mdl_context_simd(context));
    set->n_columns = other->n_columns;
    MDLI_TRY_GOTO_DONE(prepare_digits(set, columns, other, &n_numbers, error));
    set->is_of_integers = set->n_columns == 1 && !set->digits[0].is_text;
    if (n_numbers > 0) {
        MDLI_TRY_GOTO_DONE(make_bits(set, columns, other, n_numbers, error));
        *out = set;
        set = NULL;
    }
done:
    mdli_key_set_free(set);
    return status;
}

/* ---- Looking up ---- */

/* Whether the set has all keys of a vector, as far as a kernel can tell: slots of keys past those of
 * 32 bits may lie where 32-bit ones wrap around. */
static bool has_all_keys(const mdli_key_set *set, const mdl_vector *keys, int64_t n)
{
    const mdli_integer_set *bits = set->bits;
    const bool is_narrow = mdli_type_bytes(keys->type) == 4 && bits->least >= INT32_MIN &&
                           bits->n_slots <= INT32_MAX &&
                           bits->least + (int64_t)bits->n_slots - 1 <= INT32_MAX;
    return is_narrow && set->kernels->all_bits_int32(bits->bits, (uint32_t)bits->n_slots,
                                                     (int32_t)bits->least, keys->values, n);
}

static int64_t pick_integers(const mdli_key_set *set, const mdl_vector *keys, int64_t n,
                             int32_t *picked)
{
    int64_t n_picked = 0;
    if (has_all_keys(set, keys, n)) {
        return 0;
    }
    for (int64_t i = 0; i < n; i++) {
        picked[n_picked] = (int32_t)i;
        n_picked += !mdli_integer_set_has(set->bits, mdli_vector_integer(keys, i));
    }
    return n_picked;
}

mdl_status mdli_key_set_pick_others(const mdli_key_set *set, const mdl_vector *keys, int64_t n,
                                    int32_t *picked, int64_t *n_picked, mdl_error *error)
{
    if (set->is_of_integers) {
        *n_picked = pick_integers(set, keys, n, picked);
        return MDL_OK;
    }
    int32_t numbers[MDLI_VECTOR_ROWS];
    MDLI_TRY(number_keys(set, keys, numbers, error));
    const mdl_vector found = {.type = MDL_TYPE_INT32, .n_rows = n, .values = numbers};
    *n_picked = pick_integers(set, &found, n, picked);
    return MDL_OK;
}
