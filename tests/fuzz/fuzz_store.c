/*
 * Opening and reading stores that an enemy made.
 *
 * Checksums would keep a fuzzer out: nearly no change gets past them. So an input is the lists of a
 * manifest and the bytes of its segments, and gets right checksums here:
 *
 *   4 bytes   size of the lists
 *   lists     as in a manifest, not compressed
 *   the rest  the bytes behind the header of every segment
 *
 * What can be read is looked at in every way that trusts statistics and codes.
 */
#include "fuzz/store_seeds.h"

#include "support/fake_files.h"
#include "support/store_tables.h"

#include <xxhash.h>

#include "base/compression.h"
#include "store/store_internal.h"

#define STORE "/store"

/* Segments up to this size are made. */
#define SEGMENT_BYTES_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mdl_context *make_context(int64_t block_rows)
{
    mdl_context_options options;
    mdl_context *context;
    mdl_context_options_init(&options);
    options.n_threads = 1;
    options.block_rows = block_rows;
    options.memory_budget_bytes = 256 << 20;
    if (mdl_context_create(&options, &context, NULL) != MDL_OK) {
        abort();
    }
    return context;
}

static void put_file(fake_files *files, const char *path, const void *bytes, int64_t size)
{
    const mdli_file_system system = fake_file_system(files);
    if (mdli_file_write_whole(&system, path, bytes, size, NULL) != MDL_OK) {
        abort();
    }
}

/* Makes the segments of a version, all of the same bytes. False where they are too large. */
static bool put_segments(fake_files *files, mdl_context *context, mdli_version *version,
                         uint8_t *segment)
{
    mdli_store_path path;
    bool is_done = true;
    if (mdli_store_path_init(&path, context, STORE, NULL) != MDL_OK) {
        return false;
    }
    for (int32_t s = 0; is_done && s < version->n_segments; s++) {
        const int64_t bytes = version->segments[s].size_bytes;
        is_done = MDLI_SEGMENT_HEADER_BYTES <= bytes && bytes <= SEGMENT_BYTES_MAX && s < 32;
        if (is_done) {
            /* Names must differ; what they are is of no interest. */
            version->segments[s].id = (mdli_segment_id){.low = (uint64_t)s};
            mdli_segment_header_encode(&version->segments[s].id, segment);
            put_file(files, mdli_store_path_to_segment(&path, &version->segments[s].id), segment,
                     bytes);
        }
    }
    mdli_store_path_free(&path);
    return is_done;
}

static void sign_piece(const mdl_context *context, mdli_piece *piece, const uint8_t *segment)
{
    if (piece->segment >= 0) {
        const XXH128_hash_t hash =
            XXH3_128bits(segment + piece->offset_bytes, (size_t)piece->content.stored_bytes);
        piece->content.low = hash.low64;
        piece->content.high = hash.high64;
    }
    for (int64_t i = 0; piece->part_hashes != NULL && i < mdli_n_parts(piece->raw_bytes); i++) {
        ((uint64_t *)piece->part_hashes)[i] =
            mdli_part_hash(context, segment + piece->offset_bytes, piece->raw_bytes, i);
    }
}

/* Makes the files of a store of a version's lists. */
static bool put_store(fake_files *files, mdl_context *context, mdli_version *version,
                      const uint8_t *data, size_t size)
{
    const mdli_file_system system = fake_file_system(files);
    uint8_t current[MDLI_CURRENT_BYTES];
    void *manifest;
    int64_t manifest_bytes;
    uint8_t *segment = calloc(1, SEGMENT_BYTES_MAX);
    memcpy(segment + MDLI_SEGMENT_HEADER_BYTES, data,
           size < SEGMENT_BYTES_MAX - MDLI_SEGMENT_HEADER_BYTES
               ? size
               : SEGMENT_BYTES_MAX - MDLI_SEGMENT_HEADER_BYTES);
    bool is_done = mdli_store_make_folders(context, &system, STORE, NULL) == MDL_OK &&
                   put_segments(files, context, version, segment);
    if (is_done) {
        for (int32_t b = 0; b < version->n_blocks; b++) {
            sign_piece(context, &version->blocks[b].piece, segment);
        }
        for (int32_t d = 0; d < version->n_dictionaries; d++) {
            sign_piece(context, &version->dictionaries[d].piece, segment);
        }
        version->number = 1;
        is_done =
            mdli_manifest_encode(context, version, &manifest, &manifest_bytes, NULL) == MDL_OK;
    }
    if (is_done) {
        mdli_current_encode(1, current);
        put_file(files, STORE "/CURRENT", current, sizeof current);
        put_file(files, STORE "/versions/1.manifest", manifest, manifest_bytes);
        mdli_free(context, manifest);
    }
    free(segment);
    return is_done;
}

static int count_bytes(void *user_data, const char *bytes, int64_t size_bytes)
{
    *(uint64_t *)user_data += size_bytes > 0 ? (uint8_t)bytes[0] : 0;
    return 0;
}

/* Runs one operator over a table. */
static void run(mdl_context *context, const mdl_table *table, const char *column, int which)
{
    mdl_query *q = mdl_query_create(context);
    mdl_table *result = NULL;
    mdl_rel *rel = mdl_scan(q, table);
    if (which == 0) {
        rel = mdl_aggregate(rel, column, "count(*) as n");
    } else if (which == 1) {
        rel = mdl_sort(rel, column);
    } else {
        rel = mdl_join(rel, mdl_distinct(mdl_scan(q, table), column, MDL_KEEP_FIRST), MDL_JOIN_SEMI,
                       column);
    }
    if (mdl_query_collect(q, rel, &result, NULL) == MDL_OK) {
        mdl_table_free(result);
    }
    mdl_query_free(q);
}

static void look_at(mdl_context *context, mdl_store *store)
{
    mdl_status status = mdl_store_check(store, NULL);
    for (int32_t t = 0; t < mdl_store_n_tables(store) && t < 4; t++) {
        mdl_table *table;
        uint64_t sum = 0;
        status = mdl_store_read_table(store, mdl_store_table_name(store, t), NULL, 0, &table, NULL);
        if (status == MDL_OK && mdl_table_n_columns(table) > 0) {
            status = mdl_csv_write(context, table, count_bytes, &sum, NULL);
            for (int32_t c = 0; c < mdl_table_n_columns(table) && c < N_STORE_FIELDS; c++) {
                run(context, table, mdl_table_column_name(table, c), 0);
                run(context, table, mdl_table_column_name(table, c), 1);
                run(context, table, mdl_table_column_name(table, c), 2);
            }
        }
        mdl_table_free(table);
    }
    (void)status; /* most inputs fail, each in its way */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t list_bytes;
    if (size < sizeof list_bytes) {
        return 0;
    }
    memcpy(&list_bytes, data, sizeof list_bytes);
    data += sizeof list_bytes;
    size -= sizeof list_bytes;
    list_bytes = list_bytes < size ? list_bytes : (uint32_t)size;
    mdl_context *context = make_context(300);
    fake_files *files = fake_files_new();
    const mdli_file_system system = fake_file_system(files);
    mdli_version version;
    mdl_store *store;
    mdli_version_init(&version, context);
    if (mdli_manifest_body_decode(data, list_bytes, MDLI_STORE_FORMAT, STORE, &version, NULL) ==
            MDL_OK &&
        put_store(files, context, &version, data + list_bytes, size - list_bytes) &&
        mdli_store_open_with(context, &system, STORE, NULL, &store, NULL) == MDL_OK) {
        look_at(context, store);
        mdl_store_close(store);
    }
    mdli_version_clear(&version);
    if (mdl_context_memory_in_use(context) != 0) {
        abort();
    }
    fake_files_free(files);
    mdl_context_free(context);
    return 0;
}

/*
 * Seeds.
 */

static const fake_inode *find_file(const fake_files *files, const char *part)
{
    for (int i = 0; i < files->n_names; i++) {
        if (files->names[i].now == FAKE_FILE && strstr(files->names[i].path, part) != NULL) {
            return &files->inodes[files->names[i].now_inode];
        }
    }
    abort();
}

/* The lists of a manifest, decompressed, and the bytes of its one segment. */
static uint8_t *make_input(mdl_context *context, const fake_files *files, size_t *size)
{
    const fake_bytes *manifest = &find_file(files, ".manifest")->now;
    const fake_bytes *segment = &find_file(files, ".segment")->now;
    uint64_t stored_bytes;
    uint64_t raw_bytes;
    memcpy(&stored_bytes, manifest->bytes + 64, sizeof stored_bytes);
    memcpy(&raw_bytes, manifest->bytes + 72, sizeof raw_bytes);
    const int64_t segment_bytes = segment->size - MDLI_SEGMENT_HEADER_BYTES;
    const uint32_t list_bytes = (uint32_t)raw_bytes;
    *size = sizeof list_bytes + list_bytes + (size_t)segment_bytes;
    uint8_t *input = malloc(*size);
    memcpy(input, &list_bytes, sizeof list_bytes);
    /* Lists of some length are always compressed. */
    if (mdli_decompress(context, manifest->bytes + manifest->size - stored_bytes,
                        (int64_t)stored_bytes, input + sizeof list_bytes, list_bytes,
                        NULL) != MDL_OK) {
        abort();
    }
    memcpy(input + sizeof list_bytes + list_bytes, segment->bytes + MDLI_SEGMENT_HEADER_BYTES,
           (size_t)segment_bytes);
    return input;
}

/* Numbers in no order, in frames, steps and codes: blocks that are read in parts. */
static mdl_table *make_parted_table(mdl_context *context)
{
    enum {
        N_ROWS = 9000
    };
    static const mdl_field parted[] = {
        {"frames", MDL_TYPE_INT32}, {"steps", MDL_TYPE_INT32}, {"codes", MDL_TYPE_DECIMAL}};
    static int32_t values[3][N_ROWS];
    mdl_table_builder *builder;
    mdl_table *table;
    for (int64_t row = 0; row < N_ROWS; row++) {
        const uint64_t number = store_number(1, row, 0);
        values[0][row] = (int32_t)(number % 16000);
        values[1][row] = (int32_t)(row % 300 * 1000 + (int64_t)(number >> 20) % 1000);
        values[2][row] = (int32_t)(number >> 40) % 200 * 7919;
    }
    const mdl_vector vectors[] = {
        {.type = parted[0].type, .n_rows = N_ROWS, .values = values[0]},
        {.type = parted[1].type, .n_rows = N_ROWS, .values = values[1]},
        {.type = parted[2].type, .n_rows = N_ROWS, .values = values[2]},
    };
    must(mdl_table_builder_create(context, parted, 3, &builder, NULL) == MDL_OK);
    must(mdl_table_builder_append(builder, vectors, N_ROWS, NULL) == MDL_OK);
    must(mdl_table_builder_finish(builder, &table, NULL) == MDL_OK);
    mdl_table_builder_free(builder);
    return table;
}

static mdl_table *make_seed_table(mdl_context *context, int which)
{
    static const int64_t n_rows[] = {40, 300, 1000, 900};
    if (which == N_STORE_SEEDS - 1) {
        return make_parted_table(context);
    }
    mdl_table *table = make_store_table(context, 50, 0, n_rows[which]);
    if (which == N_STORE_SEEDS - 2) {
        mdl_table *sliced = make_sliced_table(context, table);
        mdl_table_free(table);
        table = sliced;
    }
    return table;
}

uint8_t *store_seed(int which, size_t *size)
{
    mdl_context *context = make_context(which == N_STORE_SEEDS - 1 ? 9000 : 300);
    fake_files *files = fake_files_new();
    const mdli_file_system system = fake_file_system(files);
    mdl_store *store;
    mdl_table *table = make_seed_table(context, which);
    const mdl_store_item item = {"t", table};
    if (mdli_store_open_with(context, &system, STORE, NULL, &store, NULL) != MDL_OK ||
        mdl_store_commit(store, &item, 1, "", 0, NULL) != MDL_OK) {
        abort();
    }
    mdl_store_close(store);
    mdl_table_free(table);
    uint8_t *input = make_input(context, files, size);
    fake_files_free(files);
    mdl_context_free(context);
    return input;
}
