/*
 * Matching the rows of a table with those of its history by key.
 */
#ifndef MDLI_SNAPSHOT_SNAPSHOT_MATCH_H
#define MDLI_SNAPSHOT_SNAPSHOT_MATCH_H

#include <stdint.h>

#include "snapshot/snapshot_internal.h"

/* A key that is current in the history and not in the table. */
typedef struct mdli_gone_key {
    int64_t history_row;
    int64_t before_row; /* of the table: the first one with a greater key */
} mdli_gone_key;

typedef struct mdli_match {
    mdl_context *context;
    /* For each row of the table the last row of the history with its key; where there is none, ~
     * the row of the history that the key comes before. */
    int64_t *rows;
    mdli_gone_key *gone;
    int64_t n_gone;
    int64_t gone_capacity;
    uint64_t *open; /* bits of the history's rows: dbt_valid_to is NULL … */
    uint64_t *live; /* … and the row tells no deletion */
} mdli_match;

/* Matches a table and its history, which is not NULL; both are ascending by key. A zero-initialised
 * match may be freed. */
mdl_status mdli_match_init(mdli_match *match, const mdl_snapshot_changes *changes,
                           mdl_error *error);
void mdli_match_free(mdli_match *match);

#endif
