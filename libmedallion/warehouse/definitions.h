/*
 * Definitions: what a table depends on besides its inputs, as one hash.
 */
#ifndef MDLI_WAREHOUSE_DEFINITIONS_H
#define MDLI_WAREHOUSE_DEFINITIONS_H

#include "warehouse/warehouse_internal.h"

/* Their table in a store. */
#define MDLI_TABLE_DEFINITIONS "_definitions"

/* The definition of a model; none for a model without a version. */
mdli_definition mdli_define(const mdl_warehouse *warehouse, const mdl_model *model);

/* That of a test which keeps so many failing rows, and ran before a version of a store was written. */
mdli_definition mdli_define_test(const mdl_test *test, int64_t n_kept, int64_t version);

/* Whether two definitions are there and equal. */
bool mdli_is_defined_as(const mdli_definition *a, const mdli_definition *b);

/* Takes the definitions from the store of a new warehouse, if it has them. */
mdl_status mdli_definitions_read(mdl_warehouse *warehouse, mdl_error *error);

/* The definition of a table in the store; none if it has none. */
mdli_definition mdli_stored_definition_of(const mdl_warehouse *warehouse, const char *table);

/* The definitions of all tables for a commit, also of those of other programs' models. */
mdl_status mdli_definitions_write(const mdl_warehouse *warehouse, mdl_table **out,
                                  mdl_error *error);

#endif
