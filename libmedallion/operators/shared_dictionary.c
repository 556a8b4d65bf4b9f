/*
 * New rows bring a dictionary of their own, though tiers and genres are nearly always known to the
 * base that they are put into, and of tags most are. With the base's codes its blocks keep their
 * dictionary; without, each row of the column would have to be looked at again.
 *
 * Few texts come to many: it is they that a set is made of, in which the base's entries are looked
 * for one after another.
 */
#include "operators/shared_dictionary.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/tuning.h"
#include "column/block_internal.h"
#include "column/string_set.h"
#include "operators/rowset.h"

/* Codes are int32_t. */
#define ENTRIES_MAX (INT32_MAX - MDLI_BLOCK_ROWS_MAX)

typedef struct sharing {
    mdl_context *context;
    const mdl_column *base;
    const mdl_column *added;
    mdli_flat rows;        /* of `added` */
    mdli_string_set texts; /* its distinct texts, in the order in which they appear */
    int32_t *codes;        /* of its rows: first numbers of `texts`, then codes; 0 for NULL */
    int32_t *text_codes;   /* of `texts` in the dictionary; −1 = none */
    int64_t n_new;         /* texts that the base does not have */
    int64_t new_text_bytes;
    mdli_dictionary *dictionary;
} sharing;

/* Numbers the texts of the added rows. */
static mdl_status number_texts(sharing *it, mdl_error *error)
{
    const mdl_vector rows = mdli_flat_vector(&it->rows);
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(it->context, (size_t)rows.n_rows * sizeof *it->codes,
                                  "dictionary", &memory, error));
    it->codes = memory;
    for (int64_t i = 0; i < rows.n_rows; i++) {
        if (!mdl_vector_is_null(&rows, i)) {
            const mdli_headed_text text = mdli_headed_text_of(mdl_vector_string(&rows, i));
            MDLI_TRY(mdli_string_set_add(&it->texts, &text, mdli_hash_headed_text(&text),
                                         &it->codes[i], error));
        }
    }
    return MDL_OK;
}

/* Finds the texts that the base has, and gives the others the next codes. */
static mdl_status find_codes(sharing *it, mdl_error *error)
{
    const mdli_dictionary *known = it->base->dictionary;
    const int64_t n = it->texts.n_entries;
    void *memory;
    MDLI_TRY(
        mdli_allocate_array(it->context, n, sizeof *it->text_codes, "dictionary", &memory, error));
    it->text_codes = memory;
    memset(it->text_codes, 0xff, (size_t)n * sizeof *it->text_codes);
    it->n_new = n;
    it->new_text_bytes = it->texts.text_bytes;
    for (int64_t i = 0; i < known->n_entries && it->n_new > 0; i++) {
        const mdli_headed_text text = mdli_headed_text_of(known->entries[i]);
        const int32_t found = mdli_string_set_find(&it->texts, &text, mdli_hash_headed_text(&text));
        if (found >= 0) {
            it->text_codes[found] = (int32_t)i;
            it->n_new--;
            it->new_text_bytes -= text.text.size_bytes;
        }
    }
    const bool has_room = known->n_entries + it->n_new <= ENTRIES_MAX;
    int64_t next = known->n_entries;
    for (int64_t i = 0; i < n && has_room; i++) {
        it->text_codes[i] = it->text_codes[i] < 0 ? (int32_t)next++ : it->text_codes[i];
    }
    return MDL_OK;
}

static int64_t text_bytes_of(const mdli_dictionary *dictionary)
{
    int64_t text_bytes = 0;
    for (int64_t i = 0; i < dictionary->n_entries; i++) {
        text_bytes += dictionary->entries[i].size_bytes;
    }
    return text_bytes;
}

/* Whether a dictionary with the new texts is likely to cost less than the text of all rows. That is
 * taken to be as long as entries are on average: to know it, all rows would have to be looked at. */
static bool pays(const sharing *it, int64_t text_bytes)
{
    const int64_t n_rows = it->base->n_rows + it->added->n_rows;
    const int64_t n_entries = it->base->dictionary->n_entries + it->n_new;
    const double mean_bytes = (double)text_bytes / (double)n_entries;
    const double entry_bytes = mean_bytes + (double)sizeof(mdl_string);
    const double code_bytes = mdli_bits((uint64_t)n_entries) / 8.0;
    return n_entries <= ENTRIES_MAX &&
           (double)n_entries * entry_bytes + (double)n_rows * code_bytes <
               (double)n_rows * mean_bytes;
}

/* Makes the dictionary; NULL = it would not pay. */
static mdl_status make_dictionary(sharing *it, mdl_error *error)
{
    mdli_dictionary *known = it->base->dictionary;
    if (it->n_new == 0) {
        mdli_dictionary_retain(known);
        it->dictionary = known;
        return MDL_OK;
    }
    const int64_t text_bytes = text_bytes_of(known) + it->new_text_bytes;
    if (!pays(it, text_bytes)) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_dictionary_allocate(it->context, known->n_entries + it->n_new, text_bytes,
                                      &it->dictionary, error));
    char *next = it->dictionary->bytes;
    const char *end = next + text_bytes;
    for (int64_t i = 0; i < known->n_entries; i++) {
        next = mdli_dictionary_put(it->dictionary, i, next, end, known->entries[i]);
    }
    for (int64_t i = 0; i < it->texts.n_entries; i++) {
        if (it->text_codes[i] >= known->n_entries) {
            next = mdli_dictionary_put(it->dictionary, it->text_codes[i], next, end,
                                       it->texts.entries[i].text);
        }
    }
    return MDL_OK;
}

/* Makes the added column of codes. */
static mdl_status recode_added(sharing *it, mdl_column **out, mdl_error *error)
{
    mdl_vector rows = mdli_flat_vector(&it->rows);
    for (int64_t i = 0; i < rows.n_rows; i++) {
        it->codes[i] = mdl_vector_is_null(&rows, i) ? 0 : it->text_codes[it->codes[i]];
    }
    rows.values = NULL;
    rows.codes = it->codes;
    rows.dictionary = it->dictionary->entries;
    rows.n_dictionary = it->dictionary->n_entries;
    return mdli_column_from_vector(it->context, &rows, it->dictionary, out, error);
}

/* Makes the base's column with the larger dictionary. */
static mdl_status extend_base(const sharing *it, mdl_column **out, mdl_error *error)
{
    const mdl_column *base = it->base;
    if (it->dictionary == base->dictionary) {
        *out = mdli_column_retain(base);
        return MDL_OK;
    }
    void *memory;
    MDLI_TRY(mdli_allocate_array(it->context, base->n_blocks, sizeof(mdli_block *), "dictionary",
                                 &memory, error));
    mdli_block **blocks = memory;
    mdl_status status = MDL_OK;
    int64_t n = 0;
    while (status == MDL_OK && n < base->n_blocks) {
        status =
            mdli_block_copy_with_dictionary(base->blocks[n], it->dictionary, &blocks[n], error);
        n += status == MDL_OK;
    }
    if (status == MDL_OK) {
        status = mdli_column_from_blocks(it->context, base->type, blocks, n, out, error);
    } else {
        for (int64_t b = 0; b < n; b++) {
            mdli_block_release(blocks[b]);
        }
    }
    mdli_free(it->context, memory);
    return status;
}

static void sharing_free(sharing *it)
{
    mdli_dictionary_release(it->dictionary);
    mdli_free(it->context, it->text_codes);
    mdli_free(it->context, it->codes);
    mdli_string_set_free(&it->texts);
    mdli_flat_free(&it->rows);
}

static void share_columns(const mdl_column *base, const mdl_column *added, mdl_column **base_out,
                          mdl_column **added_out)
{
    *base_out = mdli_column_retain(base);
    *added_out = mdli_column_retain(added);
}

mdl_status mdli_columns_share_dictionary(mdl_context *context, const mdl_column *base,
                                         const mdl_column *added, mdl_column **base_out,
                                         mdl_column **added_out, mdl_error *error)
{
    sharing it = {.context = context, .base = base, .added = added};
    mdl_status status;
    *base_out = NULL;
    *added_out = NULL;
    if (base->dictionary == NULL || base->dictionary == added->dictionary) {
        share_columns(base, added, base_out, added_out);
        return MDL_OK;
    }
    MDLI_TRY(mdli_flat_from_column(&it.rows, context, added, error));
    mdli_string_set_init(&it.texts, context);
    MDLI_TRY_GOTO_DONE(number_texts(&it, error));
    MDLI_TRY_GOTO_DONE(find_codes(&it, error));
    MDLI_TRY_GOTO_DONE(make_dictionary(&it, error));
    if (it.dictionary == NULL) {
        share_columns(base, added, base_out, added_out);
        goto done;
    }
    MDLI_TRY_GOTO_DONE(recode_added(&it, added_out, error));
    status = extend_base(&it, base_out, error);
    if (status != MDL_OK) {
        mdli_column_release(*added_out);
        *added_out = NULL;
    }
done:
    sharing_free(&it);
    return status;
}
