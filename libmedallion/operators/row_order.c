/*
 * Finding the order that rows have.
 *
 * Rows are related to the row before them column by column, a bit per row of a vector: each column
 * takes the bits of rows away that it tells from the row before, until none is left. A column in runs
 * does so without being decoded. Movies sorted under users cost two such looks, and the columns
 * after them none.
 *
 * That the rows of a block ascend may show by how its columns are packed, and is kept with the block,
 * and so found once for all tables that show it: then just its first row is related to the row
 * before.
 */
#include "operators/row_order.h"

#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "column/proofs.h"
#include "kernels/kernels.h"
#include "operators/key_table.h"
#include "operators/row_sort.h"
#include "operators/rowset.h"

/* Rows of one job: whole words of `repeats`. */
enum {
    ORDER_ROWS = 64 * MDLI_VECTOR_ROWS
};

/* Rows of a vector and the row before them, which has place 0. */
enum {
    N_PLACES = MDLI_VECTOR_ROWS + 1
};

/* Words of a bit for each row of a vector. */
enum {
    N_WORDS = MDLI_VECTOR_ROWS / 64
};

/* A column of the keys, or the NULLs of one. */
typedef struct order_level {
    const mdli_sort_column *key;
    int32_t column; /* its place in the keys */
    bool is_of_nulls;
    bool is_narrow; /* int32 values without NULL, which are compared as they are */
} order_level;

/* What one worker knows of a level: its value in one row, to which the next is related. */
typedef struct level_memory {
    int64_t row; /* −1 = none */
    int64_t value;
} level_memory;

typedef struct order_worker {
    mdli_decode_buffer buffer;
    level_memory *levels;
    int64_t *wide; /* N_PLACES values, whose order is that of the keys */
    int32_t *narrow;
    uint64_t ties[N_WORDS]; /* rows of the vector at hand that are so far like the row before */
} order_worker;

typedef struct order_search {
    const mdli_sort_keys *keys;
    const mdli_kernels *kernels;
    int32_t n_columns;                         /* of the keys, from the first on, that count */
    bool has_proofs;                           /* blocks may have proofs for these … */
    mdl_column *columns[MDLI_KEY_COLUMNS_MAX]; /* … which are then listed */
    const mdl_column
        *first; /* the first that says anything, whose blocks are worked on one by one */
    order_level *levels;
    int32_t n_levels;
    uint64_t *repeats;
    order_worker *workers;
    _Atomic int64_t first_below;
    _Atomic int64_t first_equal;
    _Atomic int64_t n_ordered; /* columns whose order no row has broken so far */
} order_search;

static void lower_to(_Atomic int64_t *least, int64_t value)
{
    int64_t known = atomic_load_explicit(least, memory_order_relaxed);
    while (value < known && !atomic_compare_exchange_weak_explicit(
                                least, &known, value, memory_order_relaxed, memory_order_relaxed)) {
    }
}

/* Notes a row that level `l` puts below the row before. */
static void note_below(order_search *search, int32_t l, int64_t row)
{
    lower_to(&search->first_below, row);
    lower_to(&search->n_ordered, search->levels[l].column);
}

/* Whether level `l` has nothing to tell any more of rows from `row` on. */
static bool is_settled(const order_search *search, int32_t l, int64_t row)
{
    return atomic_load_explicit(&search->n_ordered, memory_order_relaxed) <=
               search->levels[l].column &&
           atomic_load_explicit(&search->first_below, memory_order_relaxed) < row;
}

/* Compares 64 values as a kernel does narrow ones. */
static uint64_t compare_wide(const int64_t *a, const int64_t *b, uint64_t *is_less)
{
    uint64_t equal = 0;
    uint64_t less = 0;
    for (int i = 0; i < 64; i++) {
        equal |= (uint64_t)(a[i] == b[i]) << i;
        less |= (uint64_t)(a[i] < b[i]) << i;
    }
    *is_less = less;
    return equal;
}

/* Breaks the ties of rows, the first of which is `row`, that level `l` tells apart. */
static void break_ties(order_search *search, int32_t l, order_worker *worker, int64_t row)
{
    for (int w = 0; w < N_WORDS; w++) {
        const uint64_t ties = worker->ties[w];
        uint64_t is_below;
        if (ties == 0) {
            continue;
        }
        if (search->levels[l].is_narrow) {
            const int32_t *before = worker->narrow + w * 64;
            worker->ties[w] &= search->kernels->compare_int32(before + 1, before, &is_below);
        } else {
            const int64_t *before = worker->wide + w * 64;
            worker->ties[w] &= compare_wide(before + 1, before, &is_below);
        }
        if ((is_below & ties) != 0) {
            note_below(search, l, row + w * 64 + __builtin_ctzll(is_below & ties));
        }
    }
}

/* Reads the values of rows [row, row + n) to `narrow` from `place` on; complements turn the order
 * round. */
static mdl_status read_narrow(const order_level *level, order_worker *worker, int64_t row,
                              int64_t n, int32_t place, mdl_error *error)
{
    mdl_vector v;
    MDLI_TRY(mdli_column_read(level->key->column, row, n, &worker->buffer, &v, error));
    const int32_t *from = v.values;
    int32_t *to = worker->narrow + place;
    const int32_t mask = level->key->is_descending ? -1 : 0;
    for (int64_t i = 0; i < n; i++) {
        to[i] = from[i] ^ mask;
    }
    return MDL_OK;
}

/* As read_narrow to `wide`, for every kind of level. */
static mdl_status read_wide(const order_level *level, order_worker *worker, int64_t row, int64_t n,
                            int32_t place, mdl_error *error)
{
    int64_t *to = worker->wide + place;
    const uint64_t *validity;
    MDLI_TRY(mdli_sort_column_read(level->key, row, n, &worker->buffer, (uint64_t *)to, &validity,
                                   error));
    if (level->is_of_nulls) {
        for (int64_t i = 0; i < n; i++) {
            to[i] = validity != NULL && ((validity[i >> 6] >> (i & 63)) & 1) == 0;
        }
        return MDL_OK;
    }
    for (int64_t i = 0; i < n; i++) {
        to[i] ^= INT64_MIN; /* unsigned to signed */
    }
    return MDL_OK;
}

static mdl_status read_level(const order_level *level, order_worker *worker, int64_t row, int64_t n,
                             int32_t place, mdl_error *error)
{
    return level->is_narrow ? read_narrow(level, worker, row, n, place, error)
                            : read_wide(level, worker, row, n, place, error);
}

/* Reads a level's values of rows [row, row + n) and of the row before, and breaks ties by them. */
static mdl_status relate_by_values(order_search *search, int32_t l, order_worker *worker,
                                   int64_t row, int64_t n, mdl_error *error)
{
    const order_level *level = &search->levels[l];
    level_memory *memory = &worker->levels[l];
    const bool needs_before = (worker->ties[0] & 1) != 0;
    if (needs_before && memory->row == row - 1) {
        worker->narrow[0] = (int32_t)memory->value;
        worker->wide[0] = memory->value;
    } else if (needs_before) {
        MDLI_TRY(read_level(level, worker, row - 1, 1, 0, error));
    }
    MDLI_TRY(read_level(level, worker, row, n, 1, error));
    *memory = (level_memory){
        .row = row + n - 1,
        .value = level->is_narrow ? worker->narrow[n] : worker->wide[n],
    };
    break_ties(search, l, worker, row);
    return MDL_OK;
}

/* The runs of the first level's block that hold rows [row, row + n), which lie in one block. */
typedef struct row_runs {
    const int64_t *values;
    const int32_t *ends;
    int32_t n_runs;
    int64_t block_row; /* of row 0 of the block */
} row_runs;

static bool find_runs(const order_level *level, int64_t block, row_runs *runs)
{
    const mdl_column *column = level->key->column;
    runs->block_row = column->row_starts[block];
    return !level->is_of_nulls &&
           mdli_block_runs(column->blocks[block], &runs->values, &runs->ends, &runs->n_runs);
}

/* The run that holds row `row` of the block. */
static int32_t find_run(const row_runs *runs, int64_t row)
{
    int32_t least = 0;
    int32_t end = runs->n_runs - 1;
    while (least < end) {
        int32_t middle = least + (end - least) / 2;
        if (runs->ends[middle] > row) {
            end = middle;
        } else {
            least = middle + 1;
        }
    }
    return least;
}

/* What reading gives for a value of a run. */
static int64_t run_value(const order_level *level, int64_t value)
{
    const mdli_sort_column *key = level->key;
    if (level->is_narrow) {
        return key->is_descending ? ~value : value;
    }
    uint64_t field = key->is_descending ? (uint64_t)key->greatest - (uint64_t)value
                                        : (uint64_t)value - (uint64_t)key->least;
    return (int64_t)field ^ INT64_MIN;
}

/* Breaks ties by the runs of the first level. */
static mdl_status relate_by_runs(order_search *search, order_worker *worker, const row_runs *runs,
                                 int64_t row, int64_t n, mdl_error *error)
{
    const order_level *level = &search->levels[0];
    level_memory *memory = &worker->levels[0];
    const int64_t first_row = row - runs->block_row;
    int32_t run = find_run(runs, first_row);
    if (row == 0) {
        memory->value = run_value(level, runs->values[run]);
    } else if (memory->row != row - 1) {
        MDLI_TRY(read_level(level, worker, row - 1, 1, 0, error));
        memory->value = level->is_narrow ? worker->narrow[0] : worker->wide[0];
    }
    for (int64_t i = 0; i < n; run++) {
        const int64_t value = run_value(level, runs->values[run]);
        if (value != memory->value) {
            worker->ties[i >> 6] &= ~(UINT64_C(1) << (i & 63));
            if (value < memory->value) {
                note_below(search, 0, row + i);
            }
            memory->value = value;
        }
        i = runs->ends[run] - first_row;
    }
    memory->row = row + n - 1;
    return MDL_OK;
}

/* Lets rows [row, row + n) be like the rows before them, but for the first of all. */
static void start_ties(order_worker *worker, int64_t row, int64_t n)
{
    memset(worker->ties, 0, sizeof worker->ties);
    mdli_set_bits(worker->ties, row == 0 ? 1 : 0, n);
}

/* The first tie, or −1. */
static int64_t first_tie(const order_worker *worker)
{
    for (int w = 0; w < N_WORDS; w++) {
        if (worker->ties[w] != 0) {
            return w * 64 + __builtin_ctzll(worker->ties[w]);
        }
    }
    return -1;
}

/* Notes ties that no level has broken: of rows from `row` on, which may begin inside of a word. */
static void note_repeats(order_search *search, const order_worker *worker, int64_t row)
{
    const int64_t first = first_tie(worker);
    if (first < 0) {
        return;
    }
    lower_to(&search->first_equal, row + first);
    for (int w = 0; search->repeats != NULL && w < N_WORDS; w++) {
        const uint64_t ties = worker->ties[w];
        uint64_t *repeats = search->repeats + (row >> 6) + w;
        const int64_t shift = row & 63;
        if (ties << shift != 0) {
            repeats[0] |= ties << shift;
        }
        if (shift > 0 && ties >> (64 - shift) != 0) {
            repeats[1] |= ties >> (64 - shift);
        }
    }
}

/* Relates rows [row, row + n) to the rows before them. `runs` may be NULL. */
static mdl_status relate_vector(order_search *search, order_worker *worker, const row_runs *runs,
                                int64_t row, int64_t n, mdl_error *error)
{
    start_ties(worker, row, n);
    for (int32_t l = 0; l < search->n_levels && first_tie(worker) >= 0; l++) {
        if (is_settled(search, l, row)) {
            return MDL_OK;
        }
        if (l == 0 && runs != NULL) {
            MDLI_TRY(relate_by_runs(search, worker, runs, row, n, error));
        } else {
            MDLI_TRY(relate_by_values(search, l, worker, row, n, error));
        }
    }
    note_repeats(search, worker, row);
    return MDL_OK;
}

/* The blocks of all columns that hold the rows of block `b` of `first`; false where some are cut
 * otherwise. */
static bool list_blocks(const mdl_column *first, int64_t b, mdl_column *const *columns,
                        int32_t n_columns, mdli_block **blocks)
{
    const int64_t *starts = first->row_starts + b;
    for (int32_t i = 0; i < n_columns; i++) {
        const int64_t at = mdli_column_find_block(columns[i], starts[0]);
        if (columns[i]->row_starts[at] != starts[0] ||
            columns[i]->row_starts[at + 1] != starts[1]) {
            return false;
        }
        blocks[i] = columns[i]->blocks[at];
    }
    return true;
}

/* Whether the rows of block `b` of `first` are known to ascend. */
static bool is_proved(const order_search *search, int64_t b)
{
    mdli_block *blocks[MDLI_KEY_COLUMNS_MAX];
    return search->has_proofs &&
           list_blocks(search->first, b, search->columns, search->n_columns, blocks) &&
           mdli_blocks_are_proved_ascending(blocks, search->n_columns);
}

/* Whether the packing of the first two columns shows that the rows of block `b` ascend by them: the
 * first is in runs that rise, and the second rises within each. */
static bool shows_order(const order_search *search, int64_t b)
{
    mdli_block *blocks[MDLI_KEY_COLUMNS_MAX];
    const int64_t *values;
    const int32_t *ends;
    int32_t n_runs;
    if (!search->has_proofs || !list_blocks(search->first, b, search->columns, 2, blocks) ||
        !mdli_block_runs(blocks[0], &values, &ends, &n_runs)) {
        return false;
    }
    for (int32_t r = 1; r < n_runs; r++) {
        if (values[r] <= values[r - 1]) {
            return false;
        }
    }
    return mdli_block_rises_in_runs(blocks[1], ends, n_runs);
}

/* Whether blocks can tell of the order that is searched for: of one column, statistics tell it. */
static bool can_have_proofs(const mdli_sort_keys *keys, int32_t n_columns)
{
    for (int32_t i = 0; i < n_columns; i++) {
        const mdli_sort_column *key = &keys->columns[i];
        const mdl_type type = key->column->type;
        if (key->is_descending || key->has_nulls || type == MDL_TYPE_FLOAT64 ||
            (type == MDL_TYPE_STRING && !key->has_codes)) {
            return false;
        }
    }
    return n_columns > 1;
}

/* Whether fields of texts are in the order of the texts. */
static bool is_true_order(const order_search *search)
{
    for (int32_t i = 0; i < search->n_columns; i++) {
        if (mdli_sort_column_has_codes_only(&search->keys->columns[i])) {
            return false;
        }
    }
    return true;
}

static bool are_blocks_proved(const order_search *search)
{
    int64_t b = 0;
    while (b < search->first->n_blocks && is_proved(search, b)) {
        b++;
    }
    return b == search->first->n_blocks;
}

/* Finds whether to look for proofs. Where fields are in another order than texts, proofs of some
 * blocks would not go together with what is found of others. */
static void look_for_proofs(order_search *search)
{
    search->has_proofs = search->first != NULL && can_have_proofs(search->keys, search->n_columns);
    for (int32_t i = 0; search->has_proofs && i < search->n_columns; i++) {
        search->columns[i] = (mdl_column *)search->keys->columns[i].column;
    }
    search->has_proofs = search->has_proofs && (is_true_order(search) || are_blocks_proved(search));
}

bool mdli_row_order_is_proved_in_blocks(const mdli_sort_keys *keys)
{
    order_search search = {
        .keys = keys, .n_columns = keys->n_columns, .first = keys->columns[0].column};
    look_for_proofs(&search);
    return search.has_proofs && are_blocks_proved(&search);
}

/* Keeps with the blocks that end up to row `first_bad` that their rows ascend. */
static mdl_status keep_proofs(const order_search *search, int64_t first_bad, mdl_error *error)
{
    const mdl_column *column = search->first;
    mdli_block *blocks[MDLI_KEY_COLUMNS_MAX];
    if (!search->has_proofs || !is_true_order(search)) {
        return MDL_OK;
    }
    for (int64_t b = 0; b < column->n_blocks && column->row_starts[b + 1] <= first_bad; b++) {
        if (list_blocks(column, b, search->columns, search->n_columns, blocks)) {
            MDLI_TRY(mdli_blocks_prove_ascending(blocks, search->n_columns, error));
        }
    }
    return MDL_OK;
}

mdl_status mdli_prove_row_order(const mdl_table *table, const mdli_key *columns, int32_t n_columns,
                                mdl_error *error)
{
    mdl_column *key_columns[MDLI_KEY_COLUMNS_MAX];
    mdli_block *blocks[MDLI_KEY_COLUMNS_MAX];
    for (int32_t i = 0; i < n_columns; i++) {
        key_columns[i] = table->columns[columns[i].column];
        if (columns[i].is_descending || key_columns[i]->stats.n_nulls > 0 ||
            key_columns[i]->type == MDL_TYPE_FLOAT64) {
            return MDL_OK;
        }
    }
    for (int64_t b = 0; n_columns > 1 && b < key_columns[0]->n_blocks; b++) {
        if (list_blocks(key_columns[0], b, key_columns, n_columns, blocks)) {
            MDLI_TRY(mdli_blocks_prove_ascending(blocks, n_columns, error));
        }
    }
    return MDL_OK;
}

/* Relates the first row of a block to the row before, by their values. */
static mdl_status relate_border(order_search *search, order_worker *worker, int64_t row,
                                mdl_error *error)
{
    int order = 0;
    for (int32_t i = 0; row > 0 && i < search->n_columns && order == 0; i++) {
        const mdli_sort_column *key = &search->keys->columns[i];
        const uint64_t *validity;
        uint64_t fields[2];
        MDLI_TRY(mdli_sort_column_read(key, row - 1, 2, &worker->buffer, fields, &validity, error));
        order = mdli_sort_column_compare(key, fields[0], fields[1]);
        if (order > 0) {
            lower_to(&search->first_below, row);
            lower_to(&search->n_ordered, i);
        }
    }
    if (row > 0 && order == 0) {
        lower_to(&search->first_equal, row);
        if (search->repeats != NULL) {
            mdli_set_bits(search->repeats, row, row + 1);
        }
    }
    return MDL_OK;
}

/* Relates rows [row, end) in vectors that end at multiples of their length, counted from `origin`. */
static mdl_status relate_rows(order_search *search, order_worker *worker, const row_runs *runs,
                              int64_t origin, int64_t row, int64_t end, mdl_error *error)
{
    while (row < end && !(search->n_levels > 0 && is_settled(search, 0, row))) {
        int64_t to_border = MDLI_VECTOR_ROWS - (row - origin) % MDLI_VECTOR_ROWS;
        int64_t n = end - row < to_border ? end - row : to_border;
        MDLI_TRY(relate_vector(search, worker, runs, row, n, error));
        row += n;
    }
    return MDL_OK;
}

/* Relates rows [row, end), which lie in block `b` of `first`. */
static mdl_status relate_in_block(order_search *search, order_worker *worker, int64_t b,
                                  int64_t row, int64_t end, mdl_error *error)
{
    const int64_t block_row = search->first->row_starts[b];
    row_runs runs;
    const bool has_runs = search->n_levels > 0 && find_runs(&search->levels[0], b, &runs);
    if (is_proved(search, b) || shows_order(search, b)) {
        return row == block_row ? relate_border(search, worker, row, error) : MDL_OK;
    }
    return relate_rows(search, worker, has_runs ? &runs : NULL, block_row, row, end, error);
}

static mdl_status relate_range(void *data, int64_t job, int worker_number, mdl_error *error)
{
    order_search *search = data;
    order_worker *worker = &search->workers[worker_number];
    const mdl_column *column = search->first;
    int64_t row = job * ORDER_ROWS;
    int64_t n_left = search->keys->n_rows - row;
    int64_t end = row + (n_left < ORDER_ROWS ? n_left : ORDER_ROWS);
    if (column == NULL) {
        return relate_rows(search, worker, NULL, 0, row, end, error);
    }
    for (int64_t b = mdli_column_find_block(column, row); row < end; b++) {
        const int64_t block_end = column->row_starts[b + 1] < end ? column->row_starts[b + 1] : end;
        MDLI_TRY(relate_in_block(search, worker, b, row, block_end, error));
        row = block_end;
    }
    return MDL_OK;
}

/* Lists the levels of the first `n_columns` columns. Those with one value for all rows say nothing.
 */
static mdl_status list_levels(order_search *search, int32_t n_columns, mdl_error *error)
{
    void *memory;
    MDLI_TRY(mdli_allocate_array(search->keys->context, 2 * (int64_t)n_columns, sizeof(order_level),
                                 "order", &memory, error));
    search->levels = memory;
    for (int32_t i = 0; i < n_columns; i++) {
        const mdli_sort_column *key = &search->keys->columns[i];
        if (key->has_nulls) {
            search->levels[search->n_levels++] =
                (order_level){.key = key, .column = i, .is_of_nulls = true};
        }
        if (key->n_value_bits > 0) {
            bool is_narrow = !key->has_nulls && mdli_type_is_integer(key->column->type) &&
                             mdli_type_bytes(key->column->type) == sizeof(int32_t);
            search->levels[search->n_levels++] =
                (order_level){.key = key, .column = i, .is_narrow = is_narrow};
        }
    }
    return MDL_OK;
}

static mdl_status create_workers(order_search *search, int n_workers, mdl_error *error)
{
    mdl_context *context = search->keys->context;
    const size_t places_bytes = N_PLACES * (sizeof(int64_t) + sizeof(int32_t));
    const size_t levels_bytes = (size_t)search->n_levels * sizeof(level_memory);
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)n_workers * sizeof(order_worker), "order",
                                  &memory, error));
    search->workers = memory;
    for (int i = 0; i < n_workers; i++) {
        order_worker *worker = &search->workers[i];
        mdli_decode_buffer_init(&worker->buffer, context);
        /* Zeros, as whole words of rows are compared. */
        MDLI_TRY(
            mdli_allocate_zeroed(context, levels_bytes + places_bytes, "order", &memory, error));
        worker->levels = memory;
        worker->wide = (int64_t *)(void *)(worker->levels + search->n_levels);
        worker->narrow = (int32_t *)(void *)(worker->wide + N_PLACES);
        for (int32_t l = 0; l < search->n_levels; l++) {
            worker->levels[l].row = -1;
        }
    }
    return MDL_OK;
}

static void free_workers(order_search *search, int n_workers)
{
    mdl_context *context = search->keys->context;
    for (int i = 0; search->workers != NULL && i < n_workers; i++) {
        if (search->workers[i].levels != NULL) {
            mdli_decode_buffer_free(&search->workers[i].buffer);
        }
        mdli_free(context, search->workers[i].levels);
    }
    mdli_free(context, search->workers);
}

mdl_status mdli_find_row_order(const mdli_sort_keys *keys, int32_t n_columns, uint64_t *repeats,
                               mdli_row_order *out, mdl_error *error)
{
    order_search search = {
        .keys = keys,
        .kernels = mdli_kernels_for(mdl_context_simd(keys->context)),
        .n_columns = n_columns,
        .repeats = repeats,
        .first_below = keys->n_rows,
        .first_equal = keys->n_rows,
        .n_ordered = n_columns,
    };
    int64_t n_jobs = (keys->n_rows + ORDER_ROWS - 1) / ORDER_ROWS;
    int n_workers = mdli_n_workers(keys->context, n_jobs);
    mdl_status status;
    MDLI_TRY_GOTO_DONE(list_levels(&search, n_columns, error));
    search.first = search.n_levels > 0 ? search.levels[0].key->column : NULL;
    look_for_proofs(&search);
    MDLI_TRY_GOTO_DONE(create_workers(&search, n_workers, error));
    MDLI_TRY_GOTO_DONE(mdli_parallel_for(keys->context, n_jobs, relate_range, &search, error));
    int64_t below = atomic_load(&search.first_below);
    int64_t equal = atomic_load(&search.first_equal);
    MDLI_TRY_GOTO_DONE(keep_proofs(&search, below < equal ? below : equal, error));
    *out = (mdli_row_order){
        .is_ascending = below == keys->n_rows,
        .is_strict = below == keys->n_rows && equal == keys->n_rows,
        .first_bad = below < equal ? below : equal,
        .first_below = below,
        .n_ordered = (int32_t)atomic_load(&search.n_ordered),
    };
done:
    free_workers(&search, n_workers);
    mdli_free(keys->context, search.levels);
    return status;
}
