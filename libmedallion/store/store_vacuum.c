/*
 * Dropping versions.
 *
 * First the manifests go, and their folder is synced; only then the segments that no manifest names
 * any more. So a kill in between leaves files that nobody needs, which the next vacuum finds, and
 * never a version without its segments.
 *
 * A version that a reader has locked (store.c) stays, and is dropped by a later vacuum.
 */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

typedef struct vacuum {
    mdl_store *store;
    mdli_store_path path;
    /* Segments of all versions that stay. */
    void *live;
    int64_t n_live;
    int64_t live_capacity;
    mdl_store_vacuum_info info;
    mdl_error *error;
} vacuum;

/*
 * Removes the manifest of a version unless a reader has it locked. The lock is held until the name
 * is gone, so that no reader comes in between.
 */
static mdl_status drop_version(vacuum *v, int64_t number, bool *is_dropped)
{
    const mdli_file_system *files = v->store->files;
    const char *path = mdli_store_path_to_manifest(&v->path, number);
    const int file = files->open(files->data, path, O_RDONLY);
    mdl_status status = MDL_OK;
    *is_dropped = false;
    if (file < 0 || files->lock(files->data, file, true) != -EWOULDBLOCK) {
        status = mdli_store_remove(files, path, &v->info, v->error);
        *is_dropped = status == MDL_OK;
        v->info.n_versions_dropped += *is_dropped;
    }
    if (file >= 0) {
        files->close(files->data, file);
    }
    return status;
}

/* Drops all but the latest, and takes what is dropped out of the store's list. */
static mdl_status drop_versions(vacuum *v, int32_t n_kept)
{
    mdl_store *store = v->store;
    const int64_t n_doomed = store->n_versions > n_kept ? store->n_versions - n_kept : 0;
    mdl_status status = MDL_OK;
    int64_t n_left = 0;
    for (int64_t i = 0; i < store->n_versions; i++) {
        bool is_dropped = false;
        if (i < n_doomed && status == MDL_OK) {
            status = drop_version(v, store->versions[i], &is_dropped);
        }
        if (!is_dropped) {
            store->versions[n_left++] = store->versions[i];
        }
    }
    store->n_versions = n_left;
    MDLI_TRY(status);
    return mdli_folder_sync(store->files, mdli_store_path_to(&v->path, MDLI_VERSIONS_NAME),
                            v->error);
}

static mdl_status add_live(vacuum *v, const mdli_version *version)
{
    MDLI_TRY(mdli_grow_array(v->store->context, &v->live, &v->live_capacity, v->n_live,
                             v->n_live + version->n_segments, sizeof(mdli_segment_id), "store",
                             v->error));
    mdli_segment_id *live = v->live;
    for (int32_t s = 0; s < version->n_segments; s++) {
        live[v->n_live++] = version->segments[s].id;
    }
    return MDL_OK;
}

/* Finds the segments of the versions that stay. */
static mdl_status collect_live(vacuum *v)
{
    const mdl_store *store = v->store;
    for (int64_t i = 0; i < store->n_versions; i++) {
        mdli_version version;
        mdli_version_init(&version, store->context);
        mdl_status status = mdli_store_read_version(store->files, store->path, store->versions[i],
                                                    &version, v->error);
        if (status == MDL_OK) {
            status = add_live(v, &version);
        }
        mdli_version_clear(&version);
        MDLI_TRY(status);
    }
    if (v->n_live > 0) {
        qsort(v->live, (size_t)v->n_live, sizeof(mdli_segment_id), mdli_compare_segment_ids);
    }
    return MDL_OK;
}

mdl_status mdl_store_vacuum(mdl_store *store, int32_t n_kept, mdl_store_vacuum_info *out,
                            mdl_error *error)
{
    vacuum v = {.store = store, .error = error};
    mdl_status status;
    if (n_kept < 1) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a vacuum has to keep at least 1 version");
    }
    MDLI_TRY(mdli_store_check_writable(store, error));
    MDLI_TRY(mdli_store_path_init(&v.path, store->context, store->path, error));
    MDLI_TRY_GOTO_DONE(drop_versions(&v, n_kept));
    MDLI_TRY_GOTO_DONE(collect_live(&v));
    MDLI_TRY_GOTO_DONE(mdli_store_remove_leftovers(store, v.live, v.n_live, &v.info, error));
    MDLI_TRY_GOTO_DONE(
        mdli_folder_sync(store->files, mdli_store_path_to(&v.path, MDLI_SEGMENTS_NAME), error));
done:
    if (out != NULL) {
        *out = v.info;
    }
    mdli_free(store->context, v.live);
    mdli_store_path_free(&v.path);
    return status;
}
