/*
 * The kernels of the CSV reader, on lines such as those of ratings.csv: finding separators and line
 * ends, and reading numbers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_groups.h"
#include "kernels/csv_kernels.h"
#include "kernels/kernels.h"

enum {
    TEXT_BYTES = 48 * 1024,
    PADDING = 64,
    N_NUMBERS = MDLI_CSV_NUMBERS_MAX,
    N_BATCHES = 24
};

typedef struct csv_state {
    const mdli_kernels *kernels;
    char *memory; /* the text, with padding before and behind */
    int64_t size_bytes;
    int64_t n_lines;
    uint16_t *positions;
    uint16_t begins[N_BATCHES][N_NUMBERS]; /* movie ids */
    uint16_t ends[N_BATCHES][N_NUMBERS];
    int64_t numbers[N_BATCHES][N_NUMBERS];
    uint64_t good[N_BATCHES];
    int64_t n_found;
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

/* Notes where movie ids stand, by a plain loop. */
static void find_movies(csv_state *state)
{
    const char *line = state->memory + PADDING;
    for (int i = 0; i < N_BATCHES * N_NUMBERS; i++) {
        const char *begin = strchr(line, ',') + 1;
        const char *end = strchr(begin, ',');
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
    state->positions = bench_allocate((TEXT_BYTES + MDLI_CSV_SCAN_SLACK) * 2);
    fill_text(state);
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
    state->n_found =
        state->kernels->csv_scan(state->memory + PADDING, state->size_bytes, state->positions);
    return true;
}

static bool check_scan(bench_run *run)
{
    const csv_state *state = run->state;
    const char *text = state->memory + PADDING;
    int64_t n = 0;
    for (int64_t i = 0; i < state->size_bytes; i++) {
        if (text[i] == ',' || text[i] == '\n') {
            if (n >= state->n_found || state->positions[n] != i) {
                return bench_fail(run, "byte %lld was not found", (long long)i);
            }
            n++;
        }
    }
    return n == state->n_found || bench_fail(run, "bytes were found that are not there");
}

static bool setup_numbers(bench_run *run)
{
    csv_state *state = make_state(run);
    find_movies(state);
    run->n_rows = (int64_t)N_BATCHES * N_NUMBERS;
    for (int b = 0; b < N_BATCHES; b++) {
        for (int i = 0; i < N_NUMBERS; i++) {
            run->n_bytes += state->ends[b][i] - state->begins[b][i];
        }
    }
    return true;
}

static bool read_numbers(bench_run *run)
{
    csv_state *state = run->state;
    for (int b = 0; b < N_BATCHES; b++) {
        state->good[b] =
            state->kernels->csv_read_numbers(state->memory, state->begins[b], state->ends[b],
                                             N_NUMBERS, 1, INT32_MAX, state->numbers[b]);
    }
    return true;
}

static bool check_numbers(bench_run *run)
{
    const csv_state *state = run->state;
    for (int b = 0; b < N_BATCHES; b++) {
        for (int i = 0; i < N_NUMBERS; i++) {
            long long expected = strtoll(state->memory + state->begins[b][i], NULL, 10);
            if ((state->good[b] >> i & 1) == 0 || state->numbers[b][i] != expected) {
                return bench_fail(run, "%lld was not read", expected);
            }
        }
    }
    return true;
}

static void teardown(bench_run *run)
{
    csv_state *state = run->state;
    free(state->memory);
    free(state->positions);
    free(state);
}

static const bench_case cases[] = {
    {"find separators and line ends", NULL, setup_scan, scan, check_scan, teardown},
    {"read numbers", NULL, setup_numbers, read_numbers, check_numbers, teardown},
};

const bench_group bench_csv_kernels = {
    .name = "csv",
    .variants = BENCH_PER_LEVEL,
    .cases = cases,
    .n_cases = BENCH_COUNT_OF(cases),
};
