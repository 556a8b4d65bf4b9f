/*
 * Encoding and decoding of whole blocks, in each encoding, on values of the kind that it is for.
 * What is decoded must be what was encoded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tuning.h"
#include "column/column_internal.h"
#include "kernel_groups.h"

enum {
    N_ROWS = MDLI_BLOCK_ROWS_MAX,
    N_GENRES = 20,
    TEXT_CAPACITY = N_ROWS * 48,
    /* Blocks that are decoded in turn: a buffer keeps the last text that it decompressed. */
    N_BLOCKS = 2
};

/* Writes the values of the benchmark into the vector's memory. */
typedef void make_values(mdl_vector *values, char *text);

typedef struct encoding_parameter {
    mdl_encoding encoding;
    mdl_type type;
    make_values *make;
    bool has_dictionary; /* a STRING vector in dictionary form */
} encoding_parameter;

typedef struct encoding_state {
    mdl_vector values;
    char *text;
    mdli_dictionary *dictionary;
    mdli_block *blocks[N_BLOCKS];
    mdli_decode_buffer buffer;
    mdl_vector decoded;
} encoding_state;

static int32_t *int32_values(mdl_vector *values)
{
    return (int32_t *)values->values;
}

static int64_t *int64_values(mdl_vector *values)
{
    return (int64_t *)values->values;
}

static void make_constant(mdl_vector *values, char *text)
{
    (void)text;
    for (int i = 0; i < N_ROWS; i++) {
        int32_values(values)[i] = 42;
    }
}

/* User ids: 159 rows each on average. */
static void make_users(mdl_vector *values, char *text)
{
    (void)text;
    uint64_t random = 3;
    int32_t user = 1;
    for (int i = 0; i < N_ROWS; i++) {
        user += bench_random(&random) % 159 == 0;
        int32_values(values)[i] = user;
    }
}

/* Movie ids: ascending within a user. */
static void make_movies(mdl_vector *values, char *text)
{
    (void)text;
    uint64_t random = 4;
    int32_t movie = 0;
    for (int i = 0; i < N_ROWS; i++) {
        movie += 1 + (int32_t)(bench_random(&random) % 500);
        movie = bench_random(&random) % 159 == 0 ? 1 : movie;
        int32_values(values)[i] = movie;
    }
}

/* Ratings in hundredths: ten values. */
static void make_ratings(mdl_vector *values, char *text)
{
    (void)text;
    uint64_t random = 5;
    for (int i = 0; i < N_ROWS; i++) {
        int32_values(values)[i] = 50 * (1 + (int32_t)(bench_random(&random) % 10));
    }
}

/* Times: sessions of a few hours, far from each other. */
static void make_times(mdl_vector *values, char *text)
{
    (void)text;
    uint64_t random = 6;
    int64_t session = 1000000000;
    for (int i = 0; i < N_ROWS; i++) {
        if (bench_random(&random) % 159 == 0) {
            session = 900000000 + (int64_t)(bench_random(&random) % 700000000);
        }
        int64_values(values)[i] = session + (int64_t)(bench_random(&random) % 10000);
    }
}

static void make_noise(mdl_vector *values, char *text)
{
    (void)text;
    uint64_t random = 7;
    for (int i = 0; i < N_ROWS; i++) {
        int64_values(values)[i] = (int64_t)bench_random(&random);
    }
}

static void make_titles(mdl_vector *values, char *text)
{
    uint64_t random = 8;
    mdl_string *rows = (mdl_string *)values->values;
    for (int i = 0; i < N_ROWS; i++) {
        int size =
            sprintf(text, "The Title Number %u (%u)", (unsigned)(bench_random(&random) % 1000000),
                    1900 + (unsigned)(bench_random(&random) % 120));
        rows[i] = (mdl_string){text, size};
        text += size;
    }
}

static void make_genres(mdl_vector *values, char *text)
{
    uint64_t random = 9;
    mdl_string *entries = (mdl_string *)values->dictionary;
    for (int i = 0; i < N_GENRES; i++) {
        int size = sprintf(text, "Genre %d", i);
        entries[i] = (mdl_string){text, size};
        text += size;
    }
    for (int i = 0; i < N_ROWS; i++) {
        ((int32_t *)values->codes)[i] = (int32_t)(bench_random(&random) % N_GENRES);
    }
}

static int64_t type_bytes(mdl_type type)
{
    return type == MDL_TYPE_STRING                                ? (int64_t)sizeof(mdl_string)
           : type == MDL_TYPE_INT64 || type == MDL_TYPE_TIMESTAMP ? 8
                                                                  : 4;
}

/* Bytes of the values as a program would hold them: texts without what points to them. */
static int64_t count_bytes(const mdl_vector *values)
{
    if (values->type != MDL_TYPE_STRING) {
        return values->n_rows * type_bytes(values->type);
    }
    int64_t n = 0;
    for (int64_t i = 0; i < values->n_rows; i++) {
        n += mdl_vector_string(values, i).size_bytes;
    }
    return n;
}

static bool make_dictionary(bench_run *run, encoding_state *state)
{
    mdl_error error = MDL_ERROR_INIT;
    return bench_ok(run,
                    mdli_dictionary_create(run->world->context, state->values.dictionary, N_GENRES,
                                           &state->dictionary, &error),
                    &error);
}

static bool setup(bench_run *run)
{
    const encoding_parameter *parameter = run->parameter;
    encoding_state *state = bench_allocate(sizeof *state);
    run->state = state;
    state->text = bench_allocate(TEXT_CAPACITY);
    state->values = (mdl_vector){.type = parameter->type, .n_rows = N_ROWS};
    if (parameter->has_dictionary) {
        state->values.codes = bench_allocate(N_ROWS * (int64_t)sizeof(int32_t));
        state->values.dictionary = bench_allocate(N_GENRES * (int64_t)sizeof(mdl_string));
        state->values.n_dictionary = N_GENRES;
    } else {
        state->values.values = bench_allocate(N_ROWS * type_bytes(parameter->type));
    }
    mdli_decode_buffer_init(&state->buffer, run->world->context);
    parameter->make(&state->values, state->text);
    run->n_rows = N_ROWS;
    run->n_bytes = count_bytes(&state->values);
    return !parameter->has_dictionary || make_dictionary(run, state);
}

static bool encode_block(bench_run *run, mdli_block **out)
{
    const encoding_parameter *parameter = run->parameter;
    const encoding_state *state = run->state;
    mdl_error error = MDL_ERROR_INIT;
    return bench_ok(run,
                    mdli_block_encode_as(run->world->context, parameter->encoding, &state->values,
                                         state->dictionary, out, &error),
                    &error);
}

static bool decode_block(bench_run *run, const mdli_block *block)
{
    encoding_state *state = run->state;
    mdl_error error = MDL_ERROR_INIT;
    return bench_ok(
        run, mdli_block_decode(block, 0, N_ROWS, &state->buffer, &state->decoded, &error), &error);
}

static bool encode(bench_run *run)
{
    encoding_state *state = run->state;
    mdli_block_release(state->blocks[0]);
    state->blocks[0] = NULL;
    return encode_block(run, &state->blocks[0]);
}

static bool setup_decode(bench_run *run)
{
    if (!setup(run)) {
        return false;
    }
    encoding_state *state = run->state;
    for (int i = 0; i < N_BLOCKS; i++) {
        if (!encode_block(run, &state->blocks[i])) {
            return false;
        }
    }
    run->n_rows *= N_BLOCKS;
    run->n_bytes *= N_BLOCKS;
    return true;
}

static bool decode(bench_run *run)
{
    const encoding_state *state = run->state;
    for (int i = 0; i < N_BLOCKS; i++) {
        if (!decode_block(run, state->blocks[i])) {
            return false;
        }
    }
    return true;
}

static bool is_same(const mdl_vector *a, const mdl_vector *b)
{
    if (a->type != MDL_TYPE_STRING) {
        return memcmp(a->values, b->values, (size_t)(N_ROWS * type_bytes(a->type))) == 0;
    }
    for (int i = 0; i < N_ROWS; i++) {
        mdl_string x = mdl_vector_string(a, i);
        mdl_string y = mdl_vector_string(b, i);
        if (x.size_bytes != y.size_bytes || memcmp(x.data, y.data, (size_t)x.size_bytes) != 0) {
            return false;
        }
    }
    return true;
}

static bool check(bench_run *run)
{
    const encoding_parameter *parameter = run->parameter;
    const encoding_state *state = run->state;
    const mdli_block *block = state->blocks[0];
    if (block->encoding != parameter->encoding) {
        return bench_fail(run, "the block is in encoding %s", mdl_encoding_name(block->encoding));
    }
    if (!decode_block(run, block)) {
        return false;
    }
    snprintf(run->note, sizeof run->note, "%.2f bytes per row", (double)block->size_bytes / N_ROWS);
    return is_same(&state->values, &state->decoded) ||
           bench_fail(run, "decoding does not give what was encoded");
}

static void teardown(bench_run *run)
{
    encoding_state *state = run->state;
    mdli_decode_buffer_free(&state->buffer);
    for (int i = 0; i < N_BLOCKS; i++) {
        mdli_block_release(state->blocks[i]);
    }
    if (state->dictionary != NULL) {
        mdli_dictionary_release(state->dictionary);
    }
    free((void *)state->values.values);
    free((void *)state->values.codes);
    free((void *)state->values.dictionary);
    free(state->text);
    free(state);
}

#define ENCODE_CASE(label, ...)                                                                    \
    {                                                                                              \
        "encode " label, &(const encoding_parameter){__VA_ARGS__}, setup, encode, check, teardown  \
    }

#define DECODE_CASE(label, ...)                                                                    \
    {                                                                                              \
        "decode " label, &(const encoding_parameter){__VA_ARGS__}, setup_decode, decode, check,    \
            teardown                                                                               \
    }

#define ENCODING_CASES(label, ...) ENCODE_CASE(label, __VA_ARGS__), DECODE_CASE(label, __VA_ARGS__)

/* Plain integers are only encoded here: they are read where they stand, which takes no time. */
static const bench_case cases[] = {
    ENCODING_CASES("constant INT32", MDL_ENCODING_CONSTANT, MDL_TYPE_INT32, make_constant, false),
    ENCODING_CASES("run-length INT32", MDL_ENCODING_RUN_LENGTH, MDL_TYPE_INT32, make_users, false),
    ENCODING_CASES("frame-of-reference INT64", MDL_ENCODING_FRAME, MDL_TYPE_INT64, make_times,
                   false),
    ENCODING_CASES("delta INT32", MDL_ENCODING_DELTA, MDL_TYPE_INT32, make_movies, false),
    ENCODING_CASES("dictionary DECIMAL", MDL_ENCODING_DICTIONARY, MDL_TYPE_DECIMAL, make_ratings,
                   false),
    ENCODING_CASES("dictionary STRING", MDL_ENCODING_DICTIONARY, MDL_TYPE_STRING, make_genres,
                   true),
    ENCODE_CASE("plain INT64", MDL_ENCODING_PLAIN, MDL_TYPE_INT64, make_noise, false),
    ENCODING_CASES("plain STRING", MDL_ENCODING_PLAIN, MDL_TYPE_STRING, make_titles, false),
    ENCODING_CASES("zstd STRING", MDL_ENCODING_ZSTD, MDL_TYPE_STRING, make_titles, false),
};

const bench_group bench_encodings = {
    .name = "encodings",
    .variants = BENCH_PER_LEVEL,
    .cases = cases,
    .n_cases = BENCH_COUNT_OF(cases),
};
