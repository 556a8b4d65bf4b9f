/*
 * The ids of a history's rows.
 */
#ifndef MDLI_SNAPSHOT_SNAPSHOT_SCD_ID_H
#define MDLI_SNAPSHOT_SNAPSHOT_SCD_ID_H

#include <stdint.h>

#include "column/column_internal.h"
#include "operators/expression.h"

/* Makes the column dbt_scd_id for rows of a table that are valid from one time on. */
mdl_status mdli_scd_ids(mdl_context *context, const mdl_table *table, const mdli_key *keys,
                        int32_t n_keys, int64_t valid_from, mdl_column **out, mdl_error *error);

#endif
