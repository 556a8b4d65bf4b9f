/*
 * Key tables: keys of one or several columns, of any type, numbered in order of first appearance.
 * The hash strategy behind joins, groups and distinct counts.
 */
#ifndef MDLI_OPERATORS_KEY_TABLE_H
#define MDLI_OPERATORS_KEY_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/context.h"
#include "medallion/types.h"

typedef struct mdli_key_table mdli_key_table;

/* Most columns of a key. */
#define MDLI_KEY_COLUMNS_MAX 32

/* Makes an empty table. Belongs to one thread at a time; lookups alone may be shared. */
mdl_status mdli_key_table_create(mdl_context *context, const mdl_type *types, int32_t n_columns,
                                 mdli_key_table **out, mdl_error *error);
void mdli_key_table_free(mdli_key_table *table);

/* Distinct keys so far; their numbers are 0 … n−1. */
int64_t mdli_key_table_n_keys(const mdli_key_table *table);

/*
 * Numbers the keys of rows [0, n_rows): `keys[c]` is the vector of key column c. New keys are
 * added. NULL equals NULL. INT32 and INT64 keys of the same number are the same key.
 */
mdl_status mdli_key_table_add(mdli_key_table *table, const mdl_vector *keys, int64_t n_rows,
                              int32_t *numbers, mdl_error *error);

/* As mdli_key_table_add without adding: −1 for unknown keys, and for keys with a NULL, as joins
 * want it. */
mdl_status mdli_key_table_find(const mdli_key_table *table, const mdl_vector *keys, int64_t n_rows,
                               int32_t *numbers, mdl_error *error);

/* Adds all keys of `from` to `into`; number i of `from` becomes numbers[i]. */
mdl_status mdli_key_table_merge(mdli_key_table *into, const mdli_key_table *from, int32_t *numbers,
                                mdl_error *error);

/* Field `column` of key `number`. Text lives as long as the table. */
mdl_value mdli_key_table_value(const mdli_key_table *table, int64_t number, int32_t column,
                               mdl_type type);

#endif
