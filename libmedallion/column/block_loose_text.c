/*
 * Loose text: blocks of STRING on their way to a column. They get their last form when all rows of
 * the column are known (string_column.c); what matters before is that texts are hashed while they
 * are in the cache, and those that come again are kept once.
 */
#include "column/block_internal.h"

#include "base/error.h"
#include "base/memory.h"
#include "column/growing_texts.h"

#include <string.h>

/* Rows that are hashed before they are looked up, so that the lookups wait for memory together. */
#define BATCH_ROWS 128

/* Bytes that texts are kept in at a time. */
#define PIECE_BYTES 65536

/*
 * The dictionary.
 */

/* A dictionary and what it grows by, in one piece of memory. */
typedef struct growing_dictionary {
    mdli_dictionary dictionary;
    mdli_growing_texts texts;
} growing_dictionary;

mdl_status mdli_growing_dictionary_create(mdl_context *context, mdli_dictionary **out,
                                          mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate(context, sizeof(growing_dictionary), "dictionary", &memory, error));
    growing_dictionary *made = memory;
    *made = (growing_dictionary){.dictionary = {.context = context}};
    made->dictionary.growing = &made->texts;
    atomic_init(&made->dictionary.references, 1);
    atomic_init(&made->dictionary.content.state, 0);
    mdli_string_set_init(&made->texts.set, context);
    mdli_arena_init(&made->texts.arena, context, "dictionary");
    *out = &made->dictionary;
    return MDL_OK;
}

void mdli_growing_dictionary_clear(mdli_dictionary *dictionary)
{
    mdli_string_set_free(&dictionary->growing->set);
    mdli_arena_reset(&dictionary->growing->arena);
    mdli_free(dictionary->context, dictionary->entries);
}

mdl_status mdli_growing_dictionary_list(mdli_dictionary *dictionary, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(dictionary->context, dictionary->n_entries,
                                 sizeof *dictionary->entries, "dictionary", &memory, error));
    dictionary->entries = memory;
    for (int64_t i = 0; i < dictionary->n_entries; i++) {
        dictionary->entries[i] = dictionary->growing->set.entries[i].text;
    }
    return MDL_OK;
}

/* Makes room for the bytes of a text. */
static mdl_status make_room(mdli_growing_texts *texts, int64_t size_bytes, mdl_error *error)
{
    const int64_t piece_bytes = size_bytes < PIECE_BYTES ? PIECE_BYTES : size_bytes;
    MDLI_TRY(mdli_check_text_size(size_bytes, error));
    char *piece = mdli_arena_allocate(&texts->arena, (size_t)piece_bytes, error);
    if (piece == NULL) {
        return error->status;
    }
    texts->next = piece;
    texts->n_left = piece_bytes;
    return MDL_OK;
}

/* Copies the bytes of a text that the set has taken in; there is room for them. */
static void keep_bytes(mdli_growing_texts *texts, mdl_string *text)
{
    if (text->size_bytes > 0) {
        memcpy(texts->next, text->data, (size_t)text->size_bytes);
    }
    text->data = texts->next;
    texts->next += text->size_bytes;
    texts->n_left -= text->size_bytes;
}

/*
 * Numbers of texts.
 */

/* Texts of a few rows; a NULL is an empty text. */
typedef struct text_batch {
    mdli_headed_text texts[BATCH_ROWS];
    uint32_t hashes[BATCH_ROWS];
} text_batch;

/* Hashes rows [start, start + n), and asks for what the set has at their slots. */
static void hash_batch(const mdli_string_set *set, const mdl_vector *values, int64_t start,
                       int64_t n, text_batch *batch)
{
    const mdl_string no_text = {NULL, 0};
    for (int64_t i = 0; i < n; i++) {
        const bool is_null = mdl_vector_is_null(values, start + i);
        const mdl_string text = is_null ? no_text : mdl_vector_string(values, start + i);
        batch->texts[i] = mdli_headed_text_of(text);
        batch->hashes[i] = mdli_hash_headed_text(&batch->texts[i]);
        mdli_string_set_prefetch_slot(set, batch->hashes[i]);
    }
    for (int64_t i = 0; i < n; i++) {
        mdli_string_set_prefetch_entry(set, batch->hashes[i]);
    }
    for (int64_t i = 0; i < n; i++) {
        mdli_string_set_prefetch_tail(set, &batch->texts[i], batch->hashes[i]);
    }
}

/* Whether texts come again in the first rows so often that they are worth a dictionary until the
 * column decides. Without one they are hashed again. */
static mdl_status sample_texts(mdl_context *context, const mdl_vector *values, bool *are_repeated,
                               mdl_error *error)
{
    const int64_t n_rows = values->n_rows < MDLI_SAMPLE_ROWS ? values->n_rows : MDLI_SAMPLE_ROWS;
    mdli_string_set set;
    text_batch batch;
    int32_t code;
    mdli_string_set_init(&set, context);
    mdl_status status = mdli_string_set_reserve(&set, n_rows, error);
    for (int64_t start = 0; start < n_rows && status == MDL_OK; start += BATCH_ROWS) {
        const int64_t n = n_rows - start < BATCH_ROWS ? n_rows - start : BATCH_ROWS;
        hash_batch(&set, values, start, n, &batch);
        for (int64_t i = 0; i < n && status == MDL_OK; i++) {
            status = mdli_string_set_add(&set, &batch.texts[i], batch.hashes[i], &code, error);
        }
    }
    *are_repeated = status == MDL_OK && mdli_texts_repeat(set.n_entries, n_rows);
    mdli_string_set_free(&set);
    return status;
}

/* Gives each row its number in the dictionary, 0 for NULL. */
static mdl_status number_texts(mdli_growing_texts *texts, const mdl_vector *values, int32_t *codes,
                               mdl_error *error)
{
    mdli_string_set *set = &texts->set;
    text_batch batch;
    for (int64_t start = 0; start < values->n_rows; start += BATCH_ROWS) {
        const int64_t n_left = values->n_rows - start;
        const int64_t n = n_left < BATCH_ROWS ? n_left : BATCH_ROWS;
        hash_batch(set, values, start, n, &batch);
        for (int64_t i = 0; i < n; i++) {
            const int64_t n_before = set->n_entries;
            int32_t *code = &codes[start + i];
            *code = 0;
            if (mdl_vector_is_null(values, start + i)) {
                continue;
            }
            if (batch.texts[i].text.size_bytes > texts->n_left) {
                MDLI_TRY(make_room(texts, batch.texts[i].text.size_bytes, error));
            }
            MDLI_TRY(mdli_string_set_add(set, &batch.texts[i], batch.hashes[i], code, error));
            if (set->n_entries > n_before) {
                keep_bytes(texts, &set->entries[*code].text);
            }
        }
    }
    return MDL_OK;
}

/*
 * The block.
 */

/* Encodes a block with codes in the dictionary. */
static mdl_status encode_numbered(mdli_dictionary *dictionary, const mdl_vector *values,
                                  int32_t *codes, mdli_block **out, mdl_error *error)
{
    mdli_growing_texts *texts = dictionary->growing;
    const int64_t n_before = texts->set.n_entries;
    MDLI_TRY(mdli_string_set_reserve(&texts->set, values->n_rows / 2, error));
    mdl_status status = number_texts(texts, values, codes, error);
    dictionary->n_entries = texts->set.n_entries;
    texts->are_repeated = mdli_texts_repeat(dictionary->n_entries - n_before, values->n_rows);
    if (status == MDL_OK) {
        mdl_vector coded = *values;
        coded.values = NULL;
        coded.codes = codes;
        status = mdli_encode_codes(dictionary->context, &coded, dictionary, out, error);
    }
    return status;
}

mdl_status mdli_block_encode_loose_text(mdl_context *context, const mdl_vector *values,
                                        mdli_dictionary *dictionary, mdli_block **out,
                                        mdl_error *error)
{
    mdli_growing_texts *texts = dictionary->growing;
    void *codes;
    *out = NULL;
    if (!texts->are_repeated) {
        MDLI_TRY(sample_texts(context, values, &texts->are_repeated, error));
    }
    if (!texts->are_repeated || dictionary->n_entries > MDLI_ENTRIES_MAX) {
        return mdli_block_encode_as(context, MDL_ENCODING_PLAIN, values, NULL, out, error);
    }
    MDLI_TRY(
        mdli_allocate_array(context, values->n_rows, sizeof(int32_t), "dictionary", &codes, error));
    mdl_status status = encode_numbered(dictionary, values, codes, out, error);
    mdli_free(context, codes);
    return status;
}

/*
 * Codes that there are already.
 */

/* Encodes codes with a dictionary of the block's own, which is let go. */
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
