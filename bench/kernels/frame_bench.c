/*
 * The kernels on frames and arrays of integers. Each is applied to frames that fit a level-2 cache;
 * what it gives must be what the scalar reference gives.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel_groups.h"
#include "kernels/kernels.h"

enum {
    N_FRAMES = 64,
    N_ROWS = N_FRAMES * MDLI_FRAME_ROWS,
    N_TABLE = 10, /* entries of a lookup: as many as there are ratings */
    PAGE_BITS = 4,
    RUN_ROWS = 159, /* as many ratings as users have */
    N_RUNS = N_ROWS / RUN_ROWS
};

/* What kernels work on. */
typedef struct frame_input {
    int width;
    uint32_t *values; /* below 2^width */
    uint64_t *wide;   /* the same, over a base */
    uint32_t *codes;  /* below N_TABLE */
    uint32_t *paged;  /* in N_TABLE pages of 2^PAGE_BITS values */
    uint8_t *packed;  /* `values`, frame after frame */
    uint8_t *packed_differences;
    uint32_t table[N_TABLE + 16];
    uint64_t wide_table[N_TABLE + 8];
    uint32_t moves[MDLI_RELOCATE_MAX];
    uint8_t near_table[MDLI_NEAR_VALUES];
} frame_input;

/* What kernels give: zeros where one gives less. */
typedef union frame_output {
    uint32_t values[N_ROWS];
    uint64_t wide[N_ROWS];
    uint8_t packed[N_ROWS * sizeof(uint32_t) + 64];
    mdli_frame_stats stats[N_FRAMES];
    mdli_run_facts facts[N_RUNS];
    int32_t bounds[2];
    int64_t wide_bounds[2];
    struct {
        int32_t n;
        uint32_t pages[MDLI_RELOCATE_MAX];
        uint8_t codes[MDLI_FRAME_ROWS];
    } frames[N_FRAMES];
} frame_output;

/* Applies one kernel to all frames. */
typedef void frame_apply(const mdli_kernels *kernels, const frame_input *in, frame_output *out);

typedef struct frame_parameter {
    frame_apply *apply;
    int width;
    int row_bytes; /* of the unpacked values */
} frame_parameter;

typedef struct frame_state {
    const mdli_kernels *kernels;
    frame_input input;
    frame_output *output;
    frame_output *expected;
} frame_state;

/* Wide values are timestamps, too. */
static const uint64_t base = UINT64_C(1) << 37;

static int frame_bytes(int width)
{
    return width * MDLI_FRAME_BYTES_PER_BIT;
}

static void apply_pack(const mdli_kernels *kernels, const frame_input *in, frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        kernels->pack(in->values + f * MDLI_FRAME_ROWS, 0, in->width,
                      out->packed + f * frame_bytes(in->width));
    }
}

static void apply_unpack(const mdli_kernels *kernels, const frame_input *in, frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        kernels->unpack(in->packed + f * frame_bytes(in->width), 1, in->width,
                        out->values + f * MDLI_FRAME_ROWS);
    }
}

/* Differences of values below 2^(width - 1) take `width` bits above the least, -2^(width - 1). */
static uint32_t least_difference(int width)
{
    return -(UINT32_C(1) << (width - 1));
}

static void apply_pack_differences(const mdli_kernels *kernels, const frame_input *in,
                                   frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        kernels->pack_differences(in->values + f * MDLI_FRAME_ROWS, least_difference(in->width),
                                  in->width, out->packed + f * frame_bytes(in->width));
    }
}

static void apply_unpack_differences(const mdli_kernels *kernels, const frame_input *in,
                                     frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        kernels->unpack_differences(in->packed_differences + f * frame_bytes(in->width),
                                    in->values[f * MDLI_FRAME_ROWS], least_difference(in->width),
                                    in->width, out->values + f * MDLI_FRAME_ROWS);
    }
}

static void apply_packed_range(const mdli_kernels *kernels, const frame_input *in,
                               frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        kernels->packed_range(in->packed + f * frame_bytes(in->width), in->width,
                              &out->values[2 * f], &out->values[2 * f + 1]);
    }
}

static void apply_packed_sum(const mdli_kernels *kernels, const frame_input *in, frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        out->values[f] = kernels->packed_sum(in->packed + f * frame_bytes(in->width), in->width);
    }
}

static void apply_accumulated_range(const mdli_kernels *kernels, const frame_input *in,
                                    frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        kernels->accumulated_range(1, in->codes + f * MDLI_FRAME_ROWS, &out->values[2 * f],
                                   &out->values[2 * f + 1]);
    }
}

static void apply_above(const mdli_kernels *kernels, const frame_input *in, frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        kernels->above(in->codes + f * MDLI_FRAME_ROWS, N_TABLE - 2,
                       out->wide + f * (MDLI_FRAME_ROWS / 64));
    }
}

static void apply_find_pages(const mdli_kernels *kernels, const frame_input *in, frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        out->frames[f].n =
            kernels->find_pages(in->paged + f * MDLI_FRAME_ROWS, 0, PAGE_BITS, MDLI_RELOCATE_MAX,
                                out->frames[f].pages, out->frames[f].codes);
    }
}

static void apply_subtract_entries(const mdli_kernels *kernels, const frame_input *in,
                                   frame_output *out)
{
    uint8_t codes[MDLI_FRAME_ROWS];
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        codes[i] = (uint8_t)in->codes[i];
    }
    for (int f = 0; f < N_FRAMES; f++) {
        kernels->subtract_entries(in->paged + f * MDLI_FRAME_ROWS, codes, in->moves,
                                  out->values + f * MDLI_FRAME_ROWS);
    }
}

/* Copies the frame first, as it is changed in its place. */
static void apply_relocate(const mdli_kernels *kernels, const frame_input *in, frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        uint32_t *values = out->values + f * MDLI_FRAME_ROWS;
        memcpy(values, in->values + f * MDLI_FRAME_ROWS, MDLI_FRAME_ROWS * sizeof *values);
        kernels->relocate(in->moves, N_TABLE, PAGE_BITS, values);
    }
}

static void apply_lookup_near(const mdli_kernels *kernels, const frame_input *in, frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        kernels->lookup_near(in->near_table, in->values + f * MDLI_FRAME_ROWS, 0,
                             out->values + f * MDLI_FRAME_ROWS);
    }
}

static void apply_widen(const mdli_kernels *kernels, const frame_input *in, frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        kernels->widen(in->values + f * MDLI_FRAME_ROWS, base, out->wide + f * MDLI_FRAME_ROWS);
    }
}

static void apply_narrow(const mdli_kernels *kernels, const frame_input *in, frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        kernels->narrow(in->wide + f * MDLI_FRAME_ROWS, out->values + f * MDLI_FRAME_ROWS);
    }
}

static void apply_lookup_int32(const mdli_kernels *kernels, const frame_input *in,
                               frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        kernels->lookup_int32(in->table, N_TABLE, in->codes + f * MDLI_FRAME_ROWS,
                              out->values + f * MDLI_FRAME_ROWS);
    }
}

static void apply_lookup_int64(const mdli_kernels *kernels, const frame_input *in,
                               frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        kernels->lookup_int64(in->wide_table, N_TABLE, in->codes + f * MDLI_FRAME_ROWS,
                              out->wide + f * MDLI_FRAME_ROWS);
    }
}

static void apply_stats_int32(const mdli_kernels *kernels, const frame_input *in, frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        kernels->frame_stats_int32((const int32_t *)in->values + f * MDLI_FRAME_ROWS,
                                   &out->stats[f]);
    }
}

static void apply_stats_int64(const mdli_kernels *kernels, const frame_input *in, frame_output *out)
{
    for (int f = 0; f < N_FRAMES; f++) {
        kernels->frame_stats_int64((const int64_t *)in->wide + f * MDLI_FRAME_ROWS, &out->stats[f]);
    }
}

static void apply_min_max_int64(const mdli_kernels *kernels, const frame_input *in,
                                frame_output *out)
{
    kernels->min_max_int64((const int64_t *)in->wide, N_ROWS, &out->wide_bounds[0],
                           &out->wide_bounds[1]);
}

static void apply_run_facts_int32(const mdli_kernels *kernels, const frame_input *in,
                                  frame_output *out)
{
    for (int r = 0; r < N_RUNS; r++) {
        kernels->run_facts_int32((const int32_t *)in->values + r * RUN_ROWS, RUN_ROWS,
                                 &out->facts[r]);
    }
}

static void apply_run_distinct_int32(const mdli_kernels *kernels, const frame_input *in,
                                     frame_output *out)
{
    for (int r = 0; r < N_RUNS; r++) {
        out->wide[r] = (uint64_t)kernels->run_distinct_int32(
            (const int32_t *)in->values + r * RUN_ROWS, RUN_ROWS);
    }
}

static void apply_run_bounds_int64(const mdli_kernels *kernels, const frame_input *in,
                                   frame_output *out)
{
    int64_t *bounds = (int64_t *)out->wide;
    for (int r = 0; r < N_RUNS; r++) {
        kernels->min_max_int64((const int64_t *)in->wide + r * RUN_ROWS, RUN_ROWS, &bounds[2 * r],
                               &bounds[2 * r + 1]);
    }
}

static void apply_days(const mdli_kernels *kernels, const frame_input *in, frame_output *out)
{
    kernels->days((const int64_t *)in->wide, N_ROWS, (int32_t *)out->values);
}

static void apply_all_bits_int32(const mdli_kernels *kernels, const frame_input *in,
                                 frame_output *out)
{
    static const uint32_t bits = ((uint32_t)1 << N_TABLE) - 1;
    const int32_t *keys = (const int32_t *)in->codes;
    out->bounds[0] = kernels->all_bits_int32(&bits, N_TABLE, 0, keys, N_ROWS);
}

static void apply_compare_int32(const mdli_kernels *kernels, const frame_input *in,
                                frame_output *out)
{
    for (int i = 0; i < N_ROWS; i += 64) {
        const int32_t *numbers = (const int32_t *)in->values + i;
        out->wide[i / 32] =
            kernels->compare_int32(numbers, (const int32_t *)in->codes + i, &out->wide[i / 32 + 1]);
    }
}

/* Codes as keys and as values. */
static void apply_add_to_lanes(const mdli_kernels *kernels, const frame_input *in,
                               frame_output *out)
{
    const mdli_mask_table table = {in->values, N_TABLE, 0};
    const int32_t *codes = (const int32_t *)in->codes;
    memset(out->wide, 0, MDLI_MASK_LANES * sizeof *out->wide);
    kernels->add_to_lanes(&table, codes, codes, N_ROWS, 0, N_TABLE - 1, out->wide);
}

/* Values as groups and as extremes, codes as values; states of 64 bytes. */
static void apply_count_into_states(const mdli_kernels *kernels, const frame_input *in,
                                    frame_output *out)
{
    static const int64_t listed[N_TABLE] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const mdli_state_form form = {
        .size_bytes = 64, .n_values = N_TABLE, .values = listed, .nearest = (int64_t)base};
    memset(out->values, 0, sizeof out->values);
    kernels->count_into_states(&form, out->values, (const int32_t *)in->values, 0,
                               (const int32_t *)in->codes, (const int64_t *)in->wide, N_ROWS);
}

static void fill_input(frame_input *in, int width)
{
    const mdli_kernels *reference = mdli_kernels_for(MDL_SIMD_SCALAR);
    uint64_t random = 1;
    in->width = width;
    in->values = bench_allocate(N_ROWS * sizeof *in->values);
    in->wide = bench_allocate(N_ROWS * sizeof *in->wide);
    in->codes = bench_allocate(N_ROWS * sizeof *in->codes);
    in->paged = bench_allocate(N_ROWS * sizeof *in->paged);
    in->packed = bench_allocate(N_FRAMES * frame_bytes(width) + 64);
    in->packed_differences = bench_allocate(N_FRAMES * frame_bytes(width) + 64);
    for (int i = 0; i < N_ROWS; i++) {
        in->values[i] = (uint32_t)(bench_random(&random) >> (65 - width));
        in->wide[i] = base + in->values[i];
        in->codes[i] = (uint32_t)(bench_random(&random) % N_TABLE);
        in->paged[i] = in->codes[i] << 2 * PAGE_BITS | in->values[i] % (1 << PAGE_BITS);
    }
    for (int i = 0; i < MDLI_NEAR_VALUES; i++) {
        in->near_table[i] = (uint8_t)bench_random(&random);
    }
    for (int i = 0; i < N_TABLE; i++) {
        in->table[i] = (uint32_t)(i + 1) * 50;
        in->wide_table[i] = base + in->table[i];
        in->moves[i] = in->table[i];
    }
    for (int f = 0; f < N_FRAMES; f++) {
        const uint32_t *values = in->values + f * MDLI_FRAME_ROWS;
        reference->pack(values, 0, width, in->packed + f * frame_bytes(width));
        reference->pack_differences(values, least_difference(width), width,
                                    in->packed_differences + f * frame_bytes(width));
    }
}

static bool setup(bench_run *run)
{
    const frame_parameter *parameter = run->parameter;
    frame_state *state = bench_allocate(sizeof *state);
    run->state = state;
    state->kernels = mdli_kernels_for(run->world->level);
    fill_input(&state->input, parameter->width);
    state->output = bench_allocate(sizeof *state->output);
    state->expected = bench_allocate(sizeof *state->expected);
    parameter->apply(mdli_kernels_for(MDL_SIMD_SCALAR), &state->input, state->expected);
    run->n_rows = N_ROWS;
    run->n_bytes = (int64_t)N_ROWS * parameter->row_bytes;
    return true;
}

static bool apply(bench_run *run)
{
    const frame_parameter *parameter = run->parameter;
    frame_state *state = run->state;
    parameter->apply(state->kernels, &state->input, state->output);
    return true;
}

static bool check(bench_run *run)
{
    const frame_state *state = run->state;
    return memcmp(state->output, state->expected, sizeof *state->output) == 0 ||
           bench_fail(run, "the result is not that of the scalar reference");
}

static void teardown(bench_run *run)
{
    frame_state *state = run->state;
    free(state->input.values);
    free(state->input.wide);
    free(state->input.codes);
    free(state->input.paged);
    free(state->input.packed);
    free(state->input.packed_differences);
    free(state->output);
    free(state->expected);
    free(state);
}

#define FRAME_CASE(label, function, bits, bytes)                                                   \
    {                                                                                              \
        .name = label, .parameter = &(const frame_parameter){function, bits, bytes},               \
        .setup = setup, .run = apply, .check = check, .teardown = teardown                         \
    }

static const bench_case cases[] = {
    FRAME_CASE("pack, 4 bits", apply_pack, 4, 4),
    FRAME_CASE("pack, 13 bits", apply_pack, 13, 4),
    FRAME_CASE("pack, 24 bits", apply_pack, 24, 4),
    FRAME_CASE("unpack, 4 bits", apply_unpack, 4, 4),
    FRAME_CASE("unpack, 13 bits", apply_unpack, 13, 4),
    FRAME_CASE("unpack, 24 bits", apply_unpack, 24, 4),
    FRAME_CASE("pack differences, 13 bits", apply_pack_differences, 13, 4),
    FRAME_CASE("unpack differences, 13 bits", apply_unpack_differences, 13, 4),
    FRAME_CASE("bounds of packed values, 13 bits", apply_packed_range, 13, 4),
    FRAME_CASE("sum of packed values, 13 bits", apply_packed_sum, 13, 4),
    FRAME_CASE("bounds of accumulated steps", apply_accumulated_range, 13, 4),
    FRAME_CASE("rows above a bound", apply_above, 13, 4),
    FRAME_CASE("find 10 pages", apply_find_pages, 13, 4),
    FRAME_CASE("move values out of 10 pages", apply_subtract_entries, 13, 4),
    FRAME_CASE("move values to 10 pages", apply_relocate, PAGE_BITS + 3, 4),
    FRAME_CASE("widen", apply_widen, 24, 8),
    FRAME_CASE("narrow", apply_narrow, 24, 8),
    FRAME_CASE("lookup in 10 INT32", apply_lookup_int32, 4, 4),
    FRAME_CASE("lookup in 10 INT64", apply_lookup_int64, 4, 8),
    FRAME_CASE("lookup in 512 near bytes", apply_lookup_near, 9, 4),
    FRAME_CASE("frame statistics of INT32", apply_stats_int32, 24, 4),
    FRAME_CASE("frame statistics of INT64", apply_stats_int64, 24, 8),
    FRAME_CASE("min and max of INT64", apply_min_max_int64, 24, 8),
    FRAME_CASE("facts of runs of 159 INT32", apply_run_facts_int32, 9, 4),
    FRAME_CASE("min and max of runs of 159 INT64", apply_run_bounds_int64, 24, 8),
    FRAME_CASE("distinct of runs of 159 close INT32", apply_run_distinct_int32, 6, 4),
    FRAME_CASE("distinct of runs of 159 INT32", apply_run_distinct_int32, 13, 4),
    FRAME_CASE("days of timestamps", apply_days, 24, 8),
    FRAME_CASE("compare INT32", apply_compare_int32, 4, 4),
    FRAME_CASE("all bits of INT32 keys", apply_all_bits_int32, 24, 4),
    FRAME_CASE("add to 20 lanes by mask", apply_add_to_lanes, 20, 4),
    FRAME_CASE("count into 1,024 states", apply_count_into_states, 11, 4),
};

const bench_group bench_frame_kernels = {
    .name = "frames",
    .variants = BENCH_PER_LEVEL,
    .cases = cases,
    .n_cases = BENCH_COUNT_OF(cases),
};
