/*
 * Join maps. A single integer key whose range is small against the rows is its own slot (dense);
 * any other key is numbered by a key table (hash). Either way a slot's rows stand in one array, cut
 * by `starts`.
 *
 * A dense map answers each kind of question with one load per key, from the smallest array that
 * knows: a bit per slot says whether it has rows (semi and anti joins), `only_rows` which row it
 * has (where no key is there twice), `found` its own number if it has any. They have one slot more
 * than there are, which is empty and stands for all keys out of range.
 */
#include "operators/join_map.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/tuning.h"
#include "column/proofs.h"
#include "kernels/kernels.h"
#include "operators/key_table.h"
#include "operators/rowset.h"

struct mdli_join_map {
    mdl_context *context;
    const mdli_kernels *kernels;
    bool is_dense;
    bool is_unique;
    int64_t least; /* dense: slot 0 */
    int64_t n_slots;
    mdli_key_table *keys;  /* hash */
    mdli_integer_set *set; /* dense: the keys that have rows */
    int32_t *only_rows;    /* unique, if rows are needed: the row of a slot, or −1 */
    /* The rest is there if lists are needed, no array before it does, or the map is not dense. */
    int32_t *row_slots; /* per row: its slot, or −1 = NULL */
    int32_t *starts;    /* n_slots + 1 */
    int32_t *rows;
    int64_t n_matches_max; /* most rows of a slot */
    int32_t *found;        /* dense, not unique: the slot, or −1 = it has no rows */
};

bool mdli_join_map_is_unique(const mdli_join_map *map)
{
    return map->is_unique;
}

int64_t mdli_join_map_n_slots(const mdli_join_map *map)
{
    return map->n_slots;
}

const char *mdli_join_map_strategy(const mdli_join_map *map)
{
    return map->is_dense ? "dense" : "hash";
}

void mdli_join_map_arrays(const mdli_join_map *map, const int32_t **starts, const int32_t **rows)
{
    *starts = map->starts;
    *rows = map->rows;
}

const int32_t *mdli_join_map_row_slots(const mdli_join_map *map)
{
    return map->row_slots;
}

int64_t mdli_join_map_most_matches(const mdli_join_map *map)
{
    return map->n_matches_max;
}

mdli_integer_set *mdli_join_map_set(const mdli_join_map *map)
{
    return map->set;
}

void mdli_join_map_free(mdli_join_map *map)
{
    if (map == NULL) {
        return;
    }
    mdli_key_table_free(map->keys);
    mdli_integer_set_release(map->set);
    mdli_free(map->context, map->only_rows);
    mdli_free(map->context, map->row_slots);
    mdli_free(map->context, map->starts);
    mdli_free(map->context, map->rows);
    mdli_free(map->context, map->found);
    mdli_free(map->context, map);
}

/* Whether a column is fit to be its own slot number. */
static bool choose_dense(const mdl_column *column)
{
    mdl_column_stats stats = column->stats;
    if (!mdli_type_is_integer(column->type)) {
        return false;
    }
    if (stats.min.is_null) {
        return true; /* no key at all */
    }
    uint64_t range = (uint64_t)stats.max.as.integer - (uint64_t)stats.min.as.integer;
    uint64_t limit = (uint64_t)column->n_rows * MDLI_DENSE_RANGE_PER_ROW + MDLI_JOIN_RANGE_FLOOR;
    return range < limit && range < INT32_MAX - 1;
}

/* The slot of a key; keys out of range have the one past the last. */
static inline int64_t dense_slot(const mdli_join_map *map, int64_t key)
{
    uint64_t slot = (uint64_t)key - (uint64_t)map->least;
    return (int64_t)(slot < (uint64_t)map->n_slots ? slot : (uint64_t)map->n_slots);
}

bool mdli_join_map_may_have(const mdli_join_map *map, int64_t least, int64_t greatest)
{
    int64_t key;
    return !map->is_dense || (mdli_integer_set_next(map->set, least, &key) && key <= greatest);
}

/* Does `action` with the slot of each key; one loop per form of the values, so that each is a plain
 * scan. */
#define FOR_SLOTS(action)                                                                          \
    if (mdli_type_bytes(keys->type) == 4) {                                                        \
        const int32_t *values = keys->values;                                                      \
        for (int64_t i = 0; i < n_rows; i++) {                                                     \
            int64_t slot = dense_slot(map, values[i]);                                             \
            action;                                                                                \
        }                                                                                          \
    } else {                                                                                       \
        for (int64_t i = 0; i < n_rows; i++) {                                                     \
            int64_t slot = dense_slot(map, mdli_vector_integer(keys, i));                          \
            action;                                                                                \
        }                                                                                          \
    }

/* Replaces what is told of NULL keys, none of which has a match. */
static void set_nulls(const mdl_vector *keys, int64_t n_rows, int32_t value, int32_t *out)
{
    for (int64_t i = 0; keys->validity != NULL && i < n_rows; i++) {
        out[i] = mdl_vector_is_null(keys, i) ? value : out[i];
    }
}

/* Looks keys up in an array with an entry per slot, and one for NULL and keys out of range. */
static void look_up(const mdli_join_map *map, const int32_t *entries, const mdl_vector *keys,
                    int64_t n_rows, int32_t *out)
{
    FOR_SLOTS(out[i] = entries[slot])
    set_nulls(keys, n_rows, entries[map->n_slots], out);
}

mdl_status mdli_join_map_find(const mdli_join_map *map, const mdl_vector *keys, int64_t n_rows,
                              int32_t *slots, mdl_error *error)
{
    if (map->is_dense) {
        look_up(map, map->found, keys, n_rows, slots);
        return MDL_OK;
    }
    return mdli_key_table_find(map->keys, keys, n_rows, slots, error);
}

mdl_status mdli_join_map_number(const mdli_join_map *map, const mdl_vector *keys, int64_t n_rows,
                                int32_t *slots, mdl_error *error)
{
    const int32_t none = (int32_t)map->n_slots;
    if (map->is_dense) {
        FOR_SLOTS(slots[i] = (int32_t)slot)
        set_nulls(keys, n_rows, none, slots);
        return MDL_OK;
    }
    MDLI_TRY(mdli_key_table_find(map->keys, keys, n_rows, slots, error));
    for (int64_t i = 0; i < n_rows; i++) {
        slots[i] = slots[i] < 0 ? none : slots[i];
    }
    return MDL_OK;
}

mdl_status mdli_join_map_find_row(const mdli_join_map *map, const mdl_vector *keys, int64_t n_rows,
                                  int32_t *rows, mdl_error *error)
{
    if (map->is_dense) {
        look_up(map, map->only_rows, keys, n_rows, rows);
        return MDL_OK;
    }
    MDLI_TRY(mdli_key_table_find(map->keys, keys, n_rows, rows, error));
    for (int64_t i = 0; i < n_rows; i++) {
        rows[i] = rows[i] < 0 ? -1 : map->only_rows[rows[i]];
    }
    return MDL_OK;
}

bool mdli_join_map_is_offset(const mdli_join_map *map, const mdl_vector *keys, int32_t *least)
{
    /* Slots of 64-bit keys may lie where 32-bit ones wrap around. */
    const int64_t end = map->least + map->n_slots;
    if (!map->is_dense || keys->type != MDL_TYPE_INT32 || keys->validity != NULL ||
        map->least < INT32_MIN || end - 1 > INT32_MAX) {
        return false;
    }
    *least = (int32_t)map->least;
    return true;
}

/* Whether each row of a vector has a match, as far as that is cheap to see: mostly all have one. */
static bool all_match(const mdli_join_map *map, const mdl_vector *keys, int64_t n_rows)
{
    int32_t least;
    return mdli_join_map_is_offset(map, keys, &least) &&
           map->kernels->all_bits_int32(map->set->bits, (uint32_t)map->n_slots, least, keys->values,
                                        n_rows);
}

mdl_status mdli_join_map_pick(const mdli_join_map *map, const mdl_vector *keys, int64_t n_rows,
                              bool has_match, int32_t *picked, int64_t *n_picked, mdl_error *error)
{
    int64_t n = 0;
    if (has_match && all_match(map, keys, n_rows)) {
        for (; n < n_rows; n++) {
            picked[n] = (int32_t)n;
        }
    } else if (map->is_dense && keys->validity == NULL) {
        const uint32_t *bits = map->set->bits;
        const uint32_t unwanted = has_match ? 0 : 1;
        FOR_SLOTS(picked[n] = (int32_t)i; n += ((bits[slot >> 5] >> (slot & 31)) & 1) ^ unwanted)
    } else if (map->is_dense) {
        for (int64_t i = 0; i < n_rows; i++) {
            const bool is_match = !mdl_vector_is_null(keys, i) &&
                                  mdli_integer_set_has(map->set, mdli_vector_integer(keys, i));
            picked[n] = (int32_t)i;
            n += is_match == has_match;
        }
    } else {
        /* A slot is read before its place is written, as no more rows are picked than read. */
        MDLI_TRY(mdli_join_map_find(map, keys, n_rows, picked, error));
        for (int64_t i = 0; i < n_rows; i++) {
            bool is_picked = (picked[i] >= 0) == has_match;
            picked[n] = (int32_t)i;
            n += is_picked;
        }
    }
    *n_picked = n;
    return MDL_OK;
}

/* Makes the set of a dense map's keys, and sees whether one is there twice. */
static mdl_status note_keys(mdli_join_map *map, const mdl_vector *keys, int64_t n_rows,
                            mdl_error *error)
{
    MDLI_TRY(mdli_integer_set_create(map->context, map->least, (uint64_t)map->n_slots, &map->set,
                                     error));
    uint32_t *bits = map->set->bits;
    uint32_t is_twice = 0;
    FOR_SLOTS({
        const uint32_t bit = (uint32_t)!mdl_vector_is_null(keys, i) << (slot & 31);
        is_twice |= bits[slot >> 5] & bit;
        bits[slot >> 5] |= bit;
    })
    map->is_unique = is_twice == 0;
    return MDL_OK;
}

/* The row of each slot of a dense map that has no key twice. */
static mdl_status note_only_rows(mdli_join_map *map, const mdl_vector *keys, int64_t n_rows,
                                 mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(map->context, map->n_slots + 1, sizeof(int32_t), "join", &memory,
                                 error));
    int32_t *only_rows = map->only_rows = memory;
    memset(memory, 0xff, (size_t)(map->n_slots + 1) * sizeof(int32_t));
    FOR_SLOTS(if (!mdl_vector_is_null(keys, i)) { only_rows[slot] = (int32_t)i; })
    return MDL_OK;
}

/* The slot of each row of the right table; −1 where a key is NULL. */
static mdl_status number_rows(mdli_join_map *map, const mdl_vector *keys, int32_t n_keys,
                              int64_t n_rows, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(map->context, n_rows, sizeof(int32_t), "join", &memory, error));
    int32_t *slots = map->row_slots = memory;
    if (map->is_dense) {
        FOR_SLOTS(slots[i] = (int32_t)slot)
        set_nulls(keys, n_rows, -1, slots);
        return MDL_OK;
    }
    MDLI_TRY(mdli_key_table_add(map->keys, keys, n_rows, slots, error));
    map->n_slots = mdli_key_table_n_keys(map->keys);
    for (int32_t k = 0; k < n_keys; k++) {
        set_nulls(&keys[k], n_rows, -1, slots);
    }
    return MDL_OK;
}

/* Sorts the rows by slot, keeping their order within one: count, sum up, place. */
static mdl_status place_rows(mdli_join_map *map, int64_t n_rows, mdl_error *error)
{
    const int32_t *slots = map->row_slots;
    void *starts;
    void *rows;
    MDLI_TRY(mdli_allocate_zeroed(map->context, (size_t)(map->n_slots + 2) * sizeof(int32_t),
                                  "join", &starts, error));
    map->starts = starts;
    MDLI_TRY(mdli_allocate_array(map->context, n_rows, sizeof(int32_t), "join", &rows, error));
    map->rows = rows;
    /* Counted one place further on, so that placing rows leaves each start where it belongs. */
    int32_t *next = map->starts + 1;
    int32_t most = 0;
    for (int64_t i = 0; i < n_rows; i++) {
        if (slots[i] >= 0) {
            const int32_t n = ++next[slots[i] + 1];
            most = n > most ? n : most;
        }
    }
    map->n_matches_max = most;
    map->is_unique = most <= 1;
    for (int64_t s = 0; s < map->n_slots; s++) {
        next[s + 1] += next[s];
    }
    for (int64_t i = 0; i < n_rows; i++) {
        if (slots[i] >= 0) {
            map->rows[next[slots[i]]++] = (int32_t)i;
        }
    }
    return MDL_OK;
}

/* Makes the array that a probe for rows looks slots up in. */
static mdl_status index_slots(mdli_join_map *map, mdl_error *error)
{
    const int64_t n = map->n_slots + 1;
    const int32_t *starts = map->starts; /* the slot past the last has no rows: it starts twice */
    void *memory;
    if (!map->is_unique && !map->is_dense) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_allocate_array(map->context, n, sizeof(int32_t), "join", &memory, error));
    int32_t *entries = memory;
    for (int64_t s = 0; s < n; s++) {
        const bool has_rows = starts[s] < starts[s + 1];
        entries[s] = !has_rows ? -1 : map->is_unique ? map->rows[starts[s]] : (int32_t)s;
    }
    *(map->is_unique ? &map->only_rows : &map->found) = entries;
    return MDL_OK;
}

/* Fills a map with what it will be asked for. */
static mdl_status fill(mdli_join_map *map, const mdl_vector *keys, int32_t n_keys, int64_t n_rows,
                       mdli_join_need need, mdl_error *error)
{
    if (map->is_dense) {
        MDLI_TRY(note_keys(map, keys, n_rows, error));
        if (need == MDLI_JOIN_NEEDS_MATCHES) {
            return MDL_OK;
        }
        if (need == MDLI_JOIN_NEEDS_ROWS && map->is_unique) {
            return note_only_rows(map, keys, n_rows, error);
        }
    }
    MDLI_TRY(number_rows(map, keys, n_keys, n_rows, error));
    MDLI_TRY(place_rows(map, n_rows, error));
    return need == MDLI_JOIN_NEEDS_LISTS ? MDL_OK : index_slots(map, error);
}

mdl_status mdli_join_map_create(mdl_context *context, const mdl_table *right,
                                const int32_t *key_columns, int32_t n_keys, mdli_join_need need,
                                mdli_join_map **out, mdl_error *error)
{
    *out = NULL;
    if (right->n_rows >= INT32_MAX) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED,
                             "the right side of a join has %lld rows, more than %d",
                             (long long)right->n_rows, INT32_MAX - 1);
    }
    if (n_keys > MDLI_KEY_COLUMNS_MAX) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED, "%d join keys, more than %d", (int)n_keys,
                             MDLI_KEY_COLUMNS_MAX);
    }
    mdli_flat flats[MDLI_KEY_COLUMNS_MAX] = {0};
    mdl_vector keys[MDLI_KEY_COLUMNS_MAX];
    mdl_type types[MDLI_KEY_COLUMNS_MAX];
    mdli_join_map *map = NULL;
    void *memory;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdli_allocate_zeroed(context, sizeof *map, "join", &memory, error));
    map = memory;
    map->context = context;
    map->kernels = mdli_kernels_for(mdl_context_simd(context));
    for (int32_t k = 0; k < n_keys; k++) {
        const mdl_column *column = right->columns[key_columns[k]];
        MDLI_TRY_GOTO_DONE(mdli_flat_from_column(&flats[k], context, column, error));
        keys[k] = mdli_flat_vector(&flats[k]);
        types[k] = column->type;
    }
    const mdl_column *first = right->columns[key_columns[0]];
    map->is_dense = n_keys == 1 && choose_dense(first);
    if (map->is_dense) {
        mdl_column_stats stats = first->stats;
        if (!stats.min.is_null) {
            map->least = stats.min.as.integer;
            map->n_slots = stats.max.as.integer - stats.min.as.integer + 1;
        }
    } else {
        MDLI_TRY_GOTO_DONE(mdli_key_table_create(context, types, n_keys, &map->keys, error));
    }
    MDLI_TRY_GOTO_DONE(fill(map, keys, n_keys, right->n_rows, need, error));
    *out = map;
    map = NULL;
done:
    mdli_join_map_free(map);
    for (int32_t k = 0; k < n_keys; k++) {
        mdli_flat_free(&flats[k]);
    }
    return status;
}
