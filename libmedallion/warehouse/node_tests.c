/*
 * The data quality tests of a table: those of its declaration, those that its key stands for, and
 * what they need of the warehouse, which is the labels of its tiers.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "warehouse/known_tests.h"

/* Tests that a key stands for: its columns are unique together and not NULL. */
#define N_KEY_TESTS 2

#define TEST_NAME_BYTES_MAX 256

/* Puts a label as a literal of an expression: quotes in it are doubled. */
static size_t put_literal(char *out, const char *label)
{
    size_t n = 0;
    out[n++] = '\'';
    for (; *label != '\0'; label++) {
        out[n++] = *label;
        if (*label == '\'') {
            out[n++] = '\'';
        }
    }
    out[n++] = '\'';
    return n;
}

static bool is_tier_of(const mdl_tier *tier, const mdl_model *model, const char *column)
{
    return strcmp(tier->model, model->name) == 0 && strcmp(tier->column, column) == 0;
}

/* The labels that the tiers have for a column, as a list of literals. A column without a rule is
 * always NULL, for which any list will do. */
static mdl_status list_labels(const mdl_warehouse *warehouse, mdli_node *node, mdl_test *test,
                              mdl_error *error)
{
    size_t size_bytes = 1;
    for (int32_t i = 0; i < warehouse->n_tiers; i++) {
        if (is_tier_of(&warehouse->tiers[i], &node->model, test->columns)) {
            size_bytes += 2 * strlen(warehouse->tiers[i].label) + strlen("'', ");
        }
    }
    mdl_error fault = MDL_ERROR_INIT;
    char *values = mdli_arena_allocate(&node->arena, size_bytes, &fault);
    if (values == NULL) {
        return mdli_error_copy(error, &fault);
    }
    size_t n = 0;
    for (int32_t i = 0; i < warehouse->n_tiers; i++) {
        if (is_tier_of(&warehouse->tiers[i], &node->model, test->columns)) {
            if (n > 0) {
                values[n++] = ',';
                values[n++] = ' ';
            }
            n += put_literal(values + n, warehouse->tiers[i].label);
        }
    }
    values[n] = '\0';
    test->values = n > 0 ? values : "''";
    return MDL_OK;
}

static bool has_test(const mdl_test *tests, int32_t n_tests, const char *name)
{
    for (int32_t i = 0; i < n_tests; i++) {
        if (strcmp(tests[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a test of the warehouse, or one of the first `n_named` of the node, has that name. */
static bool is_taken(const mdl_warehouse *warehouse, const mdli_node *node, int32_t n_named,
                     const char *name)
{
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        const mdli_node *other = warehouse->nodes[i];
        if (has_test(other->tests, other->n_tests, name)) {
            return true;
        }
    }
    return has_test(node->tests, n_named, name);
}

/* Gives tests their names, with a number behind where one is taken: runs tell tests by name. */
static mdl_status name_tests(const mdl_warehouse *warehouse, mdli_node *node, mdl_error *error)
{
    for (int32_t i = 0; i < node->n_tests; i++) {
        char base[TEST_NAME_BYTES_MAX];
        char name[TEST_NAME_BYTES_MAX + 16];
        mdl_test_name(&node->tests[i], node->model.name, base, sizeof base);
        snprintf(name, sizeof name, "%s", base);
        for (int n = 2; is_taken(warehouse, node, i, name); n++) {
            snprintf(name, sizeof name, "%s_%d", base, n);
        }
        mdl_error fault = MDL_ERROR_INIT;
        node->tests[i].name = mdli_arena_copy(&node->arena, name, strlen(name), &fault);
        if (node->tests[i].name == NULL) {
            return mdli_error_copy(error, &fault);
        }
    }
    return MDL_OK;
}

mdl_status mdli_node_tests_create(const mdl_warehouse *warehouse, mdli_node *node, mdl_error *error)
{
    const mdl_model *model = &node->model;
    const bool has_key_tests =
        model->key != NULL && model->materialization != MDL_MATERIALIZATION_SOURCE;
    const size_t n_tests = (size_t)model->n_tests + (has_key_tests ? N_KEY_TESTS : 0);
    if (n_tests == 0) {
        return MDL_OK;
    }
    mdl_error fault = MDL_ERROR_INIT;
    node->tests = mdli_arena_allocate(&node->arena, n_tests * sizeof *node->tests, &fault);
    node->known = mdli_arena_allocate(&node->arena, n_tests * sizeof *node->known, &fault);
    if (node->tests == NULL || node->known == NULL) {
        return mdli_error_copy(error, &fault);
    }
    memset(node->known, 0, n_tests * sizeof *node->known);
    if (has_key_tests) {
        node->tests[node->n_tests++] = (mdl_test){.kind = MDL_TEST_NOT_NULL, .columns = model->key};
        node->tests[node->n_tests++] = (mdl_test){.kind = MDL_TEST_UNIQUE, .columns = model->key};
    }
    for (int32_t i = 0; i < model->n_tests; i++) {
        mdl_test *test = &node->tests[node->n_tests++];
        *test = model->tests[i];
        if (test->kind == MDL_TEST_ACCEPTED_VALUES && test->values == NULL) {
            MDLI_TRY(list_labels(warehouse, node, test, error));
        }
    }
    return name_tests(warehouse, node, error);
}

int32_t mdl_warehouse_n_tests(const mdl_warehouse *warehouse, const char *name)
{
    const int32_t node = mdli_find_node(warehouse, name);
    return node >= 0 ? warehouse->nodes[node]->n_tests : 0;
}

const mdl_test *mdl_warehouse_get_test(const mdl_warehouse *warehouse, const char *name,
                                       int32_t index)
{
    const int32_t node = mdli_find_node(warehouse, name);
    const bool is_there = node >= 0 && index >= 0 && index < warehouse->nodes[node]->n_tests;
    return is_there ? &warehouse->nodes[node]->tests[index] : NULL;
}
