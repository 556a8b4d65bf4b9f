/*
 * Expressions: arithmetic over vectors. Loops compute every row, also what lies under NULL, and
 * remember whether any left its type; only then are the rows that count looked at one by one.
 */
#include "operators/expression_internal.h"

#include <inttypes.h>
#include <math.h>

#include "base/decimal.h"

/* Whole numbers up to here are doubles, and the quotient of two such is rounded once. */
#define DOUBLE_EXACT_MAX (INT64_C(1) << 53)

static mdl_status evaluate_operands(mdli_evaluator *evaluator, const mdli_node *node,
                                    const uint64_t *needed, const mdl_vector **operands,
                                    mdl_vector *out, mdl_error *error)
{
    for (int32_t c = 0; c < node->n_children; c++) {
        MDLI_TRY(mdli_evaluate_node(evaluator, node->children[c], needed, &operands[c], error));
    }
    return mdli_combine_validity(evaluator, node, operands, node->n_children, out, error);
}

/* ---- + - * ---- */

static const char *operation_text(mdli_operation operation)
{
    switch (operation) {
    case MDLI_OPERATION_ADD:
        return "+";
    case MDLI_OPERATION_SUBTRACT:
        return "-";
    default:
        return "*";
    }
}

static bool overflows(mdli_operation operation, int64_t a, int64_t b)
{
    int64_t result;
    switch (operation) {
    case MDLI_OPERATION_ADD:
        return __builtin_add_overflow(a, b, &result);
    case MDLI_OPERATION_SUBTRACT:
        return __builtin_sub_overflow(a, b, &result);
    default:
        return __builtin_mul_overflow(a, b, &result);
    }
}

/* Whether some result may be wrong. */
static bool compute_int64(mdli_operation operation, const int64_t *a, const int64_t *b,
                          int64_t *results, int64_t n_rows)
{
    uint64_t sign = 0; /* set where operands and result disagree in theirs */
    bool is_wrong = false;
    switch (operation) {
    case MDLI_OPERATION_ADD:
        for (int64_t i = 0; i < n_rows; i++) {
            uint64_t sum = (uint64_t)a[i] + (uint64_t)b[i];
            sign |= (sum ^ (uint64_t)a[i]) & (sum ^ (uint64_t)b[i]);
            results[i] = (int64_t)sum;
        }
        return sign >> 63 != 0;
    case MDLI_OPERATION_SUBTRACT:
        for (int64_t i = 0; i < n_rows; i++) {
            uint64_t difference = (uint64_t)a[i] - (uint64_t)b[i];
            sign |= ((uint64_t)a[i] ^ (uint64_t)b[i]) & (difference ^ (uint64_t)a[i]);
            results[i] = (int64_t)difference;
        }
        return sign >> 63 != 0;
    default:
        for (int64_t i = 0; i < n_rows; i++) {
            is_wrong |= __builtin_mul_overflow(a[i], b[i], &results[i]);
        }
        return is_wrong;
    }
}

static mdl_status arithmetic_int64(mdli_evaluator *evaluator, const mdli_node *node,
                                   const uint64_t *needed, const mdl_vector **operands,
                                   mdl_vector *out, mdl_error *error)
{
    const int64_t *a = operands[0]->values;
    const int64_t *b = operands[1]->values;
    void *results;
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(int64_t), &results, error));
    out->values = results;
    if (!compute_int64(node->operation, a, b, results, out->n_rows)) {
        return MDL_OK;
    }
    mdli_rows rows = mdli_rows_in(out->validity, needed, out->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        if (overflows(node->operation, a[i], b[i])) {
            return MDLI_EVALUATION_FAULT(evaluator, node, error, MDL_E_OVERFLOW,
                                         "%" PRId64 " %s %" PRId64 " does not fit INT64,", a[i],
                                         operation_text(node->operation), b[i]);
        }
    }
    return MDL_OK;
}

static bool is_decimal_overflow(int64_t units)
{
    return units > MDLI_DECIMAL_UNITS_MAX || units < -MDLI_DECIMAL_UNITS_MAX;
}

static mdl_status arithmetic_decimal(mdli_evaluator *evaluator, const mdli_node *node,
                                     const uint64_t *needed, const mdl_vector **operands,
                                     mdl_vector *out, mdl_error *error)
{
    const int32_t *a = operands[0]->values;
    const int32_t *b = operands[1]->values;
    int64_t factor = node->operation == MDLI_OPERATION_SUBTRACT ? -1 : 1;
    void *memory;
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(int32_t), &memory, error));
    int32_t *results = memory;
    out->values = results;
    bool is_wrong = false;
    for (int64_t i = 0; i < out->n_rows; i++) {
        int64_t sum = a[i] + factor * b[i];
        is_wrong |= is_decimal_overflow(sum);
        results[i] = (int32_t)sum;
    }
    if (!is_wrong) {
        return MDL_OK;
    }
    mdli_rows rows = mdli_rows_in(out->validity, needed, out->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        if (is_decimal_overflow(a[i] + factor * b[i])) {
            char left[MDLI_DECIMAL_TEXT_MAX + 1];
            char right[MDLI_DECIMAL_TEXT_MAX + 1];
            left[mdli_format_decimal(a[i], left)] = '\0';
            right[mdli_format_decimal(b[i], right)] = '\0';
            return MDLI_EVALUATION_FAULT(evaluator, node, error, MDL_E_OVERFLOW,
                                         "%s %s %s does not fit DECIMAL(9,2),", left,
                                         operation_text(node->operation), right);
        }
    }
    return MDL_OK;
}

static void compute_double(mdli_operation operation, const double *a, const double *b,
                           double *results, int64_t n_rows)
{
    switch (operation) {
    case MDLI_OPERATION_ADD:
        for (int64_t i = 0; i < n_rows; i++) {
            results[i] = a[i] + b[i];
        }
        break;
    case MDLI_OPERATION_SUBTRACT:
        for (int64_t i = 0; i < n_rows; i++) {
            results[i] = a[i] - b[i];
        }
        break;
    default:
        for (int64_t i = 0; i < n_rows; i++) {
            results[i] = a[i] * b[i];
        }
        break;
    }
}

mdl_status mdli_evaluate_arithmetic(mdli_evaluator *evaluator, const mdli_node *node,
                                    const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operands[2];
    MDLI_TRY(evaluate_operands(evaluator, node, needed, operands, out, error));
    if (node->type == MDL_TYPE_INT64) {
        return arithmetic_int64(evaluator, node, needed, operands, out, error);
    }
    if (node->type == MDL_TYPE_DECIMAL) {
        return arithmetic_decimal(evaluator, node, needed, operands, out, error);
    }
    void *results;
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(double), &results, error));
    compute_double(node->operation, operands[0]->values, operands[1]->values, results, out->n_rows);
    out->values = results;
    return MDL_OK;
}

/* ---- Products and quotients that are rounded once ---- */

static bool is_double_exact(int64_t value)
{
    return value >= -DOUBLE_EXACT_MAX && value <= DOUBLE_EXACT_MAX;
}

/* The double nearest to numerator / denominator. */
static double ratio(mdli_int128 numerator, mdli_int128 denominator)
{
    if (denominator < 0) {
        return mdli_ratio_to_double(-numerator, (mdli_uint128)-denominator);
    }
    return mdli_ratio_to_double(numerator, (mdli_uint128)denominator);
}

mdl_status mdli_evaluate_multiply_scaled(mdli_evaluator *evaluator, const mdli_node *node,
                                         const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operands[2];
    void *memory;
    MDLI_TRY(evaluate_operands(evaluator, node, needed, operands, out, error));
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(double), &memory, error));
    const int64_t *a = operands[0]->values;
    const int64_t *b = operands[1]->values;
    double *results = memory;
    for (int64_t i = 0; i < out->n_rows; i++) {
        int64_t product;
        bool is_exact = !__builtin_mul_overflow(a[i], b[i], &product) && is_double_exact(product);
        results[i] = is_exact ? (double)product / (double)node->denominator_scale
                              : ratio((mdli_int128)a[i] * b[i], node->denominator_scale);
    }
    out->values = results;
    return MDL_OK;
}

/* Makes rows NULL where the INT64 or FLOAT64 divisor is 0. */
static mdl_status clear_zero_divisors(mdli_evaluator *evaluator, const mdli_node *node,
                                      const mdl_vector *divisor, mdl_vector *out, mdl_error *error)
{
    const int64_t *integers = divisor->values;
    const double *doubles = divisor->values;
    bool is_double = divisor->type == MDL_TYPE_FLOAT64;
    bool has_zero = false;
    for (int64_t i = 0; i < out->n_rows; i++) {
        has_zero |= is_double ? doubles[i] == 0 : integers[i] == 0;
    }
    if (!has_zero) {
        return MDL_OK;
    }
    uint64_t *validity = NULL;
    if (out->validity == evaluator->slots[node->id].validity && out->validity != NULL) {
        validity = evaluator->slots[node->id].validity;
    } else {
        MDLI_TRY(mdli_own_validity(evaluator, node, out->validity, out, &validity, error));
    }
    for (int64_t i = 0; i < out->n_rows; i++) {
        bool is_zero = is_double ? doubles[i] == 0 : integers[i] == 0;
        validity[i >> 6] &= ~((uint64_t)is_zero << (i & 63));
    }
    return MDL_OK;
}

mdl_status mdli_evaluate_divide(mdli_evaluator *evaluator, const mdli_node *node,
                                const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operands[2];
    void *memory;
    MDLI_TRY(evaluate_operands(evaluator, node, needed, operands, out, error));
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(double), &memory, error));
    const double *a = operands[0]->values;
    const double *b = operands[1]->values;
    double *results = memory;
    for (int64_t i = 0; i < out->n_rows; i++) {
        results[i] = b[i] == 0 ? 0 : a[i] / b[i];
    }
    out->values = results;
    return clear_zero_divisors(evaluator, node, operands[1], out, error);
}

mdl_status mdli_evaluate_divide_scaled(mdli_evaluator *evaluator, const mdli_node *node,
                                       const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operands[2];
    void *memory;
    MDLI_TRY(evaluate_operands(evaluator, node, needed, operands, out, error));
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(double), &memory, error));
    const int64_t *a = operands[0]->values;
    const int64_t *b = operands[1]->values;
    double *results = memory;
    for (int64_t i = 0; i < out->n_rows; i++) {
        int64_t numerator;
        int64_t denominator;
        bool is_wide = __builtin_mul_overflow(a[i], node->numerator_scale, &numerator);
        is_wide |= __builtin_mul_overflow(b[i], node->denominator_scale, &denominator);
        if (b[i] == 0) {
            results[i] = 0;
        } else if (!is_wide && is_double_exact(numerator) && is_double_exact(denominator)) {
            results[i] = (double)numerator / (double)denominator;
        } else {
            results[i] = ratio((mdli_int128)a[i] * node->numerator_scale,
                               (mdli_int128)b[i] * node->denominator_scale);
        }
    }
    out->values = results;
    return clear_zero_divisors(evaluator, node, operands[1], out, error);
}

mdl_status mdli_evaluate_modulo(mdli_evaluator *evaluator, const mdli_node *node,
                                const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operands[2];
    void *memory;
    MDLI_TRY(evaluate_operands(evaluator, node, needed, operands, out, error));
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(int64_t), &memory, error));
    const int64_t *a = operands[0]->values;
    const int64_t *b = operands[1]->values;
    int64_t *results = memory;
    for (int64_t i = 0; i < out->n_rows; i++) {
        /* The least INT64 % -1 is 0, but the processor traps on it. */
        results[i] = b[i] == 0 || b[i] == -1 ? 0 : a[i] % b[i];
    }
    out->values = results;
    return clear_zero_divisors(evaluator, node, operands[1], out, error);
}

/* ---- Negation and absolute value ---- */

/* Negates values, or only negative ones; the least value of a type stays, and is told if it counts.
 */
static mdl_status change_sign(mdli_evaluator *evaluator, const mdli_node *node, bool is_absolute,
                              const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operand;
    void *results;
    bool has_least = false;
    MDLI_TRY(evaluate_operands(evaluator, node, needed, &operand, out, error));
    MDLI_TRY(mdli_slot_values(evaluator, node, mdli_type_size(node->type), &results, error));
    out->values = results;
    if (node->type == MDL_TYPE_FLOAT64) {
        const double *values = operand->values;
        for (int64_t i = 0; i < out->n_rows; i++) {
            ((double *)results)[i] = is_absolute ? fabs(values[i]) : -values[i];
        }
        return MDL_OK;
    }
    if (node->type == MDL_TYPE_DECIMAL) {
        const int32_t *values = operand->values;
        for (int64_t i = 0; i < out->n_rows; i++) {
            uint32_t value = (uint32_t)values[i];
            has_least |= values[i] == INT32_MIN;
            ((int32_t *)results)[i] = (int32_t)(is_absolute && values[i] >= 0 ? value : 0 - value);
        }
    } else {
        const int64_t *values = operand->values;
        for (int64_t i = 0; i < out->n_rows; i++) {
            uint64_t value = (uint64_t)values[i];
            has_least |= values[i] == INT64_MIN;
            ((int64_t *)results)[i] = (int64_t)(is_absolute && values[i] >= 0 ? value : 0 - value);
        }
    }
    if (!has_least) {
        return MDL_OK;
    }
    mdli_rows rows = mdli_rows_in(out->validity, needed, out->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        bool is_least = node->type == MDL_TYPE_DECIMAL ? mdl_vector_int32(operand, i) == INT32_MIN
                                                       : mdl_vector_int64(operand, i) == INT64_MIN;
        if (is_least) {
            return MDLI_EVALUATION_FAULT(evaluator, node, error, MDL_E_OVERFLOW,
                                         "the least %s has no positive counterpart,",
                                         mdl_type_name(node->type));
        }
    }
    return MDL_OK;
}

mdl_status mdli_evaluate_negate(mdli_evaluator *evaluator, const mdli_node *node,
                                const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    return change_sign(evaluator, node, false, needed, out, error);
}

mdl_status mdli_evaluate_absolute(mdli_evaluator *evaluator, const mdli_node *node,
                                  const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    return change_sign(evaluator, node, true, needed, out, error);
}

/* ---- least and greatest ---- */

static bool less_int32(int32_t a, int32_t b)
{
    return a < b;
}

static bool less_int64(int64_t a, int64_t b)
{
    return a < b;
}

/* Puts the least (greatest) of results and values into results; a NULL gives way to the other. */
#define DEFINE_TAKE_EXTREME(name, type, less)                                                      \
    static void name(bool is_least, type *results, const uint64_t *results_validity,               \
                     const mdl_vector *operand, int64_t n_rows)                                    \
    {                                                                                              \
        const type *values = operand->values;                                                      \
        if (results_validity == NULL && operand->validity == NULL) {                               \
            for (int64_t i = 0; i < n_rows; i++) {                                                 \
                bool is_taken =                                                                    \
                    is_least ? less(values[i], results[i]) : less(results[i], values[i]);          \
                results[i] = is_taken ? values[i] : results[i];                                    \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        mdli_rows rows = mdli_rows_in(operand->validity, NULL, n_rows);                            \
        for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {                                        \
            bool is_null =                                                                         \
                results_validity != NULL && ((results_validity[i >> 6] >> (i & 63)) & 1) == 0;     \
            if (is_null ||                                                                         \
                (is_least ? less(values[i], results[i]) : less(results[i], values[i]))) {          \
                results[i] = values[i];                                                            \
            }                                                                                      \
        }                                                                                          \
    }

DEFINE_TAKE_EXTREME(take_extreme_int32, int32_t, less_int32)
DEFINE_TAKE_EXTREME(take_extreme_int64, int64_t, less_int64)
DEFINE_TAKE_EXTREME(take_extreme_double, double, mdli_double_less)

/* Sets `validity` to the rows that are in it or in the operand's. NULL = all rows. */
static void join_validity(uint64_t **validity, const mdl_vector *operand, int64_t n_rows)
{
    if (operand->validity == NULL) {
        *validity = NULL;
    }
    for (int64_t w = 0; *validity != NULL && w < mdli_bitmap_words(n_rows); w++) {
        (*validity)[w] |= operand->validity[w];
    }
}

mdl_status mdli_evaluate_extreme(mdli_evaluator *evaluator, const mdli_node *node,
                                 const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operand;
    void *results;
    uint64_t *validity = NULL;
    size_t value_bytes = mdli_type_size(node->type);
    bool is_least = node->operation == MDLI_OPERATION_LEAST;
    MDLI_TRY(mdli_slot_values(evaluator, node, value_bytes, &results, error));
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[0], needed, &operand, error));
    memcpy(results, operand->values, (size_t)out->n_rows * value_bytes);
    if (operand->validity != NULL) {
        MDLI_TRY(mdli_own_validity(evaluator, node, operand->validity, out, &validity, error));
    }
    for (int32_t c = 1; c < node->n_children; c++) {
        MDLI_TRY(mdli_evaluate_node(evaluator, node->children[c], needed, &operand, error));
        if (node->type == MDL_TYPE_FLOAT64) {
            take_extreme_double(is_least, results, validity, operand, out->n_rows);
        } else if (value_bytes == sizeof(int32_t)) {
            take_extreme_int32(is_least, results, validity, operand, out->n_rows);
        } else {
            take_extreme_int64(is_least, results, validity, operand, out->n_rows);
        }
        join_validity(&validity, operand, out->n_rows);
    }
    out->values = results;
    out->validity = validity;
    return MDL_OK;
}
