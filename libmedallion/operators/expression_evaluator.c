/*
 * Expressions: running typed nodes over vectors. Each node has a slot with memory for its results;
 * what is just a column, or a constant already written, is handed on as it is.
 */
#include "operators/expression_internal.h"

#include <string.h>

static const char memory_use[] = "expression";

#define TEXT_BLOCK_BYTES_MIN 4096

/* ---- Memory ---- */

struct mdli_text_block {
    mdli_text_block *older;
    int64_t size_bytes;
    int64_t n_used;
    char bytes[];
};

mdl_status mdli_evaluator_text(mdli_evaluator *evaluator, int64_t size_bytes, char **out,
                               mdl_error *error)
{
    mdli_text_block *block = evaluator->text;
    if (block == NULL || block->size_bytes - block->n_used < size_bytes) {
        int64_t block_bytes = block != NULL ? 2 * block->size_bytes : TEXT_BLOCK_BYTES_MIN;
        block_bytes = block_bytes < size_bytes ? size_bytes : block_bytes;
        void *memory;
        MDLI_TRY(mdli_allocate(evaluator->context, sizeof(*block) + (size_t)block_bytes, memory_use,
                               &memory, error));
        block = memory;
        *block = (mdli_text_block){.older = evaluator->text, .size_bytes = block_bytes};
        evaluator->text = block;
    }
    *out = block->bytes + block->n_used;
    block->n_used += size_bytes;
    return MDL_OK;
}

static void free_text_blocks(mdli_evaluator *evaluator, mdli_text_block *block)
{
    while (block != NULL) {
        mdli_text_block *older = block->older;
        mdli_free(evaluator->context, block);
        block = older;
    }
}

/* Keeps the newest block, which is the largest, for the next results. */
static void reuse_text(mdli_evaluator *evaluator)
{
    if (evaluator->text != NULL) {
        free_text_blocks(evaluator, evaluator->text->older);
        evaluator->text->older = NULL;
        evaluator->text->n_used = 0;
    }
}

/* Makes `*memory` hold at least `size_bytes`; what it held is lost when it grows. It starts as
 * zeros, so that values under NULL are defined. */
static mdl_status reserve(mdli_evaluator *evaluator, void **memory, int64_t *capacity_bytes,
                          int64_t size_bytes, mdl_error *error)
{
    if (*memory != NULL && size_bytes <= *capacity_bytes) {
        return MDL_OK;
    }
    void *larger;
    MDLI_TRY(
        mdli_allocate_zeroed(evaluator->context, (size_t)size_bytes, memory_use, &larger, error));
    mdli_free(evaluator->context, *memory);
    *memory = larger;
    *capacity_bytes = size_bytes;
    return MDL_OK;
}

mdl_status mdli_slot_values(mdli_evaluator *evaluator, const mdli_node *node, size_t value_bytes,
                            void **out, mdl_error *error)
{
    mdli_slot *slot = &evaluator->slots[node->id];
    MDLI_TRY(reserve(evaluator, &slot->values, &slot->values_bytes,
                     evaluator->n_rows * (int64_t)value_bytes, error));
    *out = slot->values;
    return MDL_OK;
}

mdl_status mdli_slot_scratch(mdli_evaluator *evaluator, const mdli_node *node, int64_t size_bytes,
                             void **out, mdl_error *error)
{
    mdli_slot *slot = &evaluator->slots[node->id];
    MDLI_TRY(reserve(evaluator, &slot->scratch, &slot->scratch_bytes, size_bytes, error));
    *out = slot->scratch;
    return MDL_OK;
}

mdl_status mdli_slot_validity(mdli_evaluator *evaluator, const mdli_node *node, uint64_t **out,
                              mdl_error *error)
{
    mdli_slot *slot = &evaluator->slots[node->id];
    void *memory = slot->validity;
    mdl_status status =
        reserve(evaluator, &memory, &slot->validity_bytes,
                mdli_bitmap_words(evaluator->n_rows) * (int64_t)sizeof(uint64_t), error);
    slot->validity = memory;
    *out = memory;
    return status;
}

/* ---- Validity ---- */

mdl_status mdli_combine_validity(mdli_evaluator *evaluator, const mdli_node *node,
                                 const mdl_vector *const *vectors, int32_t n_vectors,
                                 mdl_vector *out, mdl_error *error)
{
    uint64_t *combined = NULL;
    out->validity = NULL;
    for (int32_t v = 0; v < n_vectors; v++) {
        const uint64_t *validity = vectors[v]->validity;
        if (validity == NULL || validity == out->validity) {
            continue;
        }
        if (out->validity == NULL) {
            out->validity = validity;
            continue;
        }
        if (combined == NULL) {
            MDLI_TRY(mdli_own_validity(evaluator, node, out->validity, out, &combined, error));
        }
        for (int64_t w = 0; w < mdli_bitmap_words(evaluator->n_rows); w++) {
            combined[w] &= validity[w];
        }
    }
    return MDL_OK;
}

mdl_status mdli_own_validity(mdli_evaluator *evaluator, const mdli_node *node,
                             const uint64_t *validity, mdl_vector *out, uint64_t **owned,
                             mdl_error *error)
{
    MDLI_TRY(mdli_slot_validity(evaluator, node, owned, error));
    size_t size_bytes = (size_t)mdli_bitmap_words(evaluator->n_rows) * sizeof(**owned);
    if (validity == NULL) {
        memset(*owned, 0xFF, size_bytes);
    } else {
        memcpy(*owned, validity, size_bytes);
    }
    out->validity = *owned;
    return MDL_OK;
}

/* The low bits of 8 bytes, gathered by one multiplication: byte i contributes bit 56 + i. */
static uint64_t pack_8_bytes(const uint8_t *bytes)
{
    uint64_t eight;
    memcpy(&eight, bytes, sizeof(eight));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    eight = __builtin_bswap64(eight);
#endif
    return ((eight & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080)) >> 56;
}

uint64_t mdli_pack_bytes(const uint8_t *bytes, int64_t word, int64_t n_rows)
{
    const uint8_t *first = bytes + word * 64;
    int64_t n_bytes = n_rows - word * 64 < 64 ? n_rows - word * 64 : 64;
    uint64_t bits = 0;
    int64_t i = 0;
    for (; i + 8 <= n_bytes; i += 8) {
        bits |= pack_8_bytes(first + i) << i;
    }
    for (; i < n_bytes; i++) {
        bits |= (uint64_t)(first[i] & 1) << i;
    }
    return bits;
}

/* Whether some row is NULL. */
static bool has_null(const uint64_t *validity, int64_t n_rows)
{
    uint64_t missing = 0;
    for (int64_t w = 0; w < mdli_bitmap_words(n_rows); w++) {
        missing |= mdli_rows_word(NULL, NULL, w, n_rows) & ~validity[w];
    }
    return missing != 0;
}

/* ---- Columns and constants ---- */

mdl_status mdli_evaluate_column(mdli_evaluator *evaluator, const mdli_node *node,
                                const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    (void)needed;
    (void)error;
    *out = evaluator->columns[node->column];
    out->n_rows = evaluator->n_rows;
    return MDL_OK;
}

static void fill(const mdl_value *value, void *values, int64_t n_rows)
{
    switch (value->type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        for (int64_t i = 0; i < n_rows; i++) {
            ((int32_t *)values)[i] = (int32_t)value->as.integer;
        }
        break;
    case MDL_TYPE_INT64:
    case MDL_TYPE_TIMESTAMP:
        for (int64_t i = 0; i < n_rows; i++) {
            ((int64_t *)values)[i] = value->as.integer;
        }
        break;
    case MDL_TYPE_FLOAT64:
        for (int64_t i = 0; i < n_rows; i++) {
            ((double *)values)[i] = value->as.real;
        }
        break;
    case MDL_TYPE_BOOL:
        memset(values, value->as.integer != 0, (size_t)n_rows);
        break;
    case MDL_TYPE_STRING:
        break; /* codes, which are zero from the start */
    }
}

/* Written once, for as many rows as were ever asked for. Text is a dictionary of one entry. */
mdl_status mdli_evaluate_constant(mdli_evaluator *evaluator, const mdli_node *node,
                                  const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    (void)needed;
    mdli_slot *slot = &evaluator->slots[node->id];
    const mdl_value *value = &node->constant;
    void *values;
    bool is_text = value->type == MDL_TYPE_STRING && !value->is_null;
    MDLI_TRY(mdli_slot_values(
        evaluator, node, is_text ? sizeof(int32_t) : mdli_type_size(value->type), &values, error));
    if (value->is_null) {
        uint64_t *validity;
        MDLI_TRY(mdli_slot_validity(evaluator, node, &validity, error));
        out->validity = validity; /* zeros */
    } else if (slot->n_filled < evaluator->n_rows) {
        fill(value, values, evaluator->n_rows);
        slot->n_filled = evaluator->n_rows;
    }
    if (is_text) {
        out->codes = values;
        out->dictionary = &value->as.text;
        out->n_dictionary = 1;
    } else {
        out->values = values;
    }
    return MDL_OK;
}

mdl_status mdli_evaluate_label(mdli_evaluator *evaluator, const mdli_node *node,
                               const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *codes;
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[0], needed, &codes, error));
    out->codes = codes->values;
    out->validity = codes->validity;
    out->dictionary = node->labels;
    out->n_dictionary = node->n_labels;
    return MDL_OK;
}

/* ---- Evaluators ---- */

typedef mdl_status (*operation_fn)(mdli_evaluator *evaluator, const mdli_node *node,
                                   const uint64_t *needed, mdl_vector *out, mdl_error *error);

static const operation_fn operations[] = {
#define OPERATION_FUNCTION(name, function) [MDLI_OPERATION_##name] = mdli_evaluate_##function,
    MDLI_OPERATION_LIST(OPERATION_FUNCTION)
#undef OPERATION_FUNCTION
};

/*
 * A node that is shared stands on the left of comparisons under one `between` or `in`, which all
 * ask for the same rows; so the result of its first use serves them all.
 */
mdl_status mdli_evaluate_node(mdli_evaluator *evaluator, const mdli_node *node,
                              const uint64_t *needed, const mdl_vector **out, mdl_error *error)
{
    mdli_slot *slot = &evaluator->slots[node->id];
    if (slot->epoch != evaluator->epoch) {
        slot->result = (mdl_vector){.type = node->type, .n_rows = evaluator->n_rows};
        MDLI_TRY(operations[node->operation](evaluator, node, needed, &slot->result, error));
        slot->epoch = evaluator->epoch;
    }
    *out = &slot->result;
    return MDL_OK;
}

mdl_status mdli_evaluator_create(mdl_context *context, const mdli_expression *expression,
                                 mdli_evaluator **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_zeroed(
        context, sizeof(mdli_evaluator) + (size_t)expression->n_nodes * sizeof(mdli_slot),
        memory_use, &memory, error));
    mdli_evaluator *evaluator = memory;
    evaluator->context = context;
    evaluator->expression = expression;
    *out = evaluator;
    return MDL_OK;
}

void mdli_evaluator_free(mdli_evaluator *evaluator)
{
    if (evaluator == NULL) {
        return;
    }
    for (int32_t n = 0; n < evaluator->expression->n_nodes; n++) {
        mdli_free(evaluator->context, evaluator->slots[n].values);
        mdli_free(evaluator->context, evaluator->slots[n].scratch);
        mdli_free(evaluator->context, evaluator->slots[n].validity);
    }
    free_text_blocks(evaluator, evaluator->text);
    mdli_free(evaluator->context, evaluator);
}

mdl_status mdli_evaluate(mdli_evaluator *evaluator, const mdl_vector *columns, int64_t n_rows,
                         mdl_vector *out, mdl_error *error)
{
    const mdl_vector *result;
    evaluator->columns = columns;
    evaluator->n_rows = n_rows;
    evaluator->epoch++;
    reuse_text(evaluator);
    MDLI_TRY(mdli_evaluate_node(evaluator, evaluator->expression->root, NULL, &result, error));
    *out = *result;
    if (out->validity != NULL && !has_null(out->validity, n_rows)) {
        out->validity = NULL;
    }
    return MDL_OK;
}
