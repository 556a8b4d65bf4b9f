/*
 * Sorting rows that are in order but for the last columns of their keys, as the tags of a user on a
 * movie: each stretch of rows with the same first columns is put in order on its own. Stretches are
 * short, so rows hardly move: every block that comes out has the rows of the block that went in, but
 * for stretches that lie across its borders. Blocks are the jobs; they read, sort, gather and encode
 * their rows while these are in the cache. Two blocks sort a stretch between them twice, alike.
 *
 * Rows of a stretch are compared by a number that begins the rest of their key, for text the first
 * eight bytes. In a short stretch each row counts the rows that come before it, which takes no
 * branch. Only where such numbers are equal, whole keys are compared: texts of a dictionary then,
 * so that it need not be put in order for the few that stand side by side.
 */
#include "operators/stretch_sort.h"

#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "operators/row_sort.h"
#include "operators/rowset.h"

/* Rows up to which comparing all pairs is quicker than merging. */
enum {
    COUNTING_ROWS_MAX = 24
};

/* Rows up to which inserting one by one is quicker than merging. */
enum {
    INSERTION_ROWS_MAX = 12
};

/* What one worker needs. Arrays have an entry for each row of the part at hand. */
typedef struct stretch_worker {
    mdli_decode_buffer buffer;
    uint64_t *fields; /* of the columns that are sorted by, one column after the other */
    uint8_t *nulls;   /* likewise */
    uint64_t *leads;  /* compared first: who has less comes first */
    int32_t *order;   /* the rows of the part as they are to stand; then room for merging */
    int64_t capacity;
} stretch_worker;

/* Decoded rows of one column, and those that come out. */
typedef struct stretch_rows {
    mdli_flat read;
    mdli_flat gathered;
} stretch_rows;

typedef struct stretch_sort {
    mdl_context *context;
    const mdl_table *table;
    const uint64_t *repeats;
    const mdli_sort_column *columns; /* those that rows are not in the order of */
    int32_t n_columns;
    const mdl_column *cuts; /* blocks come out cut as those of this column */
    uint64_t *prefixes;     /* of the entries of the first column's dictionary, or NULL */
    const bool *is_shared;  /* columns of the table whose rows all look the same in a stretch */
    mdli_block **blocks;    /* [column][block] */
    stretch_worker *workers;
    stretch_rows *rows; /* [worker][column] */
    atomic_bool has_equal_keys;
} stretch_sort;

/* Rows [first, end) that one block needs: its own and those of stretches across its borders. */
typedef struct stretch_part {
    int64_t first;
    int64_t end;
    int64_t block_first;
    int64_t block_end;
} stretch_part;

/* ---- Keys ---- */

static mdl_status list_prefixes(stretch_sort *sort, mdl_error *error)
{
    const mdli_sort_column *key = &sort->columns[0];
    const mdli_dictionary *dictionary = key->column->dictionary;
    void *memory;
    if (!mdli_sort_column_has_codes_only(key)) {
        return MDL_OK;
    }
    MDLI_TRY(mdli_allocate_array(sort->context, dictionary->n_entries, sizeof(uint64_t), "sort",
                                 &memory, error));
    sort->prefixes = memory;
    for (int64_t i = 0; i < dictionary->n_entries; i++) {
        const uint64_t prefix = mdli_text_prefix(dictionary->entries[i]);
        sort->prefixes[i] = key->is_descending ? ~prefix : prefix;
    }
    return MDL_OK;
}

static mdl_status reserve_part(stretch_sort *sort, stretch_worker *worker, int64_t n,
                               mdl_error *error)
{
    const int64_t n_columns = sort->n_columns;
    const int64_t row_bytes = n_columns * 9 + (int64_t)(sizeof(uint64_t) + 2 * sizeof(int32_t));
    void *memory;
    if (n <= worker->capacity) {
        return MDL_OK;
    }
    mdli_free(sort->context, worker->fields);
    worker->fields = NULL;
    worker->capacity = 0;
    MDLI_TRY(mdli_allocate_array(sort->context, n, (size_t)row_bytes, "sort", &memory, error));
    worker->capacity = n;
    worker->fields = memory;
    worker->leads = worker->fields + n * n_columns;
    worker->order = (int32_t *)(void *)(worker->leads + n);
    worker->nulls = (uint8_t *)(worker->order + 2 * n);
    return MDL_OK;
}

/* Reads the fields of column `c` for rows [row, row + n), which are at place `at` of the part. */
static mdl_status read_fields(stretch_sort *sort, stretch_worker *worker, int32_t c, int64_t row,
                              int64_t n, int64_t at, mdl_error *error)
{
    const mdli_sort_column *key = &sort->columns[c];
    uint64_t *fields = worker->fields + c * worker->capacity + at;
    uint8_t *nulls = worker->nulls + c * worker->capacity + at;
    const uint64_t *validity;
    MDLI_TRY(mdli_sort_column_read(key, row, n, &worker->buffer, fields, &validity, error));
    for (int64_t i = 0; i < n && key->has_nulls; i++) {
        nulls[i] = validity != NULL && ((validity[i >> 6] >> (i & 63)) & 1) == 0;
    }
    for (int64_t i = 0; i < n && c == 0; i++) {
        uint64_t lead = sort->prefixes != NULL ? sort->prefixes[fields[i]] : fields[i];
        worker->leads[at + i] = key->has_nulls && nulls[i] != 0 ? UINT64_MAX : lead;
    }
    return MDL_OK;
}

/* Reads the keys of a part, in vectors that begin with the frames of its block. */
static mdl_status read_keys(stretch_sort *sort, stretch_worker *worker, const stretch_part *part,
                            mdl_error *error)
{
    for (int64_t row = part->first; row < part->end;) {
        const int64_t border = row < part->block_first ? part->block_first : part->end;
        const int64_t n = border - row < MDLI_VECTOR_ROWS ? border - row : MDLI_VECTOR_ROWS;
        for (int32_t c = 0; c < sort->n_columns; c++) {
            MDLI_TRY(read_fields(sort, worker, c, row, n, row - part->first, error));
        }
        row += n;
    }
    return MDL_OK;
}

/* Orders two rows of a part by their whole keys: < 0, 0, > 0. */
static int compare_keys(const stretch_sort *sort, const stretch_worker *worker, int64_t a,
                        int64_t b)
{
    for (int32_t c = 0; c < sort->n_columns; c++) {
        const mdli_sort_column *key = &sort->columns[c];
        const uint64_t *fields = worker->fields + c * worker->capacity;
        const uint8_t *nulls = worker->nulls + c * worker->capacity;
        if (key->has_nulls && (nulls[a] | nulls[b]) != 0) {
            if (nulls[a] != nulls[b]) {
                return (int)nulls[a] - (int)nulls[b];
            }
            continue;
        }
        const int order = mdli_sort_column_compare(key, fields[a], fields[b]);
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

/* ---- Stretches ---- */

/* Whether row `a` of a part, which stands before row `b`, comes behind it. */
static bool is_above(const stretch_sort *sort, const stretch_worker *worker, int64_t a, int64_t b)
{
    const uint64_t *leads = worker->leads;
    return leads[a] != leads[b] ? leads[a] > leads[b] : compare_keys(sort, worker, a, b) > 0;
}

static void insert_rows(const stretch_sort *sort, const stretch_worker *worker, int32_t *order,
                        int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        const int32_t moved = order[i];
        int64_t at = i;
        while (at > 0 && is_above(sort, worker, order[at - 1], moved)) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = moved;
    }
}

/* Sorts rows of a part by halves; `spare` has room for as many. Equal rows stay as they are. */
static void merge_rows(const stretch_sort *sort, const stretch_worker *worker, int32_t *order,
                       int64_t n, int32_t *spare)
{
    if (n <= INSERTION_ROWS_MAX) {
        insert_rows(sort, worker, order, n);
        return;
    }
    const int64_t middle = n / 2;
    merge_rows(sort, worker, order, middle, spare);
    merge_rows(sort, worker, order + middle, n - middle, spare);
    memcpy(spare, order, (size_t)middle * sizeof *spare);
    int64_t a = 0;
    int64_t b = middle;
    for (int64_t i = 0; a < middle; i++) {
        const bool takes_second = b < n && is_above(sort, worker, spare[a], order[b]);
        order[i] = takes_second ? order[b++] : spare[a++];
    }
}

/* Sorts `n` rows from place `first` on by counting who comes before whom; false if some leads are
 * equal. */
static bool sort_by_counting(const stretch_worker *worker, int64_t first, int64_t n, int32_t *order)
{
    const uint64_t *leads = worker->leads + first;
    int32_t places[COUNTING_ROWS_MAX] = {0};
    bool has_equal = false;
    for (int64_t i = 1; i < n; i++) {
        int32_t n_before = 0;
        for (int64_t k = 0; k < i; k++) {
            const int32_t is_before = leads[k] < leads[i];
            has_equal |= leads[k] == leads[i];
            n_before += is_before;
            places[k] += 1 - is_before;
        }
        places[i] = n_before;
    }
    for (int64_t i = 0; i < n && !has_equal; i++) {
        order[places[i]] = (int32_t)(first + i);
    }
    return !has_equal;
}

/* Puts the stretch of `n` rows from place `first` on in order; true if two have the same key. */
static bool sort_stretch(const stretch_sort *sort, stretch_worker *worker, int64_t first, int64_t n)
{
    int32_t *order = worker->order + first;
    if (n <= COUNTING_ROWS_MAX && sort_by_counting(worker, first, n, order)) {
        return false;
    }
    for (int64_t i = 0; i < n; i++) {
        order[i] = (int32_t)(first + i);
    }
    merge_rows(sort, worker, order, n, worker->order + worker->capacity);
    bool has_equal = false;
    for (int64_t i = 1; i < n && !has_equal; i++) {
        has_equal = worker->leads[order[i - 1]] == worker->leads[order[i]] &&
                    compare_keys(sort, worker, order[i - 1], order[i]) == 0;
    }
    return has_equal;
}

static void sort_part(stretch_sort *sort, stretch_worker *worker, const stretch_part *part)
{
    bool has_equal = false;
    for (int64_t row = part->first; row < part->end;) {
        int64_t end = row + 1;
        while (end < part->end && mdli_bit(sort->repeats, end)) {
            end++;
        }
        has_equal |= sort_stretch(sort, worker, row - part->first, end - row);
        row = end;
    }
    if (has_equal) {
        atomic_store_explicit(&sort->has_equal_keys, true, memory_order_relaxed);
    }
}

/* ---- Blocks ---- */

static stretch_part find_part(const stretch_sort *sort, int64_t b)
{
    const int64_t *starts = sort->cuts->row_starts + b;
    stretch_part part = {starts[0], starts[1], starts[0], starts[1]};
    while (mdli_bit(sort->repeats, part.first)) {
        part.first--;
    }
    while (part.end < sort->table->n_rows && mdli_bit(sort->repeats, part.end)) {
        part.end++;
    }
    return part;
}

/* Whether the rows of the block stay where they are. */
static bool is_unmoved(const stretch_worker *worker, const stretch_part *part)
{
    int64_t n_moved = 0;
    for (int64_t i = part->block_first - part->first; i < part->block_end - part->first; i++) {
        n_moved += worker->order[i] != i;
    }
    return n_moved == 0;
}

/* The block of a column that has exactly the rows of a part's block, or NULL. */
static mdli_block *find_same_block(const mdl_column *column, const stretch_part *part)
{
    const int64_t b = mdli_column_find_block(column, part->block_first);
    const int64_t *starts = column->row_starts + b;
    return starts[0] == part->block_first && starts[1] == part->block_end ? column->blocks[b]
                                                                          : NULL;
}

/* Reads the rows of a part: those before the block, its own, and those behind. */
static mdl_status read_part(const mdl_column *column, const stretch_part *part, mdli_flat *flat,
                            mdli_decode_buffer *buffer, mdl_error *error)
{
    const int64_t borders[] = {part->first, part->block_first, part->block_end, part->end};
    mdli_flat_clear(flat);
    for (int i = 0; i < 3; i++) {
        mdl_vector v;
        if (borders[i] < borders[i + 1]) {
            MDLI_TRY(mdli_column_read(column, borders[i], borders[i + 1] - borders[i], buffer, &v,
                                      error));
            MDLI_TRY(mdli_flat_append(flat, &v, column->dictionary, error));
        }
    }
    return MDL_OK;
}

/* Makes the block of a column. */
static mdl_status make_block(stretch_sort *sort, const stretch_worker *worker, stretch_rows *rows,
                             const stretch_part *part, const mdl_column *column,
                             mdli_decode_buffer *buffer, mdli_block **out, mdl_error *error)
{
    mdl_vector v;
    MDLI_TRY(read_part(column, part, &rows->read, buffer, error));
    v = mdli_flat_vector(&rows->read);
    MDLI_TRY(mdli_flat_gather(&rows->gathered, &v,
                              worker->order + (part->block_first - part->first),
                              part->block_end - part->block_first, &v, error));
    return mdli_block_encode(sort->context, &v, column->dictionary, out, error);
}

static mdl_status sort_block(void *data, int64_t b, int worker_number, mdl_error *error)
{
    stretch_sort *sort = data;
    stretch_worker *worker = &sort->workers[worker_number];
    const stretch_part part = find_part(sort, b);
    MDLI_TRY(reserve_part(sort, worker, part.end - part.first, error));
    MDLI_TRY(read_keys(sort, worker, &part, error));
    sort_part(sort, worker, &part);
    const bool can_share = is_unmoved(worker, &part);
    for (int32_t c = 0; c < sort->table->n_columns; c++) {
        const mdl_column *column = sort->table->columns[c];
        mdli_block **out = &sort->blocks[c * sort->cuts->n_blocks + b];
        mdli_block *same = can_share ? find_same_block(column, &part) : NULL;
        if (sort->is_shared[c]) {
            continue;
        }
        if (same != NULL) {
            mdli_block_retain(same);
            *out = same;
        } else {
            MDLI_TRY(make_block(sort, worker,
                                &sort->rows[worker_number * sort->table->n_columns + c], &part,
                                column, &worker->buffer, out, error));
        }
    }
    return MDL_OK;
}

/* ---- Tables ---- */

static mdl_status create_workers(stretch_sort *sort, int n_workers, mdl_error *error)
{
    const int32_t n_columns = sort->table->n_columns;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(sort->context, (size_t)n_workers * sizeof(stretch_worker), "sort",
                                  &memory, error));
    sort->workers = memory;
    for (int w = 0; w < n_workers; w++) {
        mdli_decode_buffer_init(&sort->workers[w].buffer, sort->context);
    }
    MDLI_TRY(mdli_allocate_array(sort->context, (int64_t)n_workers * n_columns,
                                 sizeof(stretch_rows), "sort", &memory, error));
    sort->rows = memory;
    for (int32_t i = 0; i < n_workers * n_columns; i++) {
        const mdl_type type = sort->table->columns[i % n_columns]->type;
        mdli_flat_init(&sort->rows[i].read, sort->context, type);
        mdli_flat_init(&sort->rows[i].gathered, sort->context, type);
    }
    return MDL_OK;
}

static void free_workers(stretch_sort *sort, int n_workers)
{
    for (int w = 0; sort->workers != NULL && w < n_workers; w++) {
        mdli_decode_buffer_free(&sort->workers[w].buffer);
        mdli_free(sort->context, sort->workers[w].fields);
    }
    for (int32_t i = 0; sort->rows != NULL && i < n_workers * sort->table->n_columns; i++) {
        mdli_flat_free(&sort->rows[i].read);
        mdli_flat_free(&sort->rows[i].gathered);
    }
    mdli_free(sort->context, sort->workers);
    mdli_free(sort->context, sort->rows);
}

/* Whether the blocks of column `c` are those that it had before, all of them. */
static bool is_as_before(const stretch_sort *sort, int32_t c)
{
    const mdl_column *column = sort->table->columns[c];
    const int64_t n_blocks = sort->cuts->n_blocks;
    return sort->is_shared[c] ||
           (column->n_blocks == n_blocks && memcmp(column->blocks, sort->blocks + c * n_blocks,
                                                   (size_t)n_blocks * sizeof(mdli_block *)) == 0);
}

/* Makes column `c` of its blocks, which change hands where it is not the one there was. */
static mdl_status make_column(stretch_sort *sort, int32_t c, mdl_column **out, mdl_error *error)
{
    const mdl_column *column = sort->table->columns[c];
    const int64_t n_blocks = sort->cuts->n_blocks;
    mdli_block **blocks = sort->blocks + c * n_blocks;
    mdl_status status;
    if (is_as_before(sort, c)) {
        *out = mdli_column_retain(column);
        return MDL_OK;
    }
    if (column->type == MDL_TYPE_STRING && column->dictionary == NULL) {
        status = mdli_string_column_from_blocks(sort->context, blocks, n_blocks, out, error);
    } else {
        status = mdli_column_from_blocks(sort->context, column->type, blocks, n_blocks, out, error);
    }
    memset(blocks, 0, (size_t)n_blocks * sizeof(mdli_block *));
    return status;
}

static mdl_status make_table(stretch_sort *sort, mdl_table **out, mdl_error *error)
{
    const mdl_table *table = sort->table;
    mdl_status status = MDL_OK;
    int32_t n = 0;
    void *memory;
    MDLI_TRY(mdli_allocate_array(sort->context, table->n_columns, sizeof(mdl_column *), "sort",
                                 &memory, error));
    mdl_column **columns = memory;
    while (status == MDL_OK && n < table->n_columns) {
        status = make_column(sort, n, &columns[n], error);
        n += status == MDL_OK;
    }
    if (status == MDL_OK) {
        status = mdli_table_create(sort->context, (const char *const *)table->names, columns, n,
                                   table->n_rows, out, error);
    } else {
        for (int32_t c = 0; c < n; c++) {
            mdli_column_release(columns[c]);
        }
    }
    mdli_free(sort->context, columns);
    return status;
}

mdl_status mdli_sort_stretches(const mdli_sort_keys *keys, int32_t n_ordered,
                               const uint64_t *repeats, const mdl_table *table,
                               const bool *is_shared, mdl_table **out, bool *has_distinct_keys,
                               mdl_error *error)
{
    stretch_sort sort = {
        .context = keys->context,
        .table = table,
        .repeats = repeats,
        .columns = keys->columns + n_ordered,
        .n_columns = keys->n_columns - n_ordered,
        .cuts = keys->columns[n_ordered].column,
        .is_shared = is_shared,
    };
    const int64_t n_blocks = sort.cuts->n_blocks;
    const int n_workers = mdli_n_workers(sort.context, n_blocks);
    void *memory;
    mdl_status status;
    *out = NULL;
    MDLI_TRY_GOTO_DONE(list_prefixes(&sort, error));
    MDLI_TRY_GOTO_DONE(create_workers(&sort, n_workers, error));
    MDLI_TRY_GOTO_DONE(mdli_allocate_zeroed(
        sort.context, (size_t)(n_blocks * table->n_columns) * sizeof(mdli_block *), "sort", &memory,
        error));
    sort.blocks = memory;
    MDLI_TRY_GOTO_DONE(mdli_parallel_for(sort.context, n_blocks, sort_block, &sort, error));
    MDLI_TRY_GOTO_DONE(make_table(&sort, out, error));
    *has_distinct_keys = !atomic_load(&sort.has_equal_keys);
done:
    for (int64_t i = 0; sort.blocks != NULL && i < n_blocks * table->n_columns; i++) {
        mdli_block_release(sort.blocks[i]);
    }
    mdli_free(sort.context, sort.blocks);
    free_workers(&sort, n_workers);
    mdli_free(sort.context, sort.prefixes);
    return status;
}
