/*
 * Summaries of tables.
 *
 * Marts ask the same of a fact again and again: per movie the number, sum, squares and bounds of its
 * ratings, and when the first and the last was given. The compact states of a dense aggregate
 * (aggregate_compact.c) have all of that in a line of 64 bytes per movie. A summary is these states
 * as a small table which its table carries along: one pass over the rows, and every aggregate of
 * that kind starts with its states filled.
 *
 * What is kept of the third column is its bounds per key, not per key and value: so they do not move
 * when a row is replaced by one of the same key and time and another value, and a line is touched
 * per row instead of two.
 *
 * A summary follows its table through changes: counts of rows that came are added, counts of rows
 * that went are taken away. A row that went and stood on a bound leaves that in doubt, unless a row
 * with the same key came that stands there too, as with a replaced row; with any doubt left all rows
 * are read. Keys and values without a row are left out at the end, so that the way does not show.
 */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "operators/summary_internal.h"

void mdl_summary_options_init(mdl_summary_options *options)
{
    *options = (mdl_summary_options){.struct_size = sizeof *options};
}

const mdl_table *mdl_table_summary(const mdl_table *table)
{
    return table->summary != NULL ? table->summary->groups : NULL;
}

mdl_status mdli_summary_carry(mdl_context *context, const mdl_table *table,
                              const mdli_summary *summary, mdl_table **out, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate(context, sizeof(mdli_summary), "summary", &memory, error));
    mdli_summary *kept = memory;
    *kept = *summary;
    mdl_status status = mdli_allocate_array(context, table->n_columns, sizeof(mdl_column *),
                                            "summary", &memory, error);
    mdl_column **columns = memory;
    if (status == MDL_OK) {
        for (int32_t c = 0; c < table->n_columns; c++) {
            columns[c] = mdli_column_retain(table->columns[c]);
        }
        status = mdli_table_create(context, (const char *const *)table->names, columns,
                                   table->n_columns, table->n_rows, out, error);
        mdli_free(context, columns);
    }
    if (status != MDL_OK) {
        mdli_free(context, kept);
        return status;
    }
    kept->groups = mdl_table_clone(summary->groups);
    (*out)->summary = kept;
    return MDL_OK;
}

/* The column of that name, of one of two types. */
static mdl_status find_column(const mdl_table *table, const char *name, mdl_type type,
                              mdl_type other_type, int32_t *out, mdl_error *error)
{
    *out = name != NULL ? mdl_table_find_column(table, name) : -1;
    if (*out < 0) {
        return mdl_error_set(error, MDL_E_NOT_FOUND, "the table has no column \"%s\"",
                             name != NULL ? name : "");
    }
    const mdl_type of_column = table->columns[*out]->type;
    if (of_column != type && of_column != other_type) {
        return mdl_error_set(error, MDL_E_TYPE, "column %s of type %s cannot be summarized so",
                             name, mdl_type_name(of_column));
    }
    return MDL_OK;
}

static mdl_status find_columns(const mdl_table *table, const mdl_summary_options *options,
                               mdli_summary *summary, mdl_error *error)
{
    summary->extreme = -1;
    MDLI_TRY(
        find_column(table, options->key, MDL_TYPE_INT32, MDL_TYPE_INT32, &summary->key, error));
    MDLI_TRY(find_column(table, options->value, MDL_TYPE_INT32, MDL_TYPE_DECIMAL, &summary->value,
                         error));
    return options->extreme == NULL ? MDL_OK
                                    : find_column(table, options->extreme, MDL_TYPE_INT64,
                                                  MDL_TYPE_TIMESTAMP, &summary->extreme, error);
}

/* MDL_E_TYPE when a table has the columns with other types than the one that is summarized. */
static mdl_status check_same_types(const mdl_table *table, const mdli_summary *summary,
                                   const mdl_table *other, const mdl_summary_options *options,
                                   mdl_error *error)
{
    mdli_summary of_other = {0};
    if (other == NULL) {
        return MDL_OK;
    }
    MDLI_TRY(find_columns(other, options, &of_other, error));
    const bool is_same =
        table->columns[summary->value]->type == other->columns[of_other.value]->type &&
        (summary->extreme < 0 ||
         table->columns[summary->extreme]->type == other->columns[of_other.extreme]->type);
    return is_same ? MDL_OK
                   : mdl_error_set(error, MDL_E_TYPE,
                                   "the changes have columns of other types than the table");
}

static mdl_status check_options(const mdl_table *table, const mdl_summary_options *options,
                                mdli_summary *summary, mdl_error *error)
{
    if (options->struct_size != sizeof *options) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "summary options were not set by mdl_summary_options_init");
    }
    MDLI_TRY(find_columns(table, options, summary, error));
    MDLI_TRY(check_same_types(table, summary, options->previous, options, error));
    MDLI_TRY(check_same_types(table, summary, options->added, options, error));
    return check_same_types(table, summary, options->removed, options, error);
}

/* Whether a table carries a summary of the columns. */
static bool has_summary_of(const mdl_table *table, const mdl_summary_options *options)
{
    const mdli_summary *summary = table != NULL ? table->summary : NULL;
    if (summary == NULL || (summary->extreme >= 0) != (options->extreme != NULL)) {
        return false;
    }
    return strcmp(table->names[summary->key], options->key) == 0 &&
           strcmp(table->names[summary->value], options->value) == 0 &&
           (summary->extreme < 0 || strcmp(table->names[summary->extreme], options->extreme) == 0);
}

/* Fills a draft in whichever way there is; `*is_done` is false when there is none. */
static mdl_status fill_draft(mdli_summary_draft *d, const mdl_summary_options *options,
                             bool *is_done, mdl_error *error)
{
    *is_done = false;
    if (!mdli_summary_plan(d, NULL)) {
        return MDL_OK;
    }
    if (has_summary_of(options->previous, options) && mdli_summary_plan(d, options->previous)) {
        MDLI_TRY(mdli_summary_from_changes(d, options, is_done, error));
        if (*is_done) {
            return MDL_OK;
        }
        mdli_summary_free_draft(d);
    }
    *is_done = mdli_summary_plan(d, NULL);
    return mdli_summary_from_rows(d, error);
}

mdl_status mdl_table_summarize(mdl_context *context, const mdl_table *table,
                               const mdl_summary_options *options, mdl_table **out,
                               mdl_error *error)
{
    mdli_summary_draft d = {.context = context, .table = table};
    bool is_done;
    *out = NULL;
    MDLI_TRY(check_options(table, options, &d.summary, error));
    if (has_summary_of(table, options)) {
        *out = mdl_table_clone(table);
        return MDL_OK;
    }
    mdl_status status = fill_draft(&d, options, &is_done, error);
    if (status == MDL_OK && is_done) {
        status = mdli_summary_make_groups(&d, error);
        if (status == MDL_OK) {
            status = mdli_summary_carry(context, table, &d.summary, out, error);
        }
    } else if (status == MDL_OK) {
        *out = mdl_table_clone(table);
    }
    mdli_summary_free_draft(&d);
    return status;
}
