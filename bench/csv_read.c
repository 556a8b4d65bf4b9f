/*
 * Reading whole CSV files into compressed columns, beside two things that no reader can avoid:
 * getting the bytes from the page cache, and looking for line ends in them.
 *
 * A table that was read must give the file's bytes when it is written back; carriage returns are
 * passed over.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "operator_groups.h"

enum {
    N_COLUMNS_MAX = 4,
    N_SCANNERS_MAX = 64,
    CHUNK_BYTES = 1 << 20,
    PIECE_BYTES = 128
};

#define ID(id)                                                                                     \
    {                                                                                              \
        .name = id, .type = MDL_TYPE_INT32, .is_required = true, .has_range = true, .least = 1,    \
        .greatest = INT32_MAX, .is_unsigned = true                                                 \
    }
#define TEXT(text)                                                                                 \
    {                                                                                              \
        .name = text, .type = MDL_TYPE_STRING                                                      \
    }
#define SECONDS                                                                                    \
    {                                                                                              \
        .name = "timestamp", .type = MDL_TYPE_INT64, .is_required = true, .has_range = true,       \
        .least = -62135596800, .greatest = 253402300799                                            \
    }
#define RATING                                                                                     \
    {                                                                                              \
        .name = "rating", .type = MDL_TYPE_DECIMAL, .is_required = true, .has_range = true,        \
        .least = -999999, .greatest = 999999                                                       \
    }

/* The columns of a source, as the warehouse reads them. */
typedef struct csv_source {
    const char *table;
    mdl_csv_column columns[N_COLUMNS_MAX];
    int32_t n_columns;
} csv_source;

static const csv_source sources[] = {
    {"ratings", {ID("userId"), ID("movieId"), RATING, SECONDS}, 4},
    {"tags", {ID("userId"), ID("movieId"), TEXT("tag"), SECONDS}, 4},
    {"movies", {ID("movieId"), TEXT("title"), TEXT("genres")}, 3},
    {"links", {ID("movieId"), TEXT("imdbId"), TEXT("tmdbId")}, 3},
};

typedef struct csv_state {
    char path[4096];
    mdl_csv_result result;
    int32_t n_threads;
    int64_t n_line_ends;
} csv_state;

static void make_path(const bench_run *run, const char *table, char *path, size_t size)
{
    snprintf(path, size, "%s/%s.csv", run->world->data, table);
}

static const csv_source *find_source(const char *table)
{
    const csv_source *source = sources;
    while (strcmp(source->table, table) != 0) {
        source++;
    }
    return source;
}

static bool read_file(bench_run *run, const char *path, const char *table, mdl_csv_result *out)
{
    const csv_source *source = find_source(table);
    mdl_error error = MDL_ERROR_INIT;
    return bench_ok(run,
                    mdl_csv_read_file(run->world->context, path, source->columns, source->n_columns,
                                      NULL, out, &error),
                    &error);
}

bool bench_read_csv(bench_run *run, const char *table, mdl_csv_result *out)
{
    char path[4096];
    make_path(run, table, path, sizeof path);
    return read_file(run, path, table, out);
}

static bool setup(bench_run *run)
{
    csv_state *state = bench_allocate(sizeof *state);
    run->state = state;
    make_path(run, run->parameter, state->path, sizeof state->path);
    state->n_threads = mdl_context_n_threads(run->world->context);
    struct stat facts;
    if (stat(state->path, &facts) != 0) {
        return bench_fail(run, "%s is not there", state->path);
    }
    run->n_bytes = facts.st_size;
    return true;
}

static void teardown(bench_run *run)
{
    csv_state *state = run->state;
    mdl_csv_result_free(&state->result);
    free(state);
}

static bool read_columns(bench_run *run)
{
    csv_state *state = run->state;
    mdl_csv_result_free(&state->result);
    if (!read_file(run, state->path, run->parameter, &state->result)) {
        return false;
    }
    run->n_rows = state->result.n_records;
    return true;
}

/* A file that is compared with what is written. */
typedef struct expected_bytes {
    const char *next;
    const char *end;
} expected_bytes;

static int compare_written(void *user_data, const char *bytes, int64_t size_bytes)
{
    expected_bytes *expected = user_data;
    for (int64_t i = 0; i < size_bytes; i++) {
        while (expected->next < expected->end && *expected->next == '\r') {
            expected->next++;
        }
        if (expected->next == expected->end || *expected->next++ != bytes[i]) {
            return EIO;
        }
    }
    return 0;
}

static bool check_columns(bench_run *run)
{
    const csv_state *state = run->state;
    int file = open(state->path, O_RDONLY);
    size_t size = (size_t)run->n_bytes;
    char *bytes = file < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (bytes == MAP_FAILED) {
        return bench_fail(run, "cannot map %s", state->path);
    }
    expected_bytes expected = {bytes, bytes + size};
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status =
        mdl_csv_write(run->world->context, state->result.table, compare_written, &expected, &error);
    bool is_same = status == MDL_OK && expected.next == expected.end;
    munmap(bytes, size);
    snprintf(run->note, sizeof run->note, "%.2f bytes per row",
             (double)mdl_table_size_bytes(state->result.table) / (double)run->n_rows);
    return is_same || bench_fail(run, "written back, the table is not what the file said");
}

/*
 * The limits: every thread reads each of its chunks, and counts line ends in it or not.
 */

typedef struct scanner {
    pthread_t thread;
    const csv_state *state;
    int32_t index;
    bool counts;
    int64_t n_bytes;
    int64_t n_line_ends;
} scanner;

/* Counts in bytes, in pieces that cannot overflow them: a form that compilers make vectors of. */
static int64_t count_line_ends(const char *bytes, int64_t n)
{
    int64_t count = 0;
    for (int64_t at = 0; at < n; at += PIECE_BYTES) {
        int64_t end = n - at < PIECE_BYTES ? n - at : PIECE_BYTES;
        uint8_t piece = 0;
        for (int64_t i = 0; i < end; i++) {
            piece += bytes[at + i] == '\n';
        }
        count += piece;
    }
    return count;
}

static void *scan(void *data)
{
    scanner *s = data;
    char *chunk = bench_allocate(CHUNK_BYTES);
    int file = open(s->state->path, O_RDONLY);
    for (int64_t at = (int64_t)s->index * CHUNK_BYTES;; at += s->state->n_threads * CHUNK_BYTES) {
        ssize_t n = pread(file, chunk, CHUNK_BYTES, at);
        if (n <= 0) {
            break;
        }
        s->n_bytes += n;
        s->n_line_ends += s->counts ? count_line_ends(chunk, n) : 0;
    }
    close(file);
    free(chunk);
    return NULL;
}

static bool scan_file(bench_run *run, bool counts)
{
    csv_state *state = run->state;
    scanner scanners[N_SCANNERS_MAX];
    int32_t n = state->n_threads < N_SCANNERS_MAX ? state->n_threads : N_SCANNERS_MAX;
    state->n_threads = n;
    int32_t n_started = 0;
    for (; n_started < n; n_started++) {
        scanners[n_started] = (scanner){.state = state, .index = n_started, .counts = counts};
        if (pthread_create(&scanners[n_started].thread, NULL, scan, &scanners[n_started]) != 0) {
            break;
        }
    }
    int64_t n_bytes = 0;
    state->n_line_ends = 0;
    for (int32_t i = 0; i < n_started; i++) {
        pthread_join(scanners[i].thread, NULL);
        n_bytes += scanners[i].n_bytes;
        state->n_line_ends += scanners[i].n_line_ends;
    }
    return n_bytes == run->n_bytes || bench_fail(run, "%s was not read whole", state->path);
}

static bool only_read(bench_run *run)
{
    return scan_file(run, false);
}

static bool read_and_count(bench_run *run)
{
    return scan_file(run, true);
}

static bool check_read(bench_run *run)
{
    (void)run; /* scan_file tells whether all bytes came */
    return true;
}

/* In ratings.csv each record but the header is a line. */
static bool check_count(bench_run *run)
{
    csv_state *state = run->state;
    if (!read_file(run, state->path, run->parameter, &state->result)) {
        return false;
    }
    run->n_rows = state->result.n_records;
    return state->n_line_ends == run->n_rows + 1 ||
           bench_fail(run, "%lld line ends, %lld records", (long long)state->n_line_ends,
                      (long long)run->n_rows);
}

static const bench_case cases[] = {
    {"limit: ratings.csv, bytes only", "ratings", setup, only_read, check_read, teardown},
    {"limit: ratings.csv, line ends counted", "ratings", setup, read_and_count, check_count,
     teardown},
    {"ratings.csv to columns", "ratings", setup, read_columns, check_columns, teardown},
    {"tags.csv to columns", "tags", setup, read_columns, check_columns, teardown},
    {"movies.csv to columns", "movies", setup, read_columns, check_columns, teardown},
    {"links.csv to columns", "links", setup, read_columns, check_columns, teardown},
};

const bench_group bench_csv_files = {
    .name = "read",
    .variants = BENCH_PER_THREADS,
    .needs_data = true,
    .cases = cases,
    .n_cases = BENCH_COUNT_OF(cases),
};
