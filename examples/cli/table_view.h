/* A table on standard output, as --columns, --where, --order-by, --limit and --format ask for it. */
#ifndef MEDALLION_CLI_TABLE_VIEW_H
#define MEDALLION_CLI_TABLE_VIEW_H

#include "session.h"

enum {
    USUAL_LIMIT = 20
};

/* What holds where the options say nothing. */
typedef struct table_view {
    const char *columns;  /* expressions of --format table; NULL = all columns */
    const char *order_by; /* NULL = as it is */
    int64_t limit;        /* 0 = all rows */
    int float_digits;     /* of --format table, as in cell_text */
} table_view;

/* Prints a table, whatever --format says of others; only its width is fitted. */
mdl_status view_listing(session *s, mdl_table_builder *builder);

mdl_status view_table(session *s, const mdl_table *table, const table_view *view);

#endif
