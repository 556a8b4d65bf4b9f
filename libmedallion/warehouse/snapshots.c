/*
 * Snapshots in a warehouse: their declarations as tables, their tests, and taking them in a run.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text_buffer.h"
#include "warehouse/run_internal.h"

/* The columns that a history has behind those of its table. */
static const mdl_model_column history_columns[] = {
    {"dbt_scd_id", MDL_TYPE_STRING, "Hash of key and dbt_valid_from"},
    {"dbt_updated_at", MDL_TYPE_TIMESTAMP, "When the row entered"},
    {"dbt_valid_from", MDL_TYPE_TIMESTAMP, "From when the row was valid"},
    {"dbt_valid_to", MDL_TYPE_TIMESTAMP, "Until when, itself not included; NULL = it is current"},
    {"dbt_is_deleted", MDL_TYPE_BOOL, "True where the row says that its key is gone"},
};

#define N_HISTORY_COLUMNS ((int32_t)(sizeof history_columns / sizeof *history_columns))
#define LIVE              "dbt_valid_to is null and not dbt_is_deleted"

enum {
    N_TESTS = 5
};

bool mdli_is_test_of_taking(const mdli_node *node, const mdl_test *test)
{
    return node->snapshot != NULL && test->kind == MDL_TEST_RELATIONSHIPS;
}

bool mdli_is_test_of_table(const mdli_node *node, const mdl_test *test)
{
    return mdli_is_test_of_taking(node, test) && strcmp(test->to, node->model.name) == 0;
}

bool mdli_is_test_of_deletes(const mdli_node *node, const mdl_test *test)
{
    return mdli_is_test_of_taking(node, test) && !mdli_is_test_of_table(node, test);
}

mdl_hard_deletes mdli_effective_hard_deletes(const mdl_build_options *options,
                                             const mdl_snapshot *snapshot)
{
    return options->hard_deletes != NULL ? *options->hard_deletes : snapshot->hard_deletes;
}

/* No empty and no overlapping validity. */

/* The columns that the test reads: those of the key, dbt_valid_from, dbt_valid_to. */
typedef struct validity_columns {
    const char **names;
    int32_t n_names;
} validity_columns;

/* A value that is not text as bits; what is under a NULL does not count. */
static int64_t bits_of(const mdl_vector *v, int64_t i)
{
    switch (v->type) {
    case MDL_TYPE_INT32:
    case MDL_TYPE_DECIMAL:
        return mdl_vector_int32(v, i);
    case MDL_TYPE_BOOL:
        return ((const uint8_t *)v->values)[i];
    default:
        return mdl_vector_int64(v, i);
    }
}

static mdl_status append_value(mdli_text_buffer *key, const mdl_vector *v, int64_t i,
                               mdl_error *error)
{
    if (mdl_vector_is_null(v, i)) {
        return mdli_text_buffer_append(key, "-", 1, error);
    }
    mdl_string text = {NULL, 0};
    int64_t bits = 0;
    if (v->type == MDL_TYPE_STRING) {
        text = mdl_vector_string(v, i);
        bits = text.size_bytes;
    } else {
        bits = bits_of(v, i);
    }
    MDLI_TRY(mdli_text_buffer_append(key, "+", 1, error));
    MDLI_TRY(mdli_text_buffer_append(key, (const char *)&bits, sizeof bits, error));
    return mdli_text_buffer_append(key, text.data, text.size_bytes, error);
}

static mdl_status key_of(const mdl_batch *batch, int32_t n_keys, int64_t i, mdli_text_buffer *key,
                         mdl_error *error)
{
    key->size_bytes = 0;
    for (int32_t c = 0; c < n_keys; c++) {
        MDLI_TRY(append_value(key, &batch->columns[c], i, error));
    }
    return MDL_OK;
}

/* The rows of a history, one after the other. */
typedef struct validity_check {
    int32_t n_keys;
    /* Keys of this row and of the one before, as bytes that differ where keys do. */
    mdli_text_buffer key;
    mdli_text_buffer key_before;
    bool had_end;
    int64_t end_before;
    uint64_t *failing;
} validity_check;

static bool is_same_key(const validity_check *check)
{
    const mdli_text_buffer *a = &check->key;
    const mdli_text_buffer *b = &check->key_before;
    return a->size_bytes == b->size_bytes && memcmp(a->bytes, b->bytes, (size_t)a->size_bytes) == 0;
}

/* Looks at a row: it must not end before it begins, nor begin before the row of its key before it
 * ends. */
static mdl_status check_row(validity_check *check, const mdl_batch *batch, int64_t i,
                            mdl_error *error)
{
    const mdl_vector *valid_from = &batch->columns[check->n_keys];
    const mdl_vector *valid_to = &batch->columns[check->n_keys + 1];
    MDLI_TRY(key_of(batch, check->n_keys, i, &check->key, error));
    int64_t row = batch->first_row + i;
    bool has_start = !mdl_vector_is_null(valid_from, i);
    bool has_end = !mdl_vector_is_null(valid_to, i);
    int64_t start = has_start ? mdl_vector_int64(valid_from, i) : 0;
    int64_t end = has_end ? mdl_vector_int64(valid_to, i) : 0;
    bool is_empty = has_start && has_end && end <= start;
    bool overlaps = row > 0 && has_start && is_same_key(check) &&
                    (!check->had_end || check->end_before > start);
    if (is_empty || overlaps) {
        check->failing[row >> 6] |= (uint64_t)1 << (row & 63);
    }
    mdli_text_buffer key = check->key;
    check->key = check->key_before;
    check->key_before = key;
    check->had_end = has_end;
    check->end_before = end;
    return MDL_OK;
}

static mdl_status find_bad_validity(void *user_data, mdl_context *context, const mdl_table *table,
                                    uint64_t *failing, mdl_error *error)
{
    const validity_columns *columns = user_data;
    validity_check check = {
        .n_keys = columns->n_names - 2,
        .key = {.context = context},
        .key_before = {.context = context},
        .failing = failing,
    };
    mdl_cursor *cursor = NULL;
    mdl_batch batch;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(
        mdl_cursor_create(context, table, columns->names, columns->n_names, &cursor, error));
    do {
        MDLI_TRY_GOTO_DONE(mdl_cursor_next(cursor, &batch, error));
        for (int64_t i = 0; i < batch.n_rows; i++) {
            MDLI_TRY_GOTO_DONE(check_row(&check, &batch, i, error));
        }
    } while (batch.n_rows > 0);
done:
    mdl_cursor_free(cursor);
    mdli_text_buffer_reset(&check.key);
    mdli_text_buffer_reset(&check.key_before);
    return status;
}

/* Declarations. */

/* A declaration in the making. Texts and arrays are in the arena, and are copied from there. */
typedef struct declaration {
    const mdl_snapshot *snapshot;
    const mdl_model *table;
    mdli_arena *arena;
    mdl_error fault; /* of the arena */
} declaration;

/* A text of two or three parts; NULL with the fault kept when there is no memory. */
static const char *join_text(declaration *d, const char *a, const char *b, const char *c)
{
    size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = mdli_arena_allocate(d->arena, size, &d->fault);
    if (text != NULL) {
        snprintf(text, size, "%s%s%s", a, b, c);
    }
    return text;
}

/* The columns that the test of validity reads. */
static validity_columns *list_validity_columns(declaration *d)
{
    static const char separators[] = ", \t";
    size_t n_bytes = strlen(d->snapshot->key);
    validity_columns *columns = mdli_arena_allocate(d->arena, sizeof *columns, &d->fault);
    const char **names = mdli_arena_allocate(d->arena, (n_bytes + 2) * sizeof *names, &d->fault);
    if (columns == NULL || names == NULL) {
        return NULL;
    }
    *columns = (validity_columns){.names = names};
    const char *at = d->snapshot->key + strspn(d->snapshot->key, separators);
    while (*at != '\0') {
        size_t size = strcspn(at, separators);
        names[columns->n_names++] = mdli_arena_copy(d->arena, at, size, &d->fault);
        at += size;
        at += strspn(at, separators);
    }
    names[columns->n_names++] = "dbt_valid_from";
    names[columns->n_names++] = "dbt_valid_to";
    return columns;
}

static mdl_test *make_tests(declaration *d)
{
    const mdl_snapshot *s = d->snapshot;
    mdl_test *tests = mdli_arena_allocate(d->arena, N_TESTS * sizeof *tests, &d->fault);
    if (tests == NULL) {
        return NULL;
    }
    tests[0] = (mdl_test){
        .kind = MDL_TEST_NOT_NULL,
        .columns = join_text(d, s->key, ", dbt_updated_at, dbt_valid_from, dbt_is_deleted", ""),
        .name = join_text(d, s->name, "_is_complete", ""),
    };
    tests[1] = (mdl_test){
        .kind = MDL_TEST_UNIQUE,
        .name = join_text(d, s->name, "_has_one_current_row_per_key", ""),
        .columns = s->key,
        .where = LIVE,
    };
    tests[2] = (mdl_test){
        .kind = MDL_TEST_CALLBACK,
        .name = join_text(d, s->name, "_has_no_empty_or_overlapping_validity", ""),
        .columns = join_text(d, s->key, ", dbt_valid_from, dbt_valid_to", ""),
        .find = find_bad_validity,
        .user_data = list_validity_columns(d),
    };
    tests[3] = (mdl_test){
        .kind = MDL_TEST_RELATIONSHIPS,
        .name = join_text(d, s->name, "_has_every_key_of_", s->table),
        .columns = s->key,
        .to = s->name,
        .to_where = LIVE,
    };
    tests[4] = (mdl_test){
        .kind = MDL_TEST_RELATIONSHIPS,
        .name = join_text(d, s->name, "_has_no_key_but_of_", s->table),
        .columns = s->key,
        .where = LIVE,
        .to = s->table,
    };
    return tests;
}

static mdl_model_column *make_columns(declaration *d)
{
    size_t n_columns = (size_t)(d->table->n_columns + N_HISTORY_COLUMNS);
    mdl_model_column *columns =
        mdli_arena_allocate(d->arena, n_columns * sizeof *columns, &d->fault);
    if (columns != NULL) {
        size_t n_of_table = (size_t)d->table->n_columns;
        memcpy(columns, d->table->columns, n_of_table * sizeof *columns);
        memcpy(columns + n_of_table, history_columns, sizeof history_columns);
    }
    return columns;
}

static mdl_status check_snapshot(const mdl_warehouse *warehouse, const mdl_snapshot *snapshot,
                                 const mdl_model **table, mdl_error *error)
{
    if (snapshot == NULL || snapshot->struct_size != sizeof *snapshot) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "struct_size of a snapshot must be sizeof(mdl_snapshot)");
    }
    if (!mdli_is_name(snapshot->name)) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "the name of a snapshot is made of letters, digits and _");
    }
    if (mdli_find_node(warehouse, snapshot->name) >= 0) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "there is a table %s already", snapshot->name);
    }
    if (snapshot->table == NULL || snapshot->description == NULL || snapshot->key == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "snapshot %s lacks a table, a description or a key", snapshot->name);
    }
    if (snapshot->hard_deletes < MDL_HARD_DELETES_IGNORE ||
        snapshot->hard_deletes > MDL_HARD_DELETES_NEW_RECORD) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "snapshot %s: %d is no mdl_hard_deletes",
                             snapshot->name, (int)snapshot->hard_deletes);
    }
    int32_t node = mdli_find_node(warehouse, snapshot->table);
    if (node < 0) {
        return mdl_error_set(error, MDL_E_NOT_FOUND, "snapshot %s: there is no table \"%s\"",
                             snapshot->name, snapshot->table);
    }
    *table = &warehouse->nodes[node]->model;
    MDLI_TRY(mdli_check_names(*table, "snapshot key", snapshot->key, error));
    return mdli_check_names(*table, "snapshot check", snapshot->check, error);
}

/* A copy of the snapshot's declaration. */
static mdl_snapshot *copy_snapshot(declaration *d)
{
    mdl_snapshot *copy = mdli_arena_allocate(d->arena, sizeof *copy, &d->fault);
    if (copy != NULL) {
        *copy = *d->snapshot;
    }
    return copy;
}

mdl_status mdl_warehouse_add_snapshot(mdl_warehouse *warehouse, const mdl_snapshot *snapshot,
                                      mdl_error *error)
{
    const mdl_model *table = NULL;
    MDLI_TRY(check_snapshot(warehouse, snapshot, &table, error));
    mdli_arena arena;
    mdli_arena_init(&arena, warehouse->context, "snapshot");
    declaration d = {snapshot, table, &arena, MDL_ERROR_INIT};
    mdl_snapshot *copy = copy_snapshot(&d);
    mdl_model model = {
        .struct_size = sizeof model,
        .name = snapshot->name,
        .layer = MDL_LAYER_GOLD,
        .materialization = MDL_MATERIALIZATION_SNAPSHOT,
        .description = snapshot->description,
        .refs = copy != NULL ? &copy->table : NULL,
        .n_refs = 1,
        .columns = make_columns(&d),
        .n_columns = table->n_columns + N_HISTORY_COLUMNS,
        .key = "dbt_scd_id",
        .tests = make_tests(&d),
        .n_tests = N_TESTS,
    };
    mdl_status status = d.fault.status;
    if (status == MDL_OK) {
        status = mdli_check_columns(&model, &d.fault);
    }
    if (status != MDL_OK) {
        mdli_arena_reset(&arena);
        return mdli_error_copy(error, &d.fault);
    }
    return mdli_add_declaration(warehouse, &model, copy, &arena, error);
}

const mdl_snapshot *mdl_warehouse_find_snapshot(const mdl_warehouse *warehouse, const char *name)
{
    int32_t node = mdli_find_node(warehouse, name);
    return node >= 0 ? warehouse->nodes[node]->snapshot : NULL;
}

/* Taking. */

static mdl_status diff_snapshot(mdl_context *context, const mdl_snapshot *declared,
                                mdl_hard_deletes hard_deletes, const mdl_table *history,
                                const mdl_table *current, mdl_snapshot_changes **out,
                                mdl_error *error)
{
    mdl_snapshot snapshot = *declared;
    snapshot.hard_deletes = hard_deletes;
    return mdl_snapshot_diff(context, &snapshot, history, current, out, error);
}

mdl_status mdl_warehouse_diff_snapshot(mdl_warehouse *warehouse, const char *name,
                                       const mdl_hard_deletes *hard_deletes,
                                       mdl_snapshot_changes **out, mdl_error *error)
{
    *out = NULL;
    int32_t n = name != NULL ? mdli_find_node(warehouse, name) : -1;
    if (n < 0 || warehouse->nodes[n]->snapshot == NULL) {
        return mdl_error_set(error, MDL_E_NOT_FOUND, "there is no snapshot \"%s\"",
                             name != NULL ? name : "");
    }
    mdli_node *node = warehouse->nodes[n];
    const mdl_table *history = NULL;
    const mdl_table *current = NULL;
    MDLI_TRY(mdli_node_table(warehouse, node, &history, error));
    MDLI_TRY(mdli_node_table(warehouse, warehouse->nodes[node->refs[0]], &current, error));
    if (current == NULL) {
        return mdl_error_set(error, MDL_E_STATE, "%s, which %s is taken of, was never built",
                             node->snapshot->table, name);
    }
    return diff_snapshot(warehouse->context, node->snapshot,
                         hard_deletes != NULL ? *hard_deletes : node->snapshot->hard_deletes,
                         history, current, out, error);
}

/* Tells the numbers of the changes that are not 0. */
static void count_changes(mdl_snapshot_counts counts, mdli_task *task)
{
    const mdl_run_counter counters[] = {
        {"inserted", counts.n_inserted},     {"changed", counts.n_changed},
        {"deleted", counts.n_deleted},       {"missing", counts.n_missing},
        {"reappeared", counts.n_reappeared}, {"unchanged", counts.n_unchanged},
    };
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
        if (counters[i].value != 0) {
            task->counters[task->result.n_counters++] = counters[i];
        }
    }
}

mdl_status mdli_take_snapshot(const mdli_run_state *state, mdli_task *task, mdl_table **out,
                              mdl_error *error)
{
    mdli_node *node = state->warehouse->nodes[task->node];
    const mdl_table *history;
    const mdl_table *current;
    mdl_snapshot_changes *changes = NULL;
    MDLI_TRY(mdli_node_table(state->warehouse, node, &history, error));
    MDLI_TRY(mdli_run_table(state, node->refs[0], &current, error));
    mdl_hard_deletes hard_deletes = mdli_effective_hard_deletes(&state->options, node->snapshot);
    MDLI_TRY(diff_snapshot(state->run->context, node->snapshot, hard_deletes, history, current,
                           &changes, error));
    task->changes = mdl_snapshot_changes_counts(changes);
    count_changes(task->changes, task);
    mdl_status status = mdl_snapshot_changes_apply(changes, state->run->run_time, out, error);
    mdl_snapshot_changes_free(changes);
    return status;
}
