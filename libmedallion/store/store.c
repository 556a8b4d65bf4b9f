/*
 * Opening and closing stores, and what they tell without reading blocks.
 *
 * Readers take no lock on the store, so they hold up nobody. What they lock, shared, is the manifest
 * of the version that they read: a vacuum leaves alone versions that are locked so, and with them
 * their segments, which a reader therefore may open when it comes to need them.
 */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "store/store_compare.h"

void mdl_store_options_init(mdl_store_options *options)
{
    *options = (mdl_store_options){.struct_size = sizeof *options};
}

/*
 * Loaded versions.
 */

mdl_status mdli_loaded_version_prepare(mdli_loaded_version *loaded, mdl_error *error)
{
    mdli_version *version = &loaded->version;
    const size_t block_bytes = (size_t)version->n_blocks * sizeof(mdli_block *);
    const size_t dictionary_bytes = (size_t)version->n_dictionaries * sizeof(mdli_dictionary *);
    const size_t file_bytes = (size_t)version->n_segments * sizeof(mdli_segment_file *);
    const size_t all_bytes = block_bytes + dictionary_bytes + file_bytes;
    char *memory = mdli_arena_allocate(&version->arena, all_bytes, error);
    if (memory == NULL) {
        return version->arena.failure;
    }
    memset(memory, 0, all_bytes);
    loaded->blocks = (mdli_block **)memory;
    loaded->dictionaries = (mdli_dictionary **)(memory + block_bytes);
    loaded->files = (mdli_segment_file **)(memory + block_bytes + dictionary_bytes);
    return MDL_OK;
}

void mdli_loaded_version_clear(mdli_loaded_version *loaded)
{
    for (int32_t b = 0; loaded->blocks != NULL && b < loaded->version.n_blocks; b++) {
        mdli_block_release(loaded->blocks[b]);
    }
    for (int32_t d = 0; loaded->blocks != NULL && d < loaded->version.n_dictionaries; d++) {
        mdli_dictionary_release(loaded->dictionaries[d]);
    }
    for (int32_t s = 0; loaded->blocks != NULL && s < loaded->version.n_segments; s++) {
        mdli_segment_file_release(loaded->files[s]);
    }
    loaded->blocks = NULL;
    loaded->dictionaries = NULL;
    loaded->files = NULL;
    mdli_version_clear(&loaded->version);
}

void mdli_loaded_version_prune(mdli_loaded_version *loaded)
{
    /* A count of 1 is ours, and nobody else can raise it. Slices, which keep their parents, are listed
     * behind them. */
    for (int32_t b = loaded->version.n_blocks - 1; b >= 0; b--) {
        mdli_block *block = loaded->blocks[b];
        if (block != NULL && atomic_load_explicit(&block->references, memory_order_acquire) == 1) {
            mdli_block_release(block);
            loaded->blocks[b] = NULL;
        }
    }
    for (int32_t d = 0; d < loaded->version.n_dictionaries; d++) {
        mdli_dictionary *dictionary = loaded->dictionaries[d];
        if (dictionary != NULL &&
            atomic_load_explicit(&dictionary->references, memory_order_acquire) == 1) {
            mdli_dictionary_release(dictionary);
            loaded->dictionaries[d] = NULL;
        }
    }
}

/*
 * Opening.
 */

/* Whether the path still names the file that was opened. */
static bool is_same_file(const mdli_file_system *files, int file, const char *path)
{
    mdli_file_info opened;
    mdli_file_info named;
    return files->file_info(files->data, file, &opened) == 0 &&
           files->path_info(files->data, path, &named) == 0 && opened.inode == named.inode &&
           opened.device == named.device;
}

/*
 * Locks the manifest of a version against a vacuum. MDL_E_FILE_NOT_FOUND when it is not there, or
 * is being removed. A file system that has no locks is read without.
 */
static mdl_status hold_version(mdl_store *store, int64_t number, mdl_error *error)
{
    const mdli_file_system *files = store->files;
    mdli_store_path path;
    int file;
    MDLI_TRY(mdli_store_path_init(&path, store->context, store->path, error));
    mdli_store_path_to_manifest(&path, number);
    mdl_status status = mdli_file_open(files, path.text, O_RDONLY, &file, error);
    if (status == MDL_OK) {
        const int locked = files->lock(files->data, file, false);
        if (locked == -EWOULDBLOCK || !is_same_file(files, file, path.text)) {
            status = mdli_error_system(error, ENOENT, "open", path.text);
            files->close(files->data, file);
        } else {
            store->version_lock = file;
        }
    }
    mdli_store_path_free(&path);
    return status;
}

/* Undoes what an attempt to load a version did. */
static void unload_version(mdl_store *store)
{
    if (store->version_lock >= 0) {
        store->files->close(store->files->data, store->version_lock);
        store->version_lock = -1;
    }
    mdli_loaded_version_clear(&store->at_hand);
    mdli_free(store->context, store->versions);
    store->versions = NULL;
    store->n_versions = 0;
}

/* Reads a version, all that it has. */
static mdl_status load_version(mdl_store *store, int64_t number, mdl_error *error)
{
    mdli_loaded_version *loaded = &store->at_hand;
    unload_version(store);
    if (number > 0 && store->is_read_only) {
        MDLI_TRY(hold_version(store, number, error));
    }
    if (number > 0) {
        MDLI_TRY(
            mdli_store_read_version(store->files, store->path, number, &loaded->version, error));
    }
    MDLI_TRY(mdli_loaded_version_prepare(loaded, error));
    return mdli_store_list_versions(store->context, store->files, store->path, number,
                                    &store->versions, &store->n_versions, error);
}

/*
 * Loads the latest version. Where its manifest is gone a writer may have gone on and dropped it
 * since CURRENT was read: that is so as long as CURRENT changes.
 */
static mdl_status load_latest(mdl_store *store, mdl_error *error)
{
    int64_t tried = -1;
    for (;;) {
        int64_t number;
        MDLI_TRY(
            mdli_store_read_current(store->context, store->files, store->path, &number, error));
        mdl_error reason = MDL_ERROR_INIT;
        mdl_status status = load_version(store, number, &reason);
        if (status != MDL_E_FILE_NOT_FOUND) {
            return mdli_error_copy(error, &reason);
        }
        if (number == tried) {
            return mdli_error_damaged(error, store->path,
                                      "version %lld is the latest, but its manifest is not there",
                                      (long long)number);
        }
        tried = number;
    }
}

/* Loads an older version. */
static mdl_status load_older(mdl_store *store, int64_t number, mdl_error *error)
{
    int64_t latest;
    MDLI_TRY(mdli_store_read_current(store->context, store->files, store->path, &latest, error));
    mdl_error reason = MDL_ERROR_INIT;
    mdl_status status =
        number <= latest ? load_version(store, number, &reason) : MDL_E_FILE_NOT_FOUND;
    if (status == MDL_E_FILE_NOT_FOUND) {
        return mdl_error_set(error, MDL_E_NOT_FOUND, "%s does not keep a version %lld", store->path,
                             (long long)number);
    }
    return mdli_error_copy(error, &reason);
}

/* Whether the folder holds a store: one that has CURRENT. */
static mdl_status has_current(const mdl_store *store, bool *is_there, mdl_error *error)
{
    mdli_store_path path;
    mdli_file_info info;
    MDLI_TRY(mdli_store_path_init(&path, store->context, store->path, error));
    mdli_store_path_to(&path, MDLI_CURRENT_NAME);
    const int result = store->files->path_info(store->files->data, path.text, &info);
    mdl_status status = MDL_OK;
    *is_there = result == 0;
    if (result < 0 && result != -ENOENT && result != -ENOTDIR) {
        status = mdli_error_system(error, -result, "open", path.text);
    }
    mdli_store_path_free(&path);
    return status;
}

/*
 * Whether a folder without CURRENT is one to make a store in. A commit makes CURRENT before its first
 * manifest, so with manifests it is a store that lost it, or a clone that was not finished: to begin
 * anew at version 1 would write over them.
 */
static mdl_status check_has_no_versions(const mdl_store *store, mdl_error *error)
{
    int64_t *versions;
    int64_t n_versions;
    MDLI_TRY(mdli_store_list_versions(store->context, store->files, store->path, INT64_MAX,
                                      &versions, &n_versions, error));
    mdli_free(store->context, versions);
    return n_versions == 0
               ? MDL_OK
               : mdli_error_damaged(error, store->path,
                                    "it has versions but no %s that says which is the latest",
                                    MDLI_CURRENT_NAME);
}

static mdl_status open_to_write(mdl_store *store, const mdl_store_options *options,
                                mdl_error *error)
{
    bool is_there;
    MDLI_TRY(has_current(store, &is_there, error));
    if (!is_there) {
        MDLI_TRY(mdli_store_make_folders(store->context, store->files, store->path, error));
    }
    MDLI_TRY(mdli_store_lock(store->context, store->files, store->path, options->lock_wait_seconds,
                             &store->lock, error));
    /* Another process may have made it meanwhile. */
    MDLI_TRY(has_current(store, &is_there, error));
    if (!is_there) {
        bool may_be_done;
        MDLI_TRY(check_has_no_versions(store, error));
        MDLI_TRY(mdli_store_write_current(store->context, store->files, store->path, 0,
                                          &may_be_done, error));
    }
    return load_latest(store, error);
}

static mdl_status say_missing(const mdl_store *store, mdl_error *error)
{
    mdli_file_info info;
    const bool has_path = store->files->path_info(store->files->data, store->path, &info) == 0;
    return mdl_error_set(error, MDL_E_FILE_NOT_FOUND,
                         has_path ? "%s is not a store" : "there is no store at %s", store->path);
}

static mdl_status open_store(mdl_store *store, const mdl_store_options *options, mdl_error *error)
{
    if (options->read_only || options->must_exist) {
        bool is_there;
        MDLI_TRY(has_current(store, &is_there, error));
        if (!is_there) {
            return say_missing(store, error);
        }
    }
    if (!options->read_only) {
        return open_to_write(store, options, error);
    }
    return options->version > 0 ? load_older(store, options->version, error)
                                : load_latest(store, error);
}

static mdl_status check_options(const char *path, const mdl_store_options *options,
                                mdl_error *error)
{
    if (path == NULL || path[0] == '\0') {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a store needs a folder");
    }
    if (options->struct_size != sizeof *options) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "store options were not made with mdl_store_options_init");
    }
    if (options->version < 0 || (options->version > 0 && !options->read_only)) {
        return mdl_error_set(error, MDL_E_ARGUMENT,
                             "version %lld cannot be opened: an older version is only for reading",
                             (long long)options->version);
    }
    if (!(options->lock_wait_seconds >= 0)) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "nobody can wait %g seconds for a lock",
                             options->lock_wait_seconds);
    }
    return MDL_OK;
}

mdl_status mdli_store_open_with(mdl_context *context, const mdli_file_system *files,
                                const char *path, const mdl_store_options *options, mdl_store **out,
                                mdl_error *error)
{
    mdl_store_options defaults;
    mdl_store_options_init(&defaults);
    options = options != NULL ? options : &defaults;
    *out = NULL;
    MDLI_TRY(check_options(path, options, error));
    const uint16_t one = 1;
    if (*(const uint8_t *)&one != 1) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED,
                             "stores are little-endian, and this machine is not");
    }
    void *memory;
    MDLI_TRY(mdli_allocate(context, sizeof(mdl_store), "store", &memory, error));
    mdl_store *store = memory;
    *store = (mdl_store){.context = context,
                         .files = files,
                         .is_read_only = options->read_only,
                         .lock = -1,
                         .version_lock = -1};
    mdli_version_init(&store->at_hand.version, context);
    mdl_status status = mdli_copy_text(context, path, &store->path, error);
    if (status == MDL_OK) {
        status = open_store(store, options, error);
    }
    if (status != MDL_OK) {
        mdl_store_close(store);
        return status;
    }
    *out = store;
    return MDL_OK;
}

mdl_status mdl_store_open(mdl_context *context, const char *path, const mdl_store_options *options,
                          mdl_store **out, mdl_error *error)
{
    return mdli_store_open_with(context, mdli_file_system_real(), path, options, out, error);
}

void mdl_store_close(mdl_store *store)
{
    if (store == NULL) {
        return;
    }
    mdl_context *context = store->context;
    unload_version(store);
    if (store->lock >= 0) {
        store->files->close(store->files->data, store->lock);
    }
    mdli_free(context, store->told_message);
    mdli_free(context, store->path);
    mdli_free(context, store);
}

mdl_status mdli_store_check_writable(const mdl_store *store, mdl_error *error)
{
    if (store->is_read_only) {
        return mdl_error_set(error, MDL_E_STATE, "%s was opened for reading", store->path);
    }
    if (store->is_in_doubt) {
        return mdl_error_set(error, MDL_E_STATE,
                             "%s must be opened anew: a commit failed so late that it may be done",
                             store->path);
    }
    return MDL_OK;
}

/*
 * What a store tells.
 */

const char *mdl_store_path(const mdl_store *store)
{
    return store->path;
}

bool mdl_store_is_read_only(const mdl_store *store)
{
    return store->is_read_only;
}

int64_t mdl_store_version(const mdl_store *store)
{
    return store->at_hand.version.number;
}

int32_t mdl_store_n_versions(const mdl_store *store)
{
    return store->n_versions < INT32_MAX ? (int32_t)store->n_versions : INT32_MAX;
}

int32_t mdl_store_n_tables(const mdl_store *store)
{
    return store->at_hand.version.n_tables;
}

const char *mdl_store_table_name(const mdl_store *store, int32_t index)
{
    return store->at_hand.version.tables[index].name;
}

bool mdli_store_tables_are_same(const mdl_store *store, const char *a, const char *b)
{
    const mdli_stored_table *table = mdli_version_find_table(&store->at_hand.version, a);
    const mdli_stored_table *other = mdli_version_find_table(&store->at_hand.version, b);
    return table != NULL && other != NULL && mdli_stored_tables_are_same(table, other);
}

int64_t mdl_store_table_rows(const mdl_store *store, const char *name)
{
    const mdli_stored_table *table = mdli_version_find_table(&store->at_hand.version, name);
    return table != NULL ? table->n_rows : -1;
}

int32_t mdl_store_table_n_columns(const mdl_store *store, const char *name)
{
    const mdli_stored_table *table = mdli_version_find_table(&store->at_hand.version, name);
    return table != NULL ? table->n_columns : -1;
}

mdl_field mdl_store_table_column(const mdl_store *store, const char *name, int32_t index)
{
    const mdli_stored_table *table = mdli_version_find_table(&store->at_hand.version, name);
    if (table == NULL || index < 0 || index >= table->n_columns) {
        return (mdl_field){.name = NULL};
    }
    return (mdl_field){table->columns[index].name, table->columns[index].type};
}

mdl_status mdl_store_get_version(mdl_store *store, int32_t index, mdl_store_version_info *out,
                                 mdl_error *error)
{
    mdli_store_path path;
    void *bytes = NULL;
    int64_t size_bytes;
    mdli_manifest_head head;
    mdl_status status;
    *out = (mdl_store_version_info){.version = 0};
    if (index < 0 || index >= store->n_versions) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "there is no version at %d of %lld", (int)index,
                             (long long)store->n_versions);
    }
    out->version = store->versions[index];
    MDLI_TRY(mdli_store_path_init(&path, store->context, store->path, error));
    mdli_store_path_to_manifest(&path, store->versions[index]);
    MDLI_TRY_GOTO_DONE(mdli_file_read_whole(store->files, store->context, path.text,
                                            MDLI_MANIFEST_HEADER_BYTES + MDLI_MESSAGE_BYTES_MAX,
                                            &bytes, &size_bytes, error));
    MDLI_TRY_GOTO_DONE(mdli_manifest_head_decode(bytes, size_bytes, path.text, &head, error));
    void *message;
    MDLI_TRY_GOTO_DONE(
        mdli_allocate(store->context, (size_t)head.message_bytes + 1, "store", &message, error));
    memcpy(message, head.message, (size_t)head.message_bytes);
    ((char *)message)[head.message_bytes] = '\0';
    mdli_free(store->context, store->told_message);
    store->told_message = message;
    *out = (mdl_store_version_info){.version = head.number,
                                    .committed_at = head.committed_at,
                                    .message = message,
                                    .n_tables = head.n_tables,
                                    .n_rows = head.n_rows,
                                    .size_bytes = head.size_bytes,
                                    .new_bytes = head.new_bytes};
done:
    mdli_free(store->context, bytes);
    mdli_store_path_free(&path);
    return status;
}
