/*
 * Expressions: calls of the caller's functions. A function sees only rows that count: when a branch
 * of a `case` calls it, the rows of that branch are gathered for it, and its results put back in
 * their places.
 */
#include "operators/expression_internal.h"

#define ARGUMENTS_MAX 8

/* What mdl_output_allocate_text works with. */
typedef struct output_owner {
    mdli_evaluator *evaluator;
    mdl_error *error;
} output_owner;

MDL_API char *mdl_output_allocate_text(mdl_output *output, int64_t size_bytes)
{
    output_owner *owner = output->internal;
    char *text;
    if (size_bytes < 0) {
        return NULL;
    }
    return mdli_evaluator_text(owner->evaluator, size_bytes, &text, owner->error) == MDL_OK ? text
                                                                                            : NULL;
}

/* Parts of the slot's scratch memory, each for all rows. */
typedef struct workspace {
    int32_t *codes;
    int32_t *rows;      /* that the function sees */
    uint64_t *validity; /* of its results */
    char *arguments;    /* gathered ones: values, then validity, one after another */
} workspace;

#define PART_ALIGNMENT 64

static int64_t aligned(int64_t size_bytes)
{
    return (size_bytes + PART_ALIGNMENT - 1) / PART_ALIGNMENT * PART_ALIGNMENT;
}

static int64_t argument_bytes(int64_t n_rows)
{
    return aligned(n_rows * (int64_t)sizeof(mdl_string)) +
           aligned(mdli_bitmap_words(n_rows) * (int64_t)sizeof(uint64_t));
}

static mdl_status make_workspace(mdli_evaluator *evaluator, const mdli_node *node, bool gathers,
                                 workspace *out, mdl_error *error)
{
    int64_t n_rows = evaluator->n_rows;
    int64_t codes_bytes = aligned(n_rows * (int64_t)sizeof(int32_t));
    int64_t validity_bytes = aligned(mdli_bitmap_words(n_rows) * (int64_t)sizeof(uint64_t));
    int64_t gathered_bytes = gathers ? node->n_children * argument_bytes(n_rows) : 0;
    void *memory;
    MDLI_TRY(mdli_slot_scratch(evaluator, node, 2 * codes_bytes + validity_bytes + gathered_bytes,
                               &memory, error));
    char *at = memory;
    out->codes = memory;
    out->rows = (int32_t *)(void *)(at + codes_bytes);
    out->validity = (uint64_t *)(void *)(at + 2 * codes_bytes);
    out->arguments = at + 2 * codes_bytes + validity_bytes;
    return MDL_OK;
}

/* Gathers the rows of an argument into memory of argument_bytes. */
static mdl_vector gather_argument(const mdl_vector *argument, const int32_t *rows, int64_t n_rows,
                                  char *memory)
{
    uint64_t *validity =
        (uint64_t *)(void *)(memory + aligned(n_rows * (int64_t)sizeof(mdl_string)));
    size_t value_bytes = mdli_type_size(argument->type);
    memset(validity, 0, (size_t)mdli_bitmap_words(n_rows) * sizeof(*validity));
    for (int64_t r = 0; r < n_rows; r++) {
        if (mdl_vector_is_null(argument, rows[r])) {
            memset(memory + (size_t)r * value_bytes, 0, value_bytes);
            continue;
        }
        validity[r >> 6] |= UINT64_C(1) << (r & 63);
        if (argument->type == MDL_TYPE_STRING) {
            ((mdl_string *)(void *)memory)[r] = mdl_vector_string(argument, rows[r]);
        } else {
            memcpy(memory + (size_t)r * value_bytes,
                   (const char *)argument->values + (size_t)rows[r] * value_bytes, value_bytes);
        }
    }
    return (mdl_vector){.type = argument->type,
                        .n_rows = n_rows,
                        .values = memory,
                        .validity = argument->validity != NULL ? validity : NULL};
}

static mdl_status call_function(mdli_evaluator *evaluator, const mdli_node *node,
                                const mdl_vector *arguments, mdl_output *output, mdl_error *error)
{
    output_owner owner = {evaluator, error};
    const mdl_function *function = node->function;
    output->internal = &owner;
    mdl_status status = function->evaluate(function->user_data, arguments, output, error);
    output->internal = NULL;
    if (status != MDL_OK) {
        return MDLI_EVALUATION_FAULT(evaluator, node, error, status, "function %.80s() failed",
                                     function->name);
    }
    return MDL_OK;
}

/* Codes outside of the dictionary would be followed later, far from who wrote them. */
static mdl_status check_codes(mdli_evaluator *evaluator, const mdli_node *node,
                              const mdl_output *output, mdl_error *error)
{
    mdli_rows rows = mdli_rows_in(output->validity, NULL, output->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        if (output->codes[i] < 0 || output->codes[i] >= output->n_dictionary) {
            return MDLI_EVALUATION_FAULT(
                evaluator, node, error, MDL_E_ARGUMENT,
                "function %.80s() gave code %d for a dictionary of %lld entries",
                node->function->name, (int)output->codes[i], (long long)output->n_dictionary);
        }
    }
    return MDL_OK;
}

/* Moves results from the front of an array to their rows, last first, so that none is lost. */
static void scatter(void *values, size_t value_bytes, const int32_t *rows, int64_t n_rows)
{
    char *bytes = values;
    for (int64_t r = n_rows - 1; r >= 0; r--) {
        memmove(bytes + (size_t)rows[r] * value_bytes, bytes + (size_t)r * value_bytes,
                value_bytes);
    }
}

static mdl_status scatter_output(mdli_evaluator *evaluator, const mdli_node *node,
                                 const workspace *work, const mdl_output *output, mdl_vector *out,
                                 mdl_error *error)
{
    uint64_t *validity;
    MDLI_TRY(mdli_own_validity(evaluator, node, NULL, out, &validity, error));
    memset(validity, 0, (size_t)mdli_bitmap_words(out->n_rows) * sizeof(*validity));
    for (int64_t r = 0; r < output->n_rows; r++) {
        uint64_t is_known = (output->validity[r >> 6] >> (r & 63)) & 1;
        validity[work->rows[r] >> 6] |= is_known << (work->rows[r] & 63);
    }
    scatter(output->values, mdli_type_size(output->type), work->rows, output->n_rows);
    if (output->dictionary != NULL) {
        scatter(output->codes, sizeof(int32_t), work->rows, output->n_rows);
    }
    return MDL_OK;
}

mdl_status mdli_evaluate_call(mdli_evaluator *evaluator, const mdli_node *node,
                              const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    mdl_vector arguments[ARGUMENTS_MAX];
    workspace work;
    void *values;
    MDLI_TRY(mdli_slot_values(evaluator, node, mdli_type_size(node->type), &values, error));
    MDLI_TRY(make_workspace(evaluator, node, needed != NULL, &work, error));
    int64_t n_rows = out->n_rows;
    if (needed != NULL) {
        n_rows = 0;
        mdli_rows rows = mdli_rows_in(needed, NULL, out->n_rows);
        for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
            work.rows[n_rows++] = (int32_t)i;
        }
    }
    for (int32_t c = 0; c < node->n_children; c++) {
        const mdl_vector *argument;
        MDLI_TRY(mdli_evaluate_node(evaluator, node->children[c], needed, &argument, error));
        arguments[c] = needed == NULL
                           ? *argument
                           : gather_argument(argument, work.rows, n_rows,
                                             work.arguments + c * argument_bytes(out->n_rows));
    }
    memset(work.validity, 0xFF, (size_t)mdli_bitmap_words(n_rows) * sizeof(*work.validity));
    mdl_output output = {.type = node->type,
                         .n_rows = n_rows,
                         .values = values,
                         .validity = work.validity,
                         .codes = node->type == MDL_TYPE_STRING ? work.codes : NULL};
    if (n_rows > 0) {
        MDLI_TRY(call_function(evaluator, node, arguments, &output, error));
    }
    if (node->type == MDL_TYPE_BOOL) {
        for (int64_t r = 0; r < n_rows; r++) {
            ((uint8_t *)values)[r] = ((uint8_t *)values)[r] != 0;
        }
    }
    out->validity = work.validity;
    if (node->type == MDL_TYPE_STRING && output.dictionary != NULL) {
        MDLI_TRY(check_codes(evaluator, node, &output, error));
        out->codes = work.codes;
        out->dictionary = output.dictionary;
        out->n_dictionary = output.n_dictionary;
    } else {
        out->values = values;
    }
    return needed == NULL ? MDL_OK : scatter_output(evaluator, node, &work, &output, out, error);
}
