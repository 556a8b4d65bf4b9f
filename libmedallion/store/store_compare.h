/*
 * Comparing the tables of a store without reading them.
 */
#ifndef MDLI_STORE_STORE_COMPARE_H
#define MDLI_STORE_STORE_COMPARE_H

#include <stdbool.h>

#include "medallion/store.h"

/*
 * Whether two tables of the version at hand are the same as far as its lists tell: the same columns
 * of the same blocks. A no may be wrong, where equal rows were written as other blocks.
 */
bool mdli_store_tables_are_same(const mdl_store *store, const char *a, const char *b);

#endif
