/*
 * What the records of a file mean: which field belongs to which column, and how its text becomes a
 * value.
 */
#ifndef MDLI_CSV_CSV_SCHEMA_H
#define MDLI_CSV_CSV_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "csv/csv_record.h"
#include "medallion/csv.h"

/* A column of the table, with the limits that really hold: those of its type and those that were
 * asked. */
typedef struct mdli_csv_target {
    const char *name;
    mdl_type type;
    bool is_required;
    bool is_unsigned;
    int64_t least; /* of integer-like types */
    int64_t greatest;
} mdli_csv_target;

/* A column's name in the file's header. */
typedef struct mdli_csv_header_field {
    mdl_string name;
    int32_t target; /* the column that it belongs to; -1 = it is left out */
} mdli_csv_header_field;

typedef struct mdli_csv_schema {
    mdl_context *context;
    const char *path; /* of the file, for messages */
    mdli_arena arena;
    mdli_csv_target *targets;
    int32_t n_targets;
    mdli_csv_header_field *fields; /* none until the header is matched */
    int64_t n_fields;
} mdli_csv_schema;

/* A value that is not text; `integer` also holds BOOL. */
typedef union mdli_csv_value {
    int64_t integer;
    double real;
} mdli_csv_value;

/* Takes over the columns that a caller asks for; MDL_E_ARGUMENT when they make no sense. The schema
 * is to be freed also after a failure. */
mdl_status mdli_csv_schema_init(mdli_csv_schema *schema, mdl_context *context, const char *path,
                                const mdl_csv_column *columns, int32_t n_columns, mdl_error *error);

/* Matches the file's header, which is `record`. `file_bytes` are the bytes from the file's start
 * on. */
mdl_status mdli_csv_schema_match(mdli_csv_schema *schema, const mdli_csv_record *record,
                                 const mdli_csv_field *fields, const char *file_bytes,
                                 bool allow_extra_columns, mdl_error *error);

void mdli_csv_schema_free(mdli_csv_schema *schema);

/* Reads the text of a field of any type but STRING. */
mdli_csv_fault mdli_csv_read_value(const mdli_csv_target *target, const char *text,
                                   int64_t size_bytes, mdli_csv_value *value);

/* Checks text of a field of any type: no NUL, and UTF-8. */
mdli_csv_fault mdli_csv_check_text(const char *text, int64_t size_bytes);

#endif
