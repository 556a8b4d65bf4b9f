/*
 * What a warehouse knows of its loads, as tables that a store keeps.
 */
#ifndef MDLI_WAREHOUSE_LOAD_LOG_H
#define MDLI_WAREHOUSE_LOAD_LOG_H

#include "warehouse/warehouse_internal.h"

#define MDLI_TABLE_LOADS    "_loads"
#define MDLI_TABLE_SEGMENTS "_segments"
#define MDLI_TABLE_LAYOUTS  "_layouts"
#define MDLI_TABLE_REJECTS  "_rejects"

/* Tables of a commit; owned. */
typedef struct mdli_load_log {
    mdl_table *loads;
    mdl_table *segments;
    mdl_table *layouts; /* NULL = as in the store, or none */
} mdli_load_log;

/* Makes the tables. The log has to be freed, also after a failure. */
mdl_status mdli_load_log_write(mdl_warehouse *warehouse, mdli_load_log *log, mdl_error *error);
void mdli_load_log_free(mdli_load_log *log);

/* Notes that what mdli_load_log_write made is in the store now. Cannot fail. */
void mdli_load_log_committed(mdl_warehouse *warehouse, const mdli_load_log *log);

/* Fills the loads, segments and rejects of a new warehouse from its store. After a failure the
 * warehouse can only be freed. */
mdl_status mdli_load_log_read(mdl_warehouse *warehouse, mdl_error *error);

/* The layout of a segment; `*out` is a new reference, or NULL when the segment has none. */
mdl_status mdli_segment_layout(mdl_warehouse *warehouse, const mdli_segment *segment,
                               mdl_table **out, mdl_error *error);

#endif
