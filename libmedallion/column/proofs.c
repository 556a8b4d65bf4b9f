/*
 * Proofs in lists that lie on blocks. A list only grows, at its head and by one atomic step, until
 * its block is freed, so that readers need no lock.
 */
#include "column/proofs.h"

#include "base/error.h"
#include "base/memory.h"

/* Most proofs that a block keeps. There is a handful of keys and foreign keys for any column. */
#define PROOFS_MAX 8

/* Most columns of a key of which order is kept. */
#define PROOF_COLUMNS_MAX 6

/* Rows that a column has to have for each byte of a set that is kept with it. */
#define ROWS_PER_SET_BYTE 32

struct mdli_proof {
    mdli_proof *next;
    int32_t n_before;      /* proofs behind `next` */
    mdli_integer_set *set; /* all values are in it; NULL = rows ascend with those of other blocks */
    int32_t n_blocks;
    uint64_t serials[PROOF_COLUMNS_MAX]; /* of all blocks of the key */
};

/* ---- Sets ---- */

mdl_status mdli_integer_set_create(mdl_context *context, int64_t least, uint64_t n_slots,
                                   mdli_integer_set **out, mdl_error *error)
{
    const uint64_t n_words = n_slots / 32 + 1;
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context,
                                  sizeof(mdli_integer_set) + (size_t)n_words * sizeof(uint32_t),
                                  "keys", &memory, error));
    mdli_integer_set *set = memory;
    set->context = context;
    set->least = least;
    set->n_slots = n_slots;
    set->bits = (uint32_t *)(set + 1);
    atomic_init(&set->references, 1);
    *out = set;
    return MDL_OK;
}

void mdli_integer_set_release(mdli_integer_set *set)
{
    if (set != NULL && atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) == 1) {
        mdli_free(set->context, set);
    }
}

bool mdli_integer_set_next(const mdli_integer_set *set, int64_t value, int64_t *member)
{
    const uint64_t from = value > set->least ? (uint64_t)value - (uint64_t)set->least : 0;
    if (from >= set->n_slots) {
        return false;
    }
    uint64_t word = from / 32;
    uint32_t bits = set->bits[word] & (UINT32_MAX << (from & 31));
    while (bits == 0 && word < set->n_slots / 32) {
        bits = set->bits[++word];
    }
    *member = set->least + (int64_t)(word * 32) + (bits != 0 ? __builtin_ctz(bits) : 0);
    return bits != 0;
}

/* The bits of slots [slot, slot + 32), some of which may lie outside of the set. */
static uint32_t bits_from(const mdli_integer_set *set, int64_t slot)
{
    if (slot <= -32 || slot >= (int64_t)set->n_slots) {
        return 0;
    }
    if (slot < 0) {
        return set->bits[0] << -slot;
    }
    const uint64_t word = (uint64_t)slot / 32;
    const uint64_t next = word < set->n_slots / 32 ? set->bits[word + 1] : 0;
    return (uint32_t)((next << 32 | set->bits[word]) >> (slot & 31));
}

static bool is_subset(const mdli_integer_set *a, const mdli_integer_set *b)
{
    int64_t distance;
    if (__builtin_sub_overflow(a->least, b->least, &distance) || distance > INT64_MAX / 2) {
        return false;
    }
    const int64_t n_words = (int64_t)(a->n_slots / 32 + 1);
    for (int64_t w = 0; w < n_words; w++) {
        if ((a->bits[w] & ~bits_from(b, distance + w * 32)) != 0) {
            return false;
        }
    }
    return true;
}

/* ---- Lists ---- */

/* The block whose list tells of the values of `block`; NULL = it shows other rows than the block
 * whose memory it uses. */
static mdli_block *find_keeper(const mdli_block *block)
{
    const mdli_block *owner = block->payload_owner;
    if (owner == NULL) {
        return (mdli_block *)block;
    }
    return owner->payload == block->payload && owner->n_rows == block->n_rows ? (mdli_block *)owner
                                                                              : NULL;
}

static const mdli_proof *first_proof(const mdli_block *keeper)
{
    return atomic_load_explicit(&keeper->proofs, memory_order_acquire);
}

/* Puts a copy of `proof` on a list, if that has room for it; `*is_kept` says so. */
static mdl_status keep_proof(mdli_block *keeper, const mdli_proof *proof, bool *is_kept,
                             mdl_error *error)
{
    mdli_proof *head = atomic_load_explicit(&keeper->proofs, memory_order_acquire);
    void *memory;
    *is_kept = head == NULL || head->n_before + 1 < PROOFS_MAX;
    if (!*is_kept) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_allocate(keeper->context, sizeof *proof, "proof", &memory, error));
    mdli_proof *kept = memory;
    *kept = *proof;
    do {
        kept->next = head;
        kept->n_before = head != NULL ? head->n_before + 1 : 0;
    } while (!atomic_compare_exchange_weak_explicit(&keeper->proofs, &head, kept,
                                                    memory_order_release, memory_order_acquire));
    return MDL_OK;
}

void mdli_block_free_proofs(mdli_block *block)
{
    mdli_proof *proof = atomic_load_explicit(&block->proofs, memory_order_acquire);
    while (proof != NULL) {
        mdli_proof *next = proof->next;
        mdli_integer_set_release(proof->set);
        mdli_free(block->context, proof);
        proof = next;
    }
}

/* ---- Values in a set ---- */

/* Whether the values of `proved` are all in the set that is searched for. */
static bool is_within(mdli_subset_search *search, const mdli_integer_set *proved)
{
    if (proved == search->set || proved == search->subset) {
        return true;
    }
    if (proved == search->other) {
        return false;
    }
    const bool is_in = is_subset(proved, search->set);
    *(is_in ? &search->subset : &search->other) = proved;
    return is_in;
}

bool mdli_block_is_proved_within(const mdli_block *block, mdli_subset_search *search)
{
    const mdli_block *keeper = find_keeper(block);
    const mdli_proof *proof = keeper != NULL ? first_proof(keeper) : NULL;
    while (proof != NULL && (proof->set == NULL || !is_within(search, proof->set))) {
        proof = proof->next;
    }
    return proof != NULL;
}

mdl_status mdli_block_prove_within(const mdli_block *block, mdli_subset_search *search,
                                   int64_t n_rows, mdl_error *error)
{
    mdli_block *keeper = find_keeper(block);
    mdli_integer_set *set = search->set;
    bool is_kept = false;
    if (keeper == NULL || keeper->context != set->context ||
        set->n_slots / 8 > (uint64_t)n_rows / ROWS_PER_SET_BYTE ||
        mdli_block_is_proved_within(block, search)) {
        return MDL_OK;
    }
    atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    mdl_status status = keep_proof(keeper, &(mdli_proof){.set = set}, &is_kept, error);
    if (!is_kept || status != MDL_OK) {
        mdli_integer_set_release(set);
    }
    return status;
}

/* ---- Rows in order ---- */

/* The keepers' serial numbers; false where there is one without, or too many. */
static bool list_serials(mdli_block *const *blocks, int32_t n_blocks, uint64_t *serials)
{
    if (n_blocks == 0 || n_blocks > PROOF_COLUMNS_MAX) {
        return false;
    }
    for (int32_t i = 0; i < n_blocks; i++) {
        const mdli_block *keeper = find_keeper(blocks[i]);
        /* Serial numbers are those of one context. */
        if (keeper == NULL || keeper->context != blocks[0]->context) {
            return false;
        }
        serials[i] = keeper->serial;
    }
    return true;
}

/* Whether a proof is of the first blocks of a key, or of all: more columns make no difference. */
static bool is_of_first(const mdli_proof *proof, const uint64_t *serials, int32_t n_blocks)
{
    if (proof->set != NULL || proof->n_blocks > n_blocks) {
        return false;
    }
    for (int32_t i = 0; i < proof->n_blocks; i++) {
        if (proof->serials[i] != serials[i]) {
            return false;
        }
    }
    return true;
}

bool mdli_blocks_are_proved_ascending(mdli_block *const *blocks, int32_t n_blocks)
{
    uint64_t serials[PROOF_COLUMNS_MAX];
    if (!list_serials(blocks, n_blocks, serials)) {
        return false;
    }
    const mdli_proof *proof = first_proof(find_keeper(blocks[0]));
    while (proof != NULL && !is_of_first(proof, serials, n_blocks)) {
        proof = proof->next;
    }
    return proof != NULL;
}

mdl_status mdli_blocks_prove_ascending(mdli_block *const *blocks, int32_t n_blocks,
                                       mdl_error *error)
{
    mdli_proof proof = {.n_blocks = n_blocks};
    bool is_kept;
    if (!list_serials(blocks, n_blocks, proof.serials) ||
        mdli_blocks_are_proved_ascending(blocks, n_blocks)) {
        return MDL_OK;
    }
    return keep_proof(find_keeper(blocks[0]), &proof, &is_kept, error);
}
