/*
 * Summaries that come back from a store: whether a table of groups is a summary of a table, as far as
 * names, types and numbers tell.
 */
#include <string.h>

#include "base/error.h"
#include "operators/summary_internal.h"
#include "operators/table_summary.h"

/* What is behind a prefix of a text; NULL if it has another one. */
static const char *behind(const char *text, const char *prefix)
{
    const size_t size = strlen(prefix);
    return text != NULL && strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

/* Whether a column of the groups is a bound of column `column` of the table. */
static bool is_bound_of(const mdl_table *table, int32_t column, const mdl_table *groups, int32_t at,
                        const char *prefix)
{
    const char *rest = behind(behind(groups->names[at], prefix), table->names[column]);
    const mdl_type type = table->columns[column]->type;
    return rest != NULL && strcmp(rest, ")") == 0 && groups->columns[at]->type == type &&
           (type == MDL_TYPE_INT64 || type == MDL_TYPE_TIMESTAMP);
}

/* Whether a column of the groups counts rows with a value of column `column`, and which. */
static bool is_count_of(const mdl_table *table, int32_t column, const mdl_table *groups, int32_t at,
                        int64_t *value)
{
    const char *rest =
        behind(behind(behind(groups->names[at], "count("), table->names[column]), " = ");
    const size_t size = rest != NULL ? strlen(rest) : 0;
    const mdl_type type = table->columns[column]->type;
    if (size < 2 || rest[size - 1] != ')' || groups->columns[at]->type != MDL_TYPE_INT32 ||
        (type != MDL_TYPE_INT32 && type != MDL_TYPE_DECIMAL)) {
        return false;
    }
    mdl_value parsed;
    const mdl_string text = {rest, (int64_t)size - 1};
    const bool is_value = mdl_value_parse(type, text, &parsed, NULL) == MDL_OK;
    *value = is_value ? parsed.as.integer : 0;
    return is_value;
}

/* Whether all columns from the first count on are of one column of the table, values ascending. */
static bool find_values(const mdl_table *table, int32_t column, const mdl_table *groups,
                        mdli_summary *summary)
{
    const int32_t first = mdli_summary_first_count(summary);
    const int32_t n = groups->n_columns - first;
    bool are_counts = n > 0 && n <= MDLI_HISTOGRAM_MAX;
    for (int32_t v = 0; v < n && are_counts; v++) {
        are_counts = is_count_of(table, column, groups, first + v, &summary->values[v]) &&
                     (v == 0 || summary->values[v - 1] < summary->values[v]);
    }
    summary->value = column;
    summary->n_values = n;
    return are_counts;
}

/* Tells from names and types what a table of groups says of a table. */
static bool recognize(const mdl_table *table, const mdl_table *groups, mdli_summary *summary)
{
    summary->key = groups->n_columns > 0 ? mdl_table_find_column(table, groups->names[0]) : -1;
    summary->extreme = -1;
    if (summary->key < 0 || table->columns[summary->key]->type != MDL_TYPE_INT32 ||
        groups->columns[0]->type != MDL_TYPE_INT32) {
        return false;
    }
    for (int32_t c = 0; c < table->n_columns && groups->n_columns > 2; c++) {
        if (is_bound_of(table, c, groups, 1, "min(") && is_bound_of(table, c, groups, 2, "max(")) {
            summary->extreme = c;
        }
    }
    bool has_values = false;
    for (int32_t c = 0; c < table->n_columns && !has_values; c++) {
        has_values = find_values(table, c, groups, summary);
    }
    return has_values;
}

/* What the groups of a summary come to. */
typedef struct group_totals {
    bool
        is_sound; /* keys ascend, counts are not negative, no group is empty, bounds are in order */
    int64_t n_rows;
    mdli_range key;
    mdli_range extreme;
} group_totals;

static void total_group(const mdli_summary *summary, const mdl_vector *columns, int64_t i,
                        group_totals *totals)
{
    const int32_t first = mdli_summary_first_count(summary);
    const int32_t key = mdl_vector_int32(&columns[0], i);
    int64_t n_rows = 0;
    totals->is_sound &= !totals->key.is_known || key > totals->key.greatest;
    for (int32_t v = 0; v < summary->n_values; v++) {
        const int32_t count = mdl_vector_int32(&columns[first + v], i);
        totals->is_sound &= count >= 0;
        n_rows += count;
    }
    totals->is_sound &= n_rows > 0;
    totals->n_rows += n_rows;
    if (summary->extreme >= 0) {
        const int64_t least = mdl_vector_int64(&columns[1], i);
        const int64_t greatest = mdl_vector_int64(&columns[2], i);
        mdli_range *range = &totals->extreme;
        const bool is_first = !range->is_known;
        totals->is_sound &= least <= greatest;
        range->least = is_first || least < range->least ? least : range->least;
        range->greatest = is_first || greatest > range->greatest ? greatest : range->greatest;
        range->is_known = true;
    }
    totals->key.least = totals->key.is_known ? totals->key.least : key;
    totals->key.greatest = key;
    totals->key.is_known = true;
}

static mdl_status total_groups(mdl_context *context, const mdli_summary *summary,
                               group_totals *totals, mdl_error *error)
{
    mdl_cursor *cursor;
    *totals = (group_totals){.is_sound = true};
    for (int32_t c = 0; c < summary->groups->n_columns; c++) {
        totals->is_sound &= summary->groups->columns[c]->stats.n_nulls == 0;
    }
    MDLI_TRY(mdl_cursor_create(context, summary->groups, NULL, 0, &cursor, error));
    mdl_status status = MDL_OK;
    for (mdl_batch batch = {.n_rows = 1}; status == MDL_OK && batch.n_rows > 0;) {
        status = mdl_cursor_next(cursor, &batch, error);
        for (int64_t i = 0; status == MDL_OK && i < batch.n_rows; i++) {
            total_group(summary, batch.columns, i, totals);
        }
    }
    mdl_cursor_free(cursor);
    return status;
}

/* Whether a column has no NULL, and these bounds. */
static bool has_bounds(const mdl_column *column, int64_t least, int64_t greatest)
{
    mdli_range range = {.is_known = false};
    return mdli_widen_range(column, &range) && range.least == least && range.greatest == greatest;
}

/* Whether groups come to what is known of the table. With that, no state is looked for outside of
 * those that statistics of the table allow for. */
static bool fits_table(const mdl_table *table, const mdli_summary *summary,
                       const group_totals *totals)
{
    return totals->is_sound && totals->n_rows == table->n_rows &&
           has_bounds(table->columns[summary->key], totals->key.least, totals->key.greatest) &&
           has_bounds(table->columns[summary->value], summary->values[0],
                      summary->values[summary->n_values - 1]) &&
           (summary->extreme < 0 || has_bounds(table->columns[summary->extreme],
                                               totals->extreme.least, totals->extreme.greatest));
}

mdl_status mdli_table_restore_summary(mdl_context *context, const mdl_table *table,
                                      mdl_table *groups, mdl_table **out, mdl_error *error)
{
    mdli_summary summary = {.groups = groups};
    group_totals totals = {.is_sound = false};
    *out = NULL;
    if (recognize(table, groups, &summary)) {
        MDLI_TRY(total_groups(context, &summary, &totals, error));
    }
    if (!totals.is_sound || !fits_table(table, &summary, &totals)) {
        *out = mdl_table_clone(table);
        return MDL_OK;
    }
    return mdli_summary_carry(context, table, &summary, out, error);
}
