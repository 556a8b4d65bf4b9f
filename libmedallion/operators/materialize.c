/*
 * The sink that keeps the rows of a pipeline as a table.
 *
 * A column that is a column of the source, unchanged, need not be decoded and encoded again where
 * every row of a morsel comes through: then the source's blocks are shared. So each morsel is first
 * run for the predicates and computed columns alone; only if rows were dropped is it run again for
 * all columns. A join that finds a match for every row, and a filter that drops none, copy nothing.
 */
#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "operators/pipeline.h"
#include "operators/rowset.h"

/* Blocks that a morsel gave for one column. */
typedef struct piece {
    mdli_block **blocks;
    int64_t n_blocks;
} piece;

typedef struct materializer {
    mdl_context *context;
    mdl_rel *rel;
    mdli_pipeline *pipeline;
    bool can_share;
    int32_t n_columns;
    int32_t *shared; /* per column: the source's column, or −1 = computed */
    bool *computed;  /* the complement, as flags for variant 1 */
    mdl_type
        *types; /* per column: of its blocks; a retyped column has the source's until the end */
    mdli_flat *flats; /* per worker and column */
    piece *pieces;    /* per morsel and column */
    int64_t *n_morsel_rows;
    int64_t *n_rows_seen; /* per worker, of the morsel at hand */
} materializer;

static mdli_flat *worker_flats(const materializer *m, int worker)
{
    return m->flats + (int64_t)worker * m->n_columns;
}

/* Keeps the rows of the columns that variant 1 asks for. */
static mdl_status keep_computed(void *sink, int worker, int64_t morsel, const mdli_rows *rows,
                                mdl_error *error)
{
    materializer *m = sink;
    (void)morsel;
    m->n_rows_seen[worker] += rows->n_rows;
    for (int32_t c = 0; c < m->n_columns; c++) {
        if (m->computed[c]) {
            MDLI_TRY(mdli_flat_append(&worker_flats(m, worker)[c], &rows->columns[c],
                                      rows->dictionaries[c], error));
        }
    }
    return MDL_OK;
}

static mdl_status keep_all(void *sink, int worker, int64_t morsel, const mdli_rows *rows,
                           mdl_error *error)
{
    materializer *m = sink;
    (void)morsel;
    m->n_rows_seen[worker] += rows->n_rows;
    for (int32_t c = 0; c < m->n_columns; c++) {
        mdl_vector v = rows->columns[c];
        v.type = m->types[c];
        MDLI_TRY(mdli_flat_append(&worker_flats(m, worker)[c], &v, rows->dictionaries[c], error));
    }
    return MDL_OK;
}

static mdl_status allocate_piece(materializer *m, piece *p, int64_t n_blocks, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(m->context, (size_t)n_blocks * sizeof(mdli_block *), "blocks",
                                  &memory, error));
    p->blocks = memory;
    p->n_blocks = n_blocks;
    return MDL_OK;
}

/* Encodes what a worker kept of a column. */
static mdl_status encode_flat(materializer *m, mdli_flat *flat, piece *p, mdl_error *error)
{
    int64_t block_rows = mdli_context_block_rows(m->context);
    mdl_vector all = mdli_flat_vector(flat);
    MDLI_TRY(allocate_piece(m, p, (flat->n_rows + block_rows - 1) / block_rows, error));
    uint64_t validity[MDLI_BLOCK_ROWS_MAX / 64];
    for (int64_t b = 0; b < p->n_blocks; b++) {
        int64_t first = b * block_rows;
        mdl_vector v = all;
        v.n_rows = all.n_rows - first < block_rows ? all.n_rows - first : block_rows;
        if (all.codes != NULL) {
            v.codes = all.codes + first;
        } else {
            v.values = (const char *)all.values + (size_t)first * mdli_type_bytes(all.type);
        }
        if (all.validity != NULL) {
            memset(validity, 0, sizeof validity);
            for (int64_t i = 0; i < v.n_rows; i++) {
                validity[i >> 6] |= (uint64_t)!mdl_vector_is_null(&all, first + i) << (i & 63);
            }
            v.validity = validity;
        }
        if (flat->has_loose_codes) {
            MDLI_TRY(mdli_block_encode_loose_codes(m->context, &v, &p->blocks[b], error));
        } else {
            mdli_dictionary *dictionary = flat->has_codes ? flat->dictionary : NULL;
            MDLI_TRY(mdli_block_encode(m->context, &v, dictionary, &p->blocks[b], error));
        }
    }
    return MDL_OK;
}

/* The blocks of a source column that make up rows [first, first + n); false when rows are cut
 * otherwise. */
static bool find_blocks(const mdl_column *column, int64_t first, int64_t n, int64_t *block,
                        int64_t *n_blocks)
{
    int64_t b = mdli_column_find_block(column, first);
    *block = b;
    *n_blocks = 0;
    if (column->row_starts[b] != first) {
        return false;
    }
    while (b < column->n_blocks && column->row_starts[b + 1] <= first + n) {
        b++;
    }
    *n_blocks = b - *block;
    return column->row_starts[b] == first + n;
}

static bool can_share_morsel(const materializer *m, int64_t morsel)
{
    int64_t first;
    int64_t n;
    mdli_pipeline_morsel_rows(m->pipeline, morsel, &first, &n);
    const mdl_table *source = mdli_pipeline_source(m->pipeline);
    for (int32_t c = 0; c < m->n_columns; c++) {
        int64_t block;
        int64_t n_blocks;
        if (m->shared[c] >= 0 &&
            !find_blocks(source->columns[m->shared[c]], first, n, &block, &n_blocks)) {
            return false;
        }
    }
    return m->can_share;
}

static mdl_status share_blocks(materializer *m, int64_t morsel, int32_t c, mdl_error *error)
{
    int64_t first;
    int64_t n;
    int64_t block;
    int64_t n_blocks;
    mdli_pipeline_morsel_rows(m->pipeline, morsel, &first, &n);
    const mdl_column *column = mdli_pipeline_source(m->pipeline)->columns[m->shared[c]];
    find_blocks(column, first, n, &block, &n_blocks);
    piece *p = &m->pieces[morsel * m->n_columns + c];
    MDLI_TRY(allocate_piece(m, p, n_blocks, error));
    for (int64_t b = 0; b < n_blocks; b++) {
        p->blocks[b] = column->blocks[block + b];
        mdli_block_retain(p->blocks[b]);
    }
    return MDL_OK;
}

/* Empties a worker's memory for a morsel of `n_rows` rows. */
static void clear_flats(materializer *m, int worker, int64_t n_rows)
{
    for (int32_t c = 0; c < m->n_columns; c++) {
        mdli_flat *flat = &worker_flats(m, worker)[c];
        mdli_flat_clear(flat);
        flat->n_rows_expected = m->can_share ? n_rows : 0;
    }
    m->n_rows_seen[worker] = 0;
}

static mdl_status run_morsel(void *data, int64_t morsel, int worker, mdl_error *error)
{
    materializer *m = data;
    int64_t first;
    int64_t n;
    mdli_pipeline_morsel_rows(m->pipeline, morsel, &first, &n);
    bool is_shared = false;
    clear_flats(m, worker, n);
    if (can_share_morsel(m, morsel)) {
        MDLI_TRY(mdli_pipeline_run_morsel(m->pipeline, 1, morsel, worker, keep_computed, m, error));
        is_shared = m->n_rows_seen[worker] == n;
        if (is_shared) {
            MDLI_TRY(mdli_pipeline_keep_proofs(m->pipeline, morsel, error));
        } else {
            clear_flats(m, worker, n);
        }
    }
    if (!is_shared) {
        MDLI_TRY(mdli_pipeline_run_morsel(m->pipeline, 0, morsel, worker, keep_all, m, error));
    }
    m->n_morsel_rows[morsel] = m->n_rows_seen[worker];
    for (int32_t c = 0; c < m->n_columns; c++) {
        if (is_shared && m->shared[c] >= 0) {
            MDLI_TRY(share_blocks(m, morsel, c, error));
        } else {
            MDLI_TRY(encode_flat(m, &worker_flats(m, worker)[c],
                                 &m->pieces[morsel * m->n_columns + c], error));
        }
    }
    return MDL_OK;
}

/* The whole column of the source, if all morsels together share exactly that. */
static const mdl_column *whole_source_column(const materializer *m, int32_t c)
{
    if (m->shared[c] < 0) {
        return NULL;
    }
    const mdl_column *column = mdli_pipeline_source(m->pipeline)->columns[m->shared[c]];
    int64_t at = 0;
    for (int64_t i = 0; i < mdli_pipeline_n_morsels(m->pipeline); i++) {
        const piece *p = &m->pieces[i * m->n_columns + c];
        for (int64_t b = 0; b < p->n_blocks; b++, at++) {
            if (at >= column->n_blocks || p->blocks[b] != column->blocks[at]) {
                return NULL;
            }
        }
    }
    return at == column->n_blocks ? column : NULL;
}

/* Puts the pieces of a column together. The blocks change hands. */
static mdl_status join_pieces(materializer *m, int32_t c, mdl_column **out, mdl_error *error)
{
    int64_t n_morsels = mdli_pipeline_n_morsels(m->pipeline);
    int64_t n_blocks = 0;
    bool has_loose_text = false;
    for (int64_t i = 0; i < n_morsels; i++) {
        const piece *p = &m->pieces[i * m->n_columns + c];
        for (int64_t b = 0; b < p->n_blocks; b++) {
            has_loose_text |=
                p->blocks[b]->dictionary == NULL || mdli_block_has_own_dictionary(p->blocks[b]);
        }
        n_blocks += p->n_blocks;
    }
    void *memory;
    MDLI_TRY(
        mdli_allocate_array(m->context, n_blocks, sizeof(mdli_block *), "blocks", &memory, error));
    mdli_block **blocks = memory;
    int64_t at = 0;
    for (int64_t i = 0; i < n_morsels; i++) {
        piece *p = &m->pieces[i * m->n_columns + c];
        for (int64_t b = 0; b < p->n_blocks; b++) {
            blocks[at++] = p->blocks[b];
        }
        p->n_blocks = 0;
    }
    mdl_status status;
    if (m->types[c] == MDL_TYPE_STRING && has_loose_text && m->shared[c] < 0) {
        status = mdli_string_column_from_blocks(m->context, blocks, n_blocks, out, error);
    } else {
        status = mdli_column_from_blocks(m->context, m->types[c], blocks, n_blocks, out, error);
    }
    mdli_free(m->context, blocks);
    return status;
}

static mdl_status make_column(materializer *m, int32_t c, mdl_column **out, mdl_error *error)
{
    const mdl_column *whole = whole_source_column(m, c);
    mdl_column *column;
    if (whole != NULL) {
        column = mdli_column_retain(whole);
    } else {
        MDLI_TRY(join_pieces(m, c, &column, error));
    }
    if (column->type != m->rel->fields[c].type) {
        mdl_column *retyped;
        mdl_status status =
            mdli_column_retype(m->context, column, m->rel->fields[c].type, &retyped, error);
        mdli_column_release(column);
        MDLI_TRY(status);
        column = retyped;
    }
    *out = column;
    return MDL_OK;
}

static mdl_status make_table(materializer *m, mdl_table **out, mdl_error *error)
{
    void *memory;
    int64_t n_rows = 0;
    for (int64_t i = 0; i < mdli_pipeline_n_morsels(m->pipeline); i++) {
        n_rows += m->n_morsel_rows[i];
    }
    MDLI_TRY(mdli_allocate_zeroed(m->context,
                                  (size_t)m->n_columns * (sizeof(mdl_column *) + sizeof(char *)),
                                  "table", &memory, error));
    mdl_column **columns = memory;
    const char **names = (const char **)(columns + m->n_columns);
    mdl_status status = MDL_OK;
    int32_t n = 0;
    while (status == MDL_OK && n < m->n_columns) {
        names[n] = m->rel->fields[n].name;
        status = make_column(m, n, &columns[n], error);
        n += status == MDL_OK;
    }
    if (status == MDL_OK) {
        status = mdli_table_create(m->context, names, columns, n, n_rows, out, error);
    } else {
        for (int32_t c = 0; c < n; c++) {
            mdli_column_release(columns[c]);
        }
    }
    mdli_free(m->context, memory);
    return status;
}

/* Finds which columns can share the source's blocks. */
static void find_shared_columns(materializer *m)
{
    const mdli_column_facts *facts = mdli_pipeline_facts(m->pipeline);
    const mdl_table *source = mdli_pipeline_source(m->pipeline);
    for (int32_t c = 0; c < m->n_columns; c++) {
        m->shared[c] = facts[c].source_column;
        m->computed[c] = m->shared[c] < 0;
        m->types[c] =
            m->shared[c] >= 0 ? source->columns[m->shared[c]]->type : m->rel->fields[c].type;
    }
    m->can_share = mdli_pipeline_is_one_to_one(m->pipeline);
}

static mdl_status prepare(materializer *m, mdl_error *error)
{
    mdl_context *context = m->context;
    int32_t n = m->n_columns;
    void *memory;
    MDLI_TRY(mdli_allocate_array(context, n, sizeof(int32_t), "table", &memory, error));
    m->shared = memory;
    MDLI_TRY(mdli_allocate_array(context, n, sizeof(mdl_type), "table", &memory, error));
    m->types = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n + 1, "table", &memory, error));
    m->computed = memory;
    memset(m->computed, true, (size_t)n);
    MDLI_TRY(mdli_pipeline_create(m->rel, m->computed, &m->pipeline, error));
    find_shared_columns(m);
    MDLI_TRY(mdli_pipeline_add_variant(m->pipeline, m->computed, error));
    int64_t n_morsels = mdli_pipeline_n_morsels(m->pipeline);
    int n_workers = mdli_pipeline_n_workers(m->pipeline);
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)(n_morsels * n) * sizeof(piece), "table",
                                  &memory, error));
    m->pieces = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_morsels * sizeof(int64_t), "table", &memory,
                                  error));
    m->n_morsel_rows = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_workers * sizeof(int64_t), "table", &memory,
                                  error));
    m->n_rows_seen = memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_workers * (size_t)n * sizeof(mdli_flat),
                                  "table", &memory, error));
    m->flats = memory;
    for (int32_t i = 0; i < n_workers * n; i++) {
        mdli_flat_init(&m->flats[i], context, m->types[i % n]);
        m->flats[i].keeps_loose_codes = true;
    }
    return MDL_OK;
}

static void release(materializer *m)
{
    int64_t n_pieces = m->pieces != NULL ? mdli_pipeline_n_morsels(m->pipeline) * m->n_columns : 0;
    for (int64_t i = 0; i < n_pieces; i++) {
        for (int64_t b = 0; b < m->pieces[i].n_blocks; b++) {
            if (m->pieces[i].blocks[b] != NULL) {
                mdli_block_release(m->pieces[i].blocks[b]);
            }
        }
        mdli_free(m->context, m->pieces[i].blocks);
    }
    int32_t n_flats = m->flats != NULL ? mdli_pipeline_n_workers(m->pipeline) * m->n_columns : 0;
    for (int32_t i = 0; i < n_flats; i++) {
        mdli_flat_free(&m->flats[i]);
    }
    mdli_free(m->context, m->flats);
    mdli_free(m->context, m->pieces);
    mdli_free(m->context, m->n_morsel_rows);
    mdli_free(m->context, m->n_rows_seen);
    mdli_free(m->context, m->shared);
    mdli_free(m->context, m->computed);
    mdli_free(m->context, m->types);
    mdli_pipeline_free(m->pipeline);
}

mdl_status mdli_materialize(mdl_rel *rel, mdl_table **out, mdl_error *error)
{
    materializer m = {
        .context = rel->query->context,
        .rel = rel,
        .n_columns = rel->n_fields,
    };
    *out = NULL;
    mdl_status status = prepare(&m, error);
    if (status == MDL_OK) {
        status = mdli_parallel_for(m.context, mdli_pipeline_n_morsels(m.pipeline), run_morsel, &m,
                                   error);
    }
    if (status == MDL_OK) {
        status = make_table(&m, out, error);
    }
    release(&m);
    return status;
}
