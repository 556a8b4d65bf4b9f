/*
 * Blocks are compared by their encoded bytes, text by the codes of dictionaries that are related
 * once, everything else as decoded vectors in loops without branches.
 */
#include "snapshot/snapshot_compare.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "column/block_internal.h"
#include "column/string_set.h"
#include "operators/rowset.h"

/*
 * Blocks.
 */

bool mdli_blocks_are_same(const mdli_block *a, const mdli_block *b)
{
    return a->dictionary == b->dictionary && mdli_blocks_have_same_bodies(a, b);
}

bool mdli_blocks_are_same_constant(const mdli_block *a, const mdli_block *b)
{
    if (a->n_nulls == a->n_rows || b->n_nulls == b->n_rows) {
        return a->n_nulls == a->n_rows && b->n_nulls == b->n_rows;
    }
    return a->encoding == MDL_ENCODING_CONSTANT && b->encoding == MDL_ENCODING_CONSTANT &&
           a->n_nulls == 0 && b->n_nulls == 0 &&
           (a->type == MDL_TYPE_STRING ? mdli_blocks_have_same_bytes(a, b) : a->first == b->first);
}

/*
 * Dictionaries.
 */

static bool have_same_entries(const mdli_dictionary *a, const mdli_dictionary *b)
{
    if (a == b) {
        return true;
    }
    bool is_same = a->n_entries == b->n_entries;
    for (int64_t i = 0; is_same && i < a->n_entries; i++) {
        is_same = mdli_is_same_text(a->entries[i], b->entries[i]);
    }
    return is_same;
}

/*
 * Tables.
 */

static bool are_columns_same(const mdl_column *a, const mdl_column *b)
{
    if (a == b) {
        return true;
    }
    bool is_same = a->type == b->type && a->n_rows == b->n_rows && a->n_blocks == b->n_blocks;
    const mdli_dictionary *seen_a = NULL;
    const mdli_dictionary *seen_b = NULL;
    for (int64_t i = 0; is_same && i < a->n_blocks; i++) {
        const mdli_dictionary *of_a = a->blocks[i]->dictionary;
        const mdli_dictionary *of_b = b->blocks[i]->dictionary;
        is_same = mdli_blocks_have_same_bodies(a->blocks[i], b->blocks[i]);
        if (is_same && (of_a != seen_a || of_b != seen_b)) {
            is_same =
                of_a == of_b || (of_a != NULL && of_b != NULL && have_same_entries(of_a, of_b));
            seen_a = of_a;
            seen_b = of_b;
        }
    }
    return is_same;
}

bool mdli_tables_are_same(const mdl_table *a, const mdl_table *b)
{
    bool is_same = a->n_rows == b->n_rows && a->n_columns == b->n_columns;
    for (int32_t c = 0; is_same && c < a->n_columns; c++) {
        is_same =
            strcmp(a->names[c], b->names[c]) == 0 && are_columns_same(a->columns[c], b->columns[c]);
    }
    return is_same;
}

/* Adds the entries of a dictionary to a set, and tells their numbers there. */
static mdl_status number_entries(mdli_string_set *set, const mdli_dictionary *dictionary,
                                 int32_t *numbers, mdl_error *error)
{
    for (int64_t i = 0; i < dictionary->n_entries; i++) {
        mdli_headed_text text = mdli_headed_text_of(dictionary->entries[i]);
        MDLI_TRY(mdli_string_set_add(set, &text, mdli_hash_headed_text(&text), &numbers[i], error));
    }
    return MDL_OK;
}

/* Gives for each code of one dictionary that of the same text in another; a text that this one does
 * not have gets a number that is no code. */
static mdl_status relate_dictionaries(mdl_context *context, const mdli_dictionary *from,
                                      const mdli_dictionary *to, int32_t **out, mdl_error *error)
{
    void *memory = NULL;
    int64_t n_most = from->n_entries > to->n_entries ? from->n_entries : to->n_entries;
    mdli_string_set set;
    mdl_status status;
    *out = NULL;
    mdli_string_set_init(&set, context);
    MDLI_TRY_GOTO_DONE(
        mdli_allocate_array(context, n_most, sizeof(int32_t), "snapshot diff", &memory, error));
    int32_t *codes = memory;
    /* The entries of `to` differ, so they are numbered as they stand; what comes after is new. */
    MDLI_TRY_GOTO_DONE(number_entries(&set, to, codes, error));
    MDLI_TRY_GOTO_DONE(number_entries(&set, from, codes, error));
    *out = codes;
    memory = NULL;
done:
    mdli_free(context, memory);
    mdli_string_set_free(&set);
    return status;
}

mdl_status mdli_column_pair_init(mdli_column_pair *pair, mdl_context *context,
                                 const mdl_column *current, const mdl_column *history,
                                 mdl_error *error)
{
    *pair = (mdli_column_pair){.current = current, .history = history};
    if (current->dictionary == NULL || history->dictionary == NULL) {
        return MDL_OK;
    }
    pair->has_same_codes = have_same_entries(current->dictionary, history->dictionary);
    if (pair->has_same_codes) {
        return MDL_OK;
    }
    return relate_dictionaries(context, history->dictionary, current->dictionary, &pair->codes,
                               error);
}

void mdli_column_pair_free(mdli_column_pair *pair, mdl_context *context)
{
    mdli_free(context, pair->codes);
}

/*
 * Vectors.
 */

/* A loop of its own for rows in line: the compiler makes vectors of it. */
#define COMPARE(ctype, is_different)                                                               \
    do {                                                                                           \
        const ctype *a = current->values;                                                          \
        const ctype *b = history->values;                                                          \
        if (places == NULL) {                                                                      \
            for (int64_t i = 0; i < n; i++) {                                                      \
                differs[i] = is_different(a[i], b[i]);                                             \
            }                                                                                      \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                      \
                differs[i] = is_different(a[i], b[places[i]]);                                     \
            }                                                                                      \
        }                                                                                          \
    } while (0)

#define IS_OTHER(a, b) ((a) != (b))

static inline bool is_other_double(double a, double b)
{
    uint64_t a_bits;
    uint64_t b_bits;
    memcpy(&a_bits, &a, sizeof a_bits);
    memcpy(&b_bits, &b, sizeof b_bits);
    return (a_bits != b_bits) & !((a != a) & (b != b));
}

static void compare_numbers(const mdl_vector *current, const mdl_vector *history,
                            const int32_t *places, int64_t n, uint8_t *differs)
{
    if (current->type == MDL_TYPE_FLOAT64) {
        COMPARE(double, is_other_double);
        return;
    }
    switch (mdli_type_bytes(current->type)) {
    case 1:
        COMPARE(uint8_t, IS_OTHER);
        break;
    case 4:
        COMPARE(int32_t, IS_OTHER);
        break;
    default:
        COMPARE(int64_t, IS_OTHER);
        break;
    }
}

static void compare_text(const mdli_column_pair *pair, const mdl_vector *current,
                         const mdl_vector *history, const int32_t *places, int64_t n,
                         uint8_t *differs)
{
    bool has_codes = current->codes != NULL && history->codes != NULL;
    bool has_same_codes =
        has_codes && (pair->has_same_codes || current->dictionary == history->dictionary);
    for (int64_t i = 0; i < n; i++) {
        int64_t place = places != NULL ? places[i] : i;
        if (mdl_vector_is_null(current, i) || mdl_vector_is_null(history, place)) {
            differs[i] = 0; /* or not: see compare_nulls */
        } else if (has_same_codes) {
            differs[i] = current->codes[i] != history->codes[place];
        } else if (has_codes && pair->codes != NULL) {
            differs[i] = current->codes[i] != pair->codes[history->codes[place]];
        } else {
            differs[i] = !mdli_is_same_text(mdl_vector_string(current, i),
                                            mdl_vector_string(history, place));
        }
    }
}

/* Corrects what was found for rows that are NULL on either side. */
static void compare_nulls(const mdl_vector *current, const mdl_vector *history,
                          const int32_t *places, int64_t n, uint8_t *differs)
{
    for (int64_t i = 0; i < n; i++) {
        bool current_is_null = mdl_vector_is_null(current, i);
        bool history_is_null = mdl_vector_is_null(history, places != NULL ? places[i] : i);
        if (current_is_null || history_is_null) {
            differs[i] = current_is_null != history_is_null;
        }
    }
}

void mdli_compare_values(const mdli_column_pair *pair, const mdl_vector *current,
                         const mdl_vector *history, const int32_t *places, int64_t n,
                         uint8_t *differs)
{
    if (current->type == MDL_TYPE_STRING) {
        compare_text(pair, current, history, places, n, differs);
    } else {
        compare_numbers(current, history, places, n, differs);
    }
    if (current->validity != NULL || history->validity != NULL) {
        compare_nulls(current, history, places, n, differs);
    }
}
