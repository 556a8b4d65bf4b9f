/*
 * Accumulators: starting, taking rows, merging, reading.
 *
 * Rows come either scattered over states (`groups`), or as runs of one state; the latter are gone
 * over once per argument, by kernels. Loops are written once per form of the values, by macro, so
 * that none has a choice to make inside.
 */
#include "operators/accumulators.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "operators/rowset.h"

/* FIRST and LAST. `sequence` tells which row is earlier; −1 = no row yet. */
typedef struct placed_value {
    int64_t sequence;
    bool is_null;
    int64_t bits;
    mdl_string text;
} placed_value;

/* TEXTS. */
typedef struct text_node {
    struct text_node *next;
    int64_t sequence;
    mdl_string text;
} text_node;

typedef struct text_list {
    text_node *first;
    text_node *last;
} text_list;

int32_t mdli_accumulator_size(mdli_accumulator_kind kind, mdl_type type)
{
    switch (kind) {
    case MDLI_ACC_MIN:
    case MDLI_ACC_MAX:
        return mdli_type_bytes(type) == 4 ? 4 : 8;
    case MDLI_ACC_SUM_WIDE:
        return sizeof(mdli_int128);
    case MDLI_ACC_SQUARES_WIDE:
        return sizeof(mdli_uint192);
    case MDLI_ACC_MIN_TEXT:
    case MDLI_ACC_MAX_TEXT:
        return sizeof(mdl_string);
    case MDLI_ACC_FIRST:
    case MDLI_ACC_LAST:
        return sizeof(placed_value);
    case MDLI_ACC_TEXTS:
        return sizeof(text_list);
    default:
        return 8;
    }
}

/* Doubles as integers in the same order: −NaN is not told from NaN, which is above all numbers. */
static inline int64_t double_order(double value)
{
    int64_t bits;
    if (value != value) {
        return INT64_MAX;
    }
    memcpy(&bits, &value, sizeof bits);
    return bits ^ (int64_t)((uint64_t)(bits >> 63) >> 1);
}

static inline double double_of_order(int64_t order)
{
    double value;
    int64_t bits = order ^ (int64_t)((uint64_t)(order >> 63) >> 1);
    if (order == INT64_MAX) {
        bits = INT64_C(0x7ff8000000000000);
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

void mdli_accumulator_start(const mdli_accumulator *acc, mdl_type type, char *state)
{
    char *at = state + acc->offset;
    memset(at, 0, (size_t)acc->size);
    if (acc->kind == MDLI_ACC_MIN && acc->size == 4) {
        *(int32_t *)at = INT32_MAX;
    } else if (acc->kind == MDLI_ACC_MIN) {
        *(int64_t *)at = INT64_MAX;
    } else if (acc->kind == MDLI_ACC_MAX && acc->size == 4) {
        *(int32_t *)at = INT32_MIN;
    } else if (acc->kind == MDLI_ACC_MAX) {
        *(int64_t *)at = INT64_MIN;
    } else if (acc->kind == MDLI_ACC_FIRST || acc->kind == MDLI_ACC_LAST) {
        ((placed_value *)at)->sequence = -1;
    } else if (acc->kind == MDLI_ACC_FIRST_ROW) {
        *(int64_t *)at = INT64_MAX;
    } else if (acc->kind == MDLI_ACC_LAST_ROW) {
        *(int64_t *)at = -1;
    }
    (void)type;
}

/* One loop over rows: STATE is where row i goes, VALUE what it brings; rows that are NULL are
 * passed over. */
#define FOR_ROWS(ctype, READ, BODY)                                                                \
    do {                                                                                           \
        const ctype *values = v->values;                                                           \
        if (v->validity == NULL) {                                                                 \
            for (int64_t i = 0; i < v->n_rows; i++) {                                              \
                char *at = states + (int64_t)groups[i] * size_bytes;                               \
                int64_t value = READ(values[i]);                                                   \
                BODY;                                                                              \
            }                                                                                      \
        } else {                                                                                   \
            for (int64_t i = 0; i < v->n_rows; i++) {                                              \
                if (!mdl_vector_is_null(v, i)) {                                                   \
                    char *at = states + (int64_t)groups[i] * size_bytes;                           \
                    int64_t value = READ(values[i]);                                               \
                    BODY;                                                                          \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    } while (0)

#define AS_IT_IS(x) (x)

/* FOR_ROWS for whichever form the values have. */
#define FOR_INTEGERS(BODY)                                                                         \
    do {                                                                                           \
        if (v->type == MDL_TYPE_FLOAT64) {                                                         \
            FOR_ROWS(double, double_order, BODY);                                                  \
        } else if (mdli_type_bytes(v->type) == 4) {                                                \
            FOR_ROWS(int32_t, AS_IT_IS, BODY);                                                     \
        } else if (mdli_type_bytes(v->type) == 8) {                                                \
            FOR_ROWS(int64_t, AS_IT_IS, BODY);                                                     \
        } else {                                                                                   \
            FOR_ROWS(uint8_t, AS_IT_IS, BODY);                                                     \
        }                                                                                          \
    } while (0)

static void scatter_count(const mdl_vector *v, int32_t size_bytes, char *states,
                          const int32_t *groups)
{
    for (int64_t i = 0; i < v->n_rows; i++) {
        *(int64_t *)(states + (int64_t)groups[i] * size_bytes) += !mdl_vector_is_null(v, i);
    }
}

static void scatter_rows(int64_t n_rows, int32_t size_bytes, char *states, const int32_t *groups)
{
    for (int64_t i = 0; i < n_rows; i++) {
        *(int64_t *)(states + (int64_t)groups[i] * size_bytes) += 1;
    }
}

static void scatter_row_number(mdli_accumulator_kind kind, int64_t n_rows, int32_t size_bytes,
                               char *states, const int32_t *groups, int64_t sequence)
{
    for (int64_t i = 0; i < n_rows; i++) {
        int64_t *best = (int64_t *)(states + (int64_t)groups[i] * size_bytes);
        if (kind == MDLI_ACC_FIRST_ROW ? sequence + i < *best : sequence + i > *best) {
            *best = sequence + i;
        }
    }
}

static void scatter_extreme(const mdli_accumulator *acc, const mdl_vector *v, int32_t size_bytes,
                            char *states, const int32_t *groups)
{
    bool is_min = acc->kind == MDLI_ACC_MIN;
    if (acc->size == 4 && is_min) {
        FOR_ROWS(int32_t, AS_IT_IS,
                 *(int32_t *)at = value < *(int32_t *)at ? (int32_t)value : *(int32_t *)at);
    } else if (acc->size == 4) {
        FOR_ROWS(int32_t, AS_IT_IS,
                 *(int32_t *)at = value > *(int32_t *)at ? (int32_t)value : *(int32_t *)at);
    } else if (is_min) {
        FOR_INTEGERS(*(int64_t *)at = value < *(int64_t *)at ? value : *(int64_t *)at);
    } else {
        FOR_INTEGERS(*(int64_t *)at = value > *(int64_t *)at ? value : *(int64_t *)at);
    }
}

/* A copy of a text that stays; text behind a dictionary stays by itself. */
static mdl_status keep_text(const mdl_vector *v, int64_t i, mdli_arena *text, mdl_string *out,
                            mdl_error *error)
{
    *out = mdl_vector_string(v, i);
    if (v->codes == NULL) {
        char *copy = mdli_arena_copy(text, out->data, (size_t)out->size_bytes, error);
        if (copy == NULL) {
            return text->failure;
        }
        out->data = copy;
    }
    return MDL_OK;
}

/* Texts that were seen have data, if only an empty text's. */
static bool is_better_text(mdli_accumulator_kind kind, mdl_string candidate, mdl_string best)
{
    if (best.data == NULL) {
        return true;
    }
    int order = mdli_compare_strings(candidate, best);
    return kind == MDLI_ACC_MIN_TEXT ? order < 0 : order > 0;
}

static mdl_status scatter_text_extreme(const mdli_accumulator *acc, const mdl_vector *v,
                                       int32_t size_bytes, char *states, const int32_t *groups,
                                       mdli_arena *text, mdl_error *error)
{
    for (int64_t i = 0; i < v->n_rows; i++) {
        mdl_string *best = (mdl_string *)(states + (int64_t)groups[i] * size_bytes);
        if (!mdl_vector_is_null(v, i) &&
            is_better_text(acc->kind, mdl_vector_string(v, i), *best)) {
            MDLI_TRY(keep_text(v, i, text, best, error));
            if (best->data == NULL) {
                best->data = "";
            }
        }
    }
    return MDL_OK;
}

static bool is_better_place(mdli_accumulator_kind kind, int64_t sequence, int64_t best)
{
    return best < 0 || (kind == MDLI_ACC_FIRST ? sequence < best : sequence > best);
}

static mdl_status scatter_placed(const mdli_accumulator *acc, const mdl_vector *v,
                                 int32_t size_bytes, char *states, const int32_t *groups,
                                 int64_t sequence, mdli_arena *text, mdl_error *error)
{
    for (int64_t i = 0; i < v->n_rows; i++) {
        placed_value *best = (placed_value *)(states + (int64_t)groups[i] * size_bytes);
        if (!is_better_place(acc->kind, sequence + i, best->sequence)) {
            continue;
        }
        best->sequence = sequence + i;
        best->is_null = mdl_vector_is_null(v, i);
        if (best->is_null) {
            continue;
        }
        if (v->type == MDL_TYPE_STRING) {
            MDLI_TRY(keep_text(v, i, text, &best->text, error));
        } else if (v->type == MDL_TYPE_FLOAT64) {
            memcpy(&best->bits, (const double *)v->values + i, sizeof best->bits);
        } else {
            best->bits = mdli_vector_integer(v, i);
        }
    }
    return MDL_OK;
}

static mdl_status scatter_texts(const mdl_vector *v, int32_t size_bytes, char *states,
                                const int32_t *groups, int64_t sequence, mdli_arena *text,
                                mdl_error *error)
{
    for (int64_t i = 0; i < v->n_rows; i++) {
        if (mdl_vector_is_null(v, i)) {
            continue;
        }
        text_list *list = (text_list *)(states + (int64_t)groups[i] * size_bytes);
        text_node *node = mdli_arena_allocate(text, sizeof *node, error);
        if (node == NULL) {
            return text->failure;
        }
        node->next = NULL;
        node->sequence = sequence + i;
        MDLI_TRY(keep_text(v, i, text, &node->text, error));
        if (list->last == NULL) {
            list->first = node;
        } else {
            list->last->next = node;
        }
        list->last = node;
    }
    return MDL_OK;
}

mdl_status mdli_accumulate(const mdli_accumulator *acc, int32_t size_bytes, char *states,
                           const int32_t *groups, const mdl_vector *v, int64_t sequence,
                           mdli_arena *text, mdl_error *error)
{
    states += acc->offset;
    switch (acc->kind) {
    case MDLI_ACC_ROWS:
        scatter_rows(v->n_rows, size_bytes, states, groups);
        break;
    case MDLI_ACC_COUNT:
        scatter_count(v, size_bytes, states, groups);
        break;
    case MDLI_ACC_COUNT_IF:
        FOR_ROWS(uint8_t, AS_IT_IS, *(int64_t *)at += value);
        break;
    case MDLI_ACC_SUM:
        FOR_INTEGERS(*(int64_t *)at += value);
        break;
    case MDLI_ACC_SUM_WIDE:
        FOR_INTEGERS(*(mdli_int128 *)at += value);
        break;
    case MDLI_ACC_SQUARES:
        FOR_INTEGERS(*(uint64_t *)at += (uint64_t)(value * value));
        break;
    case MDLI_ACC_SQUARES_WIDE:
        FOR_INTEGERS(*(mdli_uint192 *)at = mdli_uint192_add_square(*(mdli_uint192 *)at, value));
        break;
    case MDLI_ACC_MIN:
    case MDLI_ACC_MAX:
        scatter_extreme(acc, v, size_bytes, states, groups);
        break;
    case MDLI_ACC_MIN_TEXT:
    case MDLI_ACC_MAX_TEXT:
        return scatter_text_extreme(acc, v, size_bytes, states, groups, text, error);
    case MDLI_ACC_FIRST:
    case MDLI_ACC_LAST:
        return scatter_placed(acc, v, size_bytes, states, groups, sequence, text, error);
    case MDLI_ACC_FIRST_ROW:
    case MDLI_ACC_LAST_ROW:
        scatter_row_number(acc->kind, v->n_rows, size_bytes, states, groups, sequence);
        break;
    case MDLI_ACC_TEXTS:
        return scatter_texts(v, size_bytes, states, groups, sequence, text, error);
    case MDLI_ACC_DISTINCT:
    case MDLI_ACC_HISTOGRAM:
    case MDLI_ACC_BOUNDS:
        break;
    }
    return MDL_OK;
}

bool mdli_takes_runs(const mdli_accumulator *acc, const mdl_vector *v)
{
    switch (acc->kind) {
    case MDLI_ACC_ROWS:
        return true;
    case MDLI_ACC_COUNT:
    case MDLI_ACC_SUM:
    case MDLI_ACC_SQUARES:
    case MDLI_ACC_MIN:
    case MDLI_ACC_MAX:
        return v->validity == NULL && mdli_type_is_integer(v->type) &&
               mdli_type_bytes(v->type) >= 4;
    default:
        return false;
    }
}

/* What accumulators take of a run. */
typedef struct run_summary {
    int64_t n_rows;
    int64_t sum;
    uint64_t squares;
    int64_t min;
    int64_t max;
} run_summary;

static run_summary summarize_int32(const mdli_kernels *kernels, const int32_t *values, int64_t n)
{
    mdli_run_facts facts;
    kernels->run_facts_int32(values, n, &facts);
    return (run_summary){n, facts.sum, facts.squares, facts.min, facts.max};
}

static run_summary summarize_int64(const mdli_kernels *kernels, const int64_t *values, int64_t n,
                                   bool with_sums)
{
    run_summary summary = {.n_rows = n};
    kernels->min_max_int64(values, n, &summary.min, &summary.max);
    for (int64_t i = 0; with_sums && i < n; i++) {
        summary.sum += values[i];
        summary.squares += (uint64_t)values[i] * (uint64_t)values[i];
    }
    return summary;
}

static void take_summary(const mdli_accumulator *acc, char *state, const run_summary *summary)
{
    int64_t *at = (int64_t *)(state + acc->offset);
    switch (acc->kind) {
    case MDLI_ACC_ROWS:
    case MDLI_ACC_COUNT:
        *at += summary->n_rows;
        break;
    case MDLI_ACC_SUM:
        *at += summary->sum;
        break;
    case MDLI_ACC_SQUARES:
        *(uint64_t *)at += summary->squares;
        break;
    case MDLI_ACC_MIN:
        if (acc->size == 8) {
            *at = summary->min < *at ? summary->min : *at;
        } else if (summary->min < *(int32_t *)at) {
            *(int32_t *)at = (int32_t)summary->min;
        }
        break;
    case MDLI_ACC_MAX:
        if (acc->size == 8) {
            *at = summary->max > *at ? summary->max : *at;
        } else if (summary->max > *(int32_t *)at) {
            *(int32_t *)at = (int32_t)summary->max;
        }
        break;
    default:
        break;
    }
}

/* The accumulators of one argument, −1 = of rows, that take runs. */
typedef struct run_takers {
    const mdli_accumulator *list[5]; /* as many as there are kinds */
    int32_t n;
    bool with_sums;
} run_takers;

static run_takers find_takers(const mdli_state_layout *layout, int32_t argument,
                              const mdl_vector *v)
{
    run_takers takers = {.n = 0};
    for (int32_t i = 0; i < layout->n_accumulators; i++) {
        const mdli_accumulator *acc = &layout->accumulators[i];
        if (acc->argument == argument && mdli_takes_runs(acc, v)) {
            takers.with_sums |= acc->kind == MDLI_ACC_SUM || acc->kind == MDLI_ACC_SQUARES;
            takers.list[takers.n++] = acc;
        }
    }
    return takers;
}

void mdli_accumulate_runs(const mdli_kernels *kernels, const mdli_state_layout *layout,
                          const mdl_vector *arguments, int32_t n_arguments,
                          const mdli_run_list *runs, char *states)
{
    for (int32_t argument = -1; argument < n_arguments; argument++) {
        const mdl_vector *v = argument >= 0 ? &arguments[argument] : NULL;
        const run_takers takers = find_takers(layout, argument, v);
        for (int32_t r = 0; takers.n > 0 && r < runs->n_runs; r++) {
            int64_t first = runs->first_rows[r];
            int64_t n = (r + 1 < runs->n_runs ? runs->first_rows[r + 1] : runs->n_rows) - first;
            char *state = states + (int64_t)runs->groups[first] * layout->size_bytes;
            const run_summary summary =
                v == NULL ? (run_summary){.n_rows = n}
                : mdli_type_bytes(v->type) == 4
                    ? summarize_int32(kernels, (const int32_t *)v->values + first, n)
                    : summarize_int64(kernels, (const int64_t *)v->values + first, n,
                                      takers.with_sums);
            for (int32_t i = 0; i < takers.n; i++) {
                take_summary(takers.list[i], state, &summary);
            }
        }
    }
}

/* Merges two lists that are each in row order. */
static void merge_texts(text_list *into, const text_list *from)
{
    text_node *a = into->first;
    text_node *b = from->first;
    text_node *first = NULL;
    text_node *last = NULL;
    while (a != NULL || b != NULL) {
        text_node **next = b == NULL || (a != NULL && a->sequence < b->sequence) ? &a : &b;
        text_node *node = *next;
        *next = node->next;
        if (last == NULL) {
            first = node;
        } else {
            last->next = node;
        }
        last = node;
    }
    *into = (text_list){first, last};
}

void mdli_accumulator_merge(const mdli_accumulator *acc, mdl_type type, char *into,
                            const char *from)
{
    char *a = into + acc->offset;
    const char *b = from + acc->offset;
    (void)type;
    switch (acc->kind) {
    case MDLI_ACC_ROWS:
    case MDLI_ACC_COUNT:
    case MDLI_ACC_COUNT_IF:
    case MDLI_ACC_SUM:
    case MDLI_ACC_SQUARES:
    case MDLI_ACC_DISTINCT:
        *(int64_t *)a += *(const int64_t *)b;
        break;
    case MDLI_ACC_SUM_WIDE:
        *(mdli_int128 *)a += *(const mdli_int128 *)b;
        break;
    case MDLI_ACC_SQUARES_WIDE:
        *(mdli_uint192 *)a = mdli_uint192_add(*(mdli_uint192 *)a, *(const mdli_uint192 *)b);
        break;
    case MDLI_ACC_FIRST_ROW:
    case MDLI_ACC_MIN:
        if (acc->size == 4) {
            *(int32_t *)a =
                *(const int32_t *)b < *(int32_t *)a ? *(const int32_t *)b : *(int32_t *)a;
        } else {
            *(int64_t *)a =
                *(const int64_t *)b < *(int64_t *)a ? *(const int64_t *)b : *(int64_t *)a;
        }
        break;
    case MDLI_ACC_LAST_ROW:
    case MDLI_ACC_MAX:
        if (acc->size == 4) {
            *(int32_t *)a =
                *(const int32_t *)b > *(int32_t *)a ? *(const int32_t *)b : *(int32_t *)a;
        } else {
            *(int64_t *)a =
                *(const int64_t *)b > *(int64_t *)a ? *(const int64_t *)b : *(int64_t *)a;
        }
        break;
    case MDLI_ACC_MIN_TEXT:
    case MDLI_ACC_MAX_TEXT: {
        const mdl_string *candidate = (const mdl_string *)b;
        if (candidate->data != NULL && is_better_text(acc->kind, *candidate, *(mdl_string *)a)) {
            *(mdl_string *)a = *candidate;
        }
        break;
    }
    case MDLI_ACC_FIRST:
    case MDLI_ACC_LAST: {
        const placed_value *candidate = (const placed_value *)b;
        if (candidate->sequence >= 0 &&
            is_better_place(acc->kind, candidate->sequence, ((placed_value *)a)->sequence)) {
            *(placed_value *)a = *candidate;
        }
        break;
    }
    case MDLI_ACC_TEXTS:
        merge_texts((text_list *)a, (const text_list *)b);
        break;
    case MDLI_ACC_HISTOGRAM:
    case MDLI_ACC_BOUNDS:
        break;
    }
}

mdli_int128 mdli_state_sum(const mdli_accumulator *acc, const char *state)
{
    const char *at = state + acc->offset;
    return acc->kind == MDLI_ACC_SUM_WIDE ? *(const mdli_int128 *)at : *(const int64_t *)at;
}

mdli_uint192 mdli_state_squares(const mdli_accumulator *acc, const char *state)
{
    const char *at = state + acc->offset;
    if (acc->kind == MDLI_ACC_SQUARES_WIDE) {
        return *(const mdli_uint192 *)at;
    }
    return (mdli_uint192){.low = *(const uint64_t *)at};
}

mdl_value mdli_state_value(const mdli_accumulator *acc, mdl_type type, const char *state)
{
    const char *at = state + acc->offset;
    mdl_value value = {.type = type};
    switch (acc->kind) {
    case MDLI_ACC_MIN_TEXT:
    case MDLI_ACC_MAX_TEXT:
        value.as.text = *(const mdl_string *)at;
        value.is_null = value.as.text.data == NULL;
        break;
    case MDLI_ACC_FIRST:
    case MDLI_ACC_LAST: {
        const placed_value *placed = (const placed_value *)at;
        value.is_null = placed->sequence < 0 || placed->is_null;
        if (type == MDL_TYPE_STRING) {
            value.as.text = placed->text;
        } else if (type == MDL_TYPE_FLOAT64) {
            memcpy(&value.as.real, &placed->bits, sizeof value.as.real);
        } else {
            value.as.integer = placed->bits;
        }
        break;
    }
    default:
        if (type == MDL_TYPE_FLOAT64) {
            value.as.real = double_of_order(*(const int64_t *)at);
        } else {
            value.as.integer = acc->size == 4 ? *(const int32_t *)at : *(const int64_t *)at;
        }
        break;
    }
    return value;
}

const char *mdli_state_join_texts(const mdli_accumulator *acc, const char *state,
                                  mdl_string separator, mdli_arena *text, int64_t *size_bytes,
                                  mdl_error *error)
{
    const text_list *list = (const text_list *)(state + acc->offset);
    int64_t size = 0;
    for (const text_node *node = list->first; node != NULL; node = node->next) {
        size += node->text.size_bytes + (node->next != NULL ? separator.size_bytes : 0);
    }
    char *joined = mdli_arena_allocate(text, (size_t)size, error);
    if (joined == NULL) {
        return NULL;
    }
    char *at = joined;
    for (const text_node *node = list->first; node != NULL; node = node->next) {
        if (node->text.size_bytes > 0) {
            memcpy(at, node->text.data, (size_t)node->text.size_bytes);
            at += node->text.size_bytes;
        }
        if (node->next != NULL && separator.size_bytes > 0) {
            memcpy(at, separator.data, (size_t)separator.size_bytes);
            at += separator.size_bytes;
        }
    }
    *size_bytes = size;
    return joined;
}
