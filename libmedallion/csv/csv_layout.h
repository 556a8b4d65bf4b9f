/*
 * The layout of a file: what of its bytes does not follow from the rows (mdl_csv_result.layout).
 *
 * A record takes all bytes from behind the record before to behind its own line end: also the blank
 * lines before it. Such a piece is kept when it is not what its row is in canonical form with the
 * header's line end. A chunk keeps the pieces of its records, and makes them text blocks; the layout
 * takes these over in file order. A file without such pieces costs nothing but its header.
 */
#ifndef MDLI_CSV_CSV_LAYOUT_H
#define MDLI_CSV_CSV_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "column/column_internal.h"
#include "csv/csv_source.h"
#include "csv/csv_text.h"
#include "medallion/table.h"

/* The columns of a layout, in order. */
enum {
    MDLI_CSV_LAYOUT_RECORD,
    MDLI_CSV_LAYOUT_IS_ROW,
    MDLI_CSV_LAYOUT_RAW,
    MDLI_CSV_N_LAYOUT_COLUMNS
};
extern const mdl_field mdli_csv_layout_fields[MDLI_CSV_N_LAYOUT_COLUMNS];

/* A record that is kept. */
typedef struct mdli_csv_kept {
    int64_t number; /* how many of the chunk's records are before it */
    int64_t start_bytes;
    int64_t end_bytes; /* [start, end) of the file */
    bool is_row;
} mdli_csv_kept;

/* What a chunk keeps. Zero-initialise. */
typedef struct mdli_csv_kept_records {
    mdli_csv_kept *records; /* ascending */
    int64_t n_records;
    int64_t records_capacity;
    mdli_block **raws; /* their bytes */
    int64_t n_raws;
    int64_t raws_capacity;
} mdli_csv_kept_records;

/* Keeps a record behind all others, or before them. */
mdl_status mdli_csv_keep(mdl_context *context, mdli_csv_kept_records *kept, mdli_csv_kept record,
                         mdl_error *error);
mdl_status mdli_csv_keep_first(mdl_context *context, mdli_csv_kept_records *kept,
                               mdli_csv_kept record, mdl_error *error);

/* Makes text blocks of the records' bytes, which are in `window`; of those of the first one behind
 * `prefix`. */
mdl_status mdli_csv_encode_kept(mdl_context *context, mdli_csv_kept_records *kept,
                                const mdli_csv_window *window, mdl_string prefix, mdl_error *error);

/* Forgets the records, or frees their memory too. */
void mdli_csv_clear_kept(mdli_csv_kept_records *kept);
void mdli_csv_free_kept(mdli_csv_kept_records *kept, mdl_context *context);

/* The layout of a file in the making. */
typedef struct mdli_csv_layout mdli_csv_layout;

mdl_status mdli_csv_layout_create(mdl_context *context, mdli_csv_layout **out, mdl_error *error);
void mdli_csv_layout_free(mdli_csv_layout *layout);

/* Appends one piece that belongs to no row. */
mdl_status mdli_csv_layout_append(mdli_csv_layout *layout, int64_t record, mdl_string raw,
                                  mdl_error *error);

/* Appends what a chunk keeps, whose first record has the number `first_record` in the file. */
mdl_status mdli_csv_layout_take(mdli_csv_layout *layout, mdli_csv_kept_records *kept,
                                int64_t first_record, mdl_error *error);

/* Makes the table; then the layout can only be freed. */
mdl_status mdli_csv_layout_finish(mdli_csv_layout *layout, mdl_table **out, mdl_error *error);

#endif
