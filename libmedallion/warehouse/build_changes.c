/*
 * What a build function is told of changes, and tells of them.
 *
 * A model that goes on from its previous table says which rows it took out of that and put in. This
 * holds between two tables. A model that refers to it may use it only if the first of these is the
 * very table that it was built from itself, which is found by comparing the tables and not by when
 * they were built: models can be selected, fail, and be built by several processes.
 */
#include "base/error.h"
#include "base/memory.h"
#include "snapshot/snapshot_compare.h"
#include "warehouse/build_internal.h"

void mdli_changes_free(mdli_changes *changes)
{
    mdl_table_free(changes->base);
    mdl_table_free(changes->added);
    mdl_table_free(changes->removed);
    *changes = (mdli_changes){.base = NULL};
}

bool mdl_build_is_unchanged(const mdl_build *build, const char *name)
{
    const mdl_table *before = mdl_build_previous_ref(build, name);
    return before != NULL && mdli_tables_are_same(before, mdl_build_ref(build, name));
}

/* Whether a table has one column, and that is in order with no value twice. */
static bool is_ascending_list(const mdl_table *table)
{
    if (mdl_table_n_columns(table) != 1) {
        return false;
    }
    const mdl_column *column = mdl_table_column(table, 0);
    mdl_column_stats stats = mdl_column_get_stats(column);
    return stats.is_strictly_sorted && stats.n_nulls == 0 &&
           mdl_column_type(column) != MDL_TYPE_FLOAT64;
}

/* The rows of a list that are not in another one, NULL where there are none. */
static mdl_status find_missing(mdl_context *context, const mdl_table *list, const mdl_table *other,
                               mdl_table **out, mdl_error *error)
{
    mdl_query *query = mdl_query_create(context);
    if (query == NULL) {
        return mdl_error_set(error, MDL_E_NO_MEMORY, "no memory for a query");
    }
    mdl_table *missing = NULL;
    mdl_rel *rel = mdl_join(mdl_scan(query, list), mdl_scan(query, other), MDL_JOIN_ANTI,
                            mdl_table_column_name(list, 0));
    mdl_status status = mdl_query_collect(query, rel, &missing, error);
    if (status == MDL_OK && mdl_table_n_rows(missing) == 0) {
        mdl_table_free(missing);
        missing = NULL;
    }
    *out = missing;
    mdl_query_free(query);
    return status;
}

/* Finds how a list of values differs from the one before. */
static mdl_status compare_lists(const mdl_build *build, const mdl_table *before,
                                const mdl_table *now, mdli_changes *found, mdl_error *error)
{
    mdl_context *context = build->warehouse->context;
    mdli_changes changes = {.base = mdl_table_clone(before)};
    mdl_status status;
    MDLI_TRY_GOTO_DONE(find_missing(context, now, before, &changes.added, error));
    MDLI_TRY_GOTO_DONE(find_missing(context, before, now, &changes.removed, error));
    *found = changes;
    return MDL_OK;
done:
    mdli_changes_free(&changes);
    return status;
}

mdl_status mdl_build_changes(mdl_build *build, const char *name, mdl_changes *out, mdl_error *error)
{
    *out = (mdl_changes){.are_known = false};
    const int32_t r = mdli_build_find_ref(build, name);
    if (r < 0) {
        return mdl_error_set(error, MDL_E_NOT_FOUND, "\"%s\" is not among the refs of the model",
                             name);
    }
    const mdl_table *before = mdl_build_previous_ref(build, name);
    const mdl_table *now = mdl_build_ref(build, name);
    if (before == NULL || mdli_tables_are_same(before, now)) {
        out->are_known = before != NULL;
        return MDL_OK;
    }
    const mdli_changes *changes = &build->inputs->changes[build->node->refs[r]];
    if (changes->base == NULL || !mdli_tables_are_same(changes->base, before)) {
        changes = &build->found[r];
        if (changes->base == NULL && is_ascending_list(before) && is_ascending_list(now)) {
            MDLI_TRY(compare_lists(build, before, now, &build->found[r], error));
        }
    }
    if (changes->base != NULL) {
        *out = (mdl_changes){true, changes->added, changes->removed};
    }
    return MDL_OK;
}

void mdl_build_tell_changes(mdl_build *build, const mdl_table *added, const mdl_table *removed)
{
    mdli_changes_free(&build->built->changes);
    if (build->is_incremental) {
        build->built->changes = (mdli_changes){
            .base = mdl_table_clone(build->node->table),
            .added = mdl_table_clone(added),
            .removed = mdl_table_clone(removed),
        };
    }
}

void mdl_build_start_afresh(mdl_build *build)
{
    mdli_changes_free(&build->built->changes);
    build->is_incremental = false;
    build->built->is_incremental = false;
}
