/* Small tables made of single values, to be printed like any other. */
#ifndef MEDALLION_CLI_TABLE_LISTING_H
#define MEDALLION_CLI_TABLE_LISTING_H

#include "medallion/table.h"

enum {
    LISTING_MAX_COLUMNS = 12
};

mdl_value listing_text(const char *text); /* NULL gives NULL */
mdl_value listing_integer(int64_t number);
mdl_value listing_time(int64_t seconds);
mdl_value listing_real(double number);

/* Appends one row to a builder whose fields have the types of `values`, in their order. */
mdl_status listing_add(mdl_table_builder *builder, const mdl_value *values, int32_t n_values,
                       mdl_error *error);

#endif
