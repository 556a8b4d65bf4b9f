/* dbt's artifacts of a run as files. */
#include "artifact_files.h"

#include <stdio.h>

#include "folders.h"
#include "medallion/artifacts.h"
#include "whole_file.h"

/* An artifact and the function that writes it. */
typedef struct artifact {
    const char *file_name;
    mdl_status (*write)(const mdl_warehouse *warehouse, const mdl_run *run,
                        const mdl_artifact_options *options, mdl_write_fn write, void *user_data,
                        mdl_error *error);
    bool needs_run;
} artifact;

static const artifact artifacts[] = {
    {"manifest.json", mdl_write_manifest, false},
    {"catalog.json", mdl_write_catalog, false},
    {"run_results.json", mdl_write_run_results, true},
};

static int write_to_output(void *output, const char *bytes, int64_t size_bytes)
{
    put_bytes(output, bytes, (size_t)size_bytes);
    return ((const text_output *)output)->error;
}

static mdl_status write_one(session *s, const artifact *of, const char *folder, mdl_error *error)
{
    mdl_artifact_options options;
    mdl_artifact_options_init(&options);
    options.command = s->command;
    char path[FILE_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, of->file_name);
    whole_file file;
    mdl_status status = whole_file_begin(&file, path, error);
    if (status == MDL_OK) {
        status = of->write(s->warehouse, s->run, &options, write_to_output, &file.output, error);
        status = whole_file_finish(&file, status, error);
    }
    return status;
}

mdl_status write_artifacts(session *s, const char *folder, mdl_error *error)
{
    mdl_status status = make_folders(folder, error);
    for (size_t i = 0; i < sizeof artifacts / sizeof artifacts[0] && status == MDL_OK; i++) {
        if (s->run != NULL || !artifacts[i].needs_run) {
            status = write_one(s, &artifacts[i], folder, error);
        }
    }
    return status;
}
