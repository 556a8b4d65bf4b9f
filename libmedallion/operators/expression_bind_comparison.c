/*
 * Expressions: comparisons are bound here. A constant is brought into the units of the other side
 * once, exactly, so that the loop compares values of one type: `rating >= 3.755` becomes hundredths
 * >= 376.
 *
 * Only where a FLOAT64 meets a literal with a point or an exponent does the nearest double of the
 * literal count, not its exact value: `x = 0.1` holds for the double that 0.1 is stored as.
 */
#include "operators/expression_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static mdli_compare mirror(mdli_compare compare)
{
    switch (compare) {
    case MDLI_LESS:
        return MDLI_GREATER;
    case MDLI_LESS_EQUAL:
        return MDLI_GREATER_EQUAL;
    case MDLI_GREATER:
        return MDLI_LESS;
    case MDLI_GREATER_EQUAL:
        return MDLI_LESS_EQUAL;
    default:
        return compare;
    }
}

/* ---- Constants in the units of the left side ---- */

/* `compare` against `value` is the same for every value on the left that is not NULL as the
 * comparison with the exact constant was. */
typedef struct lowered {
    mdli_compare compare;
    mdl_value value;
} lowered;

/* Where an exact number lies between two neighbours that the left side can have. */
typedef struct place {
    mdli_int128 floor;
    bool is_exact; /* the number is the floor itself */
} place;

#define FAR_AWAY ((mdli_int128)1 << 100) /* beyond every INT64 */

/* The floor of mantissa · 10^exponent. */
static place place_of(const mdli_exact *exact, int32_t exponent)
{
    mdli_int128 value = exact->mantissa;
    for (; exponent > 0 && value < FAR_AWAY && value > -FAR_AWAY; exponent--) {
        value *= 10;
    }
    bool is_exact = true;
    for (; exponent < 0 && value != 0 && value != -1; exponent++) {
        mdli_int128 digit = value % 10;
        is_exact = is_exact && digit == 0;
        value = value / 10 - (digit < 0);
    }
    /* Of -1 every further digit that goes leaves -1 as the floor. */
    is_exact = is_exact && (exponent >= 0 || value == 0);
    return (place){value, is_exact};
}

static void integer_limits(mdl_type type, int64_t *least, int64_t *greatest)
{
    bool is_narrow = type == MDL_TYPE_INT32 || type == MDL_TYPE_DECIMAL;
    *least = is_narrow ? INT32_MIN : INT64_MIN;
    *greatest = is_narrow ? INT32_MAX : INT64_MAX;
}

/* A comparison that every value passes, or none. */
static lowered always(mdl_type type, bool is_true)
{
    int64_t least;
    int64_t greatest;
    integer_limits(type, &least, &greatest);
    return (lowered){is_true ? MDLI_GREATER_EQUAL : MDLI_LESS, {.type = type, .as.integer = least}};
}

static lowered lower_to_integer(mdli_compare compare, mdl_type type, const mdli_exact *exact)
{
    int64_t least;
    int64_t greatest;
    integer_limits(type, &least, &greatest);
    place at = place_of(exact, exact->exponent + (type == MDL_TYPE_DECIMAL ? 2 : 0));
    bool is_less = compare == MDLI_LESS || compare == MDLI_LESS_EQUAL;
    if (at.floor < least || at.floor > greatest) {
        bool is_above = at.floor > greatest;
        bool is_equality = compare == MDLI_EQUAL || compare == MDLI_NOT_EQUAL;
        return always(type, is_equality ? compare == MDLI_NOT_EQUAL : is_less == is_above);
    }
    if (!at.is_exact) {
        if (compare == MDLI_EQUAL || compare == MDLI_NOT_EQUAL) {
            return always(type, compare == MDLI_NOT_EQUAL);
        }
        /* Between the floor and the next: x < v and x <= v are x <= floor. */
        compare = is_less ? MDLI_LESS_EQUAL : MDLI_GREATER;
    }
    return (lowered){compare, {.type = type, .as.integer = (int64_t)at.floor}};
}

/* An integer against doubles: the nearest double, and which side of it the integer is on. */
static lowered lower_to_double(mdli_compare compare, int64_t integer)
{
    double nearest = (double)integer;
    int side = mdli_order_int64_double(integer, nearest);
    bool is_less = compare == MDLI_LESS || compare == MDLI_LESS_EQUAL;
    if (side != 0 && (compare == MDLI_EQUAL || compare == MDLI_NOT_EQUAL)) {
        nearest = -INFINITY;
        compare = compare == MDLI_EQUAL ? MDLI_LESS : MDLI_GREATER_EQUAL;
    } else if (side > 0) {
        compare = is_less ? MDLI_LESS_EQUAL : MDLI_GREATER;
    } else if (side < 0) {
        compare = is_less ? MDLI_LESS : MDLI_GREATER_EQUAL;
    }
    return (lowered){compare, {.type = MDL_TYPE_FLOAT64, .as.real = nearest}};
}

/* Whether a comparison with this constant, not NULL, can be lowered; false leaves it to the loop
 * for two types. */
static bool lower(mdli_compare compare, mdl_type type, const mdli_node *constant, lowered *out)
{
    if (type == MDL_TYPE_FLOAT64 && constant->type != MDL_TYPE_FLOAT64) {
        double nearest = (double)constant->constant.as.integer / 100.0;
        *out = constant->type == MDL_TYPE_DECIMAL
                   ? (lowered){compare, {.type = type, .as.real = nearest}}
                   : lower_to_double(compare, constant->constant.as.integer);
        return true;
    }
    if (mdli_is_number(type) && type != MDL_TYPE_FLOAT64) {
        if (constant->exact.is_known) {
            *out = lower_to_integer(compare, type, &constant->exact);
        }
        return constant->exact.is_known;
    }
    *out = (lowered){compare, constant->constant};
    return true;
}

/* ---- Comparisons ---- */

static mdl_status require_comparable(mdli_binder *binder, const mdli_node *left,
                                     const mdli_node *right, int64_t position)
{
    if (left->type == 0 || right->type == 0 || left->type == right->type ||
        (mdli_is_number(left->type) && mdli_is_number(right->type))) {
        return MDL_OK;
    }
    return mdli_expression_fault(binder->error, MDL_E_TYPE, binder->text, position,
                                 "%s cannot be compared with %s (use cast)",
                                 mdl_type_name(left->type), mdl_type_name(right->type));
}

/* Text that stands opposite a TIMESTAMP becomes one. */
static mdl_status read_timestamp_text(mdli_binder *binder, const mdli_node **node,
                                      const mdli_node *other)
{
    bool is_timestamp_text = (*node)->type == MDL_TYPE_STRING && mdli_is_constant(*node) &&
                             !mdli_is_null_constant(*node) && other->type == MDL_TYPE_TIMESTAMP;
    return is_timestamp_text ? mdli_convert(binder, *node, MDL_TYPE_TIMESTAMP, node) : MDL_OK;
}

mdl_status mdli_bind_comparison(mdli_binder *binder, mdli_compare compare, const mdli_node *left,
                                const mdli_node *right, int64_t position, const mdli_node **out)
{
    MDLI_TRY(read_timestamp_text(binder, &left, right));
    MDLI_TRY(read_timestamp_text(binder, &right, left));
    MDLI_TRY(require_comparable(binder, left, right, position));
    if (mdli_is_null_constant(left) || mdli_is_null_constant(right)) {
        mdl_value null = {.type = MDL_TYPE_BOOL, .is_null = true};
        return mdli_make_constant(binder, &null, position, out);
    }
    if (mdli_is_constant(left) && !mdli_is_constant(right)) {
        const mdli_node *swapped = left;
        left = right;
        right = swapped;
        compare = mirror(compare);
    }
    lowered changed = {.compare = compare};
    bool is_lowered = mdli_is_constant(right) && lower(compare, left->type, right, &changed);
    mdli_node *node;
    MDLI_TRY(mdli_new_node(binder,
                           is_lowered ? MDLI_OPERATION_COMPARE_CONSTANT : MDLI_OPERATION_COMPARE,
                           MDL_TYPE_BOOL, position, is_lowered ? 1 : 2, &node));
    node->compare = changed.compare;
    node->constant = changed.value;
    node->children[0] = left;
    if (!is_lowered) {
        node->children[1] = right;
    }
    return mdli_fold(binder, node, out);
}

/* ---- in ---- */

static int order_integers(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int order_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return mdli_double_less(y, x) - mdli_double_less(x, y);
}

static int order_strings(const void *a, const void *b)
{
    return mdli_string_order(*(const mdl_string *)a, *(const mdl_string *)b);
}

/* Writes value `i` of a set of this type. */
static void set_value(void *values, int64_t i, const mdl_value *value)
{
    switch (value->type) {
    case MDL_TYPE_FLOAT64:
        ((double *)values)[i] = value->as.real;
        break;
    case MDL_TYPE_STRING:
        ((mdl_string *)values)[i] = value->as.text;
        break;
    default:
        ((int64_t *)values)[i] = value->as.integer;
        break;
    }
}

/* Fills a set from constants; `*is_set` is false when one of them cannot be brought to the type. */
static mdl_status make_set(mdli_binder *binder, mdl_type type, const mdli_node *const *items,
                           int32_t n_items, mdli_value_set *set, bool *is_set)
{
    size_t value_bytes = type == MDL_TYPE_STRING ? sizeof(mdl_string) : sizeof(int64_t);
    void *values = mdli_arena_allocate(binder->arena, (size_t)n_items * value_bytes, binder->error);
    if (values == NULL) {
        return mdli_arena_fault(binder->error);
    }
    *is_set = false;
    *set = (mdli_value_set){.values = values};
    for (int32_t i = 0; i < n_items; i++) {
        lowered item;
        if (mdli_is_null_constant(items[i])) {
            set->has_null = true;
        } else if (!mdli_is_constant(items[i]) || !lower(MDLI_EQUAL, type, items[i], &item)) {
            return MDL_OK;
        } else if (item.compare == MDLI_EQUAL) { /* else nothing equals the item */
            set_value(values, set->n_values++, &item.value);
        }
    }
    qsort(values, (size_t)set->n_values, value_bytes,
          type == MDL_TYPE_STRING    ? order_strings
          : type == MDL_TYPE_FLOAT64 ? order_doubles
                                     : order_integers);
    *is_set = true;
    return MDL_OK;
}

mdl_status mdli_bind_in(mdli_binder *binder, const mdli_node *left, const mdli_node *const *items,
                        int32_t n_items, int64_t position, const mdli_node **out)
{
    const mdli_node **converted =
        mdli_arena_allocate(binder->arena, (size_t)n_items * sizeof(*converted), binder->error);
    if (converted == NULL) {
        return mdli_arena_fault(binder->error);
    }
    for (int32_t i = 0; i < n_items; i++) {
        converted[i] = items[i];
        MDLI_TRY(read_timestamp_text(binder, &converted[i], left));
        MDLI_TRY(require_comparable(binder, left, converted[i], converted[i]->position));
    }
    mdli_value_set set = {.values = NULL};
    bool is_set = false;
    if (left->type != 0) {
        MDLI_TRY(make_set(binder, left->type, converted, n_items, &set, &is_set));
    }
    if (is_set) {
        mdli_node *node;
        MDLI_TRY(mdli_new_node(binder, MDLI_OPERATION_IN, MDL_TYPE_BOOL, position, 1, &node));
        node->children[0] = left;
        node->set = set;
        return mdli_fold(binder, node, out);
    }
    for (int32_t i = 0; i < n_items; i++) {
        MDLI_TRY(mdli_bind_comparison(binder, MDLI_EQUAL, left, converted[i],
                                      converted[i]->position, &converted[i]));
    }
    return mdli_make_node(binder, MDLI_OPERATION_OR, MDL_TYPE_BOOL, position, converted, n_items,
                          out);
}
