/*
 * Blocks of all types but STRING. BOOL is encoded as INT32, FLOAT64 as the bits of its doubles,
 * which loses nothing.
 *
 * Payloads, besides those of block_frames.c:
 *   CONSTANT    nothing: the value is the block's `first`
 *   RUN_LENGTH  values (8 bytes each), then the rows where their runs end (4 bytes each)
 *   DICTIONARY  header; the distinct values, rising, as INT32 or INT64; frames of codes, all of one
 * width PLAIN       as in a vector
 *
 * A value under NULL is given the value of the row before it (or of the first row that has one), so
 * that it costs as little as can be.
 */
#include "column/block_internal.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_valid(const uint64_t *validity, int64_t row)
{
    return validity == NULL || (validity[row >> 6] >> (row & 63) & 1) != 0;
}

/* The first row that is not NULL; some row is not. */
static int64_t first_valid_row(const uint64_t *validity)
{
    int64_t row = 0;
    while (!is_valid(validity, row)) {
        row++;
    }
    return row;
}

void mdli_fill_nulls(const int32_t *values, const uint64_t *validity, int64_t n, int32_t *out)
{
    int32_t value = values[first_valid_row(validity)];
    for (int64_t i = 0; i < n; i++) {
        value = is_valid(validity, i) ? values[i] : value;
        out[i] = value;
    }
}

static void fill_nulls_int64(const int64_t *values, const uint64_t *validity, int64_t n,
                             int64_t *out)
{
    int64_t value = values[first_valid_row(validity)];
    for (int64_t i = 0; i < n; i++) {
        value = is_valid(validity, i) ? values[i] : value;
        out[i] = value;
    }
}

/* Values as the encoder wants them: INT32 or INT64, something under each NULL. */
typedef struct integer_source {
    const void *values;
    bool is_64;
    void *scratch;
} integer_source;

/* Copies the vector only where it has to be changed. Some row is not NULL. */
static mdl_status open_source(mdl_context *context, const mdl_vector *vector, bool has_nulls,
                              integer_source *source, mdl_error *error)
{
    const int64_t n = vector->n_rows;
    const bool is_bool = vector->type == MDL_TYPE_BOOL;
    *source =
        (integer_source){.values = vector->values, .is_64 = mdli_value_bytes(vector->type) == 8};
    if (!has_nulls && !is_bool) {
        return MDL_OK;
    }
    MDLI_TRY(
        mdli_allocate_array(context, n, source->is_64 ? 8 : 4, "column", &source->scratch, error));
    if (source->is_64) {
        fill_nulls_int64(vector->values, vector->validity, n, source->scratch);
    } else {
        int32_t *filled = source->scratch;
        const uint8_t *bytes = vector->values;
        for (int64_t i = 0; is_bool && i < n; i++) {
            filled[i] = bytes[i] != 0;
        }
        if (has_nulls) {
            mdli_fill_nulls(is_bool ? filled : vector->values, vector->validity, n, filled);
        }
    }
    source->values = source->scratch;
    return MDL_OK;
}

/*
 * Distinct values, for DICTIONARY.
 */

/* Slots of the table: addressed by value - least value when the values are that close, else by
 * hash. Values that are even closer are looked up a frame at once. */
#define DIRECT_SLOTS 4096
#define HASH_SLOTS   (4 * MDLI_INTEGER_DICTIONARY_MAX)

typedef struct distinct_values {
    bool is_known; /* all values are in; else they were not looked at, or are too many */
    bool is_direct;
    bool
        is_near; /* `near` holds of each slot: while values are looked for, whether it is not empty;
                     then its value's position */
    int64_t min;
    int32_t n_values;
    int64_t values[MDLI_INTEGER_DICTIONARY_MAX];
    uint16_t codes[DIRECT_SLOTS]; /* position in `values` + 1; 0 = empty slot */
    uint8_t near[MDLI_NEAR_VALUES];
} distinct_values;

/* The slot that holds the value, or the empty one that should. */
static uint32_t hash_slot(const distinct_values *set, int64_t value)
{
    uint32_t slot = (uint32_t)mdli_hash_integer((uint64_t)value) % HASH_SLOTS;
    while (set->codes[slot] != 0 && set->values[set->codes[slot] - 1] != value) {
        slot = (slot + 1) % HASH_SLOTS;
    }
    return slot;
}

/* Puts a value in its empty slot; false when the set is full. */
static bool add_value(distinct_values *set, uint32_t slot, int64_t value)
{
    if (set->n_values == MDLI_INTEGER_DICTIONARY_MAX) {
        return false;
    }
    set->values[set->n_values++] = value;
    set->codes[slot] = (uint16_t)set->n_values;
    return true;
}

/* Whether all values of a frame are in the set, which is near. */
static bool has_near_values(const distinct_values *set, const mdli_profile *profile,
                            const uint32_t *values)
{
    uint32_t is_there[MDLI_FRAME_ROWS];
    uint32_t are_there = 1;
    profile->kernels->lookup_near(set->near, values, (uint32_t)set->min, is_there);
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        are_there &= is_there[i];
    }
    return are_there != 0;
}

/* Adds the values of a frame by their slots. */
static bool add_direct_values(distinct_values *set, const uint32_t *values)
{
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        uint32_t slot = values[i] - (uint32_t)set->min;
        if (set->codes[slot] == 0 && !add_value(set, slot, set->min + slot)) {
            return false;
        }
        if (set->is_near) {
            set->near[slot] = 1;
        }
    }
    return true;
}

static bool add_frame(distinct_values *set, const mdli_profile *profile, int32_t f)
{
    if (set->is_direct) {
        uint32_t scratch[MDLI_FRAME_ROWS];
        const uint32_t *values = mdli_profile_frame(profile, f, scratch);
        return (set->is_near && has_near_values(set, profile, values)) ||
               add_direct_values(set, values);
    }
    const int64_t start = (int64_t)f * MDLI_FRAME_ROWS;
    for (int64_t row = start; row < start + MDLI_FRAME_ROWS && row < profile->n_rows; row++) {
        int64_t value = mdli_profile_value(profile, row);
        uint32_t slot = hash_slot(set, value);
        if (set->codes[slot] == 0 && !add_value(set, slot, value)) {
            return false;
        }
    }
    return true;
}

static int compare_values(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Finds the distinct values and puts them in order, unless there are too many. */
static void find_distinct_values(distinct_values *set, const mdli_profile *profile)
{
    set->is_known = false;
    set->is_direct = (uint64_t)profile->max - (uint64_t)profile->min < DIRECT_SLOTS;
    set->is_near = (uint64_t)profile->max - (uint64_t)profile->min < MDLI_NEAR_VALUES;
    set->min = profile->min;
    set->n_values = 0;
    memset(set->codes, 0, sizeof set->codes);
    memset(set->near, 0, sizeof set->near);
    for (int32_t f = 0; f < profile->n_frames; f++) {
        if (!add_frame(set, profile, f)) {
            return;
        }
    }
    set->is_known = true;
    qsort(set->values, (size_t)set->n_values, sizeof set->values[0], compare_values);
    /* The slots must now give positions in the order; a hashed table is filled again from nothing,
     * as its slots were found by the values' old positions. */
    if (!set->is_direct) {
        memset(set->codes, 0, sizeof set->codes);
    }
    for (int32_t i = 0; i < set->n_values; i++) {
        uint32_t slot =
            set->is_direct ? (uint32_t)(set->values[i] - set->min) : hash_slot(set, set->values[i]);
        set->codes[slot] = (uint16_t)(i + 1);
        if (set->is_near) {
            set->near[slot] = (uint8_t)i;
        }
    }
}

/* The codes of frame `f`. */
static void frame_codes(const distinct_values *set, const mdli_profile *profile, int32_t f,
                        uint32_t codes[MDLI_FRAME_ROWS])
{
    if (set->is_direct) {
        uint32_t scratch[MDLI_FRAME_ROWS];
        const uint32_t *values = mdli_profile_frame(profile, f, scratch);
        if (set->is_near) {
            profile->kernels->lookup_near(set->near, values, (uint32_t)set->min, codes);
            return;
        }
        for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
            codes[i] = set->codes[values[i] - (uint32_t)set->min] - 1U;
        }
        return;
    }
    const int64_t start = (int64_t)f * MDLI_FRAME_ROWS;
    const int64_t last = profile->n_rows - 1;
    for (int64_t i = 0; i < MDLI_FRAME_ROWS; i++) {
        int64_t value = mdli_profile_value(profile, start + i < last ? start + i : last);
        codes[i] = set->codes[hash_slot(set, value)] - 1U;
    }
}

typedef struct dictionary_header {
    uint32_t n_values;
    uint32_t width;
} dictionary_header;

static int64_t dictionary_directory_bytes(int64_t n_values, bool is_64)
{
    return mdli_align_payload((int64_t)sizeof(dictionary_header) + n_values * (is_64 ? 8 : 4));
}

static int64_t dictionary_payload_bytes(const mdli_profile *profile, int32_t n_values)
{
    return dictionary_directory_bytes(n_values, profile->is_64) +
           (int64_t)profile->n_frames * mdli_bits((uint64_t)n_values - 1) *
               MDLI_FRAME_BYTES_PER_BIT;
}

static void write_dictionary(const mdli_profile *profile, const distinct_values *set, void *payload)
{
    uint8_t *packed =
        (uint8_t *)payload + dictionary_directory_bytes(set->n_values, profile->is_64);
    mdli_clear_before(packed);
    dictionary_header *header = payload;
    header->n_values = (uint32_t)set->n_values;
    header->width = (uint32_t)mdli_bits((uint64_t)set->n_values - 1);
    for (int32_t i = 0; i < set->n_values; i++) {
        if (profile->is_64) {
            ((int64_t *)(header + 1))[i] = set->values[i];
        } else {
            ((int32_t *)(header + 1))[i] = (int32_t)set->values[i];
        }
    }
    for (int32_t f = 0; f < profile->n_frames; f++) {
        uint32_t codes[MDLI_FRAME_ROWS];
        frame_codes(set, profile, f, codes);
        profile->kernels->pack(codes, 0, (int)header->width, packed);
        packed += (ptrdiff_t)header->width * MDLI_FRAME_BYTES_PER_BIT;
    }
}

/*
 * Choosing and writing.
 */

static int64_t run_length_payload_bytes(int64_t n_runs)
{
    return n_runs * (int64_t)(sizeof(int64_t) + sizeof(int32_t));
}

/* Sets bit i where row i of frame `f` differs from the row before, of the same frame. */
static void find_changes(const mdli_profile *profile, int32_t f,
                         uint64_t changes[MDLI_FRAME_ROWS / 64])
{
    uint32_t scratch[MDLI_FRAME_ROWS];
    uint32_t steps[MDLI_FRAME_ROWS];
    if (mdli_profile_is_within_32_bits(profile)) {
        profile->kernels->differences(mdli_profile_frame(profile, f, scratch), 0, steps);
        profile->kernels->above(steps, 0, changes);
        return;
    }
    const int64_t start = (int64_t)f * MDLI_FRAME_ROWS;
    memset(changes, 0, MDLI_FRAME_ROWS / 64 * sizeof *changes);
    for (int64_t i = 1; i < MDLI_FRAME_ROWS && start + i < profile->n_rows; i++) {
        const bool is_other =
            mdli_profile_value(profile, start + i) != mdli_profile_value(profile, start + i - 1);
        changes[i >> 6] |= (uint64_t)is_other << (i & 63);
    }
}

/* The runs of a block that are written. */
typedef struct run_writer {
    int64_t *values;
    int32_t *ends;
} run_writer;

/* Ends a run before row `row`. */
static void end_run(const mdli_profile *profile, int32_t row, run_writer *writer)
{
    *writer->values++ = mdli_profile_value(profile, row - 1);
    *writer->ends++ = row;
}

static void write_run_length(const mdli_profile *profile, void *payload)
{
    run_writer writer = {.values = payload};
    writer.ends = (int32_t *)(writer.values + profile->n_runs);
    for (int32_t f = 0; f < profile->n_frames; f++) {
        const int32_t start = f * MDLI_FRAME_ROWS;
        uint64_t changes[MDLI_FRAME_ROWS / 64] = {0};
        if (f > 0 && mdli_profile_value(profile, start) != mdli_profile_value(profile, start - 1)) {
            end_run(profile, start, &writer);
        }
        if (profile->frames[f].n_changes > 0) {
            find_changes(profile, f, changes);
        }
        for (int32_t word = 0; word < MDLI_FRAME_ROWS / 64; word++) {
            for (uint64_t left = changes[word]; left != 0; left &= left - 1) {
                end_run(profile, start + word * 64 + __builtin_ctzll(left), &writer);
            }
        }
    }
    end_run(profile, profile->n_rows, &writer);
}

static void write_plain(const mdli_profile *profile, mdl_type type, void *payload)
{
    if (type != MDL_TYPE_BOOL) {
        memcpy(payload, profile->values, (size_t)profile->n_rows * (size_t)mdli_value_bytes(type));
        return;
    }
    for (int32_t row = 0; row < profile->n_rows; row++) {
        ((uint8_t *)payload)[row] = (uint8_t)mdli_profile_value(profile, row);
    }
}

/* Exact bytes of the payload; -1 where the encoding cannot hold the values, or where it is seen on
 * the way that they are more than `limit`. */
static int64_t payload_bytes(mdl_encoding encoding, mdl_type type, mdli_profile *profile,
                             const distinct_values *set, int64_t limit)
{
    switch (encoding) {
    case MDL_ENCODING_CONSTANT:
        return profile->n_runs == 1 ? 0 : -1;
    case MDL_ENCODING_RUN_LENGTH:
        return run_length_payload_bytes(profile->n_runs);
    case MDL_ENCODING_FRAME:
        return mdli_frame_payload_bytes(profile);
    case MDL_ENCODING_DELTA:
        return mdli_profile_plan_delta(profile, limit);
    case MDL_ENCODING_DICTIONARY:
        return set->is_known ? dictionary_payload_bytes(profile, set->n_values) : -1;
    case MDL_ENCODING_PLAIN:
        return profile->n_rows * mdli_value_bytes(type);
    case MDL_ENCODING_ZSTD:
    case MDL_ENCODING_SLICE:
        break;
    }
    return -1;
}

/* An encoding, and the bytes of its payload. */
typedef struct encoding_choice {
    mdl_encoding encoding;
    int64_t bytes;
} encoding_choice;

/* Takes the smallest payload; of several, the one that decodes fastest. */
static mdl_status choose_encoding(mdl_context *context, mdl_type type, mdli_profile *profile,
                                  distinct_values *set, encoding_choice *best, mdl_error *error)
{
    static const mdl_encoding fastest_first[] = {
        MDL_ENCODING_CONSTANT, MDL_ENCODING_PLAIN,      MDL_ENCODING_RUN_LENGTH,
        MDL_ENCODING_FRAME,    MDL_ENCODING_DICTIONARY, MDL_ENCODING_DELTA,
    };
    *best = (encoding_choice){MDL_ENCODING_PLAIN, INT64_MAX};
    for (size_t i = 0; i < sizeof fastest_first / sizeof fastest_first[0]; i++) {
        /* Looking for distinct values is costly: it is not done where even the smallest dictionary
         * would be too large. */
        if (fastest_first[i] == MDL_ENCODING_DICTIONARY &&
            dictionary_payload_bytes(profile, 2) < best->bytes) {
            find_distinct_values(set, profile);
        }
        int64_t bytes = payload_bytes(fastest_first[i], type, profile, set, best->bytes);
        if (bytes >= 0 && bytes < best->bytes) {
            *best = (encoding_choice){fastest_first[i], bytes};
        }
    }
    /* So is looking for pages: it is done last, and only if they promise to be better than all. */
    MDLI_TRY(mdli_profile_plan_pages(context, profile, best->bytes, error));
    const int64_t frame_bytes = mdli_frame_payload_bytes(profile);
    if (frame_bytes < best->bytes) {
        *best = (encoding_choice){MDL_ENCODING_FRAME, frame_bytes};
    }
    return MDL_OK;
}

static void write_payload(mdl_encoding encoding, mdl_type type, const mdli_profile *profile,
                          const distinct_values *set, void *payload)
{
    switch (encoding) {
    case MDL_ENCODING_RUN_LENGTH:
        write_run_length(profile, payload);
        break;
    case MDL_ENCODING_FRAME:
        mdli_frame_payload_write(profile, payload);
        break;
    case MDL_ENCODING_DELTA:
        mdli_delta_payload_write(profile, payload);
        break;
    case MDL_ENCODING_DICTIONARY:
        write_dictionary(profile, set, payload);
        break;
    case MDL_ENCODING_PLAIN:
        write_plain(profile, type, payload);
        break;
    case MDL_ENCODING_CONSTANT:
    case MDL_ENCODING_ZSTD:
    case MDL_ENCODING_SLICE:
        break;
    }
}

/* Doubles have an order of their own. A NaN, which has no place in it, leaves everything unknown.
 */
void mdli_block_set_real_stats(mdli_block *block, const double *values)
{
    const bool has_nulls = block->n_nulls > 0;
    memcpy(&block->first, &values[0], sizeof block->first);
    memcpy(&block->last, &values[block->n_rows - 1], sizeof block->last);
    int64_t before = -1;
    double min = 0;
    double max = 0;
    bool never_falls = true;
    bool always_rises = true;
    for (int64_t i = 0; i < block->n_rows; i++) {
        if (!is_valid(block->validity, i)) {
            continue;
        }
        if (isnan(values[i])) {
            return;
        }
        if (before < 0) {
            min = max = values[i];
        } else {
            never_falls = never_falls && values[before] <= values[i];
            always_rises = always_rises && values[before] < values[i];
            min = values[i] < min ? values[i] : min;
            max = values[i] > max ? values[i] : max;
        }
        before = i;
    }
    block->has_min_max = true;
    memcpy(&block->min, &min, sizeof min);
    memcpy(&block->max, &max, sizeof max);
    block->is_sorted = never_falls && !has_nulls;
    block->is_strictly_sorted = always_rises && !has_nulls;
    if (always_rises) {
        block->n_distinct = block->n_rows - block->n_nulls;
    } else if (block->encoding == MDL_ENCODING_CONSTANT) {
        block->n_distinct = 1;
    }
}

/* `n_listed` distinct values are known to be there; -1 = they were not looked for. */
static void set_integer_stats(mdli_block *block, const mdli_value_summary *summary,
                              int32_t n_listed)
{
    const bool has_nulls = block->n_nulls > 0;
    block->has_min_max = true;
    block->min = summary->min;
    block->max = summary->max;
    block->first = summary->first;
    block->last = summary->last;
    block->is_sorted = summary->n_falls == 0 && !has_nulls;
    block->is_strictly_sorted = block->is_sorted && summary->n_runs == block->n_rows;
    block->n_distinct = summary->n_falls == 0 ? summary->n_runs : n_listed;
}

static mdli_value_summary summary_of_profile(const mdli_profile *profile)
{
    return (mdli_value_summary){
        .first = mdli_profile_value(profile, 0),
        .last = mdli_profile_value(profile, profile->n_rows - 1),
        .min = profile->min,
        .max = profile->max,
        .n_runs = profile->n_runs,
        .n_falls = profile->n_falls,
    };
}

/* Chooses an encoding unless one is given. */
static mdl_status settle_encoding(mdl_context *context, mdl_encoding encoding, mdl_type type,
                                  mdli_profile *profile, distinct_values *set,
                                  encoding_choice *choice, mdl_error *error)
{
    /* FRAME has pages where the choice gives it some. */
    if (encoding == MDLI_ENCODING_CHEAPEST || encoding == MDL_ENCODING_FRAME) {
        MDLI_TRY(choose_encoding(context, type, profile, set, choice, error));
    } else if (encoding == MDL_ENCODING_DICTIONARY) {
        find_distinct_values(set, profile);
    }
    if (encoding == MDLI_ENCODING_CHEAPEST) {
        return MDL_OK;
    }
    *choice = (encoding_choice){encoding, payload_bytes(encoding, type, profile, set, INT64_MAX)};
    return choice->bytes < 0 ? mdli_error_encoding(error, encoding, type) : MDL_OK;
}

static mdl_status encode_source(mdl_context *context, mdl_encoding encoding,
                                const mdl_vector *vector, const integer_source *source,
                                mdli_block **out, mdl_error *error)
{
    mdli_profile profile;
    distinct_values set;
    set.is_known = false;
    mdli_profile_fill(&profile, mdli_kernels_of(context), source->values, source->is_64,
                      (int32_t)vector->n_rows);
    encoding_choice choice;
    mdl_status status = MDL_OK;
    MDLI_TRY_GOTO_DONE(
        settle_encoding(context, encoding, vector->type, &profile, &set, &choice, error));
    mdli_block *block;
    void *payload;
    MDLI_TRY_GOTO_DONE(mdli_block_allocate(context, vector, choice.encoding, choice.bytes, &block,
                                           &payload, error));
    if (vector->type == MDL_TYPE_FLOAT64) {
        mdli_block_set_real_stats(block, source->values);
    } else {
        const mdli_value_summary summary = summary_of_profile(&profile);
        set_integer_stats(block, &summary, set.is_known ? set.n_values : -1);
    }
    write_payload(choice.encoding, vector->type, &profile, &set, payload);
    *out = block;
done:
    mdli_profile_clear(context, &profile);
    return status;
}

static mdl_status encode_all_null(mdl_context *context, mdl_encoding encoding,
                                  const mdl_vector *vector, mdli_block **out, mdl_error *error)
{
    if (encoding != MDLI_ENCODING_CHEAPEST && encoding != MDL_ENCODING_CONSTANT) {
        return mdli_error_encoding(error, encoding, vector->type);
    }
    void *payload;
    MDLI_TRY(mdli_block_allocate(context, vector, MDL_ENCODING_CONSTANT, 0, out, &payload, error));
    (*out)->n_distinct = 0;
    return MDL_OK;
}

mdl_status mdli_encode_integers(mdl_context *context, mdl_encoding encoding,
                                const mdl_vector *values, mdli_block **out, mdl_error *error)
{
    int64_t n_nulls = mdli_count_nulls(values->validity, 0, values->n_rows);
    if (n_nulls == values->n_rows) {
        return encode_all_null(context, encoding, values, out, error);
    }
    integer_source source;
    mdl_status status = open_source(context, values, n_nulls > 0, &source, error);
    if (status == MDL_OK) {
        status = encode_source(context, encoding, values, &source, out, error);
    }
    mdli_free(context, source.scratch);
    return status;
}

/*
 * Decoding.
 */

/* Values of INT32 that are written at once. */
enum {
    FILL_VALUES = 16
};

/* Writes a value to [start, end) of n; what comes behind is written afterwards, so that as long as
 * there is room whole vectors are written. */
static void fill_int32(int32_t *out, int64_t start, int64_t end, int64_t n, int32_t value)
{
    if (end + FILL_VALUES > n) {
        for (int64_t i = start; i < end; i++) {
            out[i] = value;
        }
        return;
    }
    for (int64_t i = start; i < end; i += FILL_VALUES) {
        for (int k = 0; k < FILL_VALUES; k++) {
            out[i + k] = value;
        }
    }
}

static void fill_values(void *out, int64_t value_bytes, int64_t start, int64_t end, int64_t n,
                        int64_t value)
{
    if (value_bytes == 8) {
        for (int64_t i = start; i < end; i++) {
            ((int64_t *)out)[i] = value;
        }
    } else if (value_bytes == 4) {
        fill_int32(out, start, end, n, (int32_t)value);
    } else {
        memset((uint8_t *)out + start, (int)value, (size_t)(end - start));
    }
}

typedef struct run_view {
    const int64_t *values;
    const int32_t *ends;
    int32_t n_runs;
} run_view;

static run_view open_runs(const mdli_block *block)
{
    run_view runs = {.values = block->payload};
    runs.n_runs = (int32_t)(block->payload_bytes / run_length_payload_bytes(1));
    runs.ends = (const int32_t *)(runs.values + runs.n_runs);
    return runs;
}

int32_t mdli_find_run(const int32_t *ends, int32_t n_runs, int64_t row)
{
    int32_t low = 0;
    int32_t high = n_runs - 1;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (ends[middle] > row) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static void decode_run_length(const mdli_block *block, int64_t start, int64_t n, void *out)
{
    const run_view runs = open_runs(block);
    const int64_t value_bytes = mdli_value_bytes(block->type);
    int64_t row = 0;
    for (int32_t r = mdli_find_run(runs.ends, runs.n_runs, start); row < n; r++) {
        int64_t end = runs.ends[r] - start < n ? runs.ends[r] - start : n;
        fill_values(out, value_bytes, row, end, n, runs.values[r]);
        row = end;
    }
}

/* A block of packed frames that is read. */
typedef struct frame_reader {
    const mdli_kernels *kernels;
    int64_t value_bytes;
    mdli_frames frames;                  /* FRAME and DELTA */
    const dictionary_header *dictionary; /* DICTIONARY, else NULL */
    const uint8_t *packed_codes;
    int64_t n_frames;
} frame_reader;

/* Bytes that are fetched at once. */
enum {
    LINE_BYTES = 64
};

static frame_reader open_reader(const mdli_block *block)
{
    frame_reader reader = {.kernels = mdli_kernels_of(block->context),
                           .value_bytes = mdli_value_bytes(block->type),
                           .n_frames = mdli_n_frames(block->n_rows)};
    if (block->encoding == MDL_ENCODING_DICTIONARY) {
        reader.dictionary = block->payload;
        reader.packed_codes =
            (const uint8_t *)block->payload +
            dictionary_directory_bytes(reader.dictionary->n_values, reader.value_bytes == 8);
    } else {
        reader.frames =
            mdli_frames_open(reader.kernels, block->encoding, block->n_rows, block->payload);
    }
    return reader;
}

static const uint8_t *packed_codes_at(const frame_reader *reader, int64_t f)
{
    return reader->packed_codes + f * (int64_t)reader->dictionary->width * MDLI_FRAME_BYTES_PER_BIT;
}

static void read_codes(const frame_reader *reader, int64_t f, uint32_t *codes)
{
    reader->kernels->unpack(packed_codes_at(reader, f), 0, (int)reader->dictionary->width, codes);
}

static void read_frame_int32(const frame_reader *reader, int64_t f, uint32_t *out)
{
    if (reader->dictionary == NULL) {
        mdli_frames_read_int32(&reader->frames, f, out);
        return;
    }
    read_codes(reader, f, out);
    reader->kernels->lookup_int32((const uint32_t *)(reader->dictionary + 1),
                                  (int)reader->dictionary->n_values, out, out);
}

static void read_frame_int64(const frame_reader *reader, int64_t f, uint64_t *out)
{
    if (reader->dictionary == NULL) {
        mdli_frames_read_int64(&reader->frames, f, out);
        return;
    }
    uint32_t codes[MDLI_FRAME_ROWS];
    read_codes(reader, f, codes);
    reader->kernels->lookup_int64((const uint64_t *)(reader->dictionary + 1),
                                  (int)reader->dictionary->n_values, codes, out);
}

/* Decodes the MDLI_FRAME_ROWS values of frame `f`. */
static void read_frame(const frame_reader *reader, int64_t f, void *out)
{
    if (reader->value_bytes == 8) {
        read_frame_int64(reader, f, out);
    } else if (reader->value_bytes == 4) {
        read_frame_int32(reader, f, out);
    } else {
        uint32_t values[MDLI_FRAME_ROWS];
        read_frame_int32(reader, f, values);
        for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
            ((uint8_t *)out)[i] = (uint8_t)values[i];
        }
    }
}

/* Fetches at most `n` packed frames, from number `f` on, into the cache: vectors are mostly decoded
 * one behind the other, and what is done with one leaves time for the next to come from memory. */
static void fetch_frames(const frame_reader *reader, int64_t f, int64_t n)
{
    const bool has_codes = reader->dictionary != NULL;
    const int64_t end = f + n < reader->n_frames ? f + n : reader->n_frames;
    if (f >= end) {
        return;
    }
    const uint8_t *stop =
        has_codes ? packed_codes_at(reader, end) : mdli_frame_at(&reader->frames, end);
    const uint8_t *line =
        has_codes ? packed_codes_at(reader, f) : mdli_frame_at(&reader->frames, f);
    for (; line < stop; line += LINE_BYTES) {
        __builtin_prefetch(line);
    }
}

static void decode_frames(const frame_reader *reader, int64_t start, int64_t n, void *out)
{
    const int64_t end = start + n;
    uint8_t *to = out;
    for (int64_t row = start; row < end;) {
        const int64_t f = row / MDLI_FRAME_ROWS;
        const int64_t skipped = row % MDLI_FRAME_ROWS;
        int64_t taken = MDLI_FRAME_ROWS - skipped;
        if (taken <= end - row && skipped == 0) {
            read_frame(reader, f, to);
        } else {
            uint64_t frame[MDLI_FRAME_ROWS];
            taken = taken < end - row ? taken : end - row;
            read_frame(reader, f, frame);
            memcpy(to, (const uint8_t *)frame + skipped * reader->value_bytes,
                   (size_t)(taken * reader->value_bytes));
        }
        row += taken;
        to += taken * reader->value_bytes;
    }
    fetch_frames(reader, end / MDLI_FRAME_ROWS,
                 (n < MDLI_VECTOR_ROWS ? n : MDLI_VECTOR_ROWS) / MDLI_FRAME_ROWS);
}

void mdli_decode_codes(const mdli_block *block, int64_t start, int64_t n, int32_t *out)
{
    const mdli_kernels *kernels = mdli_kernels_of(block->context);
    const frame_reader reader = {
        .kernels = kernels,
        .value_bytes = sizeof *out,
        .frames = mdli_frames_open(kernels, MDL_ENCODING_FRAME, block->n_rows, block->payload),
        .n_frames = mdli_n_frames(block->n_rows),
    };
    decode_frames(&reader, start, n, out);
}

void mdli_decode_integers(const mdli_block *block, int64_t start, int64_t n, void *out)
{
    const int64_t value_bytes = mdli_value_bytes(block->type);
    switch (block->encoding) {
    case MDL_ENCODING_CONSTANT:
        fill_values(out, value_bytes, 0, n, n, block->first);
        break;
    case MDL_ENCODING_RUN_LENGTH:
        decode_run_length(block, start, n, out);
        break;
    case MDL_ENCODING_FRAME:
    case MDL_ENCODING_DELTA:
    case MDL_ENCODING_DICTIONARY: {
        const frame_reader reader = open_reader(block);
        decode_frames(&reader, start, n, out);
        break;
    }
    case MDL_ENCODING_PLAIN:
        memcpy(out, (const uint8_t *)block->payload + start * value_bytes,
               (size_t)(n * value_bytes));
        break;
    case MDL_ENCODING_SLICE:
        mdli_decode_integers(block->parent, block->first_row + start, n, out);
        break;
    case MDL_ENCODING_ZSTD:
        assert(!"ZSTD holds text only");
    }
}

bool mdli_block_runs(const mdli_block *block, const int64_t **values, const int32_t **ends,
                     int32_t *n_runs)
{
    if (block->n_nulls > 0 || block->type == MDL_TYPE_STRING || block->type == MDL_TYPE_FLOAT64) {
        return false;
    }
    if (block->encoding == MDL_ENCODING_CONSTANT) {
        *values = &block->first;
        *ends = &block->n_rows;
        *n_runs = 1;
        return true;
    }
    if (block->encoding == MDL_ENCODING_RUN_LENGTH) {
        const run_view runs = open_runs(block);
        *values = runs.values;
        *ends = runs.ends;
        *n_runs = runs.n_runs;
        return true;
    }
    return false;
}

/* Value i of those that a dictionary lists. */
static int64_t listed_value(const void *listed, int64_t value_bytes, int32_t i)
{
    return value_bytes == 8 ? ((const int64_t *)listed)[i] : ((const int32_t *)listed)[i];
}

void mdli_dictionary_bounds(const mdli_block *block, int64_t *least, int64_t *greatest)
{
    const dictionary_header *header = block->payload;
    const int64_t value_bytes = mdli_value_bytes(block->type);
    *least = listed_value(header + 1, value_bytes, 0);
    *greatest = *least;
    for (int32_t i = 1; i < (int32_t)header->n_values; i++) {
        const int64_t value = listed_value(header + 1, value_bytes, i);
        *least = value < *least ? value : *least;
        *greatest = value > *greatest ? value : *greatest;
    }
}

/* Adds a value to a short list that has it not; false when the list is full. */
static bool add_distinct(int64_t *values, int32_t capacity, int32_t *n, int64_t value)
{
    for (int32_t i = 0; i < *n; i++) {
        if (values[i] == value) {
            return true;
        }
    }
    if (*n == capacity) {
        return false;
    }
    values[(*n)++] = value;
    return true;
}

/* Values that a block lists. */
typedef struct value_list {
    const void *values;
    int32_t n;
    int64_t value_bytes;
} value_list;

/* The values of a block that are listed, or decoded where there are few; n < 0 = neither. */
static value_list list_values(const mdli_block *block, int64_t decoded[MDLI_VECTOR_ROWS])
{
    const int64_t value_bytes = mdli_value_bytes(block->type);
    const mdli_block *lister = block->encoding == MDL_ENCODING_SLICE ? block->parent : block;
    if (lister->encoding == MDL_ENCODING_DICTIONARY) {
        const dictionary_header *header = lister->payload;
        return (value_list){header + 1, (int32_t)header->n_values, value_bytes};
    }
    if (block->encoding == MDL_ENCODING_CONSTANT) {
        return (value_list){&block->first, 1, sizeof block->first};
    }
    if (block->encoding == MDL_ENCODING_RUN_LENGTH) {
        const run_view runs = open_runs(block);
        return (value_list){runs.values, runs.n_runs, sizeof *runs.values};
    }
    if (block->n_rows <= MDLI_VECTOR_ROWS) {
        mdli_decode_integers(block, 0, block->n_rows, decoded);
        return (value_list){decoded, block->n_rows, value_bytes};
    }
    return (value_list){.n = -1};
}

int32_t mdli_block_distinct_values(const mdli_block *block, int64_t *values, int32_t capacity)
{
    int64_t decoded[MDLI_VECTOR_ROWS];
    if (block->type == MDL_TYPE_FLOAT64 || block->type == MDL_TYPE_STRING || block->n_nulls > 0 ||
        mdli_value_bytes(block->type) < 4) {
        return -1;
    }
    const value_list list = list_values(block, decoded);
    int32_t n = list.n < 0 ? -1 : 0;
    for (int32_t i = 0; i < list.n; i++) {
        if (!add_distinct(values, capacity, &n, listed_value(list.values, list.value_bytes, i))) {
            return -1;
        }
    }
    return n;
}

/*
 * Payloads from outside.
 */

static const char *runs_fault(const mdli_block *block)
{
    const int64_t run_bytes = run_length_payload_bytes(1);
    const int64_t value_bytes = mdli_value_bytes(block->type);
    if (block->payload_bytes <= 0 || block->payload_bytes % run_bytes != 0 ||
        block->payload_bytes > run_bytes * block->n_rows) {
        return "its runs are cut off";
    }
    const run_view runs = open_runs(block);
    bool is_sound = true;
    int32_t end = 0;
    for (int32_t r = 0; r < runs.n_runs; r++) {
        is_sound = is_sound && runs.ends[r] > end;
        end = runs.ends[r];
        /* BOOL is held against its bounds with the other statistics. */
        is_sound = is_sound && (value_bytes == 8 || runs.values[r] == (int32_t)runs.values[r]);
    }
    return is_sound && end == block->n_rows ? NULL : "its runs are not in order";
}

/* Decoding looks up the codes of whole frames, unused rows included. */
static const char *dictionary_fault(const mdli_block *block)
{
    const int64_t n_frames = mdli_n_frames(block->n_rows);
    const dictionary_header *header = block->payload;
    if (block->payload_bytes < (int64_t)sizeof *header || header->n_values < 1 ||
        header->n_values > MDLI_INTEGER_DICTIONARY_MAX ||
        header->width != (uint32_t)mdli_bits((uint64_t)header->n_values - 1) ||
        block->payload_bytes !=
            dictionary_directory_bytes(header->n_values, mdli_value_bytes(block->type) == 8) +
                n_frames * (int64_t)header->width * MDLI_FRAME_BYTES_PER_BIT) {
        return "its dictionary has a header that does not fit it";
    }
    const frame_reader reader = open_reader(block);
    uint32_t greatest = 0;
    for (int64_t f = 0; f < n_frames; f++) {
        uint32_t least;
        uint32_t greatest_of_frame;
        reader.kernels->packed_range(packed_codes_at(&reader, f), (int)header->width, &least,
                                     &greatest_of_frame);
        greatest = greatest_of_frame > greatest ? greatest_of_frame : greatest;
    }
    return greatest < header->n_values ? NULL
                                       : "it names a value that its dictionary does not have";
}

/* The parent was looked at by itself. */
static const char *slice_fault(const mdli_block *block)
{
    const mdli_block *parent = block->parent;
    if (block->payload_bytes != 0 || block->n_nulls != 0 ||
        !mdli_is_same_form(block->type, parent->type) || !mdli_block_can_be_cut(parent) ||
        parent->parent != NULL) {
        return "it is a slice of a block that cannot be cut";
    }
    return block->first_row >= 0 && block->n_rows <= parent->n_rows - block->first_row
               ? NULL
               : "it is a slice of more rows than there are";
}

const char *mdli_integers_fault(const mdli_block *block)
{
    const int64_t value_bytes = mdli_value_bytes(block->type);
    if (block->dictionary != NULL) {
        return "it has a dictionary and needs none, or the reverse";
    }
    switch (block->encoding) {
    case MDL_ENCODING_CONSTANT:
        if (value_bytes < 8 && block->first != (int32_t)block->first) {
            return "its value does not fit its type";
        }
        return block->payload_bytes == 0 ? NULL : "it holds more than its value";
    case MDL_ENCODING_RUN_LENGTH:
        return runs_fault(block);
    case MDL_ENCODING_FRAME:
    case MDL_ENCODING_DELTA:
        return mdli_frames_fault(mdli_kernels_of(block->context), block->encoding, block->n_rows,
                                 value_bytes, block->payload, block->payload_bytes);
    case MDL_ENCODING_DICTIONARY:
        return dictionary_fault(block);
    case MDL_ENCODING_PLAIN:
        return block->payload_bytes == block->n_rows * value_bytes ? NULL
                                                                   : "its values are cut off";
    case MDL_ENCODING_SLICE:
        return slice_fault(block);
    case MDL_ENCODING_ZSTD:
        break;
    }
    return "its encoding holds text only";
}

static bool has_same_stats(const mdli_block *a, const mdli_block *b)
{
    return a->has_min_max == b->has_min_max && a->min == b->min && a->max == b->max &&
           a->first == b->first && a->last == b->last && a->is_sorted == b->is_sorted &&
           a->is_strictly_sorted == b->is_strictly_sorted &&
           (b->n_distinct < 0 || a->n_distinct == b->n_distinct);
}

static const char stats_fault[] = "its statistics are not those of its values";

/* A block of which nothing is known yet, to be given statistics as when it was encoded. */
static mdli_block without_stats(const mdli_block *block)
{
    return (mdli_block){.type = block->type,
                        .encoding = block->encoding,
                        .n_rows = block->n_rows,
                        .n_nulls = block->n_nulls,
                        .validity = block->validity,
                        .n_distinct = -1};
}

static const char *all_null_stats_fault(const mdli_block *block)
{
    mdli_block expected = without_stats(block);
    expected.n_distinct = 0;
    return block->encoding == MDL_ENCODING_CONSTANT && has_same_stats(block, &expected)
               ? NULL
               : stats_fault;
}

void mdli_block_set_integer_stats(mdli_block *block)
{
    mdli_value_summary summary;
    mdli_summarise_integers(block, &summary);
    set_integer_stats(block, &summary, -1);
}

const char *mdli_integer_stats_fault(const mdli_block *block)
{
    if (block->n_nulls == block->n_rows) {
        return all_null_stats_fault(block);
    }
    mdli_block expected = without_stats(block);
    mdli_value_summary summary;
    mdli_summarise_integers(block, &summary);
    set_integer_stats(&expected, &summary, -1);
    if (block->type == MDL_TYPE_BOOL && (summary.min < 0 || summary.max > 1)) {
        return "it holds a BOOL that is neither true nor false";
    }
    return has_same_stats(block, &expected) ? NULL : stats_fault;
}

const char *mdli_real_stats_fault(const mdli_block *block, const double *reals)
{
    if (block->n_nulls == block->n_rows) {
        return all_null_stats_fault(block);
    }
    mdli_block expected = without_stats(block);
    mdli_block_set_real_stats(&expected, reals);
    return has_same_stats(block, &expected) ? NULL : stats_fault;
}
