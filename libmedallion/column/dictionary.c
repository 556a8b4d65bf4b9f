/*
 * Dictionaries: distinct strings that the blocks of a column share.
 */
#include "column/block_internal.h"

#include "base/error.h"
#include "base/memory.h"
#include "column/growing_texts.h"

#include <string.h>

void mdli_dictionary_retain(mdli_dictionary *dictionary)
{
    atomic_fetch_add_explicit(&dictionary->references, 1, memory_order_relaxed);
}

void mdli_dictionary_release(mdli_dictionary *dictionary)
{
    if (dictionary != NULL &&
        atomic_fetch_sub_explicit(&dictionary->references, 1, memory_order_acq_rel) == 1) {
        if (dictionary->growing != NULL) {
            mdli_growing_dictionary_clear(dictionary);
        }
        mdli_free(dictionary->context, dictionary);
    }
}

/* One piece of memory: the struct, the entries, their bytes. */
mdl_status mdli_dictionary_allocate(mdl_context *context, int64_t n_entries, int64_t text_bytes,
                                    mdli_dictionary **out, mdl_error *error)
{
    const size_t fixed_bytes = sizeof(mdli_dictionary) + (size_t)n_entries * sizeof(mdl_string);
    void *memory;
    *out = NULL;
    MDLI_TRY(
        mdli_allocate(context, fixed_bytes + (size_t)text_bytes, "dictionary", &memory, error));
    mdli_dictionary *dictionary = memory;
    *dictionary = (mdli_dictionary){
        .context = context,
        .n_entries = n_entries,
        .entries = (mdl_string *)(dictionary + 1),
        .bytes = (char *)memory + fixed_bytes,
        .size_bytes = (int64_t)fixed_bytes + text_bytes,
    };
    atomic_init(&dictionary->references, 1);
    atomic_init(&dictionary->content.state, 0);
    *out = dictionary;
    return MDL_OK;
}

mdl_status mdli_dictionary_create(mdl_context *context, const mdl_string *entries,
                                  int64_t n_entries, mdli_dictionary **out, mdl_error *error)
{
    int64_t text_bytes = 0;
    for (int64_t i = 0; i < n_entries; i++) {
        text_bytes += entries[i].size_bytes;
    }
    MDLI_TRY(mdli_dictionary_allocate(context, n_entries, text_bytes, out, error));
    char *next = (*out)->bytes;
    for (int64_t i = 0; i < n_entries; i++) {
        (*out)->entries[i] = (mdl_string){next, entries[i].size_bytes};
        if (entries[i].size_bytes > 0) {
            memcpy(next, entries[i].data, (size_t)entries[i].size_bytes);
            next += entries[i].size_bytes;
        }
    }
    return MDL_OK;
}
