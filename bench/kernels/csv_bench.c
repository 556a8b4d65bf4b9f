/*
 * The kernels of the CSV reader, on lines such as those of ratings.csv: finding separators and line
 * ends, dealing them to fields, reading numbers, hashing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "kernel_groups.h"
#include "kernels/csv_kernels.h"
#include "kernels/kernels.h"

enum {
    TEXT_BYTES = 48 * 1024,
    PADDING = 64,
    N_NUMBERS = MDLI_CSV_NUMBERS_MAX,
    N_BATCHES = 24,
    N_FIELDS = 4
};

typedef struct csv_state {
    const mdli_kernels *kernels;
    char *memory; /* the text, with padding before and behind */
    int64_t size_bytes;
    int64_t n_lines;
    mdli_csv_marks marks;
    uint16_t *field_begins; /* by fields, N_FIELDS lists of `stride` */
    uint16_t *field_ends;
    int64_t stride;
    uint16_t begins[N_BATCHES][N_NUMBERS]; /* one field of each line */
    uint16_t ends[N_BATCHES][N_NUMBERS];
    int32_t numbers[N_BATCHES][N_NUMBERS];
    int64_t wide_numbers[N_BATCHES][N_NUMBERS];
    uint64_t good[N_BATCHES];
    uint8_t hash[MDLI_HASH_BYTES];
} csv_state;

/* Writes lines of user, movie, rating and time, until the text is full. */
static void fill_text(csv_state *state)
{
    uint64_t random = 2;
    char *at = state->memory + PADDING;
    char *end = at + TEXT_BYTES - 64;
    while (at < end) {
        unsigned movie = (unsigned)(bench_random(&random) % 200000) + 1;
        unsigned half_stars = (unsigned)(bench_random(&random) % 10) + 1;
        unsigned seconds = 1000000000u + (unsigned)(bench_random(&random) % 600000000);
        at += sprintf(at, "4711,%u,%u.%u,%u\n", movie, half_stars / 2, half_stars % 2 * 5, seconds);
        state->n_lines++;
    }
    state->size_bytes = at - (state->memory + PADDING);
}

/* Notes where field `field` of each line stands, by a plain loop. */
static void find_field(csv_state *state, int field)
{
    const char *line = state->memory + PADDING;
    for (int i = 0; i < N_BATCHES * N_NUMBERS; i++) {
        const char *begin = line;
        for (int f = 0; f < field; f++) {
            begin = strchr(begin, ',') + 1;
        }
        const char *end = begin + strcspn(begin, ",\n");
        state->begins[i / N_NUMBERS][i % N_NUMBERS] = (uint16_t)(begin - state->memory);
        state->ends[i / N_NUMBERS][i % N_NUMBERS] = (uint16_t)(end - state->memory);
        line = strchr(end, '\n') + 1;
    }
}

static csv_state *make_state(bench_run *run)
{
    csv_state *state = bench_allocate(sizeof *state);
    run->state = state;
    state->kernels = mdli_kernels_for(run->world->level);
    state->memory = bench_allocate(PADDING + TEXT_BYTES + PADDING);
    state->marks.positions = bench_allocate((TEXT_BYTES + MDLI_CSV_SCAN_SLACK) * 2);
    state->marks.kinds = bench_allocate(TEXT_BYTES + MDLI_CSV_SCAN_SLACK);
    fill_text(state);
    state->stride = state->n_lines + MDLI_CSV_DEAL_SLACK;
    state->field_begins = bench_allocate((size_t)(N_FIELDS * state->stride) * 2);
    state->field_ends = bench_allocate((size_t)(N_FIELDS * state->stride) * 2);
    return state;
}

static bool setup_scan(bench_run *run)
{
    const csv_state *state = make_state(run);
    run->n_rows = state->n_lines;
    run->n_bytes = state->size_bytes;
    return true;
}

static bool scan(bench_run *run)
{
    csv_state *state = run->state;
    state->kernels->csv_scan(state->memory + PADDING, state->size_bytes, &state->marks);
    return true;
}

static bool check_scan(bench_run *run)
{
    const csv_state *state = run->state;
    const char *text = state->memory + PADDING;
    int64_t n = 0;
    for (int64_t i = 0; i < state->size_bytes; i++) {
        if (text[i] == ',' || text[i] == '\n') {
            if (n >= state->marks.n || state->marks.positions[n] != i ||
                state->marks.kinds[n] != text[i]) {
                return bench_fail(run, "byte %lld was not found", (long long)i);
            }
            n++;
        }
    }
    return n == state->marks.n || bench_fail(run, "bytes were found that are not there");
}

static bool hash(bench_run *run)
{
    csv_state *state = run->state;
    mdli_hash_state stream;
    mdli_hash_reset(&stream);
    state->kernels->hash_update(&stream, state->memory + PADDING, state->size_bytes);
    mdli_hash_digest(&stream, state->hash);
    return true;
}

static bool check_hash(bench_run *run)
{
    const csv_state *state = run->state;
    XXH128_canonical_t expected;
    XXH128_canonicalFromHash(&expected,
                             XXH3_128bits(state->memory + PADDING, (size_t)state->size_bytes));
    return memcmp(state->hash, expected.digest, sizeof state->hash) == 0 ||
           bench_fail(run, "the hash is another");
}

static bool setup_deal(bench_run *run)
{
    setup_scan(run);
    return scan(run);
}

static bool deal(bench_run *run)
{
    csv_state *state = run->state;
    int64_t start = 0;
    for (int64_t i = 0; i < state->n_lines; i += MDLI_CSV_NUMBERS_MAX) {
        const int64_t n_left = state->n_lines - i;
        const mdli_csv_records records = {
            .positions = state->marks.positions + i * N_FIELDS,
            .n_fields = N_FIELDS,
            .n_records = n_left < MDLI_CSV_NUMBERS_MAX ? n_left : MDLI_CSV_NUMBERS_MAX,
            .start = start};
        state->kernels->csv_deal(&records, state->field_begins + i, state->field_ends + i,
                                 state->stride);
        start = records.positions[records.n_records * N_FIELDS - 1] + 1;
    }
    return true;
}

static bool check_deal(bench_run *run)
{
    const csv_state *state = run->state;
    int64_t begin = 0;
    for (int64_t i = 0; i < state->n_lines * N_FIELDS; i++) {
        const int64_t entry = i % N_FIELDS * state->stride + i / N_FIELDS;
        if (state->field_begins[entry] != begin ||
            state->field_ends[entry] != state->marks.positions[i]) {
            return bench_fail(run, "mark %lld was not dealt", (long long)i);
        }
        begin = state->marks.positions[i] + 1;
    }
    return true;
}

static bool setup_field(bench_run *run, int field)
{
    csv_state *state = make_state(run);
    find_field(state, field);
    run->n_rows = (int64_t)N_BATCHES * N_NUMBERS;
    for (int b = 0; b < N_BATCHES; b++) {
        for (int i = 0; i < N_NUMBERS; i++) {
            run->n_bytes += state->ends[b][i] - state->begins[b][i];
        }
    }
    return true;
}

static bool setup_int32(bench_run *run)
{
    return setup_field(run, 1);
}

static bool setup_decimals(bench_run *run)
{
    return setup_field(run, 2);
}

static bool setup_int64(bench_run *run)
{
    return setup_field(run, 3);
}

static bool read_int32(bench_run *run)
{
    csv_state *state = run->state;
    for (int b = 0; b < N_BATCHES; b++) {
        state->good[b] =
            state->kernels->csv_read_int32(state->memory, state->begins[b], state->ends[b],
                                           N_NUMBERS, 1, INT32_MAX, state->numbers[b]);
    }
    return true;
}

static bool read_decimals(bench_run *run)
{
    csv_state *state = run->state;
    for (int b = 0; b < N_BATCHES; b++) {
        state->good[b] =
            state->kernels->csv_read_decimals(state->memory, state->begins[b], state->ends[b],
                                              N_NUMBERS, 0, INT32_MAX, state->numbers[b]);
    }
    return true;
}

static bool read_int64(bench_run *run)
{
    csv_state *state = run->state;
    for (int b = 0; b < N_BATCHES; b++) {
        state->good[b] =
            state->kernels->csv_read_int64(state->memory, state->begins[b], state->ends[b],
                                           N_NUMBERS, 0, INT64_MAX, state->wide_numbers[b]);
    }
    return true;
}

static bool check_number(bench_run *run, int b, int i, int64_t number)
{
    const csv_state *state = run->state;
    const char *text = state->memory + state->begins[b][i];
    char *end;
    int64_t expected = strtoll(text, &end, 10);
    if (*end == '.') {
        expected = expected * 100 + (int64_t)(end[1] - '0') * 10;
    }
    return ((state->good[b] >> i & 1) != 0 && number == expected) ||
           bench_fail(run, "%.12s was not read", text);
}

static bool check_numbers(bench_run *run)
{
    const csv_state *state = run->state;
    for (int b = 0; b < N_BATCHES; b++) {
        for (int i = 0; i < N_NUMBERS; i++) {
            if (!check_number(run, b, i, state->numbers[b][i])) {
                return false;
            }
        }
    }
    return true;
}

static bool check_wide_numbers(bench_run *run)
{
    const csv_state *state = run->state;
    for (int b = 0; b < N_BATCHES; b++) {
        for (int i = 0; i < N_NUMBERS; i++) {
            if (!check_number(run, b, i, state->wide_numbers[b][i])) {
                return false;
            }
        }
    }
    return true;
}

static void teardown(bench_run *run)
{
    csv_state *state = run->state;
    free(state->memory);
    free(state->marks.positions);
    free(state->marks.kinds);
    free(state->field_begins);
    free(state->field_ends);
    free(state);
}

static const bench_case cases[] = {
    {"find separators and line ends", NULL, setup_scan, scan, check_scan, teardown},
    {"hash (XXH3-128)", NULL, setup_scan, hash, check_hash, teardown},
    {"deal marks to fields", NULL, setup_deal, deal, check_deal, teardown},
    {"read numbers as int32", NULL, setup_int32, read_int32, check_numbers, teardown},
    {"read numbers as int64", NULL, setup_int64, read_int64, check_wide_numbers, teardown},
    {"read decimals", NULL, setup_decimals, read_decimals, check_numbers, teardown},
};

const bench_group bench_csv_kernels = {
    .name = "csv",
    .variants = BENCH_PER_LEVEL,
    .cases = cases,
    .n_cases = BENCH_COUNT_OF(cases),
};
