/*
 * Marks: a bit per row.
 */
#include "quality/quality_internal.h"

#include "base/error.h"

mdl_status mdli_marks_create(mdl_context *context, int64_t n_rows, uint64_t **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)mdli_marks_words(n_rows) * sizeof(uint64_t),
                                  "marks of failing rows", &memory, error));
    *out = memory;
    return MDL_OK;
}

int64_t mdli_marks_count(const uint64_t *marks, int64_t n_rows)
{
    int64_t n = 0;
    for (int64_t w = 0; w < mdli_marks_words(n_rows); w++) {
        n += __builtin_popcountll(marks[w]);
    }
    return n;
}

void mdli_marks_keep(uint64_t *marks, const uint64_t *kept, int64_t n_rows)
{
    for (int64_t w = 0; w < mdli_marks_words(n_rows); w++) {
        marks[w] &= kept[w];
    }
}

int64_t mdli_marks_first(const uint64_t *marks, int64_t n_rows, int64_t *rows, int64_t capacity)
{
    int64_t n = 0;
    for (int64_t w = 0; w < mdli_marks_words(n_rows) && n < capacity; w++) {
        for (uint64_t bits = marks[w]; bits != 0 && n < capacity; bits &= bits - 1) {
            rows[n++] = w * 64 + __builtin_ctzll(bits);
        }
    }
    return n;
}

/* Does `action` with the number `row` of each row of a column that is NULL. */
#define FOR_NULLS(action)                                                                          \
    for (int64_t b = 0; b < column->n_blocks; b++) {                                               \
        const mdli_block *block = column->blocks[b];                                               \
        for (int64_t w = 0; block->n_nulls > 0 && w < mdli_marks_words(block->n_rows); w++) {      \
            int64_t n_left = block->n_rows - w * 64;                                               \
            uint64_t bits = ~block->validity[w];                                                   \
            bits &= n_left < 64 ? ((uint64_t)1 << n_left) - 1 : ~(uint64_t)0;                      \
            for (; bits != 0; bits &= bits - 1) {                                                  \
                int64_t row = column->row_starts[b] + w * 64 + __builtin_ctzll(bits);              \
                action;                                                                            \
            }                                                                                      \
        }                                                                                          \
    }

void mdli_mark_nulls(const mdl_column *column, uint64_t *marks)
{
    FOR_NULLS(mdli_mark(marks, row))
}

void mdli_unmark_nulls(const mdl_column *column, uint64_t *marks)
{
    FOR_NULLS(marks[row >> 6] &= ~((uint64_t)1 << (row & 63)))
}
