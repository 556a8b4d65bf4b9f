/*
 * Taking chosen rows of a table. The blocks that come out are the jobs.
 *
 * Rows that stand together in the table, as those that a distinct leaves, or that are few, as those
 * of a top-n, are read piece by piece: just the frames that hold them are decoded, and runs not at
 * all. For rows in any order, as those of a sort, whole columns are decoded first.
 */
#include "operators/rowset.h"

#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/tuning.h"

/* Memory of one worker. */
typedef struct take_memory {
    mdli_decode_buffer buffer;
    mdli_flat gathered;
    mdli_flat collected; /* rows of one block that comes out, from pieces */
    int32_t *numbers;    /* as many as a block has rows */
    void *run_values;    /* as many */
} take_memory;

typedef struct take_jobs {
    mdl_context *context;
    const mdl_column *column;
    const mdl_vector *values; /* of the whole column; NULL = piece by piece */
    const int64_t *rows;
    int64_t n_rows;
    int64_t block_rows;
    take_memory *memories;
    mdli_block **blocks;
} take_jobs;

/* A part of the rows, and their bounds. */
typedef struct row_piece {
    const int64_t *rows;
    int64_t n;
    int64_t least;
    int64_t greatest;
} row_piece;

/* The first of `n` rows that lie in the window of one vector, counted from row `origin`. */
static row_piece next_piece(const int64_t *rows, int64_t n, int64_t origin, int64_t end)
{
    row_piece piece = {.rows = rows, .least = rows[0], .greatest = rows[0]};
    int64_t first = rows[0] - (rows[0] - origin) % MDLI_VECTOR_ROWS;
    end = end - first < MDLI_VECTOR_ROWS ? end : first + MDLI_VECTOR_ROWS;
    while (piece.n < n && rows[piece.n] >= first && rows[piece.n] < end) {
        int64_t row = rows[piece.n++];
        piece.least = row < piece.least ? row : piece.least;
        piece.greatest = row > piece.greatest ? row : piece.greatest;
    }
    return piece;
}

/* Whether reading piece by piece decodes hardly more rows than there are. */
static bool pays_by_pieces(const int64_t *rows, int64_t n, int64_t n_table_rows)
{
    int64_t n_left = n_table_rows + n_table_rows / 4;
    for (int64_t i = 0; i < n && n_left >= 0;) {
        row_piece piece = next_piece(rows + i, n - i, 0, n_table_rows);
        n_left -= piece.greatest - piece.least + MDLI_FRAME_ROWS;
        i += piece.n;
    }
    return n_left >= 0;
}

/* Gathers rows of one block, `rows[i] − least` of `values`. */
static mdl_status gather_rows(take_memory *memory, const mdl_vector *values, const int64_t *rows,
                              int64_t n, int64_t least, mdl_vector *out, mdl_error *error)
{
    for (int64_t i = 0; i < n; i++) {
        memory->numbers[i] = (int32_t)(rows[i] - least);
    }
    return mdli_flat_gather(&memory->gathered, values, memory->numbers, n, out, error);
}

/* Takes the first of `n` rows, which lie in one window of block `b`; says how many. */
static mdl_status take_piece(take_jobs *jobs, take_memory *memory, const int64_t *rows, int64_t n,
                             int64_t b, int64_t *n_taken, mdl_error *error)
{
    const mdl_column *column = jobs->column;
    int64_t block_row = column->row_starts[b];
    row_piece piece = next_piece(rows, n, block_row, column->row_starts[b + 1]);
    int64_t first = piece.least - (piece.least - block_row) % MDLI_FRAME_ROWS;
    mdl_vector values;
    MDLI_TRY(mdli_block_decode(column->blocks[b], first - block_row, piece.greatest + 1 - first,
                               &memory->buffer, &values, error));
    MDLI_TRY(gather_rows(memory, &values, rows, piece.n, first, &values, error));
    *n_taken = piece.n;
    return mdli_flat_append(&memory->collected, &values, column->blocks[b]->dictionary, error);
}

/* The values of the first of `n` rows that ascend within a block in runs, which are taken from its
 * run `r` on; counts them in `i`. */
#define TAKE_RUNS(ctype)                                                                           \
    for (ctype *out = memory->run_values;                                                          \
         i < n && rows[i] < end && (i == 0 || rows[i - 1] <= rows[i]); i++) {                      \
        while (ends[r] <= rows[i] - block_row) {                                                   \
            r++;                                                                                   \
        }                                                                                          \
        out[i] = (ctype)run_values[r];                                                             \
    }

/* As take_piece in a block in runs. */
static mdl_status take_runs(take_jobs *jobs, take_memory *memory, const int64_t *rows, int64_t n,
                            int64_t b, const int64_t *run_values, const int32_t *ends,
                            int64_t *n_taken, mdl_error *error)
{
    const mdl_column *column = jobs->column;
    int64_t block_row = column->row_starts[b];
    int64_t end = column->row_starts[b + 1];
    int64_t i = 0;
    int32_t r = 0;
    switch (mdli_type_bytes(column->type)) {
    case 1:
        TAKE_RUNS(uint8_t)
        break;
    case 4:
        TAKE_RUNS(int32_t)
        break;
    default:
        TAKE_RUNS(int64_t)
        break;
    }
    mdl_vector values = {.type = column->type, .n_rows = i, .values = memory->run_values};
    *n_taken = i;
    return mdli_flat_append(&memory->collected, &values, NULL, error);
}

/* Takes `n` rows piece by piece. */
static mdl_status take_pieces(take_jobs *jobs, take_memory *memory, const int64_t *rows, int64_t n,
                              mdl_vector *out, mdl_error *error)
{
    const mdl_column *column = jobs->column;
    int64_t n_taken;
    int64_t b = mdli_column_find_block(column, rows[0]);
    mdli_flat_clear(&memory->collected);
    for (int64_t i = 0; i < n; i += n_taken) {
        const int64_t *run_values;
        const int32_t *ends;
        int32_t n_runs;
        if (rows[i] < column->row_starts[b] || rows[i] >= column->row_starts[b + 1]) {
            b = mdli_column_find_block(column, rows[i]);
        }
        if (mdli_block_runs(column->blocks[b], &run_values, &ends, &n_runs)) {
            MDLI_TRY(
                take_runs(jobs, memory, rows + i, n - i, b, run_values, ends, &n_taken, error));
        } else {
            MDLI_TRY(take_piece(jobs, memory, rows + i, n - i, b, &n_taken, error));
        }
    }
    *out = mdli_flat_vector(&memory->collected);
    return MDL_OK;
}

/* Takes `n` rows out of the decoded column. */
static mdl_status take_decoded(take_jobs *jobs, take_memory *memory, const int64_t *rows, int64_t n,
                               mdl_vector *out, mdl_error *error)
{
    /* Row numbers of a table may pass 32 bits; relative to the least of the block they seldom do.
     */
    int64_t least = rows[0];
    int64_t greatest = least;
    for (int64_t i = 0; i < n; i++) {
        least = rows[i] < least ? rows[i] : least;
        greatest = rows[i] > greatest ? rows[i] : greatest;
    }
    if (greatest - least > INT32_MAX) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED, "taking rows that lie %lld apart",
                             (long long)(greatest - least));
    }
    least &= ~(int64_t)63;
    mdl_vector in = *jobs->values;
    in.n_rows -= least;
    if (in.codes != NULL) {
        in.codes += least;
    } else {
        in.values = (const char *)in.values + (size_t)least * mdli_type_bytes(in.type);
    }
    if (in.validity != NULL) {
        in.validity += least >> 6;
    }
    return gather_rows(memory, &in, rows, n, least, out, error);
}

static mdl_status take_block(void *data, int64_t job, int worker, mdl_error *error)
{
    take_jobs *jobs = data;
    take_memory *memory = &jobs->memories[worker];
    int64_t first = job * jobs->block_rows;
    int64_t n = jobs->n_rows - first < jobs->block_rows ? jobs->n_rows - first : jobs->block_rows;
    mdl_vector taken;
    if (jobs->values != NULL) {
        MDLI_TRY(take_decoded(jobs, memory, jobs->rows + first, n, &taken, error));
    } else {
        MDLI_TRY(take_pieces(jobs, memory, jobs->rows + first, n, &taken, error));
    }
    return mdli_block_encode(jobs->context, &taken, jobs->column->dictionary, &jobs->blocks[job],
                             error);
}

static mdl_status create_memories(take_jobs *jobs, int n_workers, mdl_error *error)
{
    mdl_context *context = jobs->context;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_workers * sizeof(take_memory), "taking rows",
                                  &memory, error));
    jobs->memories = memory;
    for (int i = 0; i < n_workers; i++) {
        mdli_decode_buffer_init(&jobs->memories[i].buffer, context);
        mdli_flat_init(&jobs->memories[i].gathered, context, jobs->column->type);
        mdli_flat_init(&jobs->memories[i].collected, context, jobs->column->type);
    }
    for (int i = 0; i < n_workers; i++) {
        MDLI_TRY(mdli_allocate_array(context, jobs->block_rows, sizeof(int64_t) + sizeof(int32_t),
                                     "taking rows", &memory, error));
        jobs->memories[i].run_values = memory;
        jobs->memories[i].numbers = (int32_t *)(void *)((int64_t *)memory + jobs->block_rows);
    }
    return MDL_OK;
}

static void free_memories(take_jobs *jobs, int n_workers)
{
    for (int i = 0; jobs->memories != NULL && i < n_workers; i++) {
        mdli_decode_buffer_free(&jobs->memories[i].buffer);
        mdli_flat_free(&jobs->memories[i].gathered);
        mdli_flat_free(&jobs->memories[i].collected);
        mdli_free(jobs->context, jobs->memories[i].run_values);
    }
    mdli_free(jobs->context, jobs->memories);
}

/* Makes the blocks of a column, and the column of them. */
static mdl_status take_blocks(take_jobs *jobs, mdl_column **out, mdl_error *error)
{
    mdl_context *context = jobs->context;
    mdl_type type = jobs->column->type;
    int64_t n_blocks = (jobs->n_rows + jobs->block_rows - 1) / jobs->block_rows;
    int n_workers = mdli_n_workers(context, n_blocks);
    void *blocks = NULL;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(create_memories(jobs, n_workers, error));
    MDLI_TRY_GOTO_DONE(mdli_allocate_zeroed(context, (size_t)n_blocks * sizeof(mdli_block *),
                                            "taking rows", &blocks, error));
    jobs->blocks = blocks;
    status = mdli_parallel_for(context, n_blocks, take_block, jobs, error);
    if (status != MDL_OK) {
        for (int64_t b = 0; b < n_blocks; b++) {
            mdli_block_release(jobs->blocks[b]);
        }
    } else if (type == MDL_TYPE_STRING && jobs->column->dictionary == NULL) {
        status = mdli_string_column_from_blocks(context, jobs->blocks, n_blocks, out, error);
    } else {
        status = mdli_column_from_blocks(context, type, jobs->blocks, n_blocks, out, error);
    }
done:
    free_memories(jobs, n_workers);
    mdli_free(context, blocks);
    return status;
}

static mdl_status take_column(mdl_context *context, const mdl_column *column, const int64_t *rows,
                              int64_t n_rows, bool by_pieces, mdl_column **out, mdl_error *error)
{
    take_jobs jobs = {
        .context = context,
        .column = column,
        .rows = rows,
        .n_rows = n_rows,
        .block_rows = mdli_context_block_rows(context),
    };
    *out = NULL;
    if (by_pieces) {
        return take_blocks(&jobs, out, error);
    }
    mdli_flat flat;
    MDLI_TRY(mdli_flat_from_column(&flat, context, column, error));
    mdl_vector values = mdli_flat_vector(&flat);
    jobs.values = &values;
    mdl_status status = take_blocks(&jobs, out, error);
    mdli_flat_free(&flat);
    return status;
}

mdl_status mdli_column_take(mdl_context *context, const mdl_column *column, const int64_t *rows,
                            int64_t n_rows, mdl_column **out, mdl_error *error)
{
    return take_column(context, column, rows, n_rows, pays_by_pieces(rows, n_rows, column->n_rows),
                       out, error);
}

mdl_status mdli_table_take(mdl_context *context, const mdl_table *table, const int64_t *rows,
                           int64_t n_rows, mdl_table **out, mdl_error *error)
{
    bool by_pieces = pays_by_pieces(rows, n_rows, table->n_rows);
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_array(context, table->n_columns, sizeof(mdl_column *), "taking rows",
                                 &memory, error));
    mdl_column **columns = memory;
    mdl_status status = MDL_OK;
    int32_t n = 0;
    while (status == MDL_OK && n < table->n_columns) {
        status =
            take_column(context, table->columns[n], rows, n_rows, by_pieces, &columns[n], error);
        n += status == MDL_OK;
    }
    if (status == MDL_OK) {
        status = mdli_table_create(context, (const char *const *)table->names, columns, n, n_rows,
                                   out, error);
    } else {
        for (int32_t i = 0; i < n; i++) {
            mdli_column_release(columns[i]);
        }
    }
    mdli_free(context, memory);
    return status;
}
