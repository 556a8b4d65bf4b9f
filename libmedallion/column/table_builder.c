/*
 * Table builders: one column builder for each field.
 */
#include "column/column_internal.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

struct mdl_table_builder {
    mdl_context *context;
    mdl_table *schema; /* of no rows: keeps names and types */
    bool is_spent;     /* finished, or an append has failed */
    int32_t n_columns;
    mdli_column_builder *columns[]; /* NULL = not made yet */
};

static mdl_status check_fields(const mdl_field *fields, int32_t n_fields, mdl_error *error)
{
    if (n_fields < 1 || fields == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a table needs at least one column");
    }
    for (int32_t c = 0; c < n_fields; c++) {
        const char *name = fields[c].name;
        if (name == NULL || name[0] == '\0') {
            return mdl_error_set(error, MDL_E_ARGUMENT, "column %d has no name", (int)c + 1);
        }
        if (strcmp(mdl_type_name(fields[c].type), "?") == 0) {
            return mdl_error_set(error, MDL_E_ARGUMENT, "column %s: %d is no type", name,
                                 (int)fields[c].type);
        }
        for (int32_t before = 0; before < c; before++) {
            if (strcmp(fields[before].name, name) == 0) {
                return mdl_error_set(error, MDL_E_ARGUMENT, "two columns have the name %s", name);
            }
        }
    }
    return MDL_OK;
}

/* Makes the parts of a builder; mdl_table_builder_free frees those that have come to be. */
static mdl_status fill_builder(mdl_table_builder *builder, const mdl_field *fields,
                               mdl_error *error)
{
    MDLI_TRY(mdli_table_create_empty(builder->context, fields, builder->n_columns, &builder->schema,
                                     error));
    for (int32_t c = 0; c < builder->n_columns; c++) {
        MDLI_TRY(mdli_column_builder_create(builder->context, fields[c].type, &builder->columns[c],
                                            error));
    }
    return MDL_OK;
}

mdl_status mdl_table_builder_create(mdl_context *context, const mdl_field *fields, int32_t n_fields,
                                    mdl_table_builder **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(check_fields(fields, n_fields, error));
    MDLI_TRY(mdli_allocate_zeroed(
        context, sizeof(mdl_table_builder) + (size_t)n_fields * sizeof(mdli_column_builder *),
        "table builder", &memory, error));
    mdl_table_builder *builder = memory;
    builder->context = context;
    builder->n_columns = n_fields;
    mdl_status status = fill_builder(builder, fields, error);
    if (status != MDL_OK) {
        mdl_table_builder_free(builder);
        return status;
    }
    *out = builder;
    return MDL_OK;
}

static mdl_status check_usable(const mdl_table_builder *builder, mdl_error *error)
{
    if (builder->is_spent) {
        return mdl_error_set(error, MDL_E_STATE,
                             "the table builder is finished or has failed: it can only be freed");
    }
    return MDL_OK;
}

/* Whether the vectors fit the fields. */
static mdl_status check_vectors(const mdl_table_builder *builder, const mdl_vector *columns,
                                int64_t n_rows, mdl_error *error)
{
    if (n_rows < 0) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "%lld rows cannot be appended",
                             (long long)n_rows);
    }
    for (int32_t c = 0; c < builder->n_columns; c++) {
        const char *name = builder->schema->names[c];
        const mdl_type type = builder->schema->columns[c]->type;
        if (columns[c].type != type) {
            return mdl_error_set(error, MDL_E_ARGUMENT, "column %s is of type %s, not %s", name,
                                 mdl_type_name(type), mdl_type_name(columns[c].type));
        }
        if (columns[c].n_rows != n_rows) {
            return mdl_error_set(error, MDL_E_ARGUMENT, "column %s has %lld rows, not %lld", name,
                                 (long long)columns[c].n_rows, (long long)n_rows);
        }
    }
    return MDL_OK;
}

mdl_status mdl_table_builder_append(mdl_table_builder *builder, const mdl_vector *columns,
                                    int64_t n_rows, mdl_error *error)
{
    MDLI_TRY(check_usable(builder, error));
    builder->is_spent = true;
    MDLI_TRY(check_vectors(builder, columns, n_rows, error));
    for (int32_t c = 0; c < builder->n_columns; c++) {
        MDLI_TRY(mdli_column_builder_append(builder->columns[c], &columns[c], error));
    }
    builder->is_spent = false;
    return MDL_OK;
}

mdl_status mdl_table_builder_finish(mdl_table_builder *builder, mdl_table **out, mdl_error *error)
{
    *out = NULL;
    MDLI_TRY(check_usable(builder, error));
    builder->is_spent = true;
    void *memory;
    MDLI_TRY(mdli_allocate_array(builder->context, builder->n_columns, sizeof(mdl_column *),
                                 "table builder", &memory, error));
    mdl_column **columns = memory;
    mdl_status status = MDL_OK;
    int32_t n_made = 0;
    while (status == MDL_OK && n_made < builder->n_columns) {
        status = mdli_column_builder_finish(builder->columns[n_made], &columns[n_made], error);
        n_made += status == MDL_OK;
    }
    if (status == MDL_OK) {
        status = mdli_table_create(builder->context, (const char *const *)builder->schema->names,
                                   columns, builder->n_columns, 0, out, error);
    } else {
        for (int32_t c = 0; c < n_made; c++) {
            mdli_column_release(columns[c]);
        }
    }
    mdli_free(builder->context, memory);
    return status;
}

void mdl_table_builder_free(mdl_table_builder *builder)
{
    if (builder == NULL) {
        return;
    }
    for (int32_t c = 0; c < builder->n_columns; c++) {
        mdli_column_builder_free(builder->columns[c]);
    }
    mdl_table_free(builder->schema);
    mdli_free(builder->context, builder);
}
