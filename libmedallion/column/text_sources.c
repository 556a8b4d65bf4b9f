/*
 * See text_sources.h. Rows are walked in the order of the column, one source as a job.
 */
#include "column/text_sources.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "column/block_internal.h"
#include "column/growing_texts.h"

/* What the jobs work on. */
typedef struct source_walk {
    mdli_text_sources *sources;
    mdli_block *const *blocks;
    int64_t n_blocks;
} source_walk;

/* The source with a dictionary, which is added if there is none. Blocks with the same one mostly
 * follow one another. */
static int32_t source_of(mdli_text_sources *sources, mdli_dictionary *dictionary)
{
    for (int32_t s = sources->n_sources - 1; s >= 0; s--) {
        if (sources->sources[s].dictionary == dictionary) {
            return s;
        }
    }
    sources->sources[sources->n_sources] =
        (mdli_text_source){.dictionary = dictionary, .is_in_order = true};
    return sources->n_sources++;
}

/* Whether it takes less to go through a dictionary than through the texts of its rows. A growing
 * one has no other use. */
static bool is_worth_a_walk(const mdli_text_source *source)
{
    return source->dictionary->growing != NULL || source->dictionary->n_entries <= source->n_rows;
}

static void find_sources(mdli_text_sources *sources, mdli_block *const *blocks, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++) {
        sources->of_blocks[b] = -1;
        if (blocks[b]->dictionary != NULL) {
            sources->of_blocks[b] = source_of(sources, blocks[b]->dictionary);
            sources->sources[sources->of_blocks[b]].n_rows += blocks[b]->n_rows;
        }
    }
    for (int64_t b = 0; b < n_blocks; b++) {
        const int32_t s = sources->of_blocks[b];
        if (s >= 0 && !is_worth_a_walk(&sources->sources[s])) {
            sources->of_blocks[b] = -1;
        }
    }
}

static int64_t entry_bytes(const mdli_dictionary *dictionary, int64_t entry)
{
    return dictionary->growing != NULL ? dictionary->growing->set.entries[entry].text.size_bytes
                                       : dictionary->entries[entry].size_bytes;
}

/* Walks along the rows of a block. `sizes` holds the size of each entry, its complement while no
 * row has had it. */
static void walk_block(mdli_text_source *source, const mdli_block *block, int32_t *sizes)
{
    int32_t codes[MDLI_VECTOR_ROWS];
    for (int64_t start = 0; start < block->n_rows; start += MDLI_VECTOR_ROWS) {
        const int64_t n_left = block->n_rows - start;
        const int64_t n = n_left < MDLI_VECTOR_ROWS ? n_left : MDLI_VECTOR_ROWS;
        mdli_decode_codes(block, start, n, codes);
        for (int64_t i = 0; i < n; i++) {
            const int64_t row = start + i;
            if (block->validity != NULL && (block->validity[row >> 6] >> (row & 63) & 1) == 0) {
                continue;
            }
            int32_t size = sizes[codes[i]];
            if (size < 0) {
                size = ~size;
                sizes[codes[i]] = size;
                source->is_in_order &= codes[i] == source->n_listed;
                source->listed[source->n_listed++] = codes[i];
                source->listed_bytes += size;
            }
            source->text_bytes += size;
            source->longest_bytes = size > source->longest_bytes ? size : source->longest_bytes;
        }
    }
}

/* Job: walks along the rows of a source's blocks. */
static mdl_status walk_source(void *data, int64_t job, int worker, mdl_error *error)
{
    const source_walk *walk = data;
    const mdli_text_sources *sources = walk->sources;
    mdli_text_source *source = &sources->sources[job];
    const int64_t n_entries = source->dictionary->n_entries;
    void *memory;
    (void)worker;
    if (!is_worth_a_walk(source)) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_allocate_array(sources->context, 2 * n_entries, sizeof(int32_t), "dictionary",
                                 &memory, error));
    source->listed = memory;
    source->codes = source->listed + n_entries;
    int32_t *sizes = source->codes; /* there are no codes yet */
    for (int64_t i = 0; i < n_entries; i++) {
        sizes[i] = ~(int32_t)entry_bytes(source->dictionary, i);
    }
    for (int64_t b = 0; b < walk->n_blocks; b++) {
        if (sources->of_blocks[b] == job) {
            mdli_listed_range *range = &sources->ranges[b];
            range->first = source->n_listed;
            walk_block(source, walk->blocks[b], sizes);
            range->n = source->n_listed - range->first;
        }
    }
    return MDL_OK;
}

mdl_status mdli_text_sources_init(mdli_text_sources *sources, mdl_context *context,
                                  mdli_block *const *blocks, int64_t n_blocks, mdl_error *error)
{
    const size_t block_bytes =
        sizeof *sources->sources + sizeof *sources->ranges + sizeof *sources->of_blocks;
    source_walk walk = {.sources = sources, .blocks = blocks, .n_blocks = n_blocks};
    void *memory;
    *sources = (mdli_text_sources){.context = context};
    MDLI_TRY(mdli_allocate_array(context, n_blocks, block_bytes, "dictionary", &memory, error));
    sources->sources = memory;
    sources->ranges = (mdli_listed_range *)(sources->sources + n_blocks);
    sources->of_blocks = (int32_t *)(sources->ranges + n_blocks);
    find_sources(sources, blocks, n_blocks);
    return mdli_parallel_for(context, sources->n_sources, walk_source, &walk, error);
}

void mdli_text_sources_free(mdli_text_sources *sources)
{
    for (int32_t s = 0; s < sources->n_sources; s++) {
        mdli_free(sources->context, sources->sources[s].listed);
    }
    mdli_free(sources->context, sources->sources);
}

mdli_headed_text mdli_text_source_entry(const mdli_text_source *source, int32_t entry)
{
    const mdli_dictionary *dictionary = source->dictionary;
    return dictionary->growing != NULL ? dictionary->growing->set.entries[entry]
                                       : mdli_headed_text_of(dictionary->entries[entry]);
}
