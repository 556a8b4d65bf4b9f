/*
 * Expressions: three-valued logic, and the operations that pick among others: case and coalesce.
 * These evaluate each branch for the rows that take it, and no branch that no row takes.
 */
#include "operators/expression_internal.h"

/* ---- and, or, not, is null ---- */

/* Joins one operand more to results that are in the node's slot. */
static void join_bytes(bool is_and, uint8_t *results, const uint8_t *values, int64_t n_rows)
{
    if (is_and) {
        for (int64_t i = 0; i < n_rows; i++) {
            results[i] &= values[i];
        }
    } else {
        for (int64_t i = 0; i < n_rows; i++) {
            results[i] |= values[i];
        }
    }
}

/*
 * The rows whose result is known: where both sides are, or one side decides alone (false for and,
 * true for or). `*validity` is in the slot or NULL; what lies under NULL in `results` may be
 * anything.
 */
static mdl_status join_validity(mdli_evaluator *evaluator, const mdli_node *node,
                                const uint8_t *results, const mdl_vector *operand,
                                uint64_t **validity, mdl_vector *out, mdl_error *error)
{
    uint64_t decisive = node->operation == MDLI_OPERATION_OR ? 0 : ~UINT64_C(0);
    if (*validity == NULL) {
        if (operand->validity == NULL) {
            return MDL_OK;
        }
        MDLI_TRY(mdli_own_validity(evaluator, node, NULL, out, validity, error));
    }
    for (int64_t w = 0; w < mdli_bitmap_words(out->n_rows); w++) {
        uint64_t left_known = (*validity)[w];
        uint64_t right_known = mdli_rows_word(operand->validity, NULL, w, out->n_rows);
        uint64_t left = mdli_pack_bytes(results, w, out->n_rows) ^ decisive;
        uint64_t right = mdli_pack_bytes(operand->values, w, out->n_rows) ^ decisive;
        (*validity)[w] = (left_known & right_known) | (left_known & left) | (right_known & right);
    }
    return MDL_OK;
}

mdl_status mdli_evaluate_and_or(mdli_evaluator *evaluator, const mdli_node *node,
                                const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    bool is_and = node->operation == MDLI_OPERATION_AND;
    void *memory;
    uint64_t *validity = NULL;
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(uint8_t), &memory, error));
    uint8_t *results = memory;
    memset(results, is_and, (size_t)out->n_rows);
    for (int32_t c = 0; c < node->n_children; c++) {
        const mdl_vector *operand;
        MDLI_TRY(mdli_evaluate_node(evaluator, node->children[c], needed, &operand, error));
        MDLI_TRY(join_validity(evaluator, node, results, operand, &validity, out, error));
        if (operand->validity == NULL) {
            join_bytes(is_and, results, operand->values, out->n_rows);
            continue;
        }
        const uint8_t *values = operand->values;
        for (int64_t i = 0; i < out->n_rows; i++) {
            uint8_t is_known = (operand->validity[i >> 6] >> (i & 63)) & 1;
            results[i] = is_and ? (uint8_t)(results[i] & (values[i] | !is_known))
                                : (uint8_t)(results[i] | (values[i] & is_known));
        }
    }
    out->values = results;
    out->validity = validity;
    return MDL_OK;
}

mdl_status mdli_evaluate_not(mdli_evaluator *evaluator, const mdli_node *node,
                             const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operand;
    void *results;
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[0], needed, &operand, error));
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(uint8_t), &results, error));
    const uint8_t *values = operand->values;
    for (int64_t i = 0; i < out->n_rows; i++) {
        ((uint8_t *)results)[i] = values[i] ^ 1;
    }
    out->values = results;
    out->validity = operand->validity;
    return MDL_OK;
}

mdl_status mdli_evaluate_is_null(mdli_evaluator *evaluator, const mdli_node *node,
                                 const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operand;
    void *memory;
    bool is_null_test = node->operation == MDLI_OPERATION_IS_NULL;
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[0], needed, &operand, error));
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(uint8_t), &memory, error));
    uint8_t *results = memory;
    out->values = results;
    if (operand->validity == NULL) {
        memset(results, !is_null_test, (size_t)out->n_rows);
        return MDL_OK;
    }
    for (int64_t i = 0; i < out->n_rows; i++) {
        results[i] = (uint8_t)(((operand->validity[i >> 6] >> (i & 63)) & 1) ^ is_null_test);
    }
    return MDL_OK;
}

/* ---- Picking rows ---- */

#define PICK_ROWS(type)                                                                            \
    do {                                                                                           \
        const type *from = source->values;                                                         \
        type *to = values;                                                                         \
        for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {                                        \
            to[i] = from[i];                                                                       \
        }                                                                                          \
    } while (0)

/* Copies the rows of `source` that are in `taken` to the same rows of `values` and `validity`. */
static void pick_rows(const mdl_vector *source, const uint64_t *taken, void *values,
                      uint64_t *validity, int64_t n_rows)
{
    mdli_rows rows = mdli_rows_in(source->validity, taken, n_rows);
    for (int64_t w = 0; w < mdli_bitmap_words(n_rows); w++) {
        validity[w] =
            (validity[w] & ~taken[w]) | mdli_rows_word(source->validity, taken, w, n_rows);
    }
    switch (mdli_type_size(source->type)) {
    case sizeof(uint8_t):
        PICK_ROWS(uint8_t);
        break;
    case sizeof(uint32_t):
        PICK_ROWS(uint32_t);
        break;
    case sizeof(uint64_t):
        PICK_ROWS(uint64_t);
        break;
    default:
        for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
            ((mdl_string *)values)[i] = mdl_vector_string(source, i);
        }
        break;
    }
}

static bool has_rows(const uint64_t *rows, int64_t n_rows)
{
    uint64_t any = 0;
    for (int64_t w = 0; w < mdli_bitmap_words(n_rows); w++) {
        any |= mdli_rows_word(rows, NULL, w, n_rows);
    }
    return any != 0;
}

/* ---- case ---- */

/* Moves the rows for which a condition is true from `undecided` to `taken`. */
static void take_rows(const mdl_vector *condition, uint64_t *undecided, uint64_t *taken,
                      int64_t n_rows)
{
    for (int64_t w = 0; w < mdli_bitmap_words(n_rows); w++) {
        taken[w] = mdli_pack_bytes(condition->values, w, n_rows) &
                   mdli_rows_word(condition->validity, undecided, w, n_rows);
        undecided[w] &= ~taken[w];
    }
}

mdl_status mdli_evaluate_case(mdli_evaluator *evaluator, const mdli_node *node,
                              const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    int64_t n_words = mdli_bitmap_words(out->n_rows);
    void *memory;
    void *values;
    uint64_t *validity;
    const mdl_vector *operand;
    MDLI_TRY(mdli_slot_values(evaluator, node, mdli_type_size(node->type), &values, error));
    MDLI_TRY(mdli_own_validity(evaluator, node, NULL, out, &validity, error));
    MDLI_TRY(mdli_slot_scratch(evaluator, node, 2 * n_words * (int64_t)sizeof(uint64_t), &memory,
                               error));
    uint64_t *undecided = memory;
    uint64_t *taken = undecided + n_words;
    for (int64_t w = 0; w < n_words; w++) {
        undecided[w] = mdli_rows_word(needed, NULL, w, out->n_rows);
    }
    out->values = values;
    for (int32_t c = 0; c + 1 < node->n_children; c += 2) {
        if (!has_rows(undecided, out->n_rows)) {
            return MDL_OK;
        }
        MDLI_TRY(mdli_evaluate_node(evaluator, node->children[c], undecided, &operand, error));
        take_rows(operand, undecided, taken, out->n_rows);
        if (has_rows(taken, out->n_rows)) {
            MDLI_TRY(mdli_evaluate_node(evaluator, node->children[c + 1], taken, &operand, error));
            pick_rows(operand, taken, values, validity, out->n_rows);
        }
    }
    if (has_rows(undecided, out->n_rows)) {
        MDLI_TRY(mdli_evaluate_node(evaluator, node->children[node->n_children - 1], undecided,
                                    &operand, error));
        pick_rows(operand, undecided, values, validity, out->n_rows);
    }
    return MDL_OK;
}

/* ---- coalesce ---- */

/* Sets `missing` to the rows that are needed and NULL. */
static void find_missing(const uint64_t *needed, const uint64_t *validity, uint64_t *missing,
                         int64_t n_rows)
{
    for (int64_t w = 0; w < mdli_bitmap_words(n_rows); w++) {
        uint64_t known = validity != NULL ? validity[w] : ~UINT64_C(0);
        missing[w] = mdli_rows_word(needed, NULL, w, n_rows) & ~known;
    }
}

mdl_status mdli_evaluate_coalesce(mdli_evaluator *evaluator, const mdli_node *node,
                                  const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operand;
    void *memory;
    void *values;
    uint64_t *validity;
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[0], needed, &operand, error));
    if (operand->validity == NULL) {
        *out = *operand;
        return MDL_OK;
    }
    MDLI_TRY(mdli_slot_values(evaluator, node, mdli_type_size(node->type), &values, error));
    MDLI_TRY(mdli_slot_scratch(evaluator, node,
                               mdli_bitmap_words(out->n_rows) * (int64_t)sizeof(uint64_t), &memory,
                               error));
    MDLI_TRY(mdli_own_validity(evaluator, node, operand->validity, out, &validity, error));
    uint64_t *missing = memory;
    find_missing(needed, validity, missing, out->n_rows);
    if (!has_rows(missing, out->n_rows)) {
        *out = *operand;
        return MDL_OK;
    }
    out->values = values;
    for (int64_t w = 0; w < mdli_bitmap_words(out->n_rows); w++) {
        validity[w] = mdli_rows_word(operand->validity, needed, w, out->n_rows);
    }
    pick_rows(operand, validity, values, validity, out->n_rows);
    for (int32_t c = 1; c < node->n_children; c++) {
        MDLI_TRY(mdli_evaluate_node(evaluator, node->children[c], missing, &operand, error));
        pick_rows(operand, missing, values, validity, out->n_rows);
        find_missing(needed, validity, missing, out->n_rows);
        if (!has_rows(missing, out->n_rows)) {
            break;
        }
    }
    return MDL_OK;
}
