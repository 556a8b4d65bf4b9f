/*
 * Marks: a bit per row.
 */
#include "quality/quality_internal.h"

#include <string.h>

#include "base/error.h"

void mdli_marks_init(mdli_marks *marks, mdl_context *context, int64_t n_rows)
{
    marks->context = context;
    marks->n_rows = n_rows;
    atomic_init(&marks->words, NULL);
}

void mdli_marks_free(mdli_marks *marks)
{
    mdli_free(marks->context, mdli_marks_words(marks));
    atomic_init(&marks->words, NULL);
}

static size_t words_bytes(const mdli_marks *marks)
{
    return (size_t)mdli_n_mark_words(marks->n_rows) * sizeof(uint64_t);
}

mdl_status mdli_marks_make(mdli_marks *marks, uint64_t **words, mdl_error *error)
{
    uint64_t *made = atomic_load_explicit(&marks->words, memory_order_acquire);
    void *memory;
    *words = made;
    if (made != NULL) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_allocate_zeroed(marks->context, words_bytes(marks), "marks of failing rows",
                                  &memory, error));
    if (atomic_compare_exchange_strong_explicit(&marks->words, &made, memory, memory_order_acq_rel,
                                                memory_order_acquire)) {
        *words = memory;
    } else {
        mdli_free(marks->context, memory);
        *words = made;
    }
    return MDL_OK;
}

int64_t mdli_marks_count(const mdli_marks *marks)
{
    const uint64_t *words = mdli_marks_words(marks);
    int64_t n = 0;
    for (int64_t w = 0; words != NULL && w < mdli_n_mark_words(marks->n_rows); w++) {
        n += __builtin_popcountll(words[w]);
    }
    return n;
}

void mdli_marks_clear(mdli_marks *marks)
{
    if (mdli_marks_words(marks) != NULL) {
        memset(mdli_marks_words(marks), 0, words_bytes(marks));
    }
}

void mdli_marks_keep(mdli_marks *marks, const mdli_marks *kept)
{
    uint64_t *words = mdli_marks_words(marks);
    const uint64_t *kept_words = mdli_marks_words(kept);
    if (kept_words == NULL) {
        mdli_marks_clear(marks);
        return;
    }
    for (int64_t w = 0; words != NULL && w < mdli_n_mark_words(marks->n_rows); w++) {
        words[w] &= kept_words[w];
    }
}

int64_t mdli_marks_first(const mdli_marks *marks, int64_t *rows, int64_t capacity)
{
    const uint64_t *words = mdli_marks_words(marks);
    const int64_t n_words = words != NULL ? mdli_n_mark_words(marks->n_rows) : 0;
    int64_t n = 0;
    for (int64_t w = 0; w < n_words && n < capacity; w++) {
        for (uint64_t bits = words[w]; bits != 0 && n < capacity; bits &= bits - 1) {
            rows[n++] = w * 64 + __builtin_ctzll(bits);
        }
    }
    return n;
}

/* Does `action` with the number `row` of each row of a column that is NULL. */
#define FOR_NULLS(action)                                                                          \
    for (int64_t b = 0; b < column->n_blocks; b++) {                                               \
        const mdli_block *block = column->blocks[b];                                               \
        for (int64_t w = 0; block->n_nulls > 0 && w < mdli_n_mark_words(block->n_rows); w++) {     \
            int64_t n_left = block->n_rows - w * 64;                                               \
            uint64_t bits = ~block->validity[w];                                                   \
            bits &= n_left < 64 ? ((uint64_t)1 << n_left) - 1 : ~(uint64_t)0;                      \
            for (; bits != 0; bits &= bits - 1) {                                                  \
                int64_t row = column->row_starts[b] + w * 64 + __builtin_ctzll(bits);              \
                action;                                                                            \
            }                                                                                      \
        }                                                                                          \
    }

mdl_status mdli_mark_nulls(const mdl_column *column, mdli_marks *marks, mdl_error *error)
{
    uint64_t *words;
    if (column->stats.n_nulls == 0) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_marks_make(marks, &words, error));
    FOR_NULLS(mdli_mark(words, row))
    return MDL_OK;
}

void mdli_unmark_nulls(const mdl_column *column, mdli_marks *marks)
{
    uint64_t *words = mdli_marks_words(marks);
    if (words != NULL) {
        FOR_NULLS(words[row >> 6] &= ~((uint64_t)1 << (row & 63)))
    }
}
