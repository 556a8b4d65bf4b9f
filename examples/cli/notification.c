/* Telling Discord or a webhook of what a command did. */
#define _POSIX_C_SOURCE 200809L

#include "notification.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "interrupt.h"
#include "run_report.h"

#define ARRAY_LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

enum {
    PROBLEMS_MAX = 16
};

static const cli_choice notify_on_choices[] = {{"failure", MDL_NOTIFY_ON_FAILURE},
                                               {"warning", MDL_NOTIFY_ON_WARNING},
                                               {"always", MDL_NOTIFY_ALWAYS},
                                               {NULL, 0}};

static const cli_option notify_option_table[] = {
    {.name = "--notify-discord",
     .value_name = "URL",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, discord_url),
     .help = "tell a Discord webhook of the run (default: the variable "
             "MEDALLION_DISCORD_WEBHOOK_URL, which other users of the machine cannot see)"},
    {.name = "--notify-webhook",
     .value_name = "URL",
     .kind = OPTION_TEXT,
     .offset = offsetof(cli_settings, webhook_url),
     .help =
         "post the run's results to any webhook, as dbt's run_results.json; where a failure came "
         "before there was a run, what --json writes"},
    {.name = "--notify-on",
     .value_name = "failure|warning|always",
     .kind = OPTION_CHOICE,
     .offset = offsetof(cli_settings, notify_on),
     .choices = notify_on_choices,
     .help = "which runs are told: those that failed (default), those and runs with warnings, "
             "or all"},
};
const option_group notify_options = {"Notifications", notify_option_table,
                                     ARRAY_LENGTH(notify_option_table)};

static bool is_wanted(const session *s, mdl_status status, const notification_problems *problems)
{
    mdl_notify_on on = (mdl_notify_on)s->settings->notify_on;
    int weight = problems != NULL ? (int)problems->weight : PROBLEM_NONE;
    return status != MDL_OK || weight == PROBLEM_FAILURE ||
           (on != MDL_NOTIFY_ON_FAILURE && weight == PROBLEM_WARNING) ||
           (s->run != NULL && mdl_notify_wants(on, s->run)) || on == MDL_NOTIFY_ALWAYS;
}

/* The problems, and what failed outside of the run: before it, or when it was to be kept. */
static void collect_problems(const session *s, mdl_status status,
                             const notification_problems *problems, const char *lines[PROBLEMS_MAX],
                             mdl_notify_options *options)
{
    options->problems = lines;
    if (status != MDL_OK && (s->run == NULL || mdl_run_status(s->run) == MDL_OK)) {
        bool has_message = s->error.message[0] != '\0';
        lines[options->n_problems++] = has_message ? s->error.message : mdl_status_text(status);
    }
    for (int32_t i = 0; problems != NULL && i < problems->n_lines; i++) {
        if (options->n_problems < PROBLEMS_MAX) {
            lines[options->n_problems++] = problems->lines[i];
        }
    }
}

/* Reads back the report that was written to `file`, and posts it. */
static mdl_status post_file(session *s, FILE *file, const mdl_notify_options *options,
                            mdl_error *error)
{
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    char *json = size >= 0 ? malloc((size_t)size + 1) : NULL;
    if (json == NULL) {
        return mdl_error_set(error, MDL_E_NO_MEMORY, "no memory for the run's report");
    }
    rewind(file);
    size_t n_read = fread(json, 1, (size_t)size, file);
    mdl_status status = mdl_notify_webhook(s->context, json, (int64_t)n_read, options, error);
    free(json);
    return status;
}

static int write_to_file(void *file, const char *bytes, int64_t size_bytes)
{
    return fwrite(bytes, 1, (size_t)size_bytes, file) == (size_t)size_bytes ? 0 : errno;
}

/* The run's results, or where it did not come to a run, the report of --json. */
static mdl_status write_results(session *s, mdl_status status, FILE *file, mdl_error *error)
{
    mdl_artifact_options options;
    mdl_artifact_options_init(&options);
    if (s->run == NULL) {
        int failure = write_run_report_to(s, status, fileno(file));
        return failure == 0 ? MDL_OK
                            : mdl_error_set(error, MDL_E_IO, "cannot write the run's report: %s",
                                            strerror(failure));
    }
    if (s->command != watch_command.name) { /* to dbt each batch is a build */
        options.command = s->command;
    }
    return mdl_write_run_results(s->warehouse, s->run, &options, write_to_file, file, error);
}

static mdl_status post_to_webhook(session *s, mdl_status status, const mdl_notify_options *options,
                                  mdl_error *error)
{
    FILE *file = tmpfile();
    if (file == NULL) {
        return mdl_error_set(error, MDL_E_IO, "cannot make a file for the run's results: %s",
                             strerror(errno));
    }
    mdl_status result = write_results(s, status, file, error);
    if (result == MDL_OK) {
        result = post_file(s, file, options, error);
    }
    fclose(file);
    return result;
}

static const char *discord_url(const cli_settings *settings)
{
    const char *url = settings->discord_url;
    if (url == NULL) {
        url = getenv("MEDALLION_DISCORD_WEBHOOK_URL");
    }
    return url != NULL && url[0] != '\0' ? url : NULL;
}

/* Whether a URL can be posted to; if not, tells why behind `consequence` and where it comes from. */
static bool check_url(const char *consequence, const char *source, const char *url)
{
    mdl_notify_options options;
    mdl_error error = MDL_ERROR_INIT;
    mdl_notify_options_init(&options);
    options.url = url;
    const bool is_good = mdl_notify_check(&options, &error) == MDL_OK;
    if (!is_good) {
        fprintf(stderr, "medallion: %s%s: %s\n", consequence, source, error.message);
    }
    return is_good;
}

bool check_notifications(const cli_settings *settings)
{
    const char *discord = discord_url(settings);
    if (settings->discord_url == NULL && discord != NULL) {
        (void)check_url("there will be no notification: ", "MEDALLION_DISCORD_WEBHOOK_URL",
                        discord);
    }
    return (settings->discord_url == NULL ||
            check_url("", "--notify-discord", settings->discord_url)) &&
           (settings->webhook_url == NULL ||
            check_url("", "--notify-webhook", settings->webhook_url));
}

static void complain_of_notification(session *s, const char *what, const mdl_error *error)
{
    run_lines_complain(&s->lines, "the notification to %s did not go out: %s", what,
                       error->message);
}

void notify_of_run(session *s, mdl_status status, const notification_problems *problems)
{
    const char *discord = discord_url(s->settings);
    const char *webhook = s->settings->webhook_url;
    if (s->context == NULL || was_interrupted() || (discord == NULL && webhook == NULL) ||
        !is_wanted(s, status, problems)) {
        return;
    }
    session_tell_counts(s); /* before the wait */
    char subject[64], machine[128] = "";
    const char *lines[PROBLEMS_MAX];
    mdl_notify_options options;
    mdl_notify_options_init(&options);
    snprintf(subject, sizeof subject, "medallion %s", s->command);
    options.subject = subject;
    if (gethostname(machine, sizeof machine - 1) == 0) {
        options.footer = machine;
    }
    collect_problems(s, status, problems, lines, &options);
    if (webhook != NULL) {
        mdl_error error = MDL_ERROR_INIT;
        options.url = webhook;
        if (post_to_webhook(s, status, &options, &error) != MDL_OK) {
            complain_of_notification(s, "the webhook", &error);
        }
    }
    if (discord != NULL) {
        mdl_error error = MDL_ERROR_INIT;
        options.url = discord;
        if (mdl_notify_discord(s->context, s->run, &options, &error) != MDL_OK) {
            complain_of_notification(s, "Discord", &error);
        }
    }
}
