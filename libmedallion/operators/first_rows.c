/*
 * The first n rows of a sort, for small n: each worker keeps the n best rows that it has seen in a
 * heap, the worst of them on top. Which rows those are in the end does not depend on who has seen
 * which.
 */
#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "operators/row_sort.h"

typedef struct row_heap {
    uint64_t *entries; /* of n_words + 1 words: the key, highest word first, and the row */
    uint64_t *candidate;
    int64_t n;
} row_heap;

typedef struct first_rows {
    const mdli_sort_keys *keys;
    int64_t n_wanted;
    int64_t entry_words;
    mdli_sort_reader *readers;
    row_heap *heaps; /* one per worker */
} first_rows;

static bool entry_is_below(const first_rows *first, const uint64_t *a, const uint64_t *b)
{
    for (int64_t w = 0; w < first->entry_words; w++) {
        if (a[w] != b[w]) {
            return a[w] < b[w];
        }
    }
    return false;
}

/* Puts `entry` in the place of the heap's top and lets it sink. It must not lie in the heap. */
static void sink_entry(const first_rows *first, row_heap *heap, const uint64_t *entry)
{
    int64_t words = first->entry_words;
    int64_t at = 0;
    for (;;) {
        int64_t child = 2 * at + 1;
        if (child + 1 < heap->n && entry_is_below(first, heap->entries + child * words,
                                                  heap->entries + (child + 1) * words)) {
            child++;
        }
        if (child >= heap->n || !entry_is_below(first, entry, heap->entries + child * words)) {
            break;
        }
        memcpy(heap->entries + at * words, heap->entries + child * words,
               (size_t)words * sizeof(uint64_t));
        at = child;
    }
    memcpy(heap->entries + at * words, entry, (size_t)words * sizeof(uint64_t));
}

/* Adds an entry at the end and lets it rise. */
static void raise_entry(const first_rows *first, row_heap *heap, const uint64_t *entry)
{
    int64_t words = first->entry_words;
    int64_t at = heap->n++;
    while (at > 0) {
        int64_t parent = (at - 1) / 2;
        if (!entry_is_below(first, heap->entries + parent * words, entry)) {
            break;
        }
        memcpy(heap->entries + at * words, heap->entries + parent * words,
               (size_t)words * sizeof(uint64_t));
        at = parent;
    }
    memcpy(heap->entries + at * words, entry, (size_t)words * sizeof(uint64_t));
}

static void offer_entry(const first_rows *first, row_heap *heap, const uint64_t *entry)
{
    if (heap->n < first->n_wanted) {
        raise_entry(first, heap, entry);
    } else if (entry_is_below(first, entry, heap->entries)) {
        sink_entry(first, heap, entry);
    }
}

/* Rows of a job of the search for the first rows. */
enum {
    SEARCH_ROWS = 32 * MDLI_VECTOR_ROWS
};

static mdl_status search_range(void *data, int64_t job, int worker, mdl_error *error)
{
    first_rows *first = data;
    mdli_sort_reader *reader = &first->readers[worker];
    row_heap *heap = &first->heaps[worker];
    int32_t n_words = first->keys->n_words;
    int64_t start = job * SEARCH_ROWS;
    int64_t n_left = first->keys->n_rows - start;
    int64_t end = start + (n_left < SEARCH_ROWS ? n_left : SEARCH_ROWS);
    for (int64_t row = start; row < end; row += reader->n_rows) {
        int64_t n = end - row < MDLI_VECTOR_ROWS ? end - row : MDLI_VECTOR_ROWS;
        MDLI_TRY(mdli_sort_reader_read(reader, row, n, error));
        const uint64_t *highest = reader->words + (int64_t)(n_words - 1) * MDLI_SORT_STRIDE + 1;
        for (int64_t i = 0; i < n; i++) {
            if (heap->n == first->n_wanted && highest[i] > heap->entries[0]) {
                continue;
            }
            for (int32_t w = 0; w < n_words; w++) {
                heap->candidate[w] = highest[i - (int64_t)w * MDLI_SORT_STRIDE];
            }
            heap->candidate[n_words] = (uint64_t)(row + i);
            offer_entry(first, heap, heap->candidate);
        }
    }
    return MDL_OK;
}

static mdl_status create_heaps(first_rows *first, int n_workers, mdl_error *error)
{
    mdl_context *context = first->keys->context;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_workers * sizeof(row_heap), "top-n", &memory,
                                  error));
    first->heaps = memory;
    for (int i = 0; i < n_workers; i++) {
        MDLI_TRY(mdli_allocate_array(context, first->n_wanted + 1,
                                     (size_t)first->entry_words * sizeof(uint64_t), "top-n",
                                     &memory, error));
        first->heaps[i].entries = memory;
        first->heaps[i].candidate = first->heaps[i].entries + first->n_wanted * first->entry_words;
    }
    return mdli_sort_readers_create(first->keys, n_workers, &first->readers, error);
}

/* Takes all heaps into the first, and empties it into the list from its end. */
static void drain_heaps(first_rows *first, int n_workers, mdli_row_list *out)
{
    int64_t words = first->entry_words;
    row_heap *heap = &first->heaps[0];
    for (int i = 1; i < n_workers; i++) {
        for (int64_t e = 0; e < first->heaps[i].n; e++) {
            offer_entry(first, heap, first->heaps[i].entries + e * words);
        }
    }
    out->n_rows = heap->n;
    while (heap->n > 0) {
        out->rows[heap->n - 1] = (int64_t)heap->entries[words - 1];
        heap->n--;
        memcpy(heap->candidate, heap->entries + heap->n * words, (size_t)words * sizeof(uint64_t));
        sink_entry(first, heap, heap->candidate);
    }
}

mdl_status mdli_sort_first_rows(const mdli_sort_keys *keys, int64_t n, mdli_row_list *out,
                                mdl_error *error)
{
    assert(n <= keys->n_rows);
    mdl_context *context = keys->context;
    first_rows first = {.keys = keys, .n_wanted = n, .entry_words = (int64_t)keys->n_words + 1};
    int64_t n_jobs = (keys->n_rows + SEARCH_ROWS - 1) / SEARCH_ROWS;
    int n_workers = mdli_n_workers(context, n_jobs);
    void *rows = NULL;
    mdl_status status;
    *out = (mdli_row_list){0};
    if (n == 0) {
        return MDL_OK;
    }
    MDLI_TRY_GOTO_DONE(mdli_allocate_array(context, n, sizeof(int64_t), "top-n", &rows, error));
    MDLI_TRY_GOTO_DONE(create_heaps(&first, n_workers, error));
    MDLI_TRY_GOTO_DONE(mdli_parallel_for(context, n_jobs, search_range, &first, error));
    out->rows = rows;
    rows = NULL;
    drain_heaps(&first, n_workers, out);
done:
    for (int i = 0; first.heaps != NULL && i < n_workers; i++) {
        mdli_free(context, first.heaps[i].entries);
    }
    mdli_free(context, first.heaps);
    mdli_sort_readers_free(context, first.readers, n_workers);
    mdli_free(context, rows);
    return status;
}
