/*
 * Stretches of rows that have a match in a join's map.
 */
#include "operators/row_stretches.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/tuning.h"
#include "operators/rowset.h"

void mdli_row_stretches_init(mdli_row_stretches *stretches, mdl_context *context)
{
    *stretches = (mdli_row_stretches){.context = context};
}

void mdli_row_stretches_free(mdli_row_stretches *stretches)
{
    mdli_free(stretches->context, stretches->items);
    stretches->items = NULL;
}

mdl_status mdli_row_stretches_add(mdli_row_stretches *stretches, int64_t first, int64_t end,
                                  mdl_error *error)
{
    const int64_t n = stretches->n_items;
    stretches->n_rows += end - first;
    if (n > 0 && stretches->items[n - 1].end == first) {
        stretches->items[n - 1].end = end;
        return MDL_OK;
    }
    void *items = stretches->items;
    MDLI_TRY(mdli_grow_array(stretches->context, &items, &stretches->capacity, n, n + 1,
                             sizeof *stretches->items, "pipeline", error));
    stretches->items = items;
    stretches->items[stretches->n_items++] = (mdli_stretch){first, end};
    return MDL_OK;
}

/* Adds the runs with a match of a block that starts at row `start`. */
static mdl_status add_runs(mdli_row_stretches *stretches, const mdli_join_map *map, int64_t start,
                           const int64_t *values, const int32_t *ends, int32_t n_runs,
                           mdl_error *error)
{
    mdl_vector keys = {.type = MDL_TYPE_INT64};
    for (int32_t r = 0; r < n_runs; r += (int32_t)keys.n_rows) {
        int32_t picked[MDLI_VECTOR_ROWS];
        int64_t n_matches;
        keys.n_rows = n_runs - r < MDLI_VECTOR_ROWS ? n_runs - r : MDLI_VECTOR_ROWS;
        keys.values = values + r;
        MDLI_TRY(mdli_join_map_pick(map, &keys, keys.n_rows, true, picked, &n_matches, error));
        for (int64_t i = 0; i < n_matches; i++) {
            const int32_t run = r + picked[i];
            MDLI_TRY(mdli_row_stretches_add(stretches, start + (run > 0 ? ends[run - 1] : 0),
                                            start + ends[run], error));
        }
    }
    return MDL_OK;
}

/* The first row of a vector that ascends, from `from` on, with at least some value. */
static int64_t find_row(const mdl_vector *v, int64_t from, int64_t value)
{
    int64_t low = from;
    int64_t high = v->n_rows;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (mdli_vector_integer(v, middle) < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Adds the rows of a vector that ascends, from row `start` of the column on, whose values are in a
 * set. */
static mdl_status add_members(mdli_row_stretches *stretches, const mdli_integer_set *set,
                              int64_t start, const mdl_vector *v, mdl_error *error)
{
    int64_t row = 0;
    while (row < v->n_rows) {
        int64_t key;
        if (!mdli_integer_set_next(set, mdli_vector_integer(v, row), &key)) {
            break;
        }
        const int64_t first = find_row(v, row, key);
        row = key < INT64_MAX ? find_row(v, first, key + 1) : v->n_rows;
        if (first < row) {
            MDLI_TRY(mdli_row_stretches_add(stretches, start + first, start + row, error));
        }
    }
    return MDL_OK;
}

/* Adds the rows in a set of a block that ascends, which starts at row `start`. */
static mdl_status search_block(mdli_row_stretches *stretches, const mdli_integer_set *set,
                               int64_t start, const mdli_block *block, mdli_decode_buffer *buffer,
                               mdl_error *error)
{
    mdl_status status = MDL_OK;
    for (int64_t row = 0; status == MDL_OK && row < block->n_rows; row += MDLI_VECTOR_ROWS) {
        mdl_vector v;
        const int64_t n_left = block->n_rows - row;
        MDLI_TRY(mdli_block_decode(
            block, row, n_left < MDLI_VECTOR_ROWS ? n_left : MDLI_VECTOR_ROWS, buffer, &v, error));
        status = add_members(stretches, set, start + row, &v, error);
    }
    return status;
}

/* Fewest rows of a column for each key that is looked for in a block that ascends: else comparing
 * all rows does not take longer. */
enum {
    ROWS_PER_SEARCH = 64
};

mdl_status mdli_row_stretches_match(mdli_row_stretches *stretches, const mdli_join_map *map,
                                    int64_t n_keys, const mdl_column *column, bool *is_exact,
                                    mdl_error *error)
{
    const mdli_integer_set *set = mdli_join_map_set(map);
    const bool can_search = set != NULL && n_keys <= column->n_rows / ROWS_PER_SEARCH;
    mdl_status status = MDL_OK;
    mdli_decode_buffer buffer;
    mdli_decode_buffer_init(&buffer, stretches->context);
    *is_exact = true;
    for (int64_t b = 0; status == MDL_OK && b < column->n_blocks; b++) {
        const mdli_block *block = column->blocks[b];
        const int64_t start = column->row_starts[b];
        const int64_t *values;
        const int32_t *ends;
        int32_t n_runs;
        if (!block->has_min_max || !mdli_join_map_may_have(map, block->min, block->max)) {
            continue;
        }
        if (mdli_block_runs(block, &values, &ends, &n_runs)) {
            status = add_runs(stretches, map, start, values, ends, n_runs, error);
        } else if (can_search && block->is_sorted && block->n_nulls == 0) {
            status = search_block(stretches, set, start, block, &buffer, error);
        } else {
            status = mdli_row_stretches_add(stretches, start, start + block->n_rows, error);
            *is_exact = false;
        }
    }
    mdli_decode_buffer_free(&buffer);
    return status;
}

void mdli_row_stretches_widen(mdli_row_stretches *stretches, const mdl_column *column)
{
    int64_t n = 0;
    int64_t b = 0;
    stretches->n_rows = 0;
    for (int64_t i = 0; i < stretches->n_items; i++) {
        mdli_stretch wide = stretches->items[i];
        while (column->row_starts[b + 1] <= wide.first) {
            b++;
        }
        wide.first -= (wide.first - column->row_starts[b]) % MDLI_FRAME_ROWS;
        while (column->row_starts[b + 1] < wide.end) {
            b++;
        }
        const int64_t to_frame_end =
            MDLI_FRAME_ROWS - 1 - (wide.end - 1 - column->row_starts[b]) % MDLI_FRAME_ROWS;
        const int64_t to_block_end = column->row_starts[b + 1] - wide.end;
        wide.end += to_frame_end < to_block_end ? to_frame_end : to_block_end;
        if (n > 0 && wide.first <= stretches->items[n - 1].end) {
            stretches->n_rows += wide.end - stretches->items[n - 1].end;
            stretches->items[n - 1].end = wide.end;
        } else {
            stretches->n_rows += wide.end - wide.first;
            stretches->items[n++] = wide;
        }
    }
    stretches->n_items = n;
}

mdl_status mdli_row_stretches_intersect(mdli_row_stretches *stretches,
                                        const mdli_row_stretches *other, mdl_error *error)
{
    mdli_row_stretches both;
    mdl_status status = MDL_OK;
    int64_t i = 0;
    int64_t k = 0;
    mdli_row_stretches_init(&both, stretches->context);
    while (status == MDL_OK && i < stretches->n_items && k < other->n_items) {
        const mdli_stretch a = stretches->items[i];
        const mdli_stretch b = other->items[k];
        const int64_t first = a.first > b.first ? a.first : b.first;
        const int64_t end = a.end < b.end ? a.end : b.end;
        if (first < end) {
            status = mdli_row_stretches_add(&both, first, end, error);
        }
        i += a.end == end;
        k += b.end == end;
    }
    if (status != MDL_OK) {
        mdli_row_stretches_free(&both);
        return status;
    }
    mdli_row_stretches_free(stretches);
    *stretches = both;
    return MDL_OK;
}

int64_t mdli_row_stretches_find(const mdli_row_stretches *stretches, int64_t row)
{
    int64_t low = 0;
    int64_t high = stretches->n_items;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (stretches->items[middle].end <= row) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}
