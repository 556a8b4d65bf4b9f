/*
 * Sorting rows by radix: rows are dealt out to buckets by the highest bits of their keys, and each
 * bucket, small enough for a level-2 cache, is then put in order by the bits that are left, lowest
 * digit first. Ranges of rows and buckets are the jobs; every step keeps the order of rows with
 * equal digits, so the result is the same for any number of threads.
 */
#include "operators/row_sort.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"

/* Rows that a bucket should hold, as a power of two: with keys of one word, 256 KiB and as much for
 * the orders of its rows. */
#define BUCKET_ROWS_LOG 14

/* More buckets than these would be more streams than a level-2 TLB has pages. */
#define BUCKET_BITS_MAX 11

/* A range of rows has a count for each bucket; more ranges would make the counts cost more than
 * rows. */
#define RANGES_MAX 64

/* Digits of buckets: counts of the wide ones pay off from so many rows on. */
#define DIGIT_BITS       8
#define DIGIT_BITS_WIDE  11
#define WIDE_DIGITS_ROWS 8192

/* Memory of one worker for the bucket that it sorts; grows as needed. */
typedef struct bucket_memory {
    uint32_t *order; /* two arrays of `capacity` places in the bucket, then rows */
    int64_t capacity;
} bucket_memory;

typedef struct row_sort {
    const mdli_sort_keys *keys;
    mdli_pick pick;
    int32_t n_ignored_bits;
    int32_t n_bucket_bits;
    int64_t n_buckets;
    int64_t range_rows;
    int64_t n_ranges;
    int64_t *places;   /* [range][bucket]: rows, then where they go */
    int64_t *starts;   /* of the buckets, and the end */
    int64_t *n_picked; /* of each bucket */
    int64_t *n_groups;
    int32_t n_rest_bits; /* of a key without its bucket */
    int32_t n_words;     /* that hold them */
    uint64_t *rest;      /* word w of entry i: rest[i * n_words + w] */
    int64_t *rows;       /* of the entries */
    mdli_sort_reader *readers;
    bucket_memory *memories;
} row_sort;

/* The highest bits of key `i` of those that a reader has read. */
static inline uint64_t bucket_of(const row_sort *sort, const mdli_sort_reader *reader, int64_t i)
{
    int32_t word = sort->n_rest_bits / 64;
    int32_t shift = sort->n_rest_bits % 64;
    const uint64_t *words = reader->words + (int64_t)word * MDLI_SORT_STRIDE + 1 + i;
    uint64_t bits = words[0] >> shift;
    if (shift + sort->n_bucket_bits > 64) {
        bits |= words[MDLI_SORT_STRIDE] << (64 - shift);
    }
    return bits;
}

/* Does `deal` with the rows of a range, vector by vector. */
static mdl_status for_range(row_sort *sort, int64_t range, int worker,
                            void (*deal)(row_sort *sort, const mdli_sort_reader *reader,
                                         int64_t row, int64_t *places),
                            mdl_error *error)
{
    mdli_sort_reader *reader = &sort->readers[worker];
    int64_t first = range * sort->range_rows;
    int64_t n_left = sort->keys->n_rows - first;
    int64_t end = first + (n_left < sort->range_rows ? n_left : sort->range_rows);
    for (int64_t row = first; row < end; row += reader->n_rows) {
        int64_t n = end - row < MDLI_VECTOR_ROWS ? end - row : MDLI_VECTOR_ROWS;
        MDLI_TRY(mdli_sort_reader_read(reader, row, n, error));
        deal(sort, reader, row, sort->places + range * sort->n_buckets);
    }
    return MDL_OK;
}

static void count_rows(row_sort *sort, const mdli_sort_reader *reader, int64_t row, int64_t *places)
{
    (void)row;
    for (int64_t i = 0; i < reader->n_rows; i++) {
        places[bucket_of(sort, reader, i)]++;
    }
}

static mdl_status count_range(void *data, int64_t job, int worker, mdl_error *error)
{
    return for_range(data, job, worker, count_rows, error);
}

static void deal_rows(row_sort *sort, const mdli_sort_reader *reader, int64_t row, int64_t *places)
{
    int32_t n_words = sort->n_words;
    for (int64_t i = 0; i < reader->n_rows; i++) {
        int64_t place = sort->n_bucket_bits > 0 ? places[bucket_of(sort, reader, i)]++ : row + i;
        sort->rows[place] = row + i;
        for (int32_t w = 0; w < n_words; w++) {
            sort->rest[place * n_words + w] = reader->words[w * MDLI_SORT_STRIDE + 1 + i];
        }
    }
}

static mdl_status deal_range(void *data, int64_t job, int worker, mdl_error *error)
{
    return for_range(data, job, worker, deal_rows, error);
}

/* Turns counts into places: buckets one after the other, in each the ranges in their order. */
static void find_places(row_sort *sort)
{
    int64_t place = 0;
    for (int64_t b = 0; b < sort->n_buckets; b++) {
        sort->starts[b] = place;
        for (int64_t r = 0; r < sort->n_ranges; r++) {
            int64_t *count = &sort->places[r * sort->n_buckets + b];
            int64_t n = *count;
            *count = place;
            place += n;
        }
    }
    sort->starts[sort->n_buckets] = sort->keys->n_rows;
}

/*
 * Puts a bucket's entries in order by one digit: `to` gets the places that stand in `from`. False
 * when all have the same digit and nothing was done.
 */
static bool sort_by_digit(const uint64_t *words, int32_t n_words, int64_t n, int32_t shift,
                          int32_t digit_bits, const uint32_t *from, uint32_t *to)
{
    uint32_t places[1 << DIGIT_BITS_WIDE];
    uint64_t mask = ((uint64_t)1 << digit_bits) - 1;
    memset(places, 0, sizeof places[0] << digit_bits);
    for (int64_t i = 0; i < n; i++) {
        places[(words[i * n_words] >> shift) & mask]++;
    }
    if (places[(words[0] >> shift) & mask] == n) {
        return false;
    }
    uint32_t place = 0;
    for (uint64_t digit = 0; digit <= mask; digit++) {
        uint32_t n_here = places[digit];
        places[digit] = place;
        place += n_here;
    }
    for (int64_t i = 0; i < n; i++) {
        to[places[(words[(int64_t)from[i] * n_words] >> shift) & mask]++] = from[i];
    }
    return true;
}

/* Whether entries a and b of a bucket have the same key without the ignored bits. */
static bool is_same_group(const row_sort *sort, const uint64_t *rest, uint32_t a, uint32_t b)
{
    int32_t shift = sort->n_ignored_bits % 64;
    for (int32_t w = sort->n_ignored_bits / 64; w < sort->n_words; w++) {
        uint64_t difference =
            rest[(int64_t)a * sort->n_words + w] ^ rest[(int64_t)b * sort->n_words + w];
        if (difference >> shift != 0) {
            return false;
        }
        shift = 0;
    }
    return true;
}

/* Writes the rows that are wanted to `out`, in order; returns how many, and in `n_groups` how many
 * groups there are. */
static int64_t pick_rows(const row_sort *sort, const uint64_t *rest, const int64_t *rows,
                         const uint32_t *order, int64_t n, int64_t *out, int64_t *n_groups)
{
    int64_t n_out = 0;
    *n_groups = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t neighbour = sort->pick == MDLI_PICK_FIRST ? i - 1 : i + 1;
        bool is_edge = neighbour < 0 || neighbour == n ||
                       !is_same_group(sort, rest, order[i], order[neighbour]);
        out[n_out] = rows[order[i]];
        n_out += is_edge || sort->pick == MDLI_PICK_ALL;
        *n_groups += is_edge;
    }
    return n_out;
}

static mdl_status reserve_bucket(mdl_context *context, bucket_memory *memory, int64_t n,
                                 mdl_error *error)
{
    if (n > memory->capacity) {
        void *order;
        mdli_free(context, memory->order);
        *memory = (bucket_memory){0};
        MDLI_TRY(mdli_allocate_array(context, n, 2 * sizeof(uint32_t) + sizeof(int64_t), "sort",
                                     &order, error));
        *memory = (bucket_memory){.order = order, .capacity = n};
    }
    return MDL_OK;
}

static mdl_status sort_bucket(void *data, int64_t job, int worker, mdl_error *error)
{
    row_sort *sort = data;
    mdl_context *context = sort->keys->context;
    bucket_memory *memory = &sort->memories[worker];
    int64_t start = sort->starts[job];
    int64_t n = sort->starts[job + 1] - start;
    if (n == 0) {
        return MDL_OK;
    }
    const uint64_t *rest = sort->rest + start * sort->n_words;
    MDLI_TRY(reserve_bucket(context, memory, n, error));
    int64_t *picked = (int64_t *)(void *)memory->order;
    uint32_t *order = (uint32_t *)(void *)(picked + n);
    uint32_t *spare = order + n;
    for (int64_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
    }
    int32_t digit_bits = n >= WIDE_DIGITS_ROWS ? DIGIT_BITS_WIDE : DIGIT_BITS;
    for (int32_t bit = 0; bit < sort->n_rest_bits;) {
        int32_t shift = bit % 64;
        if (sort_by_digit(rest + bit / 64, sort->n_words, n, shift, digit_bits, order, spare)) {
            uint32_t *sorted = spare;
            spare = order;
            order = sorted;
            MDLI_TRY(mdli_check_cancel(context, error));
        }
        /* No digit lies in two words. */
        bit += shift + digit_bits > 64 ? 64 - shift : digit_bits;
    }
    sort->n_picked[job] =
        pick_rows(sort, rest, sort->rows + start, order, n, picked, &sort->n_groups[job]);
    memcpy(sort->rows + start, picked, (size_t)sort->n_picked[job] * sizeof(int64_t));
    return MDL_OK;
}

/* Chooses buckets and ranges. */
static void plan_sort(row_sort *sort)
{
    int64_t n = sort->keys->n_rows;
    while (sort->n_bucket_bits < BUCKET_BITS_MAX &&
           n >> (BUCKET_ROWS_LOG + sort->n_bucket_bits) > 0) {
        sort->n_bucket_bits++;
    }
    /* Rows of one group have to lie in one bucket. */
    int32_t n_group_bits = sort->keys->n_bits - sort->n_ignored_bits;
    if (sort->n_bucket_bits > n_group_bits) {
        sort->n_bucket_bits = n_group_bits;
    }
    sort->n_buckets = (int64_t)1 << sort->n_bucket_bits;
    sort->n_rest_bits = sort->keys->n_bits - sort->n_bucket_bits;
    sort->n_words = (sort->n_rest_bits + 63) / 64;
    int64_t n_vectors = (n + MDLI_VECTOR_ROWS - 1) / MDLI_VECTOR_ROWS;
    int64_t range_vectors = (n_vectors + RANGES_MAX - 1) / RANGES_MAX;
    sort->range_rows = range_vectors * MDLI_VECTOR_ROWS;
    sort->n_ranges = (n + sort->range_rows - 1) / sort->range_rows;
}

static mdl_status allocate_sort(row_sort *sort, int n_workers, mdl_error *error)
{
    mdl_context *context = sort->keys->context;
    int64_t n = sort->keys->n_rows;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(context,
                                  (size_t)(sort->n_ranges * sort->n_buckets) * sizeof(int64_t),
                                  "sort", &memory, error));
    sort->places = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)(3 * sort->n_buckets + 1) * sizeof(int64_t),
                                  "sort", &memory, error));
    sort->starts = memory;
    sort->n_picked = sort->starts + sort->n_buckets + 1;
    sort->n_groups = sort->n_picked + sort->n_buckets;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_workers * sizeof(bucket_memory), "sort",
                                  &memory, error));
    sort->memories = memory;
    MDLI_TRY(mdli_sort_readers_create(sort->keys, n_workers, &sort->readers, error));
    MDLI_TRY(mdli_allocate_array(context, n, sizeof(int64_t), "sort", &memory, error));
    sort->rows = memory;
    MDLI_TRY(mdli_allocate_array(context, n, (size_t)sort->n_words * sizeof(uint64_t), "sort",
                                 &memory, error));
    sort->rest = memory;
    return MDL_OK;
}

static void free_sort(row_sort *sort, int n_workers)
{
    mdl_context *context = sort->keys->context;
    for (int i = 0; sort->memories != NULL && i < n_workers; i++) {
        mdli_free(context, sort->memories[i].order);
    }
    mdli_free(context, sort->memories);
    mdli_sort_readers_free(context, sort->readers, n_workers);
    mdli_free(context, sort->places);
    mdli_free(context, sort->starts);
    mdli_free(context, sort->rest);
    mdli_free(context, sort->rows);
}

/* Moves the rows that were picked in each bucket together, and hands them over. */
static void join_buckets(row_sort *sort, mdli_row_list *out)
{
    int64_t n_groups = 0;
    for (int64_t b = 0; b < sort->n_buckets; b++) {
        memmove(sort->rows + out->n_rows, sort->rows + sort->starts[b],
                (size_t)sort->n_picked[b] * sizeof(int64_t));
        out->n_rows += sort->n_picked[b];
        n_groups += sort->n_groups[b];
    }
    out->rows = sort->rows;
    out->has_distinct_keys = sort->n_ignored_bits == 0 && n_groups == out->n_rows;
    sort->rows = NULL;
}

mdl_status mdli_sort_rows(const mdli_sort_keys *keys, mdli_pick pick, int32_t n_ignored_bits,
                          mdli_row_list *out, mdl_error *error)
{
    row_sort sort = {.keys = keys, .pick = pick, .n_ignored_bits = n_ignored_bits};
    mdl_context *context = keys->context;
    *out = (mdli_row_list){0};
    if (keys->n_rows > UINT32_MAX) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED, "sorting %lld rows, more than %lld",
                             (long long)keys->n_rows, (long long)UINT32_MAX);
    }
    if (keys->n_rows == 0) {
        return MDL_OK;
    }
    plan_sort(&sort);
    int64_t n_jobs = sort.n_ranges > sort.n_buckets ? sort.n_ranges : sort.n_buckets;
    int n_workers = mdli_n_workers(context, n_jobs);
    mdl_status status;
    MDLI_TRY_GOTO_DONE(allocate_sort(&sort, n_workers, error));
    if (sort.n_bucket_bits > 0) {
        MDLI_TRY_GOTO_DONE(mdli_parallel_for(context, sort.n_ranges, count_range, &sort, error));
    }
    find_places(&sort);
    MDLI_TRY_GOTO_DONE(mdli_parallel_for(context, sort.n_ranges, deal_range, &sort, error));
    MDLI_TRY_GOTO_DONE(mdli_parallel_for(context, sort.n_buckets, sort_bucket, &sort, error));
    join_buckets(&sort, out);
done:
    free_sort(&sort, n_workers);
    return status;
}

mdl_status mdli_marked_rows(mdl_context *context, const uint64_t *bits, int64_t n,
                            mdli_row_list *out, mdl_error *error)
{
    int64_t n_words = (n + 63) >> 6;
    int64_t n_marked = 0;
    for (int64_t w = 0; w < n_words; w++) {
        n_marked += __builtin_popcountll(bits[w]);
    }
    *out = (mdli_row_list){0};
    void *rows;
    MDLI_TRY(mdli_allocate_array(context, n_marked, sizeof(int64_t), "rows", &rows, error));
    *out = (mdli_row_list){.rows = rows};
    for (int64_t w = 0; w < n_words; w++) {
        for (uint64_t word = bits[w]; word != 0; word &= word - 1) {
            out->rows[out->n_rows++] = (w << 6) + __builtin_ctzll(word);
        }
    }
    return MDL_OK;
}
