/*
 * Runs: models are built in the order of their refs, and their tables are published all at once, or
 * not at all.
 */
#include <stdio.h>
#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "warehouse/warehouse_internal.h"

/* A result, and the text that its message points to. */
typedef struct run_item {
    mdl_run_result result;
    int32_t node;
    char message[sizeof((mdl_error *)NULL)->message];
} run_item;

struct mdl_run {
    mdl_context *context;
    run_item *items;
    int32_t n_items;
    double seconds;
    /* Explanations of the results. */
    mdli_arena arena;
};

void mdl_build_options_init(mdl_build_options *options)
{
    *options = (mdl_build_options){.struct_size = sizeof *options};
}

int32_t mdl_run_n_results(const mdl_run *run)
{
    return run->n_items;
}

const mdl_run_result *mdl_run_get_result(const mdl_run *run, int32_t index)
{
    return index >= 0 && index < run->n_items ? &run->items[index].result : NULL;
}

double mdl_run_seconds(const mdl_run *run)
{
    return run->seconds;
}

void mdl_run_free(mdl_run *run)
{
    if (run == NULL) {
        return;
    }
    mdli_free(run->context, run->items);
    mdli_arena_reset(&run->arena);
    mdli_free(run->context, run);
}

/* A run with an item for each selected model, in build order, all of them skipped so far. */
static mdl_status create_run(const mdl_warehouse *warehouse, const bool *selected, mdl_run **out,
                             mdl_error *error)
{
    void *memory = NULL;
    MDLI_TRY(mdli_allocate_zeroed(warehouse->context, sizeof(mdl_run), "run", &memory, error));
    mdl_run *run = memory;
    run->context = warehouse->context;
    mdli_arena_init(&run->arena, warehouse->context, "run");
    mdl_status status = mdli_allocate_zeroed(
        warehouse->context, (size_t)warehouse->n_nodes * sizeof *run->items, "run", &memory, error);
    if (status != MDL_OK) {
        mdl_run_free(run);
        return status;
    }
    run->items = memory;
    for (int32_t place = 0; place < warehouse->n_nodes; place++) {
        int32_t node = warehouse->order[place];
        if (selected[node]) {
            run_item *item = &run->items[run->n_items++];
            item->node = node;
            item->result = (mdl_run_result){
                .kind = MDL_TASK_MODEL,
                .name = warehouse->nodes[node]->model.name,
                .model = &warehouse->nodes[node]->model,
                .state = MDL_RUN_SKIPPED,
                .message = item->message,
                .explain = "",
            };
        }
    }
    *out = run;
    return MDL_OK;
}

/* What a run works with. */
typedef struct run_state {
    mdl_warehouse *warehouse;
    mdl_build_options options;
    mdl_run *run;
    /* For each node: */
    bool *selected;
    const run_item **items; /* NULL = not selected, or not yet tried */
    mdl_table **tables;     /* built in this run; owned */
    /* The first failure; MDL_OK so far. */
    mdl_error failure;
    bool is_stopped;
} run_state;

/* A selected model needs each input selected too, or built before. */
static mdl_status check_inputs(const run_state *state, mdl_error *error)
{
    const mdl_warehouse *warehouse = state->warehouse;
    for (int32_t i = 0; i < warehouse->n_nodes; i++) {
        const mdli_node *node = warehouse->nodes[i];
        for (int32_t r = 0; state->selected[i] && r < node->model.n_refs; r++) {
            int32_t ref = node->refs[r];
            if (!state->selected[ref] && warehouse->nodes[ref]->table == NULL) {
                return mdl_error_set(error, MDL_E_STATE,
                                     "model %s needs %s, which is not selected and was never built",
                                     node->model.name, node->model.refs[r]);
            }
        }
    }
    return MDL_OK;
}

/* Keeps the first failure, told with the model's name; its place in a file stays as it was. */
static void keep_failure(run_state *state, const char *model, const mdl_error *error)
{
    if (state->failure.status != MDL_OK) {
        return;
    }
    mdl_error named = MDL_ERROR_INIT;
    mdl_error_set(&named, error->status, "model %s: %s", model, error->message);
    state->failure = *error;
    memcpy(state->failure.message, named.message, sizeof named.message);
}

/* An input of a node that was tried in this run without success, or NULL. */
static const run_item *find_failed_input(const run_state *state, const mdli_node *node)
{
    for (int32_t r = 0; r < node->model.n_refs; r++) {
        const run_item *input = state->items[node->refs[r]];
        if (input != NULL && input->result.state != MDL_RUN_SUCCESS) {
            return input;
        }
    }
    return NULL;
}

/* Builds one model, unless something stands in its way; the item says what became of it. */
static void run_one(run_state *state, run_item *item, int32_t index)
{
    const mdl_run_events *events = &state->options.events;
    mdl_run_result *result = &item->result;
    const mdli_node *node = state->warehouse->nodes[item->node];
    const run_item *failed_input = find_failed_input(state, node);
    if (failed_input != NULL) {
        bool is_skipped = failed_input->result.state == MDL_RUN_SKIPPED;
        snprintf(item->message, sizeof item->message, "%s, which it is built from, %s",
                 failed_input->result.model->name, is_skipped ? "was skipped" : "failed");
        return;
    }
    if (state->is_stopped) {
        snprintf(item->message, sizeof item->message, "the run was stopped");
        return;
    }

    if (events->task_started != NULL) {
        events->task_started(events->user_data, result, index, state->run->n_items);
    }
    double start = mdli_seconds_now();
    mdli_built built;
    mdl_error error = MDL_ERROR_INIT;
    mdl_status status =
        mdli_build_model(state->warehouse, node, state->tables, state->options.full_refresh,
                         &state->run->arena, &built, &error);
    result->seconds = mdli_seconds_now() - start;
    result->incremental = built.is_incremental;
    if (status == MDL_OK) {
        result->state = MDL_RUN_SUCCESS;
        result->explain = built.explain;
        result->n_rows = mdl_table_n_rows(built.table);
        state->tables[item->node] = built.table;
    } else {
        result->state = MDL_RUN_ERROR;
        memcpy(item->message, error.message, sizeof item->message);
        keep_failure(state, result->model->name, &error);
        state->is_stopped = status == MDL_E_CANCELLED || status == MDL_E_DEADLINE;
    }
}

static void run_all(run_state *state)
{
    const mdl_run_events *events = &state->options.events;
    mdl_run *run = state->run;
    for (int32_t i = 0; i < run->n_items; i++) {
        run_item *item = &run->items[i];
        run_one(state, item, i + 1);
        state->items[item->node] = item;
        if (events->task_finished != NULL) {
            events->task_finished(events->user_data, &item->result, i + 1, run->n_items);
        }
    }
}

/* Remembers the tables from which a node's new table was built. */
static void keep_previous_refs(const run_state *state, mdli_node *node)
{
    for (int32_t r = 0; r < node->model.n_refs; r++) {
        mdl_table_free(node->previous_refs[r]);
        node->previous_refs[r] = mdl_table_clone(state->warehouse->nodes[node->refs[r]]->table);
    }
}

/* Makes the tables of the run those of the warehouse. Cannot fail. */
static void publish(run_state *state)
{
    for (int32_t i = 0; i < state->run->n_items; i++) {
        int32_t n = state->run->items[i].node;
        mdli_node *node = state->warehouse->nodes[n];
        mdl_table_free(node->table);
        node->table = state->tables[n];
        state->tables[n] = NULL;
        /* Inputs stand before what is built from them: theirs are published already. */
        if (node->model.materialization == MDL_MATERIALIZATION_INCREMENTAL) {
            keep_previous_refs(state, node);
        }
    }
}

static mdl_status allocate_state(run_state *state, mdl_error *error)
{
    mdl_context *context = state->warehouse->context;
    size_t n_nodes = (size_t)state->warehouse->n_nodes;
    void *memory = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, n_nodes, "run", &memory, error));
    state->selected = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, n_nodes * sizeof *state->items, "run", &memory, error));
    state->items = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, n_nodes * sizeof *state->tables, "run", &memory, error));
    state->tables = memory;
    return MDL_OK;
}

static void free_state(run_state *state)
{
    mdl_context *context = state->warehouse->context;
    for (int32_t i = 0; state->tables != NULL && i < state->warehouse->n_nodes; i++) {
        mdl_table_free(state->tables[i]);
    }
    mdli_free(context, state->tables);
    mdli_free(context, state->items);
    mdli_free(context, state->selected);
    mdl_run_free(state->run);
}

mdl_status mdl_warehouse_build(mdl_warehouse *warehouse, const mdl_build_options *options,
                               mdl_run **run, mdl_error *error)
{
    if (run != NULL) {
        *run = NULL;
    }
    run_state state = {.warehouse = warehouse, .failure = MDL_ERROR_INIT};
    mdl_build_options_init(&state.options);
    if (options != NULL && options->struct_size != sizeof *options) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "build options were not set by mdl_build_options_init");
    }
    if (options != NULL) {
        state.options = *options;
    }

    mdl_status status;
    double start = mdli_seconds_now();
    MDLI_TRY_GOTO_DONE(allocate_state(&state, error));
    MDLI_TRY_GOTO_DONE(mdli_graph_check(warehouse, error));
    MDLI_TRY_GOTO_DONE(mdli_select_models(warehouse, state.options.select, state.options.exclude,
                                          state.selected, error));
    MDLI_TRY_GOTO_DONE(check_inputs(&state, error));
    MDLI_TRY_GOTO_DONE(create_run(warehouse, state.selected, &state.run, error));

    run_all(&state);
    status = state.failure.status;
    if (status == MDL_OK) {
        publish(&state);
    } else {
        mdli_error_copy(error, &state.failure);
    }
    state.run->seconds = mdli_seconds_now() - start;
    if (run != NULL) {
        *run = state.run;
        state.run = NULL;
    }
done:
    free_state(&state);
    return status;
}
