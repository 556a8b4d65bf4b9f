/*
 * Loose text: blocks of STRING on their way to a column. They get their last form when all rows of
 * the column are known (string_column.c); what matters before is that texts are hashed while they
 * are in the cache, and those that come again are kept once.
 */
#include "column/block_internal.h"

#include "base/error.h"
#include "base/memory.h"
#include "column/string_set.h"

#include <string.h>

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

/* Encodes codes in a dictionary of the block's own, which is let go. */
static mdl_status encode_own(mdl_context *context, const mdl_vector *values, const int32_t *codes,
                             mdli_dictionary *dictionary, mdli_block **out, mdl_error *error)
{
    mdl_vector coded = *values;
    coded.values = NULL;
    coded.codes = codes;
    coded.dictionary = dictionary->entries;
    coded.n_dictionary = dictionary->n_entries;
    mdl_status status = mdli_encode_codes(context, &coded, dictionary, out, error);
    if (status == MDL_OK) {
        (*out)->n_distinct = (int32_t)dictionary->n_entries;
    }
    mdli_dictionary_release(dictionary);
    return status;
}

/* Encodes texts that were numbered. */
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
    return encode_own(set->context, values, codes, dictionary, out, error);
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

/* Numbers the texts in the order in which they first appear, 0 for NULL; `texts` gets those that do.
 * `numbers` has room for one of each code, and is all −1. */
static int64_t renumber(const mdl_vector *values, int32_t *numbers, int32_t *codes,
                        mdl_string *texts)
{
    int64_t n_texts = 0;
    for (int64_t i = 0; i < values->n_rows; i++) {
        codes[i] = 0;
        if (!mdl_vector_is_null(values, i)) {
            int32_t *number = &numbers[values->codes[i]];
            if (*number < 0) {
                texts[n_texts] = values->dictionary[values->codes[i]];
                *number = (int32_t)n_texts++;
            }
            codes[i] = *number;
        }
    }
    return n_texts;
}

mdl_status mdli_block_encode_loose_codes(mdl_context *context, const mdl_vector *values,
                                         mdli_block **out, mdl_error *error)
{
    const size_t n_codes = (size_t)values->n_dictionary;
    mdli_dictionary *dictionary;
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate(context,
                           n_codes * (sizeof(mdl_string) + sizeof(int32_t)) +
                               (size_t)values->n_rows * sizeof(int32_t),
                           "dictionary", &memory, error));
    mdl_string *texts = memory;
    int32_t *numbers = (int32_t *)(texts + n_codes);
    int32_t *codes = numbers + n_codes;
    memset(numbers, 0xff, n_codes * sizeof *numbers);
    const int64_t n_texts = renumber(values, numbers, codes, texts);
    mdl_status status = mdli_dictionary_create(context, texts, n_texts, &dictionary, error);
    if (status == MDL_OK) {
        status = encode_own(context, values, codes, dictionary, out, error);
    }
    mdli_free(context, memory);
    return status;
}
