/*
 * Expressions: functions of text over vectors. A vector with a dictionary that is smaller than
 * itself is worked on once per entry. Only rows that count are touched: what lies under NULL is no
 * text.
 */
#include "operators/expression_internal.h"

/* ---- Once per entry, or once per row ---- */

#define GATHER_ROWS(type)                                                                          \
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {                                            \
        ((type *)results)[i] = ((const type *)entries)[text->codes[i]];                            \
    }                                                                                              \
    break

static void gather(const mdl_vector *text, const uint64_t *needed, const void *entries,
                   size_t result_bytes, void *results)
{
    mdli_rows rows = mdli_rows_in(text->validity, needed, text->n_rows);
    switch (result_bytes) {
    case sizeof(uint8_t):
        GATHER_ROWS(uint8_t);
    case sizeof(uint32_t):
        GATHER_ROWS(uint32_t);
    case sizeof(uint64_t):
        GATHER_ROWS(uint64_t);
    default:
        GATHER_ROWS(mdl_string);
    }
}

mdl_status mdli_map_text(mdli_evaluator *evaluator, const mdli_node *node, mdli_text_fn function,
                         const mdl_vector *text, const uint64_t *needed, size_t result_bytes,
                         void *results, mdl_error *error)
{
    if (text->codes != NULL && text->n_dictionary < text->n_rows) {
        void *entries;
        mdl_vector dictionary = {
            .type = MDL_TYPE_STRING, .n_rows = text->n_dictionary, .values = text->dictionary};
        MDLI_TRY(mdli_slot_scratch(evaluator, node, text->n_dictionary * (int64_t)result_bytes,
                                   &entries, error));
        if (function(evaluator, node, &dictionary, NULL, entries, NULL) == MDL_OK) {
            gather(text, needed, entries, result_bytes, results);
            return MDL_OK;
        }
        /* An entry has a fault; the rows below tell whether one that counts has it. */
    }
    return function(evaluator, node, text, needed, results, error);
}

/* ---- like ---- */

/* Bytes of the character that starts here. */
static int64_t character_bytes(mdl_string text, int64_t at)
{
    int64_t end = at + 1;
    while (end < text.size_bytes && (text.data[end] & 0xC0) == 0x80) {
        end++;
    }
    return end - at;
}

/*
 * Whether all of `text` fits the pattern. When something does not fit, the last % takes one
 * character more; earlier ones never need to.
 */
static bool is_like(mdl_string text, mdl_string pattern)
{
    int64_t t = 0;
    int64_t p = 0;
    int64_t behind_percent = -1; /* in the pattern */
    int64_t retry = 0;           /* in the text, for what is behind the last % */
    while (t < text.size_bytes || p < pattern.size_bytes) {
        bool has_text = t < text.size_bytes;
        if (p < pattern.size_bytes && pattern.data[p] == '%') {
            behind_percent = ++p;
            retry = t;
            if (p == pattern.size_bytes) {
                return true;
            }
        } else if (p < pattern.size_bytes && has_text && pattern.data[p] == '_') {
            t += character_bytes(text, t);
            p++;
        } else if (p < pattern.size_bytes && has_text && pattern.data[p] == text.data[t]) {
            t++;
            p++;
        } else if (behind_percent >= 0 && retry < text.size_bytes) {
            retry += character_bytes(text, retry);
            t = retry;
            p = behind_percent;
        } else {
            return false;
        }
    }
    return true;
}

static mdl_status like_constant(mdli_evaluator *evaluator, const mdli_node *node,
                                const mdl_vector *text, const uint64_t *needed, void *results,
                                mdl_error *error)
{
    (void)evaluator;
    (void)error;
    mdl_string pattern = node->children[1]->constant.as.text;
    mdli_rows rows = mdli_rows_in(text->validity, needed, text->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        ((uint8_t *)results)[i] = is_like(mdl_vector_string(text, i), pattern);
    }
    return MDL_OK;
}

mdl_status mdli_evaluate_like(mdli_evaluator *evaluator, const mdli_node *node,
                              const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operands[2];
    void *results;
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(uint8_t), &results, error));
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[0], needed, &operands[0], error));
    out->values = results;
    if (mdli_is_constant(node->children[1])) {
        out->validity = operands[0]->validity;
        return mdli_map_text(evaluator, node, like_constant, operands[0], needed, sizeof(uint8_t),
                             results, error);
    }
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[1], needed, &operands[1], error));
    MDLI_TRY(mdli_combine_validity(evaluator, node, operands, 2, out, error));
    mdli_rows rows = mdli_rows_in(out->validity, needed, out->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        ((uint8_t *)results)[i] =
            is_like(mdl_vector_string(operands[0], i), mdl_vector_string(operands[1], i));
    }
    return MDL_OK;
}

/* ---- length, lower, upper, trim ---- */

static mdl_status length(mdli_evaluator *evaluator, const mdli_node *node, const mdl_vector *text,
                         const uint64_t *needed, void *results, mdl_error *error)
{
    (void)evaluator;
    (void)node;
    (void)error;
    mdli_rows rows = mdli_rows_in(text->validity, needed, text->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        mdl_string string = mdl_vector_string(text, i);
        int64_t n_characters = 0;
        for (int64_t b = 0; b < string.size_bytes; b++) {
            n_characters += (string.data[b] & 0xC0) != 0x80; /* not the inside of a character */
        }
        ((int64_t *)results)[i] = n_characters;
    }
    return MDL_OK;
}

/* Copies text with its ASCII letters from `first` to `first` + 25 in the other case; text without
 * such letters is not copied. */
static mdl_status change_case(mdli_evaluator *evaluator, char first, mdl_string *string,
                              mdl_error *error)
{
    int64_t at = 0;
    while (at < string->size_bytes && (unsigned char)(string->data[at] - first) > 25) {
        at++;
    }
    if (at == string->size_bytes) {
        return MDL_OK;
    }
    char *copy;
    MDLI_TRY(mdli_evaluator_text(evaluator, string->size_bytes, &copy, error));
    for (int64_t b = 0; b < string->size_bytes; b++) {
        char c = string->data[b];
        copy[b] = (unsigned char)(c - first) <= 25 ? (char)(c ^ ('a' ^ 'A')) : c;
    }
    string->data = copy;
    return MDL_OK;
}

static mdl_status change_cases(mdli_evaluator *evaluator, const mdli_node *node,
                               const mdl_vector *text, const uint64_t *needed, void *results,
                               mdl_error *error)
{
    char first = node->operation == MDLI_OPERATION_LOWER ? 'A' : 'a';
    mdl_string *strings = results;
    mdli_rows rows = mdli_rows_in(text->validity, needed, text->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        strings[i] = mdl_vector_string(text, i);
        MDLI_TRY(change_case(evaluator, first, &strings[i], error));
    }
    return MDL_OK;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static mdl_status trim(mdli_evaluator *evaluator, const mdli_node *node, const mdl_vector *text,
                       const uint64_t *needed, void *results, mdl_error *error)
{
    (void)evaluator;
    (void)node;
    (void)error;
    mdli_rows rows = mdli_rows_in(text->validity, needed, text->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        mdl_string string = mdl_vector_string(text, i);
        while (string.size_bytes > 0 && is_blank(string.data[string.size_bytes - 1])) {
            string.size_bytes--;
        }
        while (string.size_bytes > 0 && is_blank(string.data[0])) {
            string.data++;
            string.size_bytes--;
        }
        ((mdl_string *)results)[i] = string;
    }
    return MDL_OK;
}

mdl_status mdli_evaluate_text_function(mdli_evaluator *evaluator, const mdli_node *node,
                                       const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *text;
    void *results;
    mdli_text_fn function = node->operation == MDLI_OPERATION_LENGTH ? length
                            : node->operation == MDLI_OPERATION_TRIM ? trim
                                                                     : change_cases;
    size_t result_bytes = mdli_type_size(node->type);
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[0], needed, &text, error));
    MDLI_TRY(mdli_slot_values(evaluator, node, result_bytes, &results, error));
    out->values = results;
    out->validity = text->validity;
    return mdli_map_text(evaluator, node, function, text, needed, result_bytes, results, error);
}

/* ---- || ---- */

/* Joins row `i` of all operands. */
static mdl_status concat_row(mdli_evaluator *evaluator, const mdl_vector *const *operands,
                             int32_t n_operands, int64_t i, mdl_string *result, mdl_error *error)
{
    char *bytes;
    result->size_bytes = 0;
    for (int32_t o = 0; o < n_operands; o++) {
        result->size_bytes += mdl_vector_string(operands[o], i).size_bytes;
    }
    MDLI_TRY(mdli_evaluator_text(evaluator, result->size_bytes, &bytes, error));
    result->data = bytes;
    for (int32_t o = 0; o < n_operands; o++) {
        mdl_string piece = mdl_vector_string(operands[o], i);
        if (piece.size_bytes > 0) {
            memcpy(bytes, piece.data, (size_t)piece.size_bytes);
            bytes += piece.size_bytes;
        }
    }
    return MDL_OK;
}

mdl_status mdli_evaluate_concat(mdli_evaluator *evaluator, const mdli_node *node,
                                const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    void *results;
    void *memory;
    MDLI_TRY(mdli_slot_scratch(
        evaluator, node, node->n_children * (int64_t)sizeof(const mdl_vector *), &memory, error));
    const mdl_vector **operands = memory;
    for (int32_t c = 0; c < node->n_children; c++) {
        MDLI_TRY(mdli_evaluate_node(evaluator, node->children[c], needed, &operands[c], error));
    }
    MDLI_TRY(mdli_combine_validity(evaluator, node, operands, node->n_children, out, error));
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(mdl_string), &results, error));
    out->values = results;
    mdli_rows rows = mdli_rows_in(out->validity, needed, out->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        MDLI_TRY(concat_row(evaluator, operands, node->n_children, i, &((mdl_string *)results)[i],
                            error));
    }
    return MDL_OK;
}
