/*
 * The right side of a join, prepared for look-ups: from a key to the rows that have it.
 */
#ifndef MDLI_OPERATORS_JOIN_MAP_H
#define MDLI_OPERATORS_JOIN_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "column/column_internal.h"
#include "column/proofs.h"
#include "medallion/types.h"

typedef struct mdli_join_map mdli_join_map;

/* What a map will be asked for; each the more to make. */
typedef enum mdli_join_need {
    MDLI_JOIN_NEEDS_MATCHES = 1, /* whether keys have a match: mdli_join_map_pick, _may_have, _set,
                                    _is_unique; a dense map is no more than its set */
    MDLI_JOIN_NEEDS_ROWS,        /* that, and rows by key: mdli_join_map_find_row if no key is there
                                    twice, else _find and _arrays */
    MDLI_JOIN_NEEDS_LISTS        /* matches, and all rows by slot: _number, _is_offset, _arrays,
                                    _row_slots, _most_matches */
} mdli_join_need;

/* Prepares the key columns of a table; rows with a NULL in a key are left out. */
mdl_status mdli_join_map_create(mdl_context *context, const mdl_table *right,
                                const int32_t *key_columns, int32_t n_keys, mdli_join_need need,
                                mdli_join_map **out, mdl_error *error);
void mdli_join_map_free(mdli_join_map *map);

/* Whether no key is there twice. */
bool mdli_join_map_is_unique(const mdli_join_map *map);

/* Slots that there are; not each has rows. */
int64_t mdli_join_map_n_slots(const mdli_join_map *map);

/* The keys of a dense map, borrowed; NULL = the map is not dense. */
mdli_integer_set *mdli_join_map_set(const mdli_join_map *map);

/* "dense" or "hash". */
const char *mdli_join_map_strategy(const mdli_join_map *map);

/* Whether a key of one integer-like column, from `least` to `greatest`, may have a match. */
bool mdli_join_map_may_have(const mdli_join_map *map, int64_t least, int64_t greatest);

/* Finds the slot of each row's key: −1 = no match. `keys` has a vector per key column. Thread-safe.
 */
mdl_status mdli_join_map_find(const mdli_join_map *map, const mdl_vector *keys, int64_t n_rows,
                              int32_t *slots, mdl_error *error);

/* As mdli_join_map_find, but a key without a match may get a slot that has no rows, or the number
 * past the last slot: what is kept per slot is looked up or added to without asking. */
mdl_status mdli_join_map_number(const mdli_join_map *map, const mdl_vector *keys, int64_t n_rows,
                                int32_t *slots, mdl_error *error);

/* Whether the slot of each key of a vector is the key less `least`, or, if that is below zero or not
 * below the number of slots, none. */
bool mdli_join_map_is_offset(const mdli_join_map *map, const mdl_vector *keys, int32_t *least);

/* Finds the row of each row's key: −1 = no match. Only where no key is there twice. Thread-safe. */
mdl_status mdli_join_map_find_row(const mdli_join_map *map, const mdl_vector *keys, int64_t n_rows,
                                  int32_t *rows, mdl_error *error);

/* Lists the rows whose keys have a match, or those that have none. `picked` has room for all.
 * Thread-safe. */
mdl_status mdli_join_map_pick(const mdli_join_map *map, const mdl_vector *keys, int64_t n_rows,
                              bool has_match, int32_t *picked, int64_t *n_picked, mdl_error *error);

/* The arrays behind the slots: rows of slot s are rows[starts[s]] … rows[starts[s + 1] − 1]. */
void mdli_join_map_arrays(const mdli_join_map *map, const int32_t **starts, const int32_t **rows);

/* The slot of each row; −1 = a key is NULL. */
const int32_t *mdli_join_map_row_slots(const mdli_join_map *map);

/* Most rows of one slot; 0 = there is none. */
int64_t mdli_join_map_most_matches(const mdli_join_map *map);

#endif
