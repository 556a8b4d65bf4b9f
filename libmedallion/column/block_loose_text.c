/*
 * Loose text: blocks of STRING on their way to a column. They get their last form when all rows of
 * the column are known (string_column.c); what matters before is that texts are hashed while they
 * are in the cache, and those that come again are kept once.
 */
#include "column/block_internal.h"

#include "base/error.h"
#include "base/memory.h"
#include "column/string_set.h"

/* Rows that are hashed before they are looked up, so that the lookups wait for memory together; a
 * part of MDLI_SAMPLE_ROWS. */
#define BATCH_ROWS 32

/* Whether the texts are worth a dictionary until the column decides. Without one they are hashed
 * again. */
static bool is_worth_a_dictionary(const mdli_string_set *set, int64_t n_rows)
{
    return mdli_texts_repeat(set->n_entries, n_rows) && set->text_bytes <= INT32_MAX;
}

/* Numbers the texts of rows [start, start + n), n <= BATCH_ROWS, 0 for NULL. */
static mdl_status number_batch(mdli_string_set *set, const mdl_vector *values, int64_t start,
                               int64_t n, int32_t *codes, mdl_error *error)
{
    mdli_headed_text texts[BATCH_ROWS];
    uint32_t hashes[BATCH_ROWS];
    const mdl_string no_text = {NULL, 0};
    for (int64_t i = 0; i < n; i++) {
        const bool is_null = mdl_vector_is_null(values, start + i);
        texts[i] = mdli_headed_text_of(is_null ? no_text : mdl_vector_string(values, start + i));
        hashes[i] = mdli_hash_headed_text(&texts[i]);
        mdli_string_set_prefetch_slot(set, hashes[i]);
    }
    for (int64_t i = 0; i < n; i++) {
        codes[start + i] = 0;
        if (!mdl_vector_is_null(values, start + i)) {
            MDLI_TRY(mdli_string_set_add(set, &texts[i], hashes[i], &codes[start + i], error));
        }
    }
    return MDL_OK;
}

/* Numbers the texts. False through *is_numbered when too many are distinct. */
static mdl_status number_texts(mdli_string_set *set, const mdl_vector *values, int32_t *codes,
                               bool *is_numbered, mdl_error *error)
{
    const int64_t n_rows = values->n_rows;
    *is_numbered = false;
    for (int64_t start = 0; start < n_rows; start += BATCH_ROWS) {
        if (start == MDLI_SAMPLE_ROWS && !is_worth_a_dictionary(set, start)) {
            return MDL_OK;
        }
        const int64_t n = n_rows - start < BATCH_ROWS ? n_rows - start : BATCH_ROWS;
        MDLI_TRY(number_batch(set, values, start, n, codes, error));
    }
    *is_numbered = is_worth_a_dictionary(set, n_rows);
    return MDL_OK;
}

/* Encodes with a dictionary of the block's own. */
static mdl_status encode_numbered(const mdl_vector *values, const mdli_string_set *set,
                                  const int32_t *codes, mdli_block **out, mdl_error *error)
{
    mdli_dictionary *dictionary;
    MDLI_TRY(mdli_dictionary_allocate(set->context, set->n_entries, set->text_bytes, &dictionary,
                                      error));
    char *next = dictionary->bytes;
    const char *end = next + set->text_bytes;
    for (int64_t i = 0; i < set->n_entries; i++) {
        next = mdli_dictionary_put(dictionary, i, next, end, set->entries[i].text);
    }
    mdl_vector coded = *values;
    coded.values = NULL;
    coded.codes = codes;
    coded.dictionary = dictionary->entries;
    coded.n_dictionary = dictionary->n_entries;
    mdl_status status = mdli_encode_codes(set->context, &coded, dictionary, out, error);
    mdli_dictionary_release(dictionary);
    if (status == MDL_OK) {
        (*out)->n_distinct = (int32_t)set->n_entries;
    }
    return status;
}

mdl_status mdli_block_encode_loose_text(mdl_context *context, const mdl_vector *values,
                                        mdli_block **out, mdl_error *error)
{
    mdli_string_set set;
    void *codes;
    bool is_numbered;
    *out = NULL;
    MDLI_TRY(
        mdli_allocate_array(context, values->n_rows, sizeof(int32_t), "dictionary", &codes, error));
    mdli_string_set_init(&set, context);
    mdl_status status = mdli_string_set_reserve(&set, values->n_rows / 2, error);
    if (status == MDL_OK) {
        status = number_texts(&set, values, codes, &is_numbered, error);
    }
    if (status == MDL_OK && is_numbered) {
        status = encode_numbered(values, &set, codes, out, error);
    } else if (status == MDL_OK) {
        status = mdli_block_encode_as(context, MDL_ENCODING_PLAIN, values, NULL, out, error);
    }
    mdli_string_set_free(&set);
    mdli_free(context, codes);
    return status;
}
