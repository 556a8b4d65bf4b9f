/*
 * Repeats among rows that are in the order of the first columns of their keys, as the tags of a
 * user on a movie: the rows of a stretch, which have those columns in common, are compared in
 * pairs. Stretches are short, so that is less work than putting them in order.
 *
 * All rows of a window are compared with the row before them, then with the one before that, and so
 * on, 64 at a time, as long as there are stretches of so many rows; by one number for each that
 * comes of the next column of the key. Whole keys are only read where two of these are equal.
 */
#include "quality/quality_internal.h"

#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "kernels/kernels.h"
#include "operators/row_order.h"
#include "operators/row_sort.h"

enum {
    /* Rows of one job, but for the stretch that goes on behind its end. */
    JOB_ROWS = 16 * MDLI_VECTOR_ROWS,
    /* Pairs that a job may compare: many more for each row would cost more than to sort all. */
    JOB_PAIRS_MAX = 64 * JOB_ROWS,
    WINDOW_WORDS = MDLI_VECTOR_ROWS / 64
};

/* What one worker needs: rows of a window, with as many numbers before the first as a word has. */
typedef struct stretch_worker {
    mdli_sort_reader reader; /* of whole keys */
    mdli_decode_buffer buffer;
    uint64_t values[MDLI_VECTOR_ROWS];
    int32_t numbers[64 + MDLI_VECTOR_ROWS];
    uint64_t is_same[WINDOW_WORDS]; /* rows in the stretch of the row so many before */
    uint64_t found[WINDOW_WORDS];   /* rows with the number of a row before in their stretch */
    int64_t n_pairs;                /* compared in the job at hand */
} stretch_worker;

typedef struct stretch_search {
    const mdli_sort_keys *keys; /* of the columns that the stretches leave open */
    const mdli_kernels *kernels;
    const uint64_t *repeats; /* rows that are in the stretch of the row before */
    stretch_worker *workers;
    mdli_marks *marks;
    atomic_bool is_given_up; /* stretches are too long */
} stretch_search;

/* Whole stretches of rows [row, end) that are read together, from `first` on. */
typedef struct stretch_window {
    int64_t first; /* of a frame */
    int64_t row;
    int64_t end;
} stretch_window;

/* ---- Windows ---- */

/* The first row from `row` on that begins a stretch of several rows. */
static int64_t next_stretch(const stretch_search *search, int64_t row)
{
    const int64_t n_rows = search->keys->n_rows;
    for (row++; row < n_rows; row = (row | 63) + 1) {
        uint64_t bits = search->repeats[row >> 6] >> (row & 63);
        if (bits != 0) {
            return row + __builtin_ctzll(bits) - 1;
        }
    }
    return n_rows;
}

/* The window that begins with the stretch at `row`, of a job that ends at `job_end`: no row where
 * that stretch is too long. */
static stretch_window find_window(const stretch_search *search, int64_t row, int64_t job_end)
{
    const int64_t n_rows = search->keys->n_rows;
    const int64_t first = row - row % MDLI_FRAME_ROWS;
    const int64_t read_end = first + MDLI_VECTOR_ROWS < n_rows ? first + MDLI_VECTOR_ROWS : n_rows;
    int64_t end = job_end < read_end ? job_end : read_end;
    while (end < read_end && mdli_bit(search->repeats, end)) {
        end++;
    }
    while (end > row && end < n_rows && mdli_bit(search->repeats, end)) {
        end--;
    }
    return (stretch_window){first, row, end};
}

/* ---- Comparing ---- */

/* Reads a number for each row of a window: equal for keys that are. */
static mdl_status read_numbers(const stretch_search *search, stretch_worker *worker,
                               const stretch_window *window, mdl_error *error)
{
    const int64_t n = window->end - window->first;
    const uint64_t *validity;
    MDLI_TRY(mdli_sort_column_read(&search->keys->columns[0], window->first, n, &worker->buffer,
                                   worker->values, &validity, error));
    for (int64_t i = 0; i < n; i++) {
        worker->numbers[64 + i] = (int32_t)(uint32_t)(worker->values[i] ^ worker->values[i] >> 32);
    }
    return MDL_OK;
}

/* Marks in `is_same` the rows of a window that are in the stretch of the row before. */
static void start_stretches(const stretch_search *search, stretch_worker *worker,
                            const stretch_window *window)
{
    const uint64_t *repeats = search->repeats + (window->first >> 6);
    memset(worker->is_same, 0, sizeof worker->is_same);
    memset(worker->found, 0, sizeof worker->found);
    mdli_set_bits(worker->is_same, window->row + 1 - window->first, window->end - window->first);
    for (int w = 0; w < WINDOW_WORDS; w++) {
        worker->is_same[w] &= worker->is_same[w] != 0 ? repeats[w] : 0;
    }
}

/* From the rows that are in the stretch of the row `distance` before to those one further away;
 * false when there is none. */
static bool go_further(stretch_worker *worker)
{
    uint64_t all = 0;
    for (int w = WINDOW_WORDS - 1; w >= 0; w--) {
        const uint64_t carried = w > 0 ? worker->is_same[w - 1] >> 63 : 0;
        worker->is_same[w] &= worker->is_same[w] << 1 | carried;
        all |= worker->is_same[w];
    }
    return all != 0;
}

/* Finds the rows of a window with the number of a row before in their stretch; true if any. Ends
 * soon when the job has compared too many pairs. */
static bool compare_numbers(const stretch_search *search, stretch_worker *worker)
{
    uint64_t all = 0;
    int64_t distance = 1;
    do {
        for (int w = 0; w < WINDOW_WORDS; w++) {
            if (worker->is_same[w] != 0) {
                const int32_t *numbers = worker->numbers + 64 + w * 64;
                uint64_t is_less;
                const uint64_t is_equal =
                    search->kernels->compare_int32(numbers, numbers - distance, &is_less);
                worker->found[w] |= is_equal & worker->is_same[w];
                all |= worker->found[w];
                worker->n_pairs += 64;
            }
        }
        distance++;
    } while (worker->n_pairs <= JOB_PAIRS_MAX && go_further(worker));
    return all != 0;
}

static bool are_equal(const mdli_sort_reader *reader, int64_t i, int64_t k)
{
    for (int32_t w = 0; w < reader->keys->n_words; w++) {
        const uint64_t *words = reader->words + w * MDLI_SORT_STRIDE + 1;
        if (words[i] != words[k]) {
            return false;
        }
    }
    return true;
}

/* Marks row `i` of a window, and those before in its stretch, that have the same key. */
static mdl_status mark_same_keys(const stretch_search *search, const stretch_worker *worker,
                                 const stretch_window *window, int64_t i, mdl_error *error)
{
    uint64_t *marks;
    for (int64_t k = i; mdli_bit(search->repeats, window->first + k);) {
        k--;
        if (are_equal(&worker->reader, i, k)) {
            MDLI_TRY(mdli_marks_make(search->marks, &marks, error));
            mdli_mark_shared(marks, window->first + i);
            mdli_mark_shared(marks, window->first + k);
        }
    }
    return MDL_OK;
}

/* Compares whole keys of the rows that were found. */
static mdl_status compare_keys(const stretch_search *search, stretch_worker *worker,
                               const stretch_window *window, mdl_error *error)
{
    MDLI_TRY(
        mdli_sort_reader_read(&worker->reader, window->first, window->end - window->first, error));
    for (int w = 0; w < WINDOW_WORDS; w++) {
        for (uint64_t bits = worker->found[w]; bits != 0; bits &= bits - 1) {
            MDLI_TRY(mark_same_keys(search, worker, window, w * 64 + __builtin_ctzll(bits), error));
        }
    }
    return MDL_OK;
}

static mdl_status compare_window(const stretch_search *search, stretch_worker *worker,
                                 const stretch_window *window, mdl_error *error)
{
    MDLI_TRY(read_numbers(search, worker, window, error));
    start_stretches(search, worker, window);
    return compare_numbers(search, worker) ? compare_keys(search, worker, window, error) : MDL_OK;
}

/* Compares the stretches that begin in a range of rows. */
static mdl_status search_range(void *data, int64_t job, int worker_number, mdl_error *error)
{
    stretch_search *search = data;
    stretch_worker *worker = &search->workers[worker_number];
    const int64_t n_rows = search->keys->n_rows;
    const int64_t end = (job + 1) * JOB_ROWS < n_rows ? (job + 1) * JOB_ROWS : n_rows;
    int64_t row = job * JOB_ROWS;
    worker->n_pairs = 0;
    while (row < end && mdli_bit(search->repeats, row)) {
        row++; /* the stretch is the job's before */
    }
    row = next_stretch(search, row);
    while (row < end && !atomic_load(&search->is_given_up)) {
        const stretch_window window = find_window(search, row, end);
        if (window.end > row) {
            MDLI_TRY(compare_window(search, worker, &window, error));
        }
        if (window.end == row || worker->n_pairs > JOB_PAIRS_MAX) {
            atomic_store(&search->is_given_up, true);
        }
        row = next_stretch(search, window.end);
    }
    return MDL_OK;
}

static mdl_status create_workers(stretch_search *search, int n_workers, mdl_error *error)
{
    mdl_context *context = search->keys->context;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_workers * sizeof *search->workers, "test",
                                  &memory, error));
    search->workers = memory;
    for (int i = 0; i < n_workers; i++) {
        mdli_decode_buffer_init(&search->workers[i].buffer, context);
    }
    for (int i = 0; i < n_workers; i++) {
        MDLI_TRY(mdli_sort_reader_init(&search->workers[i].reader, search->keys, error));
    }
    return MDL_OK;
}

static void free_workers(stretch_search *search, int n_workers)
{
    for (int i = 0; search->workers != NULL && i < n_workers; i++) {
        mdli_sort_reader_free(&search->workers[i].reader);
        mdli_decode_buffer_free(&search->workers[i].buffer);
    }
    mdli_free(search->keys->context, search->workers);
}

/* Compares within stretches; `*is_done` is false when one is too long. */
static mdl_status search_stretches(const mdli_sort_keys *rest, const uint64_t *repeats,
                                   mdli_marks *marks, bool *is_done, mdl_error *error)
{
    stretch_search search = {
        .keys = rest,
        .kernels = mdli_kernels_for(mdl_context_simd(rest->context)),
        .repeats = repeats,
        .marks = marks,
    };
    int64_t n_jobs = (rest->n_rows + JOB_ROWS - 1) / JOB_ROWS;
    int n_workers = mdli_n_workers(rest->context, n_jobs);
    mdl_status status = create_workers(&search, n_workers, error);
    if (status == MDL_OK) {
        status = mdli_parallel_for(rest->context, n_jobs, search_range, &search, error);
    }
    free_workers(&search, n_workers);
    *is_done = !atomic_load(&search.is_given_up);
    return status;
}

mdl_status mdli_mark_in_stretches(const mdli_sort_keys *keys, const mdl_table *table,
                                  const mdli_key *columns, int32_t n_ordered, mdli_marks *marks,
                                  bool *is_done, mdl_error *error)
{
    mdl_context *context = keys->context;
    mdli_sort_keys rest = {.columns = NULL};
    mdli_row_order order;
    mdli_marks stretches;
    uint64_t *repeats;
    mdl_status status;
    *is_done = false;
    if (n_ordered == 0 || n_ordered == keys->n_columns) {
        return MDL_OK;
    }
    mdli_marks_init(&stretches, context, keys->n_rows);
    MDLI_TRY_GOTO_DONE(mdli_marks_make(&stretches, &repeats, error));
    MDLI_TRY_GOTO_DONE(mdli_find_row_order(keys, n_ordered, repeats, &order, error));
    if (!order.is_ascending) {
        goto done;
    }
    MDLI_TRY_GOTO_DONE(mdli_sort_keys_init_unordered(&rest, context, table, columns + n_ordered,
                                                     keys->n_columns - n_ordered, error));
    MDLI_TRY_GOTO_DONE(search_stretches(&rest, repeats, marks, is_done, error));
done:
    mdli_sort_keys_free(&rest);
    mdli_marks_free(&stretches);
    return status;
}
