/*
 * Aggregates that go over the same rows in the same order.
 *
 * "What a user's ratings come to" and "which genre he rates most" are two aggregates of one query,
 * both along the users of one table. Decoding a column takes about as long as adding it up, so they
 * take their rows together: the first one that is run finds the others in the plan that is being
 * collected, and their results wait in their relations until they are asked for. Only aggregates
 * along a sorted key are run so: their states are those of the rows at hand, where arrays of states
 * would drive each other out of the cache.
 */
#include <string.h>

#include "operators/aggregate_internal.h"
#include "operators/rowset.h"

/* The rows that an aggregate goes over, and the column of theirs that is its first key. */
typedef struct leading_scan {
    const mdl_rel *scan;
    int32_t column;
} leading_scan;

/* Follows the first key of an aggregate down to a scan, through projections and the left side of one
 * join; false where there is none, or the key is no sorted column of its. */
static bool find_leading_scan(const mdl_rel *rel, leading_scan *out)
{
    const mdl_rel *at = rel->left;
    if (rel->n_keys == 0) {
        return false;
    }
    int32_t column = rel->keys[0].column;
    if (at->kind == MDLI_REL_JOIN && column < at->left->n_fields) {
        at = at->left;
    }
    for (; at->kind == MDLI_REL_PROJECT; at = at->left) {
        if (!mdli_expression_is_column(at->items[column].expression, &column)) {
            return false;
        }
    }
    if (at->kind != MDLI_REL_SCAN) {
        return false;
    }
    const mdli_column_facts facts = mdli_facts_of_column(at->table->columns[column], column);
    *out = (leading_scan){at, column};
    return facts.is_sorted && !facts.may_be_null &&
           mdli_type_is_integer(at->table->columns[column]->type);
}

static bool is_same_scan(const leading_scan *a, const leading_scan *b)
{
    return a->scan->table == b->scan->table && a->scan->first_row == b->scan->first_row &&
           a->scan->n_rows == b->scan->n_rows && a->column == b->column;
}

/* Adds the companions of an aggregate in a plan that nobody has begun. What is below it, or one of
 * them, is its own to run. */
static int add_companions(const mdl_rel *of, mdl_rel *plan, const mdl_rel *above,
                          mdli_aggregate_task *tasks, int n_tasks)
{
    leading_scan wanted;
    leading_scan found;
    if (plan == NULL || plan == of || n_tasks == MDLI_AGGREGATES_TOGETHER_MAX) {
        return n_tasks;
    }
    if (plan->kind == MDLI_REL_AGGREGATE && !plan->trace.is_begun &&
        find_leading_scan(of, &wanted) && find_leading_scan(plan, &found) &&
        is_same_scan(&found, &wanted)) {
        const bool is_picked_from = above != NULL && above->kind == MDLI_REL_ARG_FIRST;
        plan->trace.is_begun = true;
        tasks[n_tasks] = (mdli_aggregate_task){plan, is_picked_from ? above : NULL};
        return n_tasks + 1;
    }
    n_tasks = add_companions(of, plan->left, plan, tasks, n_tasks);
    return add_companions(of, plan->right, plan, tasks, n_tasks);
}

int mdli_find_companions(mdl_rel *rel, const mdl_rel *pick,
                         mdli_aggregate_task tasks[MDLI_AGGREGATES_TOGETHER_MAX])
{
    rel->trace.is_begun = true;
    tasks[0] = (mdli_aggregate_task){rel, pick};
    return add_companions(rel, rel->query->root, NULL, tasks, 1);
}

bool mdli_can_run_together(const mdli_aggregator *a, const mdli_aggregator *b)
{
    return mdli_is_in_order(a) && mdli_is_in_order(b) && !mdli_can_group_runs(a) &&
           !mdli_can_group_runs(b) && a->compact.summary == NULL && b->compact.summary == NULL &&
           mdli_pipelines_read_alike(a->pipeline, b->pipeline);
}
