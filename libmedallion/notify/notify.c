/*
 * Notifications: the public face.
 */
#include "medallion/notify.h"

#include "base/error.h"
#include "base/json_text.h"
#include "notify/discord_payload.h"
#include "notify/http_post.h"

/* A day: more is a mistake, and far below what overflows anywhere. */
#define SECONDS_MAX 86400.0

bool mdl_notify_wants(mdl_notify_on on, const mdl_run *run)
{
    return on == MDL_NOTIFY_ALWAYS || mdl_run_status(run) != MDL_OK ||
           (on == MDL_NOTIFY_ON_WARNING && mdl_run_get_counts(run).n_warn > 0);
}

void mdl_notify_options_init(mdl_notify_options *options)
{
    *options = (mdl_notify_options){
        .struct_size = sizeof *options,
        .subject = "medallion",
        .n_slowest = 5,
        .timeout_seconds = 10,
        .max_retries = 4,
        .retry_seconds = 1,
        .total_seconds = 60,
    };
}

bool mdl_notify_is_available(void)
{
    return mdli_http_is_available();
}

static mdl_status check_content(const mdl_notify_options *options, mdl_error *error)
{
    if (options->struct_size != sizeof *options) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "mdl_notify_options was not started by mdl_notify_options_init");
    }
    if (options->n_slowest < 0 || options->n_slowest > MDLI_SLOWEST_MAX) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "n_slowest is %d; it is 0 to %d",
                             (int)options->n_slowest, MDLI_SLOWEST_MAX);
    }
    if (options->n_problems < 0 || (options->n_problems > 0 && options->problems == NULL)) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "%d problems, but no list of them",
                             (int)options->n_problems);
    }
    return MDL_OK;
}

static mdl_status check_seconds(const char *name, double seconds, double least, mdl_error *error)
{
    if (seconds >= least && seconds <= SECONDS_MAX) {
        return MDL_OK;
    }
    return mdl_error_set(error, MDL_E_ARGUMENT, "%s is %g; it is %g to %g", name, seconds, least,
                         SECONDS_MAX);
}

static mdl_status check_posting(const mdl_notify_options *options, mdl_error *error)
{
    if (options == NULL || options->url == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a notification needs a URL");
    }
    MDLI_TRY(check_content(options, error));
    MDLI_TRY(check_seconds("timeout_seconds", options->timeout_seconds, 0.001, error));
    MDLI_TRY(check_seconds("retry_seconds", options->retry_seconds, 0, error));
    MDLI_TRY(check_seconds("total_seconds", options->total_seconds, 0.001, error));
    if (options->max_retries < 0) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "max_retries is %d; it is 0 or more",
                             (int)options->max_retries);
    }
    return MDL_OK;
}

mdl_status mdl_notify_check(const mdl_notify_options *options, mdl_error *error)
{
    MDLI_TRY(check_posting(options, error));
    return mdli_http_check(options, error);
}

mdl_status mdl_notify_webhook(mdl_context *context, const char *json, int64_t size_bytes,
                              const mdl_notify_options *options, mdl_error *error)
{
    if (json == NULL || size_bytes < 0) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "there is no JSON text to post");
    }
    MDLI_TRY(check_posting(options, error));
    return mdli_http_post(context, json, size_bytes, options, error);
}

mdl_status mdl_notify_discord(mdl_context *context, const mdl_run *run,
                              const mdl_notify_options *options, mdl_error *error)
{
    MDLI_TRY(check_posting(options, error));
    mdli_run_facts facts = mdli_run_facts_of(run);
    mdli_text_buffer payload = {.context = context};
    mdli_json json;
    mdli_json_to_buffer(&json, &payload);
    mdli_write_discord_payload(&json, &facts, options);
    mdl_status status = mdli_json_finish(&json, error);
    if (status == MDL_OK) {
        status = mdli_http_post(context, payload.bytes, payload.size_bytes, options, error);
    }
    mdli_text_buffer_reset(&payload);
    return status;
}

mdl_status mdl_discord_payload(const mdl_run *run, const mdl_notify_options *options,
                               mdl_write_fn write, void *user_data, mdl_error *error)
{
    mdl_notify_options defaults;
    mdl_notify_options_init(&defaults);
    options = options != NULL ? options : &defaults;
    if (write == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a payload needs a function that writes");
    }
    MDLI_TRY(check_content(options, error));
    mdli_run_facts facts = mdli_run_facts_of(run);
    mdli_json json;
    mdli_json_to_function(&json, write, user_data);
    mdli_write_discord_payload(&json, &facts, options);
    return mdli_json_finish(&json, error);
}
