/*
 * A new store that shares files with another.
 *
 * Files are never changed once they have their names, so they can be in two stores at once: each
 * adds and removes names of its own. Manifests are copied, as a reader's lock on one would else
 * count in both stores. CURRENT comes last: before it is there the folder is no store.
 */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"

/* Bytes that are copied at once. */
#define COPY_BYTES (INT64_C(1) << 20)

typedef struct clone {
    mdl_store *store;
    mdli_store_path from;
    mdli_store_path to;
    mdli_store_path to_new;
    mdl_error *error;
} clone;

/* Copies what is left of a file from where `to` ends. */
static mdl_status copy_bytes(const clone *c, int from, int to, void *buffer)
{
    const mdli_file_system *files = c->store->files;
    int64_t n_read = COPY_BYTES;
    for (int64_t offset = 0; n_read == COPY_BYTES; offset += n_read) {
        MDLI_TRY(mdli_file_read(files, from, c->from.text, buffer, COPY_BYTES, offset, &n_read,
                                c->error));
        MDLI_TRY(mdli_file_write(files, to, c->to_new.text, buffer, n_read, offset, c->error));
    }
    return mdli_file_sync(files, to, c->to_new.text, c->error);
}

/* Makes a copy under the name that is set in `to`, or nothing. */
static mdl_status copy_file(clone *c, const char *new_name)
{
    const mdli_file_system *files = c->store->files;
    void *buffer;
    int from = -1;
    int to = -1;
    mdl_status status;
    mdli_store_path_to(&c->to_new, new_name);
    MDLI_TRY(mdli_allocate(c->store->context, (size_t)COPY_BYTES, "store", &buffer, c->error));
    MDLI_TRY_GOTO_DONE(mdli_file_open(files, c->from.text, O_RDONLY, &from, c->error));
    MDLI_TRY_GOTO_DONE(
        mdli_file_open(files, c->to_new.text, O_WRONLY | O_CREAT | O_TRUNC, &to, c->error));
    MDLI_TRY_GOTO_DONE(copy_bytes(c, from, to, buffer));
    MDLI_TRY_GOTO_DONE(mdli_file_rename(files, c->to_new.text, c->to.text, c->error));
done:
    if (from >= 0) {
        files->close(files->data, from);
    }
    if (to >= 0) {
        files->close(files->data, to);
    }
    mdli_free(c->store->context, buffer);
    return status;
}

/* Links a segment, or copies it to another file system or one that has no links. */
static mdl_status link_segment(clone *c, const mdli_segment_id *id)
{
    const mdli_file_system *files = c->store->files;
    mdli_store_path_to_segment(&c->from, id);
    mdli_store_path_to_segment(&c->to, id);
    const int result = files->link(files->data, c->from.text, c->to.text);
    if (result == 0 || result == -EEXIST) {
        return MDL_OK;
    }
    if (result == -EXDEV || result == -EPERM || result == -EMLINK || result == -EOPNOTSUPP) {
        return copy_file(c, MDLI_SEGMENT_NEW_NAME);
    }
    return mdli_error_system(c->error, -result, "link", c->from.text);
}

/* Takes a version over: its segments, then its manifest. */
static mdl_status clone_version(clone *c, const mdli_version *version)
{
    for (int32_t s = 0; s < version->n_segments; s++) {
        MDLI_TRY(link_segment(c, &version->segments[s].id));
    }
    mdli_store_path_to_manifest(&c->from, version->number);
    mdli_store_path_to_manifest(&c->to, version->number);
    return copy_file(c, MDLI_MANIFEST_NEW_NAME);
}

/*
 * Takes over an older version. Where `store` only reads, a vacuum by the one that writes may drop it
 * meanwhile: then the clone goes without.
 */
static mdl_status clone_older(clone *c, int64_t number)
{
    mdl_error reason = MDL_ERROR_INIT;
    mdl_error *error = c->error;
    mdli_version version;
    mdli_version_init(&version, c->store->context);
    mdl_status status =
        mdli_store_read_version(c->store->files, c->store->path, number, &version, &reason);
    if (status == MDL_OK) {
        c->error = &reason;
        status = clone_version(c, &version);
        c->error = error;
    }
    mdli_version_clear(&version);
    if (status == MDL_E_FILE_NOT_FOUND && c->store->is_read_only) {
        return MDL_OK;
    }
    return mdli_error_copy(error, &reason);
}

static mdl_status clone_versions(clone *c)
{
    const mdl_store *store = c->store;
    const mdli_version *at_hand = &store->at_hand.version;
    if (at_hand->number > 0) {
        MDLI_TRY(clone_version(c, at_hand));
    }
    for (int64_t i = 0; i < store->n_versions; i++) {
        if (store->versions[i] != at_hand->number) {
            MDLI_TRY(clone_older(c, store->versions[i]));
        }
    }
    MDLI_TRY(
        mdli_folder_sync(store->files, mdli_store_path_to(&c->to, MDLI_SEGMENTS_NAME), c->error));
    return mdli_folder_sync(store->files, mdli_store_path_to(&c->to, MDLI_VERSIONS_NAME), c->error);
}

/*
 * Undoing.
 */

static int remove_name(void *data, const char *name)
{
    clone *c = data;
    mdli_store_remove(c->store->files, mdli_store_path_to(&c->to_new, name), NULL, NULL);
    return 0;
}

/* Empties and removes a folder of the new store, as far as that works. */
static void remove_folder(clone *c, const char *name)
{
    const mdli_file_system *files = c->store->files;
    const char *folder = mdli_store_path_to(&c->to, name);
    mdli_store_path_free(&c->to_new);
    if (mdli_store_path_init(&c->to_new, c->store->context, folder, NULL) == MDL_OK) {
        files->list(files->data, folder, remove_name, c);
        files->remove_folder(files->data, folder);
    }
}

/* Removes what was made of the new store; its folder too, unless that was there before. */
static void undo(clone *c, const char *to, bool was_there)
{
    static const char *const names[] = {MDLI_CURRENT_NAME, MDLI_CURRENT_NEW_NAME, MDLI_LOCK_NAME};
    const mdli_file_system *files = c->store->files;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        mdli_store_remove(files, mdli_store_path_to(&c->to, names[i]), NULL, NULL);
    }
    remove_folder(c, MDLI_SEGMENTS_NAME);
    remove_folder(c, MDLI_VERSIONS_NAME);
    if (!was_there) {
        files->remove_folder(files->data, to);
    }
}

static mdl_status check_target(const clone *c, const char *current, const char *to)
{
    const mdli_file_system *files = c->store->files;
    mdli_file_info info;
    if (files->path_info(files->data, current, &info) == 0) {
        return mdl_error_set(c->error, MDL_E_ARGUMENT, "%s is a store already", to);
    }
    return MDL_OK;
}

/* Fills the folder, under a lock that keeps others from making a store of it meanwhile. */
static mdl_status fill_store(clone *c, const char *to)
{
    mdl_store *store = c->store;
    int lock;
    MDLI_TRY(mdli_store_make_folders(store->context, store->files, to, c->error));
    MDLI_TRY(mdli_store_lock(store->context, store->files, to, 0, &lock, c->error));
    mdl_status status = clone_versions(c);
    if (status == MDL_OK) {
        bool may_be_done;
        status = mdli_store_write_current(store->context, store->files, to,
                                          store->at_hand.version.number, &may_be_done, c->error);
    }
    store->files->close(store->files->data, lock);
    return status;
}

mdl_status mdl_store_clone(mdl_store *store, const char *to, mdl_error *error)
{
    mdl_context *context = store->context;
    clone c = {.store = store,
               .from = {.context = context},
               .to = {.context = context},
               .to_new = {.context = context},
               .error = error};
    mdli_file_info info;
    mdl_status status;
    if (to == NULL || to[0] == '\0') {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a store needs a folder");
    }
    MDLI_TRY_GOTO_DONE(mdli_store_path_init(&c.from, context, store->path, error));
    MDLI_TRY_GOTO_DONE(mdli_store_path_init(&c.to, context, to, error));
    MDLI_TRY_GOTO_DONE(mdli_store_path_init(&c.to_new, context, to, error));
    MDLI_TRY_GOTO_DONE(check_target(&c, mdli_store_path_to(&c.to, MDLI_CURRENT_NAME), to));
    const bool was_there = store->files->path_info(store->files->data, to, &info) == 0;
    status = fill_store(&c, to);
    if (status != MDL_OK && status != MDL_E_ARGUMENT && status != MDL_E_STATE) {
        undo(&c, to, was_there);
    }
done:
    mdli_store_path_free(&c.from);
    mdli_store_path_free(&c.to);
    mdli_store_path_free(&c.to_new);
    return status;
}
