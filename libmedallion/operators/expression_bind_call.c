/*
 * Expressions: calls of functions, the built-in ones and the caller's, are bound here.
 */
#include "operators/expression_internal.h"

#include <string.h>

typedef struct builtin builtin;

typedef mdl_status (*bind_fn)(mdli_binder *binder, const builtin *function,
                              const mdli_syntax *syntax, const mdli_node **arguments,
                              const mdli_node **out);

struct builtin {
    const char *name;
    int32_t n_arguments_min;
    int32_t n_arguments_max; /* 0 = no limit */
    mdl_type argument_type;  /* where all have this one */
    mdl_type result_type;
    mdli_operation operation;
    bind_fn bind;
};

/* Takes one argument of one type. */
static mdl_status bind_simple(mdli_binder *binder, const builtin *function,
                              const mdli_syntax *syntax, const mdli_node **arguments,
                              const mdli_node **out)
{
    const mdli_node *argument = arguments[0];
    bool is_timestamp_text = function->argument_type == MDL_TYPE_TIMESTAMP &&
                             argument->type == MDL_TYPE_STRING && mdli_is_constant(argument);
    if (argument->type != function->argument_type && argument->type != 0 && !is_timestamp_text) {
        return mdli_expression_fault(
            binder->error, MDL_E_TYPE, binder->text, argument->position, "%s() takes %s, not %s,",
            function->name, mdl_type_name(function->argument_type), mdl_type_name(argument->type));
    }
    MDLI_TRY(mdli_convert(binder, argument, function->argument_type, &argument));
    return mdli_make_node(binder, function->operation, function->result_type, syntax->position,
                          &argument, 1, out);
}

static mdl_status not_a_number(mdli_binder *binder, const builtin *function,
                               const mdli_node *argument)
{
    return mdli_expression_fault(binder->error, MDL_E_TYPE, binder->text, argument->position,
                                 "%s() takes numbers, not %s,", function->name,
                                 mdl_type_name(argument->type));
}

static mdl_status bind_abs(mdli_binder *binder, const builtin *function, const mdli_syntax *syntax,
                           const mdli_node **arguments, const mdli_node **out)
{
    mdl_type type = arguments[0]->type;
    if (type != 0 && !mdli_is_number(type)) {
        return not_a_number(binder, function, arguments[0]);
    }
    type = type == 0 || mdli_is_integer(type) ? MDL_TYPE_INT64 : type;
    MDLI_TRY(mdli_convert(binder, arguments[0], type, &arguments[0]));
    return mdli_make_node(binder, MDLI_OPERATION_ABS, type, syntax->position, arguments, 1, out);
}

/* coalesce, and least and greatest, which take numbers and TIMESTAMPs only. */
static mdl_status bind_common(mdli_binder *binder, const builtin *function,
                              const mdli_syntax *syntax, const mdli_node **arguments,
                              const mdli_node **out)
{
    int32_t n_arguments = syntax->n_children;
    mdl_type type;
    MDLI_TRY(mdli_common_type(binder, arguments, n_arguments, &type));
    if (type == 0) {
        *out = arguments[0];
        return MDL_OK;
    }
    for (int32_t a = 0; a < n_arguments; a++) {
        if (function->operation != MDLI_OPERATION_COALESCE && !mdli_is_number(type) &&
            type != MDL_TYPE_TIMESTAMP) {
            return not_a_number(binder, function, arguments[a]);
        }
        MDLI_TRY(mdli_convert(binder, arguments[a], type, &arguments[a]));
    }
    if (n_arguments == 1) {
        *out = arguments[0];
        return MDL_OK;
    }
    return mdli_make_node(binder, function->operation, type, syntax->position, arguments,
                          n_arguments, out);
}

static const builtin builtins[] = {
    {"length", 1, 1, MDL_TYPE_STRING, MDL_TYPE_INT64, MDLI_OPERATION_LENGTH, bind_simple},
    {"lower", 1, 1, MDL_TYPE_STRING, MDL_TYPE_STRING, MDLI_OPERATION_LOWER, bind_simple},
    {"upper", 1, 1, MDL_TYPE_STRING, MDL_TYPE_STRING, MDLI_OPERATION_UPPER, bind_simple},
    {"trim", 1, 1, MDL_TYPE_STRING, MDL_TYPE_STRING, MDLI_OPERATION_TRIM, bind_simple},
    {"date", 1, 1, MDL_TYPE_TIMESTAMP, MDL_TYPE_INT32, MDLI_OPERATION_DATE, bind_simple},
    {"year", 1, 1, MDL_TYPE_TIMESTAMP, MDL_TYPE_INT32, MDLI_OPERATION_YEAR, bind_simple},
    {"abs", 1, 1, 0, 0, MDLI_OPERATION_ABS, bind_abs},
    {"least", 2, 0, 0, 0, MDLI_OPERATION_LEAST, bind_common},
    {"greatest", 2, 0, 0, 0, MDLI_OPERATION_GREATEST, bind_common},
    {"coalesce", 1, 0, 0, 0, MDLI_OPERATION_COALESCE, bind_common},
};

#define N_BUILTINS (sizeof(builtins) / sizeof(builtins[0]))

static bool is_aggregate(mdl_string name)
{
    static const char *const aggregates[] = {"avg", "count", "count_if", "first",      "last",
                                             "max", "min",   "stddev",   "string_agg", "sum"};
    for (size_t a = 0; a < sizeof(aggregates) / sizeof(aggregates[0]); a++) {
        if (mdli_text_is(name, aggregates[a])) {
            return true;
        }
    }
    return false;
}

static mdl_status unknown_function(mdli_binder *binder, const mdli_syntax *syntax)
{
    if (is_aggregate(syntax->text)) {
        return mdli_expression_fault(
            binder->error, MDL_E_EXPRESSION, binder->text, syntax->position,
            "aggregate %s() where only values of one row can stand", syntax->text.data);
    }
    const char *nearest = NULL;
    int least = INT32_MAX;
    for (size_t b = 0; b < N_BUILTINS; b++) {
        mdl_string name = {builtins[b].name, (int64_t)strlen(builtins[b].name)};
        int distance = mdli_name_distance(syntax->text, name);
        nearest = distance < least ? builtins[b].name : nearest;
        least = distance < least ? distance : least;
    }
    for (int32_t f = 0; f < binder->scope->n_functions; f++) {
        const char *name = binder->scope->functions[f].name;
        int distance = mdli_name_distance(syntax->text, (mdl_string){name, (int64_t)strlen(name)});
        nearest = distance < least ? name : nearest;
        least = distance < least ? distance : least;
    }
    if (nearest != NULL && mdli_is_near(least, syntax->text.size_bytes)) {
        return mdli_expression_fault(binder->error, MDL_E_NOT_FOUND, binder->text, syntax->position,
                                     "no function \"%.80s\" (did you mean \"%.80s\"?)",
                                     syntax->text.data, nearest);
    }
    return mdli_expression_fault(binder->error, MDL_E_NOT_FOUND, binder->text, syntax->position,
                                 "no function \"%.80s\"", syntax->text.data);
}

static mdl_status wrong_count(mdli_binder *binder, const mdli_syntax *syntax, int32_t n_least,
                              const char *at_least)
{
    return mdli_expression_fault(binder->error, MDL_E_EXPRESSION, binder->text, syntax->position,
                                 "%.80s() takes %s%d argument%s, not %d,", syntax->text.data,
                                 at_least, n_least, n_least == 1 ? "" : "s", syntax->n_children);
}

/* A function of the caller's: INT32 is widened where INT64 is asked for, NULL fits all. */
static mdl_status bind_caller_function(mdli_binder *binder, const mdl_function *function,
                                       const mdli_syntax *syntax, const mdli_node **out)
{
    const mdli_node **arguments;
    mdli_node *node;
    if (syntax->n_children != function->n_arguments) {
        return wrong_count(binder, syntax, function->n_arguments, "");
    }
    MDLI_TRY(mdli_bind_children(binder, syntax, &arguments));
    MDLI_TRY(mdli_new_node(binder, MDLI_OPERATION_CALL, function->result_type, syntax->position,
                           function->n_arguments, &node));
    node->function = function;
    for (int32_t a = 0; a < function->n_arguments; a++) {
        mdl_type wanted = function->argument_types[a];
        mdl_type given = arguments[a]->type;
        bool is_widened = given == MDL_TYPE_INT32 && wanted == MDL_TYPE_INT64;
        if (given != wanted && given != 0 && !is_widened) {
            return mdli_expression_fault(
                binder->error, MDL_E_TYPE, binder->text, arguments[a]->position,
                "argument %d of %.80s() is %s, not %s (use cast),", a + 1, function->name,
                mdl_type_name(wanted), mdl_type_name(given));
        }
        MDLI_TRY(mdli_convert(binder, arguments[a], wanted, &node->children[a]));
    }
    *out = node;
    return MDL_OK;
}

mdl_status mdli_bind_call(mdli_binder *binder, const mdli_syntax *syntax, const mdli_node **out)
{
    for (int32_t f = 0; f < binder->scope->n_functions; f++) {
        const mdl_function *function = &binder->scope->functions[f];
        if (strcmp(function->name, syntax->text.data) == 0) {
            return bind_caller_function(binder, function, syntax, out);
        }
    }
    for (size_t b = 0; b < N_BUILTINS; b++) {
        const builtin *function = &builtins[b];
        if (mdli_text_is(syntax->text, function->name)) {
            const mdli_node **arguments;
            if (syntax->n_children < function->n_arguments_min ||
                (function->n_arguments_max > 0 && syntax->n_children > function->n_arguments_max)) {
                bool is_open = function->n_arguments_max == 0;
                return wrong_count(binder, syntax, function->n_arguments_min,
                                   is_open ? "at least " : "");
            }
            MDLI_TRY(mdli_bind_children(binder, syntax, &arguments));
            return function->bind(binder, function, syntax, arguments, out);
        }
    }
    return unknown_function(binder, syntax);
}
