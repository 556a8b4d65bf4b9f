/*
 * The audit: every loaded file is written anew from its rows and its layout, and what comes out is
 * hashed as it was when the file was read.
 */
#define XXH_STATIC_LINKING_ONLY /* for a hash state on the stack */
#include "warehouse/load_log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "csv/csv_file.h"

void mdl_audit_options_init(mdl_audit_options *options)
{
    *options = (mdl_audit_options){.struct_size = sizeof *options};
}

/* An audit under way. */
typedef struct file_audit {
    mdl_warehouse *warehouse;
    const mdl_audit_options *options;
    mdli_arena arena;
    /* Names in the folder that are taken. */
    const char **names;
    int64_t names_capacity;
    int64_t n_names;
} file_audit;

/* Where the bytes of a file go. */
typedef struct audit_sink {
    XXH3_state_t hash;
    int64_t size_bytes;
    mdli_csv_file *file; /* NULL = nowhere else */
    int failure;         /* the errno of the file's */
} audit_sink;

static int write_to_sink(void *user_data, const char *bytes, int64_t size_bytes)
{
    audit_sink *sink = user_data;
    XXH3_128bits_update(&sink->hash, bytes, (size_t)size_bytes);
    sink->size_bytes += size_bytes;
    if (sink->file != NULL) {
        sink->failure = mdli_csv_file_write(sink->file, bytes, size_bytes);
    }
    return sink->failure;
}

/* ---- Names of files ---- */

static bool is_taken(const file_audit *audit, const char *name)
{
    for (int64_t i = 0; i < audit->n_names; i++) {
        if (strcmp(audit->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* The path that the file loaded from `loaded_path` gets in the folder; lives as long as the audit.
 */
static mdl_status choose_path(file_audit *audit, const char *loaded_path, const char **out,
                              mdl_error *error)
{
    enum {
        SUFFIX_SIZE = 16
    };
    const char *slash = strrchr(loaded_path, '/');
    const char *base = slash != NULL ? slash + 1 : loaded_path;
    const char *folder = audit->options->out_directory;
    size_t size = strlen(folder) + 1 + strlen(base) + SUFFIX_SIZE;
    char *path = mdli_arena_allocate(&audit->arena, size, error);
    void *names = audit->names;
    if (path == NULL) {
        return error->status;
    }
    MDLI_TRY(mdli_grow_array(audit->warehouse->context, &names, &audit->names_capacity,
                             audit->n_names, audit->n_names + 1, sizeof *audit->names, "audit",
                             error));
    audit->names = names;
    snprintf(path, size, "%s/%s", folder, base);
    for (int32_t number = 2; is_taken(audit, path); number++) {
        snprintf(path, size, "%s/%s.%d", folder, base, (int)number);
    }
    audit->names[audit->n_names++] = path;
    *out = path;
    return MDL_OK;
}

/* The file that was loaded may be the only one of its content there is: it is not written over. */
static mdl_status check_is_other_file(const char *path, const char *loaded_path, mdl_error *error)
{
    struct stat there;
    struct stat loaded;
    if (stat(path, &there) == 0 && stat(loaded_path, &loaded) == 0 &&
        there.st_dev == loaded.st_dev && there.st_ino == loaded.st_ino) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "cannot write %s: it is the file that was loaded", path);
    }
    return MDL_OK;
}

/* ---- Files ---- */

/* The layout of a load, a new reference; NULL when it cannot be restored. */
static mdl_status find_layout(mdl_warehouse *warehouse, const mdl_load_info *load, mdl_table **out,
                              mdl_error *error)
{
    const mdli_segment *segment = warehouse->segments;
    while (segment->load != load - warehouse->loads) {
        segment++;
        assert(segment < warehouse->segments + warehouse->n_segments);
    }
    return mdli_segment_layout(warehouse, segment, out, error);
}

/* Writes a file's bytes to the sink. */
static mdl_status restore(file_audit *audit, const mdl_load_info *load, const mdl_table *layout,
                          audit_sink *sink, mdl_error *error)
{
    mdl_warehouse *warehouse = audit->warehouse;
    mdli_node *node = warehouse->nodes[mdli_find_source(load->source)];
    const mdl_table *table;
    MDLI_TRY(mdli_node_table(warehouse, node, &table, error));
    mdl_error fault = MDL_ERROR_INIT;
    mdl_status status =
        mdl_csv_restore(warehouse->context, table, load->first_row, load->n_rows,
                        load->n_rows + load->n_rejected, layout, write_to_sink, sink, &fault);
    if (sink->failure != 0) {
        return mdli_error_system(error, sink->failure, "write", sink->file->path);
    }
    mdli_error_copy(error, &fault);
    return status;
}

/* As restore, also to a file in the folder if there is to be one. */
static mdl_status restore_file(file_audit *audit, const mdl_load_info *load,
                               const mdl_table *layout, audit_sink *sink, mdl_error *error)
{
    if (audit->options->out_directory == NULL) {
        return restore(audit, load, layout, sink, error);
    }
    mdli_csv_file file;
    const char *path = NULL;
    MDLI_TRY(choose_path(audit, load->path, &path, error));
    MDLI_TRY(check_is_other_file(path, load->path, error));
    MDLI_TRY(mdli_csv_file_create(audit->warehouse->context, path, &file, error));
    sink->file = &file;
    mdl_status status = restore(audit, load, layout, sink, error);
    return mdli_csv_file_close(&file, status, error);
}

/* Audits the file of a load. */
static mdl_status audit_load(file_audit *audit, const mdl_load_info *load, mdl_audit_result *out,
                             mdl_error *error)
{
    *out = (mdl_audit_result){.load = load};
    mdl_table *layout;
    MDLI_TRY(find_layout(audit->warehouse, load, &layout, error));
    if (layout == NULL) {
        return MDL_OK;
    }
    out->is_reproducible = true;
    audit_sink sink = {.size_bytes = 0};
    XXH3_INITSTATE(&sink.hash);
    XXH3_128bits_reset(&sink.hash);
    mdl_status status = restore_file(audit, load, layout, &sink, error);
    mdl_table_free(layout);
    MDLI_TRY(status);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&sink.hash));
    memcpy(out->xxh3_128, canonical.digest, sizeof out->xxh3_128);
    out->size_bytes = sink.size_bytes;
    out->is_equal = out->size_bytes == load->size_bytes &&
                    memcmp(out->xxh3_128, load->xxh3_128, sizeof out->xxh3_128) == 0;
    return MDL_OK;
}

static mdl_status audit_loads(file_audit *audit, int32_t *n_different, mdl_error *error)
{
    const mdl_warehouse *warehouse = audit->warehouse;
    const mdl_audit_options *options = audit->options;
    for (int64_t i = 0; i < warehouse->n_loads; i++) {
        const mdl_load_info *load = &warehouse->loads[i];
        mdl_audit_result result;
        if (load->already_loaded) {
            continue;
        }
        MDLI_TRY(audit_load(audit, load, &result, error));
        *n_different += !result.is_equal;
        if (options->file_finished != NULL) {
            options->file_finished(options->user_data, &result);
        }
    }
    return MDL_OK;
}

static mdl_status check_options(const mdl_audit_options *options, mdl_error *error)
{
    if (options->struct_size != sizeof *options) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "audit options were not set by mdl_audit_options_init");
    }
    const char *folder = options->out_directory;
    if (folder != NULL && mkdir(folder, 0777) != 0 && errno != EEXIST) {
        return mdli_error_system(error, errno, "create", folder);
    }
    return MDL_OK;
}

mdl_status mdl_warehouse_audit(mdl_warehouse *warehouse, const mdl_audit_options *options,
                               int32_t *n_different, mdl_error *error)
{
    mdl_audit_options defaults;
    mdl_audit_options_init(&defaults);
    file_audit audit = {.warehouse = warehouse, .options = options != NULL ? options : &defaults};
    *n_different = 0;
    MDLI_TRY(check_options(audit.options, error));
    mdl_error failure = MDL_ERROR_INIT;
    mdli_arena_init(&audit.arena, warehouse->context, "audit");
    mdl_status status = audit_loads(&audit, n_different, &failure);
    mdli_arena_reset(&audit.arena);
    mdli_free(warehouse->context, audit.names);
    mdli_error_copy(error, &failure);
    return status;
}
