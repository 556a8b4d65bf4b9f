/*
 * Expressions: casts, and the parts of dates, over vectors. A value that does not fit its new type
 * is a fault, but only in rows that count. Numbers with decimals are rounded half away from zero.
 */
#include "operators/expression_internal.h"

#include <inttypes.h>
#include <math.h>

#include "base/calendar.h"
#include "base/decimal.h"
#include "base/float_text.h"
#include "kernels/kernels.h"

/* ---- From integers ---- */

/* Values of one C type as another. */
#define WIDEN_ROWS(from_type, to_type)                                                             \
    for (int64_t i = 0; i < n_rows; i++) {                                                         \
        ((to_type *)results)[i] = (to_type)((const from_type *)values)[i];                         \
    }

/* The limits within which whole numbers have a value of a type. */
static void whole_limits(mdl_type type, int64_t *least, int64_t *greatest)
{
    switch (type) {
    case MDL_TYPE_INT32:
        *least = INT32_MIN;
        *greatest = INT32_MAX;
        break;
    case MDL_TYPE_DECIMAL:
        *greatest = MDLI_DECIMAL_UNITS_MAX / 100;
        *least = -*greatest;
        break;
    case MDL_TYPE_TIMESTAMP:
        *least = MDLI_TIMESTAMP_MIN;
        *greatest = MDLI_TIMESTAMP_MAX;
        break;
    default:
        *least = INT64_MIN;
        *greatest = INT64_MAX;
        break;
    }
}

/* Whether some value, also under NULL, is beyond the limits. */
static bool is_beyond_int32(const int32_t *values, int64_t n_rows, int64_t least, int64_t greatest)
{
    int64_t beyond = 0;
    for (int64_t i = 0; i < n_rows; i++) {
        beyond |= (values[i] < least) | (values[i] > greatest);
    }
    return beyond != 0;
}

static bool is_beyond_int64(const int64_t *values, int64_t n_rows, int64_t least, int64_t greatest)
{
    int64_t beyond = 0;
    for (int64_t i = 0; i < n_rows; i++) {
        beyond |= (values[i] < least) | (values[i] > greatest);
    }
    return beyond != 0;
}

/* Finds a value that counts beyond the limits of the new type. */
static mdl_status check_limits(mdli_evaluator *evaluator, const mdli_node *node,
                               const mdl_vector *operand, const uint64_t *needed, mdl_error *error)
{
    int64_t least;
    int64_t greatest;
    whole_limits(node->type, &least, &greatest);
    bool is_narrow = operand->type == MDL_TYPE_INT32;
    bool is_beyond = is_narrow ? is_beyond_int32(operand->values, operand->n_rows, least, greatest)
                               : is_beyond_int64(operand->values, operand->n_rows, least, greatest);
    if (!is_beyond) {
        return MDL_OK;
    }
    mdli_rows rows = mdli_rows_in(operand->validity, needed, operand->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        int64_t value = is_narrow ? mdl_vector_int32(operand, i) : mdl_vector_int64(operand, i);
        if (value < least || value > greatest) {
            return MDLI_EVALUATION_FAULT(evaluator, node, error, MDL_E_OVERFLOW,
                                         "%" PRId64 " does not fit %s,", value,
                                         mdl_type_name(node->type));
        }
    }
    return MDL_OK;
}

static void whole_to_decimal(const mdl_vector *operand, int32_t *results)
{
    for (int64_t i = 0; i < operand->n_rows; i++) {
        uint64_t value = operand->type == MDL_TYPE_INT32 ? (uint64_t)mdl_vector_int32(operand, i)
                                                         : (uint64_t)mdl_vector_int64(operand, i);
        results[i] = (int32_t)(value * 100);
    }
}

static void whole_to_bool(const mdl_vector *operand, uint8_t *results)
{
    for (int64_t i = 0; i < operand->n_rows; i++) {
        results[i] = operand->type == MDL_TYPE_INT32 ? mdl_vector_int32(operand, i) != 0
                                                     : mdl_vector_int64(operand, i) != 0;
    }
}

/* From INT32 and INT64. */
static mdl_status cast_whole(mdli_evaluator *evaluator, const mdli_node *node,
                             const mdl_vector *operand, const uint64_t *needed, void *results,
                             mdl_error *error)
{
    const void *values = operand->values;
    int64_t n_rows = operand->n_rows;
    bool is_narrow = operand->type == MDL_TYPE_INT32;
    switch (node->type) {
    case MDL_TYPE_INT32:
        WIDEN_ROWS(int64_t, int32_t);
        break;
    case MDL_TYPE_DECIMAL:
        whole_to_decimal(operand, results);
        break;
    case MDL_TYPE_FLOAT64:
        if (is_narrow) {
            WIDEN_ROWS(int32_t, double);
        } else {
            WIDEN_ROWS(int64_t, double);
        }
        return MDL_OK;
    case MDL_TYPE_BOOL:
        whole_to_bool(operand, results);
        return MDL_OK;
    default: /* INT64 and TIMESTAMP */
        if (is_narrow) {
            WIDEN_ROWS(int32_t, int64_t);
            return MDL_OK; /* every INT32 of seconds is a TIMESTAMP */
        }
        memcpy(results, values, (size_t)n_rows * sizeof(int64_t));
        break;
    }
    return check_limits(evaluator, node, operand, needed, error);
}

/* ---- From DECIMAL, BOOL and FLOAT64 ---- */

static int32_t round_hundredths(int32_t units)
{
    int64_t half = units < 0 ? -50 : 50;
    return (int32_t)((units + half) / 100);
}

static void cast_decimal(mdl_type type, const mdl_vector *operand, void *results)
{
    const int32_t *units = operand->values;
    for (int64_t i = 0; i < operand->n_rows; i++) {
        switch (type) {
        case MDL_TYPE_INT32:
            ((int32_t *)results)[i] = round_hundredths(units[i]);
            break;
        case MDL_TYPE_INT64:
            ((int64_t *)results)[i] = round_hundredths(units[i]);
            break;
        default:
            ((double *)results)[i] = (double)units[i] / 100.0; /* exact operands: the nearest */
            break;
        }
    }
}

static void cast_bool(mdl_type type, const mdl_vector *operand, void *results)
{
    const void *values = operand->values;
    int64_t n_rows = operand->n_rows;
    if (type == MDL_TYPE_INT32) {
        WIDEN_ROWS(uint8_t, int32_t);
    } else {
        WIDEN_ROWS(uint8_t, int64_t);
    }
}

/*
 * Hundredths nearest to a double, ties away from zero. The double is mantissa · 2^exponent;
 * mantissa · 100 fits 60 bits, so the only rounding is the shift. False when it is no DECIMAL.
 */
static bool round_to_hundredths(double value, int64_t *units)
{
    if (!(fabs(value) < 0x1p53)) {
        return false;
    }
    int exponent;
    double fraction = frexp(fabs(value), &exponent);
    int64_t scaled = (int64_t)ldexp(fraction, 53) * 100;
    int shift = 53 - exponent; /* at least 0 */
    int64_t rounded = shift > 61   ? 0
                      : shift == 0 ? scaled
                                   : (scaled + (INT64_C(1) << (shift - 1))) >> shift;
    *units = value < 0 ? -rounded : rounded;
    return rounded <= MDLI_DECIMAL_UNITS_MAX;
}

/* The whole number nearest to a double, if the type has it. */
static bool round_to_whole(mdl_type type, double value, int64_t *whole)
{
    double rounded = round(value);
    if (!(rounded >= -0x1p63 && rounded < 0x1p63)) {
        return false;
    }
    *whole = (int64_t)rounded;
    return type != MDL_TYPE_INT32 || (*whole >= INT32_MIN && *whole <= INT32_MAX);
}

static mdl_status cast_double(mdli_evaluator *evaluator, const mdli_node *node,
                              const mdl_vector *operand, const uint64_t *needed, void *results,
                              mdl_error *error)
{
    const double *values = operand->values;
    mdli_rows rows = mdli_rows_in(operand->validity, needed, operand->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        int64_t integer;
        bool fits = node->type == MDL_TYPE_DECIMAL
                        ? round_to_hundredths(values[i], &integer)
                        : round_to_whole(node->type, values[i], &integer);
        if (!fits) {
            char shown[MDLI_FLOAT_TEXT_MAX + 1];
            shown[mdli_format_double(values[i], shown)] = '\0';
            return MDLI_EVALUATION_FAULT(evaluator, node, error, MDL_E_OVERFLOW,
                                         "%s does not fit %s,", shown, mdl_type_name(node->type));
        }
        if (node->type == MDL_TYPE_INT64) {
            ((int64_t *)results)[i] = integer;
        } else {
            ((int32_t *)results)[i] = (int32_t)integer;
        }
    }
    return MDL_OK;
}

/* ---- To and from text ---- */

/* Reads the text form of a value into row `i` of an array. */
static mdli_parse parse_row(mdl_type type, mdl_string text, void *results, int64_t i)
{
    switch (type) {
    case MDL_TYPE_INT32:
        return mdli_parse_int32(text.data, text.size_bytes, &((int32_t *)results)[i]);
    case MDL_TYPE_INT64:
        return mdli_parse_int64(text.data, text.size_bytes, &((int64_t *)results)[i]);
    case MDL_TYPE_DECIMAL:
        return mdli_parse_decimal(text.data, text.size_bytes, &((int32_t *)results)[i]);
    case MDL_TYPE_FLOAT64:
        return mdli_parse_double(text.data, text.size_bytes, &((double *)results)[i]);
    case MDL_TYPE_TIMESTAMP:
        return mdli_parse_timestamp(text.data, text.size_bytes, &((int64_t *)results)[i]);
    default:
        ((uint8_t *)results)[i] = mdli_string_equal(text, (mdl_string){"true", 4});
        return ((uint8_t *)results)[i] || mdli_string_equal(text, (mdl_string){"false", 5})
                   ? MDLI_PARSE_OK
                   : MDLI_PARSE_MALFORMED;
    }
}

static mdl_status cast_text(mdli_evaluator *evaluator, const mdli_node *node,
                            const mdl_vector *text, const uint64_t *needed, void *results,
                            mdl_error *error)
{
    mdli_rows rows = mdli_rows_in(text->validity, needed, text->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        mdl_string string = mdl_vector_string(text, i);
        mdli_parse parsed = parse_row(node->type, string, results, i);
        if (parsed != MDLI_PARSE_OK) {
            char shown[64];
            mdli_escape_text(string.data, (size_t)string.size_bytes, shown, sizeof(shown));
            bool is_beyond = parsed == MDLI_PARSE_OUT_OF_RANGE;
            return MDLI_EVALUATION_FAULT(evaluator, node, error, MDL_E_DATA, "'%s' %s %s,", shown,
                                         is_beyond ? "does not fit" : "is no",
                                         mdl_type_name(node->type));
        }
    }
    return MDL_OK;
}

/* Writes the text form of a value, a TIMESTAMP being in range; returns its size in bytes. */
static int format_row(const mdl_vector *operand, int64_t i, char *text)
{
    switch (operand->type) {
    case MDL_TYPE_INT32:
        return mdli_format_int64(mdl_vector_int32(operand, i), text);
    case MDL_TYPE_INT64:
        return mdli_format_int64(mdl_vector_int64(operand, i), text);
    case MDL_TYPE_DECIMAL:
        return mdli_format_decimal(mdl_vector_int32(operand, i), text);
    case MDL_TYPE_FLOAT64:
        return mdli_format_double(((const double *)operand->values)[i], text);
    case MDL_TYPE_TIMESTAMP:
        mdli_format_timestamp(mdl_vector_int64(operand, i), text);
        return MDLI_TIMESTAMP_TEXT_SIZE;
    default:
        memcpy(text, ((const uint8_t *)operand->values)[i] ? "true" : "false", 5);
        return ((const uint8_t *)operand->values)[i] ? 4 : 5;
    }
}

static mdl_status cast_to_text(mdli_evaluator *evaluator, const mdli_node *node,
                               const mdl_vector *operand, const uint64_t *needed, void *results,
                               mdl_error *error)
{
    mdli_rows rows = mdli_rows_in(operand->validity, needed, operand->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        char text[MDL_VALUE_TEXT_MAX];
        if (operand->type == MDL_TYPE_TIMESTAMP &&
            (mdl_vector_int64(operand, i) < MDLI_TIMESTAMP_MIN ||
             mdl_vector_int64(operand, i) > MDLI_TIMESTAMP_MAX)) {
            return MDLI_EVALUATION_FAULT(evaluator, node, error, MDL_E_OVERFLOW,
                                         "%" PRId64 " seconds are not within the years 1 to 9999,",
                                         mdl_vector_int64(operand, i));
        }
        int size_bytes = format_row(operand, i, text);
        char *copy;
        MDLI_TRY(mdli_evaluator_text(evaluator, size_bytes, &copy, error));
        memcpy(copy, text, (size_t)size_bytes);
        ((mdl_string *)results)[i] = (mdl_string){copy, size_bytes};
    }
    return MDL_OK;
}

/* ---- All casts ---- */

mdl_status mdli_evaluate_cast(mdli_evaluator *evaluator, const mdli_node *node,
                              const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operand;
    void *results;
    size_t result_bytes = mdli_type_size(node->type);
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[0], needed, &operand, error));
    out->validity = operand->validity;
    if (node->type == MDL_TYPE_TIMESTAMP && operand->type == MDL_TYPE_INT64) {
        out->values = operand->values;
        return check_limits(evaluator, node, operand, needed, error);
    }
    if (operand->type == MDL_TYPE_TIMESTAMP && node->type == MDL_TYPE_INT64) {
        out->values = operand->values;
        return MDL_OK;
    }
    MDLI_TRY(mdli_slot_values(evaluator, node, result_bytes, &results, error));
    out->values = results;
    if (node->type == MDL_TYPE_STRING) {
        return cast_to_text(evaluator, node, operand, needed, results, error);
    }
    switch (operand->type) {
    case MDL_TYPE_STRING:
        return mdli_map_text(evaluator, node, cast_text, operand, needed, result_bytes, results,
                             error);
    case MDL_TYPE_FLOAT64:
        return cast_double(evaluator, node, operand, needed, results, error);
    case MDL_TYPE_DECIMAL:
        cast_decimal(node->type, operand, results);
        return MDL_OK;
    case MDL_TYPE_BOOL:
        cast_bool(node->type, operand, results);
        return MDL_OK;
    default:
        return cast_whole(evaluator, node, operand, needed, results, error);
    }
}

mdl_status mdli_evaluate_unscale(mdli_evaluator *evaluator, const mdli_node *node,
                                 const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operand;
    void *results;
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[0], needed, &operand, error));
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(int64_t), &results, error));
    const void *values = operand->values;
    int64_t n_rows = operand->n_rows;
    WIDEN_ROWS(int32_t, int64_t);
    out->values = results;
    out->validity = operand->validity;
    return MDL_OK;
}

/* ---- Parts of dates ---- */

/* Rounds down, for every INT64: what lies under NULL may be out of a TIMESTAMP's range. */
mdl_status mdli_evaluate_date(mdli_evaluator *evaluator, const mdli_node *node,
                              const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operand;
    void *results;
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[0], needed, &operand, error));
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(int32_t), &results, error));
    mdli_kernels_for(mdl_context_simd(evaluator->context))
        ->days(operand->values, out->n_rows, results);
    out->values = results;
    out->validity = operand->validity;
    return MDL_OK;
}

mdl_status mdli_evaluate_year(mdli_evaluator *evaluator, const mdli_node *node,
                              const uint64_t *needed, mdl_vector *out, mdl_error *error)
{
    const mdl_vector *operand;
    void *results;
    MDLI_TRY(mdli_evaluate_node(evaluator, node->children[0], needed, &operand, error));
    MDLI_TRY(mdli_slot_values(evaluator, node, sizeof(int32_t), &results, error));
    const int64_t *seconds = operand->values;
    out->values = results;
    out->validity = operand->validity;
    mdli_rows rows = mdli_rows_in(operand->validity, needed, out->n_rows);
    for (int64_t i; (i = mdli_next_row(&rows)) >= 0;) {
        if (seconds[i] < MDLI_TIMESTAMP_MIN || seconds[i] > MDLI_TIMESTAMP_MAX) {
            return MDLI_EVALUATION_FAULT(evaluator, node, error, MDL_E_OVERFLOW,
                                         "%" PRId64 " seconds are not within the years 1 to 9999,",
                                         seconds[i]);
        }
        ((int32_t *)results)[i] = mdli_civil_from_timestamp(seconds[i]).year;
    }
    return MDL_OK;
}
