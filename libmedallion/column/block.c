/*
 * Blocks: their memory and references, validity, and the way to the file that holds their type.
 */
#include "column/block_internal.h"

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "column/proofs.h"

#include <assert.h>
#include <string.h>

/*
 * Validity bitmaps.
 */

static uint64_t low_bits(int64_t n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* Bits [start, start + n), n <= 64, of a bitmap, from bit 0 on. */
static uint64_t read_bits(const uint64_t *validity, int64_t start, int64_t n)
{
    if (validity == NULL) {
        return low_bits(n);
    }
    const int64_t shift = start & 63;
    uint64_t bits = validity[start >> 6] >> shift;
    if (shift + n > 64) {
        bits |= validity[(start >> 6) + 1] << (64 - shift);
    }
    return bits & low_bits(n);
}

void mdli_copy_validity(uint64_t *to, int64_t to_start, const uint64_t *from, int64_t from_start,
                        int64_t n)
{
    while (n > 0) {
        const int64_t shift = to_start & 63;
        const int64_t taken = n < 64 - shift ? n : 64 - shift;
        uint64_t *word = &to[to_start >> 6];
        *word &= ~(low_bits(taken) << shift);
        *word |= read_bits(from, from_start, taken) << shift;
        to_start += taken;
        from_start += taken;
        n -= taken;
    }
}

int64_t mdli_count_nulls(const uint64_t *validity, int64_t start, int64_t n)
{
    int64_t n_nulls = 0;
    for (int64_t i = 0; validity != NULL && i < n; i += 64) {
        const int64_t taken = n - i < 64 ? n - i : 64;
        n_nulls += taken - __builtin_popcountll(read_bits(validity, start + i, taken));
    }
    return n_nulls;
}

/*
 * Memory.
 */

/* Where the payload starts: the block's struct, rounded up so that kernels find it aligned. */
static int64_t payload_offset(void)
{
    return ((int64_t)sizeof(mdli_block) + 63) & ~INT64_C(63);
}

/* All bytes of a block: the struct, its payload and its validity. */
static int64_t block_bytes(int64_t payload_bytes, int32_t n_rows, int32_t n_nulls)
{
    const int64_t body_bytes = mdli_block_body_bytes(payload_bytes, n_rows, n_nulls);
    return payload_offset() + ((body_bytes + 7) & ~INT64_C(7));
}

/* Makes a block of memory that is large enough. */
static mdli_block *begin_block(mdl_context *context, void *memory, mdl_type type,
                               mdl_encoding encoding, int32_t n_rows, int32_t n_nulls,
                               int64_t payload_bytes, void **body)
{
    assert(1 <= n_rows && n_rows <= MDLI_BLOCK_ROWS_MAX);
    mdli_block *block = memory;
    *block = (mdli_block){
        .context = context,
        .serial = mdli_context_new_serial(context),
        .type = type,
        .encoding = encoding,
        .n_rows = n_rows,
        .n_nulls = n_nulls,
        .n_distinct = -1,
        .payload_bytes = payload_bytes,
        .size_bytes = block_bytes(payload_bytes, n_rows, n_nulls),
    };
    atomic_init(&block->references, 1);
    atomic_init(&block->content.state, 0);
    atomic_init(&block->proofs, NULL);
    *body = (uint8_t *)memory + payload_offset();
    block->payload = *body;
    if (n_nulls > 0) {
        const int64_t validity_bytes = mdli_validity_words(n_rows) * 8;
        const int64_t body_bytes = mdli_block_body_bytes(payload_bytes, n_rows, n_nulls);
        block->validity = (uint64_t *)((uint8_t *)*body + body_bytes - validity_bytes);
    }
    return block;
}

mdl_status mdli_block_allocate_unfilled(mdl_context *context, mdl_type type, mdl_encoding encoding,
                                        int32_t n_rows, int32_t n_nulls, int64_t payload_bytes,
                                        mdli_block **out, void **body, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate(context, (size_t)block_bytes(payload_bytes, n_rows, n_nulls), "column",
                           &memory, error));
    *out = begin_block(context, memory, type, encoding, n_rows, n_nulls, payload_bytes, body);
    return MDL_OK;
}

/* Blocks follow it from the next multiple of 64 bytes. */
struct mdli_slab {
    atomic_int references;
    mdl_context *context;
    int64_t size_bytes;
    int64_t next_bytes; /* where the next block starts */
};

static int64_t align_to_line(int64_t bytes)
{
    return (bytes + 63) & ~INT64_C(63);
}

mdl_status mdli_slab_allocate(mdl_context *context, int64_t size_bytes, mdli_slab **out,
                              mdl_error *error)
{
    const int64_t start_bytes = align_to_line((int64_t)sizeof(mdli_slab));
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate(context, (size_t)(start_bytes + size_bytes), "column", &memory, error));
    mdli_expect_writes(memory, (size_t)(start_bytes + size_bytes));
    mdli_slab *slab = memory;
    *slab = (mdli_slab){
        .context = context, .size_bytes = start_bytes + size_bytes, .next_bytes = start_bytes};
    atomic_init(&slab->references, 1);
    *out = slab;
    return MDL_OK;
}

void mdli_slab_release(mdli_slab *slab)
{
    if (slab != NULL &&
        atomic_fetch_sub_explicit(&slab->references, 1, memory_order_acq_rel) == 1) {
        mdli_free(slab->context, slab);
    }
}

int64_t mdli_slab_bytes_of_block(int64_t payload_bytes, int32_t n_rows, int32_t n_nulls)
{
    return align_to_line(block_bytes(payload_bytes, n_rows, n_nulls));
}

void mdli_slab_place_block(mdli_slab *slab, mdl_type type, mdl_encoding encoding, int32_t n_rows,
                           int32_t n_nulls, int64_t payload_bytes, mdli_block **out, void **body)
{
    *out = begin_block(slab->context, (uint8_t *)slab + slab->next_bytes, type, encoding, n_rows,
                       n_nulls, payload_bytes, body);
    (*out)->slab = slab;
    atomic_fetch_add_explicit(&slab->references, 1, memory_order_relaxed);
    slab->next_bytes += mdli_slab_bytes_of_block(payload_bytes, n_rows, n_nulls);
    assert(slab->next_bytes <= slab->size_bytes);
}

mdl_status mdli_block_allocate(mdl_context *context, const mdl_vector *values,
                               mdl_encoding encoding, int64_t payload_bytes, mdli_block **out,
                               void **payload, mdl_error *error)
{
    const int64_t n = values->n_rows;
    const int64_t n_nulls = mdli_count_nulls(values->validity, 0, n);
    MDLI_TRY(mdli_block_allocate_unfilled(context, values->type, encoding, (int32_t)n,
                                          (int32_t)n_nulls, payload_bytes, out, payload, error));
    if (n_nulls > 0) {
        uint64_t *validity = (*out)->validity;
        uint8_t *payload_end = (uint8_t *)*payload + payload_bytes;
        memset(payload_end, 0, (size_t)((uint8_t *)validity - payload_end));
        validity[mdli_validity_words(n) - 1] = 0;
        mdli_copy_validity(validity, 0, values->validity, 0, n);
    }
    return MDL_OK;
}

void mdli_block_retain(mdli_block *block)
{
    atomic_fetch_add_explicit(&block->references, 1, memory_order_relaxed);
}

void mdli_block_release(mdli_block *block)
{
    if (block == NULL ||
        atomic_fetch_sub_explicit(&block->references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    mdli_block_free_proofs(block);
    mdli_block_free_parts(block);
    mdli_dictionary_release(block->dictionary);
    mdli_block_release(block->payload_owner);
    mdli_block_release(block->parent);
    if (block->slab != NULL) {
        mdli_slab_release(block->slab);
    } else {
        mdli_free(block->context, block);
    }
}

static mdl_type form_of(mdl_type type)
{
    switch (type) {
    case MDL_TYPE_DECIMAL:
        return MDL_TYPE_INT32;
    case MDL_TYPE_TIMESTAMP:
        return MDL_TYPE_INT64;
    case MDL_TYPE_INT32:
    case MDL_TYPE_INT64:
    case MDL_TYPE_FLOAT64:
    case MDL_TYPE_BOOL:
    case MDL_TYPE_STRING:
        break;
    }
    return type;
}

bool mdli_is_same_form(mdl_type a, mdl_type b)
{
    return form_of(a) == form_of(b);
}

mdl_status mdli_block_retype(mdli_block *block, mdl_type type, mdli_block **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    assert(mdli_value_bytes(block->type) == mdli_value_bytes(type));
    MDLI_TRY(mdli_allocate(block->context, sizeof *block, "column", &memory, error));
    mdli_block *owner = mdli_block_owner(block);
    mdli_block *view = memory;
    /* All but the references, and from the note of the content on what other threads may be
     * changing. */
    memcpy((char *)view + sizeof view->references, (char *)block + sizeof block->references,
           offsetof(mdli_block, content) - sizeof block->references);
    atomic_init(&view->references, 1);
    atomic_init(&view->content.state, 0);
    atomic_init(&view->proofs, NULL);
    view->parts = NULL;
    view->type = type;
    view->payload_owner = owner;
    view->slab = NULL;
    mdli_block_retain(owner);
    if (view->dictionary != NULL) {
        mdli_dictionary_retain(view->dictionary);
    }
    if (view->parent != NULL) {
        mdli_block_retain(view->parent);
    }
    *out = view;
    return MDL_OK;
}

/* A view would keep the block alive and with it each dictionary that there was before. */
mdl_status mdli_block_copy_with_dictionary(const mdli_block *block, mdli_dictionary *dictionary,
                                           mdli_block **out, mdl_error *error)
{
    void *body;
    mdli_content_id id;
    assert(block->type == MDL_TYPE_STRING && block->encoding == MDL_ENCODING_DICTIONARY);
    MDLI_TRY(mdli_block_allocate_unfilled(block->context, block->type, block->encoding,
                                          block->n_rows, block->n_nulls, block->payload_bytes, out,
                                          &body, error));
    memcpy(body, block->payload,
           (size_t)mdli_block_body_bytes(block->payload_bytes, block->n_rows, block->n_nulls));
    (*out)->n_distinct = block->n_distinct;
    (*out)->dictionary = dictionary;
    mdli_dictionary_retain(dictionary);
    if (mdli_content_note_get(&mdli_block_owner(block)->content, &id)) {
        mdli_content_note_set(&(*out)->content, &id);
    }
    return MDL_OK;
}

mdl_status mdli_error_encoding(mdl_error *error, mdl_encoding encoding, mdl_type type)
{
    return mdl_error_set(error, MDL_E_UNSUPPORTED, "encoding %s cannot hold these %s values",
                         mdl_encoding_name(encoding), mdl_type_name(type));
}

/*
 * Notes of contents.
 */

enum {
    NOTE_EMPTY = 0, /* as zero-initialised */
    NOTE_IN_WORK = 1,
    NOTE_FILLED = 2
};

void mdli_content_note_set(mdli_content_note *note, const mdli_content_id *id)
{
    int empty = NOTE_EMPTY;
    if (atomic_compare_exchange_strong_explicit(&note->state, &empty, NOTE_IN_WORK,
                                                memory_order_relaxed, memory_order_relaxed)) {
        note->id = *id;
        atomic_store_explicit(&note->state, NOTE_FILLED, memory_order_release);
    }
}

bool mdli_content_note_get(const mdli_content_note *note, mdli_content_id *id)
{
    if (atomic_load_explicit(&note->state, memory_order_acquire) != NOTE_FILLED) {
        return false;
    }
    *id = note->id;
    return true;
}

/*
 * Encoding.
 */

mdl_status mdli_block_encode_as(mdl_context *context, mdl_encoding encoding,
                                const mdl_vector *values, mdli_dictionary *dictionary,
                                mdli_block **out, mdl_error *error)
{
    *out = NULL;
    if (values->type != MDL_TYPE_STRING) {
        return mdli_encode_integers(context, encoding, values, 0, out, error);
    }
    const bool has_codes = dictionary != NULL && values->codes != NULL;
    if (has_codes && (encoding == MDLI_ENCODING_CHEAPEST || encoding == MDL_ENCODING_DICTIONARY)) {
        return mdli_encode_codes(context, values, dictionary, out, error);
    }
    return mdli_encode_text(context, encoding, values, out, error);
}

mdl_status mdli_block_encode(mdl_context *context, const mdl_vector *values,
                             mdli_dictionary *dictionary, mdli_block **out, mdl_error *error)
{
    return mdli_block_encode_as(context, MDLI_ENCODING_CHEAPEST, values, dictionary, out, error);
}

mdl_status mdli_block_encode_like(mdl_context *context, const mdl_vector *values,
                                  mdli_dictionary *dictionary, const mdli_block *like,
                                  mdli_block **out, mdl_error *error)
{
    if (values->type == MDL_TYPE_STRING) {
        return mdli_block_encode(context, values, dictionary, out, error);
    }
    const mdli_block *whole = like->parent != NULL ? like->parent : like;
    int page_bits = 0;
    *out = NULL;
    if (whole->encoding == MDL_ENCODING_FRAME) {
        MDLI_TRY(mdli_block_need(whole, 0, 0, error));
        page_bits = mdli_frames_open(mdli_kernels_of(context), whole->encoding, whole->n_rows,
                                     whole->payload)
                        .page_bits;
    }
    return mdli_encode_integers(context, MDLI_ENCODING_CHEAPEST, values, page_bits, out, error);
}

/*
 * Decoding.
 */

void mdli_decode_buffer_init(mdli_decode_buffer *buffer, mdl_context *context)
{
    *buffer = (mdli_decode_buffer){.context = context};
}

void mdli_decode_buffer_free(mdli_decode_buffer *buffer)
{
    mdli_free(buffer->context, buffer->values);
    mdli_free(buffer->context, buffer->validity);
    mdli_free(buffer->context, buffer->codes);
    mdli_free(buffer->context, buffer->text);
    mdli_block_release(buffer->text_block);
    mdli_decode_buffer_init(buffer, buffer->context);
}

mdl_status mdli_decode_buffer_reserve_values(mdli_decode_buffer *buffer, int64_t size_bytes,
                                             mdl_error *error)
{
    return mdli_grow_array(buffer->context, &buffer->values, &buffer->values_bytes, 0, size_bytes,
                           1, "decoding", error);
}

mdl_status mdli_decode_buffer_reserve_validity(mdli_decode_buffer *buffer, int64_t n,
                                               mdl_error *error)
{
    void *validity = buffer->validity;
    mdl_status status = mdli_grow_array(buffer->context, &validity, &buffer->validity_words, 0,
                                        mdli_validity_words(n), 8, "decoding", error);
    buffer->validity = validity;
    return status;
}

mdl_status mdli_decode_buffer_reserve_codes(mdli_decode_buffer *buffer, int64_t n, mdl_error *error)
{
    void *codes = buffer->codes;
    mdl_status status = mdli_grow_array(buffer->context, &codes, &buffer->codes_capacity, 0, n,
                                        sizeof *buffer->codes, "decoding", error);
    buffer->codes = codes;
    return status;
}

mdl_status mdli_decode_buffer_reserve_text(mdli_decode_buffer *buffer, int64_t size_bytes,
                                           mdl_error *error)
{
    void *text = buffer->text;
    mdli_block_release(buffer->text_block);
    buffer->text_block = NULL;
    /* Some memory even for no text: the texts of a block, all empty, point to it. */
    mdl_status status = mdli_grow_array(buffer->context, &text, &buffer->text_bytes, 0,
                                        size_bytes > 0 ? size_bytes : 1, 1, "decoding", error);
    buffer->text = text;
    return status;
}

/* Points `out` at the validity of the rows: the block's own words where rows start at one. */
static mdl_status decode_validity(const mdli_block *block, int64_t start, int64_t n,
                                  mdli_decode_buffer *buffer, mdl_vector *out, mdl_error *error)
{
    if (mdli_count_nulls(block->validity, start, n) == 0) {
        return MDL_OK;
    }
    if (start % 64 == 0) {
        out->validity = block->validity + start / 64;
        return MDL_OK;
    }
    MDLI_TRY(mdli_decode_buffer_reserve_validity(buffer, n, error));
    mdli_copy_validity(buffer->validity, 0, block->validity, start, n);
    out->validity = buffer->validity;
    return MDL_OK;
}

/* Decompresses the text of a ZSTD block, unless that is what the buffer holds already. */
static mdl_status decompress_into_buffer(const mdli_block *block, mdli_decode_buffer *buffer,
                                         mdl_error *error)
{
    if (block->encoding != MDL_ENCODING_ZSTD || buffer->text_block == block) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_decode_buffer_reserve_text(buffer, mdli_decompressed_bytes(block), error));
    MDLI_TRY(mdli_decompress_text(block, buffer->text, error));
    /* The reference keeps the address from being given to another block. */
    buffer->text_block = (mdli_block *)block;
    mdli_block_retain(buffer->text_block);
    return MDL_OK;
}

static mdl_status decode_string(const mdli_block *block, int64_t start, int64_t n,
                                mdli_decode_buffer *buffer, mdl_vector *out, mdl_error *error)
{
    if (block->encoding == MDL_ENCODING_DICTIONARY) {
        MDLI_TRY(mdli_decode_buffer_reserve_codes(buffer, n, error));
        mdli_decode_codes(block, start, n, buffer->codes);
        out->codes = buffer->codes;
        out->dictionary = block->dictionary->entries;
        out->n_dictionary = block->dictionary->n_entries;
        return MDL_OK;
    }
    MDLI_TRY(decompress_into_buffer(block, buffer, error));
    MDLI_TRY(mdli_decode_buffer_reserve_values(buffer, n * (int64_t)sizeof(mdl_string), error));
    mdli_decode_text(block, buffer->text, start, n, buffer->values);
    out->values = buffer->values;
    return MDL_OK;
}

mdl_status mdli_block_decode(const mdli_block *block, int64_t start, int64_t n,
                             mdli_decode_buffer *buffer, mdl_vector *out, mdl_error *error)
{
    assert(0 <= start && 0 <= n && start + n <= block->n_rows);
    *out = (mdl_vector){.type = block->type, .n_rows = n};
    MDLI_TRY(decode_validity(block, start, n, buffer, out, error));
    if (block->type == MDL_TYPE_STRING) {
        return decode_string(block, start, n, buffer, out, error);
    }
    MDLI_TRY(mdli_block_need(block, start, n, error));
    if (block->encoding == MDL_ENCODING_SLICE) {
        start += block->first_row;
        block = block->parent;
    }
    const int64_t value_bytes = mdli_value_bytes(block->type);
    if (block->encoding == MDL_ENCODING_PLAIN) {
        out->values = (const uint8_t *)block->payload + start * value_bytes;
        return MDL_OK;
    }
    MDLI_TRY(mdli_decode_buffer_reserve_values(buffer, n * value_bytes, error));
    mdli_decode_integers(block, start, n, buffer->values);
    out->values = buffer->values;
    return MDL_OK;
}

/* Whether the payloads of two blocks, of one size, are the same. Where both are in a store that is
 * known without their bytes, which need not be there. */
static bool have_same_payloads(const mdli_block *a, const mdli_block *b)
{
    mdli_content_id id_of_a;
    mdli_content_id id_of_b;
    if (mdli_block_owner(a)->parts == NULL && mdli_block_owner(b)->parts == NULL) {
        return memcmp(a->payload, b->payload, (size_t)a->payload_bytes) == 0;
    }
    if (mdli_content_note_get(&mdli_block_owner(a)->content, &id_of_a) &&
        mdli_content_note_get(&mdli_block_owner(b)->content, &id_of_b)) {
        return id_of_a.low == id_of_b.low && id_of_a.high == id_of_b.high &&
               id_of_a.stored_bytes == id_of_b.stored_bytes;
    }
    /* A no may be wrong. Who goes on to read the block is told why it could not be read. */
    return mdli_block_need(a, 0, a->n_rows, NULL) == MDL_OK &&
           mdli_block_need(b, 0, b->n_rows, NULL) == MDL_OK &&
           memcmp(a->payload, b->payload, (size_t)a->payload_bytes) == 0;
}

/* Slices hold the same bytes where they show the same rows of one block. Blocks that show one under
 * another type have its very bytes. */
bool mdli_blocks_have_same_bytes(const mdli_block *a, const mdli_block *b)
{
    return a->parent == b->parent && a->first_row == b->first_row &&
           a->payload_bytes == b->payload_bytes &&
           (a->payload_bytes == 0 || a->payload == b->payload || have_same_payloads(a, b));
}

static bool have_same_nulls(const mdli_block *a, const mdli_block *b)
{
    if (a->validity == NULL || b->validity == NULL) {
        return a->validity == b->validity;
    }
    return memcmp(a->validity, b->validity, (size_t)((a->n_rows + 63) >> 6) * sizeof(uint64_t)) ==
           0;
}

bool mdli_blocks_have_same_bodies(const mdli_block *a, const mdli_block *b)
{
    if (a == b) {
        return true;
    }
    return a->type == b->type && a->encoding == b->encoding && a->n_rows == b->n_rows &&
           a->n_nulls == b->n_nulls && (a->type == MDL_TYPE_STRING || a->first == b->first) &&
           have_same_nulls(a, b) && mdli_blocks_have_same_bytes(a, b);
}
