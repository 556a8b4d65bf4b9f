/*
 * Whether texts can repeat enough for a dictionary, told without finding the repeats.
 */
#ifndef MDLI_COLUMN_TEXT_REPEATS_H
#define MDLI_COLUMN_TEXT_REPEATS_H

#include "column/column_internal.h"

/* Bytes that an entry of a dictionary takes besides its text. */
#define MDLI_ENTRY_BYTES ((int64_t)sizeof(mdl_string))

/*
 * Whether it is certain that the distinct texts of blocks take more than `cost_max` bytes as
 * entries of a dictionary. Where it is not they may still do. Looks at PLAIN blocks; NULL stands
 * for others.
 */
mdl_status mdli_entries_cost_more(mdl_context *context, mdli_block *const *blocks, int64_t n_blocks,
                                  int64_t cost_max, bool *out, mdl_error *error);

#endif
