/*
 * Summaries that tables carry: what operators.h says of them, and how they come back from a store.
 */
#ifndef MDLI_OPERATORS_TABLE_SUMMARY_H
#define MDLI_OPERATORS_TABLE_SUMMARY_H

#include "column/column_internal.h"

/*
 * Gives `table` the summary whose table, as mdl_table_summary shows it, was kept with it: a new
 * reference to a table that carries it. Where `groups` is no summary of the table, as far as its
 * names, types and numbers tell, `out` has none.
 */
mdl_status mdli_table_restore_summary(mdl_context *context, const mdl_table *table,
                                      mdl_table *groups, mdl_table **out, mdl_error *error);

#endif
