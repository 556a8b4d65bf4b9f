/**
 * @file csv.h
 * CSV files to tables and back.
 *
 * What is read is RFC 4180, and nothing is lost in silence: records loaded + records rejected =
 * records in the file. Fine are: a UTF-8 byte order mark, LF and CRLF line ends (also mixed), a
 * missing last line end, lines of length zero, quoted commas, doubled quotes and line ends in
 * quotes. A header is required; columns are matched by name, in any order. An unquoted empty field
 * is NULL, a quoted one is the empty string.
 *
 * A record is bad when it has the wrong number of fields, a field that is not of its column's type
 * or range, NULL where the column is required, invalid UTF-8, a NUL byte, a quote inside an
 * unquoted field, text after a closing quote, or no closing quote. A badly quoted record ends at
 * the next line end; one whose closing quote is missing runs to the end of the file. Of several
 * faults in one record quoting is told first, then the number of fields, then fields from left to
 * right.
 *
 * Where: the byte offset is that of the offending text, which for a value starts behind its opening
 * quote, for a fault in quoting with the field, and for a wrong number of fields with the record;
 * the line is the one that this byte is in, the header's being line 1.
 */
#ifndef MEDALLION_CSV_H
#define MEDALLION_CSV_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/context.h"
#include "medallion/export.h"
#include "medallion/status.h"
#include "medallion/table.h"
#include "medallion/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One column of a file's table. Start from zero: `{.name = "n", .type = MDL_TYPE_INT64}`. */
typedef struct mdl_csv_column {
    const char *name; /**< exact header name */
    mdl_type type;    /**< any type; text forms as in types.h */
    bool is_required; /**< true = NULL is a fault */
    bool has_range;   /**< true = `least` and `greatest` count */
    int64_t least;    /**< least value of INT32, INT64, or of DECIMAL in hundredths */
    int64_t greatest; /**< greatest value, likewise */
    bool is_unsigned; /**< true = the text is digits alone: a minus sign is a fault */
} mdl_csv_column;

/** What a bad record does. */
typedef enum mdl_on_error {
    MDL_ON_ERROR_ABORT = 0, /**< the read fails with ::MDL_E_DATA and says where (default) */
    MDL_ON_ERROR_SKIP = 1   /**< the record goes to the rejects, the others are loaded */
} mdl_on_error;

/** Settings of a read. Start from ::mdl_csv_options_init. */
typedef struct mdl_csv_options {
    size_t struct_size;       /**< set by ::mdl_csv_options_init */
    mdl_on_error on_error;    /**< default ::MDL_ON_ERROR_ABORT */
    int64_t max_errors;       /**< with SKIP: one more bad record than this fails the read with
                                   ::MDL_E_DATA; -1 = no limit (default) */
    bool allow_extra_columns; /**< true = columns that the table does not have are left out; default
                                 false: they are ::MDL_E_SCHEMA */
} mdl_csv_options;

/** Fills `options` with the defaults. */
MDL_API void mdl_csv_options_init(mdl_csv_options *options);

/** What a read gave. Freed with ::mdl_csv_result_free. */
typedef struct mdl_csv_result {
    mdl_table *table;   /**< the rows, in file order, columns in the order of the schema */
    mdl_table *rejects; /**< the bad records in file order; NULL when there is none. Columns: file
                             STRING, line INT64, record INT64, column STRING (NULL when the fault is
                             not in one), offset_bytes INT64, reason STRING, text STRING, raw STRING
                             (bytes that are not UTF-8 shown as \xNN; a NULL byte as \x00) */
    int64_t n_records;  /**< records in the file, the header not counted: loaded + rejected */
    int64_t n_rejected; /**< records in `rejects` */
    int64_t size_bytes; /**< bytes in the file */
    unsigned char xxh3_128[16]; /**< XXH3-128 of the file's bytes, canonical (big-endian), seed 0 */
    /**
     * What of the file's bytes does not follow from the rows, for ::mdl_csv_restore: columns record
     * INT64, ascending; is_row BOOL, whether the record was loaded; and raw STRING (bytes as they
     * were, not always UTF-8). Record 0 is the file's start, up to the end of its header: byte order
     * mark, blank lines, names, line end. Record k is data record k where its bytes are not its
     * values in canonical form (a `4.50`, a quoted number, another line end than the header's, blank
     * lines before it, a rejected record), from the first byte behind the record before. Record
     * n_records + 1 is what stands behind the last: blank lines. NULL when columns of the file were
     * left out, so that it cannot be restored.
     */
    mdl_table *layout;
} mdl_csv_result;

/**
 * Reads a file with all threads of the context. The same bytes give the same result for every
 * number of threads and every chunk size.
 *
 * @param columns    what the table holds; names must differ
 * @param options    NULL = the defaults
 * @param out        the result; all zero after a failure
 * @return ::MDL_E_FILE_NOT_FOUND, ::MDL_E_IO, ::MDL_E_SCHEMA (header), ::MDL_E_DATA (a bad record,
 * or a file of 0 bytes), ::MDL_E_NO_MEMORY, ::MDL_E_BUDGET, ::MDL_E_CANCELLED, ::MDL_E_DEADLINE. A
 * data error says file, line, record, column, byte offset, reason and text.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_csv_read_file(mdl_context *context, const char *path,
                                                    const mdl_csv_column *columns,
                                                    int32_t n_columns,
                                                    const mdl_csv_options *options,
                                                    mdl_csv_result *out, mdl_error *error);

/** As ::mdl_csv_read_file, from memory; `name` stands for the path in errors and rejects. */
MDL_API MDL_MUST_CHECK mdl_status mdl_csv_read_memory(mdl_context *context, const char *name,
                                                      const void *bytes, int64_t size_bytes,
                                                      const mdl_csv_column *columns,
                                                      int32_t n_columns,
                                                      const mdl_csv_options *options,
                                                      mdl_csv_result *out, mdl_error *error);

/**
 * Takes the bytes of a text that is written piece by piece.
 *
 * @return 0 to go on; an `errno` value fails the write, with ::MDL_E_NO_SPACE for ENOSPC and
 *         ::MDL_E_IO for any other
 */
typedef int (*mdl_write_fn)(void *user_data, const char *bytes, int64_t size_bytes);

/**
 * Writes the bytes of the file that gave `table` and `layout`.
 *
 * @param first_row  of the file in `table`, which may hold more rows
 * @param n_rows     rows that the file gave
 * @param n_records  records in the file, rejected ones included
 * @return ::MDL_E_ARGUMENT when rows and layout do not belong together, what `write` answers,
 *         ::MDL_E_NO_MEMORY, ::MDL_E_BUDGET, ::MDL_E_CANCELLED, ::MDL_E_DEADLINE.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_csv_restore(mdl_context *context, const mdl_table *table,
                                                  int64_t first_row, int64_t n_rows,
                                                  int64_t n_records, const mdl_table *layout,
                                                  mdl_write_fn write, void *user_data,
                                                  mdl_error *error);

/** Frees what a result holds and makes it all zero. Accepts NULL. */
MDL_API void mdl_csv_result_free(mdl_csv_result *result);

/**
 * Writes a table as CSV: a header line, quotes only where RFC 4180 needs them, NULL = nothing, the
 * empty string = `""`, lines end in "\n".
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_csv_write(mdl_context *context, const mdl_table *table,
                                                mdl_write_fn write, void *user_data,
                                                mdl_error *error);

/**
 * As ::mdl_csv_write, to a file. The file is written under another name beside `path`, synced, and
 * renamed: a reader sees the old file or the whole new one, also after a crash.
 */
MDL_API MDL_MUST_CHECK mdl_status mdl_csv_write_file(mdl_context *context, const mdl_table *table,
                                                     const char *path, mdl_error *error);

#ifdef __cplusplus
}
#endif

#endif
