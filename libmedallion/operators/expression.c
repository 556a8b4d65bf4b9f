/*
 * Expressions: what the executor asks of one that is bound: its type, the columns that it reads,
 * the bounds of its results.
 */
#include "operators/expression_internal.h"

#include "base/calendar.h"

mdl_status mdli_expression_parse(mdli_arena *arena, const char *text, const mdli_scope *scope,
                                 const mdli_expression **out, mdl_error *error)
{
    mdli_parser parser;
    mdli_syntax *syntax;
    const char *copy = mdli_arena_copy(arena, text, strlen(text), error);
    if (copy == NULL) {
        return mdli_arena_fault(error);
    }
    MDLI_TRY(mdli_parser_start(&parser, arena, copy, error));
    MDLI_TRY(mdli_parse_syntax(&parser, &syntax));
    if (parser.token.kind != MDLI_TOKEN_END) {
        return mdli_parser_unexpected(&parser, "an operator or the end");
    }
    return mdli_bind(arena, scope, copy, syntax, out, error);
}

mdl_type mdli_expression_type(const mdli_expression *expression)
{
    return expression->root->type;
}

bool mdli_expression_is_column(const mdli_expression *expression, int32_t *column)
{
    if (expression->root->operation != MDLI_OPERATION_COLUMN) {
        return false;
    }
    *column = expression->root->column;
    return true;
}

bool mdli_expression_is_retyped_column(const mdli_expression *expression, int32_t *column)
{
    const mdli_node *node = expression->root;
    while (node->operation == MDLI_OPERATION_CAST) {
        mdl_type from = node->children[0]->type;
        bool keeps_form = (from == MDL_TYPE_INT64 && node->type == MDL_TYPE_TIMESTAMP) ||
                          (from == MDL_TYPE_TIMESTAMP && node->type == MDL_TYPE_INT64);
        if (!keeps_form) {
            return false;
        }
        node = node->children[0];
    }
    if (node->operation != MDLI_OPERATION_COLUMN) {
        return false;
    }
    *column = node->column;
    return true;
}

/* Over the list of all nodes, for what is shared could be reached on very many ways. */
void mdli_expression_mark_columns(const mdli_expression *expression, bool *used)
{
    for (const mdli_node *node = expression->nodes; node != NULL; node = node->next) {
        if (node->operation == MDLI_OPERATION_COLUMN) {
            used[node->column] = true;
        }
    }
}

/* ---- Bounds ---- */

static const mdli_range unknown = {.is_known = false};

static mdli_range range_of(const mdli_node *node, const mdli_range *columns);

static mdli_range range_union(mdli_range a, mdli_range b)
{
    if (!a.is_known || !b.is_known) {
        return unknown;
    }
    a.least = a.least < b.least ? a.least : b.least;
    a.greatest = a.greatest > b.greatest ? a.greatest : b.greatest;
    return a;
}

static mdli_range range_of_constant(const mdli_node *node)
{
    if (node->constant.is_null || node->type == MDL_TYPE_FLOAT64 || node->type == MDL_TYPE_STRING) {
        return unknown;
    }
    return (mdli_range){true, node->constant.as.integer, node->constant.as.integer};
}

/* What can be taken of a NULL: nothing, so it widens no bounds. */
static mdli_range range_of_choice(const mdli_node *node, int32_t first, int32_t step,
                                  const mdli_range *columns)
{
    mdli_range range = unknown;
    bool is_first = true;
    for (int32_t c = first; c < node->n_children; c += step) {
        if (mdli_is_null_constant(node->children[c])) {
            continue;
        }
        mdli_range other = range_of(node->children[c], columns);
        range = is_first ? other : range_union(range, other);
        is_first = false;
    }
    return range;
}

static mdli_range range_of_case(const mdli_node *node, const mdli_range *columns)
{
    mdli_range range = range_of_choice(node, 1, 2, columns);
    const mdli_node *otherwise = node->children[node->n_children - 1];
    return mdli_is_null_constant(otherwise) ? range
                                            : range_union(range, range_of(otherwise, columns));
}

static mdli_range range_of_cast(const mdli_node *node, const mdli_range *columns)
{
    mdl_type from = node->children[0]->type;
    bool is_to_whole = mdli_is_integer(node->type) || node->type == MDL_TYPE_TIMESTAMP;
    bool is_from_whole =
        mdli_is_integer(from) || from == MDL_TYPE_TIMESTAMP || from == MDL_TYPE_BOOL;
    mdli_range range = range_of(node->children[0], columns);
    if (!range.is_known) {
        return unknown;
    }
    if (is_from_whole && is_to_whole) {
        return range;
    }
    if (node->type == MDL_TYPE_DECIMAL && mdli_is_integer(from)) {
        bool is_wide = __builtin_mul_overflow(range.least, 100, &range.least);
        is_wide |= __builtin_mul_overflow(range.greatest, 100, &range.greatest);
        return is_wide ? unknown : range;
    }
    if (from == MDL_TYPE_DECIMAL && is_to_whole) {
        /* One more on either side covers rounding. */
        return (mdli_range){true, range.least / 100 - 1, range.greatest / 100 + 1};
    }
    return unknown;
}

static mdli_range range_of_sum(const mdli_node *node, const mdli_range *columns)
{
    mdli_range a = range_of(node->children[0], columns);
    mdli_range b = range_of(node->children[1], columns);
    mdli_range sum = {.is_known = a.is_known && b.is_known};
    if (!sum.is_known) {
        return unknown;
    }
    bool is_wide;
    if (node->operation == MDLI_OPERATION_ADD) {
        is_wide = __builtin_add_overflow(a.least, b.least, &sum.least);
        is_wide |= __builtin_add_overflow(a.greatest, b.greatest, &sum.greatest);
    } else {
        is_wide = __builtin_sub_overflow(a.least, b.greatest, &sum.least);
        is_wide |= __builtin_sub_overflow(a.greatest, b.least, &sum.greatest);
    }
    return is_wide ? unknown : sum;
}

static int64_t clamp_timestamp(int64_t seconds)
{
    return seconds < MDLI_TIMESTAMP_MIN   ? MDLI_TIMESTAMP_MIN
           : seconds > MDLI_TIMESTAMP_MAX ? MDLI_TIMESTAMP_MAX
                                          : seconds;
}

static mdli_range range_of_date_part(const mdli_node *node, const mdli_range *columns)
{
    mdli_range range = range_of(node->children[0], columns);
    if (!range.is_known) {
        range = (mdli_range){true, MDLI_TIMESTAMP_MIN, MDLI_TIMESTAMP_MAX};
    }
    int64_t least = clamp_timestamp(range.least);
    int64_t greatest = clamp_timestamp(range.greatest);
    if (node->operation == MDLI_OPERATION_YEAR) {
        return (mdli_range){true, mdli_civil_from_timestamp(least).year,
                            mdli_civil_from_timestamp(greatest).year};
    }
    return (mdli_range){true, mdli_day_of_timestamp(least), mdli_day_of_timestamp(greatest)};
}

static mdli_range range_of(const mdli_node *node, const mdli_range *columns)
{
    if (node->type == MDL_TYPE_BOOL && node->operation != MDLI_OPERATION_COLUMN) {
        return (mdli_range){true, 0, 1};
    }
    if (node->type == MDL_TYPE_FLOAT64 || node->type == MDL_TYPE_STRING) {
        return unknown;
    }
    switch (node->operation) {
    case MDLI_OPERATION_COLUMN:
        return columns[node->column];
    case MDLI_OPERATION_CONSTANT:
        return range_of_constant(node);
    case MDLI_OPERATION_CAST:
        return range_of_cast(node, columns);
    case MDLI_OPERATION_ADD:
    case MDLI_OPERATION_SUBTRACT:
        return range_of_sum(node, columns);
    case MDLI_OPERATION_DATE:
    case MDLI_OPERATION_YEAR:
        return range_of_date_part(node, columns);
    case MDLI_OPERATION_CASE:
        return range_of_case(node, columns);
    case MDLI_OPERATION_COALESCE:
    case MDLI_OPERATION_LEAST:
    case MDLI_OPERATION_GREATEST:
        return range_of_choice(node, 0, 1, columns);
    default:
        return unknown;
    }
}

mdli_range mdli_expression_range(const mdli_expression *expression, const mdli_range *columns)
{
    return range_of(expression->root, columns);
}
