/*
 * A registry of small benchmarks and the program around it.
 *
 * A benchmark has a name, sets up what it works on, runs, and checks the answer of a run. The
 * harness runs it once, checks, and then repeats it until enough time was spent, once for every
 * variant of its group: a group runs per kernel level or per number of threads. A wrong answer, or
 * an operator that did not work in the way that the benchmark is named after, is a failure: what
 * was not done has no speed.
 *
 *     PROGRAM [--data DIR] [--match TEXT] [--seconds S] [--threads N] [--json]
 *
 * One line per benchmark and variant goes to stdout, or with --json an array of objects. The exit
 * status is 1 when a benchmark failed.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdbool.h>
#include <stdint.h>

#include <medallion/medallion.h>

/* What a variant of a group runs in. */
typedef struct bench_world {
    mdl_context *context;
    mdl_simd level;   /* kernel level of the context */
    const char *data; /* folder of the CSVs; NULL = none was given */
    void *shared;     /* what the group's `open` made */
} bench_world;

/* One benchmark at work. `setup` fills it in. */
typedef struct bench_run {
    bench_world *world;
    const void *parameter; /* of the benchmark */
    void *state;           /* the benchmark's own */
    int64_t n_rows;        /* rows that a run works on */
    int64_t n_bytes;       /* bytes of them: of decoded values, of a file; 0 = not of interest */
    char note[128];        /* what to know of the result, such as the operator's strategy */
    char failure[256];     /* why a step answered false */
} bench_run;

/* Steps answer false after a failure, told by bench_fail. `teardown` follows `setup` in any case.
 */
typedef struct bench_case {
    const char *name;
    const void *parameter;
    bool (*setup)(bench_run *run);
    bool (*run)(bench_run *run);
    bool (*check)(bench_run *run);
    void (*teardown)(bench_run *run);
} bench_case;

typedef enum bench_variants {
    BENCH_PER_LEVEL = 1, /* each kernel level that the processor has, on one thread */
    BENCH_PER_THREADS    /* one thread, and as many as --threads says */
} bench_variants;

typedef struct bench_group {
    const char *name;
    bench_variants variants;
    bool needs_data;
    const bench_case *cases;
    int n_cases;
    bool (*open)(bench_run *run); /* fills in run->world->shared; NULL = nothing to do */
    void (*close)(void *shared);
} bench_group;

#define BENCH_COUNT_OF(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Notes why a step failed; returns false. */
__attribute__((format(printf, 2, 3))) bool bench_fail(bench_run *run, const char *format, ...);

/* Whether a call of the library went well; else its message is the failure. */
bool bench_ok(bench_run *run, mdl_status status, const mdl_error *error);

/* Memory of a benchmark, zeroed and aligned to 64 bytes; the program ends when there is none. */
void *bench_allocate(int64_t size_bytes);

/* The next number of a fixed sequence that starts from `*state`: the same data at every run. */
uint64_t bench_random(uint64_t *state);

/* Runs the groups as the arguments say; the program's exit status. */
int bench_main(int argc, char **argv, const bench_group *const *groups, int n_groups);

#endif
