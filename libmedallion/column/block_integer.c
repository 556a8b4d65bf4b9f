/*
 * Blocks of all types but STRING, encoded; block_integer_decode.c reads them. BOOL is encoded as
 * INT32, FLOAT64 as the bits of its doubles, which loses nothing.
 *
 * Payloads, besides those of block_frames.c:
 *   CONSTANT    nothing: the value is the block's `first`
 *   RUN_LENGTH  values (8 bytes each), then the rows where their runs end (4 bytes each)
 *   DICTIONARY  header; the distinct values, rising, as INT32 or INT64; frames of codes, all of one
 *               width
 *   PLAIN       as in a vector
 *
 * A value under NULL is given the value of the row before it (or of the first row that has one), so
 * that it costs as little as can be.
 */
#include "column/block_integer.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

/* The first row that is not NULL; some row is not. */
static int64_t first_valid_row(const uint64_t *validity)
{
    int64_t row = 0;
    while (!mdli_is_valid(validity, row)) {
        row++;
    }
    return row;
}

void mdli_fill_nulls(const int32_t *values, const uint64_t *validity, int64_t n, int32_t *out)
{
    int32_t value = values[first_valid_row(validity)];
    for (int64_t i = 0; i < n; i++) {
        value = mdli_is_valid(validity, i) ? values[i] : value;
        out[i] = value;
    }
}

static void fill_nulls_int64(const int64_t *values, const uint64_t *validity, int64_t n,
                             int64_t *out)
{
    int64_t value = values[first_valid_row(validity)];
    for (int64_t i = 0; i < n; i++) {
        value = mdli_is_valid(validity, i) ? values[i] : value;
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
 * Choosing and writing.
 */

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
                             const mdli_distinct_values *set, int64_t limit)
{
    switch (encoding) {
    case MDL_ENCODING_CONSTANT:
        return profile->n_runs == 1 ? 0 : -1;
    case MDL_ENCODING_RUN_LENGTH:
        return mdli_run_length_bytes(profile->n_runs);
    case MDL_ENCODING_FRAME:
        return mdli_frame_payload_bytes(profile);
    case MDL_ENCODING_DELTA:
        return mdli_profile_plan_delta(profile, limit);
    case MDL_ENCODING_DICTIONARY:
        return set->is_known ? mdli_dictionary_payload_bytes(profile, set->n_values) : -1;
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
                                  mdli_distinct_values *set, encoding_choice *best,
                                  mdl_error *error)
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
            mdli_dictionary_payload_bytes(profile, 2) < best->bytes) {
            mdli_find_distinct_values(set, profile);
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
                          const mdli_distinct_values *set, void *payload)
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
        mdli_write_dictionary(profile, set, payload);
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
                                  mdli_profile *profile, mdli_distinct_values *set,
                                  encoding_choice *choice, mdl_error *error)
{
    /* FRAME has pages where the choice gives it some. */
    if (encoding == MDLI_ENCODING_CHEAPEST || encoding == MDL_ENCODING_FRAME) {
        MDLI_TRY(choose_encoding(context, type, profile, set, choice, error));
    } else if (encoding == MDL_ENCODING_DICTIONARY) {
        mdli_find_distinct_values(set, profile);
    }
    if (encoding == MDLI_ENCODING_CHEAPEST) {
        return MDL_OK;
    }
    *choice = (encoding_choice){encoding, payload_bytes(encoding, type, profile, set, INT64_MAX)};
    return choice->bytes < 0 ? mdli_error_encoding(error, encoding, type) : MDL_OK;
}

static mdl_status encode_source(mdl_context *context, mdl_encoding encoding,
                                const mdl_vector *vector, const integer_source *source,
                                int page_bits, mdli_block **out, mdl_error *error)
{
    mdli_profile profile;
    mdli_distinct_values set;
    set.is_known = false;
    mdli_profile_fill(&profile, mdli_kernels_of(context), source->values, source->is_64,
                      (int32_t)vector->n_rows);
    profile.told_page_bits = page_bits;
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
        mdli_block_note_summary(block, &summary, set.is_known ? set.n_values : -1);
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
                                const mdl_vector *values, int page_bits, mdli_block **out,
                                mdl_error *error)
{
    int64_t n_nulls = mdli_count_nulls(values->validity, 0, values->n_rows);
    if (n_nulls == values->n_rows) {
        return encode_all_null(context, encoding, values, out, error);
    }
    integer_source source;
    mdl_status status = open_source(context, values, n_nulls > 0, &source, error);
    if (status == MDL_OK) {
        status = encode_source(context, encoding, values, &source, page_bits, out, error);
    }
    mdli_free(context, source.scratch);
    return status;
}
