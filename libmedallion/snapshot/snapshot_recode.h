/*
 * New texts in an old dictionary.
 */
#ifndef MDLI_SNAPSHOT_SNAPSHOT_RECODE_H
#define MDLI_SNAPSHOT_SNAPSHOT_RECODE_H

#include "column/column_internal.h"

/*
 * Encodes a STRING column with the dictionary of another, if that has one, and all of the texts.
 * Otherwise `out` is a new reference to the column itself.
 */
mdl_status mdli_column_recode(mdl_context *context, const mdl_column *column,
                              const mdl_column *base, mdl_column **out, mdl_error *error);

#endif
