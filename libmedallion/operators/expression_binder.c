/*
 * Expressions: the untyped tree to typed nodes. Names are looked up, types checked, conversions
 * made explicit, and what is constant is computed once, by the evaluator itself.
 */
#include "operators/expression_internal.h"

#include <string.h>

#include "base/calendar.h"
#include "base/decimal.h"
#include "base/float_text.h"

/* Most different labels of a `case` whose results become codes of a dictionary. */
#define LABELS_MAX 256

/* Beyond this a literal's exponent makes it infinite or zero, whatever its digits. */
#define EXPONENT_MAX 100000

const char *mdli_node_type_name(const mdli_node *node)
{
    return node->type == 0 ? "NULL" : mdl_type_name(node->type);
}

size_t mdli_type_size(mdl_type type)
{
    switch (type) {
#define TYPE_SIZE(name, value, text, size)                                                         \
    case MDL_TYPE_##name:                                                                          \
        return size;
        MDL_TYPE_LIST(TYPE_SIZE)
#undef TYPE_SIZE
    }
    return 0;
}

/* ---- Making nodes ---- */

mdl_status mdli_new_node(mdli_binder *binder, mdli_operation operation, mdl_type type,
                         int64_t position, int32_t n_children, mdli_node **out)
{
    mdli_node *node = mdli_arena_allocate(binder->arena, sizeof(*node), binder->error);
    if (node == NULL) {
        return mdli_arena_fault(binder->error);
    }
    *node = (mdli_node){.operation = operation,
                        .type = type,
                        .id = binder->n_nodes,
                        .n_children = n_children,
                        .next = binder->nodes,
                        .position = position};
    if (n_children > 0) {
        node->children = mdli_arena_allocate(
            binder->arena, (size_t)n_children * sizeof(*node->children), binder->error);
        if (node->children == NULL) {
            return mdli_arena_fault(binder->error);
        }
    }
    binder->nodes = node;
    binder->n_nodes++;
    *out = node;
    return MDL_OK;
}

/* What the value of a constant is exactly, as far as its type tells. */
static mdli_exact exact_of_value(const mdl_value *value)
{
    if (value->is_null || !mdli_is_number(value->type) || value->type == MDL_TYPE_FLOAT64) {
        return (mdli_exact){.is_known = false};
    }
    return (mdli_exact){.is_known = true,
                        .exponent = value->type == MDL_TYPE_DECIMAL ? -2 : 0,
                        .mantissa = value->as.integer};
}

mdl_status mdli_make_constant(mdli_binder *binder, const mdl_value *value, int64_t position,
                              const mdli_node **out)
{
    mdli_node *node;
    MDLI_TRY(mdli_new_node(binder, MDLI_OPERATION_CONSTANT, value->type, position, 0, &node));
    node->constant = *value;
    node->exact = exact_of_value(value);
    *out = node;
    return MDL_OK;
}

static mdl_status make_null(mdli_binder *binder, mdl_type type, int64_t position,
                            const mdli_node **out)
{
    mdl_value null = {.type = type, .is_null = true};
    return mdli_make_constant(binder, &null, position, out);
}

/* Row 0 of a vector; text is copied to the arena. */
static mdl_status read_value(mdli_binder *binder, const mdl_vector *vector, mdl_value *out)
{
    *out = (mdl_value){.type = vector->type, .is_null = mdl_vector_is_null(vector, 0)};
    if (out->is_null) {
        return MDL_OK;
    }
    switch (vector->type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        out->as.integer = mdl_vector_int32(vector, 0);
        break;
    case MDL_TYPE_INT64:
    case MDL_TYPE_TIMESTAMP:
        out->as.integer = mdl_vector_int64(vector, 0);
        break;
    case MDL_TYPE_BOOL:
        out->as.integer = *(const uint8_t *)vector->values;
        break;
    case MDL_TYPE_FLOAT64:
        out->as.real = *(const double *)vector->values;
        break;
    case MDL_TYPE_STRING:
        out->as.text = mdl_vector_string(vector, 0);
        out->as.text.data = mdli_arena_copy(binder->arena, out->as.text.data,
                                            (size_t)out->as.text.size_bytes, binder->error);
        return out->as.text.data != NULL ? MDL_OK : mdli_arena_fault(binder->error);
    }
    return MDL_OK;
}

/* Evaluates a node over constants on its own, with ids of its own. */
static mdl_status evaluate_constant(mdli_binder *binder, const mdli_node *node, mdl_value *out,
                                    bool *is_computed)
{
    size_t n_copies = (size_t)node->n_children + 1;
    mdli_node *copies =
        mdli_arena_allocate(binder->arena, n_copies * sizeof(*copies), binder->error);
    const mdli_node **children =
        mdli_arena_allocate(binder->arena, n_copies * sizeof(const mdli_node *), binder->error);
    if (copies == NULL || children == NULL) {
        return mdli_arena_fault(binder->error);
    }
    for (int32_t c = 0; c < node->n_children; c++) {
        copies[c] = *node->children[c];
        copies[c].id = c;
        children[c] = &copies[c];
    }
    mdli_node *root = &copies[node->n_children];
    *root = *node;
    root->id = node->n_children;
    root->children = children;
    mdli_expression expression = {
        .root = root, .n_nodes = node->n_children + 1, .text = binder->text};
    mdli_evaluator *evaluator;
    MDLI_TRY(mdli_evaluator_create(binder->arena->context, &expression, &evaluator, binder->error));
    mdl_vector result;
    /* A fault is told when a row needs the value, which may be never. */
    mdl_status status = mdli_evaluate(evaluator, NULL, 1, &result, NULL);
    *is_computed = status == MDL_OK;
    if (*is_computed) {
        status = read_value(binder, &result, out);
    } else if (status != MDL_E_NO_MEMORY && status != MDL_E_BUDGET) {
        status = MDL_OK;
    } else {
        mdl_error_set(binder->error, status, "no memory to compute a constant");
    }
    mdli_evaluator_free(evaluator);
    return status;
}

/* Whether NULL in any child gives NULL. */
static bool is_strict(mdli_operation operation)
{
    switch (operation) {
    case MDLI_OPERATION_LEAST:
    case MDLI_OPERATION_GREATEST:
    case MDLI_OPERATION_AND:
    case MDLI_OPERATION_OR:
    case MDLI_OPERATION_IS_NULL:
    case MDLI_OPERATION_IS_NOT_NULL:
    case MDLI_OPERATION_CASE:
    case MDLI_OPERATION_COALESCE:
    case MDLI_OPERATION_CALL:
        return false;
    default:
        return true;
    }
}

mdl_status mdli_fold(mdli_binder *binder, mdli_node *node, const mdli_node **out)
{
    *out = node;
    bool all_constant = node->operation != MDLI_OPERATION_CALL;
    for (int32_t c = 0; c < node->n_children; c++) {
        if (is_strict(node->operation) && mdli_is_null_constant(node->children[c])) {
            return make_null(binder, node->type, node->position, out);
        }
        all_constant = all_constant && mdli_is_constant(node->children[c]);
    }
    if (!all_constant) {
        return MDL_OK;
    }
    mdl_value value;
    bool is_computed;
    MDLI_TRY(evaluate_constant(binder, node, &value, &is_computed));
    return is_computed ? mdli_make_constant(binder, &value, node->position, out) : MDL_OK;
}

mdl_status mdli_make_node(mdli_binder *binder, mdli_operation operation, mdl_type type,
                          int64_t position, const mdli_node *const *children, int32_t n_children,
                          const mdli_node **out)
{
    mdli_node *node;
    MDLI_TRY(mdli_new_node(binder, operation, type, position, n_children, &node));
    memcpy(node->children, children, (size_t)n_children * sizeof(*children));
    return mdli_fold(binder, node, out);
}

mdl_status mdli_bind_children(mdli_binder *binder, const mdli_syntax *syntax,
                              const mdli_node ***out)
{
    const mdli_node **children = mdli_arena_allocate(
        binder->arena, ((size_t)syntax->n_children + 1) * sizeof(*children), binder->error);
    if (children == NULL) {
        return mdli_arena_fault(binder->error);
    }
    int32_t n_bound = 0;
    for (const mdli_syntax *child = syntax->first; child != NULL; child = child->next) {
        MDLI_TRY(mdli_bind_node(binder, child, &children[n_bound++]));
    }
    *out = children;
    return MDL_OK;
}

/* ---- Types ---- */

static mdl_status parse_timestamp_constant(mdli_binder *binder, mdl_string text, int64_t position,
                                           const mdli_node **out)
{
    int64_t seconds;
    if (mdli_parse_timestamp(text.data, text.size_bytes, &seconds) != MDLI_PARSE_OK) {
        char shown[64];
        mdli_escape_text(text.data, (size_t)text.size_bytes, shown, sizeof(shown));
        return mdli_expression_fault(binder->error, MDL_E_EXPRESSION, binder->text, position,
                                     "'%s' is not a TIMESTAMP, which is written "
                                     "YYYY-MM-DD HH:MM:SS,",
                                     shown);
    }
    mdl_value value = {.type = MDL_TYPE_TIMESTAMP, .as.integer = seconds};
    return mdli_make_constant(binder, &value, position, out);
}

mdl_status mdli_convert(mdli_binder *binder, const mdli_node *node, mdl_type type,
                        const mdli_node **out)
{
    *out = node;
    if (node->type == type) {
        return MDL_OK;
    }
    if (mdli_is_null_constant(node)) {
        return make_null(binder, type, node->position, out);
    }
    if (node->type == MDL_TYPE_STRING && type == MDL_TYPE_TIMESTAMP && mdli_is_constant(node)) {
        return parse_timestamp_constant(binder, node->constant.as.text, node->position, out);
    }
    return mdli_make_node(binder, MDLI_OPERATION_CAST, type, node->position, &node, 1, out);
}

/* The order in which number types give way to each other. */
static int number_rank(mdl_type type)
{
    switch (type) {
    case MDL_TYPE_INT32:
        return 1;
    case MDL_TYPE_INT64:
        return 2;
    case MDL_TYPE_DECIMAL:
        return 3;
    case MDL_TYPE_FLOAT64:
        return 4;
    default:
        return 0;
    }
}

/* Whether a node is text that may stand for a TIMESTAMP. */
static bool is_timestamp_text(const mdli_node *node)
{
    return node->type == MDL_TYPE_STRING && mdli_is_constant(node);
}

mdl_status mdli_common_type(mdli_binder *binder, const mdli_node *const *nodes, int32_t n_nodes,
                            mdl_type *out)
{
    mdl_type type = 0;
    bool is_all_timestamp_text = true; /* of the nodes so far that are STRING */
    for (int32_t n = 0; n < n_nodes; n++) {
        mdl_type other = nodes[n]->type;
        if (other == MDL_TYPE_STRING) {
            is_all_timestamp_text = is_all_timestamp_text && is_timestamp_text(nodes[n]);
        }
        if (other == 0 || other == type) {
            continue;
        }
        bool has_timestamp = type == MDL_TYPE_TIMESTAMP || other == MDL_TYPE_TIMESTAMP;
        bool has_text = type == MDL_TYPE_STRING || other == MDL_TYPE_STRING;
        if (type == 0 || (number_rank(type) > 0 && number_rank(other) > number_rank(type))) {
            type = other;
        } else if (has_timestamp && has_text && is_all_timestamp_text) {
            type = MDL_TYPE_TIMESTAMP;
        } else if (number_rank(type) == 0 || number_rank(other) == 0) {
            return mdli_expression_fault(binder->error, MDL_E_TYPE, binder->text,
                                         nodes[n]->position,
                                         "%s does not go together with %s before it",
                                         mdl_type_name(other), mdl_type_name(type));
        }
    }
    *out = type;
    return MDL_OK;
}

/* A child that must have a type; NULL of no type gets it. */
static mdl_status require_type(mdli_binder *binder, const mdli_node **node, mdl_type type,
                               const char *what)
{
    if ((*node)->type != type && (*node)->type != 0) {
        return mdli_expression_fault(binder->error, MDL_E_TYPE, binder->text, (*node)->position,
                                     "%s takes %s, not %s,", what, mdl_type_name(type),
                                     mdl_type_name((*node)->type));
    }
    return mdli_convert(binder, *node, type, node);
}

/* ---- Literals and columns ---- */

/*
 * Reads `-?digits[.digits][e[+-]digits]` exactly. False when it has more than 38 digits that count,
 * which 127 bits hold.
 */
static bool read_exact(mdl_string text, mdli_exact *out, bool *is_whole)
{
    const int n_digits_max = 38;
    mdli_int128 mantissa = 0;
    int64_t exponent = 0;
    int64_t n_zeros = 0; /* since the last digit that is in the mantissa */
    int n_digits = 0;
    bool is_behind_point = false;
    bool is_negative = text.data[0] == '-';
    int64_t i = is_negative;
    *is_whole = true;
    for (; i < text.size_bytes && text.data[i] != 'e' && text.data[i] != 'E'; i++) {
        if (text.data[i] == '.') {
            is_behind_point = true;
            *is_whole = false;
            continue;
        }
        exponent -= is_behind_point;
        n_zeros++;
        if (text.data[i] != '0') {
            for (; n_zeros > 0; n_zeros--) {
                n_digits += n_digits > 0 || n_zeros == 1;
                if (n_digits > n_digits_max) {
                    return false;
                }
                mantissa *= 10;
            }
            mantissa += text.data[i] - '0';
        }
    }
    exponent += n_zeros;
    if (i < text.size_bytes) {
        *is_whole = false;
        bool is_small = text.data[i + 1] == '-';
        i += 1 + (is_small || text.data[i + 1] == '+');
        int64_t written = 0;
        for (; i < text.size_bytes; i++) {
            written = written < EXPONENT_MAX ? written * 10 + (text.data[i] - '0') : EXPONENT_MAX;
        }
        exponent += is_small ? -written : written;
    }
    if (mantissa == 0) {
        exponent = 0;
    }
    exponent = exponent > EXPONENT_MAX ? EXPONENT_MAX : exponent;
    exponent = exponent < -EXPONENT_MAX ? -EXPONENT_MAX : exponent;
    *out = (mdli_exact){.is_known = true,
                        .exponent = (int32_t)exponent,
                        .mantissa = is_negative ? -mantissa : mantissa};
    return true;
}

/* Whether the value is a DECIMAL; then it goes to *units. */
static bool is_decimal(const mdli_exact *exact, int64_t *units)
{
    if (exact->exponent < -2 || exact->exponent > 7) {
        return false;
    }
    mdli_int128 scaled = exact->mantissa;
    for (int32_t e = exact->exponent; e > -2; e--) {
        if (scaled > MDLI_DECIMAL_UNITS_MAX || scaled < -MDLI_DECIMAL_UNITS_MAX) {
            return false;
        }
        scaled *= 10;
    }
    *units = (int64_t)scaled;
    return scaled <= MDLI_DECIMAL_UNITS_MAX && scaled >= -MDLI_DECIMAL_UNITS_MAX;
}

/*
 * Whole numbers are INT32 or INT64. What is written with a point and fits is a DECIMAL, everything
 * else a FLOAT64, but the exact value is kept for comparisons.
 */
static mdl_status bind_number(mdli_binder *binder, const mdli_syntax *syntax, const mdli_node **out)
{
    mdl_string text = syntax->text;
    mdl_value value = {.type = MDL_TYPE_FLOAT64};
    mdli_exact exact;
    bool is_whole;
    if (!read_exact(text, &exact, &is_whole)) {
        return mdli_expression_fault(binder->error, MDL_E_EXPRESSION, binder->text,
                                     syntax->position, "a number of more than 38 digits");
    }
    bool has_exponent = memchr(text.data, 'e', (size_t)text.size_bytes) != NULL ||
                        memchr(text.data, 'E', (size_t)text.size_bytes) != NULL;
    if (is_whole) {
        if (mdli_parse_int64(text.data, text.size_bytes, &value.as.integer) != MDLI_PARSE_OK) {
            return mdli_expression_fault(binder->error, MDL_E_EXPRESSION, binder->text,
                                         syntax->position, "a number that does not fit INT64");
        }
        bool is_small = value.as.integer >= INT32_MIN && value.as.integer <= INT32_MAX;
        value.type = is_small ? MDL_TYPE_INT32 : MDL_TYPE_INT64;
    } else if (!has_exponent && is_decimal(&exact, &value.as.integer)) {
        value.type = MDL_TYPE_DECIMAL;
    } else if (mdli_parse_double(text.data, text.size_bytes, &value.as.real) != MDLI_PARSE_OK) {
        return mdli_expression_fault(binder->error, MDL_E_EXPRESSION, binder->text,
                                     syntax->position, "a number that does not fit FLOAT64");
    }
    mdli_node *node;
    MDLI_TRY(
        mdli_new_node(binder, MDLI_OPERATION_CONSTANT, value.type, syntax->position, 0, &node));
    node->constant = value;
    node->exact = exact;
    *out = node;
    return MDL_OK;
}

static mdl_status bind_column(mdli_binder *binder, const mdli_syntax *syntax, const mdli_node **out)
{
    int32_t column = mdli_find_column(binder->scope, syntax->text);
    if (column < 0) {
        return mdli_unknown_column(binder->error, binder->text, syntax->position, syntax->text,
                                   binder->scope);
    }
    mdli_node *node;
    MDLI_TRY(mdli_new_node(binder, MDLI_OPERATION_COLUMN, binder->scope->fields[column].type,
                           syntax->position, 0, &node));
    node->column = column;
    *out = node;
    return MDL_OK;
}

static mdl_status bind_bool(mdli_binder *binder, const mdli_syntax *syntax, const mdli_node **out)
{
    mdl_value value = {.type = MDL_TYPE_BOOL, .as.integer = syntax->kind == MDLI_SYNTAX_TRUE};
    return mdli_make_constant(binder, &value, syntax->position, out);
}

static mdl_status bind_string(mdli_binder *binder, const mdli_syntax *syntax, const mdli_node **out)
{
    mdl_value value = {.type = MDL_TYPE_STRING, .as.text = syntax->text};
    return mdli_make_constant(binder, &value, syntax->position, out);
}

/* ---- Logic and tests ---- */

static mdl_status bind_logic(mdli_binder *binder, const mdli_syntax *syntax,
                             mdli_operation operation, const char *what, const mdli_node **out)
{
    const mdli_node **children;
    MDLI_TRY(mdli_bind_children(binder, syntax, &children));
    for (int32_t c = 0; c < syntax->n_children; c++) {
        MDLI_TRY(require_type(binder, &children[c], MDL_TYPE_BOOL, what));
    }
    return mdli_make_node(binder, operation, MDL_TYPE_BOOL, syntax->position, children,
                          syntax->n_children, out);
}

static mdl_status bind_null_test(mdli_binder *binder, const mdli_syntax *syntax,
                                 mdli_operation operation, const mdli_node **out)
{
    const mdli_node *child;
    MDLI_TRY(mdli_bind_node(binder, syntax->first, &child));
    if (child->type == 0) {
        MDLI_TRY(mdli_convert(binder, child, MDL_TYPE_BOOL, &child));
    }
    return mdli_make_node(binder, operation, MDL_TYPE_BOOL, syntax->position, &child, 1, out);
}

static mdl_status bind_between(mdli_binder *binder, const mdli_syntax *syntax,
                               const mdli_node **out)
{
    const mdli_node **children;
    const mdli_node *bounds[2];
    MDLI_TRY(mdli_bind_children(binder, syntax, &children));
    MDLI_TRY(mdli_bind_comparison(binder, MDLI_GREATER_EQUAL, children[0], children[1],
                                  syntax->position, &bounds[0]));
    MDLI_TRY(mdli_bind_comparison(binder, MDLI_LESS_EQUAL, children[0], children[2],
                                  syntax->position, &bounds[1]));
    return mdli_make_node(binder, MDLI_OPERATION_AND, MDL_TYPE_BOOL, syntax->position, bounds, 2,
                          out);
}

static mdl_status bind_text_operator(mdli_binder *binder, const mdli_syntax *syntax,
                                     mdli_operation operation, mdl_type type, const char *what,
                                     const mdli_node **out)
{
    const mdli_node **children;
    MDLI_TRY(mdli_bind_children(binder, syntax, &children));
    for (int32_t c = 0; c < syntax->n_children; c++) {
        MDLI_TRY(require_type(binder, &children[c], MDL_TYPE_STRING, what));
    }
    return mdli_make_node(binder, operation, type, syntax->position, children, syntax->n_children,
                          out);
}

/* ---- Arithmetic ---- */

static const char *operator_text(mdli_syntax_kind kind)
{
    switch (kind) {
    case MDLI_SYNTAX_ADD:
        return "+";
    case MDLI_SYNTAX_SUBTRACT:
    case MDLI_SYNTAX_NEGATE:
        return "-";
    case MDLI_SYNTAX_MULTIPLY:
        return "*";
    case MDLI_SYNTAX_DIVIDE:
        return "/";
    default:
        return "%";
    }
}

static mdl_status require_number(mdli_binder *binder, const mdli_node *node, const char *operator_,
                                 bool is_integer)
{
    if (node->type == 0 ||
        (is_integer ? mdli_is_integer(node->type) : mdli_is_number(node->type))) {
        return MDL_OK;
    }
    const char *hint = node->type == MDL_TYPE_TIMESTAMP ? " (cast it to INT64)"
                       : node->type == MDL_TYPE_STRING  ? " (text is joined by ||)"
                                                        : "";
    return mdli_expression_fault(
        binder->error, MDL_E_TYPE, binder->text, node->position, "%s takes %s, not %s%s,",
        operator_, is_integer ? "integers" : "numbers", mdl_type_name(node->type), hint);
}

/* Makes an operand INT64, a DECIMAL by counting hundredths; *scale becomes 100 for that, else 1. */
static mdl_status unscale(mdli_binder *binder, const mdli_node **node, int64_t *scale)
{
    *scale = (*node)->type == MDL_TYPE_DECIMAL ? 100 : 1;
    if (*scale == 1) {
        return mdli_convert(binder, *node, MDL_TYPE_INT64, node);
    }
    return mdli_make_node(binder, MDLI_OPERATION_UNSCALE, MDL_TYPE_INT64, (*node)->position, node,
                          1, node);
}

/* Products and quotients of integers and DECIMALs: exact integers, then one rounding to a double.
 */
static mdl_status make_scaled(mdli_binder *binder, mdli_operation operation, int64_t position,
                              const mdli_node **children, const mdli_node **out)
{
    int64_t scales[2];
    mdli_node *node;
    MDLI_TRY(unscale(binder, &children[0], &scales[0]));
    MDLI_TRY(unscale(binder, &children[1], &scales[1]));
    MDLI_TRY(mdli_new_node(binder, operation, MDL_TYPE_FLOAT64, position, 2, &node));
    memcpy(node->children, children, 2 * sizeof(*children));
    if (operation == MDLI_OPERATION_MULTIPLY_SCALED) {
        node->denominator_scale = scales[0] * scales[1];
    } else {
        /* (a / sa) / (b / sb) = (a · sb) / (b · sa); equal scales cancel. */
        node->numerator_scale = scales[0] == scales[1] ? 1 : scales[1];
        node->denominator_scale = scales[0] == scales[1] ? 1 : scales[0];
    }
    return mdli_fold(binder, node, out);
}

static mdl_status make_converted(mdli_binder *binder, mdli_operation operation, mdl_type type,
                                 int64_t position, const mdli_node **children, int32_t n_children,
                                 const mdli_node **out)
{
    for (int32_t c = 0; c < n_children; c++) {
        MDLI_TRY(mdli_convert(binder, children[c], type, &children[c]));
    }
    return mdli_make_node(binder, operation, type, position, children, n_children, out);
}

static mdl_status bind_arithmetic(mdli_binder *binder, const mdli_syntax *syntax,
                                  const mdli_node **out)
{
    mdli_syntax_kind kind = syntax->kind;
    const mdli_node **children;
    mdl_type type;
    MDLI_TRY(mdli_bind_children(binder, syntax, &children));
    for (int32_t c = 0; c < syntax->n_children; c++) {
        MDLI_TRY(
            require_number(binder, children[c], operator_text(kind), kind == MDLI_SYNTAX_MODULO));
    }
    MDLI_TRY(mdli_common_type(binder, children, syntax->n_children, &type));
    type = type == 0 || mdli_is_integer(type) ? MDL_TYPE_INT64 : type;
    int64_t position = syntax->position;
    switch (kind) {
    case MDLI_SYNTAX_ADD:
        return make_converted(binder, MDLI_OPERATION_ADD, type, position, children, 2, out);
    case MDLI_SYNTAX_SUBTRACT:
        return make_converted(binder, MDLI_OPERATION_SUBTRACT, type, position, children, 2, out);
    case MDLI_SYNTAX_MULTIPLY:
        return type == MDL_TYPE_DECIMAL
                   ? make_scaled(binder, MDLI_OPERATION_MULTIPLY_SCALED, position, children, out)
                   : make_converted(binder, MDLI_OPERATION_MULTIPLY, type, position, children, 2,
                                    out);
    case MDLI_SYNTAX_DIVIDE:
        return type == MDL_TYPE_FLOAT64
                   ? make_converted(binder, MDLI_OPERATION_DIVIDE, type, position, children, 2, out)
                   : make_scaled(binder, MDLI_OPERATION_DIVIDE_SCALED, position, children, out);
    case MDLI_SYNTAX_MODULO:
        return make_converted(binder, MDLI_OPERATION_MODULO, type, position, children, 2, out);
    default:
        return make_converted(binder, MDLI_OPERATION_NEGATE, type, position, children, 1, out);
    }
}

/* ---- case and cast ---- */

/* The code of a text among the labels, which it joins when it is new; -1 when there is no room. */
static int32_t label_code(mdl_string *labels, int32_t *n_labels, mdl_string text)
{
    for (int32_t l = 0; l < *n_labels; l++) {
        if (mdli_string_equal(labels[l], text)) {
            return l;
        }
    }
    if (*n_labels == LABELS_MAX) {
        return -1;
    }
    labels[*n_labels] = text;
    return (*n_labels)++;
}

/* Whether child `c` of a `case` is a result, not a condition. */
static bool is_result(int32_t c, int32_t n_children)
{
    return c % 2 == 1 || c == n_children - 1;
}

/*
 * A `case` that picks among constant texts works on their codes, and gives a vector with a
 * dictionary.
 * `*labels` is NULL when it is not such a one; otherwise the results have become codes.
 */
static mdl_status make_labels(mdli_binder *binder, const mdli_node **children, int32_t n_children,
                              mdl_string **labels, int32_t *n_labels)
{
    *labels = NULL;
    *n_labels = 0;
    mdl_string *texts =
        mdli_arena_allocate(binder->arena, LABELS_MAX * sizeof(*texts), binder->error);
    if (texts == NULL) {
        return mdli_arena_fault(binder->error);
    }
    for (int32_t c = 0; c < n_children; c++) {
        if (is_result(c, n_children) &&
            (!mdli_is_constant(children[c]) ||
             (!children[c]->constant.is_null &&
              label_code(texts, n_labels, children[c]->constant.as.text) < 0))) {
            return MDL_OK;
        }
    }
    for (int32_t c = 0; c < n_children; c++) {
        if (is_result(c, n_children)) {
            mdl_value code = {.type = MDL_TYPE_INT32, .is_null = children[c]->constant.is_null};
            if (!code.is_null) {
                code.as.integer = label_code(texts, n_labels, children[c]->constant.as.text);
            }
            MDLI_TRY(mdli_make_constant(binder, &code, children[c]->position, &children[c]));
        }
    }
    *labels = texts;
    return MDL_OK;
}

static mdl_status make_case(mdli_binder *binder, int64_t position, mdl_type type,
                            const mdli_node **children, int32_t n_children, const mdli_node **out)
{
    mdl_string *labels = NULL;
    int32_t n_labels = 0;
    if (type == MDL_TYPE_STRING) {
        MDLI_TRY(make_labels(binder, children, n_children, &labels, &n_labels));
    }
    if (labels == NULL || n_labels == 0) {
        return mdli_make_node(binder, MDLI_OPERATION_CASE, type, position, children, n_children,
                              out);
    }
    const mdli_node *codes;
    mdli_node *node;
    MDLI_TRY(mdli_make_node(binder, MDLI_OPERATION_CASE, MDL_TYPE_INT32, position, children,
                            n_children, &codes));
    MDLI_TRY(mdli_new_node(binder, MDLI_OPERATION_LABEL, MDL_TYPE_STRING, position, 1, &node));
    node->children[0] = codes;
    node->labels = labels;
    node->n_labels = n_labels;
    return mdli_fold(binder, node, out);
}

static mdl_status bind_case(mdli_binder *binder, const mdli_syntax *syntax, const mdli_node **out)
{
    const mdli_node **children;
    int32_t n_children = syntax->n_children;
    MDLI_TRY(mdli_bind_children(binder, syntax, &children));
    if (n_children % 2 == 0) {
        MDLI_TRY(make_null(binder, 0, syntax->position, &children[n_children++]));
    }
    int32_t n_results = 0;
    const mdli_node **results =
        mdli_arena_allocate(binder->arena, (size_t)n_children * sizeof(*results), binder->error);
    if (results == NULL) {
        return mdli_arena_fault(binder->error);
    }
    for (int32_t c = 0; c < n_children; c++) {
        if (is_result(c, n_children)) {
            results[n_results++] = children[c];
        } else {
            MDLI_TRY(require_type(binder, &children[c], MDL_TYPE_BOOL, "when"));
        }
    }
    mdl_type type;
    MDLI_TRY(mdli_common_type(binder, results, n_results, &type));
    if (type == 0) {
        return make_null(binder, 0, syntax->position, out);
    }
    for (int32_t c = 0; c < n_children; c++) {
        if (is_result(c, n_children)) {
            MDLI_TRY(mdli_convert(binder, children[c], type, &children[c]));
        }
    }
    return make_case(binder, syntax->position, type, children, n_children, out);
}

static bool can_cast(mdl_type from, mdl_type to)
{
    if (from == to || from == MDL_TYPE_STRING || to == MDL_TYPE_STRING) {
        return true;
    }
    if (mdli_is_number(from) && mdli_is_number(to)) {
        return true;
    }
    if (mdli_is_integer(from)) {
        return to == MDL_TYPE_TIMESTAMP || to == MDL_TYPE_BOOL;
    }
    return (from == MDL_TYPE_TIMESTAMP && to == MDL_TYPE_INT64) ||
           (from == MDL_TYPE_BOOL && mdli_is_integer(to));
}

static mdl_status bind_cast(mdli_binder *binder, const mdli_syntax *syntax, const mdli_node **out)
{
    const mdli_node *child;
    MDLI_TRY(mdli_bind_node(binder, syntax->first, &child));
    if (mdli_is_null_constant(child)) {
        return make_null(binder, syntax->type, syntax->position, out);
    }
    if (!can_cast(child->type, syntax->type)) {
        return mdli_expression_fault(binder->error, MDL_E_TYPE, binder->text, syntax->position,
                                     "no cast from %s to %s", mdl_type_name(child->type),
                                     mdl_type_name(syntax->type));
    }
    if (child->type == syntax->type) {
        *out = child;
        return MDL_OK;
    }
    return mdli_make_node(binder, MDLI_OPERATION_CAST, syntax->type, syntax->position, &child, 1,
                          out);
}

/* ---- All of them ---- */

mdl_status mdli_bind_node(mdli_binder *binder, const mdli_syntax *syntax, const mdli_node **out)
{
    const mdli_node **children;
    switch (syntax->kind) {
    case MDLI_SYNTAX_COLUMN:
        return bind_column(binder, syntax, out);
    case MDLI_SYNTAX_NUMBER:
        return bind_number(binder, syntax, out);
    case MDLI_SYNTAX_STRING:
        return bind_string(binder, syntax, out);
    case MDLI_SYNTAX_TIMESTAMP:
        return parse_timestamp_constant(binder, syntax->text, syntax->position, out);
    case MDLI_SYNTAX_TRUE:
    case MDLI_SYNTAX_FALSE:
        return bind_bool(binder, syntax, out);
    case MDLI_SYNTAX_NULL:
        return make_null(binder, 0, syntax->position, out);
    case MDLI_SYNTAX_AND:
        return bind_logic(binder, syntax, MDLI_OPERATION_AND, "and", out);
    case MDLI_SYNTAX_OR:
        return bind_logic(binder, syntax, MDLI_OPERATION_OR, "or", out);
    case MDLI_SYNTAX_NOT:
        return bind_logic(binder, syntax, MDLI_OPERATION_NOT, "not", out);
    case MDLI_SYNTAX_COMPARE:
        MDLI_TRY(mdli_bind_children(binder, syntax, &children));
        return mdli_bind_comparison(binder, syntax->compare, children[0], children[1],
                                    syntax->position, out);
    case MDLI_SYNTAX_BETWEEN:
        return bind_between(binder, syntax, out);
    case MDLI_SYNTAX_IN:
        MDLI_TRY(mdli_bind_children(binder, syntax, &children));
        return mdli_bind_in(binder, children[0], children + 1, syntax->n_children - 1,
                            syntax->position, out);
    case MDLI_SYNTAX_LIKE:
        return bind_text_operator(binder, syntax, MDLI_OPERATION_LIKE, MDL_TYPE_BOOL, "like", out);
    case MDLI_SYNTAX_CONCAT:
        return bind_text_operator(binder, syntax, MDLI_OPERATION_CONCAT, MDL_TYPE_STRING, "||",
                                  out);
    case MDLI_SYNTAX_IS_NULL:
        return bind_null_test(binder, syntax, MDLI_OPERATION_IS_NULL, out);
    case MDLI_SYNTAX_IS_NOT_NULL:
        return bind_null_test(binder, syntax, MDLI_OPERATION_IS_NOT_NULL, out);
    case MDLI_SYNTAX_ADD:
    case MDLI_SYNTAX_SUBTRACT:
    case MDLI_SYNTAX_MULTIPLY:
    case MDLI_SYNTAX_DIVIDE:
    case MDLI_SYNTAX_MODULO:
    case MDLI_SYNTAX_NEGATE:
        return bind_arithmetic(binder, syntax, out);
    case MDLI_SYNTAX_CASE:
        return bind_case(binder, syntax, out);
    case MDLI_SYNTAX_CAST:
        return bind_cast(binder, syntax, out);
    case MDLI_SYNTAX_CALL:
        return mdli_bind_call(binder, syntax, out);
    }
    return mdl_error_set(binder->error, MDL_E_INTERNAL, "unknown kind of syntax");
}

mdl_status mdli_bind(mdli_arena *arena, const mdli_scope *scope, const char *text,
                     const mdli_syntax *syntax, const mdli_expression **out, mdl_error *error)
{
    mdli_binder binder = {.arena = arena, .scope = scope, .text = text, .error = error};
    const mdli_node *root;
    MDLI_TRY(mdli_bind_node(&binder, syntax, &root));
    if (root->type == 0) {
        return mdli_expression_fault(error, MDL_E_TYPE, text, root->position,
                                     "NULL of no type (write cast(null as TYPE))");
    }
    mdli_expression *expression = mdli_arena_allocate(arena, sizeof(*expression), error);
    if (expression == NULL) {
        return mdli_arena_fault(error);
    }
    *expression = (mdli_expression){
        .root = root, .nodes = binder.nodes, .n_nodes = binder.n_nodes, .text = text};
    *out = expression;
    return MDL_OK;
}
