/*
 * What the files of this folder share: the changes between a table and its history.
 */
#ifndef MDLI_SNAPSHOT_SNAPSHOT_INTERNAL_H
#define MDLI_SNAPSHOT_SNAPSHOT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "column/column_internal.h"
#include "medallion/snapshot.h"
#include "operators/expression.h"

/* Columns that a history has behind those of its table. */
typedef enum mdli_history_column {
    MDLI_HISTORY_SCD_ID = 0,
    MDLI_HISTORY_UPDATED_AT,
    MDLI_HISTORY_VALID_FROM,
    MDLI_HISTORY_VALID_TO,
    MDLI_HISTORY_IS_DELETED,
    MDLI_HISTORY_COLUMNS
} mdli_history_column;

/* Their names and types, in that order. */
extern const mdl_field mdli_history_fields[MDLI_HISTORY_COLUMNS];

/* One of the columns that a history has behind its others. */
static inline const mdl_column *mdli_history_column_of(const mdl_table *history,
                                                       mdli_history_column column)
{
    return history->columns[history->n_columns - MDLI_HISTORY_COLUMNS + column];
}

typedef enum mdli_change_kind {
    MDLI_CHANGE_NONE = 0,
    MDLI_CHANGE_INSERTED,
    MDLI_CHANGE_CHANGED,
    MDLI_CHANGE_DELETED,
    MDLI_CHANGE_MISSING,
    MDLI_CHANGE_REAPPEARED
} mdli_change_kind;

/* What became of one key. */
typedef struct mdli_change {
    int64_t current_row; /* of the table; −1 = the key is gone */
    int64_t history_row; /* the last one of the key; INSERTED: the one that the key comes before */
    mdli_change_kind kind;
    bool ends_row; /* history_row is current, and has to end */
} mdli_change;

struct mdl_snapshot_changes {
    mdl_context *context;
    mdl_snapshot snapshot;
    mdli_arena arena;
    const mdli_key *keys; /* columns of the table, and of the history at the same places */
    int32_t n_keys;
    const mdli_key *checks;
    int32_t n_checks;
    mdl_table *current;   /* ascending by key */
    mdl_table *history;   /* NULL = there is none */
    mdli_change *changes; /* ascending by key */
    int64_t n_changes;
    int64_t capacity;
    mdl_snapshot_counts counts;
};

#endif
