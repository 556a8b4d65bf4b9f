/*
 * Blocks whose bytes come in parts.
 *
 * A day touches a few thousand rows of a block of 65,536, and most of what it makes are slices,
 * which need no bytes. So a block of packed frames from a store has the place for its body, and the
 * bytes come when rows are asked for: those of the frames that the rows are in, in parts of
 * MDLI_PART_BYTES that have checksums of their own.
 *
 * Nothing is looked at before it was proved: first the directory, which says where frames are, then
 * each frame, that it decodes without leaving its block and that its values lie between the block's
 * bounds. What is never asked for is never proved. Only blocks in no order come so: what they say
 * of their values is their bounds, and all that can be wrong of bounds that no frame passes is that
 * they are too wide.
 *
 * A frame that is proved has a bit, which readers see without a lock. Whoever finds it missing
 * reads under the lock of the block; threads that read other blocks are not held up.
 */
#include "column/block_internal.h"

#include <assert.h>
#include <pthread.h>

#include "base/error.h"
#include "base/memory.h"

/* Kernels may look so far past the packed frames that they decode. */
#define BYTES_PAST_FRAMES 64

#define PARTS_MAX  256
#define WORD_BITS  64
#define PART_WORDS (PARTS_MAX / WORD_BITS)

struct mdli_block_parts {
    mdli_part_source source;
    pthread_mutex_t lock;
    uint64_t are_read[PART_WORDS]; /* a bit for each part; under the lock */
    bool is_open;                  /* the directory is proved; under the lock */
    /* A bit for each frame that is proved. */
    _Atomic(uint64_t) are_proved[MDLI_BLOCK_FRAMES_MAX / WORD_BITS];
};

bool mdli_can_come_in_parts(mdl_type type, mdl_encoding encoding, int32_t n_nulls, bool is_sorted,
                            int64_t payload_bytes)
{
    const bool has_frames = encoding == MDL_ENCODING_FRAME || encoding == MDL_ENCODING_DELTA ||
                            encoding == MDL_ENCODING_DICTIONARY;
    const bool has_integers = type == MDL_TYPE_INT32 || type == MDL_TYPE_INT64 ||
                              type == MDL_TYPE_DECIMAL || type == MDL_TYPE_TIMESTAMP;
    return has_frames && has_integers && n_nulls == 0 && !is_sorted &&
           MDLI_PART_BYTES < payload_bytes && payload_bytes <= PARTS_MAX * MDLI_PART_BYTES;
}

mdl_status mdli_block_set_source(mdli_block *block, const mdli_part_source *source,
                                 mdl_error *error)
{
    void *memory;
    assert(mdli_can_come_in_parts(block->type, block->encoding, block->n_nulls, block->is_sorted,
                                  block->payload_bytes));
    MDLI_TRY(mdli_allocate_zeroed(block->context, sizeof *block->parts, "column", &memory, error));
    block->parts = memory;
    block->parts->source = *source;
    pthread_mutex_init(&block->parts->lock, NULL);
    return MDL_OK;
}

void mdli_block_free_parts(mdli_block *block)
{
    mdli_block_parts *parts = block->parts;
    if (parts != NULL) {
        parts->source.release(parts->source.data);
        pthread_mutex_destroy(&parts->lock);
        mdli_free(block->context, parts);
    }
}

static bool has_part(const mdli_block_parts *parts, int64_t part)
{
    return (parts->are_read[part / WORD_BITS] >> part % WORD_BITS & 1) != 0;
}

/* Reads what of the bytes [from, to) of a body, and of those that kernels may look at behind them,
 * was not read yet. */
static mdl_status read_bytes(const mdli_block *block, int64_t from_bytes, int64_t to_bytes,
                             mdl_error *error)
{
    mdli_block_parts *parts = block->parts;
    const int64_t last_byte = to_bytes + BYTES_PAST_FRAMES < block->payload_bytes
                                  ? to_bytes + BYTES_PAST_FRAMES
                                  : block->payload_bytes - 1;
    const int64_t end = last_byte / MDLI_PART_BYTES + 1;
    int64_t part = from_bytes / MDLI_PART_BYTES;
    while (part < end) {
        if (has_part(parts, part)) {
            part++;
            continue;
        }
        int64_t n = 1;
        while (part + n < end && !has_part(parts, part + n)) {
            n++;
        }
        MDLI_TRY(parts->source.read(parts->source.data, (int32_t)part, (int32_t)n,
                                    (uint8_t *)block->payload + part * MDLI_PART_BYTES, error));
        for (; n > 0; n--, part++) {
            parts->are_read[part / WORD_BITS] |= UINT64_C(1) << part % WORD_BITS;
        }
    }
    return MDL_OK;
}

static mdl_status say_damaged(const mdli_block_parts *parts, const char *fault, mdl_error *error)
{
    return parts->source.say_damaged(parts->source.data, fault, error);
}

/* Reads and proves the directory; the first part tells how long it is. */
static mdl_status open_directory(const mdli_block *block, mdl_error *error)
{
    mdli_block_parts *parts = block->parts;
    if (parts->is_open) {
        return MDL_OK;
    }
    MDLI_TRY(read_bytes(block, 0, 1, error));
    MDLI_TRY(read_bytes(block, 0, mdli_packed_directory_bytes(block), error));
    const char *fault = mdli_packed_directory_fault(block);
    if (fault != NULL) {
        return say_damaged(parts, fault, error);
    }
    parts->is_open = true;
    return MDL_OK;
}

static bool is_proved(const mdli_block_parts *parts, int64_t f)
{
    return (atomic_load_explicit(&parts->are_proved[f / WORD_BITS], memory_order_acquire) >>
                f % WORD_BITS &
            1) != 0;
}

/* Whether frames [first, end) are all proved, a word of them at a time. */
static bool are_proved(const mdli_block_parts *parts, int64_t first, int64_t end)
{
    bool are = true;
    while (first < end && are) {
        const int64_t start = first % WORD_BITS;
        const int64_t n = end - first < WORD_BITS - start ? end - first : WORD_BITS - start;
        const uint64_t wanted = (n == WORD_BITS ? UINT64_MAX : (UINT64_C(1) << n) - 1) << start;
        are = (~atomic_load_explicit(&parts->are_proved[first / WORD_BITS], memory_order_acquire) &
               wanted) == 0;
        first += n;
    }
    return are;
}

/* Proves frames [first, end), none of which is proved. */
static mdl_status prove_frames(const mdli_block *block, int64_t first, int64_t end,
                               mdl_error *error)
{
    mdli_block_parts *parts = block->parts;
    MDLI_TRY(
        read_bytes(block, mdli_packed_offset(block, first), mdli_packed_offset(block, end), error));
    const char *fault = mdli_packed_frames_fault(block, first, end);
    if (fault != NULL) {
        return say_damaged(parts, fault, error);
    }
    for (int64_t f = first; f < end; f++) {
        atomic_fetch_or_explicit(&parts->are_proved[f / WORD_BITS], UINT64_C(1) << f % WORD_BITS,
                                 memory_order_release);
    }
    return MDL_OK;
}

/* Proves what of frames [first, end) is not proved yet. */
static mdl_status prove_missing_frames(const mdli_block *block, int64_t first, int64_t end,
                                       mdl_error *error)
{
    MDLI_TRY(open_directory(block, error));
    while (first < end) {
        int64_t n = 1;
        if (!is_proved(block->parts, first)) {
            while (first + n < end && !is_proved(block->parts, first + n)) {
                n++;
            }
            MDLI_TRY(prove_frames(block, first, first + n, error));
        }
        first += n;
    }
    return MDL_OK;
}

mdl_status mdli_block_need(const mdli_block *block, int64_t start, int64_t n, mdl_error *error)
{
    assert(0 <= start && 0 <= n && start + n <= block->n_rows);
    if (block->encoding == MDL_ENCODING_SLICE) {
        start += block->first_row;
        block = block->parent;
    }
    const mdli_block *owner = mdli_block_owner(block);
    mdli_block_parts *parts = owner->parts;
    if (parts == NULL) {
        return MDL_OK;
    }
    const int64_t first = start / MDLI_FRAME_ROWS;
    const int64_t end = n == 0 ? first : (start + n - 1) / MDLI_FRAME_ROWS + 1;
    if (first < end && are_proved(parts, first, end)) {
        return MDL_OK;
    }
    pthread_mutex_lock(&parts->lock);
    mdl_status status = prove_missing_frames(owner, first, end, error);
    pthread_mutex_unlock(&parts->lock);
    return status;
}
