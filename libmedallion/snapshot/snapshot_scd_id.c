/*
 * dbt_scd_id: the XXH3-128 of the text of each key column, followed by a byte that texts hardly
 * hold, then the text of dbt_valid_from. Ids are the same wherever the row stands, so they do not
 * change when a history is made anew.
 */
#include "snapshot/snapshot_scd_id.h"

#include <xxhash.h>

#include "base/calendar.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "snapshot/snapshot_keys.h"

/* Ends the text of a key column: ASCII's unit separator. */
#define KEY_END "\x1f"

enum {
    ID_BYTES = 2 * sizeof(XXH128_canonical_t)
};

static void write_id(const mdli_text_buffer *text, char id[ID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(text->bytes, (size_t)text->size_bytes));
    for (size_t i = 0; i < sizeof canonical; i++) {
        id[2 * i] = digits[canonical.digest[i] >> 4];
        id[2 * i + 1] = digits[canonical.digest[i] & 15];
    }
}

/* Writes the ids of the rows that a reader holds. */
static mdl_status write_ids(const mdli_key_reader *reader, mdl_string valid_from,
                            mdli_text_buffer *text, char *ids, mdl_error *error)
{
    for (int64_t i = 0; i < reader->n_rows; i++) {
        text->size_bytes = 0;
        for (int32_t k = 0; k < reader->n_keys; k++) {
            MDLI_TRY(mdli_append_value(text, &reader->vectors[k], i, error));
            MDLI_TRY(mdli_text_buffer_append(text, KEY_END, 1, error));
        }
        MDLI_TRY(mdli_text_buffer_append(text, valid_from.data, valid_from.size_bytes, error));
        write_id(text, ids + (reader->first_row + i) * ID_BYTES);
    }
    return MDL_OK;
}

mdl_status mdli_scd_ids(mdl_context *context, const mdl_table *table, const mdli_key *keys,
                        int32_t n_keys, int64_t valid_from, mdl_column **out, mdl_error *error)
{
    char time[MDLI_TIMESTAMP_TEXT_SIZE];
    mdli_key_reader reader = {.table = table};
    mdli_text_buffer text = {.context = context};
    void *memory = NULL;
    mdl_status status;
    mdli_format_timestamp(valid_from, time);
    *out = NULL;
    MDLI_TRY_GOTO_DONE(mdli_allocate_array(context, table->n_rows, sizeof(mdl_string) + ID_BYTES,
                                           "snapshot ids", &memory, error));
    mdl_string *strings = memory;
    char *ids = (char *)(strings + table->n_rows);
    MDLI_TRY_GOTO_DONE(mdli_key_reader_init(&reader, context, table, keys, n_keys, error));
    for (int64_t row = 0; row < table->n_rows; row += reader.n_rows) {
        MDLI_TRY_GOTO_DONE(mdli_check_cancel(context, error));
        MDLI_TRY_GOTO_DONE(
            mdli_key_reader_read(&reader, row, mdli_key_reader_suits(&reader, row), error));
        MDLI_TRY_GOTO_DONE(write_ids(&reader, (mdl_string){time, sizeof time}, &text, ids, error));
    }
    for (int64_t row = 0; row < table->n_rows; row++) {
        strings[row] = (mdl_string){ids + row * ID_BYTES, ID_BYTES};
    }
    const mdl_vector values = {.type = MDL_TYPE_STRING, .n_rows = table->n_rows, .values = strings};
    status = mdli_column_from_vector(context, &values, NULL, out, error);
done:
    mdli_free(context, memory);
    mdli_text_buffer_reset(&text);
    mdli_key_reader_free(&reader);
    return status;
}
