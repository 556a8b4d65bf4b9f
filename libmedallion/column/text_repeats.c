/*
 * See text_repeats.h. Each text sets a bit by its hash: texts that set a bit first are distinct, so
 * that what these would cost as entries is no more than what all do. Texts that hardly repeat are
 * through with that after half of the rows, which are hashed but never compared or kept; for others
 * the first rows show that there is nothing to hope for.
 */
#include "column/text_repeats.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "column/block_internal.h"
#include "column/string_set.h"

/* Bits for each row: so many that few texts find theirs set by another. */
#define BITS_PER_ROW 8
#define BITS_MIN     4096
#define BITS_MAX     ((int64_t)1 << 32)

typedef struct repeat_search {
    mdl_context *context;
    mdli_block *const *blocks;
    int64_t n_rows;
    int64_t cost_max;
    _Atomic uint64_t *bits;
    uint64_t bit_mask;
    _Atomic int64_t cost;        /* of the distinct texts so far */
    _Atomic int64_t n_seen_rows; /* among so many rows */
} repeat_search;

/* Sets the bit of a text; whether it was the first to do so. */
static bool is_first(const repeat_search *search, mdl_string text)
{
    const mdli_headed_text headed = mdli_headed_text_of(text);
    const uint64_t place = mdli_hash_headed_text(&headed) & search->bit_mask;
    const uint64_t bit = (uint64_t)1 << (place & 63);
    return (atomic_fetch_or_explicit(&search->bits[place >> 6], bit, memory_order_relaxed) & bit) ==
           0;
}

/* What the texts among some rows that are first to set their bits cost as entries. */
static int64_t cost_of_first(const repeat_search *search, const mdl_vector *values)
{
    int64_t cost = 0;
    for (int64_t i = 0; i < values->n_rows; i++) {
        if (!mdl_vector_is_null(values, i)) {
            const mdl_string text = mdl_vector_string(values, i);
            cost += is_first(search, text) ? MDLI_ENTRY_BYTES + text.size_bytes : 0;
        }
    }
    return cost;
}

/* Adds what was found in some rows. Whether there is more to look for: not when it is certain, or
 * when going on like this would not make it so. */
static bool add_cost(repeat_search *search, int64_t cost, int64_t n_rows)
{
    const int64_t total =
        cost + atomic_fetch_add_explicit(&search->cost, cost, memory_order_relaxed);
    const int64_t n_seen =
        n_rows + atomic_fetch_add_explicit(&search->n_seen_rows, n_rows, memory_order_relaxed);
    const double expected = (double)search->cost_max / (double)search->n_rows * (double)n_seen;
    return total <= search->cost_max && (n_seen == 0 || (double)total > expected);
}

/* Job: looks at the texts of a block. */
static mdl_status search_block(void *data, int64_t job, int worker, mdl_error *error)
{
    repeat_search *search = data;
    const mdli_block *block = search->blocks[job];
    bool goes_on = block != NULL && add_cost(search, 0, 0);
    mdl_status status = MDL_OK;
    mdli_decode_buffer buffer;
    (void)worker;
    mdli_decode_buffer_init(&buffer, search->context);
    for (int64_t start = 0; goes_on && start < block->n_rows; start += MDLI_VECTOR_ROWS) {
        const int64_t n_left = block->n_rows - start;
        const int64_t n = n_left < MDLI_VECTOR_ROWS ? n_left : MDLI_VECTOR_ROWS;
        mdl_vector values;
        status = mdli_block_decode(block, start, n, &buffer, &values, error);
        goes_on = status == MDL_OK && add_cost(search, cost_of_first(search, &values), n);
    }
    mdli_decode_buffer_free(&buffer);
    return status;
}

mdl_status mdli_entries_cost_more(mdl_context *context, mdli_block *const *blocks, int64_t n_blocks,
                                  int64_t cost_max, bool *out, mdl_error *error)
{
    repeat_search search = {.context = context, .blocks = blocks, .cost_max = cost_max};
    int64_t n_bits = BITS_MIN;
    void *bits;
    *out = false;
    for (int64_t b = 0; b < n_blocks; b++) {
        search.n_rows += blocks[b] != NULL ? blocks[b]->n_rows : 0;
    }
    while (n_bits < BITS_PER_ROW * search.n_rows && n_bits < BITS_MAX) {
        n_bits *= 2;
    }
    search.bit_mask = (uint64_t)n_bits - 1;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_bits / 8, "dictionary", &bits, error));
    search.bits = bits;
    mdl_status status = mdli_parallel_for(context, n_blocks, search_block, &search, error);
    *out = status == MDL_OK && search.cost > cost_max;
    mdli_free(context, bits);
    return status;
}
