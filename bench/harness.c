/*
 * Runs benchmarks, measures them and prints what came out; see harness.h.
 */
#include "harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A batch takes at least so long, so that reading the clock does not count. */
#define BATCH_SECONDS 0.005

/* Batches of which the median is told, whatever time they take. */
#define BATCHES_MIN 3
#define BATCHES_MAX 1000

typedef struct bench_options {
    const char *data;
    const char *match; /* only benchmarks whose group and name contain it; NULL = all */
    double seconds;    /* to spend on each */
    int32_t n_threads;
    bool is_json;
} bench_options;

/* Seconds of one run, over the batches. */
typedef struct bench_times {
    double median;
    double least;
} bench_times;

typedef struct bench_program {
    bench_options options;
    int n_failed;
    int n_printed;
} bench_program;

bool bench_fail(bench_run *run, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->failure, sizeof run->failure, format, arguments);
    va_end(arguments);
    return false;
}

bool bench_ok(bench_run *run, mdl_status status, const mdl_error *error)
{
    return status == MDL_OK || bench_fail(run, "%s", error->message);
}

void *bench_allocate(int64_t size_bytes)
{
    size_t size = ((size_t)size_bytes + 63) / 64 * 64 + 64;
    void *memory = aligned_alloc(64, size);
    if (memory == NULL) {
        fprintf(stderr, "no memory for %lld bytes\n", (long long)size_bytes);
        exit(3);
    }
    return memset(memory, 0, size);
}

uint64_t bench_random(uint64_t *state)
{
    /* An xorshift generator; its state must not be 0. */
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x * UINT64_C(0x9e3779b97f4a7c15);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Repeats a benchmark that was checked. */
static bool measure(const bench_case *bench, bench_run *run, double seconds, bench_times *times)
{
    static double batches[BATCHES_MAX];
    int n_batches = 0;
    int64_t n_runs = 1;
    double end = now() + seconds;
    while (n_batches < BATCHES_MIN || (n_batches < BATCHES_MAX && now() < end)) {
        double start = now();
        for (int64_t i = 0; i < n_runs; i++) {
            if (!bench->run(run)) {
                return false;
            }
        }
        double taken = now() - start;
        if (taken < BATCH_SECONDS) {
            n_runs *= 2; /* too short to tell: measured again with more */
            continue;
        }
        batches[n_batches++] = taken / (double)n_runs;
    }
    qsort(batches, (size_t)n_batches, sizeof *batches, compare_doubles);
    *times = (bench_times){.median = batches[n_batches / 2], .least = batches[0]};
    return true;
}

static void print_json_text(const char *name, const char *text)
{
    printf("\"%s\": \"", name);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            printf("\\%c", *c);
        } else if (*c >= ' ') {
            putchar(*c);
        }
    }
    printf("\"");
}

static void print_json(bench_program *program, const bench_group *group, const bench_case *bench,
                       const char *variant, const bench_run *run, const bench_times *times)
{
    printf("%s\n  {", program->n_printed == 0 ? "[" : ",");
    print_json_text("group", group->name);
    printf(", ");
    print_json_text("name", bench->name);
    printf(", ");
    print_json_text("variant", variant);
    printf(", ");
    if (times == NULL) {
        print_json_text("failure", run->failure);
    } else {
        print_json_text("note", run->note);
        printf(", \"rows\": %lld, \"bytes\": %lld, \"seconds\": %.9g, \"least_seconds\": %.9g",
               (long long)run->n_rows, (long long)run->n_bytes, times->median, times->least);
    }
    printf("}");
}

static void print_line(const bench_group *group, const bench_case *bench, const char *variant,
                       const bench_run *run, const bench_times *times)
{
    printf("%-10s %-46s %-10s ", group->name, bench->name, variant);
    if (times == NULL) {
        printf("FAILED: %s\n", run->failure);
        return;
    }
    printf("%12.3f us %10.1f Mrows/s", times->median * 1e6,
           (double)run->n_rows / times->median * 1e-6);
    if (run->n_bytes > 0) {
        printf(" %8.2f GB/s", (double)run->n_bytes / times->median * 1e-9);
    } else {
        printf(" %13s", "");
    }
    printf("%s%s\n", run->note[0] != '\0' ? "  " : "", run->note);
}

static void print_result(bench_program *program, const bench_group *group, const bench_case *bench,
                         const char *variant, const bench_run *run, const bench_times *times)
{
    if (program->options.is_json) {
        print_json(program, group, bench, variant, run, times);
    } else {
        print_line(group, bench, variant, run, times);
    }
    program->n_printed++;
    program->n_failed += times == NULL;
    fflush(stdout);
}

static void run_case(bench_program *program, const bench_group *group, const bench_case *bench,
                     const char *variant, bench_world *world)
{
    bench_run run = {.world = world, .parameter = bench->parameter};
    bench_times times;
    bool is_measured = bench->setup(&run) && bench->run(&run) && bench->check(&run) &&
                       measure(bench, &run, program->options.seconds, &times);
    print_result(program, group, bench, variant, &run, is_measured ? &times : NULL);
    bench->teardown(&run);
}

static bool is_wanted(const bench_options *options, const bench_group *group,
                      const bench_case *bench)
{
    char name[256];
    snprintf(name, sizeof name, "%s %s", group->name, bench->name);
    return options->match == NULL || strstr(name, options->match) != NULL;
}

static bool is_any_wanted(const bench_options *options, const bench_group *group)
{
    for (int i = 0; i < group->n_cases; i++) {
        if (is_wanted(options, group, &group->cases[i])) {
            return true;
        }
    }
    return false;
}

static bool open_group(const bench_group *group, bench_world *world)
{
    bench_run opening = {.world = world};
    if (group->open == NULL || group->open(&opening)) {
        return true;
    }
    fprintf(stderr, "%s: %s\n", group->name, opening.failure);
    return false;
}

/* Runs a group in a context of its own. */
static void run_variant(bench_program *program, const bench_group *group, const char *variant,
                        mdl_simd level, int32_t n_threads)
{
    mdl_context_options settings;
    mdl_context_options_init(&settings);
    settings.n_threads = n_threads;
    settings.max_simd = level;
    mdl_error error = MDL_ERROR_INIT;
    bench_world world = {.data = program->options.data};
    if (mdl_context_create(&settings, &world.context, &error) != MDL_OK) {
        fprintf(stderr, "%s\n", error.message);
        exit(3);
    }
    world.level = mdl_context_simd(world.context);
    if (!open_group(group, &world)) {
        program->n_failed++;
    } else {
        for (int i = 0; i < group->n_cases; i++) {
            if (is_wanted(&program->options, group, &group->cases[i])) {
                run_case(program, group, &group->cases[i], variant, &world);
            }
        }
    }
    if (group->close != NULL) {
        group->close(world.shared);
    }
    mdl_context_free(world.context);
}

static mdl_simd best_level(void)
{
    mdl_context *context = NULL;
    mdl_simd best = MDL_SIMD_SCALAR;
    if (mdl_context_create(NULL, &context, NULL) == MDL_OK) {
        best = mdl_context_simd(context);
    }
    mdl_context_free(context);
    return best;
}

static void run_per_level(bench_program *program, const bench_group *group)
{
    static const struct {
        mdl_simd level;
        const char *name;
    } levels[] = {
        {MDL_SIMD_SCALAR, "scalar"}, {MDL_SIMD_AVX2, "avx2"}, {MDL_SIMD_AVX512, "avx512"}};
    mdl_simd best = best_level();
    for (int i = 0; i < BENCH_COUNT_OF(levels); i++) {
        if (levels[i].level <= best) {
            run_variant(program, group, levels[i].name, levels[i].level, 1);
        }
    }
}

static void run_per_threads(bench_program *program, const bench_group *group)
{
    run_variant(program, group, "1 thread", MDL_SIMD_BEST, 1);
    if (program->options.n_threads > 1) {
        char variant[32];
        snprintf(variant, sizeof variant, "%d threads", (int)program->options.n_threads);
        run_variant(program, group, variant, MDL_SIMD_BEST, program->options.n_threads);
    }
}

static void run_group(bench_program *program, const bench_group *group)
{
    if (!is_any_wanted(&program->options, group)) {
        return;
    }
    if (group->needs_data && program->options.data == NULL) {
        fprintf(stderr, "%s: left out, it needs --data\n", group->name);
    } else if (group->variants == BENCH_PER_LEVEL) {
        run_per_level(program, group);
    } else {
        run_per_threads(program, group);
    }
}

static void usage(const char *program)
{
    fprintf(stderr,
            "usage: %s [--data DIR] [--match TEXT] [--seconds S] [--threads N] [--json]\n"
            "  --data DIR     folder of the four CSVs\n"
            "  --match TEXT   only benchmarks whose group or name contains TEXT\n"
            "  --seconds S    time for each benchmark (default 0.3)\n"
            "  --threads N    threads beside one (default 2)\n"
            "  --json         an array of objects instead of lines\n",
            program);
    exit(2);
}

static bench_options parse_arguments(int argc, char **argv)
{
    bench_options options = {.seconds = 0.3, .n_threads = 2};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            options.is_json = true;
            continue;
        }
        if (i + 1 == argc) {
            usage(argv[0]);
        }
        const char *name = argv[i++];
        if (strcmp(name, "--data") == 0) {
            options.data = argv[i];
        } else if (strcmp(name, "--match") == 0) {
            options.match = argv[i];
        } else if (strcmp(name, "--seconds") == 0) {
            options.seconds = strtod(argv[i], NULL);
        } else if (strcmp(name, "--threads") == 0) {
            options.n_threads = (int32_t)strtol(argv[i], NULL, 10);
        } else {
            usage(argv[0]);
        }
    }
    return options;
}

int bench_main(int argc, char **argv, const bench_group *const *groups, int n_groups)
{
    bench_program program = {.options = parse_arguments(argc, argv)};
    for (int i = 0; i < n_groups; i++) {
        run_group(&program, groups[i]);
    }
    if (program.options.is_json) {
        printf("%s]\n", program.n_printed == 0 ? "[" : "\n");
    }
    return program.n_failed > 0 ? 1 : 0;
}
