/*
 * Tables: named columns of one length.
 */
#include "column/column_internal.h"

#include "base/error.h"
#include "base/memory.h"

#include <assert.h>
#include <string.h>

static void release_columns(mdl_column *const *columns, int32_t n_columns)
{
    for (int32_t c = 0; c < n_columns; c++) {
        mdli_column_release(columns[c]);
    }
}

/* The struct, the pointers to columns and names, and the names, in one piece. */
static mdl_status allocate_table(mdl_context *context, const char *const *names, int32_t n_columns,
                                 mdl_table **out, mdl_error *error)
{
    const size_t array_bytes = (size_t)n_columns * sizeof(void *);
    size_t name_bytes = 0;
    for (int32_t c = 0; c < n_columns; c++) {
        name_bytes += strlen(names[c]) + 1;
    }
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate(context, sizeof(mdl_table) + 2 * array_bytes + name_bytes, "table",
                           &memory, error));
    mdl_table *table = memory;
    *table = (mdl_table){.context = context, .n_columns = n_columns};
    table->columns = (mdl_column **)(table + 1);
    table->names = (char **)(table->columns + n_columns);
    char *next = (char *)(table->names + n_columns);
    for (int32_t c = 0; c < n_columns; c++) {
        const size_t size = strlen(names[c]) + 1;
        table->names[c] = memcpy(next, names[c], size);
        next += size;
    }
    *out = table;
    return MDL_OK;
}

mdl_status mdli_table_create(mdl_context *context, const char *const *names, mdl_column **columns,
                             int32_t n_columns, int64_t n_rows, mdl_table **out, mdl_error *error)
{
    mdl_status status = allocate_table(context, names, n_columns, out, error);
    if (status != MDL_OK) {
        release_columns(columns, n_columns);
        return status;
    }
    mdl_table *table = *out;
    table->n_rows = n_columns > 0 ? columns[0]->n_rows : n_rows;
    for (int32_t c = 0; c < n_columns; c++) {
        assert(columns[c]->n_rows == table->n_rows);
        table->columns[c] = columns[c];
    }
    atomic_init(&table->references, 1);
    return MDL_OK;
}

/* A list of names and one of columns, for making a table of n columns. */
typedef struct table_parts {
    const char **names;
    mdl_column **columns;
} table_parts;

static mdl_status allocate_parts(mdl_context *context, int32_t n_columns, table_parts *parts,
                                 mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, n_columns, sizeof(char *) + sizeof(mdl_column *), "table",
                                 &memory, error));
    parts->columns = memory;
    parts->names = (const char **)(parts->columns + n_columns);
    return MDL_OK;
}

mdl_status mdli_table_create_empty(mdl_context *context, const mdl_field *fields, int32_t n_fields,
                                   mdl_table **out, mdl_error *error)
{
    table_parts parts;
    mdl_status status = MDL_OK;
    int32_t n_made = 0;
    *out = NULL;
    MDLI_TRY(allocate_parts(context, n_fields, &parts, error));
    while (status == MDL_OK && n_made < n_fields) {
        parts.names[n_made] = fields[n_made].name;
        status = mdli_column_from_blocks(context, fields[n_made].type, NULL, 0,
                                         &parts.columns[n_made], error);
        n_made += status == MDL_OK;
    }
    if (status == MDL_OK) {
        status = mdli_table_create(context, parts.names, parts.columns, n_fields, 0, out, error);
    } else {
        release_columns(parts.columns, n_made);
    }
    mdli_free(context, parts.columns);
    return status;
}

/* Whether the tables have the same names and types, with a message about the first difference. */
static mdl_status check_same_schema(const mdl_table *first, const mdl_table *second,
                                    mdl_error *error)
{
    if (first->n_columns != second->n_columns) {
        return mdl_error_set(error, MDL_E_SCHEMA,
                             "tables of %d and of %d columns cannot be put together",
                             (int)first->n_columns, (int)second->n_columns);
    }
    for (int32_t c = 0; c < first->n_columns; c++) {
        const mdl_type first_type = first->columns[c]->type;
        const mdl_type second_type = second->columns[c]->type;
        if (strcmp(first->names[c], second->names[c]) != 0 || first_type != second_type) {
            return mdl_error_set(
                error, MDL_E_SCHEMA,
                "tables cannot be put together: column %d is %s of type %s in one and %s of type "
                "%s in the other",
                (int)c + 1, first->names[c], mdl_type_name(first_type), second->names[c],
                mdl_type_name(second_type));
        }
    }
    return MDL_OK;
}

mdl_status mdli_table_concat(mdl_context *context, const mdl_table *first, const mdl_table *second,
                             mdl_table **out, mdl_error *error)
{
    table_parts parts;
    mdl_status status = MDL_OK;
    int32_t n_made = 0;
    const int32_t n_columns = first->n_columns;
    *out = NULL;
    MDLI_TRY(check_same_schema(first, second, error));
    MDLI_TRY(allocate_parts(context, n_columns, &parts, error));
    while (status == MDL_OK && n_made < n_columns) {
        status = mdli_column_concat(context, first->columns[n_made], second->columns[n_made],
                                    &parts.columns[n_made], error);
        n_made += status == MDL_OK;
    }
    if (status == MDL_OK) {
        status = mdli_table_create(context, (const char *const *)first->names, parts.columns,
                                   n_columns, first->n_rows + second->n_rows, out, error);
    } else {
        release_columns(parts.columns, n_made);
    }
    mdli_free(context, parts.columns);
    return status;
}

mdl_table *mdl_table_clone(const mdl_table *table)
{
    mdl_table *clone = (mdl_table *)table;
    if (clone != NULL) {
        atomic_fetch_add_explicit(&clone->references, 1, memory_order_relaxed);
    }
    return clone;
}

void mdl_table_free(mdl_table *table)
{
    if (table == NULL ||
        atomic_fetch_sub_explicit(&table->references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    release_columns(table->columns, table->n_columns);
    if (table->summary != NULL) {
        mdl_table_free(table->summary->groups);
        mdli_free(table->context, table->summary);
    }
    mdli_free(table->context, table);
}

int64_t mdl_table_n_rows(const mdl_table *table)
{
    return table->n_rows;
}

int32_t mdl_table_n_columns(const mdl_table *table)
{
    return table->n_columns;
}

const char *mdl_table_column_name(const mdl_table *table, int32_t index)
{
    return table->names[index];
}

const mdl_column *mdl_table_column(const mdl_table *table, int32_t index)
{
    return table->columns[index];
}

int32_t mdl_table_find_column(const mdl_table *table, const char *name)
{
    for (int32_t c = 0; c < table->n_columns; c++) {
        if (strcmp(table->names[c], name) == 0) {
            return c;
        }
    }
    return -1;
}

int64_t mdl_table_size_bytes(const mdl_table *table)
{
    int64_t size_bytes = 0;
    for (int32_t c = 0; c < table->n_columns; c++) {
        size_bytes += table->columns[c]->stats.size_bytes;
    }
    return size_bytes;
}
