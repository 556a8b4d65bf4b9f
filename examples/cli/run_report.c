/* The --json report of a run. */
#define _POSIX_C_SOURCE 200809L

#include "run_report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "json_writer.h"

/* The report's members, and the members of its lists, stand on lines of their own. */
enum {
    BROKEN_DEPTH = 2
};

static void write_hash(json_writer *json, const unsigned char hash[16])
{
    char text[33];
    for (int i = 0; i < 16; i++) {
        snprintf(text + (size_t)i * 2, 3, "%02x", hash[i]);
    }
    json_text(json, "xxh3_128", text);
}

/* The files of this session; those of earlier ones are in the store's log. */
static void write_loads(json_writer *json, const session *s)
{
    int32_t n_loads = s->warehouse != NULL ? mdl_warehouse_n_loads(s->warehouse) : 0;
    json_open_array(json, "loads");
    for (int32_t i = s->n_loads_before; i < n_loads; i++) {
        const mdl_load_info *load = mdl_warehouse_load_info(s->warehouse, i);
        json_open_object(json, NULL);
        json_text(json, "file", load->path);
        json_text(json, "source", load->source);
        json_integer(json, "size_bytes", load->size_bytes);
        json_integer(json, "rows", load->n_rows);
        json_integer(json, "rejected", load->n_rejected);
        json_bool(json, "already_loaded", load->already_loaded);
        json_integer(json, "attempt", load->attempt);
        json_seconds(json, "seconds", load->seconds);
        write_hash(json, load->xxh3_128);
        json_close_object(json);
    }
    json_close_array(json);
}

static void write_counters(json_writer *json, const mdl_run_result *result)
{
    json_open_object(json, "counters");
    for (int32_t i = 0; i < result->n_counters; i++) {
        json_integer(json, result->counters[i].name, result->counters[i].value);
    }
    json_close_object(json);
}

static void write_model(json_writer *json, const mdl_run_result *result)
{
    json_open_object(json, NULL);
    json_text(json, "name", result->model->name);
    json_text(json, "layer", mdl_layer_name(result->model->layer));
    json_text(json, "kind", mdl_materialization_name(result->model->materialization));
    json_text(json, "status", mdl_run_state_name(result->state));
    json_integer(json, "rows", result->n_rows);
    json_seconds(json, "start_seconds", result->start_seconds);
    json_seconds(json, "seconds", result->seconds);
    json_bool(json, "incremental", result->incremental);
    json_bool(json, "reused", result->reused);
    write_counters(json, result);
    json_text(json, "message", result->message);
    json_text(json, "explain", result->explain);
    json_close_object(json);
}

static void write_test(json_writer *json, const mdl_run_result *result)
{
    bool is_error = result->test->severity == MDL_SEVERITY_ERROR;
    json_open_object(json, NULL);
    json_text(json, "name", result->name);
    json_text(json, "table", result->model->name);
    json_text(json, "kind", mdl_test_kind_name(result->test->kind));
    json_text(json, "severity", is_error ? "error" : "warn");
    json_text(json, "status", mdl_run_state_name(result->state));
    json_integer(json, "rows", result->n_rows);
    json_integer(json, "failures", result->n_failures);
    json_seconds(json, "start_seconds", result->start_seconds);
    json_seconds(json, "seconds", result->seconds);
    json_text(json, "message", result->message);
    json_close_object(json);
}

/* The models and snapshots, or the tests, of the run. */
static void write_results(json_writer *json, const mdl_run *run, bool tests)
{
    int32_t n_results = run != NULL ? mdl_run_n_results(run) : 0;
    json_open_array(json, tests ? "tests" : "models");
    for (int32_t i = 0; i < n_results; i++) {
        const mdl_run_result *result = mdl_run_get_result(run, i);
        if (result->kind == MDL_TASK_TEST && tests) {
            write_test(json, result);
        } else if (result->kind != MDL_TASK_TEST && result->kind != MDL_TASK_LOAD && !tests) {
            write_model(json, result);
        }
    }
    json_close_array(json);
}

static void write_counts(json_writer *json, const mdl_run *run)
{
    mdl_run_counts counts = mdl_run_get_counts(run);
    json_open_object(json, "counts");
    json_integer(json, "pass", counts.n_pass);
    json_integer(json, "warn", counts.n_warn);
    json_integer(json, "error", counts.n_error);
    json_integer(json, "skip", counts.n_skip);
    json_integer(json, "total", counts.n_total);
    json_close_object(json);
}

static void write_error(json_writer *json, mdl_status status, const mdl_error *error)
{
    if (status == MDL_OK) {
        json_null(json, "error");
        return;
    }
    json_open_object(json, "error");
    json_text(json, "status", mdl_status_name(status));
    json_text(json, "message", error->message);
    json_text(json, "file", error->file[0] != '\0' ? error->file : NULL);
    json_text(json, "column", error->column[0] != '\0' ? error->column : NULL);
    json_text(json, "text", error->text[0] != '\0' ? error->text : NULL);
    if (error->record > 0) {
        json_integer(json, "line", error->line);
        json_integer(json, "record", error->record);
    }
    if (error->offset_bytes >= 0) {
        json_integer(json, "offset_bytes", error->offset_bytes);
    }
    json_close_object(json);
}

static const char *simd_name(mdl_simd level)
{
    const cli_choice *choice = simd_choices;
    while (choice->name != NULL && choice->value != (int)level) {
        choice++;
    }
    return choice->name;
}

static void write_report(text_output *output, const session *s, mdl_status status)
{
    json_writer json = json_begin(output, BROKEN_DEPTH);
    json_open_object(&json, NULL);
    json_text(&json, "version", mdl_version());
    json_text(&json, "command", s->command);
    json_text(&json, "status", status == MDL_OK ? "success" : "error");
    json_text(&json, "started_at", s->begin_time);
    json_seconds(&json, "seconds", monotonic_seconds() - s->begin_seconds);
    if (s->context != NULL) {
        json_integer(&json, "threads", mdl_context_n_threads(s->context));
        json_text(&json, "simd", simd_name(mdl_context_simd(s->context)));
        json_integer(&json, "memory_peak_bytes", mdl_context_memory_peak(s->context));
    }
    if (s->run != NULL) {
        json_integer(&json, "run_id", mdl_run_id(s->run));
        write_counts(&json, s->run);
    }
    if (s->was_committed) {
        json_integer(&json, "store_version", mdl_store_version(s->store));
    }
    write_loads(&json, s);
    write_results(&json, s->run, false);
    write_results(&json, s->run, true);
    write_error(&json, status, &s->error);
    json_close_object(&json);
}

int write_run_report_to(const session *s, mdl_status status, int fd)
{
    text_output output;
    text_output_init(&output, fd, false);
    write_report(&output, s, status);
    flush_output(&output);
    return output.error;
}

mdl_status write_run_report(const session *s, mdl_status status, const char *path, mdl_error *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return mdl_error_set(error, MDL_E_IO, "cannot write '%s': %s", path, strerror(errno));
    }
    int failure = write_run_report_to(s, status, fd);
    int close_error = close(fd) != 0 ? errno : 0;
    failure = failure != 0 ? failure : close_error;
    if (failure != 0) {
        return mdl_error_set(error, failure == ENOSPC ? MDL_E_NO_SPACE : MDL_E_IO,
                             "cannot write '%s': %s", path, strerror(failure));
    }
    return MDL_OK;
}
