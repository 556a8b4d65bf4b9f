/*
 * Repeats among rows that are in the order of the first columns of their keys, as the tags of a
 * user on a movie: the rows of a stretch, which have those columns in common, are compared in
 * pairs. Stretches are short, so that is less work than putting them in order.
 */
#include "quality/quality_internal.h"

#include <stdatomic.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "operators/row_order.h"
#include "operators/row_sort.h"

enum {
    /* Rows of one job, but for the stretch that goes on behind its end. */
    JOB_ROWS = 16 * MDLI_VECTOR_ROWS,
    /* Rows of a stretch up to which they can be read at once. */
    STRETCH_ROWS_MAX = MDLI_VECTOR_ROWS - MDLI_FRAME_ROWS,
    /* Pairs that a job may compare: many more for each row would cost more than to sort all. */
    JOB_PAIRS_MAX = 64 * JOB_ROWS
};

typedef struct stretch_search {
    const mdli_sort_keys *keys; /* of the columns that the stretches leave open */
    const uint64_t *repeats;    /* rows that are in the stretch of the row before */
    mdli_sort_reader *readers;
    mdli_marks *marks;
    atomic_bool is_given_up; /* stretches are too long */
} stretch_search;

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

/* The end of the stretch that begins at `row`. */
static int64_t stretch_end(const stretch_search *search, int64_t row)
{
    for (row++; row < search->keys->n_rows && mdli_bit(search->repeats, row); row++) {
    }
    return row;
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

/* Whether the first word of a key comes in the ones before it; a loop without branches. */
static bool may_come_before(const uint64_t *words, int64_t n)
{
    bool is_there = false;
    for (int64_t k = 0; k < n; k++) {
        is_there |= words[k] == words[n];
    }
    return is_there;
}

/* Compares the rows of a stretch, `n` from place `first` of the reader on, which holds `row`. */
static mdl_status compare_stretch(const stretch_search *search, const mdli_sort_reader *reader,
                                  int64_t first, int64_t n, int64_t row, mdl_error *error)
{
    const uint64_t *words = reader->words + 1 + first;
    uint64_t *marks;
    for (int64_t i = 1; i < n; i++) {
        int64_t n_before = may_come_before(words, i) ? i : 0;
        for (int64_t k = 0; k < n_before; k++) {
            if (are_equal(reader, first + i, first + k)) {
                MDLI_TRY(mdli_marks_make(search->marks, &marks, error));
                mdli_mark_shared(marks, row + i);
                mdli_mark_shared(marks, row + k);
            }
        }
    }
    return MDL_OK;
}

/* Compares the stretches that begin in a range of rows. */
static mdl_status search_range(void *data, int64_t job, int worker, mdl_error *error)
{
    stretch_search *search = data;
    mdli_sort_reader *reader = &search->readers[worker];
    const int64_t n_rows = search->keys->n_rows;
    const int64_t end = (job + 1) * JOB_ROWS < n_rows ? (job + 1) * JOB_ROWS : n_rows;
    int64_t read_row = 0;
    int64_t read_end = 0;
    int64_t n_pairs = 0;
    for (int64_t row = next_stretch(search, job * JOB_ROWS); row < end;
         row = next_stretch(search, row)) {
        const int64_t after = stretch_end(search, row);
        n_pairs += (after - row) * (after - row - 1) / 2;
        if (after - row > STRETCH_ROWS_MAX || n_pairs > JOB_PAIRS_MAX ||
            atomic_load(&search->is_given_up)) {
            atomic_store(&search->is_given_up, true);
            return MDL_OK;
        }
        if (after > read_end) {
            read_row = row - row % MDLI_FRAME_ROWS;
            read_end = n_rows - read_row < MDLI_VECTOR_ROWS ? n_rows : read_row + MDLI_VECTOR_ROWS;
            MDLI_TRY(mdli_sort_reader_read(reader, read_row, read_end - read_row, error));
        }
        MDLI_TRY(compare_stretch(search, reader, row - read_row, after - row, row, error));
        row = after - 1;
    }
    return MDL_OK;
}

/* Compares within stretches; `*is_done` is false when one is too long. */
static mdl_status search_stretches(const mdli_sort_keys *rest, const uint64_t *repeats,
                                   mdli_marks *marks, bool *is_done, mdl_error *error)
{
    stretch_search search = {.keys = rest, .repeats = repeats, .marks = marks};
    int64_t n_jobs = (rest->n_rows + JOB_ROWS - 1) / JOB_ROWS;
    int n_workers = mdli_n_workers(rest->context, n_jobs);
    MDLI_TRY(mdli_sort_readers_create(rest, n_workers, &search.readers, error));
    mdl_status status = mdli_parallel_for(rest->context, n_jobs, search_range, &search, error);
    mdli_sort_readers_free(rest->context, search.readers, n_workers);
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
    if (n_ordered == 0) {
        return MDL_OK;
    }
    mdli_marks_init(&stretches, context, keys->n_rows);
    MDLI_TRY_GOTO_DONE(mdli_marks_make(&stretches, &repeats, error));
    MDLI_TRY_GOTO_DONE(mdli_find_row_order(keys, n_ordered, repeats, &order, error));
    MDLI_TRY_GOTO_DONE(mdli_sort_keys_init_unordered(&rest, context, table, columns + n_ordered,
                                                     keys->n_columns - n_ordered, error));
    MDLI_TRY_GOTO_DONE(search_stretches(&rest, repeats, marks, is_done, error));
done:
    mdli_sort_keys_free(&rest);
    mdli_marks_free(&stretches);
    return status;
}
