/*
 * Key tables: open addressing with linear probing over a power of two of slots, at most half full.
 * A slot holds the key's number and 32 bits of its hash, so that most probes of other keys end
 * without a look at the key. Keys are kept as bytes: for each column a byte that tells NULL, then
 * eight bytes of number, or the size and the bytes of a text.
 */
#include "operators/key_table.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "operators/rowset.h"

enum {
    SLOTS_AT_FIRST = 1024
};

typedef struct slot {
    uint32_t hash;  /* upper half */
    int32_t number; /* −1 = free */
} slot;

typedef struct key_place {
    const char *bytes;
    int64_t size;
    uint64_t hash;
} key_place;

struct mdli_key_table {
    mdl_context *context;
    int32_t n_columns;
    bool column_is_text[MDLI_KEY_COLUMNS_MAX];
    slot *slots;
    int64_t n_slots;
    key_place *keys;
    int64_t n_keys;
    int64_t keys_capacity;
    mdli_arena bytes;
};

static mdl_status allocate_slots(mdl_context *context, int64_t n, slot **out, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, n, sizeof(slot), "key table", &memory, error));
    memset(memory, 0xff, (size_t)n * sizeof(slot)); /* number −1 */
    *out = memory;
    return MDL_OK;
}

mdl_status mdli_key_table_create(mdl_context *context, const mdl_type *types, int32_t n_columns,
                                 mdli_key_table **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    if (n_columns > MDLI_KEY_COLUMNS_MAX) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED, "%d key columns, more than %d",
                             (int)n_columns, MDLI_KEY_COLUMNS_MAX);
    }
    MDLI_TRY(mdli_allocate_zeroed(context, sizeof(mdli_key_table), "key table", &memory, error));
    mdli_key_table *table = memory;
    table->context = context;
    table->n_columns = n_columns;
    for (int32_t c = 0; c < n_columns; c++) {
        table->column_is_text[c] = types[c] == MDL_TYPE_STRING;
    }
    table->n_slots = SLOTS_AT_FIRST;
    mdli_arena_init(&table->bytes, context, "key table");
    mdl_status status = allocate_slots(context, table->n_slots, &table->slots, error);
    if (status != MDL_OK) {
        mdli_free(context, table);
        return status;
    }
    *out = table;
    return MDL_OK;
}

void mdli_key_table_free(mdli_key_table *table)
{
    if (table == NULL) {
        return;
    }
    mdli_arena_reset(&table->bytes);
    mdli_free(table->context, table->keys);
    mdli_free(table->context, table->slots);
    mdli_free(table->context, table);
}

int64_t mdli_key_table_n_keys(const mdli_key_table *table)
{
    return table->n_keys;
}

/* The eight bytes that stand for a number; equal numbers have equal bytes. */
static uint64_t number_bits(const mdl_vector *v, int64_t row)
{
    if (v->type != MDL_TYPE_FLOAT64) {
        return (uint64_t)mdli_vector_integer(v, row);
    }
    double value = ((const double *)v->values)[row];
    if (value == 0) {
        value = 0; /* −0 equals 0 */
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return value != value ? UINT64_C(0x7ff8000000000000) : bits;
}

/*
 * Writes the key of a row into `buffer` if it fits its size; returns the size that it needs. A key
 * with a NULL sets `*has_null`.
 */
static int64_t write_key(const mdl_vector *keys, int32_t n_columns, int64_t row, char *buffer,
                         int64_t buffer_size, bool *has_null)
{
    int64_t used = 0;
    *has_null = false;
    for (int32_t c = 0; c < n_columns; c++) {
        const mdl_vector *v = &keys[c];
        bool is_null = mdl_vector_is_null(v, row);
        mdl_string text = {NULL, 0};
        uint64_t bits = 0;
        *has_null |= is_null;
        if (!is_null && v->type == MDL_TYPE_STRING) {
            text = mdl_vector_string(v, row);
            bits = (uint64_t)text.size_bytes;
        } else if (!is_null) {
            bits = number_bits(v, row);
        }
        if (used + 9 + text.size_bytes <= buffer_size) {
            buffer[used] = (char)is_null;
            memcpy(buffer + used + 1, &bits, 8);
            if (text.size_bytes > 0) {
                memcpy(buffer + used + 9, text.data, (size_t)text.size_bytes);
            }
        }
        used += 9 + text.size_bytes;
    }
    return used;
}

/* The slot that holds the key, or the free one where it belongs. */
static slot *find_slot(const mdli_key_table *table, const char *bytes, int64_t size, uint64_t hash)
{
    uint64_t mask = (uint64_t)table->n_slots - 1;
    uint32_t upper = (uint32_t)(hash >> 32);
    for (uint64_t i = hash & mask;; i = (i + 1) & mask) {
        slot *s = &table->slots[i];
        if (s->number < 0) {
            return s;
        }
        if (s->hash == upper) {
            const key_place *key = &table->keys[s->number];
            if (key->size == size && memcmp(key->bytes, bytes, (size_t)size) == 0) {
                return s;
            }
        }
    }
}

static mdl_status grow_slots(mdli_key_table *table, mdl_error *error)
{
    slot *grown;
    int64_t n_slots = table->n_slots * 2;
    MDLI_TRY(allocate_slots(table->context, n_slots, &grown, error));
    uint64_t mask = (uint64_t)n_slots - 1;
    for (int64_t k = 0; k < table->n_keys; k++) {
        uint64_t i = table->keys[k].hash & mask;
        while (grown[i].number >= 0) {
            i = (i + 1) & mask;
        }
        grown[i] = (slot){(uint32_t)(table->keys[k].hash >> 32), (int32_t)k};
    }
    mdli_free(table->context, table->slots);
    table->slots = grown;
    table->n_slots = n_slots;
    return MDL_OK;
}

/* Numbers one key, adding it when it is new. */
static mdl_status add_key(mdli_key_table *table, const char *bytes, int64_t size, uint64_t hash,
                          int32_t *number, mdl_error *error)
{
    slot *s = find_slot(table, bytes, size, hash);
    if (s->number >= 0) {
        *number = s->number;
        return MDL_OK;
    }
    if (table->n_keys == INT32_MAX) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED, "more than %d distinct keys", INT32_MAX);
    }
    if ((table->n_keys + 1) * 2 > table->n_slots) {
        MDLI_TRY(grow_slots(table, error));
        s = find_slot(table, bytes, size, hash);
    }
    void *keys = table->keys;
    MDLI_TRY(mdli_grow_array(table->context, &keys, &table->keys_capacity, table->n_keys,
                             table->n_keys + 1, sizeof(key_place), "key table", error));
    table->keys = keys;
    char *copy = mdli_arena_copy(&table->bytes, bytes, (size_t)size, error);
    if (copy == NULL) {
        return table->bytes.failure;
    }
    table->keys[table->n_keys] = (key_place){copy, size, hash};
    *s = (slot){(uint32_t)(hash >> 32), (int32_t)table->n_keys};
    *number = (int32_t)table->n_keys++;
    return MDL_OK;
}

/* A key as bytes: in the caller's buffer, or for long texts in memory to be freed. */
typedef struct key_text {
    char small[256];
    char *bytes;
    int64_t size;
    void *memory;
    bool has_null;
} key_text;

static mdl_status make_key(mdl_context *context, const mdl_vector *keys, int32_t n_columns,
                           int64_t row, key_text *key, mdl_error *error)
{
    key->bytes = key->small;
    key->memory = NULL;
    key->size = write_key(keys, n_columns, row, key->small, sizeof key->small, &key->has_null);
    if (key->size > (int64_t)sizeof key->small) {
        MDLI_TRY(mdli_allocate(context, (size_t)key->size, "key", &key->memory, error));
        key->bytes = key->memory;
        write_key(keys, n_columns, row, key->bytes, key->size, &key->has_null);
    }
    return MDL_OK;
}

mdl_status mdli_key_table_add(mdli_key_table *table, const mdl_vector *keys, int64_t n_rows,
                              int32_t *numbers, mdl_error *error)
{
    for (int64_t i = 0; i < n_rows; i++) {
        key_text key;
        MDLI_TRY(make_key(table->context, keys, table->n_columns, i, &key, error));
        uint64_t hash = mdli_hash_bytes(key.bytes, (size_t)key.size, 0);
        mdl_status status = add_key(table, key.bytes, key.size, hash, &numbers[i], error);
        mdli_free(table->context, key.memory);
        MDLI_TRY(status);
    }
    return MDL_OK;
}

mdl_status mdli_key_table_find(const mdli_key_table *table, const mdl_vector *keys, int64_t n_rows,
                               int32_t *numbers, mdl_error *error)
{
    for (int64_t i = 0; i < n_rows; i++) {
        key_text key;
        MDLI_TRY(make_key(table->context, keys, table->n_columns, i, &key, error));
        numbers[i] = -1;
        if (!key.has_null) {
            uint64_t hash = mdli_hash_bytes(key.bytes, (size_t)key.size, 0);
            numbers[i] = find_slot(table, key.bytes, key.size, hash)->number;
        }
        mdli_free(table->context, key.memory);
    }
    return MDL_OK;
}

mdl_status mdli_key_table_merge(mdli_key_table *into, const mdli_key_table *from, int32_t *numbers,
                                mdl_error *error)
{
    for (int64_t k = 0; k < from->n_keys; k++) {
        const key_place *key = &from->keys[k];
        MDLI_TRY(add_key(into, key->bytes, key->size, key->hash, &numbers[k], error));
    }
    return MDL_OK;
}

mdl_value mdli_key_table_value(const mdli_key_table *table, int64_t number, int32_t column,
                               mdl_type type)
{
    const char *bytes = table->keys[number].bytes;
    for (int32_t c = 0;; c++) {
        uint64_t bits;
        memcpy(&bits, bytes + 1, 8);
        if (c == column) {
            mdl_value value = {.type = type, .is_null = bytes[0] != 0};
            if (type == MDL_TYPE_STRING) {
                value.as.text = (mdl_string){bytes + 9, (int64_t)bits};
            } else if (type == MDL_TYPE_FLOAT64) {
                memcpy(&value.as.real, &bits, sizeof bits);
            } else {
                value.as.integer = (int64_t)bits;
            }
            return value;
        }
        bytes += 9 + (table->column_is_text[c] ? bits : 0);
    }
}
