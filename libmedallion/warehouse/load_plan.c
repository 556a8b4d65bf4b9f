/*
 * From paths to files: what a folder stands for, and which source a file's name means.
 */
#include "warehouse/warehouse_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/calendar.h"
#include "base/error.h"
#include "base/memory.h"

/* The day of plain files: before all dates. */
#define NO_DAY INT64_MIN

/* Digits of DDMMYYYY. */
#define DATE_BYTES 8

/* The source of `<source>.csv`, or -1. */
static int32_t source_of_plain_name(const char *name)
{
    for (int32_t i = 0; i < MDLI_N_SOURCES; i++) {
        const char *source = mdli_sources[i].model.name;
        size_t size_bytes = strlen(source);
        if (strncmp(name, source, size_bytes) == 0 && strcmp(name + size_bytes, ".csv") == 0) {
            return i;
        }
    }
    return -1;
}

/* Reads a file name; false when it is no source's. */
static bool read_file_name(const char *name, mdli_planned_file *out)
{
    out->day = NO_DAY;
    out->source = source_of_plain_name(name);
    if (out->source >= 0) {
        return true;
    }
    int32_t day;
    if (strlen(name) <= DATE_BYTES || name[DATE_BYTES] != '_' ||
        mdli_parse_file_date(name, DATE_BYTES, &day) != MDLI_PARSE_OK) {
        return false;
    }
    out->day = day;
    out->source = source_of_plain_name(name + DATE_BYTES + 1);
    return out->source >= 0;
}

/* Adds a file to the plan; `folder` may be NULL, then `name` is the whole path. */
static mdl_status add_file(mdli_load_plan *plan, const char *folder, const char *name,
                           mdli_planned_file file, mdl_error *error)
{
    void *files = plan->files;
    MDLI_TRY(mdli_grow_array(plan->context, &files, &plan->capacity, plan->n_files,
                             plan->n_files + 1, sizeof *plan->files, "load", error));
    plan->files = files;

    size_t folder_bytes = folder != NULL ? strlen(folder) : 0;
    size_t size_bytes = folder_bytes + strlen(name) + 2;
    void *path = NULL;
    MDLI_TRY(mdli_allocate(plan->context, size_bytes, "path", &path, error));
    bool needs_slash = folder_bytes > 0 && folder[folder_bytes - 1] != '/';
    snprintf(path, size_bytes, "%s%s%s", folder != NULL ? folder : "", needs_slash ? "/" : "",
             name);
    file.path = path;
    plan->files[plan->n_files++] = file;
    return MDL_OK;
}

/* Plain files first, then by date; files of one date in the order of sources. */
static int compare_files(const void *left, const void *right)
{
    const mdli_planned_file *a = left;
    const mdli_planned_file *b = right;
    if (a->day != b->day) {
        return a->day < b->day ? -1 : 1;
    }
    return a->source - b->source;
}

static mdl_status add_entries(mdli_load_plan *plan, DIR *entries, const char *folder,
                              mdl_error *error)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(entries);
        if (entry == NULL) {
            return errno == 0 ? MDL_OK : mdli_error_system(error, errno, "list", folder);
        }
        mdli_planned_file file = {0};
        if (read_file_name(entry->d_name, &file)) {
            MDLI_TRY(add_file(plan, folder, entry->d_name, file, error));
        }
    }
}

static mdl_status add_folder(mdli_load_plan *plan, const char *folder, mdl_error *error)
{
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return mdli_error_system(error, errno, "open", folder);
    }
    int64_t n_before = plan->n_files;
    mdl_status status = add_entries(plan, entries, folder, error);
    closedir(entries);
    if (status != MDL_OK) {
        return status;
    }
    if (plan->n_files == n_before) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "folder %s holds no movies.csv, ratings.csv, tags.csv, links.csv or "
                             "daily file DDMMYYYY_….csv",
                             folder);
    }
    qsort(plan->files + n_before, (size_t)(plan->n_files - n_before), sizeof *plan->files,
          compare_files);
    return MDL_OK;
}

static mdl_status add_path(mdli_load_plan *plan, const char *path, mdl_error *error)
{
    struct stat file_stat;
    if (path == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a path is NULL");
    }
    if (stat(path, &file_stat) != 0) {
        return mdli_error_system(error, errno, "open", path);
    }
    if (S_ISDIR(file_stat.st_mode)) {
        return add_folder(plan, path, error);
    }
    const char *slash = strrchr(path, '/');
    mdli_planned_file file = {0};
    if (!read_file_name(slash != NULL ? slash + 1 : path, &file)) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "file %s is called neither movies.csv, ratings.csv, tags.csv or "
                             "links.csv nor so after a date, DDMMYYYY_",
                             path);
    }
    return add_file(plan, NULL, path, file, error);
}

mdl_status mdli_load_plan_create(mdl_context *context, const char *const *paths, int32_t n_paths,
                                 mdli_load_plan *plan, mdl_error *error)
{
    *plan = (mdli_load_plan){.context = context};
    if (paths == NULL || n_paths < 1) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "there is no path to load");
    }
    for (int32_t i = 0; i < n_paths; i++) {
        MDLI_TRY(add_path(plan, paths[i], error));
    }
    return MDL_OK;
}

void mdli_load_plan_free(mdli_load_plan *plan)
{
    for (int64_t i = 0; i < plan->n_files; i++) {
        mdli_free(plan->context, (char *)plan->files[i].path);
    }
    mdli_free(plan->context, plan->files);
}
