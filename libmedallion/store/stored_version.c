/*
 * Versions in memory.
 */
#include "store/stored_version.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "kernels/kernels.h"

void mdli_version_init(mdli_version *version, mdl_context *context)
{
    *version = (mdli_version){.message = ""};
    mdli_arena_init(&version->arena, context, "store");
}

void mdli_version_clear(mdli_version *version)
{
    mdli_arena_reset(&version->arena);
    mdli_version_init(version, version->arena.context);
}

const mdli_stored_table *mdli_version_find_table(const mdli_version *version, const char *name)
{
    for (int32_t t = 0; t < version->n_tables; t++) {
        if (strcmp(version->tables[t].name, name) == 0) {
            return &version->tables[t];
        }
    }
    return NULL;
}

static bool are_columns_same(const mdli_stored_column *a, const mdli_stored_column *b)
{
    return strcmp(a->name, b->name) == 0 && a->type == b->type && a->n_blocks == b->n_blocks &&
           memcmp(a->blocks, b->blocks, (size_t)a->n_blocks * sizeof *a->blocks) == 0;
}

bool mdli_stored_tables_are_same(const mdli_stored_table *a, const mdli_stored_table *b)
{
    bool is_same = a->n_rows == b->n_rows && a->n_columns == b->n_columns;
    for (int32_t c = 0; is_same && c < a->n_columns; c++) {
        is_same = are_columns_same(&a->columns[c], &b->columns[c]);
    }
    return is_same;
}

int64_t mdli_stored_block_bytes(const mdli_stored_block *block)
{
    return mdli_block_body_bytes(block->payload_bytes, block->n_rows, block->n_nulls);
}

void mdli_hash_stored(const mdl_context *context, const void *bytes, int64_t size_bytes,
                      uint64_t *low, uint64_t *high)
{
    mdli_hash_state state;
    mdli_hash_reset(&state);
    mdli_kernels_for(mdl_context_simd(context))->hash_update(&state, bytes, size_bytes);
    mdli_hash_digest_numbers(&state, low, high);
}

static int compare_pieces(const void *a, const void *b)
{
    const mdli_piece *x = *(const mdli_piece *const *)a;
    const mdli_piece *y = *(const mdli_piece *const *)b;
    if (x->segment != y->segment) {
        return x->segment < y->segment ? -1 : 1;
    }
    return (x->offset_bytes > y->offset_bytes) - (x->offset_bytes < y->offset_bytes);
}

mdl_status mdli_version_add_up(mdli_version *version, mdl_error *error)
{
    mdl_context *context = version->arena.context;
    const int64_t n = (int64_t)version->n_blocks + version->n_dictionaries;
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, n, sizeof(mdli_piece *), "store", &memory, error));
    const mdli_piece **pieces = memory;
    int64_t n_pieces = 0;
    for (int32_t b = 0; b < version->n_blocks; b++) {
        pieces[n_pieces] = &version->blocks[b].piece;
        n_pieces += version->blocks[b].piece.segment >= 0;
    }
    for (int32_t d = 0; d < version->n_dictionaries; d++) {
        pieces[n_pieces] = &version->dictionaries[d].piece;
        n_pieces += version->dictionaries[d].piece.segment >= 0;
    }
    qsort(pieces, (size_t)n_pieces, sizeof *pieces, compare_pieces);
    version->size_bytes = 0;
    for (int64_t i = 0; i < n_pieces; i++) {
        if (i == 0 || compare_pieces(&pieces[i - 1], &pieces[i]) != 0) {
            version->size_bytes += pieces[i]->content.stored_bytes;
        }
    }
    mdli_free(context, memory);
    version->n_rows = 0;
    for (int32_t t = 0; t < version->n_tables; t++) {
        version->n_rows += version->tables[t].n_rows;
    }
    return MDL_OK;
}

bool mdli_is_storable_name(const char *name, int64_t size_bytes)
{
    return 1 <= size_bytes && size_bytes <= MDLI_NAME_BYTES_MAX &&
           mdli_utf8_valid_prefix(name, size_bytes) == size_bytes &&
           memchr(name, '\0', (size_t)size_bytes) == NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *mdli_find_repeated_name(const char **names, int64_t n)
{
    qsort(names, (size_t)n, sizeof *names, compare_names);
    for (int64_t i = 1; i < n; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            return names[i];
        }
    }
    return NULL;
}

mdl_status mdli_error_damaged(mdl_error *error, const char *path, const char *format, ...)
{
    if (error != NULL && error->status == MDL_OK) {
        char what[384];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(what, sizeof what, format, arguments);
        va_end(arguments);
        mdli_escape_text(path, strlen(path), error->file, sizeof error->file);
        mdl_error_set(error, MDL_E_CORRUPT, "%s is damaged: %s", error->file, what);
    }
    return MDL_E_CORRUPT;
}
