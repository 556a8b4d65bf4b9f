/*
 * Making columns from values: from one array in parallel, or piece by piece.
 */
#include "column/block_internal.h"

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"

#include <assert.h>
#include <string.h>

/* Validity of as many rows as a block can have. */
typedef struct block_validity {
    uint64_t words[MDLI_BLOCK_ROWS_MAX / 64];
} block_validity;

/* Rows [start, start + n) of a vector; `scratch` holds their validity where it cannot be pointed
 * to. */
static mdl_vector slice_vector(const mdl_vector *vector, int64_t start, int64_t n,
                               block_validity *scratch)
{
    mdl_vector slice = *vector;
    slice.n_rows = n;
    if (vector->codes != NULL) {
        slice.codes = vector->codes + start;
    } else {
        slice.values = (const uint8_t *)vector->values + start * mdli_value_bytes(vector->type);
    }
    if (vector->validity != NULL && start % 64 == 0) {
        slice.validity = vector->validity + start / 64;
    } else if (vector->validity != NULL) {
        mdli_copy_validity(scratch->words, 0, vector->validity, start, n);
        slice.validity = scratch->words;
    }
    return slice;
}

mdl_status mdli_column_encode_part(mdl_context *context, const mdl_vector *values,
                                   mdli_dictionary *dictionary, mdli_block **out, mdl_error *error)
{
    if (values->type == MDL_TYPE_STRING && dictionary == NULL) {
        return mdli_block_encode_as(context, MDL_ENCODING_PLAIN, values, NULL, out, error);
    }
    return mdli_block_encode(context, values, dictionary, out, error);
}

mdl_status mdli_column_from_parts(mdl_context *context, mdl_type type, mdli_block **blocks,
                                  int64_t n_blocks, mdl_column **out, mdl_error *error)
{
    if (type == MDL_TYPE_STRING) {
        return mdli_string_column_from_blocks(context, blocks, n_blocks, out, error);
    }
    return mdli_column_from_blocks(context, type, blocks, n_blocks, out, error);
}

/*
 * From one array.
 */

typedef struct vector_work {
    mdl_context *context;
    const mdl_vector *values;
    mdli_dictionary *dictionary;
    int64_t block_rows;
    mdli_block **blocks;
} vector_work;

static mdl_status encode_slice(void *data, int64_t job, int worker, mdl_error *error)
{
    const vector_work *work = data;
    const int64_t start = job * work->block_rows;
    const int64_t n_left = work->values->n_rows - start;
    const int64_t n = n_left < work->block_rows ? n_left : work->block_rows;
    block_validity validity;
    (void)worker;
    const mdl_vector slice = slice_vector(work->values, start, n, &validity);
    return mdli_column_encode_part(work->context, &slice, work->dictionary, &work->blocks[job],
                                   error);
}

mdl_status mdli_column_from_vector(mdl_context *context, const mdl_vector *values,
                                   mdli_dictionary *dictionary, mdl_column **out, mdl_error *error)
{
    const int64_t block_rows = mdli_context_block_rows(context);
    const int64_t n_blocks = (values->n_rows + block_rows - 1) / block_rows;
    void *blocks;
    *out = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_blocks * sizeof(mdli_block *), "column",
                                  &blocks, error));
    vector_work work = {.context = context,
                        .values = values,
                        .dictionary = values->codes != NULL ? dictionary : NULL,
                        .block_rows = block_rows,
                        .blocks = blocks};
    mdl_status status = mdli_parallel_for(context, n_blocks, encode_slice, &work, error);
    if (status == MDL_OK) {
        status = mdli_column_from_parts(context, values->type, work.blocks, n_blocks, out, error);
    } else {
        for (int64_t b = 0; b < n_blocks; b++) {
            mdli_block_release(work.blocks[b]);
        }
    }
    mdli_free(context, blocks);
    return status;
}

/*
 * Piece by piece.
 */

struct mdli_column_builder {
    mdl_context *context;
    mdl_type type;
    int64_t block_rows;

    mdli_block **blocks;
    int64_t n_blocks;
    int64_t blocks_capacity;
    int64_t n_encoded_rows;

    /* Rows of the block in the making. Texts are in `text`, one behind another; the `data` of the
     * values is set when they are encoded, for `text` moves when it grows. */
    void *values;
    int64_t values_capacity;
    char *text;
    int64_t text_bytes;
    int64_t text_capacity;
    int64_t n_rows;
    block_validity validity;
};

mdl_status mdli_column_builder_create(mdl_context *context, mdl_type type,
                                      mdli_column_builder **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, sizeof(mdli_column_builder), "column builder", &memory,
                                  error));
    mdli_column_builder *builder = memory;
    builder->context = context;
    builder->type = type;
    builder->block_rows = mdli_context_block_rows(context);
    *out = builder;
    return MDL_OK;
}

int64_t mdli_column_builder_n_rows(const mdli_column_builder *builder)
{
    return builder->n_encoded_rows + builder->n_rows;
}

void mdli_column_builder_free(mdli_column_builder *builder)
{
    if (builder == NULL) {
        return;
    }
    for (int64_t b = 0; b < builder->n_blocks; b++) {
        mdli_block_release(builder->blocks[b]);
    }
    mdli_free(builder->context, builder->blocks);
    mdli_free(builder->context, builder->values);
    mdli_free(builder->context, builder->text);
    mdli_free(builder->context, builder);
}

/* Encodes the rows that are there as a block. */
static mdl_status encode_pending(mdli_column_builder *builder, mdl_error *error)
{
    const mdl_vector values = {.type = builder->type,
                               .n_rows = builder->n_rows,
                               .values = builder->values,
                               .validity = builder->validity.words};
    if (builder->type == MDL_TYPE_STRING) {
        const char *next = builder->text;
        for (int64_t i = 0; i < builder->n_rows; i++) {
            mdl_string *text = &((mdl_string *)builder->values)[i];
            text->data = text->size_bytes > 0 ? next : "";
            next = text->size_bytes > 0 ? next + text->size_bytes : next;
        }
    }
    void *blocks = builder->blocks;
    MDLI_TRY(mdli_grow_array(builder->context, &blocks, &builder->blocks_capacity,
                             builder->n_blocks, builder->n_blocks + 1, sizeof(mdli_block *),
                             "column builder", error));
    builder->blocks = blocks;
    MDLI_TRY(mdli_column_encode_part(builder->context, &values, NULL,
                                     &builder->blocks[builder->n_blocks], error));
    builder->n_blocks++;
    builder->n_encoded_rows += builder->n_rows;
    builder->n_rows = 0;
    builder->text_bytes = 0;
    return MDL_OK;
}

/* Copies the texts of a piece behind those that are there. */
static mdl_status append_texts(mdli_column_builder *builder, const mdl_vector *values,
                               int64_t start, int64_t n, mdl_error *error)
{
    mdl_string *to = (mdl_string *)builder->values + builder->n_rows;
    int64_t text_bytes = builder->text_bytes;
    for (int64_t i = 0; i < n; i++) {
        const bool is_null = mdl_vector_is_null(values, start + i);
        to[i].size_bytes = is_null ? 0 : mdl_vector_string(values, start + i).size_bytes;
        text_bytes += to[i].size_bytes;
    }
    void *memory = builder->text;
    MDLI_TRY(mdli_grow_array(builder->context, &memory, &builder->text_capacity,
                             builder->text_bytes, text_bytes, 1, "column builder", error));
    builder->text = memory;
    for (int64_t i = 0; i < n; i++) {
        if (to[i].size_bytes > 0) {
            memcpy(builder->text + builder->text_bytes, mdl_vector_string(values, start + i).data,
                   (size_t)to[i].size_bytes);
            builder->text_bytes += to[i].size_bytes;
        }
    }
    return MDL_OK;
}

/* Takes in rows that fit in the block in the making. */
static mdl_status append_piece(mdli_column_builder *builder, const mdl_vector *values,
                               int64_t start, int64_t n, mdl_error *error)
{
    const int64_t value_bytes = mdli_value_bytes(builder->type);
    MDLI_TRY(mdli_grow_array(builder->context, &builder->values, &builder->values_capacity,
                             builder->n_rows, builder->n_rows + n, (size_t)value_bytes,
                             "column builder", error));
    if (builder->type == MDL_TYPE_STRING) {
        MDLI_TRY(append_texts(builder, values, start, n, error));
    } else {
        memcpy((uint8_t *)builder->values + builder->n_rows * value_bytes,
               (const uint8_t *)values->values + start * value_bytes, (size_t)(n * value_bytes));
    }
    mdli_copy_validity(builder->validity.words, builder->n_rows, values->validity, start, n);
    builder->n_rows += n;
    return MDL_OK;
}

mdl_status mdli_column_builder_append(mdli_column_builder *builder, const mdl_vector *values,
                                      mdl_error *error)
{
    assert(values->type == builder->type);
    int64_t start = 0;
    while (start < values->n_rows) {
        const int64_t room = builder->block_rows - builder->n_rows;
        const int64_t n_left = values->n_rows - start;
        const int64_t n = n_left < room ? n_left : room;
        MDLI_TRY(append_piece(builder, values, start, n, error));
        if (builder->n_rows == builder->block_rows) {
            MDLI_TRY(encode_pending(builder, error));
        }
        start += n;
    }
    return MDL_OK;
}

mdl_status mdli_column_builder_finish(mdli_column_builder *builder, mdl_column **out,
                                      mdl_error *error)
{
    *out = NULL;
    if (builder->n_rows > 0) {
        MDLI_TRY(encode_pending(builder, error));
    }
    const int64_t n_blocks = builder->n_blocks;
    builder->n_blocks = 0;
    builder->n_encoded_rows = 0;
    return mdli_column_from_parts(builder->context, builder->type, builder->blocks, n_blocks, out,
                                  error);
}
