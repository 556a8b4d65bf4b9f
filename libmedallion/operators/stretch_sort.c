/*
 * Sorting rows that are in order but for the last columns of their keys, as the tags of a user on a
 * movie: each stretch of rows with the same first columns is put in order on its own. Stretches are
 * short, so their keys stay in a level-1 cache, and rows hardly move.
 */
#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "operators/row_sort.h"

/* Rows of one job, but for the stretches that go on behind its end. */
enum {
    STRETCH_JOB_ROWS = 8 * MDLI_VECTOR_ROWS
};

/* Rows up to which inserting one by one is quicker than merging. */
enum {
    INSERTION_ROWS_MAX = 12
};

/* Memory of one worker, for `capacity` rows. */
typedef struct stretch_memory {
    uint64_t *entries; /* n_words + 1 words each: the key, highest word first, and the row */
    uint32_t *order;   /* places of entries, and as many for merging */
    int64_t entries_capacity;
    int64_t order_capacity;
} stretch_memory;

typedef struct stretch_sort {
    const mdli_sort_keys *keys;
    const uint64_t *repeats;
    int64_t entry_words;
    mdli_sort_reader *readers;
    stretch_memory *memories;
    int64_t *rows;
    atomic_bool has_equal_keys;
} stretch_sort;

/* The first row from `row` on that begins a stretch. */
static int64_t next_start(const stretch_sort *sort, int64_t row)
{
    while (row < sort->keys->n_rows && mdli_bit(sort->repeats, row)) {
        row++;
    }
    return row < sort->keys->n_rows ? row : sort->keys->n_rows;
}

/* Rows are the last words of entries, so no two are equal. */
static bool entry_is_below(const uint64_t *a, const uint64_t *b, int64_t n_words)
{
    int64_t w = 0;
    while (w < n_words - 1 && a[w] == b[w]) {
        w++;
    }
    return a[w] < b[w];
}

static void insert_entries(const uint64_t *entries, int64_t n_words, uint32_t *order, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        uint32_t moved = order[i];
        int64_t at = i;
        while (at > 0 && entry_is_below(entries + moved * n_words,
                                        entries + order[at - 1] * n_words, n_words)) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = moved;
    }
}

/* Sorts by halves; `spare` has room for as many. */
static void merge_entries(const uint64_t *entries, int64_t n_words, uint32_t *order, int64_t n,
                          uint32_t *spare)
{
    if (n <= INSERTION_ROWS_MAX) {
        insert_entries(entries, n_words, order, n);
        return;
    }
    int64_t middle = n / 2;
    merge_entries(entries, n_words, order, middle, spare);
    merge_entries(entries, n_words, order + middle, n - middle, spare);
    memcpy(spare, order, (size_t)middle * sizeof *spare);
    int64_t a = 0;
    int64_t b = middle;
    for (int64_t i = 0; a < middle; i++) {
        bool takes_second = b < n && entry_is_below(entries + order[b] * n_words,
                                                    entries + spare[a] * n_words, n_words);
        order[i] = takes_second ? order[b++] : spare[a++];
    }
}

/* Reads the entries of rows [first, end). */
static mdl_status read_entries(stretch_sort *sort, mdli_sort_reader *reader, stretch_memory *memory,
                               int64_t first, int64_t end, mdl_error *error)
{
    mdl_context *context = sort->keys->context;
    int32_t n_key_words = sort->keys->n_words;
    void *array = memory->entries;
    MDLI_TRY(mdli_grow_array(context, &array, &memory->entries_capacity, 0, end - first,
                             (size_t)sort->entry_words * sizeof(uint64_t), "sort", error));
    memory->entries = array;
    array = memory->order;
    MDLI_TRY(mdli_grow_array(context, &array, &memory->order_capacity, 0, 2 * (end - first),
                             sizeof(uint32_t), "sort", error));
    memory->order = array;
    uint64_t *entry = memory->entries;
    for (int64_t row = first; row < end; row += reader->n_rows) {
        int64_t n = end - row < MDLI_VECTOR_ROWS ? end - row : MDLI_VECTOR_ROWS;
        MDLI_TRY(mdli_sort_reader_read(reader, row, n, error));
        const uint64_t *words = reader->words + (int64_t)(n_key_words - 1) * MDLI_SORT_STRIDE + 1;
        for (int64_t i = 0; i < n; i++, entry += sort->entry_words) {
            for (int32_t w = 0; w < n_key_words; w++) {
                entry[w] = words[i - (int64_t)w * MDLI_SORT_STRIDE];
            }
            entry[n_key_words] = (uint64_t)(row + i);
        }
    }
    return MDL_OK;
}

/* Writes the rows of a sorted stretch; true if two have the same key. */
static bool write_rows(const stretch_sort *sort, const uint64_t *entries, const uint32_t *order,
                       int64_t n, int64_t *rows)
{
    const int64_t n_key_words = sort->entry_words - 1;
    bool has_equal = false;
    const uint64_t *before = NULL;
    for (int64_t i = 0; i < n; i++) {
        const uint64_t *entry = entries + order[i] * sort->entry_words;
        rows[i] = (int64_t)entry[n_key_words];
        has_equal = has_equal || (before != NULL &&
                                  memcmp(before, entry, (size_t)n_key_words * sizeof *entry) == 0);
        before = entry;
    }
    return has_equal;
}

/* Sorts the stretches that begin in the job's rows. */
static mdl_status sort_range(void *data, int64_t job, int worker, mdl_error *error)
{
    stretch_sort *sort = data;
    stretch_memory *memory = &sort->memories[worker];
    const int64_t n_words = sort->entry_words;
    int64_t first = next_start(sort, job * STRETCH_JOB_ROWS);
    int64_t job_end = (job + 1) * STRETCH_JOB_ROWS;
    if (first >= job_end) {
        return MDL_OK;
    }
    int64_t end = next_start(sort, job_end);
    MDLI_TRY(read_entries(sort, &sort->readers[worker], memory, first, end, error));
    uint32_t *order = memory->order;
    uint32_t *spare = order + (end - first);
    bool has_equal = false;
    for (int64_t row = first; row < end;) {
        int64_t n = next_start(sort, row + 1) - row;
        const uint64_t *entries = memory->entries + (row - first) * n_words;
        for (int64_t i = 0; i < n; i++) {
            order[i] = (uint32_t)i;
        }
        merge_entries(entries, n_words, order, n, spare);
        has_equal |= write_rows(sort, entries, order, n, sort->rows + row);
        row += n;
    }
    if (has_equal) {
        atomic_store_explicit(&sort->has_equal_keys, true, memory_order_relaxed);
    }
    return MDL_OK;
}

mdl_status mdli_sort_stretches(const mdli_sort_keys *keys, const uint64_t *repeats,
                               mdli_row_list *out, mdl_error *error)
{
    mdl_context *context = keys->context;
    stretch_sort sort = {.keys = keys, .repeats = repeats, .entry_words = keys->n_words + 1};
    int64_t n_jobs = (keys->n_rows + STRETCH_JOB_ROWS - 1) / STRETCH_JOB_ROWS;
    int n_workers = mdli_n_workers(context, n_jobs);
    void *memory;
    mdl_status status;
    *out = (mdli_row_list){0};
    MDLI_TRY_GOTO_DONE(mdli_allocate_zeroed(context, (size_t)n_workers * sizeof(stretch_memory),
                                            "sort", &memory, error));
    sort.memories = memory;
    MDLI_TRY_GOTO_DONE(mdli_sort_readers_create(keys, n_workers, &sort.readers, error));
    MDLI_TRY_GOTO_DONE(
        mdli_allocate_array(context, keys->n_rows, sizeof(int64_t), "sort", &memory, error));
    sort.rows = memory;
    MDLI_TRY_GOTO_DONE(mdli_parallel_for(context, n_jobs, sort_range, &sort, error));
    *out = (mdli_row_list){
        .rows = sort.rows,
        .n_rows = keys->n_rows,
        .has_distinct_keys = !atomic_load(&sort.has_equal_keys),
    };
    sort.rows = NULL;
done:
    for (int i = 0; sort.memories != NULL && i < n_workers; i++) {
        mdli_free(context, sort.memories[i].entries);
        mdli_free(context, sort.memories[i].order);
    }
    mdli_free(context, sort.memories);
    mdli_sort_readers_free(context, sort.readers, n_workers);
    mdli_free(context, sort.rows);
    return status;
}
