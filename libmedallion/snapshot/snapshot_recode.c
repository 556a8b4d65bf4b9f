/*
 * New rows bring a dictionary of their own, though tiers and genres are nearly always known to the
 * history. With the history's codes, its blocks keep their dictionary; without, each row of the
 * column would have to be looked at again.
 */
#include "snapshot/snapshot_recode.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "column/string_set.h"

/* Texts as codes of a dictionary. */
typedef struct recoding {
    mdl_context *context;
    const mdl_column *column;
    mdli_dictionary *dictionary;
    mdli_string_set set; /* the entries of the dictionary, numbered as they stand there */
    int32_t *codes;
    uint64_t *validity;
    bool is_complete; /* the dictionary has had all texts so far */
} recoding;

static mdl_status list_entries(recoding *it, mdl_error *error)
{
    MDLI_TRY(mdli_string_set_reserve(&it->set, it->dictionary->n_entries, error));
    for (int64_t i = 0; i < it->dictionary->n_entries; i++) {
        mdli_headed_text text = mdli_headed_text_of(it->dictionary->entries[i]);
        int32_t code;
        MDLI_TRY(mdli_string_set_add(&it->set, &text, mdli_hash_headed_text(&text), &code, error));
    }
    return MDL_OK;
}

/* Finds the codes of the rows of a vector; ends at a text that the dictionary does not have. */
static mdl_status recode_vector(recoding *it, const mdl_vector *texts, int64_t row,
                                mdl_error *error)
{
    for (int64_t i = 0; i < texts->n_rows && it->is_complete; i++, row++) {
        if (mdl_vector_is_null(texts, i)) {
            it->codes[row] = 0;
            continue;
        }
        mdli_headed_text text = mdli_headed_text_of(mdl_vector_string(texts, i));
        MDLI_TRY(mdli_string_set_add(&it->set, &text, mdli_hash_headed_text(&text), &it->codes[row],
                                     error));
        it->validity[row >> 6] |= (uint64_t)1 << (row & 63);
        it->is_complete = it->codes[row] < it->dictionary->n_entries;
    }
    return MDL_OK;
}

static mdl_status recode_rows(recoding *it, mdl_error *error)
{
    mdli_decode_buffer buffer;
    mdl_status status = MDL_OK;
    mdli_decode_buffer_init(&buffer, it->context);
    for (int64_t row = 0; row < it->column->n_rows && it->is_complete;) {
        int64_t n_left = it->column->n_rows - row;
        int64_t n = n_left < MDLI_VECTOR_ROWS ? n_left : MDLI_VECTOR_ROWS;
        mdl_vector texts;
        MDLI_TRY_GOTO_DONE(mdli_check_cancel(it->context, error));
        MDLI_TRY_GOTO_DONE(mdli_column_read(it->column, row, n, &buffer, &texts, error));
        MDLI_TRY_GOTO_DONE(recode_vector(it, &texts, row, error));
        row += n;
    }
done:
    mdli_decode_buffer_free(&buffer);
    return status;
}

/* Makes the column of the codes, if there is one for each text. */
static mdl_status make_column(const recoding *it, mdl_column **out, mdl_error *error)
{
    if (!it->is_complete) {
        *out = mdli_column_retain(it->column);
        return MDL_OK;
    }
    const mdl_vector values = {
        .type = MDL_TYPE_STRING,
        .n_rows = it->column->n_rows,
        .validity = it->column->stats.n_nulls > 0 ? it->validity : NULL,
        .codes = it->codes,
        .dictionary = it->dictionary->entries,
        .n_dictionary = it->dictionary->n_entries,
    };
    return mdli_column_from_vector(it->context, &values, it->dictionary, out, error);
}

mdl_status mdli_column_recode(mdl_context *context, const mdl_column *column,
                              const mdl_column *base, mdl_column **out, mdl_error *error)
{
    int64_t n_words = (column->n_rows + 63) >> 6;
    recoding it = {
        .context = context,
        .column = column,
        .dictionary = base->dictionary,
        .is_complete = true,
    };
    void *memory = NULL;
    mdl_status status;
    *out = NULL;
    if (base->dictionary == NULL || base->dictionary == column->dictionary) {
        *out = mdli_column_retain(column);
        return MDL_OK;
    }
    mdli_string_set_init(&it.set, context);
    MDLI_TRY_GOTO_DONE(mdli_allocate_zeroed(
        context, (size_t)n_words * sizeof(uint64_t) + (size_t)column->n_rows * sizeof(int32_t),
        "snapshot", &memory, error));
    it.validity = memory;
    it.codes = (int32_t *)(void *)(it.validity + n_words);
    MDLI_TRY_GOTO_DONE(list_entries(&it, error));
    MDLI_TRY_GOTO_DONE(recode_rows(&it, error));
    status = make_column(&it, out, error);
done:
    mdli_string_set_free(&it.set);
    mdli_free(context, memory);
    return status;
}
