/*
 * Counting distinct values: arrays of epochs, last values, bitmaps, a set of pairs, a key table.
 *
 * An argument with codes in one dictionary counts by code, since a dictionary has no entry twice.
 */
#include "operators/distinct_count.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/tuning.h"
#include "operators/key_table.h"
#include "operators/rowset.h"

enum {
    PAIR_SLOTS_AT_FIRST = 4096,
    /* Values of a run that are kept until it ends, in a part of a level-1 cache. */
    OPEN_VALUES_MAX = 4096
};

/* No pair: groups are not negative, so the upper half is never all ones. */
#define NO_PAIR UINT64_MAX

/* LAST: a group's. */
typedef struct last_value {
    uint32_t place; /* of the last value, and one: 0 = no value yet */
    uint32_t count; /* of values so far */
} last_value;

struct mdli_distinct {
    mdl_context *context;
    const mdli_kernels *kernels;
    mdli_distinct_strategy strategy;
    mdl_type type;
    bool has_codes;
    int64_t least;
    int64_t domain; /* values that there can be */
    int64_t n_slots;
    uint32_t *epochs;
    int32_t *open_values; /* EPOCHS: values of the run that may go on in the next rows */
    int64_t n_open;
    uint32_t noted_run; /* EPOCHS: the last run that left its number with its values; 0 = none */
    uint32_t open_run;
    int32_t open_group;
    last_value *lasts;
    uint64_t *bits;
    uint64_t *pairs;
    int64_t n_pair_slots;
    int64_t n_pairs;
    mdli_key_table *keys;
};

/* Values that an argument can have: 0 = not known or too many. */
static int64_t domain_of(const mdli_argument *argument)
{
    if (argument->dictionary != NULL) {
        return argument->dictionary->n_entries;
    }
    if (!argument->range.is_known) {
        return 0;
    }
    uint64_t span = (uint64_t)argument->range.greatest - (uint64_t)argument->range.least;
    return span < UINT32_MAX ? (int64_t)span + 1 : 0;
}

bool mdli_distinct_fits_last(const mdli_argument *argument)
{
    return mdli_type_is_integer(argument->type) && domain_of(argument) > 0;
}

mdli_distinct_strategy mdli_distinct_choose(const mdli_argument *argument, bool groups_in_order,
                                            int64_t n_slots, int64_t n_rows)
{
    int64_t domain = domain_of(argument);
    if (domain == 0) {
        return MDLI_DISTINCT_KEYS;
    }
    if (groups_in_order && n_rows < UINT32_MAX &&
        domain <= MDLI_DENSE_RANGE_FLOOR + n_rows * MDLI_DENSE_RANGE_PER_ROW) {
        return MDLI_DISTINCT_EPOCHS;
    }
    if (!groups_in_order && n_slots > 0 && n_slots <= MDLI_DISTINCT_BITS_MAX / domain) {
        return MDLI_DISTINCT_BITS;
    }
    return MDLI_DISTINCT_PAIRS;
}

const char *mdli_distinct_strategy_name(mdli_distinct_strategy strategy)
{
    static const char *const names[] = {"",       "epochs",   "last value",
                                        "bitmap", "pair set", "key table"};
    return names[strategy];
}

static mdl_status create_keys(mdli_distinct *distinct, mdl_error *error)
{
    mdl_type types[] = {MDL_TYPE_INT32, distinct->type};
    return mdli_key_table_create(distinct->context, types, 2, &distinct->keys, error);
}

static mdl_status create_pairs(mdli_distinct *distinct, int64_t n_slots, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(distinct->context, n_slots, sizeof(uint64_t), "count distinct",
                                 &memory, error));
    memset(memory, 0xff, (size_t)n_slots * sizeof(uint64_t));
    distinct->pairs = memory;
    distinct->n_pair_slots = n_slots;
    return MDL_OK;
}

mdl_status mdli_distinct_create(mdl_context *context, mdli_distinct_strategy strategy,
                                const mdli_argument *argument, int64_t n_slots, mdli_distinct **out,
                                mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(
        mdli_allocate_zeroed(context, sizeof(mdli_distinct), "count distinct", &memory, error));
    mdli_distinct *distinct = memory;
    distinct->context = context;
    distinct->kernels = mdli_kernels_for(mdl_context_simd(context));
    distinct->strategy = strategy;
    distinct->type = argument->type;
    distinct->has_codes = argument->dictionary != NULL;
    distinct->least = distinct->has_codes ? 0 : argument->range.least;
    distinct->domain = domain_of(argument);
    distinct->n_slots = n_slots;
    mdl_status status = MDL_OK;
    switch (strategy) {
    case MDLI_DISTINCT_EPOCHS:
        status = mdli_allocate_zeroed(context, (size_t)distinct->domain * sizeof(uint32_t),
                                      "count distinct", &memory, error);
        distinct->epochs = memory;
        if (status == MDL_OK) {
            status = mdli_allocate(context, OPEN_VALUES_MAX * sizeof(int32_t), "count distinct",
                                   &memory, error);
            distinct->open_values = memory;
        }
        break;
    case MDLI_DISTINCT_LAST:
        status = mdli_allocate_zeroed(context, (size_t)n_slots * sizeof(last_value),
                                      "count distinct", &memory, error);
        distinct->lasts = memory;
        break;
    case MDLI_DISTINCT_BITS:
        status = mdli_allocate_zeroed(context, (size_t)(n_slots * distinct->domain / 8 + 8),
                                      "count distinct", &memory, error);
        distinct->bits = memory;
        break;
    case MDLI_DISTINCT_PAIRS:
        status = create_pairs(distinct, PAIR_SLOTS_AT_FIRST, error);
        break;
    case MDLI_DISTINCT_KEYS:
        status = create_keys(distinct, error);
        break;
    }
    if (status != MDL_OK) {
        mdli_distinct_free(distinct);
        return status;
    }
    *out = distinct;
    return MDL_OK;
}

void mdli_distinct_free(mdli_distinct *distinct)
{
    if (distinct == NULL) {
        return;
    }
    mdli_free(distinct->context, distinct->epochs);
    mdli_free(distinct->context, distinct->open_values);
    mdli_free(distinct->context, distinct->lasts);
    mdli_free(distinct->context, distinct->bits);
    mdli_free(distinct->context, distinct->pairs);
    mdli_key_table_free(distinct->keys);
    mdli_free(distinct->context, distinct);
}

/* The place of a value among those that there can be. */
static inline int64_t place_of(const mdli_distinct *distinct, const mdl_vector *v, int64_t i)
{
    return distinct->has_codes ? v->codes[i] : mdli_vector_integer(v, i) - distinct->least;
}

/* The slot of a pair, or the free one where it belongs. */
static uint64_t *find_pair(uint64_t *slots, int64_t n_slots, uint64_t pair)
{
    uint64_t mask = (uint64_t)n_slots - 1;
    uint64_t i = mdli_hash_integer(pair) & mask;
    while (slots[i] != NO_PAIR && slots[i] != pair) {
        i = (i + 1) & mask;
    }
    return &slots[i];
}

static mdl_status grow_pairs(mdli_distinct *distinct, mdl_error *error)
{
    uint64_t *old = distinct->pairs;
    int64_t n_old = distinct->n_pair_slots;
    mdl_status status = create_pairs(distinct, n_old * 2, error);
    if (status != MDL_OK) {
        return status;
    }
    for (int64_t i = 0; i < n_old; i++) {
        if (old[i] != NO_PAIR) {
            *find_pair(distinct->pairs, distinct->n_pair_slots, old[i]) = old[i];
        }
    }
    mdli_free(distinct->context, old);
    return MDL_OK;
}

static mdl_status add_pair(mdli_distinct *distinct, uint64_t pair, bool *is_new, mdl_error *error)
{
    uint64_t *slot = find_pair(distinct->pairs, distinct->n_pair_slots, pair);
    *is_new = *slot == NO_PAIR;
    if (*is_new) {
        *slot = pair;
        if (++distinct->n_pairs * 2 > distinct->n_pair_slots) {
            return grow_pairs(distinct, error);
        }
    }
    return MDL_OK;
}

static inline void count_one(char *counts, int32_t size_bytes, int32_t group, bool is_new)
{
    *(int64_t *)(counts + (int64_t)group * size_bytes) += is_new;
}

static mdl_status add_keys(mdli_distinct *distinct, const mdl_vector *v, const int32_t *groups,
                           char *counts, int32_t size_bytes, mdl_error *error)
{
    for (int64_t i = 0; i < v->n_rows; i++) {
        if (mdl_vector_is_null(v, i)) {
            continue;
        }
        /* One row at a time: the key table takes vectors from their start. */
        mdl_string text;
        mdl_vector value = {.type = v->type, .n_rows = 1};
        if (v->type == MDL_TYPE_STRING) {
            text = mdl_vector_string(v, i);
            value.values = &text;
        } else {
            value.values = (const char *)v->values + (size_t)i * mdli_type_bytes(v->type);
        }
        mdl_vector key[] = {{.type = MDL_TYPE_INT32, .n_rows = 1, .values = &groups[i]}, value};
        int32_t number;
        int64_t n_before = mdli_key_table_n_keys(distinct->keys);
        MDLI_TRY(mdli_key_table_add(distinct->keys, key, 1, &number, error));
        if (counts != NULL) {
            count_one(counts, size_bytes, groups[i], number >= n_before);
        }
    }
    return MDL_OK;
}

/* Whether a vector's values can be counted without their places. */
static bool has_plain_values(const mdli_distinct *distinct, const mdl_vector *v)
{
    return !distinct->has_codes && v->validity == NULL && v->type == MDL_TYPE_INT32;
}

/* Leaves the number of a run with its values, and counts those that did not have it yet. */
static int64_t note_values(mdli_distinct *distinct, const int32_t *values, int64_t n, uint32_t run)
{
    int64_t n_new = 0;
    uint32_t *epochs = distinct->epochs;
    int32_t least = (int32_t)distinct->least;
    for (int64_t i = 0; i < n; i++) {
        uint32_t *last = &epochs[values[i] - least];
        n_new += *last != run;
        *last = run;
    }
    distinct->noted_run = run;
    return n_new;
}

/* As note_values, for all kinds of vectors. */
static int64_t note_rows(mdli_distinct *distinct, const mdl_vector *v, int64_t first, int64_t end,
                         uint32_t run)
{
    int64_t n_new = 0;
    for (int64_t i = first; i < end; i++) {
        if (!mdl_vector_is_null(v, i)) {
            uint32_t *last = &distinct->epochs[place_of(distinct, v, i)];
            n_new += *last != run;
            *last = run;
        }
    }
    distinct->noted_run = run;
    return n_new;
}

/* Counts the values of a whole run: most can do without a look at the epochs. */
static int64_t count_whole_run(mdli_distinct *distinct, const int32_t *values, int64_t n,
                               uint32_t run)
{
    int64_t n_distinct = distinct->kernels->run_distinct_int32(values, n);
    return n_distinct >= 0 ? n_distinct : note_values(distinct, values, n, run);
}

/* Keeps values of a run that has others in the rows before or to come; false when there is no room
 * left. */
static bool keep_open(mdli_distinct *distinct, const int32_t *values, int64_t n, uint32_t run)
{
    if (n > OPEN_VALUES_MAX - distinct->n_open) {
        return false;
    }
    memcpy(distinct->open_values + distinct->n_open, values, (size_t)n * sizeof *values);
    distinct->n_open += n;
    distinct->open_run = run;
    return true;
}

/* Leaves the run's number with the values that were kept of it, and counts these. */
static int64_t note_open(mdli_distinct *distinct)
{
    int64_t n = distinct->n_open;
    distinct->n_open = 0;
    return n > 0 ? note_values(distinct, distinct->open_values, n, distinct->open_run) : 0;
}

/* Counts the new values that a run has in rows [first, end). The run may have others in the rows
 * before, and in those that come next unless it `ends`; what is kept of it is counted later. */
static int64_t add_run(mdli_distinct *distinct, const mdl_vector *v, int64_t first, int64_t end,
                       uint32_t run, bool ends)
{
    if (!has_plain_values(distinct, v)) {
        int64_t n_open = note_open(distinct);
        return n_open + note_rows(distinct, v, first, end, run);
    }
    const int32_t *values = (const int32_t *)v->values + first;
    int64_t n = end - first;
    if (distinct->noted_run == run) {
        return note_values(distinct, values, n, run);
    }
    if (ends && distinct->n_open == 0) {
        return count_whole_run(distinct, values, n, run);
    }
    if (!keep_open(distinct, values, n, run)) {
        int64_t n_open = note_open(distinct);
        return n_open + note_values(distinct, values, n, run);
    }
    if (!ends) {
        return 0;
    }
    n = distinct->n_open;
    distinct->n_open = 0;
    return count_whole_run(distinct, distinct->open_values, n, run);
}

void mdli_distinct_end_runs(mdli_distinct *distinct, char *counts, int32_t size_bytes)
{
    if (distinct->n_open > 0) {
        int64_t n = distinct->n_open;
        distinct->n_open = 0;
        *(int64_t *)(counts + (int64_t)distinct->open_group * size_bytes) +=
            count_whole_run(distinct, distinct->open_values, n, distinct->open_run);
    }
}

mdl_status mdli_distinct_add_runs(mdli_distinct *distinct, const mdl_vector *v,
                                  const int32_t *groups, const int32_t *run_rows, int32_t n_runs,
                                  int64_t first_run, char *counts, int32_t size_bytes,
                                  mdl_error *error)
{
    if (distinct->strategy != MDLI_DISTINCT_EPOCHS) {
        return mdli_distinct_add(distinct, v, groups, counts, size_bytes, error);
    }
    if (distinct->n_open > 0 && distinct->open_run != (uint32_t)first_run) {
        mdli_distinct_end_runs(distinct, counts, size_bytes);
    }
    for (int32_t r = 0; r < n_runs; r++) {
        int64_t first = run_rows[r];
        bool ends = r + 1 < n_runs;
        int64_t end = ends ? run_rows[r + 1] : v->n_rows;
        *(int64_t *)(counts + (int64_t)groups[first] * size_bytes) +=
            add_run(distinct, v, first, end, (uint32_t)(first_run + r), ends);
    }
    distinct->open_group = groups[run_rows[n_runs - 1]];
    return MDL_OK;
}

static inline void add_last(last_value *last, uint32_t place)
{
    last->count += last->place != place + 1;
    last->place = place + 1;
}

/* As a value's rows come together, so do those that one group has of it. */
static void add_lasts(mdli_distinct *distinct, const mdl_vector *v, const int32_t *groups)
{
    last_value *lasts = distinct->lasts;
    if (has_plain_values(distinct, v)) {
        const int32_t *values = v->values;
        const uint32_t least = (uint32_t)distinct->least;
        for (int64_t i = 0; i < v->n_rows; i++) {
            add_last(&lasts[groups[i]], (uint32_t)values[i] - least);
        }
        return;
    }
    for (int64_t i = 0; i < v->n_rows; i++) {
        if (!mdl_vector_is_null(v, i)) {
            add_last(&lasts[groups[i]], (uint32_t)place_of(distinct, v, i));
        }
    }
}

mdl_status mdli_distinct_add(mdli_distinct *distinct, const mdl_vector *v, const int32_t *groups,
                             char *counts, int32_t size_bytes, mdl_error *error)
{
    switch (distinct->strategy) {
    case MDLI_DISTINCT_EPOCHS:
        return mdl_error_set(error, MDL_E_INTERNAL, "epochs count runs alone");
    case MDLI_DISTINCT_LAST:
        add_lasts(distinct, v, groups);
        return MDL_OK;
    case MDLI_DISTINCT_BITS:
        for (int64_t i = 0; i < v->n_rows; i++) {
            if (!mdl_vector_is_null(v, i)) {
                int64_t bit = groups[i] * distinct->domain + place_of(distinct, v, i);
                distinct->bits[bit >> 6] |= (uint64_t)1 << (bit & 63);
            }
        }
        return MDL_OK;
    case MDLI_DISTINCT_PAIRS:
        for (int64_t i = 0; i < v->n_rows; i++) {
            if (!mdl_vector_is_null(v, i)) {
                bool is_new;
                uint64_t pair =
                    (uint64_t)(uint32_t)groups[i] << 32 | (uint32_t)place_of(distinct, v, i);
                MDLI_TRY(add_pair(distinct, pair, &is_new, error));
                if (counts != NULL) {
                    count_one(counts, size_bytes, groups[i], is_new);
                }
            }
        }
        return MDL_OK;
    case MDLI_DISTINCT_KEYS:
        return add_keys(distinct, v, groups, counts, size_bytes, error);
    }
    return MDL_OK;
}

mdl_status mdli_distinct_forget(mdli_distinct *distinct, mdl_error *error)
{
    if (distinct->strategy == MDLI_DISTINCT_PAIRS && distinct->n_pairs > 0) {
        memset(distinct->pairs, 0xff, (size_t)distinct->n_pair_slots * sizeof(uint64_t));
        distinct->n_pairs = 0;
    } else if (distinct->strategy == MDLI_DISTINCT_KEYS) {
        mdli_key_table_free(distinct->keys);
        distinct->keys = NULL;
        return create_keys(distinct, error);
    }
    return MDL_OK;
}

static mdl_status merge_keys(mdli_distinct *into, const mdli_distinct *from, const int32_t *numbers,
                             mdl_error *error)
{
    int64_t n = mdli_key_table_n_keys(from->keys);
    for (int64_t k = 0; k < n; k++) {
        int32_t group = (int32_t)mdli_key_table_value(from->keys, k, 0, MDL_TYPE_INT32).as.integer;
        mdl_value value = mdli_key_table_value(from->keys, k, 1, from->type);
        if (numbers != NULL) {
            group = numbers[group];
        }
        int32_t small = (int32_t)value.as.integer;
        uint8_t flag = (uint8_t)value.as.integer;
        size_t bytes = mdli_type_bytes(from->type);
        const void *data = bytes == 4   ? (const void *)&small
                           : bytes == 1 ? (const void *)&flag
                                        : (const void *)&value.as;
        mdl_vector key[] = {{.type = MDL_TYPE_INT32, .n_rows = 1, .values = &group},
                            {.type = from->type, .n_rows = 1, .values = data}};
        int32_t number;
        MDLI_TRY(mdli_key_table_add(into->keys, key, 1, &number, error));
    }
    return MDL_OK;
}

mdl_status mdli_distinct_merge(mdli_distinct *into, const mdli_distinct *from,
                               const int32_t *numbers, mdl_error *error)
{
    switch (into->strategy) {
    case MDLI_DISTINCT_EPOCHS:
        break; /* counted at once: groups in order belong to one worker */
    case MDLI_DISTINCT_LAST:
        for (int64_t g = 0; g < into->n_slots; g++) {
            into->lasts[g].count += from->lasts[g].count;
        }
        break;
    case MDLI_DISTINCT_BITS:
        for (int64_t w = 0; w < into->n_slots * into->domain / 64 + 1; w++) {
            into->bits[w] |= from->bits[w];
        }
        break;
    case MDLI_DISTINCT_PAIRS:
        for (int64_t i = 0; i < from->n_pair_slots; i++) {
            uint64_t pair = from->pairs[i];
            bool is_new;
            if (pair != NO_PAIR) {
                uint32_t group = (uint32_t)(pair >> 32);
                group = numbers != NULL ? (uint32_t)numbers[group] : group;
                pair = (uint64_t)group << 32 | (uint32_t)pair;
                MDLI_TRY(add_pair(into, pair, &is_new, error));
            }
        }
        break;
    case MDLI_DISTINCT_KEYS:
        return merge_keys(into, from, numbers, error);
    }
    return MDL_OK;
}

/* Bits that are set in [first, first + n). */
static int64_t count_bits(const uint64_t *words, int64_t first, int64_t n)
{
    int64_t count = 0;
    for (int64_t i = first; i < first + n;) {
        int64_t in_word = 64 - (i & 63);
        int64_t take = first + n - i < in_word ? first + n - i : in_word;
        uint64_t word = words[i >> 6] >> (i & 63);
        if (take < 64) {
            word &= ((uint64_t)1 << take) - 1;
        }
        count += __builtin_popcountll(word);
        i += take;
    }
    return count;
}

void mdli_distinct_count(const mdli_distinct *distinct, char *counts, int32_t size_bytes)
{
    switch (distinct->strategy) {
    case MDLI_DISTINCT_EPOCHS:
        break;
    case MDLI_DISTINCT_LAST:
        for (int64_t g = 0; g < distinct->n_slots; g++) {
            *(int64_t *)(counts + g * size_bytes) += distinct->lasts[g].count;
        }
        break;
    case MDLI_DISTINCT_BITS:
        for (int64_t g = 0; g < distinct->n_slots; g++) {
            *(int64_t *)(counts + g * size_bytes) +=
                count_bits(distinct->bits, g * distinct->domain, distinct->domain);
        }
        break;
    case MDLI_DISTINCT_PAIRS:
        for (int64_t i = 0; i < distinct->n_pair_slots; i++) {
            if (distinct->pairs[i] != NO_PAIR) {
                count_one(counts, size_bytes, (int32_t)(distinct->pairs[i] >> 32), true);
            }
        }
        break;
    case MDLI_DISTINCT_KEYS:
        for (int64_t k = 0; k < mdli_key_table_n_keys(distinct->keys); k++) {
            mdl_value group = mdli_key_table_value(distinct->keys, k, 0, MDL_TYPE_INT32);
            count_one(counts, size_bytes, (int32_t)group.as.integer, true);
        }
        break;
    }
}
