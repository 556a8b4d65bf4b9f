/*
 * One dictionary for texts that came apart.
 */
#ifndef MDLI_OPERATORS_SHARED_DICTIONARY_H
#define MDLI_OPERATORS_SHARED_DICTIONARY_H

#include "column/column_internal.h"

/*
 * Gives two columns of STRING one dictionary: that of `base` and, behind its entries, the texts that
 * only `added` has. Codes of `base` stay what they were, so that its blocks are not encoded again.
 * Where `base` has no dictionary, or the larger one would not pay, both are new references to the
 * columns themselves.
 */
mdl_status mdli_columns_share_dictionary(mdl_context *context, const mdl_column *base,
                                         const mdl_column *added, mdl_column **base_out,
                                         mdl_column **added_out, mdl_error *error);

#endif
