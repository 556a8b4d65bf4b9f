/*
 * What all of dbt's artifacts have: settings, names of nodes, metadata.
 */
#include "artifacts/dbt_artifacts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <xxhash.h>

#include "base/calendar.h"
#include "base/error.h"
#include "medallion/version.h"

/* The version of dbt that these schemas are of, for tools that ask before they read. */
#define DBT_VERSION "1.9.0"

void mdl_artifact_options_init(mdl_artifact_options *options)
{
    *options = (mdl_artifact_options){
        .struct_size = sizeof *options,
        .project = "streamflix",
        .command = "build",
        .generated_at = INT64_MIN,
    };
}

/* The end of the run, or now where there is none. */
static int64_t default_time(const mdl_run *run)
{
    if (run == NULL) {
        return (int64_t)time(NULL);
    }
    return mdl_run_started_at(run) + (int64_t)ceil(mdl_run_seconds(run));
}

static mdl_status check_options(mdli_artifact *artifact, mdl_error *error)
{
    const mdl_artifact_options *options = &artifact->options;
    if (options->project == NULL || options->command == NULL || options->n_exposures < 0) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "artifacts need a project, a command and a count of exposures");
    }
    if (options->generated_at < MDLI_TIMESTAMP_MIN || options->generated_at > MDLI_TIMESTAMP_MAX) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "the time of artifacts must be in the years 1 to 9999");
    }
    return MDL_OK;
}

/* The id of what made the artifact, the same in all artifacts of a run: a UUID of version 8, whose
 * bits are the program's own. */
static void write_invocation_id(mdli_artifact *artifact)
{
    char text[160];
    snprintf(text, sizeof text, "%.100s %lld %lld", artifact->options.project,
             artifact->run != NULL ? (long long)mdl_run_id(artifact->run) : 0,
             artifact->run != NULL ? (long long)mdl_run_started_at(artifact->run)
                                   : (long long)artifact->options.generated_at);
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(&hash, XXH3_128bits(text, strlen(text)));
    unsigned char *bytes = hash.digest;
    bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x80);
    bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80);
    char id[40];
    int n = 0;
    for (int i = 0; i < 16; i++) {
        bool is_gap = i == 4 || i == 6 || i == 8 || i == 10;
        n += snprintf(id + n, sizeof id - (size_t)n, "%s%02x", is_gap ? "-" : "", bytes[i]);
    }
    mdli_json_text(&artifact->json, "invocation_id", id);
}

static void write_metadata(mdli_artifact *artifact, const char *schema)
{
    mdli_json *json = &artifact->json;
    char address[64];
    snprintf(address, sizeof address, "https://schemas.getdbt.com/dbt/%s.json", schema);
    mdli_json_open_object(json, "metadata");
    mdli_json_text(json, "dbt_schema_version", address);
    mdli_json_text(json, "dbt_version", DBT_VERSION);
    mdli_write_time(artifact, "generated_at", artifact->options.generated_at, 0);
    write_invocation_id(artifact);
    mdli_json_open_object(json, "env");
    mdli_json_text(json, "medallion_version", mdl_version());
    mdli_json_close_object(json);
    if (strncmp(schema, "manifest", strlen("manifest")) == 0) {
        mdli_json_text(json, "project_name", artifact->options.project);
        mdli_json_text(json, "adapter_type", "medallion");
    }
    mdli_json_close_object(json);
}

mdl_status mdli_artifact_start(mdli_artifact *artifact, const mdl_warehouse *warehouse,
                               const mdl_run *run, const mdl_artifact_options *options,
                               const char *schema, mdl_write_fn write, void *user_data,
                               mdl_error *error)
{
    artifact->warehouse = warehouse;
    artifact->run = run;
    if (options != NULL && options->struct_size != sizeof *options) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "artifact options were not set by mdl_artifact_options_init");
    }
    mdl_artifact_options_init(&artifact->options);
    if (options != NULL) {
        artifact->options = *options;
    }
    if (artifact->options.generated_at == INT64_MIN) {
        artifact->options.generated_at = default_time(run);
    }
    MDLI_TRY(check_options(artifact, error));
    mdli_json_to_function(&artifact->json, write, user_data);
    mdli_json_open_object(&artifact->json, NULL);
    write_metadata(artifact, schema);
    return MDL_OK;
}

mdl_status mdli_artifact_finish(mdli_artifact *artifact, mdl_error *error)
{
    mdli_json_close_object(&artifact->json);
    return mdli_json_finish(&artifact->json, error);
}

void mdli_node_id(const mdli_artifact *artifact, const mdl_model *model, char *out, size_t size)
{
    switch (model->materialization) {
    case MDL_MATERIALIZATION_SOURCE:
        snprintf(out, size, "source.%s." MDLI_SOURCE_GROUP ".%s", artifact->options.project,
                 model->name);
        return;
    case MDL_MATERIALIZATION_SNAPSHOT:
        snprintf(out, size, "snapshot.%s.%s", artifact->options.project, model->name);
        return;
    case MDL_MATERIALIZATION_VIEW:
    case MDL_MATERIALIZATION_TABLE:
    case MDL_MATERIALIZATION_INCREMENTAL:
        break;
    }
    snprintf(out, size, "model.%s.%s", artifact->options.project, model->name);
}

void mdli_test_id(const mdli_artifact *artifact, const mdl_model *model, const mdl_test *test,
                  char *out, size_t size)
{
    char name[MDLI_NODE_NAME_SIZE / 2];
    mdl_test_name(test, model->name, name, sizeof name);
    /* dbt ends the names of tests with ten digits of a hash over what they test. */
    const unsigned long long hash = XXH3_64bits(name, strlen(name)) >> 24;
    snprintf(out, size, "test.%s.%s.%010llx", artifact->options.project, name, hash);
}

void mdli_exposure_id(const mdli_artifact *artifact, const mdl_exposure *exposure, char *out,
                      size_t size)
{
    snprintf(out, size, "exposure.%s.%s", artifact->options.project, exposure->name);
}

void mdli_write_relation_name(mdli_artifact *artifact, const mdl_model *model)
{
    char name[MDLI_NODE_NAME_SIZE];
    snprintf(name, sizeof name, "\"%s\".\"%s\".\"%s\"", artifact->options.project,
             mdl_layer_name(model->layer), model->name);
    mdli_json_text(&artifact->json, "relation_name", name);
}

void mdli_write_time(mdli_artifact *artifact, const char *key, int64_t seconds, double fraction)
{
    const double whole = floor(fraction);
    const int microseconds = (int)((fraction - whole) * 1e6);
    const mdli_civil civil = mdli_civil_from_timestamp(seconds + (int64_t)whole);
    char text[64];
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", civil.year, civil.month,
             civil.day, civil.hour, civil.minute, civil.second, microseconds);
    mdli_json_text(&artifact->json, key, text);
}

/* Finds the next word of a text such as "movie_id, genre" behind `*at` and moves it on; false at the
 * end. */
static bool next_word(const char **at, const char **word, int *size_bytes)
{
    static const char separators[] = ", \t";
    *word = *at + strspn(*at, separators);
    *size_bytes = (int)strcspn(*word, separators);
    *at = *word + *size_bytes;
    return *size_bytes > 0;
}

void mdli_write_words(mdli_artifact *artifact, const char *key, const char *text)
{
    const char *word;
    int size_bytes;
    mdli_json_open_array(&artifact->json, key);
    while (text != NULL && next_word(&text, &word, &size_bytes)) {
        mdli_json_bytes(&artifact->json, NULL, word, size_bytes);
    }
    mdli_json_close_array(&artifact->json);
}
