/*
 * What a day costs: a warehouse over a store is built from DATA and committed; then days come, each
 * with files of 1 % of its ratings, each to a process of its own that opens the store, loads, builds
 * and commits.
 *
 * - sessions: long sessions of few users after everything that was there;
 * - usual: sessions too, a tenth of them of new users, and 1 % of the tags;
 * - nothing: no file came;
 * - scattered: single ratings of random users and movies at random times, which fall into every
 *   block;
 * - after: a usual day again, when the scattered one has left nothing as it was.
 *
 *     increment DATA STORE [--threads N] [--tests] [--files FOLDER] [--check] [--json]
 *
 * STORE must not exist. The files of the days are left in folders of FOLDER with the days' names, for
 * other engines to do the same. Each phase is told in CPU seconds (user and system) of its process and wall
 * seconds, then what each day cost in all beside the first build; with --json, that alone as an array
 * of objects. With --tests the data quality tests run too. With --check every model is compared with
 * a full refresh at the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <medallion/medallion.h>

#include "harness.h"

typedef struct clock_reading {
    double cpu;
    double wall;
} clock_reading;

static clock_reading read_clock(void)
{
    struct rusage usage;
    struct timespec now;
    getrusage(RUSAGE_SELF, &usage);
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (clock_reading){
        .cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec),
        .wall = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec,
    };
}

/* How the program was called. */
static struct {
    int n_threads;
    bool has_tests;
    bool is_checked;
    bool is_json;
    const char *files; /* folder; NULL = files are removed */
} settings = {.n_threads = 1};

/* What a day does, one after another. */
static const char *const phases[] = {"open", "load", "build", "commit"};

enum {
    N_PHASES = sizeof phases / sizeof *phases
};

/* What a day cost; in memory that its process shares. */
typedef struct day_cost {
    clock_reading phases[N_PHASES];
    int64_t new_bytes;
    int64_t peak_bytes;
} day_cost;

/* Ends a phase of a day. */
static void tell(const char *day, int phase, clock_reading *since, day_cost *cost)
{
    clock_reading now = read_clock();
    cost->phases[phase] = (clock_reading){now.cpu - since->cpu, now.wall - since->wall};
    if (!settings.is_json) {
        printf("%-10s %-8s %8.3f CPU s %8.3f s\n", day, phases[phase], cost->phases[phase].cpu,
               cost->phases[phase].wall);
        fflush(stdout);
    }
    *since = read_clock();
}

static void require(mdl_status status, const mdl_error *error)
{
    if (status != MDL_OK) {
        fprintf(stderr, "increment: %s\n", error->message);
        exit(1);
    }
}

/* An open warehouse. */
typedef struct session {
    mdl_context *context;
    mdl_store *store;
    mdl_warehouse *warehouse;
    mdl_error error;
} session;

static void open_session(session *s, const char *store)
{
    *s = (session){.error = MDL_ERROR_INIT};
    mdl_context_options context_options;
    mdl_context_options_init(&context_options);
    context_options.n_threads = settings.n_threads;
    require(mdl_context_create(&context_options, &s->context, &s->error), &s->error);
    require(mdl_store_open(s->context, store, NULL, &s->store, &s->error), &s->error);
    mdl_warehouse_options options;
    mdl_warehouse_options_init(&options);
    options.store = s->store;
    require(mdl_warehouse_create(s->context, &options, &s->warehouse, &s->error), &s->error);
}

static void close_session(session *s)
{
    mdl_warehouse_free(s->warehouse);
    mdl_store_close(s->store);
    mdl_context_free(s->context);
}

/* With one thread, tasks run one after another, and what the process uses is theirs. */
static void task_started(void *user_data, const mdl_run_result *task, int32_t index,
                         int32_t n_tasks)
{
    (void)task;
    (void)index;
    (void)n_tasks;
    *(clock_reading *)user_data = read_clock();
}

static void task_finished(void *user_data, const mdl_run_result *task, int32_t index,
                          int32_t n_tasks)
{
    (void)index;
    (void)n_tasks;
    if (task->kind != MDL_TASK_MODEL || settings.is_json || settings.n_threads > 1) {
        return;
    }
    printf("    %-26s %8.3f CPU s", task->name,
           read_clock().cpu - ((const clock_reading *)user_data)->cpu);
    printf("%s", task->reused ? "  reused" : task->incremental ? "  incremental" : "");
    for (int32_t c = 0; c < task->n_counters; c++) {
        printf("  %s %lld", task->counters[c].name, (long long)task->counters[c].value);
    }
    printf("\n");
}

/* Opens the store, loads a path unless it is NULL, builds and commits, and tells what each costs. */
static void run_day(const char *day, const char *store, const char *path, day_cost *cost)
{
    session s;
    clock_reading since = read_clock();
    open_session(&s, store);
    tell(day, 0, &since, cost);
    if (path != NULL) {
        require(mdl_warehouse_load(s.warehouse, &path, 1, NULL, &s.error), &s.error);
    }
    tell(day, 1, &since, cost);
    mdl_build_options options;
    clock_reading task_start;
    mdl_build_options_init(&options);
    options.tests = settings.has_tests ? MDL_TESTS_AFTER_EACH : MDL_TESTS_NONE;
    options.events.task_started = task_started;
    options.events.task_finished = task_finished;
    options.events.user_data = &task_start;
    require(mdl_warehouse_build(s.warehouse, &options, NULL, &s.error), &s.error);
    tell(day, 2, &since, cost);
    require(mdl_warehouse_commit(s.warehouse, NULL, &s.error), &s.error);
    tell(day, 3, &since, cost);
    mdl_store_version_info info;
    int32_t last = mdl_store_n_versions(s.store) - 1;
    require(mdl_store_get_version(s.store, last, &info, &s.error), &s.error);
    cost->new_bytes = info.new_bytes;
    cost->peak_bytes = mdl_context_memory_peak(s.context);
    close_session(&s);
}

/* What is in the sources, for new rows to be made like theirs. */
typedef struct source_facts {
    int64_t n_ratings;
    int64_t n_tags;
    int32_t users_max;
    int64_t first_time;
    int64_t last_time;
    int32_t *movies; /* of all ratings, so that popular ones come more often */
} source_facts;

static source_facts look_at_sources(const char *store)
{
    static const char *const movie_id[] = {"movieId"};
    session s;
    open_session(&s, store);
    const mdl_table *ratings;
    const mdl_table *tags;
    require(mdl_warehouse_read_table(s.warehouse, "ratings", &ratings, &s.error), &s.error);
    require(mdl_warehouse_read_table(s.warehouse, "tags", &tags, &s.error), &s.error);
    mdl_column_stats users = mdl_column_get_stats(mdl_table_column(ratings, 0));
    mdl_column_stats times = mdl_column_get_stats(mdl_table_column(ratings, 3));
    source_facts facts = {
        .n_ratings = mdl_table_n_rows(ratings),
        .n_tags = mdl_table_n_rows(tags),
        .users_max = (int32_t)users.max.as.integer,
        .first_time = times.min.as.integer,
        .last_time = times.max.as.integer,
    };
    facts.movies = bench_allocate(facts.n_ratings * (int64_t)sizeof *facts.movies);
    mdl_cursor *cursor;
    mdl_batch batch;
    require(mdl_cursor_create(s.context, ratings, movie_id, 1, &cursor, &s.error), &s.error);
    do {
        require(mdl_cursor_next(cursor, &batch, &s.error), &s.error);
        memcpy(facts.movies + batch.first_row, batch.columns[0].values,
               (size_t)batch.n_rows * sizeof *facts.movies);
    } while (batch.n_rows > 0);
    mdl_cursor_free(cursor);
    close_session(&s);
    return facts;
}

/* A kind of day. */
typedef struct day_kind {
    const char *name;
    bool has_ratings;
    bool has_sessions;  /* else ratings of anybody at any time */
    bool has_new_users; /* a tenth of them */
    bool has_tags;
} day_kind;

static const day_kind days[] = {
    {.name = "sessions", .has_ratings = true, .has_sessions = true},
    {.name = "usual",
     .has_ratings = true,
     .has_sessions = true,
     .has_new_users = true,
     .has_tags = true},
    {.name = "nothing"},
    {.name = "scattered", .has_ratings = true},
    {.name = "after",
     .has_ratings = true,
     .has_sessions = true,
     .has_new_users = true,
     .has_tags = true},
};

enum {
    N_DAYS = sizeof days / sizeof *days,
    SESSION_RATINGS = 320
};

static FILE *create_file(const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static void close_file(FILE *file, const char *path)
{
    if (fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

/* Days come one after another, each on top of those before. */
static int64_t day_start(const source_facts *facts, int day)
{
    return facts->last_time + 1 + (int64_t)day * 86400 * 365;
}

static void write_ratings(const char *path, const source_facts *facts, int day)
{
    const day_kind *kind = &days[day];
    FILE *file = create_file(path);
    fprintf(file, "userId,movieId,rating,timestamp\n");
    uint64_t state = (uint64_t)day + 1;
    uint64_t span = (uint64_t)(facts->last_time - facts->first_time) + 1;
    long user = 0;
    long long time = day_start(facts, day);
    const int64_t n = kind->has_ratings ? facts->n_ratings / 100 : 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t random = bench_random(&state);
        if (!kind->has_sessions || i % SESSION_RATINGS == 0) {
            user = 1 + (long)(random % (uint64_t)facts->users_max);
        }
        if (kind->has_new_users && i % (10 * SESSION_RATINGS) == 0) {
            user = facts->users_max + 1 + (long)day * 1000 + (long)(i / (10 * SESSION_RATINGS));
        }
        time = kind->has_sessions ? time + (long long)(random >> 60)
                                  : facts->first_time + (long long)(bench_random(&state) % span);
        int32_t movie = facts->movies[bench_random(&state) % (uint64_t)facts->n_ratings];
        unsigned half_stars = 1 + (unsigned)(bench_random(&state) % 10);
        fprintf(file, "%ld,%d,%u.%c,%lld\n", user, (int)movie, half_stars / 2,
                half_stars % 2 == 0 ? '0' : '5', time);
    }
    close_file(file, path);
}

/* Writes tags of users, twenty each; most texts are new ones. A day without has the header alone. */
static void write_tags(const char *path, const source_facts *facts, int day)
{
    FILE *file = create_file(path);
    fprintf(file, "userId,movieId,tag,timestamp\n");
    uint64_t state = (uint64_t)day + 101;
    long user = 0;
    const int64_t n = days[day].has_tags ? facts->n_tags / 100 : 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t random = bench_random(&state);
        if (i % 20 == 0) {
            user = 1 + (long)(random % (uint64_t)facts->users_max);
        }
        fprintf(file, "%ld,%d,tag %u,%lld\n", user,
                (int)facts->movies[random % (uint64_t)facts->n_ratings],
                (unsigned)(bench_random(&state) % 30000), (long long)(day_start(facts, day) + i));
    }
    close_file(file, path);
}

static int hash_bytes(void *user_data, const char *bytes, int64_t size_bytes)
{
    uint64_t hash = *(uint64_t *)user_data;
    for (int64_t i = 0; i < size_bytes; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    }
    *(uint64_t *)user_data = hash;
    return 0;
}

static uint64_t hash_table(session *s, const char *name)
{
    const mdl_table *table;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    require(mdl_warehouse_read_table(s->warehouse, name, &table, &s->error), &s->error);
    require(mdl_csv_write(s->context, table, hash_bytes, &hash, &s->error), &s->error);
    return hash;
}

/* Compares every model in the store with what a full refresh gives. */
static void check(const char *store)
{
    int32_t n_models;
    const mdl_model *const *models = mdl_builtin_models(&n_models);
    uint64_t *hashes = bench_allocate(n_models * (int64_t)sizeof *hashes);
    session s;
    open_session(&s, store);
    for (int32_t i = 0; i < n_models; i++) {
        hashes[i] = hash_table(&s, models[i]->name);
    }
    mdl_build_options options;
    mdl_build_options_init(&options);
    options.full_refresh = true;
    require(mdl_warehouse_build(s.warehouse, &options, NULL, &s.error), &s.error);
    for (int32_t i = 0; i < n_models; i++) {
        if (hash_table(&s, models[i]->name) != hashes[i]) {
            fprintf(stderr, "increment: %s is not what a full refresh gives\n", models[i]->name);
            exit(1);
        }
    }
    if (!settings.is_json) {
        printf("every model is what a full refresh gives\n");
    }
    free(hashes);
    close_session(&s);
}

/* Runs a day in a process of its own. */
static void run_day_apart(const char *day, const char *store, const char *path, day_cost *cost)
{
    pid_t child = fork();
    if (child == 0) {
        run_day(day, store, path, cost);
        exit(0);
    }
    int how;
    if (child < 0 || waitpid(child, &how, 0) != child || how != 0) {
        exit(1);
    }
}

enum {
    PATH_BYTES = 512
};

/* FOLDER/NAME. */
static void join_path(const char *folder, const char *name, char path[PATH_BYTES])
{
    if (snprintf(path, PATH_BYTES, "%s/%s", folder, name) >= PATH_BYTES) {
        fprintf(stderr, "increment: %s is too long\n", folder);
        exit(1);
    }
}

static void make_folder(const char *path)
{
    if (mkdir(path, 0777) != 0) {
        perror(path);
        exit(1);
    }
}

/* Writes the files of a day to a folder inside of `folder`, and runs it. */
static void run_day_with_files(int day, const source_facts *facts, const char *store,
                               const char *folder, day_cost *cost)
{
    const day_kind *kind = &days[day];
    char inside[PATH_BYTES];
    char ratings[PATH_BYTES];
    char tags[PATH_BYTES];
    join_path(folder, kind->name, inside);
    join_path(inside, "ratings.csv", ratings);
    join_path(inside, "tags.csv", tags);
    make_folder(inside);
    write_ratings(ratings, facts, day);
    write_tags(tags, facts, day);
    run_day_apart(kind->name, store,
                  kind->has_tags      ? inside
                  : kind->has_ratings ? ratings
                                      : NULL,
                  cost);
    if (settings.files == NULL) {
        remove(ratings);
        remove(tags);
        rmdir(inside);
    }
}

static clock_reading total_of(const day_cost *cost)
{
    clock_reading total = {0, 0};
    for (int p = 0; p < N_PHASES; p++) {
        total.cpu += cost->phases[p].cpu;
        total.wall += cost->phases[p].wall;
    }
    return total;
}

static const char *name_of(int day)
{
    return day == 0 ? "first" : days[day - 1].name;
}

static void print_costs(const day_cost *costs)
{
    printf("\n%-10s %8s %8s %8s %10s %8s\n", "in all", "CPU s", "of first", "s", "MB new",
           "MB peak");
    for (int i = 0; i <= N_DAYS; i++) {
        const clock_reading total = total_of(&costs[i]);
        printf("%-10s %8.3f %7.1f%% %8.3f %10.1f %8.0f\n", name_of(i), total.cpu,
               100 * total.cpu / total_of(&costs[0]).cpu, total.wall,
               (double)costs[i].new_bytes / 1e6, (double)costs[i].peak_bytes / 1e6);
    }
}

static void print_json(const day_cost *costs)
{
    for (int i = 0; i <= N_DAYS; i++) {
        const clock_reading total = total_of(&costs[i]);
        printf("%s{\"name\": \"%s\", \"cpu_seconds\": %.6f, \"wall_seconds\": %.6f",
               i == 0 ? "[" : ",\n", name_of(i), total.cpu, total.wall);
        for (int p = 0; p < N_PHASES; p++) {
            printf(", \"%s_cpu_seconds\": %.6f", phases[p], costs[i].phases[p].cpu);
        }
        printf(", \"new_bytes\": %lld, \"peak_bytes\": %lld}", (long long)costs[i].new_bytes,
               (long long)costs[i].peak_bytes);
    }
    printf("]\n");
}

/* Whether the arguments behind DATA and STORE are known. */
static bool read_arguments(int argc, char **argv)
{
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0) {
            settings.is_checked = true;
        } else if (strcmp(argv[i], "--tests") == 0) {
            settings.has_tests = true;
        } else if (strcmp(argv[i], "--json") == 0) {
            settings.is_json = true;
        } else if (strcmp(argv[i], "--files") == 0 && i + 1 < argc) {
            settings.files = argv[++i];
        } else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc) {
            settings.n_threads = atoi(argv[++i]);
        } else {
            return false;
        }
    }
    return argc >= 3;
}

int main(int argc, char **argv)
{
    if (!read_arguments(argc, argv)) {
        fprintf(stderr, "usage: increment DATA STORE [--threads N] [--tests] [--files FOLDER] "
                        "[--check] [--json]\n");
        return 2;
    }
    const char *store = argv[2];
    char own_folder[] = "/tmp/medallion-increment-XXXXXX";
    const char *folder = settings.files != NULL ? settings.files : own_folder;
    day_cost *costs = mmap(NULL, (N_DAYS + 1) * sizeof *costs, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (costs == MAP_FAILED || (settings.files == NULL && mkdtemp(own_folder) == NULL)) {
        perror(folder);
        return 1;
    }
    run_day_apart(name_of(0), store, argv[1], &costs[0]);
    source_facts facts = look_at_sources(store);
    for (int day = 0; day < N_DAYS; day++) {
        run_day_with_files(day, &facts, store, folder, &costs[day + 1]);
    }
    if (settings.files == NULL) {
        rmdir(folder);
    }
    free(facts.movies);
    if (settings.is_json) {
        print_json(costs);
    } else {
        print_costs(costs);
    }
    if (settings.is_checked) {
        check(store);
    }
    return 0;
}
