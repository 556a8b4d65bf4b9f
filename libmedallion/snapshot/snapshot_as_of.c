/*
 * A history as it was at a time.
 */
#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "base/error.h"
#include "medallion/operators.h"
#include "snapshot/snapshot_internal.h"

/* Whatever else it has, a history has the columns that tell when its rows are valid. */
static mdl_status check_column(const mdl_table *history, mdli_history_column column,
                               mdl_error *error)
{
    mdl_field expected = mdli_history_fields[column];
    int32_t c = mdl_table_find_column(history, expected.name);
    if (c < 0) {
        return mdl_error_set(error, MDL_E_SCHEMA, "the table is no history: it has no column %s",
                             expected.name);
    }
    if (history->columns[c]->type != expected.type) {
        return mdl_error_set(
            error, MDL_E_SCHEMA, "the table is no history: its column %s is of type %s, not %s",
            expected.name, mdl_type_name(history->columns[c]->type), mdl_type_name(expected.type));
    }
    return MDL_OK;
}

mdl_status mdl_snapshot_as_of(mdl_context *context, const mdl_table *history, int64_t time,
                              mdl_table **out, mdl_error *error)
{
    *out = NULL;
    MDLI_TRY(check_column(history, MDLI_HISTORY_VALID_FROM, error));
    MDLI_TRY(check_column(history, MDLI_HISTORY_VALID_TO, error));
    /* Nothing happens outside of the calendar, where a literal may not be a number any more. */
    time = time < MDLI_TIMESTAMP_MIN ? MDLI_TIMESTAMP_MIN - 1 : time;
    time = time > MDLI_TIMESTAMP_MAX ? MDLI_TIMESTAMP_MAX : time;
    char predicate[160];
    snprintf(predicate, sizeof predicate,
             "cast(dbt_valid_from as INT64) <= %lld and "
             "(dbt_valid_to is null or cast(dbt_valid_to as INT64) > %lld)",
             (long long)time, (long long)time);
    mdl_query *query = mdl_query_create(context);
    mdl_rel *rows = mdl_filter(mdl_scan(query, history), predicate);
    mdl_status status = mdl_query_collect(query, rows, out, error);
    mdl_query_free(query);
    return status;
}
