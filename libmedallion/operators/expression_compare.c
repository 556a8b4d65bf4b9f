/*
 * Expressions: comparisons and `in` over vectors. One loop per type and operator; numbers of two
 * types are compared exactly, by their order first (-1, 0, 1) and the operator then.
 */
#include "operators/expression_internal.h"

#include <math.h>

/* Sets up to this long are compared value by value over whole vectors, longer ones searched per
 * row. */
#define SET_SCAN_MAX 16

int mdli_order_int64_double(int64_t a, double b)
{
    if (b != b || b >= 0x1p63) {
        return -1;
    }
    if (b < -0x1p63) {
        return 1;
    }
    int64_t whole = (int64_t)b; /* towards zero; the rest is exact too */
    double rest = b - (double)whole;
    if (a != whole) {
        return a < whole ? -1 : 1;
    }
    return (rest < 0) - (rest > 0);
}

/* The order of hundredths and a double: one rounding of the exact difference keeps its sign. */
static int order_decimal_double(int32_t units, double b)
{
    if (b != b) {
        return -1;
    }
    double difference = fma(b, 100.0, -(double)units);
    return (difference < 0) - (difference > 0);
}

/* Hundredths and a whole number; whole numbers beyond every DECIMAL are moved in, which keeps the
 * order. */
static int order_decimal_int64(int32_t units, int64_t b)
{
    const int64_t beyond = INT64_C(100000000);
    b = b > beyond ? beyond : b < -beyond ? -beyond : b;
    return (units > b * 100) - (units < b * 100);
}

/* ---- Values of one type ---- */

#define PLAIN_EQUAL(a, b) ((a) == (b))
#define PLAIN_LESS(a, b)  ((a) < (b))

#define COMPARE_ROWS(test)                                                                         \
    for (int64_t i = 0; i < n_rows; i++) {                                                         \
        results[i] = (uint8_t)(test);                                                              \
    }                                                                                              \
    break

/* `right` is one value when `is_constant`; both forms are inlined, and so have loops of their own.
 */
#define DEFINE_COMPARE(name, type, equal, less)                                                    \
    static inline __attribute__((always_inline)) void name##_loop(                                 \
        mdli_compare compare, const type *left, const type *right, bool is_constant,               \
        uint8_t *results, int64_t n_rows)                                                          \
    {                                                                                              \
        const type constant = right[0];                                                            \
        switch (compare) {                                                                         \
        case MDLI_EQUAL:                                                                           \
            COMPARE_ROWS(equal(left[i], is_constant ? constant : right[i]));                       \
        case MDLI_NOT_EQUAL:                                                                       \
            COMPARE_ROWS(!equal(left[i], is_constant ? constant : right[i]));                      \
        case MDLI_LESS:                                                                            \
            COMPARE_ROWS(less(left[i], is_constant ? constant : right[i]));                        \
        case MDLI_LESS_EQUAL:                                                                      \
            COMPARE_ROWS(!less(is_constant ? constant : right[i], left[i]));                       \
        case MDLI_GREATER:                                                                         \
            COMPARE_ROWS(less(is_constant ? constant : right[i], left[i]));                        \
        case MDLI_GREATER_EQUAL:                                                                   \
            COMPARE_ROWS(!less(left[i], is_constant ? constant : right[i]));                       \
        }                                                                                          \
    }                                                                                              \
    static void name(mdli_compare compare, const type *left, const type *right, bool is_constant,  \
                     uint8_t *results, int64_t n_rows)                                             \
    {                                                                                              \
        if (is_constant) {                                                                         \
            name##_loop(compare, left, right, true, results, n_rows);                              \
        } else {                                                                                   \
            name##_loop(compare, left, right, false, results, n_rows);                             \
        }                                                                                          \
    }

DEFINE_COMPARE(compare_uint8, uint8_t, PLAIN_EQUAL, PLAIN_LESS)
DEFINE_COMPARE(compare_int32, int32_t, PLAIN_EQUAL, PLAIN_LESS)
DEFINE_COMPARE(compare_int64, int64_t, PLAIN_EQUAL, PLAIN_LESS)
DEFINE_COMPARE(compare_double, double, mdli_double_equal, mdli_double_less)

static bool holds(mdli_compare compare, int order)
{
    switch (compare) {
    case MDLI_EQUAL:
        return order == 0;
    case MDLI_NOT_EQUAL:
        return order != 0;
    case MDLI_LESS:
        return order < 0;
    case MDLI_LESS_EQUAL:
        return order <= 0;
    case MDLI_GREATER:
        return order > 0;
    default:
        return order >= 0;
    }
}

/* Two strings; equality needs no order. */
static bool compare_strings(mdli_compare compare, mdl_string left, mdl_string right)
{
    if (compare == MDLI_EQUAL || compare == MDLI_NOT_EQUAL) {
        return mdli_string_equal(left, right) == (compare == MDLI_EQUAL);
    }
    return holds(compare, mdli_string_order(left, right));
}

/* Fixed-size values of one type; `right` is an array, or one value. */
static void compare_values(mdl_type type, mdli_compare compare, const void *left, const void *right,
                           bool is_constant, uint8_t *results, int64_t n_rows)
{
    if (n_rows == 0) {
        return;
    }
    switch (type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        compare_int32(compare, left, right, is_constant, results, n_rows);
        break;
    case MDL_TYPE_INT64:
    case MDL_TYPE_TIMESTAMP:
        compare_int64(compare, left, right, is_constant, results, n_rows);
        break;
    case MDL_TYPE_FLOAT64:
        compare_double(compare, left, right, is_constant, results, n_rows);
        break;
    case MDL_TYPE_BOOL:
        compare_uint8(compare, left, right, is_constant, results, n_rows);
        break;
    case MDL_TYPE_STRING:
        break;
    }
}

/* ---- Numbers of two types ---- */

#define ORDER_PLAIN(a, b)         (((a) > (b)) - ((a) < (b)))
#define ORDER_INT32_DECIMAL(a, b) (-order_decimal_int64(b, a))

/* Writes the order of each row, to be read as int8_t. */
#define ORDER_ROWS(left_type, right_type, order)                                                   \
    for (int64_t i = 0; i < n_rows; i++) {                                                         \
        orders[i] = (int8_t)order(((const left_type *)left->values)[i],                            \
                                  ((const right_type *)right->values)[i]);                         \
    }

/* `left` has the type that comes first in INT32, INT64, DECIMAL, FLOAT64. */
static void order_rows(const mdl_vector *left, const mdl_vector *right, int8_t *orders,
                       int64_t n_rows)
{
    if (right->type == MDL_TYPE_INT64) {
        ORDER_ROWS(int32_t, int64_t, ORDER_PLAIN);
    } else if (right->type == MDL_TYPE_DECIMAL && left->type == MDL_TYPE_INT32) {
        ORDER_ROWS(int32_t, int32_t, ORDER_INT32_DECIMAL);
    } else if (right->type == MDL_TYPE_DECIMAL) {
        ORDER_ROWS(int64_t, int32_t, ORDER_INT32_DECIMAL);
    } else if (left->type == MDL_TYPE_INT32) {
        ORDER_ROWS(int32_t, double, mdli_order_int64_double);
    } else if (left->type == MDL_TYPE_INT64) {
        ORDER_ROWS(int64_t, double, mdli_order_int64_double);
    } else {
        ORDER_ROWS(int32_t, double, order_decimal_double);
    }
}

static void compare_mixed(mdli_compare compare, const mdl_vector *left, const mdl_vector *right,
                          uint8_t *results, int64_t n_rows)
{
    /* The values of mdl_type are in the order that order_rows wants. */
    bool is_swapped = left->type > right->type;
    int8_t *orders = (int8_t *)results;
    order_rows(is_swapped ? right : left, is_swapped ? left : right, orders, n_rows);
    int direction = is_swapped ? -1 : 1;
    for (int64_t i = 0; i < n_rows; i++) {
        results[i] = holds(compare, direction * orders[i]);
    }
}

mdl_status mdli_evaluate_compare(mdli_evaluator *evaluator, const mdli_node *node,
                                 const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operands[2];
    void *memory;
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[0], needed, &operands[0], error));
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[1], needed, &operands[1], error));
    MDLI_TRY(mdli_combine_validity(evaluator, node, operands, 2, out, error));
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(uint8_t), &memory, error));
    uint8_t *results = memory;
    const mdl_vector *left = operands[0];
    const mdl_vector *right = operands[1];
    out->values = results;
    if (left->type != right->type) {
        compare_mixed(node->compare, left, right, results, out->n_rows);
    } else if (left->type != MDL_TYPE_STRING) {
        compare_values(left->type, node->compare, left->values, right->values, false, results,
                       out->n_rows);
    } else {
        mdli_rows rows = mdli_rows_in(out->validity, needed, out->n_rows);
        for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
            results[i] = compare_strings(node->compare, mdl_vector_string(left, i),
                                         mdl_vector_string(right, i));
        }
    }
    return MDL_OK;
}

/* ---- A constant on the right ---- */

static mdl_status compare_text_constant(mdli_evaluator *evaluator, const mdli_node *node,
                                        const mdl_vector *text, const uint64_t *needed,
                                        void *results, mdl_error *error)
{
    (void)evaluator;
    (void)error;
    mdli_rows rows = mdli_rows_in(text->validity, needed, text->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        ((uint8_t *)results)[i] =
            compare_strings(node->compare, mdl_vector_string(text, i), node->constant.as.text);
    }
    return MDL_OK;
}

mdl_status mdli_evaluate_compare_constant(mdli_evaluator *evaluator, const mdli_node *node,
                                          const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *left;
    void *results;
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[0], needed, &left, error));
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(uint8_t), &results, error));
    out->values = results;
    out->validity = left->validity;
    int64_t integer = node->constant.as.integer;
    switch (left->type) {
    case MDL_TYPE_STRING:
        return mdli_map_text(evaluator, node, compare_text_constant, left, needed, sizeof(uint8_t),
                             results, error);
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        compare_values(left->type, node->compare, left->values, &(int32_t){(int32_t)integer}, true,
                       results, out->n_rows);
        break;
    case MDL_TYPE_BOOL:
        compare_values(left->type, node->compare, left->values, &(uint8_t){(uint8_t)integer}, true,
                       results, out->n_rows);
        break;
    default: /* INT64, TIMESTAMP, FLOAT64 */
        compare_values(left->type, node->compare, left->values, &node->constant.as, true, results,
                       out->n_rows);
        break;
    }
    return MDL_OK;
}

/* ---- in ---- */

/* Whether a sorted array has the value. */
#define DEFINE_HAS(name, type, equal, less)                                                        \
    static bool name(const mdli_value_set *set, type value)                                        \
    {                                                                                              \
        const type *values = set->values;                                                          \
        int64_t low = 0;                                                                           \
        int64_t high = set->n_values;                                                              \
        while (low < high) {                                                                       \
            int64_t middle = low + (high - low) / 2;                                               \
            if (less(values[middle], value)) {                                                     \
                low = middle + 1;                                                                  \
            } else {                                                                               \
                high = middle;                                                                     \
            }                                                                                      \
        }                                                                                          \
        return low < set->n_values && equal(values[low], value);                                   \
    }

#define STRING_LESS(a, b) (mdli_string_order(a, b) < 0)

DEFINE_HAS(has_integer, int64_t, PLAIN_EQUAL, PLAIN_LESS)
DEFINE_HAS(has_double, double, mdli_double_equal, mdli_double_less)
DEFINE_HAS(has_string, mdl_string, mdli_string_equal, STRING_LESS)

static mdl_status find_text_in_set(mdli_evaluator *evaluator, const mdli_node *node,
                                   const mdl_vector *text, const uint64_t *needed, void *results,
                                   mdl_error *error)
{
    (void)evaluator;
    (void)error;
    mdli_rows rows = mdli_rows_in(text->validity, needed, text->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        ((uint8_t *)results)[i] = has_string(&node->set, mdl_vector_string(text, i));
    }
    return MDL_OK;
}

#define FIND_ROWS(type, set_type, has)                                                             \
    do {                                                                                           \
        const type *left = values;                                                                 \
        if (set->n_values > SET_SCAN_MAX) {                                                        \
            for (int64_t i = 0; i < n_rows; i++) {                                                 \
                results[i] = has(set, left[i]);                                                    \
            }                                                                                      \
            break;                                                                                 \
        }                                                                                          \
        memset(results, 0, (size_t)n_rows);                                                        \
        for (int64_t s = 0; s < set->n_values; s++) {                                              \
            const type value = (type)((const set_type *)set->values)[s];                           \
            for (int64_t i = 0; i < n_rows; i++) {                                                 \
                results[i] |= left[i] == value;                                                    \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static void find_in_set(mdl_type type, const void *values, const mdli_value_set *set,
                        uint8_t *results, int64_t n_rows)
{
    switch (type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        FIND_ROWS(int32_t, int64_t, has_integer);
        break;
    case MDL_TYPE_INT64:
    case MDL_TYPE_TIMESTAMP:
        FIND_ROWS(int64_t, int64_t, has_integer);
        break;
    case MDL_TYPE_BOOL:
        FIND_ROWS(uint8_t, int64_t, has_integer);
        break;
    default:
        for (int64_t i = 0; i < n_rows; i++) {
            results[i] = has_double(set, ((const double *)values)[i]);
        }
        break;
    }
}

/* Found is true; not found is false, or NULL when the list held a NULL. */
mdl_status mdli_evaluate_in(mdli_evaluator *evaluator, const mdli_node *node,
                            const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *left;
    void *results;
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[0], needed, &left, error));
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(uint8_t), &results, error));
    out->values = results;
    out->validity = left->validity;
    if (left->type == MDL_TYPE_STRING) {
        MDLI_TRY(mdli_map_text(evaluator, node, find_text_in_set, left, needed, sizeof(uint8_t),
                               results, error));
    } else {
        find_in_set(left->type, left->values, &node->set, results, out->n_rows);
    }
    if (node->set.has_null) {
        uint64_t *validity;
        MDLI_TRY(mdli_own_validity(evaluator, node, left->validity, out, &validity, error));
        for (int64_t w = 0; w < mdli_bitmap_words(out->n_rows); w++) {
            validity[w] &= mdli_pack_bytes(results, w, out->n_rows);
        }
    }
    return MDL_OK;
}
