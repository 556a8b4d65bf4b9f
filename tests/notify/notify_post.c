/*
 * Posts a notification and tells how that went, for test_notify.py.
 *
 * Usage: notify_post webhook|discord URL TIMEOUT RETRY TOTAL MAX_RETRIES
 *
 * webhook posts the JSON text on standard input; discord the run of a warehouse whose models fail
 * with the lines on standard input as messages. Prints the status' name and the message. SIGINT
 * cancels the context.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "medallion/notify.h"
#include "medallion/warehouse.h"

enum {
    MODELS_MAX = 200,
    INPUT_BYTES = 1 << 20
};

static mdl_context *context;
static char input[INPUT_BYTES + 1];
static size_t n_input_bytes;

static void on_signal(int signal_number)
{
    (void)signal_number;
    mdl_context_cancel(context);
}

/* The build function of a model that fails with the message of its user data. */
static mdl_status fail(mdl_build *build, mdl_table **out, mdl_error *error)
{
    *out = NULL;
    return mdl_error_set(error, MDL_E_DATA, "%s", (const char *)mdl_build_user_data(build));
}

/* Adds a model that fails for each line of the input. */
static mdl_status add_failing_models(mdl_warehouse *warehouse, mdl_error *error)
{
    static char names[MODELS_MAX][32];
    static const mdl_model_column column = {
        .name = "n", .type = MDL_TYPE_INT64, .description = "a number"};
    int n_models = 0;
    for (char *line = strtok(input, "\n"); line != NULL && n_models < MODELS_MAX;
         line = strtok(NULL, "\n")) {
        snprintf(names[n_models], sizeof names[0], "model_%d", n_models);
        mdl_model model = {
            .struct_size = sizeof model,
            .name = names[n_models],
            .layer = MDL_LAYER_GOLD,
            .materialization = MDL_MATERIALIZATION_TABLE,
            .description = "a model that fails",
            .columns = &column,
            .n_columns = 1,
            .build = fail,
            .user_data = line,
        };
        mdl_status status = mdl_warehouse_add_model(warehouse, &model, error);
        if (status != MDL_OK) {
            return status;
        }
        n_models++;
    }
    return MDL_OK;
}

static mdl_status post_run(const mdl_notify_options *options, mdl_error *error)
{
    mdl_warehouse_options warehouse_options;
    mdl_warehouse *warehouse = NULL;
    mdl_run *run = NULL;
    mdl_warehouse_options_init(&warehouse_options);
    warehouse_options.no_builtin_models = true;
    mdl_status status = mdl_warehouse_create(context, &warehouse_options, &warehouse, error);
    if (status == MDL_OK) {
        status = add_failing_models(warehouse, error);
    }
    if (status == MDL_OK && mdl_warehouse_build(warehouse, NULL, &run, NULL) != MDL_E_DATA) {
        status = mdl_error_set(error, MDL_E_INTERNAL, "the run did not fail as it should");
    }
    if (status == MDL_OK && !mdl_notify_wants(MDL_NOTIFY_ON_FAILURE, run)) {
        status = mdl_error_set(error, MDL_E_INTERNAL, "a failed run is not worth telling");
    }
    if (status == MDL_OK) {
        status = mdl_notify_discord(context, run, options, error);
    }
    mdl_run_free(run);
    mdl_warehouse_free(warehouse);
    return status;
}

int main(int argc, char **argv)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_notify_options options;
    if (argc != 7) {
        fprintf(stderr, "usage: notify_post webhook|discord URL TIMEOUT RETRY TOTAL MAX_RETRIES\n");
        return 2;
    }
    mdl_notify_options_init(&options);
    options.url = argv[2];
    options.timeout_seconds = strtod(argv[3], NULL);
    options.retry_seconds = strtod(argv[4], NULL);
    options.total_seconds = strtod(argv[5], NULL);
    options.max_retries = atoi(argv[6]);
    if (mdl_context_create(NULL, &context, &error) != MDL_OK) {
        return 2;
    }
    signal(SIGINT, on_signal);
    n_input_bytes = fread(input, 1, INPUT_BYTES, stdin);
    mdl_status status =
        strcmp(argv[1], "discord") == 0
            ? post_run(&options, &error)
            : mdl_notify_webhook(context, input, (int64_t)n_input_bytes, &options, &error);
    printf("%s\n%s\n", mdl_status_name(status), error.message);
    mdl_context_free(context);
    return status == MDL_OK ? 0 : 1;
}
